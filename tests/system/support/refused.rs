//! Requests that must be refused, as rows of a table: each with its status and its code, as a problem document,
//! and each leaves nothing in the log.

use reqwest::Method;
use serde_json::Value;

use super::{Answer, Api, TestApp};

/// A request and how it must be refused. Its body is the JSON of one or any bytes.
pub struct Bad {
    pub what: &'static str,
    pub method: Method,
    pub path: String,
    pub body: Vec<u8>,
    pub content_type: &'static str,
    /// `None` for the key of the organization that is tested.
    pub authorization: Option<String>,
    pub idempotency_key: Option<Vec<u8>>,
    pub status: u16,
    pub code: &'static str,
    pub param: Option<&'static str>,
}

impl Bad {
    pub fn new(what: &'static str, method: Method, path: &str, body: Vec<u8>, status: u16, code: &'static str) -> Self {
        Self {
            what,
            method,
            path: path.to_owned(),
            body,
            content_type: "application/json",
            authorization: None,
            idempotency_key: None,
            status,
            code,
            param: None,
        }
    }

    pub fn post(what: &'static str, path: &str, body: Value, status: u16, code: &'static str) -> Self {
        Self::new(what, Method::POST, path, body.to_string().into_bytes(), status, code)
    }

    pub fn put(what: &'static str, path: &str, body: Value, status: u16, code: &'static str) -> Self {
        Self::new(what, Method::PUT, path, body.to_string().into_bytes(), status, code)
    }

    pub fn get(what: &'static str, path: &str, status: u16, code: &'static str) -> Self {
        Self::new(what, Method::GET, path, Vec::new(), status, code)
    }

    /// The problem must name this parameter.
    pub fn at(self, param: &'static str) -> Self {
        Self { param: Some(param), ..self }
    }

    pub fn with_key(self, key: &[u8]) -> Self {
        Self { idempotency_key: Some(key.to_vec()), ..self }
    }

    pub fn authorized(self, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..self }
    }

    async fn send(&self, api: &Api) -> Answer {
        let mut request = api.anonymous(self.method.clone(), &self.path);
        let authorization = self.authorization.clone().unwrap_or_else(|| format!("Bearer {}", api.key));
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        if let Some(key) = &self.idempotency_key {
            request = request.header("idempotency-key", key.as_slice());
        }
        if self.method != Method::GET {
            request = request.header("content-type", self.content_type).body(self.body.clone());
        }
        Answer::of(request).await.unwrap()
    }
}

/// Everything below is refused for itself alone: the rest of each request is right.
pub async fn assert_refused(app: &TestApp, rows: &[Bad]) {
    let before = app.site.events_count(None).await;
    let mut wrong = Vec::new();
    for row in rows {
        let answer = row.send(&app.api).await;
        let mut find = |what: String| {
            let (what_row, method, path) = (row.what, &row.method, &row.path);
            wrong.push(format!("{what_row}: {method} {path}: {what}: {} {}", answer.status, answer.text()));
        };
        match (answer.check_problem(row.status, row.code), row.param) {
            (Err(what), _) => find(what),
            (Ok(problem), Some(param)) if problem["param"] != param => find(format!("not the param {param}")),
            (Ok(_), _) => {}
        }
        // Everything after it would only say the same again.
        assert_eq!(app.site.events_count(None).await, before, "{} has left an event: {wrong:#?}", row.what);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
