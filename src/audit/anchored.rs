//! Holds the log against what settlements put on the chain: each of them published a root over its charges and over the
//! end of the log at that time. Who changes the log and computes its hash chain anew cannot change that.

use chain::Client;
use chain::evidence;
use chain::proof::{batch_total, stands_in};
use domain::evm::{Address, Bytes32};
use domain::settlement::{Finalized, Opened, Planned};
use eventstore::StoreError;
use eventstore::log::Log;
use eventstore::postgres::{self, PostgresLog};
use projections::evidence::{EvidenceError, FinalSettlement, final_settlements, link_at, of_settlement, settlement};
use sqlx::PgPool;
use uuid::Uuid;

use super::published;

type Error = Box<dyn std::error::Error>;

/// Settlements that are looked up at a time.
const PAGE: i64 = 500;

/// Anchors of a partition.
#[derive(Default)]
struct Held {
    /// How many hold.
    anchors: u64,
    /// How far into the log they reach.
    reach: i64,
    /// Settlements on another chain, or in another contract.
    elsewhere: u64,
}

/// Looks at the anchors of one log.
struct Look<'a> {
    pool: &'a PgPool,
    log: PostgresLog,
    client: &'a Client,
    log_id: Uuid,
    partition: i32,
    /// The newest block that can no longer go away.
    last_final: u64,
}

/// What the settings say of it.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Who settles for this log, beside those that it names.
    pub settlers: Vec<Address>,
    /// From this block on the chain is read for what they have published.
    pub from_block: Option<u64>,
    /// Whether settlements may be on another chain, or in another contract, than the settings name.
    pub allows_elsewhere: bool,
}

/// What stands against an anchor: the outer error says that it could not be found out.
pub(super) type Verdict<T> = Result<Result<T, String>, Error>;

/// Whether log and chain say the same of every settlement that is final, and the chain has none besides. Stops at the
/// first that does not hold.
pub async fn verify(pool: &PgPool, client: &Client, asked: &Asked) -> Result<bool, Error> {
    let log = PostgresLog::new(pool.clone());
    let log_id = Uuid::parse_str(&postgres::log_id(pool).await?)?;
    let last_final = client.finalized().await?.map_or(0, |block| block.number);
    let (mut anchors, mut elsewhere) = (0, 0);
    for partition in log.partitions().await? {
        let look = Look { pool, log: PostgresLog::new(pool.clone()), client, log_id, partition, last_final };
        match look.all().await? {
            Ok(held) => {
                println!("partition {partition}: {}", told(partition, &held));
                anchors += held.anchors;
                elsewhere += held.elsewhere;
            }
            Err(what) => {
                println!("{what}");
                return Ok(false);
            }
        }
    }
    match published::verify(&log, client, &asked.settlers, asked.from_block).await? {
        Ok(Some(compared)) => {
            println!(
                "{} batches of its settlers on the chain up to block {} are in the log",
                compared.batches, compared.block
            );
        }
        Ok(None) if anchors == 0 => {
            println!("nobody is known who has settled: that something was taken out cannot be seen")
        }
        Ok(None) => {}
        Err(what) => {
            println!("{what}");
            return Ok(false);
        }
    }
    if elsewhere > 0 && !asked.allows_elsewhere {
        println!("{elsewhere} settlements were not looked at: name their chain and contract, or say --allow-elsewhere");
        return Ok(false);
    }
    Ok(true)
}

fn told(partition: i32, held: &Held) -> String {
    let Held { anchors, reach, elsewhere } = held;
    let others = if *elsewhere == 0 {
        String::new()
    } else {
        format!("; {elsewhere} settlements are on another chain or in another contract and were not looked at")
    };
    match anchors {
        0 => format!("nothing of it is anchored on the chain{others}"),
        _ => format!("{anchors} anchors hold, up to position {partition}:{reach}{others}"),
    }
}

/// What cannot be read was changed, unless the database is away.
pub(super) fn unreadable<T>(error: StoreError) -> Verdict<T> {
    if matches!(error, StoreError::Unavailable(_)) { Err(error.into()) } else { Ok(Err(error.to_string())) }
}

