//! A Kafka for one run, and topics of that run alone in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rebateflow::clock::Clock;
use rebateflow::demo::PARTITIONS;
use rebateflow::error::{Error, Result};

use crate::cut;

const TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// A Kafka, stopped and removed when dropped if it was started here.
pub struct Kafka {
    pub brokers: String,
    started_in: Option<PathBuf>,
}

impl Kafka {
    /// One that is there already.
    pub fn given(brokers: &str) -> Kafka {
        Kafka { brokers: brokers.to_string(), started_in: None }
    }

    /// Starts one by `tests/kafka.sh` with its data in this directory.
    pub fn start(data: &Path) -> Result<Kafka> {
        let printed = script(data, "start")?;
        let brokers = printed.lines().find_map(|line| line.strip_prefix("bootstrap="));
        let brokers = brokers.ok_or_else(|| Error::unavailable("tests/kafka.sh did not start Kafka"))?;
        Ok(Kafka { brokers: brokers.to_string(), started_in: Some(data.to_path_buf()) })
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if let Some(data) = &self.started_in
            && let Err(error) = script(data, "wipe")
        {
            eprintln!("error: {error}");
        }
    }
}

fn script(data: &Path, action: &str) -> Result<String> {
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka.sh"))
        .arg(action)
        .env("REBATEFLOW_KAFKA_DATA", data)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| Error::unavailable("cannot run tests/kafka.sh").caused_by(e))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The product's topics under names of their own; removed when dropped.
pub struct Topics {
    admin: AdminClient<DefaultClientContext>,
    /// What follows the names that the schemas have.
    pub suffix: String,
}

impl Topics {
    /// Creates them, empty, and waits until every partition has a leader.
    pub fn create(brokers: &str, suffix: String, clock: &Clock) -> Result<Topics> {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", brokers).create().map_err(kafka)?;
        let topics = Topics { admin, suffix };
        let names = topics.names();
        let new: Vec<NewTopic<'_>> =
            names.iter().map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1))).collect();
        let results = futures::executor::block_on(topics.admin.create_topics(&new, &admin_options())).map_err(kafka)?;
        for result in results {
            result.map_err(|(name, code)| Error::unavailable(format!("cannot create topic {name}: {code}")))?;
        }
        let deadline = clock.instant() + TIMEOUT;
        for name in &names {
            for partition in 0..PARTITIONS {
                while let Err(error) = topics.admin.inner().fetch_watermarks(name, partition, TIMEOUT) {
                    if clock.instant() > deadline {
                        return Err(kafka(error));
                    }
                    clock.sleep(RETRY_EVERY);
                }
            }
        }
        Ok(topics)
    }

    fn names(&self) -> Vec<String> {
        cut::catalog().tables.iter().map(|table| format!("{}{}", table.topic, self.suffix)).collect()
    }

    /// Writes tables and views to `schemas` and `sql` of a directory, with the names of these topics.
    pub fn write_catalog(&self, to: &Path) -> Result<()> {
        cut::write(to, |topic| format!("{topic}{}", self.suffix))
            .map_err(|e| Error::unavailable(format!("cannot write schemas to {}", to.display())).caused_by(e))
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        let names = self.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Err(error) = futures::executor::block_on(self.admin.delete_topics(&names, &admin_options())) {
            eprintln!("error: cannot delete topics {}: {error}", names.join(", "));
        }
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT))
}

pub fn kafka(error: KafkaError) -> Error {
    Error::unavailable("kafka").caused_by(error)
}
