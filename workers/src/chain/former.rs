//! What is in the log of a fact of the chain already, where its name alone does not say so: it was told under the name
//! that facts had in earlier versions, or before the chain was set back and the fact came again in another place.

use chain::facts::Seen;
use chrono::TimeDelta;
use domain::evm::{Address, Bytes32, ChainRef};
use domain::money::Amount;
use domain::session_key::command::{Action, Fact};
use domain::session_key::{Custody, FrozenBy, SessionKey, SessionKeyEvent, Sight};
use eventstore::log::Indexed;
use eventstore::postgres::EventFilter;
use eventstore::{Executed, Recorded, StoreError};
use uuid::Uuid;

use super::{RoundError, Worker, caused, sights};

/// Events of a stream that are looked through, the newest of them.
const LOOKED_THROUGH: i64 = 1_000;
/// How long after the schema knows today's names a process of the version before may still have been at work.
const OVERLAP: TimeDelta = TimeDelta::days(1);

impl Worker {
    /// Whether a deposit or withdrawal was told under its former name: by its place in the block. `before` are the facts
    /// that stand before it in what was read: of several alike in one transaction each is counted once.
    pub(super) async fn is_told_by_former_name(
        &mut self,
        found: &Indexed,
        state: &SessionKey,
        seen: &Seen,
        before: &[Seen],
    ) -> Result<bool, RoundError> {
        let kind = match seen.fact {
            Fact::Deposited { .. } => "deposited",
            Fact::Withdrawn { .. } => "withdrawn",
            // The others say what is, not what is added: told twice they change nothing.
            _ => return Ok(false),
        };
        let since = self.fact_names_since().await?;
        if state.grant.as_ref().is_none_or(|grant| grant.granted_at > since + OVERLAP) {
            return Ok(false);
        }
        let alike = before.iter().rev().take_while(|one| one.at.tx_hash == seen.at.tx_hash).filter(|one| {
            let same_kind = std::mem::discriminant(&one.fact) == std::mem::discriminant(&seen.fact);
            same_kind && (one.session_id, one.payee) == (seen.session_id, seen.payee)
        });
        let told = self.events(found, &[kind]).await?;
        let told = told.iter().filter(|told| {
            told.at.tx_hash == seen.at.tx_hash && told.event_id == former_name(self.network().chain_id, told.at)
        });
        Ok(told.count() > alike.count())
    }

    /// After the chain was set back a restriction may come again in another place. Where the log still has it in its
    /// former place, it is taken back there, to be told where it is now. Of a deposit the log may have let go.
    pub(super) async fn former_life(
        &self,
        found: &Indexed,
        state: &SessionKey,
        seen: &Seen,
    ) -> Result<FormerLife, RoundError> {
        let (what, kinds): (Sight, &[&str]) = match sights::sight_of(&seen.fact) {
            Some(Sight::Freeze) => (Sight::Freeze, &["frozen", "sight_undone"]),
            Some(Sight::Withdrawal) => (Sight::Withdrawal, &["withdrawal_requested", "sight_undone"]),
            Some(Sight::Rotation) => (Sight::Rotation, &["rotation_seen", "key_rotated", "sight_undone"]),
            Some(Sight::Deposit) => return self.former_deposit(found, seen).await,
            Some(Sight::Revocation) | None => return Ok(FormerLife::None),
        };
        let told = self.events(found, kinds).await?;
        let newest = told
            .into_iter()
            .find(|told| told.at.tx_hash == seen.at.tx_hash && told.undone.is_none_or(|undone| undone == what));
        let Some(Told { at: former, undone, .. }) = newest else { return Ok(FormerLife::None) };
        match (undone.is_some(), former.block_hash == seen.at.block_hash) {
            (true, true) => return Ok(FormerLife::None),
            (true, false) => return Ok(FormerLife::Moved(former.block_hash)),
            // Blocks that session keys have let go of keep nothing out: what has ended is known by its event.
            (false, true) if stands(state, what, seen.at) => return Ok(FormerLife::None),
            (false, true) => return Ok(FormerLife::Over),
            (false, false) => {}
        }
        let cause = self.cause_of(seen, b"set back", former.block_hash);
        let done = self.tell_session(found, cause, Action::UndoSight { what, at: former }).await?;
        Ok(match done {
            Executed::Done { .. } => FormerLife::Moved(former.block_hash),
            Executed::Unchanged { .. } => FormerLife::Over,
        })
    }

