//! What became of a session key's charge on chain: the claim that pays for it, the settlement that the
//! claim is in, its transaction, and the money's arrival.

use domain::RecordedEvent;
use domain::ids::SettlementId;
use domain::session_key::event::{ClaimPlanned, Claimed};
use domain::session_key::{SessionCharged, SessionKeyEvent};
use domain::settlement::{Cause, SettlementEvent};
use eventstore::LogPosition;
use projections::settlement::{ClaimRow, claim_of_charge};
use serde_json::{Value, json};

use super::{Look, Step, StepOut, Way, decode};
use crate::command::settlements::settlement_stream;
use crate::problem::Problem;

impl Look<'_> {
    /// What happened after the charge, and whether it is settled for good.
    pub(super) async fn settled(&self, charged: &SessionCharged) -> Result<(Vec<StepOut>, bool), Problem> {
        let (organization, position) = (self.charge.organization_id, self.charge.position);
        let found = claim_of_charge(&self.app.pool, organization, charged.session_key_id, position).await?;
        let Some((claim, _)) = found else { return self.without_settlement(charged).await };
        let id = SettlementId::new(claim.settlement_id);
        let is_it =
            |event: &SessionKeyEvent| matches!(event, SessionKeyEvent::ClaimPlanned(e) if e.settlement_id == id);
        let planned = self.find(&self.charge.stream_id, "claim_planned", self.after(), is_it).await?;
        let mut steps = Vec::new();
        let mut after = Way::After(position);
        if let Some((stored, SessionKeyEvent::ClaimPlanned(planned))) = &planned {
            steps.push(claim_step(stored, planned, charged, &claim));
            after = Way::After(stored.position);
        }
        let (mut later, is_settled) = self.settlement(id, &claim).await?;
        later.extend(self.end_of_claim(id, after).await?);
        later.sort_by_key(|(position, _)| *position);
        steps.extend(later.into_iter().map(|(_, step)| step));
        Ok((steps, is_settled))
    }

    /// In no settlement: because it is too early, or because somebody else claimed.
    async fn without_settlement(&self, charged: &SessionCharged) -> Result<(Vec<StepOut>, bool), Problem> {
        let earned = charged.after.charged.rounded_down(charged.currency.minor_unit());
        let is_it = |event: &SessionKeyEvent| matches!(event, SessionKeyEvent::Claimed(e) if e.settlement_id.is_none() && e.total_claimed >= earned);
        let others = self.find(&self.charge.stream_id, "claimed", self.after(), is_it).await?;
        if let Some((stored, SessionKeyEvent::Claimed(claimed))) = &others {
            return Ok((vec![claimed_step(stored, claimed)], true));
        }
        let text = "It is not yet in a settlement.";
        Ok((vec![StepOut::without_event(Step::Claim, text, json!({"settlement_id": null}))], false))
    }

    /// The settlement's events, each with its place, and whether it paid this claim for good.
    async fn settlement(&self, id: SettlementId, claim: &ClaimRow) -> Result<(Vec<(i64, StepOut)>, bool), Problem> {
        let events = self.app.ledger.log().tails(&[(settlement_stream(id), 0)]).await?;
        let (mut steps, mut is_settled) = (Vec::with_capacity(events.len()), false);
        for stored in &events {
            let event = decode(stored)?;
            if let SettlementEvent::Finalized(finalized) = &event {
                is_settled = !finalized.skipped.iter().any(|one| one.session_id.to_string() == claim.session_id);
            }
            steps.push((stored.position, settlement_step(id, stored, &event, claim)));
        }
        Ok((steps, is_settled))
    }

    /// What the chain said of the claim, or that it was taken out of the settlement.
    async fn end_of_claim(&self, id: SettlementId, way: Way) -> Result<Option<(i64, StepOut)>, Problem> {
        let stream = &self.charge.stream_id;
        let is_paid =
            |event: &SessionKeyEvent| matches!(event, SessionKeyEvent::Claimed(e) if e.settlement_id == Some(id));
        if let Some((stored, SessionKeyEvent::Claimed(claimed))) = self.find(stream, "claimed", way, is_paid).await? {
            return Ok(Some((stored.position, claimed_step(&stored, &claimed))));
        }
        let is_out =
            |event: &SessionKeyEvent| matches!(event, SessionKeyEvent::ClaimReleased(e) if e.settlement_id == id);
        let released = self.find(stream, "claim_released", way, is_out).await?;
        let Some((stored, SessionKeyEvent::ClaimReleased(released))) = released else { return Ok(None) };
        let (amount, currency, reason) = (released.amount, released.currency, &released.reason);
        let text = format!("The claim of {amount} {currency} was taken out of settlement {id}: {reason}.");
        let data = json!({"settlement_id": id, "amount": amount, "currency": currency, "reason": reason});
        Ok(Some((stored.position, StepOut::new(Step::Claim, &stored, text, data))))
    }
}

fn claim_step(stored: &RecordedEvent, planned: &ClaimPlanned, charged: &SessionCharged, claim: &ClaimRow) -> StepOut {
    let (currency, to) = (planned.currency, charged.after.charged);
    let from = to.minus(charged.amount);
    let text = format!(
        "Settlement {} claims {} {currency} of this session, for what was charged from {} to {} {currency} in all; this \
         charge is the part from {from} to {to}.",
        planned.settlement_id, planned.amount, planned.charged_from, planned.charged_to
    );
    let place = |position| LogPosition { partition: stored.partition, position }.to_string();
    let data = json!({
        "settlement_id": planned.settlement_id,
        "session_id": claim.session_id,
        "amount": planned.amount,
        "currency": currency,
        "total_claimed": planned.total_claimed,
        "charged_from": planned.charged_from,
        "charged_to": planned.charged_to,
        "this_charge": {"from": from, "to": to},
        "charges": claim.charges,
        "first_position": place(claim.first_position),
        "last_position": place(claim.last_position),
        "voucher": planned.voucher,
    });
    StepOut::new(Step::Claim, stored, text, data)
}

