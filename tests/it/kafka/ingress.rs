//! What comes in by HTTP, from log files and from a network's HTTP interface, on a real broker: written, read, served.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rebateflow::tasks::spawn_thread;
use serde_json::Value;
use tempfile::TempDir;

use super::broker::{config, test_brokers};
use super::server::{Launch, Server};
use super::{READY_MAX, turn};

const SECRET: &str = "sixteen-letters-or-more";

/// Tables, views and definitions of this test. Collectors write to topics of fixed names; what is of this run says so.
fn launch(brokers: &str, run: u32) -> (TempDir, Launch) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["schemas", "sql", "collectors"] {
        fs::create_dir(path(folder)).expect("a directory");
    }
    for table in ["affiliate_raw", "raw_impact", "system_logs"] {
        let file = format!("schemas/{table}.sql");
        fs::copy(top.join(&file), path(&file)).expect("a schema");
    }
    let write = |name: &str, text: String| fs::write(path(name), text).expect("written");
    write(
        "schemas/orders.sql",
        format!(
            "CREATE TABLE orders (id BIGINT NOT NULL, state VARCHAR, PRIMARY KEY (id))
             WITH (topic = 'orders_of_ingress_{run}', format = 'json', key_format = 'raw');"
        ),
    );
    write(
        "sql/orders_now.sql",
        "CREATE MATERIALIZED VIEW orders_now WITH (key = 'id') AS SELECT id, state FROM orders;".into(),
    );
    write(
        "sql/actions.sql",
        "CREATE MATERIALIZED VIEW actions AS SELECT r.\"Id\" AS id, r.fetch_id, f.records, f.api
         FROM raw_impact r JOIN affiliate_raw f ON f.fetch_id = r.fetch_id;"
            .into(),
    );
    write(
        "sql/lines.sql",
        "CREATE MATERIALIZED VIEW lines AS SELECT event_id, service, status FROM system_logs;".into(),
    );
    write("collectors/impact.toml", definition(&one_answer(run)));
    let environment = vec![
        ("REBATEFLOW_COLLECTORS", path("collectors").display().to_string()),
        ("IMPACT_WEBHOOK_SECRET", SECRET.to_string()),
    ];
    let launch = Launch {
        brokers: brokers.to_string(),
        directory: directory.path().to_path_buf(),
        sql: path("sql"),
        arguments: vec![],
        environment,
    };
    (directory, launch)
}

fn definition(url: &str) -> String {
    format!(
        "platform = 'IMPACT'\ntopic = 'raw_impact'\napi = 'Actions'\n\
         [request]\nmethod = 'GET'\nurl = '{url}'\ntime = {{ format = '%s', zone = '+00:00' }}\n\
         [answer]\nrecords = 'answer.Actions'\n[rate]\ncalls = 10\nper = '1s'\n\
         [[sweep]]\nname = 'all'\nevery = '1h'\nwindow = '1d'\nwindow_min = '1h'\noverlap = '1h'\nfirst = '1d'\n\
         [webhook]\nsecret = '${{IMPACT_WEBHOOK_SECRET}}'\n"
    )
}

/// A network that has always the same to say.
fn one_answer(run: u32) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    spawn_thread("network", move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = vec![0; 4_096];
            let _ = stream.read(&mut request).expect("a request");
            let body = format!("{{\"answer\":{{\"Actions\":[{{\"Id\":\"polled-{run}\",\"State\":\"PENDING\"}}]}}}}");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).expect("sent");
        }
    })
    .expect("a thread");
    url
}

fn create_topics(brokers: &str, run: u32) {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create().expect("an admin client");
    let orders = format!("orders_of_ingress_{run}");
    for name in [orders.as_str(), "affiliate_raw", "raw_impact", "system_logs"] {
        let topic = NewTopic::new(name, 4, TopicReplication::Fixed(1));
        // Those of fixed names may be there.
        block_on(admin.create_topics(&[topic], &AdminOptions::new())).expect("an answer");
    }
}

