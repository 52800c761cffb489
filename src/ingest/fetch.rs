//! The fetch thread: messages from Kafka, decoded, in batches.
//!
//! Positions come from our own checkpoint, never from a consumer group: `assign`, not `subscribe`. A batch is what is
//! there, up to a limit: large under a backlog, one message when idle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::decode::{Decoder, Message};
use super::queue::{Batch, Entry, Kind, Queue, log_as_ours};
use crate::catalog::Table;
use crate::changes::{DeadLetter, EventBatch, Position};
use crate::checkpoint::Offsets;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::tasks::Stop;

/// How long the thread waits for a message before it looks at `stop` again.
const IDLE_WAIT: Duration = Duration::from_millis(50);
/// Waits between attempts to reach the broker: from, to.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long one question to the broker may take.
const BROKER_ANSWER_MAX: Duration = Duration::from_secs(5);
/// How often the lag is told.
const LAG_EVERY: Duration = Duration::from_secs(1);
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
    pub brokers: String,
    pub tables: Vec<Arc<Table>>,
    /// Where to begin; a partition that is not named begins at its start.
    pub offsets: Offsets,
    /// Messages of one batch.
    pub batch_rows_max: usize,
    /// Kibibytes that the client may hold for each partition.
    pub queued_kbytes_max: u64,
    /// Stop at the end offsets found at the start.
    pub drain: bool,
}

