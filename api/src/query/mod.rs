//! What reads. Lists have a limit and a cursor; `min_position` waits until what the caller wrote
//! can be read.

use std::time::Duration;

use eventstore::LogPosition;
use projections::{Projection, checkpoint};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::App;
use crate::auth::Principal;
use crate::problem::Problem;

pub mod charges;
pub mod connectors;
pub mod customer_billing;
pub mod customers;
pub mod entitlements;
pub mod events;
pub mod exact_payments;
pub mod explain;
pub mod gateway_keys;
pub mod holds;
pub mod invoices;
pub mod journal;
pub mod models;
pub mod organization;
pub mod organization_billing;
pub mod payments;
pub mod payouts;
pub mod plans;
pub mod proof;
pub mod quotas;
pub mod reconciliation;
pub mod risk;
pub mod routes;
pub mod session_keys;
pub mod settlements;
pub mod statements;
pub mod subscriptions;
pub mod tax_rates;
pub mod test_clocks;
pub mod typed_data;

/// Entries of a page when none are asked for.
const LIMIT_DEFAULT: i64 = 20;
/// The most entries of a page.
const LIMIT_MAX: i64 = 100;
/// How long a query waits for its `min_position`.
const WAIT_MAX: Duration = Duration::from_secs(2);
const WAIT_STEP: Duration = Duration::from_millis(5);

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// Always `list`.
    pub object: &'static str,
    /// The entries.
    pub data: Vec<T>,
    /// Whether there are more.
    pub has_more: bool,
    /// What to pass as `cursor` to get them.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// From one entry more than the limit, if there is one.
    pub fn new(mut data: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let has_more = data.len() > limit;
        data.truncate(limit);
        let next_cursor = data.last().filter(|_| has_more).map(cursor);
        Self { object: "list", data, has_more, next_cursor }
    }
}

/// The number of entries, checked.
pub fn limit(limit: Option<i64>) -> Result<i64, Problem> {
    match limit.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(Problem::bad_request("invalid_request", "limit", format!("limit must be 1 to {LIMIT_MAX}"))),
    }
}

/// A cursor, checked.
pub fn cursor<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let invalid = || Problem::bad_request("invalid_request", "cursor", "this is not a cursor of this list");
    text.map(|text| text.parse().map_err(|_| invalid())).transpose()
}

/// An id in a filter. One that is malformed is one that does not exist.
pub fn customer_filter(text: Option<&str>) -> Result<Option<domain::ids::CustomerId>, Problem> {
    text.map(|text| text.parse().map_err(|_| crate::command::customers::customer_not_found())).transpose()
}

/// The same, and it must be there and yours.
pub async fn own_customer(
    app: &App,
    principal: &Principal,
    text: Option<&str>,
) -> Result<Option<domain::ids::CustomerId>, Problem> {
    let customer = customer_filter(text)?;
    if let Some(customer) = customer {
        customers::require(app, principal, customer).await?;
    }
    Ok(customer)
}

/// A place in the log, as a query parameter.
#[derive(Debug, Clone, Copy)]
pub struct MinPosition(pub LogPosition);

impl<'de> Deserialize<'de> for MinPosition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// Waits until a read model has come to the position that the caller wants to see.
pub async fn caught_up(
    app: &App,
    principal: &Principal,
    projection: &dyn Projection,
    min: Option<MinPosition>,
) -> Result<(), Problem> {
    match own_partition(principal, min)? {
        Some(min) => reached(app, projection, min).await,
        None => Ok(()),
    }
}

/// Waits until a read model has come to the end of the log as it is now: for those who decide by what it says.
pub async fn read_up_to_now(app: &App, partition: i32, projection: &dyn Projection) -> Result<(), Problem> {
    let position = app.ledger.log().head(partition).await?.position;
    reached(app, projection, LogPosition { partition, position }).await
}

async fn reached(app: &App, projection: &dyn Projection, min: LogPosition) -> Result<(), Problem> {
    let name = checkpoint::live_name(projection);
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let position = checkpoint::position(&app.pool, &name, min.partition).await?;
        if position >= min.position {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(not_caught_up(min, position));
        }
        tokio::time::sleep(WAIT_STEP).await;
    }
}

/// The same for what is read from the log itself.
pub async fn logged(app: &App, principal: &Principal, min: Option<MinPosition>) -> Result<(), Problem> {
    let Some(min) = own_partition(principal, min)? else { return Ok(()) };
    let head = app.ledger.log().head(min.partition).await?.position;
    if head >= min.position { Ok(()) } else { Err(not_caught_up(min, head)) }
}

fn own_partition(principal: &Principal, min: Option<MinPosition>) -> Result<Option<LogPosition>, Problem> {
    match min {
        Some(MinPosition(min)) if min.partition != principal.partition => Err(Problem::bad_request(
            "invalid_request",
            "min_position",
            "this position is of another partition of the log",
        )),
        min => Ok(min.map(|min| min.0)),
    }
}

fn not_caught_up(min: LogPosition, reached: i64) -> Problem {
    let reached = LogPosition { position: reached, ..min };
    Problem::unavailable("not_caught_up", format!("the read model has come to {reached}, not yet to {min}"))
        .with("reached", json!(reached.to_string()))
}
