//! Any plans, any things that are done, any jumps of time: what must hold of all invoices and of the journal, and that
//! it makes no difference how time passes.

use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::billing::world::{World, seats};
use crate::cycle::Anchoring;
use crate::ids::{CustomerId, HoldId};
use crate::invoice::Action as InvoiceAction;
use crate::plan::PlanVersion;
use crate::subscription::{Action, When};

mod steps;

use steps::{
    AnyPlan, METERS, Step, any_currency, any_jump, any_plans, any_step, any_zone, hundredths, quiet_step, subscribe,
};

const BEGUN: &str = "2026-01-20 07:30";

/// How time passes.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// From one thing that is due to the next.
    AtOnce,
    /// The same, in so many steps.
    Steps(i32),
    /// What was due happens afterwards.
    Late,
}

struct Played {
    world: World,
    plans: Vec<PlanVersion>,
    customers: [CustomerId; 2],
    hold: Option<HoldId>,
}

impl Played {
    /// Two customers, one of them with a tax on top and one with one inside, and plans.
    fn begun(currency: &str, zone: Tz, plans: &[AnyPlan]) -> Self {
        let mut world = World::of(currency, zone, BEGUN);
        world.seller("DE");
        world.rate("VAT", "DE", "19", |_| {});
        world.rate("Half", "DE-BE", "0.5", |_| {});
        world.rate("Inside", "FR", "20", |rate| rate.inclusive = true);
        world.meter(METERS[1], "0.0333");
        let publish = |(n, plan): (usize, &AnyPlan)| plan.publish(&format!("Plan-{n}"), &mut world);
        let plans = plans.iter().enumerate().map(publish).collect();
        let first = world.customer_id;
        world.buyer("DE-BE");
        world.new_customer();
        world.buyer("FR");
        let customers = [first, world.customer_id];
        Self { world, plans, customers, hold: None }
    }

    fn pass(&mut self, secs: i64, pace: Pace) {
        let (from, jump) = (self.world.now, TimeDelta::seconds(secs));
        match pace {
            Pace::AtOnce => self.world.advance_to(from + jump),
            Pace::Steps(n) => {
                for step in 1..=n {
                    self.world.advance_to(from + jump * step / n);
                }
            }
            Pace::Late => self.world.awake_at(from + jump),
        }
    }

    /// What is denied changes nothing.
    fn act(&mut self, step: &Step) {
        let world = &mut self.world;
        match step {
            Step::Subscribe { plan, seats: n, anchoring, is_calendar, auto_renew } => {
                let at = anchoring.map(|days| Anchoring::At(world.now + TimeDelta::days(days)));
                let other = if *is_calendar { Anchoring::Calendar } else { Anchoring::Anniversary };
                world.subscribe_as(&self.plans[*plan], |create| {
                    create.quantity = seats(*n);
                    create.anchoring = at.unwrap_or(other);
                    create.auto_renew = *auto_renew;
                });
            }
            Step::Change { plan, seats: n, is_now, prorate } => {
                let plan = plan.map(|plan| Box::new(self.plans[plan].clone()));
                let when = if *is_now { When::Now } else { When::PeriodEnd };
                let _ = world.subscription(Action::Change { plan, quantity: n.map(seats), when, prorate: *prorate });
            }
            Step::Of(action) => {
                let _ = world.subscription(action.clone());
            }
            Step::Charge { meter, quantity, ago } => {
                let used_at = ago.map(|secs| world.now - TimeDelta::seconds(secs));
                let _ = world.try_charge(METERS[*meter], &quantity.to_string(), used_at);
            }
            Step::Hold(quantity) => {
                if let Ok(hold) = world.try_hold(METERS[0], &quantity.to_string()) {
                    self.hold = Some(hold);
                }
            }
            Step::Capture(quantity) => {
                if let Some(hold) = self.hold.take() {
                    let _ = world.try_capture(hold, METERS[0], &quantity.to_string());
                }
            }
            Step::Grant(n) => world.grant(&hundredths(*n)),
            Step::Order(order) => world.order(order),
            Step::Fail(times) => world.answers.extend(std::iter::repeat_n(false, *times)),
            Step::Switch => {
                let [first, second] = self.customers;
                world.customer_id = if world.customer_id == first { second } else { first };
            }
            Step::Pay { .. } | Step::Credit { .. } | Step::Refund { .. } | Step::GiveUp(_) | Step::Void(_) => {
                act_on_invoice(world, step);
            }
        }
    }

