//! The physical limits: reading a topic and doing nothing, and reading and decoding it. Each runs in its own process.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use rdkafka::bindings as native;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};
use rebateflow::error::{Error, Result};
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
}

/// Reads the whole topic with this many threads, each with its own partitions; returns messages and decoded rows.
pub fn run(brokers: &str, topic: &str, limit: Limit, threads: i32) -> Result<(u64, u64)> {
    let mut running = vec![];
    for thread in 0..threads {
        let (brokers, topic) = (brokers.to_string(), topic.to_string());
        let partitions = (0..PARTITIONS)
            .filter(move |partition| partition % threads == thread)
            .collect();
        running.push(spawn_thread("limit", move || {
            read(&brokers, &topic, limit, partitions)
        })?);
    }
    let mut sum = (0, 0);
    for thread in running {
        let (messages, rows) = thread
            .join()
            .map_err(|_| Error::internal("a reading thread panicked"))??;
        sum = (sum.0 + messages, sum.1 + rows);
    }
    Ok(sum)
}

fn read(brokers: &str, topic: &str, limit: Limit, partitions: Vec<i32>) -> Result<(u64, u64)> {
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
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .map_err(kafka)?;
        let (low, high) = consumer
            .fetch_watermarks(topic, partition, Duration::from_secs(10))
            .map_err(kafka)?;
        wanted += (high - low) as u64;
    }
    consumer.assign(&list).map_err(kafka)?;
    match limit {
        Limit::Poll => poll_all(&consumer, wanted).map(|messages| (messages, 0)),
        Limit::Consume => batch_all(&consumer, wanted, |_| Ok(())).map(|messages| (messages, 0)),
        Limit::ArrowJson => {
            let mut decoder = arrow_json::ReaderBuilder::new(schema_of(topic))
                .with_batch_size(BATCH_ROWS)
                .build_decoder()?;
            let mut rows = 0;
            let messages = batch_all(&consumer, wanted, |value| {
                let mut rest = value;
                loop {
                    rest = &rest[decoder.decode(rest)?..];
                    if rest.is_empty() {
                        return Ok(());
                    }
                    rows += decoder.flush()?.map_or(0, |batch| batch.num_rows()) as u64;
                }
            })?;
            rows += decoder.flush()?.map_or(0, |batch| batch.num_rows()) as u64;
            Ok((messages, rows))
        }
    }
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

/// Reads with the batch queue and gives each value to `on_value`.
fn batch_all(consumer: &BaseConsumer, wanted: u64, mut on_value: impl FnMut(&[u8]) -> Result<()>) -> Result<u64> {
    // SAFETY: the client lives longer than the queue, which is given back below.
    let queue = unsafe { native::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
    let mut slots = vec![std::ptr::null_mut(); BATCH_ROWS];
    let mut messages = 0;
    let mut outcome = Ok(());
    while messages < wanted && outcome.is_ok() {
        // SAFETY: `slots` has room for that many pointers.
        let count = unsafe { native::rd_kafka_consume_batch_queue(queue, POLL_MS, slots.as_mut_ptr(), slots.len()) };
        for &slot in &slots[..count.max(0) as usize] {
            // SAFETY: the batch queue has filled this slot with a message of ours until it is destroyed, once, here.
            unsafe {
                let message: &native::rd_kafka_message_t = &*slot;
                if message.err == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && outcome.is_ok() {
                    messages += 1;
                    outcome = on_value(payload(message.payload, message.len));
                }
                native::rd_kafka_message_destroy(slot);
            }
        }
    }
    // SAFETY: taken above, given back once.
    unsafe { native::rd_kafka_queue_destroy(queue) };
    outcome.map(|()| messages)
}

/// The bytes of a message.
///
/// # Safety
/// `start` must be null or point to `length` bytes that live as long as the answer is used.
unsafe fn payload<'a>(start: *const c_void, length: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(start.cast(), length) }
}

/// The columns of the topic, as `schemas/` declares them.
fn schema_of(topic: &str) -> Arc<Schema> {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, None);
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let money = || DataType::Decimal128(12, 2);
    let fields = match topic {
        "stock_movements" => {
            let mut fields: Vec<Field> = ["movement_id", "sku_id", "warehouse_id", "move_type"].map(text).into();
            fields.push(Field::new("qty", DataType::Int64, false));
            fields.push(Field::new("event_time", time(), false));
            fields
        }
        "affiliate_txn" => vec![
            text("platform"),
            text("order_line_id"),
            Field::new("source_modified", time(), false),
            text("status"),
            text("user_id"),
            text("merchant_id"),
            text("item_id"),
            text("category_id"),
            Field::new("pay_amount", money(), false),
            Field::new("commission", money(), false),
            Field::new("order_time", time(), false),
            Field::new("pay_time", time(), false),
            text("event_id"),
        ],
        _ => vec![
            text("platform"),
            text("merchant_id"),
            Field::new("user_share", DataType::Decimal128(9, 6), false),
        ],
    };
    Arc::new(Schema::new(fields))
}
