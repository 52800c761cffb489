//! Aggregates, windows and functions that stand where they mean nothing, or that change by themselves.

use std::ops::ControlFlow;

use datafusion::logical_expr::Volatility;
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident,
    OrderByKind, Query, Select, SelectItem, Spanned, Value, Visit, Visitor, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::places::{factor_name, factors, function_name};
use super::syntax::Finder;

/// Aggregates and window functions of one clause; those of its subqueries are their own.
#[derive(Default)]
struct Calls {
    depth: usize,
    aggregates: Vec<Span>,
    windows: Vec<Span>,
    subqueries: Vec<Span>,
    named_windows: Vec<Span>,
}

/// Calls of a clause, and which names are aggregates.
struct Looking<'a, 'b> {
    finder: &'a Finder<'b>,
    calls: Calls,
}

impl Visitor for Looking<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if self.calls.depth == 0 {
            self.calls.subqueries.push(query.span());
        }
        self.calls.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.calls.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let (Expr::Function(function), 0) = (expr, self.calls.depth) {
            if function.over.is_some() {
                self.calls.windows.push(expr.span());
            } else if self.finder.state.aggregate_functions().contains_key(&function_name(function)) {
                self.calls.aggregates.push(expr.span());
            }
            if matches!(function.over, Some(WindowType::NamedWindow(_))) {
                self.calls.named_windows.push(expr.span());
            }
        }
        ControlFlow::Continue(())
    }
}

fn calls(finder: &Finder<'_>, clause: &impl Visit) -> Calls {
    let mut looking = Looking { finder, calls: Calls::default() };
    let _ = clause.visit(&mut looking);
    looking.calls
}

/// The condition of a join; `outer`: one that keeps rows without a match, or shows one side only.
pub(super) fn on(finder: &mut Finder<'_>, on: &Expr, outer: bool) {
    let calls = calls(finder, on);
    misplaced(finder, &calls, "ON", "compute it in an inner query, and join that: JOIN (SELECT ...) ON");
    if let Some(span) = calls.subqueries.first().filter(|_| outer) {
        let hint = "ask it of one side before the join: JOIN (SELECT ... WHERE EXISTS (...)) ON";
        finder.refuse(*span, "a subquery in ON of this join is not maintained", hint);
    }
}

/// Notes every aggregate and every window of a clause that takes none.
fn misplaced(finder: &mut Finder<'_>, calls: &Calls, clause: &str, hint: &str) {
    for span in &calls.aggregates {
        finder.invalid(*span, &format!("an aggregate cannot stand in {clause}"), hint);
    }
    for span in &calls.windows {
        finder.invalid(*span, &format!("a window function cannot stand in {clause}"), hint);
    }
}

/// WHERE, GROUP BY, HAVING, QUALIFY and FROM of one SELECT.
pub(super) fn select(finder: &mut Finder<'_>, select: &Select) {
    if let Some(condition) = &select.selection {
        let Calls { aggregates, windows, .. } = calls(finder, condition);
        for span in aggregates {
            finder.invalid(span, "an aggregate cannot stand in WHERE", "write HAVING, after GROUP BY");
        }
        for span in windows {
            finder.invalid(span, "a window function cannot stand in WHERE", "write QUALIFY, after GROUP BY and HAVING");
        }
    }
    if let Some(having) = &select.having {
        for span in calls(finder, having).windows {
            finder.invalid(span, "a window function cannot stand in HAVING", "write QUALIFY, after HAVING");
        }
    }
    if let Some(qualify) = &select.qualify {
        for span in calls(finder, qualify).named_windows {
            let hint = "write the window itself: OVER (PARTITION BY ... ORDER BY ...)";
            finder.refuse(span, "a named window in QUALIFY is not maintained", hint);
        }
    }
    group_by(finder, select);
    named_alike(finder, select);
    if finder.depth == 1 {
        columns_alike(finder, select);
    }
}

fn group_by(finder: &mut Finder<'_>, select: &Select) {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return };
    let plain = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    let counted = select.projection.iter().all(plain);
    for key in keys {
        let found = calls(finder, key);
        misplaced(finder, &found, "GROUP BY", "compute it in an inner query, and group that");
        if let Some(span) = found.subqueries.first() {
            let hint = "compute it in an inner query, and group that";
            finder.refuse(*span, "a subquery in GROUP BY is not maintained", hint);
        }
        let Some(position) = position(key).filter(|_| counted) else { continue };
        match position.checked_sub(1).and_then(|at| select.projection.get(at)) {
            None => {
                let message = format!("GROUP BY {position} names no column of the SELECT");
                let columns = select.projection.len();
                finder.invalid(key.span(), &message, &format!("they are counted from 1 to {columns}"));
            }
            Some(item) => {
                let found = calls(finder, item);
                if !found.aggregates.is_empty() || !found.windows.is_empty() {
                    let message = format!("GROUP BY {position} names an aggregate or a window function");
                    finder.invalid(key.span(), &message, "group by columns only");
                }
            }
        }
    }
}

