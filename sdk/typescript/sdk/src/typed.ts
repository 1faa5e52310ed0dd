// The EIP-712 types of the contract `SessionKeyValidator`, and the ids and nonces that follow from them. They are the
// same bytes as in Solidity and Rust: contracts/vectors/vouchers.json is what the tests compare with.

import { encodeAbiParameters, hashTypedData, keccak256, zeroAddress } from "viem";
import type { Address, Hex } from "viem";

/** The types of everything that is signed around a session. */
export const SESSION_TYPES = {
  Allowance: [
    { name: "payee", type: "address" },
    { name: "limit", type: "uint128" },
    { name: "periodLimit", type: "uint128" },
    { name: "period", type: "uint32" },
  ],
  Session: [
    { name: "owner", type: "address" },
    { name: "token", type: "address" },
    { name: "validAfter", type: "uint48" },
    { name: "validUntil", type: "uint48" },
    { name: "settleGrace", type: "uint32" },
    { name: "withdrawDelay", type: "uint32" },
    { name: "allowances", type: "Allowance[]" },
    { name: "salt", type: "bytes32" },
  ],
  SessionGrant: [
    { name: "session", type: "Session" },
    { name: "key", type: "address" },
  ],
  Voucher: [
    { name: "sessionId", type: "bytes32" },
    { name: "payee", type: "address" },
    { name: "maxClaimable", type: "uint128" },
  ],
  Freeze: [
    { name: "sessionId", type: "bytes32" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
  Unfreeze: [
    { name: "sessionId", type: "bytes32" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
  Revoke: [
    { name: "sessionId", type: "bytes32" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
  RotateKey: [
    { name: "sessionId", type: "bytes32" },
    { name: "key", type: "address" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
  RequestWithdraw: [
    { name: "sessionId", type: "bytes32" },
    { name: "payee", type: "address" },
    { name: "amount", type: "uint128" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
} as const;

/** ERC-3009, as the token has it: money that only the contract may fetch. */
export const AUTHORIZATION_TYPES = {
  ReceiveWithAuthorization: [
    { name: "from", type: "address" },
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "validAfter", type: "uint256" },
    { name: "validBefore", type: "uint256" },
    { name: "nonce", type: "bytes32" },
  ],
} as const;

/** An EIP-712 domain. */
export interface Domain {
  name: string;
  version: string;
  chainId: number;
  verifyingContract: Address;
}

/** A session, as the contract has it. Amounts in atomic units, times in unix seconds. */
export interface SessionTerms {
  owner: Address;
  token: Address;
  validAfter: number;
  validUntil: number;
  settleGrace: number;
  withdrawDelay: number;
  allowances: readonly { payee: Address; limit: bigint; periodLimit: bigint; period: number }[];
  salt: Hex;
}

/** The contract's domain. */
export function contractDomain(chainId: number, contract: Address): Domain {
  return { name: "SessionKeyValidator", version: "1", chainId, verifyingContract: contract };
}

/** What the contract calls a session: its EIP-712 hash. */
export function sessionIdOf(chainId: number, contract: Address, session: SessionTerms): Hex {
  return hashTypedData({
    domain: contractDomain(chainId, contract),
    types: SESSION_TYPES,
    primaryType: "Session",
    message: session,
  });
}

/** What a key signs so that `payee` may claim up to `maxClaimable` of a session, in all. */
export function voucherDigest(
  where: { chainId: number; contract: Address },
  voucher: { sessionId: Hex; payee: Address; maxClaimable: bigint },
): Hex {
  return hashTypedData({
    domain: contractDomain(where.chainId, where.contract),
    types: SESSION_TYPES,
    primaryType: "Voucher",
    message: voucher,
  });
}

/** What a deposit's authorization commits to, so that one signature cannot fund anything else. */
export function depositNonce(deposit: {
  sessionId: Hex;
  /** The session's key; left out for money that is added to a registered session. */
  key?: Address;
  payee: Address;
  amount: bigint;
  index: bigint;
}): Hex {
  return keccak256(
    encodeAbiParameters(
      [{ type: "bytes32" }, { type: "address" }, { type: "address" }, { type: "uint128" }, { type: "uint256" }],
      [deposit.sessionId, deposit.key ?? zeroAddress, deposit.payee, deposit.amount, deposit.index],
    ),
  );
}
