//! Whether a payment is good: for what is offered, by whom it says, now, and by the token's own word.

use chain::eip3009::{self, Signed};
use chain::{ChainError, Client};
use domain::evm::{Bytes32, HexBytes};
use domain::exact_payment::{self as payment, Status, id_of};
use domain::ids::ExactPaymentId;
use domain::money::{Amount, Currency};
use eventstore::{StoreError, clock};

use super::{Seller, on_chain, read};
use crate::App;
use crate::chains;
use crate::gateway::x402::{Authorization, EXACT, ExactPayload, Offer, Refusal, caip2};
use crate::problem::Problem;

/// An authorization must be good for so much longer: blocks take a while.
const GOOD_FOR_SECS_MIN: u64 = 6;

/// A payment that would go through if it were sent now; or one that the ledger has taken already.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Its id.
    pub id: ExactPaymentId,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The token.
    pub token: domain::evm::Address,
    /// What was signed.
    pub authorization: Authorization,
    /// By the payer.
    pub signature: HexBytes,
    /// How much.
    pub amount: Amount,
    /// Whether this very payment came before and was not released since: it was not checked against the chain.
    pub is_known: bool,
    /// Whether it has paid for an answer that went out, or has failed.
    pub is_spent: bool,
    /// The newest block when it was checked.
    block_number: u64,
}

impl Verified {
    pub(super) fn accepted(&self, seller: &Seller, request_digest: Bytes32) -> payment::Accepted {
        let Authorization { from, to, valid_after, valid_before, nonce, .. } = self.authorization;
        payment::Accepted {
            exact_payment_id: self.id,
            organization_id: seller.organization_id,
            route_id: seller.route_id,
            chain_id: self.chain_id,
            token: self.token,
            from,
            to,
            amount: self.amount,
            currency: Currency::USDC,
            valid_after,
            valid_before,
            nonce,
            signature: self.signature.clone(),
            block_number: self.block_number,
            request_digest,
        }
    }
}

