//! Two processes on one data directory: one writes, the other stands by.

use rebateflow::clock::Clock;
use rebateflow::demo::Generator;

use super::answers::assert_views;
use super::broker::test_brokers;
use super::files::assert_files;
use super::load::{Load, options};
use super::oracle::Expected;
use super::server::Server;
use super::{READY_MAX, assert_caught_up, launch, turn};

const SEED: u64 = 20_260_107;
const MESSAGES: usize = 10_000;
const TAKEOVER_AFTER_MS: &str = "1500";
/// So a kill falls between checkpoints, and rolls happen.
const OFTEN: [(&str, &str); 4] = [
    ("REBATEFLOW_COMMIT_EVERY_MS", "100"),
    ("REBATEFLOW_ROLL_AFTER_MS", "700"),
    ("REBATEFLOW_CHECKPOINT_EVERY_MS", "300"),
    ("REBATEFLOW_TAKEOVER_AFTER_MS", TAKEOVER_AFTER_MS),
];

pub fn stands_by(reasons: &[String]) -> bool {
    reasons == ["standby"]
}

/// Waits until the standby has the views of some commit.
pub fn wait_warm(server: &Server) {
    while !server.log().contains("the views are where the writer is") {
        Clock::System.sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_standby_takes_over_from_one_that_is_killed_hangs_or_stops() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let mut generator = Generator::new(options(SEED));
    let mut load = Load::nowhere(SEED);
    load.create(&brokers);
    let (directory, launch) = launch(&brokers, &load, &OFTEN);
    let standby = launch.with(&["--standby"]);
    let mut send = |load: &mut Load| load.send(&brokers, generator.by_ref().take(MESSAGES));

    // Killed.
    let mut first = launch.start();
    send(&mut load);
    first.wait_ready(READY_MAX);
    let mut second = standby.start();
    second.wait_for(READY_MAX, stands_by);
    wait_warm(&second);
    send(&mut load);
    assert_caught_up(&first, &load);
    assert_eq!(second.not_ready(), ["standby"], "the writer is there");
    first.kill();
    let killed = Clock::System.instant();
    second.wait_ready(READY_MAX);
    println!("killed to ready: {:?}, of which {} ms of silence", Clock::System.instant() - killed, TAKEOVER_AFTER_MS);
    assert_views(&second, &Expected::of(&load));

    // It hangs. When it wakes up, another has its place: it stops and says so.
    let mut third = standby.start();
    third.wait_for(READY_MAX, stands_by);
    wait_warm(&third);
    send(&mut load);
    assert_caught_up(&second, &load);
    second.signal("STOP");
    third.wait_ready(READY_MAX);
    send(&mut load);
    assert_caught_up(&third, &load);
    second.signal("CONT");
    let (status, log) = second.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("has taken over"), "{log}");

    // It stops: nobody waits for silence. Of two that stand by, one takes over.
    let mut others = [standby.start(), standby.start()];
    others.iter_mut().for_each(|other| other.wait_for(READY_MAX, stands_by));
    others.iter().for_each(wait_warm);
    send(&mut load);
    assert_caught_up(&third, &load);
    third.terminate();
    let until_one_is_ready = |others: &mut [Server; 2]| loop {
        if let Some(ready) = others.iter().position(|other| other.not_ready().is_empty()) {
            return ready;
        }
        Clock::System.sleep(std::time::Duration::from_millis(20));
    };
    let ready = until_one_is_ready(&mut others);
    let (fourth, mut fifth) = {
        let [a, b] = others;
        if ready == 0 { (a, b) } else { (b, a) }
    };
    assert_views(&fourth, &Expected::of(&load));
    assert!(fifth.runs() && fifth.not_ready() == ["standby"], "{}", fifth.log());
    let log = fourth.terminate();
    // It loaded the state and what came after it when it began to follow; nothing of that is done again to take over.
    let (_, taking_over) = log.split_once("the writer is gone; taking over").unwrap_or_else(|| panic!("{log}"));
    assert!(["loaded the saved state", "replayed the history"].iter().all(|did| !taking_over.contains(did)), "{log}");
    fifth.wait_ready(READY_MAX);
    assert_views(&fifth, &Expected::of(&load));
    fifth.terminate();
    assert_files(directory.path(), &load, &Expected::of(&load));
}
