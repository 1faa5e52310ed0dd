//! The rules of an account: what is allowed, what it costs, what pays for it.

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::account::command::{AccountCommand, Action};
use crate::account::event::{
    AccountEvent, Balances, Charged, CreditExpired, CreditUse, Credited, Funds, LimitSet, Opened, QuotaSet,
};
use crate::account::{Account, GRANTS_MAX, Grant, Hold, Overage, Owner, QUOTAS_MAX, Quota, QuotaTerms, holding};
use crate::charge::{Line, Usage};
use crate::hold::HoldError;
use crate::meter::{Meter, MeterCode};
use crate::money::{Amount, BALANCE_MAX, Currency, MoneyError, Quantity};

/// Why an account's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// There is none, or it is another organization's.
    #[error("there is no such customer")]
    NotFound,
    /// It was opened before.
    #[error("the account exists already")]
    AlreadyOpen,
    /// Credits and post-paid room do not reach.
    #[error("the charge of {amount} {currency} is more than the {available} {currency} that are available")]
    InsufficientFunds {
        /// What it would have cost.
        amount: Amount,
        /// What is there: credits and post-paid room.
        available: Amount,
        /// How far the account may go post-paid.
        postpaid_limit: Amount,
        /// The account's.
        currency: Currency,
    },
    /// A quota that blocks is used up.
    #[error("the quota of {limit} for meter {meter} has {remaining} left, {requested} were asked for")]
    QuotaExceeded {
        /// Of this meter.
        meter: MeterCode,
        /// What the quota allows in a period.
        limit: Quantity,
        /// What is left of it.
        remaining: Quantity,
        /// What was asked for.
        requested: Quantity,
        /// When it starts anew.
        resets_at: Option<Timestamp>,
    },
    /// The caller or the meter names another currency than the account's.
    #[error("the account is in {expected}, not in {given}")]
    CurrencyMismatch {
        /// The account's.
        expected: Currency,
        /// What came.
        given: Currency,
    },
    /// The exact amount cannot be kept.
    #[error("quantity × unit price of meter {meter} {reason}")]
    AmountOutOfRange {
        /// Of this meter.
        meter: String,
        /// What is wrong.
        reason: MoneyError,
    },
    /// The balance after it could not be kept.
    #[error("the balance would exceed {BALANCE_MAX}")]
    BalanceTooLarge,
    /// A grant that is over before it begins.
    #[error("expires_at lies in the past")]
    ExpiresInThePast,
    /// Too many unspent grants.
    #[error("an account has at most {GRANTS_MAX} unspent credit grants")]
    TooManyGrants,
    /// Too many quotas.
    #[error("an account has at most {QUOTAS_MAX} quotas")]
    TooManyQuotas,
    /// Something about a hold.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// A quota that neither includes nor blocks anything.
    #[error("a quota must include its usage, or block what is beyond it, or both")]
    QuotaWithoutEffect,
}

