// A real Tollbook, its gateway and its chain, as .dev/env names them, and what the integration tests need of them.
// Without them the tests are skipped; with TOLLBOOK_TEST_INTEGRATION=1 they fail.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answer, decode, isObject, newSession, signerOf, tollbook } from "@tollbook/sdk";
import type { Session, SessionKey, Tollbook, components } from "@tollbook/sdk";
import { createPublicClient, http } from "viem";
import type { Address, Hex } from "viem";

/** A test wallet of the local chain, with a million test USDC; known to all. `tollbook simulate` uses it too. */
export const TEST_WALLET: Hex = "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97";

const NAMES = [
  "TOLLBOOK_URL",
  "TOLLBOOK_GATEWAY_URL",
  "TOLLBOOK_API_KEY",
  "EVM_RPC_URL",
  "TOLLBOOK_CONTRACT",
  "TOLLBOOK_USDC",
  "TOLLBOOK_PAYEE",
] as const;

type Env = Record<(typeof NAMES)[number], string>;

const missing = NAMES.filter((name) => !process.env[name]);
const isDemanded = process.env.TOLLBOOK_TEST_INTEGRATION === "1";

/** Why integration tests are skipped; `false` when they run. */
export const skip: string | false =
  missing.length > 0 && !isDemanded ? `no Tollbook here: ${missing.join(", ")} not set` : false;

/** The settings. */
export function env(): Env {
  assert.deepEqual(missing, [], "TOLLBOOK_TEST_INTEGRATION=1 needs these");
  return Object.fromEntries(NAMES.map((name) => [name, (process.env[name] ?? "").replace(/\/+$/, "")])) as Env;
}

/** The ledger. */
export function ledger(): Tollbook {
  const { TOLLBOOK_URL: url, TOLLBOOK_API_KEY: apiKey } = env();
  return tollbook({ url, apiKey });
}

type Json = Record<string, unknown>;

/** A call by hand, for what a test wants to see as it is. */
export async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> {
  const { TOLLBOOK_URL, TOLLBOOK_API_KEY } = env();
  const response = await fetch(`${TOLLBOOK_URL}${path}`, {
    method,
    headers: { Authorization: `Bearer ${TOLLBOOK_API_KEY}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const read: unknown = await response.json();
  return { status: response.status, body: isObject(read) ? read : {} };
}

async function done(method: string, path: string, body?: unknown): Promise<Json> {
  const { status, body: read } = await call(method, path, body);
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(read)}`);
  return read;
}

/** Tells the routes of this run from those of others. */
export const RUN = `/sdk-${crypto.randomUUID().slice(0, 8)}`;

const routes: string[] = [];

/** A route under `RUN`; gives the URL that its path begins with. */
export async function route(path: string, more: Json): Promise<string> {
  const made = await done("POST", "/v1/routes", { path: `${RUN}${path}`, ...more });
  routes.push(String(made.id));
  return `${env().TOLLBOOK_GATEWAY_URL}${RUN}${path.replace(/\/?[*{].*$/, "")}`;
}

/** Removes what `route` made. */
export async function removeRoutes(): Promise<void> {
  for (const id of routes.splice(0)) await done("DELETE", `/v1/routes/${id}`);
}

/** Prices of models. */
export async function models(list: Json[]): Promise<void> {
  await done("PUT", "/v1/models", { models: list });
}

/** A customer, with credits where they are given. */
export async function customer(currency: string, credits?: string): Promise<string> {
  const { id } = await answer(ledger().POST("/v1/customers", { body: { currency } }));
  if (credits) await done("POST", `/v1/customers/${id}/credits`, { amount: credits });
  return id;
}

/** A gateway key. */
export async function gatewayKey(payer: { customer_id: string } | { session_key_id: string }): Promise<string> {
  const { secret } = await done("POST", "/v1/gateway_keys", { ...payer, name: "sdk tests" });
  assert.match(String(secret), /^tbk_/);
  return String(secret);
}

/** A session on the chain, with its whole limit in escrow. */
export async function session(limit: string): Promise<{ session: Session; sessionKey: SessionKey; privateKey: Hex }> {
  const { TOLLBOOK_CONTRACT, TOLLBOOK_USDC, TOLLBOOK_PAYEE } = env();
  const valid_until = new Date((Math.floor(Date.now() / 1000) + 86_400) * 1000).toISOString();
  return newSession(
    ledger(),
    signerOf(TEST_WALLET),
    { customer_id: await customer("USDC"), limit, valid_until },
    { contract: TOLLBOOK_CONTRACT as Address, token: TOLLBOOK_USDC as Address, payee: TOLLBOOK_PAYEE as Address },
  );
}

/** The session key as it is now. */
export function sessionKey(id: string): Promise<SessionKey> {
  return answer(ledger().GET("/v1/session_keys/{id}", { params: { path: { id } } }));
}

export type Charge = components["schemas"]["ChargeOut"];

/** All charges of a payer, newest first. */
export async function charges(payer: { customer_id: string } | { session_key_id: string }): Promise<Charge[]> {
  const all: Charge[] = [];
  let cursor: string | undefined;
  for (;;) {
    const query = { ...payer, limit: 100, ...(cursor === undefined ? {} : { cursor }) };
    const page = await answer(ledger().GET("/v1/charges", { params: { query } }));
    all.push(...page.data);
    if (!page.has_more || !page.next_cursor) return all;
    cursor = page.next_cursor;
  }
}

/** What can still be charged to a customer's account. */
export async function available(id: string): Promise<string> {
  const shown = await answer(ledger().GET("/v1/customers/{id}", { params: { path: { id } } }));
  return shown.account?.available ?? "0";
}

/** CAIP-2 of the chain. */
export async function network(): Promise<`eip155:${number}`> {
  const chain = createPublicClient({ transport: http(env().EVM_RPC_URL) });
  return `eip155:${await chain.getChainId()}`;
}

/** USDC of an address, in atomic units. */
export async function usdcOf(address: Address): Promise<bigint> {
  const chain = createPublicClient({ transport: http(env().EVM_RPC_URL) });
  const inputs = [{ name: "account", type: "address" }] as const;
  const outputs = [{ type: "uint256" }] as const;
  const abi = [{ type: "function", name: "balanceOf", stateMutability: "view", inputs, outputs }] as const;
  const token = env().TOLLBOOK_USDC as Address;
  return chain.readContract({ address: token, abi, functionName: "balanceOf", args: [address] });
}

/** The receipt of a transaction. */
export async function transaction(hash: Hex): Promise<{ status: string; to: string | null }> {
  const chain = createPublicClient({ transport: http(env().EVM_RPC_URL) });
  const { status, to } = await chain.waitForTransactionReceipt({ hash, timeout: 30_000 });
  return { status, to };
}

/** The receipt of x402 in an answer. */
export function receipt(response: Response): { transaction: string; success: boolean; extra: Json } {
  const value = decode(response.headers.get("payment-response") ?? "");
  assert.ok(isObject(value), `no receipt: ${response.status}`);
  return {
    transaction: String(value.transaction),
    success: value.success === true,
    extra: isObject(value.extra) ? value.extra : {},
  };
}

/** Waits until something holds. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, ms = 20_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < end, `${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Serves what a test sells. */
export async function serving(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
