//! What is answered, and every way to say no in Stripe's form.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::books::Kind;

const SHOULD_RETRY: &str = "stripe-should-retry";
const INVALID: &str = "invalid_request_error";

/// An answer as it is kept for those who ask again.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    body: String,
    /// The request that it was first given to.
    request: String,
    /// It was given before.
    is_replayed: bool,
    /// Who asks again gets the same; what was refused before anything began is looked at anew.
    pub is_final: bool,
}

impl Answer {
    /// To this request.
    pub fn of(result: Result<Value, Refused>, request: &str) -> Self {
        let (status, body, is_final) = match result {
            Ok(object) => (StatusCode::OK, object, true),
            Err(refused) => (refused.status, json!({ "error": refused.error }), refused.is_final),
        };
        // Over several lines, as Stripe writes it.
        Self { status, body: format!("{body:#}\n"), request: request.to_owned(), is_replayed: false, is_final }
    }

    /// The same, given again.
    pub fn again(mut self) -> Self {
        self.is_replayed = true;
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], self.body).into_response();
        let headers = response.headers_mut();
        if self.is_replayed {
            headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
            if let Ok(request) = HeaderValue::from_str(&self.request) {
                headers.insert("original-request", request);
            }
        }
        if self.status == StatusCode::CONFLICT {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("true"));
        } else if self.status.is_server_error() {
            // The same key gets the same error.
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }
}

/// A request that is not carried out, or a payment that failed.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    error: Map<String, Value>,
    is_final: bool,
}

impl Refused {
    fn new(status: StatusCode, kind: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self { status, error: Map::new(), is_final: false }.with("type", kind).with("message", message)
    }

    /// As a whole.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, message)
    }

    /// Because of this parameter.
    pub fn param(param: &str, message: impl Into<String>) -> Self {
        Self::invalid(message).with("param", param)
    }

    /// Because this parameter is not there.
    pub fn needed(param: &str) -> Self {
        Self::param(param, format!("Missing required param: {param}.")).code("parameter_missing")
    }

    /// Because there is no such object: the one that the path names, where `param` is `id` or `intent`, else the one
    /// that a parameter names.
    pub fn missing(kind: Kind, id: &str, param: &str) -> Self {
        let is_path = matches!(param, "id" | "intent");
        let status = if is_path { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
        let message = format!("No such {}: '{id}'", kind.noun());
        Self::new(status, INVALID, message).with("param", param).code("resource_missing")
    }

    /// Because nothing is there.
    pub fn no_such_path(method: &Method, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}). This is Tollbook's demo of Stripe.");
        Self::new(StatusCode::NOT_FOUND, INVALID, message)
    }

    /// Because of what the object has become. This is the end of it: the same request gets the same.
    pub fn state(code: &str, message: impl Into<String>) -> Self {
        let mut refused = Self::invalid(message).code(code);
        refused.is_final = true;
        refused
    }

    /// Because the card pays nothing.
    pub fn card(error: Map<String, Value>) -> Self {
        Self { status: StatusCode::PAYMENT_REQUIRED, error, is_final: true }
    }

    /// Because nobody knows who asks.
    pub fn no_key(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, INVALID, message)
    }

    /// Because the key was used for something else.
    pub fn other_use(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    /// Because the first request with this key is not over.
    pub fn in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you \
             submitted twice, and the other request is still going through): {key}. Please try again later."
        );
        Self::new(StatusCode::CONFLICT, "idempotency_error", message).code("idempotency_key_in_use")
    }

    /// Because there are too many, as a test asked for.
    pub fn too_many() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, INVALID, "Request rate limit exceeded.").code("rate_limit")
    }

    /// Because it broke, as a test asked for.
    pub fn broken() -> Self {
        let mut refused =
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "An unknown error occurred, as it was asked to.");
        refused.is_final = true;
        refused
    }

    /// Because the body cannot be read.
    pub fn unreadable(status: StatusCode) -> Self {
        Self::new(status, INVALID, "The body is too large, or did not come to its end.")
    }

    /// With its code.
    pub fn code(self, code: &str) -> Self {
        let url = doc_url(code);
        self.with("code", code).with("doc_url", url)
    }

    /// With another member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.error.insert(name.to_owned(), value.into());
        self
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        Answer::of(Err(self), "").into_response()
    }
}

/// Where a code is explained.
pub fn doc_url(code: &str) -> String {
    format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))
}
