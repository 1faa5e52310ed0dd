//! Tests of the log and its writer, the same for Postgres and for the memory twin.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod conformance;
mod postgres_only;
mod support;
mod writer;