fn collect(launch: &Launch, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rebateflow"));
    command.arg("collect").args(arguments).args(["--once", "--brokers", &launch.brokers]);
    command.arg("--data").arg(launch.data()).envs(launch.environment.iter().map(|(name, value)| (name, value)));
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Waits for what was written, then counts.
fn count(server: &Server, written: &Value, query: &str) -> Value {
    for place in written["offsets"].as_array().expect("places") {
        let (status, answer) =
            server.get(&format!("/v1/views/lines?limit=1&min_offset={}", place.as_str().expect("text")));
        assert_eq!(status, 200, "{answer}");
    }
    server.sql(query, 10)["rows"][0]["n"].clone()
}

#[test]
fn what_comes_in_is_written_once_confirmed_and_served() {
    let Some(brokers) = test_brokers() else { return };
    let _turn = turn();
    let run = std::process::id();
    create_topics(&brokers, run);
    let (directory, launch) = launch(&brokers, run);
    let mut server = launch.start();
    server.wait_for(READY_MAX, <[String]>::is_empty);

    // All versions of a key are in one partition, in their order: the last one holds.
    let versions = |n: usize| {
        (0..200).map(|i| format!("{{\"id\":{},\"state\":\"s{}\"}}\n", i % 50, n + i / 50)).collect::<String>()
    };
    let (status, written) = server.post("/v1/events/orders", &versions(0));
    assert_eq!((status, &written["accepted"]), (200, &200.into()), "{written}");
    assert_eq!(written["offsets"].as_array().expect("places").len(), 4, "of four partitions: {written}");
    assert_eq!(count(&server, &written, "SELECT COUNT(*) AS n FROM orders_now WHERE state = 's3'"), 50);
    let (_, written) = server.post("/v1/events/orders", &versions(4));
    assert_eq!(count(&server, &written, "SELECT COUNT(*) AS n FROM orders_now WHERE state = 's7'"), 50);
    let (status, refused) = server.post("/v1/events/orders", "{\"id\":1}\n{\"id\":1.5}");
    assert_eq!(status, 400, "{refused}");

    // A delivery that comes twice names the same fetch.
    let path = format!("/v1/webhooks/impact?secret={SECRET}");
    let action = format!("{{\"Id\":\"pushed-{run}\",\"State\":\"PENDING\"}}");
    assert_eq!(server.post(&path, &action).0, 200);
    let (status, written) = server.post(&path, &action);
    assert_eq!((status, &written["accepted"]), (200, &1.into()), "{written}");
    let distinct = format!("SELECT COUNT(DISTINCT fetch_id) AS n FROM actions WHERE id = 'pushed-{run}'");
    assert_eq!(count(&server, &written, &distinct), 1);

    // A file is read to its end, and on from there.
    let log = directory.path().join(format!("svc{run}.log"));
    let line = |i: usize| format!("{{\"timestamp\":\"2026-01-31T12:00:0{i}Z\",\"status\":200,\"message\":\"x\"}}\n");
    fs::write(&log, line(0) + &line(1)).expect("written");
    let file = log.display().to_string();
    collect(&launch, &["logs", &file]);
    fs::OpenOptions::new().append(true).open(&log).expect("the file").write_all(line(2).as_bytes()).expect("appended");
    collect(&launch, &["logs", &file]);

    // A network is polled; a second look finds the sweep not due.
    let collectors = directory.path().join("collectors").display().to_string();
    collect(&launch, &["impact", "--collectors", &collectors]);
    collect(&launch, &["impact", "--collectors", &collectors]);

    // Topics are read in their order, but not together: the last event of each decides.
    let lines = format!("SELECT COUNT(*) AS n FROM lines WHERE service = 'svc{run}'");
    let polled = format!("SELECT COUNT(*) AS n FROM actions WHERE id = 'polled-{run}' AND records = 1");
    let until = rebateflow::clock::Clock::System.instant() + READY_MAX;
    let none = serde_json::json!({ "offsets": [] });
    while count(&server, &none, &lines) != 3 || count(&server, &none, &polled) != 1 {
        assert!(rebateflow::clock::Clock::System.instant() < until, "not everything came\n{}", server.log());
        rebateflow::clock::Clock::System.sleep(std::time::Duration::from_millis(50));
    }
    server.terminate();
}
