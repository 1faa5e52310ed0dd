//! The way of a request to `/v1`: who asks, whether it was there before, what a test wants to go wrong, what it asks
//! for, and its answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::mpsc;

use super::answer::{Answer, Refused};
use super::desk::{self, Desk};
use super::form::Params;
use super::idempotency::{self, Begun, InUse};
use super::levers::{self, Action, Behaviour};
use super::{API_VERSION, routes};

/// `/v1`, and everything that is nowhere else.
pub async fn serve(
    State(desk): State<Arc<Desk>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let asked = Asked { id: desk::request_id(), method, uri, headers };
    let mut response = match answer(&desk, &asked, body).await {
        Ok(Some(answer)) => answer.into_response(),
        Ok(None) => nothing(),
        Err(refused) => refused.into_response(),
    };
    asked.mark(response.headers_mut());
    response
}

/// What is asked.
struct Asked {
    id: String,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Asked {
    /// Puts on an answer what every answer has.
    fn mark(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            headers.insert("request-id", id);
        }
        let version = self.headers.get("stripe-version").cloned();
        headers.insert("stripe-version", version.unwrap_or(HeaderValue::from_static(API_VERSION)));
        if let Some(key) = self.headers.get("idempotency-key") {
            headers.insert("idempotency-key", key.clone());
        }
    }

    /// The parameters, still encoded.
    fn encoded<'a>(&'a self, body: &'a Bytes) -> Result<&'a str, Refused> {
        if self.method != Method::POST || body.is_empty() {
            return Ok(self.uri.query().unwrap_or_default());
        }
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let wrong = "Invalid request (check that your POST content type is application/x-www-form-urlencoded).";
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Refused::invalid(wrong));
        }
        std::str::from_utf8(body).map_err(|_| Refused::invalid(wrong))
    }
}

/// The answer; `None` when there is to be none.
async fn answer(desk: &Desk, asked: &Asked, body: Result<Bytes, BytesRejection>) -> Result<Option<Answer>, Refused> {
    desk.check_key(&asked.headers)?;
    let body = body.map_err(|rejection| Refused::unreadable(rejection.status()))?;
    let encoded = asked.encoded(&body)?;
    let params = Params::parse(encoded)?;
    let path: Vec<&str> = asked.uri.path().strip_prefix("/v1/").unwrap_or_default().split('/').collect();
    let key = if asked.method == Method::POST { idempotency::key(&asked.headers)? } else { None };
    let mut in_use = match InUse::begin(desk, key, asked.uri.path(), encoded) {
        Ok(in_use) => in_use,
        Err(Begun::Before(answer)) => return Ok(Some(*answer)),
        Err(Begun::Refused(refused)) => return Err(refused),
    };
    let lever = Action::of(&asked.method, &path).and_then(|action| levers::take(desk, action));
    let behaviour = lever.map(|lever| lever.behaviour);
    let wait = Duration::from_millis(lever.and_then(|lever| lever.ms).unwrap_or(levers::MS));
    if behaviour == Some(Behaviour::RateLimit) {
        return Err(Refused::too_many());
    }
    let broken = || Answer::of(Err(Refused::broken()), &asked.id);
    if behaviour == Some(Behaviour::Error500) {
        let answer = broken();
        in_use.keep(&answer);
        return Ok(Some(answer));
    }
    let (tried, mut all_tried) = mpsc::channel::<()>(1);
    // Whoever does not wait must not hold the other end.
    let tried = (behaviour == Some(Behaviour::WebhookFirst)).then_some(tried);
    let result = desk.act(desk::origin(&asked.id, key), tried, |books| {
        if behaviour == Some(Behaviour::Processing) {
            books.processing_ms = u64::try_from(wait.as_millis()).ok();
        }
        books.finds_nothing = behaviour == Some(Behaviour::FindNothing);
        routes::carry_out(books, &asked.method, &path, asked.uri.path(), &params)
    });
    let answer = match behaviour {
        Some(Behaviour::Error500After) => broken(),
        _ => Answer::of(result, &asked.id),
    };
    in_use.keep(&answer);
    match behaviour {
        Some(Behaviour::DelayAnswer) => tokio::time::sleep(wait).await,
        Some(Behaviour::DropAnswer) => return Ok(None),
        Some(Behaviour::WebhookFirst) => {
            // It ends when all have been sent once, or when that takes too long.
            let _ = tokio::time::timeout(wait, all_tried.recv()).await;
        }
        _ => {}
    }
    Ok(Some(answer))
}

/// No answer: the connection is closed before anything is written.
fn nothing() -> Response {
    let cut = stream::once(async { Err::<Bytes, _>(io::Error::other("no answer, as it was asked for")) });
    (StatusCode::OK, Body::from_stream(cut)).into_response()
}
