//! The arrangement against a model: every epoch that a reader may hold shows exactly its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use super::*;
use crate::error::ErrorKind;

/// Key, group and text of a row.
type Model = BTreeMap<i64, (i64, String)>;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("text", DataType::Utf8, true),
        Field::new("group", DataType::Int64, true),
        Field::new("key", DataType::Int64, true),
    ]))
}

fn batch(rows: &[(i64, i64, String)]) -> RecordBatch {
    let text: StringArray = rows.iter().map(|r| Some(r.2.as_str())).collect();
    let group: Int64Array = rows.iter().map(|r| r.1).collect();
    let key: Int64Array = rows.iter().map(|r| r.0).collect();
    RecordBatch::try_new(schema(), vec![Arc::new(text), Arc::new(group), Arc::new(key)]).expect("columns fit")
}

fn rows_of(batch: &RecordBatch) -> Vec<(i64, i64, String)> {
    let (text, group, key) = (batch.column(0), batch.column(1), batch.column(2));
    let row = |i: usize| {
        let number = |a: &ArrayRef| a.as_primitive::<Int64Type>().value(i);
        (number(key), number(group), text.as_string::<i32>().value(i).to_string())
    };
    let mut rows: Vec<_> = (0..batch.num_rows()).map(row).collect();
    rows.sort();
    rows
}

fn arrangement(shards: usize) -> Arrangement {
    let layout = Layout { schema: schema(), identity: vec![2], order: vec![], links: vec![vec![1]] };
    Arrangement::sharded(layout, Sharding { by: vec![2], shards }).expect("types are supported")
}

/// Everything that a reader at `epoch` can see, by scan, by identity and by group.
fn check(arrangement: &Arrangement, epoch: u32, model: &Model) {
    let expected: Vec<_> = model.iter().map(|(k, (g, t))| (*k, *g, t.clone())).collect();
    let reader = arrangement.read(epoch).expect("the epoch is held");
    let scanned: Vec<&[u8]> = (0..SLOTS).flat_map(|slot| reader.scan(slot)).collect();
    assert_eq!(rows_of(&reader.decode(&scanned).expect("decodes")), expected, "epoch {epoch}");
    for group in 0..5 {
        let key: ArrayRef = Arc::new(Int64Array::from(vec![group]));
        let found = reader.lookup(Some(0), &[key]).expect("looks up");
        let of_group: Vec<_> = expected.iter().filter(|r| r.1 == group).cloned().collect();
        assert_eq!(rows_of(&reader.decode(&found).expect("decodes")), of_group, "group {group} at epoch {epoch}");
    }
    let keys: ArrayRef = Arc::new(Int64Array::from((0..40).collect::<Vec<i64>>()));
    let matches = reader.probe(None, &[keys], 40, false).expect("probes");
    let of_keys: Vec<_> = expected.iter().filter(|r| r.0 < 40).cloned().collect();
    assert_eq!(rows_of(&matches.rows), of_keys);
    assert_eq!(matches.probes.len(), of_keys.len());
}

/// Sets or removes keys in one epoch, as an operator does.
fn write(arrangement: &Arrangement, epoch: u32, changes: &[(i64, Option<(i64, String)>)]) {
    let rows: Vec<_> =
        changes.iter().map(|(k, v)| v.clone().map_or((*k, 0, String::new()), |(g, t)| (*k, g, t))).collect();
    let batch = arrangement.batch(&batch(&rows)).expect("encodes");
    for (i, (_, value)) in changes.iter().enumerate() {
        let mut state = arrangement.write(shard_of(batch.hashes[i], arrangement.shards()));
        if let Some(held) = state.find(&batch, i) {
            state.kill(held, epoch);
        }
        if value.is_some() {
            state.insert(&batch, i, 1, epoch).expect("there is room");
        }
    }
}

#[test]
fn readers_at_every_pinned_epoch_see_their_rows_while_rows_are_reclaimed_and_moved() {
    readers_see_their_rows(1);
}

#[test]
fn readers_see_their_rows_in_several_shards() {
    readers_see_their_rows(5);
}

fn readers_see_their_rows(shards: usize) {
    let mut random = fastrand::Rng::with_seed(7);
    let arrangement = arrangement(shards);
    let mut history: BTreeMap<u32, Model> = BTreeMap::from([(0, Model::new())]);
    let (mut moved, mut reclaimed, mut oldest) = (0, 0, 0);
    for epoch in 1..=400 {
        let mut model = history[&(epoch - 1)].clone();
        let mut changes = BTreeMap::new();
        for _ in 0..random.usize(1..60) {
            let key = random.i64(0..200);
            // Long texts fill chunks quickly, so that compaction runs.
            let text = format!("{epoch}-{}", "x".repeat(random.usize(0..4000)));
            let value = random.bool().then(|| (random.i64(0..5), text));
            match &value {
                Some(row) => model.insert(key, row.clone()),
                None => model.remove(&key),
            };
            changes.insert(key, value);
        }
        write(&arrangement, epoch, &changes.into_iter().collect::<Vec<_>>());
        assert_eq!(arrangement.live_rows(), model.len() as i64);
        history.insert(epoch, model);
        oldest = oldest.max(epoch.saturating_sub(random.u32(0..6)));
        for shard in 0..shards {
            let done = arrangement.maintain(shard, oldest, 10_000).expect("maintains");
            moved += done.moved;
            reclaimed += done.reclaimed;
        }
        history.retain(|e, _| *e >= oldest);
        let held = random.u32(oldest..=epoch);
        check(&arrangement, held, &history[&held]);
    }
    assert!(moved > 100 && reclaimed > 1_000, "compaction ({moved}) and reclaiming ({reclaimed}) took part");
    assert!(arrangement.size() < 40 << 20, "dead rows do not pile up: {} bytes", arrangement.size());
}

