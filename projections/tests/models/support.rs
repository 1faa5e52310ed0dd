//! A database with a log that has something of everything in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::account::command::Action;
use domain::account::{Account, AccountCommand, Overage, QuotaTerms};
use domain::charge::Usage;
use domain::customer::{Created, Customer, CustomerCommand};
use domain::hold::HoldAction;
use domain::ids::{CreditGrantId, CustomerId, HoldId, OrganizationId};
use domain::meter::Meter;
use domain::money::Currency;
use domain::period::Period;
use domain::session_key::command::Action as SessionAction;
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::log::Log;
use eventstore::postgres::{PostgresLog, connect};
use eventstore::{CommandMeta, Ledger};
use projections::checkpoint::{self, Checkpoint};
use projections::{Decoded, Projection};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{exact_payments, gateway_keys, keys, plan_quotas, reconciliation};

pub struct Bench {
    url: String,
    pub pool: PgPool,
    pub log: Arc<dyn Log>,
    pub ledger: Ledger,
}

impl Bench {
    pub async fn new() -> Self {
        let server = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL: run the tests with ./dev test");
        let (base, _) = server.rsplit_once('/').unwrap();
        let url = format!("{base}/test_{}", Uuid::now_v7().simple());
        connect::migrate(&url, 2).await.unwrap();
        let pool = connect::pool(&url, 16).unwrap();
        let log: Arc<dyn Log> = Arc::new(PostgresLog::new(pool.clone()));
        let ledger = Ledger::start(log.clone()).await.unwrap();
        Self { url, pool, log, ledger }
    }

    /// Connections of another process. One that stops in the middle of a transaction must not give
    /// its connection to anybody else.
    pub fn another_pool(&self) -> PgPool {
        connect::pool(&self.url, 16).unwrap()
    }

    /// Takes the whole log in, in batches of this size.
    pub async fn apply_all(&self, size: usize) {
        for projection in projections::all() {
            for partition in 0..2 {
                self.apply(projection.as_ref(), partition, std::iter::repeat(size)).await;
            }
        }
    }

    /// Takes the whole log in, in batches of other sizes for every read model.
    pub async fn apply_cut_anyhow(&self, seed: usize) {
        for (n, projection) in projections::all().into_iter().enumerate() {
            for partition in 0..2 {
                let mut state = seed * 31 + n;
                let sizes = std::iter::repeat_with(move || {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    1 + (state >> 33) % 9
                });
                self.apply(projection.as_ref(), partition, sizes).await;
            }
        }
    }

    async fn apply(&self, projection: &dyn Projection, partition: i32, sizes: impl Iterator<Item = usize>) {
        let name = checkpoint::live_name(projection);
        let mut position = checkpoint::position(&self.pool, &name, partition).await.unwrap();
        let events = self.log.read(partition, position, 10_000).await.unwrap();
        let decoded: Vec<_> = events.into_iter().map(Decoded::new).collect();
        let mut rest = decoded.as_slice();
        for size in sizes {
            if rest.is_empty() {
                break;
            }
            let (chunk, later) = rest.split_at(size.min(rest.len()));
            rest = later;
            let mut transaction = self.pool.begin().await.unwrap();
            let last = chunk.last().unwrap().recorded.position;
            checkpoint::advance(&mut transaction, &name, partition, position, last).await.unwrap();
            projection.apply(&mut transaction, chunk).await.unwrap();
            transaction.commit().await.unwrap();
            position = last;
        }
    }

