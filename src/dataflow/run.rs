//! Runs the graph: an epoch's changes in at the sources, the views' changes out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;

use super::describe::Description;
use super::exchange::{self, Exchange, Parts, at_home, home};
use super::graph::Output;
use super::saving::{SavedInput, Saving};
use super::workers::Workers;
use crate::changes::Changes;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::operators::Operator;
use crate::state::Touched;

pub(super) struct Input {
    pub node: usize,
    pub exchange: Exchange,
    /// What a checkpoint keeps instead of this input.
    pub saved: Option<SavedInput>,
}

pub(super) struct Node {
    pub description: Description,
    /// Equal ones compute the same.
    pub fingerprint: u64,
    /// The operator, once a shard.
    pub shards: Vec<Box<dyn Operator>>,
    pub inputs: Vec<Input>,
    pub schema: SchemaRef,
    /// Why the operator is broken.
    pub failed: Option<String>,
    pub meter: Meter,
}

/// What passed through an operator since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    pub changes: u64,
    pub time: Duration,
    /// Rows of its inputs, and of its output.
    pub rows_in: i64,
    pub rows_out: i64,
}

impl Meter {
    fn add_input(&mut self, parts: &[Changes]) {
        self.changes += exchange::len(parts) as u64;
        self.rows_in += weight(parts);
    }
}

fn weight(parts: &[Changes]) -> i64 {
    parts.iter().flat_map(|part| &part.weights).sum()
}

impl Node {
    pub fn new(
        (description, fingerprint): (Description, u64),
        shards: Vec<Box<dyn Operator>>,
        inputs: Vec<Input>,
        schema: SchemaRef,
    ) -> Self {
        Node { description, fingerprint, shards, inputs, schema, failed: None, meter: Meter::default() }
    }

    /// Runs the operator, shard by shard or all at once. `first`: it has not run yet.
    fn apply(
        &mut self,
        epoch: u32,
        inputs: &[(&[Changes], &SchemaRef)],
        (first, workers): (bool, &Workers),
    ) -> Result<Parts> {
        let exchanged = self.inputs.iter().zip(inputs);
        let exchanged = exchanged.map(|(input, (parts, schema))| input.exchange.apply(parts, schema, workers));
        let exchanged: Vec<_> = exchanged.collect::<Result<_>>()?;
        let changes = inputs.iter().map(|(parts, _)| exchange::len(parts)).sum();
        let schema = &self.schema;
        workers.each(changes, self.shards.iter_mut().collect(), |shard, operator: &mut Box<dyn Operator>| {
            let inputs: Vec<&Changes> = exchanged.iter().map(|parts| &parts[shard]).collect();
            // Some give a row before any comes in: one shard does.
            let idle = inputs.iter().all(|changes| changes.is_empty());
            if idle && !(first && shard == home(workers.shards())) {
                return Ok(Changes::empty(schema.clone()));
            }
            operator.apply(epoch, &inputs)
        })
    }

    /// Gives saved totals back to the shards of their groups.
    fn set_totals(&mut self, epoch: u32, totals: &RecordBatch, workers: &Workers) -> Result<Parts> {
        let parts = at_home(Changes::inserts(totals.clone()), workers.shards());
        let parts = self.inputs[0].exchange.apply(&parts, &totals.schema(), workers)?;
        let schema = &self.schema;
        workers.each(totals.num_rows(), self.shards.iter_mut().collect(), |shard, operator: &mut Box<dyn Operator>| {
            match parts[shard].is_empty() {
                true => Ok(Changes::empty(schema.clone())),
                false => operator.set_totals(epoch, &parts[shard].rows),
            }
        })
    }

    pub fn touched(&self) -> Touched {
        self.shards.iter().map(|operator| operator.touched()).sum()
    }
    pub fn size(&self) -> usize {
        self.shards.iter().map(|operator| operator.size()).sum()
    }
    pub fn errors(&self) -> i64 {
        self.shards.iter().map(|operator| operator.errors()).sum()
    }
}

pub(super) struct OutputNode {
    pub node: usize,
    pub output: Output,
}

