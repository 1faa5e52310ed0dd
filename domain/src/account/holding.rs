//! The rules of holds on an account: what is reserved of credits, post-paid room and quotas, and what becomes
//! of it.

use chrono::TimeDelta;

use crate::Timestamp;
use crate::account::decision::{AccountError, expiries, remaining_credits, same_currency, with_expiries};
use crate::account::event::{AccountEvent, Balances, Captured, Charged, Funds, Held, HoldExtended, HoldReleased};
use crate::account::rating::{Asked, Priced, Within};
use crate::account::reserved::used_of;
use crate::account::{Account, Hold, Owner, funding};
use crate::charge::Line;
use crate::hold::{EXPIRED_MAX, HOLDS_MAX, HoldAction, HoldAfter, HoldError};
use crate::ids::HoldId;
use crate::money::Amount;

pub(super) fn decide(
    account: &Account,
    owner: &Owner,
    action: &HoldAction,
    now: Timestamp,
) -> Result<Vec<AccountEvent>, AccountError> {
    let event = match action {
        HoldAction::Place { hold_id, usage, currency, ttl_secs, description, metadata } => {
            same_currency(owner, *currency)?;
            if account.holds.contains_key(hold_id) {
                return Err(HoldError::AlreadyOpen.into());
            }
            if account.holds.len() >= HOLDS_MAX {
                return Err(HoldError::TooMany.into());
            }
            let asked = Asked { usage, within: Within::Reserve, now };
            let (Priced { lines, amount, .. }, funds) = funding::pay(account, owner, asked)?;
            let expires_at = now + TimeDelta::seconds(i64::from(*ttl_secs));
            AccountEvent::Held(Held {
                customer_id: owner.customer_id,
                hold: HoldAfter { hold_id: *hold_id, held: amount, captured: Amount::ZERO, placed_at: now, expires_at },
                amount,
                currency: owner.currency,
                lines,
                after: reserving(live_balances(account, now), &funds),
                funds,
                description: description.clone(),
                metadata: metadata.clone(),
            })
        }
        HoldAction::Extend { hold_id, usage, currency, ttl_secs } => {
            same_currency(owner, *currency)?;
            let hold = open(account, *hold_id)?;
            let asked = Asked { usage, within: Within::Extend(hold), now };
            let (Priced { lines, amount, .. }, funds) = funding::pay(account, owner, asked)?;
            let deadline = ttl_secs.map(|ttl_secs| now + TimeDelta::seconds(i64::from(ttl_secs)));
            AccountEvent::HoldExtended(HoldExtended {
                customer_id: owner.customer_id,
                hold: HoldAfter {
                    hold_id: *hold_id,
                    held: hold.funds.amount().plus(amount),
                    captured: hold.captured,
                    placed_at: hold.placed_at,
                    expires_at: deadline.unwrap_or(hold.expires_at),
                },
                amount,
                currency: owner.currency,
                lines,
                after: reserving(live_balances(account, now), &funds),
                funds,
            })
        }
        HoldAction::Capture { hold_id, usage, currency, is_final, description, metadata } => {
            same_currency(owner, *currency)?;
            let hold = open(account, *hold_id)?;
            let (priced, paid, rest) = match usage {
                Some(usage) => funding::pay_from(account, owner, hold, (usage.as_slice(), *is_final), now)?,
                None if hold.is_money_only() => {
                    let amount = hold.funds.amount();
                    let lines = vec![Line::flat(amount)];
                    let priced = Priced { lines, amount, only_credits: Amount::ZERO };
                    (priced, hold.funds.clone(), Funds::default())
                }
                None => return Err(HoldError::UsageNeeded.into()),
            };
            let before = live_balances(account, now);
            let mut captured = capture(owner, (*hold_id, hold), priced, (paid, rest), *is_final, before);
            captured.charge.description.clone_from(description);
            captured.charge.metadata.clone_from(metadata);
            AccountEvent::Captured(captured)
        }
        HoldAction::Void { hold_id } => {
            let hold = open(account, *hold_id)?;
            AccountEvent::Voided(release(owner, *hold_id, hold, live_balances(account, now)))
        }
        HoldAction::Expire => return Ok(expire(account, owner, now)),
    };
    Ok(with_expiries(expiries(account, owner, now), event))
}

fn open(account: &Account, id: HoldId) -> Result<&Hold, HoldError> {
    account.holds.get(&id).ok_or(HoldError::NotOpen)
}

/// The balances when what has expired has left.
fn live_balances(account: &Account, now: Timestamp) -> Balances {
    Balances { credits: remaining_credits(account, now), ..account.balances() }
}

fn reserving(before: Balances, funds: &Funds) -> Balances {
    Balances {
        credits: before.credits.minus(funds.of_credits()),
        held_credits: before.held_credits.plus(funds.of_credits()),
        held_postpaid: before.held_postpaid.plus(funds.postpaid),
        ..before
    }
}

fn returning(before: Balances, funds: &Funds) -> Balances {
    Balances {
        credits: before.credits.plus(funds.of_credits()),
        held_credits: before.held_credits.minus(funds.of_credits()),
        held_postpaid: before.held_postpaid.minus(funds.postpaid),
        ..before
    }
}

fn capture(
    owner: &Owner,
    (hold_id, hold): (HoldId, &Hold),
    priced: Priced,
    (paid, rest): (Funds, Funds),
    is_final: bool,
    before: Balances,
) -> Captured {
    let Priced { lines, amount, .. } = priced;
    let after = Balances {
        postpaid: before.postpaid.plus(paid.postpaid),
        held_credits: before.held_credits.minus(paid.of_credits()),
        held_postpaid: before.held_postpaid.minus(paid.postpaid),
        ..before
    };
    let (left, returned) = if is_final { (Amount::ZERO, rest) } else { (rest.amount(), Funds::default()) };
    let released = if is_final { hold.reserves() } else { used_of(&hold.usage, &lines) };
    Captured {
        hold: HoldAfter {
            hold_id,
            held: left,
            captured: hold.captured.plus(amount),
            placed_at: hold.placed_at,
            expires_at: hold.expires_at,
        },
        is_final,
        charge: Charged {
            customer_id: owner.customer_id,
            amount,
            currency: owner.currency,
            lines,
            credits_used: paid.credits,
            postpaid: paid.postpaid,
            after: returning(after, &returned),
            billable: true,
            used_at: None,
            description: None,
            metadata: std::collections::BTreeMap::new(),
        },
        returned,
        released,
    }
}

fn release(owner: &Owner, hold_id: HoldId, hold: &Hold, before: Balances) -> HoldReleased {
    HoldReleased {
        customer_id: owner.customer_id,
        hold: HoldAfter {
            hold_id,
            held: Amount::ZERO,
            captured: hold.captured,
            placed_at: hold.placed_at,
            expires_at: hold.expires_at,
        },
        currency: owner.currency,
        after: returning(before, &hold.funds),
        returned: hold.funds.clone(),
        released: hold.reserves(),
    }
}

fn expire(account: &Account, owner: &Owner, now: Timestamp) -> Vec<AccountEvent> {
    let mut balances = account.balances();
    let due = account.holds.iter().filter(|(_, hold)| hold.expires_at <= now).take(EXPIRED_MAX);
    let released = due.map(|(id, hold)| {
        let released = release(owner, *id, hold, balances);
        balances = released.after;
        AccountEvent::HoldExpired(released)
    });
    released.collect()
}
