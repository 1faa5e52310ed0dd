// Vouchers: "this payee may claim up to maxClaimable of this session, in all". They are cumulative, so a voucher is
// never used up, and a higher one replaces all lower ones.

import { concat, isAddressEqual, numberToHex, recoverTypedDataAddress, size, slice } from "viem";
import type { Address, Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { ATOMIC_MAX } from "./money.js";
import { SESSION_TYPES, contractDomain } from "./typed.js";

/** Something with a key, for example an account of viem. */
export interface TypedDataSigner {
  readonly address: Address;
  // The parameters are viem's; a method, so that accounts of any of its versions fit.
  signTypedData(typedData: {
    domain: { name: string; version: string; chainId: number; verifyingContract: Address };
    types: Record<string, readonly { name: string; type: string }[]>;
    primaryType: string;
    message: Record<string, unknown>;
  }): Promise<Hex>;
}

/** A session and its key: what is needed to pay with it. */
export interface Session {
  /** What the contract calls it. */
  sessionId: Hex;
  /** Who is paid. */
  payee: Address;
  /** EIP-155 id of the chain. */
  chainId: number;
  /** The contract that holds the money. */
  contract: Address;
  /** The token. */
  token: Address;
  /** Signs the vouchers. */
  key: TypedDataSigner;
  /**
   * Where the session's owner has changed its key: what was signed for with former keys, in all, in atomic units. So
   * much is taken for agreed to, though no voucher of this key shows it. From what you have kept, not from the server
   * that is paid: it is what that server is checked against.
   */
  startAt?: bigint;
}

/** A voucher, as it is sent. */
export interface Voucher {
  sessionId: Hex;
  payee: Address;
  /** Atomic units, as digits. */
  maxClaimable: string;
  signature: Hex;
}

// Half of the group's order: of the two signatures that are equally valid, the contract takes the one with the lower s.
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/** An account of a private key. */
export function signerOf(privateKey: Hex): TypedDataSigner {
  const account = privateKeyToAccount(privateKey);
  return {
    address: account.address,
    // viem infers its parameters from the types; here they are plain.
    signTypedData: (typedData) => account.signTypedData(typedData as Parameters<typeof account.signTypedData>[0]),
  };
}

/** Signs that the session's payee may claim up to `maxClaimable` atomic units, in all. */
export async function signVoucher(session: Session, maxClaimable: bigint): Promise<Voucher> {
  if (maxClaimable < 0n || maxClaimable > ATOMIC_MAX) throw new RangeError("maxClaimable is no uint128");
  const { sessionId, payee } = session;
  const signature = await session.key.signTypedData({
    domain: contractDomain(session.chainId, session.contract),
    types: { Voucher: SESSION_TYPES.Voucher },
    primaryType: "Voucher",
    message: { sessionId, payee, maxClaimable },
  });
  return { sessionId, payee, maxClaimable: maxClaimable.toString(), signature };
}

/** The compact form of ERC-2098 as 65 bytes. By hand: viem's reader refuses an s near the border. */
function expanded(compact: Hex): Hex {
  const vs = BigInt(slice(compact, 32, 64));
  const s = numberToHex(vs & (2n ** 255n - 1n), { size: 32 });
  return concat([slice(compact, 0, 32), s, vs >> 255n ? "0x1c" : "0x1b"]);
}

/** Whether the session's own key signed that much. A signature that cannot be read, or has a high s, is none. */
export async function isSignedByKey(session: Session, maxClaimable: bigint, signature: Hex): Promise<boolean> {
  try {
    const full = size(signature) === 64 ? expanded(signature) : signature;
    if (size(full) !== 65 || BigInt(slice(full, 32, 64)) > HALF_ORDER) return false;
    const signer = await recoverTypedDataAddress({
      domain: contractDomain(session.chainId, session.contract),
      types: { Voucher: SESSION_TYPES.Voucher },
      primaryType: "Voucher",
      message: { sessionId: session.sessionId, payee: session.payee, maxClaimable },
      signature: full,
    });
    return isAddressEqual(signer, session.key.address);
  } catch {
    return false;
  }
}
