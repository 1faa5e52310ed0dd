//! Any series of commands, against a model of the contract: what must hold after each of them.
//!
//! The model knows money and finality, and nothing of Tollbook. It pays an owner whatever lies in
//! escrow and was not claimed, as the contract does. So there are owners who are faster than the
//! settlement ([`Case::in_time`] says which), and times when nobody listens to the chain: only these
//! can leave what was earned unpaid.

use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::event::LedgerEvent;
use crate::postings::{JournalAccount, postings};

mod checks;
mod holds;
mod steps;
use holds::Known;
use steps::{Case, Signed, Step, case};

const DECIMALS: u32 = 6;
const LIMIT: u128 = 1_000_000_000;
const PERIOD_SECS: u32 = 3_600;

fn units(atomic: u128) -> Amount {
    Amount::from_atomic(atomic, DECIMALS).unwrap()
}

/// The part of the contract that holds one payee's money.
#[derive(Default)]
struct Contract {
    /// Deposited and not withdrawn.
    escrow: u128,
    claimed: u128,
    wanted: Option<u128>,
    frozen: bool,
    /// By the payee's guardian.
    guarded: bool,
    revoked: bool,
    block: u64,
    /// Not final, oldest first, and whether it was heard at first sight.
    waiting: VecDeque<(Fact, ChainRef, bool)>,
    /// Final, and nothing came of it.
    without_trace: Vec<(Fact, ChainRef)>,
    /// Relays that are in a block, and in which.
    mined: Vec<(RelayId, u64)>,
}

struct Series {
    given: Given,
    contract: Contract,
    case: Case,
    now: Timestamp,
    journal: BTreeMap<JournalAccount, Decimal>,
    /// What was charged in each period.
    by_period: BTreeMap<i64, Amount>,
    /// Every hold that was tried, and what is known of those that were placed.
    holds: Vec<HoldId>,
    known: BTreeMap<HoldId, Known>,
    /// What owners took that had been earned, or is captured of what they have taken already.
    overtaken: Decimal,
    /// The latter alone.
    captured_late: Decimal,
    /// Whether something was charged while the chain had said what was not heard.
    deaf: bool,
    relays: u128,
    settlements: u128,
}

impl Series {
    fn new(case: Case) -> Self {
        let periods = case.period_limit.map_or((Amount::ZERO, 0), |limit| (units(limit), PERIOD_SECS));
        let terms =
            Terms { period_limit: periods.0, period_secs: periods.1, limit: units(LIMIT), ..terms(case.custody) };
        let mut series = Self {
            given: Given::active_under(terms, "0"),
            contract: Contract { block: 10, ..Contract::default() },
            case,
            now: at(T0),
            journal: BTreeMap::new(),
            by_period: BTreeMap::new(),
            holds: Vec::new(),
            known: BTreeMap::new(),
            overtaken: Decimal::ZERO,
            captured_late: Decimal::ZERO,
            deaf: false,
            relays: 0,
            settlements: 0,
        };
        series.step(Step::Deposit(100_000_000), true);
        series.finalize(1);
        series
    }

    fn when(&mut self, action: Action) -> Then {
        let events = self.given.when_at(action, self.now)?;
        for event in &events {
            for posting in postings(&LedgerEvent::SessionKey(event.clone())) {
                *self.journal.entry(posting.debit).or_default() -= posting.amount.decimal();
                *self.journal.entry(posting.credit).or_default() += posting.amount.decimal();
            }
            match event {
                SessionKeyEvent::Charged(charged) => self.check_charge(charged),
                SessionKeyEvent::ClaimPlanned(planned) => self.check_plan(planned),
                SessionKeyEvent::Closed(_) => self.check_end(),
                _ => self.check_hold(event),
            }
        }
        Ok(events)
    }

    /// The contract says something: now, when it is heard, and again when it is final.
    fn says(&mut self, fact: Fact, heard: bool) {
        self.contract.block += 1;
        let at = place(self.contract.block, 0);
        if heard {
            self.when(Action::Observe { fact: fact.clone(), at, is_final: false }).unwrap();
        }
        self.contract.waiting.push_back((fact, at, heard));
    }

    fn finalize(&mut self, count: usize) {
        for _ in 0..count {
            let Some((fact, at, _)) = self.contract.waiting.pop_front() else { return };
            let events = self.when(Action::Observe { fact: fact.clone(), at, is_final: true }).unwrap();
            if events.is_empty() {
                self.contract.without_trace.push((fact, at));
            }
            let mined = self.contract.mined.extract_if(.., |(_, block)| *block <= at.block_number).collect::<Vec<_>>();
            for (relay_id, block_number) in mined {
                self.when(Action::RelayDone { relay_id, tx_hash: at.tx_hash, block_number }).unwrap();
            }
        }
    }

