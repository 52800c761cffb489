//! `POST /v1/sql`: answers, refusals, limits.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::arrow::ipc::reader::StreamReader;
use rebateflow::query::SqlLimits;
use rebateflow::tasks;
use serde_json::json;

use super::world::{World, send};

/// Takes longer than any test waits: pairs that none of keep, by a loop and by one hot hash key.
const PAIRS: &str = "SELECT COUNT(*) AS n FROM numbers a JOIN numbers b ON a.value + b.value < 0";
const HOT_KEY: &str = "SELECT COUNT(*) AS n FROM numbers a JOIN numbers b ON a.one = b.one AND a.value + b.value < 0";
/// The same: rows without end from few that are read.
const PRODUCT: &str = "SELECT COUNT(*) AS n FROM numbers a CROSS JOIN (stock b CROSS JOIN (stock c CROSS JOIN \
                       (stock d CROSS JOIN (stock e CROSS JOIN (stock f CROSS JOIN stock g)))))";

fn limits() -> SqlLimits {
    SqlLimits::default()
}

#[tokio::test]
async fn an_answer_has_columns_rows_and_its_epoch() {
    let world = World::new();
    let answer = world
        .sql(
            "SELECT b.user_id, SUM(b.pending) AS pending, 1.5 AS factor, MAX(b.updated) AS updated FROM balance b \
              JOIN lines l ON l.user_id = b.user_id AND l.line = 1 GROUP BY b.user_id ORDER BY 1",
        )
        .await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("rebateflow-epoch"), "3.1");
    assert_eq!(
        answer.json(),
        json!({
            "epoch": "3.1",
            "published_at": "2026-07-31T12:00:00.000001Z",
            "columns": [
                {"name": "user_id", "type": "VARCHAR"},
                {"name": "pending", "type": "DECIMAL(28,2)"},
                {"name": "factor", "type": "DECIMAL(2,1)"},
                {"name": "updated", "type": "TIMESTAMP"},
            ],
            // u1 has 3.00 + 4.50 + 30.00, and its line 1 twice.
            "rows": [{"user_id": "u1", "pending": "75.00", "factor": "1.5", "updated": "2026-07-31T12:00:10Z"}],
            "truncated": false,
        })
    );
    let hidden = world.sql("SELECT * FROM stock WHERE quantity = 5").await.json();
    assert_eq!(hidden["rows"], json!([{"warehouse_id": 2, "sku_id": "s01", "quantity": 5}]));
    let nothing = world.sql("SELECT * FROM stock WHERE quantity = -1").await.json();
    assert_eq!(nothing["rows"], json!([]));
    let count = world.sql("SELECT COUNT(*) AS n FROM lines").await.json();
    assert_eq!(count["rows"], json!([{"n": 6}]));
}

#[tokio::test]
async fn arrow_when_asked_for() {
    let world = World::new();
    let body = json!({ "query": "SELECT user_id, pending FROM balance ORDER BY pending", "limit": 5 }).to_string();
    let accept = [("accept", "application/json;q=0.5, application/vnd.apache.arrow.stream")];
    let answer = send(&world.app, Method::POST, "/v1/sql", &accept, body).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/vnd.apache.arrow.stream"));
    assert_eq!((answer.header("rebateflow-epoch"), answer.header("rebateflow-truncated")), ("3.1", "true"));
    let reader = StreamReader::try_new(Cursor::new(answer.body), None).expect("a stream");
    let batches: Vec<_> = reader.map(|batch| batch.expect("a batch")).collect();
    assert_eq!(batches[0].schema().field(0).data_type(), &DataType::Utf8);
    let pending: Vec<i128> =
        batches.iter().flat_map(|b| b.column(1).as_primitive::<Decimal128Type>().values().to_vec()).collect();
    assert_eq!(pending, [0, 150, 300, 450, 600]);
}

#[tokio::test]
async fn anything_but_one_select_over_views_is_refused() {
    let world = World::new();
    for (query, expected) in [
        ("CREATE TABLE a (b INT)", "CREATE is not a query"),
        ("COPY balance TO '/tmp/x.csv'", "COPY is not a query"),
        ("SET datafusion.execution.batch_size = 1", "SET is not a query"),
        ("EXPLAIN SELECT 1", "EXPLAIN is not a query"),
        ("DROP TABLE balance", "DROP is not a query"),
        ("SELECT 1; SELECT 2", "the query has more than one statement"),
        ("SELECT * FROM nothing", "there is no view nothing"),
        ("SELECT * FROM '/etc/passwd'", "there is no view /etc/passwd"),
        ("SELECT * FROM information_schema.tables", "there is no schema in information_schema.tables"),
        ("SELECT user_id AS a, n AS a FROM balance", ""),
        ("SELECT a.user_id, b.user_id FROM balance a, balance b", "two columns of the answer are called user_id"),
        ("SELECT nothing FROM balance", ""),
        ("SELECT repeat('x', 1000000000) AS x", ""),
        ("SELECT unnest(range(1, 1000000000)) AS x", ""),
        ("SELECT * FROM generate_series(1, 2)", "there is no view generate_series"),
        ("SELECT 1 / 0 AS x", ""),
    ] {
        let (detail, _) = world.sql(query).await.problem(400);
        assert!(detail.starts_with(expected) && !detail.is_empty(), "{query}: {detail}");
    }
    for body in [
        "",
        "{}",
        "{\"query\": 1}",
        "{\"query\": \"SELECT 1\", \"more\": 1}",
        "[",
        "{\"query\": \"SELECT 1\", \"limit\": 0}",
    ] {
        send(&world.app, Method::POST, "/v1/sql", &[], body).await.problem(400);
    }
    let long = json!({ "query": format!("SELECT '{}'", "x".repeat(70_000)) }).to_string();
    let (detail, _) = send(&world.app, Method::POST, "/v1/sql", &[], long).await.problem(413);
    assert_eq!(detail, "the body is longer than 65536 bytes");
}

