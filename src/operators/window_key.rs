//! Where a row of a window stands among all: by the hash of its partition, then by its bytes.
//!
//! The order of partitions is nobody's concern. With the hash in front, and beside the pointer to the bytes, finding a row
//! compares the bytes of its own partition's rows only: those of others would each be a read of far memory.

use std::cmp::Ordering;

use crate::error::{Error, Result};
use crate::state::hash_key;

/// Bytes of the number that ends a key.
const COPY_BYTES: usize = 4;

/// The bytes that the rows of one PARTITION BY value begin with, and their hash.
#[derive(Clone, Copy, Debug)]
pub struct Partition<'a> {
    pub bytes: &'a [u8],
    hash: u32,
}

/// A row's bytes (partition, order, rest) and a number that tells equal rows apart, so that each copy has values of its
/// own.
#[derive(Clone, Debug)]
pub struct Key {
    hash: u32,
    /// Length of partition and order.
    peers: u32,
    bytes: Box<[u8]>,
}

impl<'a> Partition<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Partition { bytes, hash: hash_key(bytes) as u32 }
    }

    pub fn holds(self, key: &Key) -> bool {
        key.hash == self.hash && key.bytes.starts_with(self.bytes)
    }

    /// Before all of its rows.
    pub fn start(self) -> Key {
        Key { hash: self.hash, peers: 0, bytes: self.bytes.into() }
    }

    /// Behind all copies of a row of it.
    pub fn end_of(self, row: &[u8]) -> Key {
        Key { hash: self.hash, peers: 0, bytes: [row, &[0xff; COPY_BYTES]].concat().into() }
    }

    /// The key of a row of it, the next copy after `last`. `peers`: length of partition and order.
    pub fn key(self, row: &[u8], peers: usize, last: Option<&Key>) -> Result<Key> {
        let peers = u32::try_from(peers).map_err(|_| Error::data("the key of a row is longer than 4 GiB"))?;
        let next = |key: &Key| key.copy_number().checked_add(1).ok_or_else(|| Error::data("a row is there too often"));
        let number = last.map_or(Ok(0), next)?;
        Ok(Key { hash: self.hash, peers, bytes: [row, &number.to_be_bytes()].concat().into() })
    }
}

impl Key {
    /// The bytes that are the row's own: equal rows have the same.
    pub fn row(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - COPY_BYTES]
    }
    /// Partition and order: equal for peers.
    pub fn peers(&self) -> &[u8] {
        &self.bytes[..self.peers as usize]
    }
    /// Bytes that it holds beside its own.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    fn copy_number(&self) -> u32 {
        self.bytes[self.row().len()..].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.bytes.cmp(&other.bytes))
    }
}
impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Key {}
