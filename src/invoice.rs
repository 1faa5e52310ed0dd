//! `tollbook invoice`: shows invoices, writes the file of one, and says why one is what it is.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::remote::{Remote, RemoteArgs, text};

type Error = Box<dyn std::error::Error>;

/// Options of `invoice`.
#[derive(Debug, Args)]
pub struct InvoiceArgs {
    #[command(subcommand)]
    command: InvoiceCommand,
}

#[derive(Debug, Subcommand)]
enum InvoiceCommand {
    /// List them, newest first
    List(ListArgs),
    /// Show one with its lines, taxes, payments and credit notes
    Show(ShowArgs),
    /// Write one as a PDF
    Pdf(PdfArgs),
    /// Say why one is what it is: its lines, the prices and the charges behind them, and the sums
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// Only of this customer, `cus_…`
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Only of this subscription, `sub_…`
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    /// Only with this status, for example open
    #[arg(long)]
    status: Option<String>,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// Which, `inv_…`
    id: String,
}

#[derive(Debug, Args)]
struct PdfArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// Which, `inv_…`
    id: String,
    /// Where to [default: NUMBER.pdf, or ID.pdf while it has no number]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// In this language: en or zh [default: the customer's]
    #[arg(long)]
    language: Option<String>,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// Which, `inv_…`
    id: String,
}

/// `tollbook invoice`. Whether all is well: an explanation whose sums do not hold is not.
pub async fn run(args: InvoiceArgs) -> Result<bool, Error> {
    match args.command {
        InvoiceCommand::List(args) => list(&args).await.map(|()| true),
        InvoiceCommand::Show(args) => show(&args.server.server()?, &args.id).await.map(|()| true),
        InvoiceCommand::Pdf(args) => pdf(&args).await.map(|()| true),
        InvoiceCommand::Explain(args) => explain(&args.server.server()?, &args.id).await,
    }
}

/// A member that is a list.
fn entries<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value[member].as_array().into_iter().flatten()
}

/// The number; the id while there is none.
fn name(invoice: &Value) -> Result<&str, Error> {
    invoice["number"].as_str().map_or_else(|| text(invoice, "id"), Ok)
}

/// The day of a moment that is written out.
fn day(value: &Value) -> &str {
    value.as_str().and_then(|moment| moment.get(..10)).unwrap_or("-")
}

