//! The owners of session keys: the test wallets of a local chain. Like any wallet they do not sign what
//! they are shown, but what they asked for: it is made again from the terms, and must be the same.

use chain::networks::Network;
use chain::settler::SettlerKey;
use chain::typed::{self, Authorization};
use chain::{Client, deploy};
use domain::evm::{Address, Bytes32, HexBytes};
use domain::money::{Amount, Currency};
use domain::session_key::{Custody, Terms};

use super::session_api::{DrawnUp, NewSessionKey};
use super::wallet::SigningError;

/// Test owners, as many as a local chain has.
#[derive(Debug)]
pub struct Owners(Vec<SettlerKey>);

/// Why there is nobody to pay.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// The chain has owners of its own, whose keys are not ours.
    #[error("session keys can be simulated on a local chain only: this one is {0}")]
    NotLocal(&'static str),
    /// Nobody is left.
    #[error("the local chain has no test owners")]
    Nobody,
    /// What all sessions of an owner need is more than it has.
    #[error(
        "the test owner {owner} has {has} USDC and would need {needs}: start the local chain anew, or make fewer or smaller session keys"
    )]
    TooPoor {
        /// Who.
        owner: Address,
        /// So much.
        has: Amount,
        /// So much more or less.
        needs: Amount,
    },
    /// The chain does not answer.
    #[error(transparent)]
    Chain(#[from] chain::ChainError),
}

