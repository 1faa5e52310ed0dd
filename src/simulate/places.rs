//! Reading back what a run left behind, customer by customer, from each place that keeps it: the log
//! itself, the read models, the journal, and the account that decides.

use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt};
use rust_decimal::Decimal;
use serde::Deserialize;
use tokio::time::Instant;

use super::client::{Client, Position};
use super::load::Enrolled;
use super::plan::Plan;
use super::transport::CallError;

/// How many customers of a place are read at a time.
const PARALLEL: usize = 8;
/// The filter that every list of this module takes.
const CUSTOMER: &str = "customer_id";

/// What a place says about one customer. A place that does not keep a figure has `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many charges.
    pub requests: Option<u64>,
    /// What they come to, in USD.
    pub charged: Decimal,
    /// Tokens given to the model.
    pub input_tokens: Option<Decimal>,
    /// Tokens the model gave back.
    pub output_tokens: Option<Decimal>,
}

/// The figures, or why there are none.
pub type Reading = Result<Figures, ReadError>;

/// Why a place has no figures for a customer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It contradicts itself.
    #[error("{0}")]
    Inconsistent(String),
    /// The place had failed before, and was not asked again.
    #[error("not asked after the first failure")]
    NotAsked,
}

/// Who keeps figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The log of events.
    Ledger,
    /// The quota read model.
    Quota,
    /// The invoices.
    Invoice,
    /// The risk read model.
    Risk,
    /// The double-entry journal.
    Journal,
    /// The account that admits charges.
    Account,
}

impl Place {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [Self::Ledger, Self::Quota, Self::Invoice, Self::Risk, Self::Journal, Self::Account];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Quota => "quota",
            Self::Invoice => "invoice",
            Self::Risk => "risk",
            Self::Journal => "journal",
            Self::Account => "account",
        }
    }
}

/// What a place says about all customers.
#[derive(Debug)]
pub struct Kept {
    /// The place.
    pub place: Place,
    /// When it first answered as of the position asked for, from the beginning of reading; `None` when
    /// it did not.
    pub caught_up: Option<Duration>,
    /// By customer.
    pub readings: Vec<Reading>,
}

/// Reads all places at once, as of `at`.
pub async fn read_all(client: &Client, plan: &Plan, customers: &[Enrolled], at: Position) -> Vec<Kept> {
    let reader = Reader { client, at, meters: [plan.input_meter(), plan.output_meter()] };
    join_all(Place::ALL.map(|place| reader.read_place(place, customers))).await
}

struct Reader<'a> {
    client: &'a Client,
    at: Position,
    meters: [String; 2],
}

