//! Tables with the option `retention`, day after day in the stepped pipeline: views are the batch answer over all events
//! that there ever were, also when they are built from what the files still hold; state and files do not grow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use rebateflow::catalog::{Catalog, SourceFile, Table};
use rebateflow::checkpoint::Offsets;
use rebateflow::clock::Clock;
use rebateflow::engine::{Engine, RECOMPUTE_ROWS_MAX};
use rebateflow::error::{ErrorKind, Result};
use rebateflow::history::{HistorySettings, Store};
use rebateflow::ingest::{Decoder, Fetched, Message};
use rebateflow::pipeline::{PipelineOptions, Shared, Stepped};
use rebateflow::slt::{BatchAnswer, difference, sorted_lines};
use rebateflow::tasks::Stop;

use super::checks::{assert_kept, pin};
use super::damage::damage;
use crate::history::delta::{assert_logs_are_complete, assert_logs_name_files};
use crate::history::faulty::{Fault, FaultyStore};
use crate::history::world::{START_US, manual_clock, parquet_rows};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
const PARTITIONS: i32 = 2;
/// Messages of one partition of one table in half a day.
const MESSAGES: i64 = 40;
const DAYS: i64 = 24;
const TABLES: [&str; 4] = ["line", "shop", "stock", "always"];

/// `retention`: an option, or nothing.
fn catalog(retention: &str, totals: &str) -> Arc<Catalog> {
    let (more, retention) = match retention {
        "" => (String::new(), String::new()),
        option => (format!(", {option}"), format!("WITH ({option})")),
    };
    let text = format!(
        "CREATE TABLE line (id VARCHAR NOT NULL, v BIGINT) {retention};
         CREATE TABLE shop (id VARCHAR NOT NULL, v BIGINT, PRIMARY KEY (id)) {retention};
         CREATE TABLE stock (id VARCHAR NOT NULL, v BIGINT, at TIMESTAMP NOT NULL, gone BOOLEAN, PRIMARY KEY (id))
         WITH (version = 'at', deleted = 'gone'{more});
         CREATE TABLE always (id VARCHAR NOT NULL, v BIGINT);
         CREATE MATERIALIZED VIEW lines AS SELECT id, v FROM line;
         CREATE MATERIALIZED VIEW totals WITH (history = 'changes') AS {totals};
         CREATE MATERIALIZED VIEW shops AS SELECT id, v FROM shop;
         CREATE MATERIALIZED VIEW stocks WITH (history = 'changes') AS SELECT id, v FROM stock;
         CREATE MATERIALIZED VIEW pairs WITH (history = 'changes') AS
         SELECT DISTINCT line.id, shop.v FROM line JOIN shop ON line.id = shop.id;
         CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) AS n FROM always;"
    );
    let files = [SourceFile::new("all.sql", text)];
    Arc::new(Catalog::from_sources(&files).unwrap_or_else(|error| panic!("{error}")))
}

const THREE_DAYS: &str = "retention = '3 days'";
const TOTALS: [&str; 2] = [
    "SELECT id, SUM(v) AS v, COUNT(*) AS n FROM line GROUP BY id",
    "SELECT id, MAX(v) AS v, COUNT(DISTINCT v) AS n FROM line GROUP BY id",
];

/// The column that retention goes by.
fn time_of(table: &str) -> &'static str {
    if table == "stock" { "at" } else { "_timestamp" }
}

/// The process, and everything that was ever sent to it.
struct World {
    objects: Arc<InMemory>,
    store: Store,
    clock: Clock,
    random: fastrand::Rng,
    sent: BTreeMap<String, Vec<RecordBatch>>,
    read: Offsets,
    /// 1: every commit is rolled.
    roll_bytes: u64,
    stepped: Option<Stepped>,
}

impl World {
    fn new() -> World {
        let objects = Arc::new(InMemory::new());
        World {
            store: Store::over(objects.clone(), "memory"),
            objects,
            clock: manual_clock(),
            random: fastrand::Rng::with_seed(7),
            sent: BTreeMap::new(),
            read: Offsets::new(),
            roll_bytes: 1,
            stepped: None,
        }
    }

