//! A standby: brings its views to each commit of the writer, and takes over when the writer is gone.
//!
//! It claims nothing before that: it reads manifests, state and events as any reader does. A writer that ends deletes its
//! heartbeat, and is followed at once; one that falls silent, commits and heartbeat alike, after `takeover_after`. Silence
//! is no proof: the claim is, as at any start. A writer that is still alive is fenced by it, and of two standbys one
//! finds that the newest commit is not the one it knows.
//!
//! What changed since the newest checkpoint is noted as the writer notes it, and forgotten when the writer makes the
//! next one. So the first checkpoint after the takeover holds what is missing in the stored state, and nothing twice.

use std::collections::BTreeMap;
use std::time::Instant;

use object_store::path::Path;

use super::start::{Restored, TOLD_TO_STOP, begin_clock, restore};
use super::wiring::{PipelineOptions, Shared, opening};
use crate::changes::{Changes, EventBatch};
use crate::engine::Engine;
use crate::error::{ErrorKind, Result};
use crate::history::{Epochs, HistoryReader, Log, Manifest, StateForm, ViewIdentity, newest_heartbeat};
use crate::recovery::{self, Recovered};

/// How often the writer is looked at, as a part of the time after which a silent one counts as gone.
const LOOKS: u32 = 20;

/// How many looks in a row may find that the writer has deleted what they were about to read. One that is slower than the
/// writer every time then says so, and computes what it cannot read.
const OVERTAKEN_MAX: usize = 5;

/// See the module.
pub(super) struct Standby<'a> {
    options: &'a PipelineOptions,
    engine: Engine,
    views: Vec<ViewIdentity>,
    reader: HistoryReader,
    place: Option<Place>,
    /// The writer has other views: its checkpoints do not fit.
    cold: bool,
    seen: Option<Seen>,
    /// The newest manifest of the last look, and how many looks in a row were overtaken by the writer.
    looked_at: Option<Manifest>,
    overtaken: usize,
}

/// Where the views stand.
struct Place {
    commit: u64,
    /// The last epoch of that commit, as the rows of the history name it.
    epoch: i64,
    /// The last epoch of the stored state that `restored` goes on from.
    state: Option<i64>,
    restored: Restored,
}

impl Place {
    /// Whether its commit is one of this history: not given up, or lost and then written anew.
    fn is_of(&self, found: &Recovered, manifest: &Manifest) -> bool {
        let commits = &found.end.log.unrolled;
        let commit = commits.iter().find(|commit| commit.number == self.commit);
        self.commit <= manifest.number
            && !manifest.is_voided(self.commit)
            && commit.is_none_or(|of| of.epoch <= self.epoch)
    }
}

/// The newest of the writer, and since when there is nothing newer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    commit: u64,
    heartbeat: Option<Path>,
    since: Instant,
}

/// An engine that is where a commit is.
pub(super) struct Ready {
    pub engine: Engine,
    /// None: it has seen nothing yet.
    pub restored: Option<Restored>,
}

