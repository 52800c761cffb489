//! The arrangement: a multiset of rows, stored once, with hash indexes over it, written by one and read by many.
//!
//! It is cut into shards by the hash of some identity columns; each shard has one writer and a lock of its own. An index
//! that has those columns finds the one shard of a key; any other asks all of them.
//! Cost: find 1 probe + 1 row, kill 1 word, insert 1 append + 1 entry an index; all independent of the rows held.

use std::sync::{PoisonError, RwLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;

use super::codec::{EncodedRows, RowCodec};
use super::reader::Reader;
use super::rows::RowId;
use super::shard::{Shard, Writer};
use super::slot::{SLOTS, hash_key, shard_of};
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
    pub(super) rows: EncodedRows,
    pub(super) keys: EncodedRows,
    pub(super) hashes: Vec<u64>,
    pub(super) links: Vec<(EncodedRows, Vec<u64>)>,
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

/// What `maintain` did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Maintained {
    pub reclaimed: usize,
    pub moved: usize,
}

/// How an arrangement is cut: columns of the identity whose hash decides, and the number of shards.
#[derive(Clone, Debug)]
pub struct Sharding {
    pub by: Vec<usize>,
    pub shards: usize,
}

/// Where the rows of a key of an index are.
#[derive(Debug)]
enum Route {
    /// The key is what decides the shard.
    Key,
    /// These parts of the key decide.
    Parts(Vec<usize>),
    /// In any shard.
    Everywhere,
}

/// See the module. `new` fixes the layout; `batch` and `write` are the writers', `read` is everybody's.
#[derive(Debug)]
pub struct Arrangement {
    layout: Layout,
    row_codec: RowCodec,
    key_codec: RowCodec,
    link_codecs: Vec<RowCodec>,
    shard_codec: RowCodec,
    /// Of the identity, then of each link.
    routes: Vec<Route>,
    shards: Vec<RwLock<Shard>>,
}

impl Arrangement {
    /// One shard.
    pub fn new(layout: Layout) -> Result<Self> {
        let by = layout.identity.clone();
        Self::sharded(layout, Sharding { by, shards: 1 })
    }

    /// Errors: `Internal` for no shard, more shards than slots, or a cut that would part rows of one identity.
    pub fn sharded(layout: Layout, sharding: Sharding) -> Result<Self> {
        let Sharding { by, shards } = sharding;
        if !(1..=SLOTS).contains(&shards) || by.iter().any(|c| !layout.identity.contains(c)) {
            return Err(Error::internal("an arrangement cannot be cut into shards like this"));
        }
        let schema = &layout.schema;
        let links = layout.links.iter().map(|c| RowCodec::ascending(schema.clone(), c)).collect::<Result<Vec<_>>>()?;
        Ok(Arrangement {
            row_codec: RowCodec::ordered(schema.clone(), &layout.identity, &layout.order)?,
            key_codec: RowCodec::ascending(schema.clone(), &layout.identity)?,
            shard_codec: RowCodec::ascending(schema.clone(), &by)?,
            routes: std::iter::once(&layout.identity).chain(&layout.links).map(|index| route(index, &by)).collect(),
            shards: (0..shards).map(|_| RwLock::new(Shard::new(&layout))).collect(),
            link_codecs: links,
            layout,
        })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Encodes rows of the layout's schema. No lock is held.
    pub fn batch(&self, rows: &RecordBatch) -> Result<Batch> {
        let keys = self.key_codec.encode(rows)?;
        let hashes = hashes_of(&keys);
        let link = |codec: &RowCodec| {
            let keys = codec.encode(rows)?;
            let hashes = hashes_of(&keys);
            Ok((keys, hashes))
        };
        let links = self.link_codecs.iter().map(link).collect::<Result<_>>()?;
        Ok(Batch { rows: self.row_codec.encode(rows)?, keys, hashes, links })
    }

    /// The lock of a shard's writer. Held for some hundred rows at a time, so that readers get their turn.
    pub fn write(&self, shard: usize) -> Writer<'_> {
        Writer { shard: self.shards[shard].write().unwrap_or_else(PoisonError::into_inner) }
    }

