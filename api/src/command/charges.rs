//! Charges: one, or up to a thousand at once.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::account::command::Action;
use domain::account::{Account, AccountCommand, AccountError, AccountEvent, Charged, Usage};
use domain::ids::{ChargeId, CreditGrantId, CustomerId, EventId};
use domain::money::{Amount, MoneyError};
use domain::organization::Organization;
use eventstore::{Executed, Recorded};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::customers::{AccountOut, account_stream, customer_not_found};
use super::{answer, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, check_key, parse};
use crate::money;
use crate::problem::Problem;

/// Charges in one batch.
pub const BATCH_MAX: usize = 1_000;
/// Meters in one charge.
pub const USAGE_MAX: usize = 16;
const METADATA_MAX: usize = 16;
const METADATA_KEY_CHARS_MAX: usize = 40;
const METADATA_VALUE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 200;

/// A charge: what for is one of `amount`, `meter` + `quantity`, or `usage`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    /// Whom to charge.
    #[schema(example = "cus_01kaj3v1q8f5x7m2n9c4b6d8e0")]
    pub customer_id: String,
    /// An amount as it is: a decimal string, more than zero, at most 12 decimals.
    #[serde(default)]
    #[schema(example = "1.50")]
    pub amount: Option<String>,
    /// A meter of the price list.
    #[serde(default)]
    pub meter: Option<String>,
    /// How much of the meter: a decimal string, more than zero, at most 6 decimals.
    #[serde(default)]
    pub quantity: Option<String>,
    /// Several meters in one charge; it is paid wholly or not at all. 1 to 16.
    #[serde(default)]
    pub usage: Option<Vec<UsageIn>>,
    /// The account's currency when left out; another one is refused.
    #[serde(default)]
    pub currency: Option<String>,
    /// Shown on statements; at most 200 characters, no personal data.
    #[serde(default)]
    pub description: Option<String>,
    /// Your own labels: at most 16, no personal data.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// How much of a meter.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageIn {
    /// A meter of the price list.
    pub meter: String,
    /// How much of it.
    pub quantity: String,
}

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
    /// The sum of its lines.
    pub amount: String,
    /// In this currency.
    pub currency: String,
    /// What for.
    pub lines: Vec<LineOut>,
    /// What paid.
    pub paid: PaidOut,
    /// Which credits paid, in order.
    pub credits_used: Vec<CreditUseOut>,
    /// The account after it.
    pub account: AccountOut,
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

/// One thing that was charged for; a flat amount has no meter.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineOut {
    /// The meter.
    pub meter: Option<String>,
    /// How much of it.
    pub quantity: Option<String>,
    /// How much of that an allowance covered.
    pub included_quantity: Option<String>,
    /// The price of one unit.
    pub unit_price: Option<String>,
    /// (quantity − included) × unit price, exact.
    pub amount: String,
}

/// What paid a charge.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidOut {
    /// Taken from credits.
    pub credits: String,
    /// Put on the post-paid balance.
    pub postpaid: String,
}

/// What one grant paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditUseOut {
    /// The grant.
    #[schema(value_type = String)]
    pub grant_id: CreditGrantId,
    /// How much.
    pub amount: String,
}

