//! What was found, beside what has to be.

use std::fmt::{self, Display, Formatter};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, Table};
use rust_decimal::Decimal;

use super::expected::money;
use crate::simulate::report::right;

/// A figure.
#[derive(Debug)]
struct Figure {
    what: String,
    expected: Decimal,
    found: Decimal,
    is_money: bool,
}

/// Figures that were compared.
#[derive(Debug, Default)]
pub struct Report(Vec<Figure>);

impl Report {
    /// Compares an amount.
    pub fn money(&mut self, what: impl Into<String>, expected: Decimal, found: Decimal) {
        self.0.push(Figure { what: what.into(), expected, found, is_money: true });
    }

    /// Compares how much there is of something, or how many.
    pub fn number(&mut self, what: impl Into<String>, expected: impl Into<Decimal>, found: impl Into<Decimal>) {
        let (expected, found) = (expected.into(), found.into());
        self.0.push(Figure { what: what.into(), expected, found, is_money: false });
    }

    /// How many differ.
    pub fn differences(&self) -> usize {
        self.0.iter().filter(|figure| figure.expected != figure.found).count()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["figure", "expected", "found", "difference"]);
        for Figure { what, expected, found, is_money } in &self.0 {
            let shown = |figure: Decimal| if *is_money { money(figure) } else { figure.normalize().to_string() };
            let figures = [shown(*expected), shown(*found), (*found - *expected).normalize().to_string()];
            table.add_row(std::iter::once(Cell::new(what)).chain(figures.map(right)));
        }
        writeln!(f, "{table}")?;
        match self.differences() {
            0 => write!(f, "nothing differs"),
            1 => write!(f, "1 figure differs"),
            differences => write!(f, "{differences} figures differ"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_counted_and_shown() {
        let mut report = Report::default();
        report.money("fee", Decimal::from(299), Decimal::new(29_900, 2));
        report.number("calls", 52_500_u64, 52_500_u64);
        assert_eq!((report.differences(), report.to_string().ends_with("nothing differs")), (0, true));
        report.money("tax", Decimal::new(6_480, 2), Decimal::new(6_479, 2));
        let text = report.to_string();
        assert!(text.ends_with("1 figure differs") && text.contains("-0.01"), "{text}");
        assert!(text.contains("299.00") && !text.contains("52500.00"), "{text}");
    }
}
