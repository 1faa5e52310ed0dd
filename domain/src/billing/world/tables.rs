//! The streams: how each stands, its version and the time of its last event.

use std::collections::BTreeMap;
use std::fmt;

use crate::account::Account;
use crate::customer::Customer;
use crate::event::LedgerEvent;
use crate::invoice::Invoice;
use crate::organization::Organization;
use crate::payment::Payment;
use crate::plan::Plan;
use crate::series::Series;
use crate::subscription::Subscription;
use crate::{Aggregate, RecordedEvent, StreamId, Timestamp};

/// A stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Kept<A> {
    pub(super) state: A,
    pub(super) version: i64,
    pub(super) last: Timestamp,
}

type Table<A> = BTreeMap<StreamId, Kept<A>>;

/// What is kept here.
pub(super) trait InTables: Aggregate {
    fn table(tables: &Tables) -> &Table<Self>;
    fn table_mut(tables: &mut Tables) -> &mut Table<Self>;
}

macro_rules! tables {
    ($($aggregate:ident in $field:ident;)*) => {
        /// All streams, by what they are of.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub(super) struct Tables { $(pub(super) $field: Table<$aggregate>,)* }

        $(impl InTables for $aggregate {
            fn table(tables: &Tables) -> &Table<Self> {
                &tables.$field
            }
            fn table_mut(tables: &mut Tables) -> &mut Table<Self> {
                &mut tables.$field
            }
        })*

        impl Tables {
            /// What comes of a log when it is taken in anew.
            pub(super) fn replayed(log: &[RecordedEvent]) -> Self {
                let mut tables = Self::default();
                for recorded in log {
                    match LedgerEvent::decode(recorded).unwrap() {
                        $(LedgerEvent::$aggregate(event) => tables.take_in::<$aggregate>(recorded, &event),)*
                        other => panic!("{other:?}"),
                    }
                }
                tables
            }
        }
    };
}

tables! {
    Organization in organizations;
    Customer in customers;
    Account in accounts;
    Plan in plans;
    Subscription in subscriptions;
    Invoice in invoices;
    Series in series;
    Payment in payments;
}

impl Tables {
    pub(super) fn take_in<A: InTables>(&mut self, recorded: &RecordedEvent, event: &A::Event) {
        let kept = A::table_mut(self).entry(recorded.stream_id.clone()).or_default();
        assert_eq!(recorded.version, kept.version + 1, "{}", recorded.stream_id);
        assert!(recorded.occurred_at >= kept.last, "{}", recorded.stream_id);
        kept.state.apply_event(event, recorded.occurred_at);
        (kept.version, kept.last) = (recorded.version, recorded.occurred_at);
    }

    /// How a stream stands; as one that was never written to when it is unknown.
    pub(super) fn state<A: InTables>(&self, id: impl fmt::Display) -> A {
        let kept = A::table(self).get(&StreamId::new(A::CATEGORY, id));
        kept.map(|kept| kept.state.clone()).unwrap_or_default()
    }
}
