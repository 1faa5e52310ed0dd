//! What is published: the description of the API, its page, and what operators read.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::{Answer, Position, TestApp, until};

/// The API of the first wave. Parameters have no name here: what they are called is not the contract.
const OPERATIONS: &[(&str, &[&str])] = &[
    ("/v1/organization", &["get"]),
    ("/v1/organization/payee", &["put"]),
    ("/v1/organization/settlement_rules", &["put"]),
    ("/v1/api_keys", &["get", "post"]),
    ("/v1/api_keys/{}/revoke", &["post"]),
    ("/v1/meters", &["get"]),
    ("/v1/meters/{}", &["get", "put"]),
    ("/v1/routes", &["get", "post"]),
    ("/v1/routes/{}", &["delete", "get", "put"]),
    ("/v1/models", &["get", "put"]),
    ("/v1/models/{}", &["delete"]),
    ("/v1/gateway_keys", &["get", "post"]),
    ("/v1/gateway_keys/{}/revoke", &["post"]),
    ("/v1/gateway_keys/lookup", &["post"]),
    ("/v1/customers", &["get", "post"]),
    ("/v1/customers/{}", &["get"]),
    ("/v1/customers/{}/postpaid_limit", &["put"]),
    ("/v1/customers/{}/credits", &["post"]),
    ("/v1/customers/{}/quotas/{}", &["put"]),
    ("/v1/charges", &["get", "post"]),
    ("/v1/charges/batch", &["post"]),
    ("/v1/charges/{}", &["get"]),
    ("/v1/charges/{}/explain", &["get"]),
    ("/v1/charges/{}/proof", &["get"]),
    ("/v1/holds", &["get", "post"]),
    ("/v1/holds/batch", &["post"]),
    ("/v1/holds/{}", &["get"]),
    ("/v1/holds/{}/capture", &["post"]),
    ("/v1/holds/{}/extend", &["post"]),
    ("/v1/holds/{}/void", &["post"]),
    ("/v1/organization/billing", &["get", "put"]),
    ("/v1/tax_rates", &["get", "post"]),
    ("/v1/tax_rates/{}", &["delete", "get", "put"]),
    ("/v1/customers/{}/billing", &["get", "put"]),
    ("/v1/customers/{}/payment_order", &["put"]),
    ("/v1/customers/{}/entitlements", &["get"]),
    ("/v1/plans", &["get", "post"]),
    ("/v1/plans/{}", &["get"]),
    ("/v1/plans/{}/versions", &["post"]),
    ("/v1/plans/{}/publish", &["post"]),
    ("/v1/plans/{}/retire", &["post"]),
    ("/v1/prices/rate", &["post"]),
    ("/v1/subscriptions", &["get", "post"]),
    ("/v1/subscriptions/{}", &["get"]),
    ("/v1/subscriptions/{}/change", &["post"]),
    ("/v1/subscriptions/{}/drop_change", &["post"]),
    ("/v1/subscriptions/{}/cancel", &["post"]),
    ("/v1/subscriptions/{}/drop_cancel", &["post"]),
    ("/v1/subscriptions/{}/end_trial", &["post"]),
    ("/v1/subscriptions/{}/pause", &["post"]),
    ("/v1/subscriptions/{}/resume", &["post"]),
    ("/v1/subscriptions/{}/auto_renew", &["post"]),
    ("/v1/test_clocks", &["get", "post"]),
    ("/v1/test_clocks/{}", &["get"]),
    ("/v1/test_clocks/{}/advance", &["post"]),
    ("/v1/invoices", &["get", "post"]),
    ("/v1/invoices/preview", &["post"]),
    ("/v1/invoices/{}", &["get"]),
    ("/v1/invoices/{}/lines", &["post"]),
    ("/v1/invoices/{}/lines/{}", &["delete"]),
    ("/v1/invoices/{}/finalize", &["post"]),
    ("/v1/invoices/{}/discard", &["post"]),
    ("/v1/invoices/{}/void", &["post"]),
    ("/v1/invoices/{}/mark_uncollectible", &["post"]),
    ("/v1/invoices/{}/collect", &["post"]),
    ("/v1/invoices/{}/pay", &["post"]),
    ("/v1/invoices/{}/credit_notes", &["get", "post"]),
    ("/v1/invoices/{}/pdf", &["get"]),
    ("/v1/invoices/{}/csv", &["get"]),
    ("/v1/invoices/{}/explain", &["get"]),
    ("/v1/credit_notes", &["get"]),
    ("/v1/credit_notes/{}/pdf", &["get"]),
    ("/v1/payments", &["get", "post"]),
    ("/v1/payments/{}", &["get"]),
    ("/v1/payments/{}/capture", &["post"]),
    ("/v1/payments/{}/cancel", &["post"]),
    ("/v1/payments/{}/refunds", &["post"]),
    ("/v1/connectors", &["get", "post"]),
    ("/v1/connectors/{}", &["delete", "get"]),
    ("/v1/connectors/{}/secrets", &["put"]),
    ("/v1/webhooks", &["get"]),
    ("/v1/webhooks/{}", &["post"]),
    ("/v1/payouts", &["get", "post"]),
    ("/v1/payouts/{}", &["get"]),
    ("/v1/payouts/{}/lines/{}/close", &["post"]),
    ("/v1/session_keys", &["get", "post"]),
    ("/v1/session_keys/batch", &["post"]),
    ("/v1/session_keys/freeze", &["post"]),
    ("/v1/session_keys/unfreeze", &["post"]),
    ("/v1/session_keys/revoke", &["post"]),
    ("/v1/session_keys/{}", &["get"]),
    ("/v1/session_keys/{}/typed_data", &["get"]),
    ("/v1/session_keys/{}/register", &["post"]),
    ("/v1/session_keys/{}/deposits", &["post"]),
    ("/v1/session_keys/{}/freeze", &["post"]),
    ("/v1/session_keys/{}/unfreeze", &["post"]),
    ("/v1/session_keys/{}/revoke", &["post"]),
    ("/v1/session_keys/{}/rotation", &["post"]),
    ("/v1/session_keys/{}/rotate", &["post"]),
    ("/v1/session_keys/{}/withdrawals", &["post"]),
    ("/v1/chains", &["get"]),
    ("/v1/settlements", &["get", "post"]),
    ("/v1/settlements/{}", &["get"]),
    ("/v1/settlements/{}/retry", &["post"]),
    ("/v1/reconciliation", &["get", "post"]),
    ("/v1/reconciliation/differences", &["get"]),
    ("/v1/reconciliation/differences/{}", &["get"]),
    ("/v1/reconciliation/differences/{}/close", &["post"]),
    ("/v1/exact_payments", &["get"]),
    ("/v1/exact_payments/{}", &["get"]),
    ("/v1/exact_payments/{}/explain", &["get"]),
    ("/v1/quotas", &["get"]),
    ("/v1/statements", &["get"]),
    ("/v1/statements/{}", &["get"]),
    ("/v1/risk", &["get"]),
    ("/v1/balances", &["get"]),
    ("/v1/postings", &["get"]),
    ("/v1/events", &["get"]),
    ("/v1/events/stream", &["get"]),
];
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

