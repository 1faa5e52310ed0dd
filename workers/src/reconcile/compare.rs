//! What ledger and chain say differently, and why: for `tollbook reconcile`, which compares everything once, and for the
//! worker, which goes on comparing. Here stands only what a comparison is; who asks when is theirs.

use std::collections::{BTreeMap, BTreeSet};

use chain::client::{Receipt, Transferred};
use chain::eip3009::{self, Authorization};
use chain::facts;
use chain::proof::stands_in;
use chain::{ChainError, Client};
use domain::evm::{Address, Bytes32};
use domain::ids::{OrganizationId, SettlementId};
use domain::money::Amount;
use domain::reconciliation::{Found, Subject};
use eventstore::StoreError;
use projections::reconcile::{FinalPayment, PayeeTotals, SessionTotals};
use sqlx::PgPool;

/// Why the chain may have less than the log.
pub const SET_BACK: &str = "the chain knows less: it is another chain, or was set back to an older state";
/// Why it may have something else.
pub const UNREAD: &str = "the contract did something that never came into the log";
/// How far below our first block transfers are looked for after a chain was set back.
const SET_BACK_BLOCKS: u64 = 100_000;
/// Of a payee's settlements that differ, so many are looked up in one comparison.
const LOOKED_UP_MAX: usize = 100;

/// The blocks between which the log was read. The chain goes on meanwhile, so each figure may be the chain's at the last
/// block that was in the log before the reading, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// Before the log was read.
    pub before: u64,
    /// After it.
    pub after: u64,
}

/// How far a contract's chain was read into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The last final block of which everything is in the log.
    pub block: u64,
    /// How often somebody has confirmed that the chain was set back, and it was read anew.
    pub confirmations: i64,
    /// Whether it is being read anew: until then the log knows more than the blocks that were read.
    pub reading_anew: bool,
}

impl Cursor {
    /// As it is now; `None` while nothing was read.
    pub async fn read(pool: &PgPool, chain_id: u64, contract: Address) -> Result<Option<Self>, StoreError> {
        let row = sqlx::query!(
            "select block_number, confirmations, reading_anew from chain_cursors where chain_id = $1 and contract = $2",
            i64::try_from(chain_id).unwrap_or(i64::MAX),
            contract.to_string()
        )
        .fetch_optional(pool)
        .await?;
        // Below the first block nothing was read.
        Ok(row.and_then(|row| {
            let block = u64::try_from(row.block_number).ok()?;
            Some(Self { block, confirmations: row.confirmations, reading_anew: row.reading_anew })
        }))
    }
}

/// What one of the two has of a session key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// Deposits less withdrawals.
    pub escrow: Amount,
    /// Claimed, cumulative.
    pub claimed: Amount,
}

impl Part {
    /// What the log has.
    pub fn of(session: &SessionTotals) -> Self {
        Self { escrow: session.deposited.minus(session.withdrawn), claimed: session.claimed }
    }

    /// What the chain has.
    pub async fn ask(client: &Client, session: &SessionTotals, between: Between) -> Result<Self, ChainError> {
        let ledger = Self::of(session);
        let after = Self::at(client, session, between.after).await?;
        if after != ledger && between.before != between.after {
            let before = Self::at(client, session, between.before).await?;
            if before == ledger {
                return Ok(before);
            }
        }
        Ok(after)
    }

    async fn at(client: &Client, session: &SessionTotals, block: u64) -> Result<Self, ChainError> {
        let (escrow, claimed) = client.part(session.session_id, session.payee, block).await?;
        Ok(Self { escrow, claimed })
    }
}

/// What of a session key differs.
pub fn session(session: &SessionTotals, chain: Part) -> Vec<Found> {
    let ledger = Part::of(session);
    let session_key_id = session.session_key_id;
    let has_less_of_all = chain.escrow < ledger.escrow && chain.claimed < ledger.claimed;
    let of_claimed = if chain.claimed < ledger.claimed { SET_BACK } else { UNREAD };
    let of_escrow = if session.registered && !has_less_of_all { UNREAD } else { SET_BACK };
    let figures = [
        (Subject::SessionClaimed { session_key_id }, ledger.claimed, chain.claimed, of_claimed),
        (Subject::SessionEscrow { session_key_id }, ledger.escrow, chain.escrow, of_escrow),
    ];
    let differing = figures.into_iter().filter(|(_, ledger, chain, _)| ledger != chain);
    differing
        .map(|(subject, ledger, chain, cause)| {
            Found::new(subject, ledger, chain, session.currency, vec![cause.to_owned()])
        })
        .collect()
}

