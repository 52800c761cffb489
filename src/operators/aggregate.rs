//! `SELECT k, SUM(v) FILTER (WHERE c), COUNT(*), MAX(w) FROM t GROUP BY k`.
//!
//! Keeps for each group a hidden count of its rows, which alone decides whether it exists, and its accumulators.
//! A change adds weight times value; MIN and MAX keep their values in order, so the next one is at hand when one goes.
//! A touched group retracts its old row and gives its new one, or nothing if both are equal. A total that does not fit
//! its type keeps the group's row out, counted, until it fits again. Without GROUP BY there is always one row.
//! Cost: one probe a change, two rows a touched group; MIN and MAX add a logarithm of the values held.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;

use super::Operator;
use super::totals::{Total, TotalRows};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::{AggregateKind, Function};
use crate::state::{KeyTable, OrderedRows, RowCodec, Touched, hash_key};

/// How a function is maintained.
#[derive(Debug)]
enum Accumulator {
    Total(Total),
    /// MIN or MAX: the values of each group, in order, after the group's number.
    Extreme {
        last: bool,
        codec: RowCodec,
        values: OrderedRows,
    },
}

/// What a group looked like: its words, and the bytes of each extreme.
type Picture = (Vec<i128>, Vec<Option<Vec<u8>>>);

/// GROUP BY.
#[derive(Debug)]
pub struct Aggregate {
    schema: SchemaRef,
    functions: Vec<Function>,
    accumulators: Vec<Accumulator>,
    key_codec: RowCodec,
    keys: KeyTable,
    /// `stride` words a group; the first is the hidden count.
    words: Vec<i128>,
    stride: usize,
    /// Epoch of the last touch of each group.
    stamps: Vec<u32>,
    /// There is no GROUP BY: one group that always exists; false until its first row was given.
    global: Option<bool>,
    errors: i64,
    touched: Touched,
}

impl Aggregate {
    /// `input`: group columns first, then arguments and filters. `schema`: group columns, then one a function.
    pub fn new(input: &SchemaRef, schema: SchemaRef, functions: Vec<Function>) -> Result<Self> {
        let groups: Vec<usize> = (0..schema.fields().len() - functions.len()).collect();
        let (mut accumulators, mut stride) = (vec![], 1);
        for function in &functions {
            let argument = function
                .argument
                .map_or(DataType::Int64, |c| input.field(c).data_type().clone());
            if matches!(function.kind, AggregateKind::Min | AggregateKind::Max) {
                let column = function
                    .argument
                    .ok_or_else(|| Error::internal("MIN without an argument"))?;
                let codec = RowCodec::ascending(input.clone(), &[column])?;
                let last = function.kind == AggregateKind::Max;
                accumulators.push(Accumulator::Extreme {
                    last,
                    codec,
                    values: OrderedRows::default(),
                });
                continue;
            }
            let total = Total::new(function, stride, argument);
            stride += total.words();
            accumulators.push(Accumulator::Total(total));
        }
        Ok(Aggregate {
            global: groups.is_empty().then_some(false),
            key_codec: RowCodec::ascending(input.clone(), &groups)?,
            schema,
            functions,
            accumulators,
            keys: KeyTable::default(),
            words: vec![],
            stride,
            stamps: vec![],
            errors: 0,
            touched: Touched::default(),
        })
    }

    /// The group number of each row, and each touched group once.
    fn groups(&mut self, epoch: u32, rows: &RecordBatch) -> Result<(Vec<u32>, Vec<u32>)> {
        let encoded = self.key_codec.encode(rows)?;
        let (mut numbers, mut touched) = (Vec::with_capacity(encoded.len()), vec![]);
        let global = self.global == Some(false);
        for i in 0..encoded.len().max(usize::from(global)) {
            let key = if i < encoded.len() { encoded.bytes(i) } else { &[] };
            let number = self.keys.number(hash_key(key), key);
            if self.keys.capacity() > self.stamps.len() {
                self.stamps.push(0);
                self.words.resize(self.stamps.len() * self.stride, 0);
            }
            if self.stamps[number as usize] != epoch {
                self.stamps[number as usize] = epoch;
                touched.push(number);
            }
            if i < encoded.len() {
                numbers.push(number);
            }
        }
        self.touched.read += numbers.len() as u64;
        Ok((numbers, touched))
    }

    fn picture(&self, number: u32) -> Picture {
        let at = number as usize * self.stride;
        let extreme = |accumulator: &Accumulator| match accumulator {
            Accumulator::Total(_) => None,
            Accumulator::Extreme { last, values, .. } => {
                let group = number.to_be_bytes();
                let value = if *last {
                    values.last(&group)
                } else {
                    values.first(&group)
                };
                value.map(|v| v[group.len()..].to_vec())
            }
        };
        (
            self.words[at..at + self.stride].to_vec(),
            self.accumulators.iter().map(extreme).collect(),
        )
    }

