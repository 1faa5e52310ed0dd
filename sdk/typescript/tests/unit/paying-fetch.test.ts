// The fetch that pays, against a server that speaks the wire: corrections, limits, many at once, lost answers.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { PaymentError, exactOf, exactOfAtomic, memoryStore, payingFetch, signVoucher } from "@tollbook/sdk";
import type { PayingFetchOptions, Receipt, VoucherStore } from "@tollbook/sdk";
import { OTHER_KEY, testSession } from "../support/sessions.js";
import { WireServer } from "../support/wire-server.js";

const session = testSession();
let server: WireServer;
let url: string;
let receipts: Receipt[];

beforeEach(async () => {
  server = new WireServer(session);
  url = await server.start();
  receipts = [];
});
afterEach(() => server.stop());

function paying(options: Partial<PayingFetchOptions> = {}): typeof fetch {
  return payingFetch(fetch, {
    sessions: [session],
    maxAmountPerRequest: "0.001",
    onReceipt: (receipt) => receipts.push(receipt),
    ...options,
  });
}

async function text(response: Response | Promise<Response>): Promise<string> {
  const { status } = await response;
  assert.equal(status, 200);
  return (await response).text();
}

describe("paying", () => {
  test("a 402 is paid with a voucher, and the next request pays at once", async () => {
    const pay = paying();
    assert.equal(await text(pay(`${url}/a`, { method: "POST", body: "one" })), "paid one");
    assert.equal(server.requests, 2);
    assert.equal(await text(pay(`${url}/a`, { method: "POST", body: "two" })), "paid two");
    assert.equal(server.requests, 3);
    assert.deepEqual(server.vouchers, [1000n, 2000n]);
    assert.equal(server.corrections, 0);
    assert.deepEqual(
      receipts.map((receipt) => receipt.extra?.charge_id),
      ["chg_1", "chg_2"],
    );
  });

  test("what asks for no payment is left alone", async () => {
    const plain = payingFetch(async () => new Response("free"), { sessions: [session], maxAmountPerRequest: 1n });
    assert.equal(await text(plain("http://x/")), "free");
    const other = payingFetch(async () => new Response("pay by invoice", { status: 402 }), {
      sessions: [session],
      maxAmountPerRequest: 1n,
    });
    assert.equal((await other("http://x/")).status, 402);
  });

  test("a voucher that still suffices is sent again", async () => {
    server.cost = 0n;
    const pay = paying();
    for (let i = 0; i < 5; i += 1) await text(pay(url));
    assert.deepEqual(new Set(server.vouchers), new Set([1000n]));
  });

  test("fractions of an atomic unit add up exactly", async () => {
    server.cost = exactOf("0.0000003");
    server.amount = 1n;
    const pay = paying();
    for (let i = 0; i < 10; i += 1) await text(pay(url));
    // 10 × 0.3 atomic units: 3, and the last request needed one more.
    assert.equal(server.charged, exactOf("0.000003"));
    assert.equal(server.vouchers.at(-1), 4n);
    assert.equal(server.corrections, 0);
  });

  test("a price that rose is paid as it is now", async () => {
    const pay = paying();
    await text(pay(url));
    server.misbehaviour.before = (_request, response) => {
      const payment = JSON.parse(Buffer.from(_request.headers["payment-signature"] as string, "base64").toString());
      if (payment.accepted.amount === server.amount.toString()) return false;
      const required = {
        x402Version: 2,
        error: "invalid_payment_requirements",
        resource: { url },
        accepts: [server.offer()],
      };
      response.writeHead(402, { "PAYMENT-REQUIRED": Buffer.from(JSON.stringify(required)).toString("base64") }).end();
      return true;
    };
    server.amount = 900n;
    server.cost = exactOfAtomic(900n);
    await text(pay(url));
    assert.equal(server.charged, exactOfAtomic(1900n));
  });
});

test("what a request costs at most may differ from that of the last one at the same place", async () => {
  const pay = paying();
  await text(pay(url));
  // The server tells only by its state, as the gateway does.
  for (const amount of [400n, 1000n, 10n, 900n]) {
    server.amount = amount;
    server.cost = exactOfAtomic(amount);
    await Promise.all(Array.from({ length: 5 }, () => text(pay(url))));
  }
  assert.equal(server.charged, exactOfAtomic(1000n + 5n * 2310n));
  server.amount = 1001n;
  await assert.rejects(paying({ sessions: [session] })(url), { code: "amount_above_limit" });
  await assert.rejects(
    (async () => {
      for (;;) await pay(url);
    })(),
    { code: "amount_above_limit" },
  );
});

