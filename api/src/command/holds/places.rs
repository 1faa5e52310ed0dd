//! Where holds are: a request names a hold, the ledger wants the stream of whoever pays.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::account::Account;
use domain::ids::{CustomerId, HoldId, OrganizationId, SessionKeyId};
use domain::session_key::SessionKey;
use domain::{Aggregate, RecordedEvent};
use eventstore::Ledger;
use lru::LruCache;

use crate::problem::Problem;

/// Places that are kept; the one that was not needed for the longest time goes first.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(100_000).expect("more than zero");

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payer {
    /// A customer's account.
    Account(CustomerId),
    /// A session key.
    SessionKey(SessionKeyId),
}

/// Finds who pays for a hold, and keeps it: that never changes.
pub struct HoldPlaces {
    ledger: Ledger,
    kept: Mutex<LruCache<HoldId, (OrganizationId, Payer)>>,
}

impl HoldPlaces {
    /// Nothing is kept yet.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, kept: Mutex::new(LruCache::new(KEPT_MAX)) }
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<HoldId, (OrganizationId, Payer)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps where a hold is that was placed just now.
    pub fn keep(&self, organization_id: OrganizationId, id: HoldId, payer: Payer) {
        self.kept().put(id, (organization_id, payer));
    }

    /// Who pays for these holds. One that is not there, or another organization's, is left out.
    pub async fn find(
        &self,
        organization_id: OrganizationId,
        ids: &[HoldId],
    ) -> Result<HashMap<HoldId, Payer>, Problem> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        {
            let mut kept = self.kept();
            for id in ids {
                match kept.get(id) {
                    Some(place) => drop(found.insert(*id, *place)),
                    None => missing.push(id.uuid()),
                }
            }
        }
        if !missing.is_empty() {
            for stored in self.ledger.log().find(&missing).await? {
                if let Some(payer) = payer(&stored) {
                    let id = HoldId::new(stored.event_id);
                    self.keep(stored.organization_id, id, payer);
                    found.insert(id, (stored.organization_id, payer));
                }
            }
        }
        let own = found.into_iter().filter(|(_, (of, _))| *of == organization_id);
        Ok(own.map(|(id, (_, payer))| (id, payer)).collect())
    }
}

/// Who pays, by the event that a hold's id names.
fn payer(stored: &RecordedEvent) -> Option<Payer> {
    if stored.event_type != "held" {
        return None;
    }
    let (category, id) = stored.stream_id.as_str().split_once(':')?;
    match category {
        Account::CATEGORY => id.parse().ok().map(Payer::Account),
        SessionKey::CATEGORY => id.parse().ok().map(Payer::SessionKey),
        _ => None,
    }
}
