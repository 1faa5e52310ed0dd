//! Checks of the log and of what follows from it, printed for people; exit code 1 when something
//! is wrong.

use comfy_table::{Table, presets};
use eventstore::verify::{FINDINGS_MAX, Verified};

use crate::cli::{ReconcileArgs, ReplayArgs, VerifyArgs};
use crate::config;

mod anchored;
mod chain;
mod published;

type Error = Box<dyn std::error::Error>;

/// Differences that are listed one by one.
const LISTED_MAX: usize = 20;

/// `tollbook verify`.
pub async fn verify(args: &VerifyArgs) -> Result<bool, Error> {
    let missing = "--anchored compares with the chain: set EVM_RPC_URL and TOLLBOOK_CONTRACT";
    let client = if args.anchored { Some(args.chain.client()?.ok_or(missing)?) } else { None };
    if let (Some(client), Some(from_block)) = (&client, args.from_block) {
        published::reaches(client, from_block).await?;
    }
    let (pool, log) = args.store.open()?;
    let mut clean = true;
    for partition in log.partitions().await? {
        let Verified { events, batches, chain, findings, .. } = eventstore::verify::verify(&pool, partition).await?;
        for finding in findings.iter().take(FINDINGS_MAX) {
            println!("position {partition}:{}: {}", finding.position, finding.what);
        }
        let verdict = if findings.is_empty() { "intact" } else { "NOT INTACT" };
        println!("partition {partition}: {events} events in {batches} batches, {verdict}, chain {chain}");
        clean &= findings.is_empty();
    }
    if let Some(client) = client {
        let key = config::private_key(args.settler_key.as_ref(), args.settler_key_file.as_deref())?;
        let settlers = args.settler.iter().copied().chain(key.map(|key| key.address())).collect();
        let asked = anchored::Asked { settlers, from_block: args.from_block, allows_elsewhere: args.allow_elsewhere };
        clean &= anchored::verify(&pool, &client, &asked).await?;
    }
    Ok(clean)
}

/// `tollbook reconcile`.
pub async fn reconcile(args: &ReconcileArgs) -> Result<bool, Error> {
    let (pool, log) = args.store.open()?;
    let found = projections::reconcile::reconcile(&pool, &log).await?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["read model", "compared", "charged in the log", "charged there", "difference"]);
    for line in &found.compared {
        let difference = (line.found - line.expected).normalize();
        table.add_row([
            line.place.to_owned(),
            line.subjects.to_string(),
            line.expected.normalize().to_string(),
            line.found.normalize().to_string(),
            difference.to_string(),
        ]);
    }
    println!("{table}");
    for difference in found.differences.iter().take(LISTED_MAX) {
        println!(
            "{}: {}: expected {}, found {}",
            difference.place, difference.subject, difference.expected, difference.found
        );
    }
    println!("{} events folded, {} differences", found.events, found.differences.len());
    let mut clean = found.differences.is_empty();
    if let Some(client) = args.chain.client()? {
        clean &= chain::reconcile(&pool, &log, &client).await?;
    }
    Ok(clean)
}

/// `tollbook replay`.
pub async fn replay(args: ReplayArgs) -> Result<bool, Error> {
    let (pool, log) = args.store.open()?;
    let all = projections::all();
    if let Some(unknown) = args.only.iter().find(|name| !all.iter().any(|p| p.name() == name.as_str())) {
        let names: Vec<_> = all.iter().map(|p| p.name()).collect();
        return Err(format!("there is no read model {unknown}: {}", names.join(", ")).into());
    }
    let mut clean = true;
    for projection in all.iter().filter(|p| args.only.is_empty() || args.only.iter().any(|name| name == p.name())) {
        let rebuilt = projections::rebuild::rebuild(&pool, &log, projection.as_ref(), args.accept).await?;
        for table in &rebuilt.tables {
            let verdict = if table.identical { "identical" } else { "DIFFERENT" };
            println!(
                "{}: {}: {} rows live, {} rebuilt: {verdict}",
                projection.name(),
                table.name,
                table.live_rows,
                table.rebuilt_rows
            );
        }
        let what = if rebuilt.swapped { "swapped in" } else { "left beside the live one: look at both, then --accept" };
        println!("{}: {} events replayed, {what}", projection.name(), rebuilt.events);
        clean &= rebuilt.identical() || rebuilt.swapped;
    }
    Ok(clean)
}
