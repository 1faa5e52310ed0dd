//! A chain that does harm, as its operator sees it: what the log tells of it, what a person says to it, and
//! transactions that are sent past Tollbook.

use chain::settler::{Draft, SettlerKey};
use domain::evm::HexBytes;
use serde_json::{Value, json};

use super::anvil::{Anvil, Deployed, GWEI, LOCAL_CHAIN_ID, padded};
use super::api::text;
use super::rpc_proxy::RpcProxy;
use super::sessions::{ChainApp, Custody, Session, owner, sign};
use super::{Api, Site, until};

/// Settles only when it is asked to.
pub const BY_HAND: (&str, &str) = ("TOLLBOOK_SETTLEMENT_THRESHOLD", "1000000000");
/// A block is final when six lie on top of it.
pub const SIX_DEEP: (&str, &str) = ("TOLLBOOK_CHAIN_CONFIRMATIONS", "6");
/// Enough blocks to make anything final under [`SIX_DEEP`].
pub const DEEP: u64 = 8;

/// `approve(address,uint256)` of the token.
const APPROVE: &str = "0x095ea7b3";
/// `deposit(bytes32,address,uint128)`, `freeze(bytes32)` and `setSettler(address,bool)` of the contract.
const DEPOSIT: &str = "0x466bef80";
const FREEZE: &str = "0xec13cc7b";
const SET_SETTLER: &str = "0x77a35465";
/// `unfreeze(bytes32)`, `revoke(bytes32)`, `rotateKey(bytes32,address)` and `requestWithdraw(bytes32,address,uint128)`.
const UNFREEZE: &str = "0x9957e7f1";
const REVOKE: &str = "0xb75c7dc6";
const ROTATE_KEY: &str = "0x4a0b9fc6";
const REQUEST_WITHDRAW: &str = "0x054b06a6";
/// `keccak256("Deposited(bytes32,address,address,uint128,uint128)")`, and so on.
pub const DEPOSITED: &str = "0x051a4d35e925af5b266b44f80b3398bf37717d2916044091d21b203535d8af7b";
pub const CLAIMED: &str = "0x36bd546bb573e8921fdbfd934bbed62d872796b01792cd240cce27f79dd3eddd";
pub const FROZEN: &str = "0x32a79a8ff5ca3ff4b53d2f474839eb17bea2f8505e043324d1e30efd9b196d57";
pub const CLAIM_SKIPPED: &str = "0x415f971ef40ebd517f665d56862897161e354a7570b096624461c921a108868a";

/// What the log tells of an event, for example `settler.replaced`: the payload of each, oldest first.
pub async fn told(site: &Site, event: &str) -> Vec<Value> {
    let (category, event_type) = event.split_once('.').expect("category and type");
    let pool = site.pool();
    let payloads: Vec<String> = sqlx::query_scalar(
        "select payload::text from events_readable where split_part(stream_id, ':', 1) = $1 and event_type = $2 \
         order by recorded_at, partition, position",
    )
    .bind(category)
    .bind(event_type)
    .fetch_all(&pool)
    .await
    .unwrap();
    pool.close().await;
    payloads.iter().map(|payload| serde_json::from_str(payload).unwrap()).collect()
}

/// Waits until the log tells so many of an event, and gives their payloads.
pub async fn until_told(site: &Site, event: &str, count: usize) -> Vec<Value> {
    until(&format!("the log tells {event} {count} times"), async || {
        let told = told(site, event).await;
        (told.len() >= count).then_some(told)
    })
    .await
}

/// Not one of these is in the log.
pub async fn assert_never(site: &Site, events: &[&str]) {
    for event in events {
        assert_eq!(told(site, event).await, [Value::Null; 0], "{event}");
    }
}

/// An installation where blocks come when a test says so, and are final when six lie on top.
pub async fn still() -> ChainApp {
    let app = ChainApp::up_with(&[SIX_DEEP, BY_HAND]).await;
    // The settler begins when the chain is first heard.
    until_told(&app.site, "settler.opened", 1).await;
    app.anvil.stop_mining().await;
    app
}

/// What waits goes into a block, and is final.
pub async fn finish(app: &ChainApp) {
    app.anvil.mine_blocks(1 + DEEP).await;
}

