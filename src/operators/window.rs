//! `SELECT v, LAG(v) OVER w, SUM(v) OVER w FROM t WINDOW w AS (PARTITION BY k ORDER BY v)`.
//!
//! Keeps every row in order of partition, ORDER BY, rest, with the values that the functions gave for it (and what
//! running ones go on from), so that old values are taken out without computing them again.
//! A change is applied to the rows first. Then DataFusion's own function is evaluated over the rows that the change
//! reaches (`planner::Reach`) and what their frames read; running functions go on row by row until what a row carries
//! on is what it carried before. A row is given again only if its values differ. A partition where a function fails is
//! kept out as a whole, counted, and computed again when it changes.
//! Cost: the rows reached. Functions of the whole partition read and compute all of it: `rows_max` rows, no more.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use hashbrown::HashMap;

use super::window_rows::{Held, Key, Place, Record, Span, Walk, WindowRows, row_of};
use super::window_running::{Carried, go_on, state_types};
use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::{Bound as Distance, Reach, WindowFunction};
use crate::state::{RowCodec, Touched};

/// Rows that a running function goes on over before it is asked whether it may stop; doubled each time.
const STEP_ROWS_MIN: usize = 16;
const STEP_ROWS_MAX: usize = 4_096;
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
    functions: Vec<WindowFunction>,
    /// Columns of each function's state.
    states: Vec<Range<usize>>,
    partition_codec: RowCodec,
    peer_codec: RowCodec,
    row_codec: RowCodec,
    output_codec: RowCodec,
    state_codec: RowCodec,
    /// What the frames read before and after a row.
    before: Span,
    after: Span,
    /// Some function takes peers together: rows are then reached with all their peers.
    peers: bool,
    whole: bool,
    running: bool,
    rows_max: usize,
    rows: WindowRows,
    /// Partitions that fail, and their rows.
    failed: BTreeMap<Key, i64>,
    written: u64,
}

/// New records of rows of a partition, in order; only those that differ.
type Updates = Vec<(Key, Record)>;

