//! `ARRAY_AGG(a ORDER BY y)`, `STDDEV(x)`, `MEDIAN(x)` ...: functions over the sorted rows of a group.
//!
//! Keeps the rows of each group in the fold's order, and the value of each group. A group whose rows changed is read
//! again, in order, and its value computed by DataFusion's function, as the batch oracle does (`Folding`). Of
//! FIRST_VALUE, LAST_VALUE, NTH_VALUE, BOOL_AND, BOOL_OR, and MIN and MAX of doubles only the rows at that end are
//! read; of MEDIAN and PERCENTILE_CONT the one or two values that they are made of, found by counting.
//! A function that fails keeps its group's row out until the group changes.
//! Cost: a logarithm a change, and for a touched group the rows that are read, of which there may be `rows_max`.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;

use super::accumulator::{GroupedChanges, Picture};
use super::totals::TotalRows;
use crate::error::{Error, Result};
use crate::planner::{Folding, Function, Reads};
use crate::state::{OrderedRows, RowCodec, Touched};

/// Rows that are decoded together, so that small groups share the cost of a call.
const READ_ROWS: usize = 4_096;

/// The rows and values of all groups for one function.
#[derive(Debug)]
pub(super) struct Folds {
    folding: Arc<Folding>,
    codec: RowCodec,
    /// Where in a decoded row the arguments are.
    arguments: Vec<usize>,
    /// The column of the first argument, if rows where it is NULL do not count.
    not_null: bool,
    output: RowCodec,
    /// The value of no rows, encoded.
    nothing: Vec<u8>,
    rows_max: usize,
    rows: OrderedRows,
    /// By the number of the group; of those behind the end there are no rows.
    values: Vec<Picture>,
    value_bytes: usize,
    /// Groups whose rows changed since the last `refresh`, in order.
    changed: Vec<u32>,
}

impl Folds {
    /// `order`: columns of `input`; `rows_max`: rows of a group that are read at most.
    pub fn new(
        function: &Function,
        folding: Arc<Folding>,
        order: &[(usize, SortOptions)],
        input: &SchemaRef,
        rows_max: usize,
    ) -> Result<Self> {
        // An argument that is the same for all rows decides nothing and need not be in the order.
        let mut order = order.to_vec();
        for &argument in &function.arguments {
            if order.iter().all(|(column, _)| *column != argument) {
                order.push((argument, SortOptions { descending: false, nulls_first: false }));
            }
        }
        let mut columns: Vec<usize> = order.iter().map(|(column, _)| *column).collect();
        columns.sort_unstable();
        let place = |argument: &usize| {
            columns.binary_search(argument).map_err(|_| Error::internal("an argument of a fold is not kept"))
        };
        let field = Field::new("value", function.output.clone(), true);
        let output = RowCodec::ascending(Arc::new(Schema::new(vec![field])), &[0])?;
        let nothing = encoded(&output, &folding.value(&[], 0)?)?;
        let codec = RowCodec::new(input.clone(), &order)?;
        Ok(Folds {
            not_null: folding.skips_nulls && !function.arguments.is_empty(),
            folding,
            codec,
            arguments: function.arguments.iter().map(place).collect::<Result<_>>()?,
            output,
            nothing: nothing.into(),
            rows_max,
            rows: OrderedRows::default(),
            values: vec![],
            value_bytes: 0,
            changed: vec![],
        })
    }

    pub fn output(&self) -> &RowCodec {
        &self.output
    }
    pub fn nothing(&self) -> &[u8] {
        &self.nothing
    }

    pub fn add(&mut self, changes: &GroupedChanges<'_>, rows: &TotalRows<'_>) -> Result<()> {
        let not_null = self.not_null;
        let counts = |i: usize| rows.passes(i) && !(not_null && rows.arguments[0].is_null(i));
        let changed = &mut self.changed;
        let touch = |i: usize, _| {
            if changed.last() != Some(&changes.numbers[i]) {
                changed.push(changes.numbers[i]);
            }
        };
        changes.keep(&mut self.rows, &self.codec, counts, touch)
    }

    /// Loads what the pictures of these groups will touch: the misses overlap here and are hits afterwards.
    pub fn warm(&self, groups: &[u32]) -> u8 {
        groups.iter().fold(0, |sum, &group| match self.values.get(group as usize) {
            Some(Picture::Value(bytes)) => bytes.iter().step_by(64).take(8).fold(sum, |sum, byte| sum ^ byte),
            _ => sum,
        })
    }

