// The demo of Stripe as a process of its own, Stripe's client for it, and somebody who takes its webhooks.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Stripe from "stripe";

/** The options of this process beside its address: what comes by itself comes soon. */
const SOON = ["--later-ms", "20", "--retry-ms", "20"];

export class LocalServer {
  static async start() {
    const binary = process.env.TOLLBOOK_BIN;
    if (!binary) throw new Error("TOLLBOOK_BIN does not name a tollbook");
    const child = spawn(binary, ["demo", "stripe", "--listen", "127.0.0.1:0", ...SOON], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    const address = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`tollbook ended with ${code}`)));
      lines.on("line", (line) => {
        const found = /serves on http:\/\/(\S+):(\d+)/.exec(line);
        if (found) resolve({ host: found[1], port: Number(found[2]) });
      });
    });
    return new LocalServer(child, address);
  }

  constructor(child, address) {
    this.child = child;
    this.address = address;
    this.url = `http://${address.host}:${address.port}`;
  }

  /** Stripe's client, told where to go. */
  client(options = {}, key = "sk_test_tollbook") {
    return new Stripe(key, { ...this.address, protocol: "http", telemetry: false, maxNetworkRetries: 0, ...options });
  }

  /** Sets up what a test needs. */
  async pull(lever, body) {
    const answer = await fetch(`${this.url}/_test/${lever}`, { method: "POST", body: JSON.stringify(body) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(`${lever}: ${JSON.stringify(told)}`);
    return told;
  }

  /** The report of payouts in these columns, line by line. */
  async report(columns) {
    const answer = await fetch(`${this.url}/_test/payouts.csv?columns=${encodeURIComponent(columns.join(","))}`);
    if (!answer.ok) throw new Error(await answer.text());
    const [head, ...lines] = (await answer.text()).trimEnd().split("\n");
    if (head !== columns.join(",")) throw new Error(`the report has other columns: ${head}`);
    return lines.map((line) => line.split(","));
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill();
    await ended;
  }
}

/** Takes webhooks, and keeps their bodies as they came. */
export class Receiver {
  static async start() {
    const receiver = new Receiver();
    receiver.server = createServer((request, response) => {
      const pieces = [];
      request.on("data", (piece) => pieces.push(piece));
      request.on("end", () => {
        receiver.came.push({ signature: request.headers["stripe-signature"], body: Buffer.concat(pieces) });
        response.writeHead(receiver.refuses-- > 0 ? 503 : 200).end();
      });
    });
    await new Promise((resolve) => receiver.server.listen(0, "127.0.0.1", resolve));
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}/webhooks`;
    return receiver;
  }

  came = [];
  /** So many are not taken. */
  refuses = 0;

  /** Those of a type, once there are so many. */
  async events(type, count = 1) {
    return until(`${count} ${type}`, () => {
      const found = this.came.filter(({ body }) => JSON.parse(body).type === type);
      return found.length >= count ? found : undefined;
    });
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Asks again and again until there is something. */
export async function until(what, find) {
  for (let again = 0; again < 500; again += 1) {
    const found = await find();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: there is none after ten seconds`);
}
