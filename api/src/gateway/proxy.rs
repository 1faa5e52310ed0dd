//! The way of one request: whose route it is, who pays, and from there on by that way to pay.
//!
//! Everything after the headers runs in a task of its own. So it comes to its end when the client leaves: holds are
//! captured or given up, and connections to upstreams are closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::ids;
use domain::money::Currency;
use domain::route::{RouteKind, Scheme};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::ask::{Ask, Manner, depends_on_body, manner};
use super::body::{self, ReadBody};
use super::headers::{REQUEST_ID, let_any_origin_read, preflight, put};
use super::limits::{Standings, What, Who};
use super::money::total;
use super::offer::{self, Offers};
use super::openai::request::Endpoint;
use super::payer::{self, Presented};
use super::problems::{Form, Outcome, Refused, of_refusal, respond};
use super::pump::Pump;
use super::resolve::Place;
use super::visit::Visit;
use super::x402::{self, Payload, Refusal, Version};
use super::{Gateway, by_exact, by_hold, free};
use crate::auth::GatewayPrincipal;
use crate::problem::Problem;

/// What comes of a request.
pub(super) struct Reply {
    /// For the client.
    pub(super) response: Response,
    /// In a word, for the metrics.
    pub(super) outcome: &'static str,
    /// How long the upstream took until now.
    pub(super) upstream: Duration,
    /// What of the answer has yet to come.
    pub(super) rest: Option<Box<Pump>>,
}

impl Reply {
    /// One that is complete.
    pub(super) fn whole(response: Response, outcome: &'static str, upstream: Duration) -> Self {
        Self { response, outcome, upstream, rest: None }
    }
}

/// The client that waits for an answer.
pub(super) type Client = oneshot::Sender<Response>;

/// Every request for a route.
pub(super) async fn handle(State(gateway): State<Gateway>, request: Request) -> Response {
    let started = Instant::now();
    let request_id = format!("req_{}", ids::encode(Uuid::now_v7()));
    let mut response = match preflight(request.method(), request.headers()) {
        Some(headers) => (StatusCode::NO_CONTENT, headers).into_response(),
        None => answer(gateway, request, &request_id, started).await,
    };
    let_any_origin_read(response.headers_mut());
    put(response.headers_mut(), REQUEST_ID, &request_id);
    response
}

async fn answer(gateway: Gateway, request: Request, request_id: &str, started: Instant) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::new(parts, &gateway.settings, request_id.to_owned(), started);
    let place = match (visit.check_headers(), gateway.places.clone().try_acquire_owned()) {
        (Err(problem), _) => return respond(problem.into(), Form::Plain, request_id),
        (Ok(()), Ok(place)) => place,
        (Ok(()), Err(_)) => {
            count("overloaded");
            let problem = Problem::unavailable("overloaded", "too many requests are under way: nothing happened");
            return respond(problem.into(), Form::Plain, request_id);
        }
    };
    let (client, answer) = oneshot::channel();
    tokio::spawn(async move {
        run(gateway, visit, body, client).await;
        drop(place);
    });
    answer.await.unwrap_or_else(|_| respond(Problem::internal().into(), Form::Plain, request_id))
}

fn count(outcome: &'static str) {
    metrics::counter!("tollbook_gateway_requests_total", "outcome" => outcome).increment(1);
}

/// A request whose route is known.
pub(super) struct Found {
    /// The route.
    pub(super) place: Arc<Place>,
    presented: Presented,
    key: Option<GatewayPrincipal>,
}

