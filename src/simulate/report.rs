//! Comparing what every place says with what the trace comes to, and the report of a run.
//!
//! Sums alone could hide two errors that cancel out, so every customer is compared by itself; the sums
//! are for reading.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use hdrhistogram::Histogram;
use rust_decimal::Decimal;

use super::load::{Enrolled, Tally};
use super::places::{Figures, Kept, Place, Reading};
use super::plan::Plan;
use super::target::{ENV_FILE, Target};

/// How many differences of each place are shown with the customer they belong to. The table counts all.
const DIFFERENCES_SHOWN: usize = 3;

/// One place compared with the trace.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The place's name.
    pub place: &'static str,
    /// The sum of what it says; `None` when it does not know, or could not be read for everyone.
    pub requests: Option<u64>,
    /// Likewise, in USD.
    pub charged: Option<Decimal>,
    /// Likewise: tokens given to the model and tokens it gave back.
    pub tokens: [Option<Decimal>; 2],
    /// What it has more than the trace, in USD.
    pub difference: Option<Decimal>,
    /// Customers of which it says anything else than the trace.
    pub customers_that_differ: usize,
}

/// Something a place says that the trace does not.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The place's name.
    pub place: &'static str,
    /// The customer's number in the plan.
    pub customer: usize,
    /// What it says.
    pub what: String,
}

/// What the trace comes to, by customer.
pub fn expected(plan: &Plan) -> Vec<Reading> {
    let figures = |(customer, share): (usize, &super::plan::Share)| {
        Ok(Figures {
            requests: Some(share.requests),
            charged: plan.owed(customer),
            input_tokens: Some(Decimal::from(share.input_tokens)),
            output_tokens: Some(Decimal::from(share.output_tokens)),
        })
    };
    plan.shares.iter().enumerate().map(figures).collect()
}

/// What was acknowledged while sending, by customer.
pub fn acknowledged(tally: &Tally) -> Vec<Reading> {
    let figures = |acknowledged: &super::load::Acknowledged| {
        Ok(Figures { requests: Some(acknowledged.requests), charged: acknowledged.amount, ..Figures::default() })
    };
    tally.acknowledged.iter().map(figures).collect()
}

