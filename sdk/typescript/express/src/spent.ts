// Authorizations of `exact` that this process has seen: each pays for one answer. The chain takes a nonce once, but what
// is under way is not on the chain yet. Between processes the gateway decides, by the key under which it settles.

import { randomUUID } from "node:crypto";
import { Problem, Refused, unavailable } from "./problem.js";

const SEEN_MAX = 100_000;

interface Seen {
  state: "open" | "doubt" | "done";
  /** It was settled before, and nobody knows with what outcome. */
  isDoubtful: boolean;
  /** Under which it is settled. */
  key: string;
  /** Not good any more from then on: unix seconds. */
  until: number;
}

export class Spent {
  readonly #seen = new Map<string, Seen>();

  constructor(private readonly now: () => number = () => Date.now() / 1000) {}

  /** Takes an authorization for one request. */
  take(name: string, validBefore: bigint): "fresh" | "doubtful" {
    const seen = this.#seen.get(name);
    if (seen?.state === "done") throw new Refused("invalid_transaction_state", "the authorization has paid already");
    if (seen?.state === "open") {
      throw new Problem(
        409,
        "request_in_progress",
        "the authorization pays for a request that is under way",
        {},
        {
          "Retry-After": "1",
        },
      );
    }
    if (seen) {
      seen.state = "open";
      return "doubtful";
    }
    this.#makeRoom();
    // What is over cannot be settled, so it need not be remembered for long after that.
    const until = Math.min(Number(validBefore), this.now() + 86_400) + 3_600;
    this.#seen.set(name, { state: "open", isDoubtful: false, key: randomUUID(), until });
    return "fresh";
  }

  /** Under which an authorization is settled. */
  key(name: string): string {
    return this.#seen.get(name)?.key ?? randomUUID();
  }

  /** It has paid. */
  done(name: string): void {
    const seen = this.#seen.get(name);
    if (seen) seen.state = "done";
  }

  /** Nobody knows whether it was settled: it may be shown again, and is settled under the same key. */
  doubt(name: string): void {
    const seen = this.#seen.get(name);
    if (seen) [seen.state, seen.isDoubtful] = ["doubt", true];
  }

  /** The request came to nothing before it was settled. */
  free(name: string): void {
    if (this.#seen.get(name)?.isDoubtful) this.doubt(name);
    else this.#seen.delete(name);
  }

  /** It was refused for good. */
  drop(name: string): void {
    this.#seen.delete(name);
  }

  #makeRoom(): void {
    if (this.#seen.size < SEEN_MAX) return;
    const now = this.now();
    for (const [name, { until }] of this.#seen) if (until < now) this.#seen.delete(name);
    if (this.#seen.size >= SEEN_MAX) throw unavailable("too many payments are remembered");
  }
}
