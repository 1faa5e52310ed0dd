// An owner signs what was asked for, and nothing that is merely shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  RefusedToSign,
  TollbookError,
  answer,
  checkedOpening,
  depositNonce,
  SESSION_TYPES,
  contractDomain,
  newKey,
  openSession,
  rotateKey,
  sessionIdOf,
  sessionOf,
  signRotation,
  signerOf,
  tollbook,
  waitUntilRotated,
} from "@tollbook/sdk";
import type { KeyRotation, NewSessionKey, SessionKey, SessionTerms, SignedKeyRotation } from "@tollbook/sdk";
import type { Address, Hex } from "viem";
import { recoverTypedDataAddress } from "viem";
import { TEST_KEY } from "../support/sessions.js";

const owner = signerOf(TEST_KEY);
const [contract, token, payee, key]: Address[] = [1, 2, 5, 4].map(
  (n) => `0x${String(n).padStart(40, "0")}` as Address,
) as [Address, Address, Address, Address];
const salt: Hex = `0x${"06".repeat(32)}`;

const asked: NewSessionKey = {
  customer_id: "cus_1",
  owner: owner.address,
  custody: "self",
  key: key!,
  limit: "3",
  valid_after: "2026-01-01T00:00:00Z",
  valid_until: "2026-01-08T00:00:00Z",
};

const terms: SessionTerms = {
  owner: owner.address,
  token: token!,
  validAfter: 1_767_225_600,
  validUntil: 1_767_830_400,
  settleGrace: 86_400,
  withdrawDelay: 900,
  allowances: [{ payee: payee!, limit: 3_000_000n, periodLimit: 0n, period: 0 }],
  salt,
};

interface Change {
  terms?: Partial<SessionTerms>;
  shown?: Partial<SessionKey>;
  domain?: Record<string, unknown>;
  message?: Record<string, unknown>;
  types?: unknown;
}

/** What a server shows that means these terms. */
function drawnUp(change: Change = {}): SessionKey {
  const session = { ...terms, ...change.terms };
  const sessionId = sessionIdOf(31337, contract!, session);
  const amount = session.allowances[0]!.limit;
  const nonce = depositNonce({ sessionId, key: key!, payee: payee!, amount, index: 0n });
  const fields = [
    "from address",
    "to address",
    "value uint256",
    "validAfter uint256",
    "validBefore uint256",
    "nonce bytes32",
  ];
  const open = {
    domain: { name: "USD Coin", version: "2", chainId: 31337, verifyingContract: token, ...change.domain },
    primaryType: "ReceiveWithAuthorization",
    types: change.types ?? {
      EIP712Domain: [{ name: "name", type: "string" }],
      ReceiveWithAuthorization: fields.map((field) => field.split(" ")).map(([name, type]) => ({ name, type })),
    },
    message: {
      from: owner.address.toLowerCase(),
      to: contract,
      value: amount.toString(),
      validAfter: "0",
      validBefore: String(session.validUntil),
      nonce,
      ...change.message,
    },
  };
  const grant = { domain: {}, types: {}, primaryType: "SessionGrant", message: { session: { salt }, key } };
  return {
    object: "session_key",
    id: "ses_1",
    customer_id: "cus_1",
    status: "pending",
    custody: "self",
    chain: { id: 31337, name: "local", contract: contract!, token: token! },
    session_id: sessionId,
    owner: owner.address,
    key: key!,
    payee: payee!,
    currency: "USDC",
    limit: "3",
    valid_after: "2026-01-01T00:00:00Z",
    valid_until: "2026-01-08T00:00:00Z",
    settle_grace_secs: 86_400,
    withdraw_delay_secs: 900,
    deposited: "0",
    charged: "0",
    claimed: "0",
    held: "0",
    available: "0",
    ...change.shown,
    typed_data: { grant, open } as unknown as SessionKey["typed_data"],
  } as SessionKey;
}

