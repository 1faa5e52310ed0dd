//! Usage against limits: per customer what was granted, is left and was charged; per meter what
//! its quota allows and what was used; per session key what it may still spend.
//!
//! A customer's row is its account's alone, and what session keys were charged stands with them: the
//! customer's whole is the sum of both. Its meters count everything, whoever paid.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::account::{AccountEvent, Funds, Overage, Reserved};
use domain::charge::Line;
use domain::ids::{CustomerId, OrganizationId};
use domain::{LedgerEvent, RecordedEvent, Timestamp};
use eventstore::StoreError;
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Charge, Decoded, Projection, ProjectionError, column, session_key_events};

mod meters;
mod sessions;

pub use meters::{QuotaMeter, meters};
pub use sessions::{CustomerSessions, QuotaSession, sessions, sums_by_customer};

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct Quota;

/// A customer's row.
#[derive(Debug, Clone)]
pub struct QuotaCustomer {
    /// Whose.
    pub customer_id: Uuid,
    /// Who bills it.
    pub organization_id: Uuid,
    /// The currency of the account.
    pub currency: String,
    /// All credits that were ever given.
    pub granted: Decimal,
    /// What is left of them.
    pub remaining: Decimal,
    /// What was lost of them.
    pub expired: Decimal,
    /// Everything that was charged to the account.
    pub charged: Decimal,
    /// Charged and not paid for.
    pub postpaid: Decimal,
    /// How far that may go.
    pub postpaid_limit: Decimal,
    /// Credits that holds reserve; not among `remaining`.
    pub held_credits: Decimal,
    /// Post-paid room that holds reserve.
    pub held_postpaid: Decimal,
}

#[async_trait]
impl Projection for Quota {
    fn name(&self) -> &'static str {
        "quota"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["quota_customers", "quota_meters", "quota_grants", "quota_sessions", "quota_pending_deposits"]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        events
            .iter()
            .filter_map(|decoded| decoded.event.as_ref().ok())
            .any(|event| matches!(event, LedgerEvent::Account(_) | LedgerEvent::SessionKey(_)))
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        let (accounts, meters) = customers_of(events);
        if !meters.is_empty() {
            let mut fold = Fold::load(connection, &accounts, &meters).await?;
            for decoded in events {
                match &decoded.event {
                    Ok(LedgerEvent::Account(event)) => fold.take_in(&decoded.recorded, event),
                    Ok(event) => {
                        if let Some(charge) = Charge::of(event) {
                            fold.count(charge);
                        }
                    }
                    Err(_) => {}
                }
            }
            fold.write(connection).await?;
        }
        sessions::apply(connection, &session_key_events(events)?).await
    }
}

/// Whose accounts these events touch, and whose meters: those, and of whom session keys are charged.
fn customers_of(events: &[Arc<Decoded>]) -> (Vec<Uuid>, Vec<Uuid>) {
    let (mut accounts, mut meters) = (Vec::new(), Vec::new());
    for event in events.iter().filter_map(|decoded| decoded.event.as_ref().ok()) {
        if let LedgerEvent::Account(event) = event {
            accounts.push(event.customer_id().uuid());
            meters.push(event.customer_id().uuid());
        } else if let Some(charge) = Charge::of(event) {
            meters.push(charge.customer_id.uuid());
        }
    }
    for ids in [&mut accounts, &mut meters] {
        ids.sort_unstable();
        ids.dedup();
    }
    (accounts, meters)
}

struct Grant {
    organization_id: Uuid,
    partition: i32,
    customer_id: Uuid,
    remaining: Decimal,
    held: Decimal,
    expires_at: Option<Timestamp>,
}

/// The touched rows, folded in memory.
struct Fold {
    customers: HashMap<Uuid, QuotaCustomer>,
    meters: HashMap<(Uuid, String), QuotaMeter>,
    grants: HashMap<Uuid, Grant>,
    touched_grants: Vec<Uuid>,
}

