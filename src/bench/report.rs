//! The report: the bars and what was measured, then each load, then on what. Markdown that people can
//! also read as it is.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};

use super::args::BenchArgs;
use super::rows::{Row, Unit, thousands};
use super::scenario::Outcome;
use super::tally::millis_at;

/// What a person writes between these is kept when the report is written anew.
const NOTES_OPEN: &str = "<!-- notes -->";
const NOTES_CLOSE: &str = "<!-- /notes -->";
const NO_NOTES: &str = "\nNothing has been noted yet.\n";

/// Everything that was found.
pub struct Report<'a> {
    args: &'a BenchArgs,
    /// When the run began.
    begun: String,
    machine: Vec<(String, String)>,
    outcomes: Vec<Outcome>,
}

impl<'a> Report<'a> {
    /// Of a run that begins now, on this machine.
    pub const fn new(args: &'a BenchArgs, begun: String, machine: Vec<(String, String)>) -> Self {
        Self { args, begun, machine, outcomes: Vec::new() }
    }

    /// Takes in what came of a scenario.
    pub fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Whether nothing differed.
    pub fn is_clean(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.differences.is_empty())
    }

    /// The whole report, with the notes of the one before.
    pub fn render(&self, before: Option<&str>) -> String {
        let notes = before.and_then(notes).unwrap_or(NO_NOTES);
        let mut parts = vec![
            format!(
                "<!-- Made by `{}`, which `./dev bench` runs. Made anew each time, but for the notes. -->",
                self.args.command()
            ),
            "# Performance".to_owned(),
            format!(
                "Load generator, Postgres, NATS, the chain and all roles of Tollbook on one machine; {}, {} s a load \
                 after 2 s that do not count; {} customers with credits and {} managed session keys pay. A ratio to \
                 the bar of 1 or more reaches it.",
                self.begun, self.args.seconds, self.args.customers, self.args.sessions
            ),
            self.bars(),
            "## The books".to_owned(),
            self.books(),
            "## Each load".to_owned(),
            self.loads(),
            EXPLAINED.to_owned(),
        ];
        parts.extend(self.outcomes.iter().map(details));
        parts.push("## The machine".to_owned());
        parts.push(table(["", ""], self.machine.iter().map(|(what, value)| [what.clone(), value.clone()])));
        parts.push("## What the profile blames".to_owned());
        parts.push(format!("{NOTES_OPEN}{notes}{NOTES_CLOSE}"));
        parts.join("\n\n") + "\n"
    }

    /// What is known of each row.
    fn figures(&self) -> BTreeMap<Row, f64> {
        let mut figures: BTreeMap<Row, f64> =
            self.outcomes.iter().flat_map(|outcome| outcome.rows.iter().copied()).collect();
        if let Some(spread) = figures.get(&Row::Spread).copied() {
            figures.extend(self.args.pgbench_tps.map(|rate| (Row::ToPgbench, spread / rate)));
            figures.extend(self.args.peer_rate.map(|rate| (Row::ToPeer, spread / rate)));
        }
        figures
    }

    fn bars(&self) -> String {
        let figures = self.figures();
        let lines = Row::ALL.into_iter().map(|row| {
            let (unit, bar) = (row.unit(), row.bar());
            let at_least = match unit {
                Unit::Millis => format!("< {}", unit.spell(bar)),
                _ => unit.spell(bar),
            };
            let figure = figures.get(&row);
            let measured = figure.map_or_else(|| "not measured".to_owned(), |figure| unit.spell(*figure));
            let ratio = figure.map_or_else(|| "–".to_owned(), |figure| format!("{:.2}", unit.ratio(*figure, bar)));
            [row.what().to_owned(), measured, at_least, row.aimed(), ratio]
        });
        let mut text = table(["what", "measured", "bar", "aim", "ratio to bar"], lines);
        for (what, rate) in [("pgbench TPC-B", self.args.pgbench_tps), ("the cqrs-es peer", self.args.peer_rate)] {
            if let Some(rate) = rate {
                text += &format!(
                    "\n\nJust before, alone on the same Postgres, {what} came to {}.",
                    Unit::PerSecond.spell(rate)
                );
            }
        }
        text
    }

    fn books(&self) -> String {
        let loads = self.outcomes.iter().filter_map(|outcome| outcome.load.as_ref());
        let (count, acknowledged, asked_again) = loads.fold((0, 0, 0), |(count, sum, again), (_, checked)| {
            (count + 1, sum + checked.acknowledged, again + checked.asked_again)
        });
        let mut lines: Vec<String> = self
            .outcomes
            .iter()
            .flat_map(|outcome| outcome.differences.iter().map(move |what| format!("- **{}**: {what}", outcome.name)))
            .collect();
        if lines.is_empty() {
            lines.push(format!(
                "After each of {count} loads the log had exactly the charges that were acknowledged, payer by payer \
                 ({} in all; {asked_again} requests without an answer were sent again to know), the journal summed \
                 to zero, and nobody was beyond a limit.",
                thousands(acknowledged as f64)
            ));
        } else {
            lines.insert(0, "**Something does not agree:**\n".to_owned());
        }
        lines.join("\n")
    }

    fn loads(&self) -> String {
        let header = [
            "load",
            "connections",
            "accepted/s",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "p99.9 ms",
            "max ms",
            "refused",
            "not sent",
            "events/append",
            "ms/append",
            "into the log/s",
            "into read models/s",
            "catch-up s",
        ];
        let lines = self.outcomes.iter().filter_map(|outcome| {
            let (load, checked) = outcome.load.as_ref()?;
            let (tally, shape) = (&load.tally, &load.shape);
            let at = |quantile| format!("{:.1}", millis_at(&tally.from_due, quantile));
            let dash = || "–".to_owned();
            Some([
                outcome.name.to_owned(),
                shape.connections.to_string(),
                thousands(load.rate()),
                at(0.5),
                at(0.9),
                at(0.99),
                at(0.999),
                format!("{:.1}", tally.from_due.max() as f64 / 1_000.0),
                tally.refused.to_string(),
                tally.unsent.to_string(),
                checked.append.map_or_else(dash, |(events, _)| format!("{events:.1}")),
                checked.append.map_or_else(dash, |(_, millis)| format!("{millis:.2}")),
                thousands(checked.accept_rate),
                thousands(checked.drain_rate),
                format!("{:.2}", checked.catch_up.as_secs_f64()),
            ])
        });
        table(header, lines)
    }
}

