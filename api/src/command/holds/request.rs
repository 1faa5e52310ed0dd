//! What can be asked about holds, and how it is read.

use std::collections::BTreeMap;

use domain::hold::HoldAction;
use domain::ids::{HoldId, SessionKeyId};
use domain::organization::Organization;
use eventstore::CommandMeta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::places::Payer;
use crate::auth::Principal;
use crate::command::charges::{self, NewCharge, UsageIn};
use crate::command::meta;
use crate::command::vouchers::VoucherIn;
use crate::money;
use crate::problem::Problem;

/// How long a hold stands when nothing is said.
pub const TTL_SECS_DEFAULT: u32 = 600;
/// The longest that a hold may be asked for at a time: a week. It can be extended.
pub const TTL_SECS_MAX: u32 = 7 * 86_400;

/// A command about a hold, ready for the ledger.
pub struct Ordered {
    /// Its envelope.
    pub meta: CommandMeta,
    /// Who pays.
    pub payer: Payer,
    /// What is asked.
    pub action: HoldAction,
}

/// A hold: who pays is one of `customer_id` and `session_key_id`, what for at most is one of `amount`,
/// `meter` + `quantity`, and `usage`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewHold {
    /// Whose account pays.
    #[schema(example = "cus_01kaj3v1q8f5x7m2n9c4b6d8e0")]
    pub customer_id: Option<String>,
    /// Which session key pays.
    pub session_key_id: Option<String>,
    /// Signed by the client's key, where the client keeps it: it has to reach for all that is charged and held.
    #[serde(skip_serializing)]
    pub voucher: Option<VoucherIn>,
    /// An amount as it is: a decimal string, more than zero, at most 12 decimals.
    #[schema(example = "1.50")]
    pub amount: Option<String>,
    /// A meter of the price list.
    pub meter: Option<String>,
    /// How much of the meter at most.
    pub quantity: Option<String>,
    /// Several meters. 1 to 16.
    pub usage: Option<Vec<UsageIn>>,
    /// That of whoever pays when left out; another one is refused.
    pub currency: Option<String>,
    /// How long it stands, from now: 1 to 604,800 seconds (a week); 600 when left out.
    #[schema(example = 600)]
    pub ttl_secs: Option<u32>,
    /// At most 200 characters, no personal data.
    pub description: Option<String>,
    /// Your own labels: at most 16, no personal data.
    pub metadata: BTreeMap<String, String>,
}

/// What it came to: one of `amount`, `meter` + `quantity`, and `usage`; all that is held when nothing is said.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureHold {
    /// An amount as it is, at most what is held.
    #[schema(example = "0.75")]
    pub amount: Option<String>,
    /// A meter of the price list.
    pub meter: Option<String>,
    /// How much of the meter.
    pub quantity: Option<String>,
    /// Several meters. 1 to 16.
    pub usage: Option<Vec<UsageIn>>,
    /// That of the hold when left out; another one is refused.
    pub currency: Option<String>,
    /// Whether the rest is released; `true` when left out. With `false` more can be captured.
    pub final_capture: bool,
    /// Shown on statements; at most 200 characters, no personal data.
    pub description: Option<String>,
    /// Your own labels: at most 16, no personal data.
    pub metadata: BTreeMap<String, String>,
}

