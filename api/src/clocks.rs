//! Test clocks: a customer that is attached to one lives in its time, in every command about its money.
//!
//! Which customer is on which, and what each shows, is kept in memory: read from the read model at the start, and
//! followed in the log from there. What another process writes is known here within [`LOOK_AT_LOG`]. Clocks never go
//! back, so whoever has looked one up in the log says so with [`TestClocks::learn`], and nobody is told a time here
//! that is earlier than what the API has shown.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use domain::customer::{Customer, CustomerEvent};
use domain::ids::{CustomerId, TestClockId};
use domain::test_clock::{TestClock, TestClockEvent};
use domain::{Aggregate, LedgerEvent, RecordedEvent, Timestamp};
use eventstore::tail::Tail;
use eventstore::{Ledger, StoreError, clock};
use projections::billing::{Billing, clocks};
use projections::checkpoint;
use sqlx::PgPool;

/// Events that are looked at together.
const PAGE: usize = 1_000;
/// How often the log is asked whether another process has written.
const LOOK_AT_LOG: Duration = Duration::from_millis(200);
/// Between two tries to read a log that is away.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Who lives in which time.
#[derive(Debug, Default)]
pub struct TestClocks {
    /// Whether any customer is on a test clock: until one is, nothing else is looked at.
    any: AtomicBool,
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    shown: HashMap<TestClockId, Timestamp>,
    customers: HashMap<CustomerId, TestClockId>,
}

impl TestClocks {
    /// Reads what there is, and follows the log from there.
    pub async fn start(ledger: &Ledger, pool: &PgPool) -> Result<Arc<Self>, StoreError> {
        let kept = Arc::new(Self::default());
        for partition in ledger.partitions() {
            let reached = kept.load(ledger, pool, partition).await?;
            tokio::spawn(follow(ledger.tail(partition, reached), Arc::downgrade(&kept)));
        }
        Ok(kept)
    }

    /// Up to the end of the log: nobody is served before.
    async fn load(&self, ledger: &Ledger, pool: &PgPool, partition: i32) -> Result<i64, StoreError> {
        // The position first: what the rows have of later events is heard of once more, and changes nothing then.
        let name = checkpoint::live_name(&Billing);
        let mut reached = checkpoint::position(pool, &name, partition).await?;
        for row in clocks::shown(pool, partition).await? {
            self.learn(TestClockId::new(row.test_clock_id), row.now);
        }
        for row in clocks::attached(pool, partition).await? {
            self.attach(CustomerId::new(row.customer_id), TestClockId::new(row.test_clock_id));
        }
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        loop {
            let page = ledger.log().read(partition, reached, limit).await?;
            let Some(last) = page.last() else { return Ok(reached) };
            reached = last.position;
            page.iter().for_each(|event| self.hear(event));
        }
    }

    /// What time it is for a customer.
    pub fn now(&self, customer_id: CustomerId) -> Timestamp {
        self.shown_to(customer_id).unwrap_or_else(clock::now)
    }

    /// The time that a customer lives in, when it is that of a test clock; `None` for the time of everybody.
    pub fn shown_to(&self, customer_id: CustomerId) -> Option<Timestamp> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.shown.get(kept.customers.get(&customer_id)?).copied()
    }

    /// The test clock that a customer is on.
    pub fn of(&self, customer_id: CustomerId) -> Option<TestClockId> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.customers.get(&customer_id).copied()
    }

    /// A test clock shows this, or more by now.
    pub fn learn(&self, id: TestClockId, now: Timestamp) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let shown = kept.shown.entry(id).or_insert(now);
        *shown = now.max(*shown);
    }

    /// A customer is on a test clock, for ever.
    pub fn attach(&self, customer_id: CustomerId, id: TestClockId) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.customers.insert(customer_id, id);
        self.any.store(true, Ordering::Release);
    }

    /// Takes in an event of the log. Of most the name of the stream is enough.
    fn hear(&self, event: &RecordedEvent) {
        if !matches!(event.stream_id.category(), TestClock::CATEGORY | Customer::CATEGORY) {
            return;
        }
        match LedgerEvent::decode(event) {
            Ok(LedgerEvent::Customer(CustomerEvent::Created(created))) => {
                if let Some(id) = created.test_clock_id {
                    self.attach(created.customer_id, id);
                }
            }
            Ok(LedgerEvent::TestClock(TestClockEvent::Created(created))) => {
                self.learn(created.test_clock_id, created.now);
            }
            Ok(LedgerEvent::TestClock(TestClockEvent::Reached(reached) | TestClockEvent::Arrived(reached))) => {
                let id = event.stream_id.as_str().split_once(':').and_then(|(_, id)| id.parse().ok());
                if let Some(id) = id {
                    self.learn(id, reached.now);
                }
            }
            Ok(_) => {}
            Err(error) => tracing::error!(position = event.position, %error, "an event of the log cannot be read"),
        }
    }
}

