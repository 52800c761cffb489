//! The feed: produces the generator's messages to a broker, no faster than asked for and never further ahead of the
//! reader than an embedded broker keeps.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Clock;
use crate::demo::broker::PARTITIONS;
use crate::demo::generator::{Generated, Generator, GeneratorOptions};
use crate::error::{Error, Result};
use crate::tasks::Stop;

/// Messages of a partition that were produced and not yet read; the embedded broker keeps 100,000.
const AHEAD_MESSAGES_MAX: usize = 50_000;
/// The same in bytes; the embedded broker keeps 5 MiB.
const AHEAD_BYTES_MAX: usize = 2 << 20;
/// What a message takes in the broker beside its key and value, at most: a batch of its own.
const OVERHEAD_BYTES: usize = 100;
/// How long the reader, or the broker, may stand still before the feed gives up.
const STALL_MAX: Duration = Duration::from_secs(60);
/// The longest sleep; bounds how late a request to stop is seen.
const NAP: Duration = Duration::from_millis(5);
/// How long the broker may take to answer the first question.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Messages between two looks at the producer's delivery reports.
const MESSAGES_PER_POLL: u64 = 256;

/// The next offset that the reader will read, by (topic, partition); a partition that is left out stands at its start.
pub type Consumed = Box<dyn Fn() -> HashMap<(String, i32), i64> + Send>;

/// What to feed and where.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// `host:port,...`. The topics of the generator must exist there with `PARTITIONS` partitions each.
    pub brokers: String,
    /// What follows the names of the generator's topics in the names of the topics there; empty for the names alone.
    pub topic_suffix: String,
    pub generator: GeneratorOptions,
    /// Stops by itself after this many messages.
    pub events: Option<u64>,
    /// Messages a second; 0 is as fast as possible.
    pub rate: u64,
}

/// What was produced so far, for a status line.
#[derive(Debug, Default)]
pub struct FeedProgress {
    pub produced: AtomicU64,
    pub unreadable: AtomicU64,
}

/// Messages of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicCount {
    pub accepted: u64,
    pub unreadable: u64,
}

/// What was produced in all, delivered and confirmed by the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedReport {
    pub topics: BTreeMap<&'static str, TopicCount>,
    /// The offset after the last message, by (topic, partition): the reader is done when it stands here.
    pub next_offsets: BTreeMap<(String, i32), i64>,
}

impl FeedReport {
    pub fn total(&self) -> u64 {
        self.topics.values().map(|count| count.accepted + count.unreadable).sum()
    }
}

/// The partition that a message with this key goes to.
pub fn partition_of(key: &[u8]) -> i32 {
    (xxh3_64(key) % PARTITIONS as u64) as i32
}

/// A generator and a producer. `run` blocks, so it wants a thread of its own.
pub struct Feed {
    options: FeedOptions,
    consumed: Option<Consumed>,
    generator: Generator,
    producer: BaseProducer<Deliveries>,
    lanes: Vec<Lane>,
    topics: BTreeMap<&'static str, TopicCount>,
    progress: Arc<FeedProgress>,
}

impl Feed {
    /// Connects. With `consumed` the feed waits for the reader as described above; without it, it does not: for a
    /// broker that keeps everything.
    ///
    /// Errors: `Unavailable` when the broker does not answer or has no such topics.
    pub fn new(options: FeedOptions, consumed: Option<Consumed>) -> Result<Self> {
        let producer = connect(&options.brokers)?;
        let mut lanes = vec![];
        for topic in &options.generator.topics {
            let topic = format!("{topic}{}", options.topic_suffix);
            for partition in 0..PARTITIONS {
                let failed = |e| {
                    Error::unavailable(format!("cannot find partition {partition} of topic {topic}"))
                        .hint(format!("see that a broker listens on {} and has the topic", options.brokers))
                        .caused_by(e)
                };
                let (_, next) = producer.client().fetch_watermarks(&topic, partition, CONNECT_MAX).map_err(failed)?;
                lanes.push(Lane::new(&topic, partition, next));
            }
        }
        let generator = Generator::new(options.generator.clone());
        let topics = options.generator.topics.iter().map(|topic| (*topic, TopicCount::default())).collect();
        Ok(Feed { options, consumed, generator, producer, lanes, topics, progress: Arc::default() })
    }

    pub fn progress(&self) -> Arc<FeedProgress> {
        self.progress.clone()
    }

    /// Produces until `events` are out or `stop` is raised, and waits until the broker has confirmed all of them.
    pub fn run(mut self, stop: &Stop, clock: &Clock) -> Result<FeedReport> {
        let begin = clock.instant();
        let mut produced = 0;
        while self.options.events.is_none_or(|events| produced < events)
            && self.wait_until_due(begin, produced, stop, clock)
        {
            let message = self.generator.next().expect("the generator has no end");
            let lane = self.lane_position(&message);
            if !self.wait_for_room(lane, stop, clock)? {
                break;
            }
            self.send(lane, &message, clock)?;
            produced += 1;
            if produced.is_multiple_of(MESSAGES_PER_POLL) {
                self.producer.poll(Duration::ZERO);
            }
        }
        self.finish(produced)
    }

    /// The place in `lanes` of the partition that a message goes to.
    fn lane_position(&self, message: &Generated) -> usize {
        let topic = self.options.generator.topics.iter().position(|topic| *topic == message.topic);
        let topic = topic.expect("the generator keeps to its topics");
        topic * PARTITIONS as usize + partition_of(&message.key) as usize
    }

