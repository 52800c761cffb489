//! A table with `retention` on a real Kafka: its first files go, a standby that takes over lets the next ones go, and other
//! readers find at every moment what they must.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rebateflow::clock::Clock;
use serde_json::json;

use super::broker::{test_brokers, variable};
use super::one_topic::{DONE_MAX, LOOK_EVERY, OneTopic, once};
use super::server::{Launch, Server};
use super::standby::{stands_by, wait_warm};
use super::turn;

const HOUR_MS: i64 = 3_600_000;
/// How old events of the second kind are when they come: this much less than an hour, after which they do not count.
const LEFT_MS: i64 = 3_000;
/// So every second event or so is in a file of its own.
const OFTEN: [(&str, &str); 4] = [
    ("REBATEFLOW_COMMIT_EVERY_MS", "50"),
    ("REBATEFLOW_ROLL_AFTER_MS", "200"),
    ("REBATEFLOW_CHECKPOINT_EVERY_MS", "300"),
    ("REBATEFLOW_TAKEOVER_AFTER_MS", "1000"),
];

/// Ids are offsets: everything is in one partition.
struct World {
    topic: OneTopic,
    launch: Launch,
    /// The next id.
    next: i64,
}

impl World {
    fn new(brokers: &str) -> World {
        let topic = OneTopic::new(brokers, "retained");
        topic.define("retention = '1 hour'");
        topic.create(1);
        let mut launch = topic.launch();
        launch.environment = OFTEN.map(|(name, value)| (name, value.to_string())).to_vec();
        World { topic, launch, next: 0 }
    }

    fn files(&self) -> Vec<PathBuf> {
        let days = fs::read_dir(self.launch.data().join("events/orders")).into_iter().flatten().flatten();
        let days = days.filter(|day| day.file_name().to_string_lossy().starts_with("_date="));
        let files = days.flat_map(|day| fs::read_dir(day.path()).into_iter().flatten().flatten());
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "parquet")).collect()
    }

    /// Sends events of this age, and waits until they are in a file: gives it.
    fn send_file(&mut self, age_ms: i64, events: i64) -> PathBuf {
        let before = self.files();
        self.send(age_ms, events);
        wait("a new file", || self.files().into_iter().find(|file| !before.contains(file)))
    }

    fn send(&mut self, age_ms: i64, events: i64) {
        self.topic.send_at(Clock::System.now_us() / 1_000 - age_ms, self.next..self.next + events);
        self.next += events;
    }

    /// Sends new events, a file each, until these are gone.
    fn send_until_gone(&mut self, gone: &[&PathBuf]) {
        wait("files that are gone", || {
            self.send_file(0, 1);
            gone.iter().all(|file| !file.exists()).then_some(())
        });
    }

    /// The offsets that `POST /v1/sql` finds in the history are these, each once.
    fn assert_events(&self, server: &Server, first: i64) {
        let query = "SELECT COUNT(*) AS n, COUNT(DISTINCT _offset) AS d, MIN(_offset) AS low, MAX(_offset) AS high \
                     FROM events.orders";
        let found = &server.sql(query, 1)["rows"][0];
        let all = self.next - first;
        assert_eq!(*found, json!({ "n": all, "d": all, "low": first, "high": self.next - 1 }), "{}", server.log());
    }

    /// DuckDB, deltalake and Polars find the same in the files, and the changes of the view add up to its rows.
    fn assert_files(&self, first: i64) {
        let file = |name: &str, text: String| {
            let path = self.launch.directory.join(name);
            fs::write(&path, text).expect("a file");
            path
        };
        let (topic, rows) = (&self.topic.topic, once(first..self.next));
        let produced = json!({ "next_offsets": { topic: { "0": self.next } }, "first_offsets": { topic: { "0": first } },
            "accepted": { topic: self.next - first } });
        let rows: Vec<_> = rows.iter().map(|(id, n)| json!({ "id": id, "n": n })).collect();
        let produced = file("produced.json", produced.to_string());
        let view = file("ids.json", json!(rows).to_string());
        let mut command = python("check.py");
        command.arg(self.launch.data()).arg("--produced").arg(produced).arg("--view");
        let (succeeded, out) = end(command.arg(format!("ids={}", view.display())).spawn().expect("Python can be run"));
        assert!(succeeded && out.ends_with("all equal\n"), "{out}");
    }
}

fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Clock::System.instant() + DONE_MAX;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Clock::System.instant() < until, "no {what}");
        Clock::System.sleep(LOOK_EVERY);
    }
}

/// One of the scripts of other readers.
fn python(script: &str) -> Command {
    let mut command = Command::new(variable("REBATEFLOW_TEST_PYTHON"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers").join(script));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn end(child: Child) -> (bool, String) {
    let ran = child.wait_with_output().expect("its end");
    let out = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    (ran.status.success(), out)
}

#[test]
fn events_that_are_passed_go_also_after_a_takeover_and_other_readers_agree() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let mut world = World::new(&brokers);
    let standby = world.launch.with(&["--standby"]);
    let stop = world.launch.directory.join("stop");
    let mut watch = python("watch.py");
    watch.arg(world.launch.data().join("events/orders")).arg(&stop).arg("--dropping");
    let watcher = watch.spawn().expect("Python can be run");
    let mut first = world.launch.start();
    first.wait_ready(DONE_MAX);
    let mut second = standby.start();
    second.wait_for(DONE_MAX, stands_by);
    // It is passed when it comes. A process looks at the files with its first roll of a day: this one saw nothing there.
    let passed = world.send_file(2 * HOUR_MS, 100);
    wait_warm(&second);
    first.kill();

    // Its first roll looks, and lets the first file go. The files of that roll and the next will be passed, but are not.
    second.wait_ready(DONE_MAX);
    let mut third = standby.start();
    third.wait_for(DONE_MAX, stands_by);
    let later = [(); 2].map(|()| world.send_file(HOUR_MS - LEFT_MS, 50));
    world.send_until_gone(&[&passed]);
    world.topic.wait_ids(&mut second, &once(200..world.next));
    // Committed after that: the clock is one from which the next process goes on.
    world.send_file(0, 1);
    world.assert_events(&second, 100);
    assert!(later.iter().all(|file| file.exists()), "{}", second.log());
    wait_warm(&third);
    second.kill();

    third.wait_ready(DONE_MAX);
    world.topic.wait_ids(&mut third, &once(200..world.next));
    world.send_until_gone(&[&later[0], &later[1]]);
    world.topic.wait_ids(&mut third, &once(200..world.next));
    world.assert_events(&third, 200);
    third.terminate();

    let mut fourth = world.launch.start();
    fourth.wait_ready(DONE_MAX);
    world.topic.wait_ids(&mut fourth, &once(200..world.next));
    world.assert_events(&fourth, 200);
    fourth.terminate();
    world.assert_files(200);
    fs::write(stop, "").expect("a file");
    let (succeeded, out) = end(watcher);
    assert!(succeeded, "{out}");
    // All three beginnings were seen.
    assert!(out.lines().count() == 2 && out.lines().all(|line| line.ends_with(", 3 first rows")), "{out}");
}