/// The first block in which a transfer to a payee concerns us, for whoever reads them.
pub fn first_block(payee: &PayeeTotals, was_set_back: bool) -> Option<u64> {
    let first = payee.first_block()?;
    Some(if was_set_back { first.saturating_sub(SET_BACK_BLOCKS) } else { first })
}

/// What became of the transaction of a settlement that has not transferred what the log has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// Nobody has looked.
    Unknown,
    /// It is in no block any more.
    Lost,
    /// It was sent again, and is in a later block than was compared.
    Later,
    /// It was sent again, and reverted.
    Reverted,
    /// It was sent again, and the contract skipped claims of it.
    Skipped {
        /// How many.
        claims: usize,
        /// The contract's reasons.
        reasons: BTreeSet<&'static str>,
    },
    /// It was sent again, and what was skipped at first was paid.
    PaidMore,
    /// Something that cannot be.
    Other,
}

impl Became {
    /// What a transaction with another outcome became: only on a chain that was set back it has one.
    pub(super) fn of(
        payee: &PayeeTotals,
        receipt: Option<&Receipt>,
        (ledger, chain): (Amount, Amount),
        between: Between,
        was_set_back: bool,
    ) -> Self {
        let Some(receipt) = receipt else { return Self::Lost };
        if !was_set_back {
            return Self::Other;
        }
        if receipt.block_number.is_none_or(|block| block > between.after) {
            return Self::Later;
        }
        if !receipt.status() {
            return Self::Reverted;
        }
        let decimals = payee.currency.minor_unit();
        let settled = facts::settled(receipt.logs(), payee.contract, payee.token, payee.payee, decimals);
        if (settled.total, settled.transferred) != (chain, chain) {
            return Self::Other;
        }
        if chain > ledger {
            return Self::PaidMore;
        }
        let (claims, reasons) = (settled.skipped.len(), settled.skipped.iter().map(|one| one.reason).collect());
        if claims == 0 { Self::Other } else { Self::Skipped { claims, reasons } }
    }

    /// In words, of this transaction.
    fn cause(&self, tx_hash: Bytes32) -> String {
        match self {
            Self::Unknown => format!("transaction {tx_hash} differs, and was not looked up"),
            Self::Lost => {
                let why = "it was set back, or the node does not have it";
                format!("transaction {tx_hash} is not on the chain any more: {why}")
            }
            Self::Later => format!("transaction {tx_hash} was sent again, and is in a later block than was compared"),
            Self::Reverted => format!("transaction {tx_hash} was reverted when it was sent again"),
            Self::Skipped { claims, reasons } => {
                let reasons: Vec<&str> = reasons.iter().copied().collect();
                let what = if *claims == 1 { "the claim was".to_owned() } else { format!("{claims} claims were") };
                let reasons = reasons.join(", ");
                format!("transaction {tx_hash}: {what} skipped when it was sent again: {reasons}")
            }
            Self::PaidMore => {
                format!("transaction {tx_hash} paid when it was sent again what was skipped at first")
            }
            Self::Other => format!("transaction {tx_hash} says something else"),
        }
    }
}

/// A transaction that ledger and chain do not agree about.
#[derive(Debug, Clone, PartialEq)]
pub enum PayeeDifference {
    /// A settlement that has transferred something else.
    Settlement {
        /// Whose.
        organization_id: OrganizationId,
        /// Which.
        settlement_id: SettlementId,
        /// Its transaction.
        tx_hash: Bytes32,
        /// What it has transferred, in the log.
        ledger: Amount,
        /// The same on the chain.
        chain: Amount,
        /// Why.
        became: Became,
    },
    /// A transfer that is no settlement of this log.
    Stranger {
        /// Its transaction.
        tx_hash: Bytes32,
        /// In this block.
        block_number: u64,
        /// How much.
        amount: Amount,
        /// What the log knows of its claims; `None` when nothing.
        claims: Option<String>,
    },
}

