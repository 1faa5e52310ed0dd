//! What differs between the log and a chain that is not the one that was read: session keys and settlements that the
//! chain knows less of, and what settlers have to send again. Read models say where to look, the log says what it has.

use std::time::Duration;

use chain::{ChainError, Client};
use domain::chain_watch::{DIFFERENCES_MAX, RESEND_PLANS_MAX, ResendPlan};
use domain::evm::Address;
use domain::ids::{SessionKeyId, SettlementId};
use domain::money::Amount;
use domain::session_key::command::{Action, SessionKeyCommand};
use domain::session_key::{INDEX_CHAIN_SESSION, SessionKey};
use domain::settlement::Settlement;
use domain::settler::{Purpose, Settler, SettlerEvent};
use domain::{Aggregate, StreamId};
use eventstore::postgres::{EventFilter, PostgresLog};
use eventstore::{CommandMeta, Executed, Ledger, LogPosition, Recorded, StoreError, clock};
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use super::listener::{installation, last_final_block};
use super::sights::signed;
use super::{RoundError, caused};
use crate::Context;

/// Session keys and settlements that are compared, the newest of them.
const SESSION_KEYS_MAX: i64 = 2_000;
const SETTLEMENTS_MAX: i64 = 500;
/// How long comparing may take: nothing waits for it but that a person is told.
const WITHIN: Duration = Duration::from_secs(60);
/// How long restating waits until the log has read what is final, and how often it looks.
const READ_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Settlers that this log ever had on one chain.
const SETTLERS_MAX: i64 = 100;

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// In words. Each begins with the organization it is about, where it is about one.
    pub differences: Vec<String>,
    /// What is to be sent again.
    pub resend: Vec<ResendPlan>,
}

impl Survey {
    fn is_full(&self) -> bool {
        self.differences.len() >= DIFFERENCES_MAX
    }
}

/// Compares the log with the chain as it is now. What cannot be asked is said, too: nothing keeps a halt from being
/// told.
pub(super) async fn survey(context: &Context, log: &PostgresLog, client: &Client, head: u64) -> Survey {
    let mut survey = Survey::default();
    if let Err(error) = look(context, log, client, head, &mut survey).await {
        survey.differences.truncate(DIFFERENCES_MAX - 1);
        survey.differences.push(format!("what else differs could not be found out: {error}"));
    }
    survey
}

async fn look(
    context: &Context,
    log: &PostgresLog,
    client: &Client,
    head: u64,
    survey: &mut Survey,
) -> Result<(), RoundError> {
    let deadline = Instant::now() + WITHIN;
    let settings = client.settings();
    let (chain_id, contract) = (signed(settings.network.chain_id), settings.contract.to_string());
    for (address, settler) in settlers(&context.ledger, log, settings.network.chain_id).await? {
        if survey.resend.len() < RESEND_PLANS_MAX {
            survey.resend.extend(resend_plan(client, address, &settler).await?);
        }
    }
    for id in newest_settlements(&context.pool, chain_id, &contract).await? {
        if survey.is_full() || Instant::now() >= deadline {
            return Ok(());
        }
        survey.differences.extend(compare_settlement(&context.ledger, client, SettlementId::new(id)).await?);
    }
    for id in newest_session_keys(&context.pool, chain_id, &contract).await? {
        if survey.is_full() || Instant::now() >= deadline {
            return Ok(());
        }
        survey.differences.extend(compare_session_key(&context.ledger, client, SessionKeyId::new(id), head).await?);
    }
    Ok(())
}

async fn compare_settlement(ledger: &Ledger, client: &Client, id: SettlementId) -> Result<Option<String>, RoundError> {
    let state = ledger.load::<Settlement>(&StreamId::new(Settlement::CATEGORY, id)).await?.state;
    let (Some((opened, _)), Some(end)) = (state.opened, state.finalized) else { return Ok(None) };
    if client.receipt(end.tx_hash).await?.is_some() {
        return Ok(None);
    }
    let (organization_id, transferred, currency, tx_hash) =
        (opened.organization_id, end.transferred, end.currency, end.tx_hash);
    Ok(Some(format!(
        "{organization_id}: settlement {id} of {transferred} {currency}: its transaction {tx_hash} is not there"
    )))
}

