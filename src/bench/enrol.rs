//! The payers of a run, made anew for it: customers with more credits than they can spend, and session keys with as
//! much in escrow as the test owners of a local chain can give.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use domain::money::Amount;
use domain::session_key::Custody;
use eventstore::LogPosition;
use futures::stream::{self, StreamExt, TryStreamExt};
use rust_decimal::Decimal;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use super::BenchError;
use super::args::BenchArgs;
use super::pick::Rng;
use super::world::{METER_USD, METER_USDC, Payer};
use crate::simulate::client::{Client, Position};
use crate::simulate::owner::{self, Owners};
use crate::simulate::session_api::NewSessionKey;
use crate::simulate::transport::CallError;
use crate::simulate::wallet::{Session, VoucherKey};

/// How many payers are made at a time.
const PARALLEL: usize = 32;
/// What a unit of the meter costs, in USD or USDC: 100 to 999 of it make a charge.
const UNIT_PRICE: Decimal = Decimal::from_parts(1, 0, 0, false, 6);
/// What each customer is given, in USD.
const CREDITS: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);
/// What is deposited for each session key, in USDC: 5 million of the most expensive charges.
const DEPOSIT: Decimal = Decimal::from_parts(5_000, 0, 0, false, 0);
/// How long the session keys are usable.
const VALID_FOR: TimeDelta = TimeDelta::days(7);
/// How long all of them together may take to be active and funded.
const FUNDED_WITHIN: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(250);

/// What a run has to do with.
#[derive(Debug)]
pub struct Enrolled {
    /// In no order, the same each time.
    pub payers: Vec<Payer>,
    /// Where the organization is in the log.
    pub partition: i32,
}

/// Makes the meters, the customers and the session keys.
pub async fn enrol(client: &Client, args: &BenchArgs, pool: &PgPool, run: &str) -> Result<Enrolled, BenchError> {
    let mut last = None;
    for (code, currency) in [(METER_USD, "USD"), (METER_USDC, "USDC")] {
        let set = client.put_meter(&format!("{run}-{code}"), code, UNIT_PRICE, currency).await;
        last = Some(set.map_err(failed("a meter"))?.value.position);
    }
    let making = stream::iter(0..args.customers).map(|number| customer(client, run, number));
    let mut payers: Vec<Payer> = making.buffered(PARALLEL).try_collect().await.map_err(failed("a customer"))?;
    if args.sessions > 0 {
        let wanted = Wanted { name: "session", count: args.sessions, deposit: DEPOSIT, custody: Custody::Managed };
        let sessions = session_keys(client, args, pool, run, wanted).await?;
        payers.extend(sessions.into_iter().map(|session| Payer::SessionKey(session.id)));
    }
    Rng::new(1).shuffle(&mut payers);
    let place: Option<LogPosition> = last.and_then(|position: Position| position.to_string().parse().ok());
    Ok(Enrolled { payers, partition: place.map_or(0, |place| place.partition) })
}

/// What a call that makes something met.
pub fn failed(what: &'static str) -> impl FnOnce(CallError) -> BenchError {
    move |source| BenchError::Enrol { what, source }
}

async fn customer(client: &Client, run: &str, number: usize) -> Result<Payer, CallError> {
    let name = format!("{run}-customer-{number}");
    let id = client.create_customer(&name, &name, "USD").await?.value.id;
    client.grant_credits(&format!("{name}-credits"), &id, CREDITS).await?;
    Ok(Payer::Account(id))
}

/// Session keys to be.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// What tells them from others of the run.
    pub name: &'static str,
    /// How many.
    pub count: usize,
    /// What is deposited for each, in USDC.
    pub deposit: Decimal,
    /// Who holds their keys.
    pub custody: Custody,
}

/// Makes session keys, each with a customer of its own, and waits until they can be charged.
pub async fn session_keys(
    client: &Client,
    args: &BenchArgs,
    pool: &PgPool,
    run: &str,
    wanted: Wanted,
) -> Result<Vec<Session>, BenchError> {
    let chain = args.chain.client().map_err(|error| BenchError::BadChain(error.to_string()))?;
    let chain = chain.ok_or(BenchError::NoChain)?;
    let limit = Amount::new(wanted.deposit).map_err(|error| BenchError::BadChain(error.to_string()))?;
    let owners = Owners::find(&chain, &vec![limit; wanted.count]).await?;
    let head = chain.head().await.map_err(owner::OwnerError::from)?;
    let end = eventstore::clock::now().max(head.time) + VALID_FOR;
    // As the contract has it: in whole seconds.
    let valid_until = DateTime::from_timestamp(end.timestamp(), 0).unwrap_or(end);
    let (chain, owners) = (&chain, &owners);
    let making = stream::iter(0..wanted.count).map(|number| async move {
        let impossible = |why: String| CallError::Impossible(why);
        let name = format!("{run}-{}-{number}", wanted.name);
        let customer = client.create_customer(&name, &name, "USDC").await?.value.id;
        let (address, key) = match wanted.custody {
            Custody::Managed => (None, None),
            Custody::Client => {
                let (address, key) = VoucherKey::generate().map_err(|error| impossible(error.to_string()))?;
                (Some(address), Some(key))
            }
        };
        let owner = owners.of(number);
        let asked = NewSessionKey { customer_id: &customer, owner: owner.address(), key: address, limit, valid_until };
        let drawn_up = client.create_session_key(&format!("{name}-key"), &asked).await?.value;
        let signed = owner::sign_opening(owner, chain.settings(), &asked, &drawn_up)
            .map_err(|error| impossible(error.to_string()))?;
        let register = format!("{name}-register");
        client.register_session_key(&register, &drawn_up.id, limit, signed.valid_before, &signed.signature).await?;
        Ok::<_, CallError>(Session { id: drawn_up.id, terms: signed.terms, key, owes: wanted.deposit })
    });
    let sessions: Vec<Session> = making.buffered(PARALLEL).try_collect().await.map_err(failed("a session key"))?;
    let ids: Vec<&str> = sessions.iter().map(|session| session.id.as_str()).collect();
    wait_until_funded(pool, &ids).await?;
    Ok(sessions)
}

/// The read model is asked, in one statement for all: what it says is in the log.
async fn wait_until_funded(pool: &PgPool, ids: &[&str]) -> Result<(), BenchError> {
    let uuids: Vec<uuid::Uuid> =
        ids.iter().filter_map(|id| id.parse::<domain::ids::SessionKeyId>().ok()).map(|id| id.uuid()).collect();
    let deadline = Instant::now() + FUNDED_WITHIN;
    loop {
        let ready: i64 = sqlx::query_scalar(
            "select count(*) from quota_sessions
             where session_key_id = any($1) and status = 'active' and deposited >= limit_amount",
        )
        .bind(&uuids)
        .fetch_one(pool)
        .await?;
        if usize::try_from(ready) == Ok(ids.len()) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(BenchError::NotFunded { ready, all: ids.len() });
        }
        sleep(POLL).await;
    }
}
