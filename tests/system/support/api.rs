//! A client of the HTTP API that keeps what tests look at: status, headers and the exact bytes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Url};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{PATIENCE, POLL, until};

/// The lists that follow the log; each answers as of a `min_position`.
pub const READ_MODELS: [&str; 8] = [
    "/v1/quotas",
    "/v1/statements",
    "/v1/risk",
    "/v1/balances",
    "/v1/session_keys",
    "/v1/settlements",
    "/v1/holds",
    "/v1/subscriptions",
];

/// An address and a key. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    pub url: String,
    pub key: String,
}

impl Api {
    pub fn new(url: &str, key: &str) -> Self {
        // A proxy of the machine's environment has no business between a test and its child. The
        // time-out turns a request that is never answered into a failure.
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Self { http, url: url.trim_end_matches('/').to_owned(), key: key.to_owned() }
    }

    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub fn at(&self, url: &str) -> Self {
        Self::new(url, &self.key)
    }

    /// A request with the API key, to be added to.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.key)
    }

    /// A request without.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await.unwrap()
    }

    /// `None` when there was no answer: the server is away.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        Answer::of(self.request(Method::GET, path)).await.ok()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await.unwrap()
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await.unwrap()
    }

    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.try_post_keyed(path, key, body).await.unwrap()
    }

    /// An error when there was no answer: the outcome is unknown.
    pub async fn try_post_keyed(&self, path: &str, key: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        Answer::of(self.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    /// Sends it again and again until there is an answer that says what became of it.
    pub async fn insist(&self, path: &str, key: &str, body: &Value) -> Answer {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.try_post_keyed(path, key, body).await {
                Ok(answer) if answer.status != 503 => return answer,
                other => assert!(Instant::now() < end, "{path} {key}: for {PATIENCE:?} nothing but {other:?}"),
            }
            sleep(POLL).await;
        }
    }

    /// Makes a customer and gives its id.
    pub async fn customer(&self) -> String {
        text(&self.post("/v1/customers", &json!({})).await.done(201)["id"]).to_owned()
    }

    /// Makes a customer with credits and gives its id.
    pub async fn funded(&self, credits: &str) -> String {
        let id = self.customer().await;
        self.credits(&id, json!({ "amount": credits })).await;
        id
    }

    /// Gives credits and gives back the grant.
    pub async fn credits(&self, customer: &str, body: Value) -> Value {
        self.post(&format!("/v1/customers/{customer}/credits"), &body).await.done(201)
    }

    /// Puts a meter into the price list.
    pub async fn meter(&self, code: &str, unit_price: &str) -> Value {
        let body = json!({ "unit": "unit", "unit_price": unit_price });
        self.put(&format!("/v1/meters/{code}"), &body).await.done(200)
    }

    /// Charges an amount.
    pub async fn charge(&self, customer: &str, amount: &str) -> Answer {
        self.post("/v1/charges", &json!({ "customer_id": customer, "amount": amount })).await
    }

    /// Charges a quantity of a meter.
    pub async fn charge_metered(&self, customer: &str, meter: &str, quantity: &str) -> Answer {
        let body = json!({ "customer_id": customer, "meter": meter, "quantity": quantity });
        self.post("/v1/charges", &body).await
    }

    /// The account as the next charge will find it.
    pub async fn account(&self, customer: &str) -> Value {
        self.get(&format!("/v1/customers/{customer}")).await.done(200)["account"].clone()
    }

    /// All pages of a list. `cursor` is the parameter that the next cursor goes into.
    pub async fn walk(&self, path: &str, cursor: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut url = Url::parse(&format!("{}{path}", self.url)).unwrap();
            if let Some(next) = &next {
                url.query_pairs_mut().append_pair(cursor, next);
            }
            let page = Answer::of(self.http.get(url).bearer_auth(&self.key)).await.unwrap().done(200);
            assert_eq!(page["object"], "list", "{path}");
            let data = list(&page);
            all.extend(data.iter().cloned());
            if page["has_more"] == false {
                return all;
            }
            // Else a list that never ends would be walked for ever.
            assert!(!data.is_empty(), "{path}: an empty page that has more after it");
            next = Some(text(&page["next_cursor"]).to_owned());
        }
    }

    /// Sends a request whose head ends and whose body begins in `rest`, and reads while it writes: the
    /// server may answer and hang up before it has read everything, which an HTTP client need not bear.
    pub async fn send_raw(&self, path: &str, rest: String) -> (u16, String) {
        let host = self.url.strip_prefix("http://").unwrap();
        let (mut reader, mut writer) = TcpStream::connect(host).await.unwrap().into_split();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             content-type: application/json\r\n",
            self.key
        );
        let writing = tokio::spawn(async move {
            let _ = writer.write_all((head + &rest).as_bytes()).await;
            writer
        });
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        // Ends with the connection, also with one that is reset after the answer.
        while let Ok(length @ 1..) = reader.read(&mut chunk).await {
            answer.extend_from_slice(&chunk[..length]);
        }
        drop(writing.await);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no answer: {answer:?}")), answer)
    }

    /// What a read model says once it knows of a position.
    pub async fn list_at(&self, path: &str, position: Position) -> Vec<Value> {
        let and = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{and}min_position={position}");
        let page = until(&format!("{path} has caught up"), async || {
            Some(self.get(&path).await).filter(|answer| answer.status != 503)
        })
        .await;
        list(&page.done(200)).to_vec()
    }
}

