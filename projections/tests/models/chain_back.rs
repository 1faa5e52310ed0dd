//! What the read models say of session keys and settlements when blocks go away, when an owner changes a key, and when
//! a chain was set back.

use domain::evm::{Address, Bytes32, ChainRef, CompactSignature};
use domain::money::Currency;
use domain::session_key::command::Action;
use domain::session_key::{Custody, Fact, KEY_REPLACED, RelayAction, Sight, StoredVoucher, Voucher};
use domain::settlement::{self, Resubmitted};
use eventstore::Ledger;
use projections::{directory, quota, reconcile};
use rust_decimal::Decimal;

use crate::keys::{
    self, act, active, amount, charge, charge_with, fund, grant, here, key_id, known, mine, open, plan, plan_claim,
    relay, seen, settle, settlement_id, submit,
};
use crate::support::{Bench, at, flat, open_customer, organization};

const NEXT: Address = Address([3; 20]);
const CLAIMABLE_UNTIL: &str = "2026-02-01T12:00:00Z";

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// The same transaction in another block.
fn elsewhere(at: ChainRef, block: u8) -> ChainRef {
    ChainRef { block_number: u64::from(block), block_hash: Bytes32([block; 32]), ..at }
}

fn undo(what: Sight, at: ChainRef) -> Action {
    Action::UndoSight { what, at }
}

fn deposit(text: &str) -> Fact {
    Fact::Deposited { amount: amount(text) }
}

fn wanted(text: &str, available_at: &str) -> Fact {
    Fact::WithdrawRequested { amount: Some(amount(text)), available_at: at(available_at) }
}

fn rotated(key: Address) -> Fact {
    Fact::KeyRotated { key, claimable_until: at(CLAIMABLE_UNTIL) }
}

fn signed_by_next(cost: &str, max_claimable: &str) -> Action {
    let stored = StoredVoucher { max_claimable: amount(max_claimable), signature: CompactSignature([3; 64]) };
    let voucher = Some(Voucher { stored, signer: NEXT });
    Action::Charge { usage: vec![flat(cost)], currency: None, voucher, description: None, metadata: Default::default() }
}

