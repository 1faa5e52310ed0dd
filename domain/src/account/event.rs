//! What can have happened to an account. Payloads are complete: a statement, a quota, a posting
//! can be worked out from the one event, without the state it was decided on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::account::{Account, QuotaTerms, Reserved};
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::charge::Line;
use crate::hold::HoldAfter;
use crate::ids::{CreditGrantId, CustomerId, OrganizationId};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity};

mod billing;

pub use billing::{BillRef, PaymentOrderSet, Turned, TurnedQuota, UsageKey, UsageSettled, UsageSum};

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
    /// Money and usage were reserved.
    Held(Held) = "held", 1;
    /// A hold reserves more, or for longer.
    HoldExtended(HoldExtended) = "hold_extended", 1;
    /// Usage was charged to a hold.
    Captured(Captured) = "captured", 1;
    /// A hold was given up.
    Voided(HoldReleased) = "voided", 1;
    /// A hold ran out of time.
    HoldExpired(HoldReleased) = "hold_expired", 1;
    /// What is not billed yet was taken for a bill, and a subscription's allowances began, changed or ended.
    Turned(Box<Turned>) = "turned", 1;
    /// Usage that was charged post-paid needs no payment any more: its invoice is settled.
    UsageSettled(UsageSettled) = "usage_settled", 1;
    /// In which order allowance, credits and post-paid room pay.
    PaymentOrderSet(PaymentOrderSet) = "payment_order_set", 1;
}

impl EventPayload for AccountEvent {
    payload_methods!();
}

impl AccountEvent {
    /// The charge that it is, whether a hold pays it or not.
    pub fn charge(&self) -> Option<&Charged> {
        match self {
            Self::Charged(charged) | Self::Captured(Captured { charge: charged, .. }) => Some(charged),
            _ => None,
        }
    }

    /// The balances that it says are there after it.
    pub fn after(&self) -> Option<&Balances> {
        match self {
            Self::Credited(e) => Some(&e.after),
            Self::LimitSet(e) => Some(&e.after),
            Self::Charged(e) => Some(&e.after),
            Self::Held(e) => Some(&e.after),
            Self::HoldExtended(e) => Some(&e.after),
            Self::Captured(e) => Some(&e.charge.after),
            Self::Voided(e) | Self::HoldExpired(e) => Some(&e.after),
            Self::UsageSettled(e) => Some(&e.after),
            Self::Opened(_)
            | Self::CreditExpired(_)
            | Self::QuotaSet(_)
            | Self::Turned(_)
            | Self::PaymentOrderSet(_) => None,
        }
    }

    /// The hold that it is about, after it.
    pub fn hold(&self) -> Option<&HoldAfter> {
        match self {
            Self::Held(Held { hold, .. })
            | Self::HoldExtended(HoldExtended { hold, .. })
            | Self::Captured(Captured { hold, .. })
            | Self::Voided(HoldReleased { hold, .. })
            | Self::HoldExpired(HoldReleased { hold, .. }) => Some(hold),
            _ => None,
        }
    }

