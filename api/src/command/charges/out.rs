//! A charge as it is shown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::account::AccountEvent;
use domain::charge::Line;
use domain::ids::{ChargeId, CreditGrantId, CustomerId, EventId, SessionKeyId};
use domain::money::Amount;
use domain::session_key::SessionKeyEvent;
use eventstore::Recorded;
use serde::Serialize;
use utoipa::ToSchema;

use crate::command::customers::AccountOut;
use crate::command::session_keys::out::SessionBalancesOut;
use crate::problem::Problem;

/// A charge that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChargeOut {
    /// Always `charge`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: ChargeId,
    /// Who was charged.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// The session key that paid; `null` when the account did.
    #[schema(value_type = Option<String>)]
    pub session_key_id: Option<SessionKeyId>,
    /// The sum of its lines.
    pub amount: String,
    /// In this currency.
    pub currency: String,
    /// What for.
    pub lines: Vec<LineOut>,
    /// What paid.
    pub paid: PaidOut,
    /// Which credits paid, in order.
    pub credits_used: Vec<CreditUseOut>,
    /// The account after it; `null` when a session key paid.
    pub account: Option<AccountOut>,
    /// The session key's money after it; `null` when the account paid.
    pub session: Option<SessionBalancesOut>,
    /// Your words.
    pub description: Option<String>,
    /// Your labels.
    pub metadata: BTreeMap<String, String>,
    /// Its event in the log.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Its event's place in the log.
    pub position: String,
}

/// One thing that was charged for; a flat amount has no meter.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineOut {
    /// The meter.
    pub meter: Option<String>,
    /// How much of it.
    pub quantity: Option<String>,
    /// How much of that an allowance covered.
    pub included_quantity: Option<String>,
    /// The price of one unit.
    pub unit_price: Option<String>,
    /// (quantity − included) × unit price, exact.
    pub amount: String,
}

/// What paid a charge.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidOut {
    /// Taken from credits.
    pub credits: String,
    /// Put on the post-paid balance.
    pub postpaid: String,
    /// From a session's deposit.
    pub session: String,
}

/// What one grant paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditUseOut {
    /// The grant.
    #[schema(value_type = String)]
    pub grant_id: CreditGrantId,
    /// How much.
    pub amount: String,
}

impl LineOut {
    fn new(line: &Line) -> Self {
        Self {
            meter: line.meter.as_ref().map(ToString::to_string),
            quantity: line.quantity.map(|quantity| quantity.to_string()),
            included_quantity: line.included_quantity.map(|quantity| quantity.to_string()),
            unit_price: line.unit_price.map(|price| price.to_string()),
            amount: line.amount.to_string(),
        }
    }
}

/// From the event alone: the same at each repetition and whenever it is read.
impl ChargeOut {
    /// Of an account's event; 404 when it is none of a charge.
    pub fn of_account(event: &Recorded<AccountEvent>) -> Result<Self, Problem> {
        let AccountEvent::Charged(charged) = &event.event else { return Err(charge_not_found()) };
        Ok(Self {
            object: "charge",
            id: ChargeId::new(event.event_id),
            customer_id: charged.customer_id,
            session_key_id: None,
            amount: charged.amount.to_string(),
            currency: charged.currency.to_string(),
            lines: charged.lines.iter().map(LineOut::new).collect(),
            paid: PaidOut {
                credits: charged.paid_by_credits().to_string(),
                postpaid: charged.postpaid.to_string(),
                session: Amount::ZERO.to_string(),
            },
            credits_used: charged
                .credits_used
                .iter()
                .map(|used| CreditUseOut { grant_id: used.grant_id, amount: used.amount.to_string() })
                .collect(),
            account: Some(AccountOut::new(charged.currency, &charged.after)),
            session: None,
            description: charged.description.clone(),
            metadata: charged.metadata.clone(),
            event_id: EventId::new(event.event_id),
            occurred_at: event.occurred_at,
            position: event.position.to_string(),
        })
    }

    /// Of a session key's event; 404 when it is none of a charge.
    pub fn of_session_key(event: &Recorded<SessionKeyEvent>) -> Result<Self, Problem> {
        let SessionKeyEvent::Charged(charged) = &event.event else { return Err(charge_not_found()) };
        let nothing = Amount::ZERO.to_string();
        Ok(Self {
            object: "charge",
            id: ChargeId::new(event.event_id),
            customer_id: charged.customer_id,
            session_key_id: Some(charged.session_key_id),
            amount: charged.amount.to_string(),
            currency: charged.currency.to_string(),
            lines: charged.lines.iter().map(LineOut::new).collect(),
            paid: PaidOut { credits: nothing.clone(), postpaid: nothing, session: charged.amount.to_string() },
            credits_used: Vec::new(),
            account: None,
            session: Some(SessionBalancesOut::new(charged.currency, &charged.after)),
            description: charged.description.clone(),
            metadata: charged.metadata.clone(),
            event_id: EventId::new(event.event_id),
            occurred_at: event.occurred_at,
            position: event.position.to_string(),
        })
    }
}

/// The answer for a charge that is not there, or not yours.
pub fn charge_not_found() -> Problem {
    Problem::not_found("charge_not_found", "there is no such charge")
}
