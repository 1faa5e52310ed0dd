// Session keys from the owner's side: draw one up, check what is to be signed, sign it, wait until the chain has it.
// Like any wallet, nothing is signed because it was shown: it must be what was asked for.

import { hashTypedData, isAddress, isAddressEqual, zeroAddress } from "viem";
import type { Address, Hex } from "viem";
import { generatePrivateKey } from "viem/accounts";
import { answer } from "./client.js";
import type { Tollbook } from "./client.js";
import { setTimeout as later } from "./later.js";
import { atomicOf, exactOf } from "./money.js";
import type { components } from "./schema.js";
import { AUTHORIZATION_TYPES, SESSION_TYPES, contractDomain, depositNonce, sessionIdOf } from "./typed.js";
import type { Domain, SessionTerms } from "./typed.js";
import { signerOf } from "./voucher.js";
import type { Session, TypedDataSigner } from "./voucher.js";
import { isObject } from "./wire.js";

/** What is asked for: the body of `POST /v1/session_keys`. */
export type NewSessionKey = components["schemas"]["NewSessionKey"];
/** A session key, as the ledger shows it. */
export type SessionKey = components["schemas"]["SessionKeyOut"];

/** What the owner insists on, beside what was asked for. What is left out is taken as the ledger shows it. */
export interface Expected {
  chainId?: number;
  contract?: Address;
  token?: Address;
  payee?: Address;
}

/** What is to be signed is not what was asked for. */
export class RefusedToSign extends Error {
  override readonly name = "RefusedToSign";
}

/** A new key to sign vouchers with. Keep the private key as you keep money: up to the session's deposit it is money. */
export function newKey(): { privateKey: Hex; address: Address; signer: TypedDataSigner } {
  const privateKey = generatePrivateKey();
  const signer = signerOf(privateKey);
  return { privateKey, address: signer.address, signer };
}

/** Draws a session key up. It is `pending` until its owner has signed and the chain knows it. */
export async function createSessionKey(
  client: Tollbook,
  asked: NewSessionKey,
  options: { idempotencyKey?: string } = {},
): Promise<SessionKey> {
  const { idempotencyKey } = options;
  const headers = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
  return answer(client.POST("/v1/session_keys", { body: asked, headers }));
}

/**
 * Signs, as the owner, the one authorization that registers a session key and puts its whole limit into escrow, and
 * has Tollbook send it. Throws `RefusedToSign` when the ledger shows something else than what was asked for.
 */
export async function openSession(
  client: Tollbook,
  owner: TypedDataSigner,
  asked: NewSessionKey,
  drawnUp: SessionKey,
  expected: Expected = {},
): Promise<SessionKey> {
  const open = checkedOpening(asked, drawnUp, expected);
  const signature = await owner.signTypedData({
    domain: open.domain,
    types: { ...AUTHORIZATION_TYPES },
    primaryType: "ReceiveWithAuthorization",
    message: { ...open.message },
  });
  return answer(
    client.POST("/v1/session_keys/{id}/register", {
      params: { path: { id: drawnUp.id } },
      body: { authorization: { amount: asked.limit, signature, valid_before: Number(open.message.validBefore) } },
    }),
  );
}

/** Makes, signs and funds a session in one go, and waits until it can be used. */
export async function newSession(
  client: Tollbook,
  owner: TypedDataSigner,
  asked: Omit<NewSessionKey, "owner" | "key" | "custody">,
  options: Expected & WaitOptions & { privateKey?: Hex } = {},
): Promise<{ session: Session; sessionKey: SessionKey; privateKey: Hex }> {
  const privateKey = options.privateKey ?? generatePrivateKey();
  const key = signerOf(privateKey);
  const whole: NewSessionKey = { ...asked, owner: owner.address, custody: "self", key: key.address };
  const drawnUp = await createSessionKey(client, whole);
  await openSession(client, owner, whole, drawnUp, options);
  const sessionKey = await waitUntilActive(client, drawnUp.id, { deposited: whole.limit, ...options });
  return { session: sessionOf(sessionKey, key), sessionKey, privateKey };
}

