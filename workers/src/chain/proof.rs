//! What a claim needs on chain: a voucher by the session's key, and the charges it pays for as leaves of
//! the settlement's evidence tree.

use chain::{evidence, voucher};
use domain::evm::{Bytes32, CompactSignature};
use domain::ids::{ChargeId, OrganizationId};
use domain::session_key::event::ClaimPlanned;
use domain::session_key::{Custody, SessionKey, SessionKeyEvent};
use domain::{Aggregate, EventPayload, StreamId};
use eventstore::StoreError;
use eventstore::postgres::EventFilter;
use projections::settlement::Candidate;

use super::{RoundError, Worker};

/// Charges that are read at a time.
const CHARGES_PAGE: i64 = 1_000;
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
        organization_id: OrganizationId,
        claim: &ClaimPlanned,
        candidate: &Candidate,
        position: i64,
    ) -> Result<Proven, RoundError> {
        let (session_id, signature) = self.sign_claim(organization_id, claim).await?;
        let evidence = self.evidence(organization_id, session_id, claim, candidate, position).await?;
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
        organization_id: OrganizationId,
        session_id: Bytes32,
        claim: &ClaimPlanned,
        candidate: &Candidate,
        claim_position: i64,
    ) -> Result<Evidence, RoundError> {
        for after in [candidate.settled_position, 0] {
            let found = self.charges(organization_id, session_id, claim, after, claim_position).await?;
            if found.is_some() || after == 0 {
                return found.ok_or_else(|| {
                    RoundError::Denied(format!("the charges of {} do not add up to its claim", claim.session_key_id))
                });
            }
        }
        Err(RoundError::Denied("no charges".to_owned()))
    }

    async fn charges(
        &self,
        organization_id: OrganizationId,
        session_id: Bytes32,
        claim: &ClaimPlanned,
        after: i64,
        before: i64,
    ) -> Result<Option<Evidence>, RoundError> {
        let stream = StreamId::new(SessionKey::CATEGORY, claim.session_key_id);
        let filter = EventFilter {
            streams: Some(vec![stream.as_str().to_owned()]),
            event_type: Some("charged".to_owned()),
            ..EventFilter::default()
        };
        let mut evidence = Evidence { leaves: Vec::new(), first_position: 0, last_position: 0 };
        let (mut cursor, mut reached) = (after, claim.charged_from);
        loop {
            let page = self.log.events_of(organization_id, cursor, CHARGES_PAGE, &filter).await?;
            for event in page.iter().take_while(|event| event.position < before) {
                cursor = event.position;
                let decoded = SessionKeyEvent::decode(&event.event_type, event.schema, &event.payload);
                let SessionKeyEvent::Charged(charged) = decoded.map_err(StoreError::from)? else {
                    continue;
                };
                if charged.after.charged <= claim.charged_from {
                    continue;
                }
                // The first one may lie partly below: somebody else claimed in the middle of it.
                reached = charged.after.charged;
                let id = ChargeId::new(event.event_id);
                evidence.leaves.push(evidence::charge_leaf(session_id, id, charged.amount, reached));
                if evidence.first_position == 0 {
                    evidence.first_position = event.position;
                    let start = reached.minus(charged.amount);
                    if start > claim.charged_from {
                        return Ok(None);
                    }
                }
                evidence.last_position = event.position;
            }
            let at_end = page.last().is_none_or(|last| last.position >= before);
            if at_end || page.len() < usize::try_from(CHARGES_PAGE).unwrap_or(usize::MAX) {
                break;
            }
        }
        Ok((reached == claim.charged_to && !evidence.leaves.is_empty()).then_some(evidence))
    }
}
