//! Some rows in order, each with its weight, in one piece of memory: one or two reads of memory find a row.
//!
//! ```text
//! [rows u16][bytes of a slot u16]  [end u16][weight u16] x rows  the rows' bytes, one after the other
//! ```
//!
//! A row ends at `end`, counted from where the first one begins. A block with more bytes or a greater weight than fit
//! has slots of `[end u32][weight i64]`; it gets narrow again when it is built anew.
//! Cost: finding a row compares log2 of the rows; one that comes or goes moves the bytes behind it.

use crate::error::{Error, Result};

const HEADER: usize = 4;
/// Bytes of a slot.
const NARROW: usize = 4;
const WIDE: usize = 12;
/// A block with more bytes is to be halved: moving half of them costs about as much as finding the block.
/// In tests blocks are small, so that they are halved and merged all the time.
pub(super) const BLOCK_BYTES: usize = if cfg!(test) { 256 } else { 4_096 };
/// A block with fewer bytes joins a neighbour, if both fill no more than three quarters.
const SPARSE_BYTES: usize = BLOCK_BYTES / 4;
const MERGED_BYTES_MAX: usize = BLOCK_BYTES / 4 * 3;
/// Bytes that come into the caches together, and how many of these pieces are loaded ahead.
const WARM_STEP_BYTES: usize = 64;
const WARM_STEPS_MAX: usize = 12;
/// Least step in which a block grows; greater ones grow by an eighth or less, as the allocator's pieces do.
const GROWTH_BYTES_MIN: usize = 16;

/// See the module. No bytes: no rows.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
}

/// The rows of a block, to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockRows<'a> {
    bytes: &'a [u8],
    len: usize,
    slot: usize,
}

impl<'a> BlockRows<'a> {
    pub fn len(self) -> usize {
        self.len
    }

    /// Where row `i` ends, counted from the first one's beginning.
    fn end(self, i: usize) -> usize {
        let at = HEADER + i * self.slot;
        if self.slot == NARROW { usize::from(read_u16(self.bytes, at)) } else { read_u32(self.bytes, at) as usize }
    }

    fn start(self, i: usize) -> usize {
        if i == 0 { 0 } else { self.end(i - 1) }
    }