async fn run(gateway: Gateway, visit: Visit, body: Body, mut client: Client) {
    let mut standings = Standings::default();
    let (form, outcome) = match find(&gateway, &visit).await {
        Ok(found) => {
            let form = found.place.form();
            (form, carry_out(&gateway, &visit, found, body, &mut standings, &mut client).await)
        }
        Err(refused) => (Form::Plain, Err(refused)),
    };
    let Reply { mut response, outcome, upstream, rest } = outcome.unwrap_or_else(|refused| {
        let outcome = match refused.problem.status {
            402 => "payment_required",
            429 => "rate_limited",
            499 => "client_left",
            502 | 504 => "upstream_failed",
            500.. => "failed",
            _ => "refused",
        };
        Reply::whole(respond(refused, form, &visit.request_id), outcome, Duration::ZERO)
    });
    standings.write(response.headers_mut());
    count(outcome);
    let overhead = visit.started.elapsed().saturating_sub(upstream);
    metrics::histogram!("tollbook_gateway_overhead_seconds").record(overhead.as_secs_f64());
    if !upstream.is_zero() {
        metrics::histogram!("tollbook_gateway_upstream_seconds").record(upstream.as_secs_f64());
    }
    // Who has left hears nothing; the rest sees that by itself.
    let _ = client.send(response);
    if let Some(rest) = rest {
        rest.run().await;
    }
}

async fn find(gateway: &Gateway, visit: &Visit) -> Outcome<Found> {
    let presented = payer::presented(&visit.headers)?;
    let key = match &presented.secret {
        Some(secret) => Some(payer::key(&gateway.app, secret).await?),
        None => None,
    };
    let place = gateway.resolver.place(&gateway.app, &visit.method, visit.named(), key.as_ref()).await?;
    Ok(Found { place: Arc::new(place), presented, key })
}

/// A request that is to be paid for, on its way.
pub(super) struct Trip<'a> {
    /// The gateway.
    pub(super) gateway: &'a Gateway,
    /// The request.
    pub(super) visit: &'a Visit,
    /// The route.
    pub(super) place: Arc<Place>,
    /// What of it is asked of a model.
    pub(super) endpoint: Option<Endpoint>,
    /// Where it stands with its limits.
    pub(super) standings: &'a mut Standings,
    /// Who waits for the answer.
    pub(super) client: &'a mut Client,
}

impl Trip<'_> {
    /// Reads the body.
    pub(super) async fn read(&self, body: Body) -> Outcome<(ReadBody, Ask)> {
        let limits = &self.place.route.limits;
        let body = body::read(body, &self.visit.headers, limits.request_bytes_max, &self.gateway.memory).await?;
        let ask = Ask::read(&self.place, self.endpoint, &body.bytes)?;
        Ok((body, ask))
    }

    /// Counts the request for a payer who is known now, and for the route.
    pub(super) fn count(&mut self, who: Who) -> Outcome<()> {
        let (limits, route) = (&self.place.route.limits, self.place.route.id.uuid());
        let counted = &self.gateway.limits;
        counted.count(self.standings, (route, What::Payer, limits.per_payer), who)?;
        counted.count(self.standings, (route, What::Route, limits.total), Who::Everybody)
    }

    /// The ways to pay for it.
    pub(super) fn offers(&self, ask: &Ask) -> Outcome<Offers> {
        Ok(Offers::new(&self.gateway.app, &self.place, ask, self.visit.url.clone())?)
    }
}

