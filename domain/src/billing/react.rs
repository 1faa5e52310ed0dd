//! What follows from each event.

use chrono_tz::Tz;

use crate::account::AccountEvent;
use crate::account::command::Action as AccountAction;
use crate::account::event::{BillRef, Turned};
use crate::billing::lines::{self, Prices};
use crate::billing::{Command, Known, Reaction, credit_note_series, id_of, invoice_of_bill, invoice_series, prefix};
use crate::event::LedgerEvent;
use crate::ids::{self, CreditGrantId, CustomerId, InvoiceId, OrganizationId, SubscriptionId};
use crate::invoice::event::{Finalized, Settled};
use crate::invoice::{Action as InvoiceAction, CreditNoteIssued, Draft, InvoiceEvent, LineItem, LineKind, Status};
use crate::money::{Amount, Currency};
use crate::payment::Action as PaymentAction;
use crate::series::{Allocate, Allocated, SeriesEvent};
use crate::subscription::{Action as SubscriptionAction, Bill, MinimumBilled};
use crate::{RecordedEvent, Timestamp};

mod payments;

/// What stands before invoice numbers when nothing was said.
const INVOICE_PREFIX: &str = "INV-";
/// What stands before numbers of credit notes when nothing was said.
const CREDIT_NOTE_PREFIX: &str = "CN-";
/// Credits that billing gives are spent first. They do not expire.
const CREDIT_PRIORITY: u8 = 0;

/// What follows from an event of the log, in order. What is known is how things stand now, which may be later than the
/// event: what has been overtaken is left out.
pub fn react(recorded: &RecordedEvent, event: &LedgerEvent, known: &Known) -> Vec<Reaction> {
    let reaction = match event {
        LedgerEvent::Subscription(event) => event.bill().and_then(|bill| {
            let command = Command::Account(event.customer_id(), turn(id_of(recorded)?, bill));
            Some(Reaction::new("turn", command))
        }),
        LedgerEvent::Account(AccountEvent::Turned(turned)) => match turned.bill {
            BillRef::Subscription { subscription_id, number } => {
                return of_bill(recorded, turned, subscription_id, number, known);
            }
            BillRef::Invoice { invoice_id } => of_usage(recorded, turned, invoice_id, known),
        },
        LedgerEvent::Invoice(event) => return of_invoice(recorded, event, known),
        LedgerEvent::Series(SeriesEvent::Allocated(allocated)) => number(allocated),
        LedgerEvent::Payment(event) => payments::of_payment(recorded, event, known),
        _ => None,
    };
    reaction.into_iter().collect()
}

/// What a bill asks of the account.
pub(super) fn turn(subscription_id: SubscriptionId, bill: &Bill) -> AccountAction {
    AccountAction::Turn {
        bill: BillRef::Subscription { subscription_id, number: bill.number },
        close_usage: bill.close_usage,
        closed: bill.closed,
        to: bill.turn.clone(),
    }
}

/// The account was turned for a bill: the bill becomes an invoice, or is closed when it comes to nothing. Before that
/// the subscription hears of meters that somebody else's quota is on: it has no say there.
fn of_bill(
    recorded: &RecordedEvent,
    turned: &Turned,
    subscription_id: SubscriptionId,
    number: u32,
    known: &Known,
) -> Vec<Reaction> {
    let Some((_, subscription)) = &known.subscription else { return Vec::new() };
    let Some(bill) = subscription.open_bill().filter(|bill| bill.number == number) else { return Vec::new() };
    let left_alone = (!turned.left_alone.is_empty()).then(|| {
        let action = SubscriptionAction::LeaveAlone { number, meters: turned.left_alone.clone() };
        Reaction::new("left_alone", Command::Subscription(subscription_id, action))
    });
    let prices = Prices { own: subscription.plan(), plans: &known.plans };
    let lines = lines::of_bill(bill, turned, &prices);
    let command = if lines::come_to_nothing(&lines) {
        let action = SubscriptionAction::CloseBill { number, invoice_id: None, minimums: Vec::new() };
        Command::Subscription(subscription_id, action)
    } else {
        let draft = draft(known, recorded.organization_id, turned, subscription_id, bill, lines);
        Command::Invoice(draft.invoice_id, Box::new(InvoiceAction::Draft(Box::new(draft))))
    };
    left_alone.into_iter().chain([Reaction::new("bill", command)]).collect()
}

