//! Everything between the log and a chain: [`listener`] brings in what the contract says, [`planner`]
//! opens and plans settlements, [`settler`] signs, sends and follows transactions, and [`told`] tells who waits for
//! them. [`proof`] puts together what a claim needs. [`exact`] sends single payments, in a loop of its own.
//!
//! One leader for each loop. Every step is a command whose id follows from what caused it, so a crash
//! between any two steps repeats nothing, and a second leader does no harm. When the chain is away
//! the loops go on trying; charges never wait for it.

use std::sync::Arc;
use std::time::Duration;

use chain::networks::Network;
use chain::settler::SettlerKey;
use chain::{ChainError, Client};
use chrono::TimeDelta;
use domain::ids::{self, OrganizationId};
use domain::money::Amount;
use domain::{Aggregate, StreamId};
use eventstore::postgres::PostgresLog;
use eventstore::vault::Vault;
use eventstore::{ExecuteError, Executed, StoreError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Context;

pub mod exact;
pub mod listener;
pub mod planner;
mod proof;
mod settler;
mod told;

/// Between two rounds on a local chain, and on others.
const ROUND_LOCAL: Duration = Duration::from_millis(250);
const ROUND: Duration = Duration::from_secs(2);
/// Between two rounds after one that went wrong.
const PAUSE: Duration = Duration::from_secs(1);

/// When settlements are opened.
#[derive(Debug, Clone, Copy)]
pub struct SettlementRules {
    /// When this much is unsettled for a payee.
    pub threshold: Amount,
    /// When something is unsettled for this long.
    pub age: TimeDelta,
}

/// What the chain's worker works with.
#[derive(Clone)]
pub struct ChainContext {
    /// The chain.
    pub client: Client,
    /// Who sends and pays for transactions.
    pub key: SettlerKey,
    /// Managed session keys.
    pub vault: Vault,
    /// When to settle.
    pub rules: SettlementRules,
}

/// Why a round ended early. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The log.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A command was denied that should not be.
    #[error("{0}")]
    Denied(String),
}

impl RoundError {
    /// Whether it will pass by itself, and the next thing would fail just so.
    const fn is_weather(&self) -> bool {
        matches!(
            self,
            Self::Chain(_)
                | Self::Store(StoreError::Unavailable(_))
                | Self::Execute(ExecuteError::Overloaded | ExecuteError::Store(StoreError::Unavailable(_)))
        )
    }
}

impl From<sqlx::Error> for RoundError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// One chain's worker.
pub struct Worker {
    context: Context,
    chain: Arc<ChainContext>,
    log: PostgresLog,
    listener: listener::State,
    planner: planner::State,
    queue: settler::Queue,
}

/// Works until cancelled.
pub async fn run(context: Context, chain: ChainContext, cancel: CancellationToken) {
    let Some(partition) = context.ledger.partitions().next() else { return };
    let round = if chain.client.settings().network.is_local { ROUND_LOCAL } else { ROUND };
    let mut worker = Worker {
        log: PostgresLog::new(context.pool.clone()),
        queue: settler::Queue::new(context.ledger.clone(), chain.client.clone(), chain.key.clone(), partition),
        context,
        chain: Arc::new(chain),
        listener: listener::State::default(),
        planner: planner::State::default(),
    };
    let mut away = false;
    // Said once, not each second.
    let mut said = None;
    loop {
        let pause = match worker.round().await {
            Ok(()) => {
                said = None;
                if std::mem::take(&mut away) {
                    tracing::info!("the chain answers again");
                }
                round
            }
            Err(error) => {
                let text = error.to_string();
                let is_chain = matches!(error, RoundError::Chain(_));
                if said.as_ref() != Some(&text) {
                    match is_chain {
                        true => tracing::warn!(%error, "the chain is away: charges go on, settlements wait"),
                        false => tracing::error!(%error, "the chain's worker cannot go on"),
                    }
                    said = Some(text);
                }
                away |= is_chain;
                metrics::counter!("tollbook_chain_errors_total").increment(1);
                PAUSE
            }
        };
        metrics::gauge!("tollbook_chain_up").set(if away { 0.0 } else { 1.0 });
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Worker {
    async fn round(&mut self) -> Result<(), RoundError> {
        // What restricts a payer is heard first. Planning needs no chain: what cannot be sent now stands in
        // the log and is sent later.
        let listened = self.listen().await;
        let planned = self.plan().await;
        listened?;
        self.pay_out().await?;
        self.queue.work().await?;
        planned
    }

    fn network(&self) -> &Network {
        &self.chain.client.settings().network
    }

    fn chain_id(&self) -> i64 {
        i64::try_from(self.network().chain_id).unwrap_or(i64::MAX)
    }

    fn contract(&self) -> String {
        self.chain.client.settings().contract.to_string()
    }

    /// See [`settler::Queue::execute`].
    async fn execute<A: Aggregate>(
        &self,
        organization_id: OrganizationId,
        partition: i32,
        stream: StreamId,
        cause: Uuid,
        command: A::Command,
    ) -> Result<Result<Executed<A>, A::Error>, ExecuteError> {
        self.queue.execute::<A>(organization_id, partition, stream, cause, command).await
    }
}

/// An id that follows from its cause.
fn caused(cause: &[&[u8]]) -> Uuid {
    let mut parts: Vec<&[u8]> = vec![b"chain worker"];
    parts.extend(cause);
    ids::derive(&parts)
}
