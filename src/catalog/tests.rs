//! Tests of the catalog as a whole: order, adding one by one, loading from files.

use std::fs;
use std::path::Path;

use super::*;
use crate::error::{Error, ErrorKind};

fn definitions(text: &str) -> Vec<Definition> {
    parse_definitions(&SourceFile::new("test.sql", text)).expect("definitions")
}

fn view_names(catalog: &Catalog) -> Vec<&str> {
    catalog.views.iter().map(|view| view.name.as_str()).collect()
}

/// Writes files `schemas/...` and `sql/...` and loads them.
fn load(files: &[(&str, &str)]) -> Result<Catalog, Error> {
    let directory = tempfile::tempdir().expect("a directory");
    for side in ["schemas", "sql"] {
        fs::create_dir(directory.path().join(side)).expect("a directory");
    }
    for (path, text) in files {
        fs::write(directory.path().join(path), text).expect("a file");
    }
    Catalog::load(&directory.path().join("schemas"), &directory.path().join("sql"))
}

/// First message and number of diagnostics.
fn faults(files: &[(&str, &str)]) -> (String, usize) {
    let error = load(files).expect_err("faults");
    (error.message.clone(), error.diagnostics.len())
}

#[test]
fn a_table_keeps_everything_that_was_declared() {
    let sql = "CREATE TABLE Orders (A VARCHAR, \"B\" BIGINT, gone BOOLEAN, n INT NOT NULL, PRIMARY KEY (n, a))
  WITH (version = '\"B\"', deleted = 'GONE', unknown_fields = 'reject')";
    let parsed = definitions(&format!("-- About.\n{sql};\n-- After."));
    let [Definition::Table(table)] = parsed.as_slice() else { panic!("one table") };
    assert_eq!((table.name.as_str(), table.topic.as_str(), table.sql.as_str()), ("orders", "orders", sql));
    let columns: Vec<_> = table.columns.iter().map(|column| (column.name.as_str(), column.nullable)).collect();
    assert_eq!(columns, [("a", false), ("B", true), ("gone", true), ("n", false)]);
    let upsert = Upsert { key: vec![3, 0], version: Some(1), deleted: Some(2), key_format: KeyFormat::Json };
    assert_eq!((table.upsert.as_ref(), table.unknown_fields), (Some(&upsert), UnknownFields::Reject));
}

#[test]
fn the_usual_options_of_a_table() {
    let parsed =
        definitions("CREATE TABLE a (id VARCHAR PRIMARY KEY); CREATE TABLE b (id VARCHAR) WITH (topic = 'B.1');");
    let [Definition::Table(a), Definition::Table(b)] = parsed.as_slice() else { panic!("two tables") };
    let upsert = Upsert { key: vec![0], version: None, deleted: None, key_format: KeyFormat::Raw };
    assert_eq!((a.upsert.as_ref(), a.unknown_fields), (Some(&upsert), UnknownFields::Keep));
    assert_eq!((b.topic.as_str(), b.upsert.as_ref()), ("B.1", None));
    assert_eq!(b.sql, "CREATE TABLE b (id VARCHAR) WITH (topic = 'B.1')");
}

#[test]
fn a_retention_is_whole_hours_or_days() {
    let text = |value: &str| format!("CREATE TABLE a (x BIGINT) WITH (retention = '{value}')");
    let hour = 3_600_000_000;
    for (value, hours) in [("1 hour", 1), ("36 hours", 36), ("1 day", 24), ("400 days", 9_600), ("36500 days", 876_000)]
    {
        match &definitions(&text(value))[..] {
            [Definition::Table(table)] => assert_eq!(table.retention_us, Some(hours * hour), "{value}"),
            other => panic!("{other:?}"),
        }
    }
    let more = "9223372036854775807 days";
    for value in
        ["", "400", "400days", "0 days", "1.5 days", "+1 day", "-1 days", "1  day", "1 Day", "36501 days", more]
    {
        let faults = parse_definitions(&SourceFile::new("a.sql", text(value))).expect_err("a fault");
        let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(messages, [format!("option `retention` cannot be '{value}'")]);
    }
}

#[test]
fn a_view_keeps_its_options_and_reads() {
    let parsed = definitions(
        "CREATE MATERIALIZED VIEW v WITH (key = 'a, \"B\"', history = 'changes', on_error = 'refuse')
         AS SELECT * FROM T JOIN \"U\" ON true JOIN t AS again ON true; CREATE VIEW w AS SELECT 1 AS x",
    );
    let [Definition::View(v), Definition::View(w)] = parsed.as_slice() else { panic!("two views") };
    assert_eq!(v.key, Some(vec!["a".to_string(), "B".to_string()]));
    assert_eq!((v.materialized, v.history, v.on_error), (true, History::Changes, OnError::Refuse));
    assert_eq!(v.reads, ["t", "U"]);
    assert_eq!((w.materialized, w.history, w.on_error, w.key.as_ref()), (false, History::None, OnError::Count, None));
}

