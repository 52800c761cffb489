//! The rows that a window keeps: in order, each with what its functions gave, and the way from a row to those around it.
//!
//! All partitions stand in one tree, each in one piece (`window_key`). The rows of a partition can be seen in their order
//! or in the opposite one (`Seen`).
//! Cost: logarithmic in the rows held to find a row, one step a row to walk from it.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::SortOptions;
use datafusion::common::ScalarValue;

use super::window_key::{Key, Partition};
use crate::error::{Error, Result};
use crate::state::RowCodec;

/// Bytes of a B-tree entry beside its own, at the usual fill.
const ENTRY_BYTES: usize = 60;

/// What the functions of one sweep gave for a row: the values that are shown, and what later rows go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Given<'a> {
    pub outputs: &'a [u8],
    pub states: &'a [u8],
}

/// What all sweeps gave for a row, one after the other: the lengths of outputs and states, and these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record(Box<[u8]>);

impl Record {
    pub fn new<'a>(sweeps: impl Iterator<Item = Given<'a>>) -> Self {
        let mut bytes = vec![];
        for Given { outputs, states } in sweeps {
            for part in [outputs, states] {
                bytes.extend((part.len() as u32).to_le_bytes());
            }
            bytes.extend(outputs);
            bytes.extend(states);
        }
        Record(bytes.into())
    }

    pub fn sweeps(&self) -> impl Iterator<Item = Given<'_>> {
        let mut rest = self.0.as_ref();
        std::iter::from_fn(move || {
            let (outputs, after) = rest.split_first_chunk()?;
            let (states, after) = after.split_first_chunk()?;
            let (outputs, after) = after.split_at(u32::from_le_bytes(*outputs) as usize);
            let (states, after) = after.split_at(u32::from_le_bytes(*states) as usize);
            rest = after;
            Some(Given { outputs, states })
        })
    }

    /// The values that are shown, sweep by sweep.
    pub fn outputs(&self) -> impl Iterator<Item = &[u8]> {
        self.sweeps().map(|given| given.outputs)
    }
}

#[derive(Debug)]
pub struct Held {
    pub record: Option<Record>,
}

impl Held {
    /// What a sweep gave for the row.
    pub fn given(&self, sweep: usize) -> Option<Given<'_>> {
        self.record.as_ref()?.sweeps().nth(sweep)
    }
}

/// A distance that some function of the window reads, in one direction: the greatest of each kind.
#[derive(Clone, Debug, Default)]
pub struct Span {
    pub rows: usize,
    pub groups: Option<usize>,
    pub ranges: Vec<ScalarValue>,
}

impl Span {
    /// A row's own peers.
    pub const PEERS: Span = Span { rows: 0, groups: Some(0), ranges: vec![] };

    fn is_zero(&self) -> bool {
        self.rows == 0 && self.groups.is_none() && self.ranges.is_empty()
    }
}

/// A walk from a row to the farthest one that a span ties it to.
#[derive(Clone, Copy)]
pub struct Walk<'a> {
    pub forward: bool,
    pub span: &'a Span,
    /// The span is that of the first row's frame; else of the frames of the rows on the way.
    pub own_frame: bool,
}

/// See the module.
#[derive(Debug)]
pub struct WindowRows {
    codec: RowCodec,
    /// The ORDER BY column that RANGE distances count in.
    order: Option<(usize, SortOptions)>,
    rows: BTreeMap<Key, Held>,
    bytes: usize,
    read: Cell<u64>,
}

impl WindowRows {
    pub fn new(codec: RowCodec, order: Option<(usize, SortOptions)>) -> Self {
        WindowRows { codec, order, rows: BTreeMap::new(), bytes: 0, read: Cell::new(0) }
    }

    /// Adds a row. Its key is given back.
    pub fn insert(&mut self, partition: Partition<'_>, row: &[u8], peers: usize) -> Result<Key> {
        let key = partition.key(row, peers, self.last_copy(partition, row))?;
        self.bytes += key.size() + ENTRY_BYTES;
        self.rows.insert(key.clone(), Held { record: None });
        Ok(key)
    }

    /// Takes a row out, the last of equal ones. Errors: `Data` (I5) if it is not there.
    pub fn remove(&mut self, partition: Partition<'_>, row: &[u8]) -> Result<(Key, Option<Record>)> {
        let missing = || Error::data("a row was taken out that is not there (I5)");
        let key = self.last_copy(partition, row).ok_or_else(missing)?.clone();
        let held = self.rows.remove(&key).ok_or_else(missing)?;
        self.bytes -= key.size() + ENTRY_BYTES + held.record.as_ref().map_or(0, |r| r.0.len());
        Ok((key, held.record))
    }

