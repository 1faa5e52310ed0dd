// A ledger and a facilitator in memory, for tests of the middleware that need no chain: one customer with credits, one
// session. It answers as Tollbook does, and fails where a test asks for it.

import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { atomicOf, atomicUp, decimalOf, exactOf, exactOfAtomic, isSignedByKey } from "@tollbook/sdk";
import type { Session } from "@tollbook/sdk";
import type { Hex } from "viem";

interface FakeHold {
  id: string;
  who: "cus_1" | "ses_1";
  amount: bigint;
  status: "open" | "captured" | "voided";
  request: string;
}

type Json = Record<string, unknown>;

export class FakeLedger {
  /** 10⁻¹² units. */
  credits = exactOf("10");
  currency = "USD";
  deposited = exactOf("5");
  charged = 0n;
  voucher: { max: bigint; signature: Hex } | undefined;
  /** The same, by a key that was replaced. */
  former: { max: bigint; signature: Hex } | undefined;
  /** Whether another key was seen on the chain, and that is not final. */
  isRotating = false;
  /** Answers every request of these paths with 503. */
  down: RegExp | undefined;
  /** The same once, after it was done. */
  lose: RegExp | undefined;
  settleAnswers: (Json | number)[] = [];
  verifyAnswer: Json = { isValid: true, payer: "0x01" };
  payee: string | null;
  /** Whether a session key is shown with the signature of its highest voucher. */
  tellsSignature = true;

  readonly holds = new Map<string, FakeHold>();
  readonly charges: { id: string; who: string; amount: string }[] = [];
  readonly settled: { key: string; nonce: string }[] = [];
  readonly calls: string[] = [];
  readonly #byKey = new Map<string, { status: number; body: Json }>();

  #server = createServer((request, response) => {
    this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  constructor(public session: Session) {
    this.payee = session.payee;
  }

