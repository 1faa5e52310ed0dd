//! Given events, when a command, then events: one nonce for each transaction, whatever becomes of its versions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::aggregate::EventPayload;
use crate::ids::{OrganizationId, RelayId, SessionKeyId};

fn id(n: u128) -> TransactionId {
    TransactionId::new(Uuid::from_u128(n))
}

fn run(settler: &mut Settler, command: SettlerCommand) -> Result<usize, SettlerError> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let events = settler.handle_command(&command, now)?;
    for event in &events {
        let read = SettlerEvent::decode(event.event_type(), event.schema(), &event.encode()).unwrap();
        assert_eq!(&read, event, "what is written can be read");
        settler.apply_event(event, now);
    }
    Ok(events.len())
}

fn enqueue(n: u128) -> SettlerCommand {
    let purpose = Purpose::Relay {
        organization_id: OrganizationId::new(Uuid::from_u128(1)),
        partition: 0,
        session_key_id: SessionKeyId::new(Uuid::from_u128(2)),
        relay_id: RelayId::new(Uuid::from_u128(n)),
    };
    let enqueued = Enqueued { transaction_id: id(n), purpose, to: Address([1; 20]), calldata: HexBytes(vec![1, 2, 3]) };
    SettlerCommand::Enqueue(Box::new(enqueued))
}

fn sign(n: u128, nonce: u64) -> SettlerCommand {
    SettlerCommand::Sign(Box::new(Signed {
        transaction_id: id(n),
        nonce,
        tx_hash: Bytes32([u8::try_from(n).unwrap(); 32]),
        raw: HexBytes(vec![9]),
        gas_limit: 21_000,
        max_fee_wei: 1_000,
        priority_fee_wei: 100,
    }))
}

/// The version of a transaction with this hash.
fn version(n: u128, nonce: u64, former: u8, hash: u8, fees: (u64, u64)) -> Replaced {
    Replaced {
        transaction_id: id(n),
        nonce,
        former_tx_hash: Bytes32([former; 32]),
        tx_hash: Bytes32([hash; 32]),
        raw: HexBytes(vec![hash]),
        gas_limit: 21_000,
        max_fee_wei: fees.0,
        priority_fee_wei: fees.1,
        reason: "fees have risen".into(),
    }
}

fn replace(n: u128, nonce: u64, former: u8, hash: u8, fees: (u64, u64)) -> SettlerCommand {
    SettlerCommand::Replace(Box::new(version(n, nonce, former, hash, fees)))
}

fn mined_as(n: u128, hash: u8, block: u8) -> SettlerCommand {
    SettlerCommand::RecordMined(Mined {
        transaction_id: id(n),
        tx_hash: Bytes32([hash; 32]),
        block_number: u64::from(block),
        block_hash: Bytes32([block; 32]),
        succeeded: true,
    })
}

fn reorganized(n: u128, block: u8) -> SettlerCommand {
    SettlerCommand::RecordReorganized { id: id(n), block_hash: Bytes32([block; 32]) }
}

fn displace(n: u128) -> SettlerCommand {
    SettlerCommand::Displace { id: id(n), calldata: HexBytes(vec![1, 2, 3]) }
}

/// With so many signed, the first with nonce 7.
fn signed(count: u8) -> Settler {
    let mut settler = opened();
    for n in 1..=count {
        run(&mut settler, enqueue(u128::from(n))).unwrap();
        run(&mut settler, sign(u128::from(n), 6 + u64::from(n))).unwrap();
    }
    settler
}

fn mined(n: u128) -> SettlerCommand {
    SettlerCommand::RecordMined(Mined {
        transaction_id: id(n),
        tx_hash: Bytes32([u8::try_from(n).unwrap(); 32]),
        block_number: 5,
        block_hash: Bytes32([0; 32]),
        succeeded: true,
    })
}

fn opened() -> Settler {
    let mut settler = Settler::default();
    assert_eq!(run(&mut settler, enqueue(1)), Err(SettlerError::NotOpen));
    let open = SettlerCommand::Open(Opened { chain_id: 31337, address: Address([2; 20]), first_nonce: 7 });
    assert_eq!(run(&mut settler, open.clone()), Ok(1));
    assert_eq!(run(&mut settler, open), Ok(0));
    settler
}

