//! Transactions: what they cost, sending them, and what became of them.

use alloy::consensus::Transaction as _;
use alloy::eips::BlockNumberOrTag;
use alloy::network::TransactionBuilder;
use alloy::primitives::Bytes;
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use domain::evm::{Address, Bytes32, HexBytes};

use super::asking::disagreement;
use super::blocks::{in_words, lowest};
use super::endpoint::Endpoint;
use super::error::is_known;
use super::{ChainError, Client, Fees, RELAY_GAS_MAX, Receipt, Sent};

/// What nodes say of the gas that a call takes: the least that any of them says, and which of them refuses, and why.
struct Estimates {
    least: Option<u64>,
    refusal: Option<(String, ChainError)>,
}

fn request(from: Address, to: Address, calldata: &HexBytes) -> TransactionRequest {
    TransactionRequest::default()
        .with_from(crate::address(from))
        .with_to(crate::address(to))
        .with_input(Bytes::from(calldata.0.clone()))
}

fn wei(fee: u128) -> u64 {
    u64::try_from(fee).unwrap_or(u64::MAX)
}

impl Client {
    /// Whether a call for somebody would go through now, within [`RELAY_GAS_MAX`]; the contract's own error
    /// when not.
    pub async fn simulate(&self, from: Address, to: Address, calldata: &HexBytes) -> Result<(), ChainError> {
        let call = &request(from, to, calldata).with_gas_limit(RELAY_GAS_MAX);
        self.first(|endpoint| async move {
            endpoint.ask(async { endpoint.provider().call(call.clone()).await }).await.map(|_| ())
        })
        .await
    }

    /// How much gas a call takes now.
    pub async fn estimate_gas(&self, from: Address, to: Address, calldata: &HexBytes) -> Result<u64, ChainError> {
        let call = &request(from, to, calldata);
        self.first(|endpoint| async move {
            endpoint.ask(async { endpoint.provider().estimate_gas(call.clone()).await }).await
        })
        .await
    }

    /// The least gas that a call takes now, as nodes say; refused when all that answer refuse. Where only some do, time
    /// will tell: one is behind, or lies.
    pub async fn estimate_gas_everywhere(
        &self,
        from: Address,
        to: Address,
        calldata: &HexBytes,
    ) -> Result<u64, ChainError> {
        let estimates = self.estimates(from, to, calldata).await?;
        if let (Some(_), Some((host, refusal))) = (&estimates.least, &estimates.refusal) {
            return Err(ChainError::Unavailable(format!(
                "{host} says that {refusal}, and others say that it does not"
            )));
        }
        estimates.least()
    }

    /// The same as soon as any node says so, whatever the others say: for what the chain itself is to decide.
    pub async fn estimate_gas_anywhere(
        &self,
        from: Address,
        to: Address,
        calldata: &HexBytes,
    ) -> Result<u64, ChainError> {
        self.estimates(from, to, calldata).await?.least()
    }

    async fn estimates(&self, from: Address, to: Address, calldata: &HexBytes) -> Result<Estimates, ChainError> {
        let call = &request(from, to, calldata);
        let ask = |endpoint: Endpoint| async move {
            match endpoint.ask(async { endpoint.provider().estimate_gas(call.clone()).await }).await {
                Ok(gas) => Ok(Ok(gas)),
                Err(refused @ ChainError::Refused { .. }) => Ok(Err(refused)),
                Err(error) => Err(error),
            }
        };
        let mut estimates = Estimates { least: None, refusal: None };
        for (endpoint, answer) in self.most(ask).await? {
            match answer {
                Ok(gas) => estimates.least = Some(estimates.least.map_or(gas, |least| least.min(gas))),
                Err(refused) => {
                    estimates.refusal.get_or_insert_with(|| (endpoint.host().to_owned(), refused));
                }
            }
        }
        Ok(estimates)
    }

    /// What to pay for a transaction now: twice the base fee, so that it stays good for a few blocks.
    pub async fn fees(&self) -> Result<Fees, ChainError> {
        let estimate =
            self.first(|endpoint| async move {
                endpoint.ask(async { endpoint.provider().estimate_eip1559_fees().await }).await
            })
            .await?;
        Ok(Fees {
            max_fee_wei: wei(estimate.max_fee_per_gas),
            priority_fee_wei: wei(estimate.max_priority_fee_per_gas),
        })
    }

    /// The base fee of the next block, as the node works it out from the newest one: chains have rules of their own
    /// for that.
    pub async fn base_fee(&self) -> Result<u64, ChainError> {
        let history = self
            .first(|endpoint| async move {
                let newest = BlockNumberOrTag::Latest;
                endpoint.ask(async { endpoint.provider().get_fee_history(1, newest, &[]).await }).await
            })
            .await?;
        let next = history.next_block_base_fee().map(wei);
        next.ok_or_else(|| ChainError::Unavailable("the node gives no base fee".into()))
    }

    /// What an address has for gas, in wei.
    pub async fn gas_money(&self, address: Address) -> Result<u128, ChainError> {
        let address = crate::address(address);
        let wei = self
            .first(
                |endpoint| async move { endpoint.ask(async { endpoint.provider().get_balance(address).await }).await },
            )
            .await?;
        Ok(u128::try_from(wei).unwrap_or(u128::MAX))
    }

    /// How many transactions an address has sent, with those that wait.
    pub async fn nonce(&self, address: Address) -> Result<u64, ChainError> {
        let address = crate::address(address);
        self.first(|endpoint| async move {
            endpoint.ask(async { endpoint.provider().get_transaction_count(address).pending().await }).await
        })
        .await
    }

