//! What a route costs: measures times prices, exact to the last digit.
//!
//! The same rule prices what was measured and the worst that can come of it, so a hold for the worst case always
//! covers the cost of what stays within the limits.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::RouteLimits;
use crate::charge::Usage;
use crate::meter::{Meter, MeterCode};
use crate::model_price::{ModelPrice, ModelPrices};
use crate::money::{Amount, Currency, MoneyError, Quantity, nothing};
use crate::organization::PricedMeter;

/// Decimals of a price for a second: time is measured in thousandths, and an amount has twelve.
pub const SECOND_SCALE_MAX: u32 = 9;

/// The price of a route: the sum of its parts. Without any part it is free.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RoutePrice {
    /// It is sold in each of these, for the same figures.
    pub currencies: Vec<Currency>,
    /// For each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request: Option<Amount>,
    /// For each byte of the request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request_byte: Option<Amount>,
    /// For each byte of the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_response_byte: Option<Amount>,
    /// For each second that the upstream took, to the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<Amount>,
    /// For each token, by the organization's price list of models.
    #[serde(default, skip_serializing_if = "nothing")]
    pub per_model: bool,
    /// Instead of an amount: at the price of a meter of the price list, whose quotas hold then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meters: BTreeMap<Measure, MeterCode>,
}

/// What is measured of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The request itself.
    Request,
    /// A byte of its body.
    RequestByte,
    /// A byte of the answer's body.
    ResponseByte,
    /// A second that the upstream took.
    Second,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Request, Self::RequestByte, Self::ResponseByte, Self::Second];

    /// Its name: as in events and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::RequestByte => "request_byte",
            Self::ResponseByte => "response_byte",
            Self::Second => "second",
        }
    }

    /// The code of the meter that is made for a price of the route's own.
    pub fn own_meter(self) -> MeterCode {
        let code = match self {
            Self::Request => "gateway.requests",
            Self::RequestByte => "gateway.request_bytes",
            Self::ResponseByte => "gateway.response_bytes",
            Self::Second => "gateway.seconds",
        };
        MeterCode::made(code.to_owned())
    }

    /// What one of it is called.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::RequestByte | Self::ResponseByte => "byte",
            Self::Second => "second",
        }
    }
}

/// What was measured of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// Of its body.
    pub request_bytes: u64,
    /// Of the answer's body.
    pub response_bytes: u64,
    /// How long the upstream took, in milliseconds.
    pub millis: u64,
    /// What a language model read and wrote; `None` when no model was asked.
    pub tokens: Option<Tokens>,
}

impl Measured {
    fn quantity(&self, measure: Measure) -> Result<Quantity, MoneyError> {
        let (count, scale) = match measure {
            Measure::Request => (1, 0),
            Measure::RequestByte => (self.request_bytes, 0),
            Measure::ResponseByte => (self.response_bytes, 0),
            Measure::Second => (self.millis, 3),
        };
        quantity(count, scale)
    }
}

/// What a language model read and wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The model, as the caller named it.
    pub model: String,
    /// All that it read.
    pub input: u64,
    /// The part of that which it remembered.
    pub cached_input: u64,
    /// What it wrote.
    pub output: u64,
}

/// Why a price cannot be worked out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The payer has another currency than the route is sold in.
    #[error("this is not sold in {0}")]
    NotSoldIn(Currency),
    /// The price list has no such meter.
    #[error("the price list has no meter {0}")]
    UnknownMeter(MeterCode),
    /// The meter's price is in another currency.
    #[error("meter {meter} is priced in {expected}, not in {given}")]
    CurrencyMismatch {
        /// The meter.
        meter: MeterCode,
        /// Of its price.
        expected: Currency,
        /// The payer's.
        given: Currency,
    },
    /// The price list of models has neither this one nor what it is a snapshot of.
    #[error("the price list has no model {0}")]
    ModelNotPriced(String),
    /// More was remembered than read.
    #[error("more tokens were cached than read")]
    CachedAboveInput,
    /// The exact amount cannot be kept.
    #[error("the amount {0}")]
    OutOfRange(#[from] MoneyError),
}

impl RoutePrice {
    /// Whether it costs nothing, whatever is asked.
    pub fn is_free(&self) -> bool {
        Measure::ALL.into_iter().all(|measure| self.own(measure).is_none()) && !self.per_model && self.meters.is_empty()
    }

    /// The price of a request when that alone is priced: then the cost is known beforehand.
    pub fn fixed(&self) -> Option<Amount> {
        let others = [Measure::RequestByte, Measure::ResponseByte, Measure::Second];
        let is_alone = others.into_iter().all(|measure| self.own(measure).is_none());
        self.per_request.filter(|_| is_alone && !self.per_model && self.meters.is_empty())
    }

