//! `BIT_AND(v)`, `BIT_OR(v)`, `BIT_XOR(v)` of integers.
//!
//! Keeps for each group how many values there are and how many of them have each of the 64 bits. The counts stand
//! upright: word `p` holds binary digit `p` of all 64 counts, so that a value is added to all of them at once, carries
//! included, and a group of n values takes log2(n) words. BIT_OR has the bits that count at least one, BIT_AND those
//! that count all values, BIT_XOR those with an odd count: the word of the last digit.
//! Cost: a change, at most one step a word.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, UInt64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, UInt64Type};

use super::accumulator::{GroupedChanges, Picture};
use super::totals::TotalRows;
use crate::error::{Error, Result};
use crate::planner::BitFunction;

/// The counts of all groups for one function.
#[derive(Debug)]
pub(super) struct Bits {
    function: BitFunction,
    output: DataType,
    /// By the number of the group; those behind the end have no values.
    groups: Vec<BitCounts>,
    /// Words that the groups have room for.
    words: usize,
}

/// The counts of one group.
#[derive(Debug, Default, PartialEq, Eq)]
struct BitCounts {
    values: u64,
    digits: Vec<u64>,
}

impl Bits {
    pub fn new(function: BitFunction, output: DataType) -> Self {
        Bits { function, output, groups: vec![], words: 0 }
    }

    pub fn add(&mut self, changes: &GroupedChanges<'_>, rows: &TotalRows<'_>) -> Result<()> {
        let argument = rows.arguments.first().ok_or_else(|| Error::internal("BIT_AND without an argument"))?;
        let bits = self.bits(argument)?;
        for i in changes.order.iter().map(|&i| i as usize).filter(|&i| rows.counts(i)) {
            let group = changes.numbers[i] as usize;
            if group >= self.groups.len() {
                self.groups.resize_with(group + 1, BitCounts::default);
            }
            let counts = &mut self.groups[group];
            self.words -= counts.digits.capacity();
            counts.add(bits[i], rows.weights[i])?;
            self.words += counts.digits.capacity();
        }
        Ok(())
    }

    /// The values' bits; those of narrow types are extended, as their results are.
    fn bits(&self, values: &ArrayRef) -> Result<Vec<u64>> {
        Ok(if self.output.is_unsigned_integer() {
            cast(values, &DataType::UInt64)?.as_primitive::<UInt64Type>().values().to_vec()
        } else {
            cast(values, &DataType::Int64)?.as_primitive::<Int64Type>().values().iter().map(|&v| v as u64).collect()
        })
    }

    /// Loads what the pictures of these groups will touch: the misses overlap here and are hits afterwards.
    pub fn warm(&self, groups: &[u32]) -> u8 {
        let digit = |&group: &u32| self.groups.get(group as usize).and_then(|counts| counts.digits.first().copied());
        groups.iter().filter_map(digit).fold(0, |sum, digit| sum ^ digit as u8)
    }

    pub fn picture(&self, group: u32) -> Picture {
        match self.groups.get(group as usize) {
            Some(counts) if counts.values > 0 => Picture::Value(counts.value(self.function).to_le_bytes().into()),
            _ => Picture::Nothing,
        }
    }

    /// The column of these values.
    pub fn column(&self, pictures: &[&Picture]) -> Result<ArrayRef> {
        let value = |picture: &&Picture| match picture {
            Picture::Value(bytes) => bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
            _ => None,
        };
        let values = pictures.iter().map(value);
        let values: ArrayRef = if self.output.is_unsigned_integer() {
            Arc::new(values.collect::<UInt64Array>())
        } else {
            Arc::new(values.map(|v| v.map(|v| v as i64)).collect::<Int64Array>())
        };
        Ok(cast(&values, &self.output)?)
    }

    pub fn size(&self) -> usize {
        self.groups.capacity() * size_of::<BitCounts>() + self.words * size_of::<u64>()
    }
}

impl BitCounts {
    /// Errors: `Data` (I5) if more values go than are there.
    fn add(&mut self, bits: u64, weight: i64) -> Result<()> {
        let missing = || Error::data("a row was taken out that is not there (I5)");
        self.values = self.values.checked_add_signed(weight).ok_or_else(missing)?;
        let times = weight.unsigned_abs();
        for first in (0..u64::BITS as usize).filter(|digit| times >> digit & 1 == 1) {
            let (mut rest, mut digit) = (bits, first);
            while rest != 0 {
                if digit >= self.digits.len() {
                    if weight < 0 {
                        return Err(missing());
                    }
                    self.digits.resize(digit + 1, 0);
                }
                let held = self.digits[digit];
                self.digits[digit] = held ^ rest;
                // A one that is added to is carried on, a zero that is taken from borrows.
                rest &= if weight > 0 { held } else { !held };
                digit += 1;
            }
        }
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.values == 0 {
            self.digits = vec![];
        }
        Ok(())
    }

    fn value(&self, function: BitFunction) -> u64 {
        match function {
            BitFunction::Or => self.digits.iter().fold(0, |all, digit| all | digit),
            BitFunction::Xor => self.digits.first().copied().unwrap_or(0),
            BitFunction::And => (0..u64::BITS as usize).fold(u64::MAX, |all, digit| {
                let held = self.digits.get(digit).copied().unwrap_or(0);
                all & if self.values >> digit & 1 == 1 { held } else { !held }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_give_what_the_values_give() {
        let mut random = fastrand::Rng::with_seed(3);
        for mask in [u64::MAX, 0b111, 0] {
            let (mut counts, mut values): (BitCounts, Vec<u64>) = (BitCounts::default(), vec![]);
            for _ in 0..2_000 {
                if values.is_empty() || random.u32(0..9) < 5 {
                    let (value, weight) = (random.u64(..) & mask | random.u64(0..2) << 63, random.i64(1..7));
                    counts.add(value, weight).expect("a value more");
                    values.extend(std::iter::repeat_n(value, weight as usize));
                } else {
                    let value = values.swap_remove(random.usize(0..values.len()));
                    counts.add(value, -1).expect("it is there");
                }
                let all = values.iter().copied();
                assert_eq!(counts.value(BitFunction::Or), all.clone().fold(0, |a, b| a | b));
                assert_eq!(counts.value(BitFunction::Xor), all.clone().fold(0, |a, b| a ^ b));
                if !values.is_empty() {
                    assert_eq!(counts.value(BitFunction::And), all.fold(u64::MAX, |a, b| a & b));
                }
            }
            values.iter().for_each(|&value| counts.add(value, -1).expect("it is there"));
            assert_eq!(counts, BitCounts::default());
        }
    }

    #[test]
    fn a_value_that_is_not_there_cannot_be_taken_out() {
        let mut counts = BitCounts::default();
        assert!(counts.add(1, -1).is_err());
        let mut counts = BitCounts::default();
        counts.add(1, 3).expect("three values");
        assert!(counts.add(2, -1).is_err());
    }
}
