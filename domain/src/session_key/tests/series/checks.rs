//! What must hold in a series, of the money above all.

use super::*;

impl Series {
    pub(super) fn check_charge(&mut self, charged: &SessionCharged) {
        self.count(self.period(), charged.amount);
        self.check_promise(charged.amount, self.period());
    }

    pub(super) fn period(&self) -> i64 {
        (self.now - at(VALID_AFTER)).num_seconds() / i64::from(PERIOD_SECS)
    }

    pub(super) fn count(&mut self, period: i64, amount: Amount) {
        let used = self.by_period.entry(period).or_default();
        *used = used.plus(amount);
    }

    /// So much more was charged or is held, in this period.
    pub(super) fn check_promise(&mut self, amount: Amount, period: i64) {
        let session = &self.given.session;
        self.deaf |= self.contract.waiting.iter().any(|(_, _, heard)| !heard);
        let promised = session.charged.plus(session.held);
        if !amount.is_zero() && !self.deaf {
            // Nothing is promised that the owner has taken, or may take before it can be claimed.
            let left = self.contract.escrow.saturating_sub(self.contract.wanted.unwrap_or_default());
            assert!(promised <= units(left), "{promised} of {left}");
        }
        if let Some(limit) = self.case.period_limit {
            let used = self.by_period.get(&period).copied().unwrap_or_default();
            assert!(used.plus(self.held_in(period)) <= units(limit), "{used} and what is held");
        }
    }

    fn check_period(&self) {
        let Some(start) = self.given.session.grant.as_ref().and_then(|grant| grant.terms.period_start(self.now)) else {
            return;
        };
        let used = self.by_period.get(&self.period()).copied().unwrap_or_default();
        assert_eq!(self.given.session.period_used(start), used);
        assert_eq!(self.given.session.period_held(start), self.held_in(self.period()));
    }

    pub(super) fn check_plan(&self, planned: &ClaimPlanned) {
        let session = &self.given.session;
        assert_eq!(planned.amount, planned.total_claimed.minus(session.claimed));
        assert_eq!(planned.total_claimed, planned.charged_to.rounded_down(DECIMALS).min(session.escrow()));
        // There is a charge to show for it.
        assert!(planned.charged_from < planned.charged_to && planned.charged_to == session.charged);
        if self.case.custody == Custody::Client {
            assert!(planned.voucher.unwrap().max_claimable >= planned.total_claimed);
        }
        if let Some(limit) = self.case.period_limit {
            // As the contract counts: late claims of what was earned in time are never above its limit.
            let until = self.now.min(at(VALID_UNTIL)) - at(VALID_AFTER);
            let periods = 1 + u128::try_from(until.num_seconds() / i64::from(PERIOD_SECS)).unwrap();
            assert!(planned.total_claimed <= units(limit * periods));
        }
    }

    pub(super) fn check_end(&self) {
        let session = &self.given.session;
        assert!(session.holds.is_empty());
        assert_eq!(session.claimed, session.escrow());
    }

    pub(super) fn check(&self) {
        let session = &self.given.session;
        self.check_period();
        if self.case.custody == Custody::Client {
            // What is held can be captured without another signature.
            let needed = session.charged.plus(session.held).rounded_up(DECIMALS).unwrap();
            assert!(session.voucher.map_or(Amount::ZERO, |kept| kept.max_claimable) >= needed);
        }
        let escrow = session.deposited.decimal() - session.withdrawn.decimal();
        // What was never claimed is written off at the end.
        let earned = if session.closed { session.claimed } else { session.charged }.decimal();
        let rest = escrow - earned;
        assert!(self.deaf || rest >= -self.overtaken, "{rest} is left, owners took {}", self.overtaken);
        assert!(session.claimed <= session.charged.rounded_down(DECIMALS));
        assert!(session.claimed.decimal() <= escrow);

        let kept = |account| self.journal.get(&account).copied().unwrap_or_default();
        assert_eq!(self.journal.values().sum::<Decimal>(), Decimal::ZERO);
        assert_eq!(kept(JournalAccount::CustomerHeld(customer())), session.held.decimal());
        assert_eq!(kept(JournalAccount::CustomerEscrow(customer())), rest - session.held.decimal());
        assert_eq!(-kept(JournalAccount::ChainEscrow), rest);
        assert_eq!(kept(JournalAccount::Revenue), earned);
        let in_settlement = session.open_claim.as_ref().map_or(Amount::ZERO, |open| open.amount);
        assert_eq!(-kept(JournalAccount::MerchantInSettlement), in_settlement.decimal());
        // No settlement is final here, so nothing has left the clearing account.
        assert_eq!(-kept(JournalAccount::ChainClearing), session.claimed.decimal());
        let assets =
            [JournalAccount::MerchantAccrued, JournalAccount::MerchantInSettlement, JournalAccount::ChainClearing];
        for account in assets {
            assert!(kept(account) <= Decimal::ZERO, "{account} is an asset");
        }
        assert_eq!(-assets.map(kept).iter().sum::<Decimal>(), earned);
    }
}
