//! Vouchers that come with charges: taken apart, and their signer found. What one is worth, the ledger decides.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chain::voucher::{self, VoucherError};
use domain::evm::{Address, Bytes32, HexBytes};
use domain::ids::{OrganizationId, SessionKeyId};
use domain::money::{Amount, MoneyError};
use domain::session_key::command::Voucher;
use domain::session_key::{Grant, SessionKey, StoredVoucher, Terms};
use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::App;
use crate::problem::Problem;

/// Grants that are read at a time.
const GRANTS_AT_A_TIME: usize = 4;

/// How many may look for signers at once.
pub fn recoveries_max() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

/// What the client's key signed: EIP-712 `Voucher(bytes32 sessionId,address payee,uint128 maxClaimable)`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoucherIn {
    /// Cumulative over the session's life, in atomic units (1 USDC is "1000000"), as decimal digits.
    #[schema(example = "1500000")]
    pub max_claimable: String,
    /// 65 bytes (r, s, v) or 64 in the compact form of ERC-2098, with low s.
    #[schema(example = "0x…")]
    pub signature: String,
    /// For which session it was signed; compared when given.
    #[serde(default)]
    pub session_id: Option<String>,
    /// For which payee; compared when given.
    #[serde(default)]
    pub payee: Option<String>,
}

/// Why a voucher is not one.
fn refuse(status: u16, code: &'static str, field: &str, detail: impl Into<String>) -> Problem {
    Problem::new(status, code, detail).with("param", json!(format!("voucher.{field}")))
}

fn malformed(field: &str, detail: impl ToString) -> Problem {
    refuse(400, "voucher_malformed", field, format!("voucher.{field}: {}", detail.to_string()))
}

impl VoucherIn {
    /// Taken apart, for the session key of these terms; who signed it is not known yet.
    fn read(&self, terms: &Terms) -> Result<StoredVoucher, Problem> {
        self.same_session(terms)?;
        let max_claimable = self.max_claimable(terms)?;
        let bytes: HexBytes = self.signature.parse().map_err(|e| malformed("signature", e))?;
        let signature = voucher::parse_signature(&bytes).map_err(of_signature)?;
        Ok(StoredVoucher { max_claimable, signature })
    }

    fn same_session(&self, terms: &Terms) -> Result<(), Problem> {
        if let Some(text) = &self.session_id {
            let id: Bytes32 = text.parse().map_err(|e| malformed("session_id", e))?;
            if id != terms.session_id {
                let detail = format!("the voucher is for session {id}, the session key is {}", terms.session_id);
                return Err(refuse(422, "voucher_wrong_session", "session_id", detail));
            }
        }
        if let Some(text) = &self.payee {
            let payee: Address = text.parse().map_err(|e| malformed("payee", e))?;
            if payee != terms.payee {
                let detail = format!("the voucher pays {payee}, the session key pays {}", terms.payee);
                return Err(refuse(422, "voucher_wrong_payee", "payee", detail));
            }
        }
        Ok(())
    }

    fn max_claimable(&self, terms: &Terms) -> Result<Amount, Problem> {
        let digits = &self.max_claimable;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(malformed("max_claimable", "must be a whole number of atomic units"));
        }
        // More digits than fit.
        let units: u128 = digits.parse().map_err(|_| malformed("max_claimable", MoneyError::TooLarge))?;
        Amount::from_atomic(units, terms.decimals()).map_err(|e| malformed("max_claimable", e))
    }
}

