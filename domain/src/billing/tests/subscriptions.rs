//! From a subscription's event to the draft of its invoice.

use super::*;

fn turn_of(reactions: &[Reaction]) -> (CustomerId, BillRef, bool, Option<Cycle>) {
    let [Reaction { step: "turn", command: Command::Account(customer_id, action), .. }] = reactions else {
        panic!("{reactions:?}")
    };
    let account::Action::Turn { bill, close_usage, closed, .. } = action else { panic!("{action:?}") };
    (*customer_id, *bill, *close_usage, *closed)
}

#[test]
fn a_bill_turns_the_account() {
    let mut subscription = Subscription::default();
    let create = subscription_command(SubscriptionAction::Create(Box::new(create())));
    let began = run(&mut subscription, create, APRIL).remove(0);
    let bill = |number| BillRef::Subscription { subscription_id: subscription_id(), number };
    let reactions = follows(subscription_stream(), began, &Known::default());
    assert_eq!(turn_of(&reactions), (customer_id(), bill(1), false, None));

    let close = SubscriptionAction::CloseBill { number: 1, invoice_id: None, minimums: Vec::new() };
    let closed = run(&mut subscription, subscription_command(close), APRIL).remove(0);
    assert!(follows(subscription_stream(), closed, &Known::default()).is_empty());

    let renewed = run(&mut subscription, subscription_command(SubscriptionAction::Advance), MAY).remove(0);
    let reactions = follows(subscription_stream(), renewed, &Known::default());
    assert_eq!(turn_of(&reactions), (customer_id(), bill(2), true, Some(april())));
}

fn knows_subscription(subscription: Subscription) -> Known {
    let mut known = known();
    known.customer.billing.time_zone = Some(Tz::Asia__Shanghai);
    known.customer.billing.collection = invoice::Collection::Automatic;
    known.subscription = Some((subscription_id(), subscription));
    known
}

#[test]
fn a_turn_becomes_the_draft_of_the_bill() {
    let known = knows_subscription(renewed());
    let usage = vec![sum(Some("calls"), Some(price_ref("calls")), Some(april()), "50")];
    let event = AccountEvent::Turned(Box::new(of_subscription(2, usage)));
    let reactions = follows(account_stream(), event, &known);
    let [Reaction { step: "bill", command: Command::Invoice(id, action), .. }] = &reactions[..] else {
        panic!("{reactions:?}")
    };
    let InvoiceAction::Draft(draft) = &**action else { panic!("{action:?}") };
    assert_eq!(*id, invoice_of_bill(subscription_id(), 2));
    assert_eq!((draft.invoice_id, draft.subscription), (*id, Some((subscription_id(), 2))));
    assert_eq!((draft.at, draft.period, draft.time_zone), (at(MAY), Some(april()), Tz::Asia__Shanghai));
    assert_eq!((draft.auto_finalize, draft.collection), (true, invoice::Collection::Automatic));
    assert_eq!((draft.due_days, &draft.retry_days[..]), (14, &[3][..]));
    assert_eq!(draft.series, format!("{}/invoices", org()));
    let lines: Vec<_> = draft.lines.iter().map(|line| (line.kind, line.rated.amount)).collect();
    assert_eq!(lines, [(LineKind::Fee, signed("30")), (LineKind::Usage, signed("50"))]);
}

#[test]
fn a_bill_that_comes_to_nothing_is_closed_and_needs_no_invoice() {
    let mut plan = plan();
    plan.terms.prices.clear();
    let mut subscription = Subscription::default();
    let create = Create { plan, ..create() };
    run(&mut subscription, subscription_command(SubscriptionAction::Create(Box::new(create))), APRIL);
    let known = knows_subscription(subscription);
    let paid_by_credits = UsageSum { credits: amount("7"), ..sum(Some("calls"), None, None, "7") };
    let event = |usage| AccountEvent::Turned(Box::new(of_subscription(1, usage)));
    let closes = follows(account_stream(), event(vec![paid_by_credits]), &known);
    let [Reaction { step: "bill", command: Command::Subscription(id, action), .. }] = &closes[..] else {
        panic!("{closes:?}")
    };
    assert_eq!(*id, subscription_id());
    assert!(matches!(action, SubscriptionAction::CloseBill { number: 1, invoice_id: None, .. }), "{action:?}");

    // Less than a cent was charged post-paid: that has to be settled all the same.
    let drafts = follows(account_stream(), event(vec![sum(Some("calls"), None, None, "0.001")]), &known);
    assert!(matches!(&drafts[..], [Reaction { step: "bill", command: Command::Invoice(..), .. }]), "{drafts:?}");
    // Whichever of the two it is, the log takes only the one that comes first.
    let event_id = Uuid::from_u128(99);
    assert_eq!(closes[0].command_id(event_id), drafts[0].command_id(event_id));
}

