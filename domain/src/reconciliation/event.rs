//! What can have happened to the comparison of an organization's ledger with the chain.

use serde::{Deserialize, Serialize};

use super::{CAUSE_CHARS_MAX, CAUSES_MAX, Reconciliation};
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::evm::Address;
use crate::ids::{self, DifferenceId, ExactPaymentId, OrganizationId, SessionKeyId};
use crate::money::{Amount, Currency};

event_enum! {
    /// An event of a reconciliation.
    ReconciliationEvent in Reconciliation::CATEGORY;
    /// Ledger and chain were compared.
    Compared(Compared) = "compared", 1;
    /// They differ in something.
    Opened(Opened) = "opened", 1;
    /// They differ in it in another way.
    Changed(Opened) = "changed", 1;
    /// It is no open item any more.
    Closed(Closed) = "closed", 1;
    /// Somebody wants a comparison now.
    Requested(Requested) = "requested", 1;
}

impl EventPayload for ReconciliationEvent {
    payload_methods!();
}

/// What of ledger and chain is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Subject {
    /// What lies in the contract for a session key: deposits less withdrawals.
    SessionEscrow {
        /// Which.
        session_key_id: SessionKeyId,
    },
    /// What was claimed with a session key.
    SessionClaimed {
        /// Which.
        session_key_id: SessionKeyId,
    },
    /// What the contract has transferred to a payee.
    Payee {
        /// EIP-155 id of the chain.
        chain_id: u64,
        /// The token.
        token: Address,
        /// Who was paid.
        payee: Address,
    },
    /// The transfer of an exact payment.
    ExactPayment {
        /// Which.
        exact_payment_id: ExactPaymentId,
    },
}

impl Subject {
    /// As in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SessionEscrow { .. } => "session_escrow",
            Self::SessionClaimed { .. } => "session_claimed",
            Self::Payee { .. } => "payee",
            Self::ExactPayment { .. } => "exact_payment",
        }
    }

    /// The id of a difference in it: the same whenever it comes again.
    pub fn difference_id(&self, organization_id: OrganizationId) -> DifferenceId {
        let organization = organization_id.uuid();
        let (kind, organization) = (self.name().as_bytes(), organization.as_bytes().as_slice());
        let id = match self {
            Self::SessionEscrow { session_key_id } | Self::SessionClaimed { session_key_id } => {
                ids::derive(&[b"difference", organization, kind, session_key_id.uuid().as_bytes()])
            }
            Self::Payee { chain_id, token, payee } => {
                ids::derive(&[b"difference", organization, kind, &chain_id.to_be_bytes(), &token.0, &payee.0])
            }
            Self::ExactPayment { exact_payment_id } => {
                ids::derive(&[b"difference", organization, kind, exact_payment_id.uuid().as_bytes()])
            }
        };
        DifferenceId::new(id)
    }
}

/// A difference, with what it may come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// In what.
    pub subject: Subject,
    /// What the ledger says.
    pub ledger: String,
    /// What the chain says.
    pub chain: String,
    /// Why that may be, and what was seen; at most [`CAUSES_MAX`].
    pub causes: Vec<String>,
    /// How much they differ; `None` where that is no amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// The token.
    pub currency: Currency,
}

impl Found {
    /// Two amounts that differ. Causes beyond [`CAUSES_MAX`] are counted, and long ones cut.
    pub fn new(subject: Subject, ledger: Amount, chain: Amount, currency: Currency, mut causes: Vec<String>) -> Self {
        if causes.len() > CAUSES_MAX {
            let more = causes.len() - (CAUSES_MAX - 1);
            causes.truncate(CAUSES_MAX - 1);
            causes.push(format!("and {more} more"));
        }
        for cause in &mut causes {
            if cause.chars().count() > CAUSE_CHARS_MAX {
                *cause = cause.chars().take(CAUSE_CHARS_MAX).collect();
            }
        }
        let amount = if ledger > chain { ledger.minus(chain) } else { chain.minus(ledger) };
        Self { subject, ledger: ledger.to_string(), chain: chain.to_string(), causes, amount: Some(amount), currency }
    }
}

/// Payload of `reconciliation.compared`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The last final block of which everything was in the log.
    pub as_of_block: u64,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The contract.
    pub contract: Address,
    /// Session keys that were compared.
    pub session_keys: u64,
    /// Payees whose transfers were compared.
    pub payees: u64,
    /// Exact payments that were compared.
    pub exact_payments: u64,
    /// Deposits less withdrawals of these session keys, in the log
    pub ledger_escrow: Amount,
    /// and on the chain.
    pub chain_escrow: Amount,
    /// What was claimed with them, in the log
    pub ledger_claimed: Amount,
    /// and on the chain.
    pub chain_claimed: Amount,
    /// What settlements have transferred to these payees, in the log
    pub ledger_transferred: Amount,
    /// and on the chain, whoever settled.
    pub chain_transferred: Amount,
    /// What these exact payments have brought, in the log
    pub ledger_exact: Amount,
    /// and on the chain.
    pub chain_exact: Amount,
    /// The token.
    pub currency: Currency,
    /// Open items after it.
    pub open: u64,
    /// Differences that are none because there are too many already.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub not_opened: u64,
}

/// Payload of `reconciliation.opened` and `reconciliation.changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Its id; see [`Subject::difference_id`].
    pub difference_id: DifferenceId,
    /// What differs, and why.
    pub found: Found,
    /// As of this block.
    pub as_of_block: u64,
}

/// How an open item came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Ledger and chain agree again.
    Resolved,
    /// A person knows why it is, and that it may stay so.
    Explained,
    /// A person took over what the chain says.
    Accepted,
}

impl Resolution {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Explained => "explained",
            Self::Accepted => "accepted",
        }
    }
}

/// Payload of `reconciliation.closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// Which.
    pub difference_id: DifferenceId,
    /// Who says so: [`super::BY_CHAIN`], or a person's credential.
    pub by: String,
    /// How.
    pub resolution: Resolution,
    /// A person's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Payload of `reconciliation.requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// Who wants it.
    pub by: String,
}
