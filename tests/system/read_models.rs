//! What is read back: every list says what was charged, as of the moment that is asked for, page by
//! page and as a stream.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::api::{READ_MODELS, list, text};
use crate::support::{Api, Position, TestApp, assert_amount, caught_up, decimal};

#[tokio::test]
async fn every_read_model_says_what_was_charged() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("input", "0.000003").await;
    api.meter("calls", "0.25").await;
    let customer = api.funded("5").await;
    let path = format!("/v1/customers/{customer}");
    api.put(&format!("{path}/postpaid_limit"), &json!({ "amount": "10" })).await.done(200);
    let allowance = json!({ "limit": "4", "period": "total", "included": true, "overage": "charge" });
    api.put(&format!("{path}/quotas/calls"), &allowance).await.done(200);

    let usage = json!([{ "meter": "input", "quantity": "1000" }, { "meter": "calls", "quantity": "6" }]);
    api.post("/v1/charges", &json!({ "customer_id": customer, "usage": usage })).await.done(201);
    api.charge_metered(&customer, "calls", "2").await.done(201);
    let largest = api.charge(&customer, "4.5").await.done(201);
    let last = api.charge_metered(&customer, "input", "500000").await.done(201);
    // 0.003 + 2 × 0.25, then 2 × 0.25, 4.5, and 1.5: 5 from credits, the rest post-paid.
    let (total, postpaid) = ("7.003", "2.003");
    let position = Position::of(&last);
    assert_amount(&last["account"]["postpaid"], postpaid);

    let of_customer = format!("customer_id={customer}");
    let quotas = api.list_at(&format!("/v1/quotas?{of_customer}"), position).await;
    let [quota] = quotas.as_slice() else { panic!("one row a customer: {quotas:?}") };
    assert_eq!((&quota["object"], &quota["currency"]), (&json!("quota_usage"), &json!("USD")));
    assert_amount(&quota["charged"], total);
    for (figure, expected) in [("granted", "5"), ("remaining", "0"), ("expired", "0")] {
        assert_amount(&quota["credits"][figure], expected);
    }
    let meter = |code: &str| quota["meters"].as_array().unwrap().iter().find(|meter| meter["meter"] == code).unwrap();
    assert_amount(&meter("calls")["used_total"], "8");
    assert_amount(&meter("calls")["remaining"], "0");
    assert_amount(&meter("input")["used_total"], "501000");
    assert_eq!(meter("input")["limit"], Value::Null);

    let statements = api.list_at(&format!("/v1/statements?{of_customer}"), position).await;
    // A month may end in the middle of the test; the statements together are the truth.
    assert_eq!(sum(&statements, |statement| decimal(&statement["total"])), amount(total));
    assert_eq!(statements.iter().map(|statement| statement["charges"].as_u64().unwrap()).sum::<u64>(), 4);
    let lines: Vec<Value> = statements.iter().flat_map(|i| i["lines"].as_array().unwrap().clone()).collect();
    for (code, quantity, included, expected) in [
        (json!("calls"), Some("8"), "4", "1"),
        (json!("input"), Some("501000"), "0", "1.503"),
        (Value::Null, None, "0", "4.5"),
    ] {
        let of_meter: Vec<Value> = lines.iter().filter(|line| line["meter"] == code).cloned().collect();
        assert_eq!(sum(&of_meter, |line| decimal(&line["amount"])), amount(expected), "{code}: {lines:?}");
        if let Some(quantity) = quantity {
            assert_eq!(sum(&of_meter, |line| decimal(&line["quantity"])), amount(quantity), "{code}");
            assert_eq!(sum(&of_meter, |line| decimal(&line["included_quantity"])), amount(included), "{code}");
        }
    }
    assert_eq!(sum(&lines, |line| decimal(&line["amount"])), amount(total));
    let statement = api.get(&format!("/v1/statements/{}", text(&statements[0]["id"]))).await.done(200);
    assert_eq!(statement["total"], statements[0]["total"]);

    let risk = api.list_at(&format!("/v1/risk?{of_customer}"), position).await;
    assert_eq!((risk.len(), &risk[0]["charges"]), (1, &json!(4)));
    assert_amount(&risk[0]["charged"], total);
    assert_amount(&risk[0]["average_charge"], "1.75075");
    assert_amount(&risk[0]["largest_charge"], text(&largest["amount"]));
    assert_amount(&risk[0]["last_charge"], "1.5");
    assert_eq!(risk[0]["last_charge_at"], last["occurred_at"]);

    let balances = api.list_at("/v1/balances?limit=100", position).await;
    let balance = |account: &str| {
        let row = balances.iter().find(|row| row["account"] == account);
        row.map_or(Decimal::ZERO, |row| decimal(&row["balance"]))
    };
    assert_eq!(balance(&format!("customer:{customer}:credits")), Decimal::ZERO);
    assert_eq!(balance(&format!("customer:{customer}:receivable")), -amount(postpaid));
    assert_eq!(balance("revenue"), amount(total));
    assert_eq!(balance("credits:granted"), -amount("5"));
    assert_eq!(sum(&balances, |row| decimal(&row["balance"])), Decimal::ZERO, "{balances:?}");

    let postings = api.walk("/v1/postings?limit=2", "cursor").await;
    let earned: Vec<Value> = postings.iter().filter(|posting| posting["credit"] == "revenue").cloned().collect();
    assert_eq!(sum(&earned, |posting| decimal(&posting["amount"])), amount(total));
    assert!(earned.iter().any(|posting| posting["event_id"] == last["event_id"]));
    let events = api.walk(&format!("/v1/events?{of_customer}&category=account&type=charged"), "after").await;
    assert_eq!(events.len(), 4);
    assert_eq!(sum(&events, |event| decimal(&event["payload"]["amount"])), amount(total));
    assert_eq!(Position::of(&events[3]), position);
    app.site.assert_clean().await;
}

