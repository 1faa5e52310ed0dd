//! The one writer of a partition: decides waiting commands together and appends them in a group.
//!
//! A cycle: take what waits (no timer), decide each command on the newest state, also that of its
//! predecessors in the same cycle, append all in one round trip, answer. Whatever the log did not
//! take (another process wrote to the stream), and whatever was denied (on a state that may be old
//! or speculative), is decided once more with the partition held still: first the command's id is
//! looked up, then the streams' tails are loaded, and that decision is final. The same way ends a
//! cycle whose append was lost in mid-air.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::{Aggregate, Decoded, RecordedEvent, StreamId};
use futures::FutureExt;
use lru::LruCache;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use crate::StoreError;
use crate::entity::Entity;
use crate::job::{Job, Verdict};
use crate::log::{Appended, Batch, Log, Settled, Snapshot};
use crate::tail::TailBatch;

/// Limits of a writer.
#[derive(Debug, Clone, Copy)]
pub struct WriterSettings {
    /// Commands that may wait; more are refused.
    pub queue_max: usize,
    /// Commands that are appended together.
    pub group_max: usize,
    /// Aggregates that are kept in memory.
    pub cache_max: usize,
    /// A snapshot is taken each time a stream has grown by this many events.
    pub snapshot_every: i64,
    /// How long an append whose outcome is unknown is looked after before its commands are
    /// answered that nobody knows.
    pub settle_within: Duration,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self {
            queue_max: 10_000,
            group_max: 500,
            cache_max: 100_000,
            snapshot_every: 200,
            settle_within: Duration::from_secs(5),
        }
    }
}

/// No partition ends there: all versions are compared.
const NOT_KNOWN: i64 = -1;
/// Between two tries to reach a log that is away.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Commands, without their types, in order.
type Jobs = Vec<Box<dyn Job>>;

/// Categories that other processes cache: an append tells them to forget.
const WATCHED: [&str; 3] = [
    domain::organization::Organization::CATEGORY,
    domain::api_key::ApiKey::CATEGORY,
    domain::gateway_key::GatewayKey::CATEGORY,
];

/// Runs the writer until its queue is closed. After a panic it starts anew with nothing cached; the
/// commands of that cycle are answered that nobody knows, and may be sent again.
pub(crate) async fn supervise(
    partition: i32,
    log: Arc<dyn Log>,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    appended: broadcast::Sender<TailBatch>,
    settings: WriterSettings,
) {
    loop {
        let running = run(partition, log.clone(), &mut jobs, appended.clone(), settings);
        match AssertUnwindSafe(running).catch_unwind().await {
            Ok(()) => return,
            Err(_) => tracing::error!(partition, "the writer has panicked and starts anew"),
        }
    }
}

async fn run(
    partition: i32,
    log: Arc<dyn Log>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    appended: broadcast::Sender<TailBatch>,
    settings: WriterSettings,
) {
    let capacity = NonZeroUsize::new(settings.cache_max).unwrap_or(NonZeroUsize::MIN);
    let cache = LruCache::new(capacity);
    let mut writer = Writer { partition, log, appended, settings, cache, known: 0, foreign: 0 };
    let mut waiting = Vec::with_capacity(settings.group_max);
    loop {
        if jobs.recv_many(&mut waiting, settings.group_max).await == 0 {
            return;
        }
        while waiting.len() < settings.group_max {
            match jobs.try_recv() {
                Ok(job) => waiting.push(job),
                Err(_) => break,
            }
        }
        metrics::gauge!("tollbook_writer_queue", "partition" => partition.to_string()).set(jobs.len() as f64);
        writer.cycle(std::mem::take(&mut waiting)).await;
    }
}

struct Writer {
    partition: i32,
    log: Arc<dyn Log>,
    appended: broadcast::Sender<TailBatch>,
    settings: WriterSettings,
    cache: LruCache<StreamId, Cached>,
    /// Where the partition ended when this writer last learned of it.
    known: i64,
    /// The last position that somebody else may have written without this writer taking it in.
    foreign: i64,
}

/// Of streams, before something was done.
type Versions = HashMap<StreamId, i64>;

