//! Prefixed ids: `cus_01kaj…`, a type each, so that no two nouns are ever confused.
//!
//! The 26 characters after the prefix are the 128 bits of a UUID in Crockford's base 32 (lower
//! case), so ids made from time-ordered UUIDs (version 7) sort by their creation. An id that is
//! derived from an idempotency key is a hash and sorts anywhere; see `docs/architecture.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED_LEN: usize = 26;
/// Of a character that is none of the alphabet.
const NO_VALUE: u128 = 255;
/// The value of each ASCII character.
const VALUES: [u8; 128] = {
    let mut values = [255; 128];
    let mut i = 0;
    while i < ALPHABET.len() {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like {prefix}_ followed by 26 characters")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// 128 bits as 26 characters, most significant first, so that text order is number order.
pub fn encode(id: Uuid) -> String {
    let characters = characters(id);
    std::str::from_utf8(&characters).unwrap_or_default().to_owned()
}

fn characters(id: Uuid) -> [u8; ENCODED_LEN] {
    let mut bits = id.as_u128();
    let mut out = [0u8; ENCODED_LEN];
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(bits & 31) as usize];
        bits >>= 5;
    }
    out
}

/// The reverse of [`encode`]; `None` for anything [`encode`] never gives.
pub fn decode(text: &str) -> Option<Uuid> {
    if text.len() != ENCODED_LEN {
        return None;
    }
    let mut bits: u128 = 0;
    for (i, byte) in text.bytes().enumerate() {
        let value = u128::from(*VALUES.get(usize::from(byte))?);
        if value == NO_VALUE {
            return None;
        }
        // 26 × 5 = 130 bits: the first character may only carry three.
        if i == 0 && value > 7 {
            return None;
        }
        bits = (bits << 5) | value;
    }
    Some(Uuid::from_u128(bits))
}

/// An id that follows from its parts: the same parts give the same id, for ever.
///
/// SHA-256 over the length-prefixed parts, cut to 128 bits and marked as UUID version 8 (RFC
/// 9562, section 5.8).
pub fn derive(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

macro_rules! prefixed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind starts with, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id with these 128 bits.
            pub const fn new(id: Uuid) -> Self { Self(id) }

            /// Its 128 bits.
            pub const fn uuid(self) -> Uuid { self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(std::str::from_utf8(&characters(self.0)).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(Self::PREFIX)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(InvalidId { prefix: Self::PREFIX })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

prefixed_ids! {
    /// The tenant.
    OrganizationId = "org";
    /// Whoever the organization bills.
    CustomerId = "cus";
    /// A server credential of an organization.
    ApiKeyId = "key";
    /// A grant of credits to a customer.
    CreditGrantId = "crd";
    /// One charge.
    ChargeId = "chg";
    /// Money that is reserved before the cost is known.
    HoldId = "hold";
    /// A wallet key that may pay one payee: one (session, payee) pair.
    SessionKeyId = "ses";
    /// One batch of claims on a chain.
    SettlementId = "stl";
    /// Something that is sent to a chain for somebody.
    RelayId = "rly";
    /// One entry in a settler's queue.
    TransactionId = "txn";
    /// A path of the gateway with its upstream and its price.
    RouteId = "rte";
    /// A payer's secret for the gateway.
    GatewayKeyId = "gky";
    /// One payment by a signed transfer (x402 `exact`).
    ExactPaymentId = "xpay";
    /// What customers can subscribe to.
    PlanId = "plan";
    /// A customer's subscription to a plan.
    SubscriptionId = "sub";
    /// An invoice.
    InvoiceId = "inv";
    /// A credit note.
    CreditNoteId = "cn";
    /// One payment, with all tries to make it.
    PaymentId = "pay";
    /// A refund of a payment, or of a part of it.
    RefundId = "re";
    /// A payment provider's account that an organization has connected.
    ConnectorId = "con";
    /// A tax rate of an organization's table.
    TaxRateId = "txr";
    /// A clock for tests.
    TestClockId = "clk";
    /// A payment provider's message.
    WebhookId = "whk";
    /// A payout file that was compared with the ledger.
    PayoutId = "pout";
    /// A difference between the ledger and the chain; derived from the organization and what differs.
    DifferenceId = "dif";
    /// One event of the log.
    EventId = "evt";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_back(bits in any::<u128>()) {
            let id = CustomerId::new(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse::<CustomerId>(), Ok(id));
        }

        #[test]
        fn text_order_is_number_order(a in any::<u128>(), b in any::<u128>()) {
            let (ta, tb) = (encode(Uuid::from_u128(a)), encode(Uuid::from_u128(b)));
            prop_assert_eq!(a.cmp(&b), ta.cmp(&tb));
        }

        #[test]
        fn garbage_never_panics(text in ".{0,64}") {
            let _ = text.parse::<CustomerId>();
        }
    }

    #[test]
    fn wrong_kind_is_refused() {
        let customer = CustomerId::new(Uuid::from_u128(7)).to_string();
        assert!(customer.parse::<OrganizationId>().is_err());
        assert!("cus_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<CustomerId>().is_err(), "129 bits");
        assert!(customer.to_uppercase().parse::<CustomerId>().is_err());
    }

    #[test]
    fn derived_ids_separate_their_parts() {
        assert_eq!(derive(&[b"ab", b"c"]), derive(&[b"ab", b"c"]));
        assert_ne!(derive(&[b"ab", b"c"]), derive(&[b"a", b"bc"]));
    }
}
