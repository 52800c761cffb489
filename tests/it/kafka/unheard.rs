//! A process whose log nobody can hear: it goes on as any other.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::broker::test_brokers;
use super::one_topic::{DONE_MAX, OneTopic, once};
use super::turn;

/// Where stderr goes, for bash, each with a name: it is closed, its disk is full, it is a pipe whose reader is gone.
const NOWHERE: [(&str, &str); 3] = [("2>&-", "closed"), ("2> /dev/full", "full"), ("2> >(exit 0)", "unread")];

#[test]
fn a_process_that_cannot_write_its_log_goes_on() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let worlds = NOWHERE.map(|(nowhere, name)| (nowhere, OneTopic::new(&brokers, name)));
    // It would say a lot: every step, that the topic is missing, and that a message cannot be read.
    let mut servers = Vec::new();
    for (nowhere, world) in &worlds {
        let mut launch = world.launch();
        launch.environment.push(("REBATEFLOW_LOG", "debug".to_string()));
        servers.push(launch.start_redirected(nowhere));
        let mut refused = launch.with(&["--accept-loss", "another"]).redirected(nowhere);
        let status = refused.stdout(Stdio::null()).status().expect("it runs");
        assert_eq!(status.code(), Some(1), "{nowhere}: an error that nobody hears is one all the same");
    }
    for ((_, world), server) in worlds.iter().zip(&mut servers) {
        server.wait_for(DONE_MAX, |reasons| reasons.iter().any(|reason| reason == "topic missing"));
        world.create(1);
        world.send(0, 0..10);
        world.send_raw(0, &[("no JSON", None)]);
    }
    for ((nowhere, world), mut server) in worlds.iter().zip(servers) {
        server.wait_ready(DONE_MAX);
        world.wait_ids(&mut server, &once(0..10));
        let log = server.terminate();
        assert_eq!(log, "", "{nowhere}: it went somewhere");
        // Nor did it go into a file that was opened where stderr should be.
        assert_no_line(&world.launch().data());
        world.assert_ids(&once(0..10));
    }
}

fn assert_no_line(folder: &Path) {
    for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            assert_no_line(&path);
        } else {
            let bytes = fs::read(&path).expect("a file");
            assert!(!bytes.windows(12).any(|part| part == b"rebateflow::"), "{} has a line", path.display());
        }
    }
}
