//! What an engine was given in one run, so that a failure can be tried again and made smaller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dml::{self, Tables};
use super::events::{self, Event};
use super::session::Session;
use super::table_copy::TableCopy;
use super::{format, oracle};
use crate::catalog::{Definition, Table};
use crate::clock::Clock;
use crate::dataflow::Workers;
use crate::engine::Engine;
use crate::error::Result;

/// One thing that the engine was given.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Define(Vec<Definition>),
    Epoch(Vec<Event>),
    /// From a checkpoint, with a seed for what is missing in it.
    Restart(u64),
}

/// Restarts an engine from a checkpoint of itself. Some saved tables are left out, as if their views had been edited:
/// they come from events.
pub(super) fn restart(engine: &mut Engine, seed: u64) -> Result<()> {
    let mut checkpoint = engine.checkpoint()?;
    let mut random = fastrand::Rng::with_seed(seed);
    checkpoint.tables.retain(|_| random.u8(0..4) > 0);
    engine.restart_from(&checkpoint)
}

/// A run without its queries: at its end every view must hold the batch answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub items: Vec<Item>,
    /// Append-only tables whose rows may be taken out; `*` stands for all.
    pub retractable: BTreeSet<String>,
    /// None: one shard.
    pub workers: Option<Arc<Workers>>,
}

/// Stands for all tables; no table has this name.
pub(super) const ALL: &str = "*";

/// Whether rows of the table may be taken out.
pub(super) fn may_retract(retractable: &BTreeSet<String>, table: &Table) -> bool {
    table.upsert.is_none() && (retractable.contains(&table.name) || retractable.contains(ALL))
}

impl Case {
    /// What is wrong at the end; None: nothing, or the case makes no sense.
    pub fn fails(&self, session: &Session) -> Option<String> {
        let mut engine = Engine::new(1, Clock::System).ok()?;
        self.workers.iter().for_each(|workers| engine.use_workers(workers.clone()));
        engine.keep_checkpoints().ok()?;
        let mut trial = Trial { engine, tables: dml::with_clock(0).ok()?, sums: BTreeMap::new() };
        for item in &self.items {
            if let Err(wrong) = trial.give(item, &self.retractable)? {
                return Some(wrong);
            }
        }
        trial.compare(session)
    }

    /// Epochs, and rows in them.
    pub fn size(&self) -> (usize, usize) {
        let epochs = self.items.iter().filter_map(|item| match item {
            Item::Epoch(events) => Some(events.len()),
            _ => None,
        });
        (epochs.clone().count(), epochs.sum())
    }

    /// The case as text: what is created, then each epoch with its rows.
    pub fn render(&self) -> String {
        let mut lines = vec![];
        let mut epoch = 0;
        for item in &self.items {
            match item {
                Item::Define(definitions) => {
                    lines.extend(definitions.iter().map(|definition| format!("  {}", on_a_line(definition))));
                }
                Item::Restart(_) => lines.push("  restart".to_string()),
                Item::Epoch(events) => {
                    epoch += 1;
                    lines.push(format!("  epoch {epoch}"));
                    lines.extend(events.iter().map(|event| format!("    {}", row(event))));
                }
            }
        }
        lines.join("\n")
    }
}

/// A definition on one line, cut when it is long.
fn on_a_line(definition: &Definition) -> String {
    const WIDTH: usize = 160;
    let text = match definition {
        Definition::Table(table) => table.sql.clone(),
        // Its file may hold other definitions, too.
        Definition::View(view) => {
            let materialized = if view.materialized { "MATERIALIZED " } else { "" };
            format!("CREATE {materialized}VIEW {} AS {}", view.name, view.query)
        }
    };
    let code = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join(" ");
    let line = code.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() > WIDTH {
        true => format!("{} ...", line.chars().take(WIDTH).collect::<String>()),
        false => line,
    }
}

