//! A definition: what one CREATE statement says.

use datafusion::sql::sqlparser::ast::Statement;

use super::source::{Faults, SourceFile};
use super::statement::{self, Parsed};
use super::table::Table;
use super::view::View;
use super::{table_definition, view_definition};
use crate::error::Diagnostic;

/// A table or a view, checked by itself and not yet against others.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "definitions are few and soon taken apart")]
pub enum Definition {
    Table(Table),
    View(View),
}

impl Definition {
    pub fn name(&self) -> &str {
        match self {
            Definition::Table(table) => &table.name,
            Definition::View(view) => &view.name,
        }
    }
}

/// All statements of a file; every fault found, each with its place.
pub fn parse_definitions(source: &SourceFile) -> Result<Vec<Definition>, Vec<Diagnostic>> {
    let mut faults = Faults::new(source);
    let parsed = statement::parse(source, &mut faults);
    let definitions: Vec<Definition> =
        parsed.iter().filter_map(|parsed| definition(parsed, source, &mut faults)).collect();
    match faults.count() {
        0 => Ok(definitions),
        _ => Err(faults.into_found()),
    }
}

fn definition(parsed: &Parsed, source: &SourceFile, faults: &mut Faults<'_>) -> Option<Definition> {
    let faults_before = faults.count();
    let definition = match &parsed.statement {
        Statement::CreateTable(create) => {
            table_definition::table(create, &parsed.tokens, source, faults).map(Definition::Table)
        }
        Statement::CreateView(create) => {
            view_definition::view(create, &parsed.tokens, source, faults).map(Definition::View)
        }
        _ => {
            faults.refused(parsed.tokens.start(), "this statement defines neither a table nor a view").hint =
                Some("write CREATE TABLE, CREATE VIEW or CREATE MATERIALIZED VIEW".to_string());
            None
        }
    };
    definition.filter(|_| faults.count() == faults_before)
}
