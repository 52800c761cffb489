//! The arrangement: a multiset of rows, stored once, with hash indexes over it, written by one and read by many.
//!
//! Rule for a write: a live row of the same identity is killed (its death epoch is set), the new version is appended.
//! Killed rows stay in the indexes until no reader can see them; `maintain` then takes them out and compacts.
//! Cost: find 1 probe + 1 row, kill 1 word, insert 1 append + 1 entry an index; all independent of the rows held.

use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;

use super::codec::{EncodedRows, RowCodec};
use super::index::{HashIndex, PostingLists};
use super::rows::{LIVE, NewRow, RowId, RowStore};
use super::slot::{SLOTS, hash_key, short, widen};
use crate::error::{Error, Result};

/// What an arrangement holds and how it is found. Fixed when it is made.
#[derive(Clone, Debug)]
pub struct Layout {
    pub schema: SchemaRef,
    /// Columns of which at most one live row has the same values: a key, or all columns.
    pub identity: Vec<usize>,
    /// Columns encoded next, with their order: rows of one identity compare by these (latest-by-key).
    pub order: Vec<(usize, SortOptions)>,
    /// Further keys, each a list of columns.
    pub links: Vec<Vec<usize>>,
}

/// Rows on their way into an arrangement: encoded, with the keys that its indexes need.
pub struct Batch {
    rows: EncodedRows,
    keys: EncodedRows,
    hashes: Vec<u64>,
    links: Vec<EncodedRows>,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    pub fn bytes(&self, i: usize) -> &[u8] {
        self.rows.bytes(i)
    }
}

/// Rows found by a probe: which probe row met which stored row, and with what weight.
pub struct Matches {
    /// Position in the probing batch of each match.
    pub probes: Vec<u32>,
    /// The stored rows, in the same order.
    pub rows: RecordBatch,
    pub weights: Vec<i64>,
    /// Stored rows that were looked at: also those that this epoch does not see.
    pub looked_at: u64,
}

/// What `maintain` did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Maintained {
    pub reclaimed: usize,
    pub moved: usize,
}

#[derive(Debug)]
struct Inner {
    rows: RowStore,
    identity: HashIndex,
    links: Vec<PostingLists>,
    /// Links whose key is part of the identity: all versions of a row are in one list.
    fixed_links: Vec<bool>,
    /// Killed rows and their epoch, oldest first.
    dead: VecDeque<(u32, RowId)>,
    /// Readers at an older epoch can no longer be answered.
    oldest: u32,
    live_rows: i64,
}

/// See the module. `new` fixes the layout; `batch` and `write` are the writer's, `read` is everybody's.
#[derive(Debug)]
pub struct Arrangement {
    layout: Layout,
    row_codec: RowCodec,
    key_codec: RowCodec,
    link_codecs: Vec<RowCodec>,
    inner: RwLock<Inner>,
}

impl Arrangement {
    pub fn new(layout: Layout) -> Result<Self> {
        let schema = &layout.schema;
        let links = layout.links.iter().map(|c| RowCodec::ascending(schema.clone(), c)).collect::<Result<Vec<_>>>()?;
        Ok(Arrangement {
            row_codec: RowCodec::ordered(schema.clone(), &layout.identity, &layout.order)?,
            key_codec: RowCodec::ascending(schema.clone(), &layout.identity)?,
            inner: RwLock::new(Inner {
                rows: RowStore::new(links.len()),
                identity: HashIndex::new(),
                links: links.iter().map(|_| PostingLists::new()).collect(),
                fixed_links: layout.links.iter().map(|l| l.iter().all(|c| layout.identity.contains(c))).collect(),
                dead: VecDeque::new(),
                oldest: 0,
                live_rows: 0,
            }),
            link_codecs: links,
            layout,
        })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Encodes rows of the layout's schema. No lock is held.
    pub fn batch(&self, rows: &RecordBatch) -> Result<Batch> {
        let keys = self.key_codec.encode(rows)?;
        let hashes = (0..keys.len()).map(|i| hash_key(keys.bytes(i))).collect();
        let links = self.link_codecs.iter().map(|codec| codec.encode(rows)).collect::<Result<_>>()?;
        Ok(Batch { rows: self.row_codec.encode(rows)?, keys, hashes, links })
    }

    /// The writer's lock. Held for some hundred rows at a time, so that readers get their turn.
    pub fn write(&self) -> Writer<'_> {
        Writer { inner: self.inner.write().unwrap_or_else(PoisonError::into_inner) }
    }

