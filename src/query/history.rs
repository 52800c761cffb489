//! `history.<view>` and `events.<table>` as DataFusion reads them: everything up to the last commit.
//!
//! A query pins one commit for all of these; the current rows of the views, which it may read beside them, are those of
//! a published epoch, before or after it. Only the columns that the query names are read, and
//! only the row groups that its condition can hold in. What is held while reading is
//! taken from the memory that all queries share.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::stream;

use super::from_datafusion::{query_error, to_datafusion};
use super::pruning;
use crate::error::{Error, Result};
use crate::history::{Dataset, GroupChoice, HistoryPin, HistoryReader};
use crate::hot::Published;

/// The changes of the views that are kept, each as the newest generation has them.
pub(super) const HISTORY: &str = "history";
/// The accepted events of the tables.
pub(super) const EVENTS: &str = "events";

/// The history as one query sees it: pinned when it is first named.
#[derive(Default)]
pub(super) struct Pinned(Option<HistoryPin>);

impl Pinned {
    /// The epoch up to which the query reads; None: it does not read the history.
    pub fn epoch_name(&self) -> Option<String> {
        self.0.as_ref().map(|pin| pin.manifest().epoch_name())
    }

    /// A relation of the schemas `history` and `events`.
    ///
    /// Errors: `Refused` without a history, `Unavailable` before the first commit, `Invalid` for an unknown name.
    pub fn table(
        &mut self,
        reader: Option<&HistoryReader>,
        (schema, name): (&str, &str),
        published: &Published,
    ) -> Result<Arc<dyn TableProvider>> {
        let reader = reader.ok_or_else(|| {
            Error::refused("the history is switched off").hint("it is kept from a start with history = true on")
        })?;
        let pin = match &mut self.0 {
            Some(pin) => pin,
            none => {
                let pin = reader.pin()?;
                none.insert(pin.ok_or_else(|| Error::unavailable("nothing is committed yet").hint("ask again"))?)
            }
        };
        let dataset = if schema == EVENTS { events(pin, name)? } else { changes(pin, name)? };
        let columns = match pin.schema(&dataset)? {
            Some(schema) => schema,
            // A view that never had a row: what its rows would look like.
            None => match published.table(name) {
                Some(table) => HistoryPin::view_schema(&table.schema),
                None => return Err(Error::invalid(format!("view {name} has no rows in the history"))),
            },
        };
        Ok(Arc::new(HistoryTable { pin: pin.clone(), dataset, schema: columns }))
    }
}

fn events(pin: &HistoryPin, table: &str) -> Result<Dataset> {
    let tables = &pin.manifest().tables;
    if !tables.contains_key(table) {
        let known: Vec<&str> = tables.keys().map(String::as_str).collect();
        let hint = format!("the tables with events are: {}", known.join(", "));
        return Err(Error::invalid(format!("no events of a table {table} are committed")).hint(hint));
    }
    Ok(Dataset::Events(table.to_string()))
}

fn changes(pin: &HistoryPin, view: &str) -> Result<Dataset> {
    let views = &pin.manifest().views;
    let Some(form) = views.get(view) else {
        let known: Vec<&str> = views.keys().map(String::as_str).collect();
        let hint = format!("views WITH (history = 'changes') have one; committed are: {}", known.join(", "));
        return Err(Error::invalid(format!("no history of a view {view} is committed")).hint(hint));
    };
    Ok(Dataset::View { name: view.to_string(), generation: form.generation })
}

/// One dataset up to the pinned commit.
struct HistoryTable {
    pin: HistoryPin,
    dataset: Dataset,
    schema: SchemaRef,
}

impl fmt::Debug for HistoryTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} up to commit {}", self.dataset.folder(), self.pin.manifest().number)
    }
}

#[async_trait]
impl TableProvider for HistoryTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        conditions: &[&Expr],
    ) -> datafusion::error::Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; conditions.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        conditions: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => self.schema.clone(),
        };
        let choice = pruning::choice(session, conditions, &self.schema);
        let (pin, dataset) = (self.pin.clone(), self.dataset.clone());
        let scan = HistoryScan { pin, dataset, schema: schema.clone(), choice };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, [], false, limit)?))
    }
}

/// The columns of it that a query reads.
struct HistoryScan {
    pin: HistoryPin,
    dataset: Dataset,
    schema: SchemaRef,
    /// The row groups that its condition can hold in.
    choice: Option<Arc<GroupChoice>>,
}

impl fmt::Debug for HistoryScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} up to commit {}", self.dataset.folder(), self.pin.manifest().number)
    }
}

impl PartitionStream for HistoryScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let held = MemoryConsumer::new("history").register(context.memory_pool());
        let rows = match &self.choice {
            Some(choice) => self.pin.rows_of(&self.dataset, self.schema.clone(), choice.clone()),
            None => self.pin.rows(&self.dataset, Some(self.schema.clone())),
        };
        let batches = stream::try_unfold((rows, held), |(mut rows, held)| async move {
            let mut reserve = |bytes: u64| {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                held.try_resize(bytes).map_err(query_error)
            };
            let batch = rows.next(&mut reserve).map_err(to_datafusion)?;
            Ok(batch.map(|batch| (batch, (rows, held))))
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}