impl Default for CaptureHold {
    fn default() -> Self {
        Self {
            amount: None,
            meter: None,
            quantity: None,
            usage: None,
            currency: None,
            final_capture: true,
            description: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// What is to be reserved on top (one of `amount`, `meter` + `quantity`, and `usage`), how long from now, or both.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExtendHold {
    /// An amount as it is, on top of what is held.
    pub amount: Option<String>,
    /// A meter of the price list.
    pub meter: Option<String>,
    /// How much more of the meter.
    pub quantity: Option<String>,
    /// Several meters. 1 to 16.
    pub usage: Option<Vec<UsageIn>>,
    /// That of the hold when left out; another one is refused.
    pub currency: Option<String>,
    /// How long it stands, from now; the deadline stays when left out.
    pub ttl_secs: Option<u32>,
    /// Signed by the client's key, where the client keeps it.
    #[serde(skip_serializing)]
    pub voucher: Option<VoucherIn>,
}

/// Nothing need be said.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidHold {}

fn ttl(ttl_secs: u32) -> Result<u32, Problem> {
    if (1..=TTL_SECS_MAX).contains(&ttl_secs) {
        return Ok(ttl_secs);
    }
    Err(Problem::bad_request("invalid_request", "ttl_secs", format!("ttl_secs must be 1 to {TTL_SECS_MAX}")))
}

impl NewHold {
    /// The voucher to be read, when the session key that it came for is named.
    pub fn with_voucher(&self) -> Option<(SessionKeyId, &VoucherIn)> {
        let id = self.session_key_id.as_ref()?.parse().ok()?;
        Some((id, self.voucher.as_ref()?))
    }

    /// The same request as a charge would be.
    fn charge(self) -> NewCharge {
        NewCharge {
            customer_id: self.customer_id,
            session_key_id: self.session_key_id,
            voucher: self.voucher,
            amount: self.amount,
            meter: self.meter,
            quantity: self.quantity,
            usage: self.usage,
            currency: self.currency,
            used_at: None,
            description: self.description,
            metadata: self.metadata,
        }
    }

    /// Read and checked.
    pub fn order(
        self,
        principal: &Principal,
        organization: &Organization,
        key: Option<&str>,
    ) -> Result<Ordered, Problem> {
        let ttl_secs = ttl(self.ttl_secs.unwrap_or(TTL_SECS_DEFAULT))?;
        let meta = meta(principal, key, "POST /v1/holds", "", &self)?;
        let body = self.charge();
        let payer = charges::payer(&body)?;
        charges::check_words(&body)?;
        let action = HoldAction::Place {
            hold_id: HoldId::new(meta.command_id),
            usage: charges::usage(organization, &body)?,
            currency: money::currency(body.currency.as_deref())?,
            ttl_secs,
            description: body.description,
            metadata: body.metadata,
        };
        Ok(Ordered { meta, payer, action })
    }
}

impl CaptureHold {
    /// Read and checked.
    pub fn order(
        self,
        principal: &Principal,
        organization: &Organization,
        key: Option<&str>,
        hold_id: HoldId,
        payer: Payer,
    ) -> Result<Ordered, Problem> {
        let meta = meta(principal, key, "POST /v1/holds/{id}/capture", &hold_id.to_string(), &self)?;
        let is_final = self.final_capture;
        let body = NewCharge {
            amount: self.amount,
            meter: self.meter,
            quantity: self.quantity,
            usage: self.usage,
            currency: self.currency,
            description: self.description,
            metadata: self.metadata,
            ..NewCharge::default()
        };
        charges::check_words(&body)?;
        let action = HoldAction::Capture {
            hold_id,
            usage: body.says_what_for().then(|| charges::usage(organization, &body)).transpose()?,
            currency: money::currency(body.currency.as_deref())?,
            is_final,
            description: body.description,
            metadata: body.metadata,
        };
        Ok(Ordered { meta, payer, action })
    }
}

impl ExtendHold {
    /// The voucher to be read, when a session key pays.
    pub fn with_voucher(&self, payer: Payer) -> Option<(SessionKeyId, &VoucherIn)> {
        match payer {
            Payer::SessionKey(id) => Some((id, self.voucher.as_ref()?)),
            Payer::Account(_) => None,
        }
    }

    /// Read and checked.
    pub fn order(
        self,
        principal: &Principal,
        organization: &Organization,
        key: Option<&str>,
        hold_id: HoldId,
        payer: Payer,
    ) -> Result<Ordered, Problem> {
        if let (Payer::Account(_), Some(_)) = (payer, &self.voucher) {
            return Err(Problem::bad_request("invalid_request", "voucher", "a voucher goes with a session key's hold"));
        }
        let meta = meta(principal, key, "POST /v1/holds/{id}/extend", &hold_id.to_string(), &self)?;
        let ttl_secs = self.ttl_secs.map(ttl).transpose()?;
        let body = NewCharge {
            amount: self.amount,
            meter: self.meter,
            quantity: self.quantity,
            usage: self.usage,
            currency: self.currency,
            ..NewCharge::default()
        };
        let usage = if body.says_what_for() { charges::usage(organization, &body)? } else { Vec::new() };
        if usage.is_empty() && ttl_secs.is_none() {
            let detail = "say by what: amount, or meter and quantity, or usage; or ttl_secs; or both";
            return Err(Problem::bad_request("missing_field", "ttl_secs", detail));
        }
        let currency = money::currency(body.currency.as_deref())?;
        Ok(Ordered { meta, payer, action: HoldAction::Extend { hold_id, usage, currency, ttl_secs } })
    }
}

impl VoidHold {
    /// Read and checked.
    pub fn order(
        self,
        principal: &Principal,
        key: Option<&str>,
        hold_id: HoldId,
        payer: Payer,
    ) -> Result<Ordered, Problem> {
        let meta = meta(principal, key, "POST /v1/holds/{id}/void", &hold_id.to_string(), &self)?;
        Ok(Ordered { meta, payer, action: HoldAction::Void { hold_id } })
    }
}
