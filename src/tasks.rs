//! Threads and tasks are started here only, with a name, so that a dump tells who is who and tests can count them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::error::{Error, Result};

/// Starts a named thread.
#[allow(clippy::disallowed_methods)] // this file is the door
pub fn spawn_thread<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    std::thread::Builder::new()
        .name(name.to_string())
        .spawn(body)
        .map_err(|e| Error::unavailable(format!("cannot start thread {name}")).caused_by(e))
}

/// Starts a named thread for work that recurses deeply. The bytes are address space: memory is taken as it is used.
#[allow(clippy::disallowed_methods)] // this file is the door
pub fn spawn_deep_thread<T: Send + 'static>(
    name: &str,
    stack_bytes: usize,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    std::thread::Builder::new()
        .name(name.to_string())
        .stack_size(stack_bytes)
        .spawn(body)
        .map_err(|e| Error::unavailable(format!("cannot start thread {name}")).caused_by(e))
}

/// Starts a task on the current tokio runtime.
#[allow(clippy::disallowed_methods)] // this file is the door
pub fn spawn_task<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// Runs blocking work off the async threads.
#[allow(clippy::disallowed_methods)] // this file is the door
pub fn spawn_blocking<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(body)
}

/// A request to stop that many threads watch. Once raised it stays raised.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
