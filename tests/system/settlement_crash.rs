//! `kill -9` while sessions are opened, charged and settled, again and again; and two workers who both settle. In
//! the end the payee was paid what the ledger says, once, and nothing was done twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::support::anvil::{Anvil, Deployed, GWEI};
use crate::support::api::text;
use crate::support::chain::{
    BY_HAND, DEEP, SIX_DEEP, ask_to_settle, assert_never, confirm, halted, settlement_is, settler_key, told,
    until_told, use_key,
};
use crate::support::servers::Postgres;
use crate::support::sessions::{
    ChainApp, Custody, Session, assert_settled, atomic, chain_site, owner, payer, settle, settle_all, settlement_over,
    sign,
};
use crate::support::{Api, Process, Server, Site, decimal, setting, until};

const PAYERS: usize = 6;
const CHARGES: usize = 40;
/// Not one but a fraction, and not even whole units: what is counted twice or lost shows in the sum.
const AMOUNT: &str = "0.1000013";
/// One kill right after each of these was written.
const MOMENTS: [&str; 10] = [
    "relay_requested",
    "enqueued",
    "signed",
    "sent",
    "registered",
    "claim_planned",
    "planned",
    "submitted",
    "mined",
    "claimed",
];

/// Whoever asks again with the same key until there is an answer, wherever the server is by now.
#[derive(Clone)]
struct Client {
    api: watch::Receiver<Api>,
    name: usize,
    done: Arc<AtomicUsize>,
}

impl Client {
    async fn post(&self, path: &str, key: &str, body: &Value, status: u16) -> Value {
        let key = format!("{}/{key}", self.name);
        until(&format!("{path} {key} is answered"), async || {
            let api = self.api.borrow().clone();
            let answer = api.try_post_keyed(path, &key, body).await.ok()?;
            // Not known, or not now: anything else would be a lie.
            (answer.status != 503).then(|| answer.done(status))
        })
        .await
    }

    async fn get(&self, path: &str) -> Value {
        until(&format!("{path} is answered"), async || {
            let api = self.api.borrow().clone();
            Some(api.try_get(path).await?).filter(|answer| answer.status != 503).map(|answer| answer.done(200))
        })
        .await
    }

    async fn until_now(&self, session: &Session, what: &str, check: impl Fn(&Value) -> bool) {
        until(&format!("session key {}: {what}", session.id), async || {
            let now = self.get(&format!("/v1/session_keys/{}", session.id)).await;
            check(&now).then_some(())
        })
        .await;
    }

    /// Signs what the API says, and has it sent; waits until it is on the chain for good.
    async fn by_owner(&self, session: &Session, action: &str) {
        let asked = self.get(&format!("{}?action={action}", session.path("typed_data"))).await;
        let signature = sign(&session.owner, &asked["typed_data"]);
        let (nonce, deadline) = (&asked["nonce"], &asked["deadline"]);
        let body = json!({ "owner_signature": { "signature": signature, "nonce": nonce, "deadline": deadline } });
        self.post(&session.path(action), action, &body, 202).await;
        self.until_now(session, "nothing is on its way", |now| now["relays"] == json!([])).await;
    }

    /// A customer's whole story.
    async fn live(self) {
        let customer = self.post("/v1/customers", "customer", &json!({ "currency": "USDC" }), 201).await;
        let custody = if self.name.is_multiple_of(2) { Custody::Managed } else { Custody::Client };
        let change = json!({ "owner": owner(self.name).address().to_string() });
        let (body, key) = Session::request(text(&customer["id"]), custody, "10", change);
        let created = self.post("/v1/session_keys", "create", &body, 201).await;
        let session = Session::of(created, key);
        self.post(&session.path("register"), "register", &session.opening(), 202).await;
        self.until_now(&session, "active", |now| now["status"] == "active" && now["deposited"] == "10").await;
        for n in 1..=CHARGES {
            let so_far = amount() * Decimal::from(n);
            let body = session.charge_body(AMOUNT, atomic(so_far) + 1);
            self.post("/v1/charges", &format!("charge-{n}"), &body, 201).await;
            self.done.fetch_add(1, Ordering::SeqCst);
            // At the pace of the settlements, so that there is always something of everything under way. Above
            // the threshold, so that whoever waits is not waiting for others.
            self.until_now(&session, "settled by and by", |now| decimal(&now["unsettled"]) < Decimal::new(8, 1)).await;
            if n == CHARGES / 2 && self.name < 2 {
                self.by_owner(&session, "freeze").await;
                self.by_owner(&session, "unfreeze").await;
                self.until_now(&session, "active again", |now| now["status"] == "active").await;
            }
        }
    }
}

