//! Making the session keys of a run: each is drawn up, signed by its owner, registered and funded on the
//! chain. All are registered first and then awaited together, for the chain takes its time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Timestamp;
use domain::money::Amount;
use domain::session_key::Custody;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::time::{Instant, sleep};

use super::client::{Client, Position};
use super::enrol::{EnrolError, Enrolled};
use super::load::retries;
use super::owner::{self, Owners};
use super::plan::{Plan, World};
use super::progress::Progress;
use super::session_api::{NewSessionKey, SessionKeyState};
use super::transport::CallError;
use super::wallet::{Session, VoucherKey};

/// How long the session keys of a run are usable: beyond any run.
const VALID_FOR: TimeDelta = TimeDelta::days(7);
/// How long all of them together may take to be active and funded.
const ACTIVE_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(250);

/// Why there are no session keys to charge.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// A limit cannot be kept by the ledger.
    #[error("a session key would need {0} USDC, more than the ledger keeps: make more session keys")]
    LimitTooLarge(rust_decimal::Decimal),
    /// A call failed.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// The chain, or the worker between it and the ledger, did not get that far.
    #[error(
        "{waiting} of {all} session keys are not active and funded after {} s, the first of them {id} ({status}): \
         is a worker with this chain running, and does the chain make blocks?",
        ACTIVE_WITHIN.as_secs()
    )]
    NotActive {
        /// How many.
        waiting: usize,
        /// Of so many.
        all: usize,
        /// The first.
        id: String,
        /// Where that is.
        status: String,
    },
}

/// What each session key of the plan may hold, in order.
pub fn limits(plan: &Plan) -> Result<Vec<Amount>, SessionsError> {
    let limit = |payer| Amount::new(plan.limit(payer)).map_err(|_| SessionsError::LimitTooLarge(plan.limit(payer)));
    plan.payers_of(World::Sessions).map(limit).collect()
}

/// Makes the session keys with a customer for each, `parallel` at a time, and waits until they can be
/// charged. `now` is the later of our time and the chain's.
pub async fn open(
    client: &Client,
    chain: &chain::Client,
    owners: &Owners,
    plan: &Plan,
    now: Timestamp,
    parallel: usize,
) -> Result<Vec<Enrolled>, SessionsError> {
    let limits = limits(plan)?;
    let end = now + VALID_FOR;
    // As the contract has it: in whole seconds.
    let valid_until = DateTime::from_timestamp(end.timestamp(), 0).unwrap_or(end);
    let opening = Opening { client, chain, owners, plan, valid_until };

    let mut progress = Progress::new("opening", limits.len());
    let mut opened = Vec::with_capacity(limits.len());
    let payers = plan.payers_of(World::Sessions).zip(limits);
    let mut steps = stream::iter(payers).map(|(payer, limit)| opening.open(payer, limit)).buffered(parallel);
    while let Some(session) = steps.try_next().await? {
        opened.push(session);
        progress.advance();
        progress.tick(retries(client));
    }
    drop((steps, progress));
    wait_until_active(client, &opened, parallel).await?;
    Ok(opened)
}

struct Opening<'a> {
    client: &'a Client,
    chain: &'a chain::Client,
    owners: &'a Owners,
    plan: &'a Plan,
    valid_until: DateTime<Utc>,
}

impl Opening<'_> {
    async fn open(&self, payer: usize, limit: Amount) -> Result<Enrolled, EnrolError> {
        let name = self.plan.external_id(payer);
        self.try_open(payer, limit, &name)
            .await
            .map_err(|source| EnrolError { what: format!("the session key {name}"), source })
    }

    async fn try_open(&self, payer: usize, limit: Amount, name: &str) -> Result<Enrolled, CallError> {
        let (client, plan) = (self.client, self.plan);
        let currency = World::Sessions.currency();
        let customer = client.create_customer(&plan.key("customer", payer), name, currency).await?.value;
        let impossible = |why: String| CallError::Impossible(why);
        let (address, key) = match plan.custody(payer) {
            Custody::Managed => (None, None),
            Custody::Client => {
                let (address, key) = VoucherKey::generate().map_err(|e| impossible(e.to_string()))?;
                (Some(address), Some(key))
            }
        };
        let owner = self.owners.of(payer - plan.customers);
        let wanted = NewSessionKey {
            customer_id: &customer.id,
            owner: owner.address(),
            key: address,
            limit,
            valid_until: self.valid_until,
        };
        let drawn_up = client.create_session_key(&plan.key("session", payer), &wanted).await?.value;
        let signed = owner::sign_opening(owner, self.chain.settings(), &wanted, &drawn_up)
            .map_err(|e| impossible(e.to_string()))?;
        let idempotency_key = plan.key("register", payer);
        client
            .register_session_key(&idempotency_key, &drawn_up.id, limit, signed.valid_before, &signed.signature)
            .await?;
        Ok(Enrolled {
            id: customer.id,
            granted: limit.decimal(),
            session: Some(Session { id: drawn_up.id, terms: signed.terms, key, owes: plan.most_owed(payer) }),
            position: drawn_up.position,
        })
    }
}

async fn wait_until_active(client: &Client, opened: &[Enrolled], parallel: usize) -> Result<(), SessionsError> {
    let deadline = Instant::now() + ACTIVE_WITHIN;
    let mut progress = Progress::new("funding", opened.len());
    let mut waiting: Vec<&Enrolled> = opened.iter().collect();
    loop {
        let polled = states(client, waiting.iter().copied(), parallel).await?;
        let mut still = Vec::new();
        let mut first = None;
        for (payer, state) in waiting.into_iter().zip(polled) {
            if is_ready(payer, &state) {
                progress.advance();
            } else {
                first.get_or_insert(state.status);
                still.push(payer);
            }
        }
        waiting = still;
        let Some((payer, status)) = waiting.first().zip(first) else { return Ok(()) };
        progress.tick("waiting for the chain".to_owned());
        if Instant::now() >= deadline {
            let id = payer.session.as_ref().map(|session| session.id.clone()).unwrap_or_default();
            return Err(SessionsError::NotActive { waiting: waiting.len(), all: opened.len(), id, status });
        }
        sleep(POLL).await;
    }
}

fn is_ready(payer: &Enrolled, state: &SessionKeyState) -> bool {
    state.status == "active" && state.deposited >= payer.granted
}

/// What the ledger says now of these session keys, in order.
pub async fn states(
    client: &Client,
    payers: impl Iterator<Item = &Enrolled>,
    parallel: usize,
) -> Result<Vec<SessionKeyState>, EnrolError> {
    let sessions = payers.filter_map(|payer| Some((payer.session.as_ref()?.id.as_str(), payer.position)));
    let reads = sessions.map(|(id, at)| read(client, id, at));
    stream::iter(reads).buffered(parallel).try_collect().await
}

async fn read(client: &Client, id: &str, at: Position) -> Result<SessionKeyState, EnrolError> {
    let state = client.session_key(id, at).await;
    state.map_err(|source| EnrolError { what: format!("the session key {id}"), source })
}
