//! What has to be kept of a dataflow so that it can be made again without the events that made it, and the way back.
//!
//! Only inputs of the first operators with state behind the tables are saved: everything further down follows from them.
//! Of each the sum of the input's changes is enough (or of the output's, its newest rows, or the totals). Loading gives these back as the
//! operator's input, in any split; what is computed from events goes meanwhile only to inputs that are not given back.
//! Saved tables are named by what computes them, so a view that is edited finds those that it still shares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;

use super::exchange::{self, Parts, at_home};
use super::run::{Dataflow, Input, Node};
use crate::catalog::CLOCK;
use crate::changes::Changes;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::operators::Keeps;
use crate::state::{SavedRows, SavedTable, weighted_changes, weighted_rows};

/// An input that is saved.
#[derive(Debug)]
pub(super) struct SavedInput {
    /// Position in `Saving::tables`.
    table: usize,
    /// Inputs may share a table; one of them writes it.
    writes: bool,
    keeps: Keeps,
}

impl SavedInput {
    fn gives_totals(&self) -> bool {
        matches!(self.keeps, Keeps::Totals { .. })
    }
}

/// The saved tables of a dataflow.
#[derive(Debug, Default)]
pub(super) struct Saving {
    tables: Vec<SavedTable>,
    /// Operators whose count of rows kept out has to be saved.
    counting: Vec<usize>,
    /// Changes are noted.
    on: bool,
    unsaved: SavedRows,
    loading: Option<Loading>,
}

/// While saved tables are given back.
#[derive(Debug, Default)]
struct Loading {
    /// Tables that are not saved: they are computed from events.
    computed: BTreeSet<usize>,
    /// The table that is given back in this epoch.
    given: Option<(usize, Given)>,
}

#[derive(Debug)]
enum Given {
    Rows(Parts),
    Totals(RecordBatch),
}

impl Saving {
    /// Finds the inputs to save.
    pub fn of(nodes: &mut [Node], sources: &BTreeMap<Arc<str>, usize>) -> Saving {
        let mut saving = Saving::default();
        // Rows that come from events through operators without state.
        let mut plain: Vec<bool> = Vec::with_capacity(nodes.len());
        for i in 0..nodes.len() {
            let (before, rest) = nodes.split_at_mut(i);
            let node = &mut rest[0];
            let keeps = node.shards.first().map_or(Keeps::Nothing, |operator| operator.keeps());
            let of_events = node.inputs.iter().any(|input| plain[input.node]);
            let is_source = sources.iter().any(|(name, &source)| source == i && **name != *CLOCK);
            plain.push(keeps == Keeps::Nothing && (is_source || of_events));
            if keeps == Keeps::Nothing {
                saving.counting.extend(plain[i].then_some(i));
                continue;
            }
            for input in node.inputs.iter_mut().filter(|input| plain[input.node]) {
                let (name, key) = match &keeps {
                    Keeps::Output | Keeps::Passed => (format!("output-{:016x}", node.fingerprint), None),
                    Keeps::Newest(key) => (format!("newest-{:016x}", node.fingerprint), Some(key.clone())),
                    Keeps::Totals { groups } => {
                        (format!("totals-{:016x}", node.fingerprint), Some((0..*groups).collect()))
                    }
                    _ => (format!("rows-{:016x}", before[input.node].fingerprint), None),
                };
                let table = SavedTable { name: name.into(), key };
                let at = saving.tables.iter().position(|other| *other == table);
                let writes = at.is_none();
                let table = at.unwrap_or_else(|| {
                    saving.tables.push(table);
                    saving.tables.len() - 1
                });
                input.saved = Some(SavedInput { table, writes, keeps: keeps.clone() });
            }
        }
        saving
    }

    /// What an input gets in this epoch, of what was computed for it.
    pub fn input<'a>(&'a self, input: &Input, computed: Option<&'a [Changes]>) -> Option<&'a [Changes]> {
        let (Some(loading), Some(saved)) = (&self.loading, &input.saved) else { return computed };
        match &loading.given {
            Some((table, Given::Rows(parts))) if *table == saved.table => Some(parts),
            _ => computed.filter(|_| loading.computed.contains(&saved.table)),
        }
    }

