//! What the dataflow hands to the history after each published epoch, and the settings of the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{Int32Type, Int64Type};

use crate::changes::{Changes, DeadLetter, EventBatch, Replay};
use crate::checkpoint::{Counted, Offsets};
use crate::state::{SavedRows, SavedTable};

/// Everything that one published epoch adds to the history.
#[derive(Clone, Debug)]
pub struct EpochRecord {
    pub epoch: u32,
    /// Wall time of the publication, in microseconds since 1970-01-01 UTC.
    pub published_at_us: i64,
    /// Accepted events.
    pub events: Vec<EventBatch>,
    /// Rejected events.
    pub dead_letters: Vec<DeadLetter>,
    /// Messages that replay dead letters: those that are events, and those without effect.
    pub replays: Vec<Replay>,
    /// Changes of the views that are kept (`history = 'changes'`).
    pub view_changes: Vec<ViewChanges>,
    /// The next offsets to read after this epoch.
    pub offsets: Offsets,
    /// The row of the table `clock`, in microseconds since 1970-01-01 UTC.
    pub as_of_us: i64,
    /// Changes of saved tables.
    pub state: SavedRows,
    /// A checkpoint is to be made of this epoch: `state` has the totals, too.
    pub checkpoint: Option<CheckpointMark>,
}

/// What a checkpoint holds beside the changes of saved tables.
#[derive(Clone, Debug)]
pub struct CheckpointMark {
    /// All saved tables.
    pub tables: Vec<SavedTable>,
    /// Those that were given back at the start of this run; the others were computed anew.
    pub loaded: Arc<BTreeSet<Arc<str>>>,
    pub errors: BTreeMap<String, i64>,
}

/// Changes of one view in one epoch.
#[derive(Clone, Debug)]
pub struct ViewChanges {
    pub view: Arc<str>,
    /// As `Recovered::generations` says.
    pub generation: u32,
    pub changes: Changes,
}

/// A view whose changes are kept, as the planner knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewIdentity {
    pub name: String,
    /// Fingerprint of the canonical plan.
    pub fingerprint: String,
    /// Text of its definition.
    pub sql: String,
}

/// When the history is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySettings {
    /// Milliseconds between two commits.
    pub commit_every_ms: u64,
    /// Bytes of committed segments that begin a roll.
    pub roll_bytes: u64,
    /// Milliseconds after which even a small segment is rolled.
    pub roll_after_ms: u64,
    /// Milliseconds between two checkpoints of the state.
    pub checkpoint_every_ms: u64,
    /// Events after which there is one before that time.
    pub checkpoint_events_max: usize,
    /// Days that dead letters are kept; 0: for ever.
    pub keep_dead_letters_days: u32,
    /// Days that the changes of a view's generation are kept after its end; 0: for ever.
    pub keep_generations_days: u32,
    /// Off: nothing at all is written, and a start finds nothing.
    pub enabled: bool,
}

impl Default for HistorySettings {
    fn default() -> Self {
        HistorySettings {
            commit_every_ms: 2_000,
            roll_bytes: 128 << 20,
            roll_after_ms: 300_000,
            checkpoint_every_ms: 10_000,
            checkpoint_events_max: 1_000_000,
            keep_dead_letters_days: 0,
            keep_generations_days: 0,
            enabled: true,
        }
    }
}

impl EpochRecord {
    /// All messages, accepted, rejected or without effect, by partition.
    pub fn counted(&self) -> Counted {
        let mut counted = Counted::default();
        for EventBatch { table, rows } in &self.events {
            let topic: Arc<str> = table.topic.as_str().into();
            let (Some(partitions), Some(offsets)) = (rows.column_by_name("_partition"), rows.column_by_name("_offset"))
            else {
                continue;
            };
            let partitions = partitions.as_primitive::<Int32Type>().values();
            let mut offsets = offsets.as_primitive::<Int64Type>().values().iter().copied();
            // Messages come in runs of one partition.
            for run in partitions.chunk_by(|a, b| a == b) {
                counted.add(&topic, run[0], offsets.by_ref().take(run.len()));
            }
        }
        for letter in &self.dead_letters {
            counted.add(&letter.position.topic, letter.position.partition, [letter.position.offset]);
        }
        // Those that are accepted are among the events.
        for Replay { position, .. } in self.replays.iter().filter(|replay| !replay.accepted) {
            counted.add(&position.topic, position.partition, [position.offset]);
        }
        counted
    }
}

/// The number of an epoch in the history: unlike the epoch alone it never means two things, and it grows from run to
/// run. The upper 32 bits are the run, the lower ones the epoch.
pub fn epoch_number(run: u32, epoch: u32) -> i64 {
    (u64::from(run) << 32 | u64::from(epoch)).cast_signed()
}
