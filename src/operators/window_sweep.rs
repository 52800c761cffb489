//! The functions of a window that go over the rows in one direction: what a change reaches, and what is given anew.
//!
//! From the first row that a change reaches to the last whose frame it is in, DataFusion's own function is evaluated over
//! these rows and what their frames read. Running functions go on row by row until what a row carries on is what it
//! carried before: all rows after it have the same values as before. A function from the last row to the first sees the
//! rows turned round, and is the same otherwise.

use std::ops::{Bound, Range};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use super::window_key::{Key, Partition};
use super::window_rows::{Given, Held, Seen, Span, Walk, WindowRows};
use super::window_running::{Carried, Stretch, go_on, state_types};
use crate::error::{Error, Result};
use crate::planner::{Bound as Distance, Reach, WindowFunction};
use crate::state::RowCodec;

/// Rows that a running function goes on over before it is asked whether it may stop; doubled each time.
const STEP_ROWS_MIN: usize = 16;
const STEP_ROWS_MAX: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub struct Sweep {
    functions: Vec<WindowFunction>,
    backward: bool,
    /// Which part of a record is this sweep's.
    part: usize,
    /// Columns of each function's state.
    states: Vec<Range<usize>>,
    output_codec: RowCodec,
    state_codec: RowCodec,
    /// What the frames read before and after a row.
    before: Span,
    after: Span,
    /// Some function takes peers together: rows are then reached with all their peers.
    peers: bool,
    running: bool,
    /// Some running function's frame does not end with the row: what it takes in begins where the frame of the row
    /// before ends.
    distant: bool,
}

/// What a sweep gives for a row: the values that are shown, and what later rows go on from.
#[derive(Debug)]
pub struct Values {
    bytes: Box<[u8]>,
    shown: usize,
}

impl Values {
    pub fn given(&self) -> Given<'_> {
        let (outputs, states) = self.bytes.split_at(self.shown);
        Given { outputs, states }
    }
}

/// A row whose values are new, and in which sweep.
#[derive(Debug)]
pub struct Update {
    pub key: Key,
    pub part: usize,
    pub values: Values,
}

/// Rows of a partition, neighbours in the order of a sweep.
type Rows<'a> = [(&'a Key, &'a Held)];

impl Sweep {
    /// `outputs`: the columns of the functions; `part`: the number of this sweep.
    pub fn new(functions: Vec<WindowFunction>, outputs: SchemaRef, part: usize) -> Result<Self> {
        let (mut fields, mut states) = (vec![], vec![]);
        for function in &functions {
            let start = fields.len();
            if let Reach::Running(run) = &function.reach {
                let types = state_types(&run.function, function.physical.as_ref())?;
                fields.extend(types.into_iter().map(|data_type| Field::new("state", data_type, true)));
            }
            states.push(start..fields.len());
        }
        let state_schema: SchemaRef = Arc::new(Schema::new(fields));
        let every = |schema: &SchemaRef| (0..schema.fields().len()).collect::<Vec<usize>>();
        let (before, after) = spans(&functions);
        let runs =
            || functions.iter().filter_map(|f| if let Reach::Running(run) = &f.reach { Some(run) } else { None });
        Ok(Sweep {
            output_codec: RowCodec::ascending(outputs.clone(), &every(&outputs))?,
            state_codec: RowCodec::ascending(state_schema.clone(), &every(&state_schema))?,
            backward: runs().any(|run| run.backward),
            running: runs().next().is_some(),
            distant: runs().any(|run| run.frame.is_some()),
            peers: functions.iter().any(takes_peers),
            functions,
            part,
            states,
            before,
            after,
        })
    }

    /// Values that were given for rows, as columns.
    pub fn decode<'a>(&'a self, outputs: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<RecordBatch> {
        self.output_codec.decode(outputs)
    }

    /// Gives a whole partition anew, these rows. None: a function fails.
    pub fn all(&self, rows: &WindowRows, partition: Partition<'_>, all: &Rows<'_>) -> Result<Option<Vec<Update>>> {
        let mut all = all.to_vec();
        if self.backward {
            all.reverse();
        }
        let values = self.evaluate(self.seen(rows, partition), &all, None)?;
        Ok(values.map(|values| self.different(&all, values)))
    }

    fn seen<'a>(&self, rows: &'a WindowRows, partition: Partition<'a>) -> Seen<'a> {
        Seen { rows, partition, backward: self.backward }
    }

