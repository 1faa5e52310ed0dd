// The middleware: only paid requests reach the handler.
//
// verify → hold → handler → capture → answer. Whatever cannot be known on the way is 503, and the handler does not run,
// or its answer does not go out.

import { exactOf, sameAddress } from "@tollbook/sdk";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { Address } from "viem";
import { ExactEngagement, HoldEngagement } from "./engagement.js";
import type { Engagement, SessionPaid } from "./engagement.js";
import { HeldAnswer } from "./held-answer.js";
import type { Through } from "./held-answer.js";
import type { LedgerVoucher, Payer } from "./ledger.js";
import { acceptedOf, offersOf, require402 } from "./offers.js";
import type { Offer } from "./offers.js";
import { priceOf, settingsOf } from "./options.js";
import type { Answered, PaidOptions, Price, Settings } from "./options.js";
import { authorizationOf, digestOf, hashed, idempotencyKeyOf, showsKey, shownBy, voucherOf } from "./payment.js";
import type { X402Payment } from "./payment.js";
import { Problem, Refused, send, unavailable } from "./problem.js";
import { Spent } from "./spent.js";

/** Put before a handler: `app.get("/weather/:city", paid({ price: "0.01" }), handler)`. */
export function paid(options: PaidOptions): RequestHandler {
  const till = new Till(settingsOf(options));
  return (request, response, next) => {
    void till.serve(request, response, next);
  };
}

class Till {
  readonly #spent = new Spent();

  constructor(private readonly settings: Settings) {}

  async serve(request: Request, response: Response, next: NextFunction): Promise<void> {
    let price: Price;
    try {
      price = await priceOf(this.settings, request);
    } catch (error) {
      // The price is the app's own: so is what goes wrong with it.
      next(error);
      return;
    }
    if (price.exact === 0n) {
      next();
      return;
    }
    let engagement: Engagement;
    try {
      engagement = await this.#engage(request, price);
    } catch (error) {
      await this.#fail(request, response, price, error);
      return;
    }
    if (response.destroyed || response.writableEnded) {
      engagement.cancel().catch((error: unknown) => this.settings.onError(error, request));
      return;
    }
    new HeldAnswer(response, engagement, {
      bufferBytesMax: this.settings.bufferBytesMax,
      costOf: (answered) => this.#cost(request, response, price, answered),
      fail: (error, through) => void this.#fail(request, response, price, error, through),
      onError: (error) => this.settings.onError(error, request),
    });
    next();
  }

  /** Takes the payment, or throws. */
  async #engage(request: Request, price: Price): Promise<Engagement> {
    const { accepts } = this.settings;
    const shown = shownBy(request);
    if (shown.kind === "nothing") throw new Refused("payment_required", "this request must be paid for");
    if (shown.kind === "bearer") {
      if (!accepts.has("bearer")) throw new Refused("unsupported_scheme", "keys are not taken here");
      const payer = await this.settings.ledger.payerOf(shown.secret);
      if (!payer) {
        const headers = { "WWW-Authenticate": "Bearer" };
        throw new Problem(401, "unauthenticated", "the key opens nothing", {}, headers);
      }
      return this.#hold(request, price, payer, this.settings.currencies, undefined, undefined);
    }
    const { payment } = shown;
    const offer = acceptedOf(await this.#offers(price), payment.accepted);
    return offer.scheme === "exact"
      ? this.#exact(payment, offer, price)
      : this.#session(request, payment, offer, price);
  }

