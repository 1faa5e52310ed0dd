//! Payout files: what a payment provider says that it paid out, line by line, against the ledger. Each line is matched
//! with a payment, a refund or a dispute, or stays an open item until somebody closes it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::ids::{ConnectorId, OrganizationId, PaymentId, PayoutId, RefundId};
use crate::money::{Currency, SignedAmount};

/// How many lines a file may have.
pub const PAYOUT_LINES_MAX: usize = 10_000;
/// The category of a line of what the provider took for a dispute.
pub const DISPUTE: &str = "dispute";
/// The category of a line of what came back because a dispute was won.
pub const DISPUTE_REVERSAL: &str = "dispute_reversal";

/// State of a payout file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Payout {
    /// Whose; `None` until it was imported.
    pub organization_id: Option<OrganizationId>,
    /// Its lines and what became of them.
    pub lines: Vec<(PayoutLine, LineState)>,
    /// Its id.
    #[serde(default)]
    pub payout_id: Option<PayoutId>,
    /// From whom.
    #[serde(default)]
    pub connector_id: Option<ConnectorId>,
    /// When it was paid out, if the file says so.
    #[serde(default)]
    pub paid_out_at: Option<Timestamp>,
    /// When it was imported.
    #[serde(default)]
    pub imported_at: Option<Timestamp>,
}

/// A line of a payout file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutLine {
    /// The provider's id for the line, unique in the file.
    pub provider_line_id: String,
    /// The provider's id for the payment, the refund or the dispute that it is about.
    pub source_id: Option<String>,
    /// Of a line about a dispute, the provider's id for the payment: by that it is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_source_id: Option<String>,
    /// The provider's kind, for example `charge`, `refund`, `fee`.
    pub category: String,
    /// In this currency.
    pub currency: Currency,
    /// Before fees; less than zero for what went back.
    pub gross: SignedAmount,
    /// What the provider kept.
    pub fee: SignedAmount,
    /// After fees.
    pub net: SignedAmount,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LineState {
    /// It is what the ledger says.
    Matched {
        /// The payment.
        payment_id: PaymentId,
        /// The refund, when it is about one.
        refund_id: Option<RefundId>,
        /// The dispute, by the provider's id, when it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dispute_id: Option<String>,
    },
    /// The ledger says otherwise, or knows nothing of it.
    Open {
        /// Why.
        cause: OpenCause,
    },
    /// A person has explained it.
    Closed {
        /// In words.
        explanation: String,
    },
}

/// Why a line is an open item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenCause {
    /// The ledger knows no such payment or refund, or no payment that such a dispute is of.
    Unknown,
    /// It knows it with another amount.
    AmountDiffers,
    /// It knows it in another currency.
    CurrencyDiffers,
    /// It knows it, and not that it has succeeded; of a dispute, that it was opened or won.
    NotSucceeded,
    /// An earlier line was about it already.
    PaidOutTwice,
    /// It is about no payment: a fee, an adjustment.
    NoPayment,
}

/// A command.
#[derive(Debug, Clone)]
pub struct PayoutCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Take in a file, with what became of each line.
    Import(Box<Imported>),
    /// Explain an open item.
    Close {
        /// Its place in the file, from 0.
        index: u32,
        /// In words.
        explanation: String,
    },
}

event_enum! {
    /// What can have happened to a payout file.
    PayoutEvent in Payout::CATEGORY;
    /// It was taken in.
    Imported(Box<Imported>) = "imported", 1;
    /// An open item was explained.
    LineClosed(LineClosed) = "line_closed", 1;
}

/// Payload of `payout.imported`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// Its id: derives from its content, so that a file is taken in once.
    pub payout_id: PayoutId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// From whom.
    pub connector_id: ConnectorId,
    /// When it was paid out, if the file says so.
    pub paid_out_at: Option<Timestamp>,
    /// SHA-256 of the file, in hexadecimal digits.
    pub file_sha256: String,
    /// Its lines and what became of them.
    pub lines: Vec<(PayoutLine, LineState)>,
}

/// Payload of `payout.line_closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineClosed {
    /// The file.
    pub payout_id: PayoutId,
    /// The line's place in it, from 0.
    pub index: u32,
    /// In words.
    pub explanation: String,
}

impl EventPayload for PayoutEvent {
    payload_methods!();
}

/// Why a payout file's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayoutError {
    /// There is none, or it is another organization's.
    #[error("there is no such payout file")]
    NotFound,
    /// It was taken in before.
    #[error("the payout file was taken in already")]
    AlreadyImported,
    /// The line is not open.
    #[error("the line is not an open item")]
    NotOpen,
}

