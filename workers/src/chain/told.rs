//! Tells the streams that wait for a transaction what becomes of it. Each is told with a command whose id follows
//! from what happened, so telling it again changes nothing; what is known already is not told.

use chain::client::Receipt;
use chain::facts;
use chrono::TimeDelta;
use domain::evm::Bytes32;
use domain::ids::{OrganizationId, SettlementId};
use domain::money::{Amount, Currency};
use domain::session_key::command::{Action as KeyAction, SessionKeyCommand};
use domain::session_key::{INDEX_CHAIN_SESSION, SUPERSEDED, SessionKey};
use domain::settlement::{
    Action, Finalized, Lane, Mined as SettlementMined, Resubmitted, Settlement, SettlementCommand, SettlementEvent,
    SkippedClaim, Status, Submitted,
};
use domain::settler::{Mined, Purpose, Signed};
use domain::{Aggregate, StreamId};
use eventstore::entity::Loaded;
use eventstore::{Executed, Recorded, clock};
use uuid::Uuid;

use super::listener::last_final_block;
use super::settler::Queue;
use super::{RoundError, caused};

/// The first retry comes after twice this, each further one after twice as long as the one before.
const RETRY_AFTER_SECS: i64 = 2;

/// Whose settlement, where its streams live, and which.
pub(super) type Settling = (OrganizationId, i32, SettlementId);

impl Queue {
    /// It has a signature, and is about to be sent: its first one, or another after it was replaced or lost its nonce.
    pub(super) async fn tell_signed(
        &self,
        purpose: Purpose,
        signed: &Signed,
        is_sent_again: bool,
    ) -> Result<(), RoundError> {
        // The others knew that they would be sent.
        let Purpose::Settlement { organization_id, partition, settlement_id, attempt } = purpose else {
            return Ok(());
        };
        let settlement = (organization_id, partition, settlement_id);
        let (tx_hash, nonce) = (signed.tx_hash, signed.nonce);
        let Loaded { state, version, .. } = self.load_settlement(settlement_id).await?;
        if !is_due(&state, attempt) {
            return Ok(());
        }
        if state.status == Status::Planned {
            let action = Action::Submit(Submitted { attempt, tx_hash, nonce });
            return self.tell_settlement(settlement, "submitted", attempt, action).await.map(|_| ());
        }
        if let (true, Some(mined)) = (is_sent_again, &state.mined) {
            // The chain was set back: it has no block with it any more.
            self.reorganize(settlement, mined.block_hash, version).await?;
        } else if state.status == Status::Mined {
            return Ok(());
        }
        let Some(known) = state.submitted.filter(|known| (known.tx_hash, known.nonce) != (tx_hash, nonce)) else {
            return Ok(());
        };
        let reason = match known.nonce == nonce {
            true => "it was signed again with a higher fee",
            false => "somebody else's transaction took its nonce",
        };
        let action = Action::Resubmit(Resubmitted { attempt, tx_hash, nonce, reason: reason.to_owned() });
        self.tell_settlement_of(settlement, "resubmitted", &tx_hash.0, action).await.map(|_| ())
    }

    /// It is in a block.
    pub(super) async fn tell_mined(
        &mut self,
        purpose: Purpose,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<(), RoundError> {
        match purpose {
            Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                let settlement = (organization_id, partition, settlement_id);
                let Mined { tx_hash, block_number, block_hash, .. } = *mined;
                let Loaded { state, version, .. } = self.load_settlement(settlement_id).await?;
                let known = state.mined.as_ref().map(|known| (known.tx_hash, known.block_hash));
                if !is_due(&state, attempt) || known == Some((tx_hash, block_hash)) {
                    return Ok(());
                }
                if let Some((_, former)) = known {
                    self.reorganize(settlement, former, version).await?;
                }
                let action = Action::Mine(SettlementMined { tx_hash, block_number, block_hash });
                let of = [block_hash.0.as_slice(), &tx_hash.0, &version.to_be_bytes()].concat();
                self.tell_settlement_of(settlement, "mined", &of, action).await.map(|_| ())
            }
            Purpose::Relay { .. } => Ok(()),
            Purpose::Exact { organization_id, partition, exact_payment_id } => {
                self.tell_exact_mined((organization_id, partition, exact_payment_id), mined, receipt).await
            }
        }
    }

