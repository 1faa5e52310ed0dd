//! Takes requests apart, and refuses with a reason what does not fit.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::problem::Problem;

/// The longest idempotency key.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

/// A JSON body.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| body_problem(&rejection))?;
        parse(&bytes).map(Self)
    }
}

/// The bytes of a JSON body that can have several forms, for [`parse`].
pub struct JsonBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| body_problem(&rejection))
    }
}

/// A JSON body that may be left out: then it is as an empty object.
pub struct OptionalJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = require_json(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| body_problem(&rejection))?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        is_json?;
        parse(&bytes).map(Self)
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/json") => Ok(()),
        Some(other) if other.ends_with("+json") => Ok(()),
        _ => Err(Problem::new(415, "unsupported_media_type", "the body must be sent as application/json")),
    }
}

fn body_problem(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(413, "body_too_large", "the body has more than 1 MiB")
    } else {
        Problem::new(400, "invalid_request", "the body could not be read")
    }
}

/// Reads JSON, naming the place of what does not fit.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Else a list would do as well, with the values of the fields in order.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| *byte != b'{') && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        return Err(Problem::new(400, "invalid_request", "the body must be a JSON object"));
    }
    // Most are right: only where one is not, it is read again with an eye on the place.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let mut problem = json_problem(error.inner(), &path);
        // The limit of a quota is a quantity, that of a session key an amount.
        if problem.code == "invalid_quantity" && std::any::type_name::<T>().ends_with("::NewSessionKey") {
            problem.code = "invalid_amount";
        }
        problem
    })?;
    deserializer.end().map_err(|error| json_problem(&error, "."))?;
    Ok(value)
}

fn json_problem(error: &serde_json::Error, path: &str) -> Problem {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
    if !error.is_data() {
        return Problem::new(400, "invalid_json", format!("the body is not JSON: {error}"));
    }
    let field = message.split('`').nth(1).unwrap_or(path);
    if message.starts_with("unknown field") {
        // The path has the field in it, except outermost.
        let param = if path == "." { field } else { path };
        return Problem::bad_request("unknown_field", param, message);
    }
    if message.starts_with("missing field") {
        let param = if path == "." { field.to_owned() } else { format!("{path}.{field}") };
        return Problem::bad_request("missing_field", &param, message);
    }
    let code = match path.rsplit(['.', ']']).next() {
        Some("amount" | "unit_price" | "postpaid_limit" | "period_limit") => "invalid_amount",
        Some("minimum" | "per_use" | "flat" | "percent") => "invalid_amount",
        Some("per_request" | "per_request_byte" | "per_response_byte" | "per_second") => "invalid_amount",
        Some("input_per_million" | "cached_input_per_million" | "output_per_million") => "invalid_amount",
        Some("quantity" | "limit" | "size" | "up_to") => "invalid_quantity",
        Some("currency") => "invalid_currency",
        _ => "invalid_request",
    };
    if TIME_ERRORS.contains(&message) {
        return Problem::bad_request(code, path, format!("{message}: a time is RFC 3339, as in 2026-01-31T12:00:00Z"));
    }
    Problem::bad_request(code, path, message)
}

/// What the reader of times says, which does not say of what.
const TIME_ERRORS: [&str; 6] = [
    "input is out of range",
    "no possible date and time matching input",
    "input is not enough for unique date and time",
    "input contains invalid characters",
    "premature end of input",
    "trailing input",
];

/// Query parameters.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                // "limit: invalid digit" names the parameter first; "unknown field `x`" in its middle.
                let code = match reason {
                    reason if reason.contains("unknown field `") => "unknown_field",
                    reason if reason.starts_with("missing field `") => "missing_field",
                    _ => "invalid_request",
                };
                let first = reason.split(':').next().filter(|name| !name.contains(' '));
                let param = first.or(reason.split('`').nth(1)).unwrap_or("query").to_owned();
                Err(Problem::bad_request(code, &param, reason))
            }
        }
    }
}

