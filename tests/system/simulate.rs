//! `tollbook simulate` against a running installation: through its gateway, and past it.

use std::fs;

use serde_json::json;

use crate::support::gateway::assert_settled_up;
use crate::support::sessions::{ChainApp, session_keys, settle_all};
use crate::support::{Output, TestApp};

/// The rows of the table it prints: one for each place that keeps figures.
fn table(output: &Output) -> Vec<String> {
    output.stdout.lines().filter(|line| line.starts_with('│')).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_shipped_trace_leaves_no_difference() {
    let app = TestApp::up().await;
    for (event_type, way) in [("captured", &[][..]), ("charged", &["--direct"][..])] {
        let args = ["simulate", "--customers", "7", "--rows", "500", "--concurrency", "16"];
        let output = app.tollbook(&[&args[..], way].concat()).await.expect_code(0);
        assert!(output.stdout.contains("nothing differs"), "{}", output.stdout);
        for place in ["trace", "ledger", "quota", "statement", "risk", "journal", "account"] {
            assert!(table(&output).iter().any(|line| line.contains(place)), "{place}: {}", output.stdout);
        }
        assert_eq!(app.site.events_count(Some(event_type)).await, 500, "{way:?}");
    }
    let customers = app.api.get("/v1/customers?limit=100").await.done(200);
    assert_eq!(customers["data"].as_array().unwrap().len(), 14, "what it made stays");
    // But for what leads to a model that is no more.
    assert_eq!(app.api.get("/v1/routes").await.done(200)["data"], json!([]));
    assert_eq!(app.api.get("/v1/models").await.done(200)["data"], json!([]));
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn half_by_vouchers_and_half_by_keys() {
    let app = ChainApp::up().await;
    let args = ["simulate", "--customers", "2", "--sessions", "4", "--threshold", "0.05", "--rows", "240"];
    let output = app.tollbook(&args).await.expect_code(0);
    assert!(output.stdout.contains("nothing differs"), "{}", output.stdout);
    for place in ["account", "session key", "claimed, on chain", "transferred to the payee"] {
        assert!(table(&output).iter().any(|line| line.contains(place)), "{place}: {}", output.stdout);
    }
    let count = async |event_type: &'static str| app.site.events_count(Some(event_type)).await;
    assert_eq!((count("captured").await, count("charged").await, count("held").await), (240, 0, 240));
    let keys = session_keys(&app.api).await;
    let signed = keys.iter().filter(|key| key["custody"] == "self" && key["voucher"].is_object()).count();
    assert_eq!((keys.len(), signed), (4, 3), "three of six payers");
    settle_all(&app.api).await;
    app.assert_settled().await;
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn a_run_that_is_repeated_asks_for_the_same_answers() {
    let app = TestApp::up().await;
    let args = ["simulate", "--run", "again", "--customers", "3", "--rows", "200", "--concurrency", "8"];
    let first = app.tollbook(&args).await.expect_code(0);
    let second = app.tollbook(&args).await.expect_code(0);
    assert_eq!(table(&second), table(&first));
    assert!(second.stdout.contains("replays    200"), "{}", second.stdout);
    let count = async |event_type: &'static str| app.site.events_count(Some(event_type)).await;
    assert_eq!((count("captured").await, count("held").await), (200, 200));
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn a_run_that_is_repeated_charges_nothing_twice() {
    let app = TestApp::up().await;
    let args = ["simulate", "--direct", "--run", "again", "--customers", "3", "--rows", "200", "--concurrency", "8"];
    let first = app.tollbook(&args).await.expect_code(0);
    let events = app.site.events_count(None).await;
    assert_eq!(app.site.events_count(Some("charged")).await, 200);

    let second = app.tollbook(&args).await.expect_code(0);
    assert_eq!(table(&second), table(&first));
    assert_eq!(app.site.events_count(None).await, events);
    // The name belongs to that trace: with another part of it, it is another run.
    let other = ["simulate", "--direct", "--run", "again", "--customers", "3", "--rows", "100"];
    app.tollbook(&other).await.expect_failure();
    assert_eq!(app.site.events_count(Some("charged")).await, 200);
}

#[tokio::test]
async fn a_bad_row_is_named_before_anything_is_sent() {
    let app = TestApp::up().await;
    let events = app.site.events_count(None).await;
    let good = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n";
    let trace = app.site.dir.join("trace.csv");
    for (bad, row, column) in [
        ("2023-11-16 18:17:04.0000000,5,many\n", "row 3", "GeneratedTokens"),
        ("2023-11-16 18:17:04.0000000,-5,1\n", "row 3", "ContextTokens"),
        ("2023-11-16 18:17:04.0000000,1.5,1\n", "row 3", "ContextTokens"),
        ("yesterday,5,1\n", "row 3", "TIMESTAMP"),
        ("2023-11-16 18:17:04.0000000,5\n", "row 3", "GeneratedTokens"),
        ("2023-11-16 18:17:04.0000000,1,1\n\n2023-11-16 18:17:04.0000000,99999999999,1\n", "row 5", "ContextTokens"),
    ] {
        fs::write(&trace, format!("{good}{bad}")).unwrap();
        let args = ["simulate", "--customers", "1", "--trace", trace.to_str().unwrap()];
        let output = app.tollbook(&args).await.expect_failure();
        assert!(output.stderr.contains(row) && output.stderr.contains(column), "{bad}: {}", output.stderr);
        assert_eq!(app.site.events_count(None).await, events, "{bad}");
    }
    let args = ["simulate", "--customers", "1", "--trace", trace.to_str().unwrap()];
    fs::write(&trace, format!("{good}2023-11-16 18:17:04.0000000,1,100001\n")).unwrap();
    let output = app.tollbook(&args).await.expect_failure();
    assert!(output.stderr.contains("request 2") && output.stderr.contains("--direct"), "{}", output.stderr);
    assert_eq!(app.site.events_count(None).await, events);
    // Tokens of one kind alone are asked for as well: an embedding, and an answer to nothing.
    fs::write(&trace, format!("{good}2023-11-16 18:17:04.0000000,7,0\n2023-11-16 18:17:05.0000000,0,7\n")).unwrap();
    app.tollbook(&args).await.expect_code(0);
    assert_eq!(app.site.events_count(Some("captured")).await, 3);
}

#[tokio::test]
async fn without_a_server_it_says_what_is_missing() {
    let site = crate::support::Site::new();
    let output = site.tollbook(&["simulate"], &[]).await.expect_failure();
    assert!(output.stderr.contains("TOLLBOOK_URL"), "{}", output.stderr);
}
