//! The real binary on a real Kafka, from produced messages to HTTP answers and Parquet files.
//!
//! `tests/run.sh` starts Kafka and says where it is. What is expected is computed from the generator's rows: no decoder
//! of ours, no file of ours.

mod answers;
mod broker;
#[cfg(feature = "s3")]
mod bucket;
mod dead_letters;
mod files;
mod gate;
mod ingress;
mod kills;
mod load;
mod one_topic;
mod oracle;
mod replays;
mod retained;
pub mod server;
mod standby;
mod storage;
mod topics;
mod unheard;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rebateflow::clock::Clock;
use rebateflow::demo::Generator;
use serde_json::Value;
use tempfile::TempDir;

use answers::assert_views;
use broker::{OwnBroker, test_brokers};
use files::{assert_files, assert_nothing_twice};
use load::Load;
use oracle::Expected;
use server::{Launch, Server, summary_figure};

/// The great load: at least 200,000 messages, as the issue asks.
const MESSAGES: usize = 200_000;
/// A row an epoch is slow in a build without optimizations, so those runs are about fewer messages.
const MESSAGES_OF_EPOCHS: usize = 20_000;
/// Time for a drain of the great load.
const DRAIN_MAX: Duration = Duration::from_secs(240);
/// Time for the server to become ready, or to see that it is not.
const READY_MAX: Duration = Duration::from_secs(120);

/// One test of these at a time: each wants both cores.
static TURN: Mutex<()> = Mutex::new(());

/// The great load with its batch answer, produced once.
fn great_load(brokers: &str) -> &'static (Load, Expected) {
    static GREAT: OnceLock<(Load, Expected)> = OnceLock::new();
    GREAT.get_or_init(|| {
        let load = Load::produce(brokers, 20_260_101, MESSAGES);
        assert!(load.unreadable() * 200 > load.messages(), "about 1 % is unreadable");
        let expected = Expected::of(&load);
        (load, expected)
    })
}

/// A directory of a test with the schemas of its load, and how to start the binary there.
fn launch(brokers: &str, load: &Load, environment: &[(&'static str, &str)]) -> (TempDir, Launch) {
    let directory = tempfile::tempdir().expect("a directory");
    load.write_catalog(directory.path());
    let launch = Launch {
        brokers: brokers.to_string(),
        directory: directory.path().to_path_buf(),
        sql: directory.path().join("sql"),
        arguments: vec![],
        environment: environment.iter().map(|(name, value)| (*name, value.to_string())).collect(),
    };
    (directory, launch)
}

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn drain_equals_batch() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let (load, expected) = great_load(&brokers);
    let (directory, launch) = launch(&brokers, load, &[]);

    let log = launch.drain(DRAIN_MAX);
    assert_eq!(summary_figure(&log, "accepted"), load.accepted());
    assert_eq!(summary_figure(&log, "rejected"), load.unreadable());
    assert_files(directory.path(), load, expected);

    assert_dead_letters(&launch.data(), load.unreadable());

    // Recovery: the views are made again from the saved state, without one event; or, if that is damaged, from the
    // history.
    let damage = || {
        let files =
            fs::read_dir(launch.data().join("state")).expect("state files").map(|file| file.expect("a file").path());
        files.for_each(|file| fs::write(file, "damaged").expect("written"));
    };
    for (damaged, says, never_says) in [
        (false, "loaded the saved state", "replayed the history"),
        (true, "saved state cannot be used", "loaded the saved state"),
        (false, "loaded the saved state", "saved state cannot be used"),
    ] {
        if damaged {
            damage();
        }
        let mut server = launch.start();
        server.wait_ready(READY_MAX);
        assert_views(&server, expected);
        let log = server.terminate();
        assert_eq!(summary_figure(&log, "accepted"), 0, "everything was processed before");
        assert!(log.contains(says) && !log.contains(never_says), "damaged: {damaged}\n{log}");
        assert_files(directory.path(), load, expected);
    }
}

#[test]
fn contents_do_not_depend_on_the_size_of_epochs_or_the_number_of_shards() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let load = Load::produce(&brokers, 20_260_102, MESSAGES_OF_EPOCHS);
    let expected = Expected::of(&load);
    for (rows_max, shards, epochs) in [("1", "1", load.messages()..=load.messages()), ("1000", "7", 20..=1_000)] {
        let (directory, launch) = launch(&brokers, &load, &[("REBATEFLOW_SHARDS", shards)]);
        let mut server = launch.with(&["--epoch-rows-max", rows_max]).start();
        server.wait_ready(READY_MAX);
        assert_views(&server, &expected);
        let log = server.terminate();
        let found = summary_figure(&log, "epochs");
        assert!(epochs.contains(&found), "{found} epochs of {rows_max} rows");
        assert_files(directory.path(), &load, &expected);
    }

    // One epoch: only a drain waits for an epoch to be full.
    let (directory, launch) = launch(&brokers, &load, &[]);
    let log = launch.with(&["--epoch-rows-max", "1048576", "--epoch-ms-max", "10000"]).drain(DRAIN_MAX);
    assert_eq!(summary_figure(&log, "epochs"), 1);
    assert_files(directory.path(), &load, &expected);
    let mut server = launch.start();
    server.wait_ready(READY_MAX);
    assert_views(&server, &expected);
    server.terminate();
}

