//! An organization that sells plans, customers of every shape that live in the time of a test clock, what they use and
//! pay, and what must hold of their invoices. [`plan`] and [`open_shop`] put something on sale, [`Clock`] moves time,
//! [`assert_twins`] compares two clocks on which the same was done, [`assert_orderly`] says what must hold at rest.

use chrono::{DateTime, Months, Utc};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::after::assert_whole;
use super::api::text;
use super::{Api, Position, Site, until};

pub type Moment = DateTime<Utc>;

/// Requests at a time.
const AT_ONCE: usize = 8;

/// What clocks show at first: the last day of a month wherever somebody lives, and no border of any calendar.
pub fn start() -> Moment {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

/// How many subscriptions a clock shall have, where somebody says so.
pub fn subscriptions_wanted() -> Option<usize> {
    let given = std::env::var("BILLING_SUBSCRIPTIONS").ok()?;
    Some(given.parse().expect("BILLING_SUBSCRIPTIONS is a number"))
}

/// So many months after the start.
pub fn month(count: u32) -> Moment {
    start().checked_add_months(Months::new(count)).unwrap()
}

#[track_caller]
pub fn moment(value: &Value) -> Moment {
    text(value).parse().unwrap_or_else(|e| panic!("{value}: {e}"))
}

/// Where customers live: the time zone, the country, and which part of that.
const PLACES: [(&str, &str, Option<&str>); 3] =
    [("Europe/Berlin", "DE", None), ("America/New_York", "US", Some("NY")), ("Asia/Shanghai", "CN", None)];

/// Among so many, the first, nobody has calendar months in New York: fewer moments at which a clock has to stop.
const FEW: usize = 40;

/// What a subscriber is like. The first eighteen have all combinations of plan, anchoring and place, but those.
#[derive(Clone, Copy, Debug)]
struct Shape {
    nth: usize,
    plan: &'static str,
    anchoring: &'static str,
    place: usize,
}

impl Shape {
    fn of(nth: usize) -> Self {
        let (plan, place) = (["monthly", "yearly", "trial"][nth % 3], nth / 6 % 3);
        let is_left_out = nth < FEW && plan != "yearly" && place == 1;
        let anchoring = if (nth / 3).is_multiple_of(2) || is_left_out { "anniversary" } else { "calendar" };
        Self { nth, plan, anchoring, place }
    }

    /// Charges: some within what is included, some beyond, over borders of tiers or below the minimum.
    fn usage(self) -> Vec<(&'static str, String)> {
        let calls = ["40".to_owned(), "75.5".to_owned(), format!("{}.25", self.nth % 7 * 200)];
        let tokens = if self.nth.is_multiple_of(2) { vec!["900", "200"] } else { vec!["120.000001"] };
        let calls = calls.into_iter().map(|quantity| ("calls", quantity));
        calls.chain(tokens.into_iter().map(|quantity| ("tokens", quantity.to_owned()))).collect()
    }
}

/// Puts a plan on sale.
pub async fn plan(api: &Api, plan: &Value) {
    api.post("/v1/plans", plan).await.done(201);
    api.post(&format!("/v1/plans/{}/publish", text(&plan["code"])), &json!({})).await.done(200);
}

/// Meters, taxes and three plans.
pub async fn open_shop(api: &Api) {
    api.meter("calls", "0.0123").await;
    api.meter("tokens", "0.000031").await;
    let address = ["Am Tor 1", "10115 Berlin"];
    let seller = json!({ "legal_name": "Zoll & Söhne", "address": address, "tax": { "country": "DE" } });
    api.put("/v1/organization/billing", &seller).await.done(200);
    for (name, country, subdivision, percent, inclusive) in [
        ("VAT", "DE", None, "19", false),
        ("Sales tax", "US", Some("NY"), "8.875", false),
        ("VAT", "CN", None, "6", true),
    ] {
        let rate = json!({
            "name": name, "country": country, "subdivision": subdivision, "percent": percent, "inclusive": inclusive,
        });
        api.post("/v1/tax_rates", &rate).await.done(201);
    }
    let tiers = json!([
        { "up_to": "100", "unit_price": "0.05" },
        { "up_to": "1000", "unit_price": "0.0333", "flat": "1.5" },
        { "unit_price": "0.01", "flat": "5" },
    ]);
    let volume = json!([
        { "up_to": "1000", "unit_price": "0.01" },
        { "up_to": "10000", "unit_price": "0.006" },
        { "unit_price": "0.004" },
    ]);
    let usd = |pricing: Value| json!({ "USD": pricing });
    let flat = |amount: &str| json!({ "USD": { "model": "flat", "amount": amount } });
    // What is due a year later is due when something begins, too: again fewer moments.
    let monthly = json!({ "code": "monthly", "name": "Monthly", "due_days": 365, "prices": [
        { "code": "base", "name": "Base", "kind": "recurring", "currencies": flat("20") },
        { "code": "calls", "name": "Calls", "kind": "usage", "meter": "calls",
          "currencies": usd(json!({ "model": "graduated", "included": "50", "tiers": tiers })) },
    ] });
    let seat = json!({ "model": "per_unit", "unit_price": "120.55" });
    let yearly = json!({ "code": "yearly", "name": "Yearly", "interval": { "unit": "year" },
        "due_days": 14, "grace_days": 45, "reminder_days": 7, "prices": [
        { "code": "seat", "name": "Seat", "kind": "recurring", "per_seat": true, "currencies": usd(seat) },
        { "code": "support", "name": "Support", "kind": "recurring", "due": "in_arrears", "currencies": flat("99") },
    ] });
    // With 59 days it ends where a month of who began without one does.
    let trial = json!({ "code": "trial", "name": "Trial", "due_days": 365, "trial_days": 59, "prices": [
        { "code": "base", "name": "Base", "kind": "recurring", "currencies": flat("9.99") },
        { "code": "setup", "name": "Set-up", "kind": "one_time", "currencies": flat("49") },
        { "code": "tokens", "name": "Tokens", "kind": "usage", "meter": "tokens",
          "currencies": usd(json!({ "model": "volume", "tiers": volume, "minimum": "5" })) },
    ] });
    for terms in [monthly, yearly, trial] {
        plan(api, &terms).await;
    }
}

/// A customer that lives in this time, at the place with this number, and pays by itself. Gives its id.
pub async fn customer(api: &Api, test_clock: Option<&str>, place: usize) -> String {
    let body = json!({ "test_clock_id": test_clock, "postpaid_limit": "1000000", "name": "Erika Mustermann" });
    let id = text(&api.post("/v1/customers", &body).await.done(201)["id"]).to_owned();
    let (time_zone, country, subdivision) = PLACES[place];
    let billing = json!({
        "time_zone": time_zone, "tax": { "country": country, "subdivision": subdivision }, "collection": "send",
    });
    api.put(&format!("/v1/customers/{id}/billing"), &billing).await.done(200);
    id
}

/// A customer with a subscription.
pub struct Subscriber {
    pub customer: String,
    pub subscription: String,
}

impl Subscriber {
    /// Subscribes a customer, and waits until its account knows what the plan allows.
    pub async fn begin(api: &Api, customer: String, mut body: Value) -> Self {
        body["customer_id"] = json!(customer);
        let subscription = text(&api.post("/v1/subscriptions", &body).await.done(201)["id"]).to_owned();
        let subscriber = Self { customer, subscription };
        until("the first bill is closed", async || subscriber.now(api).await["open_bill"].is_null().then_some(()))
            .await;
        subscriber
    }

    /// One of this shape, that has used something; some have credits, and some have paid their first invoice.
    async fn enrol(api: &Api, test_clock: &str, shape: Shape) -> Self {
        let customer = customer(api, Some(test_clock), shape.place).await;
        if shape.nth % 5 == 3 {
            api.credits(&customer, json!({ "amount": "0.75" })).await;
        }
        let seats = (1 + shape.nth % 5).to_string();
        let body = json!({ "plan_code": shape.plan, "anchoring": shape.anchoring, "quantity": seats });
        let subscriber = Self::begin(api, customer, body).await;
        subscriber.uses(api, shape).await;
        // All of it, or a part.
        let amount = if shape.nth.is_multiple_of(4) { None } else { Some("1") };
        if shape.nth.is_multiple_of(2) && shape.plan != "trial" {
            until("the first invoice is open", async || (!subscriber.open(api).await.is_empty()).then_some(())).await;
            subscriber.pays(api, amount).await;
        }
        subscriber
    }

    /// The subscription as it is in the log.
    pub async fn now(&self, api: &Api) -> Value {
        api.get(&format!("/v1/subscriptions/{}", self.subscription)).await.done(200)
    }

    /// Asks something of the subscription.
    pub async fn ask(&self, api: &Api, what: &str, body: Value) -> Value {
        api.post(&format!("/v1/subscriptions/{}/{what}", self.subscription), &body).await.done(200)
    }

    async fn uses(&self, api: &Api, shape: Shape) {
        for (meter, quantity) in shape.usage() {
            api.charge_metered(&self.customer, meter, &quantity).await.done(201);
        }
        // Less than the smallest coin in the end, and of no meter.
        api.charge(&self.customer, "0.1234567").await.done(201);
    }

    /// Its invoices, in the order of its bills. The read model has to know of them.
    pub async fn invoices(&self, api: &Api) -> Vec<Value> {
        let path = format!("/v1/invoices?limit=100&subscription_id={}", self.subscription);
        let mut invoices = Vec::new();
        for listed in api.walk(&path, "cursor").await {
            invoices.push(api.get(&invoice_path(&listed, "")).await.done(200));
        }
        invoices.sort_by_key(|invoice| invoice["bill"].as_u64().expect("the number of its bill"));
        invoices
    }

    /// Those of its invoices that are to be paid, in short.
    pub async fn open(&self, api: &Api) -> Vec<Value> {
        api.walk(&format!("/v1/invoices?limit=100&status=open&subscription_id={}", self.subscription), "cursor").await
    }

    /// Pays by hand what is open, or so much of each.
    pub async fn pays(&self, api: &Api, amount: Option<&str>) {
        for invoice in self.open(api).await {
            api.post(&invoice_path(&invoice, "/pay"), &json!({ "amount": amount })).await.done(200);
        }
    }

    /// How it stands, without what is its own.
    async fn standing(&self, api: &Api) -> Value {
        let now = self.now(api).await;
        let unpaid = now["unpaid_invoices"].as_array().map(Vec::len);
        let account = api.account(&self.customer).await;
        json!({ "subscription": without_own(&now), "unpaid": unpaid, "account": account })
    }
}

/// Where something is asked of an invoice.
pub fn invoice_path(invoice: &Value, what: &str) -> String {
    format!("/v1/invoices/{}{what}", text(&invoice["id"]))
}

/// A test clock, and who lives by it.
pub struct Clock {
    pub id: String,
    pub subscribers: Vec<Subscriber>,
}

impl Clock {
    /// With nobody.
    pub async fn showing(api: &Api, now: Moment) -> Self {
        let made = api.post("/v1/test_clocks", &json!({ "now": now })).await.done(201);
        Self { id: text(&made["id"]).to_owned(), subscribers: Vec::new() }
    }

    /// With so many subscribers, of all shapes.
    pub async fn with(api: &Api, count: usize) -> Self {
        let mut clock = Self::showing(api, start()).await;
        let enrolled = stream::iter(0..count).map(|nth| Subscriber::enrol(api, &clock.id, Shape::of(nth)));
        let subscribers = enrolled.buffered(AT_ONCE).collect().await;
        clock.subscribers = subscribers;
        clock
    }

    /// All subscribers use once more what they used at first.
    pub async fn all_use(&self, api: &Api) {
        let used = stream::iter(self.subscribers.iter().enumerate());
        used.for_each_concurrent(AT_ONCE, |(nth, subscriber)| subscriber.uses(api, Shape::of(nth))).await;
    }

    /// Sets it, and gives the position of that.
    pub async fn set(&self, api: &Api, to: Moment) -> Position {
        let path = format!("/v1/test_clocks/{}/advance", self.id);
        Position::of(&api.post(&path, &json!({ "to": to })).await.done(200))
    }

    /// As the read model has it that knows of this position.
    pub async fn shown(&self, api: &Api, at: Position) -> Value {
        let clocks = api.list_at("/v1/test_clocks?limit=100", at).await;
        clocks.into_iter().find(|clock| clock["id"] == self.id).unwrap()
    }

    /// Waits until it is where it was set, for as long as it moves.
    pub async fn arrived(&self, api: &Api, set: Position) {
        let mut shown = self.shown(api, set).await;
        while shown["status"] != "ready" {
            let before = shown["now"].clone();
            shown = until(&format!("the clock moves on from {before}"), async || {
                let shown = self.shown(api, set).await;
                (shown["status"] == "ready" || shown["now"] != before).then_some(shown)
            })
            .await;
        }
        // From now on this server goes by it.
        let now = api.get(&format!("/v1/test_clocks/{}", self.id)).await.done(200);
        assert_eq!((&now["now"], &now["status"]), (&shown["now"], &json!("ready")));
    }

    /// Sets it, and waits until all has happened.
    pub async fn go(&self, api: &Api, to: Moment) {
        let set = self.set(api, to).await;
        self.arrived(api, set).await;
    }

    /// The invoices of each subscriber.
    pub async fn invoices(&self, api: &Api) -> Vec<Vec<Value>> {
        let of_each = stream::iter(&self.subscribers).map(|subscriber| subscriber.invoices(api));
        of_each.buffered(AT_ONCE).collect().await
    }
}

/// What two that are otherwise the same have each for itself: ids, numbers, places in the log. The ids of plans and tax
/// rates stay.
const OWN: [&str; 7] = ["id", "customer_id", "subscription_id", "payment_id", "unpaid_invoices", "number", "position"];

fn without_own(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
            members.map(|(name, value)| (name.clone(), without_own(value))).collect()
        }
        Value::Array(rows) => rows.iter().map(without_own).collect(),
        other => other.clone(),
    }
}

