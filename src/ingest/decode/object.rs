//! One JSON object to one row: which field comes next, its value into its column, and the rules over all fields.

use super::column::Column;
use super::gap::{END, Gap, Names};
use super::reject::{Fault, Place, Refusal};
use super::rest::Rest;
use super::scan::{PADDING, skip_space};
use super::skip::skip_value;
use crate::catalog::UnknownFields;

/// Gaps that may be learned in a burst. Later about one a message, so that a random key order pays for no learning.
const LEARN_MAX: u32 = 256;

/// Undeclared fields of a message that have a place of their own to remember the gap after them; then they share.
const UNDECLARED_SLOTS: usize = 32;

/// The rows of a batch: what is written while messages are read.
pub(super) struct Rows {
    pub columns: Vec<Column>,
    pub rest: Rest,
    /// Content of the string read last, if it had escapes.
    pub unescaped: Vec<u8>,
}

impl Rows {
    /// Sets the columns of these bits to null in `row`.
    pub fn set_nulls(&mut self, mut columns: u64, row: usize) {
        while columns != 0 {
            self.columns[columns.trailing_zeros() as usize].set_null(row);
            columns &= columns - 1;
        }
    }
}

/// Which fields an object has, as bits and positions of the table's columns.
pub(super) struct Shape {
    /// Names that are read; a key object has fewer than the table.
    pub names: Vec<(Vec<u8>, u16)>,
    /// Columns of the table.
    pub columns: usize,
    /// Bit set: the column must be there and not null.
    pub required: u64,
    pub unknown_fields: UnknownFields,
}

/// Reads objects of one shape. It learns how they are written: batches of one producer are best read by one reader.
pub(super) struct ObjectReader {
    names: Names,
    columns: usize,
    required: u64,
    unknown_fields: UnknownFields,
    /// Two guesses for the gap after each column, after the start of the message, and after undeclared fields.
    gaps: Vec<[Gap; 2]>,
    /// Gaps that may be learned now.
    credit: u32,
}

impl ObjectReader {
    pub fn new(shape: Shape) -> Self {
        ObjectReader {
            names: Names::new(shape.names),
            columns: shape.columns,
            required: shape.required,
            unknown_fields: shape.unknown_fields,
            gaps: vec![[Gap::EMPTY; 2]; shape.columns + 1 + UNDECLARED_SLOTS],
            credit: LEARN_MAX,
        }
    }

    /// Reads the padded text into `row`. After a refusal the row holds remains that the next message overwrites.
    #[inline(always)]
    pub fn read(&mut self, text: &[u8], row: usize, rows: &mut Rows) -> Result<(), Refusal> {
        self.credit = (self.credit + 1).min(LEARN_MAX);
        let start_slot = self.columns;
        let (mut at, mut slot, mut undeclared) = (0, start_slot, 0);
        let (mut seen, mut nulls) = (0u64, 0u64);
        loop {
            let gap_at = at;
            let (target, value_at) = self.next_field(text, at, slot, &mut rows.unescaped).map_err(Refusal::whole)?;
            at = value_at;
            // A remembered gap may be a prefix of the real one: more white space can follow it.
            if text[at] <= b' ' {
                at = skip_space(text, at);
            }
            slot = usize::from(target);
            if let Some(column) = rows.columns.get_mut(slot) {
                let bit = 1u64 << slot;
                if seen & bit != 0 {
                    return Err(Refusal::column(slot, Fault::DuplicateKey));
                }
                seen |= bit;
                let read = column.read(text, at, row, &mut rows.unescaped);
                let (end, null) = read.map_err(|fault| Refusal::column(slot, fault))?;
                if null {
                    nulls |= bit;
                }
                at = end;
            } else if target == END {
                break;
            } else {
                at = self.undeclared_field(text, (gap_at, at), undeclared == 0, rows)?;
                slot = start_slot + 1 + undeclared % UNDECLARED_SLOTS;
                undeclared += 1;
            }
        }
        let end = text.len() - PADDING;
        if at != end && skip_space(text, at) != end {
            return Err(Refusal::whole(Fault::TrailingData));
        }
        nulls |= !seen & self.all_columns();
        if nulls != 0 {
            if nulls & self.required != 0 {
                let lowest = (nulls & self.required).trailing_zeros() as usize;
                return Err(Refusal::column(lowest, Fault::Missing));
            }
            rows.set_nulls(nulls, row);
        }
        if undeclared > 0 && self.unknown_fields == UnknownFields::Keep {
            rows.rest.accept(row);
        }
        Ok(())
    }

    /// One bit a column of the table.
    pub fn all_columns(&self) -> u64 {
        if self.columns == 0 { 0 } else { u64::MAX >> (64 - self.columns) }
    }

    /// The field after the gap at `at`, and where its value starts: by the remembered gaps, else by the grammar.
    #[inline(always)]
    fn next_field(
        &mut self,
        text: &[u8],
        at: usize,
        slot: usize,
        unescaped: &mut Vec<u8>,
    ) -> Result<(u16, usize), Fault> {
        let [first, second] = &self.gaps[slot];
        if let Some(next) = first.next(text, at) {
            return Ok(next);
        }
        if let Some(next) = second.next(text, at) {
            return Ok(next);
        }
        let (target, end) = self.names.read_gap(text, at, slot == self.columns, unescaped)?;
        if self.credit > 0
            && let Some(gap) = Gap::learn(&text[at..end], target)
        {
            self.credit -= 1;
            self.gaps[slot] = [gap, self.gaps[slot][0]];
        }
        Ok((target, end))
    }

    /// Passes over an undeclared field, keeping it if the table says so; `gap` is the text before its value.
    #[inline(never)]
    fn undeclared_field(
        &self,
        text: &[u8],
        gap: (usize, usize),
        first: bool,
        rows: &mut Rows,
    ) -> Result<usize, Refusal> {
        let key = || key_in_gap(&text[gap.0..gap.1]).map(|at| at + gap.0);
        if self.unknown_fields == UnknownFields::Reject {
            let place = Place::Undeclared(key()[0] + 1);
            return Err(Refusal { place, fault: Fault::UnknownField, in_key: false });
        }
        let end = skip_value(text, gap.1, &mut rows.unescaped).map_err(Refusal::whole)?;
        if self.unknown_fields == UnknownFields::Keep {
            let [open, close] = key();
            rows.rest.add(text, open..close + 1, gap.1..end, first);
        }
        Ok(end)
    }
}

/// Positions of the two quotes of the key in a gap: outside the key a gap has only spaces and punctuation.
fn key_in_gap(gap: &[u8]) -> [usize; 2] {
    let open = gap.iter().position(|&byte| byte == b'"').expect("a gap before a value has a key");
    let close = gap.iter().rposition(|&byte| byte == b'"').expect("a gap before a value has a key");
    [open, close]
}
