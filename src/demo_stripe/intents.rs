//! Payment intents: what becomes of them, one step after the other.
//!
//! ```text
//! requires_payment_method → requires_confirmation → succeeded
//!           ↑                  │   │   │               ↑
//!           └──── declined ────┘   │   └ processing ───┤
//!                                  ├ requires_action ──┤
//!                                  └ requires_capture ─┘      canceled: from everywhere but succeeded
//! ```

use serde_json::{Map, Value, json};

use super::answer::Refused;
use super::attempt::Attempt;
use super::books::{Books, Kind, number, text, with_nulls};
use super::form::Params;
use super::{charges, ids, methods};

/// The largest amount: eight digits.
const AMOUNT_MAX: i64 = 99_999_999;
/// What is of no use here, or comes later.
const NULLS: &[&str] = &[
    "allowed_payment_method_types",
    "application",
    "application_fee_amount",
    "canceled_at",
    "cancellation_reason",
    "customer_account",
    "excluded_payment_method_types",
    "last_payment_error",
    "latest_charge",
    "managed_payments",
    "next_action",
    "on_behalf_of",
    "payment_method_configuration_details",
    "payment_record",
    "processing",
    "review",
    "shipping",
    "source",
    "transfer_data",
];

/// `POST /v1/payment_intents`.
pub fn create(books: &mut Books, params: &Params) -> Result<Value, Refused> {
    let (amount, currency) = amount(params)?;
    let (attempt, is_confirmed) = (Attempt::read(params)?, params.flag("confirm")?);
    if attempt.is_off_session && !is_confirmed {
        let message = "The parameter off_session can only be used when confirm is true.";
        return Err(Refused::param("off_session", message));
    }
    let capture = params.one_of("capture_method", &["automatic", "automatic_async", "manual"])?;
    let confirmation = params.one_of("confirmation_method", &["automatic", "manual"])?;
    let future = params.one_of("setup_future_usage", &["off_session", "on_session"])?;
    let metadata = params.metadata()?;
    let customer = params.text("customer");
    if let Some(customer) = customer {
        books.get(Kind::Customer, customer, "customer")?;
    }
    let method = given_method(books, params, customer.unwrap_or_default())?;
    if is_confirmed && method.is_none() {
        return Err(no_method());
    }
    let given = params.list("payment_method_types");
    let redirects = params.one_of("automatic_payment_methods[allow_redirects]", &["always", "never"])?;
    let automatic =
        given.is_empty().then(|| json!({ "allow_redirects": redirects.unwrap_or("always"), "enabled": true }));
    let types = if given.is_empty() { vec!["card"] } else { given };
    let id = ids::new(Kind::Intent.prefix());
    let intent = json!({
        "id": id, "object": "payment_intent", "amount": amount, "amount_capturable": 0,
        "amount_details": { "tip": {} }, "amount_received": 0, "automatic_payment_methods": automatic,
        "capture_method": capture.unwrap_or("automatic_async"), "client_secret": ids::client_secret(&id),
        "confirmation_method": confirmation.unwrap_or("automatic"), "created": books.now(), "currency": currency,
        "customer": customer, "description": params.text("description"), "livemode": false, "metadata": metadata,
        "payment_method": method,
        "payment_method_options": { "card": { "installments": null, "request_three_d_secure": "automatic" } },
        "payment_method_types": types, "receipt_email": params.text("receipt_email"), "setup_future_usage": future,
        "statement_descriptor": params.text("statement_descriptor"),
        "statement_descriptor_suffix": params.text("statement_descriptor_suffix"),
        "status": if method.is_some() { "requires_confirmation" } else { "requires_payment_method" },
        "transfer_group": params.text("transfer_group"),
    });
    let intent = with_nulls(intent, NULLS);
    books.add(intent.clone());
    books.emit("payment_intent.created", &intent);
    if is_confirmed {
        attempt.make(books, &id)?;
    }
    books.get(Kind::Intent, &id, "intent")
}

/// `POST /v1/payment_intents/{id}/confirm`.
pub fn confirm(books: &mut Books, id: &str, params: &Params) -> Result<Value, Refused> {
    let intent = books.get(Kind::Intent, id, "intent")?;
    match text(&intent, "status") {
        "requires_payment_method" | "requires_confirmation" | "requires_action" => {}
        "succeeded" => {
            let message = "You cannot confirm this PaymentIntent because it has already succeeded after being \
                           previously confirmed.";
            return Err(unexpected(&intent, message));
        }
        status => {
            let message = format!(
                "You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent with \
                 one of the following statuses may be confirmed: requires_confirmation, requires_action."
            );
            return Err(unexpected(&intent, message));
        }
    }
    let attempt = Attempt::read(params)?;
    let mut changes = Map::new();
    if let Some(capture) = params.one_of("capture_method", &["automatic", "automatic_async", "manual"])? {
        changes.insert("capture_method".to_owned(), json!(capture));
    }
    if let Some(future) = params.one_of("setup_future_usage", &["off_session", "on_session"])? {
        changes.insert("setup_future_usage".to_owned(), json!(future));
    }
    if let Some(method) = given_method(books, params, text(&intent, "customer"))? {
        changes.insert("payment_method".to_owned(), json!(method));
    } else if intent["payment_method"].is_null() {
        return Err(no_method().with("payment_intent", intent));
    }
    changes.insert("status".to_owned(), json!("requires_confirmation"));
    books.change(id, Value::Object(changes));
    attempt.make(books, id)?;
    books.get(Kind::Intent, id, "intent")
}