test("what was asked for is signed", async () => {
  const sent: Request[] = [];
  const client = tollbook({
    url: "http://ledger.test",
    apiKey: "tb_1",
    fetch: async (input, init) => {
      sent.push(new Request(input, init).clone() as Request);
      return Response.json({ id: "ses_1" }, { status: 202 });
    },
  });
  const shown = drawnUp();
  await openSession(client, owner, asked, shown, { chainId: 31337, contract: contract!, token: token!, payee: payee! });
  assert.equal(sent.length, 1);
  assert.equal(new URL(sent[0]!.url).pathname, "/v1/session_keys/ses_1/register");
  const { authorization } = (await sent[0]!.json()) as {
    authorization: { signature: Hex; amount: string; valid_before: number };
  };
  assert.deepEqual([authorization.amount, authorization.valid_before], ["3", 1_767_830_400]);
  const open = checkedOpening(asked, shown);
  const typed = { ...open, signature: authorization.signature } as unknown as Parameters<
    typeof recoverTypedDataAddress
  >[0];
  assert.equal(await recoverTypedDataAddress(typed), owner.address);
});

test("nothing else is signed", () => {
  const other = "0x0000000000000000000000000000000000000009";
  const changes: Change[] = [
    { terms: { allowances: [{ payee: payee!, limit: 4_000_000n, periodLimit: 0n, period: 0 }] } },
    { terms: { validUntil: terms.validUntil + 1 } },
    { terms: { validAfter: terms.validAfter - 1 } },
    { terms: { owner: other } },
    { terms: { allowances: [{ payee: other, limit: 3_000_000n, periodLimit: 0n, period: 0 }] } },
    { terms: { settleGrace: 1 } },
    { shown: { payee: other } },
    { shown: { key: other } },
    { shown: { session_id: `0x${"12".repeat(32)}` } },
    { shown: { chain: { id: 31337, contract: other, token: token! } } },
    { shown: { chain: { id: 1, contract: contract!, token: token! } } },
    { domain: { verifyingContract: other } },
    { domain: { chainId: 1 } },
    { message: { to: other } },
    { message: { from: other } },
    { message: { value: "3000001" } },
    { message: { nonce: `0x${"00".repeat(32)}` } },
    { types: { TransferWithAuthorization: [] } },
  ];
  for (const change of changes) {
    assert.throws(
      () => checkedOpening(asked, drawnUp(change)),
      RefusedToSign,
      JSON.stringify(change, (_, value) => (typeof value === "bigint" ? String(value) : (value as unknown))),
    );
  }
  assert.throws(() => checkedOpening(asked, drawnUp(), { payee: other }), RefusedToSign);
  assert.throws(() => checkedOpening(asked, drawnUp(), { contract: other }), RefusedToSign);
  assert.throws(() => checkedOpening(asked, { ...drawnUp(), typed_data: null }), RefusedToSign);
});

test("a session takes its own key only", () => {
  const { privateKey, address } = newKey();
  const shown = { ...drawnUp(), key: address };
  assert.equal(sessionOf(shown, privateKey).key.address, address);
  assert.throws(() => sessionOf(shown, TEST_KEY), TypeError);
  assert.equal("startAt" in sessionOf(shown, privateKey), false);
  assert.equal(sessionOf(shown, privateKey, { startAt: 7n }).startAt, 7n);
});

const soon = () => Math.floor(Date.now() / 1000) + 3_600;

/** What a ledger answers that is to put this key in the place of the present one. */
function preparedFor(key: string, change: Partial<KeyRotation> = {}): KeyRotation {
  // The typed data is what wallets elsewhere sign; here it is put together anew.
  const rotation = { object: "key_rotation", session_key_id: "ses_1", key, nonce: 3, deadline: soon(), position: null };
  return { ...rotation, typed_data: {}, ...change };
}

/** Who signed that this key follows. */
function ownerOf(shown: SessionKey, { key, owner_signature }: SignedKeyRotation): Promise<Address> {
  const { signature, nonce, deadline } = owner_signature;
  return recoverTypedDataAddress({
    domain: contractDomain(31337, contract!),
    types: SESSION_TYPES,
    primaryType: "RotateKey",
    message: {
      sessionId: shown.session_id as Hex,
      key: key as Address,
      nonce: BigInt(nonce),
      deadline: BigInt(deadline),
    },
    signature: signature as Hex,
  });
}

