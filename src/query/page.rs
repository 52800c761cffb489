//! Pages of sorted rows: those of a key prefix, after a cursor, up to a limit.

use std::ops::Range;

use crate::error::{Error, Result};

/// Where a page ended: the key of its last row, and how many rows of that key were given so far.
/// As text: the encoded key in hexadecimal, `-`, the count. It holds for as long as the view does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub key: Vec<u8>,
    pub given: usize,
}

impl Cursor {
    /// Errors: `Invalid` for a text that `print` did not make.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("after is not a cursor").hint("give the value of \"next\" of the page before");
        let (key, given) = text.rsplit_once('-').ok_or_else(wrong)?;
        if key.len() % 2 != 0 || !key.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let byte = |i: usize| u8::from_str_radix(&key[i..i + 2], 16).map_err(|_| wrong());
        let key = (0..key.len()).step_by(2).map(byte).collect::<Result<_>>()?;
        Ok(Cursor { key, given: given.parse().map_err(|_| wrong())? })
    }

    pub fn print(&self) -> String {
        let digit = |b: u8| char::from_digit(u32::from(b), 16).unwrap_or('0');
        let mut text: String = self.key.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect();
        text.push('-');
        text.push_str(&self.given.to_string());
        text
    }
}

/// The rows of a page, and whether more follow. `sorted` are row bytes that begin with the encoded key; `prefix` is the
/// encoding of the first key columns, which all rows of the page begin with.
pub(super) fn page(sorted: &[&[u8]], prefix: &[u8], after: Option<&Cursor>, limit: usize) -> (Range<usize>, bool) {
    let mut start = sorted.partition_point(|row| *row < prefix);
    let end = start + sorted[start..].partition_point(|row| row.starts_with(prefix));
    if let Some(cursor) = after {
        let first = sorted.partition_point(|row| *row < cursor.key.as_slice());
        let same = sorted[first..].partition_point(|row| row.starts_with(&cursor.key));
        start = start.max(first + same.min(cursor.given)).min(end);
    }
    let stop = end.min(start + limit);
    (start..stop, stop < end)
}

/// The cursor after a page whose last row has this key.
pub(super) fn cursor_after(page: &[&[u8]], key: Vec<u8>, after: Option<&Cursor>) -> Cursor {
    let here = page.iter().rev().take_while(|row| row.starts_with(&key)).count();
    let before = after.filter(|cursor| cursor.key == key && here == page.len()).map_or(0, |cursor| cursor.given);
    Cursor { key, given: before + here }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_as_text_and_others_are_refused() {
        let cursor = Cursor { key: vec![0, 0xab, 0xff], given: 3 };
        assert_eq!(cursor.print(), "00abff-3");
        assert_eq!(Cursor::parse("00abff-3").expect("a cursor"), cursor);
        assert_eq!(Cursor::parse("-7").expect("a cursor"), Cursor { key: vec![], given: 7 });
        for text in ["", "00abff", "0-1", "zz-1", "00--1", "00-x", "\u{e9}\u{e9}-1", "+1-1"] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pages_cover_every_row_once() {
        let sorted: Vec<&[u8]> = vec![b"a1", b"a1", b"a1", b"a2", b"b1", b"b1", b"c1"];
        for limit in 1..=8 {
            let (mut after, mut seen) = (None, vec![]);
            loop {
                let (range, more) = page(&sorted, b"", after.as_ref(), limit);
                let rows = &sorted[range];
                seen.extend_from_slice(rows);
                let Some(last) = rows.last().filter(|_| more) else {
                    break;
                };
                after = Some(cursor_after(rows, last.to_vec(), after.as_ref()));
            }
            assert_eq!(seen, sorted, "pages of {limit}");
        }
        assert_eq!(page(&sorted, b"a", None, 10), (0..4, false));
        assert_eq!(page(&sorted, b"b", None, 1), (4..5, true));
        assert_eq!(page(&sorted, b"x", None, 1), (7..7, false));
        let gone = Cursor { key: b"a3".to_vec(), given: 1 };
        assert_eq!(page(&sorted, b"", Some(&gone), 1), (4..5, true), "the cursor's row may be gone");
        assert_eq!(page(&sorted, b"a", Some(&gone), 5), (4..4, false));
    }
}