/// An aggregate, and the position up to which it is known to have everything.
struct Cached {
    entity: Box<dyn Entity>,
    as_of: i64,
}

impl Cached {
    fn copy(&self) -> Self {
        Self { entity: self.entity.boxed_clone(), as_of: self.as_of }
    }
}

/// The commands of a cycle that were accepted, and what they come to.
#[derive(Default)]
struct Group {
    /// In order, with the number of events of each.
    jobs: Vec<(Box<dyn Job>, usize)>,
    batch: Batch,
    expected: HashMap<StreamId, i64>,
}

impl Group {
    fn add(
        &mut self,
        job: Box<dyn Job>,
        version_before: i64,
        events: Vec<domain::NewEvent>,
        said: Vec<domain::LedgerEvent>,
        index: Vec<crate::log::NewIndexEntry>,
    ) {
        self.expected.entry(job.stream_id().clone()).or_insert(version_before);
        if WATCHED.contains(&job.stream_id().category()) {
            self.batch.watched.push(job.meta().organization_id);
        }
        self.jobs.push((job, events.len()));
        self.batch.events.extend(events);
        self.batch.said.extend(said);
        self.batch.index.extend(index);
    }

    /// `known_position`: where the partition ended when all its streams were up to date.
    fn seal(&mut self, known_position: i64) {
        self.batch.expected = self.expected.drain().collect();
        self.batch.known_position = known_position;
        self.batch.seal();
    }

    /// Answers what was appended and gives back the rest, in order.
    fn answer(self, appended: &Appended) -> Jobs {
        let conflicts: HashSet<&StreamId> = appended.conflicts.iter().collect();
        let mut rest = Vec::new();
        let mut next = appended.first_position.unwrap_or(0);
        for (job, count) in self.jobs {
            if conflicts.contains(job.stream_id()) {
                rest.push(job);
            } else {
                job.committed(next);
                next += count as i64;
            }
        }
        rest
    }
}

impl Writer {
    async fn cycle(&mut self, jobs: Jobs) {
        let (jobs, doubles) = hold_back_doubles(jobs);
        let broken = match self.load_missing(&jobs).await {
            Ok(broken) => broken,
            Err(error) => {
                // Nothing was sent for these yet, but an earlier try with the same key may have been.
                for job in jobs.into_iter().chain(doubles) {
                    job.failed(error.clone().into());
                }
                return;
            }
        };
        let mut undo: HashMap<StreamId, Cached> = HashMap::new();
        let mut group = Group::default();
        let mut unsure: Jobs = Vec::new();
        let mut up_to_date = true;
        // What comes after a denial on the same stream waits for what becomes of that: the order stays.
        let mut waiting: HashSet<StreamId> = HashSet::new();
        for mut job in jobs {
            if waiting.contains(job.stream_id()) {
                unsure.push(job);
                continue;
            }
            let Some(cached) = self.cache.get_mut(job.stream_id()) else {
                broken.answer(job);
                continue;
            };
            let before = cached.entity.version();
            if !undo.contains_key(job.stream_id()) {
                undo.insert(job.stream_id().clone(), cached.copy());
            }
            up_to_date &= cached.as_of >= self.foreign;
            match job.decide(cached.entity.as_mut()) {
                Ok(Verdict::Accepted(events, said, index)) => group.add(job, before, events, said, index),
                Ok(Verdict::Nothing) => {
                    waiting.insert(job.stream_id().clone());
                    unsure.push(job);
                }
                Err(error) => job.failed(error.into()),
            }
        }
        if !group.jobs.is_empty() {
            group.seal(if up_to_date { self.known } else { NOT_KNOWN });
            let started = Instant::now();
            match self.log.append(self.partition, &group.batch).await {
                Ok(appended) => {
                    let batch = std::mem::take(&mut group.batch);
                    self.note_append(&appended, batch, started);
                    let versions = undo.iter().map(|(stream, old)| (stream.clone(), old.entity.version())).collect();
                    self.snapshot_grown(&versions, &appended.conflicts);
                    for stream in &appended.conflicts {
                        self.restore(stream, &mut undo);
                    }
                    let mut again = group.answer(&appended);
                    metrics::counter!("tollbook_append_conflicts_total").increment(again.len() as u64);
                    again.append(&mut unsure);
                    unsure = again;
                }
                Err(error) => {
                    tracing::warn!(partition = self.partition, %error, "an append has an unknown outcome");
                    let streams: Vec<StreamId> = undo.keys().cloned().collect();
                    for stream in streams {
                        self.restore(&stream, &mut undo);
                    }
                    let mut again: Vec<_> = group.jobs.into_iter().map(|(job, _)| job).collect();
                    again.append(&mut unsure);
                    unsure = again;
                }
            }
        }
        // The doubles find what became of the one that went first.
        unsure.extend(doubles);
        if !unsure.is_empty() {
            self.settle(unsure).await;
        }
    }

