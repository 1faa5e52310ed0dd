//! Asks one node after another until one answers, or all of them at once; and what it means when they differ.

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;

use super::endpoint::Endpoint;
use super::{CALL_WITHIN, ChainError, Client, FAILOVER_WITHIN, PROBE_WITHIN};

/// Behind one address there may be several nodes, not all at the same block: before two addresses are said to
/// disagree they are asked once more.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// What each node that answers says.
type Answers<T> = Vec<(Endpoint, T)>;

impl Client {
    /// Those to ask first, and those that gave no answer lately, each in the order of the settings.
    fn ranked(&self) -> (Vec<Endpoint>, Vec<Endpoint>) {
        self.endpoints.iter().cloned().partition(|endpoint| !endpoint.is_avoided())
    }

    /// Asks one node after another until one answers.
    pub(super) async fn first<T, F, Fut>(&self, ask: F) -> Result<T, ChainError>
    where
        F: Fn(Endpoint) -> Fut,
        Fut: Future<Output = Result<T, ChainError>>,
    {
        let (good, avoided) = self.ranked();
        let mut left = good.len() + avoided.len();
        let mut failed = None;
        for endpoint in good.into_iter().chain(avoided) {
            left -= 1;
            let within = match (left, endpoint.is_doubtful()) {
                (0, _) => CALL_WITHIN,
                (_, true) => PROBE_WITHIN,
                (_, false) => FAILOVER_WITHIN,
            };
            match ask(endpoint.given(within)).await {
                Err(error) if error.is_no_answer() => failed = Some(worst(failed, error)),
                answer => return answer,
            }
        }
        Err(failed.unwrap_or_else(nobody))
    }

    /// Asks all nodes at once. Those that do not answer are left out, as long as one does.
    pub(super) async fn every<T, F, Fut>(&self, ask: F) -> Result<Answers<T>, ChainError>
    where
        F: Fn(Endpoint) -> Fut,
        Fut: Future<Output = Result<T, ChainError>>,
    {
        let mut failed = None;
        let (good, avoided) = self.ranked();
        for group in [good, avoided] {
            let mut answers = Vec::with_capacity(group.len());
            for (endpoint, answer) in self.at_once(group, &ask).await {
                match answer {
                    Ok(answer) => answers.push((endpoint, answer)),
                    Err(error) if error.is_no_answer() => failed = Some(worst(failed, error)),
                    Err(error) => return Err(error),
                }
            }
            if !answers.is_empty() {
                return Ok(answers);
            }
        }
        Err(failed.unwrap_or_else(nobody))
    }

    /// Asks all nodes at once, also those that gave no answer lately: what decides something for good must not be one
    /// node's word because another was away for a moment. Of three or more nodes more than half must answer.
    pub(super) async fn most<T, F, Fut>(&self, ask: F) -> Result<Answers<T>, ChainError>
    where
        F: Fn(Endpoint) -> Fut,
        Fut: Future<Output = Result<T, ChainError>>,
    {
        let mut failed = None;
        let mut answers = Vec::with_capacity(self.endpoints.len());
        for (endpoint, answer) in self.at_once(self.endpoints.to_vec(), &ask).await {
            match answer {
                Ok(answer) => answers.push((endpoint, answer)),
                Err(error) if error.is_no_answer() => failed = Some(worst(failed, error)),
                Err(error) => return Err(error),
            }
        }
        let (all, given) = (self.endpoints.len(), answers.len());
        let needed = if all > 2 { all / 2 + 1 } else { 1 };
        if given >= needed {
            return Ok(answers);
        }
        let failed = failed.unwrap_or_else(nobody);
        if given == 0 {
            return Err(failed);
        }
        Err(ChainError::Unavailable(format!("only {given} of {all} nodes answer, and {needed} must: {failed}")))
    }

