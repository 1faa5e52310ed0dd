//! Words: how many a text has, and which ones an answer has. All of it follows from what was asked.

/// What answers are made of. None has white space in it, so a word is a token.
const WORDS: [&str; 64] = [
    "a", "account", "after", "again", "agreed", "all", "amount", "an", "and", "answer", "asked", "at", "balance",
    "before", "book", "by", "charge", "claim", "clear", "coin", "cost", "credit", "day", "debit", "each", "entry",
    "every", "exact", "fee", "figure", "for", "from", "gate", "held", "hold", "in", "is", "it", "key", "ledger",
    "line", "log", "made", "more", "never", "no", "of", "on", "once", "one", "paid", "price", "proof", "road", "rule",
    "sum", "the", "to", "toll", "true", "what", "with", "word", "written",
];
/// The fewest tokens of an answer that nobody bounds, and how many more it may have.
const TOKENS_LEAST: u64 = 8;
const TOKENS_SPREAD: u64 = 57;

/// How many tokens a text has.
pub fn tokens(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// 64 bits of what came so far, by FNV-1a: the same for the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// Of nothing.
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// With more bytes, told apart from those before.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Another one that follows from this.
    pub fn following(self) -> Self {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        Self(self.0.wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    /// Its bits, mixed so that neighbours have little in common.
    pub const fn bits(self) -> u64 {
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// As part of an id.
    pub fn hex(self) -> String {
        format!("{:016x}", self.bits())
    }
}

/// An answer: so many words.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    seed: Seed,
    /// How many tokens it has.
    pub tokens: u64,
    /// It would have gone on.
    pub is_cut: bool,
}

impl Answer {
    /// To what gave this seed: of `wanted` tokens, or as many as the seed has it, and not more than `max`.
    pub fn new(seed: Seed, wanted: Option<u64>, max: Option<u64>) -> Self {
        let natural = wanted.unwrap_or(TOKENS_LEAST + seed.bits() % TOKENS_SPREAD).min(super::TOKENS_MAX);
        let tokens = max.map_or(natural, |max| natural.min(max));
        Self { seed, tokens, is_cut: tokens < natural }
    }

    /// Its tokens, each but the first with the space before it.
    pub fn deltas(self) -> impl Iterator<Item = String> + Send {
        (0..self.tokens).scan(self.seed, |seed, index| {
            *seed = seed.following();
            let word = WORDS[(seed.bits() % WORDS.len() as u64) as usize];
            Some(if index == 0 { word.to_owned() } else { format!(" {word}") })
        })
    }

    /// All of it.
    pub fn text(self) -> String {
        self.deltas().collect()
    }

    /// Why it ended, as chat completions say it.
    pub const fn finish_reason(self) -> &'static str {
        if self.is_cut { "length" } else { "stop" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(text: &str) -> Seed {
        let mut seed = Seed::new();
        seed.add(text.as_bytes());
        seed
    }

    #[test]
    fn a_token_is_a_word() {
        assert_eq!([tokens(""), tokens(" \n"), tokens("a"), tokens(" a  b\tc\n")], [0, 0, 1, 3]);
        assert!(WORDS.iter().all(|word| tokens(word) == 1));
        for wanted in [0, 1, 2, 100] {
            let answer = Answer::new(seed("x"), Some(wanted), None);
            assert_eq!((tokens(&answer.text()), answer.deltas().count() as u64), (wanted, wanted));
        }
    }

    #[test]
    fn an_answer_follows_from_what_was_asked() {
        let answer = |text: &str| Answer::new(seed(text), None, None);
        assert_eq!(answer("a").text(), answer("a").text());
        assert_ne!(answer("a").text(), answer("b").text());
        assert_ne!(seed("a").following().hex(), seed("a").hex());
        let lengths: Vec<u64> = (0..200).map(|number| answer(&number.to_string()).tokens).collect();
        assert!(lengths.iter().all(|length| (8..=64).contains(length)), "{lengths:?}");
        assert!(lengths.iter().any(|length| *length != lengths[0]));
    }

    #[test]
    fn it_ends_where_it_must() {
        let cut = Answer::new(seed("a"), Some(10), Some(4));
        assert_eq!((cut.tokens, cut.is_cut, cut.finish_reason()), (4, true, "length"));
        let whole = Answer::new(seed("a"), Some(4), Some(4));
        assert_eq!((whole.tokens, whole.finish_reason()), (4, "stop"));
        assert_eq!(Answer::new(seed("a"), Some(u64::MAX), None).tokens, super::super::TOKENS_MAX);
    }
}
