//! The journal: balances, as of now or then, and the postings behind them.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::ids::EventId;
use domain::money::Currency;
use domain::postings::JournalAccount;
use eventstore::LogPosition;
use projections::journal::{self, AsOf, Journal};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MinPosition, Page, caught_up, cursor, limit, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::extract::Query;
use crate::problem::Problem;

/// On which of the two axes of time `as_of` is meant.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// What was known at that time.
    #[default]
    Recorded,
    /// What had happened until that time, as far as is known today.
    Occurred,
}

/// Which balances.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BalanceParams {
    /// Only accounts of this customer.
    pub customer_id: Option<String>,
    /// Only this account, for example `revenue`.
    pub account: Option<String>,
    /// As of a position of the log (`0:1234`) or a time (RFC 3339); as of now when left out.
    pub as_of: Option<String>,
    /// For a time: what was known then, or what had happened until then.
    #[serde(default)]
    #[param(value_type = Option<Axis>)]
    pub axis: Axis,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// The balance of an account of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceOut {
    /// Always `balance`.
    pub object: &'static str,
    /// The account, for example `customer:cus_…:credits`.
    pub account: String,
    /// In this currency.
    pub currency: String,
    /// Everything that was debited.
    pub debits: String,
    /// Everything that was credited.
    pub credits: String,
    /// `credits − debits`. All balances of a currency sum to zero.
    pub balance: String,
}

fn as_of(params: &BalanceParams, principal: &Principal) -> Result<AsOf, Problem> {
    let Some(text) = &params.as_of else { return Ok(AsOf::Latest) };
    if let Ok(place) = text.parse::<LogPosition>() {
        if place.partition != principal.partition {
            return Err(Problem::bad_request(
                "invalid_request",
                "as_of",
                "this position is of another partition of the log",
            ));
        }
        return Ok(AsOf::Position(place.position));
    }
    let invalid = || {
        Problem::bad_request("invalid_request", "as_of", "as_of must be a position like 0:1234 or a time in RFC 3339")
    };
    let at: Timestamp = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| invalid())?.to_utc();
    Ok(match params.axis {
        Axis::Recorded => AsOf::RecordedAt(at),
        Axis::Occurred => AsOf::OccurredAt(at),
    })
}

/// A place in the list of balances: an account has one in each currency.
struct BalanceCursor {
    account: JournalAccount,
    currency: Currency,
}

impl std::str::FromStr for BalanceCursor {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (account, currency) = text.split_once('~').ok_or(())?;
        Ok(Self { account: account.parse().map_err(|_| ())?, currency: currency.parse().map_err(|_| ())? })
    }
}

/// Balances of the organization's accounts, by name.
#[utoipa::path(get, path = "/v1/balances", tag = "Journal", params(BalanceParams),
    responses((status = 200, body = Page<BalanceOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_balances(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<BalanceParams>,
) -> Result<Json<Page<BalanceOut>>, Problem> {
    let limit = limit(params.limit)?;
    let after: Option<BalanceCursor> = cursor(params.cursor.as_deref())?;
    let after =
        after.map_or((String::new(), String::new()), |after| (after.account.to_string(), after.currency.to_string()));
    let as_of = as_of(&params, &principal)?;
    let prefix =
        own_customer(&app, &principal, params.customer_id.as_deref()).await?.map(|id| format!("customer:{id}:"));
    // To see the balances at a position, the journal must have come to it.
    let wanted = match as_of {
        AsOf::Position(position) => Some(MinPosition(LogPosition { partition: principal.partition, position })),
        _ => None,
    };
    caught_up(&app, &principal, &Journal, params.min_position).await?;
    caught_up(&app, &principal, &Journal, wanted).await?;
    let rows = journal::balances(
        &app.pool,
        principal.organization_id,
        params.account.as_deref(),
        prefix.as_deref(),
        as_of,
        (&after.0, &after.1),
        limit + 1,
    )
    .await?;
    let balances = rows.into_iter().map(|row| BalanceOut {
        object: "balance",
        balance: (row.credits - row.debits).normalize().to_string(),
        account: row.account,
        currency: row.currency,
        debits: row.debits.normalize().to_string(),
        credits: row.credits.normalize().to_string(),
    });
    Ok(Json(Page::new(balances.collect(), limit, |row: &BalanceOut| format!("{}~{}", row.account, row.currency))))
}

/// Which postings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PostingParams {
    /// After this position of the log.
    pub after: Option<String>,
    /// Only those that debit or credit this account.
    pub account: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// An amount that moved from one account to another.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostingOut {
    /// Always `posting`.
    pub object: &'static str,
    /// The place in the log of its event.
    pub position: String,
    /// Its number among the postings of its event, from 0.
    pub line: i16,
    /// Its event.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// The account that is debited.
    pub debit: String,
    /// The account that is credited.
    pub credit: String,
    /// In this currency.
    pub currency: String,
    /// How much.
    pub amount: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was known.
    pub recorded_at: DateTime<Utc>,
}

/// A place in the journal: position and line.
struct Place(i64, i16);

impl std::str::FromStr for Place {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (position, line) = text.split_once('.').ok_or(())?;
        Ok(Self(position.parse().map_err(|_| ())?, line.parse().map_err(|_| ())?))
    }
}

/// Postings, oldest first.
#[utoipa::path(get, path = "/v1/postings", tag = "Journal", params(PostingParams),
    responses((status = 200, body = Page<PostingOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_postings(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PostingParams>,
) -> Result<Json<Page<PostingOut>>, Problem> {
    let limit = limit(params.limit)?;
    let place: Option<Place> = cursor(params.cursor.as_deref())?;
    let after = super::events::after(params.after.as_deref(), &principal)?;
    caught_up(&app, &principal, &Journal, params.min_position).await?;
    let place = place.map_or((after, i16::MAX), |place| (place.0, place.1));
    let rows =
        journal::postings_after(&app.pool, principal.organization_id, params.account.as_deref(), place, limit + 1)
            .await?;
    let has_more = rows.len() as i64 > limit;
    let shown = &rows[..rows.len().min(limit as usize)];
    let next_cursor = shown.last().filter(|_| has_more).map(|row| format!("{}.{}", row.position, row.line));
    let data = shown.iter().map(|row| PostingOut {
        object: "posting",
        position: LogPosition { partition: principal.partition, position: row.position }.to_string(),
        line: row.line,
        event_id: EventId::new(row.event_id),
        debit: row.debit.clone(),
        credit: row.credit.clone(),
        currency: row.currency.clone(),
        amount: row.amount.normalize().to_string(),
        occurred_at: row.occurred_at,
        recorded_at: row.recorded_at,
    });
    Ok(Json(Page { object: "list", data: data.collect(), has_more, next_cursor }))
}
