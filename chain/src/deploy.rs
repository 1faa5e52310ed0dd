//! Puts the contract on a chain; on a local one also a test token, money for test owners, and the
//! payee's approval of the settler. Doing it again changes nothing.

use std::future::Future;
use std::time::Duration;

use alloy::network::{Ethereum, EthereumWallet, TransactionBuilder};
use alloy::primitives::utils::parse_ether;
use alloy::primitives::{Address as AlloyAddress, U256};
use alloy::providers::{DynProvider, PendingTransactionBuilder, Provider, ProviderBuilder};
use alloy::rpc::types::TransactionRequest;
use alloy::signers::local::PrivateKeySigner;
use domain::evm::Address;

use crate::bindings::{SessionKeyValidator, TestUSDC};
use crate::client::ChainError;
use crate::networks::Network;
use crate::settler::SettlerKey;

/// Keys of a local chain's first accounts, as every development node has them ("test test … junk").
/// Known to all: never send anything of worth to them.
const LOCAL_KEYS: [&str; 10] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];
const DEPLOYER: usize = 0;
const PAYEE: usize = 1;
/// The accounts from here on are test owners.
const FIRST_OWNER: usize = 3;
/// What each test owner has of the test token: a million.
const OWNER_UNITS: u64 = 1_000_000_000_000;
/// Blocks that are looked at for the clock: a restart is noticed within a minute.
const CLOCK_BLOCKS: u64 = 60;
const SENT_WITHIN: Duration = Duration::from_secs(60);

/// What is on the chain now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployed {
    /// The contract.
    pub contract: Address,
    /// The token.
    pub usdc: Address,
    /// Who is paid, on a local chain.
    pub payee: Option<Address>,
}

/// Private keys of a local chain's test owners; they have a million test USDC each.
pub fn local_owner_keys() -> Vec<SettlerKey> {
    LOCAL_KEYS[FIRST_OWNER..].iter().filter_map(|hex| SettlerKey::from_hex(hex).ok()).collect()
}

/// The same in hexadecimal, for people who try things by hand.
pub fn local_owner_keys_hex() -> &'static [&'static str] {
    &LOCAL_KEYS[FIRST_OWNER..]
}

fn local_key(index: usize) -> Result<SettlerKey, ChainError> {
    SettlerKey::from_hex(LOCAL_KEYS[index]).map_err(|e| ChainError::Mismatch(e.to_string()))
}

fn sending(rpc_url: &str, signer: PrivateKeySigner) -> Result<DynProvider, ChainError> {
    let url: reqwest::Url = rpc_url.parse().map_err(|_| ChainError::Unavailable("the RPC URL is not a URL".into()))?;
    let mut http = reqwest::Client::builder().timeout(Duration::from_secs(10));
    if matches!(url.host_str(), Some("127.0.0.1" | "localhost")) {
        http = http.no_proxy();
    }
    let http = http.build().map_err(|e| ChainError::Unavailable(e.to_string()))?;
    let wallet = EthereumWallet::from(signer);
    let builder =
        ProviderBuilder::new().disable_recommended_fillers().with_gas_estimation().with_simple_nonce_management();
    let provider = builder.fetch_chain_id().wallet(wallet).connect_reqwest(http, url).erased();
    provider.client().set_poll_interval(Duration::from_millis(200));
    Ok(provider)
}

async fn done<T, E: std::fmt::Display>(what: &str, call: impl Future<Output = Result<T, E>>) -> Result<T, ChainError> {
    match tokio::time::timeout(SENT_WITHIN, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(ChainError::Unavailable(crate::client::without_paths(&format!("{what}: {error}")))),
        Err(_) => Err(ChainError::Unavailable(format!("{what}: not done within {} s", SENT_WITHIN.as_secs()))),
    }
}

async fn has_code(provider: &DynProvider, address: AlloyAddress) -> Result<bool, ChainError> {
    Ok(!done("reading code", provider.get_code_at(address).into_future()).await?.is_empty())
}

/// Deploys the contract for one token, from an account that pays for it. Gives its address.
pub async fn deploy(rpc_url: &str, network: &Network, token: Address, key: &SettlerKey) -> Result<Address, ChainError> {
    let provider = sending(rpc_url, key.signer())?;
    let chain_id = done("asking for the chain id", provider.get_chain_id().into_future()).await?;
    if chain_id != network.chain_id {
        let expected = network.chain_id;
        return Err(ChainError::Mismatch(format!("its chain id is {chain_id}, {} has {expected}", network.name)));
    }
    let tokens = vec![crate::address(token)];
    let contract = done("deploying", SessionKeyValidator::deploy(&provider, tokens)).await?;
    Ok(crate::own_address(*contract.address()))
}

