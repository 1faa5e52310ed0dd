//! What billing takes out of an account, and what becomes of its allowances.

use super::plans::*;
use super::*;
use crate::ids::InvoiceId;
use crate::price::{Beyond, Model};
use crate::subscription::TurnTo;

fn invoice_bill() -> BillRef {
    BillRef::Invoice { invoice_id: InvoiceId::new(Uuid::from_u128(8)) }
}
fn for_invoice(close_usage: bool) -> Action {
    Action::Turn { bill: invoice_bill(), close_usage, closed: None, to: None }
}
fn settle(text: &str) -> Action {
    Action::SettleUsage { invoice_id: InvoiceId::new(Uuid::from_u128(8)), amount: amount(text) }
}
fn meters(usage: &[UsageSum]) -> Vec<&str> {
    usage.iter().map(|sum| sum.meter.as_ref().map_or("flat", |meter| meter.as_str())).collect()
}
fn one(meter: &str) -> Vec<Usage> {
    vec![metered(meter, "1", "1")]
}

/// With usage of two subscriptions' meters, of one with a quota that somebody set, of one without any, and flat.
fn used() -> Given {
    let mut given = Given::opened("1000");
    given.when(quota("calls", "10", Period::Month, true, Overage::Charge), T0).unwrap();
    given.when(begin(1, march(), vec![allow("tokens", per_unit("0", "1"), Beyond::Charge)]), T0).unwrap();
    given.when(begin(2, march(), vec![allow("images", per_unit("0", "1"), Beyond::Charge)]), T0).unwrap();
    for usage in [of("1"), one("calls"), one("tokens"), one("images"), one("others")] {
        given.charged(charge(usage), T0);
    }
    given
}

#[test]
fn a_bill_takes_what_belongs_to_no_other_subscription() {
    let mut given = used();
    let turned = given.turned(renew(1, march(), april(), vec![]), APRIL);
    assert_eq!(meters(&turned.usage), ["flat", "calls", "others", "tokens"]);
    assert_eq!(meters(&given.account.unbilled), ["images"]);
    assert_eq!((turned.bill, turned.closed, turned.currency), (bill(1), Some(march()), Currency::USD));
    let turned = given.turned(renew(2, march(), april(), vec![]), APRIL);
    assert_eq!(meters(&turned.usage), ["images"]);
    assert!(given.account.unbilled.is_empty());

    let mut given = used();
    assert_eq!(meters(&given.turned(for_invoice(true), T0).usage), ["flat", "calls", "others"]);
    assert_eq!(meters(&given.account.unbilled), ["images", "tokens"]);
    // What has no allowance any more belongs to nobody.
    given.when(end(1, cycle(MARCH, T0)), T0).unwrap();
    given.charged(late::used_at(one("tokens"), MARCH), T0);
    let turned = given.turned(for_invoice(true), T0);
    assert_eq!((meters(&turned.usage), turned.usage[0].cycle), (vec!["tokens"], Some(cycle(MARCH, T0))));
}

#[test]
fn a_bill_that_closes_nothing_takes_nothing() {
    let mut given = used();
    for action in [for_invoice(false), change(1, march(), vec![])] {
        assert!(given.turned(action, T0).usage.is_empty());
    }
    assert_eq!(given.account.unbilled.len(), 5);
}

#[test]
fn what_was_taken_is_not_taken_again() {
    let mut given = used();
    let first = given.turned(for_invoice(true), T0);
    assert!(given.turned(for_invoice(true), T0).usage.is_empty());
    given.charged(charge(one("others")), T0);
    let second = given.turned(for_invoice(true), T0);
    let [before, after] =
        [first, second].map(|turned| turned.usage.into_iter().find(|sum| sum.meter == Some(code("others"))).unwrap());
    assert_eq!((before.amount, before.charges), (amount("1"), 1));
    assert_eq!((after.amount, after.charges), (amount("1"), 1));
    assert!(before.last_version < after.first_version);
}