/// On both clocks has come what came on the other: each invoice of each subscriber, and how they stand. Gives the
/// invoices of the one.
pub async fn assert_twins(api: &Api, one: &Clock, other: &Clock) -> Vec<Vec<Value>> {
    let (ours, theirs) = tokio::join!(one.invoices(api), other.invoices(api));
    assert_eq!(ours.len(), theirs.len());
    for (nth, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let shape = Shape::of(nth);
        let dates = |invoices: &[Value]| -> Vec<(Value, Value)> {
            invoices.iter().map(|invoice| (invoice["bill"].clone(), invoice["date"].clone())).collect()
        };
        assert_eq!(dates(ours), dates(theirs), "{shape:?}: bills with an invoice, and their dates");
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(without_own(ours), without_own(theirs), "{shape:?}: {} and {}", ours["id"], theirs["id"]);
        }
    }
    let pairs = one.subscribers.iter().zip(&other.subscribers).enumerate();
    let standing = stream::iter(pairs).for_each_concurrent(AT_ONCE, |(nth, (one, other))| async move {
        let (ours, theirs) = tokio::join!(one.standing(api), other.standing(api));
        assert_eq!(ours, theirs, "{:?}: {} and {}", Shape::of(nth), one.subscription, other.subscription);
    });
    standing.await;
    ours
}

