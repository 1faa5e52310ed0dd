//! Any series of commands, at times that may stand still or move on: what must hold after each event.

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use billing::{Bills, Totals};

mod billing;

#[derive(Debug, Clone)]
enum Step {
    /// Whatever needs no hold.
    Do(Action),
    Place(Vec<Usage>, u32),
    Extend(Index, Vec<Usage>, Option<u32>),
    Capture(Index, Took, bool),
    Void(Index),
    Bills(Bills),
}

/// What a capture says.
#[derive(Debug, Clone)]
enum Took {
    Nothing,
    AsPlaced,
    Usage(Vec<Usage>),
}

/// What is known of a hold that was placed.
struct Known {
    /// With what it was extended by.
    usage: Vec<Usage>,
    reserved: Amount,
    captured: Amount,
    /// Whether it has reserved something of an allowance that has periods of another kind since: that is lost.
    has_lost: bool,
    ended: bool,
}

struct Series {
    given: Given,
    now: Timestamp,
    journal: Journal,
    holds: Vec<HoldId>,
    known: BTreeMap<HoldId, Known>,
    /// What allowances covered, since the quota was last set.
    included: BTreeMap<(MeterCode, Timestamp), Quantity>,
    /// What was charged by plans' prices.
    totals: Totals,
}

impl Series {
    fn new() -> Self {
        Self {
            given: Given::opened("2"),
            now: at(T0),
            journal: Journal::default(),
            holds: Vec::new(),
            known: BTreeMap::new(),
            included: BTreeMap::new(),
            totals: Totals::default(),
        }
    }

    fn when(&mut self, action: Action) -> Result<Vec<AccountEvent>, AccountError> {
        let command = AccountCommand { organization_id: org(), action };
        let events = self.given.account.handle_command(&command, self.now)?;
        for event in &events {
            let before = self.given.account.clone();
            self.given.take_in(event, self.now);
            self.journal.take_in(event);
            self.journal.check(&self.given.account);
            self.check(&before, event);
        }
        Ok(events)
    }

    fn step(&mut self, step: Step) {
        let (id, result) = match step {
            Step::Do(action) => return drop(self.when(action)),
            Step::Bills(bills) => return self.bill(bills),
            Step::Place(usage, ttl_secs) => return self.place(usage, ttl_secs),
            Step::Extend(which, usage, ttl_secs) => {
                let id = self.pick(which);
                let result =
                    self.hold(HoldAction::Extend { hold_id: id, usage: usage.clone(), currency: None, ttl_secs });
                if let (Ok(_), Some(known)) = (&result, self.known.get_mut(&id)) {
                    known.usage.extend(usage);
                }
                (id, result)
            }
            Step::Capture(which, took, is_final) => {
                let id = self.pick(which);
                (id, self.capture(id, took, is_final))
            }
            Step::Void(which) => {
                let id = self.pick(which);
                let open = self.given.account.holds.contains_key(&id);
                let result = self.hold(HoldAction::Void { hold_id: id });
                assert_eq!(result.is_ok(), open, "{result:?}");
                (id, result)
            }
        };
        // A hold ends once: whoever comes second is told so, and only who comes second.
        let gone = self.known.get(&id).is_none_or(|known| known.ended);
        let ended_now = result.as_ref().is_ok_and(|events| {
            events.iter().filter_map(AccountEvent::hold).any(|hold| hold.hold_id == id && hold.held.is_zero())
        });
        assert_eq!(result == Err(HoldError::NotOpen.into()), gone && !ended_now, "{result:?}");
    }

    fn hold(&mut self, action: HoldAction) -> Result<Vec<AccountEvent>, AccountError> {
        self.when(Action::Hold(action))
    }

    /// One that was tried, or the one that will be next.
    fn pick(&self, which: Index) -> HoldId {
        let next = hold_id(self.holds.len() as u128);
        self.holds.get(which.index(self.holds.len() + 1)).copied().unwrap_or(next)
    }

