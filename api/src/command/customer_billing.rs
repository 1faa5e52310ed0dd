//! How a customer is billed: its taxes, its clock, its language, how it pays, and in which order its money is used.
//! What names a person lies in the vault, with the customer's other personal data, and never in the log.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::account::command::Action;
use domain::account::{Account, AccountCommand, AccountEvent, Source};
use domain::connector::Connector;
use domain::customer::{Billing, Customer, CustomerCommand, CustomerEvent, Language, PaymentMethod};
use domain::ids::{ConnectorId, CustomerId};
use domain::invoice::Collection;
use domain::payment::MethodRef;
use domain::{Aggregate, StreamId};
use eventstore::Executed;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::customers::{CustomerPath, PERSONAL, Personal, account_stream, customer_not_found};
use super::organization_billing::check_address;
use super::tax_rates::{TaxProfileIn, TaxProfileOut};
use super::{answer, earlier, execute, in_time_of, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json};
use crate::money;
use crate::problem::Problem;
use crate::query::customers::personal;

/// The longest name that a provider has for something.
const PROVIDER_NAME_CHARS_MAX: usize = 255;
/// The wall clock of a customer that names none.
pub const TIME_ZONE_DEFAULT: &str = "UTC";

/// How a customer is billed. All of it: what is left out is as in a new customer.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBillingIn {
    /// Its name on invoices; its name when left out. 1 to 200 characters; kept encrypted, outside the log.
    #[serde(default)]
    pub legal_name: Option<String>,
    /// Its postal address, line by line: up to 6 lines of 1 to 100 characters; kept encrypted, outside the log.
    #[serde(default)]
    pub address: Vec<String>,
    /// How it is taxed; not at all when left out.
    #[serde(default)]
    pub tax: Option<TaxProfileIn>,
    /// Its time zone, as in the IANA database: periods of subscriptions and dates of invoices are by it. `UTC` when left
    /// out. Subscriptions keep theirs.
    #[serde(default)]
    #[schema(example = "Europe/Berlin")]
    pub time_zone: Option<String>,
    /// The language of its invoices; `en` when left out.
    #[serde(default)]
    pub language: Option<CustomerLanguage>,
    /// How its invoices are paid; `send` when left out.
    #[serde(default)]
    pub collection: Option<CustomerCollection>,
    /// What is charged, of `automatic` collection.
    #[serde(default)]
    pub payment_method: Option<CustomerPaymentMethod>,
}

/// The language of invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CustomerLanguage {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// How invoices are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CustomerCollection {
    /// The payment method is charged.
    Automatic,
    /// The customer pays by itself.
    Send,
}

/// A payment method, by the names that the provider gave it. No card data.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerPaymentMethod {
    /// The connector with which it is charged.
    pub connector_id: String,
    /// The provider's customer; 1 to 255 characters.
    #[serde(default)]
    pub customer: Option<String>,
    /// The provider's payment method; 1 to 255 characters.
    #[schema(example = "pm_card_visa")]
    pub method: String,
}

/// How a customer is billed.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerBillingOut {
    /// Always `customer_billing`.
    pub object: &'static str,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// Its name on invoices; `null` for its name.
    pub legal_name: Option<String>,
    /// Its postal address, line by line.
    pub address: Vec<String>,
    /// How it is taxed.
    pub tax: TaxProfileOut,
    /// Its time zone.
    pub time_zone: String,
    /// The language of its invoices.
    pub language: CustomerLanguage,
    /// How its invoices are paid.
    pub collection: CustomerCollection,
    /// What is charged, of `automatic` collection.
    pub payment_method: Option<CustomerPaymentMethod>,
    /// What pays first, second, third of its charges; `null` in the answer to a PUT.
    pub payment_order: Option<Vec<PaymentSource>>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

impl CustomerBillingOut {
    /// From the domain's billing, and what the vault has.
    pub fn new(customer_id: CustomerId, billing: &Billing, names: Names, position: Option<String>) -> Self {
        let method = billing.payment_method.as_ref();
        Self {
            object: "customer_billing",
            customer_id,
            legal_name: names.legal_name,
            address: names.address,
            tax: TaxProfileOut::from(&billing.tax),
            time_zone: billing.time_zone.map_or_else(|| TIME_ZONE_DEFAULT.to_owned(), |zone| zone.to_string()),
            language: match billing.language {
                Language::En => CustomerLanguage::En,
                Language::Zh => CustomerLanguage::Zh,
            },
            collection: match billing.collection {
                Collection::Automatic => CustomerCollection::Automatic,
                Collection::Send => CustomerCollection::Send,
            },
            payment_method: method.map(|method| CustomerPaymentMethod {
                connector_id: method.connector_id.to_string(),
                customer: method.method.customer.clone(),
                method: method.method.method.clone(),
            }),
            payment_order: None,
            position,
        }
    }
}

