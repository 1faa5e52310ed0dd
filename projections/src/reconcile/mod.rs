//! Compares every read model with the log: `tollbook reconcile`.
//!
//! The log is folded twice over, independently of the read models: by the aggregates (balances of
//! each account and session key) and by the postings (the journal). Each read model is compared at
//! its own checkpoint, all read in one snapshot of the database, so charges may go on meanwhile.
//! What the chain itself must say follows from the log too: [`session_totals`]; what invoices and payments must
//! come to, in `billing`.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::account::{Account, AccountEvent};
use domain::money::Amount;
use domain::postings::postings;
use domain::{Aggregate, LedgerEvent, RecordedEvent};
use eventstore::StoreError;
use eventstore::log::Log;
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::checkpoint;
use crate::projection::{Charge, Projection, ProjectionError};
use crate::{billing as read_model, hold, journal, quota, risk, settlement, statement};

mod billing;
mod chain;
mod compare;
mod sessions;

pub use chain::{
    ChainFold, ChainTotals, FinalPayment, FinalizedSettlement, OthersClaims, PayeeTotals, SessionTotals, session_totals,
};

const PAGE: i64 = 5_000;

/// Something the two sides disagree about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which read model, or `invariant`.
    pub place: &'static str,
    /// Of whom or what.
    pub subject: String,
    /// What the log says.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Which read model.
    pub place: &'static str,
    /// How many customers, session keys, statements or balances were compared.
    pub subjects: usize,
    /// What the log says was charged, at this read model's checkpoint, over all currencies; for
    /// `settlement` only what session keys were charged, for `billing` what invoices come to.
    pub expected: Decimal,
    /// What the read model says.
    pub found: Decimal,
}

/// What the comparison came to.
#[derive(Debug, Clone, Default)]
pub struct Reconciled {
    /// Events that were folded.
    pub events: i64,
    /// One line for each read model.
    pub compared: Vec<Compared>,
    /// What differs; empty when all is well.
    pub differences: Vec<Difference>,
}

/// Charged, left and number of charges.
type PerCustomer = BTreeMap<Uuid, (Decimal, Decimal, i64)>;
/// Debits and credits by organization, account and currency.
type PerAccount = BTreeMap<(Uuid, String, String), (Decimal, Decimal)>;

/// Positions up to which a read model counts, by partition.
struct Until(BTreeMap<i32, i64>);

impl Until {
    fn covers(&self, event: &RecordedEvent) -> bool {
        self.0.get(&event.partition).is_some_and(|position| event.position <= *position)
    }
}

/// How far each read model has come.
struct Untils {
    quota: Until,
    statement: Until,
    risk: Until,
    journal: Until,
    settlement: Until,
    hold: Until,
    billing: Until,
}

impl Untils {
    async fn read(snapshot: &mut PgConnection) -> Result<Self, StoreError> {
        let checkpoints = checkpoint::all(snapshot).await?;
        let until = |projection: &dyn Projection| {
            let name = checkpoint::live_name(projection);
            Until(checkpoints.iter().filter(|c| c.name == name).map(|c| (c.partition, c.position)).collect())
        };
        Ok(Self {
            quota: until(&quota::Quota),
            statement: until(&statement::MonthlyStatement),
            risk: until(&risk::Risk),
            journal: until(&journal::Journal),
            settlement: until(&settlement::Settlement),
            hold: until(&hold::Hold),
            billing: until(&read_model::Billing),
        })
    }
}

/// What the log says, as far as each read model has come.
#[derive(Default)]
struct Expected {
    quota: PerCustomer,
    statement: PerCustomer,
    risk: PerCustomer,
    journal: PerAccount,
    accounts: BTreeMap<Uuid, Account>,
    reserved: BTreeMap<Uuid, Reserved>,
    sessions: sessions::Expected,
    billing: billing::Expected,
}

/// What holds reserve of an account: credits, post-paid room, and the quotas of which something is reserved.
#[derive(Debug, Clone, Default, PartialEq)]
struct Reserved {
    credits: Decimal,
    postpaid: Decimal,
    meters: BTreeMap<String, Decimal>,
}

impl Reserved {
    fn of(account: &Account) -> Self {
        let balances = account.balances();
        let meters = account.quotas.iter().filter(|(_, quota)| !quota.held.is_zero());
        Self {
            credits: balances.held_credits.decimal(),
            postpaid: balances.held_postpaid.decimal(),
            meters: meters.map(|(meter, quota)| (meter.to_string(), quota.held.decimal())).collect(),
        }
    }
}

