//! SIGKILL again and again while messages come in: the process and its store, the broker, and what other readers find.
//!
//! A few kills by default. Many, at the rate of a busy App, and with a broker that is restarted:
//!
//! ```text
//! REBATEFLOW_KILLS=200 REBATEFLOW_KILLS_RATE=20000 tests/run.sh --release --test it kills
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rebateflow::clock::Clock;
use rebateflow::demo::Generator;
use rebateflow::tasks::spawn_thread;
use serde_json::Value;

use super::answers::{assert_sample, assert_views};
use super::broker::{OwnBroker, test_brokers};
use super::files::{assert_files, assert_nothing_twice};
use super::load::{Load, options};
use super::oracle::Expected;
use super::server::Server;
use super::{READY_MAX, launch, turn};

const SEED: u64 = 20_260_108;
/// So many kills, then everything is compared and a new directory begins: all messages of a round are in memory.
const KILLS_PER_ROUND: usize = 40;
/// So many kills between two restarts of the broker.
const KILLS_PER_RESTART: usize = 20;
/// So many between two looks of other readers at the files.
const KILLS_PER_LOOK: usize = 10;
/// Kills from which every step must have been met.
const KILLS_OF_ALL_STEPS: usize = 150;
/// How long a certain step is waited for.
const STEP_MAX: Duration = Duration::from_secs(3);
/// Messages up to which every row of every view is compared over HTTP.
const COMPARED_WHOLE: u64 = 100_000;

/// The steps of commit and roll, by what is created there: a part of the path, and a name.
const STEPS: [(&str, &str); 8] = [
    ("#", "half a file"),
    ("/_delta_log/", "entry of a Delta log"),
    ("/log/rolls/", "record of a roll"),
    ("-merged.seg", "merged state file"),
    ("/state/", "state file"),
    (".seg", "segment"),
    (".json", "manifest"),
    (".parquet", "Parquet file"),
];

fn variable(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Sends messages at a rate until it is told to stop.
fn feed(brokers: String, mut load: Load, (seed, rate): (u64, usize), stop: Arc<AtomicBool>) -> Load {
    let (start, mut sent) = (Clock::System.instant(), 0usize);
    let paced = Generator::new(options(seed)).take_while(|_| {
        sent += 1;
        if sent.is_multiple_of(100) {
            let due = start + Duration::from_secs_f64(sent as f64 / rate as f64);
            Clock::System.sleep(due.saturating_duration_since(Clock::System.instant()));
        }
        !stop.load(Ordering::Acquire)
    });
    load.send(&brokers, paced);
    load
}

#[test]
fn kills_at_every_step_of_a_live_run_lose_nothing() {
    if test_brokers().is_none() {
        return;
    }
    let _turn = turn();
    let (kills, rate) = (variable("REBATEFLOW_KILLS", 8), variable("REBATEFLOW_KILLS_RATE", 3_000));
    let kafka = tempfile::tempdir().expect("a directory");
    let broker = OwnBroker::new(&kafka.path().join("kafka"));
    broker.start();
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    for (round, first) in (0..kills).step_by(KILLS_PER_ROUND).enumerate() {
        let here = KILLS_PER_ROUND.min(kills - first);
        for (step, count) in run_round(&broker, SEED + round as u64, here, rate) {
            *tally.entry(step).or_default() += count;
        }
        println!("{} kills at {rate} messages/s, by the last step: {tally:?}", first + here);
    }
    if kills >= KILLS_OF_ALL_STEPS {
        let steps: BTreeSet<&str> = STEPS.iter().map(|(_, name)| *name).chain(["start", "deletion"]).collect();
        let missed: Vec<&&str> = steps.iter().filter(|step| !tally.contains_key(**step)).collect();
        assert!(missed.is_empty(), "no kill at {missed:?}: {tally:?}");
    }
}

/// Kills one process after another on one directory, then compares everything. The kills by the last step.
fn run_round(broker: &OwnBroker, seed: u64, kills: usize, rate: usize) -> BTreeMap<&'static str, usize> {
    let load = Load::nowhere(seed);
    load.create(&broker.brokers());
    let often = [
        ("REBATEFLOW_COMMIT_EVERY_MS", "100"),
        ("REBATEFLOW_ROLL_AFTER_MS", "500"),
        ("REBATEFLOW_CHECKPOINT_EVERY_MS", "200"),
    ];
    let (directory, launch) = launch(&broker.brokers(), &load, &often);
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, brokers) = (stop.clone(), broker.brokers());
    let feeding = spawn_thread("feed", move || feed(brokers, load, (seed, rate), stopped)).expect("a thread");

    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    for kill in 1..=kills {
        let mut server = launch.start();
        let ready = wait(&mut server, &launch.data(), kill, &mut random);
        server.kill();
        *tally.entry(if ready { last_step(&launch.data()) } else { "start" }).or_default() += 1;
        if kill % KILLS_PER_LOOK == 0 {
            assert_nothing_twice(directory.path());
        }
        if kill % KILLS_PER_RESTART == 0 {
            broker.stop();
            broker.start();
        }
    }
    stop.store(true, Ordering::Release);
    let load = feeding.join().expect("everything was sent");
    println!("{kills} kills, {} messages: {tally:?}", load.messages());

    launch.drain(READY_MAX * 10);
    let expected = Expected::of(&load);
    assert_files(directory.path(), &load, &expected);
    let mut server = launch.start();
    server.wait_ready(READY_MAX);
    if load.messages() <= COMPARED_WHOLE {
        assert_views(&server, &expected)
    } else {
        assert_sample(&server, &expected)
    }
    server.terminate();
    tally
}

