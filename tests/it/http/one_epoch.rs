//! All views of one answer are from one epoch, however fast a writer publishes (I2).

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::DataType;
use rebateflow::clock::Clock;
use rebateflow::hot::Link;
use rebateflow::state::Arrangement;
use rebateflow::tasks::{self, Stop};
use serde_json::json;

use super::world::{World, arrangement, decimals, insert, schema, table, texts};

const ACCOUNTS: i64 = 50;
/// What both views hold together, at every epoch.
const TOTAL: i128 = 1_000_000;

fn set(arrangement: &Arrangement, id: i64, amount: i128, epoch: u32) {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![id]));
    insert(arrangement, vec![texts(&[Some("all")]), ids, decimals(&[amount], 2)], 1, epoch);
}

/// Moves money from one view to the other, one epoch a move, and reclaims behind the oldest pin.
fn publish_moves(world: &World, sides: [&Arc<Arrangement>; 2], stop: &Stop) -> u32 {
    let mut amounts = [vec![0_i128; ACCOUNTS as usize], vec![0; ACCOUNTS as usize]];
    amounts[0][0] = TOTAL;
    let mut random = fastrand::Rng::with_seed(7);
    let mut epoch = 2;
    while !stop.raised() {
        epoch += 1;
        for _ in 0..20 {
            let (from, to) = (random.usize(0..ACCOUNTS as usize), random.usize(0..ACCOUNTS as usize));
            let side = random.usize(0..2);
            let part = if amounts[side][from] > 0 { random.i128(0..=amounts[side][from]) } else { 0 };
            amounts[side][from] -= part;
            amounts[1 - side][to] += part;
        }
        for (side, amounts) in sides.iter().zip(&amounts) {
            for (id, &amount) in amounts.iter().enumerate() {
                set(side, id as i64, amount, epoch);
            }
        }
        let mut snapshot = world.snapshot(epoch);
        let state = snapshot.views["total"].clone();
        snapshot.views.extend([("ins".into(), state.clone()), ("outs".into(), state)]);
        world.hot.publish(snapshot);
        let oldest = world.hot.oldest_pinned(Clock::System.instant());
        for side in sides {
            side.maintain(0, oldest, 4_096).expect("maintained");
        }
    }
    epoch
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_over_two_views_hold_while_a_writer_publishes() {
    let world = Arc::new(World::new());
    let schema = schema(&[
        ("grp", DataType::Utf8, false),
        ("id", DataType::Int64, false),
        ("amount", DataType::Decimal128(18, 2), false),
    ]);
    let sides = [(); 2].map(|()| arrangement(&schema, &[0, 1], &[&[0]]));
    let tables = ["ins", "outs"].iter().zip(&sides).map(|(name, side)| {
        let mut table = table(name, schema.clone(), &[0, 1], side.clone());
        (table.key_link, table.first_link) = (Some(Link::Identity), Some(Link::Further(0)));
        table
    });
    let tables: Vec<_> = tables.chain(world.hot.snapshot().tables().values().map(|t| (**t).clone())).collect();
    world.hot.set_tables(tables).expect("tables");
    for side in &sides {
        (0..ACCOUNTS).for_each(|id| set(side, id, 0, 2));
    }
    let mut snapshot = world.snapshot(2);
    set(&sides[0], 0, TOTAL, 2);
    let state = snapshot.views["total"].clone();
    snapshot.views.extend([("ins".into(), state.clone()), ("outs".into(), state)]);
    world.hot.publish(snapshot);

    let stop = Stop::default();
    let (writer, raised) = (world.clone(), stop.clone());
    let writing = tasks::spawn_thread("writer", move || publish_moves(&writer, [&sides[0], &sides[1]], &raised));
    let mut epochs = std::collections::BTreeSet::new();
    let query = "SELECT (SELECT SUM(amount) FROM ins) + (SELECT SUM(amount) FROM outs) AS total, \
                 (SELECT COUNT(*) FROM ins) + (SELECT COUNT(*) FROM outs) AS n";
    for _ in 0..150 {
        let answer = world.sql(query).await.json();
        assert_eq!(answer["rows"], json!([{"total": "10000.00", "n": 2 * ACCOUNTS}]), "at {}", answer["epoch"]);
        epochs.insert(answer["epoch"].to_string());
        let lookup = world.get("/v1/views/ins?grp=all").await.json();
        assert_eq!(lookup["rows"].as_array().expect("rows").len(), ACCOUNTS as usize, "one row an account");
    }
    stop.raise();
    let last = writing.expect("started").join().expect("the writer ends");
    assert!(epochs.len() > 20 && last > 100, "{} epochs seen of {last}", epochs.len());
}

/// A reader that holds its pin sees its rows although they died and were reclaimed elsewhere since.
#[tokio::test]
async fn a_pin_keeps_its_rows_and_an_expired_one_is_refused() {
    let world = World::new();
    let pinned = world.hot.snapshot();
    let total = &world.arrangements["total"];
    let live = total.read(1).expect("epoch 1").scan_all();
    assert_eq!(live, 1);
    let old = total.batch(&total_row(total, 1_234_500)).expect("a batch");
    let mut writer = total.write(0);
    let row = writer.find(&old, 0).expect("the row");
    writer.kill(row, 2);
    drop(writer);
    world.hot.publish(world.snapshot(2));
    let now = Clock::System.instant();
    assert_eq!(world.hot.oldest_pinned(now), 1);
    total.maintain(0, world.hot.oldest_pinned(now), 100).expect("maintained");
    assert_eq!(total.read(pinned.epoch).expect("pinned").scan_all(), 1);
    let late = now + rebateflow::hot::PIN_MAX + Duration::from_millis(1);
    assert_eq!(world.hot.oldest_pinned(late), 2, "the pin has expired");
    total.maintain(0, 2, 100).expect("maintained");
    let error = total.read(pinned.epoch).err().expect("reclaimed");
    assert_eq!(error.message, "the answer took longer than its snapshot is kept");
}

fn total_row(arrangement: &Arrangement, amount: i128) -> datafusion::arrow::array::RecordBatch {
    let schema = arrangement.layout().schema.clone();
    datafusion::arrow::array::RecordBatch::try_new(schema, vec![decimals(&[amount], 2)]).expect("a row")
}

trait ScanAll {
    fn scan_all(&self) -> usize;
}

impl ScanAll for rebateflow::state::Reader<'_> {
    fn scan_all(&self) -> usize {
        (0..rebateflow::state::SLOTS).map(|slot| self.scan(slot).len()).sum()
    }
}
