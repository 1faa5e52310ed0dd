//! Given events, when a command, then events: from plan to finality, and back when a block goes away.

use uuid::Uuid;

use super::*;
use crate::evm::{Address, HexBytes};
use crate::ids::{CustomerId, SessionKeyId, SettlementId};
use crate::money::Currency;

const NOW: &str = "2026-01-01T00:00:00Z";

fn organization() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}

fn opened() -> Opened {
    let address = Address([7; 20]);
    let lane = Lane { chain_id: 31337, contract: address, token: address, currency: Currency::USDC, payee: address };
    Opened {
        settlement_id: SettlementId::new(Uuid::from_u128(2)),
        organization_id: organization(),
        lane,
        cause: Cause::Requested,
    }
}

fn planned(claims: usize) -> Planned {
    let claim = PlannedClaim {
        session_key_id: SessionKeyId::new(Uuid::from_u128(3)),
        customer_id: CustomerId::new(Uuid::from_u128(4)),
        session_id: Bytes32([5; 32]),
        amount: "1".parse().unwrap(),
        total_claimed: "1".parse().unwrap(),
        charges: 1,
        first_position: 1,
        last_position: 1,
    };
    Planned {
        claims: vec![claim; claims],
        total: "1".parse().unwrap(),
        currency: Currency::USDC,
        evidence_root: Bytes32([6; 32]),
        evidence_leaves: 2,
        log_head: LogHead { partition: 0, position: 9, chain: Bytes32([0; 32]) },
        calldata: HexBytes(vec![1, 2]),
    }
}

fn run(settlement: &mut Settlement, action: Action) -> Result<Vec<SettlementEvent>, SettlementError> {
    let now = NOW.parse().unwrap();
    let command = SettlementCommand { organization_id: organization(), action };
    let events = settlement.handle_command(&command, now)?;
    for event in &events {
        settlement.apply_event(event, now);
    }
    Ok(events)
}

fn submitted(attempt: u32) -> Action {
    Action::Submit(Submitted { attempt, tx_hash: Bytes32([8; 32]), nonce: 0 })
}

fn fail(attempt: u32) -> Action {
    Action::Fail { attempt, reason: "reverted".into(), retry_at: NOW.parse().unwrap() }
}

#[test]
fn three_attempts_and_then_a_person() {
    let mut settlement = Settlement::default();
    run(&mut settlement, Action::Open(opened())).unwrap();
    assert_eq!(run(&mut settlement, Action::Open(opened())), Err(SettlementError::AlreadyOpen));
    run(&mut settlement, Action::Plan(Box::new(planned(1)))).unwrap();
    for attempt in 1..=3 {
        run(&mut settlement, submitted(attempt)).unwrap();
        let late = run(&mut settlement, fail(attempt + 1));
        assert_eq!(late, Err(SettlementError::WrongStatus(Status::Submitted)), "another attempt's failure");
        run(&mut settlement, fail(attempt)).unwrap();
    }
    assert_eq!(settlement.status, Status::Parked);
    run(&mut settlement, Action::Retry).unwrap();
    assert_eq!((settlement.status, settlement.attempt()), (Status::Planned, 4));
    run(&mut settlement, submitted(4)).unwrap();
    run(&mut settlement, fail(4)).unwrap();
    assert_eq!(settlement.status, Status::Planned, "three attempts anew");
}

#[test]
fn a_plan_has_one_to_a_hundred_claims() {
    for (claims, fits) in [(0, false), (1, true), (100, true), (101, false)] {
        let mut settlement = Settlement::default();
        run(&mut settlement, Action::Open(opened())).unwrap();
        assert_eq!(run(&mut settlement, Action::Plan(Box::new(planned(claims)))).is_ok(), fits, "{claims}");
    }
}

#[test]
fn another_organizations_settlement_is_not_there() {
    let mut settlement = Settlement::default();
    run(&mut settlement, Action::Open(opened())).unwrap();
    let command = SettlementCommand { organization_id: OrganizationId::new(Uuid::from_u128(9)), action: Action::Retry };
    let denied = settlement.handle_command(&command, NOW.parse().unwrap());
    assert_eq!(denied, Err(SettlementError::NotFound));
}

