//! A running process: the API, the workers, or both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::gateway::GatewaySettings;
use axum::serve::ListenerExt;
use domain::evm::Address;
use eventstore::Ledger;
use eventstore::vault::{Keys, Vault};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use payments::Hosts;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use workers::bus::Bus;
use workers::chain::ChainContext;
use workers::chain::exact::ExactContext;

use crate::cli::{ServeArgs, UpArgs, WorkArgs};
use crate::config::{Exact, Settling};
use crate::seed;

type Error = Box<dyn std::error::Error>;

/// How long requests may take to end when the process is to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// Buckets of every duration that is measured, in seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Buckets of batch sizes.
const BATCH: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// `tollbook up`: everything in one process.
pub async fn up(args: UpArgs) -> Result<(), Error> {
    let keys = args.serve.secrets.keys()?;
    args.serve.store.migrate().await?;
    let (pool, ledger) = args.serve.store.ledger().await?;
    let bus = args.serve.bus.connect().await?;
    let secret = seed::first_key(&ledger, &pool, &keys, args.env_file.as_deref()).await?;
    let cancel = stop_on_signal();
    let metrics = install_metrics()?;
    let listener = listen(args.serve.listen).await?;
    let address = listener.local_addr()?;
    let gateway = GatewayParts::listen(&args.serve).await?;
    let gateway_url = gateway.url()?;
    let client = args.serve.chain.client()?;
    if let Some(payee) = args.payee {
        seed::first_payee(&ledger, &pool, payee).await?;
    }
    let vault = Vault::new(pool.clone(), keys.clone());
    let chain = chain_worker(client.clone(), &args.settling, vault.clone())?;
    let exact = exact_worker(client.clone(), &args.serve.exact, &args.settling)?;
    let exact_settler = args.serve.exact.address()?;
    let context = workers::Context {
        ledger: ledger.clone(),
        pool: pool.clone(),
        bus: bus.clone(),
        chain,
        exact,
        vault: Some(vault),
        connector_hosts: args.serve.connectors.hosts(),
        reconcile_every: args.settling.reconcile_every(),
    };
    let working = tokio::spawn({
        let cancel = cancel.clone();
        async move { workers::run(context, &workers::ROLES, cancel).await }
    });
    let url = format!("http://{address}");
    if let Some(file) = &args.env_file {
        let nats = args.serve.bus.nats_url.as_deref().unwrap_or("");
        let chain = &args.serve.chain;
        let text = |address: Option<Address>| address.map_or(String::new(), |address| address.to_string());
        let (contract, payee) = (text(chain.contract), text(args.payee));
        let usdc = text(chain.usdc.or_else(|| chain.network.usdc()));
        let mut assignments = vec![
            ("TOLLBOOK_URL", url.as_str()),
            ("TOLLBOOK_GATEWAY_URL", &gateway_url),
            ("TOLLBOOK_API_KEY", &secret),
            ("DATABASE_URL", &args.serve.store.database_url),
            ("NATS_URL", nats),
        ];
        if client.is_some() {
            assignments.extend([
                ("EVM_RPC_URL", chain.evm_rpc_url.as_ref().map_or("", |url| url.0.as_str())),
                ("TOLLBOOK_NETWORK", chain.network.name),
                ("TOLLBOOK_CONTRACT", &contract),
                ("TOLLBOOK_USDC", &usdc),
                ("TOLLBOOK_PAYEE", &payee),
            ]);
        }
        // What is empty would be read as a value.
        assignments.retain(|(name, value)| !value.is_empty() || *name == "NATS_URL");
        seed::write(file, &assignments)?;
    }
    let connector_hosts = args.serve.connectors.hosts();
    let parts = Parts { ledger, pool, keys, bus, chain: client, exact_settler, connector_hosts, gateway, metrics };
    let serving = tokio::spawn(serve_on(listener, parts, cancel.clone()));
    println!(
        "\nTollbook is ready.\n\n  URL       {url}\n  Gateway   {gateway_url}\n  API key   {secret}\n  API docs  {url}/docs\n\nA first call:\n\n  \
         curl {url}/v1/customers -H 'Authorization: Bearer {secret}' \\\n    -H 'Content-Type: application/json' -d '{{\"external_id\":\"first\"}}'\n"
    );
    let served = serving.await;
    cancel.cancel();
    working.await??;
    served?.map_err(Into::into)
}

