//! Bodies of requests: read whole, up to the route's limit, and never more of them at a time than there is
//! memory for.
//!
//! What comes is counted as it comes, not as it was announced: a client that announces much and sends little
//! takes little.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::settings::{BODY_IDLE_MAX, BODY_WITHIN};
use crate::problem::Problem;

/// What a permit stands for.
const UNIT_BYTES: usize = 1 << 10;
/// The most that is made room for before anything has come.
const ROOM_BYTES_MAX: usize = 64 << 10;

/// Memory for bodies.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Semaphore>);

/// Memory that is taken, until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Taken(Option<OwnedSemaphorePermit>);

impl Memory {
    /// So much of it.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT_BYTES)))
    }

    /// Sees to it that so much is taken in all, when there is as much.
    pub(super) fn take(&self, taken: &mut Taken, bytes: usize) -> bool {
        let before = taken.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = (bytes.div_ceil(UNIT_BYTES)).saturating_sub(before);
        if missing == 0 {
            return true;
        }
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let Ok(permit) = self.0.clone().try_acquire_many_owned(missing) else { return false };
        match &mut taken.0 {
            Some(before) => before.merge(permit),
            None => taken.0 = Some(permit),
        }
        true
    }

    /// Waits for so much. Whoever waits must hold none of it.
    pub(super) async fn wait_for(&self, bytes: usize) -> Taken {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        Taken(self.0.clone().acquire_many_owned(units).await.ok())
    }
}

/// A body that was read.
#[derive(Debug, Default)]
pub(super) struct ReadBody {
    /// What it says.
    pub(super) bytes: Bytes,
    /// Its memory.
    pub(super) taken: Taken,
}

/// What the headers say of the body's length; `None` when they do not.
pub(super) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Refuses a body that is announced to be too large.
pub(super) fn check_announced(headers: &HeaderMap, bytes_max: u64) -> Result<(), Problem> {
    if announced(headers).is_some_and(|bytes| bytes > bytes_max) { Err(too_large(bytes_max)) } else { Ok(()) }
}

/// Reads a body.
pub(super) async fn read(
    body: Body,
    headers: &HeaderMap,
    bytes_max: u64,
    memory: &Memory,
) -> Result<ReadBody, Problem> {
    check_announced(headers, bytes_max)?;
    let announced = announced(headers);
    if announced == Some(0) {
        return Ok(ReadBody::default());
    }
    let until = Instant::now() + BODY_WITHIN;
    let mut chunks = body.into_data_stream();
    let mut taken = Taken::default();
    let mut first = Bytes::new();
    let mut joined: Vec<u8> = Vec::new();
    let mut length = 0usize;
    loop {
        let next = timeout_at(until, timeout(BODY_IDLE_MAX, chunks.next())).await;
        let Ok(Ok(next)) = next else { return Err(timed_out()) };
        let Some(chunk) = next else { break };
        let chunk =
            chunk.map_err(|e| Problem::new(400, "invalid_request", "the body could not be read").caused_by(e))?;
        if chunk.is_empty() {
            continue;
        }
        length += chunk.len();
        if length as u64 > bytes_max {
            return Err(too_large(bytes_max));
        }
        if !memory.take(&mut taken, length) {
            let detail = "too much is under way: nothing happened, send it again";
            return Err(Problem::unavailable("overloaded", detail).caused_by("no memory left for bodies"));
        }
        // Most bodies come in one piece, and need no copy.
        if first.is_empty() && joined.is_empty() {
            first = chunk;
            continue;
        }
        if joined.is_empty() {
            let room = announced.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
            joined.reserve(room.min(ROOM_BYTES_MAX).max(first.len() + chunk.len()));
            joined.extend_from_slice(&first);
            first = Bytes::new();
        }
        joined.extend_from_slice(&chunk);
    }
    let bytes = if joined.is_empty() { first } else { joined.into() };
    Ok(ReadBody { bytes, taken })
}

fn too_large(bytes_max: u64) -> Problem {
    Problem::new(413, "body_too_large", format!("the body has more than {bytes_max} bytes"))
        .with("limit", json!(bytes_max))
}

fn timed_out() -> Problem {
    Problem::new(408, "body_timed_out", "the body did not come in time: nothing happened")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use futures::stream;

    fn chunks(parts: &[&'static str]) -> Body {
        let parts = parts.iter().map(|part| Ok::<_, std::io::Error>(Bytes::from_static(part.as_bytes())));
        Body::from_stream(stream::iter(parts.collect::<Vec<_>>()))
    }

    async fn said(body: Body, bytes_max: u64, memory: &Memory) -> Result<Bytes, &'static str> {
        let read = read(body, &HeaderMap::new(), bytes_max, memory).await;
        read.map(|body| body.bytes).map_err(|problem| problem.code)
    }

    #[tokio::test]
    async fn pieces_are_joined() {
        let memory = Memory::new(1 << 20);
        assert_eq!(said(chunks(&[]), 9, &memory).await, Ok(Bytes::new()));
        assert_eq!(said(chunks(&["whole"]), 9, &memory).await, Ok(Bytes::from_static(b"whole")));
        assert_eq!(said(chunks(&["a", "", "b", "c"]), 9, &memory).await, Ok(Bytes::from_static(b"abc")));
        assert_eq!(said(chunks(&["12345", "6789", "0"]), 9, &memory).await, Err("body_too_large"));
    }

    #[tokio::test]
    async fn what_is_announced_too_large_is_not_read() {
        let memory = Memory::new(1 << 20);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("10"));
        let problem = read(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()), &headers, 9, &memory);
        assert_eq!(problem.await.err().map(|problem| (problem.status, problem.code)), Some((413, "body_too_large")));
    }

    #[tokio::test]
    async fn there_is_only_so_much_memory() {
        let memory = Memory::new(1 << 10);
        let held = read(chunks(&["a", "b"]), &HeaderMap::new(), 9, &memory).await.unwrap();
        assert_eq!(said(chunks(&["c"]), 9, &memory).await, Err("overloaded"));
        drop(held);
        assert_eq!(said(chunks(&["c"]), 9, &memory).await, Ok(Bytes::from_static(b"c")));
    }
}
