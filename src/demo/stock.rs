//! Stock movements: many articles, ten of them hot.

use crate::demo::line::FIRST_DAY_US;
use crate::demo::random::Random;
use crate::demo::row::StockMovement;

const SKUS: u64 = 2_000;
/// A fifth of all movements is about these.
const HOT_SKUS: u64 = 10;
const WAREHOUSES: u64 = 3;
/// Selling is what mostly happens.
const MOVE_TYPES: [&str; 10] =
    ["RESTOCK", "RESERVE", "RESERVE", "RESERVE", "RELEASE", "SELL", "SELL", "SELL", "RETURN", "RESERVE"];

/// The id of an article; low numbers are the hot ones.
pub fn sku_id(number: u64) -> String {
    format!("k{number:05}")
}

/// The movement with this number.
pub(super) fn movement(number: u64, random: &mut Random) -> StockMovement {
    let sku = if random.chance(0.2) { random.below(HOT_SKUS) } else { random.below(SKUS) };
    let move_type = *random.pick(&MOVE_TYPES);
    let event_time = FIRST_DAY_US + number as i64 * 20_000 + random.below(20) as i64 * 1000;
    StockMovement {
        movement_id: format!("s{number:010}"),
        sku_id: sku_id(sku),
        warehouse_id: format!("w{}", 1 + random.below(WAREHOUSES)),
        move_type,
        qty: if move_type == "RESTOCK" { 20 + random.below(180) as i64 } else { 1 + random.below(3) as i64 },
        order_id: (move_type != "RESTOCK").then(|| format!("o{:08}", random.below(100_000_000))),
        event_time,
        ingest_time: event_time + 1_000 + random.below(2_000_000) as i64,
    }
}