/// Opens a session key that can be charged, of a customer of its own, while blocks come only when they are asked for.
pub async fn open_still(app: &ChainApp, custody: Custody, limit: &str) -> Session {
    let customer = app.payer().await;
    let session = Session::draw_up(&app.api, &customer, custody, limit, json!({})).await;
    app.api.post(&session.path("register"), &session.opening()).await.done(202);
    app.anvil.pending(1).await;
    finish(app).await;
    session.active(&app.api).await;
    app.quiet().await;
    session
}

/// Waits, under [`SIX_DEEP`] and while no blocks come, until all that is final was read. Gives the last block that was.
pub async fn all_read(app: &ChainApp) -> i64 {
    let last = i64::try_from(app.anvil.head().await).unwrap() - 6;
    let pool = app.site.pool();
    until("all that is final is read", async || {
        let read: Option<i64> =
            sqlx::query_scalar("select max(block_number) from chain_cursors").fetch_one(&pool).await.unwrap();
        (read == Some(last)).then_some(())
    })
    .await;
    pool.close().await;
    last
}

/// How many transactions were handed to the chain, signed or told as sent, between the last halt and its
/// confirmation.
pub async fn sent_while_halted(site: &Site) -> i64 {
    let pool = site.pool();
    let sent = sqlx::query_scalar(
        "select count(*) from events e where e.stream_id like 'settler:%' and e.event_type in ('signed', 'sent') \
         and e.recorded_at > (select max(recorded_at) from events where stream_id like 'chain:%' and event_type = 'halted') \
         and e.recorded_at < (select max(recorded_at) from events where stream_id like 'chain:%' and event_type = 'confirmed')",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    pool.close().await;
    sent
}

/// Waits until what was final has changed for the so-manyeth time and nothing more is believed; whoever asks is
/// told so. Gives what the log says of it.
pub async fn halted(app: &ChainApp, times: usize) -> Value {
    let halted = until_told(&app.site, "chain.halted", times).await.pop().unwrap();
    assert!(["replaced", "restored"].contains(&text(&halted["reason"])), "{halted}");
    until("/readyz says that the chain is halted", async || {
        let readiness = app.api.get("/readyz").await.done(200);
        let says = readiness["checks"]["chain"].as_str().unwrap_or_default();
        (says.contains("halted") && readiness["status"] == "degraded").then_some(())
    })
    .await;
    let status = app.site.tollbook(&["chain", "status"], &[]).await;
    assert!(status.stdout.contains("halted"), "{}\n{}", status.stdout, status.stderr);
    halted
}

/// Waits until this is the last line of `chain status`; only with `ok` all is well.
pub async fn status_ends(site: &Site, last: &str) {
    until(&format!("chain status ends with {last:?}"), async || {
        let output = site.tollbook(&["chain", "status"], &[]).await;
        let ends = output.stdout.lines().last() == Some(last);
        ends.then(|| output.expect_code(i32::from(last != "ok")))
    })
    .await;
}

/// A person has looked, and says so.
pub async fn confirm(site: &Site, note: &str) {
    let before = told(site, "chain.confirmed").await.len();
    site.tollbook(&["chain", "confirm", "--note", note], &[]).await.expect_code(0);
    let confirmed = until_told(site, "chain.confirmed", before + 1).await;
    assert_eq!(confirmed.last().unwrap()["note"], note);
}

/// The settler's key.
pub fn settler_key(site: &Site) -> SettlerKey {
    let key = std::fs::read_to_string(site.dir.join("settler.key")).unwrap();
    SettlerKey::from_hex(&key).unwrap()
}

/// How many transactions of the settler are in blocks.
pub async fn sent_by_settler(site: &Site, anvil: &Anvil) -> u64 {
    anvil.transactions(&settler_key(site).address().to_string()).await
}

/// Somebody uses a key past Tollbook: a transfer of nothing to itself, with this nonce. It offers far more than Tollbook
/// does, so that a node takes it in the place of what waits under the same nonce. Gives its hash.
pub async fn use_key(anvil: &Anvil, key: &SettlerKey, nonce: u64) -> String {
    let draft = Draft {
        chain_id: LOCAL_CHAIN_ID,
        nonce,
        to: key.address(),
        calldata: HexBytes::default(),
        gas_limit: 21_000,
        max_fee_wei: 500 * GWEI,
        // No tip: what others pay is what nodes suggest next.
        priority_fee_wei: 0,
    };
    let (hash, raw) = key.sign(&draft).unwrap();
    anvil.send_raw(&raw.to_string()).await;
    hash.to_string()
}

/// The transactions that paid somebody, each once, and what they came to.
pub async fn paid_once(deployed: &Deployed, anvil: &Anvil) -> u128 {
    let transfers = deployed.transfers(anvil, &deployed.payee).await;
    let mut hashes: Vec<&str> = transfers.iter().map(|(hash, _)| hash.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), transfers.len(), "two transfers in one transaction: {transfers:?}");
    let sum = transfers.iter().map(|(_, amount)| amount).sum();
    assert_eq!(deployed.balance(anvil, &deployed.payee).await, sum, "what the payee has, and what it was sent");
    sum
}

