//! What each event of a payment moves.

use super::*;
use crate::aggregate::EventPayload;
use crate::payment::PaymentEvent;

const CUSTOMER: &str = "cus_00000000000000000000000002";
const AFTER: &str = r#"{"status":"succeeded","captured":"10","refunded":"0","is_asking":false}"#;

/// An event with these fields, and what it moves.
fn moves(event_type: &str, fields: &str) -> Vec<(String, String, String)> {
    let payload = format!(r#"{{"customer_id":"{CUSTOMER}","currency":"USD",{fields},"after":{AFTER}}}"#);
    let event = PaymentEvent::decode(event_type, 1, payload.as_bytes()).unwrap();
    let postings = postings(&LedgerEvent::Payment(event)).into_iter();
    postings.map(|p| (p.debit.to_string(), p.credit.to_string(), p.amount.to_string())).collect()
}

fn expected<const N: usize>(moves: [(&str, &str, &str); N]) -> Vec<(String, String, String)> {
    moves.map(|(debit, credit, amount)| (debit.to_owned(), credit.to_owned(), amount.to_owned())).to_vec()
}

#[test]
fn money_comes_to_the_provider_or_to_the_bank() {
    let invoiced = format!("customer:{CUSTOMER}:invoiced");
    let fields = r#""payment_id":"pay_00000000000000000000000003","invoice_id":null,"amount":"10","provider_id":null,"received_at":"2026-03-10T12:00:00Z""#;
    assert_eq!(moves("succeeded", fields), expected([("psp:clearing", invoiced.as_str(), "10")]));
    let by_hand = format!(r#"{fields},"by_hand":true"#);
    assert_eq!(moves("succeeded", &by_hand), expected([("bank", invoiced.as_str(), "10")]));
}

#[test]
fn refunds_go_and_may_come_again() {
    let refund = |status: &str, more: &str| {
        let fields = format!(
            r#""refund_id":"re_00000000000000000000000004","status":"{status}","amount":"4","provider_id":null{more}"#
        );
        moves("refund_updated", &fields)
    };
    assert_eq!(refund("pending", ""), expected([]));
    assert_eq!(refund("succeeded", ""), expected([("refunds", "psp:clearing", "4")]));
    assert_eq!(refund("succeeded", r#","by_hand":true"#), expected([("refunds", "bank", "4")]));
    assert_eq!(refund("failed", ""), expected([]));
    assert_eq!(refund("failed", r#","reversed":"4""#), expected([("psp:clearing", "refunds", "4")]));
    // Of a payment for no invoice it was paid in advance, and is so no more.
    let invoiced = format!("customer:{CUSTOMER}:invoiced");
    let unapplied = r#","unapplied":true"#;
    assert_eq!(refund("succeeded", unapplied), expected([(invoiced.as_str(), "psp:clearing", "4")]));
    let reversed = format!(r#"{unapplied},"reversed":"4""#);
    assert_eq!(refund("failed", &reversed), expected([("psp:clearing", invoiced.as_str(), "4")]));
}

#[test]
fn what_was_not_due_is_given_as_credits() {
    let invoiced = format!("customer:{CUSTOMER}:invoiced");
    let surplus = moves("surplus", r#""to_credits":"7","went_back":"3""#);
    assert_eq!(surplus, expected([(invoiced.as_str(), "credits:granted", "7"), (invoiced.as_str(), "refunds", "3")]));
}

#[test]
fn disputes_take_and_may_give_back() {
    let opened = r#""provider_id":"dp_1","amount":"10","reason":"fraudulent""#;
    assert_eq!(moves("dispute_opened", opened), expected([("disputes", "psp:clearing", "10")]));
    let closed = |won: bool| moves("dispute_closed", &format!(r#""provider_id":"dp_1","amount":"10","won":{won}"#));
    assert_eq!(closed(true), expected([("psp:clearing", "disputes", "10")]));
    assert_eq!(closed(false), expected([]));
}

#[test]
fn payouts_leave_nothing_with_the_provider() {
    let paid_out = |refund: &str, gross: &str, fee: &str| {
        let fields = format!(
            r#""payout_id":"pout_00000000000000000000000005","refund_id":{refund},"gross":"{gross}","fee":"{fee}""#
        );
        moves("paid_out", &fields)
    };
    let usual = [("bank", "psp:clearing", "9.4"), ("psp:fees", "psp:clearing", "0.6")];
    assert_eq!(paid_out("null", "10", "0.6"), expected(usual));
    let dear = [("psp:fees", "psp:clearing", "0.6"), ("psp:clearing", "bank", "0.1")];
    assert_eq!(paid_out("null", "0.5", "0.6"), expected(dear));
    let refund = r#""re_00000000000000000000000004""#;
    assert_eq!(paid_out(refund, "4", "0"), expected([("psp:clearing", "bank", "4")]));
    let with_fee = [("psp:clearing", "bank", "4.3"), ("psp:fees", "psp:clearing", "0.3")];
    assert_eq!(paid_out(refund, "4", "0.3"), expected(with_fee));
    // What a dispute takes, and what comes back when it is won: its fee perhaps, too.
    let taken = paid_out(r#"null,"dispute_id":"dp_1""#, "10", "15");
    assert_eq!(taken, expected([("psp:clearing", "bank", "25"), ("psp:fees", "psp:clearing", "15")]));
    let reversal = r#"null,"dispute_id":"dp_1","is_reversal":true"#;
    assert_eq!(paid_out(reversal, "10", "0"), expected([("bank", "psp:clearing", "10")]));
    let with_fee = format!(r#"{reversal},"fee_returned":"15""#);
    let back = [("bank", "psp:clearing", "25"), ("psp:clearing", "psp:fees", "15")];
    assert_eq!(paid_out(&with_fee, "10", "0"), expected(back));
}
