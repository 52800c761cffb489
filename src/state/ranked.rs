//! An ordered multiset of rows of one length, in which the n-th row of a key is found: medians and percentiles.
//!
//! Rows stand in order in blocks of at most 512, each with the sum of its weights; a B-tree finds the block of a row.
//! Small keys share blocks. A full block is halved, a nearly empty one takes in the next.
//! Cost: a row that comes or goes, a logarithm and half a block that moves; counting a key, its blocks.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::error::{Error, Result};

/// Rows of a block: moving half of them costs about as much as finding the block.
const BLOCK_ROWS: usize = 512;
/// A block with fewer rows takes in the next one, if both fill no more than three quarters.
const SPARSE_ROWS: usize = BLOCK_ROWS / 4;
const MERGED_ROWS_MAX: usize = BLOCK_ROWS / 4 * 3;
/// Bytes of a block's entry in the B-tree beside its rows, at the usual fill.
const BLOCK_BYTES: usize = 128;

/// Rows in order, each with its weight. A key is a prefix of its rows, so its rows are neighbours.
#[derive(Debug)]
pub struct RankedRows {
    width: usize,
    /// Each block under bytes that are not greater than its first row, and greater than the last row of the one before.
    blocks: BTreeMap<Box<[u8]>, Block>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Block {
    /// `width` bytes a row.
    rows: Vec<u8>,
    weights: Vec<i64>,
    /// Their sum.
    weight: i64,
}

/// The rows of one key, to be asked by number.
#[derive(Debug)]
pub struct RankedKey<'a> {
    parts: Vec<Part<'a>>,
    width: usize,
    distinct: bool,
}

/// The rows of a key in one block.
#[derive(Debug)]
struct Part<'a> {
    block: &'a Block,
    from: usize,
    /// Rows of the key up to the end of this part.
    end: usize,
}

impl RankedRows {
    /// `width`: bytes of every row.
    pub fn new(width: usize) -> Self {
        RankedRows { width, blocks: BTreeMap::new(), bytes: 0 }
    }

    /// Adds `weight` to a row.
    ///
    /// Errors: `Data` (I5) if its weight would be negative.
    pub fn add(&mut self, row: &[u8], weight: i64) -> Result<()> {
        if row.len() != self.width {
            return Err(Error::internal("a row of another length than planned"));
        }
        let key = self.block_of(row);
        let block = self.blocks.get_mut(&key).ok_or_else(|| Error::internal("a block of rows is missing"))?;
        let before = block.size();
        block.add(row, weight)?;
        self.bytes = self.bytes - before + block.size();
        match block.weights.len() {
            0 => _ = self.remove(&key),
            BLOCK_ROWS => {
                let upper = block.split(self.width);
                self.bytes += upper.size() + BLOCK_BYTES + self.width;
                self.blocks.insert(upper.rows[..self.width].into(), upper);
            }
            length if weight < 0 && length < SPARSE_ROWS => self.merge(&key),
            _ => {}
        }
        Ok(())
    }

    /// The key of the block that a row belongs to; the block is made, or its key lowered, if there is none.
    fn block_of(&mut self, row: &[u8]) -> Box<[u8]> {
        if let Some((key, _)) = self.blocks.range::<[u8], _>((Bound::Unbounded, Bound::Included(row))).next_back() {
            return key.clone();
        }
        let block = self.blocks.pop_first().map(|(_, block)| block).unwrap_or_else(|| {
            self.bytes += BLOCK_BYTES + self.width;
            Block::default()
        });
        self.blocks.insert(row.into(), block);
        row.into()
    }

    fn remove(&mut self, key: &[u8]) -> Option<Block> {
        let block = self.blocks.remove(key)?;
        self.bytes -= block.size() + BLOCK_BYTES + self.width;
        Some(block)
    }

