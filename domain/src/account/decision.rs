//! The rules of an account: what is allowed, what it costs, what pays for it.

use chrono::TimeDelta;

use crate::Timestamp;
use crate::account::command::{AccountCommand, Action};
use crate::account::event::{
    AccountEvent, Balances, Charged, CreditExpired, Credited, LimitSet, Opened, PaymentOrderSet, QuotaSet,
};
use crate::account::rating::{Asked, Within};
use crate::account::{
    Account, GRANTS_MAX, Grant, Overage, Owner, QUOTAS_MAX, QuotaTerms, Source, USED_AT_DAYS_MAX, funding, holding,
    turn,
};
use crate::hold::HoldError;
use crate::meter::MeterCode;
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
    /// The meter's quota is a subscription's.
    #[error("the quota of meter {meter} belongs to a subscription")]
    QuotaOfSubscription {
        /// Of this meter.
        meter: MeterCode,
    },
    /// Something was used in the future, or too long ago.
    #[error("used_at must not lie in the future, nor more than {USED_AT_DAYS_MAX} days ago")]
    UsedAtOutOfRange,
    /// Nothing, or something twice.
    #[error("a payment order names at least one source, and none twice")]
    InvalidPaymentOrder,
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
        Action::Charge { usage, currency, used_at, description, metadata } => {
            same_currency(&owner, *currency)?;
            check_used_at(*used_at, now)?;
            let asked = Asked { usage, within: Within::Free(*used_at), now };
            let (priced, funds) = funding::pay(account, &owner, asked)?;
            let charged = AccountEvent::Charged(Charged {
                customer_id: owner.customer_id,
                amount: priced.amount,
                currency: owner.currency,
                lines: priced.lines,
                after: Balances {
                    credits: remaining_credits(account, now).minus(funds.of_credits()),
                    postpaid: account.postpaid.plus(funds.postpaid),
                    ..account.balances()
                },
                credits_used: funds.credits,
                postpaid: funds.postpaid,
                billable: true,
                used_at: *used_at,
                description: description.clone(),
                metadata: metadata.clone(),
            });
            Ok(with_expiries(expiries(account, &owner, now), charged))
        }
        Action::ExpireCredits => Ok(expiries(account, &owner, now)),
        Action::Hold(action) => holding::decide(account, &owner, action, now),
        Action::Turn { bill, close_usage, closed, to } => {
            let turned = turn::turn(account, &owner, *bill, *close_usage, *closed, to.as_ref(), now);
            Ok(vec![AccountEvent::Turned(Box::new(turned))])
        }
        Action::SettleUsage { invoice_id, amount } => Ok(turn::settle(account, &owner, *invoice_id, *amount)),
        Action::SetPaymentOrder(order) => set_payment_order(account, &owner, order),
    }
}

fn check_used_at(used_at: Option<Timestamp>, now: Timestamp) -> Result<(), AccountError> {
    match used_at {
        Some(at) if at > now || now - at > TimeDelta::days(USED_AT_DAYS_MAX) => Err(AccountError::UsedAtOutOfRange),
        _ => Ok(()),
    }
}

fn set_payment_order(account: &Account, owner: &Owner, order: &[Source]) -> Result<Vec<AccountEvent>, AccountError> {
    let is_double = |(place, source): (usize, &Source)| order.iter().skip(place + 1).any(|other| other == source);
    if order.is_empty() || order.iter().enumerate().any(is_double) {
        return Err(AccountError::InvalidPaymentOrder);
    }
    if account.payment_order == order {
        return Ok(Vec::new());
    }
    let set = PaymentOrderSet { customer_id: owner.customer_id, order: order.to_vec() };
    Ok(vec![AccountEvent::PaymentOrderSet(set)])
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
    if before.is_some_and(|quota| quota.plan.is_some()) {
        return Err(AccountError::QuotaOfSubscription { meter: meter.clone() });
    }
    if before.is_some_and(|quota| quota.terms == terms) {
        return Ok(Vec::new());
    }
    if before.is_none() && account.quotas.len() >= QUOTAS_MAX {
        return Err(AccountError::TooManyQuotas);
    }
    // With the same kind of period the usage so far still counts; with another it starts anew.
    let before = before.filter(|quota| quota.terms.period == terms.period);
    let used = before.map_or(Quantity::ZERO, |quota| quota.tally_at(now).counted());
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
