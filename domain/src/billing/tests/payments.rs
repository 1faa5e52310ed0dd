//! Tries to be paid, and what comes of them.

use super::*;
use crate::customer::PaymentMethod;
use crate::invoice::Collection;
use crate::payment::{Create, MethodRef, Observed, ProviderState};

fn method() -> PaymentMethod {
    PaymentMethod {
        connector_id: ids::ConnectorId::new(Uuid::from_u128(6)),
        method: MethodRef { customer: Some("cus_1".to_owned()), method: "pm_1".to_owned() },
    }
}

fn apply(n: u128, part: &str) -> InvoiceAction {
    InvoiceAction::ApplyPayment { payment_id: payment_id(n), amount: amount(part) }
}

/// That it is time to try to be paid.
fn attempt_due() -> (Invoice, InvoiceEvent) {
    let (invoice, events) = open_invoice(Collection::Automatic, Vec::new());
    let due = events.into_iter().find(|event| matches!(event, InvoiceEvent::AttemptDue(_)));
    (invoice, due.unwrap())
}

#[test]
fn a_try_charges_the_payment_method_with_what_is_due_now() {
    let (mut invoice, due) = attempt_due();
    let mut known = knows_invoice(invoice.clone());
    known.customer.billing.payment_method = Some(method());
    run(&mut invoice, invoice_command(apply(21, "30")), MAY);
    for (invoice, expected) in [(known.invoice.clone(), "100"), (Some((invoice_id(), invoice.clone())), "70")] {
        known.invoice = invoice;
        let reactions = follows(invoice_stream(), due.clone(), &known);
        let [Reaction { command: Command::Payment(id, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
        let PaymentAction::Create(create) = &**action else { panic!("{action:?}") };
        assert_eq!((*id, create.payment_id), (invoice::payment_of(invoice_id(), 1), *id));
        assert_eq!((create.amount, create.invoice_id), (amount(expected), Some(invoice_id())));
        assert_eq!((create.connector_id, &create.method), (method().connector_id, &Some(method().method)));
        assert!(create.off_session && !create.manual_capture);
    }
    // Paid by hand meanwhile.
    run(&mut invoice, invoice_command(apply(22, "70")), MAY);
    assert!(follows(invoice_stream(), due, &knows_invoice(invoice)).is_empty());
}

#[test]
fn a_try_without_a_payment_method_has_failed() {
    let (invoice, due) = attempt_due();
    let known = knows_invoice(invoice);
    let reactions = follows(invoice_stream(), due.clone(), &known);
    let [Reaction { command: Command::Invoice(_, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
    let InvoiceAction::FailPayment { payment_id, code } = &**action else { panic!("{action:?}") };
    assert_eq!((*payment_id, code.as_str()), (invoice::payment_of(invoice_id(), 1), "no_payment_method"));
    // Should the customer get one before a crash is over, the log knows that the try has failed.
    let mut later = known.clone();
    later.customer.billing.payment_method = Some(method());
    let created = follows(invoice_stream(), due, &later);
    let event_id = Uuid::from_u128(99);
    assert_eq!(created[0].command_id(event_id), reactions[0].command_id(event_id));
}

#[test]
fn a_try_that_is_over_is_left_alone() {
    let (mut invoice, due) = attempt_due();
    let fail =
        InvoiceAction::FailPayment { payment_id: invoice::payment_of(invoice_id(), 1), code: "declined".to_owned() };
    run(&mut invoice, invoice_command(fail), MAY);
    assert!(follows(invoice_stream(), due, &knows_invoice(invoice)).is_empty());
}

/// The invoice was given up before billing came to the try: it waits for a payment that nobody makes.
#[test]
fn a_try_of_what_was_given_up_meanwhile_has_failed() {
    let (mut invoice, due) = attempt_due();
    run(&mut invoice, invoice_command(InvoiceAction::MarkUncollectible), MAY);
    let of_try = invoice::payment_of(invoice_id(), 1);
    assert_eq!(invoice.under_way(), Some(of_try));
    let mut known = knows_invoice(invoice.clone());
    known.customer.billing.payment_method = Some(method());
    let reactions = follows(invoice_stream(), due.clone(), &known);
    let [Reaction { step: "attempt", command: Command::Invoice(id, action), .. }] = &reactions[..] else {
        panic!("{reactions:?}")
    };
    let InvoiceAction::FailPayment { payment_id, code } = &**action else { panic!("{action:?}") };
    assert_eq!((*id, *payment_id, code.as_str()), (invoice_id(), of_try, "cancelled"));
    run(&mut invoice, invoice_command((**action).clone()), MAY);
    assert_eq!(invoice.under_way(), None);
    assert!(follows(invoice_stream(), due, &knows_invoice(invoice)).is_empty());
}

fn created(n: u128) -> Payment {
    let mut payment = Payment::default();
    let create = Create {
        payment_id: payment_id(n),
        customer_id: customer_id(),
        invoice_id: Some(invoice_id()),
        connector_id: method().connector_id,
        method: Some(method().method),
        amount: amount("100"),
        currency: Currency::USD,
        manual_capture: false,
        off_session: true,
    };
    run(&mut payment, payment_command(PaymentAction::Create(Box::new(create))), MAY);
    payment
}

/// What the provider says of it, as the payment's event.
fn observe(payment: &mut Payment, state: ProviderState) -> PaymentEvent {
    let observed = Observed::Payment { provider_id: "pi_1".to_owned(), state };
    run(payment, payment_command(PaymentAction::Observe(observed)), MAY).remove(0)
}

fn payment_stream() -> StreamId {
    StreamId::new(Payment::CATEGORY, payment_id(21))
}

#[test]
fn a_payment_that_has_come_is_applied_and_what_is_more_than_is_due_becomes_credits() {
    let mut payment = created(21);
    let succeeded = observe(&mut payment, ProviderState::Succeeded { amount: amount("100"), at: at(MAY) });
    let (mut invoice, _) = attempt_due();
    // Somebody has paid 30 by hand, and later all the rest.
    run(&mut invoice, invoice_command(apply(31, "30")), MAY);
    let mut paid = invoice.clone();
    run(&mut paid, invoice_command(apply(32, "70")), MAY);
    for (invoice, too_much) in [(&mut invoice, "30"), (&mut paid, "100")] {
        let reactions = follows(payment_stream(), succeeded.clone(), &knows_invoice(invoice.clone()));
        let [Reaction { step: "apply", command: Command::Invoice(id, action), .. }] = &reactions[..] else {
            panic!("{reactions:?}")
        };
        assert_eq!(*id, invoice_id());
        let applied = run(invoice, invoice_command((**action).clone()), MAY).remove(0);
        let reactions = follows(invoice_stream(), applied, &Known::default());
        let [Reaction { step: "surplus", command: Command::Payment(id, action), .. }] = &reactions[..] else {
            panic!("{reactions:?}")
        };
        assert_eq!(*id, payment_id(21));
        let surplus = run(&mut payment.clone(), payment_command((**action).clone()), MAY).remove(0);
        let reactions = follows(payment_stream(), surplus, &Known::default());
        let [Reaction { step: "credits", command: Command::Account(id, action), .. }] = &reactions[..] else {
            panic!("{reactions:?}")
        };
        let account::Action::GrantCredit { amount: granted, .. } = action else { panic!("{action:?}") };
        assert_eq!((*id, *granted), (customer_id(), amount(too_much)));
    }
    // One that is just what is due leaves nothing.
    let (mut invoice, _) = attempt_due();
    let applied = run(&mut invoice, invoice_command(apply(21, "100")), MAY).remove(0);
    assert!(follows(invoice_stream(), applied, &Known::default()).is_empty());
    // What is not finalized takes nothing.
    let (draft, _) = invoice_after(Collection::Automatic, Vec::new());
    assert!(follows(payment_stream(), succeeded, &knows_invoice(draft)).is_empty());
}

#[test]
fn a_payment_that_was_asked_for_is_made() {
    let (mut invoice, _) = open_invoice(Collection::Send, Vec::new());
    let expect = InvoiceAction::ExpectPayment(Box::new(invoice::ExpectPayment {
        payment_id: payment_id(21),
        connector_id: method().connector_id,
        method: Some(method().method),
        amount: amount("80"),
        manual_capture: true,
        off_session: false,
    }));
    let expected = run(&mut invoice, invoice_command(expect), MAY).remove(0);
    let made = |invoice: &Invoice| {
        let reactions = follows(invoice_stream(), expected.clone(), &knows_invoice(invoice.clone()));
        let create = reactions.first().map(|reaction| match &reaction.command {
            Command::Payment(id, action) => match &**action {
                PaymentAction::Create(create) => {
                    assert_eq!((*id, create.payment_id, create.invoice_id), (payment_id(21), *id, Some(invoice_id())));
                    assert_eq!((create.connector_id, &create.method), (method().connector_id, &Some(method().method)));
                    assert!(create.manual_capture && !create.off_session && create.currency == Currency::USD);
                    create.amount.to_string()
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        });
        assert!(reactions.iter().all(|reaction| reaction.step == "pay"));
        create
    };
    assert_eq!(made(&invoice).as_deref(), Some("80"));
    run(&mut invoice, invoice_command(apply(31, "40")), MAY);
    assert_eq!(made(&invoice).as_deref(), Some("60"));
    run(&mut invoice, invoice_command(apply(32, "60")), MAY);
    assert_eq!(made(&invoice), None);
}

#[test]
fn a_payment_that_failed_or_was_cancelled_fails_the_try() {
    let declined = ProviderState::Failed { code: "card_declined".to_owned(), message: "No.".to_owned() };
    for (state, expected) in [(declined, "card_declined"), (ProviderState::Cancelled, "cancelled")] {
        let mut payment = created(21);
        let event = observe(&mut payment, state);
        let known = Known { payments: vec![(payment_id(21), payment)], ..known() };
        let reactions = follows(payment_stream(), event, &known);
        let [Reaction { command: Command::Invoice(id, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
        let InvoiceAction::FailPayment { payment_id: of, code } = &**action else { panic!("{action:?}") };
        assert_eq!((*id, *of, code.as_str()), (invoice_id(), payment_id(21), expected));
    }
    let working = observe(&mut created(21), ProviderState::Processing);
    assert!(follows(payment_stream(), working, &Known::default()).is_empty());
}
