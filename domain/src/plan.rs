//! Plans: versioned sets of prices, features and allowances. A version never changes once it is published; a
//! subscription keeps the version that it began with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::cycle::Interval;
use crate::ids::{OrganizationId, PlanId};
use crate::meter::MeterCode;
use crate::money::Quantity;
use crate::price::Price;

mod check;
#[cfg(test)]
mod tests;
mod version;

pub use check::TermsError;

/// How many prices a plan may have.
pub const PRICES_MAX: usize = 50;
/// How many features.
pub const FEATURES_MAX: usize = 100;
/// How many versions.
pub const VERSIONS_MAX: usize = 1_000;

/// What a plan gives beyond its prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entitlement {
    /// It may be used, or not.
    Boolean {
        /// Whether.
        enabled: bool,
    },
    /// A fixed value, for example a number of seats or a region.
    Static {
        /// The value.
        value: String,
    },
    /// So much of a meter in each period: what is left is the account's quota.
    Metered {
        /// Which.
        meter: MeterCode,
        /// How much; `None` for as much as one likes.
        limit: Option<Quantity>,
    },
}

/// What becomes of what was used before a period's end and came after its close.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateUsage {
    /// It is a dated line on the next invoice.
    #[default]
    NextInvoice,
    /// It is given away: a line with what it would have cost, and one that takes it back.
    Waive,
}

/// What a version of a plan says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// What it is called.
    pub name: String,
    /// How long a period is.
    pub interval: Interval,
    /// How many days are free at first; 0 for none.
    pub trial_days: u32,
    /// How many days a subscription goes on when its invoice is not paid, or when its renewal is off.
    pub grace_days: u32,
    /// How many days before a trial's or a period's end a reminder is due; 0 for none.
    pub reminder_days: u32,
    /// How many days after its date an invoice is due.
    pub due_days: u32,
    /// After how many days each a failed payment is tried again.
    pub retry_days: Vec<u32>,
    /// What becomes of late usage.
    #[serde(default)]
    pub late_usage: LateUsage,
    /// The prices.
    pub prices: Vec<Price>,
    /// The features, by code.
    pub features: BTreeMap<MeterCode, Entitlement>,
}

/// A version of a plan, as a subscription keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanVersion {
    /// The plan.
    pub plan_id: PlanId,
    /// The plan's code.
    pub code: MeterCode,
    /// 1, 2, 3…
    pub version: u32,
    /// What it says.
    pub terms: Terms,
}

/// State of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Which; `None` until it was made.
    pub id: Option<PlanId>,
    /// Whose.
    pub organization_id: Option<OrganizationId>,
    /// Its code; empty until it was made.
    pub code: Option<MeterCode>,
    /// The last published version is what new subscriptions get. Versions in order, from 1.
    pub versions: Vec<Version>,
    /// When it was retired: nobody can subscribe to it any more.
    pub retired_at: Option<Timestamp>,
}

/// A version and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// What it says.
    pub terms: Terms,
    /// When it was drafted.
    pub created_at: Timestamp,
    /// When it was published; `None` for a draft, which may still change.
    pub published_at: Option<Timestamp>,
}

/// A command. Each names the organization that asks: another one's plan does not exist for it.
#[derive(Debug, Clone)]
pub struct PlanCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Make it, with a draft as its first version.
    Create {
        /// Its id.
        plan_id: PlanId,
        /// Its code.
        code: MeterCode,
        /// What the draft says.
        terms: Terms,
    },
    /// Draft another version, or change the draft that there is.
    Draft {
        /// What it says.
        terms: Terms,
    },
    /// Publish the draft: from now on it never changes. Nothing happens when the last version is published.
    Publish,
    /// Let nobody subscribe to it any more. Subscriptions keep their versions.
    Retire,
}

event_enum! {
    /// What can have happened to a plan.
    PlanEvent in Plan::CATEGORY;
    /// It was made, with a draft as its first version.
    Created(Box<Created>) = "created", 1;
    /// A version was drafted, or the draft was changed.
    Drafted(Box<Drafted>) = "drafted", 1;
    /// The draft was published.
    Published(Box<PlanVersion>) = "published", 1;
    /// Nobody can subscribe to it any more.
    Retired(Retired) = "retired", 1;
}

/// Payload of `plan.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub plan_id: PlanId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Its code.
    pub code: MeterCode,
    /// What its first version says, a draft.
    pub terms: Terms,
}

/// Payload of `plan.drafted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drafted {
    /// The plan.
    pub plan_id: PlanId,
    /// The version: a new one, or the draft that there was.
    pub version: u32,
    /// What it says.
    pub terms: Terms,
}

/// Payload of `plan.retired`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The plan.
    pub plan_id: PlanId,
    /// Its code.
    pub code: MeterCode,
}

impl EventPayload for PlanEvent {
    payload_methods!();
}