    /// Whether a restriction that has ended in the log is there all the same, at a block or at the newest: its end may be
    /// gone, or come later than before. At a final block all nodes must say the same. At the newest one that has it is
    /// enough: to hold a payer back for too long costs less than not to.
    pub(super) async fn is_back(
        &self,
        seen: &Seen,
        state: &SessionKey,
        block: Option<u64>,
    ) -> Result<bool, RoundError> {
        let (client, Some(grant)) = (&self.chain.client, &state.grant) else { return Ok(false) };
        Ok(match &seen.fact {
            Fact::Frozen => client.sessions_at(seen.session_id, block).await?.iter().any(|view| view.frozen),
            Fact::WithdrawRequested { .. } => {
                let wanted = client.withdrawals_wanted(seen.session_id, grant.terms.payee, block).await?;
                wanted.iter().any(|amount| !amount.is_zero())
            }
            // A key that is kept here and was replaced is not known any more: to come back to it would be the end.
            Fact::KeyRotated { key, .. } if is_takeable(state, *key) => {
                client.sessions_at(seen.session_id, block).await?.iter().any(|view| view.key == *key)
            }
            _ => false,
        })
    }

    /// A deposit counts once. Where a person had it taken out of the log, as the chain had lost it, and it comes again
    /// after that, it counts again.
    async fn former_deposit(&self, found: &Indexed, seen: &Seen) -> Result<FormerLife, RoundError> {
        let mut credits = Vec::new();
        for Recorded { event, event_id, .. } in self.newest(found, &["deposited", "restated"]).await? {
            match event {
                SessionKeyEvent::Deposited(e) => credits.push(Credit::Told { event_id, at: e.at }),
                SessionKeyEvent::Restated(e) => credits.push(Credit::Restated(e.amount, e.block_number)),
                _ => {}
            }
        }
        // The names that it may have been told under.
        let mut names = vec![self.cause_of(seen, b"final", Bytes32([0; 32]))];
        for credit in &credits {
            if let Credit::Told { at, .. } = credit
                && at.tx_hash == seen.at.tx_hash
            {
                names.push(self.cause_of(seen, b"moved", at.block_hash));
                names.push(former_name(self.network().chain_id, *at));
            }
        }
        Ok(deposit_life(&credits, &names, seen.at))
    }

    /// Events of these kinds in a session key's stream that have a place on the chain, newest first.
    async fn events(&self, found: &Indexed, kinds: &[&str]) -> Result<Vec<Told>, RoundError> {
        let mut events = Vec::new();
        for Recorded { event, event_id, .. } in self.newest(found, kinds).await? {
            let (at, undone) = match event {
                SessionKeyEvent::Deposited(e) => (Some(e.at), None),
                SessionKeyEvent::Withdrawn(e) => (Some(e.at), None),
                SessionKeyEvent::Frozen(e) => (e.at.filter(|_| e.by == FrozenBy::Owner), None),
                SessionKeyEvent::WithdrawalRequested(e) => (Some(e.at), None),
                SessionKeyEvent::RotationSeen(e) => (Some(e.at), None),
                SessionKeyEvent::KeyRotated(e) => (Some(e.at), None),
                SessionKeyEvent::SightUndone(e) => (Some(e.at), Some(e.what)),
                _ => (None, None),
            };
            events.extend(at.map(|at| Told { event_id, at, undone }));
        }
        Ok(events)
    }

