//! Payout files: lines that are what the ledger says, and those that are not; and the same file once more.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::billing::invoice_path;
use crate::support::invoices::{assert_books, balance, debtor, invoice_over, position};
use crate::support::stripe::{Stripe, VISA, pay, payment_now, payment_that};
use crate::support::{Answer, Api, Position, TestApp, decimal, until};

const PAYOUTS: &str = "/v1/payouts";
/// The first line of the form that is for every provider.
const GENERAL: &str = "line_id,source_id,category,currency,gross,fee,net,paid_out_at";

async fn hand_in(api: &Api, connector: &str, csv: &str) -> Answer {
    let request = api.request(Method::POST, &format!("{PAYOUTS}?connector_id={connector}"));
    Answer::of(request.header("content-type", "text/csv; charset=utf-8").body(csv.to_owned())).await.unwrap()
}

async fn close(api: &Api, payout: &Value, line: usize, explanation: &str) -> Answer {
    let path = format!("{PAYOUTS}/{}/lines/{line}/close", text(&payout["id"]));
    api.post(&path, &json!({ "explanation": explanation })).await
}

/// What became of each line: its state, and its cause.
fn states(payout: &Value) -> Vec<(&str, Option<&str>)> {
    let lines = payout["lines"].as_array().unwrap();
    lines.iter().map(|line| (text(&line["state"]), line["cause"].as_str())).collect()
}

fn open(cause: &str) -> (&str, Option<&str>) {
    ("open", Some(cause))
}

const MATCHED: (&str, Option<&str>) = ("matched", None);

/// The file with another gross and net in the line that has this.
fn with_other_amount(csv: &str, what: &str, (gross, net): (&str, &str)) -> String {
    let line = |line: &str| {
        if !line.contains(what) {
            return format!("{line}\n");
        }
        let mut cells: Vec<&str> = line.split(',').collect();
        (cells[5], cells[7]) = (gross, net);
        format!("{}\n", cells.join(","))
    };
    csv.lines().map(line).collect()
}

