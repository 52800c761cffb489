//! The engine: tables, views and epochs, in memory. The pipeline drives it from Kafka; tests and embedders drive it
//! with batches.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
//! use rebateflow::catalog::SourceFile;
//! use rebateflow::changes::{Changes, EventBatch};
//! use rebateflow::clock::Clock;
//! use rebateflow::engine::Engine;
//!
//! # fn main() -> rebateflow::error::Result<()> {
//! let mut engine = Engine::new(1, Clock::System)?;
//! engine.create(&SourceFile::new("sale.sql", "CREATE TABLE sale (shop VARCHAR NOT NULL, price BIGINT)"))?;
//! let view = "CREATE MATERIALIZED VIEW total AS SELECT shop, SUM(price) AS price FROM sale GROUP BY shop";
//! engine.create(&SourceFile::new("total.sql", view))?;
//!
//! // An epoch: rows of tables in, changes of views out. Readers see it once it is published.
//! let shops = Arc::new(StringArray::from(vec!["a", "b", "a"]));
//! let prices = Arc::new(Int64Array::from(vec![1, 20, 3]));
//! let rows = RecordBatch::try_from_iter([("shop", shops as _), ("price", prices as _)])?;
//! let sale = engine.table("sale").expect("it was created").clone();
//! let events = EventBatch::of_rows(&sale, &rows, 0, 0)?;
//! let output = engine.apply(BTreeMap::from([("sale".into(), Changes::inserts(events.rows))]))?;
//! assert_eq!(output.views[0].1.len(), 2);
//! engine.publish(vec![])?;
//!
//! assert_eq!(engine.rows("total")?.num_rows(), 2);
//! let plan = engine.explain("total").expect("it was created");
//! assert!(plan.render().contains("aggregate (shop)"));
//!
//! // All views anew, from what was applied; a view may be created at any time.
//! engine.restart()?;
//! assert_eq!(engine.rows("total")?.num_rows(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! `query::Sql` answers SQL over `hot().snapshot()`, which holds all views at one epoch. Nothing is durable here: the
//! pipeline's history is what a process starts again from.

mod checkpoint;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::tokenizer::Span;
use xxhash_rust::xxh3::xxh3_64;

use crate::catalog::{CLOCK, Catalog, Definition, History, SourceFile, Table, View, parse_definitions};
use crate::changes::{Changes, clock_changes, newest_as_of};
use crate::clock::Clock;
pub use checkpoint::{Checkpoint, Loading};

use crate::dataflow::{self, Dataflow, NodeStatistics, Output, ViewSpec, Workers};
use crate::error::{Diagnostic, Error, Result};
use crate::explain::Explanation;
use crate::history::ViewIdentity;
use crate::hot::{Hot, PartitionOffset, Snapshot, ViewState};
use crate::planner::{Planner, ViewPlan};
use crate::state::SavedRows;

/// The epochs of one run are numbered with 32 bits: at a hundred a second they last for more than a year.
const EPOCH_MAX: u32 = u32::MAX - 1;

/// Rows of one partition or group that are computed anew at a change, unless told otherwise.
pub const RECOMPUTE_ROWS_MAX: usize = 1_000_000;

/// What an epoch changed.
#[derive(Debug)]
pub struct EpochOutput {
    pub epoch: u32,
    /// The consolidated changes of each view that changed.
    pub views: Vec<(Arc<str>, Changes)>,
}

/// A catalog as far as it can be run.
pub struct Checked {
    /// Runs the views without fault.
    pub engine: Engine,
    pub faults: Vec<Diagnostic>,
    /// Views that read something with a fault, and its name: nothing else is known of them.
    pub unchecked: Vec<(String, String)>,
}

/// See the module.
pub struct Engine {
    run: u64,
    clock: Clock,
    catalog: Catalog,
    planner: Planner,
    retractable: BTreeSet<String>,
    recompute_rows_max: usize,
    workers: Arc<Workers>,
    specs: Vec<ViewSpec>,
    canonical: BTreeMap<String, LogicalPlan>,
    flow: Dataflow,
    hot: Arc<Hot>,
    epoch: u32,
    /// The row of the table `clock`, in microseconds since 1970-01-01 UTC: where the views begin, and where they are.
    first_as_of_us: i64,
    as_of_us: i64,
    /// The views have not yet seen the clock.
    clock_is_new: bool,
    /// Everything applied, when views may still be added (in memory only).
    log: Option<Vec<BTreeMap<Arc<str>, Changes>>>,
    /// Checkpoints are kept: in memory, `saved` is all that they need so far.
    saves: bool,
    saved: SavedRows,
}

impl Engine {
    /// An empty engine that remembers what was applied, so that views can be created at any time.
    pub fn new(run: u64, clock: Clock) -> Result<Self> {
        Engine::planning(run, clock, Planner::new())
    }

