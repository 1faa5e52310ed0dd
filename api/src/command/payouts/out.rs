//! A payout file as it is shown.

use chrono::{DateTime, Utc};
use domain::ids::{ConnectorId, PaymentId, PayoutId, RefundId};
use domain::payout::{LineState, OpenCause, Payout, PayoutLine};
use serde::Serialize;
use utoipa::ToSchema;

/// A payout file.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutOut {
    /// Always `payout`.
    pub object: &'static str,
    /// Its id: follows from its content.
    #[schema(value_type = String)]
    pub id: PayoutId,
    /// From whom.
    #[schema(value_type = String)]
    pub connector_id: ConnectorId,
    /// When it was paid out, if all its lines say the same.
    pub paid_out_at: Option<DateTime<Utc>>,
    /// When it was taken in.
    pub imported_at: DateTime<Utc>,
    /// How many lines are what the ledger says.
    pub matched: usize,
    /// How many are open items.
    pub open: usize,
    /// How many somebody has explained.
    pub closed: usize,
    /// Its lines, in order.
    pub lines: Vec<PayoutLineOut>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

/// A line of a payout file, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutLineOut {
    /// Its place, from 0.
    pub index: usize,
    /// `matched`, `open` or `closed`.
    pub state: &'static str,
    /// Why it is open: `unknown`, `amount_differs`, `currency_differs`, `not_succeeded`, `paid_out_twice` or
    /// `no_payment` (a fee, an adjustment).
    #[schema(value_type = Option<String>)]
    pub cause: Option<OpenCause>,
    /// Why it is none any more, in words.
    pub explanation: Option<String>,
    /// The payment that it matches.
    #[schema(value_type = Option<String>)]
    pub payment_id: Option<PaymentId>,
    /// The refund that it matches.
    #[schema(value_type = Option<String>)]
    pub refund_id: Option<RefundId>,
    /// The dispute that it matches, by the provider's id.
    pub dispute_id: Option<String>,
    /// The provider's id for it.
    pub provider_line_id: String,
    /// The provider's id for what it is about.
    pub source_id: Option<String>,
    /// The provider's kind.
    pub category: String,
    /// In this currency.
    pub currency: String,
    /// Before fees; less than zero for what went back.
    pub gross: String,
    /// What the provider kept.
    pub fee: String,
    /// After fees.
    pub net: String,
}

impl PayoutLineOut {
    fn new(index: usize, line: &PayoutLine, state: &LineState) -> Self {
        let mut out = Self {
            index,
            state: "",
            cause: None,
            explanation: None,
            payment_id: None,
            refund_id: None,
            dispute_id: None,
            provider_line_id: line.provider_line_id.clone(),
            source_id: line.source_id.clone(),
            category: line.category.clone(),
            currency: line.currency.to_string(),
            gross: line.gross.to_string(),
            fee: line.fee.to_string(),
            net: line.net.to_string(),
        };
        match state {
            LineState::Matched { payment_id, refund_id, dispute_id } => {
                out.state = "matched";
                out.payment_id = Some(*payment_id);
                out.refund_id = *refund_id;
                out.dispute_id.clone_from(dispute_id);
            }
            LineState::Open { cause } => {
                out.state = "open";
                out.cause = Some(*cause);
            }
            LineState::Closed { explanation } => {
                out.state = "closed";
                out.explanation = Some(explanation.clone());
            }
        }
        out
    }
}

impl PayoutOut {
    /// From the domain's payout file; `None` when there is none.
    pub fn new(payout: &Payout, position: Option<String>) -> Option<Self> {
        let lines = payout.lines.iter().enumerate();
        let lines: Vec<_> = lines.map(|(index, (line, state))| PayoutLineOut::new(index, line, state)).collect();
        let count = |state: &str| lines.iter().filter(|line| line.state == state).count();
        Some(Self {
            object: "payout",
            id: payout.payout_id?,
            connector_id: payout.connector_id?,
            paid_out_at: payout.paid_out_at,
            imported_at: payout.imported_at?,
            matched: count("matched"),
            open: count("open"),
            closed: count("closed"),
            lines,
            position,
        })
    }
}
