//! A bucket of a real S3-compatible server (`tests/s3.sh` starts it): create-only objects, also when many create the
//! same one at once; a writer that crashes, and one that is replaced.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use bytes::Bytes;
use object_store::path::Path;
use rebateflow::error::ErrorKind;
use rebateflow::history::{Created, Store, backup, restore};
use rebateflow::tasks::spawn_thread;

use super::reading::assert_readers_are_exact;
use super::world::{Files, Process};

const END: i64 = 31;

/// A place of its own in the bucket of the test script.
fn place() -> Store {
    static PLACES: AtomicU32 = AtomicU32::new(0);
    let bucket = std::env::var("REBATEFLOW_TEST_S3").expect("REBATEFLOW_TEST_S3: run tests/s3.sh");
    let number = PLACES.fetch_add(1, Ordering::SeqCst);
    Store::open(&format!("{bucket}/it-{}/{number}", std::process::id())).unwrap()
}

#[test]
fn of_many_that_create_an_object_in_a_bucket_one_does() {
    const THREADS: usize = 8;
    let store = place();
    for round in 0..50 {
        let path = Path::from(format!("log/{round:012}.json"));
        let barrier = Arc::new(Barrier::new(THREADS));
        let threads = (0..THREADS).map(|thread| {
            let (store, path, barrier) = (store.clone(), path.clone(), barrier.clone());
            let work = move || {
                barrier.wait();
                store.create(&path, Bytes::from(format!("{thread}").repeat(10_000))).unwrap()
            };
            spawn_thread("creator", work).unwrap()
        });
        let threads: Vec<_> = threads.collect();
        let created: Vec<Created> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let won: Vec<usize> = (0..THREADS).filter(|thread| created[*thread] == Created::New).collect();
        assert_eq!(won.len(), 1, "round {round}: {created:?}");
        assert_eq!(store.read(&path).unwrap(), format!("{}", won[0]).repeat(10_000));
    }
    let part = store.read_range(&Path::from("log/000000000007.json"), 5..9).unwrap();
    assert_eq!(part.iter().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(store.list_flat(&Path::from("log")).unwrap().len(), 50);
    store.delete(&Path::from("log/000000000007.json")).unwrap();
    store.delete(&Path::from("log/000000000007.json")).unwrap();
    let error = store.read(&Path::from("log/000000000007.json")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
}

#[test]
fn a_writer_in_a_bucket_crashes_is_replaced_and_nothing_is_lost() {
    let store = place();
    let mut crashed = Process::start(&store).unwrap();
    crashed.next_epoch(5, END).unwrap();
    crashed.committer.commit().unwrap();
    crashed.next_epoch(5, END).unwrap();
    drop(crashed);
    let mut older = Process::start(&store).unwrap();
    assert_eq!(older.offsets.get("orders", 0), Some(5));
    older.next_epoch(5, END).unwrap();
    older.committer.commit().unwrap();
    older.next_epoch(5, END).unwrap();
    let mut newer = Process::start(&store).unwrap();
    assert_eq!(newer.offsets.get("orders", 0), Some(10));
    assert_eq!(older.committer.commit().unwrap_err().kind, ErrorKind::Fenced);
    assert_readers_are_exact(&store);
    newer.run_to(END).unwrap();
    Files::assert_complete(&store, END);
    let (kept, restored) = (place(), place());
    backup(&store, &kept).unwrap();
    restore(&kept, &restored).unwrap();
    Process::start(&restored).unwrap().run_to(END).unwrap();
    Files::assert_complete(&restored, END);
}

#[test]
fn a_bucket_that_does_not_answer_is_unavailable() {
    let error = Store::open("s3://rebateflow-there-is-none/x").unwrap().list(&Path::from("log")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
}
