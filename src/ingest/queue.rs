//! librdkafka's consumer queue, read in batches: a third less CPU than one `poll` a message.
//!
//! The only unsafe code of ingest, with the client's log beside it. Every pointer that librdkafka gives lives until its message is destroyed, and a
//! message is destroyed when its `Batch` is dropped.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// The queue of a consumer; the consumer outlives it.
pub struct Queue<'c> {
    queue: *mut sys::rd_kafka_queue_t,
    consumer: &'c BaseConsumer,
}

/// Messages and events taken from the queue.
#[derive(Default)]
pub struct Batch {
    messages: Vec<*mut sys::rd_kafka_message_t>,
}

/// One entry of a batch: a message, or an event in place of one.
#[derive(Clone, Copy)]
pub struct Entry<'b> {
    raw: &'b sys::rd_kafka_message_t,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message,
    /// The end of the partition was reached.
    EndOfPartition,
    /// The position is not in Kafka any more.
    PositionLost,
    /// Anything else that the client reports; librdkafka goes on by itself.
    Trouble,
}

/// Takes the client's log lines, which it would print to stderr in a form of its own. They come by its queue: none
/// before the first `take`.
pub fn log_as_ours(client: *mut sys::rd_kafka_t) {
    // SAFETY: callers give a client that is alive, and the function lives as long as the process.
    unsafe { sys::rd_kafka_set_logger(client, Some(log)) };
}

/// A log line of librdkafka; levels are those of syslog.
unsafe extern "C" fn log(_: *const sys::rd_kafka_t, level: c_int, facility: *const c_char, line: *const c_char) {
    if facility.is_null() || line.is_null() {
        return;
    }
    // SAFETY: librdkafka gives NUL-terminated texts that outlive this call.
    let (facility, line) = unsafe { (CStr::from_ptr(facility), CStr::from_ptr(line)) };
    let (facility, line) = (facility.to_string_lossy(), line.to_string_lossy());
    match level {
        ..=4 => tracing::warn!(%facility, "Kafka client: {line}"),
        _ => tracing::debug!(%facility, "Kafka client: {line}"),
    }
}

impl<'c> Queue<'c> {
    pub fn new(consumer: &'c BaseConsumer) -> Self {
        // SAFETY: the client is alive as long as the consumer, which outlives this value.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr().cast()) };
        Queue { queue, consumer }
    }

    /// Takes what is there, at most `max` entries; waits up to `wait` for the first one.
    pub fn take(&self, max: usize, wait: Duration) -> Batch {
        let mut batch = Batch::default();
        if self.fill(&mut batch, 1, wait) > 0 {
            self.fill(&mut batch, max.saturating_sub(1), Duration::ZERO);
        }
        batch
    }

    /// The end of a partition as the last fetch answer told it; None: not told yet. Asks nobody.
    pub fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        let topic = CString::new(topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        let client = self.consumer.client().native_ptr();
        // SAFETY: the client is alive, the name is NUL-terminated, and both numbers are ours.
        let answer = unsafe {
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition, &raw mut low, &raw mut high)
        };
        (answer == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }

    fn fill(&self, batch: &mut Batch, max: usize, wait: Duration) -> usize {
        let before = batch.messages.len();
        batch.messages.resize(before + max, std::ptr::null_mut());
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive, and the buffer has room for `max` pointers from `before` on.
        let taken = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue, wait, batch.messages.as_mut_ptr().add(before), max)
        };
        let taken = usize::try_from(taken).unwrap_or(0);
        batch.messages.truncate(before + taken);
        taken
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_get_consumer`, destroyed once.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) };
    }
}

impl Batch {
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        // SAFETY: every pointer is a message that is destroyed only when `self` is dropped.
        self.messages.iter().map(|&m| Entry { raw: unsafe { &*m } })
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for &message in &self.messages {
            // SAFETY: given by librdkafka, destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message) };
        }
    }
}

impl<'b> Entry<'b> {
    pub fn kind(&self) -> Kind {
        use sys::rd_kafka_resp_err_t::*;
        match self.raw.err {
            RD_KAFKA_RESP_ERR_NO_ERROR => Kind::Message,
            RD_KAFKA_RESP_ERR__PARTITION_EOF => Kind::EndOfPartition,
            RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET | RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE => Kind::PositionLost,
            _ => Kind::Trouble,
        }
    }
    /// The reason of an event, in librdkafka's words.
    pub fn reason(&self) -> String {
        // SAFETY: the message is alive; both functions give a NUL-terminated text or null.
        unsafe {
            let text = sys::rd_kafka_message_errstr(self.raw);
            let text = if text.is_null() { sys::rd_kafka_err2str(self.raw.err) } else { text };
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
    /// Tells topics apart: entries of one topic have the same.
    pub fn topic_handle(&self) -> usize {
        self.raw.rkt as usize
    }
    /// The topic; None for an event that has none.
    pub fn topic(&self) -> Option<&'b str> {
        if self.raw.rkt.is_null() {
            return None;
        }
        // SAFETY: the topic handle lives as long as the message; its name is NUL-terminated.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.raw.rkt)) }.to_str().ok()
    }
    pub fn partition(&self) -> i32 {
        self.raw.partition
    }
    pub fn offset(&self) -> i64 {
        self.raw.offset
    }
    pub fn value(&self) -> Option<&'b [u8]> {
        bytes(self.raw.payload, self.raw.len)
    }
    pub fn key(&self) -> Option<&'b [u8]> {
        bytes(self.raw.key, self.raw.key_len)
    }
    /// Milliseconds since 1970-01-01 UTC; 0 if the broker gives none.
    pub fn timestamp_ms(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, `kind` is ours.
        let ms = unsafe { sys::rd_kafka_message_timestamp(self.raw, &raw mut kind) };
        ms.max(0)
    }
    /// The value of the last header of this name.
    pub fn header(&self, name: &CStr) -> Option<&'b [u8]> {
        use sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as OK;
        let (mut headers, mut value, mut len) = (std::ptr::null_mut(), std::ptr::null::<c_void>(), 0);
        // SAFETY: the message is alive; its headers and their values belong to it, and the name is NUL-terminated.
        unsafe {
            let found = sys::rd_kafka_message_headers(self.raw, &raw mut headers) == OK
                && sys::rd_kafka_header_get_last(headers, name.as_ptr(), &raw mut value, &raw mut len) == OK;
            if found { bytes(value.cast_mut(), len) } else { None }
        }
    }
    /// Names and values of the headers, in order.
    pub fn headers(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let mut headers = std::ptr::null_mut();
        let mut found = vec![];
        // SAFETY: the message is alive; the headers, their names and values belong to it and are copied here.
        unsafe {
            use sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as OK;
            if sys::rd_kafka_message_headers(self.raw, &raw mut headers) != OK {
                return found;
            }
            let (mut name, mut value, mut len) = (std::ptr::null::<c_char>(), std::ptr::null::<c_void>(), 0);
            while sys::rd_kafka_header_get_all(headers, found.len(), &raw mut name, &raw mut value, &raw mut len) == OK
            {
                let name = CStr::from_ptr(name).to_string_lossy().into_owned();
                found.push((name, bytes(value.cast_mut(), len).map(<[u8]>::to_vec)));
            }
        }
        found
    }
}

fn bytes<'b>(data: *mut c_void, len: usize) -> Option<&'b [u8]> {
    // SAFETY: librdkafka gives null, or `len` readable bytes that live as long as the message, to which callers bind
    // the lifetime.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) })
}
