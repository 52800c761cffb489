//! A real Kafka: the one that `tests/run.sh` started, or one of a test's own that it stops and starts again.

use std::collections::BTreeMap;
use std::env;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rebateflow::demo::{Generated, PARTITIONS, partition_of};

use crate::cut;

/// Time for all messages of a load to be confirmed, and for one answer of the broker.
const CONFIRMED_MAX: Duration = Duration::from_secs(120);
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long a full producer queue is left alone.
const FULL_WAIT: Duration = Duration::from_millis(20);

/// The address of the broker that the test script started. None: the tests are to be skipped, which is asked for
/// with REBATEFLOW_SKIP_KAFKA=1 and with nothing else.
pub fn test_brokers() -> Option<String> {
    if env::var("REBATEFLOW_SKIP_KAFKA").as_deref() == Ok("1") {
        eprintln!("skipped: REBATEFLOW_SKIP_KAFKA is 1");
        return None;
    }
    Some(variable("REBATEFLOW_TEST_BROKERS"))
}

/// A variable that the test script sets.
pub fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run tests/run.sh, which starts Kafka, or set REBATEFLOW_SKIP_KAFKA=1")
    })
}

/// The topic of a table: each test has its own topics.
pub fn topic_of(prefix: &str, table: &str) -> String {
    format!("{prefix}_{table}")
}

/// Makes the topics of a test, empty.
pub fn create_topics(brokers: &str, prefix: &str) {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create().expect("an admin client");
    let names: Vec<String> = cut::catalog().tables.iter().map(|table| topic_of(prefix, &table.topic)).collect();
    let topics: Vec<NewTopic> =
        names.iter().map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1))).collect();
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_MAX));
    for created in block_on(admin.create_topics(&topics, &options)).expect("an answer of the broker") {
        created.expect("the topic is new");
    }
}

/// Produces messages, each to the partition of its key, and waits until the broker has confirmed all of them.
pub struct Sender {
    prefix: String,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Sender {
    pub fn new(brokers: &str, prefix: &str) -> Self {
        let producer =
            config(brokers).set("enable.idempotence", "true").set("linger.ms", "20").create().expect("a producer");
        Sender { prefix: prefix.to_string(), producer }
    }

    pub fn send(&self, message: &Generated) {
        let topic = topic_of(&self.prefix, message.topic);
        let mut record =
            BaseRecord::to(&topic).partition(partition_of(&message.key)).key(&message.key).payload(&message.value);
        while let Err((error, back)) = self.producer.send(record) {
            let full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            assert!(full, "cannot produce to {topic}: {error}");
            rebateflow::clock::Clock::System.sleep(FULL_WAIT);
            record = back;
        }
    }

    /// Waits for the confirmations. The offset after the last message of each partition, by topic.
    pub fn finish(self) -> BTreeMap<String, BTreeMap<i32, i64>> {
        self.producer.flush(CONFIRMED_MAX).expect("everything is confirmed");
        next_offsets(self.producer.client(), &self.prefix)
    }
}

fn next_offsets(client: &Client<DefaultProducerContext>, prefix: &str) -> BTreeMap<String, BTreeMap<i32, i64>> {
    let next = |topic: &str, partition| {
        let (low, high) = client.fetch_watermarks(topic, partition, ANSWER_MAX).expect("the broker tells its offsets");
        assert_eq!(low, 0, "topic {topic} is new");
        (partition, high)
    };
    let tables = cut::catalog().tables;
    tables
        .iter()
        .map(|table| topic_of(prefix, &table.topic))
        .map(|topic| {
            let partitions = (0..PARTITIONS).map(|partition| next(&topic, partition)).collect();
            (topic, partitions)
        })
        .collect()
}

/// A client of this broker.
pub fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// A Kafka of a test's own, which can go away and come back. Stopped and removed at the end.
pub struct OwnBroker {
    data: PathBuf,
    port: u16,
}

impl OwnBroker {
    /// Nothing listens yet.
    pub fn new(data: &Path) -> Self {
        OwnBroker { data: data.to_path_buf(), port: free_port() }
    }

    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn start(&self) {
        self.script("start");
    }

    pub fn stop(&self) {
        self.script("stop");
    }

    fn script(&self, command: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka.sh");
        let status = Command::new(script)
            .arg(command)
            .env("REBATEFLOW_KAFKA_DATA", &self.data)
            .env("REBATEFLOW_KAFKA_PORT", self.port.to_string())
            .status()
            .expect("tests/kafka.sh can be run");
        assert!(status.success(), "tests/kafka.sh {command}: {status}");
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.script("wipe");
            return;
        }
        // A second panic would hide the first.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.script("wipe")));
    }
}

/// A port for clients with a free one after it for the controller, below the range of outgoing connections.
fn free_port() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = 20_000 + (std::process::id() % 6_000) as u16 * 2;
    (first..32_000).step_by(2).find(|port| free(*port) && free(port + 1)).expect("two free ports")
}