    /// The route's own price of a measure.
    pub const fn own(&self, measure: Measure) -> Option<Amount> {
        match measure {
            Measure::Request => self.per_request,
            Measure::RequestByte => self.per_request_byte,
            Measure::ResponseByte => self.per_response_byte,
            Measure::Second => self.per_second,
        }
    }

    /// What this came to for a payer in this currency. Nothing of something, and a price of zero, give no line; so
    /// what is free has none. `version` is the route's.
    pub fn usage(
        &self,
        version: u32,
        measured: &Measured,
        currency: Currency,
        meters: &BTreeMap<MeterCode, PricedMeter>,
        models: &ModelPrices,
    ) -> Result<Vec<Usage>, PriceError> {
        if self.is_free() {
            return Ok(Vec::new());
        }
        if !self.currencies.contains(&currency) {
            return Err(PriceError::NotSoldIn(currency));
        }
        let mut lines = Lines::default();
        for measure in Measure::ALL {
            if let Some(unit_price) = self.own(measure) {
                let (code, unit) = (measure.own_meter(), measure.unit().to_owned());
                lines.add(Meter { code, unit, unit_price, currency, version }, measured.quantity(measure)?)?;
            } else if let Some(code) = self.meters.get(&measure) {
                let priced = meters.get(code).ok_or_else(|| PriceError::UnknownMeter(code.clone()))?;
                let (meter, expected) = (priced.meter.clone(), priced.meter.currency);
                if expected != currency {
                    return Err(PriceError::CurrencyMismatch { meter: code.clone(), expected, given: currency });
                }
                // Else whether an amount can be kept would hang on the milliseconds.
                if measure == Measure::Second && meter.unit_price.decimal().scale() > SECOND_SCALE_MAX {
                    return Err(MoneyError::TooPrecise { max: SECOND_SCALE_MAX }.into());
                }
                lines.add(meter, measured.quantity(measure)?)?;
            }
        }
        if let Some(tokens) = measured.tokens.as_ref().filter(|_| self.per_model) {
            let price = models.find(&tokens.model);
            let price = price.ok_or_else(|| PriceError::ModelNotPriced(tokens.model.clone()))?;
            lines.add_tokens(price, tokens, currency)?;
        }
        Ok(lines.usage)
    }

    /// The most that can come of a request within these limits: for the hold. The size of its body is known, and so
    /// is the most that a model may read and write for it.
    pub fn worst(
        &self,
        version: u32,
        limits: &RouteLimits,
        known: (u64, Option<Tokens>),
        currency: Currency,
        meters: &BTreeMap<MeterCode, PricedMeter>,
        models: &ModelPrices,
    ) -> Result<Vec<Usage>, PriceError> {
        let (request_bytes, tokens) = known;
        let tokens = tokens.map(|tokens| {
            // All that is read may have been remembered, or nothing: whichever is dearer.
            let cached_is_dearer = models.find(&tokens.model).is_some_and(|price| price.cached_input > price.input);
            Tokens { cached_input: if cached_is_dearer { tokens.input } else { 0 }, ..tokens }
        });
        let most = Measured {
            request_bytes,
            response_bytes: limits.response_bytes_max,
            millis: u64::from(limits.seconds_max) * 1_000,
            tokens,
        };
        self.usage(version, &most, currency, meters, models)
    }
}

fn quantity(count: u64, scale: u32) -> Result<Quantity, MoneyError> {
    let exact = Decimal::try_from_i128_with_scale(i128::from(count), scale).map_err(|_| MoneyError::TooLarge)?;
    Quantity::new(exact)
}

/// Lines with what they come to.
#[derive(Default)]
struct Lines {
    usage: Vec<Usage>,
    total: Amount,
}

impl Lines {
    fn add(&mut self, meter: Meter, quantity: Quantity) -> Result<(), MoneyError> {
        if quantity.is_zero() || meter.unit_price.is_zero() {
            return Ok(());
        }
        self.total = self.total.checked_add(quantity.priced(meter.unit_price)?)?;
        self.usage.push(Usage::Metered { meter, quantity });
        Ok(())
    }

    fn add_tokens(&mut self, price: &ModelPrice, tokens: &Tokens, currency: Currency) -> Result<(), PriceError> {
        let fresh = tokens.input.checked_sub(tokens.cached_input).ok_or(PriceError::CachedAboveInput)?;
        let [input, cached_input, output] = price.meters();
        let parts = [
            (input, price.input, fresh),
            (cached_input, price.cached_input, tokens.cached_input),
            (output, price.output, tokens.output),
        ];
        for (code, unit_price, count) in parts {
            let meter = Meter { code, unit: "token".to_owned(), unit_price, currency, version: price.version };
            self.add(meter, quantity(count, 0)?)?;
        }
        Ok(())
    }
}
