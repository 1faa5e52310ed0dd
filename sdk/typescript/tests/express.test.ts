// The middleware on Express 4 and 5, and the example app, against the real ledger, gateway and chain.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { paid } from "@tollbook/express";
import { decimalOf, exactOf, payingFetch } from "@tollbook/sdk";
import { sessionScheme } from "@tollbook/sdk/x402";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import express5 from "express";
import express4 from "express4";
import type { Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import * as real from "./support/real.js";

for (const [name, express] of [
  ["Express 4", express4],
  ["Express 5", express5],
] as const) {
  describe(name, { skip: real.skip }, () => {
    const servers: Server[] = [];
    after(() => {
      for (const server of servers) server.closeAllConnections();
      for (const server of servers) server.close();
    });

    async function serve(): Promise<string> {
      const app = express();
      app.get("/fixed", paid({ price: "0.01" }), (_request, response) => {
        response.json({ answer: 42 });
      });
      const cost = (_request: unknown, _response: unknown, { bytes }: { bytes: number }) =>
        decimalOf(BigInt(bytes) * exactOf("0.0000013"));
      app.get("/bytes", paid({ price: "0.01", cost }), (request, response) => {
        response.send("x".repeat(Number(request.query.length)));
      });
      app.get("/fails", paid({ price: "0.01" }), (_request, response) => {
        response.status(503).send("busy");
      });
      const server = app.listen(0, "127.0.0.1");
      servers.push(server);
      await new Promise((resolve) => server.once("listening", resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }

    test("vouchers pay: fixed prices, prices by the answer, failures for nothing", { timeout: 120_000 }, async () => {
      const url = await serve();
      const { session, sessionKey } = await real.session("1");
      const pay = payingFetch(fetch, { sessions: [session], maxAmountPerRequest: "0.01" });
      const lengths = [1, 10, 100, 1000];
      await Promise.all([
        ...Array.from({ length: 10 }, async () => assert.equal((await pay(`${url}/fixed`)).status, 200)),
        ...lengths.map(async (length) => {
          const response = await pay(`${url}/bytes?length=${length}`);
          assert.equal(response.status, 200);
          const cost = decimalOf(BigInt(length) * exactOf("0.0000013"));
          assert.equal(response.headers.get("x-tollbook-cost"), cost);
          assert.equal(real.receipt(response).extra.cost, cost);
        }),
        ...Array.from({ length: 3 }, async () => assert.equal((await pay(`${url}/fails`)).status, 503)),
      ]);
      const { charged, held } = await real.sessionKey(sessionKey.id);
      assert.deepEqual([charged, held], [decimalOf(exactOf("0.1") + 1111n * exactOf("0.0000013")), "0"]);
    });

    test("a client that forgot its vouchers, the stock client among them, recovers", { timeout: 120_000 }, async () => {
      const url = await serve();
      const { session, sessionKey } = await real.session("1");
      const network = await real.network();
      for (let i = 0; i < 3; i += 1) {
        const own = payingFetch(fetch, { sessions: [session], maxAmountPerRequest: "0.01" });
        assert.equal((await own(`${url}/fixed`)).status, 200);
        const scheme = sessionScheme({ sessions: [session], maxAmountPerRequest: "0.01" });
        const stock = wrapFetchWithPayment(fetch, new x402Client().register(network, scheme));
        assert.equal((await stock(`${url}/fixed`)).status, 200);
      }
      assert.equal((await real.sessionKey(sessionKey.id)).charged, "0.06");
    });

    test("keys pay, of accounts with dollars too", { timeout: 60_000 }, async () => {
      const url = await serve();
      for (const currency of ["USD", "USDC"]) {
        const customer_id = await real.customer(currency, "0.015");
        const headers = { Authorization: `Bearer ${await real.gatewayKey({ customer_id })}` };
        const response = await fetch(`${url}/fixed`, { headers });
        assert.equal(response.status, 200);
        assert.deepEqual(
          [
            response.headers.get("x-tollbook-cost"),
            response.headers.get("x-tollbook-currency"),
            response.headers.get("x-tollbook-remaining"),
          ],
          ["0.01", currency, "0.005"],
        );
        assert.equal((await fetch(`${url}/fixed`, { headers })).status, 402);
        const [charge] = await real.charges({ customer_id });
        assert.equal(charge?.id, response.headers.get("x-tollbook-charge"));
      }
      const headers = { Authorization: "Bearer tbk_00000000000000000000000000000000" };
      assert.equal((await fetch(`${url}/fixed`, { headers })).status, 401);
    });

    test("the stock client pays exact through the facilitator", { timeout: 120_000 }, async () => {
      const url = await serve();
      const network = await real.network();
      const { TOLLBOOK_USDC: asset } = real.env();
      const client = new x402Client()
        .register(network, new ExactEvmScheme(privateKeyToAccount(real.TEST_WALLET)))
        .setSpendControls({ allowedAssets: [{ network, asset }] });
      let payment = "";
      const pay = wrapFetchWithPayment(async (input, init) => {
        const request = new Request(input, init);
        payment = request.headers.get("payment-signature") ?? payment;
        return fetch(request);
      }, client);
      const response = await pay(`${url}/fixed`);
      assert.equal(response.status, 200, await response.clone().text());
      const { transaction } = real.receipt(response);
      assert.equal((await real.transaction(transaction as Hex)).status, "success");
      // One transfer, one answer: also at another process of the same provider.
      for (const place of [url, await serve()]) {
        const again = await fetch(`${place}/fixed`, { headers: { "PAYMENT-SIGNATURE": payment } });
        assert.equal(again.status, 402);
      }
    });
  });
}

describe("the example", { skip: real.skip }, () => {
  test("runs as its README says", { timeout: 120_000 }, async () => {
    const folder = fileURLToPath(new URL("../../examples/express-paid/", import.meta.url));
    const server = spawn(process.execPath, ["server.js"], { cwd: folder, env: { ...process.env, PORT: "0" } });
    try {
      const url = await new Promise<string>((resolve, reject) => {
        server.once("error", reject);
        server.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
        server.stderr.on("data", (data: Buffer) => process.stderr.write(data));
        server.stdout.on("data", (data: Buffer) => {
          const [found] = /http:\S+/.exec(data.toString()) ?? [];
          if (found) resolve(found);
        });
      });
      const unpaid = await fetch(`${url}/weather/oslo`);
      assert.equal(unpaid.status, 402);
      assert.ok(unpaid.headers.get("payment-required"));
      const client = spawn(process.execPath, ["client.js"], { cwd: folder, env: { ...process.env, SERVER: url } });
      let said = "";
      client.stdout.on("data", (data: Buffer) => (said += data.toString()));
      client.stderr.on("data", (data: Buffer) => (said += data.toString()));
      const code = await new Promise((resolve) => client.once("exit", resolve));
      assert.equal(code, 0, said);
      assert.match(said, /session key ses_\w+ with 1 USDC/);
      assert.match(said, /200 \/weather\/oslo: \{"city":"oslo".*\n {4}chg_\w+ cost 0\.01 USDC, left 0\.99\n/);
      assert.match(said, /\n {4}chg_\w+ cost 0\.0078 USDC, left 0\.9722\n/);
    } finally {
      server.removeAllListeners("exit");
      server.kill();
    }
  });
});
