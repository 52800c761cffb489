//! Events of a script on their way into the engine, cut into epochs as the schedule says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::Int64Type;

use super::runner::Schedule;
use crate::changes::Changes;
use crate::error::Result;

/// One event: a row with `Table::event_schema`; weight -1 takes it out again.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub table: Arc<str>,
    pub row: RecordBatch,
    pub weight: i64,
}

/// Rows that a random epoch has at most.
const RANDOM_EPOCH_ROWS_MAX: usize = 8;

/// The events in the order and in the epochs of a schedule. `in_order`: tables of which the events of a partition come
/// in the order of their offsets.
pub(super) fn cut(
    mut events: Vec<Event>,
    in_order: &BTreeSet<Arc<str>>,
    schedule: Schedule,
    random: &mut fastrand::Rng,
) -> Vec<Vec<Event>> {
    if events.is_empty() {
        return vec![];
    }
    match schedule {
        Schedule::Together | Schedule::Restart => vec![events],
        Schedule::RowAnEpoch => events.into_iter().map(|event| vec![event]).collect(),
        Schedule::Random(_) | Schedule::Shards(_) => {
            // What is never taken out may arrive in any order: events carry what decides between them.
            if events.iter().all(|event| event.weight > 0) {
                random.shuffle(&mut events);
                restore_order(&mut events, in_order);
            }
            let mut epochs = vec![];
            while !events.is_empty() {
                let rest = events.split_off(random.usize(1..=RANDOM_EPOCH_ROWS_MAX).min(events.len()));
                epochs.push(std::mem::replace(&mut events, rest));
            }
            epochs
        }
    }
}

/// Puts the events of these tables in the order of their offsets, in the places that they have together.
fn restore_order(events: &mut [Event], tables: &BTreeSet<Arc<str>>) {
    let offset = |event: &Event| {
        let offsets = event.row.column_by_name("_offset")?.as_primitive_opt::<Int64Type>()?;
        Some(offsets.value(0))
    };
    for table in tables {
        let places: Vec<usize> = (0..events.len()).filter(|&i| events[i].table == *table).collect();
        let mut sorted: Vec<Event> = places.iter().map(|&i| events[i].clone()).collect();
        sorted.sort_by_key(offset);
        places.into_iter().zip(sorted).for_each(|(place, event)| events[place] = event);
    }
}

/// The changes of each table in one epoch.
pub(super) fn changes(events: &[Event]) -> Result<BTreeMap<Arc<str>, Changes>> {
    let mut tables: BTreeMap<Arc<str>, Vec<&Event>> = BTreeMap::new();
    for event in events {
        tables.entry(event.table.clone()).or_default().push(event);
    }
    let changes = |(table, events): (Arc<str>, Vec<&Event>)| {
        let rows = concat_batches(&events[0].row.schema(), events.iter().map(|event| &event.row))?;
        let weights = events.iter().map(|event| event.weight).collect();
        Ok((table, Changes::new(rows, weights)))
    };
    tables.into_iter().map(changes).collect()
}