#[test]
fn what_is_in_a_block_makes_room() {
    let mut settler = opened();
    let full = QUEUE_MAX as u128;
    for n in 0..full {
        run(&mut settler, enqueue(n)).unwrap();
    }
    assert_eq!(run(&mut settler, enqueue(full)), Err(SettlerError::QueueFull));
    run(&mut settler, sign(0, 7)).unwrap();
    run(&mut settler, mined(0)).unwrap();
    run(&mut settler, enqueue(full)).unwrap();
    assert_eq!(run(&mut settler, enqueue(full + 1)), Err(SettlerError::QueueFull));
}

#[test]
fn nonces_follow_the_order_of_the_queue() {
    let mut settler = opened();
    run(&mut settler, enqueue(1)).unwrap();
    run(&mut settler, enqueue(2)).unwrap();
    assert_eq!(run(&mut settler, sign(2, 7)), Err(SettlerError::NotNext));
    assert_eq!(run(&mut settler, sign(1, 8)), Err(SettlerError::WrongNonce(7)));
    run(&mut settler, sign(1, 7)).unwrap();
    assert_eq!(run(&mut settler, sign(1, 8)), Err(SettlerError::NotNext), "one transaction, one nonce");
    run(&mut settler, sign(2, 8)).unwrap();
    assert_eq!(settler.next_nonce, 9);
}

#[test]
fn what_was_signed_cannot_be_rejected_and_what_is_rejected_takes_no_nonce() {
    let mut settler = opened();
    run(&mut settler, enqueue(1)).unwrap();
    run(&mut settler, enqueue(2)).unwrap();
    run(&mut settler, SettlerCommand::Reject { id: id(1), reason: "reverts".into() }).unwrap();
    assert_eq!(run(&mut settler, sign(1, 7)), Err(SettlerError::NotNext), "it is not signed any more");
    run(&mut settler, sign(2, 7)).unwrap();
    assert_eq!(settler.queue.len(), 2, "it stays until who waits for it was told");
    assert_eq!(run(&mut settler, SettlerCommand::Dismiss(id(1))), Ok(1));
    assert_eq!(run(&mut settler, SettlerCommand::Dismiss(id(1))), Ok(0));
    assert_eq!(run(&mut settler, SettlerCommand::Dismiss(id(2))), Err(SettlerError::WrongState));
    let reject = SettlerCommand::Reject { id: id(2), reason: "late".into() };
    assert_eq!(run(&mut settler, reject), Err(SettlerError::WrongState));
}

#[test]
fn from_signed_to_final() {
    let mut settler = opened();
    run(&mut settler, enqueue(1)).unwrap();
    assert_eq!(run(&mut settler, SettlerCommand::RecordSent(id(1))), Err(SettlerError::WrongState));
    run(&mut settler, sign(1, 7)).unwrap();
    assert_eq!(run(&mut settler, SettlerCommand::RecordSent(id(1))), Ok(1));
    assert_eq!(run(&mut settler, SettlerCommand::RecordSent(id(1))), Ok(0));
    assert_eq!(run(&mut settler, SettlerCommand::RecordFinalized(id(1))), Err(SettlerError::WrongState));
    assert_eq!(run(&mut settler, mined(1)), Ok(1));
    assert_eq!(run(&mut settler, mined(1)), Ok(0));
    assert_eq!(run(&mut settler, SettlerCommand::RecordFinalized(id(1))), Ok(1));
    assert!(settler.queue.is_empty());
}

