//! Why a charge is what it is: the chain of its causes, from who asked to where the money arrived.
//!
//! Each step is told from an event of the log and names it, so that every figure can be followed; read
//! models only say where to look. What has not happened yet is missing at the end. [`paid`] tells what
//! paid for the charge, [`settled`] what became of it on chain.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use domain::account::{Account, AccountEvent};
use domain::api_key::{ApiKey, ApiKeyEvent};
use domain::charge::Line;
use domain::evm::Bytes32;
use domain::ids::{ApiKeyId, ChargeId, CustomerId, EventId, SessionKeyId};
use domain::meter::MeterCode;
use domain::money::Currency;
use domain::organization::{Organization, OrganizationEvent};
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

    async fn request(&self) -> Result<StepOut, Problem> {
        let charge = self.charge;
        let digest = <[u8; 32]>::try_from(charge.request_digest.as_slice()).map(Bytes32).ok();
        let digest = digest.map_or(String::new(), |digest| digest.to_string());
        let mut data = json!({
            "actor": charge.actor,
            "request_digest": digest,
            "causation_id": charge.causation_id,
            "correlation_id": charge.correlation_id,
        });
        let key_id: Option<ApiKeyId> = charge.actor.strip_prefix("api_key:").and_then(|id| id.parse().ok());
        let mut who = charge.actor.clone();
        if let Some(id) = key_id {
            let events = self.app.ledger.log().tails(&[(StreamId::new(ApiKey::CATEGORY, id), 0)]).await?;
            if let Some(stored) = events.first()
                && let ApiKeyEvent::Created(created) = decode(stored)?
            {
                who = format!("The API key \"{}\" ({id})", created.name);
                data["api_key"] =
                    json!({"id": id, "name": created.name, "prefix": created.prefix, "created": named(stored)});
            }
        }
        let text = format!("{who} asked for it; the SHA-256 of its request is {digest}.");
        Ok(StepOut::new(Step::Request, charge, text, data))
    }

    /// One step for each line, told from the event that set its price.
    async fn prices(&self, lines: &[Line], currency: Currency) -> Result<Vec<StepOut>, Problem> {
        let prices = self.price_events(lines).await?;
        let mut steps = Vec::with_capacity(lines.len());
        for line in lines {
            let (Some(meter), Some(quantity), Some(unit_price)) = (&line.meter, line.quantity, line.unit_price) else {
                let text = format!("{} {currency} were asked for as they are, without a meter.", line.amount);
                let data = json!({"amount": line.amount, "currency": currency});
                steps.push(StepOut::new(Step::Price, self.charge, text, data));
                continue;
            };
            let version = line.price_version.unwrap_or_default();
            let found = prices.get(&(meter.clone(), version));
            let unit = found.map_or("units", |(_, unit)| unit.as_str());
            let counted = match line.included_quantity {
                Some(included) if !included.is_zero() => format!("({quantity} − {included} within the free allowance)"),
                _ => quantity.to_string(),
            };
            let text = format!(
                "{counted} of {meter} ({unit}) × {unit_price} {currency}, version {version} of its price, = {} {currency}.",
                line.amount
            );
            let data = json!({
                "meter": meter,
                "unit": found.map(|(_, unit)| unit),
                "quantity": quantity,
                "included_quantity": line.included_quantity,
                "unit_price": unit_price,
                "price_version": version,
                "amount": line.amount,
                "currency": currency,
                "quota": self.quota_event(meter, line).await?,
            });
            steps.push(StepOut::maybe(Step::Price, found.map(|(stored, _)| stored), text, data));
        }
        Ok(steps)
    }

    /// The events that set the prices of these lines, each with the name of the meter's unit.
    async fn price_events(
        &self,
        lines: &[Line],
    ) -> Result<HashMap<(MeterCode, u32), (RecordedEvent, String)>, Problem> {
        let mut wanted: Vec<_> = lines.iter().filter_map(|line| line.meter.clone().zip(line.price_version)).collect();
        let mut found = HashMap::new();
        if wanted.is_empty() {
            return Ok(found);
        }
        let stream = StreamId::new(Organization::CATEGORY, self.charge.organization_id);
        self.scan(&stream, &["meter_set"], self.before(), |stored, event| {
            if let OrganizationEvent::MeterSet(meter) = event {
                let key = (meter.code, meter.version);
                if wanted.contains(&key) {
                    wanted.retain(|other| *other != key);
                    found.insert(key, (stored, meter.unit));
                }
            }
            !wanted.is_empty()
        })
        .await?;
        Ok(found)
    }

    /// The quota that made some of a line free.
    async fn quota_event(&self, meter: &MeterCode, line: &Line) -> Result<Option<Value>, Problem> {
        if line.included_quantity.is_none() {
            return Ok(None);
        }
        let is_it = |event: &AccountEvent| matches!(event, AccountEvent::QuotaSet(set) if set.meter == *meter);
        let found = self.find(&self.charge.stream_id, "quota_set", self.before(), is_it).await?;
        Ok(found.map(|(stored, _)| named(&stored)))
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
