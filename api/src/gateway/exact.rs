//! x402's scheme `exact`: one transfer that its payer signed (EIP-3009), for one request.
//!
//! The tour: [`verify`](fn@verify) checks what came against the offer, the log and the chain; [`accept`] makes the
//! payment this request's own; [`settle`] has it sent and waits for its block; [`delivered`] says that the answer
//! goes out. Where the request comes to nothing before it is settled, [`release`] gives the payment free. Everything
//! is decided on the payment's own stream, so a payment is settled once and pays for one answer, however often and
//! wherever it is shown.

use std::time::Duration;

use domain::evm::{Address, Bytes32, HexBytes};
use domain::exact_payment::{
    self as payment, Action, ExactPayment, ExactPaymentCommand, ExactPaymentError, Place, Status, transaction_of,
};
use domain::ids::{ExactPaymentId, OrganizationId, RouteId};
use domain::{Aggregate, EventPayload, StreamId};
use eventstore::{CommandMeta, ExecuteError, Executed, StoreError, clock};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::x402::{Authorization, Receipt, Refusal, caip2};
use crate::App;
use crate::problem::Problem;

mod awaited;
mod verify;

pub use awaited::Awaited;
pub use verify::{Unverified, Verified, offered, verify};

/// How often the log is looked at for what another process does. Of what this one does it hears at once.
const LOOK: Duration = Duration::from_millis(250);
/// How often a command is given whose outcome nobody knows.
const TRIES: u32 = 4;
/// Between two of these.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(150);

/// Who sells what is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seller {
    /// Who is paid.
    pub organization_id: OrganizationId,
    /// Where it lives.
    pub partition: i32,
    /// What is asked for; `None` for what is sold elsewhere.
    pub route_id: Option<RouteId>,
}

/// What a payment is to a request that comes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is the request's own now: do the work, [`settle`], mark as [`delivered`], answer. Or [`release`] it.
    Fresh(ExactPaymentId),
    /// The same request came before and was paid for, and its answer never went out: do the work, mark as
    /// [`delivered`], answer. Nothing is to be settled.
    SettledUndelivered {
        /// Which.
        id: ExactPaymentId,
        /// What was paid.
        receipt: ExactReceipt,
    },
    /// The same request came before and was answered.
    Delivered {
        /// Which.
        id: ExactPaymentId,
        /// What was paid.
        receipt: ExactReceipt,
    },
    /// The same request is under way, or its settlement is.
    InProgress(ExactPaymentId),
}

/// What was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactReceipt {
    /// The transaction.
    pub transaction: Bytes32,
    /// Who paid.
    pub payer: Address,
    /// How much.
    pub amount_atomic: u128,
    /// CAIP-2.
    pub network: String,
}

impl From<&ExactReceipt> for Receipt {
    fn from(receipt: &ExactReceipt) -> Self {
        Self {
            success: true,
            error_reason: None,
            transaction: receipt.transaction.to_string(),
            network: receipt.network.clone(),
            payer: Some(receipt.payer),
            amount: Some(receipt.amount_atomic.to_string()),
            extra: None,
        }
    }
}

/// Why a payment was not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettleError {
    /// It never will be.
    Refused(Refusal),
    /// Nobody knows yet. It goes on: the same payment may be shown again.
    InDoubt,
}

/// The answer while a settlement is in doubt. The payment must be shown again, not replaced by another one.
pub fn in_doubt() -> Problem {
    let detail = "whether the payment goes through is not known yet: send the same request with the same payment again";
    Problem::unavailable("settlement_in_doubt", detail)
}

/// The stream of a payment.
pub fn stream(id: ExactPaymentId) -> StreamId {
    StreamId::new(ExactPayment::CATEGORY, id)
}

/// A payment as the log has it.
struct Known {
    state: ExactPayment,
    partition: i32,
}

impl Known {
    fn accepted(&self) -> Option<&payment::Accepted> {
        self.state.accepted.as_ref().map(|(accepted, _)| accepted)
    }

    /// Whether this very authorization was accepted, with the very same signature.
    fn is_of(&self, authorization: &Authorization, signature: &HexBytes) -> bool {
        self.accepted().is_some_and(|accepted| {
            let own = chain::eip3009::Authorization::from(accepted);
            (own, &accepted.signature) == (on_chain(authorization), signature)
        })
    }

    fn receipt(&self) -> Option<ExactReceipt> {
        let (accepted, Place { tx_hash, .. }) = (self.accepted()?, self.state.settled?);
        Some(ExactReceipt {
            transaction: tx_hash,
            payer: accepted.from,
            amount_atomic: accepted.amount.atomic(accepted.currency.minor_unit()),
            network: caip2(accepted.chain_id),
        })
    }

