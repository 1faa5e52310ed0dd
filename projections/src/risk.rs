//! What a rule engine watches: how much a customer pays per call, how often it calls, and what
//! share of its money is left.
//!
//! Charges to a customer's account and to its session keys count together. What is available is the
//! account's alone: a deposit can be spent on its session key only, and is shown with it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DurationRound, TimeDelta};
use domain::account::AccountEvent;
use domain::account::event::Opened;
use domain::ids::{CustomerId, OrganizationId};
use domain::{LedgerEvent, Timestamp};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Charge, Decoded, Projection, ProjectionError};

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct Risk;

/// A customer's row.
#[derive(Debug, Clone)]
pub struct RiskRow {
    /// Whose.
    pub customer_id: Uuid,
    /// Who bills it.
    pub organization_id: Uuid,
    /// The currency of the account.
    pub currency: String,
    /// How many charges.
    pub charges: i64,
    /// Everything that was charged.
    pub charged: Decimal,
    /// The largest charge.
    pub largest_charge: Decimal,
    /// The last charge.
    pub last_charge: Decimal,
    /// When that was.
    pub last_charge_at: Option<Timestamp>,
    /// The calendar minute of the last charge.
    pub minute: Option<Timestamp>,
    /// Charges in that minute.
    pub minute_calls: i64,
    /// The most charges in any calendar minute.
    pub minute_calls_peak: i64,
    /// Credits and post-paid room of the account; what session keys may still spend is not in it.
    pub available: Decimal,
    /// What was available after the last credits or the last change of the limit.
    pub available_reference: Decimal,
}

#[async_trait]
impl Projection for Risk {
    fn name(&self) -> &'static str {
        "risk"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["risk_customers"]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        events
            .iter()
            .filter_map(|decoded| decoded.event.as_ref().ok())
            .any(|event| matches!(event, LedgerEvent::Account(_)) || Charge::of(event).is_some())
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        let mut ids: Vec<Uuid> = events.iter().filter_map(|decoded| customer_of(decoded)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        ids.sort_unstable();
        ids.dedup();
        let rows = sqlx::query_as!(
            RiskRow,
            "select customer_id, organization_id, currency, charges, charged, largest_charge, last_charge, last_charge_at,
                 minute, minute_calls, minute_calls_peak, available, available_reference
             from risk_customers where customer_id = any($1)",
            &ids
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut rows: HashMap<Uuid, RiskRow> = rows.into_iter().map(|row| (row.customer_id, row)).collect();
        for decoded in events {
            if let Ok(event) = &decoded.event {
                take_in(&mut rows, event, decoded.recorded.occurred_at);
            }
        }
        write(connection, rows.into_values()).await
    }
}

/// Whose row an event changes.
fn customer_of(decoded: &Decoded) -> Option<Uuid> {
    match decoded.event.as_ref().ok()? {
        LedgerEvent::Account(event) => Some(event.customer_id().uuid()),
        event => Charge::of(event).map(|charge| charge.customer_id.uuid()),
    }
}

fn take_in(rows: &mut HashMap<Uuid, RiskRow>, event: &LedgerEvent, occurred_at: Timestamp) {
    if let LedgerEvent::Account(AccountEvent::Opened(opened)) = event {
        rows.insert(opened.customer_id.uuid(), RiskRow::new(opened));
    }
    if let Some(charge) = Charge::of(event)
        && let Some(row) = rows.get_mut(&charge.customer_id.uuid())
    {
        row.count(charge.amount.decimal(), occurred_at);
    }
    let LedgerEvent::Account(event) = event else { return };
    let Some(row) = rows.get_mut(&event.customer_id().uuid()) else { return };
    if let Some(after) = event.after() {
        row.available = after.available().decimal();
    }
    match event {
        AccountEvent::Credited(_) | AccountEvent::LimitSet(_) => row.available_reference = row.available,
        AccountEvent::CreditExpired(expired) => row.available -= expired.amount.decimal(),
        _ => {}
    }
}

impl RiskRow {
    fn new(opened: &Opened) -> Self {
        let (zero, limit) = (Decimal::ZERO, opened.postpaid_limit.decimal());
        Self {
            customer_id: opened.customer_id.uuid(),
            organization_id: opened.organization_id.uuid(),
            currency: opened.currency.code().to_owned(),
            charges: 0,
            charged: zero,
            largest_charge: zero,
            last_charge: zero,
            last_charge_at: None,
            minute: None,
            minute_calls: 0,
            minute_calls_peak: 0,
            available: limit,
            available_reference: limit,
        }
    }

