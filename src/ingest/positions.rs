//! Where to begin in each partition, and whether the topics are still those that were read.
//!
//! Never a silent jump: a position that Kafka no longer has, or a topic that was made anew, is an error that says what
//! is lost. A user who starts with `--accept-loss TOPIC` goes on without it: behind what retention took, or at the
//! beginning of the new topic, whose events are numbered on (see `checkpoint::Sources`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::queue::log_as_ours;
use super::topics::{Described, describe};
use crate::catalog::Table;
use crate::checkpoint::{Offsets, SharedSources, Sources};
use crate::error::{Error, ErrorKind, Result};

/// How long one question to the broker may take at the start, and while events are read.
const BROKER_ANSWER_MAX: Duration = Duration::from_secs(5);
const CHECK_ANSWER_MAX: Duration = Duration::from_secs(1);
/// Lost positions that an error names.
const NAMED_MAX: usize = 10;

/// A consumer of the topics of all tables: one thread fetches from it, others ask what the topics are.
pub struct Kafka {
    pub(super) consumer: BaseConsumer,
    pub(super) brokers: String,
    pub(super) tables: Vec<Arc<Table>>,
    pub(super) sources: SharedSources,
    /// Where to begin is known, and with it which topics are read.
    began: AtomicBool,
    /// A topic that was made anew, and what is said of it. It stays so: the broker may be away when it is asked again, and
    /// events of the new topic may wait for a commit.
    anew: OnceLock<(String, String)>,
}

pub(super) type Partition = (Arc<str>, i32);
/// Next offset and end offset of each partition.
pub(super) type Positions = BTreeMap<Partition, (i64, i64)>;

/// Where a start begins.
#[derive(Default)]
pub(super) struct Found {
    pub positions: Positions,
    pub sources: Sources,
    /// Positions that were moved because the user accepts the loss.
    pub moved: Vec<(Arc<str>, i32, i64)>,
}

/// A partition, and what is known of it.
struct Place<'a> {
    topic: &'a str,
    partition: i32,
    /// The next offset to read, if any was read.
    next: Option<i64>,
    origin: i64,
    /// The topic is not the one that was read.
    anew: bool,
}

/// Where a partition stands: next and end as we count, and what is lost.
struct Stand {
    next: i64,
    end: i64,
    origin: i64,
    lost: Option<String>,
}