/// Makes a local chain ready.
pub async fn local(rpc_url: &str, settler: Address) -> Result<Deployed, ChainError> {
    let (deployer, payee) = (local_key(DEPLOYER)?, local_key(PAYEE)?);
    let provider = sending(rpc_url, deployer.signer())?;
    keep_clock(&provider).await?;
    let usdc = crate::address(deployer.address()).create(0);
    let contract = crate::address(deployer.address()).create(1);
    if !has_code(&provider, usdc).await? {
        done("deploying the test token", TestUSDC::deploy(&provider)).await?;
    }
    if !has_code(&provider, contract).await? {
        let deployed = done("deploying the contract", SessionKeyValidator::deploy(&provider, vec![usdc])).await?;
        if *deployed.address() != contract {
            return Err(ChainError::Mismatch("the local chain's first account was used for something else".into()));
        }
    }
    fund(&provider, usdc, crate::address(settler)).await?;
    let approving = sending(rpc_url, payee.signer())?;
    let validator = SessionKeyValidator::new(contract, &approving);
    let payee_address = crate::address(payee.address());
    let settler = crate::address(settler);
    if !done("reading", validator.isSettler(payee_address, settler).call().into_future()).await? {
        let sent = done("approving the settler", validator.setSettler(settler, true).send().into_future()).await?;
        done("approving the settler", sent.get_receipt()).await?;
    }
    Ok(Deployed {
        contract: crate::own_address(contract),
        usdc: crate::own_address(usdc),
        payee: Some(payee.address()),
    })
}

/// A node that is started anew goes by the machine's clock again, also when its own had been moved on:
/// the time of its blocks would go back. Looks at the last blocks and moves the clock to where it was.
async fn keep_clock(provider: &DynProvider) -> Result<(), ChainError> {
    // A block that is made now says what the clock says now.
    done("mining", provider.raw_request::<_, serde_json::Value>("evm_mine".into(), ())).await?;
    let head = done("reading", provider.get_block_number().into_future()).await?;
    let (mut latest, mut highest) = (0, 0);
    for number in head.saturating_sub(CLOCK_BLOCKS)..=head {
        let block = done("reading", provider.get_block_by_number(number.into()).into_future()).await?;
        latest = block.map_or(latest, |block| block.header.timestamp);
        highest = highest.max(latest);
    }
    if highest > latest {
        let call = provider.raw_request::<_, serde_json::Value>("evm_increaseTime".into(), (highest - latest,));
        done("moving the clock", call).await?;
    }
    Ok(())
}

/// Gives an address of a local chain coin for gas, when it has little.
pub async fn give_gas(rpc_url: &str, address: Address) -> Result<(), ChainError> {
    let provider = sending(rpc_url, local_key(DEPLOYER)?.signer())?;
    if let Some(pending) = gift(&provider, crate::address(address)).await? {
        done("funding", pending.get_receipt()).await?;
    }
    Ok(())
}

/// Sends an address coin for gas, when it has little.
async fn gift(
    provider: &DynProvider,
    to: AlloyAddress,
) -> Result<Option<PendingTransactionBuilder<Ethereum>>, ChainError> {
    let ten = parse_ether("10").unwrap_or_default();
    if done("reading", provider.get_balance(to).into_future()).await? >= ten {
        return Ok(None);
    }
    let gift = TransactionRequest::default().with_to(to).with_value(parse_ether("100").unwrap_or_default());
    done("funding", provider.send_transaction(gift)).await.map(Some)
}

/// Everything is sent before anything is waited for: a local chain may take a second for a block.
async fn fund(provider: &DynProvider, usdc: AlloyAddress, settler: AlloyAddress) -> Result<(), ChainError> {
    let mut sent = Vec::from_iter(gift(provider, settler).await?);
    let token = TestUSDC::new(usdc, provider);
    let enough = U256::from(OWNER_UNITS);
    for owner in local_owner_keys() {
        let owner = crate::address(owner.address());
        let has = done("reading", token.balanceOf(owner).call().into_future()).await?;
        if has < enough / U256::from(2) {
            sent.push(done("minting", token.mint(owner, enough - has).send().into_future()).await?);
        }
    }
    for pending in sent {
        done("funding", pending.get_receipt()).await?;
    }
    Ok(())
}

/// Moves a local chain's clock on and mines a block. Gives the chain's time after it.
pub async fn advance(rpc_url: &str, seconds: u64) -> Result<domain::Timestamp, ChainError> {
    let provider = crate::client::provider(rpc_url)?;
    let call = provider.raw_request::<_, serde_json::Value>("evm_increaseTime".into(), (seconds,));
    done("moving the clock", call).await?;
    done("mining", provider.raw_request::<_, serde_json::Value>("evm_mine".into(), ())).await?;
    let latest = alloy::eips::BlockNumberOrTag::Latest;
    let block = done("reading", provider.get_block_by_number(latest).into_future()).await?;
    let seconds = block.map_or(0, |block| block.header.timestamp);
    let at = chrono::DateTime::from_timestamp(i64::try_from(seconds).unwrap_or(i64::MAX), 0);
    at.ok_or_else(|| ChainError::Unavailable("the chain's clock is out of range".into()))
}
