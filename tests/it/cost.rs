//! Work follows the changes: a fixed change touches the same number of state rows when unrelated rows double. An
//! operator that ran its view again could not pass.

mod figures;
mod hot_key;

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::DataType;
use rebateflow::catalog::SourceFile;
use rebateflow::changes::Changes;
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;

const ROWS: i64 = 2_000;

/// Rows of a table (k, v).
fn events(engine: &Engine, table: &str, rows: &[(i64, i64)], weight: i64) -> Changes {
    let table = engine.table(table).expect("a table");
    let count = rows.len();
    let keys = || rows.iter().map(|row| row.0);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(keys())),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))),
        Arc::new(StringArray::from(vec!["insert"; count])),
        new_null_array(&DataType::Utf8, count),
        Arc::new(StringArray::from(vec![table.topic.as_str(); count])),
        Arc::new(Int32Array::from(vec![0; count])),
        Arc::new(Int64Array::from_iter_values(keys())),
        Arc::new(TimestampMicrosecondArray::from_iter_values(keys())),
    ];
    let batch = RecordBatch::try_new(table.event_schema(), columns).expect("the schema of events");
    Changes::new(batch, vec![weight; count])
}

/// Changes both tables: these keys, each with two values.
fn apply(engine: &mut Engine, keys: std::ops::Range<i64>, weight: i64) {
    let rows: Vec<(i64, i64)> = keys.flat_map(|key| [key, key]).zip(0..).collect();
    let changes = ["t", "u"].map(|table| (Arc::from(table), events(engine, table, &rows, weight)));
    engine.apply(changes.into()).expect("an epoch");
    engine.publish(vec![]).expect("a published epoch");
}

/// An engine with the tables `t (k, v)` and `u (k, w)`, empty, and the view `r`.
fn engine(view: &str, retractable: bool) -> Engine {
    let mut engine = Engine::new(1, Clock::System).expect("an engine");
    if retractable {
        engine.allow_retractions("t");
        engine.allow_retractions("u");
    }
    let tables = "CREATE TABLE t (k BIGINT, v BIGINT); CREATE TABLE u (k BIGINT, w BIGINT);";
    let sql = format!("{tables} CREATE MATERIALIZED VIEW r AS {view}");
    engine.create(&SourceFile::new("cost.sql", sql)).expect("a maintained view");
    engine
}

/// State rows that each operator touched so far: (read, written).
fn touched(engine: &Engine) -> Vec<(&'static str, u64, u64)> {
    let statistics = engine.statistics();
    statistics.iter().map(|node| (node.name, node.touched.read, node.touched.written)).collect()
}

/// What the change of the keys 0 to 4 touches, with this many unrelated keys beside them.
fn cost(view: &str, retractable: bool, unrelated: i64) -> Vec<(&'static str, u64, u64)> {
    let mut engine = engine(view, retractable);
    apply(&mut engine, 0..5, 1);
    apply(&mut engine, 100..100 + unrelated, 1);
    let before = touched(&engine);
    apply(&mut engine, 0..5, 1);
    if retractable {
        apply(&mut engine, 0..5, -1);
    }
    let after = touched(&engine);
    let difference = before.iter().zip(after).map(|(b, a)| (a.0, a.1 - b.1, a.2 - b.2));
    difference.collect()
}

/// The cost is the same beside twice as many rows, some operator of this name has one, and it is small.
fn assert_fixed(view: &str, retractable: bool, operator: &str) {
    assert_bounded(view, retractable, operator, ROWS as u64 / 5);
}

/// As `assert_fixed`; no operator touches `most` rows.
fn assert_bounded(view: &str, retractable: bool, operator: &str, most: u64) {
    let (once, twice) = (cost(view, retractable, ROWS), cost(view, retractable, 2 * ROWS));
    assert_eq!(once, twice, "{view}");
    let own = once.iter().find(|node| node.0 == operator).unwrap_or_else(|| panic!("no {operator} in {once:?}"));
    assert!(own.1 + own.2 >= 10, "{operator} counts nothing: {once:?}");
    assert!(once.iter().all(|node| node.1 + node.2 < most), "{view}: {once:?}");
}

#[test]
fn arrange_touches_only_what_changes() {
    assert_fixed("SELECT k, v FROM t WHERE v >= 0", true, "arrange");
}