    /// Empties every read model.
    pub async fn wipe(&self) {
        for projection in projections::all() {
            for table in projection.tables() {
                let statement = format!("truncate {}.{table}", projection.schema());
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&self.pool).await.unwrap();
            }
        }
        sqlx::query("delete from projection_checkpoints").execute(&self.pool).await.unwrap();
    }

    /// Polls the checkpoints until they are as wanted.
    pub async fn until<T>(&self, wanted: impl AsyncFn(&[Checkpoint]) -> Option<T>) -> T {
        let poll = async {
            loop {
                let all = checkpoint::all(&mut self.pool.acquire().await.unwrap()).await.unwrap();
                if let Some(found) = wanted(&all).await {
                    return found;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(crate::PATIENCE, poll).await.expect("the checkpoints never came to what was wanted")
    }

    /// Until every read model has taken in partition 0.
    pub async fn caught_up(&self) {
        let head = self.log.head(0).await.unwrap().position;
        let count = projections::all().len();
        self.until(async |all| {
            (all.iter().filter(|c| c.partition == 0 && c.position == head).count() == count).then_some(())
        })
        .await;
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn meta(now: &str) -> CommandMeta {
    let command_id = Uuid::now_v7();
    CommandMeta {
        command_id,
        organization_id: organization(),
        partition: 0,
        actor: "system:test".into(),
        request_digest: [0; 32],
        causation_id: command_id,
        correlation_id: command_id,
        now: at(now),
    }
}

pub fn organization() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}

pub async fn act(ledger: &Ledger, customer: u128, now: &str, action: Action) {
    let stream = StreamId::new(Account::CATEGORY, CustomerId::new(Uuid::from_u128(customer)));
    let command = AccountCommand { organization_id: organization(), action };
    ledger.execute::<Account>(stream, meta(now), command).await.unwrap().unwrap();
}

pub fn charge(usage: Vec<Usage>) -> Action {
    Action::Charge { usage, currency: None, used_at: None, description: None, metadata: Default::default() }
}

pub fn flat(amount: &str) -> Usage {
    Usage::Flat { amount: amount.parse().unwrap() }
}

fn metered(code: &str, price: &str, quantity: &str) -> Usage {
    metered_in(Currency::USD, code, price, quantity)
}

pub fn metered_in(currency: Currency, code: &str, price: &str, quantity: &str) -> Usage {
    let (code, unit_price) = (code.parse().unwrap(), price.parse().unwrap());
    let meter = Meter { code, unit: "unit".into(), unit_price, currency, version: 1 };
    Usage::Metered { meter, quantity: quantity.parse().unwrap() }
}

fn grant(n: u128, amount: &str, expires_at: Option<&str>) -> Action {
    Action::GrantCredit {
        grant_id: CreditGrantId::new(Uuid::from_u128(n)),
        amount: amount.parse().unwrap(),
        currency: None,
        priority: 1,
        expires_at: expires_at.map(at),
    }
}

/// An account with 5 post-paid, and its customer.
pub async fn open_customer(ledger: &Ledger, customer: u128, currency: Currency, now: &str) {
    let id = CustomerId::new(Uuid::from_u128(customer));
    let open = Action::Open { customer_id: id, currency, postpaid_limit: "5".parse().unwrap() };
    act(ledger, customer, now, open).await;
    let created =
        Created { customer_id: id, organization_id: organization(), external_id: None, currency, test_clock_id: None };
    let stream = StreamId::new(Customer::CATEGORY, id);
    let command = CustomerCommand::Create(created);
    ledger.execute::<Customer>(stream, meta(now), command).await.unwrap().unwrap();
}

/// A log in which borders matter: of batches, minutes, months, quota periods, grants.
pub async fn fill(ledger: &Ledger) {
    for customer in [10u128, 11] {
        open_customer(ledger, customer, Currency::USD, "2026-01-31T23:50:00Z").await;
        let n = customer * 100;
        act(ledger, customer, "2026-01-31T23:51:00Z", grant(n, "10", Some("2026-02-01T00:01:00Z"))).await;
        act(ledger, customer, "2026-01-31T23:51:00Z", grant(n + 1, "0.5", None)).await;
        let terms =
            QuotaTerms { limit: "8".parse().unwrap(), period: Period::Day, included: true, overage: Overage::Charge };
        act(ledger, customer, "2026-01-31T23:52:00Z", Action::SetQuota { meter: "calls".parse().unwrap(), terms })
            .await;
        for now in
            ["2026-01-31T23:59:59.9Z", "2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z", "2026-02-01T00:00:30Z"]
        {
            act(ledger, customer, now, charge(vec![flat("0.50"), metered("calls", "0.1", "3")])).await;
            act(ledger, customer, now, charge(vec![metered("calls", "0.1", "3"), metered("calls", "0.1", "1")])).await;
            act(ledger, customer, now, charge(vec![metered("tokens", "0.000003", "1001")])).await;
        }
        // The first grant runs out, the second and the post-paid room pay the rest.
        act(ledger, customer, "2026-02-01T00:05:00Z", charge(vec![flat("1.25")])).await;
        let limit = Action::SetPostpaidLimit { postpaid_limit: "9".parse().unwrap(), currency: None };
        act(ledger, customer, "2026-02-01T00:06:00Z", limit).await;
        act(ledger, customer, "2026-02-01T00:06:00Z", grant(n + 2, "3", Some("2026-03-01T00:00:00Z"))).await;
        act(ledger, customer, "2026-02-02T00:00:00Z", charge(vec![metered("calls", "0.1", "9")])).await;
    }
    keys::fill(ledger).await;
    hold(ledger).await;
    gateway_keys::fill(ledger).await;
    exact_payments::fill(ledger).await;
    plan_quotas::fill(ledger).await;
    reconciliation::fill(ledger).await;
}

fn place(n: u128, usage: Vec<Usage>, ttl_secs: u32) -> HoldAction {
    let (description, metadata) = (None, BTreeMap::new());
    HoldAction::Place {
        hold_id: HoldId::new(Uuid::from_u128(n)),
        usage,
        currency: None,
        ttl_secs,
        description,
        metadata,
    }
}

fn capture(n: u128, usage: Option<Vec<Usage>>, is_final: bool) -> HoldAction {
    let (description, metadata) = (None, BTreeMap::new());
    HoldAction::Capture {
        hold_id: HoldId::new(Uuid::from_u128(n)),
        usage,
        currency: None,
        is_final,
        description,
        metadata,
    }
}

/// Holds of an account and of a session key: every way to end, over the end of a month and of a grant, and some
/// that stay open.
async fn hold(ledger: &Ledger) {
    open_customer(ledger, 15, Currency::USD, "2026-01-31T23:50:00Z").await;
    open_customer(ledger, 16, Currency::USDC, "2026-01-31T23:50:00Z").await;
    act(ledger, 15, "2026-01-31T23:51:00Z", grant(1_500, "4", Some("2026-02-01T00:01:00Z"))).await;
    act(ledger, 15, "2026-01-31T23:51:00Z", grant(1_501, "2", None)).await;
    let terms =
        QuotaTerms { limit: "8".parse().unwrap(), period: Period::Day, included: true, overage: Overage::Charge };
    act(ledger, 15, "2026-01-31T23:52:00Z", Action::SetQuota { meter: "calls".parse().unwrap(), terms }).await;
    keys::active(ledger, 26, 16, "5").await;
    let void = |n| HoldAction::Void { hold_id: HoldId::new(Uuid::from_u128(n)) };
    let extend = |n, usage| {
        let hold_id = HoldId::new(Uuid::from_u128(n));
        HoldAction::Extend { hold_id, usage, currency: None, ttl_secs: Some(900) }
    };
    let steps = |first: u128, calls: fn(&str) -> Usage| {
        [
            ("2026-01-31T23:55:00Z", place(first, vec![flat("1.5"), calls("5")], 3_600)),
            ("2026-01-31T23:55:01Z", place(first + 1, vec![flat("0.5")], 60)),
            ("2026-01-31T23:55:02Z", place(first + 2, vec![flat("0.25"), calls("4")], 3_600)),
            ("2026-01-31T23:59:59Z", capture(first, Some(vec![flat("0.4"), calls("2")]), false)),
            ("2026-02-01T00:00:30Z", HoldAction::Expire),
            ("2026-02-01T00:02:00Z", extend(first, vec![flat("0.3")])),
            ("2026-02-01T00:03:00Z", capture(first, Some(vec![flat("0.2"), calls("3")]), true)),
            ("2026-02-01T00:04:00Z", void(first + 2)),
            ("2026-02-01T00:05:00Z", place(first + 3, vec![calls("9")], 60)),
        ]
    };
    for (now, action) in steps(15_000, |quantity| metered("calls", "0.1", quantity)) {
        act(ledger, 15, now, Action::Hold(action)).await;
    }
    for (now, action) in steps(16_000, |quantity| metered_in(Currency::USDC, "calls", "0.1", quantity)) {
        keys::act(ledger, 26, now, SessionAction::Hold { action, voucher: None }).await;
    }
}

/// Makes the event at a position unreadable; gives back what it was.
pub async fn garble(pool: &PgPool, position: i64) -> Vec<u8> {
    let (whole,): (Vec<u8>,) = sqlx::query_as("select payload from events where partition = 0 and position = $1")
        .bind(position)
        .fetch_one(pool)
        .await
        .unwrap();
    set_payload(pool, position, b"{\"of\":\"another program\"}".to_vec()).await;
    whole
}

/// Puts it back.
pub async fn mend(pool: &PgPool, position: i64, whole: Vec<u8>) {
    set_payload(pool, position, whole).await;
}

/// Writes another text into the payload of the event at a position, as nobody may.
pub async fn tamper(pool: &PgPool, position: i64, old: &str, new: &str) {
    let (whole,): (Vec<u8>,) = sqlx::query_as("select payload from events where partition = 0 and position = $1")
        .bind(position)
        .fetch_one(pool)
        .await
        .unwrap();
    let payload = String::from_utf8(whole).unwrap();
    assert!(payload.contains(old), "{payload}");
    set_payload(pool, position, payload.replacen(old, new, 1).into_bytes()).await;
}

async fn set_payload(pool: &PgPool, position: i64, payload: Vec<u8>) {
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("alter table events disable trigger user").execute(&mut *transaction).await.unwrap();
    let statement = "update events set payload = $2 where partition = 0 and position = $1";
    sqlx::query(statement).bind(position).bind(payload).execute(&mut *transaction).await.unwrap();
    sqlx::query("alter table events enable trigger user").execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}
