//! What tokens cost: given for a million, kept for one.

use rust_decimal::Decimal;

/// The most decimals an amount may have in the API. Prices per million tokens get six fewer.
const AMOUNT_DECIMALS_MAX: u32 = 12;
/// A price is given for this power of ten of tokens: a million.
const PRICE_UNIT_DECIMALS: u32 = 6;
/// The highest price of a million tokens, in USD.
const PRICE_MAX: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// What a token costs, in USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Of a token given to the model.
    pub input: Decimal,
    /// Of a token the model gave back.
    pub output: Decimal,
}

impl Prices {
    /// Takes prices of a million tokens, as [`parse_price`] lets them through. Exact: only the decimal
    /// point moves.
    pub fn per_million(input: Decimal, output: Decimal) -> Self {
        let per_token = |price: Decimal| {
            Decimal::from_i128_with_scale(price.mantissa(), price.scale() + PRICE_UNIT_DECIMALS).normalize()
        };
        Self { input: per_token(input), output: per_token(output) }
    }

    /// What a million tokens cost: given to the model, and given back.
    pub fn million(&self) -> [Decimal; 2] {
        [self.input, self.output].map(|price| (price * Decimal::from(10_u32.pow(PRICE_UNIT_DECIMALS))).normalize())
    }

    /// What so many tokens come to.
    pub fn of(&self, input: u64, output: u64) -> Decimal {
        Decimal::from(input) * self.input + Decimal::from(output) * self.output
    }
}

/// Reads a price of a million tokens in USD. Zero is refused because a charge of nothing is, and so are
/// more decimals than the price of one token may have.
pub fn parse_price(text: &str) -> Result<Decimal, String> {
    let price =
        Decimal::from_str_exact(text).map_err(|_| "expected an amount in USD like 3 or 0.25".to_owned())?.normalize();
    if price <= Decimal::ZERO || price > PRICE_MAX {
        return Err(format!("expected more than 0 and at most {PRICE_MAX} USD"));
    }
    let decimals_max = AMOUNT_DECIMALS_MAX - PRICE_UNIT_DECIMALS;
    if price.scale() > decimals_max {
        return Err(format!("expected at most {decimals_max} decimals"));
    }
    Ok(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(input: &str, output: &str) -> Prices {
        Prices::per_million(parse_price(input).unwrap(), parse_price(output).unwrap())
    }

    #[test]
    fn the_price_of_a_token_is_exact() {
        for (million, token) in [
            ("3", "0.000003"),
            ("15.00", "0.000015"),
            ("0.000001", "0.000000000001"),
            ("0.123457", "0.000000123457"),
            ("1000000", "1"),
        ] {
            let prices = prices(million, million);
            assert_eq!(prices.input.to_string(), token);
            assert_eq!(prices.million()[1], Decimal::from_str_exact(million).unwrap());
        }
    }

    #[test]
    fn prices_that_cannot_be_charged_are_refused() {
        for bad in ["", "x", "0", "-1", "1000000.1", "0.0000001", "1e3"] {
            assert!(parse_price(bad).is_err(), "{bad}");
        }
        assert!(parse_price("1.0000000000").is_ok(), "zeros at the end cost nothing");
    }
}
