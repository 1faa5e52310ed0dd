//! What is left when the invoice is paid: what the customer owes, what the provider has paid out, whether the journal is
//! balanced.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::Error;
use super::expected::{decimal, money};
use super::plan_file::CURRENCY;
use super::provider::Provider;
use super::report::Report;
use super::scene::Scene;
use super::server::{Server, last_seen};
use crate::remote::text;

/// A payout file that was handed in.
pub struct PaidOut {
    /// How many lines are what the ledger says.
    pub matched: u64,
    /// How many are open items, fees and the like aside.
    pub open: usize,
    /// Where it is in the log.
    pub position: String,
}

/// Hands in what the provider's report says.
pub async fn hand_in(server: &Server, provider: &Provider, scene: &Scene) -> Result<PaidOut, Error> {
    let report = provider.payouts().await?;
    let payout = server.hand_in(&format!("/v1/payouts?connector_id={}", scene.connector_id), report).await?;
    let lines = payout["lines"].as_array().ok_or("the payout file has no lines")?;
    let is_open = |line: &&Value| line["state"] == "open";
    // A line of its own for a fee is about no payment: a person closes it.
    let fees = lines.iter().filter(is_open).filter(|line| line["cause"] == "no_payment").count();
    let open = lines.iter().filter(is_open).count() - fees;
    let matched = payout["matched"].as_u64().ok_or("the payout file does not say how many lines match")?;
    println!(
        "payout file      {} ({} lines): {matched} matched, {open} open, {fees} fees",
        text(&payout, "id")?,
        lines.len()
    );
    Ok(PaidOut { matched, open, position: text(&payout, "position")?.to_owned() })
}

/// What a customer owes, at three places.
struct Owed {
    /// Charged post-paid and not settled, says the account.
    postpaid: Decimal,
    /// On no invoice yet, or on one that is not settled, says the journal.
    receivable: Decimal,
    /// What invoices add to that, less what was paid, says the journal.
    invoiced: Decimal,
}

/// Waits until the customer owes nothing, and compares.
pub async fn compare_owed(server: &Server, scene: &Scene, at: &str, report: &mut Report) -> Result<(), Error> {
    let owed = last_seen(async || {
        let owed = Owed::read(server, &scene.customer_id, at).await?;
        let is_nothing = [owed.postpaid, owed.receivable, owed.invoiced].iter().all(Decimal::is_zero);
        Ok::<_, Error>((owed, is_nothing))
    })
    .await?;
    report.money("owed: account, post-paid", Decimal::ZERO, owed.postpaid);
    report.money("owed: journal, receivable", Decimal::ZERO, owed.receivable);
    report.money("owed: journal, invoiced", Decimal::ZERO, owed.invoiced);
    Ok(())
}

impl Owed {
    async fn read(server: &Server, customer_id: &str, at: &str) -> Result<Self, Error> {
        let customer = server.api.get(&["customers", customer_id], &[]).await?;
        let owed = async |purse: &str| {
            let account = format!("customer:{customer_id}:{purse}");
            let rows = server.all("balances", &[("account", account.as_str()), ("min_position", at)]).await?;
            // A balance is what was credited less what was debited: what is owed is below zero.
            let balances = rows.iter().filter(|row| row["currency"] == CURRENCY);
            let balances = balances.map(|row| decimal(text(row, "balance")?)).collect::<Result<Vec<_>, Error>>()?;
            Ok::<Decimal, Error>(Decimal::ZERO - balances.iter().sum::<Decimal>())
        };
        Ok(Self {
            postpaid: decimal(text(&customer["account"], "postpaid")?)?,
            receivable: owed("receivable").await?,
            invoiced: owed("invoiced").await?,
        })
    }
}

/// Adds up all balances of the organization as of one position: what was debited was credited.
pub async fn compare_trial(server: &Server, at: &str, report: &mut Report) -> Result<(), Error> {
    let rows = server.all("balances", &[("as_of", at)]).await?;
    let mut sums: BTreeMap<&str, (Decimal, Decimal)> = BTreeMap::new();
    for row in &rows {
        let (debits, credits) = sums.entry(text(row, "currency")?).or_default();
        *debits += decimal(text(row, "debits")?)?;
        *credits += decimal(text(row, "credits")?)?;
    }
    let told = sums.iter().map(|(currency, (debits, _))| format!("{} {currency}", money(*debits)));
    let told = told.collect::<Vec<_>>().join(", ");
    println!("journal          {} accounts as of {at}: {told} debited", rows.len());
    for (currency, (debits, credits)) in sums {
        report.money(format!("journal, {currency}: credits as debits"), debits, credits);
    }
    Ok(())
}

/// Waits until the provider's messages were all taken, and compares.
pub async fn compare_messages(provider: &Provider, report: &mut Report) -> Result<(), Error> {
    let left = last_seen(async || {
        let left = provider.messages_not_taken().await?;
        Ok::<_, Error>((left, left == 0))
    })
    .await?;
    report.number("messages of Stripe that were not taken", 0_u64, left);
    Ok(())
}
