//! Many session keys at once: drawn up, stopped by the organization, let go on. Each succeeds or fails on its own.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::ids::SessionKeyId;
use domain::session_key::Status;
use eventstore::LogPosition;
use futures::stream::{self, StreamExt};
use projections::directory::{self, Directory, SessionKeyFilter, SessionKeyRow};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::create::{NewSessionKey, create};
use super::stop::{Stop, StopIn, by_organization};
use super::{SessionKeyOut, not_found};
use crate::App;
use crate::auth::Principal;
use crate::command::charges::batch_item;
use crate::command::{answer, meta};
use crate::extract::{IDEMPOTENCY_KEY_MAX, IdempotencyKey, Json, check_key};
use crate::problem::Problem;
use crate::query::{own_customer, read_up_to_now};

/// Session keys in one batch, where they are named.
pub const BATCH_MAX: usize = 100;
/// Session keys of one customer that are stopped at once.
pub const OF_CUSTOMER_MAX: usize = 1_000;
/// Session keys of one customer that are looked at for that: those that have ended are among them.
const LOOKED_AT_MAX: usize = 10_000;
/// How many are carried out at the same time.
const AT_A_TIME: usize = 8;

/// Several session keys to be drawn up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSessionKeys {
    /// 1 to 100, each as for `POST /v1/session_keys`, with an `idempotency_key` of its own.
    #[schema(value_type = Vec<NewBatchSessionKey>)]
    pub session_keys: Vec<Value>,
}

/// Only for the OpenAPI document: a session key with the key that only an item of a batch has in its body.
pub struct NewBatchSessionKey;

impl PartialSchema for NewBatchSessionKey {
    fn schema() -> RefOr<Schema> {
        let mut schema = NewSessionKey::schema();
        if let RefOr::T(Schema::Object(new)) = &mut schema {
            let key = ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .min_length(Some(1))
                .max_length(Some(IDEMPOTENCY_KEY_MAX))
                .description(Some("Makes this one safe to repeat; the batch's key and the index when left out."));
            new.properties.insert("idempotency_key".to_owned(), key.into());
        }
        schema
    }
}

impl ToSchema for NewBatchSessionKey {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NewSessionKey::schemas(schemas);
    }
}

/// What became of several session keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionKeysOut {
    /// Always `batch`.
    pub object: &'static str,
    /// One for each, in order: `{"status": 201, "session_key": {…}}` or `{"status": 422, "error": {…}}`.
    pub data: Vec<SessionKeyItemOut>,
    /// The last position in the log of those that were carried out; `null` when none was.
    pub position: Option<String>,
}

/// What became of one of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionKeyItemOut {
    /// The status that it would have had alone.
    pub status: u16,
    /// Which, where it was there before: as it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_key_id: Option<String>,
    /// The session key after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_key: Option<Box<SessionKeyOut>>,
    /// Whether it had been done before, with the same key; only where it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<bool>,
    /// The problem as it would be told alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
}

/// A session key after it, the place in the log, and whether it was done before.
type Done = (SessionKeyOut, LogPosition, bool);

impl SessionKeyItemOut {
    fn new(status: StatusCode, id: Option<String>, result: Result<Done, Problem>) -> Self {
        match result {
            Ok((out, _, replayed)) => Self {
                status: status.as_u16(),
                session_key_id: id,
                session_key: Some(Box::new(out)),
                replayed: Some(replayed),
                error: None,
            },
            Err(problem) => Self {
                status: problem.status,
                session_key_id: id,
                session_key: None,
                replayed: None,
                error: Some(problem.to_json(None)),
            },
        }
    }
}

/// Carries all of them out, some at a time, and tells what became of each, in their order.
async fn carry_out(
    status: StatusCode,
    items: Vec<(Option<String>, impl Future<Output = Result<Done, Problem>>)>,
) -> Response {
    let (ids, work): (Vec<_>, Vec<_>) = items.into_iter().unzip();
    let results: Vec<Result<Done, Problem>> = stream::iter(work).buffered(AT_A_TIME).collect().await;
    let position = results.iter().flatten().map(|(_, position, _)| *position).max();
    let data = ids.into_iter().zip(results).map(|(id, result)| SessionKeyItemOut::new(status, id, result));
    let out = SessionKeysOut { object: "batch", data: data.collect(), position: position.map(|p| p.to_string()) };
    answer(StatusCode::OK, out, false)
}

fn fits(count: usize, param: &str) -> Result<(), Problem> {
    if (1..=BATCH_MAX).contains(&count) {
        return Ok(());
    }
    let code = if count == 0 { "invalid_request" } else { "batch_too_large" };
    Err(Problem::bad_request(code, param, format!("a batch has 1 to {BATCH_MAX} session keys")))
}