/// Figures of a view after an epoch.
#[derive(Clone, Debug)]
pub struct OutputState {
    pub rows: i64,
    pub bytes: usize,
    /// Rows kept out, here or upstream.
    pub errors: i64,
    pub failed: Option<String>,
}

/// Figures of one operator.
#[derive(Clone, Debug)]
pub struct NodeStatistics {
    pub name: &'static str,
    pub inputs: Vec<usize>,
    pub touched: Touched,
    pub bytes: usize,
    pub errors: i64,
}

/// The operators of all views. Nodes come after their inputs.
pub struct Dataflow {
    pub(super) nodes: Vec<Node>,
    pub(super) sources: BTreeMap<Arc<str>, usize>,
    /// The node that gives its one row in the first epoch.
    one_row: Option<usize>,
    pub(super) outputs: Vec<OutputNode>,
    /// The nodes that each output depends on.
    pub(super) upstream: Vec<Vec<usize>>,
    pub(super) workers: Arc<Workers>,
    started: bool,
    pub(super) saving: Saving,
}

/// What a dataflow is built of.
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    pub sources: BTreeMap<Arc<str>, usize>,
    pub one_row: Option<usize>,
    pub outputs: Vec<OutputNode>,
}

impl Dataflow {
    pub(super) fn new(graph: Graph, workers: Arc<Workers>) -> Self {
        let Graph { mut nodes, sources, one_row, outputs } = graph;
        let upstream = outputs.iter().map(|o| ancestors(&nodes, o.node)).collect();
        let saving = Saving::of(&mut nodes, &sources);
        Dataflow { nodes, sources, one_row, outputs, upstream, workers, started: false, saving }
    }

