//! `tollbook chain status` and `tollbook chain confirm`: how the chain is followed, and a person's word when it is not
//! the one that was read. Both work on the database; the nodes are asked where they are set.

use std::path::PathBuf;

use chain::client::EndpointState;
use chain::{ChainError, Client};
use chrono::TimeDelta;
use clap::Args;
use domain::Timestamp;
use domain::chain_watch::{ChainWatch, HaltReason};
use domain::evm::Address;
use domain::ids::SessionKeyId;
use domain::settler::{Settler, SettlerError};
use eventstore::postgres::PostgresLog;
use eventstore::{Ledger, clock};
use sqlx::PgPool;
use workers::chain::status::Status;
use workers::chain::survey::Restating;
use workers::chain::{status, survey, watch};

use crate::config::{self, Chain, Exact, Hidden, Store};

type Error = Box<dyn std::error::Error>;

/// As events name whoever has the database.
const OPERATOR: &str = "system:operator";
/// Characters of a note.
const NOTE_CHARS_MAX: usize = 1_000;
/// Session keys that are looked up at a time.
const PAGE: i64 = 500;
/// A worker notes every few seconds what it sees. How long nothing may be heard of it, on a local chain and on others.
const SILENT_MAX_LOCAL: TimeDelta = TimeDelta::seconds(15);
const SILENT_MAX: TimeDelta = TimeDelta::seconds(60);

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
    /// The settler's private key, as workers have it: with --give-up its address is refused
    #[arg(long, env = "TOLLBOOK_SETTLER_KEY", hide_env_values = true)]
    settler_key: Option<Hidden>,
    /// A file that holds it
    #[arg(long, env = "TOLLBOOK_SETTLER_KEY_FILE")]
    settler_key_file: Option<PathBuf>,
    #[command(flatten)]
    exact: Exact,
}

/// The addresses that the settings sign with.
struct OwnKeys {
    settler: Option<Address>,
    exact: Option<Address>,
}

impl ConfirmArgs {
    fn own_keys(&self) -> Result<OwnKeys, Error> {
        let settler = config::private_key(self.settler_key.as_ref(), self.settler_key_file.as_deref())?;
        Ok(OwnKeys { settler: settler.map(|key| key.address()), exact: self.exact.address()? })
    }
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

/// What `chain status` comes to, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Well,
    Waits,
    Look,
}

impl Verdict {
    const fn look_unless(is_well: bool) -> Self {
        if is_well { Self::Well } else { Self::Look }
    }

    /// The last line.
    const fn words(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Waits => "wait: it is read anew",
            Self::Look => "a person should look",
        }
    }
}

/// `tollbook chain status`. Whether all is well.
pub async fn show(args: StatusArgs) -> Result<bool, Error> {
    let place = Place::open(&args.store, &args.chain).await?;
    println!("chain {} ({}), contract {}", args.chain.network.name, place.chain_id, place.contract);
    let (status, watch) = (place.status().await?, place.watch().await?);
    let silent_max = if args.chain.network.is_local { SILENT_MAX_LOCAL } else { SILENT_MAX };
    let mut verdict = show_reading(status.as_ref(), &watch, silent_max, clock::now());
    if let Some(client) = &place.client {
        verdict = verdict.max(show_nodes(&client.endpoints().await));
    }
    verdict = verdict.max(show_watch(&watch));
    for (address, settler) in place.settlers().await? {
        verdict = verdict.max(show_settler(place.client.as_ref(), address, &settler).await);
    }
    println!("{}", verdict.words());
    Ok(verdict == Verdict::Well)
}

fn number(block: Option<u64>) -> String {
    block.map_or_else(|| "none".to_owned(), |number| number.to_string())
}

