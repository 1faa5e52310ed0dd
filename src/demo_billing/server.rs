//! The running server: [`Remote`] for most, and what it has no words for.

use std::path::Path;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::Error;
use crate::remote::{Remote, RemoteArgs, text};
use crate::simulate::target::{ENV_FILE, Target, is_loopback};

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at something that is to come.
const LOOK: Duration = Duration::from_millis(50);
/// How long something that is to come may take.
const COMES_WITHIN: Duration = Duration::from_secs(60);

/// The server, with the organization's API key.
pub struct Server {
    /// What is asked as JSON.
    pub api: Remote,
    target: Target,
    http: Client,
}

impl Server {
    /// Opens nothing yet.
    pub fn open(args: &RemoteArgs) -> Result<Self, Error> {
        let api = args.server()?;
        let target = Target::find(args.url.as_deref(), args.api_key.as_ref(), Path::new(ENV_FILE))?;
        let mut http = Client::builder().timeout(ANSWER_WITHIN).redirect(reqwest::redirect::Policy::none());
        if is_loopback(&target.url) {
            // A proxy of the environment would look for the server on its own machine.
            http = http.no_proxy();
        }
        Ok(Self { api, target, http: http.build()? })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.target.url.as_str().trim_end_matches('/')
    }

    /// Whose the API key is. Asked a single time, so that a wrong address is told at once.
    pub async fn organization(&self) -> Result<String, Error> {
        let organization: Value = serde_json::from_slice(&self.api.file(&["organization"], &[]).await?)?;
        Ok(format!("{} ({})", text(&organization, "name")?, text(&organization, "id")?))
    }

    /// All entries of a list.
    pub async fn all(&self, list: &str, filters: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        let (mut entries, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = vec![("limit", "100")];
            query.extend_from_slice(filters);
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.api.get(&[list], &query).await?;
            let data = page["data"].as_array().ok_or_else(|| format!("/v1/{list} is no list: {page}"))?;
            entries.extend_from_slice(data);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(entries),
            }
        }
    }

    /// Hands in a file of comma-separated values.
    pub async fn hand_in(&self, path: &str, csv: String) -> Result<Value, Error> {
        let request = self.request(Method::POST, path)?.header(CONTENT_TYPE, "text/csv").body(csv);
        Ok(serde_json::from_slice(&self.send(request).await?)?)
    }

    /// Takes something away.
    pub async fn remove(&self, path: &str) -> Result<(), Error> {
        self.send(self.request(Method::DELETE, path)?).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Error> {
        let url = Url::parse(&format!("{}{path}", self.url()))?;
        Ok(self.http.request(method, url).bearer_auth(self.target.api_key.reveal()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, Error> {
        let answer = request.send().await?;
        let (status, path) = (answer.status(), answer.url().path().to_owned());
        let body = answer.bytes().await?;
        if status.is_success() {
            return Ok(body.to_vec());
        }
        Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&body)).into())
    }
}

/// Looks until all is as it should be, which each look says beside what it sees, and gives back what it saw last; not
/// for ever.
pub async fn last_seen<T>(mut look: impl AsyncFnMut() -> Result<(T, bool), Error>) -> Result<T, Error> {
    let deadline = Instant::now() + COMES_WITHIN;
    loop {
        let (seen, is_right) = look().await?;
        if is_right || Instant::now() >= deadline {
            return Ok(seen);
        }
        sleep(LOOK).await;
    }
}

/// Looks until there is something, and gives it back; not for ever.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>, Error>) -> Result<T, Error> {
    let found = last_seen(async || {
        let found = look().await?;
        let is_there = found.is_some();
        Ok::<_, Error>((found, is_there))
    });
    found.await?.ok_or_else(|| format!("waited {} s in vain until {what}", COMES_WITHIN.as_secs()).into())
}