    fn place(&mut self, usage: Vec<Usage>, ttl_secs: u32) {
        let n = self.holds.len() as u128;
        self.holds.push(hold_id(n));
        let (reserved, captured) = (Amount::ZERO, Amount::ZERO);
        let known = Known { usage: usage.clone(), reserved, captured, has_lost: false, ended: false };
        self.known.insert(hold_id(n), known);
        if self.when(place_for(n, usage.clone(), ttl_secs)).is_ok() {
            assert_eq!(self.when(place_for(n, usage, ttl_secs)), Err(HoldError::AlreadyOpen.into()));
        } else {
            self.known.remove(&hold_id(n));
        }
    }

    fn capture(&mut self, id: HoldId, took: Took, is_final: bool) -> Result<Vec<AccountEvent>, AccountError> {
        let hold = self.given.account.holds.get(&id);
        let money_only = hold.is_some_and(Hold::is_money_only);
        let whole = self.known.get(&id).filter(|known| !known.ended && !known.has_lost);
        // The allowance alone may have been captured in part.
        let all_is_there = matches!(took, Took::AsPlaced) && whole.is_some() && !self.was_taken_from(id);
        let usage = match took {
            Took::Nothing => None,
            Took::AsPlaced => Some(self.known.get(&id).map(|known| known.usage.clone()).unwrap_or_default()),
            Took::Usage(usage) => Some(usage),
        };
        let takes_all = usage.is_none() && money_only;
        let (metadata, currency, description) = (BTreeMap::new(), None, None);
        let result = self.hold(HoldAction::Capture { hold_id: id, usage, currency, is_final, description, metadata });
        // What was reserved can be captured, whatever has become of quotas, plans and prices.
        assert!(result.is_ok() || !(all_is_there || takes_all), "{result:?}");
        result
    }

    fn was_taken_from(&self, id: HoldId) -> bool {
        self.given.log.iter().any(|event| matches!(event, AccountEvent::Captured(e) if e.hold.hold_id == id))
    }

    fn check(&mut self, before: &Account, event: &AccountEvent) {
        match event {
            AccountEvent::Charged(e) => {
                let funds = Funds { credits: e.credits_used.clone(), postpaid: e.postpaid };
                self.check_funds(before, &funds, e.amount, &e.lines);
            }
            AccountEvent::Held(e) => self.check_funds(before, &e.funds, e.amount, &e.lines),
            AccountEvent::HoldExtended(e) => self.check_funds(before, &e.funds, e.amount, &e.lines),
            AccountEvent::Captured(e) => {
                let held = before.holds[&e.hold.hold_id].funds.amount();
                assert_eq!(e.charge.amount.plus(e.returned.amount()).plus(e.hold.held), held);
                assert_eq!(e.charge.paid_by_credits().plus(e.charge.postpaid), e.charge.amount);
                assert_eq!(sum(&e.charge.lines), e.charge.amount);
                assert!(!e.is_final || e.hold.held.is_zero());
            }
            AccountEvent::Voided(e) => assert_eq!(e.returned, before.holds[&e.hold.hold_id].funds),
            AccountEvent::HoldExpired(e) => {
                assert!(e.hold.expires_at <= self.now);
                assert_eq!(e.returned, before.holds[&e.hold.hold_id].funds);
            }
            AccountEvent::QuotaSet(e) => {
                let quota = before.quotas.get(&e.meter);
                if quota.is_some_and(|quota| quota.terms.period != e.terms.period) {
                    self.lose_allowance(before, &e.meter);
                }
                self.included.retain(|(meter, _), _| *meter != e.meter);
                return;
            }
            AccountEvent::Turned(e) => {
                let turned = |meter: &MeterCode| e.quotas.iter().any(|quota| quota.meter == *meter);
                self.included.retain(|(meter, _), _| !turned(meter));
                self.totals.turn(before, e);
                return;
            }
            _ => {}
        }
        self.totals.count(before, event);
        self.check_hold(event);
        self.check_quotas(before, event);
    }