    fn restore(&mut self, stream: &StreamId, undo: &mut HashMap<StreamId, Cached>) {
        match undo.remove(stream) {
            Some(cached) => self.cache.put(stream.clone(), cached),
            None => self.cache.pop(stream),
        };
    }

    async fn load_missing(&mut self, jobs: &[Box<dyn Job>]) -> Result<Broken, StoreError> {
        let missing: HashMap<&StreamId, &dyn Job> = jobs
            .iter()
            .filter(|job| !self.cache.contains(job.stream_id()))
            .map(|job| (job.stream_id(), job.as_ref()))
            .collect();
        if missing.is_empty() {
            return Ok(Broken::default());
        }
        let names: Vec<StreamId> = missing.keys().map(|name| (*name).clone()).collect();
        let snapshots = self.log.snapshots(&names).await?;
        let (mut entities, from) = hydrate(&missing, &snapshots);
        let tails = self.log.tails(&from).await?;
        let broken = apply_all(&mut entities, &tails);
        self.keep(entities, self.known);
        Ok(broken)
    }

    fn keep(&mut self, entities: Entities, as_of: i64) {
        for (stream, entity) in entities {
            self.cache.put(stream, Cached { entity, as_of });
        }
    }

    /// The partition ended there before this writer's last act, and ends here after it. Where that is not what was
    /// known, somebody else has written meanwhile.
    fn note_end(&mut self, before: i64, after: i64) {
        self.notice_set_back(before);
        if before != self.known {
            self.foreign = before;
        }
        self.known = after;
    }

    /// A log that ends before what was known of it was set back, to a copy of before: nothing cached is of it.
    fn notice_set_back(&mut self, end: i64) {
        if end < self.known {
            tracing::error!(partition = self.partition, end, known = self.known, "the log was set back");
            self.cache.clear();
            self.known = end;
        }
    }

    fn note_append(&mut self, appended: &Appended, batch: Batch, started: Instant) {
        metrics::histogram!("tollbook_append_seconds").record(started.elapsed().as_secs_f64());
        metrics::histogram!("tollbook_append_batch_events").record(appended.count as f64);
        metrics::counter!("tollbook_events_appended_total").increment(appended.count as u64);
        let Some(first) = appended.first_position else { return };
        let last = first + appended.count - 1;
        self.note_end(first - 1, last);
        for (stream, _) in &batch.expected {
            if let Some(cached) = self.cache.peek_mut(stream) {
                cached.as_of = last;
            }
        }
        metrics::gauge!("tollbook_log_position", "partition" => self.partition.to_string()).set(last as f64);
        if self.appended.receiver_count() > 0 {
            // Nobody may be listening any more: who comes back reads the log.
            let _ = self.appended.send(recorded(self.partition, first, appended, batch));
        }
    }

    /// Keeps a snapshot of each stream that has passed a mark; in the background, for it is only speed.
    fn snapshot_grown(&self, before: &Versions, conflicts: &[StreamId]) {
        let every = self.settings.snapshot_every;
        let mut grown = Vec::new();
        for (stream, old) in before {
            let Some(Cached { entity, .. }) = self.cache.peek(stream) else { continue };
            // Streams that grow alike pass their marks at different times.
            let shift = stream.as_str().bytes().fold(0i64, |sum, byte| (sum * 31 + i64::from(byte)) % every);
            let mark = |version: i64| (version + shift) / every;
            if mark(entity.version()) == mark(*old) || conflicts.contains(stream) {
                continue;
            }
            if let Ok(snapshot) = entity.snapshot(stream) {
                grown.push(snapshot);
            }
        }
        if grown.is_empty() {
            return;
        }
        let log = self.log.clone();
        tokio::spawn(async move {
            for snapshot in grown {
                if let Err(error) = log.save_snapshot(&snapshot).await {
                    tracing::debug!(stream = %snapshot.stream_id, %error, "a snapshot was not kept");
                }
            }
        });
    }

