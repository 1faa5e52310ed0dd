//! The one list of routes, and what every request goes through.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use domain::evm::Address;
use eventstore::postgres::PostgresLog;
use eventstore::vault::Vault;
use eventstore::{Ledger, StoreError};
use futures::future::BoxFuture;
use metrics::Histogram;
use metrics_exporter_prometheus::PrometheusHandle;
use payments::Hosts;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use uuid::Uuid;

use crate::auth::Directory;
use crate::clocks::TestClocks;
use crate::command::holds::HoldPlaces;
use crate::gateway::exact::Awaited;
use crate::problem::Problem;
use crate::sessions::Sessions;
use crate::{chains, command, health, openapi, query};

/// The largest body that is read.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a request may take; streams of events only until they begin.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);
/// All headers of a request together.
pub const HEADER_BYTES_MAX: usize = 8 << 10;

/// What the API asks of the copy in NATS: it knows nothing else of it.
#[derive(Clone)]
pub struct CopyInNats {
    /// Whether NATS is connected at this moment.
    pub is_up: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The last position of a partition that NATS has; `None` when it does not say.
    pub last_position: Arc<dyn Fn(i32) -> BoxFuture<'static, Option<i64>> + Send + Sync>,
}

/// What the API is made of.
pub struct Settings {
    /// The way into the log.
    pub ledger: Ledger,
    /// The database of log and read models.
    pub pool: PgPool,
    /// Personal data and keys.
    pub vault: Vault,
    /// The copy in NATS; `None` when it is not used.
    pub nats: Option<CopyInNats>,
    /// The chain; `None` when none is configured.
    pub chain: Option<chain::Client>,
    /// Who sends exact payments to the chain; `None` when they are not taken.
    pub exact_settler: Option<Address>,
    /// Where payment providers may be.
    pub connector_hosts: Hosts,
    /// What `/metrics` shows.
    pub metrics: PrometheusHandle,
}

/// What every handler can reach. Cheap to clone: it is, several times for each request.
#[derive(Clone)]
pub struct App(Arc<Reach>);

impl Deref for App {
    type Target = Reach;

    fn deref(&self) -> &Reach {
        &self.0
    }
}

/// What is behind [`App`].
pub struct Reach {
    /// The way into the log.
    pub ledger: Ledger,
    /// The log in Postgres, for its queries.
    pub log: PostgresLog,
    /// The database.
    pub pool: PgPool,
    /// Personal data and keys.
    pub vault: Vault,
    /// Who is who.
    pub directory: Arc<Directory>,
    /// The copy in NATS.
    pub nats: Option<CopyInNats>,
    /// The chain; `None` when none is configured.
    pub chain: Option<chain::Client>,
    /// Who sends exact payments to the chain; `None` when they are not taken.
    pub exact_settler: Option<Address>,
    /// Where payment providers may be.
    pub connector_hosts: Hosts,
    /// Exact payments that somebody waits for.
    pub awaited: Arc<Awaited>,
    /// What was granted with session keys.
    pub sessions: Arc<Sessions>,
    /// Where holds are.
    pub holds: Arc<HoldPlaces>,
    /// Who lives in the time of a test clock.
    pub clocks: Arc<TestClocks>,
    /// Places for finding the signers of vouchers: a core is left for everything else.
    pub recoveries: Arc<Semaphore>,
    /// Places for streams of events.
    pub streams: Arc<Semaphore>,
    /// What `/metrics` shows.
    pub metrics: PrometheusHandle,
}

impl App {
    /// Puts it together, and starts to listen to what changes.
    pub async fn new(settings: Settings) -> Result<Self, StoreError> {
        let clocks = TestClocks::start(&settings.ledger, &settings.pool).await?;
        let directory = Directory::start(settings.ledger.clone(), settings.pool.clone(), settings.vault.keys().clone());
        let awaited = Awaited::start(&settings.ledger);
        Ok(Self(Arc::new(Reach {
            sessions: Arc::new(Sessions::new(settings.ledger.clone())),
            holds: Arc::new(HoldPlaces::new(settings.ledger.clone())),
            clocks,
            ledger: settings.ledger,
            log: PostgresLog::new(settings.pool.clone()),
            pool: settings.pool,
            vault: settings.vault,
            directory,
            nats: settings.nats,
            chain: settings.chain,
            exact_settler: settings.exact_settler,
            connector_hosts: settings.connector_hosts,
            awaited,
            recoveries: Arc::new(Semaphore::new(command::vouchers::recoveries_max())),
            streams: Arc::new(Semaphore::new(query::events::STREAMS_MAX)),
            metrics: settings.metrics,
        })))
    }
}

