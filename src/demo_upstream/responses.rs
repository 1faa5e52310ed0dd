//! Responses: the newer form of chat completions, with events of its own.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::ask::{self, Prompt, Refused};
use super::delivery::{self, named_event};
use super::fault::Usage;
use super::text::Answer;
use super::{CREATED, Demo, Knobs, Shared};

/// `POST /v1/responses`.
pub async fn create_response(State(demo): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let (asked, knobs) = match Asked::read(&demo, &headers, &body) {
        Ok(read) => read,
        Err(refused) => return refused.into_response(),
    };
    if let Some(response) = delivery::instead(knobs.fault).await {
        return response;
    }
    if asked.stream {
        delivery::events(asked.events(knobs), knobs)
    } else {
        delivery::document(&asked.whole(knobs), knobs)
    }
}

struct Asked {
    model: String,
    instructions: Option<String>,
    prompt: Prompt,
    max: Option<u64>,
    answer: Answer,
    stream: bool,
}

impl Asked {
    fn read(demo: &Demo, headers: &HeaderMap, body: &[u8]) -> Result<(Self, Knobs), Refused> {
        let body = ask::object(body)?;
        let model = ask::model(&body)?;
        let knobs = Knobs::of(demo, headers, &model);
        let mut prompt = Prompt::to(&model);
        let instructions = body.get("instructions").and_then(Value::as_str).map(str::to_owned);
        if let Some(instructions) = &instructions {
            prompt.add_instructions(instructions);
        }
        match body.get("input") {
            Some(Value::Array(messages)) => prompt.add_messages(messages, "input")?,
            Some(text @ Value::String(_)) => prompt.add_input(text, "input")?,
            _ => return Err(Refused::member("input", "must be a text or a list of messages")),
        }
        let max = ask::count(&body, "max_output_tokens")?;
        let answer = Answer::new(prompt.seed.following(), knobs.tokens, max);
        let stream = ask::flag(&body, "stream")?;
        Ok((Self { model, instructions, prompt, max, answer, stream }, knobs))
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.prompt.seed.hex())
    }

    /// The response with this status; what it says is in it once it has ended.
    fn response(&self, status: &str, output: Vec<Value>, usage: Option<Value>) -> Value {
        let incomplete = (status == "incomplete").then(|| json!({ "reason": "max_output_tokens" }));
        json!({
            "id": self.id("resp"), "object": "response", "created_at": CREATED, "status": status, "error": null,
            "incomplete_details": incomplete, "instructions": self.instructions, "max_output_tokens": self.max,
            "model": self.model, "output": output, "parallel_tool_calls": true, "previous_response_id": null,
            "store": false, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "metadata": {},
            "usage": usage,
        })
    }

    fn part(text: &str) -> Value {
        json!({ "type": "output_text", "text": text, "annotations": [] })
    }

    fn message(&self, status: &str, content: Vec<Value>) -> Value {
        let id = self.id("msg");
        json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content })
    }

    const fn status(&self) -> &'static str {
        if self.answer.is_cut { "incomplete" } else { "completed" }
    }

    fn whole(&self, knobs: Knobs) -> Value {
        let usage = Usage::told(self.prompt.tokens, self.prompt.cached, self.answer.tokens, knobs.fault);
        let message = self.message(self.status(), vec![Self::part(&self.answer.text())]);
        self.response(self.status(), vec![message], usage.map(Usage::of_response))
    }

    /// All events of the stream. The last one has the whole response with its usage.
    fn events(&self, knobs: Knobs) -> Vec<String> {
        let mut events = Vec::new();
        let mut send = |name: &str, mut data: Value| {
            data["type"] = json!(name);
            data["sequence_number"] = json!(events.len());
            events.push(named_event(name, &data));
        };
        let (item, text) = (self.id("msg"), self.answer.text());
        let within = || json!({ "item_id": item, "output_index": 0, "content_index": 0 });
        let with = |member: &str, value: Value| {
            let mut data = within();
            data[member] = value;
            data
        };
        for name in ["response.created", "response.in_progress"] {
            send(name, json!({ "response": self.response("in_progress", Vec::new(), None) }));
        }
        let begun = self.message("in_progress", Vec::new());
        send("response.output_item.added", json!({ "output_index": 0, "item": begun }));
        send("response.content_part.added", with("part", Self::part("")));
        for token in self.answer.deltas() {
            send("response.output_text.delta", with("delta", json!(token)));
        }
        send("response.output_text.done", with("text", json!(text)));
        send("response.content_part.done", with("part", Self::part(&text)));
        let message = self.message(self.status(), vec![Self::part(&text)]);
        send("response.output_item.done", json!({ "output_index": 0, "item": message }));
        let name = if self.answer.is_cut { "response.incomplete" } else { "response.completed" };
        send(name, json!({ "response": self.whole(knobs) }));
        events
    }
}