    /// A reader at an epoch. Errors: `Unavailable` when that epoch is reclaimed already.
    pub fn read(&self, epoch: u32) -> Result<Reader<'_>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if epoch < inner.oldest {
            return Err(Error::unavailable("the answer took longer than its snapshot is kept").hint("ask again"));
        }
        Ok(Reader { arrangement: self, inner, epoch })
    }

    /// The key columns of `len` rows as the bytes that an index (None: the identity) compares.
    pub fn encode_keys(&self, link: Option<usize>, keys: &[ArrayRef], len: usize) -> Result<EncodedRows> {
        link.map_or(&self.key_codec, |k| &self.link_codecs[k]).encode_arrays(keys, len)
    }

    /// These rows, decoded. The ids are the writer's, of this epoch.
    pub fn rows(&self, ids: &[RowId]) -> Result<RecordBatch> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        self.decode(ids.iter().map(|&id| inner.rows.bytes(id)))
    }

    /// Decodes rows of this arrangement.
    pub fn decode<'a>(&'a self, rows: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<RecordBatch> {
        self.row_codec.decode(rows)
    }

    /// Rows (with their weights) that live now.
    pub fn live_rows(&self) -> i64 {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).live_rows
    }

    /// Bytes held: rows, indexes, free space.
    pub fn size(&self) -> usize {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let links: usize = inner.links.iter().map(PostingLists::size).sum();
        inner.rows.size() + inner.identity.size() + links + inner.dead.capacity() * size_of::<(u32, RowId)>()
    }

    /// Reclaims rows that died at or before `oldest` (no reader is older) and compacts, at most about `budget` rows each.
    pub fn maintain(&self, oldest: u32, budget: usize) -> Result<Maintained> {
        let mut done = Maintained::default();
        while done.reclaimed < budget {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            inner.oldest = inner.oldest.max(oldest);
            let reclaimed = inner.reclaim(oldest, LOCK_ROWS);
            done.reclaimed += reclaimed;
            if reclaimed == 0 {
                break;
            }
        }
        while done.moved < budget {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            match inner.compact_one()? {
                Some(moved) => done.moved += moved.max(1),
                None => break,
            }
        }
        Ok(done)
    }
}

/// Rows handled under one lock.
pub const LOCK_ROWS: usize = 512;

/// The writer, for some rows of a batch.
pub struct Writer<'a> {
    inner: RwLockWriteGuard<'a, Inner>,
}

