//! Follows a partition of the log and does what follows from its events.
//!
//! Events of one customer are seen to in order, those of different customers at the same time. What is asked is decided
//! by [`domain::billing`]; here it is asked, with an id that follows from the event, at the time of the event. How far
//! this has come is noted after it was done: after a crash some of it is asked again, and the log knows it already.
//!
//! An event of which something was denied, or that cannot be reacted to, is [`parked`] for a person: what is wrong with
//! one customer's streams stops no other's bills.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::account::{Account, AccountCommand};
use domain::billing::{self, Command, Known, Needs, Reaction};
use domain::customer::Customer;
use domain::ids::{CustomerId, EventId, OrganizationId};
use domain::invoice::{Invoice, InvoiceCommand};
use domain::organization::Organization;
use domain::payment::{Payment, PaymentCommand};
use domain::plan::Plan;
use domain::series::Series;
use domain::subscription::{Subscription, SubscriptionCommand};
use domain::{Aggregate, LedgerEvent, RecordedEvent, StreamId};
use eventstore::{CommandMeta, ExecuteError, StoreError, clock};
use futures::{StreamExt, stream};
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{AT_ONCE, Given, Pauses, give, note_denied, parked};
use crate::Context;

/// Under which name it is noted how far this has come, and what was parked.
pub(super) const NAME: &str = "billing";
/// Events that are looked at together.
const PAGE: usize = 1_000;
/// How often the log is asked whether another process has written.
const LOOK_AT_LOG: Duration = Duration::from_millis(100);
/// How often it is noted how far this has come while nothing follows from what comes: most events are charges.
const NOTE_EVERY: Duration = Duration::from_millis(200);
/// Between two tries to read the log.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Tries to react to an event, before it is parked. That the database is away is no try.
const TRIES: u32 = 10;
/// Of a customer of whom an event was parked in this time the next ones are tried only once: they cannot be reacted to
/// for the same reason, and others wait.
const TROUBLED_FOR: Duration = Duration::from_secs(600);
/// How often it is counted what is parked.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Follows a partition until cancelled.
pub async fn run(context: Context, partition: i32, cancel: CancellationToken) {
    let process = Process::new(context, partition);
    // Said once, not each second.
    let mut said = None;
    loop {
        let ended = tokio::select! {
            () = cancel.cancelled() => return,
            ended = process.follow() => ended,
        };
        if let Err(error) = ended {
            let text = error.to_string();
            if said.as_ref() != Some(&text) {
                match error {
                    StoreError::Unavailable(_) => tracing::warn!(partition, %error, "billing waits for the database"),
                    _ => tracing::error!(partition, %error, "billing halts: repair the event or the program"),
                }
                said = Some(text);
            }
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(RETRY_PAUSE) => {}
        }
    }
}

/// How far a partition was followed: everything up to there was done.
pub(super) async fn position(pool: &PgPool, partition: i32) -> Result<i64, StoreError> {
    let found = sqlx::query_scalar!(
        "select position from process_checkpoints where name = $1 and partition = $2",
        NAME,
        partition
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.unwrap_or(0))
}

/// Notes how far a partition was followed. Never goes back: of two leaders the one that is ahead is right.
async fn note(pool: &PgPool, partition: i32, position: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into process_checkpoints as c (name, partition, position) values ($1, $2, $3)
         on conflict (name, partition) do update set position = excluded.position
         where c.position < excluded.position",
        NAME,
        partition,
        position
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) struct Process {
    context: Context,
    partition: i32,
    /// As they were when they were last needed; forgotten when they change.
    organizations: Mutex<HashMap<OrganizationId, Arc<Organization>>>,
    /// Customers of whom an event was parked, and when.
    troubled: Mutex<HashMap<Uuid, Instant>>,
}

/// An event of which something follows.
struct Cause {
    recorded: Arc<RecordedEvent>,
    event: LedgerEvent,
    needs: Needs,
}

