//! The views of the operators' benchmark, one an operator, and the rows of their tables.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use rebateflow::error::Result;

pub const TABLES: &str = "CREATE TABLE t (k BIGINT, v BIGINT, s VARCHAR, ts TIMESTAMP(6)); \
                          CREATE TABLE u (k BIGINT, w BIGINT);";
pub const HOUR_US: i64 = 3_600_000_000;
/// Time between one row and the next: an epoch's 500 new rows are one second.
pub const US_A_ROW: i64 = 2_000;
/// Values are below this.
const VALUES: u64 = 1_000_000;

/// One operator.
pub struct Case {
    pub name: &'static str,
    pub view: &'static str,
    /// Rows only come.
    pub insert_only: bool,
    /// Rows of a key while the state grows.
    pub rows_a_key: i64,
    /// One key with all rows is another case than a key a row.
    pub keyed: bool,
    /// The table `u` has rows.
    pub right: bool,
    /// The clock moves with the rows.
    pub clock: bool,
    /// The operator has to keep these columns of `t` beside the view's rows.
    pub keeps_input: bool,
    pub columns: &'static [&'static str],
}

const PLAIN: Case = Case {
    name: "",
    view: "",
    insert_only: false,
    rows_a_key: 10,
    keyed: true,
    right: false,
    clock: false,
    keeps_input: false,
    columns: &["k", "v"],
};
const KEEPS: Case = Case { keeps_input: true, ..PLAIN };
const JOINS: Case = Case { right: true, keeps_input: true, columns: &["k", "v", "s"], ..PLAIN };

pub const CASES: [Case; 23] = [
    Case { name: "linear", view: "SELECT k, v + 1 AS v, s FROM t WHERE v >= 0", keyed: false, ..PLAIN },
    Case { name: "unnest", view: "SELECT k, UNNEST(make_array(v, v + 1)) AS e FROM t", keyed: false, ..PLAIN },
    Case { name: "distinct", view: "SELECT DISTINCT k, v FROM t", ..PLAIN },
    Case { name: "aggregate SUM, COUNT", view: "SELECT k, SUM(v) AS s, COUNT(*) AS n FROM t GROUP BY k", ..PLAIN },
    Case { name: "aggregate MIN, MAX", view: "SELECT k, MIN(v) AS a, MAX(v) AS b FROM t GROUP BY k", ..KEEPS },
    Case { name: "COUNT(DISTINCT)", view: "SELECT k, COUNT(DISTINCT v) AS n FROM t GROUP BY k", ..KEEPS },
    Case { name: "MEDIAN", view: "SELECT k, MEDIAN(v) AS m FROM t GROUP BY k", ..KEEPS },
    Case {
        name: "BOOL_AND, BIT_XOR",
        view: "SELECT k, BOOL_AND(v > 10) AS b, BIT_XOR(v) AS x FROM t GROUP BY k",
        ..KEEPS
    },
    Case {
        name: "STRING_AGG",
        view: "SELECT k, STRING_AGG(s, ',' ORDER BY v) AS a FROM t GROUP BY k",
        columns: &["k", "v", "s"],
        ..KEEPS
    },
    Case {
        name: "latest, insert-only",
        view: "SELECT k, v, s, ts FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) = 1",
        insert_only: true,
        rows_a_key: 1,
        ..PLAIN
    },
    Case {
        name: "latest",
        view: "SELECT k, v, s, ts FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) = 1",
        columns: &["k", "v", "s", "ts"],
        ..KEEPS
    },
    Case {
        name: "top 3",
        view: "SELECT k, v, s FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) <= 3",
        columns: &["k", "v", "s"],
        ..KEEPS
    },
    Case {
        name: "window SUM, running",
        view: "SELECT k, ts, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS s FROM t",
        columns: &["k", "v", "ts"],
        ..KEEPS
    },
    Case {
        name: "window ROW_NUMBER",
        view: "SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS n FROM t",
        ..KEEPS
    },
    Case { name: "window LAG", view: "SELECT k, v, LAG(v) OVER (PARTITION BY k ORDER BY v) AS l FROM t", ..KEEPS },
    Case {
        name: "window SUM, 3 rows",
        view: "SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY v ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS s FROM t",
        ..KEEPS
    },
    Case { name: "inner join", view: "SELECT t.k, v, s, w FROM t JOIN u ON t.k = u.k", ..JOINS },
    Case { name: "left join", view: "SELECT t.k, v, s, w FROM t LEFT JOIN u ON t.k = u.k", ..JOINS },
    Case { name: "semi join", view: "SELECT k, v, s FROM t WHERE k IN (SELECT k FROM u)", ..JOINS },
    Case {
        name: "anti join",
        view: "SELECT k, v, s FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k)",
        ..JOINS
    },
    Case { name: "EXCEPT", view: "SELECT k, v FROM t EXCEPT SELECT k, w AS v FROM u", columns: &["k", "v"], ..JOINS },
    Case {
        name: "range filter, clock",
        view: "SELECT k, v, s, ts FROM t CROSS JOIN clock WHERE ts > as_of - INTERVAL '1 hour'",
        keyed: false,
        clock: true,
        columns: &["k", "v", "s", "ts"],
        ..KEEPS
    },
    Case { name: "union all", view: "SELECT k, v FROM t UNION ALL SELECT k, w AS v FROM u", right: true, ..PLAIN },
];

/// These rows of `t`, each known by its number: a key of `keys`, a value, 20 characters, a time that grows.
pub fn lefts(numbers: Range<i64>, keys: i64) -> Result<RecordBatch> {
    let mixed = || numbers.clone().map(|number| mix(number as u64));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("k", Arc::new(Int64Array::from_iter_values(mixed().map(|bits| (bits % keys as u64) as i64)))),
        ("v", Arc::new(Int64Array::from_iter_values(mixed().map(|bits| (mix(bits) % VALUES) as i64)))),
        ("s", Arc::new(StringArray::from_iter_values(mixed().map(|bits| format!("row {bits:016x}"))))),
        ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(numbers.clone().map(|n| n * US_A_ROW)))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// The rows of `u` with these keys; of two keys one has a row.
pub fn rights(keys: Range<i64>) -> Result<RecordBatch> {
    let keys: Vec<i64> = keys.filter(|key| key % 2 == 0).collect();
    let values = keys.iter().map(|&key| (mix(key as u64) % VALUES) as i64);
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
    Ok(RecordBatch::try_from_iter([("k", Arc::new(Int64Array::from(keys)) as ArrayRef), ("w", values)])?)
}

/// Spreads bits: the finalizer of SplitMix64.
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
