//! Ends what time ends, by events: credits whose time is over.
//!
//! The read model only says where to look; the account decides on its own state and the time given.

use std::time::Duration;

use domain::StreamId;
use domain::account::command::Action;
use domain::account::{Account, AccountCommand};
use domain::ids::{CustomerId, OrganizationId};
use domain::{Aggregate, Timestamp};
use eventstore::{CommandMeta, clock};
use projections::quota::DueAccount;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Context;

const EVERY: Duration = Duration::from_secs(1);
/// Accounts per round; the rest has its turn in the next.
const ACCOUNTS_MAX: i64 = 500;

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
    }
}

async fn expire(context: &Context, due: &DueAccount, now: Timestamp) {
    let command_id = Uuid::now_v7();
    let organization_id = OrganizationId::new(due.organization_id);
    let meta = CommandMeta {
        command_id,
        organization_id,
        partition: due.partition,
        actor: "system:sweep".to_owned(),
        request_digest: [0; 32],
        causation_id: command_id,
        correlation_id: command_id,
        now,
    };
    let stream = StreamId::new(Account::CATEGORY, CustomerId::new(due.customer_id));
    let command = AccountCommand { organization_id, action: Action::ExpireCredits };
    match context.ledger.execute::<Account>(stream, meta, command).await {
        Ok(Ok(_)) => {}
        Ok(Err(denied)) => tracing::warn!(%denied, "credits were not taken out"),
        Err(error) => tracing::debug!(%error, "credits will be taken out in a later round"),
    }
}
