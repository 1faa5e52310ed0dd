//! The part of the HTTP API that every run uses, with types. What runs with session keys use besides is
//! in [`super::session_api`], what runs through the gateway do in [`super::gateway_api`].

use domain::evm::CompactSignature;
use reqwest::Method;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::target::Target;
use super::transport::{Answer, Call, CallError, Transport};

/// The page size, as large as the API allows.
const PAGE: &str = "100";

/// A place in the log, `partition:position`. An organization lives in one partition, so the positions
/// of one run can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Position {
    partition: u32,
    position: u64,
}

impl TryFrom<String> for Position {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parse = || {
            let (partition, position) = text.split_once(':')?;
            Some(Self { partition: partition.parse().ok()?, position: position.parse().ok()? })
        };
        parse().ok_or_else(|| format!("{text:?} is not a position like 0:1234"))
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.partition, self.position)
    }
}

/// The organization the API key belongs to.
#[derive(Debug, Deserialize)]
pub struct Organization {
    /// Its id, `org_…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it settles, if it has rules of its own.
    #[serde(default)]
    pub settlement_rules: Option<SettlementRules>,
}

/// When settlements are opened.
#[derive(Debug, Deserialize)]
pub struct SettlementRules {
    /// When this much is unsettled for a payee, in USDC.
    pub threshold: Decimal,
}

/// What every command's answer has.
#[derive(Debug, Deserialize)]
pub struct Done {
    /// Where it is in the log.
    pub position: Position,
}

/// A customer that was made.
#[derive(Debug, Deserialize)]
pub struct NewCustomer {
    /// The customer's id, `cus_…`.
    pub id: String,
    /// Where it is in the log.
    pub position: Position,
}

/// A customer's money, as the next charge will find it.
#[derive(Debug, Deserialize)]
pub struct Account {
    /// What is left of the credits, in the account's currency.
    pub credits: Decimal,
}

#[derive(Deserialize)]
struct CustomerState {
    account: Account,
}

/// A charge that was accepted.
#[derive(Debug, Deserialize)]
pub struct Charge {
    /// What was charged, in the payer's currency.
    pub amount: Decimal,
    /// Where it is in the log; the gateway does not say.
    #[serde(default)]
    pub position: Option<Position>,
}

/// Who is charged.
#[derive(Debug, Clone, Copy)]
pub enum Payer<'a> {
    /// A customer's account.
    Customer(&'a str),
    /// A session key, by its id `ses_…`; in self custody with a voucher.
    Session(&'a str, Option<&'a SignedVoucher>),
}

/// A promise of the client's key: so much may be claimed of its session, in all.
#[derive(Debug, Serialize)]
pub struct SignedVoucher {
    /// Cumulative, in atomic units, as digits.
    pub max_claimable: String,
    /// Of the session's key.
    pub signature: CompactSignature,
}

