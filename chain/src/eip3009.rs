//! Transfers that their payer authorized by signature (EIP-3009): what is signed, who signed it, the call that
//! makes the transfer, and whether a transaction made it.
//!
//! Keys sign in 65 bytes, or 64 in the compact form of ERC-2098. Anything else may be the signature of a smart
//! account (ERC-1271), about which the account itself has the last word: the token asks it.

use alloy::primitives::{B256, Bytes, Signature, U256};
use alloy::rpc::types::Log;
use alloy::sol;
use alloy::sol_types::{Eip712Domain, SolCall, SolEvent, SolStruct, eip712_domain};
use domain::evm::{Address, Bytes32, CompactSignature, HexBytes};
use domain::exact_payment::Accepted;

use crate::bindings::TestUSDC::{AuthorizationUsed, Transfer};
use crate::networks::Network;
use crate::voucher;

mod types {
    super::sol! {
        struct TransferWithAuthorization {
            address from;
            address to;
            uint256 value;
            uint256 validAfter;
            uint256 validBefore;
            bytes32 nonce;
        }
    }
}

/// With the signature in its parts: every token of this kind has it.
mod parts {
    super::sol! {
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
    }
}

/// With the signature as bytes, which may be a smart account's: USDC has it since FiatToken 2.2.
mod whole {
    super::sol! {
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature) external;
    }
}

/// What a payer signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authorization {
    /// Who pays.
    pub from: Address,
    /// Who is paid.
    pub to: Address,
    /// Atomic units.
    pub value: u128,
    /// Unix seconds; good after
    pub valid_after: u64,
    /// and before.
    pub valid_before: u64,
    /// Good for once.
    pub nonce: Bytes32,
}

impl From<&Accepted> for Authorization {
    fn from(accepted: &Accepted) -> Self {
        Self {
            from: accepted.from,
            to: accepted.to,
            value: accepted.amount.atomic(accepted.currency.minor_unit()),
            valid_after: accepted.valid_after,
            valid_before: accepted.valid_before,
            nonce: accepted.nonce,
        }
    }
}

/// The token's EIP-712 domain: its name and version are not the same on every chain.
pub fn token_domain(network: &Network, token: Address) -> Eip712Domain {
    eip712_domain! {
        name: network.usdc_name,
        version: network.usdc_version,
        chain_id: network.chain_id,
        verifying_contract: crate::address(token),
    }
}

/// The EIP-712 digest that the payer signs.
pub fn digest(network: &Network, token: Address, authorization: &Authorization) -> B256 {
    let transfer = types::TransferWithAuthorization {
        from: crate::address(authorization.from),
        to: crate::address(authorization.to),
        value: U256::from(authorization.value),
        validAfter: U256::from(authorization.valid_after),
        validBefore: U256::from(authorization.valid_before),
        nonce: crate::b256(authorization.nonce),
    };
    transfer.eip712_signing_hash(&token_domain(network, token))
}

/// Whose signature it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// That of the payer's own key.
    Key(CompactSignature),
    /// Not of a key, or not of this payer's: good only where the payer is a smart account that says so.
    Account(HexBytes),
}

impl Signed {
    /// Finds the signer. Of the two signatures that are equally valid, tokens take the one with low s.
    pub fn read(network: &Network, token: Address, authorization: &Authorization, signature: &HexBytes) -> Self {
        let compact = voucher::parse_signature(signature).ok().filter(|compact| {
            voucher::signer(digest(network, token, authorization), *compact) == Ok(authorization.from)
        });
        compact.map_or_else(|| Self::Account(signature.clone()), Self::Key)
    }
}

