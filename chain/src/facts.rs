//! What the contract's log entries say, in the domain's words.

use std::collections::HashMap;

use alloy::rpc::types::Log;
use alloy::sol_types::SolEventInterface;
use chrono::DateTime;
use domain::Timestamp;
use domain::evm::{Address, Bytes32, ChainRef};
use domain::money::Amount;
use domain::session_key::Fact;

use crate::bindings::SessionKeyValidator::SessionKeyValidatorEvents as Events;

/// A fact about one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which session.
    pub session_id: Bytes32,
    /// Which payee's part of it; `None` for all of it.
    pub payee: Option<Address>,
    /// What happened.
    pub fact: Fact,
    /// Where.
    pub at: ChainRef,
    /// Its place among the contract's entries of its own transaction, from 0. Unlike its place in the block, a
    /// transaction that comes into another block keeps it.
    pub ordinal: u64,
}

/// A claim that the contract skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Of this session.
    pub session_id: Bytes32,
    /// The contract's reason.
    pub reason: &'static str,
}

/// Names of the contract's `ClaimStatus`, by number.
const CLAIM_STATUS: [&str; 11] = [
    "ok",
    "unknown_session",
    "wrong_token",
    "unknown_payee",
    "not_yet_valid",
    "claim_window_closed",
    "already_claimed",
    "above_voucher",
    "above_escrow",
    "above_period_limit",
    "bad_signature",
];

fn at_seconds(seconds: u64) -> Timestamp {
    DateTime::from_timestamp(i64::try_from(seconds).unwrap_or(i64::MAX), 0).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC)
}

/// Where a log entry stands; `None` when the node gives no block with it.
fn place(log: &Log) -> Option<ChainRef> {
    Some(ChainRef {
        tx_hash: crate::own_bytes32(log.transaction_hash?),
        log_index: log.log_index?,
        block_number: log.block_number?,
        block_hash: crate::own_bytes32(log.block_hash?),
        block_time: at_seconds(log.block_timestamp.unwrap_or_default()),
    })
}

/// Reads log entries of the contract, in their order: all that a transaction has of them, so that they can be counted.
/// What says nothing about the money or state of a session is left out.
pub fn read_all(logs: &[Log], decimals: u32) -> Vec<Seen> {
    let mut counts: HashMap<_, u64> = HashMap::new();
    let numbered = logs.iter().map(|log| {
        let count = counts.entry((log.inner.address, log.block_hash, log.transaction_hash)).or_default();
        let ordinal = *count;
        *count += 1;
        (log, ordinal)
    });
    numbered.filter_map(|(log, ordinal)| read(log, ordinal, decimals)).collect()
}

fn read(log: &Log, ordinal: u64, decimals: u32) -> Option<Seen> {
    let at = place(log)?;
    let amount = |units: u128| Amount::from_atomic(units, decimals).unwrap_or_default();
    let event = Events::decode_log(&log.inner).ok()?.data;
    let (session_id, payee, fact) = match event {
        Events::SessionRegistered(e) => (e.sessionId, None, Fact::Registered { key: crate::own_address(e.key) }),
        Events::Deposited(e) => (e.sessionId, Some(e.payee), Fact::Deposited { amount: amount(e.amount) }),
        Events::Frozen(e) => (e.sessionId, None, Fact::Frozen),
        Events::Unfrozen(e) => (e.sessionId, None, Fact::Unfrozen),
        Events::Revoked(e) => (e.sessionId, None, Fact::Revoked),
        // The payee's own guardian; of a session with several payees each freezes its part alone.
        Events::GuardianFrozen(e) => (e.sessionId, Some(e.payee), Fact::GuardianFrozen),
        Events::GuardianUnfrozen(e) => (e.sessionId, Some(e.payee), Fact::GuardianUnfrozen),
        // What the old key signed is claimable for a while yet.
        Events::KeyRotated(e) => {
            let claimable_until = at_seconds(e.previousKeyUntil.to::<u64>());
            (e.sessionId, None, Fact::KeyRotated { key: crate::own_address(e.key), claimable_until })
        }
        Events::Claimed(e) => {
            let (amount, total_claimed) = (amount(e.amount), amount(e.totalClaimed));
            (e.sessionId, Some(e.payee), Fact::Claimed { amount, total_claimed })
        }
        Events::WithdrawRequested(e) => {
            // More than can be is all there is.
            let wanted = Amount::from_atomic(e.amount, decimals).ok();
            let available_at = at_seconds(e.availableAt.to::<u64>());
            (e.sessionId, Some(e.payee), Fact::WithdrawRequested { amount: wanted, available_at })
        }
        Events::WithdrawCancelled(e) => (e.sessionId, Some(e.payee), Fact::WithdrawCancelled),
        Events::Withdrawn(e) => (e.sessionId, Some(e.payee), Fact::Withdrawn { amount: amount(e.amount) }),
        _ => return None,
    };
    let (session_id, payee) = (crate::own_bytes32(session_id), payee.map(crate::own_address));
    Some(Seen { session_id, payee, fact, at, ordinal })
}

/// What a settlement's transaction did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Claims that were paid.
    pub settled: u32,
    /// Claims that were skipped.
    pub skipped: Vec<Skipped>,
    /// What the contract says it paid in all.
    pub total: Amount,
    /// What the token says was transferred to the payee.
    pub transferred: Amount,
}

