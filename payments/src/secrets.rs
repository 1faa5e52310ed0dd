//! What a connector shows itself with, and knows the provider by.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::CallError;

/// Secrets of a connector, as the vault keeps them. Never printed.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Secrets {
    /// Shown to the provider with each call.
    pub secret_key: String,
    /// What the provider signs its messages with. Without it no message is taken.
    pub webhook_secret: String,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// For the vault.
    pub fn to_json(&self) -> Vec<u8> {
        // Two texts: serializing them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From the vault.
    pub fn from_json(json: &[u8]) -> Result<Self, CallError> {
        // What serde says of it could show some of it.
        serde_json::from_slice(json)
            .map_err(|_| CallError::Misconfigured("the secrets in the vault cannot be read".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_the_vault_and_are_not_shown() {
        let secrets = Secrets { secret_key: "sk_test_1".to_owned(), webhook_secret: "whsec_\"2".to_owned() };
        let json = secrets.to_json();
        assert_eq!(json, br#"{"secret_key":"sk_test_1","webhook_secret":"whsec_\"2"}"#);
        let back = Secrets::from_json(&json).unwrap();
        assert_eq!(
            (back.secret_key, back.webhook_secret),
            (secrets.secret_key.clone(), secrets.webhook_secret.clone())
        );
        assert_eq!(format!("{secrets:?}"), "Secrets(…)");
        let error = Secrets::from_json(br#"{"secret_key":"sk_test_1"}"#).unwrap_err();
        assert!(matches!(&error, CallError::Misconfigured(why) if !why.contains("sk_test")), "{error}");
    }
}
