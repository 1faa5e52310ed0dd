// `exact`: one EIP-3009 transfer for each request. Tollbook's gateway verifies it before the handler runs, and settles
// it before the answer goes out.

import { isObject } from "@tollbook/sdk";
import { Refused, unavailable } from "./problem.js";

const TIMEOUT_MS = 90_000;
const SETTLE_ATTEMPTS = 4;
const RETRY_WAIT_MS = 500;

/** One way to pay that the gateway knows. */
export interface SupportedKind {
  x402Version: number;
  scheme: string;
  network: string;
  extra?: unknown;
}

export class Facilitator {
  readonly #url: string;

  constructor(
    url: string,
    private readonly apiKey: string | undefined,
  ) {
    this.#url = url.replace(/\/+$/, "");
  }

  async #ask(path: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> {
    const headers = new Headers(init.headers);
    if (this.apiKey) headers.set("Authorization", `Bearer ${this.apiKey}`);
    try {
      const response = await fetch(`${this.#url}${path}`, {
        ...init,
        headers,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { status: response.status, body: await response.json().catch(() => undefined) };
    } catch (cause) {
      throw unavailable("the gateway cannot be reached", cause);
    }
  }

  #post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; body: unknown }> {
    const all = { "Content-Type": "application/json", ...headers };
    return this.#ask(path, { method: "POST", headers: all, body: JSON.stringify(body) });
  }

  /** What the gateway can verify and settle. */
  async supported(): Promise<SupportedKind[]> {
    const { status, body } = await this.#ask("/supported");
    if (status !== 200 || !isObject(body) || !Array.isArray(body.kinds)) throw unavailable("the gateway is not ready");
    return body.kinds.filter(isObject) as unknown as SupportedKind[];
  }

  /** Throws when the payment is no good. Gives who pays. */
  async verify(paymentPayload: unknown, paymentRequirements: unknown): Promise<string> {
    const { body } = await this.#post("/verify", { x402Version: 2, paymentPayload, paymentRequirements });
    if (!isObject(body) || typeof body.isValid !== "boolean") throw unavailable("the payment cannot be verified now");
    if (!body.isValid) {
      throw new Refused(textOr(body.invalidReason, "invalid_payload"), textOr(body.invalidMessage, "it is not valid"));
    }
    return textOr(body.payer, "");
  }

  /** Settles, once for each key however often it is asked. Throws 503 when the outcome is not known. */
  async settle(paymentPayload: unknown, paymentRequirements: unknown, key: string): Promise<Record<string, unknown>> {
    const asked = { x402Version: 2, paymentPayload, paymentRequirements };
    for (let attempt = 1; ; attempt += 1) {
      let failure: unknown;
      try {
        const { body } = await this.#post("/settle", asked, { "Idempotency-Key": key });
        if (isObject(body) && typeof body.success === "boolean") {
          if (body.success) return body;
          if (body.errorReason !== "settlement_pending") {
            const detail = textOr(body.errorMessage, "the payment was not settled");
            throw new Refused(textOr(body.errorReason, "unexpected_settle_error"), detail, {}, undefined, body);
          }
        }
      } catch (error) {
        if (error instanceof Refused) throw error;
        failure = error;
      }
      if (attempt >= SETTLE_ATTEMPTS) throw unavailable("whether the payment was settled is not known", failure);
      await new Promise((resolve) => setTimeout(resolve, RETRY_WAIT_MS * attempt));
    }
  }
}

function textOr(value: unknown, other: string): string {
  return typeof value === "string" && value !== "" ? value : other;
}
