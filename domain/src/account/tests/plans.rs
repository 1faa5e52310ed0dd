//! What a subscription allows, and what is beyond it costs: charges by a plan's price.

use super::*;
use crate::cycle::Cycle;
use crate::ids::{PlanId, SubscriptionId};
use crate::price::{Beyond, Model, PriceRef, Pricing, Share, Tier, Used};
use crate::subscription::{AllowanceTerms, TurnTo};

pub(super) const MARCH: &str = "2026-03-01T00:00:00Z";
pub(super) const APRIL: &str = "2026-04-01T00:00:00Z";
pub(super) const MAY: &str = "2026-05-01T00:00:00Z";

pub(super) fn cycle(start: &str, end: &str) -> Cycle {
    Cycle { start: at(start), end: at(end) }
}
pub(super) fn march() -> Cycle {
    cycle(MARCH, APRIL)
}
pub(super) fn april() -> Cycle {
    cycle(APRIL, MAY)
}
pub(super) fn subscription(n: u128) -> SubscriptionId {
    SubscriptionId::new(Uuid::from_u128(n))
}
pub(super) fn code(text: &str) -> MeterCode {
    text.parse().unwrap()
}
pub(super) fn priced(model: Model, included: &str) -> Pricing {
    Pricing { model, included: quantity(included), minimum: Amount::ZERO }
}
pub(super) fn per_unit(included: &str, unit_price: &str) -> Pricing {
    priced(Model::PerUnit { unit_price: amount(unit_price) }, included)
}
/// Of one tier up to a quantity and one beyond it: what a unit costs in each, and what it costs to enter the second.
pub(super) fn tiers(up_to: &str, first: &str, then: &str, flat: &str) -> Vec<Tier> {
    let tier = |up_to, unit_price, flat| Tier { up_to, unit_price: amount(unit_price), flat: amount(flat) };
    vec![tier(Some(quantity(up_to)), first, "0"), tier(None, then, flat)]
}
pub(super) fn price_ref(meter: &str, version: u32) -> PriceRef {
    PriceRef { plan_id: PlanId::new(Uuid::from_u128(5)), version, code: code(meter) }
}
pub(super) fn allow(meter: &str, pricing: Pricing, beyond: Beyond) -> AllowanceTerms {
    AllowanceTerms { meter: code(meter), price: Some(price_ref(meter, 1)), pricing, beyond }
}
pub(super) fn bill(n: u128) -> BillRef {
    BillRef::Subscription { subscription_id: subscription(n), number: 1 }
}
/// The first period of a subscription.
pub(super) fn begin(n: u128, cycle: Cycle, allowances: Vec<AllowanceTerms>) -> Action {
    let to = Some(TurnTo { cycle: Some(cycle), carry: false, allowances });
    Action::Turn { bill: bill(n), close_usage: false, closed: None, to }
}
/// The next one.
pub(super) fn renew(n: u128, closed: Cycle, cycle: Cycle, allowances: Vec<AllowanceTerms>) -> Action {
    let to = Some(TurnTo { cycle: Some(cycle), carry: false, allowances });
    Action::Turn { bill: bill(n), close_usage: true, closed: Some(closed), to }
}
/// Another plan within a period.
pub(super) fn change(n: u128, cycle: Cycle, allowances: Vec<AllowanceTerms>) -> Action {
    let to = Some(TurnTo { cycle: Some(cycle), carry: true, allowances });
    Action::Turn { bill: bill(n), close_usage: false, closed: None, to }
}
pub(super) fn end(n: u128, closed: Cycle) -> Action {
    let to = Some(TurnTo { cycle: None, carry: false, allowances: Vec::new() });
    Action::Turn { bill: bill(n), close_usage: true, closed: Some(closed), to }
}

/// With much post-paid room, and this allowance of tokens in March.
pub(super) fn subscribed(pricing: Pricing, beyond: Beyond) -> Given {
    let mut given = Given::opened("1000");
    given.when(begin(1, march(), vec![allow("tokens", pricing, beyond)]), T0).unwrap();
    given
}
/// Tokens, whose own price is none that a plan has.
pub(super) fn tokens(used: &str) -> Vec<Usage> {
    vec![metered("tokens", "9", used)]
}
pub(super) fn use_tokens(used: &str) -> Action {
    charge(tokens(used))
}
/// What is used and reserved of the quota for tokens, what of it beside the allowance, and what is left.
pub(super) fn quota_of(given: &Given) -> [String; 4] {
    let quota = &given.account.quotas[&code("tokens")];
    let left = quota.remaining_at(at(T0));
    [quota.used, quota.held, quota.beside, left].map(|quantity| quantity.to_string())
}
pub(super) fn counts(used: &str, held: &str, beside: &str, left: &str) -> [String; 4] {
    [used, held, beside, left].map(str::to_owned)
}

