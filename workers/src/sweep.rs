//! Ends what time ends, by events: credits, holds and session keys whose time is over, and session keys
//! of which nothing is left. Answers that the gateway has kept for long enough are deleted.
//!
//! The read model only says where to look; the account or the session key decides on its
//! own state and the time given. Customers on a test clock are left to it: they live in another time.

use std::time::Duration;

use domain::StreamId;
use domain::account::command::Action;
use domain::account::{Account, AccountCommand};
use domain::hold::HoldAction;
use domain::ids::{CustomerId, OrganizationId, SessionKeyId};
use domain::session_key::command::Action as KeyAction;
use domain::session_key::{SessionKey, SessionKeyCommand};
use domain::{Aggregate, Timestamp};
use eventstore::{CommandMeta, answers, clock};
use projections::hold::DuePayer;
use projections::quota::DueAccount;
use projections::settlement::EndingSession;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Context;

const EVERY: Duration = Duration::from_secs(1);
/// Accounts per round; the rest has its turn in the next.
const ACCOUNTS_MAX: i64 = 500;
/// Session keys per round.
const SESSIONS_MAX: i64 = 500;
/// Payers with holds per round; each lets some expire.
const HOLDERS_MAX: i64 = 1_000;
/// Kept answers that are deleted per round.
const ANSWERS_MAX: i64 = 5_000;

/// Sweeps until cancelled.
pub async fn run(context: Context, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let now = clock::now();
        let due = match projections::quota::due_accounts(&context.pool, now, ACCOUNTS_MAX).await {
            Ok(due) => due,
            Err(error) => {
                tracing::debug!(%error, "the sweep waits for the database");
                continue;
            }
        };
        for account in due {
            expire(&context, &account, now).await;
        }
        match projections::settlement::sessions_to_end(&context.pool, now, SESSIONS_MAX).await {
            Ok(sessions) => {
                for session in sessions {
                    end(&context, &session, now).await;
                }
            }
            Err(error) => tracing::debug!(%error, "the sweep waits for the database"),
        }
        match projections::hold::due(&context.pool, now, HOLDERS_MAX).await {
            Ok(payers) => {
                for payer in payers {
                    expire_holds(&context, &payer, now).await;
                }
            }
            Err(error) => tracing::debug!(%error, "the sweep waits for the database"),
        }
        if let Err(error) = answers::delete_expired(&context.pool, now, ANSWERS_MAX).await {
            tracing::debug!(%error, "the sweep waits for the database");
        }
    }
}

fn meta(organization_id: OrganizationId, partition: i32, now: Timestamp) -> CommandMeta {
    let command_id = Uuid::now_v7();
    CommandMeta {
        command_id,
        organization_id,
        partition,
        actor: "system:sweep".to_owned(),
        request_digest: [0; 32],
        causation_id: command_id,
        correlation_id: command_id,
        now,
    }
}

async fn end(context: &Context, due: &EndingSession, now: Timestamp) {
    let organization_id = OrganizationId::new(due.organization_id);
    let stream = StreamId::new(SessionKey::CATEGORY, SessionKeyId::new(due.session_key_id));
    let action = if due.expire { KeyAction::Expire } else { KeyAction::Close };
    let command = SessionKeyCommand { organization_id, action };
    let meta = meta(organization_id, due.partition, now);
    match context.ledger.execute::<SessionKey>(stream, meta, command).await {
        Ok(Ok(_)) => {}
        Ok(Err(denied)) => tracing::warn!(%denied, "a session key was not ended"),
        Err(error) => tracing::debug!(%error, "a session key will be ended in a later round"),
    }
}

async fn expire_holds(context: &Context, due: &DuePayer, now: Timestamp) {
    let organization_id = OrganizationId::new(due.organization_id);
    let meta = meta(organization_id, due.partition, now);
    let action = HoldAction::Expire;
    let denied = match due.session_key_id {
        Some(id) => {
            let stream = StreamId::new(SessionKey::CATEGORY, SessionKeyId::new(id));
            let action = KeyAction::Hold { action, voucher: None };
            let command = SessionKeyCommand { organization_id, action };
            let executed = context.ledger.execute::<SessionKey>(stream, meta, command).await;
            executed.map(|decided| decided.err().map(|denied| denied.to_string()))
        }
        None => {
            let stream = StreamId::new(Account::CATEGORY, CustomerId::new(due.customer_id));
            let command = AccountCommand { organization_id, action: Action::Hold(action) };
            let executed = context.ledger.execute::<Account>(stream, meta, command).await;
            executed.map(|decided| decided.err().map(|denied| denied.to_string()))
        }
    };
    match denied {
        Ok(None) => {}
        Ok(Some(denied)) => tracing::warn!(%denied, "holds were not ended"),
        Err(error) => tracing::debug!(%error, "holds will be ended in a later round"),
    }
}

async fn expire(context: &Context, due: &DueAccount, now: Timestamp) {
    let organization_id = OrganizationId::new(due.organization_id);
    let meta = meta(organization_id, due.partition, now);
    let stream = StreamId::new(Account::CATEGORY, CustomerId::new(due.customer_id));
    let command = AccountCommand { organization_id, action: Action::ExpireCredits };
    match context.ledger.execute::<Account>(stream, meta, command).await {
        Ok(Ok(_)) => {}
        Ok(Err(denied)) => tracing::warn!(%denied, "credits were not taken out"),
        Err(error) => tracing::debug!(%error, "credits will be taken out in a later round"),
    }
}
