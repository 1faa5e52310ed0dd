//! Tests of the log and its writer, the same for Postgres and for the memory twin.

mod conformance;
mod postgres_only;
mod support;
mod writer;
