//! `PERCENTILE_CONT(p) WITHIN GROUP (ORDER BY x)`: the value at place `p * (n - 1)` of the sorted values, between two
//! values their weighted mean.
//!
//! DataFusion's own cuts the weight to six digits: of 1, 2, 3, 10 the percentile 0.3 is 1.9, there it is 1.899999.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue};

/// The weight is rounded to twelve digits: 0.9 * 3 is 2.7, not 2.7000000000000002.
const WEIGHT_UNITS: f64 = 1e12;

/// The percentile of values that are sorted ascending, NULL last. `descending`: counted from the greatest.
pub fn percentile(values: &ArrayRef, rank: &ScalarValue, descending: bool) -> Result<ScalarValue> {
    let output = values.data_type();
    let count = values.len() - values.null_count();
    let ScalarValue::Float64(Some(rank)) = rank.cast_to(&DataType::Float64)? else {
        return ScalarValue::try_from(output);
    };
    if count == 0 {
        return ScalarValue::try_from(output);
    }
    let place = rank * (count - 1) as f64;
    let weight = (place.fract() * WEIGHT_UNITS).round() / WEIGHT_UNITS;
    let below = place.floor() as usize;
    let above = (below + 1).min(count - 1);
    let position = |from_start: usize| if descending { count - 1 - from_start } else { from_start };
    let doubles = cast(values, &DataType::Float64)?;
    let doubles = doubles.as_primitive::<Float64Type>();
    let (low, high) = (doubles.value(position(below)), doubles.value(position(above)));
    // Between infinities nothing can be subtracted.
    let value = if weight == 0.0 || low == high { low } else { low + (high - low) * weight };
    ScalarValue::Float64(Some(value)).cast_to(output)
}
