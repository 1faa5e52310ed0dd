//! A new payment: of a customer, or for an invoice. The invoice says first that a payment of it is under way, and the
//! payment follows from that: so there is one at a time.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::account::Account;
use domain::connector::ConnectorKind;
use domain::customer::{Customer, PaymentMethod};
use domain::ids::{ConnectorId, CustomerId, InvoiceId, PaymentId};
use domain::invoice::{
    Action as InvoiceAction, ExpectPayment, Invoice, InvoiceError, InvoiceEvent, Status as InvoiceStatus,
};
use domain::money::{Amount, Currency};
use domain::payment::{Action, Create, MethodRef, Payment};
use domain::{Aggregate, LedgerEvent, StreamId};
use eventstore::{CommandMeta, Executed, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{PaymentCapture, PaymentMethodRef, PaymentOut, payment_stream, respond, run};
use crate::App;
use crate::auth::Principal;
use crate::command::customers::{account_stream, customer_not_found};
use crate::command::invoices::follow::{consequence, follow, stored};
use crate::command::invoices::{self, place};
use crate::command::{answer, as_of, connectors, earlier, in_time_of, meta};
use crate::extract::{IdempotencyKey, Json};
use crate::money;
use crate::problem::Problem;

/// The longest name that a provider gives something.
const NAME_CHARS_MAX: usize = 255;

/// A new payment: for an invoice, or of an amount.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// What for. This or `customer_id` and `amount`.
    #[serde(default)]
    pub invoice_id: Option<String>,
    /// Who pays, when it is for no invoice.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// How much. For an invoice at most what is due, and all of that when left out.
    #[serde(default)]
    pub amount: Option<String>,
    /// Who makes it; that of the customer's payment method when left out.
    #[serde(default)]
    pub connector_id: Option<String>,
    /// What is charged. When left out the customer's own, if the connector is that one's; else the customer is to choose.
    #[serde(default)]
    pub payment_method: Option<PaymentMethodRef>,
    /// When the money is taken; `automatic` when left out.
    #[serde(default)]
    pub capture: PaymentCapture,
    /// Whether the customer is away, so that nobody can be asked to authenticate; `false` when left out.
    #[serde(default)]
    pub off_session: bool,
}

/// Who is to pay what, and for what.
struct Owed {
    customer_id: CustomerId,
    invoice_id: Option<InvoiceId>,
    amount: Amount,
    currency: Currency,
}

/// Make a payment. It is accepted at once; what becomes of it the provider says later. Of an invoice there is one at a
/// time.
#[utoipa::path(post, path = "/v1/payments", tag = "Payments", request_body = NewPayment,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = PaymentOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_payment(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewPayment>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/payments", "", &body)?;
    if body.invoice_id.is_some() {
        return create_for_invoice(&app, &principal, key.as_deref(), meta, &body).await;
    }
    // The connector may be gone by now.
    if let Some(event) = earlier::<Payment>(&app, &meta, key.as_deref()).await? {
        return respond(&app, StatusCode::CREATED, &event, true).await;
    }
    let asked = asked(&app, &principal, &body).await?;
    let meta = in_time_of(&app, asked.customer_id, meta);
    let payment_id = PaymentId::new(Uuid::now_v7());
    let create = Create {
        payment_id,
        customer_id: asked.customer_id,
        invoice_id: None,
        connector_id: asked.connector_id,
        method: asked.method,
        amount: asked.amount,
        currency: asked.currency,
        manual_capture: body.capture == PaymentCapture::Manual,
        off_session: body.off_session,
    };
    match run(&app, payment_id, meta, Action::Create(Box::new(create))).await? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::CREATED, &event, replayed).await,
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

