// The scheme `session` for the stock x402 client: register it with `x402Client`, or name it in the `schemes` of
// `wrapFetchWithPaymentFromConfig`, and `@x402/fetch` pays with vouchers. The package `@x402/core` is needed for its
// types only.
//
// The stock client retries a corrected payment once, and tells a scheme of every answer but not of lost connections:
// those are counted as charged when the offer's time is over.

import type {
  PaymentPayloadResult,
  PaymentRequirements,
  SchemeClientHooks,
  SchemeNetworkClient,
} from "@x402/core/types";
import { PaymentError } from "./errors.js";
import { USDC_DECIMALS, digits } from "./money.js";
import { SessionWallet } from "./wallet.js";
import type { Payment, WalletOptions } from "./wallet.js";
import { SESSION_SCHEME, receiptOf, encode, paymentRequiredOf } from "./wire.js";

/** The scheme, for `register("eip155:…", sessionScheme({ … }))`. */
export function sessionScheme(options: WalletOptions): SessionScheme {
  return new SessionScheme(options);
}

type PaymentPayloadContext = Parameters<SchemeNetworkClient["createPaymentPayload"]>[2];
type ResponseContext = Parameters<NonNullable<SchemeClientHooks["onPaymentResponse"]>>[0];

export class SessionScheme implements SchemeNetworkClient {
  readonly scheme = SESSION_SCHEME;
  readonly schemeHooks: SchemeClientHooks;
  readonly #wallet: SessionWallet;
  /** Payments under way, by the payload that was sent. */
  readonly #sent = new WeakMap<object, Payment>();
  /** Payments that the server corrected, by the offer that will be paid again. */
  readonly #corrected = new WeakMap<object, Payment>();

  constructor(options: WalletOptions) {
    this.#wallet = new SessionWallet({ ...options, correctionsMax: 1 });
    this.schemeHooks = { onPaymentResponse: (context) => this.#answered(context) };
  }

  /** Makes the token of our sessions known, so that the stock client's spend controls let it pass (below $1). */
  findDefaultAsset(asset: string, network: string): { asset: string; decimals: number; symbol: string } | undefined {
    return this.#wallet.hasToken(asset, network) ? { asset, decimals: USDC_DECIMALS, symbol: "USDC" } : undefined;
  }

  async createPaymentPayload(
    x402Version: number,
    requirements: PaymentRequirements,
    context?: PaymentPayloadContext,
  ): Promise<PaymentPayloadResult> {
    if (x402Version !== 2) throw new Error("the scheme session needs x402 version 2");
    const cap = digits(context?.maxAmountPerPayment);
    if (cap !== undefined && (digits(requirements.amount) ?? 0n) > cap) {
      throw new PaymentError(
        "amount_above_limit",
        `the request may cost ${requirements.amount}, the client allows ${cap}`,
      );
    }
    const corrected = this.#corrected.get(requirements);
    this.#corrected.delete(requirements);
    const payment = corrected ?? (await this.#wallet.begin([{ ...requirements, extra: requirements.extra ?? {} }]));
    const { sessionId, payee, maxClaimable, signature } = await this.#wallet.sign(payment);
    const payload = { sessionId, payee, maxClaimable, signature };
    this.#sent.set(payload, payment);
    return { x402Version, payload };
  }

  async #answered(context: ResponseContext): Promise<void | { recovered: true }> {
    const payment = this.#sent.get(context.paymentPayload.payload);
    if (!payment) return undefined;
    this.#sent.delete(context.paymentPayload.payload);
    // Both came from the network: they are read as our own client reads them.
    if (context.settleResponse) {
      this.#wallet.paid(payment, receiptOf(encode(context.settleResponse)));
      return undefined;
    }
    const refused = context.paymentRequired && paymentRequiredOf(encode(context.paymentRequired));
    if (!refused) {
      this.#wallet.paid(payment, undefined);
      return undefined;
    }
    if (!(await this.#wallet.corrected(payment, refused))) return undefined;
    this.#corrected.set(context.requirements, payment);
    return { recovered: true };
  }
}