/// Folds the log and compares. Fails loudly on an event that cannot be read.
pub async fn reconcile(pool: &PgPool, log: &Arc<dyn Log>) -> Result<Reconciled, ProjectionError> {
    let mut connection = pool.acquire().await.map_err(StoreError::from)?;
    let mut snapshot = connection.begin().await.map_err(StoreError::from)?;
    sqlx::query("set transaction isolation level repeatable read, read only").execute(&mut *snapshot).await?;
    let until = Untils::read(&mut snapshot).await?;
    let mut result = Reconciled::default();
    let mut expected = Expected::default();
    let differences = &mut result.differences;
    result.events = each_event(log, |recorded, event| expected.take_in(recorded, event, &until, differences)).await?;
    expected.compare_with(&mut snapshot, &mut result).await?;
    snapshot.rollback().await.map_err(StoreError::from)?;
    Ok(result)
}

/// Reads the whole log, partition by partition. Gives how many events it has.
async fn each_event(
    log: &Arc<dyn Log>,
    mut take_in: impl FnMut(&RecordedEvent, &LedgerEvent),
) -> Result<i64, ProjectionError> {
    let mut events = 0;
    for partition in log.partitions().await? {
        let head = log.head(partition).await?.position;
        let mut after = 0;
        while after < head {
            let page = log.read(partition, after, PAGE.min(head - after)).await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for recorded in &page {
                let poison = |e: domain::DecodeError| ProjectionError::Poison {
                    position: recorded.position,
                    reason: e.to_string(),
                };
                take_in(recorded, &LedgerEvent::decode(recorded).map_err(poison)?);
            }
            events += page.len() as i64;
        }
    }
    Ok(events)
}

impl Expected {
    fn take_in(
        &mut self,
        recorded: &RecordedEvent,
        event: &LedgerEvent,
        until: &Untils,
        differences: &mut Vec<Difference>,
    ) {
        if let LedgerEvent::Account(event) = event {
            self.take_in_account(recorded, event, until, differences);
        }
        self.sessions.take_in(recorded, event, until, differences);
        self.billing.take_in(recorded, event, until, differences);
        if let Some(charge) = Charge::of(event) {
            for (until, sums) in [(&until.statement, &mut self.statement), (&until.risk, &mut self.risk)] {
                if until.covers(recorded) {
                    let sums = sums.entry(charge.customer_id.uuid()).or_default();
                    sums.0 += charge.amount.decimal();
                    sums.2 += 1;
                }
            }
        }
        if until.journal.covers(recorded) {
            let organization = recorded.organization_id.uuid();
            for posting in postings(event) {
                let currency = posting.currency.code().to_owned();
                let amount = posting.amount.decimal();
                let debit = (organization, posting.debit.to_string(), currency.clone());
                self.journal.entry(debit).or_default().0 += amount;
                self.journal.entry((organization, posting.credit.to_string(), currency)).or_default().1 += amount;
            }
        }
    }

    fn take_in_account(
        &mut self,
        recorded: &RecordedEvent,
        event: &AccountEvent,
        until: &Untils,
        differences: &mut Vec<Difference>,
    ) {
        let id = event.customer_id().uuid();
        let account = self.accounts.entry(id).or_default();
        account.apply_event(event, recorded.occurred_at);
        check_limit(account, event, recorded, differences);
        if let Some(hold) = event.hold().filter(|_| until.hold.covers(recorded)) {
            let open = account.holds.get(&hold.hold_id).map(|open| (open.funds.amount(), open.captured));
            sessions::note_hold(&mut self.sessions.holds, hold.hold_id, open);
        }
        if until.quota.covers(recorded) {
            let sums = self.quota.entry(id).or_default();
            sums.0 = account.charged.decimal();
            sums.1 = account.credits().decimal();
            // Whoever never had a hold has nothing reserved, and the read model must say so too.
            if event.hold().is_some() || self.reserved.contains_key(&id) {
                self.reserved.insert(id, Reserved::of(account));
            }
        }
    }
}

/// I4 at every prefix of the log: what a charge puts on the post-paid balance fits its limit.
/// What a hold reserved was within it when it was placed, and may be captured also after the limit was lowered.
fn check_limit(account: &Account, event: &AccountEvent, recorded: &RecordedEvent, differences: &mut Vec<Difference>) {
    let taken = match event {
        AccountEvent::Charged(charged) => charged.postpaid,
        AccountEvent::Held(held) => held.funds.postpaid,
        AccountEvent::HoldExtended(extended) => extended.funds.postpaid,
        _ => Amount::ZERO,
    };
    let balances = account.balances();
    let over = !taken.is_zero() && balances.postpaid.plus(balances.held_postpaid) > balances.postpaid_limit;
    let Some(after) = event.after() else { return };
    if over || *after != balances {
        let (expected, found) = (format!("{balances:?}"), format!("{after:?}"));
        differences.push(Difference::invariant(recorded, expected, found));
    }
}

impl Difference {
    /// The log contradicts itself.
    fn invariant(recorded: &RecordedEvent, expected: String, found: String) -> Self {
        let subject = format!("{} at position {}:{}", recorded.stream_id, recorded.partition, recorded.position);
        Self { place: "invariant", subject, expected, found }
    }
}
