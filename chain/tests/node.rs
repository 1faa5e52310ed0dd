//! The client, the calls and what is read of them, against a real node (`TEST_EVM_RPC_URL`) and the
//! real contract: from an owner's one signature to a claim and a withdrawal request.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use alloy::sol_types::{SolCall, SolStruct};
use chain::calls::{self, Claim};
use chain::client::{ChainError, Client, Receipt, Settings};
use chain::deploy::{self, Deployed};
use chain::eip3009::{self, Signed};
use chain::facts;
use chain::networks::Network;
use chain::settler::{Draft, SettlerKey};
use chain::typed::{self, Authorization, OwnerAction};
use chain::voucher;
use domain::evm::{Address, Bytes32, HexBytes};
use domain::money::{Amount, Currency};
use domain::session_key::{Custody, Fact, Terms};

/// What a payer signs who does not want an authorization to be used, and the call that has it cancelled.
mod cancelling {
    alloy::sol! {
        struct CancelAuthorization {
            address authorizer;
            bytes32 nonce;
        }

        function cancelAuthorization(address authorizer, bytes32 nonce, bytes signature) external;
    }
}

struct World {
    client: Client,
    deployed: Deployed,
    settler: SettlerKey,
    owner: SettlerKey,
    key: [u8; 32],
}