    /// Totals that an operator is given back in this epoch.
    pub fn totals(&self, node: &Node) -> Option<&RecordBatch> {
        let (table, given) = self.loading.as_ref()?.given.as_ref()?;
        let Given::Totals(totals) = given else { return None };
        let takes = |input: &Input| input.saved.as_ref().is_some_and(|saved| saved.table == *table);
        node.inputs.iter().any(takes).then_some(totals)
    }

    /// What an operator took and gave, as far as it has to be saved: tables and rows.
    pub fn note(
        &self,
        node: &Node,
        inputs: &[(&[Changes], &SchemaRef)],
        output: &[Changes],
    ) -> Result<Vec<(usize, RecordBatch)>> {
        let mut noted = vec![];
        if !self.on {
            return Ok(noted);
        }
        for (input, (parts, schema)) in node.inputs.iter().zip(inputs) {
            let Some(saved) = input.saved.as_ref().filter(|saved| saved.writes) else { continue };
            if self.loading.as_ref().is_some_and(|loading| !loading.computed.contains(&saved.table)) {
                // What is stored has rows that do not pass any more.
                if saved.keeps == Keeps::Passed && exchange::len(parts) != exchange::len(output) {
                    for part in parts.iter().filter(|part| !part.is_empty()) {
                        let gone = Changes::new(part.rows.clone(), part.weights.iter().map(|weight| -weight).collect());
                        noted.push((saved.table, weighted_rows(&gone, schema.fields().len())?));
                    }
                } else {
                    continue;
                }
            }
            let parts = match saved.keeps {
                Keeps::Inputs => *parts,
                Keeps::Output | Keeps::Passed | Keeps::Newest(_) => output,
                Keeps::Nothing | Keeps::Totals { .. } => continue,
            };
            for part in parts.iter().filter(|part| !part.is_empty()) {
                let mut rows = weighted_rows(part, schema.fields().len())?;
                if matches!(saved.keeps, Keeps::Newest(_)) {
                    rows = filter_record_batch(&rows, &part.weights.iter().map(|&w| Some(w > 0)).collect())?;
                }
                noted.push((saved.table, rows));
            }
        }
        Ok(noted)
    }

    /// Adds rows that have to be saved.
    pub fn add(&mut self, noted: Vec<(usize, RecordBatch)>) -> Result<()> {
        noted.into_iter().try_for_each(|(table, rows)| self.unsaved.add(&self.tables[table], rows))
    }
}

impl Dataflow {
    /// The tables that a checkpoint holds.
    pub fn saved_tables(&self) -> &[SavedTable] {
        &self.saving.tables
    }

