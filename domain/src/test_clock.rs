//! Test clocks: customers that are attached to one live in its time, so that months pass in a moment.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::ids::{OrganizationId, TestClockId};

/// State of a test clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TestClock {
    /// Whose; `None` until it was made.
    pub organization_id: Option<OrganizationId>,
    /// What it shows.
    pub now: Option<Timestamp>,
    /// What it is on its way to; `None` when everything up to `now` has happened.
    pub target: Option<Timestamp>,
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// When it was made, by the wall clock.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// A command. Each names the organization that asks.
#[derive(Debug, Clone)]
pub struct TestClockCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Make it.
    Create {
        /// Its id.
        test_clock_id: TestClockId,
        /// What it is called.
        name: String,
        /// What it shows first.
        now: Timestamp,
    },
    /// Set it forward: everything that falls due on the way will happen. Not while it is under way, and never back.
    Advance {
        /// To this moment.
        to: Timestamp,
    },
    /// On its way it has come to this moment: the next at which something falls due.
    Reach {
        /// That moment; not beyond the target.
        now: Timestamp,
    },
    /// Everything up to the target has happened.
    Arrive,
}

event_enum! {
    /// What can have happened to a test clock.
    TestClockEvent in TestClock::CATEGORY;
    /// It was made.
    Created(Created) = "created", 1;
    /// It was set forward, and is under way.
    Advanced(Advanced) = "advanced", 1;
    /// It has come to a moment at which something falls due.
    Reached(Reached) = "reached", 1;
    /// It has come to where it was set.
    Arrived(Reached) = "arrived", 1;
}

/// Payload of `test_clock.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub test_clock_id: TestClockId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// What it shows.
    pub now: Timestamp,
}

/// Payload of `test_clock.advanced`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advanced {
    /// From here.
    pub from: Timestamp,
    /// To there.
    pub to: Timestamp,
}

/// Payload of `test_clock.reached` and `test_clock.arrived`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// What it shows.
    pub now: Timestamp,
}

impl EventPayload for TestClockEvent {
    payload_methods!();
}

/// Why a test clock's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestClockError {
    /// There is none, or it is another organization's.
    #[error("there is no such test clock")]
    NotFound,
    /// It was made before.
    #[error("the test clock exists already")]
    AlreadyExists,
    /// It is under way.
    #[error("the test clock is under way to {0}: wait until its status is ready")]
    UnderWay(Timestamp),
    /// Time does not go back.
    #[error("a test clock shows {0} and is only set forward")]
    Backwards(Timestamp),
}

impl TestClock {
    /// Decides what it does once it is there and its owner asks.
    fn run(&self, action: &Action, shown: Timestamp) -> Result<Vec<TestClockEvent>, TestClockError> {
        match (action, self.target) {
            (Action::Create { .. }, _) => Err(TestClockError::AlreadyExists),
            (Action::Advance { .. }, Some(target)) => Err(TestClockError::UnderWay(target)),
            (Action::Advance { to }, None) if *to < shown => Err(TestClockError::Backwards(shown)),
            (Action::Advance { to }, None) if *to == shown => Ok(Vec::new()),
            (Action::Advance { to }, None) => Ok(vec![TestClockEvent::Advanced(Advanced { from: shown, to: *to })]),
            (Action::Reach { now }, Some(target)) if *now > target => Err(TestClockError::UnderWay(target)),
            (Action::Reach { now }, Some(_)) if *now < shown => Err(TestClockError::Backwards(shown)),
            (Action::Reach { now }, Some(_)) if *now > shown => {
                Ok(vec![TestClockEvent::Reached(Reached { now: *now })])
            }
            (Action::Arrive, Some(target)) => Ok(vec![TestClockEvent::Arrived(Reached { now: target })]),
            // It was there before.
            (Action::Reach { .. } | Action::Arrive, _) => Ok(Vec::new()),
        }
    }
}

