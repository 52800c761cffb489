//! The batch answer: the views' SQL, run once by plain DataFusion over all rows of the generator.
//!
//! Nothing of the product takes part but the text of the views: no decoder, no planner, no operators, no files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use rebateflow::catalog::Table;
use rebateflow::demo::{Row, Value};

use super::load::{Load, batch_of};
use crate::cut;

/// The views with their keys, each after those that it reads.
pub const VIEWS: [(&str, [&str; 2]); 4] = [
    ("txn_latest", ["platform", "order_line_id"]),
    ("rebate_line", ["platform", "order_line_id"]),
    ("user_rebate_balance", ["user_id", "currency"]),
    ("stock_available", ["sku_id", "warehouse_id"]),
];

/// The rows that each view must have.
pub struct Expected {
    pub views: BTreeMap<&'static str, RecordBatch>,
}

/// A row as text: `name=value` of each column, in the order of the view's columns.
pub type RowText = String;

impl Expected {
    pub fn of(load: &Load) -> Expected {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(Self::compute(load))
    }

    async fn compute(load: &Load) -> Expected {
        let mut config = SessionConfig::new().with_target_partitions(1);
        config.options_mut().sql_parser.parse_float_as_decimal = true;
        config.options_mut().sql_parser.map_string_types_to_utf8view = false;
        let context = SessionContext::new_with_config(config);
        let cut = cut::catalog();
        for (name, batch) in load.batches() {
            let table = cut.table(&name).expect("a table of the cut");
            let batch = match (&table.upsert, load.rows.get(name.as_str())) {
                (Some(_), Some(rows)) => batch_of(table, &newest(table, rows)),
                _ => batch,
            };
            register(&context, &name, batch);
        }
        let mut views = BTreeMap::new();
        for view in &cut.views {
            let frame = context.sql(&query_of(&view.name)).await.expect("the view's SQL");
            let schema = Arc::new(frame.schema().as_arrow().clone());
            let rows = frame.collect().await.expect("the batch answer");
            let rows = concat_batches(&schema, &rows).expect("one schema");
            register(&context, &view.name, rows.clone());
            if let Some((name, _)) = VIEWS.iter().find(|(name, _)| *name == view.name) {
                assert!(rows.num_rows() > 0, "view {name} has rows");
                views.insert(*name, rows);
            }
        }
        Expected { views }
    }

    /// All rows of a view as texts, sorted.
    pub fn texts(&self, view: &str) -> Vec<RowText> {
        let batch = &self.views[view];
        let mut rows: Vec<RowText> = (0..batch.num_rows()).map(|row| row_text(batch, row)).collect();
        rows.sort_unstable();
        rows
    }

    /// The rows of a view by the text of their values in `columns`, each list sorted.
    pub fn by(&self, view: &str, columns: &[&str]) -> BTreeMap<Vec<String>, Vec<RowText>> {
        let batch = &self.views[view];
        let arrays: Vec<&ArrayRef> =
            columns.iter().map(|name| batch.column_by_name(name).expect("a column of the view")).collect();
        let mut found: BTreeMap<Vec<String>, Vec<RowText>> = BTreeMap::new();
        for row in 0..batch.num_rows() {
            let key = arrays.iter().map(|array| array.as_string::<i32>().value(row).to_string());
            found.entry(key.collect()).or_default().push(row_text(batch, row));
        }
        found.values_mut().for_each(|rows| rows.sort_unstable());
        found
    }

    pub fn columns(&self, view: &str) -> Vec<String> {
        let schema = self.views[view].schema();
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }
}

fn register(context: &SessionContext, name: &str, batch: RecordBatch) {
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).expect("a table");
    context.register_table(name, Arc::new(table)).expect("a new name");
}

/// The SELECT of the product's view: what follows the first word AS that is in no comment.
fn query_of(view: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("sql/{view}.sql"));
    let text = fs::read_to_string(file).expect("a view of the product");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let text = lines.join("\n");
    let start = text.match_indices("AS").map(|(at, _)| at).find(|at| {
        let is_end = |c: Option<char>| c.is_none_or(char::is_whitespace);
        is_end(text[..*at].chars().next_back()) && is_end(text[at + 2..].chars().next())
    });
    let start = start.expect("a view is CREATE ... AS SELECT") + 2;
    text[start..].trim().trim_end_matches(';').to_string()
}

/// An upsert table holds the newest version of each key.
fn newest(table: &Table, rows: &[Row]) -> Vec<Row> {
    let upsert = table.upsert.as_ref().expect("an upsert table");
    let name_of = |column: usize| table.columns[column].name.as_str();
    let value_of = |row: &Row, column| {
        let fields = row.fields();
        let found = fields.iter().find(|(name, _)| *name == name_of(column));
        found.map_or_else(|| panic!("a row without {}", name_of(column)), |(_, value)| format!("{value:?}"))
    };
    let version_of = |row: &Row| {
        let column = name_of(upsert.version.expect("a version"));
        row.fields().iter().find_map(|(name, value)| match value {
            Value::Integer(number) if *name == column => Some(*number),
            _ => None,
        })
    };
    let mut newest: BTreeMap<Vec<String>, &Row> = BTreeMap::new();
    for row in rows {
        let key = upsert.key.iter().map(|column| value_of(row, *column)).collect();
        let current = newest.entry(key).or_insert(row);
        if version_of(row) > version_of(current) {
            *current = row;
        }
    }
    newest.into_values().cloned().collect()
}

fn row_text(batch: &RecordBatch, row: usize) -> RowText {
    let schema = batch.schema();
    let cells = schema.fields().iter().zip(batch.columns());
    let cells: Vec<String> =
        cells.map(|(field, array)| format!("{}={}", field.name(), json_text(array, row))).collect();
    cells.join(" ")
}

/// A value as the JSON that the HTTP interface promises.
fn json_text(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_string();
    }
    match array.data_type() {
        DataType::Utf8 => serde_json::Value::from(array.as_string::<i32>().value(row)).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Decimal128(..) => format!("\"{}\"", array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
            let time = DateTime::from_timestamp_micros(us).expect("within the calendar");
            format!("\"{}\"", time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
        other => panic!("a view of the product has a column of type {other}"),
    }
}
