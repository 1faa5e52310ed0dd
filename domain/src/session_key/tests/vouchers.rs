//! What a client that keeps its own key must have signed before value is delivered.

use super::*;

fn client() -> Given {
    Given::active_under(terms(Custody::Client), "10")
}

fn too_low(needed: &str, stored: &str, given: Option<&str>, charged: &str) -> Then {
    Err(SessionKeyError::VoucherTooLow {
        needed: amount(needed),
        stored: amount(stored),
        given: given.map(amount),
        charged: amount(charged),
        currency: Currency::USDC,
    })
}

#[test]
fn what_is_needed_is_all_that_was_charged_raised_to_the_tokens_decimals() {
    let mut given = client();
    assert_eq!(given.when(flat("0.0000005")), too_low("0.000001", "0", None, "0"));
    let charged = given.charged(vouched("0.0000005", "0.000001"));
    assert_eq!(charged.voucher, Some(voucher("0.000001").stored));
    // The second half of the unit is in the voucher that is kept.
    assert_eq!(given.charged(flat("0.0000005")).voucher, None);
    let denied = given.when(vouched("0.000000000001", "0.000001"));
    assert_eq!(denied, too_low("0.000002", "0.000001", Some("0.000001"), "0.000001"));
}

#[test]
fn a_voucher_is_kept_only_when_it_is_higher() {
    let mut given = client();
    assert_eq!(given.charged(vouched("1", "5")).voucher, Some(voucher("5").stored));
    assert_eq!(given.charged(vouched("1", "5")).voucher, None, "the same again");
    assert_eq!(given.charged(vouched("1", "2")).voucher, None, "lower than what was charged, but another one suffices");
    assert_eq!(given.session.voucher, Some(voucher("5").stored));
    assert_eq!(given.charged(vouched("1", "6")).voucher, Some(voucher("6").stored));
    assert_eq!(given.session.voucher, Some(voucher("6").stored));
}

#[test]
fn a_shortfall_says_what_must_be_signed() {
    let mut given = client();
    given.charged(vouched("2", "3"));
    assert_eq!(given.when(flat("1.25")), too_low("3.25", "3", None, "2"));
    assert_eq!(given.when(vouched("1.25", "3.249999")), too_low("3.25", "3", Some("3.249999"), "2"));
    assert_eq!(given.session.voucher, Some(voucher("3").stored), "what does not reach is not kept");
    given.charged(vouched("1.25", "3.25"));
}

#[test]
fn a_voucher_by_another_key_is_refused_even_when_none_is_needed() {
    let mut given = client();
    given.charged(vouched("1", "5"));
    let forged = Voucher { signer: Address([0x99; 20]), ..voucher("6") };
    let action = charge(vec![Usage::Flat { amount: amount("1") }], Some(forged));
    assert_eq!(given.when(action), Err(SessionKeyError::VoucherWrongSigner));
}

#[test]
fn a_voucher_may_promise_all_that_is_in_escrow_and_no_more() {
    let mut given = client();
    let (promised, escrow, currency) = (amount("10.000001"), amount("10"), Currency::USDC);
    let above = Err(SessionKeyError::VoucherAboveDeposit { given: promised, escrow, currency });
    assert_eq!(given.when(vouched("1", "10.000001")), above);
    // What is not final is not in escrow yet.
    given.when(seen(deposit("5"), 5)).unwrap();
    assert_eq!(given.when(vouched("1", "10.000001")), above);
    given.charged(vouched("1", "10"));
    given.when(done(deposit("5"), 5)).unwrap();
    given.charged(vouched("1", "10.000001"));
}

#[test]
fn a_managed_key_takes_no_vouchers_and_needs_none() {
    let mut given = Given::active("10");
    assert_eq!(given.when(vouched("1", "1")), Err(SessionKeyError::VoucherNotTaken));
    assert_eq!(given.charged(flat("1")).voucher, None);
}

#[test]
fn money_and_time_are_looked_at_before_the_voucher() {
    let terms = Terms { period_limit: amount("3"), period_secs: 3_600, ..terms(Custody::Client) };
    let mut given = Given::active_under(terms, "10");
    let forged = |cost: &str| {
        let forged = Voucher { signer: Address([0x99; 20]), ..voucher("1") };
        charge(vec![Usage::Flat { amount: amount(cost) }], Some(forged))
    };
    // A client is told of what no signature can change before it is asked to sign.
    assert_eq!(given.when(forged("11")), insufficient("11", "10", "0"));
    assert!(matches!(given.when(forged("4")), Err(SessionKeyError::PeriodLimitExceeded { .. })));
    assert_eq!(given.when(forged("1")), Err(SessionKeyError::VoucherWrongSigner));
}
