//! Any plans, anything that is done, any jumps of time.

use chrono_tz::Tz;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::account::Source;
use crate::billing::world::{Offer, World, graduated, package, per_unit, percentage, volume};
use crate::cycle::IntervalUnit;
use crate::plan::PlanVersion;
use crate::price::{Beyond, Model};
use crate::subscription::{Action, When};

/// The plans of a world.
const PLANS: usize = 3;
/// The meters: the last has no price in any plan.
pub(super) const METERS: [&str; 2] = ["calls", "emails"];

/// A plan, in numbers.
#[derive(Debug, Clone)]
pub(super) struct AnyPlan {
    interval: (u32, IntervalUnit),
    /// Trial, grace, reminder.
    days: (u32, u32, u32),
    retries: Vec<u32>,
    waives: bool,
    /// In hundredths: the base, a seat, support in arrears, setup.
    fees: (u32, u32, u32, u32),
    model: Model,
    included: u32,
    minimum: u32,
    beyond: Beyond,
}

/// Something that is done.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Subscribe {
        plan: usize,
        seats: u32,
        anchoring: Option<i64>,
        is_calendar: bool,
        auto_renew: bool,
    },
    Change {
        plan: Option<usize>,
        seats: Option<u32>,
        is_now: bool,
        prorate: bool,
    },
    Of(Action),
    Charge {
        meter: usize,
        quantity: u32,
        ago: Option<i64>,
    },
    Hold(u32),
    Capture(u32),
    Grant(u32),
    Order(Vec<Source>),
    /// So many percent of what is due of an invoice; more is too much, and becomes credits.
    Pay {
        invoice: usize,
        percent: u32,
    },
    /// So many percent of a line, or all there is.
    Credit {
        invoice: usize,
        line: Option<(usize, u32)>,
        refund: bool,
    },
    Refund {
        invoice: usize,
        percent: u32,
    },
    GiveUp(usize),
    Void(usize),
    /// The next payments fail.
    Fail(usize),
    /// It is the other customer who acts.
    Switch,
}

pub(super) fn hundredths(n: u32) -> String {
    Decimal::new(i64::from(n), 2).to_string()
}

impl AnyPlan {
    pub(super) fn publish(&self, name: &str, world: &mut World) -> PlanVersion {
        let (base, seat, support, setup) = self.fees;
        let (trial, grace, reminder) = self.days;
        let (count, unit) = self.interval;
        let offer = Offer::new(name).every(count, unit).trial(trial).grace(grace).retries(&self.retries);
        let offer = offer.fee("Base", &hundredths(base)).seats("Seat", per_unit(&hundredths(seat)));
        let offer = offer.arrears("Support", &hundredths(support)).once("Setup", &hundredths(setup)).taxed("books");
        let offer = offer.usage(METERS[0], self.model.clone()).including(&self.included.to_string());
        let offer = offer.at_least(&hundredths(self.minimum)).beyond(self.beyond);
        let offer = offer.terms(|terms| terms.reminder_days = reminder);
        if self.waives { offer.waives().publish(world) } else { offer.publish(world) }
    }
}

fn any_model() -> impl Strategy<Value = Model> {
    // The second falls, the third rises, with fees.
    let tiers = prop_oneof![
        Just([("100", "1", "0"), ("300", "0.5", "10"), ("", "0.1", "20")]),
        Just([("50", "0.101", "0"), ("120", "0.051", "0"), ("", "0.009", "0")]),
        Just([("50", "0.1", "1"), ("120", "0.25", "0"), ("", "0.333", "5")]),
    ];
    prop_oneof![
        3 => (1u32..200).prop_map(|n| per_unit(&Decimal::new(i64::from(n), 4).to_string())),
        2 => tiers.clone().prop_map(|tiers| graduated(&tiers)),
        2 => tiers.prop_map(|tiers| volume(&tiers)),
        1 => (1u32..50, 1u32..500).prop_map(|(size, n)| package(&size.to_string(), &hundredths(n))),
        1 => (1u32..50, 0u32..50).prop_map(|(n, fee)| {
            percentage(&Decimal::new(i64::from(n), 1).to_string(), &hundredths(fee))
        }),
    ]
}

