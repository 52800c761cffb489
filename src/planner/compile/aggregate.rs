//! GROUP BY of the plan.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable};

use super::plans::{nullable, refused};
use super::{Compiler, Op, Plan, Result, one_zero};
use crate::error::Error;
use crate::planner::plan::{AggregateKind, Function};

impl Compiler<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Plan> {
        if aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
            return Err(refused("GROUPING SETS, ROLLUP and CUBE are not maintained yet"));
        }
        let exprs = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
        let input = self.compile_for(&aggregate.input, exprs)?;
        let keys = aggregate.group_expr.iter().map(|expr| one_zero(expr, &aggregate.input));
        let mut exprs: Vec<Expr> = keys.collect::<Result<_>>()?;
        let groups = exprs.len();
        let output_types: Vec<DataType> =
            aggregate.schema.fields()[groups..].iter().map(|f| f.data_type().clone()).collect();
        let mut functions = vec![];
        for (expr, output) in aggregate.aggr_expr.iter().zip(output_types) {
            functions.push(function(expr, output, &mut exprs)?);
        }
        // COUNT(NULL): state has no type NULL, any other type will do.
        for argument in &mut exprs[groups..] {
            if argument.get_type(aggregate.input.schema())? == DataType::Null {
                *argument = Expr::Literal(ScalarValue::Int64(None), None);
            }
        }
        let input = self.linear(input, &aggregate.input, None, &exprs)?;
        check_exact(&functions, &input)?;
        let schema = nullable(aggregate.schema.as_arrow());
        Ok(Plan {
            op: Op::Aggregate { input: Box::new(input), group: (0..groups).collect(), functions },
            schema,
            key: Some((0..groups).collect()),
            insert_only: false,
        })
    }
}

/// Totals of floating numbers depend on the order of addition and cannot be taken back.
fn check_exact(functions: &[Function], input: &Plan) -> Result<()> {
    for function in functions {
        let float = |c: usize| input.schema.field(c).data_type().is_floating();
        let total = matches!(function.kind, AggregateKind::Sum | AggregateKind::Avg);
        if total && function.argument.is_some_and(float) {
            return Err(refused("SUM and AVG of DOUBLE are not maintained yet")
                .hint("cast the argument to DECIMAL(precision, scale)"));
        }
    }
    Ok(())
}

/// One aggregate; its argument and filter are added to `exprs`.
fn function(expr: &Expr, output: DataType, exprs: &mut Vec<Expr>) -> Result<Function> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr.clone().unalias() else {
        return Err(Error::internal(format!("{expr} is not an aggregate")));
    };
    let kind = match func.name() {
        "count" => AggregateKind::Count,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        name => {
            return Err(refused(&format!("the aggregate {name} is not maintained yet"))
                .hint("SUM, COUNT, AVG, MIN and MAX are, each with FILTER"));
        }
    };
    if params.distinct && !matches!(kind, AggregateKind::Min | AggregateKind::Max) {
        return Err(refused(&format!("{}(DISTINCT ...) is not maintained yet", func.name())));
    }
    if !params.order_by.is_empty() || params.null_treatment.is_some() || params.args.len() != 1 {
        return Err(refused(&format!("{} takes one argument and no ORDER BY here", func.name())));
    }
    let mut add = |expr: Expr| {
        exprs.push(expr);
        exprs.len() - 1
    };
    let argument = match &params.args[0] {
        Expr::Literal(value, _) if kind == AggregateKind::Count && !value.is_null() => None,
        argument => Some(add(argument.clone())),
    };
    let filter = params.filter.map(|f| add(*f));
    Ok(Function { kind, argument, filter, output })
}
