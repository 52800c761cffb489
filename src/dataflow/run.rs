//! Runs the graph: an epoch's changes in at the sources, the views' changes out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;

use super::describe::Description;
use super::graph::Output;
use crate::changes::Changes;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::operators::Operator;
use crate::state::Touched;

pub(super) struct Node {
    pub description: Description,
    pub operator: Box<dyn Operator>,
    pub inputs: Vec<usize>,
    schema: SchemaRef,
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
    fn add_input(&mut self, changes: &Changes) {
        self.changes += changes.len() as u64;
        self.rows_in += changes.weights.iter().sum::<i64>();
    }
}

impl Node {
    pub fn new(description: Description, operator: Box<dyn Operator>, inputs: Vec<usize>, schema: SchemaRef) -> Self {
        Node { description, operator, inputs, schema, failed: None, meter: Meter::default() }
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
    started: bool,
}

impl Dataflow {
    pub(super) fn new(
        nodes: Vec<Node>,
        sources: BTreeMap<Arc<str>, usize>,
        one_row: Option<usize>,
        outputs: Vec<OutputNode>,
    ) -> Self {
        let upstream = outputs.iter().map(|o| ancestors(&nodes, o.node)).collect();
        Dataflow { nodes, sources, one_row, outputs, upstream, started: false }
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
        mut tables: BTreeMap<Arc<str>, Changes>,
        clock: &Clock,
    ) -> Result<Vec<(Arc<str>, Changes)>> {
        let mut values: Vec<Option<Changes>> = (0..self.nodes.len()).map(|_| None).collect();
        let mut given: BTreeMap<usize, Changes> = BTreeMap::new();
        for (name, &node) in &self.sources {
            if let Some(changes) = tables.remove(name) {
                given.insert(node, changes);
            }
        }
        if let Some(node) = self.one_row.filter(|_| !self.started) {
            let schema = self.nodes[node].schema.clone();
            let row =
                RecordBatch::try_new_with_options(schema, vec![], &RecordBatchOptions::new().with_row_count(Some(1)))?;
            given.insert(node, Changes::inserts(row));
        }
        for i in 0..self.nodes.len() {
            let (before, rest) = self.nodes.split_at_mut(i);
            let node = &mut rest[0];
            if let Some(input) = node.inputs.iter().find(|&&n| before[n].failed.is_some()) {
                node.failed.clone_from(&before[*input].failed);
            }
            if node.failed.is_some() {
                continue;
            }
            if node.inputs.is_empty() {
                values[i] = given.remove(&i);
                values[i].iter().for_each(|changes| node.meter.add_input(changes));
                node.meter.rows_out = node.meter.rows_in;
                continue;
            }
            if self.started && node.inputs.iter().all(|&n| values[n].is_none()) {
                continue;
            }
            let empty: Vec<Changes> = node.inputs.iter().map(|&n| Changes::empty(before[n].schema.clone())).collect();
            let inputs: Vec<&Changes> =
                node.inputs.iter().zip(&empty).map(|(&n, e)| values[n].as_ref().unwrap_or(e)).collect();
            inputs.iter().for_each(|changes| node.meter.add_input(changes));
            let start = clock.instant();
            let output = node.operator.apply(epoch, &inputs);
            node.meter.time += clock.instant().saturating_duration_since(start);
            match output {
                Ok(changes) => {
                    node.meter.rows_out += changes.weights.iter().sum::<i64>();
                    values[i] = (!changes.is_empty()).then_some(changes);
                }
                Err(error) => {
                    tracing::error!(operator = node.description.name, %error, "an operator broke; the views that need it stop");
                    node.failed = Some(reason(&error));
                }
            }
        }
        self.started = true;
        let mut changed = vec![];
        for o in &self.outputs {
            if let Some(changes) = &values[o.node] {
                // Views that share a node may name its columns differently.
                let columns = changes.rows.columns().to_vec();
                let rows = RecordBatch::try_new(o.output.schema.clone(), columns)?;
                changed.push((o.output.name.clone(), Changes::new(rows, changes.weights.clone())));
            }
        }
        Ok(changed)
    }

    /// Reclaims what no reader at `oldest` or later can see.
    pub fn maintain(&mut self, oldest: u32) -> Result<()> {
        for node in self.nodes.iter_mut().filter(|n| n.failed.is_none()) {
            node.operator
                .maintain(oldest)
                .map_err(|e| Error::internal(format!("upkeep of {} failed", node.description.name)).caused_by(e))?;
        }
        Ok(())
    }

    /// Figures of each view, in the order of `outputs`.
    pub fn states(&self) -> Vec<OutputState> {
        let state = |(o, upstream): (&OutputNode, &Vec<usize>)| OutputState {
            rows: o.output.arrangement.live_rows(),
            bytes: o.output.arrangement.size(),
            errors: upstream.iter().map(|&n| self.nodes[n].operator.errors()).sum(),
            failed: self.nodes[o.node].failed.clone(),
        };
        self.outputs.iter().zip(&self.upstream).map(state).collect()
    }

    /// Figures of each operator.
    pub fn statistics(&self) -> Vec<NodeStatistics> {
        let statistics = |node: &Node| NodeStatistics {
            name: node.description.name,
            inputs: node.inputs.clone(),
            touched: node.operator.touched(),
            bytes: node.operator.size(),
            errors: node.operator.errors(),
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
            nodes[i].inputs.iter().for_each(|&n| needed[n] = true);
        }
    }
    (0..nodes.len()).filter(|&i| needed[i]).collect()
}
