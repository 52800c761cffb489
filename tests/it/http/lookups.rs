//! `GET /v1/views/{view}`: keys, prefixes, pages, faults.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
use rebateflow::catalog::OnError;
use rebateflow::query::SCAN_ROWS_MAX;
use serde_json::{Value, json};

use super::world::{World, insert};

fn column(answer: &Value, name: &str) -> Vec<Value> {
    answer["rows"].as_array().expect("rows").iter().map(|row| row[name].clone()).collect()
}

#[tokio::test]
async fn a_whole_key_has_an_exact_answer() {
    let world = World::new();
    let answer = world.get("/v1/views/balance?user_id=u1&currency=USD").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.text(),
        r#"{"view":"balance","epoch":"3.1","published_at":"2026-07-31T12:00:00.000001Z","rows":[{"user_id":"u1","currency":"USD","pending":"4.50","n":3,"updated":"2026-07-31T12:00:01.500Z"}]}"#
    );
    let null = world.get("/v1/views/balance?user_id=u1&currency.is_null=true&offsets=true").await.json();
    assert_eq!(null["rows"][0]["pending"], "30.00");
    assert_eq!(null["rows"][0]["currency"], Value::Null);
    assert_eq!(null["offsets"], json!([{"topic": "orders", "partition": 0, "next": 101}]));
    let none = world.get("/v1/views/balance?user_id=nobody").await;
    assert_eq!((none.status.as_u16(), &none.json()["rows"]), (200, &json!([])));
}

#[tokio::test]
async fn a_prefix_has_its_rows_in_key_order() {
    let world = World::new();
    let answer = world.get("/v1/views/balance?user_id=u1").await.json();
    assert_eq!(column(&answer, "currency"), [json!("CNY"), json!("USD"), Value::Null], "NULL is last");
    assert_eq!(answer.get("next"), None);
    // Stored by sku_id, shown by (warehouse_id, sku_id).
    let answer = world.get("/v1/views/stock?warehouse_id=2").await.json();
    let skus: Vec<Value> = (0..10).map(|i| json!(format!("s{i:02}"))).collect();
    assert_eq!(column(&answer, "sku_id"), skus);
    assert_eq!(column(&answer, "quantity"), (0..10).map(|i| json!(i * 3 + 2)).collect::<Vec<_>>());
    assert_eq!(answer["rows"][0], json!({"warehouse_id": 2, "sku_id": "s00", "quantity": 2}), "no hidden column");
    let one = world.get("/v1/views/stock?sku_id=s07&warehouse_id=1").await.json();
    assert_eq!(one["rows"], json!([{"warehouse_id": 1, "sku_id": "s07", "quantity": 22}]));
    let whole = world.get("/v1/views/stock").await.json();
    let keys: Vec<(i64, String)> = whole["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["warehouse_id"].as_i64().expect("int"), row["sku_id"].as_str().expect("text").to_string()))
        .collect();
    assert!(keys.is_sorted() && keys.len() == 30, "{keys:?}");
    assert_eq!(world.get("/v1/views/total").await.json()["rows"], json!([{"total": "12345.00"}]));
}

#[tokio::test]
async fn pages_follow_each_other_without_loss_or_repetition() {
    let world = World::new();
    for (uri, rows) in [
        ("/v1/views/balance?user_id=u1", 3),
        ("/v1/views/balance?", 21),
        ("/v1/views/stock?warehouse_id=0", 10),
        ("/v1/views/stock?", 30),
        ("/v1/views/lines?user_id=u1", 4),
        ("/v1/views/lines?", 6),
        ("/v1/views/total?", 1),
    ] {
        let whole = world.get(uri).await.json();
        let whole = whole["rows"].as_array().expect("rows");
        assert_eq!(whole.len(), rows, "{uri}");
        for limit in [1, 2, 3, 7] {
            let (mut pages, mut next) = (vec![], String::new());
            loop {
                let answer = world.get(&format!("{uri}&limit={limit}{next}")).await.json();
                let page = answer["rows"].as_array().expect("rows");
                assert!(page.len() <= limit, "{uri}");
                pages.extend_from_slice(page);
                assert!(pages.len() <= rows, "{uri}: rows come twice");
                let Some(cursor) = answer["next"].as_str() else { break };
                assert_eq!(page.len(), limit, "{uri}: a page before the last is full");
                next = format!("&after={cursor}");
            }
            assert_eq!(&pages, whole, "{uri} in pages of {limit}");
        }
    }
}

#[tokio::test]
async fn a_page_has_a_hundred_rows_unless_told_otherwise() {
    let world = World::new();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["u1"; 1_200]));
    insert(&world.arrangements["lines"], vec![texts, Arc::new(Int64Array::from_iter_values(10..1_210))], 1, 2);
    world.hot.publish(world.snapshot(2));
    let rows = |answer: Value| answer["rows"].as_array().expect("rows").len();
    assert_eq!(rows(world.get("/v1/views/lines?user_id=u1").await.json()), 100);
    assert_eq!(rows(world.get("/v1/views/lines?user_id=u1&limit=1000").await.json()), 1_000);
    let (detail, hint) = world.get("/v1/views/lines?user_id=u1&limit=1001").await.problem(400);
    assert_eq!((detail.as_str(), hint.as_str()), ("limit is \"1001\"", "write a number from 1 to 1000"));
}

