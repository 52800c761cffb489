//! How one function of a GROUP BY is maintained: words beside the group's count, or rows kept in order.

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::bits::Bits;
use super::distinct::Distinct;
use super::folds::Folds;
use super::totals::{Total, TotalRows};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::planner::{AggregateKind, Function};
use crate::state::{OrderedRows, RowCodec, Touched};

/// The accumulators of all groups for one function.
#[derive(Debug)]
pub(super) enum Accumulator {
    /// COUNT, SUM, AVG.
    Total(Total),
    /// The same with DISTINCT.
    Distinct(Distinct),
    /// MIN or MAX: the values of each group, in order, after the group's number.
    Extreme {
        last: bool,
        codec: RowCodec,
        /// NULL, encoded.
        null: Vec<u8>,
        values: OrderedRows,
    },
    /// BIT_AND, BIT_OR, BIT_XOR.
    Bits(Bits),
    /// Every other function.
    Folds(Folds),
}

/// The value of a group that is not in its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Picture {
    /// That of no rows.
    Nothing,
    /// Encoded.
    Value(Box<[u8]>),
    /// The function failed: the group's row is kept out.
    Failed,
}

/// The changes of an epoch with the group of each row: its number and where its words begin.
pub(super) struct GroupedChanges<'a> {
    pub input: &'a Changes,
    pub numbers: &'a [u32],
    pub starts: &'a [usize],
}

impl GroupedChanges<'_> {
    /// What a function sees of them.
    pub fn rows(&self, function: &Function) -> TotalRows<'_> {
        TotalRows {
            arguments: function.arguments.iter().map(|&c| self.input.rows.column(c)).collect(),
            filter: function.filter.map(|c| self.input.rows.column(c)),
            weights: &self.input.weights,
            starts: self.starts,
        }
    }

    /// Calls `f` with the position and the encoded row, after its group's number, of each row that counts; insertions
    /// first, because a row may come and go in one epoch, in any order.
    pub fn each(
        &self,
        codec: &RowCodec,
        counts: impl Fn(usize) -> bool,
        mut f: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let encoded = codec.encode(&self.input.rows)?;
        let mut row = vec![];
        for insertions in [true, false] {
            let of_kind = |&i: &usize| (self.input.weights[i] > 0) == insertions && counts(i);
            for i in (0..self.input.len()).filter(of_kind) {
                row.clear();
                row.extend_from_slice(&self.numbers[i].to_be_bytes());
                row.extend_from_slice(encoded.bytes(i));
                f(i, &row)?;
            }
        }
        Ok(())
    }
}

impl Accumulator {
    /// `at`: the next free word of a group; `rows_max`: rows of a group that a fold reads at most.
    pub fn new(function: &Function, input: &SchemaRef, at: usize, rows_max: usize) -> Result<Self> {
        let first = function.arguments.first();
        match &function.kind {
            AggregateKind::Fold(folding, order) => {
                let folds = Folds::new(function, folding.clone(), order, input, rows_max)?;
                Ok(Accumulator::Folds(folds))
            }
            AggregateKind::Bits(bits) => Ok(Accumulator::Bits(Bits::new(*bits, function.output.clone()))),
            AggregateKind::Min | AggregateKind::Max => {
                let column = *first.ok_or_else(|| Error::internal("MIN without an argument"))?;
                let codec = RowCodec::ascending(input.clone(), &[column])?;
                let null = new_null_array(input.field(column).data_type(), 1);
                let null = codec.encode_arrays(&[null], 1)?.bytes(0).to_vec();
                let last = matches!(function.kind, AggregateKind::Max);
                Ok(Accumulator::Extreme { last, codec, null, values: OrderedRows::default() })
            }
            AggregateKind::Count | AggregateKind::Sum | AggregateKind::Avg => {
                let argument = first.map_or(DataType::Int64, |&c| input.field(c).data_type().clone());
                let total = Total::new(function, at, argument);
                Ok(if function.distinct {
                    Accumulator::Distinct(Distinct::new(total, input, &function.arguments)?)
                } else {
                    Accumulator::Total(total)
                })
            }
        }
    }

