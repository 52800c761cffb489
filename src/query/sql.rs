//! `POST /v1/sql`: one SELECT over the hot tables at one pinned epoch, and over the history up to one pinned commit, within
//! limits.
//!
//! A query runs on a thread of its own, so that it takes turns with lookups by the scheduler's measure and not by its
//! own; at most `concurrent` run at once, sharing `memory_bytes`. When the asker goes away or the time is over, the query
//! stops: `interrupt` says how.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, TableProvider,
};
use datafusion::common::TableReference;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::answer::{serving, type_name};
use super::from_datafusion::query_error;
use super::history::{EVENTS, HISTORY, Pinned};
use super::interrupt;
use super::json::{JsonColumns, write_string};
use super::lookup::write_epoch;
use super::scan::TableScan;
use super::statement;
use crate::error::{Error, Result};
use crate::history::HistoryReader;
use crate::hot::{HotTable, Published};
use crate::planner::{exact_avg, exact_sum, query_plan, with_batch_rules};
use crate::tasks::{self, Stop};

/// Limits of SQL.
#[derive(Clone, Debug)]
pub struct SqlLimits {
    /// Rows of an answer unless the request says otherwise.
    pub rows_default: usize,
    pub rows_max: usize,
    pub time_max: Duration,
    /// Memory that all running queries share.
    pub memory_bytes: usize,
    /// Queries at once.
    pub concurrent: usize,
    /// Bytes of an answer's body.
    pub body_bytes_max: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        SqlLimits {
            rows_default: 10_000,
            rows_max: 100_000,
            time_max: Duration::from_secs(10),
            memory_bytes: 256 << 20,
            concurrent: 4,
            body_bytes_max: 64 << 20,
        }
    }
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    /// An Arrow IPC stream.
    Arrow,
}

/// A query to run.
#[derive(Clone, Debug)]
pub struct SqlRequest {
    pub query: String,
    /// Rows at most; None: `rows_default`.
    pub limit: Option<usize>,
    pub format: Format,
}

/// An answer as its body, with what the headers say.
#[derive(Debug)]
pub struct SqlAnswer {
    pub body: Vec<u8>,
    pub rows: usize,
    /// Whether the limit cut rows off.
    pub truncated: bool,
    /// Rows kept out of the views read, summed over them.
    pub errors: i64,
    /// The epoch of the commit up to which the history was read; None: it was not.
    pub history_epoch: Option<String>,
}

/// How a query ended.
#[derive(Debug)]
pub enum Outcome {
    Answer(SqlAnswer),
    /// As many queries as allowed are running.
    Busy,
    /// The time was over.
    OutOfTime,
}

/// Runs queries. One a process.
#[derive(Debug)]
pub struct Sql {
    limits: SqlLimits,
    state: SessionState,
    permits: Arc<Semaphore>,
    history: Option<Arc<HistoryReader>>,
}

/// A query on its way, with the view of the world that it reads.
struct Running {
    published: Arc<Published>,
    history: Option<Arc<HistoryReader>>,
    query: String,
    format: Format,
    limit: usize,
    body_bytes_max: usize,
    context: SessionContext,
    stop: Stop,
    /// Taken until the query has really ended.
    _permit: OwnedSemaphorePermit,
}

/// Functions that make much out of nothing, in memory that no pool counts, or rows without end.
const AMPLIFIERS: [&str; 9] = [
    "repeat",
    "lpad",
    "rpad",
    "range",
    "generate_series",
    "array_repeat",
    "array_resize",
    "list_repeat",
    "list_resize",
];

/// Plans are trees that are walked recursively, up to some kibibytes a level and a level a term of the query.
const STACK_BYTES: usize = 64 << 20;

/// The end of the asker is the end of the query.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.raise();
    }
}

const CATALOG: &str = "rebateflow";
const SCHEMA: &str = "public";

