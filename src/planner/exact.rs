//! SUM and AVG that accumulate in 256 bits and check only the value that they give (design 1.1).
//!
//! They replace DataFusion's functions of the same names, for the batch oracle and for SQL over the hot tables; the
//! incremental aggregate computes its values with the same two formulae.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, FieldRef, Float64Type, Int64Type, i256,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

/// Digits that a 128-bit decimal holds.
const PRECISION_MAX: u8 = 38;
/// Digits that the running total may have: those of a 256-bit decimal.
const TOTAL_PRECISION: u8 = 76;

/// A total as `output` (BIGINT or a decimal of the same scale). None: it does not fit.
fn total_value(total: i256, output: &DataType) -> Option<ScalarValue> {
    let narrow = total.to_i128()?;
    match output {
        DataType::Int64 => Some(ScalarValue::Int64(Some(i64::try_from(narrow).ok()?))),
        DataType::Decimal128(precision, scale) => {
            let fits = narrow.unsigned_abs() < 10u128.pow(u32::from(*precision));
            fits.then_some(ScalarValue::Decimal128(Some(narrow), *precision, *scale))
        }
        _ => None,
    }
}

/// AVG of a total over `count` values of a decimal, in units of the last digit of `output`: the quotient truncated
/// there, as DataFusion does. None: the types are not such.
pub fn average_units(total: i256, count: i128, input: &DataType, output: &DataType) -> Option<i256> {
    let (DataType::Decimal128(_, from), DataType::Decimal128(_, to)) = (input, output) else {
        return None;
    };
    let factor = i256::from_i128(10i128.checked_pow(u32::try_from(to - from).ok()?)?);
    total.checked_mul(factor)?.checked_div(i256::from_i128(count))
}

/// AVG of a total over `count` > 0 values of `input` type, as `output`: DOUBLE for integers. None: it does not fit.
fn average_value(total: i256, count: i64, input: &DataType, output: &DataType) -> Option<ScalarValue> {
    if *output == DataType::Float64 {
        return Some(ScalarValue::Float64(Some(total.to_i128()? as f64 / count as f64)));
    }
    total_value(average_units(total, i128::from(count), input, output)?, output)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    average: bool,
    signature: Signature,
}

/// SUM of BIGINT (as BIGINT) and of decimals (with ten more digits).
pub fn sum() -> AggregateUDF {
    AggregateUDF::from(Exact { average: false, signature: Signature::user_defined(Volatility::Immutable) })
}

