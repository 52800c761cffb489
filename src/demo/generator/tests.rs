//! The generator keeps its promises: the same messages for the same options, the shares asked for, rows that say what
//! the JSON says.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use super::*;
use crate::catalog::{Column, Table, UnknownFields};
use crate::demo::row::Value;
use crate::demo::rows_to_batch;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, TimeUnit, TimestampMicrosecondType};

const MESSAGES: usize = 30_000;

fn messages(options: GeneratorOptions) -> Vec<Generated> {
    Generator::new(options).take(MESSAGES).collect()
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[test]
fn options_decide_every_message() {
    let options = GeneratorOptions { seed: 42, ..Default::default() };
    assert_eq!(messages(options.clone()), messages(options.clone()));
    let other = messages(GeneratorOptions { seed: 43, ..options.clone() });
    assert_ne!(messages(options), other);
}

#[test]
fn rules_come_first() {
    let all = messages(GeneratorOptions::default());
    let rules = all.iter().take_while(|m| m.topic == "rate_rules").count();
    assert!((290..400).contains(&rules), "{rules}");
    let later: Vec<_> = all[rules..].iter().filter(|m| m.topic == "rate_rules").collect();
    let newer = |m: &&&Generated| matches!(&m.row, Some(Row::RateRule(rule)) if rule.version > 1);
    assert!(later.iter().filter(newer).count() >= 5, "some rules change later");
}

#[test]
fn shares_are_those_asked_for() {
    let all = messages(GeneratorOptions { bad_share: 0.03, ..Default::default() });
    let bad = all.iter().filter(|m| m.row.is_none()).count();
    assert!((0.025..0.035).contains(&share(bad, all.len())), "{bad}");

    let (mut seen, mut newest) = (HashSet::new(), HashMap::new());
    let (mut duplicates, mut txns, mut disordered) = (0, 0, 0);
    for message in &all {
        if message.row.is_some() && !seen.insert(&message.value) {
            duplicates += 1;
        } else if let Some(Row::AffiliateTxn(txn)) = &message.row {
            txns += 1;
            let newest = newest.entry(message.key.clone()).or_insert(i64::MIN);
            disordered += usize::from(txn.source_modified < *newest);
            *newest = txn.source_modified.max(*newest);
        }
    }
    assert!((0.045..0.055).contains(&share(duplicates, all.len())), "{duplicates}");
    assert!((0.01..0.03).contains(&share(disordered, txns)), "{disordered} of {txns}");
}

#[test]
fn no_unreadable_messages_unless_asked_for() {
    assert!(messages(GeneratorOptions { bad_share: 0.0, ..Default::default() }).iter().all(|m| m.row.is_some()));
}

#[test]
fn what_could_not_be_read_is_sent_again_except_by_networks_and_clicks() {
    let all = messages(GeneratorOptions { bad_share: 0.1, ..Default::default() });
    let mut repeated = 0;
    for pair in all.windows(2).filter(|pair| pair[0].row.is_none()) {
        if !NOT_REPEATED.contains(&pair[0].topic) {
            assert_eq!((pair[0].topic, &pair[0].key), (pair[1].topic, &pair[1].key));
            repeated += 1;
        }
    }
    assert!(repeated > 500, "{repeated}");
}

#[test]
fn only_the_topics_asked_for_are_given_out() {
    let topics = vec!["stock_movements", "rate_rules"];
    let all = messages(GeneratorOptions { topics: topics.clone(), ..Default::default() });
    assert!(all.iter().all(|message| topics.contains(&message.topic)));
}

#[test]
fn all_life_is_there() {
    let (mut states, mut tables, mut types) = (HashSet::new(), HashSet::new(), HashSet::new());
    let (mut movements, mut hot, mut refunds) = (0, 0, 0);
    let many = Generator::new(GeneratorOptions::default()).take(3 * MESSAGES);
    for row in many.filter_map(|message| message.row) {
        tables.insert(row.table());
        match row {
            Row::AffiliateTxn(txn) => {
                states.insert(txn.status);
                refunds += usize::from(txn.act_commission.is_some_and(|c| c != 0 && Some(c) < txn.est_commission));
            }
            Row::StockMovement(movement) => {
                movements += 1;
                hot += usize::from(movement.sku_id.as_str() < "k00010");
            }
            Row::LedgerEntry(entry) => {
                types.insert(entry.entry_type);
            }
            _ => {}
        }
    }
    assert_eq!(tables, TOPICS.iter().copied().collect());
    let lives = ["TRACKED", "PENDING", "RECEIVED", "APPROVED", "PAYABLE", "PAID", "DECLINED", "REVERSED"];
    assert_eq!(states, HashSet::from(lives));
    assert_eq!(types, HashSet::from(["REBATE", "INVITER", "BONUS", "FIRST_ORDER", "CLAWBACK", "WITHDRAW"]));
    assert!(refunds > 100, "{refunds}");
    assert!((0.15..0.35).contains(&share(hot, movements)), "{hot} of {movements}");
}

/// What the row says about a field, as the JSON must have it.
fn expected(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text) => Json::from(text),
        Value::Integer(number) => Json::from(number),
        Value::Decimal { unscaled, scale } => {
            let (unit, sign) = (10i128.pow(scale), if unscaled < 0 { "-" } else { "" });
            let digits = unscaled.abs();
            let text = format!("{sign}{}.{:0width$}", digits / unit, digits % unit, width = scale as usize);
            serde_json::from_str(&text).expect("a number")
        }
        Value::Date(days) => {
            let date = chrono::DateTime::from_timestamp(days * 86_400, 0).expect("in range").date_naive();
            Json::from(date.to_string())
        }
        Value::Time(time_us) => {
            let time = chrono::DateTime::from_timestamp_micros(time_us).expect("in range");
            let digits =
                if time_us % 1000 == 0 { chrono::SecondsFormat::Millis } else { chrono::SecondsFormat::Micros };
            Json::from(time.to_rfc3339_opts(digits, true))
        }
    }
}

