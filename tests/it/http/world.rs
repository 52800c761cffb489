//! Hot tables with known rows, and requests to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use rebateflow::catalog::OnError;
use rebateflow::clock::Clock;
use rebateflow::hot::{Hot, HotTable, Link, PartitionOffset, Snapshot, ViewState};
use rebateflow::query::{Sql, SqlLimits};
use rebateflow::serve::{AppState, app};
use rebateflow::state::{Arrangement, Layout};
use rebateflow::telemetry::{Metrics, NotReady, Readiness};
use serde_json::Value;
use tower::ServiceExt;

/// 2026-07-31T12:00:00Z.
pub const NOON_US: i64 = 1_785_499_200_000_000;
pub const RUN: u64 = 3;

/// Four views at epoch `3.1`.
pub struct World {
    pub hot: Arc<Hot>,
    pub readiness: Arc<Readiness>,
    pub arrangements: BTreeMap<&'static str, Arc<Arrangement>>,
    pub app: Router,
}

/// An answer, its body as text and as JSON where it is JSON.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
    /// Checks a problem document and returns its detail and hint.
    pub fn problem(&self, status: u16) -> (String, String) {
        let json = self.json();
        assert_eq!((self.status.as_u16(), &json["status"]), (status, &Value::from(status)), "{json}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert!(json["type"].as_str().is_some_and(|t| t.starts_with("urn:rebateflow:problem:")), "{json}");
        assert!(json["title"].as_str().is_some_and(|t| !t.is_empty()), "{json}");
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_string();
        (text("detail"), text("hint"))
    }
}

pub async fn send(app: &Router, method: Method, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).expect("a request");
    let response = app.clone().oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 256 << 20).await.expect("a body");
    Answer { status: parts.status, headers: parts.headers, body }
}

impl World {
    pub fn new() -> Self {
        Self::with(SqlLimits::default(), Duration::from_secs(10))
    }

    pub fn with(limits: SqlLimits, wait_max: Duration) -> Self {
        let hot = Arc::new(Hot::new(RUN));
        let tables = [balance(), stock(), lines(), total()];
        let arrangements = BTreeMap::from([
            ("balance", tables[0].arrangement.clone()),
            ("stock", tables[1].arrangement.clone()),
            ("lines", tables[2].arrangement.clone()),
            ("total", tables[3].arrangement.clone()),
        ]);
        hot.set_tables(tables).expect("tables that fit");
        let readiness = Arc::new(Readiness::default());
        readiness.remove(NotReady::Starting);
        let mut state = AppState::new(hot.clone(), readiness.clone(), Arc::default(), Clock::System).expect("a state");
        state.sql = Arc::new(Sql::new(limits).expect("limits"));
        state.wait_max = wait_max;
        state.metrics = Arc::new(Metrics::default());
        let world = World { hot, readiness, arrangements, app: app(state) };
        world.hot.publish(world.snapshot(1));
        world
    }

    /// What is published with an epoch: offsets 100 + epoch in partition 0 of `orders`.
    pub fn snapshot(&self, epoch: u32) -> Snapshot {
        let state = |(name, arrangement): (&&'static str, &Arc<Arrangement>)| {
            let state = ViewState { rows: arrangement.live_rows(), bytes: 4_096, ..ViewState::default() };
            (Arc::from(*name), state)
        };
        Snapshot {
            run: RUN,
            epoch,
            published_at_us: NOON_US + i64::from(epoch),
            offsets: vec![PartitionOffset { topic: "orders".into(), partition: 0, next: 100 + i64::from(epoch) }],
            views: self.arrangements.iter().map(state).collect(),
        }
    }

    /// Adds a view `numbers` with the values 1 to `count` and a column that is always 1, in epoch 2.
    pub fn add_numbers(&self, count: i64) {
        let schema = schema(&[("value", DataType::Int64, false), ("one", DataType::Int64, false)]);
        let arrangement = arrangement(&schema, &[0], &[]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(1..=count)),
            Arc::new(Int64Array::from_iter_values((0..count).map(|_| 1))),
        ];
        insert(&arrangement, columns, 1, 2);
        let published = self.hot.snapshot();
        let tables = published.tables().values().map(|table| (**table).clone());
        self.hot.set_tables(tables.chain([table("numbers", schema, &[0], arrangement)])).expect("tables");
        let mut snapshot = self.snapshot(2);
        snapshot.views.insert("numbers".into(), ViewState { rows: count, ..ViewState::default() });
        self.hot.publish(snapshot);
    }

    pub async fn get(&self, uri: &str) -> Answer {
        send(&self.app, Method::GET, uri, &[], Body::empty()).await
    }

    pub async fn sql(&self, query: &str) -> Answer {
        let body = serde_json::json!({ "query": query }).to_string();
        send(&self.app, Method::POST, "/v1/sql", &[("content-type", "application/json")], body).await
    }
}

pub fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
    let field = |(name, data_type, nullable): &(&str, DataType, bool)| Field::new(*name, data_type.clone(), *nullable);
    Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
}

pub fn arrangement(schema: &SchemaRef, identity: &[usize], links: &[&[usize]]) -> Arc<Arrangement> {
    let links = links.iter().map(|columns| columns.to_vec()).collect();
    let layout = Layout { schema: schema.clone(), identity: identity.to_vec(), order: vec![], links };
    Arc::new(Arrangement::new(layout).expect("a layout"))
}

