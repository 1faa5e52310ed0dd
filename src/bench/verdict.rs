//! What an answer means for the books: accepted, refused without having happened, unknown, or a mistake.

use serde::Deserialize;
use serde_json::Value;

use super::http::Reply;

const ACCEPTED: &str = "\"status\":201";
/// Problems after which nobody knows whether the command was carried out.
const UNKNOWN: [&str; 3] = ["unavailable", "timed_out", "internal"];
/// How much of an answer is shown.
const SHOWN_BYTES: usize = 300;

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the log.
    Accepted,
    /// It did not happen, because the server has too much to do.
    Refused,
    /// Nobody knows: the same request must be sent again. Why.
    Unknown(String),
    /// It did not happen, and the bench should not have asked. What the server said.
    Failed(String),
}

/// The part of a problem that decides.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
}

impl Verdict {
    /// Of the answer to a request for one thing.
    pub fn of(reply: &Reply<'_>) -> Self {
        match reply.status {
            200 | 201 => Self::Accepted,
            status => {
                let Problem { code } = serde_json::from_slice(reply.body).unwrap_or_default();
                Self::of_problem(status, &code, reply.retry_after.is_some(), || shown(reply.body))
            }
        }
    }

    /// Of the answers to the items of a batch of `count`. When nobody knows of one item, nobody knows of the
    /// batch: sent again, it gets the same answers for the items that were carried out.
    pub fn of_batch(reply: &Reply<'_>, count: usize) -> Vec<Self> {
        #[derive(Deserialize)]
        struct Answer {
            data: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct Item {
            status: u16,
            #[serde(default)]
            error: Value,
        }
        if reply.status != 200 {
            return vec![Self::of(reply); count];
        }
        // A charge has no such member: one for each item, and all were accepted.
        if occurrences(reply.body, ACCEPTED) == count {
            return vec![Self::Accepted; count];
        }
        let items = match serde_json::from_slice::<Answer>(reply.body) {
            Ok(answer) if answer.data.len() == count => answer.data,
            _ => return vec![Self::Failed(shown(reply.body)); count],
        };
        let verdicts: Vec<Self> = items.iter().map(|item| Self::of_item(item.status, &item.error)).collect();
        match verdicts.iter().find(|verdict| matches!(verdict, Self::Unknown(_))) {
            Some(unknown) => vec![unknown.clone(); count],
            None => verdicts,
        }
    }

    fn of_item(status: u16, error: &Value) -> Self {
        if status == 201 {
            return Self::Accepted;
        }
        let code = error["code"].as_str().unwrap_or_default();
        Self::of_problem(status, code, error["retry_after"].is_u64(), || shown(error.to_string().as_bytes()))
    }

    fn of_problem(status: u16, code: &str, come_again: bool, shown: impl FnOnce() -> String) -> Self {
        match status {
            429 | 503 if come_again && !UNKNOWN.contains(&code) => Self::Refused,
            500.. => Self::Unknown(format!("{status} {}", shown())),
            _ => Self::Failed(format!("{status} {}", shown())),
        }
    }
}

/// The value of the last member with this name, written without white space, where it is a string.
pub fn last_text<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, after) = text.rsplit_once(&format!("\"{name}\":\""))?;
    after.split_once('"').map(|(value, _)| value)
}

/// The id of a hold in the answer that placed it.
pub fn hold_id(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, id) = text.split_once("\"id\":\"")?;
    id.split_once('"').map(|(id, _)| id).filter(|id| id.starts_with("hold_"))
}

fn occurrences(body: &[u8], wanted: &str) -> usize {
    std::str::from_utf8(body).map_or(0, |text| text.matches(wanted).count())
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, retry_after: Option<u64>, body: &str) -> Reply<'_> {
        Reply { status, retry_after, body: body.as_bytes() }
    }

    #[test]
    fn only_a_refusal_that_asks_to_come_again_is_one() {
        let of = |status, retry_after, code: &str| {
            Verdict::of(&reply(status, retry_after, &format!(r#"{{"code":"{code}","status":{status}}}"#)))
        };
        assert_eq!(of(201, None, ""), Verdict::Accepted);
        assert_eq!(of(503, Some(1), "overloaded"), Verdict::Refused);
        assert_eq!(of(429, Some(1), "too_many_requests"), Verdict::Refused);
        for (status, retry_after, code) in [
            (503, Some(1), "unavailable"),
            (503, Some(1), "timed_out"),
            (503, None, "overloaded"),
            (500, None, "internal"),
        ] {
            assert!(matches!(of(status, retry_after, code), Verdict::Unknown(_)), "{status} {code}");
        }
        assert!(matches!(of(402, None, "insufficient_funds"), Verdict::Failed(why) if why.starts_with("402 {")));
        assert!(matches!(Verdict::of(&reply(502, None, "<html>")), Verdict::Unknown(_)));
    }

    #[test]
    fn the_items_of_a_batch_are_told_apart() {
        let good = r#"{"charge":{"id":"chg_1"},"replayed":false,"status":201}"#;
        let busy = r#"{"error":{"code":"overloaded","retry_after":1,"status":503},"status":503}"#;
        let away = r#"{"error":{"code":"unavailable","retry_after":1,"status":503},"status":503}"#;
        let poor = r#"{"error":{"code":"insufficient_funds","status":402},"status":402}"#;
        let of = |items: &[&str], count| {
            let body = format!(r#"{{"object":"batch","data":[{}],"position":null}}"#, items.join(","));
            Verdict::of_batch(&reply(200, None, &body), count)
        };
        assert_eq!(of(&[good, good], 2), [Verdict::Accepted, Verdict::Accepted]);
        assert_eq!(of(&[busy, good], 2), [Verdict::Refused, Verdict::Accepted]);
        assert!(matches!(&of(&[good, poor], 2)[..], [Verdict::Accepted, Verdict::Failed(_)]));
        assert!(of(&[good, away, poor], 3).iter().all(|verdict| matches!(verdict, Verdict::Unknown(_))));
        assert!(of(&[poor], 2).iter().all(|verdict| matches!(verdict, Verdict::Failed(_))));
        assert_eq!(Verdict::of_batch(&reply(503, Some(1), "{}"), 2), [Verdict::Refused, Verdict::Refused]);
    }

    #[test]
    fn members_are_found() {
        let body = br#"{"id":"chg_1","lines":[{"position":"x"}],"position":"0:12"}"#;
        assert_eq!(last_text(body, "position"), Some("0:12"));
        assert_eq!(last_text(body, "nothing"), None);
        assert_eq!(last_text(b"{\"position\":\"0:1", "position"), None);
        assert_eq!(hold_id(br#"{"object":"hold","id":"hold_1","customer_id":"cus_1"}"#), Some("hold_1"));
        assert_eq!(hold_id(br#"{"id":"chg_1","hold":{"id":"hold_1"}}"#), None);
        assert_eq!(hold_id(b"{}"), None);
    }
}
