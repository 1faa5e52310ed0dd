//! To the upstream and back: how a request is sent on, and what is read of the answer before the client gets any.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::ask::Ask;
use super::headers::{to_client, to_upstream};
use super::openai::stream::Stream as ModelStream;
use super::proxy::Trip;
use super::settings::{WHOLE_BYTES_MAX, WHOLE_JSON_BYTES_MAX};
use super::upstream::{Answering, Beginning, Outgoing, UpstreamError, is_of_type};
use crate::problem::Problem;

/// Why there is no answer to pass on.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The upstream's fault.
    Upstream(UpstreamError),
    /// Ours: nothing was sent.
    Problem(Problem),
    /// Nobody wants it any more.
    ClientLeft,
}

impl From<UpstreamError> for NoAnswer {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl From<Problem> for NoAnswer {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<NoAnswer> for Problem {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Upstream(error) => error.into(),
            NoAnswer::Problem(problem) => problem,
            // Nobody reads it; the metrics count it.
            NoAnswer::ClientLeft => Self::new(499, "client_left", "the client has left"),
        }
    }
}

/// An upstream's answer, as far as it was read.
pub(super) struct Answer {
    /// The upstream, for what has yet to come.
    pub(super) answering: Answering,
    /// What was read.
    pub(super) beginning: Beginning,
    /// Its headers, for the client.
    pub(super) headers: HeaderMap,
}

impl Answer {
    /// Whether all of it is here.
    pub(super) fn is_whole(&self) -> bool {
        self.beginning.is_whole
    }

    /// Whether the upstream says that it did not do what was asked.
    pub(super) fn is_error(&self) -> bool {
        self.answering.status.is_client_error() || self.answering.status.is_server_error()
    }

    /// How long the upstream took until now.
    pub(super) fn took(&self) -> Duration {
        Duration::from_millis(self.answering.millis())
    }

    /// What a model's stream says, when the answer is one.
    pub(super) fn model(&self, ask: &Ask) -> Option<ModelStream> {
        let asked = ask.asked.as_ref()?;
        is_of_type(&self.headers, "text/event-stream").then(|| ModelStream::new(asked.endpoint, asked.wants_usage))
    }
}

/// Sends a request on, and reads of the answer what is read before it is passed on: all of it where that is little
/// enough and comes in one go. `waits` says whether the answer is wanted even when the client has left.
pub(super) async fn forward(
    trip: &mut Trip<'_>,
    (body, ask): (Bytes, &Ask),
    customer: Option<&str>,
    waits: bool,
) -> Result<Answer, NoAnswer> {
    let outgoing = outgoing(trip, body, ask, customer).await?;
    let (gateway, visit) = (trip.gateway, trip.visit);
    let limits = trip.place.route.limits;
    let got = async {
        let mut answering = gateway.upstreams.call(outgoing, &limits).await?;
        let too_large = answering.announced().is_some_and(|bytes| bytes > limits.response_bytes_max);
        if too_large {
            return Err(UpstreamError::TooLarge);
        }
        let beginning = match whole_up_to(&answering, ask) {
            Some(bytes_max) => {
                let bytes_max = bytes_max.min(usize::try_from(limits.response_bytes_max).unwrap_or(usize::MAX));
                gateway.upstreams.begin(&mut answering, bytes_max).await?
            }
            None => Beginning::default(),
        };
        if beginning.length as u64 > limits.response_bytes_max {
            return Err(UpstreamError::TooLarge);
        }
        Ok((answering, beginning))
    };
    let (mut answering, beginning) = if waits {
        got.await?
    } else {
        tokio::select! {
            got = got => got?,
            () = trip.client.closed() => return Err(NoAnswer::ClientLeft),
        }
    };
    let length = answering.headers.get(header::CONTENT_LENGTH).cloned();
    let mut headers = to_client(std::mem::take(&mut answering.headers));
    // A body that is not sent has a length all the same; one that passes unchanged keeps the one it has.
    // What came in chunks has the length that was counted, not the one that was said.
    let is_unchanged = !beginning.is_whole && ask.asked.is_none() && answering.announced().is_some();
    if let Some(length) = length.filter(|_| visit.method == Method::HEAD || is_unchanged) {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    Ok(Answer { answering, beginning, headers })
}

async fn outgoing(trip: &Trip<'_>, body: Bytes, ask: &Ask, customer: Option<&str>) -> Result<Outgoing, Problem> {
    let (gateway, visit, place) = (trip.gateway, trip.visit, &trip.place);
    let (_, path) = visit.named();
    let path = domain::route::RequestPath::new(path).ok_or_else(super::problems::route_not_found)?;
    let mut url = place.route.upstream_url(&path).ok_or_else(super::problems::route_not_found)?;
    if let Some(query) = &visit.query {
        url.push('?');
        url.push_str(query);
    }
    let credential = match &place.route.credential {
        Some(credential) => Some(gateway.upstreams.credential(&gateway.app, place.organization_id, credential).await?),
        None => None,
    };
    let credential = credential.as_ref().map(|(name, value)| (name, value));
    let mut headers = to_upstream(visit.headers.clone(), &visit.origin(customer), credential);
    if ask.asked.is_some() {
        // What is compressed cannot be read, and what is read is JSON.
        headers.remove(header::ACCEPT_ENCODING);
        headers.remove(header::CONTENT_ENCODING);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(Outgoing { method: visit.method.clone(), url, headers, body })
}

/// Up to how many bytes an answer is read whole; `None` when it is passed on as it comes.
fn whole_up_to(answering: &Answering, ask: &Ask) -> Option<usize> {
    if answering.is_of_type("text/event-stream") {
        return None;
    }
    let is_json = answering.is_of_type("application/json");
    let most = if ask.asked.is_some() { WHOLE_JSON_BYTES_MAX } else { WHOLE_BYTES_MAX };
    match answering.announced() {
        Some(bytes) => (bytes <= most as u64).then_some(most),
        None => is_json.then_some(most),
    }
}

/// An answer for the client.
pub(super) fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = (status, body).into_response();
    *response.headers_mut() = headers;
    response
}
