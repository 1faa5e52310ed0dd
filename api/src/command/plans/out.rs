//! A plan as it is shown: one of its versions, and which others there are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::ids::PlanId;
use domain::plan::Plan;
use serde::Serialize;
use utoipa::ToSchema;

use super::price::PlanPrice;
use super::terms::{PlanFeature, PlanInterval, PlanLateUsage};

/// A plan, with what one of its versions says.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanOut {
    /// Always `plan`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: PlanId,
    /// Its code.
    pub code: String,
    /// `draft` or `published`, of the version that is shown; `retired` when nobody can subscribe to it any more.
    pub status: &'static str,
    /// The version that is shown: 1, 2, 3…
    pub version: u32,
    /// The version that new subscriptions get; `null` until one was published.
    pub published_version: Option<u32>,
    /// The draft, which may still change; `null` without one.
    pub draft_version: Option<u32>,
    /// What it is called.
    pub name: String,
    /// How long a period is.
    pub interval: PlanInterval,
    /// How many days are free at first.
    pub trial_days: u32,
    /// How many days a subscription goes on when its invoice is not paid, or when its renewal is off.
    pub grace_days: u32,
    /// How many days before a trial's or a period's end a reminder is due.
    pub reminder_days: u32,
    /// How many days after its date an invoice is due.
    pub due_days: u32,
    /// After how many days each a failed payment is tried again.
    pub retry_days: Vec<u32>,
    /// What becomes of usage that comes after its period's close.
    pub late_usage: PlanLateUsage,
    /// The prices.
    pub prices: Vec<PlanPrice>,
    /// The features, by code.
    pub features: BTreeMap<String, PlanFeature>,
    /// When this version was drafted.
    pub created_at: DateTime<Utc>,
    /// When this version was published; `null` for a draft.
    pub published_at: Option<DateTime<Utc>>,
    /// When the plan was retired.
    pub retired_at: Option<DateTime<Utc>>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

impl PlanOut {
    /// One version of a plan; `None` when there is none with this number.
    pub fn new(plan: &Plan, version: u32, position: Option<String>) -> Option<Self> {
        let index = usize::try_from(version).ok()?.checked_sub(1)?;
        let shown = plan.versions.get(index)?;
        let terms = &shown.terms;
        let status = match (plan.retired_at, shown.published_at) {
            (Some(_), _) => "retired",
            (None, Some(_)) => "published",
            (None, None) => "draft",
        };
        Some(Self {
            object: "plan",
            id: plan.id?,
            code: plan.code.as_ref()?.to_string(),
            status,
            version,
            published_version: plan.published().map(|published| published.version),
            draft_version: plan.draft().map(|(version, _)| version),
            name: terms.name.clone(),
            interval: PlanInterval::shown(terms.interval),
            trial_days: terms.trial_days,
            grace_days: terms.grace_days,
            reminder_days: terms.reminder_days,
            due_days: terms.due_days,
            retry_days: terms.retry_days.clone(),
            late_usage: PlanLateUsage::shown(terms.late_usage),
            prices: terms.prices.iter().map(PlanPrice::shown).collect(),
            features: terms.features.iter().map(|(code, it)| (code.to_string(), PlanFeature::shown(it))).collect(),
            created_at: shown.created_at,
            published_at: shown.published_at,
            retired_at: plan.retired_at,
            position,
        })
    }
}

/// The last version of a plan.
pub fn last_version(plan: &Plan) -> u32 {
    u32::try_from(plan.versions.len()).unwrap_or(u32::MAX)
}
