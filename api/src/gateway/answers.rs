//! Requests that are sent again: which are under way in this process, and what was answered.
//!
//! An answer is kept as one piece: its length-prefixed head as JSON, then its body. Values of headers may be any
//! bytes, so they are in base64.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use domain::ids::OrganizationId;
use domain::route::RouteLimits;
use eventstore::answers::Answers;
use eventstore::{ExecuteError, clock};
use lru::LruCache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::problem::Problem;

/// Holds of which nobody knew whether they were placed; see [`Running::is_orphan`].
const ORPHANS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("more than zero");

/// An answer that can be given again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its headers, without those about its cost.
    pub(super) headers: HeaderMap,
    /// Its body.
    pub(super) body: Bytes,
}

#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Kept {
    fn to_bytes(&self) -> Result<Vec<u8>, Problem> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str().to_owned(), STANDARD.encode(value)));
        let head = Head { status: self.status.as_u16(), headers: headers.collect() };
        let head = serde_json::to_vec(&head).map_err(|e| Problem::internal().caused_by(e))?;
        let length = u32::try_from(head.len()).map_err(|e| Problem::internal().caused_by(e))?;
        Ok([&length.to_be_bytes()[..], &head, &self.body].concat())
    }

    fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Bytes::from(bytes);
        let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
        let end = 4usize.checked_add(usize::try_from(length).ok()?)?;
        let head: Head = serde_json::from_slice(bytes.get(4..end)?).ok()?;
        let mut headers = HeaderMap::with_capacity(head.headers.len());
        for (name, value) in head.headers {
            let name: HeaderName = name.parse().ok()?;
            headers.append(name, HeaderValue::from_bytes(&STANDARD.decode(value).ok()?).ok()?);
        }
        Some(Self { status: StatusCode::from_u16(head.status).ok()?, headers, body: bytes.slice(end..) })
    }

    /// The answer, marked as one that was given before.
    pub(super) fn into_response(self) -> Response {
        let mut response = (self.status, Body::from(self.body)).into_response();
        *response.headers_mut() = self.headers;
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        response
    }
}

/// Whether an answer of this size is kept on a route with these limits.
pub(super) fn is_kept(limits: &RouteLimits, bytes: usize) -> bool {
    limits.keep_secs > 0 && u32::try_from(bytes).is_ok_and(|bytes| bytes <= limits.keep_bytes)
}

/// Keeps an answer. A failure is logged and nothing more: whoever asks again is told that it is not there.
pub(super) async fn keep(
    answers: &Answers,
    limits: &RouteLimits,
    (organization_id, id): (OrganizationId, Uuid),
    kept: &Kept,
) {
    let expires_at = clock::now() + TimeDelta::seconds(i64::from(limits.keep_secs));
    let done = match kept.to_bytes() {
        Ok(plain) => answers.keep(organization_id, id, expires_at, &plain).await.map_err(|e| e.to_string()),
        Err(problem) => Err(problem.cause.unwrap_or_default()),
    };
    if let Err(error) = done {
        tracing::warn!(%id, error, "an answer was not kept");
    }
}

/// The answer that was kept, if it still is.
pub(super) async fn find(
    answers: &Answers,
    organization_id: OrganizationId,
    id: Uuid,
) -> Result<Option<Kept>, Problem> {
    let found = answers.find(organization_id, id, clock::now()).await?;
    Ok(found.and_then(Kept::from_bytes))
}

/// Requests that are under way in this process, by what pays for them.
#[derive(Debug)]
pub(super) struct Running {
    open: Mutex<HashMap<Uuid, [u8; 32]>>,
    orphans: Mutex<LruCache<Uuid, ()>>,
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay {
    running: Arc<Running>,
    id: Uuid,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.running.open().remove(&self.id);
    }
}