    fn count(&mut self, amount: Decimal, occurred_at: Timestamp) {
        self.charges += 1;
        self.charged += amount;
        self.largest_charge = self.largest_charge.max(amount);
        self.last_charge = amount;
        self.last_charge_at = Some(occurred_at);
        let minute = occurred_at.duration_trunc(TimeDelta::minutes(1)).ok();
        self.minute_calls = if self.minute == minute { self.minute_calls + 1 } else { 1 };
        self.minute = minute;
        self.minute_calls_peak = self.minute_calls_peak.max(self.minute_calls);
    }
}

async fn write(connection: &mut PgConnection, rows: impl Iterator<Item = RiskRow>) -> Result<(), ProjectionError> {
    let (mut ids, mut organizations, mut currencies, mut charges) = (vec![], vec![], vec![], vec![]);
    let (mut charged, mut largest, mut last, mut last_at) = (vec![], vec![], vec![], vec![]);
    let (mut minutes, mut calls, mut peaks) = (vec![], vec![], vec![]);
    let (mut availables, mut references) = (vec![], vec![]);
    for row in rows {
        ids.push(row.customer_id);
        organizations.push(row.organization_id);
        currencies.push(row.currency);
        charges.push(row.charges);
        charged.push(row.charged);
        largest.push(row.largest_charge);
        last.push(row.last_charge);
        last_at.push(row.last_charge_at);
        minutes.push(row.minute);
        calls.push(row.minute_calls);
        peaks.push(row.minute_calls_peak);
        availables.push(row.available);
        references.push(row.available_reference);
    }
    sqlx::query!(
        "with u (a, b, c, d, e, f, g, h, i, j, k, l, m) as (
             select a, b, c, d, trim_scale(e), trim_scale(f), trim_scale(g), h, i, j, k, trim_scale(l), trim_scale(m)
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::numeric[], $6::numeric[], $7::numeric[],
                 $8::timestamptz[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::numeric[], $13::numeric[])
                 as u (a, b, c, d, e, f, g, h, i, j, k, l, m)
         ), known as (
             update risk_customers r
             set charges = u.d, charged = u.e, largest_charge = u.f, last_charge = u.g, last_charge_at = u.h,
                 minute = u.i, minute_calls = u.j, minute_calls_peak = u.k, available = u.l, available_reference = u.m
             from u where r.customer_id = u.a returning r.customer_id
         )
         insert into risk_customers (customer_id, organization_id, currency, charges, charged, largest_charge, last_charge,
             last_charge_at, minute, minute_calls, minute_calls_peak, available, available_reference)
         select * from u where not exists (select from known where known.customer_id = u.a)",
        &ids,
        &organizations,
        &currencies,
        &charges,
        &charged,
        &largest,
        &last,
        &last_at as &[Option<Timestamp>],
        &minutes as &[Option<Timestamp>],
        &calls,
        &peaks,
        &availables,
        &references,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Customers of an organization, newest first, before an id.
pub async fn customers(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<CustomerId>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<RiskRow>, sqlx::Error> {
    sqlx::query_as!(
        RiskRow,
        "select customer_id, organization_id, currency, charges, charged, largest_charge, last_charge, last_charge_at,
             minute, minute_calls, minute_calls_peak, available, available_reference
         from risk_customers
         where organization_id = $1 and ($2::uuid is null or customer_id = $2) and ($3::uuid is null or customer_id < $3)
         order by customer_id desc limit $4",
        organization_id.uuid(),
        customer_id.map(CustomerId::uuid),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}
