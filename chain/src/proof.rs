//! A proof that a charge was paid for on a chain, and its check, which needs that chain and nothing else.
//!
//! [`ChargeProof`] is what the API gives. [`check`] asks a node of the chain what it must know of it ([`ask`]) and
//! decides ([`ChargeProof::judge`]). Every value of a proof is bound by its leaf, by the root or by the chain: what
//! would not be (the settlement's id, how many leaves there are) is not in it.

use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::U256;
use alloy::providers::{DynProvider, Provider};
use alloy::rpc::types::Log;
use alloy::sol_types::{SolEvent, SolEventInterface};
use domain::evm::{Address, Bytes32};
use domain::ids::ChargeId;
use domain::money::{AMOUNT_SCALE_MAX, Amount};
use domain::settlement::LogHead;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::bindings::SessionKeyValidator::{SessionKeyValidatorEvents as Events, SessionKeyValidatorInstance};
use crate::bindings::TestUSDC::{TestUSDCInstance, Transfer};
use crate::client::{ChainError, Client, Receipt};
use crate::evidence::{self, Step};
use crate::networks::{Finality, Network};

/// What a proof calls itself.
pub const OBJECT: &str = "charge_proof";
/// The form of proofs that is written and read.
pub const VERSION: u32 = 1;
/// The longest proof that is read; one over a million charges has some six thousand bytes.
pub const BYTES_MAX: usize = 64 << 10;
/// How long a node may take for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// That a charge is one of those that a transaction paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeProof {
    /// Always [`OBJECT`].
    pub object: String,
    /// Always [`VERSION`].
    pub version: u32,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The `SessionKeyValidator` that paid.
    pub contract: Address,
    /// What it paid in.
    pub token: Address,
    /// Whom it paid.
    pub payee: Address,
    /// Where it paid.
    pub transaction: PaidIn,
    /// What the contract calls the session that was charged.
    pub session_id: Bytes32,
    /// The charge.
    pub charge: ProvenCharge,
    /// The charge's leaf.
    pub leaf: Bytes32,
    /// From there up to the root.
    pub path: Vec<Step>,
    /// What the contract published with the batch.
    pub evidence_root: Bytes32,
    /// The end of the log that has the charge, as it was when the batch was planned.
    pub log_head: ProvenHead,
}

/// A settlement's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaidIn {
    /// Its hash.
    pub hash: Bytes32,
    /// Its block's number.
    pub block_number: u64,
    /// Its block's hash.
    pub block_hash: Bytes32,
}

/// A charge as its leaf has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenCharge {
    /// Its id.
    pub id: ChargeId,
    /// How much.
    pub amount: Amount,
    /// Charged on the session in all, after it.
    pub cumulative: Amount,
    /// `amount` as a whole number of 10⁻¹²: what is hashed.
    pub amount_units: String,
    /// `cumulative` as a whole number of 10⁻¹²: what is hashed.
    pub cumulative_units: String,
}

/// The end of a log as its leaf has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenHead {
    /// The log's own name.
    pub log_id: Uuid,
    /// Which of its partitions.
    pub partition: u32,
    /// The last position.
    pub position: u64,
    /// The last link of the hash chain.
    pub chain: Bytes32,
    /// The leaf.
    pub leaf: Bytes32,
    /// From there up to the root.
    pub path: Vec<Step>,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProofError {
    /// It has not the form of one.
    #[error("this is no proof: {0}")]
    Malformed(String),
    /// Something in it is not so.
    #[error("{0}")]
    Wrong(String),
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// What whoever checks a proof knows without it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// The contract that the wallet has put its money into.
    pub contract: Option<Address>,
    /// The token that counts; `None` for the chain's own USDC.
    pub token: Option<Address>,
}

impl Expected {
    /// The token that counts on a chain; `None` where nobody has said which.
    pub fn token_on(&self, chain_id: u64) -> Option<Address> {
        self.token.or_else(|| Network::find(&chain_id.to_string())?.usdc())
    }
}

/// What a node says that a proof is held against.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// EIP-155 id of its chain.
    pub chain_id: u64,
    /// The EIP-712 domain of the proof's contract; `None` when it has none.
    pub domain_separator: Option<Bytes32>,
    /// Decimals of the proof's token; `None` when it has none.
    pub decimals: Option<u8>,
    /// What became of the proof's transaction; `None` when there is none in a block.
    pub receipt: Option<Receipt>,
    /// Hash of the block with the proof's block number; `None` when there is none.
    pub block_hash: Option<Bytes32>,
    /// The newest block that can no longer go away; `None` when there is none yet.
    pub final_block: Option<u64>,
}