/// `tollbook serve`: the API and the gateway alone.
pub async fn serve(args: ServeArgs) -> Result<(), Error> {
    let keys = args.secrets.keys()?;
    let chain = args.chain.client()?;
    let exact_settler = args.exact.address()?;
    let (pool, ledger) = args.store.ledger().await?;
    let bus = args.bus.connect().await?;
    let cancel = stop_on_signal();
    let metrics = install_metrics()?;
    let listener = listen(args.listen).await?;
    let gateway = GatewayParts::listen(&args).await?;
    println!("Tollbook serves on http://{}, its gateway on {}", listener.local_addr()?, gateway.url()?);
    let connector_hosts = args.connectors.hosts();
    let parts = Parts { ledger, pool, keys, bus, chain, exact_settler, connector_hosts, gateway, metrics };
    Ok(serve_on(listener, parts, cancel).await?)
}

/// `tollbook work`: the workers alone.
pub async fn work(args: WorkArgs) -> Result<(), Error> {
    let (pool, ledger) = args.store.ledger().await?;
    let bus = args.bus.connect().await?;
    let roles: Vec<workers::Role> = if args.only.is_empty() {
        workers::ROLES.to_vec()
    } else {
        args.only.iter().map(|name| (*name).into()).collect()
    };
    if bus.is_none() && roles.contains(&workers::Role::Relay) {
        tracing::warn!("NATS_URL is not set: nothing is relayed, the read models follow the log");
    }
    let (chain, exact) = match args.chain.client()? {
        Some(client) if roles.contains(&workers::Role::Chain) => {
            let vault = Vault::new(pool.clone(), args.secrets.keys()?);
            let exact = exact_worker(Some(client.clone()), &args.exact, &args.settling)?;
            (chain_worker(Some(client), &args.settling, vault)?, exact)
        }
        _ => (None, None),
    };
    // Without its key billing goes on, and asks no payment provider.
    let vault = match roles.contains(&workers::Role::Billing) && args.secrets.are_set() {
        true => Some(Vault::new(pool.clone(), args.secrets.keys()?)),
        false => None,
    };
    println!("Tollbook works: {roles:?}");
    let connector_hosts = args.connectors.hosts();
    let reconcile_every = args.settling.reconcile_every();
    let context = workers::Context { ledger, pool, bus, chain, exact, vault, connector_hosts, reconcile_every };
    Ok(workers::run(context, &roles, stop_on_signal()).await?)
}

/// What the chain's worker needs; `None` when there is no chain, or nobody to settle on it.
fn chain_worker(
    client: Option<chain::Client>,
    settling: &Settling,
    vault: Vault,
) -> Result<Option<ChainContext>, Error> {
    let Some(client) = client else { return Ok(None) };
    let Some(key) = settling.key()? else {
        tracing::warn!(
            "EVM_RPC_URL is set and TOLLBOOK_SETTLER_KEY is not: nothing is settled, the chain is not followed"
        );
        return Ok(None);
    };
    let max_fee_wei = settling.max_fee_wei(&client.settings().network);
    Ok(Some(ChainContext { client, key, vault, rules: settling.rules(), max_fee_wei }))
}

/// What is needed to send exact payments; `None` when there is no chain, or nobody to send them.
fn exact_worker(
    client: Option<chain::Client>,
    exact: &Exact,
    settling: &Settling,
) -> Result<Option<ExactContext>, Error> {
    let key = exact.key(settling.key()?.as_ref())?;
    Ok(client.zip(key).map(|(client, key)| {
        let max_fee_wei = settling.max_fee_wei(&client.settings().network);
        ExactContext { client, key, max_fee_wei }
    }))
}

