//! What comes in and goes out: balance transactions with their fees, and the payouts that they are in.
//!
//! What is entered on a day (UTC) in a currency is in one payout, which arrives two days later. So that it can be
//! reconciled at once, it says that it is paid from the beginning; its amount grows during the day. The payout is not
//! itself among its balance transactions.

use serde_json::{Value, json};

use super::books::{Books, Kind, number, text};
use super::ids;

const DAY: i64 = 86_400;
/// How long until what was charged can be paid out.
const AVAILABLE_AFTER_DAYS: i64 = 2;

/// What Stripe keeps of a charge: 2.9 % of it, rounded to whole cents, half of one upwards, and 30 cents.
pub const fn fee(amount: i64) -> i64 {
    (amount * 29 + 500) / 1_000 + 30
}

/// What is entered.
#[derive(Debug)]
pub struct Entry<'a> {
    /// `charge`, `refund`, `refund_failure` or `adjustment`.
    pub kind: &'a str,
    /// What reports call it.
    pub category: &'a str,
    /// What comes in; below zero what goes out.
    pub amount: i64,
    /// What Stripe keeps.
    pub fee: i64,
    /// In which currency.
    pub currency: &'a str,
    /// The charge, refund or dispute.
    pub source: &'a str,
    /// What it says.
    pub description: Option<&'a str>,
}

/// Enters it, and gives back the id of the balance transaction.
pub fn enter(books: &mut Books, entry: &Entry<'_>) -> String {
    let net = entry.amount - entry.fee;
    let details = json!({
        "amount": entry.fee, "application": null, "currency": entry.currency,
        "description": "Stripe processing fees", "type": "stripe_fee",
    });
    let transaction = json!({
        "id": ids::new(Kind::Transaction.prefix()), "object": "balance_transaction", "amount": entry.amount,
        "available_on": available(books.now()), "balance_type": "payments", "created": books.now(),
        "currency": entry.currency, "description": entry.description, "exchange_rate": null, "fee": entry.fee,
        "fee_details": if entry.fee == 0 { json!([]) } else { json!([details]) }, "net": net,
        "reporting_category": entry.category, "source": entry.source, "status": "pending", "type": entry.kind,
    });
    pay_out(books, entry.currency, net);
    books.add(transaction)
}

fn available(at: i64) -> i64 {
    (at.div_euclid(DAY) + AVAILABLE_AFTER_DAYS) * DAY
}

/// Puts so much more into the payout of the day.
fn pay_out(books: &mut Books, currency: &str, net: i64) {
    let now = books.now();
    let day = (now.div_euclid(DAY), currency.to_owned());
    if let Some(id) = books.payouts().get(&day).cloned()
        && let Some(payout) = books.find(&id)
    {
        let amount = number(payout, "amount") + net;
        books.change(&id, json!({ "amount": amount }));
        return;
    }
    let payout = json!({
        "id": ids::new(Kind::Payout.prefix()), "object": "payout", "amount": net, "application_fee": null,
        "application_fee_amount": null, "arrival_date": available(now), "automatic": true,
        "balance_transaction": null, "created": now, "currency": currency, "description": "STRIPE PAYOUT",
        "destination": null, "failure_balance_transaction": null, "failure_code": null, "failure_message": null,
        "livemode": false, "metadata": {}, "method": "standard", "original_payout": null, "payout_method": null,
        "reconciliation_status": "completed", "reversed_by": null, "source_type": "card",
        "statement_descriptor": null, "status": "paid", "trace_id": null, "type": "bank_account",
    });
    let id = books.add(payout);
    books.payouts().insert(day, id);
}

/// The payout that a balance transaction is in.
pub fn payout_of<'a>(books: &'a Books, transaction: &Value) -> Option<&'a Value> {
    let arrives = number(transaction, "available_on");
    let currency = text(transaction, "currency");
    books
        .newest(Kind::Payout)
        .find(|payout| number(payout, "arrival_date") == arrives && text(payout, "currency") == currency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_whole_cents() {
        // 2.9 % of 50 is 1.45, of 500 14.5, of 1000 29, of 1034 29.986.
        assert_eq!([50, 500, 1_000, 1_034, 99_999_999].map(fee), [31, 45, 59, 60, 2_900_030]);
    }

    #[test]
    fn a_payout_has_what_is_entered_on_a_day() {
        let mut books = Books::default();
        let mut enter_at = |now: i64, amount: i64, currency: &str| {
            books.begin(Value::Null, now);
            let (kind, source) = ("charge", "ch_1");
            let entry = Entry { kind, category: kind, amount, fee: 59, currency, source, description: None };
            let id = enter(&mut books, &entry);
            let transaction = books.find(&id).cloned().unwrap();
            let payout = payout_of(&books, &transaction).unwrap();
            (text(payout, "id").to_owned(), number(payout, "amount"), number(payout, "arrival_date"))
        };
        let first = enter_at(DAY + 5, 1_000, "usd");
        assert_eq!((first.1, first.2), (941, 3 * DAY));
        let second = enter_at(2 * DAY - 1, -500, "usd");
        assert_eq!((&second.0, second.1), (&first.0, 382));
        assert_ne!(enter_at(2 * DAY, 1_000, "usd").0, first.0);
        assert_ne!(enter_at(DAY + 5, 1_000, "eur").0, first.0);
    }
}
