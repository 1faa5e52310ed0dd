//! Session keys and settlements for the tests: commands as an owner, an organization, a chain and a
//! worker give them, and a log with something of everything.

use domain::charge::Usage;
use domain::evm::{Address, Bytes32, ChainRef, CompactSignature, HexBytes};
use domain::ids::{CustomerId, RelayId, SessionKeyId, SettlementId};
use domain::money::{Amount, Currency};
use domain::session_key::command::Action;
use domain::session_key::event::{ClaimPlanned, Granted};
use domain::session_key::{
    Custody, Fact, RelayAction, SessionKey, SessionKeyCommand, SessionKeyEvent, StoredVoucher, Terms, Voucher,
};
use domain::settlement::{
    self, Cause, Finalized, Lane, LogHead, Mined, Opened, Planned, PlannedClaim, Settlement, SettlementCommand,
    SkippedClaim, Submitted,
};
use domain::{Aggregate, StreamId};
use eventstore::{Executed, Ledger, Recorded};
use uuid::Uuid;

use crate::support::{self, at, flat, meta, metered_in, open_customer, organization};

pub const CHAIN: u64 = 31337;
pub const CONTRACT: Address = Address([0xc0; 20]);
pub const TOKEN: Address = Address([0x70; 20]);
pub const PAYEE: Address = Address([0xba; 20]);
pub const KEY: Address = Address([2; 20]);

pub fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

pub fn session_id(session: u128) -> Bytes32 {
    Bytes32([u8::try_from(session).unwrap(); 32])
}

pub fn key_id(session: u128) -> SessionKeyId {
    SessionKeyId::new(Uuid::from_u128(session))
}

pub fn settlement_id(settlement: u128) -> SettlementId {
    SettlementId::new(Uuid::from_u128(settlement))
}

/// What a session key is asked; gives the event and its position.
pub async fn act(ledger: &Ledger, session: u128, now: &str, action: Action) -> Recorded<SessionKeyEvent> {
    let stream = StreamId::new(SessionKey::CATEGORY, key_id(session));
    let command = SessionKeyCommand { organization_id: organization(), action };
    match ledger.execute::<SessionKey>(stream, meta(now), command).await.unwrap().unwrap() {
        Executed::Done { event, .. } => event,
        Executed::Unchanged { .. } => panic!("nothing happened to session key {session} at {now}"),
    }
}

pub async fn grant(ledger: &Ledger, session: u128, customer: u128, custody: Custody, period_secs: u32) {
    let terms = Terms {
        custody,
        chain_id: CHAIN,
        contract: CONTRACT,
        token: TOKEN,
        currency: Currency::USDC,
        session_id: session_id(session),
        owner: Address([1; 20]),
        key: KEY,
        payee: PAYEE,
        limit: amount("100"),
        period_limit: amount(if period_secs > 0 { "5" } else { "0" }),
        period_secs,
        valid_after: at("2026-01-31T23:50:00Z"),
        valid_until: at("2026-02-03T00:00:00Z"),
        settle_grace_secs: 86_400,
        withdraw_delay_secs: 3_600,
        salt: Bytes32([0; 32]),
    };
    let granted = Granted {
        session_key_id: key_id(session),
        customer_id: CustomerId::new(Uuid::from_u128(customer)),
        organization_id: organization(),
        terms,
    };
    act(ledger, session, "2026-01-31T23:51:00Z", Action::Grant(Box::new(granted))).await;
}

pub fn here(block: u64, index: u64) -> ChainRef {
    ChainRef {
        tx_hash: Bytes32([u8::try_from(block).unwrap(); 32]),
        log_index: index,
        block_number: block,
        block_hash: Bytes32([9; 32]),
        block_time: at("2026-02-01T00:00:00Z"),
    }
}

pub fn seen(fact: Fact, (block, index): (u64, u64)) -> Action {
    Action::Observe { fact, at: here(block, index), is_final: false }
}

pub fn known(fact: Fact, (block, index): (u64, u64)) -> Action {
    Action::Observe { fact, at: here(block, index), is_final: true }
}

pub fn relay(relay: u128, action: RelayAction) -> Action {
    Action::Relay { relay_id: RelayId::new(Uuid::from_u128(relay)), action, calldata: HexBytes(vec![1]) }
}

pub fn relay_done(relay: u128) -> Action {
    Action::RelayDone { relay_id: RelayId::new(Uuid::from_u128(relay)), tx_hash: Bytes32([8; 32]), block_number: 5 }
}

pub fn relay_failed(relay: u128) -> Action {
    Action::RelayFailed { relay_id: RelayId::new(Uuid::from_u128(relay)), reason: "it reverts".into() }
}

