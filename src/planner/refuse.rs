//! What is refused by looking at the SQL, and errors with their place in it.

use std::ops::ControlFlow;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr as SqlExpr, Function, Join, JoinConstraint, JoinOperator, LimitClause, Query, SetExpr, Spanned,
    TableFactor, Visit, Visitor, WindowType,
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

    /// ORDER BY and LIMIT of a query.
    fn order(&mut self, query: &Query) {
        if query.fetch.is_some() {
            self.refuse(query.span(), "FETCH FIRST is not maintained", "write LIMIT");
        }
        let distinct_on = matches!(query.body.as_ref(), SetExpr::Select(select)
            if matches!(select.distinct, Some(Distinct::On(_))));
        if self.depth == 1 && query.order_by.is_some() && query.limit_clause.is_none() && !distinct_on {
            let hint = "leave the order to the reader, or add a LIMIT";
            self.refuse(query.span(), "a view has no order: ORDER BY needs a LIMIT", hint);
        }
        let constant = |expr: &SqlExpr| matches!(expr, SqlExpr::Value(_));
        let constants = match &query.limit_clause {
            None => true,
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                limit.as_ref().is_none_or(constant)
                    && offset.as_ref().is_none_or(|o| constant(&o.value))
                    && limit_by.is_empty()
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => constant(offset) && constant(limit),
        };
        if !constants {
            self.refuse(query.span(), "LIMIT and OFFSET take a number", "");
        }
    }
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        self.order(query);
        if query.with.as_ref().is_some_and(|w| w.recursive) {
            self.refuse(query.span(), "recursive queries are not maintained", "");
        }
        self.body(&query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &SqlExpr) -> ControlFlow<()> {
        if let SqlExpr::Function(Function { over: Some(WindowType::WindowSpec(window)), .. }) = expr
            && window.window_name.is_some()
        {
            // DataFusion forgets the PARTITION BY of the named window.
            let hint = "write PARTITION BY, ORDER BY and the frame into OVER (...)";
            self.refuse(expr.span(), "a window that adds to a named window is not maintained", hint);
        }
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

/// Refuses subqueries that read the row around them below a window or a LIMIT: DataFusion moves the condition above it,
/// and the rows of all outer rows are numbered as one.
pub fn check_correlated(view: &View, plan: &LogicalPlan) -> Result<()> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                let subquery = match e {
                    Expr::ScalarSubquery(subquery) => Some(subquery),
                    Expr::Exists(exists) => Some(&exists.subquery),
                    Expr::InSubquery(asked) => Some(&asked.subquery),
                    Expr::SetComparison(asked) => Some(&asked.subquery),
                    _ => None,
                };
                found |= subquery.map_or(Ok(false), |asked| numbers_outer_rows(&asked.subquery))?;
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    if !found {
        return Ok(());
    }
    let error = Error::refused("a window or LIMIT over rows that depend on an outer row is not maintained")
        .hint("number the rows with ROW_NUMBER() OVER (PARTITION BY ...) and join on the partition");
    Err(in_view(view, error))
}

/// Whether a subquery has a window or a LIMIT over rows that the row around it chooses.
fn numbers_outer_rows(subquery: &LogicalPlan) -> datafusion::error::Result<bool> {
    let mut found = false;
    subquery.apply(|node| {
        if matches!(
            node,
            LogicalPlan::Window(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Distinct(datafusion::logical_expr::Distinct::On(_))
        ) {
            node.apply(|below| {
                below.apply_expressions(|expr| {
                    found |= expr.contains_outer();
                    Ok(TreeNodeRecursion::Continue)
                })
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
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