fn resubmitted(attempt: u32, hash: u8, nonce: u64) -> Action {
    let reason = "fees have risen".to_owned();
    Action::Resubmit(Resubmitted { attempt, tx_hash: Bytes32([hash; 32]), nonce, reason })
}

fn mine(hash: u8, block: u8) -> Action {
    let (tx_hash, block_hash) = (Bytes32([hash; 32]), Bytes32([block; 32]));
    Action::Mine(Mined { tx_hash, block_number: u64::from(block), block_hash })
}

fn reorganize(block: u8) -> Action {
    Action::Reorganize { block_hash: Bytes32([block; 32]) }
}

fn finalize(hash: u8, block: u8) -> Action {
    Action::Finalize(Box::new(Finalized {
        tx_hash: Bytes32([hash; 32]),
        block_number: u64::from(block),
        block_hash: Bytes32([block; 32]),
        transferred: "1".parse().unwrap(),
        currency: Currency::USDC,
        settled: 1,
        skipped: Vec::new(),
        gas_used: 21_000,
        gas_price_wei: 1,
    }))
}

/// With a transaction that is signed.
fn under_way() -> Settlement {
    let mut settlement = Settlement::default();
    run(&mut settlement, Action::Open(opened())).unwrap();
    run(&mut settlement, Action::Plan(Box::new(planned(1)))).unwrap();
    run(&mut settlement, submitted(1)).unwrap();
    settlement
}

#[test]
fn what_a_block_took_away_is_mined_again() {
    let mut settlement = under_way();
    assert_eq!(run(&mut settlement, reorganize(5)), Ok(Vec::new()), "it was in none");
    run(&mut settlement, mine(8, 5)).unwrap();
    assert_eq!(run(&mut settlement, reorganize(6)), Ok(Vec::new()), "it was in another");
    let events = run(&mut settlement, reorganize(5)).unwrap();
    assert!(matches!(&events[..], [SettlementEvent::Reorganized(gone)] if gone.block_number == 5), "{events:?}");
    assert_eq!((settlement.status, settlement.mined.is_none()), (Status::Submitted, true));
    assert_eq!(run(&mut settlement, reorganize(5)), Ok(Vec::new()), "it is known");
    run(&mut settlement, mine(8, 6)).unwrap();
    run(&mut settlement, finalize(8, 6)).unwrap();
    let late = run(&mut settlement, reorganize(6));
    assert_eq!(late, Err(SettlementError::WrongStatus(Status::Finalized)), "what is final stays");
}

#[test]
fn another_version_takes_the_place_of_the_transaction() {
    let mut settlement = under_way();
    assert_eq!(run(&mut settlement, resubmitted(1, 8, 0)), Ok(Vec::new()), "it is known");
    let late = run(&mut settlement, resubmitted(2, 9, 0));
    assert_eq!(late, Err(SettlementError::WrongStatus(Status::Submitted)), "another attempt's");
    assert_eq!(run(&mut settlement, resubmitted(1, 9, 0)).unwrap().len(), 1);
    assert_eq!(settlement.submitted, Some(Submitted { attempt: 1, tx_hash: Bytes32([9; 32]), nonce: 0 }));
    // The version before was faster, and the one that was displaced has another nonce.
    run(&mut settlement, mine(8, 5)).unwrap();
    assert_eq!(settlement.submitted.as_ref().unwrap().tx_hash, Bytes32([8; 32]));
    run(&mut settlement, resubmitted(1, 10, 4)).unwrap();
    assert_eq!((settlement.status, settlement.mined.is_none()), (Status::Submitted, true));
    assert_eq!((settlement.attempt(), settlement.submitted.as_ref().unwrap().nonce), (1, 4));
    run(&mut settlement, fail(1)).unwrap();
    let after = run(&mut settlement, resubmitted(1, 11, 4));
    assert_eq!(after, Err(SettlementError::WrongStatus(Status::Planned)), "the attempt is over");
}
