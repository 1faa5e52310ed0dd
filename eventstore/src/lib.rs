//! The log and the way into it.
//!
//! The tour: [`log`] is the port (what a log can do), [`postgres`] and [`memory`] are its two
//! implementations, which pass one conformance suite. [`ledger`] is what the rest of the program
//! talks to: it hands a command to the one [`writer`] of its partition, which decides on cached
//! aggregates ([`entity`], [`job`]) and appends in groups. [`verify`] walks the hash chain;
//! [`vault`] keeps what must not be in the log, [`answers`] what the gateway answered for a while; [`clock`] is
//! the only place that reads a clock.

pub mod answers;
pub mod clock;
pub mod entity;
pub mod error;
mod job;
pub mod ledger;
pub mod log;
pub mod memory;
pub mod postgres;
pub mod tail;
pub mod vault;
pub mod verify;
mod writer;

pub use error::StoreError;
pub use job::{CommandMeta, Executed, Recorded};
pub use ledger::{ExecuteError, Ledger};
pub use log::{Log, LogPosition};
