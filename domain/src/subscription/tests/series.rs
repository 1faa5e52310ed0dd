//! Any series of commands and jumps of time: what must hold after each event, and that it makes no difference how time
//! passes.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

/// How often each moment is covered, as the changes of that number.
type Cover = BTreeMap<Timestamp, i64>;

fn add(cover: &mut Cover, part: Cycle, times: i64) {
    if part.start < part.end {
        *cover.entry(part.start).or_default() += times;
        *cover.entry(part.end).or_default() -= times;
    }
}

fn steps_of(cover: &Cover) -> Vec<(Timestamp, i64)> {
    cover.iter().map(|(at, step)| (*at, *step)).filter(|(_, step)| *step != 0).collect()
}

/// What fees have been charged for, and what they should have been charged for.
#[derive(Default)]
struct Charged {
    advance: Cover,
    advance_expected: Cover,
    arrears: Cover,
    arrears_expected: Cover,
}

impl Charged {
    fn take_in(&mut self, before: &Subscription, event: &SubscriptionEvent) {
        let Some(bill) = event.bill() else { return };
        for line in &bill.lines {
            let (Some(price), Some(part)) = (&line.price, line.period) else { continue };
            let times = if line.rated.exact.is_negative() { -1 } else { 1 };
            match price.code.as_str() {
                "base" => add(&mut self.advance, part, times),
                "support" => add(&mut self.arrears, part, times),
                _ => {}
            }
        }
        let paid_for = before.life.as_deref().filter(|life| life.fees.is_some());
        if let (Some(closed), Some(period)) = (bill.closed, paid_for.and_then(|life| life.period)) {
            add(&mut self.arrears_expected, closed, 1);
            if bill.lines.iter().any(|line| line.rated.exact.is_negative()) {
                add(&mut self.advance_expected, Cycle { start: closed.end, end: period.end }, -1);
            }
        }
        let begins = bill.turn.as_ref().filter(|turn| !turn.carry && event.after().status != Status::Trialing);
        if let Some(period) = begins.and_then(|turn| turn.cycle) {
            add(&mut self.advance_expected, period, 1);
        }
    }

    /// Each moment of each period was charged for, and none twice.
    fn check(&self, life: &Life) {
        assert_eq!(steps_of(&self.advance), steps_of(&self.advance_expected));
        let mut arrears_expected = self.arrears_expected.clone();
        if let (Some(period), Some(basis)) = (life.period, &life.fees) {
            // Of the open one what was charged with its changes.
            add(&mut arrears_expected, Cycle { start: period.start, end: basis.since.min(period.end) }, 1);
        }
        assert_eq!(steps_of(&self.arrears), steps_of(&arrears_expected));
        for cover in [&self.advance, &self.arrears] {
            let mut times = 0;
            for (at, step) in cover {
                times += step;
                assert!((0..=1).contains(&times), "{times} times charged from {at} on");
            }
        }
    }
}

struct Series {
    given: Given,
    now: Timestamp,
    charged: Charged,
}

impl Series {
    fn begun(create: Create) -> Self {
        let mut series = Self { given: Given::default(), now: at(T0), charged: Charged::default() };
        series.when(Action::Create(Box::new(create))).unwrap();
        series
    }

    fn when(&mut self, action: Action) -> Result<(), SubscriptionError> {
        let before = self.given.subscription.clone();
        for event in self.given.when_at(action, self.now)? {
            self.charged.take_in(&before, &event);
            self.check(&before, &event);
        }
        Ok(())
    }

    fn check(&self, before: &Subscription, event: &SubscriptionEvent) {
        let life = self.given.life();
        assert_eq!(life.status.is_over(), life.ended.is_some());
        assert_eq!(life.period.is_none(), life.status.is_over() || life.status == Status::Paused);
        assert_eq!(life.fees.is_some(), matches!(life.status, Status::Active | Status::PastDue));
        assert!(life.status != Status::PastDue || !life.unpaid.is_empty());
        assert!(life.status != Status::Active || life.unpaid.is_empty());
        assert!(!life.status.is_over() || self.given.subscription.next_due_at().is_none());
        let Some(earlier) = before.life.as_deref() else { return };
        assert!(!earlier.status.is_over() || type_of(event) == "bill_closed", "nothing happens after the end");
        let Some(bill) = event.bill() else { return };
        assert!(earlier.bill.is_none() && bill.at <= self.now);
        // One period begins where the one before it ends: the days that go on without renewing are the only gap.
        let begun = bill.turn.as_ref().and_then(|turn| turn.cycle);
        if let (Some(closed), Some(begun)) = (bill.closed, begun) {
            assert!(closed.end == begun.start || !earlier.auto_renew, "{closed:?} {begun:?}");
        }
    }

    /// Everything that is due happens.
    fn settle(&mut self) {
        loop {
            if let Some(number) = self.given.subscription.open_bill().map(|bill| bill.number) {
                self.when(Action::CloseBill { number, invoice_id: None, minimums: Vec::new() }).unwrap();
            }
            let events = self.given.log.len();
            self.when(Action::Advance).unwrap();
            if self.given.log.len() == events {
                break;
            }
        }
        assert!(self.given.subscription.next_due_at().is_none_or(|due| due > self.now), "nothing due is left");
    }
}

