//! Probes: events that are produced one by one, each at its time, and asked for at once over HTTP.
//!
//! The schedule does not wait for answers, and each probe that waits has a connection of its own: a slow answer makes
//! the later probes wait in no queue but the product's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rebateflow::clock::Clock;
use rebateflow::demo::{Row, StockMovement};
use rebateflow::error::{Error, Result};
use rebateflow::tasks::{Stop, spawn_thread};

use crate::broker::kafka;
use crate::job::{agent, get};

/// Time between two probes.
const EVERY: Duration = Duration::from_millis(10);
/// Probes that can wait for their answers at a time.
const CONNECTIONS: usize = 64;
/// Probes that are delivered and not asked for yet.
const DELIVERED_MAX: usize = 4_096;
/// How long a probe may take to be visible before the run fails.
const VISIBLE_MAX: Duration = Duration::from_secs(60);
const FLUSH_MAX: Duration = Duration::from_secs(30);
/// 2026-01-01 UTC, in microseconds.
const EVENT_TIME_US: i64 = 1_767_225_600_000_000;

/// What became of a probe.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// When it was handed to the producer.
    pub produced: Instant,
    /// From then until Kafka's acknowledgement was here.
    pub acknowledged: Duration,
    /// From then until the answer with its row was here.
    pub visible: Duration,
}

/// Where the probes go and where they are asked for.
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    pub brokers: String,
    /// The topic of stock_movements.
    pub topic: String,
    /// `http://host:port`.
    pub address: String,
}

/// Running probes.
pub struct Probes {
    stop: Stop,
    producing: JoinHandle<Result<u64>>,
    asking: Vec<JoinHandle<Vec<Seen>>>,
    fault: Arc<OnceLock<Error>>,
}

impl Probes {
    pub fn start(options: &ProbeOptions, clock: &Clock) -> Result<Probes> {
        let (sender, receiver) = sync_channel(DELIVERED_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let fault = Arc::new(OnceLock::new());
        let mut asking = vec![];
        for _ in 0..CONNECTIONS {
            let (options, receiver) = (options.clone(), receiver.clone());
            let (fault, clock) = (fault.clone(), clock.clone());
            asking.push(spawn_thread("ask", move || ask_all(&options, &receiver, &fault, &clock))?);
        }
        let stop = Stop::default();
        let (options, stop_producing, clock) = (options.clone(), stop.clone(), clock.clone());
        let producing = spawn_thread("probe", move || produce(&options, sender, &stop_producing, &clock))?;
        Ok(Probes { stop, producing, asking, fault })
    }

    /// Errors: a probe failed.
    pub fn must_run(&self) -> Result<()> {
        must_not_fail(&self.fault)?;
        if self.producing.is_finished() {
            return Err(Error::internal("the producer of the probes has ended too early"));
        }
        Ok(())
    }

    /// Stops producing and waits for the last answers.
    ///
    /// Errors: a probe was not delivered, or its row was not there.
    pub fn finish(self) -> Result<Vec<Seen>> {
        let panicked = |_| Error::internal("a thread of the probes panicked");
        self.stop.raise();
        let produced = self.producing.join().map_err(panicked)??;
        let mut seen = vec![];
        for thread in self.asking {
            seen.extend(thread.join().map_err(panicked)?);
        }
        must_not_fail(&self.fault)?;
        if seen.len() as u64 != produced {
            let message = format!("{produced} probes were produced and {} were seen", seen.len());
            return Err(Error::internal(message));
        }
        Ok(seen)
    }
}

fn must_not_fail(fault: &OnceLock<Error>) -> Result<()> {
    match fault.get() {
        Some(fault) => Err(Error::internal(format!("a probe failed: {fault}"))),
        None => Ok(()),
    }
}

/// The probe with this number: the only movement of its SKU.
fn movement(number: u64) -> StockMovement {
    StockMovement {
        movement_id: format!("probe-{number:08}"),
        sku_id: format!("probe-{number:08}"),
        warehouse_id: "w1".to_string(),
        move_type: "RESTOCK",
        qty: 1 + (number % 1_000) as i64,
        order_id: None,
        event_time: EVENT_TIME_US,
        ingest_time: EVENT_TIME_US,
        reservation_id: None,
        seq: number as i64,
    }
}

/// A probe that Kafka has.
struct Delivered {
    number: u64,
    produced: Instant,
    acknowledged: Instant,
    partition: i32,
    offset: i64,
}

/// Passes delivered probes on.
struct Deliveries {
    sender: SyncSender<Delivered>,
    lost: AtomicU64,
    clock: Clock,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<(u64, Instant)>;

