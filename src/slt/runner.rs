//! Runs scripts under every schedule.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::case::{ALL, Case};
use super::run::{Run, Truth, corrected};
use super::script::Script;
use super::session::Session;
use super::shrink::{self, Smallest};
use crate::catalog::{Catalog, Definition, Table, View};
use crate::dataflow::Workers;
use crate::error::{Error, Result};
use crate::planner::{PlanMemory, Planner};

/// How the events of a script are cut into epochs. Views are compared before and after every one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Everything before a query in one epoch.
    Together,
    RowAnEpoch,
    /// Random epochs; what is never taken out also arrives in random order.
    Random(u64),
    /// One epoch a statement, and a restart from a checkpoint after each.
    Restart,
    /// As `Random`, over several shards with a thread each, however small the epochs.
    Shards(u64),
}

/// Shards of `Schedule::Shards`: no power of two, so that the slots do not divide evenly.
const SHARDS: usize = 3;

impl Schedule {
    /// The seed of random epochs.
    pub(super) fn seed(self) -> Option<u64> {
        match self {
            Schedule::Random(seed) | Schedule::Shards(seed) => Some(seed),
            Schedule::Together | Schedule::RowAnEpoch | Schedule::Restart => None,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Together => f.write_str("all at once"),
            Schedule::RowAnEpoch => f.write_str("a row an epoch"),
            Schedule::Random(seed) => write!(f, "random epochs, seed {seed}"),
            Schedule::Restart => f.write_str("restart from a checkpoint after each statement"),
            Schedule::Shards(seed) => write!(f, "{SHARDS} shards, random epochs, seed {seed}"),
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
    /// What scripts begin with.
    project: Option<Catalog>,
    plans: PlanMemory,
    workers: Arc<Workers>,
    shrinks: bool,
}

impl Runner {
    /// A runner with the usual schedules. `project`: tables and views that every script begins with, or those of them
    /// that it names.
    pub fn new(project: Option<Catalog>) -> Result<Self> {
        use Schedule::{Random, Restart, RowAnEpoch, Shards, Together};
        let mut runner = Self::with_schedules(&[Together, RowAnEpoch, Random(1), Random(2), Restart, Shards(3)])?;
        runner.project = project;
        Ok(runner)
    }

    /// A runner with these schedules. Queries are answered under the first one, which is always `Together`.
    pub fn with_schedules(schedules: &[Schedule]) -> Result<Self> {
        let mut variants = vec![];
        for all_retractable in [false, true] {
            let further = schedules.iter().filter(|s| **s != Schedule::Together);
            let all = std::iter::once(&Schedule::Together).chain(further);
            variants.extend(all.map(|&schedule| Variant { schedule, all_retractable }));
        }
        Ok(Runner {
            session: Session::new()?,
            variants,
            project: None,
            plans: PlanMemory::default(),
            workers: Arc::new(Workers::new(SHARDS, 1)?),
            shrinks: true,
        })
    }

    /// Failed runs are shown as they are: for callers that make scripts smaller themselves.
    pub fn without_shrinking(mut self) -> Self {
        self.shrinks = false;
        self
    }

    /// Runs a script. The error tells file, line, schedule and what differs.
    pub fn run(&self, script: &Script) -> Result<Report> {
        let corrected = corrected(script);
        let project = self.project_of(script)?;
        let mut truth = Truth::default();
        let mut report = Report { queries: script.queries(), ..Report::default() };
        for &variant in &self.variants {
            let planner = Planner::remembering(self.plans.clone());
            let sharded = matches!(variant.schedule, Schedule::Shards(_));
            let given = Case {
                items: vec![],
                retractable: retractable(variant, &corrected),
                workers: sharded.then(|| self.workers.clone()),
            };
            let mut run = Run::new(variant.schedule, (planner, given), &self.session, &mut truth)?;
            run.define(project.clone())?;
            for (at, step) in script.steps.iter().enumerate() {
                run.step(at, step).map_err(|error| {
                    let place = format!("{}:{}: {variant}", script.name, step.line);
                    let smallest = if self.shrinks { self.shrunk(run.case()) } else { String::new() };
                    Error::new(error.kind, format!("{place}\n{error}{smallest}"))
                })?;
            }
            report.schedules += 1;
            report.compared += run.compared;
        }
        Ok(report)
    }

    /// The tables and views that a script begins with.
    fn project_of(&self, script: &Script) -> Result<Vec<Definition>> {
        let fault = |error: Error| Error::new(error.kind, format!("{}: {}", script.name, error.message));
        let catalog = match (&self.project, script.views.is_empty()) {
            (None, true) => return Ok(vec![]),
            (None, false) => {
                let error = Error::invalid("the script begins with views of a project");
                return Err(fault(error.hint("give the project with --schemas DIR and --sql DIR")));
            }
            (Some(project), true) => project.clone(),
            (Some(project), false) => project.of_views(&script.views).map_err(fault)?,
        };
        let tables = catalog.tables.iter().map(|table| Definition::Table(Table::clone(table)));
        let views = catalog.views.iter().map(|view| Definition::View(View::clone(view)));
        Ok(tables.chain(views).collect())
    }

    /// The smallest part of a failed run that fails as well, as text; empty if the epochs are not to blame.
    fn shrunk(&self, case: Case) -> String {
        let whole = case.size();
        let Some(Smallest { case, failure }) = shrink::smallest(case, |case| case.fails(&self.session)) else {
            return String::new();
        };
        let (epochs, rows) = case.size();
        let (epochs_before, rows_before) = whole;
        format!(
            "\nsmallest failing split found: {epochs} of {epochs_before} epochs, {rows} of {rows_before} rows\n{}\n{failure}",
            case.render()
        )
    }
}

/// Tables whose rows may be taken out.
fn retractable(variant: Variant, corrected: &BTreeSet<String>) -> BTreeSet<String> {
    let all = variant.all_retractable.then(|| ALL.to_string());
    corrected.iter().cloned().chain(all).collect()
}
