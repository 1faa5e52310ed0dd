//! Reading back what a run left behind, payer by payer, from each place that keeps it: the log itself,
//! the read models, the journal, and the account or session key that decides.
//!
//! A session key has a customer of its own, so what a place says of that customer it says of the key.

use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt};
use rust_decimal::Decimal;
use serde::Deserialize;
use tokio::time::Instant;

use super::client::{Client, Position};
use super::enrol::Enrolled;
use super::plan::{Plan, Way, World};
use super::transport::CallError;

/// How many payers of a place are read at a time.
const PARALLEL: usize = 8;
/// The filter that every list of this module takes.
const CUSTOMER: &str = "customer_id";

/// What a place says about one payer. A place that does not keep a figure has `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many charges.
    pub requests: Option<u64>,
    /// What they come to, in the payer's currency.
    pub charged: Decimal,
    /// Tokens given to the model.
    pub input_tokens: Option<Decimal>,
    /// Tokens the model gave back.
    pub output_tokens: Option<Decimal>,
}

/// The figures, or why there are none.
pub type Reading = Result<Figures, ReadError>;

/// Why a place has no figures for a payer.
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
    /// The statements.
    Statement,
    /// The risk read model.
    Risk,
    /// The double-entry journal.
    Journal,
    /// The account, or the session key, that admits charges.
    Account,
}

impl Place {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [Self::Ledger, Self::Quota, Self::Statement, Self::Risk, Self::Journal, Self::Account];

    /// The name in the table.
    pub const fn name(self, world: World) -> &'static str {
        match (self, world) {
            (Self::Ledger, _) => "ledger",
            (Self::Quota, _) => "quota",
            (Self::Statement, _) => "statement",
            (Self::Risk, _) => "risk",
            (Self::Journal, _) => "journal",
            (Self::Account, World::Customers) => "account",
            (Self::Account, World::Sessions) => "session key",
        }
    }
}

/// What a place says about all payers.
#[derive(Debug)]
pub struct Kept {
    /// The place.
    pub place: Place,
    /// When it first answered as of the position asked for, from the beginning of reading; `None` when
    /// it did not.
    pub caught_up: Option<Duration>,
    /// By payer.
    pub readings: Vec<Reading>,
}

/// Reads all places at once, as of `at`.
pub async fn read_all(client: &Client, plan: &Plan, payers: &[Enrolled], at: Position) -> Vec<Kept> {
    let reader = Reader { client, at, way: plan.way, meters: World::ALL.map(|world| plan.meters(world)) };
    join_all(Place::ALL.map(|place| reader.read_place(place, payers))).await
}

struct Reader<'a> {
    client: &'a Client,
    at: Position,
    way: Way,
    /// By world.
    meters: [[String; 2]; 2],
}

