//! Brings into the log what the contract says of sessions.
//!
//! Two passes. What restricts a payer counts at first sight, so every round reads all blocks that
//! are not final anew: a block that was replaced is seen again in its new place. What gives value is
//! read once, when final; how far that went is kept in `chain_cursors`, with the hash of the last block. Each round
//! begins with a look whether the chain still has that block: see `watch`.
//!
//! A fact is known by its chain, its transaction and its place among the contract's entries of that transaction. So
//! what comes again, in whatever block, is not told again: also when the chain was set back and is read anew.

use std::collections::HashSet;

use chain::ChainError;
use chain::client::BlockRef;
use chain::facts::Seen;
use chrono::TimeDelta;
use domain::chain_watch::ChainWatch;
use domain::evm::{Address, Bytes32};
use domain::ids::{OrganizationId, SessionKeyId};
use domain::session_key::command::{Action, SessionKeyCommand};
use domain::session_key::{INDEX_CHAIN_SESSION, SessionKey, Sight};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::entity::Loaded;
use eventstore::log::Indexed;
use eventstore::{Executed, StoreError};
use projections::settlement::first_granted_at;
use sqlx::PgPool;
use uuid::Uuid;

use super::former::{FormerLife, said_again};
use super::reading::Span;
use super::sights::{Gone, Name, name_of, sight_of, signed};
use super::status::Fares;
use super::watch::Compared;
use super::{Heard, RoundError, Worker, caused, survey};

/// Entries that are remembered as told, so that a round does not tell them again.
const TOLD_MAX: usize = 100_000;
/// The block of a cursor before which nothing was read.
const NOTHING: i64 = -1;
/// Session keys that are looked up at a time.
const SESSION_KEYS_PAGE: i64 = 500;
/// Blocks that are heard for restrictions while it is not known which are final.
const UNSURE_BLOCKS: u64 = 2_000;

/// What is remembered between rounds; losing it costs only work.
#[derive(Default)]
pub struct State {
    /// Entries that are not final and are in the log already.
    pub(super) told: HashSet<Name>,
    /// Since when blocks that are not final are gone.
    pub(super) gone: Gone,
    /// How many blocks are read at a time.
    pub(super) span: Span,
    /// Since when facts have the names they have.
    pub(super) fact_names_since: Option<Timestamp>,
    /// Whether the chain was ever set back: then what comes may have come before, in another place.
    pub(super) looks_back: bool,
    /// How often a person has confirmed that.
    pub(super) confirmations: u64,
    /// The newest block and the newest final one, as the last round saw them.
    pub(super) heads: Option<(u64, u64)>,
}

/// How far final blocks were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The last block that was read, and its hash; `None` before the first.
    pub last: Option<(u64, Bytes32)>,
    /// How many confirmations of a halt were carried out.
    pub confirmations: u64,
    /// Whether the blocks after it were read before the chain was set back.
    pub reads_anew: bool,
}

impl Worker {
    /// Brings in what is new. Gives what may be done after that. What restricts a payer is heard also while nothing
    /// else is believed, as far as nodes speak.
    pub(super) async fn listen(&mut self) -> Result<Heard, RoundError> {
        let watch = self.load_watch().await?;
        self.listener.looks_back = watch.state.confirmations > 0 || watch.state.halted.is_some();
        self.listener.confirmations = watch.state.confirmations;
        let heard = match &watch.state.halted {
            Some((halted, since)) => {
                self.note_halt(halted, *since);
                Ok(Heard::Halted)
            }
            None => self.listen_to_all(&watch).await,
        };
        let believes_nothing = matches!(
            heard,
            Ok(Heard::Halted) | Err(RoundError::Chain(ChainError::Disagreement { .. }) | RoundError::Contradicts(_))
        );
        if believes_nothing && let Err(error) = self.listen_for_restrictions().await {
            tracing::debug!(%error, "nothing is heard of the chain");
        }
        heard
    }

