//! `ARRAY_AGG(a ORDER BY y)`, `STDDEV(x)`, `MEDIAN(x)` ...: functions over the sorted rows of a group.
//!
//! Keeps the rows of each group in the fold's order, and the value of each group. A group whose rows changed is read
//! again, in order, and its value computed by DataFusion's function, as the batch oracle does (`Folding`). Of
//! FIRST_VALUE, LAST_VALUE, NTH_VALUE, BOOL_AND, BOOL_OR, and MIN and MAX of doubles only the rows at that end are
//! read; of MEDIAN and PERCENTILE_CONT the one or two values that they are made of, found by counting (`RankedRows`).
//! A function that fails keeps its group's row out until the group changes.
//! Cost: a logarithm a change, and for a touched group the rows that are read, of which there may be `rows_max`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_null_array};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;

use super::accumulator::{GroupedChanges, Picture};
use super::totals::TotalRows;
use crate::error::{Error, Result};
use crate::planner::{Folding, Function, Reads};
use crate::state::{OrderedRows, RankedRows, RowCodec, Touched};

/// Bytes of the number of a row's group.
const GROUP_BYTES: usize = size_of::<u32>();
/// Bytes of an entry of the values' table beside the value's own.
const ENTRY_BYTES: usize = 48;

/// The rows of all groups, each after the number of its group.
#[derive(Debug)]
enum Rows {
    Ordered(OrderedRows),
    /// Where rows are found by their number.
    Ranked(RankedRows),
}

/// The rows and values of all groups for one function.
#[derive(Debug)]
pub(super) struct Folds {
    folding: Arc<Folding>,
    /// The rows, after the number of their group.
    codec: RowCodec,
    /// Where in a decoded row the arguments are.
    arguments: Vec<usize>,
    /// The column of the first argument, if rows where it is NULL do not count.
    not_null: bool,
    output: RowCodec,
    /// The value of no rows, encoded.
    nothing: Vec<u8>,
    rows_max: usize,
    rows: Rows,
    /// Groups that are not here have no rows.
    values: HashMap<u32, Picture>,
    value_bytes: usize,
    /// Groups whose rows changed since the last `refresh`.
    changed: BTreeSet<u32>,
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
        let rows = match folding.reads {
            Reads::Places => Rows::Ranked(RankedRows::new(GROUP_BYTES + row_bytes(&codec, input, &order)?)),
            _ => Rows::Ordered(OrderedRows::default()),
        };
        Ok(Folds {
            not_null: folding.skips_nulls && !function.arguments.is_empty(),
            folding,
            codec,
            arguments: function.arguments.iter().map(place).collect::<Result<_>>()?,
            output,
            nothing: nothing.into(),
            rows_max,
            rows,
            values: HashMap::new(),
            value_bytes: 0,
            changed: BTreeSet::new(),
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
        let Folds { codec, rows: held, changed, .. } = self;
        changes.each(codec, counts, |i, row| {
            match held {
                Rows::Ordered(held) => _ = held.add(row, rows.weights[i])?,
                Rows::Ranked(held) => held.add(row, rows.weights[i])?,
            }
            changed.insert(changes.numbers[i]);
            Ok(())
        })
    }

    /// The value as of the last `refresh`.
    pub fn picture(&self, group: u32) -> Picture {
        self.values.get(&group).cloned().unwrap_or(Picture::Nothing)
    }

    /// Computes the values of the groups that changed.
    ///
    /// Errors: `Data` when a group has more rows than may be read.
    pub fn refresh(&mut self, touched: &mut Touched) -> Result<()> {
        for group in std::mem::take(&mut self.changed) {
            if let Some(Picture::Value(bytes)) = self.values.remove(&group) {
                self.value_bytes -= bytes.len();
            }
            let picture = self.compute(group, touched)?;
            if let Picture::Value(bytes) = &picture {
                self.value_bytes += bytes.len();
            }
            if picture != Picture::Nothing {
                self.values.insert(group, picture);
            }
        }
        Ok(())
    }

    fn compute(&self, group: u32, touched: &mut Touched) -> Result<Picture> {
        let group = group.to_be_bytes();
        let (value, read) = match &self.rows {
            Rows::Ordered(rows) => {
                let rows = self.read(rows, &group)?;
                let count = rows.len();
                if count == 0 {
                    return Ok(Picture::Nothing);
                }
                (self.folding.value(&self.arguments(rows)?, count), count)
            }
            Rows::Ranked(rows) => {
                let rows = rows.key(&group, self.folding.distinct);
                if rows.is_empty() {
                    return Ok(Picture::Nothing);
                }
                let places = self.folding.places(rows.len());
                let found: Vec<&[u8]> = places.filter_map(|n| Some(&rows.get(n)?[GROUP_BYTES..])).collect();
                let read = found.len();
                (self.folding.value_at_places(&self.arguments(found)?, rows.len()), read)
            }
        };
        touched.read += read as u64;
        Ok(match value {
            Ok(value) => Picture::Value(encoded(&self.output, &value)?),
            Err(_) => Picture::Failed,
        })
    }

    /// The arguments of the function in these rows, which are without their group's number.
    fn arguments(&self, rows: Vec<&[u8]>) -> Result<Vec<ArrayRef>> {
        let decoded = self.codec.decode(rows.into_iter())?;
        Ok(self.arguments.iter().map(|&c| decoded.column(c).clone()).collect())
    }

    /// The rows of a group that decide its value, in order, without the group's number.
    fn read<'a>(&self, held: &'a OrderedRows, group: &[u8]) -> Result<Vec<&'a [u8]>> {
        let (wanted, from_the_end) = match self.folding.reads {
            Reads::All | Reads::Places => (usize::MAX, false),
            Reads::First(rows) => (rows, false),
            Reads::Last(rows) => (rows, true),
        };
        let mut range = held.iter(group);
        let mut rows = vec![];
        while rows.len() < wanted {
            let Some((row, weight)) = (if from_the_end { range.next_back() } else { range.next() }) else { break };
            let times = if self.folding.distinct { 1 } else { usize::try_from(weight).unwrap_or(usize::MAX) };
            let times = times.min(wanted - rows.len());
            if times > self.rows_max - rows.len() {
                let message = format!("a group has more than {} rows, which its function would read", self.rows_max);
                return Err(Error::data(message).hint("raise max_rows_recompute, or group by more columns"));
            }
            rows.resize(rows.len() + times, &row[group.len()..]);
        }
        if from_the_end {
            rows.reverse();
        }
        Ok(rows)
    }

    pub fn size(&self) -> usize {
        let rows = match &self.rows {
            Rows::Ordered(rows) => rows.size(),
            Rows::Ranked(rows) => rows.size(),
        };
        rows + self.value_bytes + self.values.len() * ENTRY_BYTES
    }
}

/// Bytes of every row without its group's number: numbers take the same bytes whatever they are, NULL included.
fn row_bytes(codec: &RowCodec, input: &SchemaRef, order: &[(usize, SortOptions)]) -> Result<usize> {
    let nulls: Vec<ArrayRef> =
        order.iter().map(|(column, _)| new_null_array(input.field(*column).data_type(), 1)).collect();
    Ok(codec.encode_arrays(&nulls, 1)?.bytes(0).len())
}

fn encoded(codec: &RowCodec, value: &ScalarValue) -> Result<Box<[u8]>> {
    Ok(codec.encode_arrays(&[value.to_array()?], 1)?.bytes(0).into())
}
