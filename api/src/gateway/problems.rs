//! How the gateway tells what went wrong: a problem as everywhere, and with a 402 the ways to pay.
//!
//! One body serves three kinds of client. All find the members of RFC 9457 in it; those of x402 version 1 find
//! `x402Version`, `error` and `accepts` beside them; on routes that speak OpenAI's interface `error` is the object
//! that its clients read. Version 2 of x402 has a header of its own.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use eventstore::StoreError;
use serde_json::{Value, json};

use super::x402::{self, OfferV1, PAYMENT_REQUIRED, Refusal, Required};
use crate::problem::Problem;

/// What clients of a route read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 9457, and x402.
    Plain,
    /// The same, and OpenAI's `error`.
    Openai,
}

/// The ways to pay that a 402 offers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Demand {
    /// Version 2.
    pub(super) required: Required,
    /// Version 1.
    pub(super) accepts: Vec<OfferV1>,
}

/// A request that was not carried out.
#[derive(Debug)]
pub(super) struct Refused {
    /// Why.
    pub(super) problem: Problem,
    /// The ways to pay, with a 402.
    pub(super) demand: Option<Demand>,
    /// What else the client is told: limits, a receipt.
    pub(super) headers: HeaderMap,
}

/// What most of the gateway gives back: something, or why not.
pub(super) type Outcome<T> = Result<T, Box<Refused>>;

impl From<Problem> for Box<Refused> {
    fn from(problem: Problem) -> Self {
        Self::new(Refused { problem, demand: None, headers: HeaderMap::new() })
    }
}

impl From<StoreError> for Box<Refused> {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl Refused {
    /// A 402 with the ways to pay.
    pub(super) fn payment(problem: Problem, mut demand: Demand) -> Box<Self> {
        problem.code.clone_into(&mut demand.required.error);
        Box::new(Self { problem, demand: Some(demand), headers: HeaderMap::new() })
    }
}

/// A payment that is not taken, as a problem: its reason is the code.
pub(super) fn of_refusal(refusal: &Refusal) -> Problem {
    Problem::cannot_pay(refusal.code, refusal.detail.clone())
}

/// There is no such route.
pub(super) fn route_not_found() -> Problem {
    Problem::not_found("route_not_found", "there is no route for this path")
}

/// Writes it down, and logs what is ours or the upstream's to mend.
pub(super) fn respond(refused: Box<Refused>, form: Form, request_id: &str) -> Response {
    let Refused { problem, demand, headers } = *refused;
    match problem.status {
        502 | 504 => {
            tracing::warn!(
                request_id,
                status = problem.status,
                code = problem.code,
                cause = problem.cause,
                "the upstream failed"
            );
        }
        500.. => {
            tracing::error!(request_id, status = problem.status, code = problem.code, cause = problem.cause, "failed");
        }
        _ => {}
    }
    let mut body = problem.to_json(Some(request_id));
    if let Some(object) = body.as_object_mut() {
        match (form, &demand) {
            (Form::Openai, _) => {
                object.insert("error".into(), openai_error(&problem));
            }
            (Form::Plain, Some(demand)) => {
                object.insert("x402Version".into(), json!(1));
                object.insert("error".into(), json!(problem.code));
                object.insert("accepts".into(), json!(demand.accepts));
            }
            (Form::Plain, None) => {}
        }
    }
    let is_problem_alone = form == Form::Plain && demand.is_none();
    let content_type = if is_problem_alone { "application/problem+json" } else { "application/json" };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Body::from(body.to_string())).into_response();
    let own = response.headers_mut();
    own.extend(headers);
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(seconds) = problem.retry_after {
        own.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status == 401 {
        own.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    // Clients of OpenAI send again what was answered with 409, whatever the reason.
    if problem.status == 409 && problem.retry_after.is_none() {
        own.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
    }
    if let Some(demand) = demand
        && let Ok(value) = x402::encode(&demand.required)
    {
        own.insert(HeaderName::from_static(PAYMENT_REQUIRED), value);
    }
    response
}

/// The object that OpenAI's clients read.
fn openai_error(problem: &Problem) -> Value {
    let kind = match problem.status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        ..500 => "invalid_request_error",
        _ => "server_error",
    };
    let is_told = problem.status < 500 || problem.status == 503;
    let message = if is_told { problem.detail.as_str() } else { problem.code };
    let param = problem.fields.get("param").cloned().unwrap_or(Value::Null);
    json!({"message": message, "type": kind, "param": param, "code": problem.code})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::x402::Resource;

    fn demand() -> Demand {
        let resource = Resource { url: "http://a/b".to_owned(), ..Resource::default() };
        let required = Required { version: 2, error: String::new(), resource, accepts: Vec::new() };
        Demand { required, accepts: Vec::new() }
    }

    async fn told(refused: Box<Refused>, form: Form) -> (HeaderMap, Value) {
        let (parts, body) = respond(refused, form, "req_1").into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.headers, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_402_speaks_both_versions() {
        let problem = Problem::cannot_pay("payment_required", "pay");
        let (headers, body) = told(Refused::payment(problem, demand()), Form::Plain).await;
        assert_eq!((body["x402Version"].clone(), body["error"].clone()), (json!(1), json!("payment_required")));
        assert_eq!((body["status"].clone(), body["code"].clone()), (json!(402), json!("payment_required")));
        assert_eq!(body["accepts"], json!([]));
        let required = x402::decode_json(headers[PAYMENT_REQUIRED].as_bytes()).unwrap();
        assert_eq!((required["x402Version"].clone(), required["error"].clone()), (json!(2), json!("payment_required")));
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    }

    #[tokio::test]
    async fn clients_of_openai_find_their_error() {
        let problem = Problem::bad_request("model_not_priced", "model", "no such model");
        let (headers, body) = told(problem.into(), Form::Openai).await;
        let error = json!({"message": "no such model", "type": "invalid_request_error", "param": "model", "code": "model_not_priced"});
        assert_eq!((body["error"].clone(), body["status"].clone()), (error, json!(400)));
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        let (_, body) = told(Problem::new(502, "upstream_broken", "a secret").into(), Form::Openai).await;
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn whoever_may_come_back_is_told_when() {
        let (headers, body) = told(Problem::unavailable("overloaded", "busy").into(), Form::Plain).await;
        assert_eq!(
            (headers[header::RETRY_AFTER].as_bytes(), body["code"].clone()),
            (b"1".as_slice(), json!("overloaded"))
        );
        let (headers, _) = told(Problem::conflict("answer_not_kept", "gone").into(), Form::Openai).await;
        assert_eq!(headers["x-should-retry"], "false");
    }
}
