//! The report of a run: a table for the customers, one for the session keys, one that follows the money
//! of those to the payee; what differs; how fast it was.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use hdrhistogram::Histogram;

use super::compare::{self, Difference, Line, compare};
use super::enrol::Enrolled;
use super::load::Tally;
use super::places::{Kept, Place};
use super::plan::{Plan, World};
use super::target::{ENV_FILE, Target};
use super::trail_report::Settling;

/// How many differences of each place are shown with the payer they belong to. The table counts all.
pub const DIFFERENCES_SHOWN: usize = 3;

/// What every place says of one world's payers.
#[derive(Debug)]
struct Section {
    world: World,
    lines: Vec<Line>,
    differences: Vec<Difference>,
}

impl Section {
    fn new(plan: &Plan, tally: &Tally, kept: &[Kept], world: World) -> Self {
        let payers = plan.payers_of(world);
        let (owed, acknowledged) = (compare::expected(plan), compare::acknowledged(tally));
        let owed = &owed[payers.clone()];
        let mut differences = Vec::new();
        let mut compared = |place, found| compare(place, payers.start, owed, found, &mut differences);
        let mut lines = vec![compared("trace", owed), compared("acknowledged", &acknowledged[payers.clone()])];
        for Kept { place, readings, .. } in kept {
            lines.push(compared(place.name(world), &readings[payers.clone()]));
        }
        Self { world, lines, differences }
    }

    /// `alone` says that there is no other world to tell it from.
    fn table(&self, alone: bool) -> Table {
        let header = match (self.world, alone) {
            (World::Customers, true) => ["", "charged (USD)", "input tokens", "output tokens", "customers that differ"],
            (World::Customers, false) => ["customers", "charged (USD)", "tokens in", "tokens out", "differ"],
            (World::Sessions, _) => ["session keys", "charged (USDC)", "tokens in", "tokens out", "differ"],
        };
        let [title, charged, input, output, differ] = header;
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            title,
            "requests",
            charged,
            input,
            output,
            "difference",
            differ,
        ]);
        for line in &self.lines {
            let cells = [
                or_dash(line.requests),
                or_dash(line.charged.map(|sum| sum.normalize())),
                or_dash(line.tokens[0].map(|sum| sum.normalize())),
                or_dash(line.tokens[1].map(|sum| sum.normalize())),
                or_dash(line.difference.map(|sum| sum.normalize())),
                line.payers_that_differ.to_string(),
            ];
            table.add_row(std::iter::once(Cell::new(line.place)).chain(cells.map(right)));
        }
        table
    }

    fn write_differences(&self, f: &mut Formatter<'_>, payers: &[Enrolled]) -> fmt::Result {
        for line in &self.lines {
            let of_place = self.differences.iter().filter(|difference| difference.place == line.place);
            for difference in of_place.take(DIFFERENCES_SHOWN) {
                let payer = payers[difference.payer].name();
                writeln!(f, "  {}, {payer}: {}", line.place, difference.what)?;
            }
            if line.payers_that_differ > DIFFERENCES_SHOWN {
                writeln!(f, "  {}: {} more", line.place, line.payers_that_differ - DIFFERENCES_SHOWN)?;
            }
        }
        Ok(())
    }
}

/// A cell of figures.
pub fn right(text: impl Display) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// The whole report of a run; its text is what `simulate` prints.
#[derive(Debug)]
pub struct Report<'a> {
    plan: &'a Plan,
    payers: &'a [Enrolled],
    target: &'a Target,
    tally: &'a Tally,
    sections: Vec<Section>,
    settling: Option<Settling>,
    /// When the last read model had caught up; `None` when one did not.
    caught_up: Option<Duration>,
}

impl<'a> Report<'a> {
    /// Compares everything. `settling` is what became of the session keys' money, if there are any.
    pub fn new(
        plan: &'a Plan,
        payers: &'a [Enrolled],
        target: &'a Target,
        tally: &'a Tally,
        kept: &[Kept],
        settling: Option<Settling>,
    ) -> Self {
        let worlds = World::ALL.into_iter().filter(|world| !plan.payers_of(*world).is_empty());
        // The log and the accounts are never behind, they are what the read models follow.
        let caught_up: Option<Vec<_>> = kept
            .iter()
            .filter(|kept| !matches!(kept.place, Place::Ledger | Place::Account))
            .map(|kept| kept.caught_up)
            .collect();
        Self {
            plan,
            payers,
            target,
            tally,
            sections: worlds.map(|world| Section::new(plan, tally, kept, world)).collect(),
            settling,
            caught_up: caught_up.and_then(|times| times.into_iter().max()),
        }
    }

    /// Every row was charged, every place says what the trace says, and every claim has arrived.
    pub fn is_clean(&self) -> bool {
        self.tally.failures == 0 && self.difference_count() == 0
    }

    fn difference_count(&self) -> usize {
        let differences = self.sections.iter().map(|section| section.differences.len());
        differences.sum::<usize>() + self.settling.as_ref().map_or(0, Settling::difference_count)
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
        if self.difference_count() > 0 {
            writeln!(f, "{} differences:", self.difference_count())?;
        }
        for section in &self.sections {
            section.write_differences(f, self.payers)?;
        }
        match &self.settling {
            Some(settling) => settling.write_differences(f, &self.payers[self.plan.customers..]),
            None => Ok(()),
        }
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
        if self.target.from_file {
            writeln!(f, "look       . {ENV_FILE}")?;
        }
        let first = |world| self.payers.get(self.plan.payers_of(world).start).filter(|payer| payer.world() == world);
        let statement = first(World::Customers).map(|payer| format!("statements?customer_id={}", payer.id));
        let session = first(World::Sessions).map(|payer| format!("session_keys/{}", payer.name()));
        for path in statement.into_iter().chain(session) {
            writeln!(
                f,
                "           curl -H \"Authorization: Bearer $TOLLBOOK_API_KEY\" '{}/v1/{path}'",
                self.target.url.as_str().trim_end_matches('/'),
            )?;
        }
        Ok(())
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for section in &self.sections {
            writeln!(f, "{}", section.table(self.settling.is_none()))?;
        }
        if let Some(settling) = &self.settling {
            settling.write_table(f)?;
        }
        self.write_findings(f)?;
        writeln!(f)?;
        self.write_speed(f)?;
        if let Some(settling) = &self.settling {
            settling.write_settlements(f)?;
        }
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
    use rust_decimal::Decimal;

    fn section(world: World) -> Section {
        let sum = |text| Some(Decimal::from_str_exact(text).unwrap());
        let line = |place| Line {
            place,
            requests: Some(10_000),
            charged: sum("1234567.123456789012"),
            tokens: [sum("12345678901"), sum("1234567890")],
            difference: sum("0"),
            payers_that_differ: 0,
        };
        let lines = std::iter::once("acknowledged").chain(Place::ALL.map(|place| place.name(world)));
        Section { world, lines: lines.map(line).collect(), differences: Vec::new() }
    }

    #[test]
    fn tables_of_both_worlds_fit_on_a_hundred_columns() {
        for world in World::ALL {
            let text = section(world).table(false).to_string();
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= 100, "{widest}\n{text}");
            assert!(text.contains("1234567.123456789012"), "{text}");
        }
    }

    #[test]
    fn customers_alone_are_told_in_full() {
        let text = section(World::Customers).table(true).to_string();
        let header = text.lines().nth(1).unwrap();
        for column in ["charged (USD)", "input tokens", "output tokens", "customers that differ"] {
            assert!(header.contains(column), "{header}");
        }
    }
}
