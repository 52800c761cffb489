//! A crash, a refused write and a lost answer at every write that a run makes.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use rebateflow::error::ErrorKind;
use rebateflow::history::Store;

use super::faulty::{Fault, FaultyStore};
use super::reading::assert_readers_are_exact;
use super::world::{Files, Process};

/// Messages of each partition: seven commits and three rolls, across midnight.
const END: i64 = 31;
/// More writes than a run makes.
const WRITES_MAX: i64 = 200;

struct Storage {
    objects: Arc<InMemory>,
}

impl Storage {
    fn new() -> Storage {
        Storage { objects: Arc::new(InMemory::new()) }
    }

    fn healthy(&self) -> Store {
        Store::over(self.objects.clone(), "memory")
    }

    fn faulty(&self, fault: Fault, writes: i64) -> (Store, Arc<FaultyStore>) {
        let faulty = Arc::new(FaultyStore::new(self.objects.clone(), fault, writes));
        (Store::over(faulty.clone() as Arc<dyn ObjectStore>, "memory"), faulty)
    }
}

/// Starts and runs to the end or to the fault.
fn run(store: &Store) -> rebateflow::error::Result<()> {
    Process::start(store)?.run_to(END)
}

#[test]
fn a_crash_before_any_write_loses_nothing_and_doubles_nothing() {
    let mut crashes = 0;
    for writes in 0..WRITES_MAX {
        let storage = Storage::new();
        let (store, faulty) = storage.faulty(Fault::Death, writes);
        let result = run(&store);
        if !faulty.has_struck() {
            result.unwrap();
            break;
        }
        crashes += 1;
        // A crash that only kept the last sweep from its work is not an error of the run.
        assert!(result.is_ok() || result.unwrap_err().kind == ErrorKind::Unavailable);
        Files::assert_nothing_twice(&storage.healthy());
        assert_readers_are_exact(&storage.healthy());
        run(&storage.healthy()).unwrap_or_else(|e| panic!("after a crash before write {writes}: {e}"));
        Files::assert_complete(&storage.healthy(), END);
    }
    assert!((50..WRITES_MAX).contains(&crashes), "{crashes} crashes");
}

#[test]
fn a_second_crash_during_recovery_changes_nothing() {
    for first in (0..60).step_by(5) {
        for second in (0..25).step_by(4) {
            let storage = Storage::new();
            let _ = run(&storage.faulty(Fault::Death, first).0);
            let _ = run(&storage.faulty(Fault::Death, second).0);
            Files::assert_nothing_twice(&storage.healthy());
            assert_readers_are_exact(&storage.healthy());
            run(&storage.healthy()).unwrap_or_else(|e| panic!("after crashes before writes {first}, {second}: {e}"));
            Files::assert_complete(&storage.healthy(), END);
        }
    }
}

/// One write answers with an error; the committer is simply called again.
fn one_error(fault: Fault) {
    let mut errors = 0;
    for writes in 0..WRITES_MAX {
        let storage = Storage::new();
        let (store, faulty) = storage.faulty(fault, writes);
        let mut process = match Process::start(&store) {
            Ok(process) => process,
            Err(e) => {
                assert_eq!(e.kind, ErrorKind::Unavailable, "{e}");
                Process::start(&store).unwrap()
            }
        };
        let mut again = |result: rebateflow::error::Result<_>| match result {
            Ok(_) => false,
            Err(e) => {
                assert_eq!(e.kind, ErrorKind::Unavailable, "write {writes}: {e}");
                errors += 1;
                true
            }
        };
        while process.next_epoch(3, END).unwrap() {
            // An epoch that is added after an error waits for the next commit.
            if again(process.committer.commit().map(|_| ())) && process.next_epoch(2, END).unwrap() {
                process.committer.commit().unwrap();
            }
        }
        while again(process.committer.close().map(|_| ())) {}
        Files::assert_complete(&store, END);
        if !faulty.has_struck() {
            break;
        }
    }
    assert!(errors > 30, "{errors} errors");
}

#[test]
fn a_refused_write_is_done_again() {
    one_error(Fault::Refusal);
}

#[test]
fn a_write_whose_answer_was_lost_is_recognized() {
    one_error(Fault::LostAnswer);
}

