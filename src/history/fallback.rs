//! A start that finds the log damaged goes back to the last whole commit.
//!
//! The broker still has the messages of the commits that are not rolled, so nothing is lost by reading them again from the
//! offsets of an earlier commit. The commits behind it are given up: the next manifest names them as voided, and says of
//! everything else what the whole commit said. Their numbers and epochs never come back. What is rolled cannot be taken
//! back: others may have read the files. So a roll whose files are all there is finished without its segments, and where
//! a commit that would be given up is rolled already, the start is refused. So it is where a roll is done that no manifest
//! knows of, since the newest is gone; the files of one that was only begun are removed.
//!
//! Cost: all segments that are not rolled are read, to check them; once more when one is damaged, after the log is
//! claimed: from then on nobody else can be sweeping.

use std::collections::{BTreeMap, BTreeSet};

use object_store::path::Path;

use super::delta::{self, DeltaTable, Entry};
use super::log::{Commit, Log, newest_readable, opening as unchanged};
use super::manifest::{self, CommitRange, FORMAT_VOIDING, Manifest, RollerState};
use super::paths::{self, Dataset};
use super::retention::all_dropped;
use super::roller::finish_roll;
use super::segment::check_section;
use super::store::Store;
use crate::checkpoint::Offsets;
use crate::error::{Error, ErrorKind, Result};

/// The log as a start finds it.
pub(super) struct Chain {
    /// The number of the newest manifest, readable or not; 0: there is none.
    pub newest: u64,
    /// The greatest number that a commit is known to have had; 0: there was none.
    pub highest: u64,
    /// The newest manifest that can be read.
    pub base: Option<Manifest>,
    /// The commits that are not rolled, in order, up to the last whole one.
    pub commits: Vec<Commit>,
    /// Parquet files of a roll that no manifest decided: the newest is gone, or cannot be read.
    pub undecided: Vec<Path>,
    pub damage: Option<Damage>,
}

/// What is damaged, and where a start goes back to.
pub(super) struct Damage {
    what: String,
    /// The last whole commit; number 0: the beginning.
    pub whole: Manifest,
    /// A decided roll that needs no segments any more.
    rolled: Option<Entry>,
    left: Rolled,
}

/// What rolls have written, whether they are done or not.
struct Rolled {
    records: BTreeSet<CommitRange>,
    /// Parquet files and entries of Delta logs.
    objects: Vec<Path>,
}

/// Looks the log through. `Data` if it is damaged where a start cannot go back.
pub(super) fn find(store: &Store) -> Result<Chain> {
    // Before the manifests: a commit is rolled after its manifest is written.
    let left = Rolled::list(store)?;
    let (newest, base) = newest_readable(store)?;
    let highest = left.highest().max(newest);
    let says = base.clone().unwrap_or_else(|| unchanged(None, 0, 0, 0));
    let (mut commits, mut last, damage) = scan(store, &says, says.roller.rolled_to, highest)?;
    let (undecided, ranges) = left.undecided(&says.roller);
    let Some((number, mut error)) = damage else {
        if !ranges.is_empty() {
            check_not_done(&ranges, &left.published(store, &says.roller)?)?;
        }
        return Ok(Chain { newest, highest, base, commits, undecided, damage: None });
    };
    let published = left.published(store, &says.roller)?;
    let (mut start, mut rolled) = (says.roller.rolled_to, None);
    if let Some(range) = says.roller.rolling.filter(|range| number <= range.to && published.contains(range)) {
        // A manifest that cannot be read does not tell the time: then it is about that of the newest.
        let at_us = Log::commit(store, range.to).map_or(says.committed_at_us, |commit| commit.committed_at_us);
        rolled = Some(Entry { commits: range, at_ms: at_us.div_euclid(1_000) });
        start = range.to;
        let damage;
        (commits, last, damage) = scan(store, &says, start, highest)?;
        // Before that a newer manifest, which is damaged, may have swept.
        error = damage.map_or(error, |(_, error)| error);
    }
    let whole = match last {
        Some(last) => last,
        None if start == 0 => unchanged(None, 0, 0, 0),
        None => read_manifest(store, start)?,
    };
    match published.iter().filter(|range| range.to > whole.number).max() {
        Some(CommitRange { from, to }) => {
            let message = format!("{}; commits {from} to {to} are rolled and cannot be read again", error.message);
            Err(Error::data(message).hint("restore the files of log/ from a copy"))
        }
        None => {
            check_not_done(&ranges, &published)?;
            let damage = Some(Damage { what: error.message, whole, rolled, left });
            Ok(Chain { newest, highest, base, commits, undecided, damage })
        }
    }
}