describe("limits", () => {
  test("no offer above the limit is paid", async () => {
    server.amount = 1001n;
    await assert.rejects(paying()(url), { name: "PaymentError", code: "amount_above_limit" });
    assert.deepEqual(server.vouchers, []);
  });

  test("no offer of another chain, token, payee or contract is paid", async () => {
    for (const change of [
      { chainId: 1 },
      { token: "0x0000000000000000000000000000000000000001" },
      { payee: "0x0000000000000000000000000000000000000001" },
      { contract: "0x0000000000000000000000000000000000000001" },
    ] as const) {
      const pay = paying({ sessions: [{ ...session, ...change }] });
      await assert.rejects(pay(url), { name: "PaymentError", code: "no_session" });
    }
  });

  test("the server's word alone raises no voucher", async () => {
    // No voucher of ours proves that so much was spent.
    server.misbehaviour.state = (state) => ({ ...state, charged: "500000", required: "501000", voucher: null });
    server.charged = exactOfAtomic(500_000n);
    await assert.rejects(paying()(url), { name: "PaymentError", code: "state_not_trusted" });
    assert.deepEqual(server.vouchers, [1000n]);
  });

  test("a voucher of another key proves nothing", async () => {
    const forged = await signVoucher(testSession(OTHER_KEY), 500_000n);
    server.charged = exactOfAtomic(500_000n);
    server.stored = { max: 500_000n, signature: forged.signature };
    await assert.rejects(paying()(url), { name: "PaymentError", code: "state_not_trusted" });
    // Nor does our own for another amount.
    const own = await signVoucher(session, 400_000n);
    server.stored = { max: 500_000n, signature: own.signature };
    await assert.rejects(paying()(url), { name: "PaymentError", code: "state_not_trusted" });
    assert.deepEqual(server.vouchers, [1000n, 1000n]);
  });

  test("a state of another session is not believed", async () => {
    server.charged = exactOfAtomic(500n);
    server.misbehaviour.state = (state) => ({ ...state, sessionId: `0x${"cd".repeat(32)}` });
    await assert.rejects(paying()(url), { name: "PaymentError", code: "state_not_trusted" });
  });

  test("a server that never has enough gets a bounded number of vouchers", async () => {
    server.misbehaviour.before = async (_request, response) => {
      const payment = JSON.parse(Buffer.from(_request.headers["payment-signature"] as string, "base64").toString());
      const { maxClaimable, signature } = payment.payload;
      server.vouchers.push(BigInt(maxClaimable));
      const state = {
        sessionId: session.sessionId,
        charged: maxClaimable,
        held: "0",
        required: (BigInt(maxClaimable) + 1000n).toString(),
        voucher: { maxClaimable, signature },
      };
      const required = { x402Version: 2, error: "voucher_too_low", resource: { url }, accepts: [server.offer(state)] };
      response.writeHead(402, { "PAYMENT-REQUIRED": Buffer.from(JSON.stringify(required)).toString("base64") }).end();
      return true;
    };
    assert.equal((await paying()(url)).status, 402);
    assert.deepEqual(server.vouchers, [1000n, 2000n, 3000n, 4000n]);
  });

  test("a receipt that claims too much does not raise the next voucher beyond the limit", async () => {
    server.cost = exactOfAtomic(900_000n);
    const pay = paying();
    await text(pay(url));
    assert.equal((await pay(url).catch((error: unknown) => error)) instanceof PaymentError, true);
    assert.ok(server.vouchers.every((voucher) => voucher <= 2000n));
  });
});

