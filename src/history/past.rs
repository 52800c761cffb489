//! A view as it was: its changes up to a time or an epoch, added up.
//!
//! The generation is the one that the view had then: a generation begins with the view's full contents, so the changes of
//! one are enough. Cost: every change of that generation up to then is read.
//! Memory: the rows of the view as it was, and for a moment those that were gone by then.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, SchemaRef, TimestampMicrosecondType};
use datafusion::arrow::row::{RowConverter, SortField};

use super::manifest::{Life, ViewForm};
use super::paths::Dataset;
use super::reader::HistoryPin;
use crate::error::{Error, Result};

/// Rows of a batch of a past view.
const BATCH_ROWS: usize = 8_192;
/// Bytes that a different row costs beside its own.
const ROW_BYTES: u64 = 64;

/// A point of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Microseconds since 1970-01-01 UTC: the epochs published until then.
    Time(i64),
    /// As `epoch_number`: the epochs up to this one.
    Epoch(i64),
    /// The last committed epoch.
    Last,
}

/// See `HistoryPin::view_at`.
pub struct PastView {
    /// The view's columns; None: the history has no row of it that could tell.
    pub schema: Option<SchemaRef>,
    /// Epoch and time of the last change that is included, in microseconds since 1970-01-01 UTC; None: there is none.
    pub last_change: Option<(i64, i64)>,
    converter: Option<RowConverter>,
    /// Rows in the form of the converter, which sorts by all columns, and how often each is there.
    weights: BTreeMap<Box<[u8]>, i64>,
}

impl HistoryPin {
    /// A view of the history as it was, as far as this pin knows: nothing after its commit. Its rows may take
    /// `bytes_max`.
    ///
    /// Errors: `NotFound` where the view was not kept then, `Unavailable` for one that needs more memory, `Data` for
    /// changes that do not add up.
    pub fn view_at(&self, view: &str, moment: Moment, bytes_max: u64) -> Result<PastView> {
        let views = &self.manifest().views;
        let form = views.get(view).ok_or_else(|| {
            let known: Vec<&str> = views.keys().map(String::as_str).collect();
            let hint = format!("views WITH (history = 'changes') have one; committed are: {}", known.join(", "));
            Error::not_found(format!("no history of a view {view} is committed")).hint(hint)
        })?;
        let generation = generation_at(view, form, moment)?;
        let dataset = Dataset::View { name: view.to_string(), generation };
        if self.manifest().roller.dropped.iter().any(|dropped| dropped.dataset == dataset) {
            let message = format!("the history of view {view} of that time is not kept any more");
            return Err(Error::not_found(message).hint("the setting keep_generations_days says how long it is"));
        }
        let Some(stored) = self.schema(&dataset)? else {
            return Ok(PastView { schema: None, last_change: None, converter: None, weights: BTreeMap::new() });
        };
        let columns = stored.index_of("_change").map_err(|e| Error::data("changes without _change").caused_by(e))?;
        let schema: SchemaRef = stored.project(&(0..columns).collect::<Vec<_>>())?.into();
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        let mut sum = Sum { columns, converter, weights: BTreeMap::new(), bytes: 0, bytes_max };
        let mut last_change = None;
        let mut rows = self.rows(&dataset, None);
        while let Some(rows) = rows.next(&mut |_| Ok(()))? {
            let count = rows_until(&rows, moment)?;
            sum.add(&rows.slice(0, count))?;
            last_change = moment_of(&rows, count)?.or(last_change);
            if count < rows.num_rows() {
                break;
            }
        }
        if sum.weights.values().any(|weight| *weight < 0) {
            return Err(Error::data(format!("the history of view {view} takes out rows that are not there")));
        }
        Ok(PastView { schema: Some(schema), last_change, converter: Some(sum.converter), weights: sum.weights })
    }
}

