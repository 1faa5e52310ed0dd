//! The invoice to send, and why it is what it is.

use std::fs;
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;

use super::Error;
use super::expected::decimal;
use super::report::Report;
use super::server::Server;
use crate::remote::text;

/// The languages that invoices are written in.
const LANGUAGES: [&str; 2] = ["en", "zh"];

/// Writes the invoice into a folder, in each language.
pub async fn write(server: &Server, invoice: &Value, out: &Path) -> Result<(), Error> {
    let (id, number) = (text(invoice, "id")?, text(invoice, "number")?);
    // A number may begin with anything that can be seen, a folder's slash too.
    let name: String =
        number.chars().map(|sign| if sign.is_ascii_alphanumeric() || sign == '-' { sign } else { '_' }).collect();
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    for language in LANGUAGES {
        let pdf = server.api.file(&["invoices", id, "pdf"], &[("language", language)]).await?;
        if !pdf.starts_with(b"%PDF-") {
            return Err(format!("the invoice in {language} is no PDF").into());
        }
        let path = out.join(format!("{name}.{language}.pdf"));
        fs::write(&path, pdf).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("PDF              {}", path.display());
    }
    Ok(())
}

/// Follows the line of usage to its price and to the first of its charges, and compares what proves it.
pub async fn explain(
    server: &Server,
    invoice: &Value,
    (charges, amount): (u64, Decimal),
    report: &mut Report,
) -> Result<(), Error> {
    let lines = invoice["lines"].as_array().ok_or("the invoice has no lines")?;
    let index = lines.iter().find(|line| line["kind"] == "usage").map(|line| line["index"].to_string());
    let index = index.ok_or("the invoice has no line of usage")?;
    let path = ["invoices", text(invoice, "id")?, "explain"];
    let explained = server.api.get(&path, &[("line", index.as_str()), ("limit", "1")]).await?;
    let (line, first) = (&explained["lines"][0], &explained["charges"]["data"][0]);
    let (price, charged, proof) = (&line["line"]["price"], &line["charged"], &line["proof"]);
    println!("explain          {}", text(line, "text")?);
    println!(
        "                 line {index} -> price {} of {} version {} -> {} charges, versions {} to {} of {}",
        text(price, "code")?,
        text(price, "plan_id")?,
        price["version"],
        charged["count"],
        charged["first_version"],
        charged["last_version"],
        text(&explained, "stream_id")?
    );
    println!("                 -> the first: {} at {}", text(first, "charge_id")?, text(first, "position")?);
    let found = proof["charges"].as_u64().ok_or("the explanation proves nothing")?;
    report.number("explain: charges behind the usage", charges, found);
    report.money("explain: what they come to", amount, decimal(text(proof, "amount")?)?);
    Ok(())
}
