//! The meters of the read model: what a quota allows, be it set by somebody or a subscription's, and what was used.

use domain::Timestamp;
use domain::account::event::TurnedQuota;
use domain::price::Beyond;
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{ProjectionError, column};

/// A meter's row. Without a quota it only counts.
#[derive(Debug, Clone)]
pub struct QuotaMeter {
    /// Whose.
    pub customer_id: Uuid,
    /// Which meter.
    pub meter: String,
    /// What the quota allows in a period.
    pub quota_limit: Option<Decimal>,
    /// The period's name.
    pub period: Option<String>,
    /// Whether usage within it is free.
    pub included: Option<bool>,
    /// What happens beyond it: `block`, `charge`, or `credits` where only credits may pay it.
    pub overage: Option<String>,
    /// The period that `used` counts in.
    pub period_start: Option<Timestamp>,
    /// When that ends, of a subscription's.
    pub period_end: Option<Timestamp>,
    /// The subscription whose quota it is; `None` for one that somebody set.
    pub subscription_id: Option<Uuid>,
    /// Used in that period.
    pub used: Decimal,
    /// What of it draws nothing on the allowance.
    pub beside: Decimal,
    /// Reserved by holds in that period.
    pub held: Decimal,
    /// Used ever, also with session keys.
    pub used_total: Decimal,
}

impl QuotaMeter {
    /// Goes on to a later period of the calendar. Whether the row now counts in the one that is named: of an earlier one
    /// nothing counts any more, and a subscription's begins with an event of its own.
    pub(super) fn enter(&mut self, period_start: Timestamp, of_plan: bool) -> bool {
        if of_plan != self.subscription_id.is_some() {
            return false;
        }
        if !of_plan && self.period_start < Some(period_start) {
            self.period_start = Some(period_start);
            self.used = Decimal::ZERO;
            self.beside = Decimal::ZERO;
            self.held = Decimal::ZERO;
        }
        self.period_start == Some(period_start)
    }

    /// What is neither used nor reserved of a limit.
    pub fn remaining(&self) -> Option<Decimal> {
        self.quota_limit.map(|limit| (limit - (self.used - self.beside) - self.held).max(Decimal::ZERO))
    }

    /// Its quota is a subscription's, and stands like this.
    pub(super) fn turn(&mut self, quota: &TurnedQuota) {
        let terms = quota.plan.terms();
        self.quota_limit = Some(terms.limit.decimal());
        self.period = Some(terms.period.name().to_owned());
        self.included = Some(terms.included);
        self.overage = Some(beyond_name(quota.plan.beyond).to_owned());
        self.period_start = Some(quota.plan.cycle.start);
        self.period_end = Some(quota.plan.cycle.end);
        self.subscription_id = Some(quota.plan.subscription_id.uuid());
        self.used = quota.used.decimal();
        self.beside = quota.beside.decimal();
        self.held = quota.held.decimal();
    }

    /// It has no quota any more, and only counts.
    pub(super) fn end(&mut self) {
        let (customer_id, meter) = (self.customer_id, std::mem::take(&mut self.meter));
        *self = Self { used_total: self.used_total, ..Self::new(customer_id, meter) };
    }

    pub(super) fn new(customer_id: Uuid, meter: String) -> Self {
        Self {
            customer_id,
            meter,
            quota_limit: None,
            period: None,
            included: None,
            overage: None,
            period_start: None,
            period_end: None,
            subscription_id: None,
            used: Decimal::ZERO,
            beside: Decimal::ZERO,
            held: Decimal::ZERO,
            used_total: Decimal::ZERO,
        }
    }
}

fn beyond_name(beyond: Beyond) -> &'static str {
    match beyond {
        Beyond::Block => "block",
        Beyond::Charge => "charge",
        Beyond::Credits => "credits",
    }
}

/// Writes rows, new or known.
pub(super) async fn write(connection: &mut PgConnection, rows: &[QuotaMeter]) -> Result<(), ProjectionError> {
    sqlx::query!(
        "with u (a, b, c, d, e, f, g, h, i, j, k, l, m) as (
             select a, b, trim_scale(c), d, e, f, g, trim_scale(h), trim_scale(i), trim_scale(j), k, l, trim_scale(m)
             from unnest($1::uuid[], $2::text[], $3::numeric[], $4::text[], $5::boolean[], $6::text[], $7::timestamptz[],
                 $8::numeric[], $9::numeric[], $10::numeric[], $11::timestamptz[], $12::uuid[], $13::numeric[])
                 as u (a, b, c, d, e, f, g, h, i, j, k, l, m)
         ), known as (
             update quota_meters q
             set quota_limit = u.c, period = u.d, included = u.e, overage = u.f, period_start = u.g, used = u.h,
                 used_total = u.i, held = u.j, period_end = u.k, subscription_id = u.l, beside = u.m
             from u where q.customer_id = u.a and q.meter = u.b returning q.customer_id, q.meter
         )
         insert into quota_meters (customer_id, meter, quota_limit, period, included, overage, period_start, used, used_total,
             held, period_end, subscription_id, beside)
         select * from u where not exists (select from known k where k.customer_id = u.a and k.meter = u.b)",
        &column(rows, |row| row.customer_id),
        &column(rows, |row| row.meter.clone()),
        &column(rows, |row| row.quota_limit) as &[Option<Decimal>],
        &column(rows, |row| row.period.clone()) as &[Option<String>],
        &column(rows, |row| row.included) as &[Option<bool>],
        &column(rows, |row| row.overage.clone()) as &[Option<String>],
        &column(rows, |row| row.period_start) as &[Option<Timestamp>],
        &column(rows, |row| row.used),
        &column(rows, |row| row.used_total),
        &column(rows, |row| row.held),
        &column(rows, |row| row.period_end) as &[Option<Timestamp>],
        &column(rows, |row| row.subscription_id) as &[Option<Uuid>],
        &column(rows, |row| row.beside),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The meters of these customers, by name.
pub async fn meters(pool: &PgPool, customers: &[Uuid]) -> Result<Vec<QuotaMeter>, sqlx::Error> {
    sqlx::query_as!(
        QuotaMeter,
        "select customer_id, meter, quota_limit, period, included, overage, period_start, period_end, subscription_id, used,
             beside, used_total, held
         from quota_meters where customer_id = any($1) order by customer_id, meter",
        customers
    )
    .fetch_all(pool)
    .await
}
