//! Text of decimals and times, exact and without a float on the way.

const DAY_US: i64 = 86_400_000_000;

/// Appends `unscaled` / 10^`scale` with all its fraction digits: (380, 2) is `3.80`.
pub fn push_decimal(out: &mut String, unscaled: i128, scale: u32) {
    if unscaled < 0 {
        out.push('-');
    }
    let (unit, magnitude) = (10u128.pow(scale), unscaled.unsigned_abs());
    push_digits(out, magnitude / unit, 1);
    if scale > 0 {
        out.push('.');
        push_digits(out, magnitude % unit, scale as usize);
    }
}

/// Appends microseconds since 1970-01-01 UTC as RFC 3339 with `Z`: three fraction digits, or six when they are needed.
pub fn push_time(out: &mut String, time_us: i64) {
    push_date(out, time_us.div_euclid(DAY_US));
    let in_day = time_us.rem_euclid(DAY_US) as u128;
    let (seconds, fraction) = (in_day / 1_000_000, in_day % 1_000_000);
    for (separator, number) in [('T', seconds / 3600), (':', seconds / 60 % 60), (':', seconds % 60)] {
        out.push(separator);
        push_digits(out, number, 2);
    }
    out.push('.');
    if fraction.is_multiple_of(1000) {
        push_digits(out, fraction / 1000, 3);
    } else {
        push_digits(out, fraction, 6);
    }
    out.push('Z');
}

/// Appends days since 1970-01-01 as `2026-11-01`.
pub fn push_date(out: &mut String, days: i64) {
    let (year, month, day) = civil_date(days);
    push_digits(out, year as u128, 4);
    for number in [month, day] {
        out.push('-');
        push_digits(out, u128::from(number), 2);
    }
}

/// Appends a number with at least this many digits.
fn push_digits(out: &mut String, number: u128, width: usize) {
    let mut digits = [b'0'; 40];
    let mut rest = number;
    let mut start = digits.len();
    while rest > 0 {
        start -= 1;
        digits[start] += (rest % 10) as u8;
        rest /= 10;
    }
    let start = start.min(digits.len() - width);
    out.extend(digits[start..].iter().map(|&digit| digit as char));
}

/// Year, month and day of a count of days since 1970-01-01.
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
pub(super) fn civil_date(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468; // days since 0000-03-01
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(unscaled: i128, scale: u32) -> String {
        let mut out = String::new();
        push_decimal(&mut out, unscaled, scale);
        out
    }

    fn time(time_us: i64) -> String {
        let mut out = String::new();
        push_time(&mut out, time_us);
        out
    }

    #[test]
    fn decimals_keep_all_digits() {
        let texts =
            [decimal(380, 2), decimal(-5, 2), decimal(13_500, 6), decimal(0, 2), decimal(-1200, 2), decimal(7, 0)];
        assert_eq!(texts, ["3.80", "-0.05", "0.013500", "0.00", "-12.00", "7"]);
    }

    #[test]
    fn times_agree_with_chrono() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(1_794_355_826_123_456), "2026-11-11T00:10:26.123456Z");
        let mut random = crate::demo::Random::new(1);
        for _ in 0..10_000 {
            let time_us = random.below(7_258_118_400_000_000) as i64;
            let expected = chrono::DateTime::from_timestamp_micros(time_us).expect("in range");
            let digits =
                if time_us % 1000 == 0 { chrono::SecondsFormat::Millis } else { chrono::SecondsFormat::Micros };
            assert_eq!(time(time_us), expected.to_rfc3339_opts(digits, true));
        }
    }
}
