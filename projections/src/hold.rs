//! Holds: what is reserved, by whom, until when, and what became of it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::account::AccountEvent;
use domain::hold::HoldAfter;
use domain::ids::{CustomerId, OrganizationId, SessionKeyId};
use domain::money::{Amount, Currency};
use domain::session_key::SessionKeyEvent;
use domain::{LedgerEvent, RecordedEvent, Timestamp};
use eventstore::StoreError;
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Decoded, Projection, ProjectionError, column};

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct Hold;

/// It reserves.
pub const OPEN: &str = "open";
const CAPTURED: &str = "captured";
const VOIDED: &str = "voided";
const EXPIRED: &str = "expired";

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// Its id.
    pub hold_id: Uuid,
    /// Who bills.
    pub organization_id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// The session key that pays; `None` where the account does.
    pub session_key_id: Option<Uuid>,
    /// Where it lives.
    pub partition: i32,
    /// Of what.
    pub currency: String,
    /// `open`, `captured`, `voided` or `expired`.
    pub status: String,
    /// Reserved at first and by extensions.
    pub amount: Decimal,
    /// Reserved now.
    pub held: Decimal,
    /// Captured.
    pub captured: Decimal,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Of its first event.
    pub position: i64,
}

/// What an event says of a hold.
struct Said<'a> {
    hold: &'a HoldAfter,
    customer_id: CustomerId,
    /// Whether the hold is placed by it.
    places: bool,
    /// Reserved by it, when it places or extends the hold.
    reserved: Option<(Amount, Currency)>,
    /// What it ended as.
    ended: Option<&'static str>,
}

impl<'a> Said<'a> {
    fn of(event: &'a LedgerEvent) -> Option<Self> {
        let (hold, customer_id, places, reserved, ended) = match event {
            LedgerEvent::Account(event) => {
                let (reserved, ended) = match event {
                    AccountEvent::Held(e) => (Some((e.amount, e.currency)), None),
                    AccountEvent::HoldExtended(e) => (Some((e.amount, e.currency)), None),
                    AccountEvent::Captured(e) => (None, e.is_final.then_some(CAPTURED)),
                    AccountEvent::Voided(_) => (None, Some(VOIDED)),
                    AccountEvent::HoldExpired(_) => (None, Some(EXPIRED)),
                    _ => return None,
                };
                let places = matches!(event, AccountEvent::Held(_));
                (event.hold()?, event.customer_id(), places, reserved, ended)
            }
            LedgerEvent::SessionKey(event) => {
                let (reserved, ended) = match event {
                    SessionKeyEvent::Held(e) => (Some((e.amount, e.currency)), None),
                    SessionKeyEvent::HoldExtended(e) => (Some((e.amount, e.currency)), None),
                    SessionKeyEvent::Captured(e) => (None, e.is_final.then_some(CAPTURED)),
                    SessionKeyEvent::Voided(_) => (None, Some(VOIDED)),
                    SessionKeyEvent::HoldExpired(_) => (None, Some(EXPIRED)),
                    _ => return None,
                };
                let places = matches!(event, SessionKeyEvent::Held(_));
                (event.hold()?, event.customer_id(), places, reserved, ended)
            }
            _ => return None,
        };
        Some(Self { hold, customer_id, places, reserved, ended })
    }

    /// The row of a hold that is placed by it.
    fn first(&self, recorded: &RecordedEvent, amount: Amount, currency: Currency) -> HoldRow {
        let session: Option<SessionKeyId> =
            recorded.stream_id.as_str().split_once(':').and_then(|(_, id)| id.parse().ok());
        HoldRow {
            hold_id: self.hold.hold_id.uuid(),
            organization_id: recorded.organization_id.uuid(),
            customer_id: self.customer_id.uuid(),
            session_key_id: session.map(SessionKeyId::uuid),
            partition: recorded.partition,
            currency: currency.code().to_owned(),
            status: OPEN.to_owned(),
            amount: amount.decimal(),
            held: self.hold.held.decimal(),
            captured: Decimal::ZERO,
            placed_at: self.hold.placed_at,
            expires_at: self.hold.expires_at,
            ended_at: None,
            position: recorded.position,
        }
    }
}

