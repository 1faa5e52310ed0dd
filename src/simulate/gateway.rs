//! What a run through the gateway needs: a model to ask, which is the demo upstream within this process; a route
//! that leads to it, the model's price, and a key for each payer that has no key of its own to sign with.
//!
//! Route and price are taken away at the end, for nothing answers there any more. The keys run out by themselves.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::stream::{self, StreamExt, TryStreamExt};
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::args::SimulateArgs;
use super::client::{Charge, Client, Organization, Payer, Position};
use super::enrol::{EnrolError, Enrolled};
use super::paid::{Purse, Till};
use super::plan::{Plan, TOKENS_MAX};
use super::target::{ENV_FILE, Target, TargetError};
use super::trace::Row;
use super::transport::{Answer, CallError};
use super::x402::Required;
use crate::demo_upstream::{self, Upstream};

/// How long the keys of a run are good: beyond any run.
const KEYS_VALID_FOR: TimeDelta = TimeDelta::days(7);
/// How long the gateway may take to know of a route that was just made.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// What the upstream may take for an answer. Its hold stands about two minutes longer, when nobody ends it.
const UPSTREAM_SECS_MAX: u32 = 20;

/// Why a run cannot go through the gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Its address cannot be used.
    #[error(transparent)]
    Address(#[from] TargetError),
    /// There is nothing to ask.
    #[error("the demo upstream cannot be started: {0}")]
    Upstream(#[from] io::Error),
    /// A call failed.
    #[error(transparent)]
    Prepare(#[from] EnrolError),
    /// It is not there.
    #[error(
        "the gateway at {url} cannot be asked: {source}; is it another server's? Give --gateway, or --direct to go without one"
    )]
    NotThere {
        /// Where it should be.
        url: Url,
        /// What the call met.
        source: CallError,
    },
    /// It does not know what it should.
    #[error("the gateway at {0} does not know the route that was just made: is it another server's?")]
    NoRoute(Url),
    /// Vouchers pay nothing there.
    #[error("the gateway at {0} asks for no vouchers of these session keys: does it use the same chain and contract?")]
    NoOffer(Url),
}

/// The way through the gateway, of one run.
#[derive(Debug)]
pub struct Gateway {
    till: Till,
    /// What pays, by payer; `None` for those who sign vouchers.
    keys: Vec<Option<HeaderValue>>,
    route: String,
    /// Ends the names of what is made anew each time that the run is started.
    start: String,
    /// Whom the route leads to: it answers as long as this is kept.
    _upstream: Upstream,
}

/// What a gateway is set up from.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// What was asked for.
    pub args: &'a SimulateArgs,
    /// The server.
    pub target: &'a Target,
    /// Whose routes.
    pub organization: &'a Organization,
    /// What is to be sent.
    pub plan: &'a Plan,
    /// By whom.
    pub payers: &'a [Enrolled],
}

impl Gateway {
    /// Makes everything that is needed. `start` tells this start of the run from others.
    pub async fn open(client: &Arc<Client>, setup: Setup<'_>, start: String) -> Result<Self, GatewayError> {
        let Setup { args, target, organization, plan, payers } = setup;
        let url = target.gateway(args.gateway.as_deref(), Path::new(ENV_FILE))?;
        let settings = demo_upstream::Settings { tokens: Some(TOKENS_MAX.into()), ..Default::default() };
        let upstream = Upstream::start(settings).await?;
        let failed = |what: String| move |source| EnrolError { what, source };

        let model = plan.model();
        let put = client.put_model(&format!("{}-{start}", plan.key("model", 0)), &model, plan.prices.million()).await;
        put.map_err(failed(format!("the price of the model {model}")))?;
        let route = set_route(client, plan, payers, &upstream, &start).await.map_err(failed("the route".to_owned()))?;
        let making = payers.iter().enumerate().map(|(payer, enrolled)| key(client, plan, payer, enrolled, &start));
        let keys = stream::iter(making).buffered(args.concurrency).try_collect().await?;

        let base = below(&url, &[&organization.id, &model]);
        let unusable = |source| GatewayError::NotThere { url: url.clone(), source };
        let mut till = Till::new(&base, model, Arc::clone(client), args.concurrency).map_err(unusable)?;
        let required = known(&till, &url).await?;
        let signs = payers.iter().filter_map(|payer| payer.session.as_ref()).find(|session| session.key.is_some());
        if let Some(session) = signs {
            till.accept(required.session(&session.terms).ok_or(GatewayError::NoOffer(url))?);
        }
        Ok(Self { till, keys, route, start, _upstream: upstream })
    }