    /// The same with objects of its own, and without its process.
    fn fork(&self) -> World {
        let objects = Arc::new(self.objects.fork());
        let clock = manual_clock();
        clock.set(self.clock.now_us());
        World {
            store: Store::over(objects.clone(), "memory"),
            objects,
            clock,
            random: self.random.clone(),
            sent: self.sent.clone(),
            read: self.read.clone(),
            roll_bytes: self.roll_bytes,
            stepped: None,
        }
    }

    fn open(&self, catalog: Arc<Catalog>) -> Result<Stepped> {
        let options = PipelineOptions {
            catalog,
            brokers: String::new(),
            accept_loss: BTreeSet::new(),
            dead_letter_topic: None,
            store: self.store.clone(),
            history: HistorySettings {
                commit_every_ms: 0,
                roll_bytes: self.roll_bytes,
                roll_after_ms: u64::MAX,
                ..HistorySettings::default()
            },
            epoch_rows_max: 1_000,
            epoch_wait_max: Duration::from_millis(10),
            queued_kbytes_max: 1,
            memory_budget_bytes: u64::MAX,
            max_rows_recompute: RECOMPUTE_ROWS_MAX,
            shards: 2,
            drain: false,
            as_of_us: None,
            standby: false,
            takeover_after: Duration::from_secs(10),
        };
        let shared = Shared {
            clock: self.clock.clone(),
            stop: Stop::default(),
            readiness: Arc::default(),
            metrics: Arc::default(),
        };
        let mut stepped = Stepped::open(&options, &shared)?;
        stepped.load()?;
        Ok(stepped)
    }

    /// A start after a kill: the views stand where the commits stand.
    fn restart(&mut self, totals: &str) {
        self.stepped = None;
        let stepped = self.open(catalog(THREE_DAYS, totals)).unwrap_or_else(|error| panic!("{error}"));
        self.read = stepped.offsets().clone();
        // What was not committed is sent anew, with other contents.
        let (read, topics) =
            (&self.read, TABLES.map(|name| (name, stepped.engine().table(name).unwrap().topic.clone())));
        for (name, topic) in topics {
            let is_committed = |rows: &RecordBatch| {
                let partition = rows.column_by_name("_partition").unwrap().as_primitive::<Int32Type>().value(0);
                let offset = rows.column_by_name("_offset").unwrap().as_primitive::<Int64Type>().value(0);
                read.get(&topic, partition).is_some_and(|next| offset < next)
            };
            self.sent.entry(name.into()).or_default().retain(is_committed);
        }
        self.assert_views(stepped.engine());
        if let Some(pin) = pin(&self.store) {
            assert_kept(&pin, stepped.engine());
        }
        self.stepped = Some(stepped);
    }