fn amount() -> Decimal {
    Decimal::from_str_exact(AMOUNT).unwrap()
}

/// Everybody, the way to tell them where the server is now, and how many charges were made.
fn clients(api: &Api) -> (impl Future<Output = ()> + use<>, watch::Sender<Api>, Arc<AtomicUsize>) {
    let (sender, receiver) = watch::channel(api.clone());
    let done = Arc::new(AtomicUsize::new(0));
    let all = (0..PAYERS).map(|name| Client { api: receiver.clone(), name, done: done.clone() }.live());
    let all: Vec<_> = all.collect();
    (async { drop(join_all(all).await) }, sender, done)
}

/// Each charge once, each transaction once, and the money where it belongs.
async fn assert_once(api: &Api, site: &Site, anvil: &Anvil, deployed: &Deployed) {
    settle_all(api).await;
    let charges = i64::try_from(PAYERS * CHARGES).unwrap();
    assert_eq!(site.events_count(Some("charged")).await, charges);
    let keys = api.walk("/v1/session_keys", "cursor").await;
    let charged: Decimal = keys.iter().map(|key| decimal(&key["charged"])).sum();
    assert_eq!((keys.len(), charged), (PAYERS, amount() * Decimal::from(charges)));
    let paid = assert_settled(api, site, anvil, deployed).await;
    let each = atomic(amount() * Decimal::from(CHARGES));
    assert_eq!(paid, each * PAYERS as u128);
    assert_sent_once(site, anvil).await;
    site.tollbook(&["replay"], &[]).await.expect_code(0);
}

/// Every transaction that was ever signed is on the chain, under its own nonce, and there is no other.
async fn assert_sent_once(site: &Site, anvil: &Anvil) {
    let key = std::fs::read_to_string(site.dir.join("settler.key")).unwrap();
    let settler = chain::settler::SettlerKey::from_hex(&key).unwrap().address().to_string();
    let sent = anvil.rpc("eth_getTransactionCount", json!([settler, "latest"])).await;
    let signed = site.events_count(Some("signed")).await;
    assert_eq!(text(&sent), format!("{signed:#x}"), "transactions of the settler and what was signed");
    for never in ["rejected", "failed", "relay_failed", "claim_released", "parked"] {
        assert_eq!(site.events_count(Some(never)).await, 0, "{never}");
    }
}

/// Small numbers that nobody chose; a failing test shows where they came from.
struct Chance(u128);

impl Chance {
    fn new() -> Self {
        let seed = Uuid::now_v7().as_u128();
        eprintln!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, end: u128) -> u128 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) % (1 << 64);
        (self.0 >> 33) % end
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment() {
    let mut app = ChainApp::up_with(&[("TOLLBOOK_SETTLEMENT_THRESHOLD", "0.7")]).await;
    let mut chance = Chance::new();
    let (living, address, done) = clients(&app.api);
    let killing = async {
        for moment in MOMENTS {
            let before = app.site.events_count(Some(moment)).await;
            let more = i64::try_from(1 + chance.below(3)).unwrap();
            let site = &app.site;
            until(&format!("{more} times {moment}"), async || {
                let came = site.events_count(Some(moment)).await >= before + more;
                (came || done.load(Ordering::SeqCst) == PAYERS * CHARGES).then_some(())
            })
            .await;
            app.restart().await;
            address.send_replace(app.api.clone());
        }
    };
    tokio::join!(living, killing);
    // The last ones while nothing but settling is left to do.
    for _ in 0..3 {
        let before = app.site.events_count(None).await;
        app.api.post("/v1/settlements", &json!({})).await.done(202);
        // A settlement of a single claim writes twelve.
        let more = i64::try_from(1 + chance.below(8)).unwrap();
        let site = &app.site;
        until("it is under way", async || {
            let came = site.events_count(None).await > before + more;
            (came || site.events_count(Some("abandoned")).await > 0).then_some(())
        })
        .await;
        app.restart().await;
    }
    assert_once(&app.api, &app.site, &app.anvil, &app.deployed).await;
}

/// Takes the lead from whoever has it, without telling: for a moment there are two.
async fn depose(site: &Site) {
    let pool = site.pool();
    let of_this_database = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' \
                            and database = (select oid from pg_database where datname = current_database())";
    sqlx::query(of_this_database).execute(&pool).await.unwrap();
    pool.close().await;
}

