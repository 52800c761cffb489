//! Readers of the history beside its writer: everything up to one commit, each row once, while commits and rolls go on.
//!
//! A reader pins the newest manifest: the rolled files that it knows of, then the segments of the commits that are not
//! rolled. Files stay. A segment may be rolled and deleted before it is read; then its rows are read from the file that
//! the roll wrote, by their epochs. So nothing is claimed, the writer waits for nobody, and a reader may as well be
//! another process.
//!
//! Cost: one listing of the log, and the manifests and records since the last pin; these never change, so they are
//! kept: up to 1,000 commits, and a record for every roll, some 300 bytes a file.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{Schema, SchemaRef};

use super::dataset_rows::DatasetRows;
use super::dead_letters::replayed_in;
use super::file_rows::{GroupChoice, OpenFile};
use super::log::{Commit, Log};
use super::manifest::Manifest;
use super::paths::Dataset;
use super::retention::{Dropped, keep_files};
use super::roller::{RollRecord, rolls};
use super::rows::{expanded_schema, section_schema};
use super::store::Store;
use super::tables::TableForm;
use crate::changes::Position;
use crate::error::Result;

/// Times that a pin is tried again when the writer sweeps what is just being read.
const PIN_ATTEMPTS_MAX: usize = 16;

/// Reads the history of one store. One a process: it keeps what it has read of the log.
#[derive(Debug)]
pub struct HistoryReader {
    store: Store,
    known: Mutex<Known>,
}

/// What never changes and was read already.
#[derive(Debug, Default)]
struct Known {
    rolled: Arc<Vec<RollRecord>>,
    rolled_to: u64,
    /// What was taken out of the records.
    dropped: Vec<Dropped>,
    /// The run of the newest manifest.
    run: Option<u32>,
    commits: BTreeMap<u64, Commit>,
}

/// The history up to one commit.
#[derive(Clone, Debug)]
pub struct HistoryPin {
    pub(super) store: Store,
    manifest: Arc<Manifest>,
    pub(super) rolled: Arc<Vec<RollRecord>>,
    /// The commits after the rolled ones, up to the pinned one.
    pub(super) unrolled: Arc<Vec<Commit>>,
}

impl HistoryReader {
    pub fn new(store: Store) -> HistoryReader {
        HistoryReader { store, known: Mutex::default() }
    }

    /// Everything up to the newest commit; None: there is no commit yet.
    pub fn pin(&self) -> Result<Option<HistoryPin>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut attempts = 1;
        loop {
            let Some(newest) = Log::peek(&self.store)? else {
                return Ok(None);
            };
            let found = known.follow(&self.store, &newest);
            match found {
                Ok((rolled, unrolled)) => {
                    let (store, manifest) = (self.store.clone(), Arc::new(newest));
                    return Ok(Some(HistoryPin { store, manifest, rolled, unrolled: Arc::new(unrolled) }));
                }
                // The writer has swept on. If it has not, something is missing.
                Err(_) if attempts < PIN_ATTEMPTS_MAX && Log::is_continued(&self.store, &newest)? => attempts += 1,
                Err(e) => return Err(e),
            }
        }
    }
}

impl Known {
    /// Reads on to a manifest.
    fn follow(&mut self, store: &Store, newest: &Manifest) -> Result<(Arc<Vec<RollRecord>>, Vec<Commit>)> {
        let rolled_to = newest.roller.rolled_to;
        let records = rolls(store, self.rolled_to, rolled_to)?;
        let dropped = &newest.roller.dropped;
        if !records.is_empty() || self.dropped != *dropped {
            let rolled = Arc::make_mut(&mut self.rolled);
            rolled.extend(records);
            keep_files(rolled, dropped);
            self.dropped.clone_from(dropped);
        }
        self.rolled_to = rolled_to;
        // Where another writer has taken over, a commit that was lost may have come back as another one.
        if self.run.replace(newest.run) != Some(newest.run) {
            self.commits.clear();
        }
        self.commits.retain(|number, _| *number > rolled_to && !newest.is_voided(*number));
        for number in (rolled_to + 1..newest.number).filter(|number| !newest.is_voided(*number)) {
            if let Entry::Vacant(place) = self.commits.entry(number) {
                place.insert(Log::commit(store, number)?);
            }
        }
        self.commits.insert(newest.number, Commit::of(newest));
        let commits = self.commits.range(rolled_to + 1..=newest.number).map(|(_, commit)| commit.clone());
        Ok((self.rolled.clone(), commits.collect()))
    }
}

impl HistoryPin {
    /// What its one writer sees at a start: the log, and the records of its rolls.
    pub fn of(store: &Store, log: &Log, rolled: Arc<Vec<RollRecord>>) -> HistoryPin {
        HistoryPin {
            store: store.clone(),
            manifest: Arc::new(log.newest.clone()),
            rolled,
            unrolled: Arc::new(log.unrolled.clone()),
        }
    }

    /// The dead letters of which a replay was accepted.
    pub fn replayed(&self) -> Result<BTreeSet<Position>> {
        let (mut replayed, mut rows) = (BTreeSet::new(), self.rows(&Dataset::Replays, None));
        while let Some(batch) = rows.next(&mut |_| Ok(()))? {
            replayed.extend(replayed_in(&batch)?);
        }
        Ok(replayed)
    }

    /// The commit that it stands at.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The rolls that it knows of.
    pub fn rolled(&self) -> &Arc<Vec<RollRecord>> {
        &self.rolled
    }

    /// The commits after these.
    pub fn unrolled(&self) -> &[Commit] {
        &self.unrolled
    }

    /// The columns of a dataset's rows; None: there is no row that could tell.
    pub fn schema(&self, dataset: &Dataset) -> Result<Option<SchemaRef>> {
        if let Dataset::Events(table) = dataset {
            return self.manifest.tables.get(table).map(TableForm::event_schema).transpose();
        }
        // All files of a generation, and of the dead letters, have the same columns.
        let mut files = self.rolled.iter().rev().flat_map(|record| &record.files);
        if let Some(file) = files.find(|file| file.dataset == *dataset) {
            return Ok(Some(OpenFile::open(&self.store, file)?.schema().clone()));
        }
        let first = self.rows(dataset, None).next(&mut |_| Ok(()))?;
        Ok(first.map(|rows| rows.schema()))
    }

    /// The columns of the changes of a view with these columns.
    pub fn view_schema(columns: &Schema) -> SchemaRef {
        expanded_schema(&section_schema(columns))
    }

    /// The rows of a dataset, in the order of their epochs: as stored, or with the columns of a schema (NULL where a
    /// row was stored without one).
    pub fn rows(&self, dataset: &Dataset, schema: Option<SchemaRef>) -> DatasetRows {
        DatasetRows::new(self, dataset.clone(), schema, None)
    }

    /// As `rows`, without the row groups of rolled files that the choice leaves out.
    pub fn rows_of(&self, dataset: &Dataset, schema: SchemaRef, choice: Arc<GroupChoice>) -> DatasetRows {
        DatasetRows::new(self, dataset.clone(), Some(schema), Some(choice))
    }
}