pub fn charge(usage: Vec<Usage>) -> Action {
    Action::Charge { usage, currency: None, voucher: None, description: None, metadata: Default::default() }
}

pub fn charge_with(usage: Vec<Usage>, max_claimable: &str) -> Action {
    let stored = StoredVoucher { max_claimable: amount(max_claimable), signature: CompactSignature([3; 64]) };
    let voucher = Some(Voucher { stored, signer: KEY });
    Action::Charge { usage, currency: None, voucher, description: None, metadata: Default::default() }
}

/// A session key that the chain knows, with this deposit.
pub async fn active(ledger: &Ledger, session: u128, customer: u128, deposit: &str) {
    grant(ledger, session, customer, Custody::Managed, 0).await;
    fund(ledger, session, deposit).await;
}

/// The chain knows it, with this deposit.
pub async fn fund(ledger: &Ledger, session: u128, deposit: &str) {
    act(ledger, session, "2026-01-31T23:52:00Z", known(Fact::Registered { key: KEY }, (5, 0))).await;
    let deposited = Fact::Deposited { amount: amount(deposit) };
    act(ledger, session, "2026-01-31T23:52:00Z", known(deposited, (5, 1))).await;
}

/// What a settlement is asked.
pub async fn settle(ledger: &Ledger, settlement: u128, now: &str, action: settlement::Action) {
    let stream = StreamId::new(Settlement::CATEGORY, settlement_id(settlement));
    let command = SettlementCommand { organization_id: organization(), action };
    ledger.execute::<Settlement>(stream, meta(now), command).await.unwrap().unwrap();
}

pub async fn open(ledger: &Ledger, settlement: u128, now: &str) {
    let lane = Lane { chain_id: CHAIN, contract: CONTRACT, token: TOKEN, currency: Currency::USDC, payee: PAYEE };
    let opened = Opened {
        settlement_id: settlement_id(settlement),
        organization_id: organization(),
        lane,
        cause: Cause::Threshold,
    };
    settle(ledger, settlement, now, settlement::Action::Open(opened)).await;
}

pub async fn plan_claim(ledger: &Ledger, session: u128, settlement: u128, now: &str) -> ClaimPlanned {
    let action = Action::PlanClaim { settlement_id: settlement_id(settlement), again: true };
    match act(ledger, session, now, action).await.event {
        SessionKeyEvent::ClaimPlanned(planned) => planned,
        other => panic!("{other:?}"),
    }
}

/// Lets these claims of a settlement stand, each with the places of its first and last charge.
pub async fn plan(ledger: &Ledger, settlement: u128, now: &str, claims: &[(u128, ClaimPlanned, (i64, i64))]) {
    let planned = |(session, claim, (first, last)): &(u128, ClaimPlanned, (i64, i64))| PlannedClaim {
        session_key_id: claim.session_key_id,
        customer_id: claim.customer_id,
        session_id: session_id(*session),
        amount: claim.amount,
        total_claimed: claim.total_claimed,
        charges: 2,
        first_position: *first,
        last_position: *last,
    };
    let total = claims.iter().fold(Amount::ZERO, |sum, (_, claim, _)| sum.plus(claim.amount));
    let planned = Planned {
        claims: claims.iter().map(planned).collect(),
        total,
        currency: Currency::USDC,
        evidence_root: Bytes32([4; 32]),
        evidence_leaves: 3,
        log_head: LogHead { partition: 0, position: 1, chain: Bytes32([5; 32]) },
        calldata: HexBytes(vec![1]),
    };
    settle(ledger, settlement, now, settlement::Action::Plan(Box::new(planned))).await;
}

pub fn submit(attempt: u32) -> settlement::Action {
    let tx_hash = Bytes32([u8::try_from(attempt).unwrap(); 32]);
    settlement::Action::Submit(Submitted { attempt, tx_hash, nonce: 7 })
}

pub fn mine(attempt: u32) -> settlement::Action {
    let tx_hash = Bytes32([u8::try_from(attempt).unwrap(); 32]);
    settlement::Action::Mine(Mined { tx_hash, block_number: 20, block_hash: Bytes32([9; 32]) })
}

pub fn fail(attempt: u32) -> settlement::Action {
    settlement::Action::Fail { attempt, reason: "out of gas".into(), retry_at: at("2026-02-01T00:10:00Z") }
}

