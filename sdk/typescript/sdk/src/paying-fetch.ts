// A fetch that pays. A 402 that offers the scheme `session` is paid with a voucher; what the server corrects is signed
// anew; what may have been lost on the way is sent again with the same Idempotency-Key, so that it is paid once.

import { setTimeout as later } from "./later.js";
import { SessionWallet, withoutState } from "./wallet.js";
import type { Payment, WalletOptions } from "./wallet.js";
import { PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, encode, isObject } from "./wire.js";
import { paymentRequiredOf, receiptOf } from "./wire.js";
import type { PaymentRequired, Receipt } from "./wire.js";

export interface PayingFetchOptions extends WalletOptions {
  /** How often a paid request is sent again after a network error or 503; 3 when left out. */
  retriesMax?: number;
  /** Whether to pay at once where this client was asked to pay before, instead of asking first; `true` when left out. */
  remembersOffers?: boolean;
  /** Is told of every receipt. */
  onReceipt?: (receipt: Receipt, response: Response) => void;
}

type Fetch = typeof globalThis.fetch;

const RETRY_WAIT_MS = 200;
const RETRY_WAIT_MS_MAX = 10_000;
const OFFERS_REMEMBERED_MAX = 256;
/** Methods that may be carried out twice. */
const IDEMPOTENT = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]);

/** Wraps a fetch so that it pays 402s. */
export function payingFetch(fetch: Fetch, options: PayingFetchOptions): Fetch {
  const payer = new Payer(fetch, options);
  return (input, init) => payer.fetch(new Request(input, init));
}

/** A request that can be sent more than once. */
class Repeatable {
  idempotencyKey: string;
  readonly isOwnKey: boolean;

  private constructor(
    readonly request: Request,
    private readonly body: ArrayBuffer | undefined,
  ) {
    const given = request.headers.get("idempotency-key");
    this.isOwnKey = given === null;
    this.idempotencyKey = given ?? crypto.randomUUID();
  }

  static async of(request: Request): Promise<Repeatable> {
    return new Repeatable(request, request.body === null ? undefined : await request.arrayBuffer());
  }

  /** The place whose offers are remembered. */
  get place(): string {
    const { origin, pathname } = new URL(this.request.url);
    return `${this.request.method} ${origin}${pathname}`;
  }

  with(payment?: string): Request {
    const headers = new Headers(this.request.headers);
    if (payment !== undefined) {
      headers.set(PAYMENT_SIGNATURE, payment);
      headers.set("Idempotency-Key", this.idempotencyKey);
    }
    return new Request(this.request, this.body === undefined ? { headers } : { headers, body: this.body });
  }
}

class Payer {
  readonly #wallet: SessionWallet;
  readonly #offers = new Map<string, PaymentRequired>();

  constructor(
    private readonly send: Fetch,
    private readonly options: PayingFetchOptions,
  ) {
    this.#wallet = new SessionWallet(options);
  }

  async fetch(original: Request): Promise<Response> {
    const request = await Repeatable.of(original);
    let asked = this.#offers.get(request.place);
    let isRemembered = asked !== undefined;
    if (!asked) {
      const response = await this.send(request.with());
      asked = askedFor(response);
      if (!asked) return response;
      await drain(response);
    }
    for (;;) {
      this.#remember(request.place, asked);
      const payment = await this.#wallet.begin(asked.accepts);
      const response = await this.#pay(request, asked, payment);
      const again = askedFor(response);
      // The price may have changed since it was remembered: pay once more, what it is now.
      if (!again || !isRemembered || sameOffers(asked, again)) return response;
      [asked, isRemembered] = [again, false];
      await drain(response);
    }
  }

