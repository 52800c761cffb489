//! Runs scripts under every schedule.

use std::fmt;

use super::run::{Run, Truth, corrected};
use super::script::Script;
use super::session::Session;
use crate::error::{Error, Result};

/// How the events of a script are cut into epochs. Views are compared before and after every one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Everything before a query in one epoch.
    Together,
    RowAnEpoch,
    /// Random epochs; what is never taken out also arrives in random order.
    Random(u64),
    /// One epoch a statement, and the views built anew after each.
    Restart,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Together => f.write_str("all at once"),
            Schedule::RowAnEpoch => f.write_str("a row an epoch"),
            Schedule::Random(seed) => write!(f, "random epochs, seed {seed}"),
            Schedule::Restart => f.write_str("restart after each statement"),
        }
    }
}

/// A schedule, and whether rows of every table may be taken out, or only of those that the script corrects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub schedule: Schedule,
    pub all_retractable: bool,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = if self.all_retractable { ", all tables retractable" } else { "" };
        write!(f, "schedule: {}{tables}", self.schedule)
    }
}

/// What a script showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub queries: usize,
    /// Schedules that the script ran under.
    pub schedules: usize,
    /// How often a view was compared with the batch oracle.
    pub compared: usize,
}

/// Runs scripts; made once for many.
pub struct Runner {
    session: Session,
    variants: Vec<Variant>,
}

impl Runner {
    /// A runner with the usual schedules.
    pub fn new() -> Result<Self> {
        use Schedule::{Random, Restart, RowAnEpoch, Together};
        Self::with_schedules(&[Together, RowAnEpoch, Random(1), Random(2), Restart])
    }

    /// A runner with these schedules. Queries are answered under the first one, which is always `Together`.
    pub fn with_schedules(schedules: &[Schedule]) -> Result<Self> {
        let mut variants = vec![];
        for all_retractable in [false, true] {
            let further = schedules.iter().filter(|s| **s != Schedule::Together);
            let all = std::iter::once(&Schedule::Together).chain(further);
            variants.extend(all.map(|&schedule| Variant { schedule, all_retractable }));
        }
        Ok(Runner { session: Session::new()?, variants })
    }

    /// Runs a script. The error tells file, line, schedule and what differs.
    pub fn run(&self, script: &Script) -> Result<Report> {
        let corrected = corrected(script);
        let mut truth = Truth::default();
        let mut report = Report { queries: script.queries(), ..Report::default() };
        for &variant in &self.variants {
            let mut run = Run::new(variant, &corrected, &self.session, &mut truth)?;
            for (at, step) in script.steps.iter().enumerate() {
                run.step(at, step).map_err(|error| {
                    let place = format!("{}:{}: {variant}", script.name, step.line);
                    Error::new(error.kind, format!("{place}\n{error}"))
                })?;
            }
            report.schedules += 1;
            report.compared += run.compared;
        }
        Ok(report)
    }
}
