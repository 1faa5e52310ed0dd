// Stripe's own client against `tollbook demo stripe`: what it does with Stripe it does here.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Stripe from "stripe";
import { LocalServer, Receiver, until } from "./local-server.mjs";

let server;
let stripe;

before(async () => {
  server = await LocalServer.start();
  stripe = server.client();
});

after(async () => server?.stop());

/** Ten dollars with this payment method, confirmed at once. */
function pay(method, more = {}, options = undefined) {
  const order = { amount: 1000, currency: "usd", payment_method: method, confirm: true, ...more };
  return stripe.paymentIntents.create(order, options);
}

/** The error that a call ends with. */
async function refused(call, type) {
  const error = await call.then(
    () => assert.fail("it was not refused"),
    (error) => error,
  );
  assert.equal(error.type, type, error.stack);
  return error;
}

test("a payment succeeds", async () => {
  const paid = await pay("pm_card_visa", {
    description: "Tea & cake",
    metadata: { order: "7", "with space": "ä&=" },
    expand: ["latest_charge.balance_transaction"],
  });
  assert.equal(paid.object, "payment_intent");
  assert.deepEqual([paid.status, paid.amount, paid.amount_received, paid.currency], ["succeeded", 1000, 1000, "usd"]);
  assert.deepEqual(paid.metadata, { order: "7", "with space": "ä&=" });
  assert.equal(paid.latest_charge.payment_method_details.card.last4, "4242");
  const { fee, net, type } = paid.latest_charge.balance_transaction;
  assert.deepEqual([fee, net, type], [59, 941, "charge"]);
  assert.match(paid.lastResponse.requestId, /^req_/);
  assert.equal(paid.lastResponse.apiVersion, stripe.getApiField("version"));

  const shown = await stripe.paymentIntents.retrieve(paid.id);
  assert.equal(shown.latest_charge, paid.latest_charge.id);
  const charge = await stripe.charges.retrieve(shown.latest_charge);
  assert.deepEqual([charge.paid, charge.captured, charge.description], [true, true, "Tea & cake"]);
});

test("a payment goes one step after the other", async () => {
  const made = await stripe.paymentIntents.create({ amount: 1000, currency: "eur" });
  assert.equal(made.status, "requires_payment_method");
  const early = await refused(stripe.paymentIntents.confirm(made.id), "StripeInvalidRequestError");
  assert.equal(early.code, "payment_intent_unexpected_state");
  const paid = await stripe.paymentIntents.confirm(made.id, { payment_method: "pm_card_mastercard" });
  assert.equal(paid.status, "succeeded");
  const late = await refused(stripe.paymentIntents.cancel(made.id), "StripeInvalidRequestError");
  assert.equal(late.payment_intent.status, "succeeded");

  const other = await stripe.paymentIntents.create({ amount: 1000, currency: "eur", payment_method: "pm_card_visa" });
  assert.equal(other.status, "requires_confirmation");
  const canceled = await stripe.paymentIntents.cancel(other.id, { cancellation_reason: "abandoned" });
  assert.deepEqual([canceled.status, canceled.cancellation_reason], ["canceled", "abandoned"]);
});

test("cards are declined", async () => {
  for (const [method, code, decline] of [
    ["pm_card_visa_chargeDeclined", "card_declined", "generic_decline"],
    ["pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"],
  ]) {
    const error = await refused(pay(method), "StripeCardError");
    assert.deepEqual([error.statusCode, error.code, error.decline_code], [402, code, decline]);
    assert.equal(error.payment_intent.status, "requires_payment_method");
    const shown = await stripe.paymentIntents.retrieve(error.payment_intent.id);
    assert.equal(shown.last_payment_error.decline_code, decline);
    assert.equal((await stripe.charges.retrieve(error.charge)).status, "failed");
  }
});

