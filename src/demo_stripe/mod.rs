//! `tollbook demo stripe`: a small server that speaks Stripe's wire format, so that what takes money through Stripe can
//! be tried and tested with no network and no account. Stripe's own client libraries work with it as they are: give
//! them its host, its port and `http`. Everything is kept in memory, and is gone when it ends.
//!
//! | Path, under `/v1` | |
//! |---|---|
//! | `payment_intents` | make, show, list, search; `…/confirm`, `…/capture`, `…/cancel` |
//! | `refunds`, `charges`, `disputes` | refunds: make; all: show and list, by payment intent and so on |
//! | `customers`, `payment_methods` | make, show, list; `payment_methods/…/attach`, `customers/…/payment_methods` |
//! | `balance_transactions`, `payouts` | show and list, balance transactions by payout too |
//! | `events` | show and list, by type too |
//! | `webhook_endpoints` | make, show, list, delete |
//!
//! **Test cards** are those that Stripe documents: [`cards`] has them, by the names of their payment methods
//! (`pm_card_visa_chargeDeclined`), by tokens and by numbers. What is not known of a request is passed over; beyond
//! that what Stripe refuses is refused, in its words or near them. `Idempotency-Key` is obeyed. Of keys every
//! `sk_test_…` is good. Not here: anything but cards, invoices and subscriptions, connected accounts.
//!
//! **Webhooks** go to the endpoints that were made, and to `--webhook-url`, signed as Stripe signs, until they are
//! taken or 8 attempts have failed. An event is sent a moment after the answer to the request that it comes from.
//!
//! **Levers** for tests, which ask for no key and take JSON, see [`levers`]:
//!
//! | Path, under `/_test` | |
//! |---|---|
//! | `POST next` | `{"behaviour": …, "ms": 1000, "on": …}`: what goes wrong with the next call that makes or confirms a payment intent or makes a refund, or with the next `create`, `confirm`, `capture`, `cancel`, `refund`, `fetch` or `search` |
//! | `POST authenticate` | `{"payment_intent": …, "outcome": "succeeded" \| "failed"}` |
//! | `POST disputes` | `{"charge": …, "status": "needs_response" \| "won" \| "lost" \| …, "reason": …}` |
//! | `POST webhooks/replay/{event}` | sends an event once more |
//! | `GET payouts.csv` | the itemized report of payouts, with `?columns=…` in these columns |
//!
//! Behaviours: `delay_answer`, `drop_answer`, `webhook_first`, `error_500_after` (all of these are carried out),
//! `error_500`, `rate_limit` (these are not), `processing`, and `find_nothing` for a search.
//!
//! Of objects there are at most 10,000; then the oldest go, events before others. A body has at most 64 KiB.

mod answer;
mod attempt;
mod balance;
mod books;
pub mod cards;
mod charges;
mod desk;
mod disputes;
mod form;
mod front;
mod idempotency;
mod ids;
mod intents;
mod later;
pub mod levers;
mod methods;
mod refunds;
mod report;
mod routes;
mod search;
#[cfg(test)]
mod tests;
mod webhooks;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use clap::Args;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use desk::Desk;

/// The version of Stripe's API that this is like.
const API_VERSION: &str = "2026-10-28.endive";
/// The largest body that is read.
const BODY_BYTES_MAX: usize = 64 << 10;
/// The longest pause that can be asked for: ten minutes.
const PAUSE_MS_MAX: u64 = 600_000;
/// How long before an event is sent again, and before what comes by itself, when nobody says.
const RETRY_MS: u64 = 500;
const LATER_MS: u64 = 200;

/// Options of `demo stripe`.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8404")]
    pub listen: SocketAddr,
    /// Take this secret key and no other [default: any that begins with sk_test_]
    #[arg(long, value_name = "KEY")]
    pub secret_key: Option<String>,
    /// Send all events here, as if an endpoint had been made
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    pub webhook_url: Option<Url>,
    /// Sign them with this secret, whsec_…
    #[arg(long, value_name = "SECRET", requires = "webhook_url")]
    pub webhook_secret: Option<String>,
    /// Wait so long before an event that was not taken is sent again, then twice as long each time
    #[arg(long, value_name = "MS", default_value_t = RETRY_MS, value_parser = clap::value_parser!(u64).range(1..=PAUSE_MS_MAX))]
    pub retry_ms: u64,
    /// Wait so long before a dispute or the end of a refund, with the cards that have them
    #[arg(long, value_name = "MS", default_value_t = LATER_MS, value_parser = clap::value_parser!(u64).range(..=PAUSE_MS_MAX))]
    pub later_ms: u64,
}

impl Default for Settings {
    /// On a port of its own.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            secret_key: None,
            webhook_url: None,
            webhook_secret: None,
            retry_ms: RETRY_MS,
            later_ms: LATER_MS,
        }
    }
}

/// `tollbook demo stripe`.
pub async fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let listen = settings.listen;
    let mut stripe = start(settings).await.map_err(|e| format!("cannot serve on {listen}: {e}"))?;
    println!("The demo Stripe serves on http://{}", stripe.address);
    Ok(stripe.ended().await?)
}

/// One that runs within this process. It ends when it is dropped.
#[derive(Debug)]
pub struct Stripe {
    /// Where it listens.
    pub address: SocketAddr,
    serving: JoinHandle<io::Result<()>>,
    errands: JoinHandle<()>,
}

/// Starts one.
pub async fn start(settings: Settings) -> io::Result<Stripe> {
    let listener = TcpListener::bind(settings.listen).await?;
    let address = listener.local_addr()?;
    let client = desk::client()?;
    let (desk, given) = Desk::new(settings)?;
    let errands = tokio::spawn(desk::run_errands(Arc::clone(&desk), client, given));
    let serving = tokio::spawn(serve(listener, router(desk)));
    Ok(Stripe { address, serving, errands })
}

impl Stripe {
    /// Goes on until it cannot serve any more.
    async fn ended(&mut self) -> io::Result<()> {
        (&mut self.serving).await.map_err(io::Error::other)?
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.serving.abort();
        self.errands.abort();
    }
}

async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Answers are small, and somebody waits for them.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/_test/next", post(levers::next))
        .route("/_test/authenticate", post(levers::authenticate))
        .route("/_test/disputes", post(levers::dispute))
        .route("/_test/webhooks/replay/{event}", post(levers::replay))
        .route("/_test/payouts.csv", get(levers::payouts))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(front::serve)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk)
}
