//! Reading a rolled file in part: only the columns that are asked for, one row group after another.
//!
//! Memory: the encoded columns of one row group, and one batch. A flipped bit may well decode, to another value; so a
//! process reads a file through once, piece by piece, and compares its checksum, before it believes a part of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use bytes::buf::{Buf, Reader};
use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::{ChunkReader, Length};

use super::archive::rows_of_a_batch;
use super::roller::RolledFile;
use super::segment::check_bytes;
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a file's end that are read first: the footer of most files.
const FOOTER_BYTES: u64 = 64 << 10;

/// A rolled file that is whole, and whose footer is read.
pub(super) struct OpenFile {
    store: Store,
    path: Path,
    bytes: u64,
    metadata: ArrowReaderMetadata,
}

impl OpenFile {
    pub fn open(store: &Store, file: &RolledFile) -> Result<OpenFile> {
        let path = Path::from(file.path.as_str());
        store.check_once(&path, || check_bytes(store, &path, 0..file.bytes, &file.checksum))?;
        let mut wanted = FOOTER_BYTES.min(file.bytes);
        loop {
            let end = read(store, &path, file.bytes - wanted..file.bytes)?;
            let mut reader = ParquetMetaDataReader::new();
            match reader.try_parse_sized(&end, file.bytes).and_then(|()| reader.finish()) {
                Ok(metadata) => {
                    let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new());
                    let metadata = metadata.map_err(|e| damaged(&path, e))?;
                    return Ok(OpenFile { store: store.clone(), path, bytes: file.bytes, metadata });
                }
                Err(ParquetError::NeedMoreData(more)) if more as u64 > wanted && more as u64 <= file.bytes => {
                    wanted = more as u64;
                }
                Err(e) => return Err(damaged(&path, e)),
            }
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// What the footer says of the row groups.
    pub fn row_groups(&self) -> RowGroups<'_> {
        RowGroups { metadata: &self.metadata }
    }

    /// The rows with these columns; those that the file does not have are left out. Row groups that the choice leaves out
    /// are not read.
    pub fn rows(self, columns: &[&str], choice: Option<&GroupChoice>) -> FileRows {
        let schema = self.metadata.schema();
        let positions = columns.iter().filter_map(|name| Some(schema.column_with_name(name)?.0));
        let projection = ProjectionMask::roots(self.metadata.parquet_schema(), positions);
        let mut left: VecDeque<usize> = (0..self.metadata.metadata().num_row_groups()).collect();
        if let Some(choice) = choice {
            let chosen = choice(&self.row_groups());
            left.retain(|group| chosen.get(*group) != Some(&false));
        }
        FileRows { file: self, projection, left, group: None }
    }
}

/// Which row groups of a file are to be read, by what its footer says of them.
pub type GroupChoice = dyn Fn(&RowGroups<'_>) -> Vec<bool> + Send + Sync;

/// What the footer of a file says of its row groups: an array has a value a group.
pub struct RowGroups<'a> {
    metadata: &'a ArrowReaderMetadata,
}

impl RowGroups<'_> {
    pub fn count(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// Bounds of a column from below and above; None: not known.
    pub fn bounds(&self, column: &str) -> Option<(ArrayRef, ArrayRef)> {
        let (statistics, groups) = (self.statistics(column)?, self.metadata.metadata().row_groups());
        Some((statistics.row_group_mins(groups).ok()?, statistics.row_group_maxes(groups).ok()?))
    }

    pub fn null_counts(&self, column: &str) -> Option<ArrayRef> {
        let counts = self.statistics(column)?.row_group_null_counts(self.metadata.metadata().row_groups());
        counts.ok().map(|counts| Arc::new(counts) as ArrayRef)
    }

    pub fn row_counts(&self) -> ArrayRef {
        let groups = self.metadata.metadata().row_groups().iter();
        Arc::new(UInt64Array::from_iter_values(groups.map(|group| group.num_rows().unsigned_abs())))
    }

    fn statistics(&self, column: &str) -> Option<StatisticsConverter<'_>> {
        StatisticsConverter::try_new(column, self.metadata.schema(), self.metadata.parquet_schema()).ok()
    }
}

