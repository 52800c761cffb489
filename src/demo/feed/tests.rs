//! Through the embedded broker and back: nothing lost, nothing changed, never too far ahead.

use std::sync::Mutex;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::*;
use crate::demo::{EmbeddedBroker, TOPICS};
use crate::tasks::spawn_thread;

const EVENTS: u64 = 150_000;
/// A message as read: topic, partition, offset, key, value.
type Read = (String, i32, i64, Vec<u8>, Vec<u8>);
type Positions = Arc<Mutex<HashMap<(String, i32), i64>>>;

fn options(broker: &EmbeddedBroker, events: Option<u64>, pace: Pace) -> FeedOptions {
    FeedOptions {
        brokers: broker.brokers(),
        topic_suffix: String::new(),
        generator: GeneratorOptions::default(),
        events,
        pace,
    }
}

fn consumer(brokers: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "feed-test")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "2")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    for topic in TOPICS.iter().copied() {
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(topic, partition, Offset::Beginning).expect("a valid offset");
        }
    }
    consumer.assign(&partitions).expect("assigned");
    consumer
}

/// Reads until `count` messages came, or none for ten seconds; tells its positions.
fn read(brokers: &str, count: u64, positions: &Positions) -> Vec<Read> {
    let consumer = consumer(brokers);
    let mut all = vec![];
    while (all.len() as u64) < count {
        let Some(message) = consumer.poll(Duration::from_secs(10)) else {
            break;
        };
        let message = message.expect("no error from the broker");
        let place = (message.topic().to_string(), message.partition());
        positions.lock().expect("not poisoned").insert(place.clone(), message.offset() + 1);
        let (key, value) = (message.key().expect("a key").to_vec(), message.payload().expect("a value").to_vec());
        all.push((place.0, place.1, message.offset(), key, value));
    }
    all
}

/// Waits until the feed produces no more; how many messages that were.
fn wait_for_stand_still(progress: &FeedProgress, clock: &Clock) -> u64 {
    let mut before = u64::MAX;
    loop {
        clock.sleep(Duration::from_millis(300));
        let now = progress.produced.load(Ordering::Relaxed);
        if now == before && now > 0 {
            return now;
        }
        before = now;
    }
}

#[test]
fn a_slow_reader_loses_nothing() {
    let (broker, clock, stop) = (EmbeddedBroker::start(TOPICS).expect("a broker"), Clock::System, Stop::default());
    let positions = Positions::default();
    let seen = positions.clone();
    let consumed: Consumed = Box::new(move || seen.lock().expect("not poisoned").clone());
    let feed = Feed::new(options(&broker, Some(EVENTS), Pace::Full), Some(consumed)).expect("connected");
    let progress = feed.progress();
    let (feed_stop, feed_clock) = (stop.clone(), clock.clone());
    let running = spawn_thread("feed", move || feed.run(&feed_stop, &feed_clock)).expect("a thread");

    let ahead = wait_for_stand_still(&progress, &clock);
    assert!(ahead < EVENTS, "the feed waits for its reader");
    let mut all = read(&broker.brokers(), EVENTS, &positions);
    let report = running.join().expect("no panic").expect("all delivered");

    let mut expected: Vec<Read> = vec![];
    let mut next: BTreeMap<(String, i32), i64> = report.next_offsets.keys().map(|place| (place.clone(), 0)).collect();
    for message in Generator::new(GeneratorOptions::default()).take(EVENTS as usize) {
        let place = (message.topic.to_string(), partition_of(&message.key));
        let offset = next.get_mut(&place).expect("a known partition");
        expected.push((place.0, place.1, *offset, message.key, message.value));
        *offset += 1;
    }
    all.sort();
    expected.sort();
    assert_eq!(all.len(), expected.len());
    assert!(all == expected, "messages came back as they were produced");
    assert_eq!((report.total(), report.next_offsets), (EVENTS, next));
    let unreadable: u64 = report.topics.values().map(|count| count.unreadable).sum();
    assert_eq!(unreadable, progress.unreadable.load(Ordering::Relaxed));
    assert!(unreadable > EVENTS / 200);
}

#[test]
fn the_rate_is_kept_and_a_stop_is_heard() {
    let (broker, clock, stop) = (EmbeddedBroker::start(TOPICS).expect("a broker"), Clock::System, Stop::default());
    let feed = Feed::new(options(&broker, Some(200), Pace::Rate(1_000)), None).expect("connected");
    let begin = clock.instant();
    assert_eq!(feed.run(&stop, &clock).expect("delivered").total(), 200);
    assert!(clock.instant() - begin >= Duration::from_millis(199));

    let feed = Feed::new(options(&broker, None, Pace::Full), None).expect("connected");
    let (progress, feed_stop) = (feed.progress(), stop.clone());
    let running = spawn_thread("feed", move || feed.run(&feed_stop, &Clock::System)).expect("a thread");
    while progress.produced.load(Ordering::Relaxed) < 1_000 {
        clock.sleep(NAP);
    }
    stop.raise();
    let report = running.join().expect("no panic").expect("delivered");
    assert_eq!(report.total(), progress.produced.load(Ordering::Relaxed));
}

#[test]
fn the_time_of_the_world_can_set_the_pace() {
    let (broker, clock, stop) = (EmbeddedBroker::start(TOPICS).expect("a broker"), Clock::System, Stop::default());
    let messages: Vec<Generated> = Generator::new(GeneratorOptions::default()).take(600).collect();
    let passed_us = messages[599].at - messages[0].at;
    assert!(passed_us > 0);
    // So fast that all of it takes a quarter of a second.
    let days = passed_us as f64 / 86_400_000_000.0 * 4.0;
    let begin = clock.instant();
    let feed = Feed::new(options(&broker, Some(600), Pace::Days(days)), None).expect("connected");
    assert_eq!(feed.run(&stop, &clock).expect("delivered").total(), 600);
    assert!(clock.instant() - begin >= Duration::from_millis(249));
}

#[test]
fn a_missing_broker_is_an_error_that_names_the_topic() {
    let brokers = "127.0.0.1:1".to_string();
    let options = FeedOptions {
        brokers,
        topic_suffix: "-2".to_string(),
        generator: GeneratorOptions::default(),
        events: Some(1),
        pace: Pace::Full,
    };
    let error = Feed::new(options, None).err().expect("nobody listens on port 1");
    assert!(error.message.contains("topic affiliate_txn-2"), "{error}");
}

#[test]
fn keys_spread_over_all_partitions() {
    let mut counts = [0u32; PARTITIONS as usize];
    for number in 0..4_000 {
        counts[partition_of(format!("TBK|L{number:09}").as_bytes()) as usize] += 1;
    }
    assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
}
