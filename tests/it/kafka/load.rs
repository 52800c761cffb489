//! A load: generated messages in topics of their own, and what is known about them without the product.

use std::collections::BTreeMap;
use std::path::Path;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use rebateflow::catalog::Table;
use rebateflow::demo::{Generated, Generator, GeneratorOptions, Row, TopicCount, rows_to_batch};

use super::broker::{Sender, create_topics, topic_of};
use crate::cut;

/// Rows that are turned into arrays at once.
const ROWS_AT_ONCE: usize = 16_384;

/// Messages of the generator in topics of their own.
pub struct Load {
    /// Begins the name of each topic.
    pub prefix: String,
    /// The offset after the last message, by topic and partition.
    pub next_offsets: BTreeMap<String, BTreeMap<i32, i64>>,
    /// Messages by table.
    pub counts: BTreeMap<&'static str, TopicCount>,
    /// Every readable row, by table, in the order of production.
    pub rows: BTreeMap<&'static str, Vec<Row>>,
}

impl Load {
    /// Makes topics and produces that many messages of this seed to them.
    pub fn produce(brokers: &str, seed: u64, messages: usize) -> Load {
        let mut load = Load::nowhere(seed);
        load.create(brokers);
        load.send(brokers, Generator::new(options(seed)).take(messages));
        load
    }

    /// Without messages, and without topics yet. `name` tells it from other loads.
    pub fn nowhere(name: u64) -> Load {
        Load {
            prefix: format!("t{}_{name}", std::process::id()),
            next_offsets: BTreeMap::new(),
            counts: BTreeMap::new(),
            rows: cut::filled().into_iter().map(|table| (table, vec![])).collect(),
        }
    }

    /// Makes the topics.
    pub fn create(&self, brokers: &str) {
        create_topics(brokers, &self.prefix);
    }

    /// Produces more.
    pub fn send(&mut self, brokers: &str, messages: impl Iterator<Item = Generated>) {
        let sender = Sender::new(brokers, &self.prefix);
        for message in messages {
            sender.send(&message);
            let count = self.counts.entry(message.topic).or_default();
            match message.row {
                Some(row) => {
                    count.accepted += 1;
                    self.rows.get_mut(message.topic).expect("a known table").push(row);
                }
                None => count.unreadable += 1,
            }
        }
        self.next_offsets = sender.finish();
        for (table, count) in &self.counts {
            let held: i64 = self.next_offsets[&topic_of(&self.prefix, table)].values().sum();
            assert_eq!(held as u64, count.accepted + count.unreadable, "messages of {table} in Kafka");
        }
    }

    pub fn accepted(&self) -> u64 {
        self.counts.values().map(|count| count.accepted).sum()
    }

    pub fn unreadable(&self) -> u64 {
        self.counts.values().map(|count| count.unreadable).sum()
    }

    pub fn messages(&self) -> u64 {
        self.accepted() + self.unreadable()
    }

    /// The readable rows of each table as Arrow, from the generator's rows. Tables that nobody fills are empty.
    pub fn batches(&self) -> BTreeMap<String, RecordBatch> {
        let rows = |table: &Table| self.rows.get(table.name.as_str()).map_or(&[][..], Vec::as_slice);
        cut::catalog().tables.iter().map(|table| (table.name.clone(), batch_of(table, rows(table)))).collect()
    }

    /// What `tests/readers/check.py` wants to know about the messages.
    pub fn produced_json(&self) -> String {
        let count = |of: fn(&TopicCount) -> u64| {
            let counts = self.counts.iter();
            counts.map(|(table, count)| (topic_of(&self.prefix, table), of(count))).collect::<BTreeMap<_, _>>()
        };
        serde_json::json!({
            "next_offsets": self.next_offsets,
            "accepted": count(|count| count.accepted),
            "unreadable": count(|count| count.unreadable),
        })
        .to_string()
    }

    /// Writes schemas and views into a directory, with the topics of this load.
    pub fn write_catalog(&self, directory: &Path) {
        cut::write(directory, |topic| topic_of(&self.prefix, topic)).expect("files");
    }
}

/// What is generated: the tables of the cut.
pub fn options(seed: u64) -> GeneratorOptions {
    GeneratorOptions { seed, topics: cut::filled(), ..Default::default() }
}

/// Rows of a table as one batch.
pub fn batch_of(table: &Table, rows: &[Row]) -> RecordBatch {
    let parts: Vec<RecordBatch> =
        rows.chunks(ROWS_AT_ONCE).map(|rows| rows_to_batch(table, rows).expect("rows of this table")).collect();
    concat_batches(&table.schema(), &parts).expect("one schema")
}
