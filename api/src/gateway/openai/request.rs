//! What is asked of a model, and the most that it can come to.
//!
//! The body's outermost object is taken apart and written again, with what has to be in it: so a field that stands
//! there twice cannot mean one thing here and another upstream. Everything inside stays as it came, digit by digit.
//!
//! The bound of what is read: a token of a byte-level vocabulary has at least one byte, a message has a few of its
//! own, and a picture is taken for [`IMAGE_TOKENS`]. The bound of what is written is what the caller asks for, or
//! the route's most, which then is asked for.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::problem::Problem;

/// What surrounds a message, at most.
const MESSAGE_TOKENS: u64 = 16;
/// What a picture, or a file that is only named, is taken for.
const IMAGE_TOKENS: u64 = 2_000;
/// Answers to one question.
const CHOICES_MAX: u64 = 16;
/// The longest name of a model that is looked up.
const MODEL_BYTES_MAX: usize = 256;

/// What an `openai` route is asked for; the end of the path says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/chat/completions`
    Chat,
    /// `/completions`
    Completions,
    /// `/embeddings`
    Embeddings,
    /// `/responses`
    Responses,
    /// `/models` and `/models/{model}`
    Models,
    /// Anything else.
    Other,
}

impl Endpoint {
    /// By method and path.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let mut segments = path.trim_end_matches('/').rsplit('/');
        let (last, before) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        match (method.as_str(), before, last) {
            ("POST", "chat", "completions") => Self::Chat,
            ("POST", _, "completions") => Self::Completions,
            ("POST", _, "embeddings") => Self::Embeddings,
            ("POST", _, "responses") => Self::Responses,
            ("GET", _, "models") | ("GET", "models", _) => Self::Models,
            _ => Self::Other,
        }
    }

    /// Whether a model's tokens are what it costs.
    pub(crate) const fn asks_model(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Embeddings | Self::Responses)
    }

    /// The fields that say how much may be written; the first one is set when there is none.
    const fn output_fields(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["max_tokens", "max_completion_tokens"],
            Self::Completions => &["max_tokens"],
            Self::Responses => &["max_output_tokens"],
            Self::Embeddings | Self::Models | Self::Other => &[],
        }
    }

    /// Whether its usage comes in the stream only when it is asked for.
    const fn has_stream_options(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }
}

/// What is asked, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    /// For this.
    pub(crate) endpoint: Endpoint,
    /// The model, as the caller names it.
    pub(crate) model: String,
    /// Tokens that are read, at most.
    pub(crate) input_max: u64,
    /// Tokens that are written, at most.
    pub(crate) output_max: u64,
    /// Bytes of text that are read: what is counted when the upstream does not.
    pub(crate) text_bytes: u64,
    /// Whether the caller wants the usage in the stream.
    pub(crate) wants_usage: bool,
    /// The body for the upstream.
    pub(crate) body: Bytes,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Reads what is asked. `output_tokens_max` is the route's.