/// The vouchers of several charges, one for each that has one, with the addresses that signed them. Everything
/// that takes its time is done here for all of them, so that afterwards the charges reach the ledger in order.
pub async fn read_all(
    app: &App,
    organization_id: OrganizationId,
    asked: &[Option<(SessionKeyId, &VoucherIn)>],
) -> Result<Vec<Option<Result<Voucher, Problem>>>, Problem> {
    let ids: HashSet<SessionKeyId> = asked.iter().flatten().map(|(id, _)| *id).collect();
    let grants: HashMap<SessionKeyId, Result<Arc<Grant>, Problem>> = stream::iter(ids)
        .map(|id| async move { (id, app.sessions.grant(organization_id, id).await) })
        .buffer_unordered(GRANTS_AT_A_TIME)
        .collect()
        .await;
    let mut read: Vec<Option<Result<Voucher, Problem>>> = Vec::with_capacity(asked.len());
    let (mut unknown, mut places) = (Vec::new(), Vec::new());
    for (place, one) in asked.iter().enumerate() {
        let Some((id, voucher)) = one else {
            read.push(None);
            continue;
        };
        let found = grants.get(id).cloned().unwrap_or_else(|| Err(Problem::internal()));
        let stored = found.and_then(|grant| Ok((voucher.read(&grant.terms)?, grant)));
        read.push(Some(stored.map(|(stored, grant)| {
            let known = app.sessions.signer(*id, &stored);
            if known.is_none() {
                unknown.push((grant, stored));
                places.push((place, *id));
            }
            // Without a signer for now: it is no one's until it was found.
            Voucher { stored, signer: known.unwrap_or(Address([0; 20])) }
        })));
    }
    for ((place, id), found) in places.into_iter().zip(signers(app, unknown).await?) {
        if let Ok(voucher) = &found {
            app.sessions.keep_signer(id, *voucher);
        }
        read[place] = Some(found.map_err(of_signature));
    }
    Ok(read)
}

/// Who signed one voucher that was taken apart elsewhere; the inner error says that nobody did.
async fn recover(
    app: &App,
    id: SessionKeyId,
    grant: &Arc<Grant>,
    stored: StoredVoucher,
) -> Result<Result<Voucher, VoucherError>, Problem> {
    if let Some(signer) = app.sessions.signer(id, &stored) {
        return Ok(Ok(Voucher { stored, signer }));
    }
    let found = signers(app, vec![(grant.clone(), stored)]).await?.pop().ok_or_else(Problem::internal)?;
    if let Ok(voucher) = &found {
        app.sessions.keep_signer(id, *voucher);
    }
    Ok(found)
}

/// Who signed a voucher, by what the session knows of them.
pub(crate) enum SignedBy {
    /// Its key, or the one that is about to replace it: whether that is taken now, the ledger decides.
    Key(Voucher, Arc<Grant>),
    /// A key that was replaced, which signed the voucher that is kept.
    FormerKey(Box<SessionKey>),
    /// Nobody.
    Nobody,
}

/// Who signed one voucher that was taken apart elsewhere.
pub(crate) async fn signed_by(
    app: &App,
    id: SessionKeyId,
    grant: Arc<Grant>,
    stored: StoredVoucher,
) -> Result<SignedBy, Problem> {
    let Ok(voucher) = recover(app, id, &grant, stored).await? else { return Ok(SignedBy::Nobody) };
    if voucher.signer == grant.terms.key {
        return Ok(SignedBy::Key(voucher, grant));
    }
    // The key may have been replaced since the grant was kept.
    let state = app.sessions.look_again(id).await?;
    let Some(now) = &state.grant else { return Ok(SignedBy::Nobody) };
    if voucher.signer == now.terms.key || state.rotation.as_ref().is_some_and(|next| next.key == voucher.signer) {
        return Ok(SignedBy::Key(voucher, Arc::new(now.clone())));
    }
    let is_former = state.former_until.is_some() && state.voucher_by == Some(voucher.signer);
    Ok(if is_former { SignedBy::FormerKey(Box::new(state)) } else { SignedBy::Nobody })
}

/// Who signed these: away from the threads that answer requests, for it takes the processor a while.
async fn signers(
    app: &App,
    unknown: Vec<(Arc<Grant>, StoredVoucher)>,
) -> Result<Vec<Result<Voucher, VoucherError>>, Problem> {
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let place = app.recoveries.clone().acquire_owned().await.map_err(|e| Problem::internal().caused_by(e))?;
    let work = move || {
        let _place = place;
        unknown.iter().map(|(grant, stored)| signed(&grant.terms, *stored)).collect()
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Problem::internal().caused_by(e))
}

fn signed(terms: &Terms, stored: StoredVoucher) -> Result<Voucher, VoucherError> {
    let signer = voucher::signer(voucher::digest_of(terms, stored.max_claimable), stored.signature)?;
    Ok(Voucher { stored, signer })
}