fn amounts(given: &mut Given, used: &[&str]) -> Vec<String> {
    used.iter().map(|used| given.charged(use_tokens(used), T0).amount.to_string()).collect()
}

#[test]
fn what_is_included_is_free_and_the_rest_costs_the_plans_price() {
    let mut given = subscribed(per_unit("10", "0.5"), Beyond::Charge);
    let first = given.charged(use_tokens("8"), T0);
    assert_eq!((first.amount, first.lines[0].included_quantity), (Amount::ZERO, Some(quantity("8"))));
    let second = given.charged(use_tokens("8"), T0);
    let expected = Line {
        meter: Some(code("tokens")),
        price_version: None,
        quantity: Some(quantity("8")),
        included_quantity: Some(quantity("2")),
        beside: Quantity::ZERO,
        unit_price: Some(amount("0.5")),
        price: Some(price_ref("tokens", 1)),
        period_start: Some(at(MARCH)),
        period_end: Some(at(APRIL)),
        amount: amount("3"),
    };
    assert_eq!((second.amount, &second.lines[..]), (amount("3"), &[expected][..]));
    let quota = &given.account.quotas[&code("tokens")];
    assert_eq!((quota.used, quota.uses, quota.rated), (quantity("16"), 1, amount("3")));
    let terms = QuotaTerms { limit: quantity("10"), period: Period::Cycle, included: true, overage: Overage::Charge };
    assert_eq!((quota.terms, quota.period_start), (terms, at(MARCH)));
    assert_eq!((quota.start_at(at(MAY)), quota.end_at(at(MAY))), (at(MARCH), Some(at(APRIL))));
}

#[test]
fn two_lines_of_a_charge_share_the_allowance_and_the_tiers() {
    let graduated = priced(Model::Graduated { tiers: tiers("10", "1", "0.5", "2") }, "5");
    let mut given = subscribed(graduated, Beyond::Charge);
    let charged = given.charged(charge([tokens("8"), tokens("9")].concat()), T0);
    let lines = charged.lines.iter().map(|line| (line.included_quantity.unwrap().to_string(), line.amount.to_string()));
    // 3 in the first tier; then 7 there and 2 in the second, which costs 2 to enter.
    let expected = [("5", "3"), ("0", "10")].map(|(included, amount)| (included.to_owned(), amount.to_owned()));
    assert_eq!(lines.collect::<Vec<_>>(), expected);
    assert_eq!(charged.lines[0].unit_price, None, "units have more prices than one");
}

#[test]
fn charges_add_up_to_what_all_of_it_costs() {
    let percentage = Model::Percentage { percent: amount("2.9"), per_use: amount("0.3") };
    let package = Model::Package { size: quantity("10"), amount: amount("2") };
    for (pricing, used, expected) in [
        (per_unit("10", "0.5"), ["4", "4", "10"], ["0", "0", "4"]),
        (priced(Model::Graduated { tiers: tiers("10", "1", "0.5", "2") }, "5"), ["4", "4", "10"], ["0", "3", "10.5"]),
        (priced(package, "0"), ["4", "4", "4"], ["2", "0", "2"]),
        // A charge that the allowance covers is no use.
        (priced(percentage, "100"), ["60", "60", "100"], ["0", "0.88", "3.2"]),
        (priced(Model::Flat { amount: amount("0.1") }, "0"), ["5", "7", "1"], ["0.1", "0.1", "0.1"]),
    ] {
        let mut given = subscribed(pricing.clone(), Beyond::Charge);
        assert_eq!(amounts(&mut given, &used), expected, "{pricing:?}");
        let quota = &given.account.quotas[&code("tokens")];
        let all = pricing.rate(Used { quantity: quota.used, uses: quota.uses }, Share::WHOLE);
        assert_eq!((Ok(given.account.charged), quota.rated), (all, given.account.charged), "{pricing:?}");
    }
}

#[test]
fn a_volume_price_is_charged_up_to_its_highest_and_gives_the_rest_back() {
    let volume = priced(Model::Volume { tiers: tiers("100", "1", "0.5", "0") }, "0");
    let mut given = subscribed(volume.clone(), Beyond::Charge);
    assert_eq!(amounts(&mut given, &["90", "20", "40", "60"]), ["90", "0", "0", "15"]);
    assert_eq!(amounts(&mut given, &["10"]), ["5"]);
    let turned = given.turned(renew(1, march(), april(), vec![]), APRIL);
    assert_eq!((turned.usage[0].amount, turned.usage[0].too_much), (amount("110"), Amount::ZERO));

    let mut given = subscribed(volume.clone(), Beyond::Charge);
    assert_eq!(amounts(&mut given, &["90", "20"]), ["90", "0"]);
    let turned = given.turned(renew(1, march(), april(), vec![allow("tokens", volume, Beyond::Charge)]), APRIL);
    assert_eq!((turned.usage[0].amount, turned.usage[0].too_much), (amount("90"), amount("35")));
    // What comes late costs what it adds to what was not given back, and is not given back again.
    let late = given.charged(late::used_at(tokens("10"), "2026-03-20T00:00:00Z"), APRIL);
    assert_eq!(late.amount, amount("5"));
    let turned = given.turned(renew(1, april(), cycle(MAY, "2026-06-01T00:00:00Z"), vec![]), MAY);
    assert_eq!((turned.usage[0].cycle, turned.usage[0].amount), (Some(march()), amount("5")));
    assert_eq!(turned.usage[0].too_much, Amount::ZERO);
}

