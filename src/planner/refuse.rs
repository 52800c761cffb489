//! What is refused by looking at the SQL, and errors with their place in it.

use std::ops::ControlFlow;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::sql::sqlparser::ast::{
    Distinct, Join, JoinConstraint, JoinOperator, Query, SetExpr, Spanned, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::{Location, Span};

use crate::catalog::View;
use crate::error::{Diagnostic, Error, ErrorKind, Result};

/// Refuses constructs that have no operator yet, all of them at once, each at its place.
pub fn check(view: &View) -> Result<()> {
    let mut finder = Finder { view, found: vec![], depth: 0 };
    let _ = view.query.visit(&mut finder);
    if finder.found.is_empty() { Ok(()) } else { Err(Error::from_diagnostics(finder.found)) }
}

struct Finder<'a> {
    view: &'a View,
    found: Vec<Diagnostic>,
    depth: usize,
}

impl Finder<'_> {
    fn refuse(&mut self, span: Span, message: &str, hint: &str) {
        let mut diagnostic = self.view.source.diagnostic(ErrorKind::Refused, span, message.to_string());
        diagnostic.hint = (!hint.is_empty()).then(|| hint.to_string());
        self.found.push(diagnostic);
    }

    /// DataFusion gives the left side's column alone where SQL wants the one that is not NULL.
    fn join(&mut self, join: &Join) {
        let constraint = match &join.join_operator {
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) | JoinOperator::FullOuter(c) => c,
            _ => return,
        };
        if matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) {
            let hint = "write ON a.k = b.k, and COALESCE(a.k, b.k) AS k where the key is shown";
            self.refuse(join.relation.span(), "USING and NATURAL of a RIGHT or FULL join are not maintained", hint);
        }
    }

    fn body(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => {
                if let Some(Distinct::On(_)) = &select.distinct {
                    let hint = "use ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) = 1";
                    self.refuse(select.span(), "DISTINCT ON is not maintained yet", hint);
                }
                for join in select.from.iter().flat_map(|table| &table.joins) {
                    self.join(join);
                }
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            _ => {}
        }
    }
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        if query.order_by.is_some() || query.limit_clause.is_some() || query.fetch.is_some() {
            let hint = "leave the order to the reader, or keep the first row of each group with ROW_NUMBER() = 1";
            self.refuse(query.span(), "ORDER BY and LIMIT of a query are not maintained yet", hint);
        }
        if query.with.as_ref().is_some_and(|w| w.recursive) {
            self.refuse(query.span(), "recursive queries are not maintained", "");
        }
        self.body(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { args: None, .. } | TableFactor::Derived { lateral: false, .. } => {}
            TableFactor::NestedJoin { .. } | TableFactor::UNNEST { .. } => {}
            TableFactor::Derived { .. } => {
                self.refuse(factor.span(), "LATERAL is not maintained", "write it as a join");
            }
            _ => self.refuse(factor.span(), "table functions are not maintained yet", "read a table or a view"),
        }
        ControlFlow::Continue(())
    }
}

/// Refuses functions whose value is not fixed by their arguments.
pub fn check_functions(view: &View, plan: &LogicalPlan) -> Result<()> {
    let mut volatile = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Expr::ScalarFunction(f) = e
                    && f.func.signature().volatility != Volatility::Immutable
                {
                    volatile = Some(f.func.name().to_string());
                    return Ok(TreeNodeRecursion::Stop);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    let Some(name) = volatile else { return Ok(()) };
    let error = Error::refused(format!("{name}() changes by itself and cannot be maintained"))
        .hint("time enters a view as a column of an event");
    Err(in_view(view, error))
}

/// An error of DataFusion, at the place that it names.
pub fn at_place(view: &View, error: DataFusionError) -> Error {
    let Some(found) = error.diagnostic() else {
        return in_view(view, Error::from(error));
    };
    let span = match &found.span {
        Some(span) => {
            Span::new(Location::new(span.start.line, span.start.column), Location::new(span.end.line, span.end.column))
        }
        None => view.query.span(),
    };
    let mut diagnostic = view.source.diagnostic(ErrorKind::Invalid, span, lower_first(&found.message));
    let words = found.helps.iter().map(|h| &h.message).chain(found.notes.iter().map(|n| &n.message));
    let words: Vec<String> = words.map(|w| lower_first(w)).collect();
    let near: Vec<&str> = words.iter().filter_map(|w| w.strip_prefix("possible column ")).collect();
    diagnostic.hint = match (near.is_empty(), words.is_empty()) {
        (false, _) => Some(format!("did you mean {}?", near.join(" or "))),
        (true, false) => Some(words.join("; ")),
        (true, true) => None,
    };
    Error::from_diagnostics(vec![diagnostic])
}

/// An error about a view as a whole, at the name of its first words.
pub fn in_view(view: &View, error: Error) -> Error {
    if !error.diagnostics.is_empty() || error.kind == ErrorKind::Internal {
        return error;
    }
    let mut diagnostic = view.source.diagnostic(error.kind, view.query.span(), error.message);
    diagnostic.hint = error.hint;
    Error::from_diagnostics(vec![diagnostic])
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}
