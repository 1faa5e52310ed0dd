//! One node: what is remembered of it, and how long it is waited for.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::providers::{DynProvider, Provider};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::{Failure, NO_CONTRACT};
use super::{BLOCKS_MAX, CALL_WITHIN, ChainError, PROBE_WITHIN, Settings, without_paths};
use crate::bindings::SessionKeyValidator::SessionKeyValidatorInstance;
use crate::bindings::TestUSDC::TestUSDCInstance;

/// How long a failed comparison is remembered, so that those who wait for it do not each wait anew.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// How long a chain that was found right is believed to be it.
const VERIFIED_FOR: Duration = Duration::from_secs(10);
/// A node that gave no answer is asked last for a second, each further time for twice as long, up to about half a
/// minute.
const AVOIDED_DOUBLINGS_MAX: u32 = 5;
/// The least time for one that is asked last, when all are asked at once.
const AVOIDED_WITHIN: Duration = Duration::from_millis(250);
/// Each time that such a one gave no answer halves its time, so often.
const AVOIDED_HALVINGS_MAX: u32 = 4;

/// What the last comparison with the settings came to, and when.
type Compared = (Instant, Result<(), ChainError>);

/// How often a node gave no answer since it last gave one, and until when others come first.
#[derive(Debug, Default)]
struct Health {
    failures: u32,
    avoided_until: Option<Instant>,
}

struct Inner {
    host: String,
    rpc_url: String,
    provider: DynProvider,
    settings: Arc<Settings>,
    compared: Mutex<Option<Compared>>,
    health: Lock<Health>,
    /// Blocks of which it is asked for log entries at a time.
    span: AtomicU64,
}

/// A node of the chain, and how long one call to it may take. Cheap to clone.
#[derive(Clone)]
pub(super) struct Endpoint {
    inner: Arc<Inner>,
    within: Duration,
}

/// Host and port of a URL: what may be shown of it.
pub(super) fn host(rpc_url: &str) -> String {
    let shown = without_paths(rpc_url);
    shown.split_once("://").map_or(shown.as_str(), |(_, host)| host).to_owned()
}

impl Endpoint {
    pub(super) fn new(host: String, rpc_url: &str, settings: Arc<Settings>) -> Result<Self, ChainError> {
        let inner = Inner {
            host,
            rpc_url: rpc_url.to_owned(),
            provider: super::provider(rpc_url)?,
            settings,
            compared: Mutex::default(),
            health: Lock::default(),
            span: AtomicU64::new(BLOCKS_MAX),
        };
        Ok(Self { inner: Arc::new(inner), within: CALL_WITHIN })
    }

    pub(super) fn host(&self) -> &str {
        &self.inner.host
    }

    pub(super) fn rpc_url(&self) -> &str {
        &self.inner.rpc_url
    }

    pub(super) fn provider(&self) -> &DynProvider {
        &self.inner.provider
    }

    pub(super) fn contract(&self) -> SessionKeyValidatorInstance<&DynProvider> {
        SessionKeyValidatorInstance::new(crate::address(self.inner.settings.contract), &self.inner.provider)
    }

