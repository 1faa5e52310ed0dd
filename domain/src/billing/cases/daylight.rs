//! Clocks that are set forward and back: shares are of the seconds that there were. Where the hours of a month are
//! counted its fee is as many, so that each hour is 1.

use chrono_tz::Tz;

use crate::billing::world::{Offer, World};
use crate::cycle::IntervalUnit;

use super::basic;

/// A plan at `fee`, and from `changed` on one at twice that: what the change came to, and its two lines.
fn doubled(zone: Tz, fee: &str, twice: &str, begun: &str, changed: &str) -> Vec<String> {
    let mut world = World::of("USD", zone, begun);
    let basic = Offer::new("Basic").fee("Base", fee).publish(&mut world);
    let pro = Offer::new("Pro").fee("Base", twice).publish(&mut world);
    world.subscribe(&basic);
    world.on(changed);
    world.change(&pro);
    world.check();
    world.shown()[2..].to_vec()
}

/// Berlin, March 2026: 31 × 24 − 1 = 743 hours, and the last three days 3 × 24 − 1 = 71 of them. −71 + 142.
#[test]
fn berlin_in_spring() {
    assert_eq!(
        doubled(Tz::Europe__Berlin, "743", "1486", "2026-03-01", "2026-03-29"),
        [
            "INV-000002 of 2026-03-29, paid: 71",
            "  proration Base, 2026-03-29 to 2026-04-01: -71",
            "  proration Base, 2026-03-29 to 2026-04-01: 142",
        ]
    );
    // Afterwards the rest has whole days again: 2 × 24.
    assert_eq!(
        doubled(Tz::Europe__Berlin, "743", "1486", "2026-03-01", "2026-03-30"),
        [
            "INV-000002 of 2026-03-30, paid: 48",
            "  proration Base, 2026-03-30 to 2026-04-01: -48",
            "  proration Base, 2026-03-30 to 2026-04-01: 96",
        ]
    );
}

/// October 2026: 31 × 24 + 1 = 745 hours, and the last seven days 7 × 24 + 1 = 169 of them.
#[test]
fn berlin_in_autumn() {
    assert_eq!(
        doubled(Tz::Europe__Berlin, "745", "1490", "2026-10-01", "2026-10-25"),
        [
            "INV-000002 of 2026-10-25, paid: 169",
            "  proration Base, 2026-10-25 to 2026-11-01: -169",
            "  proration Base, 2026-10-25 to 2026-11-01: 338",
        ]
    );
}

/// New York, March 2026: clocks go forward on the 8th. 743 hours, of which 24 days less an hour are left: 575.
#[test]
fn new_york_in_spring() {
    assert_eq!(
        doubled(Tz::America__New_York, "743", "1486", "2026-03-01", "2026-03-08"),
        [
            "INV-000002 of 2026-03-08, paid: 575",
            "  proration Base, 2026-03-08 to 2026-04-01: -575",
            "  proration Base, 2026-03-08 to 2026-04-01: 1150",
        ]
    );
}

/// November 2026: clocks go back on the 1st. 30 × 24 + 1 = 721 hours, and from noon of the 1st on, when that is over,
/// 29.5 × 24 = 708 are left: 13 have gone by.
#[test]
fn new_york_in_autumn() {
    assert_eq!(
        doubled(Tz::America__New_York, "721", "1442", "2026-11-01", "2026-11-01 12:00"),
        [
            "INV-000002 of 2026-11-01 12:00, paid: 708",
            "  proration Base, 2026-11-01 12:00 to 2026-12-01: -708",
            "  proration Base, 2026-11-01 12:00 to 2026-12-01: 1416",
        ]
    );
}

/// On Lord Howe clocks go by half an hour. April 2026, back on the 5th: 30 × 24 + 0.5 = 720.5 hours, 26 × 24 + 0.5 =
/// 624.5 are left. October, forward on the 4th: 31 × 24 − 0.5 = 743.5 hours, 28 × 24 − 0.5 = 671.5 are left.
#[test]
fn lord_howe_by_half_an_hour() {
    assert_eq!(
        doubled(Tz::Australia__Lord_Howe, "720.5", "1441", "2026-04-01", "2026-04-05"),
        [
            "INV-000002 of 2026-04-05, paid: 624.5",
            "  proration Base, 2026-04-05 to 2026-05-01: -624.5",
            "  proration Base, 2026-04-05 to 2026-05-01: 1249",
        ]
    );
    assert_eq!(
        doubled(Tz::Australia__Lord_Howe, "743.5", "1487", "2026-10-01", "2026-10-04"),
        [
            "INV-000002 of 2026-10-04, paid: 671.5",
            "  proration Base, 2026-10-04 to 2026-11-01: -671.5",
            "  proration Base, 2026-10-04 to 2026-11-01: 1343",
        ]
    );
}

