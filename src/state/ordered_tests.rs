//! Ordered rows against a sorted map, with rows of all lengths and weights, while blocks are halved and merged.

use std::collections::BTreeMap;

use super::OrderedRows;
use super::block::BLOCK_BYTES;
use super::ordered::Group;
use crate::error::ErrorKind;

/// What a group must hold.
type Model = BTreeMap<Vec<u8>, i64>;

/// A row of this case: `kind` 0 has numbers of one length, 1 short text, 2 now and then very long text.
fn row(random: &mut fastrand::Rng, kind: u8, values: u32) -> Vec<u8> {
    let value = random.u32(0..values).to_be_bytes();
    let length = match kind {
        0 => 0,
        1 => random.usize(0..20),
        _ if random.u32(0..50) == 0 => 70_000 + random.usize(0..9),
        _ => random.usize(0..300),
    };
    // Text that differs late: rows share long beginnings.
    [&value[..if kind == 1 { random.usize(0..5) } else { 4 }], &vec![b'x'; length]].concat()
}

fn assert_equal(rows: &OrderedRows, group: u32, model: &Model, random: &mut fastrand::Rng) {
    let expected: Vec<(&[u8], i64)> = model.iter().map(|(row, &weight)| (row.as_slice(), weight)).collect();
    assert_eq!(rows.iter(group).collect::<Vec<_>>(), expected);
    assert_eq!(rows.iter(group).rev().collect::<Vec<_>>(), expected.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(rows.first(group), expected.first().map(|r| r.0));
    assert_eq!(rows.last(group), expected.last().map(|r| r.0));
    assert_eq!(rows.is_empty(group), expected.is_empty());
    for distinct in [false, true] {
        let ranked = rows.ranked(group, distinct);
        let times = |weight: i64| if distinct { 1 } else { weight as usize };
        let starts = expected.iter().scan(0, |end, &(row, weight)| {
            *end += times(weight);
            Some((row, *end - times(weight), *end))
        });
        let mut len = 0;
        for (row, start, end) in starts {
            assert_eq!((ranked.get(start), ranked.get(end - 1)), (Some(row), Some(row)));
            len = end;
        }
        assert_eq!((ranked.len(), ranked.is_empty(), ranked.get(len)), (len, len == 0, None));
    }
    let mut bound = || row(random, 1, u32::MAX);
    let (a, b) = (bound(), bound());
    let (low, high) = (a.clone().min(b.clone()), a.max(b));
    let inside = |r: &&(&[u8], i64)| r.0 >= &low[..] && (r.0 < &high[..] || r.0.starts_with(&high));
    let expected: Vec<_> = expected.iter().filter(inside).copied().collect();
    assert_eq!(rows.between(group, &low, &high).collect::<Vec<_>>(), expected, "{low:?} to {high:?}");
}

/// Bytes of the groups' places.
fn places(rows: &OrderedRows) -> usize {
    rows.groups().capacity() * size_of::<Group>()
}

/// Blocks are in order and none is empty; what is counted is what is there.
fn assert_sound(rows: &OrderedRows) {
    let mut bytes = 0;
    for group in rows.groups() {
        bytes += group.size();
        let Group::Many(blocks) = group else { continue };
        assert!(blocks.parts.len() > 1, "one block stands alone");
        let mut last: &[u8] = &[];
        for (key, part) in &blocks.parts {
            let block = part.block.rows();
            assert!(block.len() > 0 && **key <= *block.row(0), "a block begins before its key");
            assert!(last.is_empty() || *last < **key, "a block ends behind the next one's key");
            assert_eq!(part.weight, part.block.weight());
            last = block.row(block.len() - 1);
        }
        let counted: usize = blocks.parts.iter().map(|(key, part)| part.size(key)).sum();
        assert_eq!(blocks.bytes, counted);
    }
    assert_eq!(rows.size() - places(rows), bytes);
}

#[test]
fn rows_are_those_of_a_sorted_map() {
    let mut random = fastrand::Rng::with_seed(7);
    for (kind, groups, values, growth) in
        [(0, 1, 4_000, 3), (0, 40, 400, 2), (1, 3, u32::MAX, 2), (2, 2, 50, 3), (0, 2, 30, 1), (1, 200, 9, 2)]
    {
        let (mut rows, mut models) = (OrderedRows::default(), vec![Model::new(); groups]);
        for step in 0..4_000 {
            let group = random.usize(0..groups);
            let model = &mut models[group];
            if model.is_empty() || random.u32(0..4) < growth {
                let (row, weight) = (row(&mut random, kind, values), [1, 1, 2, 70_000][random.usize(0..4)]);
                let sum = model.entry(row.clone()).or_default();
                *sum += weight;
                assert_eq!(rows.add(group as u32, &row, weight).expect("a row more"), *sum);
            } else {
                let at = random.usize(0..model.len());
                let (row, held) = model.iter().nth(at).map(|(row, &held)| (row.clone(), held)).expect("it is there");
                let weight = if random.bool() { held } else { 1 };
                assert_eq!(rows.add(group as u32, &row, -weight).expect("it is there"), held - weight);
                model.insert(row, held - weight);
                model.retain(|_, weight| *weight > 0);
            }
            if step % 200 == 199 {
                assert_sound(&rows);
                models.iter().enumerate().for_each(|(g, model)| assert_equal(&rows, g as u32, model, &mut random));
            }
        }
        for (group, model) in models.iter().enumerate() {
            model.iter().for_each(|(row, weight)| _ = rows.add(group as u32, row, -weight).expect("it is there"));
            assert_equal(&rows, group as u32, &Model::new(), &mut random);
        }
        assert_eq!(rows.size(), places(&rows), "nothing is left");
    }
}

#[test]
fn blocks_of_rows_that_come_in_order_are_full() {
    let (mut up, mut down) = (OrderedRows::default(), OrderedRows::default());
    (0..2_000u32).for_each(|i| _ = up.add(0, &i.to_be_bytes(), 1).expect("a row more"));
    (0..2_000u32).rev().for_each(|i| _ = down.add(0, &i.to_be_bytes(), 1).expect("a row more"));
    let blocks = |rows: &OrderedRows| match &rows.groups()[0] {
        Group::Many(blocks) => blocks.parts.len(),
        Group::One(_) => 1,
    };
    let full = 2_000 * 8 / BLOCK_BYTES;
    assert!((full..full * 3 / 2).contains(&blocks(&up)), "{} blocks, {full} full ones", blocks(&up));
    assert!((full..full * 3).contains(&blocks(&down)), "{} blocks, {full} full ones", blocks(&down));
    (0..2_000u32).filter(|i| i % 100 != 0).for_each(|i| _ = up.add(0, &i.to_be_bytes(), -1).expect("it is there"));
    assert!(blocks(&up) <= 3, "{} blocks for 20 rows", blocks(&up));
    assert_sound(&up);
}

#[test]
fn what_is_not_there_cannot_be_taken_out_and_weights_do_not_overflow() {
    let mut rows = OrderedRows::default();
    assert_eq!(rows.add(3, b"", 2).expect("a row without bytes"), 2);
    assert_eq!(rows.add(3, b"a", 0).expect("nothing"), 0);
    for (group, row, weight) in [(3, &b"a"[..], -1), (3, b"", -3), (0, b"", -1), (9, b"", -1), (3, b"", i64::MAX)] {
        assert_eq!(rows.add(group, row, weight).expect_err("I5").kind, ErrorKind::Data);
    }
    assert_eq!(rows.iter(3).collect::<Vec<_>>(), [(&b""[..], 2)]);
    assert!(rows.is_empty(0) && rows.is_empty(9) && rows.ranked(9, false).is_empty());
}
