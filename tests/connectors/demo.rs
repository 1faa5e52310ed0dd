//! `tollbook demo stripe` as a process, what a test can ask of it, and who receives its messages.

use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use domain::Timestamp;
use domain::connector::ConnectorKind;
use payments::{Connector, Hosts, Message, Secrets, WebhookError};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// After this a condition has failed. Far above what anything takes: it ends a hanging test.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// Whoever has a key like this is let in.
const SECRET_KEY: &str = "sk_test_conformance";

/// Polls until there is a value, and gives it back.
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain until {what}");
        sleep(POLL).await;
    }
}

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Delivery {
    fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// As this connector reads it then.
    pub fn read(&self, connector: &dyn Connector, now: Timestamp) -> Result<Message, WebhookError> {
        connector.parse_webhook(&self.headers, &self.body, now)
    }
}

/// Messages that have come; they come in any order.
struct Inbox {
    received: UnboundedReceiver<Delivery>,
    kept: Vec<Delivery>,
}

/// The server. It ends when it is dropped.
pub struct Demo {
    _process: Child,
    /// What it prints must go somewhere.
    _printed: Lines<BufReader<ChildStdout>>,
    base: String,
    http: reqwest::Client,
    webhook_secret: String,
    inbox: Mutex<Inbox>,
    receiving: JoinHandle<()>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}

impl Demo {
    /// Starts it, and has it send its messages here.
    pub async fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tollbook"))
            .args(["demo", "stripe", "--listen", "127.0.0.1:0", "--later-ms", "10", "--retry-ms", "20"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut printed = BufReader::new(process.stdout.take().unwrap()).lines();
        let base = loop {
            let line = timeout(PATIENCE, printed.next_line()).await.expect("the demo says nothing").unwrap();
            let line = line.expect("the demo has ended: see its error output");
            if let Some((_, address)) = line.split_once("http://") {
                break format!("http://{}", address.trim());
            }
        };
        let (deliver, received) = unbounded_channel();
        let handler = move |headers: HeaderMap, body: Bytes| {
            // Nobody waits for it when a test is over.
            let _ = deliver.send(Delivery { headers, body });
            async {}
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(handler);
        let receiving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut demo = Self {
            _process: process,
            _printed: printed,
            base,
            http,
            webhook_secret: String::new(),
            inbox: Mutex::new(Inbox { received, kept: Vec::new() }),
            receiving,
        };
        let endpoint = demo.post_form("/v1/webhook_endpoints", &format!("url={hook}&enabled_events[]=*")).await;
        demo.webhook_secret = endpoint["secret"].as_str().unwrap().to_owned();
        demo
    }

    /// What a connector needs.
    pub fn secrets(&self) -> Secrets {
        Secrets { secret_key: SECRET_KEY.to_owned(), webhook_secret: self.webhook_secret.clone() }
    }

    /// A connector with these secrets.
    pub fn connector(&self, secrets: &Secrets) -> Box<dyn Connector> {
        payments::connector(ConnectorKind::Stripe, Some(&self.base), Hosts::Any, secrets).unwrap()
    }

    async fn post_form(&self, path: &str, form: &str) -> Value {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(SECRET_KEY);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// What Stripe's API shows.
    pub async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(SECRET_KEY);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// How many there are, for example of `payment_intents`.
    pub async fn count(&self, what: &str) -> usize {
        self.get(&format!("/v1/{what}?limit=100")).await["data"].as_array().unwrap().len()
    }

    /// The report on what was paid out.
    pub async fn payouts(&self) -> Bytes {
        let request = self.http.get(format!("{}/_test/payouts.csv", self.base));
        request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap()
    }

    async fn pull(&self, lever: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}/_test/{lever}", self.base)).json(body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Something goes wrong with the next call of this kind.
    pub async fn next(&self, behaviour: &str, on: &str) {
        self.pull("next", &json!({ "behaviour": behaviour, "on": on, "ms": 1_000 })).await;
    }

    /// The customer does what was asked.
    pub async fn authenticate(&self, payment_intent: &str) {
        self.pull("authenticate", &json!({ "payment_intent": payment_intent })).await;
    }

    /// A dispute of a payment comes to this.
    pub async fn dispute(&self, payment_intent: &str, status: &str) {
        self.pull("disputes", &json!({ "charge": payment_intent, "status": status })).await;
    }

    /// An event is sent once more.
    pub async fn replay(&self, event: &str) {
        self.pull(&format!("webhooks/replay/{event}"), &json!({})).await;
    }

    /// A message of this kind, each once.
    pub async fn message(&self, kind: &str) -> Delivery {
        let mut inbox = self.inbox.lock().await;
        if let Some(place) = inbox.kept.iter().position(|delivery| delivery.event()["type"] == kind) {
            return inbox.kept.remove(place);
        }
        loop {
            let delivery = timeout(PATIENCE, inbox.received.recv()).await;
            let delivery = delivery.unwrap_or_else(|_| panic!("no {kind} has come")).unwrap();
            if delivery.event()["type"] == kind {
                return delivery;
            }
            inbox.kept.push(delivery);
        }
    }
}