#[tokio::test]
async fn faults_say_what_the_key_is() {
    let world = World::new();
    let key = "the key is user_id, currency; for other columns use POST /v1/sql";
    for (uri, status, expected, expected_hint) in [
        ("balance?pending=1", 400, "pending is not a key column of view balance", key),
        ("balance?nothing=1", 400, "nothing is not a key column of view balance", key),
        (
            "balance?currency=CNY",
            400,
            "user_id is missing: a lookup gives the first columns of the key, without a gap",
            key,
        ),
        ("balance?user_id=a&user_id=b", 400, "user_id is given twice", ""),
        (
            "stock?warehouse_id=1.0",
            400,
            "warehouse_id is \"1.0\", which is not a value of its type",
            "write a whole number of 32 bits",
        ),
        ("balance?after=xyz", 400, "after is not a cursor", "give the value of \"next\" of the page before"),
        (
            "total?total=1",
            400,
            "total is not a key column of view total",
            "view total has no key: ask without columns, or use POST /v1/sql",
        ),
        ("nothing", 404, "there is no view nothing", "the views are: balance, lines, stock, total"),
    ] {
        let (detail, hint) = world.get(&format!("/v1/views/{uri}")).await.problem(status);
        assert_eq!((detail.as_str(), hint.as_str()), (expected, expected_hint), "{uri}");
    }
    let long = format!("/v1/views/balance?user_id={}", "x".repeat(9_000));
    world.get(&long).await.problem(400);
    world.get("/v1/views/%ff").await.problem(400);
}

#[tokio::test]
async fn a_large_view_is_not_given_whole() {
    let world = World::new();
    let mut snapshot = world.snapshot(2);
    snapshot.views.get_mut("stock").expect("stock").rows = SCAN_ROWS_MAX + 1;
    world.hot.publish(snapshot);
    let (detail, hint) = world.get("/v1/views/stock").await.problem(400);
    assert_eq!(detail, "view stock has 10001 rows, too many to give without a key");
    assert_eq!(hint, "the key is warehouse_id, sku_id: give it or its first columns, or use POST /v1/sql");
    assert_eq!(world.get("/v1/views/stock?warehouse_id=1").await.status, 200);
}

