//! Credits: money a customer can spend.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::account::command::Action;
use domain::account::{Account, AccountCommand, AccountEvent};
use domain::envelope::to_micros;
use domain::ids::{CreditGrantId, CustomerId};
use eventstore::Executed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::customers::{AccountOut, CustomerPath, account_stream};
use super::{answer, execute, in_time_of, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json};
use crate::money;
use crate::problem::Problem;

/// Credits to give.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredit {
    /// How much: a decimal string, more than zero, at most 12 decimals.
    #[schema(example = "50")]
    pub amount: String,
    /// The account's currency when left out; another one is refused.
    #[serde(default)]
    pub currency: Option<String>,
    /// When what is left is lost; never when left out.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Lower is spent first; then what expires first; then what was given first.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 255, default = 100)]
    pub priority: Option<u8>,
}

/// A grant of credits.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditGrantOut {
    /// Always `credit_grant`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: CreditGrantId,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// How much was given.
    pub amount: String,
    /// In this currency.
    pub currency: String,
    /// Lower is spent first.
    pub priority: u8,
    /// When what is left is lost.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was given.
    pub created_at: DateTime<Utc>,
    /// The account after it.
    pub account: AccountOut,
    /// The log's position after the command.
    pub position: String,
}

/// The priority of credits that name none.
const DEFAULT_PRIORITY: u8 = 100;

/// Give a customer credits.
#[utoipa::path(post, path = "/v1/customers/{id}/credits", tag = "Customers", request_body = NewCredit,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = CreditGrantOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn grant_credit(
    State(app): State<App>,
    principal: Principal,
    CustomerPath(id): CustomerPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewCredit>,
) -> Result<Response, Problem> {
    let action = Action::GrantCredit {
        grant_id: CreditGrantId::new(Uuid::now_v7()),
        amount: money::positive_amount("amount", &body.amount)?,
        currency: money::currency(body.currency.as_deref())?,
        priority: body.priority.unwrap_or(DEFAULT_PRIORITY),
        expires_at: body.expires_at.map(to_micros),
    };
    let meta = meta(&principal, key.as_deref(), "POST /v1/customers/{id}/credits", &id.to_string(), &body)?;
    let meta = in_time_of(&app, id, meta);
    let command = AccountCommand { organization_id: principal.organization_id, action };
    match execute::<Account>(&app, account_stream(id), meta, command).await? {
        Executed::Done { event, replayed } => {
            let AccountEvent::Credited(credited) = event.event else { return Err(Problem::internal()) };
            let out = CreditGrantOut {
                object: "credit_grant",
                id: credited.grant_id,
                customer_id: credited.customer_id,
                amount: credited.amount.to_string(),
                currency: credited.currency.to_string(),
                priority: credited.priority,
                expires_at: credited.expires_at,
                created_at: event.occurred_at,
                account: AccountOut::new(credited.currency, &credited.after),
                position: event.position.to_string(),
            };
            Ok(answer(StatusCode::CREATED, out, replayed))
        }
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}
