//! Which field comes next: remembered gaps between values, and the names of the columns for when they fail.

use super::reject::Fault;
use super::scan::{find_special, load_8, load_16, read_string, skip_space};
use super::simd;

/// What follows a gap: a column's position, or one of the two below.
pub(super) type Target = u16;
/// The object ends.
pub(super) const END: Target = u16::MAX - 1;
/// A field that no column declares.
pub(super) const UNDECLARED: Target = 0x8000;
/// No target: an unused entry.
const NONE: Target = u16::MAX;

/// Bytes of the longest gap that is remembered.
const GAP_BYTES_MAX: usize = 32;

/// The bytes between two values (comma, key, colon, white space), as seen after the same field of an earlier message.
#[derive(Clone, Copy)]
pub(super) struct Gap {
    bytes: [[u8; 16]; 2],
    /// Bit i set: byte i must be equal.
    mask: u32,
    len: u16,
    target: Target,
}

impl Gap {
    pub const EMPTY: Gap = Gap { bytes: [[0xff; 16]; 2], mask: u32::MAX, len: 0, target: NONE };

    /// The target and the position after the gap, if this gap stands at `at`. It can be a prefix of the real gap:
    /// more white space can follow.
    #[inline(always)]
    pub fn next(&self, text: &[u8], at: usize) -> Option<(Target, usize)> {
        let low = simd::same(load_16(text, at), &self.bytes[0]);
        let high = simd::same(load_16(text, at + 16), &self.bytes[1]);
        let hit = (low | high << 16) & self.mask == self.mask && self.target != NONE;
        hit.then_some((self.target, at + usize::from(self.len)))
    }

    /// None when the gap is too long to be remembered.
    pub fn learn(gap: &[u8], target: Target) -> Option<Gap> {
        let len = gap.len();
        if len == 0 || len > GAP_BYTES_MAX {
            return None;
        }
        let part = |from: usize| std::array::from_fn(|i| gap.get(from + i).copied().unwrap_or(0));
        let mask = if len == GAP_BYTES_MAX { u32::MAX } else { (1 << len) - 1 };
        Some(Gap { bytes: [part(0), part(16)], mask, len: len as u16, target })
    }
}

/// Column positions by name: open addressing over the first 8 bytes, the last 8 bytes and the length, so that a name
/// in the text is hashed by two loads. Names that agree in all three share a chain.
pub(super) struct Names {
    slots: Vec<u16>,
    names: Vec<(Vec<u8>, Target)>,
}

impl Names {
    pub fn new(names: Vec<(Vec<u8>, Target)>) -> Self {
        // At most a quarter is taken, so every search ends.
        let mut slots = vec![NONE; (names.len() * 4).next_power_of_two()];
        let mask = slots.len() - 1;
        for (i, (name, _)) in names.iter().enumerate() {
            let mut slot = Self::hash_slice(name) & mask;
            while slots[slot] != NONE {
                slot = (slot + 1) & mask;
            }
            slots[slot] = i as u16;
        }
        Names { slots, names }
    }

    #[inline(always)]
    fn hash(first: u64, last: u64, len: usize) -> usize {
        let hash = (first ^ last.rotate_left(29) ^ (len as u64) << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash ^ hash >> 32) as usize
    }

    fn hash_slice(name: &[u8]) -> usize {
        let word = |part: &[u8]| part.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
        match name.len() {
            len @ 0..8 => Self::hash(word(name), 0, len),
            len => Self::hash(word(&name[..8]), word(&name[len - 8..]), len),
        }
    }

    fn find(&self, name: &[u8], hash: usize) -> Target {
        let mask = self.slots.len() - 1;
        let mut slot = hash & mask;
        while let Some((known, target)) = self.names.get(usize::from(self.slots[slot])) {
            if known == name {
                return *target;
            }
            slot = (slot + 1) & mask;
        }
        UNDECLARED
    }

    /// The target of a name that lies in padded text.
    #[inline(always)]
    fn find_at(&self, text: &[u8], at: usize, len: usize) -> Target {
        let first = load_8(text, at);
        let hash = if len < 8 {
            Self::hash(first & ((1 << (8 * len)) - 1), 0, len)
        } else {
            Self::hash(first, load_8(text, at + len - 8), len)
        };
        self.find(&text[at..at + len], hash)
    }

    /// Reads a gap by JSON's grammar: from the end of a value (`first`: from the start of the message) to the start of
    /// the next value, or past the end of the object.
    #[inline(never)]
    pub fn read_gap(
        &self,
        text: &[u8],
        at: usize,
        first: bool,
        unescaped: &mut Vec<u8>,
    ) -> Result<(Target, usize), Fault> {
        let mut at = skip_space(text, at);
        if first && text[at] != b'{' {
            return Err(Fault::NotObject);
        }
        if first {
            at = skip_space(text, at + 1);
        }
        if text[at] == b'}' {
            return Ok((END, at + 1));
        }
        if !first {
            if text[at] != b',' {
                return Err(Fault::Syntax);
            }
            at = skip_space(text, at + 1);
        }
        if text[at] != b'"' {
            return Err(Fault::Syntax);
        }
        let end = find_special(text, at + 1);
        let (target, end) = if text[end] == b'"' {
            (self.find_at(text, at + 1, end - at - 1), end + 1)
        } else {
            let (name, end) = read_string(text, at + 1, unescaped)?;
            (self.find(name, Self::hash_slice(name)), end)
        };
        let end = skip_space(text, end);
        if text[end] != b':' {
            return Err(Fault::Syntax);
        }
        Ok((target, skip_space(text, end + 1)))
    }
}