#[test]
fn kill_nine() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let (load, expected) = great_load(&brokers);
    // Commits, checkpoints and rolls follow close upon each other, so that a kill falls into any of them.
    let often = [
        ("REBATEFLOW_COMMIT_EVERY_MS", "100"),
        ("REBATEFLOW_ROLL_AFTER_MS", "400"),
        ("REBATEFLOW_CHECKPOINT_EVERY_MS", "150"),
    ];
    let (directory, launch) = launch(&brokers, load, &often);
    let launch = launch.with(&["--epoch-rows-max", "1000"]);
    let total = load.messages();
    for part in [total / 8, total / 2] {
        let mut server = launch.with(&["--drain"]).start();
        let until = Clock::System.instant() + DRAIN_MAX;
        while committed(&launch.data()) < part {
            assert!(server.runs(), "it ended before {part} messages were committed\n{}", server.log());
            assert!(Clock::System.instant() < until, "{part} messages are not committed yet");
            Clock::System.sleep(Duration::from_millis(5));
        }
        server.kill();
        let held = committed(&launch.data());
        assert!(held < total, "killed in the middle: {held} of {total} messages are committed");
        assert_nothing_twice(directory.path());
    }

    let before = committed(&launch.data());
    let log = launch.drain(DRAIN_MAX);
    let rest = summary_figure(&log, "accepted") + summary_figure(&log, "rejected");
    assert_eq!(before + rest, total, "it goes on where the last commit ended");
    assert_files(directory.path(), load, expected);
    let mut server = launch.start();
    server.wait_ready(READY_MAX);
    assert_views(&server, expected);
    server.terminate();
}

/// The dead letters as the command prints them: so many, and one of them whole.
fn assert_dead_letters(data: &Path, count: u64) {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebateflow"));
        let output = command.arg("dead-letters").args(arguments).arg("--data").arg(data).output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        assert!(output.status.success(), "{}", text(output.stderr));
        (text(output.stdout), text(output.stderr))
    };
    let (out, err) = run(&["list", "--limit", "1000000", "--format", "json"]);
    assert_eq!(out.lines().count() as u64, count, "{err}");
    let (newest, err) = run(&["list", "--limit", "3", "--format", "json"]);
    assert!(out.ends_with(&newest) && newest.lines().count() == 3, "{newest}");
    assert!(err.contains("these are the newest 3"), "{err}");
    let last: Value = serde_json::from_str(newest.lines().last().expect("a line")).expect("JSON");
    let position = format!("{}/{}/{}", last["topic"].as_str().expect("a topic"), last["partition"], last["offset"]);
    let whole: Value = serde_json::from_str(&run(&["show", &position]).0).expect("JSON");
    assert_eq!(whole["error"], last["error"]);
    assert!(whole.get("value").is_some() && whole.get("headers").is_some(), "{whole}");
}