    /// The same node, with so long for one call.
    pub(super) fn given(&self, within: Duration) -> Self {
        Self { inner: self.inner.clone(), within }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.inner.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether others come first for now.
    pub(super) fn is_avoided(&self) -> bool {
        self.health().avoided_until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether it gave no answer the last time.
    pub(super) fn is_doubtful(&self) -> bool {
        self.health().failures > 0
    }

    /// How long it is waited for when all are asked at once. One that is asked last is still asked, for what all must
    /// agree on, but the longer it has been away the less it is waited for.
    pub(super) fn patience(&self) -> Duration {
        let health = self.health();
        match (health.failures, health.avoided_until) {
            (0, _) => CALL_WITHIN,
            (failures, Some(until)) if Instant::now() < until => {
                (PROBE_WITHIN / (1_u32 << failures.min(AVOIDED_HALVINGS_MAX))).max(AVOIDED_WITHIN)
            }
            _ => PROBE_WITHIN,
        }
    }

    fn has_answered(&self) {
        *self.health() = Health::default();
    }

    /// It gave no answer, or none that can be used, as `failures` times before.
    fn has_failed(&self, failures: u32) {
        let mut health = self.health();
        // Calls that were under way together count once.
        if health.avoided_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let pause = Duration::from_secs(1 << failures.min(AVOIDED_DOUBLINGS_MAX));
        *health = Health { failures: failures.saturating_add(1), avoided_until: Some(Instant::now() + pause) };
    }

    /// Blocks of which it is asked for log entries at a time; never none.
    pub(super) fn span(&self) -> u64 {
        self.inner.span.load(Ordering::Relaxed).clamp(1, BLOCKS_MAX)
    }

    pub(super) fn grow_span(&self) {
        self.inner.span.store(self.span() * 2, Ordering::Relaxed);
    }

    /// It did not take so many.
    pub(super) fn shrink_span(&self, asked: u64) {
        self.inner.span.store(asked.div_ceil(2), Ordering::Relaxed);
    }

    async fn within<T, E: Into<Failure>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        let answer = match tokio::time::timeout(self.within, call).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Failure::silent(format!("no answer within {} s", self.within.as_secs_f32()))),
        };
        match &answer {
            Err(failure) if failure.is_silent => {
                let failures = self.health().failures;
                self.has_failed(failures);
            }
            _ => self.has_answered(),
        }
        answer
    }

    /// Asks the node, when it is the one of the settings.
    pub(super) async fn ask<T, E: Into<Failure>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ChainError> {
        self.call(call).await.map_err(|failure| failure.error)
    }

    /// Gives something to the node, when it is the one of the settings. What it answers in words that are not known means
    /// that it does not take it; so does what a call would be refused with, for nothing that was signed can be taken back.
    pub(super) async fn give<T, E: Into<Failure>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ChainError> {
        self.call(call).await.map_err(|failure| match failure {
            Failure {
                error: ChainError::Unavailable(why) | ChainError::Refused { detail: why, .. },
                is_silent: false,
            } => ChainError::NotTaken(why),
            Failure { error, .. } => error,
        })
    }

    async fn call<T, E: Into<Failure>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        self.verify().await.map_err(|error| Failure { error, is_silent: true })?;
        let answer = self.within(call).await;
        if answer.as_ref().is_err_and(|failure| failure.is_silent) {
            // Something went wrong since it was found right.
            *self.inner.compared.lock().await = None;
        }
        answer
    }

    /// Forgets that it was found right.
    pub(super) async fn doubt(&self) {
        self.inner.compared.lock().await.take_if(|(_, answer)| answer.is_ok());
    }

    /// Compares chain id, contract and token with the settings; believes the result for some seconds.
    pub(super) async fn verify(&self) -> Result<(), ChainError> {
        let mut compared = self.inner.compared.lock().await;
        if let Some((at, answer)) = compared.as_ref() {
            let good_for = if answer.is_ok() { VERIFIED_FOR } else { FAILED_FOR };
            if at.elapsed() < good_for {
                return answer.clone();
            }
        }
        let failures = self.health().failures;
        let answer = self.compare().await;
        if matches!(answer, Err(ChainError::Mismatch(_))) {
            self.has_failed(failures);
        }
        *compared = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn compare(&self) -> Result<(), ChainError> {
        let settings = &self.inner.settings;
        let chain_id = self.within(async { self.provider().get_chain_id().await }).await.map_err(|f| f.error)?;
        if chain_id != settings.network.chain_id {
            let (expected, name) = (settings.network.chain_id, settings.network.name);
            return Err(ChainError::Mismatch(format!("its chain id is {chain_id}, {name} has {expected}")));
        }
        let contract = self.contract();
        let separator = self.within(async { contract.DOMAIN_SEPARATOR().call().await }).await.map_err(|f| f.error);
        let ours = crate::typed::domain(chain_id, settings.contract).separator();
        if !matches!(separator, Ok(found) if found == ours) {
            return Err(match separator {
                Err(ChainError::Unavailable(why)) if !why.contains(NO_CONTRACT) => ChainError::Unavailable(why),
                _ => ChainError::Mismatch(format!("at {} there is no SessionKeyValidator 1", settings.contract)),
            });
        }
        let token = TestUSDCInstance::new(crate::address(settings.token), self.provider());
        let separator = self.within(async { token.DOMAIN_SEPARATOR().call().await }).await.map_err(|f| f.error);
        let expected = crate::eip3009::token_domain(&settings.network, settings.token);
        match separator {
            Ok(found) if found == expected.separator() => Ok(()),
            Err(ChainError::Unavailable(why)) if !why.contains(NO_CONTRACT) => Err(ChainError::Unavailable(why)),
            _ => {
                let (name, version) = (settings.network.usdc_name, settings.network.usdc_version);
                Err(ChainError::Mismatch(format!(
                    "the token at {} does not sign as {name:?} version {version:?}",
                    settings.token
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn of_a_url_only_the_host_is_shown() {
        for (url, shown) in [
            ("https://user:SECRET@node.example:8545/v2/SECRET?key=SECRET", "node.example:8545"),
            ("http://127.0.0.1:8545", "127.0.0.1:8545"),
            ("http://[::1]:8545/", "[::1]:8545"),
        ] {
            assert_eq!(host(url), shown);
        }
    }
}