#[test]
fn late_usage_can_make_a_volume_price_fall() {
    let volume = priced(Model::Volume { tiers: tiers("100", "1", "0.5", "0") }, "0");
    let mut given = subscribed(volume.clone(), Beyond::Charge);
    assert_eq!(amounts(&mut given, &["90"]), ["90"]);
    let turned = given.turned(renew(1, march(), april(), vec![allow("tokens", volume, Beyond::Charge)]), APRIL);
    assert_eq!(turned.usage[0].too_much, Amount::ZERO);
    let late = given.charged(late::used_at(tokens("20"), "2026-03-20T00:00:00Z"), APRIL);
    assert_eq!(late.amount, Amount::ZERO);
    let turned = given.turned(renew(1, april(), cycle(MAY, "2026-06-01T00:00:00Z"), vec![]), MAY);
    assert_eq!((turned.usage[0].amount, turned.usage[0].too_much), (Amount::ZERO, amount("35")));
}

#[test]
fn what_is_beyond_can_be_refused_and_a_period_ends_by_an_event() {
    let pricing = per_unit("3", "1");
    let mut given = subscribed(pricing.clone(), Beyond::Block);
    assert_eq!(given.charged(use_tokens("2"), T0).amount, Amount::ZERO);
    let exceeded = AccountError::QuotaExceeded {
        meter: code("tokens"),
        limit: quantity("3"),
        remaining: quantity("1"),
        requested: quantity("2"),
        resets_at: Some(at(APRIL)),
    };
    for now in [T0, APRIL, "2026-04-03T00:00:00Z"] {
        assert_eq!(given.when(use_tokens("2"), now), Err(exceeded.clone()), "{now}");
    }
    given
        .when(renew(1, march(), april(), vec![allow("tokens", pricing, Beyond::Block)]), "2026-04-03T00:00:01Z")
        .unwrap();
    assert_eq!(given.charged(use_tokens("3"), "2026-04-03T00:00:02Z").amount, Amount::ZERO);
}

#[test]
fn a_feature_without_a_price_is_a_limit() {
    let terms = AllowanceTerms { price: None, ..allow("tokens", per_unit("3", "0"), Beyond::Block) };
    let mut given = Given::opened("0");
    given.when(begin(1, march(), vec![terms]), T0).unwrap();
    let charged = given.charged(use_tokens("3"), T0);
    assert_eq!((&charged.lines[0].price, charged.lines[0].unit_price, charged.amount), (&None, None, Amount::ZERO));
    assert!(matches!(given.when(use_tokens("1"), T0), Err(AccountError::QuotaExceeded { .. })));
    let [sum] = &given.account.unbilled[..] else { panic!("{:?}", given.account.unbilled) };
    assert_eq!((sum.cycle, sum.quantity, sum.included), (Some(march()), quantity("3"), quantity("3")));
}

#[test]
fn what_is_beyond_can_be_for_credits_alone() {
    let mut given = subscribed(per_unit("1", "1"), Beyond::Credits);
    let denied = |wanted: &str, available: &str| {
        Err(AccountError::InsufficientFunds {
            amount: amount(wanted),
            available: amount(available),
            postpaid_limit: amount("1000"),
            currency: Currency::USD,
        })
    };
    assert_eq!(given.charged(use_tokens("1"), T0).amount, Amount::ZERO, "the allowance needs no credits");
    assert_eq!(given.when(use_tokens("2"), T0), denied("2", "0"));
    given.when(grant(1, "5", 0, None), T0).unwrap();
    assert_eq!(given.charged(use_tokens("2"), T0).paid_by_credits(), amount("2"));
    // Credits that are left go to the rest, post-paid room only there.
    let charged = given.charged(charge([of("4"), tokens("2")].concat()), T0);
    assert_eq!((charged.paid_by_credits(), charged.postpaid), (amount("3"), amount("3")));
    let sums = given.account.unbilled.iter().map(|sum| (sum.meter.clone(), sum.amount, sum.credits));
    let expected = [(None, amount("4"), amount("1")), (Some(code("tokens")), amount("4"), amount("4"))];
    assert_eq!(sums.collect::<Vec<_>>(), expected);
    assert_eq!(given.when(use_tokens("1"), T0), denied("1", "0"));
    given.charged(flat("1"), T0);
}

