//! What a subscription knows of the invoices of its bills: which are paid, what of that is given back, what of usage
//! was billed already.

use super::*;
use crate::money::SignedAmount;
use crate::price::PriceRef;

fn paid(n: u128) -> Action {
    Action::MarkPaid { invoice_id: invoice(n) }
}
fn lost(n: u128) -> Action {
    Action::MarkLost { invoice_id: invoice(n) }
}

fn taken_back(n: u32) -> Action {
    Action::TakeBack { number: n, invoice_id: invoice(u128::from(n)) }
}

/// The invoices that are still to be paid.
fn unpaid(given: &Given) -> Vec<u128> {
    given.subscription.unpaid_invoices().into_iter().map(|id| id.uuid().as_u128()).collect()
}

#[test]
fn what_is_not_paid_is_known_in_the_order_of_the_bills() {
    let mut given = Given::begun(create(basic()), T0);
    given.bill(Action::Advance, MAY);
    given.bill(Action::Advance, JUNE);
    assert_eq!(unpaid(&given), [1, 2, 3]);
    let event = given.one(paid(2), JUNE);
    let SubscriptionEvent::InvoiceSettled(settled) = &event else { panic!("{event:?}") };
    assert_eq!((settled.invoice_id, settled.is_lost), (invoice(2), false));
    given.nothing(paid(2), JUNE);
    assert_eq!(unpaid(&given), [1, 3]);
    // One that is lost is none to be paid; of an earlier period it is forgotten at once, of this one later.
    given.one(lost(1), JUNE);
    given.one(lost(3), JUNE);
    given.nothing(lost(3), JUNE);
    assert_eq!((unpaid(&given), given.life().billed.len()), (Vec::new(), 1));
    given.one(paid(3), JUNE);
    assert!(given.life().billed.is_empty());
    assert_eq!(given.replayed(at(JUNE)), given.subscription);
}

#[test]
fn nothing_is_given_back_of_an_invoice_that_is_lost() {
    let support = vec!["support 10".to_owned()];
    let mut begun = Given::begun(create(basic()), T0);
    begun.one(lost(1), T0);
    for action in [cancel_now(true), Action::Pause { resumes_at: None }] {
        assert_eq!(lines(&begun.clone().bill(action, MID_APRIL)), support);
    }
    // Neither with a change, which is paid for as any other.
    let bill = begun.clone().bill(change_now(pro(), true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "~base 45", "~seats 30"]);
    // It was paid after all.
    let mut recovered = begun.clone();
    recovered.one(paid(1), T0);
    assert_eq!(lines(&recovered.bill(cancel_now(true), MID_APRIL)), ["support 10", "~base -15", "~seats -15"]);
    // Another period, another invoice.
    begun.bill(Action::Advance, MAY);
    assert_eq!(lines(&begun.clone().bill(cancel_now(true), MAY)), ["~base -30", "~seats -30"]);
    begun.one(lost(2), MAY);
    assert_eq!(lines(&begun.bill(cancel_now(true), MAY)), Vec::<String>::new());
}

/// It was paid, and all of it was taken back: the customer has its money.
#[test]
fn nothing_is_given_back_of_an_invoice_that_was_paid_and_taken_back() {
    let support = vec!["support 10".to_owned()];
    let mut given = Given::begun(create(basic()), T0);
    given.one(paid(1), T0);
    let event = given.one(taken_back(1), T0);
    let SubscriptionEvent::InvoiceSettled(settled) = &event else { panic!("{event:?}") };
    assert_eq!((settled.invoice_id, settled.is_lost, settled.number), (invoice(1), true, Some(1)));
    given.nothing(taken_back(1), T0);
    assert_eq!(unpaid(&given), Vec::<u128>::new());
    for action in [cancel_now(true), Action::Pause { resumes_at: None }] {
        assert_eq!(lines(&given.clone().bill(action, MID_APRIL)), support);
    }
    let bill = given.clone().bill(change_now(pro(), true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "~base 45", "~seats 30"]);
    assert_eq!(given.replayed(at(T0)), given.subscription);
    // Another period, another invoice; of an earlier one nothing is given back anyway.
    given.bill(Action::Advance, MAY);
    given.one(paid(2), MAY);
    given.nothing(taken_back(1), MAY);
    assert_eq!(lines(&given.clone().bill(cancel_now(true), MAY)), ["~base -30", "~seats -30"]);
    given.one(taken_back(2), MAY);
    assert_eq!(lines(&given.clone().bill(cancel_now(true), MAY)), Vec::<String>::new());
    // Of what has ended, or was never billed, nobody hears.
    given.nothing(taken_back(3), MAY);
    given.bill(cancel_now(false), MAY);
    given.nothing(taken_back(2), MAY);
}

