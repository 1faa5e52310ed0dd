// How everything that goes wrong is answered: RFC 9457, with the codes of Tollbook's own gateway.

import { STATUS_CODES } from "node:http";
import type { Response } from "express";

/** The request is not carried out, or its answer is not given. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** For programs. */
    readonly code: string,
    /** For people. */
    readonly detail: string,
    readonly fields: Readonly<Record<string, unknown>> = {},
    readonly headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(`${status} ${code}: ${detail}`, options);
  }

  /** As it stands in the body. */
  toJSON(): Record<string, unknown> {
    const { status, code, detail } = this;
    return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, code, detail, ...this.fields };
  }
}

/** Nobody knows: the same request, with the same key, may be sent again. Nothing was delivered. */
export function unavailable(detail: string, cause?: unknown): Problem {
  return new Problem(503, "unavailable", detail, { retry_after: 1 }, { "Retry-After": "1" }, { cause });
}

/** Why a payment is not taken: a 402 with the offers once more. */
export class Refused extends Error {
  constructor(
    /** One of x402's reason codes, or one of Tollbook's. */
    readonly code: string,
    readonly detail: string,
    readonly fields: Readonly<Record<string, unknown>> = {},
    /** What the client needs to sign a better voucher. */
    readonly state?: Readonly<Record<string, unknown>>,
    /** The settlement that failed. */
    readonly receipt?: Readonly<Record<string, unknown>>,
  ) {
    super(`${code}: ${detail}`);
  }
}

/** Sends a problem as the answer. */
export function send(response: Response, problem: Problem, more: Readonly<Record<string, string>> = {}): void {
  response.statusCode = problem.status;
  for (const [name, value] of Object.entries({ ...problem.headers, ...more })) response.setHeader(name, value);
  response.setHeader("Content-Type", "application/problem+json");
  response.setHeader("Cache-Control", "no-store");
  response.end(JSON.stringify(problem));
}
