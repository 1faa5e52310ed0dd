//! Which server a run talks to: from the command line, else the environment, else the file that
//! `./dev up` leaves for whoever works on this machine.

use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use reqwest::Url;

/// Where `./dev up` writes the address and the API key, as shell assignments.
pub const ENV_FILE: &str = ".dev/env";
const URL: &str = "TOLLBOOK_URL";
const API_KEY: &str = "TOLLBOOK_API_KEY";
const GATEWAY: &str = "TOLLBOOK_GATEWAY_URL";

/// An API key, which stays out of logs.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl FromStr for ApiKey {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.trim().to_owned()))
    }
}

/// A server and the key that opens it.
#[derive(Debug)]
pub struct Target {
    /// The address; `/v1` is below it.
    pub url: Url,
    /// The key of the organization that gets the charges.
    pub api_key: ApiKey,
    /// Something was taken from [`ENV_FILE`].
    pub from_file: bool,
}

/// Why there is no server to talk to.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Neither given nor set nor in the file.
    #[error(
        "no {what}: give {flag}, set {variable}, or start a server with `./dev up`, which writes both to {ENV_FILE}"
    )]
    Missing {
        /// The thing in words.
        what: &'static str,
        /// The flag that gives it.
        flag: &'static str,
        /// The environment variable that gives it.
        variable: &'static str,
    },
    /// Not a URL this program can use.
    #[error("{url:?} cannot be used as the server's address: {reason}")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is there and cannot be read.
    #[error("cannot read {ENV_FILE}: {0}")]
    Read(#[source] io::Error),
}

impl Target {
    /// Takes what is given (by flag or environment; empty counts as not given) and looks the rest up in
    /// `env_file`.
    pub fn find(url: Option<&str>, api_key: Option<&ApiKey>, env_file: &Path) -> Result<Self, TargetError> {
        let url = url.map(str::trim).filter(|url| !url.is_empty());
        let api_key = api_key.filter(|key| !key.reveal().is_empty());
        let from_file = url.is_none() || api_key.is_none();
        let file = match from_file.then(|| fs::read_to_string(env_file)) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                return Err(TargetError::Read(error));
            }
            Some(Ok(text)) => text,
            _ => String::new(),
        };
        let missing = |what, flag, variable| TargetError::Missing { what, flag, variable };
        let url = url.map(str::to_owned).or_else(|| assignment(&file, URL)).ok_or(missing("server", "--url", URL))?;
        let api_key = api_key.cloned().or_else(|| assignment(&file, API_KEY).map(ApiKey)).ok_or(missing(
            "API key",
            "--api-key",
            API_KEY,
        ))?;
        Ok(Self { url: parse_url(&url)?, api_key, from_file })
    }

    /// An assignment of the file that a started server leaves, if there is one.
    pub fn setting(name: &str, env_file: &Path) -> Option<String> {
        assignment(&fs::read_to_string(env_file).ok()?, name)
    }

    /// Where the server's gateway is: as given, else, when the server comes from `env_file`, as that says, else
    /// below the server itself, where it always is too.
    pub fn gateway(&self, given: Option<&str>, env_file: &Path) -> Result<Url, TargetError> {
        let written = || Self::setting(GATEWAY, env_file).filter(|_| self.from_file);
        match given.map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).or_else(written) {
            Some(url) => parse_url(&url),
            None => parse_url(&format!("{}/gw", self.url.as_str().trim_end_matches('/'))),
        }
    }
}

/// Whether a server is on this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn parse_url(text: &str) -> Result<Url, TargetError> {
    let bad = |reason: String| TargetError::BadUrl { url: text.to_owned(), reason };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    if url.scheme() != "http" {
        // The HTTP client is built without TLS, and would try a connection it can never make.
        return Err(bad("expected http://…".to_owned()));
    }
    Ok(url)
}

/// The value of `NAME=value` in a shell script; of several the last. Understands `export`, quotes and
/// backslashes, and nothing that a shell would have to compute.
fn assignment(script: &str, name: &str) -> Option<String> {
    script
        .lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").map_or(line, str::trim_start);
            line.strip_prefix(name)?.strip_prefix('=')
        })
        .map(unquote)
        .rfind(|value| !value.is_empty())
}

fn unquote(word: &str) -> String {
    let mut value = String::new();
    let mut quote = None;
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None | Some('"'), '\\') => value.extend(chars.next()),
            (None, c) if c.is_whitespace() || c == ';' => break,
            _ => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_read_as_a_shell_reads_them() {
        let script = "# TOLLBOOK_URL=comment\nTOLLBOOK_URL_OLD=no\nexport TOLLBOOK_URL=\"http://a:1\"  # why\n\
            TOLLBOOK_API_KEY='tb_a b'c\\d; echo\nTOLLBOOK_URL='http://b:2'\n";
        assert_eq!(assignment(script, URL).unwrap(), "http://b:2");
        assert_eq!(assignment(script, API_KEY).unwrap(), "tb_a bcd");
        assert_eq!(assignment(script, "DATABASE_URL"), None);
        assert_eq!(assignment("TOLLBOOK_URL=''", URL), None);
    }

    #[test]
    fn without_anything_the_error_says_what_to_set() {
        let nowhere = Path::new("/nonexistent/env");
        let error = Target::find(Some(" "), None, nowhere).unwrap_err();
        assert!(error.to_string().starts_with("no server: give --url, set TOLLBOOK_URL"));
        let error = Target::find(Some("http://a"), None, nowhere).unwrap_err();
        assert!(error.to_string().starts_with("no API key: give --api-key"));
    }

    #[test]
    fn what_is_given_needs_no_file() {
        let key: ApiKey = "tb_x".parse().unwrap();
        let find = |url| Target::find(Some(url), Some(&key), Path::new("/nonexistent/env"));
        assert!(!is_loopback(&find("http://example.com").unwrap().url));
        for local in ["http://127.0.0.1:8080/", "http://localhost", "http://[::1]:1"] {
            assert!(is_loopback(&find(local).unwrap().url), "{local}");
        }
        let nowhere = Path::new("/nonexistent/env");
        for (url, given, gateway) in [
            ("http://a:1", None, "http://a:1/gw"),
            ("http://a:1/under/", Some(" "), "http://a:1/under/gw"),
            ("http://a:1", Some("http://a:2"), "http://a:2/"),
        ] {
            assert_eq!(find(url).unwrap().gateway(given, nowhere).unwrap().as_str(), gateway);
        }
        for bad in ["https://example.com", "localhost:8080", "8080"] {
            assert!(matches!(find(bad), Err(TargetError::BadUrl { .. })), "{bad}");
        }
        assert!(!format!("{:?}", find("http://a").unwrap()).contains("tb_x"));
    }
}
