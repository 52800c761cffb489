//! The physical limits: reading a topic and doing nothing, and reading and decoding it. Each runs in its own process.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use rebateflow::catalog::Table;
use rebateflow::error::{Error, Result};
use rebateflow::ingest::{Decoder, Message};
use rebateflow::tasks::spawn_thread;

use crate::load::{PARTITIONS, kafka};

/// Rows of one decoded batch.
const BATCH_ROWS: usize = 8_192;
/// How long a read may wait for messages, in milliseconds.
const POLL_MS: i32 = 20;

/// What a limit does with each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Limit {
    /// `BaseConsumer::poll`, one message at a time.
    Poll,
    /// librdkafka's batch queue.
    Consume,
    /// The batch queue and arrow-json.
    ArrowJson,
    /// The batch queue and our own decoder, with everything that it checks and keeps.
    Decode,
}

/// Reads the whole topic of the table with this many threads, each with its own partitions; returns messages and
/// decoded rows.
pub fn run(brokers: &str, table: Table, limit: Limit, threads: i32) -> Result<(u64, u64)> {
    let table = Arc::new(table);
    let mut running = vec![];
    for thread in 0..threads {
        let (brokers, table) = (brokers.to_string(), table.clone());
        let partitions = (0..PARTITIONS).filter(move |partition| partition % threads == thread).collect();
        running.push(spawn_thread("limit", move || read(&brokers, &table, limit, partitions))?);
    }
    let mut sum = (0, 0);
    for thread in running {
        let (messages, rows) = thread.join().map_err(|_| Error::internal("a reading thread panicked"))??;
        sum = (sum.0 + messages, sum.1 + rows);
    }
    Ok(sum)
}

fn read(brokers: &str, table: &Arc<Table>, limit: Limit, partitions: Vec<i32>) -> Result<(u64, u64)> {
    let topic = &table.topic;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "limit")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "false")
        .set("fetch.message.max.bytes", "8388608")
        .set("fetch.min.bytes", "65536")
        .set("fetch.wait.max.ms", "20")
        .set("queued.min.messages", "100000")
        .set("queued.max.messages.kbytes", "262144")
        .set("fetch.queue.backoff.ms", "2")
        .create()
        .map_err(kafka)?;
    let mut list = TopicPartitionList::new();
    let mut wanted = 0;
    for partition in partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).map_err(kafka)?;
        let (low, high) = consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).map_err(kafka)?;
        wanted += (high - low) as u64;
    }
    consumer.assign(&list).map_err(kafka)?;
    match limit {
        Limit::Poll => poll_all(&consumer, wanted).map(|messages| (messages, 0)),
        Limit::Consume => batch_all(&consumer, wanted, |_| Ok(())).map(|messages| (messages, 0)),
        Limit::ArrowJson => arrow_json_all(&consumer, wanted, table),
        Limit::Decode => {
            let mut decoder = Decoder::new(table.clone())?;
            let mut rows = 0;
            let messages = batch_all(&consumer, wanted, |batch| {
                rows += decoder.decode(batch)?.events.rows.num_rows() as u64;
                Ok(())
            })?;
            Ok((messages, rows))
        }
    }
}

fn arrow_json_all(consumer: &BaseConsumer, wanted: u64, table: &Table) -> Result<(u64, u64)> {
    let builder = arrow_json::ReaderBuilder::new(table.schema()).with_batch_size(BATCH_ROWS);
    let mut decoder = builder.build_decoder()?;
    let mut rows = 0;
    let messages = batch_all(consumer, wanted, |batch| {
        for message in batch {
            let mut rest = message.value.unwrap_or_default();
            while !rest.is_empty() {
                rest = &rest[decoder.decode(rest)?..];
                if !rest.is_empty() {
                    rows += decoder.flush()?.map_or(0, |batch| batch.num_rows()) as u64;
                }
            }
        }
        Ok(())
    })?;
    rows += decoder.flush()?.map_or(0, |batch| batch.num_rows()) as u64;
    Ok((messages, rows))
}

fn poll_all(consumer: &BaseConsumer, wanted: u64) -> Result<u64> {
    let (mut messages, mut bytes) = (0, 0);
    while messages < wanted {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        bytes += message.map_err(kafka)?.payload().map_or(0, <[u8]>::len);
        messages += 1;
    }
    std::hint::black_box(bytes);
    Ok(messages)
}

/// Reads with the batch queue and gives each batch to `on_batch`.
fn batch_all(
    consumer: &BaseConsumer,
    wanted: u64,
    mut on_batch: impl FnMut(&[Message<'_>]) -> Result<()>,
) -> Result<u64> {
    // SAFETY: the client lives longer than the queue, which is given back below.
    let queue = unsafe { native::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
    let mut slots = vec![std::ptr::null_mut(); BATCH_ROWS];
    let mut messages = 0;
    let mut outcome = Ok(());
    while messages < wanted && outcome.is_ok() {
        // SAFETY: `slots` has room for that many pointers.
        let count = unsafe { native::rd_kafka_consume_batch_queue(queue, POLL_MS, slots.as_mut_ptr(), slots.len()) };
        let filled = &slots[..count.max(0) as usize];
        // SAFETY: the batch queue has filled these slots with messages of ours, which live until they are destroyed,
        // once each, after their last use.
        unsafe {
            let batch: Vec<Message<'_>> = filled.iter().filter_map(|slot| message_of(*slot)).collect();
            messages += batch.len() as u64;
            outcome = on_batch(&batch);
            drop(batch);
            filled.iter().for_each(|slot| native::rd_kafka_message_destroy(*slot));
        }
    }
    // SAFETY: taken above, given back once.
    unsafe { native::rd_kafka_queue_destroy(queue) };
    outcome.map(|()| messages)
}

/// The message in a slot; None for an event that is no message.
///
/// # Safety
/// The slot must hold a message of librdkafka that lives as long as the answer is used.
unsafe fn message_of<'a>(slot: *const native::rd_kafka_message_t) -> Option<Message<'a>> {
    // SAFETY: the caller's promise; null pointers are looked for.
    unsafe {
        let native_message = &*slot;
        if native_message.err != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        Some(Message {
            key: bytes(native_message.key, native_message.key_len),
            value: bytes(native_message.payload, native_message.len),
            partition: native_message.partition,
            offset: native_message.offset,
            timestamp_us: native::rd_kafka_message_timestamp(slot, std::ptr::null_mut()) * 1000,
        })
    }
}

/// # Safety
/// `start` must be null or point to `length` bytes that live as long as the answer is used.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
}
