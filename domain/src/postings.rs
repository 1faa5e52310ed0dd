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
//!
//! `credits:granted` is the contra account of credits that were given without a payment through
//! Tollbook; credits that are bought will come from a clearing account.

use std::fmt;
use std::str::FromStr;

use crate::account::AccountEvent;
use crate::event::LedgerEvent;
use crate::ids::CustomerId;
use crate::money::{Amount, Currency};

/// An account of the journal, per organization and currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JournalAccount {
    /// What the organization owes a customer in credits.
    CustomerCredits(CustomerId),
    /// What a customer owes the organization.
    CustomerReceivable(CustomerId),
    /// Credits that were given.
    CreditsGranted,
    /// What was earned.
    Revenue,
    /// Credits that were lost by their holders.
    Breakage,
}

impl fmt::Display for JournalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CustomerCredits(id) => write!(f, "customer:{id}:credits"),
            Self::CustomerReceivable(id) => write!(f, "customer:{id}:receivable"),
            Self::CreditsGranted => f.write_str("credits:granted"),
            Self::Revenue => f.write_str("revenue"),
            Self::Breakage => f.write_str("breakage"),
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
        match text {
            "credits:granted" => return Ok(Self::CreditsGranted),
            "revenue" => return Ok(Self::Revenue),
            "breakage" => return Ok(Self::Breakage),
            _ => {}
        }
        let (customer, purse) =
            text.strip_prefix("customer:").and_then(|rest| rest.split_once(':')).ok_or(UnknownAccount)?;
        let customer = customer.parse().map_err(|_| UnknownAccount)?;
        match purse {
            "credits" => Ok(Self::CustomerCredits(customer)),
            "receivable" => Ok(Self::CustomerReceivable(customer)),
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
    use JournalAccount::{Breakage, CreditsGranted, CustomerCredits, CustomerReceivable, Revenue};
    let LedgerEvent::Account(event) = event else { return Vec::new() };
    let customer = event.customer_id();
    let moves = match event {
        AccountEvent::Credited(e) => vec![(CreditsGranted, CustomerCredits(customer), e.amount, e.currency)],
        AccountEvent::CreditExpired(e) => vec![(CustomerCredits(customer), Breakage, e.amount, e.currency)],
        AccountEvent::Charged(e) => vec![
            (CustomerCredits(customer), Revenue, e.paid_by_credits(), e.currency),
            (CustomerReceivable(customer), Revenue, e.postpaid, e.currency),
        ],
        AccountEvent::Opened(_) | AccountEvent::QuotaSet(_) | AccountEvent::LimitSet(_) => Vec::new(),
    };
    let moved = moves.into_iter().filter(|(_, _, amount, _)| !amount.is_zero());
    moved.map(|(debit, credit, amount, currency)| Posting { debit, credit, amount, currency }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_is_found_by_its_name() {
        let customer = CustomerId::new(uuid::Uuid::from_u128(7));
        for account in [
            JournalAccount::CustomerCredits(customer),
            JournalAccount::CustomerReceivable(customer),
            JournalAccount::CreditsGranted,
            JournalAccount::Revenue,
            JournalAccount::Breakage,
        ] {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        for unknown in ["", "garbage", "customer:", "customer:cus_x:credits", "customer:7:credits"] {
            assert_eq!(unknown.parse::<JournalAccount>(), Err(UnknownAccount), "{unknown}");
        }
    }
}
