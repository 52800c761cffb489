//! The log: the chain of manifests, and who may continue it.
//!
//! A start first takes a run number, then claims the log by an opening manifest without rows. A writer that is still
//! alive finds its next number taken and is fenced. Whatever it wrote before without a manifest is an orphan.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::fallback::{self, Chain};
use super::manifest::{self, CommitRange, FORMAT, Manifest, RollerState, Segment, ViewForm};
use super::paths::{self, LogObject};
use super::store::{Created, Store};
use super::tables::TableForm;
use crate::checkpoint::{Offsets, Sources};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// Times that a start tries again when another writer commits or takes a run at the same moment.
const OPEN_ATTEMPTS_MAX: usize = 16;

/// One commit whose rows are not known to be in Parquet files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub number: u64,
    /// As `epoch_number`: all rows of this commit are of this epoch or an earlier one, and of a later one than those of
    /// the commit before.
    pub epoch: i64,
    pub committed_at_us: i64,
    pub segment: Option<Segment>,
}

/// The end of the log, as its one writer holds it.
#[derive(Clone, Debug)]
pub struct Log {
    pub run: u32,
    pub newest: Manifest,
    /// The commits after `newest.roller.rolled_to`, in order.
    pub unrolled: Vec<Commit>,
}

/// Where a committer goes on: the log as a start left it, and what the first commit with an epoch will say of tables
/// and views. Until then the manifests repeat what was said before.
#[derive(Clone, Debug)]
pub struct LogEnd {
    pub log: Log,
    pub tables: BTreeMap<String, TableForm>,
    pub views: BTreeMap<String, ViewForm>,
}

impl Commit {
    pub(super) fn of(manifest: &Manifest) -> Commit {
        let Manifest { number, committed_at_us, segment, .. } = manifest;
        let epoch = manifest.epoch_number();
        Commit { number: *number, epoch, committed_at_us: *committed_at_us, segment: segment.clone() }
    }
}

impl Log {
    /// Opens the log for writing: takes a run, claims the next number and sweeps. `after`: only if this commit is the
    /// newest one (0: the store is empty), else `Unavailable`. `accepts` sees the newest manifest before anything is
    /// written. Answers that manifest too; None: the store was empty. Where the log is damaged, it is the one that goes
    /// back to the last whole commit.
    pub fn open(
        store: &Store,
        clock: &Clock,
        after: Option<u64>,
        accepts: impl Fn(&Manifest) -> Result<()>,
    ) -> Result<(Log, Option<Manifest>)> {
        check_no_backup(store)?;
        let mut run = None;
        for _ in 0..OPEN_ATTEMPTS_MAX {
            let before = highest(store)?;
            let Chain { newest, highest: number, base: found, mut commits, undecided, damage } =
                match fallback::find(store) {
                    // Another writer has swept meanwhile.
                    Err(error) if error.kind == ErrorKind::Data && highest(store)? != before => continue,
                    chain => chain?,
                };
            if after.is_some_and(|after| after != newest) {
                return Err(Error::unavailable(format!("another process has committed to {}", store.name())));
            }
            found.iter().chain(damage.iter().map(|damage| &damage.whole)).try_for_each(&accepts)?;
            // Epochs grow from commit to commit, so a run that another start has passed is not used.
            let run = match run.filter(|run| found.as_ref().is_none_or(|found| found.run < *run)) {
                Some(run) => run,
                None => *run.insert(take_run(store, found.as_ref().map_or(0, |found| found.run))?),
            };
            store.rely_on(&paths::run(run));
            let opening = opening(found.as_ref(), number + 1, run, clock.now_us());
            if !claim(store, &opening)? {
                continue;
            }
            // They were there before the manifests were read, so no newer writer has decided their roll.
            for path in undecided {
                tracing::warn!(%path, "removed: no manifest that can be read decided this roll");
                store.delete(&path)?;
            }
            let (newest, found) = match damage {
                None => (opening, found),
                Some(_) => match go_back(store, &opening)? {
                    Some((back, whole)) => {
                        commits = whole;
                        (back.clone(), Some(back))
                    }
                    None => continue,
                },
            };
            commits.push(Commit::of(&newest));
            let log = Log { run, newest, unrolled: commits };
            log.sweep(store)?;
            log.sweep_state(store, None)?;
            return Ok((log, found));
        }
        Err(Error::unavailable(format!("other writers keep committing to {}", store.name()))
            .hint("stop the other processes that use this data directory"))
    }

    /// The newest manifest, for those who only look: nothing is claimed. None: the store is empty.
    pub fn peek(store: &Store) -> Result<Option<Manifest>> {
        match newest(store)? {
            Some(newest) if newest.tells_of() + 1 < newest.number => Ok(newest_readable(store)?.1),
            newest => Ok(newest),
        }
    }

    /// The commit of a number, for those who only look. `Data` if it is missing: swept, perhaps.
    pub(super) fn commit(store: &Store, number: u64) -> Result<Commit> {
        Ok(Commit::of(&fallback::read_manifest(store, number)?))
    }