/// Waits until every read model knows of a position.
pub async fn caught_up(api: &Api, position: Position) {
    for path in READ_MODELS {
        api.list_at(path, position).await;
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn is_replay(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(json) => json,
            Err(e) => panic!("{} is not JSON ({e}): {}", self.status, self.text()),
        }
    }

    /// The body of a success with this status.
    #[track_caller]
    pub fn done(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// The body of a refusal with this status and code. `code` may be several, with bars between.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        match self.check_problem(status, code) {
            Ok(problem) => problem,
            Err(wrong) => panic!("{wrong}: {} {}", self.status, self.text()),
        }
    }

    /// The same, or what is wrong with it.
    pub fn check_problem(&self, status: u16, code: &str) -> Result<Value, String> {
        if self.status != status {
            return Err(format!("not the status {status}"));
        }
        let content_type = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if !content_type.starts_with("application/problem+json") {
            return Err(format!("{content_type:?} is not application/problem+json"));
        }
        let problem: Value = serde_json::from_slice(&self.body).map_err(|e| e.to_string())?;
        if problem["status"] != status {
            return Err("the member status is another".to_owned());
        }
        if !code.split('|').any(|code| problem["code"] == code) {
            return Err(format!("not the code {code}"));
        }
        for member in ["type", "title", "request_id"] {
            if problem[member].as_str().is_none_or(str::is_empty) {
                return Err(format!("no {member}"));
            }
        }
        Ok(problem)
    }

    /// A refusal that may be tried again: the log is away or the outcome unknown.
    #[track_caller]
    pub fn unavailable(&self) -> Value {
        let seconds = self.header("retry-after").unwrap_or_default();
        assert!(seconds.parse::<u32>().is_ok(), "503 without Retry-After: {:?}", self.headers);
        self.problem(503, "unavailable")
    }
}

/// A place in the log, `partition:position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub partition: i32,
    pub position: i64,
}

impl Position {
    /// The one that an answer carries.
    #[track_caller]
    pub fn of(answer: &Value) -> Self {
        match answer["position"].as_str().map(str::parse) {
            Some(Ok(position)) => position,
            _ => panic!("{answer} has no position like 0:12"),
        }
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (partition, position) = text.split_once(':').ok_or(())?;
        Ok(Self { partition: partition.parse().map_err(drop)?, position: position.parse().map_err(drop)? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.position)
    }
}

/// The rows of a page.
#[track_caller]
pub fn list(page: &Value) -> &[Value] {
    let Value::Array(rows) = &page["data"] else { panic!("no list: {page}") };
    rows
}

/// A member that must be a string.
#[track_caller]
pub fn text(value: &Value) -> &str {
    let Value::String(text) = value else { panic!("not a string: {value}") };
    text
}

/// An amount or a quantity: a decimal in a string, never a JSON number.
#[track_caller]
pub fn decimal(value: &Value) -> Decimal {
    match Decimal::from_str_exact(text(value)) {
        Ok(decimal) => decimal,
        Err(e) => panic!("not a decimal ({e}): {value}"),
    }
}

#[track_caller]
pub fn assert_amount(value: &Value, expected: &str) {
    assert_eq!(decimal(value), Decimal::from_str_exact(expected).unwrap());
}