/// An installation in four processes: one that serves, one that feeds the read models, two that settle.
struct Split {
    workers: [Process; 2],
    others: Process,
    _server: Server,
    api: Api,
    site: Site,
    deployed: Deployed,
    anvil: Anvil,
}

impl Split {
    async fn up(threshold: &str) -> Self {
        let (site, deployed, anvil) = chain_site(Site::new(), &[("TOLLBOOK_SETTLEMENT_THRESHOLD", threshold)]).await;
        site.tollbook(&["migrate"], &[]).await.expect_code(0);
        let key = site.organization("Two workers").await;
        let server = Server::start(&site).await;
        let api = Api::new(&server.url, &key);
        api.put("/v1/organization/payee", &json!({ "payee": deployed.payee })).await.done(200);
        let others = Process::start(&site, &["work", "--only", "relay,projections,sweep"]);
        Self { workers: [settling(&site), settling(&site)], others, _server: server, api, site, deployed, anvil }
    }

    fn assert_running(&mut self) {
        self.others.assert_running();
        self.workers.iter_mut().for_each(Process::assert_running);
    }
}

fn settling(site: &Site) -> Process {
    Process::start(site, &["work", "--only", "chain"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_settle_on_one_log() {
    let mut split = Split::up("0.7").await;
    let (living, _address, done) = clients(&split.api);
    let disturbing = async {
        for round in 0..12usize {
            let goal = (round + 1) * PAYERS * CHARGES / 13;
            until("more was charged", async || (done.load(Ordering::SeqCst) >= goal).then_some(())).await;
            match round % 3 {
                // One of both dies; whether it led nobody knows.
                0 => split.workers[round / 3 % 2] = settling(&split.site),
                _ => depose(&split.site).await,
            }
            split.assert_running();
        }
    };
    tokio::join!(living, disturbing);
    depose(&split.site).await;
    assert_once(&split.api, &split.site, &split.anvil, &split.deployed).await;
    split.assert_running();
}

#[tokio::test]
async fn a_worker_that_stood_still_goes_on_as_the_second() {
    const ROUNDS: usize = 12;
    let mut split = Split::up("0.3").await;
    let Split { api, site, anvil, deployed, .. } = &split;
    let customer = payer(api).await;
    for round in 0..ROUNDS {
        let change = json!({ "owner": owner(round).address().to_string() });
        let session = Session::draw_up(api, &customer, Custody::Managed, "10", change).await;
        let moment = ["enqueued", "signed", "sent"][round / 2 % 3];
        let before = site.events_count(Some(moment)).await;
        api.post(&session.path("register"), &session.opening()).await.done(202);
        until(moment, async || (site.events_count(Some(moment)).await > before).then_some(())).await;
        // In the middle of its round; the other one does not wait for it.
        let sleeper = &split.workers[round % 2];
        sleeper.hang();
        depose(site).await;
        session.active(api).await;
        session.charge_plain(api, "0.5").await.done(201);
        session.until(api, "in a settlement", |now| !now["in_settlement"].is_null() || now["claimed"] == "0.5").await;
        sleeper.go_on();
        session.until(api, "claimed", |now| now["claimed"] == "0.5").await;
    }
    settle_all(api).await;
    assert_eq!(assert_settled(api, site, anvil, deployed).await, 500_000 * ROUNDS as u128);
    assert_sent_once(site, anvil).await;
    split.assert_running();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_crashes_under_settlements() {
    let postgres = Postgres::start().await;
    let site = Site::on(&postgres.url(), &setting("TEST_NATS_URL"));
    let app = ChainApp::up_on(site, &[("TOLLBOOK_SETTLEMENT_THRESHOLD", "0.7")]).await;
    let (living, _address, done) = clients(&app.api);
    let crashing = async {
        for round in 1..=3usize {
            let goal = round * PAYERS * CHARGES / 4;
            until("more was charged", async || (done.load(Ordering::SeqCst) >= goal).then_some(())).await;
            postgres.crash().await;
            postgres.resume().await;
        }
    };
    tokio::join!(living, crashing);
    assert_once(&app.api, &app.site, &app.anvil, &app.deployed).await;
}

/// What the chain does to a settlement that waits for its block.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// Blocks become dearer than it offers.
    Fees,
    /// Somebody else uses its nonce.
    Taken,
    /// Its block goes away.
    Gone,
}

/// One kill right after each of these was written.
const HARMS: [(Harm, &str); 6] = [
    (Harm::Fees, "settler.replaced"),
    (Harm::Fees, "settlement.resubmitted"),
    (Harm::Taken, "settler.displaced"),
    (Harm::Taken, "settlement.resubmitted"),
    (Harm::Gone, "settler.reorganized"),
    (Harm::Gone, "settlement.reorganized"),
];

async fn harm(app: &ChainApp, harm: Harm, settlement: &Value) {
    match harm {
        Harm::Fees => {
            app.anvil.set_base_fee(50 * GWEI).await;
            app.anvil.mine().await;
        }
        Harm::Taken => {
            let nonce = settlement["transaction"]["nonce"].as_u64().unwrap();
            use_key(&app.anvil, &settler_key(&app.site), nonce).await;
            app.anvil.mine_blocks(1 + DEEP).await;
        }
        Harm::Gone => {
            app.anvil.mine().await;
            settlement_is(&app.api, text(&settlement["id"]), "mined").await;
            app.anvil.reorganize(1, &[]).await;
        }
    }
}

#[tokio::test]
async fn killed_when_the_chain_does_harm() {
    let mut app = ChainApp::up_with(&[SIX_DEEP, BY_HAND, ("TOLLBOOK_MAX_FEE_GWEI", "500")]).await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    app.quiet().await;
    app.anvil.stop_mining().await;
    for (kind, moment) in HARMS {
        session.charge_plain(&app.api, AMOUNT).await.done(201);
        let (before, sent) = (told(&app.site, moment).await.len(), told(&app.site, "settler.sent").await.len());
        let id = ask_to_settle(&app.api).await;
        app.anvil.pending(1).await;
        let submitted = settlement_is(&app.api, &id, "submitted").await;
        until_told(&app.site, "settler.sent", sent + 1).await;
        harm(&app, kind, &submitted).await;
        until_told(&app.site, moment, before + 1).await;
        app.restart().await;
        // It finds its way again: one transaction that is good, for the same settlement.
        app.anvil.pending(1).await;
        app.anvil.mine_blocks(1 + DEEP).await;
        let over = settlement_over(&app.api, &id).await;
        assert_eq!((&over["status"], &over["settled"]), (&json!("finalized"), &json!(1)), "{kind:?}: {over}");
        app.quiet().await;
    }
    app.anvil.resume_mining().await;
    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, atomic(amount() * Decimal::from(HARMS.len())));
    let transfers = app.deployed.transfers(&app.anvil, &app.deployed.payee).await;
    assert_eq!(transfers.len(), HARMS.len(), "each settlement once: {transfers:?}");
    assert_eq!(told(&app.site, "settler.displaced").await.len(), 2);
    assert_never(&app.site, &["settlement.failed", "settlement.parked", "settler.rejected"]).await;
    app.tollbook(&["replay"]).await.expect_code(0);
}

#[tokio::test]
async fn killed_while_a_chain_that_was_set_back_is_mended() {
    const MOMENTS: [&str; 4] = ["chain.halted", "chain.confirmed", "settler.resend_requested", "settler.resent"];
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    app.quiet().await;
    for (moment, round) in MOMENTS.into_iter().zip(1usize..) {
        let snapshot = app.anvil.snapshot().await;
        session.charge_plain(&app.api, AMOUNT).await.done(201);
        assert_eq!(settle(&app.api).await["status"], "finalized");
        app.quiet().await;
        app.anvil.set_back(&snapshot).await;
        if moment == "chain.halted" {
            until_told(&app.site, moment, round).await;
            app.restart().await;
        }
        halted(&app, round).await;
        confirm(&app.site, moment).await;
        until_told(&app.site, moment, round).await;
        app.restart().await;
        until_told(&app.site, "settler.resent", round).await;
        app.chain_is("ok").await;
        settle_all(&app.api).await;
        let so_far = atomic(amount() * Decimal::from(round));
        assert_eq!(app.assert_settled().await, so_far, "killed after {moment}");
    }
    let transfers = app.deployed.transfers(&app.anvil, &app.deployed.payee).await;
    assert_eq!(transfers.len(), MOMENTS.len(), "each settlement once: {transfers:?}");
    assert_sent_once(&app.site, &app.anvil).await;
    app.tollbook(&["replay"]).await.expect_code(0);
}
