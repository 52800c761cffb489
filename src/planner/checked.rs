//! Arithmetic that refuses to leave its type. DataFusion's own `+ - *` and unary minus of integers wrap, and its
//! arithmetic of decimals goes on to a 39th digit, which no text and no file of a DECIMAL(38,s) has. Its DATE_BIN counts
//! nanoseconds, and gives NULL for a time that these do not reach.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, Datum};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::compute::{and, is_not_null, is_null};
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Negate,
    /// A decimal as it is, if it has 38 digits at most.
    Within,
    /// What DATE_BIN gives, which is NULL only if one of its arguments is.
    Binned,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    arithmetic: Arithmetic,
    signature: Signature,
}

impl Checked {
    fn udf(arithmetic: Arithmetic) -> Arc<ScalarUDF> {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(ScalarUDF::from(Checked { arithmetic, signature }))
    }
}

static ADD: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Add));
static SUBTRACT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Subtract));
static MULTIPLY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Multiply));
static NEGATE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Negate));
static BINNED: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Binned));
static WITHIN: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Within));

/// The checked form of `left op right` over integers of one type; None if `op` cannot wrap. `a + b + c` is one call: the
/// name of a call spells out all calls in it, so a chain of them would be planned in the third power of its length.
pub fn binary(left: Expr, op: Operator, right: Expr) -> Option<Expr> {
    let function = match op {
        Operator::Plus => &ADD,
        Operator::Minus => &SUBTRACT,
        Operator::Multiply => &MULTIPLY,
        _ => return None,
    };
    let mut operands = match left {
        Expr::ScalarFunction(call) if call.func == **function => call.args,
        other => vec![other],
    };
    operands.push(right);
    Some(function.call(operands))
}

/// The checked form of `-operand` over integers.
pub fn negate(operand: Expr) -> Expr {
    NEGATE.call(vec![operand])
}

/// Whether a value of this type may have a digit too many.
pub fn may_leave(of: &DataType) -> bool {
    matches!(of, DataType::Decimal128(DECIMAL128_MAX_PRECISION, _))
}

/// The decimal that `arithmetic` gives, checked.
pub fn within(arithmetic: Expr) -> Expr {
    WITHIN.call(vec![unchecked(arithmetic)])
}

/// The decimal that `within` checks. What arithmetic makes of it is checked as a whole: `+ - *` do not leave 128 bits
/// without an error.
pub fn unchecked(expr: Expr) -> Expr {
    match expr {
        Expr::ScalarFunction(mut call) if call.func == *WITHIN => call.args.remove(0),
        other => other,
    }
}

/// A call of DATE_BIN, checked: the call, then its arguments.
pub fn binned(call: Expr, arguments: Vec<Expr>) -> Expr {
    BINNED.call(std::iter::once(call).chain(arguments).collect())
}

/// A check of what is checked already is one check.
pub fn once(mut call: ScalarFunction) -> ScalarFunction {
    if call.func == *WITHIN {
        call.args = call.args.into_iter().map(unchecked).collect();
    }
    if call.func == *BINNED
        && let Expr::ScalarFunction(inner) = &mut call.args[0]
        && inner.func == *BINNED
    {
        call.args[0] = inner.args.remove(0);
    }
    call
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.arithmetic {
            Arithmetic::Add => "checked_add",
            Arithmetic::Subtract => "checked_subtract",
            Arithmetic::Multiply => "checked_multiply",
            Arithmetic::Negate => "checked_negate",
            Arithmetic::Within => "checked_decimal",
            Arithmetic::Binned => "checked_date_bin",
        }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let arrays: Vec<ArrayRef> = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<_>>()?;
        let from_left = |operation: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>| {
            arrays[1..].iter().try_fold(arrays[0].clone(), |left, right| operation(&left, right))
        };
        let result = match self.arithmetic {
            Arithmetic::Add => from_left(numeric::add)?,
            Arithmetic::Subtract => from_left(numeric::sub)?,
            Arithmetic::Multiply => from_left(numeric::mul)?,
            Arithmetic::Negate => numeric::neg(&arrays[0])?,
            Arithmetic::Within => {
                // The optimizer asks what a condition says of NULLs: they have another type then.
                let Some(decimals) = arrays[0].as_primitive_opt::<Decimal128Type>() else {
                    return Ok(ColumnarValue::Scalar(ScalarValue::try_from(args.return_type())?));
                };
                decimals.validate_decimal_precision(DECIMAL128_MAX_PRECISION)?;
                arrays[0].clone()
            }
            Arithmetic::Binned => {
                let mut lost = is_null(&arrays[0])?;
                for argument in &arrays[1..] {
                    lost = and(&lost, &is_not_null(argument)?)?;
                }
                if lost.true_count() > 0 {
                    return exec_err!("DATE_BIN takes times from 1677-09-22 to 2262-04-11");
                }
                arrays[0].clone()
            }
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}