/// Waits for the moment of a kill: some time of the start, some time after it, or a certain step. Whether the process
/// was ready by then.
fn wait(server: &mut Server, data: &Path, kill: usize, random: &mut fastrand::Rng) -> bool {
    if kill % 4 == 0 {
        Clock::System.sleep(Duration::from_millis(random.u64(0..600)));
        return server.not_ready().iter().all(|reason| reason == "behind");
    }
    server.wait_for(READY_MAX, |reasons| reasons.iter().all(|reason| reason == "behind"));
    if kill % 4 == 1 {
        Clock::System.sleep(Duration::from_millis(random.u64(0..1_500)));
        return true;
    }
    let until = Clock::System.instant() + STEP_MAX;
    match random.usize(0..=STEPS.len()) {
        step if step < STEPS.len() => wait_for_step(data, STEPS[step].1, until),
        _ => while !deletes(data) && Clock::System.instant() < until {},
    }
    true
}

/// Waits until a new object of a step is there.
fn wait_for_step(data: &Path, step: &str, until: Instant) {
    let of_step = || objects(data).into_iter().filter(|(path, _)| step_of(path) == Some(step)).map(|(path, _)| path);
    let before: BTreeSet<PathBuf> = of_step().collect();
    while Clock::System.instant() < until && of_step().all(|path| before.contains(&path)) {}
}

/// The step after which the process was killed: that of the newest object, or the deletion of what was rolled.
fn last_step(data: &Path) -> &'static str {
    if deletes(data) {
        return "deletion";
    }
    let steps = objects(data).into_iter().filter_map(|(path, time)| Some((time, step_of(&path)?)));
    steps.max().map_or("nothing", |(_, step)| step)
}

fn step_of(path: &Path) -> Option<&'static str> {
    let path = path.to_str()?;
    STEPS.iter().find(|(part, _)| path.contains(part)).map(|(_, step)| *step)
}

/// Whether a commit that the newest manifest says is rolled lies there still.
fn deletes(data: &Path) -> bool {
    let Ok(entries) = fs::read_dir(data.join("log")) else { return false };
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let Some(newest) = names.iter().filter(|name| name.ends_with(".json")).max() else { return false };
    // It may be swept at this very moment.
    let Ok(text) = fs::read_to_string(data.join("log").join(newest)) else { return false };
    let Ok(manifest) = serde_json::from_str::<Value>(&text) else { return false };
    let rolled_to = manifest["roller"]["rolled_to"].as_u64().unwrap_or(0);
    let number = |name: &String| name.split_once('-')?.0.parse::<u64>().ok();
    names.iter().filter_map(number).any(|number| number <= rolled_to)
}

/// All files and when they were written.
fn objects(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // They may be deleted at this very moment.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            found.extend(objects(&path));
        } else if let Ok(time) = metadata.modified() {
            found.push((path, time));
        }
    }
    found
}
