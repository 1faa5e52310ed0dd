//! Ids that look like Stripe's: what the object is, and letters and digits.

use uuid::Uuid;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// So many come from one UUID: its last 83 bits, which differ for each.
const LETTERS_EACH: usize = 14;

/// A new id with this prefix.
pub fn new(prefix: &str) -> String {
    let length = if matches!(prefix, "cus" | "req") { LETTERS_EACH } else { 24 };
    format!("{prefix}_{}", letters(length))
}

/// A new secret of a webhook endpoint.
pub fn signing_secret() -> String {
    format!("whsec_{}", letters(32))
}

/// A new secret for the client of a payment intent.
pub fn client_secret(intent: &str) -> String {
    format!("{intent}_secret_{}", letters(25))
}

/// Letters and digits, different each time.
fn letters(count: usize) -> String {
    let mut letters = String::with_capacity(count + LETTERS_EACH);
    while letters.len() < count {
        let mut bits = Uuid::now_v7().as_u128();
        for _ in 0..LETTERS_EACH {
            letters.push(char::from(LETTERS[(bits % 62) as usize]));
            bits /= 62;
        }
    }
    letters.truncate(count);
    letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_look_like_stripes_and_differ() {
        let ids: HashSet<String> = (0..1_000).map(|_| new("pi")).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| id.len() == 27 && id.starts_with("pi_")), "{ids:?}");
        assert_eq!((new("cus").len(), signing_secret().len()), (18, 38));
        assert!(client_secret("pi_1").starts_with("pi_1_secret_"));
    }
}