#[tokio::test]
async fn lines_match_or_are_open() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    let mut paid = Vec::new();
    for amount in ["100", "40"] {
        let payment = pay(api, &customer, &connector, VISA, amount).await;
        paid.push(payment_that(api, &payment, "succeeded").await);
    }
    let path = format!("/v1/payments/{}/refunds", text(&paid[0]["id"]));
    api.post(&path, &json!({ "amount": "15", "reason": "Too much" })).await.done(201);
    let refunded = until("the refund has succeeded", async || {
        let now = payment_now(api, &paid[0]).await;
        (now["refunds"][0]["status"] == "succeeded").then_some(now)
    })
    .await;
    stripe.all_told().await;

    // Two charges and a refund, one of them wrong, and one that nobody knows. 2.9 % of 40 and 0.30 are 1.46.
    let right = stripe.payouts().await;
    assert_eq!(right.lines().count(), 4, "{right}");
    let wrong = with_other_amount(&right, text(&paid[1]["provider_id"]), ("39.00", "37.54"));
    let wrong = format!("{wrong}txn_unknown,ch_unknown,pi_unknown,charge,usd,7.00,0.00,7.00,2026-02-03 00:00:00\n");
    let first = hand_in(api, &connector, &wrong).await;
    let payout = first.done(201);
    assert!(text(&payout["id"]).starts_with("pout_") && !first.is_replay());
    assert_eq!(states(&payout), [MATCHED, open("amount_differs"), MATCHED, open("unknown")]);
    assert_eq!((&payout["matched"], &payout["open"], &payout["closed"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!((&payout["object"], &payout["connector_id"]), (&json!("payout"), &json!(connector)));
    let lines = payout["lines"].as_array().unwrap();
    for (line, member, expected) in [
        (0, "payment_id", paid[0]["id"].clone()),
        (0, "refund_id", Value::Null),
        (0, "source_id", paid[0]["provider_id"].clone()),
        (0, "category", json!("charge")),
        (0, "currency", json!("USD")),
        (0, "gross", json!("100")),
        (0, "fee", json!("3.2")),
        (0, "net", json!("96.8")),
        (1, "payment_id", Value::Null),
        (1, "gross", json!("39")),
        (2, "payment_id", paid[0]["id"].clone()),
        (2, "refund_id", refunded["refunds"][0]["id"].clone()),
        (2, "gross", json!("-15")),
        (3, "provider_line_id", json!("txn_unknown")),
        (3, "index", json!(3)),
    ] {
        assert_eq!(lines[line][member], expected, "{member} of line {line}");
    }
    let now = payment_now(api, &paid[0]).await;
    assert_eq!((&now["payout_id"], &now["refunds"][0]["payout_id"]), (&payout["id"], &payout["id"]));
    assert_eq!(payment_now(api, &paid[1]).await["payout_id"], Value::Null);

    // The same file once more changes nothing.
    let events = app.site.events_count(None).await;
    let again = hand_in(api, &connector, &wrong).await;
    assert_eq!((again.status, again.is_replay()), (200, true));
    let shown = api.get(&format!("{PAYOUTS}/{}", text(&payout["id"]))).await.done(200);
    assert_eq!((&again.json()["lines"], &shown["lines"]), (&payout["lines"], &payout["lines"]));
    assert_eq!(app.site.events_count(None).await, events);

    // One with what is right has the rest; what was paid out is not paid out again.
    let corrected = hand_in(api, &connector, &right).await.done(201);
    assert_ne!(corrected["id"], payout["id"]);
    assert_eq!(states(&corrected), [open("paid_out_twice"), MATCHED, open("paid_out_twice")]);
    let at = Position::of(&corrected);
    // All of it is in the bank, but for what Stripe kept: 3.20 and 1.46.
    assert_eq!(balance(api, "psp:clearing", at).await, decimal(&json!("0")));
    assert_eq!(balance(api, "psp:fees", at).await, decimal(&json!("-4.66")));
    assert_eq!(balance(api, "bank", at).await, decimal(&json!("-120.34")));
    assert_eq!(api.list_at("/v1/payments", at).await.iter().filter(|row| row["paid_out"] == true).count(), 2);

    // A person explains what is open.
    let explained = close(api, &payout, 3, "A payment by hand in Stripe's dashboard").await.done(200);
    let line = &explained["lines"][3];
    assert_eq!((&line["state"], &line["cause"]), (&json!("closed"), &Value::Null));
    assert_eq!(line["explanation"], "A payment by hand in Stripe's dashboard");
    assert_eq!((&explained["open"], &explained["closed"]), (&json!(1), &json!(1)));
    close(api, &payout, 3, "Again").await.problem(409, "payout_line_not_open");
    close(api, &payout, 0, "It matches").await.problem(409, "payout_line_not_open");
    close(api, &payout, 1, "").await.problem(400, "invalid_request");
    let at = position(api).await;
    let listed = api.list_at(&format!("{PAYOUTS}?connector_id={connector}"), at).await;
    let counts = |row: &Value| ["lines", "matched", "open", "closed"].map(|member| row[member].as_u64().unwrap());
    assert_eq!(listed.iter().map(counts).collect::<Vec<_>>(), [[3, 1, 2, 0], [4, 2, 1, 1]]);

    let theirs = app.other_organization().await;
    hand_in(&theirs, &connector, &right).await.problem(404, "connector_not_found");
    theirs.get(&format!("{PAYOUTS}/{}", text(&payout["id"]))).await.problem(404, "payout_not_found");
    close(&theirs, &payout, 1, "Ours").await.problem(404, "payout_not_found");
    assert_eq!(theirs.walk(PAYOUTS, "cursor").await, Vec::<Value>::new());
    assert_books(&app).await;
}

#[tokio::test]
async fn what_disputes_take_and_give_back_is_paid_out_too() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    let payment = pay(api, &customer, &connector, VISA, "100").await;
    let paid = payment_that(api, &payment, "succeeded").await;
    let disputed = async |status: &str, shown: &str| {
        let body = json!({ "charge": paid["provider_id"], "status": status, "reason": "fraudulent" });
        stripe.lever("disputes", body).await;
        until(&format!("the dispute is {shown}"), async || {
            let now = payment_now(api, &paid).await;
            (now["disputes"][0]["status"] == shown).then_some(now)
        })
        .await
    };
    let now = disputed("needs_response", "open").await;
    stripe.all_told().await;

    // Stripe takes all of it, and keeps 15.
    let first = hand_in(api, &connector, &stripe.payouts().await).await.done(201);
    assert_eq!(states(&first), [MATCHED, MATCHED]);
    let line = &first["lines"][1];
    assert_eq!((&line["payment_id"], &line["refund_id"]), (&paid["id"], &Value::Null));
    assert_eq!((&line["dispute_id"], &line["source_id"]), (&now["disputes"][0]["provider_id"], &line["dispute_id"]));
    assert_eq!((&line["gross"], &line["fee"], &line["net"]), (&json!("-100"), &json!("15"), &json!("-115")));
    let at = Position::of(&first);
    assert_eq!(balance(api, "psp:clearing", at).await, decimal(&json!("0")));
    // 2.9 % of 100 and 0.30 are 3.20, and the dispute's 15.
    assert_eq!(balance(api, "psp:fees", at).await, decimal(&json!("-18.2")));
    assert_eq!(balance(api, "bank", at).await, decimal(&json!("18.2")));
    assert_eq!(balance(api, "disputes", at).await, decimal(&json!("-100")));

    // It comes back; and Stripe has changed its mind on the fee.
    disputed("won", "won").await;
    stripe.all_told().await;
    let second = with_other_amount(&stripe.payouts().await, "dispute_reversal", ("100.00", "115.00"));
    let second = second.replace(",100.00,0.00,115.00", ",100.00,-15.00,115.00");
    let second = hand_in(api, &connector, &second).await.done(201);
    assert_eq!(states(&second), [open("paid_out_twice"), open("paid_out_twice"), MATCHED]);
    assert_eq!(second["lines"][2]["dispute_id"], line["dispute_id"]);
    let at = Position::of(&second);
    assert_eq!(balance(api, "psp:clearing", at).await, decimal(&json!("0")));
    assert_eq!(balance(api, "psp:fees", at).await, decimal(&json!("-3.2")));
    assert_eq!(balance(api, "bank", at).await, decimal(&json!("-96.8")));
    assert_eq!(balance(api, "disputes", at).await, decimal(&json!("0")));
    assert_books(&app).await;
}

#[tokio::test]
async fn a_file_of_another_provider_is_read_too() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    let mut ids = Vec::new();
    for amount in ["10.5", "20", "30"] {
        let payment = pay(api, &customer, &connector, VISA, amount).await;
        ids.push(text(&payment_that(api, &payment, "succeeded").await["provider_id"]).to_owned());
    }
    let [a, b, c] = ids.as_slice() else { panic!("{ids:?}") };
    // Also one of a payment by hand, whose reference is no provider's word.
    let invoice = invoice_over(api, &customer, "9", json!({})).await;
    api.post(&invoice_path(&invoice, "/pay"), &json!({ "reference": "SEPA-1" })).await.done(200);
    let file = [
        GENERAL.to_owned(),
        format!("1,{a},charge,USD,10.50,0.60,9.90,2026-01-31T00:00:00Z"),
        format!("2,{a},charge,USD,10.50,0.60,9.90,2026-01-31T00:00:00Z"),
        format!("3,{b},charge,EUR,20,0,20,2026-01-31T00:00:00Z"),
        format!("4,{b},charge,USD,-20,0,-20,2026-01-31T00:00:00Z"),
        format!("5,{c},charge,USD,30,-1,31,2026-01-31T00:00:00Z"),
        "6,,adjustment,USD,-0.10,0,-0.10,2026-01-31T00:00:00Z".to_owned(),
        "7,dp_1,dispute,USD,-20,15,-35,2026-01-31T00:00:00Z".to_owned(),
        "8,SEPA-1,charge,USD,9,0,9,2026-01-31T00:00:00Z".to_owned(),
    ]
    .join("\n");
    let payout = hand_in(api, &connector, &file).await.done(201);
    assert_eq!(payout["paid_out_at"], "2026-01-31T00:00:00Z");
    let found = states(&payout);
    let expected = [
        MATCHED,
        open("paid_out_twice"),
        open("currency_differs"),
        open("amount_differs"),
        open("amount_differs"),
        open("no_payment"),
        open("unknown"),
    ];
    assert_eq!(found[..7], expected);
    assert_eq!(found[7].0, "open", "money by hand was never with a provider: {found:?}");
    assert_books(&app).await;
}

