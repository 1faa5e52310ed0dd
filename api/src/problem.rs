//! How everything that goes wrong is told: RFC 9457 `application/problem+json`.
//!
//! Which one to use: [`Problem::bad_request`] when the request cannot be understood,
//! [`Problem::cannot_pay`] when it was understood and there is no money, [`Problem::not_found`]
//! also for what belongs to another organization, [`Problem::conflict`] when the state forbids it,
//! [`Problem::unprocessable`] when a rule does, [`Problem::unavailable`] when nobody knows.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use eventstore::{ExecuteError, StoreError};
use serde_json::{Map, Value, json};

/// What went wrong. Its fields stand in the body beside `title`, `status`, `code` and `request_id`.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// For programs; never changes its meaning.
    pub code: &'static str,
    /// For people.
    pub detail: String,
    /// What helps to mend it.
    pub fields: Map<String, Value>,
    /// Only for the log of the operator.
    pub cause: Option<String>,
    /// In seconds.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with nothing but these.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), fields: Map::new(), cause: None, retry_after: None }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, param: &str, detail: impl Into<String>) -> Self {
        Self::new(400, code, detail).with("param", json!(param))
    }

    /// 401: nobody we know.
    pub fn unauthenticated(detail: &'static str) -> Self {
        Self::new(401, "unauthenticated", detail)
    }

    /// 402: it cannot be paid.
    pub fn cannot_pay(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(402, code, detail)
    }

    /// 404: there is none, or it is not yours.
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(404, code, detail)
    }

    /// 409: the state forbids it.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    /// 422: a rule forbids it.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(422, code, detail)
    }

    /// 503: nobody knows now; the same request, with the same key, may be sent again.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(503, code, detail) }
    }

    /// 500: our mistake. Says nothing but the request's id.
    pub fn internal() -> Self {
        Self::new(500, "internal", "")
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.fields.insert(field.to_owned(), value);
        self
    }

    /// With what the operator should read.
    #[must_use]
    pub fn caused_by(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// As a JSON object, with the id of the request.
    pub fn to_json(&self, request_id: Option<&str>) -> Value {
        let title = StatusCode::from_u16(self.status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error");
        let mut body = json!({"type": "about:blank", "title": title, "status": self.status, "code": self.code});
        if let Some(object) = body.as_object_mut() {
            if self.status < 500 || self.status == 503 {
                object.insert("detail".into(), json!(self.detail));
            }
            if let Some(seconds) = self.retry_after {
                object.insert("retry_after".into(), json!(seconds));
            }
            if let Some(id) = request_id {
                object.insert("request_id".into(), json!(id));
            }
            object.extend(self.fields.clone());
        }
        body
    }

    /// The body as bytes.
    pub fn body(&self, request_id: &str) -> String {
        self.to_json(Some(request_id)).to_string()
    }
}

/// The body is written by the middleware around all routes, which knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == 401 {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => Self::unavailable(
                "unavailable",
                "the ledger cannot be reached: what was to be written may or may not have been, send the same request again",
            )
            .caused_by(error),
            StoreError::Corrupt(_) | StoreError::Decode(_) => Self::internal().caused_by(error),
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::KeyReused => Self::unprocessable(
                "idempotency_key_reused",
                "this idempotency key was used before with another request",
            ),
            ExecuteError::Overloaded => {
                Self::unavailable("overloaded", "too many commands are waiting: nothing happened, send it again")
                    .caused_by(error)
            }
            ExecuteError::Store(error) => error.into(),
        }
    }
}