/// The call that makes the transfer; anybody may send it.
pub fn calldata(authorization: &Authorization, signed: &Signed) -> HexBytes {
    let (from, to) = (crate::address(authorization.from), crate::address(authorization.to));
    let value = U256::from(authorization.value);
    let (after, before) = (U256::from(authorization.valid_after), U256::from(authorization.valid_before));
    let nonce = crate::b256(authorization.nonce);
    HexBytes(match signed {
        Signed::Key(compact) => {
            let signature = Signature::from_erc2098(&compact.0);
            parts::transferWithAuthorizationCall {
                from,
                to,
                value,
                validAfter: after,
                validBefore: before,
                nonce,
                v: signature.v_byte(),
                r: signature.r().into(),
                s: signature.s().into(),
            }
            .abi_encode()
        }
        Signed::Account(signature) => whole::transferWithAuthorizationCall {
            from,
            to,
            value,
            validAfter: after,
            validBefore: before,
            nonce,
            signature: Bytes::from(signature.0.clone()),
        }
        .abi_encode(),
    })
}

/// Whether a transaction's log entries say that it made this transfer.
///
/// A payer can sign several transfers with one nonce, and others can bundle any of them in one transaction. The
/// token moves the money right after it noted the nonce, so the entry that follows is the one that counts.
pub fn is_paid<'a>(logs: impl IntoIterator<Item = &'a Log>, token: Address, authorization: &Authorization) -> bool {
    let mut is_next = false;
    for log in logs {
        let is_of_token = log.address() == crate::address(token);
        if is_next && is_of_token && moves(log, authorization) {
            return true;
        }
        is_next = is_of_token && uses(log, authorization);
    }
    false
}

fn uses(log: &Log, authorization: &Authorization) -> bool {
    AuthorizationUsed::decode_log(&log.inner).is_ok_and(|used| {
        (used.authorizer, used.nonce) == (crate::address(authorization.from), crate::b256(authorization.nonce))
    })
}

