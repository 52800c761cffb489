//! The scripted source: what the topics hold, made by a seed, and batches of it as fetch would give them.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{Int32Type, Int64Type};
use rebateflow::catalog::{Catalog, SourceFile, Table};
use rebateflow::changes::{DeadLetter, Position};
use rebateflow::checkpoint::Offsets;
use rebateflow::ingest::{Decoder, Fetched, Message};

use super::views::{CLICK, MARKET, SALE};
use crate::history::world::START_US;

const PARTITIONS: i32 = 2;
const SHOPS: u64 = 6;
/// Messages of one batch.
const BATCH_MAX: usize = 12;
const SECOND: i64 = 1_000_000;

struct Scripted {
    offset: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp_us: i64,
    /// As it was written: the decoder has no say.
    accepted: bool,
}

/// A table's index, and a partition of its topic.
type At = (usize, i32);

pub struct Source {
    pub tables: Vec<Arc<Table>>,
    messages: BTreeMap<At, Vec<Scripted>>,
    /// The accepted events of each table.
    events: Vec<RecordBatch>,
}

fn message(table: &str, random: &mut fastrand::Rng) -> (Option<Vec<u8>>, Option<Vec<u8>>, bool) {
    let shop = format!("s{}", random.u64(0..SHOPS));
    let (id, n) = (random.u32(0..24), random.u32(0..5));
    if random.u32(0..100) < 6 {
        let bad = match random.u32(0..4) {
            0 => Some("{\"id\":".to_string()),
            1 => Some(format!("{{\"id\":\"x\",\"shop\":\"{shop}\",\"name\":7}}")),
            2 => Some(format!("{{\"id\":1.5,\"shop\":\"{shop}\",\"region\":\"r\"}}")),
            _ => Some("[]".to_string()),
        };
        return (None, bad.map(String::into_bytes), false);
    }
    match table {
        "sale" => {
            let amount = match random.u32(0..10) {
                0 => "null".to_string(),
                _ => format!("{}.{:02}", random.u32(0..50), random.u32(0..100)),
            };
            let (sold, gone) = (random.u32(30..60), random.u32(0..10) == 0);
            let modified = random.u32(0..40);
            let text = format!(
                "{{\"id\":{id},\"shop\":\"{shop}\",\"amount\":{amount},\"sold\":\"2026-03-01T23:59:{sold:02}.5Z\",\
                 \"modified\":{modified},\"gone\":{gone}}}"
            );
            (None, Some(text.into_bytes()), true)
        }
        "click" => {
            let n = if random.u32(0..8) == 0 { "null".to_string() } else { n.to_string() };
            let text = format!("{{\"id\":{},\"shop\":\"{shop}\",\"n\":{n}}}", random.u32(0..1_000_000));
            // Nothing can be deleted from a table without a key.
            if random.u32(0..40) == 0 { (None, None, false) } else { (None, Some(text.into_bytes()), true) }
        }
        _ => {
            let text = format!("{{\"name\":\"{shop}\",\"region\":\"r{}\"}}", random.u32(0..3));
            let value = (random.u32(0..6) > 0).then(|| text.into_bytes());
            (Some(shop.into_bytes()), value, true)
        }
    }
}

impl Source {
    pub fn new(random: &mut fastrand::Rng) -> Source {
        let sources = [SALE, CLICK, MARKET].map(|text| SourceFile::new("table", text));
        let tables = Catalog::from_sources(&sources).unwrap_or_else(|error| panic!("{error}")).tables;
        let mut messages: BTreeMap<At, Vec<Scripted>> = BTreeMap::new();
        for (at, table) in tables.iter().enumerate() {
            for partition in 0..PARTITIONS {
                let (mut offset, mut timestamp_us) = (0, START_US);
                let count = random.usize(20..160);
                let made = (0..count).map(|_| {
                    let (key, value, accepted) = message(&table.name, random);
                    // Compacted topics have gaps.
                    let gap = if random.u32(0..20) == 0 { random.i64(1..4) } else { 0 };
                    offset += 1 + gap;
                    timestamp_us += random.i64(-2..5) * 100_000;
                    Scripted { offset: offset - 1, key, value, timestamp_us, accepted }
                });
                let made = made.collect();
                messages.insert((at, partition), made);
            }
        }
        let mut source = Source { tables, messages, events: vec![] };
        source.events = (0..source.tables.len()).map(|at| source.decode_all(at)).collect();
        source
    }

