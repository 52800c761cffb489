//! `rebateflow check`: everything that is wrong or doubtful about tables and views, then what each view is.
//!
//! Errors and warnings go to stderr, each with file, line, column and caret; the views to stdout. A fault hides nothing:
//! views that read what is faulty are named in a line, all others are checked.

use std::collections::BTreeMap;

use clap::Args;
use datafusion::sql::sqlparser::ast::Spanned;

use super::arguments::CatalogArguments;
use crate::catalog::{Catalog, History, View};
use crate::clock::Clock;
use crate::engine::{Checked, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::explain::counted;
use crate::history::Store;
use crate::planner::ViewPlan;
use crate::query::type_name;
use crate::recovery;

/// Flags of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// A data directory: say which views a start on it would compute anew. Nothing in it is changed.
    #[arg(long, value_name = "DIR|URL")]
    data: Option<String>,
    #[command(flatten)]
    catalog: CatalogArguments,
}

/// Prints what was found; an error if anything is wrong.
pub(super) fn check(arguments: &CheckArguments) -> Result<()> {
    let settings = arguments.catalog.settings()?;
    let loaded = Catalog::load_sound(&settings.schemas, &settings.sql)?;
    let Checked { engine, faults, unchecked } = Engine::check(&loaded.catalog, &loaded.faulty, Clock::System)?;
    let errors: Vec<String> = loaded.faults.iter().chain(&faults).map(|fault| fault.render()).collect();
    let warnings: Vec<String> = engine.views().flat_map(|view| warnings(&engine, view)).collect();
    for text in errors.iter().chain(&warnings) {
        tell!("{text}\n");
    }
    for (view, read) in &unchecked {
        tell!("note: view {view} is not checked: it reads {read}, which has errors");
    }
    let rebuilt = match &arguments.data {
        Some(data) => stored(&engine, &loaded.catalog, data)?,
        None => BTreeMap::new(),
    };
    for view in engine.views() {
        if let Some(planned) = engine.planned(&view.name) {
            say!("{}", described(&engine, view, planned, rebuilt.get(&view.name)));
        }
    }
    let tables = loaded.catalog.tables.len();
    let views = loaded.catalog.views.len();
    let summary = [(tables, "table"), (views, "view"), (errors.len(), "error"), (warnings.len(), "warning")];
    say!("{}", summary.map(|(number, what)| counted(number, what)).join(", "));
    match errors.len() {
        0 => Ok(()),
        many => Err(Error::invalid(counted(many, "error"))),
    }
}

/// The warnings of a view, at their places where they have one.
fn warnings(engine: &Engine, view: &View) -> Vec<String> {
    let planned = engine.planned(&view.name).map_or(&[][..], |planned| &planned.warnings);
    let mut texts: Vec<String> = planned.iter().map(|warning| warning.render_warning()).collect();
    let placed = |text: &String| planned.iter().any(|warning| warning.message == *text);
    let explained = engine.explain_planned(&view.name).map_or(vec![], |explanation| explanation.warnings);
    texts.extend(explained.iter().filter(|text| !placed(text)).map(|text| {
        view.source
            .diagnostic(ErrorKind::Refused, view.query.span(), format!("view {}: {text}", view.name))
            .render_warning()
    }));
    texts
}

/// What a start on the data directory would do with each kept view.
fn stored(engine: &Engine, catalog: &Catalog, data: &str) -> Result<BTreeMap<String, String>> {
    let views = engine.kept_views();
    let rebuilt = recovery::would_rebuild(&Store::open_existing(data)?, &catalog.tables, &views)?;
    let fate = |name: &str| match &rebuilt {
        None => "nothing is stored yet".to_string(),
        Some(rebuilt) if rebuilt.contains(name) => "new or changed: the next start begins a new generation".to_string(),
        Some(_) => "as stored: the next start goes on with it".to_string(),
    };
    Ok(views.iter().map(|view| (view.name.clone(), fate(&view.name))).collect())
}

/// A view in a few lines.
fn described(engine: &Engine, view: &View, planned: &ViewPlan, stored: Option<&String>) -> String {
    let columns = planned.schema.fields().iter();
    let columns: Vec<String> = columns.map(|f| format!("{} {}", f.name(), type_name(f.data_type()))).collect();
    let history = match view.history {
        History::Changes => "changes are kept",
        History::None => "none",
    };
    let mut lines = vec![
        format!("view {}", view.name),
        format!("  key      {}", key(engine, view, planned)),
        format!("  columns  {}", columns.join(", ")),
    ];
    if let Some(explanation) = engine.explain_planned(&view.name) {
        lines.insert(2, format!("  class    {}", explanation.class));
        lines.extend(explanation.warnings.iter().map(|warning| format!("  warning  {warning}")));
    }
    lines.push(match stored {
        Some(fate) => format!("  history  {history}; {fate}"),
        None => format!("  history  {history}"),
    });
    lines.push(String::new());
    lines.join("\n")
}

fn key(engine: &Engine, view: &View, planned: &ViewPlan) -> String {
    let published = engine.output(&view.name);
    let Some(output) = published.filter(|output| !output.key.is_empty()) else {
        return "none: found by scan only".to_string();
    };
    let names: Vec<&str> = output.key.iter().map(|&c| output.schema.field(c).name().as_str()).collect();
    let proof = match planned.plan.key_proof().filter(|_| output.unique) {
        Some(proof) => format!("unique, proved by {proof}"),
        None => "not proved to be unique: a lookup may give several rows".to_string(),
    };
    format!("{}: {proof}", names.join(", "))
}
