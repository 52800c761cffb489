//! Readers of one arrangement at one epoch.

use std::ops::Range;
use std::sync::{PoisonError, RwLockReadGuard};

use datafusion::arrow::array::{ArrayRef, RecordBatch};

use super::arrangement::{Arrangement, hashes_of};
use super::codec::EncodedRows;
use super::rows::RowId;
use super::shard::Shard;
use super::slot::SLOTS;
use crate::error::{Error, Result};

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

/// Keys whose memory is loaded ahead of their use.
const WARM_KEYS: usize = 64;

/// Keys to look for in an index, and where.
struct Probed {
    index: Option<usize>,
    encoded: EncodedRows,
    hashes: Vec<u64>,
    /// The shard of each; None: any.
    shards: Option<Vec<usize>>,
}

impl Probed {
    fn key(&self, i: usize) -> (u64, &[u8]) {
        (self.hashes[i], self.encoded.bytes(i))
    }
}

/// Sees the rows of one epoch. Holds the read locks of its shards: be brief.
pub struct Reader<'a> {
    arrangement: &'a Arrangement,
    shards: Vec<RwLockReadGuard<'a, Shard>>,
    /// Number of the first one.
    first: usize,
    epoch: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn open(arrangement: &'a Arrangement, epoch: u32, shards: Range<usize>) -> Result<Self> {
        let first = shards.start;
        let lock = |shard| {
            let shard = arrangement.shard(shard).read().unwrap_or_else(PoisonError::into_inner);
            if epoch < shard.oldest {
                return Err(Error::unavailable("the answer took longer than its snapshot is kept").hint("ask again"));
            }
            Ok(shard)
        };
        Ok(Reader { arrangement, shards: shards.map(lock).collect::<Result<_>>()?, first, epoch })
    }
}

impl Reader<'_> {
    /// Every stored row that the keys of `probes` meet in an index (None: the identity), at this epoch.
    /// `keys` are the key columns of the `len` probing rows, of the same types; a NULL key meets nothing, or NULL.
    pub fn probe(&self, index: Option<usize>, keys: &[ArrayRef], len: usize, null_equal: bool) -> Result<Matches> {
        let probed = self.probed(index, keys, len)?;
        let (mut probes, mut found, mut looked_at) = (vec![], vec![], 0);
        for i in 0..len {
            self.warm(&probed, i);
            if !null_equal && keys.iter().any(|k| k.is_null(i)) {
                continue;
            }
            for shard in self.of_key(probed.shards.as_deref(), i) {
                looked_at += shard.rows_of(index, probed.key(i), self.epoch, &mut found);
            }
            probes.resize(found.len(), i as u32);
        }
        let weights = found.iter().map(|(shard, row)| shard.rows.weight(*row)).collect();
        let rows = self.arrangement.decode(found.iter().map(|(shard, row)| shard.rows.bytes(*row)))?;
        Ok(Matches { probes, rows, weights, looked_at })
    }

    /// Whether some row has these keys, for each of the `len` probing rows; and the stored rows that were looked at.
    pub fn exists(
        &self,
        index: Option<usize>,
        keys: &[ArrayRef],
        len: usize,
        null_equal: bool,
    ) -> Result<(Vec<bool>, u64)> {
        let probed = self.probed(index, keys, len)?;
        let mut looked_at = 0;
        let found = |i: usize| {
            self.warm(&probed, i);
            if !null_equal && keys.iter().any(|k| k.is_null(i)) {
                return false;
            }
            self.of_key(probed.shards.as_deref(), i).iter().any(|shard| {
                let (found, looked) = shard.exists(index, probed.key(i), self.epoch);
                looked_at += looked;
                found
            })
        };
        let found = (0..len).map(found).collect();
        Ok((found, looked_at))
    }

    /// The rows with this key (NULLs included: they compare as equal here), as bytes, in key order.
    pub fn lookup(&self, index: Option<usize>, key: &[ArrayRef]) -> Result<Vec<&[u8]>> {
        let probed = self.probed(index, key, 1)?;
        let mut found: Vec<(&Shard, RowId)> = vec![];
        for shard in self.of_key(probed.shards.as_deref(), 0) {
            shard.rows_of(index, probed.key(0), self.epoch, &mut found);
        }
        let mut rows = Vec::with_capacity(found.len());
        for (shard, row) in found {
            let copies = usize::try_from(shard.rows.weight(row)).unwrap_or(0);
            rows.extend(std::iter::repeat_n(shard.rows.bytes(row), copies));
        }
        rows.sort_unstable();
        Ok(rows)
    }

    fn probed(&self, index: Option<usize>, keys: &[ArrayRef], len: usize) -> Result<Probed> {
        let encoded = self.arrangement.encode_keys(index, keys, len)?;
        let shards = self.arrangement.shards_of_keys(index, keys, &encoded)?;
        Ok(Probed { index, hashes: hashes_of(&encoded), encoded, shards })
    }

    /// At the first of some keys: loads what they will touch. One alone gains nothing.
    fn warm(&self, probed: &Probed, i: usize) {
        if !i.is_multiple_of(WARM_KEYS) || i + 1 == probed.hashes.len() {
            return;
        }
        let keys = i..(i + WARM_KEYS).min(probed.hashes.len());
        for (number, shard) in (self.first..).zip(&self.shards) {
            let here = |&i: &usize| probed.shards.as_ref().is_none_or(|shards| shards[i] == number);
            shard.warm(probed.index, keys.clone().filter(here).map(|i| probed.hashes[i]));
        }
    }

    /// The shards in which key number `i` may be.
    fn of_key(&self, shards: Option<&[usize]>, i: usize) -> &[RwLockReadGuard<'_, Shard>] {
        match shards {
            Some(shards) => std::slice::from_ref(&self.shards[shards[i] - self.first]),
            None => &self.shards,
        }
    }

    /// The rows of one hash slot of the identity, as bytes, each as often as its weight.
    pub fn scan(&self, slot: usize) -> Vec<&[u8]> {
        debug_assert!(slot < SLOTS);
        let mut out = vec![];
        for shard in &self.shards {
            for row in shard.identity.values(slot).map(RowId) {
                if shard.rows.visible(row, self.epoch) {
                    let copies = usize::try_from(shard.rows.weight(row)).unwrap_or(0);
                    out.extend(std::iter::repeat_n(shard.rows.bytes(row), copies));
                }
            }
        }
        out
    }

    /// Decodes rows that this reader gave.
    pub fn decode(&self, rows: &[&[u8]]) -> Result<RecordBatch> {
        self.arrangement.decode(rows.iter().copied())
    }
}
