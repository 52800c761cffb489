//! The flow stage: batches become epochs, epochs run through the views and are published.
//!
//! An epoch takes what is waiting, up to its limits: large under a backlog, immediate when idle. Draining, nobody waits
//! for an answer, so an epoch waits to be full.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use datafusion::arrow::compute::concat_batches;

use super::audits::Audits;
use super::budget::{Budget, MEASURE_EVENTS};
use super::checkpoints::Checkpoints;
use super::records::RecordSender;
use super::start::Restored;
use super::wiring::Shared;
use crate::changes::{Changes, DeadLetter, EventBatch, Replay};
use crate::checkpoint::{Offsets, SharedSources};
use crate::engine::{Engine, EpochOutput};
use crate::error::Result;
use crate::history::{CheckpointMark, EpochRecord, ViewChanges};
use crate::hot::PartitionOffset;
use crate::ingest::Fetched;
use crate::recovery::Recovered;
use crate::state::SavedRows;
use crate::telemetry::{NotReady, TableEvents};

/// How long the stage waits for a batch before it looks around.
const IDLE_WAIT: Duration = Duration::from_millis(50);
/// The clock moves by whole seconds, here in microseconds.
pub(super) const TICK_US: i64 = 1_000_000;
/// How often the views' figures, and the budget at the latest, are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Limits of an epoch.
pub(super) struct FlowOptions {
    pub epoch_rows_max: usize,
    pub epoch_wait_max: Duration,
    pub memory_budget_bytes: u64,
    /// Whether epochs are handed to the commit stage.
    pub history: bool,
    pub checkpoint_every: Duration,
    pub checkpoint_events_max: usize,
    pub drain: bool,
    /// The time that the views go by, instead of now (microseconds since 1970-01-01 UTC).
    pub as_of_us: Option<i64>,
}

/// What a pipeline did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowSummary {
    pub accepted: u64,
    pub rejected: u64,
    pub epochs: u64,
}

/// The stage and its state.
pub(super) struct Flow {
    pub(super) options: FlowOptions,
    pub(super) engine: Engine,
    pub(super) recovered: Option<Recovered>,
    /// The engine is where `recovered` is already.
    pub(super) warm: Option<Restored>,
    pub(super) offsets: Offsets,
    /// The topics that they are of.
    pub(super) sources: SharedSources,
    pub(super) generations: BTreeMap<Arc<str>, u32>,
    counters: HashMap<String, TableEvents>,
    summary: FlowSummary,
    /// A batch that did not fit into the last epoch.
    carried: Option<Fetched>,
    budget: Budget,
    audits: Audits,
    looked: Option<Instant>,
    /// Events since the budget was looked at.
    unmeasured: usize,
    ticked: bool,
    pub(super) checkpoints: Checkpoints,
}

/// What an epoch consists of.
#[derive(Default)]
struct Intake {
    events: BTreeMap<String, Vec<EventBatch>>,
    dead_letters: Vec<DeadLetter>,
    replays: Vec<Replay>,
    messages: usize,
    newest_ms: i64,
    /// Positions were moved without messages.
    moved: bool,
    /// Kafka was read to its end with these.
    caught_up: bool,
}

/// What an epoch adds to the history beside changes of views.
#[derive(Default)]
struct Rows {
    events: Vec<EventBatch>,
    dead_letters: Vec<DeadLetter>,
    replays: Vec<Replay>,
}

impl Flow {
    pub fn new(engine: Engine, recovered: Recovered, warm: Option<Restored>, options: FlowOptions) -> Self {
        Flow {
            budget: Budget::new(options.memory_budget_bytes),
            audits: Audits::default(),
            options,
            engine,
            offsets: recovered.offsets.clone(),
            sources: SharedSources::new(recovered.end.log.newest.sources.clone()),
            generations: recovered.generations.clone(),
            recovered: Some(recovered),
            warm,
            counters: HashMap::new(),
            summary: FlowSummary::default(),
            carried: None,
            looked: None,
            unmeasured: 0,
            ticked: false,
            checkpoints: Checkpoints::default(),
        }
    }

