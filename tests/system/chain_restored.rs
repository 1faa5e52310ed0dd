//! A chain that was set back to an older state, after what is gone was final: nothing is believed until a person has
//! looked, charges go on meanwhile, and then what is missing is sent again, under the nonces it had. The payee is paid
//! once in all.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::chain::{
    BY_HAND, DEEP, all_read, approve_on_chain, ask_to_settle, assert_never, confirm, deposit_on_chain, finish,
    freeze_on_chain, halted, open_still, open_with, paid_once, sent_by_settler, sent_while_halted, settler_key, still,
    told, unfreeze_on_chain, until_told,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, owner, settle, settle_all, settlement_over};
use crate::support::until;

/// A settlement of all there is; gives its transaction's hash and nonce.
async fn settled(app: &ChainApp, transferred: &str) -> (String, u64) {
    let settlement = settle(&app.api).await;
    assert_eq!((&settlement["status"], &settlement["transferred"]), (&json!("finalized"), &json!(transferred)));
    let transaction = &settlement["transaction"];
    (text(&transaction["hash"]).to_owned(), transaction["nonce"].as_u64().unwrap())
}

/// What is to be sent again: one settler, and from which nonce to which.
#[track_caller]
fn resend(halted: &Value) -> (String, u64, u64) {
    let [plan] = &halted["resend"].as_array().unwrap()[..] else { panic!("not one: {halted}") };
    let nonce = |field: &str| plan[field].as_u64().unwrap_or_else(|| panic!("{halted}"));
    (text(&plan["settler"]).to_lowercase(), nonce("first_nonce"), nonce("last_nonce"))
}

/// The words for what the ledger has and the chain has not.
#[track_caller]
fn differences(halted: &Value) -> String {
    let words: Vec<&str> = halted["differences"].as_array().unwrap().iter().map(text).collect();
    words.join("\n")
}

/// Two sessions, and two settlements of which nothing is in the backup; gives the settlements' transactions.
struct Story {
    old: Session,
    young: Session,
    kept: (String, u64),
    lost: [(String, u64); 2],
}

impl Story {
    /// Up to the backup.
    async fn begin(app: &ChainApp) -> (Session, (String, u64)) {
        let customer = app.payer().await;
        let old = Session::open(&app.api, &customer, Custody::Managed, "10").await;
        old.charge_plain(&app.api, "1.000001").await.done(201);
        let kept = settled(app, "1.000001").await;
        app.quiet().await;
        (old, kept)
    }

    /// What the backup knows nothing of.
    async fn go_on(app: &ChainApp, old: Session, kept: (String, u64)) -> Self {
        let api = &app.api;
        let customer = app.payer().await;
        let change = json!({ "owner": owner(1).address().to_string() });
        let young = Session::draw_up(api, &customer, Custody::Client, "10", change).await;
        api.post(&young.path("register"), &young.opening()).await.done(202);
        young.active(api).await;
        old.charge_plain(api, "2").await.done(201);
        young.charge(api, "3.25", 4 * USDC).await.done(201);
        let first = settled(app, "5.25").await;
        old.charge_plain(api, "0.5").await.done(201);
        let second = settled(app, "0.5").await;
        app.quiet().await;
        Self { old, young, kept, lost: [first, second] }
    }

    /// The chain has gone back: until a person says so nothing is sent, and then all of it, once.
    async fn end(self, app: &ChainApp) {
        let Self { old, young, kept, lost } = self;
        let api = &app.api;
        let halted = halted(app, 1).await;
        let settler = settler_key(&app.site).address().to_string().to_lowercase();
        // The young session's opening was the first that is missing.
        assert_eq!(resend(&halted), (settler, kept.1 + 1, lost[1].1), "{halted}");
        let words = differences(&halted);
        for session in [&old, &young] {
            assert!(words.contains(&session.id), "{} is not in: {words}", session.id);
        }

        old.charge_plain(api, "0.75").await.done(201);
        young.charge(api, "0.5", 4 * USDC).await.done(201);
        let wanted = ask_to_settle(api).await;
        app.anvil.goes_on(6).await;
        old.charge_plain(api, "0.1").await.done(201);
        assert_eq!(sent_by_settler(&app.site, &app.anvil).await, kept.1 + 1, "nothing was sent");
        assert_eq!(paid_once(&app.deployed, &app.anvil).await, 1_000_001);
        // The ledger believes what it believed.
        assert_eq!(young.now(api).await["claimed"], "3.25");

        confirm(&app.site, "restored from the backup of last night").await;
        assert_eq!(sent_while_halted(&app.site).await, 0);
        let asked = until_told(&app.site, "settler.resend_requested", 1).await;
        assert_eq!((&asked[0]["first_nonce"], &asked[0]["last_nonce"]), (&json!(kept.1 + 1), &json!(lost[1].1)));
        until_told(&app.site, "settler.resent", 1).await;
        app.chain_is("ok").await;
        settlement_over(api, &wanted).await;
        settle_all(api).await;
        app.quiet().await;
        assert_eq!(app.assert_settled().await, 1_000_001 + 5_750_000 + 1_350_000);
        // The same transactions as before, each once.
        let transfers = app.deployed.transfers(&app.anvil, &app.deployed.payee).await;
        for (hash, _) in [&kept, &lost[0], &lost[1]] {
            assert_eq!(transfers.iter().filter(|(of, _)| of == hash).count(), 1, "{hash}: {transfers:?}");
        }
        let signed = told(&app.site, "settler.signed").await.len();
        assert_eq!(sent_by_settler(&app.site, &app.anvil).await, u64::try_from(signed).unwrap());
        assert_eq!(told(&app.site, "session_key.deposited").await.len(), 2, "each deposit once");
        assert_eq!(told(&app.site, "chain.confirmed").await.len(), 1);
        assert_never(&app.site, &["settler.displaced", "settlement.failed", "settlement.parked"]).await;
        app.tollbook(&["replay"]).await.expect_code(0);
    }
}

