//! What an upstream says a model read and wrote, read with suspicion; and what is counted when it says nothing.

use serde::Deserialize;
use serde_json::Value;

/// No request has more tokens.
const TOKENS_MAX: u64 = 1_000_000_000;
/// So many bytes of text are a token, roughly, where nobody counted.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// All that was read.
    pub(crate) input: u64,
    /// The part of it that was remembered.
    pub(crate) cached_input: u64,
    /// What was written.
    pub(crate) output: u64,
}

/// Reads a `usage` object, of either interface. Numbers that are none, negative or absurd make it as good as
/// missing.
pub(crate) fn read(usage: &Value) -> Option<Usage> {
    let usage = usage.as_object()?;
    let count = |value: &Value| value.as_u64().filter(|count| *count <= TOKENS_MAX);
    // What is missing is nothing; what is there and wrong is wrong.
    let part = |names| match first(usage, names) {
        None | Some(Value::Null) => Some(0),
        Some(value) => count(value),
    };
    let input = first(usage, ["prompt_tokens", "input_tokens"]).and_then(count)?;
    let output = part(["completion_tokens", "output_tokens"])?;
    let details = first(usage, ["prompt_tokens_details", "input_tokens_details"]);
    let cached_input = match details.and_then(|details| details.get("cached_tokens")) {
        None | Some(Value::Null) => 0,
        Some(value) => count(value)?,
    };
    (cached_input <= input).then_some(Usage { input, cached_input, output })
}

fn first<'a>(usage: &'a serde_json::Map<String, Value>, names: [&str; 2]) -> Option<&'a Value> {
    names.into_iter().find_map(|name| usage.get(name))
}

/// Counts when nobody else did: a token for four bytes of what was read; of what was written the same, or one for
/// each piece of the stream, whichever is more.
pub(crate) fn estimate(input_bytes: u64, pieces: u64, output_bytes: u64) -> Usage {
    Usage {
        input: input_bytes.div_ceil(BYTES_PER_TOKEN),
        cached_input: 0,
        output: pieces.max(output_bytes.div_ceil(BYTES_PER_TOKEN)),
    }
}

/// What is looked at of an answer that is not streamed.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    #[serde(default)]
    usage: Option<Value>,
}

/// The usage of an answer that is not streamed; `None` when it says none that can be believed.
pub(crate) fn of_answer(body: &[u8]) -> Option<Usage> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    read(&answer.usage?)
}

/// How much text an answer has that says nothing of its usage: the strings of what a model wrote. One that is not
/// JSON is all text.
pub(crate) fn text_bytes(body: &[u8]) -> u64 {
    let Ok(Value::Object(answer)) = serde_json::from_slice::<Value>(body) else { return body.len() as u64 };
    ["choices", "output"].iter().filter_map(|name| answer.get(*name)).map(written).sum()
}

/// The text of what a model wrote, wherever it stands.
pub(crate) fn written(value: &Value) -> u64 {
    match value {
        Value::Array(parts) => parts.iter().map(written).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                (
                    "content" | "text" | "arguments" | "refusal" | "reasoning" | "reasoning_content",
                    Value::String(text),
                ) => text.len() as u64,
                (_, Value::String(_)) => 0,
                (_, value) => written(value),
            })
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn both_interfaces_are_read() {
        let chat = json!({"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0}});
        assert_eq!(read(&chat), Some(Usage { input: 20, cached_input: 8, output: 5 }));
        let responses = json!({"input_tokens": 20, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 8}});
        assert_eq!(read(&responses), read(&chat));
        let embeddings = json!({"prompt_tokens": 7, "total_tokens": 7});
        assert_eq!(read(&embeddings), Some(Usage { input: 7, cached_input: 0, output: 0 }));
        let nulls = json!({"prompt_tokens": 7, "completion_tokens": null, "prompt_tokens_details": null});
        assert_eq!(read(&nulls), read(&embeddings));
        assert_eq!(of_answer(br#"{"id":"x","usage":{"prompt_tokens":7}}"#), read(&embeddings));
    }

    #[test]
    fn what_cannot_be_believed_is_missing() {
        for wrong in [
            json!(null),
            json!([]),
            json!({}),
            json!({"completion_tokens": 5}),
            json!({"prompt_tokens": -1, "completion_tokens": 5}),
            json!({"prompt_tokens": 1, "completion_tokens": -5}),
            json!({"prompt_tokens": 1.5, "completion_tokens": 5}),
            json!({"prompt_tokens": "1", "completion_tokens": 5}),
            json!({"prompt_tokens": 1_000_000_001, "completion_tokens": 5}),
            json!({"prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}}),
            json!({"prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": -1}}),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
        for body in [&b""[..], b"[]", b"{}", b"not json", br#"{"usage":null}"#, br#"{"usage":{"prompt_tokens":1e999}}"#]
        {
            assert_eq!(of_answer(body), None);
        }
    }

    #[test]
    fn what_nobody_counted_is_counted() {
        assert_eq!(estimate(10, 0, 9), Usage { input: 3, cached_input: 0, output: 3 });
        assert_eq!(estimate(0, 7, 9), Usage { input: 0, cached_input: 0, output: 7 });
        let chat = br#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"12345",
            "tool_calls":[{"id":"call_1","function":{"name":"f","arguments":"{}"}}]}}]}"#;
        assert_eq!(text_bytes(chat), 7);
        let responses = br#"{"output":[{"type":"message","id":"m","content":[{"type":"output_text","text":"1234"}]}]}"#;
        assert_eq!(text_bytes(responses), 4);
        assert_eq!((text_bytes(b"plain"), text_bytes(b"{}")), (5, 0));
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_not(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(usage) = of_answer(&body) {
                prop_assert!(usage.cached_input <= usage.input && usage.input <= TOKENS_MAX);
            }
            let _ = text_bytes(&body);
        }
    }
}
