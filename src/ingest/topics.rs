//! What the broker says of topics: their ids and their numbers of partitions.
//!
//! The safe interface of the client has no topic ids, and without them a topic that was made anew and filled again looks
//! like the one before. Unsafe code as in `queue`: every pointer belongs to the answer, which is destroyed here.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer};
use sys::rd_kafka_resp_err_t::{RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};

use crate::error::{Error, Result};

/// What a topic is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Another id is another topic; None: the broker is older than topic ids.
    pub id: Option<String>,
    /// They are numbered from 0.
    pub partitions: i32,
}

/// What the client waits for beyond the time given to the broker.
const GRACE: Duration = Duration::from_millis(200);
/// The id that stands for none.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// Asks the broker for these topics, in one request. Those that are not there are not in the answer.
///
/// Errors: `Unavailable` when it does not answer, or not for all of them.
pub fn describe(consumer: &BaseConsumer, topics: &[&str], wait: Duration) -> Result<BTreeMap<String, Described>> {
    let owned = topics.iter().map(|topic| CString::new(*topic)).collect::<Result<Vec<CString>, _>>();
    let owned = owned.map_err(|e| Error::invalid("a topic's name has a zero byte").caused_by(e))?;
    let mut names: Vec<*const c_char> = owned.iter().map(|name| name.as_ptr()).collect();
    let broker = any_broker(consumer, topics, wait)?;
    let client = consumer.client().native_ptr();
    let millis = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive; queue, options, names and answer are made here, used while they are alive, and
    // destroyed once; `DescribeTopics` copies what it is given.
    unsafe {
        let queue = sys::rd_kafka_queue_new(client);
        let options =
            sys::rd_kafka_AdminOptions_new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        sys::rd_kafka_AdminOptions_set_request_timeout(options, millis(wait), std::ptr::null_mut(), 0);
        sys::rd_kafka_AdminOptions_set_broker(options, broker, std::ptr::null_mut(), 0);
        let wanted = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        sys::rd_kafka_DescribeTopics(client, wanted, options, queue);
        sys::rd_kafka_TopicCollection_destroy(wanted);
        sys::rd_kafka_AdminOptions_destroy(options);
        let event = sys::rd_kafka_queue_poll(queue, millis(wait + GRACE));
        let described = if event.is_null() { Err(unavailable("no answer")) } else { read(event) };
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        described
    }
}

/// The id of a broker that answers. By itself the client asks the controller, which may be away, and which the demo's
/// broker does not have.
fn any_broker(consumer: &BaseConsumer, topics: &[&str], wait: Duration) -> Result<i32> {
    let metadata = consumer.fetch_metadata(topics.first().copied(), wait).map_err(|e| unavailable(&e.to_string()))?;
    // Before it knows the id of the one that answered, that is negative.
    let answered = Some(metadata.orig_broker_id()).filter(|id| *id >= 0);
    answered.or_else(|| Some(metadata.brokers().first()?.id())).ok_or_else(|| unavailable("there is none"))
}

fn unavailable(reason: &str) -> Error {
    Error::unavailable(format!("the broker does not describe the topics: {reason}"))
}

/// # Safety
/// The event is alive.
unsafe fn read(event: *mut sys::rd_kafka_event_t) -> Result<BTreeMap<String, Described>> {
    let mut found = BTreeMap::new();
    // SAFETY: everything read here belongs to the event and is copied; texts are NUL-terminated; an answer without an
    // error has a result, and `count` is the number of its topics.
    unsafe {
        let text = |text: *const c_char| CStr::from_ptr(text).to_string_lossy().into_owned();
        if sys::rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(unavailable(&text(sys::rd_kafka_event_error_string(event))));
        }
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        for i in 0..count {
            let topic = *topics.add(i);
            let name = text(sys::rd_kafka_TopicDescription_name(topic));
            let error = sys::rd_kafka_TopicDescription_error(topic);
            match if error.is_null() { RD_KAFKA_RESP_ERR_NO_ERROR } else { sys::rd_kafka_error_code(error) } {
                RD_KAFKA_RESP_ERR_NO_ERROR => {}
                RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => continue,
                _ => return Err(unavailable(&format!("{name}: {}", text(sys::rd_kafka_error_string(error))))),
            }
            let mut partitions = 0;
            sys::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
            let id = text(sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic)));
            let id = (id.trim_end_matches('=') != NO_ID).then_some(id);
            let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
            found.insert(name, Described { id, partitions });
        }
    }
    found.retain(|_, topic| topic.partitions > 0);
    Ok(found)
}
