//! What an accident does to the log, and where a start must go back to: found from the names of the damaged objects, without
//! checksums and without the product's own code.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use object_store::path::Path;
use rebateflow::checkpoint::Offsets;
use rebateflow::history::Store;
use serde_json::Value;

/// The damaged objects of the log.
#[derive(Default)]
pub struct Damaged {
    /// Those that are there.
    broken: BTreeSet<String>,
    /// What they held, and what those held that are gone, since the last start.
    originals: BTreeMap<String, Bytes>,
}

/// What the next start must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    GoOn,
    /// To the last whole commit, with these offsets.
    GoBack(Offsets),
    Refuse,
}

/// An object is gone, or a byte of every hundred is another. Gives what it held.
pub fn damage(store: &Store, path: &Path, gone: bool) -> Bytes {
    let original = store.read(path).expect("memory answers");
    store.delete(path).expect("memory answers");
    if !gone {
        let mut bytes = original.to_vec();
        bytes.iter_mut().step_by(100).for_each(|byte| *byte = byte.wrapping_add(1));
        store.create(path, bytes).expect("memory answers");
    }
    original
}

/// Damages a state file. Gives its name, and says what happened; None: there is none.
pub fn state(store: &Store, random: &mut fastrand::Rng) -> Option<(String, String)> {
    let files = list(store, "state");
    let path = files.get(random.usize(0..files.len().max(1)))?;
    let gone = random.bool();
    damage(store, path, gone);
    Some((path.to_string(), said(path, gone)))
}

/// Whether a start says that it gives commits up; else no segment was needed.
pub fn gives_up(said: &str) -> bool {
    let gives_up = said.contains("their messages are read again from the offsets of commit");
    assert!(gives_up || said.contains("its rows are in Parquet files already"), "the damage is not said: {said}");
    gives_up
}

fn said(path: &Path, gone: bool) -> String {
    format!("{path} is {}", if gone { "gone" } else { "damaged" })
}

fn list(store: &Store, folder: &str) -> Vec<Path> {
    store.list(&Path::from(folder)).expect("memory answers")
}

fn number(path: &Path) -> Option<u64> {
    let name = path.as_ref().strip_prefix("log/")?;
    name.strip_suffix(".json")?.parse().ok()
}

