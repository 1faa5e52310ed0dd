//! Given events, when a command, then events: the rules of a plan by example.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::cycle::IntervalUnit;
use crate::money::{Amount, Currency};
use crate::price::{Beyond, Due, Model, PriceError, PriceKind, Pricing};
use crate::tax::TaxCategory;

const NOW: &str = "2026-01-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}
fn code(text: &str) -> MeterCode {
    text.parse().unwrap()
}
fn currency(text: &str) -> Currency {
    text.parse().unwrap()
}
fn organization(n: u128) -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(n))
}

fn pricing(unit_price: &str, included: &str) -> Pricing {
    let model = Model::PerUnit { unit_price: amount(unit_price) };
    Pricing { model, included: quantity(included), minimum: Amount::ZERO }
}

fn price(name: &str, kind: PriceKind, pricing: Pricing) -> Price {
    Price {
        code: code(name),
        name: name.to_owned(),
        kind,
        tax_category: TaxCategory::default(),
        currencies: BTreeMap::from([(Currency::USD, pricing)]),
    }
}

fn seats() -> Price {
    price("seats", PriceKind::Recurring { due: Due::InAdvance, per_seat: true }, pricing("10", "0"))
}

fn usage(name: &str, meter: &str, included: &str) -> Price {
    price(name, PriceKind::Usage { meter: code(meter), beyond: Beyond::Charge }, pricing("0.01", included))
}

fn metered(meter: &str, limit: Option<&str>) -> Entitlement {
    Entitlement::Metered { meter: code(meter), limit: limit.map(quantity) }
}

fn terms(name: &str) -> Terms {
    Terms {
        name: name.to_owned(),
        interval: Interval { unit: IntervalUnit::Month, count: 1 },
        trial_days: 14,
        grace_days: 7,
        reminder_days: 3,
        due_days: 30,
        retry_days: vec![1, 3, 5],
        late_usage: LateUsage::NextInvoice,
        prices: vec![seats(), usage("calls", "api.calls", "1000")],
        features: BTreeMap::from([
            (code("sso"), Entitlement::Boolean { enabled: true }),
            (code("region"), Entitlement::Static { value: "eu".into() }),
            (code("calls"), metered("api.calls", Some("1000"))),
            (code("exports"), metered("exports", Some("5"))),
            (code("reads"), metered("reads", None)),
        ]),
    }
}

fn create() -> Action {
    Action::Create { plan_id: PlanId::new(Uuid::from_u128(7)), code: code("pro"), terms: terms("first") }
}

fn draft(name: &str) -> Action {
    Action::Draft { terms: terms(name) }
}

fn run(plan: &mut Plan, action: Action) -> Result<Vec<&'static str>, PlanError> {
    let events = plan.handle_command(&PlanCommand { organization_id: organization(1), action }, at(NOW))?;
    for event in &events {
        plan.apply_event(event, at(NOW));
    }
    Ok(events.iter().map(PlanEvent::event_type).collect())
}

fn after(actions: Vec<Action>) -> Plan {
    let mut plan = Plan::default();
    for action in actions {
        run(&mut plan, action).unwrap();
    }
    plan
}

fn published_name(plan: &Plan) -> Option<(u32, String)> {
    plan.published().map(|version| (version.version, version.terms.name))
}

#[test]
fn a_draft_changes_until_it_is_published() {
    let mut plan = after(vec![create()]);
    assert_eq!((plan.draft().map(|(n, _)| n), plan.published()), (Some(1), None));
    assert_eq!(run(&mut plan, draft("changed")), Ok(vec!["drafted"]));
    assert_eq!(run(&mut plan, draft("changed")), Ok(vec![]), "it says that already");
    assert_eq!(plan.versions.len(), 1);
    assert_eq!(run(&mut plan, Action::Publish), Ok(vec!["published"]));
    assert_eq!(published_name(&plan), Some((1, "changed".into())));
    assert_eq!((plan.draft(), run(&mut plan.clone(), Action::Publish)), (None, Ok(vec![])), "there is no draft");
    assert_eq!(run(&mut plan, draft("second")), Ok(vec!["drafted"]));
    assert_eq!(published_name(&plan), Some((1, "changed".into())), "a draft is not published");
    assert_eq!(run(&mut plan, Action::Publish), Ok(vec!["published"]));
    assert_eq!(published_name(&plan), Some((2, "second".into())));
    assert_eq!(plan.version(1).map(|version| version.terms.name), Some("changed".into()), "what was published stays");
    assert_eq!((plan.version(0), plan.version(3)), (None, None));
}

#[test]
fn a_retired_plan_stays_as_it_is() {
    let mut plan = after(vec![create(), Action::Publish]);
    assert!(plan.offered().is_some());
    assert_eq!(run(&mut plan, Action::Retire), Ok(vec!["retired"]));
    assert_eq!(run(&mut plan, Action::Retire), Ok(vec![]));
    assert_eq!((plan.offered(), published_name(&plan)), (None, Some((1, "first".into()))));
    assert_eq!(run(&mut plan, draft("late")), Err(PlanError::Retired));
    assert_eq!(run(&mut plan, Action::Publish), Err(PlanError::Retired));
}