#[tokio::test]
async fn the_description_is_complete_and_the_page_works_offline() {
    let app = TestApp::up().await;
    let answer = Answer::of(app.api.anonymous(Method::GET, "/openapi.json")).await.unwrap();
    let document = answer.done(200);
    assert!(text(&document["openapi"]).starts_with("3."), "{}", document["openapi"]);
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<(String, &str)> = paths
        .iter()
        .filter(|(path, _)| path.starts_with("/v1/"))
        .flat_map(|(path, item)| {
            let methods = METHODS.into_iter().filter(|method| item.get(method).is_some());
            methods.map(|method| (without_names(path), method))
        })
        .collect();
    let expected: BTreeSet<(String, &str)> = OPERATIONS
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(|method| ((*path).to_owned(), *method)))
        .collect();
    assert_eq!(described, expected);
    for (path, method) in paths.iter().flat_map(|(path, item)| METHODS.map(|method| (path, &item[method]))) {
        assert!(method.is_null() || method["responses"].as_object().is_some_and(|r| !r.is_empty()), "{path}");
    }
    assert_references(&document, &document);

    let page = Answer::of(app.api.anonymous(Method::GET, "/docs")).await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let html = page.text();
    for reference in foreign_references(&html) {
        // Names of XML vocabularies look like addresses and are never fetched.
        assert!(reference.starts_with("http://www.w3.org/"), "/docs refers to {reference}");
    }
    for path in local_references(&html) {
        let answer = Answer::of(app.api.anonymous(Method::GET, &path)).await.unwrap();
        assert_eq!(answer.status, 200, "/docs refers to {path}");
    }
}

