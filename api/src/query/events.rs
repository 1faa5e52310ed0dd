//! The log itself: as pages, and as a stream that goes on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use chrono::{DateTime, Utc};
use domain::account::Account;
use domain::customer::Customer;
use domain::ids::{CustomerId, EventId, OrganizationId, SessionKeyId};
use domain::{Aggregate, RecordedEvent, StreamId};
use eventstore::LogPosition;
use eventstore::postgres::EventFilter;
use eventstore::tail::TailBatch;
use futures::stream::{self, Stream};
use projections::directory::{self, SessionKeyFilter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{MinPosition, Page, caught_up, customer_filter, customers, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::session_keys;
use crate::extract::Query;
use crate::problem::Problem;

/// How often a stream looks at the log when this process appends nothing itself.
const LOOK_AT_LOG: Duration = Duration::from_millis(200);
/// How long a stream waits for more when there is something new.
const GATHER: Duration = Duration::from_millis(20);
/// Streams that may be open at a time, in one process.
pub const STREAMS_MAX: usize = 500;
/// Session keys of a customer whose events are looked for.
const SESSION_KEYS_MAX: i64 = 1_000;
/// Events a stream reads at a time.
const STREAM_PAGE: i64 = 500;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventParams {
    /// After this position of the log, for example `0:1234`.
    pub after: Option<String>,
    /// From `next_cursor`; goes before `after`.
    pub cursor: Option<String>,
    /// Only of this customer, its account and its session keys (the newest thousand); a stream of events
    /// follows the session keys that were there when it began.
    pub customer_id: Option<String>,
    /// Only of this session key.
    pub session_key_id: Option<String>,
    /// Only of this category, for example `account`.
    pub category: Option<String>,
    /// Only of this type, for example `charged`.
    pub r#type: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// An event of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventOut {
    /// Always `event`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// Its place in the log.
    pub position: String,
    /// The tenant.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Its aggregate's stream, for example `account:cus_…`.
    pub stream_id: String,
    /// The kind of aggregate.
    pub category: String,
    /// Its place in the stream, from 1.
    pub version: i64,
    /// What happened, in the past tense.
    pub r#type: String,
    /// Version of the payload's shape.
    pub schema: i16,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When the log took it.
    pub recorded_at: DateTime<Utc>,
    /// Who asked for it.
    pub actor: String,
    /// The event or command that caused it.
    #[schema(value_type = String)]
    pub causation_id: Uuid,
    /// Common to all that one request set off.
    #[schema(value_type = String)]
    pub correlation_id: Uuid,
    /// What happened, in full.
    pub payload: Value,
}

impl EventOut {
    fn new(event: RecordedEvent) -> Result<Self, Problem> {
        Ok(Self {
            object: "event",
            event_id: EventId::new(event.event_id),
            position: LogPosition { partition: event.partition, position: event.position }.to_string(),
            organization_id: event.organization_id,
            category: event.stream_id.category().to_owned(),
            stream_id: event.stream_id.as_str().to_owned(),
            version: event.version,
            r#type: event.event_type,
            schema: event.schema,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            actor: event.actor,
            causation_id: event.causation_id,
            correlation_id: event.correlation_id,
            payload: serde_json::from_slice(&event.payload).map_err(|e| Problem::internal().caused_by(e))?,
        })
    }
}

/// The position to read after; 0 when left out.
pub fn after(text: Option<&str>, principal: &Principal) -> Result<i64, Problem> {
    let Some(text) = text else { return Ok(0) };
    let place: LogPosition = text.parse().map_err(|e: eventstore::log::InvalidPosition| {
        Problem::bad_request("invalid_request", "after", format!("after {e}"))
    })?;
    if place.partition != principal.partition {
        return Err(Problem::bad_request(
            "invalid_request",
            "after",
            "this position is of another partition of the log",
        ));
    }
    Ok(place.position)
}

/// A position beyond the end of the log is one of another log, or of one that was restored: who
/// goes on from it would miss events without a word.
async fn not_beyond(app: &App, principal: &Principal, after: i64) -> Result<i64, Problem> {
    let head = app.ledger.log().head(principal.partition).await?.position;
    if after <= head {
        return Ok(after);
    }
    let head = LogPosition { partition: principal.partition, position: head };
    Err(Problem::bad_request(
        "invalid_request",
        "after",
        format!("this position lies beyond the end of the log, {head}"),
    ))
}

async fn filter(app: &App, principal: &Principal, params: &EventParams) -> Result<EventFilter, Problem> {
    let customer = customer_filter(params.customer_id.as_deref())?;
    let streams = match (customer, params.session_key_id.as_deref()) {
        (Some(_), Some(_)) => {
            let detail = "give customer_id or session_key_id, not both";
            return Err(Problem::bad_request("invalid_request", "session_key_id", detail));
        }
        (Some(customer), None) => Some(of_customer(app, principal, customer).await?),
        (None, Some(text)) => {
            let id: SessionKeyId = text.parse().map_err(|_| session_keys::not_found())?;
            session_keys::load(app, principal, id, None).await?;
            Some(vec![session_keys::stream(id).as_str().to_owned()])
        }
        (None, None) => None,
    };
    Ok(EventFilter {
        streams,
        category: params.category.clone(),
        event_types: params.r#type.clone().map(|name| vec![name]),
        newest_first: false,
    })
}

/// The streams of a customer: itself, its account, and its session keys as far as the log goes now.
async fn of_customer(app: &App, principal: &Principal, customer: CustomerId) -> Result<Vec<String>, Problem> {
    customers::require(app, principal, customer).await?;
    let position = app.ledger.log().head(principal.partition).await?.position;
    let now = MinPosition(LogPosition { partition: principal.partition, position });
    // A session key that is not in the directory yet must not be passed by.
    caught_up(app, principal, &directory::Directory, Some(now)).await?;
    let organization = principal.organization_id;
    let filter = SessionKeyFilter { customer_id: Some(customer), ..SessionKeyFilter::default() };
    let keys = directory::session_keys(&app.pool, organization, filter, None, SESSION_KEYS_MAX).await?;
    let own = [StreamId::new(Account::CATEGORY, customer), StreamId::new(Customer::CATEGORY, customer)];
    let keys = keys.iter().map(|row| session_keys::stream(SessionKeyId::new(row.session_key_id)));
    Ok(own.into_iter().chain(keys).map(|stream| stream.as_str().to_owned()).collect())
}

/// The organization's events, oldest first.
#[utoipa::path(get, path = "/v1/events", tag = "Events", params(EventParams),
    responses((status = 200, body = Page<EventOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_events(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<EventParams>,
) -> Result<Json<Page<EventOut>>, Problem> {
    let limit = limit(params.limit)?;
    let after = after(params.cursor.as_deref().or(params.after.as_deref()), &principal)?;
    logged(&app, &principal, params.min_position).await?;
    let after = not_beyond(&app, &principal, after).await?;
    let filter = filter(&app, &principal, &params).await?;
    let events = app.log.events_of(principal.organization_id, after, limit + 1, &filter).await?;
    let events = events.into_iter().map(EventOut::new).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page::new(events, limit, |event: &EventOut| event.position.clone())))
}

struct Following {
    app: App,
    organization_id: OrganizationId,
    partition: i32,
    filter: EventFilter,
    after: i64,
    ready: VecDeque<RecordedEvent>,
    own: Option<broadcast::Receiver<TailBatch>>,
    /// Given back when the client has gone.
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next event, whenever it comes; `None` ends the stream, and the client comes back.
    async fn next(&mut self) -> Option<RecordedEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.after = event.position;
                return Some(event);
            }
            // Read the head first: what is appended after it is found in the next round.
            let head = self.app.ledger.log().head(self.partition).await.ok()?.position;
            let page =
                self.app.log.events_of(self.organization_id, self.after, STREAM_PAGE, &self.filter).await.ok()?;
            if page.is_empty() {
                self.after = self.after.max(head);
                match &mut self.own {
                    // Only a sign that something is new: what it is the log says, for one organization.
                    Some(own) => {
                        let _ = tokio::time::timeout(LOOK_AT_LOG, own.recv()).await;
                        // Under load something is new all the time: what comes together is read together.
                        tokio::time::sleep(GATHER).await;
                        *own = own.resubscribe();
                    }
                    None => tokio::time::sleep(LOOK_AT_LOG).await,
                }
            }
            self.ready.extend(page);
        }
    }
}

/// The organization's events as server-sent events: first those after `after` (or the header
/// `Last-Event-ID`), then each as it happens; from now on when neither is given.
#[utoipa::path(get, path = "/v1/events/stream", tag = "Events", params(EventParams),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn stream_events(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<EventParams>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let last_id = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let start = match last_id.or(params.cursor.as_deref()).or(params.after.as_deref()) {
        Some(text) => not_beyond(&app, &principal, after(Some(text), &principal)?).await?,
        None => app.ledger.log().head(principal.partition).await?.position,
    };
    let filter = filter(&app, &principal, &params).await?;
    let own = app.ledger.appended(principal.partition);
    let place = app.streams.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::unavailable("overloaded", "too many event streams are open"))?;
    let following = Following {
        organization_id: principal.organization_id,
        partition: principal.partition,
        filter,
        after: start,
        ready: VecDeque::new(),
        own,
        _place: place,
        app,
    };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        let out = EventOut::new(event).ok()?;
        let sent = Event::default()
            .id(out.position.clone())
            .event(format!("{}.{}", out.category, out.r#type))
            .json_data(&out)
            .ok()?;
        Some((Ok(sent), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
