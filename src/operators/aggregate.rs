//! `SELECT k, SUM(v) FILTER (WHERE c), COUNT(*), MAX(w) FROM t GROUP BY k`.
//!
//! Keeps for each group a hidden count of its rows, which alone decides whether it exists, and its accumulators.
//! A change adds weight times value; MIN and MAX keep their values in order, so the next one is at hand when one goes.
//! A touched group retracts its old row and gives its new one, or nothing if both are equal. A total that does not fit
//! its type keeps the group's row out, counted, until it fits again. Without GROUP BY there is always one row.
//! Cost: one probe a change, two rows a touched group; MIN and MAX add a logarithm of the values held.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::Operator;
use super::totals::{Total, TotalRows};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::{AggregateKind, Function};
use crate::state::{KeyTable, OrderedRows, RowCodec, Touched, hash_key};

/// Groups whose memory is loaded ahead of their use.
const WARM_ROWS: usize = 256;

/// How a function is maintained.
#[derive(Debug)]
enum Accumulator {
    Total(Total),
    /// MIN or MAX: the values of each group, in order, after the group's number.
    Extreme {
        last: bool,
        codec: RowCodec,
        /// NULL, encoded.
        null: Vec<u8>,
        values: OrderedRows,
    },
}

/// What touched groups looked like: `stride` words each, and for each group the bytes of each extreme.
struct Pictures {
    words: Vec<i128>,
    extremes: Vec<Vec<Option<Vec<u8>>>>,
}

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
            let argument = function.argument.map_or(DataType::Int64, |c| input.field(c).data_type().clone());
            if matches!(function.kind, AggregateKind::Min | AggregateKind::Max) {
                let column = function.argument.ok_or_else(|| Error::internal("MIN without an argument"))?;
                let codec = RowCodec::ascending(input.clone(), &[column])?;
                let null = new_null_array(input.field(column).data_type(), 1);
                let null = codec.encode_arrays(&[null], 1)?.bytes(0).to_vec();
                let last = function.kind == AggregateKind::Max;
                accumulators.push(Accumulator::Extreme { last, codec, null, values: OrderedRows::default() });
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
        let hashes: Vec<u64> = (0..encoded.len()).map(|i| hash_key(encoded.bytes(i))).collect();
        for i in 0..encoded.len().max(usize::from(global)) {
            if i % WARM_ROWS == 0 {
                std::hint::black_box(self.keys.warm(&hashes[i..encoded.len().min(i + WARM_ROWS)]));
            }
            let (hash, key) = if i < encoded.len() { (hashes[i], encoded.bytes(i)) } else { (hash_key(&[]), &[][..]) };
            let number = self.keys.number(hash, key);
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

    fn pictures(&self, groups: &[u32]) -> Pictures {
        let mut words = Vec::with_capacity(groups.len() * self.stride);
        for &number in groups {
            words.extend_from_slice(self.words_of(number));
        }
        let extremes = self.accumulators.iter().filter_map(|accumulator| match accumulator {
            Accumulator::Total(_) => None,
            Accumulator::Extreme { last, values, .. } => {
                let value = |number: &u32| {
                    let group = number.to_be_bytes();
                    let value = if *last { values.last(&group) } else { values.first(&group) };
                    value.map(|v| v[group.len()..].to_vec())
                };
                Some(groups.iter().map(value).collect())
            }
        });
        Pictures { extremes: extremes.collect(), words }
    }

    fn words_of(&self, number: u32) -> &[i128] {
        let at = number as usize * self.stride;
        &self.words[at..at + self.stride]
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

    /// The rows to give for touched groups: (place in `pictures`, new or old).
    fn rows_to_give(&self, old: &Pictures, new: &Pictures, count: usize, started: bool) -> Vec<(usize, bool)> {
        let mut rows = Vec::with_capacity(2 * count);
        let exists = |pictures: &Pictures, i: usize| pictures.words[i * self.stride] > 0 || self.global.is_some();
        for i in 0..count {
            let words = i * self.stride..(i + 1) * self.stride;
            let same_extremes = || old.extremes.iter().zip(&new.extremes).all(|(o, n)| o[i] == n[i]);
            if started && old.words[words.clone()] == new.words[words] && same_extremes() {
                continue;
            }
            if started && exists(old, i) {
                rows.push((i, false));
            }
            if exists(new, i) {
                rows.push((i, true));
            }
        }
        rows
    }

    /// The rows as changes. A row with a total that does not fit is kept out and counted.
    fn output(
        &mut self,
        groups: &[u32],
        (old, new): (&Pictures, &Pictures),
        rows: &[(usize, bool)],
    ) -> Result<Changes> {
        let keys = self.key_codec.decode(rows.iter().map(|&(i, _)| self.keys.key(groups[i])))?;
        let picture = |is_new: bool| if is_new { new } else { old };
        let words: Vec<&[i128]> =
            rows.iter().map(|&(i, is_new)| &picture(is_new).words[i * self.stride..(i + 1) * self.stride]).collect();
        let mut fits = vec![true; rows.len()];
        let mut arrays: Vec<ArrayRef> = keys.columns().to_vec();
        let mut extreme = 0;
        for accumulator in &self.accumulators {
            arrays.push(match accumulator {
                Accumulator::Total(total) => total.column(&words, &mut fits)?,
                Accumulator::Extreme { codec, null, .. } => {
                    let bytes = rows.iter().map(|&(i, is_new)| {
                        let value = &picture(is_new).extremes[extreme][i];
                        value.as_deref().unwrap_or(null)
                    });
                    let values = codec.decode(bytes)?;
                    extreme += 1;
                    values.column(0).clone()
                }
            });
        }
        let weights: Vec<i64> = rows.iter().map(|&(_, is_new)| if is_new { 1 } else { -1 }).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        let changes = Changes::new(batch, weights);
        if fits.iter().all(|f| *f) {
            return Ok(changes);
        }
        let kept: Vec<u32> = (0..rows.len() as u32).filter(|&i| fits[i as usize]).collect();
        self.errors += (0..rows.len()).filter(|&i| !fits[i]).map(|i| changes.weights[i]).sum::<i64>();
        changes.take(&kept)
    }
}

impl Operator for Aggregate {
    fn apply(&mut self, epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let input = inputs[0];
        let started = self.global != Some(false);
        let (numbers, touched) = self.groups(epoch, &input.rows)?;
        let before = self.pictures(&touched);
        self.add(input, &numbers)?;
        let after = self.pictures(&touched);
        if after.words.iter().step_by(self.stride).any(|count| *count < 0) {
            return Err(Error::data("a row was taken out of a group that does not hold it (I5)"));
        }
        let rows = self.rows_to_give(&before, &after, touched.len(), started);
        let changes = self.output(&touched, (&before, &after), &rows)?;
        for (i, &number) in touched.iter().enumerate() {
            if after.words[i * self.stride] == 0 && self.global.is_none() {
                let at = number as usize * self.stride;
                self.words[at..at + self.stride].fill(0);
                self.keys.remove(number);
            }
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