#[test]
fn latest_touches_only_what_changes() {
    let view = "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1";
    assert_fixed(view, false, "latest-by-key (insert-only)");
    assert_fixed(view, true, "latest-by-key");
}

#[test]
fn aggregates_touch_only_what_changes() {
    let totals = "SELECT k, SUM(v) AS s, COUNT(*) AS n, AVG(v) AS a FROM t GROUP BY k";
    assert_fixed(totals, true, "aggregate");
    assert_fixed("SELECT k, MIN(v) AS lo, MAX(v) AS hi FROM t GROUP BY k", true, "aggregate");
    assert_fixed("SELECT SUM(v) AS s, MAX(v) AS hi FROM t", true, "aggregate");
    assert_fixed("SELECT COUNT(DISTINCT v) AS n, SUM(DISTINCT v) AS s FROM t", true, "aggregate");
    let double = "SELECT k, SUM(CAST(v AS DOUBLE)) AS s, COUNT(DISTINCT v) AS n FROM t GROUP BY k";
    assert_fixed(double, true, "aggregate");
}

#[test]
fn folds_read_their_group_and_the_ends_of_an_order_only_themselves() {
    let folds = "SELECT k, ARRAY_AGG(v ORDER BY v) AS a, STDDEV(v) AS s, MEDIAN(v) AS m FROM t GROUP BY k";
    assert_fixed(folds, true, "aggregate");
    let ends = "SELECT FIRST_VALUE(v ORDER BY k, v) AS f, LAST_VALUE(v ORDER BY k, v) IGNORE NULLS AS l, \
                NTH_VALUE(v, 3 ORDER BY v) AS n, MAX(CAST(v AS DOUBLE)) AS x, ANY_VALUE(v) AS a FROM t";
    assert_fixed(ends, true, "aggregate");
    let counted = "SELECT MEDIAN(v) AS m, PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY v DESC) AS p, \
                   MEDIAN(DISTINCT k) AS d, BOOL_AND(v > 0) AS b, BIT_OR(v) AS o, BIT_XOR(v) AS x FROM t";
    assert_fixed(counted, true, "aggregate");
    assert_fixed("SELECT k, v, COUNT(*) AS n FROM t GROUP BY GROUPING SETS ((k), (v), ())", true, "aggregate");
}

#[test]
fn joins_touch_only_what_changes() {
    assert_fixed("SELECT t.k, v, w FROM t JOIN u ON t.k = u.k", true, "inner join");
    assert_fixed("SELECT a.k, a.v, b.v AS o FROM t a JOIN t b ON a.k = b.k AND a.v < b.v", true, "inner join");
}

#[test]
fn outer_joins_and_existence_touch_only_what_changes() {
    assert_fixed("SELECT t.k, v, w FROM t LEFT JOIN u ON t.k = u.k AND v < w", true, "anti join");
    assert_fixed("SELECT t.k, v, w FROM t FULL JOIN u ON t.k = u.k", true, "anti join");
    assert_fixed("SELECT k, v FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k)", true, "semi join");
    assert_fixed(
        "SELECT k, v FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k AND u.w < 9)",
        true,
        "anti join",
    );
    assert_fixed("SELECT k, v FROM t WHERE k IN (SELECT k FROM u)", true, "semi join");
}

#[test]
fn sets_touch_only_what_changes() {
    assert_fixed("SELECT k FROM t UNION SELECT k FROM u", true, "aggregate");
    assert_fixed("SELECT DISTINCT k FROM t", true, "aggregate");
    assert_fixed("SELECT k, v FROM t INTERSECT SELECT k, w FROM u", true, "semi join");
    assert_fixed("SELECT k, v FROM t EXCEPT SELECT k, w + 1 FROM u", true, "anti join");
    assert_fixed("SELECT k, v FROM t UNION ALL SELECT k, w FROM u", true, "arrange");
    assert_fixed("SELECT k, UNNEST([v, v + 1]) AS e FROM t WHERE v >= 0", true, "arrange");
}