    pub fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.outputs.iter().map(|o| &o.output)
    }

    /// Whether some view reads this table.
    pub fn reads(&self, table: &str) -> bool {
        self.sources.contains_key(table)
    }

    /// Runs one epoch: changes of tables in, changes of views out (consolidated; views without a change are left out).
    /// A broken operator is remembered; what is downstream of it stands still.
    pub fn run(
        &mut self,
        epoch: u32,
        tables: BTreeMap<Arc<str>, Changes>,
        clock: &Clock,
    ) -> Result<Vec<(Arc<str>, Changes)>> {
        let mut given = self.given(tables)?;
        let mut noted = vec![];
        let mut values: Vec<Option<Parts>> = Vec::with_capacity(self.nodes.len());
        let nothing = |schema: &SchemaRef| vec![Changes::empty(schema.clone()); self.workers.shards()];
        for i in 0..self.nodes.len() {
            values.push(None);
            let (before, rest) = self.nodes.split_at_mut(i);
            let node = &mut rest[0];
            if let Some(input) = node.inputs.iter().find(|input| before[input.node].failed.is_some()) {
                node.failed.clone_from(&before[input.node].failed);
            }
            if node.failed.is_some() {
                continue;
            }
            if node.inputs.is_empty() {
                values[i] = given.remove(&i);
                values[i].iter().for_each(|parts| node.meter.add_input(parts));
                node.meter.rows_out = node.meter.rows_in;
                continue;
            }
            let given: Vec<Option<&[Changes]>> =
                node.inputs.iter().map(|input| self.saving.input(input, values[input.node].as_deref())).collect();
            let totals = self.saving.totals(node);
            if self.started && totals.is_none() && given.iter().all(Option::is_none) {
                continue;
            }
            let schemas: Vec<&SchemaRef> = node.inputs.iter().map(|input| &before[input.node].schema).collect();
            let empty: Vec<Parts> = schemas.iter().map(|schema| nothing(schema)).collect();
            let inputs: Vec<&[Changes]> =
                given.iter().zip(&empty).map(|(parts, empty)| parts.unwrap_or(empty)).collect();
            inputs.iter().for_each(|parts| node.meter.add_input(parts));
            let inputs: Vec<(&[Changes], &SchemaRef)> = inputs.into_iter().zip(schemas).collect();
            let start = clock.instant();
            let output = match totals {
                Some(totals) => node.set_totals(epoch, totals, &self.workers),
                None => node.apply(epoch, &inputs, (!self.started, &self.workers)),
            };
            node.meter.time += clock.instant().saturating_duration_since(start);
            match output {
                Ok(parts) => {
                    noted.extend(self.saving.note(node, &inputs, &parts)?);
                    node.meter.rows_out += weight(&parts);
                    values[i] = (exchange::len(&parts) > 0).then_some(parts);
                }
                Err(error) => {
                    tracing::error!(operator = node.description.name, %error, "an operator broke; the views that need it stop");
                    node.failed = Some(reason(&error));
                }
            }
        }
        self.started = true;
        self.saving.add(noted)?;
        self.changed(values)
    }

    /// What the nodes without inputs give.
    fn given(&self, mut tables: BTreeMap<Arc<str>, Changes>) -> Result<BTreeMap<usize, Parts>> {
        let mut given = BTreeMap::new();
        for (name, &node) in &self.sources {
            if let Some(changes) = tables.remove(name) {
                given.insert(node, exchange::cut(changes, &self.workers));
            }
        }
        if let Some(node) = self.one_row.filter(|_| !self.started) {
            let schema = self.nodes[node].schema.clone();
            let row =
                RecordBatch::try_new_with_options(schema, vec![], &RecordBatchOptions::new().with_row_count(Some(1)))?;
            given.insert(node, at_home(Changes::inserts(row), self.workers.shards()));
        }
        Ok(given)
    }

    /// The changes of the views, of those of all nodes.
    fn changed(&self, values: Vec<Option<Parts>>) -> Result<Vec<(Arc<str>, Changes)>> {
        let mut changed = vec![];
        for o in &self.outputs {
            let Some(parts) = &values[o.node] else { continue };
            let parts: Vec<Changes> = parts.iter().filter(|part| !part.is_empty()).cloned().collect();
            let changes = Changes::concat(&self.nodes[o.node].schema, &parts)?;
            // Views that share a node may name its columns differently.
            let rows = RecordBatch::try_new(o.output.schema.clone(), changes.rows.columns().to_vec())?;
            changed.push((o.output.name.clone(), Changes::new(rows, changes.weights)));
        }
        Ok(changed)
    }

    /// Reclaims what no reader at `oldest` or later can see.
    pub fn maintain(&mut self, oldest: u32) -> Result<()> {
        for node in self.nodes.iter_mut().filter(|n| n.failed.is_none()) {
            let shards = node.shards.iter_mut().collect();
            self.workers
                .each(0, shards, |_, operator: &mut Box<dyn Operator>| operator.maintain(oldest))
                .map_err(|e| Error::internal(format!("upkeep of {} failed", node.description.name)).caused_by(e))?;
        }
        Ok(())
    }

    /// Figures of each view, in the order of `outputs`.
    pub fn states(&self) -> Vec<OutputState> {
        let state = |(o, upstream): (&OutputNode, &Vec<usize>)| OutputState {
            rows: o.output.arrangement.live_rows(),
            bytes: o.output.arrangement.size(),
            errors: upstream.iter().map(|&n| self.nodes[n].errors()).sum(),
            failed: self.nodes[o.node].failed.clone(),
        };
        self.outputs.iter().zip(&self.upstream).map(state).collect()
    }

    /// Figures of each operator.
    pub fn statistics(&self) -> Vec<NodeStatistics> {
        let statistics = |node: &Node| NodeStatistics {
            name: node.description.name,
            inputs: node.inputs.iter().map(|input| input.node).collect(),
            touched: node.touched(),
            bytes: node.size(),
            errors: node.errors(),
        };
        self.nodes.iter().map(statistics).collect()
    }
}

/// Why an operator broke and what to do, in one line.
fn reason(error: &Error) -> String {
    error.to_string().replace("\n  hint: ", "; ")
}

fn ancestors(nodes: &[Node], of: usize) -> Vec<usize> {
    let mut needed = vec![false; nodes.len()];
    needed[of] = true;
    for i in (0..=of).rev().filter(|&i| i < nodes.len()) {
        if needed[i] {
            nodes[i].inputs.iter().for_each(|input| needed[input.node] = true);
        }
    }
    (0..nodes.len()).filter(|&i| needed[i]).collect()
}
