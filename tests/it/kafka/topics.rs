//! What may happen to a topic: it is missing, gets partitions, loses its old events, is made anew, loses its end.

use std::fs;
use std::time::Duration;

use rebateflow::clock::Clock;

use super::broker::{OwnBroker, test_brokers};
use super::gate::Gate;
use super::one_topic::{DONE_MAX, LOOK_EVERY, OneTopic, ids, once};
use super::server::Launch;
use super::{turn, unreachable};

/// How long it is watched that nothing happens: longer than the fetch thread waits for answers that do not come, before it
/// takes what is there (2.2 s for one about topics, 2 s for one about a partition).
const WATCHED: Duration = Duration::from_secs(5);

#[test]
fn a_missing_topic_is_said_and_waited_for() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let world = OneTopic::new(&brokers, "missing");
    let mut server = world.launch().start();
    server.wait_for(DONE_MAX, |reasons| reasons.iter().any(|reason| reason == "topic missing"));
    assert!(!server.not_ready().iter().any(|reason| reason == "broker unreachable"), "{}", server.log());
    let log = server.log();
    assert!(log.contains(&format!("there is no topic {} (of table orders)", world.topic)), "{log}");
    world.create(1);
    world.send(0, 1..4);
    server.wait_ready(DONE_MAX);
    world.wait_ids(&mut server, &once(1..4));
    // It is deleted: what was read goes on being served.
    world.delete();
    server.wait_for(DONE_MAX, |reasons| reasons.iter().any(|reason| reason == "topic missing"));
    world.wait_ids(&mut server, &once(1..4));
    server.terminate();
}

#[test]
fn added_partitions_are_read_from_their_beginning() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let world = OneTopic::new(&brokers, "added");
    world.create(1);
    world.send(0, [1]);
    let mut server = world.launch().start();
    server.wait_ready(DONE_MAX);
    // While it runs: what was produced before it looked is read, too.
    world.add_partitions(3);
    world.send(2, [2, 3]);
    world.wait_ids(&mut server, &once(1..4));
    world.send(1, [4]);
    world.send(2, [5]);
    world.wait_ids(&mut server, &once(1..6));
    server.terminate();
    // Between two runs.
    world.add_partitions(4);
    world.send(3, [6]);
    world.send(2, [7]);
    world.launch().drain(DONE_MAX);
    world.assert_ids(&once(1..8));
}

#[test]
fn what_retention_took_is_said_and_can_be_given_up() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let world = OneTopic::new(&brokers, "retention");
    world.create(2);
    world.send(0, 0..10);
    world.send(1, 100..103);
    world.launch().drain(DONE_MAX);
    world.send(0, 10..20);
    world.delete_before(0, 15);
    for arguments in [&["--drain"][..], &[]] {
        let log = world.refused(arguments);
        let lost = format!(
            "topic {} partition 0 has lost offsets 10 to 14 before they were read; it holds 15 to 20",
            world.topic
        );
        assert!(log.contains(&lost), "{log}");
        assert!(log.contains(&format!("start once with --accept-loss {}", world.topic)), "{log}");
    }
    assert!(world.launch().with(&["--accept-loss", "another"]).fails_at_once().contains("no table has this topic"));
    // Accepted, and that holds for the next starts: even if nothing came after it.
    world.delete_before(0, 20);
    let log = world.launch().with(&["--accept-loss", &world.topic]).drain(DONE_MAX);
    assert!(log.contains("has lost offsets 10 to 19"), "{log}");
    world.assert_ids(&once((0..10).chain(100..103)));
    world.send(0, 20..22);
    world.launch().drain(DONE_MAX);
    world.assert_ids(&once((0..10).chain(20..22).chain(100..103)));
}

