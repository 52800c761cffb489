//! The committer: epochs become durable, a few seconds' worth at a time.
//!
//! A commit writes one segment (all rows), then one manifest (the truth). After `Unavailable` everything is kept and
//! the next call finishes the same commit first, with the same number and the same bytes. `Fenced` is final.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use object_store::PutPayload;

use crate::changes::EventBatch;
use crate::checkpoint::{Offsets, SharedSources, Sources};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::history::{
    Before, CheckpointMark, CommitRange, Dataset, Delivered, DeltaTable, Dropped, EpochRecord, HistorySettings, LogEnd,
    Manifest, MergedState, PassedEvents, RollerState, Segment, SegmentWriter, StateDelta, StateMerge, Store,
    ViewChanges, all_dropped, check_storable, create_segment, date_of, dead_letter_rows, delete_dropped, epoch_number,
    event_rows, next_dropped, next_state, replay_rows, roll, segment_path, view_rows,
};
use crate::state::SavedRows;

/// Commits that may wait for a roll, however small they are: a start reads as many manifests.
const UNROLLED_COMMITS_MAX: usize = 1_000;

/// Collects epochs and commits them. Calls block on the store: it belongs on a thread of its own.
pub struct Committer {
    store: Store,
    clock: Clock,
    settings: HistorySettings,
    end: LogEnd,
    /// The offsets after everything added.
    position: Offsets,
    /// The topics that they are of.
    sources: SharedSources,
    pending: Pending,
    in_flight: Option<InFlight>,
    /// Changes of saved tables since the last checkpoint.
    state: SavedRows,
    /// What the next manifest says of the topic for dead letters.
    delivered: Option<Delivered>,
    /// A checkpoint that no commit has taken yet.
    checkpoint: Option<StateDelta>,
    /// This run has written a checkpoint.
    own_state: bool,
    /// What was dropped as of the last roll that was marked done, and what of that is deleted.
    dropped: Vec<Dropped>,
    deleted: Vec<Dropped>,
    merging: Merging,
    passed: PassedEvents,
    /// The decided roll is executed, but no manifest says so yet: the ends of its Delta logs.
    rolled: Option<BTreeMap<String, DeltaTable>>,
    last_commit: Instant,
    /// The last epoch added in this run.
    last_epoch: Option<u32>,
    /// The time of the last published epoch: in the history it never goes back, even if the clock does.
    published_at_us: i64,
    /// Views whose columns are known to fit into Parquet.
    storable: BTreeSet<String>,
    /// False after an epoch was taken in part: from then on offsets would be ahead of rows (I3), so nothing more is
    /// committed.
    whole: bool,
}

/// Epochs that no commit has taken yet.
#[derive(Default)]
struct Pending {
    epoch: Option<u32>,
    as_of_us: i64,
    segment: SegmentWriter,
}

/// State files that are made one beside the commits.
enum Merging {
    None,
    /// How the new files' names begin, so that they are not swept away.
    Running(String),
    /// The next manifest names them.
    Done(MergedState),
    /// A file is damaged: the next start sees to it.
    Off,
}

/// A commit that is being written; kept until it is known to be durable.
struct InFlight {
    manifest: Manifest,
    segment: Option<PutPayload>,
    state: Option<PutPayload>,
}

/// What a call of `commit` wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitInfo {
    /// Number of the newest manifest.
    pub number: u64,
    /// Bytes of segments.
    pub bytes: u64,
    /// Bytes of state files.
    pub state_bytes: u64,
    pub rows: u64,
    /// There are dead letters among the rows.
    pub dead_letters: bool,
    /// Parquet files and their rows, when a roll was executed.
    pub rolled_files: u64,
    pub rolled_rows: u64,
}

