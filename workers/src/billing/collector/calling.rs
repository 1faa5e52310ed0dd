//! One payment, one call: what its provider is asked, and that the answer comes into the log.

use std::future::Future;
use std::time::Duration;

use domain::connector::{Connector as Account, ConnectorKind};
use domain::ids::{self, ConnectorId, OrganizationId, PaymentId};
use domain::payment::event::Created;
use domain::payment::{Action, Ask, Observed, Payment, PaymentCommand, Status};
use domain::{Aggregate, StreamId};
use eventstore::vault::Vault;
use eventstore::{ExecuteError, StoreError, clock};
use payments::asking::{self, Answer, Asked};
use payments::{CallError, Connector, Secrets};
use projections::billing::collecting::PaymentRow;
use uuid::Uuid;

use super::turns::{Outcome, Why};
use crate::Context;
use crate::billing::{Given, give, meta, note_denied, time_of};

/// How long a call may take, with all that is looked at for it.
const CALL_WITHIN: Duration = Duration::from_secs(60);
/// In the vault.
const SECRETS: &str = "connector";
/// As the metrics call it.
const LOOK: &str = "look";

/// Why nothing came of a call.
#[derive(Debug, thiserror::Error)]
enum CollectError {
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whoever calls.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) context: Context,
    pub(super) vault: Vault,
}

/// A call that is over.
pub(super) struct Done {
    pub(super) row: PaymentRow,
    pub(super) why: Why,
    pub(super) outcome: Outcome,
}

/// A connector that can be called, and whether it was removed.
struct Open {
    connector: Box<dyn Connector>,
    is_removed: bool,
}

/// A payment as the log has it.
struct Found {
    payment: Payment,
    version: i64,
    stream: StreamId,
}

const fn step(ask: Ask) -> &'static str {
    match ask {
        Ask::Create => "create",
        Ask::Capture { .. } => "capture",
        Ask::Cancel => "cancel",
        Ask::Refund { .. } => "refund",
    }
}

/// A call that takes too long is one without an answer.
async fn within<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    let called = tokio::time::timeout(CALL_WITHIN, call).await;
    called.unwrap_or_else(|_| Err(CallError::Unknown("there was no answer in time".to_owned())))
}

fn count(step: &'static str, outcome: &'static str) {
    metrics::counter!("tollbook_payment_calls_total", "step" => step, "outcome" => outcome).increment(1);
}

/// Nobody knows what became of it.
fn unanswered(row: &PaymentRow, step: &'static str, error: &CallError) -> Outcome {
    count(step, "unknown");
    let (payment_id, connector_id) = (PaymentId::new(row.payment_id), ConnectorId::new(row.connector_id));
    if let CallError::Misconfigured(_) = error {
        tracing::error!(%connector_id, %payment_id, step, %error, "payments wait");
        return Outcome::Misconfigured;
    }
    tracing::warn!(%connector_id, %payment_id, step, %error, "a payment is asked for again");
    Outcome::Unknown
}

impl Caller {
    /// Calls about one payment.
    pub(super) async fn call(self, row: PaymentRow, why: Why) -> Done {
        let called = match why {
            Why::Ask => self.ask(&row).await,
            Why::Look => self.look(&row).await,
        };
        let outcome = called.unwrap_or_else(|error| {
            tracing::debug!(payment_id = %PaymentId::new(row.payment_id), %error, "a payment waits");
            Outcome::Unknown
        });
        Done { row, why, outcome }
    }

    async fn load(&self, row: &PaymentRow) -> Result<Found, StoreError> {
        let stream = StreamId::new(Payment::CATEGORY, PaymentId::new(row.payment_id));
        let loaded = self.context.ledger.load::<Payment>(&stream).await?;
        Ok(Found { payment: loaded.state, version: loaded.version, stream })
    }

    /// Asks for what a payment needs next.
    async fn ask(&self, row: &PaymentRow) -> Result<Outcome, CollectError> {
        let found = self.load(row).await?;
        let payment = &found.payment;
        let (Some(ask), Some((created, _))) = (payment.asks(), &payment.created) else { return Ok(Outcome::Known) };
        let step = step(ask);
        let open = match self.open(created).await? {
            Ok(open) => open,
            Err(error) => return Ok(unanswered(row, step, &error)),
        };
        // What the read model shows is not later than when it was asked for first.
        let waited = clock::now() - row.since;
        let asked = Asked { payment, ask, waited, is_removed: open.is_removed };
        let Answer { observed, refusal } = match within(asking::ask(open.connector.as_ref(), &asked)).await {
            Ok(answer) => answer,
            Err(error) => return Ok(unanswered(row, step, &error)),
        };
        if let Some(refusal) = refusal {
            tracing::warn!(payment_id = %created.payment_id, step, %refusal, "a payment provider has refused");
        }
        let id = ids::derive(&[b"collect", row.payment_id.as_bytes(), step.as_bytes(), &found.version.to_be_bytes()]);
        let given = self.observe(row, &found, created, id, &observed).await?;
        let outcome = match &given {
            Given::Done | Given::Before => "known",
            Given::Unchanged => "nothing_new",
            Given::Denied(_) => "denied",
        };
        count(step, outcome);
        if let Given::Denied(why) = &given {
            note_denied(step, why, &found.stream);
        }
        match given {
            Given::Done | Given::Before => {
                abandon(open.connector.as_ref(), payment, &observed).await;
                Ok(Outcome::Known)
            }
            Given::Unchanged => {
                // A message was faster. It gives nothing up, and when it has said the same, nothing is asked any more.
                let now = self.load(row).await?.payment;
                if now.status == Status::Failed {
                    abandon(open.connector.as_ref(), &now, &observed).await;
                }
                Ok(Outcome::Unknown)
            }
            Given::Denied(_) => Ok(Outcome::Unknown),
        }
    }

