//! Ordered multisets of rows, one for each group: its first and last row, all of them, or the n-th, whatever comes and
//! goes.
//!
//! A group's number is its place, so that finding a group costs the same beside however many others. Its rows stand in
//! one block (`block`); when that is full they stand in several, which a B-tree finds.
//! Cost: a row that comes or goes, one or two reads of memory, a logarithm of the group's rows, and half a block that
//! moves; counting a group, its blocks.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::block::Block;
use crate::error::{Error, Result};

/// Bytes of a block's entry in the B-tree, at the usual fill.
const PART_BYTES: usize = 96;

/// The rows of all groups, each with its weight.
#[derive(Debug, Default)]
pub struct OrderedRows {
    groups: Vec<Group>,
    /// What the groups hold beside their place.
    bytes: usize,
}

#[derive(Debug)]
pub(super) enum Group {
    One(Block),
    Many(Box<Blocks>),
}

/// The blocks of a group. None is empty.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Each block under bytes that are not greater than its first row, and greater than the last row of the one before;
    /// the first one under no bytes.
    pub(super) parts: BTreeMap<Box<[u8]>, Part>,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) block: Block,
    /// The sum of its rows' weights.
    pub(super) weight: i64,
}

impl Part {
    /// Bytes of the block and its entry.
    pub(super) fn size(&self, key: &[u8]) -> usize {
        self.block.size() + key.len() + PART_BYTES
    }
}

/// The rows of one group, to be asked by number.
#[derive(Debug)]
pub struct RankedRows<'a> {
    /// Each block with the number of rows up to its end.
    parts: Vec<(&'a Block, usize)>,
    distinct: bool,
}

impl OrderedRows {
    /// Adds `weight` to a row of a group and returns the weight that it has now.
    ///
    /// Errors: `Data` (I5) if that would be negative.
    pub fn add(&mut self, group: u32, row: &[u8], weight: i64) -> Result<i64> {
        let number = group as usize;
        if number >= self.groups.len() {
            self.groups.resize_with(number + 1, Group::default);
        }
        let group = &mut self.groups[number];
        let before = group.size();
        let now = group.add(row, weight);
        self.bytes = self.bytes - before + group.size();
        now
    }

    /// The blocks of a group in which rows from `low` on stand.
    fn blocks(&self, group: u32, low: &[u8]) -> impl DoubleEndedIterator<Item = &Block> {
        let (one, many) = match self.groups.get(group as usize) {
            Some(Group::One(block)) => (Some(block), None),
            Some(Group::Many(blocks)) => (None, Some(blocks.from(low))),
            None => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The rows of a group, in order, each with its weight.
    pub fn iter(&self, group: u32) -> impl DoubleEndedIterator<Item = (&[u8], i64)> {
        self.blocks(group, &[]).flat_map(|block| block.rows().iter())
    }

    /// The first row of a group.
    pub fn first(&self, group: u32) -> Option<&[u8]> {
        self.iter(group).next().map(|(row, _)| row)
    }

    /// The last row of a group.
    pub fn last(&self, group: u32) -> Option<&[u8]> {
        self.iter(group).next_back().map(|(row, _)| row)
    }

    /// Rows of a group that begin with `low`, `high` or anything between, in order, with their weights.
    pub fn between(&self, group: u32, low: &[u8], high: &[u8]) -> impl Iterator<Item = (&[u8], i64)> {
        let rows = self.blocks(group, low).flat_map(|block| block.rows().iter());
        let rows = rows.skip_while(move |(row, _)| *row < low);
        rows.take_while(move |(row, _)| *row < high || row.starts_with(high))
    }

    /// The rows of a group by number; `distinct`: each counts once, whatever its weight.
    pub fn ranked(&self, group: u32, distinct: bool) -> RankedRows<'_> {
        let (mut parts, mut end) = (vec![], 0);
        let mut add = |block: &'_ Block, weight: i64| {
            end += if distinct { block.rows().len() } else { weight as usize };
            end
        };
        match self.groups.get(group as usize) {
            Some(Group::One(block)) => parts.push((block, add(block, block.weight()))),
            Some(Group::Many(blocks)) => {
                parts.extend(blocks.parts.values().map(|part| (&part.block, add(&part.block, part.weight))));
            }
            None => {}
        }
        RankedRows { parts, distinct }
    }

    /// Whether a group has no rows.
    pub fn is_empty(&self, group: u32) -> bool {
        self.first(group).is_none()
    }

    /// Loads what these groups' rows are found by: the misses overlap here and are hits afterwards.
    pub fn warm(&self, groups: impl Iterator<Item = u32>) -> u8 {
        groups.fold(0, |sum, group| match self.groups.get(group as usize) {
            Some(Group::One(block)) => sum ^ block.warm(),
            _ => sum,
        })
    }

    pub fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Group>() + self.bytes
    }

    #[cfg(test)]
    pub(super) fn groups(&self) -> &Vec<Group> {
        &self.groups
    }
}

impl Default for Group {
    fn default() -> Self {
        Group::One(Block::default())
    }
}