    /// What holds reserve of an allowance is not in periods of another kind.
    fn lose_allowance(&mut self, account: &Account, meter: &MeterCode) {
        for (id, hold) in &account.holds {
            if hold.usage.iter().any(|part| part.free && part.meter == *meter) {
                self.known.get_mut(id).unwrap().has_lost = true;
            }
        }
    }

    /// What pays is there, is worth something and is not promised to anybody else (I4).
    fn check_funds(&self, before: &Account, funds: &Funds, amount: Amount, lines: &[Line]) {
        assert_eq!((funds.amount(), sum(lines)), (amount, amount));
        for part in &funds.credits {
            let grant = before.grants.iter().find(|grant| grant.id == part.grant_id).unwrap();
            assert!(
                part.amount <= grant.remaining && !part.amount.is_zero() && !grant.is_expired(self.now),
                "{grant:?}"
            );
        }
        let after = self.given.account.balances();
        let fits = after.postpaid.plus(after.held_postpaid) <= after.postpaid_limit;
        assert!(fits || funds.postpaid.is_zero(), "{after:?}");
    }

    fn check_hold(&mut self, event: &AccountEvent) {
        let Some(after) = event.hold() else { return };
        let state = self.given.account.holds.get(&after.hold_id);
        let known = self.known.get_mut(&after.hold_id).unwrap();
        assert!(!known.ended, "a hold ends once");
        match event {
            AccountEvent::Held(e) => known.reserved = known.reserved.plus(e.amount),
            AccountEvent::HoldExtended(e) => known.reserved = known.reserved.plus(e.amount),
            AccountEvent::Captured(e) => known.captured = known.captured.plus(e.charge.amount),
            _ => {}
        }
        known.ended = state.is_none();
        assert!(after.captured == known.captured && known.captured.plus(after.held) <= known.reserved);
    }

    fn check_quotas(&mut self, before: &Account, event: &AccountEvent) {
        for (meter, quota) in &self.given.account.quotas {
            // What is beside an allowance draws nothing on it.
            let taken = |quota: &Quota| quota.tally().counted().plus(quota.held);
            let earlier = before.quotas.get(meter).filter(|earlier| earlier.period_start == quota.period_start);
            let grew = taken(quota) > earlier.map_or(Quantity::ZERO, taken);
            let blocks = quota.terms.overage == Overage::Block;
            // What was reserved for before it was refused is captured all the same.
            let was_reserved = match event {
                AccountEvent::Captured(e) => {
                    quota.plan.is_some() || before.holds[&e.hold.hold_id].version < quota.since
                }
                _ => false,
            };
            assert!(!grew || !blocks || was_reserved || taken(quota) <= quota.terms.limit, "{quota:?}");
        }
        let Some(charge) = event.charge() else { return };
        for line in &charge.lines {
            let (Some(meter), Some(start)) = (&line.meter, line.period_start) else { continue };
            let part = line.included_quantity.filter(|part| !part.is_zero());
            let quota = self.given.account.quotas.get(meter).filter(|quota| quota.period_start == start);
            let (Some(part), Some(quota)) = (part, quota) else { continue };
            let included = self.included.entry((meter.clone(), start)).or_default();
            *included = included.plus(part);
            // No allowance is given twice, be it to those who come later or to those who have it reserved.
            let is_new = matches!(event, AccountEvent::Charged(_));
            assert!(!is_new || included.plus(quota.held) <= quota.terms.limit, "{included} of {quota:?}");
        }
    }

    /// Everything that is open is captured as it was placed, or runs out.
    fn end(&mut self) {
        for (n, id) in self.holds.clone().into_iter().enumerate() {
            if n % 2 == 0 && self.given.account.holds.contains_key(&id) {
                drop(self.capture(id, Took::AsPlaced, true));
            }
        }
        self.now += TimeDelta::days(9_999);
        while !self.when(Action::Hold(HoldAction::Expire)).unwrap().is_empty() {}
        self.when(Action::ExpireCredits).unwrap();
        let account = &self.given.account;
        assert!(account.holds.is_empty() && account.balances().held().is_zero());
        assert!(self.known.values().all(|known| known.ended));
        assert!(account.grants.iter().all(|grant| grant.expires_at.is_none()));
        self.close();
    }
}

