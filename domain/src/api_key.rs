//! API keys: a server's credential. The ledger keeps only a keyed hash of the secret.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, IndexEntry, event_enum, payload_methods};
use crate::ids::{ApiKeyId, OrganizationId};

/// The kind of index entry that finds a key by the hash of its secret.
pub const INDEX_API_KEY: &str = "api_key";

/// State of a key; everything `None` until it was created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// What it was created as.
    pub created: Option<Created>,
    /// When.
    pub created_at: Option<Timestamp>,
    /// From when on it opens nothing.
    pub revoked_at: Option<Timestamp>,
}

/// What can be asked of a key.
#[derive(Debug, Clone)]
pub enum ApiKeyCommand {
    /// Make it.
    Create(Created),
    /// End it, at once and for good.
    Revoke {
        /// The organization that asks: another one's key does not exist for it.
        organization_id: OrganizationId,
    },
}

event_enum! {
    /// What can have happened to a key.
    ApiKeyEvent in ApiKey::CATEGORY;
    /// It was made.
    Created(Created) = "created", 1;
    /// It was ended.
    Revoked(Revoked) = "revoked", 1;
}

/// Payload of `api_key.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub api_key_id: ApiKeyId,
    /// Whom it speaks for.
    pub organization_id: OrganizationId,
    /// What its owner calls it.
    pub name: String,
    /// The first characters of the secret, to tell keys apart.
    pub prefix: String,
    /// HMAC-SHA256 of the secret under the installation's pepper, in hex. Useless without it.
    pub secret_hash: String,
}

/// Payload of `api_key.revoked`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revoked {
    /// Its id.
    pub api_key_id: ApiKeyId,
}

impl EventPayload for ApiKeyEvent {
    payload_methods!();

    fn index_entries(&self) -> Vec<IndexEntry> {
        match self {
            Self::Created(created) => {
                vec![IndexEntry { kind: INDEX_API_KEY, key: created.secret_hash.as_bytes().to_vec() }]
            }
            Self::Revoked(_) => Vec::new(),
        }
    }
}

/// Why a key's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// There is none with this id, or it is another organization's.
    #[error("there is no such API key")]
    NotFound,
    /// It was made before.
    #[error("the API key exists already")]
    AlreadyExists,
}

impl Aggregate for ApiKey {
    const CATEGORY: &'static str = "api_key";
    const STATE_VERSION: i16 = 1;
    type Command = ApiKeyCommand;
    type Event = ApiKeyEvent;
    type Error = ApiKeyError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        match (command, &self.created) {
            (ApiKeyCommand::Create(_), Some(_)) => Err(ApiKeyError::AlreadyExists),
            (ApiKeyCommand::Create(created), None) => Ok(vec![ApiKeyEvent::Created(created.clone())]),
            (ApiKeyCommand::Revoke { organization_id }, Some(created))
                if created.organization_id == *organization_id =>
            {
                // Ending what has ended changes nothing and is no error: the caller has what it wants.
                Ok(match self.revoked_at {
                    Some(_) => Vec::new(),
                    None => vec![ApiKeyEvent::Revoked(Revoked { api_key_id: created.api_key_id })],
                })
            }
            (ApiKeyCommand::Revoke { .. }, _) => Err(ApiKeyError::NotFound),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            ApiKeyEvent::Created(created) => {
                self.created = Some(created.clone());
                self.created_at = Some(occurred_at);
            }
            ApiKeyEvent::Revoked(_) => self.revoked_at = Some(occurred_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_its_organization_revokes_it_and_once() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let org = |n| OrganizationId::new(Uuid::from_u128(n));
        let created = Created {
            api_key_id: ApiKeyId::new(Uuid::from_u128(1)),
            organization_id: org(1),
            name: "ci".into(),
            prefix: "tb_abc".into(),
            secret_hash: "00".into(),
        };
        let mut key = ApiKey::default();
        key.apply_event(&ApiKeyEvent::Created(created), now);
        let revoke = |n| ApiKeyCommand::Revoke { organization_id: org(n) };
        assert_eq!(key.handle_command(&revoke(2), now), Err(ApiKeyError::NotFound));
        for event in key.handle_command(&revoke(1), now).unwrap() {
            key.apply_event(&event, now);
        }
        assert_eq!(key.revoked_at, Some(now));
        assert_eq!(key.handle_command(&revoke(1), now), Ok(vec![]));
    }
}
