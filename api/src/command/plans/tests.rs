//! What is read of plans, and what is wrong with them.

use domain::price::Price;
use serde_json::{Value, json};

use super::price::PlanPrice;
use super::terms::NewPlan;
use crate::extract::parse;
use crate::problem::Problem;

type Told = (u16, &'static str, Value);

fn told(problem: Problem) -> Told {
    (problem.status, problem.code, problem.fields["param"].clone())
}

fn price(body: &Value) -> Result<Price, Told> {
    let price: PlanPrice = parse(body.to_string().as_bytes()).unwrap();
    price.read("prices[0]").map_err(told)
}

fn usage(pricing: Value) -> Value {
    json!({ "code": "calls", "name": "Calls", "kind": "usage", "meter": "calls", "currencies": { "USD": pricing } })
}

#[test]
fn what_is_read_of_a_price_is_shown() {
    let tier = |up_to: &str, unit_price: &str| json!({ "up_to": up_to, "unit_price": unit_price });
    let graduated = json!({
        "model": "graduated", "included": "10", "minimum": "5",
        "tiers": [{ "up_to": "100", "unit_price": "0.01", "flat": "1" }, { "unit_price": "0.008" }],
    });
    for (kind, pricing) in [
        (
            json!({ "kind": "recurring", "due": "in_arrears", "per_seat": true }),
            json!({ "model": "per_unit", "unit_price": "7.5" }),
        ),
        (json!({ "kind": "one_time" }), json!({ "model": "flat", "amount": "99" })),
        (json!({ "kind": "usage", "meter": "calls", "beyond": "credits" }), graduated),
        (
            json!({ "kind": "usage", "meter": "calls", "beyond": "block" }),
            json!({ "model": "package", "size": "100", "amount": "2" }),
        ),
        (
            json!({ "kind": "usage", "meter": "calls", "beyond": "charge" }),
            json!({ "model": "percentage", "percent": "2.9", "per_use": "0.3" }),
        ),
        (
            json!({ "kind": "usage", "meter": "calls", "beyond": "charge" }),
            json!({ "model": "volume", "tiers": [tier("10", "1"), { "unit_price": "0.5" }] }),
        ),
    ] {
        let mut body = kind;
        body["code"] = json!("code");
        body["name"] = json!("Name");
        body["tax_category"] = json!("saas");
        body["currencies"] = json!({ "USD": pricing });
        let read = price(&body).unwrap();
        assert_eq!(serde_json::to_value(PlanPrice::shown(&read)).unwrap(), body);
    }
}

#[test]
fn what_is_wrong_with_a_price_is_named() {
    let at = |param: &str| json!(format!("prices[0].{param}"));
    let invalid = |param: &str| -> Told { (400, "invalid_request", at(param)) };
    let flat = || usage(json!({ "model": "flat", "amount": "1" }));
    let changed = |field: &str, value: Value| {
        let mut body = flat();
        body[field] = value;
        body
    };
    let mut no_meter = flat();
    no_meter.as_object_mut().unwrap().remove("meter");
    let falling = json!([
        { "up_to": "2", "unit_price": "1" }, { "up_to": "1", "unit_price": "1" }, { "unit_price": "1" },
    ]);
    for (body, expected) in [
        (changed("kind", json!("one_time")), invalid("meter")),
        (changed("due", json!("in_advance")), invalid("due")),
        (no_meter, (400, "missing_field", at("meter"))),
        (changed("code", json!("A")), invalid("code")),
        (changed("name", json!("")), invalid("name")),
        (changed("tax_category", json!("")), invalid("tax_category")),
        (changed("currencies", json!({})), invalid("currencies")),
        (
            changed("currencies", json!({ "XXX": { "model": "flat", "amount": "1" } })),
            (422, "unknown_currency", at("currencies")),
        ),
        (usage(json!({ "model": "flat" })), (400, "missing_field", at("currencies.USD.amount"))),
        (usage(json!({ "model": "flat", "amount": "1", "size": "2" })), invalid("currencies.USD.size")),
        (
            usage(json!({ "model": "per_unit", "unit_price": "-1" })),
            (400, "invalid_amount", at("currencies.USD.unit_price")),
        ),
        (usage(json!({ "model": "volume", "tiers": falling })), invalid("currencies.USD.tiers")),
        (usage(json!({ "model": "volume", "tiers": [] })), invalid("currencies.USD.tiers")),
        (
            usage(json!({ "model": "volume", "tiers": [{ "up_to": "0", "unit_price": "1" }] })),
            (400, "invalid_quantity", at("currencies.USD.tiers[0].up_to")),
        ),
        (usage(json!({ "model": "percentage", "percent": "101" })), invalid("currencies.USD.percent")),
        (
            usage(json!({ "model": "package", "size": "0", "amount": "1" })),
            (400, "invalid_quantity", at("currencies.USD.size")),
        ),
    ] {
        assert_eq!(price(&body), Err(expected), "{body}");
    }
}

fn plan(change: Value) -> Result<domain::plan::Terms, Told> {
    let mut body =
        json!({ "code": "basic", "name": "Basic", "prices": [usage(json!({ "model": "flat", "amount": "1" }))] });
    for (field, value) in change.as_object().unwrap() {
        body[field] = value.clone();
    }
    let plan: NewPlan = parse(body.to_string().as_bytes()).map_err(told)?;
    plan.read().map_err(told)
}

#[test]
fn what_is_left_out_of_a_plan() {
    let terms = plan(json!({})).unwrap();
    assert_eq!((terms.interval.unit, terms.interval.count), (domain::cycle::IntervalUnit::Month, 1));
    assert_eq!((terms.trial_days, terms.grace_days, terms.reminder_days, terms.due_days), (0, 0, 0, 14));
    assert_eq!(terms.retry_days, [1, 3, 5]);
}

#[test]
fn what_is_wrong_with_a_plan_is_named() {
    let invalid = |param: &str| -> Result<(), Told> { Err((400, "invalid_request", json!(param))) };
    let metered = |limit: &str| json!({ "kind": "metered", "meter": "calls", "limit": limit });
    for (change, expected) in [
        (json!({ "name": "" }), invalid("name")),
        (json!({ "interval": { "unit": "month", "count": 0 } }), invalid("interval.count")),
        (json!({ "trial_days": 731 }), invalid("trial_days")),
        (json!({ "due_days": 731 }), invalid("due_days")),
        (json!({ "retry_days": [0] }), invalid("retry_days")),
        (json!({ "features": { "A": { "kind": "boolean", "enabled": true } } }), invalid("features")),
        (
            json!({ "features": { "a": { "kind": "boolean" } } }),
            Err((400, "missing_field", json!("features.a.enabled"))),
        ),
        (
            json!({ "features": { "a": { "kind": "boolean", "enabled": true, "limit": "1" } } }),
            invalid("features.a.limit"),
        ),
        (json!({ "features": { "a": { "kind": "static", "value": "" } } }), invalid("features.a.value")),
        (json!({ "features": { "a": metered("-1") } }), Err((400, "invalid_quantity", json!("features.a.limit")))),
        (json!({ "features": { "a": metered("5") } }), invalid("features.a.limit")),
        (json!({ "features": { "a": metered("0"), "b": metered("0") } }), invalid("features")),
        (json!({ "colour": "red" }), Err((400, "unknown_field", json!("colour")))),
    ] {
        assert_eq!(plan(change.clone()).map(drop), expected, "{change}");
    }
}
