//! What must not be in the log: secrets and personal data, sealed with AES-256-GCM.
//!
//! One installation key, from the environment or a file, from which two keys are derived by
//! HMAC-SHA256 with a label: one seals, the other is the pepper of API keys. A sealed value is
//! `version (1 byte) ‖ key id (4 bytes) ‖ nonce (12 bytes) ‖ ciphertext and tag`; tenant, kind and
//! row are authenticated with it, so a value moved to another row does not open.

use std::fmt;

use aes_gcm::aead::{Aead, AeadCore, Generate, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use data_encoding::HEXLOWER;
use domain::evm::Address;
use domain::ids::{OrganizationId, SessionKeyId};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use sqlx::PgPool;

use crate::StoreError;

const VERSION: u8 = 1;
const HEADER_LEN: usize = 5;
const NONCE_LEN: usize = 12;

/// The keys of an installation. Never printed.
#[derive(Clone)]
pub struct Keys {
    seal: Aes256Gcm,
    key_id: [u8; 4],
    pepper: [u8; 32],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// A value that cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Not 64 hexadecimal digits.
    #[error("the secret key must be 64 hexadecimal digits (32 bytes)")]
    InvalidKey,
    /// Sealed under another key.
    #[error("the value was sealed under another secret key")]
    OtherKey,
    /// Changed, cut, or moved from another row.
    #[error("the value does not open: it was changed or moved")]
    Broken,
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length: this cannot fail.
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().into()
        }
        Err(_) => [0; 32],
    }
}