    /// All accepted events of a table; the decoder accepts what was written to be accepted, and nothing else.
    fn decode_all(&self, at: usize) -> RecordBatch {
        let table = &self.tables[at];
        let mut decoder = Decoder::new(table.clone()).expect("a decoder");
        let mut parts = vec![];
        for ((_, partition), scripted) in self.messages.iter().filter(|((table, _), _)| *table == at) {
            let messages: Vec<Message<'_>> = scripted.iter().map(|m| m.borrowed(*partition)).collect();
            let decoded = decoder.decode(&messages).expect("a batch");
            let rejected: Vec<usize> = decoded.rejects.iter().map(|reject| reject.message).collect();
            let wanted: Vec<usize> = (0..scripted.len()).filter(|&i| !scripted[i].accepted).collect();
            assert_eq!(rejected, wanted, "{:?}", decoded.rejects.first());
            parts.push(decoded.events.rows);
        }
        concat_batches(&table.event_schema(), &parts).expect("events of one schema")
    }

    /// The next messages after these offsets, which move on; None: there are none.
    pub fn fetch(&self, offsets: &mut Offsets, random: &mut fastrand::Rng) -> Option<Fetched> {
        let mut fetched = Fetched::default();
        for (at, table) in self.tables.iter().enumerate() {
            let mut decoder = Decoder::new(table.clone()).expect("a decoder");
            for partition in 0..PARTITIONS {
                if random.u32(0..3) == 0 {
                    continue;
                }
                let from = offsets.get(&table.topic, partition).unwrap_or(0);
                let all = &self.messages[&(at, partition)];
                let first = all.partition_point(|message| message.offset < from);
                let taken = &all[first..all.len().min(first + random.usize(0..=BATCH_MAX))];
                let Some(last) = taken.last() else { continue };
                let topic: Arc<str> = table.topic.as_str().into();
                let messages: Vec<Message<'_>> = taken.iter().map(|message| message.borrowed(partition)).collect();
                let decoded = decoder.decode(&messages).expect("a batch");
                for reject in decoded.rejects {
                    let letter = taken[reject.message].dead_letter(table, partition);
                    fetched.dead_letters.push(DeadLetter {
                        field: reject.field,
                        error: reject.reason.to_string(),
                        ..letter
                    });
                }
                if decoded.events.rows.num_rows() > 0 {
                    fetched.events.push(decoded.events);
                }
                fetched.messages += taken.len();
                offsets.set(&topic, partition, last.offset + 1);
                fetched.next.push((topic, partition, last.offset + 1));
            }
        }
        (fetched.messages > 0).then_some(fetched)
    }

    /// Whether everything was read.
    pub fn is_read(&self, offsets: &Offsets) -> bool {
        self.messages.iter().all(|((at, partition), all)| {
            let next = offsets.get(&self.tables[*at].topic, *partition).unwrap_or(0);
            all.last().is_none_or(|last| last.offset < next)
        })
    }

    /// The accepted events of a table below the offsets.
    pub fn accepted(&self, at: usize, offsets: &Offsets) -> RecordBatch {
        let (events, topic) = (&self.events[at], &self.tables[at].topic);
        let partitions = events.column_by_name("_partition").unwrap().as_primitive::<Int32Type>();
        let own = events.column_by_name("_offset").unwrap().as_primitive::<Int64Type>();
        let below = (0..events.num_rows())
            .map(|i| Some(own.value(i) < offsets.get(topic, partitions.value(i)).unwrap_or(0)))
            .collect();
        filter_record_batch(events, &below).expect("rows of events")
    }

    /// The rejected messages below the offsets: topic, partition, offset and value, sorted.
    pub fn rejected(&self, offsets: &Offsets) -> Vec<String> {
        let mut lines = vec![];
        for ((at, partition), all) in &self.messages {
            let topic = &self.tables[*at].topic;
            let next = offsets.get(topic, *partition).unwrap_or(0);
            for message in all.iter().filter(|message| !message.accepted && message.offset < next) {
                lines.push(dead_line(topic, *partition, message.offset, message.value.as_deref()));
            }
        }
        lines.sort_unstable();
        lines
    }
}

/// A dead letter in words.
pub fn dead_line(topic: &str, partition: i32, offset: i64, value: Option<&[u8]>) -> String {
    format!("{topic}/{partition}/{offset}: {:?}", value.map(String::from_utf8_lossy))
}

impl Scripted {
    fn borrowed(&self, partition: i32) -> Message<'_> {
        let (key, value) = (self.key.as_deref(), self.value.as_deref());
        Message { key, value, partition, offset: self.offset, timestamp_us: self.timestamp_us }
    }

    fn dead_letter(&self, table: &Table, partition: i32) -> DeadLetter {
        DeadLetter {
            key: self.key.clone(),
            value: self.value.clone(),
            headers: vec![],
            position: Position { topic: table.topic.as_str().into(), partition, offset: self.offset },
            timestamp_us: self.timestamp_us,
            table: table.name.clone(),
            field: None,
            error: String::new(),
        }
    }
}

/// How far the clock may move in one step.
pub const STEP_US_MAX: i64 = 4 * SECOND;
