//! Session keys and settlements: what their aggregates come to, what must always hold of them, and
//! what the read models `quota` and `settlement` have of them.

use std::collections::{BTreeMap, HashMap};

use domain::ids::{HoldId, SessionKeyId, SettlementId};
use domain::money::Amount;
use domain::session_key::{Custody, Grant, SessionKey, SessionKeyEvent};
use domain::settlement::{Settlement, SettlementEvent};
use domain::{Aggregate, LedgerEvent, RecordedEvent, Timestamp};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::compare::compare_each;
use super::{Compared, Difference, Reconciled, Untils};
use crate::projection::{ProjectionError, stream_key};

/// What is compared with `quota`.
#[derive(Debug, Clone, PartialEq)]
struct Spendable {
    customer_id: Uuid,
    status: String,
    deposited: Decimal,
    pending: Decimal,
    withdrawn: Decimal,
    wanted_back: Decimal,
    charged: Decimal,
    claimed: Decimal,
    held: Decimal,
    period: Option<(Timestamp, Decimal, Decimal)>,
}

/// What is compared with `settlement`.
#[derive(Debug, Clone, PartialEq)]
struct Earned {
    status: String,
    charged: Decimal,
    claimed: Decimal,
    unsettled: Decimal,
    claimable: Decimal,
    in_settlement: Option<Uuid>,
    withdrawal_from: Option<Timestamp>,
    voucher_until: Option<Timestamp>,
    relays: usize,
}

/// What a settlement has in `settlement`.
#[derive(Debug, Clone, PartialEq)]
struct Settled {
    status: String,
    claims: i64,
    claimed: Decimal,
    total: Decimal,
    skipped: i64,
    transferred: Option<Decimal>,
    attempts: u32,
    tx_hash: Option<String>,
}

/// What the log says of session keys and settlements.
#[derive(Default)]
pub(super) struct Expected {
    keys: HashMap<Uuid, SessionKey>,
    settlements: HashMap<Uuid, Settlement>,
    spendable: BTreeMap<Uuid, Spendable>,
    earned: BTreeMap<Uuid, Earned>,
    settled: BTreeMap<Uuid, Settled>,
    pub(super) holds: OpenHolds,
}

/// Open holds: what each reserves, and has captured.
pub(super) type OpenHolds = BTreeMap<Uuid, (Decimal, Decimal)>;

/// What an aggregate has of a hold after an event.
pub(super) fn note_hold(holds: &mut OpenHolds, id: HoldId, open: Option<(Amount, Amount)>) {
    match open {
        Some((held, captured)) => holds.insert(id.uuid(), (held.decimal(), captured.decimal())),
        None => holds.remove(&id.uuid()),
    };
}

impl Expected {
    pub(super) fn take_in(
        &mut self,
        recorded: &RecordedEvent,
        event: &LedgerEvent,
        until: &Untils,
        differences: &mut Vec<Difference>,
    ) {
        let stranger = || {
            let found = recorded.stream_id.to_string();
            Difference::invariant(recorded, "a stream named by an id of its kind".to_owned(), found)
        };
        match event {
            LedgerEvent::SessionKey(event) => match stream_key::<SessionKeyId>(recorded) {
                Ok(id) => self.take_in_key(id.uuid(), recorded, event, until, differences),
                Err(_) => differences.push(stranger()),
            },
            LedgerEvent::Settlement(event) => match stream_key::<SettlementId>(recorded) {
                Ok(id) => self.take_in_settlement(id.uuid(), recorded, event, until, differences),
                Err(_) => differences.push(stranger()),
            },
            _ => {}
        }
    }

    fn take_in_key(
        &mut self,
        id: Uuid,
        recorded: &RecordedEvent,
        event: &SessionKeyEvent,
        until: &Untils,
        differences: &mut Vec<Difference>,
    ) {
        let key = self.keys.entry(id).or_default();
        key.apply_event(event, recorded.occurred_at);
        for (expected, found) in violations(key, event) {
            differences.push(Difference::invariant(recorded, expected, found));
        }
        if until.quota.covers(recorded) {
            self.spendable.insert(id, spendable(key));
        }
        if until.settlement.covers(recorded) {
            self.earned.insert(id, earned(key));
        }
        if let Some(hold) = event.hold().filter(|_| until.hold.covers(recorded)) {
            let open = key.holds.get(&hold.hold_id).map(|open| (open.amount, open.captured));
            note_hold(&mut self.holds, hold.hold_id, open);
        }
    }

    fn take_in_settlement(
        &mut self,
        id: Uuid,
        recorded: &RecordedEvent,
        event: &SettlementEvent,
        until: &Untils,
        differences: &mut Vec<Difference>,
    ) {
        let settlement = self.settlements.entry(id).or_default();
        settlement.apply_event(event, recorded.occurred_at);
        if let SettlementEvent::Planned(planned) = event {
            let sum: Decimal = planned.claims.iter().map(|claim| claim.amount.decimal()).sum();
            if sum != planned.total.decimal() {
                let expected = format!("a total of {sum}, the sum of its claims");
                differences.push(Difference::invariant(recorded, expected, planned.total.to_string()));
            }
        }
        if until.settlement.covers(recorded) {
            self.settled.insert(id, settled(settlement));
        }
    }