fn read(store: &Store, path: &Path, range: std::ops::Range<u64>) -> Result<Bytes> {
    store.read_range(path, range).map_err(|e| match e.kind {
        ErrorKind::NotFound => Error::data(format!("{path} is missing"))
            .hint("ask again: it may have been dropped meanwhile; if not, restore the file from a copy"),
        _ => e,
    })
}

fn damaged(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::data(format!("{path} is damaged")).hint("restore the file from a copy").caused_by(error)
}

/// The rows of a file, row group by row group.
pub(super) struct FileRows {
    file: OpenFile,
    projection: ProjectionMask,
    /// The row groups that are still to be read.
    left: VecDeque<usize>,
    group: Option<ParquetRecordBatchReader>,
}

impl FileRows {
    /// The next rows, in order; None at the end. `reserve` is told the bytes that are about to be held.
    pub fn next(&mut self, reserve: &mut dyn FnMut(u64) -> Result<()>) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(rows) = self.group.as_mut().and_then(Iterator::next) {
                return rows.map(Some).map_err(|e| damaged(&self.file.path, e));
            }
            let Some(group) = self.left.pop_front() else {
                return Ok(None);
            };
            self.group = Some(self.open_group(group, reserve)?);
        }
    }

    fn open_group(
        &self,
        number: usize,
        reserve: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<ParquetRecordBatchReader> {
        let OpenFile { store, path, bytes, metadata } = &self.file;
        let group = metadata.metadata().row_group(number);
        let ranges = (0..group.num_columns()).filter(|&leaf| self.projection.leaf_included(leaf));
        let ranges: Vec<(u64, u64)> = ranges.map(|leaf| group.column(leaf).byte_range()).collect();
        reserve(ranges.iter().map(|(_, length)| length).sum())?;
        let mut chunks = Chunks { bytes: *bytes, at: BTreeMap::new() };
        for (start, length) in ranges {
            chunks.at.insert(start, read(store, path, start..start + length)?);
        }
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata.clone())
            .with_projection(self.projection.clone())
            .with_row_groups(vec![number])
            .with_batch_size(rows_of_a_batch(metadata.metadata()));
        builder.build().map_err(|e| damaged(path, e))
    }
}

/// The column chunks that were read, at their places in the file.
struct Chunks {
    bytes: u64,
    at: BTreeMap<u64, Bytes>,
}

