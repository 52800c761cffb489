//! The product's views against the truth: what the generator's rows come to, computed in plain Rust without SQL, so
//! that the SQL itself is checked and not only the engine. In the order of arrival, with the audit views looked at in every
//! epoch; and permuted and doubled.
//!
//! More events, and what they come to, with:
//!
//! ```text
//! REBATEFLOW_TRUTH_EVENTS=1000000 cargo test --test it truth -- --nocapture
//! ```

mod books;
mod facts;
mod lines;
mod money;
mod reports;
mod text;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rebateflow::catalog::Catalog;
use rebateflow::changes::Changes;
use rebateflow::clock::Clock;
use rebateflow::demo::{Generated, Generator, GeneratorOptions, Random, Row, rows_to_batch};
use rebateflow::engine::Engine;
use rebateflow::slt::difference;

use crate::event_batch::event_batch;
use facts::Facts;
use text::rows_of;

const EVENTS: usize = 20_000;
/// Events of an epoch, as they arrive and permuted.
const EPOCH: usize = 500;
const EPOCH_PERMUTED: usize = 10_000;

/// The views that are compared, with the columns that are.
const VIEWS: [(&str, &[&str]); 22] = [
    ("rebate_lost", &["platform", "order_line_id", "status", "status_before", "promised"]),
    ("attribution_gaps", &["platform", "order_line_id", "gap"]),
    ("first_order_bonus", &["user_id", "platform", "order_line_id"]),
    ("campaign_burndown", &["campaign_id", "hour", "spent", "spent_so_far", "remaining"]),
    ("rebate_cny", &["user_id", "rebate_cny", "lines", "lines_without_rate"]),
    ("refund_rate_by_merchant", &["merchant_id", "currency", "lines", "refunded_lines", "paid", "refunded"]),
    ("top_items", &["category_id", "currency", "rk", "item_id", "rebate", "lines"]),
    ("fraud_order_and_return", &["user_id", "lines", "lines_lost", "penalties"]),
    ("stock_low", &["sku_id", "available", "safety_stock"]),
    ("txn_latest", &["platform", "order_line_id", "event_id", "status", "commission_net"]),
    (
        "rebate_line",
        &["platform", "order_line_id", "user_id", "status", "rule_id", "rule_version", "commission_net", "rebate"],
    ),
    ("unrated_lines", &["platform", "order_line_id", "reason"]),
    (
        "user_rebate_balance",
        &["user_id", "currency", "tracked", "pending", "received", "approved", "payable", "paid", "lost", "lines"],
    ),
    (
        "rebate_daily_by_merchant",
        &[
            "merchant_id",
            "platform",
            "currency",
            "pay_day",
            "lines",
            "buyers",
            "commission_net",
            "rebate",
            "lines_lost",
        ],
    ),
    ("inviter_earnings", &["inviter_id", "currency", "tier", "buyers", "lines", "earned"]),
    (
        "line_split",
        &["platform", "order_line_id", "commission_net", "rebate", "inviter_1", "inviter_2", "bonus", "margin"],
    ),
    ("click_attribution", &["platform", "order_line_id", "method", "click_id"]),
    (
        "clawbacks",
        &[
            "platform",
            "order_line_id",
            "event_id",
            "status_before",
            "status",
            "settled_before",
            "settled",
            "delta",
            "changed_at",
        ],
    ),
    ("recon_monthly", &["platform", "month", "order_line_id", "currency", "ours", "theirs", "verdict"]),
    (
        "user_withdrawable",
        &[
            "user_id",
            "currency",
            "balance",
            "locked_this_month",
            "held_lines",
            "in_flight_withdrawal",
            "on_hold",
            "withdrawable",
        ],
    ),
    ("cap_usage", &["entry_id", "amount", "allowed", "over"]),
    ("stock_available", &["sku_id", "warehouse_id", "on_hand", "reserved", "available"]),
];

