//! What was granted with session keys, kept in memory: each voucher is read with it. Nothing of it changes but the key;
//! whoever is held up by the key that is kept here looks again.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::evm::Address;
use domain::ids::{OrganizationId, SessionKeyId};
use domain::session_key::command::Voucher;
use domain::session_key::{Grant, SessionKey, StoredVoucher};
use eventstore::Ledger;
use lru::LruCache;

use crate::command::session_keys::{not_found, stream};
use crate::problem::Problem;

/// Grants that are kept; the one that was not needed for the longest time goes first.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("more than zero");

/// Finds grants, and keeps them.
pub struct Sessions {
    ledger: Ledger,
    kept: Mutex<LruCache<SessionKeyId, Kept>>,
}

struct Kept {
    grant: Arc<Grant>,
    /// The last voucher whose signer was found: many charges come with the same one.
    last: Option<Voucher>,
}

impl Sessions {
    /// Nothing is kept yet.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, kept: Mutex::new(LruCache::new(KEPT_MAX)) }
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<SessionKeyId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The grant of a session key; 404 when there is none, or it is another organization's.
    pub async fn grant(&self, organization_id: OrganizationId, id: SessionKeyId) -> Result<Arc<Grant>, Problem> {
        let own = |grant: &Arc<Grant>| grant.organization_id == organization_id;
        if let Some(kept) = self.kept().get(&id) {
            return Some(kept.grant.clone()).filter(own).ok_or_else(not_found);
        }
        let grant = self.ledger.load::<SessionKey>(&stream(id)).await?.state.grant.ok_or_else(not_found)?;
        let grant = Arc::new(grant);
        self.kept().put(id, Kept { grant: grant.clone(), last: None });
        Some(grant).filter(own).ok_or_else(not_found)
    }

    /// A session key as the log has it now. Its grant is kept from here on when its key was replaced.
    pub async fn look_again(&self, id: SessionKeyId) -> Result<SessionKey, Problem> {
        let state = self.ledger.load::<SessionKey>(&stream(id)).await?.state;
        let grant = state.grant.as_ref().ok_or_else(not_found)?;
        if let Some(kept) = self.kept().get_mut(&id)
            && kept.grant.terms.key != grant.terms.key
        {
            kept.grant = Arc::new(grant.clone());
        }
        Ok(state)
    }

    /// Who signed this voucher, if it is the last one that came for the session key: the same signature of the
    /// same amount for the same terms has the same signer.
    pub fn signer(&self, id: SessionKeyId, stored: &StoredVoucher) -> Option<Address> {
        self.kept().peek(&id)?.last.filter(|last| last.stored == *stored).map(|last| last.signer)
    }

    /// Keeps who signed a voucher.
    pub fn keep_signer(&self, id: SessionKeyId, voucher: Voucher) {
        if let Some(kept) = self.kept().peek_mut(&id) {
            kept.last = Some(voucher);
        }
    }
}
