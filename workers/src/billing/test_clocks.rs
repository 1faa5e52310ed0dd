//! Test clocks: months pass in a moment. A clock that is under way goes from one moment at which something falls due to
//! the next; there everything due happens, and everything that follows from it, before it goes on.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;
use domain::account::command::Action as AccountAction;
use domain::account::{Account, AccountCommand};
use domain::hold::HoldAction;
use domain::ids::{self, CustomerId, OrganizationId, TestClockId};
use domain::test_clock::{Action, TestClock, TestClockCommand};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::{ExecuteError, StoreError, clock};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use projections::billing::due::{self, ClockRow, CustomerRow};
use sqlx::PgPool;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::clock::{Told, advance_all};
use super::{Given, LOOK, Pauses, give, meta, note_denied, process, seen};
use crate::Context;

/// How often it is looked for clocks under way.
const EVERY: Duration = Duration::from_millis(250);
/// Clocks under way at a time: in all, and of an organization.
const CLOCKS_MAX: usize = 64;
const OF_ORGANIZATION: usize = 8;
/// Things that happen on a clock at a time.
const DUE_MAX: i64 = 500;
/// The longest way between two things that the read model shows as unfinished: a payment that has come, what it pays,
/// and who hears of that. On a log that never rests so many looks in a row must find nothing unfinished.
const LOOKS: usize = 5;
/// The pause while a payment provider or a bill is waited for.
const WAIT: Duration = Duration::from_millis(100);
/// A payment that could not be asked about for so long, by the wall clock, is not waited for: it goes on in real time.
const PAYMENT_WITHIN: TimeDelta = TimeDelta::seconds(60);
/// So long it is waited for a bill of which nothing comes, and for what is due and does not happen; and for bills once
/// that was in vain.
const STUCK_WITHIN: Duration = Duration::from_secs(60);
const PATIENCE_THEN: Duration = Duration::from_secs(2);

/// Why a clock stands still for a moment. It is tried again.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the database is not well")]
    Weather,
}

impl From<sqlx::Error> for StepError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Drives clocks until cancelled.
pub(super) async fn run(context: Context, cancel: CancellationToken) {
    // Each with whose it is.
    let mut driven: HashMap<Uuid, Uuid> = HashMap::new();
    let mut driving = FuturesUnordered::new();
    let mut look = tokio::time::interval(EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            Some(arrived) = driving.next() => {
                driven.remove(&arrived);
            }
            _ = look.tick() => match waiting(&context.pool, &driven).await {
                Ok(rows) => {
                    for row in rows {
                        driven.insert(row.test_clock_id, row.organization_id);
                        driving.push(drive(context.clone(), row));
                    }
                }
                Err(error) => tracing::debug!(%error, "test clocks wait for the database"),
            },
        }
    }
}

/// Clocks under way that can be driven besides these: however many an organization sets, those of others have their
/// turn.
async fn waiting(pool: &PgPool, driven: &HashMap<Uuid, Uuid>) -> Result<Vec<ClockRow>, sqlx::Error> {
    let free = CLOCKS_MAX.saturating_sub(driven.len());
    if free == 0 {
        return Ok(Vec::new());
    }
    let mut counts: HashMap<Uuid, usize> = HashMap::new();
    for organization in driven.values() {
        *counts.entry(*organization).or_default() += 1;
    }
    let full: Vec<Uuid> = counts.iter().filter(|(_, count)| **count >= OF_ORGANIZATION).map(|(id, _)| *id).collect();
    let known: Vec<Uuid> = driven.keys().copied().collect();
    let mut rows = due::clocks_under_way(pool, &known, &full, OF_ORGANIZATION as i64, CLOCKS_MAX as i64).await?;
    rows.retain(|row| {
        let count = counts.entry(row.organization_id).or_default();
        *count += 1;
        *count <= OF_ORGANIZATION
    });
    rows.truncate(free);
    Ok(rows)
}

/// What is known of a clock while it is driven.
struct Way {
    /// What is due and does not happen: the clock goes on without it.
    passed: Vec<Uuid>,
    /// Since when nothing comes of what is due.
    stuck_since: Option<Instant>,
    /// How long bills are waited for of which nothing comes.
    patience: Duration,
}

/// Drives one clock to where it was set. Gives back its id.
async fn drive(context: Context, row: ClockRow) -> Uuid {
    let test_clock_id = TestClockId::new(row.test_clock_id);
    let mut way = Way { passed: Vec::new(), stuck_since: None, patience: STUCK_WITHIN };
    let mut pauses = Pauses::new();
    loop {
        match step(&context, &row, &mut way).await {
            Ok(Step::Arrived) => return row.test_clock_id,
            Ok(Step::Moved) => {
                way.stuck_since = None;
                pauses = Pauses::new();
            }
            Ok(Step::Stuck(due)) => {
                let since = *way.stuck_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= STUCK_WITHIN {
                    let count = due.len();
                    tracing::error!(%test_clock_id, count, "a test clock goes on without what is due and does not happen");
                    way.passed.extend(due);
                    way.stuck_since = None;
                }
                pauses.pause().await;
            }
            Err(error) => {
                tracing::debug!(%test_clock_id, %error, "a test clock goes on in a moment");
                way.stuck_since = None;
                pauses.pause().await;
            }
        }
    }
}

/// What came of a step.
enum Step {
    Moved,
    /// These are due, and nothing came of it.
    Stuck(Vec<Uuid>),
    Arrived,
}

