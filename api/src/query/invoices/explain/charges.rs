//! The charges behind a line: which they are, and whether they come to it.

use domain::account::{AccountEvent, Charged};
use domain::charge::Line;
use domain::ids::{ChargeId, EventId};
use domain::invoice::{ChargesRef, LineItem};
use domain::{EventPayload, RecordedEvent, StreamId};
use eventstore::{LogPosition, StoreError};
use rust_decimal::Decimal;

use super::out::{ExplainedChargeOut, LineProofOut};
use crate::App;
use crate::problem::Problem;
use crate::query::Page;
use crate::query::charges::CHARGES;

/// Events that are read at a time.
const PAGE: i64 = 500;
/// Pages that are read for one answer.
const PAGES_MAX: usize = 200;

/// What belongs to a line.
#[derive(Debug, Default)]
struct Part {
    quantity: Decimal,
    included: Decimal,
    amount: Decimal,
}

impl Part {
    fn add(&mut self, other: &Self) {
        self.quantity += other.quantity;
        self.included += other.included;
        self.amount += other.amount;
    }
}

/// Which charges belong to a line.
pub(super) struct Wanted<'a> {
    /// The line.
    pub(super) line: &'a LineItem,
    /// Where they are.
    pub(super) charges: ChargesRef,
}

impl Wanted<'_> {
    /// Whether a charge's line is of the same meter, price and period.
    fn has(&self, charged: &Line) -> bool {
        // A sum of several of a meter's own prices names none.
        let merged = self.line.unit_price.is_none();
        let own_price = || charged.price.is_some() || merged || charged.unit_price == self.line.unit_price;
        charged.meter == self.line.meter
            && charged.price == self.line.price
            && own_price()
            && charged.cycle().map(|cycle| cycle.start) == self.charges.period_start
    }

    /// What of a charge belongs to the line; `None` when nothing does.
    fn part(&self, charged: &Charged) -> Option<Part> {
        let mut part = None;
        for line in charged.lines.iter().filter(|line| self.has(line)) {
            part.get_or_insert_with(Part::default).add(&Part {
                quantity: line.quantity.unwrap_or_default().decimal(),
                included: line.included_quantity.unwrap_or_default().decimal(),
                amount: line.amount.decimal(),
            });
        }
        part
    }
}

/// What was found in a stretch of the account's stream.
#[derive(Default)]
pub(super) struct Found {
    charges: Vec<ExplainedChargeOut>,
    count: u64,
    sums: Part,
    /// Up to which version was looked.
    reached: i64,
    /// Whether that is all.
    complete: bool,
}

/// Looks through the stream after a version, up to the last of the line's charges. Keeps so many charges; goes on for the
/// sums of the others only where those are wanted.
pub(super) async fn look(
    app: &App,
    stream: &StreamId,
    wanted: &Wanted<'_>,
    after: i64,
    (kept_max, sums): (usize, bool),
) -> Result<Found, Problem> {
    let last = wanted.charges.last_version;
    let mut found = Found { reached: after, ..Found::default() };
    for _ in 0..PAGES_MAX {
        let page = app.log.page_of_stream(stream, found.reached, PAGE).await?;
        for stored in page.iter().take_while(|stored| stored.version <= last) {
            if found.charges.len() == kept_max && !sums {
                return Ok(found);
            }
            found.reached = stored.version;
            found.take_in(wanted, stored, kept_max)?;
        }
        if page.last().is_none_or(|stored| stored.version >= last) {
            found.complete = true;
            return Ok(found);
        }
    }
    Ok(found)
}

impl Found {
    fn take_in(&mut self, wanted: &Wanted<'_>, stored: &RecordedEvent, kept_max: usize) -> Result<(), Problem> {
        if !CHARGES.contains(&stored.event_type.as_str()) {
            return Ok(());
        }
        let event = AccountEvent::decode(&stored.event_type, stored.schema, &stored.payload);
        let event = event.map_err(StoreError::from)?;
        let Some(charged) = event.charge() else { return Ok(()) };
        let Some(part) = wanted.part(charged) else { return Ok(()) };
        self.count += 1;
        self.sums.add(&part);
        if self.charges.len() < kept_max {
            self.charges.push(explained(stored, charged, &part));
        }
        Ok(())
    }
}

fn explained(stored: &RecordedEvent, charged: &Charged, part: &Part) -> ExplainedChargeOut {
    ExplainedChargeOut {
        charge_id: ChargeId::new(stored.event_id),
        event_id: EventId::new(stored.event_id),
        position: LogPosition { partition: stored.partition, position: stored.position }.to_string(),
        version: stored.version,
        occurred_at: stored.occurred_at,
        used_at: charged.used_at,
        quantity: part.quantity.normalize().to_string(),
        included_quantity: part.included.normalize().to_string(),
        amount: part.amount.normalize().to_string(),
        charge_amount: charged.amount.to_string(),
        paid_by_credits: charged.paid_by_credits().to_string(),
        description: charged.description.clone(),
    }
}

