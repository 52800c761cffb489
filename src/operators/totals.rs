//! The accumulators of a group, as words of 128 bits beside one another: one place in memory a group.
//!
//! COUNT takes one word. SUM and AVG take their total and the count of values; the total has two words when 2^63 values
//! of the argument's precision could pass 128 bits. Of doubles it is the exact total of `float_total`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, i256};

use crate::error::{Error, Result};
use crate::planner::{AggregateKind, FLOAT_WORDS, Function, add_float, average_units, float_total};

/// Greatest precision whose total of 2^63 values fits 128 bits: 10^19 * 2^63 < 2^127.
const NARROW_PRECISION_MAX: u8 = 19;

/// Where the words of a COUNT, SUM or AVG are and how its value is computed from them.
#[derive(Clone, Debug)]
pub(super) struct Total {
    /// First word in the group's words.
    at: usize,
    held: Held,
    average: bool,
    input: DataType,
    output: DataType,
}

/// What the words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// The count.
    Count,
    /// The total and the count.
    Narrow,
    /// The total in two words and the count.
    Wide,
    /// A `float_total`.
    Float,
}

impl Total {
    /// `input`: type of the argument (of COUNT: any).
    pub fn new(function: &Function, at: usize, input: DataType) -> Self {
        let held = match (&function.kind, &input) {
            (AggregateKind::Count, _) => Held::Count,
            (_, DataType::Float64) => Held::Float,
            (_, DataType::Decimal128(p, _)) if *p > NARROW_PRECISION_MAX => Held::Wide,
            _ => Held::Narrow,
        };
        let average = matches!(function.kind, AggregateKind::Avg);
        Total { at, held, average, input, output: function.output.clone() }
    }

    pub fn words(&self) -> usize {
        match self.held {
            Held::Count => 1,
            Held::Narrow => 2,
            Held::Wide => 3,
            Held::Float => FLOAT_WORDS,
        }
    }

    /// Adds values with weights to groups. `passes`: rows that count; `groups[i]` is where row i's group begins.
    pub fn add(&self, words: &mut [i128], rows: &TotalRows<'_>) -> Result<()> {
        let overflow = || Error::data("a total has more bits than its accumulator");
        for i in 0..rows.weights.len() {
            if !rows.counts(i) {
                continue;
            }
            let weight = i128::from(rows.weights[i]);
            let group = &mut words[rows.starts[i] + self.at..];
            match self.held {
                Held::Count => group[0] = group[0].checked_add(weight).ok_or_else(overflow)?,
                Held::Float => add_float(group, rows.float(i), rows.weights[i]),
                Held::Wide => {
                    let product =
                        i256::from_i128(rows.value(i)).checked_mul(i256::from_i128(weight)).ok_or_else(overflow)?;
                    let total = join(group[0], group[1]).checked_add(product).ok_or_else(overflow)?;
                    (group[0], group[1]) = split(total);
                    group[2] += weight;
                }
                Held::Narrow => {
                    let product = rows.value(i).checked_mul(weight).ok_or_else(overflow)?;
                    group[0] = group[0].checked_add(product).ok_or_else(overflow)?;
                    group[1] += weight;
                }
            }
        }
        Ok(())
    }

    /// The function's values for these groups (each given by its words). `fits[i]` becomes false where a total does not
    /// fit the output's type.
    pub fn column(&self, groups: &[&[i128]], fits: &mut [bool]) -> Result<ArrayRef> {
        let mut values: Vec<Option<i128>> = Vec::with_capacity(groups.len());
        if self.held == Held::Float {
            return Ok(Arc::new(groups.iter().map(|group| self.float(&group[self.at..])).collect::<Float64Array>()));
        }
        if self.output == DataType::Float64 {
            return Ok(Arc::new(self.averages(groups)));
        }
        let limits = match self.output {
            DataType::Decimal128(precision, _) => {
                let greatest = 10i128.pow(u32::from(precision)) - 1;
                -greatest..=greatest
            }
            _ => i128::from(i64::MIN)..=i128::from(i64::MAX),
        };
        for (group, fits) in groups.iter().zip(fits) {
            let value = self.value(&group[self.at..])?;
            let narrow = match value {
                Some(value) => value.to_i128().filter(|v| limits.contains(v)),
                None => None,
            };
            *fits &= value.is_none() || narrow.is_some();
            values.push(narrow);
        }
        Ok(match self.output {
            DataType::Decimal128(precision, scale) => {
                Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale)?)
            }
            _ => {
                // Within the limits of BIGINT, as checked above.
                let narrow = |v: Option<i128>| v.map(|v| v as i64);
                Arc::new(values.into_iter().map(narrow).collect::<Int64Array>())
            }
        })
    }

    /// The value of doubles; None is NULL.
    fn float(&self, words: &[i128]) -> Option<f64> {
        let (total, count) = float_total(words);
        (count != 0).then_some(if self.average { total / count as f64 } else { total })
    }

    /// The exact value in units of the output's last digit; None is NULL.
    fn value(&self, words: &[i128]) -> Result<Option<i256>> {
        if self.held == Held::Count {
            return Ok(Some(i256::from_i128(words[0])));
        }
        let (total, count) = self.total(words);
        if count == 0 {
            return Ok(None);
        }
        if !self.average {
            return Ok(Some(total));
        }
        let average = average_units(total, count, &self.input, &self.output);
        average.map(Some).ok_or_else(|| Error::internal("an average of other types than planned"))
    }

    fn total(&self, words: &[i128]) -> (i256, i128) {
        if self.held == Held::Wide {
            (join(words[0], words[1]), words[2])
        } else {
            (i256::from_i128(words[0]), words[1])
        }
    }

    /// AVG of integers.
    fn averages(&self, groups: &[&[i128]]) -> Float64Array {
        let average = |group: &&[i128]| {
            let (total, count) = (group[self.at], group[self.at + 1]);
            (count != 0).then(|| total as f64 / count as f64)
        };
        groups.iter().map(average).collect()
    }
}

/// The rows that one function sees.
pub(super) struct TotalRows<'a> {
    pub arguments: Vec<&'a ArrayRef>,
    pub filter: Option<&'a ArrayRef>,
    pub weights: &'a [i64],
    /// First word of the group of each row.
    pub starts: &'a [usize],
}

impl TotalRows<'_> {
    /// Whether row `i` passes FILTER.
    pub fn passes(&self, i: usize) -> bool {
        self.filter.is_none_or(|f| f.is_valid(i) && f.as_boolean().value(i))
    }

    /// Whether row `i` passes FILTER and none of its arguments is NULL.
    pub fn counts(&self, i: usize) -> bool {
        self.passes(i) && self.arguments.iter().all(|a| a.is_valid(i))
    }

    fn value(&self, i: usize) -> i128 {
        let Some(argument) = self.arguments.first() else { return 1 };
        match argument.data_type() {
            DataType::Decimal128(..) => argument.as_primitive::<Decimal128Type>().value(i),
            _ => i128::from(argument.as_primitive::<Int64Type>().value(i)),
        }
    }

    fn float(&self, i: usize) -> f64 {
        self.arguments.first().map_or(0.0, |argument| argument.as_primitive::<Float64Type>().value(i))
    }
}

fn join(low: i128, high: i128) -> i256 {
    i256::from_parts(low as u128, high)
}
fn split(value: i256) -> (i128, i128) {
    let (low, high) = value.to_parts();
    (low as i128, high)
}
