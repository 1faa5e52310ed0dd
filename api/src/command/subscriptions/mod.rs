//! Subscriptions: a customer, a plan, and what is due when.
//!
//! [`request`] is what can be asked and how it is read, [`out`] a subscription as it is shown, [`denied`] what the
//! ledger refuses. Billing closes a subscription's bill within milliseconds; what comes in between waits for it.

use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono_tz::Tz;
use domain::account::Account;
use domain::customer::Customer;
use domain::envelope::to_micros;
use domain::ids::{CustomerId, SubscriptionId};
use domain::meter::MeterCode;
use domain::plan::PlanVersion;
use domain::subscription::{
    Action, Create, Life, Subscription, SubscriptionCommand, SubscriptionError, SubscriptionEvent,
};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, ExecuteError, Executed, Recorded};
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::customers::{account_stream, customer_not_found};
use super::settlements::Nothing;
use super::{answer, as_of, earlier, in_time_of, meta, plans};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, OptionalJson, path_id};
use crate::problem::Problem;

pub mod denied;
pub mod out;
pub mod request;

pub use out::SubscriptionOut;
use request::{AutoRenewIn, CancelSubscription, ChangeSubscription, NewSubscription, PauseSubscription};

/// How long a request waits for what billing has to do before.
const WAIT_MAX: Duration = Duration::from_secs(2);
const WAIT_STEP: Duration = Duration::from_millis(20);

/// The answer for a subscription that is not there, or not yours.
pub fn subscription_not_found() -> Problem {
    Problem::not_found("subscription_not_found", "there is no such subscription")
}

/// The id of a subscription in the path.
pub struct SubscriptionPath(pub SubscriptionId);

impl<S: Send + Sync> FromRequestParts<S> for SubscriptionPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "subscription_not_found").await.map(Self)
    }
}

/// The stream of a subscription.
pub fn subscription_stream(id: SubscriptionId) -> StreamId {
    StreamId::new(Subscription::CATEGORY, id)
}

/// A subscription of this organization, from the log.
pub async fn load(app: &App, principal: &Principal, id: SubscriptionId) -> Result<Subscription, Problem> {
    let subscription = app.ledger.load::<Subscription>(&subscription_stream(id)).await?.state;
    let own = subscription.life.as_ref().is_some_and(|life| life.organization_id == principal.organization_id);
    if own { Ok(subscription) } else { Err(subscription_not_found()) }
}

/// Subscribe a customer to a plan, now.
#[utoipa::path(post, path = "/v1/subscriptions", tag = "Subscriptions", request_body = NewSubscription,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_subscription(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewSubscription>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/subscriptions", "", &body)?;
    // Plan and customer may be others by now.
    if let Some(event) = earlier::<Subscription>(&app, &meta, key.as_deref()).await? {
        return respond(&app, StatusCode::CREATED, &event, true).await;
    }
    let (name, quantity) = (body.plan()?, body.quantity()?);
    let (anchoring, trial_days) = (body.anchoring()?, body.trial_days()?);
    let customer_id: CustomerId = body.customer_id.parse().map_err(|_| customer_not_found())?;
    let (customer, account) = customer(&app, &principal, customer_id).await?;
    let currency = account.owner.ok_or_else(customer_not_found)?.currency;
    let plan = plans::offered(&app, &principal, &name).await?;
    own_meters(&app, customer_id, &plan, None).await?;
    let subscription_id = SubscriptionId::new(Uuid::now_v7());
    let create = Create {
        subscription_id,
        customer_id,
        currency,
        plan,
        quantity,
        time_zone: customer.billing.time_zone.unwrap_or(Tz::UTC),
        anchoring,
        trial_days,
        cancel_at_trial_end: body.cancel_at_trial_end,
        auto_renew: body.auto_renew.unwrap_or(true),
    };
    let meta = in_time_of(&app, customer_id, meta);
    match run(&app, subscription_id, meta, Action::Create(Box::new(create))).await? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::CREATED, &event, replayed).await,
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// Change plan or seats, at once or from the next period on.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/change", tag = "Subscriptions", request_body = ChangeSubscription,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn change_subscription(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<ChangeSubscription>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/subscriptions/{id}/change", &id.to_string(), &body)?;
    if let Some(event) = earlier::<Subscription>(&app, &meta, key.as_deref()).await? {
        return respond(&app, StatusCode::OK, &event, true).await;
    }
    let ((name, quantity), (when, prorate)) = (body.read()?, body.when()?);
    let subscription = load(&app, &principal, id).await?;
    let life = subscription.life.as_deref().ok_or_else(subscription_not_found)?;
    let plan = match &name {
        Some(name) => Some(Box::new(plans::offered(&app, &principal, name).await?)),
        None => None,
    };
    if let Some(plan) = &plan {
        own_meters(&app, life.customer_id, plan, Some(id)).await?;
    }
    let action = Action::Change { plan, quantity, when, prorate };
    finish(&app, id, in_time_of(&app, life.customer_id, meta), action).await
}