    /// The oldest relay of which nothing was heard yet.
    fn relay(&self) -> Option<RelayId> {
        let mined = |id: RelayId| self.contract.mined.iter().any(|(of, _)| *of == id);
        self.given.session.relays.iter().map(|relay| relay.id).find(|id| !mined(*id))
    }

    fn fail_relay(&mut self) -> bool {
        let Some(relay_id) = self.relay() else { return false };
        self.when(Action::RelayFailed { relay_id, reason: "refused".into() }).unwrap();
        true
    }

    fn step(&mut self, step: Step, heard: bool) {
        match step {
            Step::Charge(cost, signed) => self.charge(cost, signed),
            Step::Place(cost, signed, ttl_secs) => self.place(cost, signed, ttl_secs),
            Step::Extend(which, cost, signed, ttl_secs) => self.extend(which, cost, signed, ttl_secs),
            Step::Capture(which, part, is_final) => self.capture(which, part, is_final),
            Step::Void(which) => self.void(which),
            Step::Deposit(amount) => {
                let over = self.contract.revoked || self.now >= at(VALID_UNTIL);
                if !over && self.contract.escrow + amount <= LIMIT {
                    self.contract.escrow += amount;
                    self.says(Fact::Deposited { amount: units(amount) }, heard);
                }
            }
            Step::Request(wanted) if self.contract.wanted.is_none() => {
                self.contract.wanted = Some(wanted);
                let amount = Amount::from_atomic(wanted, DECIMALS).ok();
                self.says(Fact::WithdrawRequested { amount, available_at: self.now }, heard);
            }
            Step::CancelRequest if self.contract.wanted.is_some() => {
                self.contract.wanted = None;
                self.says(Fact::WithdrawCancelled, heard);
            }
            Step::Withdraw => self.withdraw(heard),
            Step::Freeze if !self.contract.frozen && !self.contract.revoked => {
                self.contract.frozen = true;
                self.says(Fact::Frozen, heard);
            }
            Step::Unfreeze if self.contract.frozen && !self.contract.revoked => {
                self.contract.frozen = false;
                self.says(Fact::Unfrozen, heard);
            }
            // Whatever has become of the session.
            Step::GuardianFreeze if !self.contract.guarded => {
                self.contract.guarded = true;
                self.says(Fact::GuardianFrozen, heard);
            }
            Step::GuardianUnfreeze if self.contract.guarded => {
                self.contract.guarded = false;
                self.says(Fact::GuardianUnfrozen, heard);
            }
            Step::Revoke if !self.contract.revoked => {
                self.contract.revoked = true;
                self.says(Fact::Revoked, heard);
            }
            Step::Ask(action) => drop(self.when(action)),
            Step::RelayFreeze => {
                self.relays += 1;
                drop(self.when(relay(self.relays, RelayAction::Freeze)));
            }
            Step::MineRelay => match self.relay() {
                Some(relay_id) if !self.contract.frozen && !self.contract.revoked => {
                    self.contract.frozen = true;
                    self.says(Fact::Frozen, heard);
                    self.contract.mined.push((relay_id, self.contract.block));
                }
                _ => drop(self.fail_relay()),
            },
            Step::FailRelay => drop(self.fail_relay()),
            Step::Plan => self.plan(),
            Step::Pay => self.pay(heard),
            Step::Release => drop(self.when(release(self.settlements)).unwrap()),
            // Not after the end: that somebody deposits again and claims what was written off is not told here.
            Step::PaidByOthers(amount) if !self.given.session.closed => {
                let earned = self.given.session.charged.atomic(DECIMALS);
                self.claim(earned.min(self.contract.claimed + amount), heard);
            }
            Step::Finalize(count) => self.finalize(count),
            Step::ReadAgain => {
                for (fact, at) in std::mem::take(&mut self.contract.without_trace) {
                    let again = Action::Observe { fact: fact.clone(), at, is_final: true };
                    assert_eq!(self.when(again), Ok(Vec::new()));
                    self.contract.without_trace.push((fact, at));
                }
            }
            // The contract refuses it.
            _ => {}
        }
    }

    fn charge(&mut self, cost: Amount, signed: Signed) {
        let voucher = self.voucher(cost, signed);
        let charged = self.when(charge(vec![Usage::Flat { amount: cost }], voucher));
        self.check_signed(signed, voucher, &charged);
    }