#[test]
fn views_come_in_dependency_order() {
    let catalog = Catalog::from_definitions(definitions(
        "CREATE VIEW c AS SELECT * FROM b JOIN a ON true; CREATE VIEW b AS SELECT * FROM a;
         CREATE VIEW d AS SELECT * FROM t;
         CREATE VIEW a AS SELECT * FROM t; CREATE TABLE t (x BIGINT);",
    ))
    .expect("a catalog");
    assert_eq!(view_names(&catalog), ["d", "a", "b", "c"]);
}

#[test]
fn definitions_are_added_one_by_one_or_not_at_all() {
    let mut catalog = Catalog::default();
    for definition in
        definitions("CREATE TABLE t (x BIGINT); CREATE VIEW v AS SELECT x FROM t; CREATE VIEW w AS SELECT x FROM v")
    {
        catalog.add(definition).expect("fits");
    }
    let mut refused = |text: &str| {
        let definition = definitions(text).remove(0);
        let error = catalog.add(definition).expect_err("does not fit");
        assert!(error.to_string().contains('^'), "{error}");
        error.message
    };
    assert_eq!(refused("CREATE VIEW t AS SELECT 1 AS x"), "`t` is defined twice");
    assert_eq!(refused("CREATE TABLE v (x BIGINT)"), "`v` is defined twice");
    assert_eq!(refused("CREATE TABLE u (x BIGINT) WITH (topic = 't')"), "topic 't' belongs to table `t` already");
    assert_eq!(refused("CREATE VIEW z AS SELECT * FROM nowhere"), "`nowhere` is neither a table nor a view");
    assert_eq!(refused("CREATE VIEW z AS SELECT * FROM z"), "views read each other in a cycle: z -> z");
    assert_eq!(catalog.names().collect::<Vec<_>>(), ["t", "v", "w"]);
    assert_eq!(catalog.table("t").map(|table| table.columns.len()), Some(1));
    assert_eq!(catalog.view("w").map(|view| view.reads.clone()), Some(vec!["v".to_string()]));
}

#[test]
fn a_file_holds_one_definition_of_its_name_in_its_directory() {
    let table = ("schemas/t.sql", "CREATE TABLE t (x BIGINT);");
    let catalog = load(&[
        table,
        ("sql/v.sql", "CREATE VIEW v AS SELECT x FROM t"),
        ("sql/.v.sql.swp", "?"),
        ("sql/notes.md", "?"),
    ]);
    assert_eq!(catalog.expect("a catalog").names().collect::<Vec<_>>(), ["t", "v"]);
    let one = |path: &str, text: &str| faults(&[table, (path, text)]);
    assert_eq!(one("sql/w.sql", "CREATE VIEW v AS SELECT x FROM t"), ("file `w.sql` defines `v`".to_string(), 1));
    assert_eq!(
        one("sql/u.sql", "CREATE TABLE u (x BIGINT)"),
        ("a table belongs to the directory of the schemas".to_string(), 1)
    );
    assert_eq!(one("sql/v.sql", "-- Later.\n"), ("this file defines nothing".to_string(), 1));
    let two = "CREATE VIEW v AS SELECT x FROM t; CREATE VIEW w AS SELECT x FROM t;";
    assert_eq!(one("sql/v.sql", two), ("a file holds one definition".to_string(), 1));
    assert_eq!(one("sql/t.sql", "CREATE VIEW t AS SELECT 1 AS x"), ("`t` is defined twice".to_string(), 1));
}

#[test]
fn a_byte_order_mark_is_no_sql() {
    let catalog = load(&[("schemas/a.sql", "\u{feff}CREATE TABLE a (x BIGINT)")]).expect("a table");
    assert_eq!(catalog.tables[0].sql, "CREATE TABLE a (x BIGINT)");
}

#[test]
fn faults_of_all_files_are_reported_and_those_that_follow_from_others_are_not() {
    let (_, count) = faults(&[
        ("schemas/a.sql", "CREATE TABLE a (x JSON, y REAL)"),
        ("schemas/b.sql", "CREATE TABLE b (x BIGINT"),
        ("sql/v.sql", "CREATE VIEW v AS SELECT * FROM a JOIN b ON true JOIN c ON true"),
    ]);
    assert_eq!(count, 4, "two types, one syntax error, and `c`; not `a` and `b`");
}

#[test]
fn a_missing_directory_says_what_to_do() {
    let error = Catalog::load(Path::new("nowhere/schemas"), Path::new("nowhere/sql")).expect_err("no directory");
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound, "cannot read directory `nowhere/schemas`"));
    assert_eq!(error.hint.as_deref(), Some("give the directories with --schemas DIR and --sql DIR"));
}