    /// What was given for a row.
    pub fn record(&self, key: &Key) -> Option<&Record> {
        self.rows.get(key)?.record.as_ref()
    }

    /// Puts a row's new record in the place of the old one, which is given back.
    pub fn replace(&mut self, key: &Key, record: Option<Record>) -> Option<Record> {
        let held = self.rows.get_mut(key)?;
        self.bytes += record.as_ref().map_or(0, |r| r.0.len());
        let old = std::mem::replace(&mut held.record, record);
        self.bytes -= old.as_ref().map_or(0, |r| r.0.len());
        old
    }

    fn last_copy(&self, partition: Partition<'_>, row: &[u8]) -> Option<&Key> {
        let (key, _) = self.rows.range(..=partition.end_of(row)).next_back()?;
        (partition.holds(key) && key.row() == row).then_some(key)
    }

    /// The rows of a partition, at most `limit`, in order.
    pub fn partition(&self, partition: Partition<'_>, limit: usize) -> Vec<(&Key, &Held)> {
        let rows = self.rows.range(partition.start()..);
        self.counted(rows.take_while(|(key, _)| partition.holds(key)).take(limit).collect())
    }

    fn counted<T>(&self, rows: Vec<T>) -> Vec<T> {
        self.read.set(self.read.get() + rows.len() as u64);
        rows
    }

    /// The farthest row of the partition that the walk comes to; None if it does not leave the first one.
    fn walk(&self, partition: Partition<'_>, from: &Key, walk: Walk<'_>) -> Result<Option<Key>> {
        if walk.span.is_zero() {
            return Ok(None);
        }
        let mut rows: Box<dyn Iterator<Item = (&Key, &Held)>> = if walk.forward {
            Box::new(self.rows.range((Bound::Excluded(from), Bound::Unbounded)))
        } else {
            Box::new(self.rows.range(&partition.start()..from).rev())
        };
        let own = if walk.span.ranges.is_empty() { None } else { self.value(from)? };
        let (mut group, mut groups, mut in_range) = (from.peers(), 0, true);
        let (mut count, mut farthest) = (0, None);
        while let Some((key, _)) = rows.next().filter(|(key, _)| partition.holds(key)) {
            self.read.set(self.read.get() + 1);
            count += 1;
            if key.peers() != group {
                (group, groups) = (key.peers(), groups + 1);
                in_range = match &own {
                    Some(own) => self.in_range(own, key, walk)?,
                    None => false,
                };
            }
            let near = count <= walk.span.rows || walk.span.groups.is_some_and(|most| groups <= most);
            if !near && (walk.span.ranges.is_empty() || !in_range) {
                break;
            }
            farthest = Some(key);
        }
        Ok(farthest.cloned())
    }

    /// Whether the frame of the one row holds the other, for some RANGE of the span.
    fn in_range(&self, own: &ScalarValue, key: &Key, walk: Walk<'_>) -> Result<bool> {
        let Some((value, (_, options))) = self.value(key)?.zip(self.order) else { return Ok(true) };
        let (frame, other) = if walk.own_frame { (own, &value) } else { (&value, own) };
        if frame.is_null() {
            return Ok(other.is_null());
        }
        // The other row comes before the frame's own?
        let before = walk.forward != walk.own_frame;
        let below = before != options.descending;
        Ok(walk.span.ranges.iter().any(|distance| {
            let edge = if below { frame.sub_checked(distance) } else { frame.add_checked(distance) };
            // An edge that overflows is none: DataFusion takes the rows up to the end of the partition.
            let Ok(edge) = edge else { return true };
            let order = other.partial_cmp(&edge);
            !other.is_null() && order.is_none_or(|o| if below { o.is_ge() } else { o.is_le() })
        }))
    }

    /// The ORDER BY value of a row.
    fn value(&self, key: &Key) -> Result<Option<ScalarValue>> {
        let Some((column, _)) = self.order else { return Ok(None) };
        let row = self.decode(std::iter::once(key))?;
        Ok(Some(ScalarValue::try_from_array(row.column(column), 0)?))
    }

    /// The rows with these keys.
    pub fn decode<'a>(&'a self, keys: impl ExactSizeIterator<Item = &'a Key>) -> Result<RecordBatch> {
        self.codec.decode(keys.map(Key::row))
    }

    pub fn size(&self) -> usize {
        self.bytes
    }
    /// Rows read since the start.
    pub fn read(&self) -> u64 {
        self.read.get()
    }
}

