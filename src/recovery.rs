//! A start: the newest manifest, the event history, and the right to go on.
//!
//! `open` claims the log, which fences a writer that is still alive; `replay` then hands on every event that was ever
//! accepted. A new process continues from `offsets`, and gives the committer `end`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use crate::catalog::Table;
use crate::changes::{EventBatch, Position};
use crate::checkpoint::Offsets;
use crate::clock::Clock;
use crate::error::{ErrorKind, Result};
use crate::history::{
    Epochs, HistoryPin, HistoryReader, HistorySettings, Log, LogEnd, Manifest, RollRecord, StateForm, Store, TableForm,
    ViewForm, ViewIdentity, check_retention, keep_files, read_events, read_state, remove_orphans, rolls,
};
use crate::state::SavedTable;

/// What a start opens.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    pub store: &'a Store,
    pub tables: &'a [Arc<Table>],
    /// The views that are kept (`history = 'changes'`).
    pub views: &'a [ViewIdentity],
    pub clock: &'a Clock,
    pub settings: HistorySettings,
    /// Claim the log only if this commit is the newest one still; None: whatever is there.
    pub newest: Option<u64>,
}

/// What a start found, and where it goes on.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The number of this start, from 1.
    pub run: u32,
    /// The newest manifest before this start; None: nothing was stored.
    pub manifest: Option<Manifest>,
    /// The next offset to read in each partition; one that is not named was never read.
    pub offsets: Offsets,
    /// The generation under which changes of each kept view are to be added.
    pub generations: BTreeMap<Arc<str>, u32>,
    /// The kept views that begin a generation: the first epoch added must hold their full contents as inserts.
    pub rebuilt: BTreeSet<Arc<str>>,
    /// Where the committer goes on.
    pub end: LogEnd,
    store: Store,
    tables: Vec<Arc<Table>>,
    rolled: Arc<Vec<RollRecord>>,
}

/// What a replay handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    pub rows: u64,
    pub batches: u64,
}

/// Opens the storage for writing. `Refused` if a table has changed in a way that stored events cannot follow, `Data`
/// that names the object if one is missing or damaged. With the history switched off nothing is read or written.
pub fn open(opening: Opening<'_>) -> Result<Recovered> {
    let Opening { store, tables, clock, settings, newest, .. } = opening;
    let current = forms(tables);
    let accepts = |manifest: &Manifest| accepts(manifest, &current);
    let (log, manifest) =
        if settings.enabled { Log::open(store, clock, newest, accepts)? } else { (Log::unwritten(), None) };
    let mut rolled = if settings.enabled { rolls(store, 0, log.newest.roller.rolled_to)? } else { vec![] };
    keep_files(&mut rolled, &log.newest.roller.dropped);
    if settings.enabled
        && let Err(error) = remove_orphans(store, &rolled)
    {
        tracing::warn!(%error, "what nobody needs is not removed");
    }
    Ok(Recovered::new(opening, log, manifest, Arc::new(rolled)))
}

/// What a start would find now, for those who only follow: nothing is claimed, and files may be merged or rolled away
/// while they are read (`Data`). None: nothing is stored.
pub fn look(opening: Opening<'_>, reader: &HistoryReader) -> Result<Option<Recovered>> {
    let Some(pin) = reader.pin()? else {
        return Ok(None);
    };
    accepts(pin.manifest(), &forms(opening.tables))?;
    let log = Log { run: 0, newest: pin.manifest().clone(), unrolled: pin.unrolled().to_vec() };
    let manifest = Some(pin.manifest().clone());
    Ok(Some(Recovered::new(opening, log, manifest, pin.rolled().clone())))
}

/// Whether a writer may have deleted what this manifest names: there is a newer one, which has rolled on or names other
/// state files.
pub fn is_overtaken(store: &Store, manifest: &Manifest) -> Result<bool> {
    let Some(newest) = Log::peek(store)? else { return Ok(false) };
    let state_files = |manifest: &Manifest| -> BTreeSet<String> {
        manifest.state.iter().flat_map(|state| &state.files).map(|file| file.file.path.clone()).collect()
    };
    let rolled_on = newest.roller.rolled_to > manifest.roller.rolled_to;
    Ok(rolled_on || !state_files(manifest).is_subset(&state_files(&newest)))
}

/// The kept views that a start with these tables and views would begin anew, without starting; None: nothing is
/// stored. `Refused` as `open`.
pub fn would_rebuild(
    store: &Store,
    tables: &[Arc<Table>],
    views: &[ViewIdentity],
) -> Result<Option<BTreeSet<Arc<str>>>> {
    let Some(manifest) = Log::peek(store)? else {
        return Ok(None);
    };
    accepts(&manifest, &forms(tables))?;
    Ok(Some(next_views(&manifest.views, views).1))
}

fn forms(tables: &[Arc<Table>]) -> BTreeMap<String, TableForm> {
    tables.iter().map(|table| (table.name.clone(), TableForm::of(table))).collect()
}

/// Whether the stored events of every table can be read as the table is now.
fn accepts(manifest: &Manifest, current: &BTreeMap<String, TableForm>) -> Result<()> {
    check_retention(&manifest.roller, current)?;
    let mut stored = manifest.tables.iter().filter_map(|(name, stored)| Some((name, current.get(name)?, stored)));
    stored.try_for_each(|(name, now, stored)| now.reads(stored, name))
}

