//! `SELECT v, LAG(v) OVER w, SUM(v) OVER w FROM t WINDOW w AS (PARTITION BY k ORDER BY v)`.
//!
//! Keeps every row in order of partition, ORDER BY, rest, with the values that the functions gave for it (and what
//! running ones go on from), so that old values are taken out without computing them again.
//! A change is applied to the rows first. Then the functions are evaluated over the rows that it reaches
//! (`planner::Reach`): those that go from the first row to the last in one sweep, those that go back in another
//! (`window_sweep`). A row is given again only if its values differ. A partition where a function fails is kept out as a
//! whole, counted, and computed again when it changes.
//! Cost: the rows reached. Functions of the whole partition read and compute all of it: `rows_max` rows, no more.

use std::collections::BTreeMap;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use hashbrown::HashMap;

use super::window_key::{Key, Partition};
use super::window_rows::{Record, WindowRows};
use super::window_sweep::{Sweep, Update};
use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::{Reach, WindowFunction};
use crate::state::{RowCodec, Touched};

/// Bytes of an entry of the failed partitions beside its key.
const FAILED_BYTES: usize = 40;

/// How rows stand in a window.
#[derive(Clone, Debug)]
pub struct WindowOrder {
    pub partition: Vec<usize>,
    /// ORDER BY: rows equal up to here are peers.
    pub order: Vec<(usize, SortOptions)>,
    /// What decides between peers first.
    pub rest: Vec<(usize, SortOptions)>,
}

/// Window functions of one PARTITION BY and ORDER BY.
#[derive(Debug)]
pub struct Window {
    schema: SchemaRef,
    sweeps: Vec<Sweep>,
    /// Where each function's column stands among those of all sweeps.
    columns: Vec<usize>,
    partition_codec: RowCodec,
    peer_codec: RowCodec,
    row_codec: RowCodec,
    whole: bool,
    rows_max: usize,
    rows: WindowRows,
    /// Partitions that fail, and their rows.
    failed: BTreeMap<Box<[u8]>, i64>,
    written: u64,
}

/// A row with the values that were shown for it, coming or going.
struct Shown {
    key: Key,
    record: Record,
    weight: i64,
}

impl Window {
    /// `schema`: the columns of `input`, then one a function.
    pub fn new(
        input: &SchemaRef,
        schema: SchemaRef,
        order: &WindowOrder,
        functions: Vec<WindowFunction>,
        rows_max: usize,
    ) -> Result<Self> {
        let WindowOrder { partition, order, rest } = order;
        let mut peers: Vec<(usize, SortOptions)> = partition.iter().map(|&c| (c, crate::state::ASCENDING)).collect();
        peers.extend(order);
        let all: Vec<(usize, SortOptions)> = order.iter().chain(rest).copied().collect();
        let keeps = RowCodec::ordered(input.clone(), partition, &all)?;
        let whole = functions.iter().any(|f| matches!(f.reach, Reach::Whole));
        let fields = schema.fields()[input.fields().len()..].iter().cloned();
        let (back, forward): (Vec<_>, Vec<_>) =
            functions.into_iter().zip(fields).enumerate().partition(|(_, (function, _))| goes_back(function));
        let (mut sweeps, mut places) = (vec![], vec![]);
        for functions in [forward, back].into_iter().filter(|functions| !functions.is_empty()) {
            let (at, functions): (Vec<usize>, Vec<_>) = functions.into_iter().unzip();
            let (functions, fields): (Vec<WindowFunction>, Vec<_>) = functions.into_iter().unzip();
            sweeps.push(Sweep::new(functions, std::sync::Arc::new(Schema::new(fields)), sweeps.len())?);
            places.extend(at);
        }
        let mut columns: Vec<usize> = (0..places.len()).collect();
        columns.sort_by_key(|&column| places[column]);
        Ok(Window {
            partition_codec: RowCodec::ascending(input.clone(), partition)?,
            peer_codec: RowCodec::new(input.clone(), &peers)?,
            row_codec: RowCodec::ordered(input.clone(), partition, &all)?,
            rows: WindowRows::new(keeps, order.first().copied()),
            schema,
            sweeps,
            columns,
            whole,
            rows_max,
            failed: BTreeMap::new(),
            written: 0,
        })
    }

