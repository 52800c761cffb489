//! The commands that need no broker, as the real binary: explain, check, test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What a command printed, and whether it succeeded.
struct Ran {
    succeeded: bool,
    out: String,
    err: String,
}

fn run(directory: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rebateflow"));
    // Only what a test says: no settings of the one who runs it.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REBATEFLOW_")) {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } =
        command.current_dir(directory).args(arguments).output().expect("the binary can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { succeeded: status.success(), out: text(stdout), err: text(stderr) }
}

fn product() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A directory with one table and these views.
fn project(views: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["sql", "schemas"] {
        fs::create_dir(directory.path().join(name)).expect("created");
    }
    let table = "CREATE TABLE sale (shop VARCHAR NOT NULL, price DECIMAL(18,2), pieces BIGINT)\n\
                 WITH (topic = 'sale', format = 'json');\n";
    fs::write(directory.path().join("schemas/sale.sql"), table).expect("written");
    for (name, sql) in views {
        fs::write(directory.path().join(format!("sql/{name}.sql")), sql).expect("written");
    }
    directory
}

const TOTAL: (&str, &str) = (
    "total",
    "CREATE MATERIALIZED VIEW total WITH (key = 'shop', history = 'changes')\n\
     AS SELECT shop, SUM(price) AS price FROM sale GROUP BY shop;\n",
);

#[test]
fn explain_prints_the_operators_of_a_view() {
    let ran = run(&product(), &["explain", "user_rebate_balance"]);
    assert!(ran.succeeded, "{}", ran.err);
    assert!(ran.out.starts_with("view user_rebate_balance: incremental\n"), "{}", ran.out);
    for text in ["aggregate (user_id, currency)", "totals of each group", "view rebate_line (platform, order_line_id)"]
    {
        assert!(ran.out.contains(text), "no {text} in\n{}", ran.out);
    }
    // What rebate_line reads is its own business.
    assert!(!ran.out.contains("table affiliate_txn"), "{}", ran.out);
    let ran = run(&product(), &["explain", "rebate_line"]);
    assert!(ran.out.contains("inner join (t.platform = platform, t.merchant_id = merchant_id)"), "{}", ran.out);
    assert!(ran.out.contains("table rate_rules"), "{}", ran.out);
    let ran = run(&product(), &["explain", "nothing"]);
    assert!(!ran.succeeded && ran.err.contains("there is no view nothing\n  hint: the views are: "), "{}", ran.err);
}

#[test]
fn explain_marks_operators_that_views_share() {
    let again = "CREATE MATERIALIZED VIEW again AS SELECT shop, SUM(price) AS price FROM sale GROUP BY shop;\n";
    let directory = project(&[TOTAL, ("again", again)]);
    let ran = run(directory.path(), &["explain", "total"]);
    let lines: Vec<&str> = ran.out.lines().filter(|line| line.contains("aggregate")).collect();
    assert!(lines.len() == 1 && lines[0].ends_with("again"), "{}\n{}", ran.out, ran.err);
}

#[test]
fn explain_marks_unions_that_views_share_under_other_names() {
    let view = |view: &str, column: &str| {
        format!(
            "CREATE MATERIALIZED VIEW {view} AS SELECT {column}, COUNT(*) AS n FROM \
             (SELECT shop AS {column} FROM sale UNION ALL SELECT CAST(pieces AS VARCHAR) FROM sale) GROUP BY {column};\n"
        )
    };
    let (one, other) = (view("one", "x"), view("other", "y"));
    let directory = project(&[("one", one.as_str()), ("other", other.as_str())]);
    let ran = run(directory.path(), &["explain", "one"]);
    let lines: Vec<&str> = ran.out.lines().filter(|line| line.contains("union all")).collect();
    assert!(lines.len() == 1 && lines[0].ends_with("other"), "{}\n{}", ran.out, ran.err);
}

#[test]
fn check_says_everything_at_once() {
    let directory = project(&[
        TOTAL,
        ("broken", "CREATE MATERIALIZED VIEW broken AS\nSELECT shop, colour FROM sale;\n"),
        ("reader", "CREATE MATERIALIZED VIEW reader AS SELECT shop FROM broken;\n"),
        ("reader_of_reader", "CREATE MATERIALIZED VIEW reader_of_reader AS SELECT shop FROM reader;\n"),
        ("lost", "CREATE MATERIALIZED VIEW lost AS SELECT shop FROM sales;\n"),
        ("keyed", "CREATE MATERIALIZED VIEW keyed WITH (key = 'colour') AS SELECT shop FROM sale;\n"),
        ("syntax", "CREATE MATERIALIZED VIEW syntax AS SELEC shop FROM sale;\n"),
    ]);
    let ran = run(directory.path(), &["check"]);
    assert!(!ran.succeeded);
    for text in [
        "./sql/broken.sql:2:14",
        "./sql/lost.sql:1:51",
        "./sql/keyed.sql:1:",
        "./sql/syntax.sql:1:",
        "note: view reader is not checked: it reads broken, which has errors\n",
        "note: view reader_of_reader is not checked: it reads reader, which has errors\n",
        "error: 4 errors\n",
    ] {
        assert!(ran.err.contains(text), "no {text} in\n{}", ran.err);
    }
    assert_eq!(ran.err.matches("column 'colour' not found").count(), 1, "{}", ran.err);
    assert!(ran.out.contains("view total\n  key      shop: unique, proved by GROUP BY\n"), "{}", ran.out);
    assert!(ran.out.ends_with("4 errors, 0 warnings\n"), "{}", ran.out);
}

/// Views of a project with a key, and what proves it.
const PROVED: [(&str, &str, &str, &str); 16] = [
    ("by_shop", "SELECT shop, SUM(pieces) AS n FROM sale GROUP BY shop", "shop", "GROUP BY"),
    ("by_price", "SELECT price, COUNT(*) AS n FROM sale GROUP BY price", "price", "GROUP BY"),
    (
        "most",
        "SELECT * FROM sale QUALIFY ROW_NUMBER() OVER (PARTITION BY shop ORDER BY pieces DESC) = 1",
        "shop",
        "the first row of each key",
    ),
    ("some", "SELECT shop, n FROM by_shop WHERE n > 0", "shop", "view by_shop"),
    ("few", "SELECT shop, n FROM by_shop WHERE n < (SELECT COUNT(*) FROM sale)", "shop", "view by_shop"),
    (
        "left_key",
        "SELECT a.shop, n, b.price FROM by_shop a JOIN most b ON a.shop = b.shop",
        "shop",
        "the keys of both sides (view by_shop; view most)",
    ),
    (
        "right_key",
        "SELECT b.price, b.n, a.shop FROM by_price b JOIN most a ON a.price = b.price",
        "shop",
        "the keys of both sides (view by_price; view most)",
    ),
    (
        "both_keys",
        "SELECT a.shop, b.price, b.n FROM by_shop a JOIN by_price b ON a.n = b.n",
        "shop, price",
        "the keys of both sides (view by_shop; view by_price)",
    ),
    (
        "same_proof",
        "SELECT shop, price FROM (SELECT shop, MAX(pieces) AS p FROM sale GROUP BY shop) a \
         JOIN (SELECT price, MIN(pieces) AS p FROM sale GROUP BY price) b ON a.p = b.p",
        "shop, price",
        "the keys of both sides (GROUP BY)",
    ),
    (
        "outer_left",
        "SELECT a.shop, n, b.price FROM by_shop a LEFT JOIN most b ON a.shop = b.shop",
        "shop",
        "its operator",
    ),
    (
        "outer_right",
        "SELECT b.shop, n, b.price FROM by_shop a RIGHT JOIN most b ON a.shop = b.shop",
        "shop",
        "its operator",
    ),
    ("within", "SELECT shop, n FROM by_shop WHERE shop IN (SELECT shop FROM most)", "shop", "view by_shop"),
    (
        "without",
        "SELECT shop, n FROM by_shop a WHERE NOT EXISTS (SELECT 1 FROM most b WHERE b.shop = a.shop)",
        "shop",
        "view by_shop",
    ),
    (
        "third",
        "SELECT shop, pieces FROM sale QUALIFY ROW_NUMBER() OVER (PARTITION BY shop ORDER BY pieces) = 3",
        "shop",
        "its operator",
    ),
    (
        "numbered",
        "SELECT shop, pieces, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY pieces) AS n FROM sale QUALIFY n <= 3",
        "shop, n",
        "its operator",
    ),
    ("marked", "SELECT shop, n FROM by_shop WHERE n > 5 OR shop IN (SELECT shop FROM most)", "shop", "its operator"),
];

#[test]
fn check_says_what_proves_each_key() {
    let text = |(name, sql, key, _): &(&'static str, &str, &str, &str)| {
        (*name, format!("CREATE MATERIALIZED VIEW {name} WITH (key = '{key}', history = 'changes') AS {sql};\n"))
    };
    let texts: Vec<(&str, String)> = PROVED.iter().map(text).collect();
    let views: Vec<(&str, &str)> = texts.iter().map(|(name, sql)| (*name, sql.as_str())).collect();
    let directory = project(&views);
    let ran = run(directory.path(), &["check"]);
    assert!(ran.succeeded, "{}", ran.err);
    for (name, _, key, proof) in PROVED {
        let line = format!("view {name}\n  key      {key}: unique, proved by {proof}\n");
        assert!(ran.out.contains(&line), "no {line} in\n{}", ran.out);
    }
}

#[test]
fn keys_of_joins_with_several_matches_are_not_unique() {
    let by_shop = "CREATE MATERIALIZED VIEW by_shop AS SELECT shop, SUM(pieces) AS n FROM sale GROUP BY shop;\n";
    for (sql, key) in [
        ("SELECT a.shop, n, s.price FROM by_shop a LEFT JOIN sale s ON a.shop = s.shop", "shop"),
        ("SELECT s.shop, n, s.price FROM by_shop a RIGHT JOIN sale s ON a.shop = s.shop", "shop"),
        ("SELECT a.shop, b.n FROM by_shop a LEFT JOIN by_shop b ON a.n = b.n", "shop"),
        ("SELECT b.shop, a.n FROM by_shop a RIGHT JOIN by_shop b ON a.n = b.n", "shop"),
        ("SELECT a.shop, b.n FROM by_shop a JOIN by_shop b ON a.n = b.n", "shop"),
        ("SELECT shop, n FROM by_shop QUALIFY ROW_NUMBER() OVER (PARTITION BY n ORDER BY shop) <= 3", "n"),
        ("SELECT a.shop, b.n FROM by_shop a FULL JOIN by_shop b ON a.shop = b.shop", "shop"),
    ] {
        let keyed = format!("CREATE MATERIALIZED VIEW keyed WITH (key = '{key}') AS {sql};\n");
        let ran = run(project(&[("by_shop", by_shop), ("keyed", keyed.as_str())]).path(), &["check"]);
        let line = format!("view keyed\n  key      {key}: not proved to be unique");
        assert!(ran.out.contains(&line), "{sql}\n{}{}", ran.out, ran.err);
    }
}

#[test]
fn check_warns_of_money_that_becomes_a_float() {
    let directory = project(&[
        ("plain", "CREATE VIEW plain AS SELECT shop, price * 2 AS double_price FROM sale;\n"),
        (
            "floats",
            "CREATE MATERIALIZED VIEW floats AS\n\
             SELECT shop, CAST(SUM(double_price) AS DOUBLE) / 3 AS share, CAST(COUNT(*) AS DOUBLE) AS n\n\
             FROM plain GROUP BY shop;\n",
        ),
        (
            "behind",
            "CREATE MATERIALIZED VIEW behind AS\n\
             SELECT UNNEST(named_struct('shop', shop, 'n', pieces)), CAST(price AS DOUBLE) AS p FROM sale;\n",
        ),
        (
            "fine",
            "CREATE MATERIALIZED VIEW fine AS SELECT shop, CAST(pieces AS DOUBLE) AS n FROM sale WHERE price > 1;\n",
        ),
    ]);
    let ran = run(directory.path(), &["check"]);
    assert!(ran.succeeded, "{}", ran.err);
    let message = "warning: column share is a float and comes from the decimal sale.price";
    assert!(ran.err.contains(message) && ran.err.contains("./sql/floats.sql:2:19"), "{}", ran.err);
    // A column after those of a struct.
    let message = "warning: column p is a float and comes from the decimal sale.price";
    assert!(ran.err.contains(message) && ran.err.contains("./sql/behind.sql:2:"), "{}", ran.err);
    assert_eq!(ran.err.matches("warning:").count(), 2, "{}", ran.err);
    assert!(ran.out.contains("1 table, 4 views, 0 errors, 2 warnings\n"), "{}", ran.out);
    assert!(ran.out.contains("view fine\n  key      none: found by scan only\n"), "{}", ran.out);
}

#[test]
fn test_runs_scripts_over_the_project() {
    let directory = project(&[TOTAL]);
    let script = |answer: &str| {
        format!(
            "statement ok\nINSERT INTO sale VALUES ('a', 1.50, 1), ('b', 2, 1), ('a', 3, 2)\n\n\
             statement ok\nDELETE FROM sale WHERE price = 3\n\n\
             query TR rowsort\nSELECT * FROM total\n----\n{answer}\nb 2.00\n"
        )
    };
    let nested = directory.path().join("tests/nested");
    fs::create_dir_all(&nested).expect("created");
    fs::write(nested.join("right.slt"), script("a 1.50")).expect("written");
    fs::write(nested.join("no_script.txt"), "nonsense").expect("written");
    let arguments = ["test", "tests", "--sql", "sql", "--schemas", "schemas"];
    let ran = run(directory.path(), &arguments);
    assert!(ran.succeeded, "{}", ran.err);
    assert!(ran.out.starts_with("1 file, 1 query, 12 comparisons with the batch answer, 0 failed, "), "{}", ran.out);
    fs::write(nested.join("wrong.slt"), script("a 4.50")).expect("written");
    let ran = run(directory.path(), &arguments);
    assert!(!ran.succeeded);
    assert!(ran.err.contains("wrong.slt:7: schedule: all at once\n"), "{}", ran.err);
    assert!(ran.err.contains("  - a 4.50\n  + a 1.50\n"), "{}", ran.err);
    assert!(ran.err.ends_with("error: 1 of 2 test scripts failed\n"), "{}", ran.err);
    let ran = run(directory.path(), &["test", "tests/nested/right.slt"]);
    assert!(!ran.succeeded && ran.err.contains("there is no table sale"), "{}", ran.err);
    let ran = run(directory.path(), &["test", "sql"]);
    assert!(!ran.succeeded && ran.err.contains("there is no test script in sql"), "{}", ran.err);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let directory = project(&[TOTAL]);
    for closes_out in [true, false] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebateflow"));
        let directory = directory.path();
        command.current_dir(directory).args(["check"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        // Before a line is written, or while: both ends are told in the same way.
        if closes_out {
            drop(child.stdout.take())
        } else {
            drop(child.stderr.take())
        }
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn sql_that_is_long_needs_no_more_stack_than_there_is() {
    let all = vec!["SELECT shop FROM sale"; 1_000].join(" UNION ALL ");
    let any: Vec<String> = (0..1_500).map(|n| format!("pieces = {n}")).collect();
    let sum = vec!["pieces"; 400].join(" + ");
    let directory = project(&[
        ("united", &format!("CREATE MATERIALIZED VIEW united AS {all};")),
        ("chosen", &format!("CREATE MATERIALIZED VIEW chosen AS SELECT shop FROM sale WHERE {};", any.join(" OR "))),
        ("added", &format!("CREATE MATERIALIZED VIEW added AS SELECT shop, {sum} AS pieces FROM sale;")),
    ]);
    let ran = run(directory.path(), &["check"]);
    assert!(ran.succeeded, "{}", ran.err);
    assert!(ran.out.contains("1 table, 3 views, 0 errors"), "{}", ran.out);
}

#[test]
fn plain_views_that_double_each_other_are_too_many() {
    let names: Vec<(String, String)> = (1..30)
        .map(|n| {
            let before = n - 1;
            let sql = format!("CREATE VIEW n{n} AS SELECT shop FROM n{before} UNION ALL SELECT shop FROM n{before};");
            (format!("n{n}"), sql)
        })
        .collect();
    let mut views: Vec<(&str, &str)> = names.iter().map(|(name, sql)| (&**name, &**sql)).collect();
    views.push(("n0", "CREATE VIEW n0 AS SELECT shop FROM sale;"));
    let ran = run(project(&views).path(), &["check"]);
    assert!(!ran.succeeded);
    let said = "with its names spelled out the query has more than 20000 expressions";
    assert!(ran.err.contains(said), "{}", ran.err);
}
