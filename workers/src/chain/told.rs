//! Tells the streams that wait for a transaction what becomes of it. Each is told with a command whose id follows
//! from what happened, so telling it again changes nothing.

use chain::client::Receipt;
use chain::facts;
use chrono::TimeDelta;
use domain::evm::Bytes32;
use domain::ids::{OrganizationId, SettlementId};
use domain::money::Currency;
use domain::session_key::command::{Action as KeyAction, SessionKeyCommand};
use domain::session_key::{INDEX_CHAIN_SESSION, SessionKey};
use domain::settlement::{
    Action, Finalized, Mined as SettlementMined, Settlement, SettlementCommand, SkippedClaim, Submitted,
};
use domain::settler::{Mined, Purpose, Signed};
use domain::{Aggregate, StreamId};
use eventstore::clock;
use uuid::Uuid;

use super::settler::Queue;
use super::{RoundError, caused};

/// The first retry comes after twice this, each further one after twice as long as the one before.
const RETRY_AFTER_SECS: i64 = 2;

impl Queue {
    /// It has a nonce and a signature.
    pub(super) async fn tell_submitted(&self, purpose: Purpose, signed: &Signed) -> Result<(), RoundError> {
        match purpose {
            Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                let submitted = Submitted { attempt, tx_hash: signed.tx_hash, nonce: signed.nonce };
                let settlement = (organization_id, partition, settlement_id);
                self.tell_settlement(settlement, "submitted", attempt, Action::Submit(submitted)).await
            }
            // They knew that they would be sent.
            Purpose::Relay { .. } | Purpose::Exact { .. } => Ok(()),
        }
    }

    /// It is in a block.
    pub(super) async fn tell_mined(
        &self,
        purpose: Purpose,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<(), RoundError> {
        let Mined { tx_hash, block_number, block_hash, .. } = *mined;
        match purpose {
            Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                let action = Action::Mine(SettlementMined { tx_hash, block_number, block_hash });
                self.tell_settlement((organization_id, partition, settlement_id), "mined", attempt, action).await
            }
            Purpose::Relay { .. } => Ok(()),
            Purpose::Exact { organization_id, partition, exact_payment_id } => {
                self.tell_exact_mined((organization_id, partition, exact_payment_id), mined, receipt).await
            }
        }
    }

    /// It is in a block for good, and the call went through. Gives whether that is all there is to tell.
    pub(super) async fn tell_concluded(
        &self,
        purpose: Purpose,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<bool, RoundError> {
        match purpose {
            Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                let settlement = (organization_id, partition, settlement_id);
                self.conclude_settlement(settlement, attempt, mined, receipt).await?;
                Ok(true)
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
        (organization_id, partition, settlement_id): (OrganizationId, i32, SettlementId),
        attempt: u32,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<(), RoundError> {
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let state = self.ledger.load::<Settlement>(&stream).await?.state;
        let Some((opened, _)) = state.opened else { return Ok(()) };
        let (lane, decimals) = (opened.lane, Currency::USDC.minor_unit());
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
            self.release(claim.session_id, settlement_id, claim.reason).await?;
        }
        tracing::info!(%settlement_id, total = %outcome.transferred, claims = outcome.settled, "settled");
        metrics::counter!("tollbook_settlements_total", "outcome" => "finalized").increment(1);
        let settlement = (organization_id, partition, settlement_id);
        self.tell_settlement(settlement, "finalized", attempt, Action::Finalize(Box::new(finalized))).await
    }

    async fn release(&self, session_id: Bytes32, settlement_id: SettlementId, reason: &str) -> Result<(), RoundError> {
        let Some(found) = self.ledger.log().lookup(INDEX_CHAIN_SESSION, &session_id.0).await? else {
            return Ok(());
        };
        let action = KeyAction::ReleaseClaim { settlement_id, reason: reason.to_owned() };
        let cause = caused(&[b"release", settlement_id.uuid().as_bytes(), &session_id.0]);
        self.tell_session_key(found.organization_id, found.partition, found.stream_id, cause, action).await
    }

    /// It will not be sent, or was reverted. Gives whether that is all there is to tell.
    pub(super) async fn tell_failed(&self, purpose: Purpose, reason: &str) -> Result<bool, RoundError> {
        match purpose {
            Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                tracing::warn!(%settlement_id, attempt, reason, "an attempt to settle has failed");
                metrics::counter!("tollbook_settlements_total", "outcome" => "failed").increment(1);
                let wait = RETRY_AFTER_SECS << attempt.min(10);
                let retry_at = clock::now() + TimeDelta::seconds(wait);
                let action = Action::Fail { attempt, reason: reason.to_owned(), retry_at };
                self.tell_settlement((organization_id, partition, settlement_id), "failed", attempt, action).await?;
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

    pub(super) async fn tell_settlement(
        &self,
        (organization_id, partition, settlement_id): (OrganizationId, i32, SettlementId),
        step: &str,
        attempt: u32,
        action: Action,
    ) -> Result<(), RoundError> {
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let attempt = attempt.to_be_bytes();
        let cause = caused(&[b"settlement", settlement_id.uuid().as_bytes(), step.as_bytes(), &attempt]);
        let command = SettlementCommand { organization_id, action };
        match self.execute::<Settlement>(organization_id, partition, stream, cause, command).await? {
            Ok(_) => {}
            // It is further already.
            Err(denied) => tracing::debug!(%settlement_id, step, %denied, "left as it is"),
        }
        Ok(())
    }
}