impl PayoutLine {
    /// Whether a category is one of lines about disputes.
    pub fn is_of_dispute(category: &str) -> bool {
        matches!(category, DISPUTE | DISPUTE_REVERSAL)
    }
}

impl Payout {
    fn line_mut(&mut self, index: u32) -> Option<&mut (PayoutLine, LineState)> {
        self.lines.get_mut(usize::try_from(index).ok()?)
    }

    /// Whether the line at this place is an open item.
    fn is_open(&self, index: u32) -> bool {
        let line = usize::try_from(index).ok().and_then(|index| self.lines.get(index));
        line.is_some_and(|(_, state)| matches!(state, LineState::Open { .. }))
    }
}

impl Aggregate for Payout {
    const CATEGORY: &'static str = "payout";
    const STATE_VERSION: i16 = 1;
    type Command = PayoutCommand;
    type Event = PayoutEvent;
    type Error = PayoutError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        match (&command.action, self.payout_id) {
            (Action::Import(_), Some(_)) => Err(PayoutError::AlreadyImported),
            (Action::Import(imported), None) => Ok(vec![PayoutEvent::Imported(imported.clone())]),
            (Action::Close { index, explanation }, Some(payout_id))
                if self.organization_id == Some(command.organization_id) =>
            {
                if !self.is_open(*index) {
                    return Err(PayoutError::NotOpen);
                }
                let closed = LineClosed { payout_id, index: *index, explanation: explanation.clone() };
                Ok(vec![PayoutEvent::LineClosed(closed)])
            }
            (Action::Close { .. }, _) => Err(PayoutError::NotFound),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            PayoutEvent::Imported(imported) => {
                self.organization_id = Some(imported.organization_id);
                self.lines.clone_from(&imported.lines);
                self.payout_id = Some(imported.payout_id);
                self.connector_id = Some(imported.connector_id);
                self.paid_out_at = imported.paid_out_at;
                self.imported_at = Some(occurred_at);
            }
            PayoutEvent::LineClosed(closed) => {
                if let Some((_, state)) = self.line_mut(closed.index) {
                    *state = LineState::Closed { explanation: closed.explanation.clone() };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn line(id: &str) -> PayoutLine {
        PayoutLine {
            provider_line_id: id.into(),
            source_id: Some(format!("ch_{id}")),
            payment_source_id: None,
            category: "charge".into(),
            currency: Currency::USD,
            gross: "10".parse().unwrap(),
            fee: "0.59".parse().unwrap(),
            net: "9.41".parse().unwrap(),
        }
    }

    fn imported() -> Action {
        let payment_id = PaymentId::new(Uuid::from_u128(4));
        let matched = LineState::Matched { payment_id, refund_id: None, dispute_id: None };
        let open = LineState::Open { cause: OpenCause::Unknown };
        Action::Import(Box::new(Imported {
            payout_id: PayoutId::new(Uuid::from_u128(2)),
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            connector_id: ConnectorId::new(Uuid::from_u128(3)),
            paid_out_at: None,
            file_sha256: "00ff".into(),
            lines: vec![(line("1"), matched), (line("2"), open)],
        }))
    }

    fn run(payout: &mut Payout, owner: u128, action: Action) -> Result<usize, PayoutError> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let command = PayoutCommand { organization_id: OrganizationId::new(Uuid::from_u128(owner)), action };
        let events = payout.handle_command(&command, now)?;
        for event in &events {
            payout.apply_event(event, now);
        }
        Ok(events.len())
    }

    fn close(index: u32) -> Action {
        Action::Close { index, explanation: "the bank's own fee".into() }
    }

    #[test]
    fn an_open_line_is_closed_once() {
        let mut payout = Payout::default();
        assert_eq!(run(&mut payout, 1, close(1)), Err(PayoutError::NotFound));
        assert_eq!(run(&mut payout, 1, imported()), Ok(1));
        assert_eq!(run(&mut payout, 1, imported()), Err(PayoutError::AlreadyImported));
        assert_eq!(run(&mut payout, 1, close(0)), Err(PayoutError::NotOpen), "it is matched");
        assert_eq!(run(&mut payout, 1, close(2)), Err(PayoutError::NotOpen), "there is none");
        assert_eq!(run(&mut payout, 1, close(1)), Ok(1));
        assert_eq!(payout.lines[1].1, LineState::Closed { explanation: "the bank's own fee".into() });
        assert_eq!(run(&mut payout, 1, close(1)), Err(PayoutError::NotOpen), "it is closed");
    }

    #[test]
    fn another_organizations_file_is_not_there() {
        let mut payout = Payout::default();
        run(&mut payout, 1, imported()).unwrap();
        assert_eq!(run(&mut payout, 9, close(1)), Err(PayoutError::NotFound));
    }
}
