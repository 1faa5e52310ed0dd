//! What time brings to customers that live in real time: subscriptions renew or end, invoices are collected or overdue.
//! Time is told to the aggregates, which decide what is due; after downtime they catch up, one thing at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::ids::{self, InvoiceId, OrganizationId, SubscriptionId};
use domain::invoice::{self, Invoice, InvoiceCommand};
use domain::subscription::{self, Subscription, SubscriptionCommand};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::{ExecuteError, StoreError, clock};
use futures::{StreamExt, stream};
use projections::billing::due::{self, DueItem, DueKind};
use tokio_util::sync::CancellationToken;

use super::{AT_ONCE, Given, give, meta, note_denied, process, wait_for_read_model};
use crate::Context;

const EVERY: Duration = Duration::from_secs(1);
/// Subscriptions, and invoices, per round.
const DUE_MAX: i64 = 1_000;
/// How many things may fall due on one stream at the same moment.
const AT_ONE_MOMENT: u32 = 10;

/// Tells the time until cancelled.
pub(super) async fn run(context: Context, cancel: CancellationToken) {
    loop {
        let ended = tokio::select! {
            () = cancel.cancelled() => return,
            ended = round(&context) => ended,
        };
        let pause = match ended {
            // There is more.
            Ok(true) => Duration::ZERO,
            Ok(false) => EVERY,
            Err(error) => {
                tracing::debug!(%error, "billing's clock waits for the database");
                EVERY
            }
        };
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Gives whether there is more to do at once.
async fn round(context: &Context) -> Result<bool, StoreError> {
    let now = clock::now();
    let subscriptions = due::due_subscriptions(&context.pool, now, DUE_MAX).await?;
    let invoices = due::due_invoices(&context.pool, now, DUE_MAX).await?;
    let is_full = [subscriptions.len(), invoices.len()].contains(&(DUE_MAX as usize));
    let subscriptions = subscriptions.into_iter().map(|due| DueItem { kind: DueKind::Subscription, due });
    let invoices = invoices.into_iter().map(|due| DueItem { kind: DueKind::Invoice, due });
    let items: Vec<DueItem> = subscriptions.chain(invoices).collect();
    let partitions: BTreeSet<i32> = items.iter().map(|item| item.due.partition).collect();
    let told = advance_all(context, items, now).await;
    for partition in partitions {
        wait_for_read_model(context, partition).await?;
    }
    Ok(is_full && told.has_advanced)
}

/// What came of telling the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Something has changed.
    pub(super) has_advanced: bool,
    /// Somebody could not be told, and will be when the database is well again.
    pub(super) is_weather: bool,
}

/// Tells all of these what time it is.
pub(super) async fn advance_all(context: &Context, items: Vec<DueItem>, now: Timestamp) -> Told {
    let advanced = stream::iter(items).map(|item| async move {
        match advance(context, &item, now).await {
            Ok(has_advanced) => Told { has_advanced, is_weather: false },
            Err(error) => {
                tracing::debug!(id = %item.due.id, %error, "what is due will be done in a later round");
                Told { has_advanced: false, is_weather: process::is_weather(&error) }
            }
        }
    });
    let each = advanced.buffer_unordered(AT_ONCE);
    let both = |all: Told, one: Told| Told {
        has_advanced: all.has_advanced || one.has_advanced,
        is_weather: all.is_weather || one.is_weather,
    };
    each.fold(Told::default(), |all, one| std::future::ready(both(all, one))).await
}

async fn advance(context: &Context, item: &DueItem, now: Timestamp) -> Result<bool, ExecuteError> {
    let due = &item.due;
    let organization_id = OrganizationId::new(due.organization_id);
    let stream = match item.kind {
        DueKind::Subscription => StreamId::new(Subscription::CATEGORY, SubscriptionId::new(due.id)),
        DueKind::Invoice => StreamId::new(Invoice::CATEGORY, InvoiceId::new(due.id)),
    };
    for nth in 0..AT_ONE_MOMENT {
        let due_at = due.due_at.timestamp_micros().to_be_bytes();
        let id = ids::derive(&[b"advance", stream.as_str().as_bytes(), &due_at, &nth.to_be_bytes()]);
        let meta = meta(id, organization_id, due.partition, now);
        let (ledger, of) = (&context.ledger, stream.clone());
        let given = match item.kind {
            DueKind::Subscription => {
                let command = SubscriptionCommand { organization_id, action: subscription::Action::Advance };
                give::<Subscription>(ledger, of, meta, command).await?
            }
            DueKind::Invoice => {
                let command = InvoiceCommand { organization_id, action: invoice::Action::Advance };
                give::<Invoice>(ledger, of, meta, command).await?
            }
        };
        match given {
            // Something else was due at the same moment, and has happened.
            Given::Before => {}
            Given::Done => return Ok(true),
            Given::Unchanged => return Ok(false),
            Given::Denied(why) => {
                note_denied("advance", &why, &stream);
                return Ok(false);
            }
        }
    }
    Ok(false)
}
