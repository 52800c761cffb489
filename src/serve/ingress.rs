//! What comes in by HTTP and goes to Kafka: which tables and webhooks there are, and the producers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::problem::Problem;
use crate::catalog::{CLOCK, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::{Producer, Written};
use crate::network::Webhook;
use crate::tasks::spawn_blocking;

/// Requests that write at once; each holds a body and a producer.
pub const WRITING_MAX: usize = 4;
/// How long a further one waits for its turn.
const TURN_MAX: Duration = Duration::from_secs(2);

/// Takes events.
pub struct Ingress {
    tables: BTreeMap<String, Arc<Table>>,
    webhooks: BTreeMap<String, Webhook>,
    brokers: String,
    slots: Semaphore,
    /// Those that nobody uses now.
    idle: Mutex<Vec<Producer>>,
}

impl fmt::Debug for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ingress to {}", self.brokers)
    }
}

impl Ingress {
    /// Producers are made when they are needed.
    pub fn new(tables: &[Arc<Table>], webhooks: BTreeMap<String, Webhook>, brokers: String) -> Ingress {
        let tables = tables.iter().filter(|table| table.name != CLOCK);
        Ingress {
            tables: tables.map(|table| (table.name.clone(), table.clone())).collect(),
            webhooks,
            brokers,
            slots: Semaphore::new(WRITING_MAX),
            idle: Mutex::default(),
        }
    }

    pub(super) fn table(&self, name: &str) -> Result<&Arc<Table>> {
        self.tables.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.tables.keys().map(String::as_str).collect();
            Error::not_found(format!("there is no table {name}")).hint(format!("the tables are: {}", names.join(", ")))
        })
    }

    pub(super) fn webhook(&self, network: &str) -> Result<&Webhook> {
        self.webhooks.get(network).ok_or_else(|| {
            Error::not_found(format!("there is no open webhook {network}"))
                .hint("it needs a [webhook] in the network's definition, and its secret in the environment")
        })
    }

    /// A turn to write; `Unavailable` when too many write already.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(TURN_MAX, self.slots.acquire()).await {
            Ok(permit) => permit.map_err(|e| Error::internal("the semaphore is closed").caused_by(e)),
            Err(_) => Err(Error::unavailable(format!("{WRITING_MAX} requests are writing already"))),
        }
    }

    /// Runs blocking work with a producer of its own. After an error the producer is not used again: what is left in its
    /// queue belongs to that request.
    pub(super) async fn write(
        self: &Arc<Self>,
        work: impl FnOnce(&Producer) -> Result<Written, Problem> + Send + 'static,
    ) -> Result<Written, Problem> {
        let ingress = self.clone();
        let work = spawn_blocking(move || {
            let idle = || ingress.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = idle().pop();
            let producer = kept.map_or_else(|| Producer::new(&ingress.brokers), Ok)?;
            let written = work(&producer)?;
            idle().push(producer);
            Ok(written)
        });
        work.await.map_err(|e| Error::internal("a request's thread panicked").caused_by(e))?
    }
}

/// Places as `min_offset` takes them.
pub(super) fn answer(accepted: usize, written: &Written) -> Vec<u8> {
    let places: Vec<String> =
        written.iter().map(|(topic, partition, offset)| format!("{topic}:{partition}:{offset}")).collect();
    json!({ "accepted": accepted, "offsets": places }).to_string().into_bytes()
}

/// What a broker refuses is too large; what it has not confirmed may be sent again.
pub(super) fn unwritten(error: Error) -> Problem {
    let kind = error.kind;
    let mut problem = Problem::from(error);
    match kind {
        ErrorKind::Refused => problem.status = StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unavailable => {
            problem.hint = Some("send it again: some of it may be written, and counts once by its id".to_string());
        }
        _ => {}
    }
    problem
}
