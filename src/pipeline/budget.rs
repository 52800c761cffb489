//! The memory budget: at 90 % a warning names the views and their bytes, at 100 % nothing is consumed any more.
//!
//! State is measured every second and after every few thousand events, between two epochs: it passes the budget by what
//! one epoch and `MEASURE_EVENTS` events add, no more. The last epoch goes on being served and `/health/ready` says
//! `state_budget`. What was reserved is not given back, so it ends with a restart: with a higher budget, or with fewer
//! views.

use std::sync::Arc;

use super::wiring::Shared;
use crate::engine::Engine;
use crate::error::Error;
use crate::telemetry::NotReady;

/// Events after which the state is measured again, however short the time.
pub(super) const MEASURE_EVENTS: usize = 4_096;
/// Share of the budget at which a warning is due, in percent.
const WARN_PERCENT: u64 = 90;
/// A warning is due again once the state was below this share.
const CALM_PERCENT: u64 = 80;
/// Views that a warning names, at most.
const NAMED_VIEWS_MAX: usize = 10;

/// The budget and what was said of it.
#[derive(Debug)]
pub(super) struct Budget {
    bytes_max: u64,
    warned: bool,
    over: bool,
}

impl Budget {
    pub fn new(bytes_max: u64) -> Self {
        Budget { bytes_max, warned: false, over: false }
    }

    /// Compares the state of the engine with the budget, and says so in log and readiness.
    pub fn measure(&mut self, engine: &Engine, shared: &Shared) {
        let held = engine.state_bytes() as u64;
        shared.metrics.set_state(held, self.bytes_max);
        let percent = u64::try_from(u128::from(held) * 100 / u128::from(self.bytes_max.max(1))).unwrap_or(u64::MAX);
        let over = percent >= 100;
        if over && !self.over {
            let views = largest(engine.view_bytes());
            tracing::error!(held, budget = self.bytes_max, %views, "state is over its budget; consumption stops");
        } else if percent >= WARN_PERCENT && !self.warned && !over {
            let views = largest(engine.view_bytes());
            tracing::warn!(held, budget = self.bytes_max, %views, "state is at {percent} % of its budget");
        }
        self.over = over;
        self.warned = percent >= if self.warned { CALM_PERCENT } else { WARN_PERCENT };
        shared.readiness.set(NotReady::StateBudget, over);
    }

    /// Nothing may be consumed.
    pub fn over(&self) -> bool {
        self.over
    }

    /// What a drain says, which cannot wait for a higher budget.
    pub fn error(&self) -> Error {
        Error::unavailable(format!("state is over its budget of {} bytes", self.bytes_max)).hint(
            "raise memory_budget_bytes or drop a view; what was processed is committed, and the next run goes on from there",
        )
    }
}

/// Views with the bytes of their operators, largest first, as one line.
fn largest(mut views: Vec<(Arc<str>, usize)>) -> String {
    views.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = views.len().saturating_sub(NAMED_VIEWS_MAX);
    let mut named: Vec<String> =
        views.iter().take(NAMED_VIEWS_MAX).map(|(view, bytes)| format!("{view} {bytes}")).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_named_largest_first() {
        let views = |count: usize| (0..count).map(|i| (format!("v{i}").into(), i % 3)).collect::<Vec<(Arc<str>, _)>>();
        assert_eq!(largest(views(4)), "v2 2, v1 1, v0 0, v3 0");
        assert!(largest(views(12)).ends_with("v0 0, v3 0, 2 more"));
    }
}
