//! What is the same for all orders: campaigns, inviters' rates and exchange rates.

use crate::demo::calendar::{VALID_FROM_US, VALID_TO_US, day_start, month};
use crate::demo::random::Random;
use crate::demo::tables::{Campaign, FxRate, InviterRate, Row};

/// Campaigns; all are in yuan.
const CAMPAIGNS: u64 = 5;
/// What a campaign adds, in millionths of the amount paid, and at most for an order line, in fen.
pub(super) const BOOST: i128 = 20_000;
pub(super) const BOOST_MAX: i128 = 800;
/// What an inviter of tier 1 and of tier 2 gets of a commission, in millionths, this year; next year a fifth less.
const INVITER_RATES: [i128; 2] = [100_000, 50_000];
/// Yuan for a unit of other currencies, in 1 / 10^8.
const EXCHANGE: [(&str, i128); 3] = [("CNY", 100_000_000), ("GBP", 923_450_000), ("USD", 708_120_000)];

/// The campaign of a click, if it has one.
pub(super) fn campaign_of(currency: &str, random: &mut Random) -> Option<String> {
    (currency == "CNY" && random.chance(0.2)).then(|| format!("p{:02}", random.below(CAMPAIGNS)))
}

/// The begin of the year after the generator's first month.
fn next_year() -> i64 {
    day_start(month(VALID_FROM_US, 12))
}

/// What an inviter of a tier gets at an instant, in millionths.
pub(super) fn inviter_rate(tier: usize, at: i64) -> i128 {
    let rate = INVITER_RATES[tier - 1];
    if at < next_year() { rate } else { rate * 4 / 5 }
}

/// The rows of all of it, as they are sent at the beginning.
pub(super) fn reference_rows() -> Vec<Row> {
    let mut rows: Vec<Row> = vec![];
    for number in 0..CAMPAIGNS {
        rows.push(
            Campaign {
                campaign_id: format!("p{number:02}"),
                version: 1,
                kind: "BOOST",
                currency: "CNY",
                budget: 100_000_00 * (1 + i128::from(number)),
                cap_user_day: 10_00,
                cap_order: Some(BOOST_MAX),
                valid_from: VALID_FROM_US,
                valid_to: VALID_TO_US,
            }
            .into(),
        );
    }
    let years = [(VALID_FROM_US, next_year()), (next_year(), VALID_TO_US)];
    for (valid_from, valid_to) in years {
        for tier in [1, 2] {
            let rate = inviter_rate(tier, valid_from);
            rows.push(InviterRate { tier: tier as i64, valid_from, valid_to, version: 1, rate }.into());
        }
        for (currency, rate) in EXCHANGE {
            let rate_to_cny = if currency == "CNY" || valid_from == VALID_FROM_US { rate } else { rate * 99 / 100 };
            rows.push(FxRate { currency, valid_from, valid_to, version: 1, rate_to_cny }.into());
        }
    }
    rows
}
