//! Names of the columns of a set operation: those of its first branch alone. DataFusion refuses two columns of one name in
//! any branch.
//!
//! ```sql
//! SELECT a, b FROM t UNION ALL SELECT k, k FROM u     -- ... SELECT k, k AS "k 2" FROM u
//! ```

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, SetQuantifier, VisitMut, VisitorMut,
};

/// Gives columns without an alias that have the name of one before them a name of their own, in every branch but the first.
pub fn name_branches(query: &mut Query) {
    let _ = query.visit(&mut Branches);
}

struct Branches;

impl VisitorMut for Branches {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        operation(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn operation(body: &mut SetExpr) {
    let SetExpr::SetOperation { left, right, set_quantifier, .. } = body else { return };
    operation(left);
    operation(right);
    if !is_by_name(*set_quantifier) {
        branch(right);
    }
}

fn branch(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name(select),
        SetExpr::Query(query) => branch(&mut query.body),
        SetExpr::SetOperation { left, set_quantifier, .. } if !is_by_name(*set_quantifier) => branch(left),
        _ => {}
    }
}

fn is_by_name(quantifier: SetQuantifier) -> bool {
    use SetQuantifier::*;
    matches!(quantifier, ByName | AllByName | DistinctByName)
}

fn name(select: &mut Select) {
    let mut names: Vec<String> = vec![];
    for (c, item) in select.projection.iter_mut().enumerate() {
        let name = match item {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(normal),
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) | SelectItem::ExprWithAlias { alias: ident, .. } => {
                Some(normal(ident))
            }
            SelectItem::UnnamedExpr(expr) => Some(expr.to_string()),
            _ => None,
        };
        let Some(name) = name else { continue };
        if names.contains(&name)
            && let SelectItem::UnnamedExpr(expr) = item
        {
            let alias = Ident::with_quote('"', format!("{name} {}", c + 1));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
        names.push(name);
    }
}

fn normal(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}