    /// What is shown of both customers.
    fn shown(&mut self) -> Vec<String> {
        let mut shown = Vec::new();
        for id in self.customers {
            self.world.customer_id = id;
            shown.extend(self.world.shown());
        }
        shown
    }
}

/// What is done about one of the customer's invoices, if it has any.
fn act_on_invoice(world: &mut World, step: &Step) {
    let currency = world.account_now().owner.unwrap().currency;
    let part = |of: Decimal, percent: u32| currency.rounded(of * Decimal::new(i64::from(percent), 2)).to_string();
    let invoices = world.finalized();
    let count = invoices.len();
    if count == 0 {
        return;
    }
    let (Step::Pay { invoice: nth, .. }
    | Step::Credit { invoice: nth, .. }
    | Step::Refund { invoice: nth, .. }
    | Step::GiveUp(nth)
    | Step::Void(nth)) = step
    else {
        return;
    };
    let invoice = invoices[nth % count].clone();
    let number = invoice.number.clone().unwrap();
    // What is denied changes nothing.
    let _ = match step {
        Step::Pay { percent, .. } => {
            let text = part(invoice.unpaid().decimal(), *percent);
            if text != "0" {
                world.pay(&number, &text);
            }
            Ok(())
        }
        Step::Credit { line: None, refund, .. } => world.credit(&number, &[], *refund),
        Step::Credit { line: Some((line, percent)), refund, .. } => {
            let left = invoice.left_of_lines();
            let line = line % left.len();
            let text = part(left[line].magnitude().decimal(), *percent);
            world.credit(&number, &[(line as u32, text.as_str())], *refund)
        }
        Step::Refund { percent, .. } => {
            if let Some(applied) = invoice.payments.first() {
                let _ = world.refund(&number, &part(applied.amount.decimal(), *percent));
            }
            Ok(())
        }
        Step::GiveUp(_) => world.invoice(&number, InvoiceAction::MarkUncollectible),
        Step::Void(_) => world.invoice(&number, InvoiceAction::Void),
        _ => Ok(()),
    };
}

/// Somebody subscribes, and then everything is done, each after its jump of time.
fn play(begun: &Step, steps: &[(i64, Step)], mut played: Played, pace: Pace) -> Played {
    played.act(begun);
    for (jump, step) in steps {
        played.pass(*jump, pace);
        played.act(step);
    }
    played.pass(40 * 86_400, pace);
    played
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Lines come to totals, numbers have no gaps, the journal balances and says what is owed, the log says all of it:
    /// see `checking`. And once every invoice is paid nobody owes anything but what is not billed.
    #[test]
    fn no_series_of_steps_breaks_the_books(
        (currency, zone, plans) in (any_currency(), any_zone(), any_plans()),
        begun in subscribe(),
        steps in prop::collection::vec((any_jump(), any_step()), 1..25),
    ) {
        let played = Played::begun(currency, zone, &plans);
        let mut played = play(&begun, &steps, played, Pace::AtOnce);
        played.world.check();
        played.world.pay_all();
    }

    /// The same logs, however many steps time makes; and the same invoices, when what was due happens only afterwards.
    #[test]
    fn one_jump_comes_to_the_same_as_many(
        (currency, zone, plans) in (any_currency(), any_zone(), any_plans()),
        begun in subscribe(),
        steps in prop::collection::vec((any_jump(), quiet_step()), 1..15),
        pieces in 2i32..9,
    ) {
        let run = |pace| play(&begun, &steps, Played::begun(currency, zone, &plans), pace);
        let (mut once, many, mut late) = (run(Pace::AtOnce), run(Pace::Steps(pieces)), run(Pace::Late));
        prop_assert!(once.world.log() == many.world.log());
        prop_assert_eq!(once.shown(), late.shown());
        for played in [once, many, late] {
            played.world.check();
        }
    }

    /// After a crash everything may be looked at again: nothing comes of it.
    #[test]
    fn nothing_is_done_twice(
        (currency, zone, plans) in (any_currency(), any_zone(), any_plans()),
        begun in subscribe(),
        steps in prop::collection::vec((any_jump(), quiet_step()), 1..15),
    ) {
        let mut played = play(&begun, &steps, Played::begun(currency, zone, &plans), Pace::AtOnce);
        played.world.look_again();
        played.world.check();
    }
}