/// The invoice that a bill becomes.
pub(super) fn draft(
    known: &Known,
    organization_id: OrganizationId,
    turned: &Turned,
    subscription_id: SubscriptionId,
    bill: &Bill,
    lines: Vec<LineItem>,
) -> Draft {
    Draft {
        subscription: Some((subscription_id, bill.number)),
        at: bill.at,
        period: bill.closed,
        auto_finalize: true,
        due_days: bill.due_days,
        retry_days: bill.retry_days.clone(),
        ..plain_draft(known, organization_id, turned, invoice_of_bill(subscription_id, bill.number), bill.at, lines)
    }
}

/// An invoice as the organization writes it and the customer gets it.
fn plain_draft(
    known: &Known,
    organization_id: OrganizationId,
    turned: &Turned,
    invoice_id: InvoiceId,
    at: Timestamp,
    lines: Vec<LineItem>,
) -> Draft {
    let (organization, billing) = (&known.organization, &known.customer.billing);
    Draft {
        invoice_id,
        customer_id: turned.customer_id,
        subscription: None,
        currency: turned.currency,
        at,
        time_zone: billing.time_zone.unwrap_or(Tz::UTC),
        period: None,
        auto_finalize: false,
        collection: billing.collection,
        due_days: 0,
        retry_days: Vec::new(),
        series: invoice_series(organization_id, known.test_clock_id()),
        tax_rates: organization.tax_rates.values().cloned().collect(),
        seller_tax: organization.billing.tax.clone(),
        buyer_tax: billing.tax.clone(),
        lines,
        note: None,
    }
}

/// The account was turned for an invoice that somebody asked for. The usage is on no other invoice: when that one is no
/// draft any more it gets one of its own.
fn of_usage(recorded: &RecordedEvent, turned: &Turned, invoice_id: InvoiceId, known: &Known) -> Option<Reaction> {
    let prices = Prices { own: None, plans: &known.plans };
    let lines = lines::of_usage(turned, &prices);
    if lines.is_empty() {
        return None;
    }
    let (_, invoice) = known.invoice.as_ref()?;
    let drafted = invoice.drafted.as_deref();
    let command = if drafted.is_some() && invoice.status == Status::Draft {
        let taxes = known.organization.tax_rates.values().cloned().collect();
        Command::Invoice(invoice_id, Box::new(InvoiceAction::AddLines { lines, taxes }))
    } else {
        let own = InvoiceId::new(ids::derive(&[b"invoice of usage", recorded.event_id.as_bytes()]));
        let mut draft = plain_draft(known, recorded.organization_id, turned, own, recorded.occurred_at, lines);
        if let Some(like) = drafted {
            draft.due_days = like.due_days;
            draft.retry_days.clone_from(&like.retry_days);
        }
        Command::Invoice(own, Box::new(InvoiceAction::Draft(Box::new(draft))))
    };
    Some(Reaction::new("usage", command))
}

