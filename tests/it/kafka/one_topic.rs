//! A world of one topic, one table and one view, for tests that do to the topic what may happen to it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use rebateflow::clock::Clock;
use tempfile::TempDir;

use super::broker::config;
use super::server::{Launch, Server};

const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Time for the server to do what it is waited for.
pub const DONE_MAX: Duration = Duration::from_secs(90);
pub const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Table `orders` of a topic of its own, and the view `ids`: how often each id is there.
pub struct OneTopic {
    pub brokers: String,
    pub topic: String,
    directory: TempDir,
}

/// A message as a consumer finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub key: Option<String>,
    pub value: Option<String>,
    pub headers: BTreeMap<String, String>,
}

impl OneTopic {
    /// Without the topic.
    pub fn new(brokers: &str, name: &str) -> OneTopic {
        let directory = tempfile::tempdir().expect("a directory");
        let topic = format!("t{}_{name}", std::process::id());
        let view = "CREATE MATERIALIZED VIEW ids WITH (key = 'id', history = 'changes')
            AS SELECT id, COUNT(*) AS n FROM orders GROUP BY id;";
        fs::create_dir_all(directory.path().join("schemas")).expect("a directory");
        fs::create_dir_all(directory.path().join("sql")).expect("a directory");
        fs::write(directory.path().join("sql/ids.sql"), view).expect("a file");
        let world = OneTopic { brokers: brokers.to_string(), topic, directory };
        world.define("unknown_fields = 'keep'");
        world
    }

    /// Defines the table with one more option.
    pub fn define(&self, option: &str) {
        let topic = &self.topic;
        let table =
            format!("CREATE TABLE orders (id BIGINT NOT NULL) WITH (topic = '{topic}', format = 'json', {option});");
        fs::write(self.directory.path().join("schemas/orders.sql"), table).expect("a file");
    }

    pub fn launch(&self) -> Launch {
        Launch {
            brokers: self.brokers.clone(),
            directory: self.directory.path().to_path_buf(),
            sql: self.directory.path().join("sql"),
            arguments: vec![],
            environment: vec![("REBATEFLOW_COMMIT_EVERY_MS", "50".to_string())],
        }
    }

    fn admin(&self) -> (AdminClient<DefaultClientContext>, AdminOptions) {
        let options = AdminOptions::new().operation_timeout(Some(ANSWER_MAX));
        (config(&self.brokers).create().expect("an admin client"), options)
    }

    pub fn create(&self, partitions: i32) {
        self.create_topic(&self.topic, partitions);
    }

    pub fn create_topic(&self, topic: &str, partitions: i32) {
        let (admin, options) = self.admin();
        let until = Clock::System.instant() + ANSWER_MAX;
        // Right after a deletion the name may be taken still.
        loop {
            let wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
            let created = block_on(admin.create_topics(&[wanted], &options)).expect("an answer").remove(0);
            match created {
                Ok(_) => return,
                Err(error) => assert!(Clock::System.instant() < until, "{error:?}"),
            }
            Clock::System.sleep(LOOK_EVERY);
        }
    }

    pub fn delete(&self) {
        let (admin, options) = self.admin();
        block_on(admin.delete_topics(&[&self.topic], &options)).expect("an answer").remove(0).expect("it is there");
    }

    pub fn add_partitions(&self, total: usize) {
        let (admin, options) = self.admin();
        let wanted = [NewPartitions::new(&self.topic, total)];
        block_on(admin.create_partitions(&wanted, &options)).expect("an answer").remove(0).expect("they are new");
    }

