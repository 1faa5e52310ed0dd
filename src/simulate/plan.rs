//! What a run will do and what it must come to: who pays for which row, at which price, and so how
//! much each payer owes in the end. Computed from the trace alone, exactly, before anything is sent.
//!
//! Payers are customers with credits, in USD, and then session keys with a deposit, in USDC. Prices are
//! the same numbers for both.
//!
//! Through the gateway a row is a request to a model, and what it costs is known only when it was answered: until
//! then the most that it may cost is held, so credits, deposits and vouchers must reach for that.
//!
//! Everything a run creates is named after the run, and so are the idempotency keys. The same run
//! started again therefore repeats the same requests, and each of them still counts once.

use std::ops::Range;

use domain::session_key::Custody;
use rust_decimal::Decimal;

use super::prices::Prices;
use super::trace::Row;

/// The largest amount the API takes, in USD: 10^12.
const AMOUNT_MAX: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);
/// What a customer is given beyond the need, in USD, so that something is left to compare.
const SPARE: Decimal = Decimal::TEN;
/// What is deposited for a session key beyond the need, in USDC, for the same reason.
const SESSION_SPARE: Decimal = Decimal::ONE;
/// The longest name of a run: meter codes take 64 characters, and the rest of theirs is fixed.
const RUN_CHARS_MAX: usize = 40;

/// Through the gateway: the most tokens that a row may have in one column. A request and its answer stay below a
/// megabyte with it.
pub const TOKENS_MAX: u32 = 100_000;
/// How many bytes of a prompt make a token: a letter, and the space behind it. The gateway bounds tokens by bytes.
const BYTES_PER_TOKEN: u64 = 2;
/// What the gateway may reckon for the rest of a request, in tokens.
const TOKENS_BESIDE: u64 = 512;

/// Which way rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Each is charged over the API, its tokens said as usage.
    Direct,
    /// Each is a request to a model through the gateway, which finds out what it used.
    Gateway,
}

impl Way {
    /// The type of the events that charge for rows.
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Direct => "charged",
            Self::Gateway => "captured",
        }
    }
}

/// Reads the name of a run, which becomes part of meter codes and keys.
pub fn parse_run(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
    if text.is_empty() || text.len() > RUN_CHARS_MAX || !text.chars().all(allowed) {
        return Err(format!("expected 1 to {RUN_CHARS_MAX} of the characters a-z, 0-9, '_', '.' and '-'"));
    }
    Ok(text.to_owned())
}

/// Who pays, and in what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Customers with credits.
    Customers,
    /// Session keys with a deposit on chain.
    Sessions,
}

impl World {
    /// Both, in the order of payers.
    pub const ALL: [Self; 2] = [Self::Customers, Self::Sessions];

    /// The currency of its accounts and meters.
    pub const fn currency(self) -> &'static str {
        match self {
            Self::Customers => "USD",
            Self::Sessions => "USDC",
        }
    }
}

/// A payer's part of the trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many rows.
    pub requests: u64,
    /// Tokens given to the model.
    pub input_tokens: u64,
    /// Tokens the model gave back.
    pub output_tokens: u64,
}

/// Why a run cannot be as it is asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Neither customers nor session keys.
    #[error("nobody would pay: --customers may be 0 only with --sessions")]
    NobodyPays,
    /// A customer's credits would be more than the API takes in one grant.
    #[error(
        "one customer would need {needed} USD of credits, and a grant holds at most {AMOUNT_MAX}; use more customers"
    )]
    GrantTooLarge {
        /// So much.
        needed: Decimal,
    },
    /// A row would make a request that is too long.
    #[error(
        "request {number} of the trace has more than {TOKENS_MAX} tokens, too many for one through the gateway: use --direct"
    )]
    RowTooLong {
        /// Which, from 1.
        number: usize,
    },
}

