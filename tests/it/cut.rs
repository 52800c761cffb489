//! The part of the product's catalog that tests and measurements of the whole program run: four views and what they
//! read, as files with topics of their own.

use std::fs;
use std::io;
use std::path::Path;

use rebateflow::catalog::Catalog;
use rebateflow::demo::TOPICS;

/// The views that are compared.
pub const VIEWS: [&str; 4] = ["txn_latest", "rebate_line", "user_rebate_balance", "stock_available"];

/// The views with all that they read, tables and views.
pub fn catalog() -> Catalog {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let whole = Catalog::load(&top.join("schemas"), &top.join("sql")).expect("the product's catalog");
    whole.of_views(&VIEWS.map(str::to_string)).expect("views of the product")
}

/// The tables of the cut that the generator fills.
pub fn filled() -> Vec<&'static str> {
    let cut = catalog();
    TOPICS.iter().copied().filter(|topic| cut.table(topic).is_some()).collect()
}

/// Copies the files of the cut to `schemas` and `sql` of a directory, each topic renamed.
pub fn write(directory: &Path, topic_of: impl Fn(&str) -> String) -> io::Result<()> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cut = catalog();
    for kind in ["schemas", "sql"] {
        fs::create_dir_all(directory.join(kind))?;
    }
    for table in &cut.tables {
        let file = format!("schemas/{}.sql", table.name);
        let text = fs::read_to_string(top.join(&file))?;
        let named = format!("topic = '{}'", table.topic);
        assert_eq!(text.matches(&named).count(), 1, "{file} names its topic once");
        let text = text.replace(&named, &format!("topic = '{}'", topic_of(&table.topic)));
        fs::write(directory.join(file), text)?;
    }
    for view in &cut.views {
        let file = format!("sql/{}.sql", view.name);
        fs::copy(top.join(&file), directory.join(file))?;
    }
    Ok(())
}
