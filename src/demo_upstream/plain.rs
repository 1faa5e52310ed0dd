//! Paths that have nothing to do with models: what came, and so many bytes.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONNECTION, HeaderName, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;

use super::ask::Refused;
use super::{Knobs, Shared, delivery};

/// The most bytes that can be asked for: 1 GiB.
const BYTES_MAX: usize = 1 << 30;
/// Streamed bytes come in pieces of this size.
const PIECE_BYTES: usize = 16 << 10;
const BINARY: &str = "application/octet-stream";

/// Any method on `/echo`: what came. The answer has headers that concern one connection only, a cookie, and a cost
/// that nobody but Tollbook may tell: a proxy must pass on the second alone.
pub async fn echo(State(demo): Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let knobs = Knobs::of(&demo, &parts.headers, "");
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in &parts.headers {
        headers.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let Some(body_bytes) = length(body).await else {
        return Refused::member("body", "the body did not come to its end").into_response();
    };
    let echo = json!({
        "method": parts.method.as_str(), "path": parts.uri.path(), "query": parts.uri.query(), "headers": headers,
        "body_bytes": body_bytes,
    });
    if let Some(response) = delivery::instead(knobs.fault).await {
        return response;
    }
    let mut response = delivery::document(&echo, knobs);
    let told = [
        (CONNECTION, "x-demo-hop"),
        (HeaderName::from_static("x-demo-hop"), "for this connection"),
        (HeaderName::from_static("keep-alive"), "timeout=5"),
        (HeaderName::from_static("proxy-authenticate"), "Basic"),
        (SET_COOKIE, "demo=1; Path=/"),
        (HeaderName::from_static("x-tollbook-cost"), "999"),
        (HeaderName::from_static("payment-response"), "bm90aGluZw=="),
    ];
    response.headers_mut().extend(told.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// How many bytes a body has; `None` when it breaks off.
async fn length(body: Body) -> Option<u64> {
    let (mut pieces, mut bytes) = (body.into_data_stream(), 0);
    while let Some(piece) = pieces.next().await {
        bytes += piece.ok()?.len() as u64;
    }
    Some(bytes)
}

/// How bytes are to come.
#[derive(Debug, Deserialize)]
pub struct BytesParams {
    /// In pieces, without a length.
    #[serde(default)]
    stream: bool,
}

/// `GET /bytes/{count}`: the digits from 0 to 9, again and again.
pub async fn bytes(
    State(demo): Shared,
    Path(count): Path<usize>,
    Query(params): Query<BytesParams>,
    headers: HeaderMap,
) -> Response {
    let knobs = Knobs::of(&demo, &headers, "");
    if count > BYTES_MAX {
        return Refused::member("count", "must be at most 1073741824").into_response();
    }
    if let Some(response) = delivery::instead(knobs.fault).await {
        return response;
    }
    let whole: Bytes = b"0123456789".iter().copied().cycle().take(count).collect::<Vec<u8>>().into();
    if params.stream {
        delivery::chunked(BINARY, &whole, PIECE_BYTES, knobs)
    } else {
        delivery::bytes(BINARY, whole, knobs.fault)
    }
}
