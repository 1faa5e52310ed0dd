//! An attempt to get a payment intent's money, and what it leads to.

use serde_json::{Value, json};

use super::answer::{Refused, doc_url};
use super::books::{Books, Kind, number, text};
use super::cards::{AUTHENTICATION_REQUIRED, Card, Decline, Fate};
use super::form::Params;
use super::later::{Later, What};
use super::{charges, intents, methods};

/// How a payment is confirmed.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The customer is not there.
    pub is_off_session: bool,
    /// Nothing more can be asked of the customer.
    refuses_action: bool,
    return_url: Option<String>,
}

impl Attempt {
    /// As the parameters of a confirmation say.
    pub fn read(params: &Params) -> Result<Self, Refused> {
        Ok(Self {
            // Beside true and false there are `one_off` and `recurring`.
            is_off_session: params.text("off_session").is_some_and(|told| told != "false"),
            refuses_action: params.flag("error_on_requires_action")?,
            return_url: params.text("return_url").map(str::to_owned),
        })
    }

    /// Makes it.
    pub fn make(&self, books: &mut Books, id: &str) -> Result<(), Refused> {
        let Some(after_ms) = books.processing_ms.take() else {
            return self.settle(books, id);
        };
        let intent = books.change(id, json!({ "status": "processing", "next_action": null }));
        books.emit("payment_intent.processing", &intent);
        let what = What::Settled { intent: id.to_owned(), attempt: self.clone() };
        books.put_off(Later { after_ms: Some(after_ms), what });
        Ok(())
    }

    /// Lets it succeed, fail, or wait for the customer.
    pub fn settle(&self, books: &mut Books, id: &str) -> Result<(), Refused> {
        let intent = books.get(Kind::Intent, id, "intent")?;
        let method = books.get(Kind::Method, text(&intent, "payment_method"), "payment_method")?;
        let is_away = self.is_off_session || self.refuses_action;
        match Card::of(&method).fate {
            Fate::Declined(decline) | Fate::DeclinedOnceAttached(decline) => {
                Err(declined(books, &intent, &method, &decline))
            }
            Fate::AuthenticatedBefore if self.is_off_session => {
                pay(books, &intent, &method);
                Ok(())
            }
            Fate::Authenticated | Fate::AuthenticatedBefore if is_away => {
                Err(declined(books, &intent, &method, &AUTHENTICATION_REQUIRED))
            }
            Fate::Authenticated | Fate::AuthenticatedBefore => {
                let changes = json!({ "status": "requires_action", "next_action": self.next_action(&intent) });
                let intent = books.change(id, changes);
                books.emit("payment_intent.requires_action", &intent);
                Ok(())
            }
            Fate::Pays | Fate::Disputed { .. } | Fate::RefundPends | Fate::RefundFails => {
                pay(books, &intent, &method);
                Ok(())
            }
        }
    }

    /// What the customer is to do. There is nothing at this URL: see `/_test/authenticate`.
    fn next_action(&self, intent: &Value) -> Value {
        let url = format!("https://stripe.invalid/authenticate/{}", text(intent, "id"));
        match &self.return_url {
            Some(return_url) => json!({
                "type": "redirect_to_url", "redirect_to_url": { "return_url": return_url, "url": url },
            }),
            None => json!({
                "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": url },
            }),
        }
    }
}

/// The money is there, or reserved until it is captured.
fn pay(books: &mut Books, intent: &Value, method: &Value) {
    let (id, amount) = (text(intent, "id"), number(intent, "amount"));
    let charge = charges::add(books, intent, method, None);
    let is_manual = text(intent, "capture_method") == "manual";
    let (status, capturable, received) =
        if is_manual { ("requires_capture", amount, 0) } else { ("succeeded", 0, amount) };
    let paid = if is_manual {
        books.find(&charge).cloned().unwrap_or_default()
    } else {
        charges::capture(books, &charge, amount)
    };
    let changes = json!({
        "status": status, "amount_capturable": capturable, "amount_received": received, "latest_charge": charge,
        "last_payment_error": null, "next_action": null,
    });
    let changed = books.change(id, changes);
    books.emit("charge.succeeded", &paid);
    if is_manual {
        books.emit_change("payment_intent.amount_capturable_updated", &changed, json!({ "amount_capturable": 0 }));
    } else {
        books.emit("payment_intent.succeeded", &changed);
    }
    if let (Some(customer), Some(_)) = (intent["customer"].as_str(), intent["setup_future_usage"].as_str()) {
        methods::keep_for(books, text(method, "id"), customer);
    }
}

/// The card pays nothing.
fn declined(books: &mut Books, intent: &Value, method: &Value, decline: &Decline) -> Refused {
    let charge = charges::add(books, intent, method, Some(decline));
    let mut error = methods::error(decline, Some(method));
    error.insert("charge".to_owned(), json!(charge));
    let changed = failed(books, text(intent, "id"), json!(error), json!({ "latest_charge": charge }));
    error.insert("payment_intent".to_owned(), changed);
    Refused::card(error)
}

/// A payment has failed: it needs another payment method.
fn failed(books: &mut Books, id: &str, error: Value, changes: Value) -> Value {
    let charge = changes["latest_charge"].as_str().and_then(|charge| books.find(charge)).cloned();
    books.change(id, changes);
    let changed = books.change(
        id,
        json!({
            "status": "requires_payment_method", "payment_method": null, "last_payment_error": error,
            "next_action": null,
        }),
    );
    if let Some(charge) = charge {
        books.emit("charge.failed", &charge);
    }
    books.emit("payment_intent.payment_failed", &changed);
    changed
}

/// The customer has done what was asked, or could not.
pub fn authenticate(books: &mut Books, id: &str, is_done: bool) -> Result<Value, Refused> {
    let intent = books.get(Kind::Intent, id, "intent")?;
    if text(&intent, "status") != "requires_action" {
        return Err(intents::unexpected(&intent, "Nothing is asked of its customer."));
    }
    let method = books.get(Kind::Method, text(&intent, "payment_method"), "payment_method")?;
    if is_done {
        pay(books, &intent, &method);
        return books.get(Kind::Intent, id, "intent");
    }
    let code = "payment_intent_authentication_failure";
    let error = json!({
        "type": "invalid_request_error", "code": code, "doc_url": doc_url(code), "payment_method": method,
        "message": "We are unable to authenticate your payment method. Please choose a different payment method and \
                    try again.",
    });
    Ok(failed(books, id, error, json!({})))
}
