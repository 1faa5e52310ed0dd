//! Who asks: API keys and gateway keys, and what is cached of them and of their organizations.
//!
//! A key opens a door by its keyed hash: an API key that of the API, a gateway key that of the gateway.
//! What was looked up is kept until the log says that something changed in its organization (see
//! [`eventstore::postgres::watch`]), in this process or in another; while nobody listens nothing is kept. So a
//! revoked key is refused at once where it was revoked, and elsewhere as soon as the notice arrives, within
//! milliseconds of the commit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use domain::api_key::{ApiKey, INDEX_API_KEY};
use domain::gateway_key::{GatewayKey, INDEX_GATEWAY_KEY, KeyPayer};
use domain::ids::{ApiKeyId, GatewayKeyId, OrganizationId};
use domain::organization::Organization;
use domain::route::Rate;
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::postgres::watch::{Watched, listen};
use eventstore::vault::Keys;
use eventstore::{Ledger, StoreError};
use sqlx::PgPool;
use tokio::sync::mpsc;

use crate::App;
use crate::problem::Problem;

/// What every secret of an API key starts with.
pub const SECRET_PREFIX: &str = "tb_";
/// What every secret of a gateway key starts with.
pub const GATEWAY_SECRET_PREFIX: &str = "tbk_";
/// The longest secret of either that is looked up.
pub const SECRET_CHARS_MAX: usize = 128;
/// Keys and organizations that are kept; over that all are forgotten and looked up again.
const KEPT_MAX: usize = 10_000;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// For this organization.
    pub organization_id: OrganizationId,
    /// Where it lives.
    pub partition: i32,
    /// With this key.
    pub api_key_id: ApiKeyId,
}

impl Principal {
    /// As events name it.
    pub fn actor(&self) -> String {
        format!("api_key:{}", self.api_key_id)
    }
}

/// Who pays at the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayPrincipal {
    /// For the routes of this organization.
    pub organization_id: OrganizationId,
    /// Where it lives.
    pub partition: i32,
    /// With this key.
    pub gateway_key_id: GatewayKeyId,
    /// With whose money.
    pub payer: KeyPayer,
    /// How often it may ask; `None` as often as the routes allow.
    pub rate: Option<Rate>,
    /// From when on it opens nothing: whoever asks compares it with the time.
    pub expires_at: Option<Timestamp>,
}

impl GatewayPrincipal {
    /// Whether it opens nothing any more at this time.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// Finds principals and organizations, and keeps them while it hears of changes.
pub struct Directory {
    ledger: Ledger,
    keys: Keys,
    kept: RwLock<Kept>,
    /// Counts every reason to forget: what was looked up before one is not kept after it.
    changes: AtomicU64,
}

#[derive(Default)]
struct Kept {
    hearing: bool,
    principals: HashMap<String, Principal>,
    gateway_keys: HashMap<String, GatewayPrincipal>,
    organizations: HashMap<OrganizationId, Arc<Organization>>,
}

impl Directory {
    /// Starts to listen.
    pub fn start(ledger: Ledger, pool: PgPool, keys: Keys) -> Arc<Self> {
        let directory = Arc::new(Self { ledger, keys, kept: RwLock::default(), changes: AtomicU64::new(0) });
        let (sender, mut changes) = mpsc::channel(1_024);
        tokio::spawn(listen(pool, sender));
        let listening = Arc::downgrade(&directory);
        tokio::spawn(async move {
            while let Some(change) = changes.recv().await {
                let Some(directory) = listening.upgrade() else { return };
                directory.hear(change);
            }
        });
        directory
    }

    /// Forgets an organization at once after this process changed it, before the log's own
    /// notice comes back: who has the answer to a command must find what it changed.
    pub fn changed(&self, id: OrganizationId) {
        self.hear(Watched::Changed(id));
    }

    fn hear(&self, change: Watched) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        self.changes.fetch_add(1, Ordering::SeqCst);
        match change {
            Watched::Changed(id) => {
                kept.principals.retain(|_, principal| principal.organization_id != id);
                kept.gateway_keys.retain(|_, key| key.organization_id != id);
                kept.organizations.remove(&id);
            }
            Watched::Deaf => *kept = Kept::default(),
            Watched::Hearing => *kept = Kept { hearing: true, ..Kept::default() },
        }
    }

