//! Time by test clocks: many months in one step are the same months one by one, and what a clock shows is the time of
//! its own customers and of nobody else.

use std::collections::BTreeSet;

use chrono::{Months, TimeDelta};
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::billing::{
    Clock, Moment, Subscriber, assert_orderly, assert_twins, assert_untroubled, customer, moment, month, open_shop,
    start, subscriptions_wanted,
};
use crate::support::{Api, TestApp, until};

/// On each of two clocks, when nothing is said.
const SUBSCRIPTIONS: usize = 40;
/// Of so many it is known below what must come of them.
const KNOWN: usize = 6;

fn subscriptions() -> usize {
    subscriptions_wanted().unwrap_or(SUBSCRIPTIONS).max(KNOWN)
}

fn dates(invoices: &[Value]) -> Vec<Moment> {
    invoices.iter().map(|invoice| moment(&invoice["date"])).collect()
}

async fn statuses(api: &Api, clock: &Clock) -> Vec<String> {
    let mut statuses = Vec::new();
    for subscriber in &clock.subscribers[..KNOWN] {
        statuses.push(text(&subscriber.now(api).await["status"]).to_owned());
    }
    statuses
}

/// What the first ones must come to after 24 months, from nothing but their plans and the calendar.
fn assert_known(invoices: &[Vec<Value>]) {
    let counts: Vec<usize> = invoices[..KNOWN].iter().map(Vec::len).collect();
    // A yearly one is not paid and ends after its grace; the other ends a year later, for it has paid once.
    assert_eq!(counts, [25usize, 2, 23, 25, 3, 23]);
    for (nth, first) in [
        // In Berlin it is always eleven o'clock, on the last day where there is no 31st.
        (0, ["2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z", "2026-03-31T09:00:00Z", "2026-04-30T09:00:00Z"]),
        (2, ["2026-03-31T09:00:00Z", "2026-04-30T09:00:00Z", "2026-05-31T09:00:00Z", "2026-06-30T09:00:00Z"]),
        (3, ["2026-01-31T10:00:00Z", "2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"]),
        (5, ["2026-03-31T09:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z", "2026-05-31T22:00:00Z"]),
    ] {
        let first: Vec<Moment> = first.iter().map(|at| at.parse().unwrap()).collect();
        assert_eq!(dates(&invoices[nth][..4]), first, "subscriber {nth}");
    }
    for (nth, days) in [(0, 365), (1, 14), (2, 365)] {
        let due: Vec<Moment> = invoices[nth].iter().map(|invoice| moment(&invoice["due_at"])).collect();
        let expected: Vec<Moment> = dates(&invoices[nth]).iter().map(|date| *date + TimeDelta::days(days)).collect();
        assert_eq!(due, expected, "subscriber {nth}");
    }
    // The 31st comes back, and the last border is the moment to which the clock was set.
    assert_eq!(dates(&invoices[0]).last(), Some(&month(24)));

    let mut kinds = BTreeSet::new();
    for invoice in invoices.iter().flatten() {
        // Each thing has happened when it was due.
        assert_eq!(invoice["finalized_at"], invoice["date"], "{invoice}");
        let due_at = moment(&invoice["due_at"]);
        let is_overdue = invoice["status"] == "open" && due_at <= month(24);
        assert_eq!(invoice["overdue_at"] == invoice["due_at"], is_overdue, "{invoice}");
        kinds.extend(invoice["lines"].as_array().unwrap().iter().map(|line| text(&line["kind"]).to_owned()));
    }
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, ["adjustment", "fee", "minimum", "usage"]);
}

/// Acceptance is with 1,000 subscriptions on each clock, which takes a while and a build that is optimized:
/// `BILLING_SUBSCRIPTIONS=1000 ./dev test --release a_clock_moved_by_24_months`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_moved_by_24_months_in_one_step_gives_what_month_by_month_gives() {
    let app = TestApp::up().await;
    let api = &app.api;
    open_shop(api).await;
    let count = subscriptions();
    let (one, other) = tokio::join!(Clock::with(api, count), Clock::with(api, count));
    one.go(api, month(24)).await;
    // The one is far ahead all the while.
    for count in 1..=24 {
        other.go(api, month(count)).await;
    }
    assert_known(&assert_twins(api, &one, &other).await);
    let before = ["past_due", "cancelled", "past_due", "past_due", "cancelled", "past_due"];
    assert_eq!(statuses(api, &one).await, before);

    // And they go on alike.
    for clock in [&one, &other] {
        clock.all_use(api).await;
        for subscriber in clock.subscribers.iter().step_by(2) {
            subscriber.pays(api, None).await;
        }
        clock.go(api, month(25)).await;
    }
    assert_twins(api, &one, &other).await;
    let after = ["active", "cancelled", "active", "past_due", "cancelled", "past_due"];
    assert_eq!(statuses(api, &other).await, after);
    assert_orderly(&app.site, api).await;
    assert_untroubled(&app.log());
}

/// A subscriber whose first invoice is paid by hand and who is charged then. Gives what was said of when: the invoice's
/// date, when it was finalized and paid, and when the charge was made.
async fn times_of_a_first_invoice(api: &Api, test_clock: Option<&str>) -> Vec<Moment> {
    let customer = customer(api, test_clock, 0).await;
    let subscriber = Subscriber::begin(api, customer, json!({ "plan_code": "monthly" })).await;
    until("the first invoice is open", async || (!subscriber.open(api).await.is_empty()).then_some(())).await;
    subscriber.pays(api, None).await;
    let charge = api.charge(&subscriber.customer, "1").await.done(201);
    let invoices = subscriber.invoices(api).await;
    assert_eq!((invoices.len(), &invoices[0]["status"]), (1, &json!("paid")));
    let said = ["date", "created_at", "finalized_at", "paid_at"].map(|member| &invoices[0][member]);
    said.into_iter().chain([&charge["occurred_at"]]).map(moment).collect()
}

#[tokio::test]
async fn what_a_clock_shows_is_nobody_elses_time() {
    let app = TestApp::up().await;
    let api = &app.api;
    open_shop(api).await;
    let began = eventstore::clock::now();
    let ahead = Clock::showing(api, began).await;
    let customer = customer(api, Some(&ahead.id), 0).await;
    let subscriber = Subscriber::begin(api, customer, json!({ "plan_code": "monthly" })).await;
    ahead.go(api, began + Months::new(2) + TimeDelta::days(1)).await;
    assert_eq!(subscriber.invoices(api).await.len(), 3);

    // Each clock has a series of its own, and so has whoever lives in real time.
    let now = times_of_a_first_invoice(api, None).await;
    let until_now = eventstore::clock::now();
    assert!(now.iter().all(|at| (began..=until_now).contains(at)), "{began} to {until_now}: {now:?}");
    let behind = Clock::showing(api, start()).await;
    let then = times_of_a_first_invoice(api, Some(&behind.id)).await;
    assert!(then.iter().all(|at| *at == start()), "{then:?}");
    assert_orderly(&app.site, api).await;
    assert_untroubled(&app.log());
}