fn events() -> usize {
    let name = "REBATEFLOW_TRUTH_EVENTS";
    std::env::var(name).map_or(EVENTS, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The views that are compared and the audit views, with what they read.
fn catalog() -> Catalog {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let whole = Catalog::load(&top.join("schemas"), &top.join("sql")).expect("the product's catalog");
    let audits = whole.views.iter().filter(|view| view.name.starts_with("audit_")).map(|view| view.name.clone());
    let names: Vec<String> = VIEWS.iter().map(|(name, _)| name.to_string()).chain(audits).collect();
    assert!(names.len() > VIEWS.len() + 10, "the audit views are there");
    whole.of_views(&names).expect("views of the product")
}

/// The rows that the views must have.
fn truth(facts: &Facts<'_>, as_of: i64) -> BTreeMap<&'static str, Vec<String>> {
    let lines = lines::lines(facts);
    let shares = lines::shares(facts, &lines);
    let clicks = lines::clicks(facts, &lines);
    let clicked = clicks.iter().map(|(line, ..)| *line).collect();
    let stock = books::stock(facts);
    let available = stock.iter().map(|(key, (on_hand, reserved))| (*key, on_hand - reserved)).collect();
    let clicks = clicks.iter().map(|((platform, line), method, click)| format!("{platform} {line} {method} {click}"));
    BTreeMap::from([
        ("txn_latest", money::txn_latest(&lines)),
        ("rebate_line", money::rebate_line(&lines)),
        ("unrated_lines", money::unrated_lines(&lines)),
        ("user_rebate_balance", money::user_rebate_balance(&lines)),
        ("rebate_daily_by_merchant", money::rebate_daily_by_merchant(&lines)),
        ("inviter_earnings", money::inviter_earnings(&shares)),
        ("line_split", money::line_split(facts, &lines, &shares)),
        ("click_attribution", clicks.collect()),
        ("clawbacks", books::clawbacks(facts)),
        ("recon_monthly", books::recon_monthly(facts)),
        ("user_withdrawable", books::user_withdrawable(facts, as_of)),
        ("cap_usage", books::cap_usage(facts)),
        ("stock_available", books::stock_available(&stock)),
        ("rebate_lost", reports::rebate_lost(facts, &lines)),
        ("attribution_gaps", reports::attribution_gaps(&lines, &clicked)),
        ("first_order_bonus", reports::first_order_bonus(facts, &lines)),
        ("campaign_burndown", reports::campaign_burndown(facts)),
        ("rebate_cny", reports::rebate_cny(facts, &lines)),
        ("refund_rate_by_merchant", reports::refund_rate_by_merchant(facts, &lines)),
        ("top_items", reports::top_items(&lines)),
        ("fraud_order_and_return", reports::fraud_order_and_return(&lines)),
        ("stock_low", reports::stock_low(facts, &available)),
    ])
}

fn engine(catalog: &Catalog, as_of: i64) -> Engine {
    let mut engine = Engine::for_catalog(catalog, Clock::System).expect("the product's views are maintained");
    engine.begin_clock(as_of);
    engine
}

/// Runs one epoch. `first`: the number of its first event.
fn run(engine: &mut Engine, catalog: &Catalog, rows: &[&Row], first: usize) {
    let mut of_table: BTreeMap<&str, (Vec<Row>, Vec<i64>)> = BTreeMap::new();
    for (number, row) in rows.iter().enumerate() {
        let (rows, offsets) = of_table.entry(row.table()).or_default();
        rows.push((*row).clone());
        offsets.push((first + number) as i64);
    }
    let changes = of_table.into_iter().filter_map(|(table, (rows, offsets))| {
        let table = catalog.table(table)?;
        let columns = rows_to_batch(table, &rows).expect("rows of this table").columns().to_vec();
        Some((Arc::from(table.name.as_str()), Changes::inserts(event_batch(table, columns, &offsets))))
    });
    engine.apply(changes.collect()).expect("an epoch");
    engine.publish(vec![]).expect("a published epoch");
}

/// Every audit view is empty, in the epoch that readers see.
fn assert_audits(engine: &Engine, what: &str) {
    for (view, state) in &engine.hot().snapshot().views {
        assert!(state.errors == 0 && state.failed.is_none(), "{view}, {what}: {:?}", state.failed);
        if view.starts_with("audit_") && state.rows != 0 {
            let rows = engine.rows(view).expect("rows");
            panic!("{view} is not empty, {what}: {rows:?}");
        }
    }
}

fn assert_truth(engine: &Engine, expected: &BTreeMap<&str, Vec<String>>, what: &str) {
    for (view, columns) in VIEWS {
        let mut wanted = expected[view].clone();
        wanted.sort_unstable();
        let found = rows_of(&engine.rows(view).expect("rows"), columns);
        if let Some(difference) = difference(&wanted, &found) {
            panic!("view {view}, {what}:\n{difference}");
        }
        println!("{view}: {} rows as in truth, {what}", wanted.len());
    }
}

/// The end of an epoch that is at least so long and parts nothing that belongs together.
fn end_of_epoch(messages: &[Generated], from: usize) -> usize {
    let mut end = (from + EPOCH).min(messages.len());
    while end < messages.len() && messages[end - 1].with_next {
        end += 1;
    }
    end
}

#[test]
fn views_are_the_truth() {
    let options = GeneratorOptions { users: 500, ..Default::default() };
    let mut messages: Vec<Generated> = Generator::new(options).take(events()).collect();
    while messages.last().is_some_and(|message| message.with_next) {
        messages.pop();
    }
    let rows: Vec<&Row> = messages.iter().filter_map(|message| message.row.as_ref()).collect();
    let facts = Facts::of(rows.iter().copied());
    let mut posted: Vec<i64> = facts.ledger.values().map(|entry| entry.event_time).collect();
    posted.sort_unstable();
    // Some entries are of this month, some are older.
    let as_of = posted[posted.len() / 2];
    let expected = truth(&facts, as_of);
    let counts: Vec<(&str, usize)> = expected.iter().map(|(view, rows)| (*view, rows.len())).collect();
    assert!(counts.iter().all(|(_, rows)| *rows >= 3), "every view has rows: {counts:?}");
    println!("{} messages, {} of them readable", messages.len(), rows.len());

    let catalog = catalog();
    let mut in_order = engine(&catalog, as_of);
    let (mut begin, mut seen) = (0, 0);
    while begin < messages.len() {
        let end = end_of_epoch(&messages, begin);
        let part: Vec<&Row> = messages[begin..end].iter().filter_map(|message| message.row.as_ref()).collect();
        run(&mut in_order, &catalog, &part, seen);
        assert_audits(&in_order, &format!("after {end} messages"));
        (begin, seen) = (end, seen + part.len());
    }
    assert_truth(&in_order, &expected, "as they arrive");
    drop(in_order);

    let mut shuffled: Vec<&Row> = rows.iter().chain(&rows).copied().collect();
    let mut random = Random::new(7);
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, random.below(at as u64 + 1) as usize);
    }
    let mut permuted = engine(&catalog, as_of);
    for (number, part) in shuffled.chunks(EPOCH_PERMUTED).enumerate() {
        run(&mut permuted, &catalog, part, number * EPOCH_PERMUTED);
    }
    assert_audits(&permuted, "permuted and doubled");
    assert_truth(&permuted, &expected, "permuted and doubled");
}