/// Drop a change that is scheduled.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/drop_change", tag = "Subscriptions",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn drop_subscription_change(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let route = "POST /v1/subscriptions/{id}/drop_change";
    act(&app, &principal, id, key.as_deref(), (route, &()), Action::DropChange).await
}

/// End a subscription, at once or with its period.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/cancel", tag = "Subscriptions",
    request_body = Option<CancelSubscription>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn cancel_subscription(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(body): OptionalJson<CancelSubscription>,
) -> Result<Response, Problem> {
    let (when, prorate) = body.when()?;
    let route = "POST /v1/subscriptions/{id}/cancel";
    act(&app, &principal, id, key.as_deref(), (route, &body), Action::Cancel { when, prorate }).await
}

/// Do not end it with its period after all.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/drop_cancel", tag = "Subscriptions",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn drop_subscription_cancel(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let route = "POST /v1/subscriptions/{id}/drop_cancel";
    act(&app, &principal, id, key.as_deref(), (route, &()), Action::DropCancel).await
}

/// End a trial at once: from now on it is paid for.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/end_trial", tag = "Subscriptions",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn end_subscription_trial(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let route = "POST /v1/subscriptions/{id}/end_trial";
    act(&app, &principal, id, key.as_deref(), (route, &()), Action::EndTrial).await
}

/// Pause a subscription: it gives nothing and costs nothing, and what was paid for and is not used up is given back.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/pause", tag = "Subscriptions",
    request_body = Option<PauseSubscription>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn pause_subscription(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(body): OptionalJson<PauseSubscription>,
) -> Result<Response, Problem> {
    let route = "POST /v1/subscriptions/{id}/pause";
    let action = Action::Pause { resumes_at: body.resumes_at.map(to_micros) };
    act(&app, &principal, id, key.as_deref(), (route, &body), action).await
}

/// Go on with a subscription: a period begins now.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/resume", tag = "Subscriptions",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn resume_subscription(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let route = "POST /v1/subscriptions/{id}/resume";
    act(&app, &principal, id, key.as_deref(), (route, &()), Action::Resume).await
}

/// Say whether a subscription renews by itself. Without that it ends with its period and the plan's days of grace.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/auto_renew", tag = "Subscriptions", request_body = AutoRenewIn,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_subscription_auto_renew(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<AutoRenewIn>,
) -> Result<Response, Problem> {
    let route = "POST /v1/subscriptions/{id}/auto_renew";
    act(&app, &principal, id, key.as_deref(), (route, &body), Action::SetAutoRenew(body.auto_renew)).await
}

/// What needs nothing but the subscription itself.
async fn act(
    app: &App,
    principal: &Principal,
    id: SubscriptionId,
    key: Option<&str>,
    (route, body): (&str, &(impl Serialize + Sync)),
    action: Action,
) -> Result<Response, Problem> {
    let meta = meta(principal, key, route, &id.to_string(), body)?;
    if let Some(event) = earlier::<Subscription>(app, &meta, key).await? {
        return respond(app, StatusCode::OK, &event, true).await;
    }
    let subscription = load(app, principal, id).await?;
    let life: &Life = subscription.life.as_deref().ok_or_else(subscription_not_found)?;
    if matches!(action, Action::Resume) {
        // A change that was scheduled before the pause takes effect with it.
        own_meters(app, life.customer_id, life.next_plan(), Some(id)).await?;
    }
    finish(app, id, in_time_of(app, life.customer_id, meta), action).await
}

