//! Who pays for a request: the owner of a gateway key, or whoever signed the payment that came with it.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue, header};
use chain::voucher::{self, VoucherError};
use domain::account::Account;
use domain::evm::Bytes32;
use domain::gateway_key::KeyPayer;
use domain::ids::{CustomerId, OrganizationId, SessionKeyId};
use domain::money::{Amount, Currency};
use domain::session_key::{Custody, INDEX_CHAIN_SESSION, SessionKey, StoredVoucher};
use eventstore::clock;
use lru::LruCache;

use super::headers::bearer;
use super::money::Purse;
use super::resolve::Place;
use super::x402::{PAYMENT_SIGNATURE, Refusal, SessionPayload, Version, X_PAYMENT};
use crate::App;
use crate::auth::{GATEWAY_SECRET_PREFIX, GatewayPrincipal, SECRET_PREFIX};
use crate::command::customers::account_stream;
use crate::command::holds::Payer;
use crate::command::vouchers::{self, SignedBy};
use crate::problem::Problem;

/// Accounts and sessions that are kept.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(100_000).expect("more than zero");

/// What a request brings to pay with.
#[derive(Debug, PartialEq)]
pub(super) struct Presented {
    /// The secret of a gateway key.
    pub(super) secret: Option<String>,
    /// A payment header.
    pub(super) payment: Option<(Version, HeaderValue)>,
    /// Whether there is an `Authorization` that is no gateway key.
    pub(super) has_other_authorization: bool,
}

/// Reads what a request brings: at most one of all.
pub(super) fn presented(headers: &HeaderMap) -> Result<Presented, Problem> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = authorizations.next();
    let secret = authorization.and_then(bearer);
    if secret.is_some_and(|secret| secret.starts_with(SECRET_PREFIX)) {
        let detail = "this is a server's API key: send a gateway key, Authorization: Bearer tbk_…";
        return Err(Problem::unauthenticated(detail));
    }
    let secret = secret.filter(|secret| secret.starts_with(GATEWAY_SECRET_PREFIX));
    let versions = [(Version::V2, PAYMENT_SIGNATURE), (Version::V1, X_PAYMENT)];
    let mut payments = versions
        .into_iter()
        .flat_map(|(version, name)| headers.get_all(name).iter().map(move |value| (version, value.clone())));
    let payment = payments.next();
    let ways = usize::from(secret.is_some()) + usize::from(payment.is_some()) + payments.count();
    if ways > 1 || (secret.is_some() && authorizations.next().is_some()) {
        let detail = "send one payment header, or one gateway key, and not both";
        return Err(Problem::new(400, "ambiguous_payment", detail));
    }
    Ok(Presented {
        secret: secret.map(str::to_owned),
        payment,
        has_other_authorization: authorization.is_some() && secret.is_none(),
    })
}

/// Whose gateway key this is; 401 when it opens nothing.
pub(super) async fn key(app: &App, secret: &str) -> Result<GatewayPrincipal, Problem> {
    let found = app.directory.gateway_key(secret).await?;
    found
        .filter(|key| !key.has_expired(clock::now()))
        .ok_or_else(|| Problem::unauthenticated("this gateway key is unknown, has expired or was revoked"))
}

/// Where a session of the chain is in the ledger.
#[derive(Debug, Clone, Copy)]
struct Located {
    organization_id: OrganizationId,
    partition: i32,
    session_key_id: SessionKeyId,
}

/// Why a session does not pay.
#[derive(Debug)]
pub(super) enum NotPaid {
    /// Its voucher is not one.
    Refused(Refusal),
    /// Its voucher is by a key that was replaced; who has that key learns where the session stands.
    Replaced(Refusal, Box<SessionKey>),
    /// Nobody knows now.
    Problem(Problem),
}

impl From<Refusal> for NotPaid {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Problem> for NotPaid {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Nobody whom the session knows has signed.
pub(super) fn wrong_signer() -> Refusal {
    let detail = "the voucher is not signed by the session's key for this payee, chain and contract";
    Refusal::new("voucher_wrong_signer", detail)
}

/// A key has signed that was replaced.
pub(super) fn replaced(state: &SessionKey) -> Refusal {
    let key = state.grant.as_ref().map_or(String::new(), |grant| format!(": it is {} now", grant.terms.key));
    Refusal::new(
        "voucher_wrong_signer",
        format!("the voucher is signed by a key that the session's owner replaced{key}"),
    )
}

/// Finds payers, and keeps of them what never changes.
pub(super) struct Payers {
    currencies: Mutex<LruCache<CustomerId, Currency>>,
    sessions: Mutex<LruCache<Bytes32, Located>>,
}

impl Payers {
    /// Nothing is kept yet.
    pub(super) fn new() -> Self {
        Self { currencies: Mutex::new(LruCache::new(KEPT_MAX)), sessions: Mutex::new(LruCache::new(KEPT_MAX)) }
    }

