//! Holds that many callers want at once, in one process and in two: nobody spends more than there is, and each hold
//! ends once, whoever comes first.

use futures::future::join_all;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::concurrency::two_servers;
use crate::support::after::assert_whole;
use crate::support::api::{list, text};
use crate::support::holds::{
    BATCH, HOLDS, assert_ended, assert_hold, assert_money, capture, hold_at, path, place, place_for, void,
};
use crate::support::{Answer, Api, Position, Process, Server, Site, TestApp, decimal, until};

/// A thousand in all: so many on their own, and so many in batches.
const ALONE: usize = 700;
const BATCHED: usize = 300;

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// A thousand holds of 1 against credits of 10, dealt out to these servers. Gives those that were placed.
async fn race_for_ten(servers: &[&Api]) -> Vec<Value> {
    let customer = servers[0].funded("10").await;
    let body = json!({ "customer_id": customer, "amount": "1" });
    let item = json!({ "action": "place", "customer_id": customer, "amount": "1" });
    let items = json!({ "operations": vec![item; BATCHED / servers.len()] });
    let alone = join_all((0..ALONE).map(|i| servers[i % servers.len()].post(HOLDS, &body)));
    let batched = join_all(servers.iter().map(|api| api.post(BATCH, &items)));
    let (alone, batched) = tokio::join!(alone, batched);

    let (mut held, mut refused) = (Vec::new(), 0);
    for answer in &alone {
        if answer.status == 201 {
            held.push(answer.json());
        } else {
            answer.problem(402, "insufficient_funds");
            refused += 1;
        }
    }
    for batch in &batched {
        for result in list(&batch.done(200)) {
            if result["status"] == 201 {
                held.push(result["hold"].clone());
            } else {
                let said = (&result["status"], &result["error"]["code"]);
                assert_eq!(said, (&json!(402), &json!("insufficient_funds")));
                refused += 1;
            }
        }
    }
    assert_eq!((held.len(), refused), (10, ALONE + BATCHED - 10));
    for api in servers {
        assert_money(&api.account(&customer).await, "0", "10", "0");
    }
    held
}

/// Each of these is captured and voided by several at once, dealt out to these servers: one of them does it.
async fn race_to_the_end(servers: &[&Api], holds: &[Value]) -> Position {
    let customer = text(&holds[0]["customer_id"]);
    let (mut captured, mut last) = (0, None);
    for (round, hold) in holds.iter().enumerate() {
        let ask = |i: usize| {
            let what = if (i + round).is_multiple_of(2) { "capture" } else { "void" };
            let api = servers[i / 2 % servers.len()];
            async move { (what, api.post(&path(hold, what), &json!({})).await) }
        };
        let answers = join_all((0..8).map(ask)).await;
        let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.status < 400);
        for (_, answer) in &refused {
            answer.problem(409, "hold_ended");
        }
        let [(what, answer)] = done.as_slice() else { panic!("round {round}: {done:?}") };
        captured += usize::from(*what == "capture");
        answer.done(if *what == "capture" { 201 } else { 200 });
        last = last.max(Some(Position::of(&answer.json())));
    }
    for api in servers {
        let account = api.account(customer).await;
        assert_eq!(decimal(&account["held"]), Decimal::ZERO);
        assert_eq!(decimal(&account["credits"]), Decimal::from(holds.len() - captured));
    }
    last.unwrap()
}

/// Thirty parts of 1 of a hold of 10, dealt out to these servers. Then parts against one who gives it up.
async fn race_for_parts(servers: &[&Api]) {
    let customer = servers[0].funded("20").await;
    let hold = place(servers[0], &customer, "10").await;
    let part = json!({ "amount": "1", "final_capture": false });
    let capture = path(&hold, "capture");
    let answers = join_all((0..30).map(|i| servers[i % servers.len()].post(&capture, &part))).await;
    assert_eq!((count(&answers, 201), count(&answers, 422)), (10, 20));
    for refused in answers.iter().filter(|answer| answer.status == 422) {
        refused.problem(422, "capture_above_hold");
    }
    assert_money(&servers[0].account(&customer).await, "10", "0", "10");
    let voided = void(servers[0], &hold).await.done(200);
    assert_hold(&voided, "voided", "0", "10");

    let hold = place(servers[0], &customer, "10").await;
    let part = json!({ "amount": "0.5", "final_capture": false });
    let ask = |i: usize| {
        let (what, body) = if i == 10 { ("void", json!({})) } else { ("capture", part.clone()) };
        let (api, path) = (servers[i % servers.len()], path(&hold, what));
        async move { api.post(&path, &body).await }
    };
    let answers = join_all((0..20).map(ask)).await;
    assert_eq!(count(&answers, 200), 1);
    let captured = count(&answers, 201);
    for refused in answers.iter().filter(|answer| answer.status >= 400) {
        refused.problem(409, "hold_ended");
    }
    let spent = Decimal::from(captured) * Decimal::new(5, 1);
    for api in servers {
        let left = (Decimal::from(10) - spent).to_string();
        assert_money(&api.account(&customer).await, &left, "0", &left);
    }
    assert_ended(servers[0], &hold).await;
}