async fn compare_session_key(
    ledger: &Ledger,
    client: &Client,
    id: SessionKeyId,
    head: u64,
) -> Result<Option<String>, RoundError> {
    let state = ledger.load::<SessionKey>(&StreamId::new(SessionKey::CATEGORY, id)).await?.state;
    let Some(grant) = &state.grant else { return Ok(None) };
    let terms = &grant.terms;
    let (escrow, claimed) = client.part(terms.session_id, terms.payee, head).await?;
    // What the chain has more of is on its way into the log.
    if escrow >= state.escrow() && claimed >= state.claimed {
        return Ok(None);
    }
    let (organization_id, currency) = (grant.organization_id, terms.currency);
    let (in_log, claimed_in_log) = (state.escrow(), state.claimed);
    Ok(Some(format!(
        "{organization_id}: session key {id}: in the log {in_log} {currency} in escrow and {claimed_in_log} claimed, \
         on the chain {escrow} and {claimed}"
    )))
}

/// Settlers that this log ever had on a chain.
pub async fn settlers(
    ledger: &Ledger,
    log: &PostgresLog,
    chain_id: u64,
) -> Result<Vec<(Address, Settler)>, StoreError> {
    let filter = EventFilter {
        category: Some(Settler::CATEGORY.to_owned()),
        event_types: Some(vec!["opened".to_owned()]),
        ..EventFilter::default()
    };
    let mut settlers = Vec::new();
    for event in log.events_of(installation(), 0, SETTLERS_MAX, &filter).await? {
        let Recorded { event: SettlerEvent::Opened(opened), stream_id, .. } = Recorded::read(&event)? else { continue };
        if opened.chain_id == chain_id {
            settlers.push((opened.address, ledger.load::<Settler>(&stream_id).await?.state));
        }
    }
    Ok(settlers)
}

/// What a settler was last given to send; where it was given nothing yet, that it was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastGiven {
    /// Whether it sends exact payments. One that was given nothing does not: their queue begins with a payment.
    pub is_exact: bool,
    /// Where the log has it.
    pub position: LogPosition,
}

/// What the settler with this address was last given to send; `None` when this log never had it on that chain.
pub async fn last_given(log: &PostgresLog, chain_id: u64, address: Address) -> Result<Option<LastGiven>, StoreError> {
    let stream = StreamId::new(Settler::CATEGORY, format!("{chain_id}-{address}"));
    let filter = EventFilter {
        streams: Some(vec![stream.as_str().to_owned()]),
        event_types: Some(vec!["opened".to_owned(), "enqueued".to_owned()]),
        newest_first: true,
        ..EventFilter::default()
    };
    let newest = log.events_of(installation(), i64::MAX, 1, &filter).await?;
    let Some(newest) = newest.first() else { return Ok(None) };
    let given: Recorded<SettlerEvent> = Recorded::read(newest)?;
    let is_exact = match &given.event {
        SettlerEvent::Enqueued(enqueued) => matches!(enqueued.purpose, Purpose::Exact { .. }),
        _ => false,
    };
    Ok(Some(LastGiven { is_exact, position: given.position }))
}

/// What a settler has to send again: all that the log takes for mined, from the first nonce that the chain does not
/// know for good, and what was to be mined after it. `None` when the chain has lost nothing of it.
pub(super) async fn resend_plan(
    client: &Client,
    settler: Address,
    state: &Settler,
) -> Result<Option<ResendPlan>, ChainError> {
    // Blocks that are not final may go as well: what is in those is looked after until they are.
    let final_nonce = match client.finalized().await? {
        Some(block) => client.nonce_at(settler, block.number).await?,
        None => 0,
    };
    Ok(lost(state, final_nonce).map(|(first_nonce, last_nonce)| ResendPlan { settler, first_nonce, last_nonce }))
}

/// From which nonce to which.
fn lost(state: &Settler, final_nonce: u64) -> Option<(u64, u64)> {
    let opened = state.opened.as_ref()?;
    let waiting = state.queue.iter().filter(|queued| queued.mined.is_none()).filter_map(|queued| queued.nonce());
    // Nonces go into blocks in their order: below the first that waits all were mined.
    let mined_in_log = waiting.min().unwrap_or(state.next_nonce);
    // What the key sent before it was this log's is not here.
    let first_nonce = final_nonce.max(opened.first_nonce);
    (first_nonce < mined_in_log).then(|| (first_nonce, state.next_nonce.saturating_sub(1)))
}