impl Reader<'_> {
    /// The first customer shows when the place has caught up. If it never does, the others are not
    /// asked, for each of them would wait as long again.
    async fn read_place(&self, place: Place, customers: &[Enrolled]) -> Kept {
        let begun = Instant::now();
        let mut readings = Vec::with_capacity(customers.len());
        if let Some(first) = customers.first() {
            readings.push(self.read(place, first).await);
        }
        let answered = !matches!(readings.first(), Some(Err(ReadError::Call(_))));
        let caught_up = answered.then(|| begun.elapsed());
        let unavailable = ReadError::is_unavailable;
        if readings.first().is_some_and(|first| first.as_ref().is_err_and(unavailable)) {
            readings.resize_with(customers.len(), || Err(ReadError::NotAsked));
        } else {
            let rest =
                stream::iter(customers.iter().skip(1)).map(|customer| self.read(place, customer)).buffered(PARALLEL);
            readings.extend(rest.collect::<Vec<_>>().await);
        }
        Kept { place, caught_up, readings }
    }

    async fn read(&self, place: Place, customer: &Enrolled) -> Reading {
        match place {
            Place::Ledger => self.ledger(&customer.id).await,
            Place::Quota => self.quota(&customer.id).await,
            Place::Invoice => self.invoice(&customer.id).await,
            Place::Risk => self.risk(&customer.id).await,
            Place::Journal => self.journal(customer).await,
            Place::Account => self.account(customer).await,
        }
    }

    /// Adds up the log: every `account.charged` of the customer.
    async fn ledger(&self, id: &str) -> Reading {
        #[derive(Deserialize)]
        struct Event {
            category: String,
            r#type: String,
            payload: Payload,
        }
        #[derive(Deserialize)]
        struct Payload {
            amount: Option<Decimal>,
        }
        let filters = [(CUSTOMER, id), ("category", "account"), ("type", "charged")];
        let (mut requests, mut charged, mut without_amount) = (0, Decimal::ZERO, 0);
        let fold = |event: Event| {
            if event.category == "account" && event.r#type == "charged" {
                requests += 1;
                match event.payload.amount {
                    Some(amount) => charged += amount,
                    None => without_amount += 1,
                }
            }
        };
        self.client.each("events", &filters, "after", self.at, fold).await?;
        if without_amount > 0 {
            let text = format!("{without_amount} charged events have no amount");
            return Err(ReadError::Inconsistent(text));
        }
        Ok(Figures { requests: Some(requests), charged, ..Figures::default() })
    }

    async fn quota(&self, id: &str) -> Reading {
        #[derive(Deserialize)]
        struct Quota {
            charged: Decimal,
            meters: Vec<Meter>,
        }
        #[derive(Deserialize)]
        struct Meter {
            meter: String,
            used_total: Decimal,
        }
        let mut charged = Decimal::ZERO;
        let mut tokens = Tokens::default();
        let fold = |quota: Quota| {
            charged += quota.charged;
            for Meter { meter, used_total } in quota.meters {
                tokens.add(&self.meters, &meter, used_total);
            }
        };
        self.list("quotas", id, fold).await?;
        Ok(tokens.figures(None, charged))
    }

    /// Adds up the invoices of all months, each of which must be the sum of its lines.
    async fn invoice(&self, id: &str) -> Reading {
        #[derive(Deserialize)]
        struct Invoice {
            id: String,
            total: Decimal,
            charges: u64,
            lines: Vec<Line>,
        }
        #[derive(Deserialize)]
        struct Line {
            meter: Option<String>,
            quantity: Option<Decimal>,
            amount: Decimal,
        }
        let (mut requests, mut charged) = (0, Decimal::ZERO);
        let mut tokens = Tokens::default();
        let mut wrong = None;
        let fold = |invoice: Invoice| {
            let lines: Decimal = invoice.lines.iter().map(|line| line.amount).sum();
            if lines != invoice.total {
                wrong = Some(format!("{}: the total is {}, its lines sum to {lines}", invoice.id, invoice.total));
            }
            requests += invoice.charges;
            charged += invoice.total;
            for line in invoice.lines {
                if let (Some(meter), Some(quantity)) = (line.meter, line.quantity) {
                    tokens.add(&self.meters, &meter, quantity);
                }
            }
        };
        self.list("invoices", id, fold).await?;
        match wrong {
            Some(text) => Err(ReadError::Inconsistent(text)),
            None => Ok(tokens.figures(Some(requests), charged)),
        }
    }

    async fn risk(&self, id: &str) -> Reading {
        #[derive(Deserialize)]
        struct Risk {
            charges: u64,
            charged: Decimal,
        }
        let (mut requests, mut charged) = (0, Decimal::ZERO);
        let fold = |risk: Risk| {
            requests += risk.charges;
            charged += risk.charged;
        };
        self.list("risk", id, fold).await?;
        Ok(Figures { requests: Some(requests), charged, ..Figures::default() })
    }

    /// The journal keeps the balance of the credits; what is gone from it was charged.
    async fn journal(&self, customer: &Enrolled) -> Reading {
        #[derive(Deserialize)]
        struct Balance {
            account: String,
            balance: Decimal,
        }
        let credits = format!("customer:{}:credits", customer.id);
        let mut left = None;
        let fold = |row: Balance| {
            if row.account == credits {
                left = Some(row.balance);
            }
        };
        self.list("balances", &customer.id, fold).await?;
        match left {
            Some(left) => Ok(spent(customer, left)),
            None => Err(ReadError::Inconsistent(format!("no balance of {credits}"))),
        }
    }

    async fn account(&self, customer: &Enrolled) -> Reading {
        let account = self.client.account(&customer.id, self.at).await?;
        Ok(spent(customer, account.credits))
    }

    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        list: &str,
        customer_id: &str,
        fold: impl FnMut(T),
    ) -> Result<(), CallError> {
        let filters = [(CUSTOMER, customer_id)];
        self.client.each(list, &filters, "cursor", self.at, fold).await
    }
}

impl ReadError {
    fn is_unavailable(&self) -> bool {
        matches!(self, Self::Call(CallError::Unavailable { .. }))
    }
}

fn spent(customer: &Enrolled, left: Decimal) -> Figures {
    Figures { charged: customer.granted - left, ..Figures::default() }
}

/// Tokens by meter: input, output.
#[derive(Default)]
struct Tokens([Decimal; 2]);

impl Tokens {
    fn add(&mut self, meters: &[String; 2], meter: &str, quantity: Decimal) {
        for (sum, code) in self.0.iter_mut().zip(meters) {
            if code == meter {
                *sum += quantity;
            }
        }
    }

    fn figures(self, requests: Option<u64>, charged: Decimal) -> Figures {
        let [input_tokens, output_tokens] = self.0;
        Figures { requests, charged, input_tokens: Some(input_tokens), output_tokens: Some(output_tokens) }
    }
}
