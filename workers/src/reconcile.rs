//! The standing comparison of ledger and chain: every difference becomes an open item of its organization, and is closed
//! when it has gone away.
//!
//! The log is folded once, and read on from there; so are transfers. Of session keys as many are asked about in a round
//! as a node bears, those that differ first, then those that were not asked about for the longest time. Both sides move
//! while they are compared, so a difference counts when it was seen twice, some blocks apart. Nothing is compared while
//! the chain is halted, or is read anew.
//!
//! [`compare`] is the comparison itself, which `tollbook reconcile` shares; here is who is asked about, when, and what
//! follows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chain::{ChainError, Client};
use domain::chain_watch::ChainWatch;
use domain::exact_payment::Accepted;
use domain::ids::OrganizationId;
use domain::money::Amount;
use domain::reconciliation::{Action, CHANGES_MAX, Comparison, Reconciliation, ReconciliationCommand, Subject};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, ExecuteError, StoreError, clock};
use futures::StreamExt;
use projections::ProjectionError;
use projections::reconcile::{ChainFold, FinalPayment};
use projections::reconciliation::requested;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Context;
use crate::chain::watch;
use compare::{Between, Cursor, ExactOnChain, Part, Share};

mod asked;
pub mod compare;
mod groups;
mod suspects;
#[cfg(test)]
mod tests;
mod turns;

use asked::Asked;
use groups::{Group, Groups, Held, Place};
use suspects::{BLOCKS_APART, Suspects};
use turns::{Candidate, turns};

/// Between two comparisons on a local chain, and on others, when nothing else is set.
const EVERY_LOCAL: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(300);
/// Between two comparisons that somebody asked for, on a local chain and on others: nobody can have the node asked all
/// the time.
const ASKED_EVERY_LOCAL: Duration = Duration::from_secs(10);
const ASKED_EVERY: Duration = Duration::from_secs(60);
/// How often somebody is looked for who waits for a comparison.
const LOOK: Duration = Duration::from_secs(1);
/// Session keys in one round, and exact payments.
const ASKED_MAX: usize = 5_000;
/// Questions to the node at a time.
const AT_ONCE: usize = 8;
/// How many blocks the log may be behind the chain: more, and it is catching up.
const BEHIND_MAX: u64 = 1_000;
/// Organizations that wait, in one round.
const REQUESTED_MAX: i64 = 1_000;

/// Why a round ended early. It is tried again.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Fold(#[from] ProjectionError),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Worker {
    context: Context,
    client: Client,
    fold: ChainFold,
    asked: Asked,
    suspects: Suspects,
    /// How often the chain was set back when all this was begun.
    confirmations: Option<i64>,
    /// From this block on it is worth comparing again, before the time has come.
    again_from: Option<u64>,
    /// Whether there was more to ask than one round may.
    has_more: bool,
    /// Organizations that wait for a comparison, and the round from which on they do.
    waiting: BTreeMap<OrganizationId, u64>,
    /// Of each organization the round in which that session key was asked about which was not for the longest time.
    oldest: BTreeMap<OrganizationId, u64>,
    /// What was found so far for those that wait, until all of their session keys were asked about.
    held: BTreeMap<OrganizationId, Held>,
    /// When the next comparison may be made that somebody asks for.
    may_be_asked: Instant,
}

/// Compares until cancelled.
pub async fn run(context: Context, client: Client, cancel: CancellationToken) {
    let usual = if client.settings().network.is_local { EVERY_LOCAL } else { EVERY };
    let every = context.reconcile_every.unwrap_or(usual);
    let mut worker = Worker {
        context,
        client,
        fold: ChainFold::default(),
        asked: Asked::default(),
        suspects: Suspects::default(),
        confirmations: None,
        again_from: None,
        has_more: false,
        waiting: BTreeMap::new(),
        oldest: BTreeMap::new(),
        held: BTreeMap::new(),
        may_be_asked: Instant::now(),
    };
    let mut due = Instant::now();
    // Said once, not each second.
    let mut said = None;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let ended = tokio::select! {
            () = cancel.cancelled() => return,
            ended = worker.look(&mut due, every) => ended,
        };
        match ended {
            Ok(()) => said = None,
            Err(error) => {
                let text = error.to_string();
                if said.as_ref() != Some(&text) {
                    tracing::warn!(%error, "ledger and chain cannot be compared now");
                    said = Some(text);
                }
                metrics::counter!("tollbook_reconciliation_errors_total").increment(1);
            }
        }
    }
}