#[tokio::test]
async fn set_back_while_it_runs() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let (old, kept) = Story::begin(&app).await;
    let snapshot = app.anvil.snapshot().await;
    let story = Story::go_on(&app, old, kept).await;
    app.anvil.set_back(&snapshot).await;
    story.end(&app).await;
}

#[tokio::test]
async fn a_node_that_comes_back_from_a_backup() {
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let (old, kept) = Story::begin(&app).await;
    app.anvil.stop().await;
    app.anvil.back_up_state();
    app.anvil.resume().await;
    app.chain_is("ok").await;
    let story = Story::go_on(&app, old, kept).await;
    app.anvil.stop().await;
    app.anvil.restore_state();
    // The program was started anew meanwhile: what it knows of the chain is in the log alone.
    app.restart().await;
    app.anvil.resume().await;
    story.end(&app).await;
}

#[tokio::test]
async fn set_back_while_a_settlement_is_under_way() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    let (old, kept) = Story::begin(&app).await;
    let snapshot = app.anvil.snapshot().await;
    old.charge_plain(api, "2").await.done(201);
    let lost = settled(&app, "2").await;
    app.quiet().await;
    // Sent, and in no block.
    app.anvil.stop_mining().await;
    old.charge_plain(api, "0.25").await.done(201);
    let waiting = ask_to_settle(api).await;
    app.anvil.pending(1).await;
    until("it is under way", async || {
        let now = api.get(&format!("/v1/settlements/{waiting}")).await.done(200);
        (now["status"] == "submitted").then_some(())
    })
    .await;
    app.anvil.set_back(&snapshot).await;
    app.anvil.resume_mining().await;
    let halted = halted(&app, 1).await;
    let (_, first, last) = resend(&halted);
    assert_eq!(first, kept.1 + 1);
    assert!(last >= lost.1, "{halted}");
    confirm(&app.site, "a node was replaced by an old one").await;
    settlement_over(api, &waiting).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_000_001 + 2_250_000);
    assert_eq!(told(&app.site, "settlement.finalized").await.len(), 3);
}

#[tokio::test]
async fn set_back_twice() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    let (old, _) = Story::begin(&app).await;
    let mut paid = 1_000_001;
    for round in 1..=2usize {
        let snapshot = app.anvil.snapshot().await;
        old.charge_plain(api, "1.5").await.done(201);
        settled(&app, "1.5").await;
        app.quiet().await;
        app.anvil.set_back(&snapshot).await;
        halted(&app, round).await;
        confirm(&app.site, "once more").await;
        until_told(&app.site, "settler.resent", round).await;
        app.chain_is("ok").await;
        settle_all(api).await;
        paid += 1_500_000;
        assert_eq!(app.assert_settled().await, paid);
    }
    assert_eq!(told(&app.site, "settler.signed").await.len(), 4, "an opening and three settlements");
    // Nobody is asked twice about one thing.
    let again = app.site.tollbook(&["chain", "confirm", "--note", "nothing to say"], &[]).await;
    again.expect_failure();
    assert_eq!(told(&app.site, "chain.confirmed").await.len(), 2);
}

