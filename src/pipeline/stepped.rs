//! The pipeline without threads and without Kafka: the caller brings the events and decides what happens next.
//!
//! For simulations: recovery, flow and commit are those of the real pipeline, and each call is one step of it, so a
//! crash between any two of them is a drop.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::flow::Flow;
use super::records::{RecordReceiver, RecordSender, record_channel};
use super::wiring::{FETCHED_BATCHES, PipelineOptions, Shared, Stages, stages};
use crate::checkpoint::Offsets;
use crate::commit::{CommitInfo, Committer};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::ingest::Fetched;

/// See the module.
pub struct Stepped {
    shared: Shared,
    flow: Flow,
    committer: Committer,
    fetched: (SyncSender<Fetched>, Receiver<Fetched>),
    records: (RecordSender, RecordReceiver),
    /// The first epoch reached the committer: before that nothing is committed.
    began: bool,
}

impl Stepped {
    /// Plans the views and opens the storage, as a start does. `options.brokers` is not used.
    pub fn open(options: &PipelineOptions, shared: &Shared) -> Result<Stepped> {
        let Stages { flow, committer, .. } = stages(options, shared)?;
        let (fetched, records) = (sync_channel(FETCHED_BATCHES), record_channel());
        Ok(Stepped { shared: shared.clone(), flow, committer, fetched, records, began: false })
    }

    /// Brings the views to where the commits stand and publishes them.
    pub fn load(&mut self) -> Result<()> {
        match self.flow.start(&self.records.0, &self.shared)? {
            true => Ok(()),
            false => Err(Error::unavailable("told to stop during the start")),
        }
    }

    /// Puts a decoded batch into the queue; false when it is full.
    pub fn offer(&mut self, fetched: Fetched) -> bool {
        self.fetched.0.try_send(fetched).is_ok()
    }

    /// What is due between two epochs, then one epoch of what waits in the queue, published; false if nothing did.
    pub fn epoch(&mut self) -> Result<bool> {
        if !self.flow.between_epochs(&self.records.0, &self.shared)? {
            return Err(Error::unavailable("the memory budget is used up"));
        }
        self.flow.step_if_any(&self.fetched.1, &self.records.0, &self.shared)
    }

    /// Hands one published epoch to the committer; false if none waits.
    pub fn hand_over(&mut self) -> Result<bool> {
        let Ok(record) = self.records.1.try_recv() else { return Ok(false) };
        self.began = true;
        self.committer.add(record).map(|()| true)
    }

    /// Commits what was handed over, and rolls when it is time. `Unavailable`: to be called again.
    pub fn commit(&mut self) -> Result<CommitInfo> {
        if self.began { self.committer.commit() } else { Ok(CommitInfo::default()) }
    }

    /// Whether the time for the next commit has come.
    pub fn is_due(&self) -> bool {
        self.began && self.committer.is_due()
    }

    /// Merges state files, when it is time, into parts of about `part_bytes_max`; the next commit names them. Whether
    /// that worked.
    pub fn merge(&mut self, part_bytes_max: u64) -> bool {
        let Some(merge) = self.committer.merge_due(part_bytes_max) else { return false };
        let merged = merge.run(&self.shared.stop);
        let created = merged.is_ok();
        self.committer.merged(merged);
        created
    }

    /// The end of a flow that was told to stop: a checkpoint. `hand_over` and `close` follow.
    pub fn finish(&mut self) -> Result<()> {
        self.flow.last_checkpoint(&self.records.0, &self.shared)
    }

    /// Commits and rolls everything that was handed over. `Unavailable`: to be called again.
    pub fn close(&mut self) -> Result<CommitInfo> {
        if self.began { self.committer.close() } else { Ok(CommitInfo::default()) }
    }

    /// The views as they are published.
    pub fn engine(&self) -> &Engine {
        &self.flow.engine
    }

    /// The next offset of each partition after the last epoch.
    pub fn offsets(&self) -> &Offsets {
        &self.flow.offsets
    }
}