impl Aggregate for TestClock {
    const CATEGORY: &'static str = "test_clock";
    const STATE_VERSION: i16 = 1;
    type Command = TestClockCommand;
    type Event = TestClockEvent;
    type Error = TestClockError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        match (&command.action, self.organization_id, self.now) {
            (Action::Create { test_clock_id, name, now }, None, _) => Ok(vec![TestClockEvent::Created(Created {
                test_clock_id: *test_clock_id,
                organization_id: command.organization_id,
                name: name.clone(),
                now: *now,
            })]),
            (action, Some(owner), Some(shown)) if owner == command.organization_id => self.run(action, shown),
            _ => Err(TestClockError::NotFound),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            TestClockEvent::Created(created) => {
                self.organization_id = Some(created.organization_id);
                self.now = Some(created.now);
                self.name.clone_from(&created.name);
                self.created_at = Some(occurred_at);
            }
            TestClockEvent::Advanced(advanced) => self.target = Some(advanced.to),
            TestClockEvent::Reached(reached) => self.now = Some(reached.now),
            TestClockEvent::Arrived(arrived) => {
                self.now = Some(arrived.now);
                self.target = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn organization(n: u128) -> OrganizationId {
        OrganizationId::new(Uuid::from_u128(n))
    }

    fn day(n: u32) -> Timestamp {
        format!("2026-01-{n:02}T00:00:00Z").parse().unwrap()
    }

    fn create() -> Action {
        Action::Create { test_clock_id: TestClockId::new(Uuid::from_u128(2)), name: "a year".into(), now: day(1) }
    }

    fn run(clock: &mut TestClock, action: Action) -> Result<usize, TestClockError> {
        let wall = "2030-05-05T05:05:05Z".parse().unwrap();
        let events = clock.handle_command(&TestClockCommand { organization_id: organization(1), action }, wall)?;
        for event in &events {
            clock.apply_event(event, wall);
        }
        Ok(events.len())
    }

    fn made() -> TestClock {
        let mut clock = TestClock::default();
        run(&mut clock, create()).unwrap();
        clock
    }

    #[test]
    fn it_stops_on_its_way_and_arrives() {
        let mut clock = made();
        assert_eq!((clock.now, clock.target, clock.name.as_str()), (Some(day(1)), None, "a year"));
        assert_eq!(run(&mut clock, Action::Advance { to: day(20) }), Ok(1));
        for (stop, events) in [(3, 1), (3, 0), (9, 1), (20, 1)] {
            assert_eq!(run(&mut clock, Action::Reach { now: day(stop) }), Ok(events));
            assert_eq!((clock.now, clock.target), (Some(day(stop)), Some(day(20))));
        }
        assert_eq!(run(&mut clock, Action::Arrive), Ok(1));
        assert_eq!((clock.now, clock.target), (Some(day(20)), None));
        assert_eq!(run(&mut clock, Action::Arrive), Ok(0), "said twice");
        assert_eq!(run(&mut clock, Action::Reach { now: day(25) }), Ok(0), "it only moves when it was set");
        assert_eq!(clock.now, Some(day(20)));
    }

    #[test]
    fn it_arrives_although_nothing_was_due() {
        let mut clock = made();
        run(&mut clock, Action::Advance { to: day(2) }).unwrap();
        run(&mut clock, Action::Arrive).unwrap();
        assert_eq!((clock.now, clock.target), (Some(day(2)), None));
    }

    #[test]
    fn time_does_not_go_back() {
        let mut clock = made();
        assert_eq!(run(&mut clock, Action::Advance { to: day(1) }), Ok(0), "it is there");
        run(&mut clock, Action::Advance { to: day(5) }).unwrap();
        run(&mut clock, Action::Reach { now: day(3) }).unwrap();
        assert_eq!(run(&mut clock, Action::Reach { now: day(2) }), Err(TestClockError::Backwards(day(3))));
        assert_eq!(run(&mut clock, Action::Reach { now: day(6) }), Err(TestClockError::UnderWay(day(5))));
        assert_eq!(run(&mut clock, Action::Advance { to: day(9) }), Err(TestClockError::UnderWay(day(5))));
        run(&mut clock, Action::Arrive).unwrap();
        assert_eq!(run(&mut clock, Action::Advance { to: day(4) }), Err(TestClockError::Backwards(day(5))));
    }

    #[test]
    fn it_is_made_once_and_is_one_organizations() {
        let mut clock = made();
        assert_eq!(run(&mut clock, create()), Err(TestClockError::AlreadyExists));
        for action in [create(), Action::Advance { to: day(5) }, Action::Reach { now: day(5) }, Action::Arrive] {
            let command = TestClockCommand { organization_id: organization(9), action };
            assert_eq!(clock.handle_command(&command, day(9)), Err(TestClockError::NotFound));
            let unmade = TestClock::default();
            let is_create = matches!(command.action, Action::Create { .. });
            assert_eq!(unmade.handle_command(&command, day(9)).is_ok(), is_create);
        }
    }
}