fn amount(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn sum(rows: &[Value], figure: impl Fn(&Value) -> Decimal) -> Decimal {
    rows.iter().map(figure).sum()
}

#[tokio::test]
async fn a_query_waits_for_the_position_it_names() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("100").await;
    for n in 1..=15u32 {
        let charge = api.charge(&customer, "1").await.done(201);
        // Asked at once: what the caller has done is in it, or the answer is "not yet".
        let position = Position::of(&charge);
        let of_customer = format!("?customer_id={customer}");
        let account = format!("/v1/balances?account=customer:{customer}:credits");
        let (quotas, statements, risk) = (
            format!("/v1/quotas{of_customer}"),
            format!("/v1/statements{of_customer}"),
            format!("/v1/risk{of_customer}"),
        );
        let (quotas, statements, risk, balances) = tokio::join!(
            api.list_at(&quotas, position),
            api.list_at(&statements, position),
            api.list_at(&risk, position),
            api.list_at(&account, position),
        );
        assert_amount(&quotas[0]["charged"], &n.to_string());
        assert_eq!(sum(&statements, |statement| decimal(&statement["total"])), Decimal::from(n));
        assert_eq!(risk[0]["charges"], n);
        assert_amount(&balances[0]["balance"], &(100 - n).to_string());
    }
    // A position that the log has not reached.
    let organization = api.get("/v1/organization").await.done(200);
    let future = format!("{}:1000000", organization["partition"]);
    let answers = futures::future::join_all(READ_MODELS.map(|path| {
        let path = format!("{path}?min_position={future}");
        async move { api.get(&path).await }
    }));
    for answer in answers.await {
        answer.problem(503, "not_caught_up");
        assert!(answer.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn balances_as_of_any_position_and_any_time() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.customer().await;
    let grant = api.credits(&customer, json!({ "amount": "100" })).await;
    let mut steps = vec![(grant, "100")];
    for left in ["90", "80", "70"] {
        steps.push((api.charge(&customer, "10").await.done(201), left));
    }
    let last = Position::of(&steps[3].0);
    let events = api.walk(&format!("/v1/events?customer_id={customer}&category=account"), "after").await;
    let path = format!("/v1/balances?account=customer:{customer}:credits");
    for (answer, expected) in &steps {
        let position = Position::of(answer);
        let event = events.iter().find(|event| Position::of(event) == position).unwrap();
        let (recorded, occurred) = (text(&event["recorded_at"]), text(&event["occurred_at"]));
        for as_of in [
            format!("as_of={position}"),
            format!("as_of={recorded}&axis=recorded"),
            format!("as_of={occurred}&axis=occurred"),
        ] {
            let balances = api.list_at(&format!("{path}&{as_of}"), last).await;
            assert_eq!(balances.len(), 1, "{as_of}");
            assert_eq!(decimal(&balances[0]["balance"]), amount(expected), "{as_of}");
        }
    }
    // Before anything was there.
    for as_of in ["as_of=2020-01-01T00:00:00Z&axis=occurred".to_owned(), format!("as_of={}:1", last.partition)] {
        let balances = api.list_at(&format!("{path}&{as_of}"), last).await;
        assert_eq!(sum(&balances, |row| decimal(&row["balance"])), Decimal::ZERO, "{as_of}");
    }
}

#[tokio::test]
async fn the_stream_of_events_goes_on_where_it_broke_off() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let (customer, their_customer) = (api.funded("100").await, theirs.funded("100").await);
    let start = Position::of(&api.credits(&customer, json!({ "amount": "1" })).await);

    let mut stream = Events::open(api, &format!("?after={start}"), None).await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.push(api.charge(&customer, "1").await.done(201));
        // Another tenant's events pass this stream by.
        theirs.charge(&their_customer, "1").await.done(201);
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(stream.next().await);
    }
    drop(stream);
    for _ in 0..2 {
        expected.push(api.charge(&customer, "1").await.done(201));
    }
    // The last one it has handled was the second: the third comes again, and what it missed.
    let mut stream = Events::open(api, "", Some(&seen[1].id)).await;
    let mut again = Vec::new();
    for _ in 0..3 {
        again.push(stream.next().await);
    }
    expected.push(api.charge(&customer, "2").await.done(201));
    again.push(stream.next().await);

    let came = |events: &[Event]| events.iter().map(|event| Position::of(&event.data)).collect::<Vec<_>>();
    let expected: Vec<Position> = expected.iter().map(Position::of).collect();
    assert_eq!(came(&seen), expected[..3]);
    assert_eq!(came(&again), expected[2..]);
    for event in seen.iter().chain(&again) {
        assert_eq!(event.name, "account.charged");
        assert_eq!(event.id, text(&event.data["position"]));
        assert_eq!(event.data["payload"]["customer_id"], customer);
    }
}

