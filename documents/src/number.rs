//! Amounts, quantities and dates as people read them.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use crate::{DocumentError, Language};

/// The most decimals a currency may have.
const DECIMALS_MAX: u32 = 28;

/// An amount with exactly `decimals` decimals, as a program reads it: `-1234.50`. Never rounds.
pub(crate) fn plain(amount: Decimal, decimals: u32) -> Result<String, DocumentError> {
    if decimals > DECIMALS_MAX {
        return Err(DocumentError::Decimals(decimals));
    }
    let amount = amount.normalize();
    if amount.scale() > decimals {
        return Err(DocumentError::Precision { amount, decimals });
    }
    Ok(padded(amount, decimals as usize))
}

/// An amount with exactly `decimals` decimals, as people read it: `−1,234.50`. Never rounds.
pub(crate) fn amount(amount: Decimal, decimals: u32) -> Result<String, DocumentError> {
    plain(amount, decimals).map(|plain| grouped(&plain))
}

/// A quantity with the decimals it has.
pub(crate) fn quantity(quantity: Decimal) -> String {
    grouped(&padded(quantity.normalize(), 0))
}

/// A unit price with the decimals it has, at least those of the currency.
pub(crate) fn unit_price(price: Decimal, decimals: u32) -> String {
    grouped(&padded(price.normalize(), decimals.min(DECIMALS_MAX) as usize))
}

/// A percentage with the decimals it has: `20 %`, with a space that does not break.
pub(crate) fn percent(percent: Decimal) -> String {
    format!("{}\u{a0}%", quantity(percent))
}

/// A day in full: `15 January 2025`.
pub(crate) fn date(date: NaiveDate, language: Language) -> String {
    match language {
        Language::En => date.format("%-d %B %Y").to_string(),
        Language::Zh => format!("{}年{}月{}日", date.year(), date.month(), date.day()),
    }
}

/// The first and the last day of a period, short: `1 Jan 2025 – 31 Jan 2025`.
pub(crate) fn period((first, last): (NaiveDate, NaiveDate), language: Language) -> String {
    let short = |day: NaiveDate| match language {
        Language::En => day.format("%-d %b %Y").to_string(),
        Language::Zh => date(day, language),
    };
    if first == last { short(first) } else { format!("{} – {}", short(first), short(last)) }
}

/// With at least so many decimals. Works on the digits, so that no size is too big.
fn padded(number: Decimal, decimals: usize) -> String {
    let digits = number.to_string();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    if decimals == 0 && fraction.is_empty() {
        return whole.to_owned();
    }
    format!("{whole}.{fraction:0<decimals$}")
}

/// With commas between the thousands and a real minus sign.
fn grouped(plain: &str) -> String {
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("−", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_have_the_decimals_of_the_currency() {
        assert_eq!(amount(decimal("1234.5"), 2).unwrap(), "1,234.50");
        assert_eq!(amount(decimal("-1234567.00"), 0).unwrap(), "−1,234,567");
        assert_eq!(amount(decimal("-0.00"), 2).unwrap(), "0.00");
        assert_eq!(amount(decimal("999"), 3).unwrap(), "999.000");
        assert_eq!(plain(decimal("-1234.5"), 2).unwrap(), "-1234.50");
        let most = amount(Decimal::MAX, 4).unwrap();
        assert_eq!(most, "79,228,162,514,264,337,593,543,950,335.0000");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(amount(decimal("0.005"), 2), Err(DocumentError::Precision { decimals: 2, .. })));
        assert!(matches!(amount(decimal("1"), u32::MAX), Err(DocumentError::Decimals(_))));
    }

    #[test]
    fn quantities_and_prices_keep_their_decimals() {
        assert_eq!(quantity(decimal("12500.000")), "12,500");
        assert_eq!(quantity(decimal("0.000001234567")), "0.000001234567");
        assert_eq!(unit_price(decimal("10"), 2), "10.00");
        assert_eq!(unit_price(decimal("0.0025"), 2), "0.0025");
        assert_eq!(percent(decimal("7.70")), "7.7\u{a0}%");
    }

    #[test]
    fn dates_are_written_out() {
        let first = NaiveDate::from_ymd_opt(2025, 1, 5).unwrap();
        let last = NaiveDate::from_ymd_opt(2025, 1, 31).unwrap();
        assert_eq!(date(first, Language::En), "5 January 2025");
        assert_eq!(date(first, Language::Zh), "2025年1月5日");
        assert_eq!(period((first, last), Language::En), "5 Jan 2025 – 31 Jan 2025");
        assert_eq!(period((first, first), Language::Zh), "2025年1月5日");
    }
}
