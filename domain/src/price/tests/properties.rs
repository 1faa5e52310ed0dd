//! What holds for any price and any quantities.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

/// Prices have six decimals and quantities as many, so that every product can be kept.
fn amounts() -> impl Strategy<Value = Amount> {
    prop_oneof![Just(0i64), 0i64..5_000_000].prop_map(|n| Amount::new(Decimal::new(n, 6)).unwrap())
}

/// Whole numbers are likely: borders are among them.
fn quantities() -> impl Strategy<Value = Quantity> {
    let whole = (0i64..200).prop_map(|n| Quantity::new(Decimal::from(n)).unwrap());
    let broken = (0i64..200_000_000).prop_map(|n| Quantity::new(Decimal::new(n, 6)).unwrap());
    prop_oneof![whole, broken]
}

fn any_tiers() -> impl Strategy<Value = Vec<Tier>> {
    (prop::collection::vec((1i64..60, amounts(), amounts()), 0..5), amounts(), amounts()).prop_map(
        |(steps, unit_price, flat)| {
            let mut border = 0;
            let mut tiers = Vec::new();
            for (step, unit_price, flat) in steps {
                border += step;
                let up_to = Some(Quantity::new(Decimal::from(border)).unwrap());
                tiers.push(Tier { up_to, unit_price, flat });
            }
            tiers.push(Tier { up_to: None, unit_price, flat });
            tiers
        },
    )
}

fn other_models() -> impl Strategy<Value = Model> {
    let sizes = (1i64..50_000_000).prop_map(|n| Quantity::new(Decimal::new(n, 6)).unwrap());
    let percents = (0i64..=1_000_000).prop_map(|n| Amount::new(Decimal::new(n, 4)).unwrap());
    prop_oneof![
        amounts().prop_map(|amount| Model::Flat { amount }),
        amounts().prop_map(|unit_price| Model::PerUnit { unit_price }),
        any_tiers().prop_map(|tiers| Model::Graduated { tiers }),
        (sizes, amounts()).prop_map(|(size, amount)| Model::Package { size, amount }),
        (percents, amounts()).prop_map(|(percent, per_use)| Model::Percentage { percent, per_use }),
    ]
}

fn volumes() -> impl Strategy<Value = Model> {
    any_tiers().prop_map(|tiers| Model::Volume { tiers })
}

fn with_included(models: impl Strategy<Value = Model>) -> impl Strategy<Value = Pricing> {
    let included = prop_oneof![Just(Quantity::ZERO), quantities()];
    (models, included).prop_map(|(model, included)| Pricing { included, ..plain(model) })
}

fn any_pricing() -> impl Strategy<Value = Pricing> {
    with_included(prop_oneof![other_models(), volumes()])
}

/// The same quantity, charged in parts: what was used, what each part cost, and the highest amount that it came to.
fn charged(pricing: &Pricing, parts: &[Quantity]) -> (Used, Vec<Amount>, Amount) {
    let (mut used, mut rated, mut costs) = (Used::default(), Amount::ZERO, Vec::new());
    for part in parts {
        let cost = pricing.marginal(used, rated, *part).unwrap();
        used = used.and(*part).unwrap();
        rated = rated.plus(cost);
        costs.push(cost);
    }
    (used, costs, rated)
}

fn sum(amounts: &[Amount]) -> Amount {
    amounts.iter().fold(Amount::ZERO, |sum, amount| sum.plus(*amount))
}