async fn follow(mut tail: Tail, kept: Weak<TestClocks>) {
    loop {
        let heard = tail.next(PAGE, LOOK_AT_LOG).await;
        let Some(kept) = kept.upgrade() else { return };
        match heard {
            Ok(page) => page.iter().for_each(|event| kept.hear(event)),
            Err(error) => {
                tracing::debug!(%error, "test clocks wait for the log");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::OrganizationId;
    use domain::test_clock::{Created, Reached};
    use domain::{EventPayload, StreamId};
    use uuid::Uuid;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn recorded(stream_id: StreamId, event_type: &str, payload: Vec<u8>) -> RecordedEvent {
        let moment = at("2030-01-01T00:00:00Z");
        RecordedEvent {
            partition: 0,
            position: 1,
            event_id: Uuid::from_u128(1),
            organization_id: OrganizationId::new(Uuid::from_u128(2)),
            stream_id,
            version: 1,
            event_type: event_type.to_owned(),
            schema: 1,
            occurred_at: moment,
            recorded_at: moment,
            actor: "system:test".to_owned(),
            request_digest: vec![0; 32],
            causation_id: Uuid::from_u128(3),
            correlation_id: Uuid::from_u128(3),
            payload,
            digest: Vec::new(),
        }
    }

    fn of_clock(id: TestClockId, event: &TestClockEvent) -> RecordedEvent {
        recorded(StreamId::new(TestClock::CATEGORY, id), event.event_type(), event.encode())
    }

    fn of_customer(id: CustomerId, test_clock_id: Option<TestClockId>) -> RecordedEvent {
        let event = CustomerEvent::Created(domain::customer::Created {
            customer_id: id,
            organization_id: OrganizationId::new(Uuid::from_u128(2)),
            external_id: None,
            currency: domain::money::Currency::USD,
            test_clock_id,
        });
        recorded(StreamId::new(Customer::CATEGORY, id), event.event_type(), event.encode())
    }

    #[test]
    fn a_customer_lives_in_the_time_of_its_clock() {
        let clocks = TestClocks::default();
        let id = TestClockId::new(Uuid::from_u128(5));
        let (on, off) = (CustomerId::new(Uuid::from_u128(6)), CustomerId::new(Uuid::from_u128(7)));
        let created = Created {
            test_clock_id: id,
            organization_id: OrganizationId::new(Uuid::from_u128(2)),
            name: "a year".into(),
            now: at("2026-01-01T00:00:00Z"),
        };
        clocks.hear(&of_clock(id, &TestClockEvent::Created(created)));
        clocks.hear(&of_customer(off, None));
        assert!(!clocks.any.load(Ordering::Acquire), "nobody is on it");
        assert_eq!(clocks.shown_to(on), None);
        clocks.hear(&of_customer(on, Some(id)));
        assert_eq!((clocks.shown_to(on), clocks.of(on)), (Some(at("2026-01-01T00:00:00Z")), Some(id)));
        assert_eq!((clocks.shown_to(off), clocks.of(off)), (None, None));
        let reached = |text| TestClockEvent::Reached(Reached { now: at(text) });
        clocks.hear(&of_clock(id, &reached("2026-03-01T00:00:00Z")));
        // An event that comes after what was looked up changes nothing.
        clocks.learn(id, at("2026-04-01T00:00:00Z"));
        clocks.hear(&of_clock(id, &reached("2026-03-15T00:00:00Z")));
        assert_eq!(clocks.now(on), at("2026-04-01T00:00:00Z"));
        clocks.hear(&of_clock(id, &TestClockEvent::Arrived(Reached { now: at("2027-01-01T00:00:00Z") })));
        assert_eq!(clocks.now(on), at("2027-01-01T00:00:00Z"));
    }

    #[test]
    fn what_does_not_concern_it_is_not_read() {
        let clocks = TestClocks::default();
        clocks.hear(&recorded(StreamId::new("account", "cus_1"), "charged", b"no JSON".to_vec()));
        // One that cannot be read is told to the operator.
        clocks.hear(&recorded(StreamId::new(Customer::CATEGORY, "cus_1"), "created", b"no JSON".to_vec()));
        assert!(clocks.kept.read().unwrap().customers.is_empty());
    }
}
