// The middleware on Express 4 and 5, against a ledger in memory: who passes, what is charged, and what happens when
// anything fails.

import assert from "node:assert/strict";
import { request as rawRequest } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { paid } from "@tollbook/express";
import type { PaidOptions } from "@tollbook/express";
import { decimalOf, encode, exactOf, payingFetch, paymentRequiredOf, receiptOf, signVoucher } from "@tollbook/sdk";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPaymentFromConfig } from "@x402/fetch";
import express5 from "express";
import type { Express, RequestHandler } from "express";
import express4 from "express4";
import { privateKeyToAccount } from "viem/accounts";
import { FakeLedger } from "../support/fake-ledger.js";
import { OTHER_KEY, TEST_KEY, testSession } from "../support/sessions.js";

const session = testSession();
const BEARER = { Authorization: "Bearer tbk_customer" };

for (const [name, express] of [
  ["Express 4", express4],
  ["Express 5", express5],
] as const) {
  describe(name, () => {
    let ledger: FakeLedger;
    let api: string;
    let server: Server | undefined;
    let runs: number;
    let errors: unknown[];

    beforeEach(async () => {
      ledger = new FakeLedger(session);
      api = await ledger.start();
      runs = 0;
      errors = [];
    });
    afterEach(async () => {
      server?.closeAllConnections();
      server?.close();
      server = undefined;
      await ledger.stop();
    });

    function options(more: Partial<PaidOptions> = {}): PaidOptions {
      return {
        price: "0.01",
        tollbook: { url: api, apiKey: "tb_test", retriesMax: 1 },
        gateway: api,
        onError: (error) => errors.push(error),
        ...more,
      };
    }

    async function serve(
      handler: RequestHandler,
      more: Partial<PaidOptions> = {},
      prepare?: (app: Express) => void,
    ): Promise<string> {
      const app = express();
      prepare?.(app);
      app.all(
        "/paid",
        paid(options(more)),
        (_request, _response, next) => {
          runs += 1;
          next();
        },
        handler,
      );
      app.use(((_error, _request, response, _next) => {
        response.status(500).send("the app's own error page");
      }) as import("express").ErrorRequestHandler);
      server = app.listen(0, "127.0.0.1");
      await new Promise((resolve) => server?.once("listening", resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/paid`;
    }

    const hello: RequestHandler = (_request, response) => {
      response.json({ hello: "world" });
    };

    async function code(response: Response): Promise<unknown> {
      return ((await response.json()) as { code: unknown }).code;
    }

    function spentOf(): string {
      return decimalOf(exactOf("10") - ledger.credits);
    }

    test("without a payment: 402 with both offers, and the handler does not run", async () => {
      const response = await fetch(await serve(hello, { description: "a greeting" }));
      assert.equal(response.status, 402);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      const required = JSON.parse(Buffer.from(response.headers.get("payment-required") ?? "", "base64").toString());
      assert.equal(required.x402Version, 2);
      assert.equal(required.resource.url, response.url);
      assert.equal(required.resource.description, "a greeting");
      assert.deepEqual(
        required.accepts.map((offer: { scheme: string; amount: string }) => [offer.scheme, offer.amount]),
        [
          ["session", "10000"],
          ["exact", "10000"],
        ],
      );
      assert.equal(required.accepts[0].extra.verifyingContract, session.contract);
      assert.equal(await code(response), "payment_required");
      assert.equal(runs, 0);
    });

    test("a key pays, and the answer says what it cost", async () => {
      const response = await fetch(await serve(hello), { headers: BEARER });
      assert.equal(response.status, 200);
      assert.deepEqual(await response.json(), { hello: "world" });
      assert.equal(response.headers.get("x-tollbook-cost"), "0.01");
      assert.equal(response.headers.get("x-tollbook-currency"), "USD");
      assert.equal(response.headers.get("x-tollbook-remaining"), "9.99");
      assert.equal(response.headers.get("x-tollbook-charge"), "chg_1");
      assert.equal(spentOf(), "0.01");
    });

    test("a key of a managed session pays from its deposit", async () => {
      const headers = { Authorization: "Bearer tbk_session" };
      assert.equal((await fetch(await serve(hello), { headers })).status, 200);
      assert.equal(ledger.charged, exactOf("0.01"));
    });

    test("a key that opens nothing is 401, one without money 402", async () => {
      const url = await serve(hello);
      const unknown = await fetch(url, { headers: { Authorization: "Bearer tbk_nobody" } });
      assert.equal(unknown.status, 401);
      ledger.credits = exactOf("0.005");
      const poor = await fetch(url, { headers: BEARER });
      assert.equal(poor.status, 402);
      const problem = (await poor.json()) as { code: string; remaining: string };
      assert.equal(problem.code, "insufficient_funds");
      assert.equal(problem.remaining, "0.005");
      // Somebody else's bearer token is none of our business.
      assert.equal((await fetch(url, { headers: { Authorization: "Bearer other" } })).status, 402);
      assert.equal(runs, 0);
    });

    test("vouchers pay, many at once, to the last unit", async () => {
      ledger.deposited = exactOf("0.5");
      const url = await serve(async (_request, response) => {
        await later(5);
        response.send("ok");
      });
      const pay = payingFetch(fetch, { sessions: [session], maxAmountPerRequest: "0.01" });
      const first = await Promise.all(Array.from({ length: 25 }, () => pay(url)));
      assert.deepEqual(new Set(first.map((response) => response.status)), new Set([200]));
      for (let i = 0; i < 25; i += 1) assert.equal((await pay(url)).status, 200);
      assert.equal(ledger.charged, exactOf("0.5"));
      const refused = await pay(url);
      assert.equal(refused.status, 402);
      assert.equal(await code(refused), "insufficient_deposit");
      assert.equal(runs, 50);
    });

    test("a client that forgot its vouchers recovers", async () => {
      const url = await serve(hello);
      for (let i = 0; i < 4; i += 1) {
        // The middleware keeps the vouchers that came by, for a ledger that does not show them.
        ledger.tellsSignature = i % 2 === 0;
        const pay = payingFetch(fetch, { sessions: [session], maxAmountPerRequest: "0.01" });
        const response = await pay(url);
        assert.equal(response.status, 200);
        const receipt = receiptOf(response.headers.get("payment-response"));
        assert.equal(receipt?.transaction, `chg_${i + 1}`);
        assert.equal(receipt.extra?.charged, String((i + 1) * 10_000));
      }
    });

    for (const tellsSignature of [true, false]) {
      const how = tellsSignature ? "" : ", also of a ledger that shows no signatures";
      test(`another key goes on, and what the former one signed is not shown${how}`, async () => {
        ledger.tellsSignature = tellsSignature;
        const url = await serve(hello);
        const pay = payingFetch(fetch, { sessions: [session], maxAmountPerRequest: "0.01" });
        for (let i = 0; i < 2; i += 1) assert.equal((await pay(url)).status, 200);
        ledger.isRotating = true;
        const rotating = await pay(url);
        assert.deepEqual([rotating.status, await code(rotating)], [409, "key_rotating"]);
        ledger.isRotating = false;
        const renewed = testSession(OTHER_KEY);
        ledger.rotate(renewed);
        const offerOf = (response: Response) =>
          paymentRequiredOf(response.headers.get("payment-required"))?.accepts.find((one) => one.scheme === "session");
        const accepted = offerOf(await fetch(url));
        const payment = encode({ x402Version: 2, accepted, payload: await signVoucher(renewed, 1n) });
        const refused = await fetch(url, { headers: { "PAYMENT-SIGNATURE": payment } });
        const { key, required, voucher } = offerOf(refused)?.extra.state as Record<string, unknown>;
        assert.deepEqual([key, required, voucher], [renewed.key.address, "30000", null]);
        const next = payingFetch(fetch, {
          sessions: [{ ...renewed, startAt: 20_000n }],
          maxAmountPerRequest: "0.01",
        });
        for (let i = 0; i < 2; i += 1) assert.equal((await next(url)).status, 200);
        assert.equal(ledger.charged, exactOf("0.04"));
      });
    }

    test("the stock client pays exact, and the answer waits for the settlement", async () => {
      const url = await serve(hello);
      const pay = wrapFetchWithPaymentFromConfig(fetch, {
        schemes: [{ network: "eip155:31337", client: new ExactEvmScheme(privateKeyToAccount(TEST_KEY)) }],
        spendControls: { allowedAssets: [{ network: "eip155:31337", asset: session.token }] },
      });
      for (let i = 0; i < 3; i += 1) {
        const response = await pay(url);
        assert.equal(response.status, 200);
        assert.equal(receiptOf(response.headers.get("payment-response"))?.transaction, "0xabc");
      }
      assert.equal(new Set(ledger.settled.map((one) => one.nonce)).size, 3);
      ledger.settleAnswers = [
        { success: false, errorReason: "insufficient_funds", transaction: "", network: "eip155:31337" },
      ];
      const refused = await pay(url);
      assert.equal(refused.status, 402);
      assert.equal(await code(refused), "insufficient_funds");
      assert.equal(receiptOf(refused.headers.get("payment-response"))?.success, false);
    });

    test("one authorization pays for one answer, and in doubt may be shown again", async () => {
      const url = await serve(hello);
      let shown = "";
      const pay = wrapFetchWithPaymentFromConfig(
        async (input, init) => {
          const request = new Request(input, init);
          shown = request.headers.get("payment-signature") ?? shown;
          return fetch(request);
        },
        {
          schemes: [{ network: "eip155:31337", client: new ExactEvmScheme(privateKeyToAccount(TEST_KEY)) }],
          spendControls: false,
        },
      );
      ledger.settleAnswers = [503, 503, 503, 503];
      assert.equal((await pay(url)).status, 503);
      const headers = { "PAYMENT-SIGNATURE": shown };
      assert.equal((await fetch(url, { headers })).status, 200);
      const again = await fetch(url, { headers });
      assert.equal(again.status, 402);
      assert.equal(await code(again), "invalid_transaction_state");
      assert.equal(ledger.settled.length, 1);
      assert.equal(runs, 2);
    });

    test("a payment that is settling is asked for again under the same key", async () => {
      const url = await serve(hello);
      ledger.settleAnswers = [
        { success: false, errorReason: "settlement_pending", transaction: "0x1", network: "eip155:31337" },
        503,
      ];
      const pay = wrapFetchWithPaymentFromConfig(fetch, {
        schemes: [{ network: "eip155:31337", client: new ExactEvmScheme(privateKeyToAccount(TEST_KEY)) }],
        spendControls: false,
      });
      assert.equal((await pay(url)).status, 200);
      assert.equal(ledger.calls.filter((call) => call === "POST /settle").length, 3);
    });

    test("the cost may depend on the answer, and is never above the price", async () => {
      let cost = "0.0025";
      const url = await serve(hello, { cost: (_request, _response, { body }) => (assert.ok(body), cost) });
      const response = await fetch(url, { headers: BEARER });
      assert.equal(response.headers.get("x-tollbook-cost"), "0.0025");
      assert.equal(spentOf(), "0.0025");
      cost = "0";
      assert.equal((await fetch(url, { headers: BEARER })).headers.get("x-tollbook-cost"), "0");
      assert.equal(spentOf(), "0.0025");
      cost = "1";
      assert.equal((await fetch(url, { headers: BEARER })).headers.get("x-tollbook-cost"), "0.01");
      assert.match(String(errors[0]), /above the price/);
      cost = "abc";
      const failed = await fetch(url, { headers: BEARER });
      assert.equal(failed.status, 500);
      assert.equal(await code(failed), "internal");
      assert.equal(spentOf(), "0.0125");
      assert.equal(ledger.held.account, 0n);
    });

    test("the price may depend on the request; nothing is asked for what is free", async () => {
      const price: PaidOptions["price"] = (request) => {
        if (request.query.fail !== undefined) throw new Error("no such product");
        return request.query.free === undefined ? "0.5" : "0";
      };
      const url = await serve(hello, { price });
      assert.equal((await fetch(`${url}?free`)).status, 200);
      assert.equal((await fetch(url, { headers: BEARER })).headers.get("x-tollbook-cost"), "0.5");
      const failed = await fetch(`${url}?fail`, { headers: BEARER });
      assert.equal(await failed.text(), "the app's own error page");
      assert.equal(runs, 2);
    });

    test("a handler that fails or refuses costs nothing", async () => {
      const url = await serve((request, response) => {
        if (request.query.how === "throws") throw new Error("broken");
        if (request.query.how === "404") response.status(404).json({ error: "no such city" });
        else response.writeHead(503, { "X-Own": "yes" }).end("busy");
      });
      for (const [how, status] of [
        ["throws", 500],
        ["404", 404],
        ["503", 503],
      ] as const) {
        const response = await fetch(`${url}?how=${how}`, { headers: BEARER });
        assert.equal(response.status, status);
        assert.equal(response.headers.get("x-tollbook-cost"), "0");
        assert.equal(response.headers.get("x-tollbook-charge"), null);
        if (how === "503") assert.equal(response.headers.get("x-own"), "yes");
      }
      assert.deepEqual(
        [...ledger.holds.values()].map((hold) => hold.status),
        ["voided", "voided", "voided"],
      );
    });

    test("a handler that rejects costs nothing", async () => {
      const url = await serve((_request, _response, next) => {
        void Promise.reject(new Error("broken")).catch(next);
      });
      const response = await fetch(url, { headers: BEARER });
      assert.equal(response.status, 500);
      assert.equal(await response.text(), "the app's own error page");
      assert.equal(ledger.held.account, 0n);
    });

    test("with the ledger away nothing runs; with it away at the end nothing goes out", async () => {
      const url = await serve(hello);
      ledger.down = /./;
      for (const headers of [{}, BEARER]) {
        const response = await fetch(url, { headers });
        assert.equal(response.status, 503);
        assert.equal(response.headers.get("retry-after"), "1");
      }
      assert.equal(runs, 0);
      ledger.down = /capture/;
      const response = await fetch(url, { headers: BEARER });
      assert.equal(response.status, 503);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      assert.doesNotMatch(await response.text(), /world/);
      assert.equal(runs, 1);
      ledger.down = /lookup/;
      assert.equal((await fetch(url, { headers: BEARER })).status, 503);
      assert.equal(runs, 1);
    });

    test("a hold or a capture whose answer is lost is made once", async () => {
      const url = await serve(hello);
      ledger.lose = /\/v1\/holds$/;
      assert.equal((await fetch(url, { headers: BEARER })).status, 200);
      ledger.lose = /capture/;
      assert.equal((await fetch(url, { headers: BEARER })).status, 200);
      assert.equal(ledger.charges.length, 2);
      assert.equal(spentOf(), "0.02");
    });

    test("the same Idempotency-Key is charged once, and with another request refused", async () => {
      const url = await serve(hello);
      const headers = { ...BEARER, "Idempotency-Key": "order-1" };
      assert.equal((await fetch(url, { headers })).status, 200);
      const again = await fetch(url, { headers });
      assert.equal(again.status, 409);
      assert.equal(await code(again), "answer_not_kept");
      const other = await fetch(`${url}?x=1`, { headers });
      assert.equal(other.status, 422);
      assert.equal(await code(other), "idempotency_key_reused");
      const spaces = await fetch(url, { headers: { ...BEARER, "Idempotency-Key": "a b" } });
      assert.equal(spaces.status, 400);
      assert.equal(runs, 1);
      assert.equal(spentOf(), "0.01");
    });

    test("a key under way, and one that came to nothing", async () => {
      let release: (() => void) | undefined;
      const url = await serve((request, response) => {
        if (request.query.fail !== undefined) response.status(500).end();
        else release = () => response.end("done");
      });
      const headers = { ...BEARER, "Idempotency-Key": "slow" };
      const first = fetch(url, { headers });
      while (!release) await later(5);
      const second = await fetch(url, { headers });
      assert.equal(await code(second), "request_in_progress");
      assert.equal(second.headers.get("retry-after"), "1");
      release();
      assert.equal((await first).status, 200);
      const failing = { ...BEARER, "Idempotency-Key": "fails" };
      assert.equal((await fetch(`${url}?fail`, { headers: failing })).status, 500);
      assert.equal(await code(await fetch(`${url}?fail`, { headers: failing })), "idempotency_key_spent");
    });

    test("an event stream goes out as it comes, and is charged at its end", async () => {
      const url = await serve(
        async (_request, response) => {
          response.setHeader("Content-Type", "text/event-stream");
          for (let i = 0; i < 3; i += 1) {
            response.write(`data: ${i}\n\n`);
            await later(10);
          }
          response.end("data: end\n\n");
        },
        { cost: (_request, _response, { bytes }) => decimalOf(BigInt(bytes) * exactOf("0.0001")) },
      );
      const response = await fetch(url, { headers: BEARER });
      assert.equal(response.headers.get("x-tollbook-hold"), "hold_1");
      assert.equal(response.headers.get("x-tollbook-cost"), null);
      assert.equal(ledger.charges.length, 0);
      assert.equal(await response.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: end\n\n");
      assert.equal(spentOf(), "0.0038");
      assert.equal(ledger.held.account, 0n);
    });

    test("a client that leaves in mid-stream is charged for what it got", async () => {
      let isClosed = false;
      const url = await serve(
        async (_request, response) => {
          response.on("close", () => (isClosed = true));
          response.setHeader("Content-Type", "text/event-stream");
          while (!isClosed) {
            response.write("data: tick\n\n");
            await later(10);
          }
        },
        {
          cost: (_request, _response, answered) => {
            assert.equal(answered.isAborted, true);
            return decimalOf(BigInt(answered.bytes) * exactOf("0.00001"));
          },
        },
      );
      const response = await fetch(url, { headers: BEARER });
      const reader = response.body?.getReader();
      await reader?.read();
      await reader?.cancel();
      while (ledger.charges.length === 0) await later(10);
      assert.ok(exactOf(ledger.charges[0]?.amount ?? "0") > 0n);
      assert.equal(ledger.held.account, 0n);
    });

    test("a client that leaves before the answer is not charged", async () => {
      let isDone = false;
      const url = await serve(async (_request, response) => {
        await later(200);
        response.end("too late");
        isDone = true;
      });
      const target = new URL(url);
      const request = rawRequest({ port: target.port, path: target.pathname, headers: BEARER });
      request.on("error", () => undefined);
      request.end();
      while (runs === 0) await later(5);
      request.destroy();
      while (!isDone || ledger.held.account > 0n) await later(10);
      assert.equal(ledger.charges.length, 0);
      assert.deepEqual(errors, []);
    });

    test("a long answer is streamed, a short one in many parts is not", async () => {
      const url = await serve(
        (request, response) => {
          const parts = Number(request.query.parts);
          let sent = 0;
          const more = (): void => {
            while (sent < parts) {
              sent += 1;
              if (!response.write("x".repeat(1000))) {
                response.once("drain", more);
                return;
              }
            }
            response.end();
          };
          more();
        },
        { bufferBytesMax: 10_000 },
      );
      const short = await fetch(`${url}?parts=10`, { headers: BEARER });
      assert.equal(short.headers.get("x-tollbook-charge"), "chg_1");
      assert.equal((await short.text()).length, 10_000);
      const long = await fetch(`${url}?parts=2000`, { headers: BEARER });
      assert.equal(long.headers.get("x-tollbook-hold"), "hold_2");
      assert.equal((await long.text()).length, 2_000_000);
      while (ledger.charges.length < 2) await later(5);
      assert.equal(spentOf(), "0.02");
    });

    test("garbage is refused with a reason", async () => {
      const url = await serve(hello);
      const offer = {
        scheme: "session",
        network: "eip155:31337",
        amount: "10000",
        asset: session.token,
        payTo: session.payee,
      };
      const voucher = await signVoucher(session, 10_000n);
      const foreign = await signVoucher(testSession(OTHER_KEY), 10_000n);
      const payment = (accepted: unknown, payload: unknown) => encode({ x402Version: 2, accepted, payload });
      for (const [header, reason] of [
        ["%%%", "invalid_payload"],
        [encode("text"), "invalid_payload"],
        [encode({ x402Version: 2 }), "invalid_payload"],
        [encode({ x402Version: 1, accepted: offer, payload: voucher }), "invalid_x402_version"],
        ["A".repeat(8200), "invalid_payload"],
        [payment({ ...offer, scheme: "upto" }, voucher), "unsupported_scheme"],
        [payment({ ...offer, network: "eip155:1" }, voucher), "invalid_network"],
        [payment({ ...offer, asset: session.payee }, voucher), "invalid_payment_requirements"],
        [payment({ ...offer, payTo: session.token }, voucher), "invalid_payment_requirements"],
        [payment({ ...offer, amount: "9999" }, voucher), "invalid_payment_requirements"],
        [payment(offer, {}), "voucher_malformed"],
        [payment(offer, { ...voucher, maxClaimable: "-1" }), "voucher_malformed"],
        [payment(offer, { ...voucher, payee: session.token }), "voucher_wrong_signer"],
        [payment(offer, { ...voucher, sessionId: `0x${"00".repeat(32)}` }), "session_not_found"],
        [payment(offer, { ...voucher, signature: foreign.signature }), "voucher_wrong_signer"],
        [payment({ ...offer, scheme: "exact" }, {}), "invalid_payload"],
      ] as const) {
        const response = await fetch(url, { headers: { "PAYMENT-SIGNATURE": header } });
        assert.equal(response.status, 402, reason);
        assert.equal(await code(response), reason);
        assert.ok(response.headers.get("payment-required"));
      }
      const both = await fetch(url, { headers: { ...BEARER, "PAYMENT-SIGNATURE": payment(offer, voucher) } });
      assert.equal(both.status, 400);
      assert.equal(await code(both), "ambiguous_payment");
      ledger.verifyAnswer = { isValid: false, invalidReason: "invalid_exact_evm_payload_signature" };
      const authorization = { from: session.payee, nonce: `0x${"01".repeat(32)}`, validBefore: "9999999999" };
      const forged = payment({ ...offer, scheme: "exact" }, { authorization, signature: "0x12" });
      const response = await fetch(url, { headers: { "PAYMENT-SIGNATURE": forged } });
      assert.equal(await code(response), "invalid_exact_evm_payload_signature");
      assert.equal(runs, 0);
    });

    test("without a chain only keys are taken", async () => {
      ledger.payee = null;
      const url = await serve(hello);
      const response = await fetch(url);
      assert.equal(response.status, 402);
      assert.equal(response.headers.get("payment-required"), null);
      assert.equal((await fetch(url, { headers: BEARER })).status, 200);
    });

    test("middleware on either side still does its work", async () => {
      const seen: string[] = [];
      // As on-headers and its like do it.
      const wraps =
        (name: string): RequestHandler =>
        (_request, response, next) => {
          const { writeHead, end } = response;
          response.writeHead = ((...args: unknown[]) => {
            seen.push(`${name} head`);
            response.setHeader(`x-${name}`, "yes");
            return writeHead.apply(response, args as never);
          }) as typeof writeHead;
          response.end = ((...args: unknown[]) => {
            seen.push(`${name} end`);
            return end.apply(response, args as never);
          }) as typeof end;
          next();
        };
      const app = express();
      app.get("/paid", wraps("outer"), paid(options()), wraps("inner"), hello);
      server = app.listen(0, "127.0.0.1");
      await new Promise((resolve) => server?.once("listening", resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/paid`;
      const response = await fetch(url, { headers: BEARER });
      assert.deepEqual([response.headers.get("x-outer"), response.headers.get("x-inner")], ["yes", "yes"]);
      assert.deepEqual(await response.json(), { hello: "world" });
      assert.deepEqual(seen, ["inner end", "outer end", "inner head", "outer head"]);
      ledger.down = /capture/;
      assert.equal((await fetch(url, { headers: BEARER })).status, 503);
    });

    test("bodies that were parsed, HEAD, 304 and sent files pass through", async () => {
      const url = await serve(
        (request, response) => {
          if (request.query.file !== undefined) response.sendFile(new URL(import.meta.url).pathname);
          else response.send({ got: request.body as unknown });
        },
        {},
        (app) => app.use(express.json()),
      );
      const json = { method: "POST", body: '{"a":1}', headers: { ...BEARER, "Content-Type": "application/json" } };
      const posted = await fetch(url, json);
      assert.deepEqual(await posted.json(), { got: { a: 1 } });
      const head = await fetch(url, { method: "HEAD", headers: BEARER });
      assert.equal(head.status, 200);
      assert.equal(head.headers.get("x-tollbook-cost"), "0.01");
      const etag = (await fetch(url, { headers: BEARER })).headers.get("etag") ?? "";
      const fresh = await fetch(url, { headers: { ...BEARER, "If-None-Match": etag, "Cache-Control": "max-age=0" } });
      assert.equal(fresh.status, 304);
      const file = await fetch(`${url}?file`, { headers: BEARER });
      assert.match(await file.text(), /sent files pass through/);
      assert.equal(file.headers.get("x-tollbook-cost"), "0.01");
    });
  });
}

test("options that cannot work are refused at once", () => {
  const tollbook = { url: "http://127.0.0.1:1", apiKey: "tb_x" };
  assert.throws(() => paid({ price: "1,5", tollbook }), RangeError);
  assert.throws(() => paid({ price: "1", accepts: [], tollbook }), TypeError);
  assert.throws(
    () => paid({ price: "1", accepts: ["exact"], cost: () => "1", gateway: "http://x", tollbook }),
    TypeError,
  );
});