impl Sql {
    pub fn new(limits: SqlLimits) -> Result<Self> {
        // Nothing is written to disk: a query that needs more memory than allowed fails.
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory_bytes)))
            .with_disk_manager_builder(disk)
            .build_arc()?;
        let mut config = SessionConfig::new()
            .with_target_partitions(1)
            .with_information_schema(false)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, SCHEMA);
        config.options_mut().sql_parser.parse_float_as_decimal = true;
        config.options_mut().sql_parser.map_string_types_to_utf8view = false;
        let state = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_default_features();
        let mut state = with_batch_rules(state.build());
        // The meaning that SUM and AVG have in views: they do not wrap.
        state.register_udaf(Arc::new(exact_sum()))?;
        state.register_udaf(Arc::new(exact_avg()))?;
        for name in AMPLIFIERS {
            state.deregister_udf(name)?;
            state.deregister_udtf(name)?;
        }
        Ok(Sql { permits: Arc::new(Semaphore::new(limits.concurrent)), state, limits, history: None })
    }

    /// Queries can read this history, too.
    pub fn with_history(self, history: HistoryReader) -> Self {
        Sql { history: Some(Arc::new(history)), ..self }
    }

    pub fn limits(&self) -> &SqlLimits {
        &self.limits
    }

    /// Runs a query over a pinned epoch.
    ///
    /// Errors: `Invalid` for a wrong query, `NotFound` for a view, `Unavailable` for memory or a view that does not serve,
    /// `Refused` for an answer that is too large or a view whose errors refuse.
    pub async fn run(&self, published: Arc<Published>, request: SqlRequest) -> Result<Outcome> {
        let limit = request.limit.unwrap_or(self.limits.rows_default);
        if !(1..=self.limits.rows_max).contains(&limit) {
            let hint = format!("write a number from 1 to {}", self.limits.rows_max);
            return Err(Error::invalid(format!("limit is {limit}")).hint(hint));
        }
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            return Ok(Outcome::Busy);
        };
        let running = Running {
            context: self.context(),
            published,
            history: self.history.clone(),
            query: request.query,
            format: request.format,
            limit,
            body_bytes_max: self.limits.body_bytes_max,
            stop: Stop::default(),
            _permit: permit,
        };
        let _guard = StopOnDrop(running.stop.clone());
        let time = self.limits.time_max;
        // Dropped with this future: the query then stops.
        let (_asker, gone) = oneshot::channel::<()>();
        let (done, outcome) = oneshot::channel();
        tasks::spawn_deep_thread("sql", STACK_BYTES, move || {
            // Nobody listens any more when the asker has gone or the time is over.
            let _ = done.send(running.block(time, gone));
        })?;
        // The thread looks at the clock between batches; a batch that takes long does not keep the asker waiting.
        match tokio::time::timeout(time, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(gone)) => Err(Error::internal("the query broke off").caused_by(gone)),
            Err(_) => Ok(Outcome::OutOfTime),
        }
    }

    /// A session with the functions of all and a catalog of its own.
    fn context(&self) -> SessionContext {
        let builder = SessionStateBuilder::new_from_existing(self.state.clone())
            .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()));
        SessionContext::new_with_state(builder.build())
    }
}

