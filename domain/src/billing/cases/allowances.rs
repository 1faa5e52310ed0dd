//! What is included, what happens beyond it, and what pays in which order.

use crate::account::{AccountError, Source};
use crate::billing::world::{World, amount, per_unit};
use crate::plan::Entitlement;
use crate::price::Beyond;
use crate::subscription::When;

use super::basic;

/// Two keys of a customer, one allowance of 1,000: of 600 + 600 calls 200 are beyond it, 200 × 0.01 = 2. In February it
/// is there anew.
#[test]
fn two_keys_share_what_is_included() {
    let mut world = World::new("2026-01-01");
    let plan = basic().usage("calls", per_unit("0.01")).including("1000").publish(&mut world);
    world.subscribe(&plan);
    let keys = ["api_key:key_00000000000000000000000002", "gateway_key:gky_00000000000000000000000003"];
    world.on("2026-01-10");
    for key in keys {
        world.actor = key.to_owned();
        world.charge("calls", "600");
    }
    world.on("2026-02-10");
    world.charge("calls", "1000");
    world.on("2026-03-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 32",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×1200 (1000 included), 2026-01-01 to 2026-02-01: 2",
        "INV-000003 of 2026-03-01, paid: 30",
        "  fee Base, 2026-03-01 to 2026-04-01: 30",
        "  usage calls ×1000 (1000 included), 2026-02-01 to 2026-03-01: 0",
    ]);
}

/// Beyond 1,000 calls are refused: 900, then not 200, but 100, then not one more. In February there are 1,000 again.
#[test]
fn beyond_is_refused() {
    let mut world = World::new("2026-01-01");
    let plan = basic().usage("calls", per_unit("0.01")).including("1000").beyond(Beyond::Block).publish(&mut world);
    world.subscribe(&plan);
    world.charge("calls", "900");
    match world.try_charge("calls", "200", None) {
        Err(AccountError::QuotaExceeded { remaining, resets_at, .. }) => {
            assert_eq!((remaining, resets_at), ("100".parse().unwrap(), Some(world.local("2026-02-01"))));
        }
        other => panic!("{other:?}"),
    }
    world.charge("calls", "100");
    assert!(matches!(world.try_charge("calls", "1", None), Err(AccountError::QuotaExceeded { .. })));
    world.on("2026-02-01");
    world.charge("calls", "1000");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×1000 (1000 included), 2026-01-01 to 2026-02-01: 0",
    ]);
}

/// A metered feature without a price blocks beyond its limit of 10. When the subscription has ended the plan has no say
/// any more, and an export costs the meter's own 0.50: 2 are 1, on an invoice that somebody writes.
#[test]
fn a_feature_without_a_price() {
    let mut world = World::new("2026-01-01");
    world.meter("exports", "0.50");
    let exports = Entitlement::Metered { meter: "exports".parse().unwrap(), limit: Some("10".parse().unwrap()) };
    let plan =
        basic().terms(|terms| drop(terms.features.insert("exports".parse().unwrap(), exports))).publish(&mut world);
    world.subscribe(&plan);
    world.charge("exports", "10");
    assert!(matches!(world.try_charge("exports", "1", None), Err(AccountError::QuotaExceeded { .. })));
    world.cancel(When::PeriodEnd, false);
    world.on("2026-02-01");
    world.charge("exports", "2");
    world.invoice_usage(Vec::new());
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 1",
        "  usage exports ×2: 1",
    ]);
}

/// Beyond 1,000 only credits pay, and there are 5: of 1,300 calls 300 × 0.01 = 3. Then 2 are left, which is too little
/// for 300 more, and enough for 200. Post-paid there is nothing.
#[test]
fn beyond_only_credits_pay() {
    let mut world = World::new("2026-01-01");
    let plan = basic().usage("calls", per_unit("0.01")).including("1000").beyond(Beyond::Credits).publish(&mut world);
    world.subscribe(&plan);
    world.grant("5");
    world.charge("calls", "1300");
    match world.try_charge("calls", "300", None) {
        Err(AccountError::InsufficientFunds { amount: wanted, available, .. }) => {
            assert_eq!((wanted, available), (amount("3"), amount("2")));
        }
        other => panic!("{other:?}"),
    }
    world.charge("calls", "200");
    assert_eq!(world.balances(), ("0".to_owned(), "0".to_owned()));
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×1500 (1000 included, 5 by credits), 2026-01-01 to 2026-02-01: 0",
    ]);
}

/// Credits first, and there are 4. 300 calls would be 3: credits pay all of it, and none of the 1,000 is used. 200
/// would be 2, and 1 is left: so they are free. 900: 800 are free, 100 × 0.01 = 1 is the last of the credits. 100 more
/// are 1, post-paid. In all 1,500 calls, 1,000 free, 5 to be paid.
#[test]
fn credits_before_the_allowance() {
    let mut world = World::new("2026-01-01");
    let plan = basic().usage("calls", per_unit("0.01")).including("1000").publish(&mut world);
    world.subscribe(&plan);
    world.order(&[Source::Credits, Source::Allowance, Source::Postpaid]);
    world.grant("4");
    let left = |(credits, postpaid): (&str, &str)| (credits.to_owned(), postpaid.to_owned());
    for (quantity, after) in [("300", ("1", "0")), ("200", ("1", "0")), ("900", ("0", "0")), ("100", ("0", "1"))] {
        world.charge("calls", quantity);
        assert_eq!(world.balances(), left(after), "{quantity}");
    }
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 31",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×1500 (1000 included, 4 by credits), 2026-01-01 to 2026-02-01: 1",
    ]);
}

/// Post-paid room before credits, and there are 2 of it: of 300 × 0.01 = 3 it pays 2, and credits pay 1.
#[test]
fn postpaid_before_credits() {
    let mut world = World::new("2026-01-01");
    let plan = basic().usage("calls", per_unit("0.01")).including("1000").publish(&mut world);
    world.subscribe(&plan);
    world.limit("2");
    world.order(&[Source::Allowance, Source::Postpaid, Source::Credits]);
    world.grant("5");
    world.charge("calls", "1300");
    assert_eq!(world.balances(), ("4".to_owned(), "2".to_owned()));
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 32",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×1300 (1000 included, 1 by credits), 2026-01-01 to 2026-02-01: 2",
    ]);
    assert_eq!(world.balances(), ("4".to_owned(), "0".to_owned()));
}

/// What is left out pays nothing: without the allowance 100 calls are 100 × 0.01 = 1. With it again, the 1,000 are
/// still there, and the next 1,000 calls are free.
#[test]
fn an_allowance_that_is_left_out() {
    let mut world = World::new("2026-01-01");
    let plan = basic().usage("calls", per_unit("0.01")).including("1000").publish(&mut world);
    world.subscribe(&plan);
    world.order(&[Source::Postpaid]);
    world.charge("calls", "100");
    assert_eq!(world.balances().1, "1");
    world.order(&[Source::Allowance, Source::Postpaid]);
    world.charge("calls", "1000");
    assert_eq!(world.balances().1, "1");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 31",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×1100 (1000 included), 2026-01-01 to 2026-02-01: 1",
    ]);
}