/// Registered by its owner's signature, without money, and then some of the limit paid in.
pub async fn open_with(app: &ChainApp, session: &Session, amount: &str) {
    let api = &app.api;
    let grant = sign(&session.owner, &session.created["typed_data"]["grant"]);
    api.post(&session.path("register"), &json!({ "signature": grant })).await.done(202);
    session.until_status(api, "active").await;
    let deposit = session.deposit(api, amount, 0).await;
    api.post(&session.path("deposits"), &deposit).await.done(202);
    session.until(api, "paid in", |now| now["deposited"] == amount && now["relays"] == json!([])).await;
}

/// What its owner sends to the contract to put more money in, past Tollbook. The token has been told before.
pub async fn deposit_on_chain(app: &ChainApp, session: &Session, units: u128) -> String {
    let (session_id, payee) = (padded(session.session_id()), padded(&app.deployed.payee));
    let data = format!("{DEPOSIT}{session_id}{payee}{units:064x}");
    app.anvil.start_sending(&session.owner.address().to_string(), &app.deployed.contract, &data).await
}

/// The owner lets the contract take this much.
pub async fn approve_on_chain(app: &ChainApp, session: &Session, units: u128) {
    let data = format!("{APPROVE}{}{units:064x}", padded(&app.deployed.contract));
    app.anvil.send(&session.owner.address().to_string(), &app.deployed.usdc, &data).await;
}

/// What its owner sends to the contract to freeze it, past Tollbook.
pub async fn freeze_on_chain(app: &ChainApp, session: &Session) -> String {
    let data = format!("{FREEZE}{}", padded(session.session_id()));
    app.anvil.start_sending(&session.owner.address().to_string(), &app.deployed.contract, &data).await
}

/// The same to let it go on.
pub async fn unfreeze_on_chain(app: &ChainApp, session: &Session) -> String {
    owner_sends(app, session, UNFREEZE, "").await
}

/// The same to end it.
pub async fn revoke_on_chain(app: &ChainApp, session: &Session) -> String {
    owner_sends(app, session, REVOKE, "").await
}

/// The same to put another key in the place of the present one.
pub async fn rotate_on_chain(app: &ChainApp, session: &Session, key: &str) -> String {
    owner_sends(app, session, ROTATE_KEY, &padded(key)).await
}

/// The same to have money back.
pub async fn ask_back_on_chain(app: &ChainApp, session: &Session, units: u128) -> String {
    owner_sends(app, session, REQUEST_WITHDRAW, &format!("{}{units:064x}", padded(&app.deployed.payee))).await
}

/// What an owner sends about its session; `words` are what comes after the session's id.
async fn owner_sends(app: &ChainApp, session: &Session, selector: &str, words: &str) -> String {
    let data = format!("{selector}{}{words}", padded(session.session_id()));
    app.anvil.start_sending(&session.owner.address().to_string(), &app.deployed.contract, &data).await
}

/// A payee that is one of the chain's own accounts lets somebody settle for it.
pub async fn approve_settler(app: &ChainApp, payee: &str, settler: &str) {
    let data = format!("{SET_SETTLER}{}{:0>64}", padded(settler), 1);
    app.anvil.send(payee, &app.deployed.contract, &data).await;
}