#[tokio::test]
async fn what_owners_paid_in_themselves_stays_missing() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::draw_up(api, &customer, Custody::Managed, "10", json!({})).await;
    open_with(&app, &session, "4").await;
    approve_on_chain(&app, &session, 3 * USDC).await;
    session.charge_plain(api, "1").await.done(201);
    settled(&app, "1").await;
    app.quiet().await;
    let snapshot = app.anvil.snapshot().await;
    deposit_on_chain(&app, &session, 3 * USDC).await;
    session.until(api, "paid in", |now| now["deposited"] == "7").await;

    app.anvil.set_back(&snapshot).await;
    let halted = halted(&app, 1).await;
    assert!(differences(&halted).contains(&session.id), "{halted}");
    assert_eq!(halted["resend"], json!([]), "nothing of the settler's is missing");
    session.charge_plain(api, "0.5").await.done(201);
    confirm(&app.site, "the deposit of 3 is gone: its owner is told").await;
    app.chain_is("ok").await;
    session.charge_plain(api, "0.25").await.done(201);
    settle_all(api).await;
    assert_eq!(paid_once(&app.deployed, &app.anvil).await, 1_750_000);

    // It is not forgotten: whoever compares finds it, until somebody has decided what it is.
    let compared = app.site.tollbook(&["reconcile"], &[]).await.expect_code(1);
    assert!(compared.stdout.contains(&session.id), "{}", compared.stdout);
    app.site.tollbook(&["verify"], &[]).await.expect_code(0);
    let escrow = app.deployed.escrow(&app.anvil, session.session_id(), &app.deployed.payee).await;
    assert_eq!((session.now(api).await["deposited"].clone(), escrow), (json!("7"), 4 * USDC));
    let opened = until_told(&app.site, "reconciliation.opened", 1).await;
    let subjects: Vec<&Value> = opened.iter().map(|opened| &opened["found"]["subject"]).collect();
    assert!(subjects.iter().any(|subject| subject["session_key_id"] == session.id.as_str()), "{subjects:?}");
}

/// A freeze and its end were final, and a chain that was set back has only the freeze again, in a lower block than it was
/// in. `is_final` says whether it is there for good when the person looks.
async fn only_the_freeze_comes_again(is_final: bool) {
    let app = still().await;
    let api = &app.api;
    let session = open_still(&app, Custody::Managed, "2").await;
    let snapshot = app.anvil.snapshot().await;
    let kept = app.anvil.head().await;
    app.anvil.mine_blocks(DEEP).await;
    let freeze = freeze_on_chain(&app, &session).await;
    finish(&app).await;
    session.until_status(api, "frozen").await;
    let end = unfreeze_on_chain(&app, &session).await;
    finish(&app).await;
    session.until_status(api, "active").await;
    session.charge_plain(api, "0.5").await.done(201);
    all_read(&app).await;
    let (freeze, end) = (app.anvil.raw(&freeze).await, app.anvil.raw(&end).await);

    app.anvil.set_back(&snapshot).await;
    app.anvil.send_raw(&freeze).await;
    app.anvil.mine_blocks(if is_final { 1 + DEEP } else { 1 }).await;
    let halted = halted(&app, 1).await;
    assert_eq!(halted["resend"], json!([]), "nothing of the settler's is missing");
    confirm(&app.site, "the node was restored, and the owner has sent the freeze again").await;
    let now = session.until_status(api, "frozen").await;
    assert_eq!(now["frozen_by"], json!(["owner"]));
    session.charge_plain(api, "0.1").await.problem(409, "session_frozen");
    let frozen = told(&app.site, "session_key.frozen").await;
    assert_eq!(frozen.last().unwrap()["at"]["block_number"], kept + 1, "{frozen:?}");
    assert!(frozen[0]["at"]["block_number"].as_u64().unwrap() > kept + 1, "{frozen:?}");
    app.chain_is("ok").await;
    // It stays so when it is final, and until it is read once more.
    finish(&app).await;
    all_read(&app).await;
    session.charge_plain(api, "0.1").await.problem(409, "session_frozen");

    // Its end: the very transaction that ended it before, or another.
    if is_final {
        app.anvil.send_raw(&end).await;
    } else {
        unfreeze_on_chain(&app, &session).await;
    }
    finish(&app).await;
    session.until_status(api, "active").await;
    session.charge_plain(api, "0.25").await.done(201);
    app.anvil.resume_mining().await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 750_000);
    assert_eq!(session.now(api).await["status"], "active");
    assert_eq!(told(&app.site, "session_key.unfrozen").await.len(), 2);
    assert_eq!(told(&app.site, "session_key.deposited").await.len(), 1);
    app.tollbook(&["replay"]).await.expect_code(0);
}

#[tokio::test]
async fn a_freeze_comes_again_without_its_end() {
    only_the_freeze_comes_again(true).await;
}

#[tokio::test]
async fn a_freeze_comes_again_without_its_end_and_is_not_final() {
    only_the_freeze_comes_again(false).await;
}