#[test]
fn a_replacement_keeps_the_nonce_and_pays_more() {
    let mut settler = opened();
    run(&mut settler, enqueue(1)).unwrap();
    assert_eq!(run(&mut settler, replace(1, 7, 1, 50, (1_100, 110))), Err(SettlerError::WrongState), "not signed");
    run(&mut settler, sign(1, 7)).unwrap();
    run(&mut settler, SettlerCommand::RecordSent(id(1))).unwrap();
    assert_eq!(run(&mut settler, replace(1, 8, 1, 50, (1_100, 110))), Err(SettlerError::WrongNonce(7)));
    assert_eq!(run(&mut settler, replace(1, 7, 2, 50, (1_100, 110))), Err(SettlerError::WrongState), "of another");
    for fees in [(1_099, 110), (1_100, 109)] {
        assert_eq!(run(&mut settler, replace(1, 7, 1, 50, fees)), Err(SettlerError::FeeTooLow), "{fees:?}");
    }
    assert_eq!(run(&mut settler, replace(1, 7, 1, 50, (1_100, 110))), Ok(1));
    assert_eq!(run(&mut settler, replace(1, 7, 1, 50, (1_100, 110))), Ok(0), "it has it already");
    let queued = settler.find(id(1)).unwrap();
    assert_eq!(queued.hashes().collect::<Vec<_>>(), [Bytes32([50; 32]), Bytes32([1; 32])]);
    assert_eq!(queued.former, [Former { tx_hash: Bytes32([1; 32]), max_fee_wei: 1_000 }]);
    assert_eq!((queued.nonce(), queued.sent, settler.next_nonce), (Some(7), false, 8));
    assert_eq!(run(&mut settler, replace(1, 7, 50, 1, (9_999, 9_999))), Err(SettlerError::WrongState), "a former one");
    run(&mut settler, mined_as(1, 50, 5)).unwrap();
    assert_eq!(run(&mut settler, replace(1, 7, 50, 51, (9_999, 9_999))), Err(SettlerError::WrongState), "mined");
}

#[test]
fn a_transaction_is_replaced_so_often_and_no_more() {
    let mut settler = signed(1);
    let mut fees = (1_000, 100);
    for n in 0..REPLACED_MAX as u8 {
        fees = (fees.0 * 12 / 10, fees.1 * 12 / 10);
        let former = if n == 0 { 1 } else { 49 + n };
        assert_eq!(run(&mut settler, replace(1, 7, former, 50 + n, fees)), Ok(1));
    }
    let last = 49 + REPLACED_MAX as u8;
    let once_more = run(&mut settler, replace(1, 7, last, last + 1, (u64::MAX, u64::MAX)));
    assert_eq!(once_more, Err(SettlerError::TooManyReplacements));
}

#[test]
fn any_of_its_versions_may_be_mined() {
    let mut settler = signed(1);
    run(&mut settler, replace(1, 7, 1, 50, (2_000, 200))).unwrap();
    assert_eq!(run(&mut settler, mined_as(1, 99, 5)), Err(SettlerError::WrongState), "not one of them");
    assert_eq!(run(&mut settler, mined_as(1, 1, 5)), Ok(1), "the former one was faster");
    assert_eq!(run(&mut settler, SettlerCommand::RecordFinalized(id(1))), Ok(1));
    assert!(settler.queue.is_empty());
}

#[test]
fn when_its_block_is_gone_it_waits_for_another() {
    let mut settler = signed(1);
    assert_eq!(run(&mut settler, reorganized(1, 5)), Err(SettlerError::WrongState), "it was in none");
    run(&mut settler, mined_as(1, 1, 5)).unwrap();
    assert_eq!(run(&mut settler, reorganized(1, 6)), Err(SettlerError::WrongState), "it was in another");
    assert_eq!(run(&mut settler, reorganized(1, 5)), Ok(1));
    assert_eq!(run(&mut settler, reorganized(1, 5)), Err(SettlerError::WrongState));
    assert_eq!(run(&mut settler, SettlerCommand::RecordFinalized(id(1))), Err(SettlerError::WrongState));
    // It can be replaced again, and mined in another block.
    run(&mut settler, replace(1, 7, 1, 50, (2_000, 200))).unwrap();
    run(&mut settler, mined_as(1, 50, 6)).unwrap();
    assert_eq!(settler.find(id(1)).unwrap().mined.as_ref().unwrap().block_number, 6);
}