    async fn listen_to_all(&mut self, watch: &Loaded<ChainWatch>) -> Result<Heard, RoundError> {
        self.note_no_halt();
        let head = self.chain.client.head().await?;
        let finalized = self.chain.client.finalized().await?;
        let cursor = self.current_cursor(watch, finalized).await?;
        if let Some(last) = cursor.last
            && self.compare(watch, last, head).await? == Compared::Halted
        {
            return Ok(Heard::Halted);
        }
        let last_final = finalized.map_or(0, |block| block.number);
        let last_read = self.read_on(&cursor, last_final).await?;
        // What was read is not read again, though a node says that nothing is final yet.
        let from = last_final.max(last_read.unwrap_or_else(|| head.number.saturating_sub(UNSURE_BLOCKS)));
        let present = self.listen_at_sight(from + 1, head.number, |_| true).await?;
        match self.look_at_sights(last_read.unwrap_or_default(), &present).await {
            Err(RoundError::Chain(error)) if !matches!(error, ChainError::Disagreement { .. }) => {
                // What is in doubt stands until it can be asked about; nothing else waits for that.
                metrics::counter!("tollbook_chain_errors_total").increment(1);
                tracing::debug!(%error, "what was told at first sight could not be looked at");
            }
            looked => looked?,
        }
        self.listener.heads = Some((head.number, last_final));
        metrics::gauge!("tollbook_chain_head_block").set(head.number as f64);
        metrics::gauge!("tollbook_chain_final_block").set(last_final as f64);
        if !cursor.reads_anew {
            return Ok(Heard::All);
        }
        // What was sent before comes first: only then the chain is where the log is.
        if self.queue.load().await?.state.resend.is_some() {
            return Ok(Heard::Again);
        }
        // Who asks from now on expects a worker that was heard of; what comes next may take a while.
        Fares::default().write(self, true).await?;
        self.end_reading_anew(cursor.confirmations).await?;
        Ok(Heard::All)
    }

    /// Reads what is final and was not read. Gives the last block that was.
    async fn read_on(&mut self, cursor: &Cursor, last_final: u64) -> Result<Option<u64>, RoundError> {
        let mut last_read = cursor.last.map(|(number, _)| number);
        let mut next = last_read.map_or(0, |number| number + 1);
        while next <= last_final {
            let range = self.read_final(next, last_final).await?;
            for (index, seen) in range.seen.iter().enumerate() {
                let before = range.seen.get(..index).unwrap_or_default();
                self.tell_final(seen, before, last_final).await?;
            }
            self.save_cursor(range.last, cursor.confirmations).await?;
            last_read = Some(range.last.number);
            next = range.last.number + 1;
        }
        Ok(last_read)
    }

    /// What restricts a payer, from blocks that are not final, or of which nodes do not say the same.
    async fn listen_for_restrictions(&mut self) -> Result<(), RoundError> {
        let head = self.chain.client.head().await?.number;
        let last_final = match self.chain.client.finalized().await {
            Ok(finalized) => finalized.map_or(0, |block| block.number),
            Err(ChainError::Disagreement { .. }) => head.saturating_sub(UNSURE_BLOCKS),
            Err(error) => return Err(error.into()),
        };
        let read = self.cursor().await?.and_then(|cursor| cursor.last).map_or(last_final, |(number, _)| number);
        let from = last_final.min(read).max(head.saturating_sub(UNSURE_BLOCKS));
        self.listen_at_sight(from + 1, head, |what| what != Sight::Deposit).await?;
        Ok(())
    }

    /// Tells what counts at first sight, of blocks that are not final. Gives what is there.
    async fn listen_at_sight(
        &mut self,
        from: u64,
        to: u64,
        counts: fn(Sight) -> bool,
    ) -> Result<HashSet<Name>, RoundError> {
        if self.listener.told.len() > TOLD_MAX {
            self.listener.told.clear();
        }
        let mut present = HashSet::new();
        let mut next = from;
        while next <= to {
            let (facts, after) = self.read_at_sight(next, to).await?;
            for seen in &facts {
                let Some(what) = sight_of(&seen.fact).filter(|what| counts(*what)) else { continue };
                let name = name_of(seen);
                present.insert(name);
                if !self.listener.told.contains(&name) && self.tell_at_sight(seen, what).await? {
                    self.listener.told.insert(name);
                }
            }
            next = after;
        }
        Ok(present)
    }

