//! The 402 gateway: a reverse proxy in front of what an organization sells.
//!
//! A request is found its route ([`resolve`]) and its payer ([`payer`]), counted against its limits ([`limits`]),
//! and read ([`body`], [`ask`]). Then it is carried out ([`proxy`]): by a hold of an account or a session key
//! ([`by_hold`], on [`tab`] and [`money`]), by a transfer on the chain ([`by_exact`], on [`exact`]), or for nothing
//! ([`free`]). [`forward`] asks the upstream ([`upstream`], [`headers`]), [`pump`] passes a long answer on while it
//! comes, [`receipt`] says what it cost, [`answers`] keeps it for those who ask again.
//!
//! Whoever brings no payment, or one that is not good, gets a 402 with the ways to pay: [`offer`] and [`problems`]
//! in the words of [`x402`]. [`openai`] knows the interface of language models; [`facilitator`] checks payments for
//! other servers. [`serve`](mod@serve) is the gateway's own port, [`settings`] has its limits.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::ids;
use eventstore::answers::Answers;
use eventstore::postgres::connect;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use uuid::Uuid;

use crate::App;
use crate::health;
use crate::problem::Problem;

mod answers;
mod ask;
mod body;
mod by_exact;
mod by_hold;
pub mod exact;
pub mod facilitator;
mod forward;
mod free;
mod headers;
mod limits;
mod money;
mod offer;
mod openai;
mod payer;
mod problems;
mod proxy;
mod pump;
mod receipt;
mod resolve;
pub mod serve;
pub mod settings;
mod tab;
mod upstream;
mod visit;
pub mod x402;

pub use settings::GatewaySettings;

use body::Memory;
use headers::{REQUEST_ID, let_any_origin_read, preflight, put};
use limits::Limits;
use payer::Payers;
use problems::{Form, respond};
use resolve::Resolver;
use settings::REQUESTS_BYTES_MAX;
use upstream::Upstreams;

/// Connections of the database for answers that are kept.
const KEEPERS_MAX: u32 = 8;
/// How long one of the gateway's own paths may take.
const OWN_WITHIN: Duration = Duration::from_secs(30);

/// What every request to the gateway can reach. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<Reach>);

impl std::ops::Deref for Gateway {
    type Target = Reach;

    fn deref(&self) -> &Reach {
        &self.0
    }
}

/// What is behind [`Gateway`].
pub(crate) struct Reach {
    app: App,
    settings: GatewaySettings,
    resolver: Resolver,
    payers: Payers,
    limits: Limits,
    upstreams: Upstreams,
    answers: Answers,
    running: Arc<answers::Running>,
    /// For the bodies of requests.
    memory: Memory,
    /// Places for requests that are under way.
    places: Arc<Semaphore>,
}

/// The gateway: for a port of its own, and to be nested. Fails when nothing can be made that speaks with upstreams.
pub fn router(app: App, settings: GatewaySettings) -> Result<Router, reqwest::Error> {
    let gateway = Gateway(Arc::new(Reach {
        resolver: Resolver::new(settings.organization_id),
        payers: Payers::new(),
        limits: Limits::default(),
        upstreams: Upstreams::new()?,
        // A kept answer that a crash of the database loses is asked for once more; no answer waits for the disk twice.
        answers: Answers::new(connect::unhurried(&app.pool, KEEPERS_MAX), app.vault.keys().clone()),
        running: answers::Running::new(),
        memory: Memory::new(REQUESTS_BYTES_MAX),
        places: Arc::new(Semaphore::new(settings.requests_max)),
        settings,
        app: app.clone(),
    }));
    let own = Router::new()
        .route("/healthz", get(health::healthz))
        .merge(facilitator::routes())
        .with_state(app)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| Problem::internal().into_response()))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, OWN_WITHIN))
        .layer(middleware::from_fn(around));
    Ok(own.fallback(proxy::handle).with_state(gateway))
}

async fn method_not_allowed() -> Problem {
    Problem::new(405, "method_not_allowed", "this path has no such method")
}

/// What the gateway's own paths have around them: an id, and problems written out with it.
async fn around(request: Request, next: Next) -> Response {
    let request_id = format!("req_{}", ids::encode(Uuid::now_v7()));
    let mut response = match preflight(request.method(), request.headers()) {
        Some(headers) => (StatusCode::NO_CONTENT, headers).into_response(),
        None => next.run(request).await,
    };
    if response.status() == StatusCode::REQUEST_TIMEOUT {
        let detail = "the request took longer than 30 s: the outcome is unknown, send the same request again";
        response = Problem::unavailable("timed_out", detail).into_response();
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        let written = respond(problem.into(), Form::Plain, &request_id);
        parts.headers.extend(written.headers().clone());
        response = Response::from_parts(parts, written.into_body());
    }
    let_any_origin_read(response.headers_mut());
    put(response.headers_mut(), REQUEST_ID, &request_id);
    response
}
