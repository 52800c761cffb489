//! The history: what is kept, as a log of commits and as Parquet files.
//!
//! Contract: a commit is a segment (all rows) and then a manifest (the truth); both are created once and never
//! changed. The roller turns committed segments into Parquet files that are never changed either. Each accepted event
//! is in the log or in the files exactly once, each rejected one in the dead letters exactly once (I4); a manifest
//! never names an offset whose rows are not in it or before it (I3).
//!
//! A crash after each step of a commit, and what the next start does:
//!
//! | crash after | what the next start does |
//! |---|---|
//! | the segment | no manifest names it: deletes it, reads its events from Kafka again |
//! | the state file | no manifest names it: deletes it, goes on from the state before |
//! | the manifest | the commit holds |
//! | a manifest that decides a roll, or some of its files or Delta logs | rolls again: the same with the same contents |
//! | the record of a roll | rolls again, finds everything there, marks it done |
//! | the manifest that marks a roll done | deletes the segments and manifests of the roll |

mod archive;
mod dataset_rows;
mod delta;
mod events;
mod file_rows;
mod log;
mod manifest;
mod orphans;
mod past;
mod paths;
mod reader;
mod record;
mod roller;
mod rows;
mod segment;
mod state;
mod store;
mod tables;

pub use archive::{check_storable, read_archive};
pub use dataset_rows::DatasetRows;
pub use delta::DeltaTable;
pub use events::{Epochs, read_events};
pub use file_rows::{GroupChoice, RowGroups};
pub use log::{Commit, Log, LogEnd};
pub use manifest::{CommitRange, Life, Manifest, RollerState, Section, Segment, ViewForm};
pub use orphans::remove_orphans;
pub use past::{Moment, PastView, moment_name};
pub use paths::{Dataset, date_of, segment as segment_path};
pub use reader::{HistoryPin, HistoryReader};
pub use record::{CheckpointMark, EpochRecord, HistorySettings, ViewChanges, ViewIdentity, epoch_number};
pub use roller::{RollRecord, RolledFile, roll, rolls};
pub use rows::{BATCH_ROWS_MAX, dead_letter_rows, event_rows, view_rows};
pub use segment::SegmentWriter;
pub use state::{Before, StateDelta, StateForm, next_state, read_state};
pub use store::{Created, Store};
pub use tables::{ColumnForm, TableForm};
