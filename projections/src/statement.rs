//! The running statement of a customer's month: a line for each meter and price.
//!
//! What an account was charged and what its customer's session keys were charged stand together: a
//! customer has one currency. A month is a calendar month in UTC of when the charge happened. A line knows the first and the
//! last position of its charges, which leads back to the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{Datelike, NaiveDate};
use domain::ids::{CustomerId, OrganizationId};
use domain::{RecordedEvent, Timestamp};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Charge, Decoded, Projection, ProjectionError};

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct MonthlyStatement;

struct Statement {
    organization: Uuid,
    currency: &'static str,
    total: Decimal,
    charges: i64,
    first: i64,
    last: i64,
}

#[derive(Default)]
struct LineSum {
    quantity: Decimal,
    included: Decimal,
    amount: Decimal,
    charges: i64,
    first: i64,
    last: i64,
}

type Statements = BTreeMap<(Uuid, NaiveDate), Statement>;
type Lines = BTreeMap<(Uuid, NaiveDate, String, Decimal), LineSum>;

/// The first day of the month in which something happened.
pub fn month_of(at: Timestamp) -> NaiveDate {
    let day = at.date_naive();
    day.with_day(1).unwrap_or(day)
}

#[async_trait]
impl Projection for MonthlyStatement {
    fn name(&self) -> &'static str {
        "statement"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["statements", "statement_lines"]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        events.iter().filter_map(|decoded| decoded.event.as_ref().ok()).any(|event| Charge::of(event).is_some())
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        let mut statements = Statements::new();
        let mut lines = Lines::new();
        for decoded in events {
            if let Some(charge) = decoded.event.as_ref().ok().and_then(Charge::of) {
                fold(&mut statements, &mut lines, &decoded.recorded, charge);
            }
        }
        if statements.is_empty() {
            return Ok(());
        }
        write_statements(connection, statements).await?;
        write_lines(connection, lines).await
    }
}

fn fold(statements: &mut Statements, lines: &mut Lines, recorded: &RecordedEvent, charge: Charge<'_>) {
    let month = month_of(charge.placed_at.unwrap_or(recorded.occurred_at));
    let (customer, position) = (charge.customer_id.uuid(), recorded.position);
    let statement = statements.entry((customer, month)).or_insert_with(|| Statement {
        organization: recorded.organization_id.uuid(),
        currency: charge.currency.code(),
        total: Decimal::ZERO,
        charges: 0,
        first: position,
        last: position,
    });
    statement.total += charge.amount.decimal();
    statement.charges += 1;
    statement.last = position;
    for line in charge.lines {
        let meter = line.meter.as_ref().map_or("", |meter| meter.as_str());
        let price = line.unit_price.unwrap_or_default().decimal();
        let sum = lines.entry((customer, month, meter.to_owned(), price)).or_default();
        if sum.charges == 0 {
            sum.first = position;
        }
        // A charge may name the same meter twice and is still one charge of this line.
        if sum.last != position {
            sum.charges += 1;
        }
        sum.last = position;
        sum.quantity += line.quantity.unwrap_or_default().decimal();
        sum.included += line.included_quantity.unwrap_or_default().decimal();
        sum.amount += line.amount.decimal();
    }
}