    /// The sessions' part of `quota`; what they were charged goes into its line of the report.
    pub(super) async fn compare_quota(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let rows = sqlx::query!(
            r#"select session_key_id, customer_id, status, deposited, withdrawn, withdrawal_pending, charged, claimed,
                   held, period_start, period_used, period_held, pending_deposits = (select coalesce(sum(p.amount), 0)
                       from quota_pending_deposits p where p.session_key_id = s.session_key_id) as "sums_up!",
                   pending_deposits
               from quota_sessions s"#
        )
        .fetch_all(snapshot)
        .await?;
        let mut found = BTreeMap::new();
        for row in rows {
            if !row.sums_up {
                let subject = SessionKeyId::new(row.session_key_id).to_string();
                let (expected, found) = ("the sum of its pending deposits".to_owned(), "another sum".to_owned());
                result.differences.push(Difference { place: "quota", subject, expected, found });
            }
            let session = Spendable {
                customer_id: row.customer_id,
                status: row.status,
                deposited: row.deposited,
                pending: row.pending_deposits,
                withdrawn: row.withdrawn,
                wanted_back: row.withdrawal_pending,
                charged: row.charged,
                claimed: row.claimed,
                held: row.held,
                period: row.period_start.map(|start| (start, row.period_used, row.period_held)),
            };
            found.insert(row.session_key_id, session);
        }
        let charged = |rows: &BTreeMap<Uuid, Spendable>| rows.values().map(|row| row.charged).sum::<Decimal>();
        if let Some(line) = result.compared.iter_mut().find(|line| line.place == "quota") {
            line.subjects += self.spendable.len();
            line.expected += charged(&self.spendable);
            line.found += charged(&found);
        }
        compare_each("quota", &self.spendable, &found, name, |row| format!("{row:?}"), &mut result.differences);
        Ok(())
    }

