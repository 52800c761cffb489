//! Stock: pieces are reserved, then sold or released; some come back, new ones are delivered when few are left, and
//! now and then they are counted. Many SKUs, ten of them hot, one of them in the sale.

use std::collections::HashMap;

use crate::demo::agenda::Task;
use crate::demo::calendar::{DAY_US, MINUTE_US};
use crate::demo::click::sale_factor;
use crate::demo::tables::{Sku, StockMovement, StockSnapshot};
use crate::demo::world::World;

const SKUS: u64 = 2_000;
/// A fifth of all reservations is about these.
const HOT_SKUS: u64 = 10;
const WAREHOUSES: u64 = 3;
/// Pieces left at which new ones are ordered.
const LOW: i64 = 10;

/// The id of an article; low numbers are the hot ones.
pub fn sku_id(number: u64) -> String {
    format!("k{number:05}")
}

/// Pieces of a SKU in a warehouse.
#[derive(Clone, Debug, Default)]
struct Shelf {
    on_hand: i64,
    reserved: i64,
    /// Movements so far.
    seq: i64,
    /// New pieces are on their way.
    is_ordered: bool,
}

/// All stocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelves {
    shelves: HashMap<(u64, u64), Shelf>,
}

/// Pieces that somebody has reserved, or bought.
#[derive(Clone, Debug)]
pub(super) struct Reservation {
    sku: u64,
    warehouse: u64,
    qty: i64,
    order_id: String,
    id: String,
}

impl World {
    /// Somebody orders somewhere: pieces are reserved, if there are enough; now and then also if there are not.
    pub(super) fn order_of_stock(&mut self) {
        let sku = match (self.random.chance(0.2), sale_factor(self.now) > 1) {
            (true, true) => 0,
            (true, false) => self.random.below(HOT_SKUS),
            (false, _) => self.random.below(SKUS),
        };
        let warehouse = 1 + self.random.below(WAREHOUSES);
        let is_known = (1..=WAREHOUSES).any(|warehouse| self.shelves.shelves.contains_key(&(sku, warehouse)));
        if !is_known {
            let safety_stock = 5 + self.random.below(30) as i64;
            self.push(Sku {
                sku_id: sku_id(sku),
                version: 1,
                merchant_id: format!("m{:03}", sku % 60),
                item_id: format!("i{sku:06}"),
                safety_stock,
                lead_time_days: 3,
            });
        }
        if !self.shelves.shelves.contains_key(&(sku, warehouse)) {
            self.restock(sku, warehouse);
        }
        if self.random.chance(0.01) {
            self.count(sku, warehouse);
        }
        if self.random.chance(0.005) {
            let qty = self.random.below(7) as i64 - 3;
            self.shelf(sku, warehouse).on_hand += qty;
            self.movement(sku, warehouse, "ADJUST", qty, None);
        }
        let mut qty = 1 + self.random.below(3) as i64;
        let shelf = self.shelf(sku, warehouse);
        let left = shelf.on_hand - shelf.reserved;
        // One order for the whole shelf, and somebody else was faster.
        let is_raced = self.random.chance(0.003);
        if is_raced {
            qty = left.max(0) + 1 + self.random.below(3) as i64;
        }
        if left < qty && !is_raced && !self.random.chance(0.02) {
            return;
        }
        self.shelf(sku, warehouse).reserved += qty;
        let (order_id, id) = (format!("o{:09}", self.number()), format!("v{:09}", self.number()));
        let reservation = Reservation { sku, warehouse, qty, order_id, id };
        self.movement(sku, warehouse, "RESERVE", qty, Some(&reservation));
        let at = self.now + MINUTE_US + self.random.below(15 * MINUTE_US as u64 / 1_000) as i64 * 1_000;
        self.agenda.add(at, Task::Reservation(Box::new(reservation)));
        self.order_new_pieces(sku, warehouse);
    }

    /// Reserved pieces are paid for and leave, or nobody pays in time.
    pub(super) fn end_reservation(&mut self, reservation: Reservation) {
        let Reservation { sku, warehouse, qty, .. } = reservation;
        let is_sold = self.random.chance(0.85);
        let shelf = self.shelf(sku, warehouse);
        shelf.reserved -= qty;
        if !is_sold {
            return self.movement(sku, warehouse, "RELEASE", qty, Some(&reservation));
        }
        shelf.on_hand -= qty;
        self.movement(sku, warehouse, "SELL", qty, Some(&reservation));
        if self.random.chance(0.05) {
            let at = self.now + 3 * DAY_US + self.random.below(7 * DAY_US as u64 / 1_000) as i64 * 1_000;
            self.agenda.add(at, Task::Return(Box::new(reservation)));
        }
    }

    /// Sold pieces come back.
    pub(super) fn take_back(&mut self, reservation: &Reservation) {
        self.shelf(reservation.sku, reservation.warehouse).on_hand += reservation.qty;
        self.movement(reservation.sku, reservation.warehouse, "RETURN", reservation.qty, None);
    }

    /// New pieces come.
    pub(super) fn restock(&mut self, sku: u64, warehouse: u64) {
        let qty = if sku < HOT_SKUS { 200 } else { 20 } + self.random.below(40) as i64;
        let shelf = self.shelf(sku, warehouse);
        shelf.on_hand += qty;
        shelf.is_ordered = false;
        self.movement(sku, warehouse, "RESTOCK", qty, None);
    }

    fn order_new_pieces(&mut self, sku: u64, warehouse: u64) {
        let shelf = self.shelf(sku, warehouse);
        if shelf.is_ordered || shelf.on_hand - shelf.reserved > LOW {
            return;
        }
        shelf.is_ordered = true;
        let at = self.now + DAY_US + self.random.below(2 * DAY_US as u64 / 1_000) as i64 * 1_000;
        self.agenda.add(at, Task::Restock(sku, warehouse));
    }

    /// Pieces are counted; one time in ten there are not as many as the books say.
    fn count(&mut self, sku: u64, warehouse: u64) {
        let lost = if self.random.chance(0.1) { 1 + self.random.below(2) as i64 } else { 0 };
        let shelf = self.shelf(sku, warehouse);
        shelf.on_hand -= lost;
        let counted = shelf.on_hand;
        let snapshot_id = format!("t{:09}", self.number());
        self.push(StockSnapshot {
            snapshot_id,
            sku_id: sku_id(sku),
            warehouse_id: format!("w{warehouse}"),
            counted,
            event_time: self.now,
            ingest_time: self.now + 1_000_000,
        });
        // What happens next happens after the count.
        self.now += 1_000;
    }

    fn shelf(&mut self, sku: u64, warehouse: u64) -> &mut Shelf {
        self.shelves.shelves.entry((sku, warehouse)).or_default()
    }

    fn movement(&mut self, sku: u64, warehouse: u64, kind: &'static str, qty: i64, of: Option<&Reservation>) {
        let shelf = self.shelf(sku, warehouse);
        shelf.seq += 1;
        let seq = shelf.seq;
        let movement = StockMovement {
            movement_id: format!("s{:010}", self.number()),
            sku_id: sku_id(sku),
            warehouse_id: format!("w{warehouse}"),
            move_type: kind,
            qty,
            order_id: of.map(|reservation| reservation.order_id.clone()),
            event_time: self.now,
            ingest_time: self.now + 1_000 + self.random.below(2_000) as i64 * 1_000,
            reservation_id: of.map(|reservation| reservation.id.clone()),
            seq,
        };
        self.push(movement);
    }
}