impl ChargeOut {
    /// From the event alone: the same at each repetition and whenever it is read.
    pub fn new(charged: &Charged, event_id: uuid::Uuid, occurred_at: Timestamp, position: String) -> Self {
        let text = |value: Option<Amount>| value.map(|amount| amount.to_string());
        Self {
            object: "charge",
            id: ChargeId::new(event_id),
            customer_id: charged.customer_id,
            amount: charged.amount.to_string(),
            currency: charged.currency.to_string(),
            lines: charged
                .lines
                .iter()
                .map(|line| LineOut {
                    meter: line.meter.as_ref().map(ToString::to_string),
                    quantity: line.quantity.map(|quantity| quantity.to_string()),
                    included_quantity: line.included_quantity.map(|quantity| quantity.to_string()),
                    unit_price: text(line.unit_price),
                    amount: line.amount.to_string(),
                })
                .collect(),
            paid: PaidOut { credits: charged.paid_by_credits().to_string(), postpaid: charged.postpaid.to_string() },
            credits_used: charged
                .credits_used
                .iter()
                .map(|used| CreditUseOut { grant_id: used.grant_id, amount: used.amount.to_string() })
                .collect(),
            account: AccountOut::new(charged.currency, &charged.after),
            description: charged.description.clone(),
            metadata: charged.metadata.clone(),
            event_id: EventId::new(event_id),
            occurred_at,
            position,
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let detail = error.to_string();
        match error {
            AccountError::NotFound => customer_not_found(),
            AccountError::AlreadyOpen => Self::conflict("already_exists", detail),
            AccountError::InsufficientFunds { amount, available, postpaid_limit, currency } => {
                Self::cannot_pay("insufficient_funds", detail)
                    .with("requested", json!(amount))
                    .with("remaining", json!(available))
                    .with("limit", json!(postpaid_limit))
                    .with("currency", json!(currency))
            }
            AccountError::QuotaExceeded { meter, limit, remaining, requested, resets_at } => {
                Self::cannot_pay("quota_exceeded", detail)
                    .with("meter", json!(meter))
                    .with("limit", json!(limit))
                    .with("remaining", json!(remaining))
                    .with("requested", json!(requested))
                    .with("resets_at", json!(resets_at))
            }
            AccountError::CurrencyMismatch { .. } => {
                Self::unprocessable("currency_mismatch", detail).with("param", json!("currency"))
            }
            AccountError::AmountOutOfRange { reason: MoneyError::TooPrecise { .. }, .. } => {
                Self::unprocessable("amount_too_precise", detail).with("param", json!("quantity"))
            }
            AccountError::AmountOutOfRange { .. } => {
                Self::unprocessable("amount_too_large", detail).with("param", json!("quantity"))
            }
            AccountError::BalanceTooLarge => Self::unprocessable("balance_too_large", detail),
            AccountError::ExpiresInThePast => {
                Self::unprocessable("expires_in_the_past", detail).with("param", json!("expires_at"))
            }
            AccountError::TooManyGrants => Self::unprocessable("too_many_grants", detail),
            AccountError::TooManyQuotas => Self::unprocessable("too_many_quotas", detail),
            AccountError::QuotaWithoutEffect => {
                Self::unprocessable("quota_without_effect", detail).with("param", json!("overage"))
            }
        }
    }
}

/// Charge a customer: 402 when it cannot be paid.
#[utoipa::path(post, path = "/v1/charges", tag = "Charges", request_body = NewCharge,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat: the same key and body give the same answer")),
    responses((status = 201, body = ChargeOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_charge(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewCharge>,
) -> Result<Response, Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    let (event, replayed) = charge(&app, &principal, &organization, key, body).await?;
    Ok(answer(StatusCode::CREATED, out(&event)?, replayed))
}

fn out(event: &Recorded<AccountEvent>) -> Result<ChargeOut, Problem> {
    let AccountEvent::Charged(charged) = &event.event else { return Err(Problem::internal()) };
    Ok(ChargeOut::new(charged, event.event_id, event.occurred_at, event.position.to_string()))
}

/// Several charges.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharges {
    /// 1 to 1,000 charges, each as for `POST /v1/charges`, with an `idempotency_key` of its own.
    #[schema(value_type = Vec<NewCharge>)]
    pub charges: Vec<Value>,
}

/// What became of several charges.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChargesOut {
    /// Always `batch`.
    pub object: &'static str,
    /// One for each, in order: `{"status": 201, "charge": {…}}` or `{"status": 402, "error": {…}}`.
    pub data: Vec<Value>,
    /// The last position in the log of those that were made; `null` when none was.
    pub position: Option<String>,
}

