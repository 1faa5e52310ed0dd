//! Asks payment providers for what the log says is to be asked, and takes in what they answer.
//!
//! What is to be asked is in the log before it is asked, and asked again until the answer is known: the provider does
//! it once, for its idempotency key follows from the payment and the step. So a crash before the answer is in the log
//! makes nobody pay twice. What is made of answers and refusals is said by [`payments::asking`].
//!
//! A payment that waits at its provider hears of it by a message. Messages are lost: so it is looked at now and then
//! ([`turns::Looks`]).
//!
//! Each call is a task of its own, and no call waits for another: [`turns`] says who may be called, so that neither an
//! organization nor a provider that does not answer stands in the way of the others.

use std::time::Duration;

use eventstore::clock;
use eventstore::vault::Vault;
use projections::billing::collecting::{self, PaymentRow};
use sqlx::PgPool;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::calling::{Caller, Done};
use self::turns::{Cursors, LOOK_FIRST, Looks, Turn, Turns, Why};
use crate::Context;

mod calling;
mod turns;

pub(super) use calling::account;

/// How often it is looked for what is to be asked, and for what waits at providers.
const ASK_EVERY: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often what is long over is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Connectors per turn; the others have theirs in the next.
const CONNECTORS_MAX: i64 = 500;
/// Payments of a connector per turn.
const PAYMENTS_MAX: i64 = 100;

/// What is remembered between turns. Losing it costs only calls.
#[derive(Default)]
struct Collector {
    turns: Turns,
    asking: Cursors,
    waiting: Cursors,
    looks: Looks,
}

/// Collects until cancelled.
pub(super) async fn run(context: Context, vault: Vault, cancel: CancellationToken) {
    let caller = Caller { context, vault };
    let mut collector = Collector::default();
    // A call that is cut off is made again, with the same key.
    let mut calls: JoinSet<Done> = JoinSet::new();
    let (mut ask, mut look, mut forget) = (every(ASK_EVERY), every(LOOK_EVERY), every(FORGET_EVERY));
    loop {
        let why = tokio::select! {
            () = cancel.cancelled() => return,
            Some(ended) = calls.join_next() => {
                collector.end(ended);
                continue;
            }
            _ = forget.tick() => {
                collector.forget();
                continue;
            }
            _ = ask.tick() => Why::Ask,
            _ = look.tick() => Why::Look,
        };
        match collector.turn(&caller.context.pool, why).await {
            Ok(rows) => {
                for row in rows {
                    calls.spawn(caller.clone().call(row, why));
                }
            }
            Err(error) => tracing::debug!(%error, "payments wait for the database"),
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

impl Collector {
    /// Whom to call now.
    async fn turn(&mut self, pool: &PgPool, why: Why) -> Result<Vec<PaymentRow>, sqlx::Error> {
        let (now, today) = (Instant::now(), clock::now());
        let cursors = match why {
            Why::Ask => &mut self.asking,
            Why::Look => &mut self.waiting,
        };
        let connectors = match why {
            Why::Ask => collecting::asking_connectors(pool, cursors.connector(), CONNECTORS_MAX).await?,
            Why::Look => collecting::waiting_connectors(pool, cursors.connector(), CONNECTORS_MAX).await?,
        };
        cursors.went_on(&connectors, CONNECTORS_MAX);
        let open: Vec<Uuid> = connectors.into_iter().filter(|id| self.turns.has_room(*id, why, now)).collect();
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let after = cursors.after(&open);
        let rows = match why {
            Why::Ask => collecting::asking_payments(pool, &open, &after, PAYMENTS_MAX).await?,
            Why::Look => collecting::waiting_payments(pool, &open, &after, today - LOOK_FIRST, PAYMENTS_MAX).await?,
        };
        let (turns, looks) = (&mut self.turns, &self.looks);
        Ok(cursors.choose(&open, rows, PAYMENTS_MAX, |row| match why {
            Why::Look if !looks.is_due(row, today) => Turn::Passed,
            _ => turns.take(row, why, now),
        }))
    }

    /// A call is over.
    fn end(&mut self, ended: Result<Done, JoinError>) {
        let Done { row, why, outcome } = match ended {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                // It must not pass unseen.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        self.turns.end(&row, why, outcome, Instant::now());
        if why == Why::Look {
            self.looks.looked(&row, outcome, clock::now());
        }
    }

    fn forget(&mut self) {
        self.turns.forget(Instant::now());
        self.looks.forget(clock::now());
    }
}
