//! Whether somebody else has sent what a payer had signed for an exact payment: then the money has come, though no
//! transaction of ours brought it.
//!
//! Every node is asked. One that has the transfer is enough to find it, and one that says that the authorization was used
//! is enough not to take the payment for failed. Only what all say of final blocks decides that.

use std::collections::HashMap;
use std::time::Duration;

use chain::ChainError;
use chain::client::{Receipt, Used, is_of_used_authorization};
use chain::eip3009::{self, Authorization};
use chrono::TimeDelta;
use domain::Timestamp;
use domain::evm::Bytes32;
use domain::exact_payment::{Accepted, Place, transaction_of};
use domain::ids::{ExactPaymentId, TransactionId};
use domain::settler::Settler;
use tokio::time::Instant;

use super::RoundError;
use super::settler::Queue;

/// Nodes behind one address are not all at the same block: the use of an authorization is looked for from so many
/// blocks on before the one at which it was found unused.
const BLOCKS_BEFORE: u64 = 100;
/// A payment in doubt is asked about in each round for so long, and after that so often: the longer it lasts, the more
/// blocks are to be looked through.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// An authorization that is good for long is given up when no final block of so much time has used it, by the chain's
/// own clock: else one wrong node could have its payer wait for ever.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::hours(24);

/// What became of an authorization that no transaction of ours has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// No node says that it was used.
    Nowhere,
    /// Somebody made the transfer, here.
    Made(Place),
    /// A node names this transaction for it, and none has its receipt.
    Unseen(Bytes32),
    /// A node says that it was used or cancelled, and none names a transfer by it.
    Used,
}

impl Elsewhere {
    /// Whether a payment that was refused for this reason has failed, without asking what is final: no node says that
    /// its authorization was used. The refusal itself may be a node's word for it.
    pub(super) fn fails(self, reason: &str) -> bool {
        self == Self::Nowhere && !is_of_used_authorization(reason)
    }
}

/// Whether this transaction made the transfer.
fn is_made(accepted: &Accepted, receipt: &Receipt) -> bool {
    receipt.status() && eip3009::is_paid(receipt.logs(), accepted.token, &Authorization::from(accepted))
}

/// Where the transfer stands, when this transaction made it.
fn made(accepted: &Accepted, receipt: &Receipt) -> Option<Place> {
    let (block_number, block_hash) = (receipt.block_number?, receipt.block_hash?);
    let place = Place { tx_hash: Bytes32(receipt.transaction_hash.0), block_number, block_hash: Bytes32(block_hash.0) };
    is_made(accepted, receipt).then_some(place)
}

/// Whether an authorization that was not used up to a final block never will be: a token takes it only in blocks whose
/// time is before its end.
fn has_lapsed(accepted: &Accepted, last_final: Timestamp) -> bool {
    u64::try_from(last_final.timestamp()).is_ok_and(|seconds| seconds >= accepted.valid_before)
}

/// Whether what used an authorization in a final block did something else than the transfer: by a receipt of that very
/// block, for of another one it says nothing.
fn is_other(accepted: &Accepted, used: &Used, receipt: &Receipt) -> bool {
    receipt.block_hash.is_some_and(|hash| Bytes32(hash.0) == used.block_hash) && !is_made(accepted, receipt)
}

/// Whether an authorization that was accepted at one time, by the chain's clock, and not used up to the time of the last
/// final block is given up.
fn is_given_up(accepted_at: Timestamp, last_final: Timestamp) -> bool {
    last_final - accepted_at >= GIVEN_UP_AFTER
}

#[derive(Debug)]
struct Doubt {
    since: Instant,
    asked: Instant,
    is_said: bool,
}

/// Exact payments of which it is not known yet whether the money has come, by their transactions. Losing it costs only
/// work.
#[derive(Debug, Default)]
pub(super) struct Doubts(HashMap<TransactionId, Doubt>);

impl Doubts {
    /// Whether the nodes are to be asked now.
    pub(super) fn is_due(&self, id: TransactionId, now: Instant) -> bool {
        self.0.get(&id).is_none_or(|doubt| {
            now.duration_since(doubt.since) < ASK_AGAIN_AFTER || now.duration_since(doubt.asked) >= ASK_AGAIN_AFTER
        })
    }

    /// They were asked, and it is still not known.
    pub(super) fn asked(&mut self, id: TransactionId, now: Instant) {
        self.0.entry(id).or_insert(Doubt { since: now, asked: now, is_said: false }).asked = now;
    }

    /// Whether it lasts, and is to be said: once.
    pub(super) fn is_news(&mut self, id: TransactionId) -> bool {
        let lasting = |doubt: &&mut Doubt| doubt.asked.duration_since(doubt.since) >= ASK_AGAIN_AFTER;
        self.0.get_mut(&id).filter(lasting).is_some_and(|doubt| !std::mem::replace(&mut doubt.is_said, true))
    }

