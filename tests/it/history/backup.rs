//! Backups beside a writer, interrupted ones, damaged ones, and what a restored directory becomes.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use rebateflow::error::{Error, ErrorKind};
use rebateflow::history::{Copied, HistorySettings, Store, backup, restore};
use rebateflow::tasks::spawn_thread;

use super::faulty::{Fault, FaultyStore};
use super::reading::assert_readers_are_exact;
use super::world::{Files, Process, orders, settings};

const END: i64 = 31;
/// More writes than a backup or a restore makes.
const WRITES_MAX: i64 = 200;

fn memory(objects: &Arc<InMemory>) -> Store {
    Store::over(objects.clone(), "memory")
}

fn faulty(objects: &Arc<InMemory>, fault: Fault, writes: i64) -> (Store, Arc<FaultyStore>) {
    let faulty = Arc::new(FaultyStore::new(objects.clone(), fault, writes));
    (Store::over(faulty.clone() as Arc<dyn ObjectStore>, "memory"), faulty)
}

/// A process after some rolls and some commits that are not rolled, up to this offset.
fn some_commits(store: &Store, end: i64) -> Process {
    let mut process = Process::start(store).unwrap();
    process.run_to(end - 6).unwrap();
    drop(process);
    let never = HistorySettings { roll_bytes: u64::MAX, roll_after_ms: u64::MAX, ..settings() };
    let mut process = Process::start_with(store, orders(), "v1", never).unwrap();
    for _ in 0..3 {
        process.next_epoch(2, end).unwrap();
        process.committer.commit().unwrap();
    }
    process
}

/// Restores into a new place; a process starts there, with what the backup holds, and goes on to the end.
fn assert_restores(from: &Store, end: i64) -> i64 {
    let store = Store::open("memory://").unwrap();
    let copied = restore(from, &store).unwrap();
    Files::assert_nothing_twice(&store);
    assert_readers_are_exact(&store);
    let mut process = Process::start(&store).unwrap();
    assert_eq!(process.recovered.manifest.as_ref().unwrap().number, copied.commit);
    let held = process.offsets.get("orders", 0).unwrap_or(0);
    process.run_to(end).unwrap();
    Files::assert_complete(&store, end);
    held
}

#[test]
fn a_backup_holds_what_is_committed_and_the_next_one_copies_only_what_is_new() {
    let (data, folder) = (Store::open("memory://").unwrap(), tempfile::tempdir().unwrap());
    let to = Store::open(&folder.path().display().to_string()).unwrap();
    assert_eq!(backup(&data, &to).unwrap_err().kind, ErrorKind::NotFound);
    let mut process = some_commits(&data, 20);
    let first = backup(&data, &to).unwrap();
    assert!(first.objects > 10 && first.kept == 0, "{first:?}");
    assert_eq!(assert_restores(&to, END), 20);

    let again = backup(&data, &to).unwrap();
    assert_eq!(again, Copied { objects: 0, bytes: 0, kept: first.objects, ..first.clone() });
    process.run_to(END).unwrap();
    let second = backup(&data, &to).unwrap();
    assert!(second.commit > first.commit && second.kept > 4 && second.objects > 4, "{second:?}");
    assert_eq!(assert_restores(&to, END), END);
    // One list, and nothing that it does not name.
    assert_eq!(to.list(&Path::from("backups")).unwrap().len(), 2);
    for folder in ["log", "events", "views", "dead_letters"].map(Path::from) {
        assert_eq!(to.list(&folder).unwrap(), data.list(&folder).unwrap());
    }
}

#[test]
fn a_writer_that_rolls_and_sweeps_at_any_moment_of_a_backup_spoils_nothing() {
    let mut went_on = 0;
    for writes in 0..WRITES_MAX {
        let data = Store::open("memory://").unwrap();
        let mut process = some_commits(&data, 20);
        let objects = Arc::new(InMemory::new());
        let (to, faulty) = faulty(&objects, Fault::Intrusion, writes);
        faulty.let_in(move || process.run_to(END).unwrap());
        backup(&data, &to).unwrap();
        let held = assert_restores(&memory(&objects), END);
        went_on += i32::from(held == END);
        if !faulty.has_struck() {
            assert!(writes > 10 && went_on > 3, "{writes} writes, {went_on} backups of a later commit");
            return;
        }
        assert!([20, END].contains(&held), "{held}");
    }
    panic!("a backup of more than {WRITES_MAX} objects");
}

#[test]
fn backups_beside_a_running_writer_are_whole() {
    const LAST: i64 = 150;
    let (data, to) = (Store::open("memory://").unwrap(), Store::open("memory://").unwrap());
    let (writing, ended) = (data.clone(), Arc::new(AtomicBool::new(false)));
    let writer_ended = ended.clone();
    let writer = spawn_thread("writer", move || {
        let mut process = Process::start(&writing).unwrap();
        (5..=LAST).step_by(5).for_each(|end| process.run_to(end).unwrap());
        writer_ended.store(true, Ordering::SeqCst);
    });
    let mut held = vec![];
    while held.last() != Some(&LAST) {
        let is_last = ended.load(Ordering::SeqCst);
        match backup(&data, &to) {
            Ok(_) => held.push(assert_restores(&to, LAST)),
            Err(e) => assert!(e.kind == ErrorKind::NotFound && held.is_empty() && !is_last, "{e}"),
        }
        assert!(!is_last || held.last() == Some(&LAST), "{held:?}");
    }
    assert!(held.is_sorted(), "{held:?}");
    writer.unwrap().join().unwrap();
}