    /// Tells the session key what the chain says of it for good. `before` are the facts that stand before it in what
    /// was read with it.
    async fn tell_final(&mut self, seen: &Seen, before: &[Seen], last_final: u64) -> Result<(), RoundError> {
        let Some((found, state)) = self.find(seen).await? else { return Ok(()) };
        let is_told = self.is_told_by_former_name(&found, &state, seen, before).await?;
        let looks_back = self.listener.looks_back;
        let former = if looks_back { self.former_life(&found, &state, seen).await? } else { FormerLife::None };
        let is_back = former == FormerLife::Over && self.is_back(seen, &state, Some(last_final)).await?;
        let cause = match former {
            FormerLife::None if is_told => None,
            FormerLife::None => Some(self.cause_of(seen, b"final", Bytes32([0; 32]))),
            FormerLife::Moved(block_hash) => Some(self.cause_of(seen, b"moved", block_hash)),
            FormerLife::Over => is_back.then(|| self.cause_since(seen, b"back")),
        };
        let observe = |fact| Action::Observe { fact, at: seen.at, is_final: true };
        let is_known = match cause {
            None => true,
            Some(cause) => {
                let done = self.tell_session(&found, cause, observe(seen.fact.clone())).await?;
                matches!(done, Executed::Done { replayed: true, .. })
            }
        };
        // What it ended may have come again since.
        if looks_back
            && is_known
            && let Some(fact) = said_again(&seen.fact, &state, seen.at)
        {
            self.tell_session(&found, self.cause_since(seen, b"again"), observe(fact)).await?;
        }
        self.conclude_sights(seen, &found).await
    }

