//! Lists, newest first: by the position of the first event, which is the cursor. What only a few rows have, a customer
//! for example, has a query and an index of its own, so that a rare one does not walk through all of its organization's.

mod invoicing;
mod paying;
mod providers;
mod selling;
mod testing;

pub use invoicing::{CreditNoteRow, InvoiceRow, credit_notes, invoices};
pub use paying::{PaymentRow, PayoutRow, RefundRow, payments, payouts, refunds};
pub use providers::{ConnectorRow, WebhookRow, connectors, webhooks};
pub use selling::{PlanRow, SubscriptionRow, plans, subscriptions};
pub use testing::{TestClockRow, test_clocks};