#[test]
fn a_plans_price_is_in_the_accounts_currency_whatever_the_meters_is_in() {
    let euro: Currency = "EUR".parse().unwrap();
    let foreign = |used: &str| {
        let meter = Meter { currency: euro, ..meter("tokens", "9") };
        vec![Usage::Metered { meter, quantity: quantity(used) }]
    };
    let mut given = subscribed(per_unit("10", "0.5"), Beyond::Charge);
    assert_eq!(given.charged(charge(foreign("8")), T0).amount, Amount::ZERO);
    let charged = given.charged(charge(foreign("4")), T0);
    assert_eq!((charged.amount, charged.currency), (amount("1"), Currency::USD));
    assert_eq!(given.held(place(1, foreign("2")), T0).amount, amount("1"));
    assert_eq!(given.captured(capture(1, Some(foreign("2"))), T0).charge.amount, amount("1"));
    // Its own price is in its own currency, be it free or not.
    let denied = Err(AccountError::CurrencyMismatch { expected: Currency::USD, given: euro });
    given.when(end(1, cycle(MARCH, T0)), T0).unwrap();
    assert_eq!(given.when(charge(foreign("1")), T0), denied);
    given.when(quota("tokens", "5", Period::Day, true, Overage::Charge), T0).unwrap();
    assert_eq!(given.when(charge(foreign("1")), T0), denied);
}

#[test]
fn nobody_sets_the_quota_of_a_subscription() {
    let mut given = subscribed(per_unit("1", "1"), Beyond::Charge);
    let denied = AccountError::QuotaOfSubscription { meter: code("tokens") };
    assert_eq!(given.when(quota("tokens", "5", Period::Day, true, Overage::Block), T0), Err(denied));
    given.when(end(1, cycle(MARCH, T0)), T0).unwrap();
    given.when(quota("tokens", "5", Period::Day, true, Overage::Block), T0).unwrap();
    assert_eq!(given.charged(use_tokens("5"), T0).lines[0].period_end, None);
}

#[test]
fn an_amount_that_cannot_be_exact_is_refused() {
    let mut given = subscribed(per_unit("0", "0.000000000001"), Beyond::Charge);
    let denied = given.when(use_tokens("0.1"), T0);
    assert!(matches!(denied, Err(AccountError::AmountOutOfRange { .. })), "{denied:?}");
    assert_eq!(given.account.charged, Amount::ZERO);
}

#[test]
fn what_is_not_billed_is_summed_by_meter_price_and_period() {
    let mut given = subscribed(per_unit("3", "1"), Beyond::Charge);
    given.when(grant(1, "2", 0, None), T0).unwrap();
    // The account's fourth event.
    given.charged(charge([tokens("4"), tokens("1"), of("1")].concat()), T0);
    given.charged(charge(vec![metered("calls", "0.5", "2")]), T0);
    given.charged(charge(vec![metered("calls", "0.75", "2")]), T0);
    given.charged(charge([of("1"), tokens("2")].concat()), T0);
    assert_eq!(given.account.events, 7);
    let sum = |meter: Option<&str>, unit_price: Option<&str>, in_cycle: bool| UsageSum {
        meter: meter.map(code),
        price: meter.filter(|_| in_cycle).map(|meter| price_ref(meter, 1)),
        unit_price: unit_price.map(amount),
        cycle: in_cycle.then(march),
        quantity: quantity("2"),
        included: Quantity::ZERO,
        amount: Amount::ZERO,
        credits: Amount::ZERO,
        too_much: Amount::ZERO,
        charges: 1,
        first_version: 4,
        last_version: 4,
    };
    let expected = [
        UsageSum {
            quantity: Quantity::ZERO,
            amount: amount("2"),
            charges: 2,
            last_version: 7,
            ..sum(None, None, false)
        },
        UsageSum { amount: amount("1"), first_version: 5, last_version: 5, ..sum(Some("calls"), Some("0.5"), false) },
        UsageSum {
            amount: amount("1.5"),
            first_version: 6,
            last_version: 6,
            ..sum(Some("calls"), Some("0.75"), false)
        },
        UsageSum {
            quantity: quantity("7"),
            included: quantity("3"),
            amount: amount("4"),
            // Of a charge of several lines the first come first.
            credits: amount("2"),
            charges: 2,
            last_version: 7,
            ..sum(Some("tokens"), None, true)
        },
    ];
    assert_eq!(*given.account.unbilled, expected);
    assert_eq!(given.account.unbilled[3].postpaid(), amount("2"));
    assert_eq!(given.replayed(), given.account);
}
