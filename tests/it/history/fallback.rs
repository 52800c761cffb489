//! A damaged log: a start goes back to the last whole commit, says so, and refuses where that cannot be.

use std::collections::BTreeSet;

use object_store::path::Path;
use rebateflow::checkpoint::Offsets;
use rebateflow::error::{ErrorKind, Result};
use rebateflow::history::{Dataset, HistoryPin, HistoryReader, HistorySettings, Manifest, Store};

use super::world::{Files, Process, accepted, assert_exactly, orders, positions, settings};
use crate::simulation::damage::damage;
use crate::simulation::said::warnings;

pub(super) const END: i64 = 40;

pub(super) fn names(store: &Store, folder: &str) -> Vec<String> {
    store.list(&Path::from(folder)).unwrap().iter().map(Path::to_string).collect()
}

pub(super) fn start(store: &Store) -> Process {
    let never = HistorySettings { roll_bytes: u64::MAX, roll_after_ms: u64::MAX, ..settings() };
    Process::start_with(store, orders(), "v1", never).unwrap_or_else(|error| panic!("{error}"))
}

fn start_that_rolls(store: &Store) -> Process {
    Process::start_with(store, orders(), "v1", HistorySettings { roll_bytes: 1, ..settings() }).unwrap()
}

pub(super) fn commit(process: &mut Process) {
    process.next_epoch(5, END).unwrap();
    process.committer.commit().unwrap();
}

/// Manifest 1 is the opening; 2, 3 and 4 have five messages of each partition each.
pub(super) fn three_commits(store: &Store) -> Process {
    let mut process = start(store);
    (0..3).for_each(|_| commit(&mut process));
    process
}

pub(super) fn newest(store: &Store) -> Manifest {
    HistoryReader::new(store.clone()).pin().unwrap().unwrap().manifest().clone()
}

pub(super) fn next(offsets: &Offsets) -> Vec<Option<i64>> {
    vec![offsets.get("orders", 0), offsets.get("orders", 1)]
}

pub(super) fn voided(store: &Store) -> Vec<(u64, u64)> {
    newest(store).voided.iter().map(|range| (range.from, range.to)).collect()
}

/// The events of a pin.
pub(super) fn read(pin: &HistoryPin) -> Result<Vec<(i32, i64)>> {
    let (mut rows, mut seen) = (pin.rows(&Dataset::Events("orders".into()), None), vec![]);
    while let Some(batch) = rows.next(&mut |_| Ok(()))? {
        seen.extend(positions(&batch, "_partition", "_offset", "note"));
    }
    Ok(seen)
}

#[test]
fn a_damaged_commit_and_those_after_it_are_read_again() {
    // What is damaged, and the last whole commit; it may be none.
    for (object, whole) in [
        ("000000000001.json", 0),
        ("000000000002.json", 1),
        ("000000000002-000001.seg", 1),
        ("000000000003.json", 2),
        ("000000000003-000001.seg", 2),
        ("000000000004.json", 3),
        ("000000000004-000001.seg", 3),
    ] {
        for gone in [false, true] {
            let store = Store::open("memory://").unwrap();
            drop(three_commits(&store));
            damage(&store, &Path::from("log").join(object), gone);
            let (process, said) = warnings(|| start(&store));
            let what = format!("log/{object} is {}", if gone { "missing" } else { "damaged" });
            // Partitions that were read later only begin at 0: they are not new.
            let offset = Some((whole as i64 - 1).max(0) * 5);
            if object == "000000000004.json" && gone {
                assert!(said.is_empty() && newest(&store).voided.is_empty(), "a commit without a manifest is none");
            } else {
                let given_up = format!("{what}: commits {} to 5 are given up", whole + 1);
                assert!(said.contains(&given_up) && said.contains("orders/1: "), "{given_up}: {said}");
                assert_eq!(voided(&store), [(whole + 1, 5)], "{what}");
            }
            assert_eq!(next(&process.offsets), [offset; 2], "{what}");
            // Another start finds nothing to say.
            drop(process);
            let (mut process, said) = warnings(|| start(&store));
            assert_eq!((next(&process.offsets), said.as_str()), (vec![offset; 2], ""), "{what}");
            process.run_to(END).unwrap();
            Files::assert_complete(&store, END);
            assert_eq!(names(&store, "log").iter().filter(|name| name.ends_with(".seg")).count(), 0);
        }
    }
}

#[test]
fn what_was_given_up_comes_back_with_a_copy_of_the_damaged_file() {
    let store = Store::open("memory://").unwrap();
    drop(three_commits(&store));
    let lost = Path::from("log/000000000003-000001.seg");
    let original = damage(&store, &lost, true);
    // Kafka may not have the messages any more: then nothing is committed, and whole segments are still there.
    assert_eq!(next(&start(&store).offsets), [Some(5); 2]);
    store.create(&lost, original).unwrap();
    for number in [5, 6] {
        store.delete(&Path::from(format!("log/{number:012}.json"))).unwrap();
    }
    let mut process = start(&store);
    assert_eq!((next(&process.offsets), voided(&store)), (vec![Some(15); 2], vec![]));
    process.run_to(END).unwrap();
    Files::assert_complete(&store, END);
}