#[test]
fn what_was_displaced_is_signed_anew_with_the_next_nonce() {
    let mut settler = signed(2);
    run(&mut settler, enqueue(3)).unwrap();
    assert_eq!(run(&mut settler, displace(3)), Err(SettlerError::WrongState), "it has no nonce that could be taken");
    run(&mut settler, replace(1, 7, 1, 50, (2_000, 200))).unwrap();
    run(&mut settler, mined_as(1, 50, 5)).unwrap();
    assert_eq!(run(&mut settler, displace(1)), Err(SettlerError::WrongState), "it took the nonce itself");
    run(&mut settler, reorganized(1, 5)).unwrap();
    assert_eq!(run(&mut settler, displace(1)), Ok(1));
    let queued = settler.find(id(1)).unwrap();
    assert_eq!((queued.nonce(), queued.sent, queued.former.len()), (None, false, 0));
    assert_eq!(queued.calldata, HexBytes(vec![1, 2, 3]));
    assert_eq!(run(&mut settler, mined_as(1, 50, 6)), Err(SettlerError::WrongState), "that version is no more");
    assert_eq!(run(&mut settler, sign(3, 9)), Err(SettlerError::NotNext), "its turn comes first");
    assert_eq!(run(&mut settler, sign(1, 7)), Err(SettlerError::WrongNonce(9)));
    run(&mut settler, sign(1, 9)).unwrap();
    run(&mut settler, sign(3, 10)).unwrap();
}

#[test]
fn nonces_are_skipped_upwards_only() {
    let mut settler = signed(1);
    assert_eq!(run(&mut settler, SettlerCommand::SkipNonces { to: 8 }), Ok(0), "it is next");
    assert_eq!(run(&mut settler, SettlerCommand::SkipNonces { to: 3 }), Ok(0), "it was used");
    assert_eq!(run(&mut settler, SettlerCommand::SkipNonces { to: 11 }), Ok(1));
    run(&mut settler, enqueue(2)).unwrap();
    assert_eq!(run(&mut settler, sign(2, 8)), Err(SettlerError::WrongNonce(11)));
    run(&mut settler, sign(2, 11)).unwrap();
}

#[test]
fn what_a_chain_lost_is_sent_again() {
    let mut settler = signed(3);
    for n in 1..=3 {
        run(&mut settler, SettlerCommand::RecordSent(id(n))).unwrap();
        run(&mut settler, mined_as(n, n as u8, 5)).unwrap();
    }
    run(&mut settler, SettlerCommand::RecordFinalized(id(1))).unwrap();
    let resend = |first_nonce, last_nonce| {
        let reason = "the chain was restored".to_owned();
        SettlerCommand::RequestResend { first_nonce, last_nonce, reason }
    };
    for (first, last) in [(8, 7), (7, 10), (10, 10)] {
        assert_eq!(run(&mut settler, resend(first, last)), Err(SettlerError::ResendOutOfRange), "{first} to {last}");
    }
    assert_eq!(run(&mut settler, SettlerCommand::RecordResent), Ok(0));
    // The first of them is no longer in the queue: its bytes are in the log.
    assert_eq!(run(&mut settler, resend(7, 8)), Ok(1));
    assert_eq!(run(&mut settler, resend(7, 8)), Err(SettlerError::ResendUnderWay));
    assert_eq!(settler.resend, Some(Resend { first_nonce: 7, last_nonce: 8 }));
    assert!(settler.queue.iter().all(|queued| queued.mined.is_none() && !queued.sent && queued.signed.is_some()));
    assert_eq!(run(&mut settler, SettlerCommand::RecordResent), Ok(1));
    assert_eq!((settler.resend, settler.next_nonce), (None, 10));
}

