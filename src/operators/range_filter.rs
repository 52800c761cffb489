//! `SELECT ... FROM t CROSS JOIN clock WHERE event_time > as_of - INTERVAL '24 hours'`: rows compared with one row.
//!
//! Keeps the rows once for each comparison, in the order of the compared column. When the one row moves, only rows
//! between its old and its new value can come or go. It assumes that the one side has at most one row (its key has no
//! columns) and that nobody reads that row's columns: then nothing but these comparisons decides.
//! Cost: logarithmic a changed row; a move of the one row costs the rows that it passes, not those that it leaves alone.

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::Operator as Comparison;

use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::Compared;
use crate::state::{EncodedRows, OrderedRows, RowCodec, Touched};

/// One comparison `row column OP bound column`.
#[derive(Debug)]
struct Ordered {
    compared: Compared,
    /// The column alone, and all columns with this one first: rows of equal value are neighbours.
    value_codec: RowCodec,
    bound_codec: RowCodec,
    row_codec: RowCodec,
    rows: OrderedRows,
}

/// The rows of a comparison are one group.
const ALL: u32 = 0;

/// The one row: for each comparison its value, None if it is NULL.
type Bounds = Vec<Option<Vec<u8>>>;

/// Rows that compare true with the one row of the other side.
#[derive(Debug)]
pub struct RangeFilter {
    schema: SchemaRef,
    ordered: Vec<Ordered>,
    bounds: Option<Bounds>,
    touched: Touched,
}

impl RangeFilter {
    /// `rows` and `bounds`: the schemas of both sides; at least one comparison.
    pub fn new(rows: &SchemaRef, bounds: &SchemaRef, compared: &[Compared]) -> Result<Self> {
        let ordered = compared.iter().map(|&compared| {
            Ok(Ordered {
                compared,
                value_codec: RowCodec::ascending(rows.clone(), &[compared.column])?,
                bound_codec: RowCodec::ascending(bounds.clone(), &[compared.bound])?,
                row_codec: RowCodec::ordered(rows.clone(), &[compared.column], &[])?,
                rows: OrderedRows::default(),
            })
        });
        let ordered = ordered.collect::<Result<Vec<_>>>()?;
        Ok(RangeFilter { schema: rows.clone(), ordered, bounds: None, touched: Touched::default() })
    }

    /// The one row after these changes.
    fn moved(&self, changes: &Changes) -> Result<Option<Bounds>> {
        let encoded = self.ordered.iter().map(|o| o.bound_codec.encode(&changes.rows)).collect::<Result<Vec<_>>>()?;
        let row = |i: usize| -> Bounds {
            let value = |(o, e): (&Ordered, &EncodedRows)| {
                let valid = changes.rows.column(o.compared.bound).is_valid(i);
                valid.then(|| e.bytes(i).to_vec())
            };
            self.ordered.iter().zip(&encoded).map(value).collect()
        };
        let mut counts: Vec<(Bounds, i64)> = self.bounds.clone().map(|b| (b, 1)).into_iter().collect();
        for (i, &weight) in changes.weights.iter().enumerate() {
            let row = row(i);
            match counts.iter_mut().find(|(held, _)| *held == row) {
                Some((_, count)) => *count += weight,
                None => counts.push((row, weight)),
            }
        }
        counts.retain(|(_, count)| *count != 0);
        match counts.as_slice() {
            [] => Ok(None),
            [(row, 1)] => Ok(Some(row.clone())),
            _ => Err(Error::data("a relation of at most one row has several, or less than none (I5)")),
        }
    }

