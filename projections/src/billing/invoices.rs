//! Invoices and credit notes: every event says how the invoice stands after it.

use domain::RecordedEvent;
use domain::ids::InvoiceId;
use domain::invoice::InvoiceEvent;
use domain::invoice::event::{CreditNoteIssued, CreditNoteNumbered, Drafted, Finalized, Redrafted};
use domain::money::Amount;
use sqlx::PgConnection;

use super::plans::{clock_of, whole};
use super::word;
use crate::projection::{ProjectionError, stream_key};

pub(super) async fn take_in(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &InvoiceEvent,
) -> Result<(), ProjectionError> {
    let id: InvoiceId = stream_key(recorded)?;
    match event {
        InvoiceEvent::Drafted(drafted) => return insert(connection, recorded, id, drafted).await,
        InvoiceEvent::LinesAdded(redrafted) | InvoiceEvent::LineRemoved(redrafted) => {
            redraft(connection, id, redrafted).await?;
        }
        InvoiceEvent::Finalized(finalized) => number(connection, id, finalized).await?,
        InvoiceEvent::Paid(_) | InvoiceEvent::Voided(_) => {
            sqlx::query!("update billing_invoices set postpaid = 0 where invoice_id = $1", id.uuid())
                .execute(&mut *connection)
                .await?;
        }
        InvoiceEvent::CreditNoteIssued(issued) => insert_credit_note(connection, recorded, issued).await?,
        InvoiceEvent::CreditNoteNumbered(numbered) => number_credit_note(connection, numbered).await?,
        _ => {}
    }
    let after = event.after();
    sqlx::query!(
        "update billing_invoices
         set status = $2, paid = $3, credited = $4, due = $5, next_attempt_at = $6
         where invoice_id = $1",
        id.uuid(),
        word(after.status),
        after.paid.decimal(),
        after.credited.decimal(),
        after.due.decimal(),
        after.next_attempt_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    id: InvoiceId,
    drafted: &Drafted,
) -> Result<(), ProjectionError> {
    let test_clock_id = clock_of(connection, drafted.customer_id).await?;
    let (subscription_id, bill) = drafted.subscription.map(|(id, bill)| (id.uuid(), whole(bill))).unzip();
    let (start, end) = drafted.period.map(|period| (period.start, period.end)).unzip();
    let postpaid = drafted.lines.iter().fold(Amount::ZERO, |sum, line| sum.plus(line.postpaid));
    sqlx::query!(
        "insert into billing_invoices (invoice_id, organization_id, partition, customer_id, test_clock_id,
             subscription_id, bill, currency, status, auto_finalize, at, next_attempt_at, period_start, period_end,
             subtotal, tax, total, postpaid, paid, credited, due, position)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
        id.uuid(),
        recorded.organization_id.uuid(),
        recorded.partition,
        drafted.customer_id.uuid(),
        test_clock_id,
        subscription_id,
        bill,
        drafted.currency.code(),
        word(drafted.after.status),
        drafted.auto_finalize,
        drafted.at,
        drafted.after.next_attempt_at,
        start,
        end,
        drafted.totals.subtotal.decimal(),
        drafted.totals.tax.decimal(),
        drafted.totals.total.decimal(),
        postpaid.decimal(),
        drafted.after.paid.decimal(),
        drafted.after.credited.decimal(),
        drafted.after.due.decimal(),
        recorded.position
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn redraft(connection: &mut PgConnection, id: InvoiceId, redrafted: &Redrafted) -> Result<(), ProjectionError> {
    let postpaid = redrafted.lines.iter().fold(Amount::ZERO, |sum, line| sum.plus(line.postpaid));
    sqlx::query!(
        "update billing_invoices set subtotal = $2, tax = $3, total = $4, postpaid = $5 where invoice_id = $1",
        id.uuid(),
        redrafted.totals.subtotal.decimal(),
        redrafted.totals.tax.decimal(),
        redrafted.totals.total.decimal(),
        postpaid.decimal()
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn number(connection: &mut PgConnection, id: InvoiceId, finalized: &Finalized) -> Result<(), ProjectionError> {
    sqlx::query!(
        "update billing_invoices
         set number = $2, due_at = $3, subtotal = $4, tax = $5, total = $6, postpaid = $7
         where invoice_id = $1",
        id.uuid(),
        finalized.number,
        finalized.due_at,
        finalized.totals.subtotal.decimal(),
        finalized.totals.tax.decimal(),
        finalized.totals.total.decimal(),
        finalized.booked.postpaid.decimal()
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_credit_note(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    issued: &CreditNoteIssued,
) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into billing_credit_notes (credit_note_id, organization_id, customer_id, invoice_id, currency, total, at,
             position)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        issued.credit_note_id.uuid(),
        recorded.organization_id.uuid(),
        issued.customer_id.uuid(),
        issued.invoice_id.uuid(),
        issued.currency.code(),
        issued.total.decimal(),
        issued.at,
        recorded.position
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn number_credit_note(
    connection: &mut PgConnection,
    numbered: &CreditNoteNumbered,
) -> Result<(), ProjectionError> {
    sqlx::query!(
        "update billing_credit_notes set number = $2 where credit_note_id = $1",
        numbered.credit_note_id.uuid(),
        numbered.number
    )
    .execute(connection)
    .await?;
    Ok(())
}
