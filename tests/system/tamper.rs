//! A log that somebody changed behind our back, and read models that are rebuilt from it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgPool;

use crate::support::{Output, Position, TestApp, assert_amount, caught_up, decimal};

/// An installation with 30 charges, the 15th of them, and the last.
async fn charged() -> (TestApp, PgPool, Position, Position) {
    let app = TestApp::up().await;
    let customer = app.api.funded("100").await;
    let mut positions = Vec::new();
    for _ in 0..30 {
        positions.push(Position::of(&app.api.charge(&customer, "1").await.done(201)));
    }
    // Whoever reads the log has read it before it is changed: this is not about them.
    caught_up(&app.api, positions[29]).await;
    let pool = app.site.pool();
    (app, pool, positions[14], positions[29])
}

/// Runs statements of which the first may only work for who owns the table.
async fn run(pool: &PgPool, statements: &[&'static str], at: Position) -> Result<(), sqlx::Error> {
    for statement in statements {
        let query = sqlx::query(*statement);
        let takes_position = statement.contains("$1");
        let query = if takes_position { query.bind(at.partition).bind(at.position) } else { query };
        let result = query.execute(pool).await?;
        assert!(!takes_position || result.rows_affected() == 1, "{statement}");
    }
    Ok(())
}

/// The findings that `verify` prints, one a line.
fn findings(output: &Output) -> Vec<&str> {
    output.stdout.lines().map(str::trim_start).filter(|line| line.starts_with("position ")).collect()
}

const CHANGE_ONE_BYTE: &str = "update events set payload = set_byte(payload, length(payload) / 2, \
    get_byte(payload, length(payload) / 2) # 1) where partition = $1 and position = $2";
const DELETE_ONE_ROW: &str = "delete from events where partition = $1 and position = $2";

#[tokio::test]
async fn one_changed_byte_is_named() {
    let (app, pool, middle, _) = charged().await;
    let output = app.tollbook(&["verify"]).await.expect_code(0);
    assert_eq!(findings(&output), [""; 0]);

    for statement in [CHANGE_ONE_BYTE, DELETE_ONE_ROW] {
        let refused = run(&pool, &[statement], middle).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    let tamper = [
        "alter table events disable trigger events_append_only",
        CHANGE_ONE_BYTE,
        "alter table events enable trigger all",
    ];
    run(&pool, &tamper, middle).await.unwrap();
    let output = app.tollbook(&["verify"]).await.expect_code(1);
    let found = findings(&output);
    assert_eq!(found.len(), 1, "{}", output.stdout);
    assert!(found[0].starts_with(&format!("position {middle}:")), "{}", output.stdout);

    // Put back, it is as if nothing had happened: nothing else was touched.
    run(&pool, &tamper, middle).await.unwrap();
    app.site.assert_clean().await;
}

#[tokio::test]
async fn missing_rows_are_named() {
    let (mut app, pool, middle, last) = charged().await;
    // A writer that goes on would only make a second finding of it.
    app.kill();
    let open = "alter table events disable trigger events_append_only";
    run(&pool, &[open, DELETE_ONE_ROW], last).await.unwrap();
    let output = app.tollbook(&["verify"]).await.expect_code(1);
    assert!(findings(&output).iter().any(|line| line.starts_with(&format!("position {last}:"))), "{}", output.stdout);
    assert!(output.stdout.contains("missing"), "{}", output.stdout);

    run(&pool, &[DELETE_ONE_ROW], middle).await.unwrap();
    let output = app.tollbook(&["verify"]).await.expect_code(1);
    for position in [middle, last] {
        let start = format!("position {position}:");
        assert!(findings(&output).iter().any(|line| line.starts_with(&start)), "{position}: {}", output.stdout);
    }
}

#[tokio::test]
async fn a_read_model_that_was_changed_is_found_and_rebuilt() {
    let (app, pool, _, last) = charged().await;
    app.tollbook(&["reconcile"]).await.expect_code(0);
    let changed = sqlx::query("update quota_v1.quota_customers set charged = charged + 0.000000000001");
    assert_eq!(changed.execute(&pool).await.unwrap().rows_affected(), 1);
    app.tollbook(&["reconcile"]).await.expect_code(1);
    // The log is what counts: built anew from it, the figures are right again.
    // A difference is shown and left to be looked at; nothing is put in its place unasked.
    let replay = app.tollbook(&["replay"]).await.expect_code(1);
    assert!(replay.stdout.contains("quota: quota_customers: 1 rows live, 1 rebuilt: DIFFERENT"), "{}", replay.stdout);
    app.tollbook(&["reconcile"]).await.expect_code(1);
    app.tollbook(&["replay", "--accept"]).await.expect_code(0);
    app.tollbook(&["reconcile"]).await.expect_code(0);
    let quotas = app.api.list_at("/v1/quotas", last).await;
    assert_amount(&quotas[0]["charged"], "30");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_while_charges_go_on() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let customer = api.funded("1000000").await;
    let items = vec![json!({ "customer_id": customer, "meter": "calls", "quantity": "1" }); 1000];
    for _ in 0..3 {
        api.post("/v1/charges/batch", &json!({ "charges": items })).await.done(200);
    }

    let (done, charges) = (AtomicBool::new(false), AtomicUsize::new(3000));
    let charging = async {
        while !done.load(Ordering::SeqCst) {
            let four = (0..4).map(|_| api.charge_metered(&customer, "calls", "1"));
            for answer in futures::future::join_all(four).await {
                answer.done(201);
                charges.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let replay = async {
        let output = app.tollbook(&["replay"]).await;
        done.store(true, Ordering::SeqCst);
        output.expect_code(0)
    };
    let ((), output) = tokio::join!(charging, replay);
    for read_model in ["quota", "statement", "risk", "journal"] {
        let said = output.stdout.lines().any(|line| line.contains(read_model) && line.contains("identical"));
        assert!(said, "{read_model}: {}", output.stdout);
    }
    let charges = charges.into_inner();
    assert!(charges > 3000, "charges went on meanwhile");

    // What is read now is the rebuilt copy, and it goes on following the log.
    let last = Position::of(&api.charge_metered(&customer, "calls", "1").await.done(201));
    let quotas = api.list_at("/v1/quotas", last).await;
    let expected = Decimal::from(charges + 1) * Decimal::new(25, 2);
    assert_eq!(decimal(&quotas[0]["charged"]), expected);
    caught_up(api, last).await;
    app.site.assert_clean().await;
}
