//! Values of an EVM chain as they stand in events: addresses, 32-byte hashes, byte strings, and the
//! way between an [`Amount`] and a token's atomic units. No cryptography: signatures are checked at
//! the edge, and what they say comes in as data.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::money::{Amount, MoneyError};

/// The text is not `0x` and that many hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 0x and {digits} hexadecimal digits")]
pub struct InvalidHex {
    /// How many were expected.
    pub digits: usize,
}

macro_rules! fixed_bytes {
    ($($(#[$doc:meta])* $name:ident = $length:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", HEXLOWER_PERMISSIVE.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }

        impl FromStr for $name {
            type Err = InvalidHex;
            fn from_str(text: &str) -> Result<Self, InvalidHex> {
                let invalid = InvalidHex { digits: $length * 2 };
                let bytes = text.strip_prefix("0x").and_then(|hex| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
                bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(invalid)
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

fixed_bytes! {
    /// An address. Written in lower case; any case is read.
    Address = 20;
    /// A hash, a session's id, a salt.
    Bytes32 = 32;
    /// A compact signature (ERC-2098): r, then s with the parity of y in its highest bit.
    CompactSignature = 64;
}

/// Bytes of any length: call data, a raw transaction, a signature of a smart account.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct HexBytes(pub Vec<u8>);

impl fmt::Display for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for HexBytes {
    type Err = InvalidBytes;
    fn from_str(text: &str) -> Result<Self, InvalidBytes> {
        let bytes = text.strip_prefix("0x").and_then(|hex| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
        bytes.map(Self).ok_or(InvalidBytes)
    }
}

/// The text is not `0x` and an even number of hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 0x and an even number of hexadecimal digits")]
pub struct InvalidBytes;

impl Serialize for HexBytes {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where on a chain something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainRef {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// The place of its log entry in the block.
    pub log_index: u64,
    /// The block's number.
    pub block_number: u64,
    /// The block's hash.
    pub block_hash: Bytes32,
    /// The block's own time.
    pub block_time: Timestamp,
}

/// A decimal of so many places as a whole number of atomic units.
impl Amount {
    /// Cut to the token's decimals: what can be claimed on chain.
    #[must_use]
    pub fn rounded_down(self, decimals: u32) -> Self {
        Self::new(self.decimal().trunc_with_scale(decimals)).unwrap_or_default()
    }

    /// Raised to the token's decimals: what a voucher must say at least.
    pub fn rounded_up(self, decimals: u32) -> Result<Self, MoneyError> {
        let down = self.rounded_down(decimals);
        if down == self { Ok(self) } else { down.checked_add(Self::new(Decimal::new(1, decimals))?) }
    }

    /// Atomic units; what lies below one is cut off.
    pub fn atomic(self, decimals: u32) -> u128 {
        let mut cut = self.decimal().trunc_with_scale(decimals);
        cut.rescale(decimals);
        cut.mantissa().unsigned_abs()
    }

    /// From atomic units.
    pub fn from_atomic(units: u128, decimals: u32) -> Result<Self, MoneyError> {
        let units = i128::try_from(units).map_err(|_| MoneyError::TooLarge)?;
        Decimal::try_from_i128_with_scale(units, decimals).map_err(|_| MoneyError::TooLarge).and_then(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hex_is_strict_about_its_length_and_prefix() {
        let address: Address = "0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().unwrap();
        assert_eq!(address.to_string(), "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        for wrong in [
            "",
            "0x",
            "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
            "0xf39f",
            "0xzz9fd6e51aad88f6f4ce6ab8827279cfffb92266",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
        assert_eq!("0x".parse::<HexBytes>(), Ok(HexBytes(Vec::new())));
        assert!("0xabc".parse::<HexBytes>().is_err());
    }

    #[test]
    fn rounding_is_by_name() {
        let amount: Amount = "1.0000005".parse().unwrap();
        assert_eq!(amount.rounded_down(6).to_string(), "1");
        assert_eq!(amount.rounded_up(6).unwrap().to_string(), "1.000001");
        assert_eq!((amount.atomic(6), amount.rounded_up(6).unwrap().atomic(6)), (1_000_000, 1_000_001));
        assert_eq!(Amount::from_atomic(1_000_001, 6).unwrap().to_string(), "1.000001");
        assert!(Amount::from_atomic(u128::MAX, 6).is_err());
    }

    proptest! {
        #[test]
        fn atomic_units_and_back(units in 0u128..1_000_000_000_000_000_000) {
            let amount = Amount::from_atomic(units, 6).unwrap();
            prop_assert_eq!(amount.atomic(6), units);
            prop_assert_eq!(amount.rounded_up(6).unwrap(), amount);
            prop_assert_eq!(amount.rounded_down(6), amount);
        }

        #[test]
        fn down_and_up_enclose(mantissa in 0i64..i64::MAX / 4, scale in 0u32..=12) {
            let amount = Amount::new(Decimal::new(mantissa, scale));
            prop_assume!(amount.is_ok());
            let amount = amount.unwrap();
            prop_assert!(amount.rounded_down(6) <= amount);
            if let Ok(up) = amount.rounded_up(6) {
                prop_assert!(amount <= up);
                prop_assert!(up.minus(amount.rounded_down(6)).atomic(6) <= 1);
            }
        }
    }
}
