//! The operators of a view, as `explain` shows them.

use std::sync::Arc;

use super::describe::Held;
use super::run::{Dataflow, Node};
use crate::explain::{Class, ExplainedOperator, Explanation, Figures};

impl Dataflow {
    /// The operators of a view down to tables and to the views that it reads; None: there is no such view. `measured`:
    /// with what was measured since the start.
    pub fn explain(&self, view: &str, measured: bool) -> Option<Explanation> {
        let at = self.outputs.iter().position(|o| &*o.output.name == view)?;
        let root = self.outputs[at].node;
        let class = self.class(view);
        let operators: Vec<ExplainedOperator> =
            self.own(root).into_iter().map(|node| self.explained(node, node == root, view, measured)).collect();
        let full = "a change computes the whole view again; give it a GROUP BY or PARTITION BY";
        let warnings = (class == Class::Full).then(|| full.to_string()).into_iter().collect();
        Some(Explanation { view: view.to_string(), class, warnings, operators })
    }

    /// The worst class of the operators that the rows of a view pass.
    pub fn class(&self, view: &str) -> Class {
        let outputs = self.outputs.iter().zip(&self.upstream).filter(|(o, _)| &*o.output.name == view);
        let classes = outputs.flat_map(|(_, upstream)| upstream).map(|&n| self.nodes[n].description.class);
        classes.max().unwrap_or(Class::Incremental)
    }

    /// Bytes that the operators of each view hold, down to tables and other views; shared ones count in each.
    pub fn view_bytes(&self) -> Vec<(Arc<str>, usize)> {
        let bytes = |root: usize| -> usize {
            let own = self.own(root).into_iter().filter(|&node| node == root || !self.is_view(node));
            own.map(|node| self.nodes[node].size()).sum()
        };
        self.outputs.iter().map(|o| (o.output.name.clone(), bytes(o.node))).collect()
    }

    /// Why a view has stopped, if it has.
    pub fn failed(&self, view: &str) -> Option<&str> {
        let output = self.outputs.iter().find(|o| &*o.output.name == view)?;
        self.nodes[output.node].failed.as_deref()
    }

    /// The operators that make the rows of `root`, down to tables and other views.
    fn own(&self, root: usize) -> Vec<usize> {
        let (mut own, mut waiting) = (vec![], vec![root]);
        while let Some(node) = waiting.pop() {
            if own.contains(&node) {
                continue;
            }
            own.push(node);
            if node == root || !self.is_view(node) {
                waiting.extend(self.nodes[node].inputs.iter().rev().map(|input| input.node));
            }
        }
        own
    }

    fn is_view(&self, node: usize) -> bool {
        self.outputs.iter().any(|o| o.node == node)
    }

    fn explained(&self, node: usize, root: bool, view: &str, measured: bool) -> ExplainedOperator {
        let Node { description, inputs, meter, .. } = &self.nodes[node];
        let table = self.sources.iter().find(|(_, source)| **source == node).map(|(name, _)| format!("table {name}"));
        // A view of its own stands for its operators.
        let read = self.outputs.iter().find(|o| o.node == node && !root).map(|o| format!("view {}", o.output.name));
        let others = self.outputs.iter().filter(|o| read.is_none() && &*o.output.name != view);
        let shared = others.filter(|o| self.own(o.node).contains(&node)).map(|o| o.output.name.to_string()).collect();
        let touched = self.nodes[node].touched();
        let figures = Figures {
            rows: match description.held {
                Held::Nothing => 0,
                Held::Inputs => meter.rows_in,
                Held::Output => meter.rows_out,
            },
            bytes: self.nodes[node].size() as u64,
            rows_read: touched.read,
            rows_written: touched.written,
            changes: meter.changes,
            ns_a_change: u64::try_from(meter.time.as_nanos() / u128::from(meter.changes.max(1))).unwrap_or(u64::MAX),
        };
        ExplainedOperator {
            id: node,
            inputs: if read.is_some() { vec![] } else { inputs.iter().map(|input| input.node).collect() },
            name: read.or(table).unwrap_or_else(|| description.name.to_string()),
            key: description.key.clone(),
            class: description.class,
            keeps: description.keeps.to_string(),
            cost: description.cost.clone(),
            shared_with: shared,
            figures: measured.then_some(figures),
        }
    }
}
