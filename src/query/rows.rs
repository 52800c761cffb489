//! Row bytes copied out of an arrangement, so that its lock is held for the copy only.

/// Rows one after another.
#[derive(Debug, Default)]
pub(super) struct RowBuffer {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl RowBuffer {
    pub fn extend(&mut self, rows: &[&[u8]]) {
        self.bytes.reserve(rows.iter().map(|row| row.len()).sum());
        self.ends.reserve(rows.len());
        for row in rows {
            self.bytes.extend_from_slice(row);
            self.ends.push(self.bytes.len());
        }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn row(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.row(i))
    }
}
