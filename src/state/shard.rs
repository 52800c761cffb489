//! A shard: the rows of some hash slots with their indexes, under one lock; written by one thread.
//!
//! Rule for a write: a live row of the same identity is killed (its death epoch is set), the new version is appended.
//! Killed rows stay in the indexes until no reader can see them; they are then taken out, and chunks closed up.

use std::sync::RwLockWriteGuard;

use super::arrangement::{Batch, Layout};
use super::dying::Dying;
use super::index::{HashIndex, PostingLists};
use super::rows::{LIVE, NewRow, RowId, RowStore};
use super::slot::{short, widen};
use crate::error::Result;

/// Rows of a key that are loaded ahead.
const WARM_ROWS_A_KEY: usize = 16;

/// Rows and indexes under one lock.
#[derive(Debug)]
pub(super) struct Shard {
    pub rows: RowStore,
    pub identity: HashIndex,
    pub links: Vec<PostingLists>,
    /// Links whose key is part of the identity: all versions of a row are in one list.
    fixed_links: Vec<bool>,
    dying: Dying,
    /// Readers at an older epoch can no longer be answered.
    pub oldest: u32,
    pub live_rows: i64,
}

/// The writer, for some rows of a batch.
pub struct Writer<'a> {
    pub(super) shard: RwLockWriteGuard<'a, Shard>,
}

impl Writer<'_> {
    /// Loads what these rows of a batch will touch: the misses overlap here and are hits afterwards.
    pub fn warm(&self, batch: &Batch, rows: impl Iterator<Item = usize> + Clone) {
        let shard = &*self.shard;
        shard.warm(None, rows.clone().map(|i| batch.hashes[i]));
        for (link, (_, hashes)) in shard.links.iter().zip(&batch.links) {
            std::hint::black_box(link.warm(rows.clone().map(|i| hashes[i]), 1));
        }
    }

    /// The live row with the identity of row `i` of the batch.
    pub fn find(&self, batch: &Batch, i: usize) -> Option<RowId> {
        let shard = &*self.shard;
        let key = batch.keys.bytes(i);
        let same = |row: u32| shard.rows.died(RowId(row)) == LIVE && shard.rows.bytes(RowId(row)).starts_with(key);
        shard.identity.find(batch.hashes[i], same).map(RowId)
    }

    pub fn bytes(&self, row: RowId) -> &[u8] {
        self.shard.rows.bytes(row)
    }
    pub fn weight(&self, row: RowId) -> i64 {
        self.shard.rows.weight(row)
    }
    /// Whether the row was there before `epoch`.
    pub fn older(&self, row: RowId, epoch: u32) -> bool {
        self.shard.rows.born(row) < epoch
    }
    pub fn lives(&self, row: RowId) -> bool {
        self.shard.rows.died(row) == LIVE
    }

    /// Adds row `i` of the batch, born in `epoch`. The caller has killed a live row of the same identity.
    pub fn insert(&mut self, batch: &Batch, i: usize, weight: i64, epoch: u32) -> Result<RowId> {
        let shard = &mut *self.shard;
        let hash = batch.hashes[i];
        let new = NewRow { bytes: batch.rows.bytes(i), weight, born: epoch, hash: short(hash) };
        // An earlier version of the row, still in the indexes, knows the lists of the new one.
        let earlier = shard.fixed_links.contains(&true).then(|| {
            let key = batch.keys.bytes(i);
            shard.identity.find(hash, |row| shard.rows.bytes(RowId(row)).starts_with(key))
        });
        let earlier = earlier.flatten();
        let row = shard.rows.insert(new)?;
        shard.identity.insert(hash, row.0);
        for (k, (keys, hashes)) in batch.links.iter().enumerate() {
            let (group, position) = match earlier.filter(|_| shard.fixed_links[k]) {
                Some(earlier) => {
                    let (group, _) = shard.rows.link(RowId(earlier), k);
                    (group, shard.links[k].push(group, row))
                }
                None => shard.links[k].add(hashes[i], keys.bytes(i), row),
            };
            shard.rows.set_link(row, k, group, position);
        }
        shard.live_rows += weight;
        Ok(row)
    }

    /// Ends a row at `epoch`: readers of `epoch` and later do not see it.
    pub fn kill(&mut self, row: RowId, epoch: u32) {
        let shard = &mut *self.shard;
        shard.live_rows -= shard.rows.weight(row);
        shard.rows.set_died(row, epoch);
        shard.dying.push(epoch, row);
    }
}