/// 40: seen in blocks that went away. 41: another key. 42: the chain was set back. 43: ended by what went away.
async fn fill(ledger: &Ledger) {
    open_customer(ledger, 12, Currency::USDC, "2026-01-31T23:50:00Z").await;
    let now = "2026-02-01T00:00:00Z";
    active(ledger, 40, 12, "5").await;
    act(ledger, 40, now, seen(deposit("2"), (6, 1))).await;
    act(ledger, 40, now, Action::Observe { fact: deposit("2"), at: elsewhere(here(6, 1), 7), is_final: false }).await;
    act(ledger, 40, now, seen(deposit("1"), (16, 2))).await;
    act(ledger, 40, now, undo(Sight::Deposit, here(16, 2))).await;
    act(ledger, 40, now, seen(Fact::Frozen, (8, 0))).await;
    act(ledger, 40, now, seen(Fact::Frozen, (9, 0))).await;
    act(ledger, 40, now, undo(Sight::Freeze, here(8, 0))).await;
    act(ledger, 40, now, undo(Sight::Freeze, here(9, 0))).await;
    act(ledger, 40, now, seen(Fact::Revoked, (10, 0))).await;
    act(ledger, 40, now, undo(Sight::Revocation, here(10, 0))).await;
    act(ledger, 40, now, seen(wanted("4", "2026-02-01T01:00:00Z"), (11, 0))).await;
    act(ledger, 40, now, seen(wanted("1", "2026-02-01T02:00:00Z"), (12, 0))).await;
    act(ledger, 40, now, undo(Sight::Withdrawal, here(11, 0))).await;
    act(ledger, 40, now, charge(vec![flat("0.5")])).await;

    grant(ledger, 41, 12, Custody::Client, 0).await;
    fund(ledger, 41, "5").await;
    act(ledger, 41, now, charge_with(vec![flat("1")], "3")).await;
    act(ledger, 41, now, seen(rotated(NEXT), (6, 0))).await;
    act(ledger, 41, now, known(rotated(NEXT), (6, 0))).await;

    active(ledger, 42, 12, "5").await;
    act(ledger, 42, now, charge(vec![flat("3")])).await;
    let (escrow, known, reason) = (amount("2"), amount("5"), "restored".into());
    let restate = Action::Restate { escrow, known, block_number: 5, reason };
    act(ledger, 42, now, restate).await;

    grant(ledger, 43, 12, Custody::Managed, 0).await;
    act(ledger, 43, "2026-02-03T00:00:00Z", Action::Expire).await;
    act(ledger, 43, "2026-02-03T00:00:00Z", seen(Fact::Revoked, (6, 0))).await;
    act(ledger, 43, "2026-02-03T00:00:00Z", undo(Sight::Revocation, here(6, 0))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_away_with_its_block_is_in_no_row() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    bench.apply_all(100).await;
    let one = |n| quota::sessions(&bench.pool, organization(), None, Some(key_id(n)), None, 10);
    let row = one(40).await.unwrap().remove(0);
    assert_eq!((row.status.as_str(), row.pending_deposits), ("active", decimal("2")));
    assert_eq!((row.withdrawal_pending, row.available()), (decimal("1"), decimal("3.5")));
    assert_eq!(row.withdrawal_available_at, Some(at("2026-02-01T02:00:00Z")));
    let row = one(42).await.unwrap().remove(0);
    assert_eq!((row.deposited, row.charged, row.available()), (decimal("2"), decimal("3"), decimal("0")));
    assert_eq!(one(43).await.unwrap().remove(0).status, "expired");
    let all = directory::SessionKeyFilter::default();
    let listed = directory::session_keys(&bench.pool, organization(), all, None, 10).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|row| (row.session_key_id.as_u128(), row.status.as_str())).collect();
    assert_eq!(listed, [(43, "expired"), (42, "active"), (41, "active"), (40, "active")]);
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
    let expected = crate::contents(&bench).await;
    for size in [1, 2, 5] {
        bench.wipe().await;
        bench.apply_all(size).await;
        assert_eq!(crate::contents(&bench).await, expected, "batches of {size}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_that_was_signed_here_outlives_its_block() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    open_customer(ledger, 12, Currency::USDC, "2026-01-31T23:50:00Z").await;
    active(ledger, 40, 12, "5").await;
    let now = "2026-02-01T00:00:00Z";
    let status = async || {
        bench.apply_all(1).await;
        let rows = quota::sessions(&bench.pool, organization(), None, Some(key_id(40)), None, 10).await.unwrap();
        assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
        rows[0].status.clone()
    };
    act(ledger, 40, now, relay(200, RelayAction::Freeze)).await;
    act(ledger, 40, now, seen(Fact::Frozen, (8, 0))).await;
    act(ledger, 40, now, undo(Sight::Freeze, here(8, 0))).await;
    assert_eq!(status().await, "frozen");
    act(ledger, 40, now, keys::relay_failed(200)).await;
    assert_eq!(status().await, "active");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_is_listed_and_its_voucher_lifts_what_the_former_one_left() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    let ledger = &bench.ledger;
    let kept = async || {
        bench.apply_all(3).await;
        let key: String = sqlx::query_scalar("select key from directory_session_keys where session_key_id = $1")
            .bind(key_id(41).uuid())
            .fetch_one(&bench.pool)
            .await
            .unwrap();
        assert_eq!(key, NEXT.to_string());
        let (until, aside): (Option<domain::Timestamp>, Option<String>) =
            sqlx::query_as("select voucher_until, set_aside from settlement_sessions where session_key_id = $1")
                .bind(key_id(41).uuid())
                .fetch_one(&bench.pool)
                .await
                .unwrap();
        (until, aside)
    };
    assert_eq!(kept().await, (Some(at(CLAIMABLE_UNTIL)), None));
    let planned = Action::PlanClaim { settlement_id: settlement_id(50), again: false };
    act(ledger, 41, CLAIMABLE_UNTIL, planned).await;
    assert_eq!(kept().await, (Some(at(CLAIMABLE_UNTIL)), Some(KEY_REPLACED.to_owned())));
    act(ledger, 41, CLAIMABLE_UNTIL, signed_by_next("1", "2")).await;
    assert_eq!(kept().await, (None, None));
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_follows_its_transaction() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    let ledger = &bench.ledger;
    let now = "2026-02-01T03:00:00Z";
    let row = async || {
        bench.apply_all(2).await;
        assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
        let row: (String, Option<String>, Option<i64>) =
            sqlx::query_as("select status, tx_hash, block_number from settlements where settlement_id = $1")
                .bind(settlement_id(50).uuid())
                .fetch_one(&bench.pool)
                .await
                .unwrap();
        row
    };
    let hash = |byte: u8| Some(Bytes32([byte; 32]).to_string());
    open(ledger, 50, now).await;
    let claim = plan_claim(ledger, 42, 50, now).await;
    plan(ledger, 50, now, &[(42, claim, (1, 2))]).await;
    settle(ledger, 50, now, submit(1)).await;
    settle(ledger, 50, now, mine(1)).await;
    assert_eq!(row().await, ("mined".to_owned(), hash(1), Some(20)));
    settle(ledger, 50, now, settlement::Action::Reorganize { block_hash: Bytes32([9; 32]) }).await;
    assert_eq!(row().await, ("submitted".to_owned(), hash(1), None));
    let (tx_hash, reason) = (Bytes32([7; 32]), "fees have risen".to_owned());
    let resubmitted = Resubmitted { attempt: 1, tx_hash, nonce: 7, reason };
    settle(ledger, 50, now, settlement::Action::Resubmit(resubmitted)).await;
    assert_eq!(row().await, ("submitted".to_owned(), hash(7), None));
    // The version before was faster.
    settle(ledger, 50, now, mine(1)).await;
    assert_eq!(row().await, ("mined".to_owned(), hash(1), Some(20)));
}
