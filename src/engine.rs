//! The engine: tables, views and epochs, in memory. The pipeline drives it from Kafka; tests and embedders drive it
//! with batches.
//!
//! ```text
//! let mut engine = Engine::new(1, Clock::System);
//! engine.create(&SourceFile::new("t.sql", "CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT)"))?;
//! engine.create(&SourceFile::new("s.sql", "CREATE MATERIALIZED VIEW s AS SELECT k, SUM(v) AS v FROM t GROUP BY k"))?;
//! let changes = engine.apply(BTreeMap::from([("t".into(), Changes::inserts(events))]))?;
//! engine.publish(vec![])?;
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::logical_expr::LogicalPlan;
use xxhash_rust::xxh3::xxh3_64;

use crate::catalog::{CLOCK, Catalog, Definition, History, SourceFile, Table, View, clock_table, parse_definitions};
use crate::changes::Changes;
use crate::clock::Clock;
use crate::dataflow::{self, Dataflow, Found, NodeStatistics, Output, ViewSpec};
use crate::error::{Error, Result};
use crate::history::ViewIdentity;
use crate::hot::{Hot, HotTable, Link, PartitionOffset, Published, Snapshot, ViewState};
use crate::planner::{Planner, ViewPlan};

/// The epochs of one run are numbered with 32 bits: at a hundred a second they last for more than a year.
const EPOCH_MAX: u32 = u32::MAX - 1;

/// What an epoch changed.
#[derive(Debug)]
pub struct EpochOutput {
    pub epoch: u32,
    /// The consolidated changes of each view that changed.
    pub views: Vec<(Arc<str>, Changes)>,
}

/// See the module.
pub struct Engine {
    run: u64,
    clock: Clock,
    catalog: Catalog,
    planner: Planner,
    retractable: BTreeSet<String>,
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
}

impl Engine {
    /// An empty engine that remembers what was applied, so that views can be created at any time.
    pub fn new(run: u64, clock: Clock) -> Result<Self> {
        let mut planner = Planner::new();
        planner.add_clock()?;
        Ok(Engine {
            run,
            clock,
            catalog: Catalog::default(),
            planner,
            retractable: BTreeSet::new(),
            specs: vec![],
            canonical: BTreeMap::new(),
            flow: dataflow::build(&[])?,
            hot: Arc::new(Hot::new(run)),
            epoch: 0,
            first_as_of_us: 0,
            as_of_us: 0,
            clock_is_new: true,
            log: Some(vec![]),
        })
    }