#[test]
fn a_fall_back_of_a_fall_back_voids_once() {
    let store = Store::open("memory://").unwrap();
    drop(three_commits(&store));
    damage(&store, &Path::from("log/000000000004.json"), false);
    commit(&mut start(&store));
    assert_eq!((voided(&store), newest(&store).number), (vec![(4, 5)], 7));
    // The manifest that went back is damaged, too: the same again, and its commits with it.
    damage(&store, &Path::from("log/000000000006.json"), false);
    let mut process = start(&store);
    assert_eq!((voided(&store), next(&process.offsets)), (vec![(4, 8)], vec![Some(10); 2]));
    damage(&store, &Path::from("log/000000000002.json"), false);
    commit(&mut process);
    drop(process);
    let mut process = start(&store);
    assert_eq!((voided(&store), next(&process.offsets)), (vec![(2, 11)], vec![Some(0); 2]));
    process.run_to(END).unwrap();
    Files::assert_complete(&store, END);
}

#[test]
fn a_roll_that_has_all_its_files_needs_no_segments() {
    // What is gone of what the roll wrote after its files, and what is damaged of its commits.
    for (gone, damaged) in [
        ("", "log/000000000002-000001.seg"),
        ("log/rolls", "log/000000000002-000001.seg"),
        ("log/rolls events/orders/_delta_log", "log/000000000002-000001.seg"),
        ("log/rolls", "log/000000000001.json"),
    ] {
        let store = Store::open("memory://").unwrap();
        let mut process = start_that_rolls(&store);
        commit(&mut process);
        drop(process);
        let before = names(&store, "events");
        gone.split(' ').filter(|gone| !gone.is_empty()).flat_map(|gone| names(&store, gone)).for_each(|path| {
            store.delete(&path.as_str().into()).unwrap();
        });
        damage(&store, &Path::from(damaged), false);
        let (mut process, said) = warnings(|| start(&store));
        assert!(said.contains("its rows are in Parquet files already"), "{damaged}: {said}");
        let manifest = newest(&store);
        assert_eq!((manifest.voided.len(), manifest.roller.rolled_to, manifest.roller.rolling), (0, 2, None));
        assert_eq!((next(&process.offsets), names(&store, "events")), (vec![Some(5); 2], before));
        process.run_to(END).unwrap();
        Files::assert_complete(&store, END);
    }
}

#[test]
fn a_damaged_mark_of_a_roll_is_made_again() {
    let store = Store::open("memory://").unwrap();
    let mut process = start(&store);
    process.run_to(20).unwrap();
    let marked = process.committer.commit().unwrap().number;
    drop(process);
    damage(&store, &Path::from(format!("log/{marked:012}.json")), false);
    let mut process = start(&store);
    let manifest = newest(&store);
    assert_eq!((next(&process.offsets), manifest.roller.rolled_to), (vec![Some(20); 2], marked - 1));
    assert_eq!(voided(&store), [(marked, marked + 1)]);
    process.run_to(END).unwrap();
    Files::assert_complete(&store, END);
}

#[test]
fn files_of_a_roll_that_was_not_done_go_with_its_commits() {
    // Damaged is a segment; the manifest that decided the roll; or that is gone.
    for (damaged, is_gone) in
        [("log/000000000002-000001.seg", false), ("log/000000000002.json", false), ("log/000000000002.json", true)]
    {
        let store = Store::open("memory://").unwrap();
        commit(&mut start_that_rolls(&store));
        let is_file = |name: &String| name.ends_with(".parquet");
        let mut gone = names(&store, "log/rolls");
        for folder in ["events", "views", "dead_letters", "replays"] {
            gone.extend(names(&store, folder).into_iter().filter(|name| !is_file(name) || folder == "replays"));
        }
        gone.iter().for_each(|path| store.delete(&path.as_str().into()).unwrap());
        damage(&store, &Path::from(damaged), is_gone);
        let mut process = start(&store);
        assert_eq!((voided(&store), next(&process.offsets)[0].unwrap_or(0)), (vec![(2, 3)], 0), "{damaged}");
        assert_eq!(names(&store, "events"), Vec::<String>::new(), "{damaged}");
        assert_eq!(newest(&store).roller.rolling, None);
        process.run_to(END).unwrap();
        Files::assert_complete(&store, END);
    }
}

