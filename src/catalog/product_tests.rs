//! Tests of the product's own tables and views (`schemas/`, `sql/`): they load, plan without floats, and answer right
//! on small examples.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::logical_expr::{ExprSchemable, LogicalPlan};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;

use super::*;

fn product() -> Catalog {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Catalog::load(&root.join("schemas"), &root.join("sql")).unwrap_or_else(|error| panic!("{error}"))
}

/// A session with the product's tables, empty, and its views.
async fn session(catalog: &Catalog) -> (SessionContext, Vec<LogicalPlan>) {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    config.options_mut().sql_parser.collect_spans = true;
    let context = SessionContext::new_with_config(config);
    for table in &catalog.tables {
        let empty = MemTable::try_new(table.schema(), vec![vec![]]).expect("a table");
        context.register_table(&table.name, Arc::new(empty)).expect("a new table");
    }
    let mut plans = vec![];
    for view in &catalog.views {
        let query = ast::Statement::Query(Box::new(view.query.clone()));
        let plan = context.state().statement_to_plan(Statement::Statement(Box::new(query))).await;
        let plan = plan.unwrap_or_else(|error| panic!("{}: {error}", view.name));
        context.register_table(&view.name, Arc::new(ViewTable::new(plan.clone(), None))).expect("a new view");
        plans.push(context.state().optimize(&plan).expect("an optimized plan"));
    }
    (context, plans)
}

async fn run(context: &SessionContext, sql: &str) -> Vec<RecordBatch> {
    let frame = context.sql(sql).await.unwrap_or_else(|error| panic!("{error}"));
    frame.collect().await.unwrap_or_else(|error| panic!("{error}"))
}

/// The rows without the frame of the table, cells separated by one space.
async fn rows(context: &SessionContext, sql: &str) -> Vec<String> {
    let table = pretty_format_batches(&run(context, sql).await).expect("a table").to_string();
    let cells = |line: &str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" ");
    table.lines().skip(3).filter(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn the_product_catalog_loads() {
    let catalog = product();
    assert_eq!(
        catalog.names().collect::<Vec<_>>(),
        [
            "affiliate_txn",
            "rate_rules",
            "stock_movements",
            "stock_available",
            "txn_latest",
            "rebate_line",
            "user_rebate_balance",
        ]
    );
    let upsert = Upsert { key: vec![0], version: Some(1), deleted: None, key_format: KeyFormat::Raw };
    assert_eq!(catalog.table("rate_rules").and_then(|table| table.upsert.clone()), Some(upsert));
    assert_eq!(
        catalog.table("affiliate_txn").map(|table| (table.columns.len(), table.upsert.is_none())),
        Some((21, true))
    );
    let rebate_line = catalog.view("rebate_line").expect("a view");
    assert_eq!(rebate_line.reads, ["txn_latest", "rate_rules"]);
    assert!(
        catalog.views.iter().all(|view| view.materialized && view.history == History::Changes && view.key.is_some())
    );
}

#[test]
fn the_examples_of_the_documents_are_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples: Vec<SourceFile> = ["schemas/README.md", "sql/README.md"]
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(root.join(path)).expect("a document");
            let sql = text.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect::<String>();
            SourceFile::new(path, sql)
        })
        .collect();
    let catalog = Catalog::from_sources(&examples).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(catalog.names().collect::<Vec<_>>(), ["orders", "orders_of_user", "paid_24h"]);
}

#[tokio::test]
async fn no_float_is_computed_anywhere() {
    let catalog = product();
    let (_, plans) = session(&catalog).await;
    let mut expressions = 0;
    for (view, plan) in catalog.views.iter().zip(&plans) {
        plan.apply_with_subqueries(|node| {
            let schemas: Vec<_> = node.inputs().iter().map(|input| input.schema().clone()).collect();
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    let data_type = schemas.iter().find_map(|schema| part.get_type(schema).ok());
                    expressions += usize::from(data_type.is_some());
                    assert!(!data_type.is_some_and(|t| t.is_floating()), "{}: {part}", view.name);
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })
        .expect("a visited plan");
    }
    assert!(expressions > 200, "looked at {expressions} expressions only");
}

#[tokio::test]
async fn money_and_keys_have_the_types_that_the_views_promise() {
    let catalog = product();
    let (context, _) = session(&catalog).await;
    for view in &catalog.views {
        let frame = context.table(&view.name).await.expect("a view");
        for column in view.key.as_ref().expect("a key") {
            let field = frame.schema().field_with_unqualified_name(column).expect("a key column");
            assert_eq!(field.data_type(), &DataType::Utf8, "{}.{column}", view.name);
        }
    }
    for (view, column, data_type) in [
        ("rebate_line", "commission_net", DataType::Decimal128(18, 2)),
        ("rebate_line", "rebate", DataType::Decimal128(18, 2)),
        ("user_rebate_balance", "pending", DataType::Decimal128(28, 2)),
        ("user_rebate_balance", "lost", DataType::Decimal128(28, 2)),
        ("user_rebate_balance", "lines", DataType::Int64),
        ("stock_available", "available", DataType::Int64),
    ] {
        let frame = context.table(view).await.expect("a view");
        let field = frame.schema().field_with_unqualified_name(column).expect("a column");
        assert_eq!(field.data_type(), &data_type, "{view}.{column}");
    }
}