/// What there may be once only, and is there twice.
const TWICE: &str = "
    with billing as (
        select stream_id, split_part(stream_id, ':', 1) as category, event_type as type,
            convert_from(payload, 'UTF8')::jsonb as payload
        from events where split_part(stream_id, ':', 1) in ('subscription', 'invoice', 'series')
            or event_type in ('turned', 'usage_settled')
    ), once as (
        select stream_id || ' was ' || type as what from billing
        where category = 'invoice' and type in ('drafted', 'sealed', 'finalized', 'overdue', 'paid', 'voided')
        union all
        select 'invoice of ' || (payload -> 'subscription')::text from billing
        where category = 'invoice' and type = 'drafted' and jsonb_typeof(payload -> 'subscription') = 'array'
        union all
        select 'account turned for ' || (payload -> 'bill')::text from billing where type = 'turned'
        union all
        select 'usage settled of ' || (payload ->> 'invoice_id') from billing where type = 'usage_settled'
        union all
        select stream_id || ' closed bill ' || (payload ->> 'number') from billing
        where category = 'subscription' and type = 'bill_closed'
        union all
        select stream_id || ' renewed at ' || (payload ->> 'at') from billing
        where category = 'subscription' and type = 'renewed'
        union all
        select 'number of ' || (payload ->> 'document') from billing where category = 'series'
        union all
        select stream_id || ' gave ' || (payload ->> 'sequence') from billing where category = 'series'
    )
    select what from once group by what having count(*) > 1 order by what limit 20";

