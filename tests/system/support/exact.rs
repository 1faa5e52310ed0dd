//! Exact payments as their payers make them: a transfer, signed for one request and shown with it.

use std::fs;

use chain::eip3009::{self, Authorization, Signed};
use chain::networks::Network;
use chain::settler::SettlerKey;
use domain::evm::Address;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::anvil::{Anvil, Deployed};
use super::gateway::{PAYMENT, encoded, payment};
use super::{Answer, Api, Site, TestApp, until};

/// Gives an installation a key that sends exact payments, with coin for gas. Gives its address.
pub async fn take_exact(site: &mut Site, anvil: &Anvil) -> String {
    let (address, secret) = chain::voucher::generate().unwrap();
    let file = |name: &str| site.dir.join(name).display().to_string();
    let (url, settler, exact, out) = (anvil.url(), file("settler.key"), file("exact.key"), file("chain.env"));
    fs::write(&exact, secret.to_string()).unwrap();
    let args = [
        &["chain", "deploy", "--local", "--rpc-url", &url, "--out", &out][..],
        &["--settler-key-file", &settler, "--exact-key-file", &exact],
    ]
    .concat();
    site.tollbook(&args, &[]).await.expect_code(0);
    site.set("TOLLBOOK_EXACT_KEY_FILE", exact);
    address.to_string()
}

/// Waits until the settler has begun: after that nothing is written by itself.
pub async fn begun(app: &TestApp) {
    until("the settler has begun", async || {
        let begun = sqlx::query_scalar("select count(*) from events where stream_id like 'settler:%'");
        let count: i64 = begun.fetch_one(&app.site.pool()).await.unwrap();
        (count > 0).then_some(())
    })
    .await;
}

/// A payer without anything.
pub fn stranger() -> SettlerKey {
    let (_, secret) = chain::voucher::generate().unwrap();
    SettlerKey::from_hex(&secret.to_string()).unwrap()
}

/// A transfer that its payer signs.
#[derive(Clone)]
pub struct Transfer {
    pub payer: SettlerKey,
    pub token: Address,
    pub authorization: Authorization,
}

impl Transfer {
    /// To the payee, good for ten minutes.
    pub fn new(deployed: &Deployed, payer: &SettlerKey, value: u128) -> Self {
        let now = eventstore::clock::now().timestamp().unsigned_abs();
        let (_, nonce) = chain::voucher::generate().unwrap();
        let authorization = Authorization {
            from: payer.address(),
            to: deployed.payee.parse().unwrap(),
            value,
            valid_after: now - 600,
            valid_before: now + 600,
            nonce,
        };
        Self { payer: payer.clone(), token: deployed.usdc.parse().unwrap(), authorization }
    }

    /// Changed before it is signed.
    pub fn with(mut self, change: impl FnOnce(&mut Authorization)) -> Self {
        change(&mut self.authorization);
        self
    }

    fn signature(&self) -> String {
        let network = Network::find("local").unwrap();
        let digest = eip3009::digest(network, self.token, &self.authorization);
        self.payer.sign_digest(digest).unwrap().to_string()
    }

    /// As x402 has it.
    pub fn payload(&self) -> Value {
        let Authorization { from, to, value, valid_after, valid_before, nonce } = self.authorization;
        json!({ "signature": self.signature(), "authorization": {
            "from": from, "to": to, "value": value.to_string(), "validAfter": valid_after.to_string(),
            "validBefore": valid_before.to_string(), "nonce": nonce,
        } })
    }

    /// The call that makes the transfer, whoever sends it.
    pub fn call(&self) -> String {
        let network = Network::find("local").unwrap();
        let signature = self.signature().parse().unwrap();
        let signed = Signed::read(network, self.token, &self.authorization, &signature);
        assert!(matches!(signed, Signed::Key(_)), "the payer's own signature");
        eip3009::calldata(&self.authorization, &signed).to_string()
    }
}

/// A request that is paid for with a transfer.
pub fn with_transfer(request: RequestBuilder, offer: &Value, transfer: &Transfer) -> RequestBuilder {
    request.header(PAYMENT, encoded(&payment(offer, &transfer.payload())))
}

/// A GET of this path, paid for with a transfer.
pub async fn get_exact(gate: &Api, path: &str, offer: &Value, transfer: &Transfer) -> Answer {
    try_get_exact(gate, path, offer, transfer).await.unwrap()
}

/// An error when there was no answer.
pub async fn try_get_exact(
    gate: &Api,
    path: &str,
    offer: &Value,
    transfer: &Transfer,
) -> Result<Answer, reqwest::Error> {
    let key = transfer.authorization.nonce.to_string();
    let request = gate.anonymous(Method::GET, path).header("idempotency-key", key);
    Answer::of(with_transfer(request, offer, transfer)).await
}
