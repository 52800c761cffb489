//! The position of a consumer: the next offset to read in each partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The next offset to read, by topic and partition. A partition that is not named has not been read yet.
/// Written as `{"topic": {"0": 12, "1": 7}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Offsets(BTreeMap<Arc<str>, BTreeMap<i32, i64>>);

type Stored = BTreeMap<String, BTreeMap<i32, i64>>;

impl From<Stored> for Offsets {
    fn from(stored: Stored) -> Self {
        Offsets(stored.into_iter().map(|(topic, next)| (topic.into(), next)).collect())
    }
}

impl From<Offsets> for Stored {
    fn from(offsets: Offsets) -> Self {
        offsets.0.into_iter().map(|(topic, next)| (topic.to_string(), next)).collect()
    }
}

impl Offsets {
    pub fn new() -> Self {
        Offsets::default()
    }

    /// The next offset to read; None: nothing was read there yet.
    pub fn get(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.get(topic)?.get(&partition).copied()
    }

    /// Sets the next offset to read.
    pub fn set(&mut self, topic: &Arc<str>, partition: i32, next: i64) {
        match self.0.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, next),
            None => self.0.entry(topic.clone()).or_default().insert(partition, next),
        };
    }

    /// Topic, partition and next offset, in order of topic and partition.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, i32, i64)> {
        self.0.iter().flat_map(|(topic, next)| next.iter().map(move |(&partition, &next)| (topic, partition, next)))
    }

    /// Number of partitions.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> FromIterator<(&'a str, i32, i64)> for Offsets {
    fn from_iter<I: IntoIterator<Item = (&'a str, i32, i64)>>(all: I) -> Self {
        let mut offsets = Offsets::new();
        for (topic, partition, next) in all {
            offsets.set(&topic.into(), partition, next);
        }
        offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_stored_by_topic_and_partition() {
        let offsets = Offsets::from_iter([("b", 10, 5), ("a", 2, 7), ("a", 10, 9)]);
        let text = serde_json::to_string(&offsets).unwrap();
        assert_eq!(text, r#"{"a":{"2":7,"10":9},"b":{"10":5}}"#);
        assert_eq!(serde_json::from_str::<Offsets>(&text).unwrap(), offsets);
    }

    #[test]
    fn unread_partitions_have_no_offset() {
        let offsets = Offsets::from_iter([("a", 0, 7)]);
        assert_eq!(offsets.get("a", 0), Some(7));
        assert_eq!(offsets.get("a", 1), None);
        assert_eq!(offsets.get("b", 0), None);
        assert_eq!(offsets.len(), 1);
        assert!(Offsets::new().is_empty());
    }
}
