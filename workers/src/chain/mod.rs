//! Everything between the log and a chain: [`listener`] brings in what the contract says ([`reading`] asks for it,
//! [`former`] knows what was told under other names), [`sights`] takes back what was told at first sight and came to
//! nothing, [`planner`] opens and plans settlements, [`settler`] signs, sends and follows transactions, and [`told`]
//! tells who waits for them. [`proof`] puts together what a claim needs. [`exact`] sends single payments, in a loop of
//! its own; [`elsewhere`] finds out whether somebody else has made their transfers.
//!
//! One leader for each loop. Every step is a command whose id follows from what caused it, so a crash
//! between any two steps repeats nothing, and a second leader does no harm. When the chain is away
//! the loops go on trying; charges never wait for it. When it is not the chain that was read before, [`watch`] halts
//! them until a person has looked; [`survey`] finds what differs, [`status`] says how they fare.

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

mod elsewhere;
pub mod exact;
mod former;
pub mod listener;
pub mod planner;
mod proof;
mod reading;
mod settler;
mod sights;
pub mod status;
pub mod survey;
mod told;
pub mod watch;

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
    /// The most that is paid for a unit of gas, in wei.
    pub max_fee_wei: u64,
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
    /// Transactions wait for a person.
    #[error("{0}")]
    Stalled(String),
    /// The chain is not the one that was read before. That may pass: it is looked at again before anything halts.
    #[error("the chain is not the one that was read before: {0}")]
    Contradicts(String),
    /// Nodes do not show all of one transaction yet, or cannot be asked for it. What else there is goes on; this is
    /// looked at again.
    #[error("{0}")]
    Unseen(String),
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

    /// What to tell of several: what is only looked at again hides nothing else.
    fn graver(known: Option<Self>, error: Self) -> Option<Self> {
        match known {
            None | Some(Self::Unseen(_)) => Some(error),
            known => known,
        }
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
    /// Where the streams of the installation itself live.
    partition: i32,
    listener: listener::State,
    watch: watch::State,
    planner: planner::State,
    queue: settler::Queue,
}

/// What may be done after the chain was listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Everything.
    All,
    /// It is read anew: what was sent before is sent again, and nothing new is planned.
    Again,
    /// Nothing, until a person has looked.
    Halted,
}

/// Works until cancelled.
pub async fn run(context: Context, chain: ChainContext, cancel: CancellationToken) {
    let Some(partition) = context.ledger.partitions().next() else { return };
    let round = if chain.client.settings().network.is_local { ROUND_LOCAL } else { ROUND };
    let mut worker = Worker {
        log: PostgresLog::new(context.pool.clone()),
        queue: settler::Queue::new(&context, chain.client.clone(), chain.key.clone(), chain.max_fee_wei, partition),
        context,
        chain: Arc::new(chain),
        partition,
        listener: listener::State::default(),
        watch: watch::State::default(),
        planner: planner::State::default(),
    };
    let mut fares = status::Fares::default();
    let mut away = false;
    // Said once, not each second.
    let mut said = None;
    loop {
        let ended = worker.round().await;
        worker.note_agreement(&ended).await;
        match (&ended, worker.queue.waits_for()) {
            (Ok(_), Some(why)) => fares.note(&worker, &Err(RoundError::Stalled(why.to_owned()))).await,
            _ => fares.note(&worker, &ended).await,
        }
        let pause = match ended {
            Ok(_) => {
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
                    match error {
                        RoundError::Chain(ChainError::Disagreement { .. }) => {
                            tracing::warn!(%error, "nodes of the chain disagree: charges go on, settlements wait");
                        }
                        RoundError::Chain(_) => {
                            tracing::warn!(%error, "the chain is away: charges go on, settlements wait");
                        }
                        RoundError::Contradicts(_) => tracing::warn!(%error, "the chain is looked at again"),
                        _ => tracing::error!(%error, "the chain's worker cannot go on"),
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
    async fn round(&mut self) -> Result<Heard, RoundError> {
        // What restricts a payer is heard first. Planning needs no chain: what cannot be sent now stands in
        // the log and is sent later. What the chain contradicts is not built upon.
        let listened = self.listen().await;
        match listened {
            Ok(Heard::Halted) | Err(RoundError::Contradicts(_)) => return listened,
            Ok(Heard::Again) => {
                self.queue.work().await?;
                return listened;
            }
            Ok(Heard::All) | Err(_) => {}
        }
        let planned = self.plan().await;
        let heard = listened?;
        self.pay_out().await?;
        self.queue.work().await?;
        planned.map(|()| heard)
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
