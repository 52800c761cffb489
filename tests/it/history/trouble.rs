//! Real directories in trouble: full, read-only, unmounted, moved away. What was answered stays, the rest is done when
//! the trouble is over, and a place that only looks like the directory gets nothing.

use std::fs;

use rebateflow::error::{Error, ErrorKind};
use rebateflow::history::Store;

use super::mount::{Mount, not_shown};
use super::world::{Files, Process};

/// Offsets: some 250 kB in both partitions.
const END: i64 = 400;

fn open(path: &std::path::Path) -> Store {
    Store::open(&path.display().to_string()).unwrap()
}

/// Goes on as long as commits work, and answers the error of the first that does not.
fn commit_until_it_fails(process: &mut Process) -> Option<Error> {
    while process.next_epoch(3, END).unwrap() {
        if let Err(error) = process.committer.commit() {
            return Some(error);
        }
    }
    None
}

/// Commits fail, again and again, for this reason.
fn assert_unavailable(process: &mut Process, reason: &str) {
    for _ in 0..3 {
        let error = process.committer.commit().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// The process goes on to the end, and so would one that starts.
fn assert_goes_on(mut process: Process, store: &Store) {
    process.run_to(END).unwrap();
    Files::assert_complete(store, END);
    Process::start(store).unwrap().run_to(END).unwrap();
    Files::assert_complete(store, END);
}

#[test]
fn a_full_disk_is_waited_for() {
    let Some(disk) = Mount::tmpfs("192k") else { return not_shown("a full disk") };
    let store = open(disk.path());
    let mut process = Process::start(&store).unwrap();
    let mut sizes = vec![256, 384, 512, 16_384].into_iter();
    let mut times = 0;
    while let Some(error) = commit_until_it_fails(&mut process) {
        assert!(error.to_string().contains("No space left on device"), "{error}");
        assert_unavailable(&mut process, "No space left on device");
        Files::assert_nothing_twice(&store);
        disk.remount(&format!("size={}k", sizes.next().unwrap()));
        times += 1;
    }
    assert!(times > 0, "the disk was never full");
    assert_goes_on(process, &store);
}

#[test]
fn a_read_only_directory_is_waited_for() {
    let Some(disk) = Mount::tmpfs("16m") else { return not_shown("a read-only directory") };
    let store = open(disk.path());
    let mut process = Process::start(&store).unwrap();
    for epochs in [3, 1, 7] {
        for _ in 0..epochs {
            process.next_epoch(3, END).unwrap();
            process.committer.commit().unwrap();
        }
        process.next_epoch(3, END).unwrap();
        disk.remount("ro");
        assert_unavailable(&mut process, "Read-only file system");
        // Who starts now says so at once; who only reads can read.
        let error = Process::start(&open(disk.path())).err().unwrap();
        assert!(error.to_string().contains("Read-only file system"), "{error}");
        super::reading::assert_readers_are_exact(&store);
        disk.remount("rw");
        process.committer.commit().unwrap();
    }
    assert_goes_on(process, &store);
}

#[test]
fn nothing_is_written_below_a_mount_point_whose_disk_is_gone() {
    let disk = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::bind(disk.path()) else { return not_shown("an unmounted disk") };
    let (store, below) = (open(mount.path()), mount.path().to_path_buf());
    let mut process = Process::start(&store).unwrap();
    process.run_to(20).unwrap();
    process.next_epoch(3, END).unwrap();
    let point = mount.unmount();
    assert!(below.is_dir());
    assert_unavailable(&mut process, "the data directory is away");
    assert_eq!(fs::read_dir(&below).unwrap().count(), 0, "the mount point itself stays empty");
    let _mount = point.bind_again(disk.path());
    process.committer.commit().unwrap();
    assert_goes_on(process, &store);
}

#[test]
fn a_directory_that_was_moved_away_is_waited_for_also_in_a_roll() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    let store = open(&data);
    let mut process = Process::start(&store).unwrap();
    // A roll is decided, and cannot write its first file.
    fs::write(data.join("events"), "in the way").unwrap();
    let error = commit_until_it_fails(&mut process).unwrap();
    assert!(error.message.contains("cannot write events/orders"), "{error}");
    for has_other in [false, true] {
        fs::rename(&data, &away).unwrap();
        if has_other {
            fs::create_dir(&data).unwrap();
        }
        // It reads the segments first: they are away, not lost.
        assert_unavailable(&mut process, "the data directory is away");
        process.next_epoch(3, END).unwrap();
        assert_unavailable(&mut process, "the data directory is away");
        assert_eq!(data.exists(), has_other, "nothing is made in its place");
        if has_other {
            assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
            fs::remove_dir(&data).unwrap();
        }
        fs::rename(&away, &data).unwrap();
        let error = process.committer.commit().unwrap_err();
        assert!(error.message.contains("cannot write events/orders"), "{error}");
    }
    fs::remove_file(data.join("events")).unwrap();
    process.committer.commit().unwrap();
    assert_goes_on(process, &store);
}
