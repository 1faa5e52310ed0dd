use alloy::consensus::{Eip658Value, Receipt as Consensus, ReceiptEnvelope, ReceiptWithBloom};
use alloy::primitives::LogData;
use serde_json::json;

use super::*;
use crate::bindings::SessionKeyValidator::{BatchSettled, ClaimSkipped, Claimed};
use crate::evidence::Leaf;

const CHAIN_ID: u64 = 31_337;
const CONTRACT: Address = Address([0xc0; 20]);
const TOKEN: Address = Address([0x70; 20]);
const PAYEE: Address = Address([0xb0; 20]);
const SESSION: Bytes32 = Bytes32([0x5e; 32]);
const BLOCK: u64 = 120;
/// Which of the five charges is proven: its amount is 0.3, with it 1.5000004 were charged.
const INDEX: usize = 4;
const AMOUNTS: [&str; 5] = ["0.25", "0.5", "0.2000003", "0.2500001", "0.3"];

fn charge(index: usize) -> ProvenCharge {
    let amounts: Vec<Amount> = AMOUNTS.iter().map(|text| text.parse().unwrap()).collect();
    let cumulative = amounts[..=index].iter().fold(Amount::ZERO, |sum, amount| sum.plus(*amount));
    ProvenCharge {
        id: ChargeId::new(Uuid::from_u128((0x0190_5a11 << 64) | index as u128)),
        amount: amounts[index],
        cumulative,
        amount_units: units(amounts[index]),
        cumulative_units: units(cumulative),
    }
}

/// A proof, and what the chain says of it.
fn proven() -> (ChargeProof, Said) {
    let leaf = |charge: &ProvenCharge| evidence::charge_leaf(SESSION, charge.id, charge.amount, charge.cumulative);
    let mut leaves: Vec<Leaf> = (0..AMOUNTS.len()).map(|index| leaf(&charge(index))).collect();
    let log_id = Uuid::from_u128(0x0190_aaaa_bbbb_cccc_dddd);
    let head = LogHead { partition: 1, position: 987, chain: Bytes32([0xaa; 32]) };
    let head_leaf = evidence::head_leaf(log_id, &head);
    leaves.push(head_leaf);
    let proof = ChargeProof {
        object: OBJECT.to_owned(),
        version: VERSION,
        chain_id: CHAIN_ID,
        contract: CONTRACT,
        token: TOKEN,
        payee: PAYEE,
        transaction: PaidIn { hash: Bytes32([0x7a; 32]), block_number: BLOCK, block_hash: Bytes32([0xb1; 32]) },
        session_id: SESSION,
        charge: charge(INDEX),
        leaf: crate::own_bytes32(leaves[INDEX]),
        path: evidence::path(&leaves, INDEX),
        evidence_root: evidence::root(&leaves),
        log_head: ProvenHead {
            log_id,
            partition: 1,
            position: 987,
            chain: head.chain,
            leaf: crate::own_bytes32(head_leaf),
            path: evidence::path(&leaves, leaves.len() - 1),
        },
    };
    let logs = [claimed(1_500_000), settled(proof.evidence_root, 2_000_000), transfer(2_000_000)];
    let said = Said {
        chain_id: CHAIN_ID,
        domain_separator: Some(crate::own_bytes32(crate::typed::domain(CHAIN_ID, CONTRACT).separator())),
        decimals: Some(6),
        receipt: Some(receipt(true, logs.to_vec())),
        block_hash: Some(Bytes32([0xb1; 32])),
        final_block: Some(BLOCK + 5),
    };
    (proof, said)
}

fn entry(of: Address, data: LogData) -> Log {
    Log { inner: alloy::primitives::Log { address: crate::address(of), data }, ..Log::default() }
}

fn claimed(units: u128) -> Log {
    let (session, payee) = (crate::b256(SESSION), crate::address(PAYEE));
    let event = Claimed { sessionId: session, payee, amount: units, totalClaimed: units };
    entry(CONTRACT, event.encode_log_data())
}

fn skipped() -> Log {
    let event = ClaimSkipped { sessionId: crate::b256(SESSION), payee: crate::address(PAYEE), reason: 5 };
    entry(CONTRACT, event.encode_log_data())
}

fn settled(root: Bytes32, total: u64) -> Log {
    let event = BatchSettled {
        evidenceRoot: crate::b256(root),
        payee: crate::address(PAYEE),
        token: crate::address(TOKEN),
        settler: crate::address(Address([1; 20])),
        total: U256::from(total),
        settled: U256::from(2),
        skipped: U256::ZERO,
    };
    entry(CONTRACT, event.encode_log_data())
}

fn transfer(total: u64) -> Log {
    let (from, to) = (crate::address(CONTRACT), crate::address(PAYEE));
    entry(TOKEN, Transfer { from, to, value: U256::from(total) }.encode_log_data())
}

