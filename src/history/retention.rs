//! Retention: dead letters, and generations of views that have ended, are dropped after some days; events of a table
//! with the option `retention`, when the clock has passed them.
//!
//! Files of the former go by the day in their names, all of a dataset before a day; files of events by their rolls, all
//! up to one, and only while every row of theirs is passed: by version or `_timestamp`, not by the day of the commit. So of each
//! partition the first offsets go, and no view can miss them: an event that is passed has no row, and takes none out
//! but of events before it, which are gone with it. The clock that counts is the committed one: a start goes on from it,
//! and it never goes back.
//! What is dropped is decided in the manifest of a roll, as the
//! roll is: while it is executed, the Delta logs take the files out; the manifest that marks it done says that they are
//! dropped, and readers leave them out from then on. Deleted they are with the next roll, so that a reader that began
//! before can end, or by the next start, for which they are orphans. A day that has rows which are not rolled yet, and
//! all after it, are kept, so no file is written that is dropped already.
//!
//! Changes of a generation that a view still has are never dropped: a view of the past is the sum of all of them. Nor are
//! other events: views are computed from them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::file_rows::OpenFile;
use super::manifest::{RollerState, ViewForm};
use super::paths::{self, Dataset};
use super::record::HistorySettings;
use super::roller::{RollRecord, RolledFile, rolls};
use super::store::Store;
use super::tables::TableForm;
use crate::error::{Error, Result};

const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// The files of a dataset before a day are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub dataset: Dataset,
    /// The first day that is kept, as 2026-03-01; empty where rolls are counted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// Events only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<DroppedEvents>,
}

/// Events that the clock has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedEvents {
    /// The files of the rolls up to this commit are not kept.
    pub up_to: u64,
    /// The option `retention` of the table when that was decided, in microseconds.
    pub retention_us: i64,
}

impl Dropped {
    fn has(&self, path: &str) -> bool {
        match &self.events {
            Some(events) => paths::range_of(&Path::from(path)).is_some_and(|range| range.to <= events.up_to),
            None => is_before(path, &self.before),
        }
    }
}

/// What a roll drops beyond what is dropped already. `oldest_us`: the time of the first commit that is not rolled.
pub fn next_dropped(
    settings: &HistorySettings,
    views: &BTreeMap<String, ViewForm>,
    dropped: &[Dropped],
    (now_us, oldest_us): (i64, i64),
) -> Vec<Dropped> {
    // The first day that is kept.
    let kept = |days: u32| paths::date_of((now_us - i64::from(days) * DAY_US).min(oldest_us));
    let mut next = vec![];
    if settings.keep_dead_letters_days > 0 {
        let before = kept(settings.keep_dead_letters_days).to_string();
        next.push(Dropped { dataset: Dataset::DeadLetters, before, events: None });
    }
    if settings.keep_generations_days > 0 {
        let first = kept(settings.keep_generations_days);
        for (name, view) in views {
            for generation in ended(view, first) {
                let dataset = Dataset::View { name: name.clone(), generation };
                if !dropped.iter().any(|dropped| dropped.dataset == dataset) {
                    next.push(Dropped { dataset, before: first.to_string(), events: None });
                }
            }
        }
    }
    next.retain(|next| !dropped.iter().any(|old| old.dataset == next.dataset && old.before >= next.before));
    next
}

/// The generations that ended before a day.
fn ended(view: &ViewForm, first: NaiveDate) -> impl Iterator<Item = u32> {
    let lives = view.lives.windows(2).filter(move |lives| paths::date_of(lives[1].published_at_us) < first);
    lives.filter_map(|lives| lives[0].generation)
}

/// Looks for events that the clock has passed, once a day: with the first roll of the day.
#[derive(Debug, Default)]
pub struct PassedEvents {
    looked_on: Option<NaiveDate>,
}

impl PassedEvents {
    /// What the next roll drops beside `next_dropped`. `as_of_us`: where the clock of the last commit stands.
    pub fn next(
        &mut self,
        store: &Store,
        tables: &BTreeMap<String, TableForm>,
        roller: &RollerState,
        (as_of_us, today): (i64, NaiveDate),
    ) -> Vec<Dropped> {
        if self.looked_on == Some(today) {
            return vec![];
        }
        match passed_events(store, tables, roller, as_of_us) {
            Ok(passed) => {
                self.looked_on = Some(today);
                passed
            }
            // The next roll looks again; that they are there longer changes nothing.
            Err(error) => {
                tracing::warn!(%error, "events that the clock has passed are not dropped yet");
                vec![]
            }
        }
    }
}