impl Kafka {
    /// Makes the client. It connects by itself; a broker that is away is not an error. `queued_kbytes_max`: kibibytes
    /// that the client may hold for each partition.
    pub fn new(
        brokers: &str,
        tables: Vec<Arc<Table>>,
        queued_kbytes_max: u64,
        sources: SharedSources,
    ) -> Result<Kafka> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
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
            .set("queued.max.messages.kbytes", queued_kbytes_max.to_string())
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "2000")
            .create()
            .map_err(|e| Error::invalid(format!("cannot make a Kafka consumer for {brokers}")).caused_by(e))?;
        log_as_ours(consumer.client().native_ptr());
        let (began, anew) = (AtomicBool::new(false), OnceLock::new());
        Ok(Kafka { consumer, brokers: brokers.to_string(), tables, sources, began, anew })
    }

    /// Events of these topics are read from now on.
    pub(super) fn begin(&self, sources: Sources) {
        self.sources.set(sources);
        self.began.store(true, Ordering::Release);
    }

    /// The topics as they are now; those that are not there are left out.
    ///
    /// Errors: `Unavailable` when the broker does not answer, `Data` when a topic is not the one that was read, or was not
    /// once before.
    pub(super) fn described(&self) -> Result<BTreeMap<String, Described>> {
        let mut described = BTreeMap::new();
        if self.anew.get().is_none() {
            described = self.describe(CHECK_ANSWER_MAX)?;
            let known = self.sources.get();
            let mut anew = known.ids.iter().filter_map(|(topic, id)| {
                let now = described.get(topic)?.id.as_ref().filter(|now| *now != id)?;
                Some((topic.clone(), made_anew(topic, id, now)))
            });
            anew.next().map(|found| self.anew.get_or_init(|| found));
        }
        match self.anew.get() {
            Some((topic, lost)) => Err(lost_error(vec![lost.clone()], &BTreeSet::from([topic.as_str()]))),
            None => Ok(described),
        }
    }

    /// Whether what was read up to now is of the topics that are known: a topic that is made anew never gets its old
    /// id back, so events that came before this call are. A broker that does not answer is no reason to doubt.
    ///
    /// Errors: `Data` when a topic was made anew.
    pub fn check(&self) -> Result<()> {
        if !self.began.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.described() {
            Err(error) if error.kind == ErrorKind::Data => Err(error),
            _ => Ok(()),
        }
    }

    fn describe(&self, wait: Duration) -> Result<BTreeMap<String, Described>> {
        let topics: Vec<&str> = self.tables.iter().map(|table| table.topic.as_str()).collect();
        if topics.is_empty() { Ok(BTreeMap::new()) } else { describe(&self.consumer, &topics, wait) }
    }

    /// Finds the position of every partition of every topic. `offsets`: the next to read.
    ///
    /// Errors: `Unavailable` when the broker does not answer, `NotFound` for a topic that is not there, `Data` when
    /// events are lost and the user does not accept that.
    pub(super) fn find(&self, offsets: &Offsets, accept_loss: &BTreeSet<String>) -> Result<Found> {
        let described = self.describe(BROKER_ANSWER_MAX)?;
        let mut found = Found { sources: Sources::clone(&self.sources.get()), ..Found::default() };
        let (mut lost, mut topics) = (vec![], BTreeSet::new());
        for table in &self.tables {
            let topic = table.topic.as_str();
            let now = described.get(topic).ok_or_else(|| missing(table))?;
            let losses = self.find_topic(topic, now, offsets, &mut found)?;
            if !losses.is_empty() && accept_loss.contains(topic) {
                losses.iter().for_each(|loss| tracing::warn!("{loss}; the loss is accepted"));
            } else if !losses.is_empty() {
                lost.extend(losses);
                topics.insert(topic);
            }
        }
        if lost.is_empty() { Ok(found) } else { Err(lost_error(lost, &topics)) }
    }

    /// Finds the positions of a topic, as if its losses were accepted; gives the losses.
    fn find_topic(&self, topic: &str, now: &Described, offsets: &Offsets, found: &mut Found) -> Result<Vec<String>> {
        let shared: Arc<str> = topic.into();
        let mut lost = vec![];
        let read = offsets.iter().filter(|(of, ..)| ***of == *topic);
        let read: BTreeMap<i32, i64> = read.map(|(_, partition, next)| (partition, next)).collect();
        let before = found.sources.ids.get(topic).zip(now.id.as_ref()).filter(|(before, now)| before != now);
        let anew = before.is_some();
        if let Some((before, now)) = before.filter(|_| !read.is_empty()) {
            lost.push(made_anew(topic, before, now));
        }
        for partition in 0..now.partitions {
            let (next, origin) = (read.get(&partition).copied(), found.sources.origin(topic, partition));
            let stand = self.stand(&Place { topic, partition, next, origin, anew })?;
            found.positions.insert((shared.clone(), partition), (stand.next, stand.end));
            if stand.origin != origin {
                found.sources.origins.set(&shared, partition, stand.origin);
            }
            if next.is_some_and(|next| next != stand.next) || stand.lost.is_some() {
                found.moved.push((shared.clone(), partition, stand.next));
            }
            lost.extend(stand.lost);
        }
        // Only a topic that was made anew has fewer. If they come back, they go on where they stood.
        for (partition, next) in read.range(now.partitions..) {
            if found.sources.origin(topic, *partition) != *next {
                found.sources.origins.set(&shared, *partition, *next);
                lost.push(format!("topic {topic} has no partition {partition} any more"));
            }
        }
        if let Some(id) = &now.id {
            found.sources.ids.insert(topic.to_string(), id.clone());
        }
        Ok(lost)
    }

    /// The beginning of a partition that was added: its next offset and its end.
    pub(super) fn added(&self, topic: &str, partition: i32) -> Result<(i64, i64)> {
        let origin = self.sources.get().origin(topic, partition);
        let stand = self.stand(&Place { topic, partition, next: None, origin, anew: false })?;
        Ok((stand.next, stand.end))
    }

    fn stand(&self, place: &Place<'_>) -> Result<Stand> {
        let Place { topic, partition, origin, .. } = *place;
        let (low, high) = self.consumer.fetch_watermarks(topic, partition, BROKER_ANSWER_MAX).map_err(|e| {
            Error::unavailable(format!("{} does not tell the offsets of {topic}", self.brokers)).caused_by(e)
        })?;
        Ok(stand(place, low, high, origin))
    }
}