/// A run, decided to the last request.
#[derive(Debug)]
pub struct Plan {
    /// The run's name.
    pub run: String,
    /// What to send, in order.
    pub rows: Vec<Row>,
    /// Which way.
    pub way: Way,
    /// What tokens cost.
    pub prices: Prices,
    /// How many of the payers are customers with credits; the rest are session keys.
    pub customers: usize,
    /// What each payer's rows come to; as many as there are payers.
    pub shares: Vec<Share>,
}

impl Plan {
    /// Deals the rows out to `customers` and `sessions` in turn.
    ///
    /// Sums stay exact: a trace has at most 10^7 rows of 10^7 tokens in each column, and a token costs
    /// at most 1 USD in steps of 10^-12, so no sum has more than 27 digits, which a `Decimal` holds.
    pub fn new(
        run: String,
        rows: Vec<Row>,
        prices: Prices,
        customers: usize,
        sessions: usize,
        way: Way,
    ) -> Result<Self, PlanError> {
        let payers = customers + sessions;
        if payers == 0 {
            return Err(PlanError::NobodyPays);
        }
        let is_too_long = |row: &Row| row.input_tokens.max(row.output_tokens) > TOKENS_MAX;
        if let Some(index) = rows.iter().position(is_too_long).filter(|_| way == Way::Gateway) {
            return Err(PlanError::RowTooLong { number: index + 1 });
        }
        let mut shares = vec![Share::default(); payers];
        for (share, row) in (0..payers).cycle().zip(&rows) {
            let share = &mut shares[share];
            share.requests += 1;
            share.input_tokens += u64::from(row.input_tokens);
            share.output_tokens += u64::from(row.output_tokens);
        }
        let plan = Self { run, rows, way, prices, customers, shares };
        let needed = (0..customers).map(|customer| plan.grant(customer)).max();
        match needed {
            Some(needed) if needed > AMOUNT_MAX => Err(PlanError::GrantTooLarge { needed }),
            _ => Ok(plan),
        }
    }

    /// The payer of a row.
    pub fn payer(&self, row: usize) -> usize {
        row % self.shares.len()
    }

    /// The payers of a world.
    pub fn payers_of(&self, world: World) -> Range<usize> {
        match world {
            World::Customers => 0..self.customers,
            World::Sessions => self.customers..self.shares.len(),
        }
    }

    /// Which world a payer belongs to.
    pub const fn world(&self, payer: usize) -> World {
        if payer < self.customers { World::Customers } else { World::Sessions }
    }

    /// Who holds the key of the session key that pays. Every other one is managed; through the gateway as many that
    /// half of all payers pay with vouchers, and the others with a bearer key.
    pub const fn custody(&self, payer: usize) -> Custody {
        let session = payer - self.customers;
        let is_managed = match self.way {
            Way::Direct => session.is_multiple_of(2),
            Way::Gateway => session >= self.shares.len().div_ceil(2),
        };
        if is_managed { Custody::Managed } else { Custody::Client }
    }

    /// What a row costs.
    pub fn cost(&self, row: &Row) -> Decimal {
        self.prices.of(row.input_tokens.into(), row.output_tokens.into())
    }

    /// What a row may cost at most, before it is known.
    pub fn most(&self, row: &Row) -> Decimal {
        let share =
            Share { requests: 1, input_tokens: row.input_tokens.into(), output_tokens: row.output_tokens.into() };
        self.most_of(&share)
    }

    fn most_of(&self, share: &Share) -> Decimal {
        let input = match self.way {
            Way::Direct => share.input_tokens,
            Way::Gateway => BYTES_PER_TOKEN * share.input_tokens + TOKENS_BESIDE * share.requests,
        };
        self.prices.of(input, share.output_tokens)
    }

    /// What a payer owes for all its rows.
    pub fn owed(&self, payer: usize) -> Decimal {
        let share = &self.shares[payer];
        self.prices.of(share.input_tokens, share.output_tokens)
    }

    /// What all its rows may cost at most, were they sent at once.
    pub fn most_owed(&self, payer: usize) -> Decimal {
        self.most_of(&self.shares[payer])
    }

