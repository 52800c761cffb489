//! What a checkpoint writes of an aggregate whose state is totals alone: the words of the groups that were touched.
//!
//! A row is the group columns and `_words`: the hidden count, then the totals, 16 bytes each, little endian. A group
//! that is gone has zeros.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::aggregate::Aggregate;
use crate::changes::Changes;
use crate::error::{Error, Result};

const WORD_BYTES: usize = size_of::<i128>();

/// Groups that were touched since the last checkpoint.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    numbers: Vec<u32>,
    /// Whether a number is in `numbers`.
    noted: Vec<bool>,
    /// Keys of groups that went; a later group may have the number.
    gone: Vec<Box<[u8]>>,
}

impl Unsaved {
    /// Notes a touched group. `gone`: its key, if it is gone.
    pub fn note(&mut self, number: u32, gone: Option<&[u8]>) {
        self.gone.extend(gone.map(Box::from));
        let at = number as usize;
        if self.noted.len() <= at {
            self.noted.resize(at + 1, false);
        }
        if !std::mem::replace(&mut self.noted[at], true) {
            self.numbers.push(number);
        }
    }
}

impl Aggregate {
    /// See `Operator::changed_totals`.
    pub(super) fn unsaved_totals(&mut self) -> Result<Option<RecordBatch>> {
        let Some(unsaved) = self.unsaved.replace(Unsaved::default()) else { return Ok(None) };
        // Those that went first: a key may have come back.
        let lives = |number: &&u32| self.words_of(**number)[0] > 0 || self.global.is_some();
        let live: Vec<u32> = unsaved.numbers.iter().filter(lives).copied().collect();
        if live.is_empty() && unsaved.gone.is_empty() {
            return Ok(None);
        }
        let keys: Vec<&[u8]> =
            unsaved.gone.iter().map(AsRef::as_ref).chain(live.iter().map(|&number| self.keys.key(number))).collect();
        let groups = self.key_codec.decode(keys.into_iter())?;
        let mut bytes = vec![0u8; unsaved.gone.len() * self.stride * WORD_BYTES];
        for &number in &live {
            self.words_of(number).iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        }
        let width = i32::try_from(self.stride * WORD_BYTES).map_err(|_| Error::internal("too many totals"))?;
        let words: ArrayRef = Arc::new(FixedSizeBinaryArray::try_new(width, bytes.into(), None)?);
        let mut fields: Vec<Field> = groups.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.push(Field::new("_words", DataType::FixedSizeBinary(width), false));
        let mut columns = groups.columns().to_vec();
        columns.push(words);
        Ok(Some(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?))
    }

    /// See `Operator::set_totals`.
    pub(super) fn set_words(&mut self, epoch: u32, totals: &RecordBatch) -> Result<Changes> {
        let words = totals.columns().last().and_then(|column| column.as_fixed_size_binary_opt());
        let words = words.filter(|words| words.value_length() as usize == self.stride * WORD_BYTES);
        let words = words.ok_or_else(|| Error::data("totals of another form than the functions have"))?.clone();
        let started = self.global != Some(false);
        let (numbers, touched) = self.groups(epoch, totals)?;
        let before = self.pictures(&touched);
        for (i, &number) in numbers.iter().enumerate() {
            let at = number as usize * self.stride;
            for (word, bytes) in self.words[at..].iter_mut().zip(words.value(i).chunks_exact(WORD_BYTES)) {
                *word = i128::from_le_bytes(bytes.try_into().unwrap_or_default());
            }
        }
        let after = self.pictures(&touched);
        self.give(&touched, (&before, &after), started)
    }
}
