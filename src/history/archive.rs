//! Parquet files of the history: how they are written, and read back.
//!
//! A file is encoded in memory and created whole. Its bytes depend on the rows and the range of commits alone, so a
//! roll that is redone after a crash writes the same file again.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{RecordBatch, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, ParquetMetaData, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::manifest::CommitRange;
use super::rows::{BATCH_ROWS_MAX, schema_fingerprint};
use crate::error::{Error, Result};

/// Rows of a row group at most.
const ROW_GROUP_ROWS_MAX: usize = 262_144;
/// Encoded bytes of a row group at most: with the file so far, this bounds the memory of writing one.
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;
/// Bytes of a column's dictionary in a row group at most: ids and offsets, which hardly repeat, are soon written plain.
const DICTIONARY_BYTES_MAX: usize = 128 << 10;
/// Bytes of one batch read at most, before compression: far below what 32-bit string offsets can address.
const READ_BATCH_BYTES: i64 = 64 << 20;

/// A Parquet file that is being written.
pub struct ArchiveWriter {
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
}

impl ArchiveWriter {
    /// Rows come in the order of `_epoch`, which the file states.
    pub fn new(schema: SchemaRef, range: CommitRange) -> Result<Self> {
        let pair = |key: &str, value: String| KeyValue::new(format!("rebateflow.{key}"), value);
        // Parquet counts the columns inside structs, too.
        let before = |position: usize| schema.fields()[..position].iter().map(|field| leaves(field.data_type())).sum();
        let epoch = schema.column_with_name("_epoch").map(|(position, _)| before(position));
        let mut properties = WriterProperties::builder();
        // Taken once the dictionary is full: offsets and times lie close together.
        for field in schema.fields().iter().filter(|field| is_counted(field.data_type())) {
            let column = ColumnPath::from(field.name().as_str());
            properties = properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
        let properties = properties
            .set_created_by("rebateflow".to_string())
            .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(file_error)?))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
            .set_sorting_columns(
                epoch.map(|column_idx| vec![SortingColumn { column_idx, descending: false, nulls_first: false }]),
            )
            .set_key_value_metadata(Some(vec![
                pair("commits", format!("{}-{}", range.from, range.to)),
                pair("schema", schema_fingerprint(&schema)),
            ]));
        let writer = ArrowWriter::try_new(vec![], schema, Some(properties.build())).map_err(file_error)?;
        Ok(ArchiveWriter { writer, rows: 0 })
    }

    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows += rows.num_rows() as u64;
        self.writer.write(rows).map_err(file_error)
    }

    /// The file and its number of rows.
    pub fn finish(self) -> Result<(Bytes, u64)> {
        Ok((self.writer.into_inner().map_err(file_error)?.into(), self.rows))
    }
}

/// Whole numbers and times as Parquet keeps them.
fn is_counted(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int32 | DataType::Int64 | DataType::Timestamp(..))
}

/// Columns of Parquet that a column of this type takes.
fn leaves(data_type: &DataType) -> i32 {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => leaves(item.data_type()),
        _ => 1,
    }
}

/// Refused if Parquet has no place for a column: better when a view begins than when it is rolled.
pub fn check_storable(schema: &Schema, dataset: &str) -> Result<()> {
    let nullable = |field: &Arc<Field>| Field::new(field.name(), field.data_type().clone(), true);
    let schema = Arc::new(Schema::new(schema.fields().iter().map(nullable).collect::<Fields>()));
    let nulls = schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
    let row = RecordBatch::try_new(schema.clone(), nulls)?;
    let written = ArchiveWriter::new(schema, CommitRange { from: 1, to: 1 }).and_then(|mut file| file.write(&row));
    written.map_err(|e| Error::refused(format!("{dataset} cannot be kept as Parquet")).caused_by(e))
}

/// The rows of a file, in batches of at most `BATCH_ROWS_MAX` rows; fewer where rows are large.
pub fn read_archive(bytes: Bytes) -> Result<ParquetRecordBatchReader> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(file_error)?;
    let rows = rows_of_a_batch(builder.metadata());
    builder.with_batch_size(rows).build().map_err(file_error)
}

/// Rows of a batch read, so that its bytes stay below `READ_BATCH_BYTES`.
pub(super) fn rows_of_a_batch(metadata: &ParquetMetaData) -> usize {
    let held: i64 = metadata.row_groups().iter().map(|group| group.total_byte_size()).sum();
    let row_bytes = held / metadata.file_metadata().num_rows().max(1) + 1;
    let rows = (READ_BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS_MAX as i64);
    usize::try_from(rows).unwrap_or(1)
}