impl Fold {
    async fn load(connection: &mut PgConnection, accounts: &[Uuid], metered: &[Uuid]) -> Result<Self, ProjectionError> {
        let customers = sqlx::query_as!(
            QuotaCustomer,
            "select customer_id, organization_id, currency, granted, remaining, expired, charged, postpaid, postpaid_limit,
                 held_credits, held_postpaid
             from quota_customers where customer_id = any($1)",
            accounts
        )
        .fetch_all(&mut *connection)
        .await?;
        let meters = sqlx::query_as!(
            QuotaMeter,
            "select customer_id, meter, quota_limit, period, included, overage, period_start, period_end, subscription_id,
                 used, beside, used_total, held
             from quota_meters where customer_id = any($1)",
            metered
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(Self {
            customers: customers.into_iter().map(|row| (row.customer_id, row)).collect(),
            meters: meters.into_iter().map(|row| ((row.customer_id, row.meter.clone()), row)).collect(),
            grants: HashMap::new(),
            touched_grants: Vec::new(),
        })
    }

    fn take_in(&mut self, recorded: &RecordedEvent, event: &AccountEvent) {
        let id = event.customer_id().uuid();
        if let AccountEvent::Opened(opened) = event {
            let zero = Decimal::ZERO;
            let row = QuotaCustomer {
                customer_id: id,
                organization_id: opened.organization_id.uuid(),
                currency: opened.currency.code().to_owned(),
                granted: zero,
                remaining: zero,
                expired: zero,
                charged: zero,
                postpaid: zero,
                postpaid_limit: opened.postpaid_limit.decimal(),
                held_credits: zero,
                held_postpaid: zero,
            };
            self.customers.insert(id, row);
            return;
        }
        let Some(customer) = self.customers.get_mut(&id) else { return };
        match event {
            AccountEvent::Opened(_) | AccountEvent::PaymentOrderSet(_) => {}
            AccountEvent::Credited(credited) => {
                customer.granted += credited.amount.decimal();
                customer.remaining += credited.amount.decimal();
                let grant_id = credited.grant_id.uuid();
                let grant = Grant {
                    organization_id: recorded.organization_id.uuid(),
                    partition: recorded.partition,
                    customer_id: id,
                    remaining: credited.amount.decimal(),
                    held: Decimal::ZERO,
                    expires_at: credited.expires_at,
                };
                self.grants.insert(grant_id, grant);
            }
            AccountEvent::CreditExpired(expired) => {
                customer.remaining -= expired.amount.decimal();
                customer.expired += expired.amount.decimal();
                self.change_grant(expired.grant_id.uuid(), -expired.amount.decimal(), Decimal::ZERO);
            }
            AccountEvent::LimitSet(set) => customer.postpaid_limit = set.postpaid_limit.decimal(),
            AccountEvent::QuotaSet(set) => {
                let row = self.meter(id, set.meter.as_str());
                row.quota_limit = Some(set.terms.limit.decimal());
                row.period = Some(set.terms.period.name().to_owned());
                row.included = Some(set.terms.included);
                row.overage = Some(overage_name(set.terms.overage).to_owned());
                row.period_start = Some(set.period_start);
                row.used = set.used.decimal();
                row.beside = Decimal::ZERO;
                row.held = set.held.decimal();
            }
            AccountEvent::Turned(turned) => {
                for meter in &turned.ended {
                    self.meter(id, meter.as_str()).end();
                }
                for quota in &turned.quotas {
                    self.meter(id, quota.meter.as_str()).turn(quota);
                }
            }
            AccountEvent::UsageSettled(settled) => customer.postpaid -= settled.amount.decimal(),
            AccountEvent::Charged(charged) => {
                customer.charged += charged.amount.decimal();
                customer.remaining -= charged.paid_by_credits().decimal();
                customer.postpaid += charged.postpaid.decimal();
                for used in &charged.credits_used {
                    self.change_grant(used.grant_id.uuid(), -used.amount.decimal(), Decimal::ZERO);
                }
            }
            AccountEvent::Held(held) => self.reserve(id, &held.funds, &held.lines),
            AccountEvent::HoldExtended(extended) => self.reserve(id, &extended.funds, &extended.lines),
            AccountEvent::Captured(captured) => {
                let charge = &captured.charge;
                customer.charged += charge.amount.decimal();
                customer.held_credits -= charge.paid_by_credits().decimal();
                customer.held_postpaid -= charge.postpaid.decimal();
                customer.postpaid += charge.postpaid.decimal();
                for used in &charge.credits_used {
                    self.change_grant(used.grant_id.uuid(), Decimal::ZERO, -used.amount.decimal());
                }
                self.give_back(id, &captured.returned, &captured.released);
            }
            AccountEvent::Voided(released) | AccountEvent::HoldExpired(released) => {
                self.give_back(id, &released.returned, &released.released);
            }
        }
        if let Some(charge) = Charge::of_account(event) {
            self.count(charge);
        }
    }

    fn reserve(&mut self, id: Uuid, funds: &Funds, lines: &[Line]) {
        if let Some(customer) = self.customers.get_mut(&id) {
            customer.remaining -= funds.of_credits().decimal();
            customer.held_credits += funds.of_credits().decimal();
            customer.held_postpaid += funds.postpaid.decimal();
        }
        for part in &funds.credits {
            self.change_grant(part.grant_id.uuid(), -part.amount.decimal(), part.amount.decimal());
        }
        for reserved in lines.iter().filter_map(Reserved::by) {
            let row = self.meter(id, reserved.meter.as_str());
            if row.enter(reserved.period_start, reserved.period_end.is_some()) {
                row.held += reserved.quantity.decimal();
            }
        }
    }

    fn give_back(&mut self, id: Uuid, returned: &Funds, released: &[Reserved]) {
        if let Some(customer) = self.customers.get_mut(&id) {
            customer.remaining += returned.of_credits().decimal();
            customer.held_credits -= returned.of_credits().decimal();
            customer.held_postpaid -= returned.postpaid.decimal();
        }
        for part in &returned.credits {
            self.change_grant(part.grant_id.uuid(), part.amount.decimal(), -part.amount.decimal());
        }
        for part in released {
            let row = self.meter(id, part.meter.as_str());
            let of_plan = part.period_end.is_some();
            if row.period_start == Some(part.period_start) && row.subscription_id.is_some() == of_plan {
                row.held -= part.quantity.decimal();
            }
        }
    }

    /// Counts usage. Lines of session keys count in no quota's period.
    fn count(&mut self, charge: Charge<'_>) {
        for line in charge.lines {
            let (Some(meter), Some(quantity)) = (&line.meter, line.quantity) else { continue };
            let row = self.meter(charge.customer_id.uuid(), meter.as_str());
            row.used_total += quantity.decimal();
            if line.period_start.is_some_and(|start| row.enter(start, line.period_end.is_some())) {
                row.used += quantity.decimal();
                row.beside += line.beside.decimal();
            }
        }
    }

    fn meter(&mut self, customer_id: Uuid, meter: &str) -> &mut QuotaMeter {
        let row = self.meters.entry((customer_id, meter.to_owned()));
        row.or_insert_with(|| QuotaMeter::new(customer_id, meter.to_owned()))
    }

    /// Grants of earlier batches are not loaded: what is taken from them is written as a difference.
    fn change_grant(&mut self, grant_id: Uuid, remaining: Decimal, held: Decimal) {
        match self.grants.get_mut(&grant_id) {
            Some(grant) => {
                grant.remaining += remaining;
                grant.held += held;
            }
            None => {
                let (organization_id, customer_id) = (Uuid::nil(), Uuid::nil());
                let grant = Grant { organization_id, partition: 0, customer_id, remaining, held, expires_at: None };
                self.grants.insert(grant_id, grant);
                self.touched_grants.push(grant_id);
            }
        }
    }

    async fn write(self, connection: &mut PgConnection) -> Result<(), ProjectionError> {
        write_customers(connection, &self.customers.into_values().collect::<Vec<_>>()).await?;
        meters::write(connection, &self.meters.into_values().collect::<Vec<_>>()).await?;
        write_grants(connection, self.grants, &self.touched_grants).await
    }
}

fn overage_name(overage: Overage) -> &'static str {
    match overage {
        Overage::Block => "block",
        Overage::Charge => "charge",
    }
}