    pub(super) async fn compare_settlement(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let rows = sqlx::query!(
            r#"select session_key_id, status, charged, claimed, unsettled, claimable, open_settlement,
                   withdrawal_available_at, voucher_until, (select count(*) from settlement_relays r
                       where r.session_key_id = s.session_key_id) as "relays!"
               from settlement_sessions s"#
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let found: BTreeMap<Uuid, Earned> = rows
            .into_iter()
            .map(|row| {
                let session = Earned {
                    status: row.status,
                    charged: row.charged,
                    claimed: row.claimed,
                    unsettled: row.unsettled,
                    claimable: row.claimable,
                    in_settlement: row.open_settlement,
                    withdrawal_from: row.withdrawal_available_at,
                    voucher_until: row.voucher_until,
                    relays: usize::try_from(row.relays).unwrap_or(usize::MAX),
                };
                (row.session_key_id, session)
            })
            .collect();
        let charged = |rows: &BTreeMap<Uuid, Earned>| rows.values().map(|row| row.charged).sum();
        result.compared.push(Compared {
            place: "settlement",
            subjects: self.earned.len() + self.settled.len(),
            expected: charged(&self.earned),
            found: charged(&found),
        });
        compare_each("settlement", &self.earned, &found, name, |row| format!("{row:?}"), &mut result.differences);
        self.compare_settlements(snapshot, result).await
    }

    async fn compare_settlements(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let rows = sqlx::query!(
            r#"select s.settlement_id, s.status, s.total, s.transferred, s.attempts, s.tx_hash, count(c.*) as "claims!",
                   coalesce(sum(c.amount), 0) as "claimed!",
                   count(c.*) filter (where starts_with(c.outcome, 'skipped')) as "skipped!"
               from settlements s left join settlement_claims c on c.settlement_id = s.settlement_id
               group by s.settlement_id"#
        )
        .fetch_all(snapshot)
        .await?;
        let found: BTreeMap<Uuid, Settled> = rows
            .into_iter()
            .map(|row| {
                let settlement = Settled {
                    status: row.status,
                    claims: row.claims,
                    claimed: row.claimed,
                    total: row.total,
                    skipped: row.skipped,
                    transferred: row.transferred,
                    attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
                    tx_hash: row.tx_hash,
                };
                (row.settlement_id, settlement)
            })
            .collect();
        let name = |id: &Uuid| SettlementId::new(*id).to_string();
        compare_each("settlement", &self.settled, &found, name, |row| format!("{row:?}"), &mut result.differences);
        Ok(())
    }
}

fn name(id: &Uuid) -> String {
    SessionKeyId::new(*id).to_string()
}

fn spendable(key: &SessionKey) -> Spendable {
    // The same deposit seen twice, in two blocks of which one went away, is one.
    let pending: HashMap<_, _> =
        key.pending_deposits.iter().map(|one| ((one.at.tx_hash, one.at.log_index), one.amount.decimal())).collect();
    Spendable {
        customer_id: key.grant.as_ref().map_or(Uuid::nil(), |grant| grant.customer_id.uuid()),
        status: key.status().name().to_owned(),
        deposited: key.deposited.decimal(),
        pending: pending.values().sum(),
        withdrawn: key.withdrawn.decimal(),
        wanted_back: key.withdrawal.map_or(Decimal::ZERO, |withdrawal| withdrawal.amount.decimal()),
        charged: key.charged.decimal(),
        claimed: key.claimed.decimal(),
        held: key.held.decimal(),
        period: key
            .period
            .max(key.period_held)
            .map(|(start, _)| (start, key.period_used(start).decimal(), key.period_held(start).decimal())),
    }
}

fn earned(key: &SessionKey) -> Earned {
    let decimals = key.grant.as_ref().map_or(0, |grant| grant.terms.decimals());
    let claimable = key.charged.rounded_down(decimals).min(key.escrow()).minus(key.claimed);
    // What is left at the end is written off.
    let unless_closed = |amount: Amount| if key.closed { Decimal::ZERO } else { amount.decimal() };
    Earned {
        status: key.status().name().to_owned(),
        charged: key.charged.decimal(),
        claimed: key.claimed.decimal(),
        unsettled: unless_closed(key.unsettled()),
        claimable: unless_closed(claimable),
        in_settlement: key.open_claim.as_ref().map(|open| open.settlement_id.uuid()),
        withdrawal_from: key.withdrawal.map(|withdrawal| withdrawal.available_at),
        voucher_until: key.former_until,
        relays: key.relays.len(),
    }
}

fn settled(settlement: &Settlement) -> Settled {
    let claims = settlement.planned.as_ref().map_or(&[][..], |planned| &planned.claims);
    let finalized = settlement.finalized.as_ref();
    let submitted = settlement.submitted.as_ref().map(|submitted| submitted.tx_hash);
    let mined = settlement.mined.as_ref().map(|mined| mined.tx_hash);
    let skipped = |finalized: &domain::settlement::Finalized| {
        let named = |id| finalized.skipped.iter().any(|skipped| skipped.session_id == id);
        claims.iter().filter(|claim| named(claim.session_id)).count() as i64
    };
    Settled {
        status: settlement.status.name().to_owned(),
        claims: claims.len() as i64,
        claimed: claims.iter().map(|claim| claim.amount.decimal()).sum(),
        total: settlement.planned.as_ref().map_or(Decimal::ZERO, |planned| planned.total.decimal()),
        skipped: finalized.map_or(0, skipped),
        transferred: finalized.map(|finalized| finalized.transferred.decimal()),
        attempts: settlement.attempts,
        tx_hash: finalized.map(|f| f.tx_hash).or(mined).or(submitted).map(|hash| hash.to_string()),
    }
}

/// What must hold of a session key after an event (I4, I7), and does not: expected, found.
fn violations(key: &SessionKey, event: &SessionKeyEvent) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Some(after) = event.after().filter(|after| **after != key.balances()) {
        found.push((format!("{:?}", key.balances()), format!("{after:?}")));
    }
    let mut at_most = |what: &str, value: Decimal, limit: Decimal| {
        if value > limit {
            found.push((format!("{what} at most {limit}"), value.to_string()));
        }
    };
    let Some(Grant { terms, .. }) = &key.grant else { return found };
    let (charged, claimed) = (key.charged.decimal(), key.claimed.decimal());
    // Not through `escrow`, which is never below zero.
    let escrow = key.deposited.decimal() - key.withdrawn.decimal();
    match event {
        SessionKeyEvent::Captured(_) => at_most("charged", charged, escrow),
        SessionKeyEvent::Charged(_) | SessionKeyEvent::Held(_) | SessionKeyEvent::HoldExtended(_) => {
            let charged = charged + key.held.decimal();
            // An owner who is faster than the settlement may take what was charged before.
            at_most("charged and held", charged, escrow);
            if let Some((start, _)) = key.period.max(key.period_held) {
                let used = key.period_used(start).plus(key.period_held(start));
                at_most("charged and held in the period", used.decimal(), terms.period_limit.decimal());
            }
            if terms.custody == Custody::Client {
                let signed = key.voucher.map_or(Decimal::ZERO, |voucher| voucher.max_claimable.decimal());
                at_most("charged and held", charged, signed);
            }
        }
        SessionKeyEvent::Claimed(_) => {
            at_most("claimed", claimed, escrow);
            at_most("claimed", claimed, key.charged.rounded_down(terms.decimals()).decimal());
        }
        SessionKeyEvent::Withdrawn(_) => at_most("claimed", claimed, escrow),
        SessionKeyEvent::Closed(e) => {
            at_most("left in escrow", escrow - claimed, Decimal::ZERO);
            at_most("written off", e.written_off.decimal(), key.unsettled().decimal());
        }
        _ => {}
    }
    found
}