/// Order lines: id, modified, status, merchant, category, estimated and actual commission, fee rate.
const LINES: [[&str; 8]; 8] = [
    // A real payload: 1.14 less a fee of 0.11 (cut from 0.114), 80 % of 1.03.
    ["L1", "2026-12-21", "PAYABLE", "m1", "c1", "1.14", "1.14", "0.10"],
    // Older reports that arrive later change nothing.
    ["L1", "2026-11-05", "RECEIVED", "m1", "c1", "9.99", "NULL", "0.10"],
    ["L2", "2026-11-02", "PENDING", "m1", "c1", "0.01", "NULL", "0"],
    // The rule for the category wins by priority: half, at most 20.
    ["L3", "2026-11-02", "RECEIVED", "m1", "c2", "50.00", "50.00", "0"],
    // An unknown commission earns nothing known; it does not earn the cap.
    ["L4", "2026-11-02", "PENDING", "m1", "c2", "NULL", "NULL", "0"],
    // Clawed back.
    ["L5", "2026-11-02", "REVERSED", "m1", "c1", "-1.14", "NULL", "0.10"],
    // No rule for this merchant.
    ["L6", "2026-11-02", "PENDING", "m9", "c1", "1.00", "NULL", "0"],
    ["L7", "2026-11-02", "DECLINED", "m1", "c1", "10.00", "0.00", "0"],
];

#[tokio::test]
async fn rebates_are_exact() {
    let (context, _) = session(&product()).await;
    for (n, [line, modified, status, merchant, category, estimated, actual, fee]) in LINES.iter().enumerate() {
        let sql = format!(
            "INSERT INTO affiliate_txn VALUES ('e{n}', 'TBK', '{line}', '{modified}', '{status}', 1, 'u1',
             '{merchant}', 'i', '{category}', NULL, 'CNY', 3.80, 0.30, {estimated}, {actual}, {fee},
             '2026-11-01', NULL, NULL, '2026-12-22')"
        );
        run(&context, &sql).await;
    }
    run(
        &context,
        "INSERT INTO rate_rules VALUES
         ('r1', 3, 'TBK', 'm1', NULL, 0.80, 500.00, 10, '2026-01-01', '2200-01-01'),
         ('r2', 1, 'TBK', 'm1', 'c2', 0.50, 20.00, 20, '2026-01-01', '2200-01-01'),
         ('r3', 1, 'TBK', 'm1', NULL, 0.99, NULL, 99, '2026-01-01', '2026-11-01')",
    )
    .await;
    let lines = "SELECT order_line_id, status, rule_id, commission_net, rebate FROM rebate_line ORDER BY order_line_id";
    assert_eq!(
        rows(&context, lines).await,
        [
            "L1 PAYABLE r1 1.03 0.82",
            "L2 PENDING r1 0.01 0.00",
            "L3 RECEIVED r2 50.00 20.00",
            "L4 PENDING r2  ",
            "L5 REVERSED r1 -1.03 -0.82",
            "L7 DECLINED r1 0.00 0.00",
        ]
    );
    assert_eq!(
        rows(&context, "SELECT * FROM user_rebate_balance").await,
        ["u1 CNY 0.00 20.00 0.00 0.82 -0.82 6 2026-11-01T00:00:00",]
    );
}

#[tokio::test]
async fn a_movement_delivered_twice_counts_once() {
    let (context, _) = session(&product()).await;
    for (n, (id, sku, kind, quantity)) in [
        ("s1", "k1", "RESTOCK", 10),
        ("s2", "k1", "RESERVE", 6),
        ("s2", "k1", "RESERVE", 6),
        ("s3", "k1", "SELL", 6),
        ("s4", "k1", "RESERVE", 5),
        ("s5", "k1", "RELEASE", 2),
        ("s6", "k1", "RETURN", 1),
        ("s7", "k2", "ADJUST", -3),
    ]
    .iter()
    .enumerate()
    {
        let sql = format!(
            "INSERT INTO stock_movements VALUES
             ('{id}', '{sku}', 'w1', '{kind}', {quantity}, NULL, '2026-11-01', '2026-11-0{}')",
            n + 1
        );
        run(&context, &sql).await;
    }
    let stock = rows(&context, "SELECT * FROM stock_available ORDER BY sku_id").await;
    assert_eq!(stock, ["k1 w1 5 3 2", "k2 w1 -3 0 -3"]);
}
