//! How Tollbook speaks with a chain: what is signed, what is called, what is read.
//!
//! The tour: [`bindings`] come from the committed ABI; [`typed`] is what owners sign (EIP-712),
//! [`voucher`] what session keys sign, [`eip3009`] what payers of single transfers sign; [`calls`] makes the calls;
//! [`evidence`] the Merkle tree that goes on chain with a settlement, [`proof`] what follows from it for one charge.
//! [`networks`] are the chains we know, [`client`] talks to a node and [`facts`] reads what the contract says;
//! [`deploy`] puts it there. No state: what happened stands in the log.

pub mod bindings;
pub mod calls;
pub mod client;
pub mod deploy;
pub mod eip3009;
pub mod evidence;
pub mod facts;
pub mod networks;
pub mod proof;
pub mod settler;
pub mod typed;
pub mod voucher;

pub use client::{ChainError, Client, Settings};

use alloy::primitives::{Address as AlloyAddress, B256};
use domain::evm::{Address, Bytes32};

/// An address of the domain as alloy has it.
pub const fn address(address: Address) -> AlloyAddress {
    AlloyAddress::new(address.0)
}

/// 32 bytes of the domain as alloy has them.
pub const fn b256(bytes: Bytes32) -> B256 {
    B256::new(bytes.0)
}

/// An address as the domain has it.
pub fn own_address(address: AlloyAddress) -> Address {
    Address(address.into_array())
}

/// 32 bytes as the domain has them.
pub const fn own_bytes32(bytes: B256) -> Bytes32 {
    Bytes32(bytes.0)
}
