//! Events and webhooks that come in: what is refused, and how. What is written is in `kafka::ingress`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Method;
use rebateflow::catalog::{Catalog, SourceFile};
use rebateflow::clock::Clock;
use rebateflow::network::{RawMessage, Webhook, load_webhooks};
use rebateflow::serve::{AppState, EVENTS_BYTES_MAX, EVENTS_MAX, Ingress, WEBHOOK_BYTES_MAX, app};
use serde_json::Value;

use super::world::{Answer, World, send};

const SCHEMA: &str =
    "CREATE TABLE clicks (click_id VARCHAR NOT NULL, share DECIMAL(4,2)) WITH (topic = 'clicks', format = 'json');";
const DEFINITION: &str = r#"
    platform = "AWIN"
    topic = "raw_awin"
    [webhook]
    secret = "${SECRET}"
    field = "AwinTransactionPush"
    constants = { commissionStatus = "pending" }
    columns = { transactionId = ["id"] }
"#;
const SECRET: &str = "sixteen-letters-or-more";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn webhooks(secret: Option<&str>) -> std::collections::BTreeMap<String, Webhook> {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("awin.toml"), DEFINITION).expect("written");
    load_webhooks(directory.path(), &|_| secret.map(str::to_string)).expect("definitions")
}

/// Nobody listens where the broker should be.
fn server() -> Router {
    let world = World::new();
    let catalog = Catalog::from_sources(&[SourceFile::new("schemas/clicks.sql", SCHEMA)]).expect("a table");
    let mut state =
        AppState::new(world.hot.clone(), world.readiness.clone(), Arc::default(), Clock::System).expect("a state");
    let ingress = Ingress::new(&catalog.tables, webhooks(Some(SECRET)), "127.0.0.1:1".to_string());
    state.ingress = Some(Arc::new(ingress));
    app(state)
}

async fn post(app: &Router, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    send(app, Method::POST, uri, headers, body).await
}

#[tokio::test]
async fn events_that_are_no_rows_are_refused_with_their_place() {
    let app = server();
    let (detail, hint) = post(&app, "/v1/events/nothing", &[], "[]").await.problem(404);
    assert_eq!((detail.as_str(), hint.as_str()), ("there is no table nothing", "the tables are: clicks"));
    for (body, says) in [
        ("", "the body has no events"),
        (" \n [ ] ", "the body has no events"),
        ("[{\"click_id\":\"a\"}, oops]", "the body is not a JSON array: expected value at line 1 column 20"),
        ("{\"click_id\":\"a\"}\n\noops\n", "line 3 is no row of clicks: not a JSON object"),
        (
            "[{\"click_id\":\"a\"},{\"share\":1},7]",
            "event 2 is no row of clicks: click_id: missing or null, and the column cannot be null (1 more are wrong)",
        ),
        (
            "{\"click_id\":\"a\",\"share\":0.125}",
            "line 1 is no row of clicks: share: more fraction digits than DECIMAL(4,2) holds",
        ),
        ("{\"click_id\":\"a\"} {}", "line 1 is no row of clicks: text after the JSON object"),
    ] {
        assert_eq!(post(&app, "/v1/events/clicks", &[], body).await.problem(400).0, says);
    }
    let (detail, _) = post(&app, "/v1/events/clicks", &[], "{}\n".repeat(EVENTS_MAX + 1)).await.problem(413);
    assert_eq!(detail, "10001 events, at most 10000 are taken at once");
    let (detail, _) = post(&app, "/v1/events/clicks", &[], " ".repeat(EVENTS_BYTES_MAX + 1)).await.problem(413);
    assert_eq!(detail, format!("the body is longer than {EVENTS_BYTES_MAX} bytes"));
    assert_eq!(send(&app, Method::GET, "/v1/events/clicks", &[], "").await.problem(405).1, "use POST");
    let without = World::new();
    assert_eq!(post(&without.app, "/v1/events/clicks", &[], "{}").await.problem(503).0, "this server takes no events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_is_said() {
    let answer = post(&server(), "/v1/events/clicks", &[], "{\"click_id\":\"a\"}").await;
    let (detail, hint) = answer.problem(503);
    assert!(detail.starts_with("127.0.0.1:1 does not take messages"), "{detail}");
    assert_eq!(hint, "send it again: some of it may be written, and counts once by its id");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_webhook_wants_its_secret_and_its_form() {
    let app = server();
    post(&app, "/v1/webhooks/nothing", &[], "{}").await.problem(404);
    let wrong = format!("{SECRET}r");
    for headers in
        [&[][..], &[("rebateflow-secret", "")], &[("authorization", &wrong)], &[("rebateflow-secret", &wrong)]]
    {
        let (detail, _) = post(&app, "/v1/webhooks/awin", headers, "{}").await.problem(401);
        assert_eq!(detail, "the secret is missing or wrong");
    }
    let path = format!("/v1/webhooks/awin?secret={SECRET}");
    for (body, says) in [("a=1", "the form has no AwinTransactionPush"), ("%", "the body is not a form")] {
        assert_eq!(post(&app, &path, &[FORM], body).await.problem(400).0, says);
    }
    let (detail, _) = post(&app, &path, &[], "<html>").await.problem(400);
    assert!(detail.starts_with("the body has no records: the answer is not JSON"), "{detail}");
    post(&app, &path, &[], " ".repeat(WEBHOOK_BYTES_MAX + 1)).await.problem(413);
    let bearer = format!("Bearer {SECRET}");
    post(&app, "/v1/webhooks/awin", &[("authorization", &bearer)], "<html>").await.problem(400);
    assert!(webhooks(None).is_empty(), "without a secret it is closed");
    assert!(load_webhooks(std::path::Path::new("nowhere"), &|_| None).expect("none").is_empty());
}

#[test]
fn a_delivery_that_comes_again_is_the_same_record() {
    let webhook = &webhooks(Some(SECRET))["awin"];
    let record = "{\"transactionId\": 7, \"commission\": \"1.50\"}";
    let form = format!("AwinTransactionPush={}", record.replace('"', "%22").replace(' ', "+"));
    let messages = |body: &str, is_form, at| webhook.messages(body.as_bytes(), is_form, at).expect("messages");
    let read = |message: &RawMessage| serde_json::from_str::<Value>(&message.value).expect("JSON");
    let first = messages(&form, true, 1_000_000);
    let topics: Vec<&str> = first.iter().map(|message| message.topic.as_str()).collect();
    assert_eq!(topics, ["affiliate_raw", "raw_awin"]);
    let (raw, line) = (read(&first[0]), read(&first[1]));
    assert_eq!((&raw["platform"], &raw["api"], &raw["records"]), (&"AWIN".into(), &"WEBHOOK".into(), &1.into()));
    assert_eq!((&line["id"], &line["commissionStatus"]), (&"7".into(), &"pending".into()));
    assert_eq!(line["fetch_id"], raw["fetch_id"]);
    let again = messages(&form, true, 2_000_000);
    assert_eq!(read(&again[1])["fetch_id"], line["fetch_id"], "the body names it");
    assert_eq!(read(&again[1])["fetched_at"], "1970-01-01T00:00:02.000000Z");
    assert_ne!(read(&messages(record, false, 0)[1])["fetch_id"], line["fetch_id"], "another body");
    assert_eq!(messages("[{\"transactionId\":1},{\"transactionId\":2}]", false, 0).len(), 3);
}
