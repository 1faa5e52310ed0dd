// The stock @x402/fetch client and our own fetch against the real gateway and chain.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decimalOf, exactOf, payingFetch } from "@tollbook/sdk";
import { sessionScheme } from "@tollbook/sdk/x402";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import type { Address, Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import * as real from "./support/real.js";

const REQUESTS = Number(process.env.TOLLBOOK_TEST_REQUESTS ?? 1000);

describe("the gateway", { skip: real.skip }, () => {
  let upstream: Awaited<ReturnType<typeof real.serving>>;
  let served = 0;

  before(async () => {
    upstream = await real.serving((request, response) => {
      served += 1;
      if (request.url?.includes("broken")) {
        response.writeHead(500).end("no");
        return;
      }
      const length = Number(new URL(request.url ?? "/", "http://x").searchParams.get("length") ?? 16);
      // With a length, so that the gateway reads it whole and the answer says what it cost.
      response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": length }).end("x".repeat(length));
    });
  });
  after(async () => {
    if (upstream) await upstream.stop();
    if (real.skip === false) await real.removeRoutes();
  });

  test("the stock client pays an exact route, and the money moves", { timeout: 120_000 }, async () => {
    const url = await real.route("/exact/*", {
      upstream: upstream.url,
      strip_prefix: true,
      price: { per_request: "0.0123" },
      accepts: ["exact"],
    });
    const network = await real.network();
    const { TOLLBOOK_USDC: asset, TOLLBOOK_PAYEE: payee } = real.env();
    const account = privateKeyToAccount(real.TEST_WALLET);
    const client = new x402Client().register(network, new ExactEvmScheme(account));
    // The stock client pays with tokens that it knows, unless it is told of others.
    client.setSpendControls({ allowedAssets: [{ network, asset }] });
    const pay = wrapFetchWithPayment(fetch, client);
    for (let i = 0; i < 3; i += 1) {
      const before = await real.usdcOf(payee as Address);
      const response = await pay(`${url}/${i}`, { method: "POST", body: "question" });
      assert.equal(response.status, 200, await response.clone().text());
      assert.equal(await response.text(), "x".repeat(16));
      assert.equal(response.headers.get("x-tollbook-cost"), "0.0123");
      const { transaction, success } = real.receipt(response);
      assert.equal(success, true);
      const mined = await real.transaction(transaction as Hex);
      assert.equal(mined.status, "success");
      assert.equal(mined.to?.toLowerCase(), asset.toLowerCase());
      // Settlements of other tests may come to the payee meanwhile.
      assert.ok((await real.usdcOf(payee as Address)) >= before + 12_300n);
      const payments = await real.call("GET", "/v1/exact_payments");
      assert.ok(JSON.stringify(payments.body).includes(transaction));
    }
  });

  test("an exact payment is shown again in vain", { timeout: 120_000 }, async () => {
    const url = await real.route("/once/*", {
      upstream: upstream.url,
      price: { per_request: "0.01" },
      accepts: ["exact"],
      limits: { keep_secs: 0 },
    });
    const network = await real.network();
    const client = new x402Client()
      .register(network, new ExactEvmScheme(privateKeyToAccount(real.TEST_WALLET)))
      .setSpendControls(false);
    let payment = "";
    const pay = wrapFetchWithPayment(async (input, init) => {
      const request = new Request(input, init);
      payment = request.headers.get("payment-signature") ?? payment;
      return fetch(request);
    }, client);
    assert.equal((await pay(`${url}/a`)).status, 200);
    const servedBefore = served;
    const again = await fetch(`${url}/b`, { headers: { "PAYMENT-SIGNATURE": payment } });
    assert.equal(again.status, 422, await again.clone().text());
    assert.equal(((await again.json()) as { code: string }).code, "payment_reused");
    assert.equal(served, servedBefore);
  });

  test(
    `with the plug-in it pays ${REQUESTS} requests in a row, and every receipt is in the ledger`,
    { timeout: 600_000 },
    async () => {
      const price = "0.0011";
      const url = await real.route("/session/*", {
        upstream: upstream.url,
        strip_prefix: true,
        price: { per_request: price },
        accepts: ["session"],
      });
      const limit = decimalOf(exactOf(price) * BigInt(REQUESTS));
      const { session, sessionKey } = await real.session(limit);
      const network = await real.network();
      const scheme = sessionScheme({ sessions: [session], maxAmountPerRequest: price });
      const pay = wrapFetchWithPayment(fetch, new x402Client().register(network, scheme));
      const receipts = new Map<string, string>();
      for (let i = 1; i <= REQUESTS; i += 1) {
        const response = await pay(`${url}/${i}`);
        assert.equal(response.status, 200, `request ${i}: ${await response.clone().text()}`);
        await response.arrayBuffer();
        const { transaction, extra } = real.receipt(response);
        assert.match(transaction, /^chg_/);
        assert.equal(extra.charge_id, transaction);
        assert.equal(extra.remaining, decimalOf(exactOf(limit) - exactOf(price) * BigInt(i)));
        receipts.set(transaction, String(extra.cost));
      }
      assert.equal(receipts.size, REQUESTS);
      const charges = await real.charges({ session_key_id: sessionKey.id });
      assert.deepEqual(new Map(charges.map((charge) => [charge.id, charge.amount])), receipts);
      const after = await real.sessionKey(sessionKey.id);
      assert.deepEqual([after.charged, after.held, after.available], [limit, "0", "0"]);
      // The budget is spent to the last unit: one more is refused.
      const refused = await pay(`${url}/more`);
      assert.equal(refused.status, 402);
      assert.equal(((await refused.json()) as { code: string }).code, "insufficient_deposit");
    },
  );

  test("the plug-in recovers when it has forgotten its vouchers", { timeout: 120_000 }, async () => {
    const url = await real.route("/forgetful/*", {
      upstream: upstream.url,
      price: { per_request: "0.001" },
      accepts: ["session"],
    });
    const { session, sessionKey } = await real.session("1");
    const network = await real.network();
    for (let i = 0; i < 5; i += 1) {
      const scheme = sessionScheme({ sessions: [session], maxAmountPerRequest: "0.001" });
      const pay = wrapFetchWithPayment(fetch, new x402Client().register(network, scheme));
      assert.equal((await pay(`${url}/${i}`)).status, 200);
    }
    assert.equal((await real.sessionKey(sessionKey.id)).charged, "0.005");
  });

  test("our own fetch: many at once, costs below what was held, the whole budget", { timeout: 120_000 }, async () => {
    const url = await real.route("/bytes/*", {
      upstream: upstream.url,
      strip_prefix: true,
      price: { per_response_byte: "0.00000001" },
      accepts: ["session"],
      limits: { response_bytes_max: 100_000 },
    });
    const { session, sessionKey } = await real.session("0.2");
    const receipts = new Map<string, string>();
    const pay = payingFetch(fetch, {
      sessions: [session],
      maxAmountPerRequest: "0.001",
      onReceipt: ({ transaction, extra }) => receipts.set(transaction, String(extra?.cost)),
    });
    const lengths = Array.from({ length: 60 }, (_, i) => 1 + i * 7);
    const answers = await Promise.all(
      lengths.map(async (length) => {
        const response = await pay(`${url}/?length=${length}`);
        assert.equal(response.status, 200, await response.clone().text());
        return (await response.text()).length;
      }),
    );
    assert.deepEqual(answers, lengths);
    const expected = lengths.reduce((sum, length) => sum + BigInt(length) * exactOf("0.00000001"), 0n);
    const charges = await real.charges({ session_key_id: sessionKey.id });
    assert.deepEqual(new Map(charges.map((charge) => [charge.id, charge.amount])), receipts);
    const { charged, held } = await real.sessionKey(sessionKey.id);
    assert.deepEqual([charged, held], [decimalOf(expected), "0"]);
  });

  test("our own fetch: lost answers are paid once", { timeout: 120_000 }, async () => {
    const url = await real.route("/lost/*", {
      upstream: upstream.url,
      price: { per_request: "0.002" },
      accepts: ["session"],
    });
    const { session, sessionKey } = await real.session("0.1");
    let lost = 0;
    const losing: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (response.ok && lost < 2) {
        lost += 1;
        await response.arrayBuffer();
        throw new TypeError("the connection broke");
      }
      return response;
    };
    const response = await payingFetch(losing, { sessions: [session], maxAmountPerRequest: "0.002" })(`${url}/x`);
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "x".repeat(16));
    assert.equal(lost, 2);
    assert.equal((await real.charges({ session_key_id: sessionKey.id })).length, 1);
  });

  test("what the upstream refuses costs nothing", { timeout: 120_000 }, async () => {
    const url = await real.route("/broken/*", {
      upstream: upstream.url,
      price: { per_request: "0.002" },
      accepts: ["session"],
    });
    const { session, sessionKey } = await real.session("0.1");
    const pay = payingFetch(fetch, { sessions: [session], maxAmountPerRequest: "0.002" });
    const response = await pay(`${url}/x`);
    assert.equal(response.status, 500);
    assert.equal(response.headers.get("x-tollbook-cost"), "0");
    const { charged, held } = await real.sessionKey(sessionKey.id);
    assert.deepEqual([charged, held], ["0", "0"]);
  });
});