impl Shard {
    pub fn new(layout: &Layout) -> Self {
        Shard {
            rows: RowStore::new(layout.links.len()),
            identity: HashIndex::new(),
            links: layout.links.iter().map(|_| PostingLists::new()).collect(),
            fixed_links: layout.links.iter().map(|l| l.iter().all(|c| layout.identity.contains(c))).collect(),
            dying: Dying::default(),
            oldest: 0,
            live_rows: 0,
        }
    }

    /// Bytes held: rows, indexes, free space.
    pub fn size(&self) -> usize {
        let links: usize = self.links.iter().map(PostingLists::size).sum();
        self.rows.size() + self.identity.size() + links + self.dying.size()
    }

    /// Loads what the keys with these hashes will touch in an index (None: the identity), and their rows, some of each
    /// key: the misses overlap here and are hits afterwards.
    pub fn warm(&self, index: Option<usize>, hashes: impl Iterator<Item = u64>) {
        let rows: Vec<RowId> = match index {
            Some(k) => self.links[k].warm(hashes, WARM_ROWS_A_KEY),
            None => hashes.filter_map(|hash| self.identity.find(hash, |_| true)).map(RowId).collect(),
        };
        std::hint::black_box(rows.iter().fold(0, |sum, &row| sum ^ self.rows.warm(row)));
    }

    /// The same for rows that are to be taken out of the indexes.
    fn warm_dead(&self, rows: &[RowId]) {
        let hashes: Vec<u64> = rows.iter().map(|&row| widen(self.rows.hash(row))).collect();
        std::hint::black_box(hashes.iter().fold(0, |sum, &hash| sum ^ self.identity.find(hash, |_| true).unwrap_or(0)));
        for (k, link) in self.links.iter().enumerate() {
            let last: Vec<RowId> = rows.iter().filter_map(|&row| link.last(self.rows.link(row, k).0)).collect();
            std::hint::black_box(last.iter().fold(0, |sum, &row| sum ^ self.rows.warm(row)));
        }
    }

    /// Adds the rows that an index (None: the identity) has under a key and a reader at `epoch` sees; gives the number
    /// of rows looked at.
    pub fn rows_of<'a>(
        &'a self,
        index: Option<usize>,
        (hash, key): (u64, &[u8]),
        epoch: u32,
        found: &mut Vec<(&'a Shard, RowId)>,
    ) -> u64 {
        let mut looked_at = 0;
        match index {
            Some(k) => {
                let list = self.links[k].rows(hash, key);
                looked_at += list.len() as u64;
                found.extend(list.iter().filter(|&&row| self.rows.visible(row, epoch)).map(|&row| (self, row)));
            }
            None => {
                let same = |row: u32| {
                    looked_at += 1;
                    self.rows.visible(RowId(row), epoch) && self.rows.bytes(RowId(row)).starts_with(key)
                };
                found.extend(self.identity.find(hash, same).map(|row| (self, RowId(row))));
            }
        }
        looked_at
    }

    /// Whether a reader at `epoch` sees a row under a key, and the number of rows looked at.
    pub fn exists(&self, index: Option<usize>, (hash, key): (u64, &[u8]), epoch: u32) -> (bool, u64) {
        let mut looked_at = 0;
        let mut sees = |row: RowId| {
            looked_at += 1;
            self.rows.visible(row, epoch)
        };
        let found = match index {
            Some(k) => self.links[k].rows(hash, key).iter().any(|&row| sees(row)),
            None => {
                let same = |row: u32| sees(RowId(row)) && self.rows.bytes(RowId(row)).starts_with(key);
                self.identity.find(hash, same).is_some()
            }
        };
        (found, looked_at)
    }

    /// Rows killed since the last call.
    pub fn take_killed(&mut self) -> usize {
        self.dying.take_killed()
    }

    /// Takes out rows that died at or before `oldest`, at most `limit`; gives their number.
    pub fn reclaim(&mut self, oldest: u32, limit: usize) -> usize {
        let rows = self.dying.take(oldest, limit);
        self.warm_dead(&rows);
        rows.iter().for_each(|&row| self.forget(row));
        rows.len()
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

    /// Closes up one sparse chunk: the rows moved. None: there is none.
    pub fn compact_one(&mut self) -> Result<Option<usize>> {
        let Some(moved) = self.rows.compact_one()? else {
            return Ok(None);
        };
        for &(old, new) in &moved {
            self.identity.replace(widen(self.rows.hash(new)), old.0, new.0);
            for k in 0..self.links.len() {
                let (group, position) = self.rows.link(new, k);
                self.links[k].replace(group, position, new);
            }
            match self.rows.died(new) {
                LIVE => {}
                died => self.dying.moved(died, old, new),
            }
        }
        Ok(Some(moved.len()))
    }
}
