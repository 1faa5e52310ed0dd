//! What usage comes to: how much of it an allowance covers, and what the rest costs, at the meter's own price or at a
//! plan's.
//!
//! Usage counts in the period of now, or of when it was used, or of when the hold that pays was placed. Of the calendar's
//! periods the running one alone has something left. Of a subscription's it is the running one or the one before; what
//! is older costs the plan's price from its first unit on, and no allowance covers it.
//!
//! Captures are rated as their hold was placed: of a meter by the plan's price and period that it reserved in, or else
//! at the meter's own price, whatever plans and quotas have come since.

use crate::Timestamp;
use crate::account::decision::{AccountError, same_currency};
use crate::account::{Account, Hold, Owner};
use crate::charge::{Line, Usage};
use crate::meter::MeterCode;
use crate::money::Amount;

mod spot;

use spot::Spot;

/// What usage may draw on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Within<'a> {
    /// What is free now, or was free when it was used.
    Free(Option<Timestamp>),
    /// What is free now; it is to be reserved.
    Reserve,
    /// What this hold reserves, and what is free in its periods.
    Hold(&'a Hold),
    /// What is free in the periods of this hold, on top of what it reserves; it is to be reserved, too.
    Extend(&'a Hold),
}

impl<'a> Within<'a> {
    /// Whether nothing is charged yet.
    const fn reserves(self) -> bool {
        matches!(self, Self::Reserve | Self::Extend(_))
    }

    const fn hold(self) -> Option<&'a Hold> {
        match self {
            Self::Hold(hold) | Self::Extend(hold) => Some(hold),
            Self::Free(_) | Self::Reserve => None,
        }
    }

    /// The moment in whose periods it counts, when that is not simply now.
    fn moment(self) -> Option<Timestamp> {
        match self {
            Self::Free(used_at) => used_at,
            Self::Reserve => None,
            Self::Hold(hold) | Self::Extend(hold) => Some(hold.placed_at),
        }
    }
}

/// What allowances may pay. Where a quota refuses what is beyond it, it is a limit first: what is within one that
/// includes its usage is free in any case, for nothing else is to pay for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// What is free and what is reserved.
    Pays,
    /// What is reserved, and nothing more.
    Reserved,
    /// Nothing, for others are to pay all of it.
    Waits,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) usage: &'a [Usage],
    pub(super) within: Within<'a>,
    pub(super) now: Timestamp,
}

/// What it comes to.
#[derive(Debug)]
pub(super) struct Priced {
    pub(super) lines: Vec<Line>,
    /// The sum of the lines.
    pub(super) amount: Amount,
    /// What of it only credits may pay.
    pub(super) only_credits: Amount,
}

/// Turns usage into lines with amounts, inside the quotas.
pub(super) fn rate(
    account: &Account,
    owner: &Owner,
    asked: Asked<'_>,
    allowance: Allowance,
) -> Result<Priced, AccountError> {
    let mut priced =
        Priced { lines: Vec::with_capacity(asked.usage.len()), amount: Amount::ZERO, only_credits: Amount::ZERO };
    // One charge may name a meter twice: the second line sees what the first one used.
    let mut seen: Vec<(&MeterCode, Spot<'_>)> = Vec::new();
    for one in asked.usage {
        let line = match one {
            Usage::Flat { amount } => Line::flat(*amount),
            Usage::Metered { meter, quantity } => {
                let known = seen.iter_mut().find(|(code, _)| **code == meter.code);
                let mut spot = match &known {
                    Some((_, spot)) => *spot,
                    None => Spot::find(account, &meter.code, asked.within, asked.now),
                };
                // A plan's price is in the account's currency, whatever the meter's own is in.
                if spot.has_own_price() {
                    same_currency(owner, Some(meter.currency))?;
                }
                let line = spot.line(meter, *quantity, asked.within, allowance)?;
                priced.only_credits = priced.only_credits.plus(spot.only_credits(&line, asked.within));
                spot.move_on(&line, asked.within);
                match known {
                    Some((_, known)) => *known = spot,
                    None if asked.usage.len() > 1 => seen.push((&meter.code, spot)),
                    None => {}
                }
                line
            }
        };
        priced.amount = priced.amount.checked_add(line.amount).map_err(|_| AccountError::BalanceTooLarge)?;
        priced.lines.push(line);
    }
    Ok(priced)
}
