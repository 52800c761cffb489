//! A view that would compute more rows anew than it may stops and says so; the others go on (I7).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Method;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use rebateflow::catalog::SourceFile;
use rebateflow::changes::{Changes, EventBatch};
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;
use rebateflow::serve::{AppState, app};
use serde_json::{Value, json};

use super::world::{Answer, send};

const SQL: &str = "CREATE TABLE sale (shop VARCHAR NOT NULL, price BIGINT);
    CREATE MATERIALIZED VIEW total AS SELECT shop, SUM(price) AS price FROM sale GROUP BY shop;
    CREATE MATERIALIZED VIEW spread AS SELECT shop, STDDEV(price) AS price FROM sale GROUP BY shop;
    CREATE MATERIALIZED VIEW quarter AS SELECT shop, price, NTILE(4) OVER (PARTITION BY shop ORDER BY price) AS q
        FROM sale;
    CREATE MATERIALIZED VIEW rank AS SELECT shop, price, RANK() OVER (PARTITION BY shop ORDER BY price) AS r FROM sale;
    CREATE MATERIALIZED VIEW over_spread AS SELECT shop FROM spread WHERE price > 10";

const ROWS_MAX: usize = 3;

fn engine() -> Engine {
    let mut engine = Engine::new(1, Clock::System).expect("an engine");
    engine.limit_recompute(ROWS_MAX);
    engine.create(&SourceFile::new("test", SQL)).expect("views");
    engine
}

fn sell(engine: &mut Engine, shop: &str, prices: &[i64]) {
    let shops: ArrayRef = Arc::new(StringArray::from(vec![shop; prices.len()]));
    let prices: ArrayRef = Arc::new(Int64Array::from(prices.to_vec()));
    let rows = RecordBatch::try_from_iter([("shop", shops), ("price", prices)]).expect("rows");
    let events = EventBatch::of_rows(engine.table("sale").expect("the table"), &rows, 0, 0).expect("events");
    engine.apply(BTreeMap::from([("sale".into(), Changes::inserts(events.rows))])).expect("an epoch");
    engine.publish(vec![]).expect("published");
    engine.publish_explanations();
}

fn served(engine: &Engine) -> Router {
    app(AppState::new(engine.hot().clone(), Arc::default(), Arc::default(), Clock::System).expect("a state"))
}

async fn get(app: &Router, path: &str) -> Answer {
    send(app, Method::GET, path, &[], Body::empty()).await
}

async fn sql(app: &Router, query: &str) -> Answer {
    let body = json!({ "query": query }).to_string();
    send(app, Method::POST, "/v1/sql", &[("content-type", "application/json")], body).await
}

#[tokio::test]
async fn a_view_above_the_limit_stops_and_the_others_go_on() {
    let mut engine = engine();
    sell(&mut engine, "a", &[1, 20, 3]);
    sell(&mut engine, "b", &[5]);
    let app = served(&engine);
    for view in ["total", "spread", "quarter", "rank", "over_spread"] {
        assert_eq!(sql(&app, &format!("SELECT * FROM {view}")).await.status, 200, "{view} is at the limit");
    }
    sell(&mut engine, "a", &[4]);
    sell(&mut engine, "a", &[5]);

    let too_many = [("spread", "a group has more than 3 rows"), ("quarter", "a partition of a window has more than 3")];
    for (view, reason) in too_many.into_iter().chain([("over_spread", too_many[0].1)]) {
        let (detail, _) = sql(&app, &format!("SELECT * FROM {view}")).await.problem(503);
        let begin = format!("view {view} has stopped serving: {reason}");
        assert!(detail.starts_with(&begin) && detail.contains("raise max_rows_recompute"), "{detail}");
        let plan = get(&app, &format!("/v1/views/{view}/plan")).await.json();
        let warnings = plan["warnings"].as_array().expect("warnings");
        assert!(warnings.iter().any(|w| w.as_str().is_some_and(|w| w.contains(reason))), "{plan}");
    }
    let (detail, _) = get(&app, "/v1/views/spread?shop=b").await.problem(503);
    assert!(detail.contains(too_many[0].1), "{detail}");

    let views = get(&app, "/v1/views").await.json();
    let failed = |view: &Value| view["failed"].is_string();
    let named: Vec<&str> = views["views"].as_array().expect("views").iter().filter(|v| failed(v)).map(name).collect();
    assert_eq!(named, ["over_spread", "quarter", "spread"]);
    let total = get(&app, "/v1/views/total?shop=a").await.json();
    assert_eq!((&total["rows"], &total["epoch"]), (&json!([{ "shop": "a", "price": 33 }]), &views["epoch"]));
    let rank = sql(&app, "SELECT MAX(r) AS r FROM rank WHERE shop = 'a'").await.json();
    assert_eq!(rank["rows"][0]["r"], 5, "what is not computed anew has no such limit: {rank}");
}

#[tokio::test]
async fn a_higher_limit_brings_the_view_back() {
    let mut engine = engine();
    sell(&mut engine, "a", &[1, 20, 3, 4]);
    let explanation = engine.explain("spread").expect("a view").render();
    assert!(explanation.contains("warning: the view has stopped serving: a group has more"), "{explanation}");
    assert!(explanation.contains("the values of the group, at most 3"), "{explanation}");
    engine.limit_recompute(4);
    engine.restart().expect("built anew");
    let app = served(&engine);
    assert_eq!(get(&app, "/v1/views/spread?shop=a").await.json()["rows"][0]["shop"], "a");
}

fn name(view: &Value) -> &str {
    view["name"].as_str().expect("a name")
}
