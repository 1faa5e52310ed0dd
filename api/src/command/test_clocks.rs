//! Test clocks: customers that are attached to one live in its time, so that months pass in a moment.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Datelike, Months, Utc};
use domain::envelope::to_micros;
use domain::ids::TestClockId;
use domain::test_clock::{Action, TestClock, TestClockCommand, TestClockError, TestClockEvent};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::{CommandMeta, Executed, Recorded, clock};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{answer, as_of, earlier, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, path_id};
use crate::money;
use crate::problem::Problem;

/// How far a test clock may be set forward at a time.
const ADVANCE_MONTHS_MAX: u32 = 5 * 12;
/// The years that a test clock may show.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

/// A test clock to be.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTestClock {
    /// What you call it; 1 to 100 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// What it shows at first; the time of now when left out. From the year 2000 to 2100.
    #[serde(default)]
    pub now: Option<DateTime<Utc>>,
}

/// Where a test clock is to be set.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvanceTestClock {
    /// To this moment: not before what it shows, and at most five years after that.
    pub to: DateTime<Utc>,
}

/// A test clock.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestClockOut {
    /// Always `test_clock`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: TestClockId,
    /// What you call it.
    pub name: String,
    /// `ready`, or `advancing` while it is on its way.
    pub status: &'static str,
    /// What it shows.
    pub now: DateTime<Utc>,
    /// Where it is on its way to; `null` when it is ready.
    pub target: Option<DateTime<Utc>>,
    /// When it was made, by the real clock.
    pub created_at: DateTime<Utc>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

impl TestClockOut {
    /// From its parts.
    pub fn of(
        id: TestClockId,
        name: String,
        (now, target): (Timestamp, Option<Timestamp>),
        created_at: Timestamp,
        position: Option<String>,
    ) -> Self {
        let status = if target.is_some() { "advancing" } else { "ready" };
        Self { object: "test_clock", id, name, status, now, target, created_at, position }
    }

    /// From the domain's test clock; `None` when there is none.
    pub fn new(id: TestClockId, state: &TestClock, position: Option<String>) -> Option<Self> {
        Some(Self::of(id, state.name.clone(), (state.now?, state.target), state.created_at?, position))
    }
}

impl From<TestClockError> for Problem {
    fn from(error: TestClockError) -> Self {
        let detail = error.to_string();
        match error {
            TestClockError::NotFound => test_clock_not_found(),
            TestClockError::AlreadyExists => Self::conflict("already_exists", detail),
            TestClockError::UnderWay(target) => {
                let problem = Self::conflict("test_clock_advancing", detail).with("target", json!(target));
                Self { retry_after: Some(1), ..problem }
            }
            TestClockError::Backwards(now) => {
                Self::unprocessable("test_clock_backwards", detail).with("param", json!("to")).with("now", json!(now))
            }
        }
    }
}

/// The answer for a test clock that is not there, or not yours.
pub fn test_clock_not_found() -> Problem {
    Problem::not_found("test_clock_not_found", "there is no such test clock")
}

/// The id of a test clock in the path.
pub struct TestClockPath(pub TestClockId);

impl<S: Send + Sync> FromRequestParts<S> for TestClockPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "test_clock_not_found").await.map(Self)
    }
}

/// The stream of a test clock.
pub fn test_clock_stream(id: TestClockId) -> StreamId {
    StreamId::new(TestClock::CATEGORY, id)
}

/// A test clock of this organization, from the log. What it shows holds from now on for its customers here.
pub async fn load(app: &App, principal: &Principal, id: TestClockId) -> Result<TestClock, Problem> {
    let state = app.ledger.load::<TestClock>(&test_clock_stream(id)).await?.state;
    if state.organization_id != Some(principal.organization_id) {
        return Err(test_clock_not_found());
    }
    if let Some(now) = state.now {
        app.clocks.learn(id, now);
    }
    Ok(state)
}

fn within_years(param: &str, at: Timestamp) -> Result<Timestamp, Problem> {
    if YEARS.contains(&at.year()) {
        return Ok(to_micros(at));
    }
    let detail = format!("{param} must lie in the years {} to {}", YEARS.start(), YEARS.end());
    Err(Problem::bad_request("invalid_request", param, detail))
}

/// Make a test clock. Customers are attached to it when they are made.
#[utoipa::path(post, path = "/v1/test_clocks", tag = "Test clocks", request_body = NewTestClock,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = TestClockOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_test_clock(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewTestClock>,
) -> Result<Response, Problem> {
    let name = body.name.as_deref().unwrap_or("Test clock");
    money::text("name", name, 100)?;
    let now = body.now.map(|now| within_years("now", now)).transpose()?;
    let meta = meta(&principal, key.as_deref(), "POST /v1/test_clocks", "", &body)?;
    let test_clock_id = TestClockId::new(Uuid::now_v7());
    let now = now.unwrap_or_else(|| to_micros(clock::now()));
    let action = Action::Create { test_clock_id, name: name.to_owned(), now };
    match run(&app, &principal, test_clock_id, meta, action).await? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::CREATED, &event, replayed).await,
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// Set a test clock forward: everything that falls due on the way happens, in order. It is on its way until its status
/// is `ready`.
#[utoipa::path(post, path = "/v1/test_clocks/{id}/advance", tag = "Test clocks", request_body = AdvanceTestClock,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = TestClockOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn advance_test_clock(
    State(app): State<App>,
    principal: Principal,
    TestClockPath(id): TestClockPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<AdvanceTestClock>,
) -> Result<Response, Problem> {
    let to = within_years("to", body.to)?;
    let meta = meta(&principal, key.as_deref(), "POST /v1/test_clocks/{id}/advance", &id.to_string(), &body)?;
    if let Some(event) = earlier::<TestClock>(&app, &meta, key.as_deref()).await? {
        return respond(&app, StatusCode::OK, &event, true).await;
    }
    let shown = load(&app, &principal, id).await?.now.ok_or_else(test_clock_not_found)?;
    if shown.checked_add_months(Months::new(ADVANCE_MONTHS_MAX)).is_some_and(|latest| latest < to) {
        let detail = "a test clock is set forward by at most five years at a time";
        return Err(Problem::bad_request("invalid_request", "to", detail));
    }
    match run(&app, &principal, id, meta, Action::Advance { to }).await? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::OK, &event, replayed).await,
        Executed::Unchanged { state, position } => {
            let out = TestClockOut::new(id, &state, Some(position.to_string())).ok_or_else(Problem::internal)?;
            Ok(answer(StatusCode::OK, out, false))
        }
    }
}

async fn run(
    app: &App,
    principal: &Principal,
    id: TestClockId,
    meta: CommandMeta,
    action: Action,
) -> Result<Executed<TestClock>, Problem> {
    let command = TestClockCommand { organization_id: principal.organization_id, action };
    execute::<TestClock>(app, test_clock_stream(id), meta, command).await
}

/// The test clock as it was right after the event: the same at each repetition.
async fn respond(
    app: &App,
    status: StatusCode,
    event: &Recorded<TestClockEvent>,
    replayed: bool,
) -> Result<Response, Problem> {
    let state = as_of::<TestClock>(app, &event.stream_id, event.event_id).await?;
    let id = event.stream_id.as_str().split_once(':').and_then(|(_, id)| id.parse().ok());
    let id: TestClockId = id.ok_or_else(Problem::internal)?;
    if let Some(now) = state.now {
        app.clocks.learn(id, now);
    }
    let out = TestClockOut::new(id, &state, Some(event.position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(status, out, replayed))
}
