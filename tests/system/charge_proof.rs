//! Proofs that a charge was paid for: from the API, checked by the program against the chain and nothing else. And the
//! log, held against what it put on the chain.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use chrono::{DateTime, Utc};
use domain::RecordedEvent;
use domain::envelope::chain_link;
use eventstore::postgres::PostgresLog;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::io::AsyncWriteExt;

use crate::support::api::text;
use crate::support::chain::{BY_HAND, confirm, halted, settler_key, until_told};
use crate::support::holds::{HOLDS, capture};
use crate::support::sessions::{ChainApp, Custody, Session, in_seconds, settle, settlement_over};
use crate::support::{Api, Output, Position, until};

/// Where a charge's proof is.
fn path(charge: &Value) -> String {
    format!("/v1/charges/{}/proof", text(&charge["id"]))
}

/// A charge's proof, once the read model knows of the settlement.
async fn proof(api: &Api, charge: &Value, settlement: &Value) -> Value {
    let path = format!("{}?min_position={}", path(charge), Position::of(settlement));
    until("the proof is there", async || Some(api.get(&path).await).filter(|answer| answer.status != 503))
        .await
        .done(200)
}

/// Has the program check a proof, with a node and without anything of Tollbook.
async fn check(app: &ChainApp, proof: &Value, more: &[&str]) -> Output {
    let file: PathBuf = app.site.dir.join("proof.json");
    std::fs::write(&file, serde_json::to_vec_pretty(proof).unwrap()).unwrap();
    let (file, url) = (file.display().to_string(), app.anvil.url());
    let args = ["proof", "check", &file, "--rpc", &url];
    let args = [&args[..], more].concat();
    let nothing = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"), ("TOLLBOOK_CONTRACT", "")];
    app.site.tollbook(&args, &nothing).await
}

/// The same by standard input, with no settings at all. Gives the exit code, what was printed, and what was said to be
/// wrong.
async fn check_by_stdin(app: &ChainApp, proof: &[u8]) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tollbook"));
    command.env_clear().args(["proof", "check", "-", "--rpc", &app.anvil.url()]).kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(proof).await.unwrap();
    // The end of it.
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Every place of a document where a single value stands.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, one)| places(one, &format!("{at}/{name}"), found)),
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(index, one)| places(one, &format!("{at}/{index}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

/// The value with its last byte changed.
fn changed(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_u64().unwrap() + 1),
        Value::String(text) => {
            let last = if text.ends_with('1') { '2' } else { '1' };
            let mut text = text.clone();
            text.pop();
            text.push(last);
            json!(text)
        }
        other => panic!("no value of a proof: {other}"),
    }
}

