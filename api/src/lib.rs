//! The HTTP interfaces: commands write, queries read.
//!
//! The tour: [`app`] has the one list of routes; [`problem`] is how everything that goes wrong is
//! told; [`extract`] takes requests apart and checks them; [`auth`] says who asks. [`command`] and
//! [`query`] have a file for each noun; [`health`] is for those who operate it, [`openapi`] for
//! those who write clients.

pub mod app;
pub mod auth;
pub mod command;
pub mod extract;
pub mod health;
pub mod money;
pub mod openapi;
pub mod organizations;
pub mod problem;
pub mod query;

pub use app::{App, Settings, router};
