//! The chain of this installation: how its refusals are told, and how it is followed.

use axum::Json;
use axum::extract::State;
use chain::client::is_of_token;
use chain::networks::{NETWORKS, Network};
use chain::{ChainError, Client};
use chrono::{DateTime, TimeDelta, Utc};
use domain::chain_watch::{ChainWatch, HaltReason, Halted};
use domain::ids::OrganizationId;
use domain::session_key::{RelayAction, Terms};
use domain::settler::{Settler, Stalled};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::{StoreError, clock};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::App;
use crate::auth::Principal;
use crate::problem::Problem;
use crate::query::Page;

/// Seconds after which a chain that is away may be asked again.
const RETRY_AFTER_SECS: u64 = 5;
/// How long a worker may meet the same error before that is said.
const STUCK_AFTER: TimeDelta = TimeDelta::seconds(60);

/// The chain that the settings name; 409 when they name none.
pub fn configured(app: &App) -> Result<&Client, Problem> {
    app.chain.as_ref().ok_or_else(|| {
        let detail = "this installation has no chain: set EVM_RPC_URL, TOLLBOOK_NETWORK, TOLLBOOK_CONTRACT and, \
                      where the chain has no USDC of its own, TOLLBOOK_USDC";
        Problem::conflict("chain_not_configured", detail)
    })
}

/// The same, and it must be the one that a session key is on.
pub fn of<'a>(app: &'a App, terms: &Terms) -> Result<&'a Client, Problem> {
    let client = configured(app)?;
    let settings = client.settings();
    if (settings.network.chain_id, settings.contract) == (terms.chain_id, terms.contract) {
        return Ok(client);
    }
    let detail = format!(
        "the session key is on chain {} in the contract {}: TOLLBOOK_NETWORK and TOLLBOOK_CONTRACT name another",
        terms.chain_id, terms.contract
    );
    Err(Problem::conflict("chain_not_configured", detail))
}

/// What is known of a chain: from the settings, else from the list of those that everybody knows.
pub fn network(app: &App, chain_id: u64) -> Option<Network> {
    let set = app.chain.as_ref().map(|client| client.settings().network);
    set.into_iter().chain(NETWORKS).find(|network| network.chain_id == chain_id)
}

/// The chain did not answer. What its node said is for the operator: it may name a URL with a secret in it.
pub fn away(error: &ChainError) -> Problem {
    let (code, detail) = if matches!(error, ChainError::Mismatch(_)) {
        ("chain_mismatch", "the node is not the one of the settings: nothing happened, tell the operator")
    } else {
        ("chain_unavailable", "the chain cannot be reached: nothing happened, send the same request again")
    };
    Problem { retry_after: Some(RETRY_AFTER_SECS), ..Problem::unavailable(code, detail) }.caused_by(error)
}

/// Why a call that was to be relayed cannot be.
pub fn refusal(error: &ChainError, action: RelayAction) -> Problem {
    let ChainError::Refused { error: name, detail } = error else { return away(error) };
    let moves_money_in = matches!(action, RelayAction::Open | RelayAction::Deposit);
    let param = match action {
        RelayAction::Register => "signature",
        RelayAction::Open | RelayAction::Deposit => "authorization.signature",
        _ => "owner_signature.signature",
    };
    let contract = |problem: Problem| problem.with("contract_error", json!(detail));
    let signature = |problem: Problem| contract(problem).with("param", json!(param));
    match name.as_str() {
        "SessionExists" => already_registered(),
        "BadOwnerSignature" => signature(Problem::unprocessable(
            "owner_signature_invalid",
            "this is not the owner's signature of that: compare what was signed with GET …/typed_data",
        )),
        "LimitExceeded" => {
            contract(Problem::unprocessable("limit_exceeded", "the session's escrow has come to its limit already"))
        }
        "SignatureExpired" => {
            signature(Problem::unprocessable("signature_expired", "the signature's deadline is over"))
        }
        "BadNonce" => contract(Problem::conflict(
            "nonce_used",
            "the signature's nonce is not the session's next one: fetch the typed data again and sign that",
        )),
        "ZeroAmount" => contract(Problem::unprocessable("amount_too_small", "the amount is zero on chain")),
        "InvalidSession" => {
            contract(Problem::unprocessable("invalid_session", "the contract refuses the session's terms"))
        }
        "WrongStatus" => contract(Problem::conflict("wrong_status", "the session's status on chain forbids it")),
        "WithdrawalPending" => {
            contract(Problem::conflict("withdrawal_pending", "an earlier withdrawal is not paid out yet"))
        }
        "KeyMismatch" => {
            contract(Problem::conflict("key_mismatch", "the session is registered on chain with another key"))
        }
        name if moves_money_in && (name.is_empty() || is_of_token(name)) => signature(Problem::unprocessable(
            "authorization_refused",
            format!(
                "the token refuses the authorization ({detail}): its signature, nonce or time is wrong, it was used, \
                 or the owner does not have that much"
            ),
        )),
        _ => contract(Problem::unprocessable("contract_refused", format!("the contract refuses: {detail}"))),
    }
}

