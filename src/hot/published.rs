//! Publishing and pinning.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::snapshot::Snapshot;
use super::table::HotTable;
use crate::error::Result;
use crate::explain::Explanation;

/// How long a pin holds back reclaiming.
pub const PIN_MAX: Duration = Duration::from_secs(30);

/// The served views by name.
pub type Tables = BTreeMap<Arc<str>, Arc<HotTable>>;

/// The operators of each view.
pub type Explanations = BTreeMap<Arc<str>, Explanation>;

/// A published epoch with its views: what a reader pins. Dropping the Arc releases it.
#[derive(Debug)]
pub struct Published {
    snapshot: Snapshot,
    tables: Arc<Tables>,
}

impl Published {
    pub fn table(&self, name: &str) -> Option<&Arc<HotTable>> {
        self.tables.get(name)
    }
    pub fn tables(&self) -> &Tables {
        &self.tables
    }
}

impl Deref for Published {
    type Target = Snapshot;
    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

#[derive(Debug)]
struct Past {
    published: Weak<Published>,
    /// When the publisher first found it superseded: no pin of it is younger.
    since: Option<Instant>,
}

/// The door between the publisher and the readers.
#[derive(Debug)]
pub struct Hot {
    published: ArcSwap<Published>,
    /// Superseded epochs that a reader may hold, oldest first.
    past: Mutex<VecDeque<Past>>,
    /// What the next `publish` will serve; None: the same views as before.
    next_tables: Mutex<Option<Arc<Tables>>>,
    epochs: watch::Sender<u32>,
    explanations: ArcSwap<Explanations>,
}

impl Hot {
    /// Nothing is served: epoch 0 of `run`, without views.
    pub fn new(run: u64) -> Self {
        let snapshot = Snapshot { run, ..Snapshot::default() };
        Hot {
            published: ArcSwap::from_pointee(Published { snapshot, tables: Arc::default() }),
            past: Mutex::default(),
            next_tables: Mutex::default(),
            epochs: watch::Sender::new(0),
            explanations: ArcSwap::default(),
        }
    }

    /// The views to serve from the next published epoch on: views change at an epoch boundary only.
    ///
    /// Errors: `Internal` when a table's parts do not fit together.
    pub fn set_tables(&self, tables: impl IntoIterator<Item = HotTable>) -> Result<()> {
        let mut next = Tables::new();
        for table in tables {
            table.check()?;
            next.insert(table.name.clone(), Arc::new(table));
        }
        *self.next_tables.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(next));
        Ok(())
    }

    /// The operators of the views, with figures of a moment: they follow the epochs, within a second.
    pub fn explanations(&self) -> Arc<Explanations> {
        self.explanations.load_full()
    }

    pub fn set_explanations(&self, explanations: Explanations) {
        self.explanations.store(Arc::new(explanations));
    }

    /// A view of the newest epoch. A reader of several views goes through one `snapshot` instead.
    pub fn table(&self, name: &str) -> Option<Arc<HotTable>> {
        self.published.load().table(name).cloned()
    }

    /// Makes an epoch visible. Its rows are in the arrangements already. Only the publisher calls it.
    pub fn publish(&self, snapshot: Snapshot) {
        let epoch = snapshot.epoch;
        let next = self.next_tables.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tables = next.unwrap_or_else(|| self.published.load().tables.clone());
        let old = self.published.swap(Arc::new(Published { snapshot, tables }));
        debug_assert!(old.epoch <= epoch, "epochs go up");
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.retain(|p| p.published.strong_count() > 0);
        past.push_back(Past { published: Arc::downgrade(&old), since: None });
        drop(past);
        drop(old);
        self.epochs.send_replace(epoch);
    }

    /// Pins the newest epoch.
    pub fn snapshot(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// Oldest epoch that a reader may still hold (pins expire after `PIN_MAX`); only the publisher calls it.
    pub fn oldest_pinned(&self, now: Instant) -> u32 {
        let newest = self.published.load().epoch;
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.retain_mut(|p| {
            let since = *p.since.get_or_insert(now);
            p.published.strong_count() > 0 && now.saturating_duration_since(since) < PIN_MAX
        });
        past.iter().filter_map(|p| p.published.upgrade()).map(|p| p.epoch).min().unwrap_or(newest)
    }

    /// Tells every published epoch; a slow receiver sees the newest only.
    pub fn subscribe(&self) -> watch::Receiver<u32> {
        self.epochs.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn epoch(epoch: u32) -> Snapshot {
        Snapshot { run: 1, epoch, ..Snapshot::default() }
    }

    #[test]
    fn pins_hold_back_until_released_or_expired() {
        let hot = Hot::new(1);
        let start = Clock::System.instant();
        assert_eq!(hot.oldest_pinned(start), 0);
        hot.publish(epoch(1));
        let one = hot.snapshot();
        hot.publish(epoch(2));
        let two = hot.snapshot();
        hot.publish(epoch(3));
        hot.publish(epoch(4));
        assert_eq!((one.epoch, two.epoch, hot.snapshot().epoch), (1, 2, 4));
        assert_eq!(hot.oldest_pinned(start), 1);
        drop(one);
        assert_eq!(hot.oldest_pinned(start), 2);
        assert_eq!(hot.oldest_pinned(start + PIN_MAX - Duration::from_millis(1)), 2);
        assert_eq!(hot.oldest_pinned(start + PIN_MAX), 4, "the pin of epoch 2 has expired");
        drop(two);
        hot.publish(epoch(5));
        assert_eq!(hot.oldest_pinned(start + PIN_MAX), 5);
    }

    #[test]
    fn subscribers_hear_of_epochs() {
        let hot = Hot::new(1);
        let mut epochs = hot.subscribe();
        assert!(!epochs.has_changed().expect("open"));
        hot.publish(epoch(7));
        assert_eq!(*epochs.borrow_and_update(), 7);
    }
}
