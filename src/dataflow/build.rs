//! From the plans of all views to one graph of operators.
//!
//! Two steps: first the graph is drafted, and each arrangement collects the indexes that joins and readers ask of it;
//! then arrangements and operators are made.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use xxhash_rust::xxh3::xxh3_64;

use super::describe::Described;
use super::exchange::Exchange;
use super::graph::{Arranged, ArrangementDraft, Draft, Found, Output, OutputDraft, SideDraft, ViewSpec};
use super::placement::{Spread, Takes, place, within};
use super::run::{Dataflow, Graph, Input, Node, OutputNode};
use super::workers::Workers;
use crate::error::{Error, ErrorKind, Result};
use crate::operators::{
    Aggregate, Arrange, Join, Latest, Linear, Operator, OrderedLatest, RangeFilter, Retained, RetainedLatest, Semi,
    Side, Top, Union, Unnest, Window, WindowOrder,
};
use crate::planner::{Op, Plan, PlanNumbers};
use crate::state::{Arrangement, Layout, RowCodec, Sharding};

/// Builds the dataflow of these views, which come in dependency order. `recompute_rows_max`: rows of one partition or
/// group that are computed anew at a change; with more the operator stops, and the views that need it say so.
///
/// Errors: `Invalid` for a `key` that the view does not have, with its place.
pub fn build(views: &[ViewSpec], recompute_rows_max: usize, workers: Arc<Workers>) -> Result<Dataflow> {
    let mut drafting = Drafting::default();
    let served = views.iter().map(|spec| drafting.view(spec)).collect::<Result<Vec<_>>>()?;
    let arrangements = drafting.arrangements.into_iter().map(|draft| {
        let ArrangementDraft { schema, identity, order, links, shard_by } = draft;
        let sharding = Sharding { by: shard_by, shards: workers.shards() };
        Arrangement::sharded(Layout { schema, identity, order, links }, sharding).map(Arc::new)
    });
    let arrangements: Vec<Arc<Arrangement>> = arrangements.collect::<Result<_>>()?;
    let mut nodes = vec![];
    for i in 0..drafting.nodes.len() {
        let inputs: Vec<SchemaRef> =
            drafting.nodes[i].inputs.iter().map(|&n| drafting.nodes[n].schema.clone()).collect();
        let node = &drafting.nodes[i];
        let at = Described { schema: &node.schema, inputs: &inputs, arrangements: &arrangements, recompute_rows_max };
        let shards = (0..workers.shards()).map(|shard| operator(node, &at, shard)).collect::<Result<_>>()?;
        let exchange = |(takes, schema): (&Takes, &SchemaRef)| exchange(takes, schema);
        let inputs = node.inputs.iter().copied().zip(node.takes.iter().zip(&inputs).map(exchange));
        let inputs = inputs
            .map(|(node, exchange)| Ok(Input { node, exchange: exchange?, saved: None }))
            .collect::<Result<_>>()?;
        nodes.push(Node::new((node.draft.describe(&at), node.fingerprint), shards, inputs, node.schema.clone()));
    }
    let outputs = served.into_iter().map(|Served { node, arrangement, draft }| {
        let OutputDraft { name, schema, key, unique, columns, by_key, by_first } = draft;
        let arrangement = arrangements[arrangement].clone();
        OutputNode { node, output: Output { name, schema, key, unique, arrangement, columns, by_key, by_first } }
    });
    let one_row = drafting.nodes.iter().position(|node| matches!(node.draft, Draft::OneRow));
    Ok(Dataflow::new(Graph { nodes, sources: drafting.sources, one_row, outputs: outputs.collect() }, workers))
}

struct DraftNode {
    draft: Draft,
    inputs: Vec<usize>,
    takes: Vec<Takes>,
    spread: Spread,
    schema: SchemaRef,
    /// Equal ones compute the same.
    fingerprint: u64,
}

struct Served {
    node: usize,
    arrangement: usize,
    draft: OutputDraft,
}

#[derive(Default)]
struct Drafting<'a> {
    nodes: Vec<DraftNode>,
    numbers: PlanNumbers<'a>,
    /// The node of each plan, by its number.
    by_number: HashMap<usize, usize>,
    /// The arrangement of a node by some columns.
    arranged_by: HashMap<(usize, Vec<usize>), (usize, usize)>,
    arrangements: Vec<ArrangementDraft>,
    sources: BTreeMap<Arc<str>, usize>,
    views: BTreeMap<Arc<str>, usize>,
}

