//! The stream of a model's answer: what each event delivers, and which one says what it all came to.
//!
//! Chat completions and completions say their usage in a chunk without choices, right before `[DONE]`. It is there
//! because the gateway asks for it; a client that did not ask does not get it. Responses say theirs in the event
//! that ends them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::request::Endpoint;
use super::sse::{self, EventTooLarge, Splitter};
use super::usage::{self, Usage};

/// The member that says what it cost.
const MEMBER: &str = "tollbook";

/// One event, understood as far as it has to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// It passes.
    Passes {
        /// As it came; empty when it is left out.
        bytes: Bytes,
        /// 1 when it has something that the model wrote.
        pieces: u64,
        /// How much of that.
        text_bytes: u64,
    },
    /// It says what it all came to: charge that first.
    Usage(UsageEvent),
    /// It is the last one: charge first, where nothing was charged yet.
    Done(Bytes),
}

/// The event that says what it all came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UsageEvent {
    /// That.
    pub(crate) usage: Usage,
    bytes: Bytes,
    endpoint: Endpoint,
    is_wanted: bool,
}

impl UsageEvent {
    /// As the client gets it, with what it cost; empty when it gets none.
    pub(crate) fn with_cost(self, cost: Option<&Value>) -> Bytes {
        if !self.is_wanted {
            return Bytes::new();
        }
        let changed = cost.and_then(|cost| {
            let data = sse::data(&self.bytes)?;
            let data = match self.endpoint {
                Endpoint::Responses => with_member_inside(&data, cost)?,
                _ => with_member(&data, cost)?,
            };
            Some(Bytes::from(sse::with_data(&self.bytes, &data)))
        });
        changed.unwrap_or(self.bytes)
    }
}

fn with_member(data: &[u8], cost: &Value) -> Option<Vec<u8>> {
    let cost = to_raw_value(cost).ok()?;
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_slice(data).ok()?;
    fields.insert(MEMBER.to_owned(), &cost);
    serde_json::to_vec(&fields).ok()
}

fn with_member_inside(data: &[u8], cost: &Value) -> Option<Vec<u8>> {
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_slice(data).ok()?;
    let inside = with_member(fields.get("response")?.get().as_bytes(), cost)?;
    let response = RawValue::from_string(String::from_utf8(inside).ok()?).ok()?;
    fields.insert("response".to_owned(), &response);
    serde_json::to_vec(&fields).ok()
}

/// What is looked at of a chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    choices: Option<Value>,
    usage: Option<Value>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    delta: Option<Value>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

/// A stream that is being passed on.
#[derive(Debug)]
pub(crate) struct Stream {
    endpoint: Endpoint,
    wants_usage: bool,
    splitter: Splitter,
    said: Option<Usage>,
}

impl Stream {
    /// Of an answer to this; `wants_usage` says whether the client asked for the usage.
    pub(crate) fn new(endpoint: Endpoint, wants_usage: bool) -> Self {
        Self { endpoint, wants_usage, splitter: Splitter::default(), said: None }
    }

    /// Takes a chunk of bytes in.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), EventTooLarge> {
        self.splitter.push(chunk)
    }

    /// What is left when the stream has ended.
    pub(crate) fn rest(&mut self) -> Bytes {
        self.splitter.rest()
    }

    /// The usage that was said last beside something else, where no event says it alone.
    pub(crate) const fn said(&self) -> Option<Usage> {
        self.said
    }

    /// The next event, when all of it is here.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let bytes = self.splitter.next_event()?;
        Some(self.understand(bytes))
    }

    fn understand(&mut self, bytes: Bytes) -> Event {
        match self.look(&bytes) {
            Look::Passes(pieces, text_bytes) => Event::Passes { bytes, pieces, text_bytes },
            Look::Hidden => Event::Passes { bytes: Bytes::new(), pieces: 0, text_bytes: 0 },
            Look::Done => Event::Done(bytes),
            Look::Usage(usage) => {
                let is_wanted = self.wants_usage || self.endpoint == Endpoint::Responses;
                Event::Usage(UsageEvent { usage, bytes, endpoint: self.endpoint, is_wanted })
            }
        }
    }

    fn look(&mut self, event: &[u8]) -> Look {
        let Some(data) = sse::data(event) else { return Look::Passes(0, 0) };
        if data.trim_ascii() == b"[DONE]" {
            return Look::Done;
        }
        // What is not understood is taken for text.
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&data) else { return Look::Passes(1, data.len() as u64) };
        let (usage, pieces, text_bytes) = match self.endpoint {
            Endpoint::Responses => of_responses(&chunk),
            _ => of_chat(&chunk),
        };
        match usage {
            Said::Alone(Some(usage)) => Look::Usage(usage),
            // Unreadable, and not asked for by the client.
            Said::Alone(None) if !self.wants_usage && self.endpoint != Endpoint::Responses => Look::Hidden,
            Said::Alone(None) => Look::Passes(pieces, text_bytes),
            Said::Beside(usage) => {
                self.said = usage.or(self.said);
                Look::Passes(pieces, text_bytes)
            }
        }
    }
}

/// What an event is.
enum Look {
    /// Pieces, and bytes of text.
    Passes(u64, u64),
    Hidden,
    Usage(Usage),
    Done,
}