#[tokio::test]
async fn errors_are_counted_or_refuse_and_a_failed_view_says_so() {
    let world = World::new();
    let mut snapshot = world.snapshot(2);
    snapshot.views.get_mut("balance").expect("balance").errors = 2;
    world.hot.publish(snapshot.clone());
    assert_eq!(world.get("/v1/views/balance?user_id=u1").await.json()["errors"], 2);

    let published = world.hot.snapshot();
    let refusing = published.tables().values().map(|table| {
        let mut table = (**table).clone();
        table.on_error = OnError::Refuse;
        table
    });
    world.hot.set_tables(refusing.collect::<Vec<_>>()).expect("tables");
    assert_eq!(world.get("/v1/views/balance?user_id=u1").await.status, 200, "tables change with an epoch");
    snapshot.epoch = 3;
    world.hot.publish(snapshot.clone());
    let (detail, _) = world.get("/v1/views/balance?user_id=u1").await.problem(409);
    assert_eq!(detail, "2 rows are kept out of view balance because they cannot be evaluated");
    world.sql("SELECT * FROM balance").await.problem(409);
    assert_eq!(world.get("/v1/views/stock?warehouse_id=1").await.status, 200);

    snapshot.epoch = 4;
    snapshot.views.get_mut("balance").expect("balance").failed = Some("a row has a negative weight".to_string());
    world.hot.publish(snapshot.clone());
    let answer = world.get("/v1/views/balance?user_id=u1").await;
    assert_eq!(answer.problem(503).0, "view balance has stopped serving: a row has a negative weight");
    assert_eq!(answer.header("retry-after"), "1");
    world.sql("SELECT * FROM balance").await.problem(503);

    snapshot.epoch = 5;
    snapshot.views.remove("balance");
    world.hot.publish(snapshot);
    assert_eq!(world.get("/v1/views/balance?user_id=u1").await.problem(503).0, "view balance is not published yet");
}

#[tokio::test]
async fn longer_prefixes_filter_under_the_first_column() {
    use datafusion::arrow::datatypes::DataType;
    use rebateflow::hot::Link;

    use super::world::{arrangement, schema, table, texts};

    // A key of three columns, once stored in its order, once in another.
    let fields = [("a", DataType::Utf8, false), ("b", DataType::Utf8, true), ("c", DataType::Int64, false)];
    let make = |name: &str, identity: &[usize]| {
        let schema = schema(&fields);
        let arrangement = arrangement(&schema, identity, &[&[0]]);
        let a: Vec<Option<&str>> = (0..40).map(|i| Some(["x", "xx"][i / 20])).collect();
        let b: Vec<Option<&str>> = (0..40).map(|i| [Some("p"), Some("pp"), None, Some("")][i / 5 % 4]).collect();
        let c: ArrayRef = Arc::new(Int64Array::from_iter_values((0..40).map(|i| 40 - i)));
        insert(&arrangement, vec![texts(&a), texts(&b), c], 1, 1);
        let mut table = table(name, schema, &[0, 1, 2], arrangement);
        (table.key_link, table.first_link) = (Some(Link::Identity), Some(Link::Further(0)));
        table
    };
    let world = World::new();
    world.hot.set_tables([make("ordered", &[0, 1, 2]), make("other", &[2, 0, 1])]).expect("tables");
    let mut snapshot = world.snapshot(2);
    let state = snapshot.views["total"].clone();
    snapshot.views.extend([("ordered".into(), state.clone()), ("other".into(), state)]);
    world.hot.publish(snapshot);
    for view in ["ordered", "other"] {
        for (given, first) in [("a=x&b=p", 36), ("a=x&b=pp", 31), ("a=xx&b.is_null=true", 6), ("b=&a=x", 21)] {
            let answer = world.get(&format!("/v1/views/{view}?{given}")).await.json();
            let expected: Vec<Value> = (first..first + 5).map(Value::from).collect();
            assert_eq!(column(&answer, "c"), expected, "{view} {given}");
        }
        let page = world.get(&format!("/v1/views/{view}?a=x&b=p&limit=2")).await.json();
        let next = page["next"].as_str().expect("more");
        let page = world.get(&format!("/v1/views/{view}?a=x&b=p&after={next}")).await.json();
        assert_eq!(column(&page, "c"), [json!(38), json!(39), json!(40)], "{view}");
        let one = world.get(&format!("/v1/views/{view}?a=xx&b=p&c=20")).await.json();
        assert_eq!(one["rows"].as_array().expect("rows").len(), 1, "{view}");
    }
}
