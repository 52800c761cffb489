//! Where in the text something stands that an error names without a place.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, Ident, JoinConstraint, JoinOperator as J, Select, SelectItem, SetExpr, Spanned,
    TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::catalog::View;

/// The expressions of a query that `pick` picks, those of subqueries too.
struct Found<F> {
    pick: F,
    spans: Vec<Span>,
}

impl<F: FnMut(&Expr) -> Option<Span>> Visitor for Found<F> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.spans.extend((self.pick)(expr));
        ControlFlow::Continue(())
    }
}

/// The one expression that is meant, or the query if there are several.
fn only(view: &View, pick: impl FnMut(&Expr) -> Option<Span>) -> Span {
    let mut found = Found { pick, spans: vec![] };
    let _ = view.query.visit(&mut found);
    match found.spans.as_slice() {
        [span] => *span,
        _ => view.query.span(),
    }
}

/// The call of a function.
pub fn function(view: &View, name: &str) -> Span {
    only(view, |expr| match expr {
        Expr::Function(function) if function_name(function) == name => Some(expr.span()),
        _ => None,
    })
}

/// The call of a window function.
pub fn window(view: &View) -> Span {
    only(view, |expr| match expr {
        Expr::Function(function) if function.over.is_some() => Some(expr.span()),
        _ => None,
    })
}

/// The subquery in an expression.
pub fn subquery(view: &View) -> Span {
    only(view, expression_subquery)
}

fn expression_subquery(expr: &Expr) -> Option<Span> {
    match expr {
        Expr::Subquery(query) | Expr::Exists { subquery: query, .. } | Expr::InSubquery { subquery: query, .. } => {
            Some(query.span())
        }
        _ => None,
    }
}

/// What `pick` gives of the selects, if it is one.
pub fn clause(view: &View, pick: impl Fn(&Select) -> Option<Span>) -> Span {
    match clauses(view, pick).as_slice() {
        [span] => *span,
        _ => view.query.span(),
    }
}

fn clauses(view: &View, pick: impl Fn(&Select) -> Option<Span>) -> Vec<Span> {
    struct Clauses<F>(F, Vec<Span>);
    impl<F: Fn(&Select) -> Option<Span>> Visitor for Clauses<F> {
        type Break = ();
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            self.1.extend((self.0)(select));
            ControlFlow::Continue(())
        }
    }
    let mut clauses = Clauses(pick, vec![]);
    let _ = view.query.visit(&mut clauses);
    clauses.1
}

/// Whether this place is in a subquery of a FROM that has this relation, too.
pub fn is_beside(view: &View, at: Span, relation: &str) -> bool {
    let found = clauses(view, |select| {
        let around = factors(select).find(|factor| derived(factor).is_some() && holds(factor.span(), at))?;
        let mut others = factors(select).filter(|factor| factor.span() != around.span());
        others.any(|factor| factor_name(factor).is_some_and(|name| names(name, relation))).then(|| around.span())
    });
    !found.is_empty()
}

/// The subquery of this name in the FROM of a subquery in an expression; without a name: the only one.
pub fn derived_in_subquery(view: &View, name: Option<&str>) -> Option<Span> {
    let mut outer = Found { pick: expression_subquery, spans: vec![] };
    let _ = view.query.visit(&mut outer);
    let found = clauses(view, |select| {
        let is_meant = |factor: &&TableFactor| {
            derived(factor).is_some()
                && name.is_none_or(|name| factor_name(factor).is_some_and(|ident| names(ident, name)))
                && outer.spans.iter().any(|span| holds(*span, factor.span()))
        };
        factors(select).find(is_meant).and_then(derived)
    });
    match found.as_slice() {
        [span] => Some(*span),
        _ => None,
    }
}

/// The relations of a FROM.
pub fn factors(select: &Select) -> impl Iterator<Item = &TableFactor> {
    let from = select.from.iter();
    from.flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)))
}

/// The name of a relation in FROM.
pub fn factor_name(factor: &TableFactor) -> Option<&Ident> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(&alias.name),
        TableFactor::Table { name, alias: None, .. } => name.0.last().and_then(|part| part.as_ident()),
        _ => None,
    }
}

fn derived(factor: &TableFactor) -> Option<Span> {
    match factor {
        TableFactor::Derived { subquery, .. } => Some(subquery.span()),
        _ => None,
    }
}

fn names(ident: &Ident, name: &str) -> bool {
    ident.value == name || (ident.quote_style.is_none() && ident.value.to_lowercase() == name)
}

fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Where the query writes its column `c`, if each of its items is one column.
pub fn column(view: &View, c: usize) -> Span {
    if let SetExpr::Select(select) = &*view.query.body {
        let plain = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
        if let Some(item) = select.projection.get(c).filter(|_| select.projection.iter().all(plain)) {
            return item.span();
        }
    }
    view.query.span()
}

/// The name of a function as it is looked up.
pub fn function_name(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

/// The join without an equality in its condition.
pub fn unequal_join(view: &View) -> Span {
    clause(view, |select| {
        let mut joins = select.from.iter().flat_map(|from| &from.joins);
        let unequal = joins.find(|join| match &join.join_operator {
            J::CrossJoin(_) => true,
            J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) | J::RightOuter(c) => is_unequal(c),
            J::FullOuter(c) => is_unequal(c),
            _ => false,
        });
        let listed = select.from.get(1).map(|from| from.relation.span());
        unequal.map(|join| join.relation.span()).or(listed)
    })
}

fn is_unequal(constraint: &JoinConstraint) -> bool {
    struct Equal;
    impl Visitor for Equal {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::BinaryOp { op: BinaryOperator::Eq, .. } => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match constraint {
        JoinConstraint::On(on) => on.visit(&mut Equal).is_continue(),
        JoinConstraint::None => true,
        JoinConstraint::Using(_) | JoinConstraint::Natural => false,
    }
}
