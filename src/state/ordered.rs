//! An ordered multiset of rows: the first and the last row of a key, or all, whatever comes and goes.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::error::{Error, Result};

/// Row bytes in order, each with its weight. A key is a prefix of its rows, so its rows are neighbours.
/// Cost of each call: logarithmic in the rows held.
#[derive(Debug, Default)]
pub struct OrderedRows {
    rows: BTreeMap<Box<[u8]>, i64>,
    bytes: usize,
}

/// Bytes of a B-tree entry beside the row's own, at the usual fill.
const ENTRY_BYTES: usize = 40;

impl OrderedRows {
    /// Adds `weight` to a row and returns the weight that it has now.
    ///
    /// Errors: `Data` (I5) if that would be negative.
    pub fn add(&mut self, row: &[u8], weight: i64) -> Result<i64> {
        let now = match self.rows.get_mut(row) {
            Some(held) => {
                *held = held.checked_add(weight).ok_or_else(|| Error::data("the weight of a row overflows"))?;
                *held
            }
            None => {
                self.rows.insert(row.into(), weight);
                self.bytes += row.len() + ENTRY_BYTES;
                weight
            }
        };
        if now < 0 {
            return Err(Error::data("a row was taken out that is not there (I5)"));
        }
        if now == 0 {
            self.rows.remove(row);
            self.bytes -= row.len() + ENTRY_BYTES;
        }
        Ok(now)
    }

    /// The rows that begin with `key`, in order, each with its weight.
    pub fn iter(&self, key: &[u8]) -> impl DoubleEndedIterator<Item = (&[u8], i64)> {
        let end = successor(key);
        let upper = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.rows.range::<[u8], _>((Bound::Included(key), upper)).map(|(row, weight)| (&**row, *weight))
    }

    /// The first row that begins with `key`.
    pub fn first(&self, key: &[u8]) -> Option<&[u8]> {
        let bounds = (Bound::Included(key), Bound::Unbounded);
        let (row, _) = self.rows.range::<[u8], _>(bounds).next()?;
        row.starts_with(key).then_some(row)
    }

    /// The last row that begins with `key`.
    pub fn last(&self, key: &[u8]) -> Option<&[u8]> {
        self.iter(key).next_back().map(|(row, _)| row)
    }

    /// The rows that begin with `key`, in order, each with its weight.
    pub fn rows_of<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = (&'a [u8], i64)> + 'a {
        let rows = self.rows.range::<[u8], _>((Bound::Included(key), Bound::Unbounded));
        rows.take_while(move |(row, _)| row.starts_with(key)).map(|(row, &weight)| (row.as_ref(), weight))
    }

    /// Rows that begin with `low`, `high` or anything between, in order, with their weights; all if both are empty.
    pub fn between(&self, low: &[u8], high: &[u8]) -> impl Iterator<Item = (&[u8], i64)> {
        let end = successor(high);
        let upper = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.rows.range::<[u8], _>((Bound::Included(low), upper));
        range.map(|(row, weight)| (&**row, *weight))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    pub fn size(&self) -> usize {
        self.bytes
    }
}

/// The smallest byte string greater than all that begin with `key`; None if there is none.
fn successor(key: &[u8]) -> Option<Vec<u8>> {
    let last = key.iter().rposition(|&b| b != 0xff)?;
    let mut end = key[..=last].to_vec();
    end[last] += 1;
    Some(end)
}