/// `POST /v1/payment_intents/{id}/capture`.
pub fn capture(books: &mut Books, id: &str, params: &Params) -> Result<Value, Refused> {
    let intent = books.get(Kind::Intent, id, "intent")?;
    let status = text(&intent, "status");
    if status != "requires_capture" {
        let message = format!(
            "This PaymentIntent could not be captured because it has a status of {status}. Only a PaymentIntent with \
             one of the following statuses may be captured: requires_capture."
        );
        return Err(unexpected(&intent, message));
    }
    let capturable = number(&intent, "amount_capturable");
    let amount = params.integer("amount_to_capture")?.unwrap_or(capturable);
    if amount < 1 {
        return Err(Refused::param("amount_to_capture", "This value must be greater than or equal to 1."));
    }
    if amount > capturable {
        let message = "The amount to capture is larger than the amount that can be captured.";
        return Err(Refused::param("amount_to_capture", message).code("amount_too_large"));
    }
    let metadata = params.metadata_over(&intent["metadata"])?;
    let charge = charges::capture(books, text(&intent, "latest_charge"), amount);
    let intent = books.change(
        id,
        json!({ "status": "succeeded", "amount_capturable": 0, "amount_received": amount, "metadata": metadata }),
    );
    books.emit("charge.captured", &charge);
    books.emit("payment_intent.succeeded", &intent);
    Ok(intent)
}

/// `POST /v1/payment_intents/{id}/cancel`.
pub fn cancel(books: &mut Books, id: &str, params: &Params) -> Result<Value, Refused> {
    let intent = books.get(Kind::Intent, id, "intent")?;
    let status = text(&intent, "status");
    if matches!(status, "succeeded" | "canceled") {
        let message = format!(
            "You cannot cancel this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one \
             of the following statuses may be canceled: requires_payment_method, requires_capture, \
             requires_confirmation, requires_action, processing."
        );
        return Err(unexpected(&intent, message));
    }
    let known = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
    let reason = params.one_of("cancellation_reason", &known)?;
    if status == "requires_capture" {
        charges::release(books, text(&intent, "latest_charge"));
    }
    let changes = json!({
        "status": "canceled", "amount_capturable": 0, "canceled_at": books.now(), "cancellation_reason": reason,
        "next_action": null,
    });
    let intent = books.change(id, changes);
    books.emit("payment_intent.canceled", &intent);
    Ok(intent)
}

/// What is to be paid.
fn amount(params: &Params) -> Result<(i64, String), Refused> {
    let amount = params.integer("amount")?.ok_or_else(|| Refused::needed("amount"))?;
    let currency = params.needed("currency")?.to_ascii_lowercase();
    if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return Err(Refused::param("currency", format!("Invalid currency: {currency}")));
    }
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(Refused::param("amount", message).code("parameter_invalid_integer"));
    }
    let least = amount_min(&currency);
    if amount < least {
        let message = format!("The amount must be at least {least} of the smallest units of {currency}.");
        return Err(Refused::param("amount", message).code("amount_too_small"));
    }
    if amount > AMOUNT_MAX {
        let message = format!("The amount must be at most {AMOUNT_MAX} of the smallest units of {currency}.");
        return Err(Refused::param("amount", message).code("amount_too_large"));
    }
    Ok((amount, currency))
}

/// The smallest amount of a charge, as Stripe has it for the more common currencies.
fn amount_min(currency: &str) -> i64 {
    match currency {
        "usd" | "eur" | "aud" | "cad" | "chf" | "inr" | "jpy" | "nzd" | "sgd" | "brl" => 50,
        "gbp" => 30,
        "dkk" => 250,
        "nok" | "sek" => 300,
        "aed" | "myr" | "pln" | "ron" => 200,
        "hkd" => 400,
        "mxn" | "thb" => 1_000,
        "czk" => 1_500,
        "huf" => 17_500,
        _ => 1,
    }
}

/// The payment method that `payment_method` names: nobody else's.
fn given_method(books: &mut Books, params: &Params, customer: &str) -> Result<Option<String>, Refused> {
    let Some(given) = params.text("payment_method") else { return Ok(None) };
    let id = methods::resolve(books, given)?;
    let method = books.get(Kind::Method, &id, "payment_method")?;
    match text(&method, "customer") {
        owner if owner.is_empty() || owner == customer => Ok(Some(id)),
        owner => {
            let message = format!(
                "The PaymentMethod {id} belongs to the Customer {owner}. Please include the Customer in the `customer` \
                 parameter on the PaymentIntent."
            );
            Err(Refused::param("payment_method", message))
        }
    }
}

fn no_method() -> Refused {
    let message = "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update \
                   the PaymentIntent with a payment method and then confirm it again, or confirm it again directly \
                   with a payment method or ConfirmationToken.";
    Refused::invalid(message).code("payment_intent_unexpected_state")
}

/// It is not in a state for this.
pub fn unexpected(intent: &Value, message: impl Into<String>) -> Refused {
    Refused::state("payment_intent_unexpected_state", message).with("payment_intent", intent.clone())
}
