//! What a claim needs on chain: a voucher by the session's key, and the charges it pays for as leaves of
//! the settlement's evidence tree.

use chain::{evidence, voucher};
use domain::evm::{Bytes32, CompactSignature};
use domain::ids::OrganizationId;
use domain::session_key::event::ClaimPlanned;
use domain::session_key::{Custody, SessionKey};
use domain::settlement::Opened;
use domain::{Aggregate, StreamId};
use projections::evidence::{self as charges, ClaimedCharge};
use projections::settlement::Candidate;

use super::{RoundError, Worker};

/// The charges behind a claim.
pub(super) struct Evidence {
    pub leaves: Vec<evidence::Leaf>,
    pub first_position: i64,
    pub last_position: i64,
}

/// A claim with what it needs on chain.
pub(super) struct Proven {
    pub session_id: Bytes32,
    pub signature: CompactSignature,
    pub evidence: Evidence,
}

impl Worker {
    /// Puts together what a claim needs; denied when that cannot be had.
    pub(super) async fn prove(
        &self,
        opened: &Opened,
        partition: i32,
        claim: &ClaimPlanned,
        candidate: &Candidate,
        position: i64,
    ) -> Result<Proven, RoundError> {
        let (session_id, signature) = self.sign_claim(opened.organization_id, claim).await?;
        let evidence = self.evidence(partition, session_id, claim, candidate, position).await?;
        Ok(Proven { session_id, signature, evidence })
    }

    /// The voucher behind a claim: the one the client gave, or one that is signed now.
    async fn sign_claim(
        &self,
        organization_id: OrganizationId,
        claim: &ClaimPlanned,
    ) -> Result<(Bytes32, CompactSignature), RoundError> {
        let stream = StreamId::new(SessionKey::CATEGORY, claim.session_key_id);
        let state = self.context.ledger.load::<SessionKey>(&stream).await?.state;
        let Some(grant) = state.grant else {
            return Err(RoundError::Denied(format!("{} was never granted", claim.session_key_id)));
        };
        let terms = grant.terms;
        if let (Custody::Client, Some(voucher)) = (terms.custody, claim.voucher) {
            return Ok((terms.session_id, voucher.signature));
        }
        let id = claim.session_key_id;
        let key = self.chain.vault.session_key(organization_id, id, terms.key).await?;
        let key = key.filter(|key| voucher::address_of(key) == Some(terms.key));
        let key = key.ok_or_else(|| RoundError::Denied(format!("the key of {id} is not in the vault")))?;
        let digest = voucher::digest_of(&terms, claim.total_claimed);
        let signature = voucher::sign(&key, digest).map_err(|e| RoundError::Denied(e.to_string()))?;
        Ok((terms.session_id, signature))
    }

    /// The charges a claim pays for, as leaves. They must add up to it, whatever the read model said.
    async fn evidence(
        &self,
        partition: i32,
        session_id: Bytes32,
        claim: &ClaimPlanned,
        candidate: &Candidate,
        claim_position: i64,
    ) -> Result<Evidence, RoundError> {
        let settled = candidate.settled_position;
        let charges =
            charges::of_claim(&self.log, partition, claim, claim_position, settled).await?.unwrap_or_default();
        let (Some(first), Some(last)) = (charges.first(), charges.last()) else {
            let key = claim.session_key_id;
            return Err(RoundError::Denied(format!("the charges of {key} do not add up to its claim")));
        };
        let leaf = |charge: &ClaimedCharge| {
            evidence::charge_leaf(session_id, charge.charge_id, charge.amount, charge.cumulative)
        };
        Ok(Evidence {
            first_position: first.position,
            last_position: last.position,
            leaves: charges.iter().map(leaf).collect(),
        })
    }
}
