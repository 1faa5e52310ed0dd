//! A chain that is away, hangs, or is another one: what needs it is refused with a code and can be tried again,
//! no charge is stopped, and what waited is settled when it is back.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::chain::status_ends;
use crate::support::servers::free_port;
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle_all, settlement_over};
use crate::support::{Answer, Position, caught_up, until};

const THRESHOLD: [(&str, &str); 1] = [("TOLLBOOK_SETTLEMENT_THRESHOLD", "2")];

/// Refused, may be tried again, and nothing says where the node is: its URL may hold a secret.
#[track_caller]
fn assert_away(answer: &Answer, code: &str) {
    answer.problem(503, code);
    let seconds = answer.header("retry-after").unwrap_or_default();
    assert!(seconds.parse::<u32>().is_ok(), "503 without Retry-After: {:?}", answer.headers);
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
}

/// Events of session keys; those of settlements may come meanwhile.
async fn of_session_keys(app: &ChainApp) -> i64 {
    let count = "select count(*) from events where stream_id like 'session_key:%'";
    sqlx::query_scalar(count).fetch_one(&app.site.pool()).await.unwrap()
}

/// Everything that asks the chain.
async fn assert_asks_are_refused(app: &ChainApp, drawn: &Session, active: &Session, signed: &Value, code: &str) {
    let api = &app.api;
    let before = of_session_keys(app).await;
    let deposit = json!({ "authorization": drawn.opening()["authorization"] });
    for (path, body) in [
        (drawn.path("register"), drawn.opening()),
        (active.path("deposits"), deposit),
        (active.path("freeze"), signed.clone()),
        (active.path("revoke"), signed.clone()),
        (active.path("withdrawals"), signed.clone()),
    ] {
        assert_away(&api.post_keyed(&path, &path, &body).await, code);
    }
    assert_away(&api.get(&format!("{}?action=freeze", active.path("typed_data"))).await, code);
    assert_eq!(of_session_keys(app).await, before, "something that was refused has left an event");
    // What an owner signs without being told a nonce needs no chain.
    api.get(&format!("{}?action=open", drawn.path("typed_data"))).await.done(200);
    let says = if code == "chain_mismatch" { "not the one of the settings" } else { "away" };
    app.chain_is(says).await;
}

/// Waits until a settlement is planned and waits with the transactions before it, so that nothing more happens.
async fn waits_for_the_chain(app: &ChainApp, enqueued: i64) {
    until("a settlement waits for the chain", async || {
        (app.site.events_count(Some("enqueued")).await == enqueued).then_some(())
    })
    .await;
}

#[tokio::test]
async fn charges_go_on_while_the_chain_is_away() {
    let mut app = ChainApp::up_with(&THRESHOLD).await;
    let customer = app.payer().await;
    let managed = Session::open(&app.api, &customer, Custody::Managed, "100").await;
    let client = Session::open(&app.api, &customer, Custody::Client, "100").await;
    let drawn = Session::draw_up(&app.api, &customer, Custody::Managed, "5", json!({})).await;
    let signed = managed.owner_signature(&app.api, "freeze").await;
    managed.charge_plain(&app.api, "1").await.done(201);

    app.anvil.stop().await;
    let api = &app.api;
    let mut last = None;
    for n in 1..=20u32 {
        managed.charge_plain(api, "1.000001").await.done(201);
        let charge = client.charge(api, "1.000002", u128::from(n) * 1_000_002).await.done(201);
        last = Some(Position::of(&charge));
    }
    caught_up(api, last.unwrap()).await;
    // Planned and waiting: by the threshold, and by hand.
    waits_for_the_chain(&app, 3).await;
    assert_asks_are_refused(&app, &drawn, &managed, &signed, "chain_unavailable").await;
    let wanted = api.post("/v1/settlements", &json!({})).await.done(202);
    // Here alone, so without the chain.
    let other = Session::draw_up(api, &customer, Custody::Managed, "5", json!({})).await;
    api.post(&client.path("freeze"), &json!({})).await.done(200);
    client.charge(api, "1", 50 * USDC).await.problem(409, "session_frozen");
    api.post(&client.path("unfreeze"), &json!({})).await.done(200);
    api.post(&other.path("revoke"), &json!({})).await.done(200);

    app.anvil.resume().await;
    let api = &app.api;
    settlement_over(api, text(&wanted["id"])).await;
    // The same request again, with the same key: now it is done.
    app.chain_is("ok").await;
    api.post_keyed(&drawn.path("register"), &drawn.path("register"), &drawn.opening()).await.done(202);
    drawn.active(api).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 21 * 1_000_000 + 20 + 20 * 1_000_002);
}

#[tokio::test]
async fn charges_go_on_while_the_chain_hangs() {
    let app = ChainApp::up_with(&THRESHOLD).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    let drawn = Session::draw_up(api, &customer, Custody::Managed, "5", json!({})).await;
    app.anvil.hang();
    let (path, opening) = (drawn.path("register"), drawn.opening());
    let (registering, ()) = tokio::join!(api.post(&path, &opening), async {
        for _ in 0..5 {
            session.charge_plain(api, "1").await.done(201);
        }
    });
    assert_away(&registering, "chain_unavailable");
    app.anvil.go_on();
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 5 * USDC);
}

