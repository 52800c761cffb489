//! The scratch buffer that holds one message, and the scanners over it: wide loads, white space, strings.
//!
//! Every function here takes padded text: a message, one NUL, and padding. Positions never pass the NUL.

use super::reject::Fault;
use super::simd;

/// Bytes after a message, the NUL included. The widest load starts at the NUL and reads 34 bytes.
pub(super) const PADDING: usize = 64;

/// Length of the scratch buffer at the start, in bytes.
const SCRATCH_BYTES: usize = 4096;

/// A position after what was read.
pub(super) type Position = Result<usize, Fault>;

/// Holds a copy of one message, ended by NUL and padded.
pub(super) struct Scratch {
    bytes: Vec<u8>,
}

impl Scratch {
    pub fn new() -> Self {
        Scratch { bytes: vec![0; SCRATCH_BYTES] }
    }

    /// The message as padded text: its length is that of the message plus `PADDING`.
    #[inline(always)]
    pub fn load(&mut self, message: &[u8]) -> &[u8] {
        let end = message.len();
        if self.bytes.len() < end + PADDING {
            self.bytes.resize(end + PADDING, 0);
        }
        self.bytes[..end].copy_from_slice(message);
        self.bytes[end] = 0;
        &self.bytes[..end + PADDING]
    }

    /// The padded text of the message loaded last, for reports on it.
    pub fn text(&self) -> &[u8] {
        &self.bytes
    }
}

#[inline(always)]
pub(super) fn load_8(text: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(text[at..at + 8].try_into().expect("a slice of 8 bytes"))
}

#[inline(always)]
pub(super) fn load_16(text: &[u8], at: usize) -> &[u8; 16] {
    text[at..at + 16].try_into().expect("a slice of 16 bytes")
}

/// The first quote, backslash, control character or byte that is not ASCII.
#[inline(always)]
pub(super) fn find_special(text: &[u8], mut at: usize) -> usize {
    loop {
        let mask = simd::special(load_16(text, at));
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += 16;
    }
}

/// The first quote, backslash or control character.
fn find_stop(text: &[u8], mut at: usize) -> usize {
    loop {
        let mask = simd::stop(load_16(text, at));
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += 16;
    }
}

#[inline(always)]
pub(super) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text[at], b' ' | b'\n' | b'\r' | b'\t') {
        at += 1;
    }
    at
}

/// The position after `word`, which must stand at `at`.
#[inline(always)]
pub(super) fn literal(text: &[u8], at: usize, word: &[u8]) -> Position {
    if text[at..].starts_with(word) { Ok(at + word.len()) } else { Err(Fault::Syntax) }
}

/// The content of the string whose first byte after the quote is at `at`, and the position after its closing quote.
/// The content is UTF-8. It lies in the text itself, or in `unescaped` when the string has escapes.
#[cold]
#[inline(never)]
pub(super) fn read_string<'a>(
    text: &'a [u8],
    at: usize,
    unescaped: &'a mut Vec<u8>,
) -> Result<(&'a [u8], usize), Fault> {
    let mut end = find_stop(text, at);
    if text[end] == b'"' {
        check_utf8(&text[at..end])?;
        return Ok((&text[at..end], end + 1));
    }
    unescaped.clear();
    let mut start = at;
    loop {
        check_utf8(&text[start..end])?;
        unescaped.extend_from_slice(&text[start..end]);
        match text[end] {
            b'"' => return Ok((unescaped, end + 1)),
            b'\\' => {
                let (character, after) = read_escape(text, end + 1)?;
                unescaped.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                start = after;
                end = find_stop(text, start);
            }
            _ => return Err(Fault::ControlCharacter),
        }
    }
}

fn check_utf8(bytes: &[u8]) -> Result<(), Fault> {
    simdutf8::basic::from_utf8(bytes).map(|_| ()).map_err(|_| Fault::InvalidUtf8)
}

/// The character of the escape whose letter is at `at`, and the position after it. Lone surrogates are refused.
fn read_escape(text: &[u8], at: usize) -> Result<(char, usize), Fault> {
    let character = match text[at] {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = read_hex(text, at + 1)?;
            if !(0xD800..0xDC00).contains(&unit) {
                return Ok((char::from_u32(unit).ok_or(Fault::BadEscape)?, at + 5));
            }
            if text[at + 5] != b'\\' || text[at + 6] != b'u' {
                return Err(Fault::BadEscape);
            }
            let low = read_hex(text, at + 7)?;
            if !(0xDC00..0xE000).contains(&low) {
                return Err(Fault::BadEscape);
            }
            let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            return Ok((char::from_u32(code).ok_or(Fault::BadEscape)?, at + 11));
        }
        _ => return Err(Fault::BadEscape),
    };
    Ok((character, at + 1))
}

fn read_hex(text: &[u8], at: usize) -> Result<u32, Fault> {
    text[at..at + 4].iter().try_fold(0, |value, &digit| {
        let digit = (digit as char).to_digit(16).ok_or(Fault::BadEscape)?;
        Ok(value << 4 | digit)
    })
}
