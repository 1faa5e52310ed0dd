//! Borders by example, and what holds for any calendar over 50 years.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

const ZONES: [Tz; 9] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::America__Sao_Paulo,
    Tz::Asia__Shanghai,
    Tz::Pacific__Apia,
    Tz::Pacific__Kwajalein,
    Tz::America__St_Johns,
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn every(count: u32, unit: IntervalUnit) -> Interval {
    Interval::new(unit, count).unwrap()
}

fn calendar(time_zone: Tz, unit: IntervalUnit, count: u32, anchor: &str) -> Calendar {
    Calendar { interval: every(count, unit), anchor: at(anchor), time_zone }
}

/// The borders from the n-th on.
#[track_caller]
fn assert_borders(calendar: Calendar, from: i64, expected: &[&str]) {
    for (n, border) in (from..).zip(expected) {
        assert_eq!(calendar.border(n), at(border), "border {n} of {calendar:?}");
    }
}

fn cycle(start: &str, end: &str) -> Cycle {
    Cycle { start: at(start), end: at(end) }
}

#[test]
fn days_that_a_month_does_not_have_come_back() {
    use IntervalUnit::{Month, Year};
    let last = calendar(Tz::UTC, Month, 1, "2026-01-31T08:00:00Z");
    let borders = ["2025-12-31T08:00:00Z", "2026-01-31T08:00:00Z", "2026-02-28T08:00:00Z", "2026-03-31T08:00:00Z"];
    assert_borders(last, -1, &borders);
    assert_borders(last, 3, &["2026-04-30T08:00:00Z", "2026-05-31T08:00:00Z"]);
    let twenty_ninth = calendar(Tz::UTC, Month, 1, "2026-01-29T08:00:00Z");
    assert_borders(twenty_ninth, 1, &["2026-02-28T08:00:00Z", "2026-03-29T08:00:00Z"]);
    let thirtieth = calendar(Tz::UTC, Month, 1, "2027-10-30T08:00:00Z");
    assert_borders(thirtieth, 3, &["2028-01-30T08:00:00Z", "2028-02-29T08:00:00Z", "2028-03-30T08:00:00Z"]);
    let leap_day = calendar(Tz::UTC, Year, 1, "2024-02-29T00:00:00Z");
    let borders = ["2023-02-28T00:00:00Z", "2024-02-29T00:00:00Z", "2025-02-28T00:00:00Z", "2026-02-28T00:00:00Z"];
    assert_borders(leap_day, -1, &borders);
    assert_borders(leap_day, 3, &["2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z"]);
    let quarters = calendar(Tz::UTC, Month, 3, "2025-11-30T00:00:00Z");
    assert_borders(quarters, 1, &["2026-02-28T00:00:00Z", "2026-05-30T00:00:00Z", "2026-08-30T00:00:00Z"]);
    // The local day counts: 16:00 UTC on the 30th is the 31st in Shanghai.
    let shanghai = calendar(Tz::Asia__Shanghai, Month, 1, "2026-01-30T16:00:00Z");
    assert_borders(shanghai, 1, &["2026-02-27T16:00:00Z", "2026-03-30T16:00:00Z", "2026-04-29T16:00:00Z"]);
}

#[test]
fn a_time_that_does_not_exist_is_the_first_moment_after_the_gap() {
    use IntervalUnit::{Day, Month, Week};
    // 02:30, skipped on 29 March: 03:00 summer time. The day after it is 02:30 again.
    let berlin = calendar(Tz::Europe__Berlin, Day, 1, "2026-03-28T01:30:00Z");
    assert_borders(berlin, 1, &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    let new_york = calendar(Tz::America__New_York, Week, 1, "2026-03-01T07:30:00Z");
    assert_borders(new_york, 1, &["2026-03-08T07:00:00Z", "2026-03-15T06:30:00Z"]);
    // Half an hour only: 02:15 becomes 02:30.
    let lord_howe = calendar(Tz::Australia__Lord_Howe, Day, 1, "2026-10-02T15:45:00Z");
    assert_borders(lord_howe, 1, &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]);
    // Midnight itself was skipped.
    let sao_paulo = calendar(Tz::America__Sao_Paulo, Day, 1, "2017-10-14T03:00:00Z");
    assert_borders(sao_paulo, 1, &["2017-10-15T03:00:00Z", "2017-10-16T02:00:00Z"]);
    // A whole day was: 30 December 2011 did not exist in Apia.
    let apia = calendar(Tz::Pacific__Apia, Month, 1, "2011-11-30T19:00:00Z");
    assert_borders(apia, 1, &["2011-12-30T10:00:00Z", "2012-01-29T19:00:00Z"]);
}

