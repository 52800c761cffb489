//! When a checkpoint of the state is made.
//!
//! Commits alone make everything durable: a checkpoint only shortens the next start, which runs the events after it
//! again. So there is one every few seconds, or after many events.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::history::CheckpointMark;

/// Events after which a checkpoint is made before its time: a start runs no more of them again.
const EVENTS_MAX: usize = 1_000_000;

/// What the next checkpoint depends on.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    /// Saved tables that this run was given back at its start.
    pub loaded: Arc<BTreeSet<Arc<str>>>,
    /// Events since the last checkpoint.
    pub events: usize,
    /// It is made with the next epoch.
    pub now: bool,
    last: Option<Instant>,
}

impl Checkpoints {
    pub fn is_due(&self, now: Instant, every: Duration) -> bool {
        let waited = self.last.is_some_and(|last| now.saturating_duration_since(last) >= every);
        self.now || self.events >= EVENTS_MAX || self.events > 0 && waited
    }

    /// A checkpoint is made.
    pub fn mark(&mut self, engine: &Engine, now: Instant) -> CheckpointMark {
        (self.events, self.now, self.last) = (0, false, Some(now));
        CheckpointMark {
            tables: engine.saved_tables().to_vec(),
            loaded: self.loaded.clone(),
            errors: engine.saved_errors(),
        }
    }

    /// Begins to count the time.
    pub fn begin(&mut self, now: Instant) {
        self.last = Some(now);
    }
}