    /// The number of the newest manifest, whether it can be read or not; 0: there is none.
    pub fn newest_number(store: &Store) -> Result<u64> {
        highest(store)
    }

    /// Whether there is a newer manifest than this one.
    pub(super) fn is_continued(store: &Store, newest: &Manifest) -> Result<bool> {
        Ok(Log::peek(store)?.is_some_and(|now| now.number > newest.number))
    }

    /// A log that is never written.
    pub fn unwritten() -> Log {
        Log { run: 1, newest: opening(None, 1, 1, 0), unrolled: vec![] }
    }

    /// Creates the next manifest; its segment must exist by then. Can be called again with the same manifest after
    /// `Unavailable`. `Fenced` if another run has taken the number, or has gone on and swept it.
    pub fn append(&mut self, store: &Store, next: &Manifest) -> Result<()> {
        if create_manifest(store, next)? == Created::Exists {
            let path = paths::manifest(next.number);
            let there: Manifest = manifest::decode(&path, &store.read(&path)?)?;
            if there.run != self.run {
                return Err(fenced(store, there.run));
            }
            if there != *next {
                return Err(Error::internal(format!("{path} exists with other contents of this run")));
            }
        }
        self.check_not_passed(store, next.number)?;
        self.unrolled.push(Commit::of(next));
        self.unrolled.retain(|commit| commit.number > next.roller.rolled_to);
        self.newest = next.clone();
        Ok(())
    }

    /// The commits of a range, or an error: the log holds them until their roll is marked done.
    pub fn commits(&self, range: CommitRange) -> Result<Vec<Commit>> {
        let inside = |commit: &&Commit| (range.from..=range.to).contains(&commit.number);
        let commits: Vec<Commit> = self.unrolled.iter().filter(inside).cloned().collect();
        let wanted = (range.from..=range.to).filter(|number| !self.newest.is_voided(*number)).count();
        if commits.len() != wanted {
            return Err(Error::internal(format!("commits {} to {} are not in the log", range.from, range.to)));
        }
        Ok(commits)
    }

    /// Fenced if another run has continued the log.
    pub fn check_not_fenced(&self, store: &Store) -> Result<()> {
        self.check_not_passed(store, self.newest.number)
    }