#[test]
fn a_time_that_comes_twice_is_the_earlier() {
    use IntervalUnit::{Day, Month};
    let berlin = calendar(Tz::Europe__Berlin, Day, 1, "2026-10-24T00:30:00Z");
    assert_borders(berlin, 1, &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    let new_york = calendar(Tz::America__New_York, Month, 1, "2026-10-01T05:30:00Z");
    assert_borders(new_york, 1, &["2026-11-01T05:30:00Z", "2026-12-01T06:30:00Z"]);
    let lord_howe = calendar(Tz::Australia__Lord_Howe, Day, 1, "2026-04-03T14:45:00Z");
    assert_borders(lord_howe, 1, &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]);
    let sao_paulo = calendar(Tz::America__Sao_Paulo, Day, 1, "2018-02-17T01:30:00Z");
    assert_borders(sao_paulo, 1, &["2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"]);
}

#[test]
fn an_anchor_may_be_the_later_of_two() {
    // 02:30 for the second time, on 25 October.
    let start = at("2026-10-25T01:30:00Z");
    let monthly = every(1, IntervalUnit::Month);
    let (calendar, first) = Calendar::first(start, monthly, Anchoring::Anniversary, Tz::Europe__Berlin);
    assert_eq!(first, cycle("2026-10-25T01:30:00Z", "2026-11-25T01:30:00Z"));
    assert_eq!(calendar.cycle_at(start), first);
    assert_eq!(calendar.cycle_at(start - TimeDelta::seconds(1)).end, start);
}

#[test]
fn summer_time_moves_the_borders_of_months_by_an_hour_in_utc() {
    let nine = calendar(Tz::Europe__Berlin, IntervalUnit::Month, 1, "2026-02-15T08:00:00Z");
    assert_borders(nine, 1, &["2026-03-15T08:00:00Z", "2026-04-15T07:00:00Z"]);
    let march = nine.cycle_at(at("2026-03-20T00:00:00Z"));
    assert_eq!(march.secs(), 31 * 86_400 - 3_600);
    // China had summer time until 1991, Brazil until 2019.
    let shanghai = calendar(Tz::Asia__Shanghai, IntervalUnit::Month, 1, "1991-08-14T15:00:00Z");
    assert_borders(shanghai, 1, &["1991-09-14T15:00:00Z", "1991-10-14T16:00:00Z"]);
    let sao_paulo = calendar(Tz::America__Sao_Paulo, IntervalUnit::Month, 1, "2019-01-15T02:00:00Z");
    assert_borders(sao_paulo, 1, &["2019-02-15T02:00:00Z"]);
    assert_borders(sao_paulo, 10, &["2019-11-15T03:00:00Z"]);
}

#[test]
fn a_day_that_is_skipped_is_no_period() {
    let midnights = calendar(Tz::Pacific__Apia, IntervalUnit::Day, 1, "2011-12-28T10:00:00Z");
    assert_eq!(midnights.border(2), midnights.border(3), "the 30th begins and ends at once");
    let twenty_ninth = cycle("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z");
    assert_eq!(midnights.cycle_at(at("2011-12-30T09:59:59Z")), twenty_ninth);
    assert_eq!(midnights.next(twenty_ninth), cycle("2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"));
    // From nine to nine the skipped day leaves a short one: from the midnight after the gap to nine.
    let nine = calendar(Tz::Pacific__Apia, IntervalUnit::Day, 1, "2011-12-28T19:00:00Z");
    assert_eq!(nine.cycle_at(at("2011-12-30T12:00:00Z")), cycle("2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"));
}

