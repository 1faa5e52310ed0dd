//! The same request with the same `Idempotency-Key` gets the same answer; nothing is done twice.

use std::collections::{HashMap, VecDeque};

use axum::http::HeaderMap;

use super::answer::{Answer, Refused};
use super::desk::Desk;
use super::form;

/// The longest key, and how many are kept.
const KEY_MAX: usize = 255;
const KEPT_MAX: usize = 10_000;

/// Answers by key.
#[derive(Debug, Default)]
pub struct Kept {
    entries: HashMap<String, Entry>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Entry {
    path: String,
    params: Vec<(String, String)>,
    /// `None` as long as the first request is not over.
    answer: Option<Answer>,
}

impl Kept {
    /// The answer of a request that was there before; `None` when this one is the first.
    fn begin(&mut self, key: &str, path: &str, params: Vec<(String, String)>) -> Result<Option<Answer>, Refused> {
        if let Some(entry) = self.entries.get(key) {
            let Some(answer) = &entry.answer else { return Err(Refused::in_use(key)) };
            let other = format!("Try using a key other than '{key}' if you meant to execute a different request.");
            if entry.path != path {
                let paths = format!("('{path}' vs '{}')", entry.path);
                return Err(Refused::other_use(format!(
                    "Keys for idempotent requests can only be used for the same endpoint they were first used for \
                     {paths}. {other}"
                )));
            }
            if entry.params != params {
                return Err(Refused::other_use(format!(
                    "Keys for idempotent requests can only be used with the same parameters they were first used \
                     with. {other}"
                )));
            }
            return Ok(Some(answer.clone().again()));
        }
        self.entries.insert(key.to_owned(), Entry { path: path.to_owned(), params, answer: None });
        self.order.push_back(key.to_owned());
        if self.order.len() > KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        Ok(None)
    }

    /// The first request is over: with an answer for those who ask again, or as if it had not been.
    fn end(&mut self, key: &str, answer: Option<Answer>) {
        if answer.is_none() {
            self.entries.remove(key);
            self.order.retain(|kept| kept != key);
        } else if let Some(entry) = self.entries.get_mut(key) {
            entry.answer = answer;
        }
    }
}

/// The key of a request, if it has one.
pub fn key(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    match key.to_str() {
        Ok("") => Ok(None),
        Ok(key) if key.len() <= KEY_MAX => Ok(Some(key)),
        _ => Err(Refused::other_use(format!("An Idempotency-Key has at most {KEY_MAX} characters."))),
    }
}

/// A key for as long as its request is not over, that is until this is dropped. Others with the same key are sent away
/// meanwhile; also when nobody waits for the answer any more, it is there for whoever asks again.
#[derive(Debug)]
pub struct InUse<'a> {
    desk: &'a Desk,
    key: Option<&'a str>,
    answer: Option<Answer>,
}

impl<'a> InUse<'a> {
    /// Begins a request; or the answer of the one that was there before.
    pub fn begin(desk: &'a Desk, key: Option<&'a str>, path: &str, encoded: &str) -> Result<Self, Begun> {
        if let Some(key) = key {
            let mut params = form::pairs(encoded);
            params.sort();
            match desk.kept().begin(key, path, params) {
                Ok(None) => {}
                Ok(Some(answer)) => return Err(Begun::Before(Box::new(answer))),
                Err(refused) => return Err(Begun::Refused(refused)),
            }
        }
        Ok(Self { desk, key, answer: None })
    }

    /// Keeps the answer, when it is the last word.
    pub fn keep(&mut self, answer: &Answer) {
        if answer.is_final {
            self.answer = Some(answer.clone());
        }
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.desk.kept().end(key, self.answer.take());
        }
    }
}

/// A request that is not carried out.
#[derive(Debug)]
pub enum Begun {
    /// It was before.
    Before(Box<Answer>),
    /// Its key is another's.
    Refused(Refused),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_given_again() {
        let mut kept = Kept::default();
        let params = || vec![("amount".to_owned(), "1".to_owned())];
        let begin = |kept: &mut Kept, path: &str, params| kept.begin("k", path, params);
        assert!(begin(&mut kept, "/v1/refunds", params()).unwrap().is_none());
        assert!(begin(&mut kept, "/v1/refunds", params()).is_err(), "the first is not over");
        kept.end("k", None);
        assert!(begin(&mut kept, "/v1/refunds", params()).unwrap().is_none());
        kept.end("k", Some(Answer::of(Ok(json!({})), "req_1")));
        assert!(begin(&mut kept, "/v1/refunds", params()).unwrap().is_some());
        assert!(begin(&mut kept, "/v1/customers", params()).is_err());
        assert!(begin(&mut kept, "/v1/refunds", Vec::new()).is_err());
        assert_eq!((kept.entries.len(), kept.order.len()), (1, 1));
    }
}