    /// Messages of one partition: a shop of twelve, and a time up to two days ago; of ten one is older than is kept, of a
    /// thousand one is in the future, and of a table with a key one of ten is a tombstone. Of a table with versions that is
    /// the version, and it is deleted so; the message has a time of its own.
    fn fetch(&mut self, table: &Arc<Table>, partition: i32, fetched: &mut Fetched) {
        let from = self.read.get(&table.topic, partition).unwrap_or(0);
        let now = self.clock.now_us();
        let made: Vec<(String, Option<String>, i64)> = (from..from + MESSAGES)
            .map(|offset| {
                let id = format!("s{}", self.random.u32(0..12));
                let age = match self.random.u32(0..1_000) {
                    0 => -30..-20,
                    1..100 => 80..100,
                    _ => 0..48,
                };
                let gone = table.upsert.is_some() && self.random.u32(0..10) == 0;
                let time = now - self.random.i64(age) * HOUR_US;
                if table.upsert.as_ref().is_some_and(|upsert| upsert.version.is_some()) {
                    let at = DateTime::from_timestamp_micros(time).expect("in range").to_rfc3339();
                    let value = format!(r#"{{"id":"{id}","v":{offset},"at":"{at}","gone":{gone}}}"#);
                    return (id, Some(value), now - self.random.i64(-200..200) * HOUR_US);
                }
                let value = (!gone).then(|| format!("{{\"id\":\"{id}\",\"v\":{offset}}}"));
                (id, value, time)
            })
            .collect();
        let messages: Vec<Message<'_>> = made
            .iter()
            .zip(from..)
            .map(|((id, value, timestamp_us), offset)| {
                let (key, value) = (Some(id.as_bytes()), value.as_ref().map(String::as_bytes));
                Message { key, value, partition, offset, timestamp_us: *timestamp_us }
            })
            .collect();
        let decoded = Decoder::new(table.clone()).expect("a decoder").decode(&messages).expect("a batch");
        assert!(decoded.rejects.is_empty());
        self.sent.entry(table.name.clone()).or_default().push(decoded.events.rows.clone());
        fetched.events.push(decoded.events);
        fetched.messages += messages.len();
        let (topic, next): (Arc<str>, i64) = (table.topic.as_str().into(), from + MESSAGES);
        self.read.set(&topic, partition, next);
        fetched.next.push((topic, partition, next));
    }

    /// Half a day passes; messages come, an epoch, a commit and a roll. Views are compared.
    fn half_day(&mut self) {
        self.try_half_day().unwrap_or_else(|error| panic!("{error}"));
        self.assert_views(self.stepped.as_ref().expect("a process").engine());
    }

    fn try_half_day(&mut self) -> Result<()> {
        self.clock.set(self.clock.now_us() + DAY_US / 2);
        let stepped = self.stepped.as_ref().expect("a process");
        let tables = TABLES.map(|name| stepped.engine().table(name).expect("a table").clone());
        let mut fetched = Fetched::default();
        for table in &tables {
            (0..PARTITIONS).for_each(|partition| self.fetch(table, partition, &mut fetched));
        }
        let stepped = self.stepped.as_mut().expect("a process");
        assert!(stepped.offer(fetched));
        stepped.epoch()?;
        while stepped.hand_over()? {}
        stepped.commit()?;
        stepped.merge(u64::MAX);
        Ok(())
    }

    /// A process that is told to stop.
    fn stop(&mut self) {
        let mut stepped = self.stepped.take().expect("a process");
        let stopped = stepped.finish().and_then(|()| {
            while stepped.hand_over()? {}
            stepped.close()
        });
        stopped.unwrap_or_else(|error| panic!("{error}"));
    }

    /// I1, over all events that there ever were: the oracle leaves out by itself what is passed.
    fn assert_views(&self, engine: &Engine) {
        let mut answer = BatchAnswer::at(engine.as_of_us()).expect("a batch session");
        for name in TABLES {
            let table = engine.table(name).expect("a table");
            let empty = RecordBatch::new_empty(table.event_schema());
            for rows in self.sent.get(name).into_iter().flatten().chain([&empty]) {
                answer.add_events(table, rows).expect("events");
            }
        }
        for (view, rows) in answer.contents(engine).expect("the batch answer") {
            let expected = sorted_lines(&rows).expect("rows as text");
            let found = sorted_lines(&engine.rows(&view).expect("a view's rows")).expect("rows as text");
            if let Some(difference) = difference(&expected, &found) {
                panic!("view {view} is not the batch answer (-: missing, +: too much):\n{difference}");
            }
        }
    }

    /// Bytes of the views in memory and of the state files, and rows of the files of a table's events.
    fn sizes(&self) -> [usize; 3] {
        let pin = pin(&self.store).expect("there are commits");
        let state = pin.manifest().state.as_ref().expect("a checkpoint");
        let stored: u64 = state.files.iter().map(|file| file.file.bytes).sum();
        let engine = self.stepped.as_ref().expect("a process").engine();
        [engine.state_bytes(), usize::try_from(stored).expect("few"), self.stored("line").len()]
    }

    /// Partition, offset and time, which may be the version, of the events that the files hold.
    fn stored(&self, table: &str) -> Vec<(i32, i64, i64)> {
        let mut all = vec![];
        for (_, rows) in parquet_rows(&self.store, &format!("events/{table}")) {
            let column = |name: &str| rows.column_by_name(name).expect("a column").clone();
            let (partitions, offsets, times) = (column("_partition"), column("_offset"), column(time_of(table)));
            let partitions = partitions.as_primitive::<Int32Type>().values().iter();
            let offsets = offsets.as_primitive::<Int64Type>().values().iter();
            let times = times.as_primitive::<TimestampMicrosecondType>().values().iter();
            all.extend(partitions.zip(offsets).zip(times).map(|((&p, &o), &t)| (p, o, t)));
        }
        all.sort_unstable();
        all
    }

    /// The files of a table hold all events from some offset of each partition on; what is before that is passed. Answers
    /// how many are gone.
    fn assert_first_events_are_gone(&self, table: &str, as_of_us: i64) -> usize {
        let stored = self.stored(table);
        let mut gone = 0;
        for rows in &self.sent[table] {
            let partitions = rows.column_by_name("_partition").unwrap().as_primitive::<Int32Type>();
            let offsets = rows.column_by_name("_offset").unwrap().as_primitive::<Int64Type>();
            let times = rows.column_by_name(time_of(table)).unwrap().as_primitive::<TimestampMicrosecondType>();
            for i in 0..rows.num_rows() {
                let at = (partitions.value(i), offsets.value(i), times.value(i));
                if stored.binary_search(&at).is_ok() {
                    continue;
                }
                gone += 1;
                assert!(at.2 <= as_of_us - 3 * DAY_US, "{table}: {at:?} is gone too early");
                let before = stored.iter().find(|other| other.0 == at.0).is_none_or(|first| first.1 > at.1);
                assert!(before, "{table}: {at:?} is gone, and one before it is there");
            }
        }
        gone
    }
}

#[test]
fn events_go_with_the_clock_and_views_never_differ_from_batch() {
    let mut world = World::new();
    world.restart(TOTALS[0]);
    let mut sizes = vec![];
    for day in 0..DAYS {
        (0..2).for_each(|_| world.half_day());
        match day % 4 {
            // Killed; every other time with an edited view, which is built from what the files hold.
            1 => world.restart(TOTALS[day as usize / 4 % 2]),
            // And without state: all views are.
            3 => {
                for path in world.store.list(&Path::from("state")).expect("a list") {
                    world.store.delete(&path).expect("it goes");
                }
                world.restart(TOTALS[day as usize / 4 % 2]);
            }
            _ => {}
        }
        sizes.push(world.sizes());
    }
    println!("bytes in memory, bytes of state, rows of events in files: {sizes:?}");
    let (early, late) = (sizes[9], sizes[DAYS as usize - 1]);
    for (early, late) in early.into_iter().zip(late) {
        assert!(late <= early * 3 / 2, "it grows: {sizes:?}");
    }
    let as_of_us = pin(&world.store).expect("commits").manifest().as_of_us;
    assert!(as_of_us > START_US + (DAYS - 1) * DAY_US);
    let sent = (DAYS * 2 * MESSAGES * i64::from(PARTITIONS)) as usize;
    for table in ["line", "shop", "stock"] {
        let gone = world.assert_first_events_are_gone(table, as_of_us);
        assert!(gone > sent / 2, "of {table} {gone} of {sent} are gone");
    }
    assert_eq!(world.assert_first_events_are_gone("always", as_of_us), 0);
    // The end rolls and marks everything, and the next start deletes what was dropped.
    world.stop();
    world.restart(TOTALS[0]);
    assert_logs_are_complete(&world.store);
}

/// A start that goes back to an earlier commit goes back to an earlier clock, too: what was dropped by then is passed for
/// that one as well.
#[test]
fn a_damaged_log_goes_back_beside_events_that_are_gone() {
    let mut world = World { roll_bytes: 90_000, ..World::new() };
    world.restart(TOTALS[0]);
    for day in 0..DAYS {
        (0..2).for_each(|_| world.half_day());
        let (before, ending) = (world.read.clone(), [".seg", ".json"][day as usize % 2]);
        let log = world.store.list_flat(&Path::from("log")).expect("a list");
        let newest = log.iter().rfind(|path| path.as_ref().ends_with(ending)).expect("it is not rolled");
        damage(&world.store, newest, day % 3 == 0);
        world.restart(TOTALS[day as usize / 4 % 2]);
        assert_ne!(world.read, before, "day {day}: the newest commit is given up");
    }
    // The end rolls everything.
    world.stop();
    world.restart(TOTALS[0]);
    assert_logs_are_complete(&world.store);
    let as_of_us = pin(&world.store).expect("commits").manifest().as_of_us;
    assert!(world.assert_first_events_are_gone("line", as_of_us) > 0, "nothing is gone");
}

/// A day in which events are dropped, marked and deleted, cut off before each of its writes.
#[test]
fn a_crash_before_any_write_of_a_drop_of_events_changes_no_view() {
    let mut begun = World::new();
    begun.restart(TOTALS[0]);
    (0..9).for_each(|_| begun.half_day());
    begun.stepped = None;
    let mut seen = BTreeSet::new();
    for writes in 0.. {
        let mut world = begun.fork();
        let faulty = Arc::new(FaultyStore::new(world.objects.clone(), Fault::Death, writes));
        world.store = Store::over(faulty.clone() as Arc<dyn ObjectStore>, "memory");
        if let Ok(stepped) = world.open(catalog(THREE_DAYS, TOTALS[0])) {
            world.stepped = Some(stepped);
            let _ = (0..3).try_for_each(|_| world.try_half_day());
        }
        world.store = Store::over(world.objects.clone(), "memory");
        assert_logs_name_files(&world.store);
        world.restart(TOTALS[writes as usize % 2]);
        let roller = pin(&world.store).expect("commits").manifest().roller.clone();
        seen.insert(format!("{:?} {:?}", roller.dropped, roller.dropping));
        world.half_day();
        world.stop();
        world.restart(TOTALS[0]);
        assert_logs_are_complete(&world.store);
        let as_of_us = pin(&world.store).expect("commits").manifest().as_of_us;
        assert!(["shop", "stock"].iter().all(|table| world.assert_first_events_are_gone(table, as_of_us) > 0));
        if !faulty.has_struck() {
            // Before a drop, decided, and done.
            assert!(writes > 20 && seen.len() >= 3, "{writes} writes, {seen:?}");
            break;
        }
    }
}

#[test]
fn what_is_gone_is_not_kept_longer_and_a_shorter_time_begins_a_generation() {
    let mut world = World::new();
    world.restart(TOTALS[0]);
    (0..16).for_each(|_| world.half_day());
    assert!(world.stored("line").len() < 16 * 2 * MESSAGES as usize);
    world.stepped = None;
    for longer in ["", "retention = '73 hours'"] {
        let error = world.open(catalog(longer, TOTALS[0])).err().expect("it is refused");
        assert_eq!(error.kind, ErrorKind::Refused);
        assert_eq!(error.message, "table line has changed: events older than '3 days' are gone already");
    }
    let shorter = world.open(catalog("retention = '36 hours'", TOTALS[0])).expect("it starts");
    world.assert_views(shorter.engine());
    world.stepped = Some(shorter);
    world.half_day();
    let pin = pin(&world.store).expect("commits");
    assert_eq!(assert_kept(&pin, world.stepped.as_ref().expect("a process").engine()), 3);
    assert!(["totals", "stocks", "pairs"].iter().all(|view| pin.manifest().views[*view].generation == 2));
}
