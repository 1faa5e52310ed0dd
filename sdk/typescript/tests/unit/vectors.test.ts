// The SDK signs the very bytes that the contract and the ledger expect: contracts/vectors/vouchers.json.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  SESSION_TYPES,
  contractDomain,
  depositNonce,
  isSignedByKey,
  sessionIdOf,
  signVoucher,
  signerOf,
  voucherDigest,
} from "@tollbook/sdk";
import type { Session, SessionTerms } from "@tollbook/sdk";
import type { Address, Hex } from "viem";
import { concat, hashDomain, hashTypedData } from "viem";

interface Vectors {
  keys: { name: string; privateKey: Hex; address: Address }[];
  domains: { name: string; version: string; chainId: number; verifyingContract: Address; separator: Hex }[];
  sessions: { name: string; chainId: number; verifyingContract: Address; sessionId: Hex; session: RawTerms }[];
  vouchers: RawVoucher[];
  rejectedVouchers: RawVoucher[];
  rotations: {
    chainId: number;
    verifyingContract: Address;
    sessionId: Hex;
    key: Address;
    nonce: string;
    deadline: string;
    digest: Hex;
  }[];
  authorizations: {
    sessionId: Hex;
    key: Address;
    payee: Address;
    amount: string;
    index: string;
    nonce: Hex;
  }[];
}

interface RawTerms {
  owner: Address;
  token: Address;
  validAfter: string;
  validUntil: string;
  settleGrace: number;
  withdrawDelay: number;
  allowances: { payee: Address; limit: string; periodLimit: string; period: number }[];
  salt: Hex;
}

interface RawVoucher {
  name: string;
  chainId: number;
  verifyingContract: Address;
  sessionId: Hex;
  payee: Address;
  maxClaimable: string;
  key: Address;
  digest: Hex;
  signature: Hex;
  r: Hex;
  vs: Hex;
}

const file = new URL("../../../../../contracts/vectors/vouchers.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;

function sessionFor(vector: RawVoucher): Session {
  const known = vectors.keys.find((key) => key.address === vector.key);
  return {
    sessionId: vector.sessionId,
    payee: vector.payee,
    chainId: vector.chainId,
    contract: vector.verifyingContract,
    token: "0x5fbdb2315678afecb367f032d93f642f64180aa3",
    key: known
      ? signerOf(known.privateKey)
      : { address: vector.key, signTypedData: () => Promise.reject(new Error("nobody knows this key")) },
  };
}

test("the contract's domain", () => {
  const ours = vectors.domains.filter((domain) => domain.name === "SessionKeyValidator");
  assert.ok(ours.length > 1);
  for (const { chainId, verifyingContract, separator } of ours) {
    const domain = contractDomain(chainId, verifyingContract);
    const types: Record<string, { name: string; type: string }[]> = { EIP712Domain: EIP712_DOMAIN };
    assert.equal(hashDomain({ domain: { ...domain }, types } as Parameters<typeof hashDomain>[0]), separator);
  }
});

const EIP712_DOMAIN = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
];

test("ids of sessions", () => {
  for (const { chainId, verifyingContract, session, sessionId } of vectors.sessions) {
    const terms: SessionTerms = {
      ...session,
      validAfter: Number(session.validAfter),
      validUntil: Number(session.validUntil),
      allowances: session.allowances.map((one) => ({
        ...one,
        limit: BigInt(one.limit),
        periodLimit: BigInt(one.periodLimit),
      })),
    };
    assert.equal(sessionIdOf(chainId, verifyingContract, terms), sessionId);
  }
});

describe("vouchers", () => {
  for (const vector of vectors.vouchers) {
    test(`${vector.name} on ${vector.chainId}`, async () => {
      const session = sessionFor(vector);
      const maxClaimable = BigInt(vector.maxClaimable);
      const digest = voucherDigest(session, { ...vector, maxClaimable });
      assert.equal(digest, vector.digest);
      assert.ok(await isSignedByKey(session, maxClaimable, vector.signature));
      assert.ok(await isSignedByKey(session, maxClaimable, concat([vector.r, vector.vs])));
      if (!vectors.keys.some((key) => key.address === vector.key)) return;
      const { name: _, ...signed } = { name: "", ...(await signVoucher(session, maxClaimable)) };
      const { sessionId, payee, signature } = vector;
      assert.deepEqual(signed, { sessionId, payee, maxClaimable: vector.maxClaimable, signature });
    });
  }
});

test("a voucher that the contract refuses is not taken for our own", async () => {
  for (const vector of vectors.rejectedVouchers) {
    const session = sessionFor(vector);
    assert.equal(await isSignedByKey(session, BigInt(vector.maxClaimable), vector.signature), false, vector.name);
    const compact = concat([vector.r, vector.vs]);
    assert.equal(await isSignedByKey(session, BigInt(vector.maxClaimable), compact), false, `${vector.name}, compact`);
  }
});

test("what an owner signs so that another key follows", () => {
  assert.ok(vectors.rotations.length > 1);
  for (const { chainId, verifyingContract, digest, sessionId, key, nonce, deadline } of vectors.rotations) {
    const domain = contractDomain(chainId, verifyingContract);
    const message = { sessionId, key, nonce: BigInt(nonce), deadline: BigInt(deadline) };
    assert.equal(hashTypedData({ domain, types: SESSION_TYPES, primaryType: "RotateKey", message }), digest);
  }
});

test("what a deposit's authorization commits to", () => {
  assert.ok(vectors.authorizations.length > 1);
  for (const one of vectors.authorizations) {
    const { sessionId, key, payee, nonce } = one;
    const made = depositNonce({ sessionId, key, payee, amount: BigInt(one.amount), index: BigInt(one.index) });
    assert.equal(made, nonce);
  }
});