/// The usage of an event: what it is all about, or beside something else.
enum Said {
    Alone(Option<Usage>),
    Beside(Option<Usage>),
}

fn of_chat(chunk: &Chunk<'_>) -> (Said, u64, u64) {
    let usage = chunk.usage.as_ref().filter(|usage| !usage.is_null());
    let has_choices = chunk.choices.as_ref().and_then(Value::as_array).is_some_and(|choices| !choices.is_empty());
    match (usage, has_choices) {
        (Some(usage), false) => (Said::Alone(usage::read(usage)), 0, 0),
        (usage, _) => {
            let text_bytes = chunk.choices.as_ref().map_or(0, usage::written);
            (Said::Beside(usage.and_then(usage::read)), u64::from(text_bytes > 0), text_bytes)
        }
    }
}

fn of_responses(chunk: &Chunk<'_>) -> (Said, u64, u64) {
    match chunk.kind.as_deref() {
        Some("response.completed" | "response.incomplete" | "response.failed") => {
            let usage = chunk.response.and_then(|response| usage::of_answer(response.get().as_bytes()));
            (Said::Alone(usage), 0, 0)
        }
        Some(kind) if kind.ends_with(".delta") => {
            let text_bytes = chunk.delta.as_ref().and_then(Value::as_str).map_or(0, |text| text.len() as u64);
            (Said::Beside(None), u64::from(text_bytes > 0), text_bytes)
        }
        _ => (Said::Beside(None), 0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn events(endpoint: Endpoint, wants_usage: bool, text: &str) -> Vec<Event> {
        let mut stream = Stream::new(endpoint, wants_usage);
        stream.push(text.as_bytes()).unwrap();
        std::iter::from_fn(|| stream.next_event()).collect()
    }

    fn passed(pieces: u64, text_bytes: u64, text: &'static str) -> Event {
        Event::Passes { bytes: Bytes::from_static(text.as_bytes()), pieces, text_bytes }
    }

    const USAGE: &str =
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n";

    #[test]
    fn a_chat_says_its_usage_alone() {
        let first = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n";
        let second = "data: {\"choices\":[{\"delta\":{\"content\":\"hey\"}}]}\n\n";
        let text = format!("{first}{second}: ping\n\n{USAGE}data: [DONE]\n\n");
        let found = events(Endpoint::Chat, true, &text);
        assert_eq!(found[..3], [passed(0, 0, first), passed(1, 3, second), passed(0, 0, ": ping\n\n")]);
        let Event::Usage(usage) = &found[3] else { panic!("{found:?}") };
        assert_eq!(usage.usage, Usage { input: 9, cached_input: 0, output: 2 });
        assert_eq!(found[4], Event::Done(Bytes::from_static(b"data: [DONE]\n\n")));
        let written = usage.clone().with_cost(Some(&json!({"cost": "0.1"})));
        let expected = "data: {\"choices\":[],\"id\":\"c\",\"tollbook\":{\"cost\":\"0.1\"},\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n";
        assert_eq!(written, expected.as_bytes());
        assert_eq!(usage.clone().with_cost(None), USAGE.as_bytes());
    }

    #[test]
    fn who_did_not_ask_for_the_usage_does_not_get_it() {
        let found = events(Endpoint::Chat, false, USAGE);
        let [Event::Usage(usage)] = &found[..] else { panic!("{found:?}") };
        assert!(usage.clone().with_cost(Some(&json!({}))).is_empty());
        let unreadable = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":-9}}\n\n";
        assert_eq!(events(Endpoint::Chat, false, unreadable), [passed(0, 0, "")]);
        assert_eq!(events(Endpoint::Chat, true, unreadable), [passed(0, 0, unreadable)]);
    }

    #[test]
    fn usage_beside_something_else_is_remembered() {
        let text =
            "data: {\"choices\":[{\"text\":\"hey\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n";
        let mut stream = Stream::new(Endpoint::Completions, false);
        stream.push(text.as_bytes()).unwrap();
        assert_eq!(stream.next_event(), Some(passed(1, 3, text)));
        assert_eq!(stream.said(), Some(Usage { input: 9, cached_input: 0, output: 1 }));
    }

    #[test]
    fn responses_end_with_their_usage() {
        let delta =
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hey\"}\n\n";
        let done = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":9,\"output_tokens\":2}}}\n\n";
        let found = events(Endpoint::Responses, false, &format!("{delta}{done}"));
        assert_eq!(found[0], passed(1, 3, delta));
        let Event::Usage(usage) = &found[1] else { panic!("{found:?}") };
        let written = usage.clone().with_cost(Some(&json!({"cost": "1"})));
        let expected = "event: response.completed\ndata: {\"response\":{\"id\":\"r\",\"tollbook\":{\"cost\":\"1\"},\"usage\":{\"input_tokens\":9,\"output_tokens\":2}},\"type\":\"response.completed\"}\n\n";
        assert_eq!(written, expected.as_bytes());
    }

    #[test]
    fn what_is_not_understood_counts_as_text() {
        assert_eq!(events(Endpoint::Chat, false, "data: hey\n\n"), [passed(1, 3, "data: hey\n\n")]);
        assert_eq!(events(Endpoint::Chat, false, "data: {}\n\n"), [passed(0, 0, "data: {}\n\n")]);
    }
}
