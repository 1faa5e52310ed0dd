//! What a sale needs: the organization's side, the provider, a customer in a time of its own, and the subscription.

use serde_json::{Value, json};

use super::Error;
use super::expected::{Rate, decimal};
use super::plan_file::{CODE, CURRENCY, Offer, PlanFile};
use super::provider::{self, Provider};
use super::server::Server;
use crate::remote::text;

/// The first moment of the month.
pub const BEGIN: &str = "2026-01-01T00:00:00Z";
/// The first moment of the next one.
pub const END: &str = "2026-02-01T00:00:00Z";
/// Where the customer is.
const COUNTRY: &str = "DE";
/// The tax there, when the table has none.
const TAX: (&str, &str) = ("VAT", "20");
/// How far the account may go post-paid: what is beyond the plan is paid with the next invoice.
const POSTPAID_LIMIT: &str = "1000";

/// Everything is in place.
pub struct Scene {
    /// The rates that apply to the customer.
    pub rates: Vec<Rate>,
    /// The connector with the local Stripe.
    pub connector_id: String,
    /// The test clock.
    pub clock_id: String,
    /// The customer.
    pub customer_id: String,
    /// Its subscription.
    pub subscription_id: String,
}

impl Scene {
    /// Sets it, and says each step.
    pub async fn set(server: &Server, provider: &Provider, file: &PlanFile, offer: &Offer) -> Result<Self, Error> {
        profile(server).await?;
        let rates = rates(server, &offer.usage_category).await?;
        publish(server, file).await?;
        let connector_id = connect(server, provider).await?;
        let clock = server.api.post(&["test_clocks"], &json!({ "name": "Demo", "now": BEGIN })).await?;
        let clock_id = text(&clock, "id")?.to_owned();
        println!("test clock       {clock_id} shows {BEGIN}");
        let customer_id = customer(server, provider, &clock_id, &connector_id).await?;
        let body = json!({ "customer_id": customer_id, "plan_code": CODE, "trial_days": 0 });
        let subscription = server.api.post(&["subscriptions"], &body).await?;
        let subscription_id = text(&subscription, "id")?.to_owned();
        let (plan, status) = (&subscription["plan"], text(&subscription, "status")?);
        println!("subscription     {subscription_id} to {} version {}: {status}", offer.name, plan["version"]);
        Ok(Self { rates, connector_id, clock_id, customer_id, subscription_id })
    }
}

/// What invoices say of the organization, unless that was set before.
async fn profile(server: &Server) -> Result<(), Error> {
    let path = ["organization", "billing"];
    let profile = server.api.get(&path, &[]).await?;
    let has_address = profile["address"].as_array().is_some_and(|lines| !lines.is_empty());
    if has_address || !profile["legal_name"].is_null() {
        println!("billing profile  as it is");
        return Ok(());
    }
    let body = json!({
        "legal_name": "Example API GmbH", "address": ["Beispielweg 1", "10115 Berlin", "Germany"],
        "tax": { "country": COUNTRY, "tax_id": "DE123456789" }, "email": "billing@example.com",
        "footer": "Made by tollbook demo billing",
    });
    let profile = server.api.put(&path, &body).await?;
    println!("billing profile  {}", text(&profile, "legal_name")?);
    Ok(())
}

/// The rates of the customer's country; one is added when there is none for what is sold.
async fn rates(server: &Server, category: &str) -> Result<Vec<Rate>, Error> {
    let mut rates = Vec::new();
    for row in server.all("tax_rates", &[]).await? {
        if row["country"] == COUNTRY && row["subdivision"].is_null() {
            rates.push(rate(&row)?);
        }
    }
    if !rates.iter().any(|rate| rate.category == category) {
        let (name, percent) = TAX;
        let body = json!({ "name": name, "country": COUNTRY, "category": category, "percent": percent });
        rates.push(rate(&server.api.post(&["tax_rates"], &body).await?)?);
    }
    for Rate { id, name, percent, category } in &rates {
        println!("tax rate         {id} {name} {percent} % on top, {COUNTRY}, {category}");
    }
    Ok(rates)
}

fn rate(row: &Value) -> Result<Rate, Error> {
    let (id, name) = (text(row, "id")?.to_owned(), text(row, "name")?.to_owned());
    if row["inclusive"] != false {
        return Err(format!("the tax rate {id} ({name}) lies within prices: the demo does not work that out").into());
    }
    Ok(Rate { id, name, percent: decimal(text(row, "percent")?)?, category: text(row, "category")?.to_owned() })
}

/// Meters that are not there yet, and plans as the file has them.
async fn publish(server: &Server, file: &PlanFile) -> Result<(), Error> {
    for meter in &file.meters {
        let code = text(meter, "code")?;
        if server.api.find(&["meters", code]).await?.is_none() {
            let mut body = meter.clone();
            body.as_object_mut().ok_or("a meter of the file is no object")?.remove("code");
            server.api.put(&["meters", code], &body).await?;
        }
    }
    let mut published = Vec::new();
    for plan in &file.plans {
        let code = text(plan, "code")?;
        match server.api.find(&["plans", code]).await? {
            None => server.api.post(&["plans"], plan).await?,
            Some(_) => server.api.post(&["plans", code, "versions"], plan).await?,
        };
        let plan = server.api.post(&["plans", code, "publish"], &json!({})).await?;
        published.push(format!("{code} version {}", plan["version"]));
    }
    println!("plans            {}", published.join(", "));
    Ok(())
}

/// A connector with the local Stripe, each of which knows where the other is.
async fn connect(server: &Server, provider: &Provider) -> Result<String, Error> {
    let base = provider.base();
    let body = json!({ "kind": "stripe", "name": "Demo", "secret_key": provider::SECRET_KEY, "api_base": base });
    let connector = server.api.post(&["connectors"], &body).await?;
    let id = text(&connector, "id")?.to_owned();
    let messages = format!("{}{}", server.url(), text(&connector, "webhook_path")?);
    let secret = provider.send_messages_to(&messages).await?;
    let secrets = json!({ "secret_key": provider::SECRET_KEY, "webhook_secret": secret });
    server.api.put(&["connectors", &id, "secrets"], &secrets).await?;
    println!("connector        {id}: Stripe at {base}, its messages to {messages}");
    Ok(id)
}

/// A customer on the clock, who pays by card.
async fn customer(server: &Server, provider: &Provider, clock_id: &str, connector_id: &str) -> Result<String, Error> {
    let body = json!({
        "external_id": "demo-billing", "name": "Beispiel & Söhne GmbH", "currency": CURRENCY,
        "postpaid_limit": POSTPAID_LIMIT, "test_clock_id": clock_id,
    });
    let customer = server.api.post(&["customers"], &body).await?;
    let id = text(&customer, "id")?.to_owned();
    let card = provider.card_of(&id).await?;
    let body = json!({
        "legal_name": "Beispiel & Söhne GmbH", "address": ["Hauptstraße 5", "80331 München", "Germany"],
        "tax": { "country": COUNTRY }, "time_zone": "UTC", "language": "en", "collection": "automatic",
        "payment_method": { "connector_id": connector_id, "customer": card.customer, "method": card.method },
    });
    server.api.put(&["customers", &id, "billing"], &body).await?;
    println!("customer         {id} in {COUNTRY}, pays by card: {} ({})", card.method, card.customer);
    Ok(id)
}
