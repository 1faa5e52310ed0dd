//! Which settlement comes next, and why.

use domain::evm::{Address, Bytes32, HexBytes};
use domain::settler::{Mined, Opened as SettlerOpened, Queued};

use super::*;

fn lane() -> LaneTotals {
    LaneTotals {
        organization_id: Uuid::from_u128(1),
        partition: 0,
        payee: String::new(),
        token: String::new(),
        currency: "USDC".into(),
        unsettled: "1".parse().unwrap(),
        sessions: 1,
        oldest_unsettled_at: None,
        wanted_back: false,
        revoked: false,
        frozen: false,
        expiring: false,
    }
}

#[test]
fn what_cannot_wait_gives_the_cause() {
    assert_eq!(cause(&lane(), false, false), None);
    assert_eq!(cause(&lane(), false, true), Some(Cause::Age));
    assert_eq!(cause(&lane(), true, true), Some(Cause::Threshold));
    let mut lane = LaneTotals { expiring: true, ..lane() };
    assert_eq!(cause(&lane, true, true), Some(Cause::Expiry));
    lane.frozen = true;
    assert_eq!(cause(&lane, false, true), Some(Cause::Frozen));
    lane.revoked = true;
    assert_eq!(cause(&lane, false, false), Some(Cause::Revoked));
    lane.wanted_back = true;
    assert_eq!(cause(&lane, true, true), Some(Cause::Withdrawal));
}

fn queued(n: u128, is_settlement: bool) -> Queued {
    let (organization_id, partition) = (OrganizationId::new(Uuid::from_u128(1)), 0);
    let purpose = if is_settlement {
        let settlement_id = SettlementId::new(Uuid::from_u128(n));
        Purpose::Settlement { organization_id, partition, settlement_id, attempt: 1 }
    } else {
        let (session_key_id, relay_id) = (SessionKeyId::new(Uuid::from_u128(2)), RelayId::new(Uuid::from_u128(n)));
        Purpose::Relay { organization_id, partition, session_key_id, relay_id }
    };
    Queued {
        id: TransactionId::new(Uuid::from_u128(n)),
        purpose,
        to: Address([1; 20]),
        calldata: HexBytes::default(),
        signed: None,
        former: Vec::new(),
        sent: false,
        mined: None,
        rejected: None,
    }
}

#[test]
fn settlements_leave_room_for_what_owners_signed() {
    let mut settler = Settler {
        opened: Some(SettlerOpened { chain_id: 1, address: Address([1; 20]), first_nonce: 0 }),
        ..Settler::default()
    };
    assert_eq!(Room::of(&settler).settlements, SETTLEMENTS_WAITING_MAX);
    // What owners signed, what is in a block, and what will not be sent takes no room.
    settler.queue.extend((0..100).map(|n| queued(n, false)));
    let mined = Mined {
        transaction_id: TransactionId::new(Uuid::from_u128(100)),
        tx_hash: Bytes32([1; 32]),
        block_number: 1,
        block_hash: Bytes32([2; 32]),
        succeeded: true,
    };
    settler.queue.push_back(Queued { mined: Some(mined), ..queued(100, true) });
    settler.queue.push_back(Queued { rejected: Some("refused".into()), ..queued(101, true) });
    settler.queue.extend((102..105).map(|n| queued(n, true)));
    let room = Room::of(&settler);
    assert_eq!((room.settlements, room.known.len(), room.is_open), (SETTLEMENTS_WAITING_MAX - 3, 105, true));
    settler.queue.extend((200..300).map(|n| queued(n, true)));
    assert_eq!(Room::of(&settler).settlements, 0);
    assert!(!Room::of(&Settler::default()).is_open);
}