fn of_invoice(recorded: &RecordedEvent, event: &InvoiceEvent, known: &Known) -> Vec<Reaction> {
    match event {
        InvoiceEvent::Drafted(e) => {
            let close = e.subscription.map(|(id, number)| {
                let (invoice_id, minimums) = (Some(e.invoice_id), minimums(&e.lines));
                let action = SubscriptionAction::CloseBill { number, invoice_id, minimums };
                Reaction::new("close", Command::Subscription(id, action))
            });
            let seal = e.auto_finalize.then(|| invoice_reaction("seal", e.invoice_id, InvoiceAction::Seal));
            close.into_iter().chain(seal).collect()
        }
        InvoiceEvent::Sealed(e) => {
            let Some(id) = id_of::<InvoiceId>(recorded) else { return Vec::new() };
            let usual = known.organization.billing.invoice_prefix.as_deref().unwrap_or(INVOICE_PREFIX);
            let prefix = prefix(usual, known.test_clock_id());
            vec![allocate(recorded, e.series.clone(), id.to_string(), prefix)]
        }
        InvoiceEvent::Finalized(e) => given_back(e, known).into_iter().collect(),
        InvoiceEvent::Offset(e) => {
            pass_on(e.customer_id, e.from_invoice, e.left, e.currency, &e.then).into_iter().collect()
        }
        InvoiceEvent::PaymentExpected(e) => payments::pay(e, known).into_iter().collect(),
        InvoiceEvent::PaymentApplied(e) if e.surplus.is_zero() => Vec::new(),
        InvoiceEvent::PaymentApplied(e) => {
            let action = PaymentAction::Surplus { amount: e.surplus };
            vec![Reaction::new("surplus", Command::Payment(e.payment_id, Box::new(action)))]
        }
        InvoiceEvent::AttemptDue(e) => payments::attempt(e, known).into_iter().collect(),
        InvoiceEvent::PaymentFailed(e) => {
            let past_due = past_due(e.subscription_id, known);
            let give_up = past_due.as_ref().filter(|_| e.is_last).map(|(id, invoice_id, _)| {
                let action = SubscriptionAction::GiveUp { invoice_id: *invoice_id };
                Reaction::new("give_up", Command::Subscription(*id, action))
            });
            past_due.map(|(_, _, reaction)| reaction).into_iter().chain(give_up).collect()
        }
        InvoiceEvent::Overdue(e) => past_due(e.subscription_id, known).map(|(_, _, it)| it).into_iter().collect(),
        InvoiceEvent::Paid(e) => {
            // What credit notes have taken off as a whole was never paid.
            let is_lost = e.after.paid.is_zero() && !e.after.credited.is_zero();
            settled(e, is_lost)
        }
        InvoiceEvent::Voided(e) | InvoiceEvent::MarkedUncollectible(e) => settled(e, true),
        InvoiceEvent::CreditNoteIssued(e) => credit_note(recorded, e, known),
        InvoiceEvent::CreditNoteNumbered(_) => taken_back(known).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn invoice_reaction(step: &'static str, id: InvoiceId, action: InvoiceAction) -> Reaction {
    Reaction::new(step, Command::Invoice(id, Box::new(action)))
}

/// A document is to get its number.
fn allocate(recorded: &RecordedEvent, series: String, document: String, prefix: String) -> Reaction {
    let (organization_id, at) = (recorded.organization_id, Some(recorded.occurred_at));
    Reaction::new("number", Command::Series(series, Allocate { organization_id, document, prefix, at }))
}

/// A number was given: to an invoice, or to a credit note of one. It has it since it asked for it, whatever time others
/// that ask the same series live in.
fn number(allocated: &Allocated) -> Option<Reaction> {
    let number = allocated.number.clone();
    let (invoice, action) = match allocated.document.split_once('/') {
        Some((invoice, note)) => {
            (invoice, InvoiceAction::NumberCreditNote { credit_note_id: note.parse().ok()?, number })
        }
        None => (allocated.document.as_str(), InvoiceAction::Number { number }),
    };
    Some(Reaction { at: allocated.at, ..invoice_reaction("give_number", invoice.parse().ok()?, action) })
}

/// What a bill's invoice has of minimums: what was lacking, and, less than nothing, what is given back of that.
fn minimums(lines: &[LineItem]) -> Vec<MinimumBilled> {
    let of_minimums = lines.iter().filter(|line| line.kind == LineKind::Minimum);
    let billed = of_minimums.filter_map(|line| {
        Some(MinimumBilled { price: line.price.clone()?, period: line.period?, amount: line.rated.exact })
    });
    billed.collect()
}

/// More was given back than charged. What is due of the subscription's other invoices is lowered by it first, the oldest
/// first: nothing becomes credits that was not paid.
fn given_back(finalized: &Finalized, known: &Known) -> Option<Reaction> {
    let others = known.subscription.iter().flat_map(|(_, subscription)| subscription.unpaid_invoices());
    let others: Vec<InvoiceId> = others.filter(|id| *id != finalized.invoice_id).collect();
    let amount = finalized.booked.to_credits;
    pass_on(finalized.customer_id, finalized.invoice_id, amount, finalized.currency, &others)
}

/// What an invoice has given back goes on to the next of these, and becomes credits after the last.
fn pass_on(
    customer_id: CustomerId,
    from: InvoiceId,
    amount: Amount,
    currency: Currency,
    then: &[InvoiceId],
) -> Option<Reaction> {
    match then.split_first() {
        Some((next, then)) if !amount.is_zero() => {
            let action = InvoiceAction::Offset { from_invoice: from, amount, then: then.to_vec() };
            Some(invoice_reaction("credits", *next, action))
        }
        _ => {
            let grant_id = CreditGrantId::new(ids::derive(&[b"credits", from.uuid().as_bytes()]));
            credits(customer_id, grant_id, amount, currency)
        }
    }
}

/// More was given back, or has come, than there was to take it off.
fn credits(customer_id: CustomerId, grant_id: CreditGrantId, amount: Amount, currency: Currency) -> Option<Reaction> {
    if amount.is_zero() {
        return None;
    }
    let (currency, priority, expires_at) = (Some(currency), CREDIT_PRIORITY, None);
    let action = AccountAction::GrantCredit { grant_id, amount, currency, priority, expires_at };
    Some(Reaction::new("credits", Command::Account(customer_id, action)))
}

/// The subscription of an invoice that is still not paid hears of it.
fn past_due(subscription_id: Option<SubscriptionId>, known: &Known) -> Option<(SubscriptionId, InvoiceId, Reaction)> {
    let id = subscription_id?;
    let (invoice_id, _) = known.invoice.as_ref().filter(|(_, invoice)| invoice.status == Status::Open)?;
    let action = SubscriptionAction::MarkPastDue { invoice_id: *invoice_id };
    Some((id, *invoice_id, Reaction::new("past_due", Command::Subscription(id, action))))
}

/// An invoice needs no payment any more: the account and the subscription hear of it; the latter also whether it was
/// taken back or given up, rather than paid.
fn settled(settled: &Settled, is_lost: bool) -> Vec<Reaction> {
    let invoice_id = settled.invoice_id;
    let settle = (!settled.postpaid.is_zero()).then(|| {
        let action = AccountAction::SettleUsage { invoice_id, amount: settled.postpaid };
        Reaction::new("settle", Command::Account(settled.customer_id, action))
    });
    let paid = settled.subscription_id.map(|id| {
        let action = match is_lost {
            true => SubscriptionAction::MarkLost { invoice_id },
            false => SubscriptionAction::MarkPaid { invoice_id },
        };
        Reaction::new("paid", Command::Subscription(id, action))
    });
    settle.into_iter().chain(paid).collect()
}

/// A part of an invoice was taken back: it gets a number, and what was paid of it goes back.
fn credit_note(recorded: &RecordedEvent, note: &CreditNoteIssued, known: &Known) -> Vec<Reaction> {
    let test_clock_id = known.test_clock_id();
    let usual = known.organization.billing.credit_note_prefix.as_deref().unwrap_or(CREDIT_NOTE_PREFIX);
    let series = credit_note_series(recorded.organization_id, test_clock_id);
    let document = format!("{}/{}", note.invoice_id, note.credit_note_id);
    let mut reactions = vec![allocate(recorded, series, document, prefix(usual, test_clock_id))];
    let grant_id = CreditGrantId::new(ids::derive(&[b"credits", note.credit_note_id.uuid().as_bytes()]));
    reactions.extend(credits(note.customer_id, grant_id, note.to_credits, note.currency));
    reactions.extend(payments::refunds(note, known));
    reactions
}

/// Credit notes have taken back all of a subscription's invoice, but for what another one has taken off: nothing of it
/// is given back once more, also when it was paid. The subscription hears of that with a note's number, which comes
/// after what the note itself has settled.
fn taken_back(known: &Known) -> Option<Reaction> {
    let (invoice_id, invoice) = known.invoice.as_ref()?;
    let (id, number) = invoice.drafted.as_ref()?.subscription?;
    let is_whole = invoice.taken_back().plus(invoice.offset) >= invoice.totals().total;
    let action = SubscriptionAction::TakeBack { number, invoice_id: *invoice_id };
    is_whole.then(|| Reaction::new("lost", Command::Subscription(id, action)))
}