/// A hundred holds with one key, dealt out to these servers.
async fn race_with_one_key(servers: &[&Api]) {
    let customer = servers[0].funded("50").await;
    let body = json!({ "customer_id": customer, "amount": "2" });
    let answers = join_all((0..100).map(|i| servers[i % servers.len()].post_keyed(HOLDS, "one-key", &body))).await;
    assert_eq!(count(&answers, 201), 100, "{:?}", answers.iter().find(|answer| answer.status != 201));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(answers.iter().filter(|answer| !answer.is_replay()).count(), 1, "one did it, the others repeat");
    assert_money(&servers[0].account(&customer).await, "48", "2", "48");
}

/// Charges, and holds that are captured, captured in part or given up, against credits of 40 and room for 20.
async fn race_of_charges_and_holds(servers: &[&Api]) -> Position {
    let customer = servers[0].funded("40").await;
    let limit = format!("/v1/customers/{customer}/postpaid_limit");
    servers[0].put(&limit, &json!({ "amount": "20" })).await.done(200);
    let act = |i: usize| {
        let (api, customer) = (servers[i % servers.len()], &customer);
        async move {
            if i.is_multiple_of(3) {
                return api.charge(customer, "1").await;
            }
            let body = json!({ "customer_id": customer, "amount": "1" });
            let answer = api.post(HOLDS, &body).await;
            if answer.status != 201 {
                return answer;
            }
            let hold = answer.json();
            match i % 4 {
                0 => void(api, &hold).await,
                1 => capture(api, &hold, json!({ "amount": "0.25" })).await,
                _ => capture(api, &hold, json!({})).await,
            }
        }
    };
    let answers = join_all((0..300).map(act)).await;
    let mut spent = Decimal::ZERO;
    for answer in &answers {
        match answer.status {
            200 => {}
            201 => spent += decimal(&answer.json()["amount"]),
            _ => drop(answer.problem(402, "insufficient_funds")),
        }
    }
    // Each hold has ended, so nothing is held; all that is left can be charged, and not a hair more.
    let left = Decimal::from(60) - spent;
    for api in servers {
        let account = api.account(&customer).await;
        assert_eq!((decimal(&account["held"]), decimal(&account["available"])), (Decimal::ZERO, left));
    }
    assert!(!spent.is_zero() && spent <= Decimal::from(60), "{spent}");
    let above = (left + Decimal::new(1, 12)).to_string();
    servers[0].charge(&customer, &above).await.problem(402, "insufficient_funds");
    if !left.is_zero() {
        servers[0].charge(&customer, &left.to_string()).await.done(201);
    }
    servers[0].charge(&customer, "0.000000000001").await.problem(402, "insufficient_funds");
    Position::of(&servers[0].credits(&customer, json!({ "amount": "1" })).await)
}

/// A hundred holds of a call against a limit of ten calls, dealt out to these servers.
async fn race_for_a_quota(servers: &[&Api]) {
    servers[0].meter("calls", "0.25").await;
    let customer = servers[0].funded("100").await;
    let quota = json!({ "limit": "10", "period": "total" });
    servers[0].put(&format!("/v1/customers/{customer}/quotas/calls"), &quota).await.done(200);
    let body = json!({ "customer_id": customer, "meter": "calls", "quantity": "1" });
    // Another process may learn of the meter a moment later.
    for api in servers {
        let knows = async || Some(api.charge_metered(&customer, "calls", "100").await).filter(|a| a.status == 402);
        until("the meter is known", knows).await.problem(402, "quota_exceeded");
    }
    let answers = join_all((0..100).map(|i| servers[i % servers.len()].post(HOLDS, &body))).await;
    assert_eq!((count(&answers, 201), count(&answers, 402)), (10, 90));
    for refused in answers.iter().filter(|answer| answer.status == 402) {
        refused.problem(402, "quota_exceeded");
    }
    assert_money(&servers[0].account(&customer).await, "97.5", "2.5", "97.5");
}