#[tokio::test]
async fn another_chain_is_not_taken_for_ours() {
    let mut app = ChainApp::up_with(&THRESHOLD).await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    let drawn = Session::draw_up(&app.api, &customer, Custody::Managed, "5", json!({})).await;
    let signed = session.owner_signature(&app.api, "freeze").await;
    session.charge_plain(&app.api, "1").await.done(201);

    // Another id; and the same id without our contract on it, where money could be lost.
    app.anvil.stop().await;
    for chain_id in [31_338, 31_337] {
        app.anvil.start_another_chain(chain_id).await;
        let api = &app.api;
        app.chain_is("not the one of the settings").await;
        session.charge_plain(api, "2").await.done(201);
        waits_for_the_chain(&app, 2).await;
        assert_asks_are_refused(&app, &drawn, &session, &signed, "chain_mismatch").await;
        app.anvil.kill();
    }
    app.anvil.resume().await;
    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, 5 * USDC);
}

#[tokio::test]
async fn chain_status_is_not_ok_when_nobody_follows() {
    const LOOK: &str = "a person should look";
    let mut app = ChainApp::up_with(&THRESHOLD).await;
    status_ends(&app.site, "ok").await;
    app.anvil.stop().await;
    status_ends(&app.site, LOOK).await;
    app.anvil.start_another_chain(31_338).await;
    let output = app.site.tollbook(&["chain", "status"], &[]).await.expect_code(1);
    assert!(output.stdout.contains("not the one of the settings"), "{}", output.stdout);
    app.anvil.kill();
    app.anvil.resume().await;
    status_ends(&app.site, "ok").await;

    // No worker for a while, and of another chain never one.
    app.kill();
    let pool = app.site.pool();
    sqlx::query("update chain_workers set heard_at = heard_at - interval '1 minute'").execute(&pool).await.unwrap();
    pool.close().await;
    let elsewhere = [("EVM_RPC_URL", ""), ("TOLLBOOK_NETWORK", "base")];
    for (env, why) in
        [(&[][..], "nothing was heard of the worker"), (&elsewhere[..], "no worker has followed this chain")]
    {
        let output = app.site.tollbook(&["chain", "status"], env).await.expect_code(1);
        assert!(output.stdout.contains(why), "{}", output.stdout);
        assert_eq!(output.stdout.lines().last(), Some(LOOK), "{}", output.stdout);
    }
}

#[tokio::test]
async fn a_node_that_forgot_what_waited_for_a_block() {
    let mut app = ChainApp::up().await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    let drawn = Session::draw_up(&app.api, &customer, Custody::Client, "5", json!({})).await;
    session.charge_plain(&app.api, "3").await.done(201);
    app.anvil.stop_mining().await;
    let api = &app.api;
    api.post(&drawn.path("register"), &drawn.opening()).await.done(202);
    api.post("/v1/settlements", &json!({})).await.done(202);
    app.anvil.pending(2).await;
    until("both are sent", async || (app.site.events_count(Some("sent")).await == 3).then_some(())).await;

    // It comes back without them: the same bytes go out again, under the same nonces.
    app.anvil.stop().await;
    app.anvil.resume().await;
    let api = &app.api;
    drawn.active(api).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3 * USDC);
    assert_eq!(app.site.events_count(Some("signed")).await, 3);
}

#[tokio::test]
async fn settings_for_another_chain() {
    let mut app = ChainApp::up_with(&THRESHOLD).await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    session.charge_plain(&app.api, "1").await.done(201);

    app.site.set("TOLLBOOK_NETWORK", "base".to_owned());
    app.restart().await;
    let api = &app.api;
    session.charge_plain(api, "2").await.done(201);
    // It is on the other chain, and the node is not the one of the settings.
    let before = app.site.events_count(None).await;
    let asked = api.get(&format!("{}?action=freeze", session.path("typed_data"))).await;
    asked.problem(409, "chain_not_configured");
    let short = json!({ "withdraw_delay_secs": 900 });
    let body = crate::support::sessions::request(&customer, &session.owner, Custody::Managed, "1", short);
    api.post("/v1/session_keys", &body).await.problem(422, "withdraw_delay_too_short");
    assert_eq!(app.site.events_count(None).await, before);
    let drawn = Session::draw_up(api, &customer, Custody::Managed, "1", json!({})).await;
    assert_eq!((&drawn.created["chain"]["id"], &drawn.created["chain"]["name"]), (&json!(8453), &json!("base")));
    assert_away(&api.post(&drawn.path("register"), &drawn.opening()).await, "chain_mismatch");

    // A node's URL may hold a key; it goes into no answer and into no log.
    app.site.set("EVM_RPC_URL", format!("http://127.0.0.1:{}/v2/key-of-the-node", free_port()));
    app.restart().await;
    let api = &app.api;
    assert_away(&api.post(&drawn.path("register"), &drawn.opening()).await, "chain_unavailable");
    let metrics = until("the worker has noticed", async || {
        Some(api.get("/metrics").await.text()).filter(|text| text.contains("tollbook_chain_up 0"))
    })
    .await;
    for (place, text) in [("metrics", metrics), ("log", app.log())] {
        assert!(!text.contains("key-of-the-node"), "the {place} names the node's URL");
    }

    // Without any chain at all nothing but session keys stops.
    app.site.set("EVM_RPC_URL", String::new());
    app.restart().await;
    let api = &app.api;
    session.charge_plain(api, "2").await.done(201);
    api.post("/v1/session_keys", &body).await.problem(409, "chain_not_configured");
    api.post(&drawn.path("register"), &drawn.opening()).await.problem(409, "chain_not_configured");
    api.post("/v1/settlements", &json!({})).await.problem(409, "chain_not_configured");

    let url = app.anvil.url();
    app.site.set("EVM_RPC_URL", url);
    app.site.set("TOLLBOOK_NETWORK", "local".to_owned());
    app.restart().await;
    settle_all(&app.api).await;
    // The one that was drawn up for the other chain stays where it is.
    drawn.until_status(&app.api, "pending").await;
    assert_eq!(app.assert_settled().await, 5 * USDC);
}
