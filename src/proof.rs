//! `tollbook proof`: holds a proof of a charge against the chain. It needs a node of the chain and nothing of Tollbook:
//! no database, no API, no key.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use chain::networks::Finality;
use chain::proof::{self, BYTES_MAX, ChargeProof, Checked, Expected};
use clap::{Args, Subcommand};
use domain::evm::Address;

use crate::config::Hidden;

type Error = Box<dyn std::error::Error>;

/// Options of `proof`.
#[derive(Debug, Args)]
pub struct ProofArgs {
    #[command(subcommand)]
    command: ProofCommand,
}

#[derive(Debug, Subcommand)]
enum ProofCommand {
    /// Check a proof that a charge was paid for, against its chain alone
    ///
    /// The proof is what GET /v1/charges/{id}/proof answers. The exit code is 1 when it does not hold, or when a node
    /// cannot be asked; the error output says why.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The file with the proof, or - for standard input
    file: PathBuf,
    /// A node of the chain; several with commas between, and the proof must hold with each of them
    #[arg(long, env = "EVM_RPC_URL", hide_env_values = true, value_delimiter = ',', required = true)]
    rpc: Vec<Hidden>,
    /// Take a block as final when so many blocks lie on top of it; left out, when the node says that it is
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    confirmations: Option<u64>,
    /// The contract that the wallet has put its money into: the proof must be about this one. Left out, the proof's own
    /// word is taken
    #[arg(long)]
    contract: Option<Address>,
    /// The token that counts; the chain's own USDC when left out
    #[arg(long)]
    token: Option<Address>,
}

/// `tollbook proof`.
pub async fn run(args: ProofArgs) -> Result<(), Error> {
    match args.command {
        ProofCommand::Check(args) => check(&args).await,
    }
}

async fn check(args: &CheckArgs) -> Result<(), Error> {
    let not_proven = |error: proof::ProofError| match error {
        proof::ProofError::Chain(error) => format!("the proof could not be checked: {error}"),
        error => format!("not proven: {error}"),
    };
    let nodes = nodes(&args.rpc)?;
    let proof = ChargeProof::read(&read(&args.file)?).map_err(not_proven)?;
    let finality = args.confirmations.map_or(Finality::Finalized, Finality::Confirmations);
    let expected = Expected { contract: args.contract, token: args.token };
    proof.check_expected(&expected).map_err(not_proven)?;
    let mut checked = None;
    for url in nodes {
        checked = Some(proof::check(&proof, url, finality).await.map_err(not_proven)?);
    }
    let checked = checked.ok_or("--rpc names no node")?;
    println!("{}\n\n{}", words(&proof, &checked, finality), reservations(&proof, &expected));
    Ok(())
}

/// The nodes that are named. What is none is not repeated: a URL may hold a key.
fn nodes(rpc: &[Hidden]) -> Result<Vec<&str>, String> {
    let is_url = |url: &str| {
        let url = url.parse::<reqwest::Url>();
        url.is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
    };
    let nodes: Vec<&str> = rpc.iter().map(|Hidden(url)| url.trim()).filter(|url| !url.is_empty()).collect();
    if nodes.iter().all(|url| is_url(url)) {
        Ok(nodes)
    } else {
        Err("--rpc (or EVM_RPC_URL in its place) is not a URL: one begins with http:// or https://".to_owned())
    }
}

/// A file, or standard input; at most one byte more than a proof has.
fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let limit = u64::try_from(BYTES_MAX)?.saturating_add(1);
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().take(limit).read_to_end(&mut bytes)?;
    } else {
        let named = |error: std::io::Error| format!("{}: {error}", file.display());
        File::open(file).map_err(named)?.take(limit).read_to_end(&mut bytes).map_err(named)?;
    }
    Ok(bytes)
}