fn row(event: &Event) -> String {
    let sign = if event.weight < 0 { '-' } else { '+' };
    let declared: Vec<usize> = event
        .row
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, f)| !f.name().starts_with('_'))
        .map(|(c, _)| c)
        .collect();
    let cells = event.row.project(&declared).ok().and_then(|row| format::cells(&row).ok()).unwrap_or_default();
    let operation = match event.row.column_by_name("_op").map(|column| format::text(column, 0)) {
        Some(Some("delete")) => " (delete)",
        _ => "",
    };
    format!("{sign} {}: {}{operation}", event.table, cells.concat().join(" | "))
}

struct Trial {
    engine: Engine,
    tables: Tables,
    /// What the changes of each view add up to.
    sums: BTreeMap<String, BTreeMap<String, i64>>,
}

impl Trial {
    /// None: the case makes no sense. The error says what is wrong with the engine.
    fn give(&mut self, item: &Item, retractable: &BTreeSet<String>) -> Option<Result<(), String>> {
        match item {
            Item::Define(definitions) => {
                for definition in definitions {
                    let Definition::Table(table) = definition else { continue };
                    if may_retract(retractable, table) {
                        self.engine.allow_retractions(&table.name);
                    }
                }
                self.engine.define(definitions.clone()).ok()?;
                for table in self.engine.tables() {
                    self.tables.entry(table.name.clone()).or_insert_with(|| TableCopy::new(table.clone()));
                }
                self.begin_sums().ok()?;
                Some(Ok(()))
            }
            Item::Restart(seed) => Some(restart(&mut self.engine, *seed).map_err(|error| error.to_string())),
            Item::Epoch(events) => {
                for event in events {
                    self.tables.get_mut(&*event.table)?.replay(event).ok()?;
                }
                let changes = events::changes(events).ok()?;
                Some(self.epoch(changes).map_err(|error| error.to_string()))
            }
        }
    }

    fn epoch(&mut self, changes: BTreeMap<Arc<str>, crate::changes::Changes>) -> Result<()> {
        for (view, changes) in self.engine.apply(changes)?.views {
            let sums = self.sums.entry(view.to_string()).or_default();
            let lines = format::cells(&changes.rows)?.into_iter().map(|row| row.join(" | "));
            for (line, weight) in lines.zip(changes.weights) {
                *sums.entry(line).or_default() += weight;
            }
        }
        self.engine.publish(vec![])
    }

    /// A view that is created late begins with its rows.
    fn begin_sums(&mut self) -> Result<()> {
        for view in self.engine.views() {
            if !self.sums.contains_key(&view.name) {
                let mut sums = BTreeMap::new();
                for line in format::sorted_lines(&self.engine.rows(&view.name)?)? {
                    *sums.entry(line).or_default() += 1;
                }
                self.sums.insert(view.name.clone(), sums);
            }
        }
        Ok(())
    }

    fn compare(&self, session: &Session) -> Option<String> {
        let published = self.engine.hot().snapshot();
        for (name, state) in &published.views {
            if let Some(failed) = &state.failed {
                return Some(format!("view {name} stopped: {failed}"));
            }
        }
        let relations = dml::relations(&self.tables).ok()?;
        for (name, rows) in oracle::contents(&self.engine, &relations, session).ok()? {
            let expected = format::sorted_lines(&rows).ok()?;
            let found = format::sorted_lines(&self.engine.rows(&name).ok()?).ok()?;
            if let Some(difference) = format::difference(&expected, &found) {
                let text =
                    format!("view {name} differs from the batch answer (-: missing, +: too much):\n{difference}");
                return Some(text);
            }
            let copies = |(line, weight): (&String, &i64)| {
                std::iter::repeat_n(line.clone(), usize::try_from(*weight).unwrap_or(0))
            };
            let sum: Vec<String> = self.sums.get(&name).into_iter().flatten().flat_map(copies).collect();
            if let Some(difference) = format::difference(&found, &sum) {
                return Some(format!("the changes of view {name} do not add up to its rows:\n{difference}"));
            }
        }
        None
    }
}