    /// Takes the next block into this one, if both are small.
    fn merge(&mut self, key: &[u8]) {
        let mut blocks = self.blocks.range::<[u8], _>((Bound::Included(key), Bound::Unbounded));
        let (Some((_, block)), Some((next, following))) = (blocks.next(), blocks.next()) else { return };
        if block.weights.len() + following.weights.len() > MERGED_ROWS_MAX {
            return;
        }
        let next = next.clone();
        let Some(mut following) = self.remove(&next) else { return };
        let Some(block) = self.blocks.get_mut(key) else { return };
        self.bytes -= block.size();
        block.rows.append(&mut following.rows);
        block.weights.append(&mut following.weights);
        block.weight += following.weight;
        self.bytes += block.size();
    }

    /// The rows that begin with `key`; `distinct`: each counts once, whatever its weight.
    pub fn key(&self, key: &[u8], distinct: bool) -> RankedKey<'_> {
        let first = self.blocks.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back();
        let first = first.map_or(key, |(first, _)| first);
        let (mut parts, mut end) = (vec![], 0);
        for block in self.blocks.range::<[u8], _>((Bound::Included(first), Bound::Unbounded)).map(|(_, block)| block) {
            let from = block.before(self.width, |row| row < key);
            let to = block.before(self.width, |row| row < key || row.starts_with(key));
            end += match (distinct, to - from == block.weights.len()) {
                (true, _) => to - from,
                (false, true) => block.weight as usize,
                (false, false) => block.weights[from..to].iter().sum::<i64>() as usize,
            };
            if from < to {
                parts.push(Part { block, from, end });
            }
            if to < block.weights.len() {
                break;
            }
        }
        RankedKey { parts, width: self.width, distinct }
    }

    pub fn size(&self) -> usize {
        self.bytes
    }
}

impl RankedKey<'_> {
    /// Rows of the key.
    pub fn len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.end)
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row number `n` in order, counted from 0.
    pub fn get(&self, n: usize) -> Option<&[u8]> {
        let at = self.parts.partition_point(|part| part.end <= n);
        let part = self.parts.get(at)?;
        let mut end = if at == 0 { 0 } else { self.parts[at - 1].end };
        for (i, &weight) in part.block.weights.iter().enumerate().skip(part.from) {
            end += if self.distinct { 1 } else { weight as usize };
            if n < end {
                return Some(part.block.row(i, self.width));
            }
        }
        None
    }
}

impl Block {
    fn row(&self, i: usize, width: usize) -> &[u8] {
        &self.rows[i * width..(i + 1) * width]
    }

