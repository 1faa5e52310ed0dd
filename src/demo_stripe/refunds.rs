//! Refunds: money that goes back.

use serde_json::{Value, json};

use super::answer::Refused;
use super::balance::{self, Entry};
use super::books::{Books, Kind, number, text};
use super::cards::Fate;
use super::form::Params;
use super::later::{Later, What};
use super::{charges, disputes, ids};

/// `POST /v1/refunds`.
pub fn create(books: &mut Books, params: &Params) -> Result<Value, Refused> {
    let charge = charge(books, params)?;
    let id = text(&charge, "id");
    let asked = params.integer("amount")?;
    let reason = params.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let metadata = params.metadata()?;
    if disputes::holds(books, id) {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(Refused::state("charge_disputed", message));
    }
    let left = number(&charge, "amount") - number(&charge, "amount_refunded");
    if left == 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(Refused::state("charge_already_refunded", message));
    }
    let amount = asked.unwrap_or(left);
    if amount < 1 {
        return Err(Refused::param("amount", "This value must be greater than or equal to 1."));
    }
    if amount > left {
        let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
        return Err(Refused::param("amount", message));
    }
    let refund = add(books, &charge, amount, reason, metadata);
    let refunded = number(&charge, "amount_refunded");
    let changes = json!({ "amount_refunded": refunded + amount, "refunded": amount == left });
    let changed = books.change(id, changes);
    books.emit_change("charge.refunded", &changed, json!({ "amount_refunded": refunded, "refunded": false }));
    books.emit("refund.created", &refund);
    Ok(refund)
}

fn add(books: &mut Books, charge: &Value, amount: i64, reason: Option<&str>, metadata: Value) -> Value {
    let id = ids::new(Kind::Refund.prefix());
    let description = format!("REFUND FOR CHARGE ({})", text(charge, "description"));
    let entry = Entry {
        kind: "refund",
        category: "refund",
        amount: -amount,
        // What was kept of the charge stays with Stripe.
        fee: 0,
        currency: text(charge, "currency"),
        source: &id,
        description: Some(&description),
    };
    let transaction = balance::enter(books, &entry);
    let fate = charges::card_of(books, charge).fate;
    let refund = json!({
        "id": id, "object": "refund", "amount": amount, "balance_transaction": transaction, "charge": charge["id"],
        "created": books.now(), "currency": charge["currency"], "customer": charge["customer"],
        "customer_account": null, "destination_details": { "card": {
            "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund",
        }, "type": "card" },
        "metadata": metadata, "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"], "reason": reason, "receipt_number": null,
        "source_transfer_reversal": null, "status": if fate == Fate::RefundPends { "pending" } else { "succeeded" },
        "transfer_reversal": null,
    });
    books.add(refund.clone());
    if matches!(fate, Fate::RefundPends | Fate::RefundFails) {
        let what = What::Refunded { refund: id, is_done: fate == Fate::RefundPends };
        books.put_off(Later { after_ms: None, what });
    }
    refund
}

/// The charge that is to be refunded.
fn charge(books: &Books, params: &Params) -> Result<Value, Refused> {
    let charge = match (params.text("charge"), params.text("payment_intent")) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: payment_intent, charge.";
            return Err(Refused::invalid(message).code("parameters_exclusive"));
        }
        (Some(charge), None) => books.get(Kind::Charge, charge, "charge")?,
        (None, Some(id)) => {
            let intent = books.get(Kind::Intent, id, "payment_intent")?;
            if !matches!(text(&intent, "status"), "succeeded" | "requires_capture") {
                let message = format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
                return Err(Refused::state("payment_intent_unexpected_state", message));
            }
            books.get(Kind::Charge, text(&intent, "latest_charge"), "charge")?
        }
        (None, None) => {
            let message = "One of the following params should be provided for this request: payment_intent or charge.";
            return Err(Refused::invalid(message).code("parameter_missing"));
        }
    };
    if charge["captured"] != true {
        // Stripe would cancel an authorization here; whoever means that can say so.
        let message = format!("Charge {} has not been captured: cancel its payment intent.", text(&charge, "id"));
        return Err(Refused::state("charge_not_refundable", message));
    }
    Ok(charge)
}

/// A refund arrives after all, or it fails after all: then the money is back.
pub fn end(books: &mut Books, id: &str, is_done: bool) {
    if is_done {
        let refund = books.change(id, json!({ "status": "succeeded" }));
        books.emit("refund.updated", &refund);
        return;
    }
    let Some(refund) = books.find(id).cloned() else { return };
    let amount = number(&refund, "amount");
    let entry = Entry {
        kind: "refund_failure",
        category: "refund_failure",
        amount,
        fee: 0,
        currency: text(&refund, "currency"),
        source: id,
        description: Some("REFUND FAILURE"),
    };
    let transaction = balance::enter(books, &entry);
    let charge = text(&refund, "charge");
    let refunded = books.find(charge).map_or(0, |charge| number(charge, "amount_refunded"));
    books.change(charge, json!({ "amount_refunded": (refunded - amount).max(0), "refunded": false }));
    let changes = json!({
        "status": "failed", "failure_reason": "unknown", "failure_balance_transaction": transaction,
    });
    let refund = books.change(id, changes);
    books.emit("refund.updated", &refund);
    books.emit("refund.failed", &refund);
}
