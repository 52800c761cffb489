//! How far a sweep is: create-only objects `collect/<name>/<sweep>/<n>.json` in the data directory, the greatest counts.
//!
//! Two collectors of one network would each ask everything; the second one finds its number taken and stops.

use bytes::Bytes;
use object_store::path::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::history::{Created, Store};

/// What is done. Times are microseconds since 1970-01-01 UTC.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Done {
    /// Everything before is read.
    pub until_us: Option<i64>,
    /// A round that is not at its end.
    pub round: Option<Round>,
    /// The window that the last answers allowed.
    pub window_us: Option<i64>,
}

/// What is left of a round.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Round {
    pub next_us: i64,
    pub end_us: i64,
}

/// A stored cursor: of a sweep, or of a file.
pub(super) struct Cursor<T> {
    store: Store,
    folder: Path,
    number: u64,
    pub done: T,
}

impl<T: Default + DeserializeOwned + Serialize> Cursor<T> {
    /// Loads the newest, or begins.
    pub fn load(store: &Store, name: &str, sweep: &str) -> Result<Cursor<T>> {
        let folder = Path::from_iter(["collect", name, sweep]);
        store.remove_half_written(&folder)?;
        let listed = store.list_flat(&folder)?;
        let mut numbers: Vec<u64> = listed.iter().filter_map(number).collect();
        numbers.sort_unstable();
        let Some(newest) = numbers.pop() else {
            return Ok(Cursor { store: store.clone(), folder, number: 0, done: T::default() });
        };
        let path = path(&folder, newest);
        let done = serde_json::from_slice(&store.read(&path)?).map_err(|e| {
            Error::data(format!("{path} in {} cannot be read", store.name()))
                .hint("delete it: the sweep begins as at its first start")
                .caused_by(e)
        })?;
        // A crash left them behind.
        numbers.into_iter().try_for_each(|old| store.delete(&self::path(&folder, old)))?;
        Ok(Cursor { store: store.clone(), folder, number: newest, done })
    }

    /// Makes it durable.
    ///
    /// Errors: `Fenced` when another process has moved it.
    pub fn save(&mut self, done: T) -> Result<()> {
        let next = path(&self.folder, self.number + 1);
        let text = serde_json::to_vec(&done).map_err(|e| Error::internal("a cursor is not JSON").caused_by(e))?;
        let bytes = Bytes::from(text);
        if self.store.create(&next, bytes.clone())? == Created::Exists {
            let other = match self.store.read(&next) {
                // An attempt before, of which we did not hear.
                Ok(found) if found == bytes => None,
                Ok(_) => Some(Error::new(ErrorKind::Fenced, format!("another process collects {}", self.folder))),
                Err(error) if error.kind == ErrorKind::NotFound => {
                    Some(Error::new(ErrorKind::Fenced, format!("another process collects {}", self.folder)))
                }
                Err(error) => Some(error),
            };
            if let Some(error) = other {
                return Err(error);
            }
        }
        self.number += 1;
        self.done = done;
        if self.number > 1 {
            self.store.delete(&path(&self.folder, self.number - 1))?;
        }
        Ok(())
    }
}

fn path(folder: &Path, number: u64) -> Path {
    Path::from_iter(folder.parts().map(|part| part.as_ref().to_string()).chain([format!("{number:020}.json")]))
}

fn number(path: &Path) -> Option<u64> {
    path.filename()?.strip_suffix(".json")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_counts_and_a_second_collector_is_told() {
        let store = Store::open("memory://").expect("a store");
        let mut first = Cursor::<Done>::load(&store, "tbk", "updated").expect("new");
        assert_eq!(first.done, Done::default());
        let done = |us| Done { until_us: Some(us), ..Done::default() };
        first.save(done(1)).expect("saved");
        let mut second = Cursor::<Done>::load(&store, "tbk", "updated").expect("there");
        assert_eq!(second.done, done(1));
        first.save(done(2)).expect("saved");
        assert_eq!(second.save(done(3)).expect_err("taken").kind, ErrorKind::Fenced);
        // As if we had not heard of our own attempt.
        second.save(done(2)).expect("the same");
        assert_eq!(store.list(&Path::from("collect")).expect("listed").len(), 1);
        assert_eq!(Cursor::<Done>::load(&store, "tbk", "created").expect("its own").done, Done::default());
    }
}
