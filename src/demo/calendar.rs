//! Days and months of the business zone (UTC+8), as the generator's settlements follow them.

use crate::demo::text::civil_date;

pub(super) const MINUTE_US: i64 = 60_000_000;
pub(super) const HOUR_US: i64 = 60 * MINUTE_US;
pub(super) const DAY_US: i64 = 24 * HOUR_US;
/// 2026-11-01T00:00:00Z, where the generator's time begins.
pub(super) const FIRST_DAY_US: i64 = 1_793_491_200_000_000;
/// 2026-01-01T00:00:00Z: what is valid from the beginning is valid from here.
pub(super) const VALID_FROM_US: i64 = 1_767_225_600_000_000;
/// 2200-01-01T00:00:00Z: stands for ever.
pub(super) const VALID_TO_US: i64 = 7_258_118_400_000_000;
const ZONE_US: i64 = 8 * HOUR_US;

/// The first day, as days since 1970-01-01, of the business month that is `later` months after that of an instant.
pub(super) fn month(time_us: i64, later: i64) -> i64 {
    let (year, month, _) = civil_date(business_day(time_us));
    let months = year * 12 + i64::from(month) - 1 + later;
    days_of(months.div_euclid(12), months.rem_euclid(12) + 1)
}

/// The business day that an instant is in, as days since 1970-01-01.
pub(super) fn business_day(time_us: i64) -> i64 {
    (time_us + ZONE_US).div_euclid(DAY_US)
}

/// The instant at which a business day begins that is `days` after 1970-01-01.
pub(super) fn day_start(days: i64) -> i64 {
    days * DAY_US - ZONE_US
}

/// Days since 1970-01-01 of the first of a month.
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
fn days_of(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_at_midnight_of_the_zone() {
        let first_of_november = 20_758;
        assert_eq!(month(FIRST_DAY_US, 0), first_of_november);
        // 15:59 of the last day in UTC is still October there; a minute later it is not.
        let edge = day_start(first_of_november);
        assert_eq!((month(edge - 1, 0), month(edge, 0)), (first_of_november - 31, first_of_november));
        assert_eq!((month(edge, 1), month(edge, 2)), (first_of_november + 30, first_of_november + 61));
        assert_eq!(month(edge, 16), days_of(2028, 3));
        assert_eq!(days_of(1970, 1), 0);
    }
}