/// What a proof that holds says beside its own values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Paid for the session to the payee in all, after the transaction.
    pub total_claimed: Amount,
    /// What the transaction's batch moved to the payee, for all its sessions.
    pub batch_total: Amount,
    /// The newest block that can no longer go away.
    pub final_block: u64,
}

fn wrong(what: impl Into<String>) -> ProofError {
    ProofError::Wrong(what.into())
}

/// An amount as a whole number of 10⁻¹².
pub fn units(amount: Amount) -> String {
    amount.atomic(AMOUNT_SCALE_MAX).to_string()
}

/// Holds a proof against the chain: everything that is needed is asked of this node.
pub async fn check(proof: &ChargeProof, rpc_url: &str, finality: Finality) -> Result<Checked, ProofError> {
    // What is wrong in itself needs no node.
    proof.check_tree()?;
    proof.judge(&ask(proof, rpc_url, finality).await?)
}

impl ChargeProof {
    /// Reads a proof; refuses what Tollbook would have written otherwise, so that no byte of a value may differ.
    pub fn read(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > BYTES_MAX {
            return Err(ProofError::Malformed(format!("it has more than {BYTES_MAX} bytes")));
        }
        let malformed = |error: serde_json::Error| ProofError::Malformed(error.to_string());
        let proof: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        let given: Value = serde_json::from_slice(bytes).map_err(malformed)?;
        if given != serde_json::to_value(&proof).map_err(malformed)? {
            let why =
                "a value is not written as Tollbook writes it: hexadecimal digits in lower case, no needless zeros";
            return Err(ProofError::Malformed(why.to_owned()));
        }
        if (proof.object.as_str(), proof.version) != (OBJECT, VERSION) {
            let (object, version) = (&proof.object, proof.version);
            let why = format!("it is {object:?} version {version}, not {OBJECT:?} version {VERSION}");
            return Err(ProofError::Malformed(why));
        }
        Ok(proof)
    }

    /// Whether it is about the contract and the token that whoever checks it expects. What others have put on a chain
    /// for the purpose says the same words, about money of its own.
    pub fn check_expected(&self, expected: &Expected) -> Result<(), ProofError> {
        if let Some(contract) = expected.contract.filter(|contract| *contract != self.contract) {
            return Err(wrong(format!("it is about the contract {}, not about {contract}", self.contract)));
        }
        let token = expected.token_on(self.chain_id);
        if let Some(token) = token.filter(|token| *token != self.token) {
            let (own, chain_id) = (self.token, self.chain_id);
            return Err(wrong(format!("it is about the token {own}; what counts on chain {chain_id} is {token}")));
        }
        Ok(())
    }

    /// Computes leaves and roots anew: whether the charge and the log's head are in the tree.
    pub fn check_tree(&self) -> Result<(), ProofError> {
        let charge = &self.charge;
        let written = (charge.amount_units.as_str(), charge.cumulative_units.as_str());
        if written != (units(charge.amount).as_str(), units(charge.cumulative).as_str()) {
            return Err(wrong("the charge's amounts and their units are not the same"));
        }
        if charge.amount > charge.cumulative {
            return Err(wrong("the charge's amount is more than all that was charged"));
        }
        let leaf = evidence::charge_leaf(self.session_id, charge.id, charge.amount, charge.cumulative);
        if crate::own_bytes32(leaf) != self.leaf {
            return Err(wrong(format!("the charge's leaf is {leaf}, not {}", self.leaf)));
        }
        let root = evidence::fold(leaf, &self.path);
        if root != self.evidence_root {
            return Err(wrong(format!("the charge's path leads to {root}, not to {}", self.evidence_root)));
        }
        let head = &self.log_head;
        let (Ok(partition), Ok(position)) = (i32::try_from(head.partition), i64::try_from(head.position)) else {
            return Err(wrong("the log's head is beyond what a log can have"));
        };
        let leaf = evidence::head_leaf(head.log_id, &LogHead { partition, position, chain: head.chain });
        if crate::own_bytes32(leaf) != head.leaf {
            return Err(wrong(format!("the leaf of the log's head is {leaf}, not {}", head.leaf)));
        }
        let root = evidence::fold(leaf, &head.path);
        if root != self.evidence_root {
            return Err(wrong(format!("the path of the log's head leads to {root}, not to {}", self.evidence_root)));
        }
        Ok(())
    }

