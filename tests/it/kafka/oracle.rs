//! The batch answer: the views' SQL, run once by plain DataFusion over all rows of the generator.
//!
//! Nothing of the product takes part but the text of the views: no decoder, no planner, no operators, no files.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use rebateflow::demo::{RateRule, Row};

use super::load::{Load, batch_of, product, product_tables};

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
        let mut batches = load.batches();
        let rules = current_rules(&load.rows["rate_rules"]);
        batches.insert("rate_rules", batch_of(&product_tables()["rate_rules"], &rules));
        for (table, batch) in batches {
            register(&context, table, batch);
        }
        let mut views = BTreeMap::new();
        for (view, _) in VIEWS {
            let frame = context.sql(&query_of(view)).await.expect("the view's SQL");
            let schema = Arc::new(frame.schema().as_arrow().clone());
            let rows = frame.collect().await.expect("the batch answer");
            let rows = concat_batches(&schema, &rows).expect("one schema");
            assert!(rows.num_rows() > 0, "view {view} has rows");
            register(&context, view, rows.clone());
            views.insert(view, rows);
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

/// The SELECT of the product's view.
fn query_of(view: &str) -> String {
    let text = fs::read_to_string(product("sql").join(format!("{view}.sql"))).expect("a view of the product");
    let start = text.find("\nAS SELECT").expect("a view is CREATE ... AS SELECT") + "\nAS ".len();
    text[start..].trim_end().trim_end_matches(';').to_string()
}

/// An upsert table holds the newest version of each key.
fn current_rules(rows: &[Row]) -> Vec<Row> {
    let mut newest: BTreeMap<&str, &RateRule> = BTreeMap::new();
    for row in rows {
        let Row::RateRule(rule) = row else { panic!("a row of {} among the rules", row.table()) };
        let current = newest.entry(&rule.rule_id).or_insert(rule);
        if rule.version > current.version {
            *current = rule;
        }
    }
    newest.into_values().cloned().map(Row::RateRule).collect()
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
