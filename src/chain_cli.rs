//! `tollbook chain status` and `tollbook chain confirm`: how the chain is followed, and a person's word when it is not
//! the one that was read. Both work on the database; the nodes are asked where they are set.

use chain::Client;
use clap::Args;
use domain::chain_watch::{ChainWatch, HaltReason};
use domain::evm::Address;
use domain::ids::SessionKeyId;
use domain::settler::Settler;
use eventstore::Ledger;
use eventstore::postgres::PostgresLog;
use sqlx::PgPool;
use workers::chain::status::Status;
use workers::chain::survey::Restating;
use workers::chain::{status, survey, watch};

use crate::config::{Chain, Store};

type Error = Box<dyn std::error::Error>;

/// As events name whoever has the database.
const OPERATOR: &str = "system:operator";
/// Characters of a note.
const NOTE_CHARS_MAX: usize = 1_000;
/// Session keys that are looked up at a time.
const PAGE: i64 = 500;

/// Options of `chain status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    chain: Chain,
}

/// Options of `chain confirm`.
#[derive(Debug, Args)]
pub struct ConfirmArgs {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    chain: Chain,
    /// What you have found, and why it may go on: it stands in the log
    #[arg(long, value_parser = note)]
    note: String,
    /// Afterwards, when all was sent again: take over what the chain says lies in escrow where that is less than the log
    /// has. Such deposits do not come again
    #[arg(long, conflicts_with = "give_up")]
    restate: bool,
    /// Send nothing more again for the settler with this address, whose key is no longer in use: what the chain has lost
    /// of it stays lost
    #[arg(long, value_name = "ADDRESS")]
    give_up: Option<Address>,
}

fn note(text: &str) -> Result<String, String> {
    let fits = (1..=NOTE_CHARS_MAX).contains(&text.chars().count()) && !text.trim().is_empty();
    let fits = fits && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(format!("1 to {NOTE_CHARS_MAX} characters in one line")) }
}

/// What both work with.
struct Place {
    pool: PgPool,
    ledger: Ledger,
    client: Option<Client>,
    chain_id: u64,
    contract: Address,
}

impl Place {
    async fn open(store: &Store, chain: &Chain) -> Result<Self, Error> {
        let contract = chain.contract.ok_or("set TOLLBOOK_CONTRACT")?;
        let client = chain.client()?;
        let (pool, ledger) = store.ledger().await?;
        Ok(Self { pool, ledger, client, chain_id: chain.network.chain_id, contract })
    }

    async fn watch(&self) -> Result<ChainWatch, Error> {
        Ok(watch::load(&self.ledger, self.chain_id, self.contract).await?.state)
    }

    async fn status(&self) -> Result<Option<Status>, Error> {
        Ok(status::status(&self.pool, self.chain_id, self.contract).await?)
    }

    async fn settlers(&self) -> Result<Vec<(Address, Settler)>, Error> {
        let log = PostgresLog::new(self.pool.clone());
        Ok(survey::settlers(&self.ledger, &log, self.chain_id).await?)
    }
}

/// `tollbook chain status`. Whether all is well.
pub async fn show(args: StatusArgs) -> Result<bool, Error> {
    let place = Place::open(&args.store, &args.chain).await?;
    println!("chain {} ({}), contract {}", args.chain.network.name, place.chain_id, place.contract);
    let mut is_well = show_reading(place.status().await?.as_ref());
    if let Some(client) = &place.client {
        for endpoint in client.endpoints().await {
            match endpoint.state {
                Ok((head, last_final)) => {
                    println!("node {}: newest block {}, final {}", endpoint.host, head.number, number(last_final));
                }
                Err(error) => println!("node {}: {error}", endpoint.host),
            }
        }
    }
    is_well &= show_watch(&place.watch().await?);
    for (address, settler) in place.settlers().await? {
        is_well &= show_settler(place.client.as_ref(), address, &settler).await;
    }
    println!("{}", if is_well { "ok" } else { "a person should look" });
    Ok(is_well)
}

fn number(block: Option<u64>) -> String {
    block.map_or_else(|| "none".to_owned(), |number| number.to_string())
}

fn show_reading(status: Option<&Status>) -> bool {
    let Some(status) = status else {
        println!("no worker has followed this chain yet");
        return true;
    };
    println!("read up to block {}", number(status.last_read));
    let heard = status.heard_at.map_or_else(|| "never".to_owned(), |at| at.to_rfc3339());
    println!(
        "the worker last saw block {}, final {}, at {heard}; {} sights are not final",
        number(status.head),
        number(status.last_final),
        status.sights
    );
    if status.reads_anew {
        println!("it is read anew: nothing new is settled before what was sent is sent again");
    }
    if let Some((since, why)) = &status.stuck {
        println!("the worker is stuck since {}: {why}", since.to_rfc3339());
    }
    status.stuck.is_none()
}

