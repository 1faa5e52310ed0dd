//! What can be asked about subscriptions, and how it is read.

use chrono::{DateTime, Utc};
use domain::cycle::Anchoring;
use domain::envelope::to_micros;
use domain::money::Quantity;
use domain::subscription::{TRIAL_DAYS_MAX, When};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::plans::PlanName;
use crate::money;
use crate::problem::Problem;

/// A subscription to be. The plan is named by `plan_id` or `plan_code`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// Whose.
    pub customer_id: String,
    /// The plan; its last published version is what the subscription keeps.
    #[serde(default)]
    pub plan_id: Option<String>,
    /// The plan by its code.
    #[serde(default)]
    #[schema(example = "basic")]
    pub plan_code: Option<String>,
    /// Seats: a whole number from 1 to 1,000,000, as a decimal string; 1 when left out.
    #[serde(default)]
    pub quantity: Option<String>,
    /// Where periods begin: `anniversary` (when it began) when left out, `calendar` (the first of the month, of the year;
    /// Monday; midnight), or a time: on its day, at its time of day.
    #[serde(default)]
    #[schema(example = "anniversary")]
    pub anchoring: Option<String>,
    /// How many days are free at first: 0 to 730; as the plan says when left out.
    #[serde(default)]
    pub trial_days: Option<u32>,
    /// Whether it ends with its trial; `false` when left out.
    #[serde(default)]
    pub cancel_at_trial_end: bool,
    /// Whether it renews by itself; `true` when left out.
    #[serde(default)]
    pub auto_renew: Option<bool>,
}

/// Another plan, another quantity, or both.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSubscription {
    /// The plan; its last published version.
    #[serde(default)]
    pub plan_id: Option<String>,
    /// The plan by its code.
    #[serde(default)]
    pub plan_code: Option<String>,
    /// Seats from then on.
    #[serde(default)]
    pub quantity: Option<String>,
    /// At once, or from the next period on; `now` when left out.
    #[serde(default)]
    pub when: Option<SubscriptionWhen>,
    /// Of a change at once: whether what was paid for and is not used up is given back, and the new is charged for the
    /// rest of the period; `true` when left out. `false`: the fee changes with the next period.
    #[serde(default)]
    pub prorate: Option<bool>,
}

/// The end of a subscription.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelSubscription {
    /// At once, or with the period; `period_end` when left out.
    #[serde(default)]
    pub when: Option<SubscriptionWhen>,
    /// Of an end at once: whether what was paid for and is not used up is given back; `false` when left out.
    #[serde(default)]
    pub prorate: Option<bool>,
}

/// When something takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionWhen {
    /// At once.
    Now,
    /// When the period, or the trial, is over.
    PeriodEnd,
}

/// A pause.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseSubscription {
    /// When it goes on by itself; when you say so, when left out.
    #[serde(default)]
    pub resumes_at: Option<DateTime<Utc>>,
}

/// Whether a subscription renews by itself.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoRenewIn {
    /// Whether.
    pub auto_renew: bool,
}

fn invalid(param: &str, detail: &str) -> Problem {
    Problem::bad_request("invalid_request", param, detail)
}

/// The plan that is named, by its id or its code, if one is.
fn plan(id: Option<&str>, code: Option<&str>) -> Result<Option<PlanName>, Problem> {
    match (id, code) {
        (Some(_), Some(_)) => Err(invalid("plan_code", "a plan is named by plan_id or by plan_code")),
        (Some(id), None) => id.parse().map(PlanName::Id).map(Some).map_err(|_| crate::command::plans::plan_not_found()),
        (None, Some(code)) => {
            code.parse().map(PlanName::Code).map(Some).map_err(|_| crate::command::plans::plan_not_found())
        }
        (None, None) => Ok(None),
    }
}

fn seats(text: Option<&str>) -> Result<Option<Quantity>, Problem> {
    text.map(|text| money::positive_quantity("quantity", text)).transpose()
}

impl NewSubscription {
    /// The plan.
    pub fn plan(&self) -> Result<PlanName, Problem> {
        let named = plan(self.plan_id.as_deref(), self.plan_code.as_deref())?;
        named.ok_or_else(|| Problem::bad_request("missing_field", "plan_id", "say which plan: plan_id or plan_code"))
    }

    /// Seats.
    pub fn quantity(&self) -> Result<Quantity, Problem> {
        money::positive_quantity("quantity", self.quantity.as_deref().unwrap_or("1"))
    }

    /// Where periods begin.
    pub fn anchoring(&self) -> Result<Anchoring, Problem> {
        match self.anchoring.as_deref() {
            None | Some("anniversary") => Ok(Anchoring::Anniversary),
            Some("calendar") => Ok(Anchoring::Calendar),
            Some(text) => match DateTime::parse_from_rfc3339(text) {
                Ok(at) => Ok(Anchoring::At(to_micros(at.with_timezone(&Utc)))),
                Err(_) => Err(invalid("anchoring", "anchoring must be anniversary, calendar, or a time of RFC 3339")),
            },
        }
    }