#[test]
fn a_newer_process_fences_the_older_one() {
    let storage = Storage::new();
    let mut older = Process::start(&storage.healthy()).unwrap();
    older.next_epoch(5, END).unwrap();
    older.committer.commit().unwrap();
    older.next_epoch(5, END).unwrap();
    let mut newer = Process::start(&storage.healthy()).unwrap();
    assert_eq!((older.recovered.run, newer.recovered.run), (1, 2));
    assert_eq!(newer.offsets.get("orders", 0), Some(5));
    let error = older.committer.commit().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fenced);
    assert!(error.message.contains("run 2"), "{error}");
    assert_eq!(older.committer.close().unwrap_err().kind, ErrorKind::Fenced);
    newer.run_to(END).unwrap();
    Files::assert_complete(&storage.healthy(), END);
}

#[test]
fn a_process_that_is_overtaken_while_it_rolls_is_fenced() {
    let storage = Storage::new();
    // The older process decides a roll and cannot write its first file.
    for writes in 0..WRITES_MAX {
        let (store, faulty) = storage.faulty(Fault::Refusal, writes);
        let Ok(mut older) = Process::start(&store) else {
            continue;
        };
        older.next_epoch(END, END).unwrap();
        let failed = older.committer.commit().is_err();
        if !failed || older.committer.committed_offsets().get("orders", 0) != Some(END) || !faulty.has_struck() {
            continue;
        }
        run(&storage.healthy()).unwrap();
        assert_eq!(older.committer.commit().unwrap_err().kind, ErrorKind::Fenced);
        Files::assert_complete(&storage.healthy(), END);
        return;
    }
    panic!("no roll was interrupted");
}

#[test]
fn a_process_that_was_replaced_long_ago_is_fenced() {
    // The newer one has rolled everything, and deleted the manifest that took the older one's number.
    for epochs in [0, 1] {
        let storage = Storage::new();
        let mut older = Process::start(&storage.healthy()).unwrap();
        older.next_epoch(5, END).unwrap();
        (0..epochs).for_each(|_| older.committer.commit().map(|_| ()).unwrap());
        older.next_epoch(5, END).unwrap();
        run(&storage.healthy()).unwrap();
        assert_eq!(older.committer.close().unwrap_err().kind, ErrorKind::Fenced);
        assert_eq!(older.committer.close().unwrap_err().kind, ErrorKind::Fenced);
        run(&storage.healthy()).unwrap();
        Files::assert_complete(&storage.healthy(), END);
    }
}

#[test]
fn a_start_that_is_overtaken_does_not_claim_a_number_that_was_swept() {
    let storage = Storage::new();
    let mut other = Process::start(&storage.healthy()).unwrap();
    // Between its look at the log and its claim the other one commits, rolls and sweeps.
    let (store, faulty) = storage.faulty(Fault::Intrusion, 1);
    faulty.let_in(move || other.run_to(END).unwrap());
    let mut newer = Process::start(&store).unwrap();
    assert_eq!(newer.offsets.get("orders", 0), Some(END));
    newer.run_to(END).unwrap();
    Files::assert_complete(&storage.healthy(), END);
}

#[test]
fn the_runs_of_commits_grow_even_if_two_start_at_the_same_moment() {
    let storage = Storage::new();
    let (store, faulty) = storage.faulty(Fault::Intrusion, 1);
    let healthy = storage.healthy();
    faulty.let_in(move || {
        let mut other = Process::start(&healthy).unwrap();
        assert_eq!(other.recovered.run, 2);
        other.next_epoch(5, END).unwrap();
        other.committer.commit().unwrap();
    });
    let mut newer = Process::start(&store).unwrap();
    assert_eq!(newer.recovered.run, 3);
    newer.run_to(END).unwrap();
    Files::assert_complete(&storage.healthy(), END);
}

#[test]
fn commits_of_a_process_that_is_just_being_replaced_are_not_lost() {
    // The newer process takes its run, then claims the log: the older one commits just before either.
    for writes in 0..2 {
        let storage = Storage::new();
        let mut older = Process::start(&storage.healthy()).unwrap();
        older.next_epoch(5, END).unwrap();
        let (store, faulty) = storage.faulty(Fault::Intrusion, writes);
        let (committed, older_again) = std::sync::mpsc::channel();
        faulty.let_in(move || {
            older.committer.commit().unwrap();
            committed.send(older).unwrap();
        });
        let mut newer = Process::start(&store).unwrap();
        let mut older = older_again.recv().unwrap();
        assert_eq!(newer.offsets.get("orders", 1), Some(5), "write {writes}");
        older.next_epoch(5, END).unwrap();
        assert_eq!(older.committer.commit().unwrap_err().kind, ErrorKind::Fenced);
        newer.run_to(END).unwrap();
        Files::assert_complete(&storage.healthy(), END);
    }
}
