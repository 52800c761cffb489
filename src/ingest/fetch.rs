//! The fetch thread: messages from Kafka, decoded, in batches.
//!
//! Positions come from our own checkpoint, never from a consumer group: `assign`, not `subscribe`. A batch is what is
//! there, up to a limit: large under a backlog, one message when idle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::positions::{Found, Kafka, Partition, Positions, lost_error};
use super::queue::{Batch, Entry, Kind, Queue};
use super::reader::Reader;
use crate::catalog::Table;
use crate::changes::{DeadLetter, EventBatch, Position, Replay};
use crate::checkpoint::{Offsets, Sources};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::tasks::Stop;

/// How long the thread waits for a message before it looks at `stop` again.
const IDLE_WAIT: Duration = Duration::from_millis(50);
/// Waits between attempts to reach the broker: from, to.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How often the lag is told, and the topics are looked at: whether they are still the same, and have new partitions.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Payload handed to the decoder at once.
const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// How long a full queue is left alone before the next attempt.
const FULL_WAIT: Duration = Duration::from_micros(200);
/// Silence after which the broker is asked whether it is still there: the client retries without a word.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// How long it may take to say so; meanwhile nothing is read.
const PROBE_ANSWER_MAX: Duration = Duration::from_secs(2);

/// What to fetch.
pub struct FetchOptions {
    /// Where to begin; a partition that is not named begins at its start.
    pub offsets: Offsets,
    /// The dead letters of which a replay was accepted.
    pub replayed: BTreeSet<Position>,
    /// The topics of which the user accepts that events are lost.
    pub accept_loss: BTreeSet<String>,
    /// Messages of one batch.
    pub batch_rows_max: usize,
    /// Stop at the end offsets found at the start.
    pub drain: bool,
}

/// A decoded batch.
#[derive(Debug, Default)]
pub struct Fetched {
    pub events: Vec<EventBatch>,
    pub dead_letters: Vec<DeadLetter>,
    pub replays: Vec<Replay>,
    /// The next offset to read of each partition that the batch has messages of, or that was moved.
    pub next: Vec<(Arc<str>, i32, i64)>,
    pub messages: usize,
    /// Broker time of the newest message, milliseconds since 1970-01-01 UTC; 0 if unknown.
    pub newest_ms: i64,
    /// Every partition was read to its end for the first time, with this batch and those before it.
    pub caught_up: bool,
}

/// What the fetch thread tells the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchState {
    /// The broker does not answer.
    Unreachable,
    /// It answers, and a topic is not there.
    NoTopic,
    /// The broker answers.
    Reading,
}

/// What a fetch thread works with beside its options.
pub struct FetchContext<'a> {
    pub stop: &'a Stop,
    pub clock: &'a Clock,
    /// Called when the state changes.
    pub report: &'a mut dyn FnMut(FetchState),
    /// Called every second: the messages in the broker that are not fetched yet.
    pub lag: &'a mut dyn FnMut(i64),
}

/// Fetches until it is told to stop, or, draining, until the ends that were there at the start. Whether it got there.
///
/// Errors: `Data` when Kafka no longer has the events that come next.
pub fn fetch(
    kafka: &Kafka,
    mut options: FetchOptions,
    out: &SyncSender<Fetched>,
    mut context: FetchContext<'_>,
) -> Result<bool> {
    let consumer = &kafka.consumer;
    let Some(found) = assign(kafka, &options, &mut context)? else {
        return Ok(false);
    };
    kafka.begin(found.sources);
    if !found.moved.is_empty() && !send(out, Fetched { next: found.moved, ..Fetched::default() }, &context) {
        return Ok(false);
    }
    let queue = Queue::new(consumer);
    let mut fetch = Fetch::new(kafka, &found.positions)?;
    fetch.replayed = std::mem::take(&mut options.replayed);
    let mut probe = Probe::new(&found.positions, context.clock.instant());
    let mut looked = context.clock.instant();
    while !(context.stop.raised() || options.drain && fetch.unread.is_empty()) {
        let batch = queue.take(options.batch_rows_max, IDLE_WAIT);
        let fetched = fetch.decode(&batch)?;
        if let Some(lost) = fetch.lost.take() {
            return Err(fetch.loss(kafka, lost));
        }
        if fetch.heard {
            probe.heard = context.clock.instant();
        } else if let Some(answers) = probe.ask(consumer, context.clock) {
            fetch.trouble = !answers;
            fetch.doubt |= !answers;
        }
        if context.clock.instant() - looked >= LOOK_EVERY {
            looked = context.clock.instant();
            (context.lag)(fetch.lag(&queue));
            probe.partitions.extend(fetch.look(kafka)?);
        }
        if let Some(state) = fetch.changed_state() {
            (context.report)(state);
        }
        if !fetched.is_empty() && !fetch.are_known(kafka, &mut context)? {
            return Ok(false);
        }
        for fetched in fetched {
            if !send(out, fetched, &context) {
                return Ok(false);
            }
        }
    }
    Ok(fetch.unread.is_empty())
}

