//! JSON numbers to integers and decimals: exactly, never through a float.

use super::reject::Fault;
use super::scan::load_8;

/// Powers of ten that fit i64.
pub(super) const POWERS: [i64; 19] = {
    let mut powers = [1i64; 19];
    let mut i = 1;
    while i < 19 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Powers of ten that fit i128.
const WIDE_POWERS: [i128; 39] = {
    let mut powers = [1i128; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Decimal digits that an i128 holds in any case.
const DIGITS_MAX: usize = 38;

/// Exponents beyond this count as this: any value with such an exponent is out of range, or zero.
const EXPONENT_MAX: i64 = 1 << 40;

/// The parts of a JSON number: ranges of its digits, and where it ends.
pub(super) struct Lexed {
    negative: bool,
    integer: (usize, usize),
    fraction: (usize, usize),
    exponent: i64,
    pub end: usize,
}

/// Splits the number at `at` by JSON's grammar. Works on padded text and on text that ends with the slice.
pub(super) fn lex(text: &[u8], mut at: usize) -> Result<Lexed, Fault> {
    let byte = |i: usize| text.get(i).copied().unwrap_or(0);
    let digits_end = |mut i: usize| {
        while byte(i).is_ascii_digit() {
            i += 1;
        }
        i
    };
    let negative = byte(at) == b'-';
    if negative {
        at += 1;
    }
    let integer = (at, digits_end(at));
    if integer.0 == integer.1 || (byte(at) == b'0' && integer.1 > at + 1) {
        return Err(Fault::Syntax);
    }
    at = integer.1;
    let mut fraction = (at, at);
    if byte(at) == b'.' {
        fraction = (at + 1, digits_end(at + 1));
        if fraction.0 == fraction.1 {
            return Err(Fault::Syntax);
        }
        at = fraction.1;
    }
    let mut exponent = 0i64;
    if matches!(byte(at), b'e' | b'E') {
        at += 1;
        let minus = byte(at) == b'-';
        if matches!(byte(at), b'+' | b'-') {
            at += 1;
        }
        let end = digits_end(at);
        if end == at {
            return Err(Fault::Syntax);
        }
        for &digit in &text[at..end] {
            exponent = (exponent * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX);
        }
        if minus {
            exponent = -exponent;
        }
        at = end;
    }
    Ok(Lexed { negative, integer, fraction, exponent, end: at })
}

/// The number times 10^scale, exactly, with at most `precision` digits. Excess digits are reported before overflow.
pub(super) fn exact(text: &[u8], number: &Lexed, scale: u8, precision: u8) -> Result<i128, Fault> {
    let (mut value, mut digits, mut zeros, mut large) = (0i128, 0usize, 0usize, false);
    let integer = &text[number.integer.0..number.integer.1];
    let fraction = &text[number.fraction.0..number.fraction.1];
    for &digit in integer.iter().chain(fraction) {
        let digit = i128::from(digit - b'0');
        if digit == 0 {
            // Zeros count only when another digit follows; leading ones never.
            zeros += usize::from(digits > 0);
            continue;
        }
        digits += zeros + 1;
        if digits > DIGITS_MAX {
            large = true;
        } else {
            value = value * WIDE_POWERS[zeros + 1] + digit;
        }
        zeros = 0;
    }
    if digits == 0 {
        return Ok(0);
    }
    let shift = number.exponent - fraction.len() as i64 + i64::from(scale) + zeros as i64;
    if shift < 0 {
        return Err(Fault::ExcessFraction);
    }
    if large || digits as i64 + shift > DIGITS_MAX as i64 {
        return Err(Fault::Overflow);
    }
    let value = value * WIDE_POWERS[shift as usize];
    if value >= WIDE_POWERS.get(usize::from(precision)).copied().unwrap_or(i128::MAX) {
        return Err(Fault::Overflow);
    }
    Ok(if number.negative { -value } else { value })
}

/// The whole number at `at` and its end. 1.0 and 1e3 are whole, 1.9 is not.
pub(super) fn whole(text: &[u8], number: &Lexed) -> Result<i128, Fault> {
    exact(text, number, 0, DIGITS_MAX as u8)
        .map_err(|fault| if fault == Fault::ExcessFraction { Fault::IntegerWithFraction } else { fault })
}

/// The number times 10^scale as i64.
pub(super) fn scaled(text: &[u8], number: &Lexed, scale: u8) -> Result<i64, Fault> {
    i64::try_from(exact(text, number, scale, DIGITS_MAX as u8)?).map_err(|_| Fault::Overflow)
}

/// The number as the nearest double; infinity is out of range.
pub(super) fn float(text: &[u8]) -> Result<f64, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::Syntax)?;
    let value: f64 = text.parse().map_err(|_| Fault::Syntax)?;
    if value.is_finite() { Ok(value) } else { Err(Fault::Overflow) }
}

/// The high bit of every byte that is not a digit; `word` is the text xor "00000000".
#[inline(always)]
fn not_digits(word: u64) -> u64 {
    (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080
}

/// The value of eight digits; `word` is the text xor "00000000". Pairs, then fours, then the whole.
#[inline(always)]
fn eight_digits(word: u64) -> i64 {
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let even = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let odd = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    (even.wrapping_add(odd) >> 32) as i64
}

/// Value and count of up to 7 digits; a count of 8 means 8 or more, with the value of the first 8.
#[inline(always)]
fn leading_digits(text: &[u8], at: usize) -> (i64, usize) {
    let word = load_8(text, at) ^ 0x3030_3030_3030_3030;
    let mask = not_digits(word);
    if mask == 0 {
        return (eight_digits(word), 8);
    }
    let count = mask.trailing_zeros() as usize / 8;
    (if count == 0 { 0 } else { eight_digits(word << (64 - 8 * count)) }, count)
}

/// Plain numbers: up to 15 digits before and 7 after the point, no exponent, no excess digits.
/// The value times 10^scale and its end; None: take the exact path.
#[inline(always)]
pub(super) fn fast(text: &[u8], at: usize, scale: usize) -> Option<(i64, usize)> {
    let negative = text[at] == b'-';
    let start = at + usize::from(negative);
    let (mut value, mut count) = leading_digits(text, start);
    if count == 0 || (count > 1 && text[start] == b'0') {
        return None;
    }
    if count == 8 {
        let (more, more_count) = leading_digits(text, start + 8);
        if more_count == 8 {
            return None;
        }
        value = value * POWERS[more_count] + more;
        count += more_count;
    }
    // 18 digits always fit i64.
    if count + scale > 18 {
        return None;
    }
    let mut end = start + count;
    value *= POWERS[scale];
    if text[end] == b'.' {
        let (fraction, fraction_count) = leading_digits(text, end + 1);
        if fraction_count == 0 || fraction_count == 8 || fraction_count > scale {
            return None;
        }
        value += fraction * POWERS[scale - fraction_count];
        end += 1 + fraction_count;
    }
    if text[end] | 0x20 == b'e' {
        return None;
    }
    Some((if negative { -value } else { value }, end))
}