#[test]
fn rows_say_what_the_json_says() {
    let mut checked = 0;
    for message in messages(GeneratorOptions::default()) {
        let Some(row) = message.row else { continue };
        assert_eq!((message.topic, &message.key), (row.table(), &row.message_key()));
        let mut json: serde_json::Map<String, Json> = serde_json::from_slice(&message.value).expect("valid JSON");
        for (name, value) in row.fields() {
            assert_eq!(json.remove(name).unwrap_or(Json::Null), expected(value), "{name}");
        }
        assert!(json.is_empty(), "{json:?}");
        checked += 1;
    }
    assert!(checked > MESSAGES * 9 / 10);
}

#[test]
fn unreadable_messages_are_wrong_in_all_the_ways() {
    let (mut broken, mut whole) = (0, 0);
    let all = messages(GeneratorOptions { bad_share: 0.5, ..Default::default() });
    let rows = all.iter().filter_map(|message| message.row.as_ref());
    let first: HashMap<&str, &str> = rows.map(|row| (row.table(), row.fields()[0].0)).collect();
    for message in all.iter().filter(|m| m.row.is_none()) {
        match serde_json::from_slice::<Json>(&message.value) {
            Err(_) => broken += 1,
            Ok(json) => {
                whole += 1;
                let identifier = first.get(message.topic).is_some_and(|name| json.get(name).is_some());
                let text = String::from_utf8_lossy(&message.value);
                assert!(!identifier || text.contains("\"many\"") || text.contains("1.9999999999"), "{text}");
            }
        }
    }
    assert!((0.35..0.45).contains(&share(broken, broken + whole)), "{broken} broken, {whole} whole");
}

#[test]
fn batches_hold_the_rows() {
    let column = |name: &str, data_type| Column { name: name.into(), data_type, nullable: true };
    let table = Table {
        name: "affiliate_txn".into(),
        topic: "affiliate_txn".into(),
        columns: vec![
            column("order_line_id", DataType::Utf8),
            column("est_commission", DataType::Decimal128(18, 3)),
            column("receive_time", DataType::Timestamp(TimeUnit::Microsecond, None)),
            column("not_sent", DataType::Int64),
        ],
        upsert: None,
        unknown_fields: UnknownFields::Keep,
        retention_us: None,
        sql: String::new(),
    };
    let is_txn = |row: &Row| matches!(row, Row::AffiliateTxn(_));
    let rows: Vec<Row> = messages(Default::default()).into_iter().filter_map(|m| m.row).filter(is_txn).collect();
    let batch = rows_to_batch(&table, &rows).expect("rows of this table");
    for (i, row) in rows.iter().enumerate() {
        let Row::AffiliateTxn(txn) = row else { unreachable!("filtered") };
        assert_eq!(batch.column(0).as_string::<i32>().value(i), txn.order_line_id);
        assert_eq!(
            batch.column(1).as_primitive::<Decimal128Type>().value(i),
            txn.est_commission.unwrap_or_default() * 10
        );
        let time = batch.column(2).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(time.is_valid(i).then(|| time.value(i)), txn.receive_time);
    }
    assert_eq!(batch.column(3).null_count(), rows.len());
    let wrong_table = Table { name: "rate_rules".into(), ..table };
    assert!(rows_to_batch(&wrong_table, &rows).is_err());
}
