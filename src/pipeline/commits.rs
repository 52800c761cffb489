//! The commit stage: collects published epochs and makes them durable every few seconds.
//!
//! A store that does not answer is tried again; the flow waits at the full channel meanwhile, and what is published
//! goes on being served.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::records::RecordReceiver;
use super::wiring::Shared;
use crate::commit::{CommitInfo, Committer};
use crate::error::{Error, ErrorKind, Result};

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
pub(super) fn run(mut committer: Committer, records: &RecordReceiver, shared: &Shared) -> Result<()> {
    let Ok(first) = records.recv() else {
        return Ok(());
    };
    committer.add(first)?;
    loop {
        match records.recv_timeout(IDLE_WAIT) {
            Ok(record) => committer.add(record)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if committer.is_due() || committer.pending_bytes() > PENDING_BYTES_MAX {
            insist(shared, usize::MAX, || committer.commit())?;
        }
    }
    insist(shared, LAST_ATTEMPTS, || committer.close()).map(|_| ())
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