async fn finish(app: &App, id: SubscriptionId, meta: CommandMeta, action: Action) -> Result<Response, Problem> {
    match run(app, id, meta, action).await? {
        Executed::Done { event, replayed } => respond(app, StatusCode::OK, &event, replayed).await,
        Executed::Unchanged { state, position } => {
            let out = SubscriptionOut::new(&state, Some(position.to_string())).ok_or_else(Problem::internal)?;
            Ok(answer(StatusCode::OK, out, false))
        }
    }
}

/// Gives a command to the ledger, again and again for a while when billing has something to do before.
async fn run(
    app: &App,
    id: SubscriptionId,
    meta: CommandMeta,
    action: Action,
) -> Result<Executed<Subscription>, Problem> {
    let (stream, command) =
        (subscription_stream(id), SubscriptionCommand { organization_id: meta.organization_id, action });
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let decided = app.ledger.execute::<Subscription>(stream.clone(), meta.clone(), command.clone()).await;
        match decided.map_err(<Problem as From<ExecuteError>>::from)? {
            Err(SubscriptionError::BillOpen | SubscriptionError::DueFirst(_)) if Instant::now() < deadline => {
                sleep(WAIT_STEP).await;
            }
            decided => return decided.map_err(Problem::from),
        }
    }
}

/// The subscription as it was right after the event: the same at each repetition.
async fn respond(
    app: &App,
    status: StatusCode,
    event: &Recorded<SubscriptionEvent>,
    replayed: bool,
) -> Result<Response, Problem> {
    let subscription = as_of::<Subscription>(app, &event.stream_id, event.event_id).await?;
    let position = Some(event.position.to_string());
    let out = SubscriptionOut::new(&subscription, position).ok_or_else(Problem::internal)?;
    Ok(answer(status, out, replayed))
}

/// A customer of this organization, and its account.
async fn customer(app: &App, principal: &Principal, id: CustomerId) -> Result<(Customer, Account), Problem> {
    let customer = app.ledger.load::<Customer>(&StreamId::new(Customer::CATEGORY, id)).await?.state;
    let created = customer.created.as_ref();
    if created.is_none_or(|created| created.organization_id != principal.organization_id) {
        return Err(customer_not_found());
    }
    let account = app.ledger.load::<Account>(&account_stream(id)).await?.state;
    Ok((customer, account))
}

/// A meter counts for one subscription of a customer at a time. One that has ended or was paused a moment ago gives its
/// meters up with its last bill.
async fn own_meters(
    app: &App,
    customer_id: CustomerId,
    plan: &PlanVersion,
    own: Option<SubscriptionId>,
) -> Result<(), Problem> {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let account = app.ledger.load::<Account>(&account_stream(customer_id)).await?.state;
        let Some(currency) = account.owner.map(|owner| owner.currency) else { return Ok(()) };
        let used_by = |meter: &MeterCode| account.quotas.get(meter)?.plan.as_ref().map(|plan| plan.subscription_id);
        let allowances = plan.allowances(currency);
        let taken = allowances.iter().find_map(|allowance| {
            let other = used_by(&allowance.meter).filter(|other| Some(*other) != own)?;
            Some((&allowance.meter, other))
        });
        let Some((meter, other)) = taken else { return Ok(()) };
        let holder = app.ledger.load::<Subscription>(&subscription_stream(other)).await?.state;
        let gives_it_up = holder.life.as_deref().is_none_or(|life| life.period.is_none());
        if !gives_it_up || Instant::now() >= deadline {
            let detail = format!("meter {meter} belongs to another subscription of this customer");
            let problem = Problem::conflict("meter_in_use", detail).with("meter", json!(meter));
            return Err(problem.with("subscription_id", json!(other)));
        }
        sleep(WAIT_STEP).await;
    }
}