    /// What retention does.
    pub fn delete_before(&self, partition: i32, offset: i64) {
        let (admin, options) = self.admin();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, partition, Offset::Offset(offset)).expect("a position");
        block_on(admin.delete_records(&list, &options)).expect("they are deleted");
    }

    /// Produces events with these ids.
    pub fn send(&self, partition: i32, ids: impl IntoIterator<Item = i64>) {
        let values: Vec<String> = ids.into_iter().map(|id| format!("{{\"id\":{id}}}")).collect();
        self.send_raw(partition, &values.iter().map(|value| (value.as_str(), None)).collect::<Vec<_>>());
    }

    /// Produces events with these ids that say to be of a time, in milliseconds since 1970-01-01 UTC.
    pub fn send_at(&self, timestamp_ms: i64, ids: impl IntoIterator<Item = i64>) {
        let producer: BaseProducer = config(&self.brokers).create().expect("a producer");
        for id in ids {
            let value = format!("{{\"id\":{id}}}");
            let record = BaseRecord::to(&self.topic).partition(0).key("k").payload(&value).timestamp(timestamp_ms);
            producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        }
        producer.flush(ANSWER_MAX).expect("everything is confirmed");
    }

    /// Produces values, some with the header `replay-of`, under the key `k`.
    pub fn send_raw(&self, partition: i32, messages: &[(&str, Option<&str>)]) {
        let producer: BaseProducer = config(&self.brokers).create().expect("a producer");
        for (value, replay_of) in messages {
            let mut record = BaseRecord::to(&self.topic).partition(partition).key("k").payload(*value);
            if let Some(of) = replay_of {
                record = record.headers(OwnedHeaders::new().insert(Header { key: "replay-of", value: Some(*of) }));
            }
            producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        }
        producer.flush(ANSWER_MAX).expect("everything is confirmed");
        assert_eq!(producer.in_flight_count(), 0);
    }

    /// Everything in partition 0 of a topic.
    pub fn consume(&self, topic: &str) -> Vec<Found> {
        let consumer: BaseConsumer = config(&self.brokers).set("group.id", "test").create().expect("a consumer");
        let (low, high) = consumer.fetch_watermarks(topic, 0, ANSWER_MAX).expect("the topic is there");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(low)).expect("a position");
        consumer.assign(&list).expect("assigned");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let mut found = vec![];
        while found.len() < usize::try_from(high - low).expect("a number") {
            let message = consumer.poll(ANSWER_MAX).expect("a message").expect("no error");
            let headers = message.headers().map_or(BTreeMap::new(), |headers| {
                headers.iter().map(|h| (h.key.to_string(), h.value.map_or(String::new(), text))).collect()
            });
            found.push(Found { key: message.key().map(text), value: message.payload().map(text), headers });
        }
        found
    }

    /// Waits until the view has these rows: id and count.
    pub fn wait_ids(&self, server: &mut Server, wanted: &[(i64, i64)]) {
        let until = Clock::System.instant() + DONE_MAX;
        loop {
            assert!(server.runs(), "the server ended by itself\n{}", server.log());
            let found = ids(server);
            if found == wanted {
                return;
            }
            assert!(Clock::System.instant() < until, "{found:?} is not {wanted:?}\n{}", server.log());
            Clock::System.sleep(LOOK_EVERY);
        }
    }

    /// Starts without draining, waits for these rows and stops.
    pub fn assert_ids(&self, wanted: &[(i64, i64)]) {
        let mut server = self.launch().start();
        server.wait_ready(DONE_MAX);
        assert_eq!(ids(&server), wanted, "{}", server.log());
        let offsets = server.sql("SELECT DISTINCT _partition, _offset FROM events.orders", 10_000);
        let events = server.sql("SELECT COUNT(*) AS n FROM events.orders", 1);
        let all: i64 = wanted.iter().map(|(_, n)| n).sum();
        assert_eq!(events["rows"][0]["n"], all, "every event is in the history once");
        assert_eq!(offsets["rows"].as_array().expect("rows").len() as i64, all, "no position is used twice");
        server.terminate();
    }

    /// A command on the files of this world; its status, and what it wrote to stdout and stderr.
    pub fn command(&self, arguments: &[&str]) -> (bool, String) {
        let directory = self.directory.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebateflow"));
        command.current_dir(directory).args(arguments).env("REBATEFLOW_BROKERS", &self.brokers);
        let output = command.output().expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).expect("text"))
    }

    /// A start that must fail: its log.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let mut server = self.launch().with(arguments).start();
        let status = server.wait(DONE_MAX);
        assert_eq!(status.code(), Some(1), "{}", server.log());
        server.log()
    }
}

/// The rows of the view: id and count.
pub fn ids(server: &Server) -> Vec<(i64, i64)> {
    let answer = server.sql("SELECT id, n FROM ids ORDER BY id", 10_000);
    let number = |value: &serde_json::Value| value.as_i64().expect("a number");
    answer["rows"].as_array().expect("rows").iter().map(|row| (number(&row["id"]), number(&row["n"]))).collect()
}

/// Ids that are there once each.
pub fn once(ids: impl IntoIterator<Item = i64>) -> Vec<(i64, i64)> {
    ids.into_iter().map(|id| (id, 1)).collect()
}
