//! The golden vectors that Solidity, Rust and TypeScript all read: `contracts/vectors/vouchers.json`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chain::typed::{self, Authorization, OwnerAction};
use chain::voucher::{self, VoucherError};
use chain::{evidence, networks};
use chrono::DateTime;
use domain::evm::{Address, Bytes32, CompactSignature, HexBytes};
use domain::ids::ChargeId;
use domain::money::{Amount, Currency};
use domain::session_key::{Custody, Terms};
use domain::settlement::LogHead;
use serde_json::Value;
use uuid::Uuid;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../contracts/vectors/vouchers.json")).unwrap()
}

fn list<'a>(vectors: &'a Value, name: &str) -> &'a [Value] {
    let list = vectors[name].as_array().unwrap();
    assert!(!list.is_empty(), "{name}");
    list
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

/// Numbers come as numbers or as decimal strings.
fn number(value: &Value, name: &str) -> u128 {
    value[name].as_str().map_or_else(|| u128::from(value[name].as_u64().unwrap()), |text| text.parse().unwrap())
}

fn small(value: &Value, name: &str) -> u64 {
    number(value, name).try_into().unwrap()
}

fn address(value: &Value, name: &str) -> Address {
    text(value, name).parse().unwrap()
}

fn bytes32(value: &Value, name: &str) -> Bytes32 {
    text(value, name).parse().unwrap()
}

fn compact(value: &Value) -> CompactSignature {
    let joined = format!("{}{}", text(value, "r"), text(value, "vs").trim_start_matches("0x"));
    joined.parse().unwrap()
}

fn in_range(units: u128) -> bool {
    Amount::from_atomic(units, 6).is_ok()
}

/// The terms of a session with one payee and amounts that the ledger can hold; others are not ours.
fn terms(session: &Value, key: Address) -> Option<Terms> {
    let inner = &session["session"];
    let allowances = inner["allowances"].as_array().unwrap();
    let [allowance] = allowances.as_slice() else { return None };
    let time = |name: &str| DateTime::from_timestamp(i64::try_from(small(inner, name)).ok()?, 0);
    Some(Terms {
        custody: Custody::Client,
        chain_id: small(session, "chainId"),
        contract: address(session, "verifyingContract"),
        token: address(inner, "token"),
        currency: Currency::USDC,
        session_id: bytes32(session, "sessionId"),
        owner: address(inner, "owner"),
        key,
        payee: address(allowance, "payee"),
        limit: Amount::from_atomic(number(allowance, "limit"), 6).ok()?,
        period_limit: Amount::from_atomic(number(allowance, "periodLimit"), 6).ok()?,
        period_secs: small(allowance, "period").try_into().unwrap(),
        valid_after: time("validAfter")?,
        valid_until: time("validUntil")?,
        settle_grace_secs: small(inner, "settleGrace").try_into().unwrap(),
        withdraw_delay_secs: small(inner, "withdrawDelay").try_into().unwrap(),
        salt: bytes32(inner, "salt"),
    })
}

/// The terms of the session that a vector belongs to.
fn terms_of(vectors: &Value, vector: &Value, key: Address) -> Option<Terms> {
    let index = usize::try_from(small(vector, "sessionIndex")).unwrap();
    terms(&list(vectors, "sessions")[index], key)
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    HexBytes(digest.as_ref().to_vec()).to_string()
}