/// What of a customer's billing is personal.
#[derive(Debug, Default)]
pub struct Names {
    /// Its name on invoices.
    pub legal_name: Option<String>,
    /// Its postal address.
    pub address: Vec<String>,
}

impl CustomerBillingIn {
    fn read(&self) -> Result<Billing, Problem> {
        if let Some(name) = &self.legal_name {
            money::text("legal_name", name, 200)?;
        }
        check_address(&self.address)?;
        let time_zone = match &self.time_zone {
            Some(text) => Some(text.parse().map_err(|_| {
                let detail = "time_zone must be a name of the IANA time zone database, like \"Europe/Berlin\"";
                Problem::bad_request("invalid_request", "time_zone", detail)
            })?),
            None => None,
        };
        Ok(Billing {
            tax: self.tax.clone().unwrap_or_default().read("tax")?,
            time_zone,
            language: match self.language {
                Some(CustomerLanguage::Zh) => Language::Zh,
                Some(CustomerLanguage::En) | None => Language::En,
            },
            collection: match self.collection {
                Some(CustomerCollection::Automatic) => Collection::Automatic,
                Some(CustomerCollection::Send) | None => Collection::Send,
            },
            payment_method: self.payment_method.as_ref().map(CustomerPaymentMethod::read).transpose()?,
        })
    }

    fn names(self) -> Names {
        Names { legal_name: self.legal_name, address: self.address }
    }
}

impl CustomerPaymentMethod {
    fn read(&self) -> Result<PaymentMethod, Problem> {
        let connector_id = self.connector_id.parse().map_err(|_| connector_not_found())?;
        let fields =
            [("payment_method.method", Some(&self.method)), ("payment_method.customer", self.customer.as_ref())];
        for (param, value) in fields {
            if let Some(value) = value {
                money::text(param, value, PROVIDER_NAME_CHARS_MAX)?;
            }
        }
        let method = MethodRef { customer: self.customer.clone(), method: self.method.clone() };
        Ok(PaymentMethod { connector_id, method })
    }
}

fn connector_not_found() -> Problem {
    Problem::not_found("connector_not_found", "there is no such connector")
        .with("param", json!("payment_method.connector_id"))
}

/// Set how a customer is billed, as a whole. Invoices that were drafted before stay as they are.
#[utoipa::path(put, path = "/v1/customers/{id}/billing", tag = "Customers", request_body = CustomerBillingIn,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = CustomerBillingOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_customer_billing(
    State(app): State<App>,
    principal: Principal,
    CustomerPath(id): CustomerPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<CustomerBillingIn>,
) -> Result<Response, Problem> {
    let billing = body.read()?;
    let meta = meta(&principal, key.as_deref(), "PUT /v1/customers/{id}/billing", &id.to_string(), &body)?;
    // What was done before is not written into the vault again: that may be another by now.
    if let Some(event) = earlier::<Customer>(&app, &meta, key.as_deref()).await? {
        let CustomerEvent::BillingSet(set) = &event.event else { return Err(Problem::internal()) };
        let out = CustomerBillingOut::new(id, &set.billing, body.names(), Some(event.position.to_string()));
        return Ok(answer(StatusCode::OK, out, true));
    }
    let stream = StreamId::new(Customer::CATEGORY, id);
    let created = app.ledger.load::<Customer>(&stream).await?.state.created;
    if created.is_none_or(|created| created.organization_id != principal.organization_id) {
        return Err(customer_not_found());
    }
    if let Some(method) = &billing.payment_method {
        own_connector(&app, &principal, method.connector_id).await?;
    }
    keep(&app, &principal, id, &body).await?;
    let command =
        CustomerCommand::SetBilling { organization_id: principal.organization_id, billing: Box::new(billing) };
    let meta = in_time_of(&app, id, meta);
    let (out, replayed) = match execute::<Customer>(&app, stream, meta, command).await? {
        Executed::Done { event, replayed } => match &event.event {
            CustomerEvent::BillingSet(set) => {
                (CustomerBillingOut::new(id, &set.billing, body.names(), Some(event.position.to_string())), replayed)
            }
            CustomerEvent::Created(_) => return Err(Problem::internal()),
        },
        Executed::Unchanged { state, position } => {
            (CustomerBillingOut::new(id, &state.billing, body.names(), Some(position.to_string())), false)
        }
    };
    Ok(answer(StatusCode::OK, out, replayed))
}

async fn own_connector(app: &App, principal: &Principal, id: ConnectorId) -> Result<(), Problem> {
    let connector = app.ledger.load::<Connector>(&StreamId::new(Connector::CATEGORY, id)).await?.state;
    connector.in_use_by(principal.organization_id).map(|_| ()).ok_or_else(connector_not_found)
}

