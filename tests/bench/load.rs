//! Loads the workload into Kafka, once: four partitions a topic, keyed like the Java clients do it, lz4.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rebateflow::error::{Error, Result};

use crate::workload::{KeyValue, Workload};

pub const PARTITIONS: i32 = 4;
const TIMEOUT: Duration = Duration::from_secs(120);

/// Makes sure that the topic of this name holds the workload. Returns its number of messages.
///
/// Errors: the topic holds something else.
pub fn load(brokers: &str, topic: &str, workload: Workload) -> Result<u64> {
    let deliveries = if topic == "affiliate_txn" { workload.deliveries() } else { vec![] };
    let expected = match topic {
        "affiliate_txn" => deliveries.len() as u64,
        "stock_movements" => workload.movements(),
        _ => workload.rules().count() as u64,
    };
    let present = count(brokers, topic)?;
    if present == Some(expected) {
        return Ok(expected);
    }
    if present.is_some_and(|n| n > 0) {
        return Err(Error::invalid(format!("topic {topic} holds {present:?} messages, not {expected}"))
            .hint("use an empty Kafka, or the scale and seed that it was loaded with"));
    }
    if present.is_none() {
        create(brokers, topic)?;
    }
    match topic {
        "affiliate_txn" => produce(brokers, topic, deliveries.iter().map(|d| workload.transaction(*d)))?,
        "stock_movements" => produce(brokers, topic, (0..expected).map(|number| workload.movement(number)))?,
        _ => produce(brokers, topic, workload.rules())?,
    }
    match count(brokers, topic)? {
        Some(n) if n == expected => Ok(n),
        other => Err(Error::internal(format!("topic {topic} holds {other:?} messages after loading {expected}"))),
    }
}

/// Messages in the topic; None when there is no such topic.
fn count(brokers: &str, topic: &str) -> Result<Option<u64>> {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create().map_err(kafka)?;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).map_err(kafka)?;
    let mut sum = None;
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), TIMEOUT).map_err(kafka)?;
        sum = Some(sum.unwrap_or(0) + (high - low) as u64);
    }
    Ok(sum)
}

fn create(brokers: &str, topic: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().map_err(kafka)?;
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    let results =
        futures::executor::block_on(admin.create_topics([&new], &AdminOptions::new().operation_timeout(Some(TIMEOUT))));
    for result in results.map_err(kafka)? {
        result.map_err(|(name, code)| Error::unavailable(format!("cannot create topic {name}: {code}")))?;
    }
    Ok(())
}

fn produce(brokers: &str, topic: &str, messages: impl Iterator<Item = KeyValue>) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.type", "lz4")
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("linger.ms", "50")
        .set("batch.size", "524288")
        .set("queue.buffering.max.messages", "200000")
        .create()
        .map_err(kafka)?;
    for (number, (key, value)) in messages.enumerate() {
        let mut record = BaseRecord::to(topic).key(&key).payload(&value);
        while let Err((error, back)) = producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                return Err(kafka(error));
            }
            producer.poll(Duration::from_millis(20));
            record = back;
        }
        if number % 1000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(TIMEOUT).map_err(kafka)
}

pub fn kafka(error: KafkaError) -> Error {
    Error::unavailable("kafka").caused_by(error)
}