fn receipt(succeeded: bool, logs: Vec<Log>) -> Receipt {
    let receipt = Consensus { status: Eip658Value::from(succeeded), cumulative_gas_used: 1, logs };
    Receipt {
        inner: ReceiptEnvelope::Eip1559(ReceiptWithBloom { receipt, logs_bloom: Default::default() }),
        transaction_hash: crate::b256(Bytes32([0x7a; 32])),
        transaction_index: Some(0),
        block_hash: Some(crate::b256(Bytes32([0xb1; 32]))),
        block_number: Some(BLOCK),
        gas_used: 1,
        effective_gas_price: 1,
        blob_gas_used: None,
        blob_gas_price: None,
        from: crate::address(Address([1; 20])),
        to: Some(crate::address(CONTRACT)),
        contract_address: None,
    }
}

/// What an honest node says when it is asked for this proof instead: only what it was asked for by name differs.
fn asked_for(proof: &ChargeProof, said: &Said) -> Said {
    let mut said = said.clone();
    if proof.contract != CONTRACT {
        said.domain_separator = None;
    }
    if proof.token != TOKEN {
        said.decimals = None;
    }
    if proof.transaction.hash != Bytes32([0x7a; 32]) {
        said.receipt = None;
    }
    if proof.transaction.block_number != BLOCK {
        said.block_hash = Some(Bytes32([0xb2; 32]));
    }
    said
}

#[test]
fn it_holds() {
    let (proof, said) = proven();
    let file = serde_json::to_vec_pretty(&proof).unwrap();
    assert_eq!(ChargeProof::read(&file).unwrap(), proof);
    let checked = proof.judge(&said).unwrap();
    assert_eq!(checked.total_claimed.to_string(), "1.5");
    assert_eq!((checked.batch_total.to_string(), checked.final_block), ("2".to_owned(), BLOCK + 5));
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let (proof, said) = proven();
    let file = serde_json::to_vec(&proof).unwrap();
    let mut read = 0;
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            let Ok(other) = ChargeProof::read(&changed) else { continue };
            read += 1;
            let judged = other.judge(&asked_for(&other, &said));
            assert!(judged.is_err(), "byte {at}: {}", String::from_utf8_lossy(&changed));
        }
    }
    assert!(read > 500, "of {} bytes only {read} changes could be read", file.len());
}

#[test]
fn a_changed_value_is_found() {
    let (proof, said) = proven();
    let written = serde_json::to_value(&proof).unwrap();
    let other_hash = format!("0x{}", "11".repeat(32));
    for (place, value) in [
        ("/object", json!("charge_proofs")),
        ("/version", json!(2)),
        ("/chain_id", json!(8453)),
        ("/contract", json!(TOKEN)),
        ("/token", json!(CONTRACT)),
        ("/payee", json!(TOKEN)),
        ("/transaction/hash", json!(other_hash)),
        ("/transaction/block_number", json!(BLOCK - 1)),
        ("/transaction/block_hash", json!(other_hash)),
        ("/session_id", json!(other_hash)),
        ("/charge/id", json!(charge(3).id)),
        ("/charge/amount", json!("0.30")),
        ("/charge/amount", json!("0.4")),
        ("/charge/cumulative", json!("1.5")),
        ("/charge/amount_units", json!("0300000000000")),
        ("/charge/cumulative_units", json!("1")),
        ("/leaf", json!(other_hash)),
        ("/path", json!([])),
        ("/path/0/side", json!("left")),
        ("/path/0/hash", json!(other_hash)),
        ("/evidence_root", json!(other_hash)),
        ("/log_head/log_id", json!(Uuid::nil())),
        ("/log_head/partition", json!(0)),
        ("/log_head/position", json!(988)),
        ("/log_head/chain", json!(other_hash)),
        ("/log_head/leaf", json!(other_hash)),
        ("/log_head/path", json!([])),
    ] {
        let mut changed = written.clone();
        *changed.pointer_mut(place).unwrap() = value.clone();
        assert_ne!(changed, written, "{place}: {value}");
        let read = ChargeProof::read(changed.to_string().as_bytes());
        let judged = read.and_then(|other| other.judge(&asked_for(&other, &said)));
        assert!(judged.is_err(), "{place}: {value}");
    }
    let mut more = written.clone();
    more["settlement_id"] = json!("set_1");
    assert!(ChargeProof::read(more.to_string().as_bytes()).is_err(), "what proves nothing has no place in it");
    let mut upper = written.clone();
    upper["contract"] = json!(format!("0x{}", "C0".repeat(20)));
    assert!(ChargeProof::read(upper.to_string().as_bytes()).is_err(), "one way to write it");
    assert!(ChargeProof::read(&vec![b' '; BYTES_MAX + 1]).is_err());
}