    /// The customer whose account it is.
    pub fn customer_id(&self) -> CustomerId {
        match self {
            Self::Opened(e) => e.customer_id,
            Self::Credited(e) => e.customer_id,
            Self::CreditExpired(e) => e.customer_id,
            Self::QuotaSet(e) => e.customer_id,
            Self::LimitSet(e) => e.customer_id,
            Self::Charged(e) => e.customer_id,
            Self::Held(e) => e.customer_id,
            Self::HoldExtended(e) => e.customer_id,
            Self::Captured(e) => e.charge.customer_id,
            Self::Voided(e) | Self::HoldExpired(e) => e.customer_id,
            Self::Turned(e) => e.customer_id,
            Self::UsageSettled(e) => e.customer_id,
            Self::PaymentOrderSet(e) => e.customer_id,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Balances {
    /// Credits left.
    pub credits: Amount,
    /// Charged and not paid for.
    pub postpaid: Amount,
    /// How far that may go.
    pub postpaid_limit: Amount,
    /// Credits that holds reserve; they are not among `credits`.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub held_credits: Amount,
    /// Post-paid room that holds reserve.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub held_postpaid: Amount,
}

impl Balances {
    /// What holds reserve.
    pub fn held(&self) -> Amount {
        self.held_credits.plus(self.held_postpaid)
    }

    /// Credits and post-paid room that are not reserved.
    pub fn available(&self) -> Amount {
        self.credits.plus(self.postpaid_limit.minus(self.postpaid).minus(self.held_postpaid))
    }
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
    /// What holds reserve in it.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub held: Quantity,
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
    /// Whether a bill takes it, as it does all that is charged today. What was charged before there was billing does
    /// not say so, and is on no bill.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub billable: bool,
    /// When it was used, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
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

/// Where money comes from, or goes back to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Funds {
    /// Of these credits, in the order in which they are spent.
    pub credits: Vec<CreditUse>,
    /// Of the post-paid room.
    pub postpaid: Amount,
}

impl Funds {
    /// What it comes to.
    pub fn amount(&self) -> Amount {
        self.of_credits().plus(self.postpaid)
    }

    /// What of it are credits.
    pub fn of_credits(&self) -> Amount {
        self.credits.iter().fold(Amount::ZERO, |sum, part| sum.plus(part.amount))
    }

    /// A part of it, with so much of the credits, those that are spent first, and so much of the post-paid room; and
    /// the rest.
    pub fn split(&self, credits: Amount, postpaid: Amount) -> (Self, Self) {
        let (mut first, mut rest) = (Self::default(), Self::default());
        let mut missing = credits;
        for part in &self.credits {
            let taken = part.amount.min(missing);
            missing = missing.minus(taken);
            for (side, amount) in [(&mut first, taken), (&mut rest, part.amount.minus(taken))] {
                if !amount.is_zero() {
                    side.credits.push(CreditUse { grant_id: part.grant_id, amount });
                }
            }
        }
        first.postpaid = self.postpaid.min(postpaid);
        rest.postpaid = self.postpaid.minus(first.postpaid);
        (first, rest)
    }

    /// Both together.
    pub(super) fn add(&mut self, other: &Self) {
        for part in &other.credits {
            match self.credits.iter_mut().find(|known| known.grant_id == part.grant_id) {
                Some(known) => known.amount = known.amount.plus(part.amount),
                None => self.credits.push(part.clone()),
            }
        }
        self.postpaid = self.postpaid.plus(other.postpaid);
    }
}

/// Payload of `account.held`. What it reserves of quotas is in its lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Whose.
    pub customer_id: CustomerId,
    /// The hold.
    pub hold: HoldAfter,
    /// The sum of the lines.
    pub amount: Amount,
    /// The account's.
    pub currency: Currency,
    /// What it would be charged for at most.
    pub lines: Vec<Line>,
    /// What is reserved.
    pub funds: Funds,
    /// After it.
    pub after: Balances,
    /// The caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Payload of `account.hold_extended`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldExtended {
    /// Whose.
    pub customer_id: CustomerId,
    /// The hold.
    pub hold: HoldAfter,
    /// What it reserves on top.
    pub amount: Amount,
    /// The account's.
    pub currency: Currency,
    /// What for.
    pub lines: Vec<Line>,
    /// What is reserved on top.
    pub funds: Funds,
    /// After it.
    pub after: Balances,
}

/// Payload of `account.captured`: a charge that a hold pays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// The hold.
    pub hold: HoldAfter,
    /// Whether the hold has ended with it.
    pub is_final: bool,
    /// The charge.
    pub charge: Charged,
    /// What was reserved and is no longer.
    pub returned: Funds,
    /// What was reserved of quotas and is no longer, be it used or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Reserved>,
}

/// Payload of `account.voided` and `account.hold_expired`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldReleased {
    /// Whose.
    pub customer_id: CustomerId,
    /// The hold.
    pub hold: HoldAfter,
    /// The account's.
    pub currency: Currency,
    /// What was reserved and is no longer.
    pub returned: Funds,
    /// What was reserved of quotas and is no longer, be it used or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Reserved>,
    /// After it.
    pub after: Balances,
}
