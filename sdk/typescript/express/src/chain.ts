// What offers say of the chain: asked of the gateway and the ledger once, and anew after a while.

import { isObject } from "@tollbook/sdk";
import type { Facilitator } from "./facilitator.js";
import type { Ledger } from "./ledger.js";
import { unavailable } from "./problem.js";

/** Where and how the organization is paid. */
export interface ChainFacts {
  /** CAIP-2, for example `eip155:8453`. */
  network: string;
  /** The token. */
  asset: string;
  /** The token's EIP-712 name and version: for `exact`. */
  assetName?: string;
  assetVersion?: string;
  /** The contract of sessions: for `session`. */
  contract?: string;
  /** Who is paid; the organization's payee when left out. */
  payTo?: string;
}

/** The facts, with what the ledger says of the organization. */
export type Known = ChainFacts & { organization: string; payTo: string };

const GOOD_MS = 300_000;

/** The token, where the gateway does not say: that of the networks that Tollbook knows. */
const USDC: Readonly<Record<string, string>> = {
  "eip155:8453": "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
  "eip155:84532": "0x036cbd53842c5426634e7929541ec2318f3dcf7e",
  "eip155:137": "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359",
  "eip155:80002": "0x41e94eb019c0762f9bfcf9fb1e58725bfb0e7582",
};

export class Chain {
  #known: Promise<Known | undefined> | undefined;
  #until = 0;

  constructor(
    private readonly given: ChainFacts | undefined,
    private readonly ledger: Ledger,
    private readonly facilitator: Facilitator | undefined,
  ) {}

  /** `undefined` when there is no chain, or nobody to be paid there. Throws 503 when that cannot be known. */
  known(): Promise<Known | undefined> {
    if (this.#known && Date.now() < this.#until) return this.#known;
    this.#until = Date.now() + GOOD_MS;
    const asked = this.#ask();
    this.#known = asked;
    asked.catch(() => {
      if (this.#known === asked) this.#known = undefined;
    });
    return asked;
  }

  async #ask(): Promise<Known | undefined> {
    const facts = this.given ?? (await this.#learn());
    const { id, payee } = await this.ledger.organization();
    const payTo = facts?.payTo ?? payee;
    return facts && payTo ? { ...facts, organization: id, payTo } : undefined;
  }

  async #learn(): Promise<ChainFacts | undefined> {
    if (!this.facilitator) return undefined;
    const kinds = (await this.facilitator.supported()).filter((kind) => kind.x402Version === 2);
    const extra = (scheme: string) => {
      const kind = kinds.find((one) => one.scheme === scheme);
      return kind && isObject(kind.extra) ? { network: kind.network, ...kind.extra } : undefined;
    };
    const [session, exact]: (Record<string, unknown> | undefined)[] = [extra("session"), extra("exact")];
    const network = session?.network ?? exact?.network;
    const asset = session?.asset ?? exact?.asset ?? USDC[String(network)] ?? process.env.TOLLBOOK_USDC;
    if (network === undefined) return undefined;
    if (typeof network !== "string" || typeof asset !== "string")
      throw unavailable("the gateway does not say its token");
    const text = (name: string, value: unknown) => (typeof value === "string" ? { [name]: value } : {});
    return {
      network,
      asset,
      ...text("assetName", exact?.name),
      ...text("assetVersion", exact?.version),
      ...text("contract", session?.verifyingContract),
    };
  }
}