/// At rest: numbers without a gap from 1, nothing done twice, no bill open, the log whole, every figure following from
/// it. Gives a position that all of this is before.
pub async fn assert_orderly(site: &Site, api: &Api) -> Position {
    let last = Position::of(&api.post("/v1/customers", &json!({})).await.done(201));
    for path in ["/v1/invoices", "/v1/subscriptions"] {
        api.list_at(path, last).await;
    }
    // A test clock's invoices have a series of their own.
    let mut series: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for invoice in api.walk("/v1/invoices?limit=100", "cursor").await {
        match invoice["number"].as_str() {
            Some(number) => {
                let (prefix, digits) = number.split_at(number.len() - 6);
                series.entry(prefix.to_owned()).or_default().push(digits.parse().unwrap());
            }
            None => assert!(invoice["status"] == "draft" || invoice["status"] == "discarded", "{invoice}"),
        }
    }
    assert!(!series.is_empty());
    for (prefix, mut numbers) in series {
        numbers.sort_unstable();
        let expected: Vec<u64> = (1..).take(numbers.len()).collect();
        assert!(prefix.starts_with("INV-") && numbers == expected, "{prefix} {numbers:?}");
    }

    let subscriptions = api.walk("/v1/subscriptions?limit=100", "cursor").await;
    let checked = stream::iter(&subscriptions).for_each_concurrent(AT_ONCE, |listed| async move {
        let now = api.get(&format!("/v1/subscriptions/{}", text(&listed["id"]))).await.done(200);
        assert!(now["open_bill"].is_null(), "{now}");
    });
    checked.await;

    let pool = site.pool();
    let twice: Vec<String> = sqlx::query_scalar(TWICE).fetch_all(&pool).await.unwrap();
    assert!(twice.is_empty(), "done twice: {twice:#?}");
    assert_whole(site, api, last).await;
    last
}

/// In what a process has printed billing asks nobody to look at anything.
#[track_caller]
pub fn assert_untroubled(log: &str) {
    let trouble = ["a person should look", "a person must look", "billing halts"];
    let found: Vec<&str> = log.lines().filter(|line| trouble.iter().any(|words| line.contains(words))).collect();
    assert!(found.is_empty(), "{found:#?}");
}