    /// Waits until the rate allows one more message; false when the feed is to stop.
    fn wait_until_due(&self, begin: Instant, produced: u64, stop: &Stop, clock: &Clock) -> bool {
        while self.options.rate > 0 && !stop.raised() {
            let due = Duration::from_secs_f64(produced as f64 / self.options.rate as f64);
            let early = due.saturating_sub(clock.instant() - begin);
            if early.is_zero() {
                return true;
            }
            self.producer.poll(Duration::ZERO);
            clock.sleep(early.min(NAP));
        }
        !stop.raised()
    }

    /// Waits until the reader has come near enough; false when the feed is to stop.
    fn wait_for_room(&mut self, lane: usize, stop: &Stop, clock: &Clock) -> Result<bool> {
        let Some(consumed) = &self.consumed else {
            return Ok(true);
        };
        let mut standing_since = clock.instant();
        while !self.lanes[lane].has_room() {
            self.producer.poll(Duration::ZERO);
            let positions = consumed();
            let moved =
                self.lanes.iter_mut().filter_map(|l| Some(l.read_up_to(*positions.get(&l.name)?))).sum::<usize>();
            if moved > 0 {
                standing_since = clock.instant();
                continue;
            }
            if stop.raised() {
                return Ok(false);
            }
            if clock.instant() - standing_since > STALL_MAX {
                let (topic, partition) = &self.lanes[lane].name;
                let message = format!("topic {topic} partition {partition} was not read for {} s", STALL_MAX.as_secs());
                return Err(Error::unavailable(message).hint("see the log for what the pipeline waits for"));
            }
            clock.sleep(NAP);
        }
        Ok(true)
    }

    fn send(&mut self, lane: usize, message: &Generated, clock: &Clock) -> Result<()> {
        let (topic, partition) = &self.lanes[lane].name;
        let begin = clock.instant();
        let mut record = BaseRecord::to(topic).partition(*partition).key(&message.key).payload(&message.value);
        while let Err((error, back)) = self.producer.send(record) {
            let full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            if !full || clock.instant() - begin > STALL_MAX {
                return Err(Error::unavailable(format!("cannot produce to topic {topic}")).caused_by(error));
            }
            self.producer.poll(NAP);
            record = back;
        }
        self.lanes[lane].sent(message, self.consumed.is_some());
        let count = self.topics.entry(message.topic).or_default();
        if message.row.is_some() {
            count.accepted += 1;
        } else {
            count.unreadable += 1;
            self.progress.unreadable.fetch_add(1, Ordering::Relaxed);
        }
        self.progress.produced.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn finish(self, produced: u64) -> Result<FeedReport> {
        let unconfirmed = |message: String| Error::unavailable(message).hint("see that the broker is still there");
        self.producer
            .flush(STALL_MAX)
            .map_err(|e| unconfirmed("the broker did not confirm the last messages".into()).caused_by(e))?;
        let delivered = self.producer.context().delivered.load(Ordering::Acquire);
        if delivered != produced {
            return Err(unconfirmed(format!("the broker confirmed {delivered} of {produced} messages")));
        }
        let next_offsets = self.lanes.into_iter().map(|lane| (lane.name, lane.next_offset)).collect();
        Ok(FeedReport { topics: self.topics, next_offsets })
    }
}

fn connect(brokers: &str) -> Result<BaseProducer<Deliveries>> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true") // keeps the order and the count when a request is sent again
        .set("linger.ms", "5")
        .set("batch.size", "262144")
        .set("queue.buffering.max.messages", "100000")
        .set("queue.buffering.max.kbytes", "65536")
        .set("message.timeout.ms", "60000")
        .create_with_context(Deliveries::default())
        .map_err(|e| Error::invalid(format!("cannot make a producer for {brokers}")).caused_by(e))
}

/// A partition and what of it was produced and not yet read.
struct Lane {
    name: (String, i32),
    /// The offset of the next message. The feed is the only producer, and its messages keep their order.
    next_offset: i64,
    /// Bytes of each unread message, oldest first.
    unread: VecDeque<usize>,
    unread_bytes: usize,
}

impl Lane {
    fn new(topic: &str, partition: i32, next_offset: i64) -> Self {
        Lane { name: (topic.to_string(), partition), next_offset, unread: VecDeque::new(), unread_bytes: 0 }
    }

    fn has_room(&self) -> bool {
        self.unread.len() < AHEAD_MESSAGES_MAX && self.unread_bytes < AHEAD_BYTES_MAX
    }

    fn sent(&mut self, message: &Generated, tracked: bool) {
        self.next_offset += 1;
        if tracked {
            let bytes = message.key.len() + message.value.len() + OVERHEAD_BYTES;
            self.unread.push_back(bytes);
            self.unread_bytes += bytes;
        }
    }

    /// Forgets what the reader has passed and says how many messages that were.
    fn read_up_to(&mut self, next_read: i64) -> usize {
        let still_unread = (self.next_offset - next_read).max(0) as usize;
        let passed = self.unread.len().saturating_sub(still_unread);
        self.unread_bytes -= self.unread.drain(..passed).sum::<usize>();
        passed
    }
}

/// Counts what the broker confirmed.
#[derive(Default)]
struct Deliveries {
    delivered: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if result.is_ok() {
            self.delivered.fetch_add(1, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests;
