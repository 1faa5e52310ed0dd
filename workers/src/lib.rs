//! Everything that acts on events: the relay into NATS, the feed to the read models, the
//! sweep that ends what time ends, [`chain`], which settles on chain and listens to it, [`reconcile`], which compares the
//! ledger with it, and [`billing`], which makes invoices of subscriptions and usage and has them paid.
//!
//! Workers and the API never see each other: they meet in the log. Of each worker one process is
//! the [`leader`] at a time; that only saves work, for two at once would do no harm.

pub mod billing;
pub mod bus;
pub mod chain;
pub mod feed;
pub mod leader;
pub mod reconcile;
pub mod relay;
pub mod sweep;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use self::chain::ChainContext;
use self::chain::exact::ExactContext;
use bus::Bus;
use eventstore::log::Log;
use eventstore::vault::Vault;
use eventstore::{Ledger, StoreError};
use payments::Hosts;
use projections::runner::{FEED_BATCHES_MAX, Feed, Runner};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What a worker process can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Publish the log to NATS.
    Relay,
    /// Feed the read models.
    Projections,
    /// End what time ends.
    Sweep,
    /// Listen to the chain and settle on it; send exact payments to it; compare the ledger with it.
    Chain,
    /// Renew subscriptions, make invoices, have them paid.
    Billing,
}

/// Every role.
pub const ROLES: [Role; 5] = [Role::Relay, Role::Projections, Role::Sweep, Role::Chain, Role::Billing];

/// What workers work with.
#[derive(Clone)]
pub struct Context {
    /// The way into the log.
    pub ledger: Ledger,
    /// The database of the read models.
    pub pool: PgPool,
    /// NATS; without it the log alone is followed.
    pub bus: Option<Bus>,
    /// The chain, and the key that settles on it; without it nothing is settled.
    pub chain: Option<ChainContext>,
    /// The chain, and the key that sends exact payments to it; without it they wait.
    pub exact: Option<ExactContext>,
    /// How often ledger and chain are compared; the chain's own time when `None`.
    pub reconcile_every: Option<Duration>,
    /// Secrets of payment providers; without them no payment is collected.
    pub vault: Option<Vault>,
    /// Where payment providers may be.
    pub connector_hosts: Hosts,
}

impl Context {
    fn log(&self) -> &Arc<dyn Log> {
        self.ledger.log()
    }
}

/// Runs these roles until cancelled.
pub async fn run(context: Context, roles: &[Role], cancel: CancellationToken) -> Result<(), StoreError> {
    let mut tasks = JoinSet::new();
    for partition in context.log().partitions().await? {
        if let (true, Some(bus)) = (roles.contains(&Role::Relay), &context.bus) {
            let relay = relay::Relay::new(bus.clone(), context.clone(), partition);
            let lead =
                leader::lead(context.pool.clone(), format!("relay:{partition}"), cancel.clone(), move |cancel| {
                    relay.clone().run(cancel)
                });
            tasks.spawn(lead);
        }
        if roles.contains(&Role::Projections) {
            let context = context.clone();
            let lead =
                leader::lead(context.pool.clone(), format!("projections:{partition}"), cancel.clone(), move |cancel| {
                    run_projections(context.clone(), partition, cancel)
                });
            tasks.spawn(lead);
        }
        if roles.contains(&Role::Billing) {
            let context = context.clone();
            let lead =
                leader::lead(context.pool.clone(), format!("billing:{partition}"), cancel.clone(), move |cancel| {
                    billing::process::run(context.clone(), partition, cancel)
                });
            tasks.spawn(lead);
        }
    }
    if roles.contains(&Role::Billing) {
        let context = context.clone();
        let lead = leader::lead(context.pool.clone(), "billing".to_owned(), cancel.clone(), move |cancel| {
            billing::run(context.clone(), cancel)
        });
        tasks.spawn(lead);
    }
    if roles.contains(&Role::Sweep) {
        let context = context.clone();
        let lead = leader::lead(context.pool.clone(), "sweep".to_owned(), cancel.clone(), move |cancel| {
            sweep::run(context.clone(), cancel)
        });
        tasks.spawn(lead);
    }
    if let (true, Some(chain)) = (roles.contains(&Role::Chain), &context.chain) {
        let (context, chain) = (context.clone(), chain.clone());
        let name = format!("chain:{}", chain.client.settings().network.chain_id);
        let lead = leader::lead(context.pool.clone(), name, cancel.clone(), move |cancel| {
            self::chain::run(context.clone(), chain.clone(), cancel)
        });
        tasks.spawn(lead);
    }
    if let (true, Some(exact)) = (roles.contains(&Role::Chain), &context.exact) {
        let (context, exact) = (context.clone(), exact.clone());
        let name = format!("exact:{}", exact.client.settings().network.chain_id);
        let lead = leader::lead(context.pool.clone(), name, cancel.clone(), move |cancel| {
            self::chain::exact::run(context.clone(), exact.clone(), cancel)
        });
        tasks.spawn(lead);
    }
    let of_exact = || context.exact.as_ref().map(|exact| exact.client.clone());
    let client = context.chain.as_ref().map(|chain| chain.client.clone()).or_else(of_exact);
    if let (true, Some(client)) = (roles.contains(&Role::Chain), client) {
        let context = context.clone();
        let name = format!("reconcile:{}", client.settings().network.chain_id);
        let lead = leader::lead(context.pool.clone(), name, cancel.clone(), move |cancel| {
            reconcile::run(context.clone(), client.clone(), cancel)
        });
        tasks.spawn(lead);
    }
    // A panic in one worker must not pass unseen: the process ends and is started anew.
    while let Some(ended) = tasks.join_next().await {
        if let Err(panic) = ended {
            tracing::error!(%panic, "a worker has failed");
            cancel.cancel();
        }
    }
    Ok(())
}

async fn run_projections(context: Context, partition: i32, cancel: CancellationToken) {
    let feed = Feed::new(FEED_BATCHES_MAX);
    let turn = Arc::new(Semaphore::new(1));
    let mut tasks = JoinSet::new();
    for projection in projections::all() {
        let runner = Runner {
            projection,
            partition,
            // Rows and checkpoint are lost together or kept together: no fsync is worth waiting for.
            pool: eventstore::postgres::connect::unhurried(&context.pool, 1),
            log: context.log().clone(),
            feed: feed.subscribe(),
            turn: turn.clone(),
        };
        tasks.spawn(runner.run(cancel.clone()));
    }
    tasks.spawn(feed::Source::new(context, partition, feed).run(cancel));
    while let Some(ended) = tasks.join_next().await {
        if let Err(panic) = ended {
            tracing::error!(%panic, "a read model has failed");
            std::process::abort();
        }
    }
}
