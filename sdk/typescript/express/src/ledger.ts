// What the middleware asks of the ledger: who a key belongs to, a hold before the handler, a capture or a void after it.
// Every request can be repeated; what stays unknown is 503.

import { TollbookError, answer, answered, atomicDown, atomicUp, exactOf, isObject } from "@tollbook/sdk";
import type { Tollbook, components } from "@tollbook/sdk";
import { Problem, Refused, unavailable } from "./problem.js";

type Charge = components["schemas"]["ChargeOut"];
type Hold = components["schemas"]["HoldOut"];
type NewHold = components["schemas"]["NewHold"];

/** Who pays. */
export type Payer = { customer_id: string } | { session_key_id: string };

/** A voucher, as the ledger reads it. */
export type LedgerVoucher = components["schemas"]["VoucherIn"];

/** What is to be reserved. */
export interface Asked {
  payer: Payer;
  /** A decimal string. */
  amount: string;
  /** Tried in this order, until one is the payer's. */
  currencies: readonly string[];
  seconds: number;
  /** Makes it the same hold when it is asked for again. */
  key: string;
  /** What the hold is for: the same key with another request is refused. */
  digest: string;
  voucher?: LedgerVoucher;
  description?: string;
}

const SESSIONS_KNOWN_MAX = 10_000;

/** Codes that a 402 calls otherwise than the ledger. The gateway does the same. */
const RENAMED: Readonly<Record<string, string>> = {
  voucher_required: "voucher_too_low",
  period_limit_exceeded: "period_limit_reached",
  session_key_not_found: "session_not_found",
};

/** What else than a 402 of the ledger means that the payer cannot pay. */
const CANNOT_PAY = /^(session_|voucher_|claim_set_aside$)/;

/** Refusals for which a client is told where its session stands. */
const CORRECTIVE = new Set(["voucher_too_low", "voucher_above_deposit", "insufficient_deposit"]);

/** A session on the chain, in the ledger. */
export interface KnownSession {
  /** The ledger's id. */
  id: string;
  /** Whose money it is. */
  owner: string;
}

export class Ledger {
  /** Sessions by what the contract calls them. What is kept of them never changes. */
  readonly #sessions = new Map<string, KnownSession>();
  /** The highest voucher that came by here, by session key. */
  readonly #vouchers = new Map<string, { maxClaimable: string; signature: string }>();

  constructor(private readonly client: Tollbook) {}

  /** The organization of the API key. */
  async organization(): Promise<{ id: string; payee: string | undefined }> {
    const { id, payee } = await ask(() => answer(this.client.GET("/v1/organization")));
    return { id, payee: payee ?? undefined };
  }

  /** Who a gateway key belongs to. */
  async payerOf(secret: string): Promise<Payer | undefined> {
    try {
      const found: unknown = await answer(this.client.POST("/v1/gateway_keys/lookup", { body: { secret } }));
      const shown = isObject(found) ? found : {};
      const payer = isObject(shown.payer) ? shown.payer : shown;
      if (typeof payer.session_key_id === "string") return { session_key_id: payer.session_key_id };
      if (typeof payer.customer_id === "string") return { customer_id: payer.customer_id };
      throw unavailable("the ledger does not say who the key belongs to");
    } catch (error) {
      if (error instanceof TollbookError && error.code === "gateway_key_not_found") return undefined;
      throw asProblem(error);
    }
  }