    /// The block it was in is gone. An exact payment stays settled meanwhile: the same transfer comes into another
    /// block, or the payment fails when it is known that it cannot. A relay was told of nothing yet.
    pub(super) async fn tell_reorganized(&self, purpose: Purpose, mined: &Mined) -> Result<(), RoundError> {
        let Purpose::Settlement { organization_id, partition, settlement_id, attempt } = purpose else {
            return Ok(());
        };
        let Loaded { state, version, .. } = self.load_settlement(settlement_id).await?;
        let is_there = state.mined.as_ref().is_some_and(|known| known.block_hash == mined.block_hash);
        if !is_due(&state, attempt) || !is_there {
            return Ok(());
        }
        self.reorganize((organization_id, partition, settlement_id), mined.block_hash, version).await
    }

    async fn reorganize(&self, settlement: Settling, block_hash: Bytes32, version: i64) -> Result<(), RoundError> {
        let of = [block_hash.0.as_slice(), &version.to_be_bytes()].concat();
        self.tell_settlement_of(settlement, "reorganized", &of, Action::Reorganize { block_hash }).await.map(|_| ())
    }

    /// It is in a block for good, and the call went through. Gives whether that is all there is to tell.
    pub(super) async fn tell_concluded(
        &mut self,
        purpose: Purpose,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<bool, RoundError> {
        match purpose {
            Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                let settlement = (organization_id, partition, settlement_id);
                self.conclude_settlement(settlement, attempt, mined, receipt).await
            }
            Purpose::Relay { organization_id, partition, session_key_id, relay_id } => {
                let (tx_hash, block_number) = (mined.tx_hash, mined.block_number);
                let action = KeyAction::RelayDone { relay_id, tx_hash, block_number };
                let stream = StreamId::new(SessionKey::CATEGORY, session_key_id);
                let cause = caused(&[b"relay done", relay_id.uuid().as_bytes()]);
                self.tell_session_key(organization_id, partition, stream, cause, action).await?;
                Ok(true)
            }
            Purpose::Exact { organization_id, partition, exact_payment_id } => {
                self.conclude_exact((organization_id, partition, exact_payment_id), mined, receipt).await
            }
        }
    }