/// One that was not paid is lost as any other, and in the order of the bills.
#[test]
fn what_is_taken_back_unpaid_is_lost() {
    let mut given = Given::begun(create(basic()), T0);
    given.bill(seats_now(4, true), MID_APRIL);
    let event = given.one(taken_back(2), MID_APRIL);
    let SubscriptionEvent::InvoiceSettled(settled) = &event else { panic!("{event:?}") };
    assert_eq!((settled.is_lost, settled.number), (true, None));
    given.one(paid(1), MID_APRIL);
    given.one(taken_back(1), MID_APRIL);
    let billed: Vec<_> = given.life().billed.iter().map(|billed| (billed.number, billed.is_lost)).collect();
    assert_eq!(billed, [(1, true), (2, true)]);
    assert_eq!(given.replayed(at(MID_APRIL)), given.subscription);
}

#[test]
fn a_change_that_is_lost_counts_for_its_period() {
    let mut given = Given::begun(create(basic()), T0);
    given.bill(seats_now(4, true), MID_APRIL);
    given.one(paid(1), MID_APRIL);
    given.one(lost(2), MID_APRIL);
    assert_eq!(lines(&given.clone().bill(cancel_now(true), MID_APRIL)), Vec::<String>::new());
    given.bill(Action::Advance, MAY);
    assert_eq!(lines(&given.bill(cancel_now(true), MAY)), ["~base -30", "~seats -40"]);
}

#[test]
fn there_is_no_minimum_where_another_quota_is() {
    let calls: MeterCode = "calls".parse().unwrap();
    let leave = |number| Action::LeaveAlone { number, meters: vec!["calls".parse().unwrap()] };
    let mut given = Given::default();
    given.one(Action::Create(Box::new(create(basic()))), T0);
    given.nothing(leave(2), T0);
    let event = given.one(leave(1), T0);
    assert!(matches!(&event, SubscriptionEvent::LeftAlone(left) if left.meters == [calls.clone()]), "{event:?}");
    given.nothing(leave(1), T0);
    given.close(T0);
    assert!(given.life().left_alone.contains(&calls));
    assert_eq!(given.replayed(at(T0)), given.subscription);
    let bill = given.bill(Action::Advance, MAY);
    assert_eq!(minimums(&bill), Vec::<String>::new());
    // The account has said nothing of the period that has begun.
    assert_eq!(minimums(&given.bill(Action::Advance, JUNE)), ["50"]);
}

/// What an invoice has of the minimum for calls of a period.
fn billed(period: Cycle, text: &str) -> MinimumBilled {
    let plan = basic();
    let price = PriceRef { plan_id: plan.plan_id, version: plan.version, code: "calls".parse().unwrap() };
    MinimumBilled { price, period, amount: text.parse::<SignedAmount>().unwrap() }
}

/// What is known of minimums: the period's begin, and the amount.
fn lacked(bill: &Bill) -> Vec<(Timestamp, String)> {
    bill.lacked.iter().map(|lacked| (lacked.period.start, lacked.amount.to_string())).collect()
}

#[test]
fn what_was_billed_of_minimums_is_known_until_nothing_can_come_of_the_period() {
    let (april, may) = (cycle(T0, MAY), cycle(MAY, JUNE));
    let (july, august) = ("2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z");
    let mut given = Given::begun(create(basic()), T0);
    let renews = |given: &mut Given, now: &str, minimums: Vec<MinimumBilled>| {
        let event = given.one(Action::Advance, now);
        let number = event.bill().unwrap().number;
        given.close_with(number, minimums, at(now));
        lacked(event.bill().unwrap())
    };
    assert!(renews(&mut given, MAY, vec![billed(april, "20")]).is_empty());
    // Of April something has come late, and May was lacking something, too.
    let of_may = vec![billed(april, "-7.5"), billed(may, "30")];
    assert_eq!(renews(&mut given, JUNE, of_may), [(at(T0), "20".to_owned())]);
    let known = [(at(T0), "12.5".to_owned()), (at(MAY), "30".to_owned())];
    assert_eq!(renews(&mut given, july, Vec::new()), known);
    assert_eq!(renews(&mut given, august, vec![billed(may, "-30")]), [(at(MAY), "30".to_owned())]);
    assert!(given.life().lacked.is_empty());
    assert_eq!(given.replayed(at(august)), given.subscription);
}

#[test]
fn fees_come_to_no_more_than_an_invoice_can_bear() {
    let most = FEES_MAX.to_string();
    let plan_of = |base: &str| {
        let mut plan = plan_of(7, base, "0", "0");
        plan.terms.prices.retain(|price| price.code.as_str() == "base" || price.code.as_str() == "calls");
        plan
    };
    let denied = |plan: PlanVersion| Given::default().when(Action::Create(Box::new(create(plan))), T0).err();
    let too_large = |error: Option<SubscriptionError>| {
        matches!(error, Some(SubscriptionError::AmountOutOfRange { reason: crate::money::MoneyError::TooLarge, .. }))
    };
    // With the minimum of 50.
    assert!(too_large(denied(plan_of(&most))));
    assert_eq!(denied(plan_of(&(FEES_MAX - 50).to_string())), None);
    assert!(too_large(denied(plan_of(&(FEES_MAX - 49).to_string()))));
}