test("a customer authenticates, or is not there", async () => {
  const away = await refused(pay("pm_card_authenticationRequired", { off_session: true }), "StripeCardError");
  assert.equal(away.code, "authentication_required");
  assert.equal(away.payment_intent.status, "requires_payment_method");
  const asked = await pay("pm_card_authenticationRequired");
  assert.equal(asked.status, "requires_action");
  assert.ok(asked.next_action.type);
  await server.pull("authenticate", { payment_intent: asked.id });
  assert.equal((await stripe.paymentIntents.retrieve(asked.id)).status, "succeeded");
});

test("a part of what is reserved is captured", async () => {
  const reserved = await pay("pm_card_visa", { capture_method: "manual" });
  assert.deepEqual([reserved.status, reserved.amount_capturable], ["requires_capture", 1000]);
  assert.equal(reserved.amount_received, 0);
  const captured = await stripe.paymentIntents.capture(reserved.id, { amount_to_capture: 700 });
  assert.deepEqual([captured.status, captured.amount_capturable, captured.amount_received], ["succeeded", 0, 700]);
  const charge = await stripe.charges.retrieve(captured.latest_charge);
  assert.deepEqual([charge.amount, charge.amount_captured], [1000, 700]);

  const other = await pay("pm_card_visa", { capture_method: "manual" });
  assert.equal((await stripe.paymentIntents.cancel(other.id)).status, "canceled");
  const late = await refused(stripe.paymentIntents.capture(other.id), "StripeInvalidRequestError");
  assert.equal(late.code, "payment_intent_unexpected_state");
});

test("a payment is refunded in two parts", async () => {
  const paid = await pay("pm_card_visa");
  const refund = (amount) => stripe.refunds.create({ payment_intent: paid.id, amount, metadata: { line: "1" } });
  const first = await refund(300);
  assert.deepEqual([first.status, first.amount, first.payment_intent], ["succeeded", 300, paid.id]);
  const tooMuch = await refused(refund(701), "StripeInvalidRequestError");
  assert.equal(tooMuch.param, "amount");
  const second = await refund(700);
  assert.equal((await refused(refund(1), "StripeInvalidRequestError")).code, "charge_already_refunded");
  const charge = await stripe.charges.retrieve(paid.latest_charge);
  assert.deepEqual([charge.amount_refunded, charge.refunded], [1000, true]);
  const { data } = await stripe.refunds.list({ payment_intent: paid.id });
  assert.deepEqual(data.map(({ id }) => id), [second.id, first.id]);
  assert.deepEqual((await stripe.refunds.retrieve(first.id)).metadata, { line: "1" });
});

test("the same request gets the same answer", async () => {
  const options = { idempotencyKey: "order-7" };
  const [first, again] = [await pay("pm_card_visa", {}, options), await pay("pm_card_visa", {}, options)];
  assert.deepEqual(again, first);
  assert.equal(first.lastResponse.headers["idempotent-replayed"], undefined);
  assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
  assert.equal(again.lastResponse.headers["original-request"], first.lastResponse.requestId);
  await refused(pay("pm_card_visa", { amount: 1001 }, options), "StripeIdempotencyError");
});

test("an answer does not come, and the payment is made once all the same", async () => {
  const customer = (await stripe.customers.create()).id;
  const made = async () => (await stripe.paymentIntents.list({ customer })).data.length;

  // The client asks again by itself when the connection was closed.
  await server.pull("next", { behaviour: "drop_answer" });
  assert.equal((await pay("pm_card_visa", { customer })).status, "succeeded");
  assert.equal(await made(), 1);

  const options = { idempotencyKey: "late", timeout: 300 };
  await server.pull("next", { behaviour: "delay_answer", ms: 3000 });
  await refused(pay("pm_card_visa", { customer }, options), "StripeConnectionError");
  assert.equal(await made(), 2);
  const paid = await pay("pm_card_visa", { customer }, { ...options, maxNetworkRetries: 5 });
  assert.equal(paid.status, "succeeded");
  assert.equal(await made(), 2);
});

