//! Plans, subscriptions, invoices and payments, to be listed; and what time or a provider has to be asked about next.
//!
//! What an event says stands in its payload, also how things are after it, so each event is written as it comes:
//! few come here beside the charges. [`due`] and [`collecting`] are for the workers, [`find`] for
//! providers' ids, [`clocks`] for whoever keeps in memory who is on a test clock, [`query`] for lists.

use std::sync::Arc;

use async_trait::async_trait;
use domain::LedgerEvent;
use domain::customer::CustomerEvent;
use sqlx::PgConnection;

use crate::projection::{Decoded, Projection, ProjectionError};

pub mod clocks;
pub mod collecting;
pub mod due;
pub mod find;
mod invoices;
mod payments;
mod plans;
pub mod query;
mod subscriptions;

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct Billing;

#[async_trait]
impl Projection for Billing {
    fn name(&self) -> &'static str {
        "billing"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &[
            "billing_plans",
            "billing_test_clocks",
            "billing_clock_customers",
            "billing_subscriptions",
            "billing_invoices",
            "billing_credit_notes",
            "billing_payments",
            "billing_refunds",
            "billing_connectors",
            "billing_webhooks",
            "billing_payouts",
        ]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        events.iter().filter_map(|decoded| decoded.event.as_ref().ok()).any(|event| match event {
            LedgerEvent::Plan(_)
            | LedgerEvent::Subscription(_)
            | LedgerEvent::Invoice(_)
            | LedgerEvent::Payment(_)
            | LedgerEvent::Connector(_)
            | LedgerEvent::Webhook(_)
            | LedgerEvent::TestClock(_)
            | LedgerEvent::Payout(_) => true,
            LedgerEvent::Customer(CustomerEvent::Created(created)) => created.test_clock_id.is_some(),
            _ => false,
        })
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        for decoded in events {
            let recorded = &decoded.recorded;
            let Ok(event) = &decoded.event else { continue };
            match event {
                LedgerEvent::Plan(event) => plans::take_in(connection, recorded, event).await?,
                LedgerEvent::TestClock(event) => plans::take_in_clock(connection, recorded, event).await?,
                LedgerEvent::Customer(CustomerEvent::Created(created)) => {
                    if let Some(test_clock_id) = created.test_clock_id {
                        plans::attach(connection, recorded, created.customer_id, test_clock_id).await?;
                    }
                }
                LedgerEvent::Connector(event) => plans::take_in_connector(connection, recorded, event).await?,
                LedgerEvent::Subscription(event) => subscriptions::take_in(connection, recorded, event).await?,
                LedgerEvent::Invoice(event) => invoices::take_in(connection, recorded, event).await?,
                LedgerEvent::Payment(event) => payments::take_in(connection, recorded, event).await?,
                LedgerEvent::Webhook(event) => payments::take_in_webhook(connection, recorded, event).await?,
                LedgerEvent::Payout(event) => payments::take_in_payout(connection, recorded, event).await?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The word that a status is in JSON.
fn word(status: impl serde::Serialize) -> String {
    match serde_json::to_value(status) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
