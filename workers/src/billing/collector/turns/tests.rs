//! Who is called, who waits, and who is passed.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const SINCE: &str = "2026-03-10T12:00:00Z";

/// A payment of a connector of an organization.
fn row(payment: u128, connector: u128, organization: u128) -> PaymentRow {
    PaymentRow {
        organization_id: Uuid::from_u128(organization),
        partition: 0,
        payment_id: Uuid::from_u128(payment),
        connector_id: Uuid::from_u128(connector),
        position: i64::try_from(payment).unwrap(),
        since: at(SINCE),
        made_at: at(SINCE),
    }
}

fn take_all(turns: &mut Turns, rows: &[PaymentRow], now: Instant) -> Vec<Turn> {
    rows.iter().map(|row| turns.take(row, Why::Ask, now)).collect()
}

#[test]
fn a_connector_has_four_calls_at_a_time() {
    let (mut turns, now) = (Turns::default(), Instant::now());
    let rows: Vec<PaymentRow> = (1..=6).map(|n| row(n, 1, 1)).collect();
    let taken = take_all(&mut turns, &rows, now);
    assert_eq!(taken, [Turn::Taken, Turn::Taken, Turn::Taken, Turn::Taken, Turn::Full, Turn::Full]);
    assert_eq!(turns.take(&rows[0], Why::Ask, now), Turn::Passed, "it is under way");
    // Another connector is not concerned.
    assert_eq!(turns.take(&row(7, 2, 1), Why::Ask, now), Turn::Taken);
    turns.end(&rows[0], Why::Ask, Outcome::Known, now);
    assert_eq!(turns.take(&rows[4], Why::Ask, now), Turn::Taken);
    assert!(!turns.has_room(Uuid::from_u128(1), Why::Ask, now));
}

#[test]
fn an_organization_leaves_room_for_others() {
    let (mut turns, now) = (Turns::default(), Instant::now());
    // However many connectors it has.
    let rows: Vec<PaymentRow> = (0..20).map(|n| row(n, n, 1)).collect();
    let taken = take_all(&mut turns, &rows, now);
    assert_eq!(taken.iter().filter(|turn| **turn == Turn::Taken).count(), OF_ORGANIZATION);
    assert_eq!(turns.take(&row(99, 99, 2), Why::Ask, now), Turn::Taken);
    for row in &rows[..OF_ORGANIZATION] {
        turns.end(row, Why::Ask, Outcome::Unknown, now);
    }
    assert_eq!(turns.take(&rows[19], Why::Ask, now), Turn::Taken);
}

#[test]
fn what_nobody_knows_rests_longer_and_longer() {
    let (mut turns, mut now) = (Turns::default(), Instant::now());
    let row = row(1, 1, 1);
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(turns.take(&row, Why::Ask, now), Turn::Taken);
        turns.end(&row, Why::Ask, Outcome::Unknown, now);
        now += Duration::from_secs(pause) - Duration::from_millis(1);
        assert_eq!(turns.take(&row, Why::Ask, now), Turn::Passed, "{pause}");
        now += Duration::from_millis(1);
    }
    assert_eq!(turns.take(&row, Why::Ask, now), Turn::Taken);
    turns.end(&row, Why::Ask, Outcome::Known, now);
    // What it asks for next is asked for as soon as the read model has seen this.
    assert_eq!(turns.take(&row, Why::Ask, now), Turn::Passed);
    now += SEEN_WITHIN;
    assert_eq!(turns.take(&row, Why::Ask, now), Turn::Taken);
    turns.end(&row, Why::Ask, Outcome::Unknown, now);
    assert_eq!(turns.take(&row, Why::Ask, now + REST_FIRST), Turn::Taken, "begun anew");
    turns.forget(now + FORGET_AFTER * 2);
    assert!(turns.resting.is_empty());
}

#[test]
fn a_connector_that_is_not_set_up_right_rests_as_a_whole() {
    let (mut turns, mut now) = (Turns::default(), Instant::now());
    let rows: Vec<PaymentRow> = (1..=4).map(|n| row(n, 1, 1)).collect();
    for pause in [1, 2, 4] {
        for row in &rows {
            assert_eq!(turns.take(row, Why::Ask, now), Turn::Taken);
        }
        // All four say so; that is one reason to rest.
        for row in &rows {
            turns.end(row, Why::Ask, Outcome::Misconfigured, now);
        }
        assert_eq!(turns.take(&rows[0], Why::Ask, now), Turn::Full);
        assert_eq!(turns.take(&row(9, 2, 1), Why::Ask, now), Turn::Taken);
        turns.end(&row(9, 2, 1), Why::Ask, Outcome::Known, now);
        now += Duration::from_secs(pause);
    }
    turns.take(&rows[0], Why::Ask, now);
    turns.end(&rows[0], Why::Ask, Outcome::Known, now);
    assert_eq!(turns.take(&rows[1], Why::Ask, now), Turn::Taken, "it is set up right now");
}