fn moves(log: &Log, authorization: &Authorization) -> bool {
    Transfer::decode_log(&log.inner).is_ok_and(|transfer| {
        let (from, to) = (crate::address(authorization.from), crate::address(authorization.to));
        (transfer.from, transfer.to, transfer.value) == (from, to, U256::from(authorization.value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::LogData;

    const KEY: [u8; 32] = [7; 32];

    fn network() -> &'static Network {
        Network::find("base-sepolia").unwrap()
    }

    fn token() -> Address {
        network().usdc().unwrap()
    }

    fn authorization() -> Authorization {
        Authorization {
            from: voucher::address_of(&KEY).unwrap(),
            to: Address([0x22; 20]),
            value: 10_000,
            valid_after: 1_740_672_089,
            valid_before: 1_740_672_154,
            nonce: Bytes32([0x4e; 32]),
        }
    }

    /// As viem 2 signs it (`signTypedData`), with the key `0x0707…07`.
    const DIGEST: &str = "0xd1cbbcb6bf36cf11053b74fb5a343d521b5b6b44e53b7ed33888ddc24c1fcbeb";
    const SIGNATURE: &str = "0x2c676a1496e7bbceaf1317efb7217103ae380fb376f6a0272766bfab754ce70173dd1376f86b7338c8ce0b2ba73493de933c4a2bb88097f0164efe01ec25609a1c";

    fn read(authorization: &Authorization, signature: &str) -> Signed {
        Signed::read(network(), token(), authorization, &signature.parse().unwrap())
    }

    #[test]
    fn it_is_what_wallets_sign() {
        let digest = digest(network(), token(), &authorization());
        assert_eq!(digest.to_string(), DIGEST);
        let own = voucher::sign(&KEY, digest).unwrap();
        assert_eq!(read(&authorization(), SIGNATURE), Signed::Key(own));
        assert_eq!(read(&authorization(), &own.to_string()), Signed::Key(own), "in the compact form");
        let parity = format!("{}01", &SIGNATURE[..SIGNATURE.len() - 2]);
        assert_eq!(read(&authorization(), &parity), Signed::Key(own), "v as 0 or 1");
    }

    #[test]
    fn every_word_of_it_counts() {
        let changes: [fn(&mut Authorization); 6] = [
            |a| a.from = Address([9; 20]),
            |a| a.to = Address([9; 20]),
            |a| a.value += 1,
            |a| a.valid_after += 1,
            |a| a.valid_before += 1,
            |a| a.nonce = Bytes32([9; 32]),
        ];
        for change in changes {
            let mut other = authorization();
            change(&mut other);
            assert!(matches!(read(&other, SIGNATURE), Signed::Account(_)), "{other:?}");
        }
        let elsewhere = Network::find("base").unwrap();
        let signature: HexBytes = SIGNATURE.parse().unwrap();
        for (network, token) in [(elsewhere, token()), (network(), Address([9; 20]))] {
            let found = Signed::read(network, token, &authorization(), &signature);
            assert!(matches!(found, Signed::Account(_)));
        }
    }

    #[test]
    fn high_s_is_no_keys_signature() {
        let compact = voucher::sign(&KEY, digest(network(), token(), &authorization())).unwrap();
        let low = Signature::from_erc2098(&compact.0);
        let order: U256 = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().unwrap();
        let high = Signature::new(low.r(), order - low.s(), !low.v());
        let high = HexBytes(high.as_bytes().to_vec());
        let found = Signed::read(network(), token(), &authorization(), &high);
        assert_eq!(found, Signed::Account(high));
    }

    #[test]
    fn the_call_has_the_form_that_the_signature_needs() {
        let key = calldata(&authorization(), &read(&authorization(), SIGNATURE));
        assert_eq!((&key.0[..4], key.0.len()), (&[0xe3, 0xee, 0x16, 0x0e][..], 4 + 9 * 32));
        let (parts, signature) = (&key.0[4 + 6 * 32..], SIGNATURE.parse::<HexBytes>().unwrap().0);
        assert_eq!((parts[31], &parts[32..]), (28, &signature[..64]));
        let account = calldata(&authorization(), &Signed::Account(HexBytes(vec![1; 100])));
        assert_eq!((&account.0[..4], account.0.len()), (&[0xcf, 0x09, 0x29, 0x95][..], 4 + 7 * 32 + 32 + 128));
    }

    fn entry(of: Address, data: LogData) -> Log {
        let inner = alloy::primitives::Log { address: crate::address(of), data };
        Log { inner, ..Log::default() }
    }

    fn used(nonce: u8) -> Log {
        let event = AuthorizationUsed {
            authorizer: crate::address(authorization().from),
            nonce: crate::b256(Bytes32([nonce; 32])),
        };
        entry(token(), event.encode_log_data())
    }

    fn moved(to: u8, value: u128) -> Log {
        let event = Transfer {
            from: crate::address(authorization().from),
            to: crate::address(Address([to; 20])),
            value: U256::from(value),
        };
        entry(token(), event.encode_log_data())
    }

    #[test]
    fn only_its_own_transfer_pays() {
        let told = |logs: &[Log]| is_paid(logs, token(), &authorization());
        let (used_own, paid) = (used(0x4e), moved(0x22, 10_000));
        assert!(told(&[used_own.clone(), paid.clone()]));
        assert!(told(&[used(1), moved(9, 5), used_own.clone(), paid.clone()]));
        assert!(!told(&[]));
        assert!(!told(std::slice::from_ref(&paid)));
        assert!(!told(std::slice::from_ref(&used_own)));
        assert!(!told(&[used_own.clone(), moved(0x22, 9_999)]));
        // The nonce was used for something else, and another authorization paid the same amount.
        assert!(!told(&[used_own.clone(), moved(9, 10_000), used(1), paid.clone()]));
        let foreign = Log {
            inner: alloy::primitives::Log { address: crate::address(Address([9; 20])), ..paid.inner.clone() },
            ..paid
        };
        assert!(!told(&[used_own, foreign]));
    }
}
