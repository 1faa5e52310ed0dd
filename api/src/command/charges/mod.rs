//! Charges: one, or up to a thousand at once; to an account, or with a session key.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::account::command::Action as AccountAction;
use domain::account::{Account, AccountCommand};
use domain::charge::Usage;
use domain::envelope::to_micros;
use domain::ids::{CustomerId, SessionKeyId};
use domain::money::Currency;
use domain::organization::Organization;
use domain::session_key::SessionKey;
use domain::session_key::command::{Action as SessionAction, Voucher};
use eventstore::{CommandMeta, Executed, LogPosition};
use futures::future::join_all;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::customers::{account_stream, customer_not_found};
use super::holds::{HoldOut, Payer};
use super::vouchers::{self, VoucherIn};
use super::{answer, execute, in_time_of, meta, session_keys};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IDEMPOTENCY_KEY_MAX, IdempotencyKey, Json, check_key, parse};
use crate::money;
use crate::problem::Problem;

mod denied;
mod out;

pub use out::{ChargeOut, LineOut, charge_not_found};

/// Charges in one batch.
pub const BATCH_MAX: usize = 1_000;
/// Meters in one charge.
pub const USAGE_MAX: usize = 16;
const METADATA_MAX: usize = 16;
const METADATA_KEY_CHARS_MAX: usize = 40;
const METADATA_VALUE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 200;

/// A charge: who pays is one of `customer_id` and `session_key_id`, what for is one of `amount`,
/// `meter` + `quantity`, and `usage`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    /// Whose account pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "cus_01kaj3v1q8f5x7m2n9c4b6d8e0")]
    pub customer_id: Option<String>,
    /// Which session key pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key_id: Option<String>,
    /// Signed by the client's key, where the client keeps it; may be left out while an earlier one reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<VoucherIn>,
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
    /// That of whoever pays when left out; another one is refused.
    #[serde(default)]
    pub currency: Option<String>,
    /// When it was used, if that was earlier: it counts in the period of that moment. Not in the future, at most 90 days
    /// ago. Not with session keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<DateTime<Utc>>,
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

/// Charge a customer's account, or a session key: 402 when it cannot be paid.
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
    let voucher = vouchers::read_all(&app, principal.organization_id, &[with_voucher(&body)]).await?.pop().flatten();
    let (charge, _, replayed) = charge(&app, &principal, &organization, key, body, voucher).await?;
    Ok(answer(StatusCode::CREATED, charge, replayed))
}

/// Several charges.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharges {
    /// 1 to 1,000 charges, each as for `POST /v1/charges`, with an `idempotency_key` of its own.
    #[schema(value_type = Vec<NewBatchCharge>)]
    pub charges: Vec<Value>,
}

/// Only for the OpenAPI document: a charge with the key that only an item of a batch has in its body.
pub struct NewBatchCharge;

impl PartialSchema for NewBatchCharge {
    fn schema() -> RefOr<Schema> {
        let mut schema = NewCharge::schema();
        if let RefOr::T(Schema::Object(charge)) = &mut schema {
            let key = ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .min_length(Some(1))
                .max_length(Some(IDEMPOTENCY_KEY_MAX))
                .description(Some("Makes this charge safe to repeat; the batch's key and the index when left out."));
            charge.properties.insert("idempotency_key".to_owned(), key.into());
        }
        schema
    }
}

impl NewCharge {
    /// Whether anything says what for.
    pub fn says_what_for(&self) -> bool {
        self.amount.is_some() || self.meter.is_some() || self.quantity.is_some() || self.usage.is_some()
    }
}

impl ToSchema for NewBatchCharge {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NewCharge::schemas(schemas);
    }
}

/// What became of several charges.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChargesOut {
    /// Always `batch`.
    pub object: &'static str,
    /// One for each, in order: `{"status": 201, "charge": {…}}` or `{"status": 402, "error": {…}}`.
    pub data: Vec<ItemOut>,
    /// The last position in the log of those that were made; `null` when none was.
    pub position: Option<String>,
}

/// What became of one item of a batch: a charge, a hold, or an error.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ItemOut {
    /// The status that it would have had alone.
    pub status: u16,
    /// The charge, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge: Option<Box<ChargeOut>>,
    /// The hold, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Box<HoldOut>>,
    /// Whether it had been done before, with the same key; only where it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<bool>,
    /// The problem as it would be told alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
}

