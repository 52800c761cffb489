//! The rows of one dataset up to a pinned commit.
//!
//! Rolled files first, then the sections of the commits that are not rolled. When a segment is gone, its rows and those
//! of the commits after it are in the files of the rolls since: of these the rows whose epoch is later than the last one
//! read and not later than the pinned one.
//!
//! Memory: the columns of one row group, or one section; and one batch.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Int64Type, SchemaRef};

use super::file_rows::{FileRows, GroupChoice, OpenFile};
use super::log::Log;
use super::manifest::{Section, Segment};
use super::paths::Dataset;
use super::reader::HistoryPin;
use super::roller::{RolledFile, rolls};
use super::rows::{Expanded, fitted};
use super::segment::{SectionRows, find_section, missing};
use crate::error::{Error, Result};

/// See the module.
pub struct DatasetRows {
    pin: HistoryPin,
    dataset: Dataset,
    /// The columns to give; None: those stored.
    schema: Option<SchemaRef>,
    choice: Option<Arc<GroupChoice>>,
    sources: VecDeque<Source>,
    open: Option<Open>,
    /// The last epoch of the commits whose sections were read.
    read_to: i64,
}

enum Source {
    File(RolledFile),
    /// A file of a roll after the pin: only the rows of these epochs, after the first and up to the second.
    Part(RolledFile, (i64, i64)),
    Section(SectionPlace),
}

/// One section of a commit.
struct SectionPlace {
    commit: u64,
    epoch: i64,
    segment: Segment,
    section: Section,
}

enum Open {
    File(FileRows, Option<(i64, i64)>),
    Section(SectionRows, i64),
    /// A view's rows, each as often as its weight says.
    Expanded(SectionRows, i64, Option<Expanded>),
}

impl DatasetRows {
    pub(super) fn new(
        pin: &HistoryPin,
        dataset: Dataset,
        schema: Option<SchemaRef>,
        choice: Option<Arc<GroupChoice>>,
    ) -> DatasetRows {
        let mut sources = VecDeque::new();
        let files = pin.rolled.iter().flat_map(|record| &record.files).filter(|file| file.dataset == dataset);
        sources.extend(files.cloned().map(Source::File));
        for commit in pin.unrolled.iter() {
            if let Some(segment) = &commit.segment {
                let sections = segment.sections.iter().filter(|section| section.dataset == dataset);
                sources.extend(sections.map(|section| {
                    let (segment, section) = (segment.clone(), section.clone());
                    Source::Section(SectionPlace { commit: commit.number, epoch: commit.epoch, segment, section })
                }));
            }
        }
        DatasetRows { pin: pin.clone(), dataset, schema, choice, sources, open: None, read_to: i64::MIN }
    }

    /// Leaves out the rows of the commits up to this one. Those of the commits behind it that were rolled together with
    /// earlier ones come with them: `_epoch` tells them apart.
    pub fn after_commit(mut self, commit: u64) -> DatasetRows {
        let old = self.pin.rolled.iter().filter(|record| record.commits.to <= commit);
        let old: BTreeSet<&str> = old.flat_map(|record| &record.files).map(|file| file.path.as_str()).collect();
        self.sources.retain(|source| match source {
            Source::File(file) | Source::Part(file, _) => !old.contains(file.path.as_str()),
            Source::Section(place) => place.commit > commit,
        });
        self
    }

    /// The next rows; None at the end. `reserve` is told the bytes that are about to be held in place of those before,
    /// and may refuse.
    pub fn next(&mut self, reserve: &mut dyn FnMut(u64) -> Result<()>) -> Result<Option<RecordBatch>> {
        loop {
            let rows = match &mut self.open {
                None => None,
                Some(open) => open.next(reserve)?,
            };
            if let Some(rows) = rows {
                match &self.schema {
                    _ if rows.num_rows() == 0 => continue,
                    Some(schema) => return fitted(&rows, schema).map(Some),
                    None => return Ok(Some(rows)),
                }
            }
            if let Some(Open::Section(_, epoch) | Open::Expanded(_, epoch, _)) = self.open {
                self.read_to = epoch;
            }
            self.open = match self.sources.pop_front() {
                None => return Ok(None),
                Some(source) => self.open(source, reserve)?,
            };
        }
    }

