//! A key with very many rows: what a change of it touches stays within the bound that `explain` prints.

use std::collections::BTreeMap;
use std::sync::Arc;

use rebateflow::engine::Engine;
use rebateflow::explain::{ExplainedOperator, Explanation};

use super::{engine, events};

/// Rows of the one key in `t`.
const HOT: i64 = 100_000;
/// Rows of the key in `u`, and of a hundred other keys in both.
const COLD: i64 = 3;

/// A view and a change of it.
struct Case {
    view: String,
    retractable: bool,
    /// The operator that the case is about.
    operator: &'static str,
    /// Table that changes, and the value of the new row.
    table: &'static str,
    value: i64,
    /// Rows that the change reaches beside its own, by what the SQL says.
    reach: u64,
}

fn case(operator: &'static str, view: &str) -> Case {
    Case { view: view.to_string(), retractable: true, operator, table: "t", value: HOT / 2, reach: 1 }
}

impl Case {
    fn at(self, value: i64) -> Case {
        Case { value, ..self }
    }
    fn reach(self, reach: u64) -> Case {
        Case { reach, ..self }
    }
    fn insert_only(self) -> Case {
        Case { retractable: false, ..self }
    }
    fn of(self, table: &'static str) -> Case {
        Case { table, ..self }
    }
}

/// State rows that `changes` changes may touch by what the operator says that one costs.
fn bound(operator: &ExplainedOperator, changes: u64, reach: u64) -> u64 {
    let rows = (HOT + 200) as u64;
    let logarithm = u64::from(rows.ilog2()) + 1;
    let cost = operator.cost.split(", at most").next().unwrap_or_default();
    let one = match cost {
        "passes on" | "never changes" | "1 row an element" => 0,
        _ if operator.name == "linear" => 0,
        // The old version, the new one and the look for it.
        "1 probe, 1 append" | "1 probe; 1 append for a new first row" => 3,
        "1 probe, 2 rows a group" => 4,
        "1 probe, 2 rows a group, a logarithm of the values kept" => 4 + logarithm,
        // A match may have been changed in this epoch: then both versions are looked at.
        "1 probe, 1 row a match" => 2 + 2 * reach,
        // A key of the right is looked for as it was and as it is.
        "1 probe; the left rows of a key that comes or goes" => 6 + 2 * reach,
        "1 row for each row of the other side" => 2 + 2 * reach,
        "a logarithm of the rows kept" => logarithm,
        "a logarithm of the rows kept; a move of the one row: the rows that it passes" => logarithm + reach,
        "a logarithm of the rows kept, and the first rows of a key that changes" => logarithm + 4 * (reach + 1),
        // Each row reached is found, read with its neighbours, and written.
        "a logarithm of the rows kept, and the rows that a change reaches" => logarithm + 16 * (reach + 1),
        "all rows of a partition that changes" | "the values of the group" => 4 * rows,
        other => panic!("{} says a cost without a bound: {other:?}", operator.name),
    };
    changes * one
}

fn apply(engine: &mut Engine, table: &str, rows: &[(i64, i64)], weight: i64) {
    let changes = BTreeMap::from([(Arc::from(table), events(engine, table, rows, weight))]);
    engine.apply(changes).expect("an epoch");
    engine.publish(vec![]).expect("a published epoch");
}

fn explained(engine: &Engine) -> Explanation {
    engine.explain("r").expect("the view")
}

fn assert_within_bound(case: &Case) {
    let mut engine = engine(&case.view, case.retractable);
    let cold: Vec<(i64, i64)> = (0..100 * COLD).map(|i| (i % 100, 2 * HOT + i)).collect();
    apply(&mut engine, "u", &cold, 1);
    apply(&mut engine, "t", &cold, 1);
    // Even values: the odd ones are for the change.
    let hot: Vec<(i64, i64)> = (0..HOT).map(|i| (0, 2 * i)).collect();
    hot.chunks(25_000).for_each(|rows| apply(&mut engine, "t", rows, 1));
    let before = explained(&engine);
    apply(&mut engine, case.table, &[(0, 2 * case.value + 1)], 1);
    if case.retractable {
        apply(&mut engine, case.table, &[(0, 2 * case.value + 1)], -1);
    }
    let after = explained(&engine);
    let mut met = false;
    for (old, new) in before.operators.iter().zip(&after.operators) {
        let (a, b) = (old.figures.unwrap_or_default(), new.figures.unwrap_or_default());
        let changes = b.changes - a.changes;
        let (read, written) = (b.rows_read - a.rows_read, b.rows_written - a.rows_written);
        let bound = bound(new, changes, case.reach);
        assert!(
            read + written <= bound,
            "{} of {}: {read} rows read and {written} written for {changes} changes, above {bound} ({})",
            new.name,
            case.view,
            new.cost
        );
        if new.name == case.operator && changes > 0 {
            met = true;
            println!("{:28} {changes:5} {read:6} {written:6} {bound:7}  {}", new.name, case.view);
        }
    }
    assert!(met, "no {} with changes in {}: {}", case.operator, case.view, after.render());
}

