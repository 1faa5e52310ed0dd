//! What the read models say of session keys and settlements, step by step.

use domain::evm::Bytes32;
use domain::ids::{CustomerId, OrganizationId, SettlementId};
use domain::money::Currency;
use domain::session_key::command::Action;
use domain::session_key::{Custody, Fact, RelayAction};
use projections::directory::SessionKeyFilter;
use projections::reconcile::{self, Difference};
use projections::{directory, quota, risk, settlement as model};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::keys::{
    self, CHAIN, CONTRACT, PAYEE, TOKEN, active, amount, charge, claimed, finalize, grant, key_id, known, open, plan,
    plan_claim, relay, relay_done, seen, settle, settlement_id, submit,
};
use crate::support::{Bench, at, flat, open_customer, organization};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn customer(n: u128) -> CustomerId {
    CustomerId::new(Uuid::from_u128(n))
}

async fn filled() -> Bench {
    let bench = Bench::new().await;
    keys::fill(&bench.ledger).await;
    bench.apply_all(3).await;
    bench
}

async fn lanes(bench: &Bench, now: &str) -> Vec<model::LaneTotals> {
    model::lanes_due(&bench.pool, CHAIN as i64, &CONTRACT.to_string(), at(now)).await.unwrap()
}

fn lane() -> model::LaneKey {
    model::LaneKey {
        organization_id: organization().uuid(),
        chain_id: CHAIN as i64,
        contract: CONTRACT.to_string(),
        payee: PAYEE.to_string(),
        token: TOKEN.to_string(),
    }
}

async fn candidates(bench: &Bench, settlement: u128) -> Vec<model::Candidate> {
    model::candidates(&bench.pool, &lane(), 100, settlement_id(settlement).uuid(), false).await.unwrap()
}