#[test]
fn looks_leave_room_for_what_is_asked_for() {
    let (mut turns, now) = (Turns::default(), Instant::now());
    assert_eq!(turns.take(&row(1, 1, 1), Why::Look, now), Turn::Taken);
    assert_eq!(turns.take(&row(2, 1, 1), Why::Look, now), Turn::Full);
    let asks: Vec<PaymentRow> = (3..=6).map(|n| row(n, 1, 1)).collect();
    assert_eq!(take_all(&mut turns, &asks, now), [Turn::Taken, Turn::Taken, Turn::Taken, Turn::Full]);
}

#[test]
fn those_at_rest_are_passed_and_the_oldest_come_first() {
    let mut cursors = Cursors::default();
    let connectors = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let page = |numbers: &[u128]| numbers.iter().map(|n| row(*n, 1, 1)).collect::<Vec<_>>();
    let ids = |rows: Vec<PaymentRow>| rows.iter().map(|row| row.position).collect::<Vec<_>>();
    // A full page of which nothing can be taken: the next one is looked at.
    assert!(cursors.choose(&connectors, page(&[1, 2, 3]), 3, |_| Turn::Passed).is_empty());
    assert_eq!(cursors.after(&connectors), [3, 0]);
    // There is room for one: the others come next.
    let mut room = 1;
    let one = |_: &PaymentRow| {
        room -= 1;
        if room == 0 { Turn::Taken } else { Turn::Full }
    };
    assert_eq!(ids(cursors.choose(&connectors, page(&[4, 5, 6]), 3, one)), [4]);
    assert_eq!(cursors.after(&connectors), [4, 0]);
    // The last page: then from the beginning.
    assert_eq!(ids(cursors.choose(&connectors, page(&[5, 6]), 3, |_| Turn::Taken)), [5, 6]);
    assert_eq!(cursors.after(&connectors), [0, 0]);
    // Each connector has its own.
    let mut rows = page(&[7, 8, 9]);
    rows.push(row(10, 2, 1));
    let first = |row: &PaymentRow| if row.connector_id == connectors[0] { Turn::Full } else { Turn::Taken };
    assert_eq!(ids(cursors.choose(&connectors, rows, 3, first)), [10]);
    assert_eq!(cursors.after(&connectors), [0, 0]);

    cursors.went_on(&connectors, 2);
    assert_eq!(cursors.connector(), connectors[1]);
    cursors.went_on(&connectors[..1], 2);
    assert_eq!(cursors.connector(), Uuid::nil());
}

#[test]
fn what_waits_is_looked_at_less_and_less_often() {
    let (mut looks, row) = (Looks::default(), row(1, 1, 1));
    let mut looked_at = Vec::new();
    let mut now = at(SINCE);
    while now < at("2026-03-13T12:01:00Z") {
        if looks.is_due(&row, now) {
            looked_at.push((now - at(SINCE)).num_minutes());
            looks.looked(&row, Outcome::Known, now);
        }
        now += TimeDelta::minutes(1);
    }
    assert_eq!(looked_at, [15, 60, 6 * 60, 24 * 60, 48 * 60, 72 * 60]);
    // After a start it is looked at once, and then as before.
    let mut looks = Looks::default();
    assert!(looks.is_due(&row, now));
    looks.looked(&row, Outcome::Known, now);
    assert!(!looks.is_due(&row, now + TimeDelta::hours(23)));
    assert!(looks.is_due(&row, now + TimeDelta::hours(24)));
    // Nobody has answered.
    looks.looked(&row, Outcome::Unknown, now);
    assert!(!looks.is_due(&row, now + TimeDelta::minutes(14)));
    assert!(looks.is_due(&row, now + LOOK_FIRST));
    // Something has happened: from the beginning.
    let later = PaymentRow { since: now, ..row };
    assert!(!looks.is_due(&later, now + TimeDelta::minutes(14)));
    assert!(looks.is_due(&later, now + LOOK_FIRST));
    looks.forget(now + TimeDelta::days(3));
    assert!(looks.0.is_empty());
}