/// Inserts every row with a weight.
pub fn insert(arrangement: &Arrangement, columns: Vec<ArrayRef>, weight: i64, epoch: u32) {
    let rows = RecordBatch::try_new(arrangement.layout().schema.clone(), columns).expect("rows");
    let batch = arrangement.batch(&rows).expect("a batch");
    let mut writer = arrangement.write(0);
    for i in 0..batch.len() {
        if let Some(old) = writer.find(&batch, i) {
            writer.kill(old, epoch);
        }
        writer.insert(&batch, i, weight, epoch).expect("inserted");
    }
}

pub fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub fn decimals(values: &[i128], scale: i8) -> ArrayRef {
    let array = Decimal128Array::from(values.to_vec());
    Arc::new(array.with_precision_and_scale(18, scale).expect("a decimal type"))
}

pub fn table(name: &str, schema: SchemaRef, key: &[usize], arrangement: Arc<Arrangement>) -> HotTable {
    HotTable {
        name: name.into(),
        columns: (0..schema.fields().len()).collect(),
        schema,
        key: key.to_vec(),
        unique: true,
        on_error: OnError::Count,
        class: "linear".to_string(),
        arrangement,
        key_link: None,
        first_link: None,
    }
}

/// Key (user_id, currency) in stored order: u0 to u9 with CNY and USD, and u1 with NULL.
fn balance() -> HotTable {
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    let schema = schema(&[
        ("user_id", DataType::Utf8, false),
        ("currency", DataType::Utf8, true),
        ("pending", DataType::Decimal128(18, 2), true),
        ("n", DataType::Int64, false),
        ("updated", time, true),
    ]);
    let arrangement = arrangement(&schema, &[0, 1], &[&[0]]);
    let users: Vec<String> = (0..20).map(|i| format!("u{}", i / 2)).collect();
    let mut user_ids: Vec<Option<&str>> = users.iter().map(|u| Some(u.as_str())).collect();
    user_ids.push(Some("u1"));
    let mut currencies: Vec<Option<&str>> = (0..20).map(|i| Some(["CNY", "USD"][i % 2])).collect();
    currencies.push(None);
    let columns: Vec<ArrayRef> = vec![
        texts(&user_ids),
        texts(&currencies),
        decimals(&(0..21).map(|i| i * 150).collect::<Vec<_>>(), 2),
        Arc::new(Int64Array::from_iter_values(0..21)),
        Arc::new(TimestampMicrosecondArray::from_iter_values((0..21).map(|i| NOON_US + i * 500_000))),
    ];
    insert(&arrangement, columns, 1, 1);
    let mut table = table("balance", schema, &[0, 1], arrangement);
    (table.key_link, table.first_link) = (Some(Link::Identity), Some(Link::Further(0)));
    table
}

/// Key (warehouse_id, sku_id), stored as (hidden, sku_id, warehouse_id, quantity) in the order of sku_id: 30 rows.
fn stock() -> HotTable {
    let stored = schema(&[
        ("hidden", DataType::Int64, false),
        ("sku_id", DataType::Utf8, false),
        ("warehouse_id", DataType::Int32, false),
        ("quantity", DataType::Int64, false),
    ]);
    let arrangement = arrangement(&stored, &[1, 2], &[&[2]]);
    let skus: Vec<String> = (0..30).map(|i| format!("s{:02}", i / 3)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..30)),
        Arc::new(StringArray::from(skus)),
        Arc::new(Int32Array::from_iter_values((0..30).map(|i| i % 3))),
        Arc::new(Int64Array::from_iter_values(0..30)),
    ];
    insert(&arrangement, columns, 1, 1);
    let shown = schema(&[
        ("warehouse_id", DataType::Int32, false),
        ("sku_id", DataType::Utf8, false),
        ("quantity", DataType::Int64, false),
    ]);
    let mut table = table("stock", shown, &[0, 1], arrangement);
    table.columns = vec![2, 1, 3];
    (table.key_link, table.first_link) = (Some(Link::Identity), Some(Link::Further(0)));
    table
}

/// A multiset without a unique key: user u1 has the rows 1, 1, 2, 2, user u2 the rows 3, 3.
fn lines() -> HotTable {
    let schema = schema(&[("user_id", DataType::Utf8, false), ("line", DataType::Int64, false)]);
    let arrangement = arrangement(&schema, &[0, 1], &[&[0]]);
    let columns: Vec<ArrayRef> =
        vec![texts(&[Some("u1"), Some("u1"), Some("u2")]), Arc::new(Int64Array::from(vec![1, 2, 3]))];
    insert(&arrangement, columns, 2, 1);
    let mut table = table("lines", schema, &[0], arrangement);
    table.unique = false;
    (table.key_link, table.first_link) = (Some(Link::Further(0)), Some(Link::Further(0)));
    table
}

/// One row, no key.
fn total() -> HotTable {
    let schema = schema(&[("total", DataType::Decimal128(18, 2), true)]);
    let arrangement = arrangement(&schema, &[0], &[]);
    insert(&arrangement, vec![decimals(&[1_234_500], 2)], 1, 1);
    table("total", schema, &[], arrangement)
}
