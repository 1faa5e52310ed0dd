//! Reading requests, as far as an answer follows from them. What is not known is passed over, as the services that
//! speak this API do; what is known and wrong is refused in their form.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::text::{Seed, tokens};

/// What an image counts as.
const IMAGE_TOKENS: u64 = 85;
/// The most answers to one request.
const CHOICES_MAX: u64 = 128;

/// A request that cannot be answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    status: StatusCode,
    param: Option<&'static str>,
    message: String,
}

impl Refused {
    /// Because of this member of the body.
    pub fn member(param: &'static str, message: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, param: Some(param), message: message.to_owned() }
    }

    /// Because there is nothing.
    pub fn not_found(message: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, param: None, message: message.to_owned() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = json!({
            "message": self.message, "type": "invalid_request_error", "param": self.param, "code": null,
        });
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

/// The JSON object that a body is.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Refused {
            status: StatusCode::BAD_REQUEST,
            param: None,
            message: "the body is not a JSON object".to_owned(),
        }),
    }
}

/// The model's name, which every request has.
pub fn model(body: &Map<String, Value>) -> Result<String, Refused> {
    let name = body.get("model").and_then(Value::as_str).filter(|name| !name.is_empty());
    name.map(str::to_owned).ok_or_else(|| Refused::member("model", "you must provide a model parameter"))
}

/// The value of a member that is a flag; `false` when there is none.
pub fn flag(body: &Map<String, Value>, name: &'static str) -> Result<bool, Refused> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Refused::member(name, "must be true or false")),
    }
}

/// The value of a member that is a count from 1 on, if it is there.
pub fn count(body: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, Refused> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|count| *count > 0) {
            Some(count) => Ok(Some(count)),
            None => Err(Refused::member(name, "must be a whole number from 1 on")),
        },
    }
}

/// How many answers are asked for.
pub fn choices(body: &Map<String, Value>) -> Result<u64, Refused> {
    match count(body, "n")?.unwrap_or(1) {
        choices @ 1..=CHOICES_MAX => Ok(choices),
        _ => Err(Refused::member("n", "must be 1 to 128")),
    }
}

/// Whether a streamed answer is to end with its usage.
pub fn include_usage(body: &Map<String, Value>) -> bool {
    body.get("stream_options").is_some_and(|options| options["include_usage"] == true)
}

/// What an answer follows from, and what it counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// All its tokens.
    pub tokens: u64,
    /// Those that count as cached.
    pub cached: u64,
    /// What the answer follows from.
    pub seed: Seed,
}

impl Prompt {
    /// An empty one to this model.
    pub fn to(model: &str) -> Self {
        let mut seed = Seed::new();
        seed.add(model.as_bytes());
        Self { tokens: 0, cached: 0, seed }
    }

    fn add_text(&mut self, text: &str, is_cached: bool) {
        self.seed.add(text.as_bytes());
        let tokens = tokens(text);
        self.tokens += tokens;
        self.cached += if is_cached { tokens } else { 0 };
    }

    /// Adds instructions, which count as cached.
    pub fn add_instructions(&mut self, text: &str) {
        self.add_text(text, true);
    }

    /// Adds messages: each with a role, and content that is a text or a list of parts.
    pub fn add_messages(&mut self, messages: &[Value], param: &'static str) -> Result<(), Refused> {
        for message in messages {
            let Some(role) = message["role"].as_str() else {
                // Calls of tools and the like have no role in responses, and no text.
                if message["type"].is_string() {
                    continue;
                }
                return Err(Refused::member(param, "each message must have a role"));
            };
            let is_cached = matches!(role, "system" | "developer");
            match &message["content"] {
                Value::Null => {}
                Value::String(text) => self.add_text(text, is_cached),
                Value::Array(parts) => parts.iter().for_each(|part| self.add_part(part, is_cached)),
                _ => return Err(Refused::member(param, "the content of a message must be a text or a list")),
            }
        }
        Ok(())
    }

    fn add_part(&mut self, part: &Value, is_cached: bool) {
        match part["type"].as_str() {
            Some("image_url" | "input_image") => self.tokens += IMAGE_TOKENS,
            _ => {
                if let Some(text) = part["text"].as_str() {
                    self.add_text(text, is_cached);
                }
            }
        }
    }

    /// Adds an input: a text, or tokens as numbers.
    pub fn add_input(&mut self, input: &Value, param: &'static str) -> Result<(), Refused> {
        match input {
            Value::String(text) => self.add_text(text, false),
            Value::Array(numbers) if !numbers.is_empty() && numbers.iter().all(Value::is_u64) => {
                for number in numbers {
                    self.seed.add(number.to_string().as_bytes());
                }
                self.tokens += numbers.len() as u64;
            }
            _ => return Err(Refused::member(param, "must be a text, a list of texts, or a list of tokens")),
        }
        Ok(())
    }
}

/// The inputs of a member that has one or several.
pub fn inputs(body: &Map<String, Value>, param: &'static str) -> Result<Vec<Value>, Refused> {
    match body.get(param) {
        Some(Value::Array(items)) if items.is_empty() => Err(Refused::member(param, "must not be empty")),
        Some(Value::Array(items)) if !items.iter().all(Value::is_u64) => Ok(items.clone()),
        Some(one) => Ok(vec![one.clone()]),
        None => Err(Refused::member(param, "is missing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: Value) -> Map<String, Value> {
        object(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn messages_count_by_their_roles() {
        let mut prompt = Prompt::to("m");
        let messages = json!([
            { "role": "developer", "content": "a b" },
            { "role": "user", "content": [{ "type": "text", "text": "c d e" }, { "type": "image_url", "image_url": {} }] },
            { "role": "assistant", "content": null, "tool_calls": [] },
            { "type": "function_call_output", "output": "x" },
        ]);
        prompt.add_messages(messages.as_array().unwrap(), "messages").unwrap();
        assert_eq!((prompt.tokens, prompt.cached), (5 + IMAGE_TOKENS, 2));
        for wrong in [json!([{ "content": "a" }]), json!([{ "role": "user", "content": 1 }]), json!([1])] {
            assert!(Prompt::to("m").add_messages(wrong.as_array().unwrap(), "messages").is_err(), "{wrong}");
        }
    }

    #[test]
    fn inputs_are_texts_or_tokens() {
        let count = |value: Value| {
            let inputs = inputs(&body(json!({ "input": value })), "input")?;
            let mut prompt = Prompt::to("m");
            inputs.iter().try_for_each(|input| prompt.add_input(input, "input"))?;
            Ok::<_, Refused>((inputs.len(), prompt.tokens))
        };
        assert_eq!(count(json!("a b")), Ok((1, 2)));
        assert_eq!(count(json!(["a b", "c"])), Ok((2, 3)));
        assert_eq!(count(json!([5, 6, 7])), Ok((1, 3)));
        assert_eq!(count(json!([[5, 6], [7]])), Ok((2, 3)));
        for wrong in [json!([]), json!(null), json!(1), json!([[]]), json!([null])] {
            assert!(count(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert!(object(b"[1]").is_err() && object(b"{").is_err());
        assert!(model(&body(json!({ "model": "" }))).is_err());
        for wrong in [json!(0), json!(-1), json!(1.5), json!("3")] {
            let body = body(json!({ "max_tokens": wrong }));
            assert!(count(&body, "max_tokens").is_err(), "{wrong}");
        }
        assert_eq!(count(&body(json!({ "max_tokens": null })), "max_tokens"), Ok(None));
        assert!(choices(&body(json!({ "n": 129 }))).is_err());
        assert!(flag(&body(json!({ "stream": "yes" })), "stream").is_err());
    }
}
