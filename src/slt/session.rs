//! DataFusion over batches in memory: for the values of INSERT, for SELECT, and for the batch oracle.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
};
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use tokio::runtime::Runtime;

use crate::error::{Error, Result};
use crate::planner::{Planner, query_plan, with_batch_rules};

/// Relations by name.
pub(super) type Relations = BTreeMap<String, RecordBatch>;

/// The engine's dialect and functions, with all of DataFusion's own optimizer rules.
pub(super) struct Session {
    runtime: Runtime,
    /// The state that queries begin with.
    plain: SessionState,
    state: SessionState,
}

impl Session {
    pub fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|e| Error::unavailable("cannot start a runtime").caused_by(e))?;
        let plain = Planner::session_state();
        let state = with_batch_rules(plain.clone());
        Ok(Session { runtime, plain, state })
    }

    pub fn state(&self) -> &SessionState {
        &self.state
    }

    /// The rows of a query over these relations.
    pub fn query(&self, sql: &str, relations: &Relations) -> Result<RecordBatch> {
        // A state shares its catalog with its clones, so each query has a catalog of its own.
        let catalogs = Arc::new(MemoryCatalogProviderList::new());
        let names = &self.plain.config_options().catalog;
        let catalog = Arc::new(MemoryCatalogProvider::new());
        catalog.register_schema(&names.default_schema, Arc::new(MemorySchemaProvider::new()))?;
        catalogs.register_catalog(names.default_catalog.clone(), catalog);
        let state = SessionStateBuilder::new_from_existing(self.plain.clone()).with_catalog_list(catalogs).build();
        let context = SessionContext::new_with_state(state);
        for (name, batch) in relations {
            context.register_table(TableReference::bare(name.as_str()), mem_table(batch)?)?;
        }
        self.runtime.block_on(async {
            let state = context.state();
            let plan = query_plan(state.create_logical_plan(sql).await?, &state)?;
            let plan = state.create_physical_plan(&plan).await?;
            let schema = plan.schema();
            let batches = collect(plan, context.task_ctx()).await?;
            Ok(concat_batches(&schema, &batches)?)
        })
    }

    /// The rows of a logical plan whose scans can be scanned.
    pub fn run(&self, plan: &LogicalPlan) -> Result<RecordBatch, DataFusionError> {
        let physical = self.runtime.block_on(self.state.create_physical_plan(plan))?;
        self.run_physical(physical)
    }

    pub fn run_physical(&self, physical: Arc<dyn ExecutionPlan>) -> Result<RecordBatch, DataFusionError> {
        let schema = physical.schema();
        let context = Arc::new(datafusion::execution::TaskContext::from(&self.state));
        let batches = self.runtime.block_on(collect(physical, context))?;
        Ok(concat_batches(&schema, &batches)?)
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

pub(super) fn mem_table(batch: &RecordBatch) -> Result<Arc<MemTable>, DataFusionError> {
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch.clone()]])?))
}