    async fn conclude_settlement(
        &self,
        settlement: Settling,
        attempt: u32,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<bool, RoundError> {
        let settlement_id = settlement.2;
        let state = self.load_settlement(settlement_id).await?.state;
        // After a chain was set back it is made a second time, and stands in the log already.
        if !is_due(&state, attempt) {
            return Ok(true);
        }
        let Some((opened, _)) = state.opened else { return Ok(true) };
        let (lane, decimals) = (opened.lane, Currency::USDC.minor_unit());
        if !self.is_heard(&lane, mined).await? {
            return Ok(false);
        }
        let outcome = facts::settled(receipt.logs(), lane.contract, lane.token, lane.payee, decimals);
        let skipped = outcome
            .skipped
            .iter()
            .map(|claim| SkippedClaim { session_id: claim.session_id, reason: claim.reason.to_owned() });
        let finalized = Finalized {
            tx_hash: mined.tx_hash,
            block_number: mined.block_number,
            block_hash: mined.block_hash,
            transferred: outcome.transferred,
            currency: lane.currency,
            settled: outcome.settled,
            skipped: skipped.collect(),
            gas_used: receipt.gas_used,
            gas_price_wei: u64::try_from(receipt.effective_gas_price).unwrap_or(u64::MAX),
        };
        for claim in &outcome.skipped {
            tracing::warn!(%settlement_id, session_id = %claim.session_id, claim.reason, "the contract skipped a claim");
            metrics::counter!("tollbook_claims_skipped_total", "reason" => claim.reason).increment(1);
            self.release(claim.session_id, settlement_id, claim.reason).await?;
        }
        tracing::info!(%settlement_id, total = %outcome.transferred, claims = outcome.settled, "settled");
        metrics::counter!("tollbook_settlements_total", "outcome" => "finalized").increment(1);
        self.tell_settlement(settlement, "finalized", attempt, Action::Finalize(Box::new(finalized))).await?;
        Ok(true)
    }

    /// Whether the session keys know already what the contract did in that block: what was claimed is in the log
    /// before its settlement is final, and why a claim was skipped is judged by what its session has now.
    async fn is_heard(&self, lane: &Lane, mined: &Mined) -> Result<bool, RoundError> {
        let settings = self.client.settings();
        if (lane.chain_id, lane.contract) != (settings.network.chain_id, settings.contract) {
            return Ok(true);
        }
        let heard = last_final_block(&self.pool, lane.chain_id, lane.contract).await?;
        Ok(heard >= Some(mined.block_number))
    }

    async fn release(
        &self,
        session_id: Bytes32,
        settlement_id: SettlementId,
        reason: &'static str,
    ) -> Result<(), RoundError> {
        let Some(found) = self.ledger.log().lookup(INDEX_CHAIN_SESSION, &session_id.0).await? else {
            return Ok(());
        };
        let state = self.ledger.load::<SessionKey>(&found.stream_id).await?.state;
        let open = state.open_claim.as_ref().filter(|open| open.settlement_id == settlement_id);
        // Where somebody else claimed as much, the claim is closed already.
        let Some(open) = open else { return Ok(()) };
        let reason = why_released(reason, state.escrow(), open.total_claimed);
        let action = KeyAction::ReleaseClaim { settlement_id, reason: reason.to_owned() };
        let cause = caused(&[b"release", settlement_id.uuid().as_bytes(), &session_id.0]);
        self.tell_session_key(found.organization_id, found.partition, found.stream_id, cause, action).await
    }

    /// It will not be sent, or was reverted. Gives whether that is all there is to tell.
    pub(super) async fn tell_failed(&mut self, purpose: Purpose, reason: &str) -> Result<bool, RoundError> {
        match purpose {
            Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                tracing::warn!(%settlement_id, attempt, reason, "an attempt to settle has failed");
                metrics::counter!("tollbook_settlements_total", "outcome" => "failed").increment(1);
                let retry_at = clock::now() + retry_after(attempt);
                let action = Action::Fail { attempt, reason: reason.to_owned(), retry_at };
                let settlement = (organization_id, partition, settlement_id);
                let done = self.tell_settlement(settlement, "failed", attempt, action).await?;
                if let Some(SettlementEvent::Parked(_)) = done {
                    tracing::error!(%settlement_id, attempt, reason, "a settlement is parked: a person must look");
                    metrics::counter!("tollbook_settlements_total", "outcome" => "parked").increment(1);
                }
                Ok(true)
            }
            Purpose::Relay { organization_id, partition, session_key_id, relay_id } => {
                tracing::warn!(%session_key_id, %relay_id, reason, "what was to be relayed was refused");
                let action = KeyAction::RelayFailed { relay_id, reason: reason.to_owned() };
                let stream = StreamId::new(SessionKey::CATEGORY, session_key_id);
                let cause = caused(&[b"relay failed", relay_id.uuid().as_bytes()]);
                self.tell_session_key(organization_id, partition, stream, cause, action).await?;
                Ok(true)
            }
            Purpose::Exact { organization_id, partition, exact_payment_id } => {
                self.tell_exact_refused((organization_id, partition, exact_payment_id), reason).await
            }
        }
    }

