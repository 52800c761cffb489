//! The newest event of each key of an upsert table `WITH (retention = '400 days')`; without versions, in each partition.
//!
//! Keeps that event while its time is after `as_of` less the retention. Newest comes first, then the time: a key whose
//! newest event is too old has no row, however young the one before it says it is. So an event that comes too late takes
//! the one before it out and is itself forgotten. Nothing older can come back after that: events of a partition come in
//! the order of their offsets, and what has come is not read again. With versions the version is the time: what is older
//! than one that is passed is passed, too.
//! Cost: one probe an event; a tick costs the keys that it passes.

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;

use super::partitions::{OutputRows, Partitions};
use super::retained::{Horizon, times};
use super::{Keeps, Operator};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::state::{OrderedRows, Touched};

/// All keys are one group of `by_time`.
const ALL: u32 = 0;

/// See the module.
#[derive(Debug)]
pub struct RetainedLatest {
    schema: SchemaRef,
    time: usize,
    horizon: Horizon,
    /// One row in each.
    newest: Partitions,
    /// The time of each, by its number; in order, with the number.
    times: Vec<i64>,
    by_time: OrderedRows,
    touched: Touched,
}

impl RetainedLatest {
    /// The greatest `order` is the newest event of a `key`; `time` is compared with the clock.
    pub fn new(schema: SchemaRef, (key, order): (&[usize], &[usize]), (time, keep_us): (usize, i64)) -> Result<Self> {
        let newest_first = SortOptions { descending: true, nulls_first: false };
        let order: Vec<(usize, SortOptions)> = order.iter().map(|&column| (column, newest_first)).collect();
        Ok(RetainedLatest {
            newest: Partitions::new(&schema, key, &order)?,
            schema,
            time,
            horizon: Horizon::new(keep_us),
            times: vec![],
            by_time: OrderedRows::default(),
            touched: Touched::default(),
        })
    }

    /// Forgets the keys up to this time and gives them out as gone.
    fn expel(&mut self, passed_us: i64) -> Result<Changes> {
        let high = (ordered_time(passed_us), [u8::MAX; 4]);
        let gone: Vec<Vec<u8>> =
            self.by_time.between(ALL, &[], &[&high.0[..], &high.1].concat()).map(|(row, _)| row.to_vec()).collect();
        let mut output = OutputRows::default();
        for row in &gone {
            self.by_time.add(ALL, row, -1)?;
            let number = row.last_chunk().ok_or_else(|| Error::internal("a time without a key"))?;
            self.newest.expel(u32::from_be_bytes(*number), &mut output)?;
        }
        self.touched.read += gone.len() as u64;
        self.touched.written += gone.len() as u64;
        Ok(Changes::new(self.newest.decode(&output)?, output.weights()))
    }

    fn add(&mut self, changes: &Changes) -> Result<Changes> {
        if changes.weights.iter().any(|&weight| weight <= 0) {
            return Err(Error::data("a row was taken out of an insert-only input (I5)"));
        }
        let of_changes = times(changes, self.time)?;
        let RetainedLatest { newest, horizon, times, by_time, touched, .. } = self;
        touched.written += changes.len() as u64;
        let (mut output, mut before, mut after) = (OutputRows::default(), vec![], vec![]);
        newest.each(changes, |partitions, changes, part| {
            touched.read += 1;
            let number = part.number as usize;
            times.resize(times.len().max(number + 1), 0);
            let copy = |row: Option<(&[u8], i64)>, bytes: &mut Vec<u8>| {
                bytes.clear();
                row.map(|(row, _)| bytes.extend_from_slice(row)).is_some()
            };
            let was_there = copy(partitions.rows(part).next(), &mut before);
            partitions.add(changes, part)?;
            copy(partitions.rows(part).next(), &mut after);
            if was_there && before == after {
                partitions.keep_first(part, 1)?;
                return Ok(());
            }
            if was_there {
                by_time.add(ALL, &keyed_time(times[number], part.number), -1)?;
                partitions.give(part, &before, -1, &mut output);
            }
            let at = changes.find(part, &after).ok_or_else(|| Error::internal("a newest event came from nowhere"))?;
            let time = of_changes.value(at);
            if !horizon.holds(time) {
                return partitions.keep_first(part, 0);
            }
            times[number] = time;
            by_time.add(ALL, &keyed_time(time, part.number), 1)?;
            partitions.give(part, &after, 1, &mut output);
            partitions.keep_first(part, 1)
        })?;
        Ok(Changes::new(newest.decode(&output)?, output.weights()))
    }
}

/// Bytes that compare as the times do.
fn ordered_time(us: i64) -> [u8; 8] {
    (us.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The time of a key and its number.
fn keyed_time(us: i64, number: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&ordered_time(us));
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

impl Operator for RetainedLatest {
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
        self.newest.size() + self.times.capacity() * size_of::<i64>() + self.by_time.size()
    }
}