/** A session to pay with, from what the ledger shows and the key. `startAt` is for a key that replaced another one. */
export function sessionOf(
  sessionKey: SessionKey,
  key: TypedDataSigner | Hex,
  options: Pick<Session, "startAt"> = {},
): Session {
  const signer = typeof key === "string" ? signerOf(key) : key;
  if (!isAddressEqual(signer.address, sessionKey.key as Address)) throw new TypeError("it is another session's key");
  return {
    sessionId: sessionKey.session_id as Hex,
    payee: sessionKey.payee as Address,
    chainId: sessionKey.chain.id,
    contract: sessionKey.chain.contract as Address,
    token: sessionKey.chain.token as Address,
    key: signer,
    ...(options.startAt === undefined ? {} : { startAt: options.startAt }),
  };
}

export interface WaitOptions {
  /** How long to wait; two minutes when left out. */
  timeoutMs?: number;
  /** Ends the waiting. */
  signal?: AbortSignal;
  /** At least so much must have been deposited for good: a decimal string. */
  deposited?: string;
}

const POLL_MS = 300;

/** Waits until the chain has a session key, and its deposit, for good. */
export async function waitUntilActive(client: Tollbook, id: string, options: WaitOptions = {}): Promise<SessionKey> {
  const { timeoutMs = 120_000, signal, deposited = "0" } = options;
  const end = Date.now() + timeoutMs;
  for (;;) {
    const key = await answer(client.GET("/v1/session_keys/{id}", { params: { path: { id } } }));
    if (key.status === "active" && exactOf(key.deposited) >= exactOf(deposited)) return key;
    if (key.status !== "pending" && key.status !== "active") throw new Error(`the session key is ${key.status}`);
    if (Date.now() >= end) {
      throw new Error(`the session key is ${key.status} with ${key.deposited} deposited after ${timeoutMs} ms`);
    }
    await later(POLL_MS, signal);
  }
}

/**
 * Waits until the chain has another key of a session for good: from then on that one signs. It takes as long as the
 * chain takes to be final, which may be much longer than two minutes: see `timeoutMs`.
 */
export async function waitUntilRotated(
  client: Tollbook,
  id: string,
  key: Address,
  options: Omit<WaitOptions, "deposited"> = {},
): Promise<SessionKey> {
  const { timeoutMs = 120_000, signal } = options;
  const end = Date.now() + timeoutMs;
  for (;;) {
    const now = await answer(client.GET("/v1/session_keys/{id}", { params: { path: { id } } }));
    if (isAddressEqual(now.key as Address, key)) return now;
    if (now.status === "revoked" || now.status === "closed") throw new Error(`the session key is ${now.status}`);
    if (Date.now() >= end) throw new Error(`the session's key is still ${now.key} after ${timeoutMs} ms`);
    await later(POLL_MS, signal);
  }
}

/** What an owner can sign about a session that is registered. */
export type OwnerAction = "freeze" | "unfreeze" | "revoke" | "withdraw";

/** Signs an action as the owner and has Tollbook send it. `amount` is for `withdraw`: all there is when left out. */
export async function ownerAction(
  client: Tollbook,
  owner: TypedDataSigner,
  sessionKey: Pick<SessionKey, "id" | "session_id">,
  action: OwnerAction,
  amount?: string,
): Promise<SessionKey> {
  const path = { id: sessionKey.id };
  const asked = amount === undefined ? { action } : { action, amount };
  const shown = await answer(client.GET("/v1/session_keys/{id}/typed_data", { params: { path, query: asked } }));
  const { nonce, deadline, typed_data } = shown;
  const typed = typedDataOf(typed_data);
  const isSame =
    typed.primaryType === OWNER_TYPES[action] &&
    String(typed.message.sessionId).toLowerCase() === sessionKey.session_id.toLowerCase() &&
    (amount === undefined || typed.message.amount === atomicOf(amount).toString());
  if (!isSame || typeof nonce !== "number" || typeof deadline !== "number") {
    throw new RefusedToSign(`what is to be signed is no ${action} of this session`);
  }
  const owner_signature = { signature: await owner.signTypedData(typed), nonce, deadline };
  const params = { path };
  switch (action) {
    case "freeze":
      return answer(client.POST("/v1/session_keys/{id}/freeze", { params, body: { owner_signature } }));
    case "unfreeze":
      return answer(client.POST("/v1/session_keys/{id}/unfreeze", { params, body: { owner_signature } }));
    case "revoke":
      return answer(client.POST("/v1/session_keys/{id}/revoke", { params, body: { owner_signature } }));
    case "withdraw": {
      const body = amount === undefined ? { owner_signature } : { owner_signature, amount };
      return answer(client.POST("/v1/session_keys/{id}/withdrawals", { params, body }));
    }
  }
}

