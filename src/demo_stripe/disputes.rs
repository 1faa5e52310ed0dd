//! Disputes: a bank takes back what its customer does not want to have paid.

use serde_json::{Value, json};

use super::answer::Refused;
use super::balance::{self, Entry};
use super::books::{Books, Kind, number, text};
use super::ids;

/// What Stripe keeps of each dispute.
const FEE: i64 = 1_500;
/// How long one may answer: nine days.
const ANSWER_WITHIN: i64 = 9 * 86_400;
/// What a dispute can be.
pub const STATUSES: [&str; 7] = [
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
];

fn is_closed(status: &str) -> bool {
    matches!(status, "warning_closed" | "won" | "lost")
}

/// The newest dispute of a charge.
fn of<'a>(books: &'a Books, charge: &str) -> Option<&'a Value> {
    books.newest(Kind::Dispute).find(|dispute| text(dispute, "charge") == charge)
}

/// Whether a dispute keeps the money of a charge from going back in another way.
pub fn holds(books: &Books, charge: &str) -> bool {
    of(books, charge).is_some_and(|dispute| dispute["is_charge_refundable"] == false)
}

/// A bank disputes a charge, or asks about it, where the status begins with `warning`.
pub fn open(books: &mut Books, charge: &str, status: &str, reason: &str) -> Result<Value, Refused> {
    let charge = books.get(Kind::Charge, charge, "charge")?;
    let is_inquiry = status.starts_with("warning");
    let (id, amount) = (ids::new(Kind::Dispute.prefix()), number(&charge, "amount_captured"));
    if amount == 0 {
        let message = format!("Charge {} has not been captured: nobody disputes it.", text(&charge, "id"));
        return Err(Refused::state("charge_not_disputable", message));
    }
    let mut transactions = Vec::new();
    if !is_inquiry {
        transactions.push(enter(books, &charge, &id, -amount, FEE, "dispute"));
    }
    let dispute = json!({
        "id": id, "object": "dispute", "amount": amount, "balance_transactions": transactions, "charge": charge["id"],
        "created": books.now(), "currency": charge["currency"], "enhanced_eligibility_types": [], "evidence": {},
        "evidence_details": {
            "due_by": books.now() + ANSWER_WITHIN, "enhanced_eligibility": {}, "has_evidence": false,
            "past_due": false, "submission_count": 0,
        },
        "intended_submission_method": "manual", "is_charge_refundable": is_inquiry, "livemode": false,
        "metadata": {}, "network_reason_code": null, "payment_intent": charge["payment_intent"],
        "payment_method_details": { "card": {
            "brand": charge["payment_method_details"]["card"]["brand"], "case_type": "chargeback",
            "network_reason_code": "10",
        }, "type": "card" },
        "reason": reason, "status": if is_inquiry { "warning_needs_response" } else { "needs_response" },
    });
    books.add(dispute.clone());
    books.change(text(&charge, "id"), json!({ "disputed": true }));
    books.emit("charge.dispute.created", &dispute);
    if !is_inquiry {
        books.emit("charge.dispute.funds_withdrawn", &dispute);
    }
    Ok(dispute)
}

/// A dispute as a test has it: there is one of this charge after this, with this status.
pub fn set(books: &mut Books, charge: &str, status: &str, reason: &str) -> Result<Value, Refused> {
    let dispute = match of(books, charge).cloned() {
        Some(dispute) => dispute,
        None => open(books, charge, status, reason)?,
    };
    let had = text(&dispute, "status");
    if had == status {
        return Ok(dispute);
    }
    if is_closed(had) || (had.starts_with("warning") != status.starts_with("warning")) {
        let message = format!("This dispute has a status of {had}, which does not become {status}.");
        return Err(Refused::state("status_transition_invalid", message));
    }
    let id = text(&dispute, "id");
    let mut changes = json!({ "status": status });
    if status == "won" {
        let charge = books.get(Kind::Charge, charge, "charge")?;
        let mut transactions = dispute["balance_transactions"].as_array().cloned().unwrap_or_default();
        transactions.push(enter(books, &charge, id, number(&dispute, "amount"), 0, "dispute_reversal"));
        changes["balance_transactions"] = json!(transactions);
        changes["is_charge_refundable"] = json!(true);
    }
    let changed = books.change(id, changes);
    if status == "won" {
        books.emit("charge.dispute.funds_reinstated", &changed);
    }
    if is_closed(status) {
        books.emit("charge.dispute.closed", &changed);
    } else {
        books.emit("charge.dispute.updated", &changed);
    }
    Ok(changed)
}

/// Money that goes, or comes back; disputes show the whole balance transaction.
fn enter(books: &mut Books, charge: &Value, dispute: &str, amount: i64, fee: i64, category: &str) -> Value {
    let what = if amount < 0 { "withdrawal" } else { "reversal" };
    let description = format!("Chargeback {what} for {}", text(charge, "id"));
    let entry = Entry {
        kind: "adjustment",
        category,
        amount,
        fee,
        currency: text(charge, "currency"),
        source: dispute,
        description: Some(&description),
    };
    let transaction = balance::enter(books, &entry);
    books.find(&transaction).cloned().unwrap_or_default()
}
