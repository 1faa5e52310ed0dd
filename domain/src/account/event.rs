//! What can have happened to an account. Payloads are complete: a statement, a quota, a posting
//! can be worked out from the one event, without the state it was decided on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::account::{Account, QuotaTerms};
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::charge::Line;
use crate::ids::{CreditGrantId, CustomerId, OrganizationId};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity};

event_enum! {
    /// An event of an account.
    AccountEvent in Account::CATEGORY;
    /// It was opened.
    Opened(Opened) = "opened", 1;
    /// Credits were given.
    Credited(Credited) = "credited", 1;
    /// What was left of a grant was lost.
    CreditExpired(CreditExpired) = "credit_expired", 1;
    /// A quota was set.
    QuotaSet(QuotaSet) = "quota_set", 1;
    /// The post-paid limit was set.
    LimitSet(LimitSet) = "limit_set", 1;
    /// Usage was charged.
    Charged(Charged) = "charged", 1;
}

impl EventPayload for AccountEvent {
    payload_methods!();
}

impl AccountEvent {
    /// The customer whose account it is.
    pub fn customer_id(&self) -> CustomerId {
        match self {
            Self::Opened(e) => e.customer_id,
            Self::Credited(e) => e.customer_id,
            Self::CreditExpired(e) => e.customer_id,
            Self::QuotaSet(e) => e.customer_id,
            Self::LimitSet(e) => e.customer_id,
            Self::Charged(e) => e.customer_id,
        }
    }
}

/// Payload of `account.opened`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Whose.
    pub customer_id: CustomerId,
    /// Who bills.
    pub organization_id: OrganizationId,
    /// The account's one currency.
    pub currency: Currency,
    /// How far it may go post-paid.
    pub postpaid_limit: Amount,
}

/// The balances of an account after an event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Balances {
    /// Credits left.
    pub credits: Amount,
    /// Charged and not paid for.
    pub postpaid: Amount,
    /// How far that may go.
    pub postpaid_limit: Amount,
}

/// Payload of `account.credited`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Credited {
    /// Whose.
    pub customer_id: CustomerId,
    /// The grant.
    pub grant_id: CreditGrantId,
    /// How much.
    pub amount: Amount,
    /// The account's.
    pub currency: Currency,
    /// Lower is spent first.
    pub priority: u8,
    /// When what is left is lost.
    pub expires_at: Option<Timestamp>,
    /// After it.
    pub after: Balances,
}

/// Payload of `account.credit_expired`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreditExpired {
    /// Whose.
    pub customer_id: CustomerId,
    /// The grant.
    pub grant_id: CreditGrantId,
    /// What was left of it.
    pub amount: Amount,
    /// The account's.
    pub currency: Currency,
    /// When its time was over.
    pub expired_at: Timestamp,
}

/// Payload of `account.quota_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuotaSet {
    /// Whose.
    pub customer_id: CustomerId,
    /// Of what.
    pub meter: MeterCode,
    /// What it says.
    #[serde(flatten)]
    pub terms: QuotaTerms,
    /// The period it was set in.
    pub period_start: Timestamp,
    /// What counts as used in that period.
    pub used: Quantity,
}

/// Payload of `account.limit_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitSet {
    /// Whose.
    pub customer_id: CustomerId,
    /// How far the account may go post-paid from now on.
    pub postpaid_limit: Amount,
    /// The account's.
    pub currency: Currency,
    /// After it.
    pub after: Balances,
}

/// Payload of `account.charged`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charged {
    /// Whose.
    pub customer_id: CustomerId,
    /// The sum of the lines: paid from credits and post-paid.
    pub amount: Amount,
    /// The account's.
    pub currency: Currency,
    /// What for.
    pub lines: Vec<Line>,
    /// Which credits paid, in order.
    pub credits_used: Vec<CreditUse>,
    /// What was put on the post-paid balance.
    pub postpaid: Amount,
    /// After it.
    pub after: Balances,
    /// The caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Charged {
    /// What credits paid of it.
    pub fn paid_by_credits(&self) -> Amount {
        self.credits_used.iter().fold(Amount::ZERO, |sum, used| sum.plus(used.amount))
    }
}

/// What one grant paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreditUse {
    /// The grant.
    pub grant_id: CreditGrantId,
    /// How much.
    pub amount: Amount,
}
