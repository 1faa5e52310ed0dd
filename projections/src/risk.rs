//! What a rule engine watches: how much a customer pays per call, how often it calls, and what
//! share of its money is left.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DurationRound, TimeDelta};
use domain::Timestamp;
use domain::account::{AccountEvent, Balances};
use domain::ids::{CustomerId, OrganizationId};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Decoded, Projection, ProjectionError, account_events};

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
    /// Credits and post-paid room.
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

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        let mut ids: Vec<Uuid> = account_events(events).map(|(_, event)| event.customer_id().uuid()).collect();
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
        for (recorded, event) in account_events(events) {
            take_in(&mut rows, event, recorded.occurred_at);
        }
        write(connection, rows.into_values()).await
    }
}

fn available(balances: &Balances) -> Decimal {
    balances.credits.plus(balances.postpaid_limit.minus(balances.postpaid)).decimal()
}

fn take_in(rows: &mut HashMap<Uuid, RiskRow>, event: &AccountEvent, occurred_at: Timestamp) {
    let id = event.customer_id().uuid();
    if let AccountEvent::Opened(opened) = event {
        let (zero, limit) = (Decimal::ZERO, opened.postpaid_limit.decimal());
        let row = RiskRow {
            customer_id: id,
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
        };
        rows.insert(id, row);
        return;
    }
    let Some(row) = rows.get_mut(&id) else { return };
    match event {
        AccountEvent::Opened(_) | AccountEvent::QuotaSet(_) => {}
        AccountEvent::Credited(credited) => {
            row.available = available(&credited.after);
            row.available_reference = row.available;
        }
        AccountEvent::LimitSet(set) => {
            row.available = available(&set.after);
            row.available_reference = row.available;
        }
        AccountEvent::CreditExpired(expired) => row.available -= expired.amount.decimal(),
        AccountEvent::Charged(charged) => {
            let amount = charged.amount.decimal();
            row.charges += 1;
            row.charged += amount;
            row.largest_charge = row.largest_charge.max(amount);
            row.last_charge = amount;
            row.last_charge_at = Some(occurred_at);
            let minute = occurred_at.duration_trunc(TimeDelta::minutes(1)).ok();
            row.minute_calls = if row.minute == minute { row.minute_calls + 1 } else { 1 };
            row.minute = minute;
            row.minute_calls_peak = row.minute_calls_peak.max(row.minute_calls);
            row.available = available(&charged.after);
        }
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
        "insert into risk_customers (customer_id, organization_id, currency, charges, charged, largest_charge, last_charge,
             last_charge_at, minute, minute_calls, minute_calls_peak, available, available_reference)
         select a, b, c, d, trim_scale(e), trim_scale(f), trim_scale(g), h, i, j, k, trim_scale(l), trim_scale(m)
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::numeric[], $6::numeric[], $7::numeric[],
             $8::timestamptz[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::numeric[], $13::numeric[])
             as u (a, b, c, d, e, f, g, h, i, j, k, l, m)
         on conflict (customer_id) do update
         set charges = excluded.charges, charged = excluded.charged, largest_charge = excluded.largest_charge,
             last_charge = excluded.last_charge, last_charge_at = excluded.last_charge_at, minute = excluded.minute,
             minute_calls = excluded.minute_calls, minute_calls_peak = excluded.minute_calls_peak,
             available = excluded.available, available_reference = excluded.available_reference",
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
