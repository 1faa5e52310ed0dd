//! The client's side of a session key in self custody: what it promises with each charge, and how it
//! signs that.
//!
//! A client knows its prices, so it knows what it will owe. With each row it promises everything up to
//! and with that row. Rows leave in order, so what came before is charged or in flight: however charges
//! overtake each other on the way, the highest voucher among those that arrived covers them all.
//!
//! Through the gateway a row in flight counts with the most that it may cost, for that is held until its answer
//! is there; then with what it did cost.

use chain::voucher;
use domain::evm::{Address, Bytes32};
use domain::money::Amount;
use domain::session_key::Terms;
use rust_decimal::Decimal;

use super::client::{Charge, Client, Payer, SignedVoucher, Usage};
use super::transport::{Answer, CallError};

/// How often a charge is sent at most, each time with a higher voucher.
const TRIES_MAX: u32 = 4;
const PAYMENT_REQUIRED: u16 = 402;

/// A key that signs vouchers. It is made for one run and never leaves this process.
pub struct VoucherKey(Bytes32);

impl std::fmt::Debug for VoucherKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VoucherKey(…)")
    }
}

/// A signature could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign: {0}")]
pub struct SigningError(pub String);

impl VoucherKey {
    /// A new one, with its address.
    pub fn generate() -> Result<(Address, Self), SigningError> {
        let (address, key) = voucher::generate().map_err(|e| SigningError(e.to_string()))?;
        Ok((address, Self(key)))
    }

    /// Promises that so many atomic units may be claimed of a session, in all.
    pub fn promise(&self, terms: &Terms, units: u128) -> Result<SignedVoucher, SigningError> {
        let digest = voucher::digest(terms.chain_id, terms.contract, terms.session_id, terms.payee, units);
        let signature = voucher::sign(&self.0.0, digest).map_err(|e| SigningError(e.to_string()))?;
        Ok(SignedVoucher { max_claimable: units.to_string(), signature })
    }
}

/// What each session key of a run owes, or may owe, for the rows that were dealt out so far.
#[derive(Debug)]
pub struct Promises(Vec<Decimal>);

impl Promises {
    /// Nobody owes anything yet.
    pub fn new(sessions: usize) -> Self {
        Self(vec![Decimal::ZERO; sessions])
    }

    /// Adds the next row of a session by the most that it may cost, and gives what must be promised with it.
    pub fn begin(&mut self, session: usize, most: Decimal) -> Decimal {
        self.0[session] += most;
        self.0[session]
    }

    /// A row was answered: it counts with what it cost from now on.
    pub fn end(&mut self, session: usize, most: Decimal, cost: Decimal) {
        self.0[session] += cost - most;
    }
}

/// An amount of USDC in atomic units, rounded up: what a voucher must say at least. `None` beyond what the
/// ledger keeps.
pub fn units_up(amount: Decimal, terms: &Terms) -> Option<u128> {
    let decimals = terms.decimals();
    Some(Amount::new(amount).ok()?.rounded_up(decimals).ok()?.atomic(decimals))
}

/// A session key of the run.
#[derive(Debug)]
pub struct Session {
    /// Its id, `ses_…`.
    pub id: String,
    /// What its owner signed.
    pub terms: Terms,
    /// The client's key; `None` when Tollbook holds it.
    pub key: Option<VoucherKey>,
    /// What all its rows may come to: the client signs nothing beyond it.
    pub owes: Decimal,
}

impl Session {
    /// What a voucher must say at least to cover this much.
    pub fn units(&self, owed: Decimal) -> Result<u128, CallError> {
        units_up(owed, &self.terms).ok_or_else(|| CallError::Impossible(format!("no voucher says {owed}")))
    }

