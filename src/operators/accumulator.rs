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
    /// MIN or MAX: the values of each group, in order.
    Extreme {
        last: bool,
        codec: RowCodec,
        /// NULL, encoded.
        null: Vec<u8>,
        values: Values,
    },
    /// BIT_AND, BIT_OR, BIT_XOR.
    Bits(Bits),
    /// Every other function.
    Folds(Folds),
}

/// Where the values of a MIN or MAX are.
#[derive(Debug)]
pub(super) enum Values {
    Own(OrderedRows),
    /// With the function at this place, which is a MIN or MAX of the same.
    Of(usize),
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

impl Picture {
    /// Bytes held beside its own.
    pub fn size(&self) -> usize {
        if let Picture::Value(bytes) = self { bytes.len() } else { 0 }
    }
}

/// The changes of an epoch with the group of each row: its number and where its words begin.
pub(super) struct GroupedChanges<'a> {
    pub input: &'a Changes,
    pub numbers: &'a [u32],
    pub starts: &'a [usize],
    /// Positions of the rows, by `by_group`; empty if no function keeps rows.
    pub order: &'a [u32],
}

/// Groups whose memory is loaded ahead of their use.
pub(super) const WARM_ROWS: usize = 256;

/// Positions of rows, those of a group together, so that its memory is visited once. Insertions come first, because a
/// row may come and go in one epoch, in any order.
pub(super) fn by_group(numbers: &[u32], weights: &[i64]) -> Vec<u32> {
    const REMOVAL: u64 = 1 << 31;
    let key = |(i, (&number, &weight)): (usize, (&u32, &i64))| {
        u64::from(number) << 32 | if weight > 0 { 0 } else { REMOVAL } | i as u64
    };
    let mut keys: Vec<u64> = numbers.iter().zip(weights).enumerate().map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| (key & (REMOVAL - 1)) as u32).collect()
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

    /// Adds each row that counts to those of its group. `f` is told its position and the weight that it has now.
    pub fn keep(
        &self,
        held: &mut OrderedRows,
        codec: &RowCodec,
        counts: impl Fn(usize) -> bool,
        mut f: impl FnMut(usize, i64),
    ) -> Result<()> {
        let encoded = codec.encode(&self.input.rows)?;
        for part in self.order.chunks(WARM_ROWS) {
            std::hint::black_box(held.warm(part.iter().map(|&i| self.numbers[i as usize])));
            for i in part.iter().map(|&i| i as usize).filter(|&i| counts(i)) {
                f(i, held.add(self.numbers[i], encoded.bytes(i), self.input.weights[i])?);
            }
        }
        Ok(())
    }
}

impl Accumulator {
    /// `at`: the next free word of a group; `rows_max`: rows of a group that a fold reads at most; `same`: the place of
    /// a MIN or MAX over the same values.
    pub fn new(
        function: &Function,
        input: &SchemaRef,
        at: usize,
        rows_max: usize,
        same: Option<usize>,
    ) -> Result<Self> {
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
                let values = same.map_or_else(|| Values::Own(OrderedRows::default()), Values::Of);
                Ok(Accumulator::Extreme { last, codec, null, values })
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
        !matches!(self, Accumulator::Total(_) | Accumulator::Extreme { values: Values::Of(_), .. })
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
            Accumulator::Extreme { codec, values: Values::Own(values), .. } => {
                changes.keep(values, codec, |i| rows.counts(i), |_, _| ())
            }
            Accumulator::Extreme { values: Values::Of(_), .. } => Ok(()),
        }
    }

    /// The values of these groups; None: they are in the words. `all`: the accumulators of all functions.
    pub fn pictures(&self, all: &[Accumulator], groups: &[u32]) -> Option<Vec<Picture>> {
        match self {
            Accumulator::Total(_) | Accumulator::Distinct(_) => None,
            Accumulator::Bits(bits) => Some(pictures(groups, |part| bits.warm(part), |group| bits.picture(group))),
            Accumulator::Folds(folds) => Some(pictures(groups, |part| folds.warm(part), |group| folds.picture(group))),
            Accumulator::Extreme { last, values: Values::Own(values), .. } => Some(extremes(values, *last, groups)),
            Accumulator::Extreme { last, values: Values::Of(at), .. } => match &all[*at] {
                Accumulator::Extreme { values: Values::Own(values), .. } => Some(extremes(values, *last, groups)),
                _ => None,
            },
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
            Accumulator::Extreme { values: Values::Own(values), .. } => values.size(),
            Accumulator::Extreme { values: Values::Of(_), .. } => 0,
            Accumulator::Bits(bits) => bits.size(),
            Accumulator::Folds(folds) => folds.size(),
        }
    }
}

/// The pictures of these groups. `warm` loads what those of some groups will touch.
fn pictures(groups: &[u32], warm: impl Fn(&[u32]) -> u8, picture: impl Fn(u32) -> Picture) -> Vec<Picture> {
    let mut pictures = Vec::with_capacity(groups.len());
    for part in groups.chunks(WARM_ROWS) {
        std::hint::black_box(warm(part));
        pictures.extend(part.iter().map(|&group| picture(group)));
    }
    pictures
}

/// The first or the last value of each of these groups.
fn extremes(values: &OrderedRows, last: bool, groups: &[u32]) -> Vec<Picture> {
    let picture = |group| {
        let value = if last { values.last(group) } else { values.first(group) };
        value.map_or(Picture::Nothing, |v| Picture::Value(v.into()))
    };
    pictures(groups, |part| values.warm(part.iter().copied()), picture)
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
