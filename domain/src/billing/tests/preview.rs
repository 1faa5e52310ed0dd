//! The next invoice, before anything of it happens.

use super::*;
use crate::account::command::Action as AccountAction;
use crate::billing::preview::next_invoice;
use crate::charge::Usage;
use crate::ids::TaxRateId;
use crate::invoice::Drafted;
use crate::meter::Meter;
use crate::tax::{Region, TaxRate};

/// An account with the allowances of April, and this many calls.
fn used(calls: &str) -> Account {
    let mut account = Account::default();
    let open =
        AccountAction::Open { customer_id: customer_id(), currency: Currency::USD, postpaid_limit: amount("1000") };
    run(&mut account, account_command(open), APRIL);
    let mut subscription = Subscription::default();
    run(&mut subscription, subscription_command(SubscriptionAction::Create(Box::new(create()))), APRIL);
    let bill = subscription.open_bill().unwrap();
    run(&mut account, account_command(react::turn(subscription_id(), bill)), APRIL);
    let meter = Meter {
        code: code("calls"),
        unit: "call".to_owned(),
        unit_price: amount("5"),
        currency: Currency::USD,
        version: 1,
    };
    let charge = AccountAction::Charge {
        usage: vec![Usage::Metered { meter, quantity: calls.parse().unwrap() }],
        currency: None,
        used_at: None,
        description: None,
        metadata: BTreeMap::new(),
    };
    run(&mut account, account_command(charge), "2026-04-20T00:00:00Z");
    account
}

fn knows(subscription: Subscription) -> Known {
    let german =
        TaxProfile { region: Some(Region { country: "DE".to_owned(), subdivision: None }), ..TaxProfile::default() };
    let rate = TaxRate {
        id: TaxRateId::new(Uuid::from_u128(7)),
        name: "VAT".to_owned(),
        region: Region { country: "DE".to_owned(), subdivision: None },
        category: TaxCategory(code("software")),
        percent: amount("19"),
        inclusive: false,
        reverse_charge: false,
    };
    let mut organization = Organization::default();
    organization.tax_rates.insert(rate.id, rate);
    let mut known = Known { organization: Arc::new(organization), ..Known::default() };
    known.customer.billing.tax = german;
    known.subscription = Some((subscription_id(), subscription));
    known
}

fn preview(known: &Known, account: &Account) -> Option<Drafted> {
    next_invoice(org(), known, account, at("2026-04-21T00:00:00Z")).unwrap()
}

#[test]
fn it_is_what_the_invoice_will_be() {
    let (known, mut account) = (knows(subscribed()), used("6000"));
    let before = account.clone();
    let drafted = preview(&known, &account).unwrap();
    assert_eq!(account, before, "nothing has happened");
    assert_eq!((drafted.at, drafted.period), (at(MAY), Some(april())));
    let lines: Vec<_> = drafted.lines.iter().map(|line| (line.kind, line.rated.amount)).collect();
    assert_eq!(lines, [(LineKind::Fee, signed("30")), (LineKind::Usage, signed("50"))]);
    let totals = &drafted.totals;
    assert_eq!((totals.subtotal, totals.tax, totals.total), (signed("80"), signed("15.2"), amount("95.2")));

    // And so it is.
    let subscription = renewed();
    let bill = subscription.open_bill().unwrap();
    let turned = run(&mut account, account_command(react::turn(subscription_id(), bill)), MAY).remove(0);
    let reactions = follows(account_stream(), turned, &knows(subscription));
    let [Reaction { command: Command::Invoice(_, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
    let events = run(&mut Invoice::default(), invoice_command((**action).clone()), MAY);
    assert_eq!(events, [InvoiceEvent::Drafted(Box::new(drafted))]);
}

#[test]
fn a_minimum_is_in_it() {
    let drafted = preview(&knows(subscribed()), &used("3000")).unwrap();
    let lines: Vec<_> = drafted.lines.iter().map(|line| (line.kind, line.rated.amount)).collect();
    let expected = [(LineKind::Fee, signed("30")), (LineKind::Usage, signed("20")), (LineKind::Minimum, signed("30"))];
    assert_eq!(lines, expected);
}

#[test]
fn with_the_end_of_a_subscription_only_usage_is_billed() {
    let mut subscription = subscribed();
    let cancel = SubscriptionAction::Cancel { when: subscription::When::PeriodEnd, prorate: false };
    run(&mut subscription, subscription_command(cancel), "2026-04-15T00:00:00Z");
    let drafted = preview(&knows(subscription), &used("6000")).unwrap();
    assert_eq!(drafted.lines.iter().map(|line| line.kind).collect::<Vec<_>>(), [LineKind::Usage]);
}

#[test]
fn of_what_has_ended_there_is_no_next() {
    let mut subscription = subscribed();
    let cancel = SubscriptionAction::Cancel { when: subscription::When::Now, prorate: false };
    run(&mut subscription, subscription_command(cancel), "2026-04-15T00:00:00Z");
    assert_eq!(preview(&knows(subscription), &used("6000")), None);
    let nobody = Known::default();
    assert_eq!(preview(&nobody, &used("6000")), None);
}
