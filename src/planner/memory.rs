//! Plans that are remembered: a test script is planned once, not once a schedule.
//!
//! Rule: a plan follows from the view and from everything that the planner was given before, in order. A hash of that
//! names it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::session::ViewPlan;
use crate::catalog::View;
use crate::error::Result;

/// Above it everything is forgotten: a plan is some kilobytes.
const PLANS_MAX: usize = 1_024;

/// Plans of several planners.
#[derive(Clone, Debug, Default)]
pub struct PlanMemory(Arc<Mutex<HashMap<u64, ViewPlan>>>);

/// What one planner was given, and the plans.
#[derive(Debug)]
pub(super) struct Memory {
    plans: PlanMemory,
    given: u64,
}

impl Memory {
    pub fn new(plans: PlanMemory) -> Self {
        Memory { plans, given: 0 }
    }

    /// The planner was given something that these texts tell apart from everything else.
    pub fn note(&mut self, texts: &[&str]) {
        self.given = hash(self.given, texts);
    }

    /// The plan of a view: remembered, or made. Errors are not remembered.
    pub fn planned(&self, view: &View, plan: impl FnOnce() -> Result<ViewPlan>) -> Result<ViewPlan> {
        // The text may hold several views.
        let name = hash(self.given, &[&view.name, &view.source.path, &view.source.text]);
        let plans = || self.plans.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = plans().get(&name) {
            return Ok(known.clone());
        }
        let planned = plan()?;
        let mut plans = plans();
        if plans.len() >= PLANS_MAX {
            plans.clear();
        }
        plans.insert(name, planned.clone());
        Ok(planned)
    }
}

fn hash(seed: u64, texts: &[&str]) -> u64 {
    texts.iter().fold(seed, |seed, text| xxh3_64_with_seed(text.as_bytes(), seed))
}
