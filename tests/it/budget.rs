//! The memory budget in the real binary, on an embedded broker: above it nothing is consumed, nothing is lost, and
//! everything that was published is served on (I7).

use std::fs;
use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rebateflow::clock::Clock;
use rebateflow::demo::{EmbeddedBroker, PARTITIONS};

use crate::kafka::committed;
use crate::kafka::server::{Launch, Server, summary_figure};

const MESSAGES: u64 = 120_000;
/// `copies` holds about 900 bytes a row: two thirds of the messages make more than the least budget.
const COPIES: &str =
    "CREATE MATERIALIZED VIEW copies WITH (key = 'id') AS SELECT id, repeat(name, 100) AS text FROM note;";
const TOTALS: &str = "CREATE MATERIALIZED VIEW totals AS
    SELECT id % 10 AS bucket, COUNT(*) AS n, SUM(id) AS ids FROM note GROUP BY id % 10;";
const NOTE: &str =
    "CREATE TABLE note (id BIGINT NOT NULL, name VARCHAR NOT NULL) WITH (topic = 'note', format = 'json');";
const SMALL: &str = "67108864";
const LARGE: &str = "268435456";
const READY_MAX: Duration = Duration::from_secs(120);
/// Long enough for many epochs and commits.
const PAUSE: Duration = Duration::from_millis(700);

fn produce(brokers: &str) {
    let mut config = ClientConfig::new();
    let producer: ThreadedProducer<DefaultProducerContext> = config
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", "1000000")
        .create()
        .expect("a producer");
    for id in 0..MESSAGES {
        let value = format!("{{\"id\":{id},\"name\":\"{:08}\"}}", id * 31);
        let record = BaseRecord::<(), _>::to("note").partition((id % PARTITIONS as u64) as i32).payload(&value);
        producer.send(record).map_err(|(error, _)| error).expect("room in the producer's queue");
    }
    producer.flush(READY_MAX).expect("everything is confirmed");
}

fn launch(brokers: &str, directory: &Path) -> Launch {
    for (folder, name, text) in [("schemas", "note", NOTE), ("sql", "copies", COPIES), ("sql", "totals", TOTALS)] {
        fs::create_dir_all(directory.join(folder)).expect("a directory");
        fs::write(directory.join(folder).join(format!("{name}.sql")), text).expect("a file");
    }
    Launch {
        brokers: brokers.to_string(),
        directory: directory.to_path_buf(),
        sql: directory.join("sql"),
        // Small epochs, so that the state grows past 90 % and then past 100 %.
        arguments: vec!["--epoch-rows-max".to_string(), "500".to_string()],
        environment: vec![("REBATEFLOW_COMMIT_EVERY_MS", "100".to_string())],
    }
}

fn with_budget(launch: &Launch, bytes: &str) -> Launch {
    let mut launch = launch.clone();
    launch.environment.push(("REBATEFLOW_MEMORY_BUDGET_BYTES", bytes.to_string()));
    launch
}

/// Messages that the published epoch includes, by its offsets.
fn consumed(server: &Server) -> u64 {
    let (status, answer) = server.get("/v1/views/totals?bucket=1&offsets=true");
    assert_eq!(status, 200, "{answer}");
    let offsets = answer["offsets"].as_array().unwrap_or_else(|| panic!("no offsets in {answer}"));
    offsets.iter().map(|offset| offset["next"].as_u64().expect("an offset")).sum()
}

fn figure(server: &Server, query: &str) -> u64 {
    let answer = server.sql(query, 1);
    answer["rows"][0]["n"].as_u64().unwrap_or_else(|| panic!("{query}: {answer}"))
}

fn over_budget(reasons: &[String]) -> bool {
    reasons.iter().any(|reason| reason == "state_budget")
}

/// Waits until the budget is used up; checks that it stands still there and answers. Gives the messages consumed.
fn assert_stands_still(server: &mut Server, data: &Path) -> u64 {
    server.wait_for(READY_MAX, over_budget);
    let held = consumed(server);
    assert!(held > MESSAGES / 4 && held < MESSAGES, "{held} messages were consumed");
    Clock::System.sleep(PAUSE);
    assert_eq!((consumed(server), committed(data)), (held, held), "offsets do not move");
    assert!(over_budget(&server.not_ready()));
    assert_eq!(server.get("/health/live").0, 200);
    for query in ["SELECT COUNT(*) AS n FROM copies", "SELECT SUM(n) AS n FROM totals"] {
        assert_eq!(figure(server, query), held, "{query}");
    }
    held
}

fn assert_complete(server: &Server) {
    let all = MESSAGES * (MESSAGES - 1) / 2;
    let answer = server.sql("SELECT COUNT(*) AS n, MIN(n) AS low, MAX(n) AS high, SUM(ids) AS ids FROM totals", 1);
    let row = &answer["rows"][0];
    let figures = ["n", "low", "high", "ids"].map(|name| row[name].as_u64());
    assert_eq!(figures, [10, MESSAGES / 10, MESSAGES / 10, all].map(Some), "{answer}");
}

#[test]
fn a_budget_that_is_used_up_stops_consumption_and_nothing_else() {
    let broker = EmbeddedBroker::start(&["note"]).expect("a broker");
    produce(&broker.brokers());
    let directory = tempfile::tempdir().expect("a directory");
    let launch = launch(&broker.brokers(), directory.path());
    let (small, large) = (with_budget(&launch, SMALL), with_budget(&launch, LARGE));

    let mut server = small.start();
    let held = assert_stands_still(&mut server, &launch.data());
    let log = server.terminate();
    assert_eq!(summary_figure(&log, "accepted"), held, "a stop consumes nothing more");
    for part in ["% of its budget", "state is over its budget; consumption stops"] {
        let line = log.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("no {part:?} in\n{log}"));
        let (copies, totals) = (line.find("copies "), line.find("totals "));
        assert!(copies.is_some() && totals.is_some() && copies < totals, "largest first: {line}");
    }

    // The same budget: the same end. A drain cannot wait for a higher one.
    let mut server = small.start();
    assert_eq!(assert_stands_still(&mut server, &launch.data()), held);
    server.terminate();
    let mut drain = small.with(&["--drain"]).start();
    assert_eq!(drain.wait(READY_MAX).code(), Some(1), "{}", drain.log());
    assert!(drain.log().contains("hint: raise memory_budget_bytes or drop a view"), "{}", drain.log());
    assert_eq!(committed(&launch.data()), held);

    // Without the view there is room.
    fs::rename(launch.sql.join("copies.sql"), directory.path().join("copies.sql")).expect("the view is dropped");
    let mut server = small.start();
    server.wait_ready(READY_MAX);
    assert_complete(&server);
    assert_eq!(summary_figure(&server.terminate(), "accepted"), MESSAGES - held);

    // With a higher budget there is room for it, too: it is made again from the history.
    fs::rename(directory.path().join("copies.sql"), launch.sql.join("copies.sql")).expect("the view is back");
    let mut server = large.start();
    server.wait_ready(READY_MAX);
    assert_complete(&server);
    let right = "SELECT COUNT(DISTINCT id) AS n FROM copies \
                 WHERE CAST(substr(text, 1, 8) AS BIGINT) = id * 31 AND char_length(text) = 800";
    assert_eq!(figure(&server, right), MESSAGES);
    server.terminate();
}
