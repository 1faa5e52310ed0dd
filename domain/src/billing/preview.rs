//! The next invoice of a subscription, before anything of it happens: the same steps as [`react`](super::react) takes,
//! on copies.

use crate::account::{Account, AccountCommand, AccountError, AccountEvent};
use crate::billing::lines::{self, Prices};
use crate::billing::{Known, react};
use crate::ids::OrganizationId;
use crate::invoice::{Action, Drafted, Invoice, InvoiceCommand, InvoiceError, InvoiceEvent};
use crate::subscription::SubscriptionError;
use crate::{Aggregate, Timestamp};

/// Why there is no preview.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// The subscription cannot go on as it is.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// The account cannot be turned.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The invoice cannot be drafted.
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
}

/// What the next invoice of a subscription would be: as it is to be renewed, with the usage of the account so far. With
/// no lines when it would come to nothing; `None` when nothing more is billed.
///
/// Of `known` are needed the organization, the customer and the subscription, and the plans that
/// [`plans_of`](super::plans_of) names for what the account has not billed.
pub fn next_invoice(
    organization_id: OrganizationId,
    known: &Known,
    account: &Account,
    now: Timestamp,
) -> Result<Option<Drafted>, PreviewError> {
    let Some((subscription_id, subscription)) = &known.subscription else { return Ok(None) };
    let Some(bill) = subscription.upcoming_bill()? else { return Ok(None) };
    let action = react::turn(*subscription_id, &bill);
    let turned = account.handle_command(&AccountCommand { organization_id, action }, bill.at.max(now))?;
    let Some(AccountEvent::Turned(turned)) = turned.first() else { return Ok(None) };
    let prices = Prices { own: subscription.plan(), plans: &known.plans };
    let lines = lines::of_bill(&bill, turned, &prices);
    let draft = react::draft(known, organization_id, turned, *subscription_id, &bill, lines);
    let command = InvoiceCommand { organization_id, action: Action::Draft(Box::new(draft)) };
    let drafted = Invoice::default().handle_command(&command, bill.at.max(now))?;
    Ok(drafted.into_iter().find_map(|event| match event {
        InvoiceEvent::Drafted(drafted) => Some(*drafted),
        _ => None,
    }))
}