    /// Fenced if another run has written a later manifest than this number. Runs have no gaps, so that one read tells
    /// whether there is another at all.
    fn check_not_passed(&self, store: &Store, number: u64) -> Result<()> {
        match store.read(&paths::run(self.run + 1)) {
            Err(e) if e.kind == ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        match newest(store)? {
            Some(newest) if newest.number > number && newest.run != self.run => Err(fenced(store, newest.run)),
            _ => Ok(()),
        }
    }

    /// Deletes what no reader and no recovery needs: rolled segments, their manifests but the last (a start may go back to
    /// it), and segments that no manifest names. Those of voided commits stay until the next roll: Kafka may not have
    /// their messages any more. Only numbers up to the newest manifest are touched: what lies beyond may belong to a newer
    /// writer.
    pub fn sweep(&self, store: &Store) -> Result<()> {
        let rolled_to = self.newest.roller.rolled_to;
        let kept: BTreeSet<&str> = self.unrolled.iter().filter_map(|c| c.segment.as_ref()).map(|s| &*s.path).collect();
        for path in store.list_flat(&paths::log())? {
            let gone = match paths::log_object(&path) {
                Some(LogObject::Segment(number)) => {
                    let stays = number > rolled_to && self.newest.is_voided(number);
                    number <= self.newest.number && !stays && !kept.contains(path.as_ref())
                }
                Some(LogObject::Manifest(number)) => number < rolled_to,
                None => false,
            };
            if gone {
                store.delete(&path)?;
            }
        }
        Ok(())
    }

    /// Deletes state files that no manifest names any more, but for one that is written and not named yet.
    pub fn sweep_state(&self, store: &Store, written: Option<&str>) -> Result<()> {
        let files = self.newest.state.iter().flat_map(|state| &state.files);
        let kept: BTreeSet<&str> = files.map(|file| &*file.file.path).collect();
        for path in store.list_flat(&paths::states())? {
            let old = match paths::log_object(&path) {
                Some(LogObject::Segment(number)) => number <= self.newest.number,
                _ => false,
            };
            let is_written = written.is_some_and(|written| path.as_ref().starts_with(written));
            if old && !is_written && !kept.contains(path.as_ref()) {
                store.delete(&path)?;
            }
        }
        Ok(())
    }
}

/// Who wrote into a backup would spoil it, and one that is not wholly restored has holes.
fn check_no_backup(store: &Store) -> Result<()> {
    let marks = store.list_flat(&paths::backups())?;
    let name = store.name();
    if marks.contains(&paths::restoring()) {
        let hint = "run the same rebateflow restore again, which goes on where it ended";
        return Err(Error::refused(format!("{name} is not wholly restored")).hint(hint));
    }
    match marks.is_empty() {
        true => Ok(()),
        false => Err(Error::refused(format!("{name} is a backup"))
            .hint(format!("copy it first: rebateflow restore {name} --data NEW"))),
    }
}

fn fenced(store: &Store, run: u32) -> Error {
    Error::new(ErrorKind::Fenced, format!("another process (run {run}) has taken over {}", store.name()))
        .hint("only one process writes to a data directory; give this one its own with --data")
}

fn create_manifest(store: &Store, manifest: &Manifest) -> Result<Created> {
    store.create(&paths::manifest(manifest.number), Bytes::from(manifest::encode(manifest)?))
}

/// Creates the next manifest and tells whether it is the newest one: a number is free again when another writer has gone
/// on, rolled and swept meanwhile.
fn claim(store: &Store, next: &Manifest) -> Result<bool> {
    Ok(create_manifest(store, next)? == Created::New && highest(store)? == next.number)
}

/// After the claim of a damaged log: the manifest that goes back, and the whole commits before it. None: another writer was
/// faster.
fn go_back(store: &Store, claimed: &Manifest) -> Result<Option<(Manifest, Vec<Commit>)>> {
    let Chain { highest, base, commits, damage, .. } = fallback::find(store)?;
    // A manifest that could not be read may be there again.
    let is_ours = highest == claimed.number && base.is_some_and(|base| base.number == claimed.number);
    let Some(damage) = damage.filter(|_| is_ours) else {
        return Ok(None);
    };
    let back = damage.fall_back(store, claimed)?;
    Ok(claim(store, &back)?.then_some((back, commits)))
}

/// The numbers of all manifests, in order. A directory is not listed at one moment: while all that was there is swept, a
/// listing may miss that and what was created since. So two in a row must agree; a sweep deletes older manifests first, so
/// the second does not find what the first was too late for.
fn numbers(store: &Store) -> Result<Vec<u64>> {
    let mut before = None;
    for _ in 0..2 * OPEN_ATTEMPTS_MAX {
        let number = |path| match paths::log_object(path) {
            Some(LogObject::Manifest(number)) => Some(number),
            _ => None,
        };
        let listed: Vec<u64> = store.list_flat(&paths::log())?.iter().filter_map(number).collect();
        let newest = listed.last().copied();
        if before.replace(newest) == Some(newest) {
            return Ok(listed);
        }
    }
    Err(faster(store))
}

fn faster(store: &Store) -> Error {
    Error::unavailable(format!("the log in {} changes faster than it can be read", store.name()))
}

fn highest(store: &Store) -> Result<u64> {
    Ok(numbers(store)?.last().copied().unwrap_or(0))
}

/// The newest manifest. Another writer may delete manifests meanwhile, but never the newest.
fn newest(store: &Store) -> Result<Option<Manifest>> {
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let Some(number) = numbers(store)?.last().copied() else {
            return Ok(None);
        };
        let path = paths::manifest(number);
        match store.read(&path) {
            Ok(bytes) => return manifest::decode(&path, &bytes).map(Some),
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Err(faster(store))
}

/// The greatest number of a manifest (0: there is none), and of those that can be read the one that tells of the newest
/// commit. Claims behind it are of starts that could not read it: they know less.
pub(super) fn newest_readable(store: &Store) -> Result<(u64, Option<Manifest>)> {
    let numbers = numbers(store)?;
    let mut found: Option<Manifest> = None;
    for number in numbers.iter().rev() {
        let known = found.as_ref().map_or(0, Manifest::tells_of);
        if *number <= known {
            break;
        }
        match fallback::read_manifest(store, *number) {
            Err(error) if error.kind == ErrorKind::Data => {}
            manifest => found = Some(manifest?).filter(|there| found.is_none() || there.tells_of() > known).or(found),
        }
    }
    Ok((numbers.last().copied().unwrap_or(0), found))
}

/// A run that no process has had: above all objects of runs and, if some of these were lost, above the log's.
fn take_run(store: &Store, of_log: u32) -> Result<u32> {
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let taken = store.list_flat(&paths::runs())?.iter().filter_map(paths::run_of).max().unwrap_or(0).max(of_log);
        if store.create(&paths::run(taken + 1), Bytes::new())? == Created::New {
            return Ok(taken + 1);
        }
    }
    Err(Error::unavailable(format!("too many processes start on {} at the same moment", store.name())))
}

/// The manifest that claims the log: everything as before, under a new run.
pub(super) fn opening(before: Option<&Manifest>, number: u64, run: u32, now_us: i64) -> Manifest {
    match before {
        Some(before) => Manifest {
            format: before.format,
            number,
            run,
            continues: Some(before.tells_of()),
            epoch: 0,
            committed_at_us: now_us.max(before.committed_at_us),
            segment: None,
            ..before.clone()
        },
        None => Manifest {
            format: FORMAT,
            number,
            run,
            continues: Some(0),
            epoch: 0,
            committed_at_us: now_us,
            offsets: Offsets::new(),
            sources: Sources::default(),
            as_of_us: 0,
            segment: None,
            tables: BTreeMap::<String, TableForm>::new(),
            views: BTreeMap::<String, ViewForm>::new(),
            roller: RollerState::default(),
            delivered: None,
            state: None,
            voided: vec![],
        },
    }
}