    /// Forgets what is no longer in the queue.
    pub(super) fn retain(&mut self, settler: &Settler) {
        self.0.retain(|id, _| settler.find(*id).is_some());
    }
}

impl Queue {
    /// Looks for the transfer in the transactions of others, as any node has them.
    async fn elsewhere(&self, accepted: &Accepted) -> Result<Elsewhere, ChainError> {
        let (token, from, nonce) = (accepted.token, accepted.from, accepted.nonce);
        if !self.client.is_authorization_used_anywhere(token, from, nonce).await? {
            return Ok(Elsewhere::Nowhere);
        }
        let first = accepted.block_number.saturating_sub(BLOCKS_BEFORE);
        let mut found = Elsewhere::Used;
        for used in self.client.authorization_uses(token, from, nonce, first).await? {
            let Some(receipt) = self.client.receipt(used.tx_hash).await? else {
                found = Elsewhere::Unseen(used.tx_hash);
                continue;
            };
            if let Some(place) = made(accepted, &receipt) {
                return Ok(Elsewhere::Made(place));
            }
        }
        Ok(found)
    }

    /// The same of a payment in the queue. Where the nodes could not be asked about another one that is left to another
    /// round: each would keep everything waiting for as long.
    pub(super) async fn look_elsewhere(
        &mut self,
        id: ExactPaymentId,
        accepted: &Accepted,
    ) -> Result<Elsewhere, RoundError> {
        if self.is_away {
            return Err(RoundError::Unseen(format!("the nodes are asked about {id} in another round")));
        }
        let elsewhere = self.elsewhere(accepted).await;
        elsewhere.map_err(|error| self.away(id, &error))
    }

    /// Whether the money does not come, though a node says that the authorization was used: by what all nodes have in
    /// final blocks it was used for something else or cancelled; or it was not used, and is too old now.
    pub(super) async fn is_lost(&self, accepted: &Accepted) -> Result<bool, ChainError> {
        let Some(last) = self.client.finalized().await? else { return Ok(false) };
        let first = accepted.block_number.saturating_sub(BLOCKS_BEFORE);
        let (token, from, nonce) = (accepted.token, accepted.from, accepted.nonce);
        if let Some(used) = self.client.final_authorization_use(token, from, nonce, first, last.number).await? {
            // Where it did make the transfer that is found in another round.
            let receipt = self.client.receipt(used.tx_hash).await?;
            return Ok(receipt.is_some_and(|receipt| is_other(accepted, &used, &receipt)));
        }
        if has_lapsed(accepted, last.time) {
            return Ok(true);
        }
        let then = self.client.block_at(accepted.block_number).await?;
        Ok(then.is_some_and(|then| is_given_up(then.time, last.time)))
    }

    /// It is not known yet whether the money has come. That is said once, when it lasts.
    pub(super) fn doubts_whether_made(&mut self, id: ExactPaymentId, why: &str) {
        self.doubts.asked(transaction_of(id), Instant::now());
        if self.doubts.is_news(transaction_of(id)) {
            tracing::warn!(exact_payment_id = %id, why, "an exact payment waits: it is not known whether it was made");
        }
    }

    /// The same, where nodes could not be asked. In this round they are not asked about others.
    pub(super) fn away(&mut self, id: ExactPaymentId, error: &ChainError) -> RoundError {
        self.is_away = true;
        self.unseen(id, error.to_string())
    }