/// Whether the charges that were found are what the line says.
pub(super) fn proof(line: &LineItem, charges: ChargesRef, found: &Found) -> LineProofOut {
    let owed = line.rated.exact.decimal() + line.paid_by_credits.decimal();
    let quantity = line.quantity.map(|quantity| quantity.decimal());
    let holds = found.complete
        && found.count == charges.count
        && quantity.is_none_or(|quantity| quantity == found.sums.quantity)
        && line.included_quantity.unwrap_or_default().decimal() == found.sums.included
        && owed == found.sums.amount;
    LineProofOut {
        charges: found.count,
        quantity: found.sums.quantity.normalize().to_string(),
        included_quantity: found.sums.included.normalize().to_string(),
        amount: found.sums.amount.normalize().to_string(),
        paid_by_credits: line.paid_by_credits.to_string(),
        exact: line.rated.exact.to_string(),
        complete: found.complete,
        holds,
    }
}

/// The charges that were kept; the next page begins after the last of them, or where looking was given up.
pub(super) fn page(found: Found, kept_max: usize, behind: ChargesRef) -> Page<ExplainedChargeOut> {
    let is_full = found.charges.len() == kept_max;
    let last = found.charges.last().map(|charge| charge.version).filter(|_| is_full).unwrap_or(found.reached);
    let has_more = (is_full || !found.complete) && last < behind.last_version;
    Page { object: "list", data: found.charges, has_more, next_cursor: has_more.then(|| last.to_string()) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use chrono::DateTime;
    use domain::money::{Amount, Currency, Quantity};
    use domain::price::Rated;

    pub(in crate::query::invoices::explain) fn line(exact: &str, credits: &str) -> LineItem {
        LineItem {
            kind: domain::invoice::LineKind::Usage,
            description: "Tokens".to_owned(),
            price: None,
            meter: Some("tokens".parse().unwrap()),
            quantity: Some("7".parse().unwrap()),
            included_quantity: None,
            unit_price: Some("0.01".parse().unwrap()),
            period: None,
            paid_by_credits: credits.parse().unwrap(),
            postpaid: exact.parse().unwrap(),
            rated: Rated::of(exact.parse().unwrap(), Currency::USD),
            tax_category: domain::tax::TaxCategory::default(),
            taxes: Vec::new(),
            charges: Some(ChargesRef { count: 2, first_version: 3, last_version: 9, period_start: None }),
        }
    }

    fn charged(quantity: &str, unit_price: &str) -> Line {
        let (quantity, price): (Quantity, Amount) = (quantity.parse().unwrap(), unit_price.parse().unwrap());
        Line {
            meter: Some("tokens".parse().unwrap()),
            price_version: Some(1),
            quantity: Some(quantity),
            unit_price: Some(price),
            amount: quantity.priced(price).unwrap(),
            ..Line::flat(Amount::ZERO)
        }
    }

    #[test]
    fn a_line_has_the_charges_of_its_meter_and_price() {
        let line = line("0.05", "0.02");
        let wanted = Wanted { line: &line, charges: line.charges.unwrap() };
        assert!(wanted.has(&charged("5", "0.01")));
        assert!(!wanted.has(&charged("5", "0.02")), "another price");
        assert!(!wanted.has(&Line { meter: Some("calls".parse().unwrap()), ..charged("5", "0.01") }));
        let start = Some(DateTime::UNIX_EPOCH);
        let of_calendar = Line { period_start: start, ..charged("5", "0.01") };
        assert!(wanted.has(&of_calendar), "a calendar's period is none of a subscription");
        assert!(!wanted.has(&Line { period_end: start, ..of_calendar }));
    }

    #[test]
    fn charges_prove_a_line_or_do_not() {
        let line = line("0.05", "0.02");
        let charges = line.charges.unwrap();
        let found = |count: u64, quantity: &str, amount: &str, complete: bool| Found {
            count,
            sums: Part {
                quantity: quantity.parse().unwrap(),
                included: Decimal::ZERO,
                amount: amount.parse().unwrap(),
            },
            complete,
            ..Found::default()
        };
        assert!(proof(&line, charges, &found(2, "7", "0.07", true)).holds);
        for wrong in [
            found(1, "7", "0.07", true),
            found(2, "6", "0.07", true),
            found(2, "7", "0.06", true),
            found(2, "7", "0.07", false),
        ] {
            assert!(!proof(&line, charges, &wrong).holds);
        }
    }
}