    /// What comes with a charge of so much, or with a hold.
    fn voucher(&self, cost: Amount, signed: Signed) -> Option<Voucher> {
        let session = &self.given.session;
        let needed = session.charged.plus(session.held).plus(cost).rounded_up(DECIMALS).unwrap();
        let max = match signed {
            Signed::Nothing => None,
            Signed::Needed | Signed::ByAnother => Some(needed),
            Signed::TooLow => Some(needed.minus(units(1))),
            Signed::AllInEscrow => Some(session.escrow()),
            Signed::AboveEscrow => Some(session.escrow().plus(units(1))),
        };
        let signer = if matches!(signed, Signed::ByAnother) { Address([0x99; 20]) } else { key() };
        let signature = CompactSignature([7; 64]);
        let voucher = max.map(|max_claimable| Voucher { stored: StoredVoucher { max_claimable, signature }, signer });
        voucher.filter(|_| self.case.custody == Custody::Client)
    }

    fn check_signed(&self, signed: Signed, voucher: Option<Voucher>, then: &Then) {
        let wrong = matches!(signed, Signed::AboveEscrow | Signed::ByAnother) && voucher.is_some();
        assert!(!wrong || then.is_err(), "{signed:?}");
    }

    fn plan(&mut self) {
        if self.given.session.open_claim.is_none() {
            self.settlements += 1;
            // As when a person asks, so that what was released is planned anew.
            let action = Action::PlanClaim { settlement_id: settlement(self.settlements), again: true };
            drop(self.when(action));
        }
    }

    /// The open claim's transaction is in a block.
    fn pay(&mut self, heard: bool) {
        if let Some(open) = &self.given.session.open_claim {
            self.claim(open.total_claimed.atomic(DECIMALS), heard);
        }
    }

    /// What the contract makes of a claim up to this total.
    fn claim(&mut self, total: u128, heard: bool) {
        if total > self.contract.claimed && total <= self.contract.escrow {
            let amount = units(total - self.contract.claimed);
            self.contract.claimed = total;
            self.says(Fact::Claimed { amount, total_claimed: units(total) }, heard);
        }
    }

    /// The contract pays out what is wanted, as far as it was not claimed.
    fn withdraw(&mut self, heard: bool) {
        let Some(wanted) = self.contract.wanted else { return };
        if self.case.in_time {
            self.pay(heard);
            self.finalize(usize::MAX);
            // What is in a settlement still was captured of what the owner had taken: no claim gets it.
            drop(self.when(release(self.settlements)).unwrap());
            self.plan();
            self.pay(heard);
        }
        let paid = wanted.min(self.contract.escrow - self.contract.claimed);
        self.contract.wanted = None;
        self.contract.escrow -= paid;
        let charged = self.given.session.charged;
        let missing = charged.decimal() - units(self.contract.escrow).decimal();
        self.overtaken += missing.clamp(Decimal::ZERO, units(paid).decimal());
        if self.case.in_time && !self.deaf {
            // Claims that come first win: only what no claim can ask for is lost.
            let in_time = Amount::new(charged.decimal() - self.captured_late).unwrap();
            assert!(in_time.atomic(DECIMALS) <= self.contract.escrow, "{missing} was taken that had been earned");
        }
        self.says(withdrawn(&units(paid).to_string()), heard);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_series_of_commands_breaks_the_invariants(case in case()) {
        let mut series = Series::new(case.clone());
        for (step, pause, heard) in case.steps {
            series.now += TimeDelta::seconds(pause);
            series.step(step, heard);
            series.check();
        }
        // When all is final, the ledger and the contract agree.
        series.finalize(usize::MAX);
        while series.fail_relay() {}
        series.end_holds();
        series.check();
        let (session, contract) = (&series.given.session, &series.contract);
        prop_assert_eq!((session.escrow(), session.claimed), (units(contract.escrow), units(contract.claimed)));
        prop_assert_eq!(session.withdrawal.is_some(), contract.wanted.is_some());
        prop_assert!(session.revoked.is_some() || !contract.revoked);
        prop_assert_eq!(session.owner_freeze.is_some(), contract.frozen);
        // The organization may have lifted it.
        prop_assert_eq!(session.guardian_freeze || session.guardian_lifted, contract.guarded);
        prop_assert!(session.pending_deposits.is_empty() && session.relays.is_empty());
        // The state is a function of the events, in memory and through their stored form.
        prop_assert_eq!(&series.given.replayed(), session);
    }
}
