//! The rows of the demo's three tables, typed, and their JSON.
//!
//! Each row lists its fields once, as (column, value); the JSON of a message and the Arrow arrays of a batch are both
//! made from that list.

use crate::demo::text::{push_decimal, push_time};

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Text(&'a str),
    Integer(i64),
    /// `unscaled` / 10^`scale`.
    Decimal {
        unscaled: i128,
        scale: u32,
    },
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
}

/// A version of an order line, as an affiliate network reports it. Money is in hundredths of the currency's unit,
/// rates in millionths, times in microseconds since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffiliateTxn {
    pub event_id: String,
    pub platform: &'static str,
    pub order_line_id: String,
    pub source_modified: i64,
    pub status: &'static str,
    pub status_rank: i64,
    pub user_id: String,
    pub merchant_id: String,
    pub item_id: String,
    pub category_id: String,
    pub campaign_id: Option<String>,
    pub currency: &'static str,
    pub pay_amount: i128,
    pub commission_rate: i128,
    pub est_commission: i128,
    pub act_commission: Option<i128>,
    pub service_fee_rate: i128,
    pub pay_time: i64,
    pub receive_time: Option<i64>,
    pub settle_time: Option<i64>,
    pub ingest_time: i64,
}

/// A version of a rule that says which share of the commission the user gets. Units as in `AffiliateTxn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRule {
    pub rule_id: String,
    pub version: i64,
    pub platform: &'static str,
    pub merchant_id: String,
    pub category_id: Option<String>,
    pub user_share: i128,
    pub cap_per_order: i128,
    pub priority: i64,
    pub valid_from: i64,
    pub valid_to: i64,
}

/// A movement of stock. `qty` is never negative; `move_type` says what it means. Times as in `AffiliateTxn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockMovement {
    pub movement_id: String,
    pub sku_id: String,
    pub warehouse_id: String,
    pub move_type: &'static str,
    pub qty: i64,
    pub order_id: Option<String>,
    pub event_time: i64,
    pub ingest_time: i64,
}

/// A row of one of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    AffiliateTxn(Box<AffiliateTxn>),
    RateRule(RateRule),
    StockMovement(StockMovement),
}

impl Row {
    /// The table's name, which is also its topic's.
    pub fn table(&self) -> &'static str {
        match self {
            Row::AffiliateTxn(_) => "affiliate_txn",
            Row::RateRule(_) => "rate_rules",
            Row::StockMovement(_) => "stock_movements",
        }
    }

    /// The key of the message: it decides the partition, so all versions of a thing are in one.
    pub fn message_key(&self) -> Vec<u8> {
        match self {
            Row::AffiliateTxn(txn) => format!("{}|{}", txn.platform, txn.order_line_id),
            Row::RateRule(rule) => rule.rule_id.clone(),
            Row::StockMovement(movement) => format!("{}|{}", movement.sku_id, movement.warehouse_id),
        }
        .into_bytes()
    }

    /// Every column with its value, in the order of the table. The first is the row's own identifier, never NULL.
    pub fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
        match self {
            Row::AffiliateTxn(txn) => txn.fields(),
            Row::RateRule(rule) => rule.fields(),
            Row::StockMovement(movement) => movement.fields(),
        }
    }

    /// The row as a JSON object. A NULL is written as `null`, or left out when `omit_nulls`.
    pub fn to_json(&self, omit_nulls: bool) -> String {
        let mut out = String::with_capacity(640);
        for (name, value) in self.fields() {
            if value == Value::Null && omit_nulls {
                continue;
            }
            push_name(&mut out, name);
            push_value(&mut out, value);
        }
        out.push('}');
        out
    }
}

fn money(unscaled: i128) -> Value<'static> {
    Value::Decimal { unscaled, scale: 2 }
}

fn rate(unscaled: i128) -> Value<'static> {
    Value::Decimal { unscaled, scale: 6 }
}

fn optional<'a, T>(value: Option<T>, some: impl Fn(T) -> Value<'a>) -> Value<'a> {
    value.map_or(Value::Null, some)
}

impl AffiliateTxn {
    fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
        vec![
            ("event_id", Value::Text(&self.event_id)),
            ("platform", Value::Text(self.platform)),
            ("order_line_id", Value::Text(&self.order_line_id)),
            ("source_modified", Value::Time(self.source_modified)),
            ("status", Value::Text(self.status)),
            ("status_rank", Value::Integer(self.status_rank)),
            ("user_id", Value::Text(&self.user_id)),
            ("merchant_id", Value::Text(&self.merchant_id)),
            ("item_id", Value::Text(&self.item_id)),
            ("category_id", Value::Text(&self.category_id)),
            ("campaign_id", optional(self.campaign_id.as_deref(), Value::Text)),
            ("currency", Value::Text(self.currency)),
            ("pay_amount", money(self.pay_amount)),
            ("commission_rate", rate(self.commission_rate)),
            ("est_commission", money(self.est_commission)),
            ("act_commission", optional(self.act_commission, money)),
            ("service_fee_rate", rate(self.service_fee_rate)),
            ("pay_time", Value::Time(self.pay_time)),
            ("receive_time", optional(self.receive_time, Value::Time)),
            ("settle_time", optional(self.settle_time, Value::Time)),
            ("ingest_time", Value::Time(self.ingest_time)),
        ]
    }
}

impl RateRule {
    fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
        vec![
            ("rule_id", Value::Text(&self.rule_id)),
            ("version", Value::Integer(self.version)),
            ("platform", Value::Text(self.platform)),
            ("merchant_id", Value::Text(&self.merchant_id)),
            ("category_id", optional(self.category_id.as_deref(), Value::Text)),
            ("user_share", rate(self.user_share)),
            ("cap_per_order", money(self.cap_per_order)),
            ("priority", Value::Integer(self.priority)),
            ("valid_from", Value::Time(self.valid_from)),
            ("valid_to", Value::Time(self.valid_to)),
        ]
    }
}

impl StockMovement {
    fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
        vec![
            ("movement_id", Value::Text(&self.movement_id)),
            ("sku_id", Value::Text(&self.sku_id)),
            ("warehouse_id", Value::Text(&self.warehouse_id)),
            ("move_type", Value::Text(self.move_type)),
            ("qty", Value::Integer(self.qty)),
            ("order_id", optional(self.order_id.as_deref(), Value::Text)),
            ("event_time", Value::Time(self.event_time)),
            ("ingest_time", Value::Time(self.ingest_time)),
        ]
    }
}

/// Appends `{` or `,` and the field's name with its colon.
pub(super) fn push_name(out: &mut String, name: &str) {
    out.push(if out.is_empty() { '{' } else { ',' });
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

/// Appends the JSON of a value.
pub(super) fn push_value(out: &mut String, value: Value<'_>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Text(text) => {
            debug_assert!(text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\'), "{text} needs no escapes");
            out.push('"');
            out.push_str(text);
            out.push('"');
        }
        Value::Integer(number) => push_decimal(out, i128::from(number), 0),
        Value::Decimal { unscaled, scale } => push_decimal(out, unscaled, scale),
        Value::Time(time_us) => {
            out.push('"');
            push_time(out, time_us);
            out.push('"');
        }
    }
}