#[test]
fn a_chain_that_loses_more_has_more_sent_again() {
    let mut settler = signed(4);
    for n in 1..=3 {
        run(&mut settler, mined_as(n, n as u8, 5)).unwrap();
    }
    let resend = |first_nonce, last_nonce| SettlerCommand::RequestResend {
        first_nonce,
        last_nonce,
        reason: "the chain was restored".to_owned(),
    };
    assert_eq!(run(&mut settler, resend(9, 9)), Ok(1));
    run(&mut settler, mined_as(3, 3, 6)).unwrap();
    for (first, last) in [(9, 9), (8, 11), (10, 9)] {
        let denied =
            if (first, last) == (9, 9) { SettlerError::ResendUnderWay } else { SettlerError::ResendOutOfRange };
        assert_eq!(run(&mut settler, resend(first, last)), Err(denied), "{first} to {last}");
    }
    assert_eq!(run(&mut settler, resend(8, 8)), Ok(1));
    assert_eq!(settler.resend, Some(Resend { first_nonce: 8, last_nonce: 9 }));
    let mined: Vec<bool> = settler.queue.iter().map(|queued| queued.mined.is_some()).collect();
    assert_eq!(mined, [true, false, false, false], "it is lost again");
    assert_eq!(run(&mut settler, resend(8, 9)), Err(SettlerError::ResendUnderWay));
    assert_eq!(run(&mut settler, resend(9, 10)), Ok(1));
    assert_eq!(settler.resend, Some(Resend { first_nonce: 8, last_nonce: 10 }));
    assert_eq!(run(&mut settler, SettlerCommand::RecordResent), Ok(1));
    assert_eq!(settler.resend, None);
}