/// What was proven, for people.
fn words(proof: &ChargeProof, checked: &Checked, finality: Finality) -> String {
    let (charge, paid, head) = (&proof.charge, &proof.transaction, &proof.log_head);
    let is_final = match finality {
        Finality::Finalized => format!("the chain is final up to block {}", checked.final_block),
        Finality::Confirmations(depth) => format!("at least {depth} blocks lie on top of it"),
    };
    format!(
        "Proven: charge {} was paid for.\n\
         It is {} of token {}, and with it {} in all were charged on session {}.\n\
         Transaction {} in block {} ({}) on chain {} is final: {is_final}.\n\
         In it contract {} took the evidence root {}, which the charge is under, and had paid {} of this session in \
         all\nto {}; the batch moved {} to it.\n\
         Under the same root stands the end of the log that has the charge: log {}, position {}:{}, hash chain {}.",
        charge.id,
        charge.amount,
        proof.token,
        charge.cumulative,
        proof.session_id,
        paid.hash,
        paid.block_number,
        paid.block_hash,
        proof.chain_id,
        proof.contract,
        proof.evidence_root,
        checked.total_claimed,
        proof.payee,
        checked.batch_total,
        head.log_id,
        head.partition,
        head.position,
        head.chain,
    )
}

/// What was not proven, for people.
fn reservations(proof: &ChargeProof, expected: &Expected) -> String {
    let mut lines = vec![
        "Not proven is that anybody asked for what was charged or got it, and that the nodes say what the chain has."
            .to_owned(),
    ];
    if expected.contract.is_none() {
        lines.push(format!(
            "That the money was in the contract {} is the proof's own word: compare it with the one that the wallet has \
             put its money into, or name that one with --contract. Anybody can put one on the chain that says the same.",
            proof.contract
        ));
    }
    if expected.token_on(proof.chain_id).is_none() {
        lines.push(format!(
            "That the token {} is worth anything is the proof's own word: name the one that counts with --token.",
            proof.token
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_urls() {
        let told = |urls: &[&str]| {
            let urls: Vec<Hidden> = urls.iter().map(|url| Hidden((*url).to_owned())).collect();
            nodes(&urls).map(|nodes| nodes.len())
        };
        assert_eq!(told(&["http://127.0.0.1:8545", " https://node.example/KEY ", ""]), Ok(2));
        for wrong in ["nonsense", "node.example:8545", "localhost:8545", "ws://node.example/SECRET"] {
            let why = told(&["http://127.0.0.1:8545", wrong]).unwrap_err();
            assert!(why.contains("--rpc") && !why.contains(wrong), "{why}");
        }
    }

    #[test]
    fn what_is_the_proofs_own_word_is_said() {
        let hash = format!("0x{}", "11".repeat(32));
        let address = format!("0x{}", "22".repeat(20));
        let proof = serde_json::json!({
            "object": "charge_proof", "version": 1, "chain_id": 8453, "contract": address, "token": address,
            "payee": address, "session_id": hash, "evidence_root": hash,
            "transaction": { "hash": hash, "block_number": 1, "block_hash": hash },
            "charge": {
                "id": domain::ids::ChargeId::new(uuid::Uuid::nil()), "amount": "1", "cumulative": "1",
                "amount_units": "1000000000000", "cumulative_units": "1000000000000",
            },
            "leaf": hash, "path": [],
            "log_head": {
                "log_id": uuid::Uuid::nil(), "partition": 0, "position": 1, "chain": hash, "leaf": hash, "path": [],
            },
        });
        let proof: ChargeProof = serde_json::from_value(proof).unwrap();
        let told = |contract, token| reservations(&proof, &Expected { contract, token });
        // The token of this chain is known to everybody.
        assert!(told(None, None).contains("--contract") && !told(None, None).contains("--token"));
        assert_eq!(told(Some(proof.contract), None).lines().count(), 1);
        let elsewhere = ChargeProof { chain_id: 31_337, ..proof.clone() };
        let told = |token| reservations(&elsewhere, &Expected { contract: Some(proof.contract), token });
        assert!(told(None).contains("--token"), "{}", told(None));
        assert_eq!(told(Some(proof.token)).lines().count(), 1);
    }
}