#[tokio::test]
async fn rows_are_limited_and_the_cut_is_told() {
    let world = World::new();
    world.add_numbers(100_000);
    for (query, limit, rows, truncated) in [
        ("SELECT value FROM numbers WHERE value <= 10000", None, 10_000, false),
        ("SELECT value FROM numbers WHERE value <= 10001", None, 10_000, true),
        ("SELECT a.value FROM numbers a, (VALUES (1), (2)) b", Some(100_000), 100_000, true),
        ("SELECT value FROM numbers LIMIT 3", Some(5), 3, false),
        ("SELECT value FROM numbers", Some(1), 1, true),
    ] {
        let body = json!({ "query": query, "limit": limit }).to_string();
        let answer = send(&world.app, Method::POST, "/v1/sql", &[], body).await;
        let json = answer.json();
        assert_eq!(json["rows"].as_array().expect("rows").len(), rows, "{query}");
        assert_eq!(json["truncated"], truncated, "{query}");
    }
    let body = json!({ "query": "SELECT 1", "limit": 100_001 }).to_string();
    let (_, hint) = send(&world.app, Method::POST, "/v1/sql", &[], body).await.problem(400);
    assert_eq!(hint, "write a number from 1 to 100000");
    let world = World::with(SqlLimits { body_bytes_max: 1 << 20, ..limits() }, Duration::from_secs(1));
    world.add_numbers(1_000);
    let query = format!("SELECT '{}' AS x FROM numbers", "x".repeat(10_000));
    assert_eq!(world.sql(&query).await.problem(409).0, "the answer is larger than 1 MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_and_number_are_limited() {
    let time_max = Duration::from_millis(300);
    let world = World::with(SqlLimits { time_max, concurrent: 1, ..limits() }, time_max);
    let world = Arc::new(world);
    world.add_numbers(100_000);
    for query in [PAIRS, HOT_KEY, PRODUCT] {
        let (detail, _) = retry_while_busy(&world, query).await.problem(504);
        assert_eq!(detail, "the query took longer than 300ms", "{query}");
    }
    assert_eq!(retry_while_busy(&world, "SELECT 1 AS one").await.status, 200);
    let busy = world.clone();
    let task = tasks::spawn_task(async move { retry_while_busy(&busy, PAIRS).await.status });
    tokio::time::sleep(time_max / 3).await;
    let answer = world.sql("SELECT 1 AS one").await;
    assert_eq!(answer.problem(503).0, "1 queries are running already");
    assert_eq!(answer.header("retry-after"), "1");
    // Lookups have their turn beside a query that hogs its thread.
    assert_eq!(world.get("/v1/views/total").await.status, 200);
    assert_eq!(task.await.expect("ended"), 504);
    assert_eq!(retry_while_busy(&world, "SELECT 1 AS one").await.json()["rows"], json!([{"one": 1}]));
}

#[tokio::test]
async fn memory_is_limited() {
    let world = World::with(SqlLimits { memory_bytes: 1 << 20, ..limits() }, Duration::from_secs(1));
    world.add_numbers(50_000);
    let few = "SELECT one, COUNT(*) AS n FROM numbers GROUP BY one";
    assert_eq!(world.sql(few).await.json()["rows"], json!([{"one": 1, "n": 50_000}]));
    let many = "SELECT value * 10 + b AS v, COUNT(*) AS n FROM numbers, (VALUES (1), (2), (3)) t (b) GROUP BY 1";
    let (detail, _) = world.sql(many).await.problem(503);
    assert_eq!(detail, "the query needs more memory than is free for SQL");
    assert_eq!(world.sql(few).await.status, 200, "the memory was given back");
}

/// A query whose time is over gives its place back when its thread has noticed.
async fn retry_while_busy(world: &World, query: &str) -> super::world::Answer {
    for _ in 0..100 {
        let answer = world.sql(query).await;
        if answer.status != 503 || !answer.text().contains("running already") {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the place was never given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_ends_when_its_asker_goes_away() {
    let world = World::with(SqlLimits { concurrent: 1, ..limits() }, Duration::from_secs(1));
    world.add_numbers(100_000);
    for query in [PAIRS, HOT_KEY, PRODUCT] {
        let gone = tokio::time::timeout(Duration::from_millis(100), retry_while_busy(&world, query)).await;
        assert!(gone.is_err(), "{query}");
    }
    // Without the stop it would hold its place for 10 s; `retry_while_busy` gives up after 5.
    assert_eq!(retry_while_busy(&world, "SELECT 1 AS one").await.status, 200);
}

#[tokio::test]
async fn large_texts_end_soon_and_do_not_overflow_the_stack() {
    let world = World::new();
    for (begin, middle, end, times) in [
        ("SELECT 1", "+1", "", 990),
        ("SELECT 1 WHERE true", " OR 1=1", "", 480),
        ("SELECT 1", " UNION ALL SELECT 1", "", 480),
        ("SELECT ", "-", "1", 1_900),
        ("SELECT ", "NOT ", "true", 1_900),
        ("SELECT ", "(", "1", 1_900),
        ("SELECT ", "CASE WHEN true THEN ", "1", 400),
        ("SELECT ", "POSITION(", "", 12),
        ("SELECT 1 FROM balance WHERE n IN (0", ",1", ")", 30_000),
        ("SELECT n FROM balance", ", balance", "", 400),
    ] {
        let answer = world.sql(&format!("{begin}{}{end}", middle.repeat(times))).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{begin}{middle}: {}", answer.text());
    }
}

#[tokio::test]
async fn words_mean_what_they_mean_in_a_view() {
    let world = World::new();
    for (query, rows) in [
        (
            "SELECT * FROM (VALUES (1), (1), (2)) a EXCEPT ALL SELECT * FROM (VALUES (1)) b ORDER BY 1 DESC",
            json!([2, 1]),
        ),
        (
            "SELECT column1 FROM (VALUES (1), (NULL)) a WHERE column1 NOT IN (SELECT * FROM (VALUES (NULL)) b)",
            json!([]),
        ),
        (
            "SELECT CAST(TIMESTAMP '2026-03-02' - column1 < INTERVAL '7 days' AS INT) FROM \
             (VALUES (TIMESTAMP '2026-01-01'), (TIMESTAMP '2026-03-01')) a ORDER BY column1",
            json!([0, 1]),
        ),
        ("SELECT CASE WHEN CAST('1e-16' AS DOUBLE) > 0.0 THEN 1 ELSE 0 END", json!([1])),
        ("SELECT column1 FROM (VALUES (3), (1), (2)) a ORDER BY column1 DESC LIMIT 2", json!([3, 2])),
        ("SELECT column1 FROM (VALUES (3), (1), (2)) a ORDER BY column1 LIMIT 1 OFFSET 2", json!([3])),
        (
            "SELECT column1, 0 AS z FROM (VALUES (3)) a UNION ALL SELECT column1, column1 FROM (VALUES (4)) b \
          ORDER BY 1",
            json!([3, 4]),
        ),
    ] {
        let answer = world.sql(query).await;
        assert_eq!(answer.status.as_u16(), 200, "{query}: {}", String::from_utf8_lossy(&answer.body));
        let answer = answer.json();
        let of = answer["rows"].as_array().expect("rows").iter();
        let values: Vec<_> = of.map(|row| row.as_object().expect("a row").values().next().cloned()).collect();
        assert_eq!(json!(values), rows, "{query}");
    }
    let max = i64::MAX;
    for query in [
        format!("SELECT quantity + {max} AS x FROM stock WHERE quantity > 0"),
        format!("SELECT (quantity + {max}) - {max} AS x FROM stock WHERE quantity > 0"),
        format!("SELECT SUM(quantity * {max}) AS x FROM stock WHERE quantity > 1"),
    ] {
        let answer = world.sql(&query).await;
        let said = String::from_utf8_lossy(&answer.body).to_string();
        assert_eq!(answer.status.as_u16(), 400, "{query}: {said}");
        assert!(said.contains("verflow"), "{query}: {said}");
    }
}

#[tokio::test]
async fn names_that_double_each_other_are_counted_before_they_are_planned() {
    let world = World::new();
    for step in ["SELECT a.x FROM NAME a JOIN NAME b ON a.x = b.x", "SELECT x FROM NAME UNION ALL SELECT x FROM NAME"] {
        let names = (1..30).map(|n| format!(", n{n} AS ({})", step.replace("NAME", &format!("n{}", n - 1))));
        let query = format!("WITH n0 AS (SELECT 1 AS x){} SELECT COUNT(*) AS n FROM n29", names.collect::<String>());
        let answer = world.sql(&query).await;
        let said = String::from_utf8_lossy(&answer.body).to_string();
        assert!(said.contains("with its names spelled out the query has more than 20000 expressions"), "{said}");
        assert_eq!(answer.status.as_u16(), 409, "{said}");
    }
}
