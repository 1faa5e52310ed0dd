//! What was told at first sight, until it is final: the table `chain_sights` remembers it, so that it can be taken back
//! when its block goes away and it does not come again.
//!
//! A row goes when the same fact was told for good. It is taken back when its block has gone away: when no node gives it
//! any more and all that answer have another block in its place, for a while; at the latest when the blocks up to its
//! own are final and it was not among them. A deposit is taken back at once then, for nobody relies on one that is not
//! final. A restriction is taken back only when the contract says, at the last final block and at the newest, that it
//! does not hold: what stops a payer is rather believed too long than not long enough. When the block comes back after
//! all, it is told again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chain::client::SessionView;
use chain::facts::Seen;
use chain::{ChainError, Client};
use chrono::TimeDelta;
use domain::evm::{Address, Bytes32, ChainRef};
use domain::ids::OrganizationId;
use domain::session_key::command::{Action, Fact};
use domain::session_key::{SessionKey, SessionKeyEvent, Sight};
use domain::{StreamId, Timestamp};
use eventstore::log::Indexed;
use eventstore::{Executed, Recorded, StoreError, clock};
use tokio::time::Instant;
use uuid::Uuid;

use super::former::FormerLife;
use super::{RoundError, Worker};

/// Rows that are compared with what nodes give in one round, and those of them that the chain is asked about.
const COMPARED_MAX: i64 = 1_000;
const ASKED_MAX: usize = 50;
/// Before the contract is asked again about the same one.
const LOOK_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// How long a block that is not final must be gone before what it said is taken back: on a local chain, and on others.
const GONE_FOR_LOCAL: Duration = Duration::from_millis(500);
const GONE_FOR: Duration = Duration::from_secs(10);

/// Names what was told at first sight: transaction, place in it, block.
pub(super) type Name = (Bytes32, u64, Bytes32);

pub(super) const fn name_of(seen: &Seen) -> Name {
    (seen.at.tx_hash, seen.ordinal, seen.at.block_hash)
}

/// Since when blocks that are not final are gone. Losing it costs only time.
pub(super) type Gone = HashMap<Name, Instant>;

/// What a fact is at first sight; `None` when it counts only when it is final.
pub(super) const fn sight_of(fact: &Fact) -> Option<Sight> {
    match fact {
        Fact::Deposited { .. } => Some(Sight::Deposit),
        Fact::Frozen => Some(Sight::Freeze),
        Fact::Revoked => Some(Sight::Revocation),
        Fact::WithdrawRequested { .. } => Some(Sight::Withdrawal),
        Fact::KeyRotated { .. } => Some(Sight::Rotation),
        Fact::Registered { .. }
        | Fact::Unfrozen
        | Fact::GuardianFrozen
        | Fact::GuardianUnfrozen
        | Fact::Claimed { .. }
        | Fact::WithdrawCancelled
        | Fact::Withdrawn { .. } => None,
    }
}

/// By its name in the table.
fn named(text: &str) -> Option<Sight> {
    let all = [Sight::Deposit, Sight::Freeze, Sight::Revocation, Sight::Withdrawal, Sight::Rotation];
    all.into_iter().find(|what| what.name() == text)
}

/// What the session key took the fact for: a managed one takes another key than its own for its end.
const fn taken_for(event: &SessionKeyEvent) -> Option<Sight> {
    match event {
        SessionKeyEvent::DepositSeen(_) => Some(Sight::Deposit),
        SessionKeyEvent::Frozen(_) => Some(Sight::Freeze),
        SessionKeyEvent::Revoked(_) => Some(Sight::Revocation),
        SessionKeyEvent::WithdrawalRequested(_) => Some(Sight::Withdrawal),
        SessionKeyEvent::RotationSeen(_) => Some(Sight::Rotation),
        _ => None,
    }
}

/// A row as the table has it.
struct Row {
    tx_hash: String,
    ordinal: i64,
    block_hash: String,
    block_number: i64,
    block_time: Timestamp,
    log_index: i64,
    session_id: String,
    organization_id: Uuid,
    partition: i32,
    stream_id: String,
    what: String,
    key: Option<String>,
}

