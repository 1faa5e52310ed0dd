// A server that speaks x402 with the scheme `session`, with a ledger of one session in memory. It does what the gateway
// does, as far as a client can see it, and misbehaves where a test asks for it.

import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  PAYMENT_REQUIRED,
  PAYMENT_RESPONSE,
  atomicUp,
  decimalOf,
  decode,
  encode,
  exactOfAtomic,
  isObject,
  isSignedByKey,
} from "@tollbook/sdk";
import type { Session } from "@tollbook/sdk";
import type { Hex } from "viem";

export interface Served {
  status: number;
  body: string;
  receipt: Record<string, unknown>;
}

export interface Misbehaviour {
  /** Before anything is done with a paid request: `true` when it has answered, or cut the line, itself. */
  before?: (request: IncomingMessage, response: ServerResponse, paid: number) => boolean | Promise<boolean>;
  /** After a paid request was carried out, instead of answering it. */
  after?: (request: IncomingMessage, response: ServerResponse, paid: number) => boolean | Promise<boolean>;
  /** Other words in a corrective 402. */
  state?: (state: Record<string, unknown>) => Record<string, unknown>;
}

export class WireServer {
  /** Atomic units. */
  deposited = 1_000_000n;
  /** What a request may cost at most, and what it costs in 10⁻¹² units. */
  amount = 1_000n;
  cost = exactOfAtomic(1_000n);
  /** How long a request takes. */
  delayMs = 0;
  isStreaming = false;
  misbehaviour: Misbehaviour = {};

  charged = 0n;
  held = 0n;
  stored: { max: bigint; signature: Hex } | undefined;
  heldAtOnceMax = 0n;
  requests = 0;
  corrections = 0;
  readonly vouchers: bigint[] = [];
  readonly answers = new Map<string, Served | "open">();
  readonly receipts: Record<string, unknown>[] = [];

  #paid = 0;
  #server = createServer((request, response) => {
    this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  constructor(readonly session: Session) {}

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** What it offers. */
  offer(state?: Record<string, unknown>): Record<string, unknown> {
    const { chainId, contract, token, payee } = this.session;
    return {
      scheme: "session",
      network: `eip155:${chainId}`,
      amount: this.amount.toString(),
      asset: token.toLowerCase(),
      payTo: payee.toLowerCase(),
      maxTimeoutSeconds: 600,
      extra: {
        name: "SessionKeyValidator",
        version: "1",
        verifyingContract: contract.toLowerCase(),
        organization: "org_1",
        ...(state ? { state } : {}),
      },
    };
  }

  #refuse(response: ServerResponse, error: string | undefined, state?: Record<string, unknown>): void {
    const required = { x402Version: 2, error, resource: { url: "http://x/" }, accepts: [this.offer(state)] };
    response.writeHead(402, { [PAYMENT_REQUIRED]: encode(required), "Content-Type": "application/problem+json" });
    response.end(JSON.stringify({ status: 402, code: error ?? "payment_required" }));
  }

  #state(required: bigint): Record<string, unknown> {
    const state = {
      sessionId: this.session.sessionId,
      key: this.session.key.address.toLowerCase(),
      charged: atomicUp(this.charged).toString(),
      held: this.held.toString(),
      available: "0",
      deposited: this.deposited.toString(),
      required: required.toString(),
      voucher: this.stored ? { maxClaimable: this.stored.max.toString(), signature: this.stored.signature } : null,
    };
    return this.misbehaviour.state?.(state) ?? state;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const header = request.headers["payment-signature"];
    if (header === undefined) return this.#refuse(response, undefined);
    this.#paid += 1;
    const paid = this.#paid;
    if (await this.misbehaviour.before?.(request, response, paid)) return;
    const key = request.headers["idempotency-key"] as string | undefined;
    const earlier = key === undefined ? undefined : this.answers.get(key);
    if (earlier === "open") {
      response.writeHead(409, { "Content-Type": "application/problem+json", "Retry-After": "0" });
      response.end(JSON.stringify({ status: 409, code: "request_in_progress" }));
      return;
    }
    if (earlier) return this.#answer(response, earlier);
    const payment = decode(header as string);
    const payload = isObject(payment) && isObject(payment.payload) ? payment.payload : {};
    const max = BigInt(String(payload.maxClaimable));
    const signature = payload.signature as Hex;
    if (payload.sessionId !== this.session.sessionId) return this.#refuse(response, "session_not_found");
    if (!(await isSignedByKey(this.session, max, signature))) return this.#refuse(response, "voucher_wrong_signer");
    this.vouchers.push(max);
    const required = atomicUp(this.charged) + this.held + this.amount;
    if (required > this.deposited) return this.#refuse(response, "insufficient_deposit", this.#state(required));
    if (max > this.deposited) {
      this.corrections += 1;
      return this.#refuse(response, "voucher_above_deposit", this.#state(required));
    }
    const highest = this.stored && this.stored.max > max ? this.stored : { max, signature };
    if (highest.max < required) {
      this.corrections += 1;
      return this.#refuse(response, "voucher_too_low", this.#state(required));
    }
    this.stored = highest;
    this.held += this.amount;
    if (this.held > this.heldAtOnceMax) this.heldAtOnceMax = this.held;
    if (key !== undefined) this.answers.set(key, "open");
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    const amount = this.amount;
    const capture = (): Record<string, unknown> => {
      this.held -= amount;
      this.charged += this.cost;
      const receipt = this.#receipt(`chg_${paid}`, decimalOf(this.cost));
      this.receipts.push(receipt);
      return receipt;
    };
    if (this.isStreaming) {
      this.#answer(response, { status: 200, body: "part", receipt: this.#receipt(`hold_${paid}`, undefined) }, false);
      setTimeout(() => {
        capture();
        response.end("end");
      }, 5);
      return;
    }
    const served: Served = { status: 200, body: `paid ${Buffer.concat(chunks).toString()}`, receipt: capture() };
    if (key !== undefined) this.answers.set(key, served);
    if (await this.misbehaviour.after?.(request, response, paid)) return;
    this.#answer(response, served);
  }

  #receipt(transaction: string, cost: string | undefined): Record<string, unknown> {
    return {
      success: true,
      transaction,
      network: `eip155:${this.session.chainId}`,
      payer: this.session.key.address,
      extra: {
        ...(cost === undefined ? { pending: true } : { charge_id: transaction, cost }),
        currency: "USDC",
        charged: atomicUp(this.charged).toString(),
        held: this.held.toString(),
        sessionId: this.session.sessionId,
      },
    };
  }

  #answer(response: ServerResponse, served: Served, ends = true): void {
    response.writeHead(served.status, { [PAYMENT_RESPONSE]: encode(served.receipt), "Content-Type": "text/plain" });
    if (ends) response.end(served.body);
    else response.write(served.body);
  }
}
