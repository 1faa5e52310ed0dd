// The cumulative counter of one session and payee: what the next voucher must say, and what it may say at most.
//
// The ledger takes a request when the voucher reaches for what was charged, what is held for requests under way, and
// this request. Many requests may be under way at once, so the counter adds up what they may cost at most, and corrects
// itself by the receipts. What it does not know (other processes with the same key, answers that got lost) the server
// tells in a corrective 402. That is believed within limits:
//
//   a voucher never says more than `spent` + `maxPerRequest` × requests under way,
//
// where `spent` is what this client agreed to, or has proof that its own key agreed to: its own signature on a voucher.
// So a server that lies gets at most `maxPerRequest` more with each request and each of its (bounded) corrections.
//
// Vouchers of a key that was replaced are no proof, and servers do not show them. What was agreed to with former keys
// of the session is known from the store, which goes by session and payee, or from `startAt`.
//
// All changes of the counter happen between two awaits: parallel requests cannot get between them.

import { PaymentError } from "./errors.js";
import { ATOMIC_MAX, atomicUp, digits, exactOfAtomic } from "./money.js";
import type { VoucherStore } from "./store.js";
import { isSignedByKey, signVoucher } from "./voucher.js";
import type { Session, Voucher } from "./voucher.js";
import type { SessionState } from "./wire.js";

/** How long money may be held for a request that nobody hears of again, when the offer does not say. */
const DOUBT_MS = 600_000;

/** A request under way. */
export interface Reservation {
  /** What it costs at most, in atomic units. */
  amount: bigint;
  /** From when it counts as lost: unix milliseconds. */
  readonly until: number;
  /** How often the server corrected it. */
  corrections: number;
  /** What the server last said that its voucher must say. */
  required?: bigint;
  /** The last voucher was above what is in escrow: this one says exactly what is required. */
  exactly?: boolean;
}

/** What an answer says about the cost of a request. */
export interface Outcome {
  /** What it cost; unknown while it streams. 10⁻¹² units. */
  cost?: bigint;
  /** Charged in all, rounded up, in atomic units. */
  charged?: bigint;
  /** Held for other requests, in atomic units. */
  held?: bigint;
}

const KEY_CHANGED =
  "If the session had another key before, no voucher of this one shows what was agreed to with that: " +
  "give `startAt` with the session, or the `store` that was used with the former key";

const max = (one: bigint, other: bigint) => (one > other ? one : other);
const min = (one: bigint, other: bigint) => (one < other ? one : other);

export class Counter {
  /** Upper bound of what this client can have spent. 10⁻¹² units. */
  #spent = 0n;
  /** What the ledger has charged, as far as is known. 10⁻¹² units. */
  #charged = 0n;
  /** The highest voucher that was signed. */
  #signed = 0n;
  /** What is in escrow, when the server said so. */
  #deposited: bigint | undefined;
  /** Requests under way. */
  readonly #open = new Set<Reservation>();
  /** What requests may have cost whose outcome is not known yet. */
  #doubtful: { amount: bigint; until: number }[] = [];
  /** The voucher to send again while it suffices. */
  #last: { max: bigint; voucher: Voucher } | undefined;
  #loading: Promise<void> | undefined;

  constructor(
    readonly session: Session,
    readonly maxPerRequest: bigint,
    private readonly store: VoucherStore,
    private readonly now: () => number = Date.now,
  ) {
    const { startAt = 0n } = session;
    if (typeof startAt !== "bigint") throw new TypeError("startAt must be a bigint: atomic units");
    if (startAt < 0n || startAt > ATOMIC_MAX) throw new RangeError("startAt is no uint128");
  }