    /// What it is to the request of this digest; `None` when it may be accepted.
    fn is_to(&self, seller: &Seller, verified: &Verified, digest: Bytes32) -> Result<Option<Accepted>, Problem> {
        let Some(accepted) = self.accepted() else { return Ok(None) };
        let id = verified.id;
        if self.state.status == Status::Released {
            return Ok(None);
        }
        let is_same_request = (accepted.organization_id, accepted.request_digest) == (seller.organization_id, digest);
        if !is_same_request || !self.is_of(&verified.authorization, &verified.signature) {
            return Err(reused());
        }
        match (self.state.status, self.receipt()) {
            (Status::Failed, _) => {
                let why = self.state.failure.as_deref().unwrap_or("the transfer did not come about");
                let detail = format!("the payment has failed ({why}): sign another one");
                Err(Problem::cannot_pay("invalid_transaction_state", detail))
            }
            (Status::Settling, _) => Ok(Some(Accepted::InProgress(id))),
            (_, Some(receipt)) if self.state.delivered_at.is_some() => Ok(Some(Accepted::Delivered { id, receipt })),
            (_, Some(receipt)) => Ok(Some(Accepted::SettledUndelivered { id, receipt })),
            // The ledger says whether the other request still holds it.
            (_, None) => Ok(None),
        }
    }
}

fn reused() -> Problem {
    Problem::unprocessable(
        "payment_reused",
        "this payment, or its nonce, was used for another request: sign another one",
    )
}

fn on_chain(authorization: &Authorization) -> chain::eip3009::Authorization {
    let Authorization { from, to, value, valid_after, valid_before, nonce } = *authorization;
    chain::eip3009::Authorization { from, to, value, valid_after, valid_before, nonce }
}

async fn read(app: &App, id: ExactPaymentId) -> Result<Option<Known>, StoreError> {
    let events = app.ledger.log().tails(&[(stream(id), 0)]).await?;
    let Some(first) = events.first() else { return Ok(None) };
    let mut known = Known { state: ExactPayment::default(), partition: first.partition };
    for stored in &events {
        let event = payment::ExactPaymentEvent::decode(&stored.event_type, stored.schema, &stored.payload)?;
        known.state.apply_event(&event, stored.occurred_at);
    }
    Ok(Some(known))
}

fn meta(organization_id: OrganizationId, partition: i32, request_digest: [u8; 32]) -> CommandMeta {
    let command_id = Uuid::now_v7();
    CommandMeta {
        command_id,
        organization_id,
        partition,
        actor: "system:gateway".to_owned(),
        request_digest,
        causation_id: command_id,
        correlation_id: command_id,
        now: clock::now(),
    }
}

/// Gives a command. While its outcome is unknown it is given again, as the same command.
async fn ask(
    app: &App,
    id: ExactPaymentId,
    meta: CommandMeta,
    action: Action,
) -> Result<Result<Executed<ExactPayment>, ExactPaymentError>, ExecuteError> {
    let command = ExactPaymentCommand { organization_id: meta.organization_id, action };
    let mut tried = 1;
    loop {
        match app.ledger.execute::<ExactPayment>(stream(id), meta.clone(), command.clone()).await {
            Err(ExecuteError::Overloaded | ExecuteError::Store(StoreError::Unavailable(_))) if tried < TRIES => {
                tried += 1;
                sleep(TRY_AGAIN_AFTER).await;
            }
            answer => return answer,
        }
    }
}

/// Makes a verified payment pay for a request, whose digest says which it is.
///
/// 402 `invalid_transaction_state` for one that has failed, 422 `payment_reused` for one that was shown with another
/// request.
pub async fn accept(
    app: &App,
    seller: &Seller,
    verified: &Verified,
    request_digest: [u8; 32],
) -> Result<Accepted, Problem> {
    let (id, digest) = (verified.id, Bytes32(request_digest));
    // Whoever is denied looks what became of it meanwhile, and then it is clear.
    for _ in 0..2 {
        if let Some(known) = read(app, id).await?
            && let Some(accepted) = known.is_to(seller, verified, digest)?
        {
            return Ok(accepted);
        }
        if verified.is_known {
            // It was not looked at, since it was another order's: it must not become this one's.
            return Ok(Accepted::InProgress(id));
        }
        let wanted = Action::Accept(Box::new(verified.accepted(seller, digest)));
        let meta = meta(seller.organization_id, seller.partition, request_digest);
        match ask(app, id, meta, wanted).await? {
            Ok(_) => return Ok(Accepted::Fresh(id)),
            // Another order was faster: for the same request it is under way, for another one it is used.
            Err(ExactPaymentError::WrongStatus(Status::Accepted)) => {
                let Some(known) = read(app, id).await? else { return Ok(Accepted::InProgress(id)) };
                return Ok(known.is_to(seller, verified, digest)?.unwrap_or(Accepted::InProgress(id)));
            }
            Err(ExactPaymentError::WrongStatus(_)) => {}
            Err(ExactPaymentError::NotFound) => return Err(reused()),
            Err(denied) => return Err(Problem::cannot_pay("invalid_payload", denied.to_string())),
        }
    }
    let Some(known) = read(app, id).await? else { return Ok(Accepted::InProgress(id)) };
    Ok(known.is_to(seller, verified, digest)?.unwrap_or(Accepted::InProgress(id)))
}