    /// Gives the rows anew that these changes, in order, reach. None: a function fails.
    pub fn reached(&self, rows: &WindowRows, partition: Partition<'_>, changed: &[Key]) -> Result<Option<Vec<Update>>> {
        let seen = self.seen(rows, partition);
        let mut waiting: Vec<&Key> = changed.iter().collect();
        if self.backward {
            waiting.reverse();
        }
        let (mut updates, mut done): (Vec<Update>, Option<Key>) = (vec![], None);
        let mut waiting = waiting.into_iter().peekable();
        while let Some(key) = waiting.peek() {
            let first = self.first_reached(seen, key)?;
            let mut end: Key = (*key).clone();
            let mut last_change: &Key = key;
            let mut start = match &done {
                Some(done) if seen.compare(&first, done).is_le() => Bound::Excluded(done.clone()),
                _ => Bound::Included(first),
            };
            let mut step = STEP_ROWS_MIN;
            loop {
                while let Some(key) = waiting.peek() {
                    let near =
                        seen.compare(key, &end).is_le() || seen.compare(&self.first_reached(seen, key)?, &end).is_le();
                    if !near {
                        break;
                    }
                    let last = self.last_reached(seen, key)?;
                    end = std::cmp::max_by(end, last, |a, b| seen.compare(a, b));
                    last_change = key;
                    waiting.next();
                }
                let rows = seen.between(start.as_ref(), Bound::Included(&end));
                let mut settled = !self.running;
                if let (Some((first, _)), Some((last, held))) = (rows.first(), rows.last()) {
                    let carried = if self.running { self.carried(seen.previous(first), &updates)? } else { None };
                    let Some(values) = self.evaluate(seen, &rows, carried)? else { return Ok(None) };
                    settled |= seen.compare(last, last_change).is_gt()
                        && held.given(self.part) == values.last().map(Values::given);
                    done = Some((*last).clone());
                    updates.extend(self.different(&rows, values));
                }
                if settled {
                    break;
                }
                let Some(last) = self.following(seen, &end, step)? else { break };
                start = Bound::Excluded(end);
                end = last;
                step = (step * 2).min(STEP_ROWS_MAX);
            }
        }
        Ok(Some(updates))
    }

    /// The last of the next rows, with all its peers if they count.
    fn following(&self, seen: Seen<'_>, end: &Key, count: usize) -> Result<Option<Key>> {
        let following = seen.after(end, count);
        let Some((last, _)) = following.last() else { return Ok(None) };
        Ok(Some(self.to_last_peer(seen, (*last).clone())?))
    }

    /// The first row whose values a change at this place may change, with all its peers if they count.
    fn first_reached(&self, seen: Seen<'_>, changed: &Key) -> Result<Key> {
        let far = seen.walk(changed, Walk { forward: false, span: &self.after, own_frame: false })?;
        let far = far.unwrap_or_else(|| changed.clone());
        if !self.peers {
            return Ok(far);
        }
        let peers = seen.walk(&far, Walk { forward: false, span: &Span::PEERS, own_frame: true })?;
        Ok(peers.unwrap_or(far))
    }

    fn to_last_peer(&self, seen: Seen<'_>, key: Key) -> Result<Key> {
        if !self.peers {
            return Ok(key);
        }
        let last = seen.walk(&key, Walk { forward: true, span: &Span::PEERS, own_frame: true })?;
        Ok(last.unwrap_or(key))
    }

    /// The last row that a change at this place reaches by a frame, with all its peers if they count. A frame that ends
    /// before its row may take the change in only at the row after that.
    fn last_reached(&self, seen: Seen<'_>, changed: &Key) -> Result<Key> {
        let far = seen.walk(changed, Walk { forward: true, span: &self.before, own_frame: false })?;
        let far = far.unwrap_or_else(|| changed.clone());
        let last = self.to_last_peer(seen, far)?;
        let next = if self.distant { self.following(seen, &last, 1)? } else { None };
        Ok(next.unwrap_or(last))
    }

    /// What a row carries for each function.
    fn carried(&self, row: Option<(&Key, &Held)>, updates: &[Update]) -> Result<Option<Vec<Carried>>> {
        let Some((key, held)) = row else { return Ok(None) };
        let new = updates.last().filter(|update| update.key == *key).map(|update| update.values.given());
        let given = new.or_else(|| held.given(self.part));
        let given = given.ok_or_else(|| Error::internal("a row of a window has no values"))?;
        let outputs = self.output_codec.decode(std::iter::once(given.outputs))?;
        let states = self.state_codec.decode(std::iter::once(given.states))?;
        let carried = self.states.iter().enumerate().map(|(f, range)| Carried {
            value: outputs.column(f).clone(),
            states: states.columns()[range.clone()].to_vec(),
        });
        Ok(Some(carried.collect()))
    }

