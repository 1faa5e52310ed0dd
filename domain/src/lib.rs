//! The rules of Tollbook, pure: no async, no clock, no randomness, no I/O.
//!
//! The tour: [`ids`] and [`money`] are the values everything is made of; [`envelope`] is what
//! surrounds every event; [`aggregate`] is the shape of a decision. Then one file for each
//! aggregate: [`organization`], [`api_key`], [`gateway_key`], [`customer`], [`account`], [`session_key`],
//! [`settlement`], [`settler`], [`exact_payment`], [`chain_watch`], [`reconciliation`]; what an organization sells through the gateway is in [`route`] and
//! [`model_price`]. Billing: [`price`], [`plan`], [`subscription`], [`invoice`], [`series`], [`tax`], [`payment`],
//! [`connector`], [`webhook`], [`payout`], [`test_clock`], and [`billing`], which says what follows from what. [`event`] joins their
//! events into one type for whoever reads the whole log, and [`postings`] says what each of them
//! means in double entry.

pub mod account;
pub mod aggregate;
pub mod api_key;
pub mod billing;
pub mod chain_watch;
pub mod charge;
pub mod connector;
pub mod customer;
pub mod cycle;
pub mod envelope;
pub mod event;
pub mod evm;
pub mod exact_payment;
pub mod gateway_key;
#[cfg(test)]
mod golden;
pub mod hold;
pub mod ids;
pub mod invoice;
pub mod meter;
pub mod model_price;
pub mod money;
pub mod organization;
pub mod payment;
pub mod payout;
pub mod period;
pub mod plan;
pub mod postings;
pub mod price;
pub mod reconciliation;
pub mod route;
pub mod series;
pub mod session_key;
pub mod settlement;
pub mod settler;
pub mod subscription;
pub mod tax;
pub mod test_clock;
pub mod webhook;

pub use aggregate::{Aggregate, DecodeError, EventPayload, IndexEntry};
pub use envelope::{NewEvent, RecordedEvent, StreamId, Timestamp};
pub use event::{Decoded, LedgerEvent};