impl Writer<'_> {
    /// Loads what these rows of a batch will touch: the misses overlap here and are hits afterwards.
    pub fn warm(&self, batch: &Batch, rows: impl Iterator<Item = usize>) -> u32 {
        let inner = &*self.inner;
        rows.fold(0, |sum, i| {
            let row = inner.identity.find(batch.hashes[i], |_| true);
            sum ^ row.map_or(0, |row| inner.rows.died(RowId(row)))
        })
    }

    /// The live row with the identity of row `i` of the batch.
    pub fn find(&self, batch: &Batch, i: usize) -> Option<RowId> {
        let inner = &*self.inner;
        let key = batch.keys.bytes(i);
        let same = |row: u32| inner.rows.died(RowId(row)) == LIVE && inner.rows.bytes(RowId(row)).starts_with(key);
        inner.identity.find(batch.hashes[i], same).map(RowId)
    }

    pub fn bytes(&self, row: RowId) -> &[u8] {
        self.inner.rows.bytes(row)
    }
    pub fn weight(&self, row: RowId) -> i64 {
        self.inner.rows.weight(row)
    }
    /// Whether the row was there before `epoch`.
    pub fn older(&self, row: RowId, epoch: u32) -> bool {
        self.inner.rows.born(row) < epoch
    }
    pub fn lives(&self, row: RowId) -> bool {
        self.inner.rows.died(row) == LIVE
    }

    /// Adds row `i` of the batch, born in `epoch`. The caller has killed a live row of the same identity.
    pub fn insert(&mut self, batch: &Batch, i: usize, weight: i64, epoch: u32) -> Result<RowId> {
        let inner = &mut *self.inner;
        let hash = batch.hashes[i];
        let new = NewRow { bytes: batch.rows.bytes(i), weight, born: epoch, hash: short(hash) };
        // An earlier version of the row, still in the indexes, knows the lists of the new one.
        let earlier = inner.fixed_links.contains(&true).then(|| {
            let key = batch.keys.bytes(i);
            inner.identity.find(hash, |row| inner.rows.bytes(RowId(row)).starts_with(key))
        });
        let earlier = earlier.flatten();
        let row = inner.rows.insert(new)?;
        inner.identity.insert(hash, row.0);
        for (k, keys) in batch.links.iter().enumerate() {
            let (group, position) = match earlier.filter(|_| inner.fixed_links[k]) {
                Some(earlier) => {
                    let (group, _) = inner.rows.link(RowId(earlier), k);
                    (group, inner.links[k].push(group, row))
                }
                None => inner.links[k].add(hash_key(keys.bytes(i)), keys.bytes(i), row),
            };
            inner.rows.set_link(row, k, group, position);
        }
        inner.live_rows += weight;
        Ok(row)
    }

    /// Ends a row at `epoch`: readers of `epoch` and later do not see it.
    pub fn kill(&mut self, row: RowId, epoch: u32) {
        let inner = &mut *self.inner;
        inner.live_rows -= inner.rows.weight(row);
        inner.rows.set_died(row, epoch);
        inner.dead.push_back((epoch, row));
    }
}

impl Inner {
    fn reclaim(&mut self, oldest: u32, limit: usize) -> usize {
        let mut count = 0;
        while count < limit {
            match self.dead.front() {
                Some(&(epoch, row)) if epoch <= oldest => {
                    self.dead.pop_front();
                    self.forget(row);
                    count += 1;
                }
                _ => break,
            }
        }
        count
    }

    /// Takes a row out of every index and frees its space.
    fn forget(&mut self, row: RowId) {
        self.identity.remove(widen(self.rows.hash(row)), row.0);
        for k in 0..self.links.len() {
            let (group, position) = self.rows.link(row, k);
            if let Some(moved) = self.links[k].remove(group, position) {
                self.rows.set_link(moved, k, group, position);
            }
        }
        self.rows.reclaim(row);
    }

    fn compact_one(&mut self) -> Result<Option<usize>> {
        let Some(moved) = self.rows.compact_one()? else {
            return Ok(None);
        };
        let mut dead: HashMap<RowId, RowId> = HashMap::new();
        for &(old, new) in &moved {
            self.identity.replace(widen(self.rows.hash(new)), old.0, new.0);
            for k in 0..self.links.len() {
                let (group, position) = self.rows.link(new, k);
                self.links[k].replace(group, position, new);
            }
            if self.rows.died(new) != LIVE {
                dead.insert(old, new);
            }
        }
        if !dead.is_empty() {
            for (_, row) in &mut self.dead {
                *row = dead.get(row).copied().unwrap_or(*row);
            }
        }
        Ok(Some(moved.len()))
    }
}

/// Readers of one arrangement at one epoch. Holds the read lock: be brief.
pub struct Reader<'a> {
    arrangement: &'a Arrangement,
    inner: RwLockReadGuard<'a, Inner>,
    epoch: u32,
}