/// Draw up to 100 session keys up; each succeeds or fails on its own. Their owners then sign, each for its own.
#[utoipa::path(post, path = "/v1/session_keys/batch", tag = "Session keys", request_body = NewSessionKeys,
    params(("Idempotency-Key" = Option<String>, Header, description = "gives items without a key of their own the key `<this>/<index>`")),
    responses((status = 200, body = SessionKeysOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_session_keys(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewSessionKeys>,
) -> Result<Response, Problem> {
    fits(body.session_keys.len(), "session_keys")?;
    let items = body.session_keys.into_iter().enumerate();
    let items = items.map(|(index, item)| {
        let (app, principal) = (&app, &principal);
        let item = batch_item::<NewSessionKey>(item, index, key.as_deref());
        let work = async move {
            let (item_key, body) = item?;
            create(app, principal, item_key.as_deref(), &body).await
        };
        (None, work)
    });
    Ok(carry_out(StatusCode::CREATED, items.collect()).await)
}

/// Which session keys: one of both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopMany {
    /// 1 to 100 of them.
    #[serde(default)]
    pub session_key_ids: Option<Vec<String>>,
    /// All of this customer that have not ended: at most 1,000.
    #[serde(default)]
    pub customer_id: Option<String>,
}

/// What a request to stop many session keys brings.
type Asked = (State<App>, Principal, IdempotencyKey, Json<StopMany>);

/// Stop charges of many session keys for now, by the organization; each succeeds or fails on its own.
#[utoipa::path(post, path = "/v1/session_keys/freeze", tag = "Session keys", request_body = StopMany,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes each safe to repeat, under the key `<this>/<session key id>`")),
    responses((status = 200, body = SessionKeysOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn freeze_session_keys(asked: Asked) -> Result<Response, Problem> {
    stop_many(asked, Stop::Freeze).await
}

/// Let charges of many session keys go on, by the organization; each succeeds or fails on its own.
#[utoipa::path(post, path = "/v1/session_keys/unfreeze", tag = "Session keys", request_body = StopMany,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes each safe to repeat, under the key `<this>/<session key id>`")),
    responses((status = 200, body = SessionKeysOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn unfreeze_session_keys(asked: Asked) -> Result<Response, Problem> {
    stop_many(asked, Stop::Unfreeze).await
}

/// End many session keys for good, by the organization; each succeeds or fails on its own.
#[utoipa::path(post, path = "/v1/session_keys/revoke", tag = "Session keys", request_body = StopMany,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes each safe to repeat, under the key `<this>/<session key id>`")),
    responses((status = 200, body = SessionKeysOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn revoke_session_keys(asked: Asked) -> Result<Response, Problem> {
    stop_many(asked, Stop::Revoke).await
}

async fn stop_many(
    (State(app), principal, IdempotencyKey(key), Json(body)): Asked,
    what: Stop,
) -> Result<Response, Problem> {
    let key = key.as_deref();
    let names = match (body.session_key_ids, &body.customer_id) {
        (Some(names), None) => {
            fits(names.len(), "session_key_ids")?;
            names
        }
        (None, Some(customer)) => of_customer(&app, &principal, customer, key, what).await?,
        (None, None) => {
            let detail = "say which: session_key_ids, or the customer_id of whom all";
            return Err(Problem::bad_request("missing_field", "session_key_ids", detail));
        }
        (Some(_), Some(_)) => {
            let detail = "send either session_key_ids or customer_id";
            return Err(Problem::bad_request("invalid_request", "customer_id", detail));
        }
    };
    let items = names.into_iter().map(|name| {
        let (app, principal) = (&app, &principal);
        let id: Result<SessionKeyId, _> = name.parse();
        let work = async move {
            let id = id.map_err(|_| not_found())?;
            let key = key.map(|key| item_key(key, id)).transpose()?;
            by_organization(app, principal, id, key.as_deref(), what).await
        };
        (Some(name), work)
    });
    Ok(carry_out(StatusCode::OK, items.collect()).await)
}

/// The key of one of them: the same wherever it stands in the batch.
fn item_key(key: &str, id: SessionKeyId) -> Result<String, Problem> {
    check_key(&format!("{key}/{id}"))
}

/// The session keys of a customer that have not ended. When the same request came before: those that were stopped by
/// it, and none that was drawn up since.
async fn of_customer(
    app: &App,
    principal: &Principal,
    customer: &str,
    key: Option<&str>,
    what: Stop,
) -> Result<Vec<String>, Problem> {
    let customer_id = own_customer(app, principal, Some(customer)).await?;
    // One that is not in the directory yet must not be passed by.
    read_up_to_now(app, principal.partition, &Directory).await?;
    let filter = SessionKeyFilter { customer_id, ..SessionKeyFilter::default() };
    let most = i64::try_from(LOOKED_AT_MAX).unwrap_or(i64::MAX);
    let rows = directory::session_keys(&app.pool, principal.organization_id, filter, None, most + 1).await?;
    if rows.len() > LOOKED_AT_MAX {
        return Err(too_many(LOOKED_AT_MAX, "session keys"));
    }
    let mut keyed = Vec::with_capacity(rows.len());
    for row in rows {
        let id = SessionKeyId::new(row.session_key_id);
        keyed.push((key.map(|key| command_id(principal, key, id, what)).transpose()?, row));
    }
    let asked: Vec<Uuid> = keyed.iter().filter_map(|(command_id, _)| *command_id).collect();
    let done: HashMap<Uuid, Timestamp> = if asked.is_empty() {
        HashMap::new()
    } else {
        app.ledger.log().find(&asked).await?.into_iter().map(|event| (event.event_id, event.occurred_at)).collect()
    };
    let wanted = wanted(keyed, &done);
    if wanted.len() > OF_CUSTOMER_MAX {
        return Err(too_many(OF_CUSTOMER_MAX, "session keys that have not ended"));
    }
    Ok(wanted.into_iter().map(|id| id.to_string()).collect())
}

fn too_many(most: usize, of_what: &str) -> Problem {
    let detail = format!("the customer has more than {most} {of_what}: name them by session_key_ids");
    Problem::unprocessable("too_many_session_keys", detail).with("param", json!("customer_id"))
}

/// The command that one of them would be.
fn command_id(principal: &Principal, key: &str, id: SessionKeyId, what: Stop) -> Result<Uuid, Problem> {
    let key = item_key(key, id)?;
    Ok(meta(principal, Some(&key), what.route(), &id.to_string(), &StopIn::default())?.command_id)
}

/// Which of a customer's session keys are meant. `done` are the commands of an earlier try that are in the log.
fn wanted(keyed: Vec<(Option<Uuid>, SessionKeyRow)>, done: &HashMap<Uuid, Timestamp>) -> Vec<SessionKeyId> {
    let first = done.values().min().copied();
    let ended = [Status::Revoked, Status::Expired, Status::Closed].map(Status::name);
    let is_meant = |command_id: Option<Uuid>, row: &SessionKeyRow| {
        let was_done = command_id.is_some_and(|id| done.contains_key(&id));
        let was_there = first.is_none_or(|first| row.created_at <= first);
        was_done || (was_there && !ended.contains(&row.status.as_str()))
    };
    let meant = keyed.iter().filter(|(command_id, row)| is_meant(*command_id, row));
    meant.map(|(_, row)| SessionKeyId::new(row.session_key_id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use utoipa::OpenApi;

    fn row(number: u128, status: &str, created_at: &str) -> SessionKeyRow {
        let text = String::new;
        SessionKeyRow {
            session_key_id: Uuid::from_u128(number),
            customer_id: Uuid::from_u128(0),
            owner: text(),
            key: text(),
            payee: text(),
            session_id: text(),
            chain_id: 31_337,
            contract: text(),
            custody: text(),
            status: status.to_owned(),
            created_at: created_at.parse().unwrap(),
            valid_until: "2027-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_repeated_request_means_the_same() {
        let rows = || {
            vec![
                row(1, "active", "2026-01-01T00:00:00Z"),
                row(2, "revoked", "2026-01-01T00:00:00Z"),
                row(3, "frozen", "2026-01-01T00:00:00Z"),
                row(4, "closed", "2026-01-01T00:00:00Z"),
                row(5, "active", "2026-01-03T00:00:00Z"),
            ]
        };
        let numbers = |ids: Vec<SessionKeyId>| ids.into_iter().map(|id| id.uuid().as_u128()).collect::<Vec<_>>();
        let none = HashMap::new();
        assert_eq!(numbers(wanted(rows().into_iter().map(|row| (None, row)).collect(), &none)), [1, 3, 5]);
        let keyed = || rows().into_iter().map(|row| (Some(Uuid::from_u128(100 + row.session_key_id.as_u128())), row));
        assert_eq!(numbers(wanted(keyed().collect(), &none)), [1, 3, 5], "none of it came before");
        // Two were ended by it then, one of them has closed since; the last was drawn up later.
        let done = [102, 104].map(|id| (Uuid::from_u128(id), "2026-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!(numbers(wanted(keyed().collect(), &HashMap::from(done))), [1, 2, 3, 4]);
    }

    #[test]
    fn a_batch_has_bounds_and_documents_its_keys() {
        let told = |count| fits(count, "session_keys").err().map(|problem| (problem.status, problem.code));
        assert_eq!(told(0), Some((400, "invalid_request")));
        assert_eq!(told(BATCH_MAX + 1), Some((400, "batch_too_large")));
        assert_eq!([1, BATCH_MAX].map(told), [None, None]);
        let document = serde_json::to_value(crate::openapi::Document::openapi()).unwrap();
        let schemas = &document["components"]["schemas"];
        let items = &schemas["NewSessionKeys"]["properties"]["session_keys"]["items"]["$ref"];
        assert_eq!(*items, json!("#/components/schemas/NewBatchSessionKey"));
        let properties = &schemas["NewBatchSessionKey"]["properties"];
        assert_eq!(properties["idempotency_key"]["type"], json!(["string", "null"]));
        assert_eq!(properties["valid_until"], schemas["NewSessionKey"]["properties"]["valid_until"]);
        assert!(schemas["NewSessionKey"]["properties"]["idempotency_key"].is_null());
    }
}