/// Days of 23 and of 25 hours: at noon 12 of 23, and 12 of 25, are left. A day's fee is the same for each.
#[test]
fn days_of_23_and_of_25_hours() {
    let shown = |fee: &str, twice: &str, begun: &str, changed: &str, to: &str| {
        let mut world = World::of("USD", Tz::Europe__Berlin, begun);
        let basic = Offer::new("Basic").every(1, IntervalUnit::Day).fee("Base", fee).publish(&mut world);
        let pro = Offer::new("Pro").every(1, IntervalUnit::Day).fee("Base", twice).publish(&mut world);
        world.subscribe(&basic);
        world.on(changed);
        world.change(&pro);
        world.on(to);
        world.check();
        world.shown()
    };
    assert_eq!(
        shown("23", "46", "2026-03-28", "2026-03-29 12:00", "2026-03-30"),
        [
            "INV-000001 of 2026-03-28, paid: 23",
            "  fee Base, 2026-03-28 to 2026-03-29: 23",
            "INV-000002 of 2026-03-29, paid: 23",
            "  fee Base, 2026-03-29 to 2026-03-30: 23",
            "INV-000003 of 2026-03-29 12:00, paid: 12",
            "  proration Base, 2026-03-29 12:00 to 2026-03-30: -12",
            "  proration Base, 2026-03-29 12:00 to 2026-03-30: 24",
            "INV-000004 of 2026-03-30, paid: 46",
            "  fee Base, 2026-03-30 to 2026-03-31: 46",
        ]
    );
    assert_eq!(
        shown("25", "50", "2026-10-25", "2026-10-25 12:00", "2026-10-26"),
        [
            "INV-000001 of 2026-10-25, paid: 25",
            "  fee Base, 2026-10-25 to 2026-10-26: 25",
            "INV-000002 of 2026-10-25 12:00, paid: 12",
            "  proration Base, 2026-10-25 12:00 to 2026-10-26: -12",
            "  proration Base, 2026-10-25 12:00 to 2026-10-26: 24",
            "INV-000003 of 2026-10-26, paid: 50",
            "  fee Base, 2026-10-26 to 2026-10-27: 50",
        ]
    );
}

/// When the dates of a plan's invoices are, in UTC.
fn moments(zone: Tz, begun: &str, to: &str) -> Vec<String> {
    let mut world = World::of("USD", zone, begun);
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on(to);
    world.check();
    world.moments()
}

/// In India it is 05:30 when it is midnight in UTC: a month there begins at 18:30 of the day before.
#[test]
fn half_an_hour_off() {
    let months = ["2025-12-31T18:30Z", "2026-01-31T18:30Z", "2026-02-28T18:30Z"];
    assert_eq!(moments(Tz::Asia__Kolkata, "2026-01-01", "2026-03-01"), months);
}

/// Midnight in Berlin is 23:00 in winter and 22:00 in summer.
#[test]
fn midnight_is_midnight_in_summer_too() {
    let months = ["2026-02-28T23:00Z", "2026-03-31T22:00Z", "2026-04-30T22:00Z"];
    assert_eq!(moments(Tz::Europe__Berlin, "2026-03-01", "2026-05-01"), months);
}

/// 02:30 is there each day but on 29 March, when 02:00 is 03:00 in Berlin: then it is the first moment after that,
/// 01:00 in UTC. Afterwards it is 02:30 again.
#[test]
fn a_time_of_day_that_is_skipped() {
    let months = ["2026-01-29T01:30Z", "2026-02-28T01:30Z", "2026-03-29T01:00Z", "2026-04-29T00:30Z"];
    assert_eq!(moments(Tz::Europe__Berlin, "2026-01-29 02:30", "2026-05-01"), months);
}

/// On 25 October 02:30 is there twice: the earlier one counts, 00:30 in UTC.
#[test]
fn a_time_of_day_that_comes_twice() {
    let months = ["2026-09-25T00:30Z", "2026-10-25T00:30Z", "2026-11-25T01:30Z"];
    assert_eq!(moments(Tz::Europe__Berlin, "2026-09-25 02:30", "2026-12-01"), months);
}

/// 14 days from 20 March, 10:00, are over on 3 April at 10:00, by the wall clock: 13 days and 23 hours later.
#[test]
fn a_trial_ends_at_the_time_of_day_at_which_it_began() {
    let mut world = World::of("USD", Tz::Europe__Berlin, "2026-03-20 10:00");
    let plan = basic().trial(14).publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-04-03 10:00");
    world.expect(&["INV-000001 of 2026-04-03 10:00, paid: 30", "  fee Base, 2026-04-03 10:00 to 2026-05-03 10:00: 30"]);
    assert_eq!(world.moments(), ["2026-04-03T08:00Z"]);
}
