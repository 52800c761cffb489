//! The only door to time: the system's clock, or one that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Wall time in microseconds since 1970-01-01 UTC, and monotonic time for waits.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// Stands still until `set`.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Microseconds since 1970-01-01 UTC.
    #[allow(clippy::disallowed_methods)] // this file is the door
    pub fn now_us(&self) -> i64 {
        match self {
            Clock::System => chrono::Utc::now().timestamp_micros(),
            Clock::Manual(us) => us.load(Ordering::Relaxed),
        }
    }

    /// Monotonic time, for deadlines and figures; never stored.
    #[allow(clippy::disallowed_methods)] // this file is the door
    pub fn instant(&self) -> Instant {
        Instant::now()
    }

    /// Moves a manual clock; the system's clock cannot be set.
    pub fn set(&self, us: i64) {
        if let Clock::Manual(now) = self {
            now.store(us, Ordering::Relaxed);
        }
    }

    /// Blocks this thread.
    #[allow(clippy::disallowed_methods)] // this file is the door
    pub fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
