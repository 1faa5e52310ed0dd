//! Plans, subscriptions and test clocks as a provider sets them up.

use serde_json::{Value, json};

use super::api::text;
use super::{Api, Position, Site, until};

pub const PLANS: &str = "/v1/plans";
pub const SUBSCRIPTIONS: &str = "/v1/subscriptions";
pub const CLOCKS: &str = "/v1/test_clocks";
/// What plans here meter.
pub const METER: &str = "api_calls";

/// The same request with some of its fields changed. Null takes a field out.
pub fn changed(mut body: Value, change: Value) -> Value {
    for (field, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(field)),
            value => body[field] = value.clone(),
        }
    }
    body
}

/// A plan for 99 a month with 100 calls, and 0.01 for each beyond. Its invoices are never overdue here.
pub fn basic() -> Value {
    json!({
        "code": "basic", "name": "Basic", "due_days": 730,
        "prices": [
            {
                "code": "base", "name": "Basic", "kind": "recurring",
                "currencies": { "USD": { "model": "flat", "amount": "99" } },
            },
            {
                "code": "calls", "name": "API calls", "kind": "usage", "meter": METER,
                "currencies": { "USD": { "model": "per_unit", "unit_price": "0.01", "included": "100" } },
            },
        ],
        "features": {
            "calls": { "kind": "metered", "meter": METER, "limit": "100" },
            "seats": { "kind": "static", "value": "20" },
            "sso": { "kind": "boolean", "enabled": false },
        },
    })
}

/// Makes and publishes a plan. Its meter must be there.
pub async fn publish(api: &Api, body: &Value) -> Value {
    let plan = api.post(PLANS, body).await.done(201);
    api.post(&format!("{PLANS}/{}/publish", text(&plan["id"])), &json!({})).await.done(200)
}

/// The meter, and the plan that [`basic`] is.
pub async fn publish_basic(api: &Api) -> Value {
    api.meter(METER, "1").await;
    publish(api, &basic()).await
}

pub fn path_of(subscription: &Value) -> String {
    format!("{SUBSCRIPTIONS}/{}", text(&subscription["id"]))
}

/// Subscribes a customer to a plan, as the plan says and with these changes.
pub async fn subscribe(api: &Api, customer: &str, plan: &str, change: Value) -> Value {
    let body = changed(json!({ "customer_id": customer, "plan_code": plan }), change);
    api.post(SUBSCRIPTIONS, &body).await.done(201)
}

/// The subscription once its bills are done.
pub async fn settled(api: &Api, subscription: &Value) -> Value {
    until("the subscription's bill is done", async || {
        let now = api.get(&path_of(subscription)).await.done(200);
        now["open_bill"].is_null().then_some(now)
    })
    .await
}

/// What a customer may use, once the read model knows of a position.
pub async fn entitlements(api: &Api, customer: &str, position: Position) -> Vec<Value> {
    let path = format!("/v1/customers/{customer}/entitlements?min_position={position}");
    let answer = until("the entitlements have caught up", async || {
        Some(api.get(&path).await).filter(|answer| answer.status != 503)
    })
    .await
    .done(200);
    assert_eq!((&answer["object"], &answer["customer_id"]), (&json!("entitlements"), &json!(customer)));
    answer["data"].as_array().unwrap().clone()
}

/// How many events of this type there are of an aggregate, or of all types.
pub async fn events_of(site: &Site, stream: &str, event_type: Option<&str>) -> i64 {
    let pool = site.pool();
    let query = "select count(*) from events where stream_id = $1 and ($2::text is null or event_type = $2)";
    let count = sqlx::query_scalar(query).bind(stream).bind(event_type).fetch_one(&pool).await.unwrap();
    pool.close().await;
    count
}

/// Makes a test clock and gives its id.
pub async fn clock(api: &Api, now: &str) -> String {
    text(&api.post(CLOCKS, &json!({ "now": now })).await.done(201)["id"]).to_owned()
}

/// Makes a customer on a test clock, who may owe a lot, and gives its id.
pub async fn customer_on(api: &Api, clock: &str) -> String {
    let body = json!({ "test_clock_id": clock, "postpaid_limit": "1000000" });
    text(&api.post("/v1/customers", &body).await.done(201)["id"]).to_owned()
}

/// Sets a test clock forward and waits until it has arrived.
pub async fn advance(api: &Api, clock: &str, to: &str) -> Value {
    api.post(&format!("{CLOCKS}/{clock}/advance"), &json!({ "to": to })).await.done(200);
    arrived(api, clock).await
}

/// Waits until a test clock has arrived.
pub async fn arrived(api: &Api, clock: &str) -> Value {
    until("the test clock has arrived", async || {
        let clock = api.get(&format!("{CLOCKS}/{clock}")).await.done(200);
        (clock["status"] == "ready").then_some(clock)
    })
    .await
}