impl Committer {
    /// Goes on where `end` says. With the history switched off it accepts everything and writes nothing.
    pub fn new(store: Store, end: LogEnd, settings: HistorySettings, clock: Clock) -> Committer {
        let position = end.log.newest.offsets.clone();
        let sources = SharedSources::new(end.log.newest.sources.clone());
        let delivered = end.log.newest.delivered.clone();
        let last_commit = clock.instant();
        let published_at_us = end.log.newest.committed_at_us;
        let pending = Pending::default();
        // The start has deleted what is dropped.
        let dropped = end.log.newest.roller.dropped.clone();
        Committer {
            store,
            clock,
            settings,
            end,
            position,
            sources,
            pending,
            in_flight: None,
            state: SavedRows::default(),
            delivered,
            checkpoint: None,
            own_state: false,
            deleted: dropped.clone(),
            dropped,
            merging: Merging::None,
            passed: PassedEvents::default(),
            rolled: None,
            last_commit,
            last_epoch: None,
            published_at_us,
            storable: BTreeSet::new(),
            whole: true,
        }
    }

    /// Adds a published epoch. Refused, and a fault of ours, if its offsets go back or its rows lie outside them; after
    /// that nothing more is committed. The first epoch of a run must hold the full contents of every view that begins
    /// a generation.
    pub fn add(&mut self, mut record: EpochRecord) -> Result<()> {
        if !self.settings.enabled {
            return Ok(());
        }
        self.check_whole()?;
        self.whole = false;
        if self.last_epoch.is_some_and(|last| record.epoch <= last) {
            return Err(Error::internal(format!("epoch {} is added after a later one", record.epoch)));
        }
        let step = self.position.until(&record.offsets)?;
        step.holds(&record.counted())?;
        self.position.extend(&step)?;
        self.add_rows(&record)?;
        self.add_state(&mut record)?;
        self.pending.epoch = Some(record.epoch);
        self.pending.as_of_us = record.as_of_us;
        self.last_epoch = Some(record.epoch);
        self.whole = true;
        Ok(())
    }

    fn add_state(&mut self, record: &mut EpochRecord) -> Result<()> {
        self.state.append(std::mem::take(&mut record.state))?;
        let Some(CheckpointMark { tables, loaded, errors }) = record.checkpoint.take() else { return Ok(()) };
        let mut rows = self.checkpoint.take().map_or_else(SavedRows::default, |checkpoint| checkpoint.rows);
        rows.append(std::mem::take(&mut self.state))?;
        let epoch = epoch_number(self.end.log.run, record.epoch);
        self.checkpoint = Some(StateDelta { epoch, rows, tables, loaded, errors });
        Ok(())
    }

    fn add_rows(&mut self, record: &EpochRecord) -> Result<()> {
        let epoch = epoch_number(self.end.log.run, record.epoch);
        let published_at_us = record.published_at_us.max(self.published_at_us);
        self.published_at_us = published_at_us;
        if self.last_epoch.is_none() {
            self.end.views.values_mut().for_each(|view| view.begin(epoch, published_at_us));
        }
        for events in &record.events {
            self.check_known(events)?;
            let dataset = Dataset::Events(events.table.name.clone());
            self.pending.segment.push(dataset, event_rows(events, epoch)?)?;
        }
        for changes in &record.view_changes {
            self.check_generation(changes)?;
            let rows = view_rows(changes, epoch, published_at_us)?;
            let (name, generation) = (changes.view.to_string(), changes.generation);
            if !self.storable.contains(&name) {
                check_storable(&rows.schema(), &format!("view {name}"))?;
                self.storable.insert(name.clone());
            }
            self.pending.segment.push(Dataset::View { name, generation }, rows)?;
        }
        if !record.dead_letters.is_empty() {
            let rows = dead_letter_rows(&record.dead_letters, epoch)?;
            self.pending.segment.push(Dataset::DeadLetters, rows)?;
        }
        if !record.replays.is_empty() {
            self.pending.segment.push(Dataset::Replays, replay_rows(&record.replays, epoch)?)?;
        }
        Ok(())
    }

    fn check_generation(&self, changes: &ViewChanges) -> Result<()> {
        let ViewChanges { view: name, generation, .. } = changes;
        let view = self.end.views.get(name.as_ref());
        match view.is_some_and(|view| view.live && view.generation == *generation) {
            true => Ok(()),
            false => Err(Error::internal(format!("generation {generation} of view {name} is not the current one"))),
        }
    }

    fn check_whole(&self) -> Result<()> {
        match self.whole {
            true => Ok(()),
            false => Err(Error::internal("an epoch could not be added, so nothing after it can be committed")),
        }
    }

