// The stock `openai` client with nothing changed but its base URL and key, against the real gateway. The upstream is a
// small deterministic one of our own, so that the tokens, and with them the cost, are known.

import assert from "node:assert/strict";
import { request as rawRequest } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, describe, test } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { decimalOf, exactOf } from "@tollbook/sdk";
import OpenAI, { APIError } from "openai";
import * as real from "./support/real.js";

const MODEL = `sdk-test-${real.RUN.slice(5)}`;
const PRICE = { input: "0.15", cached: "0.075", output: "0.6" };
const MILLION = 1_000_000n;

function costOf(input: number, cached: number, output: number): string {
  const sum =
    exactOf(PRICE.input) * BigInt(input - cached) +
    exactOf(PRICE.cached) * BigInt(cached) +
    exactOf(PRICE.output) * BigInt(output);
  assert.equal(sum % MILLION, 0n);
  return decimalOf(sum / MILLION);
}

interface Asked {
  model: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  input?: string | string[];
  max_tokens?: number;
  messages?: { content: string }[];
}

/** Words of the answer; `slow` in the question makes it come a word at a time, for a long time. */
const WORDS = ["The", " toll", " is", " paid", "."];
const USAGE = {
  prompt_tokens: 37,
  completion_tokens: 5,
  total_tokens: 42,
  prompt_tokens_details: { cached_tokens: 12 },
};
let upstreamEnds = 0;

async function upstream(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  assert.equal(request.headers.authorization, "Bearer upstream-secret", "the upstream's own credential");
  const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked;
  const json = (value: unknown) =>
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  if (request.url?.endsWith("/embeddings")) {
    const inputs = Array.isArray(asked.input) ? asked.input : [asked.input ?? ""];
    const data = inputs.map((_, index) => ({ object: "embedding", index, embedding: [0.25, -0.5, 1] }));
    json({ object: "list", model: asked.model, data, usage: { prompt_tokens: 9, total_tokens: 9 } });
    return;
  }
  const isSlow = asked.messages?.some((message) => message.content.includes("slow")) === true;
  const base = { id: "cmpl-1", created: 1, model: asked.model };
  if (asked.stream !== true) {
    const message = { role: "assistant", content: WORDS.join(""), refusal: null };
    json({
      ...base,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: "stop", logprobs: null }],
      usage: USAGE,
    });
    return;
  }
  let isOpen = true;
  response.on("close", () => {
    isOpen = false;
    upstreamEnds += 1;
  });
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const send = (value: unknown) =>
    response.write(`data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", ...(value as object) })}\n\n`);
  const words = isSlow ? Array.from({ length: 2000 }, (_, i) => ` word${i}`) : WORDS;
  for (const content of words) {
    if (!isOpen) return;
    send({
      choices: [{ index: 0, delta: { content }, finish_reason: null }],
      ...(asked.stream_options?.include_usage ? { usage: null } : {}),
    });
    if (isSlow) await later(20);
  }
  send({
    choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
    ...(asked.stream_options?.include_usage ? { usage: null } : {}),
  });
  if (asked.stream_options?.include_usage) send({ choices: [], usage: USAGE });
  response.end("data: [DONE]\n\n");
}

const question = (content: string) => ({
  model: MODEL,
  max_tokens: 3000,
  messages: [{ role: "user" as const, content }],
});

