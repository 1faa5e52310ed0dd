// x402, version 2, as headers carry it: base64 of JSON. What comes from a server is checked here and nowhere else;
// what it is worth, the counter decides.

import { isAddress, isHex } from "viem";
import type { Address, Hex } from "viem";
import { digits } from "./money.js";

export const PAYMENT_REQUIRED = "PAYMENT-REQUIRED";
export const PAYMENT_SIGNATURE = "PAYMENT-SIGNATURE";
export const PAYMENT_RESPONSE = "PAYMENT-RESPONSE";

/** The name of our scheme. */
export const SESSION_SCHEME = "session";

/** One way to pay. */
export interface Offer {
  scheme: string;
  /** CAIP-2, for example `eip155:8453`. */
  network: string;
  /** Atomic units, as digits. */
  amount: string;
  asset: string;
  payTo: string;
  maxTimeoutSeconds: number;
  extra: Record<string, unknown>;
}

/** What a 402 says. */
export interface PaymentRequired {
  x402Version: 2;
  error?: string;
  resource: { url: string; description?: string; mimeType?: string };
  accepts: Offer[];
}

/** What stands in `extra.state` of a session's offer, when the server refused a voucher. Atomic units. */
export interface SessionState {
  sessionId: Hex;
  /** The key whose vouchers the session takes. */
  key?: string;
  /** Charged so far, rounded up. */
  charged: bigint;
  /** Reserved for requests that are under way. */
  held: bigint;
  /** What is in escrow for good: a voucher above it is refused. */
  deposited?: bigint;
  /** The smallest voucher that suffices for this request. */
  required: bigint;
  /** The highest voucher of that key that the ledger has. */
  voucher?: { maxClaimable: bigint; signature: Hex };
}

/** A payment, as it is sent. */
export interface PaymentPayload {
  x402Version: 2;
  resource?: PaymentRequired["resource"];
  accepted: Offer;
  payload: Record<string, unknown>;
}

/** What was paid. */
export interface Receipt {
  success: boolean;
  /** A transaction's hash (`exact`), a charge's id (`session`), or a hold's while the cost is not known. */
  transaction: string;
  network: string;
  payer?: string;
  /** Atomic units. */
  amount?: string;
  errorReason?: string;
  /** What Tollbook adds to a session's receipt. */
  extra?: Record<string, unknown>;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** JSON in base64, as x402's headers have it. */
export function encode(value: unknown): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(JSON.stringify(value))) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The other way round; `undefined` when it is not that. */
export function decode(header: string): unknown {
  if (!BASE64.test(header)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(header), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Whether it is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function offerOf(value: unknown): Offer | undefined {
  if (!isObject(value)) return undefined;
  const { scheme, network, amount, asset, payTo, maxTimeoutSeconds, extra } = value;
  const texts = [scheme, network, amount, asset, payTo];
  if (!texts.every((text) => typeof text === "string") || digits(amount) === undefined) return undefined;
  return {
    scheme: scheme as string,
    network: network as string,
    amount: amount as string,
    asset: asset as string,
    payTo: payTo as string,
    maxTimeoutSeconds: typeof maxTimeoutSeconds === "number" && maxTimeoutSeconds > 0 ? maxTimeoutSeconds : 60,
    extra: isObject(extra) ? extra : {},
  };
}

/** Reads `PAYMENT-REQUIRED`. Offers that cannot be read are left out. */
export function paymentRequiredOf(header: string | null): PaymentRequired | undefined {
  const value = header === null ? undefined : decode(header);
  if (!isObject(value) || value.x402Version !== 2 || !Array.isArray(value.accepts)) return undefined;
  const resource = isObject(value.resource) && typeof value.resource.url === "string" ? value.resource : { url: "" };
  return {
    x402Version: 2,
    ...(typeof value.error === "string" ? { error: value.error } : {}),
    resource: resource as PaymentRequired["resource"],
    accepts: value.accepts.map(offerOf).filter((offer) => offer !== undefined),
  };
}

/** Reads the state in an offer. */
export function stateOf(extra: Record<string, unknown> | undefined): SessionState | undefined {
  const value = extra?.state;
  if (!isObject(value)) return undefined;
  const [charged, held, required] = [digits(value.charged), digits(value.held), digits(value.required)];
  const deposited = digits(value.deposited);
  if (charged === undefined || held === undefined || required === undefined || !isHex(value.sessionId))
    return undefined;
  const voucher = isObject(value.voucher) ? value.voucher : {};
  const maxClaimable = digits(voucher.maxClaimable);
  return {
    sessionId: value.sessionId,
    charged,
    held,
    required,
    ...(typeof value.key === "string" ? { key: value.key } : {}),
    ...(deposited === undefined ? {} : { deposited }),
    ...(maxClaimable === undefined || !isHex(voucher.signature)
      ? {}
      : { voucher: { maxClaimable, signature: voucher.signature } }),
  };
}

/** Reads `PAYMENT-RESPONSE`. */
export function receiptOf(header: string | null): Receipt | undefined {
  const value = header === null ? undefined : decode(header);
  if (!isObject(value) || typeof value.success !== "boolean") return undefined;
  const text = (name: string) => (typeof value[name] === "string" ? { [name]: value[name] } : {});
  return {
    success: value.success,
    transaction: typeof value.transaction === "string" ? value.transaction : "",
    network: typeof value.network === "string" ? value.network : "",
    ...text("payer"),
    ...text("amount"),
    ...text("errorReason"),
    ...(isObject(value.extra) ? { extra: value.extra } : {}),
  };
}

/** Whether two texts are the same address. */
export function sameAddress(one: unknown, other: Address): boolean {
  return typeof one === "string" && isAddress(one, { strict: false }) && one.toLowerCase() === other.toLowerCase();
}