    fn check_known(&self, events: &EventBatch) -> Result<()> {
        match self.end.tables.contains_key(&events.table.name) {
            true => Ok(()),
            false => Err(Error::internal(format!("events of table {}, which is not open", events.table.name))),
        }
    }

    /// Bytes that wait for a commit, or for its end. The caller commits before they grow out of hand.
    pub fn pending_bytes(&self) -> u64 {
        let in_flight = self.in_flight.as_ref().and_then(|commit| commit.segment.as_ref());
        self.pending.segment.bytes() + in_flight.map_or(0, |segment| segment.content_length() as u64)
    }

    /// The topics that the offsets are of: who fetches sets them, a commit writes them.
    pub fn sources(&self) -> &SharedSources {
        &self.sources
    }

    /// What is known to be delivered.
    pub fn delivered(&self) -> Option<&Delivered> {
        self.delivered.as_ref()
    }

    /// The next manifest says that these dead letters are delivered. It is not written for that alone, unless everything
    /// is closed.
    pub fn set_delivered(&mut self, delivered: Delivered) {
        self.delivered = Some(delivered);
    }

    /// `Fenced` if another process has taken the place of this one.
    pub fn check_not_fenced(&self) -> Result<()> {
        if self.settings.enabled { self.end.log.check_not_fenced(&self.store) } else { Ok(()) }
    }

    /// The offsets up to which everything is durable.
    pub fn committed_offsets(&self) -> &Offsets {
        &self.end.log.newest.offsets
    }

    /// Whether the time for the next commit has come.
    pub fn is_due(&self) -> bool {
        let every = Duration::from_millis(self.settings.commit_every_ms);
        self.clock.instant().duration_since(self.last_commit) >= every
    }

    /// Makes everything added durable, and rolls when it is time. Writes nothing if there is nothing to do.
    /// `Unavailable`: call again. `Fenced`: stop.
    pub fn commit(&mut self) -> Result<CommitInfo> {
        self.commit_and_roll(false)
    }

    /// Commits everything and rolls everything: afterwards the Parquet files hold all rows. Can be called again.
    pub fn close(&mut self) -> Result<CommitInfo> {
        let mut info = self.commit_and_roll(true)?;
        while self.rolled.is_some() {
            let marked = self.commit_and_roll(true)?;
            info = CommitInfo {
                number: marked.number,
                rolled_files: info.rolled_files + marked.rolled_files,
                rolled_rows: info.rolled_rows + marked.rolled_rows,
                ..info
            };
        }
        Ok(info)
    }

    fn commit_and_roll(&mut self, roll_all: bool) -> Result<CommitInfo> {
        let mut info = CommitInfo::default();
        if self.settings.enabled {
            self.check_whole()?;
            self.last_commit = self.clock.instant();
            // At most two: the one left behind by an error, and one with what was added since.
            while self.in_flight.is_some() || self.prepare(roll_all)? {
                let state = self
                    .in_flight
                    .as_ref()
                    .and_then(|commit| commit.state.as_ref())
                    .map_or(0, PutPayload::content_length);
                let segment = self.write_in_flight()?;
                info.state_bytes += state as u64;
                info.bytes += segment.as_ref().map_or(0, |segment| segment.bytes);
                let sections = segment.iter().flat_map(|segment| &segment.sections);
                info.rows += sections.clone().map(|section| section.rows).sum::<u64>();
                info.dead_letters |= sections.clone().any(|section| section.dataset == Dataset::DeadLetters);
            }
            self.roll(&mut info)?;
        }
        info.number = self.end.log.newest.number;
        Ok(info)
    }