  get #key(): string {
    const { chainId, contract, sessionId, payee } = this.session;
    return [chainId, contract, sessionId, payee].join(":").toLowerCase();
  }

  /** Reads what was remembered, once. */
  load(): Promise<void> {
    this.#loading ??= (async () => {
      const known = await this.store.get(this.#key);
      const before = max(this.session.startAt ?? 0n, digits(known?.signed) ?? 0n);
      this.#signed = max(this.#signed, before);
      // What was under way when the process ended may have been charged, and what former keys signed for as well.
      this.#spent = max(this.#spent, exactOfAtomic(this.#signed));
      this.#charged = min(this.#spent, exactOfAtomic(digits(known?.charged) ?? 0n));
    })();
    return this.#loading;
  }

  /** Takes a request in that costs at most `amount`. */
  reserve(amount: bigint, seconds: number): Reservation {
    this.#check(amount);
    this.#forget();
    const until = this.now() + (seconds > 0 ? seconds * 1000 : DOUBT_MS);
    const reservation: Reservation = { amount, until, corrections: 0 };
    this.#open.add(reservation);
    return reservation;
  }

  /** A voucher that suffices for a request, as far as is known. */
  async voucher(reservation: Reservation): Promise<Voucher> {
    const wanted = this.#wanted(reservation);
    const last = this.#last;
    if (last && last.max >= wanted && !reservation.exactly && last.max <= (this.#deposited ?? last.max)) {
      return last.voucher;
    }
    this.#signed = max(this.#signed, wanted);
    const voucher = await signVoucher(this.session, wanted);
    if (!this.#last || wanted > this.#last.max || reservation.exactly || this.#last.max > (this.#deposited ?? wanted)) {
      this.#last = { max: wanted, voucher };
    }
    await this.store.set(this.#key, { signed: this.#signed.toString(), charged: atomicUp(this.#charged).toString() });
    return voucher;
  }

  #check(amount: bigint): void {
    if (amount <= this.maxPerRequest) return;
    throw new PaymentError(
      "amount_above_limit",
      `the request may cost ${amount} atomic units, and maxAmountPerRequest is ${this.maxPerRequest}`,
    );
  }

  /**
   * What the server said when it refused a voucher: the request costs at most `amount` now, and the session stands as in
   * `state`. Throws when that cannot be true, or is too much.
   */
  async correct(reservation: Reservation, amount: bigint, state: SessionState, isAboveDeposit: boolean): Promise<void> {
    this.#check(amount);
    if (state.sessionId.toLowerCase() !== this.session.sessionId.toLowerCase()) {
      throw new PaymentError("state_not_trusted", "the server speaks of another session");
    }
    const known = state.voucher;
    if (known && (await isSignedByKey(this.session, known.maxClaimable, known.signature))) {
      this.#spent = max(this.#spent, exactOfAtomic(known.maxClaimable));
      this.#signed = max(this.#signed, known.maxClaimable);
    }
    const ceiling = this.#ceiling();
    if (state.required > ceiling) {
      throw new PaymentError(
        "state_not_trusted",
        `the server wants a voucher of ${state.required} atomic units: at most ${ceiling} can have been agreed to. ` +
          KEY_CHANGED,
      );
    }
    reservation.corrections += 1;
    reservation.amount = amount;
    reservation.required = state.required;
    reservation.exactly = isAboveDeposit;
    if (state.deposited !== undefined) this.#deposited = state.deposited;
    this.#charged = max(this.#charged, exactOfAtomic(min(state.charged, ceiling)));
    this.#trim(state.held);
    const others = this.#reserved() - reservation.amount;
    const missing = state.charged + state.held - (atomicUp(this.#charged) + this.#doubts() + others);
    if (missing > 0n) this.#doubtful.push({ amount: missing, until: this.now() + DOUBT_MS });
  }

  /** The request was paid for. */
  settle(reservation: Reservation, outcome: Outcome): void {
    if (!this.#open.delete(reservation)) return;
    if (outcome.cost === undefined) {
      this.#doubt(reservation);
    } else {
      const cost = min(max(outcome.cost, 0n), exactOfAtomic(this.maxPerRequest));
      this.#spent += cost;
      if (outcome.charged === undefined) this.#charged += cost;
    }
    if (outcome.charged !== undefined) {
      this.#charged = max(this.#charged, exactOfAtomic(min(outcome.charged, this.#ceiling())));
    }
    if (outcome.held !== undefined) this.#trim(outcome.held);
  }

  /** Nothing was charged for the request. */
  release(reservation: Reservation): void {
    this.#open.delete(reservation);
  }

  /** Nobody knows what became of the request. */
  doubt(reservation: Reservation): void {
    if (this.#open.delete(reservation)) this.#doubt(reservation);
  }

  #doubt({ amount, until }: Reservation): void {
    this.#spent += exactOfAtomic(amount);
    this.#doubtful.push({ amount, until });
  }

  #reserved(): bigint {
    let sum = 0n;
    for (const { amount } of this.#open) sum += amount;
    return sum;
  }

  #doubts(): bigint {
    return this.#doubtful.reduce((sum, { amount }) => sum + amount, 0n);
  }

  /** No voucher may say more. */
  #ceiling(): bigint {
    return atomicUp(this.#spent) + this.maxPerRequest * BigInt(this.#open.size);
  }

  #wanted(reservation: Reservation): bigint {
    const required = reservation.required ?? 0n;
    if (reservation.exactly && this.#deposited === undefined) return min(required, this.#ceiling());
    let wanted = max(atomicUp(this.#charged) + this.#doubts() + this.#reserved(), required);
    if (this.#deposited !== undefined && wanted > this.#deposited) wanted = max(required, this.#deposited);
    return min(wanted, this.#ceiling());
  }

  /** Doubtful requests were charged since, or are held for: they cannot be more than what is held. */
  #trim(held: bigint): void {
    if (this.#doubts() <= held) return;
    const until = Math.max(...this.#doubtful.map((one) => one.until));
    this.#doubtful = held > 0n ? [{ amount: held, until }] : [];
  }

  /** What was held for a request that nobody heard of again is not held any more. */
  #forget(): void {
    const now = this.now();
    for (const reservation of this.#open) if (reservation.until <= now) this.doubt(reservation);
    this.#doubtful = this.#doubtful.filter(({ until }) => until > now);
  }
}