    /// The payer behind a gateway key.
    pub(super) async fn of_key(&self, app: &App, key: &GatewayPrincipal) -> Result<Purse, Problem> {
        let (payer, currency) = match key.payer {
            KeyPayer::Customer { customer_id } => (Payer::Account(customer_id), self.currency(app, customer_id).await?),
            KeyPayer::SessionKey { session_key_id } => {
                let grant = app.sessions.grant(key.organization_id, session_key_id).await?;
                (Payer::SessionKey(session_key_id), grant.terms.currency)
            }
        };
        Ok(Purse {
            organization_id: key.organization_id,
            partition: key.partition,
            payer,
            currency,
            actor: format!("gateway_key:{}", key.gateway_key_id),
            voucher: None,
            session: None,
        })
    }

    /// The session key that a voucher is for, when its key signed it.
    pub(super) async fn of_voucher(
        &self,
        app: &App,
        place: &Place,
        payload: &SessionPayload,
    ) -> Result<Purse, NotPaid> {
        let unknown = || Refusal::new("session_not_found", "the ledger knows no such session of this organization");
        let located = self.locate(app, payload.session_id).await?;
        let located = located.filter(|found| found.organization_id == place.organization_id).ok_or_else(unknown)?;
        let Located { organization_id, partition, session_key_id } = located;
        let grant = app.sessions.grant(organization_id, session_key_id).await?;
        let terms = &grant.terms;
        if payload.payee != terms.payee {
            let detail = format!("the voucher pays {}, the session pays {}", payload.payee, terms.payee);
            return Err(Refusal::new("invalid_payment_requirements", detail).into());
        }
        if terms.custody == Custody::Managed {
            let detail = "this session key is managed: it pays with a gateway key and takes no vouchers";
            return Err(Refusal::new("voucher_not_taken", detail).into());
        }
        let malformed = |why: &dyn std::fmt::Display| Refusal::new("voucher_malformed", format!("the voucher: {why}"));
        let max_claimable = Amount::from_atomic(payload.max_claimable, terms.decimals()).map_err(|e| malformed(&e))?;
        let signature = voucher::parse_signature(&payload.signature).map_err(|error| match error {
            VoucherError::HighS => Refusal::new("voucher_high_s", error.to_string()),
            error => malformed(&error),
        })?;
        let stored = StoredVoucher { max_claimable, signature };
        let currency = terms.currency;
        let (voucher, grant) = match vouchers::signed_by(app, session_key_id, grant, stored).await? {
            SignedBy::Key(voucher, grant) => (voucher, grant),
            SignedBy::FormerKey(state) => return Err(NotPaid::Replaced(replaced(&state), state)),
            SignedBy::Nobody => return Err(wrong_signer().into()),
        };
        Ok(Purse {
            organization_id,
            partition,
            payer: Payer::SessionKey(session_key_id),
            currency,
            actor: format!("session_key:{session_key_id}"),
            voucher: Some(voucher),
            session: Some(grant),
        })
    }

    /// The one currency of an account.
    async fn currency(&self, app: &App, id: CustomerId) -> Result<Currency, Problem> {
        if let Some(currency) = self.currencies.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(*currency);
        }
        let owner = app.ledger.load::<Account>(&account_stream(id)).await?.state.owner;
        let currency = owner.ok_or_else(crate::command::customers::customer_not_found)?.currency;
        self.currencies.lock().unwrap_or_else(PoisonError::into_inner).put(id, currency);
        Ok(currency)
    }

    async fn locate(&self, app: &App, session_id: Bytes32) -> Result<Option<Located>, Problem> {
        if let Some(located) = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(&session_id) {
            return Ok(Some(*located));
        }
        let Some(indexed) = app.ledger.log().lookup(INDEX_CHAIN_SESSION, &session_id.0).await? else { return Ok(None) };
        let id = indexed.stream_id.as_str().split_once(':').and_then(|(_, id)| SessionKeyId::from_str(id).ok());
        let session_key_id = id.ok_or_else(Problem::internal)?;
        let located =
            Located { organization_id: indexed.organization_id, partition: indexed.partition, session_key_id };
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).put(session_id, located);
        Ok(Some(located))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<Presented, (u16, &'static str)> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        presented(&headers).map_err(|problem| (problem.status, problem.code))
    }

    #[test]
    fn one_way_to_pay_at_a_time() {
        let nothing = read(&[]).unwrap();
        assert_eq!((nothing.secret, nothing.payment, nothing.has_other_authorization), (None, None, false));
        let key = read(&[("authorization", "bearer  tbk_1 ")]).unwrap();
        assert_eq!((key.secret.as_deref(), key.has_other_authorization), (Some("tbk_1"), false));
        let payment = read(&[("payment-signature", "e30="), ("authorization", "Basic abc")]).unwrap();
        assert_eq!(payment.payment, Some((Version::V2, HeaderValue::from_static("e30="))));
        assert!(payment.has_other_authorization);
        assert_eq!(read(&[("x-payment", "e30=")]).unwrap().payment.map(|(version, _)| version), Some(Version::V1));
        for both in [
            &[("payment-signature", "e30="), ("x-payment", "e30=")][..],
            &[("payment-signature", "e30="), ("payment-signature", "e30=")],
            &[("x-payment", "e30="), ("authorization", "Bearer tbk_1")],
            &[("authorization", "Bearer tbk_1"), ("authorization", "Bearer tbk_2")],
        ] {
            assert_eq!(read(both), Err((400, "ambiguous_payment")), "{both:?}");
        }
        assert_eq!(read(&[("authorization", "Bearer tb_1")]), Err((401, "unauthenticated")));
    }
}