/// One id in the path. One that is malformed is one that does not exist.
pub async fn path_id<T: FromStr>(parts: &mut Parts, code: &'static str) -> Result<T, Problem> {
    let missing = || Problem::not_found(code, "there is none with this id");
    let Path(text) = Path::<String>::from_request_parts(parts, &()).await.map_err(|_| missing())?;
    text.parse().map_err(|_| missing())
}

/// The `Idempotency-Key` header, checked.
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(invalid_key());
        }
        check_key(value.to_str().map_err(|_| invalid_key())?).map(|key| Self(Some(key)))
    }
}

/// A key has 1 to 255 visible ASCII characters.
pub fn check_key(key: &str) -> Result<String, Problem> {
    let fits = (1..=IDEMPOTENCY_KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(key.to_owned()) } else { Err(invalid_key()) }
}

fn invalid_key() -> Problem {
    let detail = "an idempotency key has 1 to 255 visible ASCII characters";
    Problem::bad_request("invalid_idempotency_key", "Idempotency-Key", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only read by serde")]
        amount: String,
        #[expect(dead_code, reason = "only read by serde")]
        inner: Option<Box<Body>>,
    }

    #[derive(Debug, Deserialize)]
    struct Moment {
        #[expect(dead_code, reason = "only read by serde")]
        at: chrono::DateTime<chrono::Utc>,
    }

    #[test]
    fn of_a_time_is_said_how_it_is_written() {
        for text in ["soon", "2026-01-31", "2026-13-31T12:00:00Z", "2026-01-31T12:00:00Z and a bit"] {
            let problem = parse::<Moment>(format!(r#"{{"at":"{text}"}}"#).as_bytes()).unwrap_err();
            assert_eq!(
                (problem.code, problem.fields.get("param")),
                ("invalid_request", Some(&serde_json::json!("at")))
            );
            assert!(problem.detail.ends_with("as in 2026-01-31T12:00:00Z"), "{}", problem.detail);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let code = |text: &str| parse::<Body>(text.as_bytes()).err().map(|p| (p.code, p.fields.get("param").cloned()));
        let with = |code, param: &str| Some((code, Some(serde_json::json!(param))));
        assert_eq!(code(r#"{"amount":"1"}"#), None);
        assert_eq!(code("{"), Some(("invalid_json", None)));
        assert_eq!(code(""), Some(("invalid_json", None)));
        assert_eq!(code(r#"{"amount":"1"} x"#), Some(("invalid_json", None)));
        assert_eq!(code(r#"{"amount":"1","x":1}"#), with("unknown_field", "x"));
        assert_eq!(code("{}"), with("missing_field", "amount"));
        assert_eq!(code(r#"{"amount":"1","inner":{"x":1}}"#), with("unknown_field", "inner.x"));
        assert_eq!(
            code(r#"{"amount":"1","inner":{"inner":{"inner":1}}}"#),
            with("invalid_request", "inner.inner.inner")
        );
        assert_eq!(code(r#"{"amount":"1","inner":{}}"#), with("missing_field", "inner.amount"));
        assert_eq!(code(r#"{"amount":"1","inner":{"inner":{}}}"#), with("missing_field", "inner.inner.amount"));
        for other in ["[]", r#" ["1"]"#, "null", "1", "\"1\"", "true"] {
            assert_eq!(code(other), Some(("invalid_request", None)), "{other}");
        }
        assert_eq!(code("/* */{}"), Some(("invalid_json", None)));
        assert_eq!(code(r#"{"amount":1}"#), with("invalid_amount", "amount"));
        assert_eq!(code(r#"{"amount":"1","amount":"2"}"#).map(|c| c.0), Some("invalid_request"));
    }

    #[test]
    fn keys_are_visible_ascii() {
        assert!(check_key(&"k".repeat(255)).is_ok());
        for bad in ["", " ", "a b", "ü", &"k".repeat(256)] {
            assert_eq!(check_key(bad).err().map(|p| p.code), Some("invalid_idempotency_key"), "{bad}");
        }
    }
}
