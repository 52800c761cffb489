//! `SELECT k, SUM(v) FILTER (WHERE c), COUNT(*), MAX(w) FROM t GROUP BY k`.
//!
//! Keeps for each group a hidden count of its rows, which alone decides whether it exists, and its accumulators.
//! A change adds weight times value; MIN and MAX keep their values in order, so the next one is at hand when one goes;
//! DISTINCT counts each value (`distinct`); every other function is computed again over sorted rows (`folds`).
//! A touched group retracts its old row and gives its new one, or nothing if both are equal. A total that does not fit
//! its type, or a function that fails, keeps the group's row out, counted, until that is over. Without GROUP BY there
//! is always one row.
//! Cost: one probe a change, two rows a touched group; MIN, MAX and DISTINCT add a logarithm of the group's values, the
//! other functions the rows of each touched group.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;

use super::accumulator::{Accumulator, GroupedChanges, Picture, by_group};
use super::saved_totals::Unsaved;
use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::{AggregateKind, Function};
use crate::state::{KeyTable, RowCodec, Touched, hash_key};

/// What touched groups looked like: `stride` words each, and for each function the pictures of what is not in words.
pub(super) struct Pictures {
    words: Vec<i128>,
    values: Vec<Option<Vec<Picture>>>,
}

/// GROUP BY.
#[derive(Debug)]
pub struct Aggregate {
    schema: SchemaRef,
    functions: Vec<Function>,
    accumulators: Vec<Accumulator>,
    pub(super) key_codec: RowCodec,
    pub(super) keys: KeyTable,
    /// `stride` words a group; the first is the hidden count.
    pub(super) words: Vec<i128>,
    pub(super) stride: usize,
    /// Epoch of the last touch of each group.
    stamps: Vec<u32>,
    /// What a checkpoint has to write; None: nobody asks.
    pub(super) unsaved: Option<Unsaved>,
    /// There is no GROUP BY: one group that always exists; false until its first row was given.
    pub(super) global: Option<bool>,
    errors: i64,
    touched: Touched,
}