impl PayeeDifference {
    /// Why.
    pub fn cause(&self) -> String {
        match self {
            Self::Settlement { tx_hash, became, .. } => became.cause(*tx_hash),
            Self::Stranger { tx_hash, claims, .. } => {
                let cause = format!("transaction {tx_hash} is no settlement of this log: somebody else settled");
                match claims {
                    Some(claims) => format!("{cause}; {claims}"),
                    None => cause,
                }
            }
        }
    }
}

/// What settlements have transferred to a payee.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PayeeCompared {
    /// In the log.
    pub ledger: Amount,
    /// On the chain, in the same transactions.
    pub chain: Amount,
    /// What differs.
    pub differences: Vec<PayeeDifference>,
}

/// Compares a payee's settlements with the transfers to it. What is in later blocks than were read has its turn later.
pub fn payee(payee: &PayeeTotals, transfers: &[Transferred], between: Between) -> PayeeCompared {
    let mut on_chain: BTreeMap<Bytes32, Amount> = BTreeMap::new();
    for Transferred { tx_hash, amount, .. } in transfers {
        let sum = on_chain.entry(*tx_hash).or_default();
        *sum = sum.plus(*amount);
    }
    let mut compared = PayeeCompared::default();
    let mut known: BTreeSet<Bytes32> = payee.under_way.clone();
    for settlement in &payee.settlements {
        known.insert(settlement.tx_hash);
        if settlement.block_number > between.after {
            continue;
        }
        let (ledger, tx_hash) = (settlement.transferred, settlement.tx_hash);
        let chain = on_chain.get(&tx_hash).copied().unwrap_or_default();
        compared.ledger = compared.ledger.plus(ledger);
        compared.chain = compared.chain.plus(chain);
        if chain != ledger {
            let (organization_id, settlement_id) = (settlement.organization_id, settlement.settlement_id);
            let became = Became::Unknown;
            compared.differences.push(PayeeDifference::Settlement {
                organization_id,
                settlement_id,
                tx_hash,
                ledger,
                chain,
                became,
            });
        }
    }
    let first = payee.first_block().unwrap_or(u64::MAX);
    for transfer in transfers {
        let Transferred { tx_hash, block_number, amount } = *transfer;
        // What came into a block while the log was read is told of in the next reading.
        let is_told = (first..=between.before).contains(&block_number);
        if is_told && !known.contains(&tx_hash) {
            let claims = payee.claims.get(&tx_hash).map(|others| {
                let sum = others.claims.iter().fold(Amount::ZERO, |sum, (_, _, amount)| sum.plus(*amount));
                format!("the log has {} of its claims, {sum} in all", others.claims.len())
            });
            compared.differences.push(PayeeDifference::Stranger { tx_hash, block_number, amount, claims });
        }
    }
    compared
}

/// Asks the chain what became of the settlements that differ. What nodes say different things of stays unknown.
pub async fn look_up(
    client: &Client,
    payee: &PayeeTotals,
    compared: &mut PayeeCompared,
    between: Between,
    was_set_back: bool,
) -> Result<(), ChainError> {
    let settlements = compared.differences.iter_mut().filter_map(|difference| match difference {
        PayeeDifference::Settlement { tx_hash, ledger, chain, became, .. } => Some((*tx_hash, *ledger, *chain, became)),
        PayeeDifference::Stranger { .. } => None,
    });
    for (tx_hash, ledger, chain, became) in settlements.take(LOOKED_UP_MAX) {
        let receipt = match client.receipt(tx_hash).await {
            // It says nothing of the others.
            Err(ChainError::Disagreement { .. }) => continue,
            receipt => receipt?,
        };
        *became = Became::of(payee, receipt.as_ref(), (ledger, chain), between, was_set_back);
    }
    Ok(())
}

/// What a payee's transfers are to one of the organizations that are paid there.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// What its settlements have transferred, in the log.
    pub ledger: Amount,
    /// The same on the chain, and what others have transferred since its first.
    pub chain: Amount,
    /// What differs.
    pub found: Option<Found>,
}

