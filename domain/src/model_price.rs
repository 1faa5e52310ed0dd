//! What language models cost: an organization's price list by model, per token.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::meter::MeterCode;
use crate::money::{Amount, INPUT_MAX, MoneyError};

/// How many models one organization may have prices of.
pub const MODELS_MAX: usize = 2_000;
/// How many prices one command may set.
pub const PRICES_MAX: usize = 500;
/// The longest name of a model.
pub const MODEL_CHARS_MAX: usize = 128;
/// A name in a request that is longer than this is nobody's.
const ASKED_CHARS_MAX: usize = 256;
/// Of the code; with the longest part behind it, `.cached_input`, it is a meter's code.
const CODE_CHARS_MAX: usize = 50;
/// How many tokens people give prices for.
const MILLION_SCALE: u32 = 6;

/// The name of a model: 1 to 128 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ModelName(String);

/// The text is not a model's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a model's name has 1 to {MODEL_CHARS_MAX} visible ASCII characters")]
pub struct InvalidModelName;

impl ModelName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What meters of this model begin with: in lower case, `-` for whatever no meter's code can have.
    pub fn code(&self) -> MeterCode {
        let kept = self.0.chars().take(CODE_CHARS_MAX).map(|c| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_' | '.' | '-') => c,
            _ => '-',
        });
        MeterCode::made(kept.collect())
    }
}

impl FromStr for ModelName {
    type Err = InvalidModelName;
    fn from_str(text: &str) -> Result<Self, InvalidModelName> {
        let fits = (1..=MODEL_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidModelName) }
    }
}

impl<'de> Deserialize<'de> for ModelName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Borrow<str> for ModelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a token of each kind costs. The currency is that of whoever pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPrices {
    /// A token that is read.
    pub input: Amount,
    /// One that is read and was remembered.
    pub cached_input: Amount,
    /// One that is written.
    pub output: Amount,
}

/// The price of a model, per token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPrice {
    /// The model, as its upstream calls it.
    pub model: ModelName,
    /// What its meters begin with: `<code>.input`, `<code>.cached_input`, `<code>.output`.
    pub code: MeterCode,
    /// A token that is read.
    pub input: Amount,
    /// One that is read and was remembered.
    pub cached_input: Amount,
    /// One that is written.
    pub output: Amount,
    /// The version of the price list with which this price came.
    pub version: u32,
}

impl ModelPrice {
    /// A price in this version of the price list.
    pub fn new(model: ModelName, prices: TokenPrices, version: u32) -> Self {
        let TokenPrices { input, cached_input, output } = prices;
        Self { code: model.code(), model, input, cached_input, output, version }
    }

    /// The meters of input, cached input and output.
    pub fn meters(&self) -> [MeterCode; 3] {
        ["input", "cached_input", "output"].map(|part| MeterCode::made(format!("{}.{part}", self.code)))
    }

    /// The price without its name.
    pub const fn prices(&self) -> TokenPrices {
        TokenPrices { input: self.input, cached_input: self.cached_input, output: self.output }
    }
}

/// What one token costs, from what a million do. Exact: a price with more than 12 decimals is refused.
pub fn per_token(per_million: Amount) -> Result<Amount, MoneyError> {
    let price = per_million.decimal();
    Decimal::try_from_i128_with_scale(price.mantissa(), price.scale() + MILLION_SCALE)
        .map_err(|_| MoneyError::TooLarge)
        .and_then(Amount::new)
        .and_then(checked)
}

/// The price of a token, when it is one that [`per_token`] could give: at most a million.
pub fn checked(price: Amount) -> Result<Amount, MoneyError> {
    let most = Decimal::new(INPUT_MAX, MILLION_SCALE);
    if price.decimal() > most { Err(MoneyError::TooLarge) } else { Ok(price) }
}

/// What a million tokens cost, from what one does.
pub fn per_million(price: Amount) -> Amount {
    let million = Decimal::from(10u64.pow(MILLION_SCALE));
    // Prices are checked when they are set, so that the product fits.
    price.decimal().checked_mul(million).and_then(|price| Amount::new(price).ok()).unwrap_or_default()
}

/// A price and since when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedModel {
    /// The price.
    #[serde(flatten)]
    pub price: ModelPrice,
    /// Since when.
    pub updated_at: Timestamp,
}

/// The price list, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelPrices(BTreeMap<ModelName, PricedModel>);

impl ModelPrices {
    /// The price of a model that somebody asks for. What has no price of its own is taken for a snapshot of the
    /// longest listed name that it begins with, followed by `-`, `@` or `:`: `gpt-4o-mini-2024-07-18` costs what
    /// `gpt-4o-mini` does.
    pub fn find(&self, asked: &str) -> Option<&ModelPrice> {
        if asked.len() > ASKED_CHARS_MAX {
            return None;
        }
        let ends = asked.bytes().enumerate().rev().filter(|(_, b)| matches!(b, b'-' | b'@' | b':')).map(|(end, _)| end);
        std::iter::once(asked.len())
            .chain(ends)
            .find_map(|end| self.0.get(asked.get(..end)?))
            .map(|priced| &priced.price)
    }