fn of_signature(error: VoucherError) -> Problem {
    match error {
        VoucherError::Malformed => malformed("signature", error),
        VoucherError::HighS => refuse(422, "voucher_high_s", "signature", error.to_string()),
        VoucherError::Unrecoverable => refuse(422, "voucher_wrong_signer", "signature", error.to_string()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::money::Currency;
    use domain::session_key::Custody;

    const KEY: [u8; 32] = [7; 32];

    /// Terms of a session key whose key is [`KEY`].
    pub(crate) fn terms() -> Terms {
        let address = |byte| Address([byte; 20]);
        let mut terms = Terms {
            custody: Custody::Client,
            chain_id: 31_337,
            contract: address(1),
            token: address(2),
            currency: Currency::USDC,
            session_id: Bytes32([0; 32]),
            owner: address(3),
            key: voucher::address_of(&KEY).unwrap(),
            payee: address(4),
            limit: "100".parse().unwrap(),
            period_limit: "5".parse().unwrap(),
            period_secs: 3_600,
            valid_after: "2026-01-01T00:00:00Z".parse().unwrap(),
            valid_until: "2026-07-01T00:00:00Z".parse().unwrap(),
            settle_grace_secs: 86_400,
            withdraw_delay_secs: 900,
            salt: Bytes32([5; 32]),
        };
        terms.session_id = chain::typed::session_id(&terms);
        terms
    }

    fn signed(terms: &Terms) -> VoucherIn {
        let signature = voucher::sign(&KEY, voucher::digest_of(terms, "1.5".parse().unwrap())).unwrap();
        VoucherIn {
            max_claimable: "1500000".to_owned(),
            signature: signature.to_string(),
            session_id: Some(terms.session_id.to_string()),
            payee: Some(terms.payee.to_string()),
        }
    }

    #[test]
    fn the_signer_is_found() {
        let terms = terms();
        let voucher = super::signed(&terms, signed(&terms).read(&terms).unwrap()).unwrap();
        assert_eq!((voucher.signer, voucher.stored.max_claimable), (terms.key, "1.5".parse().unwrap()));
        let other = VoucherIn { max_claimable: "1500001".to_owned(), ..signed(&terms) };
        let other = super::signed(&terms, other.read(&terms).unwrap());
        assert_ne!(other.map(|voucher| voucher.signer).ok(), Some(terms.key));
    }

    #[test]
    fn too_much_is_no_other_mistake() {
        let terms = terms();
        let told = |digits: &str| {
            let voucher = VoucherIn { max_claimable: digits.to_owned(), ..signed(&terms) };
            voucher.read(&terms).err().map(|problem| problem.detail)
        };
        for large in ["9".repeat(60), u128::MAX.to_string()] {
            assert_eq!(told(&large).as_deref(), Some("voucher.max_claimable: is too large"), "{large}");
        }
        let wrong = Some("voucher.max_claimable: must be a whole number of atomic units");
        for digits in ["", "1.5", "-1", "0x10"] {
            assert_eq!(told(digits).as_deref(), wrong, "{digits}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let terms = terms();
        let told = |change: &dyn Fn(&mut VoucherIn)| {
            let mut voucher = signed(&terms);
            change(&mut voucher);
            voucher.read(&terms).err().map(|problem| (problem.status, problem.code))
        };
        assert_eq!(told(&|_| {}), None);
        for wrong in ["", "1.5", "-1", " 1", "0x1", "340282366920938463463374607431768211456"] {
            assert_eq!(told(&|v| v.max_claimable = wrong.to_owned()), Some((400, "voucher_malformed")), "{wrong}");
        }
        for wrong in ["", "0x", "0x12", "zz"] {
            assert_eq!(told(&|v| v.signature = wrong.to_owned()), Some((400, "voucher_malformed")), "{wrong}");
        }
        assert_eq!(told(&|v| v.session_id = Some("0x1".to_owned())), Some((400, "voucher_malformed")));
        let other = Bytes32([9; 32]).to_string();
        assert_eq!(told(&|v| v.session_id = Some(other.clone())), Some((422, "voucher_wrong_session")));
        let other = Address([9; 20]).to_string();
        assert_eq!(told(&|v| v.payee = Some(other.clone())), Some((422, "voucher_wrong_payee")));
        // r, then an s above half of the group's order, then v.
        let high = format!("0x{}{}1b", "11".repeat(32), "f0".repeat(32));
        assert!(told(&|v| v.signature = high.clone()).is_some());
        let high = format!("0x{}7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a11b", "11".repeat(32));
        assert_eq!(told(&|v| v.signature = high.clone()), Some((422, "voucher_high_s")));
    }
}