/// Why an owner does not sign.
#[derive(Debug, thiserror::Error)]
pub enum RefusedToSign {
    /// What is to be signed is not what was asked for.
    #[error("what the owner is to sign is not what was asked for: {0}")]
    NotAsAsked(&'static str),
    /// It tried.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// What an owner signed.
#[derive(Debug)]
pub struct Signed {
    /// The session it is for.
    pub terms: Terms,
    /// Until when it is good, in unix seconds.
    pub valid_before: u64,
    /// The signature.
    pub signature: HexBytes,
}

impl Owners {
    /// The test owners of this chain, if it is a local one and they have enough for these limits, dealt out
    /// to them in turn.
    pub async fn find(chain: &Client, limits: &[Amount]) -> Result<Self, OwnerError> {
        let network = &chain.settings().network;
        if !network.is_local {
            return Err(OwnerError::NotLocal(network.name));
        }
        let owners = Self(deploy::local_owner_keys());
        if owners.0.is_empty() {
            return Err(OwnerError::Nobody);
        }
        for (index, key) in owners.0.iter().enumerate() {
            let own = limits.iter().skip(index).step_by(owners.0.len());
            let needs = own.fold(Amount::ZERO, |sum, limit| sum.plus(*limit));
            let (owner, has) = (key.address(), chain.balance(key.address()).await?);
            if has < needs {
                return Err(OwnerError::TooPoor { owner, has, needs });
            }
        }
        Ok(owners)
    }

    /// The owner of a session.
    pub fn of(&self, session: usize) -> &SettlerKey {
        &self.0[session % self.0.len()]
    }
}

/// Signs the authorization that registers a session and puts its whole limit into it.
pub fn sign_opening(
    owner: &SettlerKey,
    chain: &chain::Settings,
    asked: &NewSessionKey<'_>,
    drawn_up: &DrawnUp,
) -> Result<Signed, RefusedToSign> {
    let terms = terms(chain, asked, drawn_up)?;
    let open = drawn_up.typed_data.open.as_ref().ok_or(RefusedToSign::NotAsAsked("there is no authorization"))?;
    let valid_before = open["message"]["validBefore"].as_str().and_then(|digits| digits.parse().ok());
    let valid_before = valid_before.ok_or(RefusedToSign::NotAsAsked("it has no end"))?;
    let authorization = Authorization { opens: true, amount: asked.limit, index: 0, valid_after: 0, valid_before };
    let expected = typed::digest(&typed::authorization(&terms, &chain.network, &authorization));
    let digest = typed::digest(open).filter(|digest| Some(*digest) == expected);
    let digest = digest.ok_or(RefusedToSign::NotAsAsked("the authorization pays for something else"))?;
    let signature = owner.sign_digest(digest).map_err(|e| SigningError(e.to_string()))?;
    Ok(Signed { terms, valid_before, signature })
}

/// The terms as they were asked for, with what the organization may choose: who is paid, the delays, the salt,
/// and the key when it is to hold it. They must give the very session that it names.
fn terms(chain: &chain::Settings, asked: &NewSessionKey<'_>, drawn_up: &DrawnUp) -> Result<Terms, RefusedToSign> {
    let salt: Option<Bytes32> =
        drawn_up.typed_data.grant["message"]["session"]["salt"].as_str().and_then(|text| text.parse().ok());
    let (custody, key) = match asked.key {
        Some(key) => (Custody::Client, key),
        None => (Custody::Managed, drawn_up.key),
    };
    let Network { chain_id, .. } = chain.network;
    if (drawn_up.chain.id, drawn_up.chain.contract, drawn_up.chain.token) != (chain_id, chain.contract, chain.token) {
        return Err(RefusedToSign::NotAsAsked("the server uses another chain, contract or token than is set here"));
    }
    let terms = Terms {
        custody,
        chain_id,
        contract: chain.contract,
        token: chain.token,
        currency: Currency::USDC,
        session_id: drawn_up.session_id,
        owner: asked.owner,
        key,
        payee: drawn_up.payee,
        limit: asked.limit,
        period_limit: Amount::ZERO,
        period_secs: 0,
        valid_after: drawn_up.valid_after,
        valid_until: asked.valid_until,
        settle_grace_secs: drawn_up.settle_grace_secs,
        withdraw_delay_secs: drawn_up.withdraw_delay_secs,
        salt: salt.ok_or(RefusedToSign::NotAsAsked("the session has no salt"))?,
    };
    if typed::session_id(&terms) != terms.session_id {
        return Err(RefusedToSign::NotAsAsked("the session has other terms"));
    }
    Ok(terms)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use chain::networks::NETWORKS;
    use serde_json::json;

    use crate::simulate::client::Position;
    use crate::simulate::session_api::{OnWhichChain, TypedData};

    /// Terms of a session, with its right id.
    pub fn terms(network: &Network) -> Terms {
        let mut terms = Terms {
            custody: Custody::Client,
            chain_id: network.chain_id,
            contract: Address([1; 20]),
            token: Address([2; 20]),
            currency: Currency::USDC,
            session_id: Bytes32([0; 32]),
            owner: deploy::local_owner_keys()[0].address(),
            key: Address([4; 20]),
            payee: Address([5; 20]),
            limit: "3".parse().unwrap(),
            period_limit: Amount::ZERO,
            period_secs: 0,
            valid_after: "2026-01-01T00:00:00Z".parse().unwrap(),
            valid_until: "2026-01-08T00:00:00Z".parse().unwrap(),
            settle_grace_secs: 86_400,
            withdraw_delay_secs: 900,
            salt: Bytes32([6; 32]),
        };
        terms.session_id = typed::session_id(&terms);
        terms
    }

    fn asked(terms: &Terms) -> NewSessionKey<'static> {
        NewSessionKey {
            customer_id: "cus_1",
            owner: terms.owner,
            key: Some(terms.key),
            limit: terms.limit,
            valid_until: terms.valid_until,
        }
    }

    /// What a server shows that means these terms and this authorization.
    fn drawn_up(terms: &Terms, network: &Network, amount: &str) -> DrawnUp {
        let valid_before = terms.valid_until.timestamp().unsigned_abs();
        let amount = amount.parse().unwrap();
        let authorization = Authorization { opens: true, amount, index: 0, valid_after: 0, valid_before };
        DrawnUp {
            id: "ses_1".to_owned(),
            session_id: terms.session_id,
            key: terms.key,
            payee: terms.payee,
            chain: OnWhichChain { id: terms.chain_id, contract: terms.contract, token: terms.token },
            valid_after: terms.valid_after,
            settle_grace_secs: terms.settle_grace_secs,
            withdraw_delay_secs: terms.withdraw_delay_secs,
            typed_data: TypedData {
                grant: typed::grant(terms),
                open: Some(typed::authorization(terms, network, &authorization)),
            },
            position: Position::try_from("0:1".to_owned()).unwrap(),
        }
    }

    fn settings(terms: &Terms, network: Network) -> chain::Settings {
        let Terms { contract, token, .. } = *terms;
        chain::Settings { rpc_urls: Vec::new(), network, contract, token, finality: network.finality }
    }

    #[test]
    fn an_owner_signs_what_it_asked_for() {
        let network = NETWORKS[0];
        let terms = terms(&network);
        let owner = &deploy::local_owner_keys()[0];
        let shown = drawn_up(&terms, &network, "3");
        let signed = sign_opening(owner, &settings(&terms, network), &asked(&terms), &shown).unwrap();
        assert_eq!(signed.terms, terms);
        assert_eq!(signed.valid_before, 1_767_830_400);
        let digest = typed::digest(shown.typed_data.open.as_ref().unwrap()).unwrap();
        let compact = chain::voucher::parse_signature(&signed.signature).unwrap();
        assert_eq!(chain::voucher::signer(digest, compact), Ok(owner.address()));
    }

    #[test]
    fn an_owner_signs_nothing_else() {
        let network = NETWORKS[0];
        let terms = terms(&network);
        let owner = &deploy::local_owner_keys()[0];
        let refused = |shown: &DrawnUp| {
            let signed = sign_opening(owner, &settings(&terms, network), &asked(&terms), shown);
            assert!(matches!(signed, Err(RefusedToSign::NotAsAsked(_))), "{signed:?}");
        };
        refused(&drawn_up(&terms, &network, "4"));
        let longer = Terms { valid_until: "2027-01-01T00:00:00Z".parse().unwrap(), ..terms.clone() };
        refused(&drawn_up(&Terms { session_id: typed::session_id(&longer), ..longer }, &network, "3"));
        let mut shown = drawn_up(&terms, &network, "3");
        shown.payee = Address([9; 20]);
        refused(&shown);
        let mut shown = drawn_up(&terms, &network, "3");
        shown.chain.contract = Address([9; 20]);
        refused(&shown);
        let mut shown = drawn_up(&terms, &network, "3");
        shown.typed_data.open.as_mut().unwrap()["message"]["to"] = json!(Address([9; 20]));
        refused(&shown);
        shown.typed_data.open = None;
        refused(&shown);
    }
}