impl Look<'_> {
    async fn all(&self) -> Verdict<Held> {
        let mut held = Held::default();
        let mut after = 0;
        loop {
            let page = final_settlements(self.pool, self.partition, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(Ok(held)) };
            after = last.position;
            for found in &page {
                match self.one(found).await? {
                    Ok(Some(reach)) => {
                        held.anchors += 1;
                        held.reach = held.reach.max(reach);
                    }
                    Ok(None) => held.elsewhere += 1,
                    Err(why) => {
                        let (partition, position) = (self.partition, found.position);
                        let id = found.stream_id.as_str().split_once(':').map_or("", |(_, id)| id);
                        return Ok(Err(format!("position {partition}:{position}: settlement {id}: {why}")));
                    }
                }
            }
        }
    }

    /// How far into the log a settlement's anchor reaches; `None` when it is not on this chain and contract.
    async fn one(&self, found: &FinalSettlement) -> Verdict<Option<i64>> {
        let state = match settlement(&self.log, &found.stream_id).await {
            Ok(state) => state,
            Err(error) => return unreadable(error),
        };
        let (Some((opened, _)), Some(planned), Some(finalized)) = (state.opened, state.planned, state.finalized) else {
            return Ok(Err("it is final and was never planned".to_owned()));
        };
        let settings = self.client.settings();
        if (opened.lane.chain_id, opened.lane.contract) != (settings.network.chain_id, settings.contract) {
            return Ok(Ok(None));
        }
        if let Err(why) = self.log_says(&planned).await? {
            return Ok(Err(why));
        }
        let said = self.chain_says(&opened, &planned, &finalized).await?;
        Ok(said.map(|()| Some(planned.log_head.position)))
    }

    /// The log comes to the root that was planned, with its hash chain as it is now.
    async fn log_says(&self, planned: &Planned) -> Verdict<()> {
        let head = &planned.log_head;
        if head.partition != self.partition {
            return Ok(Err(format!("it anchors partition {}", head.partition)));
        }
        let (partition, position) = (head.partition, head.position);
        match link_at(self.pool, partition, position).await? {
            Some(link) if link == head.chain => {}
            link => {
                let now = link.map_or("no link".to_owned(), |link| link.to_string());
                let then = head.chain;
                return Ok(Err(format!(
                    "the log's hash chain at position {partition}:{position} was {then} when it was planned, and is {now}"
                )));
            }
        }
        let leaves = of_settlement(&self.log, partition, planned, u64::MAX, |claim, charge| {
            evidence::charge_leaf(claim.session_id, charge.charge_id, charge.amount, charge.cumulative)
        });
        let mut leaves = match leaves.await {
            Ok(leaves) => leaves,
            Err(EvidenceError::Store(error)) => return unreadable(error),
            Err(error) => return Ok(Err(error.to_string())),
        };
        leaves.push(evidence::head_leaf(self.log_id, head));
        let (root, wanted): (Bytes32, _) = (evidence::root(&leaves), planned.evidence_root);
        if root != wanted {
            return Ok(Err(format!("the log comes to the evidence root {root}, it was planned with {wanted}")));
        }
        Ok(Ok(()))
    }

    /// The chain has that very root, in the transaction that the log names, in a block that is final. After a chain was set
    /// back it may be another block than the log has.
    async fn chain_says(&self, opened: &Opened, planned: &Planned, finalized: &Finalized) -> Verdict<()> {
        let tx_hash = finalized.tx_hash;
        let Some(receipt) = self.client.receipt(tx_hash).await? else {
            return Ok(Err(format!("the chain has no transaction {tx_hash}")));
        };
        let place = (receipt.block_number, receipt.block_hash.map(chain::own_bytes32));
        let is_there = place == (Some(finalized.block_number), Some(finalized.block_hash));
        if !is_there && stands_in(self.client, &receipt, self.last_final).await?.is_none() {
            let number = finalized.block_number;
            return Ok(Err(format!(
                "transaction {tx_hash} is in another block than {number}, and that one is not final"
            )));
        }
        let (lane, root) = (&opened.lane, planned.evidence_root);
        if !receipt.status() || batch_total(&receipt, lane.contract, lane.payee, lane.token, root).is_none() {
            return Ok(Err(format!("transaction {tx_hash} did not publish the evidence root {root}")));
        }
        Ok(Ok(()))
    }
}