    /// Gives something to all nodes; good when one takes it.
    pub(super) async fn anyone<F, Fut>(&self, give: F) -> Result<(), ChainError>
    where
        F: Fn(Endpoint) -> Fut,
        Fut: Future<Output = Result<(), ChainError>>,
    {
        let mut failed: Option<ChainError> = None;
        let (good, avoided) = self.ranked();
        for group in [good, avoided] {
            let mut is_taken = false;
            for (_, answer) in self.at_once(group, &give).await {
                match answer {
                    Ok(()) => is_taken = true,
                    Err(error) => failed = Some(worst(failed, error)),
                }
            }
            if is_taken {
                return Ok(());
            }
            if failed.as_ref().is_some_and(|error| !error.is_no_answer()) {
                break;
            }
        }
        Err(failed.unwrap_or_else(nobody))
    }

    async fn at_once<T, F, Fut>(&self, group: Vec<Endpoint>, ask: &F) -> Answers<Result<T, ChainError>>
    where
        F: Fn(Endpoint) -> Fut,
        Fut: Future<Output = Result<T, ChainError>>,
    {
        let is_alone = self.endpoints.len() == 1;
        let mut asked = Vec::with_capacity(group.len());
        for endpoint in &group {
            let within = if is_alone { CALL_WITHIN } else { endpoint.patience() };
            asked.push(ask(endpoint.given(within)));
        }
        let answers = join_all(asked).await;
        group.into_iter().zip(answers).collect()
    }

    /// Asks all nodes for something that those who have it must agree on: `told` says it in words, and two answers
    /// are the same when their words are. `None` when no node has it.
    pub(super) async fn agreed<T, F, Fut>(
        &self,
        what: &str,
        ask: F,
        told: fn(&T) -> String,
    ) -> Result<Option<T>, ChainError>
    where
        F: Fn(Endpoint) -> Fut,
        Fut: Future<Output = Result<Option<T>, ChainError>>,
    {
        let told = move |answer: &Option<T>| answer.as_ref().map(told);
        let mut answers = self.most(&ask).await?;
        if disagreement(what, &answers, told).is_some() {
            tokio::time::sleep(AGAIN_AFTER).await;
            answers = self.most(&ask).await?;
            if let Some(error) = disagreement(what, &answers, told) {
                return Err(error);
            }
        }
        Ok(answers.into_iter().find_map(|(_, answer)| answer))
    }

    /// Asks all nodes for something as of a block: all that have it must say the same, and that is the one answer. Or,
    /// where no block is named, as of the newest: there each says its own, for they need not be at the same one, and
    /// whoever asks says which of them is the safe one. Silence of some stops nothing, as in [`Self::most`].
    pub(super) async fn as_of<T, F, Fut>(
        &self,
        what: &str,
        block: Option<u64>,
        ask: F,
        told: fn(&T) -> String,
    ) -> Result<Vec<T>, ChainError>
    where
        F: Fn(Endpoint) -> Fut,
        Fut: Future<Output = Result<T, ChainError>>,
    {
        let Some(block) = block else {
            return Ok(self.most(ask).await?.into_iter().map(|(_, answer)| answer).collect());
        };
        let ask_one = |endpoint: Endpoint| {
            let asked = ask(endpoint);
            async move { asked.await.map(Some) }
        };
        let agreed = self.agreed(&format!("{what} in block {block}"), ask_one, told).await?;
        Ok(agreed.into_iter().collect())
    }
}

fn nobody() -> ChainError {
    ChainError::Unavailable("no node was asked".into())
}

fn worst(known: Option<ChainError>, error: ChainError) -> ChainError {
    match known {
        Some(known) => known.or(error),
        None => error,
    }
}

/// Who says what, where two of those that have something to say differ.
pub(super) fn disagreement<T>(
    what: &str,
    answers: &[(Endpoint, T)],
    told: impl Fn(&T) -> Option<String>,
) -> Option<ChainError> {
    let words = answers.iter().filter_map(|(endpoint, answer)| Some((endpoint.host().to_owned(), told(answer)?)));
    let words: Vec<_> = words.collect();
    let (_, first) = words.first()?;
    if words.iter().all(|(_, one)| one == first) {
        return None;
    }
    Some(ChainError::Disagreement { what: what.to_owned(), answers: words })
}
