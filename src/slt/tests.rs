//! The runner itself: what it accepts, and that it finds what is wrong.

use super::{Runner, Schedule, Script};

const VIEW: &str = "
statement ok
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT)

statement ok
CREATE MATERIALIZED VIEW s AS SELECT k, SUM(v) AS v FROM t GROUP BY k

statement ok
INSERT INTO t VALUES ('a', 1), ('a', 2), ('b', NULL)
";

fn run(text: &str) -> Result<super::Report, String> {
    let script = Script::parse("test.slt", text).map_err(|e| e.to_string())?;
    let runner = Runner::with_schedules(&[Schedule::Together, Schedule::RowAnEpoch]).map_err(|e| e.to_string())?;
    runner.run(&script).map_err(|e| e.to_string())
}

#[test]
fn a_right_script_passes_under_every_schedule() {
    let report = run(&format!("{VIEW}\nquery TI rowsort\nSELECT * FROM s\n----\na 3\nb NULL\n")).expect("it passes");
    assert_eq!((report.queries, report.schedules, report.compared), (1, 4, 4));
}

#[test]
fn a_wrong_row_is_shown_with_its_place() {
    let error = run(&format!("{VIEW}\nquery TI rowsort\nSELECT * FROM s\n----\na 4\nb NULL\n")).expect_err("wrong");
    assert!(error.starts_with("test.slt:11: schedule: all at once\n"), "{error}");
    assert!(error.contains("- a 4\n") && error.contains("+ a 3\n"), "{error}");
}

#[test]
fn types_and_numbers_of_columns_are_checked() {
    let error = run(&format!("{VIEW}\nquery TT\nSELECT * FROM s\n----\n")).expect_err("a number is no text");
    assert!(error.contains("column v has type Int64"), "{error}");
    let error = run(&format!("{VIEW}\nquery T\nSELECT * FROM s\n----\n")).expect_err("two columns");
    assert!(error.contains("has 2 columns, 1 were expected"), "{error}");
}

#[test]
fn an_expected_error_must_come_and_match() {
    let wrong = "statement error no such thing\nCREATE TABLE t (k NONSENSE)\n";
    assert!(run(wrong).expect_err("another error").contains("another error than expected"));
    let accepted = "statement error\nCREATE TABLE t (k BIGINT)\n";
    assert!(run(accepted).expect_err("accepted").contains("was accepted"));
    assert!(run("statement error unsupported column type\nCREATE TABLE t (k NONSENSE)\n").is_ok());
}

#[test]
fn corrections_become_events() {
    let text = format!(
        "{VIEW}\nstatement ok\nUPDATE t SET v = v + 10 WHERE k = 'a' AND v = 1\n\n\
         statement ok\nDELETE FROM t WHERE k = 'b'\n\n\
         query TI\nSELECT * FROM s\n----\na 13\n\nquery TI rowsort\nSELECT * FROM t\n----\na 11\na 2\n"
    );
    assert_eq!(run(&text).expect("it passes").queries, 2);
}