/// Steps that were denied: what they were, why, and to whom.
type Denied = Vec<(&'static str, String, StreamId)>;

/// The same in a line.
fn told(denied: &[(&'static str, String, StreamId)]) -> String {
    let steps = denied.iter().map(|(step, why, stream)| format!("{step} of {stream} was denied: {why}"));
    steps.collect::<Vec<_>>().join("; ")
}

/// Whether it will pass by itself, and concerns everything alike.
pub(super) const fn is_weather(error: &ExecuteError) -> bool {
    matches!(error, ExecuteError::Overloaded | ExecuteError::Store(StoreError::Unavailable(_)))
}

impl Process {
    pub(super) fn new(context: Context, partition: i32) -> Self {
        Self { context, partition, organizations: Mutex::default(), troubled: Mutex::default() }
    }

    async fn follow(&self) -> Result<(), StoreError> {
        let pool = &self.context.pool;
        let mut reached = position(pool, self.partition).await?;
        let mut noted = reached;
        let mut noted_at = Instant::now();
        let mut counted_at: Option<Instant> = None;
        let mut tail = self.context.ledger.tail(self.partition, reached);
        let lag = metrics::gauge!("tollbook_billing_lag_seconds", "partition" => self.partition.to_string());
        loop {
            let page = tail.next(PAGE, LOOK_AT_LOG).await?;
            let mut is_noted_now = page.is_empty();
            if let Some(last) = page.last() {
                lag.set((clock::now() - last.recorded_at).as_seconds_f64().max(0.0));
                let causes = self.causes(&page).await;
                is_noted_now = !causes.is_empty();
                self.see_to_all(causes).await;
                reached = last.position;
            } else {
                lag.set(0.0);
            }
            if counted_at.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
                parked::count(pool, self.partition).await?;
                counted_at = Some(Instant::now());
            }
            if reached > noted && (is_noted_now || noted_at.elapsed() >= NOTE_EVERY) {
                note(pool, self.partition, reached).await?;
                noted = reached;
                noted_at = Instant::now();
            }
        }
    }

    /// The events of a page of which something follows, in order, by whom they concern.
    async fn causes(&self, page: &[Arc<RecordedEvent>]) -> Vec<Vec<Cause>> {
        let mut by_customer: HashMap<Uuid, Vec<Cause>> = HashMap::new();
        for recorded in page {
            if recorded.stream_id.category() == Organization::CATEGORY {
                self.organizations.lock().await.remove(&recorded.organization_id);
            }
            if !billing::concerns(recorded) {
                continue;
            }
            let event = match LedgerEvent::decode(recorded) {
                Ok(event) => event,
                Err(error) => {
                    self.park(recorded, None, &error.to_string()).await;
                    continue;
                }
            };
            if let Some(needs) = billing::needs(recorded, &event) {
                // A number is given to its document, whoever's that is.
                let whose = billing::customer_of(&event).map_or(recorded.event_id, CustomerId::uuid);
                by_customer.entry(whose).or_default().push(Cause { recorded: recorded.clone(), event, needs });
            }
        }
        by_customer.into_values().collect()
    }

    async fn see_to_all(&self, groups: Vec<Vec<Cause>>) {
        let seen = stream::iter(groups).map(|group| async move {
            for cause in group {
                self.see_to(&cause).await;
            }
        });
        seen.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Does what follows from an event, however long the database is away. What is denied, or cannot be done, is parked.
    async fn see_to(&self, cause: &Cause) {
        let customer = billing::customer_of(&cause.event).map(CustomerId::uuid);
        let tries_max = if self.is_troubled(customer).await { 1 } else { TRIES };
        let (mut pauses, mut tries, mut looked_again) = (Pauses::new(), 0, false);
        loop {
            match self.react(cause).await {
                Ok(denied) if denied.is_empty() => return,
                // What was known may have been overtaken meanwhile: once more, with what is known now.
                Ok(_) if !looked_again => looked_again = true,
                Ok(denied) => {
                    for (step, why, stream) in &denied {
                        note_denied(step, why, stream);
                    }
                    return self.park(&cause.recorded, customer, &told(&denied)).await;
                }
                Err(error) => {
                    metrics::counter!("tollbook_billing_retries_total").increment(1);
                    let event_id = cause.recorded.event_id;
                    if is_weather(&error) {
                        tracing::debug!(%event_id, %error, "billing tries again");
                    } else {
                        tries += 1;
                        if tries >= tries_max {
                            if let Some(customer) = customer {
                                self.troubled.lock().await.insert(customer, Instant::now());
                            }
                            return self.park(&cause.recorded, customer, &error.to_string()).await;
                        }
                        tracing::warn!(%event_id, %error, tries, "billing tries again");
                    }
                    pauses.pause().await;
                }
            }
        }
    }

    /// Whether an event of a customer was parked lately.
    async fn is_troubled(&self, customer: Option<Uuid>) -> bool {
        let Some(customer) = customer else { return false };
        let mut troubled = self.troubled.lock().await;
        troubled.retain(|_, since| since.elapsed() < TROUBLED_FOR);
        troubled.contains_key(&customer)
    }

    /// Parks an event for a person, however long the database is away, so that it is not passed unseen.
    async fn park(&self, recorded: &RecordedEvent, customer_id: Option<Uuid>, error: &str) {
        let event_id = EventId::new(recorded.event_id);
        tracing::error!(%event_id, stream = %recorded.stream_id, error, "billing has parked an event: a person should look");
        let mut pauses = Pauses::new();
        while let Err(error) = parked::park(&self.context.pool, recorded, customer_id, error).await {
            tracing::debug!(%event_id, %error, "an event cannot be parked now");
            pauses.pause().await;
        }
    }

    /// Does once more what follows from an event. Gives what was denied.
    pub(super) async fn again(&self, recorded: Arc<RecordedEvent>) -> Result<Option<String>, ExecuteError> {
        let event = LedgerEvent::decode(&recorded).map_err(StoreError::from)?;
        let Some(needs) = billing::needs(&recorded, &event) else { return Ok(None) };
        let denied = self.react(&Cause { recorded, event, needs }).await?;
        Ok((!denied.is_empty()).then(|| told(&denied)))
    }

    async fn react(&self, cause: &Cause) -> Result<Denied, ExecuteError> {
        let known = self.know(cause).await?;
        let mut denied = Vec::new();
        for reaction in billing::react(&cause.recorded, &cause.event, &known) {
            let (step, stream) = (reaction.step, reaction.command.stream());
            match self.ask(&cause.recorded, reaction).await? {
                Given::Denied(why) => denied.push((step, why, stream)),
                Given::Done => metrics::counter!("tollbook_billing_steps_total", "step" => step).increment(1),
                Given::Before | Given::Unchanged => {}
            }
        }
        Ok(denied)
    }

    async fn know(&self, cause: &Cause) -> Result<Known, StoreError> {
        let mut known = Known::default();
        if cause.needs == Needs::Nothing {
            return Ok(known);
        }
        known.organization = self.organization(cause.recorded.organization_id).await?;
        if let Some(id) = billing::customer_of(&cause.event) {
            known.customer = self.load::<Customer>(StreamId::new(Customer::CATEGORY, id)).await?;
        }
        match cause.needs {
            Needs::Nothing | Needs::Customer => {}
            Needs::Subscription(id) => {
                let stream = StreamId::new(Subscription::CATEGORY, id);
                known.subscription = Some((id, self.load::<Subscription>(stream).await?));
            }
            Needs::Invoice(id) => {
                known.invoice = Some((id, self.load::<Invoice>(StreamId::new(Invoice::CATEGORY, id)).await?));
            }
            Needs::Payment(id) => {
                known.payments.push((id, self.load::<Payment>(StreamId::new(Payment::CATEGORY, id)).await?));
            }
        }
        let more = billing::more(&cause.event, &known);
        for id in more.plans {
            known.plans.push((id, Arc::new(self.load::<Plan>(StreamId::new(Plan::CATEGORY, id)).await?)));
        }
        for id in more.payments {
            known.payments.push((id, self.load::<Payment>(StreamId::new(Payment::CATEGORY, id)).await?));
        }
        Ok(known)
    }

    async fn organization(&self, id: OrganizationId) -> Result<Arc<Organization>, StoreError> {
        if let Some(known) = self.organizations.lock().await.get(&id) {
            return Ok(known.clone());
        }
        let state = Arc::new(self.load::<Organization>(StreamId::new(Organization::CATEGORY, id)).await?);
        self.organizations.lock().await.insert(id, state.clone());
        Ok(state)
    }

    async fn load<A: Aggregate>(&self, stream: StreamId) -> Result<A, StoreError> {
        Ok(self.context.ledger.load::<A>(&stream).await?.state)
    }

    /// Asks for one thing, at the time of the event, or at that which the reaction says.
    async fn ask(&self, cause: &RecordedEvent, reaction: Reaction) -> Result<Given, ExecuteError> {
        let organization_id = cause.organization_id;
        let meta = CommandMeta {
            command_id: reaction.command_id(cause.event_id),
            organization_id,
            partition: cause.partition,
            actor: billing::ACTOR.to_owned(),
            request_digest: [0; 32],
            causation_id: cause.event_id,
            correlation_id: cause.correlation_id,
            now: reaction.now(cause.occurred_at),
        };
        let (ledger, stream) = (&self.context.ledger, reaction.command.stream());
        match reaction.command {
            Command::Account(_, action) => {
                give::<Account>(ledger, stream, meta, AccountCommand { organization_id, action }).await
            }
            Command::Subscription(_, action) => {
                give::<Subscription>(ledger, stream, meta, SubscriptionCommand { organization_id, action }).await
            }
            Command::Invoice(_, action) => {
                give::<Invoice>(ledger, stream, meta, InvoiceCommand { organization_id, action: *action }).await
            }
            Command::Series(_, allocate) => give::<Series>(ledger, stream, meta, allocate).await,
            Command::Payment(_, action) => {
                give::<Payment>(ledger, stream, meta, PaymentCommand { organization_id, action: *action }).await
            }
        }
    }
}
