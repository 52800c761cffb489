//! Tests of the product's own tables and views (`schemas/`, `sql/`): they load, and they plan without floats. What
//! they answer is in `tests/slt/views`.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
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
    let clock = Arc::new(clock_table());
    for table in catalog.tables.iter().chain([&clock]) {
        let empty = MemTable::try_new(table.schema(), vec![vec![]]).expect("a table");
        context.register_table(&table.name, Arc::new(empty)).expect("a new table");
    }
    let mut plans = vec![];
    for view in &catalog.views {
        let query = ast::Statement::Query(Box::new(view.query.clone()));
        let plan = context.state().statement_to_plan(Statement::Statement(Box::new(query))).await;
        let plan = plan.unwrap_or_else(|error| panic!("{}: {error}", view.name));
        let plan = context.state().optimize(&plan).expect("an optimized plan");
        // As a table of its own, so that each plan is looked at once and not in all that read it.
        let schema = Arc::new(plan.schema().as_arrow().clone());
        let rows = MemTable::try_new(schema, vec![vec![]]).expect("a table");
        context.register_table(&view.name, Arc::new(rows)).expect("a new view");
        plans.push(plan);
    }
    (context, plans)
}

#[test]
fn the_product_catalog_loads() {
    let catalog = product();
    let upsert = Upsert { key: vec![0], version: Some(1), deleted: None, key_format: KeyFormat::Raw };
    assert_eq!(catalog.table("rate_rules").and_then(|table| table.upsert.clone()), Some(upsert));
    assert_eq!(catalog.table("affiliate_txn").map(|table| table.upsert.is_none()), Some(true));
    let rebate_line = catalog.view("rebate_line").expect("a view");
    assert_eq!((rebate_line.materialized, rebate_line.history), (true, History::Changes));
    assert!(catalog.views.iter().filter(|view| view.materialized).all(|view| view.key.is_some()));
    // A file has what its name says, so a test or a reader finds it.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(catalog.tables.iter().all(|table| root.join(format!("schemas/{}.sql", table.name)).exists()));
    assert!(catalog.views.iter().all(|view| root.join(format!("sql/{}.sql", view.name)).exists()));
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
async fn no_money_becomes_a_float() {
    let catalog = product();
    let (_, plans) = session(&catalog).await;
    let mut expressions = 0;
    for (view, plan) in catalog.views.iter().zip(&plans) {
        plan.apply_with_subqueries(|node| {
            let schemas: Vec<_> = node.inputs().iter().map(|input| input.schema().clone()).collect();
            let type_of = |part: &Expr| schemas.iter().find_map(|schema| part.get_type(schema).ok());
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    expressions += 1;
                    let mut is_of_money = false;
                    part.apply_children(|child| {
                        is_of_money |= type_of(child).is_some_and(|t| t.is_decimal());
                        Ok(TreeNodeRecursion::Continue)
                    })?;
                    let is_float = type_of(part).is_some_and(|t| t.is_floating());
                    assert!(!(is_of_money && is_float), "{}: {part}", view.name);
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })
        .expect("a visited plan");
    }
    assert!(expressions > 2_000, "looked at {expressions} expressions only");
}

#[tokio::test]
async fn money_has_the_types_that_the_views_promise() {
    let catalog = product();
    let (context, _) = session(&catalog).await;
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

/// So that a gateway can fix the beginning of the key from the session of the user who asks.
#[test]
fn keys_of_views_about_users_begin_with_the_user() {
    let mut views = 0;
    for view in product().views.iter().filter(|view| view.materialized) {
        let key = view.key.as_deref().unwrap_or_default();
        let place = key.iter().position(|column| column == "user_id");
        views += usize::from(place.is_some());
        assert!(place.is_none_or(|place| place == 0), "{}: {key:?}", view.name);
    }
    assert!(views >= 10, "{views} views");
}

/// Users are pseudonyms and devices are hashes; what a network answered is stored as it came, and no view copies it.
#[tokio::test]
async fn no_column_names_a_person_and_no_view_reads_a_body() {
    const OF_PERSONS: [&str; 12] = [
        "phone",
        "mobile",
        "email",
        "address",
        "receiver",
        "recipient",
        "realname",
        "fullname",
        "idcard",
        "passport",
        "password",
        "openid",
    ];
    let catalog = product();
    let columns = catalog.tables.iter().flat_map(|table| table.schema().fields().to_vec());
    let names: Vec<String> = columns.map(|field| field.name().to_lowercase().replace('_', "")).collect();
    assert!(names.len() > 200 && names.iter().any(|name| name == "body"), "{} columns", names.len());
    for name in &names {
        assert!(!OF_PERSONS.iter().any(|word| name.contains(word)), "{name}");
        assert!(!["ip", "ipaddress", "useragent", "ua"].contains(&name.as_str()), "{name} without a hash");
    }
    let (_, plans) = session(&catalog).await;
    let mut scans = 0;
    for (view, plan) in catalog.views.iter().zip(&plans) {
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                scans += 1;
                let read = scan.projected_schema.fields();
                assert!(read.iter().all(|field| field.name() != "body"), "{} reads a body", view.name);
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .expect("a visited plan");
    }
    assert!(scans > 50, "looked at {scans} relations only");
}
