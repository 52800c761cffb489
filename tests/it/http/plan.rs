//! `GET /v1/views/{view}/plan` over an engine that runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use rebateflow::catalog::SourceFile;
use rebateflow::changes::Changes;
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;
use rebateflow::explain::Explanation;
use rebateflow::serve::{AppState, app};
use serde_json::{Value, json};

use super::world::send;

const SQL: &str = "CREATE TABLE sale (shop VARCHAR NOT NULL, price BIGINT);
    CREATE MATERIALIZED VIEW total AS SELECT shop, SUM(price) AS price FROM sale GROUP BY shop;
    CREATE MATERIALIZED VIEW rich AS SELECT shop FROM total WHERE price > 10";

fn engine() -> Engine {
    let mut engine = Engine::new(1, Clock::System).expect("an engine");
    engine.create(&SourceFile::new("test", SQL)).expect("views");
    let schema = engine.table("sale").expect("the table").event_schema();
    let mut columns: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(vec!["a", "b", "a"])), Arc::new(Int64Array::from(vec![1, 20, 3]))];
    columns.extend(schema.fields()[2..].iter().map(|field| new_null_array(field.data_type(), 3)));
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = datafusion::arrow::datatypes::Schema::new(fields.collect::<Vec<_>>());
    let rows = RecordBatch::try_new(Arc::new(schema), columns).expect("rows");
    engine.apply(BTreeMap::from([("sale".into(), Changes::inserts(rows))])).expect("an epoch");
    engine.publish(vec![]).expect("published");
    engine
}

async fn get(engine: &Engine, path: &str) -> (u16, Value) {
    let state = AppState::new(engine.hot().clone(), Arc::default(), Arc::default(), Clock::System).expect("a state");
    let answer = send(&app(state), axum::http::Method::GET, path, &[], axum::body::Body::empty()).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn the_plan_tells_operators_and_figures() {
    let engine = engine();
    let (status, json) = get(&engine, "/v1/views/total/plan").await;
    assert_eq!((status, &json["title"]), (503, &json!("Not now")), "nothing was shown yet: {json}");
    engine.publish_explanations();
    let (status, json) = get(&engine, "/v1/views/total/plan").await;
    assert_eq!((status, &json["view"], &json["class"]), (200, &json!("total"), &json!("incremental")), "{json}");
    let operators = json["operators"].as_array().expect("operators");
    let named = |name: &str| operators.iter().find(|o| o["name"] == name).unwrap_or_else(|| panic!("{name}: {json}"));
    let aggregate = named("aggregate");
    assert_eq!(aggregate["key"], json!(["shop"]));
    assert_eq!(aggregate["keeps"], "totals of each group");
    assert_eq!(aggregate["figures"]["rows"], 2, "{aggregate}");
    assert_eq!(aggregate["figures"]["changes"], 3, "{aggregate}");
    assert!(aggregate["figures"]["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{aggregate}");
    assert_eq!(named("table sale")["figures"]["changes"], 3);
    let explanation: Explanation = serde_json::from_value(json).expect("an explanation");
    assert_eq!(explanation, engine.explain("total").expect("the view"));
    assert!(explanation.render().contains("ns a change"), "{}", explanation.render());
    let (_, json) = get(&engine, "/v1/views/rich/plan").await;
    let last = json["operators"].as_array().and_then(|o| o.last().cloned()).expect("an operator");
    assert_eq!((&last["name"], &last["inputs"]), (&json!("view total"), &json!([])), "{json}");
}

#[tokio::test]
async fn an_unknown_view_has_no_plan() {
    let engine = engine();
    engine.publish_explanations();
    let (status, json) = get(&engine, "/v1/views/nothing/plan").await;
    assert_eq!((status, &json["hint"]), (404, &json!("the views are: rich, total")), "{json}");
}