  /** A session of the chain. */
  async sessionKeyOf(sessionId: string): Promise<KnownSession | undefined> {
    const name = sessionId.toLowerCase();
    const known = this.#sessions.get(name);
    if (known) return known;
    const query = { session_id: name, limit: 1 };
    const { data } = await ask(() => answer(this.client.GET("/v1/session_keys", { params: { query } })));
    const found = data.find((one) => one.session_id.toLowerCase() === name);
    if (!found) return undefined;
    if (this.#sessions.size >= SESSIONS_KNOWN_MAX) this.#sessions.clear();
    const session = { id: found.id, owner: found.owner };
    this.#sessions.set(name, session);
    return session;
  }

  /** Reserves. Throws `Refused` when the payer cannot pay. */
  async hold(asked: Asked): Promise<{ hold: Hold; isReplayed: boolean }> {
    for (const [index, currency] of asked.currencies.entries()) {
      const body: NewHold = {
        ...asked.payer,
        amount: asked.amount,
        currency,
        ttl_secs: asked.seconds,
        metadata: { request: asked.digest },
        ...(asked.voucher ? { voucher: asked.voucher } : {}),
        ...(asked.description ? { description: asked.description.slice(0, 200) } : {}),
      };
      try {
        const headers = { "Idempotency-Key": asked.key };
        const { data, response } = await answered(this.client.POST("/v1/holds", { body, headers }));
        this.#keep(asked);
        return { hold: data, isReplayed: response.headers.get("idempotent-replayed") === "true" };
      } catch (error) {
        const isOther = error instanceof TollbookError && error.code === "currency_mismatch";
        if (isOther && index + 1 < asked.currencies.length) continue;
        throw await this.#refusal(error, asked);
      }
    }
    throw new TypeError("currencies is empty");
  }

  /** The ledger took it, so it may be shown to its signer again. */
  #keep({ payer, voucher }: Asked): void {
    if (!voucher || !("session_key_id" in payer)) return;
    const { max_claimable: maxClaimable, signature } = voucher;
    const known = this.#vouchers.get(payer.session_key_id);
    if (known && BigInt(known.maxClaimable) >= BigInt(maxClaimable)) return;
    if (this.#vouchers.size >= SESSIONS_KNOWN_MAX) this.#vouchers.clear();
    this.#vouchers.set(payer.session_key_id, { maxClaimable, signature });
  }

  async #refusal(error: unknown, asked: Asked): Promise<unknown> {
    if (!(error instanceof TollbookError)) return asProblem(error);
    const { code, problem } = error;
    if (code === "idempotency_key_reused") {
      return new Problem(422, code, "this idempotency key was used before with another request");
    }
    if (code === "currency_mismatch")
      return new Refused("currency_not_accepted", "the price is in no currency of the payer");
    if (code === "too_many_holds") {
      return new Problem(429, code, error.message, { retry_after: 1 }, { "Retry-After": "1" });
    }
    // Its owner is changing the session's key: another voucher is taken when that is final.
    if (code === "key_rotating") return new Problem(409, code, error.message);
    if (error.status !== 402 && !CANNOT_PAY.test(code)) return asProblem(error);
    const reason = RENAMED[code] ?? code;
    const { type: _type, title: _title, status: _status, code: _code, request_id: _id, detail, ...fields } = problem;
    const words = typeof detail === "string" ? detail : error.message;
    const state =
      "session_key_id" in asked.payer && CORRECTIVE.has(reason) ? await this.#state(asked, problem) : undefined;
    return new Refused(reason, words, fields, state);
  }

  /** What a client needs to sign a better voucher. */
  async #state(asked: Asked, problem: Readonly<Record<string, unknown>>): Promise<Record<string, unknown> | undefined> {
    if (!("session_key_id" in asked.payer)) return undefined;
    const path = { id: asked.payer.session_key_id };
    const key = await ask(() => answer(this.client.GET("/v1/session_keys/{id}", { params: { path } })));
    if (key.custody !== "self") return undefined;
    const [charged, held] = [exactOf(key.charged), exactOf(key.held)];
    const needed = typeof problem.needed_atomic === "string" ? BigInt(problem.needed_atomic) : 0n;
    const required = atomicUp(charged + held + exactOf(asked.amount));
    const { voucher } = key;
    // By a key that was replaced: no proof for the present one.
    const isFormer = Boolean(voucher?.former_until);
    if (isFormer) this.#vouchers.delete(key.id);
    const signature = voucher && !isFormer && "signature" in voucher ? voucher.signature : undefined;
    const stored = voucher && signature ? { maxClaimable: voucher.max_claimable_atomic, signature } : undefined;
    return {
      sessionId: key.session_id,
      key: key.key,
      charged: atomicUp(charged).toString(),
      held: atomicUp(held).toString(),
      available: atomicDown(exactOf(key.available)).toString(),
      deposited: atomicDown(exactOf(key.deposited) - exactOf(key.withdrawn)).toString(),
      required: (needed > required ? needed : required).toString(),
      voucher: stored ?? this.#vouchers.get(asked.payer.session_key_id) ?? null,
    };
  }

  /** What became of a hold that was placed before. */
  async statusOf(hold: Hold): Promise<string> {
    const params = { path: { id: hold.id }, query: { min_position: hold.position } };
    const { status } = await ask(() => answer(this.client.GET("/v1/holds/{id}", { params })));
    return status;
  }

  /** Charges what it came to, and gives the rest back. */
  async capture(holdId: string, amount: string): Promise<Charge> {
    const params = { path: { id: holdId } };
    const headers = { "Idempotency-Key": `paid:capture:${holdId}` };
    return ask(() => answer(this.client.POST("/v1/holds/{id}/capture", { params, body: { amount }, headers })));
  }

  /** Gives all of it back. */
  async void(holdId: string): Promise<void> {
    const params = { path: { id: holdId } };
    const headers = { "Idempotency-Key": `paid:void:${holdId}` };
    await ask(() => answer(this.client.POST("/v1/holds/{id}/void", { params, headers })));
  }
}

async function ask<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asProblem(error);
  }
}

/** Whatever else went wrong with the ledger: nothing is delivered. */
function asProblem(error: unknown): unknown {
  if (error instanceof Problem || error instanceof Refused) return error;
  return unavailable("the ledger cannot be asked now", error);
}
