//! Subscriptions, invoices and late usage among the steps of a series, and what plans' prices must come to.

use super::*;
use crate::account::tests::late;
use crate::account::tests::plans::{allow, bill, priced, subscription, tiers};
use crate::cycle::Cycle;
use crate::ids::InvoiceId;
use crate::price::{Beyond, Model, Pricing, Share, Used};
use crate::subscription::{AllowanceTerms, TurnTo};

/// What billing does.
#[derive(Debug, Clone)]
pub(super) enum Bills {
    /// A subscription's next period begins, or its first.
    Period(u128, Vec<AllowanceTerms>, bool),
    /// It changes within its period.
    Change(u128, Vec<AllowanceTerms>),
    /// It ends.
    End(u128),
    /// An invoice that somebody asks for.
    Invoice,
    /// An invoice is paid.
    Settle(Amount),
    /// Somebody says in which order it is paid.
    Order(Vec<Source>),
    /// A charge for what was used so many seconds ago.
    Late(Vec<Usage>, i64),
}

impl Series {
    pub(super) fn bill(&mut self, bills: Bills) {
        let invoice_id = InvoiceId::new(Uuid::from_u128(77));
        let result = match bills {
            Bills::Period(n, allowances, close_usage) => {
                // No two periods begin at once.
                self.now += TimeDelta::seconds(1);
                let cycle = Cycle { start: self.now, end: self.now + TimeDelta::days(30) };
                self.turn(n, close_usage, TurnTo { cycle: Some(cycle), carry: false, allowances })
            }
            Bills::Change(n, allowances) => {
                let Some(cycle) = self.cycle_of(n) else { return };
                self.turn(n, false, TurnTo { cycle: Some(cycle), carry: true, allowances })
            }
            Bills::End(n) => {
                self.now += TimeDelta::seconds(1);
                self.turn(n, true, TurnTo { cycle: None, carry: false, allowances: Vec::new() })
            }
            Bills::Invoice => {
                let bill = BillRef::Invoice { invoice_id };
                self.when(Action::Turn { bill, close_usage: true, closed: None, to: None })
            }
            Bills::Settle(amount) => self.when(Action::SettleUsage { invoice_id, amount }),
            Bills::Order(order) => self.when(Action::SetPaymentOrder(order)),
            Bills::Late(usage, secs) => {
                let moment = self.now - TimeDelta::seconds(secs);
                let result = self.when(late::used_at(usage, &moment.to_rfc3339()));
                let too_old = TimeDelta::seconds(secs) > TimeDelta::days(USED_AT_DAYS_MAX);
                assert_eq!(result == Err(AccountError::UsedAtOutOfRange), too_old);
                return;
            }
        };
        result.unwrap();
    }

    fn turn(&mut self, n: u128, close_usage: bool, to: TurnTo) -> Result<Vec<AccountEvent>, AccountError> {
        let closed = self.cycle_of(n).filter(|_| !to.carry).map(|cycle| Cycle { end: self.now, ..cycle });
        self.when(Action::Turn { bill: bill(n), close_usage, closed, to: Some(to) })
    }

    fn cycle_of(&self, n: u128) -> Option<Cycle> {
        let mut plans = self.given.account.quotas.values().filter_map(|quota| quota.plan.as_ref());
        plans.find(|plan| plan.subscription_id == subscription(n)).map(|plan| plan.cycle)
    }

    /// Everything is billed.
    pub(super) fn close(&mut self) {
        for bills in [Bills::End(1), Bills::End(2), Bills::Invoice] {
            self.bill(bills);
        }
        assert!(self.given.account.unbilled.is_empty());
        assert!(self.given.account.quotas.values().all(|quota| quota.plan.is_none()));
        self.totals.check_given_back(&self.given);
    }
}

/// What was charged in one period of a plan's price.
#[derive(Debug)]
struct Total {
    pricing: Pricing,
    included: Quantity,
    paid: Quantity,
    uses: u64,
    amount: Amount,
    /// Whether holds have captured in it: then it may have cost less.
    has_captures: bool,
    /// Whether the price stayed the same, and all of it was charged while the account knew the period.
    is_whole: bool,
}

/// Worked out from the lines of charges alone.
#[derive(Debug, Default)]
pub(super) struct Totals {
    periods: BTreeMap<(MeterCode, Timestamp), Total>,
    /// Of which meters' plan prices holds have paid for a use.
    used: BTreeSet<(HoldId, MeterCode)>,
}

impl Totals {
    pub(super) fn turn(&mut self, before: &Account, turned: &Turned) {
        for quota in &turned.quotas {
            let key = (quota.meter.clone(), quota.plan.cycle.start);
            if let Some(known) = self.periods.get_mut(&key) {
                known.is_whole = false;
                continue;
            }
            assert!(!turned.carried || !before.quotas.contains_key(&quota.meter));
            let total = Total {
                pricing: quota.plan.pricing.clone(),
                included: Quantity::ZERO,
                paid: Quantity::ZERO,
                uses: 0,
                amount: Amount::ZERO,
                has_captures: false,
                // What begins in the middle of a period counts from there on all the same.
                is_whole: true,
            };
            self.periods.insert(key, total);
        }
    }