#[test]
fn calendar_periods_begin_with_their_unit() {
    use IntervalUnit::{Day, Month, Week, Year};
    let start = at("2026-03-25T12:00:00Z");
    let first = |interval, zone| Calendar::first(start, interval, Anchoring::Calendar, zone).1;
    let until = |end| cycle("2026-03-25T12:00:00Z", end);
    assert_eq!(first(every(1, Day), Tz::Europe__Berlin), until("2026-03-25T23:00:00Z"));
    assert_eq!(first(every(1, Week), Tz::Europe__Berlin), until("2026-03-29T22:00:00Z"));
    assert_eq!(first(every(1, Month), Tz::Europe__Berlin), until("2026-03-31T22:00:00Z"));
    assert_eq!(first(every(1, Year), Tz::Europe__Berlin), until("2026-12-31T23:00:00Z"));
    assert_eq!(first(every(1, Month), Tz::Asia__Shanghai), until("2026-03-31T16:00:00Z"));
    // Counted from the unit in which it began: March and two more months.
    assert_eq!(first(every(3, Month), Tz::UTC), until("2026-06-01T00:00:00Z"));
    let (calendar, first) = Calendar::first(start, every(1, Month), Anchoring::Calendar, Tz::Europe__Berlin);
    assert_eq!(calendar.next(first), cycle("2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"));
    assert_eq!(calendar.cycle_at(start), cycle("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"), "the whole of it");
}

#[test]
fn calendar_periods_are_counted_from_a_midnight_that_exists() {
    // Brazil's summer time began at midnight: the 15th began at one, the days after it at midnight all the same.
    let daily = every(1, IntervalUnit::Day);
    let start = at("2017-10-15T14:00:00Z");
    let (calendar, first) = Calendar::first(start, daily, Anchoring::Calendar, Tz::America__Sao_Paulo);
    assert_eq!(first, cycle("2017-10-15T14:00:00Z", "2017-10-16T02:00:00Z"));
    assert_eq!(calendar.cycle_at(start), cycle("2017-10-15T03:00:00Z", "2017-10-16T02:00:00Z"));
}

#[test]
fn the_first_period_ends_at_the_first_border_after_it() {
    let start = at("2026-03-10T12:00:00Z");
    let monthly = every(1, IntervalUnit::Month);
    let first = |anchor: &str| Calendar::first(start, monthly, Anchoring::At(at(anchor)), Tz::UTC).1;
    // An anchor that is over, one that is to come, one far off, and the start itself.
    assert_eq!(first("2026-01-31T00:00:00Z"), cycle("2026-03-10T12:00:00Z", "2026-03-31T00:00:00Z"));
    assert_eq!(first("2026-03-15T00:00:00Z"), cycle("2026-03-10T12:00:00Z", "2026-03-15T00:00:00Z"));
    assert_eq!(first("2030-07-20T00:00:00Z"), cycle("2026-03-10T12:00:00Z", "2026-03-20T00:00:00Z"));
    assert_eq!(first("2026-03-10T12:00:00Z"), cycle("2026-03-10T12:00:00Z", "2026-04-10T12:00:00Z"));
}

#[test]
fn counts_have_limits_and_what_no_calendar_shows_is_its_end() {
    for count in [0, COUNT_MAX + 1, u32::MAX] {
        assert_eq!(Interval::new(IntervalUnit::Day, count), Err(InvalidInterval));
    }
    assert_eq!(Interval::new(IntervalUnit::Year, COUNT_MAX).map(|interval| interval.count), Ok(COUNT_MAX));
    let yearly = calendar(Tz::UTC, IntervalUnit::Year, COUNT_MAX, "2026-01-01T00:00:00Z");
    assert_eq!(yearly.border(i64::MAX), DateTime::<Utc>::MAX_UTC);
    assert_eq!(yearly.border(i64::MIN), DateTime::<Utc>::MIN_UTC);
    assert_eq!(yearly.border(1), at("2146-01-01T00:00:00Z"));
}

