//! The chains we know, with what must be true of them. Another chain is described by settings.

use domain::evm::Address;
use serde::Serialize;

/// When a block can no longer go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finality {
    /// The node's `finalized` block says so.
    Finalized,
    /// So many blocks lie on top of it.
    Confirmations(u64),
}

/// A chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// EIP-155 id.
    pub chain_id: u64,
    /// As people call it.
    pub name: &'static str,
    /// The token that session keys pay in; `None` where a test token is deployed.
    pub usdc: Option<&'static str>,
    /// The token's name in its EIP-712 domain; what `name()` gives, and not the same everywhere.
    pub usdc_name: &'static str,
    /// The token's version in its EIP-712 domain.
    pub usdc_version: &'static str,
    /// See [`Finality`].
    pub finality: Finality,
    /// The shortest withdraw delay that leaves time to claim, in seconds.
    pub withdraw_delay_min_secs: u32,
    /// The most that a transaction may offer for a unit of gas unless the settings say otherwise, in gwei: far above
    /// what is usual, against a node that asks for the moon.
    pub max_fee_gwei: u64,
    /// Whether money here is play money and keys are known to all.
    pub is_local: bool,
}

/// Every chain we know. USDC addresses are those that Circle publishes for its native token.
pub const NETWORKS: [Network; 5] = [
    Network {
        chain_id: 31_337,
        name: "local",
        usdc: None,
        usdc_name: "USD Coin",
        usdc_version: "2",
        finality: Finality::Finalized,
        withdraw_delay_min_secs: 900,
        max_fee_gwei: 1_000,
        is_local: true,
    },
    Network {
        chain_id: 8_453,
        name: "base",
        usdc: Some("0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"),
        usdc_name: "USD Coin",
        usdc_version: "2",
        finality: Finality::Finalized,
        withdraw_delay_min_secs: 7_200,
        max_fee_gwei: 100,
        is_local: false,
    },
    Network {
        chain_id: 84_532,
        name: "base-sepolia",
        usdc: Some("0x036cbd53842c5426634e7929541ec2318f3dcf7e"),
        usdc_name: "USDC",
        usdc_version: "2",
        finality: Finality::Finalized,
        withdraw_delay_min_secs: 7_200,
        max_fee_gwei: 100,
        is_local: false,
    },
    Network {
        chain_id: 137,
        name: "polygon",
        usdc: Some("0x3c499c542cef5e3811e1192ce70d8cc03d5c3359"),
        usdc_name: "USD Coin",
        usdc_version: "2",
        finality: Finality::Finalized,
        withdraw_delay_min_secs: 3_600,
        max_fee_gwei: 5_000,
        is_local: false,
    },
    Network {
        chain_id: 80_002,
        name: "polygon-amoy",
        usdc: Some("0x41e94eb019c0762f9bfcf9fb1e58725bfb0e7582"),
        usdc_name: "USDC",
        usdc_version: "2",
        finality: Finality::Finalized,
        withdraw_delay_min_secs: 3_600,
        max_fee_gwei: 5_000,
        is_local: false,
    },
];

impl Network {
    /// The chain with this name or id.
    pub fn find(text: &str) -> Option<&'static Self> {
        NETWORKS.iter().find(|network| network.name == text || network.chain_id.to_string() == text)
    }

    /// The token's address, where it is known.
    pub fn usdc(&self) -> Option<Address> {
        self.usdc.and_then(|text| text.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_address_is_one() {
        for network in NETWORKS {
            assert_eq!(network.usdc.is_some(), network.usdc().is_some(), "{}", network.name);
            assert_eq!(network.is_local, network.usdc.is_none());
            assert_eq!(Network::find(network.name).map(|found| found.chain_id), Some(network.chain_id));
        }
    }
}