impl Reader<'_> {
    /// The first payer shows when the place has caught up. If it never does, the others are not
    /// asked, for each of them would wait as long again.
    async fn read_place(&self, place: Place, payers: &[Enrolled]) -> Kept {
        let begun = Instant::now();
        let mut readings = Vec::with_capacity(payers.len());
        if let Some(first) = payers.first() {
            readings.push(self.read(place, first).await);
        }
        let answered = !matches!(readings.first(), Some(Err(ReadError::Call(_))));
        let caught_up = answered.then(|| begun.elapsed());
        let unavailable = ReadError::is_unavailable;
        if readings.first().is_some_and(|first| first.as_ref().is_err_and(unavailable)) {
            readings.resize_with(payers.len(), || Err(ReadError::NotAsked));
        } else {
            let rest = stream::iter(payers.iter().skip(1)).map(|payer| self.read(place, payer)).buffered(PARALLEL);
            readings.extend(rest.collect::<Vec<_>>().await);
        }
        Kept { place, caught_up, readings }
    }

    async fn read(&self, place: Place, payer: &Enrolled) -> Reading {
        match place {
            Place::Ledger => self.ledger(payer).await,
            Place::Quota => self.quota(payer).await,
            Place::Statement => self.statement(payer).await,
            Place::Risk => self.risk(&payer.id).await,
            Place::Journal => self.journal(payer).await,
            Place::Account => self.account(payer).await,
        }
    }

    fn tokens(&self, payer: &Enrolled) -> Tokens<'_> {
        Tokens { meters: &self.meters[payer.world() as usize], sums: [Decimal::ZERO; 2] }
    }

    /// Adds up the log: every `charged`, or through the gateway `captured`, of the customer's account or of the
    /// session key.
    async fn ledger(&self, payer: &Enrolled) -> Reading {
        #[derive(Deserialize)]
        struct Event {
            category: String,
            r#type: String,
            payload: Payload,
        }
        #[derive(Deserialize)]
        struct Payload {
            amount: Option<Decimal>,
            /// What a capture charges.
            charge: Option<Box<Self>>,
        }
        let (whose, id, wanted) = match &payer.session {
            None => (CUSTOMER, payer.id.as_str(), "account"),
            Some(session) => ("session_key_id", session.id.as_str(), "session_key"),
        };
        let event_type = self.way.event_type();
        let filters = [(whose, id), ("category", wanted), ("type", event_type)];
        let (mut requests, mut charged, mut without_amount) = (0, Decimal::ZERO, 0);
        let fold = |event: Event| {
            if event.category == wanted && event.r#type == event_type {
                requests += 1;
                match event.payload.charge.map_or(event.payload.amount, |charge| charge.amount) {
                    Some(amount) => charged += amount,
                    None => without_amount += 1,
                }
            }
        };
        self.client.each("events", &filters, "after", self.at, fold).await?;
        if without_amount > 0 {
            let text = format!("{without_amount} {event_type} events have no amount");
            return Err(ReadError::Inconsistent(text));
        }
        Ok(Figures { requests: Some(requests), charged, ..Figures::default() })
    }

    /// The customer's whole is the sum of its account and its session keys.
    async fn quota(&self, payer: &Enrolled) -> Reading {
        #[derive(Default, Deserialize)]
        struct Sums {
            charged: Decimal,
        }
        #[derive(Deserialize)]
        struct Quota {
            charged: Decimal,
            #[serde(default)]
            session_keys: Sums,
            meters: Vec<Meter>,
        }
        #[derive(Deserialize)]
        struct Meter {
            meter: String,
            used_total: Decimal,
        }
        let mut charged = Decimal::ZERO;
        let mut tokens = self.tokens(payer);
        let fold = |quota: Quota| {
            charged += quota.charged + quota.session_keys.charged;
            for Meter { meter, used_total } in quota.meters {
                tokens.add(&meter, used_total);
            }
        };
        self.list("quotas", &payer.id, fold).await?;
        Ok(tokens.figures(None, charged))
    }

    /// Adds up the statements of all months, each of which must be the sum of its lines.
    async fn statement(&self, payer: &Enrolled) -> Reading {
        #[derive(Deserialize)]
        struct Statement {
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
        let mut tokens = self.tokens(payer);
        let mut wrong = None;
        let fold = |statement: Statement| {
            let lines: Decimal = statement.lines.iter().map(|line| line.amount).sum();
            if lines != statement.total {
                wrong = Some(format!("{}: the total is {}, its lines sum to {lines}", statement.id, statement.total));
            }
            requests += statement.charges;
            charged += statement.total;
            for line in statement.lines {
                if let (Some(meter), Some(quantity)) = (line.meter, line.quantity) {
                    tokens.add(&meter, quantity);
                }
            }
        };
        self.list("statements", &payer.id, fold).await?;
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

    /// The journal keeps the balance of the credits, or of the escrow; what is gone from it was charged.
    async fn journal(&self, payer: &Enrolled) -> Reading {
        #[derive(Deserialize)]
        struct Balance {
            account: String,
            balance: Decimal,
        }
        let purse = match payer.world() {
            World::Customers => "credits",
            World::Sessions => "escrow",
        };
        let account = format!("customer:{}:{purse}", payer.id);
        let mut left = None;
        let fold = |row: Balance| {
            if row.account == account {
                left = Some(row.balance);
            }
        };
        self.list("balances", &payer.id, fold).await?;
        match left {
            Some(left) => Ok(charged(payer.granted - left)),
            None => Err(ReadError::Inconsistent(format!("no balance of {account}"))),
        }
    }

    async fn account(&self, payer: &Enrolled) -> Reading {
        match &payer.session {
            None => {
                let account = self.client.account(&payer.id, self.at).await?;
                Ok(charged(payer.granted - account.credits))
            }
            Some(session) => Ok(charged(self.client.session_key(&session.id, self.at).await?.charged)),
        }
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

fn charged(charged: Decimal) -> Figures {
    Figures { charged, ..Figures::default() }
}

/// Tokens by meter: input, output.
struct Tokens<'a> {
    meters: &'a [String; 2],
    sums: [Decimal; 2],
}

impl Tokens<'_> {
    fn add(&mut self, meter: &str, quantity: Decimal) {
        for (sum, code) in self.sums.iter_mut().zip(self.meters) {
            if code == meter {
                *sum += quantity;
            }
        }
    }

    fn figures(self, requests: Option<u64>, charged: Decimal) -> Figures {
        let [input_tokens, output_tokens] = self.sums;
        Figures { requests, charged, input_tokens: Some(input_tokens), output_tokens: Some(output_tokens) }
    }
}