    pub fn row(self, i: usize) -> &'a [u8] {
        let base = HEADER + self.len * self.slot;
        &self.bytes[base + self.start(i)..base + self.end(i)]
    }

    pub fn weight(self, i: usize) -> i64 {
        let at = HEADER + i * self.slot;
        if self.slot == NARROW {
            return i64::from(read_u16(self.bytes, at + 2));
        }
        i64::from(read_u32(self.bytes, at + 4)) | i64::from(read_u32(self.bytes, at + 8)) << 32
    }

    /// How many rows, from the first on, are so; none behind them is.
    pub fn count_while(self, so: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = (low + high) / 2;
            if so(self.row(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    pub fn iter(self) -> impl DoubleEndedIterator<Item = (&'a [u8], i64)> + ExactSizeIterator + Clone {
        (0..self.len).map(move |i| (self.row(i), self.weight(i)))
    }
}

impl Block {
    /// A block of these rows, which are in order.
    ///
    /// Errors: `Data` if they have more than 4 GiB.
    fn of<'a>(rows: impl Iterator<Item = (&'a [u8], i64)> + Clone) -> Result<Block> {
        let (mut len, mut total, mut narrow) = (0, 0, true);
        for (row, weight) in rows.clone() {
            len += 1;
            total += row.len();
            narrow &= fits_narrow(total, weight);
        }
        if len == 0 {
            return Ok(Block::default());
        }
        check_bytes(total)?;
        let slot = if narrow { NARROW } else { WIDE };
        let mut bytes = Vec::with_capacity(room(HEADER + len * slot + total));
        bytes.extend_from_slice(&count(len)?.to_le_bytes());
        bytes.extend_from_slice(&(slot as u16).to_le_bytes());
        bytes.resize(HEADER + len * slot, 0);
        let mut end = 0;
        for (i, (row, weight)) in rows.enumerate() {
            end += row.len();
            bytes.extend_from_slice(row);
            write_slot(&mut bytes[HEADER + i * slot..][..slot], end, weight);
        }
        Ok(Block { bytes })
    }

    pub fn rows(&self) -> BlockRows<'_> {
        if self.bytes.is_empty() {
            return BlockRows { bytes: &[], len: 0, slot: NARROW };
        }
        let (len, slot) = (read_u16(&self.bytes, 0), read_u16(&self.bytes, 2));
        BlockRows { bytes: &self.bytes, len: usize::from(len), slot: usize::from(slot) }
    }

    /// The sum of the rows' weights.
    pub fn weight(&self) -> i64 {
        self.rows().iter().map(|(_, weight)| weight).sum()
    }
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    pub fn is_full(&self) -> bool {
        self.bytes.len() > BLOCK_BYTES && self.rows().len > 1
    }
    pub fn is_sparse(&self) -> bool {
        self.bytes.len() < SPARSE_BYTES
    }
    pub fn takes_in(&self, next: &Block) -> bool {
        self.is_empty() || next.is_empty() || self.bytes.len() + next.bytes.len() <= MERGED_BYTES_MAX
    }
    /// Bytes held, free ones included.
    pub fn size(&self) -> usize {
        self.bytes.capacity()
    }

    /// Loads what a change will touch: of a small block everything.
    pub fn warm(&self) -> u8 {
        self.bytes.iter().step_by(WARM_STEP_BYTES).take(WARM_STEPS_MAX).fold(0, |sum, byte| sum ^ byte)
    }

    /// Adds `weight` to a row and returns the weight that it has now.
    ///
    /// Errors: `Data` (I5) if that would be negative.
    pub fn add(&mut self, row: &[u8], weight: i64) -> Result<i64> {
        let rows = self.rows();
        let at = rows.count_while(|held| held < row);
        let held = at < rows.len && rows.row(at) == row;
        let before = if held { rows.weight(at) } else { 0 };
        let now = before.checked_add(weight).ok_or_else(|| Error::data("the weight of a row overflows"))?;
        match (held, now) {
            _ if now < 0 => return Err(Error::data("a row was taken out that is not there (I5)")),
            (false, 0) => {}
            (false, _) => self.insert(at, row, now)?,
            (true, 0) => self.remove(at),
            (true, _) => self.replace(at, now)?,
        }
        Ok(now)
    }

    fn insert(&mut self, at: usize, row: &[u8], weight: i64) -> Result<()> {
        let rows = self.rows();
        let (len, slot, from, total) = (rows.len, rows.slot, rows.start(at), rows.start(rows.len));
        if len == 0 || (slot == NARROW && !fits_narrow(total + row.len(), weight)) {
            let (head, tail) = (rows.iter().take(at), rows.iter().skip(at));
            *self = Block::of(head.chain(std::iter::once((row, weight))).chain(tail))?;
            return Ok(());
        }
        check_bytes(total + row.len())?;
        let bytes = &mut self.bytes;
        let (base, end, more) = (HEADER + len * slot, bytes.len(), slot + row.len());
        bytes.reserve_exact(if bytes.capacity() < end + more { room(end + more) - end } else { 0 });
        bytes.resize(end + more, 0);
        // The rows behind, the rows before, and the slots behind make room.
        bytes.copy_within(base + from..end, base + from + more);
        bytes.copy_within(base..base + from, base + slot);
        bytes[base + slot + from..][..row.len()].copy_from_slice(row);
        let own = HEADER + at * slot;
        bytes.copy_within(own..base, own + slot);
        write_slot(&mut bytes[own..own + slot], from + row.len(), weight);
        move_ends(&mut bytes[own + slot..base + slot], slot, row.len() as u32);
        bytes[..2].copy_from_slice(&count(len + 1)?.to_le_bytes());
        Ok(())
    }

    fn remove(&mut self, at: usize) {
        let rows = self.rows();
        let (len, slot, from, to) = (rows.len, rows.slot, rows.start(at), rows.end(at));
        if len == 1 {
            *self = Block::default();
            return;
        }
        let bytes = &mut self.bytes;
        let (base, own) = (HEADER + len * slot, HEADER + at * slot);
        bytes.copy_within(own + slot..base, own);
        bytes.copy_within(base..base + from, base - slot);
        bytes.copy_within(base + to.., base - slot + from);
        bytes.truncate(bytes.len() - slot - (to - from));
        // The slots behind have moved to where this one was; taking away is adding the complement.
        let behind = &mut bytes[own..base - slot];
        move_ends(behind, slot, ((to - from) as u32).wrapping_neg());
        let len = (len - 1) as u16;
        bytes[..2].copy_from_slice(&len.to_le_bytes());
        if bytes.capacity() > 2 * room(bytes.len()) {
            bytes.shrink_to(room(bytes.len()));
        }
    }

    fn replace(&mut self, at: usize, weight: i64) -> Result<()> {
        let rows = self.rows();
        let (slot, end) = (rows.slot, rows.end(at));
        if slot == NARROW && !fits_narrow(end, weight) {
            *self = Block::of(rows.iter().enumerate().map(|(i, (r, w))| (r, if i == at { weight } else { w })))?;
            return Ok(());
        }
        write_slot(&mut self.bytes[HEADER + at * slot..][..slot], end, weight);
        Ok(())
    }

    /// Gives away the rows from the middle on; only the last one if `last`.
    pub fn split(&mut self, last: bool) -> Result<Block> {
        let rows = self.rows();
        let middle = rows.end(rows.len - 1) / 2;
        let first = (1..rows.len).find(|&i| rows.end(i) > middle).unwrap_or(1);
        let first = if last { rows.len - 1 } else { first };
        let upper = Block::of(rows.iter().skip(first))?;
        *self = Block::of(rows.iter().take(first))?;
        Ok(upper)
    }

    /// Takes in the rows of the next block.
    pub fn append(&mut self, next: Block) -> Result<()> {
        *self = if self.is_empty() { next } else { Block::of(self.rows().iter().chain(next.rows().iter()))? };
        Ok(())
    }
}

