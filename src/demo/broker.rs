//! The embedded broker: librdkafka's mock cluster, listening on a free port of the loopback interface.
//!
//! It keeps 5 MiB and 100,000 messages a partition and drops the oldest beyond that, whether they were read or not:
//! `Feed` sees to it that this never happens. It is a demo's broker, not a proof of anything.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::error::{Error, Result};

/// Partitions of each topic.
pub const PARTITIONS: i32 = 4;

/// A broker inside this process; it ends when dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts a broker with these topics, empty.
    pub fn start(topics: &[&str]) -> Result<Self> {
        let cluster =
            MockCluster::new(1).map_err(|e| Error::unavailable("cannot start the embedded broker").caused_by(e))?;
        for topic in topics {
            let failed =
                |e| Error::internal(format!("cannot create topic {topic} in the embedded broker")).caused_by(e);
            cluster.create_topic(topic, PARTITIONS, 1).map_err(failed)?;
        }
        Ok(EmbeddedBroker { cluster })
    }

    /// What a client needs to connect: `host:port`.
    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