async fn create_for_invoice(
    app: &App,
    principal: &Principal,
    key: Option<&str>,
    meta: CommandMeta,
    body: &NewPayment,
) -> Result<Response, Problem> {
    // What was due then may be paid by now.
    let (event_id, replayed) = match earlier::<Invoice>(app, &meta, key).await? {
        Some(event) => (event.event_id, true),
        None => expect(app, principal, meta, body).await?,
    };
    let expected = stored(app, event_id).await?;
    let event = LedgerEvent::decode(&expected).map_err(StoreError::from)?;
    let LedgerEvent::Invoice(InvoiceEvent::PaymentExpected(said)) = event else { return Err(Problem::internal()) };
    follow(app, &expected, "pay").await?;
    let stream = payment_stream(said.payment_id);
    // There is none when it was paid or voided between the two.
    let made = consequence(app, &stream, event_id).await?;
    let made = made.ok_or_else(|| Problem::conflict("nothing_due", "nothing is due of the invoice any more"))?;
    let payment = as_of::<Payment>(app, &stream, made.event_id).await?;
    let (_, _, position) = place(&made);
    let out = PaymentOut::new(&payment, Some(position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(StatusCode::CREATED, out, replayed))
}

async fn expect(
    app: &App,
    principal: &Principal,
    meta: CommandMeta,
    body: &NewPayment,
) -> Result<(Uuid, bool), Problem> {
    let asked = asked(app, principal, body).await?;
    let invoice_id = asked.invoice_id.ok_or_else(Problem::internal)?;
    let expected = ExpectPayment {
        payment_id: PaymentId::new(Uuid::now_v7()),
        connector_id: asked.connector_id,
        method: asked.method,
        amount: asked.amount,
        manual_capture: body.capture == PaymentCapture::Manual,
        off_session: body.off_session,
    };
    let action = InvoiceAction::ExpectPayment(Box::new(expected));
    match invoices::run(app, principal, invoice_id, meta, action).await? {
        Executed::Done { event, replayed } => Ok((event.event_id, replayed)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// A payment that can be made.
struct Asked {
    customer_id: CustomerId,
    invoice_id: Option<InvoiceId>,
    amount: Amount,
    currency: Currency,
    connector_id: ConnectorId,
    method: Option<MethodRef>,
}

async fn asked(app: &App, principal: &Principal, body: &NewPayment) -> Result<Asked, Problem> {
    let Owed { customer_id, invoice_id, amount, currency } = owed(app, principal, body).await?;
    let usual = app.ledger.load::<Customer>(&StreamId::new(Customer::CATEGORY, customer_id)).await?.state;
    let (connector_id, method) = method(body, usual.billing.payment_method)?;
    let connector = connectors::load(app, principal, connector_id).await?;
    let kind = connector.in_use_by(principal.organization_id).map(|created| created.kind);
    match kind {
        Some(ConnectorKind::Stripe) => Ok(Asked { customer_id, invoice_id, amount, currency, connector_id, method }),
        Some(ConnectorKind::Manual) => {
            let detail = "money that comes by hand is recorded when it has come: POST /v1/invoices/{id}/pay";
            Err(Problem::unprocessable("connector_by_hand", detail).with("param", json!("connector_id")))
        }
        None => Err(connectors::connector_not_found()),
    }
}

async fn owed(app: &App, principal: &Principal, body: &NewPayment) -> Result<Owed, Problem> {
    let amount = body.amount.as_deref().map(|text| money::positive_amount("amount", text)).transpose()?;
    match (&body.invoice_id, &body.customer_id, amount) {
        (Some(id), None, amount) => {
            let id: InvoiceId = id.parse().map_err(|_| invoices::invoice_not_found())?;
            let invoice = invoices::load(app, principal, id).await?;
            let drafted = invoices::drafted(&invoice, principal)?;
            if !matches!(invoice.status, InvoiceStatus::Open | InvoiceStatus::Uncollectible) {
                return Err(InvoiceError::WrongStatus(invoice.status).into());
            }
            let (due, currency) = (invoice.unpaid(), drafted.currency);
            let amount = amount.unwrap_or(due);
            if amount > due {
                return Err(InvoiceError::MoreThanDue { amount, due, currency }.into());
            }
            Ok(Owed { customer_id: drafted.customer_id, invoice_id: Some(id), amount, currency })
        }
        (None, Some(id), Some(amount)) => {
            let customer_id: CustomerId = id.parse().map_err(|_| customer_not_found())?;
            let owner = app.ledger.load::<Account>(&account_stream(customer_id)).await?.state.owner;
            let owner = owner.filter(|owner| owner.organization_id == principal.organization_id);
            let currency = owner.ok_or_else(customer_not_found)?.currency;
            Ok(Owed { customer_id, invoice_id: None, amount, currency })
        }
        (None, Some(_), None) => {
            Err(Problem::bad_request("missing_field", "amount", "a payment for no invoice has an amount"))
        }
        (None, None, _) => Err(Problem::bad_request(
            "missing_field",
            "invoice_id",
            "say what for: invoice_id, or customer_id and amount",
        )),
        (Some(_), Some(_), _) => {
            let detail = "a payment is either for an invoice, or of a customer";
            Err(Problem::bad_request("invalid_request", "customer_id", detail))
        }
    }
}

/// Who makes it, and what is charged.
fn method(body: &NewPayment, usual: Option<PaymentMethod>) -> Result<(ConnectorId, Option<MethodRef>), Problem> {
    let given = body.payment_method.as_ref().map(read_method).transpose()?;
    let named: Option<ConnectorId> = match &body.connector_id {
        Some(text) => Some(text.parse().map_err(|_| connectors::connector_not_found())?),
        None => None,
    };
    match (named, given, usual) {
        (Some(id), Some(method), _) => Ok((id, Some(method))),
        (Some(id), None, usual) => Ok((id, usual.filter(|usual| usual.connector_id == id).map(|usual| usual.method))),
        (None, Some(method), Some(usual)) => Ok((usual.connector_id, Some(method))),
        (None, None, Some(usual)) => Ok((usual.connector_id, Some(usual.method))),
        (None, _, None) => {
            let detail = "the customer has no payment method: say who makes the payment";
            Err(Problem::unprocessable("no_payment_method", detail).with("param", json!("connector_id")))
        }
    }
}

fn read_method(method: &PaymentMethodRef) -> Result<MethodRef, Problem> {
    money::text("payment_method.method", &method.method, NAME_CHARS_MAX)?;
    if let Some(customer) = &method.customer {
        money::text("payment_method.customer", customer, NAME_CHARS_MAX)?;
    }
    Ok(MethodRef { customer: method.customer.clone(), method: method.method.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: &str) -> NewPayment {
        serde_json::from_str(&format!("{{{fields}}}")).unwrap()
    }

    fn usual(connector: u128) -> PaymentMethod {
        let method = MethodRef { customer: Some("cus_stripe".to_owned()), method: "pm_usual".to_owned() };
        PaymentMethod { connector_id: ConnectorId::new(Uuid::from_u128(connector)), method }
    }

    #[test]
    fn the_customers_own_method_is_charged_where_its_connector_is_meant() {
        let own = ConnectorId::new(Uuid::from_u128(1));
        let other = ConnectorId::new(Uuid::from_u128(2));
        let told = |fields: &str, usual: Option<PaymentMethod>| {
            let read = method(&body(fields), usual).map_err(|problem| problem.code);
            read.map(|(id, method)| (id, method.map(|method| method.method)))
        };
        let pm = |name: &str| Some(name.to_owned());
        assert_eq!(told("", Some(usual(1))), Ok((own, pm("pm_usual"))));
        assert_eq!(told(&format!(r#""connector_id":"{own}""#), Some(usual(1))), Ok((own, pm("pm_usual"))));
        assert_eq!(told(&format!(r#""connector_id":"{other}""#), Some(usual(1))), Ok((other, None)));
        let given = r#""payment_method":{"method":"pm_given"}"#;
        assert_eq!(told(given, Some(usual(1))), Ok((own, pm("pm_given"))));
        assert_eq!(told(given, None), Err("no_payment_method"));
        assert_eq!(told("", None), Err("no_payment_method"));
        assert_eq!(told(r#""connector_id":"con_1""#, Some(usual(1))), Err("connector_not_found"));
    }
}
