//! Passing over values that no column takes. They are checked in full: whether a message is accepted never depends on
//! which fields are read.

use super::number;
use super::reject::Fault;
use super::scan::{Position, find_special, literal, read_string, skip_space};

/// Levels of nesting, the message itself included.
pub(super) const DEPTH_MAX: u32 = 127;

#[inline(always)]
fn skip_string(text: &[u8], at: usize, unescaped: &mut Vec<u8>) -> Position {
    let end = find_special(text, at);
    if text[end] == b'"' { Ok(end + 1) } else { read_string(text, at, unescaped).map(|(_, end)| end) }
}

#[inline(always)]
fn skip_scalar(text: &[u8], at: usize, unescaped: &mut Vec<u8>) -> Position {
    match text[at] {
        b'"' => skip_string(text, at + 1, unescaped),
        b'-' | b'0'..=b'9' => number::lex(text, at).map(|number| number.end),
        b't' => literal(text, at, b"true"),
        b'f' => literal(text, at, b"false"),
        b'n' => literal(text, at, b"null"),
        _ => Err(Fault::Syntax),
    }
}

/// The position after the value that starts at `at`.
pub(super) fn skip_value(text: &[u8], at: usize, unescaped: &mut Vec<u8>) -> Position {
    if matches!(text[at], b'{' | b'[') { skip_nested(text, at, unescaped) } else { skip_scalar(text, at, unescaped) }
}

/// From the quote of a key to the start of its value.
fn skip_key(text: &[u8], at: usize, unescaped: &mut Vec<u8>) -> Position {
    if text[at] != b'"' {
        return Err(Fault::Syntax);
    }
    let at = skip_space(text, skip_string(text, at + 1, unescaped)?);
    if text[at] != b':' {
        return Err(Fault::Syntax);
    }
    Ok(skip_space(text, at + 1))
}

/// The open objects and arrays: one bit a level, 1 for an object. The message itself is level 1 and not among them.
struct Levels {
    bits: u128,
    depth: u32,
}

impl Levels {
    fn open(&mut self, object: bool) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        self.bits = self.bits << 1 | u128::from(object);
        Ok(())
    }
    fn close(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
    }
    fn in_object(&self) -> bool {
        self.bits & 1 == 1
    }
}

/// The position after the object or array that starts at `at`. A loop, so that depth costs no stack.
fn skip_nested(text: &[u8], mut at: usize, unescaped: &mut Vec<u8>) -> Position {
    let mut levels = Levels { bits: 0, depth: 1 };
    loop {
        match text[at] {
            bracket @ (b'{' | b'[') => {
                let object = bracket == b'{';
                levels.open(object)?;
                at = skip_space(text, at + 1);
                // In ASCII a closing bracket is its opening one plus 2.
                if text[at] == bracket + 2 {
                    at += 1;
                    levels.close();
                } else {
                    if object {
                        at = skip_key(text, at, unescaped)?;
                    }
                    continue;
                }
            }
            _ => at = skip_scalar(text, at, unescaped)?,
        }
        // After a value: the next one of this level, or the ends of levels.
        loop {
            if levels.depth == 1 {
                return Ok(at);
            }
            at = skip_space(text, at);
            match (text[at], levels.in_object()) {
                (b',', true) => {
                    at = skip_key(text, skip_space(text, at + 1), unescaped)?;
                    break;
                }
                (b',', false) => {
                    at = skip_space(text, at + 1);
                    break;
                }
                (b'}', true) | (b']', false) => {
                    at += 1;
                    levels.close();
                }
                _ => return Err(Fault::Syntax),
            }
        }
    }
}