pub(crate) fn read(endpoint: Endpoint, body: &[u8], output_tokens_max: u32) -> Result<Asked, Problem> {
    let invalid = |e: serde_json::Error| Problem::new(400, "invalid_json", format!("the body is no JSON object: {e}"));
    // Outlive the fields, which may come to refer to them.
    let default_output;
    let stream_options;
    let mut fields: Fields<'_> = serde_json::from_slice(body).map_err(invalid)?;
    let model = model(&fields)?;
    if flag(&fields, "background")? {
        // What runs on when the answer is there cannot be charged with it.
        let detail = "background must be false: what it costs would not be known";
        return Err(Problem::bad_request("unsupported_parameter", "background", detail));
    }
    for name in ["previous_response_id", "conversation"] {
        if fields.get(name).is_some_and(|value| value.get() != "null") {
            // All customers of an organization are one to its upstream, so it may also be another one's.
            let detail = format!("{name}: what is not in the request is not priced: send it with the request");
            return Err(Problem::bad_request("unsupported_parameter", name, detail));
        }
    }
    if fields.get("prompt").is_some_and(|value| value.get().starts_with('{')) {
        let detail = "prompt: one that is stored elsewhere is not priced: send its text";
        return Err(Problem::bad_request("unsupported_parameter", "prompt", detail));
    }
    let read = count(&fields)?;
    let choices = choices(endpoint, &fields)?;
    let (is_stream, wants_usage) = (flag(&fields, "stream")?, wants_usage(&fields)?);
    let output = output(endpoint, &fields, output_tokens_max)?;
    if let (None, Some(name)) = (output, endpoint.output_fields().first()) {
        default_output = raw(&json!(output_tokens_max))?;
        fields.insert((*name).to_owned(), &default_output);
    }
    if is_stream && endpoint.has_stream_options() {
        stream_options = with_usage(fields.get("stream_options").copied())?;
        fields.insert("stream_options".to_owned(), &stream_options);
    }
    let most = match endpoint.output_fields() {
        [] => 0,
        _ => output.unwrap_or(u64::from(output_tokens_max)),
    };
    let body = serde_json::to_vec(&fields).map_err(|e| Problem::internal().caused_by(e))?;
    Ok(Asked {
        endpoint,
        model,
        input_max: read.most(),
        output_max: most.saturating_mul(choices).saturating_mul(read.questions(endpoint)),
        text_bytes: read.text_bytes,
        wants_usage,
        body: body.into(),
    })
}

fn raw(value: &Value) -> Result<Box<RawValue>, Problem> {
    serde_json::value::to_raw_value(value).map_err(|e| Problem::internal().caused_by(e))
}

fn value(fields: &Fields<'_>, name: &str) -> Result<Value, Problem> {
    let Some(raw) = fields.get(name) else { return Ok(Value::Null) };
    serde_json::from_str(raw.get()).map_err(|e| Problem::new(400, "invalid_json", e.to_string()))
}

fn wrong(name: &str, must: &str) -> Problem {
    Problem::bad_request("invalid_request", name, format!("{name} must be {must}"))
}

fn model(fields: &Fields<'_>) -> Result<String, Problem> {
    match value(fields, "model")? {
        Value::String(model) if (1..=MODEL_BYTES_MAX).contains(&model.len()) => Ok(model),
        Value::Null => Err(Problem::bad_request("missing_field", "model", "say which model: model")),
        _ => Err(wrong("model", &format!("a string of 1 to {MODEL_BYTES_MAX} bytes"))),
    }
}

fn flag(fields: &Fields<'_>, name: &str) -> Result<bool, Problem> {
    match value(fields, name)? {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(flag),
        _ => Err(wrong(name, "true or false")),
    }
}

fn number(fields: &Fields<'_>, name: &str) -> Result<Option<u64>, Problem> {
    match value(fields, name)? {
        Value::Null => Ok(None),
        value => value.as_u64().map(Some).ok_or_else(|| wrong(name, "a whole number that is not negative")),
    }
}

/// How many answers to each question are written.
fn choices(endpoint: Endpoint, fields: &Fields<'_>) -> Result<u64, Problem> {
    let mut most = 1;
    let names: &[&str] = match endpoint {
        Endpoint::Chat => &["n"],
        Endpoint::Completions => &["n", "best_of"],
        _ => &[],
    };
    for name in names {
        let asked = number(fields, name)?.unwrap_or(1).max(1);
        if asked > CHOICES_MAX {
            let detail = format!("{name} must be at most {CHOICES_MAX}");
            return Err(Problem::bad_request("too_many_choices", name, detail).with("limit", json!(CHOICES_MAX)));
        }
        most = asked.max(most);
    }
    Ok(most)
}

