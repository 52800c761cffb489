//! The counters of each operator for one small change, to the row: the figures of `explain` and the bounds of the other
//! tests stand on them.

use super::{apply, cost, engine, touched};

/// Rows read and written by the operator for the keys 0 to 4 twice more in both tables (and then once taken out, if
/// rows may be): 10 rows each time, beside 20 keys that nothing touches.
fn assert_figures(operator: &str, retractable: bool, view: &str, figures: (u64, u64)) {
    let nodes = cost(view, retractable, 20);
    let own = nodes.iter().filter(|node| node.0 == operator);
    let sum = own.fold((0, 0), |sum, node| (sum.0 + node.1, sum.1 + node.2));
    assert_eq!(sum, figures, "{view}: {nodes:?}");
}

#[test]
fn arrangements_count_a_look_and_both_versions() {
    assert_figures("arrange", true, "SELECT k, v FROM t WHERE v >= 0", (20, 40));
    assert_figures("arrange", false, "SELECT k, v FROM t WHERE v >= 0", (10, 20));
}

#[test]
fn aggregates_count_rows_groups_and_what_functions_keep() {
    for (functions, figures) in [
        ("COUNT(*) AS n, SUM(v) AS s", (40, 20)),
        ("COUNT(CAST(v AS DOUBLE)) AS n, COUNT(v, k) AS m", (40, 20)),
        ("MIN(v) AS lo, COUNT(DISTINCT v) AS n", (40, 60)),
        ("MIN(v) AS lo, COUNT(DISTINCT v) AS n, BIT_OR(v) AS b, SUM(v) AS s", (40, 80)),
        ("ARRAY_AGG(v) AS a", (70, 40)),
        ("MEDIAN(v) AS m", (60, 40)),
        ("FIRST_VALUE(v ORDER BY v) AS f", (50, 40)),
    ] {
        assert_figures("aggregate", true, &format!("SELECT k, {functions} FROM t GROUP BY k"), figures);
    }
}

#[test]
fn functions_that_need_an_end_of_a_group_or_a_place_in_it_read_no_more() {
    for (function, read) in [
        ("FIRST_VALUE(v ORDER BY v, k)", 26),
        ("FIRST_VALUE(v ORDER BY v) IGNORE NULLS", 26),
        ("LAST_VALUE(v ORDER BY v)", 26),
        ("LAST_VALUE(v ORDER BY v) IGNORE NULLS", 26),
        ("ANY_VALUE(v)", 26),
        ("NTH_VALUE(v, 3 ORDER BY v)", 30),
        ("NTH_VALUE(v, -2 ORDER BY v)", 28),
        ("MIN(CAST(v AS DOUBLE))", 26),
        ("MAX(CAST(v AS DOUBLE))", 26),
        ("MIN([v])", 134),
        ("MAX([v])", 134),
        ("BOOL_AND(v > 3)", 26),
        ("BOOL_OR(v > 3)", 26),
        ("MEDIAN(v)", 28),
        ("MEDIAN(DISTINCT v)", 28),
        ("MEDIAN(CAST(v AS DECIMAL(9,2)))", 28),
        ("PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY v DESC)", 28),
        ("PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY v)", 28),
        ("ARRAY_AGG(v ORDER BY v DESC)", 134),
        ("STDDEV(v)", 134),
        ("STRING_AGG(CAST(v AS VARCHAR), ',' ORDER BY v)", 134),
    ] {
        let nodes = cost(&format!("SELECT {function} AS f FROM t"), true, 20);
        let own = nodes.iter().find(|node| node.0 == "aggregate").expect("an aggregate");
        assert_eq!(own.1, read, "{function}: {nodes:?}");
    }
}

#[test]
fn joins_count_probes_and_matches() {
    assert_figures("inner join", true, "SELECT t.k, v, w FROM t JOIN u ON t.k = u.k", (200, 0));
    assert_figures("semi join", true, "SELECT k, v FROM t WHERE k IN (SELECT k FROM u)", (100, 0));
    // Keys that come and go on the right bring and take the left rows.
    let mut engine = engine("SELECT k, v FROM t WHERE k IN (SELECT k FROM u)", true);
    apply(&mut engine, 0..5, 1);
    apply(&mut engine, 0..5, -1);
    assert!(touched(&engine).contains(&("semi join", 110, 0)), "{:?}", touched(&engine));
    let without = "SELECT k, v FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k + 3)";
    assert_figures("anti join", true, without, (82, 0));
}