/// A day has ended, so the newest manifest decides to roll the commits before it: it alone knows of their files.
#[test]
fn a_roll_that_only_a_lost_manifest_decided_is_removed_or_refused() {
    for (is_gone, is_done) in [(false, false), (true, false), (false, true), (true, true)] {
        let store = Store::open("memory://").unwrap();
        let mut process = start(&store);
        (0..2).for_each(|_| commit(&mut process));
        process.clock.set(process.clock.now_us() + 86_400_000_000);
        commit(&mut process);
        drop(process);
        let decided = Path::from("log/000000000004.json");
        assert_eq!(newest(&store).roller.rolling.map(|range| (range.from, range.to)), Some((1, 3)));
        let files = names(&store, "events").into_iter().filter(|name| name.ends_with("1-000000000003.parquet"));
        assert_eq!(files.count(), 1);
        let is_published = |name: &String| name.contains("log/rolls") || name.contains("_delta_log");
        let published: Vec<String> = names(&store, "").into_iter().filter(is_published).collect();
        assert!(!published.is_empty());
        published.iter().filter(|_| !is_done).for_each(|path| store.delete(&path.as_str().into()).unwrap());
        let original = damage(&store, &decided, is_gone);
        if is_done {
            let before = names(&store, "");
            let error = Process::start(&store).err().expect("refused");
            let message = "the manifest that decided to roll commits 1 to 3 cannot be read, and they are rolled";
            assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Data, message));
            assert_eq!(names(&store, ""), before, "nothing is written");
            store.delete(&decided).unwrap();
            store.create(&decided, original).unwrap();
        }
        let (mut process, said) = warnings(|| start(&store));
        assert_eq!(said.contains("no manifest that can be read decided this roll"), !is_done, "{said}");
        process.run_to(END).unwrap();
        Files::assert_complete(&store, END);
    }
}

#[test]
fn what_is_rolled_is_not_taken_back() {
    for (gone, is_gone) in [("", false), ("log/rolls", false), ("", true)] {
        let store = Store::open("memory://").unwrap();
        let mut process = start_that_rolls(&store);
        commit(&mut process);
        commit(&mut process);
        drop(process);
        names(&store, gone).iter().filter(|_| !gone.is_empty()).skip(1).for_each(|path| {
            store.delete(&path.as_str().into()).unwrap();
        });
        // It decided the second roll, which is done: nobody else knows the offsets.
        let decided = Path::from("log/000000000003.json");
        let original = damage(&store, &decided, is_gone);
        let before = (names(&store, "log"), names(&store, "runs"), names(&store, "events"));
        let error = Process::start(&store).err().expect("refused");
        let what = format!("{decided} is {}", if is_gone { "missing" } else { "damaged" });
        let message = format!("{what}; commits 3 to 3 are rolled and cannot be read again");
        assert_eq!(
            (error.kind, error.message, error.hint.as_deref()),
            (ErrorKind::Data, message, Some("restore the files of log/ from a copy"))
        );
        assert_eq!(
            (names(&store, "log"), names(&store, "runs"), names(&store, "events")),
            before,
            "nothing is written"
        );
        store.delete(&decided).unwrap();
        store.create(&decided, original).unwrap();
        Process::start(&store).unwrap().run_to(END).unwrap();
        Files::assert_complete(&store, END);
    }
}

#[test]
fn who_stands_at_a_commit_that_was_given_up_is_told() {
    let store = Store::open("memory://").unwrap();
    let mut process = three_commits(&store);
    let reader = HistoryReader::new(store.clone());
    let given_up = reader.pin().unwrap().unwrap();
    damage(&store, &Path::from("log/000000000003-000001.seg"), true);
    let (mut next, fenced) = (start(&store), process.committer.commit());
    assert!(fenced.is_ok(), "it has nothing to commit");
    process.next_epoch(5, END).unwrap();
    assert_eq!(process.committer.commit().unwrap_err().kind, ErrorKind::Fenced);
    // The reader that has known the commits, and one that has not.
    for reader in [&reader, &HistoryReader::new(store.clone())] {
        let pin = reader.pin().unwrap().unwrap();
        let numbers: BTreeSet<u64> = pin.unrolled().iter().map(|commit| commit.number).collect();
        assert_eq!(numbers, BTreeSet::from([1, 2, 6]));
        assert_exactly(read(&pin).unwrap(), &accepted(&pin.manifest().offsets), "events");
    }
    next.run_to(END).unwrap();
    let error = read(&given_up).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Data, "commit 4 was given up: the log was damaged"));
    let pin = reader.pin().unwrap().unwrap();
    assert_exactly(read(&pin).unwrap(), &accepted(&pin.manifest().offsets), "events");
}

#[test]
fn a_reader_does_not_take_a_commit_for_one_that_was_lost_under_its_number() {
    let store = Store::open("memory://").unwrap();
    drop(three_commits(&store));
    let reader = HistoryReader::new(store.clone());
    assert_eq!(reader.pin().unwrap().unwrap().manifest().number, 4);
    damage(&store, &Path::from("log/000000000004.json"), true);
    let mut process = start(&store);
    process.next_epoch(7, END).unwrap();
    process.committer.commit().unwrap();
    let pin = reader.pin().unwrap().unwrap();
    assert_eq!((pin.manifest().number, next(&pin.manifest().offsets)), (5, vec![Some(17); 2]));
    assert_exactly(read(&pin).unwrap(), &accepted(&pin.manifest().offsets), "events");
}
