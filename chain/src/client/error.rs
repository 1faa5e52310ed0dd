//! What nodes and contracts say when they do not do what was asked, and what it means.

use alloy::primitives::Bytes;
use alloy::sol_types::SolInterface;
use alloy::transports::{RpcError, TransportErrorKind};

use crate::bindings::SessionKeyValidator::SessionKeyValidatorErrors;
use crate::bindings::TestUSDC::TestUSDCErrors;

/// What is shown of a node's or a contract's own words.
const DETAIL_CHARS_MAX: usize = 500;
/// What a call of a function gives where there is no contract.
pub(super) const NO_CONTRACT: &str = "no contract at this address";

/// Why the chain did not answer, or not as hoped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No node can be reached, or says anything useful.
    #[error("the chain cannot be reached: {0}")]
    Unavailable(String),
    /// The node answers for something else than the settings name.
    #[error("the node is not the one of the settings: {0}")]
    Mismatch(String),
    /// The contract says no.
    #[error("the contract refuses: {detail}")]
    Refused {
        /// The name of the contract's or the token's error, for example `SessionExists`; empty when it gives none.
        error: String,
        /// In words.
        detail: String,
    },
    /// Two nodes that answer say different things about what cannot change any more.
    #[error("nodes of the chain disagree on {what}: {}", in_words(.answers))]
    Disagreement {
        /// About what.
        what: String,
        /// Which node says what.
        answers: Vec<(String, String)>,
    },
    /// The sender has too little coin to pay for the transaction.
    #[error("the sender has too little coin for gas: {0}")]
    NoGasMoney(String),
    /// The fee is below what nodes take, now or in place of an earlier transaction.
    #[error("the fee is too low: {0}")]
    Underpriced(String),
    /// A node answered, did not take a transaction, and said why in words that are not known.
    #[error("the node does not take the transaction: {0}")]
    NotTaken(String),
    /// A transaction with this nonce is in a block already: the same one, or another.
    #[error("the nonce was used already")]
    NonceTooLow,
}

impl ChainError {
    /// Whether this is no answer: another node may have one, and the same one may have it later.
    pub const fn is_no_answer(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Mismatch(_) | Self::NotTaken(_))
    }

    /// The one to tell of two: what only a person can mend before what passes, an answer before none.
    pub(super) fn or(self, other: Self) -> Self {
        let rank = |error: &Self| match error {
            Self::Disagreement { .. } => 5,
            Self::NonceTooLow => 4,
            Self::NoGasMoney(_) | Self::Underpriced(_) | Self::Refused { .. } => 3,
            Self::NotTaken(_) => 2,
            Self::Mismatch(_) => 1,
            Self::Unavailable(_) => 0,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

fn in_words(answers: &[(String, String)]) -> String {
    let words: Vec<_> = answers.iter().map(|(host, answer)| format!("{host} says {answer}")).collect();
    words.join(", ")
}

type RpcFailure = RpcError<TransportErrorKind>;

/// A node's URL often holds its key: of every URL only scheme and host are shown.
pub(crate) fn without_paths(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, ')' | '"' | '\'')).unwrap_or(after.len());
        let host = after[..end].split(['/', '?', '#']).next().unwrap_or_default();
        // User and password stand before the last '@'.
        let host = host.rsplit('@').next().unwrap_or_default();
        shown.push_str(before);
        shown.push_str(host);
        rest = &after[end..];
    }
    shown.push_str(rest);
    shown.chars().take(DETAIL_CHARS_MAX).collect()
}

impl From<RpcFailure> for ChainError {
    fn from(error: RpcFailure) -> Self {
        let Some(payload) = error.as_error_resp() else { return Self::Unavailable(without_paths(&error.to_string())) };
        if let Some(data) = payload.as_revert_data() {
            return refusal(&data);
        }
        let message = without_paths(&payload.message);
        if message.to_lowercase().contains("revert") {
            return Self::Refused { error: token_error(&message).to_owned(), detail: message };
        }
        match meaning(&message) {
            Some(Meaning::NonceTooLow) => Self::NonceTooLow,
            Some(Meaning::NoGasMoney) => Self::NoGasMoney(message),
            Some(Meaning::Underpriced) => Self::Underpriced(message),
            Some(Meaning::Known) | None => Self::Unavailable(format!("{message} ({})", payload.code)),
        }
    }
}

/// Why a call came to nothing, and whether the node said anything at all.
pub(super) struct Failure {
    pub(super) error: ChainError,
    pub(super) is_silent: bool,
}

impl Failure {
    pub(super) fn silent(why: String) -> Self {
        Self { error: ChainError::Unavailable(why), is_silent: true }
    }
}

impl From<RpcFailure> for Failure {
    fn from(error: RpcFailure) -> Self {
        let is_silent = error.as_error_resp().is_none();
        Self { error: error.into(), is_silent }
    }
}

