//! The values of one VARCHAR column in a batch: offsets and bytes, written at `row` and overwritten when a message fails.

use datafusion::arrow::array::StringArray;
use datafusion::arrow::buffer::NullBuffer;

use super::reject::Fault;
use super::scan::{Position, load_16, read_string};
use super::simd;
use super::unchecked;

/// Bytes a row that the first batch is sized for.
const FIRST_BYTES_PER_ROW: usize = 8;

/// Bytes beyond the estimate: a copy writes 16 bytes at a time.
const SLACK_BYTES: usize = 16;

pub(super) struct StringValues {
    /// Start of each row's value; one more than rows.
    offsets: Vec<i32>,
    /// Its length is what may be written without growing.
    data: Vec<u8>,
    /// Mean of the last batch, rounded up; sizes the next one.
    bytes_per_row: usize,
}

impl StringValues {
    pub fn new() -> Self {
        StringValues { offsets: vec![], data: vec![], bytes_per_row: FIRST_BYTES_PER_ROW }
    }

    /// Prepares for at most `rows` rows from messages of `payload` bytes: no column holds more bytes than these,
    /// so one long value does not set the size of later buffers.
    pub fn start(&mut self, rows: usize, payload: usize) {
        self.offsets = vec![0; rows + 1];
        let estimate = rows * (self.bytes_per_row + self.bytes_per_row / 8);
        self.data = vec![0; estimate.min(payload) + SLACK_BYTES];
    }

    /// Copies the string whose first byte after the quote is at `at` while it is scanned; the position after its
    /// closing quote. The value counts only once its end is found.
    #[inline(always)]
    pub fn read(&mut self, text: &[u8], at: usize, row: usize, unescaped: &mut Vec<u8>) -> Position {
        let (mut from, mut to) = (at, self.offsets[row] as usize);
        loop {
            let chunk = load_16(text, from);
            let Some(place) = self.data.get_mut(to..to + 16) else {
                self.grow(to + 16);
                continue;
            };
            place.copy_from_slice(chunk);
            let mask = simd::special(chunk);
            if mask != 0 {
                let count = mask.trailing_zeros() as usize;
                if text[from + count] != b'"' {
                    return self.read_slow(text, at, row, unescaped);
                }
                self.offsets[row + 1] = (to + count) as i32;
                return Ok(from + count + 1);
            }
            from += 16;
            to += 16;
        }
    }

    /// Strings with escapes or with characters that are not ASCII.
    #[cold]
    #[inline(never)]
    fn read_slow(&mut self, text: &[u8], at: usize, row: usize, unescaped: &mut Vec<u8>) -> Position {
        let (content, end) = read_string(text, at, unescaped)?;
        self.write(content, row);
        Ok(end)
    }

    /// Takes the text as it is; it must be UTF-8.
    pub fn set(&mut self, content: &[u8], row: usize) -> Result<(), Fault> {
        simdutf8::basic::from_utf8(content).map_err(|_| Fault::InvalidUtf8)?;
        self.write(content, row);
        Ok(())
    }

    fn write(&mut self, content: &[u8], row: usize) {
        let from = self.offsets[row] as usize;
        let to = from + content.len();
        self.grow(to);
        self.data[from..to].copy_from_slice(content);
        self.offsets[row + 1] = to as i32;
    }

    pub fn set_empty(&mut self, row: usize) {
        self.offsets[row + 1] = self.offsets[row];
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        if self.data.len() < len {
            self.data.resize(len.max(self.data.len() * 2).max(256), 0);
        }
    }

    /// The first `rows` values. The bytes are UTF-8: plain ASCII runs, spans that were checked, and characters.
    pub fn finish(&mut self, rows: usize, nulls: Option<NullBuffer>) -> StringArray {
        let mut offsets = std::mem::take(&mut self.offsets);
        offsets.truncate(rows + 1);
        let end = offsets[rows] as usize;
        let mut data = std::mem::take(&mut self.data);
        data.truncate(end);
        // The array may be kept for long: it does not keep much more than it holds.
        if data.capacity() > 2 * end + 1024 {
            data.shrink_to_fit();
        }
        if rows > 0 {
            self.bytes_per_row = end.div_ceil(rows);
        }
        unchecked::string_array(offsets, data, nulls)
    }
}