pub(super) fn decide(
    account: &Account,
    command: &AccountCommand,
    now: Timestamp,
) -> Result<Vec<AccountEvent>, AccountError> {
    if let Action::Open { customer_id, currency, postpaid_limit } = &command.action {
        return match account.owner {
            Some(_) => Err(AccountError::AlreadyOpen),
            None => Ok(vec![AccountEvent::Opened(Opened {
                customer_id: *customer_id,
                organization_id: command.organization_id,
                currency: *currency,
                postpaid_limit: *postpaid_limit,
            })]),
        };
    }
    let owner =
        account.owner.filter(|owner| owner.organization_id == command.organization_id).ok_or(AccountError::NotFound)?;
    match &command.action {
        Action::Open { .. } => Err(AccountError::AlreadyOpen),
        Action::GrantCredit { grant_id, amount, currency, priority, expires_at } => {
            same_currency(&owner, *currency)?;
            if expires_at.is_some_and(|end| end <= now) {
                return Err(AccountError::ExpiresInThePast);
            }
            // One of which holds reserve something stays, whether its time is over or not.
            let stays = |grant: &&Grant| !grant.is_expired(now) || !grant.held.is_zero();
            if account.grants.iter().filter(stays).count() >= GRANTS_MAX {
                return Err(AccountError::TooManyGrants);
            }
            let too_large = |_| AccountError::BalanceTooLarge;
            let credits = remaining_credits(account, now).checked_add(*amount).map_err(too_large)?;
            // What is held may come back.
            credits.checked_add(account.balances().held_credits).map_err(too_large)?;
            Ok(with_expiries(
                expiries(account, &owner, now),
                AccountEvent::Credited(Credited {
                    customer_id: owner.customer_id,
                    grant_id: *grant_id,
                    amount: *amount,
                    currency: owner.currency,
                    priority: *priority,
                    expires_at: *expires_at,
                    after: Balances { credits, ..account.balances() },
                }),
            ))
        }
        Action::SetQuota { meter, terms } => set_quota(account, &owner, meter, *terms, now),
        Action::SetPostpaidLimit { postpaid_limit, currency } => {
            same_currency(&owner, *currency)?;
            if account.postpaid_limit == *postpaid_limit {
                return Ok(Vec::new());
            }
            Ok(vec![AccountEvent::LimitSet(LimitSet {
                customer_id: owner.customer_id,
                postpaid_limit: *postpaid_limit,
                currency: owner.currency,
                after: Balances { postpaid_limit: *postpaid_limit, ..account.balances() },
            })])
        }
        Action::Charge { usage, currency, description, metadata } => {
            same_currency(&owner, *currency)?;
            let lines = rate(account, &owner, usage, now, Within::Now)?;
            let amount = total(account, &lines)?;
            let funds = fund(account, &owner, amount, now)?;
            let charged = AccountEvent::Charged(Charged {
                customer_id: owner.customer_id,
                amount,
                currency: owner.currency,
                lines,
                after: Balances {
                    credits: remaining_credits(account, now).minus(funds.of_credits()),
                    postpaid: account.postpaid.plus(funds.postpaid),
                    ..account.balances()
                },
                credits_used: funds.credits,
                postpaid: funds.postpaid,
                description: description.clone(),
                metadata: metadata.clone(),
            });
            Ok(with_expiries(expiries(account, &owner, now), charged))
        }
        Action::ExpireCredits => Ok(expiries(account, &owner, now)),
        Action::Hold(action) => holding::decide(account, &owner, action, now),
    }
}

pub(super) fn same_currency(owner: &Owner, given: Option<Currency>) -> Result<(), AccountError> {
    match given {
        Some(given) if given != owner.currency => {
            Err(AccountError::CurrencyMismatch { expected: owner.currency, given })
        }
        _ => Ok(()),
    }
}

/// Credits that have run out leave by an event of their own, before whatever comes next.
pub(super) fn expiries(account: &Account, owner: &Owner, now: Timestamp) -> Vec<AccountEvent> {
    let lost = |grant: &&Grant| grant.is_expired(now) && !grant.remaining.is_zero();
    let expired = account.grants.iter().filter(lost).filter_map(|grant| {
        let expired_at = grant.expires_at?;
        Some(AccountEvent::CreditExpired(CreditExpired {
            customer_id: owner.customer_id,
            grant_id: grant.id,
            amount: grant.remaining,
            currency: owner.currency,
            expired_at,
        }))
    });
    expired.collect()
}

pub(super) fn with_expiries(mut expired: Vec<AccountEvent>, event: AccountEvent) -> Vec<AccountEvent> {
    expired.push(event);
    expired
}

pub(super) fn remaining_credits(account: &Account, now: Timestamp) -> Amount {
    let live = account.grants.iter().filter(|grant| !grant.is_expired(now));
    live.fold(Amount::ZERO, |sum, grant| sum.plus(grant.remaining))
}

fn set_quota(
    account: &Account,
    owner: &Owner,
    meter: &MeterCode,
    terms: QuotaTerms,
    now: Timestamp,
) -> Result<Vec<AccountEvent>, AccountError> {
    if !terms.included && terms.overage == Overage::Charge {
        return Err(AccountError::QuotaWithoutEffect);
    }
    let before = account.quotas.get(meter);
    if before.is_some_and(|quota| quota.terms == terms) {
        return Ok(Vec::new());
    }
    if before.is_none() && account.quotas.len() >= QUOTAS_MAX {
        return Err(AccountError::TooManyQuotas);
    }
    // With the same kind of period the usage so far still counts; with another it starts anew.
    let used =
        before.filter(|quota| quota.terms.period == terms.period).map_or(Quantity::ZERO, |quota| quota.used_at(now));
    let period_start = terms.period.start(now);
    let held = account.holds.values().map(|hold| hold.reserved(meter, period_start));
    Ok(vec![AccountEvent::QuotaSet(QuotaSet {
        customer_id: owner.customer_id,
        meter: meter.clone(),
        terms,
        period_start,
        used,
        held: held.fold(Quantity::ZERO, Quantity::plus),
    })])
}

