//! What a claim needs on chain: a voucher by the session's key, and the charges it pays for as leaves of
//! the settlement's evidence tree.

use chain::{evidence, voucher};
use domain::evm::{Bytes32, CompactSignature};
use domain::ids::{ChargeId, OrganizationId};
use domain::session_key::event::ClaimPlanned;
use domain::session_key::{Custody, SessionKey, SessionKeyEvent};
use domain::settlement::Opened;
use domain::{Aggregate, EventPayload, StreamId};
use eventstore::StoreError;
use projections::settlement::Candidate;

use super::{RoundError, Worker};

/// Events that are read at a time.
const PAGE: i64 = 1_000;
/// Where managed keys lie in the vault.
const VAULT_KIND: &str = "session_key";

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
        let row = claim.session_key_id.to_string();
        let kept = self.chain.vault.get(organization_id, VAULT_KIND, std::slice::from_ref(&row)).await?;
        let key: Option<[u8; 32]> = kept.into_iter().next().and_then(|(_, key)| key.try_into().ok());
        let key = key.ok_or_else(|| RoundError::Denied(format!("the key of {row} is not in the vault")))?;
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
        let stream = StreamId::new(SessionKey::CATEGORY, claim.session_key_id);
        let settled = candidate.settled_position;
        let known = self.log.read_between(partition, settled, settled).await?;
        let hint = known.first().filter(|event| event.stream_id == stream).map_or(0, |event| event.version);
        for after in [hint, 0] {
            if let Some(found) = self.charges(&stream, session_id, claim, after, claim_position).await? {
                return Ok(found);
            }
        }
        Err(RoundError::Denied(format!("the charges of {} do not add up to its claim", claim.session_key_id)))
    }

    /// Reads the stream from a version up to the claim; `None` when what was charged there is not what the
    /// claim pays for.
    async fn charges(
        &self,
        stream: &StreamId,
        session_id: Bytes32,
        claim: &ClaimPlanned,
        mut after: i64,
        claim_position: i64,
    ) -> Result<Option<Evidence>, RoundError> {
        let mut evidence = Evidence { leaves: Vec::new(), first_position: 0, last_position: 0 };
        let mut reached = claim.charged_from;
        'pages: loop {
            let page = self.log.page_of_stream(stream, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.version;
            for event in &page {
                if event.position >= claim_position {
                    break 'pages;
                }
                if !["charged", "captured"].contains(&event.event_type.as_str()) {
                    continue;
                }
                let decoded = SessionKeyEvent::decode(&event.event_type, event.schema, &event.payload);
                let decoded = decoded.map_err(StoreError::from)?;
                let Some(charged) = decoded.charge() else { continue };
                // Paid for before; the first one that is not may lie partly below, where somebody else claimed.
                if charged.after.charged <= claim.charged_from {
                    continue;
                }
                if evidence.leaves.is_empty() {
                    evidence.first_position = event.position;
                    if charged.after.charged.minus(charged.amount) > claim.charged_from {
                        return Ok(None);
                    }
                }
                reached = charged.after.charged;
                evidence.last_position = event.position;
                let id = ChargeId::new(event.event_id);
                evidence.leaves.push(evidence::charge_leaf(session_id, id, charged.amount, reached));
            }
        }
        Ok((reached == claim.charged_to && !evidence.leaves.is_empty()).then_some(evidence))
    }
}
