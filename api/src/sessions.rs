//! What was granted with session keys, kept in memory: it never changes, and each voucher is read with it.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{OrganizationId, SessionKeyId};
use domain::session_key::{Grant, SessionKey};
use eventstore::Ledger;
use lru::LruCache;

use crate::command::session_keys::{not_found, stream};
use crate::problem::Problem;

/// Grants that are kept; the one that was not needed for the longest time goes first.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("more than zero");

/// Finds grants, and keeps them.
pub struct Sessions {
    ledger: Ledger,
    kept: Mutex<LruCache<SessionKeyId, Arc<Grant>>>,
}

impl Sessions {
    /// Nothing is kept yet.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, kept: Mutex::new(LruCache::new(KEPT_MAX)) }
    }

    /// The grant of a session key; 404 when there is none, or it is another organization's.
    pub async fn grant(&self, organization_id: OrganizationId, id: SessionKeyId) -> Result<Arc<Grant>, Problem> {
        let own = |grant: &Arc<Grant>| grant.organization_id == organization_id;
        if let Some(grant) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Some(grant.clone()).filter(own).ok_or_else(not_found);
        }
        let grant = self.ledger.load::<SessionKey>(&stream(id)).await?.state.grant.ok_or_else(not_found)?;
        let grant = Arc::new(grant);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).put(id, grant.clone());
        Some(grant).filter(own).ok_or_else(not_found)
    }
}
