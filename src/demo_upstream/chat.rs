//! Chat completions, and the older completions, which differ in what their choices look like.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::ask::{self, Prompt, Refused};
use super::delivery::{self, event};
use super::fault::Usage;
use super::text::Answer;
use super::{CREATED, Demo, Knobs, Shared};

const DONE: &str = "data: [DONE]\n\n";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Chat,
    Plain,
}

/// `POST /v1/chat/completions`.
pub async fn create_chat(State(demo): Shared, headers: HeaderMap, body: Bytes) -> Response {
    create(&demo, &headers, &body, Kind::Chat).await
}

/// `POST /v1/completions`.
pub async fn create_completion(State(demo): Shared, headers: HeaderMap, body: Bytes) -> Response {
    create(&demo, &headers, &body, Kind::Plain).await
}

async fn create(demo: &Demo, headers: &HeaderMap, body: &[u8], kind: Kind) -> Response {
    let (completion, knobs) = match Completion::read(demo, headers, body, kind) {
        Ok(read) => read,
        Err(refused) => return refused.into_response(),
    };
    if let Some(response) = delivery::instead(knobs.fault).await {
        return response;
    }
    if completion.stream {
        delivery::events(completion.chunks(knobs), knobs)
    } else {
        delivery::document(&completion.whole(knobs), knobs)
    }
}

/// What is answered.
struct Completion {
    kind: Kind,
    model: String,
    prompt: Prompt,
    answers: Vec<Answer>,
    stream: bool,
    include_usage: bool,
}

impl Completion {
    fn read(demo: &Demo, headers: &HeaderMap, body: &[u8], kind: Kind) -> Result<(Self, Knobs), Refused> {
        let body = ask::object(body)?;
        let model = ask::model(&body)?;
        let knobs = Knobs::of(demo, headers, &model);
        let mut prompt = Prompt::to(&model);
        let (mut max, mut prompts) = (ask::count(&body, "max_tokens")?, 1);
        match kind {
            Kind::Chat => {
                max = ask::count(&body, "max_completion_tokens")?.or(max);
                prompt.add_messages(messages(&body)?, "messages")?;
            }
            Kind::Plain => {
                let inputs = ask::inputs(&body, "prompt")?;
                prompts = inputs.len() as u64;
                inputs.iter().try_for_each(|input| prompt.add_input(input, "prompt"))?;
            }
        }
        let mut seed = prompt.seed;
        let answers = (0..ask::choices(&body)? * prompts).map(|_| {
            seed = seed.following();
            Answer::new(seed, knobs.tokens, max)
        });
        let answers = answers.collect();
        let (stream, include_usage) = (ask::flag(&body, "stream")?, ask::include_usage(&body));
        Ok((Self { kind, model, prompt, answers, stream, include_usage }, knobs))
    }

    /// What all objects of this answer have.
    fn envelope(&self, object: &str, choices: Vec<Value>) -> Value {
        let prefix = if self.kind == Kind::Chat { "chatcmpl" } else { "cmpl" };
        json!({
            "id": format!("{prefix}-{}", self.prompt.seed.hex()), "object": object, "created": CREATED,
            "model": self.model, "system_fingerprint": "fp_demo", "choices": choices,
        })
    }

    fn usage(&self, knobs: Knobs) -> Option<Value> {
        let output = self.answers.iter().map(|answer| answer.tokens).sum();
        Usage::told(self.prompt.tokens, self.prompt.cached, output, knobs.fault).map(Usage::of_completion)
    }

    fn whole(&self, knobs: Knobs) -> Value {
        let choices = self.answers.iter().enumerate().map(|(index, answer)| {
            let mut choice = json!({ "index": index, "logprobs": null, "finish_reason": answer.finish_reason() });
            match self.kind {
                Kind::Chat => {
                    choice["message"] = json!({ "role": "assistant", "content": answer.text(), "refusal": null });
                }
                Kind::Plain => choice["text"] = json!(answer.text()),
            }
            choice
        });
        let object = if self.kind == Kind::Chat { "chat.completion" } else { "text_completion" };
        let mut whole = self.envelope(object, choices.collect());
        if let Some(usage) = self.usage(knobs) {
            whole["usage"] = usage;
        }
        whole
    }

    /// A chunk with one choice.
    fn chunk(&self, index: usize, delta: Value, finish_reason: Option<&str>) -> String {
        let mut choice = json!({ "index": index, "logprobs": null, "finish_reason": finish_reason });
        let member = if self.kind == Kind::Chat { "delta" } else { "text" };
        choice[member] = delta;
        self.last_chunk(vec![choice], Value::Null)
    }

    fn last_chunk(&self, choices: Vec<Value>, usage: Value) -> String {
        let object = if self.kind == Kind::Chat { "chat.completion.chunk" } else { "text_completion" };
        let mut chunk = self.envelope(object, choices);
        if self.include_usage {
            chunk["usage"] = usage;
        }
        event(&chunk)
    }

    /// All events of the stream: who speaks, a token at a time of each choice in turn, why they end, and the usage
    /// when that was asked for.
    fn chunks(&self, knobs: Knobs) -> Vec<String> {
        let is_chat = self.kind == Kind::Chat;
        let mut chunks = Vec::new();
        if is_chat {
            let opening = || json!({ "role": "assistant", "content": "" });
            chunks.extend((0..self.answers.len()).map(|index| self.chunk(index, opening(), None)));
        }
        let mut speaking: Vec<_> = self.answers.iter().map(|answer| answer.deltas()).collect();
        let mut is_over = false;
        while !is_over {
            is_over = true;
            for (index, deltas) in speaking.iter_mut().enumerate() {
                let Some(token) = deltas.next() else { continue };
                is_over = false;
                let delta = if is_chat { json!({ "content": token }) } else { json!(token) };
                chunks.push(self.chunk(index, delta, None));
            }
        }
        for (index, answer) in self.answers.iter().enumerate() {
            let nothing = if is_chat { json!({}) } else { json!("") };
            chunks.push(self.chunk(index, nothing, Some(answer.finish_reason())));
        }
        if self.include_usage
            && let Some(usage) = self.usage(knobs)
        {
            chunks.push(self.last_chunk(Vec::new(), usage));
        }
        chunks.push(DONE.to_owned());
        chunks
    }
}

fn messages(body: &Map<String, Value>) -> Result<&[Value], Refused> {
    let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
    messages.map(Vec::as_slice).ok_or_else(|| Refused::member("messages", "must be a list with a message at least"))
}