    fn add(&mut self, input: &Changes, numbers: &[u32]) -> Result<()> {
        let starts: Vec<usize> = numbers.iter().map(|&n| n as usize * self.stride).collect();
        for (&start, &weight) in starts.iter().zip(&input.weights) {
            self.words[start] += i128::from(weight);
        }
        for (function, accumulator) in self.functions.iter().zip(&mut self.accumulators) {
            let rows = TotalRows {
                argument: function.argument.map(|c| input.rows.column(c)),
                filter: function.filter.map(|c| input.rows.column(c)),
                weights: &input.weights,
                starts: &starts,
            };
            match accumulator {
                Accumulator::Total(total) => total.add(&mut self.words, &rows)?,
                Accumulator::Extreme { codec, values, .. } => {
                    let encoded = codec.encode(&input.rows)?;
                    // Insertions first: a value may come and go in one epoch, in any order.
                    for insertions in [true, false] {
                        let of_kind = |&i: &usize| (input.weights[i] > 0) == insertions && rows.counts(i);
                        for i in (0..input.len()).filter(of_kind) {
                            let row = [&numbers[i].to_be_bytes(), encoded.bytes(i)].concat();
                            values.add(&row, input.weights[i])?;
                        }
                    }
                }
            }
        }
        self.touched.written += input.len() as u64;
        Ok(())
    }

    /// The values of a group's functions; None if it does not exist. Errors: a total does not fit.
    fn values(&self, picture: &Picture) -> Result<Option<Vec<ScalarValue>>> {
        if picture.0[0] < 0 {
            return Err(Error::internal("a group has a negative count"));
        }
        if picture.0[0] == 0 && self.global.is_none() {
            return Ok(None);
        }
        let value = |(k, accumulator): (usize, &Accumulator)| match accumulator {
            Accumulator::Total(total) => total.value(&picture.0),
            Accumulator::Extreme { codec, .. } => match &picture.1[k] {
                Some(bytes) => {
                    let decoded = codec.decode(std::iter::once(bytes.as_slice()))?;
                    Ok(ScalarValue::try_from_array(decoded.column(0), 0)?)
                }
                None => Ok(ScalarValue::try_from(&self.functions[k].output)?),
            },
        };
        self.accumulators
            .iter()
            .enumerate()
            .map(value)
            .collect::<Result<_>>()
            .map(Some)
    }

    fn output(&self, groups: &[u32], values: Vec<Vec<ScalarValue>>, weights: Vec<i64>) -> Result<Changes> {
        let keys = self.key_codec.decode(groups.iter().map(|&g| self.keys.key(g)))?;
        let mut arrays: Vec<ArrayRef> = keys.columns().to_vec();
        let mut columns: Vec<Vec<ScalarValue>> = self.functions.iter().map(|_| vec![]).collect();
        for row in values {
            columns
                .iter_mut()
                .zip(row)
                .for_each(|(column, value)| column.push(value));
        }
        for (column, function) in columns.into_iter().zip(&self.functions) {
            arrays.push(if column.is_empty() {
                datafusion::arrow::array::new_empty_array(&function.output)
            } else {
                ScalarValue::iter_to_array(column)?
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(weights.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        Ok(Changes::new(rows, weights))
    }
}

impl Operator for Aggregate {
    fn apply(&mut self, epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let input = inputs[0];
        let started = self.global != Some(false);
        let (numbers, touched) = self.groups(epoch, &input.rows)?;
        let before: Vec<Picture> = touched.iter().map(|&n| self.picture(n)).collect();
        self.add(input, &numbers)?;
        let (mut groups, mut values, mut weights, mut gone) = (vec![], vec![], vec![], vec![]);
        for (&number, old) in touched.iter().zip(&before) {
            let new = self.picture(number);
            if new.0[0] < 0 {
                return Err(Error::data("a row was taken out of a group that does not hold it (I5)"));
            }
            if new.0[0] == 0 && self.global.is_none() {
                gone.push(number);
            }
            if *old == new && started {
                continue;
            }
            for (picture, weight) in [(old, -1), (&new, 1)] {
                match self.values(picture) {
                    Ok(Some(row)) if weight > 0 || started => {
                        groups.push(number);
                        values.push(row);
                        weights.push(weight);
                    }
                    Ok(_) => {}
                    Err(_) => self.errors += weight,
                }
            }
        }
        let changes = self.output(&groups, values, weights)?;
        for number in gone {
            let at = number as usize * self.stride;
            self.words[at..at + self.stride].fill(0);
            self.keys.remove(number);
        }
        self.global = self.global.map(|_| true);
        Ok(changes)
    }

    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        let extremes = self.accumulators.iter().map(|a| match a {
            Accumulator::Extreme { values, .. } => values.size(),
            Accumulator::Total(_) => 0,
        });
        let words = self.words.capacity() * size_of::<i128>() + self.stamps.capacity() * size_of::<u32>();
        self.keys.size() + words + extremes.sum::<usize>()
    }
    fn errors(&self) -> i64 {
        self.errors
    }
}
