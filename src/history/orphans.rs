//! What nobody needs is removed at a start: half-written objects, and Parquet files that no commit knows.
//!
//! A file is an orphan when its name says that it is of rolled commits, and the record of their roll does not name it.
//! A roll that is decided and not done is done again under the same names, so its files lie beyond the rolled commits and
//! are left alone; so are those of a newer writer, and every file whose name is not of a roll. Records never change:
//! what was committed is never touched, even by a start that is itself replaced meanwhile.
//!
//! Cost: one listing of the files.

use std::collections::BTreeSet;

use object_store::path::Path;

use super::paths;
use super::roller::RollRecord;
use super::store::Store;
use crate::error::Result;

/// Removes the orphans; `rolled` are the records of all rolls up to a commit. Answers how many there were.
pub fn remove_orphans(store: &Store, rolled: &[RollRecord]) -> Result<usize> {
    let rolled_to = rolled.last().map_or(0, |record| record.commits.to);
    let known: BTreeSet<&str> = rolled.iter().flat_map(|record| &record.files).map(|file| &*file.path).collect();
    let mut removed = 0;
    for folder in [paths::log(), paths::runs(), paths::states()] {
        removed += store.remove_half_written(&folder)?;
    }
    for folder in paths::datasets() {
        removed += store.remove_half_written(&folder)?;
        for path in store.list(&folder)? {
            if is_rolled(&path, rolled_to) && !known.contains(path.as_ref()) {
                tracing::warn!(%path, "removed: no commit knows this file");
                store.delete(&path)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// Whether this is the name of a Parquet file of a roll that is done.
fn is_rolled(path: &Path, rolled_to: u64) -> bool {
    let range = paths::range_of(path).filter(|range| range.to <= rolled_to);
    range.is_some_and(|range| path.filename() == Some(&*paths::rolled_file(range)))
}
