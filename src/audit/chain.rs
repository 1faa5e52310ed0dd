//! Compares the ledger with the chain: per session what was claimed and what lies in escrow, per
//! payee what was transferred, to the atomic unit, with the cause of every difference; and each exact payment
//! with its transfer.
//!
//! The chain goes on while the log is read, so each figure may be the chain's at the last block that
//! was in the log before the reading, or after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chain::client::Transferred;
use chain::eip3009::{self, Authorization};
use chain::{ChainError, Client};
use comfy_table::{Table, presets};
use domain::money::Amount;
use eventstore::log::Log;
use projections::reconcile::{ChainTotals, FinalPayment, PayeeTotals, SessionTotals, session_totals};
use sqlx::PgPool;
use tokio::time::Instant;
use workers::chain::listener::last_final_block;

type Error = Box<dyn std::error::Error>;

/// Differences that are listed one by one.
const LISTED_MAX: usize = 20;
/// How often a comparison with differences is made again while the chain goes on.
const TRIES_MAX: usize = 3;
/// How long it may take until it does.
const MOVES_WITHIN: Duration = Duration::from_secs(10);

struct Difference {
    subject: String,
    ledger: String,
    chain: String,
    cause: String,
}

/// The blocks between which the log was read.
#[derive(Clone, Copy)]
struct Between {
    before: u64,
    after: u64,
}

/// What a comparison found.
struct Compared {
    between: Between,
    table: Table,
    differences: Vec<Difference>,
    exact: Vec<FinalPayment>,
}

/// Whether ledger and chain say the same. While both go on, the reading may fall between a block and
/// its events, so a difference counts when it is still there some blocks later.
pub async fn reconcile(pool: &PgPool, log: &Arc<dyn Log>, client: &Client) -> Result<bool, Error> {
    let name = client.settings().network.name;
    let Some(mut compared) = compare(pool, log, client).await? else {
        println!("chain {name}: nothing was read of it yet");
        let totals = session_totals(log).await?;
        // Nothing to compare, unless somebody pays with a session key that nobody follows.
        return Ok(compare_exact(client, &totals.exact).await? && totals.sessions.is_empty());
    };
    for _ in 0..TRIES_MAX {
        if compared.differences.is_empty() || !moved_on(pool, client, compared.between.after).await? {
            break;
        }
        compared = compare(pool, log, client).await?.unwrap_or(compared);
    }
    let Compared { between, table, differences, exact } = compared;
    println!("{table}");
    for one in differences.iter().take(LISTED_MAX) {
        println!("{}: in the log {}, on the chain {}: {}", one.subject, one.ledger, one.chain, one.cause);
    }
    println!("read up to block {}, {} differences between log and chain", between.after, differences.len());
    Ok(compare_exact(client, &exact).await? && differences.is_empty())
}