  async #offers(price: Price): Promise<Offer[]> {
    const { accepts } = this.settings;
    if (!accepts.has("session") && !accepts.has("exact")) return [];
    return offersOf(this.settings, await this.settings.chain.known(), price);
  }

  async #session(request: Request, payment: X402Payment, offer: Offer, price: Price): Promise<Engagement> {
    const { sessionId, payee, maxClaimable, signature } = voucherOf(payment);
    if (!sameAddress(payee, offer.payTo as Address)) {
      throw new Refused("voucher_wrong_signer", "the voucher is for another payee");
    }
    const known = await this.settings.ledger.sessionKeyOf(sessionId);
    if (!known) throw new Refused("session_not_found", "the ledger has no such session");
    const voucher: LedgerVoucher = { max_claimable: maxClaimable, signature, session_id: sessionId, payee };
    const session: SessionPaid = { sessionId, payer: known.owner, offer };
    return this.#hold(request, price, { session_key_id: known.id }, ["USDC"], voucher, session);
  }

  async #hold(
    request: Request,
    price: Price,
    payer: Payer,
    currencies: readonly string[],
    voucher: LedgerVoucher | undefined,
    session: SessionPaid | undefined,
  ): Promise<Engagement> {
    const { ledger, holdSeconds, options } = this.settings;
    const own = idempotencyKeyOf(request);
    const who = "session_key_id" in payer ? payer.session_key_id : payer.customer_id;
    const { hold, isReplayed } = await ledger.hold({
      payer,
      amount: price.text,
      currencies,
      seconds: holdSeconds,
      key: `paid:${own === undefined ? crypto.randomUUID() : hashed(who, own)}`,
      digest: digestOf(request),
      ...(voucher ? { voucher } : {}),
      ...(options.description ? { description: options.description } : {}),
    });
    if (isReplayed && own !== undefined) throw await this.#repeated(hold);
    return new HoldEngagement(ledger, hold, price, session);
  }

  /** The same key came before: the handler does not run a second time. */
  async #repeated(hold: Parameters<typeof this.settings.ledger.statusOf>[0]): Promise<Problem> {
    const headers = { "x-tollbook-hold": hold.id };
    switch (await this.settings.ledger.statusOf(hold)) {
      case "open": {
        const more = { ...headers, "Retry-After": "1" };
        return new Problem(409, "request_in_progress", "the request with this key is under way", {}, more);
      }
      case "captured":
        return new Problem(409, "answer_not_kept", "the request with this key was answered and paid", {}, headers);
      default: {
        const detail = "the request with this key came to nothing, and nothing was charged: send it with a new key";
        return new Problem(409, "idempotency_key_spent", detail, {}, headers);
      }
    }
  }

  async #exact(payment: X402Payment, offer: Offer, price: Price): Promise<Engagement> {
    const { facilitator } = this.settings;
    if (!facilitator) throw new Refused("unsupported_scheme", "exact is not taken here");
    const { from, nonce, validBefore } = authorizationOf(payment);
    const name = [offer.network, offer.asset.toLowerCase(), from, nonce].join(":");
    // What is in doubt was verified before, and may be on the chain by now: then it could not be verified again.
    if (this.#spent.take(name, validBefore) === "fresh") {
      try {
        await facilitator.verify(payment.whole, offer);
      } catch (error) {
        this.#spent.free(name);
        throw error;
      }
    }
    return new ExactEngagement(facilitator, payment.whole, offer, price, this.#spent, name);
  }

  /** What a request came to: never more than was asked for before. */
  async #cost(
    request: Request,
    response: Response,
    price: Price,
    answered: Answered,
  ): Promise<{ exact: bigint; text: string }> {
    const { cost } = this.settings.options;
    if (!cost) return price;
    const text = await cost(request, response, answered);
    const exact = exactOf(text);
    if (exact <= price.exact) return { exact, text };
    this.settings.onError(new RangeError(`the cost ${text} is above the price ${price.text}`), request);
    return price;
  }

  /** Answers instead of the handler. */
  async #fail(
    request: Request,
    response: Response,
    price: Price,
    error: unknown,
    through: Through = (write) => write(),
  ): Promise<void> {
    let problem: Problem;
    try {
      if (error instanceof Refused) {
        const isFirst = error.code === "payment_required";
        const offers = await this.#offers(price).catch((cause: unknown) => {
          // Who pays by key needs no offers to be told why not.
          if (showsKey(request)) return [];
          throw cause;
        });
        if (response.destroyed) return;
        through(() => require402(request, response, this.settings, offers, isFirst ? undefined : error));
        return;
      }
      problem = error instanceof Problem ? error : new Problem(500, "internal", "the answer could not be paid for");
    } catch (cause) {
      problem = cause instanceof Problem ? cause : unavailable("what the request costs cannot be told now", cause);
    }
    if (problem.status >= 500) this.settings.onError(error instanceof Refused ? problem : error, request);
    if (!response.headersSent && !response.destroyed) through(() => send(response, problem));
  }
}
