//! The client's side of x402: reading what a gateway asks for, and paying it with a voucher.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::evm::Address;
use domain::session_key::Terms;
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::SignedVoucher;

const VERSION: u64 = 2;
const PAYMENT_REQUIRED: &str = "payment-required";
/// The header that pays.
pub const PAYMENT_SIGNATURE: &str = "payment-signature";
/// What the ledger knows of a session stands here, in the offer of a corrective 402.
const STATE: &str = "state";

/// What a gateway asks for.
#[derive(Debug, Deserialize)]
pub struct Required {
    accepts: Vec<Value>,
}

impl Required {
    /// What the headers of a 402 say; `None` when it is not one of x402, or of another version.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let json = STANDARD.decode(headers.get(PAYMENT_REQUIRED)?.as_bytes()).ok()?;
        let required: Value = serde_json::from_slice(&json).ok()?;
        if required["x402Version"] != VERSION {
            return None;
        }
        serde_json::from_value(required).ok()
    }

    /// The offer that vouchers of this session pay.
    pub fn session(self, terms: &Terms) -> Option<Offer> {
        self.accepts.into_iter().map(Offer).find(|offer| offer.is_for(terms))
    }
}

/// One way to pay, as it came: it is sent back with the payment.
#[derive(Debug, Clone)]
pub struct Offer(Value);

impl Offer {
    /// Chain, contract, token and payee must be the session's: a voucher is good for nothing else.
    fn is_for(&self, terms: &Terms) -> bool {
        let address = |value: &Value| value.as_str().and_then(|text| text.parse::<Address>().ok());
        self.0["scheme"] == "session"
            && self.0["network"] == format!("eip155:{}", terms.chain_id)
            && address(&self.0["asset"]) == Some(terms.token)
            && address(&self.0["payTo"]) == Some(terms.payee)
            && address(&self.0["extra"]["verifyingContract"]) == Some(terms.contract)
    }

    /// What a voucher must say at least for the request that was refused, in atomic units. Only in a corrective 402.
    pub fn required(&self) -> Option<u128> {
        self.0["extra"][STATE]["required"].as_str()?.parse().ok()
    }

    /// The header that pays with this voucher; `None` when it cannot be one, which does not happen.
    pub fn paid_with(&self, terms: &Terms, voucher: &SignedVoucher) -> Option<HeaderValue> {
        let mut accepted = self.0.clone();
        if let Some(extra) = accepted["extra"].as_object_mut() {
            extra.remove(STATE);
        }
        let payment = json!({
            "x402Version": VERSION,
            "accepted": accepted,
            "payload": {
                "sessionId": terms.session_id, "payee": terms.payee,
                "maxClaimable": voucher.max_claimable, "signature": voucher.signature,
            },
        });
        let mut header = HeaderValue::try_from(STANDARD.encode(payment.to_string())).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::networks::NETWORKS;

    use crate::simulate::owner::tests::terms;
    use crate::simulate::wallet::VoucherKey;

    fn headers(required: &Value) -> HeaderMap {
        let value = HeaderValue::try_from(STANDARD.encode(required.to_string())).unwrap();
        HeaderMap::from_iter([("payment-required".parse().unwrap(), value)])
    }

    fn offer(terms: &Terms) -> Value {
        json!({
            "scheme": "session", "network": format!("eip155:{}", terms.chain_id), "amount": "7",
            "asset": terms.token, "payTo": terms.payee, "maxTimeoutSeconds": 600,
            "extra": {
                "name": "SessionKeyValidator", "version": "1", "verifyingContract": terms.contract,
                "state": { "required": "12" },
            },
        })
    }

    #[test]
    fn a_voucher_pays_the_offer_that_is_for_its_session() {
        let terms = terms(&NETWORKS[0]);
        let exact = json!({ "scheme": "exact", "network": "eip155:1", "amount": "7" });
        let required = json!({ "x402Version": 2, "error": "voucher_too_low", "accepts": [exact, offer(&terms)] });
        let offer = Required::read(&headers(&required)).unwrap().session(&terms).unwrap();
        assert_eq!(offer.required(), Some(12));

        let (_, key) = VoucherKey::generate().unwrap();
        let voucher = key.promise(&terms, 12).unwrap();
        let header = offer.paid_with(&terms, &voucher).unwrap();
        let payment: Value = serde_json::from_slice(&STANDARD.decode(header.as_bytes()).unwrap()).unwrap();
        assert_eq!((&payment["x402Version"], &payment["payload"]["maxClaimable"]), (&json!(2), &json!("12")));
        assert_eq!(payment["payload"]["sessionId"], json!(terms.session_id));
        assert_eq!((&payment["accepted"]["amount"], payment["accepted"]["extra"].get("state")), (&json!("7"), None));
    }

    #[test]
    fn nothing_else_is_paid() {
        let terms = terms(&NETWORKS[0]);
        let session = |change: fn(&mut Value)| {
            let mut offer = offer(&terms);
            change(&mut offer);
            let required = json!({ "x402Version": 2, "error": "", "accepts": [offer] });
            Required::read(&headers(&required)).unwrap().session(&terms)
        };
        assert!(session(|_| {}).is_some());
        for change in [
            |offer: &mut Value| offer["scheme"] = json!("exact"),
            |offer: &mut Value| offer["network"] = json!("eip155:1"),
            |offer: &mut Value| offer["payTo"] = json!(Address([9; 20])),
            |offer: &mut Value| offer["asset"] = json!("nonsense"),
            |offer: &mut Value| offer["extra"]["verifyingContract"] = json!(Address([9; 20])),
        ] {
            assert!(session(change).is_none());
        }
        assert!(Required::read(&HeaderMap::new()).is_none());
        assert!(Required::read(&headers(&json!({ "x402Version": 1, "accepts": [] }))).is_none());
        assert!(Required::read(&headers(&json!([]))).is_none());
    }
}
