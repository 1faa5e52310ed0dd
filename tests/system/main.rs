//! Black-box tests of the real binary: its HTTP API, its command line, and what is left after the
//! machine under it has failed. They know the API's documents and nothing of the code.
//!
//! `./dev test` starts the Postgres and the NATS they need and says where these are; without that
//! they fail. Every test has a database of its own and a stream name of its own in NATS. The ones
//! that stop a server start one for themselves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed; helpers count as tests here")]

mod bad_holds;
mod bad_input;
mod bad_invoices;
mod bad_payments;
mod bad_session_holds;
mod bad_sessions;
mod bad_signatures;
mod batches;
mod billing_clock;
mod billing_crash;
mod billing_parked;
mod billing_replay;
mod chain_away;
mod chain_endpoints;
mod chain_give_up;
mod chain_reorg;
mod chain_reorg_owner;
mod chain_restated;
mod chain_restored;
mod chain_three_nodes;
mod charge_proof;
mod charging;
mod closed_output;
mod collecting;
mod concurrency;
mod contention;
mod contract;
mod credit_notes;
mod customer_billing;
mod demo_billing;
mod exact_payments;
mod facilitator;
mod faults;
mod gateway_again;
mod gateway_clients;
mod gateway_headers;
mod gateway_keys;
mod gateway_limits;
mod gateway_models;
mod gateway_paying;
mod gateway_prices;
mod gateway_upstreams;
mod gateway_vouchers;
mod hold_batches;
mod hold_expiry;
mod hold_keys;
mod hold_quotas;
mod hold_races;
mod hold_reads;
mod holds;
mod invoice_documents;
mod invoice_explain;
mod invoices;
mod key_rotation;
mod models;
mod payments;
mod payouts;
mod plans;
mod postgres_faults;
mod read_models;
mod reconciliation;
mod routes;
mod session_batches;
mod session_holds;
mod session_reads;
mod sessions;
mod settlement;
mod settlement_crash;
mod settlement_edges;
mod settlement_scale;
mod settler_fees;
mod settler_nonce;
mod simulate;
mod subscriptions;
mod support;
mod tamper;
mod test_clocks;
mod vouchers_refused;
mod webhooks;
mod write_faults;