async fn newest_settlements(pool: &PgPool, chain_id: i64, contract: &str) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select settlement_id from settlements
         where chain_id = $1 and contract = $2 and status = 'finalized'
         order by block_number desc nulls last, settlement_id limit $3",
        chain_id,
        contract,
        SETTLEMENTS_MAX
    )
    .fetch_all(pool)
    .await?)
}

async fn newest_session_keys(pool: &PgPool, chain_id: i64, contract: &str) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select session_key_id from settlement_sessions
         where chain_id = $1 and contract = $2 and registered
         order by last_charge_position desc, session_key_id limit $3",
        chain_id,
        contract,
        SESSION_KEYS_MAX
    )
    .fetch_all(pool)
    .await?)
}

/// Session keys of a contract that the chain knew for good, after an id, in the order of their ids.
pub async fn session_keys(
    pool: &PgPool,
    chain_id: u64,
    contract: Address,
    after: Option<SessionKeyId>,
    limit: i64,
) -> Result<Vec<SessionKeyId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select session_key_id from settlement_sessions
         where chain_id = $1 and contract = $2 and registered and status <> 'closed'
           and ($3::uuid is null or session_key_id > $3)
         order by session_key_id limit $4",
        signed(chain_id),
        contract.to_string(),
        after.map(SessionKeyId::uuid),
        limit
    )
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().map(SessionKeyId::new).collect())
}

/// What became of a session key that a person had restated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restating {
    /// The chain has as much as the log, or more: there is nothing to take over.
    Same,
    /// The log has taken over what the chain says lies in escrow.
    Restated {
        /// What the log had.
        from: Amount,
        /// What it has.
        to: Amount,
    },
    /// It cannot be, and why.
    Denied(String),
}

