//! Doubles as keys: minus zero is zero.
//!
//! `=` says so, but Arrow sorts and groups by the bits. Adding zero makes one of both, and changes nothing else.

use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

/// A key as it is compared. Doing it twice changes nothing.
pub fn one_zero(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let data_type = expr.get_type(schema)?;
    if !data_type.is_floating() {
        return Ok(expr);
    }
    let zero = ScalarValue::new_zero(&data_type)?;
    match &expr {
        Expr::BinaryExpr(BinaryExpr { op: Operator::Plus, right, .. }) if matches!(right.as_ref(), Expr::Literal(value, _) if *value == zero) => {
            Ok(expr)
        }
        _ => Ok(expr + Expr::Literal(zero, None)),
    }
}