/// One event of the stream.
struct Event {
    id: String,
    name: String,
    data: Value,
}

/// The stream of events, as the WHATWG's HTML standard defines it.
struct Events {
    chunks: futures::stream::BoxStream<'static, Vec<u8>>,
    buffer: String,
}

impl Events {
    async fn open(api: &Api, query: &str, last_event_id: Option<&str>) -> Self {
        let mut request = api.request(Method::GET, &format!("/v1/events/stream{query}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(content_type.starts_with("text/event-stream"), "{content_type}");
        let chunks = response.bytes_stream().map(|chunk| chunk.unwrap().to_vec()).boxed();
        Self { chunks, buffer: String::new() }
    }

    async fn next(&mut self) -> Event {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let event = parse(block);
                self.buffer = rest.to_owned();
                if let Some(event) = event {
                    return event;
                }
            }
            let chunk = timeout(Duration::from_secs(30), self.chunks.next()).await.expect("an event in time");
            self.buffer.push_str(&String::from_utf8(chunk.expect("the stream goes on")).unwrap());
        }
    }
}

/// `None` for a comment, which keeps the connection alive.
fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    let data = serde_json::from_str(&field("data")?).unwrap();
    Some(Event { id: field("id").expect("an id to resume at"), name: field("event").expect("a name"), data })
}