impl Reader<'_> {
    /// Every stored row that the keys of `probes` meet in link `link` (None: the identity), at this epoch.
    /// `keys` are the key columns of the `len` probing rows, of the same types; a NULL key meets nothing, or NULL.
    pub fn probe(&self, link: Option<usize>, keys: &[ArrayRef], len: usize, null_equal: bool) -> Result<Matches> {
        let encoded = self.arrangement.encode_keys(link, keys, len)?;
        let (mut probes, mut found, mut looked_at) = (vec![], vec![], 0);
        for i in 0..len {
            if !null_equal && keys.iter().any(|k| k.is_null(i)) {
                continue;
            }
            looked_at += self.rows_of(link, encoded.bytes(i), &mut found);
            probes.resize(found.len(), i as u32);
        }
        let weights = found.iter().map(|&row| self.inner.rows.weight(row)).collect();
        let rows = self.arrangement.decode(found.iter().map(|&row| self.inner.rows.bytes(row)))?;
        Ok(Matches { probes, rows, weights, looked_at })
    }

    /// Whether some row has these keys, for each of the `len` probing rows; and the stored rows that were looked at.
    pub fn exists(
        &self,
        link: Option<usize>,
        keys: &[ArrayRef],
        len: usize,
        null_equal: bool,
    ) -> Result<(Vec<bool>, u64)> {
        let encoded = self.arrangement.encode_keys(link, keys, len)?;
        let rows = &self.inner.rows;
        let mut looked_at = 0;
        let mut sees = |row: RowId| {
            looked_at += 1;
            rows.visible(row, self.epoch)
        };
        let found = |i: usize| {
            if !null_equal && keys.iter().any(|k| k.is_null(i)) {
                return false;
            }
            let key = encoded.bytes(i);
            match link {
                Some(k) => {
                    let list = self.inner.links[k].rows(hash_key(key), key);
                    list.iter().any(|&row| sees(row))
                }
                None => {
                    let same = |row: u32| sees(RowId(row)) && rows.bytes(RowId(row)).starts_with(key);
                    self.inner.identity.find(hash_key(key), same).is_some()
                }
            }
        };
        let found = (0..len).map(found).collect();
        Ok((found, looked_at))
    }

    /// The rows with this key (NULLs included: they compare as equal here), as bytes, in key order.
    pub fn lookup(&self, link: Option<usize>, keys: &[ArrayRef]) -> Result<Vec<&[u8]>> {
        let encoded = self.arrangement.encode_keys(link, keys, 1)?;
        let mut found = vec![];
        self.rows_of(link, encoded.bytes(0), &mut found);
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let copies = usize::try_from(self.inner.rows.weight(row)).unwrap_or(0);
            rows.extend(std::iter::repeat_n(self.inner.rows.bytes(row), copies));
        }
        rows.sort_unstable();
        Ok(rows)
    }

    /// Adds the rows with a key; gives the number of rows looked at.
    fn rows_of(&self, link: Option<usize>, key: &[u8], found: &mut Vec<RowId>) -> u64 {
        let rows = &self.inner.rows;
        let mut looked_at = 0;
        match link {
            Some(k) => {
                let list = self.inner.links[k].rows(hash_key(key), key);
                looked_at += list.len() as u64;
                found.extend(list.iter().copied().filter(|&row| rows.visible(row, self.epoch)));
            }
            None => {
                let same = |row: u32| {
                    looked_at += 1;
                    rows.visible(RowId(row), self.epoch) && rows.bytes(RowId(row)).starts_with(key)
                };
                found.extend(self.inner.identity.find(hash_key(key), same).map(RowId));
            }
        }
        looked_at
    }

    /// The rows of one hash slot, as bytes, each as often as its weight.
    pub fn scan(&self, slot: usize) -> Vec<&[u8]> {
        debug_assert!(slot < SLOTS);
        let mut out = vec![];
        for row in self.inner.identity.values(slot).map(RowId) {
            if self.inner.rows.visible(row, self.epoch) {
                let copies = usize::try_from(self.inner.rows.weight(row)).unwrap_or(0);
                out.extend(std::iter::repeat_n(self.inner.rows.bytes(row), copies));
            }
        }
        out
    }

    /// Decodes rows that this reader gave.
    pub fn decode(&self, rows: &[&[u8]]) -> Result<RecordBatch> {
        self.arrangement.row_codec.decode(rows.iter().copied())
    }
}