describe("corrections", () => {
  test("a client that forgot everything recovers by its own last voucher", async () => {
    const pay = paying();
    for (let i = 0; i < 7; i += 1) await text(pay(url));
    assert.equal(server.corrections, 0);
    assert.equal(await text(paying()(url)), "paid ");
    assert.equal(server.corrections, 1);
    assert.equal(server.vouchers.at(-1), 8000n);
  });

  test("a client that remembers needs no correction", async () => {
    const store = memoryStore();
    for (let i = 0; i < 3; i += 1) await text(paying({ store })(url));
    // What was under way when the process ended may have been charged: it is not known, so one correction may come.
    assert.ok(server.corrections <= 2);
    assert.equal(server.charged, exactOfAtomic(3000n));
  });

  test("what another process charged with the same key is taken up", async () => {
    const [one, other] = [paying(), paying()];
    for (let i = 0; i < 5; i += 1) {
      await text(one(url));
      await text(other(url));
    }
    assert.equal(server.charged, exactOfAtomic(10_000n));
    assert.equal(server.stored?.max, 10_000n);
  });

  test("refusals that no voucher mends are the caller's", async () => {
    server.deposited = 1_500n;
    const pay = paying();
    await text(pay(url));
    const refused = await pay(url);
    assert.equal(refused.status, 402);
    assert.equal(((await refused.json()) as { code: string }).code, "insufficient_deposit");
  });

  test("the last unit of the deposit can be spent, also by many at once", async () => {
    server.deposited = 20_000n;
    server.delayMs = 5;
    server.cost = exactOfAtomic(1_000n);
    const pay = paying();
    const answers = await Promise.all(Array.from({ length: 30 }, () => pay(url)));
    const paid = answers.filter((response) => response.status === 200).length;
    // Requests whose hold did not fit while others were under way are refused, never overdrawn.
    assert.ok(paid <= 20);
    for (let i = paid; i < 20; i += 1) await text(pay(url));
    assert.equal(server.charged, exactOfAtomic(20_000n));
    assert.equal((await pay(url)).status, 402);
    assert.ok(server.vouchers.every((voucher) => voucher <= 50_000n));
  });

  test("without `deposited`, a voucher above the deposit is signed lower", async () => {
    server.misbehaviour.state = ({ deposited: _, ...state }) => state;
    server.isStreaming = true;
    server.amount = 1000n;
    server.cost = exactOfAtomic(10n);
    server.deposited = 1_500n;
    const pay = paying();
    // Each stream leaves a doubt of 1000 until its cost is known.
    for (let i = 0; i < 5; i += 1) assert.equal(await text(pay(url)), "partend");
    assert.equal(server.charged, exactOfAtomic(50n));
  });
});

