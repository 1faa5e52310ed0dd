//! What pays for usage, in the account's payment order: allowances, credits, post-paid room.

use crate::Timestamp;
use crate::account::decision::{AccountError, remaining_credits};
use crate::account::event::Funds;
use crate::account::rating::{Allowance, Asked, Priced, Within, rate};
use crate::account::{Account, CreditUse, Hold, Owner, Source};
use crate::charge::Usage;
use crate::hold::HoldError;
use crate::money::Amount;

/// What usage comes to, and what pays. With what it comes to, everything that will ever have been charged can still be
/// kept.
pub(super) fn pay(account: &Account, owner: &Owner, asked: Asked<'_>) -> Result<(Priced, Funds), AccountError> {
    let order = account.payment_order.as_slice();
    // Where others come before the allowance and reach for all, nothing is drawn on it.
    if let Some(first) = before_the_allowance(order)
        && let Ok(priced) = rate(account, owner, asked, Allowance::Waits)
        && let Ok(funds) = fund(account, owner, &priced, first, asked.now)
    {
        check_total(account, &priced)?;
        return Ok((priced, funds));
    }
    let priced = rate(account, owner, asked, what_allowances_pay(order))?;
    check_total(account, &priced)?;
    let funds = fund(account, owner, &priced, order, asked.now)?;
    Ok((priced, funds))
}

/// What the usage of a capture comes to, what of the hold's funds pays it, and what is left of them. Unless it is the
/// last one, credits stay for what nothing else may pay.
pub(super) fn pay_from(
    account: &Account,
    owner: &Owner,
    hold: &Hold,
    (usage, is_final): (&[Usage], bool),
    now: Timestamp,
) -> Result<(Priced, Funds, Funds), AccountError> {
    let order = account.payment_order.as_slice();
    let asked = Asked { usage, within: Within::Hold(hold), now };
    let free = |priced: &Priced| {
        let kept = if is_final { Amount::ZERO } else { hold.keeps_after(&priced.lines) };
        hold.funds.of_credits().minus(kept)
    };
    let postpaid = hold.funds.postpaid;
    if let Some(first) = before_the_allowance(order)
        && let Ok(priced) = rate(account, owner, asked, Allowance::Waits)
    {
        let there = |source, amount| if first.contains(&source) { amount } else { Amount::ZERO };
        let (credits, postpaid) = (there(Source::Credits, free(&priced)), there(Source::Postpaid, postpaid));
        if let Some((credits, postpaid)) = parts(&priced, credits, postpaid, order) {
            let (paid, rest) = hold.funds.split(credits, postpaid);
            return Ok((priced, paid, rest));
        }
    }
    let priced = rate(account, owner, asked, what_allowances_pay(order))?;
    let credits = free(&priced);
    // What was reserved pays, also of what would pay nothing by now.
    let Some((from_credits, from_postpaid)) = parts(&priced, credits, postpaid, order) else {
        let (amount, held) = if priced.only_credits > credits {
            (priced.only_credits, credits)
        } else {
            (priced.amount, credits.plus(postpaid))
        };
        return Err(HoldError::CaptureAboveHold { amount, held, currency: owner.currency }.into());
    };
    let (paid, rest) = hold.funds.split(from_credits, from_postpaid);
    Ok((priced, paid, rest))
}

/// The sources that come before the allowance, if any do.
fn before_the_allowance(order: &[Source]) -> Option<&[Source]> {
    let place = order.iter().position(|source| *source == Source::Allowance)?;
    order.get(..place).filter(|first| !first.is_empty())
}

fn what_allowances_pay(order: &[Source]) -> Allowance {
    if order.contains(&Source::Allowance) { Allowance::Pays } else { Allowance::Reserved }
}

/// Everything that will ever have been charged can still be kept.
fn check_total(account: &Account, priced: &Priced) -> Result<(), AccountError> {
    let held = account.balances().held();
    let sum = account.charged.checked_add(held).and_then(|sum| sum.checked_add(priced.amount));
    sum.map(|_| ()).map_err(|_| AccountError::BalanceTooLarge)
}

/// Finds what pays: of these sources, one after the other.
fn fund(
    account: &Account,
    owner: &Owner,
    priced: &Priced,
    sources: &[Source],
    now: Timestamp,
) -> Result<Funds, AccountError> {
    let there = |source, amount| if sources.contains(&source) { amount } else { Amount::ZERO };
    let credits = there(Source::Credits, remaining_credits(account, now));
    // A charge that costs nothing needs no room, even on an account that is over its limit.
    let room = account.postpaid_limit.minus(account.postpaid).minus(account.held_postpaid);
    let room = there(Source::Postpaid, room);
    let Some((from_credits, postpaid)) = parts(priced, credits, room, sources) else {
        let (amount, available) = if priced.only_credits > credits {
            (priced.only_credits, credits)
        } else {
            (priced.amount, credits.plus(room))
        };
        let (postpaid_limit, currency) = (account.postpaid_limit, owner.currency);
        return Err(AccountError::InsufficientFunds { amount, available, postpaid_limit, currency });
    };
    Ok(Funds { credits: spend(account, from_credits, now), postpaid })
}

/// How much credits pay, and how much post-paid room, when there is so much of them; `None` when that does not reach.
fn parts(priced: &Priced, credits: Amount, postpaid: Amount, order: &[Source]) -> Option<(Amount, Amount)> {
    if priced.only_credits > credits {
        return None;
    }
    let place = |wanted| order.iter().position(|source| *source == wanted);
    let is_postpaid_first = match (place(Source::Postpaid), place(Source::Credits)) {
        (Some(postpaid), Some(credits)) => postpaid < credits,
        _ => false,
    };
    let from_credits = if is_postpaid_first {
        let any = priced.amount.minus(priced.only_credits);
        priced.amount.minus(any.min(postpaid))
    } else {
        priced.amount.min(credits)
    };
    let from_postpaid = priced.amount.minus(from_credits);
    (from_credits <= credits && from_postpaid <= postpaid).then_some((from_credits, from_postpaid))
}

/// Takes so much of the credits, in their order.
fn spend(account: &Account, amount: Amount, now: Timestamp) -> Vec<CreditUse> {
    let mut missing = amount;
    let mut credits = Vec::new();
    for grant in account.grants.iter().filter(|grant| !grant.is_expired(now) && !grant.remaining.is_zero()) {
        if missing.is_zero() {
            break;
        }
        let taken = grant.remaining.min(missing);
        missing = missing.minus(taken);
        credits.push(CreditUse { grant_id: grant.id, amount: taken });
    }
    credits
}