    /// Has a row answered. `owed` is what a payer who signs vouchers must have promised with it.
    pub async fn charge(
        &self,
        payer: (usize, &Enrolled),
        row: &Row,
        key: &str,
        owed: rust_decimal::Decimal,
    ) -> Result<Answer<Charge>, CallError> {
        let (index, enrolled) = payer;
        let purse = match (self.keys.get(index), &enrolled.session) {
            (Some(Some(key)), _) => Purse::Bearer(key),
            (_, Some(session)) => Purse::Vouchers(session, session.units(owed)?),
            (_, None) => return Err(CallError::Impossible("a customer without a key".to_owned())),
        };
        self.till.buy(row, key, purse).await
    }

    /// Takes route and price away.
    pub async fn close(&self, client: &Client, plan: &Plan) -> Result<(), CallError> {
        let key = |what| format!("{}-{}", plan.key(what, 0), self.start);
        client.delete_route(&key("route-end"), &self.route).await?;
        client.delete_model(&key("model-end"), &plan.model()).await
    }
}

/// Of an earlier start of the run, which came to no end, the route is still there.
async fn set_route(
    client: &Client,
    plan: &Plan,
    payers: &[Enrolled],
    upstream: &Upstream,
    start: &str,
) -> Result<String, CallError> {
    let path = format!("/{}/*", plan.model());
    let route = json!({
        "path": path, "upstream": format!("http://{}/v1", upstream.address), "strip_prefix": true, "kind": "openai",
        "price": { "per_model": true, "currencies": ["USD", "USDC"] },
        "limits": {
            "request_bytes_max": 1 << 20, "response_bytes_max": 4 << 20, "output_tokens_max": TOKENS_MAX,
            "seconds_max": UPSTREAM_SECS_MAX, "first_byte_secs_max": UPSTREAM_SECS_MAX,
        },
        "description": "the trace of a simulation",
    });
    let earlier = match payers.iter().map(|payer| payer.position).max() {
        Some(at) => client.routes(at).await?.into_iter().find(|earlier| earlier.path == path),
        None => None,
    };
    let id = earlier.as_ref().map(|earlier| earlier.id.as_str());
    Ok(client.set_route(&format!("{}-{start}", plan.key("route", 0)), id, &route).await?.id)
}

/// The bearer key of a payer; `None` for one who signs vouchers.
async fn key(
    client: &Client,
    plan: &Plan,
    payer: usize,
    enrolled: &Enrolled,
    start: &str,
) -> Result<Option<HeaderValue>, EnrolError> {
    let who = match &enrolled.session {
        Some(session) if session.key.is_some() => return Ok(None),
        Some(session) => Payer::Session(&session.id, None),
        None => Payer::Customer(&enrolled.id),
    };
    let made = async {
        let expires_at = eventstore::clock::now() + KEYS_VALID_FOR;
        let key = format!("{}-{start}", plan.key("gateway-key", payer));
        let secret = client.create_gateway_key(&key, who, expires_at).await?.secret;
        let secret = secret.ok_or_else(|| CallError::Unexpected("a gateway key without its secret".to_owned()))?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {secret}"))
            .map_err(|_| CallError::Unexpected("a gateway key that is not a header value".to_owned()))?;
        bearer.set_sensitive(true);
        Ok(Some(bearer))
    };
    made.await.map_err(|source| EnrolError { what: format!("the gateway key of {}", enrolled.name()), source })
}

/// Waits until the gateway asks to be paid for the route.
pub async fn known(till: &Till, url: &Url) -> Result<Required, GatewayError> {
    let deadline = Instant::now() + KNOWN_WITHIN;
    loop {
        let asked = till.ask().await.map_err(|source| GatewayError::NotThere { url: url.clone(), source })?;
        match asked {
            Some(required) => return Ok(required),
            None if Instant::now() >= deadline => return Err(GatewayError::NoRoute(url.clone())),
            None => sleep(POLL).await,
        }
    }
}

/// An address with more segments.
pub fn below(url: &Url, more: &[&str]) -> Url {
    let mut url = url.clone();
    // The addresses of servers take paths.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(more);
    }
    url
}

/// Where the last charge of all these payers is in the log.
pub async fn last_position(
    client: &Client,
    payers: &[Enrolled],
    parallel: usize,
) -> Result<Option<Position>, CallError> {
    let last = payers.iter().map(|payer| async move {
        let who = match &payer.session {
            Some(session) => Payer::Session(&session.id, None),
            None => Payer::Customer(&payer.id),
        };
        client.last_charge(who).await
    });
    let positions: Vec<Option<Position>> = stream::iter(last).buffered(parallel).try_collect().await?;
    Ok(positions.into_iter().flatten().max())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_put_together() {
        for (url, expected) in
            [("http://a:1/", "http://a:1/org_1/sim-x"), ("http://a:1/gw", "http://a:1/gw/org_1/sim-x")]
        {
            assert_eq!(below(&url.parse().unwrap(), &["org_1", "sim-x"]).as_str(), expected);
        }
    }
}