/// One that was told at first sight.
struct Kept {
    at: ChainRef,
    ordinal: u64,
    session_id: Bytes32,
    place: Indexed,
    what: Sight,
    key: Option<Address>,
}

impl Kept {
    const fn name(&self) -> Name {
        (self.at.tx_hash, self.ordinal, self.at.block_hash)
    }
}

impl Row {
    fn read(self) -> Result<Kept, StoreError> {
        let broken = || StoreError::Corrupt(format!("chain_sights of {} cannot be read", self.tx_hash));
        let hash = |text: &str| text.parse::<Bytes32>().map_err(|_| broken());
        let at = ChainRef {
            tx_hash: hash(&self.tx_hash)?,
            log_index: self.log_index.unsigned_abs(),
            block_number: self.block_number.unsigned_abs(),
            block_hash: hash(&self.block_hash)?,
            block_time: self.block_time,
        };
        let session_id = hash(&self.session_id)?;
        let what = named(&self.what).ok_or_else(broken)?;
        let key = self.key.as_deref().map(str::parse::<Address>).transpose().map_err(|_| broken())?;
        let place = Indexed {
            organization_id: OrganizationId::new(self.organization_id),
            partition: self.partition,
            stream_id: StreamId::from_stored(self.stream_id),
        };
        Ok(Kept { at, ordinal: self.ordinal.unsigned_abs(), session_id, place, what, key })
    }
}

impl Worker {
    /// Tells a session key what is not final yet, and remembers that. Before it is told: after a crash between the two
    /// nothing is told that nobody remembers. Gives whether it need not be looked at again.
    pub(super) async fn tell_at_sight(&self, seen: &Seen, what: Sight) -> Result<bool, RoundError> {
        let Some((found, state)) = self.find(seen).await? else { return Ok(true) };
        let is_over =
            self.listener.looks_back && matches!(self.former_life(&found, &state, seen).await?, FormerLife::Over);
        if is_over && !self.is_back(seen, &state, None).await? {
            // The node that says so may not have come so far.
            return Ok(what == Sight::Deposit);
        }
        let is_new = self.remember(seen, &found, what).await?;
        let observe = || Action::Observe { fact: seen.fact.clone(), at: seen.at, is_final: false };
        // A block that is not final may be replaced: the same entry in another block is another sight.
        let cause = self.cause_of(seen, b"sight", seen.at.block_hash);
        let event = match self.tell_session(&found, cause, observe()).await? {
            Executed::Done { replayed: true, .. } if is_new => {
                // It was taken back, and has come back: told under another name than the first time.
                let version = self.context.ledger.load::<SessionKey>(&found.stream_id).await?.version;
                let step = [b"sight again".as_slice(), &version.to_be_bytes()].concat();
                let cause = self.cause_of(seen, &step, seen.at.block_hash);
                match self.tell_session(&found, cause, observe()).await? {
                    Executed::Done { event: Recorded { event, .. }, .. } => event,
                    Executed::Unchanged { .. } => return Ok(true),
                }
            }
            Executed::Done { event: Recorded { event, .. }, .. } => event,
            // It was so already, for another reason: that one stands when this one goes away.
            Executed::Unchanged { .. } => {
                self.forget(seen.at, seen.ordinal).await?;
                return Ok(true);
            }
        };
        if let Some(taken) = taken_for(&event).filter(|taken| *taken != what) {
            self.remember_as(seen, taken).await?;
        }
        Ok(true)
    }

