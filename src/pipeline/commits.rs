//! The commit stage: collects published epochs and makes them durable every few seconds.
//!
//! A store that does not answer is tried again; the flow waits at the full channel meanwhile, and what is published
//! goes on being served.

use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;

use super::records::RecordReceiver;
use super::wiring::Shared;
use crate::commit::{CommitInfo, Committer};
use crate::error::{Error, ErrorKind, Result};
use crate::history::{Heartbeat, MergedState};
use crate::tasks::{Stop, spawn_thread};
use crate::telemetry::NotReady;

/// Uncommitted bytes at which a commit is made before its time.
const PENDING_BYTES_MAX: u64 = 64 << 20;
/// How long the stage waits for an epoch before it looks at the clock again.
const IDLE_WAIT: Duration = Duration::from_millis(50);
/// Waits between attempts to reach the store: from, to.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Attempts to finish at the end, when nobody waits for a store to come back.
const LAST_ATTEMPTS: usize = 5;

/// Runs until the flow ends, then commits and rolls everything. Nothing is committed or rolled before the first epoch:
/// until then the flow replays the segments that a roll would sweep away.
pub(super) fn run(
    mut committer: Committer,
    mut heartbeat: Option<Heartbeat>,
    records: &RecordReceiver,
    shared: &Shared,
) -> Result<()> {
    let mut merges = Merges::default();
    let mut began = false;
    loop {
        match records.recv_timeout(IDLE_WAIT) {
            Ok(record) => {
                began = true;
                committer.add(record)?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        beat(&mut heartbeat, &committer)?;
        if began && committer.is_due() || committer.pending_bytes() > PENDING_BYTES_MAX {
            insist(shared, usize::MAX, || committer.commit())?;
            merges.go_on(&mut committer)?;
        }
    }
    merges.stop();
    if began {
        insist(shared, LAST_ATTEMPTS, || committer.close())?;
    }
    match heartbeat.map_or(Ok(()), Heartbeat::end) {
        Err(error) if error.kind == ErrorKind::Unavailable => {
            tracing::warn!(%error, "a standby will not see at once that this process has ended");
            Ok(())
        }
        ended => ended,
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
            && let Some(merge) = committer.merge_due()
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
        shared.readiness.add(NotReady::CommitsFail);
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
    shared.readiness.remove(NotReady::CommitsFail);
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
