//! The contracts as Rust types, from the committed ABI (`contracts/artifacts`): building this needs
//! no Solidity compiler. `./dev contracts check` fails when the ABI is stale.
#![expect(missing_docs, clippy::too_many_arguments, reason = "generated; contracts/src has the words")]

use alloy::sol;

sol! {
    #[sol(rpc, all_derives)]
    SessionKeyValidator,
    "../contracts/artifacts/SessionKeyValidator.json"
}

sol! {
    #[sol(rpc, all_derives)]
    TestUSDC,
    "../contracts/artifacts/TestUSDC.json"
}