    /// What the move from the old row to the new one brings and takes.
    fn passed(&mut self, old: Option<&Bounds>, new: Option<&Bounds>) -> Result<Changes> {
        let mut parts = vec![];
        let known = |bounds: Option<&Bounds>| bounds.is_some_and(|b| b.iter().all(Option::is_some));
        let in_order = known(old) && known(new);
        for k in 0..if in_order { self.ordered.len() } else { 1 } {
            let o = &self.ordered[k];
            let range = match (old, new) {
                (Some(old), Some(new)) if in_order => {
                    let (a, b) = (old[k].as_deref().unwrap_or(&[]), new[k].as_deref().unwrap_or(&[]));
                    if a == b {
                        continue;
                    }
                    o.rows.between(ALL, a.min(b), a.max(b))
                }
                _ => o.rows.between(ALL, &[], &[]),
            };
            let (rows, weights): (Vec<&[u8]>, Vec<i64>) = range.unzip();
            self.touched.read += rows.len() as u64;
            let rows = o.row_codec.decode(rows.into_iter())?;
            let truth = self.truths(&rows, old, new)?;
            let mut positions = vec![];
            let mut signs = vec![];
            for (i, truth) in truth.iter().enumerate() {
                // A row that several comparisons pass over is taken at the first one that changed for it.
                let here = !in_order || truth.iter().position(|(before, after)| before != after) == Some(k);
                let before = old.is_some() && truth.iter().all(|t| t.0);
                let after = new.is_some() && truth.iter().all(|t| t.1);
                if here && before != after {
                    positions.push(i as u32);
                    signs.push(if after { weights[i] } else { -weights[i] });
                }
            }

            let mut part = Changes::new(rows, weights).take(&positions)?;
            part.weights = signs;
            parts.push(part);
        }
        Changes::concat(&self.schema, &parts)
    }

    /// For each row and comparison: whether it was true, whether it is.
    fn truths(&self, rows: &RecordBatch, old: Option<&Bounds>, new: Option<&Bounds>) -> Result<Vec<Vec<(bool, bool)>>> {
        let encoded = self.ordered.iter().map(|o| o.value_codec.encode(rows)).collect::<Result<Vec<_>>>()?;
        let columns: Vec<&ArrayRef> = self.ordered.iter().map(|o| rows.column(o.compared.column)).collect();
        let truth = |i: usize, k: usize, bounds: Option<&Bounds>| {
            let bound = bounds.and_then(|b| b[k].as_deref());
            columns[k].is_valid(i) && bound.is_some_and(|b| holds(self.ordered[k].compared.op, encoded[k].bytes(i), b))
        };
        let of_row = |i: usize| (0..self.ordered.len()).map(|k| (truth(i, k, old), truth(i, k, new))).collect();
        Ok((0..rows.num_rows()).map(of_row).collect())
    }

    /// Takes changed rows in, and gives those that pass.
    fn add(&mut self, changes: &Changes) -> Result<Changes> {
        for o in &mut self.ordered {
            let encoded = o.row_codec.encode(&changes.rows)?;
            // Insertions first: a row may come and go in one epoch, in any order.
            for insertions in [true, false] {
                for i in (0..changes.len()).filter(|&i| (changes.weights[i] > 0) == insertions) {
                    o.rows.add(ALL, encoded.bytes(i), changes.weights[i])?;
                }
            }
        }
        self.touched.written += (changes.len() * self.ordered.len()) as u64;
        let bounds = self.bounds.as_ref();
        let truths = self.truths(&changes.rows, None, bounds)?;
        let passes = |i: &u32| bounds.is_some() && truths[*i as usize].iter().all(|t| t.1);
        changes.take(&(0..changes.len() as u32).filter(passes).collect::<Vec<_>>())
    }
}

/// The bytes of values of one type compare as the values do.
fn holds(op: Comparison, value: &[u8], bound: &[u8]) -> bool {
    match op {
        Comparison::Lt => value < bound,
        Comparison::LtEq => value <= bound,
        Comparison::Gt => value > bound,
        _ => value >= bound,
    }
}

impl Operator for RangeFilter {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let mut parts = vec![];
        if !inputs[1].is_empty() {
            let new = self.moved(inputs[1])?;
            let old = std::mem::replace(&mut self.bounds, new.clone());
            if old != new {
                parts.push(self.passed(old.as_ref(), new.as_ref())?);
            }
        }
        if !inputs[0].is_empty() {
            parts.push(self.add(inputs[0])?);
        }
        Changes::concat(&self.schema, &parts)
    }

    fn keeps(&self) -> Keeps {
        Keeps::Inputs
    }
    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        self.ordered.iter().map(|o| o.rows.size()).sum()
    }
}
