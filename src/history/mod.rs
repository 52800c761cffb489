//! The history: what is kept, as a log of commits and as Parquet files.
//!
//! Contract: a commit is a segment (all rows) and then a manifest (the truth); both are created once and never
//! changed. The roller turns committed segments into Parquet files that are never changed either. Each accepted event
//! is in the log or in the files exactly once, each rejected one in the dead letters exactly once (I4); a manifest
//! never names an offset whose rows are not in it or before it (I3).
//!
//! What the next start does after a crash at each step of a commit is told in `src/README.md`, "Life of a commit".

mod archive;
mod backup;
#[cfg(feature = "s3")]
mod bucket;
mod dataset_rows;
mod dead_letters;
mod delta;
mod directory;
mod events;
mod fallback;
mod file_rows;
mod heartbeat;
mod log;
mod manifest;
mod orphans;
mod past;
mod paths;
mod reader;
mod record;
mod retention;
mod roller;
mod rows;
mod segment;
mod state;
mod state_merge;
mod store;
mod tables;

pub use archive::{check_storable, read_archive};
pub use backup::{Copied, backup, restore};
pub use dataset_rows::DatasetRows;
pub use dead_letters::{dead_letters_of, replay_rows, replayed_in};
pub use delta::DeltaTable;
pub use events::{Epochs, read_events};
pub use file_rows::{GroupChoice, RowGroups};
pub use heartbeat::{Heartbeat, newest_heartbeat};
pub use log::{Commit, Log, LogEnd};
pub use manifest::{CommitRange, Delivered, Life, Manifest, RollerState, Section, Segment, ViewForm};
pub use orphans::remove_orphans;
pub use past::{Moment, PastView, moment_name};
pub use paths::{Dataset, date_of, segment as segment_path};
pub use reader::{HistoryPin, HistoryReader};
pub use record::{CheckpointMark, EpochRecord, HistorySettings, ViewChanges, ViewIdentity, epoch_number};
pub use retention::{
    Dropped, DroppedEvents, PassedEvents, all_dropped, check_retention, delete_dropped, keep_files, next_dropped,
};
pub use roller::{RollRecord, RolledFile, roll, rolls};
pub use rows::{BATCH_ROWS_MAX, dead_letter_rows, event_rows, view_rows};
pub use segment::{SegmentWriter, create_segment};
pub use state::{Before, StateDelta, StateForm, next_state, read_state};
pub use state_merge::{MergedState, StateMerge};
pub use store::{Created, Store};
pub use tables::{ColumnForm, TableForm};