    /// Charges it for a row after which `owed` is owed in all. The API may ask for a higher voucher than
    /// that; it gets one a few times, while that is still owed for something.
    pub async fn charge(
        &self,
        client: &Client,
        idempotency_key: &str,
        usage: &[Usage<'_>],
        owed: Decimal,
    ) -> Result<Answer<Charge>, CallError> {
        let Some(key) = &self.key else {
            return client.charge(idempotency_key, Payer::Session(&self.id, None), usage).await;
        };
        let (mut units, most) = (self.units(owed)?, self.units(self.owes)?);
        let mut tries = 1;
        loop {
            let voucher = key.promise(&self.terms, units).map_err(|e| CallError::Impossible(e.to_string()))?;
            let answer = client.charge(idempotency_key, Payer::Session(&self.id, Some(&voucher)), usage).await;
            match answer {
                Err(refused) if tries < TRIES_MAX => match higher(&refused, units, most) {
                    Some(needed) => units = needed,
                    None => return Err(refused),
                },
                answer => return answer.map(|answer| Answer { retries: answer.retries + tries - 1, ..answer }),
            }
            tries += 1;
            client.count_retry();
        }
    }
}

/// What to sign instead, when a voucher was too low and the one that is needed promises no more than is owed.
fn higher(refused: &CallError, signed: u128, most: u128) -> Option<u128> {
    let CallError::Refused { status: PAYMENT_REQUIRED, code, needed_atomic, .. } = refused else { return None };
    let about_vouchers = matches!(code.as_str(), "voucher_too_low" | "voucher_required");
    needed_atomic.map(u128::from).filter(|needed| about_vouchers && (signed + 1..=most).contains(needed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::networks::NETWORKS;
    use domain::evm::HexBytes;

    use crate::simulate::owner::tests::terms;

    fn usdc(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn vouchers_are_rounded_up_to_atomic_units() {
        let terms = terms(&NETWORKS[0]);
        let units = |text| units_up(usdc(text), &terms);
        assert_eq!(units("0.000000000001"), Some(1));
        assert_eq!(units("1.5"), Some(1_500_000));
        assert_eq!(units("1.500000000001"), Some(1_500_001));
        assert_eq!(units("1000000000000001"), None);
    }

    /// Whatever part of the first rows has arrived, in whatever order: the highest voucher among them
    /// covers what they cost.
    #[test]
    fn the_highest_voucher_covers_all_that_arrived() {
        let terms = terms(&NETWORKS[0]);
        let costs = ["0.0000017", "0.25", "0.000000000001", "1.999999", "0.0000003"].map(usdc);
        let mut promises = Promises::new(2);
        let promised = costs.map(|cost| {
            promises.begin(0, usdc("5"));
            units_up(promises.begin(1, cost), &terms).unwrap()
        });
        for arrived in 1_u32..1 << costs.len() {
            let rows = (0..costs.len()).filter(|row| arrived & (1 << row) != 0);
            let charged: Decimal = rows.clone().map(|row| costs[row]).sum();
            let highest = rows.map(|row| promised[row]).max().unwrap();
            assert!(highest >= units_up(charged, &terms).unwrap(), "{arrived:b}");
        }
        assert_eq!(promised[4], units_up(costs.iter().sum(), &terms).unwrap());
    }

    /// Rows that were answered make room for what those in flight may cost.
    #[test]
    fn what_was_answered_counts_with_what_it_cost() {
        let mut promises = Promises::new(1);
        assert_eq!(promises.begin(0, usdc("3")), usdc("3"));
        assert_eq!(promises.begin(0, usdc("2")), usdc("5"));
        promises.end(0, usdc("3"), usdc("0.5"));
        // Of the first is known what it cost; the second is still in flight.
        assert_eq!(promises.begin(0, usdc("1")), usdc("3.5"));
        promises.end(0, usdc("1"), usdc("1"));
        promises.end(0, usdc("2"), usdc("0"));
        assert_eq!(promises.begin(0, usdc("0")), usdc("1.5"));
    }

    #[test]
    fn a_voucher_is_by_the_key() {
        let terms = terms(&NETWORKS[0]);
        let (address, key) = VoucherKey::generate().unwrap();
        let signed = key.promise(&terms, 1_500_001).unwrap();
        assert_eq!(signed.max_claimable, "1500001");
        let read = voucher::parse_signature(&HexBytes(signed.signature.0.to_vec())).unwrap();
        let digest = voucher::digest_of(&terms, "1.500001".parse().unwrap());
        assert_eq!(voucher::signer(digest, read), Ok(address));
        assert!(!format!("{key:?}").contains("0x"));
    }

    #[test]
    fn a_higher_voucher_is_signed_only_for_what_is_owed() {
        let refused = |status, code: &str, needed_atomic| CallError::Refused {
            status,
            code: code.to_owned(),
            detail: String::new(),
            needed_atomic,
        };
        let asked = |needed| higher(&refused(402, "voucher_too_low", needed), 10, 20);
        assert_eq!(asked(Some(11)), Some(11));
        assert_eq!(asked(Some(20)), Some(20));
        assert_eq!((asked(Some(21)), asked(Some(10)), asked(None)), (None, None, None));
        assert_eq!(higher(&refused(402, "voucher_required", Some(11)), 10, 20), Some(11));
        assert_eq!(higher(&refused(402, "insufficient_deposit", Some(11)), 10, 20), None);
        assert_eq!(higher(&refused(409, "voucher_too_low", Some(11)), 10, 20), None);
    }
}