#[tokio::test]
async fn pages_hold_everything_exactly_once() {
    const CUSTOMERS: usize = 17;
    let app = TestApp::up().await;
    let api = &app.api;
    let mut customers = HashSet::new();
    let mut last = None;
    for i in 0..CUSTOMERS {
        let body = json!({ "external_id": format!("ext-{i}"), "name": format!("Customer {i}") });
        let id = text(&api.post("/v1/customers", &body).await.done(201)["id"]).to_owned();
        api.credits(&id, json!({ "amount": "10" })).await;
        last = Some(Position::of(&api.charge(&id, "1").await.done(201)));
        customers.insert(id);
    }
    let charged = customers.iter().next().unwrap();
    let mut charges = Vec::new();
    for i in 0..8 {
        let charge = api.charge(charged, &format!("0.{}", i + 1)).await.done(201);
        last = Some(Position::of(&charge));
        charges.push(text(&charge["id"]).to_owned());
    }
    let last = last.unwrap();

    // The directory is a read model like the others.
    api.list_at("/v1/customers", last).await;
    caught_up(api, last).await;
    for (path, member) in [
        ("/v1/customers", "id"),
        ("/v1/quotas", "customer_id"),
        ("/v1/statements", "customer_id"),
        ("/v1/risk", "customer_id"),
    ] {
        for limit in [1, 5, CUSTOMERS, 100] {
            let rows = api.walk(&format!("{path}?limit={limit}"), "cursor").await;
            let found: HashSet<String> = rows.iter().map(|row| text(&row[member]).to_owned()).collect();
            assert_eq!((rows.len(), &found), (CUSTOMERS, &customers), "{path} by {limit}");
        }
    }
    let named = api.get("/v1/customers?external_id=ext-3").await.done(200);
    assert_eq!((list(&named).len(), &list(&named)[0]["external_id"]), (1, &json!("ext-3")));
    assert_eq!(list(&named)[0]["name"], "Customer 3");

    // Credits of each, what was granted and what was earned.
    let balances = api.walk("/v1/balances?limit=4", "cursor").await;
    let accounts: HashSet<&str> = balances.iter().map(|row| text(&row["account"])).collect();
    assert_eq!((balances.len(), accounts.len()), (CUSTOMERS + 2, CUSTOMERS + 2), "{accounts:?}");
    // A grant and a charge each, and eight charges more.
    let postings = api.walk("/v1/postings?limit=7", "cursor").await;
    let events: HashSet<&str> = postings.iter().map(|posting| text(&posting["event_id"])).collect();
    assert_eq!((postings.len(), events.len()), (2 * CUSTOMERS + 8, 2 * CUSTOMERS + 8));

    let listed = api.walk(&format!("/v1/charges?customer_id={charged}&limit=4"), "cursor").await;
    let newest: Vec<&str> = listed.iter().map(|charge| text(&charge["id"])).collect();
    let expected: Vec<&str> = charges.iter().rev().map(String::as_str).collect();
    assert_eq!(newest[..charges.len()], expected);
    assert_eq!(newest.len(), charges.len() + 1);

    let events = api.walk("/v1/events?limit=10", "after").await;
    let positions: Vec<Position> = events.iter().map(Position::of).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "oldest first and each once: {positions:?}");
    assert_eq!(positions.last(), Some(&last));
    assert_eq!(events.iter().filter(|event| event["type"] == "charged").count(), CUSTOMERS + 8);
    let after = api.walk(&format!("/v1/events?after={}&limit=100", positions[20]), "after").await;
    assert_eq!(after.iter().map(Position::of).collect::<Vec<_>>(), positions[21..]);
}
