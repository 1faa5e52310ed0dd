//! What is to be signed for a session key, as EIP-712 typed data (`eth_signTypedData_v4`).

use axum::Json;
use axum::extract::State;
use chain::typed::{self, Authorization, OwnerAction};
use domain::ids::SessionKeyId;
use domain::money::{Amount, Currency};
use domain::session_key::{Custody, SessionKey, SessionKeyError, Status, Terms};
use eventstore::clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Principal;
use crate::command::session_keys::create::opening;
use crate::command::session_keys::denied::wrong_status;
use crate::command::session_keys::fund::deposit_amount;
use crate::command::session_keys::rotate;
use crate::command::session_keys::stop::withdrawal;
use crate::command::session_keys::{SessionKeyPath, stream};
use crate::extract::Query;
use crate::problem::Problem;
use crate::{App, chains, evm, money};

/// How long an owner has to sign, and we to send it, when no deadline is asked for.
const DEADLINE_SECS: u64 = 3_600;

/// What is to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignedAction {
    /// By the owner: register the session.
    Grant,
    /// By the owner: register the session, with money.
    Open,
    /// By the owner: more money.
    Deposit,
    /// By the owner: no charges for now.
    Freeze,
    /// By the owner: charges go on.
    Unfreeze,
    /// By the owner: no charges ever.
    Revoke,
    /// By the owner: another key signs from now on.
    RotateKey,
    /// By the owner: money back.
    Withdraw,
    /// By the client's key: a voucher.
    Voucher,
}

impl SignedAction {
    /// The parameters that mean something for it.
    const fn params(self) -> &'static [&'static str] {
        match self {
            Self::Grant => &[],
            Self::Open | Self::Deposit => &["amount", "index", "deadline"],
            Self::Freeze | Self::Unfreeze | Self::Revoke => &["deadline"],
            Self::RotateKey => &["key", "deadline"],
            Self::Withdraw => &["amount", "deadline"],
            Self::Voucher => &["amount", "charge"],
        }
    }
}

/// What for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TypedDataParams {
    /// `grant`, `open`, `deposit`, `freeze`, `unfreeze`, `revoke`, `rotate_key`, `withdraw` or `voucher`.
    #[param(inline)]
    pub action: SignedAction,
    /// In USDC. `open`: the session's limit when left out; `deposit`: required; `withdraw`: all there is when
    /// left out; `voucher`: what it is to say, cumulative.
    pub amount: Option<String>,
    /// `voucher`, instead of `amount`: what the next charge will cost. The voucher then says everything that was
    /// charged and this, rounded up to the token's 6 decimals.
    pub charge: Option<String>,
    /// `rotate_key`: the address of the new key; the one that Tollbook has made when left out (managed session keys).
    pub key: Option<String>,
    /// `open`, `deposit`: tells authorizations of the same amount apart; 0 when left out.
    pub index: Option<u64>,
    /// In unix seconds, later than now. Owner's actions: an hour from now when left out; `open`, `deposit` (there it is
    /// `validBefore`): the session's `valid_until`.
    pub deadline: Option<u64>,
}

/// EIP-712 typed data.
#[derive(Debug, Serialize, ToSchema)]
pub struct TypedDataOut {
    /// Always `typed_data`.
    pub object: &'static str,
    /// What it is for.
    pub action: SignedAction,
    /// For `eth_signTypedData_v4`.
    #[schema(value_type = Object)]
    pub typed_data: Value,
    /// The session's next nonce, to be sent with the signature of an owner's action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// In unix seconds, to be sent with the signature of an owner's action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
}

impl TypedDataOut {
    const fn new(action: SignedAction, typed_data: Value) -> Self {
        Self { object: "typed_data", action, typed_data, nonce: None, deadline: None }
    }
}