impl From<alloy::contract::Error> for Failure {
    fn from(error: alloy::contract::Error) -> Self {
        match error {
            alloy::contract::Error::TransportError(error) => error.into(),
            alloy::contract::Error::ZeroData(..) => {
                Self { error: ChainError::Unavailable(NO_CONTRACT.into()), is_silent: false }
            }
            error => Self { error: ChainError::Unavailable(without_paths(&error.to_string())), is_silent: false },
        }
    }
}

/// What a node means that does not take a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// It has seen the very same transaction before.
    Known,
    NonceTooLow,
    NoGasMoney,
    Underpriced,
}

/// Every kind of node has words of its own; there are no numbers for these.
const MEANINGS: [(Meaning, &[&str]); 4] = [
    (Meaning::Known, &["already known", "alreadyknown", "already imported", "known transaction", "already in mempool"]),
    (
        Meaning::NonceTooLow,
        &["nonce too low", "nonce is too low", "noncetoolow", "oldnonce", "nonce has already been used"],
    ),
    (
        Meaning::NoGasMoney,
        &[
            "insufficient funds",
            "insufficientfunds",
            "insufficient balance",
            "exceeds account balance",
            "gas required exceeds allowance (0)",
        ],
    ),
    (
        Meaning::Underpriced,
        &[
            "underpriced",
            "fee too low",
            "feetoolow",
            "less than block base fee",
            "lower than current base fee",
            "gas price too low",
            "gas price below",
            "below configured minimum",
            "replacement not allowed",
            "replacementnotallowed",
        ],
    ),
];

fn meaning(message: &str) -> Option<Meaning> {
    let message = message.to_lowercase();
    let found = MEANINGS.iter().find(|(_, words)| words.iter().any(|words| message.contains(words)));
    found.map(|(meaning, _)| *meaning)
}

/// What nodes say when they have seen the very same transaction before.
pub(super) fn is_known(error: &ChainError) -> bool {
    matches!(error, ChainError::Unavailable(why) | ChainError::NotTaken(why) if meaning(why) == Some(Meaning::Known))
}

fn refusal(data: &Bytes) -> ChainError {
    let decoded = SessionKeyValidatorErrors::abi_decode(data)
        .map(|error| format!("{error:?}"))
        .or_else(|_| TestUSDCErrors::abi_decode(data).map(|error| format!("{error:?}")));
    match decoded {
        Ok(detail) => {
            // Written as `Name(Name { field: … })`: the inner part says it all.
            let (name, inner) = detail.split_once('(').unwrap_or((&detail, ""));
            let inner = inner.strip_suffix(')').unwrap_or(name);
            ChainError::Refused { error: name.to_owned(), detail: inner.to_owned() }
        }
        Err(_) => {
            // Whoever wrote the contract that refuses may have written a novel.
            let data = Bytes::copy_from_slice(data.get(..DETAIL_CHARS_MAX).unwrap_or(data));
            let reason = alloy::sol_types::decode_revert_reason(&data).unwrap_or_else(|| data.to_string());
            let detail = without_paths(&reason);
            ChainError::Refused { error: token_error(&detail).to_owned(), detail }
        }
    }
}

/// Errors of tokens: by the name that a token of today gives them, and by the words of those that give words (USDC).
const TOKEN_ERRORS: [(&str, &[&str]); 9] = [
    ("AuthorizationUsedOrCanceled", &["authorization is used or canceled"]),
    ("AuthorizationNotYetValid", &["authorization is not yet valid"]),
    ("AuthorizationExpired", &["authorization is expired"]),
    ("InvalidSignature", &["invalid signature"]),
    ("CallerIsNotPayee", &["caller must be the payee"]),
    ("AccountBlacklisted", &["account is blacklisted"]),
    ("ERC20InsufficientBalance", &["transfer amount exceeds balance"]),
    ("ERC20InsufficientAllowance", &["transfer amount exceeds allowance", "insufficient allowance"]),
    ("Paused", &["pausable: paused"]),
];

/// The name for a token's words; empty when they are none that we know.
fn token_error(words: &str) -> &'static str {
    let words = words.to_lowercase();
    let found = TOKEN_ERRORS.iter().find(|(_, known)| known.iter().any(|known| words.contains(known)));
    found.map_or("", |(name, _)| name)
}

/// Whether this is the name of a token's error, and not one of the contract's own.
pub fn is_of_token(error: &str) -> bool {
    error.starts_with("ERC20") || TOKEN_ERRORS.iter().any(|(name, _)| *name == error)
}