/// The footer of a file.
pub fn archive_footer(bytes: &Bytes) -> Result<ArrowReaderMetadata> {
    ArrowReaderMetadata::load(bytes, ArrowReaderOptions::new()).map_err(file_error)
}

/// Number of rows of a file.
pub fn archive_rows(footer: &ArrowReaderMetadata) -> u64 {
    footer.metadata().file_metadata().num_rows().unsigned_abs()
}

fn file_error(error: parquet::errors::ParquetError) -> Error {
    Error::data("a Parquet file cannot be written or read").caused_by(Arc::new(error))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::arrow::datatypes::IntervalUnit;

    use super::*;

    fn batch(range: std::ops::Range<i64>) -> RecordBatch {
        let schema =
            Schema::new(vec![Field::new("name", DataType::Utf8, true), Field::new("_epoch", DataType::Int64, false)]);
        let names = StringArray::from_iter_values(range.clone().map(|n| format!("name {n}")));
        let columns: Vec<_> = vec![Arc::new(names) as _, Arc::new(Int64Array::from_iter_values(range)) as _];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    fn written(parts: &[std::ops::Range<i64>]) -> Bytes {
        let mut writer = ArchiveWriter::new(batch(0..0).schema(), CommitRange { from: 1, to: 2 }).unwrap();
        parts.iter().for_each(|part| writer.write(&batch(part.clone())).unwrap());
        writer.finish().unwrap().0
    }

    #[test]
    fn a_file_is_the_same_each_time_and_read_back_in_order() {
        let parts = [0..10, 10..100_000];
        let bytes = written(&parts);
        assert_eq!(bytes, written(&parts));
        assert_eq!(archive_rows(&archive_footer(&bytes).unwrap()), 100_000);
        let batches = read_archive(bytes.clone()).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [65_536, 34_464]);
        assert_eq!(batches[1].column(1).as_ref(), batch(65_536..100_000).column(1).as_ref());
        let metadata = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().metadata().clone();
        assert_eq!(metadata.row_group(0).sorting_columns().unwrap()[0].column_idx, 1);
        assert!(metadata.row_group(0).column(1).statistics().is_some());
        assert!(metadata.row_group(0).column(1).encodings().any(|used| used == Encoding::DELTA_BINARY_PACKED));
    }

    #[test]
    fn large_rows_come_in_small_batches() {
        let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
        let mut writer = ArchiveWriter::new(schema.clone(), CommitRange { from: 1, to: 1 }).unwrap();
        for n in 0..30 {
            let text: String = (0..1_000_000).map(|i| char::from(b'a' + ((i * 7 + n) % 26) as u8)).collect();
            let text = StringArray::from(vec![text; 6]);
            writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(text)]).unwrap()).unwrap();
        }
        let (bytes, rows) = writer.finish().unwrap();
        let read = read_archive(bytes).unwrap().map(|batch| batch.unwrap().num_rows()).collect::<Vec<_>>();
        assert_eq!(read.iter().sum::<usize>() as u64, rows);
    }

    #[test]
    fn lists_and_structs_come_back_and_the_order_is_stated_of_the_right_column() {
        let list = DataType::new_list(DataType::Decimal128(18, 2), true);
        let pair = Fields::from(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("b", DataType::new_list(DataType::Utf8, true), true),
        ]);
        let pair = Field::new("pairs", DataType::new_list(DataType::Struct(pair), true), true);
        let epoch = Field::new("_epoch", DataType::Int64, true);
        let schema = Arc::new(Schema::new(vec![Field::new("list", list, true), pair, epoch]));
        assert!(check_storable(&schema, "view v").is_ok());
        let nulls = schema.fields().iter().map(|field| new_null_array(field.data_type(), 3)).collect();
        let rows = RecordBatch::try_new(schema.clone(), nulls).unwrap();
        let mut writer = ArchiveWriter::new(schema, CommitRange { from: 1, to: 1 }).unwrap();
        writer.write(&rows).unwrap();
        let bytes = writer.finish().unwrap().0;
        let metadata = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().metadata().clone();
        let sorted = metadata.row_group(0).sorting_columns().unwrap()[0].column_idx as usize;
        assert_eq!(metadata.file_metadata().schema_descr().column(sorted).name(), "_epoch");
        assert_eq!(read_archive(bytes).unwrap().next().unwrap().unwrap().columns(), rows.columns());
    }

    #[test]
    fn types_without_a_place_in_parquet_are_refused() {
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        let schema = Schema::new(vec![Field::new("wait", interval, true)]);
        assert!(check_storable(&schema, "view waits").unwrap_err().message.starts_with("view waits cannot be kept"));
        assert!(check_storable(&batch(0..0).schema(), "view v").is_ok());
    }
}
