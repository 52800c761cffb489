//! A small world for the history: a topic whose every message is a function of its position, a view over it, and a
//! driver that does what the pipeline does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use object_store::path::Path;
use rebateflow::catalog::{Column, Table, UnknownFields};
use rebateflow::changes::{Changes, DeadLetter, EventBatch, Position, Replay};
use rebateflow::checkpoint::Offsets;
use rebateflow::clock::Clock;
use rebateflow::commit::Committer;
use rebateflow::error::Result;
use rebateflow::history::{EpochRecord, Epochs, HistorySettings, Store, ViewChanges, ViewIdentity, read_archive};
use rebateflow::recovery::{self, Opening, Recovered};
use rebateflow::state::SavedRows;

use super::delta::{assert_logs_are_complete, assert_logs_name_files};

/// Partition and offset.
pub type At = (i32, i64);

pub const PARTITIONS: i32 = 2;
/// 2026-03-01 23:59:50 UTC: the scenario crosses midnight.
pub const START_US: i64 = 1_772_409_590_000_000;

pub fn column(name: &str, data_type: DataType, nullable: bool) -> Column {
    Column { name: name.into(), data_type, nullable }
}

/// Append-only, topic `orders`.
pub fn orders() -> Table {
    Table {
        name: "orders".into(),
        topic: "orders".into(),
        columns: vec![column("id", DataType::Int64, false), column("note", DataType::Utf8, true)],
        upsert: None,
        unknown_fields: UnknownFields::Keep,
        retention_us: None,
        sql: "CREATE TABLE orders (id BIGINT NOT NULL, note VARCHAR)".into(),
    }
}

pub fn is_rejected((partition, offset): At) -> bool {
    (offset + i64::from(partition)) % 7 == 3
}

pub fn note((partition, offset): At) -> String {
    format!("note of {partition}/{offset}")
}

/// The accepted messages among these, as the decoder would give them.
pub fn events(table: &Arc<Table>, messages: &[At]) -> EventBatch {
    let rows: Vec<At> = messages.iter().copied().filter(|at| !is_rejected(*at)).collect();
    let count = rows.len();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(
            rows.iter().map(|(partition, offset)| offset * 10 + i64::from(*partition)),
        )),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|at| note(*at)))),
    ];
    for added in &table.columns[2..] {
        assert_eq!(added.data_type, DataType::Int64);
        columns.push(Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, offset)| *offset))));
    }
    columns.extend::<[ArrayRef; 6]>([
        Arc::new(StringArray::from(vec!["insert"; count])),
        Arc::new(StringArray::new_null(count)),
        Arc::new(StringArray::from(vec![table.topic.as_str(); count])),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|at| at.0))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|at| at.1))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|at| at.1 * 1_000))),
    ]);
    EventBatch { table: table.clone(), rows: RecordBatch::try_new(table.event_schema(), columns).unwrap() }
}

fn dead_letters(messages: &[At]) -> Vec<DeadLetter> {
    let letter = |&(partition, offset): &At| DeadLetter {
        key: Some(b"k".to_vec()),
        value: Some(note((partition, offset)).into_bytes()),
        headers: vec![("source".into(), Some(b"test".to_vec()))],
        position: Position { topic: "orders".into(), partition, offset },
        timestamp_us: offset,
        table: "orders".into(),
        field: None,
        error: "seven".into(),
    };
    messages.iter().filter(|at| is_rejected(**at)).map(letter).collect()
}

/// Two offsets after each rejected message comes one that replays it.
fn replayed_by((partition, offset): At) -> Option<i64> {
    (offset >= 2 && is_rejected((partition, offset - 2))).then_some(offset - 2)
}

fn replays(messages: &[At]) -> Vec<Replay> {
    let replay = |&(partition, offset): &At| {
        Some(Replay {
            position: Position { topic: "orders".into(), partition, offset },
            replay_of: replayed_by((partition, offset))?,
            timestamp_us: offset,
            table: "orders".into(),
            accepted: true,
        })
    };
    messages.iter().filter_map(replay).collect()
}

/// The view: how many orders each partition has.
pub type Counts = BTreeMap<i32, i64>;

fn count_changes(before: &Counts, after: &Counts) -> Changes {
    let mut rows: Vec<(i32, i64, i64)> = vec![];
    for (partition, count) in before.iter().filter(|(partition, count)| after.get(partition) != Some(count)) {
        rows.push((*partition, *count, -1));
    }
    for (partition, count) in after.iter().filter(|(partition, count)| before.get(partition) != Some(count)) {
        rows.push((*partition, *count, 1));
    }
    let schema =
        Schema::new(vec![Field::new("partition", DataType::Int32, false), Field::new("n", DataType::Int64, false)]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))),
    ];
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    Changes::new(batch, rows.iter().map(|row| row.2).collect())
}