#[tokio::test]
async fn a_proof_needs_nothing_but_the_chain() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let managed = Session::open(api, &customer, Custody::Managed, "10").await;
    let client = Session::open(api, &customer, Custody::Client, "10").await;
    let mut charges = Vec::new();
    for amount in ["0.25", "1.0000003", "0.5000004"] {
        charges.push(managed.charge_plain(api, amount).await.done(201));
    }
    charges.push(client.charge(api, "2", 3_000_000).await.done(201));
    let hold = api.post(HOLDS, &json!({ "session_key_id": managed.id, "amount": "1" })).await.done(201);
    charges.push(capture(api, &hold, json!({ "amount": "0.75" })).await.done(201));

    // Not in a settlement, and then in one that is on its way.
    let early = api.get(&path(&charges[0])).await.problem(409, "not_settled");
    assert_eq!((&early["settlement_id"], &early["settlement_status"]), (&Value::Null, &Value::Null));
    app.anvil.stop_mining().await;
    let wanted = api.post("/v1/settlements", &json!({})).await.done(202);
    until("it is on its way", async || {
        let now = api.get(&path(&charges[0])).await.problem(409, "not_settled");
        (now["settlement_status"] == "submitted" && now["settlement_id"] == wanted["id"]).then_some(())
    })
    .await;
    app.anvil.resume_mining().await;
    let settlement = settlement_over(api, text(&wanted["id"])).await;
    assert_eq!((&settlement["status"], &settlement["settled"]), (&json!("finalized"), &json!(2)), "{settlement}");

    for charge in &charges {
        let proof = proof(api, charge, &settlement).await;
        let proven = &proof["charge"];
        assert_eq!((&proven["id"], &proven["amount"]), (&charge["id"], &charge["amount"]));
        assert_eq!(proof["evidence_root"], settlement["evidence_root"]);
        let output = check(&app, &proof, &[]).await.expect_code(0);
        let told = format!("Proven: charge {} was paid for.", text(&charge["id"]));
        assert!(output.stdout.starts_with(&told), "{}", output.stdout);
        for value in [&proof["transaction"]["hash"], &proof["payee"], &proof["session_id"], &proof["evidence_root"]] {
            assert!(output.stdout.contains(text(value)), "{value}: {}", output.stdout);
        }
    }
    // Others have none, and whoever is not asked has none of ours.
    let later = managed.charge_plain(api, "0.1").await.done(201);
    api.get(&path(&later)).await.problem(409, "not_settled");
    let paid_by_credits = api.funded("10").await;
    let by_account = api.charge(&paid_by_credits, "1").await.done(201);
    api.get(&path(&by_account)).await.problem(409, "not_on_chain");
    let other = app.other_organization().await;
    other.get(&path(&charges[0])).await.problem(404, "charge_not_found");
    api.get(&path(&hold)).await.problem(404, "charge_not_found");

    // Final by the node, or by blocks on top.
    let good = proof(api, &charges[1], &settlement).await;
    check(&app, &good, &["--confirmations", "1"]).await.expect_code(0);
    let output = check(&app, &good, &["--confirmations", "1000000"]).await.expect_code(1);
    assert!(output.stderr.contains("not final yet"), "{}", output.stderr);
    check(&app, &good, &["--confirmations", "0"]).await.expect_code(2);
    let output = app.site.tollbook(&["proof", "check", "-", "--rpc", "nonsense"], &[]).await.expect_code(1);
    assert!(output.stderr.contains("--rpc"), "{}", output.stderr);
    // It says what is its own word, and is held against what whoever checks knows.
    let (contract, token) = (text(&good["contract"]), text(&good["token"]));
    let output = check(&app, &good, &[]).await.expect_code(0);
    for part in ["Not proven", "--contract", "--token"] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    let output = check(&app, &good, &["--contract", contract, "--token", token]).await.expect_code(0);
    assert!(output.stdout.contains("Not proven") && !output.stdout.contains("own word"), "{}", output.stdout);
    for (option, other) in [("--contract", token), ("--token", contract)] {
        let output = check(&app, &good, &[option, other]).await.expect_code(1);
        assert!(output.stdout.is_empty() && output.stderr.contains("not proven"), "{option}: {}", output.stderr);
    }
    // No value of it can be another.
    let mut all = Vec::new();
    places(&good, "", &mut all);
    assert!(all.len() > 25, "{all:?}");
    for place in &all {
        let mut forged = good.clone();
        let value = forged.pointer_mut(place).unwrap();
        *value = changed(value);
        let output = check(&app, &forged, &[]).await.expect_code(1);
        assert!(output.stdout.is_empty(), "{place}: {}", output.stdout);
    }
    // By standard input just so.
    let bytes = good.to_string().into_bytes();
    let (code, told, wrong) = check_by_stdin(&app, &bytes).await;
    let proven = format!("Proven: charge {} was paid for.", text(&good["charge"]["id"]));
    assert!(code == Some(0) && told.starts_with(&proven), "{code:?}: {told}{wrong}");
    let at = good.to_string().find(text(&good["leaf"])).unwrap() + 2;
    let mut forged = bytes.clone();
    forged[at] = if forged[at] == b'1' { b'2' } else { b'1' };
    for input in [&forged[..], &bytes[..bytes.len() - 1], b""] {
        let (code, told, wrong) = check_by_stdin(&app, input).await;
        assert!(code == Some(1) && told.is_empty() && wrong.contains("not proven"), "{code:?}: {told}{wrong}");
    }
    // A node that is not there proves nothing.
    let two = format!("{},http://127.0.0.1:1", app.anvil.url());
    let file = app.site.dir.join("good.json");
    std::fs::write(&file, good.to_string()).unwrap();
    let args = ["proof", "check", &file.display().to_string(), "--rpc", &two];
    let output = app.site.tollbook(&args, &[]).await.expect_code(1);
    assert!(output.stderr.contains("could not be checked"), "{}", output.stderr);
}