async fn list(args: &ListArgs) -> Result<(), Error> {
    let server = args.server.server()?;
    let mut cursor: Option<String> = None;
    loop {
        let filters = [
            ("customer_id", &args.customer),
            ("subscription_id", &args.subscription),
            ("status", &args.status),
            ("cursor", &cursor),
        ];
        let mut query = vec![("limit", "100")];
        query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        let page = server.get(&["invoices"], &query).await?;
        for invoice in entries(&page, "data") {
            let (id, number) = (text(invoice, "id")?, invoice["number"].as_str().unwrap_or("-"));
            let (date, status) = (day(&invoice["date"]), text(invoice, "status")?);
            let (total, due) = (text(invoice, "total")?, text(invoice, "due")?);
            println!("{id}  {number:<14}  {date}  {status:<13}  {total:>14} {}  due {due}", text(invoice, "currency")?);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

async fn show(server: &Remote, id: &str) -> Result<(), Error> {
    let invoice = server.get(&["invoices", id], &[]).await?;
    let currency = text(&invoice, "currency")?;
    println!("{}  {}  {}", name(&invoice)?, text(&invoice, "status")?, text(&invoice, "customer_id")?);
    println!("date {}, due {}", day(&invoice["date"]), day(&invoice["due_at"]));
    for line in entries(&invoice, "lines") {
        let (description, kind) = (text(line, "description")?, text(line, "kind")?);
        println!("  {:>3}  {:>14}  {description} ({kind})", line["index"], text(line, "amount")?);
    }
    println!("  without tax  {} {currency}", text(&invoice, "subtotal")?);
    for tax in entries(&invoice, "taxes") {
        let (rate, percent) = (text(tax, "name")?, text(tax, "percent")?);
        let (base, amount) = (text(tax, "base")?, text(tax, "amount")?);
        println!("  {rate} {percent} % of {base}  {amount} {currency}");
    }
    println!("  total        {} {currency}", text(&invoice, "total")?);
    for payment in entries(&invoice, "payments") {
        let (payment_id, amount) = (text(payment, "payment_id")?, text(payment, "amount")?);
        println!("  paid         {amount} {currency} on {} with {payment_id}", day(&payment["at"]));
    }
    for note in entries(&invoice, "credit_notes") {
        let total = text(note, "total")?;
        println!("  credit note  {total} {currency} on {}: {}", day(&note["date"]), name(note)?);
    }
    println!("  due          {} {currency}", text(&invoice, "due")?);
    Ok(())
}

/// A number as the name of a file: it may begin with anything that can be seen, a folder's slash too.
fn file_name(name: &str) -> String {
    let sign = |sign: char| if sign.is_ascii_alphanumeric() || sign == '-' { sign } else { '_' };
    format!("{}.pdf", name.chars().map(sign).collect::<String>())
}

async fn pdf(args: &PdfArgs) -> Result<(), Error> {
    let server = args.server.server()?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => PathBuf::from(file_name(name(&server.get(&["invoices", args.id.as_str()], &[]).await?)?)),
    };
    let language = args.language.as_deref().map(|language| ("language", language));
    let pdf = server.file(&["invoices", args.id.as_str(), "pdf"], language.as_slice()).await?;
    write(&out, &pdf)?;
    println!("{}: {} bytes", out.display(), pdf.len());
    Ok(())
}

fn write(out: &Path, content: &[u8]) -> Result<(), Error> {
    std::fs::write(out, content).map_err(|error| format!("{}: {error}", out.display()).into())
}

/// Each line, with the sums of its charges where it has some.
async fn explain(server: &Remote, id: &str) -> Result<bool, Error> {
    let path = ["invoices", id, "explain"];
    let explained = server.get(&path, &[]).await?;
    let (sums, mut all_hold) = (&explained["sums"], true);
    println!("{}", text(sums, "text")?);
    all_hold &= holds(sums);
    for line in entries(&explained, "lines") {
        println!("{}", text(line, "text")?);
        let price = &line["line"]["price"];
        if let (Some(plan), Some(code)) = (price["plan_id"].as_str(), price["code"].as_str()) {
            println!("  price {code} of {plan} version {}", price["version"]);
        }
        if line["charged"].is_null() {
            continue;
        }
        let index = line["line"]["index"].to_string();
        let proven = server.get(&path, &[("line", index.as_str()), ("limit", "1")]).await?;
        let (charged, proof) = (&line["charged"], &proven["lines"][0]["proof"]);
        println!(
            "  {} charges, versions {} to {} of {}",
            charged["count"],
            charged["first_version"],
            charged["last_version"],
            text(&explained, "stream_id")?
        );
        println!("  found: {} charges, {} in all", proof["charges"], text(proof, "amount")?);
        // Of very many charges only a part is added up for one answer: that proves nothing either way.
        all_hold &= holds(proof) || proof["complete"] == false;
    }
    Ok(all_hold)
}

/// Says when the sums are not what is written.
fn holds(sums: &Value) -> bool {
    let (holds, complete) = (sums["holds"] == true, sums["complete"] != false);
    match (holds, complete) {
        (_, false) => println!("  there are too many to add up in one answer"),
        (false, true) => println!("  THE SUMS DO NOT HOLD: {sums}"),
        (true, true) => {}
    }
    holds
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: InvoiceArgs,
    }

    #[test]
    fn each_command_is_read() {
        let is_read = |words: &[&str]| Cli::try_parse_from(["invoice"].iter().chain(words)).is_ok();
        assert!(is_read(&["list", "--customer", "cus_1", "--status", "open"]));
        assert!(is_read(&["show", "inv_1"]));
        assert!(is_read(&["pdf", "inv_1", "--out", "/tmp/a.pdf", "--language", "zh"]));
        assert!(is_read(&["explain", "inv_1"]));
        assert!(!is_read(&["pdf"]));
        assert!(!is_read(&["inv_1"]));
    }

    #[test]
    fn a_file_is_called_as_the_invoice() {
        assert_eq!(file_name("INV-000007"), "INV-000007.pdf");
        assert_eq!(file_name("2026/A-000007"), "2026_A-000007.pdf");
        assert_eq!(name(&json!({ "id": "inv_1", "number": null })).unwrap(), "inv_1");
        assert_eq!(day(&json!("2026-02-01T00:00:00Z")), "2026-02-01");
        assert_eq!(day(&Value::Null), "-");
    }
}
