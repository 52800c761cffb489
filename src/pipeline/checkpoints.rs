//! When a checkpoint of the state is made.
//!
//! Commits alone make everything durable: a checkpoint only shortens the next start, which runs the events after it
//! again. So there is one every few seconds, or after many events.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::history::CheckpointMark;

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
    /// `events_max`: a start runs no more of them again.
    pub fn is_due(&self, now: Instant, every: Duration, events_max: usize) -> bool {
        let waited = self.last.is_some_and(|last| now.saturating_duration_since(last) >= every);
        self.now || self.events >= events_max || self.events > 0 && waited
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_checkpoint_is_due_by_time_by_events_and_when_it_is_told() {
        let (start, every) = (Clock::System.instant(), Duration::from_secs(10));
        let mut checkpoints = Checkpoints::default();
        checkpoints.begin(start);
        let due =
            |checkpoints: &Checkpoints, seconds| checkpoints.is_due(start + Duration::from_secs(seconds), every, 1_000);
        assert!(!due(&checkpoints, 20), "nothing has changed");
        checkpoints.events = 999;
        assert!(!due(&checkpoints, 9));
        assert!(due(&checkpoints, 10));
        checkpoints.events = 1_000;
        assert!(due(&checkpoints, 0));
        (checkpoints.events, checkpoints.now) = (0, true);
        assert!(due(&checkpoints, 0));
    }
}
