//! Collectors against local servers that behave like the networks: after a simulated day with failing calls and
//! restarts nothing is missed, and nothing is doubled in the canonical table.

mod server;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use datafusion::arrow::array::Array;
use datafusion::arrow::util::display::array_value_to_string;
use rebateflow::catalog::Catalog;
use rebateflow::changes::Changes;
use rebateflow::clock::Clock;
use rebateflow::collect::{Collector, CollectorOptions, Sink};
use rebateflow::engine::Engine;
use rebateflow::error::{Error, ErrorKind, Result};
use rebateflow::history::Store;
use rebateflow::ingest::{Decoder, Message};
use rebateflow::network::{Definition, RawMessage};
use rebateflow::tasks::Stop;

use server::{SECRET, Server};
use world::{BEGIN_US, DAY_US, Network, SECOND_US};

/// Lines of a day.
const LINES: usize = 300;
/// Between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// Kafka, as far as a collector knows: it keeps everything, and now and then the collector dies right after that.
struct Memory {
    messages: Vec<RawMessage>,
    random: fastrand::Rng,
    deaths: usize,
}

impl Sink for Memory {
    fn send(&mut self, message: &RawMessage) -> Result<()> {
        self.messages.push(message.clone());
        Ok(())
    }

    fn confirm(&mut self) -> Result<()> {
        if self.random.u8(0..25) == 0 {
            self.deaths += 1;
            return Err(Error::unavailable("killed between the page and the cursor"));
        }
        Ok(())
    }
}

/// The product's definition, asking a local server, with small pages.
fn definition(network: Network, url: &str) -> Definition {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/collectors");
    let file = format!("{}.toml", network.definition());
    let text = fs::read_to_string(top.join(&file)).expect("a definition");
    let remote = text.lines().find_map(|line| line.strip_prefix("url = \"https://")).expect("a URL");
    let host = remote.split(['/', '"']).next().expect("a host");
    let sizes = ["size = 100\n", "size = 200\n", "size = 500\n", "size = 50\n"];
    let text =
        sizes.iter().fold(text.replace(&format!("https://{host}"), url), |text, size| text.replace(size, "size = 7\n"));
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join(&file), text).expect("written");
    Definition::load(&directory.path().join(&file), &|_| Some(SECRET.to_string())).expect("a definition")
}

/// A day and an hour, the collector started again whenever it ends.
fn run_a_day(network: Network, server: &Server, clock: &Clock, sink: &mut Memory) {
    let store = Store::open("memory://").expect("a store");
    let mut seed = 1;
    while clock.now_us() < BEGIN_US + DAY_US + 3_600 * SECOND_US {
        let options = CollectorOptions {
            name: network.definition().to_string(),
            definition: definition(network, &server.url),
            store: store.clone(),
            clock: clock.clone(),
            stop: Stop::default(),
            seed,
        };
        seed += 1;
        server.seen.lock().expect("no panic").times.clear();
        let mut collector = Collector::new(options, sink).expect("a collector");
        // Some live for an hour.
        for _ in 0..12 {
            match collector.run_once() {
                Ok(()) => clock.sleep(LOOK_EVERY),
                Err(error) if error.kind == ErrorKind::Unavailable => break,
                Err(error) => panic!("{network:?}: {error}"),
            }
        }
    }
}

