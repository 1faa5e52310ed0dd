//! What is asked for when an invoice is written.

use domain::invoice::{Collection, LineItem, LineKind};
use domain::money::{Amount, Currency, INPUT_MAX, MoneyError, Quantity, SignedAmount};
use domain::price::Rated;
use domain::tax::TaxCategory;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::command::plans::price::code;
use crate::money;
use crate::problem::Problem;

/// The longest description of a line.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// The longest note.
const NOTE_CHARS_MAX: usize = 500;
/// How long an invoice may wait to be paid.
const DUE_DAYS_MAX: u32 = 730;
/// Days until an invoice is due that the customer pays by itself, when nothing is said.
const DUE_DAYS_SEND: u32 = 30;
/// How often a payment is tried again.
const RETRIES_MAX: usize = 10;
/// After how many days at most.
const RETRY_DAYS_MAX: u32 = 60;

/// A new invoice, as a draft.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvoice {
    /// Who is billed.
    pub customer_id: String,
    /// What for. More can be added while it is a draft.
    #[serde(default)]
    pub lines: Vec<NewInvoiceLine>,
    /// Whether it takes what was charged and is on no invoice yet, of meters that belong to no subscription; `false`
    /// when left out.
    #[serde(default)]
    pub include_pending_usage: bool,
    /// Whether it is finalized at once; `false` when left out. One without lines stays a draft.
    #[serde(default)]
    pub auto_finalize: bool,
    /// `automatic` or `send`; as the customer is billed when left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub collection: Option<Collection>,
    /// Days after its date at which it is due, at most 730; when left out 30 for one that the customer pays by itself,
    /// and 0 for one that is charged.
    #[serde(default)]
    pub due_days: Option<u32>,
    /// After how many days each a failed payment is tried again: up to 10 of 1 to 60; never when left out.
    #[serde(default)]
    pub retry_days: Vec<u32>,
    /// Written on it; 1 to 500 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// A line to be: either an amount, or a quantity and its unit price.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvoiceLine {
    /// What for; 1 to 200 characters.
    pub description: String,
    /// What it comes to; less than zero gives back.
    #[serde(default)]
    #[schema(example = "120")]
    pub amount: Option<String>,
    /// How many.
    #[serde(default)]
    pub quantity: Option<String>,
    /// What one costs.
    #[serde(default)]
    pub unit_price: Option<String>,
    /// Which tax rates apply; `standard` when left out.
    #[serde(default)]
    pub tax_category: Option<String>,
}

/// Lines for a draft.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddInvoiceLines {
    /// What for; at least one.
    pub lines: Vec<NewInvoiceLine>,
}

fn invalid(param: &str, detail: impl Into<String>) -> Problem {
    Problem::bad_request("invalid_request", param, detail)
}

/// An amount that may be less than zero.
fn signed_amount(param: &str, text: &str) -> Result<SignedAmount, Problem> {
    let wrong = |error: MoneyError| Problem::bad_request("invalid_amount", param, format!("{param} {error}"));
    let amount: SignedAmount = text.parse().map_err(wrong)?;
    if amount.decimal().abs() > Decimal::from(INPUT_MAX) { Err(wrong(MoneyError::TooLarge)) } else { Ok(amount) }
}

impl NewInvoice {
    /// How it is to be paid, and when: as the customer is billed where nothing is said.
    pub fn collection(&self, usual: Collection) -> Result<(Collection, u32), Problem> {
        let collection = self.collection.unwrap_or(usual);
        let due_days = self.due_days.unwrap_or(match collection {
            Collection::Send => DUE_DAYS_SEND,
            Collection::Automatic => 0,
        });
        if due_days > DUE_DAYS_MAX {
            return Err(invalid("due_days", format!("due_days must be at most {DUE_DAYS_MAX}")));
        }
        Ok((collection, due_days))
    }

    /// Checks what does not depend on the customer.
    pub fn check(&self) -> Result<(), Problem> {
        let are_days = self.retry_days.iter().all(|days| (1..=RETRY_DAYS_MAX).contains(days));
        if self.retry_days.len() > RETRIES_MAX || !are_days {
            let detail = format!("retry_days has at most {RETRIES_MAX} entries of 1 to {RETRY_DAYS_MAX}");
            return Err(invalid("retry_days", detail));
        }
        self.note.as_deref().map_or(Ok(()), |note| money::text("note", note, NOTE_CHARS_MAX))
    }
}

/// Lines as the invoice has them.
pub fn read(lines: &[NewInvoiceLine], currency: Currency) -> Result<Vec<LineItem>, Problem> {
    lines.iter().enumerate().map(|(index, line)| line.read(&format!("lines[{index}]"), currency)).collect()
}

