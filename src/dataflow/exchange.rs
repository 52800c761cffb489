//! How changes come to the shards of an operator.
//!
//! Between operators changes are in parts, one a shard. An operator that keeps rows by a key needs all rows of a key in
//! one shard; where they are not there already, they are sent by the hash of the key.

use std::borrow::Cow;

use datafusion::arrow::datatypes::SchemaRef;

use super::workers::Workers;
use crate::changes::Changes;
use crate::error::Result;
use crate::state::{RowCodec, hash_key, shard_of};

/// The changes of one epoch, one part a shard.
pub(super) type Parts = Vec<Changes>;

/// How an operator takes an input.
#[derive(Debug)]
pub(super) enum Exchange {
    /// Each shard what the same shard of the input gave.
    AsItIs,
    /// Each row to the shard of these columns.
    ByKey(RowCodec),
    /// Every row to every shard.
    Everywhere,
}

/// The shard of what has no key.
pub(super) fn home(shards: usize) -> usize {
    shard_of(hash_key(&[]), shards)
}

/// Changes that come from outside: cut anywhere if they are many, else all in one part.
pub(super) fn cut(changes: Changes, workers: &Workers) -> Parts {
    let (shards, len) = (workers.shards(), changes.len());
    if !workers.parallel(len) {
        return at_home(changes, shards);
    }
    let starts: Vec<usize> = (0..=shards).map(|shard| len * shard / shards).collect();
    starts.windows(2).map(|pair| changes.slice(pair[0], pair[1] - pair[0])).collect()
}

/// All changes in the shard of what has no key.
pub(super) fn at_home(changes: Changes, shards: usize) -> Parts {
    let mut parts = vec![Changes::empty(changes.rows.schema()); shards];
    parts[home(shards)] = changes;
    parts
}

pub(super) fn len(parts: &[Changes]) -> usize {
    parts.iter().map(Changes::len).sum()
}

impl Exchange {
    pub fn apply<'a>(&self, parts: &'a [Changes], schema: &SchemaRef, workers: &Workers) -> Result<Cow<'a, [Changes]>> {
        match self {
            _ if parts.len() == 1 => Ok(Cow::Borrowed(parts)),
            Exchange::AsItIs => Ok(Cow::Borrowed(parts)),
            Exchange::ByKey(codec) => by_key(codec, parts, schema, workers).map(Cow::Owned),
            Exchange::Everywhere => {
                let whole: Vec<Changes> = parts.iter().filter(|part| !part.is_empty()).cloned().collect();
                Ok(Cow::Owned(vec![Changes::concat(schema, &whole)?; parts.len()]))
            }
        }
    }
}

fn by_key(codec: &RowCodec, parts: &[Changes], schema: &SchemaRef, workers: &Workers) -> Result<Parts> {
    let (shards, changes) = (parts.len(), len(parts));
    // For each part, the rows that go to each shard.
    let sent = workers.each(changes, parts.iter().collect(), |at, part: &Changes| {
        let mut sent = vec![Vec::with_capacity(part.len() / shards + 1); shards];
        let keys = codec.encode(&part.rows)?;
        (0..keys.len()).for_each(|row| sent[shard_of(hash_key(keys.bytes(row)), shards)].push((at, row)));
        Ok(sent)
    })?;
    workers.each(changes, (0..shards).collect(), |_, shard: usize| {
        let rows: Vec<(usize, usize)> = sent.iter().flat_map(|sent| sent[shard].iter().copied()).collect();
        if rows.is_empty() { Ok(Changes::empty(schema.clone())) } else { Changes::gather(schema, parts, &rows) }
    })
}
