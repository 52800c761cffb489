//! The heartbeat: how a standby knows that the writer is there, also while it has nothing to commit.
//!
//! A writer creates a small object every few seconds and deletes the one before; when it ends, it deletes the last. It is
//! a hint only: who may write is decided by the log.

use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::path::Path;

use super::paths;
use super::store::Store;
use crate::clock::Clock;
use crate::error::Result;

/// The heartbeat of one writer.
#[derive(Debug)]
pub struct Heartbeat {
    store: Store,
    clock: Clock,
    run: u32,
    every: Duration,
    number: u64,
    last: Option<(Instant, Path)>,
}

impl Heartbeat {
    pub fn new(store: Store, clock: Clock, run: u32, every: Duration) -> Heartbeat {
        Heartbeat { store, clock, run, every, number: 0, last: None }
    }

    /// Beats, if it is time; whether it did.
    pub fn beat(&mut self) -> Result<bool> {
        let now = self.clock.instant();
        if self.last.as_ref().is_some_and(|(last, _)| now.saturating_duration_since(*last) < self.every) {
            return Ok(false);
        }
        self.number += 1;
        let path = paths::heartbeat(self.run, self.number);
        self.store.create(&path, Bytes::new())?;
        match self.last.replace((now, path)) {
            Some((_, before)) => self.store.delete(&before)?,
            // What a writer before this one has left.
            None => {
                for old in self.store.list_flat(&paths::heartbeats())? {
                    if paths::run_of_heartbeat(&old).is_some_and(|run| run < self.run) {
                        self.store.delete(&old)?;
                    }
                }
            }
        }
        Ok(true)
    }

    /// The writer ends: nobody need wait for it.
    pub fn end(self) -> Result<()> {
        self.last.map_or(Ok(()), |(_, path)| self.store.delete(&path))
    }
}

/// The newest heartbeat of any writer; None: the last one has ended.
pub fn newest_heartbeat(store: &Store) -> Result<Option<Path>> {
    Ok(store.list_flat(&paths::heartbeats())?.into_iter().max())
}