/// Runs the product's views over the messages.
fn views(messages: &[RawMessage], names: &[&str]) -> Engine {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let whole = Catalog::load(&top.join("schemas"), &top.join("sql")).expect("the product's catalog");
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let catalog = whole.of_views(&names).expect("views of the product");
    let mut engine = Engine::for_catalog(&catalog, Clock::System).expect("maintained");
    let mut changes = BTreeMap::new();
    for table in &catalog.tables {
        let of_table = messages.iter().filter(|message| message.topic == table.topic).enumerate();
        let message = |(i, message): (usize, &'_ RawMessage)| (i as i64, message.value.clone().into_bytes());
        let values: Vec<(i64, Vec<u8>)> = of_table.map(message).collect();
        let messages: Vec<Message<'_>> = values
            .iter()
            .map(|(offset, value)| Message {
                key: None,
                value: Some(value),
                partition: 0,
                offset: *offset,
                timestamp_us: BEGIN_US,
            })
            .collect();
        if messages.is_empty() {
            continue;
        }
        let decoded = Decoder::new(table.clone()).expect("a decoder").decode(&messages).expect("decoded");
        assert!(decoded.rejects.is_empty(), "{}: {:?}", table.name, decoded.rejects.first());
        changes.insert(Arc::from(table.name.as_str()), Changes::inserts(decoded.events.rows));
    }
    engine.apply(changes).expect("an epoch");
    // Audits look at a call when its records have had time to come.
    engine.tick(BEGIN_US + 2 * DAY_US).expect("a tick");
    engine.publish(vec![]).expect("published");
    engine
}

/// Line, state and commission of the canonical table.
fn canonical(engine: &Engine) -> Vec<String> {
    let rows = engine.rows("txn_latest").expect("rows");
    let text = |row: usize, name: &str| {
        let column = rows.column_by_name(name).expect("a column");
        (!column.is_null(row)).then(|| array_value_to_string(column, row).expect("text"))
    };
    let line = |row: usize| {
        let commission = text(row, "act_commission").or_else(|| text(row, "est_commission")).unwrap_or_default();
        format!(
            "{} {} {commission}",
            text(row, "order_line_id").unwrap_or_default(),
            text(row, "status").unwrap_or_default()
        )
    };
    let mut lines: Vec<String> = (0..rows.num_rows()).map(line).collect();
    lines.sort();
    lines
}

fn a_day_of(network: Network) {
    let clock = Clock::Manual(Arc::new(AtomicI64::new(BEGIN_US)));
    let lines = world::lines(network as u64 + 11, LINES);
    let server = Server::start(network, lines.clone(), clock.clone());
    let mut sink = Memory { messages: vec![], random: fastrand::Rng::with_seed(3), deaths: 0 };
    run_a_day(network, &server, &clock, &mut sink);

    let seen = server.seen.lock().expect("no panic");
    assert_eq!(seen.broken, Vec::<String>::new(), "rules of the network");
    assert!(seen.failed * 40 > seen.calls, "{} of {} calls failed", seen.failed, seen.calls);
    assert!(sink.deaths > 3, "{} deaths", sink.deaths);
    assert_eq!(seen.narrowed > 0, network == Network::Tbk, "windows were too long {} times", seen.narrowed);

    let engine = views(&sink.messages, &["txn_latest", "network_rejects", "audit_fetch_recount"]);
    let mut expected: Vec<String> = lines.iter().map(|line| network.expected(line)).collect();
    expected.sort();
    let found = canonical(&engine);
    let missing: Vec<&String> = expected.iter().filter(|line| !found.contains(line)).take(5).collect();
    assert!(missing.is_empty(), "missed {missing:?}");
    assert_eq!(found, expected, "and nothing twice");
    for view in ["network_rejects", "audit_fetch_recount"] {
        let rows = engine.rows(view).expect("rows");
        assert_eq!(rows.num_rows(), 0, "{view}: {rows:?}");
    }
}

#[test]
fn taobao_is_read_without_gap() {
    a_day_of(Network::Tbk);
}

#[test]
fn jd_is_read_without_gap() {
    a_day_of(Network::Jd);
}

#[test]
fn pinduoduo_is_read_without_gap() {
    a_day_of(Network::Pdd);
}

#[test]
fn awin_is_read_without_gap() {
    a_day_of(Network::Awin);
}

#[test]
fn cj_is_read_without_gap() {
    a_day_of(Network::Cj);
}

#[test]
fn impact_is_read_without_gap() {
    a_day_of(Network::Impact);
}

#[test]
fn updates_of_impact_are_read_without_gap() {
    a_day_of(Network::ImpactUpdates);
}