/// The generation that a view had. The first life of the manifest is its first commit.
fn generation_at(view: &str, form: &ViewForm, moment: Moment) -> Result<u32> {
    let begun = |life: &&Life| match moment {
        Moment::Time(time) => life.published_at_us <= time,
        Moment::Epoch(epoch) => life.epoch <= epoch,
        Moment::Last => true,
    };
    match form.lives.iter().rfind(begun) {
        Some(Life { generation: Some(generation), .. }) => Ok(*generation),
        Some(gone) => {
            let message = format!("view {view} was not there then: it ended at {}", name(gone));
            Err(Error::not_found(message).hint("name a time before that"))
        }
        None => {
            let first = form.lives.first().map_or(String::new(), |life| format!(" at {}", name(life)));
            let message = format!("view {view} was not there yet: it began{first}");
            Err(Error::not_found(message).hint("name a later time"))
        }
    }
}

fn name(life: &Life) -> String {
    moment_name(life.epoch, life.published_at_us)
}

/// Time and epoch as users see them.
pub fn moment_name(epoch: i64, at_us: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(at_us).unwrap_or_default();
    let time = time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    format!("{time}, epoch {}.{}", epoch >> 32, epoch & i64::from(u32::MAX))
}

fn epochs(rows: &RecordBatch) -> Result<&[i64]> {
    let column = rows.column_by_name("_epoch").ok_or_else(|| Error::data("changes without _epoch"))?;
    Ok(column.as_primitive::<Int64Type>().values())
}

fn times(rows: &RecordBatch) -> Result<&[i64]> {
    let column = rows.column_by_name("_published_at").ok_or_else(|| Error::data("changes without _published_at"))?;
    Ok(column.as_primitive::<TimestampMicrosecondType>().values())
}

/// Epoch and time of the last of the first `count` rows.
fn moment_of(rows: &RecordBatch, count: usize) -> Result<Option<(i64, i64)>> {
    let Some(last) = count.checked_sub(1) else {
        return Ok(None);
    };
    Ok(Some((epochs(rows)?[last], times(rows)?[last])))
}

/// How many of the rows are of the moment or before it: they are in the order of their epochs.
fn rows_until(rows: &RecordBatch, moment: Moment) -> Result<usize> {
    Ok(match moment {
        Moment::Last => rows.num_rows(),
        Moment::Epoch(epoch) => epochs(rows)?.partition_point(|of| *of <= epoch),
        Moment::Time(time) => times(rows)?.partition_point(|of| *of <= time),
    })
}

struct Sum {
    /// The view's columns are the first ones.
    columns: usize,
    converter: RowConverter,
    weights: BTreeMap<Box<[u8]>, i64>,
    bytes: u64,
    bytes_max: u64,
}

impl Sum {
    fn add(&mut self, rows: &RecordBatch) -> Result<()> {
        let change = rows.column(self.columns).as_string::<i32>();
        let converted = self.converter.convert_columns(&rows.columns()[..self.columns])?;
        for (row, change) in converted.iter().zip(change) {
            let weight = if change == Some("insert") { 1 } else { -1 };
            let bytes = row.as_ref().len() as u64 + ROW_BYTES;
            match self.weights.entry(row.as_ref().into()) {
                Entry::Vacant(place) => {
                    place.insert(weight);
                    self.bytes += bytes;
                }
                Entry::Occupied(mut place) if *place.get() + weight != 0 => *place.get_mut() += weight,
                Entry::Occupied(place) => {
                    place.remove();
                    self.bytes -= bytes;
                }
            }
        }
        if self.bytes > self.bytes_max {
            let message = format!("the view's rows take more than {} MiB", self.bytes_max >> 20);
            return Err(Error::unavailable(message).hint("set memory_budget_bytes higher, or read the files with SQL"));
        }
        Ok(())
    }
}

