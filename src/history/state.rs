//! State files: saved tables, so that a start need not run all events again.
//!
//! A checkpoint adds one file with what changed. Of two neighbours the newer is merged into the older when it is half as
//! large, so a row is written again a logarithm of times; that runs beside the commits. State is never the truth: a start that cannot use a table's
//! files computes it from the event history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::manifest::Segment;
use super::paths::{self, Dataset};
use super::segment::{SegmentWriter, create_segment, read_section};
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::state::{SavedRows, SavedTable};
use crate::tasks::Stop;

/// State of another version is not used: what operators compute may have changed.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Files that a start reads at most, about.
const FILES_MAX: usize = 16;

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

    fn counts(&self, file: &StateFile, dataset: &Dataset) -> Option<SavedTable> {
        let Dataset::State(name) = dataset else { return None };
        let form = self.tables.get(name).filter(|form| file.commit >= form.from)?;
        Some(SavedTable { name: name.as_str().into(), key: form.key.clone() })
    }
}

/// The state after a delta, and the bytes of its new file, if there is one.
pub fn next_state(before: Before<'_>, delta: &StateDelta) -> Result<(StateForm, Option<Bytes>)> {
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
    let file = Segment { path, bytes: bytes.len() as u64, sections };
    state.files.push(StateFile { commit: before.commit, file });
    Ok((state, Some(bytes)))
}

fn push(writer: &mut SegmentWriter, table: &SavedTable, rows: Vec<RecordBatch>) -> Result<()> {
    rows.into_iter().try_for_each(|rows| writer.push(Dataset::State(table.name.to_string()), rows))
}

/// The newest state files, to be made one.
#[derive(Clone, Debug)]
pub struct StateMerge {
    store: Store,
    state: StateForm,
    /// How many of the state's files.
    files: usize,
    run: u32,
}

/// A file in place of those that were merged into it.
#[derive(Debug)]
pub struct MergedState {
    gone: Vec<StateFile>,
    file: StateFile,
}

impl StateMerge {
    /// The files that are due: of two neighbours the newer ones together are half as large as the older one, or there
    /// are too many.
    pub fn of(store: &Store, state: &StateForm, run: u32) -> Option<StateMerge> {
        let mut newest_first = state.files.iter().rev().map(|file| file.file.bytes);
        let (mut sum, mut files) = (newest_first.next()?, 1);
        for bytes in newest_first {
            if sum * 2 < bytes && state.files.len() <= FILES_MAX {
                break;
            }
            (sum, files) = (sum + bytes, files + 1);
        }
        (files > 1).then(|| StateMerge { store: store.clone(), state: state.clone(), files, run })
    }

    /// The object that `run` creates.
    pub fn path(&self) -> Path {
        paths::merged_state(self.state.files.last().map_or(0, |file| file.commit), self.run)
    }

    /// Reads the files and creates the one, a table at a time. Holds the largest table and the new file in memory.
    /// Errors: `Data` if a file is missing or damaged, `Unavailable` if the store is away or `stop` was raised.
    pub fn run(&self, stop: &Stop) -> Result<MergedState> {
        let store = &self.store;
        let (before, gone) = self.state.files.split_at(self.state.files.len() - self.files);
        let commit = gone.last().map_or(0, |file| file.commit);
        let mut writer = SegmentWriter::default();
        for (name, form) in &self.state.tables {
            if stop.raised() {
                return Err(Error::unavailable("told to stop"));
            }
            let table = SavedTable { name: name.as_str().into(), key: form.key.clone() };
            for (table, rows) in read_files(store, &self.state, gone, &table)?.summed(before.is_empty())? {
                push(&mut writer, &table, rows)?;
            }
        }
        let (bytes, sections) = writer.finish()?;
        let file = Segment { path: self.path().to_string(), bytes: bytes.len() as u64, sections };
        create_segment(store, &file, &bytes)?;
        Ok(MergedState { gone: gone.to_vec(), file: StateFile { commit, file } })
    }
}

impl MergedState {
    /// The object of the new file.
    pub fn path(&self) -> Path {
        self.file.file.object()
    }

    /// Names the new file in place of the old ones; nothing if these are not there any more.
    pub fn replace(self, state: &mut StateForm) {
        let place = state.files.windows(self.gone.len()).position(|files| *files == self.gone[..]);
        if let Some(place) = place {
            state.files.splice(place..place + self.gone.len(), [self.file]);
        }
    }
}

/// Reads the saved tables back, each summed up. Those whose files are missing or damaged are
/// left out, with a warning: they are computed from events.
pub fn read_state(store: &Store, state: &StateForm) -> Result<Vec<(SavedTable, Vec<RecordBatch>)>> {
    let mut tables = vec![];
    for (name, form) in &state.tables {
        let table = SavedTable { name: name.as_str().into(), key: form.key.clone() };
        match read_files(store, state, &state.files, &table).and_then(|rows| rows.summed(true)) {
            Ok(mut rows) => tables.push((table, rows.pop().map_or(vec![], |(_, rows)| rows))),
            Err(error) if error.kind == ErrorKind::Data => {
                tracing::warn!(%error, "saved state cannot be used; it is computed from the event history");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(tables)
}

fn read_files(store: &Store, state: &StateForm, files: &[StateFile], table: &SavedTable) -> Result<SavedRows> {
    let mut rows = SavedRows::default();
    for file in files {
        for section in &file.file.sections {
            if state.counts(file, &section.dataset).is_some_and(|of| of.name == table.name) {
                for batch in read_section(store, &file.file, section)? {
                    rows.add(table, batch?)?;
                }
            }
        }
    }
    Ok(rows)
}
