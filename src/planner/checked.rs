//! Integer `+ - *` and unary minus that refuse to wrap: DataFusion's own do wrap.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Negate,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    arithmetic: Arithmetic,
    signature: Signature,
}

impl Checked {
    fn udf(arithmetic: Arithmetic) -> Arc<ScalarUDF> {
        let arity = if arithmetic == Arithmetic::Negate { 1 } else { 2 };
        Arc::new(ScalarUDF::from(Checked { arithmetic, signature: Signature::any(arity, Volatility::Immutable) }))
    }
}

static ADD: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Add));
static SUBTRACT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Subtract));
static MULTIPLY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Multiply));
static NEGATE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Checked::udf(Arithmetic::Negate));

/// The checked form of `left op right` over integers; None if `op` cannot wrap.
pub fn binary(left: Expr, op: Operator, right: Expr) -> Option<Expr> {
    let function = match op {
        Operator::Plus => &ADD,
        Operator::Minus => &SUBTRACT,
        Operator::Multiply => &MULTIPLY,
        _ => return None,
    };
    Some(function.call(vec![left, right]))
}

/// The checked form of `-operand` over integers.
pub fn negate(operand: Expr) -> Expr {
    NEGATE.call(vec![operand])
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.arithmetic {
            Arithmetic::Add => "checked_add",
            Arithmetic::Subtract => "checked_subtract",
            Arithmetic::Multiply => "checked_multiply",
            Arithmetic::Negate => "checked_negate",
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
        let result = match self.arithmetic {
            Arithmetic::Add => numeric::add(&arrays[0], &arrays[1])?,
            Arithmetic::Subtract => numeric::sub(&arrays[0], &arrays[1])?,
            Arithmetic::Multiply => numeric::mul(&arrays[0], &arrays[1])?,
            Arithmetic::Negate => numeric::neg(&arrays[0])?,
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}