/// What may be written for each answer; `None` when the caller does not say.
fn output(endpoint: Endpoint, fields: &Fields<'_>, output_tokens_max: u32) -> Result<Option<u64>, Problem> {
    let mut most = None;
    for name in endpoint.output_fields() {
        let Some(asked) = number(fields, name)? else { continue };
        if asked > u64::from(output_tokens_max) {
            let detail = format!("{name} must be at most {output_tokens_max} on this route");
            let problem = Problem::bad_request("max_tokens_above_limit", name, detail);
            return Err(problem.with("limit", json!(output_tokens_max)));
        }
        // Which of two counts, the upstream decides.
        most = most.max(Some(asked));
    }
    Ok(most)
}

fn wants_usage(fields: &Fields<'_>) -> Result<bool, Problem> {
    match value(fields, "stream_options")? {
        Value::Null => Ok(false),
        Value::Object(options) => match options.get("include_usage") {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(wanted)) => Ok(*wanted),
            Some(_) => Err(wrong("stream_options.include_usage", "true or false")),
        },
        _ => Err(wrong("stream_options", "an object")),
    }
}

/// The options of the stream, with its usage in any case.
fn with_usage(options: Option<&RawValue>) -> Result<Box<RawValue>, Problem> {
    let mut options = match options.map(|options| serde_json::from_str(options.get())) {
        Some(Ok(Value::Object(options))) => options,
        _ => serde_json::Map::new(),
    };
    options.insert("include_usage".to_owned(), Value::Bool(true));
    raw(&Value::Object(options))
}

/// What there is to read.
#[derive(Debug, Default)]
struct Read {
    text_bytes: u64,
    /// Tokens that are given as numbers.
    tokens: u64,
    messages: u64,
    images: u64,
    /// Prompts of one request, where each is answered on its own.
    prompts: u64,
}

impl Read {
    fn most(&self) -> u64 {
        self.text_bytes + self.tokens + self.messages * MESSAGE_TOKENS + self.images * IMAGE_TOKENS
    }

    fn questions(&self, endpoint: Endpoint) -> u64 {
        if endpoint == Endpoint::Completions { self.prompts.max(1) } else { 1 }
    }

