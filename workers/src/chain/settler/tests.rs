//! What needs no chain: when more is paid, and which bytes are sent again.

use chain::client::Fees;
use domain::evm::{Address, HexBytes};
use domain::ids::{RelayId, SessionKeyId};
use domain::settler::{Finalized, Mined, Purpose, Replaced, Resend, SettlerEvent};

use super::replace::{Why, why};
use super::resend::Bytes;
use super::sign::Market;
use super::stall::gap;
use super::*;

const GWEI: u64 = 1_000_000_000;

fn fees(max: u64, priority: u64) -> Fees {
    Fees { max_fee_wei: max * GWEI, priority_fee_wei: priority * GWEI }
}

fn market(base: u64, max: u64, priority: u64) -> Market {
    Market { base_fee: base * GWEI, suggested: fees(max, priority) }
}

fn signed(nonce: u64, max: u64, priority: u64) -> Signed {
    Signed {
        transaction_id: TransactionId::new(Uuid::from_u128(u128::from(nonce))),
        nonce,
        tx_hash: Bytes32([u8::try_from(nonce).unwrap(); 32]),
        raw: HexBytes(vec![9]),
        gas_limit: 21_000,
        max_fee_wei: max * GWEI,
        priority_fee_wei: priority * GWEI,
    }
}

#[test]
fn no_more_is_offered_than_is_allowed() {
    assert_eq!(market(10, 21, 1).within(100 * GWEI), Some(fees(21, 1)));
    assert_eq!(market(10, 21, 1).within(15 * GWEI), Some(fees(15, 1)), "a block would take it");
    assert_eq!(market(10, 21, 12).within(10 * GWEI), Some(fees(10, 10)), "a tip is part of the fee");
    assert_eq!(market(10, 21, 1).within(9 * GWEI), None, "no block would");
}

#[test]
fn more_is_paid_only_when_that_helps() {
    let (own, cap) = (signed(1, 20, 1), 1_000 * GWEI);
    let asked = |market: &Market, is_refused, has_waited| why(&own, market, cap, is_refused, has_waited);
    assert_eq!(asked(&market(10, 100, 50), false, false), None, "it has only begun to wait");
    assert_eq!(asked(&market(10, 100, 1), false, true), Some(Why::Waited));
    assert_eq!(asked(&market(10, 20, 2), false, true), Some(Why::Waited), "others tip more");
    assert_eq!(asked(&market(10, 20, 1), false, true), None, "no more is suggested");
    assert_eq!(asked(&market(10, 21, 1), false, true), None, "no node takes so small a raise");
    assert_eq!(asked(&market(20, 41, 1), false, false), None, "a block still takes it");
    assert_eq!(asked(&market(21, 43, 1), false, false), Some(Why::BelowBaseFee), "at once");
    assert_eq!(asked(&market(10, 20, 1), true, false), Some(Why::Underpriced));
    let limited = |market: &Market| why(&own, market, 20 * GWEI, false, true);
    assert_eq!(limited(&market(15, 31, 1)), None, "no more is allowed, and a block takes it");
    assert_eq!(limited(&market(25, 51, 1)), Some(Why::BelowBaseFee), "which only a person can mend");
}

fn queued(nonce: u64, is_mined: bool) -> Queued {
    let signed = signed(nonce, 20, 1);
    let mined = Mined {
        transaction_id: signed.transaction_id,
        tx_hash: signed.tx_hash,
        block_number: 9,
        block_hash: Bytes32([9; 32]),
        succeeded: true,
    };
    Queued {
        id: signed.transaction_id,
        purpose: Purpose::Relay {
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            partition: 0,
            session_key_id: SessionKeyId::new(Uuid::from_u128(2)),
            relay_id: RelayId::new(Uuid::from_u128(3)),
        },
        to: Address([1; 20]),
        calldata: HexBytes::default(),
        signed: Some(signed),
        former: Vec::new(),
        sent: true,
        mined: is_mined.then_some(mined),
        rejected: None,
    }
}