/// The commits that the name of a rolled file or of a record says.
fn range(path: &Path) -> Option<(u64, u64)> {
    let (from, to) = path.filename()?.split_once('.')?.0.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// The commit that a manifest tells of: its own, or that after which it claims the log.
fn tells_of(manifest: &Value) -> u64 {
    manifest["continues"].as_u64().or(manifest["number"].as_u64()).expect("a number")
}

impl Damaged {
    /// Damages some segments and manifests. Says which.
    pub fn damage(&mut self, store: &Store, random: &mut fastrand::Rng) -> Vec<String> {
        let count = if random.u32(0..3) == 0 { 2 } else { 1 };
        (0..count).filter_map(|_| self.damage_one(store, random)).collect()
    }

    /// A segment or a manifest, often the newest.
    fn damage_one(&mut self, store: &Store, random: &mut fastrand::Rng) -> Option<String> {
        let mut objects = store.list_flat(&Path::from("log")).expect("memory answers");
        objects.retain(|path| number(path).is_some() || path.as_ref().ends_with(".seg"));
        let newest = objects.iter().filter_map(|path| Some((number(path)?, path))).max()?.1.clone();
        let path = if random.bool() { newest } else { objects[random.usize(0..objects.len())].clone() };
        let gone = random.bool();
        let original = damage(store, &path, gone);
        // One that was damaged before the last start has no copy any more.
        if !self.broken.contains(path.as_ref()) {
            self.originals.entry(path.to_string()).or_insert(original);
        }
        match gone {
            true => self.broken.remove(path.as_ref()),
            false => self.broken.insert(path.to_string()),
        };
        Some(said(&path, gone))
    }

    /// Puts everything back, as from a copy.
    pub fn restore(&mut self, store: &Store) {
        for (path, original) in std::mem::take(&mut self.originals) {
            let object = Path::from(path.as_str());
            if self.broken.remove(&path) {
                store.delete(&object).expect("memory answers");
            }
            // The number of a newest manifest that is gone may be that of another commit now.
            store.create(&object, original).expect("memory answers");
        }
    }

    /// Something was damaged since the last start.
    pub fn is_new(&self) -> bool {
        !self.originals.is_empty()
    }

    /// A start has gone on: what was damaged before is of no account any more.
    pub fn forget(&mut self) {
        self.originals.clear();
    }

    fn manifest(&self, store: &Store, number: u64) -> Option<Value> {
        let path = format!("log/{number:012}.json");
        let bytes = store.read(&Path::from(path.as_str())).ok().filter(|_| !self.broken.contains(&path))?;
        Some(serde_json::from_slice(&bytes).expect("JSON"))
    }

    fn is_whole(&self, store: &Store, number: u64) -> bool {
        let Some(manifest) = self.manifest(store, number) else { return false };
        let segment = manifest["segment"]["path"].as_str();
        segment.is_none_or(|path| store.read(&Path::from(path)).is_ok() && !self.broken.contains(path))
    }

    /// The claim of a start that could not read the commit before it, or a commit of an earlier run than that before it.
    fn does_not_follow(&self, store: &Store, number: u64, before: u64) -> bool {
        let (Some(this), before_it) = (self.manifest(store, number), self.manifest(store, before)) else {
            return false;
        };
        let known = before_it.as_ref().map_or(before, tells_of);
        tells_of(&this) < known || before_it.is_some_and(|before| before["run"].as_u64() > this["run"].as_u64())
    }

    pub fn expected(&self, store: &Store) -> Expected {
        let mut published: BTreeSet<(u64, u64)> = list(store, "log/rolls").iter().filter_map(range).collect();
        let numbers: BTreeSet<u64> = list(store, "log").iter().filter_map(number).collect();
        let mut highest =
            numbers.last().copied().unwrap_or(0).max(published.iter().map(|range| range.1).max().unwrap_or(0));
        for path in ["events", "views", "dead_letters", "replays"].iter().flat_map(|folder| list(store, folder)) {
            if path.as_ref().ends_with(".parquet") {
                highest = highest.max(range(&path).expect("a file of a roll").1);
            } else {
                let entry = store.read(&path).expect("memory answers");
                let text = String::from_utf8_lossy(&entry).into_owned();
                let (_, commits) = text.split_once("rebateflow.commits\":\"").expect("an entry of ours");
                let (from, to) = commits.split_once('"').unwrap().0.split_once('-').unwrap();
                published.insert((from.parse().unwrap(), to.parse().unwrap()));
            }
        }
        let readable = numbers.iter().filter_map(|number| self.manifest(store, *number));
        let base =
            readable.max_by_key(|manifest| (tells_of(manifest), manifest["number"].as_u64())).unwrap_or(Value::Null);
        let pair = |range: &Value| Some((range["from"].as_u64()?, range["to"].as_u64()?));
        let voided: Vec<_> = base["voided"].as_array().into_iter().flatten().filter_map(pair).collect();
        let is_voided = |number: u64| voided.iter().any(|(from, to)| (*from..=*to).contains(&number));
        let bad = |from: u64| {
            let mut before = from;
            (from + 1..=highest).filter(|number| !is_voided(*number)).find(|number| {
                let before = std::mem::replace(&mut before, *number);
                !self.is_whole(store, *number) || self.does_not_follow(store, *number, before)
            })
        };
        let rolled_to = base["roller"]["rolled_to"].as_u64().unwrap_or(0);
        let decided = pair(&base["roller"]["rolling"]);
        // A roll that is done, and that no readable manifest decided: what was decided with it is not known.
        if published.iter().any(|range| range.1 > rolled_to && Some(*range) != decided) {
            return Expected::Refuse;
        }
        let mut start = rolled_to;
        let Some(mut first_bad) = bad(start) else { return Expected::GoOn };
        let rolling = decided.filter(|range| first_bad <= range.1 && published.contains(range));
        if let Some((_, to)) = rolling {
            start = to;
            first_bad = bad(start).unwrap_or(highest + 1);
        }
        let whole = (start..first_bad).rev().find(|number| *number == start || !is_voided(*number)).unwrap_or(start);
        if published.iter().any(|range| range.1 > whole) {
            return Expected::Refuse;
        }
        match self.manifest(store, whole) {
            Some(manifest) => Expected::GoBack(serde_json::from_value(manifest["offsets"].clone()).expect("offsets")),
            None if whole == 0 => Expected::GoBack(Offsets::new()),
            None => Expected::Refuse,
        }
    }
}