fn rpc_url() -> String {
    std::env::var("TEST_EVM_RPC_URL").expect("TEST_EVM_RPC_URL: ./dev test sets it")
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn settings(network: Network, deployed: Deployed) -> Settings {
    let (contract, token, finality) = (deployed.contract, deployed.usdc, network.finality);
    Settings { rpc_urls: vec![rpc_url()], network, contract, token, finality }
}

async fn world() -> World {
    let (_, settler) = voucher::generate().unwrap();
    let settler = SettlerKey::from_hex(&settler.to_string()).unwrap();
    let deployed = deploy::local(&rpc_url(), settler.address()).await.unwrap();
    let again = deploy::local(&rpc_url(), settler.address()).await.unwrap();
    assert_eq!(again, deployed, "doing it again changes nothing");
    let network = *Network::find("local").unwrap();
    let settings = settings(network, deployed);
    let (_, key) = voucher::generate().unwrap();
    World {
        client: Client::new(settings).unwrap(),
        deployed,
        settler,
        owner: deploy::local_owner_keys().remove(0),
        key: key.0,
    }
}

async fn terms(world: &World) -> Terms {
    let now = world.client.head().await.unwrap().time;
    let (_, salt) = voucher::generate().unwrap();
    let mut terms = Terms {
        custody: Custody::Client,
        chain_id: 31_337,
        contract: world.deployed.contract,
        token: world.deployed.usdc,
        currency: Currency::USDC,
        session_id: Bytes32([0; 32]),
        owner: world.owner.address(),
        key: voucher::address_of(&world.key).unwrap(),
        payee: world.deployed.payee.unwrap(),
        limit: amount("5"),
        period_limit: Amount::ZERO,
        period_secs: 0,
        valid_after: now - chrono::TimeDelta::seconds(10),
        valid_until: now + chrono::TimeDelta::days(1),
        settle_grace_secs: 3_600,
        withdraw_delay_secs: 900,
        salt,
    };
    terms.session_id = typed::session_id(&terms);
    terms
}

async fn send(world: &World, calldata: &HexBytes) -> Receipt {
    send_to(world, world.deployed.contract, calldata).await
}

/// Signs, sends and waits for the receipt, as the settler's queue does.
async fn send_to(world: &World, to: Address, calldata: &HexBytes) -> Receipt {
    let (client, from) = (&world.client, world.settler.address());
    let fees = client.fees().await.unwrap();
    let draft = Draft {
        chain_id: 31_337,
        nonce: client.nonce(from).await.unwrap(),
        to,
        calldata: calldata.clone(),
        gas_limit: client.estimate_gas(from, to, calldata).await.unwrap() * 13 / 10,
        max_fee_wei: fees.max_fee_wei,
        priority_fee_wei: fees.priority_fee_wei,
    };
    let (tx_hash, raw) = world.settler.sign(&draft).unwrap();
    client.send(&raw).await.unwrap();
    client.send(&raw).await.expect("the same bytes again do no harm");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(receipt) = client.receipt(tx_hash).await.unwrap() {
            return receipt;
        }
        assert!(Instant::now() < deadline, "{tx_hash} was not mined");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn fact(receipt: &Receipt, session_id: Bytes32) -> Vec<Fact> {
    let seen = facts::read_all(receipt.logs(), 6).into_iter();
    seen.filter(|seen| seen.session_id == session_id).map(|seen| seen.fact).collect()
}

fn sign(world: &World, typed_data: &serde_json::Value) -> HexBytes {
    world.owner.sign_digest(typed::digest(typed_data).unwrap()).unwrap()
}

/// One test, so that the local chain's first account deploys once.
#[tokio::test]
async fn the_chain_as_it_is() {
    let world = world().await;
    another_chain_contract_or_token_is_noticed(world.deployed).await;
    from_one_signature_to_a_claim(&world).await;
    a_transfer_that_its_payer_authorized(&world).await;
    an_authorization_that_its_payer_cancelled(&world).await;
}

async fn a_transfer_that_its_payer_authorized(world: &World) {
    let (client, token, to) = (&world.client, world.deployed.usdc, world.deployed.payee.unwrap());
    let (network, from) = (Network::find("local").unwrap(), world.owner.address());
    let first_block = client.head().await.unwrap().number;
    let (_, nonce) = voucher::generate().unwrap();
    let authorization =
        eip3009::Authorization { from, to, value: 10_000, valid_after: 0, valid_before: u64::MAX, nonce };
    let signature = world.owner.sign_digest(eip3009::digest(network, token, &authorization)).unwrap();
    let signed = Signed::read(network, token, &authorization, &signature);
    assert!(matches!(signed, Signed::Key(_)));
    assert!(!client.has_code(from).await.unwrap());
    assert!(client.has_code(token).await.unwrap());
    assert!(!client.is_authorization_used(token, from, nonce).await.unwrap());
    assert!(!client.is_authorization_used_anywhere(token, from, nonce).await.unwrap());
    assert!(client.authorization_uses(token, from, nonce, first_block).await.unwrap().is_empty());
    let calldata = eip3009::calldata(&authorization, &signed);
    // Tokens of today take a key's signature in either form.
    for calldata in [&calldata, &eip3009::calldata(&authorization, &Signed::Account(signature))] {
        client.simulate(to, token, calldata).await.unwrap();
    }
    let before = client.balance(to).await.unwrap();
    let receipt = send_to(world, token, &calldata).await;
    assert!(receipt.status() && eip3009::is_paid(receipt.logs(), token, &authorization));
    assert_eq!(client.balance(to).await.unwrap(), before.plus(amount("0.01")));
    assert!(client.is_authorization_used(token, from, nonce).await.unwrap());
    assert!(client.is_authorization_used_anywhere(token, from, nonce).await.unwrap());
    let uses = client.authorization_uses(token, from, nonce, first_block).await.unwrap();
    assert_eq!(uses.len(), 1);
    let used = uses[0];
    assert_eq!((used.tx_hash.0, Some(used.block_number)), (receipt.transaction_hash.0, receipt.block_number));
    for (last, expected) in [(used.block_number - 1, None), (used.block_number, Some(used))] {
        let found = client.final_authorization_use(token, from, nonce, first_block, last).await.unwrap();
        assert_eq!(found, expected, "up to block {last}");
    }
    let refused = client.simulate(to, token, &calldata).await;
    let is_named = matches!(&refused, Err(ChainError::Refused { error, .. }) if error == "AuthorizationUsedOrCanceled");
    assert!(is_named, "it is good once: {refused:?}");
}

async fn an_authorization_that_its_payer_cancelled(world: &World) {
    let (client, token, from) = (&world.client, world.deployed.usdc, world.owner.address());
    let network = Network::find("local").unwrap();
    let first_block = client.head().await.unwrap().number;
    let (_, nonce) = voucher::generate().unwrap();
    let (authorizer, word) = (chain::address(from), nonce.0.into());
    let cancelled = cancelling::CancelAuthorization { authorizer, nonce: word };
    let digest = cancelled.eip712_signing_hash(&eip3009::token_domain(network, token));
    let signature = world.owner.sign_digest(digest).unwrap().0.into();
    let call = cancelling::cancelAuthorizationCall { authorizer, nonce: word, signature };
    let receipt = send_to(world, token, &HexBytes(call.abi_encode())).await;
    assert!(receipt.status() && client.is_authorization_used(token, from, nonce).await.unwrap());
    assert!(client.authorization_uses(token, from, nonce, first_block).await.unwrap().is_empty(), "it paid nobody");
    let block = receipt.block_number.unwrap();
    let found = client.final_authorization_use(token, from, nonce, first_block, block).await.unwrap().unwrap();
    assert_eq!((found.tx_hash.0, found.block_number), (receipt.transaction_hash.0, block));
}

async fn from_one_signature_to_a_claim(world: &World) {
    let client = &world.client;
    client.verify().await.unwrap();
    let terms = terms(world).await;
    assert!(!client.session(&terms).await.unwrap().registered);

    let authorization =
        Authorization { opens: true, amount: amount("5"), index: 0, valid_after: 0, valid_before: u64::MAX };
    let network = Network::find("local").unwrap();
    let signature = sign(world, &typed::authorization(&terms, network, &authorization));
    let receipt = send(world, &calls::fund(&terms, &authorization, &signature)).await;
    let facts_seen = fact(&receipt, terms.session_id);
    assert_eq!(facts_seen, [Fact::Registered { key: terms.key }, Fact::Deposited { amount: amount("5") }]);
    let on_chain = client.session(&terms).await.unwrap();
    assert_eq!((on_chain.registered, on_chain.escrow, on_chain.claimed), (true, amount("5"), Amount::ZERO));

    let from = world.settler.address();
    let refused = client.simulate(from, terms.contract, &calls::fund(&terms, &authorization, &signature)).await;
    assert!(matches!(refused, Err(ChainError::Refused { .. })), "an authorization is good once: {refused:?}");
    let grant = calls::register(&terms, &sign(world, &typed::grant(&terms)));
    let refused = client.simulate(from, terms.contract, &grant).await;
    assert!(matches!(&refused, Err(ChainError::Refused { error, .. }) if error == "SessionExists"), "{refused:?}");

    let before = client.balance(terms.payee).await.unwrap();
    let claim = |max: &str, total: &str| Claim {
        session_id: terms.session_id,
        max_claimable: amount(max),
        total_claimed: amount(total),
        signature: voucher::sign(&world.key, voucher::digest_of(&terms, amount(max))).unwrap(),
    };
    // The second claim asks for more than lies in escrow: it is skipped, the first is paid.
    let claims = [claim("3", "2.5"), claim("9", "9")];
    let receipt = send(world, &calls::settle(Bytes32([7; 32]), terms.payee, terms.token, 6, &claims)).await;
    let settled = facts::settled(receipt.logs(), terms.contract, terms.token, terms.payee, 6);
    assert_eq!((settled.settled, settled.total, settled.transferred), (1, amount("2.5"), amount("2.5")));
    assert_eq!(settled.skipped.len(), 1);
    assert_eq!(settled.skipped[0].reason, "above_escrow");
    assert_eq!(client.balance(terms.payee).await.unwrap(), before.plus(amount("2.5")));
    let block = receipt.block_number.unwrap();
    let transfers = client.transfers(terms.payee, block, block).await.unwrap();
    let ours = transfers.iter().find(|one| one.tx_hash.0 == receipt.transaction_hash.0).unwrap();
    assert_eq!(ours.amount, amount("2.5"));
    assert_eq!(client.part(terms.session_id, terms.payee, block).await.unwrap(), (amount("5"), amount("2.5")));
    assert_eq!(
        client.part_everywhere(terms.session_id, terms.payee, block).await.unwrap(),
        (amount("5"), amount("2.5"))
    );
    assert_eq!(client.part(terms.session_id, terms.payee, block - 1).await.unwrap(), (amount("5"), Amount::ZERO));

    let action = OwnerAction::RequestWithdraw { units: u128::MAX };
    let signature = sign(world, &typed::owner_action(&terms, action, 0, 4_000_000_000));
    let receipt = send(world, &calls::owner_action(&terms, action, 0, 4_000_000_000, &signature)).await;
    assert!(
        matches!(fact(&receipt, terms.session_id)[..], [Fact::WithdrawRequested { amount: None, .. }]),
        "all there is: {:?}",
        fact(&receipt, terms.session_id)
    );
    assert_eq!(client.session(&terms).await.unwrap().nonce, 1);
    let block = receipt.block_number.unwrap();
    let wanted = async |at| client.withdrawals_wanted(terms.session_id, terms.payee, at).await.unwrap();
    assert_eq!((wanted(None).await, wanted(Some(block - 1)).await), (vec![amount("5")], vec![Amount::ZERO]));
    let view = client.sessions_at(terms.session_id, None).await.unwrap()[0];
    assert_eq!((view.status, view.key, view.frozen, view.revoked), (2, terms.key, false, false));
    assert_eq!(client.sessions_at(Bytes32([7; 32]), Some(block)).await.unwrap()[0].status, 0);
    what_a_node_knows_of_a_transaction(world, &receipt).await;
    let early = client.simulate(from, terms.contract, &calls::finalize_withdraw(&terms)).await;
    assert!(matches!(&early, Err(ChainError::Refused { error, .. }) if error == "WithdrawalNotReady"), "{early:?}");
}

async fn what_a_node_knows_of_a_transaction(world: &World, receipt: &Receipt) {
    let (client, sender, block) = (&world.client, world.settler.address(), receipt.block_number.unwrap());
    let sent = client.transaction(Bytes32(receipt.transaction_hash.0)).await.unwrap().unwrap();
    assert_eq!((sent.block_number, sent.block_hash.map(|hash| hash.0)), (Some(block), receipt.block_hash.map(|b| b.0)));
    assert_eq!(client.nonce_at(sender, block).await.unwrap(), sent.nonce + 1);
    assert_eq!(client.nonce_at(sender, block - 1).await.unwrap(), sent.nonce);
    assert_eq!(client.transaction(Bytes32([7; 32])).await.unwrap(), None);
    assert!(client.gas_money(sender).await.unwrap() > 0);
    assert!(client.base_fee().await.unwrap() <= client.fees().await.unwrap().max_fee_wei);
    // A nonce that is used up: another transaction in its place comes too late.
    let draft = Draft {
        chain_id: 31_337,
        nonce: sent.nonce,
        to: world.deployed.contract,
        calldata: HexBytes(vec![1, 2, 3, 4]),
        gas_limit: 100_000,
        max_fee_wei: 100_000_000_000,
        priority_fee_wei: 1_000_000_000,
    };
    let (_, raw) = world.settler.sign(&draft).unwrap();
    assert_eq!(client.send(&raw).await, Err(ChainError::NonceTooLow));
    let (_, stranger) = voucher::generate().unwrap();
    let (_, raw) = SettlerKey::from_hex(&stranger.to_string()).unwrap().sign(&Draft { nonce: 0, ..draft }).unwrap();
    assert!(matches!(client.send(&raw).await, Err(ChainError::NoGasMoney(_))));
}

async fn another_chain_contract_or_token_is_noticed(deployed: Deployed) {
    let local = *Network::find("local").unwrap();
    let settings = settings(local, deployed);
    let base = *Network::find("base").unwrap();
    let misnamed = Network { usdc_name: "USDC", ..local };
    for wrong in [
        Settings { network: base, ..settings.clone() },
        Settings { contract: Address([9; 20]), ..settings.clone() },
        Settings { contract: deployed.usdc, ..settings.clone() },
        Settings { token: deployed.contract, ..settings.clone() },
        Settings { token: Address([9; 20]), ..settings.clone() },
        Settings { network: misnamed, ..settings.clone() },
    ] {
        let refused = Client::new(wrong.clone()).unwrap().head().await;
        assert!(matches!(refused, Err(ChainError::Mismatch(_))), "{wrong:?}: {refused:?}");
    }
    // Nothing listens there.
    let away = Settings { rpc_urls: vec!["http://127.0.0.1:9".into()], ..settings };
    assert!(matches!(Client::new(away).unwrap().head().await, Err(ChainError::Unavailable(_))));
}