/// How far it was read, and how its worker fares. Nobody hears of the worker while it is halted.
fn show_reading(status: Option<&Status>, watch: &ChainWatch, silent_max: TimeDelta, now: Timestamp) -> Verdict {
    let Some(status) = status else {
        println!("no worker has followed this chain yet: one does that has TOLLBOOK_SETTLER_KEY");
        return Verdict::Look;
    };
    println!("read up to block {}", number(status.last_read));
    let heard = status.heard_at.map_or_else(|| "never".to_owned(), |at| at.to_rfc3339());
    println!(
        "the worker last saw block {}, final {}, at {heard}; {} sights are not final",
        number(status.head),
        number(status.last_final),
        status.sights
    );
    let is_halted = watch.halted.is_some();
    // What a person has confirmed is read anew, also before a worker has begun to.
    let reads_anew = !is_halted && (status.reads_anew || status.confirmations < watch.confirmations);
    if reads_anew {
        println!("it is read anew: nothing new is settled before what was sent is sent again");
    }
    // One that is stuck notes nothing else.
    let is_silent = !is_halted && status.stuck.is_none() && status.heard_at.is_none_or(|at| now - at > silent_max);
    if is_silent {
        // One round may read all of the chain.
        let why = match reads_anew {
            true => "it reads still, or none runs",
            false => "none runs, it reads on still, or no node answers it",
        };
        println!("nothing was heard of the worker for more than {} seconds: {why}", silent_max.num_seconds());
    }
    if let Some((since, why)) = &status.stuck {
        println!("the worker is stuck since {}: {why}", since.to_rfc3339());
    }
    match (status.stuck.is_some(), reads_anew) {
        (true, _) => Verdict::Look,
        (false, true) => Verdict::Waits,
        (false, false) => Verdict::look_unless(!is_silent),
    }
}

/// What the nodes say. One that does not answer is made up for by another; one of another chain is not.
fn show_nodes(nodes: &[EndpointState]) -> Verdict {
    for EndpointState { host, state } in nodes {
        match state {
            Ok((head, last_final)) => {
                println!("node {host}: newest block {}, final {}", head.number, number(*last_final));
            }
            Err(error) => println!("node {host}: {error}"),
        }
    }
    let is_other = |node: &EndpointState| matches!(node.state, Err(ChainError::Mismatch(_)));
    Verdict::look_unless(nodes.iter().any(|node| node.state.is_ok()) && !nodes.iter().any(is_other))
}

fn show_watch(watch: &ChainWatch) -> Verdict {
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
    Verdict::look_unless(watch.halted.is_none() && watch.disagreement.is_none())
}

async fn show_settler(client: Option<&Client>, address: Address, settler: &Settler) -> Verdict {
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
    Verdict::look_unless(settler.stalled.is_none())
}

/// `tollbook chain confirm`. Whether all of it could be done.
pub async fn confirm(args: ConfirmArgs) -> Result<bool, Error> {
    let place = Place::open(&args.store, &args.chain).await?;
    if args.restate {
        return restate(&place, &args.note).await;
    }
    if let Some(settler) = args.give_up {
        if let Some(why) = at_work(&place, &args.own_keys()?, settler).await? {
            return Err(why.into());
        }
        return give_up(&place, settler, &args.note).await;
    }
    watch::confirm(&place.ledger, place.chain_id, place.contract, OPERATOR, &args.note).await??;
    println!("confirmed: the chain is read anew, and what it has lost of what was sent is sent again");
    Ok(true)
}

/// Why a settler is not given up: its key is at work, so what the chain has lost of it is sent again by itself. The
/// settings say which keys are; where they do not name the one that could have taken its place, the log says whether there
/// was one.
async fn at_work(place: &Place, own: &OwnKeys, settler: Address) -> Result<Option<String>, Error> {
    if [own.settler, own.exact].contains(&Some(settler)) {
        return Ok(Some(format!(
            "that key is at work here: the transactions of {settler} are sent again by themselves"
        )));
    }
    let log = PostgresLog::new(place.pool.clone());
    let Some(given) = survey::last_given(&log, place.chain_id, settler).await? else { return Ok(None) };
    let (successor, names, any) = match given.is_exact {
        true => (own.exact, "TOLLBOOK_EXACT_KEY, TOLLBOOK_EXACT_KEY_FILE or TOLLBOOK_EXACT_ADDRESS", "address"),
        false => (own.settler, "TOLLBOOK_SETTLER_KEY or TOLLBOOK_SETTLER_KEY_FILE", "key"),
    };
    if successor.is_some() {
        return Ok(None);
    }
    for (other, _) in place.settlers().await? {
        let of_other = survey::last_given(&log, place.chain_id, other).await?;
        if of_other.is_some_and(|other| other.is_exact == given.is_exact && other.position > given.position) {
            return Ok(None);
        }
    }
    Ok(Some(format!(
        "the log knows no other key that has taken the place of {settler}: where that key is at work, its transactions are \
         sent again by themselves. If another one is, say which: set {names}. If none is any more, say so: \
         any other {any} will do there"
    )))
}