impl Running {
    /// Nothing is under way.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), orphans: Mutex::new(LruCache::new(ORPHANS_MAX)) })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, [u8; 32]>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn orphans(&self) -> MutexGuard<'_, LruCache<Uuid, ()>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a request: refused while the same one is under way.
    pub(super) fn begin(self: &Arc<Self>, id: Uuid, digest: [u8; 32]) -> Result<UnderWay, Problem> {
        match self.open().entry(id) {
            Entry::Occupied(other) if *other.get() == digest => Err(in_progress()),
            Entry::Occupied(_) => Err(ExecuteError::KeyReused.into()),
            Entry::Vacant(place) => {
                place.insert(digest);
                Ok(UnderWay { running: self.clone(), id })
            }
        }
    }

    /// Remembers that nobody knows what became of a command about this hold. Who sends the request again was told
    /// to: it goes on with the hold, if there is one.
    pub(super) fn leave_open(&self, id: Uuid) {
        self.orphans().put(id, ());
    }

    /// Whether a hold that stands is nobody's, because of this process's own failure; asked once.
    pub(super) fn is_orphan(&self, id: Uuid) -> bool {
        self.orphans().pop(&id).is_some()
    }
}

/// The same request is under way.
pub(super) fn in_progress() -> Problem {
    let detail = "the same request is under way: wait for its answer";
    Problem { retry_after: Some(1), ..Problem::conflict("request_in_progress", detail) }
}

/// It was paid for, and its answer is not here any more.
pub(super) fn not_kept() -> Problem {
    let detail = "this request was paid for and answered, and its answer is not kept: the receipt is in the headers";
    Problem::conflict("answer_not_kept", detail)
}

/// It came to nothing.
pub(super) fn key_spent() -> Problem {
    let detail = "the request with this idempotency key came to nothing: nothing was charged, send it with a new key";
    Problem::conflict("idempotency_key_spent", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back() {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("a=b"));
        headers.append("set-cookie", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        let kept = Kept { status: StatusCode::CREATED, headers, body: Bytes::from_static(b"\0body") };
        let bytes = kept.to_bytes().unwrap();
        assert_eq!(Kept::from_bytes(bytes.clone()), Some(kept.clone()));
        for cut in 0..bytes.len() - 5 {
            assert_eq!(Kept::from_bytes(bytes[..cut].to_vec()), None, "{cut}");
        }
        assert_eq!(Kept::from_bytes(vec![0xff; 8]), None);
        let response = kept.into_response();
        assert_eq!(
            (response.status(), &response.headers()["idempotent-replayed"]),
            (StatusCode::CREATED, &HeaderValue::from_static("true"))
        );
    }

    #[test]
    fn a_request_is_under_way_once() {
        let running = Running::new();
        let code =
            |begun: Result<UnderWay, Problem>| begun.map(|_| ()).map_err(|problem| (problem.status, problem.code));
        let id = Uuid::from_u128(1);
        let first = running.begin(id, [1; 32]);
        assert_eq!(code(running.begin(id, [1; 32])), Err((409, "request_in_progress")));
        assert_eq!(code(running.begin(id, [2; 32])), Err((422, "idempotency_key_reused")));
        assert_eq!(code(running.begin(Uuid::from_u128(2), [1; 32])), Ok(()));
        drop(first);
        assert_eq!(code(running.begin(id, [2; 32])), Ok(()));
    }

    #[test]
    fn an_orphan_is_taken_over_once() {
        let running = Running::new();
        let id = Uuid::from_u128(1);
        assert!(!running.is_orphan(id));
        running.leave_open(id);
        assert_eq!((running.is_orphan(id), running.is_orphan(id)), (true, false));
    }

    #[test]
    fn routes_say_what_is_kept() {
        let limits = RouteLimits { keep_bytes: 10, ..RouteLimits::default() };
        assert_eq!((is_kept(&limits, 10), is_kept(&limits, 11)), (true, false));
        assert!(!is_kept(&RouteLimits { keep_secs: 0, ..limits }, 1));
    }
}