    /// The price of exactly this name.
    pub fn get(&self, model: &ModelName) -> Option<&PricedModel> {
        self.0.get(model)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &PricedModel> {
        self.0.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in a price.
    pub fn set(&mut self, price: ModelPrice, updated_at: Timestamp) {
        self.0.insert(price.model.clone(), PricedModel { price, updated_at });
    }

    /// Takes one off the list.
    pub fn remove(&mut self, model: &ModelName) {
        self.0.remove(model);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn list(names: &[&str]) -> ModelPrices {
        let mut list = ModelPrices::default();
        for name in names {
            let prices = TokenPrices { input: amount("1"), cached_input: amount("1"), output: amount("1") };
            list.set(ModelPrice::new(name.parse().unwrap(), prices, 1), Timestamp::UNIX_EPOCH);
        }
        list
    }

    #[test]
    fn a_snapshot_costs_what_its_model_does() {
        let list = list(&["gpt-4o", "gpt-4o-mini", "claude", "o1", "llama3"]);
        for (asked, found) in [
            ("gpt-4o", Some("gpt-4o")),
            ("gpt-4o-2024-08-06", Some("gpt-4o")),
            ("gpt-4o-mini", Some("gpt-4o-mini")),
            ("gpt-4o-mini-2024-07-18", Some("gpt-4o-mini")),
            ("gpt-4o-miniature", Some("gpt-4o")),
            ("claude@20240620", Some("claude")),
            ("llama3:8b", Some("llama3")),
            ("llama3.1:8b", None),
            ("gpt-4", None),
            ("gpt-4omini", None),
            ("GPT-4o", None),
            ("o1-", Some("o1")),
            ("-", None),
            ("", None),
            ("o", None),
            ("ü-o1", None),
        ] {
            assert_eq!(list.find(asked).map(|price| price.model.as_str()), found, "{asked}");
        }
        assert_eq!(list.find(&format!("o1-{}", "-".repeat(ASKED_CHARS_MAX))), None);
    }

    #[test]
    fn codes_are_codes_of_meters() {
        for (name, code) in
            [("gpt-4o-mini", "gpt-4o-mini"), ("Meta/Llama-3.1_8B:free", "meta-llama-3.1_8b-free"), ("!", "-")]
        {
            let name: ModelName = name.parse().unwrap();
            assert_eq!(name.code().as_str(), code);
        }
        let long: ModelName = "X".repeat(MODEL_CHARS_MAX).parse().unwrap();
        assert!(format!("{}.cached_input", long.code()).parse::<MeterCode>().is_ok());
        for bad in ["", "a b", "ü", "a\n", &"x".repeat(MODEL_CHARS_MAX + 1)] {
            assert_eq!(bad.parse::<ModelName>(), Err(InvalidModelName), "{bad}");
        }
    }

    #[test]
    fn a_million_tokens_and_one() {
        for (million, one) in
            [("0.15", "0.00000015"), ("0.075", "0.000000075"), ("0.000001", "0.000000000001"), ("0", "0")]
        {
            assert_eq!(per_token(amount(million)), Ok(amount(one)));
            assert_eq!(per_million(amount(one)), amount(million));
        }
        assert_eq!(per_token(amount("0.0000001")), Err(MoneyError::TooPrecise { max: 12 }));
        assert_eq!(per_token(amount("1000000000000")), Ok(amount("1000000")));
        assert_eq!(checked(amount("1000000.1")), Err(MoneyError::TooLarge));
    }

    proptest! {
        #[test]
        fn what_is_found_is_a_prefix_and_no_longer_one_is_listed(
            names in prop::collection::btree_set("[ab](-[ab]){0,3}", 0..8),
            asked in "[ab]([-:][ab]){0,4}",
        ) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let is_snapshot = |name: &str| {
                asked.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '@', ':']))
            };
            let expected = names.iter().copied().filter(|name| is_snapshot(name)).max_by_key(|name| name.len());
            let list = list(&names);
            prop_assert_eq!(list.find(&asked).map(|price| price.model.as_str()), expected);
        }

        #[test]
        fn prices_come_back(mantissa in 0i64..INPUT_MAX, scale in 0u32..=6) {
            let price = Amount::new(Decimal::new(mantissa, scale)).unwrap();
            prop_assert_eq!(per_million(per_token(price).unwrap()), price);
        }

        #[test]
        fn any_text_is_a_name_or_none(text in ".{0,140}") {
            if let Ok(name) = text.parse::<ModelName>() {
                let meter = format!("{}.cached_input", name.code());
                prop_assert!(meter.parse::<MeterCode>().is_ok());
            }
        }
    }
}