    /// The same, where nodes do not say all. It stops nothing else.
    pub(super) fn unseen(&mut self, id: ExactPaymentId, why: String) -> RoundError {
        self.doubts_whether_made(id, &why);
        RoundError::Unseen(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use domain::evm::{Address, HexBytes};
    use domain::exact_payment::id_of;
    use domain::ids::OrganizationId;
    use domain::money::Currency;
    use serde_json::json;
    use uuid::Uuid;

    fn accepted(valid_before: u64) -> Accepted {
        let (token, from, nonce) = (Address([3; 20]), Address([1; 20]), Bytes32([4; 32]));
        Accepted {
            exact_payment_id: id_of(31_337, token, from, nonce),
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            route_id: None,
            chain_id: 31_337,
            token,
            from,
            to: Address([2; 20]),
            amount: "0.01".parse().unwrap(),
            currency: Currency::USDC,
            valid_after: 0,
            valid_before,
            nonce,
            signature: HexBytes(vec![5; 65]),
            block_number: 7,
            request_digest: Bytes32([6; 32]),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn what_was_not_used_in_time_never_will_be() {
        assert!(!has_lapsed(&accepted(1_000), at(999)), "the next block may have it");
        assert!(has_lapsed(&accepted(1_000), at(1_000)), "good before this second, not in it");
        assert!(!has_lapsed(&accepted(u64::MAX), at(4_000_000_000)));
        assert!(!has_lapsed(&accepted(0), at(-1)), "no time of a chain");
    }

    #[test]
    fn what_is_good_for_ever_is_given_up_after_a_day() {
        assert!(!is_given_up(at(1_000), at(1_000 + 86_399)));
        assert!(is_given_up(at(1_000), at(1_000 + 86_400)));
        assert!(!is_given_up(at(1_000), at(900)), "what is final lies before it");
    }

    #[test]
    fn one_nodes_word_is_enough_not_to_fail_at_once() {
        let place = Place { tx_hash: Bytes32([1; 32]), block_number: 9, block_hash: Bytes32([2; 32]) };
        let poor = "ERC20: transfer amount exceeds balance";
        assert!(Elsewhere::Nowhere.fails(poor) && Elsewhere::Nowhere.fails(super::super::settler::REVERTED));
        for said in ["AuthorizationUsedOrCanceled { nonce: 1 }", "FiatTokenV2: authorization is used or canceled"] {
            assert!(!Elsewhere::Nowhere.fails(said), "another node is behind: {said}");
        }
        for known in [Elsewhere::Made(place), Elsewhere::Unseen(Bytes32([1; 32])), Elsewhere::Used] {
            assert!(!known.fails(poor), "{known:?}");
        }
    }

    /// `keccak256("AuthorizationUsed(address,bytes32)")` and so on.
    const USED: &str = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5";
    const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

    fn receipt(block: Option<u8>, has_succeeded: bool, units: u64) -> Receipt {
        let accepted = accepted(1_000);
        let word = |address: Address| format!("0x{:0>64}", address.to_string().trim_start_matches("0x").to_lowercase());
        let hash = |byte: u8| Bytes32([byte; 32]).to_string();
        let log = |topics: [String; 3], data: String| {
            json!({
                "address": accepted.token.to_string(), "topics": topics, "data": data, "blockNumber": null,
                "transactionIndex": null, "logIndex": null,
            })
        };
        let used = log([USED.into(), word(accepted.from), accepted.nonce.to_string()], "0x".into());
        let moved = log([TRANSFER.into(), word(accepted.from), word(accepted.to)], format!("0x{units:064x}"));
        let receipt = json!({
            "transactionHash": hash(1), "transactionIndex": "0x0", "blockHash": block.map(hash), "blockNumber": null,
            "from": accepted.from.to_string(), "to": accepted.token.to_string(), "cumulativeGasUsed": "0x1",
            "gasUsed": "0x1", "effectiveGasPrice": "0x1", "contractAddress": null,
            "logs": if has_succeeded { vec![used, moved] } else { Vec::new() },
            "logsBloom": format!("0x{}", "00".repeat(256)), "type": "0x2",
            "status": if has_succeeded { "0x1" } else { "0x0" },
        });
        serde_json::from_value(receipt).unwrap()
    }

    #[test]
    fn only_the_block_that_all_have_says_that_it_was_something_else() {
        let used = Used { tx_hash: Bytes32([1; 32]), block_number: 9, block_hash: Bytes32([9; 32]) };
        let is_other = |receipt: &Receipt| is_other(&accepted(1_000), &used, receipt);
        assert!(!is_other(&receipt(Some(9), true, 10_000)), "that very transfer");
        assert!(is_other(&receipt(Some(9), true, 9_999)), "another one");
        assert!(is_other(&receipt(Some(9), false, 10_000)));
        assert!(!is_other(&receipt(Some(8), false, 10_000)), "of a block that nobody has any more");
        assert!(!is_other(&receipt(None, false, 10_000)));
    }

    #[test]
    fn what_lasts_is_asked_less_often_and_said_once() {
        let (id, start) = (transaction_of(accepted(1).exact_payment_id), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut doubts = Doubts::default();
        assert!(doubts.is_due(id, at(0)));
        for second in 0..15 {
            assert!(doubts.is_due(id, at(second)), "{second}");
            doubts.asked(id, at(second));
            assert!(!doubts.is_news(id), "{second}");
        }
        assert!(!doubts.is_due(id, at(15)) && !doubts.is_due(id, at(28)));
        assert!(doubts.is_due(id, at(29)));
        doubts.asked(id, at(29));
        assert_eq!((doubts.is_news(id), doubts.is_news(id)), (true, false));
        assert!(!doubts.is_due(id, at(43)) && doubts.is_due(id, at(44)));
        doubts.retain(&Settler::default());
        assert!(doubts.is_due(id, at(30)), "it is in no queue any more");
    }
}
