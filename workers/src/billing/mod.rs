//! Billing: what follows from events ([`process`]), what time brings ([`clock`]; [`test_clocks`] for customers that
//! live in another time), what payment providers are asked for ([`collector`]), and their messages that were stored
//! and not taken in ([`webhooks`]). What could not be done is [`parked`] for a person.
//!
//! One leader follows each partition of the log, one more does all the rest. Every step is a command whose id follows
//! from what caused it, so a crash between any two steps repeats nothing, and a second leader does no harm. The read
//! model `billing` only says where to look: the aggregates decide.

use std::time::Duration;

use domain::billing;
use domain::customer::Customer;
use domain::ids::{CustomerId, OrganizationId};
use domain::test_clock::TestClock;
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::{CommandMeta, ExecuteError, Executed, Ledger, StoreError};
use projections::billing::Billing;
use projections::{Projection, checkpoint};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Context;

pub mod clock;
pub mod collector;
pub mod parked;
pub mod process;
pub mod test_clocks;
pub mod webhooks;

/// How many things are done at a time.
const AT_ONCE: usize = 64;
/// Between two looks at how far somebody else has come.
const LOOK: Duration = Duration::from_millis(20);
/// How long the clock waits for the read model to see what has happened.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(5);
/// The pause after something went wrong that may pass, at first and at most.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Everything but following the log, until cancelled.
pub async fn run(context: Context, cancel: CancellationToken) {
    let ticking = clock::run(context.clone(), cancel.clone());
    let testing = test_clocks::run(context.clone(), cancel.clone());
    let Some(vault) = context.vault.clone() else {
        tracing::warn!("TOLLBOOK_SECRET_KEY is not set: no payment provider is asked for anything");
        tokio::join!(ticking, testing);
        return;
    };
    let collecting = collector::run(context.clone(), vault.clone(), cancel.clone());
    let taking_in = webhooks::run(context, vault, cancel);
    tokio::join!(ticking, testing, collecting, taking_in);
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    /// It is in the log now.
    Done,
    /// It was there before, or what takes its place was.
    Before,
    /// Nothing needed to change.
    Unchanged,
    /// No. With the reason.
    Denied(String),
}

/// Gives a command to the ledger.
async fn give<A: Aggregate>(
    ledger: &Ledger,
    stream: StreamId,
    meta: CommandMeta,
    command: A::Command,
) -> Result<Given, ExecuteError> {
    match ledger.execute::<A>(stream, meta, command).await {
        // The same cause has had another consequence before.
        Ok(Ok(Executed::Done { replayed: true, .. })) | Err(ExecuteError::KeyReused) => Ok(Given::Before),
        Ok(Ok(Executed::Done { .. })) => Ok(Given::Done),
        Ok(Ok(Executed::Unchanged { .. })) => Ok(Given::Unchanged),
        Ok(Err(denied)) => Ok(Given::Denied(denied.to_string())),
        Err(error) => Err(error),
    }
}

/// What surrounds a command that no event has caused.
fn meta(command_id: Uuid, organization_id: OrganizationId, partition: i32, now: Timestamp) -> CommandMeta {
    CommandMeta {
        command_id,
        organization_id,
        partition,
        actor: billing::ACTOR.to_owned(),
        request_digest: [0; 32],
        causation_id: command_id,
        correlation_id: command_id,
        now,
    }
}

/// Counts what was denied: nobody has done anything wrong, so a person should look.
fn note_denied(step: &'static str, why: &str, stream: &StreamId) {
    metrics::counter!("tollbook_billing_denied_total", "step" => step).increment(1);
    tracing::error!(step, why, %stream, "billing was denied a step: a person should look");
}

/// Longer and longer pauses.
#[derive(Debug)]
struct Pauses(Duration);

impl Pauses {
    const fn new() -> Self {
        Self(PAUSE_FIRST)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(PAUSE_MAX);
    }
}

/// How far the read model has come.
async fn seen(context: &Context, partition: i32) -> Result<i64, StoreError> {
    let name = checkpoint::live_name(&Billing as &dyn Projection);
    checkpoint::position(&context.pool, &name, partition).await
}

/// Waits for the read model to see what is in the log now, so that what was done is not found again. Not for ever: what
/// is found again comes to nothing.
async fn wait_for_read_model(context: &Context, partition: i32) -> Result<(), StoreError> {
    let head = context.log().head(partition).await?.position;
    let deadline = Instant::now() + CAUGHT_UP_WITHIN;
    while seen(context, partition).await? < head && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// What time it is for a customer: that of its test clock, if it is on one. By the log, for the read model may not have
/// seen it yet.
async fn time_of(context: &Context, customer_id: CustomerId) -> Result<Timestamp, StoreError> {
    let stream = StreamId::new(Customer::CATEGORY, customer_id);
    let created = context.ledger.load::<Customer>(&stream).await?.state.created;
    let Some(test_clock_id) = created.and_then(|created| created.test_clock_id) else {
        return Ok(eventstore::clock::now());
    };
    let stream = StreamId::new(TestClock::CATEGORY, test_clock_id);
    let shown = context.ledger.load::<TestClock>(&stream).await?.state.now;
    Ok(shown.unwrap_or_else(eventstore::clock::now))
}