#[test]
fn the_subscription_hears_of_meters_that_are_left_alone_before_its_bill_is_closed() {
    let left_alone = vec![code("calls")];
    let event = Turned { left_alone: left_alone.clone(), ..of_subscription(2, Vec::new()) };
    let event = AccountEvent::Turned(Box::new(event));
    let reactions = follows(account_stream(), event, &knows_subscription(renewed()));
    assert_eq!(steps(&reactions), ["left_alone", "bill"]);
    let Command::Subscription(id, SubscriptionAction::LeaveAlone { number, meters }) = &reactions[0].command else {
        panic!("{reactions:?}")
    };
    assert_eq!((*id, *number, meters), (subscription_id(), 2, &left_alone));
}

#[test]
fn on_a_test_clock_a_draft_is_of_another_series() {
    let mut known = known_on_clock();
    known.subscription = Some((subscription_id(), renewed()));
    let event = AccountEvent::Turned(Box::new(of_subscription(2, Vec::new())));
    let reactions = follows(account_stream(), event, &known);
    let [Reaction { command: Command::Invoice(_, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
    let InvoiceAction::Draft(draft) = &**action else { panic!("{action:?}") };
    assert_eq!(draft.series, format!("{}/{}/invoices", org(), test_clock_id()));
}

#[test]
fn a_turn_that_was_seen_to_is_left_alone() {
    let event = || AccountEvent::Turned(Box::new(of_subscription(2, Vec::new())));
    assert_eq!(follows(account_stream(), event(), &knows_subscription(renewed())).len(), 1);
    assert!(follows(account_stream(), event(), &knows_subscription(subscribed())).is_empty());
    let another = AccountEvent::Turned(Box::new(of_subscription(1, Vec::new())));
    assert!(follows(account_stream(), another, &knows_subscription(renewed())).is_empty());
}

#[test]
fn plans_of_earlier_prices_are_asked_for() {
    let known = knows_subscription(renewed());
    let other = PlanId::new(Uuid::from_u128(77));
    let of_other = PriceRef { plan_id: other, ..price_ref("calls") };
    let older = PriceRef { version: 2, ..price_ref("calls") };
    let usage = [Some(price_ref("calls")), Some(of_other), Some(older), None]
        .map(|price| sum(Some("calls"), price, Some(april()), "1"));
    let event = LedgerEvent::Account(AccountEvent::Turned(Box::new(of_subscription(2, usage.to_vec()))));
    assert_eq!(more(&event, &known).plans, [plan().plan_id, other]);
}

#[test]
fn usage_that_was_asked_for_joins_the_draft_or_gets_one_of_its_own() {
    let bill = BillRef::Invoice { invoice_id: invoice_id() };
    let event = |usage| AccountEvent::Turned(Box::new(turned(bill, usage)));
    let usage = || vec![sum(Some("emails"), None, None, "12.5")];
    let manual = invoice::Collection::Send;

    let (draft, _) = invoice_after(manual, Vec::new());
    let added = follows(account_stream(), event(usage()), &knows_invoice(draft.clone()));
    let [Reaction { command: Command::Invoice(id, action), .. }] = &added[..] else { panic!("{added:?}") };
    let InvoiceAction::AddLines { lines, .. } = &**action else { panic!("{action:?}") };
    assert_eq!((*id, lines.len(), lines[0].postpaid), (invoice_id(), 1, amount("12.5")));
    assert!(follows(account_stream(), event(Vec::new()), &knows_invoice(draft)).is_empty());

    for (invoice, _) in [open_invoice(manual, Vec::new()), (Invoice::default(), Vec::new())] {
        let drafted = follows(account_stream(), event(usage()), &knows_invoice(invoice));
        let [Reaction { command: Command::Invoice(id, action), .. }] = &drafted[..] else { panic!("{drafted:?}") };
        let InvoiceAction::Draft(draft) = &**action else { panic!("{action:?}") };
        assert_ne!(*id, invoice_id());
        assert_eq!((draft.invoice_id, draft.auto_finalize, draft.lines.len()), (*id, false, 1));
        assert_eq!(drafted[0].command_id(Uuid::from_u128(99)), added[0].command_id(Uuid::from_u128(99)));
    }
}
