//! The open bill of one request: what is held for it, and what becomes of that.
//!
//! A hold ends here in one of two ways: it is captured for what was measured, or given up. Where more was measured
//! than was thought possible, more is asked for; where there is no more, what is held is all that is charged, and
//! `tollbook_gateway_uncovered_total` counts it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::account::AccountError;
use domain::charge::Usage;
use domain::hold::{HoldAction, HoldError};
use domain::ids::{ChargeId, HoldId};
use domain::money::{Amount, Currency};
use domain::route::{Measure, Measured, PriceError, RoutePrice};
use domain::session_key::SessionKeyError;

use super::money::{self, Denied, Entry, Order, Purse, Step, Trouble};
use super::resolve::Place;
use crate::App;
use crate::problem::Problem;

/// How often a capture is tried that an answer waits for.
const TRIES_BEFORE: u32 = 3;
/// The same when the answer was already delivered.
const TRIES: u32 = 8;
/// How long after the first failure it is tried again; twice as long after each further one.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What came of a request.
#[derive(Debug, Clone)]
pub(super) struct Work {
    /// What was measured.
    pub(super) measured: Measured,
    /// Whether the price for the request itself is due: its answer did not break off.
    pub(super) is_whole: bool,
    /// Whether the tokens were counted here, because the upstream did not say.
    pub(super) is_estimate: bool,
}

/// What it cost.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bill {
    /// The charge; `None` when it cost nothing.
    pub(super) charge_id: Option<ChargeId>,
    /// How much.
    pub(super) cost: Amount,
    /// Of this.
    pub(super) currency: Currency,
    /// What the payer may still spend.
    pub(super) remaining: Amount,
    /// All that was ever charged to the session.
    pub(super) charged: Option<Amount>,
    /// What holds of the session reserve after it.
    pub(super) held: Option<Amount>,
}

impl Bill {
    /// Of an event.
    pub(super) fn new(entry: &Entry, currency: Currency) -> Self {
        Self {
            charge_id: entry.charge.map(|(id, _)| id),
            cost: entry.charge.map_or(Amount::ZERO, |(_, amount)| amount),
            currency,
            remaining: entry.remaining,
            charged: entry.charged,
            held: entry.held,
        }
    }
}

/// The open bill of one request.
pub(super) struct Tab {
    /// The ledger.
    pub(super) app: App,
    /// The route and its prices, as they were when the request came.
    pub(super) place: Arc<Place>,
    /// Who pays.
    pub(super) purse: Purse,
    /// What is held.
    pub(super) hold_id: HoldId,
    /// For this at most.
    pub(super) expected: Vec<Usage>,
    /// Of the request.
    pub(super) digest: [u8; 32],
    /// What the charge says of the request.
    pub(super) labels: BTreeMap<String, String>,
}

impl Tab {
    async fn execute(&self, step: Step, action: HoldAction) -> Result<Entry, Trouble> {
        let order = Order { step, hold_id: self.hold_id, digest: self.digest };
        money::execute(&self.app, &self.purse, order, action).await
    }

    /// Places the hold.
    pub(super) async fn open(&self, ttl_secs: u32) -> Result<Entry, Trouble> {
        let action = HoldAction::Place {
            hold_id: self.hold_id,
            usage: self.expected.clone(),
            currency: Some(self.purse.currency),
            ttl_secs,
            description: None,
            metadata: self.labels.clone(),
        };
        self.execute(Step::Place, action).await
    }

    /// Gives the hold up: nothing is charged. Where the ledger does not answer it runs out by itself.
    pub(super) async fn void(&self) -> Option<Entry> {
        match self.execute(Step::Void, HoldAction::Void { hold_id: self.hold_id }).await {
            Ok(entry) => Some(entry),
            Err(trouble) => {
                let problem = trouble.into_problem();
                tracing::warn!(hold_id = %self.hold_id, code = problem.code, cause = problem.cause, "a hold was not given up");
                None
            }
        }
    }

    /// What this came to.
    fn usage(&self, work: &Work) -> Result<Vec<Usage>, PriceError> {
        let (route, organization) = (&self.place.route, &self.place.organization);
        if work.is_whole {
            let currency = self.purse.currency;
            return route.usage(&work.measured, currency, &organization.meters, &organization.models);
        }
        let mut meters = route.price.meters.clone();
        meters.remove(&Measure::Request);
        let price = RoutePrice { per_request: None, meters, ..route.price.clone() };
        price.usage(route.version, &work.measured, self.purse.currency, &organization.meters, &organization.models)
    }

