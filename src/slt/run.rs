//! One run of a script under one schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use sqllogictest::{DefaultColumnType, SortMode};

use super::case::{self, Case, Item, may_retract};
use super::dml::{self, Tables};
use super::events::{self, Event};
use super::runner::Schedule;
use super::script::{Action, Expected, Script, Step, is_expected};
use super::session::{Relations, Session};
use super::table_copy::TableCopy;
use super::{format, oracle};
use crate::catalog::{Definition, SourceFile, parse_definitions};
use crate::clock::Clock;
use crate::engine::{Engine, EpochOutput};
use crate::error::{Error, Result};
use crate::hot::Published;
use crate::planner::Planner;

/// What does not depend on the schedule, and so is computed once: what every materialized view must hold at each place
/// of a script (sorted lines by view), and what its changes are.
#[derive(Default)]
pub(super) struct Truth {
    views: BTreeMap<usize, BTreeMap<String, ViewTruth>>,
    /// Events of the statement at a place, and the tables after it.
    changes: BTreeMap<usize, (Vec<Event>, Tables)>,
}

#[derive(Clone, Debug)]
pub(super) struct ViewTruth {
    lines: Vec<String>,
    /// Rows kept out: as the first schedule counted them.
    errors: i64,
}

/// A published epoch held for a while, and what its views must go on to show.
struct Pinned {
    published: Arc<Published>,
    views: BTreeMap<String, Vec<String>>,
}

pub(super) struct Run<'a> {
    session: &'a Session,
    truth: &'a mut Truth,
    schedule: Schedule,
    random: fastrand::Rng,
    engine: Engine,
    tables: Tables,
    pending: Vec<Event>,
    given: Case,
    pinned: Option<Pinned>,
    /// What the changes of each view add up to: they are what histories and subscribers see.
    changed: BTreeMap<String, BTreeMap<String, i64>>,
    /// Comparisons of a view with the oracle.
    pub compared: usize,
}

impl<'a> Run<'a> {
    /// A run over an engine with this planner; `given`: a case without items.
    pub fn new(
        schedule: Schedule,
        (planner, given): (Planner, Case),
        session: &'a Session,
        truth: &'a mut Truth,
    ) -> Result<Self> {
        let mut engine = Engine::planning(1, Clock::System, planner)?;
        given.workers.iter().for_each(|workers| engine.use_workers(workers.clone()));
        if schedule == Schedule::Restart {
            engine.keep_checkpoints()?;
        }
        Ok(Run {
            session,
            truth,
            schedule,
            random: fastrand::Rng::with_seed(schedule.seed().unwrap_or(0)),
            engine,
            tables: dml::with_clock(0)?,
            given,
            pending: vec![],
            pinned: None,
            changed: BTreeMap::new(),
            compared: 0,
        })
    }

    /// Everything that the engine was given so far.
    pub fn case(&self) -> Case {
        self.given.clone()
    }

    /// Runs a step; the error says what is wrong.
    pub fn step(&mut self, at: usize, step: &Step) -> Result<()> {
        match &step.action {
            Action::Statement { sql, error: None } => self.statement(at, sql),
            Action::Statement { sql, error: Some(error) } => match self.statement(at, sql) {
                Err(found) if is_expected(error, &found.to_string()) => Ok(()),
                Err(found) => Err(Error::data(format!("another error than expected:\n{found}"))),
                Ok(()) => Err(Error::data("the statement was accepted, an error was expected")),
            },
            Action::Check => self.check(at),
            Action::Query { sql, expected } => {
                self.check(at)?;
                // Elsewhere the same views have the same rows.
                match self.schedule {
                    Schedule::Together => self.query(sql, expected),
                    _ => Ok(()),
                }
            }
            Action::QueryError { sql, error } => match self.rows_of_query(sql) {
                Err(found) if is_expected(error, &found.to_string()) => Ok(()),
                Err(found) => Err(Error::data(format!("another error than expected:\n{found}"))),
                Ok(_) => Err(Error::data("the query was accepted, an error was expected")),
            },
        }
    }

    fn statement(&mut self, at: usize, sql: &str) -> Result<()> {
        if let Some((events, tables)) = self.truth.changes.get(&at) {
            self.pending.extend(events.iter().cloned());
            self.tables = tables.clone();
        } else if let Some(statement) = dml::parse(sql)? {
            let events = dml::run(&statement, &mut self.tables, self.session)?;
            self.truth.changes.insert(at, (events.clone(), self.tables.clone()));
            self.pending.extend(events);
        } else {
            self.create(sql)?;
        }
        if self.schedule == Schedule::Restart {
            self.flush()?;
            let seed = self.random.u64(..);
            self.given.items.push(Item::Restart(seed));
            case::restart(&mut self.engine, seed)?;
        }
        Ok(())
    }

