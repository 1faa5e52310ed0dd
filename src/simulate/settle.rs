//! Waiting until what the session keys of a run were charged is settled: until none of them is in a
//! settlement, none is about to be, and what is left is less than settlements are opened for.

use std::time::Duration;

use domain::money::Currency;
use rust_decimal::Decimal;
use tokio::time::{Instant, sleep};

use super::client::{Client, Position};
use super::enrol::{EnrolError, Enrolled};
use super::progress::Progress;
use super::session_api::{SessionKeyState, SettlementState};
use super::sessions::states;

/// The threshold of an organization and an installation that set none, in USDC.
const THRESHOLD_USUAL: Decimal = Decimal::TEN;
/// How long settling may take.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(500);
/// It must look settled so many times in a row: a settlement may be opened just after a look.
const LOOKS: u32 = 3;

/// How waiting ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Everything that was due is final.
    Settled,
    /// It is not, and why.
    Stuck(String),
}

/// What still holds it up.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    /// Session keys that are in a settlement.
    in_settlement: usize,
    /// Settlements of the payee under way.
    open: usize,
    /// What claims would bring now, in USDC.
    claimable: Decimal,
    /// A settlement that waits for a person.
    parked: Option<String>,
}

impl Look {
    fn new(payers: &[Enrolled], states: &[SessionKeyState], settlements: &[SettlementState]) -> Self {
        let paid = |settlement: &SettlementState| {
            payers.iter().any(|payer| payer.session.as_ref().is_some_and(|s| s.terms.payee == settlement.payee))
        };
        let own = |id: &str| states.iter().any(|state| state.in_settlement.as_deref() == Some(id));
        let parked = settlements.iter().find(|settlement| settlement.status == "parked" && own(&settlement.id));
        Self {
            in_settlement: states.iter().filter(|state| state.in_settlement.is_some()).count(),
            open: settlements.iter().filter(|settlement| settlement.is_open() && paid(settlement)).count(),
            claimable: states.iter().map(claimable).sum(),
            parked: parked.map(|settlement| {
                let reason = settlement.reason.as_deref().unwrap_or("no reason given");
                format!("the settlement {} is parked: {reason}", settlement.id)
            }),
        }
    }

    fn is_settled(&self, threshold: Decimal) -> bool {
        self.in_settlement == 0 && self.open == 0 && self.claimable < threshold
    }
}

/// What a claim would bring: whole atomic units that are in escrow.
fn claimable(state: &SessionKeyState) -> Decimal {
    let earned = state.charged.trunc_with_scale(Currency::USDC.minor_unit());
    (earned.min(state.deposited - state.withdrawn) - state.claimed).max(Decimal::ZERO)
}

/// Waits, and shows what for. `threshold` is from how much on the organization settles, where that is known;
/// `at` is the last charge's position.
pub async fn wait(
    client: &Client,
    payers: &[Enrolled],
    threshold: Option<Decimal>,
    at: Position,
    parallel: usize,
) -> Result<End, EnrolError> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    let threshold = threshold.unwrap_or(THRESHOLD_USUAL);
    let mut progress = Progress::new("settling", payers.len());
    let mut settled_looks = 0;
    loop {
        let states = states(client, payers.iter(), parallel).await?;
        let settlements = client.settlements(at).await;
        let settlements =
            settlements.map_err(|source| EnrolError { what: "the end: settlements".to_owned(), source })?;
        let look = Look::new(payers, &states, &settlements);
        progress.set(payers.len() - look.in_settlement);
        progress.tick(format!("{} settlements under way, {} USDC unsettled", look.open, look.claimable.normalize()));
        settled_looks = if look.is_settled(threshold) { settled_looks + 1 } else { 0 };
        if settled_looks == LOOKS {
            return Ok(End::Settled);
        }
        if let Some(parked) = look.parked {
            return Ok(End::Stuck(parked));
        }
        if Instant::now() >= deadline {
            return Ok(End::Stuck(format!(
                "settling did not end within {} s: {} settlements under way, {} session keys in one, {} USDC unsettled \
                 (settled at {threshold})",
                SETTLED_WITHIN.as_secs(),
                look.open,
                look.in_settlement,
                look.claimable.normalize()
            )));
        }
        sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(charged: &str, claimed: &str, in_settlement: Option<&str>) -> SessionKeyState {
        let usdc = |text: &str| Decimal::from_str_exact(text).unwrap();
        SessionKeyState {
            status: "active".to_owned(),
            deposited: usdc("5"),
            withdrawn: Decimal::ZERO,
            charged: usdc(charged),
            claimed: usdc(claimed),
            unsettled: usdc(charged) - usdc(claimed),
            in_settlement: in_settlement.map(str::to_owned),
        }
    }

    fn settlement(id: &str, status: &str) -> SettlementState {
        let json = serde_json::json!({
            "id": id, "status": status, "payee": format!("0x{}", "05".repeat(20)), "reason": "reverted",
        });
        serde_json::from_value(json).unwrap()
    }

    fn payers() -> Vec<Enrolled> {
        use crate::simulate::wallet::Session;
        let terms = crate::simulate::owner::tests::terms(&chain::networks::NETWORKS[0]);
        let session = Session { id: "ses_1".to_owned(), terms, key: None, owes: Decimal::ONE };
        let position = Position::try_from("0:1".to_owned()).unwrap();
        vec![Enrolled { id: "cus_1".to_owned(), granted: Decimal::ONE, session: Some(session), position }]
    }

    #[test]
    fn only_whole_units_in_escrow_are_claimed() {
        assert_eq!(claimable(&state("1.5000009", "1", None)), Decimal::new(500_000, 6));
        assert_eq!(claimable(&state("0.0000009", "0", None)), Decimal::ZERO);
        assert_eq!(claimable(&state("7", "1", None)), Decimal::from(4));
    }

    #[test]
    fn it_is_settled_when_nothing_is_under_way_and_little_is_left() {
        let look = |states: &[SessionKeyState], settlements: &[SettlementState]| {
            Look::new(&payers(), states, settlements).is_settled(Decimal::TWO)
        };
        let little = [state("1.999999", "0", None)];
        assert!(look(&little, &[]));
        assert!(look(&little, &[settlement("stl_1", "finalized"), settlement("stl_2", "parked")]));
        assert!(!look(&little, &[settlement("stl_1", "mined")]));
        assert!(!look(&[state("2", "0", None)], &[]));
        assert!(!look(&[state("1.999999", "0", Some("stl_1"))], &[]));
        let foreign = SettlementState { payee: domain::evm::Address([9; 20]), ..settlement("stl_1", "opened") };
        assert!(look(&little, &[foreign]), "another payee's");
    }

    #[test]
    fn a_parked_settlement_of_the_run_ends_the_waiting() {
        let parked = [settlement("stl_2", "parked")];
        let look = |id| Look::new(&payers(), &[state("2", "0", Some(id))], &parked).parked;
        assert_eq!(look("stl_1"), None);
        assert_eq!(look("stl_2").unwrap(), "the settlement stl_2 is parked: reverted");
    }
}
