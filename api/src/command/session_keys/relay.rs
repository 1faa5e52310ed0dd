//! What an owner signed, on its way to the chain.
//!
//! It is checked first: on the ledger, which is cheap, then against the chain, as if it were sent now. What
//! either refuses is answered at once and leaves nothing in the log. What both accept is written as one event,
//! and a worker sends it: the answer is 202. A repeated request is answered from the log without asking the
//! chain, which by then may have used up what was signed; it shows the session key as it is now, not as it was.

use axum::http::StatusCode;
use axum::response::Response;
use domain::Aggregate;
use domain::evm::{Address, HexBytes};
use domain::ids::{RelayId, SessionKeyId};
use domain::session_key::command::Action;
use domain::session_key::{RelayAction, SessionKey, SessionKeyCommand, Terms};
use eventstore::{CommandMeta, Executed};

use super::{command, load, rotate, stream};
use crate::App;
use crate::auth::Principal;
use crate::chains::{self, already_registered, refusal};
use crate::command::{answer, earlier, execute};
use crate::problem::Problem;

/// A call on the contract.
pub struct Call {
    /// What it is for.
    pub action: RelayAction,
    /// With the owner's signature in it.
    pub calldata: HexBytes,
    /// The key that it puts in the place of the session's present one.
    pub next_key: Option<Address>,
}

impl Call {
    /// One that changes no key.
    pub const fn new(action: RelayAction, calldata: HexBytes) -> Self {
        Self { action, calldata, next_key: None }
    }
}

/// Checks a call and has it sent.
pub async fn relay(
    app: &App,
    principal: &Principal,
    id: SessionKeyId,
    key: Option<&str>,
    meta: CommandMeta,
    call: impl FnOnce(&Terms) -> Result<Call, Problem>,
) -> Result<Response, Problem> {
    if let Some(event) = earlier::<SessionKey>(app, &meta, key).await? {
        return Ok(answer(StatusCode::ACCEPTED, load(app, principal, id, Some(event.position)).await?, true));
    }
    let grant = app.sessions.grant(principal.organization_id, id).await?;
    let call = call(&grant.terms)?;
    let relay_id = RelayId::new(meta.command_id);
    let action = Action::Relay { relay_id, action: call.action, calldata: call.calldata.clone() };
    let wanted = command(principal, action);
    if let Err(refused) = check(app, &grant.terms, id, &meta, &wanted, &call).await {
        // The same request may have come twice at once, and the other one be the reason.
        let Some(event) = earlier::<SessionKey>(app, &meta, key).await? else { return Err(refused) };
        return Ok(answer(StatusCode::ACCEPTED, load(app, principal, id, Some(event.position)).await?, true));
    }
    match execute::<SessionKey>(app, stream(id), meta, wanted).await? {
        Executed::Done { event, replayed } => {
            Ok(answer(StatusCode::ACCEPTED, load(app, principal, id, Some(event.position)).await?, replayed))
        }
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

async fn check(
    app: &App,
    terms: &Terms,
    id: SessionKeyId,
    meta: &CommandMeta,
    wanted: &SessionKeyCommand,
    call: &Call,
) -> Result<(), Problem> {
    let loaded = app.ledger.load::<SessionKey>(&stream(id)).await?;
    loaded.state.handle_command(wanted, meta.now.max(loaded.last_time))?;
    if let Some(key) = call.next_key {
        rotate::can_follow(&loaded.state, key)?;
    }
    let chain = chains::of(app, terms)?;
    let refused = |error| refusal(&error, call.action);
    if call.action.registers() && chain.session(terms).await.map_err(refused)?.registered {
        return Err(already_registered());
    }
    // Anybody may send it: what counts is the owner's signature in it.
    chain.simulate(terms.payee, terms.contract, &call.calldata).await.map_err(refused)
}
