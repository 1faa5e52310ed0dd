//! Draws a session key up: what the owner is to sign.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chain::typed::{self, Authorization};
use chain::voucher;
use chrono::{DateTime, Months, Utc};
use domain::account::Account;
use domain::customer::Customer;
use domain::evm::{Address, Bytes32};
use domain::ids::{CustomerId, SessionKeyId};
use domain::money::{Amount, Currency};
use domain::session_key::command::Action;
use domain::session_key::event::Granted;
use domain::session_key::{Custody, SessionKey, SessionKeyEvent, Terms};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::vault::{SESSION_KEY, first_key_row};
use eventstore::{CommandMeta, Executed, LogPosition, Recorded, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::out::GrantDataOut;
use super::{SessionKeyOut, command, stream};
use crate::auth::Principal;
use crate::command::customers::{account_stream, customer_not_found};
use crate::command::{answer, earlier, execute, meta};
use crate::extract::{IdempotencyKey, Json};
use crate::problem::Problem;
use crate::{App, chains, evm};

/// Bounds of both delays, in seconds: 15 minutes and 30 days, as in the contract.
const DELAY_SECS_MIN: u32 = 900;
const DELAY_SECS_MAX: u32 = 30 * 86_400;
const DAY_SECS: u32 = 86_400;
/// How far away the end may be.
const VALID_MONTHS_MAX: Months = Months::new(60);

/// A new session key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSessionKey {
    /// Who pays with it. Its account must be in USDC.
    #[schema(example = "cus_01kaj3v1q8f5x7m2n9c4b6d8e0")]
    pub customer_id: String,
    /// The wallet whose money it is, and who signs the grant.
    #[schema(example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    pub owner: String,
    /// Who holds the key.
    pub custody: CustodyIn,
    /// The address of the client's key: required for `self`, refused for `managed`.
    #[serde(default)]
    pub key: Option<String>,
    /// The most that may lie in escrow: a decimal string in USDC, at most 6 decimals.
    #[schema(example = "100")]
    pub limit: String,
    /// The most that may be charged in a period; needs `period_secs`.
    #[serde(default)]
    pub period_limit: Option<String>,
    /// Length of a period, counted from `valid_after`; needs `period_limit`.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub period_secs: Option<u32>,
    /// Usable from here, in whole seconds; from now when left out.
    #[serde(default)]
    pub valid_after: Option<DateTime<Utc>>,
    /// Usable until before here, in whole seconds; at most five years from now.
    pub valid_until: DateTime<Utc>,
    /// How long what was earned stays claimable after the end: 900 to 2592000; a day when left out.
    #[serde(default)]
    pub settle_grace_secs: Option<u32>,
    /// How long a withdrawal takes at least, up to 2592000; a day when left out (15 minutes on a local chain).
    #[serde(default)]
    pub withdraw_delay_secs: Option<u32>,
}

/// Who holds the key that signs vouchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CustodyIn {
    /// Tollbook, encrypted; it signs when it settles.
    Managed,
    /// The client; it signs a voucher with each charge.
    #[serde(rename = "self")]
    Client,
}

/// Draw up a session key. The owner then signs one of the two typed data, and the signature goes to
/// `POST /v1/session_keys/{id}/register`.
#[utoipa::path(post, path = "/v1/session_keys", tag = "Session keys", request_body = NewSessionKey,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = SessionKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_session_key(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewSessionKey>,
) -> Result<Response, Problem> {
    let (out, _, replayed) = create(&app, &principal, key.as_deref(), &body).await?;
    Ok(answer(StatusCode::CREATED, out, replayed))
}

/// A session key that was drawn up, its place in the log, and whether it was there before.
pub(super) type DrawnUp = (SessionKeyOut, LogPosition, bool);