impl ItemOut {
    /// It was not done.
    pub fn refused(problem: &Problem) -> Self {
        Self { status: problem.status, error: Some(problem.to_json(None)), ..Self::default() }
    }
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
    let items = body.charges.into_iter().enumerate();
    let items = items.map(|(index, item)| batch_item::<NewCharge>(item, index, key.as_deref()));
    let items: Vec<_> = items.collect();
    let asked: Vec<_> = items.iter().map(|item| item.as_ref().ok().and_then(|(_, body)| with_voucher(body))).collect();
    let read = vouchers::read_all(&app, principal.organization_id, &asked).await?;
    // From here on nothing waits before the ledger's queue: the charges are made in the order of the batch.
    let charges = items.into_iter().zip(read).map(|(item, voucher)| {
        let (app, principal, organization) = (&app, &principal, &organization);
        async move {
            let (item_key, body) = item?;
            charge(app, principal, organization, item_key, body, voucher).await
        }
    });
    let results = join_all(charges).await;
    let position = results.iter().flatten().map(|(_, position, _)| *position).max();
    let data = results.into_iter().map(|result| match result {
        Ok((charge, _, replayed)) => {
            ItemOut { status: 201, charge: Some(Box::new(charge)), replayed: Some(replayed), ..ItemOut::default() }
        }
        Err(problem) => ItemOut::refused(&problem),
    });
    let out = ChargesOut { object: "batch", data: data.collect(), position: position.map(|p| p.to_string()) };
    Ok(answer(StatusCode::OK, out, false))
}

/// An item of a batch: its key, and what is left is a request as any other.
pub(super) fn batch_item<T: DeserializeOwned>(
    mut item: Value,
    index: usize,
    batch_key: Option<&str>,
) -> Result<(Option<String>, T), Problem> {
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
    // Most are right: only where one is not, it is read again with an eye on the place.
    match T::deserialize(&item) {
        Ok(read) if item.is_object() => Ok((key, read)),
        _ => Ok((key, parse(item.to_string().as_bytes())?)),
    }
}