#[test]
fn a_topic_made_anew_is_never_taken_for_the_old_one() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let world = OneTopic::new(&brokers, "anew");
    world.create(2);
    world.send(0, 0..10);
    world.send(1, [50]);
    world.launch().drain(DONE_MAX);

    // With fewer partitions, and more events than before: by the offsets alone nothing is wrong.
    world.delete();
    world.create(1);
    world.send(0, 100..130);
    let log = world.refused(&["--drain"]);
    assert!(log.contains(&format!("topic {} was made anew", world.topic)), "{log}");
    assert!(log.contains("has no partition 1 any more"), "{log}");
    let accept = world.launch().with(&["--accept-loss", &world.topic]);
    accept.drain(DONE_MAX);
    world.assert_ids(&once((0..10).chain([50]).chain(100..130)));

    // The events go on behind those of the old topic; a reader waits for the offset that its producer was told.
    let mut server = world.launch().start();
    server.wait_ready(DONE_MAX);
    world.send(0, [130]);
    let (status, answer) = server.get(&format!("/v1/views/ids?id=130&min_offset={}:0:30", world.topic));
    assert_eq!((status, answer["rows"].as_array().map(Vec::len)), (200, Some(1)), "{answer}");
    let offsets = server
        .sql("SELECT MIN(_offset) AS low, MAX(_offset) AS high FROM events.orders WHERE id >= 100 AND id < 130", 1);
    assert_eq!((&offsets["rows"][0]["low"], &offsets["rows"][0]["high"]), (&10.into(), &39.into()), "{offsets}");

    // While it runs: it stops, and nothing of the new topic was committed at offsets of the old one.
    world.delete();
    world.create(2);
    world.send(0, 200..260);
    world.send(1, [300]);
    let status = server.wait(DONE_MAX);
    assert_eq!(status.code(), Some(1), "{}", server.log());
    assert!(server.log().contains("was made anew"), "{}", server.log());
    accept.drain(DONE_MAX);
    world.assert_ids(&once((0..10).chain([50]).chain(100..131).chain(200..260).chain([300])));
}

/// The broker comes back for a moment, with another topic under the same name: what it gives is not taken before it has
/// told which topic that is.
#[test]
fn a_topic_made_anew_while_the_broker_was_away_is_not_read_for_a_moment() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let world = OneTopic::new(&brokers, "gated");
    world.create(1);
    world.send(0, 0..10);
    let gate = Gate::new(&brokers, &world.topic, r#"{"id":120}"#);
    let mut server = Launch { brokers: gate.address().to_string(), ..world.launch() }.start();
    server.wait_ready(DONE_MAX);
    world.wait_ids(&mut server, &once(0..10));

    gate.shut();
    server.wait_for(DONE_MAX, unreachable);
    world.delete();
    world.create(1);
    world.send(0, 100..130);
    gate.open_for_one_answer_of_the_topic();
    gate.wait_for_event(DONE_MAX);
    let until = Clock::System.instant() + WATCHED;
    while Clock::System.instant() < until {
        assert!(server.runs(), "{}", server.log());
        assert_eq!(ids(&server), once(0..10), "events of the new topic are taken\n{}", server.log());
        Clock::System.sleep(LOOK_EVERY);
    }
    gate.open();
    let (status, log) = server.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("topic {} was made anew", world.topic)), "{log}");
    world.launch().with(&["--accept-loss", &world.topic]).drain(DONE_MAX);
    world.assert_ids(&once((0..10).chain(100..130)));
}

#[test]
fn a_topic_that_lost_its_end_is_said() {
    if test_brokers().is_none() {
        return;
    }
    let _turn = turn();
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("kafka");
    let broker = OwnBroker::new(&data);
    broker.start();
    let world = OneTopic::new(&broker.brokers(), "end");
    world.create(1);
    world.send(0, 0..10);
    world.launch().drain(DONE_MAX);

    // The same topic, without its events: a disk was lost and put back empty.
    broker.stop();
    let partition = data.join("log").join(format!("{}-0", world.topic));
    for file in fs::read_dir(&partition).expect("the partition's directory") {
        let path = file.expect("a file").path();
        if path.file_name().is_none_or(|name| name != "partition.metadata") {
            fs::remove_file(path).expect("removed");
        }
    }
    broker.start();
    world.send(0, 20..23);
    let log = world.refused(&[]);
    assert!(log.contains("partition 0 ends before offset 3, but 10 comes next"), "{log}");
    world.launch().with(&["--accept-loss", &world.topic]).drain(DONE_MAX);
    world.assert_ids(&once((0..10).chain(20..23)));
}
