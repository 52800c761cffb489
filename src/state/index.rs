//! Hash indexes over the rows of an arrangement: by identity (entry to row), and by further keys (entry to posting list).
//!
//! A table a slot: a table doubles alone, so that no growth holds readers up for long.

use hashbrown::HashTable;

use super::key::Key;
use super::row_list::RowList;
use super::rows::RowId;
use super::slot::{SLOTS, short, slot, spread, widen};

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    /// Row id or group number.
    value: u32,
}

/// Hash to value, several values a hash; the caller compares keys.
#[derive(Debug)]
pub(super) struct HashIndex {
    slots: Vec<HashTable<Entry>>,
}

impl HashIndex {
    pub fn new() -> Self {
        HashIndex { slots: (0..SLOTS).map(|_| HashTable::new()).collect() }
    }

    /// The first value with this hash that `found` accepts.
    pub fn find(&self, hash: u64, mut found: impl FnMut(u32) -> bool) -> Option<u32> {
        let key = short(hash);
        self.slots[slot(hash)].find(spread(key), |e| e.hash == key && found(e.value)).map(|e| e.value)
    }

    pub fn insert(&mut self, hash: u64, value: u32) {
        let entry = Entry { hash: short(hash), value };
        self.slots[slot(hash)].insert_unique(spread(entry.hash), entry, |e| spread(e.hash));
    }

    /// Takes out an entry by its value and the hash that it was inserted with.
    pub fn remove(&mut self, hash: u64, value: u32) {
        let table = &mut self.slots[slot(hash)];
        if let Ok(entry) = table.find_entry(spread(short(hash)), |e| e.value == value) {
            entry.remove();
        }
    }

    /// Gives an entry another value.
    pub fn replace(&mut self, hash: u64, old: u32, new: u32) {
        if let Some(entry) = self.slots[slot(hash)].find_mut(spread(short(hash)), |e| e.value == old) {
            entry.value = new;
        }
    }

    /// All values, slot by slot.
    pub fn values(&self, slot: usize) -> impl Iterator<Item = u32> + '_ {
        self.slots[slot].iter().map(|e| e.value)
    }

    pub fn size(&self) -> usize {
        let tables: usize = self.slots.iter().map(HashTable::allocation_size).sum();
        tables + self.slots.len() * size_of::<HashTable<Entry>>()
    }
}

/// The rows of one key.
#[derive(Debug, Default)]
struct Group {
    hash: u32,
    key: Key,
    rows: RowList,
}

impl Group {
    /// Bytes that it holds beside its own.
    fn size(&self) -> usize {
        self.key.size() + self.rows.size()
    }
}

/// Posting lists: the rows of each key. A row knows its group and its position there, so leaving costs the same however
/// long the list is.
#[derive(Debug)]
pub(super) struct PostingLists {
    index: HashIndex,
    groups: Vec<Group>,
    free: Vec<u32>,
    /// Bytes of long keys, and of long lists with their free space; kept up to date because counting them would walk all
    /// groups.
    bytes: usize,
}

impl PostingLists {
    pub fn new() -> Self {
        PostingLists { index: HashIndex::new(), groups: vec![], free: vec![], bytes: 0 }
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.index.find(hash, |group| self.groups[group as usize].key.bytes() == key)
    }

    /// Loads what finding the keys with these hashes will touch: one kind of memory after the other, so that the misses
    /// of each kind overlap. Gives at most `most` rows of each list, from its end on.
    pub fn warm(&self, hashes: impl Iterator<Item = u64>, most: usize) -> Vec<RowId> {
        let numbers: Vec<u32> = hashes.filter_map(|hash| self.index.find(hash, |_| true)).collect();
        let groups = || numbers.iter().map(|&n| &self.groups[n as usize]);
        std::hint::black_box(groups().fold(0, |sum, group| sum ^ group.key.bytes().first().copied().unwrap_or(0)));
        groups().flat_map(|group| group.rows.rows().iter().rev().take(most).copied()).collect()
    }

    /// The last row of a list, which takes the place of one that is taken out.
    pub fn last(&self, group: u32) -> Option<RowId> {
        self.groups[group as usize].rows.rows().last().copied()
    }

    /// The rows of a key.
    pub fn rows(&self, hash: u64, key: &[u8]) -> &[RowId] {
        self.find(hash, key).map_or(&[], |group| self.groups[group as usize].rows.rows())
    }

    /// Adds a row to its key's list: (group, position).
    pub fn add(&mut self, hash: u64, key: &[u8], row: RowId) -> (u32, u32) {
        let number = match self.find(hash, key) {
            Some(group) => group,
            None => {
                let group = Group { hash: short(hash), key: Key::new(key), rows: RowList::default() };
                self.bytes += group.size();
                let number = match self.free.pop() {
                    Some(number) => {
                        self.groups[number as usize] = group;
                        number
                    }
                    None => {
                        self.groups.push(group);
                        (self.groups.len() - 1) as u32
                    }
                };
                self.index.insert(hash, number);
                number
            }
        };
        (number, self.push(number, row))
    }

    /// Adds a row to a list that is known: its position.
    pub fn push(&mut self, group: u32, row: RowId) -> u32 {
        let group = &mut self.groups[group as usize];
        self.bytes -= group.size();
        group.rows.push(row);
        self.bytes += group.size();
        group.rows.rows().len() as u32 - 1
    }

    /// Takes a row out. Returns the row that took its position, if any: its link must be told.
    pub fn remove(&mut self, number: u32, position: u32) -> Option<RowId> {
        let group = &mut self.groups[number as usize];
        self.bytes -= group.size();
        let moved = group.rows.take_out(position as usize);
        if group.rows.rows().is_empty() {
            self.index.remove(widen(group.hash), number);
            *group = Group::default();
            self.free.push(number);
        }
        self.bytes += group.size();
        moved
    }

    /// A row has a new id.
    pub fn replace(&mut self, group: u32, position: u32, row: RowId) {
        self.groups[group as usize].rows.replace(position as usize, row);
    }

    pub fn size(&self) -> usize {
        self.index.size() + self.bytes + self.groups.capacity() * size_of::<Group>()
    }
}
