//! Keys to dense numbers: the groups of an aggregate.

use super::codec::EncodedRows;
use super::index::HashIndex;
use super::key::Key;
use super::slot::hash_key;

/// Keys whose memory is loaded ahead of their use.
const WARM_KEYS: usize = 256;

/// Gives each key a number, reuses the numbers of keys that are gone.
#[derive(Debug)]
pub struct KeyTable {
    index: HashIndex,
    keys: Vec<Key>,
    free: Vec<u32>,
    /// Bytes of the long keys.
    key_bytes: usize,
}

impl Default for KeyTable {
    fn default() -> Self {
        KeyTable { index: HashIndex::new(), keys: vec![], free: vec![], key_bytes: 0 }
    }
}

impl KeyTable {
    /// The number of a key, which is added if it is not there.
    pub fn number(&mut self, hash: u64, key: &[u8]) -> u32 {
        if let Some(number) = self.index.find(hash, |n| self.keys[n as usize].bytes() == key) {
            return number;
        }
        let key = Key::new(key);
        self.key_bytes += key.size();
        let number = match self.free.pop() {
            Some(number) => {
                self.keys[number as usize] = key;
                number
            }
            None => {
                self.keys.push(key);
                (self.keys.len() - 1) as u32
            }
        };
        self.index.insert(hash, number);
        number
    }

    /// The number of each of these keys; those that are not there are added.
    pub fn numbers(&mut self, keys: &EncodedRows) -> Vec<u32> {
        let hashes: Vec<u64> = (0..keys.len()).map(|i| hash_key(keys.bytes(i))).collect();
        let mut numbers = Vec::with_capacity(keys.len());
        for part in hashes.chunks(WARM_KEYS) {
            std::hint::black_box(self.warm(part));
            for &hash in part {
                let key = keys.bytes(numbers.len());
                numbers.push(self.number(hash, key));
            }
        }
        numbers
    }

    /// Loads what `number` will touch for these hashes: the misses overlap here and are hits afterwards.
    fn warm(&self, hashes: &[u64]) -> u8 {
        hashes.iter().fold(0, |sum, &hash| {
            let number = self.index.find(hash, |_| true);
            sum ^ number.and_then(|n| self.keys[n as usize].bytes().first().copied()).unwrap_or(0)
        })
    }

    pub fn key(&self, number: u32) -> &[u8] {
        self.keys[number as usize].bytes()
    }

    pub fn remove(&mut self, number: u32) {
        let key = std::mem::replace(&mut self.keys[number as usize], Key::new(&[]));
        self.key_bytes -= key.size();
        self.index.remove(hash_key(key.bytes()), number);
        self.free.push(number);
    }

    /// Numbers ever given: the length of arrays indexed by number.
    pub fn capacity(&self) -> usize {
        self.keys.len()
    }
    pub fn len(&self) -> usize {
        self.keys.len() - self.free.len()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    pub fn size(&self) -> usize {
        self.index.size() + self.keys.capacity() * size_of::<Key>() + self.key_bytes
    }
}
