//! The real binary and its storage: backups while it runs, and a data directory that is full, read-only or away.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use rebateflow::clock::Clock;
use rebateflow::demo::Generator;

use super::answers::assert_views;
use super::broker::test_brokers;
use super::files::assert_files;
use super::load::{Load, options};
use super::oracle::Expected;
use super::server::{Launch, Server, summary_figure};
use super::{DRAIN_MAX, READY_MAX, assert_caught_up, committed, launch, turn};
use crate::history::mount::{Mount, not_shown};

const MESSAGES: usize = 40_000;
/// Commits, checkpoints and rolls follow close upon each other.
pub const OFTEN: [(&str, &str); 3] = [
    ("REBATEFLOW_COMMIT_EVERY_MS", "100"),
    ("REBATEFLOW_ROLL_AFTER_MS", "400"),
    ("REBATEFLOW_CHECKPOINT_EVERY_MS", "150"),
];
/// How long the storage is away, while messages go on coming in, every second so many.
const AWAY_SECONDS: usize = 3;
const MESSAGES_EVERY_SECOND: usize = 500;

/// Runs a command of the binary.
pub fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rebateflow")).args(arguments).output().expect("it runs")
}

/// Runs it, and it succeeds.
pub fn succeeds(arguments: &[&str]) -> String {
    let output = command(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Waits until so many messages are committed, by this look at them.
pub fn wait_committed(server: &mut Server, wanted: u64, look: impl Fn() -> u64) {
    let until = Clock::System.instant() + DRAIN_MAX;
    while look() < wanted {
        assert!(server.runs(), "it ended before {wanted} messages were committed\n{}", server.log());
        assert!(Clock::System.instant() < until, "{wanted} messages are not committed yet\n{}", server.log());
        Clock::System.sleep(Duration::from_millis(5));
    }
}

/// A drain goes on from what is committed; then everything equals the batch answer.
pub fn assert_goes_on(launch: &Launch, load: &Load, before: u64) {
    let log = launch.drain(DRAIN_MAX);
    let rest = summary_figure(&log, "accepted") + summary_figure(&log, "rejected");
    assert_eq!(before + rest, load.messages(), "it goes on where the last commit ended");
    let mut server = launch.start();
    server.wait_ready(READY_MAX);
    assert_views(&server, &Expected::of(load));
    server.terminate();
}

#[test]
fn a_backup_made_while_it_runs_is_restored_and_goes_on() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let mut generator = Generator::new(options(20_260_104));
    let mut load = Load::nowhere(20_260_104);
    load.create(&brokers);
    load.send(&brokers, generator.by_ref().take(MESSAGES));
    let (directory, running) = launch(&brokers, &load, &OFTEN);
    let mut server = running.with(&["--epoch-rows-max", "500"]).start();
    let kept = directory.path().join("kept");
    let mut held = 0;
    for _ in 0..3 {
        // Whatever is committed by then, more comes.
        load.send(&brokers, generator.by_ref().take(2_000));
        wait_committed(&mut server, (held + 1).max(load.messages() / 8), || committed(&running.data()));
        let said = succeeds(&["backup", text(&kept), "--data", text(&running.data())]);
        assert!(said.starts_with("everything up to commit "), "{said}");
        assert!(committed(&kept) > held, "the backup goes on");
        held = committed(&kept);
    }
    load.send(&brokers, generator.by_ref().take(2_000));
    server.kill();
    assert!(held < load.messages(), "the last backup lacks what came after it");
    fs::remove_dir_all(running.data()).expect("the directory is lost");

    let (restored, after) = launch(&brokers, &load, &OFTEN);
    succeeds(&["restore", text(&kept), "--data", text(&after.data())]);
    assert_eq!(committed(&after.data()), held);
    let refused = command(&["restore", text(&kept), "--data", text(&after.data())]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds data already"), "{refused:?}");
    assert_goes_on(&after, &load, held);
    assert_files(restored.path(), &load, &Expected::of(&load));
}

/// Waits until commits fail for this reason, and looks at all places that say so.
fn assert_says(server: &mut Server, reason: &str) {
    server.wait_for(READY_MAX, |reasons| reasons.iter().any(|reason| reason == "commits fail"));
    let (_, answer) = server.get("/health/ready");
    assert!(answer["commit_error"].as_str().is_some_and(|error| error.contains(reason)), "{answer}");
    assert!(server.log().contains(reason), "{}", server.log());
    assert!(server.runs());
}

#[test]
fn storage_in_trouble_is_waited_for_and_nothing_is_lost() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let mut generator = Generator::new(options(20_260_105));
    let mut load = Load::nowhere(20_260_105);
    load.create(&brokers);
    let (directory, launch) = launch(&brokers, &load, &OFTEN);
    // `data` is a link, so that what it leads to can be moved.
    let disk = Mount::tmpfs("1m");
    let place = disk.as_ref().map_or(directory.path(), Mount::path).to_path_buf();
    let (stored, away) = (place.join("stored"), place.join("away"));
    fs::create_dir(&stored).expect("a directory");
    std::os::unix::fs::symlink(&stored, launch.data()).expect("a link");
    let mut server = launch.start();

    match &disk {
        Some(disk) => {
            load.send(&brokers, generator.by_ref().take(10_000));
            assert_says(&mut server, "No space left on device");
            disk.remount("size=512m");
            server.wait_ready(READY_MAX);
            disk.remount("ro");
            load.send(&brokers, generator.by_ref().take(2_000));
            assert_says(&mut server, "Read-only file system");
            disk.remount("rw");
            server.wait_ready(READY_MAX);
        }
        None => not_shown("a full disk and a read-only one"),
    }
    fs::rename(&stored, &away).expect("it is moved");
    load.send(&brokers, generator.by_ref().take(2_000));
    assert_says(&mut server, "the data directory is away");
    for _ in 0..AWAY_SECONDS {
        Clock::System.sleep(Duration::from_secs(1));
        load.send(&brokers, generator.by_ref().take(MESSAGES_EVERY_SECOND));
    }
    // What comes in is published and served all the while.
    assert_caught_up(&server, &load);
    assert!(server.runs() && !stored.exists());
    fs::rename(&away, &stored).expect("it is back");
    server.wait_ready(READY_MAX);
    assert!(server.log().contains("commits work again"), "{}", server.log());
    let log = server.terminate();
    assert_eq!(summary_figure(&log, "accepted"), load.accepted());
    assert_eq!(summary_figure(&log, "rejected"), load.unreadable());
    assert_goes_on(&launch, &load, load.messages());
    assert_files(directory.path(), &load, &Expected::of(&load));
}