/// One process: opened, replayed, ready to commit.
pub struct Process {
    pub recovered: Recovered,
    pub committer: Committer,
    pub clock: Clock,
    pub table: Arc<Table>,
    pub offsets: Offsets,
    pub counts: Counts,
    pub epoch: u32,
}

pub fn settings() -> HistorySettings {
    HistorySettings { commit_every_ms: 0, roll_bytes: 6_000, roll_after_ms: 300_000, ..HistorySettings::default() }
}

pub fn count_view(fingerprint: &str) -> ViewIdentity {
    ViewIdentity { name: "counts".into(), fingerprint: fingerprint.into(), sql: "SELECT ...".into() }
}

pub fn manual_clock() -> Clock {
    Clock::Manual(Arc::new(START_US.into()))
}

impl Process {
    pub fn start(store: &Store) -> Result<Process> {
        Process::start_with(store, orders(), "v1", settings())
    }

    /// Opens and replays; checks that the replay is exactly what the offsets promise.
    pub fn start_with(store: &Store, table: Table, view: &str, settings: HistorySettings) -> Result<Process> {
        let (table, clock) = (Arc::new(table), manual_clock());
        let (tables, views) = ([table.clone()], [count_view(view)]);
        let recovered =
            recovery::open(Opening { store, tables: &tables, views: &views, clock: &clock, settings, newest: None })?;
        if let Some(manifest) = &recovered.manifest {
            clock.set(manifest.committed_at_us);
        }
        let mut seen = vec![];
        recovered.replay(
            |_| true,
            Epochs::ALL,
            |batch| {
                assert!(batch.rows.num_rows() <= 65_536);
                assert_eq!(batch.rows.schema(), table.event_schema());
                seen.extend(positions(&batch.rows, "_partition", "_offset", "note"));
                Ok(())
            },
        )?;
        assert_exactly(seen, &accepted(&recovered.offsets), "replay");
        let replays = consumed(&recovered.offsets).into_iter().filter_map(|at| Some((at.0, replayed_by(at)?)));
        let of = |(partition, offset)| Position { topic: "orders".into(), partition, offset };
        assert_eq!(recovered.replayed()?, replays.map(of).collect(), "what was replayed");
        let counts = counts_at(&recovered.offsets);
        let committer = Committer::new(store.clone(), recovered.end.clone(), settings, clock.clone());
        let offsets = recovered.offsets.clone();
        let mut process = Process { recovered, committer, clock, table, offsets, counts, epoch: 0 };
        if !process.recovered.rebuilt.is_empty() {
            let record = process.record(vec![], &Counts::new());
            process.committer.add(record)?;
        }
        Ok(process)
    }

    fn record(&mut self, messages: Vec<At>, before: &Counts) -> EpochRecord {
        self.epoch += 1;
        self.clock.set(self.clock.now_us() + 1_000_000);
        let changes = count_changes(before, &self.counts);
        let generation = self.recovered.generations["counts"];
        EpochRecord {
            epoch: self.epoch,
            published_at_us: self.clock.now_us(),
            events: vec![events(&self.table, &messages)],
            dead_letters: dead_letters(&messages),
            replays: replays(&messages),
            view_changes: vec![ViewChanges { view: "counts".into(), generation, changes }],
            offsets: self.offsets.clone(),
            as_of_us: self.clock.now_us(),
            state: SavedRows::default(),
            checkpoint: None,
        }
    }

    /// The next epoch: `count` more messages of each partition. False when every partition has reached `end`.
    pub fn next_epoch(&mut self, count: i64, end: i64) -> Result<bool> {
        let before = self.counts.clone();
        let mut messages = vec![];
        for partition in 0..PARTITIONS {
            let from = self.offsets.get("orders", partition).unwrap_or(0);
            let to = (from + count).min(end);
            messages.extend((from..to).map(|offset| (partition, offset)));
            self.offsets.set(&"orders".into(), partition, to);
        }
        if messages.is_empty() {
            return Ok(false);
        }
        self.counts = counts_at(&self.offsets);
        let record = self.record(messages, &before);
        self.committer.add(record)?;
        Ok(true)
    }

    /// Consumes everything up to `end`, two epochs a commit, and closes.
    pub fn run_to(&mut self, end: i64) -> Result<()> {
        while self.next_epoch(3, end)? {
            self.next_epoch(2, end)?;
            self.committer.commit()?;
        }
        self.committer.close()?;
        Ok(())
    }
}

pub fn consumed(offsets: &Offsets) -> BTreeSet<At> {
    offsets.iter().flat_map(|(_, partition, next)| (0..next).map(move |offset| (partition, offset))).collect()
}

