// Holds a handler's answer back until it is paid. Short answers go out whole, after the capture, with what they cost in
// their headers. Long ones and event streams go out as they come, and are captured at their end.

import type { ServerResponse } from "node:http";
import type { Response } from "express";
import { NOTHING } from "./engagement.js";
import type { Engagement, Headers } from "./engagement.js";
import type { Answered } from "./options.js";

type Callback = (error?: Error | null) => void;
type SendPart = (bytes: Buffer, done?: Callback) => boolean;
type SendEnd = (bytes?: Buffer, done?: Callback) => void;

/** How long a void may delay the answer of a handler that failed. */
const VOID_WAIT_MS = 2_000;

export interface HeldAnswerOptions {
  bufferBytesMax: number;
  /** What it came to. Throws when the handler's answer must not go out. */
  costOf: (answered: Answered) => Promise<{ exact: bigint; text: string }>;
  /**
   * Answers instead of the handler. The response is as it was before the handler ran; it takes what is written inside
   * of `through`, and nothing more of the handler's.
   */
  fail: (error: unknown, through: Through) => void;
  /** Is told of what can no longer be answered. */
  onError: (error: unknown) => void;
}

/** Runs something whose writes to the response go out. */
export type Through = (write: () => void) => void;

/**
 * `holding`: nothing was sent. `opening`: about to stream. `streaming`: goes out as it comes. `ending`: the handler has
 * ended, the payment is being made. `over`: what else the handler writes goes nowhere. `through`: we answer ourselves.
 */
type Phase = "holding" | "opening" | "streaming" | "ending" | "over" | "through";

export class HeldAnswer {
  #phase: Phase = "holding";
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isFailed = false;
  #endsWith: Callback | undefined;
  #wantsToEnd = false;
  readonly #since = performance.now();
  readonly #before: [string, number | string | readonly string[]][];
  readonly #raw: Pick<ServerResponse, "writeHead" | "flushHeaders">;
  /** The response's own, as what is used of them. */
  readonly #sendPart: SendPart;
  readonly #sendEnd: SendEnd;

