//! Customers: make one, set how far it may go post-paid.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::account::command::Action;
use domain::account::{Account, AccountCommand, AccountEvent, Balances};
use domain::customer::{Created, Customer, CustomerCommand, CustomerError, CustomerEvent};
use domain::ids::{CustomerId, TestClockId};
use domain::money::{Amount, Currency};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::{CommandMeta, Executed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{answer, execute, in_time_of, meta, test_clocks};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, path_id};
use crate::money;
use crate::problem::Problem;

/// The kind of vault row that holds a customer's personal data.
pub const PERSONAL: &str = "customer";

/// A new customer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    /// Your own name for it, for example its id in your system. Not unique, and must not be
    /// personal data: it stays in the log for ever.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Its name; kept encrypted, outside the log.
    #[serde(default)]
    pub name: Option<String>,
    /// Its e-mail address; kept encrypted, outside the log.
    #[serde(default)]
    pub email: Option<String>,
    /// The currency of its account, for ever; the organization's default when left out.
    #[serde(default)]
    #[schema(example = "USD")]
    pub currency: Option<String>,
    /// How far the account may go post-paid; "0" when left out.
    #[serde(default)]
    pub postpaid_limit: Option<String>,
    /// The test clock whose time it lives in, for ever; real time when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_clock_id: Option<String>,
}

/// What is kept of a person, outside the log.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Personal {
    /// Its name.
    pub name: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Its name on invoices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
    /// Its postal address, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address: Vec<String>,
}

/// The balances of an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AccountOut {
    /// The account's currency.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// Credits left that are not reserved.
    #[schema(value_type = String)]
    pub credits: Amount,
    /// Charged and not yet paid for.
    #[schema(value_type = String)]
    pub postpaid: Amount,
    /// How far that may go.
    #[schema(value_type = String)]
    pub postpaid_limit: Amount,
    /// Reserved by holds, of credits and post-paid room.
    #[schema(value_type = String)]
    pub held: Amount,
    /// Credits and post-paid room that are not reserved: what can be charged now.
    #[schema(value_type = String)]
    pub available: Amount,
}

impl AccountOut {
    /// From the domain's balances.
    pub fn new(currency: Currency, balances: &Balances) -> Self {
        Self {
            currency,
            credits: balances.credits,
            postpaid: balances.postpaid,
            postpaid_limit: balances.postpaid_limit,
            held: balances.held(),
            available: balances.available(),
        }
    }
}

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerOut {
    /// Always `customer`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: CustomerId,
    /// Your own name for it.
    pub external_id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// The currency of its account.
    pub currency: String,
    /// The test clock whose time it lives in; `null` for real time.
    #[schema(value_type = Option<String>)]
    pub test_clock_id: Option<TestClockId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Its account; `null` in lists.
    pub account: Option<AccountOut>,
    /// The log's position after the command; `null` in lists.
    pub position: Option<String>,
}

impl From<CustomerError> for Problem {
    fn from(error: CustomerError) -> Self {
        match error {
            CustomerError::AlreadyExists => Self::conflict("already_exists", error.to_string()),
            CustomerError::NotFound => customer_not_found(),
        }
    }
}

/// The answer for a customer that is not there, or not yours.
pub fn customer_not_found() -> Problem {
    Problem::not_found("customer_not_found", "there is no such customer")
}

/// The id of a customer in the path.
pub struct CustomerPath(pub CustomerId);

impl<S: Send + Sync> FromRequestParts<S> for CustomerPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "customer_not_found").await.map(Self)
    }
}

/// The stream of a customer's account.
pub fn account_stream(id: CustomerId) -> StreamId {
    StreamId::new(Account::CATEGORY, id)
}

