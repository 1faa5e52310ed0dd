//! What billing does to an account.

use serde::{Deserialize, Serialize};

use crate::account::event::Balances;
use crate::account::{PaymentOrder, PlanQuota};
use crate::cycle::Cycle;
use crate::ids::{CustomerId, InvoiceId, SubscriptionId};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity};
use crate::price::PriceRef;

/// Charges that are not billed yet, of one meter, price and period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageSum {
    /// What was counted; `None` for flat amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<MeterCode>,
    /// The plan's price; `None` for the meter's own, or a flat amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceRef>,
    /// The meter's own price of one unit, where it is that which counts; `None` also where several such prices have
    /// become one sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Amount>,
    /// The subscription's period that it counts in; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<Cycle>,
    /// How much.
    pub quantity: Quantity,
    /// How much of that the allowance covered.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub included: Quantity,
    /// What was charged for it.
    pub amount: Amount,
    /// What of that credits paid.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub credits: Amount,
    /// What was charged more than the period's whole quantity costs by a volume price: to be given back.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub too_much: Amount,
    /// How many charges.
    pub charges: u64,
    /// The version of the account's stream with the first of them.
    pub first_version: i64,
    /// The version with the last of them.
    pub last_version: i64,
}

/// What makes charges one sum: meter, price, the meter's own price of one unit, and period.
pub type UsageKey<'a> = (Option<&'a MeterCode>, Option<&'a PriceRef>, Option<Amount>, Option<Cycle>);

impl UsageSum {
    /// Of which charges it is the sum. No two sums of an account have the same.
    pub fn key(&self) -> UsageKey<'_> {
        (self.meter.as_ref(), self.price.as_ref(), self.unit_price, self.cycle)
    }

    /// What of it is post-paid.
    pub fn postpaid(&self) -> Amount {
        self.amount.minus(self.credits)
    }
}

/// Payload of `account.turned`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turned {
    /// Whose.
    pub customer_id: CustomerId,
    /// The account's.
    pub currency: Currency,
    /// What asked for it.
    pub bill: BillRef,
    /// The period that is closed with it, if one is: where a quota ends or starts anew, its period ends there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Cycle>,
    /// The charges that are billed with it, in the order of [`UsageSum::key`].
    pub usage: Vec<UsageSum>,
    /// The quotas that have begun or changed, as they are now.
    pub quotas: Vec<TurnedQuota>,
    /// Whether what was used and reserved of quotas that were there goes on counting in them; else they start anew.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub carried: bool,
    /// The meters whose quotas have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<MeterCode>,
    /// The meters that belong to another subscription, or have a quota that somebody set: they were left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<MeterCode>,
}

/// What a bill belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillRef {
    /// A bill of a subscription.
    Subscription {
        /// Which.
        subscription_id: SubscriptionId,
        /// The bill's number in it.
        number: u32,
    },
    /// An invoice that somebody asked for.
    Invoice {
        /// Which.
        invoice_id: InvoiceId,
    },
}

/// A subscription's quota, as it is after a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnedQuota {
    /// Of what.
    pub meter: MeterCode,
    /// What it says.
    pub plan: PlanQuota,
    /// What counts as used in its period.
    pub used: Quantity,
    /// What holds reserve in it.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub held: Quantity,
    /// What of `used` draws nothing on the allowance.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub beside: Quantity,
    /// In how many charges, without those that the allowance covered wholly.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub uses: u64,
    /// The highest amount that its usage has come to in its period: what a volume price is charged up to.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub rated: Amount,
    /// What was charged for it in its period, less what was given back.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub charged: Amount,
}

/// Payload of `account.usage_settled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageSettled {
    /// Whose.
    pub customer_id: CustomerId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// How much.
    pub amount: Amount,
    /// The account's.
    pub currency: Currency,
    /// After it.
    pub after: Balances,
}

/// Payload of `account.payment_order_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentOrderSet {
    /// Whose.
    pub customer_id: CustomerId,
    /// What pays first, second, third; what is left out pays nothing.
    pub order: PaymentOrder,
}