pub fn accepted(offsets: &Offsets) -> BTreeSet<At> {
    consumed(offsets).into_iter().filter(|at| !is_rejected(*at)).collect()
}

fn counts_at(offsets: &Offsets) -> Counts {
    let mut counts = Counts::new();
    accepted(offsets).iter().for_each(|at| *counts.entry(at.0).or_default() += 1);
    counts
}

/// Positions of rows, each checked against the contents that its position stands for.
pub fn positions(rows: &RecordBatch, partition: &str, offset: &str, content: &str) -> Vec<At> {
    let partitions = rows.column_by_name(partition).unwrap().as_primitive::<Int32Type>();
    let offsets = rows.column_by_name(offset).unwrap().as_primitive::<Int64Type>();
    let content = rows.column_by_name(content).unwrap();
    let text = |i: usize| match content.data_type() {
        DataType::Binary => String::from_utf8(content.as_binary::<i32>().value(i).to_vec()).unwrap(),
        _ => content.as_string::<i32>().value(i).to_string(),
    };
    let all = (0..rows.num_rows()).map(|i| {
        let at = (partitions.value(i), offsets.value(i));
        assert_eq!(text(i), note(at));
        at
    });
    all.collect()
}

/// Each of the expected positions exactly once, and nothing else.
pub fn assert_exactly(mut seen: Vec<At>, expected: &BTreeSet<At>, what: &str) {
    seen.sort_unstable();
    assert_eq!(seen, expected.iter().copied().collect::<Vec<_>>(), "{what}");
}

/// All rows of the Parquet files below a folder, file by file.
pub fn parquet_rows(store: &Store, folder: &str) -> Vec<(Path, RecordBatch)> {
    let mut all = vec![];
    let listed = store.list(&Path::from(folder)).unwrap();
    for path in listed.into_iter().filter(|path| !path.as_ref().contains("/_delta_log/")) {
        assert!(path.as_ref().ends_with(".parquet"), "{path}");
        for rows in read_archive(store.read(&path).unwrap()).unwrap() {
            all.push((path.clone(), rows.unwrap()));
        }
    }
    all
}

/// What a glob over the files finds at this moment: nothing is there twice.
pub struct Files {
    pub events: Vec<At>,
    pub dead: Vec<At>,
    /// Rows of the view, the newest generation folded.
    pub counts: Counts,
}

impl Files {
    pub fn read(store: &Store) -> Files {
        let all = |folder: &str, names: [&str; 3]| -> Vec<At> {
            let rows = parquet_rows(store, folder);
            rows.iter().flat_map(|(_, rows)| positions(rows, names[0], names[1], names[2])).collect()
        };
        let mut weights: BTreeMap<(i32, i64), i64> = BTreeMap::new();
        let views = parquet_rows(store, "views/counts");
        let newest = views.iter().map(|(path, _)| generation(path)).max();
        for (_, rows) in views.iter().filter(|(path, _)| Some(generation(path)) == newest) {
            let (partitions, counts) =
                (rows.column(0).as_primitive::<Int32Type>(), rows.column(1).as_primitive::<Int64Type>());
            let change = rows.column_by_name("_change").unwrap().as_string::<i32>();
            for i in 0..rows.num_rows() {
                let weight = if change.value(i) == "insert" { 1 } else { -1 };
                *weights.entry((partitions.value(i), counts.value(i))).or_default() += weight;
            }
        }
        weights.retain(|_, weight| *weight != 0);
        assert!(weights.values().all(|weight| *weight == 1), "{weights:?}");
        Files {
            events: all("events/orders", ["_partition", "_offset", "note"]),
            dead: all("dead_letters", ["partition", "offset", "value"]),
            counts: weights.into_keys().collect(),
        }
    }

    /// The files hold exactly what was consumed up to `end` in each partition.
    pub fn assert_complete(store: &Store, end: i64) {
        let offsets: Offsets = (0..PARTITIONS).map(|partition| ("orders", partition, end)).collect();
        let files = Files::read(store);
        let accepted = accepted(&offsets);
        assert_exactly(files.events, &accepted, "events");
        assert_exactly(files.dead, &consumed(&offsets).difference(&accepted).copied().collect(), "dead letters");
        assert_eq!(files.counts, counts_at(&offsets));
        assert_logs_are_complete(store);
    }

    pub fn assert_nothing_twice(store: &Store) {
        let files = Files::read(store);
        for positions in [files.events, files.dead] {
            assert_eq!(positions.iter().collect::<BTreeSet<_>>().len(), positions.len());
        }
        assert_logs_name_files(store);
    }
}

fn generation(path: &Path) -> u32 {
    let part = path.parts().find(|part| part.as_ref().starts_with("gen=")).unwrap();
    part.as_ref()["gen=".len()..].parse().unwrap()
}