    /// How many transactions of an address are in blocks.
    pub async fn mined_nonce(&self, address: Address) -> Result<u64, ChainError> {
        let address = crate::address(address);
        self.first(|endpoint| async move {
            endpoint.ask(async { endpoint.provider().get_transaction_count(address).await }).await
        })
        .await
    }

    /// How many transactions of an address are in blocks, up to one that more than half of the nodes have. All that have
    /// it must say the same.
    pub async fn mined_nonce_everywhere(&self, address: Address) -> Result<u64, ChainError> {
        let heads = self.most(|endpoint| async move { endpoint.head().await.map(|head| Some(head.number)) }).await?;
        let common = lowest(heads.into_iter().map(|(_, head)| head).collect());
        let common = common.ok_or_else(|| ChainError::Unavailable("no node was asked".into()))?;
        self.nonce_at(address, common).await
    }

    /// How many transactions of an address are in blocks up to this one. All nodes that have it must say the same.
    pub async fn nonce_at(&self, address: Address, block: u64) -> Result<u64, ChainError> {
        let what = format!("the transactions of {address} up to block {block}");
        let address = crate::address(address);
        let ask = |endpoint: Endpoint| async move {
            let counted =
                endpoint.ask(async { endpoint.provider().get_transaction_count(address).number(block).await }).await;
            counted.map(Some)
        };
        let count = self.agreed(&what, ask, |count: &u64| count.to_string()).await?;
        count.ok_or_else(|| ChainError::Unavailable(format!("the node has no block {block} yet")))
    }

    /// Gives signed bytes to all nodes; good when one takes them. Sending the same again does no harm.
    pub async fn send(&self, raw: &HexBytes) -> Result<(), ChainError> {
        let bytes = raw.0.as_slice();
        self.anyone(|endpoint| async move {
            let sent = endpoint.give(async { endpoint.provider().send_raw_transaction(bytes).await.map(|_| ()) }).await;
            match sent {
                Err(error) if is_known(&error) => Ok(()),
                answer => answer,
            }
        })
        .await
    }

    /// A transaction, waiting or in a block; `None` when the node does not know it.
    pub async fn transaction(&self, tx_hash: Bytes32) -> Result<Option<Sent>, ChainError> {
        let tx_hash = crate::b256(tx_hash);
        let found = self
            .first(|endpoint| async move {
                endpoint.ask(async { endpoint.provider().get_transaction_by_hash(tx_hash).await }).await
            })
            .await?;
        Ok(found.map(|transaction| Sent {
            nonce: transaction.nonce(),
            block_number: transaction.block_number,
            block_hash: transaction.block_hash.map(crate::own_bytes32),
        }))
    }

    /// Whether any node has a transaction in a block.
    pub async fn is_mined_anywhere(&self, tx_hash: Bytes32) -> Result<bool, ChainError> {
        let tx_hash = crate::b256(tx_hash);
        let answers = self
            .most(|endpoint| async move {
                endpoint.ask(async { endpoint.provider().get_transaction_by_hash(tx_hash).await }).await
            })
            .await?;
        Ok(answers.iter().any(|(_, found)| found.as_ref().is_some_and(|found| found.block_number.is_some())))
    }

    /// What became of a transaction; `None` while it is in no block. All nodes must say the same of one that is in a
    /// final block; of one that is not, the first that has it is believed.
    pub async fn receipt(&self, tx_hash: Bytes32) -> Result<Option<Receipt>, ChainError> {
        let hash = crate::b256(tx_hash);
        let ask = |endpoint: Endpoint| async move {
            endpoint.ask(async { endpoint.provider().get_transaction_receipt(hash).await }).await
        };
        let mut answers = self.most(&ask).await?;
        let what = format!("what became of transaction {tx_hash}");
        if disagreement(&what, &answers, told).is_some() {
            let last_final = self.finalized().await?.map(|block| block.number);
            // Nodes behind one address are not all at the same block: they are asked once more.
            answers = self.most(&ask).await?;
            let first = answers.iter().filter_map(|(_, answer)| answer.as_ref()?.block_number).min();
            if let Some(first) = first.filter(|block| Some(*block) <= last_final) {
                answers = but_for_those_behind(answers, first).await?;
                if let Some(error) = disagreement(&what, &answers, told) {
                    return Err(error);
                }
            }
        }
        Ok(answers.into_iter().find_map(|(_, answer)| answer))
    }
}

impl Estimates {
    fn least(self) -> Result<u64, ChainError> {
        match (self.least, self.refusal) {
            (Some(gas), _) => Ok(gas),
            (None, Some((_, refusal))) => Err(refusal),
            (None, None) => Err(ChainError::Unavailable("no node says how much gas a call takes".into())),
        }
    }
}

/// Answers without those of nodes that know nothing of a transaction and have not come as far as its block: one that is
/// far behind most does not keep that block from being final.
async fn but_for_those_behind(
    answers: Vec<(Endpoint, Option<Receipt>)>,
    block: u64,
) -> Result<Vec<(Endpoint, Option<Receipt>)>, ChainError> {
    let mut left = Vec::with_capacity(answers.len());
    for (endpoint, answer) in answers {
        if answer.is_some() || endpoint.head().await?.number >= block {
            left.push((endpoint, answer));
        }
    }
    Ok(left)
}

/// The block, whether it went through, and what was logged.
fn told(receipt: &Option<Receipt>) -> Option<String> {
    let Some(receipt) = receipt else { return Some("no block has it".into()) };
    let block = receipt.block_hash.unwrap_or_default();
    let outcome = if receipt.status() { "went through" } else { "was reverted" };
    Some(format!("it {outcome} in block {block} with {}", in_words(receipt.logs())))
}
