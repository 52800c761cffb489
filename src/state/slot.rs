//! The pinned hash of keys and the 256 slots: part of the state's format, the same on every machine.

use xxhash_rust::xxh3::xxh3_64;

/// Number of hash slots. A shard owns a range of them.
pub const SLOTS: usize = 256;

/// xxh3, 64 bits, seed 0, of the canonical key bytes.
pub fn hash_key(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The slot: the top 8 bits.
pub fn slot(hash: u64) -> usize {
    (hash >> 56) as usize
}

/// The shard, of `shards`, that owns the slot of a hash.
pub fn shard_of(hash: u64, shards: usize) -> usize {
    slot(hash) * shards / SLOTS
}

/// The 32 bits that rows and indexes keep of a hash. They hold the slot; the other 24 tell the keys of a slot apart.
pub(super) fn short(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A hash with the same slot and kept bits.
pub(super) fn widen(short: u32) -> u64 {
    u64::from(short) << 32
}

/// Spreads the kept bits over 64 for the hash table, which uses the low and the top ones.
pub(super) fn spread(short: u32) -> u64 {
    u64::from(short).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
