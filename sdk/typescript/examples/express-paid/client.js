// Pays the server from a session key: draws one up, lets a test wallet of the local chain fund it with 1 USDC, and calls.
import { answer, newSession, payingFetch, receiptOf, signerOf, tollbook } from "@tollbook/sdk";

// A well-known key of the local chain: worth nothing, and never to be used elsewhere.
const TEST_WALLET = "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6";
const server = process.env.SERVER ?? "http://127.0.0.1:4021";

const client = tollbook(); // TOLLBOOK_URL, TOLLBOOK_API_KEY
const customer = await answer(client.POST("/v1/customers", { body: { currency: "USDC" } }));
const { session, sessionKey } = await newSession(client, signerOf(TEST_WALLET), {
  customer_id: customer.id,
  limit: "1",
  valid_until: new Date(Math.ceil(Date.now() / 1000 + 86_400) * 1000).toISOString(),
});
console.log(`session key ${sessionKey.id} with ${sessionKey.available} USDC`);

const pay = payingFetch(fetch, { sessions: [session], maxAmountPerRequest: "0.05" });
for (const path of ["/weather/oslo", "/weather/lima", "/poem"]) {
  const response = await pay(server + path);
  const body = (await response.text()).trim();
  const { transaction, extra } = receiptOf(response.headers.get("payment-response")) ?? {};
  console.log(
    `${response.status} ${path}: ${body}\n    ${transaction} cost ${extra?.cost} USDC, left ${extra?.remaining}`,
  );
}