/// AVG of BIGINT (as DOUBLE) and of decimals (with four more digits).
pub fn avg() -> AggregateUDF {
    AggregateUDF::from(Exact { average: true, signature: Signature::user_defined(Volatility::Immutable) })
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        if self.average { "avg" } else { "sum" }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [argument] = types else {
            return plan_err!("{} takes one argument", self.name());
        };
        match argument {
            t if t.is_integer() || *t == DataType::Null => Ok(vec![DataType::Int64]),
            DataType::Decimal128(..) => Ok(vec![argument.clone()]),
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => Ok(vec![DataType::Decimal128(*p, *s)]),
            t if t.is_floating() => Ok(vec![DataType::Float64]),
            t => plan_err!("{} of {t} has no meaning", self.name()),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match (&types[0], self.average) {
            (DataType::Decimal128(p, s), false) => DataType::Decimal128(PRECISION_MAX.min(p + 10), *s),
            (DataType::Decimal128(p, s), true) => {
                DataType::Decimal128(PRECISION_MAX.min(p + 4), (PRECISION_MAX as i8).min(s + 4))
            }
            (DataType::Float64, _) | (_, true) => DataType::Float64,
            (_, false) => DataType::Int64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let total_type = match args.input_fields[0].data_type() {
            DataType::Float64 => DataType::Float64,
            _ => DataType::Decimal256(TOTAL_PRECISION, 0),
        };
        let total = Field::new(format!("{}_total", args.name), total_type, true);
        let count = Field::new(format!("{}_count", args.name), DataType::Int64, true);
        Ok(vec![Arc::new(total), Arc::new(count)])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{}(DISTINCT ...) is not maintained yet", self.name());
        }
        if *args.expr_fields[0].data_type() == DataType::Float64 {
            return Ok(Box::new(FloatAccumulator { average: self.average, total: 0.0, count: 0 }));
        }
        Ok(Box::new(ExactAccumulator {
            average: self.average,
            input: args.expr_fields[0].data_type().clone(),
            output: args.return_field.data_type().clone(),
            total: i256::ZERO,
            count: 0,
        }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if *args.expr_fields[0].data_type() == DataType::Float64 {
            return Ok(Box::new(MovingFloats { average: self.average, values: VecDeque::new() }));
        }
        self.accumulator(args)
    }
}

#[derive(Debug)]
struct ExactAccumulator {
    average: bool,
    input: DataType,
    output: DataType,
    total: i256,
    count: i64,
}

impl ExactAccumulator {
    fn add(&mut self, value: i256) -> Result<()> {
        match self.total.checked_add(value) {
            Some(total) => self.total = total,
            None => return exec_err!("a total has more than 256 bits"),
        }
        Ok(())
    }
}

impl Accumulator for ExactAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let array = &values[0];
        for i in (0..array.len()).filter(|&i| array.is_valid(i)) {
            self.add(match &self.input {
                DataType::Decimal128(..) => i256::from_i128(array.as_primitive::<Decimal128Type>().value(i)),
                _ => i256::from_i128(i128::from(array.as_primitive::<Int64Type>().value(i))),
            })?;
            self.count += 1;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.count == 0 {
            return ScalarValue::try_from(&self.output);
        }
        let value = if self.average {
            average_value(self.total, self.count, &self.input, &self.output)
        } else {
            total_value(self.total, &self.output)
        };
        match value {
            Some(value) => Ok(value),
            None => exec_err!("a total does not fit {}", self.output),
        }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Decimal256(Some(self.total), TOTAL_PRECISION, 0), ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (totals, counts) = (states[0].as_primitive::<Decimal256Type>(), states[1].as_primitive::<Int64Type>());
        for i in (0..totals.len()).filter(|&i| totals.is_valid(i)) {
            self.add(totals.value(i))?;
            self.count += counts.value(i);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (total, count) = (self.total, self.count);
        (self.total, self.count) = (i256::ZERO, 0);
        self.update_batch(values)?;
        self.total = total.wrapping_sub(self.total);
        self.count = count - self.count;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// SUM and AVG of DOUBLE over a frame that moves: what is added is never subtracted, the frame is summed again, in
/// order.
#[derive(Debug)]
struct MovingFloats {
    average: bool,
    values: VecDeque<f64>,
}

impl Accumulator for MovingFloats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.extend(values[0].as_primitive::<Float64Type>().iter().flatten());
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let gone = values[0].len() - values[0].null_count();
        self.values.drain(..gone.min(self.values.len()));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let total = self.values.iter().fold(0.0, |sum, value| sum + value);
        let value = if self.average { total / self.values.len() as f64 } else { total };
        Ok(ScalarValue::Float64((!self.values.is_empty()).then_some(value)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        exec_err!("a total over a frame that moves has no state")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        exec_err!("a total over a frame that moves has no state")
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * size_of::<f64>()
    }
}

/// Of DOUBLE there is nothing exact: only SQL over the hot tables uses it, views refuse it.
#[derive(Debug)]
struct FloatAccumulator {
    average: bool,
    total: f64,
    count: i64,
}

impl Accumulator for FloatAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<Float64Type>().iter().flatten() {
            self.total += value;
            self.count += 1;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = if self.average { self.total / self.count as f64 } else { self.total };
        Ok(ScalarValue::Float64((self.count > 0).then_some(value)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Float64(Some(self.total)), ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.total += states[0].as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
        self.count += states[1].as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