/// A row with the values that were shown for it, coming or going.
struct Shown {
    key: Key,
    outputs: Box<[u8]>,
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
        let width = input.fields().len();
        let outputs: SchemaRef = std::sync::Arc::new(Schema::new(schema.fields()[width..].to_vec()));
        let (mut fields, mut states) = (vec![], vec![]);
        for function in &functions {
            let start = fields.len();
            if let Reach::Running { function: running, .. } = function.reach {
                let types = state_types(running, function.physical.as_ref())?;
                fields.extend(types.into_iter().map(|data_type| Field::new("state", data_type, true)));
            }
            states.push(start..fields.len());
        }
        let state_schema: SchemaRef = std::sync::Arc::new(Schema::new(fields));
        let every = |schema: &SchemaRef| (0..schema.fields().len()).collect::<Vec<usize>>();
        let (before, after) = spans(&functions);
        let keeps = RowCodec::ordered(input.clone(), partition, &all)?;
        Ok(Window {
            partition_codec: RowCodec::ascending(input.clone(), partition)?,
            peer_codec: RowCodec::new(input.clone(), &peers)?,
            row_codec: RowCodec::ordered(input.clone(), partition, &all)?,
            output_codec: RowCodec::ascending(outputs.clone(), &every(&outputs))?,
            state_codec: RowCodec::ascending(state_schema.clone(), &every(&state_schema))?,
            rows: WindowRows::new(keeps, order.first().copied()),
            peers: functions.iter().any(takes_peers),
            whole: functions.iter().any(|f| matches!(f.reach, Reach::Whole)),
            running: functions.iter().any(|f| matches!(f.reach, Reach::Running { .. })),
            schema,
            functions,
            states,
            before,
            after,
            rows_max,
            failed: BTreeMap::new(),
            written: 0,
        })
    }

    /// Applies the changed rows of one partition and gives what is shown differently.
    fn partition(&mut self, partition: &[u8], changes: &[Change<'_>]) -> Result<Vec<Shown>> {
        let (mut changed, mut shown) = (vec![], vec![]);
        for change in changes {
            for _ in 0..change.weight.unsigned_abs() {
                self.written += 1;
                let key = if change.weight > 0 {
                    self.rows.insert(change.row, change.peers)?
                } else {
                    let (key, record) = self.rows.remove(change.row)?;
                    shown.extend(record.map(|r| Shown { key: key.clone(), outputs: r.outputs().into(), weight: -1 }));
                    key
                };
                changed.push(Place { key, partition: partition.len(), peers: change.peers });
            }
        }
        changed.sort_by(|a, b| a.key.cmp(&b.key));
        let updates = if self.whole || self.failed.contains_key(partition) {
            self.all(partition)?
        } else {
            self.reached(partition, &changed)?
        };
        match updates {
            Some(updates) => {
                self.failed.remove(partition);
                for (key, record) in updates {
                    self.written += 1;
                    let new: Box<[u8]> = record.outputs().into();
                    let old = self.rows.replace(&key, Some(record));
                    if old.as_ref().is_some_and(|old| *old.outputs() == *new) {
                        continue;
                    }
                    let taken_out = old.map(|r| Shown { key: key.clone(), outputs: r.outputs().into(), weight: -1 });
                    shown.extend(taken_out);
                    shown.push(Shown { key, outputs: new, weight: 1 });
                }
            }
            None => shown.extend(self.fail(partition)),
        }
        Ok(shown)
    }

    /// Takes all rows of a partition out of what is shown.
    fn fail(&mut self, partition: &[u8]) -> Vec<Shown> {
        let keys: Vec<Key> = self.rows.partition(partition, usize::MAX).iter().map(|(key, _)| (*key).clone()).collect();
        self.failed.insert(partition.into(), keys.len() as i64);
        let mut shown = vec![];
        for key in keys {
            self.written += 1;
            let old = self.rows.replace(&key, None);
            shown.extend(old.map(|r| Shown { key, outputs: r.outputs().into(), weight: -1 }));
        }
        shown
    }

    /// New records of a whole partition. None: a function fails.
    fn all(&self, partition: &[u8]) -> Result<Option<Updates>> {
        let rows = self.rows.partition(partition, self.rows_max + 1);
        if rows.len() > self.rows_max {
            return Err(Error::data(format!("a partition of a window has more than {} rows", self.rows_max))
                .hint(
                "raise max_rows_recompute, add a column to PARTITION BY, or use functions that need only the rows up to \
                 the current one",
            ));
        }
        let Some(records) = self.evaluate(partition, &rows, None)? else { return Ok(None) };
        Ok(Some(different(&rows, records)))
    }

    /// New records of the rows that these changes reach. None: a function fails.
    fn reached(&self, partition: &[u8], changed: &[Place]) -> Result<Option<Updates>> {
        let (mut updates, mut done): (Updates, Option<Key>) = (vec![], None);
        let mut next = 0;
        while next < changed.len() {
            let first = self.first_reached(&changed[next])?;
            let mut end = changed[next].key.clone();
            let mut last_change = &changed[next].key;
            let mut start = match &done {
                Some(done) if first <= *done => Bound::Excluded(done.clone()),
                _ => Bound::Included(first),
            };
            let mut step = STEP_ROWS_MIN;
            loop {
                while next < changed.len() && (changed[next].key <= end || self.first_reached(&changed[next])? <= end) {
                    end = end.max(self.last_reached(&changed[next])?);
                    last_change = &changed[next].key;
                    next += 1;
                }
                let rows = self.rows.between(start.as_ref().map(AsRef::as_ref), Bound::Included(&end));
                let mut settled = !self.running;
                if let (Some((first, _)), Some((last, held))) = (rows.first(), rows.last()) {
                    let carried = self.carried(partition, first, &updates)?;
                    let Some(records) = self.evaluate(partition, &rows, carried)? else { return Ok(None) };
                    settled |= *last > last_change && held.record.as_ref() == records.last();
                    done = Some((*last).clone());
                    updates.extend(different(&rows, records));
                }
                if settled {
                    break;
                }
                let following = self.rows.after(&end, partition, step);
                let Some((last, held)) = following.last() else { break };
                start = Bound::Excluded(end);
                let last = Place { key: (*last).clone(), partition: partition.len(), peers: held.peers };
                end = self.to_last_peer(last)?.key;
                step = (step * 2).min(STEP_ROWS_MAX);
            }
        }
        Ok(Some(updates))
    }

    /// The first row whose values a change at this place may change, with all its peers if they count.
    fn first_reached(&self, changed: &Place) -> Result<Key> {
        let far = self.rows.walk(changed, Walk { forward: false, span: &self.after, own_frame: false })?;
        let far = far.unwrap_or_else(|| changed.clone());
        if !self.peers {
            return Ok(far.key);
        }
        let peers = self.rows.walk(&far, Walk { forward: false, span: &Span::PEERS, own_frame: true })?;
        Ok(peers.unwrap_or(far).key)
    }

    fn to_last_peer(&self, place: Place) -> Result<Place> {
        if !self.peers {
            return Ok(place);
        }
        let last = self.rows.walk(&place, Walk { forward: true, span: &Span::PEERS, own_frame: true })?;
        Ok(last.unwrap_or(place))
    }

    /// The last row that a change at this place reaches by a frame, with all its peers if they count.
    fn last_reached(&self, changed: &Place) -> Result<Key> {
        let far = self.rows.walk(changed, Walk { forward: true, span: &self.before, own_frame: false })?;
        let far = far.unwrap_or_else(|| changed.clone());
        Ok(self.to_last_peer(far)?.key)
    }

    /// What the row before `key` carries for each function.
    fn carried(&self, partition: &[u8], key: &[u8], updates: &Updates) -> Result<Option<Vec<Carried>>> {
        if !self.running {
            return Ok(None);
        }
        let Some((previous, held)) = self.rows.previous(key, partition) else { return Ok(None) };
        let new = updates.last().filter(|(key, _)| key == previous).map(|(_, record)| record);
        let record = new.or(held.record.as_ref());
        let record = record.ok_or_else(|| Error::internal("a row of a window has no values"))?;
        let outputs = self.output_codec.decode(std::iter::once(record.outputs()))?;
        let states = self.state_codec.decode(std::iter::once(record.states()))?;
        let carried = self.states.iter().enumerate().map(|(f, range)| Carried {
            value: outputs.column(f).clone(),
            states: states.columns()[range.clone()].to_vec(),
        });
        Ok(Some(carried.collect()))
    }

    /// The records of neighbouring rows, whole groups of peers. None: a function fails.
    fn evaluate(
        &self,
        partition: &[u8],
        rows: &[(&Key, &Held)],
        carried: Option<Vec<Carried>>,
    ) -> Result<Option<Vec<Record>>> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Some(vec![])) };
        let place = |row: &(&Key, &Held)| Place { key: row.0.clone(), partition: partition.len(), peers: row.1.peers };
        let far = self.rows.walk(&place(first), Walk { forward: false, span: &self.before, own_frame: true })?;
        let lead = far.map_or(vec![], |far| self.rows.between(Bound::Included(&far.key), Bound::Excluded(first.0)));
        let far = self.rows.walk(&place(last), Walk { forward: true, span: &self.after, own_frame: true })?;
        let tail = far.map_or(vec![], |far| self.rows.between(Bound::Excluded(last.0), Bound::Included(&far.key)));
        let keys: Vec<&[u8]> = lead.iter().chain(rows).chain(&tail).map(|(key, _)| key.as_ref()).collect();
        let batch = self.rows.decode(keys.into_iter())?;
        match self.values(&batch, lead.len(), rows, carried) {
            Ok((outputs, states)) => self.records(rows.len(), &outputs, &states).map(Some),
            Err(error) => {
                tracing::debug!(%error, "a window function fails in a partition");
                Ok(None)
            }
        }
    }

    /// Values and states of `rows`, which begin at `start` of `batch`.
    fn values(
        &self,
        batch: &RecordBatch,
        start: usize,
        rows: &[(&Key, &Held)],
        carried: Option<Vec<Carried>>,
    ) -> datafusion::error::Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        let own = batch.slice(start, rows.len());
        let every: Vec<usize> = (1..=rows.len()).collect();
        let peers = |i: usize| &rows[i].0[..rows[i].1.peers];
        let ends: Vec<usize> = (1..=rows.len()).filter(|&i| i == rows.len() || peers(i) != peers(i - 1)).collect();
        let (mut outputs, mut states) = (vec![], vec![]);
        for (f, function) in self.functions.iter().enumerate() {
            let Reach::Running { function: running, peers } = function.reach else {
                outputs.push(function.physical.evaluate(batch)?.slice(start, rows.len()));
                continue;
            };
            let ends = if peers { &ends } else { &every };
            let carried = carried.as_ref().map(|carried| &carried[f]);
            let went = go_on((running, function), &own, ends, carried)?;
            outputs.push(went.values);
            states.extend(went.states);
        }
        Ok((outputs, states))
    }

    fn records(&self, len: usize, outputs: &[ArrayRef], states: &[ArrayRef]) -> Result<Vec<Record>> {
        let outputs = self.output_codec.encode_arrays(outputs, len)?;
        let states = self.state_codec.encode_arrays(states, len)?;
        let record = |i: usize| Record {
            bytes: [outputs.bytes(i), states.bytes(i)].concat().into(),
            shown: outputs.bytes(i).len(),
        };
        Ok((0..len).map(record).collect())
    }

    fn output(&self, shown: &[Shown]) -> Result<Changes> {
        let rows = self.rows.decode(shown.iter().map(|s| s.key.as_ref()))?;
        let values = self.output_codec.decode(shown.iter().map(|s| s.outputs.as_ref()))?;
        let arrays = rows.columns().iter().chain(values.columns()).cloned().collect();
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

/// Whether a function's value for a row depends on who its peers are.
fn takes_peers(function: &WindowFunction) -> bool {
    match &function.reach {
        Reach::Bounded { before, after } => !matches!((before, after), (Distance::Rows(_), Distance::Rows(_))),
        Reach::Running { peers, .. } => *peers,
        Reach::Whole => true,
    }
}

/// The greatest distances that functions read before and after a row.
fn spans(functions: &[WindowFunction]) -> (Span, Span) {
    let (mut before, mut after) = (Span::default(), Span::default());
    let add = |span: &mut Span, distance: &Distance| match distance {
        Distance::Rows(rows) => span.rows = span.rows.max(*rows),
        Distance::Groups(groups) => span.groups = span.groups.max(Some(*groups)),
        Distance::Range(distance) => span.ranges.push(distance.clone()),
    };
    for function in functions {
        if let Reach::Bounded { before: back, after: ahead } = &function.reach {
            add(&mut before, back);
            add(&mut after, ahead);
        }
    }
    (before, after)
}

/// The rows whose records are new.
fn different(rows: &[(&Key, &Held)], records: Vec<Record>) -> Updates {
    let pairs = rows.iter().zip(records);
    let pairs = pairs.filter(|((_, held), record)| held.record.as_ref() != Some(record));
    pairs.map(|((key, _), record)| ((*key).clone(), record)).collect()
}

/// Equal rows with equal values are one; what sums to nothing is gone.
fn consolidate(mut shown: Vec<Shown>) -> Vec<Shown> {
    shown.sort_by(|a, b| (row_of(&a.key), &a.outputs).cmp(&(row_of(&b.key), &b.outputs)));
    shown.dedup_by(|next, first| {
        let same = row_of(&next.key) == row_of(&first.key) && next.outputs == first.outputs;
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
            shown.extend(consolidate(self.partition(&part[0].row[..part[0].partition], part)?));
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
