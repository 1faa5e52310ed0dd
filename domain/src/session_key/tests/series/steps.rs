//! What can happen in a series, and how often. Most of it is charges, and what restricts is lifted more
//! often than it is put in force: else nearly all charges would be refused and nothing be tested.

use proptest::prelude::*;
use proptest::sample::Index;
use rust_decimal::Decimal;

use super::*;

/// Who signs what with a charge, when the client keeps the key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signed {
    Nothing,
    Needed,
    TooLow,
    AllInEscrow,
    AboveEscrow,
    ByAnother,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Charge(Amount, Signed),
    Place(Amount, Signed, u32),
    Extend(Index, Amount, Signed, Option<u32>),
    /// So many hundredths of what is held, or all.
    Capture(Index, Option<u32>, bool),
    Void(Index),
    // What an owner does on chain.
    Deposit(u128),
    Request(u128),
    CancelRequest,
    Withdraw,
    Freeze,
    Unfreeze,
    Revoke,
    // What the payee's guardian does there.
    GuardianFreeze,
    GuardianUnfreeze,
    // What the organization does.
    Ask(Action),
    /// The owner's signed freeze is to be sent; its transaction is in a block; it will never be.
    RelayFreeze,
    MineRelay,
    FailRelay,
    // What becomes of claims.
    Plan,
    Pay,
    Release,
    PaidByOthers(u128),
    /// So many of the chain's words become final.
    Finalize(usize),
    /// The chain is read again: what left no trace in the log is told once more.
    ReadAgain,
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) custody: Custody,
    /// Of each period, in atomic units; `None` without periods.
    pub(super) period_limit: Option<u128>,
    /// Whether what was earned is claimed before an owner's withdrawal is paid out.
    pub(super) in_time: bool,
    /// Step, seconds before it, and whether the chain's word is heard at first sight or only when final.
    pub(super) steps: Vec<(Step, i64, bool)>,
}

fn step(cost_scale: u32) -> impl Strategy<Value = Step> {
    let signed = prop_oneof![
        1 => Just(Signed::Nothing),
        6 => Just(Signed::Needed),
        1 => Just(Signed::TooLow),
        2 => Just(Signed::AllInEscrow),
        1 => Just(Signed::AboveEscrow),
        1 => Just(Signed::ByAnother),
    ];
    // Whole units of the token, or down to a thousandth of one.
    let finer = 10i64.pow(cost_scale - DECIMALS);
    let cost = (0i64..4_000_000, 0..finer)
        .prop_map(move |(n, rest)| Amount::new(Decimal::new(n * finer + rest, cost_scale)).unwrap());
    let some = 1u128..80_000_000;
    let ask = prop_oneof![
        2 => Just(Action::Freeze),
        20 => Just(Action::Unfreeze),
        1 => Just(Action::Revoke),
        4 => Just(Action::Expire),
        20 => Just(Action::Close),
        10 => Just(sweep()),
    ];
    let ttl_secs = || 1u32..20_000;
    let more = prop_oneof![3 => cost.clone(), 1 => Just(Amount::ZERO)];
    // Mostly parts, so that there is something left to take.
    let part = prop_oneof![1 => Just(None), 4 => (0u32..=100).prop_map(Some), 1 => (101u32..150).prop_map(Some)];
    prop_oneof![
        40 => (cost.clone(), signed.clone()).prop_map(|(cost, signed)| Step::Charge(cost, signed)),
        20 => (cost, signed.clone(), ttl_secs()).prop_map(|(cost, signed, ttl)| Step::Place(cost, signed, ttl)),
        8 => (any::<Index>(), more, signed, prop::option::of(ttl_secs()))
            .prop_map(|(which, cost, signed, ttl)| Step::Extend(which, cost, signed, ttl)),
        20 => (any::<Index>(), part, any::<bool>())
            .prop_map(|(which, part, is_final)| Step::Capture(which, part, is_final)),
        4 => any::<Index>().prop_map(Step::Void),
        8 => some.clone().prop_map(Step::Deposit),
        4 => prop_oneof![3 => some.clone(), 1 => Just(u128::MAX)].prop_map(Step::Request),
        1 => Just(Step::CancelRequest),
        5 => Just(Step::Withdraw),
        1 => Just(Step::Freeze),
        8 => Just(Step::Unfreeze),
        1 => prop::bool::weighted(0.1).prop_map(|revoke| if revoke { Step::Revoke } else { Step::Unfreeze }),
        1 => Just(Step::GuardianFreeze),
        8 => Just(Step::GuardianUnfreeze),
        4 => ask.prop_map(Step::Ask),
        1 => Just(Step::RelayFreeze),
        4 => Just(Step::MineRelay),
        2 => Just(Step::FailRelay),
        10 => Just(Step::Plan),
        10 => Just(Step::Pay),
        2 => Just(Step::Release),
        2 => some.prop_map(Step::PaidByOthers),
        20 => (1usize..8).prop_map(Step::Finalize),
        2 => Just(Step::ReadAgain),
    ]
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let custody = prop_oneof![Just(Custody::Managed), Just(Custody::Client)];
    let pause = prop_oneof![30 => 0i64..1_200, 1 => 3_000i64..1_000_000];
    let steps = |scale, heard| prop::collection::vec((step(scale), pause.clone(), prop::bool::weighted(heard)), 1..140);
    let steps = prop_oneof![steps(DECIMALS, 1.0), steps(9, 1.0), steps(9, 0.9)];
    (custody, prop::option::of(1_000_000u128..90_000_000), any::<bool>(), steps)
        .prop_map(|(custody, period_limit, in_time, steps)| Case { custody, period_limit, in_time, steps })
}