/// The events that no view needs when the clock stands here: of each table with `retention` the files from the first one
/// on of which every event is passed, as far as they are rolled.
///
/// Cost: the records of all rolls, and the footers of the files that go.
fn passed_events(
    store: &Store,
    tables: &BTreeMap<String, TableForm>,
    roller: &RollerState,
    as_of_us: i64,
) -> Result<Vec<Dropped>> {
    let mut passed = vec![];
    let retained = tables.iter().filter_map(|(name, table)| {
        Some((name, table.version.as_deref().unwrap_or("_timestamp"), table.retention_us?))
    });
    let retained: Vec<(&String, &str, i64)> = retained.collect();
    if retained.is_empty() || as_of_us == 0 {
        return Ok(passed);
    }
    let mut records = rolls(store, 0, roller.rolled_to)?;
    keep_files(&mut records, &roller.dropped);
    for (name, time, retention_us) in retained {
        let dataset = Dataset::Events(name.clone());
        let of_table = |record: &RollRecord| record.files.iter().find(|file| file.dataset == dataset).cloned();
        let files = records.iter().filter_map(|record| Some((record.commits.to, of_table(record)?)));
        let mut up_to = None;
        for (to, file) in files {
            if newest_event(store, &file, time)?.is_none_or(|newest| newest > as_of_us.saturating_sub(retention_us)) {
                break;
            }
            up_to = Some(to);
        }
        let events = up_to.map(|up_to| DroppedEvents { up_to, retention_us });
        passed.extend(events.map(|events| Dropped { dataset, before: String::new(), events: Some(events) }));
    }
    Ok(passed)
}

/// The greatest time in this column of a file; None: its footer does not say.
fn newest_event(store: &Store, file: &RolledFile, time: &str) -> Result<Option<i64>> {
    let file = OpenFile::open(store, file)?;
    let Some((_, newest)) = file.row_groups().bounds(time) else { return Ok(None) };
    let newest = newest.as_primitive_opt::<TimestampMicrosecondType>();
    Ok(newest.filter(|newest| newest.null_count() == 0).and_then(|newest| newest.values().iter().max().copied()))
}

/// Whether the tables can be what they are now although events were dropped. `Refused` for a table that keeps events
/// longer than they were kept: a view would hold some of them, and not the others.
pub fn check_retention(roller: &RollerState, tables: &BTreeMap<String, TableForm>) -> Result<()> {
    for dropped in roller.dropped.iter().chain(&roller.dropping) {
        let (Dataset::Events(name), Some(events)) = (&dropped.dataset, &dropped.events) else { continue };
        let Some(table) = tables.get(name) else { continue };
        if table.retention_us.is_none_or(|now| now > events.retention_us) {
            let before = match events.retention_us / HOUR_US {
                hours if hours % 24 == 0 => format!("'{} days'", hours / 24),
                hours => format!("'{hours} hours'"),
            };
            let message = format!("table {name} has changed: events older than {before} are gone already");
            return Err(Error::refused(message).hint(format!(
                "write retention = {before}, or less; to keep events longer needs a new table name or an empty \
                 data directory"
            )));
        }
    }
    Ok(())
}

/// Both, the later day of each dataset.
pub fn all_dropped(dropped: &[Dropped], next: &[Dropped]) -> Vec<Dropped> {
    let stays = |old: &&Dropped| !next.iter().any(|next| next.dataset == old.dataset);
    dropped.iter().filter(stays).chain(next).cloned().collect()
}

/// Whether a file of a dataset is dropped.
pub(super) fn is_dropped(dropped: &[Dropped], file: &RolledFile) -> bool {
    dropped.iter().any(|dropped| dropped.dataset == file.dataset && dropped.has(&file.path))
}

/// Whether the day of a file is before another one; false if it has none.
fn is_before(path: &str, day: &str) -> bool {
    let date = path.split('/').find_map(|part| part.strip_prefix("_date="));
    date.is_some_and(|date| date < day)
}

/// Takes what is dropped out of the records.
pub fn keep_files(records: &mut [RollRecord], dropped: &[Dropped]) {
    for record in records.iter_mut().filter(|_| !dropped.is_empty()) {
        record.files.retain(|file| !is_dropped(dropped, file));
    }
}

/// Deletes the files that are dropped.
pub fn delete_dropped(store: &Store, dropped: &[Dropped]) -> Result<()> {
    for dropped in dropped {
        let is_old = |path: &Path| path.extension() == Some("parquet") && dropped.has(path.as_ref());
        for path in store.list(&dropped.dataset.folder())?.into_iter().filter(is_old) {
            tracing::info!(%path, "deleted: it is older than is to be kept");
            store.delete(&path)?;
        }
    }
    Ok(())
}
