// A payment that was taken before the handler runs, and is made or given back after it.

import { PAYMENT_RESPONSE, atomicDown, atomicUp, encode, exactOf } from "@tollbook/sdk";
import type { components } from "@tollbook/sdk";
import type { Facilitator } from "./facilitator.js";
import type { Ledger } from "./ledger.js";
import type { Price } from "./options.js";
import type { Offer } from "./offers.js";
import { Refused } from "./problem.js";
import type { Spent } from "./spent.js";

export type Headers = Record<string, string>;

/** Told in an answer that was not charged. */
export const NOTHING: Headers = { "x-tollbook-cost": "0" };

export interface Engagement {
  /** What is told when an answer goes out before its cost is known. Throws when it must not go out. */
  begin(): Promise<Headers> | Headers;
  /** Charges. Throws when the answer must not go out. */
  capture(cost: bigint, text: string): Promise<Headers>;
  /** Gives everything back. */
  cancel(): Promise<void>;
}

type Hold = components["schemas"]["HoldOut"];
type Charge = components["schemas"]["ChargeOut"];

/** What is told of a session's payment. */
export interface SessionPaid {
  sessionId: string;
  payer: string;
  offer: Offer;
}

/** A hold in the ledger. */
export class HoldEngagement implements Engagement {
  constructor(
    private readonly ledger: Ledger,
    private readonly hold: Hold,
    private readonly price: Price,
    private readonly session: SessionPaid | undefined,
  ) {}

  begin(): Headers {
    const { id, currency, account, session } = this.hold;
    const remaining = session?.available ?? account?.available;
    return {
      "x-tollbook-hold": id,
      "x-tollbook-currency": currency,
      ...(remaining === undefined ? {} : { "x-tollbook-remaining": remaining }),
      ...this.#receipt(id, this.price.atomic, session ?? undefined, { pending: true, hold_id: id }),
    };
  }

  async capture(cost: bigint, text: string): Promise<Headers> {
    if (cost === 0n) {
      await this.cancel();
      return { ...NOTHING, "x-tollbook-currency": this.hold.currency };
    }
    const charge = await this.ledger.capture(this.hold.id, text);
    return this.told(charge);
  }

  cancel(): Promise<void> {
    return this.ledger.void(this.hold.id);
  }

  private told(charge: Charge): Headers {
    const remaining = charge.session?.available ?? charge.account?.available;
    return {
      "x-tollbook-cost": charge.amount,
      "x-tollbook-currency": charge.currency,
      "x-tollbook-charge": charge.id,
      ...(remaining === undefined ? {} : { "x-tollbook-remaining": remaining }),
      ...this.#receipt(charge.id, atomicUp(exactOf(charge.amount)), charge.session ?? undefined, {
        charge_id: charge.id,
        cost: charge.amount,
      }),
    };
  }

  #receipt(
    transaction: string,
    amount: bigint,
    balances: components["schemas"]["SessionBalancesOut"] | undefined,
    extra: Record<string, unknown>,
  ): Headers {
    if (!this.session) return {};
    const { offer, payer, sessionId } = this.session;
    const known = balances && {
      remaining: balances.available,
      charged: atomicUp(exactOf(balances.charged)).toString(),
      held: atomicUp(exactOf(balances.held)).toString(),
      deposited: atomicDown(exactOf(balances.deposited)).toString(),
    };
    return {
      [PAYMENT_RESPONSE]: encode({
        success: true,
        transaction,
        network: offer.network,
        payer,
        amount: amount.toString(),
        extra: { ...extra, currency: this.hold.currency, sessionId, ...known },
      }),
    };
  }
}

/** A transfer that was verified and is settled before the answer goes out. */
export class ExactEngagement implements Engagement {
  #settled: Promise<Headers> | undefined;

  constructor(
    private readonly facilitator: Facilitator,
    private readonly whole: Record<string, unknown>,
    private readonly offer: Offer,
    private readonly price: Price,
    private readonly spent: Spent,
    private readonly name: string,
  ) {}

  begin(): Promise<Headers> {
    this.#settled ??= this.#settle();
    return this.#settled;
  }

  capture(): Promise<Headers> {
    return this.begin();
  }

  cancel(): Promise<void> {
    if (!this.#settled) this.spent.free(this.name);
    return Promise.resolve();
  }

  async #settle(): Promise<Headers> {
    try {
      const receipt = await this.facilitator.settle(this.whole, this.offer, this.spent.key(this.name));
      this.spent.done(this.name);
      return {
        "x-tollbook-cost": this.price.text,
        "x-tollbook-currency": "USDC",
        [PAYMENT_RESPONSE]: encode(receipt),
      };
    } catch (error) {
      // Refused for good: it paid for nothing. In doubt: it may be shown again, and is then settled under the same key.
      if (error instanceof Refused) this.spent.drop(this.name);
      else this.spent.doubt(this.name);
      throw error;
    }
  }
}