#[test]
fn a_sessions_id_and_what_its_owner_signs() {
    let vectors = vectors();
    let mut seen = 0;
    for grant in list(&vectors, "grants") {
        let Some(terms) = terms_of(&vectors, grant, address(grant, "key")) else { continue };
        assert_eq!(typed::session_id(&terms), terms.session_id);
        assert_eq!(hex(typed::digest(&typed::grant(&terms)).unwrap()), text(grant, "digest"));
        seen += 1;
    }
    assert!(seen >= 2, "sessions with one payee on both chains");
    for (name, action) in
        [("Freeze", OwnerAction::Freeze), ("Unfreeze", OwnerAction::Unfreeze), ("Revoke", OwnerAction::Revoke)]
    {
        let of_kind = list(&vectors, "actions").iter().filter(|vector| text(vector, "type") == name);
        for vector in of_kind {
            let Some(terms) = terms_of(&vectors, vector, Address([0; 20])) else { continue };
            let (Ok(nonce), Ok(deadline)) = (text(vector, "nonce").parse(), text(vector, "deadline").parse()) else {
                continue;
            };
            let typed = typed::owner_action(&terms, action, nonce, deadline);
            assert_eq!(hex(typed::digest(&typed).unwrap()), text(vector, "digest"), "{name}");
            seen += 1;
        }
    }
    let mut rotations = 0;
    for vector in list(&vectors, "rotations") {
        let Some(terms) = terms_of(&vectors, vector, Address([0; 20])) else { continue };
        let (Ok(nonce), Ok(deadline)) = (text(vector, "nonce").parse(), text(vector, "deadline").parse()) else {
            continue;
        };
        let action = OwnerAction::RotateKey { key: address(vector, "key") };
        let typed = typed::owner_action(&terms, action, nonce, deadline);
        assert_eq!(hex(typed::digest(&typed).unwrap()), text(vector, "digest"));
        rotations += 1;
    }
    assert!(rotations >= 2, "{rotations}");
    for vector in list(&vectors, "withdrawals") {
        let Some(terms) = terms_of(&vectors, vector, Address([0; 20])) else { continue };
        let (Ok(nonce), Ok(deadline)) = (text(vector, "nonce").parse(), text(vector, "deadline").parse()) else {
            continue;
        };
        let action = OwnerAction::RequestWithdraw { units: number(vector, "amount") };
        let typed = typed::owner_action(&terms, action, nonce, deadline);
        assert_eq!(hex(typed::digest(&typed).unwrap()), text(vector, "digest"));
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn deposits_commit_to_what_they_are_for() {
    let vectors = vectors();
    let local = networks::Network::find("local").unwrap();
    let mut seen = 0;
    for vector in list(&vectors, "authorizations") {
        let key = address(vector, "key");
        let Some(terms) = terms_of(&vectors, vector, key) else { continue };
        let units = number(vector, "amount");
        let (Ok(index), Ok(after), Ok(before), true) = (
            text(vector, "index").parse(),
            text(vector, "validAfter").parse(),
            text(vector, "validBefore").parse(),
            in_range(units),
        ) else {
            continue;
        };
        let terms = Terms { owner: address(vector, "from"), ..terms };
        let authorization = Authorization {
            opens: key != Address([0; 20]),
            amount: Amount::from_atomic(units, 6).unwrap(),
            index,
            valid_after: after,
            valid_before: before,
        };
        assert_eq!(hex(typed::authorization_nonce(&terms, &authorization)), text(vector, "nonce"));
        let typed = typed::authorization(&terms, local, &authorization);
        assert_eq!(hex(typed::digest(&typed).unwrap()), text(vector, "digest"));
        seen += 1;
    }
    assert!(seen >= 2, "{seen}");
}

#[test]
fn vouchers_and_who_signed_them() {
    let vectors = vectors();
    for vector in list(&vectors, "vouchers") {
        let digest = voucher::digest(
            small(vector, "chainId"),
            address(vector, "verifyingContract"),
            bytes32(vector, "sessionId"),
            address(vector, "payee"),
            number(vector, "maxClaimable"),
        );
        let name = text(vector, "name");
        assert_eq!(hex(digest), text(vector, "digest"), "{name}");
        let long = voucher::parse_signature(&text(vector, "signature").parse().unwrap()).unwrap();
        assert_eq!(long, compact(vector), "{name}: both forms are one signature");
        assert_eq!(voucher::signer(digest, long), Ok(address(vector, "key")), "{name}");
        if let Some(terms) = terms_of(&vectors, vector, address(vector, "key"))
            && let Ok(amount) = Amount::from_atomic(number(vector, "maxClaimable"), 6)
        {
            assert_eq!(voucher::digest_of(&terms, amount), digest);
            let typed = typed::voucher(&terms, amount);
            assert_eq!(typed::digest(&typed), Some(digest), "{name}: what a wallet signs");
        }
    }
}

#[test]
fn what_must_not_pass_does_not() {
    let vectors = vectors();
    for vector in list(&vectors, "rejectedVouchers") {
        let name = text(vector, "name");
        let digest = text(vector, "digest").parse().unwrap();
        let key = address(vector, "key");
        let joined = format!("{}{}", text(vector, "r"), text(vector, "vs").trim_start_matches("0x"));
        for form in [text(vector, "signature").to_owned(), joined] {
            let bytes: HexBytes = form.parse().unwrap();
            let signer = voucher::parse_signature(&bytes).and_then(|signature| voucher::signer(digest, signature));
            assert_ne!(signer, Ok(key), "{name}: {form}");
        }
    }
    let high: HexBytes = text(&list(&vectors, "rejectedVouchers")[0], "signature").parse().unwrap();
    assert_eq!(voucher::parse_signature(&high), Err(VoucherError::HighS));
    for length in [0, 1, 63, 66, 1_000] {
        assert_eq!(voucher::parse_signature(&HexBytes(vec![1; length])), Err(VoucherError::Malformed));
    }
}

#[test]
fn the_evidence_tree() {
    let vectors = vectors();
    let evidence = &vectors["evidence"];
    let decimal = |units: u128| Amount::from_atomic(units, 12);
    let mut checked = 0;
    for charge in list(evidence, "charges") {
        let (Ok(amount), Ok(cumulative)) = (decimal(number(charge, "amount")), decimal(number(charge, "cumulative")))
        else {
            continue;
        };
        let id: HexBytes = text(charge, "chargeId").parse().unwrap();
        let id = ChargeId::new(Uuid::from_slice(&id.0).unwrap());
        let leaf = evidence::charge_leaf(bytes32(charge, "sessionId"), id, amount, cumulative);
        assert_eq!(hex(leaf), text(charge, "leaf"));
        checked += 1;
    }
    assert!(checked >= 2, "{checked}");
    let head = &evidence["head"];
    let log_id: HexBytes = text(head, "logId").parse().unwrap();
    let log_head = LogHead {
        partition: small(head, "partition").try_into().unwrap(),
        position: small(head, "position").try_into().unwrap(),
        chain: bytes32(head, "chain"),
    };
    let leaf = evidence::head_leaf(Uuid::from_slice(&log_id.0).unwrap(), &log_head);
    assert_eq!(hex(leaf), text(head, "leaf"));
    for tree in list(evidence, "trees") {
        let leaves: Vec<evidence::Leaf> =
            tree["leaves"].as_array().unwrap().iter().map(|leaf| leaf.as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(evidence::root(&leaves).to_string(), text(tree, "root"), "{} leaves", leaves.len());
    }
}