/// What the API is put together from.
struct Parts {
    ledger: Ledger,
    pool: PgPool,
    keys: Keys,
    bus: Option<Bus>,
    chain: Option<chain::Client>,
    exact_settler: Option<Address>,
    connector_hosts: Hosts,
    gateway: GatewayParts,
    metrics: PrometheusHandle,
}

/// The gateway's own port, and what it has to be told.
struct GatewayParts {
    listener: TcpListener,
    settings: GatewaySettings,
}

impl GatewayParts {
    async fn listen(args: &ServeArgs) -> Result<Self, Error> {
        let listener = listen(args.gateway.gateway_listen).await?;
        Ok(Self { listener, settings: args.gateway.settings() })
    }

    fn url(&self) -> std::io::Result<String> {
        Ok(format!("http://{}", self.listener.local_addr()?))
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {e}").into())
}

async fn serve_on(listener: TcpListener, parts: Parts, cancel: CancellationToken) -> std::io::Result<()> {
    let Parts { ledger, pool, keys, bus, chain, exact_settler, connector_hosts, gateway, metrics } = parts;
    let nats = bus.map(|bus| {
        let asked = bus.clone();
        api::app::CopyInNats {
            is_up: Arc::new(move || bus.is_connected()),
            last_position: Arc::new(move |partition| {
                let bus = asked.clone();
                Box::pin(async move { bus.last_position(partition).await })
            }),
        }
    });
    let vault = Vault::new(pool.clone(), keys);
    let metrics_shown = metrics.clone();
    let settings =
        api::Settings { ledger, pool, vault, nats, chain, exact_settler, connector_hosts, metrics: metrics_shown };
    let app = api::App::new(settings).await.map_err(std::io::Error::other)?;
    let GatewayParts { listener: gateway_listener, settings } = gateway;
    let gateway = api::gateway::router(app.clone(), settings).map_err(std::io::Error::other)?;
    let router = api::router(app, gateway.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|stream| {
        // Small answers must not wait for company.
        let _ = stream.set_nodelay(true);
    });
    let stop = cancel.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    tokio::spawn(upkeep(metrics, cancel.clone()));
    let gateway_serving = tokio::spawn(api::gateway::serve::serve(gateway_listener, gateway, cancel.clone()));
    // Both take no more when they are cancelled, and end when what is under way has ended.
    let both = async { tokio::join!(serving.into_future(), gateway_serving).0 };
    tokio::select! {
        ended = both => ended,
        // Streams of events never end by themselves.
        () = async { cancel.cancelled().await; tokio::time::sleep(DRAIN_WITHIN).await } => Ok(()),
    }
}

/// Histograms are drained now and then, also when nobody reads `/metrics`.
async fn upkeep(metrics: PrometheusHandle, cancel: CancellationToken) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = every.tick() => metrics.run_upkeep(),
        }
    }
}

