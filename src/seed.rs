//! A first organization with its key, and the file that tells other programs about them.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use domain::api_key::INDEX_API_KEY;
use domain::evm::Address;
use domain::ids::{self, OrganizationId};
use domain::money::Currency;
use eventstore::Ledger;
use eventstore::vault::Keys;
use sqlx::PgPool;
use uuid::Uuid;

use crate::cli::{OrganizationArgs, OrganizationCommand};

type Error = Box<dyn std::error::Error>;

const FIRST_NAME: &str = "My organization";

/// `tollbook organization create`.
pub async fn organization(args: OrganizationArgs) -> Result<(), Error> {
    let OrganizationCommand::Create(args) = args.command;
    let characters = args.name.chars().count();
    if !(1..=100).contains(&characters) || args.name.chars().any(char::is_control) {
        return Err("--name must have 1 to 100 characters and no control characters".into());
    }
    let currency: Currency = args.currency.parse().map_err(|e| format!("--currency {}: {e}", args.currency))?;
    let keys = args.secrets.keys()?;
    let (_, ledger) = args.store.ledger().await?;
    let id = OrganizationId::new(Uuid::now_v7());
    let partition = api::organizations::ensure_organization(&ledger, id, &args.name, currency).await?;
    let secret = api::organizations::create_api_key(&ledger, &keys, id, partition, "first key").await?;
    println!("TOLLBOOK_ORGANIZATION={id}\nTOLLBOOK_API_KEY={secret}");
    Ok(())
}

/// The key of the first organization: the one that the file names, when it still opens the door;
/// else a new one.
pub async fn first_key(ledger: &Ledger, pool: &PgPool, keys: &Keys, env_file: Option<&Path>) -> Result<String, Error> {
    if let Some(secret) = env_file.and_then(|file| read(file).remove("TOLLBOOK_API_KEY")) {
        let hash = keys.api_key_hash(&secret);
        if ledger.log().lookup(INDEX_API_KEY, hash.as_bytes()).await?.is_some() {
            return Ok(secret);
        }
    }
    let id = first_organization(pool).await?;
    let partition = api::organizations::ensure_organization(ledger, id, FIRST_NAME, Currency::USD).await?;
    Ok(api::organizations::create_api_key(ledger, keys, id, partition, "first key").await?)
}

/// Says where settlements of the first organization go, when nobody has said so yet.
pub async fn first_payee(ledger: &Ledger, pool: &PgPool, payee: Address) -> Result<(), Error> {
    let id = first_organization(pool).await?;
    let partition = api::organizations::ensure_organization(ledger, id, FIRST_NAME, Currency::USD).await?;
    Ok(api::organizations::ensure_payee(ledger, id, partition, payee).await?)
}

/// The same at each start, and another one in each log.
async fn first_organization(pool: &PgPool) -> Result<OrganizationId, Error> {
    let log_id = eventstore::postgres::log_id(pool).await?;
    Ok(OrganizationId::new(ids::derive(&[b"the first organization", log_id.as_bytes()])))
}

/// Shell assignments of a file; nothing when there is no file.
fn read(file: &Path) -> HashMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let assignments = text.lines().filter_map(|line| line.trim().split_once('='));
    assignments.map(|(name, value)| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned())).collect()
}

/// Writes shell assignments, readable for nobody else: there are secrets among them.
pub fn write(file: &Path, assignments: &[(&str, &str)]) -> Result<(), Error> {
    let temporary = file.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&temporary).map_err(|e| format!("{}: {e}", temporary.display()))?;
    for (name, value) in assignments {
        writeln!(out, "{name}='{}'", value.replace('\'', r"'\''"))?;
    }
    out.sync_all()?;
    std::fs::rename(&temporary, file)?;
    Ok(())
}