#[test]
fn subqueries_and_the_clock_touch_only_what_changes() {
    // The one value stays the same: what is compared with it is left alone.
    assert_fixed("SELECT k, v FROM t WHERE v < (SELECT MAX(w) FROM u)", true, "range filter");
    assert_fixed("SELECT k, v, (SELECT MAX(w) FROM u) AS m FROM t", true, "inner join");
    let recent = "SELECT k, v FROM t CROSS JOIN clock WHERE to_timestamp_micros(k) >= as_of";
    assert_fixed(recent, true, "range filter");
    let tick = |unrelated: i64| {
        let mut engine = engine(recent, true);
        apply(&mut engine, 0..5, 1);
        apply(&mut engine, 100..100 + unrelated, 1);
        let before = touched(&engine);
        engine.tick(4).expect("a later time");
        let after = touched(&engine);
        before.iter().zip(after).map(|(b, a)| (a.0, a.1 - b.1, a.2 - b.2)).collect::<Vec<_>>()
    };
    let once = tick(ROWS);
    assert_eq!(once, tick(2 * ROWS));
    let passed = once.iter().find(|node| node.0 == "range filter").expect("a range filter");
    assert_eq!((passed.1, passed.2), (10, 0), "the rows of the keys 0 to 4");
}

#[test]
fn chains_of_operators_touch_only_what_changes() {
    let latest = "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1";
    let view = format!("SELECT u.w, SUM(x.v) AS s FROM ({latest}) x JOIN u ON x.k = u.k GROUP BY u.w");
    assert_fixed(&view, false, "aggregate");
    assert_fixed(&view, true, "inner join");
}

#[test]
fn windows_touch_only_what_a_change_reaches() {
    assert_bounded("SELECT k, v, LAG(v, 2) OVER (PARTITION BY k ORDER BY v) AS l FROM t", true, "window", ROWS as u64);
    assert_bounded("SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY v) AS s FROM t", true, "window", ROWS as u64);
    assert_bounded(
        "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) <= 3",
        true,
        "top-n",
        ROWS as u64 / 2,
    );
    // One partition that doubles: rows before the others, or after them.
    for window in [
        "LEAD(k) OVER (ORDER BY k DESC)",
        "SUM(v) OVER (ORDER BY k ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)",
        "COUNT(*) OVER (ORDER BY k RANGE BETWEEN 3 PRECEDING AND 1 PRECEDING)",
        "SUM(v) OVER (ORDER BY k DESC)",
        "AVG(v) OVER (ORDER BY k DESC ROWS UNBOUNDED PRECEDING)",
        "RANK() OVER (ORDER BY k DESC)",
        "ROW_NUMBER() OVER (ORDER BY k DESC)",
        "MAX(v) OVER (ORDER BY k)",
        // Frames that end away from the row, and functions that pass over rows or count them.
        "SUM(v) OVER (ORDER BY k DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)",
        "COUNT(*) OVER (ORDER BY k DESC RANGE BETWEEN UNBOUNDED PRECEDING AND 3 PRECEDING)",
        "AVG(v) OVER (ORDER BY k DESC GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING)",
        "LAST_VALUE(v) OVER (ORDER BY k RANGE BETWEEN UNBOUNDED PRECEDING AND 3 PRECEDING)",
        "LAST_VALUE(v) IGNORE NULLS OVER (ORDER BY k)",
        "FIRST_VALUE(v) IGNORE NULLS OVER (ORDER BY k DESC)",
        "NTH_VALUE(v, 2) OVER (ORDER BY k DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
        "NTH_VALUE(v, -2) IGNORE NULLS OVER (ORDER BY k)",
        "LAG(v, 2, 0) IGNORE NULLS OVER (ORDER BY k)",
        // The same from the last row to the first.
        "SUM(v) OVER (ORDER BY k ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)",
        "COUNT(*) OVER (ORDER BY k GROUPS BETWEEN 2 FOLLOWING AND UNBOUNDED FOLLOWING)",
        "MIN(v) OVER (ORDER BY k DESC GROUPS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING)",
        "LAST_VALUE(v) OVER (ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
        "FIRST_VALUE(v) OVER (ORDER BY k ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
        "NTH_VALUE(v, 2) OVER (ORDER BY k DESC ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)",
        "LEAD(v, 2) IGNORE NULLS OVER (ORDER BY k DESC)",
    ] {
        assert_bounded(&format!("SELECT k, v, {window} AS f FROM t"), true, "window", ROWS as u64);
    }
    assert_bounded("SELECT k, v FROM t ORDER BY k LIMIT 3 OFFSET 2", true, "top-n", ROWS as u64 / 2);
}
