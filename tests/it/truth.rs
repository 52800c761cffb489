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
mod explain;
mod facts;
mod lines;
mod money;
mod operation;
mod reports;
mod stock;
mod text;
mod traffic;
mod views;

use std::collections::{BTreeMap, BTreeSet};
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
use stock::Stock;
use text::rows_of;
use views::VIEWS;

const EVENTS: usize = 20_000;
/// Events of an epoch, as they arrive and permuted.
const EPOCH: usize = 500;
const EPOCH_PERMUTED: usize = 10_000;

fn events() -> usize {
    let name = "REBATEFLOW_TRUTH_EVENTS";
    std::env::var(name).map_or(EVENTS, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// All views that are kept, each of which is compared or must be empty, with what they read.
fn catalog() -> Catalog {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalog = Catalog::load(&top.join("schemas"), &top.join("sql")).expect("the product's catalog");
    let kept = catalog.views.iter().filter(|view| view.materialized).map(|view| view.name.as_str());
    let (audits, others): (Vec<&str>, Vec<&str>) = kept.partition(|name| name.starts_with("audit_"));
    assert!(audits.len() > 10, "the audit views are there");
    let compared: BTreeSet<&str> = VIEWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(compared, others.into_iter().collect(), "every view that is kept is compared");
    catalog
}

/// The rows that the views must have.
fn truth(facts: &Facts<'_>, as_of: i64) -> BTreeMap<&'static str, Vec<String>> {
    let lines = lines::lines(facts);
    let shares = lines::shares(facts, &lines);
    let splits = money::splits(facts, &lines, &shares);
    let clicks = lines::clicks(facts, &lines);
    let clicked = clicks.iter().map(|(line, ..)| *line).collect();
    let stock = Stock::of(facts);
    let recon = books::recon(facts);
    let attribution =
        clicks.iter().map(|((platform, line), method, click)| format!("{platform} {line} {method} {click}"));
    BTreeMap::from([
        ("api_health_1m", operation::api_health_1m(facts)),
        ("attribution_gaps", reports::attribution_gaps(&lines, &clicked)),
        ("awin_parts", operation::awin_parts(facts, &lines)),
        ("campaign_burndown", reports::campaign_burndown(facts)),
        ("cap_usage", books::cap_usage(facts)),
        ("claims_open", operation::claims_open(facts, &lines)),
        ("clawbacks", books::clawbacks(facts)),
        ("click_attribution", attribution.collect()),
        ("collector_health", operation::collector_health(facts)),
        ("collector_silent", operation::collector_silent(facts, as_of)),
        ("first_order_bonus", reports::first_order_bonus(facts, &lines)),
        ("fraud_device_velocity", traffic::fraud_device_velocity(facts)),
        ("fraud_inviter_rings", traffic::fraud_inviter_rings(facts)),
        ("fraud_order_and_return", reports::fraud_order_and_return(&lines)),
        ("funnel_5m", traffic::funnel_5m(facts, &lines)),
        ("held_subjects", operation::held_subjects(facts)),
        ("ingest_lag_1m", operation::ingest_lag_1m(facts)),
        ("inviter_earnings", money::inviter_earnings(&shares)),
        ("inviter_share", money::inviter_share(&shares)),
        ("line_split", money::line_split(&splits)),
        ("network_rejects", facts.rejects.clone()),
        ("network_txn", operation::network_txn(facts)),
        ("platform_margin", money::platform_margin(&splits)),
        ("quarantined_reports", operation::quarantined_reports(facts)),
        ("rate_drift", explain::rate_drift(&lines)),
        ("rebate_cny", reports::rebate_cny(facts, &lines)),
        ("rebate_daily_by_merchant", money::rebate_daily_by_merchant(&lines)),
        ("rebate_explain", explain::rebate_explain(facts, &lines, &clicks)),
        ("rebate_line", money::rebate_line(&lines)),
        ("rebate_lost", reports::rebate_lost(facts, &lines)),
        ("recon_monthly", books::recon_monthly(&recon)),
        ("recon_summary", books::recon_summary(&recon)),
        ("refund_rate_by_merchant", reports::refund_rate_by_merchant(facts, &lines)),
        ("settlements_overdue", explain::settlements_overdue(facts, &lines, as_of)),
        ("stock_available", stock::stock_available(&stock)),
        ("stock_cover", stock::stock_cover(facts, &stock, as_of)),
        ("stock_drift", stock::stock_drift(&stock)),
        ("stock_low", stock::stock_low(facts, &stock)),
        ("stock_oversold", stock::stock_oversold(&stock)),
        ("top_items", reports::top_items(&lines)),
        ("txn_latest", money::txn_latest(&lines)),
        ("unrated_lines", money::unrated_lines(&lines)),
        ("user_rebate_balance", money::user_rebate_balance(&lines)),
        ("user_sessions", traffic::user_sessions(facts)),
        ("user_withdrawable", books::user_withdrawable(facts, as_of)),
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
        let columns: Vec<&str> = columns.split(", ").collect();
        let found = rows_of(&engine.rows(view).expect("rows"), &columns);
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

/// Messages that end nowhere in the middle of what belongs together.
fn messages() -> Vec<Generated> {
    let options = GeneratorOptions { users: 500, ..Default::default() };
    let mut messages: Vec<Generated> = Generator::new(options).take(events()).collect();
    while messages.last().is_some_and(|message| message.with_next) {
        messages.pop();
    }
    messages
}

/// Two times to look at the views: when some entries of the books are of this month and some are older; and an hour after
/// the end.
fn times(facts: &Facts<'_>, messages: &[Generated]) -> [i64; 2] {
    let mut posted: Vec<i64> = facts.ledger.values().map(|entry| entry.event_time).collect();
    posted.sort_unstable();
    let end = messages.iter().map(|message| message.at).max().expect("messages");
    [posted[posted.len() / 2], end + 3_600_000_000]
}

#[test]
fn views_are_the_truth() {
    let messages = messages();
    let rows: Vec<&Row> = messages.iter().filter_map(|message| message.row.as_ref()).collect();
    let facts = Facts::of(messages.iter());
    let [first, last] = times(&facts, &messages);
    let (at_first, at_last) = (truth(&facts, first), truth(&facts, last));
    println!("{} messages, {} of them readable", messages.len(), rows.len());
    let catalog = catalog();
    let mut in_order = engine(&catalog, first);
    let (mut begin, mut seen) = (0, 0);
    // After many events no stock may be low: then it was, and its rows are compared by being gone.
    let mut always_empty: BTreeSet<&str> = VIEWS.iter().map(|(view, _)| *view).collect();
    while begin < messages.len() {
        let end = end_of_epoch(&messages, begin);
        let part: Vec<&Row> = messages[begin..end].iter().filter_map(|message| message.row.as_ref()).collect();
        run(&mut in_order, &catalog, &part, seen);
        assert_audits(&in_order, &format!("after {end} messages"));
        always_empty.retain(|view| in_order.hot().snapshot().views[*view].rows == 0);
        (begin, seen) = (end, seen + part.len());
    }
    assert_truth(&in_order, &at_first, "as they arrive");
    in_order.tick(last).expect("a tick");
    in_order.publish(vec![]).expect("a published epoch");
    assert_audits(&in_order, "an hour later");
    assert_truth(&in_order, &at_last, "an hour later");
    always_empty.retain(|view| at_last[view].is_empty());
    assert_eq!(always_empty, BTreeSet::new(), "every view has rows");
    drop(in_order);

    let doubled = Facts::of(messages.iter().chain(&messages));
    let mut shuffled: Vec<&Row> = rows.iter().chain(&rows).copied().collect();
    let mut random = Random::new(7);
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, random.below(at as u64 + 1) as usize);
    }
    let mut permuted = engine(&catalog, last);
    for (number, part) in shuffled.chunks(EPOCH_PERMUTED).enumerate() {
        run(&mut permuted, &catalog, part, number * EPOCH_PERMUTED);
    }
    assert_audits(&permuted, "permuted and doubled");
    assert_truth(&permuted, &truth(&doubled, last), "permuted and doubled");
}