impl<'a> Standby<'a> {
    /// `engine` has seen nothing.
    pub fn new(engine: Engine, options: &'a PipelineOptions) -> Standby<'a> {
        let reader = HistoryReader::new(options.store.clone());
        let views = engine.kept_views();
        Standby { options, engine, views, reader, place: None, cold: false, seen: None, looked_at: None, overtaken: 0 }
    }

    /// Follows the writer until it is gone; gives the newest commit. None: told to stop.
    pub fn follow(&mut self, shared: &Shared) -> Result<Option<u64>> {
        while !shared.stop.raised() {
            match self.look(shared) {
                Ok(Some(commit)) => return Ok(Some(commit)),
                Ok(None) => self.overtaken = 0,
                Err(error) if error.message == TOLD_TO_STOP => break,
                Err(error) if error.kind == ErrorKind::Data && self.is_overtaken() => {
                    self.overtaken += 1;
                    tracing::debug!(%error, "the writer was faster; looking again");
                }
                // Something is lost. A takeover goes back to the last whole commit.
                Err(error) if error.kind == ErrorKind::Data => {
                    tracing::warn!(%error, "the writer cannot be followed");
                }
                Err(error) if error.kind == ErrorKind::Unavailable => {
                    tracing::warn!(%error, "the writer cannot be followed at the moment");
                    self.seen = None;
                }
                Err(error) => return Err(error),
            }
            shared.clock.sleep(self.options.takeover_after / LOOKS);
        }
        Ok(None)
    }

    /// Whether what the last look did not find may be gone because the writer went on meanwhile.
    fn is_overtaken(&self) -> bool {
        let overtaken = |manifest| recovery::is_overtaken(&self.options.store, manifest).unwrap_or(false);
        self.overtaken < OVERTAKEN_MAX && self.looked_at.as_ref().is_some_and(overtaken)
    }

    /// The views, for the one that has claimed the log.
    pub fn ready(mut self, recovered: &Recovered) -> Result<Ready> {
        let state = recovered.state().map(|state| state.epoch);
        let commit = recovered.manifest.as_ref().map(|manifest| manifest.number);
        let stands = |place: &Place| place.state == state && Some(place.commit) == commit;
        let place = self.place.take().filter(|place| stands(place) && !self.cold);
        let restored = place.map(|place| place.restored);
        if restored.is_none() {
            self.engine.rebuild()?;
        }
        Ok(Ready { engine: self.engine, restored })
    }

    /// Goes on to the newest commit; gives it if its writer is gone.
    fn look(&mut self, shared: &Shared) -> Result<Option<u64>> {
        let heartbeat = newest_heartbeat(&self.options.store)?;
        // A damaged manifest has a number, too.
        let commit = Log::newest_number(&self.options.store)?;
        let followed = self.follow_once(shared);
        match self.gone(commit, heartbeat, shared) {
            Some(commit)
                if followed.as_ref().is_err_and(|error| error.kind == ErrorKind::Data) && !self.is_overtaken() =>
            {
                // What a step that failed has done to the views is not known.
                self.place = None;
                Ok(Some(commit))
            }
            gone => followed.map(|()| gone),
        }
    }

    fn follow_once(&mut self, shared: &Shared) -> Result<()> {
        let found = recovery::look(opening(self.options, &self.views, &shared.clock), &self.reader)?;
        if let Some(found) = found.filter(|_| !self.cold) {
            self.looked_at.clone_from(&found.manifest);
            self.go_on(&found, shared)?;
        }
        Ok(())
    }

    /// The newest commit, if its writer is gone.
    fn gone(&mut self, commit: u64, heartbeat: Option<Path>, shared: &Shared) -> Option<u64> {
        let now = shared.clock.instant();
        let same = |seen: &&Seen| (seen.commit, &seen.heartbeat) == (commit, &heartbeat);
        let Some(seen) = self.seen.as_ref().filter(same) else {
            self.seen = Some(Seen { commit, heartbeat, since: now });
            return None;
        };
        let silent = now.saturating_duration_since(seen.since);
        if heartbeat.is_none() || silent >= self.options.takeover_after {
            tracing::info!(?silent, commit, "the writer is gone; taking over");
            self.seen = None;
            return Some(commit);
        }
        None
    }

    fn go_on(&mut self, found: &Recovered, shared: &Shared) -> Result<()> {
        let Some(manifest) = &found.manifest else { return Ok(()) };
        let Some(mut place) = self.place.take().filter(|place| place.is_of(found, manifest)) else {
            self.engine.rebuild()?;
            begin_clock(&mut self.engine, found, shared.clock.now_us());
            let saved = found.saved_tables(|| self.is_overtaken())?;
            let restored = restore(&mut self.engine, found, saved, true, shared)?;
            let state = found.state().map(|state| state.epoch);
            self.place = Some(Place { commit: manifest.number, epoch: manifest.epoch_number(), state, restored });
            tracing::info!(commit = manifest.number, "the views are where the writer is");
            return Ok(());
        };
        let outcome = if manifest.number > place.commit { self.catch_up(&mut place, found, manifest) } else { Ok(()) };
        self.place = Some(place);
        outcome
    }

    fn catch_up(&mut self, place: &mut Place, found: &Recovered, manifest: &Manifest) -> Result<()> {
        if let Some(state) = found.state().filter(|state| place.state != Some(state.epoch)) {
            if !self.fits(state) {
                tracing::warn!("the writer has other views; a takeover will compute what differs from the history");
                self.cold = true;
                return self.engine.rebuild();
            }
            self.run(found, place, state.epoch)?;
            // The writer has stored what was noted up to here.
            drop(self.engine.unsaved(true)?);
            let loaded = self.engine.saved_tables().iter().map(|table| table.name.clone()).collect();
            (place.state, place.restored) = (Some(state.epoch), Restored { loaded, ..Restored::default() });
        }
        self.run(found, place, manifest.epoch_number())?;
        if self.engine.reads_clock() && manifest.as_of_us > self.engine.as_of_us() {
            self.engine.tick(manifest.as_of_us)?;
        }
        place.commit = manifest.number;
        Ok(())
    }

    /// Whether the stored state has all that these views save.
    fn fits(&self, state: &StateForm) -> bool {
        let stored = |name: &str, key: &Option<Vec<usize>>| state.tables.get(name).is_some_and(|form| form.key == *key);
        self.engine.saved_tables().iter().all(|table| stored(&table.name, &table.key))
    }

    /// Runs the events of the next epochs. They are read first: what fails then has changed nothing.
    fn run(&mut self, found: &Recovered, place: &mut Place, up_to: i64) -> Result<()> {
        let epochs = Epochs { after: place.epoch, up_to, from_commit: place.commit };
        let mut batches = vec![];
        found.replay(
            |_| true,
            epochs,
            |events| {
                batches.push(events);
                Ok(())
            },
        )?;
        for EventBatch { table, rows } in batches {
            place.restored.events += rows.num_rows();
            self.engine.apply(BTreeMap::from([(table.name.as_str().into(), Changes::inserts(rows))]))?;
            self.engine.maintain_unpublished()?;
        }
        place.epoch = place.epoch.max(up_to);
        Ok(())
    }
}

#[cfg(test)]
#[path = "standby_tests.rs"]
mod tests;