  /** Another key signs from now on. */
  rotate(session: Session): void {
    [this.former, this.voucher, this.session] = [this.voucher, undefined, session];
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Reserved now, of customer and session. */
  get held(): { account: bigint; session: bigint } {
    const sum = (who: string) =>
      [...this.holds.values()].reduce(
        (all, one) => all + (one.status === "open" && one.who === who ? one.amount : 0n),
        0n,
      );
    return { account: sum("cus_1"), session: sum("ses_1") };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = (text ? JSON.parse(text) : {}) as Json;
    const url = new URL(request.url ?? "/", "http://x");
    const path = url.pathname;
    this.calls.push(`${request.method} ${path}`);
    const answer = (status: number, value: Json, headers: Record<string, string> = {}) => {
      response.writeHead(status, {
        "Content-Type": status < 400 ? "application/json" : "application/problem+json",
        ...headers,
      });
      response.end(JSON.stringify(value));
    };
    if (this.down?.test(path)) return answer(503, { status: 503, code: "unavailable" }, { "Retry-After": "0" });
    const key = request.headers["idempotency-key"] as string | undefined;
    const isWrite = request.method === "POST" && path.startsWith("/v1/") && !path.endsWith("/lookup");
    const earlier = isWrite && key !== undefined ? this.#byKey.get(`${path} ${key}`) : undefined;
    if (earlier) {
      const known = this.holds.get(String(earlier.body.id));
      const request_ = (body.metadata as Json | undefined)?.request;
      if (known && request_ !== undefined && known.request !== request_) {
        return answer(422, { status: 422, code: "idempotency_key_reused" });
      }
      return answer(earlier.status, earlier.body, { "idempotent-replayed": "true" });
    }
    const made = await this.#do(request.method ?? "GET", path, url, body, key);
    if (isWrite && key !== undefined && made.status < 400) this.#byKey.set(`${path} ${key}`, made);
    if (this.lose?.test(path)) {
      this.lose = undefined;
      request.socket.destroy();
      return;
    }
    answer(made.status, made.body);
  }

  async #do(
    method: string,
    path: string,
    url: URL,
    body: Json,
    key: string | undefined,
  ): Promise<{ status: number; body: Json }> {
    const problem = (status: number, code: string, more: Json = {}) => ({
      status,
      body: { status, code, detail: code, ...more },
    });
    const { session } = this;
    if (path === "/v1/organization") return { status: 200, body: { id: "org_1", payee: this.payee } };
    if (path === "/supported") {
      const network = `eip155:${session.chainId}`;
      const kinds = [
        { x402Version: 2, scheme: "exact", network, extra: { asset: session.token, name: "USD Coin", version: "2" } },
        { x402Version: 1, scheme: "exact", network: "local" },
        {
          x402Version: 2,
          scheme: "session",
          network,
          extra: {
            asset: session.token,
            name: "SessionKeyValidator",
            version: "1",
            verifyingContract: session.contract,
          },
        },
      ];
      return { status: 200, body: { kinds, extensions: [], signers: {} } };
    }
    if (path === "/verify") return { status: 200, body: this.verifyAnswer };
    if (path === "/settle") {
      const next = this.settleAnswers.shift();
      if (typeof next === "number") return problem(next, "unavailable");
      if (next) return { status: 200, body: next };
      const { paymentPayload } = body as { paymentPayload: { payload: { authorization: { nonce: string } } } };
      this.settled.push({ key: key ?? "", nonce: paymentPayload.payload.authorization.nonce });
      const network = `eip155:${session.chainId}`;
      return { status: 200, body: { success: true, transaction: "0xabc", network, payer: "0x01" } };
    }
    if (path === "/v1/gateway_keys/lookup") {
      if (body.secret === "tbk_customer")
        return { status: 200, body: { payer: { type: "customer", customer_id: "cus_1" } } };
      if (body.secret === "tbk_session")
        return { status: 200, body: { payer: { type: "session_key", session_key_id: "ses_1" } } };
      return problem(404, "gateway_key_not_found");
    }
    if (path === "/v1/session_keys") {
      const isOurs = url.searchParams.get("session_id") === session.sessionId;
      return {
        status: 200,
        body: {
          object: "list",
          data: isOurs ? [{ id: "ses_1", session_id: session.sessionId, owner: "0x01" }] : [],
          has_more: false,
        },
      };
    }
    if (path === "/v1/session_keys/ses_1") {
      const stored = this.voucher ?? this.former;
      const voucher = stored && {
        max_claimable: decimalOf(exactOfAtomic(stored.max)),
        max_claimable_atomic: stored.max.toString(),
        remaining: "0",
        ...(this.tellsSignature ? { signature: stored.signature } : {}),
        ...(this.voucher ? {} : { former_until: "2026-12-01T00:00:00Z" }),
      };
      return {
        status: 200,
        body: {
          id: "ses_1",
          session_id: session.sessionId,
          custody: "self",
          key: session.key.address,
          deposited: decimalOf(this.deposited),
          withdrawn: "0",
          charged: decimalOf(this.charged),
          held: decimalOf(this.held.session),
          available: decimalOf(this.deposited - this.charged - this.held.session),
          voucher: voucher ?? null,
        },
      };
    }
    if (path === "/v1/holds") return this.#place(body);
    const [, id, action] = /^\/v1\/holds\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
    const hold = this.holds.get(id ?? "");
    if (!hold) return problem(404, "hold_not_found");
    if (method === "GET") return { status: 200, body: { id: hold.id, status: hold.status } };
    if (hold.status !== "open") return problem(409, "hold_ended");
    if (action === "void") {
      hold.status = "voided";
      return { status: 200, body: this.#shown(hold) };
    }
    const amount = exactOf(String(body.amount));
    if (amount > hold.amount) return problem(422, "capture_above_hold");
    hold.status = "captured";
    if (hold.who === "cus_1") this.credits -= amount;
    else this.charged += amount;
    const charge = { id: `chg_${hold.id.slice(5)}`, who: hold.who, amount: decimalOf(amount) };
    this.charges.push(charge);
    return { status: 201, body: { ...this.#shown(hold), ...charge } };
  }

  async #place(body: Json): Promise<{ status: number; body: Json }> {
    const problem = (status: number, code: string, more: Json = {}) => ({
      status,
      body: { status, code, detail: code, ...more },
    });
    const amount = exactOf(String(body.amount));
    const who = body.customer_id === "cus_1" ? "cus_1" : "ses_1";
    if (body.currency !== (who === "cus_1" ? this.currency : "USDC")) return problem(422, "currency_mismatch");
    if (who === "cus_1") {
      if (this.credits - this.held.account < amount)
        return problem(402, "insufficient_funds", { remaining: decimalOf(this.credits) });
    } else {
      if (this.isRotating) return problem(409, "key_rotating");
      if (this.deposited - this.charged - this.held.session < amount) return problem(402, "insufficient_deposit");
      const given = body.voucher as { max_claimable: string; signature: Hex } | undefined;
      let highest = this.voucher;
      if (given) {
        const max = BigInt(given.max_claimable);
        if (!(await isSignedByKey(this.session, max, given.signature))) return problem(422, "voucher_wrong_signer");
        if (max > atomicOf(decimalOf(this.deposited))) return problem(422, "voucher_above_deposit");
        if (!highest || max > highest.max) highest = { max, signature: given.signature };
      }
      const needed = atomicUp(this.charged + this.held.session + amount);
      if (given && (highest?.max ?? 0n) < needed) {
        return problem(402, "voucher_too_low", { needed_atomic: needed.toString() });
      }
      this.voucher = highest;
    }
    const request = String((body.metadata as Json | undefined)?.request ?? "");
    const hold: FakeHold = { id: `hold_${this.holds.size + 1}`, who, amount, status: "open", request };
    this.holds.set(hold.id, hold);
    return { status: 201, body: this.#shown(hold) };
  }

  #shown(hold: FakeHold): Json {
    const isAccount = hold.who === "cus_1";
    const session = {
      deposited: decimalOf(this.deposited),
      charged: decimalOf(this.charged),
      held: decimalOf(this.held.session),
      available: decimalOf(this.deposited - this.charged - this.held.session),
    };
    const account = { available: decimalOf(this.credits - this.held.account) };
    return {
      id: hold.id,
      status: hold.status,
      currency: isAccount ? this.currency : "USDC",
      held: decimalOf(hold.amount),
      account: isAccount ? account : null,
      session: isAccount ? null : session,
      position: "0:1",
    };
  }
}
