//! Double entry: what every event means for the accounts of the journal. Pure.
//!
//! A posting moves an amount from one account to another (it debits the one and credits the
//! other), so debits equal credits by construction at every prefix of the log (I3).
//!
//! | event | debit | credit |
//! |---|---|---|
//! | `account.credited` | `credits:granted` | `customer:<id>:credits` |
//! | `account.credit_expired` | `customer:<id>:credits` | `breakage` |
//! | `account.charged`, from credits | `customer:<id>:credits` | `revenue` |
//! | `account.charged`, post-paid | `customer:<id>:receivable` | `revenue` |
//! | `account.held`, `hold_extended`: the credits | `customer:<id>:credits` | `customer:<id>:held` |
//! | `account.captured`, from credits | `customer:<id>:held` | `revenue` |
//! | `account.captured`, post-paid | `customer:<id>:receivable` | `revenue` |
//! | `account.captured`, `voided`, `hold_expired`: credits given back | `customer:<id>:held` | `customer:<id>:credits` |
//! | `session_key.deposited` | `chain:escrow` | `customer:<id>:escrow` |
//! | `session_key.charged` | `customer:<id>:escrow` | `revenue` |
//! | the same amount in the contract | `merchant:accrued` | `chain:escrow` |
//! | `session_key.held`, `hold_extended` | `customer:<id>:escrow` | `customer:<id>:held` |
//! | `session_key.captured` | `customer:<id>:held` | `revenue` |
//! | the same amount in the contract | `merchant:accrued` | `chain:escrow` |
//! | `session_key.captured`, `voided`, `hold_expired`: given back | `customer:<id>:held` | `customer:<id>:escrow` |
//! | `session_key.claim_planned` | `merchant:in_settlement` | `merchant:accrued` |
//! | `session_key.claim_released` | `merchant:accrued` | `merchant:in_settlement` |
//! | `session_key.claimed`, as planned | `chain:clearing` | `merchant:in_settlement` |
//! | `session_key.claimed`, by others | `chain:clearing` | `merchant:accrued` |
//! | `settlement.finalized` | `merchant:settled` | `chain:clearing` |
//! | `exact_payment.settled` | `chain:clearing` | `revenue` |
//! | `exact_payment.finalized` | `merchant:settled` | `chain:clearing` |
//! | `exact_payment.failed`, what had been settled | `revenue` | `chain:clearing` |
//! | `session_key.withdrawn` | `customer:<id>:escrow` | `chain:escrow` |
//! | `session_key.closed`, what was never claimed | `revenue` | `customer:<id>:escrow` |
//! | the same amount | `chain:escrow` | `merchant:accrued` |
//!
//! Post-paid room that is reserved is no money yet, so it has no posting.
//!
//! `credits:granted` is the contra account of credits that were given without a payment through
//! Tollbook; credits that are bought will come from a clearing account.
//!
//! What lies in the contract is `chain:escrow` (still the customers') and `merchant:accrued` (earned).
//! `chain:clearing` holds what the chain says it paid for claims and what was seen to arrive: it is
//! zero when both agree (I7). Exact payments that are in a block and not yet there for good lie in it too.

use std::fmt;
use std::str::FromStr;

use crate::account::{AccountEvent, Funds};
use crate::event::LedgerEvent;
use crate::exact_payment::ExactPaymentEvent;
use crate::ids::CustomerId;
use crate::money::{Amount, Currency};
use crate::session_key::SessionKeyEvent;
use crate::settlement::SettlementEvent;

/// An account of the journal, per organization and currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JournalAccount {
    /// What the organization owes a customer in credits.
    CustomerCredits(CustomerId),
    /// What a customer has in credits and in escrow and holds reserve.
    CustomerHeld(CustomerId),
    /// What a customer owes the organization.
    CustomerReceivable(CustomerId),
    /// Credits that were given.
    CreditsGranted,
    /// What was earned.
    Revenue,
    /// Credits that were lost by their holders.
    Breakage,
    /// What a customer has in escrow and has not spent.
    CustomerEscrow(CustomerId),
    /// The customers' money in the contract.
    ChainEscrow,
    /// Earned, and still in the contract.
    MerchantAccrued,
    /// The part of it that is in a settlement.
    MerchantInSettlement,
    /// Claimed on chain, and not yet seen to arrive.
    ChainClearing,
    /// Arrived at the payee.
    MerchantSettled,
}