fn fits_narrow(end: usize, weight: i64) -> bool {
    end <= usize::from(u16::MAX) && (0..=i64::from(u16::MAX)).contains(&weight)
}

/// Rows as the header has them: a block is halved long before it has too many.
fn count(rows: usize) -> Result<u16> {
    u16::try_from(rows).map_err(|_| Error::internal("a block of rows was not halved"))
}

/// Bytes to reserve for so many.
fn room(bytes: usize) -> usize {
    bytes.next_multiple_of((bytes.next_power_of_two() / 8).max(GROWTH_BYTES_MIN))
}

/// The ends of rows are 32 bits at most.
fn check_bytes(bytes: usize) -> Result<()> {
    u32::try_from(bytes).map(|_| ()).map_err(|_| Error::data("a block of rows is longer than 4 GiB"))
}

/// The caller has asked `fits_narrow` before it writes a narrow slot, and `check_bytes` before a wide one.
fn write_slot(slot: &mut [u8], end: usize, weight: i64) {
    if slot.len() == NARROW {
        slot[..2].copy_from_slice(&(end as u16).to_le_bytes());
        slot[2..].copy_from_slice(&(weight as u16).to_le_bytes());
    } else {
        slot[..4].copy_from_slice(&(end as u32).to_le_bytes());
        slot[4..].copy_from_slice(&weight.to_le_bytes());
    }
}

/// Adds to the ends of these slots.
fn move_ends(slots: &mut [u8], slot: usize, by: u32) {
    if slot == NARROW {
        for slot in slots.chunks_exact_mut(NARROW) {
            let end = read_u16(slot, 0).wrapping_add(by as u16);
            slot[..2].copy_from_slice(&end.to_le_bytes());
        }
        return;
    }
    for slot in slots.chunks_exact_mut(WIDE) {
        let end = read_u32(slot, 0).wrapping_add(by);
        slot[..4].copy_from_slice(&end.to_le_bytes());
    }
}

fn read_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}
fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