/// What usage may draw on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Within<'a> {
    /// What is free now.
    Now,
    /// What this hold reserves, and what is free in its periods.
    Hold(&'a Hold),
    /// What is free in the periods of this hold, on top of what it reserves.
    Beyond(&'a Hold),
}

/// Turns usage into lines with amounts, inside the quotas.
pub(super) fn rate(
    account: &Account,
    owner: &Owner,
    usage: &[Usage],
    now: Timestamp,
    within: Within<'_>,
) -> Result<Vec<Line>, AccountError> {
    // One charge may name a meter twice: the second line sees what the first one used.
    let mut used_here: BTreeMap<&MeterCode, Quantity> = BTreeMap::new();
    let mut lines = Vec::with_capacity(usage.len());
    for one in usage {
        lines.push(match one {
            Usage::Flat { amount } => Line::flat(*amount),
            Usage::Metered { meter, quantity } => {
                same_currency(owner, Some(meter.currency))?;
                let earlier = used_here.entry(&meter.code).or_default();
                let line = rate_metered(account, meter, *quantity, *earlier, now, within)?;
                *earlier = earlier.plus(*quantity);
                line
            }
        });
    }
    Ok(lines)
}

fn rate_metered(
    account: &Account,
    meter: &Meter,
    quantity: Quantity,
    earlier: Quantity,
    now: Timestamp,
    within: Within<'_>,
) -> Result<Line, AccountError> {
    let mut included_quantity = None;
    let mut period_start = None;
    if let Some(quota) = account.quotas.get(&meter.code) {
        let (start, room) = room(quota, &meter.code, now, within);
        let remaining = room.minus(earlier);
        if quota.terms.overage == Overage::Block && quantity > remaining {
            return Err(AccountError::QuotaExceeded {
                meter: meter.code.clone(),
                limit: quota.terms.limit,
                remaining,
                requested: quantity,
                // A hold of a period that is over gets nothing more, whenever it asks.
                resets_at: quota.terms.period.end(now).filter(|_| quota.terms.period.start(now) == start),
            });
        }
        included_quantity = quota.terms.included.then(|| quantity.min(remaining));
        period_start = Some(start);
    }
    Line::metered(meter, quantity, included_quantity, period_start)
        .map_err(|reason| AccountError::AmountOutOfRange { meter: meter.code.to_string(), reason })
}

/// The period that usage counts in, and what may be used of it. A period that is over has nothing but what was
/// reserved in it.
fn room(quota: &Quota, meter: &MeterCode, now: Timestamp, within: Within<'_>) -> (Timestamp, Quantity) {
    let period = quota.terms.period;
    let placed_at = match within {
        Within::Now => now,
        Within::Hold(hold) | Within::Beyond(hold) => hold.placed_at,
    };
    let start = period.start(placed_at);
    let free = if start == period.start(now) { quota.remaining_at(now) } else { Quantity::ZERO };
    let reserved = match within {
        Within::Hold(hold) => hold.reserved(meter, start),
        Within::Now | Within::Beyond(_) => Quantity::ZERO,
    };
    (start, free.plus(reserved))
}

/// The sum of lines, with which everything that will ever have been charged can still be kept.
pub(super) fn total(account: &Account, lines: &[Line]) -> Result<Amount, AccountError> {
    let amount = lines.iter().try_fold(Amount::ZERO, |sum, line| sum.checked_add(line.amount));
    let held = account.balances().held();
    amount
        .and_then(|amount| account.charged.checked_add(held)?.checked_add(amount).map(|_| amount))
        .map_err(|_| AccountError::BalanceTooLarge)
}

/// Finds what pays: credits in their order, then post-paid up to the limit.
pub(super) fn fund(account: &Account, owner: &Owner, amount: Amount, now: Timestamp) -> Result<Funds, AccountError> {
    let mut unpaid = amount;
    let mut credits = Vec::new();
    for grant in account.grants.iter().filter(|grant| !grant.is_expired(now) && !grant.remaining.is_zero()) {
        if unpaid.is_zero() {
            break;
        }
        let taken = grant.remaining.min(unpaid);
        unpaid = unpaid.minus(taken);
        credits.push(CreditUse { grant_id: grant.id, amount: taken });
    }
    let room = account.postpaid_limit.minus(account.postpaid).minus(account.held_postpaid);
    // A charge that costs nothing needs no room, even on an account that is over its limit.
    if unpaid > room {
        return Err(AccountError::InsufficientFunds {
            amount,
            available: remaining_credits(account, now).plus(room),
            postpaid_limit: account.postpaid_limit,
            currency: owner.currency,
        });
    }
    Ok(Funds { credits, postpaid: unpaid })
}