#[tokio::test]
async fn files_that_cannot_be_read_are_refused() {
    let app = TestApp::up().await;
    let api = &app.api;
    let bank = api.post("/v1/connectors", &json!({ "kind": "manual", "name": "Bank" })).await.done(201);
    let connector = text(&bank["id"]);
    let events = app.site.events_count(None).await;
    let line = |cells: &str| format!("{GENERAL}\n{cells}\n");
    let net = "1,pi_1,charge,USD,10,1,8,";
    for (what, csv, param, at) in [
        ("nothing", String::new(), None, None),
        ("another form", "a,b,c\n1,2,3\n".to_owned(), None, None),
        ("no column", format!("{}\n", GENERAL.replace(",net", "")), None, None),
        ("a short line", line("1,pi_1,charge"), None, Some(2)),
        ("not gross less fee", line(net), Some("net"), Some(2)),
        ("no currency", line("1,pi_1,charge,DOLLAR,10,1,9,"), Some("currency"), Some(2)),
        ("no amount", line("1,pi_1,charge,USD,ten,1,9,"), Some("gross"), Some(2)),
        ("an id twice", line("1,pi_1,charge,USD,10,1,9,\n1,pi_2,charge,USD,10,1,9,"), Some("line_id"), Some(3)),
        ("no time", line("1,pi_1,charge,USD,10,1,9,yesterday"), Some("paid_out_at"), Some(2)),
    ] {
        let answer = hand_in(api, connector, &csv).await;
        let problem = answer.check_problem(400, "invalid_payout_file");
        let problem = problem.unwrap_or_else(|wrong| panic!("{what}: {wrong}: {} {}", answer.status, answer.text()));
        if let Some(param) = param {
            assert_eq!(problem["param"], param, "{what}");
        }
        if let Some(at) = at {
            assert_eq!(problem["line"], at, "{what}");
        }
    }
    let many: String = (0..10_001).map(|n| format!("{n},,fee,USD,0,0,0,\n")).collect();
    let problem = hand_in(api, connector, &line(&many)).await.problem(422, "too_many_lines");
    assert_eq!(problem["limit"], 10_000);
    let as_json = api.post(&format!("{PAYOUTS}?connector_id={connector}"), &json!({})).await;
    as_json.problem(415, "unsupported_media_type");
    let csv = line("1,pi_1,charge,USD,10,1,9,");
    hand_in(api, "con_1", &csv).await.problem(404, "connector_not_found");
    let request = api.request(Method::POST, PAYOUTS).header("content-type", "text/csv").body(csv.clone());
    Answer::of(request).await.unwrap().problem(400, "missing_field|invalid_request");
    let anonymous = api.anonymous(Method::POST, &format!("{PAYOUTS}?connector_id={connector}"));
    Answer::of(anonymous.header("content-type", "text/csv").body(csv)).await.unwrap().problem(401, "unauthenticated");
    assert_eq!(app.site.events_count(None).await, events);
    let nobodys = format!("{PAYOUTS}/pout_00000000000000000000000000");
    api.get(&nobodys).await.problem(404, "payout_not_found");
    api.get(&format!("{PAYOUTS}/pout_1")).await.problem(404, "payout_not_found");
    let path = format!("{nobodys}/lines/0/close");
    api.post(&path, &json!({ "explanation": "None" })).await.problem(404, "payout_not_found");
}

#[tokio::test]
async fn a_file_that_is_sent_many_times_at_once_counts_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    let mut lines = vec![GENERAL.to_owned()];
    for nth in 0..5 {
        let payment = pay(api, &customer, &connector, VISA, "8").await;
        let id = payment_that(api, &payment, "succeeded").await["provider_id"].clone();
        lines.push(format!("{nth},{},charge,USD,8,0.5,7.5,", text(&id)));
    }
    let file = lines.join("\n");
    let sent = (0..4).map(|_| hand_in(api, &connector, &file));
    let answers = futures::future::join_all(sent).await;
    assert!(answers.iter().all(|answer| [200, 201].contains(&answer.status)), "{answers:?}");
    for answer in &answers {
        assert_eq!(states(&answer.json()), [MATCHED; 5]);
    }
    assert_eq!(app.site.events_count(Some("imported")).await, 1);
    assert_eq!(app.site.events_count(Some("paid_out")).await, 5);
    let at = position(api).await;
    assert_eq!(balance(api, "psp:clearing", at).await, decimal(&json!("0")));
    assert_books(&app).await;
}