/// `Data` where a roll that no manifest decided is done: what else was decided with it is not known.
fn check_not_done(undecided: &BTreeSet<CommitRange>, published: &BTreeSet<CommitRange>) -> Result<()> {
    match undecided.intersection(published).next() {
        Some(CommitRange { from, to }) => {
            let message =
                format!("the manifest that decided to roll commits {from} to {to} cannot be read, and they are rolled");
            Err(Error::data(message).hint("restore the newest files of log/ from a copy"))
        }
        None => Ok(()),
    }
}

/// The whole commits after `start`, the manifest of the last of them, and the first damage.
type Scanned = (Vec<Commit>, Option<Manifest>, Option<(u64, Error)>);

fn scan(store: &Store, says: &Manifest, start: u64, highest: u64) -> Result<Scanned> {
    let (mut commits, mut last) = (vec![], None::<Manifest>);
    for number in (start + 1..=highest).filter(|number| !says.is_voided(*number)) {
        match whole(store, number).and_then(|manifest| check_follows(manifest, start, last.as_ref())) {
            Ok(manifest) => {
                commits.push(Commit::of(&manifest));
                last = Some(manifest);
            }
            Err(error) if error.kind == ErrorKind::Data => return Ok((commits, last, Some((number, error)))),
            Err(error) => return Err(error),
        }
    }
    Ok((commits, last, None))
}

/// `Data` for the claim of a start that could not read a commit before it, which is there again: such a start has read
/// nothing from Kafka, else that commit would be voided. And for a commit that was lost, is there again, and goes on from
/// another one whose number was used anew meanwhile: runs grow along the log.
fn check_follows(manifest: Manifest, start: u64, last: Option<&Manifest>) -> Result<Manifest> {
    let (path, known) = (paths::manifest(manifest.number), last.map_or(start, Manifest::tells_of));
    if manifest.tells_of() < known {
        return Err(Error::data(format!("{path} is of a start that could not read commit {known}")));
    }
    match last.filter(|last| last.run > manifest.run) {
        Some(last) => Err(Error::data(format!("{path} is older than commit {} that is there now", last.number))),
        None => Ok(manifest),
    }
}

/// A manifest whose segment is as it says.
fn whole(store: &Store, number: u64) -> Result<Manifest> {
    let manifest = read_manifest(store, number)?;
    if let Some(segment) = &manifest.segment {
        segment.sections.iter().try_for_each(|section| check_section(store, segment, section))?;
    }
    Ok(manifest)
}

/// `Data` if it is missing or damaged.
pub(super) fn read_manifest(store: &Store, number: u64) -> Result<Manifest> {
    let path = paths::manifest(number);
    let bytes = store.read(&path).map_err(|e| match e.kind {
        ErrorKind::NotFound => Error::data(format!("{path} is missing")).hint("restore the file from a copy"),
        _ => e,
    })?;
    manifest::decode(&path, &bytes)
}

impl Damage {
    /// The manifest that goes back, after the one that has claimed the log. Finishes or removes what rolls have left;
    /// after a crash the next start does the same again.
    pub fn fall_back(self, store: &Store, claim: &Manifest) -> Result<Manifest> {
        let Damage { what, whole, rolled, left } = self;
        let given_up = CommitRange { from: whole.number + 1, to: claim.number };
        let mut roller = claim.roller.clone();
        if let Some(entry) = rolled {
            (roller.rolled_to, roller.rolling) = (entry.commits.to, None);
            roller.delta = Some(left.finish(store, claim, entry)?);
            (roller.dropped, roller.dropping) = (all_dropped(&roller.dropped, &roller.dropping), vec![]);
        } else if roller.rolling.is_some_and(|range| range.to > whole.number) {
            (roller.rolling, roller.dropping) = (None, vec![]);
        }
        left.delete(store, given_up)?;
        let mut voided = claim.voided.clone();
        voided.retain(|range| range.to < given_up.from);
        voided.extend(Some(given_up).filter(|range| range.from <= range.to));
        let offsets = offsets(&whole, claim);
        say(&what, given_up, &offsets);
        Ok(Manifest {
            format: if voided.is_empty() { whole.format } else { FORMAT_VOIDING },
            number: claim.number + 1,
            run: claim.run,
            continues: None,
            epoch: 0,
            committed_at_us: claim.committed_at_us,
            segment: None,
            offsets,
            roller,
            voided,
            ..whole
        })
    }
}