    /// A reader of all shards at an epoch. Errors: `Unavailable` when that epoch is reclaimed already.
    pub fn read(&self, epoch: u32) -> Result<Reader<'_>> {
        Reader::open(self, epoch, 0..self.shards.len())
    }

    /// A reader that is asked for one key of an index (None: the identity) only. Errors: as `read`.
    pub fn read_key(&self, epoch: u32, index: Option<usize>, key: &[ArrayRef]) -> Result<Reader<'_>> {
        let encoded = self.encode_keys(index, key, 1)?;
        let shard = self.shards_of_keys(index, key, &encoded)?.map(|shards| shards[0]);
        Reader::open(self, epoch, shard.map_or(0..self.shards.len(), |shard| shard..shard + 1))
    }

    pub(super) fn shard(&self, shard: usize) -> &RwLock<Shard> {
        &self.shards[shard]
    }

    /// The key columns of `len` rows as the bytes that an index (None: the identity) compares.
    pub fn encode_keys(&self, index: Option<usize>, keys: &[ArrayRef], len: usize) -> Result<EncodedRows> {
        index.map_or(&self.key_codec, |k| &self.link_codecs[k]).encode_arrays(keys, len)
    }

    /// The shard of each key; None: a key may be in any. `encoded`: the keys as `encode_keys` gives them.
    pub(super) fn shards_of_keys(
        &self,
        index: Option<usize>,
        keys: &[ArrayRef],
        encoded: &EncodedRows,
    ) -> Result<Option<Vec<usize>>> {
        if self.shards.len() == 1 {
            return Ok(None);
        }
        let shards = |keys: &EncodedRows| {
            (0..keys.len()).map(|i| shard_of(hash_key(keys.bytes(i)), self.shards.len())).collect()
        };
        match &self.routes[index.map_or(0, |k| k + 1)] {
            Route::Key => Ok(Some(shards(encoded))),
            Route::Parts(parts) => {
                let parts: Vec<ArrayRef> = parts.iter().map(|&part| keys[part].clone()).collect();
                Ok(Some(shards(&self.shard_codec.encode_arrays(&parts, encoded.len())?)))
            }
            Route::Everywhere => Ok(None),
        }
    }

    /// These rows of a shard, decoded. The ids are its writer's, of this epoch.
    pub fn rows(&self, shard: usize, ids: &[RowId]) -> Result<RecordBatch> {
        let shard = self.shards[shard].read().unwrap_or_else(PoisonError::into_inner);
        self.decode(ids.iter().map(|&id| shard.rows.bytes(id)))
    }

    /// Decodes rows of this arrangement.
    pub fn decode<'a>(&'a self, rows: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<RecordBatch> {
        self.row_codec.decode(rows)
    }

    /// Rows (with their weights) that live now.
    pub fn live_rows(&self) -> i64 {
        self.each_shard(|shard| shard.live_rows).sum()
    }

    /// Bytes held: rows, indexes, free space.
    pub fn size(&self) -> usize {
        self.each_shard(Shard::size).sum()
    }

    /// Bytes that one shard holds.
    pub fn shard_size(&self, shard: usize) -> usize {
        self.shards[shard].read().unwrap_or_else(PoisonError::into_inner).size()
    }

    fn each_shard<T>(&self, of: impl Fn(&Shard) -> T) -> impl Iterator<Item = T> {
        self.shards.iter().map(move |shard| of(&shard.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Reclaims rows of a shard that died at or before `oldest` (no reader is older) and compacts, at most about
    /// `budget` rows each; or twice as many as died since the last call, so that what waits always melts away.
    pub fn maintain(&self, shard: usize, oldest: u32, budget: usize) -> Result<Maintained> {
        let mut done = Maintained::default();
        let lock = || self.shards[shard].write().unwrap_or_else(PoisonError::into_inner);
        let budget = budget.max(2 * lock().take_killed());
        while done.reclaimed < budget {
            let mut shard = lock();
            shard.oldest = shard.oldest.max(oldest);
            let reclaimed = shard.reclaim(oldest, LOCK_ROWS);
            done.reclaimed += reclaimed;
            if reclaimed == 0 {
                break;
            }
        }
        while done.moved < budget {
            match lock().compact_one()? {
                Some(moved) => done.moved += moved.max(1),
                None => break,
            }
        }
        Ok(done)
    }
}

/// Rows handled under one lock.
pub const LOCK_ROWS: usize = 512;

pub(super) fn hashes_of(keys: &EncodedRows) -> Vec<u64> {
    (0..keys.len()).map(|i| hash_key(keys.bytes(i))).collect()
}

/// How an index finds the shard of a key.
fn route(index: &[usize], by: &[usize]) -> Route {
    if index == by {
        return Route::Key;
    }
    let parts: Option<Vec<usize>> = by.iter().map(|c| index.iter().position(|i| i == c)).collect();
    parts.map_or(Route::Everywhere, Route::Parts)
}
