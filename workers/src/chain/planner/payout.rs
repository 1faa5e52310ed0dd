//! Pays out withdrawals whose time has come by the chain's own clock, which need not be ours. One that fails is tried
//! again, after longer and longer pauses: each try costs gas.

use std::collections::HashMap;
use std::time::Duration;

use chain::calls;
use domain::ids::{OrganizationId, RelayId, SessionKeyId};
use domain::session_key::command::{Action as KeyAction, SessionKeyCommand};
use domain::session_key::{RelayAction, SessionKey};
use domain::{Aggregate, StreamId, Timestamp};
use projections::settlement;
use tokio::time::Instant;
use uuid::Uuid;

use super::super::{RoundError, Worker, caused};

/// The pause after the first try; each further one is twice as long, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// What was tried and is not due any more is forgotten after this.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(2 * 3_600);

/// Which withdrawal: of this session key, seen in this block at this place.
type Withdrawal = (Uuid, u64, u64);

/// Withdrawals that were tried: how often, and when last.
#[derive(Debug, Default)]
pub(super) struct Tried(HashMap<Withdrawal, (u32, Instant)>);

impl Tried {
    fn may_try(&self, withdrawal: &Withdrawal) -> bool {
        self.0.get(withdrawal).is_none_or(|(tries, last)| last.elapsed() >= pause_after(*tries))
    }

    fn note(&mut self, withdrawal: Withdrawal) {
        self.0.retain(|_, (_, last)| last.elapsed() < FORGOTTEN_AFTER);
        let (tries, last) = self.0.entry(withdrawal).or_insert((0, Instant::now()));
        *tries = tries.saturating_add(1);
        *last = Instant::now();
    }
}

/// How long after so many tries comes the next.
fn pause_after(tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX)
}

impl Worker {
    /// Pays out what is due.
    pub(in super::super) async fn pay_out(&mut self) -> Result<(), RoundError> {
        let (chain_id, contract, now) = (self.chain_id(), self.contract(), self.chain.client.head().await?.time);
        let due = settlement::withdrawals_due(&self.context.pool, chain_id, &contract, now).await?;
        for withdrawal in due {
            let organization_id = OrganizationId::new(withdrawal.organization_id);
            self.finalize_withdrawal(organization_id, withdrawal.partition, withdrawal.session_key_id, now).await?;
        }
        Ok(())
    }

    async fn finalize_withdrawal(
        &mut self,
        organization_id: OrganizationId,
        partition: i32,
        session_key: Uuid,
        now: Timestamp,
    ) -> Result<(), RoundError> {
        let stream = StreamId::new(SessionKey::CATEGORY, SessionKeyId::new(session_key));
        let state = self.context.ledger.load::<SessionKey>(&stream).await?.state;
        let (Some(grant), Some(withdrawal)) = (&state.grant, state.withdrawal) else { return Ok(()) };
        let (block, index) = withdrawal.seen_at();
        let named = (session_key, block, index);
        let is_under_way = state.relays.iter().any(|relay| relay.action == RelayAction::FinalizeWithdraw);
        if is_under_way || now < withdrawal.available_at || !self.planner.payouts.may_try(&named) {
            return Ok(());
        }
        let calldata = calls::finalize_withdraw(&grant.terms);
        let minute = now.timestamp() / 60;
        // Whatever another process remembers: one try a minute.
        let cause = caused(&[
            b"finalize withdrawal",
            session_key.as_bytes(),
            &block.to_be_bytes(),
            &index.to_be_bytes(),
            &minute.to_be_bytes(),
        ]);
        let relay_id = RelayId::new(cause);
        let action = KeyAction::Relay { relay_id, action: RelayAction::FinalizeWithdraw, calldata };
        let command = SessionKeyCommand { organization_id, action };
        match self.execute::<SessionKey>(organization_id, partition, stream, cause, command).await? {
            Ok(_) => self.planner.payouts.note(named),
            Err(denied) => tracing::debug!(%denied, "the withdrawal waits"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let minutes = [1, 2, 3, 4, 5, 6, 7, 8, 100, u32::MAX].map(|tries| pause_after(tries).as_secs() / 60);
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    }

    #[test]
    fn each_withdrawal_has_pauses_of_its_own() {
        let mut tried = Tried::default();
        let (one, other) = ((Uuid::from_u128(1), 7, 0), (Uuid::from_u128(1), 9, 0));
        assert!(tried.may_try(&one));
        tried.note(one);
        assert!(!tried.may_try(&one));
        assert!(tried.may_try(&other), "asked for anew, it is another one");
    }
}
