//! Compares the ledger with the chain: per session what was claimed and what lies in escrow, per
//! payee what was transferred, to the atomic unit, with the cause of every difference; and each exact payment
//! with its transfer. Everything, once: what a comparison is stands in [`workers::reconcile::compare`].

use std::sync::Arc;
use std::time::Duration;

use chain::{ChainError, Client};
use comfy_table::{Table, presets};
use domain::money::Amount;
use domain::reconciliation::Subject;
use eventstore::log::Log;
use projections::reconcile::{ChainTotals, FinalPayment, PayeeTotals, session_totals};
use sqlx::PgPool;
use tokio::time::Instant;
use workers::reconcile::compare::{self, Between, Cursor, ExactOnChain, Part, PayeeDifference};

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

/// What a comparison found.
struct Compared {
    between: Between,
    table: Table,
    differences: Vec<Difference>,
    exact: Vec<FinalPayment>,
    was_set_back: bool,
}

/// Whether ledger and chain say the same. While both go on, the reading may fall between a block and
/// its events, so a difference counts when it is still there some blocks later.
pub async fn reconcile(pool: &PgPool, log: &Arc<dyn Log>, client: &Client) -> Result<bool, Error> {
    let name = client.settings().network.name;
    let Some(mut compared) = compare(pool, log, client).await? else {
        println!("chain {name}: nothing was read of it yet");
        let totals = session_totals(log).await?;
        // Nothing to compare, unless somebody pays with a session key that nobody follows.
        return Ok(compare_exact(client, &totals.exact, totals.was_set_back).await? && totals.sessions.is_empty());
    };
    for _ in 0..TRIES_MAX {
        if compared.differences.is_empty() || !moved_on(pool, client, compared.between.after).await? {
            break;
        }
        compared = compare(pool, log, client).await?.unwrap_or(compared);
    }
    let Compared { between, table, differences, exact, was_set_back } = compared;
    println!("{table}");
    for one in differences.iter().take(LISTED_MAX) {
        println!("{}: in the log {}, on the chain {}: {}", one.subject, one.ledger, one.chain, one.cause);
    }
    println!("read up to block {}, {} differences between log and chain", between.after, differences.len());
    Ok(compare_exact(client, &exact, was_set_back).await? && differences.is_empty())
}

/// How far the chain was read into the log.
async fn read_up_to(pool: &PgPool, client: &Client) -> Result<Option<u64>, Error> {
    let settings = client.settings();
    let cursor = Cursor::read(pool, settings.network.chain_id, settings.contract).await?;
    Ok(cursor.map(|cursor| cursor.block))
}

/// Whether some more blocks came into the log within a while.
async fn moved_on(pool: &PgPool, client: &Client, since: u64) -> Result<bool, Error> {
    let deadline = Instant::now() + MOVES_WITHIN;
    loop {
        let now = read_up_to(pool, client).await?;
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
    let Some(before) = read_up_to(pool, client).await? else { return Ok(None) };
    let ChainTotals { sessions, payees, exact, was_set_back } = session_totals(log).await?;
    let between = Between { before, after: read_up_to(pool, client).await?.unwrap_or(before) };
    let ours: Vec<_> = sessions.iter().filter(|s| (s.chain_id, s.contract) == (chain_id, contract)).collect();
    let paid: Vec<_> = payees.iter().filter(|p| (p.chain_id, p.contract) == (chain_id, contract)).collect();
    let mut differences = Vec::new();
    let mut claimed = (Amount::ZERO, Amount::ZERO);
    for session in &ours {
        let found = Part::ask(client, session, between).await?;
        claimed = (claimed.0.plus(session.claimed), claimed.1.plus(found.claimed));
        differences.extend(compare::session(session, found).into_iter().map(|found| {
            let what = if matches!(found.subject, Subject::SessionEscrow { .. }) { "in escrow" } else { "claimed" };
            Difference {
                subject: format!("{} {what}", session.session_key_id),
                ledger: found.ledger,
                chain: found.chain,
                cause: found.causes.join("; "),
            }
        }));
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([settings.network.name, "compared", "in the log", "on the chain"]);
    let (sessions, ledger, chain) = (ours.len().to_string(), claimed.0.to_string(), claimed.1.to_string());
    table.add_row(["claimed", &sessions, &ledger, &chain]);
    for payee in &paid {
        let first = compare::first_block(payee, was_set_back).unwrap_or(between.after);
        let transfers = client.transfers(payee.payee, first, between.after).await?;
        let mut found = compare::payee(payee, &transfers, between);
        compare::look_up(client, payee, &mut found, between, was_set_back).await?;
        let (name, count) = (format!("to {}", payee.payee), payee.settlements.len().to_string());
        table.add_row([name.as_str(), &count, &found.ledger.to_string(), &found.chain.to_string()]);
        differences.extend(found.differences.iter().map(|one| of_payee(payee, one)));
    }
    Ok(Some(Compared { between, table, differences, exact, was_set_back }))
}

fn of_payee(payee: &PayeeTotals, difference: &PayeeDifference) -> Difference {
    let (subject, ledger, chain) = match difference {
        PayeeDifference::Settlement { settlement_id, ledger, chain, .. } => {
            (settlement_id.to_string(), ledger.to_string(), chain)
        }
        PayeeDifference::Stranger { amount, .. } => (payee.payee.to_string(), "nothing".to_owned(), amount),
    };
    Difference { subject, ledger, chain: chain.to_string(), cause: difference.cause() }
}

/// Whether each exact payment that is final stands where the log says, with a transfer of its own; after the chain was
/// set back in any block that is final.
async fn compare_exact(client: &Client, payments: &[FinalPayment], was_set_back: bool) -> Result<bool, ChainError> {
    let settings = client.settings();
    let place = (settings.network.chain_id, settings.token);
    let ours: Vec<_> = payments.iter().filter(|p| (p.accepted.chain_id, p.accepted.token) == place).collect();
    if ours.is_empty() {
        return Ok(true);
    }
    let last_final = if was_set_back { client.finalized().await?.map(|block| block.number) } else { None };
    let (mut ledger, mut chain, mut differences) = (Amount::ZERO, Amount::ZERO, 0);
    for payment in ours.iter().copied() {
        let FinalPayment { accepted, place } = payment;
        ledger = ledger.plus(accepted.amount);
        let found = ExactOnChain::ask(client, payment, last_final).await?;
        let Some(cause) = compare::exact(payment, &found) else {
            chain = chain.plus(accepted.amount);
            continue;
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