    /// Brings commands to their end with the partition held still, again and again while the log
    /// is away, until their time is over.
    async fn settle(&mut self, mut jobs: Jobs) {
        let deadline = Instant::now() + self.settings.settle_within;
        loop {
            match self.settle_once(jobs).await {
                Ok(rest) if rest.is_empty() => return,
                Ok(rest) => jobs = rest,
                Err((rest, error)) => {
                    if Instant::now() >= deadline || matches!(error, StoreError::Corrupt(_) | StoreError::Decode(_)) {
                        tracing::error!(partition = self.partition, %error, commands = rest.len(), "the outcome of commands is unknown");
                        for job in rest {
                            job.failed(error.clone().into());
                        }
                        return;
                    }
                    jobs = rest;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Gives back the doubles of commands that it appended: they find those in the next round.
    async fn settle_once(&mut self, jobs: Jobs) -> Result<Jobs, (Jobs, StoreError)> {
        let mut settled = match self.log.settle(self.partition).await {
            Ok(settled) => settled,
            Err(error) => return Err((jobs, error)),
        };
        let position = settled.position();
        self.notice_set_back(position);
        let order: HashMap<uuid::Uuid, usize> = jobs.iter().map(|job| job.meta().command_id).zip(0..).collect();
        let (known, versions, broken) = match self.prepare(settled.as_mut(), &jobs).await {
            Ok(prepared) => prepared,
            Err(error) => {
                self.forget(&jobs);
                return Err((jobs, error));
            }
        };
        let mut group = Group::default();
        let mut denied = Vec::new();
        let mut doubles = Vec::new();
        let mut accepted = HashSet::new();
        for mut job in jobs {
            if accepted.contains(&job.meta().command_id) {
                doubles.push(job);
                continue;
            }
            if let Some(stored) = known.get(&job.meta().command_id) {
                job.replayed(stored);
                continue;
            }
            let Some(Cached { entity, .. }) = self.cache.get_mut(job.stream_id()) else {
                broken.answer(job);
                continue;
            };
            let before = entity.version();
            match job.decide(entity.as_mut()) {
                Ok(Verdict::Accepted(events, said, index)) => {
                    accepted.insert(job.meta().command_id);
                    group.add(job, before, events, said, index);
                }
                Ok(Verdict::Nothing) => denied.push(job),
                Err(error) => job.failed(error.into()),
            }
        }
        // All of these were brought up to it; comparing them all the same costs little here.
        group.seal(NOT_KNOWN);
        let started = Instant::now();
        match settled.finish(&group.batch).await {
            Ok(appended) => {
                self.note_end(position, position);
                let mut rest = Vec::new();
                if let Some(appended) = appended {
                    let batch = std::mem::take(&mut group.batch);
                    self.note_append(&appended, batch, started);
                    self.snapshot_grown(&versions, &appended.conflicts);
                    rest = group.answer(&appended);
                }
                for job in denied {
                    job.confirmed(position);
                }
                if rest.is_empty() {
                    return Ok(doubles);
                }
                // Under the lock nothing can have come between; a conflict here is a broken log.
                self.forget(&rest);
                rest.append(&mut doubles);
                Err((rest, StoreError::Corrupt("the log refused an append that was decided under its lock".into())))
            }
            Err(error) => {
                let mut rest: Vec<_> = group.jobs.into_iter().map(|(job, _)| job).collect();
                rest.append(&mut denied);
                rest.append(&mut doubles);
                rest.sort_by_key(|job| order.get(&job.meta().command_id).copied());
                self.forget(&rest);
                Err((rest, error))
            }
        }
    }

    /// Looks up the ids of the commands and brings their aggregates up to date.
    async fn prepare(
        &mut self,
        settled: &mut dyn Settled,
        jobs: &[Box<dyn Job>],
    ) -> Result<(HashMap<uuid::Uuid, RecordedEvent>, Versions, Broken), StoreError> {
        let ids: Vec<_> = jobs.iter().map(|job| job.meta().command_id).collect();
        let known = settled.find(&ids).await?;
        let streams: HashMap<&StreamId, &dyn Job> = jobs.iter().map(|job| (job.stream_id(), job.as_ref())).collect();
        let missing: HashMap<&StreamId, &dyn Job> =
            streams.iter().filter(|(name, _)| !self.cache.contains(name)).map(|(name, job)| (*name, *job)).collect();
        let names: Vec<StreamId> = missing.keys().map(|name| (*name).clone()).collect();
        let snapshots = if names.is_empty() { Vec::new() } else { settled.snapshots(&names).await? };
        let (mut entities, mut from) = hydrate(&missing, &snapshots);
        for name in streams.keys().filter(|name| !missing.contains_key(**name)) {
            if let Some(Cached { entity, .. }) = self.cache.pop(*name) {
                from.push(((*name).clone(), entity.version()));
                entities.insert((*name).clone(), entity);
            }
        }
        let tails = settled.tails(&from).await?;
        let broken = apply_all(&mut entities, &tails);
        self.keep(entities, settled.position());
        let versions = from.into_iter().collect();
        Ok((known.into_iter().map(|event| (event.event_id, event)).collect(), versions, broken))
    }

    fn forget(&mut self, jobs: &[Box<dyn Job>]) {
        for job in jobs {
            self.cache.pop(job.stream_id());
        }
    }
}

/// What was appended, as the log has it.
fn recorded(partition: i32, first: i64, appended: &Appended, batch: Batch) -> TailBatch {
    let sealed = batch.events.into_iter().zip(batch.digests).zip(batch.said);
    let taken = sealed.filter(|((event, _), _)| !appended.conflicts.contains(&event.stream_id));
    let events = (first..).zip(taken).map(|(position, ((event, digest), said))| {
        let recorded = Arc::new(event.recorded(partition, position, appended.recorded_at, &digest));
        Arc::new(Decoded { recorded, event: Ok(said) })
    });
    Arc::new(events.collect())
}

type Entities = HashMap<StreamId, Box<dyn Entity>>;

/// New entities for these streams, and the versions from which their tails are missing.
fn hydrate(missing: &HashMap<&StreamId, &dyn Job>, snapshots: &[Snapshot]) -> (Entities, Vec<(StreamId, i64)>) {
    let by_stream: HashMap<&StreamId, &Snapshot> = snapshots.iter().map(|s| (&s.stream_id, s)).collect();
    let entities: Entities =
        missing.iter().map(|(name, job)| ((*name).clone(), job.hydrate(by_stream.get(*name).copied()))).collect();
    let from = entities.iter().map(|(name, entity)| (name.clone(), entity.version())).collect();
    (entities, from)
}

/// Of commands with the same id one goes first; those whose caller has gone need not go at all.
fn hold_back_doubles(jobs: Jobs) -> (Jobs, Jobs) {
    let mut seen = HashSet::with_capacity(jobs.len());
    jobs.into_iter().filter(|job| !job.abandoned()).partition(|job| seen.insert(job.meta().command_id))
}

/// Streams whose events cannot be read. Only their own commands fail.
#[derive(Default)]
struct Broken(HashMap<StreamId, StoreError>);

impl Broken {
    fn answer(&self, job: Box<dyn Job>) {
        let error = self.0.get(job.stream_id()).cloned();
        job.failed(error.unwrap_or_else(|| StoreError::Unavailable("the aggregate was not loaded".into())).into());
    }
}

fn apply_all(entities: &mut Entities, events: &[RecordedEvent]) -> Broken {
    let mut broken = Broken::default();
    for event in events {
        let Some(entity) = entities.get_mut(&event.stream_id) else { continue };
        if let Err(error) = entity.apply(event) {
            tracing::error!(stream = %event.stream_id, %error, "a stream cannot be read");
            entities.remove(&event.stream_id);
            broken.0.insert(event.stream_id.clone(), error);
        }
    }
    broken
}