    /// Puts the next commit in flight; false if there is nothing to write.
    fn prepare(&mut self, roll_all: bool) -> Result<bool> {
        let before = &self.end.log.newest;
        let number = before.number + 1;
        let now_us = self.clock.now_us().max(before.committed_at_us).max(self.published_at_us);
        let mut roller = self.next_roller(number, now_us, roll_all);
        if roller.rolling.is_some() && roller.rolling != before.roller.rolling && roller.delta.is_some() {
            let times = (before.as_of_us, date_of(now_us));
            roller.dropping.extend(self.passed.next(&self.store, &self.end.tables, &roller, times));
        }
        let delivered = roll_all && self.delivered != before.delivered;
        if self.pending.epoch.is_none() && roller == before.roller && !delivered {
            return Ok(false);
        }
        let mut manifest = Manifest { number, roller, committed_at_us: now_us, segment: None, ..before.clone() };
        manifest.continues = None;
        manifest.delivered = self.delivered.clone();
        let mut state = None;
        if let Some(delta) = &self.checkpoint {
            let (own, run) = (self.own_state, self.end.log.run);
            let stored = Before { state: before.state.as_ref(), own, commit: number, run };
            let (form, bytes) = next_state(stored, delta)?;
            (manifest.state, state) = (Some(form), bytes);
        }
        if let (Some(state), Merging::Done(_)) = (&mut manifest.state, &self.merging)
            && let Merging::Done(merged) = std::mem::replace(&mut self.merging, Merging::None)
        {
            merged.replace(state);
        }
        manifest.run = self.end.log.run;
        let pending = std::mem::take(&mut self.pending);
        self.whole = false;
        let (bytes, sections) = pending.segment.finish()?;
        self.whole = true;
        if let Some(epoch) = pending.epoch {
            manifest.epoch = epoch;
            manifest.offsets = self.position.clone();
            manifest.sources = Sources::clone(&self.sources.get());
            manifest.as_of_us = pending.as_of_us;
            manifest.tables = self.end.tables.clone();
            manifest.views = self.end.views.clone();
        }
        if !sections.is_empty() {
            let path = segment_path(number, manifest.run).to_string();
            manifest.segment = Some(Segment { path, bytes: bytes.content_length() as u64, sections });
        }
        let segment = manifest.segment.is_some().then_some(bytes);
        self.own_state |= self.checkpoint.take().is_some();
        self.in_flight = Some(InFlight { manifest, segment, state });
        Ok(true)
    }

    /// What commit `number` says of the roller: the roll before it is done, and the next one is decided when it is
    /// time. The next roll includes this commit, unless a day has ended: a roll is of one day, so that it writes one file
    /// of a dataset, and a glob sees all of its rows at once.
    fn next_roller(&self, number: u64, now_us: i64, roll_all: bool) -> RollerState {
        let before = &self.end.log.newest.roller;
        let (rolled_to, delta) = match (before.rolling, &self.rolled) {
            (Some(_), None) => return before.clone(),
            (Some(range), Some(delta)) => (range.to, Some(delta.clone())),
            (None, _) => (before.rolled_to, before.delta.clone()),
        };
        let dropped = all_dropped(&before.dropped, &before.dropping);
        let unrolled = || self.end.log.unrolled.iter().filter(|commit| commit.number > rolled_to);
        let segments = || unrolled().filter_map(|commit| Some((commit, commit.segment.as_ref()?)));
        let pending = self.pending.segment.bytes();
        let bytes = pending + segments().map(|(_, segment)| segment.bytes).sum::<u64>();
        let oldest_us = segments().map(|(commit, _)| commit.committed_at_us).next().unwrap_or(now_us);
        let age_ms = now_us.saturating_sub(oldest_us).unsigned_abs() / 1_000;
        let this = (pending > 0).then_some((number, now_us));
        let mut dated = segments().map(|(commit, _)| (commit.number, commit.committed_at_us)).chain(this);
        let next_day = dated.find(|(_, at_us)| date_of(*at_us) != date_of(oldest_us)).map(|(next, _)| next);
        let enough = bytes >= self.settings.roll_bytes || age_ms >= self.settings.roll_after_ms;
        let due = bytes > 0 && (roll_all || enough || next_day.is_some());
        let many = unrolled().count() >= UNROLLED_COMMITS_MAX;
        let to = next_day.map_or(number, |next| next - 1);
        let rolling = (due || many).then_some(CommitRange { from: rolled_to + 1, to });
        let dropping = match rolling {
            Some(_) if delta.is_some() => {
                next_dropped(&self.settings, &self.end.log.newest.views, &dropped, (now_us, oldest_us))
            }
            _ => vec![],
        };
        RollerState { rolled_to, rolling, delta, dropped, dropping }
    }

