//! The start of the flow: saved state, then the events after it.
//!
//! Nothing is published before the end, so that no reader sees half of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use super::flow::{Flow, TICK_US};
use super::records::RecordSender;
use super::wiring::Shared;
use crate::changes::{Changes, EventBatch};
use crate::engine::{Engine, EpochOutput, Loading};
use crate::error::{Error, Result};
use crate::history::{EpochRecord, Epochs, ViewChanges};
use crate::recovery::Recovered;
use crate::state::SavedTable;
use crate::telemetry::NotReady;

/// Why a start ends early.
pub(super) const TOLD_TO_STOP: &str = "told to stop during the start";

/// Views that were brought to a commit.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// The saved tables of which the stored state goes on.
    pub loaded: BTreeSet<Arc<str>>,
    /// Events that came after that state.
    pub events: usize,
    /// Something was computed that the next checkpoint should hold.
    pub computed: bool,
}

/// The views come back as they were committed; the first tick then brings them up to date.
pub(super) fn begin_clock(engine: &mut Engine, recovered: &Recovered, now_us: i64) {
    let committed = recovered.manifest.as_ref().map_or(0, |manifest| manifest.as_of_us);
    engine.begin_clock(if committed > 0 { committed } else { now_us - now_us.rem_euclid(TICK_US) });
}

/// Saved tables as `Recovered::saved_tables` reads them.
type Saved = Vec<(SavedTable, Vec<RecordBatch>)>;

/// Brings an engine that has seen nothing to a commit: state that was saved is given back, what is not among it is
/// computed from all events, then the events after the saved state run through all views.
pub(super) fn restore(
    engine: &mut Engine,
    recovered: &Recovered,
    saved: Saved,
    saves: bool,
    shared: &Shared,
) -> Result<Restored> {
    let start = shared.clock.instant();
    if saves {
        engine.keep_checkpoints()?;
    }
    let Loading { needed, loaded } = engine.begin_load(&saved)?;
    let saved_rows: usize = saved.iter().flat_map(|(_, rows)| rows).map(RecordBatch::num_rows).sum();
    drop(saved);
    if saved_rows > 0 {
        tracing::info!(rows = saved_rows, took = ?(shared.clock.instant() - start), "loaded the saved state");
    }
    let mut restored = Restored { loaded, ..Restored::default() };
    let mut epochs = Epochs::ALL;
    if let Some(state) = recovered.state() {
        epochs = Epochs { after: state.epoch, from_commit: state.commit, ..Epochs::ALL };
        if !needed.is_empty() {
            let tables = needed.join(", ");
            tracing::info!(tables, "computing what is not in the saved state from the history");
            let before = Epochs { up_to: state.epoch, ..Epochs::ALL };
            let wanted = |table: &str| needed.iter().any(|needed| **needed == *table);
            run_again(engine, recovered, wanted, before, shared)?;
            restored.computed = true;
        }
        engine.end_load(&state.errors);
    } else {
        engine.end_load(&BTreeMap::new());
    }
    restored.events = run_again(engine, recovered, |_| true, epochs, shared)?;
    if restored.events > 0 {
        tracing::info!(events = restored.events, took = ?(shared.clock.instant() - start), "replayed the history");
    }
    Ok(restored)
}

/// Runs committed events through the views; gives their number.
pub(super) fn run_again(
    engine: &mut Engine,
    recovered: &Recovered,
    wanted: impl Fn(&str) -> bool,
    epochs: Epochs,
    shared: &Shared,
) -> Result<usize> {
    let replayed = recovered.replay(wanted, epochs, |EventBatch { table, rows }| {
        if shared.stop.raised() {
            return Err(Error::unavailable(TOLD_TO_STOP));
        }
        engine.apply(BTreeMap::from([(table.name.as_str().into(), Changes::inserts(rows))]))?;
        engine.maintain_unpublished()
    })?;
    Ok(usize::try_from(replayed.rows).unwrap_or(usize::MAX))
}

impl Flow {
    /// Brings the views to the committed offsets, unless a standby has done so. False when told to stop.
    pub(super) fn start(&mut self, out: &RecordSender, shared: &Shared) -> Result<bool> {
        let Some(recovered) = self.recovered.take() else {
            return Ok(true);
        };
        let restored = match self.warm.take() {
            Some(restored) => restored,
            None => {
                shared.readiness.add(NotReady::ReplayingHistory);
                shared.readiness.remove(NotReady::Starting);
                let now = self.options.as_of_us.unwrap_or_else(|| shared.clock.now_us());
                begin_clock(&mut self.engine, &recovered, now);
                let saved = recovered.saved_tables(|| false)?;
                match restore(&mut self.engine, &recovered, saved, self.options.history, shared) {
                    Err(error) if error.message == TOLD_TO_STOP => return Ok(false),
                    restored => restored?,
                }
            }
        };
        self.checkpoints.loaded = Arc::new(restored.loaded);
        self.checkpoints.events = restored.events;
        // Else the next start computes the same again.
        self.checkpoints.now = restored.computed;
        // One empty epoch: views without GROUP BY have a row before any event.
        let EpochOutput { epoch, .. } = self.engine.apply(BTreeMap::new())?;
        self.publish(shared)?;
        if self.options.history {
            out.send(self.first_record(epoch, &recovered, shared)?, &shared.clock)?;
        }
        self.checkpoints.begin(shared.clock.instant());
        for reason in [NotReady::Starting, NotReady::Standby, NotReady::ReplayingHistory] {
            shared.readiness.remove(reason);
        }
        Ok(true)
    }

    /// The first epoch of this run: what views that begin a generation hold, and what the next checkpoint has to hold.
    fn first_record(&mut self, epoch: u32, recovered: &Recovered, shared: &Shared) -> Result<EpochRecord> {
        let mut view_changes = vec![];
        for view in &recovered.rebuilt {
            let changes = Changes::inserts(self.engine.rows(view)?);
            if !changes.is_empty() {
                view_changes.push(ViewChanges { view: view.clone(), generation: self.generations[view], changes });
            }
        }
        let (state, checkpoint) = self.unsaved(shared)?;
        Ok(EpochRecord {
            epoch,
            published_at_us: shared.clock.now_us(),
            events: vec![],
            dead_letters: vec![],
            replays: vec![],
            view_changes,
            offsets: self.offsets.clone(),
            as_of_us: self.engine.as_of_us(),
            state,
            checkpoint,
        })
    }
}