async fn all_races(servers: &[&Api], site: &Site) {
    let holds = race_for_ten(servers).await;
    assert_eq!(site.events_count(Some("held")).await, 10);
    let open = servers[0].list_at(HOLDS, holds.iter().map(Position::of).max().unwrap()).await;
    assert_eq!(open.len(), 10);
    race_to_the_end(servers, &holds).await;
    race_for_parts(servers).await;
    race_with_one_key(servers).await;
    race_for_a_quota(servers).await;
    let last = race_of_charges_and_holds(servers).await;
    assert_whole(site, servers[0], last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process() {
    let app = TestApp::up().await;
    all_races(&[&app.api], &app.site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_two_processes() {
    let site = Site::new();
    let (_one, _two, [a, b]) = two_servers(&site).await;
    let _work = Process::start(&site, &["work"]);
    all_races(&[&a, &b], &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture_against_void_in_many_rounds() {
    const ROUNDS: usize = 100;
    let app = TestApp::up().await;
    let other = Server::start(&app.site).await;
    let beside = app.api.at(&other.url);
    let (a, b) = (&app.api, &beside);
    let customer = a.funded(&ROUNDS.to_string()).await;
    let holds = join_all((0..ROUNDS).map(|_| place(a, &customer, "1"))).await;
    let last = race_to_the_end(&[a, b], &holds).await;
    let ends = app.site.events_count(Some("captured")).await + app.site.events_count(Some("voided")).await;
    assert_eq!(ends, i64::try_from(ROUNDS).unwrap());
    assert_whole(&app.site, a, last).await;
}

const PAYERS: usize = 60;
/// Each lasts as long as a hold and the sweep take. It may take a few until everybody has won once.
const WAVES_MAX: usize = 30;

/// How often each of the three was first.
#[derive(Debug, Default)]
struct Winners {
    captured: usize,
    voided: usize,
    expired: usize,
}

impl Winners {
    /// Who was first with this hold: the other two heard that it has ended.
    fn count(&mut self, captured: &Answer, voided: &Answer) -> &'static str {
        match (captured.status, voided.status) {
            (201, _) => {
                voided.problem(409, "hold_ended");
                self.captured += 1;
                "captured"
            }
            (_, 200) => {
                captured.problem(409, "hold_ended");
                self.voided += 1;
                "voided"
            }
            _ => {
                captured.problem(409, "hold_ended");
                voided.problem(409, "hold_ended");
                self.expired += 1;
                "expired"
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture_against_void_against_expiry() {
    let app = TestApp::up().await;
    let other = Server::start(&app.site).await;
    let servers = [app.api.clone(), app.api.at(&other.url)];
    let a = &servers[0];
    let customers = join_all((0..PAYERS).map(|_| a.funded("1000"))).await;
    let (mut winners, mut ended, mut spent) = (Winners::default(), Vec::new(), vec![0; PAYERS]);
    for wave in 0.. {
        assert!(wave < WAVES_MAX, "somebody never wins: {winners:?}");
        let holds = join_all((0..2 * PAYERS).map(|i| place_for(a, &customers[i % PAYERS], "1", 1))).await;
        // The sweep goes from payer to payer: as soon as it has begun, everybody wants the rest at once.
        let placed = holds.iter().map(Position::of).max().unwrap();
        let swept = format!("/v1/events?category=account&type=hold_expired&after={placed}&limit=1");
        until("the sweep has begun", async || (!list(&a.get(&swept).await.done(200)).is_empty()).then_some(())).await;
        let ends = holds.iter().enumerate().map(|(i, hold)| {
            let (here, there) = (&servers[i % 2], &servers[(i + 1) % 2]);
            async move { tokio::join!(capture(here, hold, json!({})), void(there, hold)) }
        });
        let answers = join_all(ends).await;
        for (i, (hold, (captured, voided))) in holds.into_iter().zip(&answers).enumerate() {
            let winner = winners.count(captured, voided);
            spent[i % PAYERS] += usize::from(winner == "captured");
            ended.push((hold, winner));
        }
        if winners.captured > 0 && winners.voided > 0 && winners.expired > 0 && wave >= 3 {
            break;
        }
    }

    for (event_type, count) in
        [("captured", winners.captured), ("voided", winners.voided), ("hold_expired", winners.expired)]
    {
        let events = app.site.events_count(Some(event_type)).await;
        assert_eq!(events, i64::try_from(count).unwrap(), "{event_type} of {winners:?}");
    }
    for (customer, spent) in customers.iter().zip(spent) {
        let left = (1000 - spent).to_string();
        assert_money(&a.account(customer).await, &left, "0", &left);
    }
    let last = Position::of(&a.charge(&customers[0], "1").await.done(201));
    for (hold, winner) in &ended {
        let captured = if *winner == "captured" { "1" } else { "0" };
        assert_hold(&hold_at(a, hold, last).await, winner, "0", captured);
    }
    assert_whole(&app.site, a, last).await;
}
