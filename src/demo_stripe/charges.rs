//! Charges: the attempts of a payment intent to get its money.

use serde_json::{Value, json};

use super::balance::{self, Entry};
use super::books::{Books, Kind, number, text, with_nulls};
use super::cards::{Card, Decline, Fate};
use super::ids;
use super::later::{Later, What};

/// What the cardholder reads.
const DESCRIPTOR: &str = "TOLLBOOK DEMO";
/// How long what is authorized can be captured: seven days.
const CAPTURE_WITHIN: i64 = 7 * 86_400;
/// What is of no use here, or comes later.
const NULLS: &[&str] = &[
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "failure_balance_transaction",
    "on_behalf_of",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source",
    "source_transfer",
    "transfer_data",
];

/// A new charge for a payment intent, not captured yet, or declined; gives back its id.
pub fn add(books: &mut Books, intent: &Value, method: &Value, decline: Option<&Decline>) -> String {
    let id = ids::new(Kind::Charge.prefix());
    let (is_paid, amount) = (decline.is_none(), number(intent, "amount"));
    let charge = json!({
        "id": id, "object": "charge", "amount": amount, "amount_captured": 0, "amount_refunded": 0,
        "billing_details": method["billing_details"], "calculated_statement_descriptor": DESCRIPTOR,
        "captured": false, "created": books.now(), "currency": intent["currency"], "customer": intent["customer"],
        "description": intent["description"], "disputed": false,
        "failure_code": decline.map(|decline| decline.code),
        "failure_message": decline.map(|decline| decline.message), "fraud_details": {}, "livemode": false,
        "metadata": intent["metadata"], "outcome": outcome(decline), "paid": is_paid,
        "payment_intent": intent["id"], "payment_method": method["id"],
        "payment_method_details": details(books, intent, method, is_paid), "radar_options": {},
        "receipt_email": intent["receipt_email"], "refunded": false,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": if is_paid { "succeeded" } else { "failed" }, "transfer_group": intent["transfer_group"],
    });
    let charge = with_nulls(charge, NULLS);
    books.add(charge)
}

fn outcome(decline: Option<&Decline>) -> Value {
    let (network, kind, seller) = match decline {
        None => ("approved_by_network", "authorized", "Payment complete.".to_owned()),
        Some(decline) => {
            let seller = format!("The bank returned the decline code `{}`.", decline.decline_code);
            ("declined_by_network", "issuer_declined", seller)
        }
    };
    json!({
        "advice_code": null, "network_advice_code": null, "network_decline_code": null, "network_status": network,
        "reason": decline.map(|decline| decline.decline_code), "risk_level": "normal", "risk_score": 12,
        "seller_message": seller, "type": kind,
    })
}

fn details(books: &Books, intent: &Value, method: &Value, is_paid: bool) -> Value {
    let card = &method["card"];
    let mut told = json!({
        "amount_authorized": is_paid.then(|| number(intent, "amount")),
        "authorization_code": is_paid.then_some("123456"), "brand": card["brand"], "checks": card["checks"],
        "country": card["country"], "exp_month": card["exp_month"], "exp_year": card["exp_year"],
        "extended_authorization": { "status": "disabled" }, "fingerprint": card["fingerprint"],
        "funding": card["funding"], "incremental_authorization": { "status": "unavailable" }, "installments": null,
        "last4": card["last4"], "mandate": null, "multicapture": { "status": "unavailable" },
        "network": card["brand"], "network_token": { "used": false }, "network_transaction_id": null,
        "overcapture": { "maximum_amount_capturable": intent["amount"], "status": "unavailable" },
        "regulated_status": "unregulated", "three_d_secure": null, "wallet": null,
    });
    if text(intent, "capture_method") == "manual" {
        told["capture_before"] = json!(books.now() + CAPTURE_WITHIN);
    }
    json!({ "type": "card", "card": told })
}

/// Captures so much of a charge; the rest goes back, and counts as refunded. Gives back the charge as it is then.
pub fn capture(books: &mut Books, id: &str, amount: i64) -> Value {
    let Some(charge) = books.find(id).cloned() else { return Value::Null };
    let rest = number(&charge, "amount") - amount;
    let description = text(&charge, "description");
    let transaction = balance::enter(
        books,
        &Entry {
            kind: "charge",
            category: "charge",
            amount,
            fee: balance::fee(amount),
            currency: text(&charge, "currency"),
            source: id,
            description: (!description.is_empty()).then_some(description),
        },
    );
    if let Fate::Disputed { reason, is_inquiry } = card_of(books, &charge).fate {
        let what = What::Disputed { charge: id.to_owned(), reason, is_inquiry };
        books.put_off(Later { after_ms: None, what });
    }
    books.change(
        id,
        json!({
            "captured": true, "amount_captured": amount, "amount_refunded": rest, "balance_transaction": transaction,
        }),
    )
}

/// Lets go of what was authorized and is not captured.
pub fn release(books: &mut Books, id: &str) {
    let Some(charge) = books.find(id).cloned() else { return };
    let released = books.change(id, json!({ "amount_refunded": charge["amount"], "refunded": true }));
    books.emit_change("charge.refunded", &released, json!({ "amount_refunded": 0, "refunded": false }));
}

/// The card that was charged.
pub fn card_of(books: &Books, charge: &Value) -> &'static Card {
    match books.find(text(charge, "payment_method")) {
        Some(method) => Card::of(method),
        None => Card::of(&charge["payment_method_details"]),
    }
}
