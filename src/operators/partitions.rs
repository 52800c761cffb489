//! The rows of every PARTITION BY, in order, and the way through those that a batch changes: one partition at a time,
//! so that what it looked like before and after is at hand.
//!
//! A row is kept without the bytes of its partition, which stand once in the table of keys.
//! Cost: one probe a change, and a logarithm of its partition's rows.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;

use super::accumulator::{WARM_ROWS, by_group};
use crate::changes::Changes;
use crate::error::Result;
use crate::state::{EncodedRows, KeyTable, OrderedRows, RowCodec};

/// See the module.
#[derive(Debug)]
pub(super) struct Partitions {
    key_codec: RowCodec,
    row_codec: RowCodec,
    keys: KeyTable,
    rows: OrderedRows,
}

/// A batch of changes, those of a partition together, insertions first.
pub(super) struct PartitionedChanges<'a> {
    weights: &'a [i64],
    rows: EncodedRows,
    keys: EncodedRows,
    numbers: Vec<u32>,
    order: Vec<u32>,
}

/// One partition that changes: its number and the positions of its changes.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub number: u32,
    changes: &'a [u32],
}

/// Rows on their way out: encoded, one after the other.
#[derive(Default)]
pub(super) struct OutputRows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    weights: Vec<i64>,
}

impl PartitionedChanges<'_> {
    /// The partitions that change, some at a time: `Partitions::warm` them together.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let number = |i: &u32| self.numbers[*i as usize];
        let parts = self.order.chunk_by(|a, b| number(a) == number(b));
        parts.map(|changes| Part { number: number(&changes[0]), changes }).collect()
    }

    /// The position in the batch of a row of the partition.
    pub fn find(&self, part: Part<'_>, row: &[u8]) -> Option<usize> {
        let mut positions = part.changes.iter().map(|&i| i as usize);
        positions.find(|&i| &self.rows.bytes(i)[self.keys.bytes(i).len()..] == row)
    }
}

impl Partitions {
    /// Rows of `schema` by partition, then by `order`, then by all other columns.
    pub fn new(schema: &SchemaRef, partition: &[usize], order: &[(usize, SortOptions)]) -> Result<Self> {
        Ok(Partitions {
            key_codec: RowCodec::ascending(schema.clone(), partition)?,
            row_codec: RowCodec::ordered(schema.clone(), partition, order)?,
            keys: KeyTable::default(),
            rows: OrderedRows::default(),
        })
    }

    /// Calls `f` for each partition that these changes touch. It must `add` the changes of the partition.
    pub fn each(
        &mut self,
        input: &Changes,
        mut f: impl FnMut(&mut Partitions, &PartitionedChanges<'_>, Part<'_>) -> Result<()>,
    ) -> Result<()> {
        let (keys, rows) = (self.key_codec.encode(&input.rows)?, self.row_codec.encode(&input.rows)?);
        let numbers = self.keys.numbers(&keys);
        let order = by_group(&numbers, &input.weights);
        let changes = PartitionedChanges { weights: &input.weights, rows, keys, numbers, order };
        for parts in changes.parts().chunks(WARM_ROWS) {
            std::hint::black_box(self.rows.warm(parts.iter().map(|part| part.number)));
            for &part in parts {
                f(self, &changes, part)?;
                if self.rows.is_empty(part.number) {
                    self.keys.remove(part.number);
                }
            }
        }
        Ok(())
    }

    /// Applies the changes of a partition.
    pub fn add(&mut self, changes: &PartitionedChanges<'_>, part: Part<'_>) -> Result<()> {
        for i in part.changes.iter().map(|&i| i as usize) {
            let row = &changes.rows.bytes(i)[changes.keys.bytes(i).len()..];
            self.rows.add(part.number, row, changes.weights[i])?;
        }
        Ok(())
    }

    /// Takes out copies of a row.
    pub fn take(&mut self, part: Part<'_>, row: &[u8], copies: i64) -> Result<()> {
        self.rows.add(part.number, row, -copies).map(|_| ())
    }

    /// Takes out all rows of a partition but the first ones.
    pub fn keep_first(&mut self, part: Part<'_>, kept: usize) -> Result<()> {
        let rest: Vec<(Vec<u8>, i64)> =
            self.rows(part).skip(kept).map(|(row, copies)| (row.to_vec(), copies)).collect();
        rest.into_iter().try_for_each(|(row, copies)| self.take(part, &row, copies))
    }

    /// Takes out a whole partition, outside `each`, and gives its rows out as gone, each once.
    pub fn expel(&mut self, number: u32, output: &mut OutputRows) -> Result<()> {
        let part = Part { number, changes: &[] };
        for (row, _) in self.rows.iter(number) {
            self.give(part, row, -1, output);
        }
        self.keep_first(part, 0)?;
        self.keys.remove(number);
        Ok(())
    }

    /// The rows of a partition, in order, with their weights.
    pub fn rows(&self, part: Part<'_>) -> impl Iterator<Item = (&[u8], i64)> {
        self.rows.iter(part.number)
    }

    /// Gives a row of a partition out.
    pub fn give(&self, part: Part<'_>, row: &[u8], weight: i64, output: &mut OutputRows) {
        output.bytes.extend_from_slice(self.keys.key(part.number));
        output.bytes.extend_from_slice(row);
        output.ends.push(output.bytes.len());
        output.weights.push(weight);
    }

    pub fn decode(&self, output: &OutputRows) -> Result<RecordBatch> {
        let row = |i: usize| &output.bytes[if i == 0 { 0 } else { output.ends[i - 1] }..output.ends[i]];
        self.row_codec.decode((0..output.ends.len()).map(row))
    }

    pub fn size(&self) -> usize {
        self.keys.size() + self.rows.size()
    }
}

impl OutputRows {
    pub fn weights(self) -> Vec<i64> {
        self.weights
    }
}