    /// Applies the changed rows of one partition and gives what is shown differently.
    fn partition(&mut self, partition: Partition<'_>, changes: &[Change<'_>]) -> Result<Vec<Shown>> {
        let (mut changed, mut shown) = (vec![], vec![]);
        for change in changes {
            for _ in 0..change.weight.unsigned_abs() {
                self.written += 1;
                let key = if change.weight > 0 {
                    self.rows.insert(partition, change.row, change.peers)?
                } else {
                    let (key, record) = self.rows.remove(partition, change.row)?;
                    shown.extend(record.map(|record| Shown { key: key.clone(), record, weight: -1 }));
                    key
                };
                changed.push(key);
            }
        }
        changed.sort();
        match self.updates(partition, &changed)? {
            Some(updates) => {
                self.failed.remove(partition.bytes);
                for same in updates.chunk_by(|a, b| a.key == b.key) {
                    shown.extend(self.update(same)?);
                }
            }
            None => shown.extend(self.fail(partition)),
        }
        Ok(shown)
    }

    /// What all sweeps give anew, in order of the rows. None: a function fails.
    fn updates(&self, partition: Partition<'_>, changed: &[Key]) -> Result<Option<Vec<Update>>> {
        let whole = self.whole || self.failed.contains_key(partition.bytes);
        let all = if whole { self.rows.partition(partition, self.rows_max + 1) } else { vec![] };
        if all.len() > self.rows_max {
            return Err(Error::data(format!("a partition of a window has more than {} rows", self.rows_max)).hint(
                "raise max_rows_recompute, add a column to PARTITION BY, or use functions that need only a part of it",
            ));
        }
        let mut updates = vec![];
        for sweep in &self.sweeps {
            let given = match whole {
                true => sweep.all(&self.rows, partition, &all)?,
                false => sweep.reached(&self.rows, partition, changed)?,
            };
            let Some(given) = given else { return Ok(None) };
            updates.extend(given);
        }
        updates.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Some(updates))
    }

    /// Gives a row its new values, one or more sweeps'.
    fn update(&mut self, updates: &[Update]) -> Result<Vec<Shown>> {
        self.written += 1;
        let key = &updates[0].key;
        let old = self.rows.record(key);
        let given = (0..self.sweeps.len()).map(|part| {
            let new = updates.iter().find(|update| update.part == part).map(|update| update.values.given());
            let given = new.or_else(|| old?.sweeps().nth(part));
            given.ok_or_else(|| Error::internal("a new row of a window has no values"))
        });
        let record = Record::new(given.collect::<Result<Vec<_>>>()?.into_iter());
        let old = self.rows.replace(key, Some(record.clone()));
        if old.as_ref().is_some_and(|old| old.outputs().eq(record.outputs())) {
            return Ok(vec![]);
        }
        let old = old.map(|record| Shown { key: key.clone(), record, weight: -1 });
        Ok(old.into_iter().chain([Shown { key: key.clone(), record, weight: 1 }]).collect())
    }

    /// Takes all rows of a partition out of what is shown.
    fn fail(&mut self, partition: Partition<'_>) -> Vec<Shown> {
        let keys: Vec<Key> = self.rows.partition(partition, usize::MAX).iter().map(|(key, _)| (*key).clone()).collect();
        self.failed.insert(partition.bytes.into(), keys.len() as i64);
        let mut shown = vec![];
        for key in keys {
            self.written += 1;
            let old = self.rows.replace(&key, None);
            shown.extend(old.map(|record| Shown { key, record, weight: -1 }));
        }
        shown
    }

    fn output(&self, shown: &[Shown]) -> Result<Changes> {
        let rows = self.rows.decode(shown.iter().map(|s| &s.key))?;
        let mut values: Vec<ArrayRef> = vec![];
        for (part, sweep) in self.sweeps.iter().enumerate() {
            let outputs: Option<Vec<&[u8]>> = shown.iter().map(|s| s.record.outputs().nth(part)).collect();
            let outputs = outputs.ok_or_else(|| Error::internal("a row of a window has no values"))?;
            values.extend(sweep.decode(outputs.into_iter())?.columns().iter().cloned());
        }
        let values = self.columns.iter().map(|&column| values[column].clone());
        let arrays = rows.columns().iter().cloned().chain(values).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(shown.len()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?;
        Ok(Changes::new(batch, shown.iter().map(|s| s.weight).collect()))
    }
}

/// A row and its net weight.
struct Change<'a> {
    row: &'a [u8],
    partition: usize,
    peers: usize,
    weight: i64,
}

fn goes_back(function: &WindowFunction) -> bool {
    matches!(&function.reach, Reach::Running(run) if run.backward)
}

/// Equal rows with equal values are one; what sums to nothing is gone.
fn consolidate(mut shown: Vec<Shown>) -> Vec<Shown> {
    shown.sort_by(|a, b| {
        let rows = a.key.row().cmp(b.key.row());
        rows.then_with(|| a.record.outputs().cmp(b.record.outputs()))
    });
    shown.dedup_by(|next, first| {
        let same = next.key.row() == first.key.row() && next.record.outputs().eq(first.record.outputs());
        first.weight += if same { next.weight } else { 0 };
        same
    });
    shown.retain(|s| s.weight != 0);
    shown
}

impl Operator for Window {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let input = inputs[0];
        let partitions = self.partition_codec.encode(&input.rows)?;
        let peers = self.peer_codec.encode(&input.rows)?;
        let rows = self.row_codec.encode(&input.rows)?;
        let mut net: HashMap<&[u8], Change<'_>> = HashMap::with_capacity(input.len());
        for (i, &weight) in input.weights.iter().enumerate() {
            let (partition, peers) = (partitions.bytes(i).len(), peers.bytes(i).len());
            let change = || Change { row: rows.bytes(i), partition, peers, weight: 0 };
            let sum = &mut net.entry(rows.bytes(i)).or_insert_with(change).weight;
            *sum = sum.checked_add(weight).ok_or_else(|| Error::data("the weight of a row overflows"))?;
        }
        let mut changes: Vec<Change<'_>> = net.into_values().filter(|change| change.weight != 0).collect();
        changes.sort_unstable_by_key(|change| change.row);
        let mut shown = vec![];
        for part in changes.chunk_by(|a, b| a.row[..a.partition] == b.row[..b.partition]) {
            let partition = Partition::new(&part[0].row[..part[0].partition]);
            shown.extend(consolidate(self.partition(partition, part)?));
        }
        self.output(&shown)
    }

    fn keeps(&self) -> Keeps {
        Keeps::Inputs
    }
    fn touched(&self) -> Touched {
        Touched { read: self.rows.read(), written: self.written }
    }
    fn size(&self) -> usize {
        self.rows.size() + self.failed.keys().map(|key| key.len() + FAILED_BYTES).sum::<usize>()
    }
    fn errors(&self) -> i64 {
        self.failed.values().sum()
    }
}
