//! The threads that operators run on: one a shard.
//!
//! Work goes in phases: a phase ends when the last shard is done, so the next one may read what any of them wrote.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::state::SLOTS;

/// Changes from which on a phase is worth the wake-up of the other threads.
pub const PARALLEL_ROWS_MIN: usize = 2_048;

/// The shards of a dataflow and the threads for them. Made once, used by any number of dataflows.
#[derive(Debug)]
pub struct Workers {
    shards: usize,
    parallel_rows_min: usize,
    /// None: everything runs on the calling thread.
    pool: Option<rayon::ThreadPool>,
}

impl Workers {
    /// One shard, on the calling thread.
    pub fn one() -> Self {
        Workers { shards: 1, parallel_rows_min: usize::MAX, pool: None }
    }

    /// `shards`: at most 256. A phase with fewer changes than `parallel_rows_min` runs on the calling thread.
    pub fn new(shards: usize, parallel_rows_min: usize) -> Result<Self> {
        if !(1..=SLOTS).contains(&shards) {
            return Err(Error::invalid(format!("there can be 1 to {SLOTS} shards, not {shards}")));
        }
        if shards == 1 {
            return Ok(Workers::one());
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(shards).thread_name(|shard| format!("shard-{shard}"));
        let pool =
            pool.build().map_err(|e| Error::unavailable("cannot start the threads of the shards").caused_by(e))?;
        Ok(Workers { shards, parallel_rows_min, pool: Some(pool) })
    }

    pub fn shards(&self) -> usize {
        self.shards
    }

    /// Whether a phase with so many changes uses the threads.
    pub(super) fn parallel(&self, changes: usize) -> bool {
        self.pool.is_some() && changes >= self.parallel_rows_min
    }

    /// Does `work` for each item, with its number; `changes` is what there is to do in all.
    pub(super) fn each<T: Send, R: Send>(
        &self,
        changes: usize,
        items: Vec<T>,
        work: impl Fn(usize, T) -> Result<R> + Send + Sync,
    ) -> Result<Vec<R>> {
        match &self.pool {
            Some(pool) if self.parallel(changes) => {
                pool.install(|| items.into_par_iter().enumerate().map(|(i, item)| work(i, item)).collect())
            }
            _ => items.into_iter().enumerate().map(|(i, item)| work(i, item)).collect(),
        }
    }
}
