//! Replays of dead letters: each takes effect once, whatever is killed, and whoever produces them.

use super::broker::test_brokers;
use super::one_topic::{DONE_MAX, OneTopic, once};
use super::turn;

/// `dead-letters replay` with these arguments: what it says.
fn replay(world: &OneTopic, arguments: &[&str]) -> String {
    let (success, said) = world.command(&[&["dead-letters", "replay"], arguments].concat());
    assert!(success, "{said}");
    said
}

fn letters(world: &OneTopic) -> usize {
    let (success, said) = world.command(&["dead-letters", "list", "--format", "json"]);
    assert!(success, "{said}");
    said.lines().filter(|line| line.starts_with('{')).count()
}

#[test]
fn a_replay_takes_effect_once() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let world = OneTopic::new(&brokers, "replays");
    let at = |partition: i32, offset: i64| format!("{}/{partition}/{offset}", world.topic);
    let again = |n: u32| format!("rebateflow_replays_total{{table=\"orders\",outcome=\"again\"}} {n}");
    world.create(2);
    world.define("unknown_fields = 'reject'");
    world.send_raw(0, &[("{\"id\":1,\"x\":0}", None), ("{\"id\":2,\"x\":0}", None), ("broken", None)]);
    world.send(0, [3]);
    world.send_raw(1, &[("{\"id\":4,\"x\":0}", None)]);
    world.launch().drain(DONE_MAX);
    world.assert_ids(&once([3]));

    // Unreadable again: a dead letter of its own position, and the old one stays.
    assert!(replay(&world, &[&at(0, 0)]).starts_with("1 message replayed; 0 left out"));
    world.launch().drain(DONE_MAX);
    let (success, shown) = world.command(&["dead-letters", "show", &at(0, 4)]);
    assert!(success && shown.contains("replay-of") && shown.contains(&at(0, 0)), "{shown}");
    assert_eq!(letters(&world), 5);

    // Now they can be read. The replay that failed stands for what it replayed.
    world.define("unknown_fields = 'keep'");
    let mut server = world.launch().start();
    server.wait_ready(DONE_MAX);
    let said = replay(&world, &["--all"]);
    assert!(said.starts_with("4 messages replayed; 1 left out"), "{said}");
    world.wait_ids(&mut server, &once(1..5));
    server.wait_metric(DONE_MAX, "rebateflow_replays_total{table=\"orders\",outcome=\"accepted\"} 3");
    world.send_raw(0, &[("{\"id\":1,\"x\":0}", Some(&at(0, 0))), ("{\"id\":1,\"x\":0}", Some(&at(0, 0)))]);
    server.wait_metric(DONE_MAX, &again(2));
    server.kill();
    world.send_raw(1, &[("{\"id\":4,\"x\":0}", Some(&at(1, 0)))]);
    world.launch().drain(DONE_MAX);
    world.assert_ids(&once(1..5));

    // Two in one batch, twice read because the first reader was killed before it committed.
    let mut slow = world.launch();
    slow.environment = vec![("REBATEFLOW_COMMIT_EVERY_MS", "600000".to_string())];
    let mut server = slow.start();
    server.wait_ready(DONE_MAX);
    world.send_raw(0, &[("{\"id\":7}", Some(&at(0, 2))), ("{\"id\":8}", Some(&at(0, 2)))]);
    server.wait_metric(DONE_MAX, &again(1));
    world.wait_ids(&mut server, &once((1..5).chain([7])));
    server.kill();
    let mut server = slow.start();
    server.wait_metric(DONE_MAX, &again(1));
    world.wait_ids(&mut server, &once((1..5).chain([7])));
    server.terminate();

    // A header that is not ours says nothing; one that is wrong is not guessed at.
    world.send_raw(1, &[("{\"id\":9}", Some(&at(0, 2))), ("{\"id\":10}", Some("hello"))]);
    world.launch().drain(DONE_MAX);
    world.assert_ids(&once((1..5).chain([7, 10])));
    let (_, listed) = world.command(&["dead-letters", "list", "--format", "csv"]);
    assert!(listed.contains(&format!("replay-of names {}", at(0, 2))), "{listed}");

    // What was accepted is left out, whatever was in its way; the rest goes on.
    let all = letters(&world);
    let said = replay(&world, &["--table", "orders"]);
    assert!(said.starts_with(&format!("1 message replayed; {} left out", all - 1)), "{said}");
    world.launch().drain(DONE_MAX);
    world.assert_ids(&once((1..5).chain([7, 9, 10])));
    assert_eq!(letters(&world), all, "they stay");
    let (success, said) = world.command(&["dead-letters", "replay", &at(0, 3)]);
    assert!(!success && said.contains("is not among the dead letters"), "{said}");
}