    /// Charges what it came to. Nothing of the answer has been delivered yet: when this fails, nothing need be.
    pub(super) async fn settle(&self, work: &Work) -> Result<Bill, Trouble> {
        let usage = match self.usage(work) {
            Ok(usage) => usage,
            Err(error) => {
                let cause = format!("{} cannot be priced: {error}", self.hold_id);
                return Err(Problem::internal().caused_by(cause).into());
            }
        };
        for _ in 1..TRIES_BEFORE {
            match self.charge(&usage, work.is_estimate).await {
                Err(Trouble::Failed { problem, .. }) if problem.status == 503 => {
                    tokio::time::sleep(TRY_AGAIN_AFTER).await;
                }
                settled => return settled,
            }
        }
        self.charge(&usage, work.is_estimate).await
    }

    /// The same for what has been delivered: whatever can be charged is, and the ledger is asked again when it
    /// does not answer.
    pub(super) async fn settle_delivered(&self, work: &Work) -> Option<Bill> {
        let mut wait = TRY_AGAIN_AFTER;
        let usage = self.usage(work).unwrap_or_else(|error| {
            tracing::error!(hold_id = %self.hold_id, %error, "what was delivered cannot be priced: all that is held is charged");
            self.expected.clone()
        });
        for tried in 1..=TRIES {
            let trouble = match self.charge(&usage, work.is_estimate).await {
                Ok(bill) => return Some(bill),
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Denied(denied) => return self.charge_what_is_there(&denied).await,
                Trouble::Failed { problem, .. } if tried == TRIES => {
                    self.uncovered("no answer of the ledger", &problem);
                }
                Trouble::Failed { .. } => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
            }
        }
        None
    }

    async fn charge(&self, usage: &[Usage], is_estimate: bool) -> Result<Bill, Trouble> {
        let currency = self.purse.currency;
        if usage.is_empty() {
            let entry = self.execute(Step::Void, HoldAction::Void { hold_id: self.hold_id }).await?;
            return Ok(Bill::new(&entry, currency));
        }
        let labels = self.labels_with(is_estimate.then_some(("counted", "estimate")));
        let denied = match self.capture(usage.to_vec(), labels.clone()).await {
            Ok(entry) => return Ok(Bill::new(&entry, currency)),
            Err(Trouble::Denied(denied)) => denied,
            Err(failed) => return Err(failed),
        };
        if matches!(denied.of_hold(), Some(HoldError::CaptureAboveHold { .. })) {
            let more = money::beyond(usage, &self.expected);
            let action =
                HoldAction::Extend { hold_id: self.hold_id, usage: more, currency: Some(currency), ttl_secs: None };
            match self.execute(Step::Extend, action).await {
                Ok(_) => self.capture(usage.to_vec(), labels).await.map(|entry| Bill::new(&entry, currency)),
                Err(Trouble::Denied(why)) => self.charge_all_that_is_held(&why).await,
                Err(failed) => Err(failed),
            }
        } else if matches!(*denied, Denied::Account(AccountError::QuotaExceeded { .. })) {
            // What was used of a meter that blocks is beyond its quota.
            self.charge_all_that_is_held(&denied).await
        } else {
            Err(Trouble::Denied(denied))
        }
    }

    async fn charge_all_that_is_held(&self, why: &Denied) -> Result<Bill, Trouble> {
        self.uncovered("above the hold", &why.clone().into());
        let labels = self.labels_with(Some(("uncovered", "above the hold")));
        let entry = self.capture(self.expected.clone(), labels).await?;
        Ok(Bill::new(&entry, self.purse.currency))
    }

    /// The owner has taken out of the contract what was held, or the hold has run out.
    async fn charge_what_is_there(&self, denied: &Denied) -> Option<Bill> {
        self.uncovered("denied", &denied.clone().into());
        let there = match denied {
            Denied::SessionKey(SessionKeyError::InsufficientDeposit { available, .. }) => *available,
            _ => Amount::ZERO,
        };
        if there.is_zero() {
            self.void().await;
            return None;
        }
        let labels = self.labels_with(Some(("uncovered", "deposit withdrawn")));
        let entry = self.capture(vec![Usage::Flat { amount: there }], labels).await.ok()?;
        Some(Bill::new(&entry, self.purse.currency))
    }

    async fn capture(&self, usage: Vec<Usage>, metadata: BTreeMap<String, String>) -> Result<Entry, Trouble> {
        let action = HoldAction::Capture {
            hold_id: self.hold_id,
            usage: Some(usage),
            currency: Some(self.purse.currency),
            is_final: true,
            description: None,
            metadata,
        };
        self.execute(Step::Capture, action).await
    }

    fn labels_with(&self, more: Option<(&str, &str)>) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        labels
    }

    fn uncovered(&self, reason: &'static str, problem: &Problem) {
        metrics::counter!("tollbook_gateway_uncovered_total", "reason" => reason).increment(1);
        let (route_id, hold_id) = (self.place.route.id, self.hold_id);
        tracing::warn!(%route_id, %hold_id, reason, code = problem.code, cause = problem.cause, "not all that was used is paid for");
    }
}
