// What the middleware is told, and what it works out of that once.

import { atomicUp, exactOf, tollbook } from "@tollbook/sdk";
import type { Tollbook, TollbookOptions } from "@tollbook/sdk";
import type { Request, Response } from "express";
import { Chain } from "./chain.js";
import type { ChainFacts } from "./chain.js";
import { Facilitator } from "./facilitator.js";
import { Ledger } from "./ledger.js";

/** How a request may be paid. */
export type Scheme = "session" | "exact" | "bearer";

/** What a handler answered, for a cost that depends on it. */
export interface Answered {
  status: number;
  /** Bytes of the body, so far as they were sent. */
  bytes: number;
  /** The body, unless it was streamed. */
  body: Buffer | undefined;
  /** The client left in the middle of a stream. */
  isAborted: boolean;
  /** How long the handler took. */
  millis: number;
}

export interface PaidOptions {
  /**
   * What a request costs, or may cost at most when there is a `cost`: a decimal string, for example `"0.001"`. `"0"`
   * lets the request pass for nothing.
   */
  price: string | ((request: Request) => string | Promise<string>);
  /** What it came to, at most `price`; called when the handler has answered. All of `price` when left out. */
  cost?: (request: Request, response: Response, answered: Answered) => string | Promise<string>;
  /**
   * The currencies in which the price holds, with the same figure in each: that of the payer is used. `USDC` and `USD`
   * when left out. Sessions and `exact` pay in USDC.
   */
  currencies?: readonly string[];
  /** All when left out; `exact` only where the cost is fixed. */
  accepts?: readonly Scheme[];
  /** The ledger. `TOLLBOOK_URL` and `TOLLBOOK_API_KEY` when left out. */
  tollbook?: TollbookOptions | Tollbook;
  /** The gateway, which verifies and settles `exact` and knows the chain. `TOLLBOOK_GATEWAY_URL` when left out. */
  gateway?: string;
  /** The chain, when it is not to be asked of the gateway. */
  chain?: ChainFacts;
  /** Shown in the offer. */
  description?: string;
  /** Shown in the offer: what the answer will be. */
  mimeType?: string;
  /** How long a handler may take before its hold runs out; 600 seconds when left out. */
  holdSeconds?: number;
  /** Answers up to here are held back until they are paid, longer ones are streamed; 1 MiB when left out. */
  bufferBytesMax?: number;
  /** Is told of what nobody else hears: captures that failed after a stream, costs above the price. */
  onError?: (error: unknown, request: Request) => void;
}

/** The options, worked out. */
export interface Settings {
  readonly options: PaidOptions;
  readonly accepts: ReadonlySet<Scheme>;
  readonly currencies: readonly string[];
  readonly ledger: Ledger;
  readonly facilitator: Facilitator | undefined;
  readonly chain: Chain;
  readonly holdSeconds: number;
  readonly bufferBytesMax: number;
  readonly onError: (error: unknown, request: Request) => void;
}

const ALL: readonly Scheme[] = ["session", "exact", "bearer"];
const DESCRIPTION_MAX = 500;

/** Checks what can be checked before the first request. */
export function settingsOf(options: PaidOptions): Settings {
  if (typeof options.price === "string") exactOf(options.price);
  if ((options.description?.length ?? 0) > DESCRIPTION_MAX) throw new RangeError("the description is too long");
  const gateway = options.gateway ?? process.env.TOLLBOOK_GATEWAY_URL;
  const fixed = options.cost === undefined;
  const accepts = new Set(options.accepts ?? ALL.filter((scheme) => scheme !== "exact" || (fixed && gateway)));
  if (accepts.size === 0) throw new TypeError("accepts is empty");
  if (accepts.has("exact") && !fixed) throw new TypeError("exact pays a fixed price: leave out `cost`, or exact");
  if (accepts.has("exact") && !gateway) throw new TypeError("exact needs a gateway, or TOLLBOOK_GATEWAY_URL");
  const given = options.tollbook ?? {};
  const client = "GET" in given ? given : tollbook(given);
  const ledger = new Ledger(client);
  const apiKey = "GET" in given ? undefined : (given.apiKey ?? process.env.TOLLBOOK_API_KEY);
  const facilitator = gateway ? new Facilitator(gateway, apiKey) : undefined;
  return {
    options,
    accepts,
    currencies: options.currencies ?? ["USDC", "USD"],
    ledger,
    facilitator,
    chain: new Chain(options.chain, ledger, facilitator),
    holdSeconds: options.holdSeconds ?? 600,
    bufferBytesMax: options.bufferBytesMax ?? 1 << 20,
    onError: options.onError ?? ((error) => console.error("tollbook:", error)),
  };
}

/** A price in 10⁻¹² units, and as the chain counts it. */
export interface Price {
  text: string;
  exact: bigint;
  atomic: bigint;
}

/** The price of a request. */
export async function priceOf({ options }: Settings, request: Request): Promise<Price> {
  const text = typeof options.price === "string" ? options.price : await options.price(request);
  const exact = exactOf(text);
  return { text, exact, atomic: atomicUp(exact) };
}
