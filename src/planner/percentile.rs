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

/// Where a percentile stands among sorted values: its two neighbours, and how far it is from the first to the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub below: usize,
    pub above: usize,
    weight: f64,
}

impl Place {
    /// Of `count` values, at least one. `rank`: from 0 to 1.
    pub fn new(rank: f64, count: usize) -> Self {
        let place = rank * (count - 1) as f64;
        let below = (place.floor() as usize).min(count - 1);
        let weight = (place.fract() * WEIGHT_UNITS).round() / WEIGHT_UNITS;
        Place { below, above: (below + 1).min(count - 1), weight }
    }

    /// The value between the neighbours: the first and the last of `values`, or, `descending`, the last and the first.
    pub fn value(&self, values: &ArrayRef, descending: bool) -> Result<ScalarValue> {
        let doubles = cast(values, &DataType::Float64)?;
        let doubles = doubles.as_primitive::<Float64Type>();
        let (first, last) = (doubles.value(0), doubles.value(doubles.len() - 1));
        let (low, high) = if descending { (last, first) } else { (first, last) };
        // Between infinities nothing can be subtracted.
        let value = if self.weight == 0.0 || low == high { low } else { low + (high - low) * self.weight };
        ScalarValue::Float64(Some(value)).cast_to(values.data_type())
    }
}