impl NewInvoiceLine {
    /// `at` is its place in the request.
    fn read(&self, at: &str, currency: Currency) -> Result<LineItem, Problem> {
        money::text(&format!("{at}.description"), &self.description, DESCRIPTION_CHARS_MAX)?;
        let category =
            self.tax_category.as_deref().map(|text| code(&format!("{at}.tax_category"), text)).transpose()?;
        let (exact, quantity, unit_price) = match (&self.amount, &self.quantity, &self.unit_price) {
            (Some(amount), None, None) => (signed_amount(&format!("{at}.amount"), amount)?, None, None),
            (None, Some(quantity), Some(price)) => {
                let quantity = money::positive_quantity(&format!("{at}.quantity"), quantity)?;
                let price = money::amount(&format!("{at}.unit_price"), price)?;
                (product(at, quantity, price)?, Some(quantity), Some(price))
            }
            _ => return Err(invalid(at, "a line has either an amount, or a quantity and a unit_price")),
        };
        Ok(LineItem {
            kind: LineKind::Custom,
            description: self.description.clone(),
            price: None,
            meter: None,
            quantity,
            included_quantity: None,
            unit_price,
            period: None,
            paid_by_credits: Amount::ZERO,
            postpaid: Amount::ZERO,
            rated: Rated::of(exact, currency),
            tax_category: category.map(TaxCategory).unwrap_or_default(),
            taxes: Vec::new(),
            charges: None,
        })
    }
}

fn product(at: &str, quantity: Quantity, price: Amount) -> Result<SignedAmount, Problem> {
    let product = quantity.priced(price).map_err(|error| {
        let code = match error {
            MoneyError::TooPrecise { .. } => "amount_too_precise",
            _ => "amount_too_large",
        };
        Problem::unprocessable(code, format!("quantity × unit_price {error}")).with("param", json!(at))
    })?;
    Ok(product.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: &str) -> Result<(String, String), (u16, &'static str)> {
        let line: NewInvoiceLine = serde_json::from_str(&format!(r#"{{"description":"Work"{fields}}}"#)).unwrap();
        let read = line.read("lines[0]", Currency::USD).map_err(|problem| (problem.status, problem.code))?;
        Ok((read.rated.exact.to_string(), read.rated.amount.to_string()))
    }

    #[test]
    fn a_line_comes_to_an_amount_in_one_of_two_ways() {
        let told = |exact: &str, amount: &str| Ok((exact.to_owned(), amount.to_owned()));
        assert_eq!(line(r#","amount":"12.345""#), told("12.345", "12.35"));
        assert_eq!(line(r#","amount":"-5""#), told("-5", "-5"));
        assert_eq!(line(r#","quantity":"3","unit_price":"0.335""#), told("1.005", "1.01"));
        for neither in ["", r#","quantity":"3""#, r#","amount":"1","quantity":"3","unit_price":"1""#] {
            assert_eq!(line(neither), Err((400, "invalid_request")), "{neither}");
        }
        assert_eq!(line(r#","amount":"1e3""#), Err((400, "invalid_amount")));
        assert_eq!(line(r#","amount":"-1000000000001""#), Err((400, "invalid_amount")));
        assert_eq!(line(r#","quantity":"0","unit_price":"1""#), Err((400, "invalid_quantity")));
        let precise = r#","quantity":"0.000001","unit_price":"0.0000001""#;
        assert_eq!(line(precise), Err((422, "amount_too_precise")));
        assert_eq!(line(r#","amount":"1","tax_category":"Books""#), Err((400, "invalid_request")));
    }

    fn invoice(fields: &str) -> NewInvoice {
        serde_json::from_str(&format!(r#"{{"customer_id":"cus_1"{fields}}}"#)).unwrap()
    }

    #[test]
    fn what_is_not_said_is_as_the_customer_is_billed() {
        let plain = invoice("");
        assert_eq!(plain.collection(Collection::Send).unwrap(), (Collection::Send, 30));
        assert_eq!(plain.collection(Collection::Automatic).unwrap(), (Collection::Automatic, 0));
        let said = invoice(r#","collection":"automatic","due_days":3"#);
        assert_eq!(said.collection(Collection::Send).unwrap(), (Collection::Automatic, 3));
        assert!(invoice(r#","due_days":731"#).collection(Collection::Send).is_err());
        assert!(invoice(r#","retry_days":[1,60]"#).check().is_ok());
        for wrong in [r#","retry_days":[0]"#, r#","retry_days":[61]"#, r#","note":"""#] {
            assert!(invoice(wrong).check().is_err(), "{wrong}");
        }
    }
}