    async fn newest(&self, found: &Indexed, kinds: &[&str]) -> Result<Vec<Recorded<SessionKeyEvent>>, RoundError> {
        let filter = EventFilter {
            streams: Some(vec![found.stream_id.as_str().to_owned()]),
            event_types: Some(kinds.iter().map(|kind| (*kind).to_owned()).collect()),
            newest_first: true,
            ..EventFilter::default()
        };
        let rows = self.log.events_of(found.organization_id, i64::MAX, LOOKED_THROUGH, &filter).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            events.push(Recorded::read(row)?);
        }
        Ok(events)
    }

    /// Since when facts have today's names.
    async fn fact_names_since(&mut self) -> Result<domain::Timestamp, StoreError> {
        if let Some(since) = self.listener.fact_names_since {
            return Ok(since);
        }
        let since = sqlx::query_scalar!("select since from chain_fact_names").fetch_one(&self.context.pool).await?;
        Ok(*self.listener.fact_names_since.insert(since))
    }
}

/// What the log knows of a restriction or a deposit from the time before the chain was set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormerLife {
    /// Nothing, or that it is where it is.
    None,
    /// It was in this block, and is no longer in the log for it.
    Moved(Bytes32),
    /// It has ended since, or counts already: it is not told again, unless the contract still has it.
    Over,
}

/// What became of deposits.
enum Credit {
    /// One was credited, under this name.
    Told { event_id: Uuid, at: ChainRef },
    /// So much was taken out of the log, by what the contract had at this block.
    Restated(Amount, u64),
}

/// `credits` newest first, `names` those of the deposit.
fn deposit_life(credits: &[Credit], names: &[Uuid], at: ChainRef) -> FormerLife {
    let mut restated = None;
    for credit in credits {
        match credit {
            // After the newest of them the log was as the contract was there. One that took nothing is of a chain that was
            // set back once more: then it is not known what is counted.
            Credit::Restated(amount, block_number) => {
                restated.get_or_insert((*amount, *block_number));
            }
            Credit::Told { event_id, at: former } if former.tx_hash == at.tx_hash && names.contains(event_id) => {
                let is_out = restated.is_some_and(|(amount, block)| !amount.is_zero() && block < at.block_number);
                let is_elsewhere = former.block_hash != at.block_hash;
                return if is_out && is_elsewhere { FormerLife::Moved(former.block_hash) } else { FormerLife::Over };
            }
            Credit::Told { .. } => {}
        }
    }
    FormerLife::None
}

/// Whether a session key has a restriction in that very block.
fn stands(state: &SessionKey, what: Sight, at: ChainRef) -> bool {
    let is_same = |known: &ChainRef| (known.tx_hash, known.block_hash) == (at.tx_hash, at.block_hash);
    let seen = &state.sights;
    match what {
        Sight::Freeze => seen.freezes.iter().any(is_same),
        Sight::Withdrawal => seen.withdrawals.iter().any(|request| is_same(&request.at)),
        Sight::Rotation => seen.rotations.iter().any(|rotation| is_same(&rotation.at)),
        Sight::Deposit | Sight::Revocation => false,
    }
}

/// Whether a session key could go back to a key, and has another.
fn is_takeable(state: &SessionKey, key: Address) -> bool {
    let Some(grant) = &state.grant else { return false };
    let is_known = grant.terms.custody == Custody::Client || state.prepared_key == Some(key);
    is_known && grant.terms.key != key
}

/// What is said once more of a fact that the log knows, since the chain was set back: ends, for what they ended may have
/// come again. Of a withdrawal only that: what was paid out stands in the log. And a key that came again at first sight.
pub(super) fn said_again(fact: &Fact, state: &SessionKey, at: ChainRef) -> Option<Fact> {
    match fact {
        Fact::Unfrozen => Some(Fact::Unfrozen),
        Fact::WithdrawCancelled | Fact::Withdrawn { .. } => Some(Fact::WithdrawCancelled),
        Fact::KeyRotated { .. } if stands(state, Sight::Rotation, at) => Some(fact.clone()),
        _ => None,
    }
}

/// What an event says of the chain.
struct Told {
    event_id: Uuid,
    at: ChainRef,
    /// What it takes back.
    undone: Option<Sight>,
}