impl Share {
    /// Of an organization, as far as blocks were read.
    pub fn of(
        payee: &PayeeTotals,
        organization_id: OrganizationId,
        differences: &[PayeeDifference],
        between: Between,
    ) -> Self {
        let own = || payee.settlements.iter().filter(|settlement| settlement.organization_id == organization_id);
        let claimed = payee
            .claims
            .values()
            .filter(|others| others.claims.iter().any(|(claimant, ..)| *claimant == organization_id));
        let first = own().map(|one| one.block_number).chain(claimed.map(|others| others.block_number)).min();
        let read = own().filter(|settlement| settlement.block_number <= between.after);
        let total = read.fold(Amount::ZERO, |sum, settlement| sum.plus(settlement.transferred));
        let (mut ledger, mut chain, mut causes) = (Amount::ZERO, Amount::ZERO, Vec::new());
        for difference in differences {
            match difference {
                PayeeDifference::Settlement { organization_id: whose, ledger: recorded, chain: found, .. }
                    if *whose == organization_id =>
                {
                    ledger = ledger.plus(*recorded);
                    chain = chain.plus(*found);
                }
                PayeeDifference::Stranger { block_number, amount, .. }
                    if first.is_some_and(|first| *block_number >= first) =>
                {
                    chain = chain.plus(*amount);
                }
                _ => continue,
            }
            causes.push(difference.cause());
        }
        let found = (!causes.is_empty()).then(|| {
            let subject = Subject::Payee { chain_id: payee.chain_id, token: payee.token, payee: payee.payee };
            Found::new(subject, ledger, chain, payee.currency, causes)
        });
        Self { ledger: total, chain: total.plus(chain).minus(ledger), found }
    }
}

/// What the chain has of an exact payment's transaction.
#[derive(Debug, Clone, Default)]
pub struct ExactOnChain {
    /// What became of it; `None` when no block has it.
    pub receipt: Option<Receipt>,
    /// Whether it stands for good in another block than the log says, as what is sent again does.
    pub has_moved: bool,
}

impl ExactOnChain {
    /// Where the chain was set back, what was final is sent again, and may stand in another block that is final by now.
    pub async fn ask(client: &Client, payment: &FinalPayment, was_set_back: Option<u64>) -> Result<Self, ChainError> {
        let receipt = client.receipt(payment.place.tx_hash).await?;
        let has_moved = match (&receipt, was_set_back) {
            (Some(receipt), Some(last_final)) if receipt.block_number != Some(payment.place.block_number) => {
                stands_in(client, receipt, last_final).await?.is_some()
            }
            _ => false,
        };
        Ok(Self { receipt, has_moved })
    }
}

/// Why a final exact payment is not where the log says, with a transfer of its own; `None` when it is.
pub fn exact(payment: &FinalPayment, chain: &ExactOnChain) -> Option<&'static str> {
    let FinalPayment { accepted, place } = payment;
    match &chain.receipt {
        None => {
            Some("the chain does not know this transaction: it is another chain, or was set back to an older state")
        }
        Some(receipt) if receipt.block_number != Some(place.block_number) && !chain.has_moved => {
            Some("it is in another block")
        }
        Some(receipt) if !eip3009::is_paid(receipt.logs(), accepted.token, &Authorization::from(accepted)) => {
            Some("the transaction did not make this transfer")
        }
        Some(_) => None,
    }
}

/// The same as an open item.
pub fn exact_found(payment: &FinalPayment, chain: &ExactOnChain, cause: &str) -> Found {
    let FinalPayment { accepted, place } = payment;
    let is_there = chain
        .receipt
        .as_ref()
        .is_some_and(|one| eip3009::is_paid(one.logs(), accepted.token, &Authorization::from(accepted)));
    let chain = if is_there { accepted.amount } else { Amount::ZERO };
    let causes = vec![cause.to_owned(), format!("transaction {} in block {}", place.tx_hash, place.block_number)];
    let subject = Subject::ExactPayment { exact_payment_id: accepted.exact_payment_id };
    Found::new(subject, accepted.amount, chain, accepted.currency, causes)
}
