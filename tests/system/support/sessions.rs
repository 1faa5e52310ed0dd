//! Session keys as their owners and clients handle them: drawn up, signed, opened, charged, stopped. And an
//! installation with a chain of its own.

use std::ops::{Deref, DerefMut};

use chain::settler::SettlerKey;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::anvil::{Anvil, Deployed};
use super::api::text;
use super::{Answer, Api, Site, TestApp, decimal, until};

/// Atomic units of one USDC.
pub const USDC: u128 = 1_000_000;

/// An installation with everything in one process, and a chain of its own.
pub struct ChainApp {
    app: TestApp,
    pub deployed: Deployed,
    pub anvil: Anvil,
}

impl Deref for ChainApp {
    type Target = TestApp;
    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl DerefMut for ChainApp {
    fn deref_mut(&mut self) -> &mut TestApp {
        &mut self.app
    }
}

impl ChainApp {
    /// Settles only when it is asked to.
    pub async fn up() -> Self {
        Self::up_with(&[("TOLLBOOK_SETTLEMENT_THRESHOLD", "1000000000")]).await
    }

    pub async fn up_with(settings: &[(&'static str, &str)]) -> Self {
        Self::up_on(Site::new(), settings).await
    }

    /// The same, and takes exact payments.
    pub async fn up_exact() -> Self {
        let settings = [("TOLLBOOK_SETTLEMENT_THRESHOLD", "1000000000")];
        let (mut site, deployed, anvil) = chain_site(Site::new(), &settings).await;
        super::exact::take_exact(&mut site, &anvil).await;
        Self { app: TestApp::up_on(site).await, deployed, anvil }
    }

    pub async fn up_on(site: Site, settings: &[(&'static str, &str)]) -> Self {
        let (site, deployed, anvil) = chain_site(site, settings).await;
        Self { app: TestApp::up_on(site).await, deployed, anvil }
    }

    /// Makes a customer who can have session keys.
    pub async fn payer(&self) -> String {
        payer(&self.api).await
    }

    /// Waits until nothing more happens by itself: what was sent to the chain is final, and told.
    pub async fn quiet(&self) {
        let pool = self.site.pool();
        until("the settler rests", async || {
            let (wanted, done): (i64, i64) = sqlx::query_as(
                "select count(*) filter (where event_type = 'enqueued'), \
                 count(*) filter (where event_type in ('finalized', 'dismissed')) from events where stream_id like 'settler:%'",
            )
            .fetch_one(&pool)
            .await
            .unwrap();
            // The chain may tell of a claim a moment after the settler has seen its transaction through.
            let claims: i64 = sqlx::query_scalar(
                "select count(*) filter (where event_type = 'claim_planned') \
                 - count(*) filter (where event_type in ('claimed', 'claim_released')) \
                 from events where stream_id like 'session_key:%'",
            )
            .fetch_one(&pool)
            .await
            .unwrap();
            (wanted == done && wanted > 0 && claims == 0).then_some(())
        })
        .await;
    }

    /// Waits until Tollbook says this of the chain: `ok` when it is believed again.
    pub async fn chain_is(&self, what: &str) {
        until(&format!("/readyz says that the chain is {what:?}"), async || {
            let readiness = self.api.get("/readyz").await.done(200);
            let expected = if what == "ok" { "ready" } else { "degraded" };
            (readiness["checks"]["chain"] == what && readiness["status"] == expected).then_some(())
        })
        .await;
    }

    /// Moves the chain's clock on.
    pub async fn advance(&self, seconds: u64) {
        let args = ["chain", "advance", "--rpc-url", &self.anvil.url(), "--seconds", &seconds.to_string()];
        self.site.tollbook(&args, &[]).await.expect_code(0);
    }

    /// The payee has exactly what the ledger says, and once.
    pub async fn assert_settled(&self) -> u128 {
        assert_settled(&self.api, &self.site, &self.anvil, &self.deployed).await
    }
}

/// An installation that does not run yet, on a chain of its own. Every file of it is there.
pub async fn chain_site(mut site: Site, settings: &[(&'static str, &str)]) -> (Site, Deployed, Anvil) {
    let anvil = Anvil::start().await;
    let deployed = Deployed::on(&anvil, &mut site).await;
    for (name, value) in settings {
        site.set(name, (*value).to_owned());
    }
    (site, deployed, anvil)
}

/// Makes a customer who can have session keys.
pub async fn payer(api: &Api) -> String {
    text(&api.post("/v1/customers", &json!({ "currency": "USDC" })).await.done(201)["id"]).to_owned()
}

/// Test owners; each has a million USDC.
pub fn owner(index: usize) -> SettlerKey {
    let owners = chain::deploy::local_owner_keys();
    owners[index % owners.len()].clone()
}

/// Signs typed data as a wallet does.
pub fn sign(key: &SettlerKey, typed_data: &Value) -> String {
    let digest = chain::typed::digest(typed_data).unwrap_or_else(|| panic!("no typed data: {typed_data}"));
    key.sign_digest(digest).unwrap().to_string()
}

/// A decimal amount of USDC in atomic units; what lies below one is cut off.
pub fn atomic(amount: Decimal) -> u128 {
    u128::try_from((amount * Decimal::from(USDC)).trunc()).unwrap()
}

/// Atomic units as a decimal amount.
pub fn usdc(units: u128) -> String {
    (Decimal::from(units) / Decimal::from(USDC)).normalize().to_string()
}

/// Who holds a session's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    Managed,
    Client,
}

/// A session key, with what its owner and its client know.
pub struct Session {
    pub id: String,
    /// The answer to its creation.
    pub created: Value,
    pub owner: SettlerKey,
    /// The client's.
    pub key: Option<[u8; 32]>,
}

impl Session {
    /// The usual request, changed, and the client's key for it.
    pub fn request(customer: &str, custody: Custody, limit: &str, change: Value) -> (Value, Option<[u8; 32]>) {
        let mut body = request(customer, &owner(0), custody, limit, change);
        if custody == Custody::Managed {
            return (body, None);
        }
        let (address, secret) = chain::voucher::generate().unwrap();
        body["key"] = json!(address.to_string());
        (body, Some(secret.0))
    }

    /// From the answer to its creation.
    pub fn of(created: Value, key: Option<[u8; 32]>) -> Self {
        let owner = (0..7).map(owner).find(|owner| created["owner"] == owner.address().to_string());
        Self { id: text(&created["id"]).to_owned(), owner: owner.expect("a test owner"), created, key }
    }

    /// Draws one up. `change` goes over the usual request.
    pub async fn draw_up(api: &Api, customer: &str, custody: Custody, limit: &str, change: Value) -> Self {
        let (body, key) = Self::request(customer, custody, limit, change);
        Self::of(api.post("/v1/session_keys", &body).await.done(201), key)
    }

    /// Draws one up, has its whole limit put into it with one signature, and waits until it can be charged.
    pub async fn open(api: &Api, customer: &str, custody: Custody, limit: &str) -> Self {
        let session = Self::draw_up(api, customer, custody, limit, json!({})).await;
        api.post(&session.path("register"), &session.opening()).await.done(202);
        session.active(api).await;
        session
    }

    /// A new key of the client's: its address, and the session with it.
    pub fn with_new_key(&self) -> (String, Self) {
        let (address, secret) = chain::voucher::generate().unwrap();
        let Self { id, created, owner, .. } = self;
        let new = Self { id: id.clone(), created: created.clone(), owner: owner.clone(), key: Some(secret.0) };
        (address.to_string(), new)
    }

    pub fn path(&self, what: &str) -> String {
        format!("/v1/session_keys/{}/{what}", self.id)
    }

    pub fn session_id(&self) -> &str {
        text(&self.created["session_id"])
    }

    /// What the owner sends to have it registered and funded.
    pub fn opening(&self) -> Value {
        let signature = sign(&self.owner, &self.created["typed_data"]["open"]);
        json!({ "authorization": { "amount": self.created["limit"], "signature": signature } })
    }

    pub async fn now(&self, api: &Api) -> Value {
        api.get(&format!("/v1/session_keys/{}", self.id)).await.done(200)
    }

    /// Waits until it is in this state.
    pub async fn until(&self, api: &Api, what: &str, check: impl Fn(&Value) -> bool) -> Value {
        until(&format!("session key {}: {what}", self.id), async || {
            // An installation that is being restarted does not answer.
            let answer = api.try_get(&format!("/v1/session_keys/{}", self.id)).await?;
            Some(answer.done(200)).filter(|now| check(now))
        })
        .await
    }

    pub async fn until_status(&self, api: &Api, status: &str) -> Value {
        self.until(api, status, |now| now["status"] == status).await
    }

    /// Waits until its whole limit can be charged.
    pub async fn active(&self, api: &Api) -> Value {
        let limit = &self.created["limit"];
        self.until(api, "active", |now| now["status"] == "active" && now["deposited"] == *limit).await
    }

    /// A voucher of the client's key, cumulative, in atomic units.
    pub fn voucher(&self, max_claimable: u128) -> Value {
        let chain = &self.created["chain"];
        let (contract, payee) = (text(&chain["contract"]), text(&self.created["payee"]));
        self.voucher_for(max_claimable, chain["id"].as_u64().unwrap(), contract, payee)
    }

    /// The same for another chain, contract or payee than its own.
    pub fn voucher_for(&self, max_claimable: u128, chain_id: u64, contract: &str, payee: &str) -> Value {
        let key = self.key.expect("the client's key");
        let digest = chain::voucher::digest(
            chain_id,
            contract.parse().unwrap(),
            self.session_id().parse().unwrap(),
            payee.parse().unwrap(),
            max_claimable,
        );
        let signature = chain::voucher::sign(&key, digest).unwrap();
        json!({ "max_claimable": max_claimable.to_string(), "signature": signature.to_string() })
    }

    /// A charge's body; the client's key signs up to `max_claimable`.
    pub fn charge_body(&self, amount: &str, max_claimable: u128) -> Value {
        let mut body = json!({ "session_key_id": self.id, "amount": amount });
        if self.key.is_some() {
            body["voucher"] = self.voucher(max_claimable);
        }
        body
    }

    /// Charges; the client's key signs up to `max_claimable`.
    pub async fn charge(&self, api: &Api, amount: &str, max_claimable: u128) -> Answer {
        api.post("/v1/charges", &self.charge_body(amount, max_claimable)).await
    }

    /// Charges what a voucher of before, or Tollbook's own key, pays for.
    pub async fn charge_plain(&self, api: &Api, amount: &str) -> Answer {
        api.post("/v1/charges", &json!({ "session_key_id": self.id, "amount": amount })).await
    }

    /// What the owner sends with an action: signed as the API says that it should be.
    pub async fn owner_signature(&self, api: &Api, action: &str) -> Value {
        let path = format!("{}?action={action}", self.path("typed_data"));
        let asked = api.get(&path).await.done(200);
        let signature = sign(&self.owner, &asked["typed_data"]);
        json!({ "owner_signature": { "signature": signature, "nonce": asked["nonce"], "deadline": asked["deadline"] } })
    }

    /// Done by the owner through the API; waits until it is on the chain for good.
    pub async fn by_owner(&self, api: &Api, action: &str, path: &str) -> Value {
        let body = self.owner_signature(api, action).await;
        let answer = api.post(&self.path(path), &body).await.done(202);
        self.until(api, "nothing is on its way", |now| now["relays"] == json!([])).await;
        answer
    }

    /// Another deposit, with one signature.
    pub async fn deposit(&self, api: &Api, amount: &str, index: u64) -> Value {
        let path = format!("{}?action=deposit&amount={amount}&index={index}", self.path("typed_data"));
        let typed_data = api.get(&path).await.done(200)["typed_data"].clone();
        let signature = sign(&self.owner, &typed_data);
        json!({ "authorization": { "amount": amount, "index": index, "signature": signature } })
    }
}

/// The usual request for a session key, changed. A self-custody one has no key yet.
pub fn request(customer: &str, owner: &SettlerKey, custody: Custody, limit: &str, change: Value) -> Value {
    let mut body = json!({
        "customer_id": customer,
        "owner": owner.address().to_string(),
        "custody": if custody == Custody::Managed { "managed" } else { "self" },
        "limit": limit,
        "valid_until": in_seconds(30 * 86_400),
    });
    let Value::Object(change) = change else { panic!("not an object") };
    body.as_object_mut().unwrap().extend(change);
    body
}

/// A time from now, as in JSON.
pub fn in_seconds(seconds: i64) -> String {
    let at = eventstore::clock::now() + chrono::TimeDelta::seconds(seconds);
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Waits until a settlement is over, and gives it.
pub async fn settlement_over(api: &Api, id: &str) -> Value {
    until(&format!("settlement {id} is over"), async || {
        let now = api.try_get(&format!("/v1/settlements/{id}")).await?.done(200);
        ["finalized", "abandoned", "parked"].contains(&text(&now["status"])).then_some(now)
    })
    .await
}

/// Settles by hand, and gives what became of it.
pub async fn settle(api: &Api) -> Value {
    let wanted = api.post("/v1/settlements", &json!({})).await.done(202);
    settlement_over(api, text(&wanted["id"])).await
}

/// Every session key as the log has it.
pub async fn session_keys(api: &Api) -> Vec<Value> {
    let mut keys = Vec::new();
    for listed in api.walk("/v1/session_keys?limit=100", "cursor").await {
        keys.push(api.get(&format!("/v1/session_keys/{}", text(&listed["id"]))).await.done(200));
    }
    keys
}

/// Settles until nothing is left above an atomic unit, and waits until all of it is final.
pub async fn settle_all(api: &Api) {
    until("everything is settled", async || {
        let keys = session_keys(api).await;
        let busy = keys.iter().any(|key| !key["in_settlement"].is_null());
        let due = keys.iter().any(|key| atomic(decimal(&key["charged"])) > atomic(decimal(&key["claimed"])));
        if due && !busy {
            settle(api).await;
        }
        let settlements = api.walk("/v1/settlements?limit=100", "cursor").await;
        let over = settlements.iter().all(|one| ["finalized", "abandoned"].contains(&text(&one["status"])));
        (!due && !busy && over).then_some(())
    })
    .await;
}

/// After everything was settled: what the ledger says of each session key and in all, to the atomic unit,
/// is what the chain says, and what the payee has. Gives it.
pub async fn assert_settled(api: &Api, site: &Site, anvil: &Anvil, deployed: &Deployed) -> u128 {
    let payee = &deployed.payee;
    let mut claimed = 0;
    for key in session_keys(api).await {
        let (id, charged) = (text(&key["session_id"]), atomic(decimal(&key["charged"])));
        let of_key = atomic(decimal(&key["claimed"]));
        assert_eq!(of_key, charged, "something is not settled: {key}");
        assert_eq!(deployed.claimed(anvil, id, payee).await, of_key, "the contract says other than {key}");
        let escrow = atomic(decimal(&key["deposited"])) - atomic(decimal(&key["withdrawn"]));
        assert_eq!(deployed.escrow(anvil, id, payee).await, escrow, "the contract says other than {key}");
        claimed += of_key;
    }
    let settlements = api.walk("/v1/settlements?limit=100", "cursor").await;
    let mut told: Vec<(String, u128)> = Vec::new();
    for settlement in settlements.iter().filter(|one| one["status"] == "finalized") {
        assert_eq!(settlement["transferred"], settlement["total"], "{settlement}");
        let hash = text(&settlement["transaction"]["hash"]).to_owned();
        told.push((hash, atomic(decimal(&settlement["transferred"]))));
    }
    let mut seen = deployed.transfers(anvil, payee).await;
    told.sort();
    seen.sort();
    assert_eq!(told, seen, "transfers to the payee: the ledger's and the chain's");
    let paid: u128 = seen.iter().map(|(_, amount)| amount).sum();
    assert_eq!(paid, claimed);
    assert_eq!(deployed.balance(anvil, payee).await, paid);
    site.assert_clean().await;
    paid
}
