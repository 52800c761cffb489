//! The engine's state without the events that made it: how it is taken, and how an engine is made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::BatchCoalescer;

use super::Engine;
use crate::catalog::CLOCK;
use crate::error::{Error, Result};
use crate::state::{SavedRows, SavedTable};

/// Rows that are given back in one epoch.
const LOAD_ROWS: usize = 65_536;

/// The saved tables of an engine at one epoch; what follows from them is computed when they are given back.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// Each table and its rows.
    pub tables: Vec<(SavedTable, Vec<RecordBatch>)>,
    /// Rows kept out by expressions before the saved tables, by fingerprint of the operator.
    pub errors: BTreeMap<String, i64>,
    /// The time that the views go by, in microseconds since 1970-01-01 UTC.
    pub as_of_us: i64,
}

/// What `begin_load` gave back.
#[derive(Clone, Debug)]
pub struct Loading {
    /// Tables of Kafka whose events are still needed, up to where the saved tables stand: they go through `apply` before
    /// `end_load`.
    pub needed: Vec<Arc<str>>,
    /// The saved tables that were given back.
    pub loaded: BTreeSet<Arc<str>>,
}

impl Engine {
    /// Notes from now on what checkpoints need. In memory `checkpoint` gives all of it at any time.
    pub fn keep_checkpoints(&mut self) -> Result<()> {
        self.saves = true;
        self.saved = SavedRows::default();
        self.flow.begin_saving()
    }

    /// What changed in the saved tables since the last call; groups with totals only if `totals` says so.
    pub fn unsaved(&mut self, totals: bool) -> Result<SavedRows> {
        self.flow.unsaved(totals)
    }

    /// The tables that a checkpoint holds.
    pub fn saved_tables(&self) -> &[SavedTable] {
        self.flow.saved_tables()
    }

    /// Rows kept out by expressions before the saved tables.
    pub fn saved_errors(&self) -> BTreeMap<String, i64> {
        self.flow.saved_errors()
    }

    /// Everything that this engine can be made from again, after `keep_checkpoints`.
    pub fn checkpoint(&mut self) -> Result<Checkpoint> {
        if !self.saves {
            return Err(Error::internal("nothing was noted for a checkpoint"));
        }
        let unsaved = self.flow.unsaved(true)?;
        self.saved.append(unsaved)?;
        let mut rows: BTreeMap<Arc<str>, Vec<RecordBatch>> =
            self.saved.clone().summed(true)?.into_iter().map(|(table, rows)| (table.name, rows)).collect();
        let tables = self
            .flow
            .saved_tables()
            .iter()
            .map(|table| (table.clone(), rows.remove(&table.name).unwrap_or_default()))
            .collect();
        Ok(Checkpoint { tables, errors: self.flow.saved_errors(), as_of_us: self.as_of_us })
    }

    /// Makes all views anew from a checkpoint, as a start does. Saved tables that are not in it, as after an edit, are
    /// computed from what was applied.
    pub fn restart_from(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.rebuild()?;
        self.as_of_us = checkpoint.as_of_us;
        let Loading { loaded, .. } = self.begin_load(&checkpoint.tables)?;
        for (table, rows) in checkpoint.tables.iter().filter(|(table, _)| loaded.contains(&table.name)) {
            rows.iter().try_for_each(|rows| self.saved.add(table, rows.clone()))?;
        }
        for mut epoch in self.log.clone().unwrap_or_default() {
            // The clock stands where it stood.
            epoch.remove(CLOCK);
            self.run_epoch(epoch)?;
        }
        self.end_load(&checkpoint.errors);
        self.publish(vec![])
    }

    /// Gives saved tables back to views that have seen nothing. Rows that do not fit are no error: their tables are
    /// computed from events.
    pub fn begin_load(&mut self, saved: &[(SavedTable, Vec<RecordBatch>)]) -> Result<Loading> {
        let known: Vec<_> = saved.iter().filter(|(table, rows)| self.flow.fits(table, rows)).collect();
        let loaded: BTreeSet<Arc<str>> = known.iter().map(|(table, _)| table.name.clone()).collect();
        self.flow.begin_load(&loaded);
        // Views without GROUP BY have a row before anything is given.
        self.run_epoch(BTreeMap::new())?;
        for (table, batches) in known {
            let Some(schema) = batches.first().map(RecordBatch::schema) else { continue };
            // Each part is an epoch: many small batches would be many.
            let mut parts = BatchCoalescer::new(schema, LOAD_ROWS);
            for rows in batches {
                parts.push_batch(rows.clone())?;
                self.load_parts(table, &mut parts)?;
            }
            parts.finish_buffered_batch()?;
            self.load_parts(table, &mut parts)?;
        }
        self.flow.loaded()?;
        Ok(Loading { needed: self.flow.needed_for_load(), loaded })
    }

    fn load_parts(&mut self, table: &SavedTable, parts: &mut BatchCoalescer) -> Result<()> {
        while let Some(part) = parts.next_completed_batch() {
            self.epoch += 1;
            self.flow.load(self.epoch, (&table.name, &part), &self.clock)?;
            self.maintain_unpublished()?;
        }
        Ok(())
    }

    /// Ends what `begin_load` began: events go to all views from now on.
    pub fn end_load(&mut self, errors: &BTreeMap<String, i64>) {
        self.flow.end_load(errors);
    }
}
