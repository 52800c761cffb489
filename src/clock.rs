//! The only door to time: the system's clock, or one that a test sets.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// What a manual clock's `instant` counts from.
#[allow(clippy::disallowed_methods)] // this file is the door
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Wall time in microseconds since 1970-01-01 UTC, and monotonic time for waits.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// Moves by `set` and `sleep` only, wall time and monotonic time as one.
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
        match self {
            Clock::System => Instant::now(),
            Clock::Manual(us) => {
                *ORIGIN + Duration::from_micros(u64::try_from(us.load(Ordering::Relaxed)).unwrap_or(0))
            }
        }
    }

    /// Moves a manual clock; the system's clock cannot be set.
    pub fn set(&self, us: i64) {
        if let Clock::Manual(now) = self {
            now.store(us, Ordering::Relaxed);
        }
    }

    /// Blocks this thread; a manual clock moves instead.
    #[allow(clippy::disallowed_methods)] // this file is the door
    pub fn sleep(&self, time: Duration) {
        match self {
            Clock::System => std::thread::sleep(time),
            Clock::Manual(us) => {
                us.fetch_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
            }
        }
    }
}