#[tokio::test]
async fn a_skipped_claim_proves_nothing() {
    let mut app = ChainApp::up().await;
    let customer = app.payer().await;
    let good = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    let change = json!({ "valid_until": in_seconds(3600), "settle_grace_secs": 900 });
    let late = Session::draw_up(&app.api, &customer, Custody::Managed, "10", change).await;
    app.api.post(&late.path("register"), &late.opening()).await.done(202);
    late.active(&app.api).await;
    let paid = good.charge_plain(&app.api, "1").await.done(201);
    let skipped = late.charge_plain(&app.api, "1").await.done(201);
    app.kill();
    app.advance(3600 + 901).await;
    app.restart().await;
    let settlement = settle(&app.api).await;
    assert_eq!((&settlement["settled"], &settlement["transferred"]), (&json!(1), &json!("1")), "{settlement}");

    let proof = proof(&app.api, &paid, &settlement).await;
    check(&app, &proof, &[]).await.expect_code(0);
    let problem = app.api.get(&path(&skipped)).await.problem(409, "claim_skipped");
    assert_eq!((&problem["settlement_id"], &problem["reason"]), (&settlement["id"], &json!("claim_window_closed")));
    // Its leaf is under the root all the same: who puts the proof together by hand gets as far as the claim.
    let side = if proof["path"][0]["side"] == "left" { "right" } else { "left" };
    let mut forged = proof.clone();
    forged["session_id"] = json!(late.session_id());
    forged["charge"]["id"] = skipped["id"].clone();
    forged["leaf"] = proof["path"][0]["hash"].clone();
    forged["path"][0] = json!({ "side": side, "hash": proof["leaf"] });
    let output = check(&app, &forged, &[]).await.expect_code(1);
    assert!(output.stderr.contains("paid nothing for session"), "{}", output.stderr);
}