impl Worker {
    /// Compares when it is time, or somebody wants it.
    async fn look(&mut self, due: &mut Instant, every: Duration) -> Result<(), RoundError> {
        let now = Instant::now();
        if now < *due && !self.has_more && !self.is_time_again().await? {
            if now < self.may_be_asked || requested(&self.context.pool, 1).await?.is_empty() {
                return Ok(());
            }
            let is_local = self.client.settings().network.is_local;
            self.may_be_asked = now + if is_local { ASKED_EVERY_LOCAL } else { ASKED_EVERY };
        }
        self.round().await?;
        *due = Instant::now() + every;
        Ok(())
    }

    /// Whether the blocks have come after which a difference can be seen again.
    async fn is_time_again(&self) -> Result<bool, RoundError> {
        let Some(block) = self.again_from else { return Ok(false) };
        Ok(self.cursor().await?.is_some_and(|cursor| cursor.block >= block))
    }

    async fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        let settings = self.client.settings();
        Cursor::read(&self.context.pool, settings.network.chain_id, settings.contract).await
    }

    /// The watch over the chain, as the log has it.
    async fn watch(&self) -> Result<ChainWatch, StoreError> {
        let settings = self.client.settings();
        let stream = watch::stream(settings.network.chain_id, settings.contract);
        Ok(self.context.ledger.load::<ChainWatch>(&stream).await?.state)
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        self.has_more = false;
        let watch = self.watch().await?;
        let before = self.cursor().await?;
        // What a person has confirmed is carried out first.
        let is_due = before.is_some_and(|cursor| cursor.confirmations.unsigned_abs() < watch.confirmations);
        if watch.halted.is_some() || is_due {
            return Ok(());
        }
        let confirmations = before.map(|cursor| cursor.confirmations);
        if self.confirmations != confirmations {
            // Another chain than before: nothing that it said counts.
            self.fold = ChainFold::default();
            self.asked = Asked::default();
            self.suspects = Suspects::default();
            self.held.clear();
            self.waiting.clear();
            self.confirmations = confirmations;
        }
        let finalized = self.client.finalized().await?.map_or(0, |block| block.number);
        let is_behind = before.is_some_and(|cursor| cursor.reading_anew || finalized > cursor.block + BEHIND_MAX);
        if is_behind {
            return Ok(());
        }
        self.fold.follow(self.context.log()).await?;
        let after = self.cursor().await?;
        if after.map(|cursor| cursor.confirmations) != confirmations {
            return Ok(());
        }
        let between = before.zip(after).map(|(before, after)| Between { before: before.block, after: after.block });
        let settings = self.client.settings();
        let place = Place {
            chain_id: settings.network.chain_id,
            contract: settings.contract,
            token: settings.token,
            block: between.map_or(finalized, |between| between.after),
        };
        self.asked.round += 1;
        self.suspects.is_unsure = false;
        let mut groups = Groups::new();
        for row in requested(&self.context.pool, REQUESTED_MAX).await? {
            let organization_id = OrganizationId::new(row.organization_id);
            self.waiting.entry(organization_id).or_insert(self.asked.round);
            place.group(&mut groups, organization_id, row.partition);
        }
        self.oldest.clear();
        if let Some(between) = between {
            self.sessions(place, between, &mut groups).await?;
            self.payees(place, between, &mut groups).await?;
        }
        self.exact(place, &mut groups).await?;
        let mut open = 0;
        for (organization_id, group) in groups {
            open += self.tell(organization_id, group, place.block).await?;
        }
        self.again_from = self.suspects.is_unsure.then_some(place.block + BLOCKS_APART);
        metrics::gauge!("tollbook_reconciliation_open").set(open as f64);
        metrics::gauge!("tollbook_reconciliation_block").set(place.block as f64);
        Ok(())
    }

    async fn sessions(&mut self, place: Place, between: Between, groups: &mut Groups) -> Result<(), RoundError> {
        let all = self.fold.sessions().filter(|session| place.is_of(session)).map(|session| {
            let (id, organization_id) = (session.session_key_id, session.organization_id);
            let last = self.asked.sessions.get(&id);
            let (round, differs) = last.map_or((0, false), |last| (last.round, last.differs()));
            Candidate { id, organization_id, round, differs }
        });
        let turns = turns(all.collect(), &self.waiting, ASKED_MAX);
        self.has_more |= turns.has_more;
        let questions: Vec<_> = turns
            .next
            .into_iter()
            .filter_map(|id| self.fold.session(id).cloned())
            .map(|session| {
                let client = self.client.clone();
                async move {
                    let chain = Part::ask(&client, &session, between).await;
                    (session, chain)
                }
            })
            .collect();
        let mut answers = futures::stream::iter(questions).buffered(AT_ONCE);
        while let Some((session, chain)) = answers.next().await {
            let (chain, ledger) = (chain?, Part::of(&session));
            let (id, organization_id) = (session.session_key_id, session.organization_id);
            self.asked.sessions.insert(id, asked::Session { round: self.asked.round, ledger, chain });
            let Some(partition) = self.fold.partition_of(organization_id) else { continue };
            let group = place.group(groups, organization_id, partition);
            let found = compare::session(&session, chain);
            let both = [Subject::SessionClaimed { session_key_id: id }, Subject::SessionEscrow { session_key_id: id }];
            let differs = |subject: &Subject| found.iter().any(|found| found.subject == *subject);
            group.fine.extend(both.into_iter().filter(|subject| !differs(subject)));
            group.found.extend(found);
        }
        for session in self.fold.sessions().filter(|session| place.is_of(session)) {
            let last = self.asked.sessions.get(&session.session_key_id);
            let oldest = self.oldest.entry(session.organization_id).or_insert(u64::MAX);
            *oldest = last.map_or(0, |last| last.round).min(*oldest);
            let Some(last) = last else { continue };
            let Some(partition) = self.fold.partition_of(session.organization_id) else { continue };
            let figures = &mut place.group(groups, session.organization_id, partition).figures;
            figures.session_keys += 1;
            figures.ledger_escrow = figures.ledger_escrow.plus(last.ledger.escrow);
            figures.chain_escrow = figures.chain_escrow.plus(last.chain.escrow);
            figures.ledger_claimed = figures.ledger_claimed.plus(last.ledger.claimed);
            figures.chain_claimed = figures.chain_claimed.plus(last.chain.claimed);
        }
        Ok(())
    }

    async fn payees(&mut self, place: Place, between: Between, groups: &mut Groups) -> Result<(), RoundError> {
        let was_set_back = self.fold.was_set_back();
        for payee in self.fold.payees().filter(|p| (p.chain_id, p.contract) == (place.chain_id, place.contract)) {
            let Some(from) = compare::first_block(payee, was_set_back) else { continue };
            let transfers = self.asked.transfers.entry((payee.token, payee.payee)).or_default();
            if !transfers.read_on(&self.client, payee.payee, from, between.after).await? {
                self.has_more = true;
                continue;
            }
            let mut compared = compare::payee(payee, &transfers.all, between);
            compare::look_up(&self.client, payee, &mut compared, between, was_set_back).await?;
            let settled = payee.settlements.iter().map(|settlement| settlement.organization_id);
            let claimed = payee.claims.values().flat_map(|others| others.claims.iter().map(|(whose, ..)| *whose));
            let organizations: BTreeSet<OrganizationId> = settled.chain(claimed).collect();
            for organization_id in organizations {
                let Some(partition) = self.fold.partition_of(organization_id) else { continue };
                let share = Share::of(payee, organization_id, &compared.differences, between);
                let group = place.group(groups, organization_id, partition);
                group.figures.payees += 1;
                group.figures.ledger_transferred = group.figures.ledger_transferred.plus(share.ledger);
                group.figures.chain_transferred = group.figures.chain_transferred.plus(share.chain);
                match share.found {
                    Some(found) => group.found.push(found),
                    None => {
                        let (chain_id, token) = (payee.chain_id, payee.token);
                        group.fine.push(Subject::Payee { chain_id, token, payee: payee.payee });
                    }
                }
            }
        }
        Ok(())
    }

    async fn exact(&mut self, place: Place, groups: &mut Groups) -> Result<(), RoundError> {
        let mut next: Vec<_> = self
            .fold
            .exact()
            .map(|payment| &payment.accepted)
            .filter(|accepted| place.has(accepted))
            .map(|accepted| {
                let last = self.asked.exact.get(&accepted.exact_payment_id);
                (last.map_or(0, |last| last.round), accepted.exact_payment_id)
            })
            .collect();
        next.sort_unstable();
        self.has_more |= next.get(ASKED_MAX).is_some_and(|(round, _)| *round == 0);
        next.truncate(ASKED_MAX);
        let was_set_back = self.fold.was_set_back().then_some(place.block);
        let wanted: BTreeSet<_> = next.into_iter().map(|(_, id)| id).collect();
        let payments: Vec<FinalPayment> =
            self.fold.exact().filter(|one| wanted.contains(&one.accepted.exact_payment_id)).cloned().collect();
        let questions: Vec<_> = payments
            .into_iter()
            .map(|payment| {
                let client = self.client.clone();
                async move {
                    let chain = ExactOnChain::ask(&client, &payment, was_set_back).await;
                    (payment, chain)
                }
            })
            .collect();
        let mut answers = futures::stream::iter(questions).buffered(AT_ONCE);
        while let Some((payment, on_chain)) = answers.next().await {
            let on_chain = on_chain?;
            let Accepted { organization_id, exact_payment_id, amount, .. } = payment.accepted;
            let Some(partition) = self.fold.partition_of(organization_id) else { continue };
            let group = place.group(groups, organization_id, partition);
            let Some(cause) = compare::exact(&payment, &on_chain) else {
                // Nothing of it will change: it need not be asked about again.
                self.fold.forget_exact(exact_payment_id);
                self.asked.exact.remove(&exact_payment_id);
                let fine = self.asked.exact_fine.entry(organization_id).or_default();
                *fine = (fine.0 + 1, fine.1.plus(amount));
                group.fine.push(Subject::ExactPayment { exact_payment_id });
                continue;
            };
            let found = compare::exact_found(&payment, &on_chain, cause);
            let chain = found.chain.parse().unwrap_or(Amount::ZERO);
            let exact = asked::Exact { round: self.asked.round, organization_id, ledger: amount, chain };
            self.asked.exact.insert(exact_payment_id, exact);
            group.found.push(found);
        }
        let fine = self.asked.exact_fine.iter().map(|(whose, (count, sum))| (*whose, *count, *sum, *sum));
        let others = self.asked.exact.values().map(|one| (one.organization_id, 1, one.ledger, one.chain));
        for (organization_id, count, ledger, chain) in fine.chain(others) {
            let Some(partition) = self.fold.partition_of(organization_id) else { continue };
            let figures = &mut place.group(groups, organization_id, partition).figures;
            figures.exact_payments += count;
            figures.ledger_exact = figures.ledger_exact.plus(ledger);
            figures.chain_exact = figures.chain_exact.plus(chain);
        }
        Ok(())
    }

    /// Whether an organization waits for a comparison, and not all of its session keys were asked about since.
    fn is_unfinished(&mut self, organization_id: OrganizationId) -> bool {
        let since = *self.waiting.entry(organization_id).or_insert(self.asked.round);
        self.oldest.get(&organization_id).is_some_and(|round| *round < since)
    }

    /// Tells an organization's reconciliation what counts. Gives how many items are open after it.
    async fn tell(&mut self, organization_id: OrganizationId, group: Group, block: u64) -> Result<u64, RoundError> {
        let Group { partition, figures, mut found, mut fine } = group;
        let stream = StreamId::new(Reconciliation::CATEGORY, organization_id);
        let mut state = self.context.ledger.load::<Reconciliation>(&stream).await?.state;
        if state.is_requested && self.is_unfinished(organization_id) {
            // Whoever waits gets an answer when all of it is there.
            self.held.entry(organization_id).or_default().keep(found, fine);
            self.has_more = true;
            return Ok(state.open());
        }
        self.waiting.remove(&organization_id);
        if let Some(held) = self.held.remove(&organization_id) {
            (found, fine) = held.and(found, fine);
        }
        fine.retain(|subject| {
            let id = subject.difference_id(organization_id);
            self.suspects.all.remove(&id);
            state.differences.contains_key(&id)
        });
        found.retain(|found| {
            let id = found.subject.difference_id(organization_id);
            let known = state.differences.get(&id).map(|known| &known.found);
            self.suspects.counts(id, found, known, block)
        });
        let action = Action::Compare(Box::new(Comparison { figures, found, fine }));
        let command = ReconciliationCommand { organization_id, action };
        let now = clock::now();
        // Most comparisons change nothing: then the log need not be held still to say so.
        let Ok(events) = state.handle_command(&command, now) else { return Ok(state.open()) };
        for event in &events {
            state.apply_event(event, now);
        }
        self.has_more |= events.len() >= CHANGES_MAX;
        if !events.is_empty() {
            let command_id = Uuid::now_v7();
            let meta = CommandMeta {
                command_id,
                organization_id,
                partition,
                actor: "system:reconcile".to_owned(),
                request_digest: [0; 32],
                causation_id: command_id,
                correlation_id: command_id,
                now,
            };
            if let Err(denied) = self.context.ledger.execute::<Reconciliation>(stream, meta, command).await? {
                tracing::warn!(%denied, "a comparison was not taken in");
            }
        }
        Ok(state.open())
    }
}