impl<'a> Drafting<'a> {
    /// `text`: what tells this operator from others over the same inputs.
    fn add(&mut self, (draft, text): (Draft, &str), inputs: Vec<usize>, schema: SchemaRef) -> usize {
        let before: Vec<u64> = inputs.iter().map(|&n| self.nodes[n].fingerprint).collect();
        let fingerprint = xxh3_64(format!("{text} of {before:?}").as_bytes());
        let spreads: Vec<Spread> = inputs.iter().map(|&n| self.nodes[n].spread.clone()).collect();
        let (takes, spread) = place(&draft, (&spreads, schema.fields().len()), &self.arrangements);
        self.nodes.push(DraftNode { draft, inputs, takes, spread, schema, fingerprint });
        self.nodes.len() - 1
    }

    fn arrangement(&mut self, draft: ArrangementDraft) -> usize {
        self.arrangements.push(draft);
        self.arrangements.len() - 1
    }

    /// The node that makes a plan's rows; equal plans have the same.
    fn node(&mut self, plan: &'a Plan) -> Result<usize> {
        let number = self.numbers.number(plan);
        if let Some(&node) = self.by_number.get(&number) {
            return Ok(node);
        }
        let schema = plan.schema.clone();
        let text = &plan.own_text();
        let node = match &plan.op {
            Op::Table(name) => {
                let node = self.add((Draft::Source, text), vec![], schema);
                self.sources.insert(name.clone(), node);
                node
            }
            Op::View(name) => {
                *self.views.get(name).ok_or_else(|| Error::internal(format!("view {name} is not built yet")))?
            }
            Op::Linear { input, filter, project, columns } => {
                let input = self.node(input)?;
                let (filter, project, columns) = (filter.clone(), project.clone(), columns.clone());
                self.add((Draft::Linear { filter, project, columns }, text), vec![input], schema)
            }
            Op::Latest { input, partition, order } => {
                let (node, partition, order) = (self.node(input)?, partition.clone(), order.clone());
                let draft = if input.insert_only {
                    let shard_by = within(&self.nodes[node].spread, &partition);
                    let (schema, identity) = (schema.clone(), partition);
                    let draft = ArrangementDraft { schema, identity, order, links: vec![], shard_by };
                    Draft::Latest(self.arrangement(draft))
                } else {
                    Draft::OrderedLatest { partition, order }
                };
                self.add((draft, text), vec![node], schema)
            }
            Op::Top(top) => {
                let node = self.node(&top.input)?;
                self.add((Draft::Top(top.clone()), text), vec![node], schema)
            }
            Op::Window { input, partition, order, rest, functions } => {
                let node = self.node(input)?;
                let order = WindowOrder { partition: partition.clone(), order: order.clone(), rest: rest.clone() };
                self.add((Draft::Window(order, functions.clone()), text), vec![node], schema)
            }
            Op::Join(join) => {
                let (left_key, right_key): (Vec<usize>, Vec<usize>) = join.on.iter().copied().unzip();
                let (left_node, left) = self.side(&join.left, left_key)?;
                let (right_node, right) = self.side(&join.right, right_key)?;
                let draft = Draft::Join(Box::new((left, right)), join.null_equal);
                self.add((draft, text), vec![left_node, right_node], schema)
            }
            Op::Semi(semi) => {
                let (left_key, right_key): (Vec<usize>, Vec<usize>) = semi.on.iter().copied().unzip();
                let (left_node, left) = self.side(&semi.left, left_key)?;
                let (right_node, right) = self.side(&semi.right, right_key)?;
                let (null_equal, anti) = (semi.null_equal, semi.anti);
                let draft = Draft::Semi { sides: Box::new((left, right)), null_equal, anti };
                self.add((draft, text), vec![left_node, right_node], schema)
            }
            Op::Union(_) | Op::RangeFilter { .. } | Op::Retained(_) | Op::Unnest { .. } => {
                let inputs = plan.inputs().into_iter().map(|input| self.node(input)).collect::<Result<Vec<_>>>()?;
                let draft = match &plan.op {
                    Op::RangeFilter { compared, .. } => Draft::RangeFilter(compared.clone()),
                    Op::Retained(retained) => Draft::Retained(retained.clone()),
                    Op::Unnest { unnest, .. } => Draft::Unnest(unnest.clone()),
                    _ => Draft::Union,
                };
                self.add((draft, text), inputs, schema)
            }
            Op::OneRow => self.add((Draft::OneRow, text), vec![], schema),
            Op::Aggregate { input, functions, .. } => {
                let input = self.node(input)?;
                self.add((Draft::Aggregate(functions.clone()), text), vec![input], schema)
            }
        };
        self.by_number.insert(number, node);
        Ok(node)
    }

