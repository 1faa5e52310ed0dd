//! What the contract's log entries say, in the domain's words.

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

/// Reads a log entry of the contract; `None` when it says nothing about the money or state of a session.
pub fn read(log: &Log, decimals: u32) -> Option<Seen> {
    let at = place(log)?;
    let amount = |units: u128| Amount::from_atomic(units, decimals).unwrap_or_default();
    let event = Events::decode_log(&log.inner).ok()?.data;
    let (session_id, payee, fact) = match event {
        Events::SessionRegistered(e) => (e.sessionId, None, Fact::Registered { key: crate::own_address(e.key) }),
        Events::Deposited(e) => (e.sessionId, Some(e.payee), Fact::Deposited { amount: amount(e.amount) }),
        Events::Frozen(e) => (e.sessionId, None, Fact::Frozen),
        Events::Unfrozen(e) => (e.sessionId, None, Fact::Unfrozen),
        Events::Revoked(e) => (e.sessionId, None, Fact::Revoked),
        // What the old key signed is claimable for a while; what it signs from now on may not be. The ledger
        // knows one key for a session, so this is its end.
        Events::KeyRotated(e) => (e.sessionId, None, Fact::Revoked),
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
    Some(Seen { session_id: crate::own_bytes32(session_id), payee: payee.map(crate::own_address), fact, at })
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