impl Running {
    fn block(self, time: Duration, gone: oneshot::Receiver<()>) -> Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|e| Error::unavailable("a query cannot be started").caused_by(e))?;
        runtime.block_on(async {
            tokio::select! {
                ended = tokio::time::timeout(time, self.answer()) => match ended {
                    Ok(answer) => answer.map(Outcome::Answer),
                    Err(_) => Ok(Outcome::OutOfTime),
                },
                _ = gone => Ok(Outcome::OutOfTime),
            }
        })
    }

    async fn answer(&self) -> Result<SqlAnswer> {
        let statement = statement::parse(&self.query)?;
        let (errors, history_epoch) = self.register(&statement)?;
        let plan = self.context.state().statement_to_plan(statement).await.map_err(query_error)?;
        let only_select = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        only_select.verify_plan(&plan).map_err(query_error)?;
        let plan = query_plan(plan, &self.context.state()).map_err(query_error)?;
        let schema: SchemaRef = Arc::new(plan.schema().as_arrow().clone());
        check_names(&schema)?;
        let stream = self.execute(plan).await.map_err(query_error)?;
        let mut answer = SqlAnswer { body: vec![], rows: 0, truncated: false, errors, history_epoch };
        match self.format {
            Format::Json => self.write_json(&schema, stream, &mut answer).await?,
            Format::Arrow => self.write_arrow(&schema, stream, &mut answer).await?,
        }
        Ok(answer)
    }

    /// Starts the plan, so that it can be stopped.
    async fn execute(&self, plan: LogicalPlan) -> datafusion::error::Result<SendableRecordBatchStream> {
        // One row more than allowed tells whether there are more.
        let plan = LogicalPlanBuilder::from(plan).limit(0, Some(self.limit + 1))?.build()?;
        let state = self.context.state();
        let plan = interrupt::check_joins(state.optimize(&plan)?, &self.stop)?;
        let plan = state.query_planner().create_physical_plan(&plan, &state).await?;
        execute_stream(interrupt::yield_often(plan)?, self.context.task_ctx())
    }

    /// Makes the relations that the query names known. Returns the rows that errors keep out of the views, and the epoch
    /// of the history that is read.
    fn register(&self, statement: &Statement) -> Result<(i64, Option<String>)> {
        let catalog = Arc::new(MemoryCatalogProvider::new());
        for schema in [SCHEMA, HISTORY, EVENTS] {
            catalog.register_schema(schema, Arc::new(MemorySchemaProvider::new())).map_err(query_error)?;
        }
        let (mut errors, mut pinned) = (0, Pinned::default());
        for reference in self.context.state().resolve_table_references(statement).map_err(query_error)? {
            let (schema, name, provider): (&str, &str, Arc<dyn TableProvider>) = match &reference {
                TableReference::Bare { table: name } => {
                    let table = self.view(name)?;
                    errors += serving(&self.published, table)?;
                    (SCHEMA, name, self.provider(table)?)
                }
                TableReference::Partial { schema, table } if [HISTORY, EVENTS].contains(&&**schema) => {
                    let provider = pinned.table(self.history.as_deref(), (schema, table), &self.published)?;
                    (schema, table, provider)
                }
                other => {
                    let hint = "write a view, history.<view> or events.<table>";
                    return Err(Error::invalid(format!("there is no schema in {other}")).hint(hint));
                }
            };
            if let Some(schema) = catalog.schema(schema) {
                schema.register_table(name.to_string(), provider).map_err(query_error)?;
            }
        }
        self.context.register_catalog(CATALOG, catalog);
        Ok((errors, pinned.epoch_name()))
    }

    fn view(&self, name: &str) -> Result<&Arc<HotTable>> {
        self.published.table(name).ok_or_else(|| {
            let names: Vec<&str> = self.published.tables().keys().map(|name| &**name).collect();
            let hint = format!("the views are: {}", names.join(", "));
            Error::invalid(format!("there is no view {name}")).hint(hint)
        })
    }

    fn provider(&self, table: &Arc<HotTable>) -> Result<Arc<StreamingTable>> {
        let scan = TableScan { published: self.published.clone(), table: table.clone() };
        let table = StreamingTable::try_new(table.schema.clone(), vec![Arc::new(scan)]).map_err(query_error)?;
        Ok(Arc::new(table))
    }

    /// Cuts a batch at the limit and counts it. None: the answer is full.
    fn take(&self, batch: RecordBatch, answer: &mut SqlAnswer) -> Option<RecordBatch> {
        let left = self.limit - answer.rows;
        answer.truncated |= batch.num_rows() > left;
        let taken = batch.num_rows().min(left);
        answer.rows += taken;
        (taken > 0).then(|| batch.slice(0, taken))
    }

    fn check_size(&self, bytes: usize) -> Result<()> {
        if bytes <= self.body_bytes_max {
            return Ok(());
        }
        let message = format!("the answer is larger than {} MiB", self.body_bytes_max >> 20);
        Err(Error::refused(message).hint("select fewer columns, or send a smaller limit"))
    }

    async fn write_json(
        &self,
        schema: &SchemaRef,
        mut stream: SendableRecordBatchStream,
        answer: &mut SqlAnswer,
    ) -> Result<()> {
        let mut out = vec![b'{'];
        write_epoch(&mut out, &self.published);
        if let Some(epoch) = &answer.history_epoch {
            out.extend_from_slice(b",\"history_epoch\":");
            write_string(&mut out, epoch);
        }
        if answer.errors > 0 {
            out.extend_from_slice(format!(",\"errors\":{}", answer.errors).as_bytes());
        }
        out.extend_from_slice(b",\"columns\":[");
        for (i, field) in schema.fields().iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"{\"name\":" } else { b",{\"name\":" });
            write_string(&mut out, field.name());
            out.extend_from_slice(b",\"type\":");
            write_string(&mut out, &type_name(field.data_type()));
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"rows\":[");
        while let Some(batch) = stream.next().await {
            let first = answer.rows == 0;
            let Some(batch) = self.take(batch.map_err(query_error)?, answer) else {
                continue;
            };
            let columns = JsonColumns::new(schema.fields(), batch.columns().iter())?;
            for i in 0..batch.num_rows() {
                if i > 0 || !first {
                    out.push(b',');
                }
                columns.write_row(&mut out, i)?;
                self.check_size(out.len())?;
            }
        }
        out.extend_from_slice(format!("],\"truncated\":{}}}", answer.truncated).as_bytes());
        answer.body = out;
        Ok(())
    }

    async fn write_arrow(
        &self,
        schema: &SchemaRef,
        mut stream: SendableRecordBatchStream,
        answer: &mut SqlAnswer,
    ) -> Result<()> {
        let mut writer = StreamWriter::try_new(vec![], schema)?;
        while let Some(batch) = stream.next().await {
            if let Some(batch) = self.take(batch.map_err(query_error)?, answer) {
                writer.write(&batch)?;
                self.check_size(writer.get_ref().len())?;
            }
        }
        answer.body = writer.into_inner()?;
        Ok(())
    }
}

/// A JSON object has one value a name.
fn check_names(schema: &SchemaRef) -> Result<()> {
    let mut names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(Error::invalid(format!("two columns of the answer are called {}", pair[0]))
            .hint("give one of them another name with AS")),
    }
}