test("another key is prepared, signed for, sent, and waited for", async () => {
  const next = newKey().address;
  const shown = drawnUp();
  const sent: { path: string; body: unknown }[] = [];
  let polls = 0;
  const client = tollbook({
    url: "http://ledger.test",
    apiKey: "tb_1",
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const path = new URL(request.url).pathname;
      if (request.method === "GET") {
        polls += 1;
        // A frozen session's key can be changed as well.
        return Response.json({ ...shown, status: "frozen", key: polls > 1 ? next.toLowerCase() : shown.key });
      }
      sent.push({ path, body: await request.json() });
      if (path.endsWith("/rotation")) return Response.json(preparedFor(next.toLowerCase()));
      return Response.json({ ...shown, relays: [{ id: "rly_1" }] }, { status: 202 });
    },
  });
  await rotateKey(client, owner, shown, next);
  assert.deepEqual(
    sent.map(({ path }) => path),
    ["/v1/session_keys/ses_1/rotation", "/v1/session_keys/ses_1/rotate"],
  );
  assert.deepEqual(sent[0]!.body, { key: next });
  const signed = sent[1]!.body as SignedKeyRotation;
  assert.deepEqual([signed.key, signed.owner_signature.nonce], [next.toLowerCase(), 3]);
  assert.equal(await ownerOf(shown, signed), owner.address);
  assert.equal((await waitUntilRotated(client, "ses_1", next)).key, next.toLowerCase());
  assert.equal(polls, 2);
  await assert.rejects(waitUntilRotated(client, "ses_1", owner.address, { timeoutMs: 0 }), /still 0x/);
});

test("no other key is signed for than was asked for", async () => {
  const next = newKey().address;
  const other = newKey().address;
  const shown = drawnUp();
  const refused: [KeyRotation, Address?][] = [
    [preparedFor(other), next],
    [preparedFor("0x12"), next],
    [preparedFor(next, { deadline: soon() + 86_400 }), next],
    [preparedFor(next, { deadline: Number.MAX_VALUE }), next],
    [preparedFor(next, { nonce: "3" as unknown as number }), next],
    // Which key is to follow, a client that has keys of its own must say.
    [preparedFor(next)],
  ];
  for (const [prepared, key] of refused) {
    await assert.rejects(signRotation(owner, shown, prepared, key), RefusedToSign, JSON.stringify([prepared, key]));
  }
  // Of a managed session key it is the one that Tollbook has made.
  const managed = { ...shown, custody: "managed" } as SessionKey;
  const signed = await signRotation(owner, managed, preparedFor(other));
  assert.equal(await ownerOf(shown, signed), owner.address);
});

test("a session that has ended is not waited for", async () => {
  const client = tollbook({
    url: "http://ledger.test",
    apiKey: "tb_1",
    fetch: async () => Response.json({ ...drawnUp(), status: "revoked" }),
  });
  await assert.rejects(waitUntilRotated(client, "ses_1", owner.address), /revoked/);
});

test("the client repeats what may be lost with the same key, and tells problems", async () => {
  const keys: (string | null)[] = [];
  let answers: (() => Response)[] = [];
  const client = tollbook({
    url: "http://ledger.test/",
    apiKey: "tb_1",
    fetch: async (input, init) => {
      const request = new Request(input, init);
      assert.equal(request.headers.get("authorization"), "Bearer tb_1");
      keys.push(request.headers.get("idempotency-key"));
      return answers.shift()!();
    },
  });
  const unavailable = () => new Response("{}", { status: 503 });
  const lost = () => {
    throw new TypeError("fetch failed");
  };
  answers = [unavailable, lost, () => Response.json({ id: "hold_1" }, { status: 201 })];
  const hold = await answer(client.POST("/v1/holds", { body: { customer_id: "cus_1", amount: "1" } }));
  assert.equal(hold.id, "hold_1");
  assert.equal(new Set(keys).size, 1);
  assert.match(keys[0] ?? "", /^[0-9a-f-]{36}$/);
  keys.length = 0;
  answers = [
    () =>
      Response.json(
        { status: 402, code: "insufficient_funds", detail: "too little", remaining: "0.5" },
        { status: 402 },
      ),
  ];
  await assert.rejects(
    answer(client.POST("/v1/holds", { body: { amount: "1" }, headers: { "Idempotency-Key": "mine" } })),
    (error: unknown) => {
      assert.ok(error instanceof TollbookError);
      assert.deepEqual([error.status, error.code, error.problem.remaining], [402, "insufficient_funds", "0.5"]);
      return true;
    },
  );
  assert.deepEqual(keys, ["mine"]);
  answers = [lost, lost, lost, lost];
  await assert.rejects(answer(client.GET("/v1/organization")), {
    name: "TollbookError",
    status: 0,
    code: "unreachable",
  });
});
