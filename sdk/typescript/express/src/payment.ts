// What a request pays with. Everything in it comes from outside: it has a most length, and is read before it is used.

import { createHash } from "node:crypto";
import { decode, digits, isObject } from "@tollbook/sdk";
import type { Request } from "express";
import { Problem, Refused } from "./problem.js";

/** The longest payment header. */
const HEADER_BYTES_MAX = 8 << 10;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Bearer secret of a gateway key. Others are the app's own business. */
const GATEWAY_KEY = /^Bearer +(tbk_[\x21-\x7e]{1,200})$/i;

export interface X402Payment {
  accepted: Record<string, unknown>;
  payload: Record<string, unknown>;
  /** All of it, as it came. */
  whole: Record<string, unknown>;
}

export type Shown = { kind: "nothing" } | { kind: "bearer"; secret: string } | { kind: "x402"; payment: X402Payment };

/** Reads what a request shows. Throws when it cannot be read. */
export function shownBy(request: Request): Shown {
  const payments = request.headersDistinct["payment-signature"] ?? [];
  const legacy = request.headersDistinct["x-payment"] ?? [];
  const bearers = (request.headersDistinct.authorization ?? []).map((value) => GATEWAY_KEY.exec(value)?.[1]);
  const keys = bearers.filter((secret) => secret !== undefined);
  if (payments.length + legacy.length + keys.length > 1) {
    throw new Problem(400, "ambiguous_payment", "the request shows more than one payment");
  }
  if (legacy.length > 0) throw new Refused("invalid_x402_version", "version 1 is not taken here");
  const [secret] = keys;
  if (secret !== undefined) return { kind: "bearer", secret };
  const [header] = payments;
  return header === undefined ? { kind: "nothing" } : { kind: "x402", payment: paymentOf(header) };
}

/** Whether it pays by key. */
export function showsKey(request: Request): boolean {
  return GATEWAY_KEY.test(request.headers.authorization ?? "");
}

function paymentOf(header: string): X402Payment {
  if (header.length > HEADER_BYTES_MAX) throw new Refused("invalid_payload", "the payment header is too long");
  const whole = decode(header);
  if (!isObject(whole)) throw new Refused("invalid_payload", "the payment header is not JSON in base64");
  if (whole.x402Version !== 2) throw new Refused("invalid_x402_version", "only version 2 is taken here");
  const { accepted, payload } = whole;
  if (!isObject(accepted) || !isObject(payload)) {
    throw new Refused("invalid_payload", "the payment says nothing of an offer, or has no payload");
  }
  return { accepted, payload, whole };
}

const HEX = (bytes: number) => new RegExp(`^0x[0-9a-fA-F]{${bytes * 2}}$`);
const [SESSION_ID, ADDRESS, NONCE] = [HEX(32), HEX(20), HEX(32)];
const SIGNATURE = /^0x(?:[0-9a-fA-F]{2}){1,4096}$/;

/** A voucher, as the scheme `session` sends it. */
export interface ShownVoucher {
  sessionId: string;
  payee: string;
  maxClaimable: string;
  signature: string;
}

/** Reads the payload of `session`. */
export function voucherOf({ payload }: X402Payment): ShownVoucher {
  const { sessionId, payee, maxClaimable, signature } = payload;
  if (!matches(SESSION_ID, sessionId)) throw new Refused("voucher_malformed", "sessionId is not 32 bytes");
  if (!matches(ADDRESS, payee)) throw new Refused("voucher_malformed", "payee is no address");
  if (digits(maxClaimable) === undefined) throw new Refused("voucher_malformed", "maxClaimable is no uint128");
  if (!matches(SIGNATURE, signature)) throw new Refused("voucher_malformed", "the signature is not bytes");
  return { sessionId, payee, maxClaimable: maxClaimable as string, signature };
}

/** Reads of the payload of `exact` what tells it from every other one: who pays, and the nonce. */
export function authorizationOf({ payload }: X402Payment): { from: string; nonce: string; validBefore: bigint } {
  const authorization = isObject(payload.authorization) ? payload.authorization : {};
  const { from, nonce, validBefore } = authorization;
  const end = digits(validBefore);
  if (!matches(ADDRESS, from) || !matches(NONCE, nonce) || end === undefined) {
    throw new Refused("invalid_payload", "the authorization cannot be read");
  }
  return { from: from.toLowerCase(), nonce: nonce.toLowerCase(), validBefore: end };
}

function matches(pattern: RegExp, value: unknown): value is string {
  return typeof value === "string" && pattern.test(value);
}

/** The request's own Idempotency-Key. */
export function idempotencyKeyOf(request: Request): string | undefined {
  const keys = request.headersDistinct["idempotency-key"] ?? [];
  if (keys.length === 0) return undefined;
  const [key = ""] = keys;
  if (keys.length > 1 || !IDEMPOTENCY_KEY.test(key)) {
    throw new Problem(400, "invalid_idempotency_key", "Idempotency-Key is 1 to 255 visible ASCII characters, once");
  }
  return key;
}

/**
 * What makes a request the same as another one: method, URL, and the body when it was read by a parser that ran before,
 * else its length.
 */
export function digestOf(request: Request): string {
  const body: unknown = request.body;
  const read = body === undefined || body === null ? "" : Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const hash = createHash("sha256").update(`${request.method}\n${request.originalUrl}\n`);
  return hash
    .update(`${request.headers["content-length"] ?? ""}\n`)
    .update(read)
    .digest("hex");
}

/** A name of fixed length for several texts. */
export function hashed(...texts: string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex");
}