    /// The arrangement that a node's rows are in already, if they are.
    fn arranged(&self, node: usize) -> Option<Arranged> {
        let DraftNode { draft, inputs, schema, .. } = &self.nodes[node];
        match draft {
            Draft::Latest(arrangement) | Draft::Arrange(arrangement) => {
                Some(Arranged { arrangement: *arrangement, columns: (0..schema.fields().len()).collect() })
            }
            Draft::Linear { columns: Some(columns), .. } => {
                let inner = self.arranged(inputs[0])?;
                let columns = columns.iter().map(|&c| inner.columns[c]).collect();
                Some(Arranged { arrangement: inner.arrangement, columns })
            }
            _ => None,
        }
    }

    /// A node that keeps the rows of `node`, of which no two have the same `identity`. `key`: columns by which they will
    /// be looked for.
    fn arrange(&mut self, node: usize, identity: Vec<usize>, key: &[usize]) -> (usize, Arranged) {
        let schema = self.nodes[node].schema.clone();
        let columns = (0..schema.fields().len()).collect();
        if let Some(&(kept, arrangement)) = self.arranged_by.get(&(node, identity.clone())) {
            return (kept, Arranged { arrangement, columns });
        }
        // The shard of a key is best known; else all are asked.
        let known = !key.is_empty() && key.iter().all(|c| identity.contains(c));
        let by_key = if known { key.to_vec() } else { identity.clone() };
        let spread = self.nodes[node].spread.clone().filter(|by| by.iter().all(|c| identity.contains(c)));
        let draft = ArrangementDraft {
            schema: schema.clone(),
            identity: identity.clone(),
            order: vec![],
            links: vec![],
            shard_by: spread.unwrap_or(by_key),
        };
        let arrangement = self.arrangement(draft);
        let text = format!("arrange {identity:?}");
        let kept = self.add((Draft::Arrange(arrangement), &text), vec![node], schema);
        self.arranged_by.insert((node, identity), (kept, arrangement));
        (kept, Arranged { arrangement, columns })
    }

    /// How an arrangement finds rows by these of its columns; an index is added if there is none.
    fn found(&mut self, arrangement: usize, columns: Vec<usize>) -> Found {
        let draft = &mut self.arrangements[arrangement];
        if draft.identity == columns {
            return Found::Identity;
        }
        let at = draft.links.iter().position(|link| *link == columns).unwrap_or_else(|| {
            draft.links.push(columns);
            draft.links.len() - 1
        });
        Found::Link(at)
    }

    fn side(&mut self, plan: &'a Plan, key: Vec<usize>) -> Result<(usize, SideDraft)> {
        let node = self.node(plan)?;
        let (node, arranged) = match self.arranged(node) {
            Some(arranged) => (node, arranged),
            None => self.arrange(node, identity(plan), &key),
        };
        let columns = key.iter().map(|&c| arranged.columns[c]).collect();
        let found = self.found(arranged.arrangement, columns);
        Ok((node, SideDraft { arranged, found, key }))
    }

    fn view(&mut self, spec: &'a ViewSpec) -> Result<Served> {
        let plan = &spec.planned.plan;
        let key = served_key(spec)?;
        let node = self.node(plan)?;
        let width = plan.schema.fields().len();
        // An arrangement with further columns would show changes of those as changes of the view.
        let exact = |a: &Arranged| self.arrangements[a.arrangement].schema.fields().len() == width;
        let (node, arranged) = match self.arranged(node).filter(|a| exact(a) && is_permutation(&a.columns)) {
            Some(arranged) => (node, arranged),
            None => {
                let mut identity = identity(plan);
                if same_columns(&identity, &key) {
                    identity.clone_from(&key);
                }
                self.arrange(node, identity, &key)
            }
        };
        let in_arrangement: Vec<usize> = key.iter().map(|&c| arranged.columns[c]).collect();
        let by_key = (!key.is_empty()).then(|| self.found(arranged.arrangement, in_arrangement.clone()));
        let by_first = (!key.is_empty()).then(|| self.found(arranged.arrangement, in_arrangement[..1].to_vec()));
        let name: Arc<str> = spec.view.name.as_str().into();
        self.views.insert(name.clone(), node);
        let unique = plan.key.as_ref().is_some_and(|unique| unique.iter().all(|c| key.contains(c)));
        let draft = OutputDraft {
            name,
            schema: spec.planned.schema.clone(),
            unique: unique && !key.is_empty(),
            key,
            columns: arranged.columns,
            by_key,
            by_first,
        };
        Ok(Served { node, arrangement: arranged.arrangement, draft })
    }
}

/// The columns that tell the rows of a plan apart: its key, or all.
fn identity(plan: &Plan) -> Vec<usize> {
    plan.key.clone().unwrap_or_else(|| (0..plan.schema.fields().len()).collect())
}