    /// The session key that a fact is about. Sessions that are not ours are left alone.
    pub(super) async fn find(&self, seen: &Seen) -> Result<Option<(Indexed, SessionKey)>, RoundError> {
        let found = self.context.ledger.log().lookup(INDEX_CHAIN_SESSION, &seen.session_id.0).await?;
        let Some(found) = found else { return Ok(None) };
        let state = self.context.ledger.load::<SessionKey>(&found.stream_id).await?.state;
        let is_ours = match (seen.payee, &state.grant) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(payee), Some(grant)) => grant.terms.payee == payee,
        };
        Ok(is_ours.then_some((found, state)))
    }

    /// A command to a session key.
    pub(super) async fn tell_session(
        &self,
        found: &Indexed,
        cause: Uuid,
        action: Action,
    ) -> Result<Executed<SessionKey>, RoundError> {
        let Indexed { organization_id, partition, stream_id } = found.clone();
        let command = SessionKeyCommand { organization_id, action };
        let done = self.execute::<SessionKey>(organization_id, partition, stream_id, cause, command).await?;
        done.map_err(|denied| RoundError::Denied(format!("{}: {denied}", found.stream_id)))
    }

    /// The name of what is told of a fact: of the same fact the same, in whatever block it stands.
    pub(super) fn cause_of(&self, seen: &Seen, step: &[u8], block: Bytes32) -> Uuid {
        self.cause_at(seen.at.tx_hash, seen.ordinal, step, block)
    }

    /// The same for a fact that is known by its place in its transaction.
    pub(super) fn cause_at(&self, tx_hash: Bytes32, ordinal: u64, step: &[u8], block: Bytes32) -> Uuid {
        let settings = self.chain.client.settings();
        let (chain_id, ordinal) = (settings.network.chain_id.to_be_bytes(), ordinal.to_be_bytes());
        caused(&[b"chain fact", &chain_id, &settings.contract.0, &tx_hash.0, &ordinal, step, &block.0])
    }

    /// A name that a fact has once for each time that the chain was set back.
    fn cause_since(&self, seen: &Seen, step: &[u8]) -> Uuid {
        let step = [step, &self.listener.confirmations.to_be_bytes()].concat();
        self.cause_of(seen, &step, Bytes32([0; 32]))
    }

    /// How far final blocks were read. Where nothing was read yet, or that was lost, or a person has confirmed that the
    /// chain was set back, reading begins anew.
    async fn current_cursor(
        &mut self,
        watch: &Loaded<ChainWatch>,
        finalized: Option<BlockRef>,
    ) -> Result<Cursor, RoundError> {
        let known = self.cursor().await?;
        let confirmations = watch.state.confirmations;
        if let Some(cursor) = known.as_ref().filter(|cursor| cursor.confirmations >= confirmations) {
            return Ok(cursor.clone());
        }
        // First what is to be sent again and what session keys know of blocks, then the cursor: after a crash between
        // them all is done again.
        if confirmations > 0 {
            self.request_resends(confirmations).await?;
        }
        let is_local = self.network().is_local;
        let start = match finalized {
            Some(last) if !is_local => self.before_first_grant(last).await?,
            _ => None,
        };
        // Elsewhere there is nothing to read before the first final block.
        if is_local || finalized.is_some() {
            if confirmations > 0 {
                self.let_blocks_go(start.map_or(0, |block| block.number), confirmations).await?;
            }
            self.begin_anew(start, confirmations, known.is_some()).await?;
        }
        self.listener.told.clear();
        match self.cursor().await? {
            Some(cursor) if cursor.confirmations >= confirmations => Ok(cursor),
            Some(_) => Err(ChainError::Unavailable("the node has no final block yet".to_owned()).into()),
            None => Ok(Cursor { last: None, confirmations, reads_anew: false }),
        }
    }

    async fn cursor(&self) -> Result<Option<Cursor>, RoundError> {
        Ok(read_cursor(&self.context.pool, self.chain_id(), &self.contract()).await?)
    }

    /// Session keys know where restrictions ended, in blocks that may be gone now: what stands in the blocks that are read
    /// anew must not be taken for older than that. What they have of money stays.
    ///
    /// Those that are closed are left out: no restriction changes anything of them any more. They stay closed, take no
    /// charges and holds, and nothing is claimed, relayed or paid out for them. Money that went in or out of them by the
    /// chain's word counts in whatever block it stands.
    async fn let_blocks_go(&self, start: u64, confirmations: u64) -> Result<(), RoundError> {
        let settings = self.chain.client.settings();
        let (chain_id, contract) = (settings.network.chain_id, settings.contract);
        let mut after = None;
        loop {
            let pool = &self.context.pool;
            let ids = survey::session_keys(pool, chain_id, contract, after, SESSION_KEYS_PAGE).await?;
            for id in &ids {
                self.let_blocks_of_go(*id, start, confirmations).await?;
            }
            after = ids.last().copied();
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn let_blocks_of_go(&self, id: SessionKeyId, start: u64, confirmations: u64) -> Result<(), RoundError> {
        let ledger = &self.context.ledger;
        let state = ledger.load::<SessionKey>(&StreamId::new(SessionKey::CATEGORY, id)).await?.state;
        let Some(grant) = state.grant.as_ref().filter(|_| state.knows_after(start)) else { return Ok(()) };
        let found = ledger.log().lookup(INDEX_CHAIN_SESSION, &grant.terms.session_id.0).await?;
        let Some(found) = found else { return Ok(()) };
        let cause = caused(&[b"set back", found.stream_id.as_str().as_bytes(), &confirmations.to_be_bytes()]);
        let (escrow, reason) = (state.escrow(), "the chain was set back".to_owned());
        let action = Action::Restate { escrow, known: escrow, block_number: start, reason };
        self.tell_session(&found, cause, action).await.map(|_| ())
    }

    /// Puts the cursor before everything that can be ours: a local chain is read from its first block, another from
    /// before the first session key of this log.
    async fn begin_anew(
        &self,
        start: Option<BlockRef>,
        confirmations: u64,
        reads_anew: bool,
    ) -> Result<(), RoundError> {
        sqlx::query!(
            "insert into chain_cursors (chain_id, contract, block_number, block_hash, confirmations, reading_anew)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (chain_id, contract) do update
             set block_number = excluded.block_number, block_hash = excluded.block_hash,
                 confirmations = excluded.confirmations, reading_anew = excluded.reading_anew
             where chain_cursors.confirmations < excluded.confirmations",
            self.chain_id(),
            self.contract(),
            start.map_or(NOTHING, |block| signed(block.number)),
            start.map_or(String::new(), |block| block.hash.to_string()),
            signed(confirmations),
            reads_anew
        )
        .execute(&self.context.pool)
        .await?;
        Ok(())
    }

    /// A block before any session of this log was drawn up: nothing before it can be ours.
    async fn before_first_grant(&self, last: BlockRef) -> Result<Option<BlockRef>, RoundError> {
        let (chain_id, contract) = (self.chain_id(), self.contract());
        let Some(first) = first_granted_at(&self.context.pool, chain_id, &contract).await? else {
            return Ok(Some(last));
        };
        // Clocks differ: an hour is more than they do.
        let before = first - TimeDelta::hours(1);
        let (mut low, mut high) = (0, last.number);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match self.chain.client.block_at(middle).await? {
                Some(block) if block.time < before => low = middle,
                _ => high = middle - 1,
            }
        }
        Ok(self.chain.client.block_at(low).await?)
    }

    /// Another leader may have gone further, or may have begun anew: then this one's block says nothing.
    async fn save_cursor(&self, block: BlockRef, confirmations: u64) -> Result<(), RoundError> {
        sqlx::query!(
            "update chain_cursors set block_number = $3, block_hash = $4
             where chain_id = $1 and contract = $2 and confirmations = $5 and block_number < $3",
            self.chain_id(),
            self.contract(),
            signed(block.number),
            block.hash.to_string(),
            signed(confirmations)
        )
        .execute(&self.context.pool)
        .await?;
        Ok(())
    }

    async fn end_reading_anew(&self, confirmations: u64) -> Result<(), RoundError> {
        sqlx::query!(
            "update chain_cursors set reading_anew = false
             where chain_id = $1 and contract = $2 and confirmations = $3",
            self.chain_id(),
            self.contract(),
            signed(confirmations)
        )
        .execute(&self.context.pool)
        .await?;
        tracing::info!("the chain was read anew, and what was sent before was sent again: settling goes on");
        Ok(())
    }
}