/// Reads the log entries of a settlement's transaction: the contract's, and the token's own transfers.
pub fn settled<'a>(
    logs: impl IntoIterator<Item = &'a Log>,
    contract: Address,
    token: Address,
    payee: Address,
    decimals: u32,
) -> Settled {
    use alloy::sol_types::SolEvent;
    let mut settled = Settled::default();
    let amount = |units: u128| Amount::from_atomic(units, decimals).unwrap_or_default();
    for log in logs {
        if log.address() == crate::address(token) {
            let Ok(transfer) = crate::bindings::TestUSDC::Transfer::decode_log(&log.inner) else { continue };
            if transfer.from == crate::address(contract) && transfer.to == crate::address(payee) {
                let units = u128::try_from(transfer.value).unwrap_or(u128::MAX);
                settled.transferred = settled.transferred.plus(amount(units));
            }
        }
        if log.address() != crate::address(contract) {
            continue;
        }
        match Events::decode_log(&log.inner).map(|event| event.data) {
            Ok(Events::Claimed(_)) => settled.settled += 1,
            Ok(Events::ClaimSkipped(e)) => settled.skipped.push(Skipped {
                session_id: crate::own_bytes32(e.sessionId),
                reason: CLAIM_STATUS.get(usize::from(e.reason)).copied().unwrap_or("unknown"),
            }),
            Ok(Events::BatchSettled(e)) => {
                settled.total = amount(u128::try_from(e.total).unwrap_or(u128::MAX));
            }
            _ => {}
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::SessionKeyValidator::{
        BatchSettled, Claimed, Frozen, GuardianFrozen, GuardianSet, GuardianUnfrozen, KeyRotated,
    };
    use alloy::primitives::aliases::U48;
    use alloy::primitives::{Address as AlloyAddress, B256, LogData, U256};
    use alloy::sol_types::SolEvent;

    fn entry(transaction: u8, block: u8, log_index: u64, data: LogData) -> Log {
        Log {
            inner: alloy::primitives::Log { address: AlloyAddress::repeat_byte(1), data },
            transaction_hash: Some(B256::repeat_byte(transaction)),
            block_hash: Some(B256::repeat_byte(block)),
            block_number: Some(7),
            log_index: Some(log_index),
            ..Log::default()
        }
    }

    fn frozen() -> LogData {
        Frozen { sessionId: B256::repeat_byte(9), claimableUntil: U48::from(0) }.encode_log_data()
    }

    fn claimed() -> LogData {
        let payee = AlloyAddress::repeat_byte(2);
        Claimed { sessionId: B256::repeat_byte(9), payee, amount: 1, totalClaimed: 2 }.encode_log_data()
    }

    fn settled() -> LogData {
        let (payee, token, settler) =
            (AlloyAddress::repeat_byte(2), AlloyAddress::repeat_byte(3), AlloyAddress::repeat_byte(4));
        let (total, settled, skipped) = (U256::from(1), U256::from(1), U256::ZERO);
        BatchSettled { evidenceRoot: B256::ZERO, payee, token, settler, total, settled, skipped }.encode_log_data()
    }

    #[test]
    fn entries_are_counted_within_their_transaction() {
        let logs = [
            entry(1, 7, 4, claimed()),
            entry(1, 7, 5, settled()),
            entry(1, 7, 6, claimed()),
            entry(2, 7, 7, frozen()),
            // The same transaction in the block of another chain.
            entry(1, 8, 0, claimed()),
            entry(1, 8, 1, settled()),
            entry(1, 8, 2, claimed()),
        ];
        let seen: Vec<_> = read_all(&logs, 6)
            .iter()
            .map(|seen| (seen.at.tx_hash.0[0], seen.at.block_hash.0[0], seen.at.log_index, seen.ordinal))
            .collect();
        assert_eq!(seen, [(1, 7, 4, 0), (1, 7, 6, 2), (2, 7, 7, 0), (1, 8, 0, 0), (1, 8, 2, 2)]);
    }

    #[test]
    fn a_rotation_says_which_key_and_until_when_the_former_ones_vouchers_count() {
        let rotated = KeyRotated {
            sessionId: B256::repeat_byte(9),
            previousKey: AlloyAddress::repeat_byte(5),
            key: AlloyAddress::repeat_byte(6),
            previousKeyUntil: U48::from(1_700_000_000_u64),
        };
        let seen = read_all(&[entry(1, 7, 0, rotated.encode_log_data())], 6);
        let fact = Fact::KeyRotated { key: Address([6; 20]), claimable_until: at_seconds(1_700_000_000) };
        assert_eq!(seen.first().map(|seen| (&seen.fact, seen.payee)), Some((&fact, None)));
    }

    #[test]
    fn what_a_guardian_does_is_about_its_own_payees_part() {
        let (session, payee, guardian) =
            (B256::repeat_byte(9), AlloyAddress::repeat_byte(2), AlloyAddress::repeat_byte(8));
        let logs = [
            GuardianSet { payee, guardian }.encode_log_data(),
            GuardianFrozen { sessionId: session, payee, guardian }.encode_log_data(),
            GuardianUnfrozen { sessionId: session, payee, guardian }.encode_log_data(),
        ];
        let logs: Vec<_> = (0..).zip(logs).map(|(index, data)| entry(1, 7, index, data)).collect();
        let seen = read_all(&logs, 6).into_iter().map(|seen| (seen.session_id, seen.payee, seen.fact, seen.ordinal));
        let told = |fact, ordinal| (Bytes32([9; 32]), Some(Address([2; 20])), fact, ordinal);
        assert_eq!(seen.collect::<Vec<_>>(), [told(Fact::GuardianFrozen, 1), told(Fact::GuardianUnfrozen, 2)]);
    }
}
