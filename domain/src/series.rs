//! Series of numbers without gaps: of invoices, of credit notes. One stream for each, so that two numbers are never
//! given at once; a number belongs to its document for ever.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::ids::OrganizationId;

/// State of a series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The last number that was given; 0 for none.
    pub last: u64,
}

/// Give the next number to a document. Asked again with the same command id the ledger answers with the number that
/// was given then.
#[derive(Debug, Clone)]
pub struct Allocate {
    /// Whose series.
    pub organization_id: OrganizationId,
    /// The document's id.
    pub document: String,
    /// What stands before the number.
    pub prefix: String,
    /// When the document asked for it. The series may be ahead of it: many write to it.
    pub at: Option<Timestamp>,
}

event_enum! {
    /// What can have happened to a series.
    SeriesEvent in Series::CATEGORY;
    /// A number was given.
    Allocated(Allocated) = "allocated", 1;
}

/// Payload of `series.allocated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allocated {
    /// Whose series.
    pub organization_id: OrganizationId,
    /// The document's id.
    pub document: String,
    /// 1, 2, 3…
    pub sequence: u64,
    /// As it is written: the prefix and at least six digits.
    pub number: String,
    /// When the document asked for it: the document's own time goes on from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl EventPayload for SeriesEvent {
    payload_methods!();
}

/// Never denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {}

impl Aggregate for Series {
    const CATEGORY: &'static str = "series";
    const STATE_VERSION: i16 = 1;
    type Command = Allocate;
    type Event = SeriesEvent;
    type Error = SeriesError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        let sequence = self.last + 1;
        Ok(vec![SeriesEvent::Allocated(Allocated {
            organization_id: command.organization_id,
            document: command.document.clone(),
            sequence,
            number: format!("{}{sequence:06}", command.prefix),
            at: command.at,
        })])
    }

    fn apply_event(&mut self, event: &Self::Event, _occurred_at: Timestamp) {
        let SeriesEvent::Allocated(allocated) = event;
        self.last = allocated.sequence;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn allocate(series: &mut Series, prefix: &str) -> Allocated {
        let command = Allocate {
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            document: "inv_1".into(),
            prefix: prefix.into(),
            at: Some(Timestamp::UNIX_EPOCH),
        };
        let mut events = series.handle_command(&command, Timestamp::UNIX_EPOCH).unwrap();
        series.apply_event(&events[0], Timestamp::UNIX_EPOCH);
        let SeriesEvent::Allocated(allocated) = events.remove(0);
        allocated
    }

    #[test]
    fn numbers_have_no_gap() {
        let mut series = Series::default();
        for n in 1..=20 {
            let allocated = allocate(&mut series, "INV-");
            assert_eq!((allocated.sequence, allocated.number), (n, format!("INV-{n:06}")));
            assert_eq!(allocated.at, Some(Timestamp::UNIX_EPOCH));
        }
        assert_eq!(allocate(&mut series, "2027/").number, "2027/000021", "another prefix goes on counting");
    }

    #[test]
    fn a_number_may_have_more_than_six_digits() {
        let mut series = Series { last: 999_998 };
        assert_eq!(allocate(&mut series, "").number, "999999");
        assert_eq!(allocate(&mut series, "").number, "1000000");
    }
}
