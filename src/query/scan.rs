//! A hot table as DataFusion reads it: slot by slot, at the pinned epoch, only as far as the query asks.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;

use super::from_datafusion::to_datafusion;
use super::rows::RowBuffer;
use crate::error::Result;
use crate::hot::{HotTable, Published};
use crate::state::SLOTS;

/// Rows after which a batch is handed on; a slot is never split before.
const BATCH_ROWS: usize = 8_192;

/// One view at one pinned epoch.
pub(super) struct TableScan {
    /// The pin: held for as long as the plan lives.
    pub published: Arc<Published>,
    pub table: Arc<HotTable>,
}

impl fmt::Debug for TableScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at epoch {}", self.table.name, self.published.epoch_name())
    }
}

impl PartitionStream for TableScan {
    fn schema(&self) -> &SchemaRef {
        &self.table.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let scan = Slots { table: self.table.clone(), published: self.published.clone(), next: 0 };
        let batches = stream::try_unfold(scan, |mut scan| async move {
            let batch = scan.batch().map_err(to_datafusion)?;
            Ok(batch.map(|batch| (batch, scan)))
        });
        Box::pin(RecordBatchStreamAdapter::new(self.table.schema.clone(), batches))
    }
}

struct Slots {
    table: Arc<HotTable>,
    published: Arc<Published>,
    next: usize,
}

impl Slots {
    /// The rows of the next slots; None at the end. The arrangement's lock is held for the copy of one slot.
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let arrangement = &self.table.arrangement;
        let mut rows = RowBuffer::default();
        while self.next < SLOTS && rows.len() < BATCH_ROWS {
            rows.extend(&arrangement.read(self.published.epoch)?.scan(self.next));
            self.next += 1;
        }
        if rows.len() == 0 {
            return Ok(None);
        }
        let stored = arrangement.decode(rows.iter())?;
        let columns = self.table.columns.iter().map(|&c| stored.column(c).clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(Some(RecordBatch::try_new_with_options(self.table.schema.clone(), columns, &options)?))
    }
}