#[test]
fn what_is_sent_again_can_be_given_up() {
    let mut settler = signed(2);
    let give_up = || SettlerCommand::GiveUpResend { reason: "the key is lost".to_owned() };
    assert_eq!(run(&mut settler, give_up()), Ok(0), "nothing is sent again");
    let request = SettlerCommand::RequestResend { first_nonce: 7, last_nonce: 8, reason: String::new() };
    run(&mut settler, request).unwrap();
    let told = settler.handle_command(&give_up(), "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let given_up = Some("the key is lost".to_owned());
    assert_eq!(told, [SettlerEvent::Resent(Resent { first_nonce: 7, last_nonce: 8, given_up })]);
    assert_eq!(run(&mut settler, give_up()), Ok(1));
    assert_eq!(settler.resend, None);
}

#[test]
fn every_reason_to_wait_has_its_name_in_json() {
    use StallReason::{FeeCap, Gap, NoGasMoney, NotTaken, Underpriced};
    for reason in [FeeCap, NoGasMoney, Underpriced, NotTaken, Gap] {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
    }
}

#[test]
fn what_lies_before_the_lost_ones_stays_mined() {
    let mut settler = signed(2);
    for n in 1..=2 {
        run(&mut settler, mined_as(n, n as u8, 5)).unwrap();
    }
    let request = SettlerCommand::RequestResend { first_nonce: 8, last_nonce: 8, reason: String::new() };
    run(&mut settler, request).unwrap();
    let mined: Vec<bool> = settler.queue.iter().map(|queued| queued.mined.is_some()).collect();
    assert_eq!(mined, [true, false]);
}

#[test]
fn a_stall_is_told_once_for_each_reason_and_transaction() {
    let mut settler = signed(1);
    let stall = |reason, transaction_id| {
        let detail = "in words, with a figure that changes".to_owned();
        SettlerCommand::Stall { reason, transaction_id, detail }
    };
    assert_eq!(run(&mut settler, SettlerCommand::Unstall), Ok(0));
    assert_eq!(run(&mut settler, stall(StallReason::FeeCap, Some(id(1)))), Ok(1));
    assert_eq!(run(&mut settler, stall(StallReason::FeeCap, Some(id(1)))), Ok(0));
    assert_eq!(run(&mut settler, stall(StallReason::NoGasMoney, None)), Ok(1));
    assert_eq!(settler.stalled.as_ref().unwrap().reason, StallReason::NoGasMoney);
    assert_eq!(run(&mut settler, SettlerCommand::Unstall), Ok(1));
    assert_eq!(settler.stalled, None);
}

/// What may happen to a queue, by the number of a transaction and a small number.
#[derive(Debug, Clone, Copy)]
enum Step {
    Enqueue,
    Sign,
    Replace(u128, u8),
    Mined(u128, usize, u8),
    Reorganized(u128, u8),
    Final(u128),
    Displaced(u128),
    Skip(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        2 => Just(Step::Enqueue),
        3 => Just(Step::Sign),
        3 => (0u128..6, 0u8..40).prop_map(|(n, more)| Step::Replace(n, more)),
        4 => (0u128..6, 0usize..4, 0u8..4).prop_map(|(n, version, block)| Step::Mined(n, version, block)),
        3 => (0u128..6, 0u8..4).prop_map(|(n, block)| Step::Reorganized(n, block)),
        1 => (0u128..6).prop_map(Step::Final),
        1 => (0u128..6).prop_map(Step::Displaced),
        1 => (0u64..20).prop_map(Step::Skip),
    ];
    prop::collection::vec(one, 0..80)
}

proptest! {
    #[test]
    fn one_nonce_is_one_transaction(steps in steps()) {
        let (mut settler, mut count, mut hashes) = (opened(), 0u128, 0u16);
        // Who ever had a nonce, and the hashes under which a nonce's transaction may be mined.
        let mut of_nonce: BTreeMap<u64, TransactionId> = BTreeMap::new();
        let mut given_up: BTreeSet<u64> = BTreeSet::new();
        let mut next_hash = || {
            hashes += 1;
            let mut hash = [0; 32];
            hash[..2].copy_from_slice(&hashes.to_be_bytes());
            Bytes32(hash)
        };
        for step in steps {
            let before = settler.clone();
            let command = match step {
                Step::Enqueue => {
                    count += 1;
                    enqueue(count - 1)
                }
                Step::Sign => {
                    let Some(next) = settler.next_unsigned().map(|next| next.id) else { continue };
                    SettlerCommand::Sign(Box::new(Signed {
                        transaction_id: next,
                        nonce: settler.next_nonce,
                        tx_hash: next_hash(),
                        raw: HexBytes(vec![9]),
                        gas_limit: 21_000,
                        max_fee_wei: 1_000,
                        priority_fee_wei: 100,
                    }))
                }
                Step::Replace(n, more) => {
                    let Some(signed) = settler.find(id(n)).and_then(|queued| queued.signed.clone()) else { continue };
                    let more = |fee: u64| fee * (100 + u64::from(more)) / 100;
                    SettlerCommand::Replace(Box::new(Replaced {
                        former_tx_hash: signed.tx_hash,
                        tx_hash: next_hash(),
                        max_fee_wei: more(signed.max_fee_wei),
                        priority_fee_wei: more(signed.priority_fee_wei),
                        ..version(n, signed.nonce, 0, 0, (0, 0))
                    }))
                }
                Step::Mined(n, version, block) => {
                    let hash = settler.find(id(n)).and_then(|queued| queued.hashes().nth(version));
                    let Some(tx_hash) = hash else { continue };
                    let (block_number, block_hash) = (u64::from(block), Bytes32([block; 32]));
                    SettlerCommand::RecordMined(Mined {
                        transaction_id: id(n), tx_hash, block_number, block_hash, succeeded: true,
                    })
                }
                Step::Reorganized(n, block) => reorganized(n, block),
                Step::Final(n) => SettlerCommand::RecordFinalized(id(n)),
                Step::Displaced(n) => displace(n),
                Step::Skip(to) => SettlerCommand::SkipNonces { to },
            };
            let displaced = match step {
                Step::Displaced(n) => before.find(id(n)).and_then(Queued::nonce),
                _ => None,
            };
            if run(&mut settler, command).is_err() {
                prop_assert_eq!(&settler, &before);
                continue;
            }
            given_up.extend(displaced);
            prop_assert!(settler.next_nonce >= before.next_nonce);
            let mut mined = BTreeSet::new();
            for queued in &settler.queue {
                if let Some(nonce) = queued.nonce() {
                    prop_assert!(nonce < settler.next_nonce && !given_up.contains(&nonce));
                    prop_assert_eq!(*of_nonce.entry(nonce).or_insert(queued.id), queued.id, "nonce {}", nonce);
                }
                prop_assert_eq!(queued.signed.is_some(), queued.calldata.0.is_empty());
                let distinct: BTreeSet<Bytes32> = queued.hashes().collect();
                prop_assert_eq!(distinct.len(), queued.hashes().count());
                if let Some(at) = &queued.mined {
                    prop_assert!(queued.has_hash(at.tx_hash));
                    prop_assert!(mined.insert(at.tx_hash), "a hash is mined once");
                }
            }
        }
    }
}