/// The whole API, with the gateway below `/gw`.
pub fn router(app: App, gateway: Router) -> Router {
    Router::new()
        .route("/v1/organization", get(query::organization::get_organization))
        .route("/v1/organization/payee", put(command::organization::set_payee))
        .route("/v1/organization/settlement_rules", put(command::organization::set_settlement_rules))
        .route("/v1/api_keys", post(command::api_keys::create_api_key).get(query::organization::list_api_keys))
        .route("/v1/api_keys/{id}/revoke", post(command::api_keys::revoke_api_key))
        .route("/v1/meters", get(query::organization::list_meters))
        .route("/v1/meters/{code}", put(command::meters::set_meter).get(query::organization::get_meter))
        .route("/v1/routes", post(command::routes::create_route).get(query::routes::list_routes))
        .route(
            "/v1/routes/{id}",
            get(query::routes::get_route).put(command::routes::replace_route).delete(command::routes::remove_route),
        )
        .route("/v1/models", put(command::models::set_models).get(query::models::list_models))
        .route("/v1/models/{model}", delete(command::models::remove_model))
        .route(
            "/v1/gateway_keys",
            post(command::gateway_keys::create_gateway_key).get(query::gateway_keys::list_gateway_keys),
        )
        .route("/v1/gateway_keys/lookup", post(command::gateway_keys::lookup_gateway_key))
        .route("/v1/gateway_keys/{id}/revoke", post(command::gateway_keys::revoke_gateway_key))
        .route("/v1/customers", post(command::customers::create_customer).get(query::customers::list_customers))
        .route("/v1/customers/{id}", get(query::customers::get_customer))
        .route("/v1/customers/{id}/postpaid_limit", put(command::customers::set_postpaid_limit))
        .route("/v1/customers/{id}/credits", post(command::credits::grant_credit))
        .route("/v1/customers/{id}/quotas/{meter}", put(command::quotas::set_quota))
        .route(
            "/v1/organization/billing",
            put(command::organization_billing::set_organization_billing)
                .get(query::organization_billing::get_organization_billing),
        )
        .route("/v1/tax_rates", post(command::tax_rates::create_tax_rate).get(query::tax_rates::list_tax_rates))
        .route(
            "/v1/tax_rates/{id}",
            get(query::tax_rates::get_tax_rate)
                .put(command::tax_rates::replace_tax_rate)
                .delete(command::tax_rates::remove_tax_rate),
        )
        .route(
            "/v1/customers/{id}/billing",
            put(command::customer_billing::set_customer_billing).get(query::customer_billing::get_customer_billing),
        )
        .route("/v1/customers/{id}/payment_order", put(command::customer_billing::set_payment_order))
        .route("/v1/customers/{id}/entitlements", get(query::entitlements::get_entitlements))
        .route("/v1/plans", post(command::plans::create_plan).get(query::plans::list_plans))
        .route("/v1/plans/{id}", get(query::plans::get_plan))
        .route("/v1/plans/{id}/versions", post(command::plans::draft_plan_version))
        .route("/v1/plans/{id}/publish", post(command::plans::publish_plan))
        .route("/v1/plans/{id}/retire", post(command::plans::retire_plan))
        .route("/v1/prices/rate", post(command::prices::rate_price))
        .route(
            "/v1/subscriptions",
            post(command::subscriptions::create_subscription).get(query::subscriptions::list_subscriptions),
        )
        .route("/v1/subscriptions/{id}", get(query::subscriptions::get_subscription))
        .route("/v1/subscriptions/{id}/change", post(command::subscriptions::change_subscription))
        .route("/v1/subscriptions/{id}/drop_change", post(command::subscriptions::drop_subscription_change))
        .route("/v1/subscriptions/{id}/cancel", post(command::subscriptions::cancel_subscription))
        .route("/v1/subscriptions/{id}/drop_cancel", post(command::subscriptions::drop_subscription_cancel))
        .route("/v1/subscriptions/{id}/end_trial", post(command::subscriptions::end_subscription_trial))
        .route("/v1/subscriptions/{id}/pause", post(command::subscriptions::pause_subscription))
        .route("/v1/subscriptions/{id}/resume", post(command::subscriptions::resume_subscription))
        .route("/v1/subscriptions/{id}/auto_renew", post(command::subscriptions::set_subscription_auto_renew))
        .route(
            "/v1/test_clocks",
            post(command::test_clocks::create_test_clock).get(query::test_clocks::list_test_clocks),
        )
        .route("/v1/test_clocks/{id}", get(query::test_clocks::get_test_clock))
        .route("/v1/test_clocks/{id}/advance", post(command::test_clocks::advance_test_clock))
        .merge(invoice_routes())
        .merge(payment_routes())
        .route(
            "/v1/session_keys",
            post(command::session_keys::create::create_session_key).get(query::session_keys::list_session_keys),
        )
        .route("/v1/session_keys/batch", post(command::session_keys::batch::create_session_keys))
        .route("/v1/session_keys/freeze", post(command::session_keys::batch::freeze_session_keys))
        .route("/v1/session_keys/unfreeze", post(command::session_keys::batch::unfreeze_session_keys))
        .route("/v1/session_keys/revoke", post(command::session_keys::batch::revoke_session_keys))
        .route("/v1/session_keys/{id}", get(query::session_keys::get_session_key))
        .route("/v1/session_keys/{id}/typed_data", get(query::typed_data::get_typed_data))
        .route("/v1/session_keys/{id}/register", post(command::session_keys::fund::register_session_key))
        .route("/v1/session_keys/{id}/deposits", post(command::session_keys::fund::create_deposit))
        .route("/v1/session_keys/{id}/freeze", post(command::session_keys::stop::freeze_session_key))
        .route("/v1/session_keys/{id}/unfreeze", post(command::session_keys::stop::unfreeze_session_key))
        .route("/v1/session_keys/{id}/revoke", post(command::session_keys::stop::revoke_session_key))
        .route("/v1/session_keys/{id}/rotation", post(command::session_keys::rotate::prepare_session_key_rotation))
        .route("/v1/session_keys/{id}/rotate", post(command::session_keys::rotate::rotate_session_key))
        .route("/v1/session_keys/{id}/withdrawals", post(command::session_keys::stop::create_withdrawal))
        .route("/v1/charges", post(command::charges::create_charge).get(query::charges::list_charges))
        .route("/v1/charges/batch", post(command::charges::create_charges))
        .route("/v1/charges/{id}", get(query::charges::get_charge))
        .route("/v1/charges/{id}/explain", get(query::explain::explain_charge))
        .route("/v1/charges/{id}/proof", get(query::proof::prove_charge))
        .route("/v1/holds", post(command::holds::create_hold).get(query::holds::list_holds))
        .route("/v1/holds/batch", post(command::holds::batch::run_holds))
        .route("/v1/holds/{id}", get(query::holds::get_hold))
        .route("/v1/holds/{id}/capture", post(command::holds::capture_hold))
        .route("/v1/holds/{id}/extend", post(command::holds::extend_hold))
        .route("/v1/holds/{id}/void", post(command::holds::void_hold))
        .route(
            "/v1/settlements",
            post(command::settlements::create_settlement).get(query::settlements::list_settlements),
        )
        .route("/v1/settlements/{id}", get(query::settlements::get_settlement))
        .route("/v1/settlements/{id}/retry", post(command::settlements::retry_settlement))
        .merge(reconciliation_routes())
        .route("/v1/exact_payments", get(query::exact_payments::list_exact_payments))
        .route("/v1/exact_payments/{id}", get(query::exact_payments::get_exact_payment))
        .route("/v1/exact_payments/{id}/explain", get(query::explain::exact::explain_exact_payment))
        .route("/v1/chains", get(chains::list_chains))
        .route("/v1/quotas", get(query::quotas::list_quotas))
        .route("/v1/statements", get(query::statements::list_statements))
        .route("/v1/statements/{id}", get(query::statements::get_statement))
        .route("/v1/risk", get(query::risk::list_risk))
        .route("/v1/balances", get(query::journal::list_balances))
        .route("/v1/postings", get(query::journal::list_postings))
        .route("/v1/events", get(query::events::list_events))
        .route("/v1/events/stream", get(query::events::stream_events))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
        .merge(openapi::docs())
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| Problem::internal().into_response()))
        // Also the time a client may take to send its body.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_WITHIN))
        .layer(middleware::from_fn(around))
        // It has limits and times of its own.
        .nest_service("/gw", gateway)
}