/// The chain knows the session.
pub fn already_registered() -> Problem {
    Problem::conflict("session_already_registered", "the session is registered on chain already")
}

/// A chain, and how it is followed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChainOut {
    /// Always `chain`.
    pub object: &'static str,
    /// EIP-155 id of the chain.
    pub id: u64,
    /// Its name, for example `base`.
    pub name: &'static str,
    /// The contract.
    pub contract: String,
    /// The token.
    pub token: String,
    /// `following`; `halted` while the chain is not the one that was read and no person has looked; `reading_anew` after
    /// that, until what was sent before was sent again; `not_followed` where no worker has ever read it.
    pub status: &'static str,
    /// The last final block of which everything is in the log; `null` before the first.
    pub last_read_block: Option<u64>,
    /// The newest block, as the worker last saw it.
    pub head_block: Option<u64>,
    /// The newest final block, as it last saw it.
    pub final_block: Option<u64>,
    /// When that was.
    pub heard_at: Option<DateTime<Utc>>,
    /// Why nothing is read for good, settled or sent; `null` when it is not halted.
    pub halted: Option<HaltOut>,
    /// What the nodes of the chain disagree about; `null` when they agree.
    pub disagreement: Option<DisagreementOut>,
    /// Since when the worker cannot go on; `null` when it can.
    pub stuck_since: Option<DateTime<Utc>>,
}

/// A chain that is not the one that was read.
#[derive(Debug, Serialize, ToSchema)]
pub struct HaltOut {
    /// Since when.
    pub since: DateTime<Utc>,
    /// `replaced`: a block that was final has another hash. `restored`: the chain ends before what was final.
    pub reason: &'static str,
    /// The last final block that was read.
    pub last_block: u64,
    /// The hash that it had.
    pub last_hash: String,
    /// The hash that it has; `null` where the chain ends before it.
    pub found_hash: Option<String>,
    /// The newest block of the chain as it was found.
    pub head_block: u64,
    /// What the log has of this organization and the chain does not, in words.
    pub differences: Vec<String>,
}

/// Nodes that say different things of what cannot change any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisagreementOut {
    /// Since when.
    pub since: DateTime<Utc>,
    /// About what.
    pub about: String,
}

/// The status of a chain at which nothing is amiss.
const FOLLOWING: &str = "following";
/// That of one of which a person has confirmed what it is now, until the log is where it is.
const READING_ANEW: &str = "reading_anew";

/// How far the chain was read, and how its worker fares.
struct Followed {
    last_read: Option<i64>,
    confirmations: u64,
    reads_anew: bool,
    head: Option<i64>,
    last_final: Option<i64>,
    heard_at: Option<Timestamp>,
    stuck: Option<(Timestamp, String)>,
}