/// Asks the broker whether it is there when nothing was heard for a while: one partition after another, because each
/// may have another leader.
struct Probe {
    partitions: Vec<Partition>,
    next: usize,
    heard: Instant,
}

impl Probe {
    fn new(positions: &Positions, now: Instant) -> Self {
        Probe { partitions: positions.keys().cloned().collect(), next: 0, heard: now }
    }

    /// Whether the broker answers; None when it is too early to ask.
    fn ask(&mut self, consumer: &BaseConsumer, clock: &Clock) -> Option<bool> {
        if clock.instant() - self.heard < SILENCE_MAX {
            return None;
        }
        let (topic, partition) = self.partitions.get(self.next)?;
        let answer = consumer.fetch_watermarks(topic, *partition, PROBE_ANSWER_MAX);
        self.next = (self.next + 1) % self.partitions.len();
        self.heard = clock.instant();
        Some(answer.is_ok())
    }
}

/// Hands a batch on; false when nobody wants it any more.
fn send(out: &SyncSender<Fetched>, mut fetched: Fetched, context: &FetchContext<'_>) -> bool {
    loop {
        match out.try_send(fetched) {
            Ok(()) => return true,
            Err(TrySendError::Full(back)) if !context.stop.raised() => {
                fetched = back;
                context.clock.sleep(FULL_WAIT);
            }
            Err(_) => return false,
        }
    }
}

/// Assigns every partition of every topic at our positions. Tries until the broker answers and has the topics; None when
/// told to stop.
fn assign(kafka: &Kafka, options: &FetchOptions, context: &mut FetchContext<'_>) -> Result<Option<Found>> {
    let mut wait = BACKOFF.0;
    loop {
        let error = match kafka.find(&options.offsets, &options.accept_loss) {
            Ok(found) => {
                let list = assignment(&found.positions, &found.sources)?;
                kafka.consumer.assign(&list).map_err(|e| Error::internal("cannot assign partitions").caused_by(e))?;
                return Ok(Some(found));
            }
            Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::NotFound) => error,
            Err(error) => return Err(error),
        };
        let missing = error.kind == ErrorKind::NotFound;
        (context.report)(if missing { FetchState::NoTopic } else { FetchState::Unreachable });
        let waits_for = if missing { "the topic" } else { "the broker" };
        tracing::warn!(%error, retry_ms = wait.as_millis() as u64, "waiting for {waits_for}");
        let until = context.clock.instant() + wait;
        while context.clock.instant() < until {
            if context.stop.raised() {
                return Ok(None);
            }
            context.clock.sleep(IDLE_WAIT);
        }
        wait = (wait * 2).min(BACKOFF.1);
    }
}

/// The positions as Kafka counts.
fn assignment(positions: &Positions, sources: &Sources) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), (next, _)) in positions {
        let offset = Offset::Offset(next - sources.origin(topic, *partition));
        list.add_partition_offset(topic, *partition, offset)
            .map_err(|e| Error::internal("a position does not fit").caused_by(e))?;
    }
    Ok(list)
}

struct Fetch {
    readers: Vec<Reader>,
    /// Topic handles seen, with the reader of each.
    handles: Vec<(usize, usize)>,
    /// The dead letters of which a replay was accepted.
    replayed: BTreeSet<Position>,
    /// The next offset of every partition.
    next: Positions,
    /// Partitions that are not drained, with their end at the start.
    unread: BTreeMap<Partition, i64>,
    /// Partitions whose end was not reached yet.
    behind: BTreeSet<Partition>,
    /// The end of every partition was reached, and a batch says so.
    caught_up: bool,
    /// The last batch had something from the broker.
    heard: bool,
    trouble: bool,
    /// There was trouble since the last look at the topics: they may have been made anew meanwhile.
    doubt: bool,
    /// A topic that was there is gone.
    no_topic: bool,
    /// A partition whose next message is not in Kafka any more, and the reason.
    lost: Option<(Partition, String)>,
    told: Option<FetchState>,
}