    /// Brings the views to where the commits stand, then runs epochs until fetch ends.
    pub fn run(mut self, fetched: &Receiver<Fetched>, out: &RecordSender, shared: &Shared) -> Result<FlowSummary> {
        if !self.start(out, shared)? {
            return Ok(self.summary);
        }
        loop {
            if !self.between_epochs(out, shared)? {
                if shared.stop.raised() {
                    break;
                }
                shared.clock.sleep(IDLE_WAIT);
                continue;
            }
            match self.carried.take().map_or_else(|| fetched.recv_timeout(IDLE_WAIT), Ok) {
                Ok(first) => self.step(first, fetched, out, shared)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.last_checkpoint(out, shared)?;
        Ok(self.summary)
    }

    /// What is due between two epochs: figures, and the clock. False: nothing may be consumed.
    pub(super) fn between_epochs(&mut self, out: &RecordSender, shared: &Shared) -> Result<bool> {
        self.look(shared);
        if self.budget.over() {
            return if self.options.drain { Err(self.budget.error()) } else { Ok(false) };
        }
        self.tick(out, shared)?;
        Ok(true)
    }

    /// One epoch: a batch, and what waits behind it.
    fn step(&mut self, first: Fetched, fetched: &Receiver<Fetched>, out: &RecordSender, shared: &Shared) -> Result<()> {
        let start = shared.clock.instant();
        let intake = self.gather(first, fetched, shared);
        let caught_up = intake.caught_up;
        if intake.messages > 0 || intake.moved {
            self.unmeasured += intake.messages;
            self.epoch(intake, out, shared)?;
            let took = shared.clock.instant() - start;
            shared.metrics.epoch_seconds.observe(took.as_secs_f64());
        }
        if caught_up {
            shared.readiness.remove(NotReady::Behind);
        }
        Ok(())
    }

    /// One epoch of what waits, if something does.
    pub(super) fn step_if_any(
        &mut self,
        fetched: &Receiver<Fetched>,
        out: &RecordSender,
        shared: &Shared,
    ) -> Result<bool> {
        let Some(first) = self.carried.take().or_else(|| fetched.try_recv().ok()) else { return Ok(false) };
        self.step(first, fetched, out, shared).map(|()| true)
    }

    /// The next start need not run again what was run since the last checkpoint.
    pub(super) fn last_checkpoint(&mut self, out: &RecordSender, shared: &Shared) -> Result<()> {
        if !self.options.history || self.checkpoints.events == 0 {
            return Ok(());
        }
        self.checkpoints.now = true;
        let output = self.engine.apply(BTreeMap::new())?;
        self.finish_epoch(output, Rows::default(), out, shared)
    }

    /// Changes of saved tables since the last call, and whether they make a checkpoint.
    pub(super) fn unsaved(&mut self, shared: &Shared) -> Result<(SavedRows, Option<CheckpointMark>)> {
        let now = shared.clock.instant();
        let due = self.checkpoints.is_due(now, self.options.checkpoint_every, self.options.checkpoint_events_max);
        let rows = self.engine.unsaved(due)?;
        let mark = due.then(|| self.checkpoints.mark(&self.engine, now));
        if due {
            let pause = shared.clock.instant() - now;
            shared.metrics.checkpoint_pause_seconds.observe(pause.as_secs_f64());
        }
        Ok((rows, mark))
    }

    /// Moves the clock to the current second, if views go by it; a drain does it once, at its start.
    fn tick(&mut self, out: &RecordSender, shared: &Shared) -> Result<()> {
        if !self.engine.reads_clock() || (self.ticked && self.options.drain) {
            return Ok(());
        }
        let now = self.options.as_of_us.unwrap_or_else(|| shared.clock.now_us());
        let second = now - now.rem_euclid(TICK_US);
        self.ticked = true;
        if second <= self.engine.as_of_us() {
            return Ok(());
        }
        let output = self.engine.tick(second)?;
        self.finish_epoch(output, Rows::default(), out, shared)
    }

    /// Adds what is waiting to the first batch, within the limits.
    fn gather(&mut self, first: Fetched, fetched: &Receiver<Fetched>, shared: &Shared) -> Intake {
        let until = shared.clock.instant() + self.options.epoch_wait_max;
        let mut intake = Intake::default();
        let mut next = Some(first);
        while let Some(batch) = next.take() {
            if intake.messages > 0 && intake.messages + batch.messages > self.options.epoch_rows_max {
                self.carried = Some(batch);
                break;
            }
            self.take_in(&mut intake, batch);
            let left = until.saturating_duration_since(shared.clock.instant());
            next = if intake.messages >= self.options.epoch_rows_max || left.is_zero() {
                None
            } else if self.options.drain {
                fetched.recv_timeout(left).ok()
            } else {
                fetched.try_recv().ok()
            };
        }
        intake
    }

    fn take_in(&mut self, intake: &mut Intake, batch: Fetched) {
        intake.messages += batch.messages;
        intake.caught_up |= batch.caught_up;
        intake.moved |= batch.messages == 0 && !batch.next.is_empty();
        intake.newest_ms = intake.newest_ms.max(batch.newest_ms);
        intake.dead_letters.extend(batch.dead_letters);
        intake.replays.extend(batch.replays);
        for events in batch.events {
            intake.events.entry(events.table.name.clone()).or_default().push(events);
        }
        for (topic, partition, next) in batch.next {
            self.offsets.set(&topic, partition, next);
        }
    }

    fn epoch(&mut self, intake: Intake, out: &RecordSender, shared: &Shared) -> Result<()> {
        let mut tables: BTreeMap<Arc<str>, Changes> = BTreeMap::new();
        let mut events = vec![];
        for (name, batches) in intake.events {
            let table = batches[0].table.clone();
            let rows = match batches.as_slice() {
                [one] => one.rows.clone(),
                many => concat_batches(&table.event_schema(), many.iter().map(|b| &b.rows))?,
            };
            self.count(shared, &name).accepted.inc_by(rows.num_rows() as u64);
            self.summary.accepted += rows.num_rows() as u64;
            if self.options.history {
                events.push(EventBatch { table, rows: rows.clone() });
            }
            if self.engine.reads(&name) {
                tables.insert(name.as_str().into(), Changes::inserts(rows));
            }
        }
        for letter in &intake.dead_letters {
            self.count(shared, &letter.table).rejected.inc();
        }
        for replay in &intake.replays {
            let counters = self.count(shared, &replay.table);
            if replay.accepted { &counters.replayed } else { &counters.replayed_again }.inc();
        }
        self.summary.rejected += intake.dead_letters.len() as u64;
        self.summary.epochs += 1;
        let output = self.engine.apply(tables)?;
        let rows = Rows { events, dead_letters: intake.dead_letters, replays: intake.replays };
        self.finish_epoch(output, rows, out, shared)?;
        if intake.newest_ms > 0 {
            let lag_us = (shared.clock.now_us() - intake.newest_ms * 1000).max(0);
            shared.metrics.publish_lag_seconds.observe(lag_us as f64 / 1e6);
        }
        Ok(())
    }

    /// Publishes an epoch and hands it to the commit stage.
    fn finish_epoch(
        &mut self,
        EpochOutput { epoch, views }: EpochOutput,
        Rows { events, dead_letters, replays }: Rows,
        out: &RecordSender,
        shared: &Shared,
    ) -> Result<()> {
        self.publish(shared)?;
        if !self.options.history {
            return Ok(());
        }
        let kept = |(view, changes)| {
            let generation = *self.generations.get(&view)?;
            Some(ViewChanges { view, generation, changes })
        };
        let view_changes = views.into_iter().filter_map(kept).collect();
        let published_at_us = shared.clock.now_us();
        let (offsets, as_of_us) = (self.offsets.clone(), self.engine.as_of_us());
        self.checkpoints.events += events.iter().map(|events| events.rows.num_rows()).sum::<usize>();
        let (state, checkpoint) = self.unsaved(shared)?;
        let record = EpochRecord {
            epoch,
            published_at_us,
            events,
            dead_letters,
            replays,
            view_changes,
            offsets,
            as_of_us,
            state,
            checkpoint,
        };
        out.send(record, &shared.clock)
    }

    pub(super) fn publish(&mut self, shared: &Shared) -> Result<()> {
        let sources = self.sources.get();
        // As Kafka counts: a reader waits for the offset that a producer was told.
        let offset = |(topic, partition, next): (&Arc<str>, i32, i64)| {
            let next = next - sources.origin(topic, partition);
            PartitionOffset { topic: topic.clone(), partition, next }
        };
        self.engine.publish(self.offsets.iter().map(offset).collect())?;
        shared.metrics.epoch.set(i64::from(self.engine.epoch()));
        Ok(())
    }

    fn count(&mut self, shared: &Shared, table: &str) -> &TableEvents {
        if !self.counters.contains_key(table) {
            self.counters.insert(table.to_string(), shared.metrics.table_events(table));
        }
        &self.counters[table]
    }

    /// Every second the views' figures for the metrics; then, and after many events, the budget.
    fn look(&mut self, shared: &Shared) {
        let now = shared.clock.instant();
        let due = self.looked.is_none_or(|at| now - at >= LOOK_EVERY);
        if due || self.unmeasured >= MEASURE_EVENTS {
            self.unmeasured = 0;
            self.budget.measure(&self.engine, shared);
        }
        if !due {
            return;
        }
        self.looked = Some(now);
        self.engine.publish_explanations();
        let published = self.engine.hot().snapshot();
        for (view, state) in &published.views {
            shared.metrics.set_view(view, state.rows, state.bytes, state.errors);
            shared.metrics.set_view_failed(view, state.failed.is_some());
        }
        self.audits.look(&published.views);
    }
}