#[test]
fn windows_count_the_rows_they_read_and_write() {
    for (window, figures) in [
        ("LAG(v) OVER (PARTITION BY k ORDER BY v)", (70, 30)),
        ("SUM(v) OVER (PARTITION BY k ORDER BY v)", (105, 50)),
        ("SUM(v) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING)", (65, 50)),
        ("NTILE(2) OVER (PARTITION BY k ORDER BY v)", (30, 30)),
        // Fails in every partition: their rows are read, and taken out of what is shown.
        ("SUM(9223372036854775000 + v) OVER (PARTITION BY k)", (60, 50)),
        // One partition, which the change meets at its end: the keys 0 to 4 come last.
        ("ROW_NUMBER() OVER (ORDER BY k DESC)", (59, 48)),
        ("RANK() OVER (ORDER BY k DESC)", (103, 48)),
        ("DENSE_RANK() OVER (ORDER BY k DESC)", (103, 30)),
        ("PERCENT_RANK() OVER (ORDER BY k DESC)", (110, 126)),
        ("LAG(v, 2) OVER (ORDER BY k DESC)", (88, 48)),
        ("LEAD(v) OVER (ORDER BY k DESC)", (159, 50)),
        ("LEAD(v) IGNORE NULLS OVER (ORDER BY k DESC)", (92, 50)),
        ("FIRST_VALUE(v) OVER (ORDER BY k DESC)", (103, 30)),
        ("LAST_VALUE(v) OVER (ORDER BY k DESC)", (169, 30)),
        ("NTH_VALUE(v, 2) OVER (ORDER BY k DESC)", (103, 30)),
        ("FIRST_VALUE(v) IGNORE NULLS OVER (ORDER BY k DESC)", (103, 30)),
        ("FIRST_VALUE(v) OVER (ORDER BY k DESC ROWS 2 PRECEDING)", (88, 48)),
        ("SUM(v) OVER (ORDER BY k DESC ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)", (96, 36)),
        ("SUM(v) OVER (ORDER BY k DESC GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)", (137, 50)),
        ("SUM(v) OVER (ORDER BY k RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)", (141, 50)),
        ("SUM(v) OVER (ORDER BY k DESC RANGE BETWEEN CURRENT ROW AND 1 FOLLOWING)", (161, 50)),
        ("SUM(v) OVER (ORDER BY k DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING)", (94, 50)),
        ("SUM(v) OVER (ORDER BY k DESC ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)", (224, 130)),
        ("SUM(v) OVER (ORDER BY k DESC ROWS UNBOUNDED PRECEDING)", (59, 48)),
        ("MAX(v) OVER (ORDER BY k DESC)", (103, 30)),
        ("SUM(v) OVER (ORDER BY k DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)", (109, 48)),
        ("LAST_VALUE(v) OVER (ORDER BY k DESC RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)", (188, 30)),
        ("SUM(v) OVER (ORDER BY k ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)", (63, 50)),
        ("LAST_VALUE(v) OVER (ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)", (63, 30)),
        ("LAG(v) IGNORE NULLS OVER (ORDER BY k DESC)", (92, 30)),
        ("COUNT(DISTINCT v) OVER (ORDER BY k DESC)", (110, 30)),
    ] {
        assert_figures("window", true, &format!("SELECT k, v, {window} AS f FROM t"), figures);
    }
}

#[test]
fn the_first_rows_count_those_they_pass() {
    let two = "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) <= 2";
    assert_figures("top-n", true, two, (40, 20));
    assert_figures("top-n", false, two, (20, 15));
    let last = "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1";
    // The second row of each key comes before its first.
    let mut engine = engine(last, false);
    apply(&mut engine, 0..5, 1);
    assert!(touched(&engine).contains(&("latest-by-key (insert-only)", 10, 10)), "{:?}", touched(&engine));
    assert_figures("latest-by-key", true, last, (20, 20));
}

/// The operators of a view.
fn names(view: &str) -> Vec<&'static str> {
    touched(&engine(view, true)).iter().map(|node| node.0).collect()
}

