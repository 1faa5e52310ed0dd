//! Up to a thousand commands about holds at once: each succeeds or fails on its own.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ids::{HoldId, SessionKeyId};
use domain::organization::Organization;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use utoipa::ToSchema;

use super::request::{CaptureHold, ExtendHold, NewHold, Ordered, VoidHold};
use super::{Answer, Payer, hold_not_found, run};
use crate::App;
use crate::auth::Principal;
use crate::command::charges::{BATCH_MAX, ItemOut, batch_item};
use crate::command::vouchers::VoucherIn;
use crate::command::{answer, vouchers};
use crate::extract::{IdempotencyKey, Json, parse};
use crate::problem::Problem;

/// Several commands about holds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldOperations {
    /// 1 to 1,000. Each has an `action` (`place`, `capture`, `extend` or `void`), the `hold_id` unless it places
    /// one, the fields of that request, and an `idempotency_key` of its own (the batch's key and the index when
    /// left out).
    #[schema(value_type = Vec<Object>)]
    pub operations: Vec<Value>,
}

/// What became of several commands.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldOperationsOut {
    /// Always `batch`.
    pub object: &'static str,
    /// One for each, in order: `{"status": 201, "hold": {…}}`, `{"status": 201, "charge": {…}}` or
    /// `{"status": 402, "error": {…}}`.
    pub data: Vec<ItemOut>,
    /// The last position in the log of those that were carried out; `null` when none was.
    pub position: Option<String>,
}

/// One of them, read as far as it can be without knowing who pays.
enum Operation {
    Place(Box<NewHold>),
    Capture(HoldId, Box<CaptureHold>),
    Extend(HoldId, Box<ExtendHold>),
    Void(HoldId, VoidHold),
}

impl Operation {
    fn read(mut item: Value, index: usize, batch_key: Option<&str>) -> Result<(Option<String>, Self), Problem> {
        let mut take = |name: &str| item.as_object_mut().and_then(|object| object.remove(name));
        let (action, hold_id) = (take("action"), take("hold_id"));
        let (key, rest) = batch_item::<Value>(item, index, batch_key)?;
        let rest = rest.to_string();
        let id = || match &hold_id {
            Some(Value::String(id)) => id.parse().map_err(|_| hold_not_found()),
            Some(_) => Err(Problem::bad_request("invalid_request", "hold_id", "a hold's id is a string")),
            None => Err(Problem::bad_request("missing_field", "hold_id", "say which hold: hold_id")),
        };
        let operation = match action.as_ref().and_then(Value::as_str) {
            Some("place") if hold_id.is_some() => {
                return Err(Problem::bad_request("unknown_field", "hold_id", "a hold gets its id when it is placed"));
            }
            Some("place") => Self::Place(Box::new(parse(rest.as_bytes())?)),
            Some("capture") => Self::Capture(id()?, Box::new(parse(rest.as_bytes())?)),
            Some("extend") => Self::Extend(id()?, Box::new(parse(rest.as_bytes())?)),
            Some("void") => Self::Void(id()?, parse(rest.as_bytes())?),
            _ => {
                let detail = "action must be place, capture, extend or void";
                return Err(Problem::bad_request("invalid_request", "action", detail));
            }
        };
        Ok((key, operation))
    }

    fn hold_id(&self) -> Option<HoldId> {
        match self {
            Self::Place(_) => None,
            Self::Capture(id, _) | Self::Extend(id, _) | Self::Void(id, _) => Some(*id),
        }
    }

    fn with_voucher(&self, payers: &HashMap<HoldId, Payer>) -> Option<(SessionKeyId, &VoucherIn)> {
        match self {
            Self::Place(body) => body.with_voucher(),
            Self::Extend(id, body) => body.with_voucher(*payers.get(id)?),
            Self::Capture(..) | Self::Void(..) => None,
        }
    }

    fn order(
        self,
        principal: &Principal,
        organization: &Organization,
        key: Option<&str>,
        payers: &HashMap<HoldId, Payer>,
    ) -> Result<Ordered, Problem> {
        let payer = |id: &HoldId| payers.get(id).copied().ok_or_else(hold_not_found);
        match self {
            Self::Place(body) => body.order(principal, organization, key),
            Self::Capture(id, body) => body.order(principal, organization, key, id, payer(&id)?),
            Self::Extend(id, body) => body.order(principal, organization, key, id, payer(&id)?),
            Self::Void(id, body) => body.order(principal, key, id, payer(&id)?),
        }
    }
}

/// Place, capture, extend and void up to 1,000 holds; each succeeds or fails on its own, in the order of the batch.
#[utoipa::path(post, path = "/v1/holds/batch", tag = "Holds", request_body = HoldOperations,
    params(("Idempotency-Key" = Option<String>, Header, description = "gives items without a key of their own the key `<this>/<index>`")),
    responses((status = 200, body = HoldOperationsOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn run_holds(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<HoldOperations>,
) -> Result<Response, Problem> {
    if body.operations.is_empty() || body.operations.len() > BATCH_MAX {
        let detail = format!("a batch has 1 to {BATCH_MAX} operations");
        let code = if body.operations.is_empty() { "invalid_request" } else { "batch_too_large" };
        return Err(Problem::bad_request(code, "operations", detail));
    }
    let organization = app.directory.organization(principal.organization_id).await?;
    let items = body.operations.into_iter().enumerate();
    let items: Vec<_> = items.map(|(index, item)| Operation::read(item, index, key.as_deref())).collect();
    let ids: Vec<HoldId> = items.iter().flatten().filter_map(|(_, operation)| operation.hold_id()).collect();
    let payers = app.holds.find(principal.organization_id, &ids).await?;
    let asked: Vec<_> = items
        .iter()
        .map(|item| item.as_ref().ok().and_then(|(_, operation)| operation.with_voucher(&payers)))
        .collect();
    let read = vouchers::read_all(&app, principal.organization_id, &asked).await?;
    // From here on nothing waits before the ledger's queue: all is carried out in the order of the batch.
    let runs = items.into_iter().zip(read).map(|(item, voucher)| {
        let (app, principal, organization, payers) = (&app, &principal, &organization, &payers);
        async move {
            let (item_key, operation) = item?;
            let ordered = operation.order(principal, organization, item_key.as_deref(), payers)?;
            run(app, principal, ordered, voucher).await
        }
    });
    let results = join_all(runs).await;
    let position = results.iter().flatten().map(|(_, position, _)| *position).max();
    let data = results.into_iter().map(|result| match result {
        Ok((Answer::Charge(charge), _, replayed)) => {
            ItemOut { status: 201, charge: Some(charge), replayed: Some(replayed), ..ItemOut::default() }
        }
        Ok((Answer::Hold(hold), _, replayed)) => {
            ItemOut { status: hold.http_status(), hold: Some(hold), replayed: Some(replayed), ..ItemOut::default() }
        }
        Err(problem) => ItemOut::refused(&problem),
    });
    let out = HoldOperationsOut { object: "batch", data: data.collect(), position: position.map(|p| p.to_string()) };
    Ok(answer(StatusCode::OK, out, false))
}