    fn delivery(&self, result: &DeliveryResult<'_>, probe: Self::DeliveryOpaque) {
        let (number, produced) = *probe;
        let passed_on = result.as_ref().is_ok_and(|message| {
            let delivered = Delivered {
                number,
                produced,
                acknowledged: self.clock.instant(),
                partition: message.partition(),
                offset: message.offset(),
            };
            self.sender.try_send(delivered).is_ok()
        });
        if !passed_on {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Produces until stopped; returns how many.
fn produce(options: &ProbeOptions, sender: SyncSender<Delivered>, stop: &Stop, clock: &Clock) -> Result<u64> {
    let context = Deliveries { sender, lost: AtomicU64::new(0), clock: clock.clone() };
    let producer: ThreadedProducer<Deliveries> = ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .set("linger.ms", "0")
        .create_with_context(context)
        .map_err(kafka)?;
    let begin = clock.instant();
    let mut number = 0;
    while !stop.raised() {
        let due = begin + EVERY.mul_f64(number as f64);
        clock.sleep(due.saturating_duration_since(clock.instant()));
        let row = Row::from(movement(number));
        let (key, value) = (row.message_key(), row.to_json(false));
        let record = BaseRecord::with_opaque_to(&options.topic, Box::new((number, clock.instant())));
        let sent = producer.send(record.key(&key).payload(&value));
        sent.map_err(|(error, _)| kafka(error))?;
        number += 1;
    }
    producer.flush(FLUSH_MAX).map_err(kafka)?;
    match producer.context().lost.load(Ordering::Relaxed) {
        0 => Ok(number),
        lost => Err(Error::unavailable(format!("{lost} probes were not delivered"))),
    }
}

/// Asks for delivered probes, one at a time, until no more come or one has failed.
fn ask_all(
    options: &ProbeOptions,
    delivered: &Mutex<Receiver<Delivered>>,
    fault: &OnceLock<Error>,
    clock: &Clock,
) -> Vec<Seen> {
    let agent = agent();
    let mut seen = vec![];
    while fault.get().is_none() {
        // The receiver cannot be left half used by a panic.
        let next = delivered.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(probe) = next else {
            break;
        };
        match ask(options, &agent, &probe, clock) {
            Ok(visible) => seen.push(visible),
            Err(error) => {
                // The first fault is the one that is told.
                let _ = fault.set(error);
            }
        }
    }
    seen
}

fn ask(options: &ProbeOptions, agent: &ureq::Agent, probe: &Delivered, clock: &Clock) -> Result<Seen> {
    let row = movement(probe.number);
    let url = format!(
        "{}/v1/views/stock_available?sku_id={}&min_offset={}:{}:{}",
        options.address, row.sku_id, options.topic, probe.partition, probe.offset
    );
    loop {
        let (status, body) = get(agent, &url)?;
        let visible = clock.instant() - probe.produced;
        if status == 504 && visible < VISIBLE_MAX {
            continue;
        }
        if status != 200 {
            return Err(Error::unavailable(format!("{status} to {url}: {body}")));
        }
        check(&row, &body)?;
        return Ok(Seen { produced: probe.produced, acknowledged: probe.acknowledged - probe.produced, visible });
    }
}

/// The answer has exactly the row that the probe makes.
fn check(probe: &StockMovement, body: &str) -> Result<()> {
    let answer: serde_json::Value =
        serde_json::from_str(body).map_err(|e| Error::internal(format!("not JSON: {body}")).caused_by(e))?;
    let expected = serde_json::json!([{
        "sku_id": probe.sku_id,
        "warehouse_id": probe.warehouse_id,
        "on_hand": probe.qty,
        "reserved": 0,
        "available": probe.qty,
    }]);
    if answer["rows"] != expected {
        return Err(Error::internal(format!("{body} does not have the rows {expected}")));
    }
    Ok(())
}