test("a call goes wrong", async () => {
  await server.pull("next", { behaviour: "rate_limit" });
  assert.equal((await refused(pay("pm_card_visa"), "StripeRateLimitError")).statusCode, 429);
  await server.pull("next", { behaviour: "error_500" });
  assert.equal((await refused(pay("pm_card_visa"), "StripeAPIError")).statusCode, 500);
  await server.pull("next", { behaviour: "error_500", on: "capture" });
  assert.equal((await pay("pm_card_visa")).status, "succeeded");
  await refused(stripe.paymentIntents.capture("pi_none"), "StripeAPIError");
  await server.pull("next", { behaviour: "processing", ms: 20 });
  const begun = await pay("pm_card_visa");
  assert.equal(begun.status, "processing");
  await until("its end", async () => {
    const { status } = await stripe.paymentIntents.retrieve(begun.id);
    return status === "succeeded" ? status : undefined;
  });
});

test("what is not there, and who may not ask", async () => {
  const missing = await refused(stripe.paymentIntents.retrieve("pi_none"), "StripeInvalidRequestError");
  assert.deepEqual([missing.statusCode, missing.code, missing.param], [404, "resource_missing", "intent"]);
  const cent = stripe.paymentIntents.create({ amount: 1, currency: "usd" });
  const small = await refused(cent, "StripeInvalidRequestError");
  assert.deepEqual([small.statusCode, small.code], [400, "amount_too_small"]);
  const live = server.client({}, "sk_live_tollbook");
  await refused(live.paymentIntents.list(), "StripeAuthenticationError");
});

test("lists come in pages", async () => {
  const customer = (await stripe.customers.create({ email: "pages@example.com" })).id;
  const made = [];
  for (let amount = 1001; amount <= 1005; amount += 1) {
    made.unshift((await stripe.paymentIntents.create({ amount, currency: "usd", customer })).id);
  }
  const page = await stripe.paymentIntents.list({ customer, limit: 2 });
  assert.deepEqual([page.object, page.has_more, page.url], ["list", true, "/v1/payment_intents"]);
  const listed = [];
  for await (const { id } of stripe.paymentIntents.list({ customer, limit: 2 })) listed.push(id);
  assert.deepEqual(listed, made);
  const found = await stripe.paymentIntents.search({ query: `customer:'${customer}' AND amount>1003` });
  assert.deepEqual(found.data.map(({ id }) => id), made.slice(0, 2));
});

test("customers have payment methods", async () => {
  const customer = await stripe.customers.create({ name: "Ada", metadata: { account: "acc_1" } });
  const card = { number: "4242424242424242", exp_month: 12, exp_year: 2034, cvc: "123" };
  const method = await stripe.paymentMethods.create({ type: "card", card });
  assert.deepEqual([method.card.brand, method.card.last4, method.customer], ["visa", "4242", null]);
  const attached = await stripe.paymentMethods.attach(method.id, { customer: customer.id });
  assert.equal(attached.customer, customer.id);
  const token = await stripe.paymentMethods.create({ type: "card", card: { token: "tok_mastercard" } });
  assert.equal((await stripe.paymentMethods.retrieve(token.id)).card.brand, "mastercard");
  const { data } = await stripe.customers.listPaymentMethods(customer.id);
  assert.deepEqual(data.map(({ id }) => id), [method.id]);

  const without = await refused(pay(method.id), "StripeInvalidRequestError");
  assert.equal(without.param, "payment_method");
  const paid = await pay(method.id, { customer: customer.id, off_session: true, expand: ["customer"] });
  assert.deepEqual([paid.status, paid.customer.name], ["succeeded", "Ada"]);
  const attach = stripe.paymentMethods.attach("pm_card_visa_chargeDeclined", { customer: customer.id });
  assert.equal((await refused(attach, "StripeCardError")).code, "card_declined");
});

