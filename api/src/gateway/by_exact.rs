//! Paid by a signed transfer (x402's `exact`): verify it, ask the upstream, have it settled on the chain, answer.
//!
//! The payment is its own idempotency key. Until it is handed over to be settled it costs nobody anything to give
//! it free again; from then on the answer is the payer's, and goes out at most once.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use domain::ids::ExactPaymentId;
use domain::money::{Amount, Currency};

use super::answers::{self, Kept, not_kept};
use super::ask::Ask;
use super::body::ReadBody;
use super::exact::{self, Accepted, ExactReceipt, Seller, SettleError, Unverified};
use super::forward::{Answer, NoAnswer, forward, response};
use super::free::hand_over;
use super::headers::{COST, CURRENCY, put};
use super::limits::Who;
use super::offer::Offers;
use super::problems::{Outcome, Refused};
use super::proxy::{Reply, Trip, refuse};
use super::pump::{Pump, PumpParts};
use super::receipt::write_receipt;
use super::x402::{ExactPayload, Offer, Receipt, Refusal, Version};
use crate::problem::Problem;

/// How long a settlement is waited for before it is in doubt.
const SETTLED_WITHIN: Duration = Duration::from_secs(45);

/// A payment that came, and what it takes up.
pub(super) struct Paid {
    /// Of this version.
    pub(super) version: Version,
    /// What was offered.
    pub(super) offers: Offers,
    /// What is taken up.
    pub(super) offer: Offer,
    /// With this.
    pub(super) payload: Box<ExactPayload>,
}

impl Paid {
    /// The transfer is not taken, and a receipt says so.
    fn refuse(&self, refusal: &Refusal) -> Box<Refused> {
        let receipt = Receipt::failure(self.offers.network(self.version), refusal.code);
        let mut refused = refuse(&self.offers, refusal);
        write_receipt(&mut refused.headers, self.version, &receipt);
        refused
    }

    /// Says what was paid.
    fn write(&self, headers: &mut HeaderMap, receipt: &ExactReceipt) {
        let told = Receipt { network: self.offers.network(self.version), ..Receipt::from(receipt) };
        write_receipt(headers, self.version, &told);
        if let Ok(cost) = Amount::from_atomic(receipt.amount_atomic, Currency::USDC.minor_unit()) {
            put(headers, COST, &cost.to_string());
            put(headers, CURRENCY, Currency::USDC.code());
        }
    }
}

/// Carries out a request that a transfer pays for.
pub(super) async fn carry_out(mut trip: Trip<'_>, paid: Paid, body: ReadBody, ask: Ask) -> Outcome<Reply> {
    let gateway = trip.gateway;
    let app = &gateway.app;
    let verified = match exact::verify(app, &paid.offer, &paid.payload).await {
        Ok(verified) => verified,
        Err(Unverified::Refused(refusal)) => return Err(paid.refuse(&refusal)),
        Err(Unverified::Failed(problem)) => return Err(problem.into()),
    };
    trip.count(Who::Address(verified.authorization.from))?;
    // A transfer can be read on the chain by all: who asks again shows the key of the first time.
    let key = trip.visit.idempotency_key()?;
    let digest = trip.visit.digest_with(&body.bytes, key.as_deref());
    let begun = gateway.running.begin(verified.id.uuid(), digest);
    let _under_way = begun.map_err(|problem| if problem.status == 422 { reused() } else { problem })?;
    let seller = Seller {
        organization_id: trip.place.organization_id,
        partition: trip.place.partition,
        route_id: Some(trip.place.route.id),
    };
    let accepted = match exact::accept(app, &seller, &verified, digest).await {
        Ok(accepted) => accepted,
        Err(problem) if problem.status == 402 => {
            return Err(paid.refuse(&Refusal::new(problem.code, problem.detail)));
        }
        Err(problem) => return Err(problem.into()),
    };
    match accepted {
        Accepted::Fresh(id) => work(&mut trip, &paid, id, None, body, ask).await,
        Accepted::SettledUndelivered { id, receipt } => {
            if key.is_some()
                && let Some(kept) = answers::find(&gateway.answers, trip.place.organization_id, id.uuid()).await?
            {
                hand_out(&trip, &paid, id, &receipt).await?;
                return Ok(again(&paid, kept, &receipt));
            }
            work(&mut trip, &paid, id, Some(receipt), body, ask).await
        }
        Accepted::Delivered { receipt, .. } if key.is_none() => Err(gone(&paid, &receipt)),
        Accepted::Delivered { id, receipt } => {
            match answers::find(&gateway.answers, trip.place.organization_id, id.uuid()).await? {
                Some(kept) => Ok(again(&paid, kept, &receipt)),
                None => Err(gone(&paid, &receipt)),
            }
        }
        // Not in this process, so it is its settlement that is under way, or another process has it.
        Accepted::InProgress(_) => Err(exact::in_doubt().into()),
    }
}

fn reused() -> Problem {
    Problem::unprocessable("payment_reused", "this payment is used for another request: sign another one")
}