describe("a key that took the place of another one", () => {
  const renewed = testSession(OTHER_KEY);
  let next: WireServer;

  /** The ledger as it is when the rotation is final: what the former key signed is no proof, and is not shown. */
  async function rotated(charged: bigint): Promise<string> {
    await server.stop();
    server = next = new WireServer(renewed);
    next.charged = exactOfAtomic(charged);
    return next.start();
  }

  const renewedPaying = (startAt?: bigint, options: Partial<PayingFetchOptions> = {}) =>
    paying({ sessions: [startAt === undefined ? renewed : { ...renewed, startAt }], ...options });

  test("knows nothing by itself, believes nothing, and says what to do", async () => {
    url = await rotated(500_000n);
    await assert.rejects(renewedPaying()(url), (error: unknown) => {
      assert.ok(error instanceof PaymentError);
      assert.equal(error.code, "state_not_trusted");
      assert.match(error.message, /wants a voucher of 501000 .* at most 1000 .*`startAt`.*`store`/);
      return true;
    });
    assert.deepEqual(next.vouchers, [1000n]);
  });

  test("goes on where the former one ended, with startAt", async () => {
    url = await rotated(500_000n);
    const pay = renewedPaying(500_000n);
    for (let i = 0; i < 3; i += 1) await text(pay(url));
    // Not `startAt` is signed but what is needed: the server says it, and is believed up to there.
    assert.deepEqual(next.vouchers, [1000n, 501_000n, 502_000n, 503_000n]);
    assert.equal(next.corrections, 1);
    // From now on there is a voucher of this key, which proves it.
    await text(renewedPaying()(url));
    assert.equal(next.vouchers.at(-1), 504_000n);
  });

  test("what former keys signed for ahead is not signed for again", async () => {
    url = await rotated(3_000n);
    const pay = renewedPaying(800_000n);
    for (let i = 0; i < 3; i += 1) await text(pay(url));
    assert.deepEqual(next.vouchers, [1000n, 4_000n, 5_000n, 6_000n]);
  });

  test("startAt is no more than it says", async () => {
    url = await rotated(500_000n);
    await assert.rejects(renewedPaying(499_999n)(url), { code: "state_not_trusted" });
    // Nor does it grow by what a server says: not even by a voucher of the former key.
    const former = await signVoucher(session, 900_000n);
    next.misbehaviour.state = (state) => ({
      ...state,
      charged: "900000",
      required: "900001",
      voucher: { maxClaimable: "900000", signature: former.signature },
    });
    const pay = renewedPaying(500_000n);
    for (let i = 0; i < 5; i += 1) await assert.rejects(pay(url), { code: "state_not_trusted" });
    next.misbehaviour.state = (state) => ({ ...state, charged: "501000", required: "501001" });
    await assert.rejects(renewedPaying(500_000n)(url), { code: "state_not_trusted" });
    assert.ok(next.vouchers.every((voucher) => voucher === 1000n));
  });

  test("many at once begin with startAt", async () => {
    url = await rotated(500_000n);
    next.delayMs = 10;
    const pay = renewedPaying(500_000n);
    await Promise.all(Array.from({ length: 50 }, () => text(pay(url))));
    assert.equal(next.charged, exactOfAtomic(550_000n));
    assert.ok(next.vouchers.every((voucher) => voucher <= 550_000n));
  });

  test("goes on with the store of the former one", async () => {
    const store = memoryStore();
    const before = paying({ store });
    for (let i = 0; i < 7; i += 1) await text(before(url));
    url = await rotated(7_000n);
    const pay = renewedPaying(undefined, { store });
    for (let i = 0; i < 3; i += 1) await text(pay(url));
    assert.equal(next.charged, exactOfAtomic(10_000n));
    assert.ok(next.corrections <= 1);
  });

  test("startAt is remembered, also when nothing was paid with it yet", async () => {
    url = await rotated(500_000n);
    const store = memoryStore();
    next.misbehaviour.before = (_request, response) => {
      response.writeHead(400).end();
      return true;
    };
    await renewedPaying(500_000n, { store })(url);
    next.misbehaviour = {};
    await text(renewedPaying(undefined, { store })(url));
    assert.equal(next.stored?.max, 501_000n);
  });

  test("the former key signs nothing more: the refusal is the caller's", async () => {
    const pay = paying();
    for (let i = 0; i < 3; i += 1) await text(pay(url));
    for (const error of ["voucher_wrong_signer", "voucher_too_low"]) {
      server.vouchers.length = 0;
      server.misbehaviour.before = (_request, response) => {
        const state = {
          sessionId: session.sessionId,
          key: renewed.key.address.toLowerCase(),
          charged: "3000",
          held: "0",
          required: "4000",
          voucher: null,
        };
        const required = { x402Version: 2, error, resource: { url }, accepts: [server.offer(state)] };
        response.writeHead(402, { "PAYMENT-REQUIRED": Buffer.from(JSON.stringify(required)).toString("base64") });
        response.end(JSON.stringify({ code: error }));
        return true;
      };
      const before = server.requests;
      const refused = await pay(url);
      assert.deepEqual([refused.status, await refused.json()], [402, { code: error }]);
      assert.equal(server.requests, before + 1);
    }
  });

  test("startAt is atomic units in a bigint, and nothing else", () => {
    for (const wrong of [500_000, "0.5", "500000", null]) {
      assert.throws(() => renewedPaying(wrong as unknown as bigint), TypeError, String(wrong));
    }
    for (const wrong of [-1n, 2n ** 128n]) assert.throws(() => renewedPaying(wrong), RangeError);
    renewedPaying(2n ** 128n - 1n);
  });
});

