//! Rows that were killed and that readers of earlier epochs may still see.
//!
//! A reader that stays long lets many of them wait. A row that is moved meanwhile is found by its epoch and then by a
//! hash, so that closing up a chunk costs what the chunk holds, not what waits.

use std::collections::{HashSet, VecDeque};

use super::rows::RowId;

/// Killed rows by the epoch of their death, oldest first.
#[derive(Debug, Default)]
pub(super) struct Dying {
    epochs: VecDeque<Epoch>,
    /// Rows killed since this was last asked.
    killed: usize,
}

#[derive(Debug)]
struct Epoch {
    number: u32,
    /// All of its rows, or those that are not in `by_id`.
    rows: Vec<RowId>,
    /// Filled when the first of them is moved.
    by_id: HashSet<RowId>,
}

impl Dying {
    /// Epochs never go back.
    pub fn push(&mut self, epoch: u32, row: RowId) {
        self.killed += 1;
        match self.epochs.back_mut() {
            Some(last) if last.number == epoch => last.rows.push(row),
            _ => self.epochs.push_back(Epoch { number: epoch, rows: vec![row], by_id: HashSet::new() }),
        }
    }

    /// Rows killed since the last call.
    pub fn take_killed(&mut self) -> usize {
        std::mem::take(&mut self.killed)
    }

    /// Takes at most `limit` rows that died at or before `oldest`.
    pub fn take(&mut self, oldest: u32, limit: usize) -> Vec<RowId> {
        let mut taken = vec![];
        while taken.len() < limit
            && let Some(first) = self.epochs.front_mut().filter(|epoch| epoch.number <= oldest)
        {
            if !first.by_id.is_empty() {
                first.rows.extend(std::mem::take(&mut first.by_id));
                // The order of a hash table is not the same in every process.
                first.rows.sort_unstable();
            }
            let kept = first.rows.len().saturating_sub(limit - taken.len());
            taken.extend(first.rows.drain(kept..));
            if first.rows.is_empty() {
                self.epochs.pop_front();
            }
        }
        taken
    }

    /// A row that died in `epoch` lies somewhere else now, where no other row is.
    pub fn moved(&mut self, epoch: u32, old: RowId, new: RowId) {
        if let Ok(at) = self.epochs.binary_search_by_key(&epoch, |epoch| epoch.number) {
            let Epoch { rows, by_id, .. } = &mut self.epochs[at];
            by_id.extend(rows.drain(..));
            by_id.remove(&old);
            by_id.insert(new);
        }
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        let epoch = |epoch: &Epoch| {
            epoch.rows.capacity() * size_of::<RowId>() + epoch.by_id.capacity() * size_of::<(RowId, u8)>()
        };
        self.epochs.iter().map(epoch).sum::<usize>() + self.epochs.capacity() * size_of::<Epoch>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(rows: &[u32]) -> Vec<RowId> {
        rows.iter().map(|&row| RowId(row)).collect()
    }

    #[test]
    fn rows_leave_by_epoch_and_where_they_lie_now() {
        let mut dying = Dying::default();
        for (epoch, row) in [(1, 10), (1, 11), (1, 12), (3, 20), (3, 21)] {
            dying.push(epoch, RowId(row));
        }
        assert_eq!((dying.take_killed(), dying.take_killed()), (5, 0));
        // A row goes to where another one was before.
        dying.moved(1, RowId(11), RowId(30));
        dying.moved(1, RowId(12), RowId(11));
        dying.moved(3, RowId(21), RowId(12));
        assert!(dying.take(0, 100).is_empty());
        assert_eq!(dying.take(2, 2), ids(&[11, 30]));
        assert_eq!(dying.take(2, 2), ids(&[10]));
        assert_eq!(dying.take(9, 100), ids(&[12, 20]));
        assert!(dying.epochs.is_empty());
    }
}