    pub(super) fn count(&mut self, before: &Account, event: &AccountEvent) {
        let Some(charge) = event.charge() else { return };
        let mut used = BTreeSet::new();
        for line in &charge.lines {
            let (Some(meter), Some(cycle)) = (&line.meter, line.cycle()) else { continue };
            let total = self.periods.get_mut(&(meter.clone(), cycle.start)).unwrap();
            let live = before.quotas.get(meter).is_some_and(|quota| quota.period_start == cycle.start);
            let past = before.past.get(meter).is_some_and(|past| past.plan.cycle.start == cycle.start);
            total.is_whole &= live || past;
            total.has_captures |= matches!(event, AccountEvent::Captured(_));
            total.included = total.included.plus(line.included_quantity.unwrap());
            total.paid = total.paid.plus(line.payable());
            total.amount = total.amount.plus(line.amount);
            // A charge is one use of a meter, and so are all captures of a hold.
            if !line.payable().is_zero() {
                let is_use = match event.hold() {
                    Some(hold) => self.used.insert((hold.hold_id, meter.clone())),
                    None => used.insert(meter),
                };
                total.uses += u64::from(is_use);
            }
        }
        self.periods.values().filter(|total| total.is_whole).for_each(Total::check);
    }

    /// What fell after it was charged was given back with the bills; what was never charged was not.
    pub(super) fn check_given_back(&self, given: &Given) {
        for ((meter, start), total) in &self.periods {
            let is_it = |sum: &&UsageSum| {
                sum.meter.as_ref() == Some(meter) && sum.cycle.is_some_and(|cycle| cycle.start == *start)
            };
            let sums = || given.billed().filter(is_it);
            let charged = sums().fold(Amount::ZERO, |amount, sum| amount.plus(sum.amount));
            let too_much = sums().fold(Amount::ZERO, |amount, sum| amount.plus(sum.too_much));
            assert_eq!(charged, total.amount, "{total:?}");
            assert!(too_much <= charged, "never more than was charged: {too_much} of {charged}, {total:?}");
            if total.is_whole && !total.has_captures {
                assert_eq!(charged.minus(too_much), total.costs(), "{total:?}");
            }
        }
    }
}

impl Total {
    /// What all of it costs at once.
    fn costs(&self) -> Amount {
        let quantity = self.pricing.included.plus(self.paid);
        self.pricing.rate(Used { quantity, uses: self.uses }, Share::WHOLE).unwrap()
    }

    fn check(&self) {
        assert!(self.included <= self.pricing.included, "{self:?}");
        let (amount, costs) = (self.amount, self.costs());
        let is_right = match (&self.pricing.model, self.has_captures) {
            // What was charged up to the highest is given back later.
            (Model::Volume { .. }, false) => amount >= costs,
            (Model::Volume { .. }, true) => true,
            (_, false) => amount == costs,
            (_, true) => amount <= costs,
        };
        assert!(is_right, "{amount} for what costs {costs}: {self:?}");
    }
}

fn pricing() -> impl Strategy<Value = Pricing> {
    let amount = |text: &str| text.parse::<Amount>().unwrap();
    let model = prop_oneof![
        Just(Model::Flat { amount: amount("0.15") }),
        Just(Model::PerUnit { unit_price: amount("0.2") }),
        Just(Model::PerUnit { unit_price: amount("0.07") }),
        Just(Model::Graduated { tiers: tiers("10", "0.3", "0.1", "0.4") }),
        Just(Model::Graduated { tiers: tiers("6", "0.02", "0.2", "0") }),
        Just(Model::Volume { tiers: tiers("10", "0.3", "0.1", "0") }),
        Just(Model::Volume { tiers: tiers("12", "0.01", "0.05", "0.1") }),
        Just(Model::Package { size: quantity("7"), amount: amount("0.5") }),
        Just(Model::Percentage { percent: amount("2.5"), per_use: amount("0.05") }),
    ];
    (model, prop_oneof![1 => Just(0u32), 3 => 1u32..25]).prop_map(|(model, included)| {
        let included = if matches!(model, Model::Flat { .. }) { 0 } else { included };
        priced(model, &included.to_string())
    })
}

fn allowances() -> impl Strategy<Value = Vec<AllowanceTerms>> {
    let beyond = prop_oneof![3 => Just(Beyond::Charge), 1 => Just(Beyond::Credits), 1 => Just(Beyond::Block)];
    let meter = prop_oneof![Just("tokens"), Just("images"), Just("calls")];
    let one = (meter, pricing(), beyond).prop_map(|(meter, pricing, beyond)| allow(meter, pricing, beyond));
    prop::collection::vec(one, 0..4).prop_map(|mut all| {
        all.sort_by(|one, other| one.meter.cmp(&other.meter));
        all.dedup_by(|one, other| one.meter == other.meter);
        all
    })
}

fn order() -> impl Strategy<Value = Vec<Source>> {
    use crate::account::Source::{Allowance, Credits, Postpaid};
    prop_oneof![
        2 => Just(vec![Allowance, Credits, Postpaid]),
        2 => Just(vec![Credits, Allowance, Postpaid]),
        1 => Just(vec![Postpaid, Allowance, Credits]),
        1 => Just(vec![Allowance, Postpaid, Credits]),
        1 => Just(vec![Credits, Postpaid]),
        1 => Just(vec![Allowance, Credits]),
    ]
}

pub(super) fn any() -> impl Strategy<Value = Bills> {
    let n = 1u128..3;
    prop_oneof![
        6 => (n.clone(), allowances(), prop::bool::weighted(0.8))
            .prop_map(|(n, allowances, close)| Bills::Period(n, allowances, close)),
        3 => (n.clone(), allowances()).prop_map(|(n, allowances)| Bills::Change(n, allowances)),
        1 => n.prop_map(Bills::End),
        1 => Just(Bills::Invoice),
        3 => small().prop_map(Bills::Settle),
        2 => order().prop_map(Bills::Order),
        5 => (usage(), prop_oneof![4 => 0i64..100_000, 1 => 0i64..9_000_000])
            .prop_map(|(usage, secs)| Bills::Late(usage, secs)),
    ]
}