    fn create(&mut self, sql: &str) -> Result<()> {
        if self.schedule != Schedule::Together {
            self.flush()?;
        }
        let source = SourceFile::new("statement", sql);
        self.define(parse_definitions(&source).map_err(Error::from_diagnostics)?)
    }

    /// Creates tables and views.
    pub fn define(&mut self, definitions: Vec<Definition>) -> Result<()> {
        for definition in &definitions {
            if let Definition::Table(table) = definition
                && may_retract(&self.given.retractable, table)
            {
                self.engine.allow_retractions(&table.name);
            }
        }
        let known: BTreeSet<String> = self.tables.keys().cloned().collect();
        self.engine.define(definitions.clone())?;
        self.given.items.push(Item::Define(definitions));
        for table in self.engine.tables().filter(|table| !known.contains(&table.name)) {
            self.tables.insert(table.name.clone(), TableCopy::new(table.clone()));
        }
        // A view that is created late begins with its rows.
        for (view, lines) in self.contents(&self.engine.hot().snapshot())? {
            if !self.changed.contains_key(&view) {
                let sums = self.changed.entry(view).or_default();
                lines.into_iter().for_each(|line| *sums.entry(line).or_default() += 1);
            }
        }
        Ok(())
    }

    /// Applies what is pending.
    fn flush(&mut self) -> Result<()> {
        let in_order = self.tables.iter().filter(|(_, table)| table.keeps_order());
        let in_order = in_order.map(|(name, _)| name.as_str().into()).collect();
        let epochs = events::cut(std::mem::take(&mut self.pending), &in_order, self.schedule, &mut self.random);
        for epoch in epochs {
            self.given.items.push(Item::Epoch(epoch.clone()));
            let output = self.engine.apply(events::changes(&epoch)?)?;
            self.add_changes(output)?;
            // A pipeline may publish several epochs at once.
            if self.schedule.seed().is_none() || self.random.bool() {
                self.engine.publish(vec![])?;
            }
        }
        self.engine.publish(vec![])
    }

    /// Errors: a row twice in the changes of a view, or without a weight.
    fn add_changes(&mut self, output: EpochOutput) -> Result<()> {
        for (view, changes) in output.views {
            let lines = format::cells(&changes.rows)?.into_iter().map(|row| row.join(" | "));
            let mut seen = BTreeSet::new();
            let sums = self.changed.entry(view.to_string()).or_default();
            for (line, weight) in lines.zip(changes.weights) {
                *sums.entry(line.clone()).or_default() += weight;
                if weight == 0 || !seen.insert(line.clone()) {
                    return Err(Error::data(format!("the changes of view {view} are not consolidated: {line}")));
                }
            }
            sums.retain(|_, weight| *weight != 0);
        }
        Ok(())
    }

    /// The changes of each view add up to its rows.
    fn check_changes(&self, found: &BTreeMap<String, Vec<String>>) -> Result<()> {
        for (view, lines) in found {
            let sums = self.changed.get(view).into_iter().flatten();
            let copies = |(line, weight): (&String, &i64)| {
                std::iter::repeat_n(line.clone(), usize::try_from(*weight).unwrap_or(0))
            };
            let sum: Vec<String> = sums.flat_map(copies).collect();
            if let Some(difference) = format::difference(lines, &sum) {
                return Err(Error::data(format!(
                    "the changes of view {view} do not add up to its rows:\n{difference}"
                )));
            }
        }
        Ok(())
    }

    /// Compares every materialized view with the oracle.
    fn check(&mut self, at: usize) -> Result<()> {
        self.flush()?;
        let published = self.engine.hot().snapshot();
        for (name, state) in &published.views {
            if let Some(failed) = &state.failed {
                return Err(Error::data(format!("view {name} stopped: {failed}")));
            }
        }
        let found = self.contents(&published)?;
        self.check_changes(&found)?;
        if !self.truth.views.contains_key(&at) {
            let oracle = oracle::contents(&self.engine, &dml::relations(&self.tables)?, self.session)?;
            let mut truth = BTreeMap::new();
            for (name, rows) in oracle {
                let errors = published.views.get(name.as_str()).map_or(0, |state| state.errors);
                let lines = format::sorted_lines(&rows)?;
                truth.insert(name, ViewTruth { lines, errors });
            }
            self.truth.views.insert(at, truth);
        }
        for (name, truth) in &self.truth.views[&at] {
            let lines = found.get(name).ok_or_else(|| Error::internal(format!("no view {name}")))?;
            if let Some(difference) = format::difference(&truth.lines, lines) {
                let message =
                    format!("view {name} differs from the batch answer (-: missing, +: too much):\n{difference}");
                return Err(Error::data(message));
            }
            let errors = published.views.get(name.as_str()).map_or(0, |state| state.errors);
            if errors != truth.errors {
                let (here, there) = (errors, truth.errors);
                let message = format!("view {name} counts {here} errors here and {there} under the first schedule");
                return Err(Error::data(message));
            }
            self.compared += 1;
        }
        self.check_pinned(published, found)
    }

