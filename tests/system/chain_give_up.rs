//! A person gives up what a settler was to send again: only where its key is no longer at work. What a key at work has to
//! send again is sent by itself, and would else stay unsent.

use std::process::{Output, Stdio};

use serde_json::json;

use crate::support::chain::{BY_HAND, confirm, halted, settler_key, status_ends, told, until_told};
use crate::support::sessions::{ChainApp, Custody, Session, settle};
use crate::support::until;

const NOTE: &str = "the key is gone";

/// Somebody who has the database, and is told nothing of keys.
async fn without_keys(app: &ChainApp, settler: &str) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tollbook"));
    command.env_clear().env("DATABASE_URL", &app.site.database_url).env("TOLLBOOK_CONTRACT", &app.deployed.contract);
    command.args(["chain", "confirm", "--give-up", settler, "--note", NOTE]).stdin(Stdio::null());
    command.kill_on_drop(true).output().await.unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains(why), "{:?}: {said}", output.status);
}

#[tokio::test]
async fn only_of_a_settler_that_is_not_at_work() {
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    app.quiet().await;
    let snapshot = app.anvil.snapshot().await;
    session.charge_plain(&app.api, "1.5").await.done(201);
    assert_eq!(settle(&app.api).await["transferred"], "1.5");
    app.quiet().await;
    app.anvil.set_back(&snapshot).await;
    halted(&app, 1).await;
    // No blocks, so what is sent again does not get there.
    app.anvil.stop_mining().await;
    confirm(&app.site, "it was set back").await;
    until_told(&app.site, "settler.resend_requested", 1).await;

    // Until then it says so, whoever is asked.
    app.chain_is("the chain is read anew after it was set back").await;
    status_ends(&app.site, "wait: it is read anew").await;

    let former = settler_key(&app.site).address().to_string();
    let give_up = ["chain", "confirm", "--give-up", &former, "--note", NOTE];
    let refused = app.site.tollbook(&give_up, &[]).await.expect_code(1);
    assert!(refused.stderr.contains("at work here"), "{}", refused.stderr);
    assert_refused(&without_keys(&app, &former).await, "no other key");
    let nobody = format!("0x{}", "05".repeat(20));
    assert_refused(&without_keys(&app, &nobody).await, "no such settler in this log");
    assert!(told(&app.site, "settler.resent").await.is_empty(), "it is still to be sent again");

    // Another key takes its place: the settings say so before the log knows of it.
    app.kill();
    let (next, secret) = chain::voucher::generate().unwrap();
    let file = app.site.dir.join("next.key");
    std::fs::write(&file, secret.to_string()).unwrap();
    app.site.set("TOLLBOOK_SETTLER_KEY_FILE", file.display().to_string());
    assert_refused(&without_keys(&app, &former).await, "no other key");
    app.site.tollbook(&give_up, &[]).await.expect_code(0);
    let resent = until_told(&app.site, "settler.resent", 1).await;
    assert_eq!((resent.len(), &resent[0]["given_up"]), (1, &json!(NOTE)));

    // Then the log does, and needs no settings for it.
    app.restart().await;
    until("the other one has begun", async || {
        let opened = told(&app.site, "settler.opened").await;
        opened.iter().any(|opened| opened["address"] == next.to_string()).then_some(())
    })
    .await;
    assert_refused(&without_keys(&app, &next.to_string()).await, "no other key");
    let again = without_keys(&app, &former).await;
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(
        again.status.code() == Some(1) && said.contains("nothing of"),
        "it is allowed, and there is nothing: {said}"
    );
    assert_eq!(told(&app.site, "settler.resent").await.len(), 1);
}