/// Takes over what the chain says lies in escrow for a session key, where that is less than the log has: deposits that
/// a chain lost when it was set back, and that do not come again. Only when a person asks; `by` is who.
pub async fn restate(
    pool: &PgPool,
    ledger: &Ledger,
    client: &Client,
    id: SessionKeyId,
    by: &str,
    reason: &str,
) -> Result<Restating, RoundError> {
    let deadline = Instant::now() + READ_WITHIN;
    loop {
        if let Some(done) = restate_at_rest(pool, ledger, client, id, by, reason).await? {
            return Ok(done);
        }
        if Instant::now() >= deadline {
            let why = "the log has not read all that is final, or the node is behind: try again when a worker follows";
            return Ok(Restating::Denied(why.to_owned()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the log has read the blocks up to one that is final, and no further. `newest` is the newest block of which
/// the session key has something.
const fn is_at_rest(read: u64, last_final: u64, newest: u64) -> bool {
    read == last_final && newest <= last_final
}

/// `None` while log and contract cannot be compared, as blocks lie between them. What the log has is looked up first,
/// then the final block, then how far the log has read: so what the contract says is not older than what the log has,
/// and what is told meanwhile lets the session key deny.
async fn restate_at_rest(
    pool: &PgPool,
    ledger: &Ledger,
    client: &Client,
    id: SessionKeyId,
    by: &str,
    reason: &str,
) -> Result<Option<Restating>, RoundError> {
    let settings = client.settings();
    let (chain_id, contract) = (settings.network.chain_id, settings.contract);
    let denied = |why: &str| Ok(Some(Restating::Denied(why.to_owned())));
    let stream = StreamId::new(SessionKey::CATEGORY, id);
    let key = ledger.load::<SessionKey>(&stream).await?;
    let Some(grant) = &key.state.grant else { return denied("there is no such session key") };
    let terms = &grant.terms;
    if (terms.chain_id, terms.contract) != (chain_id, contract) {
        return denied("it is on another chain, or in another contract");
    }
    let Some(place) = ledger.log().lookup(INDEX_CHAIN_SESSION, &terms.session_id.0).await? else {
        return denied("there is no such session key");
    };
    let Some(last) = client.finalized().await? else { return denied("the nodes have no final block") };
    let block_number = last.number;
    // What is taken out of the log does not come back by itself: one node's word is not enough.
    let (escrow, _) = client.part_everywhere(terms.session_id, terms.payee, block_number).await?;
    let known = key.state.escrow();
    if escrow > known || (escrow == known && !key.state.knows_after(block_number)) {
        return Ok(Some(Restating::Same));
    }
    let Some(read) = last_final_block(pool, chain_id, contract).await? else {
        return denied("the chain is being read: nothing is known yet of what comes again");
    };
    if !is_at_rest(read, block_number, key.state.final_block) {
        return Ok(None);
    }
    let organization_id = place.organization_id;
    let command_id = caused(&[b"restate", stream.as_str().as_bytes(), &key.version.to_be_bytes()]);
    let meta = CommandMeta {
        command_id,
        organization_id,
        partition: place.partition,
        actor: by.to_owned(),
        request_digest: [0; 32],
        causation_id: command_id,
        correlation_id: command_id,
        now: clock::now(),
    };
    let action = Action::Restate { escrow, known, block_number, reason: reason.to_owned() };
    let done = ledger.execute::<SessionKey>(stream, meta, SessionKeyCommand { organization_id, action }).await?;
    Ok(Some(match done {
        Ok(Executed::Done { .. }) => Restating::Restated { from: known, to: escrow },
        Ok(Executed::Unchanged { .. }) => Restating::Same,
        Err(why) => Restating::Denied(why.to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::evm::{Bytes32, HexBytes};
    use domain::ids::{OrganizationId, RelayId, TransactionId};
    use domain::settler::{Enqueued, Opened, SettlerCommand, Signed};

    fn run(settler: &mut Settler, command: &SettlerCommand) {
        let now = clock::now();
        for event in settler.handle_command(command, now).unwrap() {
            settler.apply_event(&event, now);
        }
    }

    fn sign(settler: &mut Settler, n: u128, nonce: u64) {
        let transaction_id = TransactionId::new(Uuid::from_u128(n));
        let purpose = Purpose::Relay {
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            partition: 0,
            session_key_id: SessionKeyId::new(Uuid::from_u128(2)),
            relay_id: RelayId::new(Uuid::from_u128(n)),
        };
        let enqueued = Enqueued { transaction_id, purpose, to: Address([1; 20]), calldata: HexBytes(vec![1]) };
        run(settler, &SettlerCommand::Enqueue(Box::new(enqueued)));
        let signed = Signed {
            transaction_id,
            nonce,
            tx_hash: Bytes32([7; 32]),
            raw: HexBytes(vec![9]),
            gas_limit: 21_000,
            max_fee_wei: 1,
            priority_fee_wei: 1,
        };
        run(settler, &SettlerCommand::Sign(Box::new(signed)));
    }

    #[test]
    fn only_a_log_that_has_read_what_the_contract_was_asked_for_is_compared_with_it() {
        assert!(is_at_rest(12, 12, 11));
        assert!(!is_at_rest(11, 12, 11), "a deposit of block 12 is in the contract and not in the log yet");
        assert!(!is_at_rest(13, 12, 11), "one of block 13 is in the log, and this node does not have it yet");
        assert!(!is_at_rest(12, 12, 13), "it was told, and how far was read is written down after that");
    }

    #[test]
    fn what_waits_is_not_lost_and_what_was_mined_is() {
        let mut settler = Settler::default();
        assert_eq!(lost(&settler, 0), None, "it has not begun");
        run(&mut settler, &SettlerCommand::Open(Opened { chain_id: 31337, address: Address([2; 20]), first_nonce: 5 }));
        assert_eq!(lost(&settler, 0), None, "it has sent nothing");
        sign(&mut settler, 1, 5);
        sign(&mut settler, 2, 6);
        assert_eq!(lost(&settler, 5), None, "both wait");
        let mined = domain::settler::Mined {
            transaction_id: TransactionId::new(Uuid::from_u128(1)),
            tx_hash: Bytes32([7; 32]),
            block_number: 3,
            block_hash: Bytes32([3; 32]),
            succeeded: true,
        };
        run(&mut settler, &SettlerCommand::RecordMined(mined));
        assert_eq!(lost(&settler, 6), None);
        assert_eq!(lost(&settler, 5), Some((5, 6)), "the first was mined, and what waits comes after it");
        assert_eq!(lost(&settler, 2), Some((5, 6)), "what was sent before is not ours");
    }
}
