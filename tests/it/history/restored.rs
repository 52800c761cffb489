//! Damaged files of the log that come back from a copy, after starts that could not read them. Such a start claims the log
//! and may die before it gives up what it could not read.
//!
//! `REBATEFLOW_RESTORED_SEED` is the first seed of the random lives, `REBATEFLOW_RESTORED_CASES` their number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use rebateflow::error::ErrorKind;
use rebateflow::history::{Created, HistoryReader, HistorySettings, Store};

use super::fallback::{END, commit, names, newest, next, read, start, three_commits, voided};
use super::faulty::{Fault, FaultyStore};
use super::world::{Files, Process, accepted, assert_exactly, orders, settings};
use crate::simulation::damage::damage;
use crate::simulation::said::warnings;

fn memory() -> (Arc<InMemory>, Store) {
    let objects = Arc::new(InMemory::new());
    let store = Store::over(objects.clone(), "memory");
    (objects, store)
}

fn manifest(number: u64) -> Path {
    Path::from(format!("log/{number:012}.json"))
}

fn segment(number: u64) -> Path {
    Path::from(format!("log/{number:012}-000001.seg"))
}

fn damage_manifests(store: &Store, numbers: &[u64]) -> Vec<(Path, Bytes)> {
    numbers.iter().map(|number| (manifest(*number), damage(store, &manifest(*number), false))).collect()
}

fn put_back(store: &Store, originals: Vec<(Path, Bytes)>) {
    for (path, original) in originals {
        store.delete(&path).unwrap();
        store.create(&path, original).unwrap();
    }
}

/// A start that dies before or after it writes this manifest.
fn start_that_dies(objects: &Arc<InMemory>, fault: Fault, number: u64) {
    let faulty = Arc::new(FaultyStore::new(objects.clone(), fault, 0));
    faulty.arm_at(fault, 0, move |written| *written == manifest(number));
    let died = Process::start(&Store::over(faulty.clone() as Arc<dyn ObjectStore>, "memory"));
    assert!(faulty.is_dead(), "{:?}", died.err());
    assert_eq!(died.err().unwrap().kind, ErrorKind::Unavailable);
}

/// The next commit decides to roll these and the opening.
fn two_commits_and_a_day(process: &mut Process) {
    (0..2).for_each(|_| commit(process));
    process.clock.set(process.clock.now_us() + 86_400_000_000);
}

fn assert_goes_on(store: &Store, offset: i64) -> Process {
    let mut process = start(store);
    assert_eq!(next(&process.offsets), vec![Some(offset); 2]);
    process.run_to(END).unwrap();
    Files::assert_complete(store, END);
    process
}

#[test]
fn claims_of_who_could_not_read_a_commit_are_what_is_given_up() {
    for damaged in [&[4][..], &[3, 4], &[1, 2, 3, 4]] {
        let (objects, store) = memory();
        drop(three_commits(&store));
        let originals = damage_manifests(&store, damaged);
        start_that_dies(&objects, Fault::Death, 6);
        start_that_dies(&objects, Fault::Death, 7);
        put_back(&store, originals);
        start_that_dies(&objects, Fault::Death, 8);
        let (mut process, said) = warnings(|| start(&store));
        let given_up = "log/000000000005.json is of a start that could not read commit 4: commits 5 to 8 are given up";
        assert!(said.contains(given_up), "{damaged:?}: {said}");
        assert_eq!((next(&process.offsets), voided(&store)), (vec![Some(15); 2], vec![(5, 8)]), "{damaged:?}");
        process.run_to(END).unwrap();
        Files::assert_complete(&store, END);
    }
}

/// What was given up before counts, too: it is the restored manifest that says so, and not the claim.
#[test]
fn a_restored_manifest_that_went_back_says_what_was_given_up() {
    let (objects, store) = memory();
    drop(three_commits(&store));
    let lost = (segment(3), damage(&store, &segment(3), true));
    drop(start(&store));
    assert_eq!(voided(&store), [(3, 5)]);
    let mut originals = damage_manifests(&store, &[6]);
    start_that_dies(&objects, Fault::Death, 8);
    start_that_dies(&objects, Fault::Death, 9);
    originals.push(lost);
    put_back(&store, originals);
    assert_goes_on(&store, 5);
    assert_eq!(newest(&store).voided.iter().map(|range| range.from).collect::<Vec<_>>(), [3, 7]);
}