/// Writes name and address into the vault, beside what it has of the customer.
async fn keep(app: &App, principal: &Principal, id: CustomerId, body: &CustomerBillingIn) -> Result<(), Problem> {
    let row = id.to_string();
    let known = personal(app, principal, std::slice::from_ref(&row)).await?.remove(&row).unwrap_or_default();
    if known.legal_name == body.legal_name && known.address == body.address {
        return Ok(());
    }
    let personal = Personal { legal_name: body.legal_name.clone(), address: body.address.clone(), ..known };
    let bytes = serde_json::to_vec(&personal).map_err(|e| Problem::internal().caused_by(e))?;
    Ok(app.vault.replace(principal.organization_id, PERSONAL, &row, &bytes).await?)
}

/// What may pay a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentSource {
    /// What a quota includes.
    Allowance,
    /// Credits.
    Credits,
    /// Post-paid room.
    Postpaid,
}

impl PaymentSource {
    /// As the account has it.
    pub const fn shown(source: Source) -> Self {
        match source {
            Source::Allowance => Self::Allowance,
            Source::Credits => Self::Credits,
            Source::Postpaid => Self::Postpaid,
        }
    }

    const fn read(self) -> Source {
        match self {
            Self::Allowance => Source::Allowance,
            Self::Credits => Source::Credits,
            Self::Postpaid => Source::Postpaid,
        }
    }
}

/// In which order a customer's money is used.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentOrderIn {
    /// What pays first, second, third: each at most once, at least one. What is left out pays nothing.
    #[schema(example = json!(["credits", "allowance", "postpaid"]))]
    pub order: Vec<PaymentSource>,
}

/// In which order a customer's money is used.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentOrderOut {
    /// Always `payment_order`.
    pub object: &'static str,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// What pays first, second, third.
    pub order: Vec<PaymentSource>,
    /// The log's position after the command.
    pub position: String,
}

/// Say in which order allowance, credits and post-paid room pay for a customer's charges. Holds that stand keep what
/// they reserve.
#[utoipa::path(put, path = "/v1/customers/{id}/payment_order", tag = "Customers", request_body = PaymentOrderIn,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = PaymentOrderOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_payment_order(
    State(app): State<App>,
    principal: Principal,
    CustomerPath(id): CustomerPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<PaymentOrderIn>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "PUT /v1/customers/{id}/payment_order", &id.to_string(), &body)?;
    let order = body.order.iter().copied().map(PaymentSource::read).collect();
    let command = AccountCommand { organization_id: principal.organization_id, action: Action::SetPaymentOrder(order) };
    let meta = in_time_of(&app, id, meta);
    let (order, position, replayed) = match execute::<Account>(&app, account_stream(id), meta, command).await? {
        Executed::Done { event, replayed } => match event.event {
            AccountEvent::PaymentOrderSet(set) => (set.order, event.position, replayed),
            _ => return Err(Problem::internal()),
        },
        Executed::Unchanged { state, position } => (state.payment_order, position, false),
    };
    let out = PaymentOrderOut {
        object: "payment_order",
        customer_id: id,
        order: order.into_iter().map(PaymentSource::shown).collect(),
        position: position.to_string(),
    };
    Ok(answer(StatusCode::OK, out, replayed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::parse;

    fn told(text: &str) -> Option<(u16, &'static str, serde_json::Value)> {
        let body: CustomerBillingIn = parse(text.as_bytes()).unwrap();
        body.read().err().map(|problem| (problem.status, problem.code, problem.fields["param"].clone()))
    }

    #[test]
    fn nothing_need_be_said() {
        let body: CustomerBillingIn = parse(b"{}").unwrap();
        assert_eq!(body.read().unwrap(), Billing::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let invalid = |param: &str| Some((400, "invalid_request", json!(param)));
        for (text, expected) in [
            (r#"{"legal_name":""}"#, invalid("legal_name")),
            (r#"{"address":["1","2","3","4","5","6","7"]}"#, invalid("address")),
            (r#"{"address":[""]}"#, invalid("address")),
            (r#"{"time_zone":"Berlin"}"#, invalid("time_zone")),
            (r#"{"tax":{"country":"de"}}"#, invalid("tax.country")),
            (r#"{"tax":{"subdivision":"BE"}}"#, Some((400, "missing_field", json!("tax.country")))),
            (r#"{"tax":{"country":"DE","tax_id":" 1"}}"#, invalid("tax.tax_id")),
            (
                r#"{"payment_method":{"connector_id":"con_1","method":"pm_1"}}"#,
                Some((404, "connector_not_found", json!("payment_method.connector_id"))),
            ),
            (r#"{"time_zone":"Asia/Shanghai","language":"zh","collection":"automatic"}"#, None),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