/// Ledger against chain.
fn reconciliation_routes() -> Router<App> {
    use command::reconciliation::{close_difference, request_reconciliation};
    use query::reconciliation::{get_difference, get_reconciliation, list_differences};
    Router::new()
        .route("/v1/reconciliation", get(get_reconciliation).post(request_reconciliation))
        .route("/v1/reconciliation/differences", get(list_differences))
        .route("/v1/reconciliation/differences/{id}", get(get_difference))
        .route("/v1/reconciliation/differences/{id}/close", post(close_difference))
}

/// Invoices and credit notes.
fn invoice_routes() -> Router<App> {
    use command::{credit_notes, invoices};
    Router::new()
        .route("/v1/invoices", post(invoices::create::create_invoice).get(query::invoices::list_invoices))
        .route("/v1/invoices/preview", post(query::invoices::preview::preview_invoice))
        .route("/v1/invoices/{id}", get(query::invoices::get_invoice))
        .route("/v1/invoices/{id}/lines", post(invoices::add_invoice_lines))
        .route("/v1/invoices/{id}/lines/{index}", delete(invoices::remove_invoice_line))
        .route("/v1/invoices/{id}/finalize", post(invoices::finalize_invoice))
        .route("/v1/invoices/{id}/discard", post(invoices::discard_invoice))
        .route("/v1/invoices/{id}/void", post(invoices::void_invoice))
        .route("/v1/invoices/{id}/mark_uncollectible", post(invoices::mark_invoice_uncollectible))
        .route("/v1/invoices/{id}/collect", post(invoices::collect_invoice))
        .route("/v1/invoices/{id}/pay", post(invoices::pay::pay_invoice))
        .route(
            "/v1/invoices/{id}/credit_notes",
            post(credit_notes::create_credit_note).get(query::invoices::credit_notes::list_invoice_credit_notes),
        )
        .route("/v1/invoices/{id}/pdf", get(query::invoices::document::get_invoice_pdf))
        .route("/v1/invoices/{id}/csv", get(query::invoices::document::get_invoice_csv))
        .route("/v1/invoices/{id}/explain", get(query::invoices::explain::explain_invoice))
        .route("/v1/credit_notes", get(query::invoices::credit_notes::list_credit_notes))
        .route("/v1/credit_notes/{id}/pdf", get(query::invoices::document::get_credit_note_pdf))
}

