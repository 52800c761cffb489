//! Row bytes in chunks, each row with a small header: epochs of birth and death, weight, hash, places in posting lists.
//!
//! ```text
//! [born u32][died u32][weight i64][length u32][hash u32]  [group u32][position u32] x links  bytes, padded to 8
//! ```

use crate::error::{Error, Result};

/// `died` of a row that lives.
pub const LIVE: u32 = u32::MAX;
/// `died` of a row whose space is reclaimed; no epoch has this number.
const RECLAIMED: u32 = 0;
const HEADER: usize = 24;
const UNIT: usize = 8;
const UNIT_BITS: u32 = 17;
/// Bytes of a chunk; a longer row gets a chunk of its own.
const CHUNK_BYTES: usize = UNIT << UNIT_BITS;
/// At most 32 GiB of rows in one store.
const CHUNKS_MAX: usize = 1 << (32 - UNIT_BITS);

/// Names a row until compaction moves it: 15 bits of chunk, 17 bits of position in units of 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub(super) u32);

#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    reclaimed: usize,
}

/// What a new row is made of.
pub(super) struct NewRow<'a> {
    pub bytes: &'a [u8],
    pub weight: i64,
    pub born: u32,
    pub hash: u32,
}

/// The rows of an arrangement.
#[derive(Debug)]
pub(super) struct RowStore {
    /// Posting lists that a row is in.
    links: usize,
    chunks: Vec<Chunk>,
    open: usize,
    free: Vec<u32>,
    sparse: Vec<u32>,
}

impl RowStore {
    pub fn new(links: usize) -> Self {
        RowStore { links, chunks: vec![Chunk::default()], open: 0, free: vec![], sparse: vec![] }
    }