/// Make up to 1,000 charges; each succeeds or fails on its own.
#[utoipa::path(post, path = "/v1/charges/batch", tag = "Charges", request_body = NewCharges,
    params(("Idempotency-Key" = Option<String>, Header, description = "gives items without a key of their own the key `<this>/<index>`")),
    responses((status = 200, body = ChargesOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_charges(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewCharges>,
) -> Result<Response, Problem> {
    if body.charges.is_empty() || body.charges.len() > BATCH_MAX {
        let detail = format!("a batch has 1 to {BATCH_MAX} charges");
        let code = if body.charges.is_empty() { "invalid_request" } else { "batch_too_large" };
        return Err(Problem::bad_request(code, "charges", detail));
    }
    let organization = app.directory.organization(principal.organization_id).await?;
    let items = body.charges.into_iter().enumerate().map(|(index, item)| {
        let (app, principal, organization, key) = (&app, &principal, &organization, key.as_deref());
        async move {
            let (item_key, charge_in) = batch_item(item, index, key)?;
            let (event, replayed) = charge(app, principal, organization, item_key, charge_in).await?;
            Ok::<_, Problem>((out(&event)?, event.position, replayed))
        }
    });
    let results = join_all(items).await;
    let position = results.iter().flatten().map(|(_, position, _)| *position).max();
    let data = results.into_iter().map(|result| match result {
        Ok((charge, _, replayed)) => json!({"status": 201, "charge": charge, "replayed": replayed}),
        Err(problem) => json!({"status": problem.status, "error": problem.to_json(None)}),
    });
    let out = ChargesOut { object: "batch", data: data.collect(), position: position.map(|p| p.to_string()) };
    Ok(answer(StatusCode::OK, out, false))
}

/// An item of a batch: its key, and what is left is a charge as any other.
fn batch_item(mut item: Value, index: usize, batch_key: Option<&str>) -> Result<(Option<String>, NewCharge), Problem> {
    let own_key = item.as_object_mut().and_then(|object| object.remove("idempotency_key"));
    let key = match own_key {
        Some(Value::String(key)) => Some(check_key(&key)?),
        Some(Value::Null) | None => batch_key.map(|key| check_key(&format!("{key}/{index}"))).transpose()?,
        Some(_) => {
            return Err(Problem::bad_request(
                "invalid_idempotency_key",
                "idempotency_key",
                "an idempotency key is a string",
            ));
        }
    };
    Ok((key, parse(item.to_string().as_bytes())?))
}

/// One charge, on its own or in a batch: the same request in both, so the same key fits both.
async fn charge(
    app: &App,
    principal: &Principal,
    organization: &Organization,
    key: Option<String>,
    body: NewCharge,
) -> Result<(Recorded<AccountEvent>, bool), Problem> {
    let customer_id: CustomerId = body.customer_id.parse().map_err(|_| customer_not_found())?;
    let currency = money::currency(body.currency.as_deref())?;
    check_words(&body)?;
    let usage = usage(organization, &body)?;
    let meta = meta(principal, key.as_deref(), "POST /v1/charges", "", &body)?;
    let action = Action::Charge { usage, currency, description: body.description, metadata: body.metadata };
    let command = AccountCommand { organization_id: principal.organization_id, action };
    match execute::<Account>(app, account_stream(customer_id), meta, command).await? {
        Executed::Done { event, replayed } => Ok((event, replayed)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

fn check_words(body: &NewCharge) -> Result<(), Problem> {
    if let Some(description) = &body.description {
        money::text("description", description, DESCRIPTION_CHARS_MAX)?;
    }
    if body.metadata.len() > METADATA_MAX {
        return Err(Problem::bad_request(
            "invalid_request",
            "metadata",
            format!("metadata has at most {METADATA_MAX} keys"),
        ));
    }
    for (key, value) in &body.metadata {
        money::text("metadata", key, METADATA_KEY_CHARS_MAX)?;
        money::text("metadata", value, METADATA_VALUE_CHARS_MAX)?;
    }
    Ok(())
}

fn usage(organization: &Organization, body: &NewCharge) -> Result<Vec<Usage>, Problem> {
    match (&body.amount, &body.meter, &body.quantity, &body.usage) {
        (Some(amount), None, None, None) => Ok(vec![Usage::Flat { amount: money::positive_amount("amount", amount)? }]),
        (None, Some(meter), Some(quantity), None) => Ok(vec![metered(organization, meter, quantity)?]),
        (None, None, None, Some(list)) if (1..=USAGE_MAX).contains(&list.len()) => {
            list.iter().map(|one| metered(organization, &one.meter, &one.quantity)).collect()
        }
        (None, None, None, Some(_)) => {
            Err(Problem::bad_request("invalid_request", "usage", format!("usage has 1 to {USAGE_MAX} entries")))
        }
        (None, Some(_), None, None) => {
            Err(Problem::bad_request("missing_field", "quantity", "a meter needs a quantity"))
        }
        (None, None, Some(_), None) => Err(Problem::bad_request("missing_field", "meter", "a quantity needs a meter")),
        (None, None, None, None) => Err(Problem::bad_request(
            "missing_field",
            "amount",
            "say what for: amount, or meter and quantity, or usage",
        )),
        _ => Err(Problem::bad_request(
            "invalid_request",
            "amount",
            "a charge has either amount, or meter and quantity, or usage",
        )),
    }
}

fn metered(organization: &Organization, meter: &str, quantity: &str) -> Result<Usage, Problem> {
    let quantity = money::positive_quantity("quantity", quantity)?;
    let found = meter.parse().ok().and_then(|code| organization.meters.get(&code));
    let priced = found.ok_or_else(|| {
        Problem::unprocessable("unknown_meter", "the price list has no such meter").with("param", json!("meter"))
    })?;
    Ok(Usage::Metered { meter: priced.meter.clone(), quantity })
}