pub fn finalize(attempt: u32, transferred: &str, settled: u32, skipped: &[u128]) -> settlement::Action {
    let skipped =
        skipped.iter().map(|session| SkippedClaim { session_id: session_id(*session), reason: "after grace".into() });
    settlement::Action::Finalize(Box::new(Finalized {
        tx_hash: Bytes32([u8::try_from(attempt).unwrap(); 32]),
        block_number: 20,
        block_hash: Bytes32([9; 32]),
        transferred: amount(transferred),
        currency: Currency::USDC,
        settled,
        skipped: skipped.collect(),
        gas_used: 100_000,
        gas_price_wei: 1,
    }))
}

pub fn claimed(amount_text: &str, total: &str) -> Fact {
    Fact::Claimed { amount: amount(amount_text), total_claimed: amount(total) }
}

fn usdc(code: &str, price: &str, quantity: &str) -> Usage {
    metered_in(Currency::USDC, code, price, quantity)
}

/// Session keys in every state, settlements in every state, and charges to accounts between them.
pub async fn fill(ledger: &Ledger) {
    for customer in [12, 13] {
        open_customer(ledger, customer, Currency::USDC, "2026-01-31T23:50:00Z").await;
    }
    spending(ledger).await;
    claimed_by_others_and_closed(ledger).await;
    waiting(ledger).await;
    active(ledger, 23, 13, "3").await;
    let skipped = act(ledger, 23, "2026-01-31T23:59:59Z", charge(vec![flat("1")])).await.position.position;
    settling(ledger, skipped).await;
    wanted_back(ledger).await;
    // Expired, with nothing in it.
    grant(ledger, 25, 13, Custody::Managed, 0).await;
    act(ledger, 25, "2026-02-03T00:00:00Z", Action::Expire).await;
}

/// 20: from the first relay to charges over borders of periods and of the month.
async fn spending(ledger: &Ledger) {
    grant(ledger, 20, 12, Custody::Managed, 60).await;
    act(ledger, 20, "2026-01-31T23:51:01Z", relay(200, RelayAction::Open)).await;
    let deposited = || Fact::Deposited { amount: amount("10") };
    act(ledger, 20, "2026-01-31T23:51:02Z", seen(deposited(), (5, 1))).await;
    act(ledger, 20, "2026-01-31T23:51:10Z", known(Fact::Registered { key: KEY }, (5, 0))).await;
    act(ledger, 20, "2026-01-31T23:51:10Z", known(deposited(), (5, 1))).await;
    act(ledger, 20, "2026-01-31T23:51:11Z", relay_done(200)).await;
    for now in ["2026-01-31T23:59:59.9Z", "2026-02-01T00:00:00Z", "2026-02-01T00:00:30Z", "2026-02-01T00:01:00Z"] {
        act(ledger, 20, now, charge(vec![flat("0.5"), usdc("calls", "0.1", "3")])).await;
        support::act(ledger, 12, now, support::charge(vec![flat("0.25"), usdc("calls", "0.1", "1")])).await;
        act(ledger, 20, now, charge(vec![usdc("tokens", "0.000003", "1001.1")])).await;
    }
}

/// 21: its client signs; the payee claims by itself; its owner ends it.
async fn claimed_by_others_and_closed(ledger: &Ledger) {
    grant(ledger, 21, 12, Custody::Client, 0).await;
    fund(ledger, 21, "1").await;
    act(ledger, 21, "2026-01-31T23:53:00Z", charge_with(vec![flat("0.1")], "0.3")).await;
    act(ledger, 21, "2026-01-31T23:54:00Z", charge(vec![flat("0.2")])).await;
    act(ledger, 21, "2026-01-31T23:55:00Z", known(claimed("0.3", "0.3"), (6, 0))).await;
    act(ledger, 21, "2026-01-31T23:56:00Z", known(Fact::Revoked, (7, 0))).await;
    act(ledger, 21, "2026-01-31T23:57:00Z", known(Fact::Withdrawn { amount: amount("0.7") }, (8, 0))).await;
    act(ledger, 21, "2026-01-31T23:58:00Z", Action::Close).await;
}

/// 22: the chain has seen a deposit and nothing is final.
async fn waiting(ledger: &Ledger) {
    grant(ledger, 22, 13, Custody::Managed, 0).await;
    act(ledger, 22, "2026-01-31T23:53:00Z", relay(220, RelayAction::Register)).await;
    act(ledger, 22, "2026-01-31T23:53:00Z", seen(Fact::Deposited { amount: amount("2") }, (6, 1))).await;
    act(ledger, 22, "2026-01-31T23:54:00Z", seen(Fact::Deposited { amount: amount("0.5") }, (6, 4))).await;
}