describe("many at once", () => {
  test("200 parallel requests are all paid, with vouchers for what is under way", async () => {
    server.delayMs = 20;
    const pay = paying();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => text(pay(`${url}/${i % 3}`, { method: "POST", body: String(i) }))),
    );
    assert.deepEqual(
      answers,
      Array.from({ length: 200 }, (_, i) => `paid ${i}`),
    );
    assert.equal(server.charged, exactOfAtomic(200_000n));
    assert.equal(server.held, 0n);
    assert.ok(server.heldAtOnceMax > 1000n, "they were under way together");
    assert.equal(server.corrections, 0);
    assert.ok(server.vouchers.every((voucher) => voucher <= 200_000n));
    assert.equal(new Set(receipts.map((receipt) => receipt.transaction)).size, 200);
  });

  test("a client that forgot everything recovers with many requests at once", async () => {
    const before = paying();
    for (let i = 0; i < 10; i += 1) await text(before(url));
    server.delayMs = 10;
    const pay = paying();
    await Promise.all(Array.from({ length: 50 }, () => text(pay(url))));
    assert.equal(server.charged, exactOfAtomic(60_000n));
    assert.ok(server.vouchers.every((voucher) => voucher <= 70_000n));
  });

  test("requests that cost less than they may leave no gap", async () => {
    server.cost = exactOf("0.0001234567");
    server.delayMs = 3;
    const pay = paying();
    for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 10 }, () => text(pay(url))));
    assert.equal(server.charged, exactOf("0.01234567"));
    assert.equal(server.corrections, 0);
  });

  test("streams whose cost is not known yet are counted at their most", async () => {
    server.isStreaming = true;
    server.cost = exactOfAtomic(1n);
    const pay = paying();
    await Promise.all(Array.from({ length: 20 }, () => text(pay(url))));
    assert.equal(server.charged, exactOfAtomic(20n));
    await text(pay(url));
    assert.equal(server.corrections, 0);
  });
});

describe("lost answers", () => {
  test("an answer that was lost is asked for again, and paid once", async () => {
    server.misbehaviour.after = (request, _response, paid) => {
      if (paid !== 1) return false;
      request.socket.destroy();
      return true;
    };
    assert.equal(await text(paying()(url, { method: "POST", body: "x" })), "paid x");
    assert.equal(server.charged, exactOfAtomic(1000n));
    assert.equal(server.answers.size, 1);
    assert.equal(receipts.length, 1);
  });

  test("503 and a request that is still under way are waited for with the same key", async () => {
    const keys = new Set<string>();
    server.misbehaviour.before = (request, response, paid) => {
      keys.add(request.headers["idempotency-key"] as string);
      if (paid === 1) {
        response.writeHead(503, { "Retry-After": "0" }).end();
        return true;
      }
      if (paid === 2) {
        response.writeHead(409, { "Content-Type": "application/problem+json", "Retry-After": "0" });
        response.end('{"code":"request_in_progress"}');
        return true;
      }
      return false;
    };
    assert.equal(await text(paying()(url)), "paid ");
    assert.equal(keys.size, 1);
    assert.match([...keys][0] ?? "", /^[0-9a-f-]{36}$/);
  });

  test("a caller's own Idempotency-Key is kept", async () => {
    await text(paying()(url, { headers: { "Idempotency-Key": "order-7" } }));
    assert.deepEqual([...server.answers.keys()], ["order-7"]);
  });

  test("a key that is spent is renewed for requests that may be repeated, and for no others", async () => {
    server.misbehaviour.before = (_request, response, paid) => {
      if (paid !== 1) return false;
      response.writeHead(409, { "Content-Type": "application/problem+json" });
      response.end('{"code":"idempotency_key_spent"}');
      return true;
    };
    await text(paying()(url));
    const again = new WireServer(session);
    const other = await again.start();
    again.misbehaviour = server.misbehaviour;
    assert.equal((await paying()(other, { method: "POST", body: "x" })).status, 409);
    await again.stop();
  });

  test("an outcome that stays unknown counts as spent", async () => {
    let isDown = true;
    server.misbehaviour.before = (request) => {
      if (isDown) request.socket.destroy();
      return isDown;
    };
    const pay = paying({ retriesMax: 1 });
    await assert.rejects(pay(url));
    isDown = false;
    await text(pay(url));
    // The lost request may have been charged: the voucher reaches for both.
    assert.deepEqual(server.vouchers, [2000n]);
  });

  test("a caller that gives up is let go", async () => {
    server.delayMs = 10_000;
    const signal = AbortSignal.timeout(100);
    await assert.rejects(paying()(url, { signal }), { name: "TimeoutError" });
  });

  test("a store that fails stops the payment, not the counter", async () => {
    let fails = true;
    const store: VoucherStore = {
      get: () => undefined,
      set: () => {
        if (fails) throw new Error("disk full");
      },
    };
    const pay = paying({ store });
    await assert.rejects(pay(url), /disk full/);
    fails = false;
    await text(pay(url));
    assert.equal(server.charged, exactOfAtomic(1000n));
  });
});
