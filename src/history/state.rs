//! State files: saved tables, so that a start need not run all events again.
//!
//! A checkpoint adds one file with what changed; `state_merge` makes few of many. State is never the truth: a start that
//! cannot use a table's files computes it from the event history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use object_store::PutPayload;
use serde::{Deserialize, Serialize};

use super::manifest::{Section, Segment};
use super::paths::{self, Dataset};
use super::segment::{SegmentWriter, read_section};
use super::store::Store;
use crate::error::Result;
use crate::state::{SavedRows, SavedTable};

/// State of another version is not used: what operators compute may have changed.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The saved tables as of one epoch, as a manifest names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateForm {
    pub version: String,
    /// The last epoch that is included, as the rows of the history name it.
    pub epoch: i64,
    /// The commit that holds that epoch: later rows are in it or after it.
    pub commit: u64,
    pub tables: BTreeMap<String, SavedForm>,
    /// Oldest first.
    pub files: Vec<StateFile>,
    /// Rows kept out before the saved tables, by operator.
    pub errors: BTreeMap<String, i64>,
}

/// A saved table. Without rows it is in no file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedForm {
    /// Columns of which the newest row holds; None: weights add up.
    pub key: Option<Vec<usize>>,
    /// Files of earlier commits do not count: the table was computed anew.
    pub from: u64,
}

/// Changes of saved tables up to a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    pub commit: u64,
    pub file: Segment,
    /// Which of the changes; None: all of them. The other parts are files beside this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// Rows whose hash is in one of `of` equal ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub number: u32,
    pub of: u32,
}

impl Part {
    /// Rows of all hashes.
    pub const WHOLE: Part = Part { number: 0, of: 1 };

    /// Whether the row of a hash is in this part.
    pub fn holds(self, hash: u64) -> bool {
        (u128::from(hash) * u128::from(self.of)) >> 64 == u128::from(self.number)
    }

    /// Where it begins and ends, in units of which the other part has a whole number, too.
    fn bounds(self, other: Part) -> (u64, u64) {
        let unit = u64::from(other.of);
        (u64::from(self.number) * unit, (u64::from(self.number) + 1) * unit)
    }

    /// Whether a row can be in both.
    pub fn meets(self, other: Part) -> bool {
        let ((from, to), (other_from, other_to)) = (self.bounds(other), other.bounds(self));
        from < other_to && other_from < to
    }

    /// Whether every row of the other is in this one.
    pub fn covers(self, other: Part) -> bool {
        let ((from, to), (other_from, other_to)) = (self.bounds(other), other.bounds(self));
        from <= other_from && other_to <= to
    }
}

/// What a checkpoint adds.
#[derive(Debug)]
pub struct StateDelta {
    pub epoch: i64,
    pub rows: SavedRows,
    /// All saved tables.
    pub tables: Vec<SavedTable>,
    /// Those that go on from what was stored before.
    pub loaded: Arc<BTreeSet<Arc<str>>>,
    pub errors: BTreeMap<String, i64>,
}

/// What was stored before, and in which commit the next state will be.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    pub state: Option<&'a StateForm>,
    /// This run has stored its state already.
    pub own: bool,
    pub commit: u64,
    pub run: u32,
}

impl StateForm {
    /// Whether this version can go on from it.
    pub fn is_usable(&self) -> bool {
        self.version == VERSION
    }

    /// The saved tables.
    pub(super) fn saved_tables(&self) -> impl Iterator<Item = SavedTable> {
        self.tables.iter().map(|(name, form)| SavedTable { name: name.as_str().into(), key: form.key.clone() })
    }

    /// The sections of a file that count for a table.
    pub(super) fn sections<'a>(&self, file: &'a StateFile, table: &'a SavedTable) -> impl Iterator<Item = &'a Section> {
        let counts = self.tables.get(&*table.name).is_some_and(|form| file.commit >= form.from);
        let sections = file.file.sections.iter().filter(move |_| counts);
        sections.filter(|section| matches!(&section.dataset, Dataset::State(name) if **name == *table.name))
    }
}

/// The state after a delta, and the bytes of its new file, if there is one.
pub fn next_state(before: Before<'_>, delta: &StateDelta) -> Result<(StateForm, Option<PutPayload>)> {
    let StateDelta { epoch, rows, tables, loaded, errors } = delta;
    let old = before.state.filter(|state| state.is_usable());
    let form = |table: &SavedTable| {
        let goes_on = before.own || loaded.contains(&table.name);
        let from = old.and_then(|old| old.tables.get(&*table.name)).filter(|_| goes_on).map(|form| form.from);
        (table.name.to_string(), SavedForm { key: table.key.clone(), from: from.unwrap_or(before.commit) })
    };
    let mut state = StateForm {
        version: VERSION.to_string(),
        epoch: *epoch,
        commit: before.commit,
        tables: tables.iter().map(form).collect(),
        files: old.map_or(vec![], |old| old.files.clone()),
        errors: errors.clone(),
    };
    // What no table needs any more goes with its file.
    let needed = state.tables.values().map(|form| form.from).min();
    state.files.retain(|file| needed.is_some_and(|from| file.commit >= from));
    let mut writer = SegmentWriter::default();
    for (table, rows) in rows.clone().summed(state.files.is_empty())? {
        push(&mut writer, &table, rows)?;
    }
    let (bytes, sections) = writer.finish()?;
    if sections.is_empty() {
        return Ok((state, None));
    }
    let path = paths::state(before.commit, before.run).to_string();
    let file = Segment { path, bytes: bytes.content_length() as u64, sections };
    state.files.push(StateFile { commit: before.commit, file, part: None });
    Ok((state, Some(bytes)))
}

pub(super) fn push(writer: &mut SegmentWriter, table: &SavedTable, rows: Vec<RecordBatch>) -> Result<()> {
    rows.into_iter().try_for_each(|rows| writer.push(Dataset::State(table.name.to_string()), rows))
}

/// Reads the saved tables back one by one, each summed up. `Data` for one whose files are missing or damaged.
pub fn read_state(store: &Store, state: &StateForm) -> impl Iterator<Item = (SavedTable, Result<Vec<RecordBatch>>)> {
    state.saved_tables().map(move |table| {
        let summed = read_files(store, state, &state.files, &table).and_then(|rows| rows.summed(true));
        (table, summed.map(|mut rows| rows.pop().map_or(vec![], |(_, rows)| rows)))
    })
}

fn read_files(store: &Store, state: &StateForm, files: &[StateFile], table: &SavedTable) -> Result<SavedRows> {
    let mut rows = SavedRows::default();
    for file in files {
        for section in state.sections(file, table) {
            for batch in read_section(store, &file.file, section)? {
                rows.add(table, batch?)?;
            }
        }
    }
    Ok(rows)
}