/// Changes events of a log as somebody could who owns the database: every digest and every link of the hash chain is
/// computed anew. Gives how many were changed.
async fn rewrite(pool: &PgPool, partition: i32, change: impl Fn(&RecordedEvent, &mut Value) -> bool) -> usize {
    for statement in [
        "alter table events disable trigger events_append_only",
        "alter table log_batches disable trigger log_batches_append_only",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
    let log = PostgresLog::new(pool.clone());
    let mut events: BTreeMap<i64, RecordedEvent> = BTreeMap::new();
    for event in log.read_between(partition, 1, i64::MAX).await.unwrap() {
        events.insert(event.position, event);
    }
    let mut count = 0;
    for event in events.values_mut() {
        let mut payload: Value = serde_json::from_slice(&event.payload).unwrap();
        if !change(event, &mut payload) {
            continue;
        }
        count += 1;
        event.payload = serde_json::to_vec(&payload).unwrap();
        event.digest = event.computed_digest().to_vec();
        sqlx::query("update events set payload = $3, digest = $4 where partition = $1 and position = $2")
            .bind(partition)
            .bind(event.position)
            .bind(&event.payload)
            .bind(&event.digest)
            .execute(pool)
            .await
            .unwrap();
    }
    let links: Vec<(i64, i64, DateTime<Utc>)> = sqlx::query_as(
        "select first_position, last_position, recorded_at from log_batches where partition = $1 order by last_position",
    )
    .bind(partition)
    .fetch_all(pool)
    .await
    .unwrap();
    let mut chain = vec![0; 32];
    for (first, last, recorded_at) in links {
        let digests = events.range(first..=last).map(|(_, event)| event.digest.as_slice());
        chain = chain_link(&chain, first, recorded_at, digests).to_vec();
        sqlx::query("update log_batches set chain = $3 where partition = $1 and last_position = $2")
            .bind(partition)
            .bind(last)
            .bind(&chain)
            .execute(pool)
            .await
            .unwrap();
    }
    sqlx::query("update log_head set chain = $2 where partition = $1")
        .bind(partition)
        .bind(&chain)
        .execute(pool)
        .await
        .unwrap();
    count
}

/// The hash chain's link at a position, as it stands in the database.
async fn link_at(pool: &PgPool, place: Position) -> String {
    let link: Vec<u8> = sqlx::query_scalar("select chain from log_batches where partition = $1 and last_position = $2")
        .bind(place.partition)
        .bind(place.position)
        .fetch_one(pool)
        .await
        .unwrap();
    link.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn a_rewritten_log_does_not_fit_the_chain() {
    let mut app = ChainApp::up().await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    let charge = session.charge_plain(&app.api, "0.25").await.done(201);
    session.charge_plain(&app.api, "0.5").await.done(201);
    let first = settle(&app.api).await;
    session.until(&app.api, "claimed", |now| now["claimed"] == "0.75").await;
    session.charge_plain(&app.api, "1").await.done(201);
    let second = settle(&app.api).await;
    app.quiet().await;
    // Whoever writes and reads has come to its end: this is not about them.
    app.kill();
    let output = app.tollbook(&["verify", "--anchored"]).await.expect_code(0);
    let place = text(&second["log_head"]["position"]).to_owned();
    let told = format!("2 anchors hold, up to position {place}");
    assert!(output.stdout.contains(&told), "{}", output.stdout);

    // One figure of one charge, and everything that the log itself could be checked by.
    let pool = app.site.pool();
    let at = Position::of(&charge);
    let is_it = |event: &RecordedEvent, payload: &mut Value| {
        if event.position == at.position {
            payload["amount"] = json!("0.26");
        }
        event.position == at.position
    };
    assert_eq!(rewrite(&pool, at.partition, is_it).await, 1);
    app.tollbook(&["verify"]).await.expect_code(0);
    let refused = async |why: &str| {
        let output = app.tollbook(&["verify", "--anchored"]).await.expect_code(1);
        let id = text(&first["id"]);
        let line = output.stdout.lines().find(|line| line.contains(id));
        let line = line.unwrap_or_else(|| panic!("not the settlement {id}: {}", output.stdout)).to_owned();
        assert!(line.starts_with("position ") && line.contains(why), "{line}");
        line
    };
    refused("the log's hash chain").await;

    // The plan is changed along, so that the log agrees with itself there as well.
    let head: Position = text(&first["log_head"]["position"]).parse().unwrap();
    let link = link_at(&pool, head).await;
    let is_plan = |event: &RecordedEvent| {
        event.stream_id.as_str() == format!("settlement:{}", text(&first["id"])) && event.event_type == "planned"
    };
    let relink = |event: &RecordedEvent, payload: &mut Value| {
        if is_plan(event) {
            payload["log_head"]["chain"] = json!(link);
        }
        is_plan(event)
    };
    assert_eq!(rewrite(&pool, at.partition, relink).await, 1);
    let line = refused("the log comes to the evidence root").await;
    let root = line.split_once("evidence root ").unwrap().1.split(',').next().unwrap().to_owned();
    let reroot = |event: &RecordedEvent, payload: &mut Value| {
        if is_plan(event) {
            payload["evidence_root"] = json!(root);
        }
        is_plan(event)
    };
    assert_eq!(rewrite(&pool, at.partition, reroot).await, 1);
    app.tollbook(&["verify"]).await.expect_code(0);
    // What is on the chain cannot be changed along.
    refused("did not publish the evidence root").await;
}

/// Cuts the log at its end, as somebody could who owns the database: from the batch on that has this position.
async fn cut(pool: &PgPool, partition: i32, position: i64) {
    for statement in [
        "alter table events disable trigger events_append_only",
        "alter table log_batches disable trigger log_batches_append_only",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
    let first: i64 = sqlx::query_scalar(
        "select first_position from log_batches where partition = $1 and first_position <= $2 and last_position >= $2",
    )
    .bind(partition)
    .bind(position)
    .fetch_one(pool)
    .await
    .unwrap();
    for statement in [
        "delete from events where partition = $1 and position >= $2",
        "delete from log_batches where partition = $1 and first_position >= $2",
        "update log_head h set position = b.last_position, chain = b.chain from log_batches b \
         where h.partition = $1 and b.partition = $1 and b.last_position = $2 - 1",
    ] {
        sqlx::query(statement).bind(partition).bind(first).execute(pool).await.unwrap();
    }
}

#[tokio::test]
async fn a_log_that_was_cut_does_not_fit_the_chain() {
    let mut app = ChainApp::up().await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    session.charge_plain(&app.api, "0.25").await.done(201);
    settle(&app.api).await;
    session.until(&app.api, "claimed", |now| now["claimed"] == "0.25").await;
    session.charge_plain(&app.api, "1").await.done(201);
    let second = settle(&app.api).await;
    app.quiet().await;
    app.kill();
    let output = app.tollbook(&["verify", "--anchored"]).await.expect_code(0);
    assert!(output.stdout.contains("2 batches of its settlers on the chain"), "{}", output.stdout);
    // What is for the chain alone is not left out quietly, nor is reading where nothing is.
    let settler = settler_key(&app.site).address().to_string();
    for option in [&["--from-block", "0"][..], &["--settler", &settler], &["--allow-elsewhere"]] {
        app.tollbook(&[&["verify"][..], option].concat()).await.expect_code(2);
        app.tollbook(&[&["verify", "--anchored"][..], option].concat()).await.expect_code(0);
    }
    let output = app.tollbook(&["verify", "--anchored", "--from-block", "1000000"]).await.expect_code(1);
    assert!(output.stderr.contains("the chain is final up to block"), "{}", output.stderr);

    // As if the second settlement had never been.
    let pool = app.site.pool();
    let stream = format!("settlement:{}", text(&second["id"]));
    let (partition, opened): (i32, i64) =
        sqlx::query_as("select partition, position from events where stream_id = $1 and event_type = 'opened'")
            .bind(stream)
            .fetch_one(&pool)
            .await
            .unwrap();
    cut(&pool, partition, opened).await;
    app.tollbook(&["verify"]).await.expect_code(0);
    let output = app.tollbook(&["verify", "--anchored"]).await.expect_code(1);
    let told = output.stdout.lines().find(|line| line.contains("no settlement of the log has it"));
    assert!(told.is_some_and(|line| line.contains(text(&second["evidence_root"]))), "{}", output.stdout);
}

#[tokio::test]
async fn proofs_hold_again_after_the_chain_was_set_back() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    app.quiet().await;
    let snapshot = app.anvil.snapshot().await;
    let charge = session.charge_plain(api, "1").await.done(201);
    let settlement = settle(api).await;
    app.quiet().await;
    let before = proof(api, &charge, &settlement).await;
    check(&app, &before, &[]).await.expect_code(0);

    app.anvil.set_back(&snapshot).await;
    halted(&app, 1).await;
    // Its block is gone.
    let problem = api.get(&path(&charge)).await.problem(409, "chain_read_anew");
    assert_eq!(problem["settlement_id"], settlement["id"]);
    // What is sent again comes into a later block than it was in.
    let block = before["transaction"]["block_number"].as_u64().unwrap();
    let missing = (block + 3).saturating_sub(app.anvil.head().await);
    app.anvil.goes_on(missing).await;
    confirm(&app.site, "the node was restored").await;
    until_told(&app.site, "settler.resent", 1).await;
    app.chain_is("ok").await;
    let after = until("the proof is there again", async || {
        let answer = api.get(&path(&charge)).await;
        if answer.status == 200 {
            return Some(answer.done(200));
        }
        // Not before all of it was read and sent again.
        answer.problem(409, "chain_read_anew");
        None
    })
    .await;
    let (now, then) = (&after["transaction"], &before["transaction"]);
    assert_eq!(now["hash"], then["hash"]);
    assert!(now["block_number"].as_u64() > then["block_number"].as_u64(), "{now}: {then}");
    check(&app, &after, &[]).await.expect_code(0);
    let output = check(&app, &before, &[]).await.expect_code(1);
    assert!(output.stderr.contains("is in another block"), "{}", output.stderr);
    app.quiet().await;
    app.site.tollbook(&["verify", "--anchored"], &[]).await.expect_code(0);
    app.site.tollbook(&["reconcile"], &[]).await.expect_code(0);
}
