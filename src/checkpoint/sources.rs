//! Which topics the offsets are of.
//!
//! A topic that is made anew begins at offset 0 again, and two events must never have one position. So when a user
//! accepts the new topic, its events go on where those of the old one ended: the offset that Kafka calls 0 has a number
//! of ours, the origin of the partition. Everywhere but at the edge to Kafka, offsets are ours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Offsets;

/// The topics as they were when they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The id that Kafka gave each topic: another one is another topic. Old brokers give none.
    #[serde(default)]
    pub ids: BTreeMap<String, String>,
    /// What Kafka's offset 0 is to us; 0 where it is not named.
    #[serde(default)]
    pub origins: Offsets,
}

impl Sources {
    /// What Kafka's offset 0 of a partition is to us.
    pub fn origin(&self, topic: &str, partition: i32) -> i64 {
        self.origins.get(topic, partition).unwrap_or(0)
    }
}

/// The sources of a running pipeline: who fetches sets them before it hands on the first event, who commits and who
/// publishes read them.
#[derive(Clone, Debug, Default)]
pub struct SharedSources(Arc<Mutex<Arc<Sources>>>);

impl SharedSources {
    pub fn new(sources: Sources) -> Self {
        SharedSources(Arc::new(Mutex::new(Arc::new(sources))))
    }
    pub fn get(&self) -> Arc<Sources> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub fn set(&self, sources: Sources) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(sources);
    }
}
