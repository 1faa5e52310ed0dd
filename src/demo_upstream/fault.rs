//! What can go wrong on purpose, by its name: that of the model, or the value of the header `x-demo-fault`.
//!
//! | Name | |
//! |---|---|
//! | `fault-hang` | the request is read and never answered |
//! | `fault-hang-midway` | half of the answer comes, then nothing more; the connection stays |
//! | `fault-close-early` | half of the answer comes, then the connection is closed |
//! | `fault-wrong-length` | `Content-Length` says 100 bytes more than come; then the connection is closed |
//! | `fault-endless` | the answer does not end |
//! | `fault-slow` | 200 ms before each token, or each tenth of an answer |
//! | `fault-garbage` | JSON that is none; in a stream one event that is none, among the others |
//! | `fault-no-usage` | no `usage` |
//! | `fault-negative-usage` | all of `usage` is below zero |
//! | `fault-huge-usage` | `usage` says 10¹² tokens |
//! | `fault-more-usage` | ten times the tokens that were given back |
//! | `fault-redirect` | 302 to `/echo/redirected` |
//! | `fault-400` to `fault-599` | this status, as an error of OpenAI's form |

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

/// Before each piece of a slow answer.
pub const SLOW: Duration = Duration::from_millis(200);
/// Before each piece of an answer without end.
pub const ENDLESS: Duration = Duration::from_millis(1);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No answer.
    Hang,
    /// Half of one, and the connection stays.
    HangMidway,
    /// Half of one, and the connection is closed.
    CloseEarly,
    /// A length that is too long.
    WrongLength,
    /// An answer without end.
    Endless,
    /// An answer that takes its time.
    Slow,
    /// Something that cannot be read.
    Garbage,
    /// No `usage`.
    NoUsage,
    /// `usage` below zero.
    NegativeUsage,
    /// `usage` beyond reason.
    HugeUsage,
    /// More output than there was.
    MoreUsage,
    /// Somewhere else.
    Redirect,
    /// An error.
    Status(StatusCode),
}

impl Fault {
    /// By its name; `None` for the name of anything else.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("fault-")? {
            "hang" => Self::Hang,
            "hang-midway" => Self::HangMidway,
            "close-early" => Self::CloseEarly,
            "wrong-length" => Self::WrongLength,
            "endless" => Self::Endless,
            "slow" => Self::Slow,
            "garbage" => Self::Garbage,
            "no-usage" => Self::NoUsage,
            "negative-usage" => Self::NegativeUsage,
            "huge-usage" => Self::HugeUsage,
            "more-usage" => Self::MoreUsage,
            "redirect" => Self::Redirect,
            status => Self::Status(StatusCode::from_bytes(status.as_bytes()).ok().filter(is_error)?),
        })
    }
}

fn is_error(status: &StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Tokens as they are told: what was counted, unless something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    input: i64,
    cached: i64,
    output: i64,
}

impl Usage {
    /// Of so many; `None` when nothing is told.
    pub fn told(input: u64, cached: u64, output: u64, fault: Option<Fault>) -> Option<Self> {
        let [input, cached, output] = [input, cached, output].map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX));
        match fault {
            Some(Fault::NoUsage) => None,
            Some(Fault::NegativeUsage) => Some(Self { input: -1 - input, cached: -1 - cached, output: -1 - output }),
            Some(Fault::HugeUsage) => Some(Self { input: 1_000_000_000_000, cached, output: 1_000_000_000_000 }),
            Some(Fault::MoreUsage) => Some(Self { input, cached, output: output.saturating_mul(10) }),
            _ => Some(Self { input, cached, output }),
        }
    }

    /// As chat completions and completions have it.
    pub fn of_completion(self) -> Value {
        let Self { input, cached, output } = self;
        json!({
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": input.saturating_add(output),
            "prompt_tokens_details": { "cached_tokens": cached },
            "completion_tokens_details": { "reasoning_tokens": 0 },
        })
    }

    /// As embeddings have it.
    pub fn of_embeddings(self) -> Value {
        json!({ "prompt_tokens": self.input, "total_tokens": self.input })
    }

    /// As responses have it.
    pub fn of_response(self) -> Value {
        let Self { input, cached, output } = self;
        json!({
            "input_tokens": input, "input_tokens_details": { "cached_tokens": cached },
            "output_tokens": output, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": input.saturating_add(output),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_names() {
        assert_eq!(Fault::parse("fault-hang"), Some(Fault::Hang));
        assert_eq!(Fault::parse("fault-503"), Some(Fault::Status(StatusCode::SERVICE_UNAVAILABLE)));
        for other in ["demo-small", "hang", "fault-", "fault-200", "fault-302", "fault-600", "fault-5000", "fault-x"] {
            assert_eq!(Fault::parse(other), None, "{other}");
        }
    }

    #[test]
    fn usage_is_told_as_it_was_unless_it_is_not() {
        let told = |fault| Usage::told(10, 4, 5, fault).map(Usage::of_completion);
        let exact = told(None).unwrap();
        assert_eq!((&exact["prompt_tokens"], &exact["total_tokens"]), (&json!(10), &json!(15)));
        assert_eq!(told(Some(Fault::NoUsage)), None);
        assert_eq!(told(Some(Fault::MoreUsage)).unwrap()["completion_tokens"], 50);
        assert_eq!(told(Some(Fault::NegativeUsage)).unwrap()["prompt_tokens"], -11);
        assert_eq!(told(Some(Fault::HugeUsage)).unwrap()["prompt_tokens"], 1_000_000_000_000_i64);
    }
}
