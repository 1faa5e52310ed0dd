//! A running server, for commands that ask it for something.

use std::path::Path;

use clap::Args;
use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::simulate::target::{ApiKey, ENV_FILE, Target};
use crate::simulate::transport::{Call, CallError, Transport};

type Error = Box<dyn std::error::Error>;

/// Which server.
#[derive(Debug, Clone, Args)]
pub struct RemoteArgs {
    /// Address of the server [default: from .dev/env]
    #[arg(long, value_name = "URL", env = "TOLLBOOK_URL")]
    pub url: Option<String>,
    /// API key of the organization [default: from .dev/env]
    #[arg(long, value_name = "KEY", env = "TOLLBOOK_API_KEY", hide_env_values = true)]
    pub api_key: Option<ApiKey>,
}

impl RemoteArgs {
    /// Opens nothing yet.
    pub fn server(&self) -> Result<Remote, Error> {
        let target = Target::find(self.url.as_deref(), self.api_key.as_ref(), Path::new(ENV_FILE))?;
        Ok(Remote { transport: Transport::new(&target, 1)? })
    }
}

/// A server, with an API key.
pub struct Remote {
    transport: Transport,
}

impl Remote {
    /// Reads something; the path without `/v1`.
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, CallError> {
        let call = Call { method: Method::GET, path, query, key: None, body: None };
        Ok(self.transport.send(&call).await?.value)
    }

    /// Reads a file, as it is.
    pub async fn file(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<u8>, CallError> {
        self.transport.file(path, query).await
    }

    /// Reads something; `None` when there is none.
    pub async fn find(&self, path: &[&str]) -> Result<Option<Value>, CallError> {
        match self.get(path, &[]).await {
            Ok(found) => Ok(Some(found)),
            Err(CallError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for something, once, however often it has to be sent.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, CallError> {
        self.send(Method::POST, path, body).await
    }

    /// Sets something.
    pub async fn put(&self, path: &[&str], body: &Value) -> Result<Value, CallError> {
        self.send(Method::PUT, path, body).await
    }

    async fn send(&self, method: Method, path: &[&str], body: &Value) -> Result<Value, CallError> {
        let key = Uuid::now_v7().to_string();
        let body = Some(body.to_string().into_bytes());
        let call = Call { method, path, query: &[], key: Some(&key), body };
        Ok(self.transport.send(&call).await?.value)
    }
}

/// A member that is a string.
pub fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, Error> {
    value[member].as_str().ok_or_else(|| format!("the answer has no {member}: {value}").into())
}
