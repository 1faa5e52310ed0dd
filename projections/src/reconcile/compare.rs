//! The comparison of what the log says with what the read models of customers and the journal have.

use std::collections::BTreeMap;

use domain::ids::{CustomerId, HoldId, OrganizationId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::sessions::OpenHolds;
use super::{Compared, Difference, Expected, PerAccount, PerCustomer, Reconciled, Reserved};
use crate::projection::ProjectionError;

impl Expected {
    pub(super) async fn compare_with(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let quota = sqlx::query!("select customer_id, charged, remaining from quota_customers")
            .fetch_all(&mut *snapshot)
            .await?;
        let found = quota.into_iter().map(|row| (row.customer_id, (row.charged, row.remaining, 0))).collect();
        compare_customers("quota", &self.quota, found, result);
        self.compare_reserved(snapshot, result).await?;
        self.sessions.compare_quota(snapshot, result).await?;

        let statement = sqlx::query!(
            r#"select s.customer_id, sum(s.total) as "total!", sum(s.charges)::bigint as "charges!",
                   bool_and(s.total = coalesce((select sum(l.amount) from statement_lines l
                       where l.customer_id = s.customer_id and l.month = s.month), 0)) as "sums_up!"
               from statements s group by s.customer_id"#
        )
        .fetch_all(&mut *snapshot)
        .await?;
        for row in statement.iter().filter(|row| !row.sums_up) {
            let subject = CustomerId::new(row.customer_id).to_string();
            let (expected, found) = ("the sum of its lines".to_owned(), "another total".to_owned());
            result.differences.push(Difference { place: "statement", subject, expected, found });
        }
        let found =
            statement.into_iter().map(|row| (row.customer_id, (row.total, Decimal::ZERO, row.charges))).collect();
        compare_customers("statement", &self.statement, found, result);

        let risk = sqlx::query!("select customer_id, charged, charges from risk_customers where charges > 0")
            .fetch_all(&mut *snapshot)
            .await?;
        let found = risk.into_iter().map(|row| (row.customer_id, (row.charged, Decimal::ZERO, row.charges))).collect();
        compare_customers("risk", &self.risk, found, result);
        self.compare_journal(snapshot, result).await?;
        self.compare_holds(snapshot, result).await?;
        self.sessions.compare_settlement(snapshot, result).await?;
        self.billing.compare(snapshot, result).await
    }

    async fn compare_reserved(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let rows = sqlx::query!(
            r#"select c.customer_id, c.held_credits, c.held_postpaid,
                   c.held_credits = coalesce((select sum(g.held) from quota_grants g
                       where g.customer_id = c.customer_id), 0) as "sums_up!"
               from quota_customers c"#
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let mut found: BTreeMap<Uuid, Reserved> = BTreeMap::new();
        for row in rows {
            if !row.sums_up {
                let subject = CustomerId::new(row.customer_id).to_string();
                let (expected, found) =
                    ("the sum of what its grants have reserved".to_owned(), "another sum".to_owned());
                result.differences.push(Difference { place: "quota", subject, expected, found });
            }
            let reserved = Reserved { credits: row.held_credits, postpaid: row.held_postpaid, meters: BTreeMap::new() };
            found.insert(row.customer_id, reserved);
        }
        let meters = sqlx::query!("select customer_id, meter, held from quota_meters where held <> 0")
            .fetch_all(&mut *snapshot)
            .await?;
        for row in meters {
            found.entry(row.customer_id).or_default().meters.insert(row.meter, row.held);
        }
        // Nothing is the same as no row.
        let something = |rows: &BTreeMap<Uuid, Reserved>| -> BTreeMap<Uuid, Reserved> {
            let some = rows.iter().filter(|(_, reserved)| **reserved != Reserved::default());
            some.map(|(id, reserved)| (*id, reserved.clone())).collect()
        };
        let subject = |id: &Uuid| CustomerId::new(*id).to_string();
        let (expected, found) = (something(&self.reserved), something(&found));
        compare_each("quota", &expected, &found, subject, |row| format!("{row:?}"), &mut result.differences);
        Ok(())
    }

    async fn compare_holds(&self, snapshot: &mut PgConnection, result: &mut Reconciled) -> Result<(), ProjectionError> {
        let rows =
            sqlx::query!("select hold_id, held, captured from holds where status = 'open'").fetch_all(snapshot).await?;
        let found: OpenHolds = rows.into_iter().map(|row| (row.hold_id, (row.held, row.captured))).collect();
        let expected = &self.sessions.holds;
        let held = |rows: &OpenHolds| rows.values().map(|(held, _)| held).sum();
        let (subjects, sums) = (expected.len(), (held(expected), held(&found)));
        result.compared.push(Compared { place: "hold", subjects, expected: sums.0, found: sums.1 });
        let subject = |id: &Uuid| HoldId::new(*id).to_string();
        let show = |sums: &(Decimal, Decimal)| format!("held {}, captured {}", sums.0, sums.1);
        compare_each("hold", expected, &found, subject, show, &mut result.differences);
        Ok(())
    }

    async fn compare_journal(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let kept = sqlx::query!(
            r#"select organization_id as "organization_id!", account as "account!", currency as "currency!",
                   sum(debits) as "debits!", sum(credits) as "credits!", place as "place!"
               from (
                   select organization_id, account, currency, debits, credits, 'balances' as place from journal_balances
                   union all
                   select p.organization_id, side.account, p.currency, side.debits, side.credits, 'postings'
                   from journal_postings p
                   cross join lateral (values (p.debit, p.amount, 0::numeric), (p.credit, 0::numeric, p.amount))
                       as side (account, debits, credits)
               ) rows group by organization_id, account, currency, place"#
        )
        .fetch_all(snapshot)
        .await?;
        let mut balances = PerAccount::new();
        let mut from_postings = PerAccount::new();
        for row in kept {
            let into = if row.place == "balances" { &mut balances } else { &mut from_postings };
            into.insert((row.organization_id, row.account, row.currency), (row.debits, row.credits));
        }
        let revenue =
            |rows: &PerAccount| rows.iter().filter(|(key, _)| key.1 == "revenue").map(|(_, sums)| sums.1).sum();
        result.compared.push(Compared {
            place: "journal",
            subjects: self.journal.len(),
            expected: revenue(&self.journal),
            found: revenue(&balances),
        });
        for found in [&balances, &from_postings] {
            let subject =
                |key: &(Uuid, String, String)| format!("{} {} of {}", key.1, key.2, OrganizationId::new(key.0));
            let show = |sums: &(Decimal, Decimal)| format!("debits {}, credits {}", sums.0, sums.1);
            compare_each("journal", &self.journal, found, subject, show, &mut result.differences);
            let mut sums: BTreeMap<(Uuid, &str), Decimal> = BTreeMap::new();
            for ((organization, _, currency), (debits, credits)) in found {
                *sums.entry((*organization, currency.as_str())).or_default() += debits - credits;
            }
            for ((organization, currency), sum) in sums.into_iter().filter(|(_, sum)| !sum.is_zero()) {
                let subject = format!("{currency} of {}", OrganizationId::new(organization));
                let (expected, found) = ("postings that sum to zero".to_owned(), sum.to_string());
                result.differences.push(Difference { place: "journal", subject, expected, found });
            }
        }
        Ok(())
    }
}

fn compare_customers(place: &'static str, expected: &PerCustomer, found: PerCustomer, result: &mut Reconciled) {
    let total = |rows: &PerCustomer| rows.values().map(|sums| sums.0).sum();
    result.compared.push(Compared { place, subjects: expected.len(), expected: total(expected), found: total(&found) });
    let show = |sums: &(Decimal, Decimal, i64)| format!("charged {}, left {}, charges {}", sums.0, sums.1, sums.2);
    let subject = |id: &Uuid| CustomerId::new(*id).to_string();
    compare_each(place, expected, &found, subject, show, &mut result.differences);
}

/// Notes what only one side has, and what both have and differs.
pub(super) fn compare_each<K: Ord, V: PartialEq>(
    place: &'static str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
    subject: impl Fn(&K) -> String,
    show: impl Fn(&V) -> String,
    differences: &mut Vec<Difference>,
) {
    for key in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key))) {
        let (want, have) = (expected.get(key), found.get(key));
        if want != have {
            let show = |value: Option<&V>| value.map_or("nothing".to_owned(), &show);
            let (expected, found) = (show(want), show(have));
            differences.push(Difference { place, subject: subject(key), expected, found });
        }
    }
}
