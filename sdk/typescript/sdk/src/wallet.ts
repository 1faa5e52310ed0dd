// The sessions that a client can pay with, each with its counter. The fetch wrapper and the scheme for the stock x402
// client both pay through it, so that they may be used at once.

import { Counter } from "./counter.js";
import type { Outcome, Reservation } from "./counter.js";
import { PaymentError } from "./errors.js";
import { atomicOf, digits, exactOf } from "./money.js";
import { memoryStore } from "./store.js";
import type { VoucherStore } from "./store.js";
import type { Session, Voucher } from "./voucher.js";
import { SESSION_SCHEME, isObject, sameAddress, stateOf } from "./wire.js";
import type { Offer, PaymentRequired, Receipt } from "./wire.js";

export interface WalletOptions {
  /** The sessions to pay with; the first one that fits an offer is used. */
  sessions: readonly Session[];
  /** The most that one request may cost: a decimal string in USDC, for example `"0.05"`, or atomic units. */
  maxAmountPerRequest: string | bigint;
  /** Where vouchers are remembered, also for the session's next key; in memory when left out. */
  store?: VoucherStore;
  /** How often the server may correct one request; 3 when left out. */
  correctionsMax?: number;
}

/** A payment under way. */
export interface Payment {
  readonly counter: Counter;
  readonly reservation: Reservation;
  /** The offer that is accepted. */
  offer: Offer;
}

/** Refusals after which another voucher helps. */
const CORRECTABLE = new Set(["voucher_too_low", "voucher_required", "voucher_above_deposit"]);

/** Pays offers of the scheme `session`. */
export class SessionWallet {
  readonly #counters: readonly Counter[];
  readonly #correctionsMax: number;

  constructor(options: WalletOptions) {
    const { maxAmountPerRequest: limit, correctionsMax = 3 } = options;
    const atomic = typeof limit === "bigint" ? limit : atomicOf(limit);
    if (atomic <= 0n) throw new RangeError("maxAmountPerRequest must be more than zero");
    const store = options.store ?? memoryStore();
    this.#correctionsMax = correctionsMax;
    this.#counters = options.sessions.map((session) => new Counter(session, atomic, store));
  }

  /** Whether one of the sessions pays in this token. */
  hasToken(asset: string, network: string): boolean {
    return this.#counters.some(({ session }) => networkOf(session) === network && sameAddress(asset, session.token));
  }

  /** The first offer that one of the sessions can pay. */
  choose(accepts: readonly Offer[]): { counter: Counter; offer: Offer } | undefined {
    for (const offer of accepts) {
      const counter = this.#counters.find(({ session }) => fits(session, offer));
      if (counter) return { counter, offer };
    }
    return undefined;
  }

  /** Takes a request in. */
  async begin(accepts: readonly Offer[]): Promise<Payment> {
    const chosen = this.choose(accepts);
    if (!chosen) throw new PaymentError("no_session", "no session fits what the server accepts");
    const { counter, offer } = chosen;
    await counter.load();
    return { counter, offer, reservation: counter.reserve(digits(offer.amount) ?? 0n, offer.maxTimeoutSeconds) };
  }

  /** Signs for it. */
  async sign({ counter, reservation }: Payment): Promise<Voucher> {
    try {
      return await counter.voucher(reservation);
    } catch (error) {
      counter.release(reservation);
      throw error;
    }
  }

  /**
   * Takes up what a 402 after a payment says. `true`: sign again. `false`: another voucher does not help; nothing was
   * charged, and the payment is over. Throws, and the payment is over, when what the server says cannot be true.
   */
  async corrected(payment: Payment, refused: PaymentRequired): Promise<boolean> {
    const { counter, reservation } = payment;
    const offer = refused.accepts.find((one) => fits(counter.session, one) && stateOf(one.extra));
    const state = stateOf(offer?.extra);
    const isCorrectable = CORRECTABLE.has(refused.error ?? "") && reservation.corrections < this.#correctionsMax;
    // Of another key no voucher of ours is taken, however high.
    const isOurs = state?.key === undefined || sameAddress(state.key, counter.session.key.address);
    if (!offer || !state || !isCorrectable || !isOurs) {
      counter.release(reservation);
      return false;
    }
    try {
      const isAboveDeposit = refused.error === "voucher_above_deposit";
      await counter.correct(reservation, digits(offer.amount) ?? 0n, state, isAboveDeposit);
      payment.offer = withoutState(offer);
      return true;
    } catch (error) {
      counter.release(reservation);
      throw error;
    }
  }

  /** Takes up a receipt; without one, nobody knows what it cost. */
  paid({ counter, reservation }: Payment, receipt: Receipt | undefined): void {
    if (!receipt) counter.doubt(reservation);
    else if (!receipt.success) counter.release(reservation);
    else counter.settle(reservation, outcomeOf(receipt));
  }

  /** Nothing was charged. */
  unpaid({ counter, reservation }: Payment): void {
    counter.release(reservation);
  }
}

/** An offer as it is made to everybody. */
export function withoutState(offer: Offer): Offer {
  const { state: _, ...extra } = offer.extra;
  return { ...offer, extra };
}

/** CAIP-2. */
export function networkOf(session: Session): string {
  return `eip155:${session.chainId}`;
}

function fits(session: Session, offer: Offer): boolean {
  const { verifyingContract } = offer.extra;
  return (
    offer.scheme === SESSION_SCHEME &&
    offer.network === networkOf(session) &&
    sameAddress(offer.asset, session.token) &&
    sameAddress(offer.payTo, session.payee) &&
    (verifyingContract === undefined || sameAddress(verifyingContract, session.contract))
  );
}

/** What a session's receipt says. */
export function outcomeOf(receipt: Receipt): Outcome {
  const extra = isObject(receipt.extra) ? receipt.extra : {};
  const [charged, held] = [digits(extra.charged), digits(extra.held)];
  return {
    ...(extra.pending === true ? {} : costOf(extra.cost)),
    ...(charged === undefined ? {} : { charged }),
    ...(held === undefined ? {} : { held }),
  };
}

function costOf(cost: unknown): { cost?: bigint } {
  try {
    return typeof cost === "string" ? { cost: exactOf(cost) } : {};
  } catch {
    return {};
  }
}
