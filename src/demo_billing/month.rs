//! A month of the subscription: it is paid for, used, and over.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Error;
use super::expected::{decimal, money};
use super::plan_file::Offer;
use super::scene::{END, Scene};
use super::server::{Server, until};
use crate::remote::text;

/// So much is used beyond what the plan includes.
pub const BEYOND: u64 = 2_500;
/// So much with each charge.
const EACH: u64 = 2_500;

/// What was used.
pub struct Used {
    /// How much.
    pub quantity: Decimal,
    /// In how many charges.
    pub charges: u64,
    /// What was charged for it in all.
    pub charged: Decimal,
}

/// Uses up what the plan includes, and some more.
pub async fn use_up(server: &Server, scene: &Scene, offer: &Offer) -> Result<Used, Error> {
    let mut left = offer.included + Decimal::from(BEYOND);
    let mut used = Used { quantity: Decimal::ZERO, charges: 0, charged: Decimal::ZERO };
    while left > Decimal::ZERO {
        let quantity = left.min(Decimal::from(EACH));
        let body = json!({
            "customer_id": scene.customer_id, "meter": offer.meter, "quantity": quantity.normalize().to_string(),
        });
        let charge = server.api.post(&["charges"], &body).await?;
        used.quantity += quantity;
        used.charges += 1;
        used.charged += decimal(text(&charge, "amount")?)?;
        left -= quantity;
    }
    let Used { quantity, charges, charged } = &used;
    println!(
        "usage            {} {} in {charges} charges: {} beyond the plan",
        quantity.normalize(),
        offer.meter,
        money(*charged)
    );
    Ok(used)
}

/// Sets the clock forward to the end of the month, and waits until it has arrived.
pub async fn pass(server: &Server, scene: &Scene) -> Result<(), Error> {
    let clock = ["test_clocks", scene.clock_id.as_str()];
    server.api.post(&["test_clocks", &scene.clock_id, "advance"], &json!({ "to": END })).await?;
    until("the test clock has arrived", async || {
        let shown = server.api.get(&clock, &[]).await?;
        Ok::<_, Error>((shown["status"] == "ready").then_some(()))
    })
    .await?;
    println!("test clock       {} shows {END}", scene.clock_id);
    Ok(())
}

/// Waits until the invoice of the subscription's bill with this number is paid, and gives it back.
pub async fn paid_invoice(server: &Server, scene: &Scene, bill: u64) -> Result<Value, Error> {
    let what = format!("the invoice of bill {bill} is paid");
    let invoice = until(&what, async || {
        for listed in server.all("invoices", &[("subscription_id", scene.subscription_id.as_str())]).await? {
            // The list follows the log; one by one they are read from it.
            let invoice = server.api.get(&["invoices", text(&listed, "id")?], &[]).await?;
            if invoice["bill"] == bill && invoice["status"] == "paid" {
                return Ok(Some(invoice));
            }
        }
        Ok::<_, Error>(None)
    })
    .await?;
    let (id, number) = (text(&invoice, "id")?, text(&invoice, "number")?);
    let (total, currency) = (money(decimal(text(&invoice, "total")?)?), text(&invoice, "currency")?);
    println!("invoice          {number} ({id}): {total} {currency}, paid by card");
    Ok(invoice)
}
