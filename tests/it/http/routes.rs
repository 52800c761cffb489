//! The listing, health, metrics, and what is not there.

use axum::body::Body;
use axum::http::Method;
use rebateflow::telemetry::NotReady;
use serde_json::json;

use super::world::{World, send};

#[tokio::test]
async fn the_listing_describes_every_view() {
    let world = World::new();
    let answer = world.get("/v1/views").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    let json = answer.json();
    assert_eq!(json["epoch"], "3.1");
    assert_eq!(json["published_at"], "2026-07-31T12:00:00.000001Z");
    let names: Vec<&str> = json["views"].as_array().expect("views").iter().filter_map(|v| v["name"].as_str()).collect();
    assert_eq!(names, ["balance", "lines", "stock", "total"]);
    assert_eq!(
        json["views"][0],
        json!({
            "name": "balance",
            "columns": [
                {"name": "user_id", "type": "VARCHAR", "nullable": false},
                {"name": "currency", "type": "VARCHAR", "nullable": true},
                {"name": "pending", "type": "DECIMAL(18,2)", "nullable": true},
                {"name": "n", "type": "BIGINT", "nullable": false},
                {"name": "updated", "type": "TIMESTAMP", "nullable": true},
            ],
            "key": ["user_id", "currency"],
            "unique": true,
            "class": "linear",
            "rows": 21,
            "bytes": 4096,
            "errors": 0,
            "epoch": "3.1",
        })
    );
    assert_eq!(json["views"][1]["rows"], 6, "rows are counted with their weights");
    let mut snapshot = world.snapshot(2);
    snapshot.views.get_mut("total").expect("total").failed = Some("why".to_string());
    world.hot.publish(snapshot);
    assert_eq!(world.get("/v1/views").await.json()["views"][3]["failed"], "why");
}

#[tokio::test]
async fn health_follows_readiness() {
    let world = World::new();
    assert_eq!(world.get("/health/live").await.json(), json!({"live": true}));
    let ready = world.get("/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.json()), (200, json!({"ready": true})));
    world.readiness.add(NotReady::Behind);
    world.readiness.add(NotReady::BrokerUnreachable);
    let ready = world.get("/health/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), json!({"ready": false, "reasons": ["broker unreachable", "behind"]}));
    assert_eq!(world.get("/health/live").await.status, 200);
    assert_eq!(world.get("/v1/views/total").await.status, 200, "the last epoch goes on being served");
}

#[tokio::test]
async fn metrics_count_requests() {
    let world = World::new();
    world.get("/v1/views/total").await;
    world.get("/v1/views/total").await;
    world.get("/v1/views/nothing").await;
    world.get("/nowhere").await;
    world.sql("SELECT 1 AS one").await;
    let answer = world.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text();
    for line in [
        "rebateflow_http_requests_total{route=\"/v1/views/{view}\",status=\"200\"} 2",
        "rebateflow_http_requests_total{route=\"/v1/views/{view}\",status=\"404\"} 1",
        "rebateflow_http_requests_total{route=\"other\",status=\"404\"} 1",
        "rebateflow_http_requests_total{route=\"/v1/sql\",status=\"200\"} 1",
        "rebateflow_http_seconds_count{route=\"/v1/views/{view}\"} 3",
        "rebateflow_ready 1",
    ] {
        assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let world = World::new();
    let (detail, hint) = world.get("/v2/views").await.problem(404);
    assert_eq!(detail, "there is nothing at /v2/views");
    assert!(hint.contains("/v1/views/{view}"), "{hint}");
    let answer = send(&world.app, Method::DELETE, "/v1/views/total", &[], Body::empty()).await;
    assert_eq!(answer.problem(405), ("DELETE is not a method of /v1/views/total".to_string(), "use GET".to_string()));
    assert_eq!(answer.header("allow"), "GET,HEAD");
    let answer = send(&world.app, Method::GET, "/v1/sql", &[], Body::empty()).await;
    assert_eq!(answer.problem(405).1, "use POST");
    let head = send(&world.app, Method::HEAD, "/v1/views/total", &[], Body::empty()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}