/// Whether a settlement that somebody asks for has to wait for another one, for what was charged until then.
async fn has_to_wait(bench: &Bench, settlement: u128, until: &str) -> bool {
    let id = settlement_id(settlement).uuid();
    model::is_more_under_way(&bench.pool, &lane(), id, at(until)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_key_shows_what_it_may_still_spend() {
    let bench = filled().await;
    let one = |n| quota::sessions(&bench.pool, organization(), None, Some(key_id(n)), None, 10);
    let spending = one(20).await.unwrap().remove(0);
    // 4 × (0.5 + 0.3 + 0.0030033) + 0.75
    assert_eq!(spending.charged, decimal("3.9620132"));
    assert_eq!((spending.deposited, spending.pending_deposits), (decimal("10"), decimal("0")));
    assert_eq!((spending.claimed, spending.available()), (decimal("3.212013"), decimal("6.0379868")));
    assert_eq!((spending.period_used, spending.period_start), (decimal("0.75"), Some(at("2026-02-01T00:02:00Z"))));
    assert_eq!((spending.status.as_str(), spending.limit), ("active", decimal("100")));
    let waiting = one(22).await.unwrap().remove(0);
    assert_eq!((waiting.pending_deposits, waiting.available()), (decimal("2.5"), decimal("0")));
    assert_eq!((waiting.status.as_str(), waiting.period_limit), ("pending", None));
    let wanted = one(24).await.unwrap().remove(0);
    assert_eq!((wanted.withdrawn, wanted.withdrawal_pending), (decimal("0.25"), decimal("2")));
    assert_eq!((wanted.status.as_str(), wanted.available()), ("active", decimal("0.25")));

    let of_12 = quota::sessions(&bench.pool, organization(), Some(customer(12)), None, None, 10).await.unwrap();
    assert_eq!(of_12.iter().map(|row| row.session_key_id).collect::<Vec<_>>(), [21, 20].map(Uuid::from_u128));
    let page = quota::sessions(&bench.pool, organization(), None, None, Some(Uuid::from_u128(24)), 2).await.unwrap();
    assert_eq!(page.iter().map(|row| row.session_key_id).collect::<Vec<_>>(), [23, 22].map(Uuid::from_u128));
    // The account's row is the account's; meters and risk count both.
    let account = quota::customers(&bench.pool, organization(), Some(customer(12)), None, 1).await.unwrap().remove(0);
    assert_eq!(account.charged, decimal("1.4"));
    let meters = quota::meters(&bench.pool, &[customer(12).uuid()]).await.unwrap();
    let totals: Vec<_> = meters.iter().map(|row| (row.meter.as_str(), row.used_total)).collect();
    assert_eq!(totals, [("calls", decimal("16")), ("tokens", decimal("4004.4"))]);
    let risk = risk::customers(&bench.pool, organization(), Some(customer(12)), None, 1).await.unwrap().remove(0);
    assert_eq!((risk.charges, risk.charged), (15, decimal("5.6620132")));
    assert_eq!((risk.largest_charge, risk.last_charge, risk.minute_calls_peak), (decimal("0.8"), decimal("0.75"), 6));
    assert_eq!(risk.available, decimal("3.6"), "the account's alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_has_the_charges_of_the_account_and_of_the_session_keys() {
    let bench = filled().await;
    let rows = projections::statement::statements(&bench.pool, organization(), Some(customer(12)), None, None, 10);
    let rows = rows.await.unwrap();
    let totals: Vec<_> = rows.iter().map(|row| (row.month.to_string(), row.total, row.charges)).collect();
    let january = ("2026-01-01".to_owned(), decimal("1.4530033"), 5);
    assert_eq!(totals, [("2026-02-01".to_owned(), decimal("4.2090099"), 10), january]);
    let lines = projections::statement::lines(&bench.pool, &rows).await.unwrap();
    let calls = lines.iter().find(|line| line.meter == "calls" && line.month == rows[0].month).unwrap();
    assert_eq!((calls.quantity, calls.amount, calls.charges), (decimal("12"), decimal("1.2"), 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_keys_are_listed_with_their_status() {
    let bench = filled().await;
    let all = SessionKeyFilter::default();
    let listed = directory::session_keys(&bench.pool, organization(), all, None, 10).await.unwrap();
    let statuses: Vec<_> = listed.iter().map(|row| (row.session_key_id.as_u128(), row.status.as_str())).collect();
    let expected = [(25, "expired"), (24, "active"), (23, "active"), (22, "pending"), (21, "closed"), (20, "active")];
    assert_eq!(statuses, expected);
    assert_eq!(listed[4].custody, "self");
    assert_eq!((listed[0].contract.as_str(), listed[0].chain_id), (CONTRACT.to_string().as_str(), CHAIN as i64));
    let session_id: Bytes32 = listed[2].session_id.parse().unwrap();
    for (organization, expected) in [(organization(), 1), (OrganizationId::new(Uuid::nil()), 0)] {
        let of_session = SessionKeyFilter { session_id: Some(session_id), ..all };
        let found = directory::session_keys(&bench.pool, organization, of_session, None, 10).await.unwrap();
        assert_eq!(found.len(), expected);
        assert!(found.iter().all(|row| *row == listed[2]));
    }
    let list = |customer_id, status, before| {
        let filter = SessionKeyFilter { customer_id, status, session_id: None };
        directory::session_keys(&bench.pool, organization(), filter, before, 9)
    };
    let of_13 = list(Some(customer(13)), Some("active"), Some(Uuid::from_u128(24))).await.unwrap();
    assert_eq!(of_13.iter().map(|row| row.session_key_id.as_u128()).collect::<Vec<_>>(), [23]);
    // The status follows the aggregate's through every kind of end and freeze.
    let ledger = &bench.ledger;
    for (now, action, status) in [
        ("2026-02-01T01:59:00Z", known(Fact::GuardianFrozen, (28, 0)), "frozen"),
        ("2026-02-01T01:59:01Z", Action::Freeze, "frozen"),
        ("2026-02-01T01:59:02Z", known(Fact::GuardianUnfrozen, (28, 1)), "frozen"),
        ("2026-02-01T01:59:03Z", Action::Unfreeze, "active"),
        ("2026-02-01T01:59:04Z", known(Fact::GuardianFrozen, (29, 0)), "frozen"),
        ("2026-02-01T01:59:05Z", Action::Unfreeze, "active"),
        ("2026-02-01T02:00:00Z", Action::Freeze, "frozen"),
        ("2026-02-01T02:00:00Z", relay(230, RelayAction::Freeze), "frozen"),
        ("2026-02-01T02:00:01Z", Action::Unfreeze, "frozen"),
        ("2026-02-01T02:00:02Z", keys::relay_failed(230), "active"),
        ("2026-02-01T02:00:03Z", relay(231, RelayAction::Freeze), "frozen"),
        ("2026-02-01T02:00:04Z", seen(Fact::Frozen, (30, 0)), "frozen"),
        ("2026-02-01T02:00:05Z", keys::relay_failed(231), "frozen"),
        ("2026-02-03T00:00:00Z", Action::Expire, "expired"),
        ("2026-02-03T00:00:01Z", seen(Fact::Revoked, (31, 0)), "revoked"),
    ] {
        keys::act(ledger, 23, now, action).await;
        bench.apply_all(10).await;
        let row = list(Some(customer(13)), None, Some(Uuid::from_u128(24))).await.unwrap().remove(0);
        assert_eq!(row.status, status);
        assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_is_due_until_its_claims_are_planned() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    open_customer(ledger, 12, Currency::USDC, "2026-01-31T23:50:00Z").await;
    active(ledger, 20, 12, "5").await;
    active(ledger, 21, 12, "5").await;
    // Below an atomic unit there is nothing to claim.
    keys::act(ledger, 20, "2026-02-01T00:00:00Z", charge(vec![flat("0.0000009")])).await;
    bench.apply_all(1).await;
    assert_eq!(lanes(&bench, "2026-02-01T00:00:00Z").await, vec![]);
    assert_eq!(candidates(&bench, 30).await, vec![]);

    let first = keys::act(ledger, 20, "2026-02-01T00:00:01Z", charge(vec![flat("0.0000001")])).await;
    keys::act(ledger, 20, "2026-02-01T00:00:02Z", charge(vec![flat("1.0000005")])).await;
    let last = keys::act(ledger, 21, "2026-02-01T00:00:03Z", charge(vec![flat("2")])).await;
    bench.apply_all(1).await;
    let due = lanes(&bench, "2026-02-01T00:00:03Z").await.remove(0);
    assert_eq!((due.unsettled, due.sessions), (decimal("3.000001"), 2));
    assert!(!due.expiring && !due.wanted_back && !due.frozen && !due.revoked);
    assert_eq!(due.oldest_unsettled_at, Some(first.occurred_at));
    assert_eq!((due.payee, due.token), (PAYEE.to_string(), TOKEN.to_string()));
    let soon = lanes(&bench, "2026-02-02T23:50:01Z").await.remove(0);
    assert!(soon.expiring, "its time is nearly over");

    // One of them is planned and charged further; what it is in comes first for that settlement.
    let claim = plan_claim(ledger, 20, 30, "2026-02-01T00:01:00Z").await;
    let later = keys::act(ledger, 20, "2026-02-01T00:01:01Z", charge(vec![flat("0.5")])).await;
    bench.apply_all(1).await;
    let due = lanes(&bench, "2026-02-01T00:01:01Z").await.remove(0);
    assert_eq!((due.unsettled, due.oldest_unsettled_at), (decimal("2"), Some(last.occurred_at)));
    let found = candidates(&bench, 30).await;
    assert_eq!(found.iter().map(|one| one.session_key_id.as_u128()).collect::<Vec<_>>(), [20, 21]);
    assert_eq!(found[0].open_settlement, Some(settlement_id(30).uuid()));
    assert_eq!((found[0].settled_position, found[0].last_charge_position), (0, later.position.position));
    assert_eq!(found[0].planned_position, Some(last.position.position - 1));
    assert_eq!(candidates(&bench, 31).await.len(), 1, "another settlement cannot have it");
    // There is no settlement 30 here, only a claim for it.
    assert!(!has_to_wait(&bench, 31, "2026-02-01T00:01:01Z").await);

    // Released, it is set aside until a person asks; planned anew and claimed, the rest is due by itself.
    let release = |n| Action::ReleaseClaim { settlement_id: settlement_id(n), reason: "after grace".into() };
    keys::act(ledger, 20, "2026-02-01T00:02:00Z", release(30)).await;
    bench.apply_all(1).await;
    let due = lanes(&bench, "2026-02-01T00:02:00Z").await.remove(0);
    assert_eq!((due.unsettled, due.oldest_unsettled_at), (decimal("2"), Some(last.occurred_at)));
    assert_eq!(candidates(&bench, 31).await.len(), 1, "not by itself");
    let again = plan_claim(ledger, 20, 31, "2026-02-01T00:03:00Z").await;
    assert_eq!((again.charged_from, again.amount), (amount("0"), amount("1.500001")));
    assert_eq!(claim.charged_from, amount("0"));
    keys::act(ledger, 20, "2026-02-01T00:04:00Z", known(claimed("1.500001", "1.500001"), (20, 0))).await;
    let newest = keys::act(ledger, 20, "2026-02-01T00:04:01Z", charge(vec![flat("0.25")])).await;
    bench.apply_all(1).await;
    let due = lanes(&bench, "2026-02-01T00:04:00Z").await.remove(0);
    assert_eq!((due.unsettled, due.oldest_unsettled_at), (decimal("2.25"), Some(last.occurred_at)));
    let found = candidates(&bench, 32).await;
    let of_20 = found.iter().find(|one| one.session_key_id == key_id(20).uuid()).unwrap();
    assert_eq!((of_20.settled_position, of_20.planned_position), (later.position.position, None));
    assert_eq!(of_20.last_charge_position, newest.position.position);

    // While a settlement is being planned for it, none is due.
    open(ledger, 33, "2026-02-01T00:05:00Z").await;
    bench.apply_all(1).await;
    assert_eq!(lanes(&bench, "2026-02-01T00:05:00Z").await, vec![]);
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_all_waits_for_what_is_under_way() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    open_customer(ledger, 12, Currency::USDC, "2026-01-31T23:50:00Z").await;
    active(ledger, 20, 12, "5").await;
    keys::act(ledger, 20, "2026-02-01T00:00:00Z", charge(vec![flat("1")])).await;
    open(ledger, 30, "2026-02-01T00:00:01Z").await;
    plan_claim(ledger, 20, 30, "2026-02-01T00:00:02Z").await;
    open(ledger, 31, "2026-02-01T00:00:03Z").await;
    bench.apply_all(1).await;
    assert!(!has_to_wait(&bench, 31, "2026-02-01T00:00:03Z").await, "the claim that is under way pays for all");
    let is_under_way = async |n| model::is_under_way(&bench.pool, &lane(), settlement_id(n).uuid()).await.unwrap();
    assert!(is_under_way(31).await && !is_under_way(30).await);
    keys::act(ledger, 20, "2026-02-01T00:00:10Z", charge(vec![flat("0.5")])).await;
    bench.apply_all(1).await;
    assert!(has_to_wait(&bench, 31, "2026-02-01T00:00:10Z").await);
    assert!(!has_to_wait(&bench, 31, "2026-02-01T00:00:09Z").await, "what came after nobody has asked for");
    assert!(!has_to_wait(&bench, 30, "2026-02-01T00:00:10Z").await, "for itself it does not wait");

    // Of each payee the oldest first.
    let payee = domain::evm::Address([0xbb; 20]);
    let lane =
        domain::settlement::Lane { chain_id: CHAIN, contract: CONTRACT, token: TOKEN, currency: Currency::USDC, payee };
    let opened = domain::settlement::Opened {
        settlement_id: settlement_id(32),
        organization_id: organization(),
        lane,
        cause: domain::settlement::Cause::Age,
    };
    settle(ledger, 32, "2026-02-01T00:00:11Z", domain::settlement::Action::Open(opened)).await;
    bench.apply_all(1).await;
    let (contract, now) = (CONTRACT.to_string(), at("2026-02-01T00:01:00Z"));
    let advance = async |limit| {
        let found = model::settlements_to_advance(&bench.pool, CHAIN as i64, &contract, now, limit).await.unwrap();
        found.iter().map(|one| one.settlement_id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(advance(10).await, [30, 32, 31]);
    assert_eq!(advance(2).await, [30, 32]);
    let over = domain::settlement::Action::Abandon("there was nothing to claim".into());
    settle(ledger, 30, "2026-02-01T00:00:12Z", over).await;
    bench.apply_all(1).await;
    assert!(!has_to_wait(&bench, 31, "2026-02-01T00:00:12Z").await);
    assert_eq!(advance(10).await, [31, 32]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_of_session_keys_and_the_claim_of_a_charge() {
    let bench = filled().await;
    let totals = model::session_totals(&bench.pool, organization()).await.unwrap();
    assert_eq!(totals.len(), 1);
    assert_eq!((totals[0].sessions, totals[0].charged), (6, decimal("6.7620132")));
    assert_eq!((totals[0].claimed, totals[0].unsettled), (decimal("3.512013"), decimal("3.2500002")));
    assert_eq!(totals[0].in_settlement, decimal("1.5"), "24 is in 32");

    let all = model::settlements(&bench.pool, organization(), None, None, 10).await.unwrap();
    let shown: Vec<_> =
        all.iter().map(|row| (row.settlement_id.as_u128(), row.status.as_str(), row.attempts)).collect();
    assert_eq!(shown, [(33, "parked", 3), (32, "submitted", 3), (31, "abandoned", 0), (30, "finalized", 1)]);
    let (parked, open, abandoned, finalized) = (&all[0], &all[1], &all[2], &all[3]);
    assert_eq!((parked.retry_at, parked.last_reason.as_deref()), (None, Some("out of gas")));
    assert_eq!((parked.tx_hash.as_ref(), open.tx_hash.is_some()), (None, true));
    assert_eq!((abandoned.claims, abandoned.last_reason.as_deref()), (0, Some("there was nothing to claim")));
    assert_eq!((finalized.claims, finalized.total), (2, decimal("4.212013")));
    assert_eq!((finalized.settled, finalized.skipped), (Some(1), Some(1)));
    assert_eq!((finalized.transferred, finalized.gas_used), (Some(decimal("3.212013")), Some(100_000)));
    let older = model::settlements(&bench.pool, organization(), None, Some(Uuid::from_u128(32)), 1).await.unwrap();
    assert_eq!(older, std::slice::from_ref(abandoned));
    let parked_only = model::settlements(&bench.pool, organization(), Some("parked"), None, 10).await.unwrap();
    assert_eq!(parked_only, std::slice::from_ref(parked));
    assert_eq!(
        model::settlement(&bench.pool, organization(), settlement_id(31)).await.unwrap().as_ref(),
        Some(abandoned)
    );
    let stranger = domain::ids::OrganizationId::new(Uuid::from_u128(2));
    assert_eq!(model::settlement(&bench.pool, stranger, settlement_id(31)).await.unwrap(), None);

    let (contract, now) = (CONTRACT.to_string(), at("2026-03-01T00:00:00Z"));
    let waiting = model::settlements_to_advance(&bench.pool, CHAIN as i64, &contract, now, 10).await.unwrap();
    assert_eq!(waiting, vec![], "one is submitted, the others are over");
    assert_eq!(model::count_parked(&bench.pool, CHAIN as i64, &contract).await.unwrap(), 1);
    let (organization_id, payee, token) = (organization().uuid(), PAYEE.to_string(), TOKEN.to_string());
    assert_eq!(model::count_settlements(&bench.pool, organization_id, &payee, &token).await.unwrap(), 4);

    let claims = model::claims(&bench.pool, SettlementId::new(Uuid::from_u128(30))).await.unwrap();
    let outcomes: Vec<_> = claims.iter().map(|row| (row.session_key_id.as_u128(), row.outcome.as_deref())).collect();
    assert_eq!(outcomes, [(20, Some("settled")), (23, Some("skipped: after grace"))]);
    let of = |session, position| model::claim_of_charge(&bench.pool, organization(), key_id(session), position);
    let (claim, settled) = of(20, claims[0].first_position).await.unwrap().unwrap();
    assert_eq!((&claim, &settled), (&claims[0], finalized));
    assert_eq!(of(20, claims[0].last_position + 1).await.unwrap(), None);
    let (_, newest) =
        of(24, model::claims(&bench.pool, settlement_id(33)).await.unwrap()[0].first_position).await.unwrap().unwrap();
    assert_eq!(newest.settlement_id, settlement_id(33).uuid(), "none of the two was paid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_is_due_when_what_was_earned_is_claimed() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    open_customer(ledger, 12, Currency::USDC, "2026-01-31T23:50:00Z").await;
    active(ledger, 20, 12, "5").await;
    keys::act(ledger, 20, "2026-02-01T00:00:00Z", charge(vec![flat("1")])).await;
    let wanted = Fact::WithdrawRequested { amount: None, available_at: at("2026-02-01T01:00:00Z") };
    keys::act(ledger, 20, "2026-02-01T00:01:00Z", seen(wanted, (10, 0))).await;
    let due = async |now: &str| {
        bench.apply_all(1).await;
        let found = model::withdrawals_due(&bench.pool, CHAIN as i64, &CONTRACT.to_string(), at(now)).await.unwrap();
        found.iter().map(|one| one.session_key_id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(due("2026-02-01T01:00:00Z").await, [0u128; 0], "1 is not claimed");
    let lane = lanes(&bench, "2026-02-01T00:01:00Z").await.remove(0);
    assert!(lane.wanted_back && !lane.expiring && !lane.frozen && !lane.revoked, "{lane:?}");
    plan_claim(ledger, 20, 30, "2026-02-01T00:02:00Z").await;
    assert_eq!(due("2026-02-01T01:00:00Z").await, [0u128; 0], "it is in a settlement");
    keys::act(ledger, 20, "2026-02-01T00:03:00Z", known(claimed("1", "1"), (20, 0))).await;
    assert_eq!(due("2026-02-01T00:59:59Z").await, [0u128; 0], "its delay is not over");
    assert_eq!(due("2026-02-01T01:00:00Z").await, [20]);
    keys::act(ledger, 20, "2026-02-01T01:00:00Z", relay(200, RelayAction::FinalizeWithdraw)).await;
    assert_eq!(due("2026-02-01T01:00:00Z").await, [0u128; 0], "it is on its way");
    keys::act(ledger, 20, "2026-02-01T01:00:01Z", keys::relay_failed(200)).await;
    assert_eq!(due("2026-02-01T01:00:01Z").await, [20]);
    keys::act(ledger, 20, "2026-02-01T01:00:02Z", known(Fact::Withdrawn { amount: amount("4") }, (21, 0))).await;
    assert_eq!(due("2026-02-01T01:00:02Z").await, [0u128; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_is_faster_leaves_something_to_write_off() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    open_customer(ledger, 12, Currency::USDC, "2026-01-31T23:50:00Z").await;
    active(ledger, 20, 12, "5").await;
    let now = "2026-02-01T00:00:00Z";
    keys::act(ledger, 20, now, charge(vec![flat("3")])).await;
    keys::act(ledger, 20, now, known(Fact::Withdrawn { amount: amount("4") }, (7, 0))).await;
    bench.apply_all(1).await;
    assert_eq!(lanes(&bench, now).await[0].unsettled, decimal("1"), "the escrow does not reach further");
    plan_claim(ledger, 20, 30, now).await;
    bench.apply_all(1).await;
    let position = |found: Vec<model::Candidate>| (found[0].settled_position, found[0].planned_position);
    assert_eq!(position(candidates(&bench, 30).await), (0, Some(0)), "the charge is not paid for whole");
    keys::act(ledger, 20, now, known(claimed("1", "1"), (20, 0))).await;
    keys::act(ledger, 20, now, seen(Fact::Revoked, (21, 0))).await;
    bench.apply_all(1).await;
    assert_eq!(lanes(&bench, now).await, vec![]);
    let unsettled = async || model::session_totals(&bench.pool, organization()).await.unwrap()[0].unsettled;
    assert_eq!(unsettled().await, decimal("2"));
    // As long as that is not final the chain's worker remembers it, and nothing is closed for it.
    let remembered =
        "insert into chain_sights (chain_id, contract, tx_hash, ordinal, block_hash, block_number, block_time,
            log_index, session_id, organization_id, partition, stream_id, what)
        select chain_id, contract, 'transaction', 0, 'block', 21, now(), 0, session_id, organization_id, partition,
            'stream', 'revocation' from settlement_sessions";
    sqlx::query(remembered).execute(&bench.pool).await.unwrap();
    assert_eq!(model::sessions_to_end(&bench.pool, at(now), 10).await.unwrap(), vec![]);
    sqlx::query("delete from chain_sights").execute(&bench.pool).await.unwrap();
    keys::act(ledger, 20, now, known(Fact::Revoked, (21, 0))).await;
    bench.apply_all(1).await;
    let ending = model::sessions_to_end(&bench.pool, at(now), 10).await.unwrap();
    assert_eq!(ending.iter().map(|one| one.expire).collect::<Vec<_>>(), [false]);
    keys::act(ledger, 20, now, Action::Close).await;
    bench.apply_all(1).await;
    assert_eq!(unsettled().await, decimal("0"));
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_time_ends_and_what_is_empty_is_found() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    open_customer(ledger, 12, Currency::USDC, "2026-01-31T23:50:00Z").await;
    active(ledger, 20, 12, "5").await;
    grant(ledger, 21, 12, Custody::Managed, 0).await;
    let ending = async |now: &str| {
        bench.apply_all(1).await;
        let found = model::sessions_to_end(&bench.pool, at(now), 10).await.unwrap();
        let mut found: Vec<_> = found.iter().map(|one| (one.session_key_id.as_u128(), one.expire)).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(ending("2026-02-02T23:59:59Z").await, []);
    assert_eq!(ending("2026-02-03T00:00:00Z").await, [(20, true), (21, true)]);
    let now = "2026-02-03T00:00:00Z";
    keys::act(ledger, 20, now, Action::Expire).await;
    keys::act(ledger, 21, now, Action::Expire).await;
    assert_eq!(ending(now).await, [(21, false)], "20 has money in escrow");
    // A deposit that is not final, and a relay, keep it open.
    keys::act(ledger, 21, now, seen(Fact::Deposited { amount: amount("1") }, (6, 0))).await;
    keys::act(ledger, 20, now, known(Fact::Withdrawn { amount: amount("5") }, (7, 0))).await;
    assert_eq!(ending(now).await, [(20, false)]);
    keys::act(ledger, 20, now, relay(200, RelayAction::RequestWithdraw)).await;
    assert_eq!(ending(now).await, []);
    keys::act(ledger, 20, now, relay_done(200)).await;
    assert_eq!(ending(now).await, [(20, false)]);
    keys::act(ledger, 20, now, Action::Close).await;
    assert_eq!(ending(now).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_difference_is_found_wherever_it_is() {
    let bench = filled().await;
    let differences = async || reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences;
    assert_eq!(differences().await, vec![]);
    for (statement, place, undo) in [
        ("update quota_sessions set charged = charged + 1 where session_key_id = $1", "quota", "charged = charged - 1"),
        ("update quota_sessions set status = 'closed' where session_key_id = $1", "quota", "status = 'active'"),
        (
            "update settlement_sessions set claimed = claimed + 1 where session_key_id = $1",
            "settlement",
            "claimed = claimed - 1",
        ),
        ("update settlement_sessions set claimable = 0 where session_key_id = $1", "settlement", "claimable = 0.75"),
    ] {
        let id = key_id(20).uuid();
        sqlx::query(sqlx::AssertSqlSafe(statement)).bind(id).execute(&bench.pool).await.unwrap();
        let found = differences().await;
        let here = |one: &Difference| one.place == place && one.subject == key_id(20).to_string();
        assert!(found.len() == 1 && here(&found[0]), "{statement}: {found:?}");
        let table = statement.split(' ').nth(1).unwrap();
        let statement = format!("update {table} set {undo} where session_key_id = $1");
        sqlx::query(sqlx::AssertSqlSafe(statement)).bind(id).execute(&bench.pool).await.unwrap();
    }
    for (statement, place) in [
        (
            "update settlement_claims set outcome = 'skipped: x' where session_key_id = '00000000-0000-0000-0000-000000000014'",
            "settlement",
        ),
        ("update settlements set total = 1 where status = 'abandoned'", "settlement"),
        ("delete from quota_pending_deposits where log_index = 4", "quota"),
        ("update risk_customers set charged = 0 where customer_id = '00000000-0000-0000-0000-00000000000c'", "risk"),
        ("update statement_lines set amount = 0 where meter = 'tokens' and month = '2026-01-01'", "statement"),
        ("update journal_balances set debits = debits + 1 where account = 'merchant:settled'", "journal"),
    ] {
        let before = differences().await.len();
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&bench.pool).await.unwrap();
        let found = differences().await;
        assert!(found.len() > before && found.iter().any(|one| one.place == place), "{statement}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_beyond_the_escrow_breaks_an_invariant() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    open_customer(ledger, 12, Currency::USDC, "2026-01-31T23:50:00Z").await;
    active(ledger, 20, 12, "5").await;
    let charged = keys::act(ledger, 20, "2026-02-01T00:00:00Z", charge(vec![flat("1.25")])).await;
    let position = charged.position.position;
    crate::support::tamper(&bench.pool, position, r#""amount":"1.25""#, r#""amount":"6""#).await;
    let found = reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences;
    let invariants: Vec<_> = found.iter().filter(|one| one.place == "invariant").collect();
    assert!(invariants.iter().any(|one| one.expected == "charged and held at most 5" && one.found == "6"), "{found:?}");
    assert!(invariants.iter().any(|one| one.found.contains("1.25")), "what it says of itself: {found:?}");
    assert!(invariants.iter().all(|one| one.subject.ends_with(&format!("at position 0:{position}"))), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_what_the_chain_must_say() {
    let bench = Bench::new().await;
    keys::fill(&bench.ledger).await;
    open(&bench.ledger, 34, "2026-02-01T03:00:00Z").await;
    let claim = plan_claim(&bench.ledger, 20, 34, "2026-02-01T03:00:00Z").await;
    plan(&bench.ledger, 34, "2026-02-01T03:00:00Z", &[(20, claim, (1, 2))]).await;
    settle(&bench.ledger, 34, "2026-02-01T03:00:01Z", submit(1)).await;
    settle(&bench.ledger, 34, "2026-02-01T03:00:02Z", finalize(1, "0.75", 1, &[])).await;
    let totals = reconcile::session_totals(&bench.log).await.unwrap();
    assert_eq!(totals.sessions.len(), 6);
    let of_21 = totals.sessions.iter().find(|one| one.session_key_id == key_id(21)).unwrap();
    assert_eq!((of_21.session_id, of_21.chain_id, of_21.payee), (keys::session_id(21), CHAIN, PAYEE));
    assert_eq!((of_21.charged, of_21.claimed), (amount("0.3"), amount("0.3")));
    assert_eq!((of_21.deposited, of_21.withdrawn), (amount("1"), amount("0.7")));
    let registered = totals.sessions.iter().filter(|one| one.registered).count();
    assert_eq!((registered, totals.payees.len()), (4, 1));
    let payee = &totals.payees[0];
    assert_eq!((payee.payee, payee.token, payee.transferred), (PAYEE, TOKEN, amount("3.962013")));
    let hashes: Vec<_> = payee.settlements.iter().map(|one| (one.tx_hash.0[0], one.transferred)).collect();
    assert_eq!(hashes, [(2, amount("3.212013")), (1, amount("0.75"))]);
}
