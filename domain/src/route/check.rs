//! What a route must be like, and what is filled in where nothing was said.

use std::collections::{BTreeMap, BTreeSet};

use super::{CredentialRef, Measure, Method, Route, RouteKind, SECOND_SCALE_MAX, Scheme};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency};
use crate::organization::PricedMeter;

/// How many currencies a route may be sold in.
const CURRENCIES_MAX: usize = 16;
/// The longest description.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// The longest media type.
const MIME_TYPE_CHARS_MAX: usize = 100;
/// The longest name of a header.
const HEADER_CHARS_MAX: usize = 64;

/// Headers that are the gateway's own business, or the connection's: a credential in one of them would not arrive,
/// or would break the request.
const HEADERS_REFUSED: [&str; 15] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-request-id",
];
/// What else begins like these.
const HEADER_PREFIXES_REFUSED: [&str; 5] = ["x-tollbook-", "payment-", "x-payment", "x-forwarded-", "proxy-"];

/// Why a route cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A part of it is not what it must be.
    #[error("{field} {reason}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The price list has no such meter.
    #[error("the price list has no meter {0}")]
    UnknownMeter(MeterCode),
    /// A meter is priced in another currency than the route is sold in.
    #[error("meter {meter} is priced in {expected}, and so the route can only be sold in that, not in {given}")]
    CurrencyMismatch {
        /// The meter.
        meter: MeterCode,
        /// Of its price.
        expected: Currency,
        /// What was asked for.
        given: Currency,
    },
}

fn invalid(field: &'static str, reason: impl Into<String>) -> RouteError {
    RouteError::Invalid { field, reason: reason.into() }
}

impl Route {
    /// The route with what was left open filled in (the currencies, the ways to pay), put in order and checked.
    pub fn completed(
        mut self,
        default_currency: Currency,
        meters: &BTreeMap<MeterCode, PricedMeter>,
    ) -> Result<Self, RouteError> {
        self.methods.sort_unstable();
        self.methods.dedup();
        // All of them is the same as none in particular.
        if self.methods.len() == Method::ALL.len() {
            self.methods.clear();
        }
        if self.strip_prefix && !self.path.has_rest() {
            return Err(invalid("strip_prefix", "needs a path that ends in *"));
        }
        if let Some(credential) = &self.credential {
            credential.check()?;
        }
        if self.description.as_ref().is_some_and(|text| !is_text(text, DESCRIPTION_CHARS_MAX)) {
            return Err(invalid("description", format!("must have 1 to {DESCRIPTION_CHARS_MAX} characters")));
        }
        let is_mime = |text: &String| is_text(text, MIME_TYPE_CHARS_MAX) && text.is_ascii();
        if self.mime_type.as_ref().is_some_and(|text| !is_mime(text)) {
            return Err(invalid("mime_type", format!("must have 1 to {MIME_TYPE_CHARS_MAX} ASCII characters")));
        }
        self.limits.check()?;
        let price = &mut self.price;
        for part in
            [&mut price.per_request, &mut price.per_request_byte, &mut price.per_response_byte, &mut price.per_second]
        {
            *part = part.filter(|amount| !amount.is_zero());
        }
        self.complete_currencies(default_currency, meters)?;
        self.check_price(meters)?;
        self.complete_accepts()?;
        Ok(self)
    }

    /// The price list's meters have one currency each, so a route that is priced by one is sold in that alone.
    fn complete_currencies(
        &mut self,
        default_currency: Currency,
        meters: &BTreeMap<MeterCode, PricedMeter>,
    ) -> Result<(), RouteError> {
        let currencies = &mut self.price.currencies;
        if currencies.len() > CURRENCIES_MAX {
            return Err(invalid("price.currencies", format!("has at most {CURRENCIES_MAX} entries")));
        }
        if currencies.is_empty() {
            let first = self.price.meters.values().next().and_then(|code| meters.get(code));
            *currencies = first.map_or(vec![Currency::USDC, default_currency], |first| vec![first.meter.currency]);
        }
        let mut seen = BTreeSet::new();
        currencies.retain(|currency| seen.insert(*currency));
        Ok(())
    }

    fn check_price(&self, meters: &BTreeMap<MeterCode, PricedMeter>) -> Result<(), RouteError> {
        let price = &self.price;
        let is_fine = |amount: Amount| amount.decimal().scale() <= SECOND_SCALE_MAX;
        if price.per_second.is_some_and(|amount| !is_fine(amount)) {
            return Err(invalid("price.per_second", format!("has more than {SECOND_SCALE_MAX} decimals")));
        }
        if price.per_model && self.kind != RouteKind::Openai {
            return Err(invalid("price.per_model", "needs a route of kind openai: only there are models"));
        }
        for (measure, code) in &price.meters {
            if price.own(*measure).is_some() {
                return Err(invalid("price.meters", format!("prices {} twice: leave one out", measure.name())));
            }
            let meter = &meters.get(code).ok_or_else(|| RouteError::UnknownMeter(code.clone()))?.meter;
            if let Some(given) = price.currencies.iter().find(|currency| **currency != meter.currency) {
                let (meter, expected) = (code.clone(), meter.currency);
                return Err(RouteError::CurrencyMismatch { meter, expected, given: *given });
            }
            if *measure == Measure::Second && !is_fine(meter.unit_price) {
                let reason = format!("meter {code} has more than {SECOND_SCALE_MAX} decimals in its price of a second");
                return Err(invalid("price.meters", reason));
            }
        }
        Ok(())
    }

    fn complete_accepts(&mut self) -> Result<(), RouteError> {
        let possible = self.ways_to_pay();
        if self.accepts.is_empty() {
            self.accepts = possible;
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        self.accepts.retain(|scheme| seen.insert(*scheme));
        let Some(impossible) = self.accepts.iter().find(|scheme| !possible.contains(scheme)) else { return Ok(()) };
        let reason = match impossible {
            _ if possible.is_empty() => "must be left out: the route is free",
            Scheme::Session => "session needs a price in USDC",
            Scheme::Exact => "exact needs a price in USDC that is per_request alone, and whole atomic units of USDC",
            Scheme::Bearer => "bearer needs a price",
        };
        Err(invalid("accepts", reason))
    }

    /// All that make sense for its price.
    fn ways_to_pay(&self) -> Vec<Scheme> {
        if self.price.is_free() {
            return Vec::new();
        }
        let in_token = self.price.currencies.contains(&Currency::USDC);
        // What is transferred on chain is exactly the price: nothing is rounded.
        let is_whole = |price: Amount| price.rounded_down(Currency::USDC.minor_unit()) == price;
        let ways = [
            (Scheme::Session, in_token),
            (Scheme::Exact, in_token && self.price.fixed().is_some_and(is_whole)),
            (Scheme::Bearer, true),
        ];
        ways.into_iter().filter(|(_, possible)| *possible).map(|(scheme, _)| scheme).collect()
    }
}

impl CredentialRef {
    /// Whether a secret may be sent in this header.
    pub fn check(&self) -> Result<(), RouteError> {
        let header = self.header.as_str();
        // RFC 9110, section 5.6.2, in lower case.
        let is_token = (1..=HEADER_CHARS_MAX).contains(&header.len())
            && header.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b));
        if !is_token {
            return Err(invalid("credential.header", "is not the name of a header in lower case"));
        }
        if HEADERS_REFUSED.contains(&header) || HEADER_PREFIXES_REFUSED.iter().any(|prefix| header.starts_with(prefix))
        {
            return Err(invalid("credential.header", "is a header that cannot have a credential"));
        }
        Ok(())
    }
}

fn is_text(text: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