#[async_trait]
impl Projection for Hold {
    fn name(&self) -> &'static str {
        "hold"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["holds"]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        events.iter().filter_map(|decoded| decoded.event.as_ref().ok()).any(|event| Said::of(event).is_some())
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        let said: Vec<(&RecordedEvent, Said<'_>)> = events
            .iter()
            .filter_map(|decoded| Some((decoded.recorded.as_ref(), Said::of(decoded.event.as_ref().ok()?)?)))
            .collect();
        if said.is_empty() {
            return Ok(());
        }
        let mut rows: HashMap<Uuid, HoldRow> = HashMap::new();
        let older: Vec<Uuid> =
            said.iter().filter(|(_, said)| !said.places).map(|(_, said)| said.hold.hold_id.uuid()).collect();
        for row in by_ids(&mut *connection, &older).await? {
            rows.insert(row.hold_id, row);
        }
        for (recorded, said) in &said {
            if let (true, Some((amount, currency))) = (said.places, said.reserved) {
                rows.insert(said.hold.hold_id.uuid(), said.first(recorded, amount, currency));
                continue;
            }
            let Some(row) = rows.get_mut(&said.hold.hold_id.uuid()) else { continue };
            row.amount += said.reserved.map_or(Decimal::ZERO, |(amount, _)| amount.decimal());
            row.held = said.hold.held.decimal();
            row.captured = said.hold.captured.decimal();
            row.expires_at = said.hold.expires_at;
            if let Some(status) = said.ended {
                status.clone_into(&mut row.status);
                row.ended_at = Some(recorded.occurred_at);
            }
        }
        write(connection, &rows.into_values().collect::<Vec<_>>()).await
    }
}

async fn write(connection: &mut PgConnection, rows: &[HoldRow]) -> Result<(), ProjectionError> {
    sqlx::query!(
        "with u (a, b, c, d, e, f, g, h, i, j, k, l, m, n) as (
             select a, b, c, d, e, f, g, trim_scale(h), trim_scale(i), trim_scale(j), k, l, m, n
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::text[], $7::text[],
                 $8::numeric[], $9::numeric[], $10::numeric[], $11::timestamptz[], $12::timestamptz[],
                 $13::timestamptz[], $14::bigint[]) as u (a, b, c, d, e, f, g, h, i, j, k, l, m, n)
         ), known as (
             update holds x
             set status = u.g, amount = u.h, held = u.i, captured = u.j, expires_at = u.l, ended_at = u.m
             from u where x.hold_id = u.a returning x.hold_id
         )
         insert into holds (hold_id, organization_id, customer_id, session_key_id, partition, currency, status, amount,
             held, captured, placed_at, expires_at, ended_at, position)
         select * from u where not exists (select from known where known.hold_id = u.a)",
        &column(rows, |row| row.hold_id),
        &column(rows, |row| row.organization_id),
        &column(rows, |row| row.customer_id),
        &column(rows, |row| row.session_key_id) as &[Option<Uuid>],
        &column(rows, |row| row.partition),
        &column(rows, |row| row.currency.clone()),
        &column(rows, |row| row.status.clone()),
        &column(rows, |row| row.amount),
        &column(rows, |row| row.held),
        &column(rows, |row| row.captured),
        &column(rows, |row| row.placed_at),
        &column(rows, |row| row.expires_at),
        &column(rows, |row| row.ended_at) as &[Option<Timestamp>],
        &column(rows, |row| row.position),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The holds with these ids that there are, in no order.
pub async fn by_ids(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<HoldRow>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        HoldRow,
        "select hold_id, organization_id, customer_id, session_key_id, partition, currency, status, amount, held,
             captured, placed_at, expires_at, ended_at, position
         from holds where hold_id = any($1)",
        ids
    )
    .fetch_all(connection)
    .await
}

/// Open holds of an organization, newest first, before a position.
pub async fn open(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<CustomerId>,
    session_key_id: Option<SessionKeyId>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<HoldRow>, sqlx::Error> {
    sqlx::query_as!(
        HoldRow,
        "select hold_id, organization_id, customer_id, session_key_id, partition, currency, status, amount, held,
             captured, placed_at, expires_at, ended_at, position
         from holds
         where status = 'open' and organization_id = $1 and ($2::uuid is null or customer_id = $2)
           and ($3::uuid is null or session_key_id = $3) and ($4::bigint is null or position < $4)
         order by position desc limit $5",
        organization_id.uuid(),
        customer_id.map(CustomerId::uuid),
        session_key_id.map(SessionKeyId::uuid),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// A payer with holds that may have run out.
#[derive(Debug, Clone)]
pub struct DuePayer {
    /// Whose account, where no session key is named.
    pub customer_id: Uuid,
    /// Which session key.
    pub session_key_id: Option<Uuid>,
    /// Who bills.
    pub organization_id: Uuid,
    /// Where it lives.
    pub partition: i32,
}

/// Payers with holds whose time is over at `now`, but for accounts on a test clock. Only a hint: the account or the
/// session key itself decides.
pub async fn due(pool: &PgPool, now: Timestamp, limit: i64) -> Result<Vec<DuePayer>, StoreError> {
    Ok(sqlx::query_as!(
        DuePayer,
        "select distinct customer_id, session_key_id, organization_id, partition
         from holds
         where status = 'open' and expires_at <= $1
           and (session_key_id is not null
               or not exists (select from billing_clock_customers c where c.customer_id = holds.customer_id))
         limit $2",
        now,
        limit
    )
    .fetch_all(pool)
    .await?)
}