/// Gives a payment free whose request came to nothing. Not possible once it was submitted; then nothing happens.
pub async fn release(app: &App, id: ExactPaymentId) {
    let released = async {
        let Some(known) = read(app, id).await? else { return Ok(()) };
        let Some(accepted) = known.accepted() else { return Ok(()) };
        let meta = meta(accepted.organization_id, known.partition, [0; 32]);
        if let Err(denied) = ask(app, id, meta, Action::Release).await? {
            tracing::debug!(%id, %denied, "a payment was not released");
        }
        Ok::<(), ExecuteError>(())
    };
    if let Err(error) = released.await {
        tracing::warn!(%id, %error, "a payment was not released: its payer has to sign another one");
    }
}

/// Has a payment settled, and waits until its transfer is in a block. From here on it is no longer released: it is
/// settled in any case, or fails.
pub async fn settle(app: &App, id: ExactPaymentId, within: Duration) -> Result<ExactReceipt, SettleError> {
    let deadline = Instant::now() + within;
    let mut heard = app.awaited.wait(id);
    loop {
        match outcome(app, id).await {
            Ok(Some(outcome)) => return outcome.map_err(SettleError::Refused),
            Ok(None) => {}
            Err(error) => tracing::debug!(%id, %error, "a settlement waits for the log"),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            metrics::counter!("tollbook_exact_payments_total", "outcome" => "in_doubt").increment(1);
            return Err(SettleError::InDoubt);
        }
        let pause = LOOK.min(left);
        // It only says that there is something new; should it ever be gone, the log is looked at all the same.
        if let Ok(Err(_)) = timeout(pause, heard.changed()).await {
            sleep(pause).await;
        }
    }
}

/// What became of a payment; `None` while that is not decided. One that was not submitted is submitted.
async fn outcome(app: &App, id: ExactPaymentId) -> Result<Option<Result<ExactReceipt, Refusal>>, ExecuteError> {
    let refused = |detail: &str| Ok(Some(Err(Refusal::new("invalid_transaction_state", detail))));
    let Some(known) = read(app, id).await? else { return refused("there is no such payment") };
    let Some(accepted) = known.accepted() else { return refused("there is no such payment") };
    match (known.state.status, known.receipt()) {
        (_, Some(receipt)) => Ok(Some(Ok(receipt))),
        (Status::Accepted, None) => {
            let meta = meta(accepted.organization_id, known.partition, accepted.request_digest.0);
            if let Err(denied) = ask(app, id, meta, Action::Submit(transaction_of(id))).await? {
                tracing::debug!(%id, %denied, "a payment was not submitted");
            }
            Ok(None)
        }
        (Status::Settling, None) => Ok(None),
        (Status::Failed, None) => Ok(Some(Err(why_failed(app, &known, accepted).await))),
        (_, None) => refused("the payment was released"),
    }
}

async fn why_failed(app: &App, known: &Known, accepted: &payment::Accepted) -> Refusal {
    let reason = known.state.failure.clone().unwrap_or_default();
    if let Some(client) = &app.chain
        && let Ok(balance) = client.balance(accepted.from).await
        && balance < accepted.amount
    {
        let detail = format!("the payer has {balance} {}, the payment is for {}", accepted.currency, accepted.amount);
        return Refusal::new("insufficient_funds", detail);
    }
    Refusal::new("invalid_transaction_state", format!("the transfer did not come about: {reason}"))
}

/// Marks a settled payment as delivered, right before the answer goes out. `false` when it had been before: then
/// another answer has gone out for it, and this one must not.
pub async fn delivered(app: &App, id: ExactPaymentId) -> Result<bool, Problem> {
    let missing = || Problem::internal().caused_by(format!("there is no payment {id}"));
    let known = read(app, id).await?.ok_or_else(missing)?;
    let accepted = known.accepted().ok_or_else(missing)?;
    let meta = meta(accepted.organization_id, known.partition, accepted.request_digest.0);
    match ask(app, id, meta, Action::Deliver).await? {
        Ok(Executed::Done { .. }) => Ok(true),
        Ok(Executed::Unchanged { .. }) => Ok(false),
        // The chain was reorganized after it was settled.
        Err(denied) => {
            tracing::warn!(%id, %denied, "a payment that was settled is so no longer");
            Err(in_doubt())
        }
    }
}