/// The name of a final fact in the versions before: by its place in the block.
fn former_name(chain_id: u64, at: ChainRef) -> Uuid {
    let (chain_id, index) = (chain_id.to_be_bytes(), at.log_index.to_be_bytes());
    caused(&[b"log entry", &chain_id, &at.tx_hash.0, &index, b"final"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Aggregate;
    use domain::ids::{CustomerId, OrganizationId, SessionKeyId};
    use domain::money::Currency;
    use domain::session_key::Terms;
    use domain::session_key::command::SessionKeyCommand;
    use domain::session_key::event::Granted;
    use eventstore::clock;

    fn place(tx: u8, block: u64, hash: u8) -> ChainRef {
        ChainRef {
            tx_hash: Bytes32([tx; 32]),
            log_index: 0,
            block_number: block,
            block_hash: Bytes32([hash; 32]),
            block_time: clock::now(),
        }
    }

    fn name(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn told(n: u128, at: ChainRef) -> Credit {
        Credit::Told { event_id: name(n), at }
    }

    fn restated(amount: &str, block: u64) -> Credit {
        Credit::Restated(amount.parse().unwrap(), block)
    }

    const ORGANIZATION: OrganizationId = OrganizationId::new(Uuid::from_u128(1));

    /// A client's session key that took these facts, and what an earlier version of the chain said of them.
    fn key(facts: Vec<(Fact, ChainRef, bool)>) -> SessionKey {
        let terms = Terms {
            custody: Custody::Client,
            chain_id: 1,
            contract: Address([1; 20]),
            token: Address([2; 20]),
            currency: Currency::USDC,
            session_id: Bytes32([3; 32]),
            owner: Address([4; 20]),
            key: Address([5; 20]),
            payee: Address([6; 20]),
            limit: "100".parse().unwrap(),
            period_limit: Amount::ZERO,
            period_secs: 0,
            valid_after: clock::now(),
            valid_until: clock::now() + TimeDelta::days(1),
            settle_grace_secs: 0,
            withdraw_delay_secs: 0,
            salt: Bytes32([0; 32]),
        };
        let granted = Granted {
            session_key_id: SessionKeyId::new(name(2)),
            customer_id: CustomerId::new(name(3)),
            organization_id: ORGANIZATION,
            terms,
        };
        let registered = Fact::Registered { key: Address([5; 20]) };
        let mut actions = vec![Action::Grant(Box::new(granted))];
        actions.push(Action::Observe { fact: registered, at: place(1, 1, 1), is_final: true });
        actions.extend(facts.into_iter().map(|(fact, at, is_final)| Action::Observe { fact, at, is_final }));
        let mut state = SessionKey::default();
        for action in actions {
            let command = SessionKeyCommand { organization_id: ORGANIZATION, action };
            for event in state.handle_command(&command, clock::now()).unwrap() {
                state.apply_event(&event, clock::now());
            }
        }
        state
    }

    #[test]
    fn a_deposit_that_was_taken_out_of_the_log_and_comes_again_counts_again() {
        // Given a deposit of block 60 that the chain lost, and that a person had taken out, as of block 55.
        let (first, again) = (place(7, 60, 60), place(7, 62, 99));
        let lost = [restated("5", 55), restated("0", 0), told(1, first)];
        // When its transaction is mined again after that, then it counts again, once.
        assert_eq!(deposit_life(&lost, &[name(1)], again), FormerLife::Moved(first.block_hash));
        let moved = [told(2, again), restated("5", 55), restated("0", 0), told(1, first)];
        assert_eq!(deposit_life(&moved, &[name(1), name(2)], again), FormerLife::Over);
        // Another deposit of the same transaction is another.
        assert_eq!(deposit_life(&lost, &[name(9)], again), FormerLife::None);
    }

    #[test]
    fn a_deposit_that_is_in_the_log_is_not_counted_twice() {
        let (first, again) = (place(7, 60, 60), place(7, 62, 99));
        let own = [name(1)];
        assert_eq!(deposit_life(&[], &own, again), FormerLife::None, "it is new");
        assert_eq!(deposit_life(&[told(1, first)], &own, again), FormerLife::Over, "it is in another block");
        assert_eq!(
            deposit_life(&[told(1, first), restated("5", 55)], &own, again),
            FormerLife::Over,
            "told after that"
        );
        let there = [restated("5", 62), told(1, first)];
        assert_eq!(deposit_life(&there, &own, again), FormerLife::Over, "the contract had it when it was asked");
        let set_back = [restated("0", 0), restated("5", 55), told(1, first)];
        assert_eq!(deposit_life(&set_back, &own, again), FormerLife::Over, "it is not known what is counted");
        assert_eq!(deposit_life(&[restated("5", 55), told(1, again)], &own, again), FormerLife::Over, "the same block");
    }

    #[test]
    fn a_restriction_stands_in_its_block_until_its_end() {
        let (freeze, end) = (place(7, 60, 60), place(8, 70, 70));
        let frozen = key(vec![(Fact::Frozen, freeze, true)]);
        assert!(stands(&frozen, Sight::Freeze, freeze));
        assert!(!stands(&frozen, Sight::Freeze, place(7, 62, 99)), "there it is in another block");
        let free = key(vec![(Fact::Frozen, freeze, true), (Fact::Unfrozen, end, true)]);
        assert!(!stands(&free, Sight::Freeze, freeze));
    }

    #[test]
    fn a_freeze_that_came_back_without_its_end_counts_until_that_comes() {
        // Given a freeze of block 60 and its end of block 70, and a chain that was set back to block 50.
        let mut state = key(vec![(Fact::Frozen, place(7, 60, 60), true), (Fact::Unfrozen, place(8, 70, 70), true)]);
        let mut tell = |action: Action| {
            let command = SessionKeyCommand { organization_id: ORGANIZATION, action };
            let events = state.handle_command(&command, clock::now()).unwrap();
            events.iter().for_each(|event| state.apply_event(event, clock::now()));
            state.clone()
        };
        let (known, reason) = (Amount::ZERO, "the chain was set back".to_owned());
        tell(Action::Restate { escrow: known, known, block_number: 50, reason });
        // When only the freeze is mined again, and told as the contract has it, then the session key is frozen,
        let back = tell(Action::Observe { fact: Fact::Frozen, at: place(7, 62, 99), is_final: true });
        assert!(back.owner_freeze.is_some());
        // and its end, which the log knows, is said again when it comes.
        let end = place(8, 75, 98);
        let fact = said_again(&Fact::Unfrozen, &back, end).unwrap();
        let after = tell(Action::Observe { fact, at: end, is_final: true });
        assert_eq!(after.owner_freeze, None);
    }

    #[test]
    fn a_withdrawal_that_comes_again_ends_its_request_and_is_not_paid_twice() {
        let paid = Fact::Withdrawn { amount: "3".parse().unwrap() };
        let state = SessionKey::default();
        assert_eq!(said_again(&paid, &state, place(7, 60, 60)), Some(Fact::WithdrawCancelled));
        assert_eq!(said_again(&Fact::WithdrawCancelled, &state, place(7, 60, 60)), Some(Fact::WithdrawCancelled));
        let deposited = Fact::Deposited { amount: "3".parse().unwrap() };
        for fact in [deposited, Fact::Frozen, Fact::Revoked] {
            assert_eq!(said_again(&fact, &state, place(7, 60, 60)), None);
        }
    }

    #[test]
    fn a_key_that_came_back_is_taken_where_it_can_be_used() {
        let (next, at, claimable_until) = (Address([9; 20]), place(7, 60, 60), clock::now());
        let rotation = || Fact::KeyRotated { key: next, claimable_until };
        let mut state = key(vec![(rotation(), at, false)]);
        assert!(is_takeable(&state, next));
        assert_eq!(said_again(&rotation(), &state, at), Some(rotation()), "it is in sight and not final");
        assert!(!is_takeable(&state, Address([5; 20])), "it has that one");
        state.grant.as_mut().unwrap().terms.custody = Custody::Managed;
        assert!(!is_takeable(&state, next), "nobody here has that key any more");
        state.prepared_key = Some(next);
        assert!(is_takeable(&state, next));
    }
}
