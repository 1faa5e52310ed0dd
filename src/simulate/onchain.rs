//! Following the money of session keys from the ledger to the payee: what the ledger says was claimed,
//! what the contract says, which settlements paid for it, and what the token says arrived.
//!
//! A settlement may pay claims of other session keys with the same payee, earlier runs' for one. What
//! those claimed is taken off both sides, so only this run's is compared. The session keys of a run are
//! new, so all that was ever claimed of them lies between the run's beginning and its end.

use std::collections::{BTreeSet, HashMap};

use chain::facts;
use domain::evm::{Address, Bytes32};
use domain::money::Currency;
use domain::session_key::Fact;
use futures::stream::{self, StreamExt, TryStreamExt};
use rust_decimal::Decimal;

use super::client::{Client, Position};
use super::enrol::{EnrolError, Enrolled};
use super::session_api::SettlementState;
use super::sessions::states;
use super::transport::CallError;

/// What everybody says of one session key, in USDC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// The ledger: deposited less withdrawn.
    pub deposited: Decimal,
    /// The ledger: charged.
    pub charged: Decimal,
    /// The ledger: claimed.
    pub claimed: Decimal,
    /// The API: charged and not claimed.
    pub unsettled: Decimal,
    /// The contract: deposits less withdrawals.
    pub escrow: Decimal,
    /// The contract: claimed.
    pub on_chain: Decimal,
    /// The contract's `Claimed` events, in sum.
    pub events: Decimal,
    /// The claims of final settlements that were paid, in sum.
    pub paid: Decimal,
    /// Why a claim was skipped, the last if several were.
    pub skipped: Option<String>,
}

/// The settlements that paid for a run, all final.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlements {
    /// How many.
    pub count: usize,
    /// Claims that were paid with them, of other session keys too.
    pub claims: u64,
    /// Gas they took.
    pub gas: u64,
}

/// Where the money of a run is.
#[derive(Debug, Default)]
pub struct Trail {
    /// By session.
    pub sessions: Vec<Followed>,
    /// What paid.
    pub settlements: Settlements,
    /// What the settlements say they transferred to the payee, for this run.
    pub settled: Decimal,
    /// What the token says was transferred from the contract to the payee, for this run.
    pub transferred: Decimal,
}

