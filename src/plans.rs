//! `tollbook plans`: brings a file of plans to a server, and shows what plans it has.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::remote::{Remote, RemoteArgs, text};

type Error = Box<dyn std::error::Error>;

/// Options of `plans`.
#[derive(Debug, Args)]
pub struct PlansArgs {
    #[command(subcommand)]
    command: PlansCommand,
}

#[derive(Debug, Subcommand)]
enum PlansCommand {
    /// Publish the plans of a file, as they stand there; what is published already stays as it is
    Load(LoadArgs),
    /// List all plans
    List(RemoteArgs),
}

#[derive(Debug, Args)]
struct LoadArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// A JSON file with `plans`, each as for POST /v1/plans, and `meters` that are added where there are none
    file: PathBuf,
}

/// A file of plans.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    /// Only those that are missing are added: the price of one that there is stays.
    #[serde(default)]
    meters: Vec<FileMeter>,
    plans: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMeter {
    code: String,
    unit: String,
    unit_price: String,
    #[serde(default)]
    currency: Option<String>,
}

/// `tollbook plans`.
pub async fn run(args: PlansArgs) -> Result<(), Error> {
    match args.command {
        PlansCommand::Load(args) => load(&args).await,
        PlansCommand::List(args) => list(&args.server()?).await,
    }
}

fn read(file: &Path) -> Result<PlanFile, Error> {
    let named = |error: &dyn std::error::Error| format!("{}: {error}", file.display());
    let content = std::fs::read(file).map_err(|error| named(&error))?;
    Ok(serde_json::from_slice(&content).map_err(|error| named(&error))?)
}

async fn load(args: &LoadArgs) -> Result<(), Error> {
    let file = read(&args.file)?;
    let server = args.server.server()?;
    for meter in &file.meters {
        add_meter(&server, meter).await.map_err(|error| format!("meter {}: {error}", meter.code))?;
    }
    for plan in &file.plans {
        let code = plan["code"].as_str().ok_or("a plan of the file has no code")?;
        publish(&server, code, plan).await.map_err(|error| format!("plan {code}: {error}"))?;
    }
    Ok(())
}

async fn add_meter(server: &Remote, meter: &FileMeter) -> Result<(), Error> {
    let path = ["meters", meter.code.as_str()];
    if server.find(&path).await?.is_some() {
        return Ok(());
    }
    let mut body = json!({ "unit": meter.unit, "unit_price": meter.unit_price });
    if let Some(currency) = &meter.currency {
        body["currency"] = json!(currency);
    }
    server.put(&path, &body).await?;
    println!("meter {}: added", meter.code);
    Ok(())
}

/// Makes a plan, or another version of it where it says something else, and publishes that.
async fn publish(server: &Remote, code: &str, plan: &Value) -> Result<(), Error> {
    let before = server.find(&["plans", code]).await?;
    match &before {
        None => server.post(&["plans"], plan).await?,
        Some(_) => server.post(&["plans", code, "versions"], plan).await?,
    };
    let published = server.post(&["plans", code, "publish"], &json!({})).await?;
    let (id, version) = (text(&published, "id")?, &published["version"]);
    let was = before.map_or(Value::Null, |before| before["published_version"].clone());
    let what = if was == *version { "is published as it is" } else { "published" };
    println!("plan {code}: {id} version {version} {what}");
    Ok(())
}

async fn list(server: &Remote) -> Result<(), Error> {
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "100")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = server.get(&["plans"], &query).await?;
        for plan in page["data"].as_array().into_iter().flatten() {
            let (id, code) = (text(plan, "id")?, text(plan, "code")?);
            let (name, status) = (text(plan, "name")?, text(plan, "status")?);
            let version = plan["published_version"].as_u64().or(plan["version"].as_u64()).unwrap_or(0);
            println!("{id}  {code:<20}  version {version:<3}  {status:<9}  {name}");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_can_be_read() {
        let file = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples/plans.json"))).unwrap();
        let codes: Vec<_> = file.plans.iter().map(|plan| plan["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["free", "basic", "professional", "enterprise"]);
        assert_eq!(file.meters.iter().map(|meter| meter.code.as_str()).collect::<Vec<_>>(), ["api_calls"]);
    }
}
