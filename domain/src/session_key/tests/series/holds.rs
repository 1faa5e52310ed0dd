//! Holds in a series: placed, extended, captured in parts or at once, voided, run out of time.

use proptest::sample::Index;

use super::*;

/// What is known of a hold that was placed.
#[derive(Debug)]
pub(super) struct Known {
    reserved: Amount,
    held: Amount,
    captured: Amount,
    expires_at: Timestamp,
    /// In which it was placed.
    period: i64,
    ended: bool,
}

impl Series {
    pub(super) fn place(&mut self, cost: Amount, signed: Signed, ttl_secs: u32) {
        let n = self.holds.len() as u128;
        self.holds.push(hold_id(n));
        let voucher = self.voucher(cost, signed);
        let action = hold(to_place(n, vec![Usage::Flat { amount: cost }], ttl_secs), voucher);
        let placed = self.when(action.clone());
        self.check_signed(signed, voucher, &placed);
        if placed.is_ok() {
            assert_eq!(self.when(action), Err(HoldError::AlreadyOpen.into()));
        }
    }

    pub(super) fn extend(&mut self, which: Index, cost: Amount, signed: Signed, ttl_secs: Option<u32>) {
        let (n, voucher) = (self.pick(which), self.voucher(cost, signed));
        let usage = if cost.is_zero() { Vec::new() } else { vec![Usage::Flat { amount: cost }] };
        let open = self.is_open(n);
        let extended = self.when(hold(to_extend(n, usage, ttl_secs), voucher));
        self.check_signed(signed, voucher, &extended);
        assert_eq!(extended == Err(HoldError::NotOpen.into()), !open);
    }

    /// So many hundredths of what is held, or all.
    pub(super) fn capture(&mut self, which: Index, part: Option<u32>, is_final: bool) {
        let n = self.pick(which);
        let held = self.known.get(&hold_id(n)).map_or(Amount::ZERO, |known| known.held);
        let cost = part.map(|part| {
            let cost = held.decimal() * Decimal::new(part.into(), 2);
            Amount::new(cost.trunc_with_scale(9)).unwrap()
        });
        let (open, there) = (self.is_open(n), self.given.session.escrow().minus(self.given.session.charged));
        let result = self.when(take(n, cost.map(|amount| vec![Usage::Flat { amount }]), is_final));
        // What was reserved can be captured as long as the contract has it, whatever else has happened.
        let cost = cost.unwrap_or(held);
        assert_eq!(result == Err(HoldError::NotOpen.into()), !open);
        assert_eq!(result.is_ok(), open && cost <= held && cost <= there, "{result:?}");
    }

    pub(super) fn void(&mut self, which: Index) {
        let n = self.pick(which);
        let open = self.is_open(n);
        let result = self.when(void(n));
        assert_eq!(result == Err(HoldError::NotOpen.into()), !open);
        assert_eq!(result.is_ok(), open);
    }

    /// One that was tried, or the one that will be next.
    fn pick(&self, which: Index) -> u128 {
        which.index(self.holds.len() + 1) as u128
    }

    fn is_open(&self, n: u128) -> bool {
        self.known.get(&hold_id(n)).is_some_and(|known| !known.ended)
    }

    pub(super) fn held_in(&self, period: i64) -> Amount {
        let held = self.known.values().filter(|known| known.period == period);
        held.fold(Amount::ZERO, |sum, known| sum.plus(known.held))
    }

    pub(super) fn check_hold(&mut self, event: &SessionKeyEvent) {
        let Some(after) = event.hold() else { return };
        let (period, expires_at) = (self.period(), after.expires_at);
        let (reserved, held, captured) = (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        let new = Known { reserved, held, captured, expires_at, period, ended: false };
        let known = self.known.entry(after.hold_id).or_insert(new);
        assert!(!known.ended, "a hold ends once");
        let period = known.period;
        match event {
            SessionKeyEvent::Held(SessionHeld { amount, .. })
            | SessionKeyEvent::HoldExtended(SessionHoldExtended { amount, .. }) => {
                known.expires_at = expires_at;
                known.reserved = known.reserved.plus(*amount);
                known.held = known.held.plus(*amount);
                self.check_promise(*amount, period);
            }
            SessionKeyEvent::Captured(e) => {
                known.captured = known.captured.plus(e.charge.amount);
                known.ended = e.is_final;
                let left = if e.is_final { Amount::ZERO } else { known.held.minus(e.charge.amount) };
                assert_eq!(e.charge.amount.plus(e.returned).plus(left), known.held);
                known.held = left;
                self.count(period, e.charge.amount);
                self.check_capture(e.charge.amount);
            }
            SessionKeyEvent::Voided(e) | SessionKeyEvent::HoldExpired(e) => {
                assert_eq!(e.returned, known.held);
                assert!(matches!(event, SessionKeyEvent::Voided(_)) || known.expires_at <= self.now);
                (known.held, known.ended) = (Amount::ZERO, true);
            }
            _ => {}
        }
        let known = &self.known[&after.hold_id];
        assert_eq!((after.held, after.captured, expires_at), (known.held, known.captured, known.expires_at));
        assert!(known.captured.plus(known.held) <= known.reserved);
        assert_eq!(self.given.session.holds.contains_key(&after.hold_id), !known.ended);
    }

    /// An owner may have taken what was held, and that is known only when it is final: whoever captures in between
    /// has charged what no claim will get.
    fn check_capture(&mut self, amount: Amount) {
        let session = &self.given.session;
        assert!(amount.is_zero() || session.charged <= session.escrow());
        let taken = self.contract.waiting.iter().map(|(fact, _, _)| match fact {
            Fact::Withdrawn { amount } => amount.decimal(),
            _ => Decimal::ZERO,
        });
        let there = session.escrow().decimal() - taken.sum::<Decimal>();
        let missing = |charged: Decimal| (charged - there).max(Decimal::ZERO);
        let late = missing(session.charged.decimal()) - missing(session.charged.decimal() - amount.decimal());
        self.overtaken += late;
        self.captured_late += late;
    }

    /// Time passes, and the sweep comes.
    pub(super) fn end_holds(&mut self) {
        self.now += TimeDelta::days(9_999);
        while !self.when(sweep()).unwrap().is_empty() {}
        assert!(self.given.session.holds.is_empty() && self.given.session.held.is_zero());
        assert!(self.known.values().all(|known| known.ended));
    }
}
