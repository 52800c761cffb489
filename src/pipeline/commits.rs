//! The commit stage: collects published epochs and makes them durable every few seconds.
//!
//! A store that does not answer is tried again; the flow waits at the full channel meanwhile, and what is published
//! goes on being served.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;

use super::dead_letters::Delivery;
use super::records::RecordReceiver;
use super::wiring::Shared;
use crate::commit::{CommitInfo, Committer};
use crate::error::{Error, ErrorKind, Result};
use crate::history::{Heartbeat, MergedState};
use crate::ingest::Kafka;
use crate::tasks::{Stop, spawn_thread};

/// Uncommitted bytes at which a commit is made before its time.
const PENDING_BYTES_MAX: u64 = 64 << 20;
/// How long the stage waits for an epoch before it looks at the clock again.
const IDLE_WAIT: Duration = Duration::from_millis(50);
/// Waits between attempts to reach the store: from, to.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Bytes of a merged state file, about: a merge holds as much, and as much again of what it reads.
const STATE_PART_BYTES_MAX: u64 = 64 << 20;
/// Attempts to finish at the end, when nobody waits for a store to come back.
const LAST_ATTEMPTS: usize = 5;

/// The stage and what it works with.
pub(super) struct CommitStage {
    pub committer: Committer,
    pub heartbeat: Option<Heartbeat>,
    pub kafka: Arc<Kafka>,
    /// Produces committed dead letters, if there is a topic for them.
    pub delivery: Option<Delivery>,
}

impl CommitStage {
    /// Runs until the flow ends, then commits and rolls everything. Nothing is committed or rolled before the first
    /// epoch: until then the flow replays the segments that a roll would sweep away.
    pub fn run(mut self, records: &RecordReceiver, shared: &Shared) -> Result<()> {
        let mut merges = Merges::default();
        let mut began = false;
        loop {
            match records.recv_timeout(IDLE_WAIT) {
                Ok(record) => {
                    began = true;
                    self.committer.add(record)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            beat(&mut self.heartbeat, &self.committer)?;
            if began && self.committer.is_due() || self.committer.pending_bytes() > PENDING_BYTES_MAX {
                insist(shared, usize::MAX, || self.commit(Committer::commit))?;
                merges.go_on(&mut self.committer)?;
            }
        }
        merges.stop();
        if began {
            self.close(shared)?;
        }
        match self.heartbeat.map_or(Ok(()), Heartbeat::end) {
            Err(error) if error.kind == ErrorKind::Unavailable => {
                tracing::warn!(%error, "a standby will not see at once that this process has ended");
                Ok(())
            }
            ended => ended,
        }
    }

    /// Commits and rolls everything, and says which dead letters are delivered.
    fn close(&mut self, shared: &Shared) -> Result<()> {
        insist(shared, LAST_ATTEMPTS, || self.commit(Committer::close))?;
        if let Some(delivery) = self.delivery.take() {
            let look = || {
                shared.clock.sleep(IDLE_WAIT);
                beat(&mut self.heartbeat, &self.committer)
            };
            let delivered = delivery.finish(look)?;
            self.committer.set_delivered(delivered);
            insist(shared, LAST_ATTEMPTS, || self.committer.close())?;
        }
        Ok(())
    }

    /// Commits, unless a topic was made anew: what was added may then be of the new one, at offsets of the old one.
    fn commit(&mut self, commit: fn(&mut Committer) -> Result<CommitInfo>) -> Result<CommitInfo> {
        if self.committer.pending_bytes() > 0 {
            self.kafka.check()?;
        }
        if let Some(delivery) = &self.delivery {
            self.committer.set_delivered(delivery.delivered());
        }
        let committed = commit(&mut self.committer);
        // After an error there may be a commit all the same.
        if let (Some(delivery), true) = (&self.delivery, committed.as_ref().map_or(true, |info| info.dead_letters)) {
            delivery.wake();
        }
        committed
    }
}

/// Tells a standby that this process is there, and finds out whether another has taken its place.
fn beat(heartbeat: &mut Option<Heartbeat>, committer: &Committer) -> Result<()> {
    let Some(heartbeat) = heartbeat else { return Ok(()) };
    let outcome = heartbeat.beat().and_then(|beat| if beat { committer.check_not_fenced() } else { Ok(()) });
    match outcome {
        Err(error) if error.kind == ErrorKind::Unavailable => {
            tracing::warn!(%error, "the heartbeat cannot be written");
            Ok(())
        }
        outcome => outcome,
    }
}

/// State files are merged on a thread of their own: that takes as long as there is state.
#[derive(Default)]
struct Merges {
    running: Option<JoinHandle<Result<MergedState>>>,
    stop: Stop,
}

impl Merges {
    /// Takes over what was merged, and begins the next merge if it is time.
    fn go_on(&mut self, committer: &mut Committer) -> Result<()> {
        if let Some(ended) = self.running.take_if(|thread| thread.is_finished()) {
            committer.merged(ended.join().unwrap_or_else(|_| Err(Error::internal("merging state files panicked"))));
        }
        if self.running.is_none()
            && let Some(merge) = committer.merge_due(STATE_PART_BYTES_MAX)
        {
            let stop = self.stop.clone();
            self.running = Some(spawn_thread("merge", move || merge.run(&stop))?);
        }
        Ok(())
    }

    /// What is merged now is left: the next run begins again.
    fn stop(self) {
        self.stop.raise();
        if self.running.is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!("merging state files panicked");
        }
    }
}

/// Tries until it works or is refused for good; once told to stop, only a few times more.
fn insist(shared: &Shared, attempts: usize, mut commit: impl FnMut() -> Result<CommitInfo>) -> Result<CommitInfo> {
    let (mut wait, mut left) = (BACKOFF.0, attempts);
    loop {
        let start = shared.clock.instant();
        let error = match commit() {
            Ok(info) => {
                note(shared, &info, shared.clock.instant() - start);
                return Ok(info);
            }
            Err(error) if error.kind == ErrorKind::Unavailable => error,
            Err(error) => return Err(error),
        };
        shared.readiness.set_commit_error(Some(error.to_string()));
        shared.metrics.commit_failures.inc();
        tracing::warn!(%error, retry_ms = wait.as_millis() as u64, "a commit failed; trying again");
        if shared.stop.raised() {
            left = left.min(LAST_ATTEMPTS);
        }
        left -= 1;
        if left == 0 {
            return Err(Error::unavailable("the last epochs could not be committed")
                .hint("nothing is lost: the next start reads their events from Kafka again")
                .caused_by(error));
        }
        shared.clock.sleep(wait);
        wait = (wait * 2).min(BACKOFF.1);
    }
}

fn note(shared: &Shared, info: &CommitInfo, took: Duration) {
    if !shared.readiness.set_commit_error(None) {
        tracing::info!(number = info.number, "commits work again; nothing is lost");
    }
    if info.bytes > 0 {
        shared.metrics.commits.inc();
        shared.metrics.commit_bytes.inc_by(info.bytes);
        shared.metrics.commit_seconds.observe(took.as_secs_f64());
        tracing::debug!(number = info.number, rows = info.rows, bytes = info.bytes, ?took, "committed");
    }
    if info.rolled_files > 0 {
        tracing::info!(files = info.rolled_files, rows = info.rolled_rows, "rolled into Parquet");
    }
}