proptest! {
    #[test]
    fn more_never_costs_less(
        pricing in with_included(other_models()),
        less in quantities(),
        more in quantities(),
        uses in 0u64..9,
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let rate = |quantity| pricing.rate(Used { quantity, uses }, Share::WHOLE).unwrap();
        prop_assert!(rate(less) <= rate(more));
    }

    /// Of a volume price only within a tier: at a border it may fall, which is what it is for.
    #[test]
    fn within_a_tier_of_a_volume_price_more_never_costs_less(
        tiers in any_tiers(),
        less in quantities(),
        more in quantities(),
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let is_in = |tier: &Tier, quantity: Quantity| tier.up_to.is_none_or(|up_to| quantity <= up_to);
        let tier_of = |quantity| tiers.iter().position(|tier| is_in(tier, quantity));
        prop_assume!(tier_of(less) == tier_of(more));
        let pricing = plain(Model::Volume { tiers: tiers.clone() });
        let rate = |quantity| pricing.rate(Used::once(quantity), Share::WHOLE).unwrap();
        prop_assert!(rate(less) <= rate(more));
    }

    #[test]
    fn however_it_is_split_it_costs_the_same(
        pricing in with_included(other_models()),
        parts in prop::collection::vec(quantities(), 0..12),
    ) {
        let (used, costs, rated) = charged(&pricing, &parts);
        let total = pricing.rate(used, Share::WHOLE).unwrap();
        prop_assert_eq!((sum(&costs), rated), (total, total));
    }

    /// A volume price is charged up to the highest amount that it has come to; what is too much is known at the end.
    #[test]
    fn of_a_volume_price_what_is_too_much_is_given_back(
        pricing in with_included(volumes()),
        parts in prop::collection::vec(quantities(), 0..12),
    ) {
        let (used, costs, rated) = charged(&pricing, &parts);
        let total = pricing.rate(used, Share::WHOLE).unwrap();
        let too_much = rated.checked_sub(total);
        prop_assert!(too_much.is_ok());
        prop_assert_eq!(sum(&costs).minus(too_much.unwrap_or_default()), total);
        let mut highest = Amount::ZERO;
        let mut so_far = Used::default();
        for part in &parts {
            so_far = so_far.and(*part).unwrap();
            highest = highest.max(pricing.rate(so_far, Share::WHOLE).unwrap());
        }
        prop_assert_eq!(rated, highest);
    }

    /// Whatever is charged meanwhile, and if less is captured than was held.
    #[test]
    fn a_hold_is_never_too_small(
        pricing in any_pricing(),
        before in prop::collection::vec(quantities(), 0..4),
        meanwhile in prop::collection::vec(quantities(), 0..4),
        held in quantities(),
        captured in quantities(),
    ) {
        let at_most = pricing.at_most(charged(&pricing, &before).0, held).unwrap();
        let (used, _, rated) = charged(&pricing, &[before, meanwhile].concat());
        for captured in [held, captured.min(held)] {
            let marginal = pricing.marginal(used, rated, captured).unwrap();
            prop_assert!(marginal <= at_most, "{marginal} of at most {at_most}");
        }
    }

    #[test]
    fn the_first_unit_beyond_a_border_is_in_the_next_tier(tiers in any_tiers(), which in 0usize..5) {
        let millionth = quantity("0.000001");
        if let Some(border) = tiers.get(which).and_then(|tier| tier.up_to) {
            let next = &tiers[which + 1];
            let (at, beyond) = (Used::once(border), Used::once(border.plus(millionth)));
            let graduated = plain(Model::Graduated { tiers: tiers.clone() });
            let rate = |pricing: &Pricing, used| pricing.rate(used, Share::WHOLE).unwrap();
            let step = millionth.priced(next.unit_price).unwrap().plus(next.flat);
            prop_assert_eq!(rate(&graduated, beyond), rate(&graduated, at).plus(step));
            let volume = plain(Model::Volume { tiers: tiers.clone() });
            let of = |used: Used, tier: &Tier| used.quantity.priced(tier.unit_price).unwrap().plus(tier.flat);
            prop_assert_eq!((rate(&volume, at), rate(&volume, beyond)), (of(at, &tiers[which]), of(beyond, next)));
        }
    }

    #[test]
    fn prices_that_are_made_like_this_pass_the_check(pricing in any_pricing()) {
        prop_assert_eq!(pricing.check(), Ok(()));
    }

    /// The parts of a period come to the whole, but for what rounding to twelve decimals does to each.
    #[test]
    fn shares_add_up(
        whole in 0i64..i64::MAX,
        scale in 4u32..=12,
        of in 1i64..4_000_000_000,
        cut in 0i64..4_000_000_000,
    ) {
        let whole = Amount::new(Decimal::new(whole, scale)).unwrap();
        let cut = cut.min(of);
        let part = |part| Share { part, of }.part_of(whole).unwrap();
        let sum = part(cut).plus(part(of - cut)).decimal();
        prop_assert!((sum - whole.decimal()).abs() <= Decimal::new(1, 12));
        prop_assert!(part(cut) <= whole);
    }
}