fn position(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.to_string().parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// ORDER BY of a query: a position that is not there, a subquery.
pub(super) fn order_by(finder: &mut Finder<'_>, query: &Query) {
    let Some(order) = &query.order_by else { return };
    let OrderByKind::Expressions(keys) = &order.kind else {
        let place = query.body.span();
        return finder.refuse(place, "ORDER BY ALL is not maintained", "name the columns to order by");
    };
    for key in keys {
        if let Some(span) = calls(finder, &key.expr).subqueries.first() {
            let hint = "compute it as a column in an inner query, and order by that";
            finder.refuse(*span, "a subquery in ORDER BY is not maintained", hint);
        }
    }
}

/// Two relations of one FROM under one name.
fn named_alike(finder: &mut Finder<'_>, select: &Select) {
    let mut names: Vec<Ident> = vec![];
    let normalized = |ident: &Ident| match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    };
    for name in factors(select).filter_map(factor_name) {
        if names.iter().any(|known| normalized(known) == normalized(name)) {
            let message = format!("two relations are named {}", normalized(name));
            finder.invalid(name.span, &message, "give one another name: FROM t AS a JOIN t AS b");
        }
        names.push(name.clone());
    }
}

/// Two columns of the view under one name, as far as the text shows it.
fn columns_alike(finder: &mut Finder<'_>, select: &Select) {
    let mut names: Vec<String> = vec![];
    for item in &select.projection {
        let ident = match item {
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) => ident,
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => match parts.last() {
                Some(ident) => ident,
                None => continue,
            },
            SelectItem::ExprWithAlias { alias, .. } => alias,
            _ => continue,
        };
        let name = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
        if names.contains(&name) {
            finder.invalid(item.span(), &format!("two columns are named {name}"), "give one an alias");
        }
        names.push(name);
    }
}

/// One call.
pub(super) fn function(finder: &mut Finder<'_>, function: &Function, span: Span) {
    let name = function_name(function);
    if let Some(WindowType::WindowSpec(window)) = &function.over
        && window.window_name.is_some()
    {
        // DataFusion forgets the PARTITION BY of the named window.
        let hint = "write PARTITION BY, ORDER BY and the frame into OVER (...)";
        finder.refuse(span, "a window that adds to a named window is not maintained", hint);
    }
    let (aggregate, window) =
        (finder.state.aggregate_functions().contains_key(&name), finder.state.window_functions().contains_key(&name));
    if window && !aggregate && function.over.is_none() {
        let message = format!("{name} is a window function and needs OVER");
        finder.invalid(span, &message, &format!("write {name}(...) OVER (PARTITION BY ... ORDER BY ...)"));
    }
    if let Some(scalar) = finder.state.scalar_functions().get(&name) {
        if scalar.signature().volatility != Volatility::Immutable {
            changes_by_itself(finder, &name, span);
        }
        if is_decorated(function) {
            let message = format!("{name} is no aggregate: DISTINCT, ORDER BY, FILTER and OVER mean nothing to it");
            finder.invalid(span, &message, "leave them out, or put an aggregate around the call");
        }
    }
    wildcards(finder, function, &name, span);
}

/// Whether a call has clauses that only aggregates and windows take. DataFusion passes over them.
fn is_decorated(function: &Function) -> bool {
    let listed = match &function.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_some() || !list.clauses.is_empty(),
        _ => false,
    };
    let more = !function.within_group.is_empty() || function.null_treatment.is_some();
    listed || more || function.filter.is_some() || function.over.is_some()
}

/// `*` is an argument of COUNT(*) alone.
fn wildcards(finder: &mut Finder<'_>, function: &Function, name: &str, span: Span) {
    let FunctionArguments::List(list) = &function.args else { return };
    let is_wildcard = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(arg) => {
            matches!(arg, FunctionArgExpr::Wildcard | FunctionArgExpr::QualifiedWildcard(_))
        }
        _ => false,
    };
    if !list.args.iter().any(is_wildcard) {
        return;
    }
    let plain = matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
    let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
    if name != "count" || !plain || distinct {
        let message = "`*` is an argument of COUNT(*) only";
        finder.invalid(span, message, "name the columns: COUNT(a), COUNT(DISTINCT a)");
    }
}

fn changes_by_itself(finder: &mut Finder<'_>, name: &str, span: Span) {
    let hint = match name {
        "random" | "uuid" => "make the value where the event is made, and send it as a column",
        _ => {
            "read the table clock, whose one row has the time in as_of: FROM t CROSS JOIN clock WHERE ts > as_of - ..."
        }
    };
    finder.refuse(span, &format!("{name}() changes by itself and cannot be maintained"), hint);
}
