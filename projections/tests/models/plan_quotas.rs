//! What the read models say of subscriptions' quotas and of what was settled.

use domain::account::Source;
use domain::account::command::Action;
use domain::account::event::BillRef;
use domain::cycle::Cycle;
use domain::hold::HoldAction;
use domain::ids::{CustomerId, HoldId, InvoiceId, PlanId, SubscriptionId};
use domain::money::Currency;
use domain::price::{Beyond, Model, PriceRef, Pricing};
use domain::subscription::{AllowanceTerms, TurnTo};
use eventstore::Ledger;
use projections::quota::{self, QuotaMeter};
use projections::reconcile;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::support::{Bench, act, at, charge, flat, metered_in, open_customer, organization};

const CUSTOMER: u128 = 18;
const FEBRUARY: &str = "2026-02-01T00:00:00Z";
const MARCH: &str = "2026-03-01T00:00:00Z";

fn tokens(quantity: &str) -> Vec<domain::charge::Usage> {
    vec![metered_in(Currency::USD, "tokens", "7", quantity)]
}

fn late(quantity: &str, used_at: &str) -> Action {
    let (description, metadata) = (None, Default::default());
    Action::Charge { usage: tokens(quantity), currency: None, used_at: Some(at(used_at)), description, metadata }
}

fn place(n: u128, quantity: &str) -> Action {
    let (hold_id, description, metadata) = (HoldId::new(Uuid::from_u128(n)), None, Default::default());
    let usage = tokens(quantity);
    Action::Hold(HoldAction::Place { hold_id, usage, currency: None, ttl_secs: 9_000_000, description, metadata })
}

fn capture(n: u128, quantity: &str) -> Action {
    let (hold_id, description, metadata) = (HoldId::new(Uuid::from_u128(n)), None, Default::default());
    let usage = Some(tokens(quantity));
    Action::Hold(HoldAction::Capture { hold_id, usage, currency: None, is_final: true, description, metadata })
}

/// Some tokens are free in a period, more of them cost 0.1.
fn turn(close_usage: bool, closed: Option<Cycle>, cycle: Option<(&str, &str)>, carry: bool, included: &str) -> Action {
    let model = Model::PerUnit { unit_price: "0.1".parse().unwrap() };
    let terms = AllowanceTerms {
        meter: "tokens".parse().unwrap(),
        price: Some(PriceRef { plan_id: PlanId::new(Uuid::from_u128(1)), version: 1, code: "tokens".parse().unwrap() }),
        pricing: Pricing { model, included: included.parse().unwrap(), minimum: "0".parse().unwrap() },
        beyond: Beyond::Charge,
    };
    let subscription_id = SubscriptionId::new(Uuid::from_u128(7));
    let allowances = if cycle.is_some() { vec![terms] } else { Vec::new() };
    let cycle = cycle.map(|(start, end)| Cycle { start: at(start), end: at(end) });
    let to = Some(TurnTo { cycle, carry, allowances });
    Action::Turn { bill: BillRef::Subscription { subscription_id, number: 1 }, close_usage, closed, to }
}

fn january() -> Cycle {
    Cycle { start: at("2026-01-01T00:00:00Z"), end: at(FEBRUARY) }
}

/// Two periods of a subscription: with holds over their border, late usage, credits that go first, and a settlement.
pub async fn fill(ledger: &Ledger) {
    open_customer(ledger, CUSTOMER, Currency::USD, "2026-01-31T23:00:00Z").await;
    let settle =
        Action::SettleUsage { invoice_id: InvoiceId::new(Uuid::from_u128(3)), amount: "0.25".parse().unwrap() };
    for (now, action) in [
        ("2026-01-31T23:10:00Z", turn(false, None, Some(("2026-01-01T00:00:00Z", FEBRUARY)), false, "10")),
        ("2026-01-31T23:11:00Z", place(18_000, "4")),
        ("2026-01-31T23:12:00Z", charge(tokens("8"))),
        ("2026-01-31T23:13:00Z", place(18_001, "3")),
        ("2026-02-01T00:00:01Z", turn(true, Some(january()), Some((FEBRUARY, MARCH)), false, "10")),
        ("2026-02-01T00:01:00Z", capture(18_000, "4")),
        ("2026-02-01T00:01:30Z", capture(18_001, "2")),
        ("2026-02-01T00:02:00Z", late("1", "2026-01-31T23:59:00Z")),
        ("2026-02-01T00:03:00Z", late("1", "2025-12-31T00:00:00Z")),
        ("2026-02-01T00:04:00Z", charge(tokens("2"))),
        ("2026-02-01T00:05:00Z", Action::SetPaymentOrder(vec![Source::Postpaid, Source::Allowance])),
        ("2026-02-01T00:06:00Z", charge(tokens("3"))),
        ("2026-02-01T00:07:00Z", place(18_002, "1")),
        ("2026-02-01T00:08:00Z", turn(false, None, Some((FEBRUARY, MARCH)), true, "20")),
        ("2026-02-01T00:09:00Z", charge(vec![flat("0.5")])),
        ("2026-02-01T00:10:00Z", settle),
    ] {
        act(ledger, CUSTOMER, now, action).await;
    }
}

async fn meter(bench: &Bench) -> QuotaMeter {
    let id = CustomerId::new(Uuid::from_u128(CUSTOMER)).uuid();
    quota::meters(&bench.pool, &[id]).await.unwrap().remove(0)
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriptions_quota_is_shown_with_its_period() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    bench.apply_all(2).await;
    let row = meter(&bench).await;
    assert_eq!((row.period.as_deref(), row.overage.as_deref()), (Some("cycle"), Some("charge")));
    assert_eq!((row.period_start, row.period_end), (Some(at(FEBRUARY)), Some(at(MARCH))));
    assert_eq!(row.subscription_id, Some(Uuid::from_u128(7)));
    // Two were free, three were paid post-paid although there were more; what came late counts elsewhere.
    assert_eq!((row.quota_limit, row.used, row.beside), (Some(decimal("20")), decimal("5"), decimal("3")));
    assert_eq!((row.held, row.remaining()), (Decimal::ZERO, Some(decimal("18"))));
    assert_eq!(row.used_total, decimal("21"));

    let id = CustomerId::new(Uuid::from_u128(CUSTOMER));
    let customer = quota::customers(&bench.pool, organization(), Some(id), None, 1).await.unwrap().remove(0);
    // 2 of 8 while a hold had the rest, 2 captured, 1 and 1 late, then 3: at 0.1 each; and 0.5. Of it 0.25 are settled.
    assert_eq!((customer.charged, customer.postpaid), (decimal("1.4"), decimal("1.15")));
    assert_eq!(customer.held_postpaid, decimal("0.1"));
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);

    let february = Cycle { start: at(FEBRUARY), end: at(MARCH) };
    act(&bench.ledger, CUSTOMER, MARCH, turn(true, Some(february), None, false, "0")).await;
    act(&bench.ledger, CUSTOMER, MARCH, late("1", "2026-02-28T00:00:00Z")).await;
    bench.apply_all(2).await;
    let row = meter(&bench).await;
    assert_eq!((row.quota_limit, row.period, row.period_start, row.subscription_id), (None, None, None, None));
    assert_eq!(
        (row.used, row.held, row.beside, row.used_total),
        (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO, decimal("22"))
    );
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
}