impl Fetch {
    fn new(kafka: &Kafka, positions: &Positions) -> Result<Self> {
        let sources = kafka.sources.get();
        let reader = |table: &Arc<Table>| {
            let topic: Arc<str> = table.topic.as_str().into();
            let of_topic = positions.range((topic.clone(), 0)..=(topic.clone(), i32::MAX));
            let origins = of_topic.map(|((_, partition), _)| sources.origin(&topic, *partition)).collect();
            Reader::new(table, origins)
        };
        let unread = positions.iter().filter(|(_, (next, end))| next < end);
        Ok(Fetch {
            readers: kafka.tables.iter().map(reader).collect::<Result<_>>()?,
            handles: vec![],
            replayed: BTreeSet::new(),
            next: positions.clone(),
            unread: unread.map(|(partition, (_, end))| (partition.clone(), *end)).collect(),
            behind: positions.keys().cloned().collect(),
            caught_up: false,
            heard: false,
            trouble: false,
            doubt: false,
            no_topic: false,
            lost: None,
            told: None,
        })
    }

    /// Looks at the topics: whether they are still those that are read, and whether partitions were added, which are
    /// read from their beginning. Gives the added ones.
    fn look(&mut self, kafka: &Kafka) -> Result<Vec<Partition>> {
        let described = match kafka.described() {
            Ok(described) => described,
            // The probe finds out, too.
            Err(error) if error.kind == ErrorKind::Unavailable => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let is_gone = |reader: &&Reader| !described.contains_key(&*reader.topic);
        let gone: Vec<&str> = self.readers.iter().filter(is_gone).map(|reader| &*reader.topic).collect();
        if !gone.is_empty() && !self.no_topic {
            tracing::warn!(topics = gone.join(", "), "topics are gone");
        }
        self.no_topic = !gone.is_empty();
        let (mut added, sources) = (Positions::new(), kafka.sources.get());
        for reader in &mut self.readers {
            let now = described.get(&*reader.topic).map_or(0, |topic| topic.partitions);
            let known = i32::try_from(reader.origins.len()).unwrap_or(i32::MAX);
            for partition in known..now {
                let Ok(position) = kafka.added(&reader.topic, partition) else { break };
                tracing::info!(topic = &*reader.topic, partition, "a partition was added");
                reader.origins.push(sources.origin(&reader.topic, partition));
                added.insert((reader.topic.clone(), partition), position);
            }
        }
        if !added.is_empty() {
            let list = assignment(&added, &sources)?;
            let assigned = kafka.consumer.incremental_assign(&list);
            assigned.map_err(|e| Error::internal("cannot assign added partitions").caused_by(e))?;
        }
        if !self.caught_up {
            self.behind.extend(added.keys().cloned());
        }
        self.next.extend(added.clone());
        Ok(added.into_keys().collect())
    }

    /// Whether what was taken up to now is of the topics that are known. After trouble it waits until the broker tells: a
    /// broker that comes back for a moment may have other topics under the same names, and the commit does not wait for
    /// one that is away. False when told to stop.
    fn are_known(&mut self, kafka: &Kafka, context: &mut FetchContext<'_>) -> Result<bool> {
        while self.doubt {
            match kafka.described() {
                Ok(_) => (self.trouble, self.doubt) = (false, false),
                Err(error) if error.kind == ErrorKind::Unavailable => self.trouble = true,
                Err(error) => return Err(error),
            }
            if let Some(state) = self.changed_state() {
                (context.report)(state);
            }
            if self.doubt && context.stop.raised() {
                return Ok(false);
            }
            if self.doubt {
                context.clock.sleep(IDLE_WAIT);
            }
        }
        Ok(true)
    }

    /// What is lost, in detail if the broker tells.
    fn loss(&self, kafka: &Kafka, ((topic, partition), reason): (Partition, String)) -> Error {
        let next = self.next.iter().map(|((topic, partition), (next, _))| (&**topic, *partition, *next));
        match kafka.find(&next.collect(), &BTreeSet::new()) {
            Err(error) if error.kind == ErrorKind::Data => error,
            _ => lost_error(vec![format!("topic {topic} partition {partition}: {reason}")], &BTreeSet::from([&*topic])),
        }
    }

    fn lag(&self, queue: &Queue<'_>) -> i64 {
        let of = |((topic, partition), (next, end)): (&Partition, &(i64, i64))| {
            let origin = self.readers.iter().find(|r| r.topic == *topic).map_or(0, |r| r.origin(*partition));
            (queue.end(topic, *partition).map_or(*end, |end| end + origin) - next).max(0)
        };
        self.next.iter().map(of).sum()
    }

    /// The state, if it is not the one told last.
    fn changed_state(&mut self) -> Option<FetchState> {
        let state = match (self.no_topic, self.trouble) {
            (true, _) => FetchState::NoTopic,
            (_, true) => FetchState::Unreachable,
            _ => FetchState::Reading,
        };
        let before = self.told.replace(state);
        match (before, state) {
            (_, FetchState::Unreachable) if before != Some(state) => {
                tracing::warn!("the broker does not answer; trying on");
            }
            (Some(FetchState::Unreachable), FetchState::Reading) => tracing::info!("the broker answers again"),
            _ => {}
        }
        (before != Some(state)).then_some(state)
    }

    fn reader(&mut self, entry: Entry<'_>) -> Option<usize> {
        let handle = entry.topic_handle();
        if let Some((_, reader)) = self.handles.iter().find(|(h, _)| *h == handle) {
            return Some(*reader);
        }
        let topic = entry.topic()?;
        let reader = self.readers.iter().position(|reader| *reader.topic == *topic)?;
        self.handles.push((handle, reader));
        Some(reader)
    }

    /// Sorts a batch by topic and decodes it; in parts, if its payload is large.
    fn decode(&mut self, batch: &Batch) -> Result<Vec<Fetched>> {
        let mut fetched = vec![];
        let mut sorted: Vec<Vec<Entry<'_>>> = vec![vec![]; self.readers.len()];
        let mut bytes = 0;
        self.heard = false;
        for entry in batch.entries() {
            match entry.kind() {
                Kind::Message => {
                    let Some(reader) = self.reader(entry) else { continue };
                    (self.heard, self.trouble) = (true, false);
                    bytes += entry.value().map_or(0, <[u8]>::len);
                    sorted[reader].push(entry);
                    if bytes > PAYLOAD_BYTES_MAX {
                        fetched.push(self.decode_sorted(&mut sorted)?);
                        bytes = 0;
                    }
                }
                Kind::EndOfPartition => {
                    (self.heard, self.trouble) = (true, false);
                    if let Some(reader) = self.reader(entry) {
                        let partition = (self.readers[reader].topic.clone(), entry.partition());
                        self.behind.remove(&partition);
                        self.unread.remove(&partition);
                    }
                }
                Kind::PositionLost => {
                    let partition = (entry.topic().unwrap_or("?").into(), entry.partition());
                    self.lost = Some((partition, entry.reason()));
                }
                Kind::Trouble => {
                    tracing::warn!(reason = entry.reason(), "the Kafka client reports trouble and goes on trying");
                    (self.trouble, self.doubt) = (true, true);
                }
            }
        }
        if sorted.iter().any(|entries| !entries.is_empty()) {
            fetched.push(self.decode_sorted(&mut sorted)?);
        }
        if self.behind.is_empty() && !self.caught_up {
            self.caught_up = true;
            if fetched.is_empty() {
                fetched.push(Fetched::default());
            }
            fetched.last_mut().expect("one was pushed").caught_up = true;
        }
        Ok(fetched)
    }

    fn decode_sorted(&mut self, sorted: &mut [Vec<Entry<'_>>]) -> Result<Fetched> {
        let mut fetched = Fetched::default();
        let mut next: BTreeMap<Partition, i64> = BTreeMap::new();
        for (reader, entries) in self.readers.iter_mut().zip(sorted) {
            let entries = std::mem::take(entries);
            fetched.messages += entries.len();
            let mut rest = &entries[..];
            while !rest.is_empty() {
                let taken = reader.decode(rest, &mut self.replayed, &mut fetched)?;
                rest = &rest[taken..];
            }
            // Messages come in runs of one partition.
            for run in entries.chunk_by(|a, b| a.partition() == b.partition()) {
                let last = run[run.len() - 1];
                let partition = (reader.topic.clone(), last.partition());
                next.insert(partition, last.offset() + reader.origin(last.partition()) + 1);
            }
        }
        for (partition, next) in &next {
            if let Some((position, _)) = self.next.get_mut(partition) {
                *position = *next;
            }
        }
        self.unread.retain(|partition, end| next.get(partition).is_none_or(|next| next < end));
        fetched.next = next.into_iter().map(|((topic, partition), next)| (topic, partition, next)).collect();
        Ok(fetched)
    }
}
