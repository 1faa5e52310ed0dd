//! What tests set up under `/_test`, which asks for no key: calls that go wrong, customers who authenticate, disputes,
//! events that are sent again, and the report of what was paid out.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::Refused;
use super::attempt;
use super::books::{Kind, text};
use super::desk::Desk;
use super::disputes::{self, STATUSES};
use super::report;

/// How long something takes when nobody says.
pub const MS: u64 = 1_000;
/// The longest: ten minutes.
const MS_MAX: u64 = 600_000;
/// The most that can be set up.
const LEVERS_MAX: usize = 100;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// It is carried out, and answered only after a while.
    DelayAnswer,
    /// It is carried out, and the connection is closed without an answer.
    DropAnswer,
    /// It is not carried out, and answered with 500.
    #[serde(rename = "error_500")]
    Error500,
    /// It is carried out, and answered with 500.
    #[serde(rename = "error_500_after")]
    Error500After,
    /// It is carried out, and answered when its events have been sent once, or after a while.
    WebhookFirst,
    /// It is not carried out, and answered with 429.
    RateLimit,
    /// The payment is processed for a while before it succeeds or fails.
    Processing,
    /// A search finds nothing, as if what is looked for had been made just now.
    FindNothing,
}

/// A call that something can go wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A payment intent is made.
    Create,
    /// It is confirmed.
    Confirm,
    /// It is captured.
    Capture,
    /// It is canceled.
    Cancel,
    /// A refund is made.
    Refund,
    /// A payment intent is shown.
    Fetch,
    /// Payment intents are looked for.
    Search,
}

impl Action {
    /// The one that a request asks for.
    pub fn of(method: &Method, path: &[&str]) -> Option<Self> {
        match (method.as_str(), path) {
            ("POST", ["payment_intents"]) => Some(Self::Create),
            ("POST", ["payment_intents", _, "confirm"]) => Some(Self::Confirm),
            ("POST", ["payment_intents", _, "capture"]) => Some(Self::Capture),
            ("POST", ["payment_intents", _, "cancel"]) => Some(Self::Cancel),
            ("POST", ["refunds"]) => Some(Self::Refund),
            ("GET", ["payment_intents", "search"]) => Some(Self::Search),
            ("GET", ["payment_intents", _]) => Some(Self::Fetch),
            _ => None,
        }
    }
}

/// Something that goes wrong with one call.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lever {
    /// What.
    pub behaviour: Behaviour,
    /// How long it takes, where it takes time.
    pub ms: Option<u64>,
    /// Only with this; else with whichever of create, confirm and refund is next.
    on: Option<Action>,
}

impl Lever {
    fn is_for(&self, action: Action) -> bool {
        match (self.on, self.behaviour) {
            (Some(on), _) => on == action,
            (None, Behaviour::FindNothing) => action == Action::Search,
            (None, _) => matches!(action, Action::Create | Action::Confirm | Action::Refund),
        }
    }
}

/// The first lever that is for this, which is used up.
pub fn take(desk: &Desk, action: Action) -> Option<Lever> {
    let mut levers = desk.levers();
    let place = levers.iter().position(|lever| lever.is_for(action))?;
    levers.remove(place)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::invalid(error.to_string()))
}

/// `POST /_test/next`: something goes wrong with the next call.
pub async fn next(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Json<Value>, Refused> {
    let lever: Lever = read(&body)?;
    if lever.ms.is_some_and(|ms| ms > MS_MAX) {
        return Err(Refused::param("ms", format!("must be at most {MS_MAX}")));
    }
    let mut levers = desk.levers();
    if levers.len() >= LEVERS_MAX {
        return Err(Refused::invalid(format!("{LEVERS_MAX} calls are set up already")));
    }
    levers.push_back(lever);
    Ok(Json(json!({ "set_up": levers.len() })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Authenticate {
    payment_intent: String,
    /// `succeeded` or `failed`.
    outcome: Option<String>,
}

/// `POST /_test/authenticate`: the customer of a payment intent that requires action has done what was asked, or could
/// not.
pub async fn authenticate(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Json<Value>, Refused> {
    let asked: Authenticate = read(&body)?;
    let is_done = match asked.outcome.as_deref() {
        None | Some("succeeded") => true,
        Some("failed") => false,
        Some(_) => return Err(Refused::param("outcome", "must be succeeded or failed")),
    };
    desk.act_alone(|books| attempt::authenticate(books, &asked.payment_intent, is_done)).map(Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dispute {
    /// `ch_…`, or the payment intent's id.
    charge: String,
    status: Option<String>,
    reason: Option<String>,
}

/// `POST /_test/disputes`: a charge is disputed, or its dispute goes on.
pub async fn dispute(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Json<Value>, Refused> {
    let asked: Dispute = read(&body)?;
    let status = asked.status.as_deref().unwrap_or("needs_response");
    if !STATUSES.contains(&status) {
        return Err(Refused::param("status", format!("must be one of {}", STATUSES.join(", "))));
    }
    let reason = asked.reason.as_deref().unwrap_or("general");
    let dispute = desk.act_alone(|books| {
        let charge = if Kind::Intent.has(&asked.charge) {
            text(&books.get(Kind::Intent, &asked.charge, "charge")?, "latest_charge").to_owned()
        } else {
            asked.charge.clone()
        };
        disputes::set(books, &charge, status, reason)
    });
    dispute.map(Json)
}

/// `POST /_test/webhooks/replay/{event}`: an event is sent once more to all who want it.
pub async fn replay(State(desk): State<Arc<Desk>>, Path(event): Path<String>) -> Result<Json<Value>, Refused> {
    let sent = desk.act_alone(|books| books.emit_again(&event))?;
    Ok(Json(json!({ "sent": sent })))
}

/// Which columns.
#[derive(Debug, Deserialize)]
pub struct Columns {
    /// With commas between them; also `payment_metadata[…]` and `refund_metadata[…]`.
    columns: Option<String>,
}

/// `GET /_test/payouts.csv`: what Stripe's itemized report of payouts says.
pub async fn payouts(State(desk): State<Arc<Desk>>, Query(asked): Query<Columns>) -> Result<Response, Refused> {
    let csv = report::csv(&desk.books(), asked.columns.as_deref())?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv).into_response())
}