test("webhooks are signed, and sent until they are taken", async (t) => {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  const endpoint = await stripe.webhookEndpoints.create({
    url: receiver.url,
    enabled_events: ["payment_intent.succeeded", "refund.created"],
  });
  assert.match(endpoint.secret, /^whsec_/);
  t.after(() => stripe.webhookEndpoints.del(endpoint.id));
  assert.equal((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret, undefined);

  receiver.refuses = 2;
  const paid = await pay("pm_card_visa", { metadata: { order: "8" } });
  const [first, ...again] = await receiver.events("payment_intent.succeeded", 3);
  for (const { signature, body } of [first, ...again]) {
    const event = stripe.webhooks.constructEvent(body, signature, endpoint.secret);
    assert.deepEqual([event.type, event.data.object.id], ["payment_intent.succeeded", paid.id]);
    assert.deepEqual([event.data.object.metadata, event.livemode], [{ order: "8" }, false]);
  }
  const { signature, body } = first;
  const wrong = Stripe.errors.StripeSignatureVerificationError;
  assert.throws(() => stripe.webhooks.constructEvent(body, signature, "whsec_other"), wrong);
  const changed = body.toString().replace("1000", "9000");
  assert.throws(() => stripe.webhooks.constructEvent(changed, signature, endpoint.secret), wrong);
  const later = Date.now() + 301_000;
  const late = () => stripe.webhooks.constructEvent(body, signature, endpoint.secret, 300, undefined, later);
  assert.throws(late, wrong);

  const event = stripe.webhooks.constructEvent(body, signature, endpoint.secret);
  const kept = await until("an event that is taken", async () => {
    const kept = await stripe.events.retrieve(event.id);
    return kept.pending_webhooks === 0 ? kept : undefined;
  });
  assert.deepEqual(kept.data.object, event.data.object);
  assert.equal((await server.pull(`webhooks/replay/${event.id}`, {})).sent, 1);
  await receiver.events("payment_intent.succeeded", 4);

  // The event comes before the answer when a test wants it so.
  await server.pull("next", { behaviour: "webhook_first", ms: 5000 });
  const refund = await stripe.refunds.create({ payment_intent: paid.id });
  const told = receiver.came.map((one) => JSON.parse(one.body)).find(({ type }) => type === "refund.created");
  assert.equal(told?.data.object.id, refund.id);
});

test("a charge is disputed", async (t) => {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  const enabled_events = ["charge.dispute.created", "charge.dispute.closed"];
  const endpoint = await stripe.webhookEndpoints.create({ url: receiver.url, enabled_events });
  t.after(() => stripe.webhookEndpoints.del(endpoint.id));
  const paid = await pay("pm_card_createDispute");
  assert.equal(paid.status, "succeeded");
  const [opened] = await receiver.events("charge.dispute.created");
  const dispute = stripe.webhooks.constructEvent(opened.body, opened.signature, endpoint.secret).data.object;
  assert.deepEqual([dispute.payment_intent, dispute.status, dispute.amount], [paid.id, "needs_response", 1000]);
  const refund = stripe.refunds.create({ payment_intent: paid.id });
  assert.equal((await refused(refund, "StripeInvalidRequestError")).code, "charge_disputed");
  await server.pull("disputes", { charge: paid.latest_charge, status: "won" });
  const [closed] = await receiver.events("charge.dispute.closed");
  assert.equal(JSON.parse(closed.body).data.object.status, "won");
  assert.equal((await stripe.disputes.retrieve(dispute.id)).balance_transactions.length, 2);
});

test("what was paid out is reported line by line", async () => {
  const paid = await pay("pm_card_visa", { currency: "gbp", metadata: { order: "9" } });
  const refund = await stripe.refunds.create({ payment_intent: paid.id, amount: 250 });
  const columns = [
    "automatic_payout_id", "reporting_category", "source_id", "gross", "fee", "net", "payment_intent_id",
    "payment_metadata[order]",
  ];
  const lines = (await server.report(columns)).filter((line) => line[6] === paid.id);
  const [payout] = lines[0];
  assert.deepEqual(lines, [
    [payout, "charge", paid.latest_charge, "10.00", "0.59", "9.41", paid.id, "9"],
    [payout, "refund", refund.id, "-2.50", "0.00", "-2.50", paid.id, "9"],
  ]);
  const { data } = await stripe.balanceTransactions.list({ payout });
  assert.deepEqual(data.map(({ source }) => source), [refund.id, paid.latest_charge]);
  assert.equal((await stripe.payouts.retrieve(payout)).amount, data.reduce((sum, { net }) => sum + net, 0));
});