async fn give_up(place: &Place, settler: Address, note: &str) -> Result<bool, Error> {
    match watch::give_up_resend(&place.ledger, place.chain_id, settler, OPERATOR, note).await? {
        Ok(true) => {
            println!("given up: what the chain has lost of {settler} is not sent again");
            Ok(true)
        }
        Ok(false) => {
            println!("nothing of {settler} is being sent again");
            Ok(false)
        }
        Err(SettlerError::NotOpen) => Err(format!("no such settler in this log: {settler}").into()),
        Err(denied) => Err(denied.into()),
    }
}

async fn restate(place: &Place, note: &str) -> Result<bool, Error> {
    let client = place.client.as_ref().ok_or("set EVM_RPC_URL")?;
    let watch = place.watch().await?;
    if watch.halted.is_some() {
        return Err("the chain is halted: confirm first, without --restate".into());
    }
    if let Some((address, _)) = place.settlers().await?.iter().find(|(_, settler)| settler.resend.is_some()) {
        return Err(format!(
            "what {address} has sent is sent again: deposits may still come. If its key is no longer in use: \
             tollbook chain confirm --give-up {address} --note \"…\""
        )
        .into());
    }
    // Until a worker has taken a confirmation up it is not known what is sent again, and what was read is of the chain before.
    let is_read = |status: Status| !status.reads_anew && status.confirmations >= watch.confirmations;
    if !place.status().await?.is_some_and(is_read) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use chain::client::BlockRef;
    use domain::evm::Bytes32;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn verdict(status: Option<&Status>, watch: &ChainWatch) -> Verdict {
        show_reading(status, watch, SILENT_MAX, at("2026-01-01T00:10:00Z"))
    }

    #[test]
    fn well_is_what_a_worker_follows() {
        let watch = ChainWatch { confirmations: 1, ..ChainWatch::default() };
        let status = Status { confirmations: 1, heard_at: Some(at("2026-01-01T00:09:00Z")), ..Status::default() };
        assert_eq!(verdict(Some(&status), &watch), Verdict::Well);
        assert_eq!(verdict(None, &watch), Verdict::Look, "nobody has ever followed it");
        for heard_at in [None, Some(at("2026-01-01T00:08:59Z"))] {
            assert_eq!(verdict(Some(&Status { heard_at, ..status.clone() }), &watch), Verdict::Look, "{heard_at:?}");
        }
        let stuck = Some((at("2026-01-01T00:09:30Z"), "denied".to_owned()));
        assert_eq!(verdict(Some(&Status { stuck, ..status }), &watch), Verdict::Look);
    }

    #[test]
    fn what_is_read_anew_is_waited_for() {
        let watch = ChainWatch { confirmations: 1, ..ChainWatch::default() };
        let status = Status { heard_at: Some(at("2026-01-01T00:09:55Z")), ..Status::default() };
        assert_eq!(verdict(Some(&status), &watch), Verdict::Waits, "it is confirmed, and nobody has begun");
        let begun = Status { confirmations: 1, reads_anew: true, ..status };
        assert_eq!(verdict(Some(&begun), &watch), Verdict::Waits);
        // Much may be read in one go.
        assert_eq!(verdict(Some(&Status { heard_at: None, ..begun.clone() }), &watch), Verdict::Waits);
        let stuck = Some((at("2026-01-01T00:09:30Z"), "denied".to_owned()));
        assert_eq!(verdict(Some(&Status { stuck, ..begun }), &watch), Verdict::Look);
    }

    #[test]
    fn some_node_must_answer_and_none_for_another_chain() {
        let node = |state| EndpointState { host: "node.example".to_owned(), state };
        let head = BlockRef { number: 7, hash: Bytes32([1; 32]), time: at("2026-01-01T00:00:00Z") };
        let good = node(Ok((head, Some(3))));
        let away = node(Err(ChainError::Unavailable("no answer".to_owned())));
        let other = node(Err(ChainError::Mismatch("its chain id is 1".to_owned())));
        assert_eq!(show_nodes(std::slice::from_ref(&good)), Verdict::Well);
        assert_eq!(show_nodes(&[away.clone(), good.clone()]), Verdict::Well);
        assert_eq!(show_nodes(&[away]), Verdict::Look);
        assert_eq!(show_nodes(&[good, other]), Verdict::Look);
    }

    #[test]
    fn the_gravest_is_said() {
        assert_eq!(Verdict::Well.max(Verdict::Waits).max(Verdict::Look), Verdict::Look);
        assert_eq!(Verdict::Waits.max(Verdict::Well).words(), "wait: it is read anew");
    }
}
