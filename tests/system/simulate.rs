//! `tollbook simulate` against a running installation.

use std::fs;

use crate::support::{Output, TestApp};

/// The rows of the table it prints: one for each place that keeps figures.
fn table(output: &Output) -> Vec<String> {
    output.stdout.lines().filter(|line| line.starts_with('│')).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_shipped_trace_leaves_no_difference() {
    let app = TestApp::up().await;
    let args = ["simulate", "--customers", "7", "--rows", "500", "--concurrency", "16"];
    let output = app.tollbook(&args).await.expect_code(0);
    assert!(output.stdout.contains("nothing differs"), "{}", output.stdout);
    for place in ["trace", "ledger", "quota", "invoice", "risk", "journal", "account"] {
        assert!(table(&output).iter().any(|line| line.contains(place)), "{place}: {}", output.stdout);
    }
    assert_eq!(app.site.events_count(Some("charged")).await, 500);
    let customers = app.api.get("/v1/customers?limit=100").await.done(200);
    assert_eq!(customers["data"].as_array().unwrap().len(), 7, "what it made stays");
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_run_that_is_repeated_charges_nothing_twice() {
    let app = TestApp::up().await;
    let args = ["simulate", "--run", "again", "--customers", "3", "--rows", "200", "--concurrency", "8"];
    let first = app.tollbook(&args).await.expect_code(0);
    let events = app.site.events_count(None).await;
    assert_eq!(app.site.events_count(Some("charged")).await, 200);

    let second = app.tollbook(&args).await.expect_code(0);
    assert_eq!(table(&second), table(&first));
    assert_eq!(app.site.events_count(None).await, events);
    // The name belongs to that trace: with another part of it, it is another run.
    let other = ["simulate", "--run", "again", "--customers", "3", "--rows", "100"];
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
    fs::write(&trace, good).unwrap();
    app.tollbook(&["simulate", "--customers", "1", "--trace", trace.to_str().unwrap()]).await.expect_code(0);
    assert_eq!(app.site.events_count(Some("charged")).await, 1);
}

#[tokio::test]
async fn without_a_server_it_says_what_is_missing() {
    let site = crate::support::Site::new();
    let output = site.tollbook(&["simulate"], &[]).await.expect_failure();
    assert!(output.stderr.contains("TOLLBOOK_URL"), "{}", output.stderr);
}