const OWNER_TYPES: Record<OwnerAction, string> = {
  freeze: "Freeze",
  unfreeze: "Unfreeze",
  revoke: "Revoke",
  withdraw: "RequestWithdraw",
};

/** Which key is to follow, and what its owner is to sign: what `POST /v1/session_keys/{id}/rotation` answers. */
export type KeyRotation = components["schemas"]["KeyRotationOut"];
/** What `POST /v1/session_keys/{id}/rotate` takes. */
export type SignedKeyRotation = components["schemas"]["SignedKeyRotation"];

/** No signature of another key is good for longer. */
const ROTATION_SECS_MAX = 86_400;

/**
 * Signs, as the owner, that `key` takes the place of the session's present key. Without `key` it is the one that
 * Tollbook has made, and the session key must be managed: else `RefusedToSign`, as when the ledger shows another key.
 */
export async function signRotation(
  owner: TypedDataSigner,
  sessionKey: Pick<SessionKey, "session_id" | "chain" | "custody">,
  prepared: KeyRotation,
  key?: Address,
): Promise<SignedKeyRotation> {
  const { nonce, deadline } = prepared;
  const { chain, custody } = sessionKey;
  if (key === undefined && custody !== "managed") throw new RefusedToSign("say which key of yours is to follow");
  if (!isAddress(prepared.key, { strict: false }) || !isAddressEqual(prepared.key, key ?? prepared.key)) {
    throw new RefusedToSign("another key would follow than was asked for");
  }
  if (!Number.isSafeInteger(nonce) || !Number.isSafeInteger(deadline)) {
    throw new RefusedToSign("what is to be signed has no nonce or deadline");
  }
  if (deadline > Date.now() / 1000 + ROTATION_SECS_MAX) {
    throw new RefusedToSign("the signature would be good for more than a day");
  }
  // Put together here, not as it is shown.
  const signature = await owner.signTypedData({
    domain: contractDomain(chain.id, chain.contract as Address),
    types: { RotateKey: SESSION_TYPES.RotateKey },
    primaryType: "RotateKey",
    message: {
      sessionId: sessionKey.session_id,
      key: prepared.key,
      nonce: nonce.toString(),
      deadline: deadline.toString(),
    },
  });
  return { key: prepared.key, owner_signature: { signature, nonce, deadline } };
}

/**
 * Puts another key in the place of a session's present one: has it prepared, signs as the owner, has Tollbook send it.
 * `key` is the address of the client's new key; of a managed session key Tollbook makes one. `waitUntilRotated` tells
 * when the new key signs.
 */
export async function rotateKey(
  client: Tollbook,
  owner: TypedDataSigner,
  sessionKey: Pick<SessionKey, "id" | "session_id" | "chain" | "custody">,
  key?: Address,
): Promise<SessionKey> {
  const params = { path: { id: sessionKey.id } };
  const body = key === undefined ? {} : { key };
  const prepared = await answer(client.POST("/v1/session_keys/{id}/rotation", { params, body }));
  const signed = await signRotation(owner, sessionKey, prepared, key);
  return answer(client.POST("/v1/session_keys/{id}/rotate", { params, body: signed }));
}

/** Signs, as the owner, more money for a session that is registered, and has Tollbook send it. */
export async function deposit(
  client: Tollbook,
  owner: TypedDataSigner,
  sessionKey: SessionKey,
  amount: string,
  options: { index?: number } = {},
): Promise<SessionKey> {
  const { index = 0 } = options;
  const params = { path: { id: sessionKey.id } };
  const query = { action: "deposit", amount, index } as const;
  const shown = await answer(client.GET("/v1/session_keys/{id}/typed_data", { params: { ...params, query } }));
  const typed = typedDataOf(shown.typed_data);
  const nonce = depositNonce({
    sessionId: sessionKey.session_id as Hex,
    payee: sessionKey.payee as Address,
    amount: atomicOf(amount),
    index: BigInt(index),
  });
  checkAuthorization(typed, sessionKey, owner.address, atomicOf(amount), nonce);
  const signature = await owner.signTypedData(typed);
  const authorization = { amount, index, signature, valid_before: Number(typed.message.validBefore) };
  return answer(client.POST("/v1/session_keys/{id}/deposits", { params, body: { authorization } }));
}