/// Messages that the newest manifest says are committed.
pub fn committed(data: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(data.join("log")) else {
        return 0;
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let Some(newest) = names.filter(|name| name.ends_with(".json")).max() else {
        return 0;
    };
    // It may be swept at this very moment, which the next look finds.
    let Ok(text) = fs::read_to_string(data.join("log").join(newest)) else {
        return 0;
    };
    let manifest: Value = serde_json::from_str(&text).expect("a manifest is JSON and created whole");
    let offsets: BTreeMap<String, BTreeMap<String, u64>> =
        serde_json::from_value(manifest["offsets"].clone()).expect("offsets by topic and partition");
    offsets.values().flat_map(BTreeMap::values).sum()
}

#[test]
fn broker_away() {
    if test_brokers().is_none() {
        return;
    }
    let _turn = turn();
    let directory = tempfile::tempdir().expect("a directory");
    let broker = OwnBroker::new(&directory.path().join("kafka"));
    let mut generator = Generator::new(load::options(20_260_103));
    let mut load = Load::nowhere(20_260_103);
    let (_directory, launch) = launch(&broker.brokers(), &load, &[]);

    // Nobody listens yet: alive, not ready, and it says why. A stop is a stop, but for a drain it is no success.
    let mut server = launch.start();
    assert_eq!(server.get("/health/live").0, 200);
    server.wait_for(READY_MAX, unreachable);
    server.terminate();
    let mut server = launch.with(&["--drain"]).start();
    server.wait_for(READY_MAX, unreachable);
    let (status, log) = server.interrupt();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("error: told to stop before everything was processed"), "{log}");
    let mut server = launch.start();
    server.wait_for(READY_MAX, unreachable);

    // The broker appears: everything that it has is read.
    broker.start();
    load.create(&broker.brokers());
    load.send(&broker.brokers(), generator.by_ref().take(5_000));
    server.wait_ready(READY_MAX);
    assert_caught_up(&server, &load);

    // It goes away: what was published is served on. It comes back: so do we, by ourselves.
    broker.stop();
    server.wait_for(READY_MAX, unreachable);
    assert_views(&server, &Expected::of(&load));
    broker.start();
    load.send(&broker.brokers(), generator.by_ref().take(5_000));
    server.wait_ready(READY_MAX);
    assert_caught_up(&server, &load);

    // A stop does not wait for a broker that is away.
    broker.stop();
    server.wait_for(READY_MAX, unreachable);
    let log = server.terminate();
    assert_eq!(summary_figure(&log, "accepted"), load.accepted());
    assert_eq!(summary_figure(&log, "rejected"), load.unreadable());
    // The client's own lines come in the form of ours.
    assert!(log.contains("Kafka client: "), "{log}");
    assert!(!log.lines().any(|line| line.starts_with('%')), "{log}");
}

fn unreachable(reasons: &[String]) -> bool {
    reasons.iter().any(|reason| reason == "broker unreachable")
}

/// Waits for the last message of every partition, then compares.
fn assert_caught_up(server: &Server, load: &Load) {
    let mut path = "/v1/views/stock_available?sku_id=nothing".to_string();
    for (topic, partitions) in &load.next_offsets {
        for (partition, next) in partitions.iter().filter(|(_, next)| **next > 0) {
            path += &format!("&min_offset={topic}:{partition}:{}", next - 1);
        }
    }
    let (status, answer) = server.get(&path);
    assert_eq!(status, 200, "{answer}");
    assert_views(server, &Expected::of(load));
}