/// `None` where no worker has ever followed it.
async fn followed(app: &App, client: &Client) -> Result<Option<Followed>, StoreError> {
    let settings = client.settings();
    let chain_id = i64::try_from(settings.network.chain_id).unwrap_or(i64::MAX);
    let row = sqlx::query!(
        r#"select c.block_number as "block_number?", c.confirmations as "confirmations?",
               c.reading_anew as "reading_anew?", w.head_block as "head_block?", w.final_block as "final_block?",
               w.heard_at as "heard_at?", w.stuck_since as "stuck_since?", w.stuck_why as "stuck_why?"
           from chain_cursors c full join chain_workers w using (chain_id, contract)
           where chain_id = $1 and contract = $2"#,
        chain_id,
        settings.contract.to_string()
    )
    .fetch_optional(&app.pool)
    .await?;
    Ok(row.map(|row| Followed {
        last_read: row.block_number.filter(|number| *number >= 0),
        confirmations: row.confirmations.unwrap_or_default().unsigned_abs(),
        reads_anew: row.reading_anew.unwrap_or(false),
        head: row.head_block,
        last_final: row.final_block,
        heard_at: row.heard_at,
        stuck: row.stuck_since.zip(row.stuck_why),
    }))
}

/// What is known of the chain that only a person can judge.
pub(crate) async fn watch(app: &App, client: &Client) -> Result<ChainWatch, StoreError> {
    let settings = client.settings();
    let name = format!("{}-{}", settings.network.chain_id, settings.contract);
    Ok(app.ledger.load::<ChainWatch>(&StreamId::new(ChainWatch::CATEGORY, name)).await?.state)
}

/// As `ChainOut::status` says it. What a person has confirmed is read anew, also before a worker has begun to.
fn status(watch: &ChainWatch, followed: Option<&Followed>) -> &'static str {
    match followed {
        _ if watch.halted.is_some() => "halted",
        None => "not_followed",
        Some(followed) if followed.reads_anew || followed.confirmations < watch.confirmations => READING_ANEW,
        Some(_) => FOLLOWING,
    }
}

/// Whether the log is where the chain is: nothing has to be read or sent anew because the chain was set back.
pub(crate) async fn is_followed(app: &App, client: &Client) -> Result<bool, StoreError> {
    let watch = watch(app, client).await?;
    Ok(status(&watch, followed(app, client).await?.as_ref()) == FOLLOWING)
}

/// What keeps the chain from being followed, in words for those who operate it; nobody's money is named.
pub async fn troubles(app: &App, client: &Client) -> Result<Vec<String>, StoreError> {
    let watch = watch(app, client).await?;
    let mut troubles = Vec::new();
    if let Some((halted, since)) = &watch.halted {
        troubles.push(format!("halted since {}: {}", since.to_rfc3339(), what_differs(halted)));
    }
    if let Some((seen, since)) = &watch.disagreement {
        troubles.push(format!("its nodes disagree on {} since {}", seen.what, since.to_rfc3339()));
    }
    troubles.extend(exact_stalled(app, client).await?.as_ref().map(stalled_words));
    let followed = followed(app, client).await?;
    if status(&watch, followed.as_ref()) == READING_ANEW {
        troubles.push("the chain is read anew after it was set back".to_owned());
    }
    let stuck = followed.and_then(|followed| followed.stuck);
    if let Some((since, why)) = stuck.filter(|(since, _)| *since + STUCK_AFTER <= clock::now()) {
        troubles.push(format!("its worker is stuck since {}: {why}", since.to_rfc3339()));
    }
    Ok(troubles)
}

/// Why exact payments wait for a person. Why everything else does, the worker says.
async fn exact_stalled(app: &App, client: &Client) -> Result<Option<Stalled>, StoreError> {
    let Some(address) = app.exact_settler else { return Ok(None) };
    let name = format!("{}-{address}", client.settings().network.chain_id);
    Ok(app.ledger.load::<Settler>(&StreamId::new(Settler::CATEGORY, name)).await?.state.stalled)
}

fn stalled_words(stalled: &Stalled) -> String {
    format!("exact payments wait: {}", stalled.reason.name())
}