    /// The same fact was told for good: what was told of it at first sight is no longer in doubt, or was told in a
    /// place where it is not.
    pub(super) async fn conclude_sights(&self, seen: &Seen, found: &Indexed) -> Result<(), RoundError> {
        let rows = sqlx::query_as!(
            Row,
            "select tx_hash, ordinal, block_hash, block_number, block_time, log_index, session_id, organization_id,
                 partition, stream_id, what, key
             from chain_sights where chain_id = $1 and contract = $2 and tx_hash = $3 and ordinal = $4",
            self.chain_id(),
            self.contract(),
            seen.at.tx_hash.to_string(),
            signed(seen.ordinal)
        )
        .fetch_all(&self.context.pool)
        .await?;
        for row in rows {
            let kept = row.read()?;
            // An end has no place: it stands where it was told for good.
            let is_elsewhere = kept.at.block_hash != seen.at.block_hash && kept.what != Sight::Revocation;
            // A deposit adds: it has been told.
            if is_elsewhere && self.undo(&kept).await? && kept.what != Sight::Deposit {
                // What was later in its former place was not heard before that was taken back.
                let action = Action::Observe { fact: seen.fact.clone(), at: seen.at, is_final: true };
                let cause = self.cause_of(seen, b"moved", kept.at.block_hash);
                self.tell_session(found, cause, action).await?;
            }
            self.forget(kept.at, kept.ordinal).await?;
        }
        Ok(())
    }

    /// Takes back what was told at first sight from blocks that have gone away. Every final block up to `last` was read;
    /// `present` is what nodes give of those that are not final.
    pub(super) async fn look_at_sights(&mut self, last: u64, present: &HashSet<Name>) -> Result<(), RoundError> {
        let rows = sqlx::query_as!(
            Row,
            "select tx_hash, ordinal, block_hash, block_number, block_time, log_index, session_id, organization_id,
                 partition, stream_id, what, key
             from chain_sights
             where chain_id = $1 and contract = $2 and (looked_at is null or looked_at < $3)
             order by looked_at nulls first, block_number limit $4",
            self.chain_id(),
            self.contract(),
            clock::now() - LOOK_AGAIN_AFTER,
            COMPARED_MAX
        )
        .fetch_all(&self.context.pool)
        .await?;
        let rows = rows.into_iter().map(Row::read).collect::<Result<Vec<Kept>, StoreError>>()?;
        let known: HashSet<Name> = rows.iter().map(Kept::name).collect();
        self.listener.gone.retain(|name, _| known.contains(name));
        let is_there = |kept: &Kept| kept.at.block_number > last && present.contains(&kept.name());
        for kept in rows.into_iter().filter(|kept| !is_there(kept)).take(ASKED_MAX) {
            if !self.is_gone(&kept, last).await? {
                continue;
            }
            if self.holds(&kept, last).await? {
                self.note_look(&kept).await?;
                continue;
            }
            if self.undo(&kept).await? {
                let (stream, tx_hash) = (&kept.place.stream_id, kept.at.tx_hash);
                tracing::warn!(%stream, what = kept.what.name(), %tx_hash, "taken back: its block has gone away");
                metrics::counter!("tollbook_chain_sights_undone_total", "what" => kept.what.name()).increment(1);
            }
            self.forget(kept.at, kept.ordinal).await?;
            self.listener.told.remove(&kept.name());
        }
        Ok(())
    }

    /// Whether the block it was in has gone away: for good, or for long enough.
    async fn is_gone(&mut self, kept: &Kept, last: u64) -> Result<bool, RoundError> {
        if kept.at.block_number <= last {
            return Ok(true);
        }
        let found = self.chain.client.block_at(kept.at.block_number).await?;
        // Nodes that have not come so far say nothing of it.
        if found.is_none_or(|block| block.hash == kept.at.block_hash) {
            self.listener.gone.remove(&kept.name());
            return Ok(false);
        }
        let gone_for = if self.network().is_local { GONE_FOR_LOCAL } else { GONE_FOR };
        let now = Instant::now();
        let since = *self.listener.gone.entry(kept.name()).or_insert(now);
        Ok(now.duration_since(since) >= gone_for)
    }

