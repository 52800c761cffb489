//! Dates and RFC 3339 times, as days and microseconds since 1970-01-01 UTC.

use super::number::POWERS;
use super::reject::Fault;
use super::scan::load_8;

/// Bytes of the usual form, `YYYY-MM-DDTHH:MM:SS.mmmZ`, without quotes.
pub(super) const USUAL_BYTES: usize = 24;

/// The date that was read last, as text and as days: events come in the order of their days.
#[derive(Default)]
pub(super) struct LastDate {
    /// The first 8 bytes of its text.
    start: u64,
    /// The last 2 bytes of its text.
    day: u64,
    days: i64,
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar
/// (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn is_date(year: i64, month: i64, day: i64) -> bool {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=12).contains(&month) && (1..=length).contains(&day)
}

/// What to add to each byte of a text xor `template` so that a mismatch sets its high bit:
/// where the template has 0, the digits 0 to 9 pass; elsewhere only the same byte.
const fn limits(template: &[u8; 8]) -> u64 {
    let mut limits = [0x7f; 8];
    let mut i = 0;
    while i < 8 {
        if template[i] == b'0' {
            limits[i] = 0x76;
        }
        i += 1;
    }
    u64::from_le_bytes(limits)
}

/// The time of exactly the form `YYYY-MM-DDTHH:MM:SS.mmmZ` at `at`; None: take the slow path.
#[inline(always)]
pub(super) fn fast(text: &[u8], at: usize, last: &mut LastDate) -> Option<i64> {
    const TEMPLATE: [&[u8; 8]; 3] = [b"0000-00-", b"00T00:00", b":00.000Z"];
    const LIMITS: [u64; 3] = [limits(TEMPLATE[0]), limits(TEMPLATE[1]), limits(TEMPLATE[2])];
    let words = [load_8(text, at), load_8(text, at + 8), load_8(text, at + 16)];
    let digits: [u64; 3] = std::array::from_fn(|i| words[i] ^ u64::from_le_bytes(*TEMPLATE[i]));
    let mismatch = |i: usize| digits[i].wrapping_add(LIMITS[i]) | digits[i];
    if (mismatch(0) | mismatch(1) | mismatch(2)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Byte i of a pair word is the number of the two digits at i and i + 1.
    let pairs: [u64; 3] = std::array::from_fn(|i| digits[i].wrapping_mul(10).wrapping_add(digits[i] >> 8));
    let byte = |word: u64, i: u32| ((word >> (8 * i)) & 0xff) as i64;
    let day_text = words[1] & 0xffff;
    if words[0] != last.start || day_text != last.day {
        let year = byte(pairs[0], 0) * 100 + byte(pairs[0], 2);
        let (month, day) = (byte(pairs[0], 5), byte(pairs[1], 0));
        if !is_date(year, month, day) {
            return None;
        }
        *last = LastDate { start: words[0], day: day_text, days: days_from_civil(year, month, day) };
    }
    let (hour, minute, second) = (byte(pairs[1], 3), byte(pairs[1], 6), byte(pairs[2], 1));
    let millisecond = byte(pairs[2], 4) * 10 + byte(digits[2], 6);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((((last.days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + millisecond * 1000)
}

/// The number of `count` digits at `at`.
fn number(text: &[u8], at: usize, count: usize) -> Option<i64> {
    let digits = text.get(at..at + count)?;
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

/// Days since 1970-01-01 of a text that begins with `YYYY-MM-DD`.
fn leading_date(text: &[u8]) -> Option<i64> {
    let (year, month, day) = (number(text, 0, 4)?, number(text, 5, 2)?, number(text, 8, 2)?);
    (text[4] == b'-' && text[7] == b'-' && is_date(year, month, day)).then(|| days_from_civil(year, month, day))
}

/// Days since 1970-01-01 of exactly `YYYY-MM-DD`.
pub(super) fn date(text: &[u8]) -> Result<i32, Fault> {
    let days = if text.len() == 10 { leading_date(text) } else { None };
    days.and_then(|days| i32::try_from(days).ok()).ok_or(Fault::BadText)
}

/// Microseconds of an RFC 3339 time: T, t or a space; Z, z or an offset; second 60 and hour 24 are refused.
/// Digits beyond the microsecond must be 0.
#[cold]
#[inline(never)]
pub(super) fn rfc3339(text: &[u8]) -> Result<i64, Fault> {
    let (seconds, at) = local_seconds(text).ok_or(Fault::BadText)?;
    let (microseconds, excess, at) = fraction(text, at).ok_or(Fault::BadText)?;
    let offset = offset_seconds(&text[at..]).ok_or(Fault::BadText)?;
    if excess {
        return Err(Fault::ExcessFraction);
    }
    Ok((seconds - offset) * 1_000_000 + microseconds)
}

/// Seconds of `YYYY-MM-DDTHH:MM:SS` and the position after it.
fn local_seconds(text: &[u8]) -> Option<(i64, usize)> {
    let days = leading_date(text)?;
    if !matches!(text.get(10)?, b'T' | b't' | b' ') || *text.get(13)? != b':' || *text.get(16)? != b':' {
        return None;
    }
    let (hour, minute, second) = (number(text, 11, 2)?, number(text, 14, 2)?, number(text, 17, 2)?);
    (hour <= 23 && minute <= 59 && second <= 59).then_some((((days * 24 + hour) * 60 + minute) * 60 + second, 19))
}

/// Microseconds of the optional fraction at `at`, whether it has digits other than 0 beyond them, and its end.
fn fraction(text: &[u8], at: usize) -> Option<(i64, bool, usize)> {
    if text.get(at) != Some(&b'.') {
        return Some((0, false, at));
    }
    let (mut microseconds, mut excess) = (0, false);
    let digits = text[at + 1..].iter().take_while(|c| c.is_ascii_digit());
    let mut count = 0;
    for (i, digit) in digits.enumerate() {
        let digit = i64::from(digit - b'0');
        if i < 6 {
            microseconds += digit * POWERS[5 - i];
        } else {
            excess |= digit != 0;
        }
        count = i + 1;
    }
    (count > 0).then_some((microseconds, excess, at + 1 + count))
}

/// Seconds east of UTC; the whole text must be `Z`, `z` or `+HH:MM` or `-HH:MM`.
fn offset_seconds(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (number(text, 1, 2)?, number(text, 4, 2)?);
            let seconds = (hours * 60 + minutes) * 60;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}
