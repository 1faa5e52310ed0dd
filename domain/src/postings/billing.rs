//! Postings of invoices and payments.

use crate::ids::CustomerId;
use crate::invoice::{Booked, InvoiceEvent};
use crate::money::{Amount, Currency, SignedAmount};
use crate::payment::event::PaidOut;
use crate::payment::{PaymentEvent, RefundStatus};
use crate::postings::{JournalAccount, Move};

/// What an event of an invoice moves.
pub(super) fn invoice_moves(event: &InvoiceEvent) -> Vec<Move> {
    use JournalAccount::{BadDebt, CreditsGranted, CustomerInvoiced, Refunds};
    match event {
        InvoiceEvent::Finalized(e) => {
            let invoiced = CustomerInvoiced(e.customer_id);
            let mut moves = booked(e.customer_id, &e.booked, e.currency);
            moves.push((invoiced, CreditsGranted, e.booked.to_credits, e.currency));
            moves
        }
        // What was to become credits lowers what is due instead.
        InvoiceEvent::Offset(e) => vec![(CreditsGranted, CustomerInvoiced(e.customer_id), e.amount, e.currency)],
        InvoiceEvent::Voided(e) => taken_back(e.customer_id, &e.booked, e.currency),
        InvoiceEvent::CreditNoteIssued(e) => {
            let invoiced = CustomerInvoiced(e.customer_id);
            let mut moves = taken_back(e.customer_id, &e.booked, e.currency);
            moves.push((invoiced, CreditsGranted, e.to_credits, e.currency));
            moves.push((invoiced, Refunds, e.to_refund, e.currency));
            moves
        }
        InvoiceEvent::MarkedUncollectible(e) => {
            vec![(BadDebt, CustomerInvoiced(e.customer_id), e.remaining, e.currency)]
        }
        InvoiceEvent::Paid(e) => vec![(CustomerInvoiced(e.customer_id), BadDebt, e.recovered, e.currency)],
        InvoiceEvent::Drafted(_)
        | InvoiceEvent::LinesAdded(_)
        | InvoiceEvent::LineRemoved(_)
        | InvoiceEvent::Discarded(_)
        | InvoiceEvent::Sealed(_)
        | InvoiceEvent::PaymentExpected(_)
        | InvoiceEvent::PaymentDropped(_)
        | InvoiceEvent::PaymentApplied(_)
        | InvoiceEvent::PaymentFailed(_)
        | InvoiceEvent::CreditNoteNumbered(_)
        | InvoiceEvent::AttemptDue(_)
        | InvoiceEvent::Overdue(_) => Vec::new(),
    }
}

/// What an event of a payment moves.
pub(super) fn payment_moves(event: &PaymentEvent) -> Vec<Move> {
    use JournalAccount::{Bank, CreditsGranted, CustomerInvoiced, Disputes, PspClearing, Refunds};
    let place = |by_hand: bool| if by_hand { Bank } else { PspClearing };
    match event {
        PaymentEvent::Succeeded(e) => {
            vec![(place(e.by_hand), CustomerInvoiced(e.customer_id), e.amount, e.currency)]
        }
        PaymentEvent::RefundUpdated(e) => {
            let gone = if e.status == RefundStatus::Succeeded { e.amount } else { Amount::ZERO };
            let of = if e.unapplied { CustomerInvoiced(e.customer_id) } else { Refunds };
            vec![(of, place(e.by_hand), gone, e.currency), (place(e.by_hand), of, e.reversed, e.currency)]
        }
        PaymentEvent::Surplus(e) => {
            let invoiced = CustomerInvoiced(e.customer_id);
            vec![(invoiced, CreditsGranted, e.to_credits, e.currency), (invoiced, Refunds, e.went_back, e.currency)]
        }
        PaymentEvent::DisputeOpened(e) => vec![(Disputes, PspClearing, e.amount, e.currency)],
        PaymentEvent::DisputeClosed(e) if e.won => vec![(PspClearing, Disputes, e.amount, e.currency)],
        PaymentEvent::PaidOut(e) => paid_out(e),
        PaymentEvent::Created(_)
        | PaymentEvent::Processing(_)
        | PaymentEvent::ActionRequired(_)
        | PaymentEvent::Authorized(_)
        | PaymentEvent::CaptureRequested(_)
        | PaymentEvent::CaptureRefused(_)
        | PaymentEvent::Failed(_)
        | PaymentEvent::CancelRequested(_)
        | PaymentEvent::CancelRefused(_)
        | PaymentEvent::Cancelled(_)
        | PaymentEvent::RefundRequested(_)
        | PaymentEvent::DisputeClosed(_) => Vec::new(),
    }
}

fn booked(customer: CustomerId, booked: &Booked, currency: Currency) -> Vec<Move> {
    use JournalAccount::{CustomerInvoiced, Revenue, Rounding, Tax};
    let parts = [(Revenue, booked.fees), (Tax, booked.tax), (Rounding, booked.rounding)];
    parts.map(|(account, amount)| signed(CustomerInvoiced(customer), account, amount, currency)).to_vec()
}

/// The same, the other way round.
fn taken_back(customer: CustomerId, taken: &Booked, currency: Currency) -> Vec<Move> {
    let moves = booked(customer, taken, currency).into_iter();
    moves.map(|(debit, credit, amount, currency)| (credit, debit, amount, currency)).collect()
}

/// An amount less than zero moves the other way.
fn signed(debit: JournalAccount, credit: JournalAccount, amount: SignedAmount, currency: Currency) -> Move {
    if amount.is_negative() {
        (credit, debit, amount.magnitude(), currency)
    } else {
        (debit, credit, amount.magnitude(), currency)
    }
}

/// What was with the provider is so no more: in the bank, but for what the provider kept. Of a refund or a dispute the
/// provider keeps its fee on top; when the dispute is won, it may give that fee back.
fn paid_out(e: &PaidOut) -> Vec<Move> {
    use JournalAccount::{Bank, PspClearing, PspFees};
    let fees = (PspFees, PspClearing, e.fee, e.currency);
    if e.goes_back() {
        return vec![(PspClearing, Bank, e.gross.plus(e.fee), e.currency), fees];
    }
    let came = e.gross.plus(e.fee_returned);
    vec![
        (Bank, PspClearing, came.minus(e.fee), e.currency),
        fees,
        (PspClearing, PspFees, e.fee_returned, e.currency),
        // Where the provider keeps more than came, the bank pays the rest.
        (PspClearing, Bank, e.fee.minus(came), e.currency),
    ]
}