    /// Whether it keeps rows or values beside the words.
    pub fn keeps_rows(&self) -> bool {
        !matches!(self, Accumulator::Total(_))
    }

    /// Words that it takes of each group.
    pub fn words(&self) -> usize {
        match self {
            Accumulator::Total(total) => total.words(),
            Accumulator::Distinct(distinct) => distinct.total().words(),
            Accumulator::Extreme { .. } | Accumulator::Bits(_) | Accumulator::Folds(_) => 0,
        }
    }

    pub fn add(&mut self, function: &Function, words: &mut [i128], changes: &GroupedChanges<'_>) -> Result<()> {
        let rows = changes.rows(function);
        match self {
            Accumulator::Total(total) => total.add(words, &rows),
            Accumulator::Distinct(distinct) => distinct.add(words, changes, rows),
            Accumulator::Bits(bits) => bits.add(changes, &rows),
            Accumulator::Folds(folds) => folds.add(changes, &rows),
            Accumulator::Extreme { codec, values, .. } => changes.each(
                codec,
                |i| rows.counts(i),
                |i, row| {
                    values.add(row, rows.weights[i])?;
                    Ok(())
                },
            ),
        }
    }

    /// The values of these groups; None: they are in the words.
    pub fn pictures(&self, groups: &[u32]) -> Option<Vec<Picture>> {
        match self {
            Accumulator::Total(_) | Accumulator::Distinct(_) => None,
            Accumulator::Bits(bits) => Some(groups.iter().map(|&group| bits.picture(group)).collect()),
            Accumulator::Folds(folds) => Some(groups.iter().map(|&group| folds.picture(group)).collect()),
            Accumulator::Extreme { last, values, .. } => {
                let picture = |number: &u32| {
                    let group = number.to_be_bytes();
                    let value = if *last { values.last(&group) } else { values.first(&group) };
                    value.map_or(Picture::Nothing, |v| Picture::Value(v[group.len()..].into()))
                };
                Some(groups.iter().map(picture).collect())
            }
        }
    }

    /// Computes what changed since the last call.
    pub fn refresh(&mut self, touched: &mut Touched) -> Result<()> {
        match self {
            Accumulator::Folds(folds) => folds.refresh(touched),
            _ => Ok(()),
        }
    }

    /// The function's column for groups, each given by its words and picture. `fits[i]` becomes false where a total does
    /// not fit or a function failed.
    pub fn column(&self, words: &[&[i128]], pictures: &[&Picture], fits: &mut [bool]) -> Result<ArrayRef> {
        match self {
            Accumulator::Total(total) => total.column(words, fits),
            Accumulator::Distinct(distinct) => distinct.total().column(words, fits),
            Accumulator::Extreme { codec, null, .. } => decoded(codec, null, pictures, fits),
            Accumulator::Bits(bits) => bits.column(pictures),
            Accumulator::Folds(folds) => decoded(folds.output(), folds.nothing(), pictures, fits),
        }
    }

    pub fn size(&self) -> usize {
        match self {
            Accumulator::Total(_) => 0,
            Accumulator::Distinct(distinct) => distinct.size(),
            Accumulator::Extreme { values, .. } => values.size(),
            Accumulator::Bits(bits) => bits.size(),
            Accumulator::Folds(folds) => folds.size(),
        }
    }
}

fn decoded(codec: &RowCodec, nothing: &[u8], pictures: &[&Picture], fits: &mut [bool]) -> Result<ArrayRef> {
    let bytes = pictures.iter().zip(fits).map(|(picture, fits)| match picture {
        Picture::Value(bytes) => &**bytes,
        Picture::Nothing => nothing,
        Picture::Failed => {
            *fits = false;
            nothing
        }
    });
    Ok(codec.decode(bytes)?.column(0).clone())
}
