//! The chain of this installation, and how its refusals are told.

use chain::networks::{NETWORKS, Network};
use chain::{ChainError, Client};
use domain::session_key::{RelayAction, Terms};
use serde_json::json;

use crate::App;
use crate::problem::Problem;

/// Seconds after which a chain that is away may be asked again.
const RETRY_AFTER_SECS: u64 = 5;

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
        "" if moves_money_in => signature(Problem::unprocessable(
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
}
