//! Where collected messages go.

use crate::error::Result;
use crate::ingest::{Outgoing, Producer};
use crate::network::RawMessage;

/// Takes messages; `confirm` says that all of them are safe.
pub trait Sink: Send {
    fn send(&mut self, message: &RawMessage) -> Result<()>;

    /// Waits until everything that was sent is durable.
    ///
    /// Errors: `Unavailable` when something is not; it may be all the same, and is sent again.
    fn confirm(&mut self) -> Result<()>;
}

/// Kafka, with `acks=all`.
pub struct KafkaSink {
    producer: Producer,
}

impl KafkaSink {
    /// A broker that is away is not an error.
    pub fn new(brokers: &str) -> Result<KafkaSink> {
        Ok(KafkaSink { producer: Producer::new(brokers)? })
    }
}

impl Sink for KafkaSink {
    fn send(&mut self, message: &RawMessage) -> Result<()> {
        self.producer.send(&Outgoing {
            topic: &message.topic,
            partition: None,
            key: None,
            value: Some(message.value.as_bytes()),
            headers: &[],
        })
    }

    fn confirm(&mut self) -> Result<()> {
        let refused = self.producer.confirm()?;
        if refused > 0 {
            // Another attempt would end the same; audit_fetch_recount finds the call that it is of.
            tracing::error!(refused, "messages that the broker never takes are left out");
        }
        Ok(())
    }
}