/// Why a plan's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is none, or it is another organization's.
    #[error("there is no such plan")]
    NotFound,
    /// It was made before.
    #[error("the plan exists already")]
    AlreadyExists,
    /// It does not change any more.
    #[error("the plan is retired")]
    Retired,
    /// It has changed too often.
    #[error("a plan has at most {VERSIONS_MAX} versions")]
    TooManyVersions,
    /// The terms are not what they must be.
    #[error(transparent)]
    Terms(#[from] TermsError),
}

impl Plan {
    /// A version by its number, published or not.
    pub fn version(&self, version: u32) -> Option<PlanVersion> {
        let at = usize::try_from(version).ok()?.checked_sub(1)?;
        let terms = self.versions.get(at)?.terms.clone();
        Some(PlanVersion { plan_id: self.id?, code: self.code.clone()?, version, terms })
    }

    /// The last published version.
    pub fn published(&self) -> Option<PlanVersion> {
        let last = self.versions.iter().rposition(|version| version.published_at.is_some())?;
        self.version(u32::try_from(last + 1).ok()?)
    }

    /// What new subscriptions get: the last published version, unless the plan is retired.
    pub fn offered(&self) -> Option<PlanVersion> {
        if self.retired_at.is_some() { None } else { self.published() }
    }

    /// The draft, with its number.
    pub fn draft(&self) -> Option<(u32, &Terms)> {
        let last = self.versions.last().filter(|last| last.published_at.is_none())?;
        Some((self.last_version(), &last.terms))
    }

    /// The number of the last version.
    fn last_version(&self) -> u32 {
        // Never more than VERSIONS_MAX.
        u32::try_from(self.versions.len()).unwrap_or(u32::MAX)
    }

    fn draft_anew(&self, plan_id: PlanId, terms: &Terms) -> Result<Vec<PlanEvent>, PlanError> {
        if self.retired_at.is_some() {
            return Err(PlanError::Retired);
        }
        terms.check()?;
        let version = match self.draft() {
            Some((_, known)) if known == terms => return Ok(Vec::new()),
            Some((version, _)) => version,
            None if self.versions.len() >= VERSIONS_MAX => return Err(PlanError::TooManyVersions),
            None => self.last_version() + 1,
        };
        Ok(vec![PlanEvent::Drafted(Box::new(Drafted { plan_id, version, terms: terms.clone() }))])
    }

    fn publish(&self) -> Result<Vec<PlanEvent>, PlanError> {
        if self.retired_at.is_some() {
            return Err(PlanError::Retired);
        }
        let draft = self.draft().and_then(|(version, _)| self.version(version));
        Ok(draft.map(|version| PlanEvent::Published(Box::new(version))).into_iter().collect())
    }

    fn version_mut(&mut self, version: u32) -> Option<&mut Version> {
        let at = usize::try_from(version).ok()?.checked_sub(1)?;
        self.versions.get_mut(at)
    }
}

impl Aggregate for Plan {
    const CATEGORY: &'static str = "plan";
    const STATE_VERSION: i16 = 1;
    type Command = PlanCommand;
    type Event = PlanEvent;
    type Error = PlanError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        let organization_id = command.organization_id;
        if let Action::Create { plan_id, code, terms } = &command.action {
            if self.id.is_some() {
                return Err(PlanError::AlreadyExists);
            }
            terms.check()?;
            let created = Created { plan_id: *plan_id, organization_id, code: code.clone(), terms: terms.clone() };
            return Ok(vec![PlanEvent::Created(Box::new(created))]);
        }
        let (Some(plan_id), Some(code), true) = (self.id, &self.code, self.organization_id == Some(organization_id))
        else {
            return Err(PlanError::NotFound);
        };
        match &command.action {
            Action::Create { .. } => Err(PlanError::AlreadyExists),
            Action::Draft { terms } => self.draft_anew(plan_id, terms),
            Action::Publish => self.publish(),
            Action::Retire if self.retired_at.is_some() => Ok(Vec::new()),
            Action::Retire => Ok(vec![PlanEvent::Retired(Retired { plan_id, code: code.clone() })]),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        let drafted = |terms: &Terms| Version { terms: terms.clone(), created_at: occurred_at, published_at: None };
        match event {
            PlanEvent::Created(created) => {
                self.id = Some(created.plan_id);
                self.organization_id = Some(created.organization_id);
                self.code = Some(created.code.clone());
                self.versions = vec![drafted(&created.terms)];
            }
            PlanEvent::Drafted(e) => match self.version_mut(e.version) {
                Some(version) => *version = drafted(&e.terms),
                None => self.versions.push(drafted(&e.terms)),
            },
            PlanEvent::Published(published) => {
                if let Some(version) = self.version_mut(published.version) {
                    version.published_at = Some(occurred_at);
                }
            }
            PlanEvent::Retired(_) => self.retired_at = Some(occurred_at),
        }
    }
}
