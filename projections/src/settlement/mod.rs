//! What was earned with session keys and how it comes to the payee: per session key what is to be
//! claimed, per settlement its claims and what became of them. Single payments are here too: which there are.
//!
//! `sessions`, `settlements`, `relays` and `exact` fold; `due` says what there is to do, `query` what is shown.

use std::sync::Arc;

use async_trait::async_trait;
use domain::LedgerEvent;
use sqlx::PgConnection;

use crate::projection::{Decoded, Projection, ProjectionError};

mod due;
mod exact;
mod query;
mod relays;
mod sessions;
mod settlements;

pub use due::{
    Candidate, DueWithdrawal, EndingSession, LaneKey, LaneTotals, OpenSettlement, candidates, count_parked,
    count_settlements, first_granted_at, is_more_under_way, is_under_way, lanes_due, sessions_in, sessions_to_end,
    settlements_to_advance, withdrawals_due,
};
pub use exact::{ExactPaymentRow, exact_payments, submitted_exact_payments};
pub use query::{
    ClaimRow, SessionTotals, SettlementRow, claim_of_charge, claims, session_totals, settlement, settlements,
};
pub use relays::{PendingRelay, pending_relays};

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct Settlement;

#[async_trait]
impl Projection for Settlement {
    fn name(&self) -> &'static str {
        "settlement"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["settlement_sessions", "settlements", "settlement_claims", "settlement_relays", "exact_payments"]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        let is_ours = |event: &LedgerEvent| {
            matches!(event, LedgerEvent::SessionKey(_) | LedgerEvent::Settlement(_) | LedgerEvent::ExactPayment(_))
        };
        events.iter().filter_map(|decoded| decoded.event.as_ref().ok()).any(is_ours)
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        sessions::apply(connection, events).await?;
        relays::apply(connection, events).await?;
        settlements::apply(connection, events).await?;
        exact::apply(connection, events).await
    }
}
