//! What is published with an epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The next offset to read of a partition: every event before it is included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionOffset {
    pub topic: Arc<str>,
    pub partition: i32,
    pub next: i64,
}

/// Figures of a view at an epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewState {
    pub rows: i64,
    pub bytes: usize,
    /// Rows kept out because they could not be evaluated, here or in a view that this one reads.
    pub errors: i64,
    /// Why the view does not serve; None: it serves.
    pub failed: Option<String>,
}

/// Everything of one published epoch beside the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub run: u64,
    pub epoch: u32,
    /// Microseconds since 1970-01-01 UTC.
    pub published_at_us: i64,
    pub offsets: Vec<PartitionOffset>,
    pub views: BTreeMap<Arc<str>, ViewState>,
}

impl Snapshot {
    /// The epoch as users see it: `run.epoch`.
    pub fn epoch_name(&self) -> String {
        format!("{}.{}", self.run, self.epoch)
    }

    /// The next offset to read of a partition; None: the partition is not known here.
    pub fn next_offset(&self, topic: &str, partition: i32) -> Option<i64> {
        let found = self.offsets.iter().find(|o| o.partition == partition && *o.topic == *topic);
        found.map(|o| o.next)
    }
}
