// The 402: what a request costs and how it may be paid.

import { PAYMENT_REQUIRED, PAYMENT_RESPONSE, encode, sameAddress } from "@tollbook/sdk";
import type { Request, Response } from "express";
import type { Address } from "viem";
import type { Known } from "./chain.js";
import type { Price, Settings } from "./options.js";
import { Problem, Refused, send } from "./problem.js";

const EXACT_SECONDS = 60;

/** One way to pay, as x402 has it. */
export interface Offer {
  scheme: string;
  network: string;
  amount: string;
  asset: string;
  payTo: string;
  maxTimeoutSeconds: number;
  extra: Record<string, unknown>;
}

/** The ways to pay a price. The session comes first: clients take the first one they can. */
export function offersOf(settings: Settings, chain: Known | undefined, price: Price): Offer[] {
  if (!chain || !settings.currencies.includes("USDC")) return [];
  const { network, asset, payTo, contract, organization, assetName, assetVersion } = chain;
  const common = { network, amount: price.atomic.toString(), asset, payTo };
  const offers: Offer[] = [];
  if (settings.accepts.has("session") && contract) {
    const extra = { name: "SessionKeyValidator", version: "1", verifyingContract: contract, organization };
    offers.push({ scheme: "session", ...common, maxTimeoutSeconds: settings.holdSeconds, extra });
  }
  if (settings.accepts.has("exact") && assetName && assetVersion) {
    const extra = { name: assetName, version: assetVersion };
    offers.push({ scheme: "exact", ...common, maxTimeoutSeconds: EXACT_SECONDS, extra });
  }
  return offers;
}

/** The offer that a client says it accepted, as it is now. */
export function acceptedOf(offers: readonly Offer[], accepted: Record<string, unknown>): Offer {
  const offer = offers.find((one) => one.scheme === accepted.scheme);
  if (!offer) throw new Refused("unsupported_scheme", "there is no such offer");
  if (offer.network !== accepted.network) throw new Refused("invalid_network", "the offer is on another network");
  const isSame =
    sameAddress(accepted.asset, offer.asset as Address) && sameAddress(accepted.payTo, offer.payTo as Address);
  const amount = typeof accepted.amount === "string" && /^[0-9]{1,39}$/.test(accepted.amount) ? accepted.amount : "0";
  if (!isSame || BigInt(amount) < BigInt(offer.amount)) {
    throw new Refused("invalid_payment_requirements", "the offer is another one now");
  }
  return offer;
}

function urlOf(request: Request): string {
  return `${request.protocol}://${request.get("host") ?? "localhost"}${request.originalUrl}`;
}

/** Answers 402, with the offers and with why. */
export function require402(
  request: Request,
  response: Response,
  settings: Settings,
  offers: readonly Offer[],
  refused: Refused | undefined,
): void {
  const { description, mimeType } = settings.options;
  const accepts = offers.map((offer) =>
    refused?.state && offer.scheme === "session"
      ? { ...offer, extra: { ...offer.extra, state: refused.state } }
      : offer,
  );
  const code = refused?.code ?? "payment_required";
  const resource = { url: urlOf(request), ...(description ? { description } : {}), ...(mimeType ? { mimeType } : {}) };
  const header = encode({ x402Version: 2, error: code, resource, accepts });
  const words = refused?.detail ?? "this request must be paid for";
  send(response, new Problem(402, code, words, refused?.fields), {
    ...(accepts.length > 0 ? { [PAYMENT_REQUIRED]: header } : {}),
    ...(settings.accepts.has("bearer") ? { "WWW-Authenticate": "Bearer" } : {}),
    ...(refused?.receipt ? { [PAYMENT_RESPONSE]: encode(refused.receipt) } : {}),
  });
}
