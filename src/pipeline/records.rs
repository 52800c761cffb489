//! The channel between flow and commit, bounded by epochs and by rows.
//!
//! A commit takes as long as the storage does. Small epochs come by the hundred a second, so they need many places;
//! large ones fill the memory, so their rows are counted. Only when either bound is reached does the flow wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::history::EpochRecord;

/// Published epochs that wait for the commit stage, at most.
const EPOCHS_MAX: usize = 8_192;
/// Their rows (events, changes, dead letters), at most; one epoch is always let in.
const ROWS_MAX: usize = 1_000_000;
/// How long the flow waits before it looks for room again.
const ROOM_WAIT: Duration = Duration::from_millis(1);

/// The flow's end.
pub(super) struct RecordSender {
    records: SyncSender<EpochRecord>,
    waiting_rows: Arc<AtomicUsize>,
}

/// The commit stage's end.
pub(super) struct RecordReceiver {
    records: Receiver<EpochRecord>,
    waiting_rows: Arc<AtomicUsize>,
}

/// A channel for published epochs.
pub(super) fn record_channel() -> (RecordSender, RecordReceiver) {
    let (out, records) = sync_channel(EPOCHS_MAX);
    let waiting_rows = Arc::new(AtomicUsize::new(0));
    (RecordSender { records: out, waiting_rows: waiting_rows.clone() }, RecordReceiver { records, waiting_rows })
}

fn rows_of(record: &EpochRecord) -> usize {
    let events: usize = record.events.iter().map(|e| e.rows.num_rows()).sum();
    let changes: usize = record.view_changes.iter().map(|v| v.changes.len()).sum();
    events + changes + record.dead_letters.len() + record.replays.len() + record.state.len()
}

impl RecordSender {
    /// Hands an epoch on, when there is room. Errors: `Unavailable` when the commit stage has ended.
    pub fn send(&self, record: EpochRecord, clock: &Clock) -> Result<()> {
        let ended = || Error::unavailable("the commit stage has ended");
        let rows = rows_of(&record);
        loop {
            let waiting = self.waiting_rows.load(Ordering::Acquire);
            if waiting == 0 || waiting + rows <= ROWS_MAX {
                break;
            }
            // The receiver holds the other reference.
            if Arc::strong_count(&self.waiting_rows) == 1 {
                return Err(ended());
            }
            clock.sleep(ROOM_WAIT);
        }
        self.waiting_rows.fetch_add(rows, Ordering::AcqRel);
        self.records.send(record).map_err(|_| ended())
    }
}

impl RecordReceiver {
    fn taken(&self, record: EpochRecord) -> EpochRecord {
        self.waiting_rows.fetch_sub(rows_of(&record), Ordering::AcqRel);
        record
    }
    pub fn try_recv(&self) -> std::result::Result<EpochRecord, TryRecvError> {
        self.records.try_recv().map(|record| self.taken(record))
    }
    pub fn recv_timeout(&self, wait: Duration) -> std::result::Result<EpochRecord, RecvTimeoutError> {
        self.records.recv_timeout(wait).map(|record| self.taken(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::{DeadLetter, Position};
    use crate::error::ErrorKind;

    /// An epoch with this many dead letters.
    fn record(epoch: u32, rows: usize) -> EpochRecord {
        let letter = DeadLetter {
            key: None,
            value: None,
            headers: vec![],
            position: Position { topic: "t".into(), partition: 0, offset: 0 },
            timestamp_us: 0,
            table: "t".into(),
            field: None,
            error: "bad".into(),
        };
        EpochRecord {
            epoch,
            published_at_us: 0,
            events: vec![],
            dead_letters: vec![letter; rows],
            replays: vec![],
            view_changes: vec![],
            offsets: Default::default(),
            as_of_us: 0,
            state: crate::state::SavedRows::default(),
            checkpoint: None,
        }
    }

    const WAIT: Duration = Duration::from_secs(10);

    #[test]
    fn rows_that_wait_are_bounded_and_a_gone_receiver_is_an_error() {
        let (out, records) = record_channel();
        out.send(record(1, ROWS_MAX), &Clock::System).expect("one epoch is always let in");
        let sender = crate::tasks::spawn_thread("sender", move || out.send(record(2, 1), &Clock::System).map(|()| out));
        Clock::System.sleep(Duration::from_millis(50));
        assert_eq!(records.waiting_rows.load(Ordering::Acquire), ROWS_MAX, "the second epoch waits for room");
        assert_eq!(records.recv_timeout(WAIT).expect("it was sent").epoch, 1);
        assert_eq!(records.recv_timeout(WAIT).expect("there is room now").epoch, 2);
        let out = sender.expect("starts").join().expect("does not panic").expect("was sent");
        out.send(record(3, ROWS_MAX), &Clock::System).expect("there is room");
        drop(records);
        let outcome = out.send(record(4, 1), &Clock::System);
        assert_eq!(outcome.err().map(|e| e.kind), Some(ErrorKind::Unavailable));
    }
}
