//! `tollbook chain`: puts the contract on a chain, and stands in for a wallet while trying things out.

use std::io::Read;
use std::path::{Path, PathBuf};

use chain::deploy;
use chain::networks::Network;
use chain::settler::SettlerKey;
use clap::{Args, Subcommand};
use domain::evm::{Address, HexBytes};

use crate::chain_cli::{self, ConfirmArgs, StatusArgs};
use crate::config::{self, Chain};
use crate::seed;

type Error = Box<dyn std::error::Error>;

/// Typed data is a few kilobytes.
const TYPED_DATA_BYTES_MAX: u64 = 1 << 20;

/// Options of `chain`.
#[derive(Debug, Args)]
pub struct ChainArgs {
    #[command(subcommand)]
    command: ChainCommand,
}

#[derive(Debug, Subcommand)]
enum ChainCommand {
    /// Say how the chain is followed: how far it was read, what its nodes say, what settlers wait for
    ///
    /// The exit code is 1 when a person should look, and while the chain is read anew.
    Status(StatusArgs),
    /// Go on with a chain that is not the one that was read: it is read anew, and what it has lost is sent again
    Confirm(ConfirmArgs),
    /// Deploy the contract; with --local also a test token, and money for test owners
    Deploy(DeployArgs),
    /// List a local chain's test owners, with their keys and a million test USDC each
    Owners,
    /// Make a new session key and print it with its address
    Keygen,
    /// Sign typed data from standard input (the JSON of `typed_data`) and print the signature
    Sign(SignArgs),
    /// Print what an address has of the token
    Balance(BalanceArgs),
    /// Move a local chain's clock on, for example to see a withdrawal through
    Advance(AdvanceArgs),
}

#[derive(Debug, Args)]
struct DeployArgs {
    /// A node of the chain; of several, separated by commas, the first
    #[arg(long, env = "EVM_RPC_URL", hide_env_values = true)]
    rpc_url: String,
    /// Which chain: base, base-sepolia, polygon, polygon-amoy, or its id
    #[arg(long, env = "TOLLBOOK_NETWORK", default_value = "local", value_parser = config::network)]
    network: &'static Network,
    /// Make a local chain ready: test token, test owners, the payee's approval of the settler
    #[arg(long)]
    local: bool,
    /// A file with the settler's private key; on a local chain it is given money and the payee's approval
    #[arg(long, env = "TOLLBOOK_SETTLER_KEY_FILE")]
    settler_key_file: Option<PathBuf>,
    /// A file with the private key that sends exact payments; on a local chain it is given money
    #[arg(long, env = "TOLLBOOK_EXACT_KEY_FILE")]
    exact_key_file: Option<PathBuf>,
    /// A file with the private key of the account that deploys and pays for it
    #[arg(long, required_unless_present = "local")]
    deployer_key_file: Option<PathBuf>,
    /// The token, where the chain has no USDC of its own
    #[arg(long, env = "TOLLBOOK_USDC")]
    usdc: Option<Address>,
    /// Where to write the addresses, as shell assignments; printed when left out
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct SignArgs {
    /// Sign as this test owner of a local chain, from 0
    #[arg(long, conflicts_with = "key_file", required_unless_present = "key_file")]
    owner: Option<usize>,
    /// Sign with the private key in this file
    #[arg(long)]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct BalanceArgs {
    #[command(flatten)]
    chain: Chain,
    /// Whose
    address: Address,
}

#[derive(Debug, Args)]
struct AdvanceArgs {
    /// A node of the local chain; of several, separated by commas, the first
    #[arg(long, env = "EVM_RPC_URL", hide_env_values = true)]
    rpc_url: String,
    /// By how many seconds
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: u64,
}

/// `tollbook chain`.
pub async fn run(args: ChainArgs) -> Result<bool, Error> {
    match args.command {
        ChainCommand::Status(args) => return chain_cli::show(args).await,
        ChainCommand::Confirm(args) => return chain_cli::confirm(args).await,
        ChainCommand::Deploy(args) => deploy_contract(args).await,
        ChainCommand::Owners => {
            for (index, key) in deploy::local_owner_keys_hex().iter().enumerate() {
                println!("{index}  {}  0x{key}", SettlerKey::from_hex(key)?.address());
            }
            Ok(())
        }
        ChainCommand::Keygen => {
            let (address, key) = chain::voucher::generate()?;
            println!("TOLLBOOK_SESSION_KEY_ADDRESS={address}\nTOLLBOOK_SESSION_KEY={key}");
            Ok(())
        }
        ChainCommand::Sign(args) => sign(&args),
        ChainCommand::Balance(args) => {
            let client = args.chain.client()?.ok_or("set EVM_RPC_URL")?;
            println!("{}", client.balance(args.address).await?);
            Ok(())
        }
        ChainCommand::Advance(args) => {
            let time = deploy::advance(&first_url(&args.rpc_url)?, args.seconds).await?;
            println!("the chain's clock says {time}");
            Ok(())
        }
    }?;
    Ok(true)
}

fn key(file: &Path) -> Result<SettlerKey, Error> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(SettlerKey::from_hex(&text)?)
}

