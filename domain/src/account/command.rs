//! What can be asked of an account.

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::account::event::BillRef;
use crate::account::{PaymentOrder, QuotaTerms};
use crate::charge::Usage;
use crate::cycle::Cycle;
use crate::hold::HoldAction;
use crate::ids::{CreditGrantId, CustomerId, InvoiceId, OrganizationId};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency};
use crate::subscription::TurnTo;

/// A command. Each names the organization that asks: another one's account does not exist for it.
#[derive(Debug, Clone)]
pub struct AccountCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Open the account of a new customer.
    Open {
        /// The customer.
        customer_id: CustomerId,
        /// Its currency, for ever.
        currency: Currency,
        /// How far it may go post-paid.
        postpaid_limit: Amount,
    },
    /// Give credits.
    GrantCredit {
        /// The grant's id.
        grant_id: CreditGrantId,
        /// How much; more than zero.
        amount: Amount,
        /// The caller's idea of the currency, checked.
        currency: Option<Currency>,
        /// Lower is spent first.
        priority: u8,
        /// When what is left is lost.
        expires_at: Option<Timestamp>,
    },
    /// Limit a meter, or allow some of it.
    SetQuota {
        /// Which.
        meter: MeterCode,
        /// How.
        terms: QuotaTerms,
    },
    /// Set how far the account may go post-paid. May lie below what is owed: then nothing more is added.
    SetPostpaidLimit {
        /// How far.
        postpaid_limit: Amount,
        /// The caller's idea of the currency, checked.
        currency: Option<Currency>,
    },
    /// Charge for usage.
    Charge {
        /// What for; at least one.
        usage: Vec<Usage>,
        /// The caller's idea of the currency, checked.
        currency: Option<Currency>,
        /// When it was used, when that was earlier than now: it counts in the period of that moment.
        used_at: Option<Timestamp>,
        /// Shown on statements.
        description: Option<String>,
        /// The caller's own labels. Must not be personal data.
        metadata: BTreeMap<String, String>,
    },
    /// Take out what has expired; nothing happens when nothing has.
    ExpireCredits,
    /// Reserve, capture, release.
    Hold(HoldAction),
    /// Take what is not billed yet for a bill, and begin, change or end a subscription's allowances.
    Turn {
        /// What asks.
        bill: BillRef,
        /// Whether usage is billed with it: of the subscription's own meters, and what belongs to no subscription.
        close_usage: bool,
        /// The period that is closed, of a subscription.
        closed: Option<Cycle>,
        /// What the account is to have from now on; `None` when it stays as it is.
        to: Option<TurnTo>,
    },
    /// The invoice of usage that was charged post-paid is settled.
    SettleUsage {
        /// Which.
        invoice_id: InvoiceId,
        /// How much.
        amount: Amount,
    },
    /// Say in which order allowance, credits and post-paid room pay.
    SetPaymentOrder(PaymentOrder),
}