fn show_watch(watch: &ChainWatch) -> bool {
    if let Some((halted, since)) = &watch.halted {
        println!("halted since {}: {}", since.to_rfc3339(), halted.reason.name());
        let now = match (halted.reason, halted.found_hash) {
            (HaltReason::Replaced, Some(found)) => format!("now it is {found}"),
            _ => format!("now the newest is {}", halted.head),
        };
        println!("  block {} was {}, {now}", halted.last_block, halted.last_hash);
        for difference in &halted.differences {
            println!("  {difference}");
        }
        for plan in &halted.resend {
            println!("  settler {} would send nonces {} to {} again", plan.settler, plan.first_nonce, plan.last_nonce);
        }
        println!("  when you know why: tollbook chain confirm --note \"…\"");
    }
    if let Some((seen, since)) = &watch.disagreement {
        println!("nodes disagree on {} since {}", seen.what, since.to_rfc3339());
        for answer in &seen.answers {
            println!("  {}: {}", answer.endpoint, answer.answer);
        }
    }
    watch.halted.is_none() && watch.disagreement.is_none()
}

async fn show_settler(client: Option<&Client>, address: Address, settler: &Settler) -> bool {
    let signed = settler.queue.iter().filter(|queued| queued.mined.is_none()).filter_map(|queued| queued.nonce());
    let in_flight: Vec<u64> = signed.collect();
    let unsigned = settler.queue.iter().filter(|queued| queued.signed.is_none() && queued.rejected.is_none()).count();
    let on_chain = match client {
        Some(client) => {
            client.mined_nonce(address).await.map_or_else(|error| error.to_string(), |nonce| nonce.to_string())
        }
        None => "not asked".to_owned(),
    };
    println!(
        "settler {address}: next nonce {}, on the chain {on_chain}, {} in flight, {unsigned} not signed, {} not final",
        settler.next_nonce,
        in_flight.len(),
        settler.queue.len()
    );
    if let Some(nonce) = in_flight.iter().min() {
        println!("  waits for nonce {nonce}");
    }
    if let Some(resend) = &settler.resend {
        println!("  sends nonces {} to {} again", resend.first_nonce, resend.last_nonce);
    }
    if let Some(stalled) = &settler.stalled {
        println!("  stalled: {}: {}", stalled.reason.name(), stalled.detail);
    }
    settler.stalled.is_none()
}

/// `tollbook chain confirm`. Whether all of it could be done.
pub async fn confirm(args: ConfirmArgs) -> Result<bool, Error> {
    let place = Place::open(&args.store, &args.chain).await?;
    if args.restate {
        return restate(&place, &args.note).await;
    }
    if let Some(settler) = args.give_up {
        return give_up(&place, settler, &args.note).await;
    }
    watch::confirm(&place.ledger, place.chain_id, place.contract, OPERATOR, &args.note).await??;
    println!("confirmed: the chain is read anew, and what it has lost of what was sent is sent again");
    Ok(true)
}

async fn give_up(place: &Place, settler: Address, note: &str) -> Result<bool, Error> {
    if watch::give_up_resend(&place.ledger, place.chain_id, settler, OPERATOR, note).await?? {
        println!("given up: what the chain has lost of {settler} is not sent again");
        return Ok(true);
    }
    println!("nothing of {settler} is being sent again");
    Ok(false)
}

async fn restate(place: &Place, note: &str) -> Result<bool, Error> {
    let client = place.client.as_ref().ok_or("set EVM_RPC_URL")?;
    if place.watch().await?.halted.is_some() {
        return Err("the chain is halted: confirm first, without --restate".into());
    }
    if let Some((address, _)) = place.settlers().await?.iter().find(|(_, settler)| settler.resend.is_some()) {
        return Err(format!(
            "what {address} has sent is sent again: deposits may still come. If its key is no longer in use: \
             tollbook chain confirm --give-up {address} --note \"…\""
        )
        .into());
    }
    if place.status().await?.is_none_or(|status| status.reads_anew) {
        return Err("the chain is being read: deposits may still come".into());
    }
    let (mut restated, mut denied) = (0, 0);
    let mut after: Option<SessionKeyId> = None;
    loop {
        let ids = survey::session_keys(&place.pool, place.chain_id, place.contract, after, PAGE).await?;
        for id in &ids {
            match survey::restate(&place.pool, &place.ledger, client, *id, OPERATOR, note).await? {
                Restating::Same => {}
                Restating::Restated { from, to } => {
                    restated += 1;
                    println!("{id}: {from} in escrow, now {to}");
                }
                Restating::Denied(why) => {
                    denied += 1;
                    println!("{id}: {why}");
                }
            }
        }
        after = ids.last().copied();
        if after.is_none() {
            break;
        }
    }
    println!("{restated} restated, {denied} could not be");
    Ok(denied == 0)
}