/// The same, and it comes back just before the start claims the log.
#[test]
fn a_manifest_that_comes_back_during_a_start_is_seen() {
    let (objects, store) = memory();
    drop(three_commits(&store));
    let lost = (segment(3), damage(&store, &segment(3), true));
    drop(start(&store));
    let mut originals = damage_manifests(&store, &[6]);
    originals.push(lost);
    let faulty = Arc::new(FaultyStore::new(objects, Fault::Intrusion, 0));
    faulty.arm_at(Fault::Intrusion, 0, |path| *path == manifest(7));
    let theirs = store.clone();
    faulty.let_in(move || put_back(&theirs, originals));
    drop(start(&Store::over(faulty.clone() as Arc<dyn ObjectStore>, "memory")));
    assert!(faulty.has_struck());
    assert_eq!(voided(&store), [(3, 5), (7, 8)]);
    assert_goes_on(&store, 5);
}

#[test]
fn commits_of_a_start_that_went_back_are_not_given_up_when_they_are_restored() {
    let (objects, store) = memory();
    drop(three_commits(&store));
    let mut originals = damage_manifests(&store, &[4]);
    let mut process = start(&store);
    (0..2).for_each(|_| commit(&mut process));
    drop(process);
    originals.extend(damage_manifests(&store, &[6, 7, 8]));
    start_that_dies(&objects, Fault::Death, 10);
    put_back(&store, originals);
    assert_goes_on(&store, 20);
}

/// A writer that was slow ends a roll beside the claim. The manifest that decided it comes back.
#[test]
fn a_roll_that_a_restored_manifest_decided_is_done() {
    let (objects, store) = memory();
    let mut process = start(&store);
    two_commits_and_a_day(&mut process);
    commit(&mut process);
    drop(process);
    assert_eq!(newest(&store).roller.rolling.map(|range| (range.from, range.to)), Some((1, 3)));
    let rolled = |name: &String| [".parquet", "_delta_log", "log/rolls"].iter().any(|part| name.contains(part));
    let rolled: Vec<Path> = names(&store, "").into_iter().filter(rolled).map(Path::from).collect();
    let contents: Vec<Bytes> = rolled.iter().map(|path| store.read(path).unwrap()).collect();
    rolled.iter().for_each(|path| store.delete(path).unwrap());
    let originals = damage_manifests(&store, &[4]);
    start_that_dies(&objects, Fault::Death, 6);
    rolled.iter().zip(contents).for_each(|(path, bytes)| assert_eq!(store.create(path, bytes).unwrap(), Created::New));
    let error = Process::start(&store).err().expect("refused");
    assert!(error.message.contains("the manifest that decided to roll commits 1 to 3 cannot be read"), "{error}");
    put_back(&store, originals);
    assert_goes_on(&store, 15);
}

/// The manifest that decided a roll is damaged while its writer does it, and another writer gives it up.
#[test]
fn a_roll_that_another_writer_has_given_up_is_not_published() {
    let (objects, store) = memory();
    let faulty = Arc::new(FaultyStore::new(objects, Fault::Intrusion, i64::MAX));
    let mut slow = start(&Store::over(faulty.clone() as Arc<dyn ObjectStore>, "memory"));
    two_commits_and_a_day(&mut slow);
    faulty.arm_at(Fault::Intrusion, 0, |path| path.as_ref().ends_with(".parquet"));
    let (into, theirs) = (Arc::new(Mutex::new(None)), store.clone());
    let next = into.clone();
    faulty.let_in(move || {
        damage(&theirs, &manifest(4), false);
        *into.lock().unwrap() = Some(start(&theirs));
    });
    slow.next_epoch(5, END).unwrap();
    assert_eq!(slow.committer.commit().unwrap_err().kind, ErrorKind::Fenced);
    let mut process = next.lock().unwrap().take().expect("another writer");
    process.run_to(END).unwrap();
    drop(process);
    // Removes the Parquet files that the slow writer was still to write.
    drop(start(&store));
    Files::assert_complete(&store, END);
}