    /// Decides by what the chain says.
    pub fn judge(&self, said: &Said) -> Result<Checked, ProofError> {
        self.check_tree()?;
        if said.chain_id != self.chain_id {
            return Err(wrong(format!("it is about chain {}, the node is of chain {}", self.chain_id, said.chain_id)));
        }
        let ours = crate::typed::domain(self.chain_id, self.contract).separator();
        if said.domain_separator != Some(crate::own_bytes32(ours)) {
            return Err(wrong(format!("at {} there is no SessionKeyValidator 1", self.contract)));
        }
        let receipt = self.in_its_block(said)?;
        let Some(batch) = batch_total(receipt, self.contract, self.payee, self.token, self.evidence_root) else {
            return Err(wrong(format!(
                "in transaction {} the contract {} settled no batch with root {} for payee {} in token {}",
                self.transaction.hash, self.contract, self.evidence_root, self.payee, self.token
            )));
        };
        let Some(claimed) = total_claimed(receipt, self.contract, self.session_id, self.payee) else {
            return Err(wrong(format!(
                "in transaction {} the contract paid nothing for session {} to {}: the claim was skipped",
                self.transaction.hash, self.session_id, self.payee
            )));
        };
        let decimals = said.decimals.map(u32::from).filter(|decimals| *decimals <= AMOUNT_SCALE_MAX);
        let decimals = decimals.ok_or_else(|| wrong(format!("{} is no token with decimals", self.token)))?;
        let cumulative = self.charge.cumulative.atomic(decimals);
        let amount = |units: u128| {
            Amount::from_atomic(units, decimals).map_err(|_| wrong(format!("{units} is more than a ledger can have")))
        };
        if claimed < cumulative {
            return Err(wrong(format!(
                "the session was paid for up to {} in all, the charge ends at {}",
                amount(claimed)?,
                self.charge.cumulative
            )));
        }
        if moved(receipt, self.token, self.contract, self.payee) < batch {
            return Err(wrong(format!("the token {} did not move what the batch came to", self.token)));
        }
        let final_block = said.final_block.filter(|block| *block >= self.transaction.block_number);
        let final_block = final_block.ok_or_else(|| {
            let upto = said.final_block.map_or("none is".to_owned(), |block| format!("{block} is the newest that is"));
            wrong(format!("block {} is not final yet, {upto}", self.transaction.block_number))
        })?;
        let batch_total = amount(u128::try_from(batch).unwrap_or(u128::MAX))?;
        Ok(Checked { total_claimed: amount(claimed)?, batch_total, final_block })
    }

    /// The transaction's receipt, when it succeeded and is in the block that the proof names.
    fn in_its_block<'a>(&self, said: &'a Said) -> Result<&'a Receipt, ProofError> {
        let PaidIn { hash, block_number, block_hash } = self.transaction;
        let receipt = said.receipt.as_ref().filter(|receipt| receipt.transaction_hash == crate::b256(hash));
        let receipt = receipt.ok_or_else(|| wrong(format!("the chain has no transaction {hash} in a block")))?;
        let place = (receipt.block_number, receipt.block_hash.map(crate::own_bytes32));
        if place != (Some(block_number), Some(block_hash)) {
            return Err(wrong(format!("transaction {hash} is in another block than {block_number} ({block_hash})")));
        }
        if said.block_hash != Some(block_hash) {
            return Err(wrong(format!("block {block_hash} is not the chain's block {block_number}")));
        }
        if !receipt.status() {
            return Err(wrong(format!("transaction {hash} was reverted")));
        }
        Ok(receipt)
    }
}

/// What a batch with this root came to, when the contract settled one for this payee and token in a transaction.
pub fn batch_total(
    receipt: &Receipt,
    contract: Address,
    payee: Address,
    token: Address,
    evidence_root: Bytes32,
) -> Option<U256> {
    let wanted = (crate::b256(evidence_root), crate::address(payee), crate::address(token));
    said_by(receipt, contract).find_map(|event| match event {
        Events::BatchSettled(e) if (e.evidenceRoot, e.payee, e.token) == wanted => Some(e.total),
        _ => None,
    })
}

/// A batch that the contract says it has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// What it published.
    pub evidence_root: Bytes32,
    /// Whom it paid.
    pub payee: Address,
    /// Who sent it.
    pub settler: Address,
    /// In this transaction,
    pub tx_hash: Bytes32,
    /// in this block.
    pub block_number: u64,
}

/// The batches that a contract settled in a range of final blocks, in order.
pub async fn published(client: &Client, from: u64, to: u64) -> Result<Vec<Published>, ChainError> {
    let logs = client.logs(from, to).await?;
    Ok(logs.iter().filter_map(published_by).collect())
}

fn published_by(log: &Log) -> Option<Published> {
    let Events::BatchSettled(event) = Events::decode_log(&log.inner).ok()?.data else { return None };
    Some(Published {
        evidence_root: crate::own_bytes32(event.evidenceRoot),
        payee: crate::own_address(event.payee),
        settler: crate::own_address(event.settler),
        tx_hash: crate::own_bytes32(log.transaction_hash?),
        block_number: log.block_number?,
    })
}

