//! What follows from an event of billing, done at once for whoever waits for it.
//!
//! The billing process would do the same a moment later, with the same ids and at the same time: so whoever comes first,
//! it happens once.

use std::sync::Arc;

use domain::account::{Account, AccountCommand};
use domain::billing::{self, Command, Known, Needs, Reaction};
use domain::customer::Customer;
use domain::invoice::{Invoice, InvoiceCommand};
use domain::payment::{Payment, PaymentCommand};
use domain::plan::Plan;
use domain::series::Series;
use domain::subscription::{Subscription, SubscriptionCommand};
use domain::{Aggregate, LedgerEvent, RecordedEvent, StreamId};
use eventstore::{CommandMeta, ExecuteError, StoreError};
use uuid::Uuid;

use crate::App;
use crate::problem::Problem;

/// An event that is in the log for certain.
pub async fn stored(app: &App, event_id: Uuid) -> Result<RecordedEvent, Problem> {
    app.ledger.log().find(&[event_id]).await?.pop().ok_or_else(Problem::internal)
}

/// Does one of the things that follow from an event, and gives the last event of it; `None` when nothing of the kind
/// follows as things stand, or when it was denied: the billing process will say so.
pub async fn follow(app: &App, cause: &RecordedEvent, step: &str) -> Result<Option<RecordedEvent>, Problem> {
    let event = LedgerEvent::decode(cause).map_err(StoreError::from)?;
    let Some(needs) = billing::needs(cause, &event) else { return Ok(None) };
    let known = know(app, cause, &event, needs).await?;
    let found = billing::react(cause, &event, &known).into_iter().find(|reaction| reaction.step == step);
    let Some(reaction) = found else { return Ok(None) };
    let command_id = reaction.command_id(cause.event_id);
    ask(app, cause, reaction).await?;
    Ok(app.ledger.log().find(&[command_id]).await?.pop())
}

/// The last event of a stream that another event has caused.
pub async fn consequence(app: &App, stream: &StreamId, cause: Uuid) -> Result<Option<RecordedEvent>, Problem> {
    let events = app.ledger.log().tails(&[(stream.clone(), 0)]).await?;
    Ok(events.into_iter().rfind(|event| event.causation_id == cause))
}

/// The event that sealed an invoice.
pub async fn sealed(app: &App, stream: &StreamId) -> Result<RecordedEvent, Problem> {
    let events = app.ledger.log().tails(&[(stream.clone(), 0)]).await?;
    let is_sealed = |event: &RecordedEvent| event.event_type == "sealed";
    events.into_iter().rfind(is_sealed).ok_or_else(Problem::internal)
}

/// What was sealed gets its number; gives the last event of that.
pub async fn number(app: &App, cause: &RecordedEvent) -> Result<Option<RecordedEvent>, Problem> {
    match follow(app, cause, "number").await? {
        Some(allocated) => follow(app, &allocated, "give_number").await,
        None => Ok(None),
    }
}

async fn load<A: Aggregate>(app: &App, stream: StreamId) -> Result<A, StoreError> {
    Ok(app.ledger.load::<A>(&stream).await?.state)
}

async fn know(app: &App, cause: &RecordedEvent, event: &LedgerEvent, needs: Needs) -> Result<Known, Problem> {
    let mut known =
        Known { organization: app.directory.organization(cause.organization_id).await?, ..Known::default() };
    if let Some(id) = billing::customer_of(event) {
        known.customer = load::<Customer>(app, StreamId::new(Customer::CATEGORY, id)).await?;
    }
    match needs {
        Needs::Nothing | Needs::Customer => {}
        Needs::Subscription(id) => {
            let subscription = load::<Subscription>(app, StreamId::new(Subscription::CATEGORY, id)).await?;
            known.subscription = Some((id, subscription));
        }
        Needs::Invoice(id) => {
            known.invoice = Some((id, load::<Invoice>(app, StreamId::new(Invoice::CATEGORY, id)).await?));
        }
        Needs::Payment(id) => {
            known.payments.push((id, load::<Payment>(app, StreamId::new(Payment::CATEGORY, id)).await?));
        }
    }
    let more = billing::more(event, &known);
    for id in more.plans {
        known.plans.push((id, Arc::new(load::<Plan>(app, StreamId::new(Plan::CATEGORY, id)).await?)));
    }
    for id in more.payments {
        known.payments.push((id, load::<Payment>(app, StreamId::new(Payment::CATEGORY, id)).await?));
    }
    Ok(known)
}

/// Asks for it as the billing process does.
async fn ask(app: &App, cause: &RecordedEvent, reaction: Reaction) -> Result<(), Problem> {
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
    let stream = reaction.command.stream();
    match reaction.command {
        Command::Account(_, action) => {
            give::<Account>(app, stream, meta, AccountCommand { organization_id, action }).await
        }
        Command::Subscription(_, action) => {
            give::<Subscription>(app, stream, meta, SubscriptionCommand { organization_id, action }).await
        }
        Command::Invoice(_, action) => {
            give::<Invoice>(app, stream, meta, InvoiceCommand { organization_id, action: *action }).await
        }
        Command::Series(_, allocate) => give::<Series>(app, stream, meta, allocate).await,
        Command::Payment(_, action) => {
            give::<Payment>(app, stream, meta, PaymentCommand { organization_id, action: *action }).await
        }
    }
}

async fn give<A: Aggregate>(
    app: &App,
    stream: StreamId,
    meta: CommandMeta,
    command: A::Command,
) -> Result<(), Problem> {
    match app.ledger.execute::<A>(stream.clone(), meta, command).await {
        Ok(Ok(_)) | Err(ExecuteError::KeyReused) => Ok(()),
        Ok(Err(denied)) => {
            tracing::debug!(%stream, why = %denied, "what follows was denied");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