impl Group {
    fn add(&mut self, row: &[u8], weight: i64) -> Result<i64> {
        let now = match self {
            Group::One(block) => block.add(row, weight)?,
            Group::Many(blocks) => blocks.add(row, weight)?,
        };
        match self {
            Group::One(block) if block.is_full() => {
                let mut blocks = Blocks { parts: BTreeMap::new(), bytes: 0 };
                let block = std::mem::take(block);
                let weight = block.weight();
                blocks.put(Box::default(), Part { block, weight });
                blocks.split(&[])?;
                *self = Group::Many(Box::new(blocks));
            }
            Group::Many(blocks) if blocks.parts.len() == 1 => {
                if let Some((_, part)) = blocks.parts.pop_first() {
                    *self = Group::One(part.block);
                }
            }
            _ => {}
        }
        Ok(now)
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Group::One(block) => block.size(),
            Group::Many(blocks) => size_of::<Blocks>() + blocks.bytes,
        }
    }
}

impl Blocks {
    fn put(&mut self, key: Box<[u8]>, part: Part) {
        self.bytes += part.size(&key);
        self.parts.insert(key, part);
    }

    fn take(&mut self, key: &[u8]) -> Result<Part> {
        let part = self.parts.remove(key).ok_or_else(|| Error::internal("a block of rows is missing"))?;
        self.bytes -= part.size(key);
        Ok(part)
    }

    /// The blocks from the one on that rows from `low` on stand in.
    fn from(&self, low: &[u8]) -> impl DoubleEndedIterator<Item = &Block> + use<'_> {
        let mut before = self.parts.range::<[u8], _>((Bound::Unbounded, Bound::Included(low)));
        let first = before.next_back().map_or(&[][..], |(key, _)| key);
        self.parts.range::<[u8], _>((Bound::Included(first), Bound::Unbounded)).map(|(_, part)| &part.block)
    }

    fn add(&mut self, row: &[u8], weight: i64) -> Result<i64> {
        let mut before = self.parts.range_mut::<[u8], _>((Bound::Unbounded, Bound::Included(row)));
        let (key, part) = before.next_back().ok_or_else(|| Error::internal("a block of rows is missing"))?;
        let size = part.block.size();
        let now = part.block.add(row, weight)?;
        self.bytes = self.bytes - size + part.block.size();
        let sum = part.weight.checked_add(weight);
        part.weight = sum.ok_or_else(|| Error::data("the weights of some rows overflow"))?;
        if part.block.is_full() {
            let key = key.clone();
            self.split(&key)?;
        } else if weight < 0 && part.block.is_sparse() {
            let key = key.clone();
            self.merge(&key)?;
        }
        Ok(now)
    }

    /// Halves a block. The last one of all keeps its rows but one: rows that come in their order leave full blocks.
    fn split(&mut self, key: &[u8]) -> Result<()> {
        let mut lower = self.take(key)?;
        let last = self.parts.last_key_value().is_none_or(|(last, _)| **last < *key);
        let upper = lower.block.split(last)?;
        let weight = upper.weight();
        lower.weight -= weight;
        let (below, above) = (lower.block.rows(), upper.rows().row(0));
        let common = below.row(below.len() - 1).iter().zip(above).take_while(|(a, b)| a == b).count();
        let separator = above[..=common].into();
        self.put(key.into(), lower);
        self.put(separator, Part { block: upper, weight });
        Ok(())
    }

    /// Joins a small block with the next one, or with the one before, if that is small enough.
    fn merge(&mut self, key: &[u8]) -> Result<()> {
        let before = self.parts.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(key))).next_back();
        let mut parts = self.parts.range::<[u8], _>((Bound::Included(key), Bound::Unbounded));
        let (this, next) = (parts.next(), parts.next());
        let fit = |(lower, upper): &((_, &Part), (_, &Part))| lower.1.block.takes_in(&upper.1.block);
        let pair = this.zip(next).filter(fit).or_else(|| before.zip(this).filter(fit));
        let Some(((key, _), (next, _))) = pair else { return Ok(()) };
        let (key, next): (Box<[u8]>, Box<[u8]>) = (key.clone(), next.clone());
        let (mut lower, upper) = (self.take(&key)?, self.take(&next)?);
        lower.block.append(upper.block)?;
        lower.weight += upper.weight;
        self.put(key, lower);
        Ok(())
    }
}

impl<'a> RankedRows<'a> {
    /// Rows of the group.
    pub fn len(&self) -> usize {
        self.parts.last().map_or(0, |(_, end)| *end)
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row number `n` in order, counted from 0.
    pub fn get(&self, n: usize) -> Option<&'a [u8]> {
        let at = self.parts.partition_point(|(_, end)| *end <= n);
        let (block, _) = self.parts.get(at)?;
        let mut end = if at == 0 { 0 } else { self.parts[at - 1].1 };
        for (row, weight) in block.rows().iter() {
            end += if self.distinct { 1 } else { weight as usize };
            if n < end {
                return Some(row);
            }
        }
        None
    }
}
