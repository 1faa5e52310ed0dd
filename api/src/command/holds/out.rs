//! A hold as it is shown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::account::{AccountEvent, Balances};
use domain::charge::Line;
use domain::hold::{HoldAfter, HoldError};
use domain::ids::{CustomerId, EventId, HoldId, SessionKeyId};
use domain::money::{Amount, Currency};
use domain::session_key::{SessionBalances, SessionKeyEvent};
use eventstore::Recorded;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::command::charges::LineOut;
use crate::command::customers::AccountOut;
use crate::command::session_keys::out::SessionBalancesOut;
use crate::problem::Problem;

/// A hold after a command.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldOut {
    /// Always `hold`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: HoldId,
    /// Whose money it reserves.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// The session key that pays; `null` when the account does.
    #[schema(value_type = Option<String>)]
    pub session_key_id: Option<SessionKeyId>,
    /// `open` or `voided`.
    pub status: &'static str,
    /// Reserved now.
    #[schema(value_type = String)]
    pub held: Amount,
    /// Captured so far.
    #[schema(value_type = String)]
    pub captured: Amount,
    /// In this currency.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// What it was placed for, or extended by.
    pub lines: Vec<LineOut>,
    /// When it was placed: what it captures counts in the periods of this moment.
    pub placed_at: DateTime<Utc>,
    /// When it runs out.
    pub expires_at: DateTime<Utc>,
    /// The account after it; `null` when a session key pays.
    pub account: Option<AccountOut>,
    /// The session key's money after it; `null` when the account pays.
    pub session: Option<SessionBalancesOut>,
    /// Your words.
    pub description: Option<String>,
    /// Your labels.
    pub metadata: BTreeMap<String, String>,
    /// The command's event in the log.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// When that happened.
    pub occurred_at: DateTime<Utc>,
    /// Its place in the log.
    pub position: String,
}

/// What the events of accounts and session keys have in common.
struct Said<'a> {
    hold: &'a HoldAfter,
    customer_id: CustomerId,
    currency: Currency,
    status: &'static str,
    lines: &'a [Line],
    words: Option<(&'a Option<String>, &'a BTreeMap<String, String>)>,
}

const OPEN: &str = "open";
const VOIDED: &str = "voided";

/// From the event alone: the same at each repetition.
impl HoldOut {
    /// Of an account's event.
    pub fn of_account(event: &Recorded<AccountEvent>) -> Result<Self, Problem> {
        let (hold, customer_id) = (event.event.hold().ok_or_else(hold_not_found)?, event.event.customer_id());
        let (said, after): (_, &Balances) = match &event.event {
            AccountEvent::Held(e) => {
                let words = Some((&e.description, &e.metadata));
                (Said { hold, customer_id, currency: e.currency, status: OPEN, lines: &e.lines, words }, &e.after)
            }
            AccountEvent::HoldExtended(e) => {
                let (currency, lines) = (e.currency, &e.lines[..]);
                (Said { hold, customer_id, currency, status: OPEN, lines, words: None }, &e.after)
            }
            AccountEvent::Voided(e) => {
                let currency = e.currency;
                (Said { hold, customer_id, currency, status: VOIDED, lines: &[], words: None }, &e.after)
            }
            _ => return Err(hold_not_found()),
        };
        let account = AccountOut::new(said.currency, after);
        Ok(Self { account: Some(account), ..Self::new(event, &said) })
    }

    /// Of a session key's event.
    pub fn of_session_key(event: &Recorded<SessionKeyEvent>) -> Result<Self, Problem> {
        let (hold, customer_id) = (event.event.hold().ok_or_else(hold_not_found)?, event.event.customer_id());
        let (said, id, after): (_, _, &SessionBalances) = match &event.event {
            SessionKeyEvent::Held(e) => {
                let (currency, lines, words) = (e.currency, &e.lines[..], Some((&e.description, &e.metadata)));
                (Said { hold, customer_id, currency, status: OPEN, lines, words }, e.session_key_id, &e.after)
            }
            SessionKeyEvent::HoldExtended(e) => {
                let (currency, lines) = (e.currency, &e.lines[..]);
                (Said { hold, customer_id, currency, status: OPEN, lines, words: None }, e.session_key_id, &e.after)
            }
            SessionKeyEvent::Voided(e) => {
                let currency = e.currency;
                let said = Said { hold, customer_id, currency, status: VOIDED, lines: &[], words: None };
                (said, e.session_key_id, &e.after)
            }
            _ => return Err(hold_not_found()),
        };
        let session = SessionBalancesOut::new(said.currency, after);
        Ok(Self { session_key_id: Some(id), session: Some(session), ..Self::new(event, &said) })
    }

    /// 201 where it was placed, else 200, as the requests on their own are answered.
    pub fn http_status(&self) -> u16 {
        if self.id.uuid() == self.event_id.uuid() { 201 } else { 200 }
    }

    fn new<E>(event: &Recorded<E>, said: &Said<'_>) -> Self {
        Self {
            object: "hold",
            id: said.hold.hold_id,
            customer_id: said.customer_id,
            session_key_id: None,
            status: said.status,
            held: said.hold.held,
            captured: said.hold.captured,
            currency: said.currency,
            lines: said.lines.iter().map(LineOut::new).collect(),
            placed_at: said.hold.placed_at,
            expires_at: said.hold.expires_at,
            account: None,
            session: None,
            description: said.words.and_then(|(description, _)| description.clone()),
            metadata: said.words.map_or_else(BTreeMap::new, |(_, metadata)| metadata.clone()),
            event_id: EventId::new(event.event_id),
            occurred_at: event.occurred_at,
            position: event.position.to_string(),
        }
    }
}

/// The answer for a hold that is not there, or not yours.
pub fn hold_not_found() -> Problem {
    Problem::not_found("hold_not_found", "there is no such hold")
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        let detail = error.to_string();
        match error {
            // Its first event was found, so there was one.
            HoldError::NotOpen => {
                Self::conflict("hold_ended", "the hold has ended: it was captured or voided, or has expired")
            }
            HoldError::AlreadyOpen => Self::conflict("already_exists", detail),
            HoldError::TooMany => Self::conflict("too_many_holds", detail),
            HoldError::CaptureAboveHold { amount, held, currency } => Self::unprocessable("capture_above_hold", detail)
                .with("requested", json!(amount))
                .with("held", json!(held))
                .with("currency", json!(currency)),
            HoldError::UsageNeeded => Self::unprocessable("capture_needs_usage", detail).with("param", json!("usage")),
        }
    }
}
