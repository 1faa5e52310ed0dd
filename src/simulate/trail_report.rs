//! The part of the report that follows the money of session keys.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, Table};
use rust_decimal::Decimal;

use super::enrol::Enrolled;
use super::onchain::Trail;
use super::report::{DIFFERENCES_SHOWN, right};
use super::settle::End;

/// What became of the session keys' money.
#[derive(Debug)]
pub struct Settling {
    /// How waiting ended, or why there was none.
    pub end: Result<End, String>,
    /// How long it took.
    pub took: Duration,
    /// Where the money is, or why nobody knows.
    pub trail: Result<Trail, String>,
    /// What is less than this may stay unsettled, in USDC; `None` when that is not known here.
    pub threshold: Option<Decimal>,
}

impl Settling {
    /// What went wrong as a whole, in words.
    fn troubles(&self) -> Vec<&str> {
        let end = match &self.end {
            Ok(End::Settled) => None,
            Ok(End::Stuck(why)) | Err(why) => Some(why.as_str()),
        };
        end.into_iter().chain(self.trail.as_ref().err().map(String::as_str)).collect()
    }

    fn differences(&self) -> Vec<(Option<usize>, String)> {
        self.trail.as_ref().map(Trail::differences).unwrap_or_default()
    }

    /// How much does not agree, and how much could not be seen.
    pub fn difference_count(&self) -> usize {
        self.troubles().len() + self.differences().len()
    }

    /// The way of the money, in sums.
    pub fn write_table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Ok(trail) = &self.trail else { return Ok(()) };
        let claimed = trail.sum(|session| session.claimed);
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["settling", "USDC", "difference", "differ"]);
        let mut row = |what: &str, sum: Decimal, compared: Option<(Decimal, usize)>| {
            let [difference, differ] = match compared {
                Some((with, differ)) => [(sum - with).normalize().to_string(), differ.to_string()],
                None => ["–".to_owned(), "–".to_owned()],
            };
            let cells = [sum.normalize().to_string(), difference, differ];
            table.add_row(std::iter::once(Cell::new(what)).chain(cells.map(right)));
        };
        let count =
            |differs: fn(&super::onchain::Followed) -> bool| trail.sessions.iter().filter(|s| differs(s)).count();
        row("charged", trail.sum(|session| session.charged), None);
        row("claimed, in the ledger", claimed, None);
        row(
            "claimed, on chain",
            trail.sum(|session| session.on_chain),
            Some((claimed, count(|session| session.on_chain != session.claimed || session.events != session.claimed))),
        );
        row(
            "claims of final settlements",
            trail.sum(|session| session.paid),
            Some((claimed, count(|session| session.paid != session.claimed))),
        );
        let in_total = |sum: Decimal| Some((claimed, usize::from(sum != claimed)));
        row("transferred, say settlements", trail.settled, in_total(trail.settled));
        row("transferred to the payee", trail.transferred, in_total(trail.transferred));
        let left = trail.sum(|session| session.charged) - claimed;
        let unsettled = count(|session| session.unsettled != session.charged - session.claimed);
        row("still unsettled", trail.sum(|session| session.unsettled), Some((left, unsettled)));
        writeln!(f, "{table}")
    }

    /// What does not agree.
    pub fn write_differences(&self, f: &mut Formatter<'_>, sessions: &[Enrolled]) -> fmt::Result {
        for trouble in self.troubles() {
            writeln!(f, "  settling: {trouble}")?;
        }
        let differences = self.differences();
        let (of_sessions, in_total): (Vec<_>, Vec<_>) = differences.into_iter().partition(|(who, _)| who.is_some());
        for (who, what) in of_sessions.iter().take(DIFFERENCES_SHOWN) {
            let name = who.and_then(|index| sessions.get(index)).map_or("", Enrolled::name);
            writeln!(f, "  settling, {name}: {what}")?;
        }
        if of_sessions.len() > DIFFERENCES_SHOWN {
            writeln!(f, "  settling: {} more session keys", of_sessions.len() - DIFFERENCES_SHOWN)?;
        }
        for (_, what) in in_total {
            writeln!(f, "  settling: {what}")?;
        }
        Ok(())
    }

    /// How many settlements it took, and what they cost.
    pub fn write_settlements(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Ok(trail) = &self.trail else { return Ok(()) };
        let settlements = &trail.settlements;
        let (count, claims, took) = (settlements.count, settlements.claims, self.took);
        write!(f, "settled    {count} settlements final, {claims} claims, within {took:.1?}")?;
        match self.threshold {
            Some(threshold) => writeln!(f, "; less than {} USDC may wait", threshold.normalize())?,
            None => writeln!(f)?,
        }
        match settlements.gas.checked_div(settlements.claims) {
            Some(each) => writeln!(f, "gas        {} in all, {} a claim", Grouped(settlements.gas), Grouped(each)),
            None => writeln!(f, "gas        none"),
        }
    }
}

/// A whole number with commas between thousands.
struct Grouped(u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::onchain::{Followed, Settlements};

    fn usdc(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn settling() -> Settling {
        let session = Followed {
            deposited: usdc("123456789"),
            escrow: usdc("123456789"),
            charged: usdc("98765432.123456789012"),
            claimed: usdc("98765432.123456"),
            unsettled: usdc("0.000000789012"),
            on_chain: usdc("98765432.123456"),
            events: usdc("98765432.123456"),
            paid: usdc("98765432.123456"),
            skipped: None,
        };
        let trail = Trail {
            sessions: vec![session],
            settlements: Settlements { count: 2, claims: 3, gas: 1_234_567 },
            settled: usdc("98765432.123456"),
            transferred: usdc("98765432.123456"),
        };
        let took = Duration::from_secs(3);
        Settling { end: Ok(End::Settled), took, trail: Ok(trail), threshold: Some(usdc("2.00")) }
    }

    struct Whole<'a>(&'a Settling);

    impl Display for Whole<'_> {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            self.0.write_table(f)?;
            self.0.write_differences(f, &[])?;
            self.0.write_settlements(f)
        }
    }

    #[test]
    fn it_fits_on_a_hundred_columns() {
        let settling = settling();
        let text = Whole(&settling).to_string();
        assert_eq!(settling.difference_count(), 0);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("98765432.123456789012"), "{text}");
        assert!(text.contains("3 claims, within 3.0s; less than 2 USDC may wait"), "{text}");
        assert!(text.contains("1,234,567 in all, 411,522 a claim"), "{text}");
    }

    #[test]
    fn what_is_stuck_or_cannot_be_seen_counts_as_a_difference() {
        let mut stuck = settling();
        stuck.end = Ok(End::Stuck("parked".to_owned()));
        assert_eq!(stuck.difference_count(), 1);
        stuck.trail = Err("the chain cannot be reached".to_owned());
        assert_eq!(stuck.difference_count(), 2);
        assert_eq!(Whole(&stuck).to_string(), "  settling: parked\n  settling: the chain cannot be reached\n");
    }

    #[test]
    fn thousands_are_told_apart() {
        let grouped = |number| Grouped(number).to_string();
        assert_eq!([0, 999, 1_000, 31_800, 1_000_000].map(grouped), ["0", "999", "1,000", "31,800", "1,000,000"]);
    }
}