/// Compares what a place says with what is expected, and adds what differs to `differences`.
pub fn compare(
    place: &'static str,
    expected: &[Reading],
    found: &[Reading],
    differences: &mut Vec<Difference>,
) -> Line {
    let before = differences.len();
    for (customer, (expected, found)) in expected.iter().zip(found).enumerate() {
        differences.extend(differ(expected, found).map(|what| Difference { place, customer, what }));
    }
    let charged = sum(found, |figures| Some(figures.charged));
    let owed = sum(expected, |figures| Some(figures.charged));
    Line {
        place,
        requests: sum(found, |figures| figures.requests),
        charged,
        tokens: [sum(found, |figures| figures.input_tokens), sum(found, |figures| figures.output_tokens)],
        difference: charged.zip(owed).map(|(charged, owed)| charged - owed),
        customers_that_differ: differences.len() - before,
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

/// The whole report of a run; its text is what `simulate` prints.
#[derive(Debug)]
pub struct Report<'a> {
    plan: &'a Plan,
    customers: &'a [Enrolled],
    target: &'a Target,
    tally: &'a Tally,
    lines: Vec<Line>,
    differences: Vec<Difference>,
    /// When the last read model had caught up; `None` when one did not.
    caught_up: Option<Duration>,
}

impl<'a> Report<'a> {
    /// Compares everything.
    pub fn new(plan: &'a Plan, customers: &'a [Enrolled], target: &'a Target, tally: &'a Tally, kept: &[Kept]) -> Self {
        let owed = expected(plan);
        let mut differences = Vec::new();
        let mut lines = vec![
            compare("trace", &owed, &owed, &mut differences),
            compare("acknowledged", &owed, &acknowledged(tally), &mut differences),
        ];
        for Kept { place, readings, .. } in kept {
            lines.push(compare(place.name(), &owed, readings, &mut differences));
        }
        // The log and the accounts are never behind, they are what the read models follow.
        let caught_up: Option<Vec<_>> = kept
            .iter()
            .filter(|kept| !matches!(kept.place, Place::Ledger | Place::Account))
            .map(|kept| kept.caught_up)
            .collect();
        Self {
            plan,
            customers,
            target,
            tally,
            lines,
            differences,
            caught_up: caught_up.and_then(|times| times.into_iter().max()),
        }
    }

    /// Every row was charged, and every place says what the trace says.
    pub fn is_clean(&self) -> bool {
        self.tally.failures == 0 && self.differences.is_empty()
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "",
            "requests",
            "charged (USD)",
            "input tokens",
            "output tokens",
            "difference",
            "customers that differ",
        ]);
        for line in &self.lines {
            let decimal = |figure: Option<Decimal>| figure.map(|figure| figure.normalize());
            let cells = [
                or_dash(line.requests),
                or_dash(decimal(line.charged)),
                or_dash(decimal(line.tokens[0])),
                or_dash(decimal(line.tokens[1])),
                or_dash(decimal(line.difference)),
                line.customers_that_differ.to_string(),
            ];
            let right = |text| Cell::new(text).set_alignment(CellAlignment::Right);
            table.add_row(std::iter::once(Cell::new(line.place)).chain(cells.map(right)));
        }
        table
    }

    fn write_findings(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return writeln!(f, "nothing differs");
        }
        let tally = self.tally;
        if tally.failures > 0 {
            writeln!(f, "{} of {} rows were refused:", tally.failures, self.plan.rows.len())?;
            for (key, error) in &tally.first_failures {
                writeln!(f, "  {key}: {error}")?;
            }
        }
        if !self.differences.is_empty() {
            writeln!(f, "{} differences:", self.differences.len())?;
        }
        for line in &self.lines {
            let of_place = self.differences.iter().filter(|difference| difference.place == line.place);
            for difference in of_place.take(DIFFERENCES_SHOWN) {
                let customer = &self.customers[difference.customer].id;
                writeln!(f, "  {}, {customer}: {}", line.place, difference.what)?;
            }
            if line.customers_that_differ > DIFFERENCES_SHOWN {
                writeln!(f, "  {}: {} more", line.place, line.customers_that_differ - DIFFERENCES_SHOWN)?;
            }
        }
        Ok(())
    }

    fn write_speed(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        let answered = tally.at_once_us.len() + tally.retried_us.len();
        // A rate for the eye; no money passes through a float.
        let rate = answered as f64 / tally.elapsed.as_secs_f64();
        let elapsed = tally.elapsed;
        writeln!(f, "speed      {rate:.0} charges/s ({answered} in {elapsed:.1?})")?;
        writeln!(f, "latency    {}", Quantiles(&tally.at_once_us))?;
        writeln!(
            f,
            "retries    {} (in {} charges: {})",
            tally.retries,
            tally.retried_us.len(),
            Quantiles(&tally.retried_us)
        )?;
        let counted = if tally.replays > 0 { " (charged before; in the speed and latency too)" } else { "" };
        writeln!(f, "replays    {}{counted}", tally.replays)?;
        if !tally.latest.is_zero() {
            writeln!(f, "pace       at most {:.1?} late", tally.latest)?;
        }
        match self.caught_up {
            Some(after) => writeln!(f, "caught up  the read models, within {after:.1?}"),
            None => writeln!(f, "caught up  not all read models, see above"),
        }
    }

    fn write_where_to_look(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "run        {}", self.plan.run)?;
        let Some(customer) = self.customers.first() else {
            return Ok(());
        };
        if self.target.from_file {
            writeln!(f, "look       . {ENV_FILE}")?;
        }
        writeln!(
            f,
            "           curl -H \"Authorization: Bearer $TOLLBOOK_API_KEY\" '{}/v1/invoices?customer_id={}'",
            self.target.url.as_str().trim_end_matches('/'),
            customer.id
        )
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.table())?;
        self.write_findings(f)?;
        writeln!(f)?;
        self.write_speed(f)?;
        self.write_where_to_look(f)
    }
}

fn or_dash(figure: Option<impl Display>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| figure.to_string())
}

/// The median, the slowest hundredth and the slowest of some latencies.
struct Quantiles<'a>(&'a Histogram<u64>);

impl Display for Quantiles<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let at = |quantile| Duration::from_micros(self.0.value_at_quantile(quantile));
        let max = Duration::from_micros(self.0.max());
        write!(f, "p50 {:.1?}, p99 {:.1?}, max {max:.1?}", at(0.5), at(0.99))
    }
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
        let line = compare("quota", &owed(), found, &mut differences);
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
            customers_that_differ: 0,
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
        assert_eq!(line.customers_that_differ, 1);
        assert_eq!(differences[0].customer, 0);
        assert_eq!(differences[0].what, "charged 0.001275000001 instead of 0.001275");
    }

    #[test]
    fn errors_that_cancel_out_are_found() {
        let found = [Ok(figures(1, "0.00063", 200, 2)), Ok(figures(2, "0.001275", 400, 5))];
        let (line, differences) = compared(&found);
        assert_eq!(line.difference, Some(Decimal::ZERO));
        assert_eq!(line.customers_that_differ, 2);
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
            assert_eq!(line.customers_that_differ, 1, "{found:?}");
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