/// A decoded batch.
#[derive(Debug, Default)]
pub struct Fetched {
    pub events: Vec<EventBatch>,
    pub dead_letters: Vec<DeadLetter>,
    /// The next offset to read of each partition that the batch has messages of.
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
pub fn fetch(options: &FetchOptions, out: &SyncSender<Fetched>, mut context: FetchContext<'_>) -> Result<bool> {
    let consumer = consumer(options)?;
    log_as_ours(consumer.client().native_ptr());
    let Some(positions) = assign(&consumer, options, &mut context)? else {
        return Ok(false);
    };
    let queue = Queue::new(&consumer);
    let mut fetch = Fetch::new(options, &positions)?;
    let mut probe = Probe::new(&positions, context.clock.instant());
    let mut lag_told = context.clock.instant();
    while !(context.stop.raised() || options.drain && fetch.unread.is_empty()) {
        let batch = queue.take(options.batch_rows_max, IDLE_WAIT);
        let fetched = fetch.decode(&batch)?;
        if fetch.heard {
            probe.heard = context.clock.instant();
        } else if let Some(answers) = probe.ask(&consumer, context.clock) {
            fetch.trouble = !answers;
        }
        if let Some(state) = fetch.changed_state() {
            (context.report)(state);
        }
        if context.clock.instant() - lag_told >= LAG_EVERY {
            lag_told = context.clock.instant();
            (context.lag)(fetch.lag(&queue));
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

fn consumer(options: &FetchOptions) -> Result<BaseConsumer> {
    ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .set("group.id", "rebateflow")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Never a silent jump: a position that Kafka no longer has is an error.
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.message.max.bytes", "8388608")
        // The default of a second halves a drain: the fetcher sleeps when a partition's queue is full.
        .set("fetch.queue.backoff.ms", "2")
        .set("queued.min.messages", "100000")
        .set("queued.max.messages.kbytes", options.queued_kbytes_max.to_string())
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000")
        .create()
        .map_err(|e| Error::invalid(format!("cannot make a Kafka consumer for {}", options.brokers)).caused_by(e))
}

type Partition = (Arc<str>, i32);
/// Next offset and end offset of each partition.
type Positions = BTreeMap<Partition, (i64, i64)>;

/// Assigns every partition of every topic at our positions. Tries until the broker answers; None when told to stop.
fn assign(
    consumer: &BaseConsumer,
    options: &FetchOptions,
    context: &mut FetchContext<'_>,
) -> Result<Option<Positions>> {
    let mut wait = BACKOFF.0;
    loop {
        let error = match positions(consumer, options) {
            Ok(found) => {
                let mut list = TopicPartitionList::new();
                for ((topic, partition), (next, _)) in &found {
                    list.add_partition_offset(topic, *partition, Offset::Offset(*next))
                        .map_err(|e| Error::internal("a position does not fit").caused_by(e))?;
                }
                consumer.assign(&list).map_err(|e| Error::internal("cannot assign partitions").caused_by(e))?;
                return Ok(Some(found));
            }
            Err(error) if error.kind == ErrorKind::Unavailable => error,
            Err(error) => return Err(error),
        };
        (context.report)(FetchState::Unreachable);
        tracing::warn!(%error, retry_ms = wait.as_millis() as u64, "waiting for the broker");
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

fn positions(consumer: &BaseConsumer, options: &FetchOptions) -> Result<Positions> {
    let unavailable = |what: String| move |e: KafkaError| Error::unavailable(what).caused_by(e);
    let mut found = Positions::new();
    for table in &options.tables {
        let topic = table.topic.as_str();
        let asked = unavailable(format!("{} does not answer", options.brokers));
        let metadata = consumer.fetch_metadata(Some(topic), BROKER_ANSWER_MAX).map_err(asked)?;
        let partitions = metadata.topics().first().map_or(&[][..], |t| t.partitions());
        if partitions.is_empty() {
            return Err(Error::unavailable(format!("there is no topic {topic} (of table {})", table.name))
                .hint("create it, or name another with the table's option `topic`"));
        }
        for partition in partitions {
            let id = partition.id();
            let asked = unavailable(format!("{} does not tell the offsets of {topic}", options.brokers));
            let (low, high) = consumer.fetch_watermarks(topic, id, BROKER_ANSWER_MAX).map_err(asked)?;
            let next = options.offsets.get(topic, id).unwrap_or(low);
            if next < low || next > high {
                let held = format!("topic {topic} partition {id} holds offsets {low} to {high}, but {next} comes next");
                return Err(Error::data(held).hint(LOST));
            }
            found.insert((topic.into(), id), (next, high));
        }
    }
    Ok(found)
}

/// What a lost position means.
const LOST: &str = "retention passed our position, or the topic was made anew; start with a new data directory";

struct Fetch {
    decoders: Vec<(Arc<str>, Arc<Table>, Decoder)>,
    /// Topic handles seen, with the decoder of each.
    handles: Vec<(usize, usize)>,
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
    told: Option<FetchState>,
}

impl Fetch {
    fn new(options: &FetchOptions, positions: &Positions) -> Result<Self> {
        let decoder = |t: &Arc<Table>| Ok((Arc::from(t.topic.as_str()), t.clone(), Decoder::new(t.clone())?));
        let unread = positions.iter().filter(|(_, (next, end))| next < end);
        Ok(Fetch {
            decoders: options.tables.iter().map(decoder).collect::<Result<_>>()?,
            handles: vec![],
            next: positions.clone(),
            unread: unread.map(|(partition, (_, end))| (partition.clone(), *end)).collect(),
            behind: positions.keys().cloned().collect(),
            caught_up: false,
            heard: false,
            trouble: false,
            told: None,
        })
    }

    fn lag(&self, queue: &Queue<'_>) -> i64 {
        let of = |((topic, partition), (next, end)): (&Partition, &(i64, i64))| {
            (queue.end(topic, *partition).unwrap_or(*end) - next).max(0)
        };
        self.next.iter().map(of).sum()
    }

    /// The state, if it is not the one told last.
    fn changed_state(&mut self) -> Option<FetchState> {
        let state = if self.trouble { FetchState::Unreachable } else { FetchState::Reading };
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

    fn decoder(&mut self, entry: Entry<'_>) -> Option<usize> {
        let handle = entry.topic_handle();
        if let Some((_, decoder)) = self.handles.iter().find(|(h, _)| *h == handle) {
            return Some(*decoder);
        }
        let topic = entry.topic()?;
        let decoder = self.decoders.iter().position(|(t, ..)| **t == *topic)?;
        self.handles.push((handle, decoder));
        Some(decoder)
    }

    /// Sorts a batch by topic and decodes it; in parts, if its payload is large.
    fn decode(&mut self, batch: &Batch) -> Result<Vec<Fetched>> {
        let mut fetched = vec![];
        let mut sorted: Vec<Vec<Entry<'_>>> = vec![vec![]; self.decoders.len()];
        let mut bytes = 0;
        self.heard = false;
        for entry in batch.entries() {
            match entry.kind() {
                Kind::Message => {
                    let Some(decoder) = self.decoder(entry) else { continue };
                    (self.heard, self.trouble) = (true, false);
                    bytes += entry.value().map_or(0, <[u8]>::len);
                    sorted[decoder].push(entry);
                    if bytes > PAYLOAD_BYTES_MAX {
                        fetched.push(self.decode_sorted(&mut sorted)?);
                        bytes = 0;
                    }
                }
                Kind::EndOfPartition => {
                    (self.heard, self.trouble) = (true, false);
                    if let Some(decoder) = self.decoder(entry) {
                        let partition = (self.decoders[decoder].0.clone(), entry.partition());
                        self.behind.remove(&partition);
                        self.unread.remove(&partition);
                    }
                }
                Kind::PositionLost => {
                    let (topic, partition) = (entry.topic().unwrap_or("?"), entry.partition());
                    let message = format!("topic {topic} partition {partition}: {}", entry.reason());
                    return Err(Error::data(message).hint(LOST));
                }
                Kind::Trouble => {
                    tracing::warn!(reason = entry.reason(), "the Kafka client reports trouble and goes on trying");
                    self.trouble = true;
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
        for ((topic, table, decoder), entries) in self.decoders.iter_mut().zip(sorted) {
            let entries = std::mem::take(entries);
            let messages: Vec<Message<'_>> = entries.iter().map(message).collect();
            if messages.is_empty() {
                continue;
            }
            fetched.messages += messages.len();
            let decoded = decoder.decode(&messages)?;
            for reject in decoded.rejects {
                let entry = entries[reject.message];
                let (field, error) = (reject.field, reject.reason.to_string());
                fetched.dead_letters.push(DeadLetter { field, error, ..dead_letter(entry, topic, table) });
            }
            if decoded.events.rows.num_rows() > 0 {
                fetched.events.push(decoded.events);
            }
            let mut last: Option<(i32, &mut i64)> = None;
            for message in &messages {
                fetched.newest_ms = fetched.newest_ms.max(message.timestamp_us / 1000);
                match &mut last {
                    Some((partition, next)) if *partition == message.partition => **next = message.offset + 1,
                    _ => {
                        let slot = next.entry((topic.clone(), message.partition)).or_insert(0);
                        *slot = message.offset + 1;
                        last = Some((message.partition, slot));
                    }
                }
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

fn message<'b>(entry: &Entry<'b>) -> Message<'b> {
    Message {
        key: entry.key(),
        value: entry.value(),
        partition: entry.partition(),
        offset: entry.offset(),
        timestamp_us: entry.timestamp_ms() * 1000,
    }
}

/// The dead letter of a message; field and reason are still to be set.
fn dead_letter(entry: Entry<'_>, topic: &Arc<str>, table: &Table) -> DeadLetter {
    DeadLetter {
        key: entry.key().map(<[u8]>::to_vec),
        value: entry.value().map(<[u8]>::to_vec),
        headers: entry.headers(),
        position: Position { topic: topic.clone(), partition: entry.partition(), offset: entry.offset() },
        timestamp_us: entry.timestamp_ms() * 1000,
        table: table.name.clone(),
        field: None,
        error: String::new(),
    }
}
