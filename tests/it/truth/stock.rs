//! The rows that views of stock must have, as texts.

use std::collections::BTreeMap;

use rebateflow::demo::StockMovement;

use super::facts::Facts;
use super::text::{decimal, known, number, row, text};

const DAY_US: i64 = 86_400_000_000;

/// SKU and warehouse.
type Place<'a> = (&'a str, &'a str);

/// What a movement adds to the pieces on hand, and to those reserved.
fn effect(movement: &StockMovement) -> (i64, i64) {
    match movement.move_type {
        "RESTOCK" | "RETURN" | "ADJUST" => (movement.qty, 0),
        "SELL" => (-movement.qty, -movement.qty),
        "RESERVE" => (0, movement.qty),
        "RELEASE" => (0, -movement.qty),
        other => panic!("a movement of type {other}"),
    }
}

/// A movement or a stocktake, with what there was after it.
struct Moment<'a> {
    at: i64,
    is_take: bool,
    id: &'a str,
    kind: &'a str,
    /// Of a movement: what it adds.
    effect: (i64, i64),
    /// Of a stocktake: how many were counted, and how many the books had.
    counted: i64,
    booked: i64,
    on_hand: i64,
    reserved: i64,
}

/// Every place's movements and stocktakes in the order in which they happened.
pub struct Stock<'a>(BTreeMap<Place<'a>, Vec<Moment<'a>>>);

impl<'a> Stock<'a> {
    pub fn of(facts: &Facts<'a>) -> Stock<'a> {
        let mut places: BTreeMap<Place<'a>, Vec<Moment<'a>>> = BTreeMap::new();
        let blank = Moment {
            at: 0,
            is_take: false,
            id: "",
            kind: "STOCKTAKE",
            effect: (0, 0),
            counted: 0,
            booked: 0,
            on_hand: 0,
            reserved: 0,
        };
        for movement in facts.movements.values() {
            let (at, id, kind, effect) =
                (movement.event_time, &movement.movement_id, movement.move_type, effect(movement));
            let place = places.entry((&movement.sku_id, &movement.warehouse_id)).or_default();
            place.push(Moment { at, id, kind, effect, ..blank });
        }
        for take in facts.stocktakes.values() {
            let (at, id, counted) = (take.event_time, &take.snapshot_id, take.counted);
            let place = places.entry((&take.sku_id, &take.warehouse_id)).or_default();
            place.push(Moment { at, is_take: true, id, counted, ..blank });
        }
        for moments in places.values_mut() {
            moments.sort_by_key(|moment| (moment.at, moment.is_take, moment.id));
            let (mut on_hand, mut reserved) = (0, 0);
            for moment in moments {
                moment.booked = on_hand;
                on_hand = if moment.is_take { moment.counted } else { on_hand + moment.effect.0 };
                reserved += moment.effect.1;
                (moment.on_hand, moment.reserved) = (on_hand, reserved);
            }
        }
        Stock(places)
    }

    fn moments(&self) -> impl Iterator<Item = (Place<'a>, &Moment<'a>)> {
        self.0.iter().flat_map(|(place, moments)| moments.iter().map(|moment| (*place, moment)))
    }

    /// What can be sold of each SKU, over all warehouses.
    fn available(&self) -> BTreeMap<&'a str, i64> {
        let mut left: BTreeMap<&str, i64> = BTreeMap::new();
        for ((sku, _), moments) in &self.0 {
            let last = moments.last().expect("a place has a moment");
            *left.entry(sku).or_default() += last.on_hand - last.reserved;
        }
        left
    }
}

/// `stock_available`: sku_id, warehouse_id, on_hand, reserved, available.
pub fn stock_available(stock: &Stock<'_>) -> Vec<String> {
    let of = |((sku, warehouse), moments): (&Place<'_>, &Vec<Moment<'_>>)| {
        let last = moments.last().expect("a place has a moment");
        let pieces = [last.on_hand, last.reserved, last.on_hand - last.reserved].map(number);
        row([text(sku), text(warehouse)].into_iter().chain(pieces))
    };
    stock.0.iter().map(of).collect()
}

/// `stock_low`: sku_id, available, safety_stock.
pub fn stock_low(facts: &Facts<'_>, stock: &Stock<'_>) -> Vec<String> {
    let left = stock.available();
    let of = |sku: &&rebateflow::demo::Sku| {
        let pieces = left.get(sku.sku_id.as_str()).copied().unwrap_or_default();
        (pieces <= sku.safety_stock).then(|| row([text(&sku.sku_id), number(pieces), number(sku.safety_stock)]))
    };
    facts.skus.values().filter_map(of).collect()
}

/// `stock_cover`: sku_id, available, sold_24h, days_of_cover.
pub fn stock_cover(facts: &Facts<'_>, stock: &Stock<'_>, as_of: i64) -> Vec<String> {
    let mut sold: BTreeMap<&str, i64> = BTreeMap::new();
    for movement in facts.movements.values() {
        if movement.move_type == "SELL" && movement.event_time > as_of - DAY_US {
            *sold.entry(&movement.sku_id).or_default() += movement.qty;
        }
    }
    let of = |(sku, pieces): (&str, i64)| {
        let sold = sold.get(sku).copied().unwrap_or_default();
        let days = (sold != 0).then(|| i128::from(pieces) * 1_000_000 / i128::from(sold));
        row([text(sku), number(pieces), number(sold), known(days, |days| decimal(days, 6))])
    };
    stock.available().into_iter().map(of).collect()
}

/// `stock_drift`: sku_id, warehouse_id, snapshot_id, counted, booked, difference.
pub fn stock_drift(stock: &Stock<'_>) -> Vec<String> {
    let wrong = stock.moments().filter(|(_, moment)| moment.is_take && moment.counted != moment.booked);
    wrong
        .map(|((sku, warehouse), moment)| {
            let pieces = [moment.counted, moment.booked, moment.counted - moment.booked].map(number);
            row([text(sku), text(warehouse), text(moment.id)].into_iter().chain(pieces))
        })
        .collect()
}

/// `stock_oversold`: sku_id, warehouse_id, kind, movement_id, event_time, available.
pub fn stock_oversold(stock: &Stock<'_>) -> Vec<String> {
    let of = |((sku, warehouse), moments): (&Place<'_>, &Vec<Moment<'_>>)| {
        let first = moments.iter().find(|moment| moment.on_hand < moment.reserved)?;
        let names = [sku, warehouse, first.kind, first.id].map(text);
        Some(row(names.into_iter().chain([first.at, first.on_hand - first.reserved].map(number))))
    };
    stock.0.iter().filter_map(of).collect()
}