const EXPLAINED: &str = "Latencies are from when a request was due (in a closed loop: sent) to when its answer had \
    been read. Into the log and into the read models are events of all kinds, over the whole load with its warm-up, \
    the latter until the slowest read model had everything; catch-up is what that took after the last answer.";

fn details(outcome: &Outcome) -> String {
    let mut text = format!("**{}**: {}.", outcome.name, outcome.what);
    for note in &outcome.notes {
        text += "\n\n";
        text += note;
    }
    text
}

/// One line that says how a scenario went, for who waits for the next.
pub fn brief(outcome: &Outcome) -> String {
    let name = outcome.name;
    let wrong = if outcome.differences.is_empty() { "" } else { ", SOMETHING DOES NOT AGREE" };
    match &outcome.load {
        Some((load, _)) => {
            let (rate, p99) = (thousands(load.rate()), millis_at(&load.tally.from_due, 0.99));
            format!("{name}: {rate}/s, p99 {p99:.1} ms{wrong}")
        }
        None => format!("{name}: {}{wrong}", outcome.what),
    }
}

/// A table in markdown, its columns even.
pub fn table<const N: usize>(header: [&str; N], lines: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for line in lines {
        table.add_row(line);
    }
    table.trim_fmt()
}

/// What stands between the marks.
fn notes(text: &str) -> Option<&str> {
    let (_, after) = text.split_once(NOTES_OPEN)?;
    after.split_once(NOTES_CLOSE).map(|(notes, _)| notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn args() -> BenchArgs {
        let given = ["bench", "--database-url=postgres://secret", "--pgbench-tps=2500"];
        Cli::try_parse_from(given).unwrap().args
    }

    fn report(args: &BenchArgs) -> Report<'_> {
        Report::new(args, "2026-11-21".to_owned(), vec![("cores".to_owned(), "2".to_owned())])
    }

    #[test]
    fn a_row_shows_what_was_measured_beside_its_bars() {
        let args = args();
        let mut report = report(&args);
        let mut outcome = Outcome::bare("spread", "single charges");
        outcome.rows.extend([(Row::Spread, 12_500.0), (Row::SpreadP99, 40.0)]);
        report.add(outcome);
        let text = report.render(None);
        let cells = |begin: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.contains(begin)).unwrap();
            line.trim_matches('|').split('|').skip(1).map(|cell| cell.trim().to_owned()).collect()
        };
        assert_eq!(cells("single charges over HTTP"), ["12,500/s", "10,000/s", "20,000/s", "1.25"]);
        assert_eq!(cells("their 99th percentile"), ["40.0 ms", "< 50.0 ms", "25.0 ms", "1.25"]);
        assert_eq!(cells("TPC-B on the same"), ["5.0×", "4.0×", "8.0×", "1.25"]);
        assert_eq!(cells("cqrs-es) on the same"), ["not measured", "5.0×", "10.0×", "–"]);
        assert_eq!(cells("one hot account"), ["not measured", "10,000/s", "as on all payers", "–"]);
        assert_eq!(cells("added by the gateway"), ["not measured", "< 5.0 ms", "–", "–"]);
        assert!(text.starts_with("<!-- Made by `tollbook bench --seconds 10 "), "{text}");
        assert!(text.contains("| cores | 2 |") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn what_differs_is_told() {
        let args = args();
        let mut report = report(&args);
        assert!(report.is_clean());
        let mut outcome = Outcome::bare("holds", "holds");
        outcome.differences.push("one is missing".to_owned());
        assert_eq!(brief(&outcome), "holds: holds, SOMETHING DOES NOT AGREE");
        report.add(outcome);
        assert!(!report.is_clean());
        assert!(report.render(None).contains("- **holds**: one is missing"));
    }

    #[test]
    fn notes_outlive_the_report() {
        let args = args();
        let report = report(&args);
        let first = report.render(None);
        assert_eq!(notes(&first), Some(NO_NOTES));
        let noted = first.replace(NO_NOTES, "\nIt is the locks.\n\nAnd fsync.\n");
        let again = report.render(Some(&noted));
        assert_eq!(again, noted);
        assert_eq!(report.render(Some("# without marks")), first);
    }
}