/// What is to be signed for a session key.
#[utoipa::path(get, path = "/v1/session_keys/{id}/typed_data", tag = "Session keys", params(("id" = String, Path), TypedDataParams),
    responses((status = 200, body = TypedDataOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_typed_data(
    State(app): State<App>,
    principal: Principal,
    SessionKeyPath(id): SessionKeyPath,
    Query(params): Query<TypedDataParams>,
) -> Result<Json<TypedDataOut>, Problem> {
    let grant = app.sessions.grant(principal.organization_id, id).await?;
    check(&params, now())?;
    let terms = &grant.terms;
    let out = match params.action {
        SignedAction::Grant => TypedDataOut::new(params.action, typed::grant(terms)),
        SignedAction::Open | SignedAction::Deposit => {
            let network = chains::of(&app, terms)?.settings().network;
            let authorization = authorization(terms, &params)?;
            TypedDataOut::new(params.action, typed::authorization(terms, &network, &authorization))
        }
        SignedAction::Freeze => by_owner(&app, terms, &params, OwnerAction::Freeze).await?,
        SignedAction::Unfreeze => by_owner(&app, terms, &params, OwnerAction::Unfreeze).await?,
        SignedAction::Revoke => by_owner(&app, terms, &params, OwnerAction::Revoke).await?,
        SignedAction::RotateKey => {
            let key = rotate::named(&app, id, terms, params.key.as_deref()).await?;
            by_owner(&app, terms, &params, OwnerAction::RotateKey { key }).await?
        }
        SignedAction::Withdraw => by_owner(&app, terms, &params, withdrawal(terms, params.amount.as_deref())?).await?,
        SignedAction::Voucher => {
            TypedDataOut::new(params.action, typed::voucher(terms, max_claimable(&app, id, terms, &params).await?))
        }
    };
    Ok(Json(out))
}

fn now() -> u64 {
    clock::now().timestamp().unsigned_abs()
}

/// Nothing is asked for that the action does not know, and nothing that would be over before it is signed.
fn check(params: &TypedDataParams, now: u64) -> Result<(), Problem> {
    let given = [
        ("amount", params.amount.is_some()),
        ("charge", params.charge.is_some()),
        ("key", params.key.is_some()),
        ("index", params.index.is_some()),
        ("deadline", params.deadline.is_some()),
    ];
    let known = params.action.params();
    if let Some((param, _)) = given.into_iter().find(|(param, is_given)| *is_given && !known.contains(param)) {
        return Err(Problem::bad_request("invalid_request", param, format!("this action takes no {param}")));
    }
    if params.deadline.is_some_and(|deadline| deadline <= now) {
        let detail = "the deadline is over: what is signed would be good for nothing";
        return Err(Problem::unprocessable("deadline_in_the_past", detail).with("param", json!("deadline")));
    }
    Ok(())
}

fn authorization(terms: &Terms, params: &TypedDataParams) -> Result<Authorization, Problem> {
    let opens = params.action == SignedAction::Open;
    let amount = params.amount.as_deref().map(|text| deposit_amount("amount", text, terms)).transpose()?;
    let missing = || Problem::bad_request("missing_field", "amount", "say how much is to be deposited: amount=…");
    let usual = opening(terms);
    Ok(Authorization {
        opens,
        amount: amount.or(opens.then_some(usual.amount)).ok_or_else(missing)?,
        index: params.index.unwrap_or(usual.index),
        valid_before: params.deadline.unwrap_or(usual.valid_before),
        ..usual
    })
}

async fn by_owner(
    app: &App,
    terms: &Terms,
    params: &TypedDataParams,
    action: OwnerAction,
) -> Result<TypedDataOut, Problem> {
    let NextSignature { nonce, deadline } = next_signature(app, terms, params.deadline).await?;
    let out = TypedDataOut::new(params.action, typed::owner_action(terms, action, nonce, deadline));
    Ok(TypedDataOut { nonce: Some(nonce), deadline: Some(deadline), ..out })
}

/// What an owner's next signature says beside what it is for.
#[derive(Debug, Clone, Copy)]
pub struct NextSignature {
    /// The session's next nonce.
    pub nonce: u64,
    /// Until when it is good, in unix seconds.
    pub deadline: u64,
}

/// The nonce is the chain's: what is on its way may use it up before. An hour to sign when no deadline is given.
pub async fn next_signature(app: &App, terms: &Terms, deadline: Option<u64>) -> Result<NextSignature, Problem> {
    let client = chains::of(app, terms)?;
    let on_chain = client.session(terms).await.map_err(|error| chains::away(&error))?;
    if !on_chain.registered {
        return Err(wrong_status(Status::Pending));
    }
    // By the clock that counts: a local chain's may have been moved on.
    let chain_now = client.head().await.map_err(|error| chains::away(&error))?.time.timestamp().unsigned_abs();
    let deadline = deadline.unwrap_or(now().max(chain_now) + DEADLINE_SECS);
    Ok(NextSignature { nonce: on_chain.nonce, deadline })
}

async fn max_claimable(
    app: &App,
    id: SessionKeyId,
    terms: &Terms,
    params: &TypedDataParams,
) -> Result<Amount, Problem> {
    if terms.custody == Custody::Managed {
        return Err(SessionKeyError::VoucherNotTaken.into());
    }
    match (&params.amount, &params.charge) {
        (Some(amount), None) => evm::token_amount("amount", amount),
        (None, Some(charge)) => {
            let charge = money::amount("charge", charge)?;
            let state = app.ledger.load::<SessionKey>(&stream(id)).await?.state;
            let taken = state.charged.plus(state.held);
            let needed = taken.checked_add(charge).and_then(|sum| sum.rounded_up(Currency::USDC.minor_unit()));
            needed.map_err(|_| SessionKeyError::BalanceTooLarge.into())
        }
        (None, None) => Err(Problem::bad_request(
            "missing_field",
            "amount",
            "say what the voucher is to say (amount=…) or what the next charge will cost (charge=…)",
        )),
        (Some(_), Some(_)) => Err(Problem::bad_request("invalid_request", "amount", "send either amount or charge")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_has_its_parameters() {
        let told = |action, set: &dyn Fn(&mut TypedDataParams)| {
            let mut params =
                TypedDataParams { action, amount: None, charge: None, key: None, index: None, deadline: None };
            set(&mut params);
            check(&params, 100).err().map(|p| (p.status, p.code, p.fields.get("param").cloned()))
        };
        let no = |param: &str| Some((400, "invalid_request", Some(json!(param))));
        use SignedAction::{Deposit, Freeze, Grant, Open, Revoke, RotateKey, Unfreeze, Voucher, Withdraw};
        for action in [Grant, Open, Deposit, Freeze, Unfreeze, Revoke, RotateKey, Withdraw, Voucher] {
            assert_eq!(told(action, &|_| {}), None);
        }
        for action in [Grant, Voucher] {
            assert_eq!(told(action, &|params| params.deadline = Some(101)), no("deadline"));
        }
        for action in [Freeze, Grant, Withdraw] {
            assert_eq!(told(action, &|params| params.index = Some(1)), no("index"));
            assert_eq!(told(action, &|params| params.charge = Some("1".to_owned())), no("charge"));
        }
        assert_eq!(told(Freeze, &|params| params.amount = Some("1".to_owned())), no("amount"));
        assert_eq!(told(Open, &|params| params.index = Some(1)), None);
        assert_eq!(told(RotateKey, &|params| params.key = Some("0x".to_owned())), None);
        for action in [Grant, Deposit, Freeze, Voucher] {
            assert_eq!(told(action, &|params| params.key = Some("0x".to_owned())), no("key"));
        }
        for action in [Open, Withdraw, Revoke, RotateKey] {
            assert_eq!(told(action, &|params| params.deadline = Some(101)), None);
            let over = Some((422, "deadline_in_the_past", Some(json!("deadline"))));
            assert_eq!(told(action, &|params| params.deadline = Some(100)), over);
        }
    }
}