    pub fn picture(&self, group: u32) -> Picture {
        self.values.get(group as usize).cloned().unwrap_or(Picture::Nothing)
    }

    /// Computes the values of the groups that changed.
    ///
    /// Errors: `Data` when a group has more rows than may be read.
    pub fn refresh(&mut self, touched: &mut Touched) -> Result<()> {
        let changed = std::mem::take(&mut self.changed);
        let mut rest = &changed[..];
        while !rest.is_empty() {
            let pictures = self.compute(rest, touched)?;
            let (groups, later) = rest.split_at(pictures.len());
            rest = later;
            for (&group, picture) in groups.iter().zip(pictures) {
                let group = group as usize;
                if group >= self.values.len() {
                    self.values.resize(group + 1, Picture::Nothing);
                }
                self.value_bytes += picture.size();
                self.value_bytes -= std::mem::replace(&mut self.values[group], picture).size();
            }
        }
        Ok(())
    }

    /// The pictures of the first of these groups, as many as `READ_ROWS` allows, but one at least.
    fn compute(&self, groups: &[u32], touched: &mut Touched) -> Result<Vec<Picture>> {
        // Where the rows of each group are, and how many the group has.
        let (mut rows, mut found): (Vec<&[u8]>, Vec<(Range<usize>, usize)>) = (vec![], vec![]);
        for &group in groups {
            let start = rows.len();
            let count = self.read(group, &mut rows)?;
            found.push((start..rows.len(), count));
            if rows.len() >= READ_ROWS {
                break;
            }
        }
        touched.read += rows.len() as u64;
        let decoded = self.codec.decode(rows.into_iter())?;
        let (mut pictures, mut values) = (Vec::with_capacity(found.len()), vec![]);
        for (range, count) in found {
            if count == 0 {
                pictures.push(Picture::Nothing);
                continue;
            }
            let slice = |&c: &usize| decoded.column(c).slice(range.start, range.len());
            let arguments: Vec<ArrayRef> = self.arguments.iter().map(slice).collect();
            let value = match self.folding.reads {
                Reads::Places => self.folding.value_at_places(&arguments, count),
                _ => self.folding.value(&arguments, count),
            };
            // What did not fail is filled in below.
            pictures.push(Picture::Failed);
            values.extend(value.ok().map(|value| (pictures.len() - 1, value)));
        }
        let (places, values): (Vec<usize>, Vec<ScalarValue>) = values.into_iter().unzip();
        if !values.is_empty() {
            let encoded = self.output.encode_arrays(&[ScalarValue::iter_to_array(values)?], places.len())?;
            places.iter().enumerate().for_each(|(i, &place)| pictures[place] = Picture::Value(encoded.bytes(i).into()));
        }
        Ok(pictures)
    }

    /// Appends the rows of a group that decide its value, in order; gives the number of rows that it is the value of.
    fn read<'a>(&'a self, group: u32, rows: &mut Vec<&'a [u8]>) -> Result<usize> {
        let (wanted, from_the_end) = match self.folding.reads {
            Reads::Places => {
                let ranked = self.rows.ranked(group, self.folding.distinct);
                if !ranked.is_empty() {
                    rows.extend(self.folding.places(ranked.len()).filter_map(|n| ranked.get(n)));
                }
                return Ok(ranked.len());
            }
            Reads::All => (usize::MAX, false),
            Reads::First(rows) => (rows, false),
            Reads::Last(rows) => (rows, true),
        };
        let start = rows.len();
        let mut range = self.rows.iter(group);
        while rows.len() - start < wanted {
            let Some((row, weight)) = (if from_the_end { range.next_back() } else { range.next() }) else { break };
            let times = if self.folding.distinct { 1 } else { usize::try_from(weight).unwrap_or(usize::MAX) };
            let count = rows.len() - start;
            let times = times.min(wanted - count);
            if times > self.rows_max - count {
                let message = format!("a group has more than {} rows, which its function would read", self.rows_max);
                return Err(Error::data(message).hint("raise max_rows_recompute, or group by more columns"));
            }
            rows.resize(rows.len() + times, row);
        }
        if from_the_end {
            rows[start..].reverse();
        }
        Ok(rows.len() - start)
    }

    pub fn size(&self) -> usize {
        self.rows.size() + self.value_bytes + self.values.capacity() * size_of::<Picture>()
    }
}

fn encoded(codec: &RowCodec, value: &ScalarValue) -> Result<Box<[u8]>> {
    Ok(codec.encode_arrays(&[value.to_array()?], 1)?.bytes(0).into())
}