#[test]
fn times_never_go_back() {
    let (objects, store) = memory();
    let mut process = start(&store);
    (0..2).for_each(|_| commit(&mut process));
    process.clock.set(process.clock.now_us() + 5_000_000);
    commit(&mut process);
    drop(process);
    let before = newest(&store).committed_at_us;
    let originals = damage_manifests(&store, &[4]);
    // The clock of a start is five seconds behind.
    start_that_dies(&objects, Fault::Death, 6);
    put_back(&store, originals);
    drop(start(&store));
    assert!(newest(&store).committed_at_us >= before);
}

/// The number of a newest manifest that is gone is used again. Then what was there before comes back behind it, or in its
/// place.
#[test]
fn a_commit_behind_a_number_that_was_used_again_is_given_up() {
    for is_ready in [false, true] {
        let (objects, store) = memory();
        drop(three_commits(&store));
        damage(&store, &manifest(3), true);
        let four = damage(&store, &manifest(4), true);
        match is_ready {
            true => drop(start(&store)),
            false => start_that_dies(&objects, Fault::DeathAfter, 3),
        }
        store.create(&manifest(4), four).unwrap();
        let (mut process, said) = warnings(|| start(&store));
        assert!(said.contains("log/000000000004.json is older than commit 3 that is there now"), "{said}");
        process.run_to(END).unwrap();
        Files::assert_complete(&store, END);
    }
    for has_rows in [false, true] {
        let (_, store) = memory();
        drop(three_commits(&store));
        let (original, rows) = (damage(&store, &manifest(4), true), store.read(&segment(4)).unwrap());
        (0..2).for_each(|_| drop(start(&store)));
        put_back(&store, vec![(manifest(4), original)]);
        if has_rows {
            store.create(&segment(4), rows).unwrap();
        }
        assert_goes_on(&store, if has_rows { 15 } else { 10 });
    }
}

#[test]
fn a_reader_between_the_copy_and_the_next_start_sees_nothing_twice() {
    let (objects, store) = memory();
    drop(three_commits(&store));
    let lost = (segment(3), damage(&store, &segment(3), true));
    commit(&mut start(&store));
    let mut originals = damage_manifests(&store, &[6, 7]);
    start_that_dies(&objects, Fault::Death, 9);
    originals.push(lost);
    put_back(&store, originals);
    let pin = HistoryReader::new(store.clone()).pin().unwrap().unwrap();
    assert_eq!((pin.manifest().number, next(&pin.manifest().offsets)), (7, vec![Some(10); 2]));
    assert_exactly(read(&pin).unwrap(), &accepted(&pin.manifest().offsets), "events");
    assert_goes_on(&store, 10);
}

/// Lives of a process: some objects are damaged, some come back, it starts, commits, rolls, and dies somewhere.
struct Lives {
    random: fastrand::Rng,
    objects: Arc<InMemory>,
    store: Store,
    /// What damaged objects held, and what they hold now; None: they are gone.
    originals: BTreeMap<Path, (Bytes, Option<Bytes>)>,
    trace: Vec<String>,
}

impl Lives {
    fn new(seed: u64) -> Lives {
        let (objects, store) = memory();
        let random = fastrand::Rng::with_seed(seed);
        Lives { random, objects, store, originals: BTreeMap::new(), trace: vec![format!("seed {seed}")] }
    }

