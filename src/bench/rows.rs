//! The bars: what Tollbook must reach at least, and what it aims at, on two cores.

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Single charges over all payers.
    Spread,
    /// Their 99th percentile.
    SpreadP99,
    /// Single charges to one account.
    HotAccount,
    /// Single charges to one session key.
    HotSession,
    /// Charges in batches.
    Batch,
    /// Holds with their captures.
    Holds,
    /// Single charges against transactions of pgbench.
    ToPgbench,
    /// Single charges against events of the peer.
    ToPeer,
    /// From a charge's answer to a read model.
    Visible,
    /// Rebuilding the slowest read model.
    Rebuild,
    /// The 99th percentile at a fixed rate.
    SteadyP99,
    /// What the gateway adds to the 99th percentile of an upstream, paid with a bearer key.
    GatewayBearer,
    /// The same, paid with a voucher.
    GatewayVoucher,
}

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A second; more is better.
    PerSecond,
    /// So many times as much; more is better.
    Times,
    /// Milliseconds; less is better.
    Millis,
}

impl Unit {
    /// A figure with its unit.
    pub fn spell(self, figure: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", thousands(figure)),
            Self::Times => format!("{figure:.1}×"),
            Self::Millis => format!("{figure:.1} ms"),
        }
    }

    /// How a figure stands to a bar: 1 when it is just reached, more when it is better.
    pub fn ratio(self, figure: f64, bar: f64) -> f64 {
        match self {
            Self::PerSecond | Self::Times => figure / bar,
            Self::Millis => bar / figure,
        }
    }
}

/// A whole number with commas between its thousands.
pub fn thousands(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Row {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 13] = [
        Self::Spread,
        Self::SpreadP99,
        Self::HotAccount,
        Self::HotSession,
        Self::Batch,
        Self::Holds,
        Self::ToPgbench,
        Self::ToPeer,
        Self::Visible,
        Self::Rebuild,
        Self::SteadyP99,
        Self::GatewayBearer,
        Self::GatewayVoucher,
    ];

    /// What it is about.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Spread => "single charges over HTTP, durable, over all payers, 256 connections",
            Self::SpreadP99 => "their 99th percentile",
            Self::HotAccount => "the same on one hot account",
            Self::HotSession => "the same on one hot session key",
            Self::Batch => "charges in batches of 100 over HTTP",
            Self::Holds => "hold + capture pairs",
            Self::ToPgbench => "ratio to `pgbench` TPC-B on the same server in the same run",
            Self::ToPeer => "ratio to one transaction per event (cqrs-es) on the same server",
            Self::Visible => "charge answered → visible in read models, p99 under that load",
            Self::Rebuild => "rebuild of a read model from the log, the slowest",
            Self::SteadyP99 => "1,000 payers over 1,000 connections, p99 of one charge at 2,000/s",
            Self::GatewayBearer => "added by the gateway to a call of an upstream, p99, 256 connections, bearer key",
            Self::GatewayVoucher => "the same with a voucher",
        }
    }

    /// What its figure is.
    pub const fn unit(self) -> Unit {
        match self {
            Self::SpreadP99 | Self::Visible | Self::SteadyP99 | Self::GatewayBearer | Self::GatewayVoucher => {
                Unit::Millis
            }
            Self::ToPgbench | Self::ToPeer => Unit::Times,
            _ => Unit::PerSecond,
        }
    }

    /// What must be reached.
    pub const fn bar(self) -> f64 {
        match self {
            Self::Spread | Self::HotAccount | Self::HotSession => 10_000.0,
            Self::SpreadP99 => 50.0,
            Self::Batch => 40_000.0,
            Self::Holds => 5_000.0,
            Self::ToPgbench => 4.0,
            Self::ToPeer => 5.0,
            Self::Visible => 250.0,
            Self::Rebuild => 50_000.0,
            Self::SteadyP99 => 20.0,
            Self::GatewayBearer => 5.0,
            Self::GatewayVoucher => 10.0,
        }
    }

    /// What is aimed at, in words.
    pub fn aimed(self) -> String {
        match (self, self.aim()) {
            (_, Some(aim)) => self.unit().spell(aim),
            (Self::HotAccount | Self::HotSession, None) => "as on all payers".to_owned(),
            (_, None) => "–".to_owned(),
        }
    }

    /// What is aimed at; `None` for as much as on all payers, and where the bar is all.
    pub const fn aim(self) -> Option<f64> {
        Some(match self {
            Self::HotAccount | Self::HotSession | Self::GatewayBearer | Self::GatewayVoucher => return None,
            Self::Spread => 20_000.0,
            Self::SpreadP99 => 25.0,
            Self::Batch => 60_000.0,
            Self::Holds => 10_000.0,
            Self::ToPgbench => 8.0,
            Self::ToPeer | Self::SteadyP99 => 10.0,
            Self::Visible => 100.0,
            Self::Rebuild => 200_000.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_spelled_with_their_units() {
        assert_eq!(thousands(7.4), "7");
        assert_eq!(thousands(123_456.6), "123,457");
        assert_eq!(thousands(1_000_000.0), "1,000,000");
        assert_eq!(Unit::PerSecond.spell(12_345.4), "12,345/s");
        assert_eq!(Unit::Times.spell(4.26), "4.3×");
        assert_eq!(Unit::Millis.spell(23.04), "23.0 ms");
    }

    #[test]
    fn a_ratio_above_one_is_better_whatever_the_unit() {
        assert!((Unit::PerSecond.ratio(20_000.0, 10_000.0) - 2.0).abs() < 1e-9);
        assert!((Unit::Millis.ratio(25.0, 50.0) - 2.0).abs() < 1e-9);
        for row in Row::ALL {
            assert!(row.aim().is_none_or(|aim| row.unit().ratio(aim, row.bar()) > 1.0), "{row:?}");
        }
    }
}