/// Payments, who makes them, what those say, and what they have paid out.
fn payment_routes() -> Router<App> {
    use command::{connectors, payments, payouts, webhooks};
    Router::new()
        .route("/v1/payments", post(payments::create::create_payment).get(query::payments::list_payments))
        .route("/v1/payments/{id}", get(query::payments::get_payment))
        .route("/v1/payments/{id}/capture", post(payments::capture_payment))
        .route("/v1/payments/{id}/cancel", post(payments::cancel_payment))
        .route("/v1/payments/{id}/refunds", post(payments::refund_payment))
        .route("/v1/connectors", post(connectors::create_connector).get(query::connectors::list_connectors))
        .route("/v1/connectors/{id}", get(query::connectors::get_connector).delete(connectors::remove_connector))
        .route("/v1/connectors/{id}/secrets", put(connectors::replace_connector_secrets))
        .route("/v1/webhooks", get(query::connectors::list_webhooks))
        .route(
            "/v1/webhooks/{connector_id}",
            post(webhooks::receive_webhook).layer(DefaultBodyLimit::max(webhooks::BODY_BYTES_MAX)),
        )
        .route(
            "/v1/payouts",
            post(payouts::import_payout)
                .layer(DefaultBodyLimit::max(payouts::BODY_BYTES_MAX))
                .get(query::payouts::list_payouts),
        )
        .route("/v1/payouts/{id}", get(query::payouts::get_payout))
        .route("/v1/payouts/{id}/lines/{index}/close", post(payouts::close_payout_line))
}

async fn not_found() -> Problem {
    Problem::not_found("route_not_found", "there is no such route")
}

async fn method_not_allowed() -> Problem {
    Problem::new(405, "method_not_allowed", "this route has no such method")
}

/// Gives each request an id, measures it, and writes problems out with that id.
async fn around(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = format!("req_{}", domain::ids::encode(Uuid::now_v7()));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let header_bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let mut response = if header_bytes > HEADER_BYTES_MAX {
        Problem::new(431, "headers_too_large", "the headers have more than 8 KiB").into_response()
    } else {
        next.run(request).await
    };
    if response.status() == StatusCode::REQUEST_TIMEOUT {
        let detail = "the request took longer than 30 s: the outcome is unknown, send the same request again";
        response = Problem::unavailable("timed_out", detail).into_response();
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if problem.status >= 500 {
            tracing::error!(request_id, %method, path = uri.path(), status = problem.status, code = problem.code, cause = problem.cause, "failed");
        }
        *response.body_mut() = Body::from(problem.body(&request_id));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    tracing::debug!(request_id, %method, path = uri.path(), status, micros = elapsed.as_micros() as u64, "request");
    time_of(route.as_ref().map_or("none", MatchedPath::as_str), status).record(elapsed.as_secs_f64());
    response
}

/// The histogram of a route's requests with this status. It is looked up for every request, so it is kept.
fn time_of(route: &str, status: u16) -> Histogram {
    static KEPT: LazyLock<RwLock<HashMap<u16, HashMap<String, Histogram>>>> = LazyLock::new(RwLock::default);
    let find = |kept: &HashMap<u16, HashMap<String, Histogram>>| kept.get(&status)?.get(route).cloned();
    if let Some(histogram) = find(&KEPT.read().unwrap_or_else(PoisonError::into_inner)) {
        return histogram;
    }
    let labels = [("route", route.to_owned()), ("status", status.to_string())];
    let histogram = metrics::histogram!("tollbook_http_request_seconds", &labels);
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    kept.entry(status).or_default().entry(route.to_owned()).or_insert(histogram).clone()
}
