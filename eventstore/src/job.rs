//! A command on its way through the writer: decided once or several times, answered once.

use domain::ids::{self, OrganizationId};
use domain::{Aggregate, EventPayload, LedgerEvent, NewEvent, RecordedEvent, StreamId, Timestamp};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::StoreError;
use crate::entity::{Entity, Loaded};
use crate::ledger::ExecuteError;
use crate::log::{LogPosition, NewIndexEntry, Snapshot};

/// What surrounds a command.
#[derive(Debug, Clone)]
pub struct CommandMeta {
    /// Unique for ever: the id of the last event it makes. Derived from the caller's idempotency
    /// key, or made at random.
    pub command_id: Uuid,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Where the tenant lives.
    pub partition: i32,
    /// Who asks.
    pub actor: String,
    /// SHA-256 of the request.
    pub request_digest: [u8; 32],
    /// What caused it; the command itself when it came from outside.
    pub causation_id: Uuid,
    /// Common to all that one request set off.
    pub correlation_id: Uuid,
    /// The time at the edge.
    pub now: Timestamp,
}

/// An event that is in the log, with its type.
#[derive(Debug, Clone)]
pub struct Recorded<E> {
    /// What happened.
    pub event: E,
    /// Its id.
    pub event_id: Uuid,
    /// Its stream.
    pub stream_id: StreamId,
    /// Its place in the log.
    pub position: LogPosition,
    /// When it happened.
    pub occurred_at: Timestamp,
}

impl<E: EventPayload> Recorded<E> {
    /// Reads a stored event.
    pub fn read(stored: &RecordedEvent) -> Result<Self, StoreError> {
        Ok(Self {
            event: E::decode(&stored.event_type, stored.schema, &stored.payload)?,
            event_id: stored.event_id,
            stream_id: stored.stream_id.clone(),
            position: LogPosition { partition: stored.partition, position: stored.position },
            occurred_at: stored.occurred_at,
        })
    }
}

/// What became of an accepted command.
#[derive(Debug, Clone)]
pub enum Executed<A: Aggregate> {
    /// It is in the log. An answer made of this event alone is the same at each replay.
    Done {
        /// The command's last event, the one with the command's id.
        event: Recorded<A::Event>,
        /// Whether it was there before: the same key and the same body again.
        replayed: bool,
    },
    /// Nothing needed to change.
    Unchanged {
        /// The state it found.
        state: A,
        /// The end of the log when it was found.
        position: LogPosition,
    },
}

/// What a decision came to.
pub(crate) enum Verdict {
    Accepted(Vec<NewEvent>, Vec<LedgerEvent>, Vec<NewIndexEntry>),
    /// Nothing to do, or not allowed: to be confirmed on settled state before anybody is told.
    Nothing,
}

/// A command without its type.
pub(crate) trait Job: Send + Sync {
    fn stream_id(&self) -> &StreamId;
    fn meta(&self) -> &CommandMeta;
    /// The aggregate from a snapshot, or a new one.
    fn hydrate(&self, snapshot: Option<&Snapshot>) -> Box<dyn Entity>;
    /// Decides, and takes the events in. Deciding again forgets what was decided before.
    fn decide(&mut self, entity: &mut dyn Entity) -> Result<Verdict, StoreError>;
    /// Its events are in the log, the first at this position.
    fn committed(self: Box<Self>, first_position: i64);
    /// The last decision stands, and it was not to change anything.
    fn confirmed(self: Box<Self>, head: i64);
    /// Its id is in the log already.
    fn replayed(self: Box<Self>, stored: &RecordedEvent);
    /// It could not be brought to an end.
    fn failed(self: Box<Self>, error: ExecuteError);
    /// Whether whoever asked has gone. What has not been appended yet need not be.
    fn abandoned(&self) -> bool;
}

/// How the answer goes back.
pub(crate) type Reply<A> = oneshot::Sender<Result<Result<Executed<A>, <A as Aggregate>::Error>, ExecuteError>>;

pub(crate) struct TypedJob<A: Aggregate> {
    pub(crate) stream_id: StreamId,
    pub(crate) meta: CommandMeta,
    pub(crate) command: A::Command,
    pub(crate) decided: Option<Decided<A>>,
    pub(crate) reply: Reply<A>,
}

pub(crate) enum Decided<A: Aggregate> {
    /// The last event, when it happened, and how many there are.
    Accepted(A::Event, Timestamp, usize),
    Unchanged(A),
    Denied(A::Error),
}

