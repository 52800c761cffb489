//! State: rows kept in memory, found by hash, read at an epoch while the next epoch is written.
//!
//! Contract: one writer a shard, any number of readers. A row carries the epochs in which it was born and
//! died; a reader at epoch `e` sees exactly the rows with `born <= e < died`, however far the writer is. Rows that no
//! reader can see any more are reclaimed with a budget an epoch.
//!
//! Layout: row bytes of arrow's `RowConverter` in chunks of 1 MiB, a hash index of row ids in 256 slots, and posting
//! lists for further keys. Why, with figures: `DECISIONS.md` 2. Rows that are wanted in order stand beside, a block of
//! memory a group, with one writer and no versions: `DECISIONS.md` 20.

mod arrangement;
mod block;
mod codec;
mod dying;
mod index;
mod key;
mod keys;
mod ordered;
#[cfg(test)]
mod ordered_tests;
mod reader;
mod row_list;
mod rows;
mod saved;
mod shard;
mod slot;
#[cfg(test)]
mod tests;
mod touched;

pub use arrangement::{Arrangement, Batch, LOCK_ROWS, Layout, Maintained, Sharding};
pub use codec::{ASCENDING, EncodedRows, RowCodec};
pub use keys::KeyTable;
pub use ordered::{OrderedRows, RankedRows};
pub use reader::{Matches, Reader};
pub use rows::RowId;
pub use saved::{SavedRows, SavedTable, hashed_rows, weighted_changes, weighted_rows};
pub use shard::Writer;
pub use slot::{SLOTS, hash_key, shard_of, slot};
pub use touched::Touched;
