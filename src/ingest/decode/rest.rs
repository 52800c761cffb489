//! The `_rest` column: undeclared fields of a message as one JSON object, built from the raw text of their keys and
//! values. Repeated undeclared keys stay repeated.

use std::mem::take;
use std::ops::Range;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};

use super::unchecked;

/// Rows without undeclared fields cost nothing: offsets are filled up when a row with some comes, or at the end.
#[derive(Default)]
pub(super) struct Rest {
    /// Rows that the batch can hold.
    capacity: usize,
    /// Empty as long as no row has a value; then one more than `capacity`.
    offsets: Vec<i32>,
    /// Bit set: the row has a value.
    valid: Vec<u64>,
    /// `offsets[..=filled]` is set.
    filled: usize,
    /// Values of accepted rows, then the fields of the message being read.
    data: Vec<u8>,
    /// Length of the values of accepted rows in `data`.
    end: usize,
}

impl Rest {
    /// Prepares for at most `rows` rows.
    pub fn start(&mut self, rows: usize) {
        *self = Rest { capacity: rows, ..Rest::default() };
    }

    /// Adds a field of the message being read; `key` is its raw text with quotes. The first one drops what a refused
    /// message left.
    pub fn add(&mut self, text: &[u8], key: Range<usize>, value: Range<usize>, first: bool) {
        if first {
            self.data.truncate(self.end);
        }
        self.data.push(if first { b'{' } else { b',' });
        self.data.extend_from_slice(&text[key]);
        self.data.push(b':');
        self.data.extend_from_slice(&text[value]);
    }

    /// The message that added fields is accepted as `row`.
    pub fn accept(&mut self, row: usize) {
        self.data.push(b'}');
        if self.offsets.is_empty() {
            self.offsets = vec![0; self.capacity + 1];
            self.valid = vec![0; self.capacity.div_ceil(64)];
        }
        self.fill(row);
        self.end = self.data.len();
        self.offsets[row + 1] = self.end as i32;
        self.filled = row + 1;
        self.valid[row / 64] |= 1 << (row % 64);
    }

    /// Rows without a value up to the start of `row`.
    fn fill(&mut self, row: usize) {
        let end = self.end as i32;
        self.offsets[self.filled + 1..=row].fill(end);
    }

    /// The first `rows` values. Their bytes were checked when the fields were passed over.
    pub fn finish(&mut self, rows: usize) -> StringArray {
        if self.offsets.is_empty() {
            return StringArray::new_null(rows);
        }
        self.fill(rows);
        let mut offsets = take(&mut self.offsets);
        offsets.truncate(rows + 1);
        self.data.truncate(self.end);
        let valid = BooleanBuffer::new(Buffer::from_vec(take(&mut self.valid)), 0, rows);
        unchecked::string_array(offsets, take(&mut self.data), Some(NullBuffer::new(valid)))
    }
}