    fn take(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text_bytes += text.len() as u64,
            Value::Number(_) => self.tokens += 1,
            Value::Array(parts) => parts.iter().for_each(|part| self.take(part)),
            Value::Object(fields) => self.take_object(fields),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn take_object(&mut self, fields: &serde_json::Map<String, Value>) {
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
        let is_image = matches!(kind, "image_url" | "input_image" | "image");
        if is_image || ["file_id", "file_url"].iter().any(|name| fields.contains_key(*name)) {
            self.images += 1;
        }
        for (name, value) in fields {
            match name.as_str() {
                // What a message's own few tokens stand for, and what is no text.
                "type" | "role" | "id" | "call_id" | "tool_call_id" | "status" | "detail" | "format" | "filename"
                | "file_id" | "file_url" => {}
                "image_url" | "source" if is_image => {}
                _ => self.take(value),
            }
        }
    }
}

/// Counts what there is to read: messages and prompts by their text, tools and schemas by all of their JSON.
fn count(fields: &Fields<'_>) -> Result<Read, Problem> {
    let mut read = Read::default();
    for (name, field) in fields {
        match name.as_str() {
            "messages" | "input" | "prompt" => {
                let value = value(fields, name)?;
                // A list of numbers is one prompt.
                let count = match value.as_array() {
                    Some(items) if !items.iter().all(Value::is_number) => items.len() as u64,
                    _ => 1,
                };
                read.messages += count;
                read.prompts += count;
                read.take(&value);
            }
            "instructions" | "suffix" => {
                read.messages += 1;
                read.take(&value(fields, name)?);
            }
            "tools" | "functions" | "response_format" | "text" | "tool_choice" | "function_call" | "prediction" => {
                read.text_bytes += field.get().len() as u64;
            }
            _ => {}
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(endpoint: Endpoint, body: Value) -> Asked {
        read(endpoint, body.to_string().as_bytes(), 1_000).unwrap()
    }

    fn told(endpoint: Endpoint, body: &str) -> Option<(u16, &'static str, Value)> {
        let problem = read(endpoint, body.as_bytes(), 1_000).err()?;
        Some((problem.status, problem.code, problem.fields.get("param").cloned().unwrap_or_default()))
    }

    fn sent(asked: &Asked) -> Value {
        serde_json::from_slice(&asked.body).unwrap()
    }

    #[test]
    fn the_end_of_the_path_says_what_is_asked() {
        for (method, path, endpoint) in [
            (Method::POST, "/v1/chat/completions", Endpoint::Chat),
            (Method::POST, "/chat/completions/", Endpoint::Chat),
            (Method::POST, "/v1/completions", Endpoint::Completions),
            (Method::POST, "/embeddings", Endpoint::Embeddings),
            (Method::POST, "/v1/responses", Endpoint::Responses),
            (Method::GET, "/v1/models", Endpoint::Models),
            (Method::GET, "/v1/models/gpt-4o", Endpoint::Models),
            (Method::DELETE, "/v1/models/gpt-4o", Endpoint::Other),
            (Method::GET, "/v1/chat/completions", Endpoint::Other),
            (Method::POST, "/v1/responses/resp_1/cancel", Endpoint::Other),
            (Method::POST, "/", Endpoint::Other),
        ] {
            assert_eq!(Endpoint::of(&method, path), endpoint, "{method} {path}");
        }
    }

    #[test]
    fn the_most_that_a_chat_can_come_to() {
        let chat = json!({"model": "m", "max_completion_tokens": 50, "n": 3, "messages": [
            {"role": "system", "content": "12345"},
            {"role": "user", "content": [
                {"type": "text", "text": "12345"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAAAAAAAAAAAAAA"}},
            ]},
        ], "tools": [{"type": "function"}]});
        let asked = asked(Endpoint::Chat, chat);
        let tools = r#"[{"type":"function"}]"#.len() as u64;
        assert_eq!(asked.text_bytes, 10 + tools);
        assert_eq!(asked.input_max, 10 + tools + 2 * 16 + 2_000);
        assert_eq!(asked.output_max, 150);
        assert_eq!(sent(&asked).get("max_tokens"), None, "what the caller says is enough");
    }

    #[test]
    fn what_is_not_said_is_the_routes_most() {
        let asked =
            asked(Endpoint::Chat, json!({"model": "m", "messages": [], "temperature": 0.7, "max_tokens": null}));
        assert_eq!((asked.output_max, sent(&asked)["max_tokens"].clone()), (1_000, json!(1_000)));
        let asked = self::asked(Endpoint::Responses, json!({"model": "m", "input": "12345"}));
        assert_eq!((asked.input_max, asked.output_max), (21, 1_000));
        assert_eq!(sent(&asked)["max_output_tokens"], json!(1_000));
        let asked =
            self::asked(Endpoint::Embeddings, json!({"model": "m", "input": ["12345", "1234"], "stream": true}));
        assert_eq!((asked.input_max, asked.output_max), (9 + 32, 0));
    }

    #[test]
    fn every_prompt_is_answered() {
        let prompts = json!({"model": "m", "prompt": ["a", "b", "c"], "max_tokens": 10, "n": 2, "best_of": 4});
        assert_eq!(asked(Endpoint::Completions, prompts).output_max, 10 * 4 * 3);
        let tokens = json!({"model": "m", "prompt": [1, 2, 3], "max_tokens": 10});
        let asked = asked(Endpoint::Completions, tokens);
        assert_eq!((asked.output_max, asked.input_max), (10, 3 + 16));
        let lists = json!({"model": "m", "prompt": [[1, 2], [3]], "max_tokens": 10});
        assert_eq!(self::asked(Endpoint::Completions, lists).output_max, 20);
    }

    #[test]
    fn a_stream_says_its_usage() {
        let body =
            json!({"model": "m", "messages": [], "stream": true, "stream_options": {"include_obfuscation": false}});
        let asked = asked(Endpoint::Chat, body);
        assert!(!asked.wants_usage);
        assert_eq!(sent(&asked)["stream_options"], json!({"include_usage": true, "include_obfuscation": false}));
        let body = json!({"model": "m", "messages": [], "stream": true, "stream_options": {"include_usage": true}});
        assert!(self::asked(Endpoint::Chat, body).wants_usage);
        let body = json!({"model": "m", "input": "x", "stream": true});
        assert_eq!(sent(&self::asked(Endpoint::Responses, body)).get("stream_options"), None);
    }

    #[test]
    fn what_is_inside_stays_as_it_came() {
        let body =
            r#"{"model":"m","messages":[{"content":"x","z":1.50,"a":1}],"top_p":1e-9,"model":"n","max_tokens":1}"#;
        let asked = read(Endpoint::Chat, body.as_bytes(), 1_000).unwrap();
        assert_eq!(asked.model, "n", "the last one counts");
        let written = r#"{"max_tokens":1,"messages":[{"content":"x","z":1.50,"a":1}],"model":"n","top_p":1e-9}"#;
        assert_eq!(&asked.body[..], written.as_bytes(), "and is the only one that the upstream sees");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let chat = |rest: &str| told(Endpoint::Chat, &format!(r#"{{"model":"m","messages":[]{rest}}}"#));
        let wrong = |code, param: &str| Some((400, code, json!(param)));
        assert_eq!(chat(""), None);
        assert_eq!(chat(r#","max_tokens":1001"#), wrong("max_tokens_above_limit", "max_tokens"));
        assert_eq!(
            chat(r#","max_completion_tokens":18446744073709551615"#),
            wrong("max_tokens_above_limit", "max_completion_tokens")
        );
        for value in ["-1", "1.5", "\"1\"", "[]"] {
            assert_eq!(chat(&format!(r#","max_tokens":{value}"#)), wrong("invalid_request", "max_tokens"), "{value}");
        }
        assert_eq!(chat(r#","n":17"#), wrong("too_many_choices", "n"));
        assert_eq!(chat(r#","stream":"yes""#), wrong("invalid_request", "stream"));
        assert_eq!(chat(r#","stream_options":[]"#), wrong("invalid_request", "stream_options"));
        assert_eq!(chat(r#","background":true"#), wrong("unsupported_parameter", "background"));
        for (name, value) in
            [("previous_response_id", "\"resp_1\""), ("conversation", "{}"), ("prompt", "{\"id\":\"p\"}")]
        {
            assert_eq!(chat(&format!(r#","{name}":{value}"#)), wrong("unsupported_parameter", name));
        }
        assert_eq!(told(Endpoint::Chat, "{}"), wrong("missing_field", "model"));
        assert_eq!(told(Endpoint::Chat, r#"{"model":1}"#), wrong("invalid_request", "model"));
        for garbage in ["", "[]", "null", "{", "\"x\"", "{\"model\":\"m\"}x"] {
            assert_eq!(told(Endpoint::Chat, garbage).map(|told| told.1), Some("invalid_json"), "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn a_text_has_no_more_tokens_than_bytes(texts in prop::collection::vec(".{0,20}", 0..5)) {
            let messages: Vec<Value> = texts.iter().map(|text| json!({"role": "user", "content": text})).collect();
            let bytes: usize = texts.iter().map(String::len).sum();
            let asked = asked(Endpoint::Chat, json!({"model": "m", "messages": messages}));
            prop_assert_eq!(asked.input_max, bytes as u64 + 16 * texts.len().max(1) as u64);
            prop_assert_eq!(&sent(&asked)["messages"], &json!(messages));
        }
    }
}
