//! What an answer's headers say it cost.

use axum::http::{HeaderMap, HeaderName};
use domain::ids::HoldId;
use domain::money::{Amount, Currency};
use serde_json::{Value, json};

use super::headers::{CHARGE, COST, CURRENCY, HOLD, REMAINING, put};
use super::money::{Entry, Purse, atomic_up};
use super::tab::Bill;
use super::x402::{self, Receipt, ReceiptExtra, Version, caip2};

/// Says what it cost. Whoever paid with a voucher also gets a receipt of x402.
pub(super) fn write(headers: &mut HeaderMap, purse: &Purse, bill: &Bill) {
    put(headers, COST, &bill.cost.to_string());
    put(headers, CURRENCY, bill.currency.code());
    put(headers, REMAINING, &bill.remaining.to_string());
    if let Some(id) = bill.charge_id {
        put(headers, CHARGE, &id.to_string());
    }
    let transaction = bill.charge_id.map(|id| id.to_string()).unwrap_or_default();
    let extra = ReceiptExtra {
        charge_id: bill.charge_id,
        cost: Some(bill.cost),
        currency: Some(bill.currency),
        remaining: Some(bill.remaining),
        charged: units(bill.charged, bill.currency),
        held: units(bill.held, bill.currency),
        ..ReceiptExtra::default()
    };
    of_session(headers, purse, transaction, Some(bill.cost), extra);
}

/// Says that the cost is not known yet, and which hold it will be taken from.
pub(super) fn write_pending(headers: &mut HeaderMap, purse: &Purse, hold_id: HoldId, held: &Entry) {
    put(headers, HOLD, &hold_id.to_string());
    put(headers, CURRENCY, purse.currency.code());
    put(headers, REMAINING, &held.remaining.to_string());
    let extra = ReceiptExtra {
        currency: Some(purse.currency),
        remaining: Some(held.remaining),
        charged: units(held.charged, purse.currency),
        held: units(held.held, purse.currency),
        pending: true,
        ..ReceiptExtra::default()
    };
    of_session(headers, purse, hold_id.to_string(), None, extra);
}

/// Says that it cost nothing.
pub(super) fn write_nothing(headers: &mut HeaderMap, purse: &Purse, remaining: Option<Amount>) {
    put(headers, COST, "0");
    put(headers, CURRENCY, purse.currency.code());
    if let Some(remaining) = remaining {
        put(headers, REMAINING, &remaining.to_string());
    }
}

fn of_session(headers: &mut HeaderMap, purse: &Purse, transaction: String, cost: Option<Amount>, extra: ReceiptExtra) {
    let Some(grant) = &purse.session else { return };
    let terms = &grant.terms;
    let receipt = Receipt {
        success: true,
        error_reason: None,
        transaction,
        network: caip2(terms.chain_id),
        payer: Some(terms.owner),
        amount: units(cost, terms.currency),
        extra: Some(ReceiptExtra { session_id: Some(terms.session_id), ..extra }),
    };
    write_receipt(headers, Version::V2, &receipt);
}

/// In atomic units, rounded up.
fn units(amount: Option<Amount>, currency: Currency) -> Option<String> {
    Some(atomic_up(amount?, currency)?.to_string())
}

/// A receipt of x402, in the header of its version.
pub(super) fn write_receipt(headers: &mut HeaderMap, version: Version, receipt: &Receipt) {
    if let Ok(value) = x402::encode(receipt) {
        headers.insert(HeaderName::from_static(version.receipt_header()), value);
    }
}

/// What the last chunk of a model's stream says it cost.
pub(super) fn in_stream(bill: &Bill) -> Value {
    json!({
        "cost": bill.cost,
        "currency": bill.currency,
        "remaining": bill.remaining,
        "charge_id": bill.charge_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::holds::Payer;
    use crate::command::vouchers::tests::terms;
    use crate::gateway::x402::PAYMENT_RESPONSE;
    use domain::ids::{ChargeId, CustomerId, OrganizationId, SessionKeyId};
    use domain::session_key::Grant;
    use std::sync::Arc;
    use uuid::Uuid;

    fn receipt_of(headers: &HeaderMap) -> Option<Value> {
        headers.get(PAYMENT_RESPONSE).and_then(|value| x402::decode_json(value.as_bytes()).ok())
    }

    fn purse(is_session: bool) -> Purse {
        let (customer_id, organization_id) =
            (CustomerId::new(Uuid::from_u128(1)), OrganizationId::new(Uuid::from_u128(2)));
        let id = SessionKeyId::new(Uuid::from_u128(3));
        let granted_at = "2026-01-01T00:00:00Z".parse().unwrap();
        let grant = Grant { id, customer_id, organization_id, terms: terms(), granted_at };
        Purse {
            organization_id,
            partition: 0,
            payer: if is_session { Payer::SessionKey(id) } else { Payer::Account(customer_id) },
            currency: Currency::USDC,
            actor: String::new(),
            voucher: None,
            session: is_session.then(|| Arc::new(grant)),
        }
    }

    fn bill() -> Bill {
        Bill {
            charge_id: Some(ChargeId::new(Uuid::from_u128(7))),
            cost: "0.0000015".parse().unwrap(),
            currency: Currency::USDC,
            remaining: "9".parse().unwrap(),
            charged: Some("1.0000001".parse().unwrap()),
            held: Some("0.25".parse().unwrap()),
        }
    }

    #[test]
    fn the_cost_is_exact_and_the_receipt_rounded_up() {
        let mut headers = HeaderMap::new();
        write(&mut headers, &purse(true), &bill());
        assert_eq!(
            (headers[COST].as_bytes(), headers[REMAINING].as_bytes()),
            (b"0.0000015".as_slice(), b"9".as_slice())
        );
        let receipt = receipt_of(&headers).unwrap();
        assert_eq!((receipt["amount"].clone(), receipt["success"].clone()), (json!("2"), json!(true)));
        assert_eq!(receipt["transaction"], json!(headers[CHARGE].to_str().unwrap()));
        assert_eq!(receipt["extra"]["charged"], json!("1000001"));
        assert_eq!(receipt["extra"]["held"], json!("250000"));
        assert_eq!(receipt["extra"]["cost"], json!("0.0000015"));
        assert_eq!(receipt["extra"]["sessionId"], json!(terms().session_id));
        assert_eq!(receipt["network"], json!("eip155:31337"));
    }

    #[test]
    fn an_account_gets_no_receipt_of_x402() {
        let mut headers = HeaderMap::new();
        write(&mut headers, &purse(false), &bill());
        assert_eq!((headers[COST].as_bytes(), receipt_of(&headers)), (b"0.0000015".as_slice(), None));
        let mut headers = HeaderMap::new();
        write_nothing(&mut headers, &purse(false), None);
        assert_eq!((headers.len(), headers[COST].as_bytes()), (2, b"0".as_slice()));
    }

    #[test]
    fn a_stream_says_what_it_cost() {
        let told = json!({"cost": "0.0000015", "currency": "USDC", "remaining": "9", "charge_id": bill().charge_id});
        assert_eq!(in_stream(&bill()), told);
    }
}