const FIXED: [(&str, JournalAccount); 8] = [
    ("credits:granted", JournalAccount::CreditsGranted),
    ("revenue", JournalAccount::Revenue),
    ("breakage", JournalAccount::Breakage),
    ("chain:escrow", JournalAccount::ChainEscrow),
    ("merchant:accrued", JournalAccount::MerchantAccrued),
    ("merchant:in_settlement", JournalAccount::MerchantInSettlement),
    ("chain:clearing", JournalAccount::ChainClearing),
    ("merchant:settled", JournalAccount::MerchantSettled),
];

impl fmt::Display for JournalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CustomerCredits(id) => write!(f, "customer:{id}:credits"),
            Self::CustomerHeld(id) => write!(f, "customer:{id}:held"),
            Self::CustomerReceivable(id) => write!(f, "customer:{id}:receivable"),
            Self::CustomerEscrow(id) => write!(f, "customer:{id}:escrow"),
            fixed => f.write_str(FIXED.iter().find(|(_, account)| account == fixed).map_or("", |(name, _)| name)),
        }
    }
}

/// The text is not the name of an account of the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an account like \"revenue\" or \"customer:cus_…:credits\"")]
pub struct UnknownAccount;

impl FromStr for JournalAccount {
    type Err = UnknownAccount;

    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        if let Some((_, account)) = FIXED.iter().find(|(name, _)| *name == text) {
            return Ok(*account);
        }
        let (customer, purse) =
            text.strip_prefix("customer:").and_then(|rest| rest.split_once(':')).ok_or(UnknownAccount)?;
        let customer = customer.parse().map_err(|_| UnknownAccount)?;
        match purse {
            "credits" => Ok(Self::CustomerCredits(customer)),
            "held" => Ok(Self::CustomerHeld(customer)),
            "receivable" => Ok(Self::CustomerReceivable(customer)),
            "escrow" => Ok(Self::CustomerEscrow(customer)),
            _ => Err(UnknownAccount),
        }
    }
}

/// An amount that moves from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Where it comes from.
    pub debit: JournalAccount,
    /// Where it goes.
    pub credit: JournalAccount,
    /// How much; never zero.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

/// The postings of an event; none for one that moves no money.
pub fn postings(event: &LedgerEvent) -> Vec<Posting> {
    let moves = match event {
        LedgerEvent::Account(event) => account_moves(event),
        LedgerEvent::SessionKey(event) => session_key_moves(event),
        LedgerEvent::Settlement(SettlementEvent::Finalized(e)) => {
            vec![(JournalAccount::MerchantSettled, JournalAccount::ChainClearing, e.transferred, e.currency)]
        }
        LedgerEvent::ExactPayment(event) => exact_payment_moves(event),
        _ => Vec::new(),
    };
    let moved = moves.into_iter().filter(|(_, _, amount, _)| !amount.is_zero());
    moved.map(|(debit, credit, amount, currency)| Posting { debit, credit, amount, currency }).collect()
}

type Move = (JournalAccount, JournalAccount, Amount, Currency);

fn account_moves(event: &AccountEvent) -> Vec<Move> {
    use JournalAccount::{Breakage, CreditsGranted, CustomerCredits, CustomerHeld, CustomerReceivable, Revenue};
    let customer = event.customer_id();
    let hold =
        |funds: &Funds, currency| (CustomerCredits(customer), CustomerHeld(customer), funds.of_credits(), currency);
    let back =
        |funds: &Funds, currency| (CustomerHeld(customer), CustomerCredits(customer), funds.of_credits(), currency);
    match event {
        AccountEvent::Credited(e) => vec![(CreditsGranted, CustomerCredits(customer), e.amount, e.currency)],
        AccountEvent::CreditExpired(e) => vec![(CustomerCredits(customer), Breakage, e.amount, e.currency)],
        AccountEvent::Charged(e) => vec![
            (CustomerCredits(customer), Revenue, e.paid_by_credits(), e.currency),
            (CustomerReceivable(customer), Revenue, e.postpaid, e.currency),
        ],
        AccountEvent::Held(e) => vec![hold(&e.funds, e.currency)],
        AccountEvent::HoldExtended(e) => vec![hold(&e.funds, e.currency)],
        AccountEvent::Captured(e) => vec![
            (CustomerHeld(customer), Revenue, e.charge.paid_by_credits(), e.charge.currency),
            (CustomerReceivable(customer), Revenue, e.charge.postpaid, e.charge.currency),
            back(&e.returned, e.charge.currency),
        ],
        AccountEvent::Voided(e) | AccountEvent::HoldExpired(e) => vec![back(&e.returned, e.currency)],
        AccountEvent::Opened(_) | AccountEvent::QuotaSet(_) | AccountEvent::LimitSet(_) => Vec::new(),
    }
}