    /// Opens a source; None: others have taken its place.
    fn open(&mut self, source: Source, reserve: &mut dyn FnMut(u64) -> Result<()>) -> Result<Option<Open>> {
        let place = match source {
            Source::File(file) => return self.open_file(&file, None).map(Some),
            Source::Part(file, epochs) => return self.open_file(&file, Some(epochs)).map(Some),
            Source::Section(place) => place,
        };
        reserve(place.section.length)?;
        let Some(rows) = find_section(&self.pin.store, &place.segment, &place.section)? else {
            self.follow(&place)?;
            return Ok(None);
        };
        Ok(Some(match self.dataset {
            Dataset::View { .. } => Open::Expanded(rows, place.epoch, None),
            _ => Open::Section(rows, place.epoch),
        }))
    }

    fn open_file(&self, file: &RolledFile, epochs: Option<(i64, i64)>) -> Result<Open> {
        let file = OpenFile::open(&self.pin.store, file)?;
        let stored = file.schema().clone();
        let wanted = self.schema.as_ref().unwrap_or(&stored);
        let mut columns: Vec<&str> = wanted.fields().iter().map(|field| field.name().as_str()).collect();
        if epochs.is_some() {
            columns.push("_epoch");
        }
        Ok(Open::File(file.rows(&columns, self.choice.as_deref()), epochs))
    }

    /// Puts the files of the rolls since the pin in the place of the sections that they hold.
    fn follow(&mut self, gone: &SectionPlace) -> Result<()> {
        let store = &self.pin.store;
        let (pinned, before) = (self.pin.manifest(), self.pin.manifest().roller.rolled_to);
        let newest = Log::peek(store)?.ok_or_else(|| missing(&gone.segment))?;
        if newest.is_voided(pinned.number) {
            let message = format!("commit {} was given up: the log was damaged", pinned.number);
            return Err(Error::data(message).hint("read again: the answer is then of a later commit"));
        }
        let mut records = rolls(store, before, newest.roller.rolled_to)?;
        records.retain(|record| record.commits.to >= gone.commit && record.commits.from <= pinned.number);
        let Some(rolled_to) = records.last().map(|record| record.commits.to) else {
            return Err(missing(&gone.segment));
        };
        self.sources.retain(|source| matches!(source, Source::Section(place) if place.commit > rolled_to));
        let epochs = (self.read_to, pinned.epoch_number());
        let files = records.into_iter().flat_map(|record| record.files).filter(|file| file.dataset == self.dataset);
        let parts: Vec<Source> = files.map(|file| Source::Part(file, epochs)).collect();
        parts.into_iter().rev().for_each(|part| self.sources.push_front(part));
        Ok(())
    }
}

impl Open {
    fn next(&mut self, reserve: &mut dyn FnMut(u64) -> Result<()>) -> Result<Option<RecordBatch>> {
        match self {
            Open::File(file, None) => file.next(reserve),
            Open::File(file, Some(epochs)) => file.next(reserve)?.map(|rows| of_epochs(&rows, *epochs)).transpose(),
            Open::Section(rows, _) => Ok(rows.next().transpose()?),
            Open::Expanded(rows, _, expanded) => loop {
                if let Some(rows) = expanded.as_mut().and_then(Iterator::next) {
                    return rows.map(Some);
                }
                match rows.next().transpose()? {
                    None => return Ok(None),
                    Some(rows) => *expanded = Some(Expanded::new(rows)?),
                }
            },
        }
    }
}

/// The rows of the epochs after the first and up to the second.
fn of_epochs(rows: &RecordBatch, (after, until): (i64, i64)) -> Result<RecordBatch> {
    let epochs = rows.column_by_name("_epoch").ok_or_else(|| Error::data("a rolled file has no _epoch"))?;
    let epochs = epochs.as_primitive::<Int64Type>().values();
    let inside: BooleanArray = epochs.iter().map(|epoch| Some(*epoch > after && *epoch <= until)).collect();
    Ok(filter_record_batch(rows, &inside)?)
}