#[test]
fn it_is_made_once_and_is_one_organizations() {
    let mut plan = Plan::default();
    for action in [draft("none"), Action::Publish, Action::Retire] {
        assert_eq!(run(&mut plan, action), Err(PlanError::NotFound));
    }
    run(&mut plan, create()).unwrap();
    assert_eq!(run(&mut plan, create()), Err(PlanError::AlreadyExists));
    for action in [draft("other"), Action::Publish, Action::Retire] {
        let command = PlanCommand { organization_id: organization(9), action };
        assert_eq!(plan.handle_command(&command, at(NOW)), Err(PlanError::NotFound));
    }
}

#[test]
fn a_plan_has_so_many_versions() {
    let mut plan = after(vec![create(), Action::Publish]);
    let version = plan.versions[0].clone();
    plan.versions = vec![version; VERSIONS_MAX];
    assert_eq!(run(&mut plan, draft("one more")), Err(PlanError::TooManyVersions));
}

#[test]
fn what_terms_must_be() {
    use TermsError as E;
    type Change = fn(&mut Terms);
    let denied: [(Change, TermsError); 20] = [
        (|t| t.name.clear(), E::Name),
        (|t| t.name = "x".repeat(201), E::Name),
        (|t| t.interval.count = 0, E::Interval),
        (|t| t.interval.count = 121, E::Interval),
        (|t| t.trial_days = 731, E::Days),
        (|t| t.grace_days = 731, E::Days),
        (|t| t.reminder_days = 731, E::Days),
        (|t| t.due_days = 731, E::Days),
        (|t| t.retry_days = vec![1; 11], E::Retries),
        (|t| t.retry_days = vec![0], E::Retries),
        (|t| t.retry_days = vec![61], E::Retries),
        (|t| t.prices = vec![seats(); PRICES_MAX + 1], E::TooManyPrices),
        (|t| t.prices.push(seats()), E::PriceTwice(code("seats"))),
        (|t| t.prices[0].name.clear(), E::Price { code: code("seats"), reason: PriceError::Name }),
        (|t| drop(t.prices[1].currencies.insert(currency("EUR"), pricing("1", "0"))), E::Currencies(code("calls"))),
        (|t| t.prices.push(usage("more", "api.calls", "0")), E::MeterPricedTwice(code("api.calls"))),
        (
            |t| t.features = (0..=FEATURES_MAX).map(|n| (code(&format!("f{n}")), metered("m", None))).collect(),
            E::TooManyFeatures,
        ),
        (|t| drop(t.features.insert(code("z"), metered("reads", None))), E::MeterLimitedTwice(code("reads"))),
        (
            |t| drop(t.features.insert(code("calls"), metered("api.calls", Some("999")))),
            E::LimitContradicts(code("calls")),
        ),
        (
            |t| drop(t.features.insert(code("region"), Entitlement::Static { value: "x".repeat(501) })),
            E::Value(code("region")),
        ),
    ];
    assert_eq!(terms("fine").check(), Ok(()));
    for (change, why) in denied {
        let mut terms = terms("spoilt");
        change(&mut terms);
        let mut plan = after(vec![create()]);
        assert_eq!(run(&mut plan, Action::Draft { terms }), Err(PlanError::Terms(why)));
        assert_eq!(plan, after(vec![create()]));
    }
}

#[test]
fn terms_at_their_limits() {
    let mut terms = terms(&"x".repeat(200));
    terms.interval.count = 120;
    (terms.trial_days, terms.grace_days, terms.reminder_days, terms.due_days) = (730, 730, 730, 730);
    terms.retry_days = vec![60; 10];
    terms.features.insert(code("calls"), metered("api.calls", None));
    assert_eq!(terms.check(), Ok(()));
    terms.prices.clear();
    assert_eq!(terms.check(), Ok(()), "features alone are a plan, too");
}

#[test]
fn a_limit_is_what_each_currency_includes() {
    let mut terms = terms("two currencies");
    for price in &mut terms.prices {
        price.currencies.insert(currency("EUR"), pricing("0.02", "1000"));
    }
    assert_eq!(terms.check(), Ok(()));
    terms.prices[1].currencies.insert(currency("EUR"), pricing("0.02", "900"));
    assert_eq!(terms.check(), Err(TermsError::LimitContradicts(code("calls"))));
}

#[test]
fn what_a_version_allows() {
    let version = after(vec![create()]).version(1).unwrap();
    let allowances = version.allowances(Currency::USD);
    let shown: Vec<_> = allowances
        .iter()
        .map(|it| {
            (it.meter.as_str(), it.price.as_ref().map(|price| price.code.as_str()), it.pricing.included, it.beyond)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("api.calls", Some("calls"), quantity("1000"), Beyond::Charge),
            ("exports", None, quantity("5"), Beyond::Block),
        ],
        "a fee allows nothing, a feature without a limit has no quota, and one with a price has the price's"
    );
    assert_eq!(allowances[0].price.as_ref().map(|price| (price.plan_id, price.version)), Some((version.plan_id, 1)));
    let euro: Vec<_> = version.allowances(currency("EUR")).into_iter().map(|it| it.meter).collect();
    assert_eq!(euro, [code("exports")]);
}

#[test]
fn a_version_has_the_currencies_of_all_its_prices() {
    let mut version = after(vec![create()]).version(1).unwrap();
    assert!(version.has_currency(Currency::USD) && !version.has_currency(currency("EUR")));
    version.terms.prices[0].currencies.insert(currency("EUR"), pricing("9", "0"));
    assert!(!version.has_currency(currency("EUR")), "one of two");
    version.terms.prices.clear();
    assert!(version.has_currency(currency("EUR")), "it costs nothing");
}