/// Why a payment is not verified.
#[derive(Debug, Clone)]
pub enum Unverified {
    /// It is not good: 402 with this reason.
    Refused(Refusal),
    /// Nobody can say: the chain or the log is away.
    Failed(Problem),
}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Problem> for Unverified {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl From<StoreError> for Unverified {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Checks a payment against an offer, the log and the chain.
///
/// A payment that the ledger has taken already is not checked against the chain again, nor against the time and the
/// price: it was right when it came, and by now the token may have used it up. [`super::accept`] says what it is.
pub async fn verify(app: &App, offer: &Offer, payload: &ExactPayload) -> Result<Verified, Unverified> {
    let client = offered(app).ok_or_else(|| Refusal::new("unsupported_scheme", "exact payments are not taken here"))?;
    let settings = client.settings();
    let ExactPayload { authorization, signature } = payload;
    if offer.scheme != EXACT {
        return Err(Refusal::new("unsupported_scheme", "the offer is not one of the scheme exact").into());
    }
    if offer.network != caip2(settings.network.chain_id) {
        let detail = format!("payments are taken on {}", caip2(settings.network.chain_id));
        return Err(Refusal::new("invalid_network", detail).into());
    }
    if offer.asset != settings.token {
        let detail = format!("payments are taken in {}", settings.token);
        return Err(Refusal::new("invalid_payment_requirements", detail).into());
    }
    if authorization.to != offer.pay_to {
        let detail = format!("the transfer goes to {}, it must go to {}", authorization.to, offer.pay_to);
        return Err(Refusal::new("invalid_exact_evm_payload_recipient_mismatch", detail).into());
    }
    let amount = Amount::from_atomic(authorization.value, Currency::USDC.minor_unit())
        .map_err(|e| Refusal::new("invalid_payload", format!("the value {e}")))?;
    let (chain_id, token) = (settings.network.chain_id, settings.token);
    let id = id_of(chain_id, token, authorization.from, authorization.nonce);
    let mut verified = Verified {
        id,
        chain_id,
        token,
        authorization: *authorization,
        signature: signature.clone(),
        amount,
        is_known: false,
        is_spent: false,
        block_number: 0,
    };
    if let Some(known) = read(app, id).await?
        && known.state.status != Status::Released
        && !(known.state.status == Status::Accepted && known.state.has_lapsed(clock::now()))
        && known.is_of(authorization, signature)
    {
        verified.is_known = true;
        verified.is_spent = known.state.delivered_at.is_some() || known.state.status == Status::Failed;
        verified.block_number = known.accepted().map_or(0, |accepted| accepted.block_number);
        return Ok(verified);
    }
    check_terms(offer, authorization)?;
    if chains::watch(app, client).await?.halted.is_some() {
        // It would not be sent before a person has looked: nothing is done for it.
        let why = "it is not the chain that was read";
        return Err(chains::away(&ChainError::Unavailable(why.to_owned())).into());
    }
    let signed = signer(app, client, on_chain(authorization), signature.clone()).await?;
    if matches!(signed, Signed::Account(_)) && !has_code(client, authorization).await? {
        return Err(not_signed().into());
    }
    verified.block_number = would_go_through(app, client, &verified, &signed).await?;
    Ok(verified)
}

/// The chain, when exact payments are taken: it is set, and so is who sends them.
pub fn offered(app: &App) -> Option<&Client> {
    app.exact_settler.and(app.chain.as_ref())
}

fn not_signed() -> Refusal {
    let detail = "this is not the payer's signature of the transfer: its words, the token's name and version, or the \
                  form of the signature are others";
    Refusal::new("invalid_exact_evm_payload_signature", detail)
}

/// What needs nobody to be asked.
fn check_terms(offer: &Offer, authorization: &Authorization) -> Result<(), Refusal> {
    if authorization.value != offer.amount {
        let detail = format!("the transfer is of {}, the price is {}", authorization.value, offer.amount);
        return Err(Refusal::new("invalid_exact_evm_payload_authorization_value", detail));
    }
    if offer.amount == 0 {
        return Err(Refusal::new("invalid_payment_requirements", "a payment is for more than zero"));
    }
    check_time(authorization, clock::now().timestamp().unsigned_abs())
}

fn check_time(authorization: &Authorization, now: u64) -> Result<(), Refusal> {
    if authorization.valid_after >= now {
        let detail = format!("the transfer is valid after {}, it is {now}", authorization.valid_after);
        return Err(Refusal::new("invalid_exact_evm_payload_authorization_valid_after", detail));
    }
    if authorization.valid_before < now.saturating_add(GOOD_FOR_SECS_MIN) {
        let detail =
            format!("the transfer is valid before {}, it is {now} and blocks take a while", authorization.valid_before);
        return Err(Refusal::new("invalid_exact_evm_payload_authorization_valid_before", detail));
    }
    Ok(())
}

/// Finds who signed: away from the threads that answer requests, for it takes the processor a while.
async fn signer(
    app: &App,
    client: &Client,
    authorization: eip3009::Authorization,
    signature: HexBytes,
) -> Result<Signed, Problem> {
    let place = app.recoveries.clone().acquire_owned().await.map_err(|e| Problem::internal().caused_by(e))?;
    let (network, token) = (client.settings().network, client.settings().token);
    let work = move || {
        let _place = place;
        Signed::read(&network, token, &authorization, &signature)
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Problem::internal().caused_by(e))
}

async fn has_code(client: &Client, authorization: &Authorization) -> Result<bool, Problem> {
    client.has_code(authorization.from).await.map_err(|error| chains::away(&error))
}

/// Tries the transfer on the node. Gives the newest block at that time.
async fn would_go_through(app: &App, client: &Client, verified: &Verified, signed: &Signed) -> Result<u64, Unverified> {
    let authorization = &verified.authorization;
    let calldata = eip3009::calldata(&on_chain(authorization), signed);
    // Anybody may send it.
    let from = app.exact_settler.unwrap_or(authorization.to);
    let (head, tried) = tokio::join!(client.head(), client.simulate(from, verified.token, &calldata));
    let head = head.map_err(|error| chains::away(&error))?;
    match tried {
        Ok(()) => Ok(head.number),
        Err(ChainError::Refused { detail, .. }) => {
            let now = head.time.timestamp().unsigned_abs();
            let why = why_refused(client, verified, signed, now, &detail).await;
            Err(why.unwrap_or_else(|error| chains::away(&error).into()))
        }
        Err(error) => Err(chains::away(&error).into()),
    }
}

/// Tokens refuse in different words: what is the matter is asked one by one.
async fn why_refused(
    client: &Client,
    verified: &Verified,
    signed: &Signed,
    now: u64,
    detail: &str,
) -> Result<Unverified, ChainError> {
    let Verified { token, authorization, amount, .. } = verified;
    if client.is_authorization_used(*token, authorization.from, authorization.nonce).await? {
        let detail = "the nonce of the transfer was used or cancelled: sign another one";
        return Ok(Refusal::new("invalid_transaction_state", detail).into());
    }
    // The chain has a clock of its own.
    if let Err(refusal) = check_time(authorization, now) {
        return Ok(refusal.into());
    }
    let balance = client.balance(authorization.from).await?;
    if balance < *amount {
        let detail = format!("the payer has {balance} {}, the price is {amount}", Currency::USDC);
        return Ok(Refusal::new("insufficient_funds", detail).into());
    }
    if matches!(signed, Signed::Account(_)) {
        return Ok(not_signed().into());
    }
    Ok(Refusal::new("invalid_transaction_state", format!("the token refuses the transfer: {detail}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::evm::Address;
    use serde_json::Map;

    fn offer() -> Offer {
        Offer {
            scheme: EXACT.to_owned(),
            network: "eip155:31337".to_owned(),
            amount: 10_000,
            asset: Address([3; 20]),
            pay_to: Address([2; 20]),
            max_timeout_seconds: 60,
            extra: Map::new(),
        }
    }

    fn authorization() -> Authorization {
        Authorization {
            from: Address([1; 20]),
            to: Address([2; 20]),
            value: 10_000,
            valid_after: 0,
            valid_before: u64::MAX,
            nonce: Bytes32([4; 32]),
        }
    }

    #[test]
    fn the_price_is_paid_exactly() {
        let told = |value| check_terms(&offer(), &Authorization { value, ..authorization() }).err().map(|r| r.code);
        assert_eq!(told(10_000), None);
        for wrong in [0, 9_999, 10_001, u128::MAX] {
            assert_eq!(told(wrong), Some("invalid_exact_evm_payload_authorization_value"), "{wrong}");
        }
        let nothing = Offer { amount: 0, ..offer() };
        let free = check_terms(&nothing, &Authorization { value: 0, ..authorization() });
        assert_eq!(free.err().map(|refusal| refusal.code), Some("invalid_payment_requirements"));
    }

    #[test]
    fn it_is_good_now_and_for_a_while() {
        let told = |valid_after, valid_before| {
            let authorization = Authorization { valid_after, valid_before, ..authorization() };
            check_time(&authorization, 1_000).err().map(|refusal| refusal.code)
        };
        assert_eq!(told(999, 1_006), None);
        assert_eq!(told(0, u64::MAX), None);
        let (early, late) = (
            Some("invalid_exact_evm_payload_authorization_valid_after"),
            Some("invalid_exact_evm_payload_authorization_valid_before"),
        );
        assert_eq!(told(1_000, 2_000), early, "tokens want a later block");
        assert_eq!(told(u64::MAX, u64::MAX), early);
        assert_eq!(told(0, 1_005), late);
        assert_eq!(told(0, 0), late);
    }
}