    /// Asks how a payment stands that waits.
    async fn look(&self, row: &PaymentRow) -> Result<Outcome, CollectError> {
        let found = self.load(row).await?;
        let payment = &found.payment;
        let Some((created, _)) = &payment.created else { return Ok(Outcome::Known) };
        if !payment.is_waiting() || payment.is_asking() {
            return Ok(Outcome::Known);
        }
        let open = match self.open(created).await? {
            Ok(open) => open,
            Err(error) => return Ok(unanswered(row, LOOK, &error)),
        };
        let seen = match within(asking::look(open.connector.as_ref(), payment)).await {
            Ok(seen) => seen,
            Err(error) => return Ok(unanswered(row, LOOK, &error)),
        };
        let mut is_news = false;
        for (nth, observed) in (0_u32..).zip(&seen) {
            let version = found.version.to_be_bytes();
            let id = ids::derive(&[b"look", row.payment_id.as_bytes(), &version, &nth.to_be_bytes()]);
            match self.observe(row, &found, created, id, observed).await? {
                Given::Done | Given::Before => {
                    is_news = true;
                    abandon(open.connector.as_ref(), payment, observed).await;
                }
                Given::Unchanged => {}
                Given::Denied(why) => note_denied(LOOK, &why, &found.stream),
            }
        }
        count(LOOK, if is_news { "known" } else { "nothing_new" });
        if !is_news && asking::is_to_be_given_up(payment, clock::now() - row.made_at) {
            self.give_up(row, &found, created).await?;
        }
        Ok(Outcome::Known)
    }

    /// Takes in what was observed, at the customer's time.
    async fn observe(
        &self,
        row: &PaymentRow,
        found: &Found,
        created: &Created,
        command_id: Uuid,
        observed: &Observed,
    ) -> Result<Given, CollectError> {
        self.give(row, found, created, command_id, Action::Observe(observed.clone())).await
    }

    async fn give(
        &self,
        row: &PaymentRow,
        found: &Found,
        created: &Created,
        command_id: Uuid,
        action: Action,
    ) -> Result<Given, CollectError> {
        let organization_id = OrganizationId::new(row.organization_id);
        let now = time_of(&self.context, created.customer_id).await?;
        let meta = meta(command_id, organization_id, row.partition, now);
        let command = PaymentCommand { organization_id, action };
        Ok(give::<Payment>(&self.context.ledger, found.stream.clone(), meta, command).await?)
    }

    /// Has a payment cancelled that nobody will complete: so its invoice hears that it has failed.
    async fn give_up(&self, row: &PaymentRow, found: &Found, created: &Created) -> Result<(), CollectError> {
        let id = ids::derive(&[b"give up", row.payment_id.as_bytes(), &found.version.to_be_bytes()]);
        match self.give(row, found, created, id, Action::Cancel).await? {
            Given::Done => {
                tracing::info!(payment_id = %created.payment_id, "a payment that has waited for too long is cancelled");
            }
            Given::Before | Given::Unchanged => {}
            Given::Denied(why) => note_denied("give_up", &why, &found.stream),
        }
        Ok(())
    }

    /// The connector of a payment. The outer error says that nobody could look for it.
    async fn open(&self, created: &Created) -> Result<Result<Open, CallError>, StoreError> {
        let Some(connector_id) = created.connector_id else {
            return Ok(Err(CallError::Misconfigured("the payment has no connector".to_owned())));
        };
        let (account, secrets) = account(&self.context, &self.vault, created.organization_id, connector_id).await?;
        let Some(made) = &account.created else {
            return Ok(Err(CallError::Misconfigured(format!("there is no connector {connector_id}"))));
        };
        let secrets = match (secrets, made.kind) {
            (Some(Ok(secrets)), _) => secrets,
            (Some(Err(error)), _) => return Ok(Err(error)),
            (None, ConnectorKind::Manual) => Secrets::default(),
            (None, ConnectorKind::Stripe) => {
                return Ok(Err(CallError::Misconfigured("the vault has no secrets of the connector".to_owned())));
            }
        };
        let connector =
            payments::connector(made.kind, made.api_base.as_deref(), self.context.connector_hosts, &secrets);
        Ok(connector.map(|connector| Open { connector, is_removed: account.removed_at.is_some() }))
    }
}

/// Has a payment that has failed given up at the provider too, so that nobody completes it later. When that does not
/// come about, nothing is lost: what comes all the same counts.
async fn abandon(connector: &dyn Connector, payment: &Payment, observed: &Observed) {
    let Some(reference) = asking::to_abandon(payment, observed) else { return };
    if let Err(error) = within(connector.abandon(&reference)).await {
        tracing::debug!(payment_id = %reference.payment_id, %error, "a payment that has failed stays open there");
    }
}

/// A connector, and its secrets if the vault has any.
pub(in crate::billing) async fn account(
    context: &Context,
    vault: &Vault,
    organization_id: OrganizationId,
    id: ConnectorId,
) -> Result<(Account, Option<Result<Secrets, CallError>>), StoreError> {
    let account = context.ledger.load::<Account>(&StreamId::new(Account::CATEGORY, id)).await?.state;
    let kept = vault.get(organization_id, SECRETS, &[id.to_string()]).await?;
    Ok((account, kept.first().map(|(_, json)| Secrets::from_json(json))))
}