/// One session key, on its own or in a batch: the same request in both, so the same key fits both.
pub(super) async fn create(
    app: &App,
    principal: &Principal,
    key: Option<&str>,
    body: &NewSessionKey,
) -> Result<DrawnUp, Problem> {
    let meta = meta(principal, key, "POST /v1/session_keys", "", body)?;
    // Whether it was in time was decided when it came first.
    if let Some(event) = earlier::<SessionKey>(app, &meta, key).await? {
        return drawn_up(app, &event, true);
    }
    let id = SessionKeyId::new(meta.command_id);
    let customer_id = own_customer(app, principal, &body.customer_id).await?;
    let terms = draw_up(app, principal, &meta, id, body).await?;
    let granted = Granted { session_key_id: id, customer_id, organization_id: principal.organization_id, terms };
    let action = Action::Grant(Box::new(granted));
    match execute::<SessionKey>(app, stream(id), meta, command(principal, action)).await? {
        Executed::Done { event, replayed } => drawn_up(app, &event, replayed),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// From the event alone: the same at each repetition.
fn drawn_up(app: &App, event: &Recorded<SessionKeyEvent>, replayed: bool) -> Result<DrawnUp, Problem> {
    let SessionKeyEvent::Granted(granted) = &event.event else { return Err(Problem::internal()) };
    let mut state = SessionKey::default();
    state.apply_event(&event.event, event.occurred_at);
    let mut out = SessionKeyOut::new(app, &state, event.occurred_at).ok_or_else(Problem::internal)?;
    out.position = Some(event.position.to_string());
    let network = chains::network(app, granted.terms.chain_id);
    out.typed_data = Some(GrantDataOut {
        grant: typed::grant(&granted.terms),
        open: network.map(|network| typed::authorization(&granted.terms, &network, &opening(&granted.terms))),
    });
    Ok((out, event.position, replayed))
}

/// The authorization that registers a session with all the money it may have.
pub fn opening(terms: &Terms) -> Authorization {
    let valid_before = terms.valid_until.timestamp().unsigned_abs();
    Authorization { opens: true, amount: terms.limit, index: 0, valid_after: 0, valid_before }
}

async fn own_customer(app: &App, principal: &Principal, text: &str) -> Result<CustomerId, Problem> {
    let id: CustomerId = text.parse().map_err(|_| customer_not_found())?;
    let owner = app.ledger.load::<Account>(&account_stream(id)).await?.state.owner;
    let owner = owner.filter(|owner| owner.organization_id == principal.organization_id);
    let currency = owner.ok_or_else(customer_not_found)?.currency;
    let customer = app.ledger.load::<Customer>(&StreamId::new(Customer::CATEGORY, id)).await?.state;
    if customer.created.is_some_and(|created| created.test_clock_id.is_some()) {
        let detail = "a chain keeps its own time: a customer on a test clock has no session keys";
        return Err(Problem::unprocessable("test_clock_customer", detail).with("param", json!("customer_id")));
    }
    if currency == Currency::USDC {
        return Ok(id);
    }
    let detail = format!("session keys pay in USDC, the customer's account is in {currency}");
    Err(Problem::unprocessable("currency_mismatch", detail).with("param", json!("customer_id")))
}

async fn draw_up(
    app: &App,
    principal: &Principal,
    meta: &CommandMeta,
    id: SessionKeyId,
    body: &NewSessionKey,
) -> Result<Terms, Problem> {
    let settings = chains::configured(app)?.settings();
    let network = settings.network;
    let payee = app.directory.organization(principal.organization_id).await?.payee;
    let payee = payee.ok_or_else(|| {
        Problem::conflict("payee_not_set", "say first where you are paid: PUT /v1/organization/payee")
    })?;
    let owner = evm::address("owner", &body.owner)?;
    let client_key = client_key(body)?;
    let contracts = [settings.contract, settings.token];
    somebody("owner", "invalid_owner", owner, contracts)?;
    if let Some(key) = client_key {
        somebody("key", "invalid_key", key, contracts)?;
    }
    let limit = evm::token_amount("limit", &body.limit)?;
    let (period_limit, period_secs) = period(body)?;
    period_within(period_limit, limit)?;
    let (valid_after, valid_until) = validity(body.valid_after, body.valid_until, meta.now)?;
    // Time to claim: a settlement that is under way must be final before the next one can be sent.
    let shortest = network.withdraw_delay_min_secs.max(DELAY_SECS_MIN);
    let settle_grace_secs = body.settle_grace_secs.unwrap_or(DAY_SECS);
    let settle_grace_secs = delay("settle_grace_secs", SETTLE_GRACE, settle_grace_secs, shortest)?;
    let usual = if network.is_local { DELAY_SECS_MIN } else { DAY_SECS };
    let withdraw_delay_secs = body.withdraw_delay_secs.unwrap_or(usual.max(shortest));
    let withdraw_delay_secs = delay("withdraw_delay_secs", WITHDRAW_DELAY, withdraw_delay_secs, shortest)?;
    let (custody, key) = match client_key {
        Some(key) => (Custody::Client, key),
        // Last, so that no key is kept for what is refused.
        None => (Custody::Managed, managed_key(app, principal, id).await?),
    };
    let mut terms = Terms {
        custody,
        chain_id: network.chain_id,
        contract: settings.contract,
        token: settings.token,
        currency: Currency::USDC,
        session_id: Bytes32([0; 32]),
        owner,
        key,
        payee,
        limit,
        period_limit,
        period_secs,
        valid_after,
        valid_until,
        settle_grace_secs,
        withdraw_delay_secs,
        salt: salt(meta),
    };
    terms.session_id = typed::session_id(&terms);
    Ok(terms)
}

/// `None` for a managed key.
fn client_key(body: &NewSessionKey) -> Result<Option<Address>, Problem> {
    match (body.custody, &body.key) {
        (CustodyIn::Client, Some(key)) => evm::address("key", key).map(Some),
        (CustodyIn::Managed, None) => Ok(None),
        (CustodyIn::Client, None) => {
            Err(Problem::bad_request("missing_field", "key", "custody self needs the address of the client's key"))
        }
        (CustodyIn::Managed, Some(_)) => {
            Err(Problem::bad_request("invalid_request", "key", "custody managed takes no key: Tollbook makes it"))
        }
    }
}

/// The contract and the token sign nothing.
pub(super) fn somebody(
    param: &str,
    code: &'static str,
    address: Address,
    contracts: [Address; 2],
) -> Result<(), Problem> {
    if !contracts.contains(&address) {
        return Ok(());
    }
    let detail = format!("{param} is the address of Tollbook's contract or of the token, and neither can sign");
    Err(Problem::unprocessable(code, detail).with("param", json!(param)))
}

/// More than the limit is never in escrow.
fn period_within(period_limit: Amount, limit: Amount) -> Result<(), Problem> {
    if period_limit <= limit {
        return Ok(());
    }
    let detail = format!("period_limit is more than the limit of {limit} {}", Currency::USDC);
    let problem = Problem::unprocessable("period_limit_above_limit", detail).with("param", json!("period_limit"));
    Err(problem.with("limit", json!(limit)))
}

fn period(body: &NewSessionKey) -> Result<(Amount, u32), Problem> {
    match (&body.period_limit, body.period_secs) {
        (None, None) => Ok((Amount::ZERO, 0)),
        (Some(_), Some(0)) => {
            Err(Problem::bad_request("invalid_request", "period_secs", "period_secs must be 1 or more"))
        }
        (Some(limit), Some(secs)) => Ok((evm::token_amount("period_limit", limit)?, secs)),
        (Some(_), None) => {
            Err(Problem::bad_request("missing_field", "period_secs", "a period_limit needs period_secs"))
        }
        (None, Some(_)) => {
            Err(Problem::bad_request("missing_field", "period_limit", "period_secs needs a period_limit"))
        }
    }
}

/// Both ends in whole seconds, as the contract has them.
fn validity(after: Option<Timestamp>, until: Timestamp, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let whole = |at: Timestamp| DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at);
    let (after, until) = (whole(after.unwrap_or(now)), whole(until));
    let refuse = |code, param: &str, detail| Err(Problem::unprocessable(code, detail).with("param", json!(param)));
    if after < DateTime::UNIX_EPOCH {
        return Err(Problem::bad_request("invalid_request", "valid_after", "valid_after lies before 1970"));
    }
    if until <= now {
        return refuse("expires_in_the_past", "valid_until", "the session key would be over before it begins");
    }
    if until <= after {
        return refuse("validity_empty", "valid_until", "valid_until must lie after valid_after");
    }
    if now.checked_add_months(VALID_MONTHS_MAX).is_some_and(|last| until > last) {
        return refuse("validity_too_long", "valid_until", "valid_until must lie within five years from now");
    }
    Ok((after, until))
}

/// Codes of a delay below and above its bounds.
const SETTLE_GRACE: [&str; 2] = ["settle_grace_too_short", "settle_grace_too_long"];
const WITHDRAW_DELAY: [&str; 2] = ["withdraw_delay_too_short", "withdraw_delay_too_long"];

fn delay(param: &str, [too_short, too_long]: [&'static str; 2], secs: u32, shortest: u32) -> Result<u32, Problem> {
    if (shortest..=DELAY_SECS_MAX).contains(&secs) {
        return Ok(secs);
    }
    let code = if secs < shortest { too_short } else { too_long };
    let detail = format!("{param} must be {shortest} to {DELAY_SECS_MAX} seconds here");
    let problem = Problem::unprocessable(code, detail).with("param", json!(param));
    Err(problem.with("minimum", json!(shortest)).with("maximum", json!(DELAY_SECS_MAX)))
}

/// The same request, the same session: so a repeated one that finds nothing in the log cannot open two.
fn salt(meta: &CommandMeta) -> Bytes32 {
    let mut hash = Sha256::new();
    hash.update(b"salt of session key");
    hash.update(meta.command_id.as_bytes());
    Bytes32(hash.finalize().into())
}

/// A key at random, and its address.
pub(super) fn new_key() -> Result<([u8; 32], Address), Problem> {
    let mut key = [0; 32];
    loop {
        getrandom::fill(&mut key).map_err(|e| StoreError::Unavailable(format!("no random numbers: {e}")))?;
        // All but a few of the 2²⁵⁶ numbers are keys.
        if let Some(address) = voucher::address_of(&key) {
            return Ok((key, address));
        }
    }
}

/// Makes a key, or finds the one that an earlier try with the same idempotency key has kept. Gives its address.
async fn managed_key(app: &App, principal: &Principal, id: SessionKeyId) -> Result<Address, Problem> {
    let (key, _) = new_key()?;
    let row = first_key_row(id);
    app.vault.put(principal.organization_id, SESSION_KEY, &row, &key).await?;
    let kept = app.vault.get(principal.organization_id, SESSION_KEY, &[row]).await?;
    let kept = kept.into_iter().next().and_then(|(_, bytes)| <[u8; 32]>::try_from(bytes).ok());
    kept.as_ref()
        .and_then(voucher::address_of)
        .ok_or_else(|| Problem::internal().caused_by(format!("the vault does not give back the key of {id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn when_it_may_be_used() {
        let now = at("2026-01-01T00:00:00.5Z");
        let told = |after: Option<&str>, until: &str| {
            validity(after.map(at), at(until), now).map_err(|problem| (problem.status, problem.code))
        };
        assert_eq!(told(None, "2026-02-01T00:00:00.9Z"), Ok((at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"))));
        assert_eq!(told(None, "2026-01-01T00:00:00.9Z"), Err((422, "expires_in_the_past")));
        assert_eq!(told(Some("2026-02-01T00:00:00Z"), "2026-02-01T00:00:00Z"), Err((422, "validity_empty")));
        assert_eq!(told(None, "2031-01-01T00:00:01Z"), Err((422, "validity_too_long")));
        assert_eq!(told(Some("1969-12-31T23:59:59Z"), "2026-02-01T00:00:00Z"), Err((400, "invalid_request")));
    }

    #[test]
    fn contracts_sign_nothing_and_periods_lie_within_the_limit() {
        let address = |byte| Address([byte; 20]);
        let told = |byte| somebody("key", "invalid_key", address(byte), [address(1), address(2)]);
        assert_eq!(
            [1, 2, 3].map(|byte| told(byte).err().map(|p| p.code)),
            [Some("invalid_key"), Some("invalid_key"), None]
        );
        let told = |period: &str| period_within(period.parse().unwrap(), "5".parse().unwrap()).err().map(|p| p.code);
        assert_eq!(["0", "5", "5.000001"].map(told), [None, None, Some("period_limit_above_limit")]);
    }

    #[test]
    fn delays_have_bounds() {
        let told = |codes, secs, shortest| delay("secs", codes, secs, shortest).map_err(|problem| problem.code);
        assert_eq!(told(WITHDRAW_DELAY, 7_200, 7_200), Ok(7_200));
        assert_eq!(told(WITHDRAW_DELAY, 7_199, 7_200), Err("withdraw_delay_too_short"));
        assert_eq!(told(WITHDRAW_DELAY, DELAY_SECS_MAX + 1, 900), Err("withdraw_delay_too_long"));
        assert_eq!(told(SETTLE_GRACE, 899, 900), Err("settle_grace_too_short"));
        assert_eq!(told(SETTLE_GRACE, DELAY_SECS_MAX + 1, 900), Err("settle_grace_too_long"));
    }
}