    /// Writes the commit in flight: segment, then manifest. It stays in flight unless both are there.
    fn write_in_flight(&mut self) -> Result<Option<Segment>> {
        let Some(InFlight { manifest, segment: bytes, state }) = &self.in_flight else {
            return Ok(None);
        };
        let newest_state = manifest.state.as_ref().and_then(|state| state.files.last());
        if let (Some(file), Some(bytes)) = (newest_state, state) {
            create_segment(&self.store, &file.file, bytes)?;
        }
        let writes_state = manifest.state != self.end.log.newest.state;
        if let (Some(segment), Some(bytes)) = (&manifest.segment, bytes) {
            create_segment(&self.store, segment, bytes)?;
        }
        let segment = manifest.segment.clone();
        let marks_roll = manifest.roller.rolled_to > self.end.log.newest.roller.rolled_to;
        self.end.log.append(&self.store, manifest)?;
        self.in_flight = None;
        if writes_state && let Err(error) = self.sweep_state() {
            tracing::warn!(%error, "old state files are not deleted yet");
        }
        if marks_roll {
            self.rolled = None;
            // The commit holds all the same; the next mark, or the next start, sweeps again.
            if let Err(error) = self.end.log.sweep(&self.store) {
                tracing::warn!(%error, "rolled segments are not deleted yet");
            }
            self.delete_dropped();
        }
        Ok(segment)
    }

    /// Deletes what an earlier roll dropped: who reads now may have begun before this one.
    fn delete_dropped(&mut self) {
        let now = self.end.log.newest.roller.dropped.clone();
        let dropped = std::mem::replace(&mut self.dropped, now);
        let new: Vec<Dropped> = dropped.iter().filter(|dropped| !self.deleted.contains(dropped)).cloned().collect();
        match delete_dropped(&self.store, &new) {
            Ok(()) => self.deleted = dropped,
            Err(error) => tracing::warn!(%error, "what is not kept any more is not deleted yet"),
        }
    }

    fn sweep_state(&self) -> Result<()> {
        let written = match &self.merging {
            Merging::Running(written) => Some(written.as_str()),
            Merging::Done(merged) => Some(merged.written()),
            Merging::None | Merging::Off => None,
        };
        self.end.log.sweep_state(&self.store, written)
    }

    /// State files to be merged, if it is time, into parts of about `part_bytes_max`. The caller runs that, beside the
    /// commits if it likes, and hands the outcome to `merged`.
    pub fn merge_due(&mut self, part_bytes_max: u64) -> Option<StateMerge> {
        let idle = matches!(self.merging, Merging::None) && self.in_flight.is_none() && self.own_state;
        let state = self.end.log.newest.state.as_ref().filter(|_| idle)?;
        let merge = StateMerge::of(&self.store, state, self.end.log.run, part_bytes_max)?;
        self.merging = Merging::Running(merge.written());
        Some(merge)
    }

    /// What came of `merge_due`. Commits hold without it.
    pub fn merged(&mut self, outcome: Result<MergedState>) {
        self.merging = match outcome {
            Ok(merged) => {
                tracing::debug!(rows_held = merged.rows_held, "merged state files");
                Merging::Done(merged)
            }
            Err(error) => {
                tracing::warn!(%error, "state files are not merged");
                if error.kind == ErrorKind::Unavailable { Merging::None } else { Merging::Off }
            }
        };
    }

    /// Executes the roll that is decided and not done.
    fn roll(&mut self, info: &mut CommitInfo) -> Result<()> {
        let log = &self.end.log;
        let (Some(range), false) = (log.newest.roller.rolling, self.rolled.is_some()) else {
            return Ok(());
        };
        let (record, delta) = match roll(&self.store, log, range) {
            Ok(rolled) => rolled,
            Err(error) if error.kind == ErrorKind::Data => {
                // A newer writer may have done this roll and swept its segments.
                log.check_not_fenced(&self.store)?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        info.rolled_files = record.files.len() as u64;
        info.rolled_rows = record.files.iter().map(|file| file.rows).sum();
        self.rolled = Some(delta);
        Ok(())
    }
}