    /// The credits a customer is given: what it may owe in whole USD, and some to spare.
    pub fn grant(&self, customer: usize) -> Decimal {
        self.most_owed(customer).ceil() + SPARE
    }

    /// The limit of a session key, all of which is deposited: what it may owe and some to spare, in whole USDC.
    pub fn limit(&self, payer: usize) -> Decimal {
        (self.most_owed(payer) + SESSION_SPARE).ceil()
    }

    /// The model that is asked through the gateway. It is also what its meters begin with.
    pub fn model(&self) -> String {
        format!("sim-{}", self.run)
    }

    /// The meters of a world: of the tokens given to the model, and of those it gave back.
    pub fn meters(&self, world: World) -> [String; 2] {
        let of = match (self.way, world) {
            // A model costs the same in every currency.
            (Way::Gateway, _) => return ["input", "output"].map(|tokens| format!("{}.{tokens}", self.model())),
            (Way::Direct, World::Customers) => "",
            (Way::Direct, World::Sessions) => "usdc.",
        };
        ["input_tokens", "output_tokens"].map(|tokens| format!("sim.{}.{of}{tokens}", self.run))
    }

    /// The name a customer can be found by.
    pub fn external_id(&self, payer: usize) -> String {
        format!("sim-{}-{payer}", self.run)
    }

