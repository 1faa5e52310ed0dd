//! Session keys: wallet keys that an owner allowed, once, to pay within limits.
//!
//! [`create`] draws one up; the owner signs; [`fund`] brings that, and money, to the chain; [`stop`] freezes,
//! ends, and gives money back; [`rotate`] puts another key in the place of the present one. [`batch`] draws many up,
//! and stops many. [`relay`] is how anything signed gets to the chain: it is checked on the ledger and against the
//! chain, and a worker sends it. [`out`] is a session key as it is shown, [`denied`] what the ledger refuses.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::ids::SessionKeyId;
use domain::session_key::command::Action;
use domain::session_key::{SessionKey, SessionKeyCommand};
use domain::{Aggregate, StreamId};
use eventstore::{LogPosition, clock};

use crate::App;
use crate::auth::Principal;
use crate::extract::path_id;
use crate::problem::Problem;

pub mod batch;
pub mod create;
pub mod denied;
pub mod fund;
pub mod out;
pub mod relay;
pub mod rotate;
pub mod stop;

pub use out::SessionKeyOut;

/// The answer for a session key that is not there, or not yours.
pub fn not_found() -> Problem {
    Problem::not_found("session_key_not_found", "there is no such session key")
}

/// The id of a session key in the path.
pub struct SessionKeyPath(pub SessionKeyId);

impl<S: Send + Sync> FromRequestParts<S> for SessionKeyPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "session_key_not_found").await.map(Self)
    }
}

/// The stream of a session key.
pub fn stream(id: SessionKeyId) -> StreamId {
    StreamId::new(SessionKey::CATEGORY, id)
}

/// A command of this principal's organization.
pub fn command(principal: &Principal, action: Action) -> SessionKeyCommand {
    SessionKeyCommand { organization_id: principal.organization_id, action }
}

/// A session key of this organization as the log has it now.
pub async fn load(
    app: &App,
    principal: &Principal,
    id: SessionKeyId,
    position: Option<LogPosition>,
) -> Result<SessionKeyOut, Problem> {
    let state = app.ledger.load::<SessionKey>(&stream(id)).await?.state;
    let own = state.grant.as_ref().is_some_and(|grant| grant.organization_id == principal.organization_id);
    let out = SessionKeyOut::new(app, &state, clock::now()).filter(|_| own).ok_or_else(not_found)?;
    Ok(SessionKeyOut { position: position.map(|position| position.to_string()), ..out })
}