/// Whether some more blocks came into the log within a while.
async fn moved_on(pool: &PgPool, client: &Client, since: u64) -> Result<bool, Error> {
    let settings = client.settings();
    let deadline = Instant::now() + MOVES_WITHIN;
    loop {
        let now = last_final_block(pool, settings.network.chain_id, settings.contract).await?;
        if now.is_some_and(|block| block >= since + 2) {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn compare(pool: &PgPool, log: &Arc<dyn Log>, client: &Client) -> Result<Option<Compared>, Error> {
    let settings = client.settings();
    let (chain_id, contract) = (settings.network.chain_id, settings.contract);
    let cursor = || last_final_block(pool, chain_id, contract);
    let Some(before) = cursor().await? else { return Ok(None) };
    let ChainTotals { sessions, payees, exact } = session_totals(log).await?;
    let between = Between { before, after: cursor().await?.unwrap_or(before) };
    let ours: Vec<_> = sessions.iter().filter(|s| (s.chain_id, s.contract) == (chain_id, contract)).collect();
    let paid: Vec<_> = payees.iter().filter(|p| (p.chain_id, p.contract) == (chain_id, contract)).collect();
    let mut differences = Vec::new();
    let mut claimed = (Amount::ZERO, Amount::ZERO);
    for session in &ours {
        let found = compare_session(client, session, between, &mut differences).await?;
        claimed = (claimed.0.plus(session.claimed), claimed.1.plus(found));
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([settings.network.name, "compared", "in the log", "on the chain"]);
    let (sessions, ledger, chain) = (ours.len().to_string(), claimed.0.to_string(), claimed.1.to_string());
    table.add_row(["claimed", &sessions, &ledger, &chain]);
    for payee in &paid {
        let found = compare_payee(client, payee, between, &mut differences).await?;
        let (name, count) = (format!("to {}", payee.payee), payee.settlements.len().to_string());
        table.add_row([name.as_str(), &count, &payee.transferred.to_string(), &found.to_string()]);
    }
    Ok(Some(Compared { between, table, differences, exact }))
}

/// Gives what the chain says was claimed.
async fn compare_session(
    client: &Client,
    session: &SessionTotals,
    between: Between,
    differences: &mut Vec<Difference>,
) -> Result<Amount, ChainError> {
    let ledger = (session.deposited.minus(session.withdrawn), session.claimed);
    let mut chain = client.part(session.session_id, session.payee, between.after).await?;
    if chain != ledger && between.before != between.after {
        let earlier = client.part(session.session_id, session.payee, between.before).await?;
        chain = if earlier == ledger { earlier } else { chain };
    }
    let (escrow, claimed) = chain;
    let mut note = |what: &str, ledger: Amount, chain: Amount, cause: &str| {
        if ledger != chain {
            differences.push(Difference {
                subject: format!("{} {what}", session.session_key_id),
                ledger: ledger.to_string(),
                chain: chain.to_string(),
                cause: cause.to_owned(),
            });
        }
    };
    let missing = "the chain knows less: it is another chain, or was set back to an older state";
    let unread = "the contract did something that never came into the log";
    note("claimed", ledger.1, claimed, if claimed < ledger.1 { missing } else { unread });
    note("in escrow", ledger.0, escrow, if session.registered { unread } else { missing });
    Ok(claimed)
}

/// Gives what the chain says was transferred.
async fn compare_payee(
    client: &Client,
    payee: &PayeeTotals,
    between: Between,
    differences: &mut Vec<Difference>,
) -> Result<Amount, ChainError> {
    // What came before our first settlement is not ours.
    let first = payee.settlements.iter().map(|settlement| settlement.block_number).min().unwrap_or(between.after);
    let transfers = client.transfers(payee.payee, first, between.after).await?;
    let mut on_chain: BTreeMap<_, Amount> = BTreeMap::new();
    for Transferred { tx_hash, amount, .. } in &transfers {
        let sum = on_chain.entry(*tx_hash).or_insert(Amount::ZERO);
        *sum = sum.plus(*amount);
    }
    let known: BTreeSet<_> = payee.settlements.iter().map(|settlement| settlement.tx_hash).collect();
    let mut found = Amount::ZERO;
    for settlement in &payee.settlements {
        let transferred = on_chain.get(&settlement.tx_hash).copied().unwrap_or_default();
        found = found.plus(transferred);
        if transferred != settlement.transferred {
            differences.push(Difference {
                subject: settlement.settlement_id.to_string(),
                ledger: settlement.transferred.to_string(),
                chain: transferred.to_string(),
                cause: format!("transaction {} says something else", settlement.tx_hash),
            });
        }
    }
    let strangers = transfers.iter().filter(|transfer| {
        // What came into a block while the log was read is told of in the next reading.
        !known.contains(&transfer.tx_hash) && transfer.block_number <= between.before
    });
    for transfer in strangers {
        differences.push(Difference {
            subject: payee.payee.to_string(),
            ledger: "nothing".to_owned(),
            chain: transfer.amount.to_string(),
            cause: format!("transaction {} is no settlement of this log: somebody else settled", transfer.tx_hash),
        });
    }
    Ok(found)
}

/// Whether each exact payment that is final stands where the log says, with a transfer of its own.
async fn compare_exact(client: &Client, payments: &[FinalPayment]) -> Result<bool, ChainError> {
    let settings = client.settings();
    let place = (settings.network.chain_id, settings.token);
    let ours: Vec<_> = payments.iter().filter(|p| (p.accepted.chain_id, p.accepted.token) == place).collect();
    if ours.is_empty() {
        return Ok(true);
    }
    let (mut ledger, mut chain, mut differences) = (Amount::ZERO, Amount::ZERO, 0);
    for FinalPayment { accepted, place } in ours.iter().copied() {
        ledger = ledger.plus(accepted.amount);
        let receipt = client.receipt(place.tx_hash).await?;
        let cause = match &receipt {
            None => "the chain does not know this transaction: it is another chain, or was set back to an older state",
            Some(receipt) if receipt.block_number != Some(place.block_number) => "it is in another block",
            Some(receipt) if !eip3009::is_paid(receipt.logs(), accepted.token, &Authorization::from(accepted)) => {
                "the transaction did not make this transfer"
            }
            Some(_) => {
                chain = chain.plus(accepted.amount);
                continue;
            }
        };
        differences += 1;
        if differences <= LISTED_MAX {
            let (id, amount, tx_hash) = (accepted.exact_payment_id, accepted.amount, place.tx_hash);
            println!("{id}: in the log {amount} with transaction {tx_hash}: {cause}");
        }
    }
    println!("{} exact payments: {ledger} in the log, {chain} on the chain, {differences} differences", ours.len());
    Ok(differences == 0)
}
