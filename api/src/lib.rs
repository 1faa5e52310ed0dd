//! The HTTP interfaces: commands write, queries read.
//!
//! The tour: [`app`] has the one list of routes; [`problem`] is how everything that goes wrong is
//! told; [`extract`] takes requests apart and checks them; [`auth`] says who asks. [`command`] and
//! [`query`] have a file for each noun; [`health`] is for those who operate it, [`openapi`] for
//! those who write clients. [`chains`] has what is asked of the chain, [`sessions`] what is kept of
//! session keys, [`clocks`] who lives in the time of a test clock. [`gateway`] is the reverse proxy in front of what an
//! organization sells.

pub mod app;
pub mod auth;
pub mod chains;
pub mod clocks;
pub mod command;
pub mod evm;
pub mod extract;
pub mod gateway;
pub mod health;
pub mod money;
pub mod openapi;
pub mod organizations;
pub mod problem;
pub mod query;
pub mod sessions;

pub use app::{App, Settings, router};