async fn carry_out(
    gateway: &Gateway,
    visit: &Visit,
    found: Found,
    body: Body,
    standings: &mut Standings,
    client: &mut Client,
) -> Outcome<Reply> {
    let Found { place, presented, key } = found;
    let route = &place.route;
    if let Some(ip) = visit.client {
        gateway.limits.count(standings, (route.id.uuid(), What::Ip, route.limits.per_ip), Who::of_ip(ip))?;
    }
    let (_, path) = visit.named();
    let manner = manner(&place, &visit.method, path)?;
    let endpoint = match manner {
        Manner::Free => None,
        Manner::Paid(endpoint) => endpoint,
    };
    let trip = Trip { gateway, visit, place, endpoint, standings, client };
    if manner == Manner::Free {
        let (route, total) = (trip.place.route.id.uuid(), trip.place.route.limits.total);
        gateway.limits.count(trip.standings, (route, What::Route, total), Who::Everybody)?;
        return free::pass(trip, body).await;
    }
    match (key, presented.payment) {
        (Some(key), _) => by_key(trip, key, body).await,
        (None, Some((version, header))) => by_payment(trip, version, &header, body).await,
        (None, None) => {
            // OpenAI's clients always send a key: a wrong one is told as that.
            if trip.place.route.kind == RouteKind::Openai && presented.has_other_authorization {
                let detail = "this is no gateway key: send Authorization: Bearer tbk_…";
                return Err(Problem::unauthenticated(detail).into());
            }
            let ask = if depends_on_body(&trip.place, endpoint) {
                trip.read(body).await?.1
            } else {
                body::check_announced(&visit.headers, trip.place.route.limits.request_bytes_max)?;
                Ask::default()
            };
            let problem = Problem::cannot_pay("payment_required", "this is to be paid for: see the ways to pay");
            Err(Refused::payment(problem, trip.offers(&ask)?.into_demand(None)))
        }
    }
}

/// A gateway key pays.
async fn by_key(mut trip: Trip<'_>, key: GatewayPrincipal, body: Body) -> Outcome<Reply> {
    let gateway = trip.gateway;
    let organization = trip.place.organization_id.uuid();
    let who = Who::Id(key.gateway_key_id.uuid());
    gateway.limits.count(trip.standings, (organization, What::Key, key.rate), who)?;
    let purse = gateway.payers.of_key(&gateway.app, &key).await?;
    trip.count(Who::Id(purse.uuid()))?;
    let (body, ask) = trip.read(body).await?;
    if !trip.place.route.accepts.contains(&Scheme::Bearer) {
        let problem = Problem::cannot_pay("unsupported_scheme", "this route cannot be paid for with a gateway key");
        return Err(Refused::payment(problem, trip.offers(&ask)?.into_demand(None)));
    }
    by_hold::carry_out(trip, purse, body, ask).await
}

/// A payment came with the request.
async fn by_payment(mut trip: Trip<'_>, version: Version, header: &HeaderValue, body: Body) -> Outcome<Reply> {
    let gateway = trip.gateway;
    let (body, ask) = trip.read(body).await?;
    let offers = trip.offers(&ask)?;
    let taken_up = x402::read(version, header.as_bytes()).and_then(|payment| {
        let offer = offers.chosen(&payment)?.clone();
        Ok((payment.payload, offer))
    });
    match taken_up {
        Err(refusal) => Err(refuse(&offers, &refusal)),
        Ok((Payload::Exact(payload), offer)) => {
            by_exact::carry_out(trip, by_exact::Paid { version, offers, offer, payload }, body, ask).await
        }
        Ok((Payload::Session(payload), _)) => {
            let purse = match gateway.payers.of_voucher(&gateway.app, &trip.place, &payload).await {
                Ok(purse) => purse,
                Err(payer::NotPaid::Refused(refusal)) => return Err(refuse(&offers, &refusal)),
                Err(payer::NotPaid::Replaced(refusal, state)) => {
                    let worst = ask.worst(&trip.place, Currency::USDC).ok().and_then(|usage| total(&usage).ok());
                    let state = offer::state(&state, worst.unwrap_or_default());
                    return Err(Refused::payment(of_refusal(&refusal), offers.into_demand(state.as_ref())));
                }
                Err(payer::NotPaid::Problem(problem)) => return Err(problem.into()),
            };
            trip.count(Who::Id(purse.uuid()))?;
            by_hold::carry_out(trip, purse, body, ask).await
        }
    }
}

/// A payment is not taken: the reason, and the ways to pay. No receipt: clients that find one look no further.
pub(super) fn refuse(offers: &Offers, refusal: &Refusal) -> Box<Refused> {
    Refused::payment(of_refusal(refusal), offers.clone().into_demand(None))
}
