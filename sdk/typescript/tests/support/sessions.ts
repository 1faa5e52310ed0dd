import { signerOf } from "@tollbook/sdk";
import type { Session } from "@tollbook/sdk";
import type { Hex } from "viem";

/** The key of the golden vectors: known to all, never to be used elsewhere. */
export const TEST_KEY: Hex = "0x03d90c6251ba9b950373c00e156c73244286c0c9a800dccb38c1e6a4a01a5b77";
export const OTHER_KEY: Hex = "0x6d5d70f1b21b0b1be8fa1576f2b95f9e07fbe3837f51067c160f86f2f800bdd6";

/** A session that is on no chain. */
export function testSession(key: Hex = TEST_KEY): Session {
  return {
    sessionId: `0x${"ab".repeat(32)}`,
    payee: "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    chainId: 31337,
    contract: "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512",
    token: "0x5fbdb2315678afecb367f032d93f642f64180aa3",
    key: signerOf(key),
  };
}