/// The rows of a partition as a sweep sees them: in their order, or in the opposite one.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    pub rows: &'a WindowRows,
    pub partition: Partition<'a>,
    pub backward: bool,
}

impl<'a> Seen<'a> {
    pub fn compare(&self, a: &Key, b: &Key) -> Ordering {
        if self.backward { b.cmp(a) } else { a.cmp(b) }
    }

    /// The rows between two keys.
    pub fn between(&self, start: Bound<&Key>, end: Bound<&Key>) -> Vec<(&'a Key, &'a Held)> {
        let (first, last) = if self.backward { (end, start) } else { (start, end) };
        let (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) =
            (first, last)
        else {
            return vec![];
        };
        let open = matches!((first, last), (Bound::Excluded(_), _) | (_, Bound::Excluded(_)));
        if low > high || (open && low == high) {
            return vec![];
        }
        let rows = self.rows.rows.range((first, last));
        self.rows.counted(if self.backward { rows.rev().collect() } else { rows.collect() })
    }

    /// The next `count` rows after a key.
    pub fn after(&self, key: &Key, count: usize) -> Vec<(&'a Key, &'a Held)> {
        let rows = &self.rows.rows;
        self.rows.counted(if self.backward {
            rows.range(&self.partition.start()..key).rev().take(count).collect()
        } else {
            let rows = rows.range((Bound::Excluded(key), Bound::Unbounded));
            rows.take_while(|(key, _)| self.partition.holds(key)).take(count).collect()
        })
    }

    /// The row before a key.
    pub fn previous(&self, key: &Key) -> Option<(&'a Key, &'a Held)> {
        Seen { backward: !self.backward, ..*self }.after(key, 1).pop()
    }

    /// The farthest row that the walk comes to; None if it does not leave the first one.
    pub fn walk(&self, from: &Key, walk: Walk<'_>) -> Result<Option<Key>> {
        self.rows.walk(self.partition, from, Walk { forward: walk.forward != self.backward, ..walk })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Schema;

    use super::*;
    use crate::state::hash_key;

    /// Two partitions whose hashes are the same in the bits that keys have.
    fn colliding() -> [[u8; 8]; 2] {
        let mut seen: HashMap<u32, [u8; 8]> = HashMap::new();
        for number in 0..2_000_000_u64 {
            let bytes = number.to_be_bytes();
            if let Some(other) = seen.insert(hash_key(&bytes) as u32, bytes) {
                return [other, bytes];
            }
        }
        panic!("two million hashes of 32 bits are all different");
    }

    #[test]
    fn partitions_of_one_hash_are_kept_apart() {
        let schema = Arc::new(Schema::empty());
        let mut rows = WindowRows::new(RowCodec::ascending(schema, &[]).unwrap(), None);
        let both = colliding();
        let row = |partition: &[u8], n: u8| [partition, &[n]].concat();
        for n in [2, 1, 2] {
            for bytes in &both {
                rows.insert(Partition::new(bytes), &row(bytes, n), 9).unwrap();
            }
        }
        for (bytes, other) in [(&both[0], &both[1]), (&both[1], &both[0])] {
            let partition = Partition::new(bytes);
            let held: Vec<&[u8]> = rows.partition(partition, 9).into_iter().map(|(key, _)| key.row()).collect();
            assert_eq!(held, [row(bytes, 1), row(bytes, 2), row(bytes, 2)]);
            for backward in [false, true] {
                let seen = Seen { rows: &rows, partition, backward };
                let end = rows.partition(partition, 9)[if backward { 0 } else { 2 }].0.clone();
                assert!(seen.after(&end, 9).is_empty());
                let span = Span { rows: 9, ..Span::default() };
                let far = seen.walk(&end, Walk { forward: true, span: &span, own_frame: true }).unwrap();
                assert!(far.is_none());
                assert_eq!(seen.previous(&end).map(|(key, _)| key.row()), Some(row(bytes, 2).as_slice()));
            }
            assert!(rows.remove(partition, &row(other, 1)).is_err());
        }
        let (key, _) = rows.remove(Partition::new(&both[0]), &row(&both[0], 2)).unwrap();
        assert_eq!(key.row(), row(&both[0], 2));
        assert_eq!(rows.partition(Partition::new(&both[0]), 9).len(), 2);
        assert_eq!(rows.partition(Partition::new(&both[1]), 9).len(), 3);
    }
}
