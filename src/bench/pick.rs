//! Who is charged next: each payer as often as any other, by Zipf's law, or always the same one.

use std::sync::Arc;

/// Random numbers by SplitMix64 (Steele, Lea and Flood, 2014): good enough to choose payers with, at a
/// nanosecond each, and the same ones in every run.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `count`, which must not be 0: the upper half of a product, so without a division.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.draw()) * count as u128) >> 64) as usize
    }

    /// A number from 0 to below 1, with all the 53 bits that a float has.
    fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Puts things in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

/// Zipf's law: the thing of rank r is chosen in proportion to r^(-s).
#[derive(Debug)]
pub struct Zipf {
    /// Sums of the weights up to each rank.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Over `count` things.
    pub fn new(count: usize, s: f64) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=count).map(|rank| {
            sum += (rank as f64).powf(-s);
            sum
        });
        Self { cumulative: cumulative.collect() }
    }

    /// The index that a number from 0 to below 1 falls on.
    fn at(&self, unit: f64) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let index = self.cumulative.partition_point(|sum| *sum <= unit * total);
        index.min(self.cumulative.len().saturating_sub(1))
    }
}

/// How payers are chosen.
#[derive(Debug, Clone)]
pub enum Choice {
    /// Each as often as any other.
    Uniform,
    /// Few of them often, most of them seldom.
    Zipf(Arc<Zipf>),
    /// Always this one.
    One(usize),
}

impl Choice {
    /// One of so many payers, of which there is at least one.
    pub fn pick(&self, rng: &mut Rng, payers: usize) -> usize {
        match self {
            Self::Uniform => rng.below(payers),
            Self::Zipf(zipf) => zipf.at(rng.unit()),
            Self::One(payer) => *payer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut rng = Rng::new(7);
        let mut seen = [0_u32; 5];
        for _ in 0..5_000 {
            seen[rng.below(5)] += 1;
            assert!((0.0..1.0).contains(&rng.unit()));
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut things: Vec<u32> = (0..100).collect();
        Rng::new(1).shuffle(&mut things);
        assert_ne!(things, (0..100).collect::<Vec<_>>());
        things.sort_unstable();
        assert_eq!(things, (0..100).collect::<Vec<_>>());
        Rng::new(1).shuffle::<u32>(&mut []);
    }

    #[test]
    fn zipf_covers_every_rank_and_nothing_else() {
        let zipf = Zipf::new(1_000, 1.0);
        assert_eq!(zipf.at(0.0), 0);
        assert_eq!(zipf.at(1.0 - f64::EPSILON), 999);
        assert_eq!(zipf.at(1.0), 999, "also with a rounding error");
        assert_eq!(Zipf::new(1, 1.0).at(0.999), 0);
        let (mut rng, mut seen) = (Rng::new(3), vec![0_u32; 1_000]);
        for _ in 0..100_000 {
            seen[Choice::Zipf(Arc::new(Zipf::new(3, 1.0))).pick(&mut rng, 3)] += 1;
        }
        // 1 : 1/2 : 1/3 are 6/11, 3/11 and 2/11.
        for (count, of_eleven) in seen.iter().zip([6, 3, 2]) {
            let expected = 100_000 * of_eleven / 11;
            assert!(count.abs_diff(expected) < 1_000, "{count} where it was {expected}");
        }
    }

    #[test]
    fn one_is_always_the_same() {
        let mut rng = Rng::new(0);
        assert!((0..10).all(|_| Choice::One(4).pick(&mut rng, 9) == 4));
        assert!((0..100).all(|_| Choice::Uniform.pick(&mut rng, 9) < 9));
    }
}
