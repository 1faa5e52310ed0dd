//! Why a charge is what it is: the chain of its causes, from who asked to where the money arrived.
//!
//! Each step is told from an event of the log and names it, so that every figure can be followed; read
//! models only say where to look. What has not happened yet is missing at the end. [`asked`] tells who asked and what
//! it costs, [`paid`] what paid for the charge, [`settled`] what became of it on chain; [`exact`] tells the same of exact payments.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use domain::account::Account;
use domain::ids::{ChargeId, CustomerId, EventId, SessionKeyId};
use domain::postings::postings;
use domain::session_key::SessionKey;
use domain::{Aggregate, EventPayload, LedgerEvent, RecordedEvent, StreamId};
use eventstore::postgres::EventFilter;
use eventstore::{LogPosition, StoreError};
use projections::settlement::Settlement;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::caught_up;
use super::customers::MinPositionParams;
use crate::App;
use crate::auth::Principal;
use crate::extract::{Query, path_id};
use crate::problem::Problem;

mod asked;
pub mod exact;
mod paid;
mod settled;

/// Events that are read at a time.
const PAGE: i64 = 500;
/// Pages that are read before something counts as not found.
const PAGES_MAX: usize = 200;

/// What a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Who asked.
    Request,
    /// What was reserved before, when a hold pays.
    Hold,
    /// What a line costs: one step for each line.
    Price,
    /// Credits that paid: one step for each grant.
    Credits,
    /// What is owed for it.
    Postpaid,
    /// A deposit that pays.
    Deposit,
    /// What the session's key signed.
    Voucher,
    /// The charge itself.
    Charge,
    /// What it means for the journal.
    Postings,
    /// What is claimed on chain, and whether the contract paid.
    Claim,
    /// The batch that the claim is in.
    Settlement,
    /// What is sent to the chain.
    Transaction,
    /// The money's arrival.
    Transfer,
    /// What a payer signed for one request.
    Payment,
    /// The answer that was paid for.
    Delivery,
}

/// One cause.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepOut {
    /// What it is about.
    pub step: Step,
    /// For people: one sentence with the figures.
    pub text: String,
    /// The event that says so; `null` for what has not happened yet.
    #[schema(value_type = Option<String>)]
    pub event_id: Option<EventId>,
    /// That event's category and type, for example `account.credited`.
    pub event_type: Option<String>,
    /// Its place in the log.
    pub position: Option<String>,
    /// When it happened.
    pub occurred_at: Option<DateTime<Utc>>,
    /// The same figures for programs; what is in it depends on the step.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// Why a charge is what it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplanationOut {
    /// Always `explanation`.
    pub object: &'static str,
    /// Of this charge.
    #[schema(value_type = String)]
    pub charge_id: ChargeId,
    /// Who was charged.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// With this session key; `null` when an account paid.
    #[schema(value_type = Option<String>)]
    pub session_key_id: Option<SessionKeyId>,
    /// How much.
    pub amount: String,
    /// In this currency.
    pub currency: String,
    /// Whether the chain has paid it out for good; `null` when an account paid.
    pub settled: Option<bool>,
    /// The chain of causes, in order.
    pub steps: Vec<StepOut>,
}

impl StepOut {
    fn new(step: Step, event: &RecordedEvent, text: impl Into<String>, data: Value) -> Self {
        Self {
            event_id: Some(EventId::new(event.event_id)),
            event_type: Some(format!("{}.{}", event.stream_id.category(), event.event_type)),
            position: Some(place(event)),
            occurred_at: Some(event.occurred_at),
            ..Self::without_event(step, text, data)
        }
    }

    fn without_event(step: Step, text: impl Into<String>, data: Value) -> Self {
        let text = text.into();
        Self { step, text, event_id: None, event_type: None, position: None, occurred_at: None, data }
    }

    /// Told from an event, if it was found.
    fn maybe(step: Step, event: Option<&RecordedEvent>, text: impl Into<String>, data: Value) -> Self {
        match event {
            Some(event) => Self::new(step, event, text, data),
            None => Self::without_event(step, text, data),
        }
    }
}

fn place(event: &RecordedEvent) -> String {
    LogPosition { partition: event.partition, position: event.position }.to_string()
}

/// An event as a step's data names it.
fn named(event: &RecordedEvent) -> Value {
    json!({"event_id": EventId::new(event.event_id), "position": place(event)})
}

fn decode<E: EventPayload>(event: &RecordedEvent) -> Result<E, Problem> {
    Ok(E::decode(&event.event_type, event.schema, &event.payload).map_err(StoreError::from)?)
}

/// Where to begin, and which way to go.
#[derive(Clone, Copy)]
enum Way {
    /// Newest first.
    Before(i64),
    /// Oldest first.
    After(i64),
}

/// Looks around in the log from the place of a charge.
struct Look<'a> {
    app: &'a App,
    charge: &'a RecordedEvent,
}