/// The views as the next commit names them, and those that begin a generation: new ones, changed ones, and ones that
/// were gone in between. A view that is gone now keeps its number, so that it is never used again.
fn next_views(
    before: &BTreeMap<String, ViewForm>,
    views: &[ViewIdentity],
) -> (BTreeMap<String, ViewForm>, BTreeSet<Arc<str>>) {
    let mut next: BTreeMap<String, ViewForm> = before.clone();
    next.values_mut().for_each(|view| view.live = false);
    let mut rebuilt = BTreeSet::new();
    for ViewIdentity { name, fingerprint, sql } in views {
        let same = before.get(name).filter(|view| view.live && view.fingerprint == *fingerprint);
        let generation = match same {
            Some(view) => view.generation,
            None => {
                rebuilt.insert(name.as_str().into());
                before.get(name).map_or(0, |view| view.generation) + 1
            }
        };
        let lives = before.get(name).map_or(vec![], |view| view.lives.clone());
        let view = ViewForm { fingerprint: fingerprint.clone(), generation, sql: sql.clone(), live: true, lives };
        next.insert(name.clone(), view);
    }
    (next, rebuilt)
}

impl Recovered {
    fn new(opening: Opening<'_>, log: Log, manifest: Option<Manifest>, rolled: Arc<Vec<RollRecord>>) -> Recovered {
        let mut tables = log.newest.tables.clone();
        tables.extend(forms(opening.tables));
        let (views, rebuilt) = next_views(&log.newest.views, opening.views);
        let live = views.iter().filter(|(_, view)| view.live);
        Recovered {
            run: log.run,
            manifest,
            offsets: log.newest.offsets.clone(),
            generations: live.map(|(name, view)| (name.as_str().into(), view.generation)).collect(),
            rebuilt,
            end: LogEnd { log, tables, views },
            store: opening.store.clone(),
            tables: opening.tables.to_vec(),
            rolled,
        }
    }

    /// The state to go on from, if there is some that this version can use.
    pub fn state(&self) -> Option<&StateForm> {
        self.manifest.as_ref()?.state.as_ref().filter(|state| state.is_usable())
    }

    /// The dead letters of which a replay was accepted. To be called before the first commit of this run, as `replay`.
    pub fn replayed(&self) -> Result<BTreeSet<Position>> {
        HistoryPin::of(&self.store, &self.end.log, self.rolled.clone()).replayed()
    }

    /// The saved tables of that state. Those whose files are missing or damaged are left out: they are computed from
    /// events. `doubt` decides whether one that cannot be used ends the call with its error.
    pub fn saved_tables(&self, mut doubt: impl FnMut() -> bool) -> Result<Vec<(SavedTable, Vec<RecordBatch>)>> {
        let mut tables = vec![];
        for (table, rows) in self.state().into_iter().flat_map(|state| read_state(&self.store, state)) {
            match rows {
                Ok(rows) => tables.push((table, rows)),
                Err(error) if error.kind == ErrorKind::Data && !doubt() => {
                    tracing::warn!(%error, "saved state cannot be used; it is computed from the event history");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(tables)
    }

    /// Hands on the events of these epochs and tables up to the newest manifest, table by table, in the order in which
    /// they were committed, in batches of at most 65,536 rows. To be called before the first commit of this run: later
    /// the segments may be rolled away.
    pub fn replay(
        &self,
        wanted: impl Fn(&str) -> bool,
        epochs: Epochs,
        mut emit: impl FnMut(EventBatch) -> Result<()>,
    ) -> Result<Replayed> {
        let mut replayed = Replayed::default();
        for table in self.tables.iter().filter(|table| wanted(&table.name)) {
            read_events(&self.store, table, (&self.rolled, &self.end.log.unrolled, epochs), |rows| {
                replayed.rows += rows.num_rows() as u64;
                replayed.batches += 1;
                emit(EventBatch { table: table.clone(), rows })
            })?;
        }
        Ok(replayed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str, fingerprint: &str) -> ViewIdentity {
        ViewIdentity { name: name.into(), fingerprint: fingerprint.into(), sql: format!("-- {name}") }
    }

    #[test]
    fn a_changed_or_returning_view_begins_a_generation() {
        let generation = |views: &BTreeMap<String, ViewForm>, name: &str| (views[name].generation, views[name].live);
        let (first, rebuilt) = next_views(&BTreeMap::new(), &[identity("a", "1"), identity("b", "1")]);
        assert_eq!(rebuilt.len(), 2);
        let (second, rebuilt) = next_views(&first, &[identity("a", "2")]);
        assert_eq!((generation(&second, "a"), generation(&second, "b")), ((2, true), (1, false)));
        assert_eq!(rebuilt.into_iter().collect::<Vec<_>>(), ["a".into()]);
        let (third, rebuilt) = next_views(&second, &[identity("a", "2"), identity("b", "1")]);
        assert_eq!((generation(&third, "a"), generation(&third, "b")), ((2, true), (2, true)));
        assert_eq!(rebuilt.into_iter().collect::<Vec<_>>(), ["b".into()]);
    }
}