async fn write_customers(connection: &mut PgConnection, rows: &[QuotaCustomer]) -> Result<(), ProjectionError> {
    sqlx::query!(
        "with u (a, b, c, d, e, f, g, h, i, j, k) as (
             select a, b, c, trim_scale(d), trim_scale(e), trim_scale(f), trim_scale(g), trim_scale(h), trim_scale(i),
                 trim_scale(j), trim_scale(k)
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[],
                 $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[]) as u (a, b, c, d, e, f, g, h, i, j, k)
         ), known as (
             update quota_customers q
             set granted = u.d, remaining = u.e, expired = u.f, charged = u.g, postpaid = u.h, postpaid_limit = u.i,
                 held_credits = u.j, held_postpaid = u.k
             from u where q.customer_id = u.a returning q.customer_id
         )
         insert into quota_customers (customer_id, organization_id, currency, granted, remaining, expired, charged, postpaid,
             postpaid_limit, held_credits, held_postpaid)
         select * from u where not exists (select from known where known.customer_id = u.a)",
        &column(rows, |row| row.customer_id),
        &column(rows, |row| row.organization_id),
        &column(rows, |row| row.currency.clone()),
        &column(rows, |row| row.granted),
        &column(rows, |row| row.remaining),
        &column(rows, |row| row.expired),
        &column(rows, |row| row.charged),
        &column(rows, |row| row.postpaid),
        &column(rows, |row| row.postpaid_limit),
        &column(rows, |row| row.held_credits),
        &column(rows, |row| row.held_postpaid),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_grants(
    connection: &mut PgConnection,
    mut grants: HashMap<Uuid, Grant>,
    touched: &[Uuid],
) -> Result<(), ProjectionError> {
    if !touched.is_empty() {
        let changes: Vec<Grant> = touched.iter().filter_map(|id| grants.remove(id)).collect();
        sqlx::query!(
            "update quota_grants g set remaining = trim_scale(g.remaining + u.remaining), held = trim_scale(g.held + u.held)
             from unnest($1::uuid[], $2::numeric[], $3::numeric[]) as u (grant_id, remaining, held)
             where g.grant_id = u.grant_id",
            touched,
            &column(&changes, |grant| grant.remaining),
            &column(&changes, |grant| grant.held)
        )
        .execute(&mut *connection)
        .await?;
        // A spent grant is history: the log has it, and this table stays small.
        sqlx::query!("delete from quota_grants where grant_id = any($1) and remaining = 0 and held = 0", touched)
            .execute(&mut *connection)
            .await?;
    }
    grants.retain(|_, grant| !(grant.remaining.is_zero() && grant.held.is_zero()));
    if !grants.is_empty() {
        let (mut ids, mut organizations, mut partitions) = (vec![], vec![], vec![]);
        let (mut customers, mut remaining, mut held, mut ends) = (vec![], vec![], vec![], vec![]);
        for (id, grant) in grants {
            ids.push(id);
            organizations.push(grant.organization_id);
            partitions.push(grant.partition);
            customers.push(grant.customer_id);
            remaining.push(grant.remaining);
            held.push(grant.held);
            ends.push(grant.expires_at);
        }
        sqlx::query!(
            "insert into quota_grants (grant_id, organization_id, partition, customer_id, remaining, expires_at, held)
             select a, b, c, d, trim_scale(e), f, trim_scale(g)
             from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::numeric[], $6::timestamptz[],
                 $7::numeric[]) as u (a, b, c, d, e, f, g)",
            &ids,
            &organizations,
            &partitions,
            &customers,
            &remaining,
            &ends as &[Option<Timestamp>],
            &held,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Customers of an organization with their sums, newest first, before an id.
pub async fn customers(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<CustomerId>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<QuotaCustomer>, sqlx::Error> {
    sqlx::query_as!(
        QuotaCustomer,
        "select customer_id, organization_id, currency, granted, remaining, expired, charged, postpaid, postpaid_limit,
             held_credits, held_postpaid
         from quota_customers
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

/// An account in which credits may have run out.
#[derive(Debug, Clone)]
pub struct DueAccount {
    /// Whose.
    pub customer_id: Uuid,
    /// Who bills it.
    pub organization_id: Uuid,
    /// Where it lives.
    pub partition: i32,
}

/// Accounts with credits whose time is over at `now`. Only a hint: the account itself decides.
pub async fn due_accounts(pool: &PgPool, now: Timestamp, limit: i64) -> Result<Vec<DueAccount>, StoreError> {
    Ok(sqlx::query_as!(
        DueAccount,
        "select distinct customer_id, organization_id, partition from quota_grants
         where expires_at <= $1 and remaining > 0
           and not exists (select from billing_clock_customers c where c.customer_id = quota_grants.customer_id)
         limit $2",
        now,
        limit
    )
    .fetch_all(pool)
    .await?)
}
