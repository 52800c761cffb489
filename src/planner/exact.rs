//! SUM and AVG that accumulate in 256 bits and check only the value that they give (design 1.1); of doubles, the exact
//! total that is rounded once.
//!
//! They replace DataFusion's functions of the same names, for the batch oracle and for SQL over the hot tables; the
//! incremental aggregate computes its values with the same two formulae.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, FieldRef, Float64Type, Int64Type, i256,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::float_total::{FLOAT_WORDS, add_float, add_float_total, float_total};
use super::fold::Fold;

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
        if args.is_distinct {
            return self.distinct().state_fields(args);
        }
        if *args.input_fields[0].data_type() == DataType::Float64 {
            return Ok(vec![Arc::new(Field::new(format!("{}_total", args.name), DataType::Binary, true))]);
        }
        let total_type = DataType::Decimal256(TOTAL_PRECISION, 0);
        let total = Field::new(format!("{}_total", args.name), total_type, true);
        let count = Field::new(format!("{}_count", args.name), DataType::Int64, true);
        Ok(vec![Arc::new(total), Arc::new(count)])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return self.distinct().accumulator(args);
        }
        if *args.expr_fields[0].data_type() == DataType::Float64 {
            return Ok(Box::new(FloatAccumulator { average: self.average, words: [0; FLOAT_WORDS] }));
        }
        Ok(Box::new(ExactAccumulator {
            average: self.average,
            input: args.expr_fields[0].data_type().clone(),
            output: args.return_field.data_type().clone(),
            total: i256::ZERO,
            count: 0,
        }))
    }
}

impl Exact {
    /// SQL over the hot tables is not canonical: there DISTINCT comes here.
    fn distinct(&self) -> Fold {
        Fold::distinct(if self.average { avg() } else { sum() }, 1)
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

    /// Adds the values, or takes them out.
    fn add_values(&mut self, array: &dyn Array, taken_out: bool) -> Result<()> {
        for i in (0..array.len()).filter(|&i| array.is_valid(i)) {
            let value = match &self.input {
                DataType::Decimal128(..) => i256::from_i128(array.as_primitive::<Decimal128Type>().value(i)),
                _ => i256::from_i128(i128::from(array.as_primitive::<Int64Type>().value(i))),
            };
            self.add(if taken_out { value.wrapping_neg() } else { value })?;
            self.count += if taken_out { -1 } else { 1 };
        }
        Ok(())
    }
}

impl Accumulator for ExactAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add_values(values[0].as_ref(), false)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add_values(values[0].as_ref(), true)
    }

    fn supports_retract_batch(&self) -> bool {
        true
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

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// Of doubles. Values can be taken out, and nothing of them stays.
#[derive(Debug)]
struct FloatAccumulator {
    average: bool,
    words: [i128; FLOAT_WORDS],
}

impl FloatAccumulator {
    fn add_values(&mut self, values: &ArrayRef, weight: i64) {
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            add_float(&mut self.words, value, weight);
        }
    }
}

impl Accumulator for FloatAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add_values(&values[0], 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add_values(&values[0], -1);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (total, count) = float_total(&self.words);
        let value = if self.average { total / count as f64 } else { total };
        Ok(ScalarValue::Float64((count > 0).then_some(value)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.words.iter().flat_map(|word| word.to_le_bytes()).collect()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for bytes in states[0].as_binary::<i32>().iter().flatten() {
            let (words, _) = bytes.as_chunks();
            let words: Vec<i128> = words.iter().map(|word| i128::from_le_bytes(*word)).collect();
            if words.len() != FLOAT_WORDS {
                return exec_err!("the state of a total has {} words", words.len());
            }
            add_float_total(&mut self.words, &words);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, Int64Array};

    use super::*;

    /// The values of frames of two rows, which slide over the array.
    fn frames(mut accumulator: Box<dyn Accumulator>, array: &ArrayRef) -> Vec<ScalarValue> {
        assert!(accumulator.supports_retract_batch());
        let mut values = vec![];
        for i in 0..array.len() {
            accumulator.update_batch(&[array.slice(i, 1)]).expect("a value");
            if i > 1 {
                accumulator.retract_batch(&[array.slice(i - 2, 1)]).expect("it is there");
            }
            values.push(accumulator.evaluate().expect("it fits"));
        }
        values
    }

    #[test]
    fn totals_count_the_bytes_of_their_words() {
        let float = FloatAccumulator { average: false, words: [0; FLOAT_WORDS] };
        assert!(float.size() >= FLOAT_WORDS * size_of::<i128>());
        let (input, output) = (DataType::Int64, DataType::Int64);
        let exact = ExactAccumulator { average: false, input, output, total: i256::ZERO, count: 0 };
        assert!(exact.size() >= size_of::<i256>() + size_of::<i64>());
    }

    #[test]
    fn values_that_leave_a_frame_leave_nothing_behind() {
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.1), Some(1e300), Some(1.0), None, None]));
        let sum = Box::new(FloatAccumulator { average: false, words: [0; FLOAT_WORDS] });
        let expected = [Some(0.1), Some(1e300), Some(1e300), Some(1.0), None].map(ScalarValue::Float64);
        assert_eq!(frames(sum, &doubles), expected);
        let integers: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(-1), Some(3), None, None]));
        let (input, output) = (DataType::Int64, DataType::Int64);
        let sum = Box::new(ExactAccumulator { average: false, input, output, total: i256::ZERO, count: 0 });
        let expected = [Some(i64::MAX), Some(i64::MAX - 1), Some(2), Some(3), None].map(ScalarValue::Int64);
        assert_eq!(frames(sum, &integers), expected);
    }
}
