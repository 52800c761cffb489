//! The reference workload: every message is a function of its number and the seed, so any part can be made again.
//!
//! Order lines with one to five versions (2.5 on average), 5 % of them five hours late, 1 % delivered twice; skewed
//! users, merchants and platforms; stock movements with a fifth on ten articles.

use rebateflow::demo::{push_decimal, push_time};

const SKUS: u64 = 100_000;
const HOT_SKUS: u64 = 10;
const USERS: u64 = 200_000;
const MERCHANTS: u64 = 500;
const PLATFORMS: [&str; 8] = ["shopee", "lazada", "tiktok", "tokopedia", "amazon", "ebay", "taobao", "rakuten"];
const MOVE_TYPES: [&str; 10] =
    ["RESTOCK", "RESERVE", "RESERVE", "RESERVE", "RELEASE", "SELL", "SELL", "SELL", "RETURN", "RESERVE"];
/// 2025-11-11T00:00:00Z in milliseconds.
const FIRST_DAY_MS: i64 = 1_762_819_200_000;
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// Key and value of a message.
pub type KeyValue = (String, String);

/// The workload at a scale: 1.0 is 5,000,000 movements and 1,200,000 order lines.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub seed: u64,
    pub scale: f64,
}

/// One delivery of one version of an order line. Deliveries sort by arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    arrival_ms: i64,
    line: u32,
    version: u8,
    copy: u8,
}

impl Workload {
    pub fn movements(&self) -> u64 {
        (5_000_000.0 * self.scale) as u64
    }

    pub fn lines(&self) -> u64 {
        (1_200_000.0 * self.scale) as u64
    }