    /// A segment or a manifest, mostly one of the newest.
    fn damage(&mut self) {
        let mut paths = self.store.list_flat(&Path::from("log")).unwrap();
        paths.retain(|path| !self.originals.contains_key(path));
        let newest = if self.random.u32(0..4) > 0 { 5 } else { paths.len() };
        let Some(path) = paths.iter().rev().nth(self.random.usize(0..newest.max(1))) else { return };
        let gone = self.random.u32(0..4) == 0;
        let original = damage(&self.store, path, gone);
        self.trace.push(format!("{path} is {}", if gone { "gone" } else { "damaged" }));
        self.originals.insert(path.clone(), (original, self.store.read(path).ok()));
    }

    /// What was swept, or has other contents by now, is left.
    fn put_back(&mut self, all: bool) {
        for (path, (original, damaged)) in std::mem::take(&mut self.originals) {
            if !all && self.random.bool() {
                self.originals.insert(path, (original, damaged));
            } else if self.store.read(&path).ok() == damaged {
                self.trace.push(format!("{path} is back"));
                put_back(&self.store, vec![(path, original)]);
            }
        }
    }

    fn live(&mut self) {
        let faulty = Arc::new(FaultyStore::new(self.objects.clone(), Fault::Death, i64::MAX));
        if self.random.u32(0..3) > 0 {
            let fault = if self.random.bool() { Fault::Death } else { Fault::DeathAfter };
            let writes = if self.random.bool() { 5 } else { 40 };
            faulty.arm(fault, self.random.i64(0..writes));
        }
        let (roll_bytes, roll_after_ms) = match self.random.u32(0..4) {
            0 => (1, u64::MAX),
            1 => (settings().roll_bytes, settings().roll_after_ms),
            _ => (u64::MAX, u64::MAX),
        };
        let settings = HistorySettings { roll_bytes, roll_after_ms, ..settings() };
        let store = Store::over(faulty.clone() as Arc<dyn ObjectStore>, "memory");
        let (started, said) = warnings(|| Process::start_with(&store, orders(), "v1", settings));
        self.trace.push(said);
        let mut process = match started {
            Ok(process) => process,
            Err(error) if faulty.is_dead() => return self.trace.push(format!("died: {error}")),
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Data, "{error}");
                assert!(!self.originals.is_empty(), "all is whole, and it is refused: {error}");
                return self.trace.push(format!("refused: {error}"));
            }
        };
        self.trace.push(format!("starts at {:?}", next(&process.offsets)));
        for _ in 0..self.random.u32(0..4) {
            if self.random.u32(0..5) == 0 {
                process.clock.set(process.clock.now_us() + 86_400_000_000);
            }
            process.next_epoch(2, 1_000).unwrap();
            let outcome = process.committer.commit();
            self.trace.push(format!("{outcome:?}"));
            if outcome.is_err() {
                break;
            }
        }
    }

    fn run(&mut self) {
        for _ in 0..14 {
            if self.random.u32(0..5) < 2 {
                (0..self.random.u32(1..4)).for_each(|_| self.damage());
            }
            if self.random.u32(0..3) == 0 {
                let all = self.random.bool();
                self.put_back(all);
            }
            self.live();
        }
        self.put_back(true);
        let mut process = start(&self.store);
        let end = process.offsets.iter().map(|(_, _, next)| next).max().unwrap_or(0) + 10;
        self.trace.push(format!("ends at {end}"));
        process.run_to(end).unwrap();
        Files::assert_complete(&self.store, end);
    }
}

impl Drop for Lives {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.trace.iter().for_each(|line| println!("{line}"));
        }
    }
}

#[test]
fn random_lives_with_damage_that_comes_back_lose_nothing() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let first = number("REBATEFLOW_RESTORED_SEED", 1);
    let mut sorts = BTreeSet::new();
    for seed in first..first + number("REBATEFLOW_RESTORED_CASES", 100) {
        let mut lives = Lives::new(seed);
        lives.run();
        let trace = lives.trace.join("\n");
        let told = ["that could not read commit", "that is there now", "died: ", "refused: ", "are given up"];
        sorts.extend(told.into_iter().filter(|told| trace.contains(told)));
    }
    println!("{sorts:?}");
    assert!(sorts.len() > 3, "only {sorts:?} happened");
}