fn any_plan() -> impl Strategy<Value = AnyPlan> {
    let interval = prop_oneof![
        5 => Just((1u32, IntervalUnit::Month)),
        1 => Just((3, IntervalUnit::Month)),
        1 => Just((1, IntervalUnit::Year)),
        1 => Just((2, IntervalUnit::Week)),
    ];
    let days = || prop_oneof![2 => Just(0u32), 1 => 1u32..20];
    let fee = || prop_oneof![1 => Just(0u32), 3 => 1u32..20_000];
    let beyond = prop_oneof![6 => Just(Beyond::Charge), 1 => Just(Beyond::Block), 1 => Just(Beyond::Credits)];
    let of_usage = (any_model(), prop_oneof![Just(0u32), 1u32..200], fee(), beyond);
    let terms = (interval, (days(), days(), days()), prop::collection::vec(1u32..8, 0..3), any::<bool>());
    (terms, (fee(), fee(), fee(), fee()), of_usage).prop_map(|(terms, fees, usage)| {
        let (interval, days, retries, waives) = terms;
        let (model, included, minimum, beyond) = usage;
        AnyPlan { interval, days, retries, waives, fees, model, included, minimum, beyond }
    })
}

pub(super) fn subscribe() -> impl Strategy<Value = Step> {
    let anchoring = prop::option::weighted(0.2, -40i64..40);
    (0..PLANS, 1u32..9, anchoring, any::<bool>(), prop::bool::weighted(0.8)).prop_map(
        |(plan, seats, anchoring, is_calendar, auto_renew)| Step::Subscribe {
            plan,
            seats,
            anchoring,
            is_calendar,
            auto_renew,
        },
    )
}

/// What concerns subscriptions and usage, while everything is paid.
pub(super) fn quiet_step() -> impl Strategy<Value = Step> {
    let change = (prop::option::of(0..PLANS), prop::option::of(1u32..9), any::<bool>(), any::<bool>());
    let cancel = prop_oneof![Just(When::Now), Just(When::PeriodEnd)];
    let order = Just(vec![Source::Allowance, Source::Credits, Source::Postpaid]).prop_shuffle();
    // Mostly lately, now and then in a period that is over, or in one before that.
    let ago = prop_oneof![4 => Just(None), 2 => (0i64..200_000).prop_map(Some), 2 => (0i64..7_000_000).prop_map(Some)];
    prop_oneof![
        2 => subscribe(),
        5 => change.prop_map(|(plan, seats, is_now, prorate)| Step::Change { plan, seats, is_now, prorate }),
        1 => Just(Step::Of(Action::DropChange)),
        1 => (cancel, any::<bool>()).prop_map(|(when, prorate)| Step::Of(Action::Cancel { when, prorate })),
        1 => Just(Step::Of(Action::DropCancel)),
        1 => Just(Step::Of(Action::EndTrial)),
        2 => Just(Step::Of(Action::Pause { resumes_at: None })),
        3 => Just(Step::Of(Action::Resume)),
        1 => any::<bool>().prop_map(|auto_renew| Step::Of(Action::SetAutoRenew(auto_renew))),
        12 => (0..METERS.len(), 1u32..250, ago)
            .prop_map(|(meter, quantity, ago)| Step::Charge { meter, quantity, ago }),
        3 => (1u32..250).prop_map(Step::Hold),
        4 => (1u32..250).prop_map(Step::Capture),
        1 => (1u32..5_000).prop_map(Step::Grant),
        1 => order.prop_map(Step::Order),
        2 => Just(Step::Switch),
    ]
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    let line = prop::option::of((0usize..9, 1u32..=100));
    let nth = || 0usize..30;
    prop_oneof![
        12 => quiet_step(),
        2 => (nth(), 1u32..150).prop_map(|(invoice, percent)| Step::Pay { invoice, percent }),
        2 => (nth(), line, any::<bool>()).prop_map(|(invoice, line, refund)| Step::Credit { invoice, line, refund }),
        1 => (nth(), 1u32..=100).prop_map(|(invoice, percent)| Step::Refund { invoice, percent }),
        1 => nth().prop_map(Step::GiveUp),
        1 => nth().prop_map(Step::Void),
        2 => (1usize..5).prop_map(Step::Fail),
    ]
}

/// Mostly hours to days, now and then more than a month.
pub(super) fn any_jump() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(0i64), 4 => 1i64..400_000, 2 => 1i64..4_000_000]
}

pub(super) fn any_zone() -> impl Strategy<Value = Tz> {
    prop_oneof![
        Just(Tz::UTC),
        Just(Tz::Europe__Berlin),
        Just(Tz::America__New_York),
        Just(Tz::Australia__Lord_Howe),
        Just(Tz::Asia__Kolkata),
    ]
}

pub(super) fn any_currency() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("EUR"), 1 => Just("JPY"), 1 => Just("KWD")]
}

pub(super) fn any_plans() -> impl Strategy<Value = Vec<AnyPlan>> {
    prop::collection::vec(any_plan(), PLANS)
}