/// Where a partition stands that holds Kafka's offsets `low` to `high`, without `high`.
fn stand(place: &Place<'_>, low: i64, high: i64, origin: i64) -> Stand {
    let Place { topic, partition, anew, .. } = *place;
    let at = |origin: i64, next: Option<i64>, lost: Option<String>| {
        let (low, end) = (low + origin, high + origin);
        Stand { next: next.unwrap_or(low), end, origin, lost }
    };
    let Some(next) = place.next else { return at(origin, None, None) };
    // As Kafka counts.
    let ours = next - origin;
    if anew {
        return at(next, None, None);
    }
    if ours > high {
        let lost = format!("topic {topic} partition {partition} ends before offset {high}, but {ours} comes next");
        return at(next, None, Some(lost));
    }
    if ours < low {
        let lost = format!(
            "topic {topic} partition {partition} has lost offsets {ours} to {} before they were read; it holds {low} to {high}",
            low - 1
        );
        return at(origin, None, Some(lost));
    }
    at(origin, Some(next), None)
}

/// A topic that the broker does not have.
fn missing(table: &Table) -> Error {
    Error::not_found(format!("there is no topic {} (of table {})", table.topic, table.name))
        .hint("create it, or name another with the table's option `topic`")
}

fn made_anew(topic: &str, before: &str, now: &str) -> String {
    format!("topic {topic} was made anew: what was read had the id {before}, now it is {now}")
}

/// What is lost, and how to go on.
pub(super) fn lost_error(mut lost: Vec<String>, topics: &BTreeSet<&str>) -> Error {
    let more = lost.len().saturating_sub(NAMED_MAX);
    lost.truncate(NAMED_MAX);
    if more > 0 {
        lost.push(format!("and {more} more"));
    }
    let flags: Vec<String> = topics.iter().map(|topic| format!("--accept-loss {topic}")).collect();
    Error::data(lost.join("; ")).hint(format!(
        "what is committed stays. To go on with what Kafka holds now, start once with {}: what retention took stays \
         missing, and a topic that was made anew is read from its beginning, after the events of the old one. To have \
         the new topic alone, start with an empty data directory",
        flags.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::catalog::clock_table;
    use crate::clock::Clock;

    fn at(next: Option<i64>, origin: i64, anew: bool) -> (i64, i64, i64, bool) {
        let place = Place { topic: "t", partition: 0, next, origin, anew };
        let Stand { next, end, origin, lost } = stand(&place, 10, 20, origin);
        (next, end, origin, lost.is_some())
    }

    #[test]
    fn a_position_outside_of_what_kafka_holds_is_lost() {
        assert_eq!(at(None, 0, false), (10, 20, 0, false));
        assert_eq!(at(Some(10), 0, false), (10, 20, 0, false));
        assert_eq!(at(Some(20), 0, false), (20, 20, 0, false));
        // Retention took 9.
        assert_eq!(at(Some(9), 0, false), (10, 20, 0, true));
        // Kafka's 0 becomes our 21, so that no number is used twice.
        assert_eq!(at(Some(21), 0, false), (31, 41, 21, true));
        assert_eq!(at(Some(15), 0, true), (25, 35, 15, false), "the topic says that it is another one");
        // The same again, as we count after that.
        assert_eq!(at(Some(115), 100, false), (115, 120, 100, false));
        assert_eq!(at(Some(109), 100, false), (110, 120, 100, true));
        assert_eq!(at(Some(121), 100, false), (131, 141, 121, true));
    }

    /// A broker that goes away right after it told so changes nothing: otherwise the last commit would not be stopped.
    #[test]
    fn a_topic_that_was_made_anew_stays_so_when_the_broker_is_away() {
        let cluster = MockCluster::new(1).expect("a broker");
        cluster.create_topic("clock", 1, 1).expect("a topic");
        let sources = SharedSources::default();
        let kafka =
            Kafka::new(&cluster.bootstrap_servers(), vec![Arc::new(clock_table())], 1_024, sources).expect("a client");
        let until = Clock::System.instant() + Duration::from_secs(30);
        let found = loop {
            match kafka.find(&Offsets::new(), &BTreeSet::new()) {
                Ok(found) => break found,
                Err(error) => assert!(Clock::System.instant() < until, "{error}"),
            }
        };
        assert!(found.sources.ids.contains_key("clock"), "the broker has topic ids");
        kafka.begin(found.sources.clone());
        kafka.check().expect("it is the same topic");
        let before = BTreeMap::from([("clock".to_string(), "another".to_string())]);
        kafka.begin(Sources { ids: before, ..found.sources });
        assert_eq!(kafka.check().unwrap_err().kind, ErrorKind::Data);
        drop(cluster);
        assert_eq!(kafka.check().unwrap_err().kind, ErrorKind::Data);
    }
}