    /// The idempotency key of one request of this run.
    pub fn key(&self, what: &str, index: usize) -> String {
        format!("sim-{}-{what}-{index}", self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn prices(input: &str, output: &str) -> Prices {
        Prices::per_million(decimal(input), decimal(output))
    }

    fn row(input_tokens: u32, output_tokens: u32) -> Row {
        Row { at_us: 0, input_tokens, output_tokens }
    }

    #[test]
    fn the_largest_trace_at_the_highest_price_is_still_exact() {
        assert_eq!(AMOUNT_MAX, decimal("1000000000000"));
        let plan = Plan {
            run: "r".to_owned(),
            rows: Vec::new(),
            way: Way::Direct,
            prices: prices("999999.999999", "999999.999999"),
            customers: 1,
            shares: vec![Share {
                requests: 10_000_000,
                input_tokens: 99_999_999_999_999,
                output_tokens: 99_999_999_999_999,
            }],
        };
        // 2 × 99999999999999 × 0.999999999999
        assert_eq!(plan.owed(0), decimal("199999999999798.000000000002"));
        let plan = Plan { way: Way::Gateway, ..plan };
        // (2 × 99999999999999 + 512 × 10000000 + 99999999999999) × 0.999999999999
        assert_eq!(plan.most_owed(0), decimal("300005119999696.994880000003"));
    }

    #[test]
    fn rows_are_dealt_out_in_turn() {
        let rows = vec![row(100, 1), row(200, 2), row(300, 4)];
        let plan = Plan::new("r".to_owned(), rows, prices("3", "15"), 2, 0, Way::Direct).unwrap();
        let first = Share { requests: 2, input_tokens: 400, output_tokens: 5 };
        assert_eq!(plan.shares[0], first);
        assert_eq!((plan.payer(0), plan.payer(1), plan.payer(2)), (0, 1, 0));
        assert_eq!(plan.owed(0), decimal("0.001275"));
        assert_eq!(plan.owed(1), decimal("0.00063"));
    }

    #[test]
    fn rows_are_dealt_out_over_customers_and_session_keys() {
        let rows = vec![row(1_000_000, 0); 7];
        let plan = Plan::new("r".to_owned(), rows, prices("2", "15"), 2, 3, Way::Direct).unwrap();
        assert_eq!((plan.payers_of(World::Customers), plan.payers_of(World::Sessions)), (0..2, 2..5));
        assert_eq!([0, 1, 2, 4].map(|payer| plan.world(payer) == World::Sessions), [false, false, true, true]);
        assert_eq!([2, 3, 4].map(|payer| plan.custody(payer)), [Custody::Managed, Custody::Client, Custody::Managed]);
        let requests: Vec<_> = plan.shares.iter().map(|share| share.requests).collect();
        assert_eq!(requests, [2, 2, 1, 1, 1]);
        assert_eq!((plan.owed(2), plan.limit(2)), (decimal("2"), decimal("3")), "whole, and one to spare");
        assert_eq!(plan.cost(&row(1, 1)), decimal("0.000017"));
        let nobody = Plan::new("r".to_owned(), vec![row(1, 1)], prices("2", "15"), 0, 0, Way::Direct);
        assert_eq!(nobody.unwrap_err(), PlanError::NobodyPays);
    }

    #[test]
    fn through_the_gateway_half_pay_with_vouchers_and_all_have_enough_for_what_is_held() {
        let rows = vec![row(1_000, 10); 8];
        let plan = |customers, sessions| {
            Plan::new("r".to_owned(), rows.clone(), prices("2", "15"), customers, sessions, Way::Gateway).unwrap()
        };
        let clients = |plan: &Plan| {
            plan.payers_of(World::Sessions).filter(|payer| plan.custody(*payer) == Custody::Client).count()
        };
        assert_eq!([plan(20, 50), plan(0, 3), plan(5, 2), plan(4, 0)].each_ref().map(clients), [35, 2, 2, 0]);
        let plan = plan(2, 2);
        assert_eq!(plan.cost(&row(1_000, 10)), decimal("0.00215"));
        assert_eq!(plan.most(&row(1_000, 10)), decimal("0.005174"));
        assert_eq!(plan.most_owed(0), decimal("0.010348"));
        assert_eq!(plan.meters(World::Customers), ["sim-r.input", "sim-r.output"]);
        let long = vec![row(1, 1), row(1, TOKENS_MAX + 1)];
        let refused = |way| Plan::new("r".to_owned(), long.clone(), prices("2", "15"), 1, 0, way).err();
        assert_eq!((refused(Way::Gateway), refused(Way::Direct)), (Some(PlanError::RowTooLong { number: 2 }), None));
    }

    #[test]
    fn credits_are_whole_and_leave_some() {
        let rows = vec![row(1_000_000, 0), row(1_000_001, 0)];
        let plan = Plan::new("r".to_owned(), rows, prices("3", "15"), 3, 0, Way::Direct).unwrap();
        assert_eq!(plan.grant(0), decimal("13"));
        assert_eq!(plan.grant(1), decimal("14"));
        assert_eq!(plan.grant(2), decimal("10"), "no rows, still something to compare");
    }

    #[test]
    fn more_credits_than_a_grant_holds_are_refused() {
        let rows = vec![row(10_000_000, 10_000_000); 50_001];
        let million = prices("1000000", "1000000");
        assert!(Plan::new("r".to_owned(), rows.clone(), million, 1, 0, Way::Direct).is_err());
        assert!(Plan::new("r".to_owned(), rows, million, 2, 0, Way::Direct).is_ok());
    }

    #[test]
    fn names_of_runs_fit_into_meter_codes() {
        let longest = "x".repeat(RUN_CHARS_MAX);
        let run = parse_run(&longest).unwrap();
        let plan = Plan::new(run, vec![row(1, 1)], prices("3", "15"), 1, 1, Way::Direct).unwrap();
        for world in World::ALL {
            assert!(plan.meters(world).iter().all(|code| code.len() <= 64));
        }
        // Of a model's name the code of its meters takes 50 characters.
        assert!(plan.model().len() <= 50);
        assert_ne!(plan.meters(World::Customers), plan.meters(World::Sessions));
        assert_eq!(plan.key("row", 7), format!("sim-{longest}-row-7"));
        for bad in ["", "A", "a b", "ä", &"x".repeat(RUN_CHARS_MAX + 1)] {
            assert!(parse_run(bad).is_err(), "{bad}");
        }
    }
}