/// Why the trail cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// The ledger does not answer.
    #[error(transparent)]
    Ledger(#[from] EnrolError),
    /// Nor does it here.
    #[error("cannot read settlements: {0}")]
    Settlements(#[from] CallError),
    /// The chain does not answer.
    #[error(transparent)]
    Chain(#[from] chain::ChainError),
}

/// Follows the money of these session keys. `from_block` is the first of the run.
pub async fn follow(
    client: &Client,
    chain: &chain::Client,
    payers: &[Enrolled],
    from_block: u64,
    at: Position,
    parallel: usize,
) -> Result<Trail, TrailError> {
    let to_block = chain.head().await?.number;
    let payees: BTreeSet<Address> =
        payers.iter().filter_map(|payer| Some(payer.session.as_ref()?.terms.payee)).collect();
    let states = states(client, payers.iter(), parallel).await?;
    let views: Vec<_> = stream::iter(payers.iter().filter_map(|payer| payer.session.as_ref()))
        .map(|session| chain.session(&session.terms))
        .buffered(parallel)
        .try_collect()
        .await?;
    let sessions = states.iter().zip(&views).map(|(state, view)| Followed {
        deposited: state.deposited - state.withdrawn,
        charged: state.charged,
        claimed: state.claimed,
        unsettled: state.unsettled,
        escrow: view.escrow.decimal(),
        on_chain: view.claimed.decimal(),
        ..Followed::default()
    });
    let mut trail = Trail { sessions: sessions.collect(), ..Trail::default() };

    let own: HashMap<Bytes32, usize> = payers
        .iter()
        .filter_map(|payer| payer.session.as_ref())
        .enumerate()
        .map(|(index, session)| (session.terms.session_id, index))
        .collect();
    for payee in &payees {
        let transfers = chain.transfers(*payee, from_block, to_block).await?;
        trail.transferred += transfers.iter().map(|transfer| transfer.amount.decimal()).sum::<Decimal>();
    }
    for seen in facts::read_all(&chain.logs(from_block, to_block).await?, Currency::USDC.minor_unit()) {
        if let (Fact::Claimed { amount, .. }, Some(payee)) = (seen.fact, seen.payee) {
            trail.take_in_event(own.get(&seen.session_id).copied(), payees.contains(&payee), amount.decimal());
        }
    }
    for settlement in client.settlements(at).await? {
        if payees.contains(&settlement.payee) && in_blocks(&settlement, from_block, to_block) {
            trail.take_in(&client.settlement(&settlement.id, at).await?, &own);
        }
    }
    Ok(trail)
}

fn in_blocks(settlement: &SettlementState, from: u64, to: u64) -> bool {
    let block = settlement.transaction.as_ref().and_then(|transaction| transaction.block_number);
    settlement.status == "finalized" && block.is_some_and(|block| (from..=to).contains(&block))
}

impl Trail {
    /// A claim on chain: of one of the run's sessions, or else taken off what the payee got.
    fn take_in_event(&mut self, own: Option<usize>, same_payee: bool, amount: Decimal) {
        match own {
            Some(index) => self.sessions[index].events += amount,
            None if same_payee => self.transferred -= amount,
            None => {}
        }
    }

    /// A final settlement of the payee.
    fn take_in(&mut self, settlement: &SettlementState, own: &HashMap<Bytes32, usize>) {
        let claims = settlement.claim_details.as_deref().unwrap_or_default();
        let mut others = Decimal::ZERO;
        let mut is_own = false;
        for claim in claims {
            let is_paid = claim.outcome == "settled";
            match own.get(&claim.session_id) {
                Some(index) => {
                    is_own = true;
                    let session = &mut self.sessions[*index];
                    if is_paid {
                        session.paid += claim.amount;
                    } else {
                        session.skipped = claim.skip_reason.clone().or_else(|| Some(claim.outcome.clone()));
                    }
                }
                None if is_paid => others += claim.amount,
                None => {}
            }
        }
        self.settled += settlement.transferred.unwrap_or_default() - others;
        if is_own {
            self.settlements.count += 1;
            self.settlements.claims += settlement.settled.unwrap_or_default();
            let gas = settlement.transaction.as_ref().and_then(|transaction| transaction.gas_used);
            self.settlements.gas += gas.unwrap_or_default();
        }
    }

    /// A sum over all sessions.
    pub fn sum(&self, figure: impl Fn(&Followed) -> Decimal) -> Decimal {
        self.sessions.iter().map(figure).sum()
    }

    /// Everything that does not agree, by session; and in total, where there is no session to name.
    pub fn differences(&self) -> Vec<(Option<usize>, String)> {
        let mut found: Vec<_> = self
            .sessions
            .iter()
            .enumerate()
            .filter_map(|(index, session)| Some((Some(index), session.differences()?)))
            .collect();
        let claimed = self.sum(|session| session.claimed);
        for (what, total) in [("transferred to the payee", self.transferred), ("settlements transferred", self.settled)]
        {
            if total != claimed {
                let (total, claimed) = (total.normalize(), claimed.normalize());
                found.push((None, format!("{what} {total} where the ledger has {claimed} claimed")));
            }
        }
        found
    }
}

impl Followed {
    /// What does not agree, in words.
    fn differences(&self) -> Option<String> {
        let mut words = Vec::new();
        let mut check = |what: &str, found: Decimal, expected: Decimal| {
            if found != expected {
                words.push(format!("{what} {} instead of {}", found.normalize(), expected.normalize()));
            }
        };
        check("claimed on chain", self.on_chain, self.claimed);
        check("claimed by events of the contract", self.events, self.claimed);
        check("paid by settlements", self.paid, self.claimed);
        check("in escrow on chain", self.escrow, self.deposited);
        check("unsettled", self.unsettled, self.charged - self.claimed);
        (!words.is_empty()).then(|| words.join(", ")).map(|words| match &self.skipped {
            Some(reason) => format!("{words} (a claim was skipped: {reason})"),
            None => words,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::session_api::{Claim, Transaction};

    fn usdc(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn followed(charged: &str, claimed: &str) -> Followed {
        let (charged, claimed) = (usdc(charged), usdc(claimed));
        Followed {
            deposited: usdc("9"),
            escrow: usdc("9"),
            charged,
            claimed,
            unsettled: charged - claimed,
            on_chain: claimed,
            ..Followed::default()
        }
    }

    fn claim(session: u8, amount: &str, outcome: &str) -> Claim {
        let (session_id, amount, outcome) = (Bytes32([session; 32]), usdc(amount), outcome.to_owned());
        let skip_reason = (outcome == "skipped").then(|| "above_escrow".to_owned());
        Claim { session_id, amount, outcome, skip_reason }
    }

    fn settlement(transferred: &str, claims: Vec<Claim>) -> SettlementState {
        SettlementState {
            id: "stl_1".to_owned(),
            status: "finalized".to_owned(),
            payee: Address([5; 20]),
            transferred: Some(usdc(transferred)),
            settled: Some(claims.iter().filter(|claim| claim.outcome == "settled").count() as u64),
            transaction: Some(Transaction { block_number: Some(7), gas_used: Some(100_000) }),
            claim_details: Some(claims),
            reason: None,
        }
    }

    fn own() -> HashMap<Bytes32, usize> {
        HashMap::from([(Bytes32([1; 32]), 0), (Bytes32([2; 32]), 1)])
    }

    /// Two sessions; one settlement pays both and an earlier run's as well.
    fn trail() -> Trail {
        let sessions = vec![followed("1.5000009", "1.5"), followed("2", "2")];
        let mut trail = Trail { sessions, transferred: usdc("7.5"), ..Trail::default() };
        trail.take_in_event(Some(0), true, usdc("1.5"));
        trail.take_in_event(Some(1), true, usdc("2"));
        trail.take_in_event(None, true, usdc("4"));
        trail.take_in_event(None, false, usdc("100"));
        let claims = vec![claim(1, "1.5", "settled"), claim(9, "4", "settled"), claim(2, "2", "settled")];
        trail.take_in(&settlement("7.5", claims), &own());
        trail
    }

    #[test]
    fn what_others_claimed_is_taken_off() {
        let trail = trail();
        assert_eq!(trail.differences(), []);
        assert_eq!((trail.transferred, trail.settled), (usdc("3.5"), usdc("3.5")));
        assert_eq!(trail.settlements, Settlements { count: 1, claims: 3, gas: 100_000 });
        assert_eq!(trail.sum(|session| session.unsettled), usdc("0.0000009"));
    }

    #[test]
    fn settlements_that_pay_others_only_are_not_the_runs() {
        let mut trail = trail();
        trail.take_in(&settlement("4", vec![claim(9, "4", "settled")]), &own());
        assert_eq!((trail.differences(), trail.settlements.count), (vec![], 1));
    }

    #[test]
    fn each_place_that_disagrees_is_named() {
        let mut changed = trail();
        changed.sessions[1].on_chain = usdc("1.999999");
        let differences = changed.differences();
        assert_eq!(differences, [(Some(1), "claimed on chain 1.999999 instead of 2".to_owned())]);

        let mut changed = trail();
        changed.transferred -= usdc("0.000001");
        let difference = "transferred to the payee 3.499999 where the ledger has 3.5 claimed";
        assert_eq!(changed.differences(), [(None, difference.to_owned())]);

        for change in [
            |session: &mut Followed| session.events += Decimal::ONE,
            |session: &mut Followed| session.paid += Decimal::ONE,
            |session: &mut Followed| session.escrow += Decimal::ONE,
            |session: &mut Followed| session.unsettled += Decimal::ONE,
        ] {
            let mut changed = trail();
            change(&mut changed.sessions[0]);
            assert_eq!(changed.differences().len(), 1);
        }
    }

    #[test]
    fn a_skipped_claim_tells_why() {
        let mut trail = Trail { sessions: vec![followed("2", "2")], ..Trail::default() };
        trail.take_in(&settlement("0", vec![claim(1, "2", "skipped")]), &own());
        let (session, words) = &trail.differences()[0];
        assert_eq!(*session, Some(0));
        assert!(words.contains("paid by settlements 0 instead of 2"), "{words}");
        assert!(words.ends_with("(a claim was skipped: above_escrow)"), "{words}");
    }

    #[test]
    fn only_final_settlements_within_the_run_count() {
        let within = |status: &str, from, to| {
            in_blocks(&SettlementState { status: status.to_owned(), ..settlement("1", vec![]) }, from, to)
        };
        assert!(within("finalized", 7, 7));
        assert!(!within("finalized", 8, 9) && !within("finalized", 1, 6) && !within("mined", 1, 9));
    }
}
