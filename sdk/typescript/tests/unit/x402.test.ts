// The stock, unmodified @x402/fetch pays with the scheme `session` through the plug-in.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { exactOfAtomic } from "@tollbook/sdk";
import { sessionScheme } from "@tollbook/sdk/x402";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import {
  decodePaymentResponseHeader,
  wrapFetchWithPayment,
  wrapFetchWithPaymentFromConfig,
  x402Client,
} from "@x402/fetch";
import { privateKeyToAccount } from "viem/accounts";
import { OTHER_KEY, TEST_KEY, testSession } from "../support/sessions.js";
import { WireServer } from "../support/wire-server.js";

const session = testSession();
const network = "eip155:31337";
let server: WireServer;
let url: string;

beforeEach(async () => {
  server = new WireServer(session);
  url = await server.start();
});
afterEach(() => server.stop());

function stock(maxAmountPerRequest = "0.001"): ReturnType<typeof wrapFetchWithPaymentFromConfig> {
  const client = sessionScheme({ sessions: [session], maxAmountPerRequest });
  return wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network, client }] });
}

test("requests in a row, each with a receipt", async () => {
  const pay = stock();
  for (let i = 1; i <= 20; i += 1) {
    const response = await pay(url, { method: "POST", body: `n${i}` });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), `paid n${i}`);
    const receipt = decodePaymentResponseHeader(response.headers.get("PAYMENT-RESPONSE") ?? "");
    assert.equal(receipt.success, true);
    assert.equal(receipt.transaction, `chg_${i}`);
  }
  assert.equal(server.charged, exactOfAtomic(20_000n));
  assert.equal(server.corrections, 0);
});

test("a corrective 402 is recovered from", async () => {
  for (let i = 0; i < 3; i += 1) await stock()(url);
  assert.equal(server.charged, exactOfAtomic(3000n));
  assert.equal(server.corrections, 2);
});

test("many at once", async () => {
  server.delayMs = 10;
  const pay = stock();
  const answers = await Promise.all(Array.from({ length: 40 }, () => pay(url)));
  assert.deepEqual(new Set(answers.map((response) => response.status)), new Set([200]));
  assert.equal(server.charged, exactOfAtomic(40_000n));
});

test("what cannot be true is not signed", async () => {
  server.charged = exactOfAtomic(500_000n);
  await assert.rejects(stock()(url), /at most 1000 can have been agreed to/);
  assert.deepEqual(server.vouchers, [1000n]);
});

test("with another key the session goes on where the former one ended", async () => {
  await server.stop();
  server = new WireServer(testSession(OTHER_KEY));
  server.charged = exactOfAtomic(500_000n);
  url = await server.start();
  const sessions = [{ ...testSession(OTHER_KEY), startAt: 500_000n }];
  const client = sessionScheme({ sessions, maxAmountPerRequest: "0.001" });
  const pay = wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network, client }] });
  for (let i = 0; i < 3; i += 1) assert.equal((await pay(url)).status, 200);
  assert.deepEqual(server.vouchers, [1000n, 501_000n, 502_000n, 503_000n]);
});

test("both limits hold: ours, and the stock client's spend controls", async () => {
  server.amount = 2_000n;
  await assert.rejects(stock("0.001")(url), /maxAmountPerRequest/);
  server.amount = 2_000_000n;
  server.deposited = 10_000_000n;
  await assert.rejects(stock("5")(url), /spendControls/);
  assert.deepEqual(server.vouchers, []);
});

test("beside exact, the session is what pays, because it is offered first", async () => {
  const client = new x402Client()
    .register(network, new ExactEvmScheme(privateKeyToAccount(TEST_KEY)))
    .register(network, sessionScheme({ sessions: [session], maxAmountPerRequest: "0.001" }));
  assert.equal((await wrapFetchWithPayment(fetch, client)(url)).status, 200);
  assert.equal(server.stored?.max, 1000n);
});
