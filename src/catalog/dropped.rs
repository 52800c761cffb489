//! Clauses that the parser understands and DataFusion's planner passes over without a word, such as PREWHERE or
//! WITH ROLLUP. A query with one of them would silently answer something else, so it is refused.
//! What the planner refuses by itself is not listed here.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{GroupByExpr, Query, Select, Spanned, TableFactor, Visit, Visitor};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span};

use super::source::Faults;
use super::statement::Tokens;

/// Notes every such clause of the query and its subqueries.
pub(super) fn refuse(query: &Query, tokens: &Tokens, faults: &mut Faults<'_>) {
    // The visitor never breaks off.
    let _ = query.visit(&mut Dropped { tokens, faults });
}

struct Dropped<'a, 'b> {
    tokens: &'a Tokens,
    faults: &'a mut Faults<'b>,
}

impl Dropped<'_, '_> {
    /// The clause that begins with one of the keywords, the first after `from`.
    fn clause(&mut self, from: Location, keywords: &[Keyword], clause: &str) {
        let place = self.tokens.keyword_after(from, keywords);
        self.note(place, clause);
    }

    fn note(&mut self, place: Span, clause: &str) {
        self.faults.refused(place, format!("{clause} is not supported in a view")).hint =
            Some("leave it out".to_string());
    }
}

impl Visitor for Dropped<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let from = query.body.span().end;
        if !query.locks.is_empty() || query.for_clause.is_some() {
            self.clause(from, &[Keyword::FOR], "FOR");
        }
        if query.settings.is_some() {
            self.clause(from, &[Keyword::SETTINGS], "SETTINGS");
        }
        if query.format_clause.is_some() {
            self.clause(from, &[Keyword::FORMAT], "FORMAT");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let from = select.select_token.0.span.end;
        if select.prewhere.is_some() {
            self.clause(from, &[Keyword::PREWHERE], "PREWHERE");
        }
        if !select.connect_by.is_empty() {
            self.clause(from, &[Keyword::CONNECT, Keyword::START], "CONNECT BY");
        }
        if select.value_table_mode.is_some() {
            self.clause(from, &[Keyword::STRUCT, Keyword::VALUE], "SELECT AS");
        }
        if select.select_modifiers.is_some() {
            self.note(self.tokens.after(select.select_token.0.span), "this modifier of SELECT");
        }
        let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) = &select.group_by;
        if let Some(modifier) = modifiers.first() {
            let by = self.tokens.keyword_after(from, &[Keyword::GROUP]);
            let after = select.group_by.span().end.max(by.end);
            self.clause(after, &[Keyword::WITH, Keyword::GROUPING], &format!("GROUP BY ... {modifier}"));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                self.clause(factor.span().start, &[Keyword::TABLESAMPLE, Keyword::SAMPLE], "TABLESAMPLE");
            }
            TableFactor::Table {
                name,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                index_hints,
                ..
            } => {
                let plain = with_hints.is_empty()
                    && version.is_none()
                    && !with_ordinality
                    && partitions.is_empty()
                    && json_path.is_none()
                    && index_hints.is_empty();
                if !plain {
                    self.note(self.tokens.after(name.span()), &format!("this clause after `{name}`"));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
