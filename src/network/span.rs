//! A length of time in a definition: a number and a unit, such as `20m`.

use serde::Deserialize;

/// Microseconds, written as `30s`, `20m`, `3h` or `31d`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub struct Span {
    pub us: i64,
}

impl Span {
    pub const fn seconds(seconds: i64) -> Span {
        Span { us: seconds * 1_000_000 }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        let wrong = || format!("{text} is not a length of time: write 30s, 20m, 3h or 31d");
        let at = text.len().saturating_sub(1);
        let (number, unit) = if text.is_char_boundary(at) { text.split_at(at) } else { (text.as_str(), "") };
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        // A century is more than anybody asks for, and fits.
        if !(1..=36_525 * 86_400).contains(&number.saturating_mul(seconds)) {
            return Err(wrong());
        }
        Ok(Span::seconds(number * seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!(Span::try_from("20m".to_string()), Ok(Span::seconds(1_200)));
        assert_eq!(Span::try_from("31d".to_string()), Ok(Span::seconds(31 * 86_400)));
        for wrong in ["", "m", "20", "-1s", "0s", "1w", "1.5h", "9999999999999d", "1µ"] {
            assert!(Span::try_from(wrong.to_string()).is_err(), "{wrong}");
        }
    }
}