describe("OpenAI clients", { skip: real.skip }, () => {
  let server: Awaited<ReturnType<typeof real.serving>>;
  let baseURL: string;

  before(async () => {
    if (real.skip !== false) return;
    server = await real.serving((request, response) => {
      upstream(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    await real.models([
      {
        model: MODEL,
        input_per_million: PRICE.input,
        cached_input_per_million: PRICE.cached,
        output_per_million: PRICE.output,
      },
    ]);
    baseURL = await real.route("/v1/*", {
      kind: "openai",
      upstream: `${server.url}/v1`,
      strip_prefix: true,
      credential: { value: "Bearer upstream-secret" },
      price: { per_model: true },
      accepts: ["bearer", "session"],
    });
  });
  after(async () => {
    if (real.skip !== false) return;
    await server.stop();
    await real.removeRoutes();
    await real.call("DELETE", `/v1/models/${MODEL}`);
  });

  async function client(credits = "1"): Promise<{ openai: OpenAI; customer_id: string; apiKey: string }> {
    const customer_id = await real.customer("USD", credits);
    const apiKey = await real.gatewayKey({ customer_id });
    return { openai: new OpenAI({ baseURL, apiKey, maxRetries: 0 }), customer_id, apiKey };
  }

  /** The one charge of a customer, when it is there. */
  function charged(customer_id: string, count = 1): Promise<real.Charge[]> {
    return real.until("the charge", async () => {
      const all = await real.charges({ customer_id });
      return all.length >= count ? all : undefined;
    });
  }

  test("chat completions cost tokens × prices, to the last digit", { timeout: 60_000 }, async () => {
    const { openai, customer_id } = await client();
    const { data, response } = await openai.chat.completions.create(question("hello")).withResponse();
    assert.equal(data.choices[0]?.message.content, "The toll is paid.");
    assert.deepEqual(data.usage, USAGE);
    const cost = costOf(37, 12, 5);
    assert.equal(response.headers.get("x-tollbook-cost"), cost);
    assert.equal(response.headers.get("x-tollbook-remaining"), decimalOf(exactOf("1") - exactOf(cost)));
    const [charge] = await charged(customer_id);
    assert.equal(charge?.amount, cost);
    assert.equal(charge.id, response.headers.get("x-tollbook-charge"));
    assert.equal(await real.available(customer_id), decimalOf(exactOf("1") - exactOf(cost)));
  });

  test("streamed, with and without usage", { timeout: 60_000 }, async () => {
    for (const stream_options of [{ include_usage: true }, undefined]) {
      const { openai, customer_id } = await client();
      const stream = await openai.chat.completions.create({
        ...question("hello"),
        stream: true,
        ...(stream_options ? { stream_options } : {}),
      });
      let text = "";
      let last: unknown;
      let usages = 0;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? "";
        if (chunk.usage) usages += 1;
        last = chunk;
      }
      assert.equal(text, "The toll is paid.");
      const cost = costOf(37, 12, 5);
      const [charge] = await charged(customer_id);
      assert.equal(charge?.amount, cost);
      // Who asked for the usage finds the cost beside it; who did not is sent no chunk that it did not expect.
      assert.equal(usages, stream_options ? 1 : 0);
      const told = (last as { tollbook?: { cost: string; charge_id: string } }).tollbook;
      if (stream_options) assert.deepEqual([told?.cost, told?.charge_id], [cost, charge.id]);
      else assert.equal(told, undefined);
    }
  });

  test("embeddings", { timeout: 60_000 }, async () => {
    const { openai, customer_id } = await client();
    const { data } = await openai.embeddings.create({ model: MODEL, input: ["one", "two"], encoding_format: "float" });
    assert.equal(data.length, 2);
    assert.deepEqual(data[0]?.embedding, [0.25, -0.5, 1]);
    const [charge] = await charged(customer_id);
    assert.equal(charge?.amount, costOf(9, 0, 0));
  });

  test("a managed session key pays as well", { timeout: 120_000 }, async () => {
    // Drawn up by hand: the key stays with Tollbook.
    const { createSessionKey, openSession, signerOf, waitUntilActive } = await import("@tollbook/sdk");
    const owner = signerOf(real.TEST_WALLET);
    const asked = {
      customer_id: await real.customer("USDC"),
      owner: owner.address,
      custody: "managed" as const,
      limit: "1",
      valid_until: new Date((Math.floor(Date.now() / 1000) + 86_400) * 1000).toISOString(),
    };
    const drawnUp = await createSessionKey(real.ledger(), asked);
    await openSession(real.ledger(), owner, asked, drawnUp);
    await waitUntilActive(real.ledger(), drawnUp.id, { deposited: "1" });
    const openai = new OpenAI({
      baseURL,
      apiKey: await real.gatewayKey({ session_key_id: drawnUp.id }),
      maxRetries: 0,
    });
    await openai.chat.completions.create(question("hello"));
    assert.equal((await real.sessionKey(drawnUp.id)).charged, costOf(37, 12, 5));
  });

  test("a client that is killed in mid-stream is charged for what it got", { timeout: 60_000 }, async () => {
    const { customer_id, apiKey } = await client();
    const ends = upstreamEnds;
    const target = new URL(`${baseURL}/chat/completions`);
    const got = await new Promise<number>((resolve, reject) => {
      const request = rawRequest(target, {
        method: "POST",
        headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
      });
      request.on("error", reject);
      request.on("response", (response) => {
        let text = "";
        response.on("error", () => undefined);
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
          const words = text.split('"content":').length - 1;
          if (words < 20) return;
          response.removeAllListeners("data");
          request.removeAllListeners("error").on("error", () => undefined);
          request.destroy();
          resolve(words);
        });
      });
      request.end(JSON.stringify({ ...question("slow please"), stream: true }));
    });
    const [charge] = await charged(customer_id);
    const cost = exactOf(charge?.amount ?? "0");
    // Between what was read here and what may have been on the way: far from all 2,000 words.
    assert.ok(cost > (exactOf(PRICE.output) * BigInt(got)) / MILLION, `${charge?.amount} for ${got} words`);
    assert.ok(cost < (exactOf(PRICE.output) * 1000n) / MILLION, `${charge?.amount} for ${got} words`);
    assert.equal(charge?.metadata.counted, "estimate");
    await real.until("the upstream is let go", async () => (upstreamEnds > ends ? true : undefined));
    assert.equal(await real.available(customer_id), decimalOf(exactOf("1") - cost));
  });

  test("what cannot be paid, or is not sold, is an error of OpenAI's form", { timeout: 60_000 }, async () => {
    const { openai } = await client("0.0001");
    await assert.rejects(openai.chat.completions.create(question("hello")), (error: unknown) => {
      assert.ok(error instanceof APIError);
      assert.equal(error.status, 402);
      assert.equal(error.code, "insufficient_funds");
      return true;
    });
    await assert.rejects(
      openai.chat.completions.create({ ...question("hello"), model: "no-such-model" }),
      (error: unknown) => {
        assert.ok(error instanceof APIError);
        assert.deepEqual([error.status, error.code], [400, "model_not_priced"]);
        return true;
      },
    );
    const stranger = new OpenAI({ baseURL, apiKey: "tbk_00000000000000000000000000000000", maxRetries: 0 });
    await assert.rejects(stranger.chat.completions.create(question("hello")), { status: 401 });
  });

  test("50 clients at once with a budget for 10 requests get exactly 10", { timeout: 120_000 }, async () => {
    const fixed = await real.route("/fixed/v1/*", {
      kind: "openai",
      upstream: `${server.url}/v1`,
      strip_prefix: true,
      credential: { value: "Bearer upstream-secret" },
      price: { per_request: "0.013" },
      accepts: ["bearer"],
    });
    const customer_id = await real.customer("USD", "0.13");
    const apiKey = await real.gatewayKey({ customer_id });
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const openai = new OpenAI({ baseURL: fixed, apiKey, maxRetries: 0 });
        try {
          const answer = await openai.chat.completions.create(question("hello"));
          return answer.choices[0]?.message.content;
        } catch (error) {
          assert.ok(error instanceof APIError, String(error));
          return error.status;
        }
      }),
    );
    assert.equal(outcomes.filter((outcome) => outcome === "The toll is paid.").length, 10);
    assert.equal(outcomes.filter((outcome) => outcome === 402).length, 40);
    const all = await charged(customer_id, 10);
    assert.deepEqual(new Set(all.map((charge) => charge.amount)), new Set(["0.013"]));
    assert.equal(all.length, 10);
    assert.equal(await real.available(customer_id), "0");
  });
});
