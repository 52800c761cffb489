//! Merging state files: of two neighbours the newer is merged into the older when it is half as large, so a row is written
//! again a logarithm of times. That runs beside the commits.
//!
//! A merge goes through the large tables hash range by hash range and writes a file for each, so that it holds one range
//! and not a whole table. It makes so many that a file has about `part_bytes_max`; as their number is a power of two, the ranges of an earlier merge
//! lie within one of this merge, or the other way round. Files of a checkpoint have rows of all hashes and are read again
//! for each range; those of earlier merges are read where they have rows of the range.
//!
//! Memory: the rows of one table in one range, as often as they changed; the file that is written; a piece of one that is
//! read.

use super::manifest::Segment;
use super::paths;
use super::segment::{SectionStream, SegmentWriter, check_section, create_segment};
use super::state::{Part, StateFile, StateForm, push};
use super::store::Store;
use crate::error::{Error, Result};
use crate::state::{SavedRows, SavedTable, hashed_rows};
use crate::tasks::Stop;

/// Commits whose files a start reads at most, about.
const COMMITS_MAX: usize = 16;
/// A table is split when it is larger than this share of a file: manifests name every piece, and there are many small
/// tables.
const WHOLE_SHARE: u64 = 8;
/// Parts of a merge: a limit for names and numbers, far above what fits into memory.
const PARTS_MAX: u64 = 1 << 16;

/// The newest state files, to be merged.
#[derive(Clone, Debug)]
pub struct StateMerge {
    store: Store,
    state: StateForm,
    /// How many of the state's files.
    files: usize,
    run: u32,
    part_bytes_max: u64,
}

/// A merge that runs.
struct Merging<'a> {
    merge: &'a StateMerge,
    before: &'a [StateFile],
    gone: &'a [StateFile],
    writer: SegmentWriter,
    merged: MergedState,
}

/// Files in place of those that were merged into them.
#[derive(Debug)]
pub struct MergedState {
    gone: Vec<StateFile>,
    files: Vec<StateFile>,
    written: String,
    /// Rows of a table that were held at once, at most.
    pub rows_held: usize,
}

impl StateMerge {
    /// The files that are due: of two neighbours the newer ones together are half as large as the older one, or there
    /// are too many. The files of one merge count as one.
    pub fn of(store: &Store, state: &StateForm, run: u32, part_bytes_max: u64) -> Option<StateMerge> {
        let commits = state.files.chunk_by(|a, b| a.commit == b.commit);
        let many = commits.clone().count() > COMMITS_MAX;
        let mut newest_first = commits.rev().map(|files| (bytes(files), files.len()));
        let ((mut sum, mut files), mut commits) = (newest_first.next()?, 1);
        for (bytes, more) in newest_first {
            if sum * 2 < bytes && !many {
                break;
            }
            (sum, files, commits) = (sum + bytes, files + more, commits + 1);
        }
        (commits > 1).then(|| StateMerge { store: store.clone(), state: state.clone(), files, run, part_bytes_max })
    }

    /// How the names of the objects that `run` creates begin.
    pub fn written(&self) -> String {
        paths::merged_states(self.commit(), self.run)
    }

    fn commit(&self) -> u64 {
        self.state.files.last().map_or(0, |file| file.commit)
    }