    /// The same, with a planner that may know the plans already.
    pub fn planning(run: u64, clock: Clock, mut planner: Planner) -> Result<Self> {
        planner.add_clock()?;
        Ok(Engine {
            run,
            clock,
            catalog: Catalog::default(),
            planner,
            retractable: BTreeSet::new(),
            specs: vec![],
            canonical: BTreeMap::new(),
            flow: dataflow::build(&[], RECOMPUTE_ROWS_MAX, Arc::new(Workers::one()))?,
            recompute_rows_max: RECOMPUTE_ROWS_MAX,
            workers: Arc::new(Workers::one()),
            hot: Arc::new(Hot::new(run)),
            epoch: 0,
            first_as_of_us: 0,
            as_of_us: 0,
            clock_is_new: true,
            log: Some(vec![]),
            saves: false,
            saved: SavedRows::default(),
        })
    }

    /// An engine for a catalog that stays as it is: what was applied is kept only as far as the views need it.
    pub fn for_catalog(catalog: &Catalog, clock: Clock) -> Result<Self> {
        let Checked { engine, faults, .. } = Engine::check(catalog, &[], clock)?;
        if faults.is_empty() { Ok(engine) } else { Err(Error::from_diagnostics(faults)) }
    }

    /// The same, with every view that can be planned; the error is never about one view. `faulty`: names that views
    /// may read and that have a fault already.
    pub fn check(catalog: &Catalog, faulty: &[String], clock: Clock) -> Result<Checked> {
        let mut engine = Engine::new(0, clock)?;
        for table in &catalog.tables {
            engine.planner.add_table(table, false)?;
        }
        let (mut faults, mut unchecked) = (vec![], vec![]);
        let mut faulty: BTreeSet<String> = faulty.iter().cloned().collect();
        for view in &catalog.views {
            // It would only repeat the fault.
            if let Some(read) = view.reads.iter().find(|read| faulty.contains(*read)) {
                unchecked.push((view.name.clone(), read.clone()));
                faulty.insert(view.name.clone());
                continue;
            }
            let Err(error) = engine.plan(view) else { continue };
            faulty.insert(view.name.clone());
            match error.diagnostics.is_empty() {
                true => faults.push(view.source.diagnostic(error.kind, Span::empty(), error.to_string())),
                false => faults.extend(error.diagnostics),
            }
        }
        engine.catalog = catalog.clone();
        engine.log = None;
        engine.rebuild()?;
        Ok(Checked { engine, faults, unchecked })
    }

    /// Numbers the epochs as those of a run; none was published yet.
    pub fn begin_run(&mut self, run: u64) {
        self.run = run;
    }

    /// The views whose changes are kept, each with the fingerprint of its canonical plan and of those it reads.
    pub fn kept_views(&self) -> Vec<ViewIdentity> {
        let mut texts: BTreeMap<&str, String> = BTreeMap::new();
        let mut kept = vec![];
        for spec in &self.specs {
            let mut text = spec.planned.canonical.display_indent_schema().to_string();
            for read in &spec.view.reads {
                text.push_str(texts.get(read.as_str()).map_or(read, String::as_str));
            }
            text.push_str(&self.retention_of(&spec.planned.canonical));
            let fingerprint = format!("{:016x}", xxh3_64(text.as_bytes()));
            texts.insert(&spec.view.name, fingerprint.clone());
            if spec.view.history == History::Changes {
                let sql = spec.view.source.text.clone();
                kept.push(ViewIdentity { name: spec.view.name.clone(), fingerprint, sql });
            }
        }
        kept
    }