#[test]
fn lengths_are_full_seconds() {
    assert_eq!(cycle("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:02.4Z").secs(), 1);
    assert_eq!(cycle("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z").secs(), 0);
    let day = cycle("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert!(day.contains(day.start) && !day.contains(day.end));
}

fn any_interval() -> impl Strategy<Value = Interval> {
    let unit = prop_oneof![
        Just(IntervalUnit::Day),
        Just(IntervalUnit::Week),
        Just(IntervalUnit::Month),
        Just(IntervalUnit::Year)
    ];
    (unit, 1u32..14).prop_map(|(unit, count)| every(count, unit))
}

/// Any moment from 1985 to 2035, most of them at a full quarter of an hour, when clocks are changed.
fn any_moment() -> impl Strategy<Value = Timestamp> {
    let secs = 473_385_600i64..2_051_222_400;
    prop_oneof![
        3 => secs.clone().prop_map(|secs| secs - secs % 900),
        1 => secs,
    ]
    .prop_map(|secs| DateTime::<Utc>::from_timestamp(secs, 0).unwrap())
}

/// Where a period begins is where the anchor's day and time of day are, or the first moment after a gap.
fn assert_on_the_wall_clock(calendar: &Calendar, border: Timestamp) {
    let anchor = calendar.anchor.with_timezone(&calendar.time_zone).naive_local();
    let local = border.with_timezone(&calendar.time_zone).naive_local();
    let second_before = (border - TimeDelta::seconds(1)).with_timezone(&calendar.time_zone).naive_local();
    let after_gap = local - second_before > TimeDelta::seconds(1);
    assert!(local.time() == anchor.time() || after_gap, "{border} of {calendar:?}");
    if matches!(calendar.interval.unit, IntervalUnit::Month | IntervalUnit::Year) && !after_gap {
        let next_day = local.date() + Days::new(1);
        let is_last = next_day.day() == 1;
        assert!(local.day() == anchor.day() || (is_last && local.day() < anchor.day()), "{border} of {calendar:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn periods_touch_without_gap_or_overlap_for_fifty_years(
        zone in prop::sample::select(ZONES.to_vec()),
        interval in any_interval(),
        anchor in any_moment(),
    ) {
        let calendar = Calendar { interval, anchor, time_zone: zone };
        let mut cycle = calendar.cycle_at(at("1985-01-01T00:00:00Z"));
        let end = at("2035-01-01T00:00:00Z");
        while cycle.end < end {
            let next = calendar.next(cycle);
            prop_assert_eq!(next.start, cycle.end);
            prop_assert!(next.start < next.end, "{next:?} of {calendar:?}");
            prop_assert_eq!(calendar.cycle_at(next.start), next);
            prop_assert_eq!(calendar.cycle_at(next.end - TimeDelta::microseconds(1)), next);
            if next.start != anchor {
                assert_on_the_wall_clock(&calendar, next.start);
            }
            cycle = next;
        }
    }

    #[test]
    fn every_moment_lies_in_one_period(
        zone in prop::sample::select(ZONES.to_vec()),
        interval in any_interval(),
        anchor in any_moment(),
        moment in any_moment(),
    ) {
        let calendar = Calendar { interval, anchor, time_zone: zone };
        let cycle = calendar.cycle_at(moment);
        prop_assert!(cycle.contains(moment), "{cycle:?} does not hold {moment}");
        prop_assert_eq!(calendar.cycle_from(moment), Cycle { start: moment, end: cycle.end });
    }

    #[test]
    fn borders_never_go_back(
        zone in prop::sample::select(ZONES.to_vec()),
        interval in any_interval(),
        anchor in any_moment(),
        n in -500i64..500,
    ) {
        let calendar = Calendar { interval, anchor, time_zone: zone };
        prop_assert!(calendar.border(n) <= calendar.border(n + 1));
    }

    #[test]
    fn calendar_periods_begin_at_midnight(
        zone in prop::sample::select(ZONES.to_vec()),
        interval in any_interval(),
        start in any_moment(),
    ) {
        let (calendar, first) = Calendar::first(start, interval, Anchoring::Calendar, zone);
        let anchor = calendar.anchor.with_timezone(&zone).naive_local();
        prop_assert_eq!(anchor.time(), NaiveTime::MIN);
        prop_assert_eq!(first.start, start);
        prop_assert!(calendar.cycle_at(start).start <= start && start < first.end);
    }
}
