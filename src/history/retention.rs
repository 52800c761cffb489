//! Retention: dead letters, and generations of views that have ended, are dropped after some days.
//!
//! Files go by the day in their names, all of a dataset before a day. That is decided in the manifest of a roll, as the
//! roll is: while it is executed, the Delta logs take the files out; the manifest that marks it done says that they are
//! dropped, and readers leave them out from then on. Deleted they are with the next roll, so that a reader that began
//! before can end, or by the next start, for which they are orphans. A day that has rows which are not rolled yet, and
//! all after it, are kept, so no file is written that is dropped already.
//!
//! Events are never dropped, nor changes of a generation that a view still has: views are computed from the former, and
//! a view of the past is the sum of all of the latter.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::manifest::ViewForm;
use super::paths::{self, Dataset};
use super::record::HistorySettings;
use super::roller::{RollRecord, RolledFile};
use super::store::Store;
use crate::error::Result;

const DAY_US: i64 = 86_400_000_000;

/// The files of a dataset before a day are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub dataset: Dataset,
    /// The first day that is kept, as 2026-03-01.
    pub before: String,
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
        next.push(Dropped { dataset: Dataset::DeadLetters, before });
    }
    if settings.keep_generations_days > 0 {
        let first = kept(settings.keep_generations_days);
        for (name, view) in views {
            for generation in ended(view, first) {
                let dataset = Dataset::View { name: name.clone(), generation };
                if !dropped.iter().any(|dropped| dropped.dataset == dataset) {
                    next.push(Dropped { dataset, before: first.to_string() });
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

/// Both, the later day of each dataset.
pub fn all_dropped(dropped: &[Dropped], next: &[Dropped]) -> Vec<Dropped> {
    let stays = |old: &&Dropped| !next.iter().any(|next| next.dataset == old.dataset);
    dropped.iter().filter(stays).chain(next).cloned().collect()
}

/// Whether a file of a dataset is dropped.
pub(super) fn is_dropped(dropped: &[Dropped], file: &RolledFile) -> bool {
    dropped.iter().any(|dropped| dropped.dataset == file.dataset && is_before(&file.path, &dropped.before))
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
    for Dropped { dataset, before } in dropped {
        let is_old = |path: &Path| paths::range_of(path).is_some() && is_before(path.as_ref(), before);
        for path in store.list(&dataset.folder())?.into_iter().filter(is_old) {
            tracing::info!(%path, "deleted: it is older than is to be kept");
            store.delete(&path)?;
        }
    }
    Ok(())
}