/// One line of a charge: so much of a meter.
#[derive(Debug, Serialize)]
pub struct Usage<'a> {
    /// The meter's code.
    pub meter: &'a str,
    /// How much of it.
    pub quantity: Decimal,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// The client.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// Makes a client that keeps up to `connections` connections open.
    pub fn new(target: &Target, connections: usize) -> Result<Self, CallError> {
        let transport = Transport::new(target, connections)?;
        Ok(Self { transport })
    }

    /// Attempts so far that had to be repeated, over all calls.
    pub fn retries(&self) -> u64 {
        self.transport.retries()
    }

    /// Counts a call that is repeated with another body.
    pub fn count_retry(&self) {
        self.transport.count_retry();
    }

    /// Asks once who the key belongs to, so that a wrong address is told at once.
    pub async fn organization(&self) -> Result<Organization, CallError> {
        self.transport.send_once(&get(&["organization"], &[])).await
    }

    /// Sets what a token costs on a meter.
    pub async fn put_meter(
        &self,
        key: &str,
        code: &str,
        unit_price: Decimal,
        currency: &str,
    ) -> Result<Answer<Done>, CallError> {
        let body = serde_json::json!({
            "unit": "token", "unit_price": unit_price, "currency": currency,
        });
        self.write(Method::PUT, &["meters", code], key, &body).await
    }

    /// Makes a customer.
    pub async fn create_customer(
        &self,
        key: &str,
        external_id: &str,
        currency: &str,
    ) -> Result<Answer<NewCustomer>, CallError> {
        let body = serde_json::json!({ "external_id": external_id, "currency": currency });
        self.write(Method::POST, &["customers"], key, &body).await
    }

    /// Gives a customer credits, in USD.
    pub async fn grant_credits(
        &self,
        key: &str,
        customer_id: &str,
        amount: Decimal,
    ) -> Result<Answer<Done>, CallError> {
        let body = serde_json::json!({ "amount": amount, "currency": "USD" });
        let path = ["customers", customer_id, "credits"];
        self.write(Method::POST, &path, key, &body).await
    }

    /// Charges a payer for what it used.
    pub async fn charge(&self, key: &str, payer: Payer<'_>, usage: &[Usage<'_>]) -> Result<Answer<Charge>, CallError> {
        #[derive(Default, Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            customer_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            session_key_id: Option<&'a str>,
            usage: &'a [Usage<'a>],
            #[serde(skip_serializing_if = "Option::is_none")]
            voucher: Option<&'a SignedVoucher>,
        }
        let body = match payer {
            Payer::Customer(id) => Body { customer_id: Some(id), usage, ..Body::default() },
            Payer::Session(id, voucher) => Body { session_key_id: Some(id), usage, voucher, ..Body::default() },
        };
        self.write(Method::POST, &["charges"], key, &body).await
    }

    /// A customer's account, as of `at` or later.
    pub async fn account(&self, customer_id: &str, at: Position) -> Result<Account, CallError> {
        let state: CustomerState = self.read(&["customers", customer_id], at).await?;
        Ok(state.account)
    }

    /// One thing, as of `at` or later.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &[&str], at: Position) -> Result<T, CallError> {
        let at = at.to_string();
        Ok(self.transport.send(&get(path, &[("min_position", at.as_str())])).await?.value)
    }

    /// The first page of a list, as it is now.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CallError> {
        Ok(self.transport.send(&get(path, query)).await?.value)
    }

    /// Hands every item of a list to `take`, page by page, as of `at` or later. `cursor` is
    /// the parameter that takes a page's `next_cursor`.
    pub async fn each<T: DeserializeOwned>(
        &self,
        list: &str,
        filters: &[(&str, &str)],
        cursor: &str,
        at: Position,
        mut take: impl FnMut(T),
    ) -> Result<(), CallError> {
        let at = at.to_string();
        let mut next: Option<String> = None;
        loop {
            let mut query = vec![("limit", PAGE), ("min_position", at.as_str())];
            query.extend_from_slice(filters);
            query.extend(next.as_deref().map(|next| (cursor, next)));
            let page: Page<T> = self.transport.send(&get(&[list], &query)).await?.value;
            page.data.into_iter().for_each(&mut take);
            if !page.has_more {
                return Ok(());
            }
            // Without this a server that repeats a cursor would be asked for ever.
            if page.next_cursor.is_none() || page.next_cursor == next {
                let message = format!("/v1/{list} has more, but its next_cursor does not go on");
                return Err(CallError::Unexpected(message));
            }
            next = page.next_cursor;
        }
    }

    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        key: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, CallError> {
        let body = serde_json::to_vec(body).map_err(|error| CallError::Impossible(error.to_string()))?;
        let call = Call { method, path, query: &[], key: Some(key), body: Some(body) };
        self.transport.send(&call).await
    }

    /// Takes something away.
    pub(super) async fn delete(&self, path: &[&str], key: &str) -> Result<(), CallError> {
        let call = Call { method: Method::DELETE, path, query: &[], key: Some(key), body: None };
        self.transport.send::<serde::de::IgnoredAny>(&call).await.map(drop)
    }
}

fn get<'a>(path: &'a [&'a str], query: &'a [(&'a str, &'a str)]) -> Call<'a> {
    Call { method: Method::GET, path, query, key: None, body: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_compared_and_written() {
        let position = |text: &str| Position::try_from(text.to_owned());
        assert_eq!(position("3:1234").unwrap().to_string(), "3:1234");
        assert!(position("0:9").unwrap() < position("0:10").unwrap());
        for bad in ["", "12", "0:", "0:-1", "a:1"] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }
}