fn session_key_moves(event: &SessionKeyEvent) -> Vec<Move> {
    use JournalAccount::{
        ChainClearing, ChainEscrow, CustomerEscrow, CustomerHeld, MerchantAccrued, MerchantInSettlement, Revenue,
    };
    let (escrow, held) = (CustomerEscrow(event.customer_id()), CustomerHeld(event.customer_id()));
    match event {
        SessionKeyEvent::Deposited(e) => vec![(ChainEscrow, escrow, e.amount, e.currency)],
        SessionKeyEvent::Charged(e) => {
            vec![(escrow, Revenue, e.amount, e.currency), (MerchantAccrued, ChainEscrow, e.amount, e.currency)]
        }
        SessionKeyEvent::Held(e) => vec![(escrow, held, e.amount, e.currency)],
        SessionKeyEvent::HoldExtended(e) => vec![(escrow, held, e.amount, e.currency)],
        SessionKeyEvent::Captured(e) => vec![
            (held, Revenue, e.charge.amount, e.charge.currency),
            (MerchantAccrued, ChainEscrow, e.charge.amount, e.charge.currency),
            (held, escrow, e.returned, e.charge.currency),
        ],
        SessionKeyEvent::Voided(e) | SessionKeyEvent::HoldExpired(e) => vec![(held, escrow, e.returned, e.currency)],
        SessionKeyEvent::ClaimPlanned(e) => vec![(MerchantInSettlement, MerchantAccrued, e.amount, e.currency)],
        SessionKeyEvent::ClaimReleased(e) => vec![(MerchantAccrued, MerchantInSettlement, e.amount, e.currency)],
        SessionKeyEvent::Claimed(e) => vec![
            (ChainClearing, MerchantInSettlement, e.planned, e.currency),
            (ChainClearing, MerchantAccrued, e.amount.minus(e.planned), e.currency),
        ],
        SessionKeyEvent::Withdrawn(e) => vec![(escrow, ChainEscrow, e.amount, e.currency)],
        // What was charged and never claimed is taken back.
        SessionKeyEvent::Closed(e) => vec![
            (Revenue, escrow, e.written_off, e.currency),
            (ChainEscrow, MerchantAccrued, e.written_off, e.currency),
        ],
        _ => Vec::new(),
    }
}

fn exact_payment_moves(event: &ExactPaymentEvent) -> Vec<Move> {
    use JournalAccount::{ChainClearing, MerchantSettled, Revenue};
    match event {
        ExactPaymentEvent::Settled(e) => vec![(ChainClearing, Revenue, e.amount, e.currency)],
        ExactPaymentEvent::Finalized(e) => vec![(MerchantSettled, ChainClearing, e.amount, e.currency)],
        // The chain was reorganized: what had been in a block is in none.
        ExactPaymentEvent::Failed(e) => vec![(Revenue, ChainClearing, e.reversed, e.currency)],
        ExactPaymentEvent::Accepted(_)
        | ExactPaymentEvent::Released(_)
        | ExactPaymentEvent::Submitted(_)
        | ExactPaymentEvent::Delivered(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_is_found_by_its_name() {
        let customer = CustomerId::new(uuid::Uuid::from_u128(7));
        for account in [
            JournalAccount::CustomerCredits(customer),
            JournalAccount::CustomerHeld(customer),
            JournalAccount::CustomerReceivable(customer),
            JournalAccount::CustomerEscrow(customer),
        ]
        .into_iter()
        .chain(FIXED.map(|(_, account)| account))
        {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        for unknown in ["", "garbage", "customer:", "customer:cus_x:credits", "customer:7:credits"] {
            assert_eq!(unknown.parse::<JournalAccount>(), Err(UnknownAccount), "{unknown}");
        }
    }
}
