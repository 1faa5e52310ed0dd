//! Putting answers on the wire: as one JSON document, or as events one after the other; and what can go wrong with
//! either on its way.

use std::io;
use std::iter;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::Knobs;
use super::fault::{Fault, SLOW};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";
/// How much longer than it is an answer says that it is.
const LIE_BYTES: usize = 100;
/// Between the last piece and the end of the connection: what was written before is sent meanwhile.
const BEFORE_CUT: Duration = Duration::from_millis(5);
/// A slow answer that is not streamed comes in so many pieces.
const SLOW_PIECES: usize = 10;

/// A part of a body.
enum Piece {
    Bytes(Bytes),
    /// The connection is closed.
    Cut,
    /// Nothing more comes.
    Hang,
}

type Pieces = Box<dyn Iterator<Item = Piece> + Send>;

/// A body that comes piece by piece, with a pause before each.
fn body(pieces: Pieces, pause: Duration) -> Body {
    Body::from_stream(stream::iter(pieces).then(move |piece| async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        match piece {
            Piece::Bytes(bytes) => Ok(bytes),
            Piece::Cut => {
                tokio::time::sleep(BEFORE_CUT).await;
                Err(io::Error::other("cut, as it was asked for"))
            }
            Piece::Hang => std::future::pending().await,
        }
    }))
}

fn response(content_type: &'static str, length: Option<usize>, body: Body) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// What goes wrong before there is an answer, if it does. It may take for ever.
pub async fn instead(fault: Option<Fault>) -> Option<Response> {
    match fault? {
        Fault::Hang => std::future::pending().await,
        Fault::Redirect => {
            let to = (header::LOCATION, HeaderValue::from_static("/echo/redirected"));
            Some((StatusCode::FOUND, [to]).into_response())
        }
        Fault::Status(status) => {
            let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
            let message = format!("the upstream says {}, as it was asked to", status.as_u16());
            let error = json!({ "message": message, "type": kind, "param": null, "code": "demo_fault" });
            Some((status, axum::Json(json!({ "error": error }))).into_response())
        }
        _ => None,
    }
}

/// One JSON document.
pub fn document(document: &Value, knobs: Knobs) -> Response {
    bytes(JSON, document.to_string().into_bytes().into(), knobs.fault)
}

/// A body that is known as a whole.
pub fn bytes(content_type: &'static str, whole: Bytes, fault: Option<Fault>) -> Response {
    let half = || whole.slice(..whole.len() / 2);
    let then = |first: Bytes, last: Piece| -> Pieces { Box::new([Piece::Bytes(first), last].into_iter()) };
    match fault {
        Some(Fault::CloseEarly) => response(content_type, None, body(then(half(), Piece::Cut), Duration::ZERO)),
        Some(Fault::HangMidway) => {
            response(content_type, Some(whole.len()), body(then(half(), Piece::Hang), Duration::ZERO))
        }
        Some(Fault::WrongLength) => {
            let length = whole.len() + LIE_BYTES;
            response(content_type, Some(length), body(then(whole, Piece::Cut), Duration::ZERO))
        }
        Some(Fault::Endless) => {
            let blanks = Bytes::from(vec![b' '; 4 << 10]);
            let pieces = iter::once(whole).chain(iter::repeat(blanks)).map(Piece::Bytes);
            response(content_type, None, body(Box::new(pieces), super::fault::ENDLESS))
        }
        Some(Fault::Slow) => {
            let length = whole.len();
            let pieces = split(&whole, length.div_ceil(SLOW_PIECES)).into_iter().map(Piece::Bytes);
            response(content_type, None, body(Box::new(pieces), SLOW))
        }
        Some(Fault::Garbage) => response(content_type, None, Body::from("{\"this\": is no JSON")),
        _ => response(content_type, None, Body::from(whole)),
    }
}

/// The same in pieces of this size, and without a length.
pub fn chunked(content_type: &'static str, whole: &Bytes, size: usize, knobs: Knobs) -> Response {
    let pieces = split(whole, size).into_iter();
    response(content_type, None, body(go_wrong(pieces, knobs.fault), knobs.token_pause))
}

fn split(whole: &Bytes, size: usize) -> Vec<Bytes> {
    let size = size.max(1);
    (0..whole.len()).step_by(size).map(|begin| whole.slice(begin..whole.len().min(begin + size))).collect()
}

/// Events, each ready to be sent.
pub fn events(events: Vec<String>, knobs: Knobs) -> Response {
    let length = match knobs.fault {
        Some(Fault::WrongLength) => Some(events.iter().map(String::len).sum::<usize>() + LIE_BYTES),
        _ => None,
    };
    let pieces = events.into_iter().map(Bytes::from);
    let mut response = response(EVENTS, length, body(go_wrong(pieces, knobs.fault), knobs.token_pause));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Pieces as they come when something goes wrong with them.
fn go_wrong(pieces: impl ExactSizeIterator<Item = Bytes> + Send + 'static, fault: Option<Fault>) -> Pieces {
    let half = pieces.len() / 2;
    match fault {
        Some(Fault::CloseEarly) => Box::new(pieces.take(half).map(Piece::Bytes).chain([Piece::Cut])),
        Some(Fault::HangMidway) => Box::new(pieces.take(half).map(Piece::Bytes).chain([Piece::Hang])),
        Some(Fault::WrongLength) => Box::new(pieces.map(Piece::Bytes).chain([Piece::Cut])),
        Some(Fault::Garbage) => {
            let garbage = Bytes::from_static(b"data: {\"this\": is no JSON\n\n");
            let pieces = pieces.enumerate().flat_map(move |(index, piece)| {
                let before = (index == half).then(|| garbage.clone());
                before.into_iter().chain([piece])
            });
            Box::new(pieces.map(Piece::Bytes))
        }
        Some(Fault::Endless) => {
            // The last are the end of the answer, which does not come.
            let pieces: Vec<Bytes> = pieces.take(half).collect();
            let last = pieces.last().cloned().unwrap_or_else(|| Bytes::from_static(b": nothing\n\n"));
            Box::new(pieces.into_iter().chain(iter::repeat(last)).map(Piece::Bytes))
        }
        _ => Box::new(pieces.map(Piece::Bytes)),
    }
}

/// An event with data alone.
pub fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// An event with a name.
pub fn named_event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