    /// A reader that holds an older epoch goes on to see it.
    fn check_pinned(&mut self, published: Arc<Published>, views: BTreeMap<String, Vec<String>>) -> Result<()> {
        if let Some(pinned) = self.pinned.take() {
            let now = self.contents(&pinned.published)?;
            for (name, lines) in &pinned.views {
                if let Some(difference) = format::difference(lines, &now[name]) {
                    let message = format!("view {name} changed under a reader of an older epoch:\n{difference}");
                    return Err(Error::data(message));
                }
            }
        }
        if self.schedule.seed().is_some() {
            self.pinned = Some(Pinned { published, views });
        }
        Ok(())
    }

    fn contents(&self, published: &Published) -> Result<BTreeMap<String, Vec<String>>> {
        let lines = |name: &Arc<str>| {
            let rows = self.engine.rows_at(published, name)?;
            Ok((name.to_string(), format::sorted_lines(&rows)?))
        };
        published.tables().keys().map(lines).collect()
    }

    fn query(&self, sql: &str, expected: &Expected) -> Result<()> {
        let rows = self.rows_of_query(sql)?;
        if expected.types.len() != rows.num_columns() {
            let (wanted, found) = (expected.types.len(), rows.num_columns());
            return Err(Error::data(format!("the query has {found} columns, {wanted} were expected")));
        }
        for (wanted, field) in expected.types.iter().zip(rows.schema().fields()) {
            if !fits(wanted, field.data_type()) {
                let (name, found) = (field.name(), field.data_type());
                return Err(Error::data(format!("column {name} has type {found}, {wanted:?} was expected")));
            }
        }
        let cells = format::cells(&rows)?;
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut wanted: Vec<String> = expected.lines.iter().map(|line| words(line)).collect();
        let mut found: Vec<String> = match expected.sort {
            SortMode::ValueSort => cells.concat(),
            _ => cells.iter().map(|row| row.join(" ")).collect(),
        };
        found.iter_mut().for_each(|line| *line = words(line));
        if expected.sort != SortMode::NoSort {
            wanted.sort_unstable();
            found.sort_unstable();
        }
        if wanted == found {
            return Ok(());
        }
        let difference =
            format::difference(&wanted, &found).unwrap_or_else(|| "  only the order differs\n".to_string());
        Err(Error::data(format!("the query answers differently (-: missing, +: too much):\n{difference}")))
    }

    /// Rows of a SELECT over the materialized views, the tables, and `view_errors(view, errors)`.
    fn rows_of_query(&self, sql: &str) -> Result<RecordBatch> {
        let mut relations: Relations = dml::relations(&self.tables)?;
        for view in self.engine.views() {
            relations.insert(view.name.clone(), self.engine.rows(&view.name)?);
        }
        let published = self.engine.hot().snapshot();
        let (names, errors): (Vec<&str>, Vec<i64>) =
            published.views.iter().map(|(name, state)| (&**name, state.errors)).unzip();
        let view_errors = RecordBatch::try_from_iter([
            ("view", Arc::new(datafusion::arrow::array::StringArray::from(names)) as _),
            ("errors", Arc::new(datafusion::arrow::array::Int64Array::from(errors)) as _),
        ])?;
        relations.entry("view_errors".to_string()).or_insert(view_errors);
        self.session.query(sql, &relations)
    }
}

fn fits(wanted: &DefaultColumnType, found: &DataType) -> bool {
    let is_number = found.is_floating() || found.is_decimal();
    match wanted {
        DefaultColumnType::Integer => found.is_integer(),
        DefaultColumnType::FloatingPoint => is_number,
        DefaultColumnType::Text => !found.is_integer() && !is_number,
        DefaultColumnType::Any => true,
    }
}

/// Tables that the script updates or deletes from.
pub(super) fn corrected(script: &Script) -> BTreeSet<String> {
    let table = |step: &Step| match &step.action {
        Action::Statement { sql, .. } => dml::corrected(&dml::parse(sql).ok()??),
        _ => None,
    };
    script.steps.iter().filter_map(table).collect()
}
