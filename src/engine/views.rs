//! The engine's views as readers find them.

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};

use super::Engine;
use crate::catalog::View;
use crate::dataflow::{Found, Output};
use crate::error::{Error, Result};
use crate::explain::Class;
use crate::hot::{HotTable, Link, Published};

impl Engine {
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

/// Where readers find a view.
pub(super) fn hot_table(output: &Output, view: &View, class: Class) -> HotTable {
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
        class: class.to_string(),
        arrangement: output.arrangement.clone(),
        columns: output.columns.clone(),
        key_link: link(output.by_key),
        first_link: link(output.by_first),
    }
}