#[test]
fn another_charges_figures_do_not_fit_its_place() {
    let (proof, said) = proven();
    for index in 0..INDEX {
        let other = ChargeProof { charge: charge(index), ..proof.clone() };
        assert!(other.judge(&said).is_err());
        let leaf = evidence::charge_leaf(SESSION, other.charge.id, other.charge.amount, other.charge.cumulative);
        let other = ChargeProof { leaf: crate::own_bytes32(leaf), ..other };
        assert!(other.judge(&said).is_err());
    }
}

#[test]
fn the_chain_must_say_so() {
    let (proof, said) = proven();
    let root = proof.evidence_root;
    let with = |change: &dyn Fn(&mut Said)| {
        let mut other = said.clone();
        change(&mut other);
        proof.judge(&other).map_err(|error| error.to_string())
    };
    let logs = |logs: Vec<Log>| with(&|said| said.receipt = Some(receipt(true, logs.clone())));
    let full = || vec![claimed(1_500_000), settled(root, 2_000_000), transfer(2_000_000)];
    assert!(logs(full()).is_ok());
    for (what, refused) in [
        ("another chain", with(&|said| said.chain_id = 1)),
        ("no such contract", with(&|said| said.domain_separator = None)),
        ("another contract", with(&|said| said.domain_separator = Some(Bytes32([1; 32])))),
        ("no token", with(&|said| said.decimals = None)),
        ("not mined", with(&|said| said.receipt = None)),
        ("reverted", with(&|said| said.receipt = Some(receipt(false, full())))),
        ("not its block", with(&|said| said.block_hash = Some(Bytes32([1; 32])))),
        ("not final", with(&|said| said.final_block = Some(BLOCK - 1))),
        ("nothing final", with(&|said| said.final_block = None)),
        ("no claim", logs(vec![settled(root, 2_000_000), transfer(2_000_000)])),
        ("a skipped claim", logs(vec![skipped(), settled(root, 2_000_000), transfer(2_000_000)])),
        ("less claimed", logs(vec![claimed(1_499_999), settled(root, 2_000_000), transfer(2_000_000)])),
        ("no batch", logs(vec![claimed(1_500_000), transfer(2_000_000)])),
        ("another root", logs(vec![claimed(1_500_000), settled(Bytes32([1; 32]), 2_000_000), transfer(2_000_000)])),
        ("no transfer", logs(vec![claimed(1_500_000), settled(root, 2_000_000)])),
        ("less moved", logs(vec![claimed(1_500_000), settled(root, 2_000_000), transfer(1_999_999)])),
    ] {
        assert!(refused.is_err(), "{what}");
    }
    // The same words from somebody else's contract.
    let mut foreign = full();
    for log in &mut foreign[..2] {
        log.inner.address = crate::address(TOKEN);
    }
    assert!(logs(foreign).is_err());
    assert!(with(&|said| said.final_block = Some(BLOCK)).is_ok(), "the block itself is final");
}

#[test]
fn it_must_be_about_the_contract_and_the_token_that_count() {
    let (proof, _) = proven();
    let other = Address([9; 20]);
    let expects = |proof: &ChargeProof, contract, token| proof.check_expected(&Expected { contract, token });
    // On a chain whose token nobody knows it is what whoever checks says, or the proof's own word.
    assert_eq!(Expected::default().token_on(CHAIN_ID), None);
    assert!(expects(&proof, None, None).is_ok());
    assert!(expects(&proof, Some(CONTRACT), Some(TOKEN)).is_ok());
    let refused = expects(&proof, Some(other), None).unwrap_err().to_string();
    assert!(refused.contains(&format!("not about {other}")), "{refused}");
    assert!(expects(&proof, None, Some(other)).is_err());
    // Elsewhere it is the chain's own USDC, unless another is named.
    let base = Network::find("base").unwrap();
    let forged = ChargeProof { chain_id: base.chain_id, ..proof };
    let refused = expects(&forged, None, None).unwrap_err().to_string();
    assert!(refused.contains(base.usdc.unwrap()), "{refused}");
    assert!(expects(&forged, None, Some(TOKEN)).is_ok());
    let real = ChargeProof { token: base.usdc().unwrap(), ..forged };
    assert!(expects(&real, None, None).is_ok());
}

#[test]
fn what_a_settler_published_is_read() {
    let mut log = settled(Bytes32([7; 32]), 5);
    assert_eq!(published_by(&log), None, "it is in no block yet");
    log.transaction_hash = Some(crate::b256(Bytes32([8; 32])));
    log.block_number = Some(BLOCK);
    let expected = Published {
        evidence_root: Bytes32([7; 32]),
        payee: PAYEE,
        settler: Address([1; 20]),
        tx_hash: Bytes32([8; 32]),
        block_number: BLOCK,
    };
    assert_eq!(published_by(&log), Some(expected));
    assert_eq!(published_by(&Log { inner: claimed(1).inner, ..log }), None, "another entry");
}
