//! A charge's proof as answers show it: the same members as [`ChargeProof`], which is what is checked.

use chain::evidence::{Side, Step};
use chain::proof::{ChargeProof, PaidIn, ProvenCharge, ProvenHead};
use domain::evm::{Address, Bytes32};
use domain::ids::ChargeId;
use domain::money::Amount;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// That a charge is one of those that a transaction paid for. `tollbook proof check` holds it against the chain.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChargeProofOut {
    /// Always `charge_proof`.
    object: String,
    /// Always 1.
    version: u32,
    /// EIP-155 id of the chain.
    chain_id: u64,
    /// The `SessionKeyValidator` that paid.
    #[schema(value_type = String)]
    contract: Address,
    /// What it paid in.
    #[schema(value_type = String)]
    token: Address,
    /// Whom it paid.
    #[schema(value_type = String)]
    payee: Address,
    /// Where it paid.
    transaction: ProofTransactionOut,
    /// What the contract calls the session that was charged.
    #[schema(value_type = String)]
    session_id: Bytes32,
    /// The charge.
    charge: ProvenChargeOut,
    /// The charge's leaf in the evidence tree.
    #[schema(value_type = String)]
    leaf: Bytes32,
    /// From there up to the root.
    path: Vec<ProofStepOut>,
    /// What the contract published with the batch.
    #[schema(value_type = String)]
    evidence_root: Bytes32,
    /// The end of the log that has the charge, as it was when the batch was planned.
    log_head: ProvenHeadOut,
}

/// A settlement's transaction, and its block.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProofTransactionOut {
    /// Its hash.
    #[schema(value_type = String)]
    hash: Bytes32,
    /// Its block's number.
    block_number: u64,
    /// Its block's hash.
    #[schema(value_type = String)]
    block_hash: Bytes32,
}

/// A charge as its leaf has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProvenChargeOut {
    /// Its id.
    #[schema(value_type = String)]
    id: ChargeId,
    /// How much.
    #[schema(value_type = String, example = "0.25")]
    amount: Amount,
    /// Charged on the session in all, after it.
    #[schema(value_type = String, example = "1.5")]
    cumulative: Amount,
    /// `amount` as a whole number of 10⁻¹²: what is hashed.
    #[schema(example = "250000000000")]
    amount_units: String,
    /// `cumulative` as a whole number of 10⁻¹²: what is hashed.
    #[schema(example = "1500000000000")]
    cumulative_units: String,
}

/// A step from a leaf up to the root.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProofStepOut {
    /// `left`: the sibling is hashed before what was come to; `right`: after it.
    #[schema(value_type = String, example = "left")]
    side: Side,
    /// The sibling.
    #[schema(value_type = String)]
    hash: Bytes32,
}

/// The end of a log as its leaf has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProvenHeadOut {
    /// The log's own name.
    #[schema(value_type = String)]
    log_id: Uuid,
    /// Which of its partitions.
    partition: u32,
    /// The last position.
    position: u64,
    /// The last link of the hash chain: what `tollbook verify` computes.
    #[schema(value_type = String)]
    chain: Bytes32,
    /// The leaf.
    #[schema(value_type = String)]
    leaf: Bytes32,
    /// From there up to the root.
    path: Vec<ProofStepOut>,
}

fn steps(path: Vec<Step>) -> Vec<ProofStepOut> {
    path.into_iter().map(|Step { side, hash }| ProofStepOut { side, hash }).collect()
}

impl From<ChargeProof> for ChargeProofOut {
    fn from(proof: ChargeProof) -> Self {
        let PaidIn { hash, block_number, block_hash } = proof.transaction;
        let ProvenCharge { id, amount, cumulative, amount_units, cumulative_units } = proof.charge;
        let ProvenHead { log_id, partition, position, chain, leaf, path } = proof.log_head;
        Self {
            object: proof.object,
            version: proof.version,
            chain_id: proof.chain_id,
            contract: proof.contract,
            token: proof.token,
            payee: proof.payee,
            transaction: ProofTransactionOut { hash, block_number, block_hash },
            session_id: proof.session_id,
            charge: ProvenChargeOut { id, amount, cumulative, amount_units, cumulative_units },
            leaf: proof.leaf,
            path: steps(proof.path),
            evidence_root: proof.evidence_root,
            log_head: ProvenHeadOut { log_id, partition, position, chain, leaf, path: steps(path) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_is_checked() {
        let hash = Bytes32([1; 32]);
        let step = Step { side: Side::Right, hash };
        let amount: Amount = "0.25".parse().unwrap();
        let units = chain::proof::units(amount);
        let proof = ChargeProof {
            object: chain::proof::OBJECT.to_owned(),
            version: chain::proof::VERSION,
            chain_id: 31_337,
            contract: Address([2; 20]),
            token: Address([3; 20]),
            payee: Address([4; 20]),
            transaction: PaidIn { hash, block_number: 5, block_hash: hash },
            session_id: hash,
            charge: ProvenCharge {
                id: ChargeId::new(Uuid::nil()),
                amount,
                cumulative: amount,
                amount_units: units.clone(),
                cumulative_units: units,
            },
            leaf: hash,
            path: vec![step],
            evidence_root: hash,
            log_head: ProvenHead {
                log_id: Uuid::nil(),
                partition: 0,
                position: 9,
                chain: hash,
                leaf: hash,
                path: vec![step, step],
            },
        };
        let shown = serde_json::to_vec(&ChargeProofOut::from(proof.clone())).unwrap();
        assert_eq!(ChargeProof::read(&shown).unwrap(), proof);
    }
}
