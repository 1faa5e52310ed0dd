//! Who pays in a run, and what is sent for them.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Aggregate;
use domain::account::Account;
use domain::session_key::SessionKey;

use super::request::{Composer, Template};

/// Who is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payer {
    /// A customer's account, by the customer's id.
    Account(String),
    /// A session key, by its id.
    SessionKey(String),
}

impl Payer {
    /// The name of its stream in the log.
    pub fn stream(&self) -> String {
        match self {
            Self::Account(id) => format!("{}:{id}", Account::CATEGORY),
            Self::SessionKey(id) => format!("{}:{id}", SessionKey::CATEGORY),
        }
    }

    /// The meter of its currency.
    const fn meter(&self) -> &'static str {
        match self {
            Self::Account(_) => METER_USD,
            Self::SessionKey(_) => METER_USDC,
        }
    }

    /// The member of a request's body that names it.
    fn member(&self) -> String {
        match self {
            Self::Account(id) => format!(r#""customer_id":"{id}""#),
            Self::SessionKey(id) => format!(r#""session_key_id":"{id}""#),
        }
    }
}

/// The meter of customers' charges.
pub const METER_USD: &str = "bench.usd";
/// The same meter in the currency of session keys.
pub const METER_USDC: &str = "bench.usdc";

/// Everything that connections share from the first load to the last.
#[derive(Debug)]
pub struct World {
    /// Who pays, in no order.
    pub payers: Vec<Payer>,
    /// A charge by payer.
    pub charges: Vec<Template>,
    /// A hold by payer.
    pub holds: Vec<Template>,
    /// Makes all other requests.
    pub composer: Composer,
    numbers: AtomicU64,
}

impl World {
    /// With the requests that stay the same for a payer.
    pub fn new(payers: Vec<Payer>, composer: Composer) -> Self {
        let charges = payers.iter().map(|payer| composer.charge(&payer.member(), payer.meter())).collect();
        let holds = payers.iter().map(|payer| composer.hold(&payer.member())).collect();
        Self { payers, charges, holds, composer, numbers: AtomicU64::new(0) }
    }

    /// A number that no other request of the run has.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The first payer that has an account, or the first that is a session key.
    pub fn first(&self, session_key: bool) -> Option<usize> {
        self.payers.iter().position(|payer| matches!(payer, Payer::SessionKey(_)) == session_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payers_are_named_as_the_log_and_the_api_name_them() {
        let composer = Composer::new(&"http://a:1".parse().unwrap(), "k".parse().unwrap(), "r".to_owned());
        let payers = vec![Payer::SessionKey("ses_1".to_owned()), Payer::Account("cus_1".to_owned())];
        let world = World::new(payers, composer);
        assert_eq!(world.payers[0].stream(), "session_key:ses_1");
        assert_eq!(world.payers[1].stream(), "account:cus_1");
        assert_eq!((world.first(true), world.first(false)), (Some(0), Some(1)));
        assert_eq!((world.number(), world.number()), (0, 1));
        let mut request = Vec::new();
        world.charges[0].fill(0, &mut request);
        assert!(request.ends_with(br#"{"session_key_id":"ses_1","meter":"bench.usdc","quantity":"100"}"#));
    }
}