#[test]
fn an_interrupted_backup_leaves_the_one_before_and_goes_on() {
    let (data, earlier) = (Store::open("memory://").unwrap(), Arc::new(InMemory::new()));
    let mut process = some_commits(&data, 20);
    backup(&data, &memory(&earlier)).unwrap();
    process.run_to(END).unwrap();
    for fault in [Fault::Death, Fault::DeathAfter] {
        for (begun, held_before) in [(Arc::new(InMemory::new()), None), (earlier.clone(), Some(20))] {
            for writes in 0.. {
                let objects = Arc::new(begun.fork());
                let (to, faulty) = faulty(&objects, fault, writes);
                let result = backup(&data, &to);
                if !faulty.has_struck() {
                    result.unwrap();
                    break;
                }
                assert_eq!(result.unwrap_err().kind, ErrorKind::Unavailable);
                let to = memory(&objects);
                match (restore(&to, &Store::open("memory://").unwrap()), held_before) {
                    (Ok(_), _) => assert!([held_before, Some(END)].contains(&Some(assert_restores(&to, END)))),
                    (Err(e), None) => assert_eq!(e.kind, ErrorKind::NotFound, "{e}"),
                    (Err(e), Some(_)) => panic!("the backup before is lost: {e}"),
                }
                backup(&data, &to).unwrap();
                assert_eq!(assert_restores(&to, END), END);
            }
        }
    }
}

#[test]
fn an_interrupted_restore_is_not_started_on_and_goes_on() {
    let (data, to) = (Store::open("memory://").unwrap(), Store::open("memory://").unwrap());
    some_commits(&data, 20);
    backup(&data, &to).unwrap();
    for writes in 0..WRITES_MAX {
        let objects = Arc::new(InMemory::new());
        let (store, faulty) = faulty(&objects, Fault::Death, writes);
        let result = restore(&to, &store);
        let store = memory(&objects);
        if !faulty.has_struck() {
            result.unwrap();
            assert!(writes > 10, "{writes} writes");
            return;
        }
        assert_eq!(result.unwrap_err().kind, ErrorKind::Unavailable);
        if writes > 0 {
            assert_refused(Process::start(&store).err(), "is not wholly restored");
        }
        restore(&to, &store).unwrap();
        Process::start(&store).unwrap().run_to(END).unwrap();
        Files::assert_complete(&store, END);
    }
    panic!("a restore of more than {WRITES_MAX} objects");
}

fn assert_refused(error: Option<Error>, says: &str) {
    let error = error.unwrap_or_else(|| panic!("not refused: {says}"));
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
    assert!(error.message.contains(says), "{error}");
}

#[test]
fn backups_and_data_are_not_mixed_up() {
    let [data, other, to] = [0; 3].map(|_| Store::open("memory://").unwrap());
    some_commits(&data, 20);
    some_commits(&other, END);
    assert_refused(backup(&data, &data).err(), "holds something else than a backup");
    assert_refused(backup(&data, &other).err(), "holds something else than a backup");
    backup(&data, &to).unwrap();
    assert_refused(Process::start(&to).err(), "is a backup");
    assert_refused(restore(&to, &other).err(), "holds data already");
    assert_refused(restore(&to, &to).err(), "holds data already");
    // Later commits, of another directory.
    assert_refused(backup(&other, &to).err(), "has other contents");
    let later = Store::open("memory://").unwrap();
    backup(&other, &later).unwrap();
    assert_refused(backup(&data, &later).err(), "the backup in memory:// is of commit");
    assert_eq!(assert_restores(&to, END), 20);
    assert_eq!(assert_restores(&later, END), END);
}

#[test]
fn a_damaged_or_missing_object_of_a_backup_is_named() {
    let (data, folder) = (Store::open("memory://").unwrap(), tempfile::tempdir().unwrap());
    some_commits(&data, 20);
    let to = Store::open(&folder.path().display().to_string()).unwrap();
    backup(&data, &to).unwrap();
    let names = ["log", "events", "views", "dead_letters"].map(|name| to.list(&Path::from(name)).unwrap());
    for path in names.into_iter().flatten() {
        let file = folder.path().join(path.as_ref());
        let bytes = fs::read(&file).unwrap();
        for is_missing in [false, true] {
            match is_missing {
                true => fs::remove_file(&file).unwrap(),
                false => fs::write(&file, &bytes[1..]).unwrap(),
            }
            let error = restore(&to, &Store::open("memory://").unwrap()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Data, "{error}");
            assert!(error.message.contains(path.as_ref()), "{error}");
        }
        // The next backup brings what is missing.
        backup(&data, &to).unwrap();
        assert_eq!(Bytes::from(bytes), to.read(&path).unwrap());
    }
    assert_eq!(assert_restores(&to, END), 20);
    // And one of the data itself is not copied.
    let mut files = data.list(&Path::from("events")).unwrap().into_iter();
    let event_file = files.find(|path| path.as_ref().ends_with(".parquet")).unwrap();
    data.delete(&event_file).unwrap();
    data.create(&event_file, Bytes::from_static(b"damaged")).unwrap();
    let error = backup(&data, &Store::open("memory://").unwrap()).unwrap_err();
    assert!(error.kind == ErrorKind::Data && error.message.contains(event_file.as_ref()), "{error}");
}
