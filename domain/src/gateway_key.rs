//! Gateway keys: a payer's secret for the gateway. Whoever has it spends what its payer may spend: a customer's
//! credits, or the deposit of a session key that Tollbook signs for. The ledger keeps only a keyed hash of it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, IndexEntry, event_enum, payload_methods};
use crate::ids::{CustomerId, GatewayKeyId, OrganizationId, SessionKeyId};
use crate::route::{Rate, RouteError};

/// The kind of index entry that finds a gateway key by the hash of its secret.
pub const INDEX_GATEWAY_KEY: &str = "gateway_key";

/// State of a gateway key; everything `None` until it was created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GatewayKey {
    /// What it was created as.
    pub created: Option<Created>,
    /// When.
    pub created_at: Option<Timestamp>,
    /// From when on it opens nothing.
    pub revoked_at: Option<Timestamp>,
}

/// What can be asked of a gateway key.
#[derive(Debug, Clone)]
pub enum GatewayKeyCommand {
    /// Make it.
    Create(Created),
    /// End it, at once and for good.
    Revoke {
        /// The organization that asks: another one's key does not exist for it.
        organization_id: OrganizationId,
    },
}

event_enum! {
    /// What can have happened to a gateway key.
    GatewayKeyEvent in GatewayKey::CATEGORY;
    /// It was made.
    Created(Created) = "created", 1;
    /// It was ended.
    Revoked(Revoked) = "revoked", 1;
}

/// Payload of `gateway_key.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub gateway_key_id: GatewayKeyId,
    /// Whose routes it opens.
    pub organization_id: OrganizationId,
    /// Who pays.
    pub payer: KeyPayer,
    /// What its owner calls it.
    pub name: String,
    /// The first characters of the secret, to tell keys apart.
    pub prefix: String,
    /// HMAC-SHA256 of the secret under the installation's pepper, in hex. Useless without it.
    pub secret_hash: String,
    /// How often it may be used; as often as its routes allow when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// From when on it opens nothing; never when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Who pays for what a gateway key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KeyPayer {
    /// The account of a customer.
    Customer {
        /// Which.
        customer_id: CustomerId,
    },
    /// A session key that Tollbook holds the key of.
    SessionKey {
        /// Which.
        session_key_id: SessionKeyId,
    },
}

/// Payload of `gateway_key.revoked`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revoked {
    /// Its id.
    pub gateway_key_id: GatewayKeyId,
}

impl EventPayload for GatewayKeyEvent {
    payload_methods!();

    fn index_entries(&self) -> Vec<IndexEntry> {
        match self {
            Self::Created(created) => {
                vec![IndexEntry { kind: INDEX_GATEWAY_KEY, key: created.secret_hash.as_bytes().to_vec() }]
            }
            Self::Revoked(_) => Vec::new(),
        }
    }
}

/// Why a gateway key's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayKeyError {
    /// There is none with this id, or it is another organization's.
    #[error("there is no such gateway key")]
    NotFound,
    /// It was made before.
    #[error("the gateway key exists already")]
    AlreadyExists,
    /// It would be over before it begins.
    #[error("expires_at lies in the past")]
    ExpiresInThePast,
    /// Its rate is out of bounds.
    #[error(transparent)]
    Rate(#[from] RouteError),
}

impl Aggregate for GatewayKey {
    const CATEGORY: &'static str = "gateway_key";
    const STATE_VERSION: i16 = 1;
    type Command = GatewayKeyCommand;
    type Event = GatewayKeyEvent;
    type Error = GatewayKeyError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        match (command, &self.created) {
            (GatewayKeyCommand::Create(_), Some(_)) => Err(GatewayKeyError::AlreadyExists),
            (GatewayKeyCommand::Create(created), None) => {
                if created.expires_at.is_some_and(|expires_at| expires_at <= now) {
                    return Err(GatewayKeyError::ExpiresInThePast);
                }
                created.rate.map_or(Ok(()), |rate| rate.check("rate"))?;
                Ok(vec![GatewayKeyEvent::Created(created.clone())])
            }
            (GatewayKeyCommand::Revoke { organization_id }, Some(created))
                if created.organization_id == *organization_id =>
            {
                // Ending what has ended changes nothing and is no error: the caller has what it wants.
                Ok(match self.revoked_at {
                    Some(_) => Vec::new(),
                    None => vec![GatewayKeyEvent::Revoked(Revoked { gateway_key_id: created.gateway_key_id })],
                })
            }
            (GatewayKeyCommand::Revoke { .. }, _) => Err(GatewayKeyError::NotFound),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            GatewayKeyEvent::Created(created) => {
                self.created = Some(created.clone());
                self.created_at = Some(occurred_at);
            }
            GatewayKeyEvent::Revoked(_) => self.revoked_at = Some(occurred_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use uuid::Uuid;

    fn org(n: u128) -> OrganizationId {
        OrganizationId::new(Uuid::from_u128(n))
    }

    fn created() -> Created {
        Created {
            gateway_key_id: GatewayKeyId::new(Uuid::from_u128(1)),
            organization_id: org(1),
            payer: KeyPayer::Customer { customer_id: CustomerId::new(Uuid::from_u128(2)) },
            name: "laptop".into(),
            prefix: "tbk_abcdef".into(),
            secret_hash: "00".into(),
            rate: None,
            expires_at: None,
        }
    }

    #[test]
    fn only_its_organization_revokes_it_and_once() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut key = GatewayKey::default();
        let revoke = |n| GatewayKeyCommand::Revoke { organization_id: org(n) };
        assert_eq!(key.handle_command(&revoke(1), now), Err(GatewayKeyError::NotFound));
        let create = GatewayKeyCommand::Create(created());
        for event in key.handle_command(&create, now).unwrap() {
            key.apply_event(&event, now);
        }
        assert_eq!(key.handle_command(&create, now), Err(GatewayKeyError::AlreadyExists));
        assert_eq!(key.handle_command(&revoke(2), now), Err(GatewayKeyError::NotFound));
        for event in key.handle_command(&revoke(1), now).unwrap() {
            key.apply_event(&event, now);
        }
        assert_eq!(key.revoked_at, Some(now));
        assert_eq!(key.handle_command(&revoke(1), now), Ok(vec![]));
    }

    #[test]
    fn what_a_key_cannot_be() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let denied = |created| GatewayKey::default().handle_command(&GatewayKeyCommand::Create(created), now).err();
        assert_eq!(denied(Created { expires_at: Some(now + TimeDelta::microseconds(1)), ..created() }), None);
        assert_eq!(denied(Created { expires_at: Some(now), ..created() }), Some(GatewayKeyError::ExpiresInThePast));
        let rate = |requests, per_secs, burst| Created { rate: Some(Rate { requests, per_secs, burst }), ..created() };
        assert_eq!(denied(rate(1, 1, None)), None);
        assert_eq!(denied(rate(10, 60, Some(1))), None);
        for wrong in [rate(0, 1, None), rate(1, 0, None), rate(1, 86_401, None), rate(1, 1, Some(0))] {
            let error = denied(wrong).unwrap();
            assert!(matches!(error, GatewayKeyError::Rate(RouteError::Invalid { field: "rate", .. })), "{error}");
        }
    }
}
