//! Where everything is put together: the books, answers that are kept, what tests have set up, and what is done beside
//! the answering of requests.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventstore::clock;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Settings;
use super::answer::Refused;
use super::books::Books;
use super::form::Params;
use super::idempotency::Kept;
use super::ids;
use super::later::What;
use super::levers::Lever;
use super::webhooks::{Delivery, Endpoint, RECEIVER_WITHIN};

/// What every key of a test account begins with.
const TEST_KEY: &str = "sk_test_";

/// What all requests share.
#[derive(Debug)]
pub struct Desk {
    /// How it is to behave.
    pub settings: Settings,
    books: Mutex<Books>,
    kept: Mutex<Kept>,
    levers: Mutex<VecDeque<Lever>>,
    errands: mpsc::UnboundedSender<Errand>,
}

/// What is done beside the answering of requests.
#[derive(Debug)]
pub enum Errand {
    /// An event is sent. Whoever waits for the first attempt has the other end of the channel.
    Deliver(Delivery, Option<mpsc::Sender<()>>),
    /// Something comes after a while.
    Wait(Duration, What),
}

impl Desk {
    /// A new one, and the errands that it gives.
    pub fn new(settings: Settings) -> io::Result<(Arc<Self>, mpsc::UnboundedReceiver<Errand>)> {
        let (errands, given) = mpsc::unbounded_channel();
        let mut books = Books::default();
        if let (Some(url), Some(secret)) = (&settings.webhook_url, &settings.webhook_secret) {
            let now = clock::now().timestamp();
            let endpoint = Endpoint::new(url.as_str(), secret.clone(), &["*"], &Params::default(), now);
            books.endpoints().push(endpoint.map_err(|refused| io::Error::other(format!("{refused:?}")))?);
        }
        let desk =
            Self { settings, books: Mutex::new(books), kept: Mutex::default(), levers: Mutex::default(), errands };
        Ok((Arc::new(desk), given))
    }

    /// What there is.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers that are kept.
    pub fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What tests have set up.
    pub fn levers(&self) -> MutexGuard<'_, VecDeque<Lever>> {
        self.levers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the books, and has everything sent and put off that follows from it. `tried` is dropped
    /// when each event has been sent once.
    pub fn act<T>(&self, origin: Value, tried: Option<mpsc::Sender<()>>, act: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = self.books();
        books.begin(origin, clock::now().timestamp());
        let done = act(&mut books);
        let (outbox, later) = books.end();
        drop(books);
        // Nobody takes errands any more when the server is about to end.
        for delivery in outbox {
            let _ = self.errands.send(Errand::Deliver(delivery, tried.clone()));
        }
        for later in later {
            let after = Duration::from_millis(later.after_ms.unwrap_or(self.settings.later_ms));
            let _ = self.errands.send(Errand::Wait(after, later.what));
        }
        done
    }

    /// The same, for what nobody asked for.
    pub fn act_alone<T>(&self, act: impl FnOnce(&mut Books) -> T) -> T {
        self.act(json!({ "id": null, "idempotency_key": null }), None, act)
    }

    /// Whether a request has a secret key that is good here.
    pub fn check_key(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(key) = secret_key(headers) else {
            return Err(Refused::no_key(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using \
                 Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            ));
        };
        let is_good = match &self.settings.secret_key {
            Some(only) => key == *only,
            None => key.starts_with(TEST_KEY) && key.len() > TEST_KEY.len(),
        };
        if is_good { Ok(()) } else { Err(Refused::no_key(format!("Invalid API Key provided: {}", masked(&key)))) }
    }
}

/// The key, as a bearer's or as the name of a user.
fn secret_key(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, given) = given.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(given.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let user = String::from_utf8(STANDARD.decode(given.trim()).ok()?).ok()?;
    Some(user.split_once(':').map_or(user.as_str(), |(user, _)| user).to_owned())
}

/// The first letters and the last four, as Stripe writes keys that it does not take.
fn masked(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    let last = letters.len().saturating_sub(4);
    letters.iter().enumerate().map(|(place, letter)| if (8..last).contains(&place) { '*' } else { *letter }).collect()
}

/// The request that an event comes from.
pub fn origin(request: &str, key: Option<&str>) -> Value {
    json!({ "id": request, "idempotency_key": key })
}

/// An id for a request.
pub fn request_id() -> String {
    ids::new("req")
}

/// Runs errands, all at once, until it is stopped; then all of them end.
pub async fn run_errands(desk: Arc<Desk>, client: Client, mut given: mpsc::UnboundedReceiver<Errand>) {
    let mut under_way = JoinSet::new();
    while let Some(errand) = given.recv().await {
        while under_way.try_join_next().is_some() {}
        let (desk, client) = (Arc::clone(&desk), client.clone());
        under_way.spawn(async move {
            match errand {
                Errand::Deliver(delivery, tried) => delivery.send(&desk, &client, tried).await,
                Errand::Wait(after, what) => {
                    tokio::time::sleep(after).await;
                    desk.act_alone(|books| what.come(books));
                }
            }
        });
    }
}

/// What sends events: to where it is told, and nowhere else.
pub fn client() -> io::Result<Client> {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(RECEIVER_WITHIN);
    client.build().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with(authorization: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(authorization))])
    }

    #[test]
    fn a_key_is_a_bearers_or_a_user() {
        let (desk, _given) = Desk::new(Settings::default()).unwrap();
        // The second is of `sk_test_1:`.
        for good in ["Bearer sk_test_1", "Basic c2tfdGVzdF8xOg==", "bearer  sk_test_1"] {
            assert!(desk.check_key(&with(good)).is_ok(), "{good}");
        }
        for bad in ["Bearer sk_live_1", "Bearer sk_test_", "sk_test_1", "Basic !", "Digest sk_test_1"] {
            assert!(desk.check_key(&with(bad)).is_err(), "{bad}");
        }
        assert!(desk.check_key(&HeaderMap::new()).is_err());
        let only = Settings { secret_key: Some("sk_test_2".to_owned()), ..Settings::default() };
        let (desk, _given) = Desk::new(only).unwrap();
        assert!(
            desk.check_key(&with("Bearer sk_test_1")).is_err() && desk.check_key(&with("Bearer sk_test_2")).is_ok()
        );
        assert_eq!(masked("sk_live_abcdefgh"), "sk_live_****efgh");
    }
}