  /** Pays and corrects until there is an answer. The payment is over when this returns or throws. */
  async #pay(request: Repeatable, asked: PaymentRequired, payment: Payment): Promise<Response> {
    for (;;) {
      const { sessionId, payee, maxClaimable, signature } = await this.#wallet.sign(payment);
      const header = encode({
        x402Version: 2,
        resource: asked.resource,
        accepted: payment.offer,
        payload: { sessionId, payee, maxClaimable, signature },
      });
      const response = await this.#deliver(request, header, payment);
      const refused = askedFor(response);
      if (!refused) return response;
      if (!(await this.#wallet.corrected(payment, refused))) return response;
      this.#remember(request.place, refused);
      await drain(response);
    }
  }

  /** Sends until the outcome is known, and takes it up unless it is a 402. */
  async #deliver(request: Repeatable, header: string, payment: Payment): Promise<Response> {
    const { retriesMax = 3 } = this.options;
    const { signal } = request.request;
    for (let attempt = 0; ; attempt += 1) {
      const isLast = attempt >= retriesMax;
      let response: Response;
      try {
        response = await this.send(request.with(header));
      } catch (error) {
        if (isLast || signal.aborted) {
          this.#wallet.paid(payment, undefined);
          throw error;
        }
        await this.#wait(attempt, undefined, signal, payment);
        continue;
      }
      if (response.status === 402 && response.headers.has(PAYMENT_REQUIRED)) return response;
      const code = response.status === 409 ? await codeOf(response) : undefined;
      // What says its cost is an answer: the upstream's own 503 costs nothing, and is the caller's to see.
      const isUnknown = response.status === 503 && !response.headers.has("x-tollbook-cost");
      const isOpen = isUnknown || code === "request_in_progress";
      if (isOpen && !isLast) {
        await drain(response);
        await this.#wait(attempt, response, signal, payment);
        continue;
      }
      // Nothing was charged under this key; where that does no harm, the request is made anew.
      if (code === "idempotency_key_spent" && request.isOwnKey && !isLast && IDEMPOTENT.has(request.request.method)) {
        await drain(response);
        request.idempotencyKey = crypto.randomUUID();
        continue;
      }
      this.#take(payment, response, isOpen);
      return response;
    }
  }

  /** Takes up what an answer says about its cost. */
  #take(payment: Payment, response: Response, isOpen: boolean): void {
    const receipt = receiptOf(response.headers.get(PAYMENT_RESPONSE));
    if (receipt) {
      this.#wallet.paid(payment, receipt);
      this.options.onReceipt?.(receipt, response);
    } else if (isOpen || response.ok) {
      this.#wallet.paid(payment, undefined);
    } else {
      // Refused, or the upstream failed: in both cases nothing is charged, and a lie would gain nothing.
      this.#wallet.unpaid(payment);
    }
  }

  async #wait(attempt: number, response: Response | undefined, signal: AbortSignal, payment: Payment): Promise<void> {
    const asked = Number(response?.headers.get("retry-after") ?? Number.NaN) * 1000;
    const wait = Number.isFinite(asked) && asked >= 0 ? asked : RETRY_WAIT_MS * 2 ** attempt;
    try {
      await later(Math.min(wait, RETRY_WAIT_MS_MAX), signal);
    } catch (error) {
      this.#wallet.paid(payment, undefined);
      throw error;
    }
  }

  #remember(place: string, asked: PaymentRequired): void {
    if (this.options.remembersOffers === false) return;
    this.#offers.delete(place);
    const accepts = asked.accepts.map(withoutState);
    this.#offers.set(place, { ...asked, accepts });
    const oldest = this.#offers.keys().next().value;
    if (this.#offers.size > OFFERS_REMEMBERED_MAX && oldest !== undefined) this.#offers.delete(oldest);
  }
}

/** What a 402 of x402 says; `undefined` for every other answer. */
function askedFor(response: Response): PaymentRequired | undefined {
  return response.status === 402 ? paymentRequiredOf(response.headers.get(PAYMENT_REQUIRED)) : undefined;
}

/** Reads what nobody wants, so that the connection can be used again. */
async function drain(response: Response): Promise<void> {
  await response.arrayBuffer().catch(() => undefined);
}

function sameOffers(one: PaymentRequired, other: PaymentRequired): boolean {
  const text = (asked: PaymentRequired) => JSON.stringify(asked.accepts.map(withoutState));
  return text(one) === text(other);
}

/** The code of a problem. The body stays readable. */
async function codeOf(response: Response): Promise<string | undefined> {
  try {
    const problem: unknown = await response.clone().json();
    return isObject(problem) && typeof problem.code === "string" ? problem.code : undefined;
  } catch {
    return undefined;
  }
}
