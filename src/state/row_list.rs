//! Ids of the rows of one key: a few stand in the list itself, as most keys have one row or two.

use super::rows::RowId;

/// Rows that need no memory of their own.
const FEW: usize = 3;
/// A list with room for fewer rows never shrinks.
const SHRINK_ROWS_MIN: usize = 64;

#[derive(Debug)]
pub(super) enum RowList {
    Few { len: u8, rows: [RowId; FEW] },
    Many(Vec<RowId>),
}

impl Default for RowList {
    fn default() -> Self {
        RowList::Few { len: 0, rows: [RowId(0); FEW] }
    }
}

impl RowList {
    pub fn rows(&self) -> &[RowId] {
        match self {
            RowList::Few { len, rows } => &rows[..usize::from(*len)],
            RowList::Many(rows) => rows,
        }
    }

    pub fn push(&mut self, row: RowId) {
        match self {
            RowList::Few { len, rows } if usize::from(*len) < FEW => {
                rows[usize::from(*len)] = row;
                *len += 1;
            }
            RowList::Few { rows, .. } => {
                let mut many = Vec::with_capacity(2 * FEW);
                many.extend(*rows);
                many.push(row);
                *self = RowList::Many(many);
            }
            RowList::Many(rows) => rows.push(row),
        }
    }

    /// Takes out the row at a position. The last one takes its place, if it was another, and is returned.
    pub fn take_out(&mut self, position: usize) -> Option<RowId> {
        match self {
            RowList::Few { len, rows } => {
                *len -= 1;
                rows[position] = rows[usize::from(*len)];
            }
            RowList::Many(rows) => {
                rows.swap_remove(position);
                let room = rows.capacity();
                if room >= SHRINK_ROWS_MIN && rows.len() < room / 4 {
                    rows.shrink_to(room / 2);
                }
            }
        }
        self.rows().get(position).copied()
    }

    pub fn replace(&mut self, position: usize, row: RowId) {
        match self {
            RowList::Few { rows, .. } => rows[position] = row,
            RowList::Many(rows) => rows[position] = row,
        }
    }

    /// Bytes that it holds beside its own.
    pub fn size(&self) -> usize {
        if let RowList::Many(rows) = self { rows.capacity() * size_of::<RowId>() } else { 0 }
    }
}