async fn step(context: &Context, row: &ClockRow, way: &mut Way) -> Result<Step, StepError> {
    rest(context, row, way).await?;
    let stream = StreamId::new(TestClock::CATEGORY, TestClockId::new(row.test_clock_id));
    let loaded = context.ledger.load::<TestClock>(&stream).await?;
    let (Some(shown), Some(target)) = (loaded.state.now, loaded.state.target) else { return Ok(Step::Arrived) };
    let Some(next) = due::next_due_on_clock(&context.pool, row.test_clock_id, target, &way.passed).await? else {
        for customer in due::clock_customers(&context.pool, row.test_clock_id).await? {
            match sweep(context, &customer, target).await {
                Ok(()) => {}
                Err(error) if process::is_weather(&error) => return Err(error.into()),
                Err(error) => {
                    let customer_id = CustomerId::new(customer.customer_id);
                    tracing::error!(%customer_id, %error, "a test clock goes on without what ends of a customer");
                }
            }
        }
        let id = ids::derive(&[b"arrive", row.test_clock_id.as_bytes(), &loaded.version.to_be_bytes()]);
        command(context, row, stream, id, Action::Arrive).await?;
        return Ok(Step::Arrived);
    };
    // What was left from before the clock was set is due now.
    let now = next.max(shown);
    if now > shown {
        let id = ids::derive(&[b"reach", row.test_clock_id.as_bytes(), &loaded.version.to_be_bytes()]);
        command(context, row, stream, id, Action::Reach { now }).await?;
    }
    let items = due::due_on_clock(&context.pool, row.test_clock_id, now, &way.passed, DUE_MAX).await?;
    let due: Vec<Uuid> = items.iter().map(|item| item.due.id).collect();
    match advance_all(context, items, now).await {
        Told { has_advanced: true, .. } => Ok(Step::Moved),
        Told { is_weather: true, .. } => Err(StepError::Weather),
        Told { .. } => Ok(Step::Stuck(due)),
    }
}

async fn command(
    context: &Context,
    row: &ClockRow,
    stream: StreamId,
    id: Uuid,
    action: Action,
) -> Result<(), ExecuteError> {
    let organization_id = OrganizationId::new(row.organization_id);
    let meta = meta(id, organization_id, row.partition, clock::now());
    let command = TestClockCommand { organization_id, action };
    match give::<TestClock>(&context.ledger, stream.clone(), meta, command).await? {
        Given::Denied(why) => note_denied("test_clock", &why, &stream),
        Given::Done | Given::Before | Given::Unchanged => {}
    }
    Ok(())
}

/// Waits until everything that has happened on a clock has had its consequences: what follows from events was done, the
/// read model has seen it, and shows nothing on its way. Then nothing moves but what others do. Not for ever: neither a
/// provider that cannot be asked nor a bill of which nothing comes holds a clock up.
async fn rest(context: &Context, row: &ClockRow, way: &mut Way) -> Result<(), StepError> {
    let (mut before, mut looks) = (None, 0);
    let mut billing_since: Option<Instant> = None;
    while looks < LOOKS {
        let head = context.log().head(row.partition).await?.position;
        if before == Some(head) {
            return Ok(());
        }
        while process::position(&context.pool, row.partition).await? < head {
            tokio::time::sleep(LOOK).await;
        }
        while seen(context, row.partition).await? < head {
            tokio::time::sleep(LOOK).await;
        }
        let asked_after = clock::now() - PAYMENT_WITHIN;
        let unfinished = due::unfinished_on_clock(&context.pool, row.test_clock_id, asked_after).await?;
        if !unfinished.is_paying && !unfinished.is_billing {
            (before, looks, billing_since) = (Some(head), looks + 1, None);
            continue;
        }
        (before, looks) = (None, 0);
        if unfinished.is_paying {
            billing_since = None;
        } else if billing_since.get_or_insert_with(Instant::now).elapsed() >= way.patience {
            let test_clock_id = TestClockId::new(row.test_clock_id);
            tracing::error!(%test_clock_id, "a test clock goes on without a bill of which nothing comes");
            way.patience = PATIENCE_THEN;
            return Ok(());
        }
        tokio::time::sleep(WAIT).await;
    }
    Ok(())
}

/// Ends what the time of a clock ends, as the sweep does for customers that live in real time.
async fn sweep(context: &Context, customer: &CustomerRow, now: Timestamp) -> Result<(), ExecuteError> {
    let organization_id = OrganizationId::new(customer.organization_id);
    let stream = StreamId::new(Account::CATEGORY, CustomerId::new(customer.customer_id));
    loop {
        let account = context.ledger.load::<Account>(&stream).await?.state;
        let has_expired = account.grants.iter().any(|grant| grant.is_expired(now) && !grant.remaining.is_zero());
        let action = if account.holds.values().any(|hold| hold.expires_at <= now) {
            AccountAction::Hold(HoldAction::Expire)
        } else if has_expired {
            AccountAction::ExpireCredits
        } else {
            return Ok(());
        };
        let meta = meta(Uuid::now_v7(), organization_id, customer.partition, now);
        let command = AccountCommand { organization_id, action };
        match give::<Account>(&context.ledger, stream.clone(), meta, command).await? {
            Given::Done => {}
            Given::Before | Given::Unchanged => return Ok(()),
            Given::Denied(why) => {
                note_denied("sweep", &why, &stream);
                return Ok(());
            }
        }
    }
}
