//! GROUP BY of the plan.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan};

use super::compiler::Compiler;
use super::plans::{nullable, refused};
use crate::error::{Error, Result};
use crate::planner::fold::{Fold, Folding, constant};
use crate::planner::one_zero::one_zero;
use crate::planner::plan::{AggregateKind, BitFunction, Function, Op, Plan};

impl Compiler<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Plan> {
        let exprs = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
        let input = self.compile_for(&aggregate.input, exprs)?;
        let keys = aggregate.group_expr.iter().map(|expr| one_zero(expr.clone().unalias(), aggregate.input.schema()));
        let mut exprs: Vec<Expr> = keys.collect::<datafusion::common::Result<_>>()?;
        let groups = exprs.len();
        let outputs = aggregate.schema.fields()[groups..].iter().map(|f| f.data_type().clone());
        let mut functions = vec![];
        for (expr, output) in aggregate.aggr_expr.iter().zip(outputs) {
            functions.push(self.function(expr, output, &aggregate.input, &mut exprs)?);
        }
        // COUNT(NULL): state has no type NULL, any other type will do.
        for argument in &mut exprs[groups..] {
            if argument.get_type(aggregate.input.schema())? == DataType::Null {
                *argument = Expr::Literal(ScalarValue::Int64(None), None);
            }
        }
        let input = self.linear(input, &aggregate.input, None, &exprs)?;
        let schema = nullable(aggregate.schema.as_arrow());
        Ok(Plan {
            op: Op::Aggregate { input: Arc::new(input), group: (0..groups).collect(), functions },
            schema,
            key: Some((0..groups).collect()),
            insert_only: false,
        })
    }

    /// One aggregate; its arguments and filter are added to `exprs`.
    fn function(&self, expr: &Expr, output: DataType, input: &LogicalPlan, exprs: &mut Vec<Expr>) -> Result<Function> {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = expr.clone().unalias() else {
            return Err(Error::internal(format!("{expr} is not an aggregate")));
        };
        let fold = func.inner().downcast_ref::<Fold>();
        if params.distinct && func.name() != "count" || !params.order_by.is_empty() || params.null_treatment.is_some() {
            return Err(Error::internal(format!("{expr} is not canonical")));
        }
        let total = |fold: &&Fold| fold.distinct && fold.sort.len() == fold.arguments;
        let kind = match fold.filter(total).map_or(func.name(), |fold| fold.inner.name()) {
            "count" => AggregateKind::Count,
            "sum" => AggregateKind::Sum,
            "avg" => AggregateKind::Avg,
            "min" => AggregateKind::Min,
            "max" => AggregateKind::Max,
            _ => match fold {
                Some(fold) => match bits(fold, &output) {
                    Some(function) => AggregateKind::Bits(function),
                    None => self.fold(fold, &params.args, input, exprs)?,
                },
                None => return Err(refused(&format!("the aggregate {} is not maintained", func.name()))),
            },
        };
        let is_count = matches!(kind, AggregateKind::Count);
        let is_fold = matches!(kind, AggregateKind::Fold(..));
        let arguments = &params.args[..fold.map_or(params.args.len(), |fold| fold.arguments)];
        // COUNT counts rows without a NULL; of other totals the argument is needed even if it is constant.
        let needed = arguments.iter().filter(|argument| match argument {
            Expr::Literal(value, _) if is_count => value.is_null(),
            argument => !is_fold || !argument.column_refs().is_empty(),
        });
        let arguments = needed.map(|argument| column(argument, exprs)).collect();
        let filter = params.filter.map(|filter| column(&filter, exprs));
        let distinct = params.distinct || fold.is_some_and(|fold| fold.distinct);
        Ok(Function { kind, arguments, distinct, filter, output })
    }

    fn fold(&self, fold: &Fold, args: &[Expr], input: &LogicalPlan, exprs: &mut Vec<Expr>) -> Result<AggregateKind> {
        let types = args.iter().map(|argument| argument.get_type(input.schema()));
        let types: Vec<DataType> = types.collect::<datafusion::error::Result<_>>()?;
        let mut constants = vec![];
        for argument in &args[..fold.arguments] {
            let physical = self.state.create_physical_expr(argument.clone(), input.schema())?;
            constants.push(constant(&physical)?);
        }
        let sort = fold.sort.iter().filter(|(at, _)| constants.get(*at).is_none_or(Option::is_none));
        let mut order = vec![];
        for &(at, options) in sort {
            let column = column(&args[at], exprs);
            if order.iter().all(|(before, _)| *before != column) {
                order.push((column, options));
            }
        }
        Ok(AggregateKind::Fold(Arc::new(Folding::new(fold, &types, constants)?), order))
    }
}

/// BIT_AND, BIT_OR, BIT_XOR; the last one not if each value counts once.
fn bits(fold: &Fold, output: &DataType) -> Option<BitFunction> {
    match fold.inner.name() {
        _ if !output.is_integer() => None,
        "bit_and" => Some(BitFunction::And),
        "bit_or" => Some(BitFunction::Or),
        "bit_xor" if !fold.distinct => Some(BitFunction::Xor),
        _ => None,
    }
}

/// Where this expression is among the columns of the input.
fn column(expr: &Expr, exprs: &mut Vec<Expr>) -> usize {
    exprs.iter().position(|known| known == expr).unwrap_or_else(|| {
        exprs.push(expr.clone());
        exprs.len() - 1
    })
}