interface TypedData {
  domain: Domain;
  types: Record<string, readonly { name: string; type: string }[]>;
  primaryType: string;
  message: Record<string, unknown>;
}

function typedDataOf(value: unknown): TypedData {
  if (!isObject(value) || !isObject(value.domain) || !isObject(value.types) || !isObject(value.message)) {
    throw new RefusedToSign("what is to be signed is no typed data");
  }
  // The domain's own type is known to every wallet; viem adds it itself.
  const { EIP712Domain: _, ...types } = value.types;
  return { ...value, types } as unknown as TypedData;
}

function checkAuthorization(typed: TypedData, key: SessionKey, owner: Address, amount: bigint, nonce: Hex): void {
  const { domain, message } = typed;
  const same = (one: unknown, other: string) => String(one).toLowerCase() === other.toLowerCase();
  const isSame =
    typed.primaryType === "ReceiveWithAuthorization" &&
    JSON.stringify(typed.types) === JSON.stringify(AUTHORIZATION_TYPES) &&
    Number(domain.chainId) === key.chain.id &&
    same(domain.verifyingContract, key.chain.token) &&
    same(message.from, owner) &&
    same(message.to, key.chain.contract) &&
    String(message.value) === amount.toString() &&
    String(message.validAfter) === "0" &&
    same(message.nonce, nonce);
  if (!isSame) throw new RefusedToSign("the authorization pays for something else than what was asked for");
}

const seconds = (time: string) => Math.floor(Date.parse(time) / 1000);

/** The typed data of `open`, when it is exactly what was asked for. */
export function checkedOpening(asked: NewSessionKey, drawnUp: SessionKey, expected: Expected = {}): TypedData {
  const { chain } = drawnUp;
  const shown = { chainId: chain.id, contract: chain.contract, token: chain.token, payee: drawnUp.payee };
  for (const [name, value] of Object.entries(expected)) {
    if (!(name in shown) || value === undefined) continue;
    if (String(shown[name as keyof typeof shown]).toLowerCase() !== String(value).toLowerCase()) {
      throw new RefusedToSign(`the ${name} is another one than expected`);
    }
  }
  const offered = drawnUp.typed_data;
  if (!offered?.open) throw new RefusedToSign("there is no authorization to sign");
  const grant = typedDataOf(offered.grant).message.session;
  const salt = isObject(grant) ? grant.salt : undefined;
  const terms: SessionTerms = {
    owner: asked.owner as Address,
    token: chain.token as Address,
    validAfter: seconds(asked.valid_after ?? drawnUp.valid_after),
    validUntil: seconds(asked.valid_until),
    settleGrace: asked.settle_grace_secs ?? drawnUp.settle_grace_secs,
    withdrawDelay: asked.withdraw_delay_secs ?? drawnUp.withdraw_delay_secs,
    allowances: [
      {
        payee: drawnUp.payee as Address,
        limit: atomicOf(asked.limit),
        periodLimit: atomicOf(asked.period_limit ?? "0"),
        period: asked.period_secs ?? 0,
      },
    ],
    salt: salt as Hex,
  };
  if (typeof salt !== "string" || sessionIdOf(chain.id, chain.contract as Address, terms) !== drawnUp.session_id) {
    throw new RefusedToSign("the session has other terms than those that were asked for");
  }
  // With a managed key the ledger says which; with our own it must be ours.
  const key = (asked.key ?? drawnUp.key) as Address;
  if (!isAddressEqual(key, drawnUp.key as Address) || isAddressEqual(key, zeroAddress)) {
    throw new RefusedToSign("the session has another key");
  }
  const amount = atomicOf(asked.limit);
  const [sessionId, payee] = [drawnUp.session_id as Hex, drawnUp.payee as Address];
  const open = typedDataOf(offered.open);
  const nonce = depositNonce({ sessionId, key, payee, amount, index: 0n });
  checkAuthorization(open, drawnUp, asked.owner as Address, amount, nonce);
  return open;
}

/** The digest of typed data, as a wallet would sign it. */
export function digestOf(typed: TypedData): Hex {
  return hashTypedData(typed as Parameters<typeof hashTypedData>[0]);
}