fn interval() -> impl Strategy<Value = Interval> {
    prop_oneof![
        4 => Just(every(1, IntervalUnit::Month)),
        1 => Just(every(3, IntervalUnit::Month)),
        1 => Just(every(1, IntervalUnit::Year)),
        1 => Just(every(2, IntervalUnit::Week)),
        1 => Just(every(5, IntervalUnit::Day)),
    ]
}

fn any_plan() -> impl Strategy<Value = PlanVersion> {
    let days = || prop_oneof![Just(0u32), 1u32..12];
    (1u128..4, interval(), days(), days(), days()).prop_map(|(n, interval, trial, grace, reminder)| {
        let mut plan = plan_of(n, &format!("{n}0000"), "1", "50000");
        let of_interval = interval.unit as u32 * 10 + interval.count;
        plan.version = ((of_interval * 100 + trial) * 100 + grace) * 100 + reminder;
        plan.terms.interval = interval;
        (plan.terms.trial_days, plan.terms.grace_days, plan.terms.reminder_days) = (trial, grace, reminder);
        plan
    })
}

fn any_create() -> impl Strategy<Value = Create> {
    let zone =
        prop_oneof![Just(Tz::UTC), Just(Tz::Europe__Berlin), Just(Tz::Asia__Shanghai), Just(Tz::America__New_York)];
    let anchoring = prop_oneof![
        2 => Just(Anchoring::Anniversary),
        1 => Just(Anchoring::Calendar),
        1 => (0i64..400).prop_map(|days| Anchoring::At(at("2025-12-31T07:30:00Z") + TimeDelta::days(days))),
    ];
    (any_plan(), zone, anchoring, any::<bool>(), 1u32..9).prop_map(|(plan, time_zone, anchoring, auto_renew, n)| {
        Create { time_zone, anchoring, auto_renew, quantity: seats(n), ..create(plan) }
    })
}

fn any_action() -> impl Strategy<Value = Action> {
    let invoices = || (1u128..4).prop_map(invoice);
    prop_oneof![
        // With proration, so that nothing is paid for twice: without it, that is what was asked for.
        4 => (prop::option::of(any_plan()), prop::option::of(1u32..9)).prop_map(|(plan, quantity)| Action::Change {
            plan: plan.map(Box::new), quantity: quantity.map(seats), when: When::Now, prorate: true,
        }),
        3 => (prop::option::of(any_plan()), prop::option::of(1u32..9)).prop_map(|(plan, quantity)| Action::Change {
            plan: plan.map(Box::new), quantity: quantity.map(seats), when: When::PeriodEnd, prorate: true,
        }),
        2 => (1u32..9).prop_map(|n| seats_now(n, false)),
        1 => Just(Action::DropChange),
        1 => any::<bool>().prop_map(cancel_now),
        1 => Just(cancel_later()),
        2 => Just(Action::DropCancel),
        2 => Just(Action::EndTrial),
        3 => prop::option::of(1i64..90).prop_map(|days| Action::Pause {
            resumes_at: days.map(|days| at(T0) + TimeDelta::days(days * 9)),
        }),
        4 => Just(Action::Resume),
        2 => any::<bool>().prop_map(Action::SetAutoRenew),
        3 => invoices().prop_map(|invoice_id| Action::MarkPastDue { invoice_id }),
        4 => invoices().prop_map(|invoice_id| Action::MarkPaid { invoice_id }),
        1 => invoices().prop_map(|invoice_id| Action::MarkLost { invoice_id }),
        1 => invoices().prop_map(|invoice_id| Action::GiveUp { invoice_id }),
        1 => (1u32..4).prop_map(|number| Action::CloseBill { number, invoice_id: None, minimums: Vec::new() }),
        4 => Just(Action::Advance),
    ]
}

/// Mostly minutes to days, now and then months.
fn any_pause() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(0i64), 4 => 1i64..200_000, 2 => 1i64..3_000_000, 1 => 1i64..20_000_000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_series_of_commands_breaks_the_rules(
        create in any_create(),
        steps in prop::collection::vec((any_action(), any_pause(), any::<bool>()), 1..40),
    ) {
        let mut series = Series::begun(create);
        for (action, pause, settles) in steps {
            series.now += TimeDelta::seconds(pause);
            if settles {
                series.settle();
            }
            drop(series.when(action));
        }
        series.now += TimeDelta::days(40);
        series.settle();
        series.charged.check(series.given.life());
        // The state is a function of the events, in memory and through their stored form.
        prop_assert_eq!(series.given.replayed(series.now), series.given.subscription);
    }

    #[test]
    fn one_jump_comes_to_the_same_as_many(
        create in any_create(),
        first in prop::collection::vec(any_action(), 0..4),
        pauses in prop::collection::vec(1i64..3_000_000, 1..40),
    ) {
        let mut begun = Series::begun(create);
        begun.settle();
        for action in first {
            drop(begun.when(action));
            begun.settle();
        }
        let (mut many, mut one) = (begun.given.clone(), begun.given);
        let mut now = begun.now;
        for pause in pauses {
            now += TimeDelta::seconds(pause);
            many.settle(now);
        }
        one.settle(now);
        prop_assert_eq!(many.log, one.log);
        prop_assert_eq!(many.subscription, one.subscription);
    }
}