impl Look<'_> {
    /// Reads a stream's events of some types, until `take` has what it wants and says no. `false` when there may
    /// be more that was not looked at.
    async fn scan<E: EventPayload>(
        &self,
        stream: &StreamId,
        event_types: &[&str],
        way: Way,
        mut take: impl FnMut(RecordedEvent, E) -> bool,
    ) -> Result<bool, Problem> {
        let (mut cursor, newest_first) = match way {
            Way::Before(position) => (position, true),
            Way::After(position) => (position, false),
        };
        let filter = EventFilter {
            streams: Some(vec![stream.as_str().to_owned()]),
            event_types: Some(event_types.iter().map(|&name| name.to_owned()).collect()),
            newest_first,
            ..EventFilter::default()
        };
        for _ in 0..PAGES_MAX {
            let page = self.app.log.events_of(self.charge.organization_id, cursor, PAGE, &filter).await?;
            let is_last = (page.len() as i64) < PAGE;
            for stored in page {
                cursor = stored.position;
                let event = decode(&stored)?;
                if !take(stored, event) {
                    return Ok(true);
                }
            }
            if is_last {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first event of a stream that `is_it`, from a place on or back.
    async fn find<E: EventPayload>(
        &self,
        stream: &StreamId,
        event_type: &str,
        way: Way,
        mut is_it: impl FnMut(&E) -> bool,
    ) -> Result<Option<(RecordedEvent, E)>, Problem> {
        let mut found = None;
        self.scan(stream, &[event_type], way, |stored, event| {
            if is_it(&event) {
                found = Some((stored, event));
            }
            found.is_none()
        })
        .await?;
        Ok(found)
    }

    const fn before(&self) -> Way {
        Way::Before(self.charge.position)
    }

    const fn after(&self) -> Way {
        Way::After(self.charge.position)
    }

    fn postings(&self, event: &LedgerEvent) -> StepOut {
        let postings = postings(event);
        let told: Vec<String> = postings
            .iter()
            .map(|one| format!("{} {} from {} to {}", one.amount, one.currency, one.debit, one.credit))
            .collect();
        let text = if told.is_empty() {
            "It moves nothing in the journal.".to_owned()
        } else {
            format!("In the journal it moves {}.", told.join(", "))
        };
        let rows = postings.iter().map(|one| {
            let (debit, credit) = (one.debit.to_string(), one.credit.to_string());
            json!({"debit": debit, "credit": credit, "amount": one.amount, "currency": one.currency})
        });
        StepOut::new(Step::Postings, self.charge, text, json!({"postings": rows.collect::<Vec<_>>()}))
    }
}

fn charge_not_found() -> Problem {
    Problem::not_found("charge_not_found", "there is no such charge")
}

/// The id of a charge in the path.
pub struct ExplainedPath(ChargeId);

impl<S: Send + Sync> FromRequestParts<S> for ExplainedPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "charge_not_found").await.map(Self)
    }
}

/// Why a charge is what it is: who asked, what it costs, what paid for it, what it means for the journal,
/// and, for a session key's charge, how it came to the payee as far as it has.
#[utoipa::path(get, path = "/v1/charges/{id}/explain", tag = "Charges", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = ExplanationOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn explain_charge(
    State(app): State<App>,
    principal: Principal,
    ExplainedPath(id): ExplainedPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<ExplanationOut>, Problem> {
    caught_up(&app, &principal, &Settlement, params.min_position).await?;
    let found = app.ledger.log().find(&[id.uuid()]).await?;
    let is_own_charge = |event: &&RecordedEvent| {
        event.organization_id == principal.organization_id
            && [Account::CATEGORY, SessionKey::CATEGORY].contains(&event.stream_id.category())
    };
    let charge = found.first().filter(is_own_charge).ok_or_else(charge_not_found)?;
    let event = LedgerEvent::decode(charge).map_err(StoreError::from)?;
    let look = Look { app: &app, charge };
    let mut out = match &event {
        LedgerEvent::Account(event) if let Some(charged) = event.charge() => ExplanationOut {
            object: "explanation",
            charge_id: id,
            customer_id: charged.customer_id,
            session_key_id: None,
            amount: charged.amount.to_string(),
            currency: charged.currency.to_string(),
            settled: None,
            steps: look.paid_by_account(charged, event).await?,
        },
        LedgerEvent::SessionKey(event) if let Some(charged) = event.charge() => ExplanationOut {
            object: "explanation",
            charge_id: id,
            customer_id: charged.customer_id,
            session_key_id: Some(charged.session_key_id),
            amount: charged.amount.to_string(),
            currency: charged.currency.to_string(),
            settled: Some(false),
            steps: look.paid_by_session_key(charged, event).await?,
        },
        _ => return Err(charge_not_found()),
    };
    out.steps.push(look.postings(&event));
    if let LedgerEvent::SessionKey(event) = &event
        && let Some(charged) = event.charge()
    {
        let (steps, is_settled) = look.settled(charged).await?;
        out.steps.extend(steps);
        out.settled = Some(is_settled);
    }
    Ok(Json(out))
}
