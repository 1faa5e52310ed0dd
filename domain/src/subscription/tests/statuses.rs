//! Each command in each status: what comes of it.

use super::*;

fn commands() -> Vec<(&'static str, Action)> {
    vec![
        ("create", Action::Create(Box::new(create(basic())))),
        ("change now", change_now(pro(), true)),
        ("change later", change_later(pro())),
        ("drop change", Action::DropChange),
        ("cancel now", cancel_now(true)),
        ("cancel later", cancel_later()),
        ("drop cancel", Action::DropCancel),
        ("end trial", Action::EndTrial),
        ("pause", Action::Pause { resumes_at: None }),
        ("resume", Action::Resume),
        ("auto renew", Action::SetAutoRenew(false)),
        ("past due", Action::MarkPastDue { invoice_id: invoice(7) }),
        ("paid", Action::MarkPaid { invoice_id: invoice(1) }),
        ("lost", Action::MarkLost { invoice_id: invoice(1) }),
        ("take back", Action::TakeBack { number: 1, invoice_id: invoice(1) }),
        ("give up", Action::GiveUp { invoice_id: invoice(1) }),
        ("close bill", Action::CloseBill { number: 1, invoice_id: None, minimums: Vec::new() }),
        ("leave alone", Action::LeaveAlone { number: 1, meters: vec!["calls".parse().unwrap()] }),
        ("advance", Action::Advance),
    ]
}

/// What each command comes to: the type of its event, `-` for nothing, or why it is denied.
#[track_caller]
fn assert_outcomes(given: &Given, now: &str, expected: [&str; 19]) {
    for ((name, action), expected) in commands().into_iter().zip(expected) {
        let outcome = match given.clone().when(action, now) {
            Ok(events) => events.first().map_or("-", type_of).to_owned(),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(outcome, expected, "{name} in {:?}", given.status());
    }
}

#[test]
fn in_a_trial() {
    let given = Given::begun(Create { trial_days: Some(30), ..create(basic()) }, T0);
    let expected = [
        "AlreadyExists",
        "plan_changed",
        "change_scheduled",
        "NothingScheduled",
        "cancelled",
        "cancel_scheduled",
        "NothingScheduled",
        "activated",
        "Trialing",
        "NotPaused",
        "auto_renew_set",
        "past_due",
        "invoice_settled",
        "invoice_settled",
        "invoice_settled",
        "-",
        "-",
        "left_alone",
        "-",
    ];
    assert_outcomes(&given, MID_APRIL, expected);
}

#[test]
fn while_active() {
    let given = Given::begun(create(basic()), T0);
    let expected = [
        "AlreadyExists",
        "plan_changed",
        "change_scheduled",
        "NothingScheduled",
        "cancelled",
        "cancel_scheduled",
        "NothingScheduled",
        "NotTrialing",
        "paused",
        "NotPaused",
        "auto_renew_set",
        "past_due",
        "invoice_settled",
        "invoice_settled",
        "invoice_settled",
        "-",
        "-",
        "left_alone",
        "-",
    ];
    assert_outcomes(&given, MID_APRIL, expected);
}

#[test]
fn while_past_due() {
    let mut given = Given::begun(create(basic()), T0);
    given.one(Action::MarkPastDue { invoice_id: invoice(1) }, T0);
    let expected = [
        "AlreadyExists",
        "plan_changed",
        "change_scheduled",
        "NothingScheduled",
        "cancelled",
        "cancel_scheduled",
        "NothingScheduled",
        "NotTrialing",
        "paused",
        "NotPaused",
        "auto_renew_set",
        "past_due",
        "recovered",
        "recovered",
        "recovered",
        "cancelled",
        "-",
        "left_alone",
        "-",
    ];
    assert_outcomes(&given, MID_APRIL, expected);
}

#[test]
fn while_paused() {
    let mut given = Given::begun(create(basic()), T0);
    given.bill(Action::Pause { resumes_at: None }, T0);
    let expected = [
        "AlreadyExists",
        "Paused",
        "Paused",
        "NothingScheduled",
        "cancelled",
        "Paused",
        "NothingScheduled",
        "NotTrialing",
        "Paused",
        "resumed",
        "auto_renew_set",
        "past_due",
        "invoice_settled",
        "invoice_settled",
        "invoice_settled",
        "-",
        "-",
        "-",
        "-",
    ];
    assert_outcomes(&given, MID_APRIL, expected);
}

#[test]
fn when_it_has_ended() {
    let mut cancelled = Given::begun(create(basic()), T0);
    cancelled.bill(cancel_now(true), T0);
    let mut expired = Given::begun(Create { auto_renew: false, ..create(basic()) }, "2026-03-01T00:00:00Z");
    expired.settle(at(T0));
    assert_eq!((cancelled.status(), expired.status()), (Status::Cancelled, Status::Expired));
    let expected = [
        "AlreadyExists",
        "Ended",
        "Ended",
        "Ended",
        "Ended",
        "Ended",
        "Ended",
        "Ended",
        "Ended",
        "Ended",
        "Ended",
        "-",
        "-",
        "-",
        "-",
        "-",
        "-",
        "-",
        "-",
    ];
    for given in [cancelled, expired] {
        assert_outcomes(&given, MID_APRIL, expected);
    }
}

#[test]
fn with_a_bill_open() {
    let mut given = Given::default();
    given.one(Action::Create(Box::new(create(basic()))), T0);
    let expected = [
        "AlreadyExists",
        "BillOpen",
        "change_scheduled",
        "NothingScheduled",
        "BillOpen",
        "cancel_scheduled",
        "NothingScheduled",
        "NotTrialing",
        "BillOpen",
        "NotPaused",
        "auto_renew_set",
        "past_due",
        "-",
        "-",
        "invoice_settled",
        "-",
        "bill_closed",
        "left_alone",
        "-",
    ];
    assert_outcomes(&given, MID_APRIL, expected);
}
