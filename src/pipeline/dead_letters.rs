//! The thread that produces committed dead letters to their topic.
//!
//! It reads them from the history, behind the commits: nothing that is not durable is ever produced, a broker that is
//! away holds up no commit, and nothing waits in memory but one batch and the client's bounded queue. What is delivered
//! is said by the next manifest, so a restart produces again only what came after it (at least once).

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::wiring::Shared;
use crate::changes::DeadLetter;
use crate::error::{Error, Result};
use crate::history::{Dataset, Delivered, HistoryReader, Store, dead_letters_of};
use crate::ingest::{Outgoing, Producer};
use crate::tasks::spawn_thread;

/// How long the thread waits for a commit before it serves its client.
const IDLE_WAIT: Duration = Duration::from_secs(1);
/// Waits between attempts: from, to.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Between two looks at whether there will be no more commits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The commit stage's end of the thread.
pub(super) struct Delivery {
    commits: SyncSender<()>,
    delivered: Arc<Mutex<Delivered>>,
    thread: JoinHandle<()>,
}

struct Deliverer {
    reader: HistoryReader,
    producer: Producer,
    delivered: Delivered,
    /// What the commit stage sees.
    told: Arc<Mutex<Delivered>>,
    shared: Shared,
}

impl Delivery {
    /// Starts the thread, which first produces what `before` leaves out.
    pub fn start(
        brokers: &str,
        topic: &str,
        store: Store,
        before: Option<Delivered>,
        shared: &Shared,
    ) -> Result<Delivery> {
        let fresh = || Delivered { topic: topic.to_string(), ..Delivered::default() };
        let delivered = before.filter(|before| before.topic == topic).unwrap_or_else(fresh);
        let told = Arc::new(Mutex::new(delivered.clone()));
        let (reader, producer) = (HistoryReader::new(store), Producer::new(brokers)?);
        let deliverer = Deliverer { reader, producer, delivered, told: told.clone(), shared: shared.clone() };
        // One place: it only says that there is something new.
        let (commits, wake) = sync_channel(1);
        let thread = spawn_thread("dead-letters", move || deliverer.run(&wake))?;
        Ok(Delivery { commits, delivered: told, thread })
    }

    /// Dead letters were committed.
    pub fn wake(&self) {
        // Full: it is to look again anyway.
        let _ = self.commits.try_send(());
    }

    pub fn delivered(&self) -> Delivered {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until everything is delivered, or the broker does not take it; meanwhile calls `look` again and again.
    pub fn finish(self, mut look: impl FnMut() -> Result<()>) -> Result<Delivered> {
        drop(self.commits);
        while !self.thread.is_finished() {
            look()?;
        }
        self.thread.join().map_err(|_| Error::internal("the thread of the dead letters panicked"))?;
        Ok(self.delivered.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Deliverer {
    fn run(mut self, wake: &Receiver<()>) {
        let (mut wait, mut ended) = (BACKOFF.0, false);
        loop {
            match self.deliver() {
                Ok(()) if ended => return,
                Ok(()) => {
                    wait = BACKOFF.0;
                    ended = !self.wait_for_commit(wake);
                }
                Err(error) => {
                    tracing::warn!(%error, topic = self.delivered.topic, "dead letters are not delivered yet");
                    if ended {
                        tracing::warn!("the next start delivers them");
                        return;
                    }
                    ended = !self.pause(wait, wake);
                    wait = (wait * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// False when there will be no more commits.
    fn wait_for_commit(&self, wake: &Receiver<()>) -> bool {
        loop {
            match wake.recv_timeout(IDLE_WAIT) {
                Ok(()) => return true,
                Err(RecvTimeoutError::Timeout) => self.producer.poll(),
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Waits. False, and at once, when there will be no more commits.
    fn pause(&self, wait: Duration, wake: &Receiver<()>) -> bool {
        let until = self.shared.clock.instant() + wait;
        while self.shared.clock.instant() < until {
            if wake.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Disconnected) {
                return false;
            }
        }
        true
    }

    /// Produces every committed dead letter that is not delivered yet.
    fn deliver(&mut self) -> Result<()> {
        let Some(pin) = self.reader.pin()? else { return Ok(()) };
        let mut rows = pin.rows(&Dataset::DeadLetters, None).after_commit(self.delivered.commit);
        while let Some(batch) = rows.next(&mut |_| Ok(()))? {
            let letters = dead_letters_of(&batch)?;
            let new = || letters.iter().filter(|(epoch, _)| *epoch > self.delivered.epoch);
            for (_, letter) in new() {
                self.produce(letter)?;
            }
            let refused = self.producer.confirm()?;
            self.shared.metrics.dead_letters_delivered.inc_by((new().count() as u64).saturating_sub(refused));
            // The last epoch may go on in the next batch.
            if let Some((last, _)) = letters.last() {
                self.note(self.delivered.commit, last - 1);
            }
        }
        let manifest = pin.manifest();
        self.note(manifest.number, manifest.epoch_number());
        Ok(())
    }

    fn note(&mut self, commit: u64, epoch: i64) {
        self.delivered.commit = commit;
        self.delivered.epoch = self.delivered.epoch.max(epoch);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.delivered);
    }

    fn produce(&self, letter: &DeadLetter) -> Result<()> {
        let position = &letter.position;
        let (partition, offset) = (position.partition.to_string(), position.offset.to_string());
        let key = format!("{}/{partition}/{offset}", position.topic);
        let mut headers: Vec<(&str, Option<&[u8]>)> = vec![
            ("error", Some(letter.error.as_bytes())),
            ("table", Some(letter.table.as_bytes())),
            ("topic", Some(position.topic.as_bytes())),
            ("partition", Some(partition.as_bytes())),
            ("offset", Some(offset.as_bytes())),
        ];
        headers.extend(letter.field.as_ref().map(|field| ("field", Some(field.as_bytes()))));
        headers.extend(letter.key.as_ref().map(|key| ("key", Some(key.as_slice()))));
        self.producer.send(&Outgoing {
            topic: &self.delivered.topic,
            partition: None,
            key: Some(key.as_bytes()),
            value: letter.value.as_deref(),
            headers: &headers,
        })
    }
}