#[test]
fn row_numbers_are_bounded_however_it_is_written() {
    for bound in [
        "rn <= 3",
        "rn < 4",
        "4 > rn",
        "3 >= rn",
        "rn = 2",
        "rn BETWEEN 2 AND 3",
        "rn >= 2 AND rn <= 3",
        "rn > 1 AND rn < 4",
        "1 < rn AND v > 0 AND 2 <= rn AND rn <= 5",
    ] {
        let numbered = "SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS rn FROM t";
        for view in [
            format!("SELECT k, v FROM ({numbered}) x WHERE {bound}"),
            format!("SELECT k, v, rn FROM ({numbered}) x WHERE {bound}"),
            format!("SELECT y.v, y.rn + 1 AS n FROM (SELECT x.* FROM ({numbered}) x) y WHERE {bound}"),
            format!("{numbered} QUALIFY {bound}"),
        ] {
            let names = names(&view);
            assert!(names.contains(&"top-n") && !names.contains(&"window"), "{view}: {names:?}");
        }
    }
    // Of numbers without an upper bound nothing can be forgotten.
    let view = "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) > 2";
    assert!(names(view).contains(&"window"));
}

#[test]
fn numbers_that_are_not_shown_change_nothing() {
    let numbered = "SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS rn FROM t";
    for (view, changes) in [
        (format!("SELECT k, v FROM ({numbered}) x WHERE rn <= 3"), 15),
        (format!("SELECT k, v FROM (SELECT k, v, rn FROM ({numbered}) x) y WHERE rn <= 3 AND v >= 0"), 15),
        (format!("SELECT k, v, rn FROM ({numbered}) x WHERE rn <= 3"), 25),
        (format!("SELECT k, v, rn + 1 AS n FROM ({numbered}) x WHERE rn <= 3"), 25),
        (format!("SELECT k, v FROM ({numbered}) x WHERE rn <= 3 AND v + rn >= 0"), 25),
        (format!("SELECT k, v FROM (SELECT k, v + rn AS v, rn FROM ({numbered}) x) y WHERE rn <= 3"), 25),
    ] {
        let mut engine = engine(&view, true);
        apply(&mut engine, 0..5, 1);
        apply(&mut engine, 0..5, 1);
        let explained = engine.explain("r").expect("the view");
        let from_top: Vec<usize> = explained.operators.iter().filter(|o| o.name == "top-n").map(|o| o.id).collect();
        let readers = explained.operators.iter().filter(|o| o.inputs.iter().any(|input| from_top.contains(input)));
        let came: u64 = readers.map(|o| o.figures.expect("it runs").changes).sum();
        assert_eq!(came, changes, "{view}");
    }
}

#[test]
fn comparisons_with_one_row_are_found_either_way_round() {
    for view in [
        "SELECT k, v FROM t CROSS JOIN clock WHERE to_timestamp_micros(v) <= as_of",
        "SELECT k, v FROM t CROSS JOIN clock WHERE as_of > to_timestamp_micros(v)",
        "SELECT k, v FROM clock CROSS JOIN t WHERE to_timestamp_micros(v) < as_of",
        "SELECT k, v FROM clock CROSS JOIN t WHERE as_of >= to_timestamp_micros(v)",
        "SELECT k, v FROM t WHERE v <= (SELECT COUNT(*) FROM u)",
        "SELECT k, v FROM t WHERE (SELECT COUNT(*) FROM u) < v",
    ] {
        assert!(names(view).contains(&"range filter"), "{view}: {:?}", names(view));
    }
    for view in [
        "SELECT k, v, as_of FROM t CROSS JOIN clock WHERE to_timestamp_micros(v) <= as_of",
        "SELECT k, v FROM t CROSS JOIN clock WHERE to_timestamp_micros(v) = as_of",
        "SELECT t.k, v FROM t CROSS JOIN u WHERE v < w",
    ] {
        assert!(!names(view).contains(&"range filter"), "{view}: {:?}", names(view));
    }
}

#[test]
fn range_filters_count_a_row_for_each_comparison() {
    let view = "SELECT k, v FROM t CROSS JOIN clock WHERE to_timestamp_micros(k) >= as_of \
                AND to_timestamp_micros(v) < as_of + INTERVAL '1 hour'";
    assert_figures("range filter", true, view, (0, 40));
    assert_figures("range filter", true, "SELECT k, v FROM t WHERE v <= (SELECT COUNT(*) FROM u)", (0, 20));
}