    /// Days that are free at first; `None` as the plan says.
    pub fn trial_days(&self) -> Result<Option<u32>, Problem> {
        match self.trial_days {
            Some(days) if days > TRIAL_DAYS_MAX => {
                Err(invalid("trial_days", &format!("trial_days must be 0 to {TRIAL_DAYS_MAX}")))
            }
            days => Ok(days),
        }
    }
}

impl ChangeSubscription {
    /// What is to change: the plan, the seats, or both.
    pub fn read(&self) -> Result<(Option<PlanName>, Option<Quantity>), Problem> {
        let plan = plan(self.plan_id.as_deref(), self.plan_code.as_deref())?;
        let quantity = seats(self.quantity.as_deref())?;
        if plan.is_none() && quantity.is_none() {
            let detail = "say what is to change: plan_id or plan_code, quantity, or both";
            return Err(Problem::bad_request("missing_field", "plan_id", detail));
        }
        Ok((plan, quantity))
    }

    /// When, and whether it is prorated.
    pub fn when(&self) -> Result<(When, bool), Problem> {
        when(self.when.unwrap_or(SubscriptionWhen::Now), self.prorate, true)
    }
}

impl CancelSubscription {
    /// When, and whether it is prorated.
    pub fn when(&self) -> Result<(When, bool), Problem> {
        when(self.when.unwrap_or(SubscriptionWhen::PeriodEnd), self.prorate, false)
    }
}

fn when(when: SubscriptionWhen, prorate: Option<bool>, otherwise: bool) -> Result<(When, bool), Problem> {
    match (when, prorate) {
        (SubscriptionWhen::Now, prorate) => Ok((When::Now, prorate.unwrap_or(otherwise))),
        (SubscriptionWhen::PeriodEnd, Some(true)) => {
            Err(invalid("prorate", "with the period's end nothing is left to be prorated"))
        }
        (SubscriptionWhen::PeriodEnd, _) => Ok((When::PeriodEnd, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::parse;

    fn read(text: &str) -> NewSubscription {
        parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_plan_is_named_once() {
        let told = |text: &str| read(text).plan().err().map(|problem| (problem.status, problem.code));
        let id = format!("plan_{}", "0".repeat(26));
        assert_eq!(told(r#"{"customer_id":"c","plan_code":"basic"}"#), None);
        assert_eq!(told(&format!(r#"{{"customer_id":"c","plan_id":"{id}"}}"#)), None);
        assert_eq!(told(r#"{"customer_id":"c"}"#), Some((400, "missing_field")));
        let both = format!(r#"{{"customer_id":"c","plan_id":"{id}","plan_code":"basic"}}"#);
        assert_eq!(told(&both), Some((400, "invalid_request")));
        assert_eq!(told(r#"{"customer_id":"c","plan_id":"basic"}"#), Some((404, "plan_not_found")));
        assert_eq!(told(r#"{"customer_id":"c","plan_code":"Basic"}"#), Some((404, "plan_not_found")));
    }

    #[test]
    fn where_periods_begin() {
        let anchoring = |text: &str| {
            read(&format!(r#"{{"customer_id":"c","anchoring":"{text}"}}"#)).anchoring().map_err(|problem| problem.code)
        };
        assert_eq!(read(r#"{"customer_id":"c"}"#).anchoring().unwrap(), Anchoring::Anniversary);
        assert_eq!(anchoring("calendar"), Ok(Anchoring::Calendar));
        let at = Anchoring::At("2026-01-15T08:00:00Z".parse().unwrap());
        assert_eq!(anchoring("2026-01-15T09:00:00+01:00"), Ok(at));
        assert_eq!(anchoring("monthly"), Err("invalid_request"));
    }

    #[test]
    fn only_what_happens_at_once_is_prorated() {
        let change = |text: &str| {
            let change: ChangeSubscription = parse(text.as_bytes()).unwrap();
            change.when().map_err(|problem| problem.fields["param"].clone())
        };
        assert_eq!(change("{}"), Ok((When::Now, true)));
        assert_eq!(change(r#"{"prorate":false}"#), Ok((When::Now, false)));
        assert_eq!(change(r#"{"when":"period_end"}"#), Ok((When::PeriodEnd, false)));
        assert_eq!(change(r#"{"when":"period_end","prorate":true}"#), Err("prorate".into()));
        let end = |text: &str| parse::<CancelSubscription>(text.as_bytes()).unwrap().when().unwrap();
        assert_eq!((end("{}"), end(r#"{"when":"now"}"#)), ((When::PeriodEnd, false), (When::Now, false)));
    }
}