    /// How many rows, from the first on, are so; none behind them is.
    fn before(&self, width: usize, so: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.weights.len());
        while low < high {
            let middle = (low + high) / 2;
            if so(self.row(middle, width)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn add(&mut self, row: &[u8], weight: i64) -> Result<()> {
        let width = row.len();
        let (at, length) = (self.before(width, |held| held < row), self.rows.len());
        let held = at < self.weights.len() && self.row(at, width) == row;
        let now = if held { self.weights[at] } else { 0 }.checked_add(weight);
        let sum = self.weight.checked_add(weight);
        let (Some(now), Some(sum)) = (now, sum) else { return Err(Error::data("the weight of a row overflows")) };
        if now < 0 {
            return Err(Error::data("a row was taken out that is not there (I5)"));
        }
        self.weight = sum;
        match (held, now) {
            (false, 0) => {}
            (false, _) => {
                self.rows.resize(length + width, 0);
                self.rows.copy_within(at * width..length, (at + 1) * width);
                self.rows[at * width..(at + 1) * width].copy_from_slice(row);
                self.weights.insert(at, now);
            }
            (true, 0) => {
                self.rows.drain(at * width..(at + 1) * width);
                self.weights.remove(at);
            }
            (true, _) => self.weights[at] = now,
        }
        Ok(())
    }

    /// Gives the upper half away.
    fn split(&mut self, width: usize) -> Block {
        let half = self.weights.len() / 2;
        let (rows, weights) = (self.rows.split_off(half * width), self.weights.split_off(half));
        let weight = weights.iter().sum();
        self.weight -= weight;
        Block { rows, weights, weight }
    }

    fn size(&self) -> usize {
        self.rows.capacity() + self.weights.capacity() * size_of::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    /// A row of key `key`.
    fn row(key: u8, value: u16) -> [u8; 3] {
        let [high, low] = value.to_be_bytes();
        [key, high, low]
    }

    /// All rows of a key, each as often as it counts.
    fn all(rows: &RankedRows, key: u8, distinct: bool) -> Vec<u16> {
        let ranked = rows.key(&[key], distinct);
        assert_eq!(ranked.is_empty(), ranked.len() == 0);
        assert_eq!(ranked.get(ranked.len()), None);
        let value = |n| ranked.get(n).map(|row| u16::from_be_bytes([row[1], row[2]]));
        (0..ranked.len()).map(|n| value(n).expect("below the length")).collect()
    }

    #[test]
    fn rows_are_those_of_a_sorted_list() {
        let mut random = fastrand::Rng::with_seed(7);
        for (keys, values, growth) in [(1, 4_000, 3), (3, 50, 2), (200, 4_000, 3), (2, 2_000, 1)] {
            let (mut ranked, mut list): (RankedRows, Vec<(u8, u16)>) = (RankedRows::new(3), vec![]);
            for step in 0..6_000 {
                if list.is_empty() || random.u32(0..4) < growth {
                    let (new, weight) = ((random.u8(0..keys), random.u16(0..values)), random.i64(1..3));
                    ranked.add(&row(new.0, new.1), weight).expect("a row more");
                    list.extend(std::iter::repeat_n(new, weight as usize));
                } else {
                    let (key, value) = list.swap_remove(random.usize(0..list.len()));
                    ranked.add(&row(key, value), -1).expect("it is there");
                }
                if step % 1_500 == 1_499 {
                    list.sort_unstable();
                    for key in 0..keys {
                        let mut expected: Vec<u16> = list.iter().filter(|r| r.0 == key).map(|r| r.1).collect();
                        assert_eq!(all(&ranked, key, false), expected);
                        expected.dedup();
                        assert_eq!(all(&ranked, key, true), expected);
                    }
                }
            }
            let counted: usize = ranked.blocks.values().map(|block| block.size() + BLOCK_BYTES + 3).sum();
            assert_eq!(ranked.size(), counted);
            list.iter().for_each(|r| ranked.add(&row(r.0, r.1), -1).expect("it is there"));
            assert_eq!((ranked.size(), ranked.blocks.len()), (0, 0));
        }
    }

    #[test]
    fn blocks_stay_between_their_bounds() {
        let mut rows = RankedRows::new(3);
        (0..10_000).for_each(|value| rows.add(&row(0, value), 1).expect("a row more"));
        assert!(rows.blocks.values().all(|block| block.weights.len() < BLOCK_ROWS));
        assert!(rows.blocks.len() < 10_000 / (BLOCK_ROWS / 2) + 1);
        (0..10_000)
            .filter(|value| value % 100 != 0)
            .for_each(|value| rows.add(&row(0, value), -1).expect("it is there"));
        assert_eq!(all(&rows, 0, false), (0..100).map(|i| i * 100).collect::<Vec<_>>());
        assert!(rows.blocks.len() <= 2, "{} blocks for 100 rows", rows.blocks.len());
    }

    #[test]
    fn a_row_that_is_not_there_cannot_be_taken_out() {
        let mut rows = RankedRows::new(3);
        rows.add(&row(1, 5), 2).expect("a row more");
        for (missing, weight) in [(row(1, 4), -1), (row(1, 5), -3), (row(0, 0), -1)] {
            assert_eq!(rows.add(&missing, weight).expect_err("I5").kind, ErrorKind::Data);
        }
        assert_eq!(rows.add(&[1], 1).expect_err("too short").kind, ErrorKind::Internal);
        assert_eq!(all(&rows, 1, false), [5, 5]);
        assert!(rows.key(&[2], false).is_empty());
    }
}
