//! Ten thousand charges of two hundred sessions, for three payees: as few transactions as the batch size allows, every
//! claim paid, and each payee has what the ledger says, to the atomic unit.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::anvil::Deployed;
use crate::support::api::{list, text};
use crate::support::batch::BATCH;
use crate::support::chain::{
    BY_HAND, approve_settler, ask_to_settle, assert_never, sent_by_settler, settler_key, told,
};
use crate::support::sessions::{
    ChainApp, Custody, Session, assert_settled, atomic, owner, payer, session_keys, settle_all, settlement_over,
};
use crate::support::{Api, decimal};

/// Sessions of each payee.
const SESSIONS: [usize; 3] = [120, 50, 30];
/// Charges of each session.
const CHARGES: usize = 50;
/// Claims in one transaction.
const CLAIMS_MAX: usize = 100;
/// Charges in one request.
const ITEMS: usize = 1_000;

/// A payee with its organization and its sessions.
struct Payee {
    api: Api,
    deployed: Deployed,
    sessions: Vec<Session>,
}

impl Payee {
    async fn new(app: &ChainApp, api: Api, address: &str, count: usize) -> Self {
        api.put("/v1/organization/payee", &json!({ "payee": address })).await.done(200);
        let customer = payer(&api).await;
        let mut sessions = Vec::with_capacity(count);
        for i in 0..count {
            let custody = if i % 2 == 0 { Custody::Managed } else { Custody::Client };
            let change = json!({ "owner": owner(i).address().to_string() });
            let session = Session::draw_up(&api, &customer, custody, "2", change).await;
            api.post(&session.path("register"), &session.opening()).await.done(202);
            sessions.push(session);
        }
        let deployed = Deployed { payee: address.to_owned(), ..app.deployed.clone() };
        Self { api, deployed, sessions }
    }

    /// Charges all of its sessions by turns. First come the vouchers: a client's key signs for all of it at once.
    async fn charge(&self) {
        let each = || self.sessions.iter().enumerate();
        let first: Vec<Value> =
            each().map(|(i, session)| session.charge_body(&amount(i).to_string(), units(i))).collect();
        self.batch(&first).await;
        let plain =
            |(i, session): (usize, &Session)| json!({ "session_key_id": session.id, "amount": amount(i).to_string() });
        let rest: Vec<Value> = (1..CHARGES).flat_map(|_| each().map(plain)).collect();
        for items in rest.chunks(ITEMS) {
            self.batch(items).await;
        }
    }

    async fn batch(&self, items: &[Value]) {
        let batch = self.api.post(BATCH, &json!({ "charges": items })).await.done(200);
        let refused: Vec<&Value> = list(&batch).iter().filter(|item| item["status"] != 201).collect();
        assert!(refused.is_empty(), "{} refused: {:?}", refused.len(), refused[0]);
    }

    fn units(&self) -> u128 {
        (0..self.sessions.len()).map(units).sum()
    }
}

/// What each charge of a session costs: no whole atomic units, and every session another.
fn amount(session: usize) -> Decimal {
    Decimal::new(100_000 + i64::try_from(session).unwrap(), 7).normalize()
}

/// What a session comes to, in atomic units: whole ones.
fn units(session: usize) -> u128 {
    let all = amount(session) * Decimal::from(CHARGES);
    assert_eq!(atomic(all) * 10, atomic(all * Decimal::TEN), "whole units");
    atomic(all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_charges_in_four_transactions() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let settler = settler_key(&app.site).address().to_string();
    // The chain's own accounts: the deployer, the payee of every local chain, and one that nobody uses.
    let accounts = app.anvil.rpc("eth_accounts", json!([])).await;
    let addresses: Vec<&str> = [1, 0, 2].iter().map(|index| text(&accounts[*index])).collect();
    assert_eq!(addresses[0].to_lowercase(), app.deployed.payee.to_lowercase());
    let mut payees = Vec::new();
    for (i, (address, count)) in addresses.iter().zip(SESSIONS).enumerate() {
        let api = match i {
            0 => app.api.clone(),
            _ => app.api.with_key(&app.site.organization(&format!("Payee {i}")).await),
        };
        if i > 0 {
            approve_settler(&app, address, &settler).await;
        }
        payees.push(Payee::new(&app, api, address, count).await);
    }
    for payee in &payees {
        for session in &payee.sessions {
            session.active(&payee.api).await;
        }
    }
    app.quiet().await;
    for payee in &payees {
        payee.charge().await;
    }
    let charges = SESSIONS.iter().sum::<usize>() * CHARGES;
    assert_eq!(app.site.events_count(Some("charged")).await, i64::try_from(charges).unwrap());
    assert_eq!(charges, 10_000);
    let before = sent_by_settler(&app.site, &app.anvil).await;

    // Each is asked for once; what does not fit comes by itself.
    let mut transactions = 0;
    for payee in &payees {
        let first = ask_to_settle(&payee.api).await;
        settlement_over(&payee.api, &first).await;
        settle_all(&payee.api).await;
        let settlements = payee.api.walk("/v1/settlements?limit=100", "cursor").await;
        let wanted = payee.sessions.len().div_ceil(CLAIMS_MAX);
        assert_eq!(settlements.len(), wanted, "{settlements:?}");
        transactions += wanted;
        let mut claims = 0;
        for settlement in &settlements {
            assert_eq!((&settlement["status"], &settlement["skipped"]), (&json!("finalized"), &json!([])));
            assert_eq!((&settlement["settled"], &settlement["attempts"]), (&settlement["claims"], &json!(0)));
            claims += settlement["claims"].as_u64().unwrap();
        }
        assert_eq!(claims, payee.sessions.len() as u64);
    }
    app.quiet().await;
    assert_eq!(sent_by_settler(&app.site, &app.anvil).await, before + transactions as u64);
    assert_eq!(transactions, 4);
    for payee in &payees {
        // The chain's own words against what was charged, and against what the ledger says of each session.
        let transfers = app.deployed.transfers(&app.anvil, &payee.deployed.payee).await;
        assert_eq!(transfers.iter().map(|(_, units)| units).sum::<u128>(), payee.units(), "{transfers:?}");
        let keys = session_keys(&payee.api).await;
        assert_eq!(keys.iter().map(|key| atomic(decimal(&key["claimed"]))).sum::<u128>(), payee.units());
        assert_eq!(assert_settled(&payee.api, &app.site, &app.anvil, &payee.deployed).await, payee.units());
    }
    assert_eq!(told(&app.site, "session_key.claimed").await.len(), SESSIONS.iter().sum::<usize>());
    assert_never(
        &app.site,
        &["settlement.failed", "settlement.parked", "settler.rejected", "session_key.claim_released"],
    )
    .await;
}
