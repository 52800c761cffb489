//! The rows of a table `WITH (retention = '400 days')`: those whose time is after `as_of` less the retention.
//!
//! Keeps the rows that are there, in the order of their time. The clock goes forward only, so a row that it has passed
//! never comes back: it is given out as gone and forgotten, and one that comes when the clock has passed it is neither
//! kept nor given out. What takes such a row out later finds nothing to do.
//! Cost: logarithmic a changed row; a tick costs the rows that it passes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{SchemaRef, TimestampMicrosecondType};

use super::{Keeps, Operator};
use crate::changes::{Changes, newest_as_of};
use crate::error::{Error, Result};
use crate::state::{ASCENDING, OrderedRows, RowCodec, Touched};

/// How far back rows are kept, by the clock.
#[derive(Debug)]
pub(super) struct Horizon {
    keep_us: i64,
    /// Rows up to this time are gone; None: the clock has not been seen.
    passed_us: Option<i64>,
}

impl Horizon {
    pub fn new(keep_us: i64) -> Self {
        Horizon { keep_us, passed_us: None }
    }

    /// Takes in the changes of the clock; the time up to which rows are gone, if that has moved.
    pub fn moved(&mut self, clock: &Changes) -> Option<i64> {
        let passed_us = newest_as_of(clock)?.saturating_sub(self.keep_us);
        let moved = self.passed_us.is_none_or(|before| before < passed_us);
        moved.then(|| *self.passed_us.insert(passed_us))
    }

    pub fn holds(&self, time_us: i64) -> bool {
        self.passed_us.is_none_or(|passed| time_us > passed)
    }
}

/// The times of these rows. Every event has one.
pub(super) fn times(changes: &Changes, column: usize) -> Result<&TimestampMicrosecondArray> {
    let times = changes.rows.column(column).as_primitive_opt::<TimestampMicrosecondType>();
    let times = times.filter(|times| times.null_count() == 0);
    times.ok_or_else(|| Error::internal("the time of an event is no timestamp"))
}

/// The rows of all keys are one group.
const ALL: u32 = 0;

/// See the module.
#[derive(Debug)]
pub struct Retained {
    schema: SchemaRef,
    time: usize,
    horizon: Horizon,
    /// The time alone, and all columns with the time first.
    time_codec: RowCodec,
    row_codec: RowCodec,
    rows: OrderedRows,
    touched: Touched,
}

impl Retained {
    /// `time`: the column of `schema` that is compared with the clock.
    pub fn new(schema: SchemaRef, time: usize, keep_us: i64) -> Result<Self> {
        Ok(Retained {
            time_codec: RowCodec::ascending(schema.clone(), &[time])?,
            row_codec: RowCodec::ordered(schema.clone(), &[], &[(time, ASCENDING)])?,
            schema,
            time,
            horizon: Horizon::new(keep_us),
            rows: OrderedRows::default(),
            touched: Touched::default(),
        })
    }

    /// Forgets the rows up to this time and gives them out as gone.
    fn expel(&mut self, passed_us: i64) -> Result<Changes> {
        let passed: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![passed_us]));
        let passed = self.time_codec.encode_arrays(&[passed], 1)?;
        let gone: Vec<(Vec<u8>, i64)> =
            self.rows.between(ALL, &[], passed.bytes(0)).map(|(row, weight)| (row.to_vec(), weight)).collect();
        for (row, weight) in &gone {
            self.rows.add(ALL, row, -weight)?;
        }
        self.touched.read += gone.len() as u64;
        self.touched.written += gone.len() as u64;
        let rows = self.row_codec.decode(gone.iter().map(|(row, _)| &row[..]))?;
        Ok(Changes::new(rows, gone.iter().map(|(_, weight)| -weight).collect()))
    }

    /// Takes changed rows in, and gives those that the clock has not passed.
    fn add(&mut self, changes: &Changes) -> Result<Changes> {
        let times = times(changes, self.time)?;
        let held = (0..changes.len() as u32).filter(|&i| self.horizon.holds(times.value(i as usize)));
        let held: Vec<u32> = held.collect();
        let changes = if held.len() == changes.len() { changes.clone() } else { changes.take(&held)? };
        let encoded = self.row_codec.encode(&changes.rows)?;
        // Insertions first: a row may come and go in one epoch, in any order.
        for insertions in [true, false] {
            for i in (0..changes.len()).filter(|&i| (changes.weights[i] > 0) == insertions) {
                self.rows.add(ALL, encoded.bytes(i), changes.weights[i])?;
            }
        }
        self.touched.written += changes.len() as u64;
        Ok(changes)
    }
}

impl Operator for Retained {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let mut parts = vec![];
        if let Some(passed_us) = self.horizon.moved(inputs[1]) {
            parts.push(self.expel(passed_us)?);
        }
        if !inputs[0].is_empty() {
            parts.push(self.add(inputs[0])?);
        }
        Changes::concat(&self.schema, &parts)
    }

    fn keeps(&self) -> Keeps {
        Keeps::Passed
    }
    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        self.rows.size()
    }
}
