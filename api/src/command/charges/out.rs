//! A charge as it is shown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::account::AccountEvent;
use domain::charge::Line;
use domain::hold::HoldAfter;
use domain::ids::{ChargeId, CreditGrantId, CustomerId, EventId, HoldId, PlanId, SessionKeyId};
use domain::meter::MeterCode;
use domain::money::{Amount, Currency, Quantity};
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
    #[schema(value_type = String)]
    pub amount: Amount,
    /// In this currency.
    #[schema(value_type = String)]
    pub currency: Currency,
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
    /// The hold that paid; `null` without one.
    pub hold: Option<ChargeHoldOut>,
    /// When it was used, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_at: Option<DateTime<Utc>>,
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

/// The hold that paid a charge, after it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChargeHoldOut {
    /// Its id.
    #[schema(value_type = String)]
    pub id: HoldId,
    /// `open`, or `captured` when the charge was its last.
    pub status: &'static str,
    /// Still reserved.
    #[schema(value_type = String)]
    pub held: Amount,
    /// Captured, this charge included.
    #[schema(value_type = String)]
    pub captured: Amount,
    /// Reserved until then, and given back with this charge.
    #[schema(value_type = String)]
    pub returned: Amount,
    /// When what is still reserved runs out.
    pub expires_at: DateTime<Utc>,
}

impl ChargeHoldOut {
    fn new(hold: &HoldAfter, is_final: bool, returned: Amount) -> Self {
        Self {
            id: hold.hold_id,
            status: if is_final { "captured" } else { "open" },
            held: hold.held,
            captured: hold.captured,
            returned,
            expires_at: hold.expires_at,
        }
    }
}

/// One thing that was charged for; a flat amount has no meter.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineOut {
    /// The meter.
    #[schema(value_type = Option<String>)]
    pub meter: Option<MeterCode>,
    /// How much of it.
    #[schema(value_type = Option<String>)]
    pub quantity: Option<Quantity>,
    /// How much of that an allowance covered.
    #[schema(value_type = Option<String>)]
    pub included_quantity: Option<Quantity>,
    /// The price of one unit; `null` where a plan's price has more than one.
    #[schema(value_type = Option<String>)]
    pub unit_price: Option<Amount>,
    /// The plan's price, where that was used in place of the meter's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceOut>,
    /// The subscription's period that it counts in, where it counts in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodOut>,
    /// (quantity − included) × unit price, or by the plan's price, exact.
    #[schema(value_type = String)]
    pub amount: Amount,
}

/// A price of a plan.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinePrice)]
pub struct PriceOut {
    /// The plan.
    #[schema(value_type = String)]
    pub plan_id: PlanId,
    /// Its version.
    pub version: u32,
    /// The price's code.
    #[schema(value_type = String)]
    pub code: MeterCode,
}

/// A period of a subscription.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinePeriod)]
pub struct PeriodOut {
    /// Its first moment.
    pub start: DateTime<Utc>,
    /// The first moment after it.
    pub end: DateTime<Utc>,
}

/// What paid a charge.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidOut {
    /// Taken from credits.
    #[schema(value_type = String)]
    pub credits: Amount,
    /// Put on the post-paid balance.
    #[schema(value_type = String)]
    pub postpaid: Amount,
    /// From a session's deposit.
    #[schema(value_type = String)]
    pub session: Amount,
}

/// What one grant paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditUseOut {
    /// The grant.
    #[schema(value_type = String)]
    pub grant_id: CreditGrantId,
    /// How much.
    #[schema(value_type = String)]
    pub amount: Amount,
}

impl LineOut {
    /// From the domain's line.
    pub fn new(line: &Line) -> Self {
        Self {
            meter: line.meter.clone(),
            quantity: line.quantity,
            included_quantity: line.included_quantity,
            unit_price: line.unit_price,
            price: line.price.as_ref().map(|price| PriceOut {
                plan_id: price.plan_id,
                version: price.version,
                code: price.code.clone(),
            }),
            period: line.cycle().map(|cycle| PeriodOut { start: cycle.start, end: cycle.end }),
            amount: line.amount,
        }
    }
}

/// From the event alone: the same at each repetition and whenever it is read.
impl ChargeOut {
    /// Of an account's event; 404 when it is none of a charge.
    pub fn of_account(event: &Recorded<AccountEvent>) -> Result<Self, Problem> {
        let charged = event.event.charge().ok_or_else(charge_not_found)?;
        let hold = match &event.event {
            AccountEvent::Captured(e) => Some(ChargeHoldOut::new(&e.hold, e.is_final, e.returned.amount())),
            _ => None,
        };
        Ok(Self {
            object: "charge",
            id: ChargeId::new(event.event_id),
            customer_id: charged.customer_id,
            session_key_id: None,
            amount: charged.amount,
            currency: charged.currency,
            lines: charged.lines.iter().map(LineOut::new).collect(),
            paid: PaidOut { credits: charged.paid_by_credits(), postpaid: charged.postpaid, session: Amount::ZERO },
            credits_used: charged
                .credits_used
                .iter()
                .map(|used| CreditUseOut { grant_id: used.grant_id, amount: used.amount })
                .collect(),
            account: Some(AccountOut::new(charged.currency, &charged.after)),
            session: None,
            hold,
            used_at: charged.used_at,
            description: charged.description.clone(),
            metadata: charged.metadata.clone(),
            event_id: EventId::new(event.event_id),
            occurred_at: event.occurred_at,
            position: event.position.to_string(),
        })
    }

    /// Of a session key's event; 404 when it is none of a charge.
    pub fn of_session_key(event: &Recorded<SessionKeyEvent>) -> Result<Self, Problem> {
        let charged = event.event.charge().ok_or_else(charge_not_found)?;
        let hold = match &event.event {
            SessionKeyEvent::Captured(e) => Some(ChargeHoldOut::new(&e.hold, e.is_final, e.returned)),
            _ => None,
        };
        Ok(Self {
            object: "charge",
            id: ChargeId::new(event.event_id),
            customer_id: charged.customer_id,
            session_key_id: Some(charged.session_key_id),
            amount: charged.amount,
            currency: charged.currency,
            lines: charged.lines.iter().map(LineOut::new).collect(),
            paid: PaidOut { credits: Amount::ZERO, postpaid: Amount::ZERO, session: charged.amount },
            credits_used: Vec::new(),
            account: None,
            session: Some(SessionBalancesOut::new(charged.currency, &charged.after)),
            hold,
            used_at: None,
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