/// One node is enough to put something on a chain.
fn first_url(text: &str) -> Result<String, Error> {
    Ok(config::rpc_urls(text)?.swap_remove(0))
}

async fn deploy_contract(args: DeployArgs) -> Result<(), Error> {
    let mut assignments = Vec::new();
    let rpc_url = first_url(&args.rpc_url)?;
    if args.local {
        let file = args.settler_key_file.ok_or("--local needs --settler-key-file")?;
        let deployed = deploy::local(&rpc_url, key(&file)?.address()).await?;
        if let Some(file) = args.exact_key_file {
            deploy::give_gas(&rpc_url, key(&file)?.address()).await?;
        }
        assignments.push(("TOLLBOOK_CONTRACT", deployed.contract.to_string()));
        assignments.push(("TOLLBOOK_USDC", deployed.usdc.to_string()));
        assignments.extend(deployed.payee.map(|payee| ("TOLLBOOK_PAYEE", payee.to_string())));
    } else {
        let file = args.deployer_key_file.ok_or("--deployer-key-file is missing")?;
        let usdc = args.usdc.or_else(|| args.network.usdc()).ok_or("--usdc is missing")?;
        let contract = deploy::deploy(&rpc_url, args.network, usdc, &key(&file)?).await?;
        assignments.push(("TOLLBOOK_NETWORK", args.network.name.to_owned()));
        assignments.push(("TOLLBOOK_CONTRACT", contract.to_string()));
        assignments.push(("TOLLBOOK_USDC", usdc.to_string()));
    }
    let borrowed: Vec<(&str, &str)> = assignments.iter().map(|(name, value)| (*name, value.as_str())).collect();
    match &args.out {
        Some(file) => seed::write(file, &borrowed)?,
        None => {
            for (name, value) in &borrowed {
                println!("{name}={value}");
            }
        }
    }
    Ok(())
}

fn sign(args: &SignArgs) -> Result<(), Error> {
    let mut text = String::new();
    std::io::stdin().take(TYPED_DATA_BYTES_MAX).read_to_string(&mut text)?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| format!("standard input is not JSON: {e}"))?;
    // The whole answer of the API will do too.
    let typed = json.get("typed_data").unwrap_or(&json);
    let digest = chain::typed::digest(typed).ok_or("standard input is not EIP-712 typed data")?;
    let key = match (args.owner, &args.key_file) {
        (Some(index), _) => {
            let keys = deploy::local_owner_keys();
            let count = keys.len();
            keys.into_iter().nth(index).ok_or_else(|| format!("there are test owners 0 to {}", count - 1))?
        }
        (None, Some(file)) => key(file)?,
        (None, None) => return Err("--owner or --key-file is missing".into()),
    };
    let signature: HexBytes = key.sign_digest(digest)?;
    println!("{signature}");
    Ok(())
}
