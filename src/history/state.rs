//! State files: saved tables, so that a start need not run all events again.
//!
//! A checkpoint adds one file with what changed; of two neighbours the newer is merged into the older when it is half as
//! large, so a row is written again a logarithm of times. State is never the truth: a start that cannot use a table's
//! files computes it from the event history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use super::manifest::Segment;
use super::paths::{self, Dataset};
use super::segment::{SegmentWriter, read_section};
use super::store::Store;
use crate::error::{ErrorKind, Result};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedForm {
    /// Weights add up; else the newest rows hold.
    pub sums: bool,
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
        Some(SavedTable { name: name.as_str().into(), sums: form.sums })
    }
}

/// The state after a delta, and the bytes of its new file, if there is one. Errors: `Unavailable` when files that would
/// be merged cannot be read; nothing has changed then.
pub fn next_state(store: &Store, before: Before<'_>, delta: &StateDelta) -> Result<(StateForm, Option<Bytes>)> {
    let StateDelta { epoch, rows, tables, loaded, errors } = delta;
    let old = before.state.filter(|state| state.is_usable());
    let form = |table: &SavedTable| {
        let goes_on = before.own || loaded.contains(&table.name);
        let from = old.and_then(|old| old.tables.get(&*table.name)).filter(|_| goes_on).map(|form| form.from);
        (table.name.to_string(), SavedForm { sums: table.sums, from: from.unwrap_or(before.commit) })
    };
    let mut state = StateForm {
        version: VERSION.to_string(),
        epoch: *epoch,
        commit: before.commit,
        tables: tables.iter().map(form).collect(),
        files: old.map_or(vec![], |old| old.files.clone()),
        errors: errors.clone(),
    };
    let mut rows = rows.clone();
    // What no table needs any more goes with its file.
    let needed = state.tables.values().map(|form| form.from).min();
    state.files.retain(|file| needed.is_some_and(|from| file.commit >= from));
    let (mut file, mut bytes) = write(before, rows.clone(), state.files.is_empty())?;
    while let Some(last) = state.files.last().filter(|last| file.bytes * 2 >= last.file.bytes) {
        let mut merged = SavedRows::default();
        match read_file(store, &state, last, &mut merged) {
            Ok(()) => {}
            // It is of no use to a start, either.
            Err(error) if error.kind == ErrorKind::Data => break,
            Err(error) => return Err(error),
        }
        merged.append(rows)?;
        rows = merged;
        state.files.pop();
        (file, bytes) = write(before, rows.clone(), state.files.is_empty())?;
    }
    let bytes = (!file.sections.is_empty()).then_some(bytes);
    state.files.extend(bytes.is_some().then_some(StateFile { commit: before.commit, file }));
    Ok((state, bytes))
}

/// `whole`: no file comes before.
fn write(before: Before<'_>, rows: SavedRows, whole: bool) -> Result<(Segment, Bytes)> {
    let mut writer = SegmentWriter::default();
    for (table, rows) in rows.summed(whole)? {
        writer.push(Dataset::State(table.name.to_string()), rows)?;
    }
    let (bytes, sections) = writer.finish()?;
    let path = paths::state(before.commit, before.run).to_string();
    Ok((Segment { path, bytes: bytes.len() as u64, sections }, bytes))
}

fn read_file(store: &Store, state: &StateForm, file: &StateFile, rows: &mut SavedRows) -> Result<()> {
    for section in &file.file.sections {
        let Some(table) = state.counts(file, &section.dataset) else { continue };
        for batch in read_section(store, &file.file, section)? {
            rows.add(&table, batch?)?;
        }
    }
    Ok(())
}

/// Reads the saved tables back, each summed up; None where it has no rows. Those whose files are missing or damaged are
/// left out, with a warning: they are computed from events.
pub fn read_state(store: &Store, state: &StateForm) -> Result<Vec<(SavedTable, Option<RecordBatch>)>> {
    let mut tables = vec![];
    for (name, form) in &state.tables {
        let table = SavedTable { name: name.as_str().into(), sums: form.sums };
        match read_table(store, state, &table) {
            Ok(rows) => tables.push((table, rows)),
            Err(error) if error.kind == ErrorKind::Data => {
                tracing::warn!(%error, "saved state cannot be used; it is computed from the event history");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(tables)
}

fn read_table(store: &Store, state: &StateForm, table: &SavedTable) -> Result<Option<RecordBatch>> {
    let mut rows = SavedRows::default();
    for file in &state.files {
        for section in &file.file.sections {
            if state.counts(file, &section.dataset).is_some_and(|of| of.name == table.name) {
                for batch in read_section(store, &file.file, section)? {
                    rows.add(table, batch?)?;
                }
            }
        }
    }
    Ok(rows.summed(true)?.pop().map(|(_, rows)| rows))
}