    /// Keeps something that was looked up, unless something changed meanwhile.
    fn keep(&self, looked_up_at: u64, put: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if !kept.hearing || self.changes.load(Ordering::SeqCst) != looked_up_at {
            return;
        }
        if kept.principals.len() + kept.gateway_keys.len() + kept.organizations.len() >= KEPT_MAX {
            *kept = Kept { hearing: true, ..Kept::default() };
        }
        put(&mut kept);
    }

    /// Who has this secret; `None` for one that opens nothing.
    pub async fn principal(&self, secret: &str) -> Result<Option<Principal>, StoreError> {
        let hash = self.keys.api_key_hash(secret);
        let looked_up_at = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(principal) = kept.principals.get(&hash) {
                return Ok(Some(*principal));
            }
            self.changes.load(Ordering::SeqCst)
        };
        let Some(indexed) = self.ledger.log().lookup(INDEX_API_KEY, hash.as_bytes()).await? else { return Ok(None) };
        let key = self.ledger.load::<ApiKey>(&indexed.stream_id).await?.state;
        let Some(created) = key.created.filter(|_| key.revoked_at.is_none()) else { return Ok(None) };
        let principal = Principal {
            organization_id: indexed.organization_id,
            partition: indexed.partition,
            api_key_id: created.api_key_id,
        };
        self.keep(looked_up_at, |kept| {
            kept.principals.insert(hash, principal);
        });
        Ok(Some(principal))
    }

    /// Who pays with this secret at the gateway; `None` for one that was never given out, or was revoked.
    pub async fn gateway_key(&self, secret: &str) -> Result<Option<GatewayPrincipal>, StoreError> {
        if !secret.starts_with(GATEWAY_SECRET_PREFIX) || secret.len() > SECRET_CHARS_MAX {
            return Ok(None);
        }
        let hash = self.keys.api_key_hash(secret);
        let looked_up_at = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(key) = kept.gateway_keys.get(&hash) {
                return Ok(Some(*key));
            }
            self.changes.load(Ordering::SeqCst)
        };
        let found = self.ledger.log().lookup(INDEX_GATEWAY_KEY, hash.as_bytes()).await?;
        let Some(indexed) = found else { return Ok(None) };
        let key = self.ledger.load::<GatewayKey>(&indexed.stream_id).await?.state;
        let Some(created) = key.created.filter(|_| key.revoked_at.is_none()) else { return Ok(None) };
        let principal = GatewayPrincipal {
            organization_id: indexed.organization_id,
            partition: indexed.partition,
            gateway_key_id: created.gateway_key_id,
            payer: created.payer,
            rate: created.rate,
            expires_at: created.expires_at,
        };
        self.keep(looked_up_at, |kept| {
            kept.gateway_keys.insert(hash, principal);
        });
        Ok(Some(principal))
    }

    /// An organization with its price lists and routes.
    pub async fn organization(&self, id: OrganizationId) -> Result<Arc<Organization>, StoreError> {
        let looked_up_at = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(organization) = kept.organizations.get(&id) {
                return Ok(organization.clone());
            }
            self.changes.load(Ordering::SeqCst)
        };
        let stream = StreamId::new(Organization::CATEGORY, id);
        let organization = Arc::new(self.ledger.load::<Organization>(&stream).await?.state);
        self.keep(looked_up_at, |kept| {
            kept.organizations.insert(id, organization.clone());
        });
        Ok(organization)
    }
}

impl FromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or_else(|| Problem::unauthenticated("send an API key: Authorization: Bearer tb_…"))?;
        let secret = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, secret)| secret.trim())
            .filter(|secret| secret.starts_with(SECRET_PREFIX) && secret.len() <= SECRET_CHARS_MAX)
            .ok_or_else(|| Problem::unauthenticated("the Authorization header must be: Bearer tb_…"))?;
        let found = app.directory.principal(secret).await?;
        found.ok_or_else(|| Problem::unauthenticated("this API key is unknown or was revoked"))
    }
}
