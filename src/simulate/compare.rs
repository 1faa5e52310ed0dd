//! Comparing what every place says with what the trace comes to.
//!
//! Sums alone could hide two errors that cancel out, so every payer is compared by itself; the sums are
//! for reading.

use rust_decimal::Decimal;

use super::load::{Acknowledged, Tally};
use super::places::{Figures, Reading};
use super::plan::{Plan, Share};

/// One place compared with the trace.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The place's name.
    pub place: &'static str,
    /// The sum of what it says; `None` when it does not know, or could not be read for everyone.
    pub requests: Option<u64>,
    /// Likewise, in the currency of the payers.
    pub charged: Option<Decimal>,
    /// Likewise: tokens given to the model and tokens it gave back.
    pub tokens: [Option<Decimal>; 2],
    /// What it has more than the trace.
    pub difference: Option<Decimal>,
    /// Payers of which it says anything else than the trace.
    pub payers_that_differ: usize,
}

/// Something a place says that the trace does not.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The place's name.
    pub place: &'static str,
    /// The payer's number in the plan.
    pub payer: usize,
    /// What it says.
    pub what: String,
}

/// What the trace comes to, by payer.
pub fn expected(plan: &Plan) -> Vec<Reading> {
    let figures = |(payer, share): (usize, &Share)| {
        Ok(Figures {
            requests: Some(share.requests),
            charged: plan.owed(payer),
            input_tokens: Some(Decimal::from(share.input_tokens)),
            output_tokens: Some(Decimal::from(share.output_tokens)),
        })
    };
    plan.shares.iter().enumerate().map(figures).collect()
}

/// What was acknowledged while sending, by payer.
pub fn acknowledged(tally: &Tally) -> Vec<Reading> {
    let figures = |acknowledged: &Acknowledged| {
        Ok(Figures { requests: Some(acknowledged.requests), charged: acknowledged.amount, ..Figures::default() })
    };
    tally.acknowledged.iter().map(figures).collect()
}

/// Compares what a place says of some payers with what is expected, and adds what differs to `differences`.
/// `first` is the number of the first of them.
pub fn compare(
    place: &'static str,
    first: usize,
    expected: &[Reading],
    found: &[Reading],
    differences: &mut Vec<Difference>,
) -> Line {
    let before = differences.len();
    for (payer, (expected, found)) in (first..).zip(expected.iter().zip(found)) {
        differences.extend(differ(expected, found).map(|what| Difference { place, payer, what }));
    }
    let charged = sum(found, |figures| Some(figures.charged));
    let owed = sum(expected, |figures| Some(figures.charged));
    Line {
        place,
        requests: sum(found, |figures| figures.requests),
        charged,
        tokens: [sum(found, |figures| figures.input_tokens), sum(found, |figures| figures.output_tokens)],
        difference: charged.zip(owed).map(|(charged, owed)| charged - owed),
        payers_that_differ: differences.len() - before,
    }
}

/// What differs, in words. Figures that one side does not keep are not compared.
fn differ(expected: &Reading, found: &Reading) -> Option<String> {
    let (expected, found) = match (expected, found) {
        (Ok(expected), Ok(found)) => (expected, found),
        (Err(error), _) | (_, Err(error)) => return Some(error.to_string()),
    };
    let mut words = Vec::new();
    let mut check = |what: &str, expected: Option<Decimal>, found: Option<Decimal>| {
        if let Some((expected, found)) = expected.zip(found)
            && expected != found
        {
            let (found, expected) = (found.normalize(), expected.normalize());
            words.push(format!("{what} {found} instead of {expected}"));
        }
    };
    check("charged", Some(expected.charged), Some(found.charged));
    let requests = |figures: &Figures| figures.requests.map(Decimal::from);
    check("requests", requests(expected), requests(found));
    check("input tokens", expected.input_tokens, found.input_tokens);
    check("output tokens", expected.output_tokens, found.output_tokens);
    (!words.is_empty()).then(|| words.join(", "))
}

fn sum<T: std::iter::Sum>(readings: &[Reading], figure: impl Fn(&Figures) -> Option<T>) -> Option<T> {
    readings.iter().map(|reading| figure(reading.as_ref().ok()?)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::places::ReadError;

    fn usd(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn figures(requests: u64, charged: &str, input: u64, output: u64) -> Figures {
        Figures {
            requests: Some(requests),
            charged: usd(charged),
            input_tokens: Some(Decimal::from(input)),
            output_tokens: Some(Decimal::from(output)),
        }
    }

    fn owed() -> Vec<Reading> {
        vec![Ok(figures(2, "0.001275", 400, 5)), Ok(figures(1, "0.00063", 200, 2))]
    }

    fn compared(found: &[Reading]) -> (Line, Vec<Difference>) {
        let mut differences = Vec::new();
        let line = compare("quota", 7, &owed(), found, &mut differences);
        (line, differences)
    }

    #[test]
    fn what_agrees_has_no_differences() {
        let (line, differences) = compared(&owed());
        assert_eq!(differences, []);
        let expected = Line {
            place: "quota",
            requests: Some(3),
            charged: Some(usd("0.001905")),
            tokens: [Some(Decimal::from(600)), Some(Decimal::from(7))],
            difference: Some(Decimal::ZERO),
            payers_that_differ: 0,
        };
        assert_eq!(line, expected);
    }

    #[test]
    fn figures_a_place_does_not_keep_are_not_compared() {
        let charged_only = |charged| Ok(Figures { charged: usd(charged), ..Figures::default() });
        // More zeros at the end are no difference.
        let (line, differences) = compared(&[charged_only("0.00127500"), charged_only("0.00063")]);
        assert_eq!(differences, []);
        assert_eq!((line.requests, line.tokens), (None, [None, None]));
    }

    #[test]
    fn the_smallest_difference_is_found() {
        let found = [Ok(figures(2, "0.001275000001", 400, 5)), Ok(figures(1, "0.00063", 200, 2))];
        let (line, differences) = compared(&found);
        assert_eq!(line.difference, Some(usd("0.000000000001")));
        assert_eq!(line.payers_that_differ, 1);
        assert_eq!(differences[0].payer, 7);
        assert_eq!(differences[0].what, "charged 0.001275000001 instead of 0.001275");
    }

    #[test]
    fn errors_that_cancel_out_are_found() {
        let found = [Ok(figures(1, "0.00063", 200, 2)), Ok(figures(2, "0.001275", 400, 5))];
        let (line, differences) = compared(&found);
        assert_eq!(line.difference, Some(Decimal::ZERO));
        assert_eq!(line.payers_that_differ, 2);
        assert_eq!(
            differences[1].what,
            "charged 0.001275 instead of 0.00063, requests 2 instead of 1, \
             input tokens 400 instead of 200, output tokens 5 instead of 2"
        );
    }

    #[test]
    fn requests_and_tokens_count_as_much_as_money() {
        for found in [figures(3, "0.001275", 400, 5), figures(2, "0.001275", 401, 5), figures(2, "0.001275", 400, 4)] {
            let (line, _) = compared(&[Ok(found), Ok(figures(1, "0.00063", 200, 2))]);
            assert_eq!(line.payers_that_differ, 1, "{found:?}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_read_differs() {
        let found = [Ok(figures(2, "0.001275", 400, 5)), Err(ReadError::Inconsistent("no balance".to_owned()))];
        let (line, differences) = compared(&found);
        assert_eq!((line.charged, line.difference), (None, None));
        assert_eq!(differences[0].what, "no balance");
    }
}