#[test]
fn what_waits_is_in_the_order_of_nonces() {
    // One that lost its nonce was signed anew: it stands before others and comes after them.
    let all = [queued(8, false), queued(4, false), queued(5, true), queued(6, false), queued(7, false)];
    let settler = Settler { queue: all.into(), ..Settler::default() };
    let nonces: Vec<_> =
        waiting(&settler, View { mined_nonce: 6, last_final: 0 }).iter().map(|(_, signed)| signed.nonce).collect();
    assert_eq!(nonces, [6, 7, 8]);
}

#[test]
fn a_nonce_that_nobody_has_is_a_gap() {
    let settler = |queue: &[Queued]| Settler { queue: queue.to_vec().into(), ..Settler::default() };
    let at = |mined_nonce| View { mined_nonce, last_final: 0 };
    let waits = settler(&[queued(5, true), queued(7, false), queued(6, false)]);
    assert_eq!(gap(&settler(&[]), at(3)), None);
    assert_eq!(gap(&waits, at(6)), None, "the next one waits for its block only");
    assert_eq!(gap(&waits, at(5)), None, "the node is behind: ours was in a block");
    assert_eq!(gap(&waits, at(7)), None);
    let missing = settler(&[queued(5, true), queued(8, false), queued(7, false)]);
    assert_eq!(gap(&missing, at(6)), Some((Some(queued(7, false).id), 7)));
    let again = Settler { resend: Some(Resend { first_nonce: 6, last_nonce: 8 }), ..missing };
    assert_eq!(gap(&again, at(6)), None, "what is sent again fills it");
    assert_eq!(gap(&again, at(4)), Some((None, 6)), "but not what came before this log had the key");
}

#[test]
fn the_bytes_that_were_final_are_sent_again_else_the_newest() {
    let hash = |n: u8| Bytes32([n; 32]);
    let signed = |nonce, n| SettlerEvent::Signed(Signed { tx_hash: hash(n), ..signed(nonce, 20, 1) });
    let replaced = |nonce, former, n| {
        SettlerEvent::Replaced(Replaced {
            transaction_id: TransactionId::new(Uuid::from_u128(1)),
            nonce,
            former_tx_hash: hash(former),
            tx_hash: hash(n),
            raw: HexBytes(vec![n]),
            gas_limit: 21_000,
            max_fee_wei: 30 * GWEI,
            priority_fee_wei: GWEI,
            reason: "it waits".into(),
        })
    };
    let finalized = |n| {
        SettlerEvent::Finalized(Finalized {
            transaction_id: TransactionId::new(Uuid::from_u128(1)),
            tx_hash: hash(n),
            block_number: 1,
            succeeded: true,
        })
    };
    let story = [
        signed(3, 30),
        signed(4, 40),
        replaced(4, 40, 41),
        replaced(4, 41, 42),
        finalized(41),
        signed(5, 50),
        replaced(5, 50, 51),
        signed(6, 60),
        finalized(60),
        signed(7, 70),
    ];
    let mut bytes = Bytes::new(Resend { first_nonce: 4, last_nonce: 6 });
    for (event, position) in story.iter().zip(1i64..).collect::<Vec<_>>().into_iter().rev() {
        assert!(!bytes.is_complete || position < 2, "what is needed was not read yet at {position}");
        bytes.take_in(event, position);
    }
    assert!(bytes.is_complete);
    let paid: Vec<_> = bytes.paid.iter().map(|(nonce, (_, tx_hash))| (*nonce, tx_hash.0[0])).collect();
    assert_eq!(paid, [(4, 41), (6, 60)], "what was not final has paid nothing");
    let found: Vec<_> = bytes.positions.into_iter().collect();
    assert_eq!(found, [(4, 3), (5, 7), (6, 8)], "of 4 the second version was final, of 5 the newest is sent");
}