async fn write_statements(connection: &mut PgConnection, statements: Statements) -> Result<(), ProjectionError> {
    let (mut customers, mut months, mut organizations, mut currencies) = (vec![], vec![], vec![], vec![]);
    let (mut totals, mut charges, mut firsts, mut lasts) = (vec![], vec![], vec![], vec![]);
    for ((customer, month), statement) in statements {
        customers.push(customer);
        months.push(month);
        organizations.push(statement.organization);
        currencies.push(statement.currency.to_owned());
        totals.push(statement.total);
        charges.push(statement.charges);
        firsts.push(statement.first);
        lasts.push(statement.last);
    }
    sqlx::query!(
        "with u (c, m, o, cu, t, n, f, l) as (
             select c, m, o, cu, trim_scale(t), n, f, l
             from unnest($1::uuid[], $2::date[], $3::uuid[], $4::text[], $5::numeric[], $6::bigint[], $7::bigint[],
                 $8::bigint[]) as u (c, m, o, cu, t, n, f, l)
         ), known as (
             update statements s
             set total = trim_scale(s.total + u.t), charges = s.charges + u.n, last_position = u.l
             from u where s.customer_id = u.c and s.month = u.m returning s.customer_id, s.month
         )
         insert into statements
             (customer_id, month, organization_id, currency, total, charges, first_position, last_position)
         select * from u where not exists (select from known k where k.customer_id = u.c and k.month = u.m)",
        &customers,
        &months,
        &organizations,
        &currencies,
        &totals,
        &charges,
        &firsts,
        &lasts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_lines(connection: &mut PgConnection, lines: Lines) -> Result<(), ProjectionError> {
    let (mut customers, mut months, mut meters, mut prices) = (vec![], vec![], vec![], vec![]);
    let (mut quantities, mut included, mut amounts) = (vec![], vec![], vec![]);
    let (mut charges, mut firsts, mut lasts) = (vec![], vec![], vec![]);
    for ((customer, month, meter, price), sum) in lines {
        customers.push(customer);
        months.push(month);
        meters.push(meter);
        prices.push(price);
        quantities.push(sum.quantity);
        included.push(sum.included);
        amounts.push(sum.amount);
        charges.push(sum.charges);
        firsts.push(sum.first);
        lasts.push(sum.last);
    }
    sqlx::query!(
        "with u (c, m, me, p, q, i, a, n, f, l) as (
             select c, m, me, trim_scale(p), trim_scale(q), trim_scale(i), trim_scale(a), n, f, l
             from unnest($1::uuid[], $2::date[], $3::text[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[],
                 $8::bigint[], $9::bigint[], $10::bigint[]) as u (c, m, me, p, q, i, a, n, f, l)
         ), known as (
             update statement_lines s
             set quantity = trim_scale(s.quantity + u.q), included_quantity = trim_scale(s.included_quantity + u.i),
                 amount = trim_scale(s.amount + u.a), charges = s.charges + u.n, last_position = u.l
             from u where s.customer_id = u.c and s.month = u.m and s.meter = u.me and s.unit_price = u.p
             returning s.customer_id, s.month, s.meter, s.unit_price
         )
         insert into statement_lines (customer_id, month, meter, unit_price, quantity, included_quantity, amount, charges,
             first_position, last_position)
         select * from u where not exists (
             select from known k
             where k.customer_id = u.c and k.month = u.m and k.meter = u.me and k.unit_price = u.p)",
        &customers,
        &months,
        &meters,
        &prices,
        &quantities,
        &included,
        &amounts,
        &charges,
        &firsts,
        &lasts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A statement as it is read.
#[derive(Debug, Clone)]
pub struct StatementRow {
    /// Whose.
    pub customer_id: Uuid,
    /// The first day of its month.
    pub month: NaiveDate,
    /// In this currency.
    pub currency: String,
    /// The sum of its lines.
    pub total: Decimal,
    /// How many charges.
    pub charges: i64,
}

/// A line as it is read.
#[derive(Debug, Clone)]
pub struct LineRow {
    /// Whose.
    pub customer_id: Uuid,
    /// The first day of its month.
    pub month: NaiveDate,
    /// The meter; empty for flat amounts.
    pub meter: String,
    /// The price of one unit.
    pub unit_price: Decimal,
    /// How much of it.
    pub quantity: Decimal,
    /// How much of that an allowance covered.
    pub included_quantity: Decimal,
    /// What it costs.
    pub amount: Decimal,
    /// How many charges.
    pub charges: i64,
    /// The position of the first of them.
    pub first_position: i64,
    /// The position of the last of them.
    pub last_position: i64,
}

/// Statements of an organization, newest month first, after a place in that order.
pub async fn statements(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<CustomerId>,
    month: Option<NaiveDate>,
    before: Option<(NaiveDate, Uuid)>,
    limit: i64,
) -> Result<Vec<StatementRow>, sqlx::Error> {
    let (before_month, before_customer) = before.unzip();
    sqlx::query_as!(
        StatementRow,
        "select customer_id, month, currency, total, charges from statements
         where organization_id = $1 and ($2::uuid is null or customer_id = $2) and ($3::date is null or month = $3)
           and ($4::date is null or (month, customer_id) < ($4, $5))
         order by month desc, customer_id desc limit $6",
        organization_id.uuid(),
        customer_id.map(CustomerId::uuid),
        month,
        before_month,
        before_customer,
        limit
    )
    .fetch_all(pool)
    .await
}

/// The lines of these statements, in order of meter and price.
pub async fn lines(pool: &PgPool, statements: &[StatementRow]) -> Result<Vec<LineRow>, sqlx::Error> {
    let customers: Vec<Uuid> = statements.iter().map(|s| s.customer_id).collect();
    let months: Vec<NaiveDate> = statements.iter().map(|s| s.month).collect();
    sqlx::query_as!(
        LineRow,
        "select l.customer_id, l.month, l.meter, l.unit_price, l.quantity, l.included_quantity, l.amount, l.charges,
             l.first_position, l.last_position
         from unnest($1::uuid[], $2::date[]) as s (customer_id, month)
         join statement_lines l on l.customer_id = s.customer_id and l.month = s.month
         order by l.customer_id, l.month, l.meter, l.unit_price",
        &customers,
        &months
    )
    .fetch_all(pool)
    .await
}