    /// Reads the files and creates those in their place.
    /// Errors: `Data` if a file is missing or damaged, `Unavailable` if the store is away or `stop` was raised.
    pub fn run(&self, stop: &Stop) -> Result<MergedState> {
        let (before, gone) = self.state.files.split_at(self.state.files.len() - self.files);
        for file in gone {
            check_stop(stop)?;
            file.file.sections.iter().try_for_each(|section| check_section(&self.store, &file.file, section))?;
        }
        let limit = self.part_bytes_max.max(1);
        let bytes_of = |table: &SavedTable| -> u64 {
            gone.iter().flat_map(|file| self.state.sections(file, table)).map(|section| section.length).sum()
        };
        let tables = self.state.saved_tables().map(|table| (bytes_of(&table), table));
        let (large, small): (Vec<_>, Vec<_>) = tables.partition(|(bytes, _)| *bytes > limit / WHOLE_SHARE);
        let large_bytes: u64 = large.iter().map(|(bytes, _)| bytes).sum();
        let of = large_bytes.div_ceil(limit).next_power_of_two().clamp(1, PARTS_MAX) as u32;
        let mut merging =
            Merging { merge: self, before, gone, writer: SegmentWriter::default(), merged: self.nothing() };
        for (_, table) in &small {
            check_stop(stop)?;
            merging.add(table, Part::WHOLE)?;
            if merging.writer.bytes() >= limit {
                merging.create(Part::WHOLE)?;
            }
        }
        if of > 1 {
            merging.create(Part::WHOLE)?;
        }
        for part in (0..of).map(|number| Part { number, of }) {
            for (_, table) in &large {
                check_stop(stop)?;
                merging.add(table, part)?;
            }
            merging.create(part)?;
        }
        Ok(merging.merged)
    }

    fn nothing(&self) -> MergedState {
        let gone = self.state.files[self.state.files.len() - self.files..].to_vec();
        MergedState { gone, files: vec![], written: self.written(), rows_held: 0 }
    }

    /// The rows of a table in a part, as they came.
    fn read(&self, gone: &[StateFile], table: &SavedTable, part: Part) -> Result<SavedRows> {
        let mut rows = SavedRows::default();
        for file in gone {
            let stored = file.part.unwrap_or(Part::WHOLE);
            for section in self.state.sections(file, table).filter(|_| part.meets(stored)) {
                let mut batches = SectionStream::new(&self.store, &file.file, section);
                while let Some(batch) = batches.next()? {
                    let batch =
                        if part.covers(stored) { batch } else { hashed_rows(table, &batch, |h| part.holds(h))? };
                    rows.add(table, batch)?;
                }
            }
        }
        Ok(rows)
    }
}

impl Merging<'_> {
    /// Adds a table's rows of a part.
    fn add(&mut self, table: &SavedTable, part: Part) -> Result<()> {
        let rows = self.merge.read(self.gone, table, part)?;
        self.merged.rows_held = self.merged.rows_held.max(rows.len());
        for (table, rows) in rows.summed(self.before.is_empty())? {
            push(&mut self.writer, &table, rows)?;
        }
        Ok(())
    }

    /// Creates a file of what was added, if that are rows.
    fn create(&mut self, part: Part) -> Result<()> {
        let (bytes, sections) = std::mem::take(&mut self.writer).finish()?;
        if sections.is_empty() {
            return Ok(());
        }
        let (commit, number) = (self.merge.commit(), self.merged.files.len());
        let path = paths::merged_state(commit, self.merge.run, number).to_string();
        let file = Segment { path, bytes: bytes.content_length() as u64, sections };
        create_segment(&self.merge.store, &file, &bytes)?;
        self.merged.files.push(StateFile { commit, file, part: (part != Part::WHOLE).then_some(part) });
        Ok(())
    }
}

impl MergedState {
    /// How the names of the new objects begin.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Names the new files in place of the old ones; nothing if these are not there any more.
    pub fn replace(self, state: &mut StateForm) {
        let place = state.files.windows(self.gone.len()).position(|files| *files == self.gone[..]);
        if let Some(place) = place {
            state.files.splice(place..place + self.gone.len(), self.files);
        }
    }
}

fn bytes(files: &[StateFile]) -> u64 {
    files.iter().map(|file| file.file.bytes).sum()
}

fn check_stop(stop: &Stop) -> Result<()> {
    if stop.raised() { Err(Error::unavailable("told to stop")) } else { Ok(()) }
}

#[cfg(test)]
#[path = "state_merge_tests.rs"]
mod tests;
