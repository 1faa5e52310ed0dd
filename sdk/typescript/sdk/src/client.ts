// The typed client: openapi-fetch over the types that `npm run generate` makes from the server's OpenAPI document.

import createClient from "openapi-fetch";
import type { Client } from "openapi-fetch";
import { TollbookError } from "./errors.js";
import { setTimeout as later } from "./later.js";
import type { paths } from "./schema.js";
import { isObject } from "./wire.js";

export interface TollbookOptions {
  /** For example `http://127.0.0.1:8400`. `TOLLBOOK_URL` when left out. */
  url?: string;
  /** `TOLLBOOK_API_KEY` when left out. */
  apiKey?: string;
  /** Another fetch. */
  fetch?: typeof globalThis.fetch;
  /** How often a request is sent again after a network error or 503, with the same Idempotency-Key; 3 when left out. */
  retriesMax?: number;
  /** How long one attempt may take; 35 seconds when left out, the server's own limit being 30. */
  timeoutMs?: number;
}

/** `GET`, `POST`, … by path, as the OpenAPI document has them. */
export type Tollbook = Client<paths>;

const RETRY_WAIT_MS = 200;
const RETRY_WAIT_MS_MAX = 5_000;

/** The client of one organization. */
export function tollbook(options: TollbookOptions = {}): Tollbook {
  const url = options.url ?? environment("TOLLBOOK_URL");
  const apiKey = options.apiKey ?? environment("TOLLBOOK_API_KEY");
  if (!url) throw new TypeError("tollbook() needs a url, or TOLLBOOK_URL");
  if (!apiKey) throw new TypeError("tollbook() needs an apiKey, or TOLLBOOK_API_KEY");
  return createClient<paths>({
    baseUrl: url.replace(/\/+$/, ""),
    headers: { Authorization: `Bearer ${apiKey}` },
    fetch: repeating(options),
  });
}

function environment(name: string): string | undefined {
  return typeof process === "undefined" ? undefined : process.env[name] || undefined;
}

/**
 * Everything that writes has an Idempotency-Key, so that it can be sent again when nobody knows what became of it.
 * What the server refuses is not sent again.
 */
function repeating(options: TollbookOptions): (request: Request) => Promise<Response> {
  const { fetch = globalThis.fetch, retriesMax = 3, timeoutMs = 35_000 } = options;
  return async (request) => {
    const headers = new Headers(request.headers);
    const isWrite = request.method !== "GET" && request.method !== "HEAD";
    if (isWrite && !headers.has("Idempotency-Key")) headers.set("Idempotency-Key", crypto.randomUUID());
    const body = request.body === null ? undefined : await request.arrayBuffer();
    for (let attempt = 0; ; attempt += 1) {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
      const again = new Request(request, body === undefined ? { headers, signal } : { headers, signal, body });
      try {
        const response = await fetch(again);
        if (response.status !== 503 || attempt >= retriesMax) return response;
        await response.arrayBuffer().catch(() => undefined);
      } catch (error) {
        if (request.signal.aborted || attempt >= retriesMax) throw error;
      }
      await later(Math.min(RETRY_WAIT_MS * 2 ** attempt, RETRY_WAIT_MS_MAX), request.signal);
    }
  };
}

/** What a call of the client gives. */
interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer, or a `TollbookError`: also when the server cannot be reached. */
export async function answer<T>(call: Promise<Answered<T>>): Promise<NonNullable<T>> {
  return (await answered(call)).data;
}

/** The same with the response around it. */
export async function answered<T>(call: Promise<Answered<T>>): Promise<{ data: NonNullable<T>; response: Response }> {
  let result: Answered<T>;
  try {
    result = await call;
  } catch (cause) {
    throw new TollbookError(0, "unreachable", `Tollbook cannot be reached: ${String(cause)}`, {}, { cause });
  }
  const { data, error, response } = result;
  if (response.ok && data !== undefined && data !== null) return { data, response };
  const problem = isObject(error) ? error : {};
  const text = (name: string) => (typeof problem[name] === "string" ? problem[name] : undefined);
  const detail = text("detail") ?? text("title") ?? "no details";
  throw new TollbookError(
    response.status,
    text("code") ?? "unknown",
    `Tollbook answered ${response.status}: ${detail}`,
    problem,
  );
}