fn is_permutation(columns: &[usize]) -> bool {
    (0..columns.len()).all(|c| columns.contains(&c))
}

fn same_columns(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|c| b.contains(c))
}

/// Errors: `Invalid` for a `key` that the view does not have, with its place.
pub fn check_key(spec: &ViewSpec) -> Result<()> {
    served_key(spec).map(|_| ())
}

/// The lookup key of a view: as written, else the plan's.
fn served_key(spec: &ViewSpec) -> Result<Vec<usize>> {
    let schema = &spec.planned.schema;
    let Some(written) = &spec.view.key else {
        return Ok(spec.planned.plan.key.clone().unwrap_or_default());
    };
    let mut key = vec![];
    for name in written {
        match schema.index_of(name) {
            Ok(c) if !key.contains(&c) => key.push(c),
            _ => {
                let source = &spec.view.source;
                let at = source.text.find(name.as_str()).unwrap_or(0);
                let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
                let diagnostic = crate::error::Diagnostic {
                    kind: ErrorKind::Invalid,
                    file: source.path.clone(),
                    text: source.text.clone(),
                    span: at..at + name.len(),
                    message: format!(
                        "the key names {name}, which is not a column of view {} (or is named twice)",
                        spec.view.name
                    ),
                    hint: Some(format!("its columns are {}", columns.join(", "))),
                };
                return Err(Error::from_diagnostics(vec![diagnostic]));
            }
        }
    }
    Ok(key)
}

fn exchange(takes: &Takes, schema: &SchemaRef) -> Result<Exchange> {
    Ok(match takes {
        Takes::AsItIs => Exchange::AsItIs,
        Takes::ByKey(columns) => Exchange::ByKey(RowCodec::ascending(schema.clone(), columns)?),
        Takes::Everywhere => Exchange::Everywhere,
    })
}

/// The operator of one shard.
fn operator(node: &DraftNode, at: &Described<'_>, shard: usize) -> Result<Box<dyn Operator>> {
    let Described { inputs, arrangements, recompute_rows_max, .. } = *at;
    let schema = node.schema.clone();
    Ok(match &node.draft {
        // What comes in goes out: a union of the one input that the epoch brings.
        Draft::Source | Draft::OneRow | Draft::Union => Box::new(Union::new(schema)),
        Draft::Linear { filter, project, .. } => {
            let project = project.iter().map(|e| e.physical.clone()).collect();
            Box::new(Linear::new(schema, filter.as_ref().map(|f| f.physical.clone()), project))
        }
        Draft::Latest(arrangement) => Box::new(Latest::new(arrangements[*arrangement].clone(), shard)),
        Draft::OrderedLatest { partition, order } => Box::new(OrderedLatest::new(schema, partition, order)?),
        Draft::Top(top) => Box::new(Top::new(&inputs[0], schema, top)?),
        Draft::Window(order, functions) => {
            Box::new(Window::new(&inputs[0], schema, order, functions.clone(), recompute_rows_max)?)
        }
        Draft::Arrange(arrangement) => Box::new(Arrange::new(arrangements[*arrangement].clone(), shard)),
        Draft::Join(sides, null_equal) => {
            Box::new(Join::new(schema, side(&sides.0, arrangements), side(&sides.1, arrangements), *null_equal))
        }
        Draft::Semi { sides, null_equal, anti } => {
            let (left, right) = (side(&sides.0, arrangements), side(&sides.1, arrangements));
            Box::new(Semi::new(schema, left, right, *null_equal, *anti))
        }
        Draft::RangeFilter(compared) => Box::new(RangeFilter::new(&inputs[0], &inputs[1], compared)?),
        Draft::Retained(retained) => match &retained.newest {
            None => Box::new(Retained::new(schema, retained.time, retained.keep_us)?),
            Some((key, order)) => {
                Box::new(RetainedLatest::new(schema, (key, order), (retained.time, retained.keep_us))?)
            }
        },
        Draft::Unnest(unnest) => Box::new(Unnest::new(&inputs[0], schema, unnest.clone())),
        Draft::Aggregate(functions) => {
            Box::new(Aggregate::new(&inputs[0], schema, functions.clone(), recompute_rows_max)?)
        }
    })
}

fn side(draft: &SideDraft, arrangements: &[Arc<Arrangement>]) -> Side {
    Side {
        arrangement: arrangements[draft.arranged.arrangement].clone(),
        link: match draft.found {
            Found::Identity => None,
            Found::Link(link) => Some(link),
        },
        columns: draft.arranged.columns.clone(),
        key: draft.key.clone(),
    }
}