/// How far final blocks were read; `None` while nobody has begun.
pub(super) async fn read_cursor(pool: &PgPool, chain_id: i64, contract: &str) -> Result<Option<Cursor>, StoreError> {
    let row = sqlx::query!(
        "select block_number, block_hash, confirmations, reading_anew from chain_cursors
         where chain_id = $1 and contract = $2",
        chain_id,
        contract
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let last = match row.block_number {
        NOTHING => None,
        number => {
            let hash = row.block_hash.parse().map_err(|_| {
                StoreError::Corrupt(format!("chain_cursors: the hash of block {number} cannot be read"))
            })?;
            Some((number.unsigned_abs(), hash))
        }
    };
    Ok(Some(Cursor { last, confirmations: row.confirmations.unsigned_abs(), reads_anew: row.reading_anew }))
}

/// The last final block of which everything is in the log; `None` before the first, and while the chain is read anew
/// after it was set back: then the log knows more.
pub async fn last_final_block(pool: &PgPool, chain_id: u64, contract: Address) -> Result<Option<u64>, StoreError> {
    let cursor = read_cursor(pool, signed(chain_id), &contract.to_string()).await?;
    Ok(cursor.filter(|cursor| !cursor.reads_anew).and_then(|cursor| cursor.last).map(|(number, _)| number))
}

/// The organization that settlers' own streams belong to: the installation itself.
pub(super) const fn installation() -> OrganizationId {
    OrganizationId::new(Uuid::nil())
}