fn what_differs(halted: &Halted) -> String {
    let Halted { last_block, last_hash, found_hash, head, differences, .. } = halted;
    let found = match (halted.reason, found_hash) {
        (HaltReason::Replaced, Some(found)) => format!("final block {last_block} was {last_hash}, now it is {found}"),
        _ => format!("final block {last_block} was {last_hash}, now the newest is {head}"),
    };
    format!("{found}; {} differences: see `tollbook chain status`", differences.len())
}

fn halt_out(halted: &Halted, since: Timestamp, organization_id: OrganizationId) -> HaltOut {
    // Each begins with whom it is about; the rest is not this organization's to see.
    let whose = format!("{organization_id}: ");
    HaltOut {
        since,
        reason: halted.reason.name(),
        last_block: halted.last_block,
        last_hash: halted.last_hash.to_string(),
        found_hash: halted.found_hash.map(|hash| hash.to_string()),
        head_block: halted.head,
        differences: halted.differences.iter().filter_map(|one| one.strip_prefix(&whose)).map(str::to_owned).collect(),
    }
}

/// The chains of this installation, and how they are followed. There is one, or none.
#[utoipa::path(get, path = "/v1/chains", tag = "Session keys",
    responses((status = 200, body = Page<ChainOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_chains(State(app): State<App>, principal: Principal) -> Result<Json<Page<ChainOut>>, Problem> {
    let mut chains = Vec::new();
    if let Some(client) = &app.chain {
        chains.push(chain_out(&app, &principal, client).await?);
    }
    let limit = i64::try_from(chains.len()).unwrap_or(i64::MAX);
    Ok(Json(Page::new(chains, limit, |chain: &ChainOut| chain.id.to_string())))
}

async fn chain_out(app: &App, principal: &Principal, client: &Client) -> Result<ChainOut, Problem> {
    let settings = client.settings();
    let watch = watch(app, client).await?;
    let followed = followed(app, client).await?;
    let status = status(&watch, followed.as_ref());
    let number = |of: fn(&Followed) -> Option<i64>| followed.as_ref().and_then(of).map(i64::unsigned_abs);
    Ok(ChainOut {
        object: "chain",
        id: settings.network.chain_id,
        name: settings.network.name,
        contract: settings.contract.to_string(),
        token: settings.token.to_string(),
        status,
        last_read_block: number(|followed| followed.last_read),
        head_block: number(|followed| followed.head),
        final_block: number(|followed| followed.last_final),
        heard_at: followed.as_ref().and_then(|followed| followed.heard_at),
        halted: watch.halted.as_ref().map(|(halted, since)| halt_out(halted, *since, principal.organization_id)),
        disagreement: watch.disagreement.map(|(seen, since)| DisagreementOut { since, about: seen.what }),
        stuck_since: followed.and_then(|followed| followed.stuck).map(|(since, _)| since),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_codes() {
        let told = |name: &str, action| {
            let error = ChainError::Refused { error: name.to_owned(), detail: format!("{name}(…)") };
            let problem = refusal(&error, action);
            (problem.status, problem.code)
        };
        use RelayAction::{Deposit, Freeze, Open, Register, RequestWithdraw};
        assert_eq!(told("SessionExists", Register), (409, "session_already_registered"));
        assert_eq!(told("BadOwnerSignature", Register), (422, "owner_signature_invalid"));
        assert_eq!(told("LimitExceeded", Deposit), (422, "limit_exceeded"));
        assert_eq!(told("SignatureExpired", Freeze), (422, "signature_expired"));
        assert_eq!(told("BadNonce", Freeze), (409, "nonce_used"));
        assert_eq!(told("ZeroAmount", RequestWithdraw), (422, "amount_too_small"));
        assert_eq!(told("InvalidSession", Open), (422, "invalid_session"));
        assert_eq!(told("WrongStatus", Freeze), (409, "wrong_status"));
        assert_eq!(told("WithdrawalPending", RequestWithdraw), (409, "withdrawal_pending"));
        assert_eq!(told("KeyMismatch", Open), (409, "key_mismatch"));
        assert_eq!(told("", Open), (422, "authorization_refused"));
        assert_eq!(told("AuthorizationExpired", Deposit), (422, "authorization_refused"));
        assert_eq!(told("", Freeze), (422, "contract_refused"));
        assert_eq!(told("NotOwner", Freeze), (422, "contract_refused"));
    }

    #[test]
    fn the_signature_is_named() {
        let param = |name: &str, action| {
            let error = ChainError::Refused { error: name.to_owned(), detail: String::new() };
            refusal(&error, action).fields.get("param").cloned()
        };
        use RelayAction::{Deposit, Freeze, Open, Register};
        assert_eq!(param("BadOwnerSignature", Register), Some(json!("signature")));
        assert_eq!(param("BadOwnerSignature", Freeze), Some(json!("owner_signature.signature")));
        assert_eq!(param("SignatureExpired", Freeze), Some(json!("owner_signature.signature")));
        for action in [Open, Deposit] {
            assert_eq!(param("", action), Some(json!("authorization.signature")));
        }
        assert_eq!(param("WrongStatus", Freeze), None);
    }

    #[test]
    fn a_chain_that_is_away_may_be_asked_again() {
        let told = |error: ChainError| {
            let problem = refusal(&error, RelayAction::Register);
            (problem.status, problem.code, problem.retry_after)
        };
        assert_eq!(told(ChainError::Unavailable("no answer".into())), (503, "chain_unavailable", Some(5)));
        assert_eq!(told(ChainError::Mismatch("another chain".into())), (503, "chain_mismatch", Some(5)));
    }

    #[test]
    fn why_exact_payments_wait_is_said_without_a_nodes_words() {
        let reason = domain::settler::StallReason::NotTaken;
        let stalled = Stalled { reason, transaction_id: None, detail: "https://node.example/SECRET".to_owned() };
        assert_eq!(stalled_words(&stalled), "exact payments wait: not_taken");
    }

    fn halted(differences: Vec<String>) -> Halted {
        Halted {
            chain_id: 31337,
            contract: domain::evm::Address([1; 20]),
            reason: HaltReason::Restored,
            last_block: 120,
            last_hash: domain::evm::Bytes32([2; 32]),
            found_hash: None,
            head: 95,
            differences,
            resend: Vec::new(),
        }
    }

    #[test]
    fn what_is_confirmed_is_read_anew_before_a_worker_has_begun() {
        let followed = |confirmations, reads_anew| Followed {
            last_read: Some(7),
            confirmations,
            reads_anew,
            head: None,
            last_final: None,
            heard_at: None,
            stuck: None,
        };
        let confirmed = ChainWatch { confirmations: 1, ..ChainWatch::default() };
        assert_eq!(status(&confirmed, None), "not_followed");
        assert_eq!(status(&confirmed, Some(&followed(0, false))), READING_ANEW);
        assert_eq!(status(&confirmed, Some(&followed(1, true))), READING_ANEW);
        assert_eq!(status(&confirmed, Some(&followed(1, false))), FOLLOWING);
        let again = ChainWatch { halted: Some((halted(Vec::new()), clock::now())), ..confirmed };
        assert_eq!(status(&again, Some(&followed(1, true))), "halted");
    }

    #[test]
    fn of_a_halt_an_organization_sees_what_is_its_own() {
        let (own, other) =
            (OrganizationId::new(uuid::Uuid::from_u128(1)), OrganizationId::new(uuid::Uuid::from_u128(2)));
        let halted = halted(vec![format!("{own}: mine"), format!("{other}: theirs"), "what else differs".to_owned()]);
        let out = halt_out(&halted, clock::now(), own);
        assert_eq!((out.reason, out.differences), ("restored", vec!["mine".to_owned()]));
        let told = what_differs(&halted);
        assert!(told.contains("now the newest is 95; 3 differences") && !told.contains("theirs"), "{told}");
    }
}
