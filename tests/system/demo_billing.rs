//! `tollbook demo billing` against a running installation: its figures, its papers, and what is left when it has ended.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Output, Site, TestApp, assert_amount, until};

/// The rows of the table it prints, one for each figure.
fn figures(output: &Output) -> Vec<&str> {
    output.stdout.lines().filter(|line| line.starts_with('│')).collect()
}

#[tokio::test]
async fn a_plan_is_sold_and_every_figure_is_right() {
    let app = TestApp::up().await;
    let out = app.site.dir.join("papers");
    let args = ["demo", "billing", "--out", out.to_str().unwrap()];
    let output = app.tollbook(&args).await.expect_code(0);
    assert!(output.stdout.contains("nothing differs"), "{}", output.stdout);
    for (what, figure) in [
        ("first invoice: total", "358.80"),
        ("charged: 2500 × 0.01", "25.00"),
        ("line: api_calls used", "52500"),
        ("line: of it included", "50000"),
        ("the next month", "299.00"),
        ("subtotal", "324.00"),
        ("VAT 20 %, computed on", "324.00"),
        ("total", "388.80"),
        ("paid", "388.80"),
        ("explain: charges behind the usage", "21"),
        ("payout file: lines that match a payment", "2"),
        ("payout file: open lines", "0"),
        ("owed: account, post-paid", "0.00"),
    ] {
        // Expected and found.
        let shown = |line: &&str| line.contains(what) && line.matches(&format!(" {figure} ")).count() >= 2;
        assert!(figures(&output).iter().any(shown), "{what} {figure}: {}", output.stdout);
    }

    let paper = |end: &str| {
        let mut names = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        let found = names.find(|path| path.to_string_lossy().ends_with(end));
        fs::read(found.unwrap_or_else(|| panic!("no {end} in {}", out.display()))).unwrap()
    };
    let (english, chinese) = (paper("-000002.en.pdf"), paper("-000002.zh.pdf"));
    assert!(english.starts_with(b"%PDF-") && chinese.starts_with(b"%PDF-") && english != chinese);

    let paid = app.api.get("/v1/invoices?status=paid").await.done(200);
    let [renewed, begun] = paid["data"].as_array().unwrap().as_slice() else { panic!("{paid}") };
    assert_amount(&begun["total"], "358.80");
    assert_amount(&renewed["total"], "388.80");
    let clocks = app.api.get("/v1/test_clocks").await.done(200);
    assert_eq!(clocks["data"][0]["now"], "2026-02-01T00:00:00Z");
    let connectors = app.api.get("/v1/connectors").await.done(200);
    let connector = connectors["data"][0]["id"].as_str().unwrap();
    let connector = app.api.get(&format!("/v1/connectors/{connector}")).await.done(200);
    assert!(connector["removed_at"].is_string(), "its Stripe is no more: {connector}");
    let messages = until("both payments were told of", async || {
        let messages = app.api.get("/v1/webhooks?limit=100").await.done(200)["data"].as_array().unwrap().clone();
        let paid = messages.iter().filter(|message| message["provider_type"] == "payment_intent.succeeded").count();
        (paid == 2).then_some(messages)
    })
    .await;
    let is_taken = |message: &Value| message["outcome"].as_str().is_some_and(|outcome| outcome != "refused");
    assert!(messages.iter().all(is_taken), "{messages:?}");
    app.site.assert_clean().await;
}

#[tokio::test]
async fn it_can_be_shown_again() {
    let app = TestApp::up().await;
    let out = app.site.dir.join("papers");
    let args = ["demo", "billing", "--out", out.to_str().unwrap()];
    app.tollbook(&args).await.expect_code(0);
    let again = app.tollbook(&args).await.expect_code(0);
    // Each clock has a series of its own.
    assert!(again.stdout.contains("-000002") && !again.stdout.contains("-000003"), "{}", again.stdout);
    let rates = app.api.get("/v1/tax_rates").await.done(200);
    assert_eq!(rates["data"].as_array().unwrap().len(), 1, "the tax is there already: {rates}");
    let plan = app.api.get("/v1/plans/professional").await.done(200);
    assert_eq!((&plan["published_version"], &plan["draft_version"]), (&json!(1), &json!(null)));
    app.site.assert_clean().await;
}

#[tokio::test]
async fn it_goes_by_the_tax_table_that_there_is() {
    let app = TestApp::up().await;
    let out = app.site.dir.join("papers");
    let args = ["demo", "billing", "--out", out.to_str().unwrap()];
    for (name, percent) in [("VAT", "19"), ("Levy", "0.75")] {
        let rate = json!({ "name": name, "country": "DE", "percent": percent });
        app.api.post("/v1/tax_rates", &rate).await.done(201);
    }
    // 324 × 0.19 = 61.56, and 324 × 0.0075 = 2.43.
    let output = app.tollbook(&args).await.expect_code(0);
    assert!(output.stdout.contains("387.99") && output.stdout.contains("2.43"), "{}", output.stdout);

    let within = json!({ "name": "Old VAT", "country": "DE", "percent": "16", "inclusive": true });
    app.api.post("/v1/tax_rates", &within).await.done(201);
    let output = app.tollbook(&args).await.expect_failure();
    assert!(output.stderr.contains("Old VAT") && output.stderr.contains("within prices"), "{}", output.stderr);
}

#[tokio::test]
async fn without_a_server_it_says_what_is_missing() {
    let output = Site::new().tollbook(&["demo", "billing"], &[]).await.expect_failure();
    assert!(output.stderr.contains("TOLLBOOK_URL"), "{}", output.stderr);
}
