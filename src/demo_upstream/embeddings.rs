//! Embeddings: numbers that follow from the text and mean nothing.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ask::{self, Prompt, Refused};
use super::delivery;
use super::fault::Usage;
use super::text::Seed;
use super::{Demo, Knobs, Shared};

/// How many numbers an embedding has when nobody says, and at most.
const DIMENSIONS: u64 = 8;
const DIMENSIONS_MAX: u64 = 3_072;
/// The most inputs of one request.
const INPUTS_MAX: usize = 2_048;

/// `POST /v1/embeddings`.
pub async fn create_embeddings(State(demo): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let (document, knobs) = match answer(&demo, &headers, &body) {
        Ok(answered) => answered,
        Err(refused) => return refused.into_response(),
    };
    match delivery::instead(knobs.fault).await {
        Some(response) => response,
        None => delivery::document(&document, knobs),
    }
}

fn answer(demo: &Demo, headers: &HeaderMap, body: &[u8]) -> Result<(Value, Knobs), Refused> {
    let body = ask::object(body)?;
    let model = ask::model(&body)?;
    let knobs = Knobs::of(demo, headers, &model);
    let dimensions = ask::count(&body, "dimensions")?.unwrap_or(DIMENSIONS);
    if dimensions > DIMENSIONS_MAX {
        return Err(Refused::member("dimensions", "must be at most 3072"));
    }
    let inputs = ask::inputs(&body, "input")?;
    if inputs.len() > INPUTS_MAX {
        return Err(Refused::member("input", "must have at most 2048 entries"));
    }
    let as_base64 = body.get("encoding_format").is_some_and(|format| format == "base64");
    let (mut data, mut tokens) = (Vec::new(), 0);
    for (index, input) in inputs.iter().enumerate() {
        let mut prompt = Prompt::to(&model);
        prompt.add_input(input, "input")?;
        tokens += prompt.tokens;
        let numbers = numbers(prompt.seed, dimensions);
        let embedding = if as_base64 {
            let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
            json!(STANDARD.encode(bytes))
        } else {
            json!(numbers)
        };
        data.push(json!({ "object": "embedding", "index": index, "embedding": embedding }));
    }
    let mut document = json!({ "object": "list", "data": data, "model": model });
    if let Some(usage) = Usage::told(tokens, 0, 0, knobs.fault) {
        document["usage"] = usage.of_embeddings();
    }
    Ok((document, knobs))
}

/// So many numbers from -1 to 1, in steps that a float of either width has exactly.
fn numbers(mut seed: Seed, dimensions: u64) -> Vec<f32> {
    let mut numbers = Vec::new();
    for _ in 0..dimensions {
        seed = seed.following();
        let step = u16::try_from(seed.bits() % 2_049).unwrap_or(0);
        numbers.push((f32::from(step) - 1_024.0) / 1_024.0);
    }
    numbers
}