  constructor(
    private readonly response: Response,
    private readonly engagement: Engagement,
    private readonly options: HeldAnswerOptions,
  ) {
    const { write, end, writeHead, flushHeaders } = response;
    this.#raw = { writeHead, flushHeaders };
    this.#sendPart = write.bind(response) as SendPart;
    this.#sendEnd = end.bind(response) as SendEnd;
    this.#before = response.getHeaderNames().map((name) => [name, response.getHeader(name) ?? ""]);
    response.write = ((chunk: unknown, encoding?: unknown, done?: unknown) =>
      this.#write(chunk, encoding, done)) as typeof response.write;
    response.end = ((chunk?: unknown, encoding?: unknown, done?: unknown) =>
      this.#end(chunk, encoding, done)) as typeof response.end;
    response.writeHead = ((status: number, ...rest: unknown[]) =>
      this.#writeHead(status, rest)) as typeof response.writeHead;
    response.flushHeaders = () => this.#open();
    response.on("close", () => this.#closed());
  }

  // --- what the handler calls

  #writeHead(status: number, rest: unknown[]): Response {
    const { response } = this;
    if (this.#phase !== "holding") return this.#raw.writeHead.apply(response, [status, ...rest] as never) as Response;
    response.statusCode = status;
    if (typeof rest[0] === "string") response.statusMessage = rest.shift() as string;
    const headers: unknown = rest[0];
    if (Array.isArray(headers)) {
      const pairs = Array.isArray(headers[0]) ? (headers as unknown[][]) : pairsOf(headers);
      for (const [name, value] of pairs) response.appendHeader(String(name), value as string);
    } else if (typeof headers === "object" && headers !== null) {
      for (const [name, value] of Object.entries(headers)) {
        if (value !== undefined) response.setHeader(name, value as string);
      }
    }
    return response;
  }

  #write(chunk: unknown, encoding: unknown, done: unknown): boolean {
    const callback = [encoding, done].find((one) => typeof one === "function") as Callback | undefined;
    if (this.#phase === "through") return this.#sendPart(bytesOf(chunk, encoding), callback);
    if (this.#phase === "ending" || this.#phase === "over") {
      if (callback) process.nextTick(callback, null);
      return true;
    }
    const bytes = bytesOf(chunk, encoding);
    this.#bytes += bytes.length;
    if (this.#phase === "streaming") return this.#sendPart(bytes, callback);
    this.#chunks.push(bytes);
    if (callback) process.nextTick(callback, null);
    if (this.#phase === "holding" && (this.#bytes > this.options.bufferBytesMax || this.#isEventStream)) this.#open();
    // More is welcome, unless it waits for the payment of a stream.
    return (this.#phase as Phase) !== "opening";
  }

  #end(chunk: unknown, encoding: unknown, done: unknown): Response {
    const callback = [chunk, encoding, done].find((one) => typeof one === "function") as Callback | undefined;
    if (this.#phase === "through") {
      this.#sendEnd(chunk === undefined || chunk === null ? undefined : bytesOf(chunk, encoding), callback);
      return this.response;
    }
    if (this.#phase === "ending" || this.#phase === "over" || this.#wantsToEnd) {
      if (callback) process.nextTick(callback, null);
      return this.response;
    }
    if (chunk !== undefined && chunk !== null && typeof chunk !== "function") {
      this.#write(chunk, typeof encoding === "string" ? encoding : undefined, undefined);
    }
    this.#endsWith = callback;
    if (this.#phase === "opening") this.#wantsToEnd = true;
    else if (this.#phase === "streaming") void this.#endStream(false);
    else void this.#endWhole();
    return this.response;
  }

  get #isEventStream(): boolean {
    return String(this.response.getHeader("content-type") ?? "").startsWith("text/event-stream");
  }

  // --- whole answers

  async #endWhole(): Promise<void> {
    this.#phase = "ending";
    let told: Headers;
    try {
      if (this.response.statusCode >= 400) {
        await within(VOID_WAIT_MS, this.engagement.cancel()).catch(this.options.onError);
        told = NOTHING;
      } else {
        const { exact, text } = await this.#cost(false);
        told = await this.engagement.capture(exact, text);
      }
    } catch (error) {
      this.#instead(error);
      return;
    }
    this.#phase = "over";
    for (const [name, value] of Object.entries(told)) this.response.setHeader(name, value);
    this.#sendEnd(Buffer.concat(this.#chunks), this.#endsWith);
  }

  async #cost(isAborted: boolean): Promise<{ exact: bigint; text: string }> {
    try {
      return await this.options.costOf({
        status: this.response.statusCode,
        bytes: this.#bytes,
        body: this.#chunks.length > 0 || this.#bytes === 0 ? Buffer.concat(this.#chunks) : undefined,
        isAborted,
        millis: Math.round(performance.now() - this.#since),
      });
    } catch (error) {
      // A cost that cannot be told is a handler that failed.
      await within(VOID_WAIT_MS, this.engagement.cancel()).catch(this.options.onError);
      throw error;
    }
  }

  /** The answer must not go out: another one does. */
  #instead(error: unknown): void {
    this.#phase = "over";
    const { response } = this;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    for (const [name, value] of this.#before) response.setHeader(name, value);
    response.statusMessage = "";
    this.options.fail(error, (write) => {
      this.#phase = "through";
      write();
      this.#phase = "over";
    });
  }

  // --- streams

  #open(): void {
    if (this.#phase !== "holding") return;
    this.#phase = "opening";
    void this.#begin();
  }

  async #begin(): Promise<void> {
    try {
      this.#isFailed = this.response.statusCode >= 400;
      if (this.#isFailed) await within(VOID_WAIT_MS, this.engagement.cancel()).catch(this.options.onError);
      const told = this.#isFailed ? NOTHING : await this.engagement.begin();
      if (this.#phase !== "opening") return; // the client left
      for (const [name, value] of Object.entries(told)) this.response.setHeader(name, value);
    } catch (error) {
      this.#instead(error);
      return;
    }
    this.#phase = "streaming";
    this.#raw.flushHeaders.call(this.response);
    const chunks = this.#chunks;
    this.#chunks = [];
    let isRoom = true;
    for (const chunk of chunks) isRoom = this.#sendPart(chunk);
    if (this.#wantsToEnd) void this.#endStream(false);
    else if (isRoom) this.response.emit("drain");
  }

  async #endStream(isAborted: boolean): Promise<void> {
    this.#phase = "ending";
    try {
      if (!this.#isFailed) {
        const { exact, text } = await this.#cost(isAborted);
        await this.engagement.capture(exact, text);
      }
    } catch (error) {
      this.options.onError(error);
    }
    this.#phase = "over";
    if (!isAborted) this.#sendEnd(undefined, this.#endsWith);
  }

  // --- clients that leave

  #closed(): void {
    if (this.#phase === "streaming") {
      // What was delivered is charged.
      void this.#endStream(true);
    } else if (this.#phase === "holding" || this.#phase === "opening") {
      this.#phase = "over";
      this.engagement.cancel().catch(this.options.onError);
    }
  }
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === "string") {
    return Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
  }
  if (chunk instanceof Uint8Array) return Buffer.from(chunk);
  throw new TypeError("a body is text or bytes");
}

function pairsOf(flat: unknown[]): unknown[][] {
  const pairs: unknown[][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i], flat[i + 1]]);
  return pairs;
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
