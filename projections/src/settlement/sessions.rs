//! The session keys of the read model: what each has earned, what of it is in a settlement.

use std::collections::HashMap;
use std::sync::Arc;

use domain::money::Currency;
use domain::session_key::event::Granted;
use domain::session_key::{RelayAction, SessionKeyEvent, is_set_aside};
use domain::{RecordedEvent, Timestamp};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::projection::{Decoded, ProjectionError, column, session_key_events};
use crate::session::{Life, Money, whole};

struct Session {
    session_key_id: Uuid,
    organization_id: Uuid,
    customer_id: Uuid,
    partition: i32,
    chain_id: i64,
    contract: String,
    token: String,
    payee: String,
    session_id: String,
    currency: String,
    valid_until: Timestamp,
    life: Life,
    money: Money,
    oldest_unsettled_at: Option<Timestamp>,
    unplanned_since: Option<Timestamp>,
    open_settlement: Option<Uuid>,
    set_aside: Option<String>,
    settled_position: i64,
    planned_position: Option<i64>,
    last_charge_position: i64,
    relays: i32,
    finalize_relays: i32,
    holds: i32,
    /// Until when its voucher is paid, when that is by a key that was replaced.
    voucher_until: Option<Timestamp>,
}

pub(super) async fn apply(connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
    let events = session_key_events(events)?;
    if events.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = events.iter().map(|(_, id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut sessions = load(connection, &ids).await?;
    for (recorded, id, event) in events {
        match event {
            SessionKeyEvent::Granted(granted) => {
                sessions.insert(id, Session::new(id, recorded, granted));
            }
            event => {
                if let Some(session) = sessions.get_mut(&id) {
                    session.take_in(recorded, event);
                }
            }
        }
    }
    write(connection, &sessions.into_values().collect::<Vec<_>>()).await
}

impl Session {
    fn new(session_key_id: Uuid, recorded: &RecordedEvent, granted: &Granted) -> Self {
        let terms = &granted.terms;
        Self {
            session_key_id,
            organization_id: granted.organization_id.uuid(),
            customer_id: granted.customer_id.uuid(),
            partition: recorded.partition,
            chain_id: whole(terms.chain_id),
            contract: terms.contract.to_string(),
            token: terms.token.to_string(),
            payee: terms.payee.to_string(),
            session_id: terms.session_id.to_string(),
            currency: terms.currency.code().to_owned(),
            valid_until: terms.valid_until,
            life: Life::new(),
            money: Money::default(),
            oldest_unsettled_at: None,
            unplanned_since: None,
            open_settlement: None,
            set_aside: None,
            settled_position: 0,
            planned_position: None,
            last_charge_position: 0,
            relays: 0,
            finalize_relays: 0,
            holds: 0,
            voucher_until: None,
        }
    }

    fn take_in(&mut self, recorded: &RecordedEvent, event: &SessionKeyEvent) {
        self.life.take_in(event);
        self.money.take_in(event);
        if event.hold().is_some() {
            self.count_hold(event);
        }
        // What kept the last claim from being paid was the former key.
        if event.voucher().is_some() && self.voucher_until.take().is_some() {
            self.set_aside = None;
        }
        match event {
            SessionKeyEvent::Charged(_) | SessionKeyEvent::Captured(_) => {
                self.last_charge_position = recorded.position;
                if self.open_settlement.is_some() {
                    self.unplanned_since.get_or_insert(recorded.occurred_at);
                }
            }
            SessionKeyEvent::ClaimPlanned(e) => {
                self.open_settlement = Some(e.settlement_id.uuid());
                // Where the escrow does not reach to the last charge, the rest is for a later claim.
                let whole = e.charged_to.rounded_down(self.decimals()) <= e.total_claimed;
                self.planned_position = Some(if whole { self.last_charge_position } else { self.settled_position });
            }
            SessionKeyEvent::ClaimReleased(e) => {
                if self.open_settlement == Some(e.settlement_id.uuid()) {
                    self.leave_settlement();
                }
                self.set_aside = Some(e.reason.clone()).filter(|reason| is_set_aside(reason));
            }
            SessionKeyEvent::Claimed(e) => {
                self.set_aside = None;
                // Somebody else's claim that pays less than the open one leaves that open.
                if e.settlement_id.is_none() {
                    return self.watch(recorded);
                }
                self.settled_position = self.settled_position.max(self.planned_position.unwrap_or_default());
                self.oldest_unsettled_at = self.unplanned_since;
                self.leave_settlement();
            }
            // No money has moved: only blocks were let go of.
            SessionKeyEvent::Restated(e) if e.amount.is_zero() => {}
            SessionKeyEvent::Deposited(_) | SessionKeyEvent::Withdrawn(_) | SessionKeyEvent::Restated(_) => {
                self.set_aside = None;
            }
            SessionKeyEvent::KeyRotated(e) => self.voucher_until = e.former_voucher_until,
            SessionKeyEvent::RelayRequested(e) => self.count_relay(e.action, 1),
            SessionKeyEvent::RelayDone(e) => self.count_relay(e.action, -1),
            SessionKeyEvent::RelayFailed(e) => self.count_relay(e.action, -1),
            _ => {}
        }
        self.watch(recorded);
    }

    /// Since when something is claimable.
    fn watch(&mut self, recorded: &RecordedEvent) {
        if self.claimable().is_zero() {
            self.oldest_unsettled_at = None;
        } else {
            self.oldest_unsettled_at.get_or_insert(recorded.occurred_at);
        }
    }

    fn leave_settlement(&mut self) {
        self.open_settlement = None;
        self.planned_position = None;
        self.unplanned_since = None;
    }

    fn count_hold(&mut self, event: &SessionKeyEvent) {
        match event {
            SessionKeyEvent::Held(_) => self.holds += 1,
            SessionKeyEvent::Captured(e) if !e.is_final => {}
            SessionKeyEvent::HoldExtended(_) => {}
            _ => self.holds -= 1,
        }
    }

    fn count_relay(&mut self, action: RelayAction, by: i32) {
        self.relays += by;
        if action == RelayAction::FinalizeWithdraw {
            self.finalize_relays += by;
        }
    }

    fn decimals(&self) -> u32 {
        // Written from a currency, so it is one.
        self.currency.parse().map_or(0, Currency::minor_unit)
    }

    /// What is left at the end is written off.
    fn unsettled(&self) -> Decimal {
        if self.life.is_closed() { Decimal::ZERO } else { self.money.unsettled() }
    }

    fn claimable(&self) -> Decimal {
        if self.life.is_closed() { Decimal::ZERO } else { self.money.claimable(self.decimals()) }
    }

    fn ended(&self) -> bool {
        self.life.is_over() || self.life.owner_freeze.is_some()
    }

    fn closable(&self) -> bool {
        let idle = self.open_settlement.is_none() && self.relays == 0 && self.holds == 0;
        self.life.is_over() && !self.life.is_closed() && idle && self.money.is_paid_out()
    }
}

async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Session>, ProjectionError> {
    let rows = sqlx::query!(
        "select session_key_id, organization_id, customer_id, partition, chain_id, contract, token, payee, session_id,
             currency, status, registered, owner_freeze, organization_frozen, deposited, withdrawn, charged, claimed,
             oldest_unsettled_at, unplanned_since, open_settlement, set_aside, settled_position, planned_position,
             last_charge_position, valid_until, withdrawal_amount, withdrawal_available_at, withdrawal_block,
             withdrawal_log_index, relays, finalize_relays, holds, voucher_until
         from settlement_sessions where session_key_id = any($1)",
        ids
    )
    .fetch_all(connection)
    .await?;
    let sessions = rows.into_iter().map(|row| Session {
        session_key_id: row.session_key_id,
        organization_id: row.organization_id,
        customer_id: row.customer_id,
        partition: row.partition,
        chain_id: row.chain_id,
        contract: row.contract,
        token: row.token,
        payee: row.payee,
        session_id: row.session_id,
        currency: row.currency,
        valid_until: row.valid_until,
        life: Life {
            status: row.status,
            registered: row.registered,
            owner_freeze: row.owner_freeze,
            organization_frozen: row.organization_frozen,
        },
        money: Money {
            deposited: row.deposited,
            withdrawn: row.withdrawn,
            charged: row.charged,
            claimed: row.claimed,
            // Not kept here: what may still be charged is another read model's.
            held: Decimal::ZERO,
            withdrawal: row.withdrawal_amount,
            withdrawal_available_at: row.withdrawal_available_at,
            withdrawal_seen_at: (row.withdrawal_block, row.withdrawal_log_index),
        },
        oldest_unsettled_at: row.oldest_unsettled_at,
        unplanned_since: row.unplanned_since,
        open_settlement: row.open_settlement,
        set_aside: row.set_aside,
        settled_position: row.settled_position,
        planned_position: row.planned_position,
        last_charge_position: row.last_charge_position,
        relays: row.relays,
        finalize_relays: row.finalize_relays,
        holds: row.holds,
        voucher_until: row.voucher_until,
    });
    Ok(sessions.map(|session| (session.session_key_id, session)).collect())
}

async fn write(connection: &mut PgConnection, rows: &[Session]) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into settlement_sessions (session_key_id, organization_id, customer_id, partition, chain_id, contract,
             token, payee, session_id, currency, status, registered, owner_freeze, organization_frozen, ended, closable,
             deposited, withdrawn, charged, claimed, unsettled, claimable, oldest_unsettled_at, unplanned_since,
             open_settlement, settled_position, planned_position, last_charge_position, valid_until, withdrawal_amount,
             withdrawal_available_at, withdrawal_block, withdrawal_log_index, relays, finalize_relays, set_aside,
             holds, voucher_until)
         select a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, trim_scale(q), trim_scale(r), trim_scale(s), trim_scale(t),
             trim_scale(u), trim_scale(v), w, x, y, z, aa, ab, ac, trim_scale(ad), ae, af, ag, ah, ai, aj, ak, al
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[],
             $9::text[], $10::text[], $11::text[], $12::boolean[], $13::text[], $14::boolean[], $15::boolean[],
             $16::boolean[], $17::numeric[], $18::numeric[], $19::numeric[], $20::numeric[], $21::numeric[],
             $22::numeric[], $23::timestamptz[], $24::timestamptz[], $25::uuid[], $26::bigint[], $27::bigint[],
             $28::bigint[], $29::timestamptz[], $30::numeric[], $31::timestamptz[], $32::bigint[], $33::bigint[],
             $34::integer[], $35::integer[], $36::text[], $37::integer[], $38::timestamptz[])
             as rows (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, ab, ac, ad, ae, af,
                 ag, ah, ai, aj, ak, al)
         on conflict (session_key_id) do update
         set status = excluded.status, registered = excluded.registered, owner_freeze = excluded.owner_freeze,
             organization_frozen = excluded.organization_frozen, ended = excluded.ended, closable = excluded.closable,
             deposited = excluded.deposited, withdrawn = excluded.withdrawn, charged = excluded.charged,
             claimed = excluded.claimed, unsettled = excluded.unsettled, claimable = excluded.claimable,
             oldest_unsettled_at = excluded.oldest_unsettled_at, unplanned_since = excluded.unplanned_since,
             open_settlement = excluded.open_settlement, settled_position = excluded.settled_position,
             planned_position = excluded.planned_position, last_charge_position = excluded.last_charge_position,
             withdrawal_amount = excluded.withdrawal_amount, withdrawal_available_at = excluded.withdrawal_available_at,
             withdrawal_block = excluded.withdrawal_block, withdrawal_log_index = excluded.withdrawal_log_index,
             relays = excluded.relays, finalize_relays = excluded.finalize_relays, set_aside = excluded.set_aside,
             holds = excluded.holds, voucher_until = excluded.voucher_until",
        &column(rows, |row| row.session_key_id),
        &column(rows, |row| row.organization_id),
        &column(rows, |row| row.customer_id),
        &column(rows, |row| row.partition),
        &column(rows, |row| row.chain_id),
        &column(rows, |row| row.contract.clone()),
        &column(rows, |row| row.token.clone()),
        &column(rows, |row| row.payee.clone()),
        &column(rows, |row| row.session_id.clone()),
        &column(rows, |row| row.currency.clone()),
        &column(rows, |row| row.life.status.clone()),
        &column(rows, |row| row.life.registered),
        &column(rows, |row| row.life.owner_freeze.clone()) as &[Option<String>],
        &column(rows, |row| row.life.organization_frozen),
        &column(rows, Session::ended),
        &column(rows, Session::closable),
        &column(rows, |row| row.money.deposited),
        &column(rows, |row| row.money.withdrawn),
        &column(rows, |row| row.money.charged),
        &column(rows, |row| row.money.claimed),
        &column(rows, Session::unsettled),
        &column(rows, Session::claimable),
        &column(rows, |row| row.oldest_unsettled_at) as &[Option<Timestamp>],
        &column(rows, |row| row.unplanned_since) as &[Option<Timestamp>],
        &column(rows, |row| row.open_settlement) as &[Option<Uuid>],
        &column(rows, |row| row.settled_position),
        &column(rows, |row| row.planned_position) as &[Option<i64>],
        &column(rows, |row| row.last_charge_position),
        &column(rows, |row| row.valid_until),
        &column(rows, |row| row.money.withdrawal),
        &column(rows, |row| row.money.withdrawal_available_at) as &[Option<Timestamp>],
        &column(rows, |row| row.money.withdrawal_seen_at.0),
        &column(rows, |row| row.money.withdrawal_seen_at.1),
        &column(rows, |row| row.relays),
        &column(rows, |row| row.finalize_relays),
        &column(rows, |row| row.set_aside.clone()) as &[Option<String>],
        &column(rows, |row| row.holds),
        &column(rows, |row| row.voucher_until) as &[Option<Timestamp>],
    )
    .execute(connection)
    .await?;
    Ok(())
}