/// What is to be charged, whoever pays.
struct Order {
    usage: Vec<Usage>,
    currency: Option<Currency>,
    used_at: Option<Timestamp>,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// A charge, its place in the log, and whether it was there before.
type Charged = (ChargeOut, LogPosition, bool);

/// A voucher that came, read, or why it is none.
pub(super) type VoucherRead = Option<Result<Voucher, Problem>>;

/// The voucher to be read, when the session key that it came for is named.
fn with_voucher(body: &NewCharge) -> Option<(SessionKeyId, &VoucherIn)> {
    match payer(body) {
        Ok(Payer::SessionKey(id)) => body.voucher.as_ref().map(|voucher| (id, voucher)),
        _ => None,
    }
}

/// One charge, on its own or in a batch: the same request in both, so the same key fits both. A voucher is a
/// means of payment and no part of what is asked for: a request may be repeated with another one.
async fn charge(
    app: &App,
    principal: &Principal,
    organization: &Organization,
    key: Option<String>,
    body: NewCharge,
    voucher: VoucherRead,
) -> Result<Charged, Problem> {
    let payer = payer(&body)?;
    let currency = money::currency(body.currency.as_deref())?;
    check_words(&body)?;
    let usage = usage(organization, &body)?;
    let body = NewCharge { voucher: None, ..body };
    let meta = meta(principal, key.as_deref(), "POST /v1/charges", "", &body)?;
    let used_at = body.used_at.map(to_micros);
    let order = Order { usage, currency, used_at, description: body.description, metadata: body.metadata };
    match payer {
        Payer::Account(id) => charge_account(app, principal, id, meta, order).await,
        Payer::SessionKey(id) => charge_session_key(app, principal, id, meta, order, voucher).await,
    }
}

async fn charge_account(
    app: &App,
    principal: &Principal,
    id: CustomerId,
    meta: CommandMeta,
    order: Order,
) -> Result<Charged, Problem> {
    let Order { usage, currency, used_at, description, metadata } = order;
    let action = AccountAction::Charge { usage, currency, used_at, description, metadata };
    let meta = in_time_of(app, id, meta);
    let command = AccountCommand { organization_id: principal.organization_id, action };
    match execute::<Account>(app, account_stream(id), meta, command).await? {
        Executed::Done { event, replayed } => Ok((ChargeOut::of_account(&event)?, event.position, replayed)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

async fn charge_session_key(
    app: &App,
    principal: &Principal,
    id: SessionKeyId,
    meta: CommandMeta,
    order: Order,
    voucher: VoucherRead,
) -> Result<Charged, Problem> {
    let voucher = voucher.transpose()?;
    let Order { usage, currency, used_at, description, metadata } = order;
    if used_at.is_some() {
        let detail = "what a session key pays for counts when it is charged";
        return Err(Problem::unprocessable("used_at_not_supported", detail).with("param", json!("used_at")));
    }
    let action = SessionAction::Charge { usage, currency, voucher, description, metadata };
    let command = session_keys::command(principal, action);
    match execute::<SessionKey>(app, session_keys::stream(id), meta, command).await? {
        Executed::Done { event, replayed } => Ok((ChargeOut::of_session_key(&event)?, event.position, replayed)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

pub(super) fn payer(body: &NewCharge) -> Result<Payer, Problem> {
    match (&body.customer_id, &body.session_key_id, &body.voucher) {
        (Some(_), None, Some(_)) => {
            Err(Problem::bad_request("invalid_request", "voucher", "a voucher goes with a session_key_id"))
        }
        (Some(id), None, None) => id.parse().map(Payer::Account).map_err(|_| customer_not_found()),
        (None, Some(id), _) => id.parse().map(Payer::SessionKey).map_err(|_| session_keys::not_found()),
        (None, None, _) => {
            Err(Problem::bad_request("missing_field", "customer_id", "say who pays: customer_id or session_key_id"))
        }
        (Some(_), Some(_), _) => Err(Problem::bad_request(
            "invalid_request",
            "session_key_id",
            "a charge has either customer_id or session_key_id",
        )),
    }
}

pub(super) fn check_words(body: &NewCharge) -> Result<(), Problem> {
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

pub(super) fn usage(organization: &Organization, body: &NewCharge) -> Result<Vec<Usage>, Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use utoipa::OpenApi;

    fn read(text: &str) -> NewCharge {
        parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn requests_of_before_keep_their_digest() {
        let body = read(r#"{"customer_id":"cus_1","amount":"1","metadata":{"a":"b"}}"#);
        let written = r#"{"customer_id":"cus_1","amount":"1","meter":null,"quantity":null,"usage":null,"currency":null,"description":null,"metadata":{"a":"b"}}"#;
        assert_eq!(serde_json::to_string(&body).unwrap(), written);
        let late = read(r#"{"customer_id":"cus_1","amount":"1","used_at":"2026-03-31T23:59:59+02:00"}"#);
        assert_eq!(late.used_at.map(|at| at.to_rfc3339()), Some("2026-03-31T21:59:59+00:00".to_owned()));
        assert_ne!(
            serde_json::to_string(&late).unwrap(),
            serde_json::to_string(&NewCharge { used_at: None, ..late }).unwrap()
        );
    }

    #[test]
    fn a_batch_documents_its_keys() {
        let document = serde_json::to_value(crate::openapi::Document::openapi()).unwrap();
        let schemas = &document["components"]["schemas"];
        let items = &schemas["NewCharges"]["properties"]["charges"]["items"]["$ref"];
        assert_eq!(*items, json!("#/components/schemas/NewBatchCharge"));
        let properties = &schemas["NewBatchCharge"]["properties"];
        assert_eq!(properties["idempotency_key"]["type"], json!(["string", "null"]));
        assert_eq!(properties["voucher"], schemas["NewCharge"]["properties"]["voucher"]);
        assert!(schemas["VoucherIn"].is_object());
        assert!(schemas["NewCharge"]["properties"]["idempotency_key"].is_null());
    }

    #[test]
    fn somebody_pays_and_only_one() {
        let told = |text: &str| payer(&read(text)).err().map(|problem| (problem.status, problem.code));
        let (customer, session) = (format!("cus_{}", "0".repeat(26)), format!("ses_{}", "0".repeat(26)));
        let voucher = r#""voucher":{"max_claimable":"1","signature":"0x"}"#;
        assert_eq!(told(&format!(r#"{{"customer_id":"{customer}"}}"#)), None);
        assert_eq!(told(&format!(r#"{{"session_key_id":"{session}"}}"#)), None);
        assert_eq!(told(&format!(r#"{{"session_key_id":"{session}",{voucher}}}"#)), None);
        assert_eq!(told("{}"), Some((400, "missing_field")));
        let both = format!(r#"{{"customer_id":"{customer}","session_key_id":"{session}"}}"#);
        assert_eq!(told(&both), Some((400, "invalid_request")));
        assert_eq!(told(&format!(r#"{{"customer_id":"{customer}",{voucher}}}"#)), Some((400, "invalid_request")));
        assert_eq!(told(r#"{"customer_id":"1"}"#), Some((404, "customer_not_found")));
        assert_eq!(told(r#"{"session_key_id":"1"}"#), Some((404, "session_key_not_found")));
    }
}
