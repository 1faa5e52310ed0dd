//! Years: however time passes, the same comes of it, and the log says all of it.

use chrono_tz::Tz;

use crate::billing::world::{Offer, World, amount, flat, graduated, per_unit, seats, volume};
use crate::cycle::{Anchoring, IntervalUnit};
use crate::ids::CustomerId;
use crate::subscription::Action;

use super::{basic, metered};

/// The first of 24 months, and of the month after them.
const BEGUN: &str = "2026-01-31 10:30";
const ENDED: &str = "2028-01-31 10:30";

/// Three customers in Berlin: one from month's end to month's end, with a fee in arrears and a minimum; one from the
/// first of each month on, with seats, after a trial; one with two subscriptions, of a year and of two weeks. There is
/// usage at first.
fn begun() -> (World, Vec<CustomerId>) {
    let mut world = World::of("EUR", Tz::Europe__Berlin, BEGUN);
    world.seller("DE");
    world.rate("VAT", "DE", "19", |_| {});
    let tiers = &[("100", "1", "0"), ("1000", "0.5", "10"), ("", "0.1", "20")];
    let months =
        basic().arrears("Support", "19.99").usage("calls", graduated(tiers)).at_least("50").publish(&mut world);
    let team = Offer::new("Team").seats("Seat", per_unit("7.77")).once("Setup", "99").trial(14);
    let team = team.usage("calls", volume(tiers)).publish(&mut world);
    let year = Offer::new("Annual").every(1, IntervalUnit::Year).fee("Base", "333").usage("calls", flat("0.1"));
    let year = year.publish(&mut world);
    let weeks = Offer::new("Fortnight").every(2, IntervalUnit::Week).fee("Base", "13.13").grace(5).publish(&mut world);
    let mut customers = vec![world.customer_id];
    world.buyer("DE");
    world.subscribe(&months);
    world.charge("calls", "70");
    world.new_customer();
    customers.push(world.customer_id);
    world.subscribe_as(&team, |create| {
        create.anchoring = Anchoring::Calendar;
        create.quantity = seats(3);
    });
    world.charge("calls", "100");
    world.charge("calls", "1");
    world.new_customer();
    customers.push(world.customer_id);
    world.subscribe(&year);
    world.charge("calls", "5");
    world.subscribe(&weeks);
    (world, customers)
}

/// All invoices of all of them.
fn all(world: &mut World, customers: &[CustomerId]) -> Vec<String> {
    world.check();
    let mut shown = Vec::new();
    for id in customers {
        world.customer_id = *id;
        shown.extend(world.shown());
    }
    shown
}

/// The first day of each month until the end.
fn firsts() -> Vec<String> {
    let months = (2026..2028).flat_map(|year| (1..=12).map(move |month| format!("{year}-{month:02}-01")));
    months.skip(1).chain([ENDED.to_owned()]).collect()
}

/// 24 months in one go, and month by month: the logs are the same, event by event. And when nobody tells the time for
/// 24 months, so that everything comes at once afterwards, the invoices are, with their dates, lines, totals and
/// numbers.
#[test]
fn two_years_at_once_or_month_by_month() {
    let (mut once, customers) = begun();
    once.on(ENDED);
    let (mut by_month, _) = begun();
    for date in firsts() {
        by_month.on(&date);
    }
    let (mut asleep, _) = begun();
    asleep.awake_at(asleep.local(ENDED));
    let expected = all(&mut once, &customers);
    assert_eq!(all(&mut by_month, &customers), expected);
    assert_eq!(all(&mut asleep, &customers), expected);
    assert!(by_month.log() == once.log());

    // From month's end to month's end: the first invoice and 24 more. After the trial: on 14 February, on 1 March 2026,
    // and on 22 more firsts up to 1 January 2028. By years 3; by fortnights, as 730 days are 52 × 14 + 2, the first and
    // 52 more.
    let count = |world: &mut World, n: usize| {
        world.customer_id = customers[n];
        world.dates().len()
    };
    assert_eq!(count(&mut once, 0), 25);
    assert_eq!(count(&mut once, 1), 24);
    assert_eq!(count(&mut once, 2), 3 + 53);
}

/// Whatever happened is looked at again, as after a crash, and nothing comes of it.
#[test]
fn nothing_is_done_twice() {
    let (mut world, customers) = begun();
    world.on("2026-06-15");
    world.subscription(Action::SetAutoRenew(false)).unwrap();
    world.on("2026-12-31");
    world.credit("INV-000001", &[], true).unwrap();
    let before = all(&mut world, &customers);
    world.look_again();
    assert_eq!(all(&mut world, &customers), before);
}

/// The invoice that is shown in advance is the one that comes, if nothing happens until then: 30 for the base, and 120
/// calls at 0.05, 6.
#[test]
fn the_preview_is_what_comes() {
    let mut world = World::new("2026-01-01");
    world.rate("VAT", "DE", "19", |_| {});
    world.buyer("DE");
    let plan = metered().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-10");
    world.charge("calls", "220");
    let preview = world.preview();
    assert_eq!(
        preview,
        [
            "  fee Base, 2026-02-01 to 2026-03-01: 30",
            "  usage calls ×220 (100 included), 2026-01-01 to 2026-02-01: 6",
            "  VAT 19% on 36: 6.84",
        ]
    );
    world.on("2026-02-01");
    assert_eq!(world.shown()[4..], preview);
    world.check();
}

/// Three years of months by hand: 36 × 30 = 1,080, and 19 % of each, 5.70, are 205.20. Nothing is owed at the end.
#[test]
fn three_years_are_paid() {
    let mut world = World::new("2026-01-01");
    world.rate("VAT", "DE", "19", |_| {});
    world.buyer("DE");
    world.pays_by_itself();
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2028-12-31");
    assert_eq!(world.finalized().len(), 36);
    let due = world.finalized().into_iter().fold(amount("0"), |sum, invoice| sum.plus(invoice.unpaid()));
    assert_eq!(due, amount("1285.2"));
    world.pay_all();
    assert!(world.finalized().into_iter().all(|invoice| invoice.unpaid().is_zero()));
}
