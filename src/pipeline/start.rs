//! The start of the flow: saved state, then the events after it.
//!
//! Nothing is published before the end, so that no reader sees half of it.

use std::collections::BTreeMap;
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
use crate::telemetry::NotReady;

/// Why a start ends early.
const TOLD_TO_STOP: &str = "told to stop during the start";

impl Flow {
    /// Brings the views to the committed offsets: state that was saved is given back, what is not among it is computed
    /// from all events, then the events after the saved state run through all views. False when told to stop.
    pub(super) fn start(&mut self, out: &RecordSender, shared: &Shared) -> Result<bool> {
        let Some(recovered) = self.recovered.take() else {
            return Ok(true);
        };
        shared.readiness.add(NotReady::ReplayingHistory);
        // The views come back as they were committed; the first tick then brings them up to date.
        let committed = recovered.manifest.as_ref().map_or(0, |manifest| manifest.as_of_us);
        let now = self.options.as_of_us.unwrap_or_else(|| shared.clock.now_us());
        self.engine.begin_clock(if committed > 0 { committed } else { now - now.rem_euclid(TICK_US) });
        shared.readiness.remove(NotReady::Starting);
        match self.restore(&recovered, shared) {
            Err(error) if error.message == TOLD_TO_STOP => return Ok(false),
            restored => restored?,
        }
        // One empty epoch: views without GROUP BY have a row before any event.
        let EpochOutput { epoch, .. } = self.engine.apply(BTreeMap::new())?;
        self.publish(shared)?;
        if self.options.history {
            out.send(self.first_record(epoch, &recovered, shared)?, &shared.clock)?;
        }
        self.checkpoints.begin(shared.clock.instant());
        shared.readiness.remove(NotReady::ReplayingHistory);
        Ok(true)
    }

    fn restore(&mut self, recovered: &Recovered, shared: &Shared) -> Result<()> {
        let start = shared.clock.instant();
        if self.options.history {
            self.engine.keep_checkpoints()?;
        }
        let saved = recovered.saved_tables()?;
        let Loading { needed, loaded } = self.engine.begin_load(&saved)?;
        let saved_rows: usize = saved.iter().flat_map(|(_, rows)| rows).map(RecordBatch::num_rows).sum();
        drop(saved);
        if saved_rows > 0 {
            tracing::info!(rows = saved_rows, took = ?(shared.clock.instant() - start), "loaded the saved state");
        }
        let mut epochs = Epochs::ALL;
        if let Some(state) = recovered.state() {
            epochs.after = state.epoch;
            if !needed.is_empty() {
                let tables = needed.join(", ");
                tracing::info!(tables, "computing what is not in the saved state from the history");
                let before = Epochs { up_to: state.epoch, ..Epochs::ALL };
                let wanted = |table: &str| needed.iter().any(|needed| **needed == *table);
                self.run_again(recovered, wanted, before, shared)?;
                // Else the next start does the same again.
                self.checkpoints.now = true;
            }
            self.engine.end_load(&state.errors);
        } else {
            self.engine.end_load(&BTreeMap::new());
        }
        self.checkpoints.loaded = Arc::new(loaded);
        let rows = self.run_again(recovered, |_| true, epochs, shared)?;
        self.checkpoints.events = rows;
        if rows > 0 {
            tracing::info!(events = rows, took = ?(shared.clock.instant() - start), "replayed the history");
        }
        Ok(())
    }

    /// Runs committed events through the views; gives their number.
    fn run_again(
        &mut self,
        recovered: &Recovered,
        wanted: impl Fn(&str) -> bool,
        epochs: Epochs,
        shared: &Shared,
    ) -> Result<usize> {
        let engine: &mut Engine = &mut self.engine;
        let replayed = recovered.replay(wanted, epochs, |EventBatch { table, rows }| {
            if shared.stop.raised() {
                return Err(Error::unavailable(TOLD_TO_STOP));
            }
            engine.apply(BTreeMap::from([(table.name.as_str().into(), Changes::inserts(rows))]))?;
            engine.maintain_unpublished()
        })?;
        Ok(usize::try_from(replayed.rows).unwrap_or(usize::MAX))
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
