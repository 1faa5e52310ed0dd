//! Reads the form of LiteLLM's price file: `{"<model>": {"input_cost_per_token": 1.5e-07, …}}`. Its prices are JSON
//! numbers, in which an exact decimal is written; they are taken from the text and are never floats here.

use std::fmt;

use domain::model_price::checked;
use domain::money::{Amount, MoneyError};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Given, name};
use crate::problem::Problem;

/// The longest number, and the largest exponent either way: far beyond every price.
const NUMBER_CHARS_MAX: usize = 40;
const EXPONENT_MAX: usize = 40;

/// The file, in its order. A name may stand there twice: who reads it says so.
pub(super) struct File(Vec<(String, Model)>);

/// What is read of a model.
#[derive(Deserialize)]
struct Model {
    input_cost_per_token: Option<Box<RawValue>>,
    output_cost_per_token: Option<Box<RawValue>>,
    cache_read_input_token_cost: Option<Box<RawValue>>,
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Models;
        impl<'de> Visitor<'de> for Models {
            type Value = File;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a member for each model")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<File, A::Error> {
                let mut models = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    models.push(entry);
                }
                Ok(File(models))
            }
        }
        deserializer.deserialize_map(Models)
    }
}

/// The prices of a file. Models that are not sold by the token are skipped.
pub(super) fn read(file: File) -> Result<Given, Problem> {
    let mut given = Given { prices: Vec::new(), skipped: Vec::new() };
    for (text, model) in file.0 {
        let price = |field: &str, raw: Option<&RawValue>| {
            let param = format!("{text}.{field}");
            let refuse = |error: MoneyError| Problem::bad_request("invalid_amount", &param, format!("{param} {error}"));
            raw.map(|raw| exact(raw.get()).and_then(checked).map_err(refuse)).transpose()
        };
        let input = price("input_cost_per_token", model.input_cost_per_token.as_deref())?;
        let output = price("output_cost_per_token", model.output_cost_per_token.as_deref())?;
        let cached = price("cache_read_input_token_cost", model.cache_read_input_token_cost.as_deref())?;
        if input.is_none() && output.is_none() {
            given.skipped.push(text);
            continue;
        }
        let input = input.unwrap_or_default();
        given.prices.push((name(&text, &text)?, [input, cached.unwrap_or(input), output.unwrap_or_default()]));
    }
    Ok(given)
}

/// The decimal that a JSON number says, exponent and all.
fn exact(number: &str) -> Result<Amount, MoneyError> {
    if number.len() > NUMBER_CHARS_MAX {
        return Err(MoneyError::Malformed);
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (digits, is_negative) = exponent.strip_prefix('-').map_or((exponent, false), |digits| (digits, true));
    let digits = digits.strip_prefix('+').filter(|_| !is_negative).unwrap_or(digits);
    let places = Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let places = places.and_then(|digits| digits.parse::<usize>().ok()).filter(|places| *places <= EXPONENT_MAX);
    let places = places.ok_or(MoneyError::Malformed)?;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // The point moves over digits and, beyond them, over zeros.
    let zeros = "0".repeat(places);
    let text = if is_negative {
        let padded = format!("{zeros}{whole}");
        let (before, after) = padded.split_at_checked(whole.len()).ok_or(MoneyError::Malformed)?;
        format!("{sign}{before:0>1}.{after}{fraction}")
    } else {
        let padded = format!("{fraction}{zeros}");
        let (before, after) = padded.split_at_checked(places).ok_or(MoneyError::Malformed)?;
        format!("{sign}{whole}{before}.{after}")
    };
    // A number without a fraction has no point.
    Amount::from_input(text.strip_suffix('.').unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (number, expected) in [
            ("1.5e-07", "0.00000015"),
            ("1.5E-07", "0.00000015"),
            ("6e-07", "0.0000006"),
            ("0.0", "0"),
            ("0", "0"),
            ("-0.0", "0"),
            ("0.000003", "0.000003"),
            ("12", "12"),
            ("1e0", "1"),
            ("1.25e+1", "12.5"),
            ("1.25e3", "1250"),
            ("125e-1", "12.5"),
            ("1e-12", "0.000000000001"),
            ("100000e-17", "0.000000000001"),
        ] {
            assert_eq!(exact(number).map(|amount| amount.to_string()), Ok(expected.to_owned()), "{number}");
        }
        for (number, why) in [
            ("1e-13", MoneyError::TooPrecise { max: 12 }),
            ("-1e-6", MoneyError::Negative),
            ("1e13", MoneyError::TooLarge),
            ("1e41", MoneyError::Malformed),
            ("1e-99999999999999", MoneyError::Malformed),
            ("1e+-1", MoneyError::Malformed),
            ("1e-+1", MoneyError::Malformed),
            ("null", MoneyError::Malformed),
            ("\"1\"", MoneyError::Malformed),
            ("", MoneyError::Malformed),
            ("é", MoneyError::Malformed),
            ("{}", MoneyError::Malformed),
        ] {
            assert_eq!(exact(number), Err(why), "{number}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "[-+0-9.eE]{0,20}|.{0,20}") {
            let _ = exact(&text);
        }

        #[test]
        fn the_point_stands_where_the_exponent_says(mantissa in 0u64..1_000_000, places in 0u32..=12) {
            let amount = Amount::from_atomic(u128::from(mantissa), places).unwrap();
            prop_assert_eq!(exact(&format!("{mantissa}e-{places}")), Ok(amount));
            prop_assert_eq!(exact(&amount.to_string()), Ok(amount));
        }
    }
}