    /// Notes from now on what has to be saved.
    pub fn begin_saving(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.saving.on, true) {
            self.take_totals().map(|_| ())?;
        }
        Ok(())
    }

    /// The changes of saved tables since the last call; those with totals only if `totals` says so.
    pub fn unsaved(&mut self, totals: bool) -> Result<SavedRows> {
        let mut unsaved = std::mem::take(&mut self.saving.unsaved);
        if totals {
            for (table, rows) in self.take_totals()? {
                unsaved.add(&self.saving.tables[table], rows)?;
            }
        }
        Ok(unsaved)
    }

    fn take_totals(&mut self) -> Result<Vec<(usize, RecordBatch)>> {
        let mut totals = vec![];
        for node in self.nodes.iter_mut().filter(|node| node.failed.is_none()) {
            let saved = node.inputs.iter().find_map(|input| input.saved.as_ref());
            let Some(saved) = saved.filter(|saved| saved.writes && saved.gives_totals()) else { continue };
            for operator in &mut node.shards {
                totals.extend(operator.changed_totals()?.map(|rows| (saved.table, rows)));
            }
        }
        Ok(totals)
    }

    /// Rows kept out by operators whose input is not given back, by fingerprint.
    pub fn saved_errors(&self) -> BTreeMap<String, i64> {
        let errors = |&n: &usize| (format!("{:016x}", self.nodes[n].fingerprint), self.nodes[n].errors());
        self.saving.counting.iter().map(errors).filter(|(_, errors)| *errors != 0).collect()
    }

    /// Whether rows have the columns of a saved table.
    pub fn fits(&self, table: &SavedTable, rows: &[RecordBatch]) -> bool {
        let Some(at) = self.saving.tables.iter().position(|saved| saved == table) else { return false };
        let of_table = |input: &&Input| input.saved.as_ref().is_some_and(|saved| saved.table == at);
        let input = self.nodes.iter().flat_map(|node| &node.inputs).find(of_table);
        let of_rows = input.filter(|input| !input.saved.as_ref().is_some_and(SavedInput::gives_totals));
        let fits = |input: &Input, rows| weighted_changes(rows, &self.nodes[input.node].schema).is_ok();
        of_rows.is_none_or(|input| rows.iter().all(|rows| fits(input, rows)))
    }

    /// Begins to load. `saved`: the tables that will be given back; the others are computed from events.
    pub fn begin_load(&mut self, saved: &BTreeSet<Arc<str>>) {
        let missing = |&table: &usize| !saved.contains(&self.saving.tables[table].name);
        let computed = (0..self.saving.tables.len()).filter(missing).collect();
        self.saving.loading = Some(Loading { computed, given: None });
    }

    /// Gives rows of a saved table back: an epoch. Errors: `Data` if they do not fit.
    pub fn load(&mut self, epoch: u32, (table, rows): (&str, &RecordBatch), clock: &Clock) -> Result<()> {
        let at = self.saving.tables.iter().position(|saved| *saved.name == *table);
        let at = at.ok_or_else(|| Error::internal("a table is loaded that is not saved"))?;
        let of_table = |input: &&Input| input.saved.as_ref().is_some_and(|saved| saved.table == at);
        let input = self.nodes.iter().flat_map(|node| &node.inputs).find(of_table);
        let input = input.ok_or_else(|| Error::internal("nobody reads a saved table"))?;
        let given = match input.saved.as_ref().is_some_and(SavedInput::gives_totals) {
            true => Given::Totals(rows.clone()),
            false => {
                let changes = weighted_changes(rows, &self.nodes[input.node].schema)?;
                Given::Rows(at_home(changes, self.workers.shards()))
            }
        };
        let loading = self.saving.loading.as_mut().ok_or_else(|| Error::internal("loading has not begun"))?;
        loading.given = Some((at, given));
        let outcome = self.run(epoch, BTreeMap::new(), clock);
        self.saving.loading.iter_mut().for_each(|loading| loading.given = None);
        outcome.map(|_| ())
    }

    /// All saved tables are given back: what they hold need not be saved again.
    pub fn loaded(&mut self) -> Result<()> {
        if !self.saving.on {
            return Ok(());
        }
        // Others may have got rows of operators further up.
        let totals = self.take_totals()?;
        let computed = |table: &usize| self.saving.loading.as_ref().is_some_and(|l| l.computed.contains(table));
        let totals = totals.into_iter().filter(|(table, _)| computed(table)).collect();
        self.saving.add(totals)
    }

    /// The tables (of Kafka) that saved tables which are not given back are computed from.
    pub fn needed_for_load(&self) -> Vec<Arc<str>> {
        let Some(loading) = &self.saving.loading else { return vec![] };
        let mut needed = vec![false; self.nodes.len()];
        for i in (0..self.nodes.len()).rev() {
            let computed = |input: &Input| input.saved.as_ref().is_some_and(|s| loading.computed.contains(&s.table));
            for input in &self.nodes[i].inputs {
                needed[input.node] |= needed[i] || computed(input);
            }
        }
        self.sources.iter().filter(|(_, node)| needed[**node]).map(|(name, _)| name.clone()).collect()
    }

    /// Ends loading. `errors`: as `saved_errors` gave them.
    pub fn end_load(&mut self, errors: &BTreeMap<String, i64>) {
        self.saving.loading = None;
        for &n in &self.saving.counting {
            let node = &mut self.nodes[n];
            let Some(&errors) = errors.get(&format!("{:016x}", node.fingerprint)) else { continue };
            for (shard, operator) in node.shards.iter_mut().enumerate() {
                operator.restore_errors(if shard == 0 { errors } else { 0 });
            }
        }
    }
}
