//! What a request asks for, as far as its price depends on it.

use axum::body::Bytes;
use axum::http::Method;
use domain::charge::Usage;
use domain::money::Currency;
use domain::route::{Measure, PriceError, RouteKind, Tokens};

use super::openai::request::{self, Asked, Endpoint};
use super::openai::usage::{self, Usage as TokenUsage};
use super::problems::route_not_found;
use super::resolve::Place;
use crate::problem::Problem;

/// Whether a request is to be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Nobody asks for anything.
    Free,
    /// It is; and this is what is asked of a model, if that is what it costs.
    Paid(Option<Endpoint>),
}

/// Whether a request on this route is to be paid for. On a route that is sold by tokens only, what has none is not
/// found.
pub(super) fn manner(place: &Place, method: &Method, path: &str) -> Result<Manner, Problem> {
    let price = &place.route.price;
    if price.is_free() {
        return Ok(Manner::Free);
    }
    if place.route.kind == RouteKind::Http {
        return Ok(Manner::Paid(None));
    }
    let has_other_parts =
        Measure::ALL.into_iter().any(|measure| price.own(measure).is_some()) || !price.meters.is_empty();
    match Endpoint::of(method, path) {
        Endpoint::Models => Ok(Manner::Free),
        endpoint if price.per_model && endpoint.asks_model() => Ok(Manner::Paid(Some(endpoint))),
        _ if has_other_parts => Ok(Manner::Paid(None)),
        _ => Err(route_not_found()),
    }
}

/// Whether what is offered for a request depends on its body.
pub(super) fn depends_on_body(place: &Place, endpoint: Option<Endpoint>) -> bool {
    let price = &place.route.price;
    endpoint.is_some() || price.per_request_byte.is_some() || price.meters.contains_key(&Measure::RequestByte)
}

/// What a request asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Ask {
    /// The size of its body, as it came.
    pub(super) request_bytes: u64,
    /// What it asks of a model.
    pub(super) asked: Option<Asked>,
}

impl Ask {
    /// Reads a request.
    pub(super) fn read(place: &Place, endpoint: Option<Endpoint>, body: &Bytes) -> Result<Self, Problem> {
        let asked = endpoint.map(|endpoint| request::read(endpoint, body, place.route.limits.output_tokens_max));
        Ok(Self { request_bytes: body.len() as u64, asked: asked.transpose()? })
    }

    /// The body for the upstream.
    pub(super) fn body(&self, came: &Bytes) -> Bytes {
        self.asked.as_ref().map_or_else(|| came.clone(), |asked| asked.body.clone())
    }

    /// What it would be charged for at most.
    pub(super) fn worst(&self, place: &Place, currency: Currency) -> Result<Vec<Usage>, Problem> {
        let tokens = self.asked.as_ref().map(|asked| Tokens {
            model: asked.model.clone(),
            input: asked.input_max,
            cached_input: 0,
            output: asked.output_max,
        });
        let (route, organization) = (&place.route, &place.organization);
        let usage = route.worst(self.request_bytes, tokens, currency, &organization.meters, &organization.models);
        usage.map_err(of_price)
    }

    /// The tokens of an answer: as the upstream says, else as they are counted here. `true` with the latter.
    pub(super) fn tokens(&self, said: Option<TokenUsage>, pieces: u64, text_bytes: u64) -> (Option<Tokens>, bool) {
        let Some(asked) = &self.asked else { return (None, false) };
        let counted = said.unwrap_or_else(|| usage::estimate(asked.text_bytes, pieces, text_bytes));
        let TokenUsage { input, cached_input, output } = counted;
        let output = if asked.endpoint == Endpoint::Embeddings { 0 } else { output };
        (Some(Tokens { model: asked.model.clone(), input, cached_input, output }), said.is_none())
    }
}

/// Why a price cannot be worked out, as a problem.
fn of_price(error: PriceError) -> Problem {
    let detail = error.to_string();
    match error {
        PriceError::NotSoldIn(_) => Problem::cannot_pay("currency_not_accepted", detail),
        PriceError::ModelNotPriced(_) => Problem::bad_request("model_not_priced", "model", detail),
        PriceError::UnknownMeter(_)
        | PriceError::CurrencyMismatch { .. }
        | PriceError::CachedAboveInput
        | PriceError::OutOfRange(_) => Problem::internal().caused_by(detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(endpoint: Endpoint, text: &str) -> Ask {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}], "input": []});
        let asked = request::read(endpoint, body.to_string().as_bytes(), 100).unwrap();
        Ask { request_bytes: 0, asked: Some(asked) }
    }

    #[test]
    fn what_the_upstream_says_counts() {
        let said = TokenUsage { input: 9, cached_input: 3, output: 4 };
        let (tokens, is_estimate) = ask(Endpoint::Chat, "12345678").tokens(Some(said), 99, 99);
        let expected = Tokens { model: "m".to_owned(), input: 9, cached_input: 3, output: 4 };
        assert_eq!((tokens, is_estimate), (Some(expected), false));
    }

    #[test]
    fn what_it_does_not_say_is_counted() {
        let (tokens, is_estimate) = ask(Endpoint::Chat, "12345678").tokens(None, 1, 9);
        let expected = Tokens { model: "m".to_owned(), input: 2, cached_input: 0, output: 3 };
        assert_eq!((tokens, is_estimate), (Some(expected), true));
        let (tokens, _) = ask(Endpoint::Embeddings, "12345678").tokens(None, 1, 9);
        assert_eq!(tokens.map(|tokens| tokens.output), Some(0));
        assert_eq!(Ask::default().tokens(None, 1, 9), (None, false));
    }

    #[test]
    fn prices_that_cannot_be_worked_out_are_told() {
        let told = |error| {
            let problem = of_price(error);
            (problem.status, problem.code)
        };
        assert_eq!(told(PriceError::NotSoldIn(Currency::USD)), (402, "currency_not_accepted"));
        assert_eq!(told(PriceError::ModelNotPriced("m".to_owned())), (400, "model_not_priced"));
        assert_eq!(told(PriceError::CachedAboveInput), (500, "internal"));
    }
}