    /// Whether the contract says that a restriction is there all the same: at the last final block, or at the newest.
    async fn holds(&self, kept: &Kept, last: u64) -> Result<bool, RoundError> {
        if kept.what == Sight::Deposit {
            return Ok(false);
        }
        let state = self.context.ledger.load::<SessionKey>(&kept.place.stream_id).await?.state;
        if is_so_anyway(&state, kept.what, kept.key, kept.at) {
            return Ok(false);
        }
        let payee = state.grant.map(|grant| grant.terms.payee);
        for block in [Some(last), None] {
            if holds_at(&self.chain.client, kept, payee, block).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives whether the session key had it.
    async fn undo(&self, kept: &Kept) -> Result<bool, RoundError> {
        // Its block may come back and go away again: each time is another.
        let version = self.context.ledger.load::<SessionKey>(&kept.place.stream_id).await?.version;
        let step = [b"undone".as_slice(), &version.to_be_bytes()].concat();
        let cause = self.cause_at(kept.at.tx_hash, kept.ordinal, &step, kept.at.block_hash);
        let action = Action::UndoSight { what: kept.what, at: kept.at };
        let done = self.tell_session(&kept.place, cause, action).await?;
        Ok(matches!(done, Executed::Done { .. }))
    }

    /// Gives whether it was not known.
    async fn remember(&self, seen: &Seen, found: &Indexed, what: Sight) -> Result<bool, RoundError> {
        let key = match &seen.fact {
            Fact::KeyRotated { key, .. } => Some(key.to_string()),
            _ => None,
        };
        let done = sqlx::query!(
            "insert into chain_sights (chain_id, contract, tx_hash, ordinal, block_hash, block_number, block_time,
                 log_index, session_id, organization_id, partition, stream_id, what, key)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             on conflict (chain_id, contract, tx_hash, ordinal, block_hash) do nothing",
            self.chain_id(),
            self.contract(),
            seen.at.tx_hash.to_string(),
            signed(seen.ordinal),
            seen.at.block_hash.to_string(),
            signed(seen.at.block_number),
            seen.at.block_time,
            signed(seen.at.log_index),
            seen.session_id.to_string(),
            found.organization_id.uuid(),
            found.partition,
            found.stream_id.as_str(),
            what.name(),
            key
        )
        .execute(&self.context.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn remember_as(&self, seen: &Seen, what: Sight) -> Result<(), RoundError> {
        sqlx::query!(
            "update chain_sights set what = $6
             where chain_id = $1 and contract = $2 and tx_hash = $3 and ordinal = $4 and block_hash = $5",
            self.chain_id(),
            self.contract(),
            seen.at.tx_hash.to_string(),
            signed(seen.ordinal),
            seen.at.block_hash.to_string(),
            what.name()
        )
        .execute(&self.context.pool)
        .await?;
        Ok(())
    }

    async fn note_look(&self, kept: &Kept) -> Result<(), RoundError> {
        sqlx::query!(
            "update chain_sights set looked_at = $6
             where chain_id = $1 and contract = $2 and tx_hash = $3 and ordinal = $4 and block_hash = $5",
            self.chain_id(),
            self.contract(),
            kept.at.tx_hash.to_string(),
            signed(kept.ordinal),
            kept.at.block_hash.to_string(),
            clock::now()
        )
        .execute(&self.context.pool)
        .await?;
        Ok(())
    }

    async fn forget(&self, at: ChainRef, ordinal: u64) -> Result<(), RoundError> {
        sqlx::query!(
            "delete from chain_sights
             where chain_id = $1 and contract = $2 and tx_hash = $3 and ordinal = $4 and block_hash = $5",
            self.chain_id(),
            self.contract(),
            at.tx_hash.to_string(),
            signed(ordinal),
            at.block_hash.to_string()
        )
        .execute(&self.context.pool)
        .await?;
        Ok(())
    }
}

/// Whether it is so for good by another transaction: then the contract says that it holds, and what was seen in this
/// place would stand, and be asked about, for ever.
fn is_so_anyway(state: &SessionKey, what: Sight, key: Option<Address>, at: ChainRef) -> bool {
    match what {
        Sight::Freeze | Sight::Revocation => {
            state.revoked_here || state.revoked_for_good.is_some_and(|known| known.block_hash != at.block_hash)
        }
        Sight::Rotation => key.is_some() && state.grant.as_ref().map(|grant| grant.terms.key) == key,
        Sight::Deposit | Sight::Withdrawal => false,
    }
}

/// Whether the contract has it at a block, the newest one when none is named. At a final block all nodes must say the
/// same, or nothing is taken back. At the newest one that has it is enough to keep it: it is taken back only when all that
/// answer say that it is not there.
async fn holds_at(
    client: &Client,
    kept: &Kept,
    payee: Option<Address>,
    block: Option<u64>,
) -> Result<bool, ChainError> {
    if let (Sight::Withdrawal, Some(payee)) = (kept.what, payee) {
        let wanted = client.withdrawals_wanted(kept.session_id, payee, block).await?;
        return Ok(wanted.iter().any(|amount| !amount.is_zero()));
    }
    let views = client.sessions_at(kept.session_id, block).await?;
    Ok(views.iter().any(|view| has(view, kept.what, kept.key)))
}

/// Whether a session is so restricted. Of one that has ended the contract does not say whether it was frozen before.
fn has(view: &SessionView, what: Sight, key: Option<Address>) -> bool {
    match what {
        Sight::Freeze => view.frozen || view.revoked,
        Sight::Revocation => view.revoked || key == Some(view.key),
        Sight::Rotation => key == Some(view.key),
        Sight::Deposit | Sight::Withdrawal => false,
    }
}

/// Numbers of the chain as the database has them.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for what in [Sight::Deposit, Sight::Freeze, Sight::Revocation, Sight::Withdrawal, Sight::Rotation] {
            assert_eq!(named(what.name()), Some(what));
        }
        assert_eq!(named("claim"), None);
    }