fn sum(lines: &[Line]) -> Amount {
    lines.iter().fold(Amount::ZERO, |sum, line| sum.plus(line.amount))
}

fn small() -> impl Strategy<Value = Amount> {
    (1i64..400).prop_map(|cents| Amount::new(rust_decimal::Decimal::new(cents, 2)).unwrap())
}

/// One to three things, of which some may count the same.
fn usage() -> impl Strategy<Value = Vec<Usage>> {
    let one = prop_oneof![
        2 => small().prop_map(|amount| Usage::Flat { amount }),
        3 => (1u32..20).prop_map(|n| metered("calls", "0.25", &n.to_string())),
        2 => (1u32..20).prop_map(|n| metered("tokens", "0.01", &n.to_string())),
        1 => (1u32..20).prop_map(|n| metered("images", "0.05", &n.to_string())),
    ];
    prop::collection::vec(one, 1..4)
}

fn any_action() -> impl Strategy<Value = Action> {
    let period = prop_oneof![Just(Period::Hour), Just(Period::Day), Just(Period::Month), Just(Period::Total)];
    let terms = (1u32..60, period, prop::bool::ANY, prop::bool::ANY);
    prop_oneof![
        5 => usage().prop_map(charge),
        4 => (any::<u128>(), small(), 1u8..6, 0u8..3, prop::option::of(11u32..28)).prop_map(
            |(n, amount, times, priority, day)| Action::GrantCredit {
                grant_id: grant_id(n),
                amount: (1..times).fold(amount, |sum, _| sum.plus(amount)),
                currency: None,
                priority,
                expires_at: day.map(|day| at(&format!("2026-03-{day}T00:00:00Z"))),
            },
        ),
        1 => (prop::bool::ANY, terms).prop_map(|(calls, (limit, period, included, block))| {
            let overage = if block { Overage::Block } else { Overage::Charge };
            quota(if calls { "calls" } else { "tokens" }, &limit.to_string(), period, included, overage)
        }),
        1 => small().prop_map(|postpaid_limit| Action::SetPostpaidLimit { postpaid_limit, currency: None }),
        1 => Just(Action::ExpireCredits),
        2 => Just(sweep()),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let took = prop_oneof![
        2 => Just(Took::Nothing),
        2 => Just(Took::AsPlaced),
        4 => usage().prop_map(Took::Usage),
    ];
    let more = prop_oneof![2 => usage(), 1 => Just(Vec::new())];
    prop_oneof![
        14 => any_action().prop_map(Step::Do),
        10 => (usage(), 1u32..200_000).prop_map(|(usage, ttl_secs)| Step::Place(usage, ttl_secs)),
        4 => (any::<Index>(), more, prop::option::of(1u32..200_000))
            .prop_map(|(which, usage, ttl_secs)| Step::Extend(which, usage, ttl_secs)),
        10 => (any::<Index>(), took, any::<bool>()).prop_map(|(which, took, is_final)| Step::Capture(which, took, is_final)),
        2 => any::<Index>().prop_map(Step::Void),
        8 => billing::any().prop_map(Step::Bills),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_series_of_commands_breaks_the_invariants(
        steps in prop::collection::vec((any_step(), prop_oneof![6 => 0i64..1_800, 2 => 0i64..70_000, 1 => 0i64..150_000]), 1..100)
    ) {
        let mut series = Series::new();
        for (step, pause) in steps {
            series.now += TimeDelta::seconds(pause);
            series.step(step);
        }
        series.end();
        // The state is a function of the events, in memory and through their stored form.
        prop_assert_eq!(series.given.replayed(), series.given.account);
    }
}