/// Where a transaction stands for good: number and hash of its block, which is final and which the chain has. After a
/// chain was set back that may be another block than it was in first.
pub async fn stands_in(
    client: &Client,
    receipt: &Receipt,
    final_block: u64,
) -> Result<Option<(u64, Bytes32)>, ChainError> {
    let place = receipt.block_number.zip(receipt.block_hash.map(crate::own_bytes32));
    let Some((number, hash)) = place.filter(|(number, _)| *number <= final_block) else { return Ok(None) };
    let block = client.block_at(number).await?;
    Ok(block.filter(|block| block.hash == hash).map(|block| (block.number, block.hash)))
}

/// The most that the contract paid for a session to a payee in all, as of a transaction that paid something.
fn total_claimed(receipt: &Receipt, contract: Address, session_id: Bytes32, payee: Address) -> Option<u128> {
    let wanted = (crate::b256(session_id), crate::address(payee));
    let claims = said_by(receipt, contract).filter_map(|event| match event {
        Events::Claimed(e) if (e.sessionId, e.payee) == wanted => Some(e.totalClaimed),
        _ => None,
    });
    claims.max()
}

fn said_by(receipt: &Receipt, contract: Address) -> impl Iterator<Item = Events> {
    let own = receipt.logs().iter().filter(move |log| log.address() == crate::address(contract));
    own.filter_map(|log| Events::decode_log(&log.inner).ok().map(|event| event.data))
}

/// What the token moved from the contract to the payee.
fn moved(receipt: &Receipt, token: Address, contract: Address, payee: Address) -> U256 {
    let wanted = (crate::address(contract), crate::address(payee));
    let own = receipt.logs().iter().filter(|log| log.address() == crate::address(token));
    let transfers = own.filter_map(|log| Transfer::decode_log(&log.inner).ok());
    let ours = transfers.filter(|transfer| (transfer.from, transfer.to) == wanted);
    ours.fold(U256::ZERO, |sum, transfer| sum.saturating_add(transfer.value))
}

/// Asks a node for all that a proof is held against.
pub async fn ask(proof: &ChargeProof, rpc_url: &str, finality: Finality) -> Result<Said, ChainError> {
    let provider = crate::client::provider(rpc_url)?;
    let chain_id = answer(async { provider.get_chain_id().await.map_err(ChainError::from) }).await?;
    let contract = SessionKeyValidatorInstance::new(crate::address(proof.contract), &provider);
    let domain_separator = view(contract.DOMAIN_SEPARATOR().call().into_future()).await?;
    let token = TestUSDCInstance::new(crate::address(proof.token), &provider);
    let decimals = view(token.decimals().call().into_future()).await?;
    let hash = crate::b256(proof.transaction.hash);
    let receipt = answer(async { provider.get_transaction_receipt(hash).await.map_err(ChainError::from) }).await?;
    let own = block(&provider, BlockNumberOrTag::Number(proof.transaction.block_number)).await?;
    let final_block = match finality {
        Finality::Finalized => block(&provider, BlockNumberOrTag::Finalized).await?,
        Finality::Confirmations(depth) => {
            let head = block(&provider, BlockNumberOrTag::Latest).await?;
            head.and_then(|(number, hash)| Some((number.checked_sub(depth)?, hash)))
        }
    };
    Ok(Said {
        chain_id,
        domain_separator: domain_separator.map(crate::own_bytes32),
        decimals,
        receipt,
        block_hash: own.map(|(_, hash)| hash),
        final_block: final_block.map(|(number, _)| number),
    })
}

async fn answer<T>(call: impl Future<Output = Result<T, ChainError>>) -> Result<T, ChainError> {
    let within = tokio::time::timeout(ANSWER_WITHIN, call).await;
    within.unwrap_or_else(|_| Err(ChainError::Unavailable(format!("no answer within {} s", ANSWER_WITHIN.as_secs()))))
}

/// What a contract answers; `None` where there is none that has this question.
async fn view<T>(call: impl Future<Output = Result<T, alloy::contract::Error>>) -> Result<Option<T>, ChainError> {
    let call = async {
        match call.await {
            Ok(value) => Ok(Some(value)),
            Err(alloy::contract::Error::TransportError(error)) => match ChainError::from(error) {
                ChainError::Refused { .. } => Ok(None),
                error => Err(error),
            },
            Err(_) => Ok(None),
        }
    };
    answer(call).await
}

/// Number and hash of a block.
async fn block(provider: &DynProvider, tag: BlockNumberOrTag) -> Result<Option<(u64, Bytes32)>, ChainError> {
    let found = answer(async { provider.get_block_by_number(tag).await.map_err(ChainError::from) }).await?;
    Ok(found.map(|block| (block.header.number, crate::own_bytes32(block.header.hash))))
}

#[cfg(test)]
mod tests;