impl<A: Aggregate> TypedJob<A> {
    fn answer(self, answer: Result<Result<Executed<A>, A::Error>, ExecuteError>) {
        // Whoever asked may have gone; what happened stands all the same.
        let _ = self.reply.send(answer);
    }
}

impl<A: Aggregate> Job for TypedJob<A> {
    fn stream_id(&self) -> &StreamId {
        &self.stream_id
    }

    fn meta(&self) -> &CommandMeta {
        &self.meta
    }

    fn hydrate(&self, snapshot: Option<&Snapshot>) -> Box<dyn Entity> {
        Box::new(Loaded::<A>::from_snapshot(snapshot))
    }

    fn decide(&mut self, entity: &mut dyn Entity) -> Result<Verdict, StoreError> {
        let Some(loaded) = entity.as_any_mut().downcast_mut::<Loaded<A>>() else {
            return Err(StoreError::Corrupt(format!("stream {} holds another kind of aggregate", self.stream_id)));
        };
        let now = self.meta.now.max(loaded.last_time);
        let events = match loaded.state.handle_command(&self.command, now) {
            Ok(events) => events,
            Err(denied) => {
                self.decided = Some(Decided::Denied(denied));
                return Ok(Verdict::Nothing);
            }
        };
        let count = events.len();
        let Some(last) = events.last().cloned() else {
            self.decided = Some(Decided::Unchanged(loaded.state.clone()));
            return Ok(Verdict::Nothing);
        };
        let mut new_events = Vec::with_capacity(count);
        let mut index = Vec::new();
        for (i, event) in events.iter().enumerate() {
            loaded.apply_typed(event, now);
            new_events.push(self.envelope(event, i + 1 == count, i, loaded.version, now));
            index.extend(event.index_entries().into_iter().map(|entry| NewIndexEntry {
                kind: entry.kind,
                key: entry.key,
                organization_id: self.meta.organization_id,
                stream_id: self.stream_id.clone(),
            }));
        }
        self.decided = Some(Decided::Accepted(last, now, count));
        let said = events.into_iter().map(Into::into).collect();
        Ok(Verdict::Accepted(new_events, said, index))
    }

    fn committed(mut self: Box<Self>, first_position: i64) {
        let Some(Decided::Accepted(event, occurred_at, count)) = self.decided.take() else { return };
        let position = first_position + count as i64 - 1;
        let event = Recorded {
            event,
            event_id: self.meta.command_id,
            stream_id: self.stream_id.clone(),
            position: LogPosition { partition: self.meta.partition, position },
            occurred_at,
        };
        self.answer(Ok(Ok(Executed::Done { event, replayed: false })));
    }

    fn confirmed(mut self: Box<Self>, head: i64) {
        let position = LogPosition { partition: self.meta.partition, position: head };
        match self.decided.take() {
            Some(Decided::Unchanged(state)) => self.answer(Ok(Ok(Executed::Unchanged { state, position }))),
            Some(Decided::Denied(denied)) => self.answer(Ok(Err(denied))),
            Some(Decided::Accepted(..)) | None => {
                self.answer(Err(ExecuteError::Store(StoreError::Unavailable("the command was not decided".into()))));
            }
        }
    }

    fn replayed(self: Box<Self>, stored: &RecordedEvent) {
        // The same key for another request, be it only of another kind, is a mistake of the caller.
        let same = stored.request_digest == self.meta.request_digest
            && stored.organization_id == self.meta.organization_id
            && stored.stream_id.category() == A::CATEGORY;
        let answer = if same {
            match Recorded::read(stored) {
                Ok(event) => Ok(Ok(Executed::Done { event, replayed: true })),
                Err(error) => Err(ExecuteError::Store(error)),
            }
        } else {
            Err(ExecuteError::KeyReused)
        };
        self.answer(answer);
    }

    fn failed(self: Box<Self>, error: ExecuteError) {
        self.answer(Err(error));
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

impl<A: Aggregate> TypedJob<A> {
    fn envelope(&self, event: &A::Event, last: bool, index: usize, version: i64, occurred_at: Timestamp) -> NewEvent {
        let command_id = self.meta.command_id;
        NewEvent {
            event_id: if last { command_id } else { ids::derive(&[command_id.as_bytes(), &index.to_be_bytes()]) },
            organization_id: self.meta.organization_id,
            stream_id: self.stream_id.clone(),
            version,
            event_type: event.event_type(),
            schema: event.schema(),
            occurred_at,
            actor: self.meta.actor.clone(),
            request_digest: self.meta.request_digest,
            causation_id: self.meta.causation_id,
            correlation_id: self.meta.correlation_id,
            payload: event.encode(),
        }
    }
}
