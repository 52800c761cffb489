//! Produces messages and waits until the broker has them: dead letters to their topic, and replays.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, error::KafkaResult};

use super::queue::log_as_ours;
use crate::error::{Error, Result};

/// How long a message is tried.
const MESSAGE_MS: u64 = 10_000;
/// How long all that are in the queue may take: each ends by itself.
const CONFIRM_MAX: Duration = Duration::from_secs(15);
/// Messages and kibibytes that wait for the broker, at most: what a slow one takes in that time.
const QUEUE_MESSAGES: u64 = 1_000;
const QUEUE_KBYTES: u64 = 16_384;
/// How long a full queue is left alone.
const FULL_WAIT: Duration = Duration::from_millis(20);

/// A client that produces. What waits for the broker is bounded.
pub struct Producer {
    client: BaseProducer<Outcomes>,
    brokers: String,
}

/// A message to produce.
pub struct Outgoing<'a> {
    pub topic: &'a str,
    /// None: as the key says.
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// What became of the messages since the last `confirm`.
#[derive(Default)]
struct Outcomes(Mutex<Outcome>);

#[derive(Default)]
struct Outcome {
    refused: u64,
    failed: Option<KafkaError>,
    /// The last offset that was written, by topic and partition.
    written: BTreeMap<(String, i32), i64>,
}

impl Outcomes {
    fn with<T>(&self, change: impl FnOnce(&mut Outcome) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A message that no attempt can deliver.
    fn refuse(&self, key: Option<&[u8]>, error: &KafkaError) {
        let key = String::from_utf8_lossy(key.unwrap_or_default()).into_owned();
        tracing::warn!(key, %error, "a message is not produced: the broker would never take it");
        self.with(|outcome| outcome.refused += 1);
    }
}

impl ClientContext for Outcomes {}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) => self.with(|outcome| {
                let last = outcome.written.entry((message.topic().to_string(), message.partition())).or_default();
                *last = message.offset().max(*last);
            }),
            Err((error, message)) if is_final(error) => self.refuse(message.key(), error),
            Err((error, _)) => self.with(|outcome| outcome.failed = Some(error.clone())),
        }
    }
}

/// Whether another attempt fails in the same way.
fn is_final(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{InvalidRecord, MessageSizeTooLarge};
    matches!(error.rdkafka_error_code(), Some(MessageSizeTooLarge | InvalidRecord))
}

impl Producer {
    /// Connects by itself; a broker that is away is not an error.
    pub fn new(brokers: &str) -> Result<Producer> {
        let client: KafkaResult<BaseProducer<Outcomes>> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("acks", "all")
            .set("linger.ms", "5")
            // Kafka's own clients choose partitions so: a key is in one partition whoever writes it.
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", MESSAGE_MS.to_string())
            // The broker says what is too long.
            .set("message.max.bytes", "1000000000")
            .set("queue.buffering.max.messages", QUEUE_MESSAGES.to_string())
            .set("queue.buffering.max.kbytes", QUEUE_KBYTES.to_string())
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "2000")
            .create_with_context(Outcomes::default());
        let client =
            client.map_err(|e| Error::invalid(format!("cannot make a Kafka producer for {brokers}")).caused_by(e))?;
        log_as_ours(client.client().native_ptr());
        Ok(Producer { client, brokers: brokers.to_string() })
    }

    /// Puts a message into the queue; waits while it is full. `confirm` tells what became of it.
    ///
    /// Errors: `Unavailable` when the messages before it cannot be delivered, or it cannot be queued.
    pub fn send(&self, message: &Outgoing<'_>) -> Result<()> {
        let headers = message
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (name, value)| headers.insert(Header { key: name, value: *value }));
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(message.topic).headers(headers);
        (record.partition, record.key, record.payload) = (message.partition, message.key, message.value);
        loop {
            let error = match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) => {
                    record = back;
                    error
                }
            };
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if is_final(&error) || full && self.client.in_flight_count() == 0 {
                self.client.context().refuse(message.key, &error);
                return Ok(());
            }
            if !full {
                return Err(self.unavailable(message.topic).caused_by(error));
            }
            self.client.poll(FULL_WAIT);
            self.check()?;
        }
    }

    /// Waits until everything in the queue is delivered. Gives the number of messages that the broker will never take.
    ///
    /// Errors: `Unavailable` when something is not delivered; it may be there all the same.
    pub fn confirm(&self) -> Result<u64> {
        let flushed = self.client.flush(CONFIRM_MAX);
        self.check()?;
        flushed.map_err(|e| self.unavailable("").caused_by(e))?;
        Ok(self.client.context().with(|outcome| std::mem::take(&mut outcome.refused)))
    }

    /// The last offset that was written since the last call, by topic and partition.
    pub fn take_written(&self) -> Vec<(String, i32, i64)> {
        let written = self.client.context().with(|outcome| std::mem::take(&mut outcome.written));
        written.into_iter().map(|((topic, partition), offset)| (topic, partition, offset)).collect()
    }

    /// Serves the client while nothing is produced.
    pub fn poll(&self) {
        self.client.poll(Duration::ZERO);
    }

    fn check(&self) -> Result<()> {
        let failed = self.client.context().with(|outcome| outcome.failed.take());
        failed.map_or(Ok(()), |error| Err(self.unavailable("").caused_by(error)))
    }

    fn unavailable(&self, topic: &str) -> Error {
        let to = if topic.is_empty() { String::new() } else { format!(" to topic {topic}") };
        Error::unavailable(format!("{} does not take messages{to}", self.brokers))
    }
}