fn again(paid: &Paid, kept: Kept, receipt: &ExactReceipt) -> Reply {
    let mut response = kept.into_response();
    paid.write(response.headers_mut(), receipt);
    Reply::whole(response, "replayed", Duration::ZERO)
}

/// It was answered, and the answer is not here any more.
fn gone(paid: &Paid, receipt: &ExactReceipt) -> Box<Refused> {
    let mut refused: Box<Refused> = not_kept().into();
    paid.write(&mut refused.headers, receipt);
    refused
}

/// Marks the answer as given out; refused when another one was.
async fn hand_out(trip: &Trip<'_>, paid: &Paid, id: ExactPaymentId, receipt: &ExactReceipt) -> Outcome<()> {
    if exact::delivered(&trip.gateway.app, id).await? { Ok(()) } else { Err(gone(paid, receipt)) }
}

/// Asks the upstream, settles unless that has been done, and answers.
async fn work(
    trip: &mut Trip<'_>,
    paid: &Paid,
    id: ExactPaymentId,
    settled: Option<ExactReceipt>,
    body: ReadBody,
    ask: Ask,
) -> Outcome<Reply> {
    let gateway = trip.gateway;
    let app = &gateway.app;
    let payer = paid.payload.authorization.from.to_string();
    let forwarded = forward(trip, (body.bytes.clone(), &ask), Some(&payer), false).await;
    drop(body);
    let answer = match forwarded {
        Ok(answer) if !answer.is_error() => answer,
        // What is settled stays so: the payer may come again with it.
        other => {
            if settled.is_none() {
                exact::release(app, id).await;
            }
            return no_answer(trip, ask, other, settled.is_none());
        }
    };
    let is_whole = answer.is_whole();
    let kept = kept(trip, &answer);
    let owner = (trip.place.organization_id, id.uuid());
    let (store, limits) = (&gateway.answers, &trip.place.route.limits);
    let receipt = match settled {
        Some(receipt) => receipt,
        None => match exact::settle(app, id, SETTLED_WITHIN).await {
            Ok(receipt) => receipt,
            Err(SettleError::Refused(refusal)) => return Err(paid.refuse(&refusal)),
            Err(SettleError::InDoubt) => {
                // Who comes again need not have the work done again.
                if let Some(kept) = &kept {
                    answers::keep(store, limits, owner, kept).await;
                }
                return Err(exact::in_doubt().into());
            }
        },
    };
    if let Some(kept) = &kept {
        answers::keep(store, limits, owner, kept).await;
    }
    hand_out(trip, paid, id, &receipt).await?;
    let mut reply = if is_whole {
        let upstream = answer.took();
        let Answer { answering, beginning, headers } = answer;
        Reply::whole(response(answering.status, headers, Body::from(beginning.joined())), "paid", upstream)
    } else {
        stream(trip, ask, answer, id)
    };
    paid.write(reply.response.headers_mut(), &receipt);
    Ok(reply)
}

fn no_answer(trip: &Trip<'_>, ask: Ask, answer: Result<Answer, NoAnswer>, is_free: bool) -> Outcome<Reply> {
    let write = |headers: &mut HeaderMap| {
        if is_free {
            put(headers, COST, "0");
            put(headers, CURRENCY, Currency::USDC.code());
        }
    };
    match answer {
        Ok(answer) => {
            let mut reply = hand_over(trip, ask, answer, "upstream_error");
            write(reply.response.headers_mut());
            Ok(reply)
        }
        Err(none) => {
            let mut refused: Box<Refused> = Problem::from(none).into();
            write(&mut refused.headers);
            Err(refused)
        }
    }
}

/// An answer as it is kept, when it is whole and small enough.
fn kept(trip: &Trip<'_>, answer: &Answer) -> Option<Kept> {
    let is_kept = answer.is_whole() && answers::is_kept(&trip.place.route.limits, answer.beginning.length);
    is_kept.then(|| Kept {
        status: answer.answering.status,
        headers: answer.headers.clone(),
        body: answer.beginning.joined(),
    })
}

/// Passes an answer on as it comes: it is paid for.
fn stream(trip: &Trip<'_>, ask: Ask, answer: Answer, id: ExactPaymentId) -> Reply {
    let upstream = answer.took();
    let Answer { answering, beginning, mut headers } = answer;
    if ask.asked.is_some() {
        headers.remove(header::CONTENT_LENGTH);
    }
    let status = answering.status;
    let parts = PumpParts {
        gateway: trip.gateway.clone(),
        place: trip.place.clone(),
        ask,
        answering,
        beginning,
        tab: None,
        model: None,
        under_way: None,
    };
    let (mut pump, body) = Pump::new(parts);
    if trip.place.route.limits.keep_secs > 0 {
        pump.keep(id.uuid(), status, headers.clone());
    }
    Reply { response: response(status, headers, body), outcome: "paid", upstream, rest: Some(Box::new(pump)) }
}
