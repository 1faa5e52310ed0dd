//! What Stripe reports of payouts, item by item: `payout_reconciliation.itemized.5`, in its columns. Amounts are in
//! dollars, not cents, and what goes out is below zero.

use std::fmt::Write;

use chrono::DateTime;
use serde_json::Value;

use super::answer::Refused;
use super::balance;
use super::books::{Books, Kind, number, text};

/// The columns when nobody names others.
const COLUMNS: [&str; 25] = [
    "automatic_payout_id",
    "automatic_payout_effective_at",
    "balance_transaction_id",
    "created_utc",
    "created",
    "available_on_utc",
    "available_on",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "description",
    "customer_facing_amount",
    "customer_facing_currency",
    "customer_id",
    "customer_email",
    "charge_id",
    "payment_intent_id",
    "charge_created_utc",
    "payment_method_type",
    "card_brand",
    "card_funding",
    "dispute_reason",
];
/// Currencies that have no cents, as Stripe has them.
const WHOLE: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// What is shown of an object that is not kept any more.
static NOTHING: Value = Value::Null;
/// Currencies with three digits after the point.
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// The report on all that was entered, the oldest first.
pub fn csv(books: &Books, columns: Option<&str>) -> Result<String, Refused> {
    let columns: Vec<&str> = match columns {
        Some(columns) => columns.split(',').map(str::trim).collect(),
        None => COLUMNS.to_vec(),
    };
    let mut csv = line(columns.iter().map(|column| (*column).to_owned()));
    for transaction in books.oldest(Kind::Transaction) {
        let row = Row::of(books, transaction);
        let cells: Result<Vec<String>, Refused> = columns.iter().map(|column| row.cell(column)).collect();
        csv.push_str(&line(cells?.into_iter()));
    }
    Ok(csv)
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = String::new();
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            line.push(',');
        }
        if cell.contains(['"', ',', '\n', '\r']) {
            // Writing to a string does not fail.
            let _ = write!(line, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            line.push_str(&cell);
        }
    }
    line.push('\n');
    line
}

/// A balance transaction, and what it belongs to.
struct Row<'a> {
    transaction: &'a Value,
    payout: &'a Value,
    /// The charge, refund or dispute.
    source: &'a Value,
    charge: &'a Value,
    customer: &'a Value,
}

impl<'a> Row<'a> {
    fn of(books: &'a Books, transaction: &'a Value) -> Self {
        let find = |id: &str| books.find(id).unwrap_or(&NOTHING);
        let source = find(text(transaction, "source"));
        let charge = if text(source, "object") == "charge" { source } else { find(text(source, "charge")) };
        let payout = balance::payout_of(books, transaction).unwrap_or(&NOTHING);
        Self { transaction, payout, source, charge, customer: find(text(charge, "customer")) }
    }

    fn cell(&self, column: &str) -> Result<String, Refused> {
        let currency = text(self.transaction, "currency");
        let card = &self.charge["payment_method_details"]["card"];
        let cell = match column {
            "automatic_payout_id" => text(self.payout, "id").to_owned(),
            "automatic_payout_effective_at" | "automatic_payout_effective_at_utc" => at(self.payout, "arrival_date"),
            "balance_transaction_id" => text(self.transaction, "id").to_owned(),
            "created_utc" | "created" => at(self.transaction, "created"),
            "available_on_utc" | "available_on" => at(self.transaction, "available_on"),
            "currency" => currency.to_owned(),
            "gross" => major(number(self.transaction, "amount"), currency),
            "fee" => major(number(self.transaction, "fee"), currency),
            "net" => major(number(self.transaction, "net"), currency),
            "reporting_category" => text(self.transaction, "reporting_category").to_owned(),
            "source_id" => text(self.transaction, "source").to_owned(),
            "description" => text(self.transaction, "description").to_owned(),
            // In the currency of the payment, which here is always that of the account.
            "customer_facing_amount" => major(number(self.transaction, "amount"), currency),
            "customer_facing_currency" => currency.to_owned(),
            "customer_id" => text(self.charge, "customer").to_owned(),
            "customer_email" => text(self.customer, "email").to_owned(),
            "charge_id" => text(self.charge, "id").to_owned(),
            "payment_intent_id" => text(self.charge, "payment_intent").to_owned(),
            "charge_created_utc" | "charge_created" => at(self.charge, "created"),
            "payment_method_type" => text(&self.charge["payment_method_details"], "type").to_owned(),
            "card_brand" => text(card, "brand").to_owned(),
            "card_funding" => text(card, "funding").to_owned(),
            "card_country" => text(card, "country").to_owned(),
            "dispute_reason" if Kind::Dispute.has(text(self.source, "id")) => text(self.source, "reason").to_owned(),
            "dispute_reason" => String::new(),
            other => return self.metadata(other),
        };
        Ok(cell)
    }

    fn metadata(&self, column: &str) -> Result<String, Refused> {
        let within = |prefix: &str| column.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(']'));
        if let Some(name) = within("payment_metadata[") {
            return Ok(text(&self.charge["metadata"], name).to_owned());
        }
        if let Some(name) = within("refund_metadata[") {
            let is_refund = Kind::Refund.has(text(self.source, "id"));
            return Ok(if is_refund { text(&self.source["metadata"], name).to_owned() } else { String::new() });
        }
        Err(Refused::param("columns", format!("there is no column {column}")))
    }
}

/// When something is, as reports have it.
fn at(object: &Value, name: &str) -> String {
    let at = object[name].as_i64().and_then(|at| DateTime::from_timestamp(at, 0));
    at.map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M:%S").to_string())
}

/// An amount in dollars, or whatever a currency counts in.
fn major(amount: i64, currency: &str) -> String {
    let digits = if WHOLE.contains(&currency) {
        return amount.to_string();
    } else if THOUSANDTHS.contains(&currency) {
        3
    } else {
        2
    };
    let unit = 10_u64.pow(digits);
    let (sign, amount) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    format!("{sign}{}.{:0width$}", amount / unit, amount % unit, width = digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_dollars() {
        assert_eq!(major(1_059, "usd"), "10.59");
        assert_eq!(major(-5, "eur"), "-0.05");
        assert_eq!(major(-1_059, "jpy"), "-1059");
        assert_eq!(major(1_059, "kwd"), "1.059");
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let cells = ["a", "b,c", "d\"e", ""].map(str::to_owned);
        assert_eq!(line(cells.into_iter()), "a,\"b,c\",\"d\"\"e\",\n");
    }
}