#[test]
fn allowances_begin_start_anew_and_end() {
    let mut given = Given::opened("1000");
    let both = || ["images", "tokens"].map(|meter| allow(meter, per_unit("5", "1"), Beyond::Charge)).to_vec();
    let turned = given.turned(begin(1, march(), both()), T0);
    assert_eq!((turned.quotas.len(), turned.carried, turned.closed), (2, false, None));
    let expected = PlanQuota {
        subscription_id: subscription(1),
        cycle: march(),
        price: Some(price_ref("tokens", 1)),
        pricing: per_unit("5", "1"),
        beyond: Beyond::Charge,
    };
    assert_eq!((&turned.quotas[1].meter, &turned.quotas[1].plan), (&code("tokens"), &expected));
    given.charged(use_tokens("7"), T0);
    let tokens_only = || both().split_off(1);
    let turned = given.turned(renew(1, march(), april(), tokens_only()), APRIL);
    assert_eq!(turned.ended, [code("images")]);
    assert_eq!(quota_of(&given), counts("0", "0", "0", "5"));
    assert_eq!(given.account.past.len(), 2);
    assert_eq!(given.account.past[&code("tokens")].tally.used, quantity("7"));
    let turned = given.turned(end(1, april()), MAY);
    assert_eq!((turned.ended, turned.quotas.len()), (vec![code("tokens")], 0));
    assert!(given.account.quotas.is_empty());
    assert_eq!(given.account.past[&code("tokens")].plan.cycle, april());
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn a_change_within_a_period_goes_on_with_what_was_used() {
    let mut given = subscribed(per_unit("5", "1"), Beyond::Charge);
    given.charged(use_tokens("7"), T0);
    given.held(place(1, tokens("1")), T0);
    let more = vec![allow("tokens", per_unit("10", "0.5"), Beyond::Charge)];
    let turned = given.turned(change(1, march(), more), T0);
    let [now] = &turned.quotas[..] else { panic!("{turned:?}") };
    assert_eq!((now.used, now.uses, now.rated, turned.carried), (quantity("7"), 1, Amount::ZERO, true));
    assert!(given.account.past.is_empty());
    // Three of ten are left.
    assert_eq!(given.charged(use_tokens("5"), T0).amount, amount("1"));
    // A smaller allowance takes nothing back, and charges nothing for what was free.
    let less = vec![allow("tokens", per_unit("2", "2"), Beyond::Charge)];
    let turned = given.turned(change(1, march(), less), T0);
    assert_eq!((turned.quotas[0].used, turned.quotas[0].rated), (quantity("12"), amount("20")));
    assert_eq!(given.charged(use_tokens("1"), T0).amount, amount("2"));
    assert_eq!(given.account.charged, amount("5"));
}

#[test]
fn what_was_paid_beside_the_allowance_stays_beside_it() {
    let mut given = subscribed(per_unit("5", "1"), Beyond::Charge);
    given.held(place(1, tokens("5")), T0);
    given.charged(use_tokens("2"), T0);
    given.released(void(1), T0);
    let turned = given.turned(change(1, march(), vec![allow("tokens", per_unit("6", "1"), Beyond::Charge)]), T0);
    assert_eq!(
        (turned.quotas[0].used, turned.quotas[0].beside, turned.quotas[0].rated),
        (quantity("2"), quantity("2"), amount("2"))
    );
    assert_eq!(quota_of(&given), counts("2", "0", "2", "6"));
}

#[test]
fn a_volume_price_that_has_fallen_is_given_back_when_the_plan_changes() {
    let volume = priced(Model::Volume { tiers: tiers("100", "1", "0.5", "0") }, "0");
    let mut given = subscribed(volume, Beyond::Charge);
    given.charged(use_tokens("90"), T0);
    given.charged(use_tokens("20"), T0);
    let other = allow("tokens", per_unit("0", "1"), Beyond::Charge);
    let other = crate::subscription::AllowanceTerms { price: Some(price_ref("tokens", 2)), ..other };
    given.when(change(1, march(), vec![other.clone()]), T0).unwrap();
    assert_eq!(given.charged(use_tokens("1"), T0).amount, amount("1"));
    let turned = given.turned(renew(1, march(), april(), vec![other]), APRIL);
    let sums = turned.usage.iter().map(|sum| (sum.price.clone(), sum.amount, sum.too_much));
    let expected = [
        (Some(price_ref("tokens", 1)), amount("90"), amount("35")),
        (Some(price_ref("tokens", 2)), amount("1"), Amount::ZERO),
    ];
    assert_eq!(sums.collect::<Vec<_>>(), expected);
}

/// What a bill says that was charged for tokens, and what of it is given back.
fn billed(turned: &Turned) -> (Amount, Amount) {
    let sums = turned.usage.iter().filter(|sum| sum.meter == Some(code("tokens")));
    sums.fold((Amount::ZERO, Amount::ZERO), |(amount, back), sum| (amount.plus(sum.amount), back.plus(sum.too_much)))
}
/// All at 1 up to 100, all at 0.5 beyond.
fn volume() -> Vec<crate::subscription::AllowanceTerms> {
    vec![allow("tokens", priced(Model::Volume { tiers: tiers("100", "1", "0.5", "0") }, "0"), Beyond::Charge)]
}

#[test]
fn a_change_to_a_volume_price_gives_back_no_more_than_was_charged() {
    // 90 at the old price, then 20 more: all of it costs 55.
    for (old, charged, back) in [
        (per_unit("100", "1"), "0", "0"),
        (per_unit("0", "0.3"), "27", "0"),
        (per_unit("0", "0.7"), "63", "8"),
        (per_unit("0", "1"), "90", "35"),
        (per_unit("0", "2"), "180", "35"),
    ] {
        let mut given = subscribed(old.clone(), Beyond::Charge);
        assert_eq!(given.charged(use_tokens("90"), T0).amount, amount(charged));
        let turned = given.turned(change(1, march(), volume()), T0);
        assert_eq!((turned.quotas[0].rated, turned.quotas[0].charged), (amount("90"), amount(charged)));
        assert_eq!(given.charged(use_tokens("20"), T0).amount, Amount::ZERO);
        let turned = given.turned(renew(1, march(), april(), vec![]), APRIL);
        assert_eq!(billed(&turned), (amount(charged), amount(back)), "{old:?}");
        // Once is enough.
        let turned = given.turned(for_invoice(true), APRIL);
        assert_eq!(billed(&turned), (Amount::ZERO, Amount::ZERO));
        assert_eq!(given.replayed(), given.account);
    }
}

#[test]
fn what_is_given_back_with_a_change_is_not_given_back_again() {
    let mut given = Given::opened("1000");
    given.when(begin(1, march(), volume()), T0).unwrap();
    given.charged(use_tokens("90"), T0);
    given.charged(use_tokens("20"), T0);
    let turned = given.turned(change(1, march(), volume()), T0);
    assert_eq!((turned.quotas[0].rated, turned.quotas[0].charged), (amount("55"), amount("55")));
    assert_eq!(given.account.quotas[&code("tokens")].charged, amount("55"));
    assert_eq!(given.charged(use_tokens("10"), T0).amount, amount("5"));
    let turned = given.turned(renew(1, march(), april(), vec![]), APRIL);
    assert_eq!(billed(&turned), (amount("95"), amount("35")));
}

#[test]
fn what_a_capture_was_spared_is_not_given_back() {
    let mut given = subscribed(per_unit("0", "0.1"), Beyond::Charge);
    assert_eq!(given.held(place(1, tokens("90")), T0).amount, amount("9"));
    given.when(change(1, march(), volume()), T0).unwrap();
    assert_eq!(given.captured(capture(1, Some(tokens("90"))), T0).charge.amount, amount("9"));
    let quota = &given.account.quotas[&code("tokens")];
    assert_eq!((quota.rated, quota.charged), (amount("90"), amount("9")));
    assert_eq!(given.charged(use_tokens("20"), T0).amount, Amount::ZERO);
    let turned = given.turned(renew(1, march(), april(), volume()), APRIL);
    assert_eq!(billed(&turned), (amount("9"), Amount::ZERO));
    // Nor when it falls late.
    given.charged(late::used_at(tokens("20"), "2026-03-20T00:00:00Z"), APRIL);
    let turned = given.turned(renew(1, april(), cycle(MAY, "2026-06-01T00:00:00Z"), vec![]), MAY);
    assert_eq!(billed(&turned), (Amount::ZERO, Amount::ZERO));
}

#[test]
fn holds_go_on_in_a_period_that_begins_at_another_time() {
    let mut given = subscribed(per_unit("5", "1"), Beyond::Charge);
    given.held(place(1, tokens("7")), T0);
    let terms = vec![allow("tokens", per_unit("5", "1"), Beyond::Charge)];
    given.when(change(1, cycle(T0, MAY), terms), T0).unwrap();
    assert_eq!(quota_of(&given), counts("0", "5", "0", "0"));
    let captured = given.captured(capture(1, Some(tokens("7"))), T0);
    assert_eq!((captured.charge.amount, captured.charge.lines[0].cycle()), (amount("2"), Some(cycle(T0, MAY))));
    assert_eq!(quota_of(&given), counts("7", "0", "0", "0"));
}

#[test]
fn an_allowance_that_comes_back_in_its_period_is_the_same() {
    let terms = || vec![allow("tokens", per_unit("5", "1"), Beyond::Charge)];
    let mut given = subscribed(per_unit("5", "1"), Beyond::Charge);
    given.charged(use_tokens("2"), T0);
    given.held(place(1, tokens("1")), T0);
    given.when(change(1, march(), vec![]), T0).unwrap();
    given.when(change(1, march(), terms()), T0).unwrap();
    assert_eq!((quota_of(&given), given.account.past.len()), (counts("2", "1", "0", "2"), 0));
    assert_eq!(given.charged(use_tokens("3"), T0).amount, amount("1"));
    // A trial that is ended at the very moment at which it began; what is reserved stays so.
    let mut given = Given::opened("1000");
    given.when(begin(1, cycle(T0, APRIL), terms()), T0).unwrap();
    given.held(place(1, tokens("1")), T0);
    given.when(begin(1, cycle(T0, MAY), terms()), T0).unwrap();
    assert_eq!((quota_of(&given), given.account.past.len()), (counts("0", "1", "0", "4"), 0));
    given.when(end(1, cycle(T0, T0)), T0).unwrap();
    given.when(begin(2, cycle(T0, MAY), terms()), T0).unwrap();
    assert_eq!((quota_of(&given), given.account.past.len()), (counts("0", "1", "0", "4"), 0));
    assert_eq!(given.captured(capture(1, Some(tokens("1"))), T0).charge.amount, Amount::ZERO);
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn what_others_have_set_is_left_alone() {
    let mut given = used();
    let all =
        ["calls", "images", "tokens", "tokens"].map(|meter| allow(meter, per_unit("9", "1"), Beyond::Block)).to_vec();
    let turned = given.turned(renew(1, march(), april(), all), APRIL);
    assert_eq!(turned.left_alone, [code("calls"), code("images")]);
    assert_eq!(turned.quotas.len(), 1, "of a meter that is named twice the first counts");
    assert_eq!(given.account.quotas[&code("calls")].plan, None);
    let images = given.account.quotas[&code("images")].plan.as_ref().unwrap();
    assert_eq!(images.subscription_id, subscription(2));
    // Nor does its end touch them.
    assert_eq!(given.turned(end(1, april()), MAY).ended, [code("tokens")]);
    assert_eq!(given.account.quotas.len(), 2);
}

#[test]
fn an_account_has_only_so_many_quotas() {
    let mut given = Given::opened("0");
    let many = (0..=QUOTAS_MAX).map(|n| allow(&format!("m{n}"), per_unit("1", "1"), Beyond::Block)).collect();
    let turned = given.turned(begin(1, march(), many), T0);
    assert_eq!((turned.quotas.len(), turned.left_alone), (QUOTAS_MAX, vec![code(&format!("m{QUOTAS_MAX}"))]));
}

#[test]
fn settled_usage_is_owed_no_more_and_makes_room() {
    let mut given = Given::opened("5");
    given.charged(flat("4"), T0);
    let event = given.one(settle("3"), T0);
    let AccountEvent::UsageSettled(settled) = &event else { panic!("{event:?}") };
    assert_eq!((settled.amount, settled.after.postpaid), (amount("3"), amount("1")));
    let moves = postings(&LedgerEvent::Account(event)).into_iter().map(|posting| (posting.debit, posting.credit));
    let (invoiced, owed) =
        (JournalAccount::CustomerInvoiced(customer()), JournalAccount::CustomerReceivable(customer()));
    assert_eq!(moves.collect::<Vec<_>>(), [(invoiced, owed)]);
    given.charged(flat("4"), T0);
    // Never more than is owed, and then nothing.
    let AccountEvent::UsageSettled(settled) = given.one(settle("7"), T0) else { panic!() };
    assert_eq!((settled.amount, given.money()), (amount("5"), ("5".into(), "0".into(), "0".into())));
    assert!(given.when(settle("7"), T0).unwrap().is_empty());
    assert_eq!(given.account.charged, amount("8"));
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn another_organizations_account_is_not_turned() {
    let given = Given::opened("5");
    let to = Some(TurnTo { cycle: None, carry: false, allowances: Vec::new() });
    for action in [
        Action::Turn { bill: bill(1), close_usage: true, closed: None, to },
        settle("1"),
        Action::SetPaymentOrder(vec![Source::Credits]),
    ] {
        let foreign = AccountCommand { organization_id: OrganizationId::new(Uuid::from_u128(9)), action };
        assert_eq!(given.account.handle_command(&foreign, at(T0)), Err(AccountError::NotFound));
        assert_eq!(Account::default().handle_command(&foreign, at(T0)), Err(AccountError::NotFound));
    }
}

#[test]
fn what_a_hold_reserves_is_reserved_when_its_period_comes_back_after_anothers() {
    let mut given = Given::opened("1000");
    let one = |meter: &str| allow(meter, per_unit("20", "1"), Beyond::Charge);
    given.when(begin(1, march(), vec![one("images"), one("tokens")]), T0).unwrap();
    given.when(place(1, tokens("17")), T0).unwrap();
    // The meter leaves the subscription, is another one's for a while, and comes back into the same period.
    given.turned(change(1, march(), vec![one("images")]), T0);
    given.turned(begin(2, cycle(T0, APRIL), vec![one("tokens")]), T0);
    given.turned(end(2, cycle(T0, APRIL)), T0);
    given.turned(change(1, march(), vec![one("images"), one("tokens")]), T0);
    assert_eq!(quota_of(&given), counts("0", "17", "0", "3"));
    given.when(void(1), T0).unwrap();
    assert_eq!(quota_of(&given), counts("0", "0", "0", "20"));
}
