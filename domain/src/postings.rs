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
//! | `account.usage_settled` | `customer:<id>:invoiced` | `customer:<id>:receivable` |
//! | `invoice.finalized`: fees (the other way where more is given back) | `customer:<id>:invoiced` | `revenue` |
//! | `invoice.finalized`: taxes | `customer:<id>:invoiced` | `tax` |
//! | `invoice.finalized`: what rounding adds (the other way where it takes) | `customer:<id>:invoiced` | `rounding` |
//! | `invoice.finalized`, `credit_note_issued`: what becomes credits | `customer:<id>:invoiced` | `credits:granted` |
//! | `invoice.voided`, `credit_note_issued`: fees and usage | `revenue` | `customer:<id>:invoiced` |
//! | `invoice.voided`, `credit_note_issued`: taxes | `tax` | `customer:<id>:invoiced` |
//! | `invoice.voided`, `credit_note_issued`: rounding | `rounding` | `customer:<id>:invoiced` |
//! | `invoice.credit_note_issued`: what is to be refunded | `customer:<id>:invoiced` | `refunds` |
//! | `invoice.offset`: what was to become credits and lowers what is due | `credits:granted` | `customer:<id>:invoiced` |
//! | `invoice.marked_uncollectible` | `bad_debt` | `customer:<id>:invoiced` |
//! | `invoice.paid`, what had been given up | `customer:<id>:invoiced` | `bad_debt` |
//! | `payment.succeeded` | `psp:clearing`, by hand `bank` | `customer:<id>:invoiced` |
//! | `payment.surplus`: what was not due and becomes credits | `customer:<id>:invoiced` | `credits:granted` |
//! | `payment.surplus`: what of it had been refunded before | `customer:<id>:invoiced` | `refunds` |
//! | `payment.refund_updated`, succeeded | `refunds` | `psp:clearing`, by hand `bank` |
//! | the same of a payment for no invoice, without a credit note | `customer:<id>:invoiced` | `psp:clearing`, by hand `bank` |
//! | `payment.refund_updated`, what had gone back and has come again | `psp:clearing` | `refunds`, or `customer:<id>:invoiced` as it went |
//! | `payment.dispute_opened` | `disputes` | `psp:clearing` |
//! | `payment.dispute_closed`, won | `psp:clearing` | `disputes` |
//! | `payment.paid_out`: what came | `bank` | `psp:clearing` |
//! | `payment.paid_out`: what the provider kept | `psp:fees` | `psp:clearing` |
//! | `payment.paid_out` of a refund or a dispute: what went, with what the provider kept | `psp:clearing` | `bank` |
//! | `payment.paid_out` of a dispute that was won: what the provider gave back of its fee | `psp:clearing` | `psp:fees` |
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
//! | `session_key.restated`, what is not there any more | `customer:<id>:escrow` | `chain:escrow` |
//! | `session_key.closed`, what was never claimed | `revenue` | `customer:<id>:escrow` |
//! | the same amount | `chain:escrow` | `merchant:accrued` |
//!
//! Post-paid room that is reserved is no money yet, so it has no posting.
//!
//! `credits:granted` is the contra account of credits that were given without a payment through
//! Tollbook, and of those that an invoice gave: both sides of these cancel out.
//!
//! What a customer owes is `receivable` and `invoiced` together. Usage that was charged post-paid is revenue and
//! receivable at once; its invoice adds fees and taxes to `invoiced`, the payment takes all of it from there, and when
//! the invoice is settled its usage goes from `receivable` to `invoiced`, which is zero then. `psp:clearing` is with
//! providers: it is zero when all of it was paid out. What is in `refunds` was taken back and has not gone yet; when it
//! is below zero, more has gone than credit notes have taken back. What was paid for no invoice lowers `invoiced` until
//! it is refunded.
//!
//! What lies in the contract is `chain:escrow` (still the customers') and `merchant:accrued` (earned).
//! `chain:clearing` holds what the chain says it paid for claims and what was seen to arrive: it is
//! zero when both agree (I7). Exact payments that are in a block and not yet there for good lie in it too.

use std::fmt;
use std::str::FromStr;

use crate::event::LedgerEvent;
use crate::ids::CustomerId;
use crate::money::{Amount, Currency};
use crate::settlement::SettlementEvent;

mod account;
mod billing;
mod chain;
#[cfg(test)]
mod tests;

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
    /// What invoices have added to what a customer owes, less what was paid.
    CustomerInvoiced(CustomerId),
    /// Taxes that are owed to the state.
    Tax,
    /// What rounding adds to exact amounts, and takes.
    Rounding,
    /// Owed, and given up.
    BadDebt,
    /// With payment providers.
    PspClearing,
    /// What they keep.
    PspFees,
    /// In the bank.
    Bank,
    /// Taken back by credit notes, and not yet with the customer.
    Refunds,
    /// What providers took back because customers dispute it.
    Disputes,
}

const FIXED: [(&str, JournalAccount); 16] = [
    ("credits:granted", JournalAccount::CreditsGranted),
    ("revenue", JournalAccount::Revenue),
    ("breakage", JournalAccount::Breakage),
    ("chain:escrow", JournalAccount::ChainEscrow),
    ("merchant:accrued", JournalAccount::MerchantAccrued),
    ("merchant:in_settlement", JournalAccount::MerchantInSettlement),
    ("chain:clearing", JournalAccount::ChainClearing),
    ("merchant:settled", JournalAccount::MerchantSettled),
    ("tax", JournalAccount::Tax),
    ("rounding", JournalAccount::Rounding),
    ("bad_debt", JournalAccount::BadDebt),
    ("psp:clearing", JournalAccount::PspClearing),
    ("psp:fees", JournalAccount::PspFees),
    ("bank", JournalAccount::Bank),
    ("refunds", JournalAccount::Refunds),
    ("disputes", JournalAccount::Disputes),
];

impl fmt::Display for JournalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CustomerCredits(id) => write!(f, "customer:{id}:credits"),
            Self::CustomerHeld(id) => write!(f, "customer:{id}:held"),
            Self::CustomerReceivable(id) => write!(f, "customer:{id}:receivable"),
            Self::CustomerEscrow(id) => write!(f, "customer:{id}:escrow"),
            Self::CustomerInvoiced(id) => write!(f, "customer:{id}:invoiced"),
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
            "invoiced" => Ok(Self::CustomerInvoiced(customer)),
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
        LedgerEvent::Account(event) => account::moves(event),
        LedgerEvent::SessionKey(event) => chain::session_key_moves(event),
        LedgerEvent::Settlement(SettlementEvent::Finalized(e)) => {
            vec![(JournalAccount::MerchantSettled, JournalAccount::ChainClearing, e.transferred, e.currency)]
        }
        LedgerEvent::ExactPayment(event) => chain::exact_payment_moves(event),
        LedgerEvent::Invoice(event) => billing::invoice_moves(event),
        LedgerEvent::Payment(event) => billing::payment_moves(event),
        _ => Vec::new(),
    };
    let moved = moves.into_iter().filter(|(_, _, amount, _)| !amount.is_zero());
    moved.map(|(debit, credit, amount, currency)| Posting { debit, credit, amount, currency }).collect()
}

type Move = (JournalAccount, JournalAccount, Amount, Currency);