/// `/v1/charges/{id}` as `/v1/charges/{}`.
fn without_names(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Every `$ref` leads somewhere in the document.
fn assert_references(document: &Value, value: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            members.values().for_each(|member| assert_references(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_references(document, item)),
        _ => {}
    }
}

fn foreign_references(html: &str) -> Vec<&str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')');
    let starts = html.match_indices("http://").chain(html.match_indices("https://"));
    starts.map(|(at, _)| html[at..].split(ends).next().unwrap_or_default()).collect()
}

/// What the page loads from its own server.
fn local_references(html: &str) -> Vec<String> {
    let values = ["src=\"", "href=\""].into_iter().flat_map(|attribute| html.split(attribute).skip(1));
    let values = values.filter_map(|rest| rest.split('"').next());
    let values = values.filter(|value| !value.starts_with(['#']) && !value.starts_with("data:"));
    let values = values.inspect(|value| assert!(!value.starts_with("//"), "/docs refers to {value}"));
    values.map(|value| if value.starts_with('/') { value.to_owned() } else { format!("/docs/{value}") }).collect()
}

#[tokio::test]
async fn operators_see_the_log_and_who_is_behind_it() {
    let app = TestApp::up().await;
    let customer = app.api.funded("10").await;
    let position = Position::of(&app.api.charge(&customer, "1").await.done(201));
    let fetch = async |path: &str| Answer::of(app.api.anonymous(Method::GET, path)).await.unwrap();

    let metrics = until("the metrics know the position", async || {
        let answer = fetch("/metrics").await;
        assert_eq!(answer.status, 200);
        let known = samples(&answer.text(), "tollbook_log_position")
            .iter()
            .any(|(_, value)| *value == position.position as f64);
        known.then(|| answer.text())
    })
    .await;
    for name in ["tollbook_append_seconds", "tollbook_append_batch_events"] {
        let counted = samples(&metrics, &format!("{name}_count"));
        assert!(counted.iter().any(|(_, count)| *count > 0.0), "{name}: {metrics}");
    }
    assert!(!samples(&metrics, "tollbook_relay_lag_events").is_empty(), "{metrics}");
    let lags = samples(&metrics, "tollbook_projection_lag_events");
    for read_model in ["quota", "statement", "risk", "journal"] {
        assert!(lags.iter().any(|(labels, _)| labels.contains(&format!("\"{read_model}"))), "{read_model}: {lags:?}");
    }
    // Secrets reach neither metrics nor logs.
    assert!(!metrics.contains(&app.api.key));

    assert_eq!(fetch("/healthz").await.status, 200);
    let readiness = until("everything is ready", async || {
        Some(fetch("/readyz").await.done(200)).filter(|readiness| readiness["status"] == "ready")
    })
    .await;
    for check in ["postgres", "nats", "projections"] {
        assert_eq!(readiness["checks"][check], json!("ok"), "{readiness}");
    }
    assert!(readiness["checks"].get("relay").is_some(), "{readiness}");
}

/// The samples of a metric in Prometheus' text format: labels and value.
fn samples<'a>(metrics: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let lines = lines.filter(|rest| rest.starts_with(['{', ' ']));
    lines
        .filter_map(|rest| rest.rsplit_once(' ').and_then(|(labels, value)| Some((labels, value.parse().ok()?))))
        .collect()
}