fn say(what: &str, given_up: CommitRange, offsets: &Offsets) {
    let CommitRange { from, to } = given_up;
    if from > to {
        tracing::warn!("{what}: its rows are in Parquet files already, nothing is given up");
        return;
    }
    let offsets: Vec<String> =
        offsets.iter().map(|(topic, partition, next)| format!("{topic}/{partition}: {next}")).collect();
    tracing::warn!(
        offsets = offsets.join(", "),
        "{what}: commits {from} to {to} are given up; their messages are read again from the offsets of commit {}",
        from - 1
    );
}

/// The offsets of a commit. A partition that was read later only begins at its first message: that it was not read yet would
/// mean to begin with what the broker still has.
fn offsets(whole: &Manifest, claim: &Manifest) -> Offsets {
    let mut offsets = whole.offsets.clone();
    for (topic, partition, _) in claim.offsets.iter() {
        if offsets.get(topic, partition).is_none() {
            offsets.set(topic, partition, whole.sources.origin(topic, partition));
        }
    }
    offsets
}

impl Rolled {
    fn list(store: &Store) -> Result<Rolled> {
        let records = store.list_flat(&paths::rolls())?.iter().filter_map(paths::range_of).collect();
        let mut objects = vec![];
        for folder in paths::datasets() {
            objects.extend(store.list(&folder)?);
        }
        Ok(Rolled { records, objects })
    }

    /// The Parquet files.
    fn files(&self) -> impl Iterator<Item = (&Path, CommitRange)> {
        let range = |path| paths::range_of(path).filter(|range| path.filename() == Some(&*paths::rolled_file(*range)));
        self.objects.iter().filter_map(move |path| Some((path, range(path)?)))
    }

    /// The files of rolls after those that the newest readable manifest knows of, and the commits of these.
    fn undecided(&self, roller: &RollerState) -> (Vec<Path>, BTreeSet<CommitRange>) {
        let files = self.files().filter(|(_, range)| range.to > roller.rolled_to && Some(*range) != roller.rolling);
        files.map(|(path, range)| (path.clone(), range)).unzip()
    }

    /// The last commit that a roll was decided for.
    fn highest(&self) -> u64 {
        self.records
            .iter()
            .copied()
            .chain(self.files().map(|(_, range)| range))
            .map(|range| range.to)
            .max()
            .unwrap_or(0)
    }

    /// The rolls that readers may know of: they have a record or an entry in a Delta log. All of their files are there.
    fn published(&self, store: &Store, roller: &RollerState) -> Result<BTreeSet<CommitRange>> {
        let mut published = self.records.clone();
        for path in &self.objects {
            let Some((folder, version)) = delta::entry_of(path) else { continue };
            let end = roller.delta.as_ref().and_then(|ends| ends.get(&folder)).map(|end| end.version);
            if end.is_none_or(|end| version > end) {
                published.extend(delta::commits_of(&store.read(path)?));
            }
        }
        Ok(published)
    }

    /// Finishes a roll whose files are all there. Answers the ends of the Delta logs.
    fn finish(&self, store: &Store, claim: &Manifest, entry: Entry) -> Result<BTreeMap<String, DeltaTable>> {
        let mut datasets = vec![Dataset::DeadLetters, Dataset::Replays];
        datasets.extend(claim.tables.keys().cloned().map(Dataset::Events));
        for (name, view) in &claim.views {
            datasets.extend((1..=view.generation).map(|generation| Dataset::View { name: name.clone(), generation }));
        }
        let dataset = |path: &Path| datasets.iter().find(|dataset| path.prefix_matches(&dataset.folder())).cloned();
        let files = self.files().filter(|(_, range)| *range == entry.commits);
        let files = files.filter_map(|(path, _)| Some((dataset(path)?, path.clone()))).collect();
        Ok(finish_roll(store, &claim.roller, entry, files)?.1)
    }

    /// Deletes the files of rolls that end with a commit that is given up. Those of a newer writer end later.
    fn delete(&self, store: &Store, given_up: CommitRange) -> Result<()> {
        for (path, _) in self.files().filter(|(_, range)| (given_up.from..=given_up.to).contains(&range.to)) {
            tracing::warn!(%path, "removed: the roll of a commit that is given up was not done");
            store.delete(path)?;
        }
        Ok(())
    }
}