impl Chunks {
    /// What was read from `start` on.
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let chunk = self.at.range(..=start).next_back();
        let found = chunk.and_then(|(at, bytes)| {
            let before = usize::try_from(start - at).ok()?;
            (before <= bytes.len()).then(|| bytes.slice(before..))
        });
        found.ok_or_else(|| ParquetError::General(format!("byte {start} is in no column")))
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Chunks {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Reader<Bytes>, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let found = self.from(start)?;
        if found.len() < length {
            return Err(ParquetError::EOF(format!("{length} bytes from byte {start} on are more than a column")));
        }
        Ok(found.slice(..length))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;
    use crate::history::archive::ArchiveWriter;
    use crate::history::manifest::{CommitRange, checksum};
    use crate::history::paths::Dataset;

    fn stored(batches: &[RecordBatch]) -> (Store, RolledFile) {
        let mut writer = ArchiveWriter::new(batches[0].schema(), CommitRange { from: 1, to: 1 }).unwrap();
        batches.iter().for_each(|rows| writer.write(rows).unwrap());
        let (bytes, rows) = writer.finish().unwrap();
        let store = Store::open("memory://").unwrap();
        let (path, dataset) = ("dead_letters/x.parquet".to_string(), Dataset::DeadLetters);
        let file = RolledFile { path, dataset, rows, bytes: bytes.len() as u64, checksum: checksum(&bytes) };
        store.create(&Path::from(file.path.as_str()), bytes).unwrap();
        (store, file)
    }

    fn numbered(range: std::ops::Range<i64>) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("n", DataType::Int64, false), Field::new("t", DataType::Utf8, false)]);
        let texts = StringArray::from_iter_values(range.clone().map(|n| format!("{:07}", n * 7_919 % 1_000_003)));
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(range)), Arc::new(texts)];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    #[test]
    fn row_groups_come_one_after_another_and_only_what_is_asked_for_is_held() {
        let (store, file) = stored(&[numbered(0..300_000), numbered(300_000..600_000)]);
        for (columns, groups) in [(vec!["n"], 3), (vec!["t", "n", "missing"], 3), (vec![], 3)] {
            let mut rows = OpenFile::open(&store, &file).unwrap().rows(&columns, None);
            let (mut held, mut next) = (vec![], 0);
            let mut reserve = |bytes| {
                held.push(bytes);
                Ok(())
            };
            while let Some(batch) = rows.next(&mut reserve).unwrap() {
                if let Some(numbers) = batch.column_by_name("n") {
                    let numbers = numbers.as_primitive::<Int64Type>().values();
                    assert!(numbers.iter().copied().eq(next..next + numbers.len() as i64));
                }
                next += batch.num_rows() as i64;
            }
            assert_eq!((next, held.len()), (600_000, groups), "{columns:?}");
            let all: u64 = held.iter().sum();
            assert!(all <= file.bytes && (columns.is_empty() == (all == 0)), "{columns:?}: {all} of {}", file.bytes);
        }
    }

    #[test]
    fn row_groups_that_are_left_out_are_not_read() {
        let (store, file) = stored(&[numbered(0..300_000), numbered(300_000..600_000)]);
        let choice = |groups: &RowGroups<'_>| {
            assert_eq!((groups.count(), groups.row_counts().len()), (3, 3));
            assert!(groups.bounds("missing").is_none());
            let (_, greatest) = groups.bounds("n").unwrap();
            greatest.as_primitive::<Int64Type>().values().iter().map(|&n| n > 400_000).collect()
        };
        let mut rows = OpenFile::open(&store, &file).unwrap().rows(&["n"], Some(&choice));
        let (mut groups, mut first) = (0, None);
        let mut reserve = |_| {
            groups += 1;
            Ok(())
        };
        while let Some(batch) = rows.next(&mut reserve).unwrap() {
            first.get_or_insert(batch.column(0).as_primitive::<Int64Type>().value(0));
        }
        assert_eq!((groups, first), (2, Some(262_144)));
    }

    #[test]
    fn a_long_footer_is_read_whole_and_damage_names_the_file() {
        let names: Vec<String> = (0..900).map(|i| format!("a_column_with_a_long_name_{i}")).collect();
        let schema = Schema::new(names.iter().map(|name| Field::new(name, DataType::Int64, true)).collect::<Vec<_>>());
        let columns = names.iter().map(|_| Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef).collect();
        let (store, mut file) = stored(&[RecordBatch::try_new(Arc::new(schema), columns).unwrap()]);
        assert!(file.bytes > 2 * FOOTER_BYTES);
        let mut rows = OpenFile::open(&store, &file).unwrap().rows(&[&names[899]], None);
        assert_eq!(rows.next(&mut |_| Ok(())).unwrap().map(|rows| rows.num_rows()), Some(2));
        file.bytes -= 1;
        let error = OpenFile::open(&store, &file).err().unwrap();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Data, "dead_letters/x.parquet is damaged"));
        store.delete(&Path::from(file.path.as_str())).unwrap();
        let error = OpenFile::open(&store, &file).err().unwrap();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Data, "dead_letters/x.parquet is missing"));
    }

    #[test]
    fn a_flipped_bit_is_damage_wherever_it_is() {
        let (store, file) = stored(&[numbered(0..2_000)]);
        let path = Path::from(file.path.as_str());
        let bytes = store.read(&path).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len() / 60) {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << (at % 8);
            let other = Store::open("memory://").unwrap();
            other.create(&path, flipped).unwrap();
            let error = OpenFile::open(&other, &file).err().expect("damage");
            assert_eq!(error.message, "dead_letters/x.parquet is damaged", "byte {at}");
        }
        assert!(OpenFile::open(&store, &file).is_ok());
    }
}