/// Whether the words of a refusal say that an authorization was used or cancelled.
pub fn is_of_used_authorization(words: &str) -> bool {
    const USED: &str = "AuthorizationUsedOrCanceled";
    words.contains(USED) || token_error(words) == USED
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::U256;
    use alloy::sol_types::SolError;

    #[test]
    fn a_nodes_key_is_never_shown() {
        for (text, shown) in [
            ("error for url (https://node.example/v2/SECRET)", "error for url (https://node.example)"),
            ("https://user:SECRET@node.example:8545?key=SECRET failed", "https://node.example:8545 failed"),
            ("https://a.example/SECRET and https://b.example/SECRET", "https://a.example and https://b.example"),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(without_paths(text), shown);
        }
    }

    #[test]
    fn nodes_are_read_by_their_words() {
        let cases = [
            ("already known", Some(Meaning::Known)),
            ("transaction already imported", Some(Meaning::Known)),
            ("nonce too low: next nonce 7, tx nonce 3", Some(Meaning::NonceTooLow)),
            ("OldNonce, Current nonce: 5", Some(Meaning::NonceTooLow)),
            ("Insufficient funds for gas * price + value", Some(Meaning::NoGasMoney)),
            ("Upfront cost exceeds account balance", Some(Meaning::NoGasMoney)),
            ("replacement transaction underpriced", Some(Meaning::Underpriced)),
            ("max fee per gas less than block base fee: address 0x1", Some(Meaning::Underpriced)),
            ("FeeTooLow, MaxFeePerGas too low", Some(Meaning::Underpriced)),
            ("transaction gas price below minimum: gas tip cap 1", Some(Meaning::Underpriced)),
            ("gas required exceeds allowance (30000000)", None),
            ("header not found", None),
        ];
        for (message, expected) in cases {
            assert_eq!(meaning(message), expected, "{message}");
        }
    }

    fn refused(data: Vec<u8>) -> (String, String) {
        match refusal(&Bytes::from(data)) {
            ChainError::Refused { error, detail } => (error, detail),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn errors_of_contract_and_token_have_names() {
        use crate::bindings::SessionKeyValidator::SignatureExpired;
        use crate::bindings::TestUSDC::{AuthorizationExpired, AuthorizationUsedOrCanceled, InvalidSignature};
        let (error, detail) = refused(SignatureExpired { deadline: U256::from(7) }.abi_encode());
        assert_eq!((error.as_str(), detail.contains("deadline: 7")), ("SignatureExpired", true), "{detail}");
        let (error, detail) = refused(AuthorizationExpired { validBefore: U256::from(9) }.abi_encode());
        assert_eq!((error.as_str(), detail.contains("validBefore: 9")), ("AuthorizationExpired", true), "{detail}");
        assert!(!is_of_used_authorization(&detail), "{detail}");
        assert_eq!(refused(InvalidSignature {}.abi_encode()).0, "InvalidSignature");
        let (error, detail) =
            refused(AuthorizationUsedOrCanceled { authorizer: [1; 20].into(), nonce: [2; 32].into() }.abi_encode());
        assert_eq!(
            (error.as_str(), is_of_used_authorization(&detail)),
            ("AuthorizationUsedOrCanceled", true),
            "{detail}"
        );
        let (error, detail) = refused(vec![0xde, 0xad, 0xbe, 0xef]);
        assert_eq!((error.as_str(), detail.as_str()), ("", "0xdeadbeef"));
    }

    #[test]
    fn a_tokens_words_have_the_same_names() {
        let words = |text: &str| alloy::sol_types::Revert::from(text.to_owned()).abi_encode();
        for (text, name) in [
            ("FiatTokenV2: authorization is used or canceled", "AuthorizationUsedOrCanceled"),
            ("FiatTokenV2: authorization is expired", "AuthorizationExpired"),
            ("FiatTokenV2: invalid signature", "InvalidSignature"),
            ("Blacklistable: account is blacklisted", "AccountBlacklisted"),
            ("ERC20: transfer amount exceeds balance", "ERC20InsufficientBalance"),
            ("something else", ""),
        ] {
            let (error, detail) = refused(words(text));
            assert_eq!(error, name, "{text}");
            assert!(detail.contains(text), "{detail}");
            assert_eq!(is_of_token(&error), !name.is_empty());
            assert_eq!(is_of_used_authorization(&detail), name == "AuthorizationUsedOrCanceled", "{detail}");
        }
        assert!(is_of_token("ERC20InvalidReceiver") && !is_of_token("SignatureExpired") && !is_of_token(""));
    }

    #[test]
    fn of_two_errors_the_one_that_says_more_is_told() {
        let away = ChainError::Unavailable("no answer".into());
        let wrong = ChainError::Mismatch("another chain".into());
        let poor = ChainError::NoGasMoney("insufficient funds".into());
        let strange = ChainError::NotTaken("the pool is full".into());
        assert_eq!(away.clone().or(wrong.clone()), wrong);
        assert_eq!(strange.clone().or(wrong), strange);
        assert_eq!(strange.or(poor.clone()), poor);
        assert_eq!(poor.clone().or(away), poor);
        assert_eq!(poor.or(ChainError::NonceTooLow), ChainError::NonceTooLow);
    }
}