    /// 32 bits for the `part`-th property of thing number `number`.
    fn hash(&self, number: u64, part: u64) -> u64 {
        let mut z = self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xd1b5_4a32_d192_ed03);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 32
    }

    /// The same from 0 up to but not including 1.
    fn unit(&self, number: u64, part: u64) -> f64 {
        self.hash(number, part) as f64 / (1u64 << 32) as f64
    }

    /// Message `number` of stock_movements.
    pub fn movement(&self, number: u64) -> KeyValue {
        let sku = if self.unit(number, 1) < 0.2 {
            self.hash(number, 2) % HOT_SKUS
        } else {
            (SKUS as f64 * self.unit(number, 2).powi(2)) as u64
        };
        let warehouse = self.hash(number, 3) % 3;
        let move_type = MOVE_TYPES[(self.hash(number, 4) % 10) as usize];
        let spread = self.hash(number, 5);
        let quantity = if move_type == "RESTOCK" { 20 + spread % 180 } else { 1 + spread % 3 };
        let mut value = format!(
            concat!(
                r#"{{"movement_id":"MV{:012}","sku_id":"SKU{:09}","warehouse_id":"WH{}","#,
                r#""move_type":"{}","qty":{},"event_time":""#
            ),
            number, sku, warehouse, move_type, quantity
        );
        push_time(&mut value, (FIRST_DAY_MS + (number * DAY_MS / self.movements()) as i64) * 1000);
        value.push_str("\"}");
        (format!("SKU{sku:09}|WH{warehouse}"), value)
    }

    /// All messages of rate_rules.
    pub fn rules(&self) -> impl Iterator<Item = KeyValue> {
        let this = *self;
        (0..PLATFORMS.len() as u64).flat_map(move |platform| {
            (0..MERCHANTS).map(move |merchant| {
                let name = PLATFORMS[platform as usize];
                let mut value = format!(r#"{{"platform":"{name}","merchant_id":"M{merchant:05}","user_share":"#);
                let share = 300_000 + this.hash(platform * MERCHANTS + merchant, 601) % 600_000;
                push_decimal(&mut value, i128::from(share), 6);
                value.push('}');
                (format!("{name}|M{merchant:05}"), value)
            })
        })
    }

    /// All deliveries of affiliate_txn in the order of their arrival.
    pub fn deliveries(&self) -> Vec<Delivery> {
        let mut all = vec![];
        for number in 0..self.lines() {
            let chance = self.unit(number, 1);
            let versions = 1 + [0.22, 0.52, 0.82, 0.94].iter().filter(|limit| chance > **limit).count() as u8;
            for version in 0..versions {
                let modified_ms = self.modified_ms(number, version);
                let late_ms = if self.unit(number, 200 + u64::from(version)) < 0.05 { 5 * HOUR_MS } else { 0 };
                let line = number as u32;
                all.push(Delivery { arrival_ms: modified_ms + late_ms, line, version, copy: 0 });
                if self.unit(number, 300 + u64::from(version)) < 0.0101 {
                    all.push(Delivery { arrival_ms: modified_ms + 2 * HOUR_MS, line, version, copy: 1 });
                }
            }
        }
        all.sort_unstable();
        all
    }

    fn ordered_ms(&self, line: u64) -> i64 {
        FIRST_DAY_MS + (self.hash(line, 9) % DAY_MS) as i64
    }

    fn modified_ms(&self, line: u64, version: u8) -> i64 {
        let within = (self.hash(line, 100 + u64::from(version)) % 3_000_000) as i64;
        self.ordered_ms(line) + i64::from(version) * HOUR_MS + within
    }

    fn status(&self, line: u64, version: u8) -> &'static str {
        match version {
            0 => "PENDING",
            1 if self.unit(line, 401) < 0.8 => "RECEIVED",
            1 => "DECLINED",
            2 if self.unit(line, 402) < 0.85 => "APPROVED",
            3 if self.unit(line, 403) < 0.9 => "PAYABLE",
            _ => "REVERSED",
        }
    }

    /// The message of a delivery of affiliate_txn.
    pub fn transaction(&self, delivery: Delivery) -> KeyValue {
        let (line, version) = (u64::from(delivery.line), delivery.version);
        let platform = PLATFORMS[(8.0 * self.unit(line, 2).powf(1.6)) as usize];
        let user = (USERS as f64 * self.unit(line, 3).powi(3)) as u64 * 7919 % USERS;
        let merchant = (MERCHANTS as f64 * self.unit(line, 4).powi(2)) as u64;
        let pay_cents = 300 + (40_000.0 * self.unit(line, 7).powi(3)) as i128;
        let basis_points = i128::from(200 + self.hash(line, 8) % 1300);
        // A version may carry a corrected commission.
        let tenths = if self.unit(line, 500 + u64::from(version)) < 0.1 { 9 } else { 10 };
        let ordered_us = self.ordered_ms(line) * 1000;
        let mut value = String::with_capacity(400);
        value.push_str(&format!(r#"{{"platform":"{platform}","order_line_id":"OL{line:010}","source_modified":""#));
        push_time(&mut value, self.modified_ms(line, version) * 1000);
        value.push_str(&format!(
            concat!(
                r#"","status":"{}","user_id":"U{:07}","merchant_id":"M{:05}","#,
                r#""item_id":"I{:08}","category_id":"C{:04}","pay_amount":"#
            ),
            self.status(line, version),
            user,
            merchant,
            self.hash(line, 5) % 300_000,
            self.hash(line, 6) % 900
        ));
        push_decimal(&mut value, pay_cents, 2);
        value.push_str(r#","commission":"#);
        push_decimal(&mut value, pay_cents * basis_points * tenths / 100_000, 2);
        value.push_str(r#","order_time":""#);
        push_time(&mut value, ordered_us);
        value.push_str(r#"","pay_time":""#);
        push_time(&mut value, ordered_us + 90_000_000);
        let (high, low) = (self.hash(line, 700 + u64::from(version)), self.hash(line, 800 + u64::from(version)));
        let event_id = (u128::from(high) << 48) | (u128::from(low) << 16) | u128::from(version);
        value.push_str(&format!(r#"","event_id":"{event_id:020x}"}}"#));
        (format!("{platform}|OL{line:010}"), value)
    }
}
