// Tollbook for TypeScript: the typed client, session keys and vouchers, and a fetch that pays.
// The scheme for the stock x402 client is in `@tollbook/sdk/x402`.

export { answer, answered, tollbook } from "./client.js";
export type { Tollbook, TollbookOptions } from "./client.js";
export { PaymentError, TollbookError } from "./errors.js";
export * from "./money.js";
export { payingFetch } from "./paying-fetch.js";
export type { PayingFetchOptions } from "./paying-fetch.js";
export type { components, operations, paths } from "./schema.js";
export {
  RefusedToSign,
  checkedOpening,
  createSessionKey,
  deposit,
  newKey,
  newSession,
  openSession,
  ownerAction,
  rotateKey,
  sessionOf,
  signRotation,
  waitUntilActive,
  waitUntilRotated,
} from "./session-key.js";
export type {
  Expected,
  KeyRotation,
  NewSessionKey,
  OwnerAction,
  SessionKey,
  SignedKeyRotation,
  WaitOptions,
} from "./session-key.js";
export { memoryStore } from "./store.js";
export type { Remembered, VoucherStore } from "./store.js";
export { SESSION_TYPES, contractDomain, depositNonce, sessionIdOf, voucherDigest } from "./typed.js";
export type { Domain, SessionTerms } from "./typed.js";
export { isSignedByKey, signVoucher, signerOf } from "./voucher.js";
export type { Session, TypedDataSigner, Voucher } from "./voucher.js";
export type { WalletOptions } from "./wallet.js";
export * from "./wire.js";