    fn record(&self, row: RowId) -> &[u8] {
        &self.chunks[(row.0 >> UNIT_BITS) as usize].bytes[(row.0 as usize & ((1 << UNIT_BITS) - 1)) * UNIT..]
    }
    fn record_mut(&mut self, row: RowId) -> &mut [u8] {
        &mut self.chunks[(row.0 >> UNIT_BITS) as usize].bytes[(row.0 as usize & ((1 << UNIT_BITS) - 1)) * UNIT..]
    }
    fn word(&self, row: RowId, at: usize) -> u32 {
        read_word(self.record(row), at)
    }
    fn set_word(&mut self, row: RowId, at: usize, value: u32) {
        self.record_mut(row)[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub fn born(&self, row: RowId) -> u32 {
        self.word(row, 0)
    }
    pub fn died(&self, row: RowId) -> u32 {
        self.word(row, 4)
    }
    pub fn set_died(&mut self, row: RowId, epoch: u32) {
        self.set_word(row, 4, epoch);
    }
    pub fn visible(&self, row: RowId, epoch: u32) -> bool {
        let record = self.record(row);
        read_word(record, 0) <= epoch && epoch < read_word(record, 4)
    }
    pub fn weight(&self, row: RowId) -> i64 {
        i64::from_le_bytes(self.record(row)[8..16].try_into().expect("eight bytes"))
    }
    pub fn hash(&self, row: RowId) -> u32 {
        self.word(row, 20)
    }
    /// Group and position of the row in posting list `link`.
    pub fn link(&self, row: RowId, link: usize) -> (u32, u32) {
        (self.word(row, HEADER + 8 * link), self.word(row, HEADER + 8 * link + 4))
    }
    pub fn set_link(&mut self, row: RowId, link: usize, group: u32, position: u32) {
        self.set_word(row, HEADER + 8 * link, group);
        self.set_word(row, HEADER + 8 * link + 4, position);
    }
    pub fn bytes(&self, row: RowId) -> &[u8] {
        let record = self.record(row);
        let start = HEADER + 8 * self.links;
        &record[start..start + read_word(record, 16) as usize]
    }

    /// Loads a row, header and bytes.
    pub fn warm(&self, row: RowId) -> u32 {
        self.died(row) ^ u32::from(self.bytes(row).last().copied().unwrap_or(0))
    }

    fn space(&self, length: usize) -> usize {
        (HEADER + 8 * self.links + length).next_multiple_of(UNIT)
    }

    /// Appends a row.
    ///
    /// Errors: `Unavailable` at 32 GiB, `Data` for a row of more than 4 GiB.
    pub fn insert(&mut self, row: NewRow<'_>) -> Result<RowId> {
        let length = u32::try_from(row.bytes.len()).map_err(|_| Error::data("a row is longer than 4 GiB"))?;
        let space = self.space(row.bytes.len());
        self.make_room(space)?;
        let links = self.links;
        let chunk = &mut self.chunks[self.open].bytes;
        let at = chunk.len();
        chunk.extend_from_slice(&row.born.to_le_bytes());
        chunk.extend_from_slice(&LIVE.to_le_bytes());
        chunk.extend_from_slice(&row.weight.to_le_bytes());
        chunk.extend_from_slice(&length.to_le_bytes());
        chunk.extend_from_slice(&row.hash.to_le_bytes());
        for _ in 0..links {
            chunk.extend_from_slice(&[0xff; 8]);
        }
        chunk.extend_from_slice(row.bytes);
        chunk.resize(at + space, 0);
        Ok(row_id(self.open, at))
    }

    fn make_room(&mut self, space: usize) -> Result<()> {
        let open = &self.chunks[self.open];
        if open.bytes.is_empty() || open.bytes.len() + space <= CHUNK_BYTES {
            if self.chunks[self.open].bytes.capacity() == 0 {
                self.chunks[self.open].bytes.reserve_exact(space.max(FIRST_CHUNK_BYTES));
            }
            return Ok(());
        }
        if is_sparse(open) {
            self.sparse.push(self.open as u32);
        }
        self.open = match self.free.pop() {
            Some(chunk) => chunk as usize,
            None if self.chunks.len() == CHUNKS_MAX => {
                return Err(Error::unavailable("an arrangement holds its maximum of 32 GiB of rows")
                    .hint("select fewer columns, or spread the data over several views"));
            }
            None => {
                self.chunks.push(Chunk { bytes: Vec::with_capacity(CHUNK_BYTES.max(space)), reclaimed: 0 });
                self.chunks.len() - 1
            }
        };
        Ok(())
    }

    /// Marks a row's space as free. The caller has taken it out of every index.
    pub fn reclaim(&mut self, row: RowId) {
        let space = self.space(self.word(row, 16) as usize);
        self.set_died(row, RECLAIMED);
        let number = (row.0 >> UNIT_BITS) as usize;
        let before = is_sparse(&self.chunks[number]);
        self.chunks[number].reclaimed += space;
        if number != self.open && !before && is_sparse(&self.chunks[number]) {
            self.sparse.push(number as u32);
        }
    }

    /// Moves the rows of one chunk that is more than half reclaimed to the end of the store: (old, new) of each.
    /// None: no such chunk.
    pub fn compact_one(&mut self) -> Result<Option<Vec<(RowId, RowId)>>> {
        let Some(number) = self.sparse.pop() else {
            return Ok(None);
        };
        let chunk = std::mem::take(&mut self.chunks[number as usize]);
        let mut moved = vec![];
        let mut at = 0;
        while at < chunk.bytes.len() {
            let record = &chunk.bytes[at..];
            let space = self.space(read_word(record, 16) as usize);
            if read_word(record, 4) != RECLAIMED {
                self.make_room(space)?;
                let open = &mut self.chunks[self.open].bytes;
                moved.push((row_id(number as usize, at), row_id(self.open, open.len())));
                open.extend_from_slice(&record[..space]);
            }
            at += space;
        }
        let mut bytes = chunk.bytes;
        bytes.clear();
        // A chunk of the usual size goes back to the pool: fresh memory is dear.
        if bytes.capacity() <= CHUNK_BYTES {
            self.chunks[number as usize].bytes = bytes;
        }
        self.free.push(number);
        Ok(Some(moved))
    }

    /// Bytes held, free space included.
    pub fn size(&self) -> usize {
        self.chunks.iter().map(|c| c.bytes.capacity()).sum()
    }
}

/// First allocation of a store: small ones stay small.
const FIRST_CHUNK_BYTES: usize = 4 << 10;

fn is_sparse(chunk: &Chunk) -> bool {
    chunk.reclaimed * 2 > chunk.bytes.len()
}
fn row_id(chunk: usize, at: usize) -> RowId {
    RowId((chunk as u32) << UNIT_BITS | (at / UNIT) as u32)
}
fn read_word(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(record[at..at + 4].try_into().expect("four bytes"))
}