fn claimed_step(stored: &RecordedEvent, claimed: &Claimed) -> StepOut {
    let (currency, at) = (claimed.currency, claimed.at);
    let whose = if claimed.settlement_id.is_some() { "the claim" } else { "a claim that somebody else made" };
    let text = format!(
        "The contract paid {whose}: {} {currency}, {} {currency} in all, with transaction {} in block {}.",
        claimed.amount, claimed.total_claimed, at.tx_hash, at.block_number
    );
    let data = json!({
        "settlement_id": claimed.settlement_id,
        "amount": claimed.amount,
        "currency": currency,
        "total_claimed": claimed.total_claimed,
        "at": at,
    });
    StepOut::new(Step::Claim, stored, text, data)
}

const fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Threshold => "enough was unsettled",
        Cause::Age => "something had been unsettled for long enough",
        Cause::Requested => "somebody asked for it",
        Cause::Withdrawal => "an owner wanted money back",
        Cause::Frozen => "a session was frozen",
        Cause::Revoked => "a session was revoked",
        Cause::Expiry => "a session had expired or was about to",
        Cause::Ending => "an owner wanted money back, or a session was frozen, revoked or about to expire",
    }
}

fn settlement_step(id: SettlementId, stored: &RecordedEvent, event: &SettlementEvent, claim: &ClaimRow) -> StepOut {
    let (step, text) = match event {
        SettlementEvent::Opened(e) => {
            let (payee, chain, contract) = (e.lane.payee, e.lane.chain_id, e.lane.contract);
            let why = why(e.cause);
            let text = format!(
                "Settlement {id} was opened because {why}; it pays {payee} on chain {chain}, contract {contract}."
            );
            (Step::Settlement, text)
        }
        SettlementEvent::Planned(e) => {
            let head = LogPosition { partition: e.log_head.partition, position: e.log_head.position };
            let (claims, total, currency, root) = (e.claims.len(), e.total, e.currency, e.evidence_root);
            let (leaves, link) = (e.evidence_leaves, e.log_head.chain);
            let text = format!(
                "It makes {claims} claims of {total} {currency} in all; the evidence root {root} is over {leaves} leaves, \
                 the charges and the log's head {head} ({link})."
            );
            (Step::Settlement, text)
        }
        SettlementEvent::Abandoned(e) => (Step::Settlement, format!("It was abandoned: {}.", e.reason)),
        SettlementEvent::Submitted(e) => {
            let text = format!("Attempt {} was signed as transaction {} with nonce {}.", e.attempt, e.tx_hash, e.nonce);
            (Step::Transaction, text)
        }
        SettlementEvent::Mined(e) => {
            let text = format!("Transaction {} is in block {} ({}).", e.tx_hash, e.block_number, e.block_hash);
            (Step::Transaction, text)
        }
        SettlementEvent::Finalized(e) => {
            let (amount, currency, settled, skipped) = (e.transferred, e.currency, e.settled, e.skipped.len());
            let own = e.skipped.iter().find(|one| one.session_id.to_string() == claim.session_id);
            let own =
                own.map_or(String::new(), |one| format!("; the claim of this session was skipped: {}", one.reason));
            let text = format!(
                "{amount} {currency} came to the payee with transaction {} in block {}, for good: {settled} claims were \
                 paid, {skipped} were skipped{own}.",
                e.tx_hash, e.block_number
            );
            (Step::Transfer, text)
        }
        SettlementEvent::Failed(e) => {
            (Step::Settlement, format!("Attempt {} came to nothing: {}.", e.attempt, e.reason))
        }
        SettlementEvent::Parked(e) => {
            (Step::Settlement, format!("After {} attempts it waits for a person: {}.", e.attempts, e.reason))
        }
        SettlementEvent::Retried(_) => (Step::Settlement, "A person asked for another attempt.".to_owned()),
        SettlementEvent::Resubmitted(e) => {
            let text = format!(
                "The transaction of attempt {} is now {} with nonce {}: {}.",
                e.attempt, e.tx_hash, e.nonce, e.reason
            );
            (Step::Transaction, text)
        }
        SettlementEvent::Reorganized(e) => {
            let text = format!(
                "Block {} ({}) is gone, and transaction {} waits for another one.",
                e.block_number, e.block_hash, e.tx_hash
            );
            (Step::Transaction, text)
        }
    };
    StepOut::new(step, stored, text, settlement_data(id, event))
}

/// The payload, without what belongs to other sessions and without the call's bytes.
fn settlement_data(id: SettlementId, event: &SettlementEvent) -> Value {
    let mut data = match event {
        SettlementEvent::Opened(e) => json!(e),
        SettlementEvent::Planned(e) => json!({
            "claims": e.claims.len(),
            "total": e.total,
            "currency": e.currency,
            "evidence_root": e.evidence_root,
            "evidence_leaves": e.evidence_leaves,
            "log_head": e.log_head,
        }),
        SettlementEvent::Abandoned(e) => json!(e),
        SettlementEvent::Submitted(e) => json!(e),
        SettlementEvent::Mined(e) => json!(e),
        SettlementEvent::Finalized(e) => json!(e),
        SettlementEvent::Failed(e) => json!(e),
        SettlementEvent::Parked(e) => json!(e),
        SettlementEvent::Retried(e) => json!(e),
        SettlementEvent::Resubmitted(e) => json!(e),
        SettlementEvent::Reorganized(e) => json!(e),
    };
    data["settlement_id"] = json!(id);
    data
}