    /// An engine for a catalog that stays as it is: what was applied is kept only as far as the views need it.
    pub fn for_catalog(catalog: &Catalog, clock: Clock) -> Result<Self> {
        let mut engine = Engine::new(0, clock)?;
        for table in &catalog.tables {
            engine.planner.add_table(table, false)?;
        }
        let mut faults = vec![];
        for view in &catalog.views {
            match engine.plan(view) {
                Ok(()) => {}
                // Views that read a faulty one would only repeat its fault.
                Err(error) if !error.diagnostics.is_empty() => faults.extend(error.diagnostics),
                Err(error) if faults.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        if !faults.is_empty() {
            return Err(Error::from_diagnostics(faults));
        }
        engine.catalog = catalog.clone();
        engine.log = None;
        engine.rebuild()?;
        Ok(engine)
    }

    /// Numbers the epochs as those of a run. Nothing was applied yet.
    pub fn begin_run(&mut self, run: u64) -> Result<()> {
        self.run = run;
        self.hot = Arc::new(Hot::new(run));
        self.rebuild()
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
            let fingerprint = format!("{:016x}", xxh3_64(text.as_bytes()));
            texts.insert(&spec.view.name, fingerprint.clone());
            if spec.view.history == History::Changes {
                let sql = spec.view.source.text.clone();
                kept.push(ViewIdentity { name: spec.view.name.clone(), fingerprint, sql });
            }
        }
        kept
    }

    /// Lets rows of a table be taken out again. Kafka tables never do; call it before `create` of the table.
    pub fn allow_retractions(&mut self, table: &str) {
        self.retractable.insert(table.to_string());
    }

    /// Adds the tables and views of a text, all or none. Views that exist are rebuilt over what was applied.
    pub fn create(&mut self, source: &SourceFile) -> Result<()> {
        let definitions = parse_definitions(source).map_err(Error::from_diagnostics)?;
        let mut catalog = self.catalog.clone();
        for definition in &definitions {
            catalog.add(definition.clone())?;
        }
        let names: Vec<String> = definitions.iter().map(|d| d.name().to_string()).collect();
        let specs_before = self.specs.len();
        let planned = self.plan_all(definitions).and_then(|()| dataflow::build(&self.specs).map(|_| ()));
        if let Err(error) = planned {
            self.specs.truncate(specs_before);
            for name in &names {
                self.planner.remove(name)?;
                self.canonical.remove(name);
            }
            return Err(error);
        }
        self.catalog = catalog;
        self.restart()
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
        let planned = self.planner.plan(view)?;
        self.canonical.insert(view.name.clone(), planned.canonical.clone());
        if view.materialized {
            self.planner.add_materialized(&view.name, &planned)?;
            self.specs.push(ViewSpec { view: view.clone(), planned });
        } else {
            self.planner.add_plain(&view.name, &planned)?;
        }
        Ok(())
    }

    /// Builds all views anew over what was applied, as a restart does.
    pub fn restart(&mut self) -> Result<()> {
        self.rebuild()?;
        // A view without GROUP BY has its row before the first event.
        self.run_epoch(BTreeMap::new())?;
        for epoch in self.log.clone().unwrap_or_default() {
            self.run_epoch(epoch)?;
        }
        self.publish(vec![])
    }

    fn rebuild(&mut self) -> Result<()> {
        self.as_of_us = self.first_as_of_us;
        self.clock_is_new = true;
        self.flow = dataflow::build(&self.specs)?;
        let views: BTreeMap<&str, &Arc<View>> = self.specs.iter().map(|s| (s.view.name.as_str(), &s.view)).collect();
        self.hot.set_tables(self.flow.outputs().map(|output| hot_table(output, views[&*output.name])))
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
        let views = self.flow.run(self.epoch, tables)?;
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
    /// Figures of each operator.
    pub fn statistics(&self) -> Vec<NodeStatistics> {
        self.flow.statistics()
    }

    /// All rows of a view at the published epoch, each as often as its weight, in no particular order.
    pub fn rows(&self, view: &str) -> Result<RecordBatch> {
        self.rows_at(&self.hot.snapshot(), view)
    }

    /// All rows of a view at an epoch that the caller holds.
    pub fn rows_at(&self, published: &Published, view: &str) -> Result<RecordBatch> {
        let table = published.table(view).ok_or_else(|| Error::not_found(format!("there is no view {view}")))?;
        let reader = table.arrangement.read(published.epoch)?;
        let rows: Vec<&[u8]> = (0..crate::state::SLOTS).flat_map(|slot| reader.scan(slot)).collect();
        let batch = reader.decode(&rows)?;
        let columns = table.columns.iter().map(|&c| batch.column(c).clone()).collect();
        // The arrangement may be shared with a view that names its columns differently.
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(table.schema.clone(), columns, &options)?)
    }
}

/// Events of the table `clock`: its rows (microseconds since 1970-01-01 UTC), each with its weight.
fn clock_changes(rows: &[(i64, i64)]) -> Result<Changes> {
    let schema = clock_table().event_schema();
    let len = rows.len();
    let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.0)).collect();
    let times: ArrayRef = Arc::new(times);
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "as_of" | "_timestamp" => times.clone(),
            "_partition" => Arc::new(Int32Array::from(vec![0; len])),
            "_offset" => Arc::new(Int64Array::from(vec![0; len])),
            "_rest" => new_null_array(field.data_type(), len),
            name => Arc::new(StringArray::from(vec![if name == "_op" { "insert" } else { CLOCK }; len])),
        }
    });
    let rows_of = RecordBatch::try_new(schema.clone(), columns.collect())?;
    Ok(Changes::new(rows_of, rows.iter().map(|row| row.1).collect()))
}

/// The row that these changes of the clock put in place.
fn newest_as_of(changes: &Changes) -> Option<i64> {
    let times = changes.rows.column(0).as_primitive_opt::<TimestampMicrosecondType>()?;
    let came = (0..changes.len()).rev().find(|&i| changes.weights[i] > 0)?;
    Some(times.value(came))
}

fn hot_table(output: &Output, view: &View) -> HotTable {
    let link = |found: Option<Found>| {
        found.map(|f| match f {
            Found::Identity => Link::Identity,
            Found::Link(k) => Link::Further(k),
        })
    };
    HotTable {
        name: output.name.clone(),
        schema: output.schema.clone(),
        key: output.key.clone(),
        unique: output.unique,
        on_error: view.on_error,
        class: "incremental".to_string(),
        arrangement: output.arrangement.clone(),
        columns: output.columns.clone(),
        key_link: link(output.by_key),
        first_link: link(output.by_first),
    }
}