    async fn tell_session_key(
        &self,
        organization_id: OrganizationId,
        partition: i32,
        stream: StreamId,
        cause: Uuid,
        action: KeyAction,
    ) -> Result<(), RoundError> {
        let command = SessionKeyCommand { organization_id, action };
        match self.execute::<SessionKey>(organization_id, partition, stream, cause, command).await? {
            Ok(_) => Ok(()),
            Err(denied) => Err(RoundError::Denied(denied.to_string())),
        }
    }

    pub(super) async fn load_settlement(&self, id: SettlementId) -> Result<Loaded<Settlement>, RoundError> {
        Ok(self.ledger.load::<Settlement>(&StreamId::new(Settlement::CATEGORY, id)).await?)
    }

    /// Tells a settlement what happens once in an attempt. Gives the last event of what was new.
    pub(super) async fn tell_settlement(
        &self,
        settlement: Settling,
        step: &str,
        attempt: u32,
        action: Action,
    ) -> Result<Option<SettlementEvent>, RoundError> {
        self.tell_settlement_of(settlement, step, &attempt.to_be_bytes(), action).await
    }

    /// The same for what may happen more than once: `of` tells one time from another.
    async fn tell_settlement_of(
        &self,
        (organization_id, partition, settlement_id): Settling,
        step: &str,
        of: &[u8],
        action: Action,
    ) -> Result<Option<SettlementEvent>, RoundError> {
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let cause = caused(&[b"settlement", settlement_id.uuid().as_bytes(), step.as_bytes(), of]);
        let command = SettlementCommand { organization_id, action };
        match self.execute::<Settlement>(organization_id, partition, stream, cause, command).await? {
            Ok(Executed::Done { event: Recorded { event, .. }, replayed: false }) => Ok(Some(event)),
            Ok(_) => Ok(None),
            // It is further already.
            Err(denied) => {
                tracing::debug!(%settlement_id, step, %denied, "left as it is");
                Ok(None)
            }
        }
    }
}

/// Whether an attempt of a settlement is still to be made, or under way.
pub(super) fn is_due(settlement: &Settlement, attempt: u32) -> bool {
    settlement.attempt() == attempt && matches!(settlement.status, Status::Planned | Status::Submitted | Status::Mined)
}

/// How long after an attempt that failed comes the next.
fn retry_after(attempt: u32) -> TimeDelta {
    TimeDelta::seconds(RETRY_AFTER_SECS << attempt.min(10))
}

/// Why a skipped claim leaves its settlement. Where the owner has taken money out meanwhile, what is left is claimed by
/// another plan; else what the contract says stands, and most of it waits for a person.
fn why_released(skipped: &'static str, escrow: Amount, claimed: Amount) -> &'static str {
    if skipped == "above_escrow" && escrow < claimed { SUPERSEDED } else { skipped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::session_key::is_set_aside;

    #[test]
    fn a_claim_that_came_too_late_is_planned_anew_with_what_is_left() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        assert!(!is_set_aside(why_released("above_escrow", amount("3"), amount("4"))));
        assert!(is_set_aside(why_released("above_escrow", amount("4"), amount("4"))), "the ledger knows no reason");
        for permanent in [
            "unknown_session",
            "wrong_token",
            "unknown_payee",
            "claim_window_closed",
            "already_claimed",
            "above_voucher",
            "bad_signature",
        ] {
            assert!(is_set_aside(why_released(permanent, amount("3"), amount("4"))), "{permanent}");
        }
        for passing in ["not_yet_valid", "above_period_limit"] {
            assert!(!is_set_aside(why_released(passing, amount("3"), amount("4"))), "{passing}");
        }
    }

    #[test]
    fn pauses_between_attempts_double_up_to_half_an_hour() {
        assert_eq!([1, 2, 3].map(|attempt| retry_after(attempt).num_seconds()), [4, 8, 16]);
        assert_eq!(retry_after(10), retry_after(1_000));
    }
}