    #[test]
    fn a_restriction_is_read_from_what_the_contract_has() {
        let (own, other) = (Address([5; 20]), Address([9; 20]));
        let active = SessionView { status: 2, key: own, frozen: false, revoked: false };
        let frozen = SessionView { status: 3, frozen: true, ..active };
        let revoked = SessionView { status: 4, revoked: true, ..active };
        for (view, freeze, revocation) in [(active, false, false), (frozen, true, false), (revoked, true, true)] {
            assert_eq!(has(&view, Sight::Freeze, None), freeze);
            assert_eq!(has(&view, Sight::Revocation, None), revocation);
        }
        assert!(has(&active, Sight::Rotation, Some(own)) && !has(&active, Sight::Rotation, Some(other)));
        assert!(has(&active, Sight::Revocation, Some(own)), "another key than the one kept here is its end");
        assert!(!has(&revoked, Sight::Deposit, None) && !has(&revoked, Sight::Withdrawal, None));
    }

    #[test]
    fn what_came_by_another_transaction_is_not_waited_for() {
        let place = |n: u8| ChainRef {
            tx_hash: Bytes32([n; 32]),
            log_index: 0,
            block_number: n.into(),
            block_hash: Bytes32([n; 32]),
            block_time: clock::now(),
        };
        let revoked = |at| SessionKey { revoked_for_good: at, ..SessionKey::default() };
        let here = SessionKey { revoked_here: true, ..SessionKey::default() };
        for what in [Sight::Freeze, Sight::Revocation] {
            let is_so = |state: &SessionKey| is_so_anyway(state, what, None, place(5));
            assert!(!is_so(&revoked(None)), "it may be the only one");
            assert!(!is_so(&revoked(Some(place(5)))));
            assert!(is_so(&revoked(Some(place(6)))));
            assert!(is_so(&here));
        }
        // Nothing is known of its key.
        let rotated = is_so_anyway(&here, Sight::Rotation, Some(Address([3; 20])), place(5));
        assert!(!rotated && !is_so_anyway(&here, Sight::Rotation, None, place(5)));
        assert!(!is_so_anyway(&here, Sight::Withdrawal, None, place(5)));
    }
}
