//! Holds: money that is reserved before the cost is known, then captured, extended, or given up.
//!
//! [`request`] is what can be asked and how it is read, [`out`] what is answered, [`batch`] many at once,
//! [`places`] finds who pays for a hold.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::account::command::Action as AccountAction;
use domain::account::{Account, AccountCommand, AccountEvent};
use domain::hold::HoldAction;
use domain::ids::HoldId;
use domain::session_key::command::Action as SessionAction;
use domain::session_key::{SessionKey, SessionKeyEvent};
use eventstore::{CommandMeta, Executed, LogPosition, Recorded};
use serde::Serialize;

use super::charges::{ChargeOut, VoucherRead};
use super::customers::account_stream;
use super::{answer, execute, in_time_of, session_keys, vouchers};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, OptionalJson, path_id};
use crate::problem::Problem;

pub mod batch;
pub mod out;
pub mod places;
pub mod request;

pub use out::{HoldOut, hold_not_found};
pub use places::{HoldPlaces, Payer};
use request::{CaptureHold, ExtendHold, NewHold, Ordered, VoidHold};

/// The id of a hold in the path.
pub struct HoldPath(pub HoldId);

impl<S: Send + Sync> FromRequestParts<S> for HoldPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "hold_not_found").await.map(Self)
    }
}

/// What a command about a hold is answered with: a hold, or the charge that a capture is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// A hold.
    Hold(Box<HoldOut>),
    /// A charge.
    Charge(Box<ChargeOut>),
}

/// The same with its place in the log, and whether it was there before.
type Answered = (Answer, LogPosition, bool);

/// Reserve what a request will cost at most: 402 when that is not there.
#[utoipa::path(post, path = "/v1/holds", tag = "Holds", request_body = NewHold,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = HoldOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_hold(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewHold>,
) -> Result<Response, Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    let asked = body.with_voucher();
    let voucher = vouchers::read_all(&app, principal.organization_id, &[asked]).await?.pop().flatten();
    let ordered = body.order(&principal, &organization, key.as_deref())?;
    let (hold, _, replayed) = run(&app, &principal, ordered, voucher).await?;
    Ok(answer(StatusCode::CREATED, hold, replayed))
}

/// Charge what it came to, and release the rest.
#[utoipa::path(post, path = "/v1/holds/{id}/capture", tag = "Holds", request_body = Option<CaptureHold>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = ChargeOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn capture_hold(
    State(app): State<App>,
    principal: Principal,
    HoldPath(id): HoldPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(body): OptionalJson<CaptureHold>,
) -> Result<Response, Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    let payer = payer(&app, &principal, id).await?;
    let ordered = body.order(&principal, &organization, key.as_deref(), id, payer)?;
    let (charge, _, replayed) = run(&app, &principal, ordered, None).await?;
    Ok(answer(StatusCode::CREATED, charge, replayed))
}

/// Reserve more, or for longer, or both.
#[utoipa::path(post, path = "/v1/holds/{id}/extend", tag = "Holds", request_body = ExtendHold,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = HoldOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn extend_hold(
    State(app): State<App>,
    principal: Principal,
    HoldPath(id): HoldPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<ExtendHold>,
) -> Result<Response, Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    let payer = payer(&app, &principal, id).await?;
    let asked = body.with_voucher(payer);
    let voucher = vouchers::read_all(&app, principal.organization_id, &[asked]).await?.pop().flatten();
    let ordered = body.order(&principal, &organization, key.as_deref(), id, payer)?;
    let (hold, _, replayed) = run(&app, &principal, ordered, voucher).await?;
    Ok(answer(StatusCode::OK, hold, replayed))
}

/// Release all of it.
#[utoipa::path(post, path = "/v1/holds/{id}/void", tag = "Holds", request_body = Option<VoidHold>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = HoldOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn void_hold(
    State(app): State<App>,
    principal: Principal,
    HoldPath(id): HoldPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(body): OptionalJson<VoidHold>,
) -> Result<Response, Problem> {
    let payer = payer(&app, &principal, id).await?;
    let ordered = body.order(&principal, key.as_deref(), id, payer)?;
    let (hold, _, replayed) = run(&app, &principal, ordered, None).await?;
    Ok(answer(StatusCode::OK, hold, replayed))
}

async fn payer(app: &App, principal: &Principal, id: HoldId) -> Result<Payer, Problem> {
    let found = app.holds.find(principal.organization_id, &[id]).await?;
    found.get(&id).copied().ok_or_else(hold_not_found)
}

/// Gives a command to the ledger, on its own or from a batch.
async fn run(app: &App, principal: &Principal, ordered: Ordered, voucher: VoucherRead) -> Result<Answered, Problem> {
    let Ordered { meta, payer, action } = ordered;
    let placed = match &action {
        HoldAction::Place { hold_id, .. } => Some(*hold_id),
        _ => None,
    };
    let answered = match payer {
        Payer::Account(id) => {
            let action = AccountAction::Hold(action);
            let command = AccountCommand { organization_id: principal.organization_id, action };
            let meta = in_time_of(app, id, meta);
            let (event, replayed) = done(execute::<Account>(app, account_stream(id), meta, command).await?)?;
            (of_account(&event)?, event.position, replayed)
        }
        Payer::SessionKey(id) => run_session_key(app, principal, id, meta, action, voucher).await?,
    };
    if let Some(id) = placed {
        app.holds.keep(principal.organization_id, id, payer);
    }
    Ok(answered)
}

async fn run_session_key(
    app: &App,
    principal: &Principal,
    id: domain::ids::SessionKeyId,
    meta: CommandMeta,
    action: HoldAction,
    voucher: VoucherRead,
) -> Result<Answered, Problem> {
    let voucher = voucher.transpose()?;
    let command = session_keys::command(principal, SessionAction::Hold { action, voucher });
    let (event, replayed) = done(execute::<SessionKey>(app, session_keys::stream(id), meta, command).await?)?;
    Ok((of_session_key(&event)?, event.position, replayed))
}

fn done<A: domain::Aggregate>(executed: Executed<A>) -> Result<(Recorded<A::Event>, bool), Problem> {
    match executed {
        Executed::Done { event, replayed } => Ok((event, replayed)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

fn of_account(event: &Recorded<AccountEvent>) -> Result<Answer, Problem> {
    match event.event.charge() {
        Some(_) => ChargeOut::of_account(event).map(|charge| Answer::Charge(Box::new(charge))),
        None => HoldOut::of_account(event).map(|hold| Answer::Hold(Box::new(hold))),
    }
}

fn of_session_key(event: &Recorded<SessionKeyEvent>) -> Result<Answer, Problem> {
    match event.event.charge() {
        Some(_) => ChargeOut::of_session_key(event).map(|charge| Answer::Charge(Box::new(charge))),
        None => HoldOut::of_session_key(event).map(|hold| Answer::Hold(Box::new(hold))),
    }
}
