//! Dead letters and ended generations go after some days, at every crash of it; everything else stays.

use std::collections::BTreeSet;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use rebateflow::error::{ErrorKind, Result};
use rebateflow::history::{Dataset, HistoryReader, HistorySettings, Moment, Store, backup, restore};

use super::delta::{assert_logs_are_complete, assert_logs_name_files};
use super::faulty::{Fault, FaultyStore};
use super::world::{
    At, Files, Process, START_US, accepted, assert_exactly, consumed, orders, parquet_rows, positions, settings,
};

const DAY_US: i64 = 86_400_000_000;
/// More writes than a run makes.
const WRITES_MAX: i64 = 200;
const END: i64 = 30;

fn days(keep: u32) -> HistorySettings {
    HistorySettings { keep_dead_letters_days: keep, keep_generations_days: keep, ..settings() }
}

/// Starts with this version of the view, on a day, and goes on to an offset.
fn run(store: &Store, keep: u32, (view, day): (&str, i64), end: i64) -> Result<()> {
    let mut process = Process::start_with(store, orders(), view, days(keep))?;
    process.clock.set(process.clock.now_us().max(START_US + day * DAY_US));
    process.run_to(end)
}

/// Five days of a view that is edited on the second one.
fn five_days(store: &Store) {
    for (end, run_of) in [(6, ("v1", 0)), (12, ("v1", 1)), (18, ("v2", 2)), (24, ("v2", 5))] {
        run(store, 0, run_of, end).unwrap();
    }
    Files::assert_complete(store, 24);
}

/// The dead letters from this offset on, in the files and for readers.
fn assert_dead_letters(store: &Store, dead: Vec<At>, from: i64, end: i64) {
    let offsets = (0..2).map(|partition| ("orders", partition, end)).collect();
    let accepted = accepted(&offsets);
    let rejected = consumed(&offsets).into_iter().filter(|at| !accepted.contains(at) && at.1 >= from);
    assert_exactly(dead, &rejected.collect::<BTreeSet<At>>(), "dead letters");
    assert_exactly(Files::read(store).events, &accepted, "events");
}

fn read_dead_letters(store: &Store) -> Vec<At> {
    let pin = HistoryReader::new(store.clone()).pin().unwrap().unwrap();
    let mut rows = pin.rows(&Dataset::DeadLetters, None);
    let batches = std::iter::from_fn(|| rows.next(&mut |_| Ok(())).unwrap());
    batches.flat_map(|rows| positions(&rows, "partition", "offset", "value")).collect()
}

/// After the drop: those of day 5 and later are there, the first generation is not.
fn assert_dropped(store: &Store, end: i64) {
    assert_dead_letters(store, Files::read(store).dead, 18, end);
    assert_dead_letters(store, read_dead_letters(store), 18, end);
    assert!(parquet_rows(store, "views/counts/gen=1").is_empty());
    assert_logs_are_complete(store);
    let pin = HistoryReader::new(store.clone()).pin().unwrap().unwrap();
    let error = pin.view_at("counts", Moment::Time(START_US + DAY_US), 1 << 20).err().unwrap();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("is not kept any more"), "{error}");
    assert_eq!(pin.view_at("counts", Moment::Last, 1 << 20).unwrap().rows(), 2);
    let then = pin.view_at("counts", Moment::Time(START_US + 4 * DAY_US), 1 << 20).unwrap();
    assert_eq!(then.rows(), 2, "the day before the first one that is kept: of a generation that is kept");
}

#[test]
fn what_is_too_old_goes_and_the_rest_stays() {
    let store = Store::open("memory://").unwrap();
    five_days(&store);
    // Everything is young enough; then all but the last two days goes, once a roll has said so.
    run(&store, 100, ("v2", 7), 26).unwrap();
    Files::assert_complete(&store, 26);
    let before = HistoryReader::new(store.clone()).pin().unwrap().unwrap();
    let mut process = Process::start_with(&store, orders(), "v2", days(2)).unwrap();
    process.run_to(27).unwrap();
    // Who pinned before still reads all.
    let mut rows = before.rows(&Dataset::DeadLetters, None);
    while rows.next(&mut |_| Ok(())).unwrap().is_some() {}
    let gone = read_dead_letters(&store);
    assert_dead_letters(&store, gone, 18, 27);
    assert_logs_name_files(&store);
    process.run_to(END).unwrap();
    assert_dropped(&store, END);
    // A backup has what is kept, and is as good.
    let [kept, restored] = [0; 2].map(|_| Store::open("memory://").unwrap());
    backup(&store, &kept).unwrap();
    restore(&kept, &restored).unwrap();
    run(&restored, 0, ("v2", 7), END + 3).unwrap();
    assert_dropped(&restored, END + 3);
}

#[test]
fn a_crash_before_any_write_of_a_drop_changes_nothing() {
    let begun = Arc::new(InMemory::new());
    five_days(&Store::over(begun.clone(), "memory"));
    for fault in [Fault::Death, Fault::DeathAfter] {
        for writes in 0.. {
            let objects = Arc::new(begun.fork());
            let faulty = Arc::new(FaultyStore::new(objects.clone(), fault, writes));
            let healthy = Store::over(objects, "memory");
            let result = run(&Store::over(faulty.clone() as Arc<dyn ObjectStore>, "memory"), 2, ("v2", 7), 27);
            assert_logs_name_files(&healthy);
            assert_eq!(
                read_dead_letters(&healthy).len(),
                read_dead_letters(&healthy).iter().collect::<BTreeSet<_>>().len()
            );
            run(&healthy, 2, ("v2", 7), 28).unwrap();
            run(&healthy, 2, ("v2", 7), END).unwrap();
            assert_dropped(&healthy, END);
            if !faulty.has_struck() {
                result.unwrap();
                break;
            }
            assert!(writes < WRITES_MAX);
        }
    }
}

#[test]
fn what_is_not_rolled_yet_is_kept_with_its_whole_day() {
    let store = Store::open("memory://").unwrap();
    let never = HistorySettings { roll_bytes: u64::MAX, roll_after_ms: u64::MAX, ..settings() };
    let mut process = Process::start_with(&store, orders(), "v1", never).unwrap();
    process.next_epoch(10, END).unwrap();
    process.committer.commit().unwrap();
    drop(process);
    // The first roll, long after: it drops nothing of the day that it rolls.
    run(&store, 2, ("v1", 50), 20).unwrap();
    assert_logs_name_files(&store);
    run(&store, 2, ("v1", 51), END).unwrap();
    assert_dead_letters(&store, Files::read(&store).dead, 10, END);
    assert_logs_are_complete(&store);
    assert!(!store.list(&Path::from("dead_letters")).unwrap().is_empty());
}