/// Make a customer with its account.
#[utoipa::path(post, path = "/v1/customers", tag = "Customers", request_body = NewCustomer,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = CustomerOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_customer(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewCustomer>,
) -> Result<Response, Problem> {
    for (param, value, chars_max) in
        [("external_id", &body.external_id, 100), ("name", &body.name, 200), ("email", &body.email, 254)]
    {
        if let Some(value) = value {
            money::text(param, value, chars_max)?;
        }
    }
    let postpaid_limit =
        body.postpaid_limit.as_deref().map(|text| money::amount("postpaid_limit", text)).transpose()?;
    let currency = match money::currency(body.currency.as_deref())? {
        Some(currency) => currency,
        None => default_currency(&app, &principal).await?,
    };
    let mut meta = meta(&principal, key.as_deref(), "POST /v1/customers", "", &body)?;
    let test_clock_id = match body.test_clock_id.as_deref() {
        Some(text) => {
            let (id, now) = test_clock(&app, &principal, text).await?;
            meta.now = now;
            Some(id)
        }
        None => None,
    };
    // The account comes first: a customer never lacks one, whatever happens in between.
    let (id, limit) = open_account(&app, &principal, &meta, currency, postpaid_limit.unwrap_or_default()).await?;
    if body.name.is_some() || body.email.is_some() {
        let personal = Personal { name: body.name.clone(), email: body.email.clone(), ..Personal::default() };
        let bytes = serde_json::to_vec(&personal).map_err(|e| Problem::internal().caused_by(e))?;
        app.vault.put(principal.organization_id, PERSONAL, &id.to_string(), &bytes).await?;
    }
    let created = Created {
        customer_id: id,
        organization_id: principal.organization_id,
        external_id: body.external_id.clone(),
        currency,
        test_clock_id,
    };
    let stream = StreamId::new(Customer::CATEGORY, id);
    match execute::<Customer>(&app, stream, meta, CustomerCommand::Create(created)).await? {
        Executed::Done { event, replayed } => {
            let CustomerEvent::Created(created) = event.event else { return Err(Problem::internal()) };
            if let Some(test_clock_id) = created.test_clock_id {
                app.clocks.attach(created.customer_id, test_clock_id);
            }
            let opened = Balances { postpaid_limit: limit, ..Balances::default() };
            let out = CustomerOut {
                object: "customer",
                id: created.customer_id,
                external_id: created.external_id,
                name: body.name,
                email: body.email,
                currency: created.currency.to_string(),
                test_clock_id: created.test_clock_id,
                created_at: event.occurred_at,
                account: Some(AccountOut::new(created.currency, &opened)),
                position: Some(event.position.to_string()),
            };
            Ok(answer(StatusCode::CREATED, out, replayed))
        }
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// A test clock of this organization, and what it shows.
async fn test_clock(app: &App, principal: &Principal, text: &str) -> Result<(TestClockId, Timestamp), Problem> {
    let id = text.parse().map_err(|_| test_clocks::test_clock_not_found())?;
    let shown = test_clocks::load(app, principal, id).await?.now;
    Ok((id, shown.ok_or_else(test_clocks::test_clock_not_found)?))
}

async fn default_currency(app: &App, principal: &Principal) -> Result<Currency, Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    Ok(organization.profile.as_ref().map_or(Currency::USD, |profile| profile.default_currency))
}

/// Opens the account, or finds the one that an earlier try with the same key has opened.
async fn open_account(
    app: &App,
    principal: &Principal,
    customer: &CommandMeta,
    currency: Currency,
    postpaid_limit: Amount,
) -> Result<(CustomerId, Amount), Problem> {
    let id = CustomerId::new(Uuid::now_v7());
    let command_id = domain::ids::derive(&[b"account of customer", customer.command_id.as_bytes()]);
    let meta = CommandMeta { command_id, ..customer.clone() };
    let open = Action::Open { customer_id: id, currency, postpaid_limit };
    let command = AccountCommand { organization_id: principal.organization_id, action: open };
    match execute::<Account>(app, account_stream(id), meta, command).await? {
        Executed::Done { event, .. } => match event.event {
            AccountEvent::Opened(opened) => Ok((opened.customer_id, opened.postpaid_limit)),
            _ => Err(Problem::internal()),
        },
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// A post-paid limit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostpaidLimitIn {
    /// How far the account may go: a decimal string, zero or more.
    #[schema(example = "100")]
    pub amount: String,
    /// The account's currency when left out; another one is refused.
    #[serde(default)]
    pub currency: Option<String>,
}

/// Set how far a customer may go post-paid. A limit below what is owed stops further charges.
#[utoipa::path(put, path = "/v1/customers/{id}/postpaid_limit", tag = "Customers", request_body = PostpaidLimitIn,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = CustomerOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_postpaid_limit(
    State(app): State<App>,
    principal: Principal,
    CustomerPath(id): CustomerPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<PostpaidLimitIn>,
) -> Result<Response, Problem> {
    let action = Action::SetPostpaidLimit {
        postpaid_limit: money::amount("amount", &body.amount)?,
        currency: money::currency(body.currency.as_deref())?,
    };
    let meta = meta(&principal, key.as_deref(), "PUT /v1/customers/{id}/postpaid_limit", &id.to_string(), &body)?;
    let meta = in_time_of(&app, id, meta);
    let command = AccountCommand { organization_id: principal.organization_id, action };
    let executed = execute::<Account>(&app, account_stream(id), meta, command).await?;
    let (balances, position, replayed) = match executed {
        Executed::Done { event, replayed } => match event.event {
            AccountEvent::LimitSet(set) => (set.after, event.position, replayed),
            _ => return Err(Problem::internal()),
        },
        Executed::Unchanged { state, position } => (state.balances(), position, false),
    };
    let mut out = crate::query::customers::load(&app, &principal, id).await?;
    out.account = Some(AccountOut::new(out.currency.parse().unwrap_or(Currency::USD), &balances));
    out.position = Some(position.to_string());
    Ok(answer(StatusCode::OK, out, replayed))
}