impl PastView {
    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.weights.values().map(|weight| weight.unsigned_abs()).sum()
    }

    /// The rows, sorted by all columns, in small batches.
    pub fn batches(&self) -> impl Iterator<Item = Result<RecordBatch>> {
        let (schema, converter) = (self.schema.as_ref(), self.converter.as_ref());
        let mut rows = self.weights.iter().flat_map(|(row, weight)| (0..*weight).map(move |_| row));
        std::iter::from_fn(move || {
            let (schema, converter) = schema.zip(converter)?;
            let parser = converter.parser();
            let parsed: Vec<_> = rows.by_ref().take(BATCH_ROWS).map(|row| parser.parse(row)).collect();
            if parsed.is_empty() {
                return None;
            }
            let columns = converter.convert_rows(parsed);
            Some(columns.and_then(|columns| RecordBatch::try_new(schema.clone(), columns)).map_err(Error::from))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::error::ErrorKind;

    fn life(generation: Option<u32>, epoch: i64, published_at_us: i64) -> Life {
        Life { generation, epoch, published_at_us }
    }

    #[test]
    fn the_generation_is_the_one_of_that_time() {
        let run = |run: i64| run << 32;
        let lives = vec![
            life(Some(1), run(1) + 2, 1_000_000),
            life(Some(2), run(2) + 1, 2_000_000),
            life(None, run(3) + 1, 3_000_000),
            life(Some(3), run(4) + 1, 4_000_000),
        ];
        let form = ViewForm { fingerprint: String::new(), generation: 3, sql: String::new(), live: true, lives };
        for (moment, expected) in [
            (Moment::Time(999_999), Err("was not there yet: it began at 1970-01-01T00:00:01Z, epoch 1.2")),
            (Moment::Time(1_000_000), Ok(1)),
            (Moment::Time(1_999_999), Ok(1)),
            (Moment::Time(2_000_000), Ok(2)),
            (Moment::Time(3_500_000), Err("was not there then: it ended at 1970-01-01T00:00:03Z, epoch 3.1")),
            (Moment::Time(4_000_000), Ok(3)),
            (Moment::Epoch(run(1) + 1), Err("was not there yet: it began at 1970-01-01T00:00:01Z, epoch 1.2")),
            (Moment::Epoch(run(1) + 2), Ok(1)),
            (Moment::Epoch(run(2)), Ok(1)),
            (Moment::Epoch(run(2) + 1), Ok(2)),
            (Moment::Epoch(run(3) + 9), Err("was not there then: it ended at 1970-01-01T00:00:03Z, epoch 3.1")),
            (Moment::Last, Ok(3)),
        ] {
            match (generation_at("v", &form, moment), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{moment:?}"),
                (Err(error), Err(message)) => {
                    assert_eq!((error.kind, error.message), (ErrorKind::NotFound, format!("view v {message}")));
                }
                (found, expected) => panic!("{moment:?}: {found:?}, expected {expected:?}"),
            }
        }
    }

    fn changes(rows: &[(Option<i64>, &str)]) -> RecordBatch {
        let schema =
            Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("_change", DataType::Utf8, false)]);
        let numbers: Int64Array = rows.iter().map(|row| row.0).collect();
        let change = StringArray::from_iter_values(rows.iter().map(|row| row.1));
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(change)]).unwrap()
    }

    #[test]
    fn rows_are_added_up_sorted_and_bounded() {
        let sum = |bytes_max| Sum {
            columns: 1,
            converter: RowConverter::new(vec![SortField::new(DataType::Int64)]).unwrap(),
            weights: BTreeMap::new(),
            bytes: 0,
            bytes_max,
        };
        let mut small = sum(4_096);
        small
            .add(&changes(&[(Some(5), "insert"), (None, "insert"), (Some(5), "insert"), (Some(3), "insert")]))
            .unwrap();
        small.add(&changes(&[(Some(3), "delete"), (Some(-4), "insert")])).unwrap();
        let schema = Arc::new(changes(&[]).schema().project(&[0]).unwrap());
        let converter = Some(small.converter);
        let past = PastView { schema: Some(schema), last_change: None, converter, weights: small.weights };
        let rows: Vec<RecordBatch> = past.batches().map(|batch| batch.unwrap()).collect();
        let expected = Int64Array::from(vec![None, Some(-4), Some(5), Some(5)]);
        assert_eq!((rows.len(), past.rows(), rows[0].column(0).as_ref()), (1, 4, &expected as _));
        let many: Vec<(Option<i64>, &str)> = (0..100).map(|n| (Some(n), "insert")).collect();
        assert_eq!(sum(4_096).add(&changes(&many)).unwrap_err().kind, ErrorKind::Unavailable);
    }
}