/// Asks for a settlement, and gives its id.
pub async fn ask_to_settle(api: &Api) -> String {
    let wanted = api.post("/v1/settlements", &json!({})).await.done(202);
    text(&wanted["id"]).to_owned()
}

/// Waits until a settlement is in this status.
pub async fn settlement_is(api: &Api, id: &str, status: &str) -> Value {
    until(&format!("settlement {id} is {status}"), async || {
        let now = api.try_get(&format!("/v1/settlements/{id}")).await?.done(200);
        (now["status"] == status).then_some(now)
    })
    .await
}

/// Starts it anew with these nodes.
pub async fn behind(app: &mut ChainApp, urls: &[String]) {
    app.site.set("EVM_RPC_URL", urls.join(","));
    app.restart().await;
    app.chain_is("ok").await;
}

/// Sends one to be opened; it is not yet.
pub async fn send_opening(app: &ChainApp, customer: &str, index: usize) -> Session {
    let change = json!({ "owner": owner(index).address().to_string() });
    let session = Session::draw_up(&app.api, customer, Custody::Managed, "2", change).await;
    // A node that has just come back is not asked for a moment: with the other one gone the answer is 503, send it again.
    until("what opens it is sent", async || {
        let answer = app.api.post(&session.path("register"), &session.opening()).await;
        (answer.status != 503).then(|| answer.done(202))
    })
    .await;
    session
}

/// A log entry of a session's like the last real one of its kind, as if it stood in the newest block as well, in
/// another transaction. `words` is what it says.
pub async fn made_up(app: &ChainApp, session: &Session, kind: &'static str, words: &[u128]) -> Value {
    let real = app.anvil.logs(&app.deployed.contract, json!([kind, session.session_id()])).await;
    let mut log = real.last().unwrap().clone();
    let block = app.anvil.head().await;
    log["blockNumber"] = json!(format!("{block:#x}"));
    log["blockHash"] = json!(app.anvil.block_hash(block).await);
    log["transactionHash"] = json!(format!("0x{}", "ab".repeat(32)));
    log["logIndex"] = json!("0x0");
    log["transactionIndex"] = json!("0x0");
    let data: String = words.iter().map(|word| format!("{word:064x}")).collect();
    log["data"] = json!(format!("0x{data}"));
    log
}

/// What the log has for good of what nodes may lie about.
pub async fn for_good(app: &ChainApp, session: &Session) -> Value {
    let now = session.now(&app.api).await;
    let deposits = told(&app.site, "session_key.deposited").await.len();
    json!([now["deposited"], now["claimed"], now["withdrawn"], now["status"], deposits])
}

/// Nothing that gives value was taken up since, and it is not, and charges go on.
pub async fn unmoved(app: &ChainApp, session: &Session, before: &Value) {
    // Long enough for all of it to be final, if it were believed.
    app.anvil.goes_on(DEEP).await;
    session.charge_plain(&app.api, "0.05").await.done(201);
    assert_eq!(for_good(app, session).await, *before);
}

/// It is noticed, for the so-manyeth time, that so many nodes answer and do not say the same.
pub async fn noticed(app: &ChainApp, times: usize, answering: usize) {
    let seen = until_told(&app.site, "chain.disagreement_seen", times).await;
    let answers = seen.last().unwrap()["answers"].as_array().unwrap();
    assert_eq!(answers.len(), answering, "{seen:?}");
    assert!(answers.iter().any(|one| one["answer"] != answers[0]["answer"]), "{seen:?}");
}

/// That is over now, for the so-manyeth time, and was not before `end`.
pub async fn over(app: &ChainApp, times: usize, end: impl FnOnce()) {
    assert_eq!(told(&app.site, "chain.disagreement_over").await.len(), times - 1, "it is still so");
    end();
    until_told(&app.site, "chain.disagreement_over", times).await;
    app.chain_is("ok").await;
}

/// While one node says what others do not: it is noticed, nothing that gives value is taken up, and charges go on. Then
/// the liar is quiet. `before` is what was [`for_good`] before the lie.
pub async fn not_believed(app: &ChainApp, session: &Session, liar: &RpcProxy, before: &Value, times: usize, of: usize) {
    noticed(app, times, of).await;
    unmoved(app, session, before).await;
    over(app, times, || liar.honest()).await;
}