    /// What the option `retention` of the tables in a plan says: with another one the view has other rows.
    fn retention_of(&self, plan: &LogicalPlan) -> String {
        let mut tables = BTreeSet::new();
        let found = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                tables.insert(scan.table_name.table().to_string());
            }
            Ok(TreeNodeRecursion::Continue)
        });
        debug_assert!(found.is_ok(), "nothing fails here");
        let retained = tables.iter().filter_map(|name| Some((name, self.table(name)?.retention_us?)));
        retained.map(|(name, us)| format!("\n{name} keeps {us} us")).collect()
    }

    /// Lets rows of a table be taken out again. Kafka tables never do; call it before `create` of the table.
    pub fn allow_retractions(&mut self, table: &str) {
        self.retractable.insert(table.to_string());
    }

    /// Limits the rows of one partition or group that are computed anew at a change, in what is built from now on. With
    /// more the operator stops: the views that need it say so, the others go on.
    pub fn limit_recompute(&mut self, rows_max: usize) {
        self.recompute_rows_max = rows_max;
    }

    /// Spreads what is built from now on over the shards of these workers; one shard unless told otherwise.
    pub fn use_workers(&mut self, workers: Arc<Workers>) {
        self.workers = workers;
    }

    /// Adds the tables and views of a text, all or none. Views that exist are rebuilt over what was applied.
    pub fn create(&mut self, source: &SourceFile) -> Result<()> {
        self.define(parse_definitions(source).map_err(Error::from_diagnostics)?)
    }

    /// Adds definitions, all or none; a view comes after what it reads.
    pub fn define(&mut self, definitions: Vec<Definition>) -> Result<()> {
        let mut catalog = self.catalog.clone();
        for definition in &definitions {
            catalog.add(definition.clone())?;
        }
        let names: Vec<String> = definitions.iter().map(|d| d.name().to_string()).collect();
        let specs_before = self.specs.len();
        let planned = self.plan_all(definitions);
        // What is not maintained leaves the graph as it is.
        let unchanged = self.specs.len() == specs_before;
        let built = planned.and_then(|()| if unchanged { Ok(None) } else { self.built().map(Some) });
        match built {
            Ok(flow) => {
                self.catalog = catalog;
                flow.map_or(Ok(()), |flow| self.serve(flow).and_then(|()| self.replay()))
            }
            Err(error) => {
                self.specs.truncate(specs_before);
                for name in &names {
                    self.planner.remove(name)?;
                    self.canonical.remove(name);
                }
                Err(error)
            }
        }
    }

    fn plan_all(&mut self, definitions: Vec<Definition>) -> Result<()> {
        for definition in definitions {
            match definition {
                Definition::Table(table) => {
                    self.planner.add_table(&table, self.retractable.contains(&table.name))?;
                }
                Definition::View(view) => self.plan(&Arc::new(view))?,
            }
        }
        Ok(())
    }

    fn plan(&mut self, view: &Arc<View>) -> Result<()> {
        let spec = ViewSpec { view: view.clone(), planned: self.planner.plan(view)? };
        dataflow::check_key(&spec)?;
        let planned = &spec.planned;
        self.canonical.insert(view.name.clone(), planned.canonical.clone());
        if view.materialized {
            self.planner.add_materialized(&view.name, planned)?;
            self.specs.push(spec);
        } else {
            self.planner.add_plain(&view.name, planned)?;
        }
        Ok(())
    }

    /// Builds all views anew over what was applied, as a restart does.
    pub fn restart(&mut self) -> Result<()> {
        self.rebuild()?;
        self.replay()
    }

    fn replay(&mut self) -> Result<()> {
        // A view without GROUP BY has its row before the first event.
        self.run_epoch(BTreeMap::new())?;
        for epoch in self.log.clone().unwrap_or_default() {
            self.run_epoch(epoch)?;
        }
        self.publish(vec![])
    }

    /// Makes the views anew, with nothing in them.
    pub fn rebuild(&mut self) -> Result<()> {
        let flow = self.built()?;
        self.serve(flow)
    }

    fn built(&self) -> Result<Dataflow> {
        dataflow::build(&self.specs, self.recompute_rows_max, self.workers.clone())
    }

    fn serve(&mut self, flow: Dataflow) -> Result<()> {
        self.as_of_us = self.first_as_of_us;
        self.clock_is_new = true;
        self.flow = flow;
        if self.saves {
            self.keep_checkpoints()?;
        }
        let views: BTreeMap<&str, &Arc<View>> = self.specs.iter().map(|s| (s.view.name.as_str(), &s.view)).collect();
        let tables = self.flow.outputs().map(|output| {
            let class = self.flow.class(&output.name);
            views::hot_table(output, views[&*output.name], class)
        });
        self.hot.set_tables(tables)
    }

    /// The operators of a view and what was measured of them; None: there is no such view.
    pub fn explain(&self, view: &str) -> Option<Explanation> {
        self.explanation(view, true)
    }

    /// The operators of a view before anything has run.
    pub fn explain_planned(&self, view: &str) -> Option<Explanation> {
        self.explanation(view, false)
    }

    fn explanation(&self, view: &str, measured: bool) -> Option<Explanation> {
        let mut explanation = self.flow.explain(view, measured)?;
        let warnings = self.planned(view).into_iter().flat_map(|planned| &planned.warnings);
        explanation.warnings.extend(warnings.map(|warning| warning.message.clone()));
        let failed = self.flow.failed(view).filter(|_| measured);
        explanation.warnings.extend(failed.map(|reason| format!("the view has stopped serving: {reason}")));
        Some(explanation)
    }

    /// Shows readers the operators with their figures as they are now.
    pub fn publish_explanations(&self) {
        let explained =
            self.flow.outputs().filter_map(|output| Some((output.name.clone(), self.explain(&output.name)?)));
        self.hot.set_explanations(explained.collect());
    }

    /// Runs one epoch over events of tables (with `Table::event_schema`). Readers see it after `publish`.
    pub fn apply(&mut self, tables: BTreeMap<Arc<str>, Changes>) -> Result<EpochOutput> {
        if let Some(log) = &mut self.log {
            log.push(tables.clone());
        }
        self.run_epoch(tables)
    }

    /// Sets the table `clock` before the first epoch. In memory the engine begins at 1970-01-01.
    pub fn begin_clock(&mut self, as_of_us: i64) {
        self.first_as_of_us = as_of_us;
        self.as_of_us = as_of_us;
    }

    /// The time that the views go by, in microseconds since 1970-01-01 UTC.
    pub fn as_of_us(&self) -> i64 {
        self.as_of_us
    }

    /// Whether some view goes by the clock.
    pub fn reads_clock(&self) -> bool {
        self.flow.reads(CLOCK)
    }

    /// Moves the clock: an epoch of its own. Going back, or standing still, is refused.
    pub fn tick(&mut self, as_of_us: i64) -> Result<EpochOutput> {
        if as_of_us <= self.as_of_us {
            return Err(Error::invalid("the clock moves forward only"));
        }
        let changes = clock_changes(&[(self.as_of_us, -1), (as_of_us, 1)])?;
        self.apply(BTreeMap::from([(CLOCK.into(), changes)]))
    }

    fn run_epoch(&mut self, mut tables: BTreeMap<Arc<str>, Changes>) -> Result<EpochOutput> {
        if self.epoch == EPOCH_MAX {
            return Err(Error::unavailable("the epochs of this run are used up").hint("restart the process"));
        }
        self.epoch += 1;
        if std::mem::take(&mut self.clock_is_new) {
            let mut parts = vec![clock_changes(&[(self.as_of_us, 1)])?];
            parts.extend(tables.remove(CLOCK));
            let schema = parts[0].rows.schema();
            tables.insert(CLOCK.into(), Changes::concat(&schema, &parts)?);
        }
        if let Some(moved) = tables.get(CLOCK) {
            self.as_of_us = newest_as_of(moved).unwrap_or(self.as_of_us);
        }
        let views = self.flow.run(self.epoch, tables, &self.clock)?;
        if self.saves && self.log.is_some() {
            let unsaved = self.flow.unsaved(false)?;
            self.saved.append(unsaved)?;
        }
        Ok(EpochOutput { epoch: self.epoch, views })
    }

    /// Makes the last epoch visible, then reclaims what nobody can see any more. `offsets`: what it includes.
    pub fn publish(&mut self, offsets: Vec<PartitionOffset>) -> Result<()> {
        let states = self.flow.states();
        let views = self.flow.outputs().zip(states).map(|(output, state)| {
            let (rows, bytes, errors, failed) = (state.rows, state.bytes, state.errors, state.failed);
            (output.name.clone(), ViewState { rows, bytes, errors, failed })
        });
        let snapshot = Snapshot {
            run: self.run,
            epoch: self.epoch,
            published_at_us: self.clock.now_us(),
            offsets,
            views: views.collect(),
        };
        self.hot.publish(snapshot);
        self.flow.maintain(self.hot.oldest_pinned(self.clock.instant()))
    }

    /// Reclaims after an epoch that no reader will see, as during a replay.
    pub fn maintain_unpublished(&mut self) -> Result<()> {
        self.flow.maintain(self.epoch)
    }

    /// Bytes that all operators hold.
    pub fn state_bytes(&self) -> usize {
        self.flow.statistics().iter().map(|node| node.bytes).sum()
    }

    /// Bytes that the operators of each view hold; what views share counts in each.
    pub fn view_bytes(&self) -> Vec<(Arc<str>, usize)> {
        self.flow.view_bytes()
    }

    /// Where readers find the views.
    pub fn hot(&self) -> &Arc<Hot> {
        &self.hot
    }
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.catalog.tables.iter().find(|t| t.name == name)
    }
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.catalog.tables.iter()
    }
    pub fn views(&self) -> impl Iterator<Item = &Arc<View>> {
        self.specs.iter().map(|s| &s.view)
    }
    /// Whether some view reads this table.
    pub fn reads(&self, table: &str) -> bool {
        self.flow.reads(table)
    }
    /// The plan of a materialized view.
    pub fn planned(&self, view: &str) -> Option<&ViewPlan> {
        self.specs.iter().find(|s| s.view.name == view).map(|s| &s.planned)
    }
    /// The canonical plan of a view: what the batch oracle runs.
    pub fn canonical(&self, view: &str) -> Option<&LogicalPlan> {
        self.canonical.get(view)
    }
    /// Where the rows of a materialized view are, and its key.
    pub fn output(&self, view: &str) -> Option<&Output> {
        self.flow.outputs().find(|output| &*output.name == view)
    }
    /// Figures of each operator.
    pub fn statistics(&self) -> Vec<NodeStatistics> {
        self.flow.statistics()
    }
}