impl Keys {
    /// From the installation's secret key: 64 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Result<Self, VaultError> {
        let hex = hex.trim();
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(VaultError::InvalidKey);
        }
        let mut key = [0u8; 32];
        for (byte, i) in key.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&hex[i..i + 2], 16).map_err(|_| VaultError::InvalidKey)?;
        }
        let seal = hmac(&key, b"tollbook seal 1");
        let id = hmac(&key, b"tollbook key id 1");
        Ok(Self {
            seal: Aes256Gcm::new(&seal.into()),
            key_id: [id[0], id[1], id[2], id[3]],
            pepper: hmac(&key, b"tollbook pepper 1"),
        })
    }

    /// HMAC-SHA256 of an API key's secret under the pepper, in hex.
    pub fn api_key_hash(&self, secret: &str) -> String {
        HEXLOWER.encode(&hmac(&self.pepper, secret.as_bytes()))
    }

    /// Seals a value for one row of one tenant.
    pub fn seal(
        &self,
        organization_id: OrganizationId,
        kind: &str,
        row_id: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let nonce = Nonce::<<Aes256Gcm as AeadCore>::NonceSize>::generate();
        let aad = associated(organization_id, kind, row_id);
        let sealed = self.seal.encrypt(&nonce, Payload { msg: plain, aad: &aad }).map_err(|_| VaultError::Broken)?;
        Ok([&[VERSION][..], &self.key_id, nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Self::seal`] made for the same row.
    pub fn open(
        &self,
        organization_id: OrganizationId,
        kind: &str,
        row_id: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        if sealed.len() < HEADER_LEN + NONCE_LEN || sealed[0] != VERSION {
            return Err(VaultError::Broken);
        }
        if sealed[1..HEADER_LEN] != self.key_id {
            return Err(VaultError::OtherKey);
        }
        let (nonce, text) = sealed[HEADER_LEN..].split_at(NONCE_LEN);
        let nonce = Nonce::try_from(nonce).map_err(|_| VaultError::Broken)?;
        let aad = associated(organization_id, kind, row_id);
        self.seal.decrypt(&nonce, Payload { msg: text, aad: &aad }).map_err(|_| VaultError::Broken)
    }
}

fn associated(organization_id: OrganizationId, kind: &str, row_id: &str) -> Vec<u8> {
    format!("{organization_id}\0{kind}\0{row_id}").into_bytes()
}

/// The kind of the rows with the keys of managed session keys.
pub const SESSION_KEY: &str = "session_key";

/// The row of a session's first key.
pub fn first_key_row(id: SessionKeyId) -> String {
    id.to_string()
}

/// The row of a key that was made to replace another one.
pub fn next_key_row(id: SessionKeyId, key: Address) -> String {
    format!("{id}:{key}")
}

/// The side table.
#[derive(Debug, Clone)]
pub struct Vault {
    pool: PgPool,
    keys: Keys,
}

impl Vault {
    /// On this pool, with these keys.
    pub const fn new(pool: PgPool, keys: Keys) -> Self {
        Self { pool, keys }
    }

    /// The keys.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Keeps a value. The first one stays: a repeated request finds what it kept before.
    pub async fn put(
        &self,
        organization_id: OrganizationId,
        kind: &str,
        row_id: &str,
        plain: &[u8],
    ) -> Result<(), StoreError> {
        let sealed =
            self.keys.seal(organization_id, kind, row_id, plain).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        sqlx::query!(
            "insert into vault (kind, row_id, organization_id, sealed) values ($1, $2, $3, $4) on conflict do nothing",
            kind,
            row_id,
            organization_id.uuid(),
            sealed
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Keeps a value in the place of the one that there is.
    pub async fn replace(
        &self,
        organization_id: OrganizationId,
        kind: &str,
        row_id: &str,
        plain: &[u8],
    ) -> Result<(), StoreError> {
        let sealed =
            self.keys.seal(organization_id, kind, row_id, plain).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        sqlx::query!(
            "insert into vault (kind, row_id, organization_id, sealed) values ($1, $2, $3, $4)
             on conflict (kind, row_id) do update set sealed = excluded.sealed
             where vault.organization_id = excluded.organization_id",
            kind,
            row_id,
            organization_id.uuid(),
            sealed
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets a value for good; nothing happens when there is none.
    pub async fn remove(&self, organization_id: OrganizationId, kind: &str, row_id: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "delete from vault where kind = $1 and row_id = $2 and organization_id = $3",
            kind,
            row_id,
            organization_id.uuid()
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The key that signs for a managed session key whose key has this address: the one that was made as that, else
    /// the session's first one. Whoever signs with it makes sure that it has the address.
    pub async fn session_key(
        &self,
        organization_id: OrganizationId,
        id: SessionKeyId,
        key: Address,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let rows = [next_key_row(id, key), first_key_row(id)];
        let kept = self.get(organization_id, SESSION_KEY, &rows).await?;
        let [next, first] = rows.map(|row| kept.iter().find(|(kept, _)| *kept == row));
        let Some((row, secret)) = next.or(first) else { return Ok(None) };
        let secret: Result<[u8; 32], _> = secret.as_slice().try_into();
        secret.map(Some).map_err(|_| StoreError::Corrupt(format!("the vault's row {row} is no key")))
    }

    /// Values by their rows; rows without one are left out.
    pub async fn get(
        &self,
        organization_id: OrganizationId,
        kind: &str,
        row_ids: &[String],
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let rows = sqlx::query!(
            "select row_id, sealed from vault where kind = $1 and organization_id = $2 and row_id = any($3)",
            kind,
            organization_id.uuid(),
            row_ids
        )
        .fetch_all(&self.pool)
        .await?;
        let mut opened = Vec::with_capacity(rows.len());
        for row in rows {
            let plain = self.keys.open(organization_id, kind, &row.row_id, &row.sealed);
            opened.push((row.row_id, plain.map_err(|e| StoreError::Corrupt(e.to_string()))?));
        }
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_for_its_row_and_key() {
        let org = OrganizationId::new(uuid::Uuid::from_u128(1));
        let keys = Keys::from_hex(&"ab".repeat(32)).unwrap();
        let sealed = keys.seal(org, "customer", "cus_1", b"Ada").unwrap();
        assert_eq!(keys.open(org, "customer", "cus_1", &sealed), Ok(b"Ada".to_vec()));
        assert_eq!(keys.open(org, "customer", "cus_2", &sealed), Err(VaultError::Broken));
        let other = OrganizationId::new(uuid::Uuid::from_u128(2));
        assert_eq!(keys.open(other, "customer", "cus_1", &sealed), Err(VaultError::Broken));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(keys.open(org, "customer", "cus_1", &changed), Err(VaultError::Broken));
        let foreign = Keys::from_hex(&"cd".repeat(32)).unwrap();
        assert_eq!(foreign.open(org, "customer", "cus_1", &sealed), Err(VaultError::OtherKey));
        assert_ne!(sealed, keys.seal(org, "customer", "cus_1", b"Ada").unwrap(), "a nonce is used once");
        assert_eq!(Keys::from_hex("zz").err(), Some(VaultError::InvalidKey));
    }
}