fn assert_all(cases: impl IntoIterator<Item = Case>) {
    cases.into_iter().for_each(|case| assert_within_bound(&case));
}

#[test]
fn joins_of_a_key_with_very_many_rows() {
    let cold = COLD as u64;
    assert_all([
        case("arrange", "SELECT k, v FROM t"),
        case("inner join", "SELECT t.k, v, w FROM t JOIN u ON t.k = u.k").reach(cold),
        case("inner join", "SELECT t.k, v, w FROM t JOIN u ON t.k = u.k AND v < w").reach(cold),
        case("inner join", "SELECT t.k, v, w FROM t LEFT JOIN u ON t.k = u.k AND v < w").reach(cold),
        case("anti join", "SELECT t.k, v, w FROM t LEFT JOIN u ON t.k = u.k AND v < w").reach(cold),
        case("semi join", "SELECT k, v FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k)"),
        case("anti join", "SELECT k, v FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k)"),
        case("semi join", "SELECT k, v FROM t WHERE k IN (SELECT k FROM u)"),
        // The many rows are on the side that is only looked into, and the key stays there.
        case("semi join", "SELECT k, w FROM u WHERE EXISTS (SELECT 1 FROM t WHERE u.k = t.k)").of("u"),
        case("semi join", "SELECT k, w FROM u WHERE EXISTS (SELECT 1 FROM t WHERE u.k = t.k)"),
        case("anti join", "SELECT k, w FROM u WHERE NOT EXISTS (SELECT 1 FROM t WHERE u.k = t.k)").of("u"),
        case("inner join", "SELECT k, v, (SELECT MAX(w) FROM u) AS m FROM t"),
    ]);
}

#[test]
fn groups_and_sets_with_very_many_rows() {
    assert_all([
        case("aggregate", "SELECT k, SUM(v) AS s, COUNT(*) AS n, AVG(v) AS a FROM t GROUP BY k"),
        case("aggregate", "SELECT k, MIN(v) AS lo, MAX(v) AS hi FROM t GROUP BY k").at(2 * HOT),
        case("aggregate", "SELECT k, COUNT(DISTINCT v) AS n, SUM(DISTINCT v) AS s FROM t GROUP BY k"),
        case("aggregate", "SELECT k, SUM(CAST(v AS DOUBLE)) AS s FROM t GROUP BY k"),
        case(
            "aggregate",
            "SELECT k, FIRST_VALUE(v ORDER BY v) AS f, NTH_VALUE(v, 3 ORDER BY v) AS n FROM t GROUP BY k",
        ),
        case("aggregate", "SELECT k, MEDIAN(v) AS m, STDDEV(v) AS s FROM t GROUP BY k"),
        case("aggregate", "SELECT k, v, COUNT(*) AS n FROM t GROUP BY GROUPING SETS ((k), (v), ())"),
        case("aggregate", "SELECT DISTINCT k FROM t"),
        case("aggregate", "SELECT k FROM t UNION SELECT k FROM u"),
        case("semi join", "SELECT k, v FROM t INTERSECT SELECT k, w FROM u"),
        case("anti join", "SELECT k, v FROM t EXCEPT SELECT k, w FROM u"),
        case("union all", "SELECT k, v FROM t UNION ALL SELECT k, w FROM u"),
        case("unnest", "SELECT k, UNNEST([v, v + 1]) AS e FROM t"),
        case("linear", "SELECT k, v + 1 AS v FROM t WHERE v >= 0"),
        case("range filter", "SELECT k, v FROM t WHERE v > (SELECT MAX(w) FROM u)"),
    ]);
}

