//! Dead letters in their topic: after the commit, at least once, whatever the broker does.

use rebateflow::clock::Clock;

use super::broker::test_brokers;
use super::one_topic::{DONE_MAX, Found, LOOK_EVERY, OneTopic, once};
use super::server::Launch;
use super::turn;

/// The world's server with a topic for dead letters.
fn launch(world: &OneTopic, commit_every_ms: u32) -> (String, Launch) {
    let topic = format!("{}_dead", world.topic);
    let mut launch = world.launch();
    launch.environment = vec![
        ("REBATEFLOW_COMMIT_EVERY_MS", commit_every_ms.to_string()),
        ("REBATEFLOW_DEAD_LETTER_TOPIC", topic.clone()),
    ];
    (topic, launch)
}

/// Waits until the topic has that many messages.
fn wait_found(world: &OneTopic, topic: &str, count: usize) -> Vec<Found> {
    let until = Clock::System.instant() + DONE_MAX;
    loop {
        let found = world.consume(topic);
        if found.len() >= count {
            return found;
        }
        assert!(Clock::System.instant() < until, "{found:?}");
        Clock::System.sleep(LOOK_EVERY);
    }
}

#[test]
fn dead_letters_go_to_their_topic_once_they_are_durable() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let world = OneTopic::new(&brokers, "letters");
    world.create(1);
    let (topic, slow) = launch(&world, 600_000);
    world.create_topic(&topic, 1);
    world.send(0, [1]);
    world.send_raw(0, &[("{\"id\":\"x\"}", None), ("", None)]);
    let mut server = slow.start();
    server.wait_ready(DONE_MAX);
    server.wait_metric(DONE_MAX, "rebateflow_events_total{table=\"orders\",outcome=\"rejected\"} 2");
    assert_eq!(world.consume(&topic), [], "nothing is committed yet");
    server.terminate();
    let found = world.consume(&topic);
    assert_eq!(found.len(), 2, "{found:?}");
    let first = found.iter().find(|found| found.value.as_deref() == Some("{\"id\":\"x\"}")).expect("the first");
    assert_eq!(first.key, Some(format!("{}/0/1", world.topic)));
    let header = |name: &str| first.headers.get(name).map(String::as_str);
    let place = ["table", "topic", "partition", "offset", "field", "key"].map(header);
    assert_eq!(place, ["orders", &world.topic, "0", "1", "id", "k"].map(Some));
    let (success, shown) = world.command(&["dead-letters", "show", &format!("{}/0/1", world.topic)]);
    let error = header("error").expect("an error");
    assert!(success && shown.contains(error), "{error} is not in {shown}");

    // What is known to be there is not produced again; what a kill left unknown is, at least once.
    let (_, quick) = launch(&world, 50);
    quick.drain(DONE_MAX);
    assert_eq!(world.consume(&topic).len(), 2);
    let mut server = quick.start();
    server.wait_ready(DONE_MAX);
    world.send_raw(0, &[("no", None)]);
    wait_found(&world, &topic, 3);
    server.kill();
    world.send_raw(0, &[("nor this", None)]);
    quick.drain(DONE_MAX);
    let found = world.consume(&topic);
    for (offset, value) in [(1, "{\"id\":\"x\"}"), (2, ""), (3, "no"), (4, "nor this")] {
        let key = format!("{}/0/{offset}", world.topic);
        let times = found.iter().filter(|found| found.key.as_ref() == Some(&key)).count();
        assert!((1..=if offset == 3 { 2 } else { 1 }).contains(&times), "{key} is there {times} times");
        assert!(found.iter().all(|f| f.key.as_ref() != Some(&key) || f.value.as_deref().unwrap_or("") == value));
    }
}

#[test]
fn a_dead_letter_topic_that_is_away_holds_up_nothing() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let world = OneTopic::new(&brokers, "away");
    world.create(1);
    let refused = format!("dead_letter_topic is {}, the topic of table orders", world.topic);
    let mut wrong = world.launch();
    wrong.environment.push(("REBATEFLOW_DEAD_LETTER_TOPIC", world.topic.clone()));
    assert!(wrong.fails_at_once().contains(&refused));
    // Before there was a topic for them.
    world.send_raw(0, &[("zero", None)]);
    world.launch().drain(DONE_MAX);

    let (topic, launch) = launch(&world, 50);
    let mut server = launch.start();
    server.wait_ready(DONE_MAX);
    world.send_raw(0, &[("one", None), ("two", None)]);
    world.send(0, 1..4);
    world.wait_ids(&mut server, &once(1..4));
    let (_, listed) = world.command(&["dead-letters", "list", "--format", "csv"]);
    assert!(listed.contains("dead letters"), "{listed}");
    let (success, said) = world.command(&["dead-letters", "list", "--table", "nope"]);
    assert!(!success && said.contains("there is no table nope") && said.contains("the tables are: "), "{said}");
    let until = Clock::System.instant() + DONE_MAX;
    while !server.log().contains("dead letters are not delivered yet") {
        assert!(Clock::System.instant() < until, "{}", server.log());
        Clock::System.sleep(LOOK_EVERY);
    }
    assert_eq!(server.not_ready(), Vec::<String>::new(), "commits and answers go on");
    // A stop does not wait for it, and the next start goes on.
    server.terminate();
    let mut server = launch.start();
    server.wait_ready(DONE_MAX);
    world.create_topic(&topic, 1);
    let mut values: Vec<String> = wait_found(&world, &topic, 3).into_iter().filter_map(|found| found.value).collect();
    values.sort();
    values.dedup();
    assert_eq!(values, ["one", "two", "zero"]);
    server.wait_metric(DONE_MAX, "rebateflow_dead_letters_delivered_total 3");
    server.terminate();
}