impl Aggregate {
    /// `input`: group columns first, then arguments and filters. `schema`: group columns, then one a function.
    /// `recompute_rows_max`: rows of one group that a function may read.
    pub fn new(
        input: &SchemaRef,
        schema: SchemaRef,
        functions: Vec<Function>,
        recompute_rows_max: usize,
    ) -> Result<Self> {
        let groups: Vec<usize> = (0..schema.fields().len() - functions.len()).collect();
        let (mut accumulators, mut stride) = (vec![], 1);
        for (at, function) in functions.iter().enumerate() {
            let same = functions[..at].iter().position(|other| same_values(other, function));
            let accumulator = Accumulator::new(function, input, stride, recompute_rows_max, same)?;
            stride += accumulator.words();
            accumulators.push(accumulator);
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
            unsaved: None,
            errors: 0,
            touched: Touched::default(),
        })
    }

    /// The group number of each row, and each touched group once.
    pub(super) fn groups(&mut self, epoch: u32, rows: &RecordBatch) -> Result<(Vec<u32>, Vec<u32>)> {
        let numbers = self.keys.numbers(&self.key_codec.encode(rows)?);
        let mut touched = vec![];
        if numbers.is_empty() && self.global == Some(false) {
            touched.push(self.keys.number(hash_key(&[]), &[]));
        }
        self.stamps.resize(self.keys.capacity(), 0);
        self.words.resize(self.keys.capacity() * self.stride, 0);
        for &number in &numbers {
            if std::mem::replace(&mut self.stamps[number as usize], epoch) != epoch {
                touched.push(number);
            }
        }
        // The group of each row, and what each touched group looks like before and after.
        self.touched.read += (numbers.len() + 2 * touched.len()) as u64;
        Ok((numbers, touched))
    }

    pub(super) fn pictures(&self, groups: &[u32]) -> Pictures {
        let mut words = Vec::with_capacity(groups.len() * self.stride);
        for &number in groups {
            words.extend_from_slice(self.words_of(number));
        }
        Pictures { values: self.accumulators.iter().map(|a| a.pictures(&self.accumulators, groups)).collect(), words }
    }

    pub(super) fn words_of(&self, number: u32) -> &[i128] {
        let at = number as usize * self.stride;
        &self.words[at..at + self.stride]
    }

    fn add(&mut self, input: &Changes, numbers: &[u32]) -> Result<()> {
        let starts: Vec<usize> = numbers.iter().map(|&n| n as usize * self.stride).collect();
        for (&start, &weight) in starts.iter().zip(&input.weights) {
            self.words[start] += i128::from(weight);
        }
        let keeps_rows = self.accumulators.iter().any(Accumulator::keeps_rows);
        let order = if keeps_rows { by_group(numbers, &input.weights) } else { vec![] };
        let changes = GroupedChanges { input, numbers, starts: &starts, order: &order };
        for (function, accumulator) in self.functions.iter().zip(&mut self.accumulators) {
            accumulator.add(function, &mut self.words, &changes)?;
            accumulator.refresh(&mut self.touched)?;
        }
        // The words of the groups, and the rows or values that functions keep in order.
        let ordered = self.accumulators.iter().filter(|accumulator| accumulator.keeps_rows()).count();
        self.touched.written += (input.len() * (1 + ordered)) as u64;
        Ok(())
    }

    /// The rows to give for touched groups: (place in `pictures`, new or old).
    fn rows_to_give(&self, old: &Pictures, new: &Pictures, count: usize, started: bool) -> Vec<(usize, bool)> {
        let mut rows = Vec::with_capacity(2 * count);
        let exists = |pictures: &Pictures, i: usize| pictures.words[i * self.stride] > 0 || self.global.is_some();
        for i in 0..count {
            // How many rows a group has is not shown: only whether it has any.
            let words = i * self.stride + 1..(i + 1) * self.stride;
            let same = |(old, new): (&Option<Vec<Picture>>, &Option<Vec<Picture>>)| match (old, new) {
                (Some(old), Some(new)) => old[i] == new[i],
                _ => true,
            };
            let same_values = || old.values.iter().zip(&new.values).all(same);
            let (existed, exists) = (started && exists(old, i), exists(new, i));
            if existed == exists && old.words[words.clone()] == new.words[words] && same_values() {
                continue;
            }
            if existed {
                rows.push((i, false));
            }
            if exists {
                rows.push((i, true));
            }
        }
        rows
    }

    /// The changes of touched groups; those without rows are gone afterwards.
    pub(super) fn give(
        &mut self,
        touched: &[u32],
        (before, after): (&Pictures, &Pictures),
        started: bool,
    ) -> Result<Changes> {
        let rows = self.rows_to_give(before, after, touched.len(), started);
        let changes = self.output(touched, (before, after), &rows)?;
        for (i, &number) in touched.iter().enumerate() {
            let gone = after.words[i * self.stride] == 0 && self.global.is_none();
            if let Some(unsaved) = &mut self.unsaved {
                unsaved.note(number, gone.then(|| self.keys.key(number)));
            }
            if gone {
                let at = number as usize * self.stride;
                self.words[at..at + self.stride].fill(0);
                self.keys.remove(number);
            }
        }
        self.global = self.global.map(|_| true);
        Ok(changes)
    }

    /// The rows as changes. A row with a total that does not fit, or a failed function, is kept out and counted.
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
        for (at, accumulator) in self.accumulators.iter().enumerate() {
            let value = |&(i, is_new): &(usize, bool)| picture(is_new).values[at].as_ref().map(|values| &values[i]);
            let values: Vec<&Picture> = rows.iter().filter_map(value).collect();
            arrays.push(accumulator.column(&words, &values, &mut fits)?);
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

/// Whether both are MIN or MAX of the same values, which then are kept once.
fn same_values(a: &Function, b: &Function) -> bool {
    let extreme = |f: &Function| matches!(f.kind, AggregateKind::Min | AggregateKind::Max);
    extreme(a) && extreme(b) && a.arguments == b.arguments && a.filter == b.filter
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
        self.give(&touched, (&before, &after), started)
    }

    fn keeps(&self) -> Keeps {
        match self.accumulators.iter().any(Accumulator::keeps_rows) {
            true => Keeps::Inputs,
            false => Keeps::Totals { groups: self.schema.fields().len() - self.functions.len() },
        }
    }
    fn changed_totals(&mut self) -> Result<Option<RecordBatch>> {
        self.unsaved_totals()
    }
    fn set_totals(&mut self, epoch: u32, totals: &RecordBatch) -> Result<Changes> {
        self.set_words(epoch, totals)
    }

    fn touched(&self) -> Touched {
        self.touched
    }
    fn size(&self) -> usize {
        let values = self.accumulators.iter().map(Accumulator::size);
        let words = self.words.capacity() * size_of::<i128>() + self.stamps.capacity() * size_of::<u32>();
        self.keys.size() + words + values.sum::<usize>()
    }
    fn errors(&self) -> i64 {
        self.errors
    }
}