#[test]
fn orders_with_very_many_rows() {
    let latest = "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1";
    assert_all([
        case("latest-by-key", latest).at(2 * HOT),
        case("latest-by-key (insert-only)", latest).at(2 * HOT).insert_only(),
        case("top-n", "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) <= 3").at(0).reach(3),
        case("top-n", "SELECT k, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) <= 3")
            .at(0)
            .reach(3)
            .insert_only(),
        case("top-n", "SELECT k, v FROM t ORDER BY k, v LIMIT 3 OFFSET 2").at(0).reach(5),
    ]);
}

fn window(function: &str) -> Case {
    case("window", &format!("SELECT k, v, {function} AS f FROM t"))
}

#[test]
fn frames_of_a_partition_with_very_many_rows() {
    assert_all([
        window("LAG(v, 2) OVER (PARTITION BY k ORDER BY v)").reach(2),
        window("LEAD(v) OVER (PARTITION BY k ORDER BY v DESC)"),
        window("SUM(v) OVER (PARTITION BY k ORDER BY v ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)").reach(3),
        window("COUNT(*) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN 6 PRECEDING AND 2 FOLLOWING)").reach(5),
        window("COUNT(*) OVER (PARTITION BY k ORDER BY v GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING)").reach(2),
        // All rows are peers: of no matter to functions that count rows.
        window("LAG(v) OVER (PARTITION BY k ORDER BY k)"),
        window("AVG(v) OVER (PARTITION BY k ORDER BY k ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)").reach(2),
        window("NTILE(4) OVER (PARTITION BY k ORDER BY v)"),
    ]);
}

#[test]
fn running_functions_of_a_partition_with_very_many_rows() {
    assert_all([
        window("MAX(v) OVER (PARTITION BY k ORDER BY v DESC)").at(0).reach(4),
        window("SUM(v) OVER (PARTITION BY k ORDER BY v DESC)").at(-1).reach(4),
        window("RANK() OVER (PARTITION BY k ORDER BY v DESC)").at(-1).reach(4),
        window("DENSE_RANK() OVER (PARTITION BY k ORDER BY v DESC)").at(-1).reach(4),
        window("ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC)").at(-1).reach(4),
        window("FIRST_VALUE(v) OVER (PARTITION BY k ORDER BY v ROWS UNBOUNDED PRECEDING)").reach(4),
        window("ROW_NUMBER() OVER (PARTITION BY k ORDER BY k)").at(3 * HOT).reach(4),
    ]);
}

#[test]
fn frames_that_end_away_from_the_row_and_values_counted_in_them() {
    assert_all([
        window("SUM(v) OVER (PARTITION BY k ORDER BY v DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)")
            .at(-1)
            .reach(5),
        window("COUNT(*) OVER (PARTITION BY k ORDER BY v DESC RANGE BETWEEN UNBOUNDED PRECEDING AND 3 FOLLOWING)")
            .at(-1)
            .reach(8),
        window("MAX(v) OVER (PARTITION BY k ORDER BY v DESC GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)")
            .reach(6),
        window("LAST_VALUE(v) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)")
            .reach(8),
        window("NTH_VALUE(v, 3) OVER (PARTITION BY k ORDER BY v)").reach(6),
        window("NTH_VALUE(v, -2) OVER (PARTITION BY k ORDER BY v)").reach(6),
        window("FIRST_VALUE(v) IGNORE NULLS OVER (PARTITION BY k ORDER BY v)").reach(6),
        window("LAST_VALUE(v) IGNORE NULLS OVER (PARTITION BY k ORDER BY v)").reach(6),
        window("LAG(v, 2) IGNORE NULLS OVER (PARTITION BY k ORDER BY v)").reach(6),
        // From the last row to the first.
        window("LEAD(v, 2) IGNORE NULLS OVER (PARTITION BY k ORDER BY v)").reach(6),
        window("SUM(v) OVER (PARTITION BY k ORDER BY v ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)")
            .at(-1)
            .reach(4),
        window("COUNT(*) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN 2 PRECEDING AND UNBOUNDED FOLLOWING)")
            .at(-1)
            .reach(4),
        window("LAST_VALUE(v) OVER (PARTITION BY k ORDER BY v ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)")
            .reach(6),
    ]);
}
