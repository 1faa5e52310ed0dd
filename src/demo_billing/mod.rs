//! `tollbook demo billing`: sells a plan to a customer on a test clock, lets a month pass, has the invoice paid by card,
//! and checks every figure of it.
//!
//! All of it goes through the HTTP API of a running server ([`server`]). The payment provider is the local Stripe,
//! within this process ([`provider`]). [`scene`] sets everything up, [`month`] is what happens, [`papers`] writes the
//! invoice and follows a line of it, [`books`] looks at what is left. [`expected`] works out what the invoice has to
//! come to, from the [`plan_file`] and the tax table alone; [`compare`] and [`report`] lay it beside what there is.
//!
//! What it makes stays: the organization's billing profile and tax rate where there were none, the plans, the customer
//! with its subscription and invoices. The connector is removed, since its Stripe ends with this process.

mod books;
mod compare;
mod expected;
mod month;
mod papers;
mod plan_file;
mod provider;
mod report;
mod scene;
mod server;

use std::path::PathBuf;

use clap::Args;
use rust_decimal::Decimal;

use crate::remote::RemoteArgs;
use expected::Expected;
use month::BEYOND;
use plan_file::PlanFile;
use provider::Provider;
use report::Report;
use scene::Scene;
use server::Server;

type Error = Box<dyn std::error::Error>;

/// Options of `demo billing`.
#[derive(Debug, Args)]
pub struct BillingDemoArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// Where to write the invoice
    #[arg(long, value_name = "DIR", default_value = ".dev/demo")]
    out: PathBuf,
}

/// `tollbook demo billing`: whether nothing differs.
pub async fn run(args: BillingDemoArgs) -> Result<bool, Error> {
    let file = PlanFile::shipped()?;
    let offer = file.offer()?;
    let server = Server::open(&args.server)?;
    println!("server           {}: {}", server.url(), server.organization().await?);
    let provider = Provider::start().await?;
    println!("local Stripe     {}", provider.base());
    let scene = Scene::set(&server, &provider, &file, &offer).await?;

    let begun = month::paid_invoice(&server, &scene, 1).await?;
    let used = month::use_up(&server, &scene, &offer).await?;
    month::pass(&server, &scene).await?;
    let renewed = month::paid_invoice(&server, &scene, 2).await?;
    papers::write(&server, &renewed, &args.out).await?;

    let mut report = Report::default();
    let at_first = Expected::of(&offer, Decimal::ZERO, &scene.rates);
    report.money("first invoice: total", at_first.total, compare::amount(&begun, "total")?);
    let expected = Expected::of(&offer, Decimal::from(BEYOND), &scene.rates);
    compare::renewal(&renewed, &offer, &used, &expected, &mut report)?;
    papers::explain(&server, &renewed, (used.charges, expected.usage), &mut report).await?;
    let paid_out = books::hand_in(&server, &provider, &scene).await?;
    report.number("payout file: lines that match a payment", 2_u64, paid_out.matched);
    report.number("payout file: open lines", 0_u64, paid_out.open as u64);
    books::compare_messages(&provider, &mut report).await?;
    books::compare_owed(&server, &scene, &paid_out.position, &mut report).await?;
    books::compare_trial(&server, &paid_out.position, &mut report).await?;
    server.remove(&format!("/v1/connectors/{}", scene.connector_id)).await?;

    println!("\n{report}");
    println!("Compare every read model with the log yourself: ./dev run reconcile");
    Ok(report.differences() == 0)
}