#[test]
fn an_index_with_the_columns_of_the_cut_asks_one_shard_and_any_other_all() {
    // Rows are cut by `group`, which is part of the identity (key, group).
    let layout = Layout { schema: schema(), identity: vec![2, 1], order: vec![], links: vec![vec![1], vec![2]] };
    let cut = |by: Vec<usize>| Arrangement::sharded(layout.clone(), Sharding { by, shards: 4 });
    assert_eq!(cut(vec![0]).err().map(|e| e.kind), Some(ErrorKind::Internal), "rows of one identity would be parted");
    let arrangement = cut(vec![1]).expect("types are supported");
    let rows: Vec<_> = (0..40).map(|i| (i % 8, i / 8, format!("{i}"))).collect();
    let encoded = arrangement.batch(&batch(&rows)).expect("encodes");
    let column = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let shards = |index: Option<usize>, keys: &[ArrayRef]| {
        let encoded = arrangement.encode_keys(index, keys, 40).expect("encodes");
        arrangement.shards_of_keys(index, keys, &encoded).expect("encodes")
    };
    let (keys, groups) = (column(rows.iter().map(|r| r.0).collect()), column(rows.iter().map(|r| r.1).collect()));
    let by_group = shards(Some(0), std::slice::from_ref(&groups)).expect("the group decides");
    assert_eq!(shards(None, &[keys.clone(), groups]).as_ref(), Some(&by_group), "and is part of the identity");
    assert_eq!(shards(Some(1), std::slice::from_ref(&keys)), None);
    (0..40).for_each(|i| _ = arrangement.write(by_group[i]).insert(&encoded, i, 1, 1).expect("there is room"));
    assert!(by_group.iter().any(|shard| *shard != by_group[0]), "several shards take part");
    let reader = arrangement.read(1).expect("held");
    for key in 0..8 {
        assert_eq!(reader.lookup(Some(1), &[column(vec![key])]).expect("looks up").len(), 5, "in whichever shards");
    }
    for group in 0..5 {
        let key = [column(vec![group])];
        let reader = arrangement.read_key(1, Some(0), &key).expect("held");
        assert_eq!(reader.lookup(Some(0), &key).expect("looks up").len(), 8);
    }
    assert_eq!((0..SLOTS).map(|slot| reader.scan(slot).len()).sum::<usize>(), 40);
}

#[test]
fn what_was_killed_is_reclaimed_however_small_the_budget() {
    let arrangement = arrangement(1);
    let rows = |text: &str| (0..1_000).map(|key| (key, Some((key, text.to_string())))).collect::<Vec<_>>();
    for epoch in 1..=20 {
        write(&arrangement, epoch, &rows("a"));
        // A reader stays at the first epoch, then goes.
        let oldest = if epoch <= 10 { 1 } else { epoch };
        arrangement.maintain(0, oldest, 1).expect("maintains");
    }
    let left = arrangement.maintain(0, 20, usize::MAX).expect("maintains");
    assert_eq!(left.reclaimed, 0, "nine epochs waited, and each later one took out those of two");
}

#[test]
fn an_epoch_that_is_reclaimed_is_an_error_not_a_wrong_answer() {
    let arrangement = arrangement(1);
    write(&arrangement, 1, &[(1, Some((1, "a".into())))]);
    write(&arrangement, 2, &[(1, None)]);
    arrangement.maintain(0, 2, 100).expect("maintains");
    assert_eq!(arrangement.read(1).err().map(|e| e.kind), Some(ErrorKind::Unavailable));
    check(&arrangement, 2, &Model::new());
}

#[test]
fn a_null_key_meets_nothing_but_can_be_looked_up() {
    let arrangement = arrangement(1);
    let row = RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(StringArray::from(vec!["n"])),
            Arc::new(Int64Array::from(vec![None::<i64>])),
            Arc::new(Int64Array::from(vec![9])),
        ],
    )
    .expect("columns fit");
    let encoded = arrangement.batch(&row).expect("encodes");
    arrangement.write(0).insert(&encoded, 0, 1, 1).expect("there is room");
    let null: ArrayRef = Arc::new(Int64Array::from(vec![None::<i64>]));
    let reader = arrangement.read(1).expect("held");
    assert_eq!(reader.probe(Some(0), &[null.clone()], 1, false).expect("probes").weights.len(), 0);
    assert_eq!(reader.lookup(Some(0), &[null]).expect("looks up").len(), 1);
}