fn install_metrics() -> Result<PrometheusHandle, Error> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_batch_events".to_owned()), &BATCH)?
        .install_recorder()?;
    for (name, text) in [
        ("tollbook_log_position", "The last position this process appended, by partition"),
        ("tollbook_writer_queue", "Commands that wait for the writer, by partition"),
        ("tollbook_relay_lag_events", "Events of the log that are not in NATS yet, by partition"),
        ("tollbook_chain_up", "Whether the chain answered in the last round"),
        ("tollbook_chain_head_block", "The newest block that was read"),
        ("tollbook_chain_final_block", "The newest block that can no longer go away"),
        ("tollbook_chain_halted", "Whether the chain is another one than was read: a person must look"),
        ("tollbook_chain_disagreement", "Whether nodes of the chain say different things"),
        ("tollbook_chain_stuck", "Whether the chain's worker cannot go on, and it does not pass by itself"),
        ("tollbook_settler_balance_wei", "What an address that sends transactions has for gas, in wei, by address"),
        ("tollbook_settler_queue", "Transactions that have no block yet, by address"),
        ("tollbook_settler_stalled", "Whether transactions wait for a person, by address and reason"),
        ("tollbook_settler_resending", "Whether what a chain has lost is being sent again, by address"),
        ("tollbook_settlements_parked", "Settlements of which three attempts came to nothing: a person must look"),
        ("tollbook_reconciliation_open", "Differences between ledger and chain that nobody has decided on"),
        ("tollbook_reconciliation_block", "The block as of which ledger and chain were last compared"),
        ("tollbook_projection_lag_events", "Events of the log that a read model has not taken in yet"),
        ("tollbook_gateway_streams", "Answers of the gateway that are being passed on as they come"),
        ("tollbook_billing_lag_seconds", "How long ago the event was written that billing has come to, by partition"),
        (
            "tollbook_billing_parked",
            "Events of which not all that follows could be done: a person should look, by partition",
        ),
    ] {
        metrics::describe_gauge!(name, text);
    }
    for (name, text) in [
        ("tollbook_append_seconds", "Time of one append to the log, its fsync included"),
        ("tollbook_append_batch_events", "Events appended together"),
        ("tollbook_projection_apply_seconds", "Time of one batch of a read model"),
        ("tollbook_http_request_seconds", "Time of one request, by route and status"),
        ("tollbook_gateway_upstream_seconds", "Time that an upstream took, until its answer began to be passed on"),
        ("tollbook_gateway_overhead_seconds", "Time that the gateway added to that"),
    ] {
        metrics::describe_histogram!(name, text);
    }
    for (name, text) in [
        ("tollbook_chain_errors_total", "Rounds of the chain's workers that ended early"),
        ("tollbook_chain_resent_unpaid_total", "Claims and transactions that paid once and not when sent again"),
        ("tollbook_chain_sights_undone_total", "What was taken back because its block went away, by what it was"),
        ("tollbook_settlements_total", "Settlements, by what became of them"),
        ("tollbook_claims_skipped_total", "Claims that the contract skipped, by its reason"),
        ("tollbook_settler_replaced_total", "Transactions that were signed again with a higher fee"),
        ("tollbook_settler_reorganized_total", "Transactions whose block went away"),
        ("tollbook_settler_displaced_total", "Transactions whose nonce somebody else used: a person should look"),
        ("tollbook_settler_stalls_total", "Times that transactions began to wait for a person, by reason"),
        ("tollbook_exact_payments_total", "Exact payments, by what became of them"),
        ("tollbook_reconciliation_errors_total", "Comparisons of ledger and chain that ended early"),
        ("tollbook_webhooks_total", "Messages of payment providers that were taken in, by what became of them"),
        ("tollbook_webhooks_refused_total", "Messages that no provider can have sent, or not like this, by why"),
        ("tollbook_gateway_requests_total", "Requests to the gateway, by what became of them"),
        ("tollbook_gateway_streams_ended_total", "Answers that were not passed on to their end, by why"),
        ("tollbook_gateway_uncovered_total", "Requests of which not all was paid for, by why"),
        ("tollbook_billing_steps_total", "What followed from events of billing, by step"),
        ("tollbook_billing_retries_total", "Times that billing had to try again what follows from an event"),
        ("tollbook_billing_denied_total", "Steps of billing that were denied: a person should look, by step"),
        ("tollbook_payment_calls_total", "Calls to payment providers, by step and by what became of them"),
    ] {
        metrics::describe_counter!(name, text);
    }
    Ok(handle)
}

/// Cancelled by Ctrl-C and by SIGTERM.
fn stop_on_signal() -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                },
                Err(_) => {
                    let _ = tokio::signal::ctrl_c().await;
                }
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("stopping");
        token.cancel();
    });
    cancel
}