    /// Gives neighbouring rows anew, whole groups of peers. None: a function fails.
    fn evaluate(&self, seen: Seen<'_>, rows: &Rows<'_>, carried: Option<Vec<Carried>>) -> Result<Option<Vec<Values>>> {
        let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) else { return Ok(Some(vec![])) };
        let previous = if self.distant { seen.previous(first) } else { None };
        let from = previous.map_or(*first, |(key, _)| key);
        let far = seen.walk(from, Walk { forward: false, span: &self.before, own_frame: true })?;
        let lead = seen.between(Bound::Included(far.as_ref().unwrap_or(from)), Bound::Excluded(first));
        let far = seen.walk(last, Walk { forward: true, span: &self.after, own_frame: true })?;
        let tail = far.map_or(vec![], |far| seen.between(Bound::Excluded(last), Bound::Included(&far)));
        let keys: Vec<&Key> = lead.iter().chain(rows).chain(&tail).map(|(key, _)| *key).collect();
        let batch = seen.rows.decode(keys.into_iter())?;
        match self.values(&batch, lead.len(), rows, carried) {
            Ok((outputs, states)) => self.encode(rows.len(), &outputs, &states).map(Some),
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
        rows: &Rows<'_>,
        carried: Option<Vec<Carried>>,
    ) -> datafusion::error::Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        let peers = |i: usize| rows[i].0.peers();
        let last = |&i: &usize| i == rows.len() || peers(i) != peers(i - 1);
        let groups: Vec<usize> = (1..=rows.len()).filter(last).map(|end| start + end).collect();
        let stretch = Stretch { batch, own: start..start + rows.len(), groups: &groups };
        let (mut outputs, mut states) = (vec![], vec![]);
        for (f, function) in self.functions.iter().enumerate() {
            let Reach::Running(run) = &function.reach else {
                outputs.push(function.physical.evaluate(batch)?.slice(start, rows.len()));
                continue;
            };
            let went = go_on((run, function), &stretch, carried.as_ref().map(|carried| &carried[f]))?;
            outputs.push(went.values);
            states.extend(went.states);
        }
        Ok((outputs, states))
    }

    fn encode(&self, len: usize, outputs: &[ArrayRef], states: &[ArrayRef]) -> Result<Vec<Values>> {
        let outputs = self.output_codec.encode_arrays(outputs, len)?;
        let states = self.state_codec.encode_arrays(states, len)?;
        let values = |i: usize| Values {
            bytes: [outputs.bytes(i), states.bytes(i)].concat().into(),
            shown: outputs.bytes(i).len(),
        };
        Ok((0..len).map(values).collect())
    }

    /// The rows whose values are new.
    fn different(&self, rows: &Rows<'_>, values: Vec<Values>) -> Vec<Update> {
        let pairs = rows.iter().zip(values);
        let pairs = pairs.filter(|((_, held), values)| held.given(self.part) != Some(values.given()));
        pairs.map(|((key, _), values)| Update { key: (*key).clone(), part: self.part, values }).collect()
    }
}

/// Whether a function's value for a row depends on who its peers are.
fn takes_peers(function: &WindowFunction) -> bool {
    match &function.reach {
        Reach::Bounded { before, after } => !matches!((before, after), (Distance::Rows(_), Distance::Rows(_))),
        Reach::Running(run) => run.peers,
        Reach::Whole => true,
    }
}

/// The greatest distances that functions read before and after a row.
fn spans(functions: &[WindowFunction]) -> (Span, Span) {
    let (mut before, mut after) = (Span::default(), Span::default());
    let add = |span: &mut Span, distance: Option<Distance>| match distance {
        Some(Distance::Rows(rows)) => span.rows = span.rows.max(rows),
        Some(Distance::Groups(groups)) => span.groups = span.groups.max(Some(groups)),
        Some(Distance::Range(distance)) => span.ranges.push(distance),
        None => {}
    };
    for function in functions {
        let (back, ahead) = match &function.reach {
            Reach::Bounded { before, after } => (Some(before.clone()), Some(after.clone())),
            Reach::Running(run) => (run.distance(false), run.distance(true)),
            Reach::Whole => (None, None),
        };
        add(&mut before, back);
        add(&mut after, ahead);
    }
    (before, after)
}
