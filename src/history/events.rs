//! Reading the event history back: all accepted events of a table, in the order of their commits.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{Int64Type, SchemaRef};

use super::archive::read_archive;
use super::log::Commit;
use super::paths::Dataset;
use super::roller::{RollRecord, read_rolled};
use super::rows::{BATCH_ROWS_MAX, fitted};
use super::segment::read_section;
use super::store::Store;
use crate::catalog::Table;
use crate::error::{Error, Result};

/// Bytes that are joined into one batch at most, so that 32-bit string offsets cannot overflow.
const JOINED_BYTES_MAX: usize = 64 << 20;

/// Epochs as rows of the history name them.
#[derive(Clone, Copy, Debug)]
pub struct Epochs {
    pub after: i64,
    pub up_to: i64,
    /// Commits before this one are known to have none of them.
    pub from_commit: u64,
}

impl Epochs {
    pub const ALL: Epochs = Epochs { after: i64::MIN, up_to: i64::MAX, from_commit: 0 };

    /// The rows of these epochs.
    fn of(self, rows: RecordBatch) -> Result<RecordBatch> {
        let epochs = rows.column_by_name("_epoch").and_then(|column| column.as_primitive_opt::<Int64Type>());
        let epochs = epochs.ok_or_else(|| Error::data("events without an epoch"))?;
        if epochs.values().iter().all(|&epoch| epoch > self.after && epoch <= self.up_to) {
            return Ok(rows);
        }
        let inside = epochs.values().iter().map(|&epoch| Some(epoch > self.after && epoch <= self.up_to)).collect();
        Ok(filter_record_batch(&rows, &inside)?)
    }
}

/// Hands on the events of a table and of some epochs with the columns of `Table::event_schema`: first those of the
/// rolled files, then those of the commits that are not rolled, in batches of at most `BATCH_ROWS_MAX` rows. Columns that a row was
/// stored without are NULL. Holds one file or one section in memory.
pub fn read_events(
    store: &Store,
    table: &Table,
    (rolled, unrolled, epochs): (&[RollRecord], &[Commit], Epochs),
    emit: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let dataset = Dataset::Events(table.name.clone());
    let schema = table.event_schema();
    let mut joiner = Joiner { schema: schema.clone(), waiting: vec![], rows: 0, bytes: 0, emit };
    let rolled = rolled.iter().filter(|record| record.commits.to >= epochs.from_commit);
    for file in rolled.flat_map(|record| &record.files).filter(|file| file.dataset == dataset) {
        for rows in read_archive(read_rolled(store, file)?)? {
            joiner.push(fitted(&epochs.of(rows?)?, &schema)?)?;
        }
    }
    let unrolled = unrolled.iter().filter(|commit| commit.number >= epochs.from_commit);
    for segment in unrolled.filter_map(|commit| commit.segment.as_ref()) {
        for section in segment.sections.iter().filter(|section| section.dataset == dataset) {
            for rows in read_section(store, segment, section)? {
                joiner.push(fitted(&epochs.of(rows?)?, &schema)?)?;
            }
        }
    }
    joiner.flush()
}

/// Joins small batches and splits large ones.
struct Joiner<F> {
    schema: SchemaRef,
    waiting: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    emit: F,
}

impl<F: FnMut(RecordBatch) -> Result<()>> Joiner<F> {
    fn push(&mut self, rows: RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < rows.num_rows() {
            let count = (BATCH_ROWS_MAX - self.rows).min(rows.num_rows() - from);
            let part = rows.slice(from, count);
            let mut bytes = 0;
            for column in part.columns() {
                bytes += column.to_data().get_slice_memory_size()?;
            }
            if self.bytes > 0 && self.bytes + bytes > JOINED_BYTES_MAX {
                self.flush()?;
                continue;
            }
            self.waiting.push(part);
            (self.rows, self.bytes, from) = (self.rows + count, self.bytes + bytes, from + count);
            if self.rows == BATCH_ROWS_MAX {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        match &self.waiting[..] {
            [] => return Ok(()),
            [one] => (self.emit)(one.clone())?,
            all => (self.emit)(concat_batches(&self.schema, all)?)?,
        }
        self.waiting.clear();
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}