/// 30: settles 20 and skips 23, at the second attempt. 31: there was nothing.
async fn settling(ledger: &Ledger, skipped: i64) {
    open(ledger, 30, "2026-02-01T00:02:00Z").await;
    let of_20 = plan_claim(ledger, 20, 30, "2026-02-01T00:02:01Z").await;
    let of_23 = plan_claim(ledger, 23, 30, "2026-02-01T00:02:01Z").await;
    let (total, places) = (of_20.total_claimed.to_string(), (1, skipped));
    plan(ledger, 30, "2026-02-01T00:02:02Z", &[(20, of_20, places), (23, of_23, (skipped, skipped))]).await;
    act(ledger, 20, "2026-02-01T00:02:03Z", charge(vec![flat("0.75")])).await;
    settle(ledger, 30, "2026-02-01T00:02:04Z", submit(1)).await;
    settle(ledger, 30, "2026-02-01T00:02:05Z", fail(1)).await;
    settle(ledger, 30, "2026-02-01T00:10:00Z", submit(2)).await;
    settle(ledger, 30, "2026-02-01T00:10:01Z", mine(2)).await;
    settle(ledger, 30, "2026-02-01T00:10:02Z", finalize(2, &total, 1, &[23])).await;
    act(ledger, 20, "2026-02-01T00:10:03Z", known(claimed(&total, &total), (20, 1))).await;
    let reason = "after grace".to_owned();
    act(ledger, 23, "2026-02-01T00:10:03Z", Action::ReleaseClaim { settlement_id: settlement_id(30), reason }).await;
    open(ledger, 31, "2026-02-01T00:11:00Z").await;
    settle(ledger, 31, "2026-02-01T00:11:01Z", settlement::Action::Abandon("there was nothing to claim".into())).await;
}

/// 24: frozen this way and that; its owner wants money back. 32 fails, is parked, is tried again;
/// 33 is parked.
async fn wanted_back(ledger: &Ledger) {
    active(ledger, 24, 13, "4").await;
    let first = act(ledger, 24, "2026-01-31T23:59:00Z", charge(vec![flat("1.5")])).await.position.position;
    act(ledger, 24, "2026-02-01T00:20:00Z", relay(240, RelayAction::Freeze)).await;
    act(ledger, 24, "2026-02-01T00:20:01Z", relay_failed(240)).await;
    act(ledger, 24, "2026-02-01T00:20:02Z", Action::Freeze).await;
    act(ledger, 24, "2026-02-01T00:20:03Z", seen(Fact::Frozen, (9, 0))).await;
    act(ledger, 24, "2026-02-01T00:20:04Z", Action::Unfreeze).await;
    act(ledger, 24, "2026-02-01T00:20:05Z", known(Fact::Unfrozen, (9, 1))).await;
    let wanted = |n| Fact::WithdrawRequested { amount: n, available_at: at("2026-02-01T01:20:00Z") };
    act(ledger, 24, "2026-02-01T00:21:00Z", seen(wanted(None), (10, 0))).await;
    act(ledger, 24, "2026-02-01T00:22:00Z", known(Fact::WithdrawCancelled, (10, 1))).await;
    act(ledger, 24, "2026-02-01T00:23:00Z", seen(wanted(Some(amount("2"))), (12, 0))).await;
    // An older one is paid out meanwhile: what is wanted now stays wanted.
    act(ledger, 24, "2026-02-01T00:24:00Z", known(Fact::Withdrawn { amount: amount("0.25") }, (11, 0))).await;
    open(ledger, 32, "2026-02-01T00:25:00Z").await;
    let claim = plan_claim(ledger, 24, 32, "2026-02-01T00:25:00Z").await;
    plan(ledger, 32, "2026-02-01T00:25:00Z", &[(24, claim.clone(), (first, first))]).await;
    for attempt in 1..=3 {
        settle(ledger, 32, "2026-02-01T00:26:00Z", submit(attempt)).await;
        settle(ledger, 32, "2026-02-01T00:27:00Z", fail(attempt)).await;
    }
    settle(ledger, 32, "2026-02-01T00:28:00Z", settlement::Action::Retry).await;
    settle(ledger, 32, "2026-02-01T00:29:00Z", submit(4)).await;
    act(ledger, 24, "2026-02-01T01:20:00Z", relay(241, RelayAction::FinalizeWithdraw)).await;
    open(ledger, 33, "2026-02-01T00:30:00Z").await;
    plan(ledger, 33, "2026-02-01T00:30:00Z", &[(24, claim, (first, first))]).await;
    for attempt in 1..=3 {
        settle(ledger, 33, "2026-02-01T00:31:00Z", fail(attempt)).await;
    }
}
